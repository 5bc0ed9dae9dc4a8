// SPDX-License-Identifier: MIT OR Apache-2.0
//! Convergence, repair and overflow.

use crate::harness::{Network, address, root_config};
use mote::rpl::wire::{Configuration, PathMetric};
use mote::rpl::{Config, Event, Mode};

const MODES: [Mode; 2] = [Mode::NonStoring, Mode::Storing];
/// Rings of parents may last that long, plus the quarter of a second between looks.
const RING: u64 = 2_250;

#[test]
fn a_grid_of_100_converges_and_delivers_both_ways() {
    for mode in MODES {
        for (loss, limit, least) in [(0.0, 120_000, 99), (0.2, 180_000, 98)] {
            let mut network = Network::grid(10, mode, loss, 1);
            let time = network.converge(0, limit);
            assert!(time.is_some(), "{mode:?} {loss}: {} {}", network.joined(), network.routed(0));
            network.run(60_000);
            let (up, down) = network.exchange(0);
            assert!(up + down >= 2 * least, "{mode:?} {loss}: {up} {down}");
            assert!(network.longest_ring <= RING);
        }
    }
}

#[test]
fn objective_function_zero_does_the_same() {
    let mut network = Network::new(5);
    for _ in 0..49 {
        network.add(&Config::default());
    }
    for index in 0..49 {
        if index % 7 < 6 {
            network.connect(index, index + 1, 0.95);
        }
        if index < 42 {
            network.connect(index, index + 7, 0.95);
        }
    }
    network.size_tables(Mode::Storing);
    let mut root = root_config(0, Mode::Storing);
    root.configuration = Configuration { ocp: 0, ..Configuration::default() };
    network.start(&[root]);
    assert!(network.converge(0, 120_000).is_some());
    assert_eq!(network.exchange(0), (48, 48));
}

#[test]
fn the_hop_count_metric_finds_the_shortest_paths() {
    let mut network = Network::new(6);
    for _ in 0..10 {
        network.add(&Config::default());
    }
    // A line of good links, and a shortcut of a poor one that ETX would not take.
    for index in 0..9 {
        network.connect(index, index + 1, 1.0);
    }
    network.connect(0, 3, 0.4);
    network.size_tables(Mode::NonStoring);
    let mut root = root_config(0, Mode::NonStoring);
    root.metric = PathMetric::HopCount;
    network.start(&[root]);
    assert!(network.converge(0, 120_000).is_some());
    network.run(600_000);
    assert_eq!(network.parent(3), Some(0));
}

#[test]
fn the_latency_metric_avoids_slow_links() {
    let mut network = Network::new(6);
    for _ in 0..5 {
        network.add(&Config::default());
    }
    // A shortcut of a link that takes four transmissions where two of one lead there too.
    for index in 0..4 {
        network.connect(index, index + 1, 1.0);
    }
    network.connect(0, 2, 0.28);
    network.size_tables(Mode::Storing);
    let mut root = root_config(0, Mode::Storing);
    root.metric = PathMetric::Latency;
    network.start(&[root]);
    assert!(network.converge(0, 120_000).is_some());
    network.run(1_200_000);
    assert_eq!((network.parent(2), network.parent(4)), (Some(1), Some(3)));
    assert_eq!(network.exchange(0), (4, 4));
}

#[test]
fn a_line_of_30_hops_converges_and_delivers_both_ways() {
    for mode in MODES {
        let mut network = Network::line(31, mode, 0.0, 1);
        let time = network.converge(0, 180_000);
        assert!(time.is_some());
        assert_eq!(network.exchange(0), (30, 30));
        let hops = network.nodes[30].received.last().unwrap().2;
        assert_eq!(hops, 30);
        assert!(network.longest_ring <= RING);
    }
}

/// As many hops as a source route has places for, the root's answers to DAOs included.
#[test]
fn sixty_four_hops_of_source_route() {
    let mut network = Network::line(65, Mode::NonStoring, 0.0, 1);
    assert!(network.converge(0, 400_000).is_some());
    network.run(10_000);
    let daos = |network: &Network| -> Vec<u32> {
        network.nodes.iter().map(|node| node.rpl.statistics().dao_sent).collect()
    };
    let before = daos(&network);
    network.run(180_000);
    assert_eq!(daos(&network), before, "all have been acknowledged");
    let id = network.send(0, 64);
    network.run(2_000);
    assert_eq!(network.nodes[64].received.last().map(|got| (got.0, got.2)), Some((id, 64)));
}

#[test]
fn nodes_reach_each_other() {
    for mode in MODES {
        let mut network = Network::grid(6, mode, 0.0, 3);
        assert!(network.converge(0, 120_000).is_some());
        for (a, b) in [(5, 30), (35, 1), (17, 18), (35, 34)] {
            let id = network.send(a, b);
            network.run(2_000);
            assert_eq!(network.nodes[b].received.last().map(|got| got.0), Some(id), "{mode:?} {a} {b}");
        }
    }
}

#[test]
fn a_rebooted_root_recovers_within_two_minutes() {
    for mode in MODES {
        for settled in [1_000, 1_800_000] {
            let mut network = Network::grid(10, mode, 0.05, 2);
            assert!(network.converge(0, 180_000).is_some());
            network.run(settled);
            network.reboot(0);
            assert_eq!(network.routed(0), 0);
            let time = network.converge(0, 120_000);
            assert!(time.is_some(), "{mode:?} {settled}: {} routed", network.routed(0));
            let (up, down) = network.exchange(0);
            assert!(up >= 98 && down >= 98, "{mode:?} {settled}: {up} {down}");
            assert!(network.longest_ring <= RING);
        }
    }
}

#[test]
fn a_lost_parent_is_replaced_within_30_seconds() {
    for mode in MODES {
        let mut network = Network::grid(7, mode, 0.05, 4);
        assert!(network.converge(0, 180_000).is_some());
        network.run(600_000);
        let child = 48;
        let parent = network.parent(child).unwrap();
        network.kill(parent);
        let mut flows = None;
        for second in 0..30 {
            let up = network.send(child, 0);
            let down = network.send(0, child);
            network.run(1_000);
            let came = |index: usize, id: u64| network.nodes[index].received.iter().any(|got| got.0 == id);
            if came(0, up) && came(child, down) {
                flows = Some(second);
                break;
            }
        }
        assert!(flows.is_some(), "{mode:?}");
        assert!(network.longest_ring <= RING);
    }
}

#[test]
fn a_partition_poisons_itself_and_merges_again() {
    for mode in MODES {
        // Two squares, joined by one bridge.
        let mut network = Network::new(9);
        for _ in 0..32 {
            network.add(&Config { routes: 40, ..Config::default() });
        }
        for square in [0, 16] {
            for index in 0..16 {
                if index % 4 < 3 {
                    network.connect(square + index, square + index + 1, 0.95);
                }
                if index < 12 {
                    network.connect(square + index, square + index + 4, 0.95);
                }
            }
        }
        network.connect(15, 16, 0.95);
        network.start(&[root_config(0, mode)]);
        assert!(network.converge(0, 180_000).is_some());
        network.connect(15, 16, 0.0);
        // Someone beyond keeps sending, and so finds out.
        for _ in 0..300 {
            network.send(31, 0);
            network.run(1_000);
        }
        let beyond = (16..32).filter(|index| network.nodes[*index].rpl.is_joined()).count();
        assert_eq!(beyond, 0, "{mode:?} rings {}", network.longest_ring);
        assert!(network.longest_ring <= RING, "{mode:?} {}", network.longest_ring);
        network.connect(15, 16, 0.95);
        let time = network.converge(0, 240_000);
        assert!(time.is_some(), "{mode:?}: {} {}", network.joined(), network.routed(0));
        let (up, down) = network.exchange(0);
        assert_eq!((up, down), (31, 31));
    }
}

#[test]
fn ranks_do_not_count_to_infinity() {
    // A ring of nodes that loses its root: everyone must give up soon, by the poison or by
    // MaxRankIncrease, not by counting.
    for seed in 0..5 {
        let mut network = Network::new(seed);
        for _ in 0..9 {
            network.add(&Config::default());
        }
        for index in 1..9 {
            network.connect(index, if index == 8 { 1 } else { index + 1 }, 0.8);
        }
        network.connect(0, 1, 1.0);
        network.start(&[root_config(0, Mode::Storing)]);
        assert!(network.converge(0, 180_000).is_some());
        let sent = |network: &Network| -> u32 {
            network.nodes.iter().map(|node| node.rpl.statistics().dio_sent).sum()
        };
        let before = sent(&network);
        network.kill(0);
        for _ in 0..120 {
            network.send(5, 0);
            network.run(1_000);
        }
        assert_eq!((1..9).filter(|index| network.nodes[*index].rpl.is_joined()).count(), 0, "seed {seed}");
        assert!(network.longest_ring <= RING, "seed {seed}: {}", network.longest_ring);
        assert!(sent(&network) - before < 8 * 40, "seed {seed}: {} DIOs", sent(&network) - before);
    }
}

#[test]
fn two_roots_share_the_nodes_and_one_takes_over() {
    for mode in MODES {
        let mut network = Network::new(11);
        for _ in 0..20 {
            network.add(&Config { routes: 30, ..Config::default() });
        }
        for index in 1..20 {
            network.connect(index - 1, index, 1.0);
        }
        network.start(&[root_config(0, mode), root_config(19, mode)]);
        network.run(180_000);
        assert_eq!(network.joined(), 20);
        let (left, right) = (network.routed(0), network.routed(19));
        assert_eq!(left + right, 18, "{mode:?} {left} {right}");
        assert!(left >= 6 && right >= 6, "{mode:?} {left} {right}");
        network.kill(19);
        for _ in 0..180 {
            network.send(18, 0);
            network.run(1_000);
        }
        assert_eq!(network.joined(), 19);
        assert_eq!(network.routed(0), 18, "{mode:?}");
        assert!(network.longest_ring <= RING);
    }
}

#[test]
fn a_preferred_root_wins() {
    let mut network = Network::new(12);
    for _ in 0..10 {
        network.add(&Config { routes: 30, ..Config::default() });
    }
    for index in 1..10 {
        network.connect(index - 1, index, 1.0);
    }
    let mut better = root_config(9, Mode::Storing);
    better.preference = 3;
    network.start(&[root_config(0, Mode::Storing), better]);
    network.run(240_000);
    assert_eq!(network.routed(9), 8);
    assert_eq!(network.routed(0), 0);
}

#[test]
fn max_rank_increase_detaches_and_later_lets_in_again() {
    // Node 2 hangs near the root; when that link breaks its only way is 12 hops long, which
    // MaxRankIncrease of 8 hops forbids for as long as it is remembered.
    let mut network = Network::new(13);
    for _ in 0..14 {
        network.add(&Config { routes: 20, ..Config::default() });
    }
    network.connect(0, 1, 1.0);
    network.connect(1, 2, 1.0);
    for (a, b) in (3..14).map(|index| (if index == 3 { 0 } else { index - 1 }, index)) {
        network.connect(a, b, 1.0);
    }
    network.start(&[root_config(0, Mode::Storing)]);
    assert!(network.converge(0, 120_000).is_some());
    network.connect(13, 2, 1.0);
    network.connect(1, 2, 0.0);
    let mut outage = 0;
    for second in 0..180 {
        network.send(2, 0);
        network.run(1_000);
        if !network.nodes[2].rpl.is_joined() {
            outage = second;
        }
    }
    assert!((40..120).contains(&outage), "{outage}");
    assert!(network.rank(2) > 12 * 128 && network.nodes[2].rpl.is_joined());
    assert_eq!(network.routed(0), 13);
}

#[test]
fn a_full_table_serves_those_who_are_in() {
    for mode in MODES {
        let mut network = Network::new(14);
        for _ in 0..12 {
            network.add(&Config { routes: 30, ..Config::default() });
        }
        network.rebuild(0, &Config { routes: 6, ..Config::default() });
        for index in 1..12 {
            network.connect(0, index, 1.0);
        }
        network.start(&[root_config(0, mode)]);
        network.run(120_000);
        assert_eq!((network.joined(), network.routed(0)), (12, 6));
        let inside: Vec<_> =
            (1..12).filter(|index| network.nodes[0].rpl.has_route(0, &address(*index))).collect();
        // All others keep asking for an hour; nobody inside is harmed, and those outside know.
        network.run(3_600_000);
        for index in 1..12 {
            let is_inside = inside.contains(&index);
            assert_eq!(network.nodes[0].rpl.has_route(0, &address(index)), is_inside);
            let refused = |event: &(u64, Event)| matches!(event.1, Event::Refused { .. });
            assert_eq!(network.nodes[index].events.iter().any(refused), !is_inside);
        }
        assert_eq!(network.exchange(0).0, 11);
        assert!(network.nodes[0].rpl.statistics().table_full > 0);
    }
}

#[test]
fn a_full_neighbour_table_keeps_children_and_parent() {
    let mut network = Network::new(15);
    for _ in 0..30 {
        network.add(&Config { routes: 40, neighbours: 6, ..Config::default() });
    }
    // All hear each other: far more neighbours than fit.
    for a in 0..30 {
        for b in 0..a {
            network.connect(a, b, 1.0);
        }
    }
    network.start(&[root_config(0, Mode::Storing)]);
    network.run(600_000);
    assert_eq!(network.joined(), 30);
    let routed = network.routed(0);
    assert!(routed >= 6, "{routed}");
    let inside: Vec<_> =
        (1..30).filter(|index| network.nodes[0].rpl.has_route(0, &address(*index))).collect();
    network.run(3_600_000);
    assert!(inside.iter().all(|index| network.nodes[0].rpl.has_route(0, &address(*index))));
}

#[test]
fn a_settled_network_is_quiet_and_does_not_flap() {
    for mode in MODES {
        let mut network = Network::grid(10, mode, 0.2, 16);
        assert!(network.converge(0, 240_000).is_some());
        network.run(1_800_000);
        let count = |network: &Network| {
            let sum = |pick: fn(&mote::rpl::Statistics) -> u32| -> u32 {
                network.nodes.iter().map(|node| pick(node.rpl.statistics())).sum()
            };
            (sum(|s| s.dio_sent), sum(|s| s.dao_sent), sum(|s| u32::from(s.parent_switches)))
        };
        let before = count(&network);
        network.run(3_600_000);
        let after = count(&network);
        let (dio, dao, switches) = (after.0 - before.0, after.1 - before.1, after.2 - before.2);
        assert!(dao <= 5_000, "{mode:?}: {dao} DAOs");
        assert!(switches <= 60, "{mode:?}: {switches} switches");
        assert!(dio <= 1_500, "{mode:?}: {dio} DIOs");
        assert!(network.longest_ring <= RING);
    }
}

#[test]
fn a_leaf_joins_and_is_reached_but_carries_nobody() {
    for mode in MODES {
        let mut network = Network::new(17);
        for index in 0..4 {
            network.add(&Config { routes: 10, leaf: index == 2, ..Config::default() });
        }
        for index in 1..4 {
            network.connect(index - 1, index, 1.0);
        }
        network.start(&[root_config(0, mode)]);
        network.run(120_000);
        assert_eq!((network.joined(), network.routed(0)), (3, 2));
        assert!(!network.nodes[3].rpl.is_joined());
        let (up, down) = network.exchange(0);
        assert_eq!((up, down), (2, 2));
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut network = Network::grid(5, Mode::Storing, 0.2, 18);
        network.run(300_000);
        (network.frames, (0..25).map(|index| network.parent(index)).collect::<Vec<_>>())
    };
    assert_eq!(run(), run());
}

#[test]
fn nodes_that_are_cut_off_float_together_and_come_back_to_a_grounded_dodag() {
    for mode in MODES {
        let mut network = Network::new(11);
        for _ in 0..6 {
            network.add(&Config { floating: true, ..Config::default() });
        }
        // 0 - 1 - {2, 3, 4, 5 in a line}.
        for index in 0..5 {
            network.connect(index, index + 1, 1.0);
        }
        network.size_tables(mode);
        network.start(&[root_config(0, mode)]);
        assert!(network.converge(0, 120_000).is_some(), "{mode:?}");
        // Without the first two the others find out once they send.
        network.kill(0);
        network.kill(1);
        for _ in 0..60 {
            for index in 2..6 {
                network.send(index, 0);
            }
            network.run(5_000);
        }
        let dodag = |network: &Network, index: usize| network.nodes[index].rpl.dodags().find(|d| d.joined);
        let ids: Vec<_> =
            (2..6).map(|index| dodag(&network, index).map(|d| (d.dodag_id, d.grounded))).collect();
        let floating = (2..6).find(|index| dodag(&network, *index).is_some_and(|d| d.root)).unwrap();
        assert_eq!(ids, vec![Some((address(floating), false)); 4], "{mode:?}");
        for (from, to) in [(2, 5), (5, 2), (3, 4)] {
            let id = network.send(from, to);
            network.run(3_000);
            assert!(network.nodes[to].received.iter().any(|got| got.0 == id), "{mode:?} {from} {to}");
        }
        network.reboot(0);
        network.reboot(1);
        assert!(network.converge(0, 240_000).is_some(), "{mode:?}");
        assert!((1..6).all(|index| dodag(&network, index).is_some_and(|d| d.dodag_id == address(0))));
        assert_eq!(network.exchange(0), (5, 5), "{mode:?}");
        assert!(network.longest_ring <= RING);
    }
}
