// SPDX-License-Identifier: MIT OR Apache-2.0
//! How networks of whole nodes behave: large ones, bad links, and everything that fails.

use mote::address::Ip;
use mote::mesh::{Role, Root};
use mote::rpl::Mode;
use mote::sim::mesh::Network;
use mote::sim::radio::{Placement, Propagation, RadioLink, Setup, Topology};

const MODES: [Mode; 2] = [Mode::NonStoring, Mode::Storing];

fn root(mode: Mode) -> Root {
    Root { mode, ..Root::default() }
}

/// All nodes on, with room for the routes that the mode needs.
fn network(topology: Topology, mode: Mode, seed: u64) -> Network {
    let count = topology.len() as u16;
    let setup = Setup { seed, ..Setup::default() };
    let mut network = Network::new(topology, root(mode), &setup, |_, config| {
        if mode == Mode::Storing {
            config.routes = count;
        }
    });
    network.start_all(2000);
    network
}

fn grid(count: usize, loss: u16, seed: u64) -> Topology {
    let propagation = Propagation { loss, ..Propagation::default() };
    Topology::new(count, Placement::Grid, &propagation, seed)
}

fn line(count: usize) -> Topology {
    Topology::new(count, Placement::Line, &Propagation { range: 12.0, ..Propagation::default() }, 1)
}

/// How many milliseconds until all is well.
fn complete(network: &mut Network, seconds: u64) -> u64 {
    let took = network.until(seconds, Network::is_complete);
    let missing = (network.joined(), network.routes());
    took.unwrap_or_else(|| panic!("joined and routes {missing:?} of {} after {seconds} s", network.len() - 1))
}

fn grid_of_100(mode: Mode, loss: u16, seed: u64) -> (u64, u64) {
    let mut network = network(grid(100, loss, seed), mode, seed);
    complete(&mut network, 120);
    let up = network.probe_up(60, 200);
    let down = network.probe_down(60, 200);
    assert_eq!(network.find_loop(), None);
    (up.ratio(), down.ratio())
}

#[test]
fn a_grid_of_100_joins_and_delivers_everything_over_perfect_links() {
    for mode in MODES {
        assert_eq!(grid_of_100(mode, 0, 11), (1000, 1000), "{mode:?}");
    }
}

#[test]
fn a_grid_of_100_delivers_99_in_100_at_20_percent_loss() {
    for mode in MODES {
        let (up, down) = grid_of_100(mode, 200, 12);
        assert!(up >= 990 && down >= 990, "{mode:?}: {up} up, {down} down");
    }
}

#[test]
fn a_line_of_30_hops_carries_1000_bytes_both_ways() {
    for mode in MODES {
        let mut network = network(line(31), mode, 13);
        complete(&mut network, 300);
        let delivery =
            network.probe(&[(0, 30), (30, 0), (0, 29), (29, 0), (0, 30), (30, 0)], 1000, 5000, 5000);
        assert_eq!(delivery.arrived, 6, "{mode:?} {delivery:?}");
    }
}

/// A grid, ten minutes old, whose root was off for five seconds; and how many milliseconds it took from when that came
/// back until all was well.
fn root_reboots(mode: Mode, count: usize, loss: u16, seed: u64) -> (Network, u64) {
    let mut network = network(grid(count, loss, seed), mode, seed);
    complete(&mut network, 300);
    network.run_ms(600_000);
    network.stop(0);
    network.run_ms(5000);
    network.start(0);
    let took = complete(&mut network, 300);
    (network, took)
}

#[test]
fn a_root_that_reboots_has_all_routes_again_within_two_minutes() {
    for mode in MODES {
        let (mut network, took) = root_reboots(mode, 49, 100, 14);
        let (up, down) = (network.probe_up(60, 100).ratio(), network.probe_down(60, 100).ratio());
        assert!(up >= 950 && down >= 950, "{mode:?}: {up} up, {down} down after {took} ms");
    }
}

/// It comes back with no routes, to children that see no reason to choose another parent.
#[test]
fn a_router_that_reboots_passes_on_again_both_ways_within_30_seconds() {
    for (mode, seed) in MODES.into_iter().flat_map(|mode| (0..10).map(move |seed| (mode, seed))) {
        let mut network = network(line(3), mode, seed);
        complete(&mut network, 120);
        network.run_ms(60_000 + seed * 137);
        network.stop(1);
        network.run_ms(1000);
        network.start(1);
        network.run_ms(20_000);
        for second in 20..60 {
            let _ = (network.send(0, 2, 60), network.send(2, 0, 60));
            network.run_ms(1000);
            let arrived = [2, 0].map(|node| network.take_arrived(node).len());
            assert!(second < 30 || arrived == [1, 1], "{mode:?} {seed}: {arrived:?} after {second} s");
        }
    }
}

#[test]
fn a_lost_parent_is_replaced_within_30_seconds() {
    for mode in MODES {
        let mut network = network(grid(49, 0, 15), mode, 15);
        complete(&mut network, 120);
        network.run_ms(300_000);
        // The far corner, whose traffic shows the loss; its parent goes away for good.
        let child = 48;
        let parent = network.parent(child).unwrap();
        network.stop(parent);
        let mut up = None;
        let mut down = None;
        for second in 0..30 {
            for (pair, done) in [((child, 0), &mut up), ((0, child), &mut down)] {
                let _ = network.send(pair.0, pair.1, 60);
                network.run_ms(500);
                if !network.take_arrived(pair.1).is_empty() {
                    done.get_or_insert(second);
                }
            }
        }
        assert!(up.is_some() && down.is_some(), "{mode:?}: up after {up:?} s, down after {down:?} s");
        assert_ne!(network.parent(child), Some(parent));
    }
}

#[test]
fn no_loop_outlives_two_seconds_while_nodes_and_links_come_and_go() {
    for mode in MODES {
        let mut network = network(grid(36, 200, 16), mode, 16);
        complete(&mut network, 180);
        let mut since = None;
        for step in 0..2400u64 {
            // Every ten seconds a node goes, every ten the one before comes back.
            if step % 40 == 0 {
                let node = |round: u64| 1 + (round * 7 % 35) as usize;
                network.stop(node(step / 40 + 1));
                if step > 0 {
                    network.start(node(step / 40));
                }
            }
            network.run_ms(250);
            match (network.find_loop(), since) {
                (None, _) => since = None,
                (Some(_), None) => since = Some(step),
                (Some(node), Some(start)) => {
                    assert!(
                        step - start <= 8,
                        "{mode:?}: a loop through {node} since {} ms",
                        (step - start) * 250
                    );
                }
            }
        }
    }
}

/// What was measured while it was bad would keep a node without another neighbour out for a dozen more minutes.
#[test]
fn a_link_that_was_bad_for_long_is_used_soon_after_it_is_good_again() {
    for mode in MODES {
        let mut network = network(line(2), mode, 25);
        complete(&mut network, 60);
        network.air.topology_mut().set(1, 0, None);
        for _ in 0..300 {
            let _ = network.send(1, 0, 60);
            network.run_ms(2_000);
        }
        network.air.topology_mut().set(1, 0, Some(RadioLink::PERFECT));
        network.run_ms(240_000);
        assert!(network.is_complete(), "{mode:?}");
        assert_eq!(network.probe(&[(1, 0); 20], 60, 2_000, 2_000).ratio(), 1000, "{mode:?}");
    }
}

#[test]
fn a_partition_heals() {
    for mode in MODES {
        let mut network = network(grid(36, 0, 17), mode, 17);
        complete(&mut network, 120);
        let whole = network.air.topology().clone();
        let across = |a: usize, b: usize| (a < 18) != (b < 18);
        for a in 0..36 {
            for b in 0..36 {
                if across(a, b) {
                    network.air.topology_mut().set(a, b, None);
                }
            }
        }
        // The half without the root finds out, and says so to itself, once it has something to send.
        for _ in 0..60 {
            let _ = network.send(35, 0, 60);
            network.run_ms(5000);
        }
        assert_eq!(network.find_loop(), None);
        let frames = network.air.stats().frames;
        network.run_ms(300_000);
        let more = network.air.stats().frames - frames;
        assert!(more < 36 * 300, "{mode:?}: {more} frames in five minutes of partition");
        *network.air.topology_mut() = whole;
        complete(&mut network, 300);
        let (up, down) = (network.probe_up(60, 100).ratio(), network.probe_down(60, 100).ratio());
        assert!(up >= 970 && down >= 970, "{mode:?}: {up} up, {down} down");
    }
}

#[test]
fn nobody_counts_to_infinity_when_the_root_is_gone() {
    for mode in MODES {
        let mut network = network(grid(25, 0, 18), mode, 18);
        complete(&mut network, 120);
        network.stop(0);
        for _ in 0..30 {
            let _ = network.send(24, 0, 60);
            network.run_ms(10_000);
        }
        let frames = network.air.stats().frames;
        network.run_ms(600_000);
        let more = network.air.stats().frames - frames;
        assert!(more < 25 * 200, "{mode:?}: {more} frames in ten minutes without root");
        assert_eq!(network.find_loop(), None);
        // And back.
        network.start(0);
        complete(&mut network, 300);
    }
}

#[test]
fn two_roots_share_the_nodes_and_one_takes_over_from_the_other() {
    for mode in MODES {
        let setup = Setup { seed: 19, ..Setup::default() };
        let mut network: Network = Network::new(grid(25, 0, 19), root(mode), &setup, |id, config| {
            // Twice as many, as nodes that change over keep their old addresses for a while.
            config.routes = 50;
            if id == 24 {
                (config.role, config.packet, config.blocks) = (Role::Root, 2047, 48);
            }
        });
        let other = Ip::v6([0xfd00, 0, 0, 2, 0, 0, 0, 0]);
        network.set_root(24, Root { prefix: other, ..root(mode) });
        network.start_all(2000);
        let everybody = |network: &Network| {
            let second = network.air.node(24).map_or(0, |root| root.mesh.routes().count());
            network.routes() + second >= 23
        };
        assert!(network.until(120, everybody).is_some(), "{mode:?}");
        network.stop(24);
        // With traffic, the nodes of the lost root find out.
        for _ in 0..60 {
            for id in 1..24 {
                let _ = network.send(id, 0, 40);
            }
            network.run_ms(5000);
        }
        assert!(
            network.until(60, |network| network.routes() == 23).is_some(),
            "{mode:?}: {}",
            network.routes()
        );
        let down: Vec<_> = (1..24).map(|id| (0, id)).collect();
        let delivery = network.probe(&down, 60, 200, 5000);
        assert!(delivery.ratio() >= 950, "{mode:?} {delivery:?}");
    }
}

/// Ten neighbours and eight routes fit, and twenty-nine nodes are there: those that got in stay in.
#[test]
fn full_tables_lose_no_service_to_those_already_in() {
    for mode in MODES {
        let mut crowd = Topology::unlinked(30);
        for a in 0..30 {
            for b in 0..a {
                crowd.set_both(a, b, Some(RadioLink::PERFECT));
            }
        }
        let setup = Setup { seed: 20, ..Setup::default() };
        let mut network: Network = Network::new(crowd, root(mode), &setup, |_, config| {
            (config.neighbours, config.routes) = (10, 8);
        });
        network.start_all(30_000);
        network.run_ms(120_000);
        let known: Vec<usize> = {
            let routes = network.air.node(0).unwrap().mesh.routes();
            routes.filter_map(|route| network.node_of(&route.target)).collect()
        };
        assert_eq!(known.len(), 8, "{mode:?}");
        for _ in 0..10 {
            network.run_ms(300_000);
            let down: Vec<_> = known.iter().map(|id| (0, *id)).collect();
            let delivery = network.probe(&down, 60, 200, 5000);
            assert_eq!(delivery.ratio(), 1000, "{mode:?} {delivery:?} {known:?}");
            let up: Vec<_> = (1..30).map(|id| (id, 0)).collect();
            let delivery = network.probe(&up, 60, 200, 5000);
            assert_eq!(delivery.ratio(), 1000, "{mode:?} up {delivery:?}");
        }
    }
}

/// The root has ten neighbours' places, and twenty-nine hear it: those that it refuses find room
/// with the others.
#[test]
fn storing_nodes_that_a_full_parent_refuses_are_reached_through_another() {
    let mut crowd = Topology::unlinked(30);
    for a in 0..30 {
        for b in 0..a {
            crowd.set_both(a, b, Some(RadioLink::PERFECT));
        }
    }
    let setup = Setup { seed: 24, ..Setup::default() };
    let mut network: Network = Network::new(crowd, root(Mode::Storing), &setup, |_, config| {
        (config.neighbours, config.routes) = (10, 30);
    });
    network.start_all(30_000);
    network.run_ms(300_000);
    assert_eq!(network.routes(), 29);
    assert_eq!((network.probe_up(60, 200).ratio(), network.probe_down(60, 200).ratio()), (1000, 1000));
}

#[test]
#[ignore = "takes seconds when optimised, minutes when not; ci/steps runs it"]
fn a_thousand_storing_nodes_deliver_everything() {
    let topology = Topology::new(1000, Placement::Grid, &Propagation::default(), 1);
    let mut network = network(topology, Mode::Storing, 1);
    let took = complete(&mut network, 300);
    network.run_ms(100_000);
    let (up, down) = (network.probe_up(60, 200), network.probe_down(60, 200));
    println!("complete after {took} ms, up {up:?}, down {down:?}");
    assert!(up.ratio() >= 999 && down.ratio() >= 999, "{up:?} {down:?}");
}

#[test]
#[ignore = "takes seconds when optimised, minutes when not; ci/steps runs it"]
fn a_thousand_nodes_converge_and_deliver() {
    let propagation = Propagation { loss: 100, ..Propagation::default() };
    for placement in [Placement::Random { degree: 12 }, Placement::Grid] {
        let topology = Topology::new(1000, placement, &propagation, 21);
        let mut network = network(topology, Mode::NonStoring, 21);
        let took = complete(&mut network, 600);
        let (up, down) = (network.probe_up(60, 200), network.probe_down(60, 200));
        println!("{placement:?}: complete after {took} ms\n{}up {up:?}\ndown {down:?}", network.report());
        assert!(up.ratio() >= 990 && down.ratio() >= 990);
    }
}

#[test]
#[ignore = "takes seconds when optimised, minutes when not; ci/steps runs it"]
fn a_thousand_nodes_run_for_an_hour_in_minutes_of_a_processor() {
    let topology = Topology::new(1000, Placement::Random { degree: 12 }, &Propagation::default(), 22);
    // Some ten seconds of this thread's processor time; of other time, however much the machine has.
    let worked = || {
        let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        times.split(' ').next().unwrap().parse::<u64>().unwrap() / 1_000_000
    };
    let before = worked();
    let mut network = network(topology, Mode::NonStoring, 22);
    network.run_ms(3_600_000);
    println!("{} ms for an hour\n{}", worked() - before, network.report());
    assert!(network.is_complete());
    assert!(worked() - before < 300_000);
}

#[test]
#[ignore = "takes seconds when optimised, minutes when not; ci/steps runs it"]
fn a_root_that_reboots_has_all_routes_again_within_a_minute_for_300_seeds() {
    for (count, loss, seeds) in [(49, 100, 1000..1200), (100, 200, 1200..1300)] {
        let slowest = MODES.map(|mode| {
            let run = |seed| (root_reboots(mode, count, loss, seed).1, seed);
            let mut times: Vec<_> = seeds.clone().map(run).collect();
            times.sort_unstable();
            let tail = times.get(times.len() - 5..);
            println!("{count} nodes, {mode:?}: median {:?}, slowest {tail:?}", times.get(times.len() / 2));
            times.last().map_or(0, |last| last.0)
        });
        assert!(slowest.iter().all(|time| *time <= 60_000), "{count} nodes: {slowest:?}");
    }
}

#[test]
#[ignore = "takes seconds when optimised, minutes when not; ci/steps runs it"]
fn twenty_seeds_of_a_lossy_grid_all_deliver() {
    let mut total = 0;
    for seed in 0..20 {
        for mode in MODES {
            let (up, down) = grid_of_100(mode, 200, 100 + seed);
            println!("seed {seed} {mode:?}: {up} up, {down} down");
            // One packet of 99 each way may be lost, but not each time.
            assert!(up >= 989 && down >= 989, "seed {seed} {mode:?}: {up} up, {down} down");
            total += up + down;
        }
    }
    assert!(total >= 80 * 998, "{total} of 80000");
}

/// Writes what three networks send to the directory in `MOTE_CAPTURES`, for other dissectors to read.
#[test]
#[ignore = "ci/steps gives the captures to tshark"]
fn captures_for_other_dissectors() {
    let Some(directory) = std::env::var_os("MOTE_CAPTURES") else { return };
    for (name, mode, size) in [
        ("storing", Mode::Storing, 300),
        ("non-storing", Mode::NonStoring, 300),
        ("large", Mode::NonStoring, 1100),
    ] {
        let setup = Setup { seed: 23, ..Setup::default() };
        let topology = grid(25, 100, 23);
        let mut network: Network<Vec<u8>> = Network::new(topology, root(mode), &setup, |_, config| {
            config.routes = 25;
        });
        network.air.capture(Vec::new()).unwrap();
        network.start_all(2000);
        assert!(network.until(120, Network::is_complete).is_some());
        for size in [40, size] {
            assert!(network.probe_up(size, 500).ratio() >= 960);
            assert!(network.probe_down(size, 500).ratio() >= 960);
        }
        let path = std::path::Path::new(&directory).join(format!("{name}.pcap"));
        std::fs::write(path, network.air.end_capture().unwrap()).unwrap();
    }
}
