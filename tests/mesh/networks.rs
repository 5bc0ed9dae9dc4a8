// SPDX-License-Identifier: MIT OR Apache-2.0
//! Networks that form and carry packets.

use crate::harness::*;
use mote::mesh::{PingFailure, Root};
use mote::rpl::Mode;
use mote::rpl::wire::PathMetric;
use mote::status::Error;

const MODES: [Mode; 2] = [Mode::NonStoring, Mode::Storing];

fn root(mode: Mode) -> Root {
    Root { mode, ..Root::default() }
}

#[test]
fn two_nodes_join_and_ping() {
    for mode in MODES {
        let mut network = Network::started(line(2, 1000), root(mode), 3);
        let seconds = network.until(60, Network::is_complete).unwrap();
        assert!(seconds < 30, "{seconds} s");
        assert!(network.took(1).contains(&Told::Joined));
        assert_eq!(network.node(1).mesh.parent(), Some(link_local(0)));
        for size in [0, 8, 100, 500, 1200] {
            assert_eq!(network.ping(0, &address(1), 0, size), Ok(64), "{mode:?} {size}");
            assert_eq!(network.ping(1, &address(0), 0, size), Ok(64), "{mode:?} {size}");
        }
        assert_eq!(network.ping(1, &link_local(0), 0, 8), Ok(64));
        // Nobody there: nobody's address in the mesh, and out of it.
        assert!(matches!(
            network.ping(1, &address(7), 0, 8),
            Err(PingFailure::Reported { kind: 1, code: 0, .. })
        ));
    }
}

#[test]
fn a_line_of_five_carries_pings_of_every_size() {
    for mode in MODES {
        let mut network = Network::started(line(5, 1000), root(mode), 4);
        network.until(120, Network::is_complete).unwrap();
        for size in [8, 300, 1000] {
            assert_eq!(network.ping(0, &address(4), 0, size), Ok(61), "{mode:?} down {size}");
            assert_eq!(network.ping(4, &address(0), 0, size), Ok(61), "{mode:?} up {size}");
            // From one end to the other: up to the root or the common ancestor, and down.
            assert!(network.ping(4, &address(2), 0, size).is_ok(), "{mode:?} across {size}");
        }
    }
}

#[test]
fn a_hop_limit_too_small_is_reported_by_the_hop_where_it_ends() {
    for mode in MODES {
        let mut network = Network::started(line(4, 1000), root(mode), 5);
        network.until(120, Network::is_complete).unwrap();
        for hops in 1..3 {
            let failure = network.ping(0, &address(3), hops, 8).unwrap_err();
            let PingFailure::Reported { reporter, kind, code } = failure else { panic!("{failure:?}") };
            assert_eq!((reporter, kind, code), (address(usize::from(hops)), 3, 0), "{mode:?}");
        }
        assert!(network.ping(0, &address(3), 3, 8).is_ok());
        let failure = network.ping(3, &address(0), 1, 8).unwrap_err();
        assert!(matches!(failure, PingFailure::Reported { kind: 3, .. }), "{failure:?}");
    }
}

#[test]
fn a_ping_without_answer_ends_and_a_second_one_is_refused_meanwhile() {
    let mut network = Network::started(line(2, 1000), root(Mode::NonStoring), 6);
    network.until(60, Network::is_complete).unwrap();
    network.air.stop(1);
    let first =
        network.air.with(0, |host, cx| host.mesh.ping(cx, &address(1), 0, 1000, b"x")).unwrap().unwrap();
    let second = network.air.with(0, |host, cx| host.mesh.ping(cx, &address(1), 0, 1000, b"x")).unwrap();
    assert_eq!(second, Err(Error::Full));
    network.took(0);
    network.run(2);
    assert!(network.took(0).contains(&Told::Failed(first, PingFailure::Local(Error::Timeout))));
    let third =
        network.air.with(0, |host, cx| host.mesh.ping(cx, &address(1), 0, 1000, b"x")).unwrap().unwrap();
    network.air.with(0, |host, _| host.mesh.ping_cancel(third)).unwrap().unwrap();
    network.run(1);
    assert!(network.took(0).contains(&Told::Failed(third, PingFailure::Local(Error::Cancelled))));
    assert_eq!(network.air.with(0, |host, _| host.mesh.ping_cancel(third)).unwrap(), Err(Error::Stale));
}

#[test]
fn a_grid_of_25_joins_and_reaches_everybody() {
    for mode in MODES {
        let mut network = Network::new(grid(5, 950), root(mode), 7, |_, config| config.routes = 32);
        (0..network.len()).for_each(|id| network.start(id));
        let seconds = network.until(300, Network::is_complete);
        assert!(seconds.is_some(), "{mode:?}");
        let mut failed = 0;
        for id in 1..25 {
            failed += usize::from(network.ping(0, &address(id), 0, 60).is_err());
            failed += usize::from(network.ping(id, &address(0), 0, 60).is_err());
        }
        assert!(failed <= 1, "{mode:?}: {failed} of 48 pings lost");
    }
}

#[test]
fn every_metric_of_mrhof_makes_a_network() {
    for (metric, mode) in [PathMetric::HopCount, PathMetric::Latency].into_iter().zip(MODES) {
        let root = Root { metric, ..root(mode) };
        let mut network = Network::new(grid(4, 900), root, 8, |_, config| config.routes = 24);
        (0..network.len()).for_each(|id| network.start(id));
        assert!(network.until(300, Network::is_complete).is_some(), "{metric:?}");
        let failed = (1..16).filter(|id| network.ping(0, &address(*id), 0, 60).is_err()).count();
        assert!(failed <= 1, "{metric:?}: {failed} of 15 pings lost");
    }
}
