// SPDX-License-Identifier: MIT OR Apache-2.0
//! One engine and the rules of RFC 6550 that only rare events put to the test.

use crate::bench::{Bench, acknowledge, dao, dio, emitted, last_dtsn, link};
use crate::harness::{address, root_config};
use mote::address::Ip;
use mote::ipv6::routing::{Encapsulation, Flow, NoRoute, Routing};
use mote::rpl::wire::{
    Configuration, ControlOption, Dao, DaoAck, Dio, Message, Metric, MetricObject, PacketInformation,
    PrefixInformation, Target, Transit, code,
};
use mote::rpl::{ALL_RPL_NODES, Config, Event, Mode};
use mote::status::Error;
use mote::time::Instant;

fn parent(bench: &Bench) -> Option<Ip> {
    bench.rpl.dodags().find_map(|dodag| dodag.parent)
}

/// Version, rank and MinHopRankIncrease of the DIOs that went to all.
fn dios(sent: &[(Ip, u8, Vec<u8>)]) -> Vec<(u8, u16, Option<u16>)> {
    let mut dios = Vec::new();
    for (_, _, body) in sent.iter().filter(|(to, code, _)| *code == code::DIO && to.is_multicast()) {
        let Ok(Message::Dio(base, options)) = Message::parse(code::DIO, body) else { panic!() };
        let unit = options.map(Result::unwrap).find_map(|option| match option {
            ControlOption::Configuration(configuration) => Some(configuration.min_hop_rank_increase),
            _ => None,
        });
        dios.push((base.version, base.rank, unit));
    }
    dios
}

/// §8.2.2.5: who advertises an infinite rank is no parent, whatever version it has come to.
#[test]
fn a_parent_that_poisons_in_the_next_version_is_left() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.hear(0, Mode::Storing, 0xffff, 241);
    assert_eq!(parent(&bench), None);
    // But the version is not taken from it.
    let last = *dios(&bench.run(10)).last().unwrap();
    assert_eq!((last.0, last.1), (240, 0xffff));
}

/// §8.2.2.4: a node migrates to the version of a suitable parent; a neighbour that cannot be reached is none.
#[test]
fn the_version_of_a_neighbour_that_cannot_be_reached_waits() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.hear(5, Mode::Storing, 128, 240);
    for _ in 0..3 {
        bench.rpl.link_failed(Instant(bench.now), link(5));
    }
    bench.hear(5, Mode::Storing, 128, 241);
    assert_eq!(parent(&bench), Some(link(0).link_local()));
    assert_eq!(bench.rpl.dodags().next().unwrap().version, 240);
    bench.hear(0, Mode::Storing, 128, 241);
    assert_eq!(parent(&bench), Some(link(0).link_local()));
    assert_eq!(bench.rpl.dodags().next().unwrap().version, 241);
}

/// §6.7.6: the configuration is that of the version, whoever brings it first.
#[test]
fn the_parameters_of_the_next_version_come_with_it() {
    let mut bench = Bench::joined(Mode::Storing);
    let body = emitted(|out| {
        let dodag_id = address(0);
        Dio { version: 241, rank: 512, mode: 2, grounded: true, dodag_id, ..Dio::default() }.emit(out)?;
        Configuration { min_hop_rank_increase: 256, ..Configuration::default() }.emit(out)
    });
    bench.receive(5, code::DIO, &body);
    assert_eq!(parent(&bench), Some(link(5).link_local()));
    let sent = dios(&bench.run(5_000));
    assert_eq!(*sent.last().unwrap(), (241, 768, Some(256)));
}

/// Another DODAG of the same instance, less wanted than ours.
fn stray(root: usize, preference: u8) -> Vec<u8> {
    emitted(|out| {
        let dodag_id = address(root);
        Dio { version: 240, rank: 128, mode: 2, preference, dodag_id, ..Dio::default() }.emit(out)?;
        Configuration::default().emit(out)
    })
}

#[test]
fn routes_through_a_child_that_speaks_of_another_dodag_end_with_it() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.receive(5, code::DIO, &stray(9, 0));
    bench.receive(5, code::DAO, &dao(240, 7, 240, 30, None));
    bench.run(100);
    assert!(bench.rpl.has_route(0, &address(7)));
    for _ in 0..3 {
        bench.rpl.link_failed(Instant(bench.now), link(5));
    }
    assert!(!bench.rpl.has_route(0, &address(7)));
}

#[test]
fn a_dodag_that_is_forgotten_takes_no_child_of_another_along() {
    let mut bench = Bench::new(&Config { dodags: 2, ..Config::default() });
    bench.hear(0, Mode::Storing, 128, 240);
    bench.receive(5, code::DIO, &stray(9, 0));
    bench.receive(5, code::DAO, &dao(240, 7, 240, 30, None));
    // A third DODAG takes the place of the second, a neighbour that which 5 had.
    bench.receive(6, code::DIO, &stray(10, 1));
    bench.receive(8, code::DIO, &stray(10, 1));
    let via = bench.rpl.routes().find(|route| route.target == address(7)).map(|route| route.via);
    assert_eq!(via, Some(link(5).link_local()));
    assert!(bench.rpl.neighbours().all(|neighbour| !neighbour.preferred || neighbour.routes == 0));
}

/// RFC 6719 §3.1: a path of which one neighbour says no cost, where others do, is as dear as can be, also with what a change to
/// another DODAG has to gain on top.
#[test]
fn a_way_into_another_dodag_that_says_no_cost_is_not_taken() {
    let mut bench = Bench::new(&Config { dodags: 2, ..Config::default() });
    bench.hear(0, Mode::Storing, 128, 240);
    let container = emitted(|out| MetricObject::aggregated(Metric::HopCount(1)).emit(out));
    for (neighbour, told) in [(6, false), (5, true)] {
        let body = emitted(|out| {
            let dodag_id = address(9);
            Dio { version: 240, rank: 128, mode: 2, dodag_id, ..Dio::default() }.emit(out)?;
            if told {
                ControlOption::MetricContainer(&container).emit(out)?;
            }
            // Any rank may be taken.
            Configuration { max_rank_increase: 0, ..Configuration::default() }.emit(out)
        });
        bench.receive(neighbour, code::DIO, &body);
        bench.run(60_000);
    }
    assert_eq!(parent(&bench), Some(link(0).link_local()));
}

/// §8.2.2.4: packets go along the former DODAG until a DIO has told of the new one.
#[test]
fn who_changes_dodags_says_so_at_once() {
    let mut bench = Bench::new(&Config::default());
    bench.receive(5, code::DIO, &stray(9, 0));
    bench.run(60_000);
    assert_eq!(parent(&bench), Some(link(5).link_local()));
    bench.hear(0, Mode::Storing, 128, 240);
    assert_eq!(parent(&bench), Some(link(0).link_local()));
    let sent = std::mem::take(&mut bench.sent.0);
    let told: Vec<_> = sent.iter().filter(|(_, code, _)| *code == code::DIO).map(|s| &s.2[8..24]).collect();
    assert_eq!(told, [&address(9).0[..], &address(0).0[..]]);
}

/// §8.2.1: whoever is nearer to the root is at hand when the parent is lost, without a detour over poisoning.
#[test]
fn a_neighbour_nearer_to_the_root_takes_over_at_once() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.hear(5, Mode::Storing, 250, 240);
    for _ in 0..3 {
        assert_eq!(parent(&bench), Some(link(0).link_local()));
        bench.rpl.link_failed(Instant(bench.now), link(0));
    }
    let told = bench.with(|rpl, cx| rpl.poll(cx));
    assert_eq!(told, Some(Event::ParentChanged { instance: 0, parent: link(5).link_local() }));
    let sent = bench.run(5_000);
    assert!(dios(&sent).iter().all(|(_, rank, _)| *rank == 250 + 192));
    let to: Vec<_> = sent.iter().filter(|(_, code, _)| *code == code::DAO).map(|s| s.0).collect();
    assert_eq!(to.first(), Some(&link(5).link_local()));
}

/// §9.10: who gets a DAO that went to all is no DAO parent by that.
#[test]
fn a_dao_to_all_teaches_no_routes() {
    for mode in [Mode::Storing, Mode::NonStoring] {
        let mut bench = Bench::new(&Config::default());
        bench.with(|rpl, cx| rpl.start_root(cx, &root_config(1, mode))).unwrap();
        bench.run(1);
        let body = dao(240, 7, 240, 30, (mode == Mode::NonStoring).then_some(address(1)));
        for from in [link(7).link_local(), address(7)] {
            bench.with(|rpl, cx| rpl.receive(cx, &from, &ALL_RPL_NODES, code::DAO, &body));
        }
        assert!(!bench.rpl.has_route(0, &address(7)), "{mode:?}");
    }
}

/// §11.2: the source puts no rank into its packets, a router that forwards them its own.
#[test]
fn the_sender_rank_is_zero_from_the_source() {
    for mode in [Mode::Storing, Mode::NonStoring] {
        let mut bench = Bench::joined(mode);
        let (_, own) = bench.route(bench.flow(&address(0), None, None));
        let (_, others) = bench.route(bench.flow(&Ip::LOOPBACK, Some(7), None));
        assert_eq!([&own[6..8], &others[6..8]], [[0, 0], [0, 2]], "{mode:?}");
        let mut data = PacketInformation::default().data();
        bench.route(bench.flow(&address(0), Some(7), Some(&mut data))).0.unwrap();
        assert_eq!(data, [0, 0, 0, 2]);
    }
    for mode in [Mode::Storing, Mode::NonStoring] {
        let mut bench = Bench::new(&Config::default());
        bench.with(|rpl, cx| rpl.start_root(cx, &root_config(1, mode))).unwrap();
        let body = dao(240, 7, 240, 30, (mode == Mode::NonStoring).then_some(address(1)));
        let from = if mode == Mode::Storing { link(7).link_local() } else { address(7) };
        bench.with(|rpl, cx| rpl.receive(cx, &from, &address(1), code::DAO, &body));
        let (_, own) = bench.route(bench.flow(&address(7), None, None));
        let (_, others) = bench.route(bench.flow(&address(7), Some(5), None));
        assert_eq!([&own[4..8], &others[4..8]], [[0x80, 0, 0, 0], [0x80, 0, 0, 1]], "{mode:?}");
    }
}

/// §11.2.2.3: all that led to who gives a packet back goes at once, be it second choice or a wider prefix.
#[test]
fn a_packet_given_back_clears_all_that_led_there() {
    let returned =
        PacketInformation { down: true, forwarding_error: true, sender_rank: 2, ..Default::default() };
    // 5 claims the target first, and 6 too; 6 is used. 5 gives back what it got before that.
    let mut bench = Bench::joined(Mode::Storing);
    for child in [5, 6] {
        bench.receive(child, code::DAO, &dao(240, 7, 240, 30, None));
    }
    let mut back = returned.data();
    let (way, _) = bench.route(bench.flow(&address(7), Some(5), Some(&mut back)));
    assert_eq!(way.unwrap().0, link(6).link_local());
    assert!(!PacketInformation::parse(&back).unwrap().forwarding_error);
    let mut back = returned.data();
    let (way, _) = bench.route(bench.flow(&address(7), Some(6), Some(&mut back)));
    assert_eq!(way.unwrap().0, link(0).link_local(), "not to 5 again");
    // 5 claims the target and the network that it is in.
    let mut bench = Bench::joined(Mode::Storing);
    bench.receive(5, code::DAO, &dao(240, 7, 240, 30, None));
    let net = Target { prefix_len: 64, prefix: crate::harness::PREFIX };
    let body = emitted(|out| {
        Dao { sequence: 241, ..Dao::default() }.emit(out)?;
        net.emit(out)?;
        Transit { path_control: 0x80, path_sequence: 240, path_lifetime: 30, ..Transit::default() }.emit(out)
    });
    bench.receive(5, code::DAO, &body);
    let mut back = returned.data();
    let (way, _) = bench.route(bench.flow(&address(7), Some(5), Some(&mut back)));
    assert_eq!(way.unwrap().0, link(0).link_local());
    assert_eq!(bench.rpl.routes().count(), 0);
}

/// §11.2.2.3: what goes down never goes up again. In non-storing mode nothing is to be repaired by that.
#[test]
fn what_came_down_does_not_go_back_up_in_non_storing_mode() {
    let mut bench = Bench::joined(Mode::NonStoring);
    let mut data = PacketInformation { down: true, sender_rank: 1, ..Default::default() }.data();
    for from in [0, 5] {
        let (way, _) = bench.route(bench.flow(&address(7), Some(from), Some(&mut data)));
        assert_eq!(way, Err(NoRoute::Discard));
    }
    // Out of a tunnel from the root.
    let (way, _) = bench.route(bench.flow(&address(7), Some(0), None));
    assert_eq!(way, Err(NoRoute::Unreachable));
    // From below it goes up.
    let (way, _) = bench.route(bench.flow(&address(7), Some(5), None));
    let tunnel = Encapsulation::Tunnel { destination: address(0), segments_left: 0 };
    assert_eq!(way, Ok((link(0).link_local(), tunnel)));
}

/// §6.7.10, RFC 4862 §5.5.3: each advertisement renews the lifetimes of a prefix.
#[test]
fn a_prefix_with_an_end_is_renewed_by_each_dio_of_the_parent() {
    let mut bench = Bench::new(&Config::default());
    let body = |valid_lifetime: u32| {
        emitted(|out| {
            let dodag_id = address(0);
            Dio { version: 240, rank: 128, mode: 2, grounded: true, dodag_id, ..Dio::default() }.emit(out)?;
            Configuration::default().emit(out)?;
            let prefix = crate::harness::PREFIX;
            PrefixInformation {
                prefix_len: 64,
                autonomous: true,
                valid_lifetime,
                prefix,
                ..PrefixInformation::default()
            }
            .emit(out)
        })
    };
    let events = |bench: &mut Bench, from: usize, lifetime: u32| {
        let mut told = Vec::new();
        let mut event = bench.receive(from, code::DIO, &body(lifetime));
        while let Some(next) = event {
            if let Event::Prefix { prefix, .. } = next {
                told.push(prefix.valid_lifetime);
                bench.with(|rpl, cx| rpl.add_target(cx, &address(1), 128, false)).unwrap();
            }
            event = bench.with(|rpl, cx| rpl.poll(cx));
        }
        told
    };
    assert_eq!(events(&mut bench, 0, 600), [600]);
    let sent = bench.run(5_000);
    acknowledge(&mut bench, &sent, 0);
    bench.run(100_000);
    assert_eq!(events(&mut bench, 0, 600), [600]);
    // That is no news to those below, nor to the parent.
    assert!(bench.run(5_000).is_empty());
    assert_eq!(events(&mut bench, 5, 600), []);
    assert_eq!(events(&mut bench, 0, u32::MAX), [u32::MAX]);
    assert_eq!(events(&mut bench, 0, u32::MAX), []);
    assert_eq!(events(&mut bench, 0, 0), [0]);
}

/// §5.1: in packets of a local instance a flag says that they go to its root.
#[test]
fn packets_of_a_local_instance_tell_at_which_end_its_root_is() {
    let mut bench = Bench::new(&Config::default());
    let mut body = dio(Mode::Storing, 128, 240);
    body[0] = 0x81;
    bench.receive(0, code::DIO, &body);
    let (way, headers) = bench.route(bench.flow(&address(0), None, None));
    assert!(way.is_ok());
    assert_eq!(headers[4..6], [0, 0xc1]);
    for instance in [0x81, 0xc1] {
        let mut data = PacketInformation { instance, sender_rank: 1, ..Default::default() }.data();
        let before = bench.rpl.statistics().rank_errors;
        assert!(bench.rpl.hop_by_hop(Instant(bench.now), 0x63, &mut data, link(5)));
        assert_eq!(bench.rpl.statistics().rank_errors, before + 1);
        let (way, _) = bench.route(bench.flow(&address(0), Some(5), Some(&mut data)));
        assert_eq!(way.unwrap().0, link(0).link_local());
        assert_eq!(data[1], instance);
    }
    // In control messages it is zero.
    let mut strange = Bench::new(&Config::default());
    body[0] = 0xc1;
    strange.receive(0, code::DIO, &body);
    assert_eq!((strange.rpl.dodags().count(), strange.rpl.statistics().malformed), (0, 1));
    let mut root = root_config(1, Mode::Storing);
    for (instance, outcome) in [(0xc1, Err(Error::Invalid)), (0x81, Ok(()))] {
        root.instance = instance;
        assert_eq!(strange.with(|rpl, cx| rpl.start_root(cx, &root)), outcome);
    }
    // Of a global one it is part of the number.
    let mut data = PacketInformation { instance: 0x41, ..Default::default() }.data();
    let (way, _) = bench.route(bench.flow(&address(0), Some(5), Some(&mut data)));
    assert_eq!(way, Err(NoRoute::Unreachable));
}

/// RFC 6553 §5.1: how often packets reset trickle is limited; what was to be asked then is asked later.
#[test]
fn children_are_asked_though_forged_packets_have_used_up_the_resets() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.receive(5, code::DAO, &dao(240, 7, 240, 255, None));
    let sent = bench.run(10_000);
    let before = last_dtsn(&sent).unwrap();
    acknowledge(&mut bench, &sent, 0);
    for _ in 0..30 {
        let mut data = PacketInformation { down: true, sender_rank: 9, ..Default::default() }.data();
        bench.rpl.hop_by_hop(Instant(bench.now), 0x63, &mut data, link(5));
    }
    for _ in 0..3 {
        bench.rpl.link_failed(Instant(bench.now), link(5));
    }
    assert!(!bench.rpl.has_route(0, &address(7)));
    let asked = last_dtsn(&bench.run(7_200_000)).unwrap();
    assert_eq!(asked, mote::lollipop::next(before));
}

/// §5: one address may be the root of several instances.
#[test]
fn a_root_of_one_instance_may_become_that_of_another() {
    let mut bench = Bench::new(&Config::default());
    let mut root = root_config(1, Mode::Storing);
    for instance in [0, 9, 0x81] {
        root.instance = instance;
        bench.with(|rpl, cx| rpl.start_root(cx, &root)).unwrap();
    }
    let instances: Vec<_> =
        bench.rpl.dodags().filter(|dodag| dodag.root).map(|dodag| dodag.instance).collect();
    assert_eq!(instances, [0, 9, 0x81]);
    assert_eq!(bench.with(|rpl, cx| rpl.start_root(cx, &root)), Err(Error::State));
}

/// A parent that has gone to another DODAG without us is no parent that waits to be told: its place can be had.
#[test]
fn a_former_parent_in_another_dodag_gives_its_place_up() {
    let mut bench = Bench::new(&Config { neighbours: 2, ..Config::default() });
    bench.hear(0, Mode::Storing, 128, 240);
    bench.with(|rpl, cx| rpl.add_target(cx, &address(1), 128, false)).unwrap();
    bench.hear(5, Mode::Storing, 200, 240);
    bench.run(2_000);
    bench.receive(0, code::DIO, &stray(9, 0));
    assert_eq!(parent(&bench), Some(link(5).link_local()));
    for _ in 0..600 {
        let sent = bench.run(100);
        acknowledge(&mut bench, &sent, 0);
    }
    bench.hear(6, Mode::Storing, 64, 240);
    let known: Vec<_> = bench.rpl.neighbours().map(|neighbour| neighbour.address).collect();
    assert_eq!(known, [link(6), link(5)].map(|link| link.link_local()));
}

/// §18.2.3: which instances a node joins is a matter of its configuration.
#[test]
fn no_instance_but_the_one_that_is_wanted_is_joined() {
    for wanted in [0, 9] {
        let mut bench = Bench::new(&Config { instance: Some(wanted), ..Config::default() });
        for instance in [0, 9] {
            let mut body = dio(Mode::Storing, 128, 240);
            body[0] = instance;
            bench.receive(0, code::DIO, &body);
        }
        let joined: Vec<_> = bench.rpl.dodags().map(|dodag| (dodag.instance, dodag.joined)).collect();
        assert_eq!(joined, [(wanted, true)]);
    }
}

/// RFC 6206 §4.2: what is inconsistent is not counted as if it were not.
#[test]
fn the_dio_of_the_next_version_silences_nobody() {
    let mut bench = Bench::new(&Config::default());
    let hear = |bench: &mut Bench, version: u8| {
        let body = emitted(|out| {
            let dodag_id = address(0);
            Dio { version, rank: 128, mode: 2, grounded: true, dodag_id, ..Dio::default() }.emit(out)?;
            Configuration { redundancy: 1, ..Configuration::default() }.emit(out)
        });
        bench.receive(0, code::DIO, &body);
    };
    hear(&mut bench, 240);
    bench.run(1_000);
    hear(&mut bench, 241);
    let told: Vec<_> = dios(&bench.run(3_096)).iter().map(|(version, ..)| *version).collect();
    assert_eq!(told, [241]);
    // One that says the same does.
    hear(&mut bench, 241);
    assert_eq!(dios(&bench.run(8_192)), []);
}

/// A parent that asks everyone for a DODAG may have forgotten what it knew, and its DTSN need not show it.
#[test]
fn a_parent_that_has_solicited_is_told_of_the_targets_again() {
    let mut bench = Bench::joined(Mode::Storing);
    let sent = bench.run(10_000);
    acknowledge(&mut bench, &sent, 0);
    let daos = |bench: &mut Bench| {
        bench.hear(0, Mode::Storing, 128, 240);
        bench.run(2_000).iter().filter(|(_, code, _)| *code == code::DAO).count()
    };
    assert_eq!(daos(&mut bench), 0);
    let parent = link(0).link_local();
    bench.with(|rpl, cx| rpl.receive(cx, &parent, &ALL_RPL_NODES, code::DIS, &[0, 0]));
    assert_eq!([daos(&mut bench), daos(&mut bench)], [1, 0]);
}

/// §9.8: the parents that were left in one instance are none of another's.
#[test]
fn farewells_stay_in_their_instance() {
    let mut bench = Bench::new(&Config::default());
    bench.with(|rpl, cx| rpl.add_target(cx, &address(1), 128, false)).unwrap();
    let hear = |bench: &mut Bench, instance: u8, from: usize, rank: u16| {
        let mut body = dio(Mode::Storing, rank, 240);
        body[0] = instance;
        bench.receive(from, code::DIO, &body);
    };
    hear(&mut bench, 0, 2, 1024);
    hear(&mut bench, 9, 4, 1024);
    let mut told = Vec::new();
    for step in 0..600 {
        if step == 50 {
            hear(&mut bench, 0, 3, 128);
            hear(&mut bench, 9, 5, 128);
        }
        for (to, code, body) in bench.run(100) {
            if code == code::DAO && body[1] & 0x80 == 0 {
                told.push((to, body[0]));
            } else if code == code::DAO {
                let ack = DaoAck { instance: body[0], sequence: body[3], ..DaoAck::default() };
                let ack = emitted(|out| ack.emit(out));
                bench.with(|rpl, cx| rpl.receive(cx, &to, &link(1).link_local(), code::DAO_ACK, &ack));
            }
        }
    }
    told.sort_unstable();
    assert_eq!(told, [(link(2).link_local(), 0), (link(4).link_local(), 9)]);
}

/// In non-storing mode it is the root that does not answer, so that another parent would help nobody.
#[test]
fn a_root_that_does_not_answer_is_no_reason_for_another_parent() {
    for mode in [Mode::NonStoring, Mode::Storing] {
        let mut bench = Bench::joined(mode);
        bench.hear(5, mode, 200, 240);
        for _ in 0..10 {
            bench.run(20_000);
        }
        let expected = if mode == Mode::NonStoring { link(0) } else { link(5) };
        assert_eq!(parent(&bench), Some(expected.link_local()), "{mode:?}");
    }
}

/// §11.2.2.3: what is given back goes against its direction on purpose.
#[test]
fn a_packet_given_back_from_further_down_contradicts_no_rank() {
    let mut bench = Bench::joined(Mode::Storing);
    let mut data =
        PacketInformation { down: true, forwarding_error: true, sender_rank: 3, ..Default::default() }.data();
    let before = data;
    assert!(bench.rpl.hop_by_hop(Instant(bench.now), 0x63, &mut data, link(5)));
    assert_eq!((data, bench.rpl.statistics().rank_errors), (before, 0));
}

#[test]
fn a_child_that_sends_a_packet_up_for_what_is_below_it_ends_that_route_alone() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.receive(5, code::DAO, &dao(240, 7, 240, 30, None));
    let mut before = None;
    for _ in 0..200 {
        let sent = bench.run(100);
        acknowledge(&mut bench, &sent, 0);
        before = last_dtsn(&sent).or(before);
    }
    let mut data = PacketInformation { sender_rank: 3, ..Default::default() }.data();
    let (way, _) = bench.route(bench.flow(&address(7), Some(5), Some(&mut data)));
    assert_eq!(way.unwrap().0, link(0).link_local());
    assert!(!bench.rpl.has_route(0, &address(7)));
    // Its parent hears of it, and the children have nothing to answer.
    let sent = bench.run(60_000);
    assert!(sent.iter().any(|(_, code, body)| *code == code::DAO && body.ends_with(&[240, 0])));
    assert_eq!(last_dtsn(&sent), before);
}

/// §11.2: a packet that the own parent sends up comes back to it.
#[test]
fn a_packet_that_the_parent_sends_up_to_us_shows_a_loop() {
    for from in [0, 5] {
        let mut bench = Bench::joined(Mode::Storing);
        let mut data = PacketInformation { sender_rank: 1, ..Default::default() }.data();
        assert!(bench.rpl.hop_by_hop(Instant(bench.now), 0x63, &mut data, link(from)));
        assert_eq!(bench.rpl.statistics().rank_errors, 1);
        bench.run(1);
        assert_eq!(bench.rpl.is_joined(), from != 0);
    }
}

#[test]
fn who_has_no_place_in_the_dodag_judges_no_ranks() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.hear(0, Mode::Storing, 0xffff, 240);
    assert!(!bench.rpl.is_joined());
    let mut data = PacketInformation { sender_rank: 1, ..Default::default() }.data();
    let before = data;
    assert!(bench.rpl.hop_by_hop(Instant(bench.now), 0x63, &mut data, link(5)));
    assert_eq!((data, bench.rpl.statistics().rank_errors), (before, 0));
}

/// A tunnel as far as the packet goes hides the hops; one that has few left is to be counted at each (traceroute).
#[test]
fn a_packet_with_few_hops_left_is_tunnelled_from_hop_to_hop() {
    let mut bench = Bench::joined(Mode::Storing);
    bench.receive(5, code::DAO, &dao(240, 7, 240, 30, None));
    for (hop_limit, exit) in [(32, address(7)), (31, address(5))] {
        let to = address(7);
        let flow = Flow { hop_limit, ..bench.flow(&to, Some(0), None) };
        let tunnel = Encapsulation::Tunnel { destination: exit, segments_left: 0 };
        assert_eq!(bench.route(flow).0, Ok((link(5).link_local(), tunnel)), "{hop_limit}");
    }
}
