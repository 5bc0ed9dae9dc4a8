// SPDX-License-Identifier: MIT OR Apache-2.0
//! One engine and its messages: what it says, what it refuses, what it does with packets.

use crate::harness::{address, root_config};
use mote::address::Ip;
use mote::bytes::Writer;
use mote::ipv6::link::LinkAddress;
use mote::ipv6::routing::{
    ControlMessage, ControlPlane, Encapsulation, Flow, MAX_ROUTE_HEADERS, NoRoute, Route, Routing,
};
use mote::random::Sequence;
use mote::rpl::wire::{
    Configuration, Dao, DaoAck, Dio, Message, PacketInformation, SourceRoute, Target, Transit, code,
};
use mote::rpl::{Config, Event, Mode, Rpl, RplContext};
use mote::status::{Error, Result};
use mote::time::Instant;
use proptest::prelude::*;

#[derive(Default)]
struct Sent(Vec<(Ip, u8, Vec<u8>)>);

impl ControlPlane for Sent {
    fn send(&mut self, message: &ControlMessage<'_>) -> Result<()> {
        self.0.push((*message.destination, message.code, message.body.to_vec()));
        Ok(())
    }
}

/// An engine at address 1 and what it has sent.
struct Bench {
    rpl: Rpl<'static>,
    now: u64,
    random: Sequence,
    sent: Sent,
}

fn link(index: usize) -> LinkAddress {
    LinkAddress::Short(index as u16 + 1)
}

impl Bench {
    fn new(config: &Config) -> Bench {
        let memory = Box::leak(vec![0u8; Rpl::plan(config).bytes()].into_boxed_slice());
        let rpl = Rpl::new(memory, config, &link(1).link_local()).unwrap();
        Bench { rpl, now: 1_000, random: Sequence(3), sent: Sent::default() }
    }

    fn with<T>(&mut self, call: impl FnOnce(&mut Rpl<'static>, &mut RplContext<'_>) -> T) -> T {
        let now = Instant(self.now);
        call(&mut self.rpl, &mut RplContext { now, transport: &mut self.sent, random: &mut self.random })
    }

    fn receive(&mut self, from: usize, code: u8, body: &[u8]) -> Option<Event> {
        let to = if code == code::DIO { mote::rpl::ALL_RPL_NODES } else { link(1).link_local() };
        self.with(|rpl, cx| rpl.receive(cx, &link(from).link_local(), &to, code, body))
    }

    /// Lets time pass, and gives back what was sent.
    fn run(&mut self, milliseconds: u64) -> Vec<(Ip, u8, Vec<u8>)> {
        let end = self.now + milliseconds;
        for rounds in 0.. {
            assert!(rounds < 100_000, "a deadline that does not move");
            while self.with(|rpl, cx| rpl.poll(cx)).is_some() {}
            let next = self.rpl.next_deadline().0;
            if next > end {
                break;
            }
            self.now = self.now.max(next);
        }
        self.now = end;
        std::mem::take(&mut self.sent.0)
    }

    /// Hears a DIO of the root's DODAG.
    fn hear(&mut self, from: usize, mode: Mode, rank: u16, version: u8) {
        let body = dio(mode, rank, version);
        self.receive(from, code::DIO, &body);
    }

    fn joined(mode: Mode) -> Bench {
        let mut bench = Bench::new(&Config::default());
        bench.hear(0, mode, 128, 240);
        bench.with(|rpl, cx| rpl.add_target(cx, &address(1), 128, false)).unwrap();
        bench.run(2_000);
        bench
    }

    fn route(&mut self, mut flow: Flow<'_>) -> (std::result::Result<(Ip, Encapsulation), NoRoute>, Vec<u8>) {
        let mut room = [0; MAX_ROUTE_HEADERS];
        let mut headers = Writer::new(&mut room);
        let mut route = Route::default();
        let outcome = self.rpl.route(&mut flow, &mut route, &mut headers);
        (outcome.map(|()| (route.next_hop, route.encapsulation)), headers.written().to_vec())
    }

    fn flow<'p>(&self, to: &'p Ip, from: Option<usize>, option: Option<&'p mut [u8]>) -> Flow<'p> {
        Flow {
            now: Instant(self.now),
            destination: to,
            from: from.map_or(LinkAddress::None, link),
            own: from.is_none(),
            hop_limit: 60,
            source_routed: false,
            rpl_option: option,
        }
    }
}

fn emitted(emit: impl FnOnce(&mut Writer<'_>) -> Result<()>) -> Vec<u8> {
    let mut buffer = [0; 300];
    let mut out = Writer::new(&mut buffer);
    emit(&mut out).unwrap();
    out.finish().to_vec()
}

fn dio(mode: Mode, rank: u16, version: u8) -> Vec<u8> {
    let root = root_config(0, mode);
    emitted(|out| {
        Dio {
            version,
            rank,
            grounded: true,
            mode: mode as u8,
            dtsn: 240,
            dodag_id: root.dodag_id,
            ..Dio::default()
        }
        .emit(out)?;
        root.configuration.emit(out)?;
        root.prefix.unwrap().emit(out)
    })
}

fn dao(sequence: u8, target: usize, path_sequence: u8, lifetime: u8, parent: Option<Ip>) -> Vec<u8> {
    emitted(|out| {
        Dao { acknowledge: true, sequence, ..Dao::default() }.emit(out)?;
        Target { prefix_len: 128, prefix: address(target) }.emit(out)?;
        Transit {
            path_control: 0x80,
            path_sequence,
            path_lifetime: lifetime,
            parent: parent.as_ref(),
            ..Transit::default()
        }
        .emit(out)
    })
}

#[test]
fn exactly_the_planned_memory_suffices() {
    for config in [
        Config::default(),
        Config { neighbours: 3, routes: 100, dodags: 1, targets: 4, leaf: true, floating: false },
    ] {
        let needed = Rpl::plan(&config).bytes();
        let mut memory = vec![0; needed];
        assert!(Rpl::new(&mut memory, &config, &link(1).link_local()).is_ok());
        assert!(Rpl::new(&mut memory, &config, &address(1)).is_err_and(|error| error == Error::Invalid));
        // A block aligned for anything may be smaller by the padding for its start, not by more.
        assert!(Rpl::new(&mut memory[..needed - 16], &config, &link(1).link_local()).is_err());
    }
}

#[test]
fn a_dao_of_storing_mode_goes_to_the_parent_and_one_of_non_storing_mode_to_the_root() {
    for (mode, to) in [(Mode::Storing, link(0).link_local()), (Mode::NonStoring, address(0))] {
        let mut bench = Bench::new(&Config::default());
        bench.hear(0, mode, 128, 240);
        bench.with(|rpl, cx| rpl.add_target(cx, &address(1), 128, false)).unwrap();
        let sent = bench.run(1_100);
        let (destination, _, body) = sent.iter().find(|(_, code, _)| *code == code::DAO).unwrap();
        assert_eq!(*destination, to);
        let Ok(Message::Dao(base, options)) = Message::parse(code::DAO, body) else { panic!() };
        assert!(base.acknowledge && base.dodag_id.is_none());
        let transit = options.last().unwrap().unwrap();
        let mote::rpl::wire::ControlOption::Transit(transit) = transit else { panic!() };
        assert_eq!(transit.parent.copied(), (mode == Mode::NonStoring).then_some(address(0)));
        assert_eq!((transit.path_lifetime, transit.path_control), (30, 0x80));
    }
}

#[test]
fn a_dao_is_repeated_until_it_is_acknowledged_and_refreshed_later() {
    let mut bench = Bench::new(&Config::default());
    bench.hear(0, Mode::Storing, 128, 240);
    bench.with(|rpl, cx| rpl.add_target(cx, &address(1), 128, false)).unwrap();
    let daos = |sent: Vec<(Ip, u8, Vec<u8>)>| -> Vec<u8> {
        sent.iter().filter(|(_, code, _)| *code == code::DAO).map(|(_, _, body)| body[3]).collect()
    };
    let sequences = daos(bench.run(30_000));
    assert!((3..=4).contains(&sequences.len()), "{sequences:?}");
    let last = *sequences.last().unwrap();
    // An answer to another DAO, or from someone else, changes nothing.
    for (from, sequence) in [(0, last.wrapping_sub(1)), (5, last)] {
        let ack = emitted(|out| DaoAck { sequence, ..DaoAck::default() }.emit(out));
        bench.receive(from, code::DAO_ACK, &ack);
    }
    let sequences = daos(bench.run(60_000));
    let ack = emitted(|out| DaoAck { sequence: *sequences.last().unwrap(), ..DaoAck::default() }.emit(out));
    bench.receive(0, code::DAO_ACK, &ack);
    assert!(daos(bench.run(600_000)).is_empty());
    assert!(!daos(bench.run(400_000)).is_empty());
}

#[test]
fn a_packet_of_ours_carries_packet_information_to_the_parent() {
    for mode in [Mode::Storing, Mode::NonStoring] {
        let mut bench = Bench::joined(mode);
        let (way, headers) = bench.route(bench.flow(&address(0), None, None));
        let destination = address(0);
        assert_eq!(way, Ok((link(0).link_local(), Encapsulation::Insert { destination })));
        assert_eq!(headers, [0, 0, 0x63, 4, 0, 0, 0, 2]);
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
    let mut root = root_config(0, Mode::Storing);
    root.configuration = Configuration { rpi_0x23: true, ..root.configuration };
    let body = emitted(|out| {
        let dodag_id = address(0);
        Dio { version: 240, rank: 128, mode: 2, dodag_id, ..Dio::default() }.emit(out)?;
        root.configuration.emit(out)
    });
    bench.receive(0, code::DIO, &body);
    let (_, headers) = bench.route(bench.flow(&address(0), None, None));
    assert_eq!(headers[2], 0x23);
    // Both are accepted.
    for kind in [0x23, 0x63] {
        assert!(bench.rpl.hop_by_hop(Instant(2_000), kind, &mut [0, 0, 0, 9], link(5), false));
    }
    assert!(!bench.rpl.hop_by_hop(Instant(2_000), 0x05, &mut [0, 0, 0, 9], link(5), false));
}

#[test]
fn a_rank_that_contradicts_the_direction_is_marked_once_and_dropped_twice() {
    let mut bench = Bench::joined(Mode::Storing);
    let now = Instant(bench.now);
    // Our DAGRank is 2. Up from below and down from above are in order.
    for (down, sender_rank) in [(false, 3), (false, 2), (true, 1), (true, 2), (false, 0)] {
        let mut data = PacketInformation { down, sender_rank, ..Default::default() }.data();
        let before = data;
        assert!(bench.rpl.hop_by_hop(now, 0x63, &mut data, link(5), false));
        assert_eq!(data, before);
    }
    for (down, sender_rank) in [(false, 1), (true, 3)] {
        let mut data = PacketInformation { down, sender_rank, ..Default::default() }.data();
        assert!(bench.rpl.hop_by_hop(now, 0x63, &mut data, link(5), false));
        assert!(PacketInformation::parse(&data).unwrap().rank_error);
        assert!(!bench.rpl.hop_by_hop(now, 0x63, &mut data, link(5), false));
    }
    assert_eq!(bench.rpl.statistics().rank_errors, 4);
    // A strange instance is not forwarded.
    let mut data = PacketInformation { instance: 9, sender_rank: 1, ..Default::default() }.data();
    assert!(!bench.rpl.hop_by_hop(now, 0x63, &mut data, link(5), false));
}

#[test]
fn forged_rank_errors_reset_trickle_at_most_20_times_an_hour() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.run(3_600_000);
    let mut dios = 0;
    for _ in 0..3_000 {
        let mut data =
            PacketInformation { down: true, rank_error: true, sender_rank: 9, ..Default::default() }.data();
        bench.rpl.hop_by_hop(Instant(bench.now), 0x63, &mut data, link(5), false);
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
    assert!(bench.rpl.hop_by_hop(Instant(bench.now), 0x63, &mut back, link(5), false));
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
fn two_children_may_claim_a_target_and_the_one_that_is_left_serves() {
    let mut bench = Bench::joined(Mode::Storing);
    let via =
        |bench: &Bench| bench.rpl.routes().find(|route| route.target == address(7)).map(|route| route.via);
    bench.receive(5, code::DAO, &dao(240, 7, 240, 30, None));
    bench.receive(6, code::DAO, &dao(240, 7, 240, 30, None));
    assert_eq!(via(&bench), Some(link(6).link_local()));
    // The former one repeats itself: no news.
    bench.receive(5, code::DAO, &dao(241, 7, 240, 30, None));
    assert_eq!(via(&bench), Some(link(6).link_local()));
    // A No-Path older than what is known is ignored, as is one from elsewhere.
    bench.receive(6, code::DAO, &dao(241, 7, 239, 0, None));
    bench.receive(8, code::DAO, &dao(241, 7, 240, 0, None));
    assert_eq!(via(&bench), Some(link(6).link_local()));
    bench.receive(6, code::DAO, &dao(242, 7, 240, 0, None));
    assert_eq!(via(&bench), Some(link(5).link_local()));
    // A newer sequence supersedes, an older one is stale.
    bench.receive(8, code::DAO, &dao(243, 7, 241, 30, None));
    assert_eq!(via(&bench), Some(link(8).link_local()));
    bench.receive(5, code::DAO, &dao(244, 7, 240, 30, None));
    assert_eq!(via(&bench), Some(link(8).link_local()));
    bench.receive(8, code::DAO, &dao(245, 7, 241, 0, None));
    assert_eq!(via(&bench), None);
}

/// The DTSN of the last DIO among what was sent.
fn last_dtsn(sent: &[(Ip, u8, Vec<u8>)]) -> Option<u8> {
    sent.iter().rev().find(|(_, code, _)| *code == code::DIO).map(|(_, _, body)| body[5])
}

/// Acknowledges the DAOs among what was sent, in the name of their receivers; the statuses are
/// `status`.
fn acknowledge(bench: &mut Bench, sent: &[(Ip, u8, Vec<u8>)], status: u8) {
    for (to, _, body) in sent.iter().filter(|(_, code, body)| *code == code::DAO && body[1] & 0x80 != 0) {
        let ack = DaoAck { sequence: body[3], status, ..DaoAck::default() };
        let body = emitted(|out| ack.emit(out));
        let own = link(1).link_local();
        bench.with(|rpl, cx| rpl.receive(cx, to, &own, code::DAO_ACK, &body));
    }
}

#[test]
fn after_a_long_pause_no_deadline_lies_in_the_past() {
    for mode in [Mode::NonStoring, Mode::Storing] {
        let mut bench = Bench::joined(mode);
        for pause in [60_000, 3_600_000, 864_000_000] {
            bench.now += pause;
            while bench.with(|rpl, cx| rpl.poll(cx)).is_some() {}
            assert!(bench.rpl.next_deadline().0 > bench.now, "{mode:?} after {pause} ms");
        }
    }
}

#[test]
fn three_children_claim_a_target_and_the_one_there_was_no_place_for_is_asked_again() {
    let mut bench = Bench::joined(Mode::Storing);
    for child in [5, 6, 8] {
        bench.receive(child, code::DAO, &dao(240, 7, 240, 30, None));
    }
    let sent = bench.run(60_000);
    let before = last_dtsn(&sent).unwrap();
    // The two that are kept withdraw: child 5 still leads there.
    for child in [8, 6] {
        bench.receive(child, code::DAO, &dao(241, 7, 240, 0, None));
    }
    assert!(!bench.rpl.has_route(0, &address(7)));
    let sent = bench.run(20_000);
    assert!(last_dtsn(&sent).unwrap() > before);
    bench.receive(5, code::DAO, &dao(241, 7, 240, 30, None));
    assert!(bench.rpl.has_route(0, &address(7)));
}

#[test]
fn every_parent_that_was_left_hears_of_it_though_the_node_moves_fast() {
    let mut bench = Bench::new(&Config::default());
    bench.hear(2, Mode::Storing, 1024, 240);
    bench.with(|rpl, cx| rpl.add_target(cx, &address(1), 128, false)).unwrap();
    let mut told = Vec::new();
    let mut pass = |bench: &mut Bench, time: u64| {
        for _ in 0..time / 500 {
            let sent = bench.run(500);
            acknowledge(bench, &sent, 0);
            let no_path = |body: &[u8]| body.ends_with(&[0]) && body.len() > 24;
            told.extend(
                sent.iter().filter(|(_, code, body)| *code == code::DAO && no_path(body)).map(|s| s.0),
            );
        }
    };
    pass(&mut bench, 2_000);
    bench.receive(5, code::DAO, &dao(240, 7, 240, 30, None));
    bench.hear(3, Mode::Storing, 512, 240);
    pass(&mut bench, 2_000);
    bench.hear(0, Mode::Storing, 128, 240);
    pass(&mut bench, 60_000);
    told.sort();
    assert_eq!(told, [link(2).link_local(), link(3).link_local()]);
}

#[test]
fn a_child_that_says_that_nothing_is_below_it_loses_all_routes_of_the_prefix() {
    let mut bench = Bench::joined(Mode::Storing);
    for target in [7, 8, 9] {
        bench.receive(if target == 9 { 6 } else { 5 }, code::DAO, &dao(240, target, 240, 30, None));
    }
    let farewell = emitted(|out| {
        Dao::default().emit(out)?;
        Target { prefix_len: 64, prefix: crate::harness::PREFIX }.emit(out)?;
        Transit { path_control: 0x80, path_sequence: 3, ..Transit::default() }.emit(out)
    });
    bench.receive(5, code::DAO, &farewell);
    assert_eq!([7, 8, 9].map(|target| bench.rpl.has_route(0, &address(target))), [false, false, true]);
}

#[test]
fn what_the_parent_refuses_goes_back_to_the_child() {
    let mut bench = Bench::joined(Mode::Storing);
    let sent = bench.run(2_000);
    acknowledge(&mut bench, &sent, 0);
    let sent = bench.run(20_000);
    acknowledge(&mut bench, &sent, 0);
    let before = last_dtsn(&bench.run(60_000)).unwrap();
    for target in [7, 8] {
        bench.receive(5, code::DAO, &dao(240, target, 240, 30, None));
    }
    // The first of them is refused: which one it is shows when they are told one by one.
    let mut refused = 0;
    for _ in 0..40 {
        let sent = bench.run(100);
        for message in &sent {
            let targets = message.2.windows(4).filter(|bytes| *bytes == [5, 18, 0, 128]).count();
            let seventh = message.2.windows(16).any(|bytes| bytes == address(7).0);
            let status = if seventh { DaoAck::REFUSED } else { 0 };
            refused += usize::from(message.1 == code::DAO && seventh && targets == 1);
            acknowledge(&mut bench, std::slice::from_ref(message), status);
        }
    }
    assert_eq!(refused, 1);
    assert!(!bench.rpl.has_route(0, &address(7)) && bench.rpl.has_route(0, &address(8)));
    // The children are asked, and what is new to us is refused for a while.
    let dtsn = last_dtsn(&bench.run(20_000)).unwrap();
    assert_ne!(dtsn, before);
    let mut answer = |target: usize, sequence: u8| {
        bench.receive(5, code::DAO, &dao(sequence, target, 240, 30, None));
        let sent = bench.run(10);
        sent.iter().find(|(_, code, _)| *code == code::DAO_ACK).map(|(_, _, body)| body[3])
    };
    assert_eq!(answer(7, 241), Some(DaoAck::REFUSED));
    assert_eq!(answer(8, 242), Some(0));
    bench.run(150_000);
    bench.receive(5, code::DAO, &dao(243, 7, 240, 30, None));
    assert!(bench.rpl.has_route(0, &address(7)));
}

#[test]
fn a_node_that_is_refused_by_its_parent_finds_another_further_down() {
    let mut bench = Bench::joined(Mode::Storing);
    // A sibling: not nearer to the root, so no parent as long as all is well.
    bench.hear(4, Mode::Storing, 256, 240);
    let parent = |bench: &Bench| bench.rpl.dodags().find_map(|dodag| dodag.parent);
    for _ in 0..100 {
        let sent = bench.run(500);
        acknowledge(&mut bench, &sent, DaoAck::REFUSED);
        if bench.rpl.dodags().all(|dodag| dodag.parent.is_none()) {
            break;
        }
    }
    assert_eq!(parent(&bench), None, "it has to poison what is below first");
    bench.hear(0, Mode::Storing, 128, 240);
    bench.run(3_000);
    bench.hear(4, Mode::Storing, 256, 240);
    assert_eq!(parent(&bench), Some(link(4).link_local()));
    // If that one has no room either, it does not run to and fro.
    let mut changes = 0;
    for _ in 0..400 {
        let sent = bench.run(500);
        acknowledge(&mut bench, &sent, DaoAck::REFUSED);
        let before = parent(&bench);
        bench.hear(0, Mode::Storing, 128, 240);
        bench.hear(4, Mode::Storing, 256, 240);
        changes += usize::from(parent(&bench) != before);
    }
    assert!(bench.rpl.is_joined() && changes <= 3, "{changes}");
}

#[test]
fn a_dao_from_the_own_parent_is_a_loop() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.receive(0, code::DAO, &dao(240, 7, 240, 30, None));
    assert_eq!(bench.rpl.statistics().loops, 1);
    assert!(!bench.rpl.is_joined());
    let sent = bench.run(100);
    let poison = |(_, code, body): &(Ip, u8, Vec<u8>)| *code == code::DIO && body[2..4] == [0xff, 0xff];
    assert!(sent.iter().any(poison));
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
    let view = SourceRoute::parse(&headers).unwrap();
    assert_eq!((view.segments_left, view.shape.compressed, view.shape.compressed_last), (2, 15, 15));
    let hops: Vec<_> = view.addresses(&address(2)).collect();
    assert_eq!(hops, [address(3), address(4)]);
    assert_eq!(headers.len(), 16);
    // One from outside is tunnelled, and not further than its hop limit.
    let (way, _) = bench.route(bench.flow(&address(4), Some(9), None));
    let tunnel = Encapsulation::Tunnel { destination: address(2), segments_left: 2 };
    assert_eq!(way.unwrap().1, tunnel);
    let (way, headers) = bench.route(Flow { hop_limit: 2, ..bench.flow(&address(4), Some(9), None) });
    assert_eq!(way.unwrap().1, Encapsulation::Tunnel { destination: address(2), segments_left: 1 });
    assert_eq!(
        SourceRoute::parse(&headers).unwrap().addresses(&address(2)).collect::<Vec<_>>(),
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
    let view = SourceRoute::parse(&headers).unwrap();
    assert_eq!(view.addresses(&address(2)).collect::<Vec<_>>(), [address(3)]);
}

#[test]
fn the_root_tells_its_own_restart_by_what_others_say() {
    // Before its first DIO: the same version means that it is the one from before.
    for (heard, wanted) in [(240, 241), (245, 246), (127, 0), (50, 51)] {
        let mut bench = Bench::new(&Config::default());
        let root = root_config(1, Mode::NonStoring);
        bench.with(|rpl, cx| rpl.start_root(cx, &root)).unwrap();
        assert_eq!(bench.run(500).first().map(|(_, code, _)| *code), Some(code::DIS));
        let dodag_id = address(1);
        let body =
            emitted(|out| Dio { version: heard, rank: 256, mode: 1, dodag_id, ..Dio::default() }.emit(out));
        bench.receive(2, code::DIO, &body);
        let sent = bench.run(5_000);
        let (_, _, body) = sent.iter().find(|(_, code, _)| *code == code::DIO).unwrap();
        let older = heard == 50 || heard == 127;
        // 240 is newer than what is far ahead in the circle; then nothing needs to be done.
        assert_eq!(body[1], if older { 240 } else { wanted }, "{heard}");
    }
}

#[test]
fn what_a_dodag_asks_and_we_lack_makes_us_a_leaf() {
    let mut bench = Bench::new(&Config::default());
    let dodag_id = address(0);
    let body = emitted(|out| {
        Dio { version: 240, rank: 128, mode: 2, dodag_id, ..Dio::default() }.emit(out)?;
        Configuration { ocp: 77, ..Configuration::default() }.emit(out)
    });
    bench.receive(0, code::DIO, &body);
    assert!(bench.rpl.is_joined());
    let sent = bench.run(60_000);
    assert!(sent.iter().all(|(_, code, _)| *code != code::DIO));
    // Asked directly it answers, with infinite rank.
    bench.receive(5, code::DIS, &[0, 0]);
    let sent = bench.run(1);
    assert!(sent.iter().any(|(to, code, body)| {
        *to == link(5).link_local() && *code == code::DIO && body[2..4] == [0xff, 0xff]
    }));
}

#[test]
fn a_metric_that_mrhof_cannot_minimise_makes_us_a_leaf_too() {
    use mote::rpl::wire::{ControlOption, Metric, MetricObject};
    for (metric, leaf) in
        [(Metric::Latency(9), true), (Metric::HopCount(1), false), (Metric::Etx(128), false)]
    {
        let mut bench = Bench::new(&Config::default());
        let container = emitted(|out| MetricObject::aggregated(metric).emit(out));
        let body = emitted(|out| {
            let dodag_id = address(0);
            Dio { version: 240, rank: 128, mode: 2, dodag_id, ..Dio::default() }.emit(out)?;
            ControlOption::MetricContainer(&container).emit(out)?;
            Configuration::default().emit(out)
        });
        bench.receive(0, code::DIO, &body);
        assert!(bench.rpl.is_joined());
        let sent = bench.run(60_000);
        assert_eq!(sent.iter().all(|(_, code, _)| *code != code::DIO), leaf, "{metric:?}");
    }
}

#[test]
fn solicitations_are_answered_when_their_predicates_hold() {
    use mote::rpl::wire::{Dis, SolicitedInformation};
    let mut bench = Bench::joined(Mode::Storing);
    let ask = |bench: &mut Bench, asked: SolicitedInformation| {
        let body = emitted(|out| {
            Dis.emit(out)?;
            mote::rpl::wire::ControlOption::SolicitedInformation(asked).emit(out)
        });
        bench.sent.0.clear();
        bench.receive(5, code::DIS, &body);
        std::mem::take(&mut bench.sent.0).iter().any(|(_, code, _)| *code == code::DIO)
    };
    let any = SolicitedInformation::default();
    assert!(ask(&mut bench, any));
    assert!(ask(
        &mut bench,
        SolicitedInformation { instance: Some(0), dodag_id: Some(address(0)), version: Some(240) }
    ));
    assert!(!ask(&mut bench, SolicitedInformation { instance: Some(1), ..any }));
    assert!(!ask(&mut bench, SolicitedInformation { version: Some(241), ..any }));
    assert!(!ask(&mut bench, SolicitedInformation { dodag_id: Some(address(3)), ..any }));
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
            bench.rpl.hop_by_hop(Instant(bench.now), 0x63, &mut data, link(from), noise[1] & 1 == 0);
            let _ = bench.route(bench.flow(&address(usize::from(noise[4])), Some(from), Some(&mut data)));
        }
        prop_assert!(bench.rpl.routes().count() <= 16 && bench.rpl.neighbours().count() <= 16);
    }
}
