// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the routing protocol has done to packets.

use super::*;

fn rpl_header(next: u8, kind: u8) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    let mut out = Writer::new(&mut bytes);
    out.put(&[next, 0]).unwrap();
    HeaderOption { kind, data: &[0, 0, 1, 0], offset: 0 }.emit(&mut out).unwrap();
    finish_options(&mut out, 0).unwrap();
    out.finish().to_vec()
}

#[test]
fn headers_of_the_routing_protocol_go_into_own_packets() {
    let mut node = Node::lowpan(1, Role::Router);
    add(&mut node, "fd00::1");
    let to = ip("fd00::9");
    let hop = ip("fe80::ff:fe00:5");
    let encapsulation = Encapsulation::Insert { destination: to };
    let route = Route { next_hop: hop, link: LinkAddress::None, encapsulation };
    node.routing =
        Box::new(Fixed { routes: vec![(to, Ok(route))], headers: rpl_header(0, 0x63), ..Fixed::default() });
    node.ping(0, to, 1).unwrap();
    let (link, bytes) = node.out.packets.pop().unwrap();
    assert_eq!(link, LinkDestination::Unicast(LinkAddress::Short(5)));
    let (header, payload) = Header::parse(&bytes).unwrap();
    assert_eq!((header.next_header, header.destination, header.source), (0, to, ip("fd00::1")));
    assert_eq!(payload[..8], rpl_header(58, 0x63));
    assert!(Icmpv6::parse(&header.source, &to, &payload[8..]).is_ok());

    // A source route behind it, the first hop in the header.
    let mut headers = rpl_header(43, 0x63);
    headers.extend_from_slice(&[0, 2, 3, 1, 0, 0, 0, 0]);
    headers.extend_from_slice(&to.0);
    let first = ip("fd00::ff:fe00:5");
    let encapsulation = Encapsulation::Insert { destination: first };
    let route = Route { next_hop: first, link: LinkAddress::None, encapsulation };
    node.routing =
        Box::new(Fixed { routes: vec![(to, Ok(route))], headers: headers.clone(), ..Fixed::default() });
    node.ping(0, to, 1).unwrap();
    let (_, bytes) = node.out.packets.pop().unwrap();
    let (header, payload) = Header::parse(&bytes).unwrap();
    headers[8] = 58;
    assert_eq!((header.destination, &payload[..32]), (first, &headers[..]));
    assert!(Icmpv6::parse(&header.source, &to, &payload[32..]).is_ok(), "the checksum is for the last");
}

#[test]
fn a_tunnel_begins_at_the_root_and_ends_at_its_exit() {
    let mut root = Node::lowpan(1, Role::BorderRouter);
    add(&mut root, "fd00::1");
    let to = ip("fd00::9");
    let mut headers = vec![0, 2, 3, 1, 0, 0, 0, 0];
    headers.extend_from_slice(&to.0);
    let first = ip("fd00::ff:fe00:5");
    let encapsulation = Encapsulation::Tunnel { destination: first, segments_left: 1 };
    let route = Route { next_hop: first, link: LinkAddress::None, encapsulation };
    root.routing = Box::new(Fixed { routes: vec![(to, Ok(route))], headers, ..Fixed::default() });
    let mut request = echo_request(ip("2001:db8::1"), to, 9);
    let arrival = Arrival { outside: true, ..Arrival::default() };
    assert!(root.does(0, |engine, cx| engine.receive(cx, arrival, &mut request).is_none()));
    let (link, bytes) = root.out.packets.pop().unwrap();
    assert_eq!(link, LinkDestination::Unicast(LinkAddress::Short(5)));
    let (outer, payload) = Header::parse(&bytes).unwrap();
    assert_eq!((outer.source, outer.destination, outer.next_header), (ip("fd00::1"), first, 43));
    let (inner, _) = Header::parse(&payload[24..]).unwrap();
    // RFC 6554 §4.1: one for the root and one for the segment.
    assert_eq!((inner.destination, inner.hop_limit), (to, 7));

    // The hop on the way.
    let mut middle = Node::lowpan(5, Role::Router);
    add(&mut middle, "fd00::ff:fe00:5");
    let on = Route::on_link(to, LinkAddress::Short(9));
    middle.routing = Box::new(Fixed { routes: vec![(to, Ok(on))], allow: true, ..Fixed::default() });
    middle.receive(0, eui64(1), false, &bytes);
    let (link, bytes) = middle.out.packets.pop().unwrap();
    assert_eq!(link, LinkDestination::Unicast(LinkAddress::Short(9)));
    let (outer, payload) = Header::parse(&bytes).unwrap();
    assert_eq!((outer.destination, payload[3], outer.hop_limit), (to, 0, 63));

    // The exit answers what was inside.
    let mut exit = Node::lowpan(9, Role::Router);
    add(&mut exit, "fd00::9");
    let back = Route::on_link(ip("fe80::ff:fe00:5"), LinkAddress::None);
    exit.routing =
        Box::new(Fixed { routes: vec![(ip("2001:db8::1"), Ok(back))], allow: true, ..Fixed::default() });
    exit.receive(0, LinkAddress::Short(5), false, &bytes);
    let (_, reply) = exit.out.packets.pop().unwrap();
    let (header, payload) = Header::parse(&reply).unwrap();
    assert_eq!((header.destination, header.source, payload[0]), (ip("2001:db8::1"), to, 129));

    // Without a way to the next segment: code 7 to who made the route (RFC 6554 §4.2).
    middle.routing = Box::new(Fixed {
        routes: vec![
            (to, Err(NoRoute::Unreachable)),
            (ip("fd00::1"), Ok(Route::on_link(ip("fe80::1"), LinkAddress::None))),
        ],
        allow: true,
        ..Fixed::default()
    });
    let mut again = echo_request(ip("2001:db8::1"), to, 9);
    root.does(0, |engine, cx| engine.receive(cx, arrival, &mut again).is_none());
    let (_, bytes) = root.out.packets.pop().unwrap();
    middle.receive(0, eui64(1), false, &bytes);
    let reported = middle.out.packets.last().unwrap().1.clone();
    let (to_whom, kind, code, _, invoking) = error_in(&mut middle).unwrap();
    assert_eq!((to_whom, kind, code), (ip("fd00::1"), 1, 7));
    // RFC 6550 §11.2.2.3: the destination is the hop that could not be reached.
    assert_eq!(invoking[24..40], to.0);
    root.receive(0, eui64(5), false, &reported);
    assert!(matches!(root.took()[..], [Seen::Error(_, 1, 7, 0)]));
}

#[test]
fn the_rpl_option_is_checked_on_the_way_and_stays_inside() {
    let mut root = Node::lowpan(1, Role::BorderRouter);
    add(&mut root, "fd00::1");
    let outside = ip("2001:db8::1");
    let source = ip("fd00::9");
    let request = icmp(source, outside, 128, 0, &[0; 8]);
    for kind in [0x63, 0x23] {
        let mut payload = rpl_header(58, kind);
        payload.extend_from_slice(&request);
        let whole = packet(source, outside, 0, 64, &payload);
        let routes = vec![(outside, Err(NoRoute::Outside))];
        root.routing = Box::new(Fixed { routes: routes.clone(), allow: true, ..Fixed::default() });
        root.receive(0, eui64(2), false, &whole);
        let out = root.out.outside.pop().unwrap();
        assert_eq!(out, packet(source, outside, 58, 63, &request), "without the header");
        root.routing = Box::new(Fixed { routes, allow: false, ..Fixed::default() });
        root.receive(0, eui64(2), false, &whole);
        assert!(root.out.outside.is_empty());
        // A node without RPL goes by the option's type: 0x63 says to discard (RFC 9008 §3).
        let mut host = Node::lowpan(3, Role::Host);
        let own = host.engine.link_local();
        let peer = eui64(2).link_local();
        let mut payload = rpl_header(58, kind);
        payload.extend_from_slice(&icmp(peer, own, 128, 0, &[0; 8]));
        host.receive(0, eui64(2), false, &packet(peer, own, 0, 64, &payload));
        assert_eq!(host.out.packets.len(), usize::from(kind == 0x23));
    }
    assert_eq!(root.engine.statistics().routing_dropped, 2);
    // The border router's own packets leave by the same door.
    root.routing = Box::new(Fixed { routes: vec![(outside, Err(NoRoute::Outside))], ..Fixed::default() });
    root.ping(0, outside, 1).unwrap();
    assert_eq!(root.out.outside.len(), 1);
}

/// RFC 6550 §11.2.2.2: the second look at the same option would find the mark of the first.
#[test]
fn a_source_route_that_ends_with_addresses_of_ours_has_its_rpl_option_checked_once() {
    let mut node = Node::lowpan(1, Role::Router);
    add(&mut node, "fd00::1");
    add(&mut node, "fd00::2");
    let peer = ip("fd00::9");
    let back = Route::on_link(peer, LinkAddress::Short(9));
    node.routing = Box::new(Fixed { routes: vec![(peer, Ok(back))], once: true, ..Fixed::default() });
    let mut payload = rpl_header(43, 0x63);
    payload.truncate(8);
    payload.extend_from_slice(&[58, 2, 3, 1, 0, 0, 0, 0]);
    payload.extend_from_slice(&ip("fd00::2").0);
    payload.extend(icmp(peer, ip("fd00::2"), 128, 0, &[0, 1, 0, 2, 7]));
    node.receive(0, eui64(2), false, &packet(peer, ip("fd00::1"), 0, 9, &payload));
    let (_, reply) = node.out.packets.pop().unwrap();
    let (header, payload) = Header::parse(&reply).unwrap();
    assert_eq!((header.source, header.destination, payload[0]), (ip("fd00::2"), peer, 129));
    assert_eq!(node.engine.statistics().delivered, 1);

    // By such a route nothing from beyond the link comes to an address of the link (RFC 4291 §2.5.6).
    node.routing = Box::new(Fixed { routes: vec![(peer, Ok(back))], allow: true, ..Fixed::default() });
    for last in [ip("fd00::2"), node.engine.link_local()] {
        let mut payload = vec![58, 2, 3, 1, 0, 0, 0, 0];
        payload.extend_from_slice(&last.0);
        payload.extend(icmp(peer, last, 128, 0, &[0, 1, 0, 2, 7]));
        let inner = packet(peer, ip("fd00::1"), 43, 9, &payload);
        node.receive(0, eui64(2), false, &packet(peer, ip("fd00::1"), 41, 9, &inner));
        assert_eq!(node.out.packets.pop().is_some(), !last.is_link_local());
    }
    assert_eq!(node.engine.statistics().malformed, 1);
}

/// RFC 6554 §5, and §3 for groups.
#[test]
fn a_source_route_neither_enters_nor_leaves_the_mesh_nor_goes_to_a_group() {
    let mut root = Node::lowpan(1, Role::BorderRouter);
    add(&mut root, "fd00::1");
    let (outside, own, group) = (ip("2001:db8::1"), ip("fd00::1"), ip("ff02::1"));
    let on = Route::on_link(ip("fe80::5"), LinkAddress::Short(5));
    let routes = vec![(outside, Err(NoRoute::Outside)), (ip("fd00::5"), Ok(on))];
    root.routing = Box::new(Fixed { routes, allow: true, ..Fixed::default() });
    let with_route = |source, destination, left| {
        let mut payload = vec![59, 2, 3, left, 0, 0, 0, 0];
        payload.extend(ip("fd00::5").0);
        packet(source, destination, 43, 64, &payload)
    };
    let arrival = Arrival { outside: true, ..Arrival::default() };
    let mut entering = with_route(outside, own, 1);
    assert!(root.does(0, |engine, cx| engine.receive(cx, arrival, &mut entering).is_none()));
    root.receive(0, eui64(2), true, &with_route(ip("fd00::9"), group, 1));
    root.receive(0, eui64(2), false, &with_route(ip("fd00::9"), outside, 0));
    assert!(root.out.packets.is_empty() && root.out.outside.is_empty());
    assert_eq!(root.engine.statistics().malformed, 3);
    // Within the mesh it is followed.
    root.receive(0, eui64(2), false, &with_route(ip("fd00::9"), own, 1));
    assert_eq!(root.out.packets.len(), 1);
}

#[test]
fn a_packet_that_cannot_go_down_goes_back_with_its_mark() {
    let mut node = Node::lowpan(1, Role::Router);
    add(&mut node, "fd00::1");
    let to = ip("fd00::9");
    node.routing =
        Box::new(Fixed { routes: vec![(to, Err(NoRoute::Return))], allow: true, ..Fixed::default() });
    let mut payload = rpl_header(59, 0x63);
    payload.truncate(8);
    node.receive(0, LinkAddress::Short(4), false, &packet(ip("fd00::5"), to, 0, 9, &payload));
    let (link, bytes) = node.out.packets.pop().unwrap();
    assert_eq!(link, LinkDestination::Unicast(LinkAddress::Short(4)));
    assert_eq!((bytes[44], bytes[7]), (0x80, 8), "the mark that the routing protocol set");
}

#[test]
fn a_routing_header_that_nobody_knows_is_pointed_at() {
    let mut node = Node::lowpan(1, Role::Router);
    let own = node.engine.link_local();
    let peer = eui64(2).link_local();
    // RFC 8200 §4.4; RFC 5095 for type 0.
    let mut payload = vec![59, 2, 0, 1, 0, 0, 0, 0];
    payload.extend_from_slice(&[0xfd; 16]);
    node.receive(0, eui64(2), false, &packet(peer, own, 43, 64, &payload));
    let (_, kind, code, pointer, _) = error_in(&mut node).unwrap();
    assert_eq!((kind, code, pointer), (4, 0, 42));
    // With no segments left it is skipped.
    payload[3] = 0;
    node.receive(0, eui64(2), false, &packet(peer, own, 43, 64, &payload));
    assert!(node.out.packets.is_empty());
}

#[test]
fn control_messages_reach_the_routing_protocol_and_leave_by_its_way() {
    let mut node = Node::lowpan(2, Role::Router);
    let own = node.engine.link_local();
    let peer = eui64(1).link_local();
    let message = icmp(peer, own, 155, 1, b"dio");
    node.receive(0, eui64(1), false, &packet(peer, own, 58, 255, &message));
    assert_eq!(node.took(), [Seen::Control(1, b"dio".to_vec())]);
    let control = crate::ipv6::routing::ControlMessage {
        now: crate::time::Instant::ZERO,
        source: None,
        destination: &ip("ff02::1a"),
        code: 0,
        body: &[0, 0],
        route: None,
        headers: &[],
    };
    node.does(0, |engine, cx| engine.send_control(cx, &control)).unwrap();
    let (to, bytes) = node.out.packets.pop().unwrap();
    assert_eq!(to, LinkDestination::Multicast(ip("ff02::1a")));
    assert_eq!(bytes, packet(own, ip("ff02::1a"), 58, 255, &icmp(own, ip("ff02::1a"), 155, 0, &[0, 0])));
}

/// There is no loop within the node, and none over the air.
#[test]
fn nothing_is_sent_to_an_address_of_our_own() {
    for mut node in
        [Node::lowpan(1, Role::Host), Node::lowpan(1, Role::Router), Node::ethernet(1, Role::Host)]
    {
        add(&mut node, "fd00::1");
        for now in [10_000, 20_000] {
            node.poll(now);
        }
        let link_local = node.engine.link_local();
        let socket = node.engine.udp_open(Ip::UNSPECIFIED, 5683).unwrap();
        node.out.packets.clear();
        for own in [link_local, ip("fd00::1")] {
            // That of the host on IEEE 802.15.4 is not registered.
            if !node.engine.addresses.is_own(&own) {
                continue;
            }
            let fixed = Fixed {
                routes: vec![(own, Ok(Route::on_link(ip("fe80::5"), LinkAddress::Short(5))))],
                allow: true,
                ..Fixed::default()
            };
            node.routing = Box::new(fixed);
            assert_eq!(node.ping(20_000, own, 1), Err(Error::Unreachable));
            let sent = node.does(20_000, |engine, cx| {
                let path = Path::to(SocketAddress::new(own, 5683));
                engine.udp_send(cx, socket, &path, b"hello")
            });
            assert_eq!(sent, Err(Error::Unreachable));
            // Nor is a request answered that somebody sent in our name.
            node.receive(20_000, eui64(2), false, &echo_request(own, own, 64));
            assert!(node.out.packets.is_empty());
        }
    }
}
