// SPDX-License-Identifier: MIT OR Apache-2.0
//! Delivery, forwarding and ICMPv6 errors.

use super::*;

#[test]
fn the_plan_is_exact() {
    let config = config(eui64(1), Medium::Ieee802154, Role::Router);
    let bytes = Ipv6::plan(&config).bytes();
    let mut memory = vec![0u8; bytes + 8];
    let start = memory.as_ptr().align_offset(8);
    // The plan holds for a block of any alignment, so for an aligned one it is up to 7 too much.
    assert!(Ipv6::new(&mut memory[start..start + bytes], &config, Instant(0)).is_ok());
    assert_eq!(
        Ipv6::new(&mut memory[start..start + bytes - 8], &config, Instant(0)).err(),
        Some(Error::NoMemory)
    );
    let mut memory = vec![0u8; bytes];
    let nameless = Config { link_address: LinkAddress::None, ..config };
    assert_eq!(Ipv6::new(&mut memory, &nameless, Instant(0)).err(), Some(Error::Invalid));
}

#[test]
fn neighbours_ping_each_other_by_link_local_address() {
    let mut nodes = [Node::lowpan(1, Role::Host), Node::lowpan(2, Role::Host)];
    let peer = nodes[1].engine.link_local();
    nodes[0].ping(5, peer, 3).unwrap();
    settle(&mut nodes, 5);
    assert_eq!(nodes[0].took(), [Seen::Reply(peer, 3, b"abcdefgh".to_vec())]);
    // All nodes answer a ping to all nodes, from an address of their own.
    nodes[0].ping(5, ip("ff02::1"), 4).unwrap();
    settle(&mut nodes, 5);
    assert_eq!(nodes[0].took(), [Seen::Reply(peer, 4, b"abcdefgh".to_vec())]);
}

#[test]
fn udp_reaches_the_socket_that_fits_best() {
    let mut nodes = [Node::lowpan(1, Role::Host), Node::lowpan(2, Role::Host)];
    let (a, b) = (nodes[0].engine.link_local(), nodes[1].engine.link_local());
    let from = nodes[0].engine.udp_open(Ip::UNSPECIFIED, 0).unwrap();
    let any = nodes[1].engine.udp_open(Ip::UNSPECIFIED, 5683).unwrap();
    assert_eq!(nodes[1].engine.udp_open(b, 5683), Err(Error::AddressInUse));
    let port = nodes[0].engine.udp_socket(from).unwrap().port;
    assert!(port >= 49152);
    let path = Path::to(SocketAddress::new(b, 5683));
    nodes[0].does(0, |engine, cx| engine.udp_send(cx, from, &path, b"hello")).unwrap();
    settle(&mut nodes, 0);
    let path = Path { remote: SocketAddress::new(a, port), local: b };
    assert_eq!(nodes[1].took(), [Seen::Udp(path, b"hello".to_vec())]);
    let group = Path::to(SocketAddress::new(ip("ff02::fd"), 5683));
    nodes[0].does(0, |engine, cx| engine.udp_send(cx, from, &group, b"all")).unwrap();
    settle(&mut nodes, 0);
    assert!(nodes[1].took().is_empty(), "a group that was not joined");
    nodes[1].engine.join_group(ip("ff02::fd")).unwrap();
    nodes[0].does(0, |engine, cx| engine.udp_send(cx, from, &group, b"all")).unwrap();
    settle(&mut nodes, 0);
    assert_eq!(nodes[1].took().len(), 1);
    nodes[1].engine.udp_close(any).unwrap();
    assert_eq!(nodes[1].engine.udp_close(any), Err(Error::Stale));
    let path = Path::to(SocketAddress::new(b, 5683));
    nodes[0].does(0, |engine, cx| engine.udp_send(cx, from, &path, b"hello")).unwrap();
    settle(&mut nodes, 0);
    assert_eq!(nodes[0].took(), [Seen::Error(b, 1, 4, 0)], "port unreachable");
    // Larger ones go in fragments, where there are these.
    let too_large = if cfg!(feature = "reassembly") { 1489 } else { 1233 };
    assert_eq!(
        nodes[0].does(0, |engine, cx| engine.udp_send(cx, from, &path, &[0; 1489][..too_large])),
        Err(Error::TooLarge)
    );
    assert_eq!(nodes[0].engine.udp_max_size(), 1232);
}

/// RFC 4443 §2.4 (e).
#[test]
fn no_error_about_multicast_errors_or_nobody() {
    let mut node = Node::lowpan(1, Role::Host);
    let own = node.engine.link_local();
    let peer = eui64(2).link_local();
    let udp = [0, 1, 0, 2, 0, 9, 0, 0, 5];
    let sum = crate::checksum::transport(&peer, &own, 17, &udp);
    let mut datagram = udp;
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    node.receive(0, eui64(2), false, &packet(peer, own, 17, 64, &datagram));
    assert_eq!(error_in(&mut node).unwrap().1, 1, "the packet as such is answered");
    // To a link-layer multicast address.
    node.receive(0, eui64(2), true, &packet(peer, own, 17, 64, &datagram));
    assert_eq!(error_in(&mut node), None);
    // From nobody, or from a group.
    let mut nobody = udp;
    let sum = crate::checksum::transport(&Ip::UNSPECIFIED, &own, 17, &udp);
    nobody[6..8].copy_from_slice(&sum.to_be_bytes());
    node.receive(0, eui64(2), false, &packet(Ip::UNSPECIFIED, own, 17, 64, &nobody));
    assert_eq!(error_in(&mut node), None);
    node.receive(0, eui64(2), false, &packet(ip("ff02::1"), own, 17, 64, &datagram));
    assert_eq!(error_in(&mut node), None);
    // About an error: an unknown option in front of an ICMPv6 error message.
    let error = icmp(peer, own, 1, 4, &[0; 48]);
    let mut options = vec![58, 0, 0x9e, 0, 1, 2, 0, 0];
    options.extend_from_slice(&error);
    node.receive(0, eui64(2), false, &packet(peer, own, 60, 64, &options));
    assert_eq!(error_in(&mut node), None);
    // The same before an echo request is reported, pointing at the option; even to a group.
    let request = icmp(peer, ip("ff02::1"), 128, 0, &[0; 8]);
    let mut options = vec![58, 0, 0x9e, 0, 1, 2, 0, 0];
    options.extend_from_slice(&request);
    node.receive(0, eui64(2), true, &packet(peer, ip("ff02::1"), 60, 64, &options));
    let (to, kind, code, pointer, invoking) = error_in(&mut node).unwrap();
    assert_eq!((to, kind, code, pointer), (peer, 4, 2, 42));
    assert_eq!(invoking[40..48], options[..8]);
    assert!(node.engine.statistics().errors_suppressed >= 3);
}

/// RFC 4443 §2.4 (a) and (b).
#[test]
fn unknown_errors_are_told_and_other_unknown_messages_dropped() {
    let mut node = Node::lowpan(1, Role::Host);
    let own = node.engine.link_local();
    let peer = eui64(2).link_local();
    let mut body = vec![0; 4];
    body.extend(packet(own, peer, 17, 64, &[0; 8]));
    for (kind, seen) in [
        (1, true),
        (2, true),
        (3, true),
        (4, true),
        (100, true),
        (101, true),
        (0, true),
        (127, true),
        (200, false),
        (255, false),
    ] {
        let message = icmp(peer, own, kind, 3, &body);
        node.receive(0, eui64(2), false, &packet(peer, own, 58, 64, &message));
        let expected = if seen { vec![Seen::Error(peer, kind, 3, 0)] } else { Vec::new() };
        assert_eq!(node.took(), expected, "{kind}");
        assert!(node.out.packets.is_empty(), "{kind}");
    }
}

/// RFC 4443 §2.2: replies and errors come from the address that the packet was for.
#[test]
fn replies_and_errors_come_from_the_address_that_was_asked() {
    let mut node = Node::lowpan(1, Role::Router);
    for own in ["fd00::1", "fd00::7"] {
        add(&mut node, own);
    }
    let peer = ip("fd00::ff:fe00:2");
    let route = Route::on_link(ip("fe80::ff:fe00:2"), LinkAddress::None);
    node.routing = Box::new(Fixed { routes: vec![(peer, Ok(route))], ..Fixed::default() });
    for own in ["fd00::1", "fd00::7"].map(ip) {
        for sent in [echo_request(peer, own, 9), packet(peer, own, 200, 9, &[0; 8])] {
            node.receive(0, LinkAddress::Short(2), false, &sent);
            let (_, bytes) = node.out.packets.pop().unwrap();
            let (header, _) = Header::parse(&bytes).unwrap();
            assert_eq!((header.source, header.destination), (own, peer));
        }
    }
}

/// RFC 4443 §2.4 (f).
#[test]
fn errors_are_limited_in_rate() {
    let mut node = Node::lowpan(1, Role::Host);
    let own = node.engine.link_local();
    let peer = eui64(2).link_local();
    for _ in 0..100 {
        node.receive(0, eui64(2), false, &packet(peer, own, 200, 64, &[0; 8]));
    }
    assert_eq!(node.out.packets.len(), 10);
    assert_eq!(node.engine.statistics().errors_suppressed, 90);
}

/// RFC 8200 §4: an unknown next header, and a hop-by-hop header in the wrong place.
#[test]
fn an_unknown_next_header_is_pointed_at() {
    let mut node = Node::lowpan(1, Role::Host);
    let own = node.engine.link_local();
    let peer = eui64(2).link_local();
    node.receive(0, eui64(2), false, &packet(peer, own, 200, 64, &[0; 8]));
    let (_, kind, code, pointer, _) = error_in(&mut node).unwrap();
    assert_eq!((kind, code, pointer), (4, 1, 6));
    let headers = [0, 0, 1, 4, 0, 0, 0, 0, 59, 0, 1, 4, 0, 0, 0, 0];
    node.receive(0, eui64(2), false, &packet(peer, own, 60, 64, &headers));
    let (_, kind, code, pointer, _) = error_in(&mut node).unwrap();
    assert_eq!((kind, code, pointer), (4, 1, 40));
}

/// CVE-2020-13986 and CVE-2023-29001 of other stacks: extension headers that never end.
#[test]
fn attack_extension_headers_without_end() {
    let mut node = Node::lowpan(1, Role::Host);
    let own = node.engine.link_local();
    let peer = eui64(2).link_local();
    let mut chain = Vec::new();
    for _ in 0..100 {
        chain.extend_from_slice(&[60, 0, 1, 4, 0, 0, 0, 0]);
    }
    node.receive(0, eui64(2), false, &packet(peer, own, 60, 64, &chain));
    assert!(node.out.packets.is_empty());
    assert_eq!(node.engine.statistics().malformed, 1);
    // Packets within packets.
    let mut inner = packet(peer, own, 59, 64, &[]);
    for _ in 0..20 {
        inner = packet(peer, own, 41, 64, &inner);
    }
    node.receive(0, eui64(2), false, &inner);
    assert_eq!(node.engine.statistics().malformed, 2);
}

#[test]
fn a_host_does_not_forward_and_a_router_does() {
    for role in [Role::Host, Role::Router] {
        let mut node = Node::lowpan(1, role);
        add(&mut node, "fd00::1");
        let peer = ip("fd00::ff:fe00:2");
        let next = Route::on_link(ip("fe80::ff:fe00:9"), LinkAddress::None);
        node.routing = Box::new(Fixed { routes: vec![(ip("fd01::9"), Ok(next))], ..Fixed::default() });
        node.receive(0, LinkAddress::Short(2), false, &echo_request(peer, ip("fd01::9"), 5));
        let packets = core::mem::take(&mut node.out.packets);
        if role == Role::Host {
            assert!(packets.is_empty());
            continue;
        }
        assert_eq!(packets[0].0, LinkDestination::Unicast(LinkAddress::Short(9)));
        assert_eq!(packets[0].1[7], 4, "one hop less");
        // RFC 4443 §3.3 and §3.1.
        let route = Route::on_link(ip("fe80::ff:fe00:2"), LinkAddress::None);
        let routes = vec![(ip("fd01::9"), Ok(next)), (peer, Ok(route))];
        node.routing = Box::new(Fixed { routes, ..Fixed::default() });
        for hop_limit in [0, 1] {
            node.receive(0, LinkAddress::Short(2), false, &echo_request(peer, ip("fd01::9"), hop_limit));
            let (to, kind, code, ..) = error_in(&mut node).unwrap();
            assert_eq!((to, kind, code), (peer, 3, 0));
        }
        node.receive(0, LinkAddress::Short(2), false, &echo_request(peer, ip("fd02::1"), 5));
        let (to, kind, code, ..) = error_in(&mut node).unwrap();
        assert_eq!((to, kind, code), (peer, 1, 0));
        // An address of the link does not leave it (RFC 4443 §3.1 code 2).
        let local = ip("fe80::ff:fe00:2");
        node.receive(0, LinkAddress::Short(2), false, &echo_request(local, ip("fd01::9"), 5));
        let (to, kind, code, ..) = error_in(&mut node).unwrap();
        assert_eq!((to, kind, code), (local, 1, 2));
    }
}

/// RFC 8200 §3.
#[test]
fn a_packet_that_has_arrived_needs_no_more_hops() {
    let mut node = Node::lowpan(1, Role::Router);
    let (own, peer) = (node.engine.link_local(), eui64(2).link_local());
    node.receive(0, eui64(2), false, &echo_request(peer, own, 0));
    assert_eq!(node.out.packets.pop().map(|(_, bytes)| bytes[40]), Some(kind::ECHO_REPLY));
}

/// A router on the way from `peer` to `fd01::9`.
fn between() -> (Node, Ip) {
    let mut node = Node::lowpan(1, Role::Router);
    add(&mut node, "fd00::1");
    let peer = ip("fd00::ff:fe00:2");
    let hop = |last: &str| Ok(Route::on_link(ip(last), LinkAddress::None));
    let routes = vec![(ip("fd01::9"), hop("fe80::ff:fe00:9")), (peer, hop("fe80::ff:fe00:2"))];
    node.routing = Box::new(Fixed { routes, ..Fixed::default() });
    (node, peer)
}

/// RFC 4443 §3.1: congestion is told by nobody.
#[test]
fn what_the_link_has_no_room_for_is_dropped_silently() {
    let (mut node, peer) = between();
    node.out.is_full = true;
    node.receive(0, LinkAddress::Short(2), false, &echo_request(peer, ip("fd01::9"), 5));
    node.out.is_full = false;
    node.poll(1000);
    assert!(node.out.packets.is_empty());
    assert_eq!((node.engine.statistics().link_refused, node.engine.statistics().errors_sent), (1, 0));
}

/// RFC 4443 §3.2.
#[test]
fn a_packet_too_big_for_the_link_is_reported_with_its_mtu() {
    let (mut node, peer) = between();
    node.receive(0, LinkAddress::Short(2), false, &packet(peer, ip("fd01::9"), 17, 9, &[0; 1241]));
    let (to, kind, code, mtu, invoking) = error_in(&mut node).unwrap();
    assert_eq!((to, kind, code, mtu), (peer, 2, 0, 1280));
    assert_eq!(invoking.len(), 1280 - 48, "the error itself fits the minimum MTU");
    node.receive(0, LinkAddress::Short(2), false, &packet(peer, ip("fd01::9"), 17, 9, &[0; 1240]));
    assert_eq!(node.out.packets.len(), 1);
}

/// RFC 4291 §2.5.2, §2.5.3, §2.7: what never leaves a node.
#[test]
fn nothing_is_sent_to_nobody_or_to_the_node_itself() {
    let mut node = Node::lowpan(1, Role::Host);
    add(&mut node, "fd00::1");
    let default = Route::on_link(ip("fe80::ff:fe00:9"), LinkAddress::None);
    for to in ["::", "::1", "ff01::1", "ff00::1"].map(ip) {
        node.routing = Box::new(Fixed { routes: vec![(to, Ok(default))], ..Fixed::default() });
        assert_eq!(node.ping(0, to, 1), Err(Error::Unreachable), "{to:?}");
        assert!(node.out.packets.is_empty(), "{to:?}");
    }
    node.ping(0, ip("ff02::1"), 1).unwrap();
    assert_eq!(node.out.packets.len(), 1);
}

/// RFC 8200 §4.2: options are a matter of those that a packet is for, or that send it on; nobody else answers.
#[test]
fn who_only_overhears_a_packet_does_not_report_its_options() {
    let peer = eui64(2).link_local();
    // Of the two that ask for a report, the second is not to be reported when it came to many (RFC 4443 §2.4 (e)).
    let mut node = Node::lowpan(1, Role::Host);
    for (kind, multicast, told) in
        [(0x9e, false, true), (0xde, false, true), (0x9e, true, true), (0xde, true, false)]
    {
        let own = node.engine.link_local();
        node.receive(0, eui64(2), multicast, &packet(peer, own, 60, 64, &[59, 0, kind, 0, 1, 2, 0, 0]));
        assert_eq!(error_in(&mut node).is_some(), told, "{kind:x} {multicast}");
    }
    let options = [59, 0, 0x9e, 0, 1, 2, 0, 0];
    for (role, destination, multicast, told) in [
        (Role::Host, ip("ff02::fd"), true, false),
        (Role::Router, ip("ff02::fd"), true, false),
        (Role::Host, ip("ff02::1"), true, true),
        (Role::Host, eui64(9).link_local(), false, false),
        (Role::Router, ip("fd00::9"), true, false),
        (Role::Router, ip("fd00::9"), false, true),
        (Role::Host, eui64(1).link_local(), false, true),
    ] {
        let mut node = Node::lowpan(1, role);
        node.receive(0, eui64(2), multicast, &packet(peer, destination, 0, 64, &options));
        let reported = error_in(&mut node).map(|(to, kind, code, ..)| (to, kind, code));
        assert_eq!(reported, told.then_some((peer, 4, 2)), "{role:?} {destination:?} {multicast}");
        assert_eq!(node.engine.statistics().not_for_us, u32::from(!told));
    }
}

/// RFC 4862 §5.4, RFC 6775 §5.5: an address that is not registered yet is good for that alone.
#[test]
fn a_tentative_address_takes_nothing_in_but_neighbour_discovery() {
    let mut node = Node::lowpan(1, Role::Host);
    let own = ip("fd00::1");
    node.engine.add_address(Instant(0), own, 64, Instant::NEVER, Instant::NEVER).unwrap();
    node.engine.udp_open(Ip::UNSPECIFIED, 2).unwrap();
    assert!(!node.engine.addresses.is_own(&own));
    let peer = eui64(2).link_local();
    let mut datagram = [0, 1, 0, 2, 0, 9, 0, 0, 5];
    let sum = crate::checksum::transport(&peer, &own, 17, &datagram);
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    for bytes in [
        echo_request(peer, own, 64),
        packet(peer, own, 17, 64, &datagram),
        packet(peer, own, 200, 64, &[0; 8]),
    ] {
        node.receive(0, eui64(2), false, &bytes);
        assert_eq!((node.took(), node.out.packets.len()), (vec![], 0));
    }
    assert_eq!((node.engine.statistics().not_for_us, node.engine.statistics().delivered), (3, 0));
}

/// RFC 8200 §5: without discovery of the MTU of ways, no packet exceeds what every link carries.
#[test]
fn own_packets_have_at_most_1280_bytes() {
    let large = Config { packet: 1500, ..config(eui64(1), Medium::Ieee802154, Role::Host) };
    let mut node = Node::with(large);
    node.out.mtu = 1500;
    let to = eui64(2).link_local();
    let ping = |node: &mut Node, length: usize| {
        let echo = Echo { identifier: 9, sequence: 1, data: &[0; 1500][..length - 48] };
        node.does(0, |engine, cx| engine.ping(cx, &to, None, &echo))
    };
    ping(&mut node, 1280).unwrap();
    assert_eq!(node.out.packets.pop().unwrap().1.len(), 1280);
    let expected = if cfg!(feature = "reassembly") { Ok(()) } else { Err(Error::TooLarge) };
    assert_eq!(ping(&mut node, 1281), expected);
    assert!(node.out.packets.iter().all(|(_, bytes)| bytes.len() <= 1280));
}
