// SPDX-License-Identifier: MIT OR Apache-2.0
//! One engine and what it hears of DODAGs: its own restart, what it cannot be a router of, who asks for it.

use crate::bench::{Bench, emitted, link};
use crate::harness::{address, root_config};
use mote::ipv6::routing::Routing;
use mote::lollipop;
use mote::rpl::wire::{Configuration, Dio, PacketInformation, code};
use mote::rpl::{ALL_RPL_NODES, Config, Mode};
use mote::time::Instant;
use std::cmp::Ordering;

#[test]
fn the_root_tells_its_own_restart_by_what_others_say() {
    // Before its first DIO any version is one from before; its own is to be newer then.
    for heard in (240..=255).chain([0, 8, 127, 50]) {
        let mut bench = Bench::new(&Config::default());
        let root = root_config(1, Mode::NonStoring);
        bench.with(|rpl, cx| rpl.start_root(cx, &root)).unwrap();
        assert_eq!(bench.run(500).first().map(|(_, code, _)| *code), Some(code::DIS));
        let dodag_id = address(1);
        let body =
            emitted(|out| Dio { version: heard, rank: 256, mode: 1, dodag_id, ..Dio::default() }.emit(out));
        bench.receive(2, code::DIO, &body);
        let sent = bench.run(6_200);
        let (_, _, body) = sent.iter().find(|(_, code, _)| *code == code::DIO).unwrap();
        assert_eq!(body[2..4], root.configuration.min_hop_rank_increase.to_be_bytes(), "ROOT_RANK");
        assert_eq!(lollipop::compare(body[1], heard), Some(Ordering::Greater), "{heard}, {}", body[1]);
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
    // A packet that takes it for a router makes it say so to all (§8.5).
    let mut data = PacketInformation { sender_rank: 9, ..Default::default() }.data();
    assert!(bench.rpl.hop_by_hop(Instant(bench.now), 0x63, &mut data, link(5)));
    let sent = bench.run(1);
    let to_all: Vec<_> = sent.iter().filter(|(to, ..)| *to == ALL_RPL_NODES).collect();
    assert!(matches!(to_all[..], [(_, code::DIO, body)] if body[2..4] == [0xff, 0xff]), "{sent:?}");
}

#[test]
fn a_metric_that_mrhof_cannot_minimise_makes_us_a_leaf_too() {
    use mote::rpl::wire::{ControlOption, Metric, MetricObject};
    let plain = MetricObject::aggregated;
    let energy = Metric::NodeEnergy { included: false, supply: 1, estimate: Some(50) };
    let one = |object| (vec![object], true);
    for (objects, leaf) in [
        (vec![plain(Metric::Latency(9 << 16))], false),
        (vec![plain(Metric::HopCount(1))], false),
        (vec![plain(Metric::Etx(128)), plain(Metric::HopCount(1))], false),
        // A second of the same type does not count.
        (vec![plain(Metric::HopCount(1)), plain(Metric::HopCount(200))], false),
        (vec![MetricObject { constraint: true, optional: true, ..plain(energy) }], false),
        one(MetricObject { constraint: true, ..plain(energy) }),
        one(MetricObject { recorded: true, ..plain(Metric::HopCount(1)) }),
        one(MetricObject { aggregation: 1, ..plain(Metric::Latency(9)) }),
        one(plain(energy)),
        one(plain(Metric::LinkQuality(&[0x21]))),
        (vec![plain(Metric::HopCount(1)), plain(Metric::Latency(9))], true),
    ] {
        let mut bench = Bench::new(&Config::default());
        let container = emitted(|out| objects.iter().try_for_each(|object| object.emit(out)));
        let body = emitted(|out| {
            let dodag_id = address(0);
            Dio { version: 240, rank: 128, mode: 2, dodag_id, ..Dio::default() }.emit(out)?;
            ControlOption::MetricContainer(&container).emit(out)?;
            Configuration::default().emit(out)
        });
        bench.receive(0, code::DIO, &body);
        assert!(bench.rpl.is_joined());
        let sent = bench.run(60_000);
        assert_eq!(sent.iter().all(|(_, code, _)| *code != code::DIO), leaf, "{objects:?}");
        // It tells of its own path.
        let one_more = [2, 6, 3, 0, 0, 2, 0, 2];
        let counts = sent.iter().any(|(_, _, body)| body.windows(8).any(|window| window == one_more));
        assert_eq!(counts, !leaf && objects.iter().any(|object| object.metric == Metric::HopCount(1)));
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
