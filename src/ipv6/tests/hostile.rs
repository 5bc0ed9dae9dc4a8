// SPDX-License-Identifier: MIT OR Apache-2.0
//! Input of any kind.

use super::*;
use proptest::prelude::*;

fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let next =
        prop_oneof![Just(0u8), Just(17), Just(41), Just(43), Just(44), Just(58), Just(60), any::<u8>()];
    let body = proptest::collection::vec(any::<u8>(), 0..120);
    let kind = prop_oneof![1u8..5, 128u8..138, Just(155), Just(157), Just(158)];
    (next, body, kind, any::<bool>(), 0u8..4).prop_map(|(next, mut body, kind, valid, target)| {
        let source = eui64(2).link_local();
        let destination = match target {
            0 => ip("ff02::1"),
            1 => ip("fd00::1"),
            2 => ip("fd00::99"),
            _ => eui64(1).link_local(),
        };
        if next == 58 && valid {
            body = icmp(source, destination, kind, 0, &body);
        }
        packet(source, destination, next, 255, &body)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_packets_are_survived(
        packets in proptest::collection::vec(any_packet(), 1..20), role in 0u8..3, ethernet: bool,
    ) {
        let role = [Role::Host, Role::Router, Role::BorderRouter][usize::from(role)];
        let mut node = if ethernet { Node::ethernet(1, role) } else { Node::lowpan(1, role) };
        node.engine.add_address(Instant(0), ip("fd00::1"), 64, Instant::NEVER, Instant::NEVER).unwrap();
        node.routing = Box::new(Fixed { allow: true, ..Fixed::default() });
        for (index, bytes) in packets.iter().enumerate() {
            let now = index as u64 * 700;
            node.receive(now, eui64(2), false, bytes);
            for _ in 0..100 {
                if node.does(now, |engine, cx| engine.poll(cx).is_none()) {
                    break;
                }
            }
            for (_, sent) in node.out.packets.drain(..) {
                prop_assert!(Header::parse(&sent).is_ok() && sent.len() <= 1280);
            }
            prop_assert!(node.engine.next_deadline() > Instant(now));
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut node = Node::lowpan(1, Role::Router);
        node.receive(0, eui64(2), false, &bytes);
    }
}

/// RFC 4861 §6.1, §7.1: a tunnel does not bring what only neighbours can say, however its hop limit looks.
#[test]
fn neighbour_discovery_out_of_a_tunnel_is_refused() {
    let far = ip("2001:db8::1");
    let link_local = eui64(1).link_local();
    for (own, peer) in
        [(ip("fd00::1"), eui64(7).link_local()), (link_local, ip("fd00::7")), (ip("fd00::1"), ip("fd00::7"))]
    {
        let mut node = Node::lowpan(1, Role::Router);
        add(&mut node, "fd00::1");
        let mut body = vec![0; 12];
        RouterAdvertisement { router_lifetime: 60, ..RouterAdvertisement::default() }
            .emit(&mut Writer::new(&mut body))
            .unwrap();
        let mut solicitation = vec![0; 4];
        solicitation.extend(own.0);
        solicitation.extend([1, 2, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 0, 0, 0]);
        for (kind, body) in
            [(kind::ROUTER_ADVERTISEMENT, &body), (kind::NEIGHBOR_SOLICITATION, &solicitation)]
        {
            let inner = packet(peer, own, 58, 255, &icmp(peer, own, kind, 0, body));
            node.receive(0, eui64(2), false, &packet(far, ip("fd00::1"), 41, 64, &inner));
            assert!(node.took().is_empty() && node.out.packets.is_empty(), "{kind} from {peer:?}");
            assert!(node.engine.neighbours.find(&peer).is_none(), "{kind} from {peer:?}");
        }
        // Messages of routing between neighbours neither.
        let message = icmp(peer, own, kind::RPL_CONTROL, 1, b"dio");
        let inner = packet(peer, own, 58, 255, &message);
        node.receive(0, eui64(2), false, &packet(far, ip("fd00::1"), 41, 64, &inner));
        assert_eq!(node.took().is_empty(), peer.is_link_local() || own == link_local);
    }
    // What may travel far is taken out of it, unless it is for an address of the link.
    let mut node = Node::lowpan(1, Role::Router);
    add(&mut node, "fd00::1");
    for own in [ip("fd00::1"), link_local] {
        let inner = echo_request(far, own, 64);
        node.receive(0, eui64(2), false, &packet(far, ip("fd00::1"), 41, 64, &inner));
        assert_eq!(node.engine.statistics().delivered, 1);
    }
}

/// RFC 4007 §9, RFC 4291 §2.5.6: addresses of the link mean others on the host side of a border router.
#[test]
fn nothing_of_another_link_comes_from_the_host_side() {
    let mut root = Node::lowpan(1, Role::BorderRouter);
    add(&mut root, "fd00::1");
    let (neighbour, far, own) = (eui64(9).link_local(), ip("2001:db8::1"), root.engine.link_local());
    let on = Route::on_link(neighbour, LinkAddress::None);
    let routes = vec![(ip("fd00::9"), Ok(on)), (far, Err(NoRoute::Outside))];
    root.routing = Box::new(Fixed { routes, ..Fixed::default() });
    for (source, destination, told) in [
        (neighbour, ip("fd00::9"), (0, 0)),
        (neighbour, ip("fd00::1"), (0, 0)),
        (neighbour, own, (0, 0)),
        (far, own, (0, 0)),
        (far, neighbour, (0, 0)),
        (far, ip("fd00::9"), (1, 0)),
        (far, ip("fd00::1"), (0, 1)),
    ] {
        let mut request = echo_request(source, destination, 64);
        let arrival = Arrival { outside: true, ..Arrival::default() };
        assert!(root.does(0, |engine, cx| engine.receive(cx, arrival, &mut request).is_none()));
        let sent = (core::mem::take(&mut root.out.packets), core::mem::take(&mut root.out.outside));
        assert_eq!((sent.0.len(), sent.1.len()), told, "{source:?} {destination:?}");
    }
}
