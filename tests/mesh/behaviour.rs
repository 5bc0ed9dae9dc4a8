// SPDX-License-Identifier: MIT OR Apache-2.0
//! Networks in trouble: reboots, losses, partitions, full tables; and nodes of other roles.

use crate::harness::*;
use mote::mesh::{Config, Mesh, PingFailure, Role, Root};
use mote::random::Sequence;
use mote::rpl::Mode;
use mote::sim::radio::{RadioLink, Topology};
use mote::status::Error;
use mote::time::Instant;

const MODES: [Mode; 2] = [Mode::NonStoring, Mode::Storing];
const GOOD: Option<RadioLink> = Some(RadioLink { delivery: 1000, rssi: -60 });

fn root(mode: Mode) -> Root {
    Root { mode, ..Root::default() }
}

/// How many seconds it takes until pings from the root reach `id` again.
fn heals(network: &mut Network, id: usize, limit: u64) -> Option<u64> {
    let started = network.air.now();
    loop {
        let passed = (network.air.now() - started) / 1_000_000;
        if network.ping(0, &address(id), 0, 20).is_ok() {
            return Some(passed);
        }
        if passed > limit {
            return None;
        }
        network.run(1);
    }
}

#[test]
fn a_line_of_thirty_hops_carries_thousand_byte_packets_both_ways() {
    for mode in MODES {
        let tune = |id: usize, config: &mut Config| {
            if id > 0 && mode == Mode::Storing {
                config.routes = 40;
            }
        };
        let mut network = Network::new(line(31, 1000), root(mode), 12, tune);
        (0..31).for_each(|id| network.start(id));
        network.until(600, Network::is_complete).unwrap();
        assert_eq!(network.ping(0, &address(30), 0, 1000), Ok(64 - 29), "{mode:?} down");
        assert_eq!(network.ping(30, &address(0), 0, 1000), Ok(64 - 29), "{mode:?} up");
    }
}

#[test]
fn after_a_reboot_of_the_root_all_is_well_within_two_minutes() {
    for mode in MODES {
        let mut network = Network::new(grid(4, 1000), root(mode), 13, |_, config| config.routes = 32);
        (0..16).for_each(|id| network.start(id));
        network.until(300, Network::is_complete).unwrap();
        network.run(120);
        network.air.stop(0);
        network.run(5);
        network.start(0);
        let seconds = network.until(120, Network::is_complete);
        assert!(seconds.is_some(), "{mode:?}");
        for id in 1..16 {
            assert!(network.ping(0, &address(id), 0, 20).is_ok(), "{mode:?} {id}");
        }
    }
}

#[test]
fn a_lost_parent_is_replaced_within_thirty_seconds() {
    for mode in MODES {
        // 0 - {1, 2} - 3.
        let mut topology = Topology::unlinked(4);
        for (a, b) in [(0, 1), (0, 2), (1, 3), (2, 3)] {
            topology.set_both(a, b, GOOD);
        }
        let mut network = Network::started(topology, root(mode), 14);
        network.until(120, Network::is_complete).unwrap();
        network.run(30);
        let parent = (1..3).find(|id| network.node(3).mesh.parent() == Some(link_local(*id))).unwrap();
        network.air.stop(parent);
        // Traffic is what shows that the parent is gone.
        let started = network.air.now();
        let mut healed = false;
        while network.air.now() - started < 30_000_000 {
            let sent = network.air.with(3, |host, cx| host.mesh.ping(cx, &address(0), 0, 900, b"x")).unwrap();
            network.run(1);
            healed |= sent.is_ok() && network.took(3).iter().any(|event| matches!(event, Told::Reply { .. }));
            if healed {
                break;
            }
        }
        assert!(healed, "{mode:?}");
        assert_eq!(network.node(3).mesh.parent(), Some(link_local(3 - parent)));
        let down = heals(&mut network, 3, 30);
        assert!(down.is_some(), "{mode:?}: no way down");
    }
}

#[test]
fn a_part_that_was_cut_off_comes_back() {
    for mode in MODES {
        let mut network = Network::started(line(4, 1000), root(mode), 15);
        network.until(120, Network::is_complete).unwrap();
        network.air.topology_mut().set_both(1, 2, None);
        for _ in 0..30 {
            let _ = network.ping(3, &address(0), 0, 20);
            network.run(5);
        }
        assert!(network.ping(0, &address(3), 0, 20).is_err());
        network.air.topology_mut().set_both(1, 2, GOOD);
        let healed = heals(&mut network, 3, 240);
        assert!(healed.is_some(), "{mode:?}");
    }
}

#[test]
fn a_full_route_table_serves_those_who_are_in() {
    for mode in MODES {
        let tune = |id: usize, config: &mut Config| {
            if id == 0 {
                config.routes = 4;
            }
        };
        // Eight nodes round the root.
        let mut topology = Topology::unlinked(9);
        for a in 0..9 {
            (0..a).for_each(|b| topology.set_both(a, b, GOOD));
        }
        let mut network = Network::new(topology, root(mode), 16, tune);
        (0..9).for_each(|id| network.start(id));
        network.run(300);
        let routes: Vec<_> = network.node(0).mesh.routes().map(|route| route.target).collect();
        assert_eq!(routes.len(), 4, "{mode:?}");
        for target in routes {
            assert!(network.ping(0, &target, 0, 20).is_ok(), "{mode:?}");
        }
        // Upward all of them talk.
        assert!((1..9).all(|id| network.node(id).mesh.is_joined()));
    }
}

#[test]
fn a_leaf_joins_and_forwards_nothing() {
    for mode in MODES {
        let tune = |id: usize, config: &mut Config| {
            if id == 2 {
                config.role = Role::Leaf;
            }
        };
        let mut network = Network::new(line(4, 1000), root(mode), 17, tune);
        (0..4).for_each(|id| network.start(id));
        network.until(120, |network| network.node(2).mesh.is_joined()).unwrap();
        network.run(30);
        assert!(network.ping(0, &address(2), 0, 20).is_ok(), "{mode:?}");
        assert!(network.ping(2, &address(0), 0, 20).is_ok(), "{mode:?}");
        assert!(!network.node(3).mesh.is_joined(), "{mode:?}: the leaf is nobody's parent");
    }
}

/// RFC 6550 §8.5: who takes it for a router still is told otherwise.
#[test]
fn a_router_that_comes_back_as_a_leaf_loses_its_children() {
    for mode in MODES {
        let mut topology = Topology::unlinked(4);
        for (a, b) in [(0, 1), (0, 2), (1, 3), (2, 3)] {
            topology.set_both(a, b, GOOD);
        }
        let mut network = Network::started(topology, root(mode), 19);
        network.until(120, Network::is_complete).unwrap();
        network.run(60);
        let parent = network.node(3).mesh.parent().unwrap();
        let parent = if parent == link_local(1) { 1 } else { 2 };
        network.set(parent, |config| config.role = Role::Leaf);
        network.start(parent);
        network.until(60, |network| network.node(parent).mesh.is_joined()).unwrap();
        let _ = network.ping_within(3, &address(0), 3_000);
        network.run(10);
        assert_eq!(network.node(3).mesh.parent(), Some(link_local(3 - parent)), "{mode:?}");
        assert!(heals(&mut network, 3, 10).is_some(), "{mode:?}");
    }
}

#[test]
fn a_host_without_rpl_is_reached_through_its_router() {
    for mode in MODES {
        let tune = |id: usize, config: &mut Config| {
            if id == 2 {
                config.role = Role::Host;
            }
        };
        let mut network = Network::new(line(3, 1000), root(mode), 18, tune);
        (0..2).for_each(|id| network.start(id));
        network.until(120, |network| network.node(0).mesh.routes().count() == 1).unwrap();
        network.start(2);
        network.until(60, |network| network.node(2).mesh.global_address().is_some()).unwrap();
        assert!(network.took(1).contains(&Told::Host(address(2))), "{mode:?}");
        network.until(60, |network| network.node(0).mesh.routes().count() == 2).unwrap();
        // Its packets travel in tunnels, those of the largest size too.
        for size in [100, 1232] {
            assert!(network.ping(2, &address(0), 0, size).is_ok(), "{mode:?} up, {size}");
            assert!(network.ping(0, &address(2), 0, size).is_ok(), "{mode:?} down, {size}");
        }
        // It is switched off: its registration, and the route, end by themselves.
        network.air.stop(2);
        assert_eq!(network.ping(0, &address(2), 0, 20), Err(PingFailure::Local(Error::Timeout)), "{mode:?}");
    }
}

/// Two routers with room for two hosts each hear the same three hosts: who is refused by one registers with the other, and
/// leaves nothing behind (RFC 8505 §5.6, §5.7, RFC 6775 §5.5.3).
#[test]
fn hosts_take_one_place_each_and_go_where_there_is_room() {
    for mode in MODES {
        let tune = |id: usize, config: &mut Config| match id {
            1 | 2 => config.neighbours = 2,
            3.. => config.role = Role::Host,
            _ => {}
        };
        let mut topology = Topology::unlinked(6);
        for router in [1, 2] {
            topology.set_both(0, router, GOOD);
            (3..6).for_each(|host| topology.set_both(router, host, GOOD));
        }
        let mut network = Network::new(topology, root(mode), 20, tune);
        (0..3).for_each(|id| network.start(id));
        network.until(120, |network| network.node(0).mesh.routes().count() == 2).unwrap();
        (3..6).for_each(|id| network.start(id));
        let all = |network: &Network| (3..6).all(|id| network.node(id).mesh.global_address().is_some());
        network.until(120, all).unwrap();
        network.run(30);
        let registered = |network: &Network, id| {
            let hosts = network.node(id).mesh.registered_hosts();
            hosts.map(|host| host.ip).collect::<Vec<_>>()
        };
        let mut hosts = [registered(&network, 1), registered(&network, 2)].concat();
        hosts.sort();
        assert_eq!(hosts, [address(3), address(4), address(5)], "{mode:?}");
        for host in 3..6 {
            assert!(network.ping(0, &address(host), 0, 100).is_ok(), "{mode:?}: {host}");
        }
        // Renewed several times, and still one place each.
        network.run(3 * 3600);
        let mut later = [registered(&network, 1), registered(&network, 2)].concat();
        later.sort();
        assert_eq!(later, hosts, "{mode:?}");
    }
}

#[test]
fn nothing_is_lost_on_a_grid_with_a_fifth_of_the_frames_lost() {
    for mode in MODES {
        let mut network = Network::new(grid(5, 800), root(mode), 19, |_, config| config.routes = 32);
        (0..25).for_each(|id| network.start(id));
        network.until(600, Network::is_complete).unwrap();
        let mut lost = 0;
        for id in 1..25 {
            lost += usize::from(network.ping(0, &address(id), 0, 40).is_err());
            lost += usize::from(network.ping(id, &address(0), 0, 40).is_err());
        }
        assert!(lost <= 1, "{mode:?}: {lost} of 48");
    }
}

#[test]
fn the_plan_of_a_node_is_exact() {
    let config = Config { eui64: eui64(1), ..Config::default() };
    let bytes = Mesh::plan(&config).bytes();
    let mut memory = vec![0; bytes];
    assert!(Mesh::new(&mut memory, &config, Instant(0), &mut Sequence(1)).is_ok());
    // Up to 15 bytes are there for a block of any alignment.
    let short = Mesh::new(&mut memory[..bytes - 16], &config, Instant(0), &mut Sequence(1));
    assert_eq!(short.err(), Some(Error::NoMemory));
}
