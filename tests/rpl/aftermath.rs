// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an engine keeps from before does not stand in the way once the faults are over.

use crate::bench::{Bench, acknowledge, dao, dio, emitted, last_dtsn, link};
use crate::harness::{address, root_config};
use mote::ipv6::routing::{Routing, RoutingError};
use mote::rpl::wire::{Metric, MetricObject, code};
use mote::rpl::{ALL_RPL_NODES, Config, Event, Mode};
use mote::time::Instant;

/// The same DIO of another root's DODAG.
fn of_another(mut body: Vec<u8>) -> Vec<u8> {
    body[23] = 0x77;
    body
}

#[test]
fn nothing_is_left_to_tell_of_a_dodag_that_was_left_at_once() {
    let mut bench = Bench::new(&Config::default());
    let one = |preference: u8| {
        let mut body = dio(Mode::Storing, 128, 240);
        body[4] |= preference;
        body
    };
    bench.receive(0, code::DIO, &one(0));
    bench.run(1_000);
    bench.receive(2, code::DIO, &of_another(one(3)));
    // The parent in the other and its prefix have not been told of yet.
    bench.receive(0, code::DIO, &one(7));
    let mut parents = 0;
    while let Some(event) = bench.with(|rpl, cx| rpl.poll(cx)) {
        parents += u32::from(matches!(event, Event::ParentChanged { .. }));
    }
    assert_eq!(parents, 1);
    assert!(bench.rpl.next_deadline().0 > bench.now);
}

#[test]
fn the_version_of_a_dodag_lost_long_ago_is_forgotten() {
    for leaf in [false, true] {
        let mut bench = Bench::new(&Config { leaf, ..Config::default() });
        bench.hear(0, Mode::Storing, 128, 0);
        assert!(bench.rpl.is_joined());
        bench.hear(0, Mode::Storing, 0xffff, 0);
        bench.run(5_000);
        // 245 is before 0. That may be one who was below.
        bench.hear(2, Mode::Storing, 256, 245);
        bench.run(50_000);
        assert!(!bench.rpl.is_joined());
        bench.run(10_000);
        // The root has started anew, and nobody who knew of the other version is left to tell it.
        bench.hear(2, Mode::Storing, 256, 245);
        assert!(bench.rpl.is_joined(), "leaf: {leaf}");
    }
}

#[test]
fn the_rank_in_a_dodag_left_long_ago_is_forgotten() {
    let mut bench = Bench::joined(Mode::Storing);
    let preferred = |preference: u8| {
        let mut body = of_another(dio(Mode::Storing, 128, 240));
        body[4] |= preference;
        body
    };
    let first = bench.rpl.dodags().next().unwrap().dodag_id;
    bench.receive(2, code::DIO, &preferred(7));
    assert!(bench.rpl.dodags().any(|dodag| dodag.joined && dodag.dodag_id != first));
    // The root of the other is gone, and the path in the first one has become much longer.
    bench.run(70_000);
    bench.hear(3, Mode::Storing, 3_000, 240);
    let mut gone = preferred(7);
    gone[2..4].copy_from_slice(&[0xff, 0xff]);
    bench.receive(2, code::DIO, &gone);
    bench.run(5_000);
    assert!(bench.rpl.dodags().any(|dodag| dodag.joined && dodag.dodag_id == first));
}

#[test]
fn a_parent_without_room_is_better_than_none_in_a_dodag_that_is_not_grounded() {
    let mut bench = Bench::new(&Config::default());
    bench.with(|rpl, cx| rpl.add_target(cx, &address(1), 128, false)).unwrap();
    let mut body = dio(Mode::Storing, 128, 240);
    body[4] &= 0x7f;
    bench.receive(0, code::DIO, &body);
    let sent = bench.run(2_000);
    acknowledge(&mut bench, &sent, 200);
    bench.run(20_000);
    assert!(bench.rpl.is_joined());
}

#[test]
fn who_is_refused_everywhere_does_not_ask_without_end() {
    // The table holds two of the four routers, so that it is forgotten who has refused.
    let mut bench = Bench::new(&Config { neighbours: 2, ..Config::default() });
    bench.with(|rpl, cx| rpl.add_target(cx, &address(1), 128, false)).unwrap();
    let mut asked = 0;
    for second in 0..600 {
        bench.hear([0, 2, 3, 4][second % 4], Mode::Storing, 256 - (second % 7) as u16, 240);
        let sent = bench.run(1_000);
        acknowledge(&mut bench, &sent, 200);
        asked += sent.iter().filter(|(_, code, _)| *code == code::DAO).count();
    }
    assert!((4..100).contains(&asked), "{asked}");
    assert!(bench.rpl.is_joined());
}

#[test]
fn a_grounded_dodag_without_room_is_better_than_a_floating_one() {
    let mut bench = Bench::joined(Mode::Storing);
    let grounded = bench.rpl.dodags().next().unwrap().dodag_id;
    let sent = bench.run(2_000);
    acknowledge(&mut bench, &sent, 200);
    let mut floating = of_another(dio(Mode::Storing, 128, 240));
    floating[4] &= 0x7f;
    bench.receive(2, code::DIO, &floating);
    bench.run(5_000);
    assert!(bench.rpl.dodags().any(|dodag| dodag.joined && dodag.dodag_id == grounded));
}

#[test]
fn a_child_that_becomes_the_parent_is_asked_for_what_is_below() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.receive(5, code::DAO, &dao(240, 7, 240, 30, None));
    let sent = bench.run(20_000);
    acknowledge(&mut bench, &sent, 0);
    let before = last_dtsn(&sent).expect("it has advertised");
    bench.hear(0, Mode::Storing, 0xffff, 240);
    bench.run(3_000);
    // It has not heard that there is no way any more.
    bench.hear(5, Mode::Storing, 512, 240);
    assert!(bench.rpl.is_joined());
    assert_ne!(last_dtsn(&bench.run(20_000)), Some(before));
}

#[test]
fn a_node_that_starts_anew_elsewhere_is_asked_for_once_its_old_path_has_ended() {
    let mut bench = Bench::new(&Config::default());
    let root = root_config(1, Mode::Storing);
    bench.with(|rpl, cx| rpl.start_root(cx, &root)).unwrap();
    bench.receive(5, code::DAO, &dao(240, 7, 248, 30, None));
    let before = last_dtsn(&bench.run(30_000)).expect("it advertises");
    // Its counter began again at 240.
    bench.receive(6, code::DAO, &dao(240, 7, 243, 30, None));
    bench.receive(5, code::DAO, &dao(241, 7, 249, 0, None));
    assert!(!bench.rpl.has_route(0, &address(7)));
    assert_ne!(last_dtsn(&bench.run(30_000)), Some(before));
    bench.receive(6, code::DAO, &dao(241, 7, 244, 30, None));
    assert!(bench.rpl.has_route(0, &address(7)));
}

#[test]
fn what_is_told_of_before_a_node_started_anew_does_not_bury_it() {
    let mut bench = Bench::new(&Config::default());
    let root = root_config(1, Mode::Storing);
    bench.with(|rpl, cx| rpl.start_root(cx, &root)).unwrap();
    bench.receive(6, code::DAO, &dao(240, 7, 244, 30, None));
    let before = last_dtsn(&bench.run(30_000)).expect("it advertises");
    // One who knew it before is late, and then finds that it is not there.
    bench.receive(5, code::DAO, &dao(240, 7, 250, 30, None));
    bench.receive(5, code::DAO, &dao(241, 7, 250, 0, None));
    assert!(!bench.rpl.has_route(0, &address(7)));
    assert_ne!(last_dtsn(&bench.run(30_000)), Some(before));
}

#[test]
fn whoever_else_claims_a_target_is_asked_once_its_route_has_expired() {
    let mut bench = Bench::new(&Config::default());
    let root = root_config(1, Mode::Storing);
    bench.with(|rpl, cx| rpl.start_root(cx, &root)).unwrap();
    bench.receive(5, code::DAO, &dao(240, 7, 248, 1, None));
    let before = last_dtsn(&bench.run(30_000)).expect("it advertises");
    // It has started anew below another.
    bench.receive(6, code::DAO, &dao(240, 7, 241, 30, None));
    let sent = bench.run(70_000);
    assert!(!bench.rpl.has_route(0, &address(7)));
    assert!(last_dtsn(&sent).is_some_and(|dtsn| dtsn != before));
}

#[test]
fn whoever_sends_packets_down_to_a_node_that_is_no_child_hears_a_no_path() {
    for leaf in [false, true] {
        let mut bench = Bench::new(&Config { leaf, ..Config::default() });
        bench.hear(0, Mode::Storing, 128, 240);
        bench.hear(5, Mode::Storing, 640, 240);
        bench.with(|rpl, cx| rpl.add_target(cx, &address(1), 128, false)).unwrap();
        let sent = bench.run(2_000);
        acknowledge(&mut bench, &sent, 0);
        let mut no_paths = Vec::new();
        for _ in 0..8 {
            let now = Instant(bench.now);
            // One from the parent is as it should be.
            for (from, rank) in [(0, 1), (5, 5)] {
                if leaf {
                    bench.rpl.on_error(now, RoutingError::NoRouter { neighbour: link(from) });
                } else {
                    bench.rpl.hop_by_hop(now, 0x63, &mut [0x80, 0, 0, rank], link(from));
                }
            }
            let sent = bench
                .run(5_000)
                .into_iter()
                .filter(|(_, kind, body)| *kind == code::DAO && body[1] & 0x80 == 0);
            no_paths.extend(sent.map(|(to, ..)| to));
        }
        // However many there are, in time.
        assert_eq!(no_paths, [link(5).link_local(); 2], "leaf: {leaf}");
    }
}

#[test]
fn nothing_is_below_a_child_that_started_anew_before_it_says_so() {
    // In the linear part of the counters, and from their circle to it.
    for old in [250, 3] {
        let mut bench = Bench::new(&Config::default());
        let root = root_config(1, Mode::Storing);
        bench.with(|rpl, cx| rpl.start_root(cx, &root)).unwrap();
        for target in [5, 7] {
            bench.receive(5, code::DAO, &dao(240, target, old, 30, None));
        }
        bench.receive(5, code::DAO, &dao(240, 5, 241, 30, None));
        assert!(bench.rpl.has_route(0, &address(5)) && !bench.rpl.has_route(0, &address(7)), "{old}");
    }
}

#[test]
fn a_leaf_that_is_taken_for_a_router_says_what_it_is() {
    let mut bench = Bench::new(&Config { leaf: true, ..Config::default() });
    bench.hear(0, Mode::Storing, 128, 240);
    bench.run(5_000);
    let ranks = |sent: Vec<(_, u8, Vec<u8>)>| -> Vec<_> {
        let dios = sent.into_iter().filter(|(_, code, _)| *code == code::DIO);
        dios.map(|(_, _, body)| u16::from_be_bytes([body[2], body[3]])).collect()
    };
    bench.receive(5, code::DAO, &dao(240, 7, 240, 30, None));
    assert_eq!(ranks(bench.run(100)), [0xffff]);
    let now = Instant(bench.now);
    bench.rpl.on_error(now, RoutingError::NoRouter { neighbour: link(5) });
    assert_eq!(ranks(bench.run(100)), [0xffff]);
}

#[test]
fn a_path_in_another_dodag_that_says_nothing_of_its_length_is_infinitely_long() {
    let mut bench = Bench::joined(Mode::NonStoring);
    let parent = bench.rpl.dodags().next().unwrap().parent;
    let silent = of_another(dio(Mode::NonStoring, 128, 240));
    bench.receive(3, code::DIO, &silent);
    let mut counting = silent;
    let container = emitted(|out| MetricObject::aggregated(Metric::HopCount(1)).emit(out));
    counting.extend([2, container.len() as u8]);
    counting.extend(container);
    bench.receive(4, code::DIO, &counting);
    bench.run(1_000);
    assert_eq!(bench.rpl.dodags().next().unwrap().parent, parent);
}

#[test]
fn a_floating_dodag_gives_way_to_one_of_higher_preference() {
    for preference in [0, 3] {
        let mut bench = Bench::new(&Config { floating: true, ..Config::default() });
        bench.with(|rpl, cx| rpl.add_target(cx, &address(1), 128, false)).unwrap();
        bench.hear(0, Mode::Storing, 128, 240);
        bench.run(2_000);
        bench.hear(0, Mode::Storing, 0xffff, 240);
        bench.run(70_000);
        assert!(bench.rpl.dodags().any(|dodag| dodag.root));
        // Its DODAGID is higher.
        let mut other = of_another(dio(Mode::Storing, 128, 240));
        other[4] = other[4] & 0x7f | preference;
        bench.receive(2, code::DIO, &other);
        bench.run(5_000);
        assert_eq!(bench.rpl.dodags().any(|dodag| dodag.root), preference == 0);
        assert!(bench.rpl.is_joined());
    }
}

#[test]
fn a_parent_that_has_started_anew_and_finds_no_dodag_is_left() {
    for mode in [Mode::Storing, Mode::NonStoring] {
        for answers in [false, true] {
            let mut bench = Bench::joined(mode);
            let sent = bench.run(10_000);
            acknowledge(&mut bench, &sent, 0);
            let parent = link(0).link_local();
            bench.with(|rpl, cx| rpl.receive(cx, &parent, &ALL_RPL_NODES, code::DIS, &[0, 0]));
            let asked = |sent: &[(_, u8, Vec<u8>)]| {
                sent.iter()
                    .filter(|(to, code, body)| *to == parent && *code == code::DIS && body.len() == 2)
                    .count()
            };
            assert_eq!([asked(&bench.run(9_000)), asked(&bench.run(2_000))], [0, 1]);
            if answers {
                bench.hear(0, mode, 128, 240);
            }
            bench.run(15_000);
            assert_eq!(bench.rpl.is_joined(), answers, "{mode:?}");
        }
    }
}
