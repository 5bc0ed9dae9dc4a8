// SPDX-License-Identifier: MIT OR Apache-2.0
//! One engine and the packets that it routes: packet information, source routes; and messages of any kind.

use crate::bench::{Bench, dao, dio, emitted, link};
use crate::harness::{address, root_config};
use mote::address::Ip;
use mote::ipv6::routing::{Encapsulation, Flow, NoRoute, Routing};
use mote::rpl::wire::{
    Configuration, Dao, DaoAck, Dio, PacketInformation, SourceRoute, Target, Transit, code,
};
use mote::rpl::{Config, Mode};
use mote::time::Instant;
use proptest::prelude::*;

#[test]
fn a_packet_of_ours_carries_packet_information_to_the_parent() {
    for mode in [Mode::Storing, Mode::NonStoring] {
        let mut bench = Bench::joined(mode);
        let (way, headers) = bench.route(bench.flow(&address(0), None, None));
        let destination = address(0);
        assert_eq!(way, Ok((link(0).link_local(), Encapsulation::Insert { destination })));
        assert_eq!(headers, [0, 0, 0x63, 4, 0, 0, 0, 0]);
        // One that came without is tunnelled to the root.
        let (way, headers) = bench.route(bench.flow(&Ip::LOOPBACK, Some(7), None));
        let tunnel = Encapsulation::Tunnel { destination, segments_left: 0 };
        assert_eq!(way, Ok((link(0).link_local(), tunnel)));
        assert_eq!(headers.len(), 8);
    }
}

#[test]
fn the_option_type_is_0x23_only_where_the_dodag_says_so() {
    let mut bench = Bench::new(&Config::default());
    // In a DODAG of mode 7 there is no other (RFC 9008 §4.1.3).
    for (mode, rpi_0x23) in [(2, false), (7, false), (2, true)] {
        bench = Bench::new(&Config::default());
        let root = root_config(0, Mode::Storing);
        let configuration = Configuration { rpi_0x23, ..root.configuration };
        let body = emitted(|out| {
            let dodag_id = address(0);
            Dio { version: 240, rank: 128, mode, dodag_id, ..Dio::default() }.emit(out)?;
            configuration.emit(out)
        });
        bench.receive(0, code::DIO, &body);
        let (_, headers) = bench.route(bench.flow(&address(0), None, None));
        assert_eq!(headers[2], if rpi_0x23 || mode == 7 { 0x23 } else { 0x63 });
    }
    // Both are accepted.
    for kind in [0x23, 0x63] {
        assert!(bench.rpl.hop_by_hop(Instant(2_000), kind, &mut [0, 0, 0, 9], link(5)));
    }
    assert!(!bench.rpl.hop_by_hop(Instant(2_000), 0x05, &mut [0, 0, 0, 9], link(5)));
}

#[test]
fn a_rank_that_contradicts_the_direction_is_marked_once_and_dropped_twice() {
    let mut bench = Bench::joined(Mode::Storing);
    let now = Instant(bench.now);
    // Our DAGRank is 2. Up from below and down from above are in order.
    for (down, sender_rank) in [(false, 3), (false, 2), (true, 1), (true, 2), (false, 0)] {
        let mut data = PacketInformation { down, sender_rank, ..Default::default() }.data();
        let before = data;
        assert!(bench.rpl.hop_by_hop(now, 0x63, &mut data, link(5)));
        assert_eq!(data, before);
    }
    for (down, sender_rank) in [(false, 1), (true, 3)] {
        let mut data = PacketInformation { down, sender_rank, ..Default::default() }.data();
        assert!(bench.rpl.hop_by_hop(now, 0x63, &mut data, link(5)));
        assert!(PacketInformation::parse(&data).unwrap().rank_error);
        assert!(!bench.rpl.hop_by_hop(now, 0x63, &mut data, link(5)));
    }
    assert_eq!(bench.rpl.statistics().rank_errors, 4);
    // Of a strange instance nothing is known but that its packets cannot be forwarded, be it on a source route.
    let mut data = PacketInformation { instance: 9, sender_rank: 1, ..Default::default() }.data();
    let before = data;
    assert!(bench.rpl.hop_by_hop(now, 0x63, &mut data, link(5)));
    assert_eq!(data, before);
    for source_routed in [false, true] {
        let to = address(0);
        let flow = Flow { source_routed, ..bench.flow(&to, Some(5), Some(&mut data)) };
        assert_eq!(bench.route(flow).0, Err(NoRoute::Unreachable));
    }
}

#[test]
fn forged_rank_errors_reset_trickle_at_most_20_times_an_hour() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.run(3_600_000);
    let mut dios = 0;
    for _ in 0..3_000 {
        let mut data =
            PacketInformation { down: true, rank_error: true, sender_rank: 9, ..Default::default() }.data();
        bench.rpl.hop_by_hop(Instant(bench.now), 0x63, &mut data, link(5));
        dios += bench.run(1_000).iter().filter(|(_, code, _)| *code == code::DIO).count();
    }
    assert!((1..=40).contains(&dios), "{dios}");
}

#[test]
fn a_child_without_route_hands_a_packet_back_and_its_parent_cleans_up() {
    let mut bench = Bench::joined(Mode::Storing);
    // It came down from the parent, and there is no route.
    let mut data = PacketInformation { down: true, sender_rank: 1, ..Default::default() }.data();
    let (way, _) = bench.route(bench.flow(&address(7), Some(0), Some(&mut data)));
    assert_eq!(way, Err(NoRoute::Return));
    let info = PacketInformation::parse(&data).unwrap();
    assert!(info.forwarding_error && info.down);
    // The other side: a route through child 5, which gives the packet back.
    bench.receive(5, code::DAO, &dao(240, 7, 240, 30, None));
    bench.run(5_000);
    assert!(bench.rpl.has_route(0, &address(7)));
    let mut data = PacketInformation { down: true, sender_rank: 1, ..Default::default() }.data();
    let (way, _) = bench.route(bench.flow(&address(7), Some(0), Some(&mut data)));
    assert_eq!(way.unwrap().0, link(5).link_local());
    assert_eq!(PacketInformation::parse(&data).unwrap().sender_rank, 2);
    let mut back =
        PacketInformation { down: true, forwarding_error: true, sender_rank: 2, ..Default::default() }.data();
    assert!(bench.rpl.hop_by_hop(Instant(bench.now), 0x63, &mut back, link(5)));
    let (way, _) = bench.route(bench.flow(&address(7), Some(5), Some(&mut back)));
    // No other way: back to where it came from, with the mark on.
    assert_eq!(way.unwrap().0, link(0).link_local());
    assert!(PacketInformation::parse(&back).unwrap().forwarding_error);
    assert!(!bench.rpl.has_route(0, &address(7)));
    // The parent hears a No-Path.
    let sent = bench.run(60_000);
    let no_path = sent.iter().any(|(to, code, body)| {
        *to == link(0).link_local() && *code == code::DAO && body.ends_with(&[6, 4, 0, 0x80, 240, 0])
    });
    assert!(no_path);
}

#[test]
fn a_root_writes_the_source_route_that_the_daos_tell() {
    let mut bench = Bench::new(&Config::default());
    let root = root_config(1, Mode::NonStoring);
    bench.with(|rpl, cx| rpl.start_root(cx, &root)).unwrap();
    let from_global = |bench: &mut Bench, child: usize, parent: usize, sequence: u8, lifetime: u8| {
        let body = dao(240, child, sequence, lifetime, Some(address(parent)));
        bench.with(|rpl, cx| rpl.receive(cx, &address(child), &address(1), code::DAO, &body))
    };
    // The grandchild's DAO comes before its parent's.
    from_global(&mut bench, 4, 3, 240, 30);
    assert_eq!(bench.route(bench.flow(&address(4), None, None)).0, Err(NoRoute::Unreachable));
    from_global(&mut bench, 3, 2, 240, 30);
    from_global(&mut bench, 2, 1, 240, 30);
    let (way, headers) = bench.route(bench.flow(&address(4), None, None));
    assert_eq!(way, Ok((link(2).link_local(), Encapsulation::Insert { destination: address(2) })));
    // The information on the packet comes first (RFC 9008).
    assert_eq!(headers[..8], [43, 0, 0x63, 4, 0x80, 0, 0, 0]);
    let view = SourceRoute::parse(&headers[8..]).unwrap();
    assert_eq!((view.segments_left, view.shape.compressed, view.shape.compressed_last), (2, 15, 15));
    let hops: Vec<_> = view.addresses(&address(2)).collect();
    assert_eq!(hops, [address(3), address(4)]);
    assert_eq!(headers.len(), 24);
    // To a child it is all that there is to tell: in the packet, or around one from outside.
    for (from, encapsulation) in [
        (None, Encapsulation::Insert { destination: address(2) }),
        (Some(9), Encapsulation::Tunnel { destination: address(2), segments_left: 0 }),
    ] {
        let (way, headers) = bench.route(bench.flow(&address(2), from, None));
        assert_eq!(way, Ok((link(2).link_local(), encapsulation)));
        assert_eq!(headers, [0, 0, 0x63, 4, 0x80, 0, 0, u8::from(from.is_some())]);
    }
    // One that came up with it takes it down again.
    let mut data = PacketInformation { sender_rank: 2, rank_error: true, ..Default::default() }.data();
    let to = address(2);
    let (way, headers) = bench.route(bench.flow(&to, Some(3), Some(&mut data)));
    assert_eq!((way, headers), (Ok((link(2).link_local(), Encapsulation::None)), vec![]));
    assert_eq!(data, PacketInformation { down: true, sender_rank: 1, ..Default::default() }.data());
    // One from outside is tunnelled, and not further than its hop limit.
    let (way, _) = bench.route(bench.flow(&address(4), Some(9), None));
    let tunnel = Encapsulation::Tunnel { destination: address(2), segments_left: 2 };
    assert_eq!(way.unwrap().1, tunnel);
    let (way, headers) = bench.route(Flow { hop_limit: 2, ..bench.flow(&address(4), Some(9), None) });
    assert_eq!(way.unwrap().1, Encapsulation::Tunnel { destination: address(2), segments_left: 1 });
    assert_eq!(
        SourceRoute::parse(&headers[8..]).unwrap().addresses(&address(2)).collect::<Vec<_>>(),
        [address(3)]
    );
    // Beyond the mesh is outside; an address within it that nobody has is unreachable.
    assert_eq!(bench.route(bench.flow(&Ip::LOOPBACK, Some(2), None)).0, Err(NoRoute::Outside));
    assert_eq!(bench.route(bench.flow(&address(50), Some(9), None)).0, Err(NoRoute::Unreachable));
    // A ring of links is no path.
    from_global(&mut bench, 2, 4, 241, 30);
    assert_eq!(bench.route(bench.flow(&address(4), None, None)).0, Err(NoRoute::Unreachable));
    // A No-Path ends the node's own route.
    from_global(&mut bench, 2, 1, 242, 30);
    from_global(&mut bench, 4, 3, 241, 0);
    bench.run(1_000);
    assert_eq!(bench.route(bench.flow(&address(4), None, None)).0, Err(NoRoute::Unreachable));
    assert!(bench.route(bench.flow(&address(3), None, None)).0.is_ok());
}

#[test]
fn an_external_target_is_reached_through_a_tunnel_to_its_router() {
    let mut bench = Bench::new(&Config::default());
    let root = root_config(1, Mode::NonStoring);
    bench.with(|rpl, cx| rpl.start_root(cx, &root)).unwrap();
    for (child, parent) in [(2, 1), (3, 2)] {
        let body = dao(240, child, 240, 30, Some(address(parent)));
        bench.with(|rpl, cx| rpl.receive(cx, &address(child), &address(1), code::DAO, &body));
    }
    let network = Ip::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]);
    let body = emitted(|out| {
        Dao { sequence: 241, ..Dao::default() }.emit(out)?;
        Target { prefix_len: 64, prefix: network }.emit(out)?;
        let router = address(3);
        let parent = Some(&router);
        Transit { external: true, path_control: 0x80, path_sequence: 240, path_lifetime: 30, parent }
            .emit(out)
    });
    bench.with(|rpl, cx| rpl.receive(cx, &address(3), &address(1), code::DAO, &body));
    let host = Ip::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 8]);
    let (way, headers) = bench.route(bench.flow(&host, None, None));
    assert_eq!(way.unwrap().1, Encapsulation::Tunnel { destination: address(2), segments_left: 1 });
    let view = SourceRoute::parse(&headers[8..]).unwrap();
    assert_eq!(view.addresses(&address(2)).collect::<Vec<_>>(), [address(3)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Any messages in any order: nothing panics, deadlines stay ahead, tables stay bounded.
    #[test]
    fn arbitrary_messages_leave_the_engine_alive(
        messages in proptest::collection::vec((0usize..6, 0u8..5, any::<[u8; 12]>(), 0usize..60), 1..60),
        storing: bool,
    ) {
        let mode = if storing { Mode::Storing } else { Mode::NonStoring };
        let mut bench = Bench::joined(mode);
        for (from, kind, noise, cut) in messages {
            let lifetime = (noise[0] & 1) * 30;
            let mut body = match kind {
                0 => dio(mode, u16::from_be_bytes([noise[0], noise[1]]), noise[2]),
                1 => dao(noise[3], usize::from(noise[4]), noise[5], lifetime, storing.then(|| address(usize::from(noise[6])))),
                2 => emitted(|out| DaoAck { sequence: noise[0], status: noise[1], ..DaoAck::default() }.emit(out)),
                3 => vec![0, 0],
                _ => noise.to_vec(),
            };
            if noise[7] & 7 == 0 {
                body.truncate(cut);
            }
            if noise[7] & 7 == 1 {
                let at = cut % body.len().max(1);
                if let Some(byte) = body.get_mut(at) {
                    *byte ^= noise[8];
                }
            }
            let kind = if kind == 4 { noise[9] & 3 } else { [code::DIO, code::DAO, code::DAO_ACK, code::DIS][usize::from(kind)] };
            bench.receive(from, kind, &body);
            bench.run(u64::from(noise[10]) * 100);
            prop_assert!(bench.rpl.next_deadline().0 > bench.now);
            let mut data = [noise[0], 0, noise[2], noise[3]];
            bench.rpl.hop_by_hop(Instant(bench.now), 0x63, &mut data, link(from));
            let _ = bench.route(bench.flow(&address(usize::from(noise[4])), Some(from), Some(&mut data)));
        }
        prop_assert!(bench.rpl.routes().count() <= 16 && bench.rpl.neighbours().count() <= 16);
    }
}
