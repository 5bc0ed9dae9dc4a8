// SPDX-License-Identifier: MIT OR Apache-2.0
//! Neighbour discovery on Ethernet-like links (RFC 4861, RFC 4862).

use super::*;

/// RFC 4861 and RFC 4862 as a whole.
#[test]
fn ethernet_neighbours_resolve_each_other() {
    let mut nodes =
        [Node::ethernet(1, Role::Router), Node::ethernet(2, Role::Host), Node::ethernet(3, Role::Host)];
    nodes[0].engine.add_address(Instant(0), ip("2001:db8::1"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    nodes[0]
        .engine
        .advertise_prefix(Instant(0), ip("2001:db8::"), 64, Instant::NEVER, Instant::NEVER)
        .unwrap();
    for node in &mut nodes[1..] {
        node.does(0, |engine, cx| engine.solicit_routers(cx));
    }
    run(&mut nodes, 0, 10_000);
    let address = |number: u16| Ip::v6([0x2001, 0xdb8, 0, 0, 0, 0xff, 0xfe00, number]);
    let events = nodes[1].took();
    assert!(events.contains(&Seen::Ready(address(2))), "{events:?}");
    assert!(events.contains(&Seen::RouterFound(nodes[0].engine.link_local())));
    // The first packet waits for the link address.
    nodes[1].ping(10_000, address(3), 1).unwrap();
    settle(&mut nodes, 10_000);
    assert_eq!(nodes[1].took(), [Seen::Reply(address(3), 1, b"abcdefgh".to_vec())]);
    let neighbour = nodes[1].engine.neighbours.find(&address(3)).unwrap();
    assert_eq!(neighbour.link, nodes[2].link);
    assert_eq!(neighbour.state, NeighbourState::Reachable);
    // What is not on the link goes to the router, which knows no way.
    nodes[1].ping(10_000, ip("2001:db9::1"), 2).unwrap();
    settle(&mut nodes, 10_000);
    assert_eq!(nodes[1].took(), [Seen::Error(ip("2001:db8::1"), 1, 0, 0)]);
    // Nobody there: three solicitations, and the packet is gone.
    nodes[1].ping(10_000, address(9), 3).unwrap();
    run(&mut nodes, 10_000, 20_000);
    assert!(nodes[1].engine.neighbours.find(&address(9)).is_none());
    // A neighbour that was reachable is asked again, and taken off when it has gone.
    nodes[1].ping(100_000, address(3), 4).unwrap();
    run(&mut nodes[..2], 100_000, 120_000);
    assert!(nodes[1].engine.neighbours.find(&address(3)).is_none());
}

/// RFC 4861 §7.2.2: who sent what waited in vain for a link address is told, be it this node or another.
#[test]
fn packets_that_waited_in_vain_are_reported_as_unreachable() {
    let mut nodes = [Node::ethernet(1, Role::Router), Node::ethernet(2, Role::Host)];
    let prefix = ip("2001:db8::");
    nodes[0].engine.add_address(Instant(0), ip("2001:db8::1"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    nodes[0].engine.advertise_prefix(Instant(0), prefix, 64, Instant::NEVER, Instant::NEVER).unwrap();
    nodes[1].does(0, |engine, cx| engine.solicit_routers(cx));
    run(&mut nodes, 0, 10_000);
    let own = Ip::v6([0x2001, 0xdb8, 0, 0, 0, 0xff, 0xfe00, 2]);
    let nobody = ip("2001:db8::99");
    nodes.iter_mut().for_each(|node| drop(node.took()));
    nodes[1].ping(10_000, nobody, 1).unwrap();
    run(&mut nodes, 10_000, 12_500);
    assert!(nodes[1].took().is_empty());
    run(&mut nodes, 12_500, 20_000);
    assert_eq!(nodes[1].took(), [Seen::Error(own, 1, 3, 0)]);
    // The same through the router, which knows the host.
    nodes[1].ping(20_000, ip("2001:db8::1"), 2).unwrap();
    settle(&mut nodes, 20_000);
    nodes[1].took();
    let through = echo_request(own, nobody, 64);
    let from = nodes[1].link;
    nodes[0].receive(20_000, from, false, &through);
    run(&mut nodes, 20_000, 30_000);
    assert_eq!(nodes[1].took(), [Seen::Error(ip("2001:db8::1"), 1, 3, 0)]);
    assert!(nodes[0].took().is_empty());
    assert_eq!(nodes[0].engine.statistics().errors_sent, 1);
}

/// RFC 4861 §7.2.2: the report waits too, while the link address of who is to be told is not known.
#[test]
fn who_is_told_of_an_unreachable_address_may_have_to_be_asked_for_first() {
    let mut nodes = [Node::ethernet(1, Role::Router), Node::ethernet(2, Role::Host)];
    add(&mut nodes[0], "2001:db8::1");
    let prefix = ip("2001:db8::");
    nodes[0].engine.advertise_prefix(Instant(0), prefix, 64, Instant::NEVER, Instant::NEVER).unwrap();
    add(&mut nodes[1], "2001:db8::2");
    run(&mut nodes, 0, 10_000);
    nodes[1].took();
    let host = ip("2001:db8::2");
    assert!(nodes[0].engine.neighbours.find(&host).is_none());
    // One whom nobody can find either is not told, and nothing stays behind.
    for source in [host, ip("2001:db8::66")] {
        let through = echo_request(source, ip("2001:db8::99"), 64);
        let from = nodes[1].link;
        nodes[0].receive(10_000, from, false, &through);
        run(&mut nodes, 10_000, 20_000);
        let told = if source == host { vec![Seen::Error(ip("2001:db8::1"), 1, 3, 0)] } else { Vec::new() };
        assert_eq!(nodes[1].took(), told);
        let is_asked = |neighbour: &&Neighbour| neighbour.state == NeighbourState::Incomplete;
        assert_eq!(nodes[0].engine.neighbours.iter().filter(is_asked).count(), 0);
    }
    assert_eq!(nodes[0].engine.statistics().errors_sent, 1);
}

/// RFC 4861 §7.2.2: a solicitation comes from the address that the packet that waits comes from.
#[test]
fn a_solicitation_comes_from_the_source_of_what_waits() {
    let mut host = Node::ethernet(2, Role::Host);
    for address in ["2001:db8::2", "2001:db8::3"] {
        host.engine.add_address(Instant(0), ip(address), 64, Instant::NEVER, Instant::NEVER).unwrap();
    }
    let mut host = [host];
    run(&mut host, 0, 6000);
    let host = &mut host[0];
    let neighbour = ip("2001:db8::9");
    host.routing =
        Box::new(Fixed { routes: vec![(neighbour, Ok(Route::straight(&neighbour)))], ..Fixed::default() });
    for source in ["2001:db8::2", "2001:db8::3"] {
        let socket = host.engine.udp_open(ip(source), 0).unwrap();
        host.engine.neighbours.remove(&neighbour);
        host.out.packets.clear();
        let path = Path::to(SocketAddress { ip: neighbour, scope: 0, port: 9 });
        host.does(6000, |engine, cx| engine.udp_send(cx, socket, &path, b"?")).unwrap();
        host.poll(6000);
        let (_, bytes) = &host.out.packets[0];
        assert_eq!((bytes[40], &bytes[8..24]), (kind::NEIGHBOR_SOLICITATION, &ip(source).0[..]));
    }
}

/// RFC 4862 §5.4.2: nodes that start together, or hear of a prefix together, do not all ask at once; and meanwhile they
/// hear who uses their address.
#[test]
fn own_addresses_are_asked_for_after_a_random_while() {
    let mut waits = [Vec::new(), Vec::new()];
    for number in 10..30 {
        let mut host = Node::ethernet(number, Role::Host);
        let mut asked = Vec::new();
        for now in (0..9000).step_by(10) {
            if now == 4000 {
                host.receive(now, ethernet(1), true, &advertisement(1800, 3600, 3600));
            }
            host.poll(now);
            for (_, bytes) in core::mem::take(&mut host.out.packets) {
                if bytes[40] == kind::NEIGHBOR_SOLICITATION {
                    assert_eq!(bytes[8..24], [0; 16]);
                    asked.push(now);
                    let target = Ip(bytes[48..64].try_into().unwrap());
                    assert!(!host.engine.addresses.is_own(&target));
                }
            }
        }
        assert_eq!(asked.len(), 2);
        waits[0].push(asked[0]);
        waits[1].push(asked[1] - 4000);
        assert_eq!(
            host.engine.addresses.iter().filter(|address| address.state == AddressState::Preferred).count(),
            2
        );
    }
    for waits in &mut waits {
        assert!(waits.iter().all(|wait| *wait <= 1000), "{waits:?}");
        waits.sort_unstable();
        waits.dedup();
        assert!(waits.len() > 10, "{waits:?}");
    }
    // Another uses it already, or checks it.
    let mut host = Node::ethernet(2, Role::Host);
    host.poll(0);
    let own = host.engine.link_local();
    let mut body = vec![0; 4];
    body.extend(own.0);
    let group = addresses::solicited_node(&own);
    let message = icmp(Ip::UNSPECIFIED, group, kind::NEIGHBOR_SOLICITATION, 0, &body);
    host.receive(0, ethernet(9), true, &packet(Ip::UNSPECIFIED, group, 58, 255, &message));
    assert_eq!(host.took(), [Seen::Duplicate(own)]);
    assert!(host.out.packets.is_empty());
}

/// RFC 4862 §5.4: each address is asked for itself, whatever becomes of others meanwhile.
#[test]
fn no_address_is_used_for_the_check_of_another() {
    let mut host = Node::ethernet(2, Role::Host);
    let mut asked = Vec::new();
    let (first, second) = (ip("2001:db8::11"), ip("2001:db8::12"));
    let forever = Instant::NEVER;
    for now in (0..12_000).step_by(10) {
        match now {
            4000 => host.engine.add_address(Instant(now), first, 64, forever, forever).unwrap(),
            // While the first is being asked for, another takes its place, and one more comes.
            5100 => {
                host.does(now, |engine, cx| engine.remove_address(cx, &first)).unwrap();
                host.engine.add_address(Instant(now), second, 64, forever, forever).unwrap();
                host.engine.add_address(Instant(now), first, 64, forever, forever).unwrap();
            }
            _ => {}
        }
        host.poll(now);
        for (_, bytes) in core::mem::take(&mut host.out.packets) {
            if bytes[40] == kind::NEIGHBOR_SOLICITATION {
                asked.push((now, Ip(bytes[48..64].try_into().unwrap())));
            }
        }
        for address in [first, second] {
            let since = asked.iter().rev().find(|(_, ip)| *ip == address).map_or(now, |(at, _)| *at);
            assert!(!host.engine.addresses.is_own(&address) || now - since >= 1000, "{address:?} at {now}");
        }
    }
    assert!(host.engine.addresses.is_own(&first) && host.engine.addresses.is_own(&second));
    assert_eq!(asked.len(), 4, "{asked:?}");
}

/// RFC 4861 §6.3.7: at least one solicitation, though an advertisement came before it.
#[test]
fn routers_are_asked_though_one_has_advertised_itself() {
    let mut host = Node::ethernet(2, Role::Host);
    host.does(0, |engine, cx| engine.solicit_routers(cx));
    let mut asked = Vec::new();
    for now in (0..60_000).step_by(50) {
        if now == 500 || now == 5000 {
            host.receive(now, ethernet(1), true, &advertisement(1800, 3600, 3600));
        }
        host.poll(now);
        let packets = core::mem::take(&mut host.out.packets);
        asked.extend(
            packets
                .iter()
                .filter(|(_, bytes)| bytes[40] == kind::ROUTER_SOLICITATION)
                .map(|(to, _)| (now, *to)),
        );
    }
    let [(at, to)] = asked[..] else { panic!("{asked:?}") };
    assert!(at < 2500 && to == LinkDestination::Multicast(ip("ff02::2")));
}

/// RFC 4861 §6.3.4: what advertisements say of both times is taken over, and zero says nothing.
#[test]
fn the_times_that_a_router_advertises_are_taken_over() {
    let mut host = [Node::ethernet(2, Role::Host)];
    let (from, link) = (LinkAddress::Ethernet([2, 0, 0, 0, 0, 1]).link_local(), eui64(0));
    let tell = |host: &mut Node, now: u64, reachable_time: u32, retrans_timer: u32| {
        let mut body = [0; 12];
        let advertisement =
            RouterAdvertisement { reachable_time, retrans_timer, ..RouterAdvertisement::default() };
        advertisement.emit(&mut Writer::new(&mut body)).unwrap();
        let message = icmp(from, ip("ff02::1"), kind::ROUTER_ADVERTISEMENT, 0, &body);
        host.receive(now, link, true, &packet(from, ip("ff02::1"), 58, 255, &message));
    };
    run(&mut host, 0, 3000);
    // How far apart the solicitations of one who does not answer are.
    let gaps = |host: &mut Node, now: u64| {
        host.out.packets.clear();
        let target = Ip::v6([0xfe80, 0, 0, 0, 0, 0, 9, now as u16]);
        host.ping(now, target, 1).unwrap();
        let mut times = Vec::new();
        for now in (now..now + 20_000).step_by(100) {
            host.poll(now);
            let packets = core::mem::take(&mut host.out.packets);
            times.extend(packets.iter().filter(|(_, bytes)| bytes[48..64] == target.0).map(|_| now));
        }
        times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
    };
    assert_eq!(gaps(&mut host[0], 10_000), [1000, 1000]);
    tell(&mut host[0], 40_000, 0, 2500);
    assert_eq!(gaps(&mut host[0], 40_000), [2500, 2500]);
    tell(&mut host[0], 70_000, 0, 0);
    assert_eq!(gaps(&mut host[0], 70_000), [2500, 2500]);
    tell(&mut host[0], 100_000, 0, u32::MAX);
    assert_eq!(gaps(&mut host[0], 100_000), []);
    tell(&mut host[0], 100_000, 0, 1);
    assert_eq!(gaps(&mut host[0], 8_000_000), [100, 100]);
    // How long a neighbour counts as reachable: a half to one and a half of what was told.
    let mut lasted = Vec::new();
    for (round, told) in [0, 10_000, 10_000, 10_000, 0, u32::MAX].into_iter().enumerate() {
        let now = 10_000_000 * (round as u64 + 1);
        tell(&mut host[0], now, told, 0);
        host[0].engine.note_neighbour(Instant(now), &from, link, true).unwrap();
        lasted.push(host[0].engine.neighbours.find(&from).unwrap().until.get().since(Instant(now)));
    }
    assert!((15_000..45_000).contains(&lasted[0]), "{lasted:?}");
    assert!(lasted[1..5].iter().all(|time| (5000..15_000).contains(time)), "{lasted:?}");
    assert!((1_800_000..5_400_000).contains(&lasted[5]), "{lasted:?}");
    assert!(lasted[1..5].windows(2).any(|pair| pair[0] != pair[1]), "{lasted:?}");
}

/// RFC 4862 §5.4.
#[test]
fn ethernet_addresses_are_checked_for_duplicates() {
    let mut nodes = [Node::ethernet(1, Role::Host), Node::ethernet(1, Role::Host)];
    run(&mut nodes[..1], 0, 3000);
    let own = nodes[0].engine.link_local();
    assert!(nodes[0].engine.addresses.is_own(&own));
    nodes[0].took();
    // The second node with the same address comes later.
    nodes[1].link = LinkAddress::Ethernet([2, 0, 0, 0, 0, 2]);
    run(&mut nodes, 3000, 6000);
    assert_eq!(nodes[1].took(), [Seen::Duplicate(own)]);
    assert!(!nodes[1].engine.addresses.is_own(&own) && nodes[0].engine.addresses.is_own(&own));
}

/// An advertisement of router 1 on an Ethernet-like link, with a prefix of these lifetimes in seconds.
fn advertisement(router_lifetime: u16, valid_lifetime: u32, preferred_lifetime: u32) -> Vec<u8> {
    let from = LinkAddress::Ethernet([2, 0, 0, 0, 0, 1]).link_local();
    let mut body = [0; 12 + 32];
    let mut out = Writer::new(&mut body);
    let advertisement =
        RouterAdvertisement { hop_limit: 64, flags: 0, router_lifetime, reachable_time: 0, retrans_timer: 0 };
    advertisement.emit(&mut out).unwrap();
    let prefix = nd::PrefixInformation {
        prefix_len: 64,
        flags: nd::PrefixInformation::AUTONOMOUS | nd::PrefixInformation::ON_LINK,
        valid_lifetime,
        preferred_lifetime,
        prefix: ip("2001:db8::"),
    };
    NdOption::Prefix(prefix).emit(&mut out).unwrap();
    let message = icmp(from, ip("ff02::1"), kind::ROUTER_ADVERTISEMENT, 0, &body);
    packet(from, ip("ff02::1"), protocol::ICMPV6, 255, &message)
}

/// RFC 4862 §5.5.3 (e): nobody who makes up an advertisement takes an address away at once; but an
/// address of a prefix that is withdrawn is deprecated, and lives two hours at most.
#[test]
fn a_withdrawn_prefix_deprecates_its_address_and_leaves_it_two_hours() {
    const HOUR: u64 = 3_600_000;
    let mut host = [Node::ethernet(2, Role::Host)];
    let link = LinkAddress::Ethernet([2, 0, 0, 0, 0, 1]);
    host[0].receive(0, link, true, &advertisement(1800, 86_400, 43_200));
    run(&mut host, 0, 3000);
    let own = host[0].engine.addresses.iter().find(|address| !address.ip.is_link_local()).unwrap().ip;
    let address = |node: &Node| *node.engine.addresses.find(&own).unwrap();
    assert_eq!(address(&host[0]).valid_until, Instant(24 * HOUR));
    // Half an hour is not believed, but two hours are, and that it is no longer preferred.
    for (at, valid, until) in [(10_000, 1800, 2 * HOUR + 10_000), (20_000, 0, 2 * HOUR + 10_000)] {
        host[0].receive(at, link, true, &advertisement(1800, valid, 0));
        assert_eq!(address(&host[0]).valid_until, Instant(until), "{valid}");
        assert!(address(&host[0]).preferred_until.is_due(Instant(at)), "{valid}");
    }
    host[0].took();
    run(&mut host, 20_000, 2 * HOUR + 20_000);
    assert!(host[0].took().contains(&Seen::Lost(own)));
    // Such a prefix makes no address.
    host[0].receive(3 * HOUR, link, true, &advertisement(1800, 0, 0));
    assert!(host[0].engine.addresses.find(&own).is_none());
}

/// RFC 4861 §6.3.5 and §6.3.7: a router that says that it is none any more is one lost.
#[test]
fn a_router_that_resigns_is_told_of_and_others_are_asked_for() {
    let mut host = Node::ethernet(2, Role::Host);
    let link = LinkAddress::Ethernet([2, 0, 0, 0, 0, 1]);
    let router = link.link_local();
    // One that was none is not missed.
    host.receive(0, link, true, &advertisement(0, 86_400, 43_200));
    host.poll(0);
    host.receive(10, link, true, &advertisement(1800, 86_400, 43_200));
    host.poll(10);
    assert_eq!(host.took(), [Seen::RouterFound(router)]);
    host.receive(20, link, true, &advertisement(0, 86_400, 43_200));
    host.poll(20);
    assert_eq!(host.took(), [Seen::RouterLost]);
    // It solicits again, within a second of when it can use its address.
    host.out.packets.clear();
    for now in (20..2100).step_by(20) {
        host.poll(now);
    }
    let solicits = |(to, bytes): &(LinkDestination, Vec<u8>)| {
        *to == LinkDestination::Multicast(ip("ff02::2")) && bytes[40] == kind::ROUTER_SOLICITATION
    };
    assert!(host.out.packets.iter().any(solicits));
}

/// RFC 4861 §6.3.4, §7.2.5 and §7.3.3: the router flag of a neighbour, and what becomes of a default router without it.
#[test]
fn a_neighbour_that_says_that_it_is_no_router_is_none_any_more() {
    let mut host = [Node::ethernet(2, Role::Host)];
    run(&mut host, 0, 3000);
    let [host] = &mut host;
    let link = LinkAddress::Ethernet([2, 0, 0, 0, 0, 1]);
    let router = link.link_local();
    let own = host.engine.link_local();
    let tell = |host: &mut Node, flags: u8, link: u8| {
        let mut body = vec![flags, 0, 0, 0];
        body.extend(router.0);
        body.extend([2, 1, 2, 0, 0, 0, 0, link]);
        let message = icmp(router, own, kind::NEIGHBOR_ADVERTISEMENT, 0, &body);
        host.receive(
            3000,
            LinkAddress::Ethernet([2, 0, 0, 0, 0, 1]),
            false,
            &packet(router, own, 58, 255, &message),
        );
        host.poll(3000);
    };
    let state = |host: &Node| {
        let neighbour = host.engine.neighbours.find(&router).unwrap();
        (neighbour.state, neighbour.router)
    };
    host.ping(3000, router, 1).unwrap();
    let (solicited, overrides) = (Neighbor::SOLICITED, Neighbor::OVERRIDE);
    tell(host, solicited, 1);
    assert_eq!(state(host), (NeighbourState::Reachable, false));
    // An advertisement of a router makes its entry one of a router, with its link address or without.
    host.receive(3000, link, true, &advertisement(1800, 86_400, 43_200));
    host.poll(3000);
    assert!(host.took().contains(&Seen::RouterFound(router)));
    assert_eq!(state(host), (NeighbourState::Reachable, true));
    // Another link address that does not override: nothing else is taken over.
    tell(host, 0, 9);
    assert_eq!(state(host), (NeighbourState::Stale, true));
    assert_eq!(host.engine.neighbours.find(&router).unwrap().link, link);
    assert!(host.took().is_empty());
    // Unsolicited, and nothing new but the flag.
    tell(host, Neighbor::ROUTER | overrides, 1);
    assert_eq!(state(host), (NeighbourState::Stale, true));
    tell(host, overrides, 1);
    assert_eq!(state(host), (NeighbourState::Stale, false));
    assert_eq!(host.took(), [Seen::RouterLost]);
}

/// Host 2 of an Ethernet-like link whose address has been checked already.
fn settled_host(held: u16) -> Node {
    let link = LinkAddress::Ethernet([2, 0, 0, 0, 0, 2]);
    let mut host = [Node::with(Config { held, ..config(link, Medium::Ethernet, Role::Host) })];
    run(&mut host, 0, 3000);
    let [mut host] = host;
    host.out.packets.clear();
    host.took();
    host
}

fn ethernet(number: u8) -> LinkAddress {
    LinkAddress::Ethernet([2, 0, 0, 0, 0, number])
}

/// A solicitation or an advertisement of that neighbour, about itself, with its link address.
fn neighbor(node: &mut Node, now: u64, from: u8, kind: u8, flags: u8) {
    let (source, own) = (ethernet(from).link_local(), node.engine.link_local());
    let is_answer = kind == kind::NEIGHBOR_ADVERTISEMENT;
    let mut body = [0; 28];
    let mut out = Writer::new(&mut body);
    Neighbor { flags, target: if is_answer { source } else { own } }.emit(&mut out).unwrap();
    nd::put_link_layer_address(is_answer, &ethernet(from), &mut out).unwrap();
    let message = icmp(source, own, kind, 0, &body);
    node.receive(now, ethernet(from), false, &packet(source, own, 58, 255, &message));
}

/// The sequence numbers of the echo requests in the outbox, by the neighbour that they go to.
fn pinged(node: &mut Node) -> Vec<(LinkAddress, u8)> {
    let packets = core::mem::take(&mut node.out.packets);
    let requests = packets.iter().filter(|(_, bytes)| bytes[40] == kind::ECHO_REQUEST);
    requests
        .map(|(to, bytes)| match to {
            LinkDestination::Unicast(link) => (*link, bytes[47]),
            LinkDestination::Multicast(_) => panic!("to a group"),
        })
        .collect()
}

/// RFC 4861 §7.2.2: for each neighbour a packet waits, the newest.
#[test]
fn for_each_neighbour_the_newest_packet_waits() {
    let mut host = settled_host(400);
    for (sequence, neighbour) in [(1, 3), (2, 4), (3, 5), (4, 4)] {
        host.ping(3000, ethernet(neighbour).link_local(), sequence).unwrap();
    }
    host.poll(3000);
    assert_eq!(pinged(&mut host), []);
    let flags = Neighbor::SOLICITED | Neighbor::OVERRIDE;
    for (neighbour, sequence) in [(4, 4), (3, 1)] {
        neighbor(&mut host, 3500, neighbour, kind::NEIGHBOR_ADVERTISEMENT, flags);
        assert_eq!(pinged(&mut host), [(ethernet(neighbour), sequence)]);
        neighbor(&mut host, 3600, neighbour, kind::NEIGHBOR_ADVERTISEMENT, flags);
        assert_eq!(pinged(&mut host), [], "once");
    }
    // The last of them does not answer, and each that comes anew is told of apart.
    host.ping(3700, ethernet(6).link_local(), 5).unwrap();
    host.poll(3700);
    let mut reported = Vec::new();
    for now in (3700..10_000).step_by(100) {
        host.poll(now);
        reported.extend(host.took().into_iter().map(|seen| (now, seen)));
    }
    let told = Seen::Error(host.engine.link_local(), 1, 3, 0);
    assert_eq!(reported, [(6000, told.clone()), (6700, told)]);
}

/// Of more packets than there is room for those that have waited longest give way; one that is larger than all of it is
/// refused.
#[test]
fn packets_that_wait_make_room_for_newer_ones() {
    let mut host = settled_host(200);
    let flags = Neighbor::SOLICITED | Neighbor::OVERRIDE;
    // Each takes 56 bytes, and 16 beside.
    for neighbour in 3..7 {
        host.ping(3000, ethernet(neighbour).link_local(), u16::from(neighbour)).unwrap();
    }
    let large = Echo { identifier: 9, sequence: 9, data: &[0; 153] };
    let to = ethernet(7).link_local();
    assert_eq!(host.does(3000, |engine, cx| engine.ping(cx, &to, None, &large)), Err(Error::Unreachable));
    host.poll(3000);
    for (neighbour, expected) in [(3, vec![]), (4, vec![(ethernet(4), 4)]), (6, vec![(ethernet(6), 6)])] {
        neighbor(&mut host, 3100, neighbour, kind::NEIGHBOR_ADVERTISEMENT, flags);
        assert_eq!(pinged(&mut host), expected, "{neighbour}");
    }
    // As much as was asked for does fit, and takes the place of all that waited.
    let large = Echo { data: &[0; 152], ..large };
    host.does(3200, |engine, cx| engine.ping(cx, &to, None, &large)).unwrap();
    host.poll(3200);
    for (neighbour, expected) in [(5, vec![]), (7, vec![(ethernet(7), 9)])] {
        neighbor(&mut host, 3300, neighbour, kind::NEIGHBOR_ADVERTISEMENT, flags);
        assert_eq!(pinged(&mut host), expected, "{neighbour}");
    }
}

/// RFC 4861 appendix C: who is asked for and asks itself has told where it is; what waited is sent, and it is asked
/// later whether it has arrived.
#[test]
fn a_solicitation_of_a_neighbour_that_is_asked_for_lets_go_what_waited() {
    for solicited_first in [false, true] {
        let mut host = settled_host(400);
        let neighbour = ethernet(3).link_local();
        host.ping(3000, neighbour, 1).unwrap();
        if solicited_first {
            host.poll(3000);
        }
        neighbor(&mut host, 3000, 3, kind::NEIGHBOR_SOLICITATION, 0);
        host.poll(3000);
        assert_eq!(pinged(&mut host), [(ethernet(3), 1)]);
        assert_eq!(host.engine.neighbours.find(&neighbour).unwrap().state, NeighbourState::Delay);
        // Five seconds later it is asked.
        host.poll(8000);
        let (to, bytes) = host.out.packets.pop().unwrap();
        assert_eq!((to, bytes[40]), (LinkDestination::Unicast(ethernet(3)), kind::NEIGHBOR_SOLICITATION));
    }
}

/// RFC 4861 §6.3.4: without the flag L an option says nothing about what is on the link.
#[test]
fn a_prefix_once_on_the_link_stays_there_until_it_is_withdrawn() {
    let mut host = settled_host(400);
    let on_link = |host: &Node| {
        let is = |prefix: &&Entry| prefix.flags & nd::PrefixInformation::ON_LINK != 0;
        host.engine.prefixes().filter(is).count()
    };
    let tell = |host: &mut Node, from: u8, flags: u8, valid: u32| {
        let mut bytes = advertisement(1800, valid, valid);
        let source = ethernet(from).link_local();
        bytes[8..24].copy_from_slice(&source.0);
        bytes[40 + 16 + 3] = flags;
        let body = bytes.split_off(40)[4..].to_vec();
        let message = icmp(source, ip("ff02::1"), kind::ROUTER_ADVERTISEMENT, 0, &body);
        host.receive(3000, ethernet(from), true, &packet(source, ip("ff02::1"), 58, 255, &message));
        host.poll(3000);
    };
    let (both, autonomous) = (0xc0, 0x40);
    tell(&mut host, 1, autonomous, 3600);
    assert_eq!(on_link(&host), 0);
    assert!(host.engine.addresses.find(&ip("2001:db8::ff:fe00:2")).is_some());
    tell(&mut host, 1, both, 3600);
    for valid in [3600, 0] {
        tell(&mut host, 3, autonomous, valid);
        assert_eq!(on_link(&host), 1, "{valid}");
    }
    tell(&mut host, 3, both, 0);
    assert_eq!(on_link(&host), 0);
}

/// RFC 4861 §6.3.6, §7.3.3: a default router that cannot be found is left, though it never said where it is.
#[test]
fn a_router_whose_link_address_nobody_tells_is_lost() {
    let mut host = settled_host(400);
    let router = ethernet(1).link_local();
    host.receive(3000, ethernet(1), true, &advertisement(1800, 3600, 3600));
    host.poll(3000);
    assert!(host.took().contains(&Seen::RouterFound(router)));
    assert!(host.engine.neighbours.find(&router).is_none());
    let mut host = [host];
    run(&mut host, 3000, 5000);
    host[0].ping(5000, ip("2001:db8:9::1"), 1).unwrap();
    run(&mut host, 5000, 8500);
    assert!(host[0].took().contains(&Seen::RouterLost));
}

/// RFC 4861 §6.2.6: however often routers are solicited, they advertise to all no more than once in three seconds.
#[test]
fn solicitations_do_not_make_a_router_flood() {
    let mut router = Node::ethernet(1, Role::Router);
    add(&mut router, "2001:db8::1");
    router.engine.advertise_prefix(Instant(0), ip("2001:db8::"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    let (source, to) = (ethernet(2).link_local(), ip("ff02::2"));
    let solicitation = packet(source, to, 58, 255, &icmp(source, to, kind::ROUTER_SOLICITATION, 0, &[0; 4]));
    let mut times = Vec::new();
    for now in (0..100_000).step_by(50) {
        if (40_000..60_000).contains(&now) {
            router.receive(now, ethernet(2), true, &solicitation);
        }
        router.poll(now);
        let packets = core::mem::take(&mut router.out.packets);
        times
            .extend(packets.iter().filter(|(_, bytes)| bytes[40] == kind::ROUTER_ADVERTISEMENT).map(|_| now));
    }
    let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= 3000), "{gaps:?}");
    let answers = times.iter().filter(|time| (40_000..63_600).contains(*time)).count();
    assert!((6..=8).contains(&answers), "{times:?}");
    // One that asks after a pause does not wait for longer than half a second.
    router.receive(100_000, ethernet(2), true, &solicitation);
    assert!(router.engine.next_deadline() <= Instant(100_500));
}

/// RFC 4861 §6.2.5: a router that becomes a host says that it is no router any more, and then nothing.
#[test]
fn a_router_that_becomes_a_host_resigns() {
    let mut router = Node::ethernet(1, Role::Router);
    router.engine.advertise_prefix(Instant(0), ip("2001:db8::"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    let advertised = |node: &mut Node| {
        let packets = core::mem::take(&mut node.out.packets);
        let all = packets.iter().filter(|(_, bytes)| bytes[40] == kind::ROUTER_ADVERTISEMENT);
        all.map(|(_, bytes)| u16::from_be_bytes([bytes[46], bytes[47]])).collect::<Vec<_>>()
    };
    let mut router = [router];
    run(&mut router, 0, 3000);
    for now in [20_000, 40_000] {
        router[0].poll(now);
        assert_eq!(advertised(&mut router[0]), [1800]);
    }
    router[0].engine.set_role(Role::Host);
    let mut last = Vec::new();
    for now in (40_000..2_000_000).step_by(500) {
        router[0].poll(now);
        last.extend(advertised(&mut router[0]));
    }
    assert_eq!(last, [0]);
}

/// RFC 4862 §5.4: nothing is sent from an address that is being checked still.
#[test]
fn no_router_is_solicited_or_advertised_before_the_address_is_checked() {
    for role in [Role::Host, Role::Router] {
        let mut node = Node::ethernet(1, role);
        let own = node.engine.link_local();
        node.engine
            .advertise_prefix(Instant(0), ip("2001:db8::"), 64, Instant::NEVER, Instant::NEVER)
            .unwrap();
        node.does(0, |engine, cx| engine.solicit_routers(cx));
        let mut spoken = None;
        for now in (0..3000).step_by(50) {
            node.poll(now);
            let ready = node.engine.addresses.is_own(&own);
            for (_, bytes) in core::mem::take(&mut node.out.packets) {
                assert!(ready || bytes[8..24] == [0; 16], "{now}: type {}", bytes[40]);
                spoken = spoken.or((bytes[8..24] == own.0).then_some(now));
            }
        }
        assert!(spoken.is_some_and(|at| at <= 2000), "{role:?} {spoken:?}");
    }
}

/// However many pretend to be routers, there is room for a neighbour afterwards.
#[test]
fn a_flood_of_advertisements_leaves_room_for_neighbours() {
    let mut host = settled_host(400);
    for number in 10..60 {
        let source = ethernet(number).link_local();
        let mut body = advertisement(1800, 3600, 3600).split_off(40)[4..].to_vec();
        body.extend([1, 1, 2, 0, 0, 0, 0, number]);
        let message = icmp(source, ip("ff02::1"), kind::ROUTER_ADVERTISEMENT, 0, &body);
        let bytes = packet(source, ip("ff02::1"), 58, 255, &message);
        host.receive(3000, ethernet(number), true, &bytes);
        host.poll(3000);
    }
    host.out.packets.clear();
    for neighbour in 3..6 {
        host.ping(4000, ethernet(neighbour).link_local(), 1).unwrap();
        host.poll(4000);
        neighbor(&mut host, 4000, neighbour, kind::NEIGHBOR_ADVERTISEMENT, Neighbor::SOLICITED);
        assert_eq!(pinged(&mut host), [(ethernet(neighbour), 1)]);
    }
}

/// RFC 4862 §5.5.3: a longer life is believed at once, and what is preferred for longer than it is valid is ignored.
#[test]
fn a_prefix_lengthens_the_life_of_its_address() {
    let mut host = settled_host(0);
    let own = ip("2001:db8::ff:fe00:2");
    host.receive(3000, ethernet(1), true, &advertisement(1800, 100, 101));
    assert!(host.engine.addresses.find(&own).is_none());
    for (at, until) in [(3000, 3_603_000), (1_803_000, 5_403_000)] {
        host.receive(at, ethernet(1), true, &advertisement(1800, 3600, 3600));
        assert_eq!(host.engine.addresses.find(&own).unwrap().valid_until, Instant(until));
    }
}

/// RFC 4861 §6.2.6, §7.2.5: what messages change, and what they do not.
#[test]
fn what_is_told_of_neighbours_is_taken_over_as_far_as_it_says() {
    let mut host = settled_host(400);
    let own = host.engine.link_local();
    let neighbour = ethernet(3).link_local();
    host.ping(3000, neighbour, 1).unwrap();
    // Without a link address, it does not say where it is.
    let mut body = vec![Neighbor::SOLICITED | Neighbor::OVERRIDE, 0, 0, 0];
    body.extend(neighbour.0);
    let message = icmp(neighbour, own, kind::NEIGHBOR_ADVERTISEMENT, 0, &body);
    host.receive(3000, ethernet(3), false, &packet(neighbour, own, 58, 255, &message));
    assert_eq!(host.engine.neighbours.find(&neighbour).unwrap().state, NeighbourState::Incomplete);
    neighbor(&mut host, 3000, 3, kind::NEIGHBOR_ADVERTISEMENT, Neighbor::SOLICITED);
    assert_eq!(pinged(&mut host), [(ethernet(3), 1)]);
    // Unasked, it may be elsewhere, but is not known to hear us there.
    let mut elsewhere = body.clone();
    elsewhere[0] = Neighbor::OVERRIDE;
    elsewhere.extend([2, 1, 2, 0, 0, 0, 0, 9]);
    let message = icmp(neighbour, own, kind::NEIGHBOR_ADVERTISEMENT, 0, &elsewhere);
    host.receive(3000, ethernet(9), false, &packet(neighbour, own, 58, 255, &message));
    let entry = host.engine.neighbours.find(&neighbour).unwrap();
    assert_eq!((entry.state, entry.link), (NeighbourState::Stale, ethernet(9)));
    // Who solicits routers is none.
    let mut router = Node::ethernet(1, Role::Router);
    let prefix = ip("2001:db8::");
    router.engine.advertise_prefix(Instant(0), prefix, 64, Instant::NEVER, Instant::NEVER).unwrap();
    router.engine.note_neighbour(Instant(0), &neighbour, ethernet(3), true).unwrap();
    let to = ip("ff02::2");
    let solicitation = icmp(neighbour, to, kind::ROUTER_SOLICITATION, 0, &[0; 4]);
    router.receive(0, ethernet(3), true, &packet(neighbour, to, 58, 255, &solicitation));
    assert!(!router.engine.neighbours.find(&neighbour).unwrap().router);
}

/// RFC 4862 §5.4.3: who looks for the owner of an address that is being checked does not claim it.
#[test]
fn a_tentative_address_that_is_looked_for_is_no_duplicate() {
    let mut host = Node::ethernet(2, Role::Host);
    host.poll(0);
    let own = host.engine.link_local();
    let (source, group) = (ethernet(3).link_local(), addresses::solicited_node(&own));
    let mut body = vec![0; 4];
    body.extend(own.0);
    let message = icmp(source, group, kind::NEIGHBOR_SOLICITATION, 0, &body);
    host.receive(500, ethernet(3), true, &packet(source, group, 58, 255, &message));
    assert!(host.took().is_empty());
    let mut host = [host];
    run(&mut host, 500, 2000);
    assert!(host[0].engine.addresses.is_own(&own));
}

/// RFC 4861 §6.2.6: nor does news make it advertise sooner than three seconds after the last time.
#[test]
fn news_of_prefixes_waits_for_its_turn() {
    let mut router = Node::ethernet(1, Role::Router);
    add(&mut router, "2001:db8::1");
    let mut times = Vec::new();
    for now in (0..15_000).step_by(100) {
        if now % 1000 == 0 {
            let prefix = ip("2001:db8::");
            router.engine.advertise_prefix(Instant(now), prefix, 64, Instant::NEVER, Instant::NEVER).unwrap();
        }
        router.poll(now);
        let packets = core::mem::take(&mut router.out.packets);
        times
            .extend(packets.iter().filter(|(_, bytes)| bytes[40] == kind::ROUTER_ADVERTISEMENT).map(|_| now));
    }
    assert!(times[0] <= 2000 && times.len() == 5, "{times:?}");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 3000), "{times:?}");
}

/// RFC 4862 §5.4: a router does not pass on, either, what is for an address that it checks.
#[test]
fn a_router_discards_what_is_for_an_address_that_it_checks() {
    let mut router = Node::ethernet(1, Role::Router);
    add(&mut router, "2001:db8::1");
    router.engine.advertise_prefix(Instant(0), ip("2001:db8::"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    let mut router = [router];
    run(&mut router, 0, 10_000);
    let [mut router] = router;
    let checked = ip("2001:db8::77");
    router.engine.add_address(Instant(10_000), checked, 64, Instant::NEVER, Instant::NEVER).unwrap();
    router.out.packets.clear();
    let before = router.engine.statistics().not_for_us;
    router.receive(10_000, ethernet(2), false, &echo_request(ip("2001:db8::2"), checked, 64));
    assert!(router.engine.neighbours.find(&checked).is_none() && router.out.packets.is_empty());
    assert_eq!(router.engine.statistics().not_for_us, before + 1);
    // Another has it: it is reached as any other neighbour is.
    neighbor(&mut router, 10_000, 0x77, kind::NEIGHBOR_ADVERTISEMENT, Neighbor::OVERRIDE);
    let mut body = vec![Neighbor::OVERRIDE, 0, 0, 0];
    body.extend(checked.0);
    let (source, all) = (ethernet(3).link_local(), ip("ff02::1"));
    let message = icmp(source, all, kind::NEIGHBOR_ADVERTISEMENT, 0, &body);
    router.receive(10_000, ethernet(3), true, &packet(source, all, 58, 255, &message));
    router.receive(10_000, ethernet(2), false, &echo_request(ip("2001:db8::2"), checked, 64));
    assert!(router.engine.neighbours.find(&checked).is_some());
}

/// RFC 4861 §6.2.2: a node that is a router again advertises itself again.
#[test]
fn a_router_that_was_a_host_for_a_while_advertises_itself_again() {
    let mut router = Node::ethernet(1, Role::Router);
    router.engine.advertise_prefix(Instant(0), ip("2001:db8::"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    let mut lifetimes = Vec::new();
    for now in (0..100_000).step_by(100) {
        match now {
            40_000 => router.engine.set_role(Role::Host),
            60_000 => router.engine.set_role(Role::Router),
            _ => {}
        }
        router.poll(now);
        let packets = core::mem::take(&mut router.out.packets);
        let all = packets.iter().filter(|(_, bytes)| bytes[40] == kind::ROUTER_ADVERTISEMENT);
        lifetimes.extend(all.map(|(_, bytes)| (now, u16::from_be_bytes([bytes[46], bytes[47]]))));
    }
    let from = |start: u64| lifetimes.iter().find(|(now, _)| *now >= start).copied();
    assert!(from(40_000).is_some_and(|(now, lifetime)| now < 44_000 && lifetime == 0), "{lifetimes:?}");
    assert!(from(60_000).is_some_and(|(now, lifetime)| now < 64_000 && lifetime == 1800), "{lifetimes:?}");
}

/// RFC 4862 §5.4.5: where somebody else has the address made from the link address, the interface is used no more.
#[test]
fn without_its_link_local_address_an_interface_is_silent() {
    let mut host = Node::ethernet(2, Role::Host);
    host.does(0, |engine, cx| engine.solicit_routers(cx));
    host.poll(0);
    let own = host.engine.link_local();
    let group = addresses::solicited_node(&own);
    let mut body = vec![0; 4];
    body.extend(own.0);
    let message = icmp(Ip::UNSPECIFIED, group, kind::NEIGHBOR_SOLICITATION, 0, &body);
    host.receive(0, ethernet(9), true, &packet(Ip::UNSPECIFIED, group, 58, 255, &message));
    assert_eq!(host.took(), [Seen::Duplicate(own)]);
    host.receive(100, ethernet(1), true, &advertisement(1800, 3600, 3600));
    for now in (100..20_000).step_by(100) {
        host.poll(now);
    }
    assert!(host.out.packets.is_empty());
    assert!(!host.engine.addresses.is_own(&ip("2001:db8::ff:fe00:2")));
    // The application takes it up again.
    host.does(20_000, |engine, cx| engine.remove_address(cx, &own)).unwrap();
    host.engine.add_address(Instant(20_000), own, 64, Instant::NEVER, Instant::NEVER).unwrap();
    let mut host = [host];
    run(&mut host, 20_000, 26_000);
    assert!(
        host[0].engine.addresses.is_own(&own) && host[0].engine.addresses.is_own(&ip("2001:db8::ff:fe00:2"))
    );
}

/// RFC 4861 §6.2.7: a router goes by no other's advertisements. One that was a host has no default router any more, and
/// looks for none.
#[test]
fn a_host_that_becomes_a_router_has_no_default_router() {
    let mut node = settled_host(400);
    node.receive(3000, ethernet(1), true, &advertisement(1800, 3600, 3600));
    node.poll(3000);
    assert_eq!(node.took(), [Seen::RouterFound(ethernet(1).link_local())]);
    node.does(3000, |engine, cx| engine.solicit_routers(cx));
    node.engine.set_role(Role::Router);
    node.out.packets.clear();
    for now in (3000..300_000).step_by(500) {
        node.poll(now);
    }
    assert!(node.took().contains(&Seen::RouterLost));
    assert_eq!(node.engine.routers().count(), 0);
    assert!(node.out.packets.iter().all(|(_, bytes)| bytes[40] != kind::ROUTER_SOLICITATION));
}
