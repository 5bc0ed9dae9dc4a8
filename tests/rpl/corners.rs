// SPDX-License-Identifier: MIT OR Apache-2.0
//! One engine in the corners of its tables: targets that come and go, neighbours that are lost, DAOs of unusual form.

use crate::bench::{Bench, acknowledge, dao, dio, emitted, last_dtsn, link};
use crate::harness::{address, root_config};
use mote::address::Ip;
use mote::rpl::wire::{
    Configuration, ControlOption, Dao, DaoAck, Dio, Message, Metric, MetricObject, Target, Transit, code,
};
use mote::rpl::{Config, Mode};

/// The targets of the DAOs that were sent, with their lifetimes.
fn told(sent: &[(Ip, u8, Vec<u8>)]) -> Vec<(Ip, u8)> {
    let mut told = Vec::new();
    for (_, _, body) in sent.iter().filter(|(_, code, _)| *code == code::DAO) {
        let Ok(Message::Dao(_, options)) = Message::parse(code::DAO, body) else { panic!() };
        let mut target = None;
        for option in options.map(Result::unwrap) {
            match option {
                ControlOption::Target(next) => target = Some(next.prefix),
                ControlOption::Transit(transit) => told.push((target.unwrap(), transit.path_lifetime)),
                _ => {}
            }
        }
    }
    told
}

#[test]
fn a_local_instance_leaves_room_for_all_targets() {
    let mut bench = Bench::new(&Config { targets: 4, ..Config::default() });
    let mut body = dio(Mode::NonStoring, 128, 240);
    body[0] = 0x81;
    bench.receive(0, code::DIO, &body);
    let targets = [1, 11, 12, 13].map(address);
    for (index, target) in targets.iter().enumerate() {
        bench.with(|rpl, cx| rpl.add_target(cx, target, 128, index > 0)).unwrap();
    }
    let told = told(&bench.run(3_000));
    assert_eq!(told[..], targets.map(|target| (target, 30)));
}

#[test]
fn a_withdrawn_target_gives_its_place_back_though_nobody_is_to_hear_of_it() {
    // Neither a node that looks for a DODAG nor a root has a parent that acknowledges.
    let mut bench = Bench::new(&Config { targets: 1, ..Config::default() });
    let turn = |bench: &mut Bench| {
        for target in [7, 8, 9].map(address) {
            assert_eq!(bench.with(|rpl, cx| rpl.add_target(cx, &target, 128, true)), Ok(()));
            assert_eq!(bench.with(|rpl, cx| rpl.remove_target(cx, &target, 128)), Ok(()));
            bench.run(1);
        }
    };
    turn(&mut bench);
    let root = root_config(1, Mode::Storing);
    bench.with(|rpl, cx| rpl.start_root(cx, &root)).unwrap();
    turn(&mut bench);
}

#[test]
fn a_host_that_moves_away_from_a_router_is_reached_where_it_is() {
    // First a root, then a router whose parent has not answered yet.
    for root in [true, false] {
        let mut bench = if root { Bench::new(&Config::default()) } else { Bench::joined(Mode::Storing) };
        if root {
            let config = root_config(1, Mode::Storing);
            bench.with(|rpl, cx| rpl.start_root(cx, &config)).unwrap();
        }
        bench.with(|rpl, cx| rpl.add_target(cx, &address(7), 128, true)).unwrap();
        bench.run(2_000);
        bench.with(|rpl, cx| rpl.remove_target(cx, &address(7), 128)).unwrap();
        bench.receive(5, code::DAO, &dao(240, 7, 240, 30, None));
        assert!(bench.rpl.has_route(0, &address(7)), "{root}");
    }
}

#[test]
fn the_address_of_a_host_is_no_own_one() {
    let mut bench = Bench::new(&Config { targets: 4, ..Config::default() });
    bench.hear(0, Mode::NonStoring, 128, 240);
    for (target, external) in [(1, false), (7, true)] {
        bench.with(|rpl, cx| rpl.add_target(cx, &address(target), 128, external)).unwrap();
    }
    let sent = bench.run(3_000);
    acknowledge(&mut bench, &sent, 0);
    // The own address is lost: no message goes out in the name of the host.
    bench.with(|rpl, cx| rpl.remove_target(cx, &address(1), 128)).unwrap();
    assert_eq!(told(&bench.run(10_000)), []);
    bench.with(|rpl, cx| rpl.add_target(cx, &address(2), 128, false)).unwrap();
    let mut told = told(&bench.run(3_000));
    told.sort();
    assert_eq!(told, [(address(1), 0), (address(2), 30), (address(7), 30)]);
}

#[test]
fn a_target_withdrawn_while_there_is_no_parent_is_told_to_the_next() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.with(|rpl, cx| rpl.add_target(cx, &address(7), 128, true)).unwrap();
    let sent = bench.run(2_000);
    acknowledge(&mut bench, &sent, 0);
    bench.hear(0, Mode::Storing, 0xffff, 240);
    assert!(!bench.rpl.is_joined());
    bench.with(|rpl, cx| rpl.remove_target(cx, &address(7), 128)).unwrap();
    bench.run(3_000);
    bench.hear(0, Mode::Storing, 128, 240);
    assert!(bench.rpl.is_joined());
    let sent = bench.run(2_000);
    assert!(told(&sent).contains(&(address(7), 0)), "{:?}", told(&sent));
}

#[test]
fn that_a_target_is_withdrawn_is_repeated_until_it_is_acknowledged() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.with(|rpl, cx| rpl.add_target(cx, &address(7), 128, true)).unwrap();
    let sent = bench.run(2_000);
    acknowledge(&mut bench, &sent, 0);
    bench.with(|rpl, cx| rpl.remove_target(cx, &address(7), 128)).unwrap();
    for _ in 0..2 {
        let sent = bench.run(5_000);
        assert!(told(&sent).contains(&(address(7), 0)));
        // Meanwhile there are news of another.
        bench.receive(5, code::DAO, &dao(240, 8, 240, 30, None));
    }
    let sent = bench.run(40_000);
    acknowledge(&mut bench, &sent, 0);
    bench.with(|rpl, cx| rpl.add_target(cx, &address(9), 128, true)).unwrap();
    assert_eq!(told(&bench.run(2_000)).iter().filter(|(_, lifetime)| *lifetime == 0).count(), 0);
}

#[test]
fn both_parents_hear_that_a_target_is_withdrawn() {
    let mut bench = Bench::new(&Config::default());
    for instance in [0, 1] {
        let mut body = dio(Mode::Storing, 128, 240);
        body[0] = instance;
        bench.receive(0, code::DIO, &body);
    }
    bench.with(|rpl, cx| rpl.add_target(cx, &address(1), 128, false)).unwrap();
    bench.with(|rpl, cx| rpl.add_target(cx, &address(7), 128, true)).unwrap();
    let answer = |bench: &mut Bench, sent: &[(Ip, u8, Vec<u8>)]| {
        for (to, _, body) in sent.iter().filter(|(_, code, _)| *code == code::DAO) {
            let ack = DaoAck { instance: body[0], sequence: body[3], ..DaoAck::default() };
            let body = emitted(|out| ack.emit(out));
            let own = link(1).link_local();
            bench.with(|rpl, cx| rpl.receive(cx, to, &own, code::DAO_ACK, &body));
        }
    };
    let sent = bench.run(2_000);
    answer(&mut bench, &sent);
    bench.run(1_000);
    bench.with(|rpl, cx| rpl.remove_target(cx, &address(7), 128)).unwrap();
    let mut heard = Vec::new();
    for _ in 0..300 {
        let sent = bench.run(10);
        answer(&mut bench, &sent);
        for message in &sent {
            if told(std::slice::from_ref(message)).contains(&(address(7), 0)) {
                heard.push(message.2[0]);
            }
        }
    }
    heard.sort_unstable();
    assert_eq!(heard, [0, 1]);
}

#[test]
fn of_two_paths_of_as_many_hops_the_one_in_use_stays() {
    let mut bench = Bench::new(&Config::default());
    let hear = |bench: &mut Bench, from: usize, rank: u16, hops: u8| {
        let container = emitted(|out| MetricObject::aggregated(Metric::HopCount(hops)).emit(out));
        let body = emitted(|out| {
            let dodag_id = address(0);
            Dio { version: 240, rank, mode: 1, grounded: true, dodag_id, ..Dio::default() }.emit(out)?;
            ControlOption::MetricContainer(&container).emit(out)?;
            Configuration::default().emit(out)
        });
        bench.receive(from, code::DIO, &body);
    };
    let parent = |bench: &Bench| bench.rpl.dodags().find_map(|dodag| dodag.parent);
    // The first is worse, so that the second is taken; later it is as good.
    hear(&mut bench, 2, 384, 3);
    for _ in 0..2 {
        hear(&mut bench, 3, 256, 2);
        bench.run(61_000);
    }
    assert_eq!(parent(&bench), Some(link(3).link_local()));
    hear(&mut bench, 2, 256, 2);
    bench.run(1_000);
    assert_eq!(parent(&bench), Some(link(3).link_local()));
    hear(&mut bench, 2, 128, 1);
    assert_eq!(parent(&bench), Some(link(2).link_local()));
}

/// A root of non-storing mode that knows 2 and 3 as its children.
fn root_of_two() -> Bench {
    let mut bench = Bench::new(&Config::default());
    let root = root_config(1, Mode::NonStoring);
    bench.with(|rpl, cx| rpl.start_root(cx, &root)).unwrap();
    for child in [2, 3] {
        from_afar(&mut bench, child, &dao(240, child, 240, 30, Some(address(1))));
    }
    bench
}

fn from_afar(bench: &mut Bench, from: usize, body: &[u8]) {
    bench.with(|rpl, cx| rpl.receive(cx, &address(from), &address(1), code::DAO, body));
}

fn transit(parent: &Ip, path_sequence: u8, path_lifetime: u8) -> Transit<'_> {
    Transit { path_control: 0x80, path_sequence, path_lifetime, parent: Some(parent), ..Transit::default() }
}

#[test]
fn a_no_path_about_another_parent_leaves_the_route() {
    let mut bench = root_of_two();
    from_afar(&mut bench, 4, &dao(240, 4, 240, 30, Some(address(2))));
    // It has left 3, which it was a child of too, or says so late.
    from_afar(&mut bench, 4, &dao(241, 4, 240, 0, Some(address(3))));
    bench.run(1_000);
    assert!(bench.rpl.has_route(0, &address(4)));
    // What is newer is about all of them (RFC 6550 §9.4).
    from_afar(&mut bench, 4, &dao(242, 4, 241, 0, Some(address(3))));
    bench.run(1_000);
    assert!(!bench.rpl.has_route(0, &address(4)));
}

#[test]
fn of_several_parents_of_a_target_the_first_that_is_one_counts() {
    let (two, three) = (address(2), address(3));
    for (transits, via) in [
        ([transit(&two, 240, 30), transit(&three, 240, 30)], Some(two)),
        ([transit(&two, 240, 0), transit(&three, 240, 30)], Some(three)),
        ([transit(&two, 240, 30), transit(&three, 240, 0)], Some(two)),
        ([transit(&two, 240, 0), transit(&three, 240, 0)], None),
    ] {
        let mut bench = root_of_two();
        from_afar(&mut bench, 4, &dao(240, 4, 239, 30, Some(two)));
        let body = emitted(|out| {
            Dao { sequence: 241, ..Dao::default() }.emit(out)?;
            for target in [4, 5] {
                Target { prefix_len: 128, prefix: address(target) }.emit(out)?;
            }
            transits.iter().try_for_each(|transit| transit.emit(out))
        });
        from_afar(&mut bench, 4, &body);
        bench.run(1_000);
        for target in [4, 5].map(address) {
            let route = bench.rpl.routes().find(|route| route.target == target);
            assert_eq!(route.map(|route| route.via), via, "{transits:?}");
        }
    }
}

#[test]
fn a_group_of_targets_has_nothing_of_the_next_one() {
    let mut bench = root_of_two();
    from_afar(&mut bench, 4, &dao(240, 4, 240, 30, Some(address(2))));
    let two = address(2);
    let body = emitted(|out| {
        Dao { sequence: 241, ..Dao::default() }.emit(out)?;
        for (target, lifetime) in [(4, 0), (5, 30)] {
            Target { prefix_len: 128, prefix: address(target) }.emit(out)?;
            transit(&two, 241, lifetime).emit(out)?;
        }
        Ok(())
    });
    from_afar(&mut bench, 4, &body);
    bench.run(1_000);
    assert_eq!([4, 5].map(|target| bench.rpl.has_route(0, &address(target))), [false, true]);
}

#[test]
fn a_dao_with_a_target_that_nothing_is_said_of_is_discarded_whole() {
    let target = |target: usize| Target { prefix_len: 128, prefix: address(target) };
    let path = Transit { path_sequence: 240, path_lifetime: 30, ..Transit::default() };
    let cases: [&[ControlOption<'_>]; 3] = [
        &[ControlOption::Target(target(7)), ControlOption::Transit(path), ControlOption::Target(target(8))],
        &[ControlOption::Transit(path), ControlOption::Target(target(7)), ControlOption::Transit(path)],
        &[],
    ];
    for case in cases {
        let mut bench = Bench::joined(Mode::Storing);
        bench.run(1);
        let body = emitted(|out| {
            Dao { acknowledge: true, sequence: 241, ..Dao::default() }.emit(out)?;
            case.iter().try_for_each(|option| option.emit(out))
        });
        bench.receive(5, code::DAO, &body);
        assert_eq!(bench.rpl.routes().count(), 0);
        assert_eq!(bench.rpl.statistics().malformed, 1);
        assert!(bench.sent.0.iter().all(|(_, code, _)| *code != code::DAO_ACK));
    }
}

/// RFC 6550 §8.2.1: routes through a neighbour that is no longer reachable are removed.
#[test]
fn routes_through_a_child_that_is_lost_end_and_the_others_take_over() {
    let mut bench = Bench::joined(Mode::Storing);
    let sent = bench.run(2_000);
    acknowledge(&mut bench, &sent, 0);
    bench.receive(6, code::DAO, &dao(240, 7, 240, 30, None));
    bench.receive(5, code::DAO, &dao(240, 7, 240, 30, None));
    bench.receive(5, code::DAO, &dao(241, 8, 240, 30, None));
    let mut before = None;
    for _ in 0..700 {
        let sent = bench.run(100);
        acknowledge(&mut bench, &sent, 0);
        before = last_dtsn(&sent).or(before);
    }
    for _ in 0..3 {
        assert!(bench.rpl.has_route(0, &address(8)));
        let now = mote::time::Instant(bench.now);
        bench.rpl.link_failed(now, link(5));
    }
    let via =
        |bench: &Bench| bench.rpl.routes().find(|route| route.target == address(7)).map(|route| route.via);
    assert!(!bench.rpl.has_route(0, &address(8)));
    assert_eq!(via(&bench), Some(link(6).link_local()));
    // The parent hears of it, and the child is asked, should it be there still.
    let sent = bench.run(10_000);
    assert!(told(&sent).contains(&(address(8), 0)));
    assert!(!told(&sent).contains(&(address(7), 0)));
    assert_ne!(last_dtsn(&sent), before);
}

#[test]
fn a_dodag_that_comes_to_ask_what_we_lack_makes_us_a_leaf() {
    for version in [240, 241] {
        let mut bench = Bench::joined(Mode::Storing);
        assert!(bench.run(60_000).iter().any(|(_, code, _)| *code == code::DIO));
        let body = emitted(|out| {
            let dodag_id = address(0);
            Dio { version, rank: 128, mode: 2, grounded: true, dodag_id, ..Dio::default() }.emit(out)?;
            Configuration { ocp: 77, ..Configuration::default() }.emit(out)
        });
        bench.receive(0, code::DIO, &body);
        let sent = bench.run(120_000);
        let dios = sent.iter().filter(|(_, code, _)| *code == code::DIO);
        let ranks: Vec<_> = dios.map(|(_, _, body)| [body[2], body[3]]).collect();
        assert!(bench.rpl.is_joined());
        // In the same version those below hear of it.
        assert_eq!(ranks, vec![[0xff; 2]; usize::from(version == 240)]);
    }
}

/// What all have heard counts, not what one neighbour has been told meanwhile: the others may take this node for a
/// parent by it.
#[test]
fn a_rank_told_to_one_neighbour_is_not_known_to_all() {
    let mut bench = Bench::joined(Mode::Storing);
    let ranks = |sent: &[(Ip, u8, Vec<u8>)]| -> Vec<(bool, u16)> {
        let dios = sent.iter().filter(|(_, code, _)| *code == code::DIO);
        dios.map(|(to, _, body)| (to.is_multicast(), u16::from_be_bytes([body[2], body[3]]))).collect()
    };
    let sent = bench.run(10_000);
    assert_eq!(ranks(&sent).last(), Some(&(true, 320)));
    // It grows a little, which waits for the next DIO; one neighbour asks before.
    bench.hear(0, Mode::Storing, 300, 240);
    bench.receive(5, code::DIS, &[0, 0]);
    assert_eq!(ranks(&bench.sent.0), [(false, 492)]);
    bench.sent.0.clear();
    bench.hear(0, Mode::Storing, 400, 240);
    assert_eq!(ranks(&bench.sent.0), [(true, 592)]);
    // But that neighbour too may have chosen by it.
    let mut bench = Bench::new(&Config::default());
    bench.hear(0, Mode::Storing, 128, 240);
    bench.receive(5, code::DIS, &[0, 0]);
    assert_eq!(ranks(&bench.sent.0), [(false, 320)]);
    bench.sent.0.clear();
    bench.hear(0, Mode::Storing, 400, 240);
    assert_eq!(ranks(&bench.sent.0), [(true, 592)]);
}

/// CVE-2022-35927 (Contiki-NG), at the engine: the message is dropped whole, and counted.
#[test]
fn attack_cve_2022_35927_prefix_length_over_128_at_the_engine() {
    for length in [129, 200, 255] {
        for (code, kind, at) in [(code::DIO, 8, 0), (code::DIO, 3, 0), (code::DAO, 5, 1)] {
            let mut bench = Bench::joined(Mode::Storing);
            let before = *bench.rpl.statistics();
            let (mut body, rest) = if code == code::DIO {
                // Of a better parent, with all that it takes to be one.
                (dio(Mode::Storing, 64, 240), vec![])
            } else {
                (vec![0, 0, 0, 241], vec![6, 4, 0, 0x80, 240, 30])
            };
            let mut option = [kind, 30].into_iter().chain([0; 30]).collect::<Vec<u8>>();
            option[2 + at] = length;
            body.extend(option);
            body.extend(rest);
            assert_eq!(bench.receive(5, code, &body), None);
            assert_eq!(bench.rpl.statistics().malformed, before.malformed + 1, "{kind} {length}");
            assert_eq!(bench.rpl.dodags().find_map(|dodag| dodag.parent), Some(link(0).link_local()));
            assert_eq!((bench.rpl.neighbours().count(), bench.rpl.routes().count()), (1, 0));
        }
    }
}
