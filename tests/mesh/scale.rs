// SPDX-License-Identifier: MIT OR Apache-2.0
//! Larger networks of whole nodes, and what becomes of them when something fails.

use crate::harness::*;
use mote::mesh::{Role, Root};
use mote::rpl::Mode;
use mote::sim::radio::{NodeId, Topology};

const MODES: [Mode; 2] = [Mode::NonStoring, Mode::Storing];

/// A network whose tables have room for all, switched on.
fn network(topology: Topology, mode: Mode, seed: u64) -> Network {
    let count = topology.len() as u16;
    let mut network = Network::new(topology, Root { mode, ..Root::default() }, seed, |id, config| {
        if id == 0 || mode == Mode::Storing {
            config.routes = count + 8;
        }
    });
    (0..network.len()).for_each(|id| network.start(id));
    network
}

/// How many pings of a sample of nodes came back, down from the root and up to it.
fn exchange(network: &mut Network, sample: impl Iterator<Item = NodeId>, size: usize) -> (usize, usize) {
    let (mut up, mut down) = (0, 0);
    for id in sample {
        down += usize::from(network.ping(0, &address(id), 0, size).is_ok());
        up += usize::from(network.ping(id, &address(0), 0, size).is_ok());
    }
    (up, down)
}

fn parents(network: &Network) -> Vec<Option<NodeId>> {
    let index = |ip| (0..network.len()).find(|id| link_local(*id) == ip);
    (0..network.len()).map(|id| network.air.node(id)?.mesh.parent().and_then(index)).collect()
}

fn has_ring(parents: &[Option<NodeId>]) -> bool {
    (0..parents.len()).any(|start| {
        std::iter::successors(Some(start), |at| parents[*at]).take(parents.len() + 2).count() > parents.len()
    })
}

#[test]
fn a_grid_of_100_delivers_everything_over_good_links() {
    for mode in MODES {
        let mut network = network(grid(10, 1000), mode, 1);
        let seconds = network.until(120, Network::is_complete);
        assert!(seconds.is_some(), "{mode:?}");
        network.run(60);
        assert_eq!(exchange(&mut network, 1..100, 40), (99, 99), "{mode:?} after {seconds:?}");
    }
}

#[test]
fn a_grid_of_100_delivers_99_percent_over_links_that_lose_a_fifth() {
    for mode in MODES {
        let mut network = network(grid(10, 800), mode, 2);
        assert!(network.until(180, Network::is_complete).is_some(), "{mode:?}");
        // While it settles no ring of parents lasts.
        let mut ring = 0;
        for _ in 0..1_200 {
            network.air.run_for(250_000);
            ring = if has_ring(&parents(&network)) { ring + 1 } else { 0 };
            assert!(ring <= 9, "{mode:?}: a ring for {} ms", ring * 250);
        }
        let (up, down) = exchange(&mut network, 1..100, 40);
        // 198 pings of which each crosses a dozen links.
        assert!(up + down >= 194, "{mode:?}: {up} up, {down} down");
    }
}

#[test]
fn a_line_of_30_hops_carries_1000_bytes() {
    let mut network = network(line(31, 1000), Mode::NonStoring, 3);
    assert!(network.until(240, Network::is_complete).is_some());
    assert_eq!(network.ping(0, &address(30), 0, 1000), Ok(64 - 29));
    assert_eq!(network.ping(30, &address(0), 0, 1000), Ok(64 - 29));
    assert_eq!(exchange(&mut network, (10..31).step_by(5), 1000), (5, 5));
}

#[test]
fn a_rebooted_root_has_every_route_again_within_two_minutes() {
    for mode in MODES {
        let mut network = network(grid(7, 950), mode, 4);
        assert!(network.until(180, Network::is_complete).is_some());
        network.run(600);
        network.air.stop(0);
        network.run(3);
        network.start(0);
        let seconds = network.until(120, Network::is_complete);
        assert!(seconds.is_some(), "{mode:?}");
        let (up, down) = exchange(&mut network, (1..49).step_by(3), 40);
        assert!(up + down >= 31, "{mode:?}: {up} {down}");
    }
}

#[test]
fn traffic_flows_again_30_seconds_after_a_parent_died() {
    for mode in MODES {
        let mut network = network(grid(6, 950), mode, 5);
        assert!(network.until(180, Network::is_complete).is_some());
        network.run(300);
        let child = 35;
        let parent = parents(&network)[child].unwrap();
        network.air.stop(parent);
        let start = network.now();
        let mut flows = false;
        while network.now() < start + 30_000 && !flows {
            network.run(1);
            flows = network.ping_within(child, &address(0), 1_500).is_ok()
                && network.ping_within(0, &address(child), 1_500).is_ok();
        }
        assert!(flows, "{mode:?}");
    }
}

#[test]
fn two_roots_divide_a_line_and_one_takes_it_over() {
    for mode in MODES {
        let mut network = Network::new(line(10, 1000), Root { mode, ..Root::default() }, 6, |id, config| {
            config.routes = 16;
            if id == 9 {
                config.role = Role::Root;
                config.blocks = 48;
            }
        });
        (0..10).for_each(|id| network.start(id));
        network.run(180);
        let routes = |network: &Network, id: NodeId| network.node(id).mesh.routes().count();
        assert!((1..9).all(|id| network.node(id).mesh.is_joined()));
        assert_eq!(routes(&network, 0) + routes(&network, 9), 8, "{mode:?}");
        assert!(routes(&network, 9) >= 2, "{mode:?}");
        network.air.stop(9);
        for _ in 0..12 {
            let _ = network.ping_within(8, &address(0), 10_000);
        }
        network.run(60);
        assert_eq!(routes(&network, 0), 8, "{mode:?}");
        assert_eq!(exchange(&mut network, 1..9, 40), (8, 8), "{mode:?}");
    }
}

#[test]
#[ignore = "takes minutes without optimisation"]
fn a_thousand_nodes_converge() {
    let mut network = network(grid(32, 980), Mode::NonStoring, 7);
    let seconds = network.until(600, Network::is_complete);
    assert!(seconds.is_some());
    let sample: Vec<_> = (0..10).map(|step| 1023 - 37 * step).collect();
    let (up, down) = exchange(&mut network, sample.into_iter(), 40);
    assert!(up + down >= 19, "{up} {down}");
}
