// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fragments of packets (RFC 8200 §4.5), sent, put together, and made to do harm.

use super::*;
use crate::ipv6::wire::exthdr::Fragment;
use proptest::prelude::*;

/// A host that puts `packets` together at once.
fn host(number: u8, packets: u8) -> Node {
    let registers = false;
    Node::with(Config {
        reassemblies: packets,
        registers,
        ..config(eui64(number), Medium::Ieee802154, Role::Host)
    })
}

/// An echo request of so many bytes behind the IPv6 header, as its parts: offset, whether more
/// follow, bytes.
fn request(to: Ip, length: usize, cuts: &[usize]) -> Vec<(usize, bool, Vec<u8>)> {
    let body: Vec<u8> = (4..length).map(|at| at as u8).collect();
    let whole = icmp(peer(), to, kind::ECHO_REQUEST, 0, &body);
    parts(&whole, cuts)
}

fn parts(whole: &[u8], cuts: &[usize]) -> Vec<(usize, bool, Vec<u8>)> {
    let ends = cuts.iter().copied().chain([whole.len()]);
    let starts = [0].into_iter().chain(cuts.iter().copied());
    starts.zip(ends).map(|(from, to)| (from, to < whole.len(), whole[from..to].to_vec())).collect()
}

fn peer() -> Ip {
    eui64(2).link_local()
}

fn fragment(to: Ip, identification: u32, next_header: u8, part: &(usize, bool, Vec<u8>)) -> Vec<u8> {
    let (offset, more, bytes) = part;
    let mut payload = vec![0; Fragment::LEN];
    let header = Fragment { next_header, offset: *offset as u16, more: *more, identification };
    header.emit(&mut Writer::new(&mut payload)).unwrap();
    payload.extend_from_slice(bytes);
    packet(peer(), to, protocol::FRAGMENT, 64, &payload)
}

fn give(node: &mut Node, now: u64, identification: u32, part: &(usize, bool, Vec<u8>)) {
    let to = node.engine.link_local();
    node.receive(now, eui64(2), false, &fragment(to, identification, protocol::ICMPV6, part));
    node.poll(now);
}

/// What the node answers to an echo request, put together from however many fragments.
fn answered(node: &mut Node) -> Option<Vec<u8>> {
    let packets = core::mem::take(&mut node.out.packets);
    let mut whole: Vec<u8> = Vec::new();
    for (_, bytes) in &packets {
        let (header, payload) = Header::parse(bytes).unwrap();
        assert!(bytes.len() <= 1280);
        if header.next_header != protocol::FRAGMENT {
            whole.extend_from_slice(payload);
            continue;
        }
        let fragment = Fragment::parse(payload).unwrap();
        assert_eq!(usize::from(fragment.offset), whole.len());
        whole.extend_from_slice(&payload[8..]);
    }
    let message = Icmpv6::parse(&node.engine.link_local(), &peer(), &whole).ok()?;
    (message.kind == kind::ECHO_REPLY).then(|| message.body.to_vec())
}

#[test]
fn a_packet_of_1500_bytes_is_put_together_and_answered_in_fragments() {
    let mut node = host(1, 1);
    let own = node.engine.link_local();
    // In order, backwards, and with every fragment twice.
    for (identification, order) in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]].into_iter().enumerate() {
        let parts = request(own, 1460, &[504, 1000, 1240]);
        for index in order {
            give(&mut node, 0, identification as u32, &parts[index]);
            if index != *order.last().unwrap() {
                give(&mut node, 0, identification as u32, &parts[index]);
            }
        }
        let reply = answered(&mut node).unwrap();
        assert_eq!(reply, (4..1460).map(|at| at as u8).collect::<Vec<_>>());
    }
    assert_eq!(node.engine.statistics().reassembled, 3);
    assert_eq!(node.engine.statistics().reassembly_failed, 0);
}

#[test]
fn datagrams_up_to_1536_bytes_cross_in_fragments_and_larger_ones_are_refused() {
    let mut nodes = [host(1, 2), host(2, 2)];
    let (a, b) = (nodes[0].engine.link_local(), nodes[1].engine.link_local());
    let from = nodes[0].engine.udp_open(a, 5000).unwrap();
    nodes[1].engine.udp_open(Ip::UNSPECIFIED, 5683).unwrap();
    let data: Vec<u8> = (0..1489).map(|at| (at % 251) as u8).collect();
    let path = Path::to(SocketAddress::new(b, 5683));
    for length in [1232, 1233, 1300, 1452, 1488] {
        nodes[0].does(0, |engine, cx| engine.udp_send(cx, from, &path, &data[..length])).unwrap();
        assert_eq!(nodes[0].out.packets.len(), if length > 1232 { 2 } else { 1 });
        settle(&mut nodes, 0);
        let path = Path { remote: SocketAddress::new(a, 5000), local: b };
        assert_eq!(nodes[1].took(), [Seen::Udp(path, data[..length].to_vec())]);
    }
    let sent = nodes[0].does(0, |engine, cx| engine.udp_send(cx, from, &path, &data));
    assert_eq!(sent, Err(Error::TooLarge));
    // A datagram to a port that nobody listens to is answered like any other.
    let nowhere = Path::to(SocketAddress::new(b, 5684));
    nodes[0].does(0, |engine, cx| engine.udp_send(cx, from, &nowhere, &data[..1400])).unwrap();
    settle(&mut nodes, 0);
    assert_eq!(nodes[0].took(), [Seen::Error(b, 1, 4, 0)]);
}

/// Fragments along the way of a routing protocol have its headers each, in a tunnel or not.
#[test]
fn each_fragment_has_the_headers_of_its_way() {
    let mut node = host(1, 1);
    add(&mut node, "fd00::1");
    let (to, hop) = (ip("fd00::9"), ip("fd00::2"));
    let option = [0, 0, 0x63, 4, 0, 0, 1, 0];
    let data: Vec<u8> = (0..1400).map(|at| at as u8).collect();
    for encapsulation in [
        Encapsulation::Insert { destination: to },
        Encapsulation::Tunnel { destination: hop, segments_left: 0 },
    ] {
        let route = Route { next_hop: hop, link: eui64(2), encapsulation };
        node.routing =
            Box::new(Fixed { routes: vec![(to, Ok(route))], headers: option.to_vec(), ..Fixed::default() });
        let echo = Echo { identifier: 1, sequence: 2, data: &data };
        node.does(0, |engine, cx| engine.ping(cx, &to, None, &echo)).unwrap();
        let mut whole = Vec::new();
        for (_, bytes) in core::mem::take(&mut node.out.packets) {
            let (outer, mut payload) = Header::parse(&bytes).unwrap();
            assert_eq!((outer.next_header, &payload[1..8]), (protocol::HOP_BY_HOP, &option[1..]));
            let mut next = payload[0];
            payload = &payload[8..];
            if let Encapsulation::Tunnel { .. } = encapsulation {
                assert_eq!((outer.destination, next), (hop, protocol::IPV6));
                let (inner, rest) = Header::parse(payload).unwrap();
                assert!(inner.destination == to && rest.len() + 40 <= 1280);
                (next, payload) = (inner.next_header, rest);
            }
            assert_eq!(next, protocol::FRAGMENT);
            let fragment = Fragment::parse(payload).unwrap();
            assert_eq!(usize::from(fragment.offset), whole.len());
            whole.extend_from_slice(&payload[8..]);
        }
        let message = Icmpv6::parse(&ip("fd00::1"), &to, &whole).unwrap();
        assert_eq!(Echo::parse(message.body).unwrap(), echo);
    }
}

/// RFC 5722: no part of a packet whose fragments overlap is used, and nobody is told.
#[test]
fn overlapping_fragments_give_up_the_whole_packet_silently() {
    let overlaps: [&[(usize, usize, bool)]; 6] = [
        // A later fragment over an earlier one, from behind, from the front, within, and all of it.
        &[(0, 800, true), (792, 1000, false), (800, 1000, false)],
        &[(496, 1000, false), (0, 504, true), (0, 496, true)],
        &[(0, 800, true), (400, 408, true), (800, 1000, false)],
        &[(400, 408, true), (0, 800, true), (800, 1000, false)],
        // Two ends.
        &[(800, 1000, false), (800, 996, false), (0, 800, true)],
        // Something behind the end.
        &[(0, 400, true), (800, 1000, true), (400, 500, false)],
    ];
    for (identification, fragments) in overlaps.into_iter().enumerate() {
        let mut node = host(1, 1);
        let whole = request(node.engine.link_local(), 1000, &[]).remove(0).2;
        for (nth, (from, to, more)) in fragments.iter().enumerate() {
            let mut bytes = whole[*from..*to].to_vec();
            // What is said twice is not the same.
            if nth == 1 {
                bytes[0] ^= 1;
            }
            give(&mut node, 0, identification as u32, &(*from, *more, bytes));
        }
        assert_eq!(node.out.packets.len(), 0, "{identification}");
        assert_eq!(node.engine.statistics().reassembly_failed, 1);
        // What still comes is no new packet, and in the end nothing is said of it either.
        give(&mut node, 59_000, identification as u32, &(0, false, whole.clone()));
        node.poll(60_000);
        assert!(node.out.packets.iter().all(|(_, bytes)| bytes[40] == 129), "no error");
        assert_eq!(node.engine.next_deadline(), Instant::NEVER);
    }
}

#[test]
fn a_fragment_that_never_comes_is_told_of_if_the_first_has_come() {
    let mut node = host(1, 2);
    let own = node.engine.link_local();
    let parts = request(own, 1000, &[496]);
    give(&mut node, 0, 1, &parts[0]);
    give(&mut node, 10_000, 2, &parts[1]);
    assert_eq!(node.engine.next_deadline(), Instant(60_000));
    node.poll(59_999);
    assert_eq!(error_in(&mut node), None);
    node.poll(60_000);
    let (to, kind, code, _, invoking) = error_in(&mut node).unwrap();
    assert_eq!((to, kind, code), (peer(), 3, 1));
    assert_eq!(invoking, fragment(own, 1, protocol::ICMPV6, &parts[0]));
    node.poll(70_000);
    assert_eq!(error_in(&mut node), None);
    assert_eq!(node.engine.next_deadline(), Instant::NEVER);
    // Both places can be used again.
    give(&mut node, 80_000, 3, &parts[1]);
    give(&mut node, 80_000, 3, &parts[0]);
    assert!(answered(&mut node).is_some());
}

#[test]
fn malformed_fragments_are_pointed_at() {
    let mut node = host(1, 1);
    let own = node.engine.link_local();
    let whole = request(own, 1000, &[]).remove(0).2;
    // Bytes, offset, more, next header; code and pointer of the answer.
    type Case<'a> = (&'a [u8], usize, bool, u8, (u8, u32));
    let cases: [Case<'_>; 3] = [
        // Not a multiple of eight bytes: the payload length.
        (&whole[..499], 0, true, protocol::ICMPV6, (0, 4)),
        // Headers that go on in the second fragment.
        (&[protocol::UDP, 1, 1, 12, 0, 0, 0, 0], 0, true, protocol::DESTINATION_OPTIONS, (3, 0)),
        (&[protocol::UDP, 0, 1, 4, 0, 0, 0, 0], 0, true, protocol::DESTINATION_OPTIONS, (3, 0)),
    ];
    for (bytes, offset, more, next_header, expected) in cases {
        node.receive(0, eui64(2), false, &fragment(own, 1, next_header, &(offset, more, bytes.to_vec())));
        let (_, kind, code, pointer, _) = error_in(&mut node).unwrap();
        assert_eq!((kind, (code, pointer)), (4, expected));
    }
    // Behind 65,535 bytes the fragment offset is at fault, but what is it a fragment of? Not of an error,
    // one hopes: so nothing is said (RFC 4443 §2.4 (e.1)).
    give(&mut node, 0, 1, &(65_528, true, whole[..400].to_vec()));
    assert_eq!(error_in(&mut node), None);
    // Empty ones are good for nothing; neither is a place taken.
    give(&mut node, 0, 1, &(0, true, Vec::new()));
    give(&mut node, 0, 1, &(8, false, Vec::new()));
    assert_eq!(node.engine.next_deadline(), Instant::NEVER);
}

#[test]
fn more_packets_than_places_push_out_the_oldest_and_too_large_ones_nobody() {
    let mut node = host(1, 2);
    let own = node.engine.link_local();
    let parts = request(own, 1000, &[496]);
    for (at, identification) in [(0, 1), (1, 2), (2, 3)] {
        give(&mut node, at, identification, &parts[0]);
    }
    // One that would become larger than what there is room for.
    give(&mut node, 3, 4, &(1496, false, vec![0; 8]));
    give(&mut node, 3, 4, &(60_000, true, vec![0; 1200]));
    give(&mut node, 4, 1, &parts[1]);
    assert!(answered(&mut node).is_none(), "the first had to go");
    give(&mut node, 5, 3, &parts[1]);
    assert!(answered(&mut node).is_some());
}

/// RFC 6980, and what RPL sends is as small.
#[test]
fn neighbour_discovery_and_routing_in_fragments_are_not_listened_to() {
    let mut node = host(1, 1);
    let (own, mut body) = (node.engine.link_local(), vec![0; 20]);
    body[4..20].copy_from_slice(&own.0);
    for message in [135, kind::RPL_CONTROL] {
        let whole = icmp(peer(), own, message, 0, &body);
        for part in parts(&whole, &[16]).iter().chain(&parts(&whole, &[])) {
            let mut bytes = fragment(own, u32::from(message), protocol::ICMPV6, part);
            bytes[7] = 255;
            node.receive(0, eui64(2), false, &bytes);
            node.poll(0);
        }
        assert!(node.took().is_empty() && node.out.packets.is_empty());
        let mut bytes = packet(peer(), own, protocol::ICMPV6, 255, &whole);
        bytes[7] = 255;
        node.receive(0, eui64(2), false, &bytes);
        node.poll(0);
        assert_eq!(node.took().len() + core::mem::take(&mut node.out.packets).len(), 1, "without, they are");
    }
    assert_eq!(node.engine.statistics().reassembled, 2);
}

#[test]
fn without_places_fragments_are_an_unknown_header() {
    let mut node = Node::lowpan(1, Role::Host);
    let parts = request(node.engine.link_local(), 1000, &[496]);
    give(&mut node, 0, 1, &parts[0]);
    let (_, kind, code, pointer, _) = error_in(&mut node).unwrap();
    assert_eq!((kind, code, pointer), (4, 1, 6));
}

proptest! {
    /// However a packet is cut, and in whatever order the pieces come, it comes out as it was.
    #[test]
    fn any_cut_and_any_order_gives_the_packet(
        length in 100usize..1400,
        mut cuts in proptest::collection::btree_set(1usize..175, 0..8),
        order in any::<u64>(),
    ) {
        let mut node = host(1, 1);
        let own = node.engine.link_local();
        cuts.retain(|cut| cut * 8 < length);
        let cuts: Vec<usize> = cuts.into_iter().map(|cut| cut * 8).collect();
        let mut parts = request(own, length, &cuts);
        let mut left = order;
        while !parts.is_empty() {
            let next = (left as usize) % parts.len();
            left = left.rotate_right(7);
            let part = parts.swap_remove(next);
            give(&mut node, 0, 7, &part);
        }
        let reply = answered(&mut node);
        prop_assert_eq!(reply, Some((4..length).map(|at| at as u8).collect::<Vec<_>>()));
    }

    /// Any fragments: never more than the places, no panic, and all is forgotten in a minute.
    #[test]
    fn any_fragments_are_survived_and_forgotten(
        fragments in proptest::collection::vec(
            (0u32..3, 0usize..8192, any::<bool>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..80)),
            0..40,
        ),
    ) {
        let mut node = host(1, 2);
        let own = node.engine.link_local();
        for (identification, offset, more, next_header, bytes) in fragments {
            let part = (offset * 8 % 65_536, more, bytes);
            node.receive(0, eui64(2), false, &fragment(own, identification, next_header, &part));
            node.poll(0);
        }
        node.out.packets.clear();
        node.poll(60_000);
        prop_assert!(node.out.packets.len() <= 2);
        prop_assert_eq!(node.engine.next_deadline(), Instant::NEVER);
    }
}

/// RFC 8200 §4.5: a packet that would be longer than any can be; and fragments of two links are of two packets.
#[test]
fn fragments_beyond_the_largest_packet_or_from_another_link_do_not_belong() {
    let mut node = host(1, 2);
    give(&mut node, 0, 1, &(65_528, false, vec![0; 16]));
    let statistics = node.engine.statistics();
    assert_eq!((statistics.malformed, statistics.reassembly_failed), (1, 0));
    node.engine.add_address(Instant(0), ip("fd00::1"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    node.engine.addresses.find_mut(&ip("fd00::1")).unwrap().state = AddressState::Preferred;
    let (source, own) = (ip("fd00::7"), ip("fd00::1"));
    let whole = icmp(source, own, kind::ECHO_REQUEST, 0, &[0; 60]);
    for (identification, outside, delivered) in [(7, true, 0), (8, false, 1)] {
        for (index, part) in parts(&whole, &[32]).iter().enumerate() {
            let mut bytes = fragment(own, identification, protocol::ICMPV6, part);
            bytes[8..24].copy_from_slice(&source.0);
            let arrival = Arrival { from: eui64(2), outside: outside && index == 1, ..Arrival::default() };
            assert!(node.does(0, |engine, cx| engine.receive(cx, arrival, &mut bytes).is_none()));
        }
        node.poll(0);
        assert_eq!(node.engine.statistics().reassembled, delivered, "{outside}");
    }
}
