// SPDX-License-Identifier: MIT OR Apache-2.0
//! One engine and its routes: what it advertises, learns, withdraws and refuses.

use crate::bench::{Bench, acknowledge, dao, emitted, last_dtsn, link};
use crate::harness::address;
use mote::address::Ip;
use mote::rpl::wire::{Dao, DaoAck, Message, Target, Transit, code};
use mote::rpl::{Config, Mode, Rpl};
use mote::status::Error;

#[test]
fn exactly_the_planned_memory_suffices() {
    for config in [
        Config::default(),
        Config {
            neighbours: 3,
            routes: 100,
            dodags: 1,
            targets: 4,
            leaf: true,
            floating: false,
            instance: None,
        },
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
