// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registrations as hosts make, renew and end them, and what they take on a router (RFC 6775 §5.5, RFC 8505 §5.6, §5.7).

use super::discovery::register;
use super::nd::{PrefixInformation, capability};
use super::rules::advertisement;
use super::*;

/// What a registration asked for: the address, the transaction ID, the lifetime.
type Asked = (Ip, u8, u16);

/// The registrations in the outbox of a host.
pub(super) fn registrations(host: &mut Node) -> Vec<Asked> {
    let mut all = Vec::new();
    for (to, bytes) in core::mem::take(&mut host.out.packets) {
        assert_eq!((to, bytes[40]), (LinkDestination::Unicast(eui64(1)), kind::NEIGHBOR_SOLICITATION));
        let (header, payload) = Header::parse(&bytes).unwrap();
        let message = Icmpv6::parse(&header.source, &header.destination, payload).unwrap();
        let (neighbor, options) = Neighbor::parse(message.body).unwrap();
        assert_eq!(header.source, host.engine.link_local());
        let options: Vec<_> = options.map(|option| option.unwrap()).collect();
        let [NdOption::SourceLinkLayer(_), NdOption::Registration(registration)] = options[..] else {
            panic!()
        };
        assert!(registration.reachability && registration.status == 0);
        assert_eq!(registration.rovr, host.link.bytes().0);
        all.push((neighbor.target, registration.tid.unwrap(), registration.lifetime));
    }
    all
}

/// Router 1 answers a registration of host 2.
pub(super) fn answer(host: &mut Node, now: u64, asked: Asked, status: u8) {
    let (router, own) = (eui64(1).link_local(), host.engine.link_local());
    let mut body = [0; 40];
    let mut out = Writer::new(&mut body);
    Neighbor { flags: Neighbor::ROUTER | Neighbor::SOLICITED, target: asked.0 }.emit(&mut out).unwrap();
    let rovr = host.link.bytes().0;
    NdOption::Registration(Registration {
        status,
        opaque: 0,
        reachability: true,
        tid: Some(asked.1),
        lifetime: asked.2,
        rovr: &rovr,
    })
    .emit(&mut out)
    .unwrap();
    let message = icmp(router, own, kind::NEIGHBOR_ADVERTISEMENT, 0, out.written());
    host.receive(now, eui64(1), false, &packet(router, own, 58, 255, &message));
}

/// An advertisement of router 1, with these prefixes.
fn router_1(prefixes: &[&str]) -> Vec<u8> {
    advertisement(&|out| {
        NdOption::Capability(capability::EARO | capability::ROUTER).emit(out).unwrap();
        for prefix in prefixes {
            let prefix = PrefixInformation {
                prefix_len: 64,
                flags: PrefixInformation::AUTONOMOUS,
                valid_lifetime: u32::MAX,
                preferred_lifetime: u32::MAX,
                prefix: ip(prefix),
            };
            NdOption::Prefix(prefix).emit(out).unwrap();
        }
    })
}

/// RFC 8505 §5.2 and §5.6: the link-local address is the first, the others follow with the same transaction ID,
/// one after the other; and so again, well before the registrations end.
#[test]
fn a_host_registers_its_link_local_address_first_and_renews_all_in_one_go() {
    let mut host = Node::lowpan(2, Role::Host);
    let own = host.engine.link_local();
    let (first, second) = (ip("fd00::2"), ip("fd01::2"));
    host.receive(0, eui64(1), true, &router_1(&["fd00::", "fd01::"]));
    let mut last = 0;
    let renewal = 1000 + 45 * 60_000;
    for now in [0, renewal] {
        host.poll(now);
        // Nothing but the link-local address until that is registered, and it is asked for again.
        let asked = registrations(&mut host);
        let tid = asked[0].1;
        assert_eq!(asked, [(own, tid, 60)], "{now}");
        assert!(tid > last);
        last = tid;
        host.poll(now + 1000);
        assert_eq!(registrations(&mut host), asked);
        answer(&mut host, now + 1000, asked[0], 0);
        for next in [first, second] {
            // That an answer is repeated does no harm.
            answer(&mut host, now + 1000, asked[0], 0);
            host.poll(now + 1000);
            let asked = registrations(&mut host);
            assert_eq!(asked, [(next, tid, 60)], "{now}");
            answer(&mut host, now + 1000, asked[0], 0);
        }
        host.poll(now + 1000);
        assert_eq!(registrations(&mut host), []);
        // The router is asked for fresh information before its 30 minutes end: not what is tested here.
        host.receive(now + 1000, eui64(1), true, &router_1(&[]));
        if now == 0 {
            host.receive(20 * 60_000, eui64(1), true, &router_1(&[]));
            host.poll(renewal - 1);
            host.out.packets.retain(|(_, bytes)| bytes[40] != kind::ROUTER_SOLICITATION);
            assert_eq!(registrations(&mut host), [], "not sooner than it need be");
            host.receive(renewal - 1, eui64(1), true, &router_1(&[]));
        }
    }
    let ready = |ip| host.events.iter().filter(|seen| **seen == Seen::Ready(ip)).count();
    assert_eq!((ready(own), ready(first), ready(second)), (0, 1, 1));
}

/// An address that comes later is registered at once; one that there was no room for in the network is tried again in a
/// minute, as a newer registration.
#[test]
fn an_address_that_comes_later_begins_a_new_round() {
    let mut host = Node::lowpan(2, Role::Host);
    host.receive(0, eui64(1), true, &router_1(&[]));
    host.poll(0);
    let asked = registrations(&mut host);
    answer(&mut host, 0, asked[0], 0);
    host.poll(10);
    assert_eq!(registrations(&mut host), []);
    host.receive(1000, eui64(1), true, &router_1(&["fd00::"]));
    let (own, tid) = (asked[0].0, asked[0].1);
    for (now, tid) in [(1000, tid + 1), (61_000, tid + 2)] {
        host.poll(now - 1);
        assert_eq!(registrations(&mut host), []);
        for (address, status) in [(own, 0), (ip("fd00::2"), 9)] {
            host.poll(now);
            let asked = registrations(&mut host);
            assert_eq!(asked, [(address, tid, 60)]);
            answer(&mut host, now, asked[0], status);
        }
        host.poll(now);
    }
    assert!(!host.events.contains(&Seen::Ready(ip("fd00::2"))));
}

/// A duplicate link-local address registers nothing, and is not a source any more.
#[test]
fn without_its_link_local_address_a_host_registers_nothing() {
    let mut host = Node::lowpan(2, Role::Host);
    let own = host.engine.link_local();
    host.receive(0, eui64(1), true, &router_1(&["fd00::"]));
    host.poll(0);
    let asked = registrations(&mut host);
    answer(&mut host, 0, asked[0], 1);
    host.poll(0);
    assert!(host.took().contains(&Seen::Duplicate(own)));
    assert!(!host.engine.addresses.is_own(&own));
    for now in [1000, 60_000, 600_000] {
        host.poll(now);
        assert_eq!(registrations(&mut host), []);
    }
}

/// RFC 8505 §5.7, RFC 6775 §5.5: an address that is taken away, or whose life ends, is taken off the router.
#[test]
fn a_host_deregisters_what_it_ceases_to_use() {
    let mut nodes = [Node::lowpan(1, Role::BorderRouter), Node::lowpan(2, Role::Host)];
    let until = Instant(1_200_000);
    nodes[0].engine.advertise_prefix(Instant(0), ip("fd00::"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    nodes[0].engine.advertise_prefix(Instant(0), ip("fd01::"), 64, until, until).unwrap();
    nodes[1].does(0, |engine, cx| engine.solicit_routers(cx));
    run(&mut nodes, 0, 5000);
    let (first, second) = (ip("fd00::2"), ip("fd01::2"));
    assert_eq!(nodes[0].took(), [Seen::Registered(first), Seen::Registered(second)]);
    nodes[1].does(5000, |engine, cx| engine.remove_address(cx, &first)).unwrap();
    settle(&mut nodes, 5000);
    assert_eq!(nodes[0].took(), [Seen::Deregistered(first)]);
    assert!(!nodes[0].engine.neighbours.is_registered(&first));
    assert_eq!(nodes[1].does(5000, |engine, cx| engine.remove_address(cx, &first)), Err(Error::NotFound));
    // Long before the registration ends.
    run(&mut nodes, 5000, 1_300_000);
    assert!(nodes[1].took().contains(&Seen::Lost(second)));
    assert!(nodes[0].took().contains(&Seen::Deregistered(second)));
    assert!(!nodes[0].engine.neighbours.is_registered(&second));
}

/// RFC 8505 §5.7: a host that changes over takes itself off the router that it leaves.
#[test]
fn a_host_that_leaves_its_router_deregisters_there_and_registers_anew() {
    let mut nodes = [
        Node::lowpan(1, Role::BorderRouter),
        Node::lowpan(3, Role::BorderRouter),
        Node::lowpan(2, Role::Host),
    ];
    for node in &mut nodes[..2] {
        node.engine.advertise_prefix(Instant(0), ip("fd00::"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    }
    nodes[2].does(0, |engine, cx| engine.solicit_routers(cx));
    run(&mut nodes, 0, 5000);
    let (own, address) = (nodes[2].engine.link_local(), ip("fd00::2"));
    assert_eq!((nodes[0].took(), nodes[1].took()), (vec![Seen::Registered(address)], vec![]));
    // The first resigns.
    let mut resigned = router_1(&[]);
    let (from, to) = (eui64(1).link_local(), ip("ff02::1"));
    let body = &mut resigned.split_off(40)[4..];
    body[2..4].fill(0);
    let message = icmp(from, to, kind::ROUTER_ADVERTISEMENT, 0, body);
    nodes[2].receive(6000, eui64(1), true, &packet(from, to, 58, 255, &message));
    settle(&mut nodes, 6000);
    assert_eq!(nodes[0].took(), [Seen::Deregistered(address)]);
    assert_eq!(nodes[1].took(), [Seen::Registered(address)]);
    for (router, there) in [(0, false), (1, true)] {
        for ip in [own, address] {
            assert_eq!(nodes[router].engine.neighbours.is_registered(&ip), there, "{router} {ip:?}");
        }
    }
    // It has a router all the time.
    assert!(!nodes[2].took().contains(&Seen::RouterLost));
}

/// RFC 6775 §5.5.3.
#[test]
fn a_router_that_does_not_answer_is_left_without_a_word() {
    let mut host = Node::lowpan(2, Role::Host);
    host.receive(0, eui64(1), true, &router_1(&["fd00::"]));
    host.poll(0);
    let asked = registrations(&mut host);
    answer(&mut host, 0, asked[0], 0);
    let mut times = Vec::new();
    for now in (0..20_000).step_by(100) {
        host.poll(now);
        if host.took().contains(&Seen::RouterLost) {
            times.push(now);
            break;
        }
        times.extend(registrations(&mut host).iter().map(|asked| {
            assert_eq!((asked.0, asked.2), (ip("fd00::2"), 60));
            now
        }));
    }
    assert_eq!(times, [0, 1000, 3000, 7000]);
    assert!(host.out.packets.is_empty());
}

/// RFC 8505 §5.6, RFC 6775 §5.5.3: a host with one address takes one place, as its link-local address goes with the
/// other; and one that there is no room for leaves nothing behind, and does not pester.
#[test]
fn a_host_takes_one_place_at_its_router() {
    let config = config(eui64(1), Medium::Ieee802154, Role::BorderRouter);
    let mut nodes = [
        Node::with(Config { neighbours: 2, registry: 8, ..config }),
        Node::lowpan(2, Role::Host),
        Node::lowpan(3, Role::Host),
        Node::lowpan(4, Role::Host),
    ];
    nodes[0].engine.advertise_prefix(Instant(0), ip("fd00::"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    for (host, at) in [(1, 0), (2, 2000), (3, 4000)] {
        nodes[host].does(at, |engine, cx| engine.solicit_routers(cx));
        run(&mut nodes, at, at + 2000);
    }
    let places: Vec<_> = nodes[0].engine.neighbours.iter().map(|neighbour| neighbour.ip).collect();
    assert_eq!(places, [ip("fd00::2"), ip("fd00::3")]);
    for host in [2, 3] {
        assert!(nodes[0].engine.neighbours.is_registered(&eui64(host).link_local()));
    }
    assert!(nodes[1].took().contains(&Seen::Ready(ip("fd00::2"))));
    let events = nodes[3].took();
    assert!(
        events.contains(&Seen::RouterLost) && !events.contains(&Seen::Ready(ip("fd00::4"))),
        "{events:?}"
    );
    let refused = nodes[0].engine.statistics().received;
    run(&mut nodes, 6000, 126_000);
    let more = nodes[0].engine.statistics().received - refused;
    assert!((12..60).contains(&more), "{more} packets in two minutes");
    // When one goes, there is room for the other.
    nodes[1].does(126_000, |engine, cx| engine.remove_address(cx, &ip("fd00::2"))).unwrap();
    run(&mut nodes, 126_000, 150_000);
    assert!(nodes[3].took().contains(&Seen::Ready(ip("fd00::4"))));
}

/// A registered host's link-local address is nobody else's, nor moved by what is no registration of its own.
#[test]
fn the_link_local_address_of_a_registered_host_is_its_own() {
    let mut node = Node::lowpan(1, Role::Router);
    let host = eui64(2).link_local();
    assert_eq!(register(&mut node, 2, host, Some(240), 10), 0);
    assert_eq!(register(&mut node, 2, ip("fd00::aa"), Some(240), 10), 0);
    assert_eq!(register(&mut node, 2, ip("fd00::bb"), Some(240), 10), 0);
    let places: Vec<_> = node.engine.neighbours.iter().map(|neighbour| neighbour.ip).collect();
    assert_eq!(places, [ip("fd00::aa"), ip("fd00::bb")]);
    // With whatever transaction ID: it has an order of its own for each address.
    assert_eq!(register(&mut node, 2, host, Some(239), 10), 0);
    assert_eq!(register(&mut node, 3, host, Some(250), 10), 1);
    assert_eq!(node.engine.neighbours.find(&host).unwrap().link, eui64(2));
    assert_eq!(register(&mut node, 2, host, Some(241), 0), 0);
    assert_eq!(node.engine.neighbours.iter().count(), 2);
    assert_eq!(node.took(), [Seen::Registered(ip("fd00::aa")), Seen::Registered(ip("fd00::bb"))]);
    // Alone it has a place of its own, and nobody beyond the link hears of it.
    let other = eui64(4).link_local();
    assert_eq!(register(&mut node, 4, other, Some(240), 10), 0);
    assert_eq!(node.engine.neighbours.iter().count(), 3);
    assert_eq!(register(&mut node, 4, other, Some(241), 0), 0);
    assert_eq!(node.engine.neighbours.iter().count(), 2);
    assert!(node.took().is_empty());
}

/// RFC 6775 §5.4.3: the router is asked for fresh information, and when it does not answer, all of them are.
#[test]
fn fresh_information_is_asked_for_by_unicast_at_first() {
    let mut host =
        Node::with(Config { registers: false, ..config(eui64(2), Medium::Ieee802154, Role::Host) });
    host.receive(0, eui64(1), true, &router_1(&[]));
    host.poll(1_349_999);
    assert!(host.out.packets.is_empty());
    for step in 0..4 {
        host.poll(1_350_000 + 10_000 * step);
        let (to, bytes) = host.out.packets.pop().unwrap();
        let expected = if step < 3 {
            LinkDestination::Unicast(eui64(1))
        } else {
            LinkDestination::Multicast(ip("ff02::2"))
        };
        assert_eq!((to, bytes[40]), (expected, kind::ROUTER_SOLICITATION), "{step}");
        assert!(host.out.packets.is_empty());
    }
    // One that may have moved asks whoever is there.
    host.receive(1_400_000, eui64(1), true, &router_1(&[]));
    host.does(1_400_000, |engine, cx| engine.solicit_routers(cx));
    host.poll(1_401_000);
    assert_eq!(host.out.packets.pop().unwrap().0, LinkDestination::Multicast(ip("ff02::2")));
}

/// RFC 4861 §7.2.4, RFC 8505 §5.6: the answer goes to who asked, whatever kind of link address that tells of.
#[test]
fn a_registration_is_answered_to_its_source() {
    let mut node = Node::lowpan(1, Role::Router);
    let (own, host, address) = (node.engine.link_local(), eui64(2).link_local(), ip("fd00::2"));
    for target in [host, address] {
        let mut body = vec![0; 48];
        let mut out = Writer::new(&mut body);
        Neighbor { flags: 0, target }.emit(&mut out).unwrap();
        nd::put_link_layer_address(false, &LinkAddress::Short(2), &mut out).unwrap();
        let registration = Registration {
            status: 0,
            opaque: 0,
            reachability: true,
            tid: Some(240),
            lifetime: 10,
            rovr: &eui64(2).bytes().0,
        };
        NdOption::Registration(registration).emit(&mut out).unwrap();
        let length = out.position();
        let message = icmp(host, own, kind::NEIGHBOR_SOLICITATION, 0, &body[..length]);
        node.receive(0, eui64(2), false, &packet(host, own, 58, 255, &message));
        let (_, bytes) = node.out.packets.pop().unwrap();
        let (header, _) = Header::parse(&bytes).unwrap();
        assert_eq!(header.destination, host, "{target:?}");
        assert_eq!(node.engine.neighbours.link_address(&target), Some(LinkAddress::Short(2)));
    }
}

/// RFC 6775 §8.2.1, and whoever is not in the network has no business with its registry.
#[test]
fn duplicate_address_messages_from_nobody_from_outside_or_with_bad_options_are_dropped() {
    let request = |node: &mut Node, source: Ip, outside: bool, options: &[u8]| {
        let own = ip("fd00::1");
        let mut body = vec![0, 240, 0, 10];
        body.extend(eui64(2).bytes().0);
        body.extend(ip("fd00::aa").0);
        body.extend(options);
        let message = icmp(source, own, kind::DUPLICATE_ADDRESS_REQUEST, 1, &body);
        let mut bytes = packet(source, own, 58, 60, &message);
        let arrival = Arrival { from: eui64(3), outside, ..Arrival::default() };
        assert!(node.does(0, |engine, cx| engine.receive(cx, arrival, &mut bytes).is_none()));
        node.engine.registered()
    };
    let mut node = Node::lowpan(1, Role::BorderRouter);
    add(&mut node, "fd00::1");
    let router = ip("fd00::ff:fe00:3");
    assert_eq!(request(&mut node, Ip::UNSPECIFIED, false, &[]), 0);
    assert_eq!(request(&mut node, router, true, &[]), 0);
    assert_eq!(request(&mut node, router, false, &[77, 0, 0, 0, 0, 0, 0, 0]), 0);
    assert_eq!(request(&mut node, router, false, &[77, 1, 0, 0, 0, 0, 0, 0]), 1);
}

/// RFC 8505 §5.7: a registration that has been made anew elsewhere is cleaned up.
#[test]
fn a_registration_that_has_moved_is_taken_off() {
    let mut node =
        Node::with(Config { multihop_dad: true, ..config(eui64(2), Medium::Ieee802154, Role::Router) });
    add(&mut node, "fd00::2");
    let address = ip("fd00::aa");
    assert_eq!(register(&mut node, 4, address, Some(5), 10), 0);
    assert_eq!(node.took(), [Seen::Registered(address)]);
    let confirm = |node: &mut Node, status: u8, tid: u8, rovr: u8| {
        let (border, own) = (ip("fd00::1"), ip("fd00::2"));
        let mut body = vec![status, tid, 0, 10];
        body.extend(eui64(rovr).bytes().0);
        body.extend(address.0);
        let message = icmp(border, own, kind::DUPLICATE_ADDRESS_CONFIRMATION, 1, &body);
        node.receive(0, eui64(1), false, &packet(border, own, 58, 60, &message));
        node.took()
    };
    // That a renewal was noted changes nothing, nor what is about another's or an older registration.
    for (status, tid, rovr) in [(0, 5, 4), (1, 5, 4), (3, 5, 9), (3, 4, 4)] {
        assert_eq!(confirm(&mut node, status, tid, rovr), []);
        assert!(node.out.packets.is_empty() && node.engine.neighbours.is_registered(&address));
    }
    assert_eq!(confirm(&mut node, 3, 6, 4), [Seen::Deregistered(address)]);
    assert!(!node.engine.neighbours.is_registered(&address));
    // The host is told.
    let (to, bytes) = node.out.packets.pop().unwrap();
    assert_eq!((to, bytes[40]), (LinkDestination::Unicast(eui64(4)), kind::NEIGHBOR_ADVERTISEMENT));
    assert_eq!(bytes[66], 3);
}

/// RFC 8505 §5.7: the border router tells the router that had an address that its owner has gone elsewhere.
#[test]
fn the_former_router_of_a_host_that_has_moved_is_told() {
    let mut node = Node::lowpan(1, Role::BorderRouter);
    add(&mut node, "fd00::1");
    let address = ip("fd00::aa");
    // Router, transaction ID and lifetime; to whom what is said: status and transaction ID.
    let request = |node: &mut Node, router: &str, tid: u8, lifetime: u8| {
        let (source, own) = (ip(router), ip("fd00::1"));
        let way = Route::on_link(eui64(9).link_local(), eui64(9));
        node.routing = Box::new(Fixed {
            routes: ["fd00::2", "fd00::3", "fd01::3"].map(|router| (ip(router), Ok(way))).to_vec(),
            ..Fixed::default()
        });
        let mut body = vec![0, tid, 0, lifetime];
        body.extend(eui64(4).bytes().0);
        body.extend(address.0);
        let message = icmp(source, own, kind::DUPLICATE_ADDRESS_REQUEST, 1, &body);
        node.receive(0, eui64(9), false, &packet(source, own, 58, 60, &message));
        let packets = core::mem::take(&mut node.out.packets);
        let told = packets.iter().map(|(_, bytes)| {
            let (header, payload) = Header::parse(bytes).unwrap();
            assert_eq!(&payload[..2], [kind::DUPLICATE_ADDRESS_CONFIRMATION, 1]);
            (header.destination, payload[4], payload[5])
        });
        told.collect::<Vec<_>>()
    };
    let (two, three) = (ip("fd00::2"), ip("fd00::3"));
    assert_eq!(request(&mut node, "fd00::2", 5, 10), [(two, 0, 5)]);
    assert_eq!(request(&mut node, "fd00::2", 6, 10), [(two, 0, 6)]);
    assert_eq!(request(&mut node, "fd00::3", 7, 10), [(three, 0, 7), (two, 3, 7)]);
    // By another of its addresses it is the same router. Who comes late is told, and nobody else.
    assert_eq!(request(&mut node, "fd01::3", 8, 10), [(ip("fd01::3"), 0, 8)]);
    assert_eq!(request(&mut node, "fd00::2", 7, 10), [(two, 3, 7)]);
    // The end of a registration is none elsewhere.
    assert_eq!(request(&mut node, "fd00::2", 9, 0), [(two, 0, 9)]);
    assert_eq!(request(&mut node, "fd00::3", 10, 10), [(three, 0, 10), (two, 3, 10)]);
    // It comes to the border router itself, and goes away again.
    assert_eq!(register(&mut node, 4, address, Some(11), 10), 0);
    let packets = core::mem::take(&mut node.out.packets);
    let told: Vec<Ip> =
        packets.iter().map(|(_, bytes)| Header::parse(bytes).unwrap().0.destination).collect();
    assert_eq!(told, [three]);
    assert_eq!(node.took(), [Seen::Registered(address)]);
    let (source, own) = (two, ip("fd00::1"));
    let mut body = vec![0, 12, 0, 10];
    body.extend(eui64(4).bytes().0);
    body.extend(address.0);
    let message = icmp(source, own, kind::DUPLICATE_ADDRESS_REQUEST, 1, &body);
    node.receive(0, eui64(9), false, &packet(source, own, 58, 60, &message));
    assert_eq!(node.took(), [Seen::Deregistered(address)]);
    assert!(!node.engine.neighbours.is_registered(&address));
    let (to, bytes) = node.out.packets.pop().unwrap();
    assert_eq!(
        (to, bytes[40], bytes[66]),
        (LinkDestination::Unicast(eui64(4)), kind::NEIGHBOR_ADVERTISEMENT, 3)
    );
}

/// RFC 8505 §5.7: an answer about an older registration does not end a newer one that waits for its own.
#[test]
fn an_older_answer_says_nothing_about_a_newer_registration() {
    let config = Config { multihop_dad: true, ..config(eui64(2), Medium::Ieee802154, Role::Router) };
    let mut node = Node::with(config);
    add(&mut node, "fd00::2");
    let border = ip("fd00::1");
    let mut body = vec![64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
    body.extend([1, 2, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    body.extend([35, 3, 0, 1, 0, 0, 0, 0]);
    body.extend(border.0);
    let (from, all) = (eui64(1).link_local(), ip("ff02::1"));
    node.receive(0, eui64(1), true, &packet(from, all, 58, 255, &icmp(from, all, 134, 0, &body)));
    let address = ip("fd00::aa");
    let (host, own) = (eui64(4).link_local(), node.engine.link_local());
    let mut body = vec![0; 4];
    body.extend(address.0);
    let mut out = [0; 32];
    let mut out = Writer::new(&mut out);
    nd::put_link_layer_address(false, &eui64(4), &mut out).unwrap();
    out.put(&[33, 2, 0, 0, 1, 8, 0, 10]).unwrap();
    out.put(&eui64(4).bytes().0).unwrap();
    body.extend(out.written());
    let message = icmp(host, own, kind::NEIGHBOR_SOLICITATION, 0, &body);
    node.receive(0, eui64(4), false, &packet(host, own, 58, 255, &message));
    let state = |node: &Node| node.engine.neighbours.find(&address).map(|entry| entry.state);
    assert_eq!(state(&node), Some(NeighbourState::Tentative));
    for (tid, status, expected) in [(7, 3, NeighbourState::Tentative), (8, 0, NeighbourState::Registered)] {
        let mut body = vec![status, tid, 0, 10];
        body.extend(eui64(4).bytes().0);
        body.extend(address.0);
        let own = ip("fd00::2");
        let message = icmp(border, own, kind::DUPLICATE_ADDRESS_CONFIRMATION, 1, &body);
        node.receive(0, eui64(1), false, &packet(border, own, 58, 60, &message));
        assert_eq!(state(&node), Some(expected), "{tid}");
    }
}

/// RFC 8505 §5.2.1: a host that has started anew begins with transaction IDs that its router may know already. It is not
/// kept out for as many rounds as it had made before.
#[test]
fn a_host_that_starts_anew_registers_again_within_three_minutes() {
    for rounds in [0, 1, 8, 15, 16, 17, 18, 20] {
        let mut nodes = [Node::lowpan(1, Role::BorderRouter), Node::lowpan(2, Role::Host)];
        nodes[0]
            .engine
            .advertise_prefix(Instant(0), ip("fd00::"), 64, Instant::NEVER, Instant::NEVER)
            .unwrap();
        nodes[1].does(0, |engine, cx| engine.solicit_routers(cx));
        let now = 10_000 + rounds * 46 * 60_000;
        run(&mut nodes, 0, now);
        assert!(nodes[1].took().contains(&Seen::Ready(ip("fd00::2"))));
        nodes[1] = Node::lowpan(2, Role::Host);
        nodes[1].does(now, |engine, cx| engine.solicit_routers(cx));
        run(&mut nodes, now, now + 180_000);
        assert!(nodes[1].took().contains(&Seen::Ready(ip("fd00::2"))), "after {rounds} rounds");
    }
}

/// RFC 8505 §5.7: the end of a registration with the border router itself ends it in its registry too, a while later.
#[test]
fn a_registration_that_ends_at_the_border_router_leaves_its_registry() {
    let mut node = Node::lowpan(1, Role::BorderRouter);
    let address = ip("fd00::aa");
    assert_eq!(register(&mut node, 4, address, Some(5), 10), 0);
    assert_eq!(node.engine.registered(), 1);
    // An older message does not end it.
    assert_eq!(register(&mut node, 4, address, Some(4), 0), 3);
    assert_eq!(register(&mut node, 4, address, Some(6), 0), 0);
    node.poll(5001);
    assert_eq!(node.engine.registered(), 0);
    assert_eq!(register(&mut node, 7, address, Some(1), 10), 0);
}
