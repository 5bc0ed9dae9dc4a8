// SPDX-License-Identifier: MIT OR Apache-2.0
//! Neighbour discovery on IEEE 802.15.4.

use super::*;

/// RFC 6775 §10.2: a host comes up; RFC 8505 §5.6: it registers with its link-local address.
#[test]
fn a_lowpan_host_finds_a_router_and_registers() {
    let mut nodes = [Node::lowpan(1, Role::BorderRouter), Node::lowpan(2, Role::Host)];
    let router = nodes[0].engine.link_local();
    add(&mut nodes[0], "fd00::1");
    nodes[0].engine.set_authority(ip("fd00::1"), 1);
    nodes[0].engine.advertise_prefix(Instant(0), ip("fd00::"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    nodes[0].engine.advertise_context(Instant(0), 0, ip("fd00::"), 64, true, Instant(600_000_000)).unwrap();
    nodes[1].does(0, |engine, cx| engine.solicit_routers(cx));
    run(&mut nodes, 0, 5000);
    let address = ip("fd00::2");
    let events = nodes[1].took();
    for event in [Seen::RouterFound(router), Seen::Ready(address), Seen::Context(0, true, true)] {
        assert_eq!(events.iter().filter(|seen| **seen == event).count(), 1, "{events:?}");
    }
    assert!(nodes[0].took().contains(&Seen::Registered(address)));
    assert_eq!(nodes[0].engine.registered(), 1);
    assert!(nodes[0].engine.neighbours.is_registered(&address));
    // Both ways by the global addresses.
    nodes[0].ping(5000, address, 1).unwrap();
    settle(&mut nodes, 5000);
    assert_eq!(nodes[0].took(), [Seen::Reply(address, 1, b"abcdefgh".to_vec())]);
    nodes[1].ping(5000, ip("fd00::1"), 2).unwrap();
    settle(&mut nodes, 5000);
    assert_eq!(nodes[1].took(), [Seen::Reply(ip("fd00::1"), 2, b"abcdefgh".to_vec())]);
    // It is renewed before it ends.
    run(&mut nodes, 5000, 3 * 3_600_000);
    assert!(nodes[0].engine.neighbours.is_registered(&address));
    assert!(nodes[0].took().is_empty() && nodes[1].took().is_empty());
    // The host falls silent: the registration ends.
    let mut router = [nodes.into_iter().next().unwrap()];
    run(&mut router, 3 * 3_600_000, 5 * 3_600_000);
    assert_eq!(router[0].took(), [Seen::Deregistered(address)]);
    assert_eq!(router[0].engine.registered(), 0);
}

#[cfg(feature = "border-routers")]
type Advertised = (Option<(Ip, u32)>, Vec<Ip>, Vec<u8>);

/// The prefixes, contexts and border routers that the advertisements in the outbox tell, each apart.
#[cfg(feature = "border-routers")]
fn advertised(node: &mut Node) -> Vec<Advertised> {
    let mut all = Vec::new();
    for (_, bytes) in core::mem::take(&mut node.out.packets) {
        let (header, payload) = Header::parse(&bytes).unwrap();
        let message = Icmpv6::parse(&header.source, &header.destination, payload).unwrap();
        if message.kind != kind::ROUTER_ADVERTISEMENT {
            continue;
        }
        let (_, options) = RouterAdvertisement::parse(message.body).unwrap();
        let mut one = (None, Vec::new(), Vec::new());
        for option in options {
            match option.unwrap() {
                NdOption::Authoritative(border) => one.0 = Some((border.border_router, border.version)),
                NdOption::Prefix(prefix) => one.1.push(prefix.prefix),
                NdOption::Context(context) => one.2.push(context.id),
                _ => {}
            }
        }
        all.push(one);
    }
    all
}

/// RFC 6775 §6.3, §8.1.3 to §8.1.5: what border routers told is kept and passed on apart.
#[cfg(feature = "border-routers")]
#[test]
fn a_router_keeps_what_several_border_routers_tell_apart() {
    let mut borders = [1, 2, 3].map(|number| Node::lowpan(number, Role::BorderRouter));
    let names = ["fd00:1::1", "fd00:2::2", "fd00:3::3"].map(ip);
    let prefixes = ["fd00:1::", "fd00:2::", "fd00:3::"].map(ip);
    let common = ip("fd00:9::");
    for (index, node) in borders.iter_mut().enumerate() {
        let (name, prefix) = (names[index], prefixes[index]);
        node.engine.add_address(Instant(0), name, 64, Instant::NEVER, Instant::NEVER).unwrap();
        node.engine.set_authority(name, 10 * index as u32);
        node.engine.advertise_prefix(Instant(0), prefix, 64, Instant::NEVER, Instant::NEVER).unwrap();
        node.engine.advertise_prefix(Instant(0), common, 64, Instant::NEVER, Instant::NEVER).unwrap();
        let until = Instant(3_000_000_000);
        node.engine.advertise_context(Instant(0), 1, common, 64, true, until).unwrap();
        node.engine.advertise_context(Instant(0), 2 + index as u8, prefix, 64, true, until).unwrap();
        node.poll(0);
    }
    let config = config(eui64(9), Medium::Ieee802154, Role::Router);
    let mut router =
        Node::with(Config { border_routers: 2, prefixes: 4, contexts: 4, addresses: 6, ..config });
    let tell = |node: &mut Node, router: &mut Node, now: u64| {
        let solicitation = {
            let mut body = vec![0; 4 + 16];
            nd::put_link_layer_address(false, &eui64(9), &mut Writer::new(&mut body[4..])).unwrap();
            let own = node.engine.link_local();
            let from = eui64(9).link_local();
            packet(from, own, 58, 255, &icmp(from, own, kind::ROUTER_SOLICITATION, 0, &body))
        };
        node.receive(now, eui64(9), false, &solicitation);
        for (_, advertisement) in core::mem::take(&mut node.out.packets) {
            router.receive(now, node.link, false, &advertisement);
        }
        router.poll(now);
        router.out.packets.clear();
    };
    let ask = |router: &mut Node, now: u64| {
        let mut body = vec![0; 4 + 16];
        nd::put_link_layer_address(false, &eui64(7), &mut Writer::new(&mut body[4..])).unwrap();
        let (own, from) = (router.engine.link_local(), eui64(7).link_local());
        let message = icmp(from, own, kind::ROUTER_SOLICITATION, 0, &body);
        router.receive(now, eui64(7), false, &packet(from, own, 58, 255, &message));
        advertised(router)
    };
    for node in &mut borders {
        tell(node, &mut router, 0);
    }
    // There was no room for the third.
    let first = (Some((names[0], 4)), vec![prefixes[0], common], vec![1, 2]);
    let second = (Some((names[1], 14)), vec![prefixes[1], common], vec![1, 3]);
    assert_eq!(ask(&mut router, 0), [first.clone(), second.clone()]);
    assert!(router.took().contains(&Seen::Context(3, true, true)));
    // An older version of one is not taken, whatever the version of the other.
    let later = 60_000;
    borders[0].engine.set_authority(names[0], 3);
    tell(&mut borders[0], &mut router, later);
    assert_eq!(ask(&mut router, later)[0].0, Some((names[0], 4)));
    borders[0].engine.set_authority(names[0], 5);
    tell(&mut borders[0], &mut router, later);
    assert_eq!(ask(&mut router, later)[0].0, Some((names[0], 5)));
    // The second is heard no more: when its information ends, all of it goes, and nothing of the
    // first's; the context that both have stays.
    let end = 10_000 * 60_000;
    router.took();
    router.poll(end);
    let seen = router.took();
    assert!(seen.contains(&Seen::Context(3, false, false)) && seen.contains(&Seen::Context(1, true, true)));
    assert!(!seen.contains(&Seen::Context(1, false, false)));
    assert_eq!(ask(&mut router, end), [(Some((names[0], 5)), vec![prefixes[0], common], vec![1, 2])]);
    // Now there is room for the third.
    tell(&mut borders[2], &mut router, end);
    assert_eq!(ask(&mut router, end)[1].0, Some((names[2], 24)));
    assert_eq!(router.engine.border_router_of(&ip("fd00:3::77")).unwrap().ip, names[2]);
    assert_eq!(router.engine.border_router_of(&ip("fd00:1::77")).unwrap().ip, names[0]);
}

/// Registers an address at once, and says with what status that ended; 255 when there was no answer.
pub(super) fn register(node: &mut Node, rovr: u8, address: Ip, tid: Option<u8>, lifetime: u16) -> u8 {
    let source = match tid {
        Some(_) => eui64(rovr).link_local(),
        None => address,
    };
    let mut body = vec![0; 64];
    let mut out = Writer::new(&mut body);
    let own = node.engine.link_local();
    Neighbor { flags: 0, target: if tid.is_some() { address } else { own } }.emit(&mut out).unwrap();
    nd::put_link_layer_address(false, &eui64(rovr), &mut out).unwrap();
    let rovr_bytes = eui64(rovr).bytes().0;
    NdOption::Registration(Registration {
        status: 0,
        opaque: 0,
        reachability: true,
        tid,
        lifetime,
        rovr: &rovr_bytes,
    })
    .emit(&mut out)
    .unwrap();
    let length = out.position();
    body.truncate(length);
    let message = icmp(source, own, kind::NEIGHBOR_SOLICITATION, 0, &body);
    node.receive(0, eui64(rovr), false, &packet(source, own, 58, 255, &message));
    let answer = node.out.packets.iter().position(|(to, _)| *to == LinkDestination::Unicast(eui64(rovr)));
    let Some(answer) = answer else { return 0xff };
    let (to, bytes) = node.out.packets.remove(answer);
    let (header, payload) = Header::parse(&bytes).unwrap();
    let message = Icmpv6::parse(&header.source, &header.destination, payload).unwrap();
    let (_, mut options) = Neighbor::parse(message.body).unwrap();
    let Some(Ok(NdOption::Registration(answer))) = options.next() else { panic!() };
    if answer.status != 0 {
        // RFC 6775 §6.5.2.
        assert_eq!(header.destination, eui64(rovr).link_local());
    }
    assert_eq!(to, LinkDestination::Unicast(eui64(rovr)));
    answer.status
}

#[test]
fn registrations_end_with_the_status_of_the_standards() {
    let config = Config { neighbours: 2, registry: 8, ..config(eui64(1), Medium::Ieee802154, Role::Router) };
    let mut node = Node::with(config);
    add(&mut node, "fd00::1");
    assert_eq!(register(&mut node, 2, ip("fd00::aa"), None, 10), 0, "RFC 6775");
    assert_eq!(register(&mut node, 3, ip("fd00::aa"), None, 10), 1, "duplicate");
    assert_eq!(register(&mut node, 3, ip("fd00::1"), Some(240), 10), 1, "the router's own");
    assert_eq!(register(&mut node, 3, ip("fd00::bb"), Some(240), 10), 0, "RFC 8505");
    assert_eq!(register(&mut node, 3, ip("fd00::bb"), Some(239), 10), 3, "moved");
    assert_eq!(register(&mut node, 4, ip("fd00::cc"), Some(240), 10), 2, "cache full");
    assert_eq!(register(&mut node, 3, ip("fd00::bb"), Some(241), 10), 0, "those in stay in");
    assert_eq!(register(&mut node, 3, ip("fd00::bb"), Some(242), 0), 0, "ended");
    assert_eq!(register(&mut node, 4, ip("fd00::cc"), Some(240), 10), 0, "room again");
    let expected = [
        Seen::Registered(ip("fd00::aa")),
        Seen::Registered(ip("fd00::bb")),
        Seen::Deregistered(ip("fd00::bb")),
        Seen::Registered(ip("fd00::cc")),
    ];
    assert_eq!(node.took(), expected);
}

#[test]
fn a_border_router_with_a_full_registry_says_so() {
    let config = Config { registry: 1, ..config(eui64(1), Medium::Ieee802154, Role::BorderRouter) };
    let mut node = Node::with(config);
    assert_eq!(register(&mut node, 2, ip("fd00::aa"), Some(240), 10), 0);
    assert_eq!(register(&mut node, 3, ip("fd00::bb"), Some(240), 10), 9, "registry saturated");
    assert_eq!(register(&mut node, 3, ip("fe80::bb"), Some(240), 10), 0, "link-local ones are not kept");
}

/// RFC 6775 §8.2: the router asks the border router before it answers the host.
#[test]
fn multihop_duplicate_address_detection() {
    let root = Node::lowpan(1, Role::BorderRouter);
    let router = |number| {
        Node::with(Config { multihop_dad: true, ..config(eui64(number), Medium::Ieee802154, Role::Router) })
    };
    let mut nodes = [root, router(2), router(3), Node::lowpan(4, Role::Host), Node::lowpan(5, Role::Host)];
    add(&mut nodes[0], "fd00::1");
    add(&mut nodes[1], "fd00::2");
    add(&mut nodes[2], "fd00::3");
    nodes[0].engine.set_authority(ip("fd00::1"), 1);
    nodes[0].engine.advertise_prefix(Instant(0), ip("fd00::"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    let route = |to: &str| (ip(to), Ok(Route::on_link(ip(to), LinkAddress::None)));
    nodes[0].routing =
        Box::new(Fixed { routes: vec![route("fd00::2"), route("fd00::3")], ..Fixed::default() });
    for node in &mut nodes[1..3] {
        node.routing = Box::new(Fixed { routes: vec![route("fd00::1")], ..Fixed::default() });
        // The routers learn the border router from its advertisement.
        node.does(0, |engine, cx| engine.solicit_routers(cx));
    }
    run(&mut nodes[..3], 0, 3000);
    assert_eq!(nodes[1].engine.border_routers().next().unwrap().ip, ip("fd00::1"));
    for node in &mut nodes {
        node.took();
    }
    // The same address through two routers.
    assert_eq!(register_later(&mut nodes, 1, 4, ip("fd00::aa")), Some(0));
    assert_eq!(register_later(&mut nodes, 2, 5, ip("fd00::aa")), Some(1));
    assert_eq!(register_later(&mut nodes, 2, 5, ip("fd00::bb")), Some(0));
    assert_eq!(nodes[0].engine.registered(), 2);
    assert_eq!(nodes[1].took(), [Seen::Registered(ip("fd00::aa"))]);
    assert_eq!(nodes[2].took(), [Seen::Registered(ip("fd00::bb"))]);
    // RFC 8505 §5.7: renewals and ends are answered at once, and reported.
    for (tid, lifetime) in [(241, 10), (242, 0)] {
        assert_eq!(register(&mut nodes[1], 4, ip("fd00::aa"), Some(tid), lifetime), 0);
        let (_, report) = nodes[1].out.packets.pop().unwrap();
        assert_eq!(report[40], kind::DUPLICATE_ADDRESS_REQUEST);
        let from = nodes[1].link;
        nodes[0].receive(0, from, false, &report);
    }
    // The border router keeps what has ended for a little, lest it be somebody else's at once.
    assert_eq!(nodes[0].engine.registered(), 2);
    nodes[0].poll(5000);
    assert_eq!(nodes[0].engine.registered(), 1);
}

/// Registers through a router while the network runs, and says with what status that ended.
fn register_later(nodes: &mut [Node], router: usize, host: u8, address: Ip) -> Option<u8> {
    let status = register(&mut nodes[router], host, address, Some(240), 10);
    assert_eq!(status, 0xff, "no answer yet");
    let mut status = None;
    for _ in 0..10 {
        nodes[router].poll(0);
        for (to, bytes) in core::mem::take(&mut nodes[router].out.packets) {
            if to == LinkDestination::Unicast(eui64(host)) {
                let (header, payload) = Header::parse(&bytes).unwrap();
                let message = Icmpv6::parse(&header.source, &header.destination, payload).unwrap();
                let (_, mut options) = Neighbor::parse(message.body).unwrap();
                let Some(Ok(NdOption::Registration(answer))) = options.next() else { panic!() };
                status = Some(answer.status);
            } else {
                let from = nodes[router].link;
                nodes[0].receive(0, from, false, &bytes);
            }
        }
        for (_, bytes) in core::mem::take(&mut nodes[0].out.packets) {
            let from = nodes[0].link;
            nodes[router].receive(0, from, false, &bytes);
        }
    }
    status
}

#[test]
fn without_a_border_router_that_answers_the_registration_succeeds_in_the_end() {
    let mut node =
        Node::with(Config { multihop_dad: true, ..config(eui64(2), Medium::Ieee802154, Role::Router) });
    add(&mut node, "fd00::2");
    node.engine.set_authority(ip("fd00::1"), 1);
    let to = ip("fd00::1");
    node.routing =
        Box::new(Fixed { routes: vec![(to, Ok(Route::on_link(to, LinkAddress::None)))], ..Fixed::default() });
    assert_eq!(register(&mut node, 4, ip("fd00::aa"), Some(240), 10), 0xff);
    for second in 0..5 {
        node.poll(second * 1000);
    }
    // RFC 6775 §8.2.6: three requests, then success.
    let requests = node.out.packets.iter().filter(|(to, _)| *to == LinkDestination::Unicast(eui64(1)));
    assert_eq!(requests.count(), 3);
    assert_eq!(node.out.packets.len(), 4);
    assert_eq!(node.took(), [Seen::Registered(ip("fd00::aa"))]);
}

#[test]
fn advertisements_and_solicitations_from_beyond_the_link_are_refused() {
    let mut node = Node::lowpan(2, Role::Host);
    let own = node.engine.link_local();
    let router = eui64(1).link_local();
    let mut body = [0; 12];
    let advertisement = RouterAdvertisement { router_lifetime: 60, ..RouterAdvertisement::default() };
    advertisement.emit(&mut Writer::new(&mut body)).unwrap();
    let message = icmp(router, own, kind::ROUTER_ADVERTISEMENT, 0, &body);
    node.receive(0, eui64(1), false, &packet(router, own, 58, 254, &message));
    assert!(node.took().is_empty());
    let global = ip("fd00::1");
    let far = icmp(global, own, kind::ROUTER_ADVERTISEMENT, 0, &body);
    node.receive(0, eui64(1), false, &packet(global, own, 58, 255, &far));
    assert!(node.took().is_empty());
    node.receive(0, eui64(1), false, &packet(router, own, 58, 255, &message));
    assert_eq!(node.took(), [Seen::RouterFound(router)]);
    // The router goes out of service, and the host looks for another.
    node.poll(60_000);
    assert_eq!(node.took(), [Seen::RouterLost]);
    node.out.packets.clear();
    node.poll(62_000);
    assert_eq!(node.out.packets.len(), 1, "a router solicitation");
}

#[test]
fn addresses_end_with_their_prefix() {
    let mut node = Node::lowpan(2, Role::Router);
    node.engine.add_address(Instant(0), ip("fd00::2"), 64, Instant(5000), Instant(4000)).unwrap();
    assert_eq!(
        node.engine.add_address(Instant(0), ip("ff02::2"), 64, Instant(1), Instant(1)),
        Err(Error::Invalid)
    );
    node.poll(0);
    assert_eq!(node.took(), [Seen::Ready(ip("fd00::2"))]);
    node.poll(4999);
    assert!(node.took().is_empty());
    node.poll(5000);
    assert_eq!(node.took(), [Seen::Lost(ip("fd00::2"))]);
}
