// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a root asks of its DODAG, and several instances beside each other.

use crate::harness::{Network, address, root_config};
use mote::address::Ip;
use mote::rpl::wire::PrefixInformation;
use mote::rpl::{Config, Event, Mode};

const MODES: [Mode; 2] = [Mode::NonStoring, Mode::Storing];

fn versions(network: &Network) -> Vec<u8> {
    let version = |index: usize| network.nodes[index].rpl.dodags().next().unwrap().version;
    (0..network.nodes.len()).map(version).collect()
}

/// At the root: forgets nothing, but all have to come again.
fn at_root(network: &mut Network, act: impl FnOnce(&mut mote::rpl::Rpl<'static>)) {
    network.with(0, |rpl, _| {
        act(rpl);
        None
    });
}

#[test]
fn a_global_repair_takes_every_node_to_the_next_version() {
    for mode in MODES {
        let mut network = Network::grid(5, mode, 0.1, 31);
        assert!(network.converge(0, 120_000).is_some());
        network.run(600_000);
        let before = versions(&network);
        assert!(before.iter().all(|version| *version == before[0]));
        at_root(&mut network, |rpl| assert!(rpl.global_repair(0).is_ok() && rpl.global_repair(1).is_err()));
        network.run(60_000);
        let next = mote::lollipop::next(before[0]);
        assert_eq!(versions(&network), vec![next; 25], "{mode:?}");
        assert!(network.converge(0, 60_000).is_some(), "{mode:?}");
        let (up, down) = network.exchange(0);
        assert!(up + down >= 47, "{mode:?}: {up} {down}");
        assert!(network.longest_ring <= 2_250);
    }
}

#[test]
fn routes_are_asked_for_again_within_the_version() {
    for mode in MODES {
        let mut network = Network::grid(4, mode, 0.0, 32);
        assert!(network.converge(0, 120_000).is_some());
        network.run(300_000);
        let daos = |network: &Network| -> Vec<u32> {
            network.nodes.iter().skip(1).map(|node| node.rpl.statistics().dao_sent).collect()
        };
        let (version, before) = (versions(&network), daos(&network));
        at_root(&mut network, |rpl| assert!(rpl.refresh_routes(0).is_ok() && rpl.refresh_routes(1).is_err()));
        network.run(60_000);
        assert_eq!(versions(&network), version);
        // In storing mode only the children of the root are asked, which know all routes.
        let asked = |index: &usize| mode == Mode::NonStoring || network.parent(*index + 1) == Some(0);
        let told = |index: usize| daos(&network)[index] > before[index];
        assert!((0..15).filter(asked).all(told), "{mode:?}");
        assert_eq!(network.exchange(0), (15, 15));
    }
}

#[test]
fn another_prefix_reaches_every_node() {
    let prefix = Ip::v6([0xfd00, 7, 0, 0, 0, 0, 0, 0]);
    for mode in MODES {
        let mut network = Network::grid(4, mode, 0.0, 33);
        assert!(network.converge(0, 120_000).is_some());
        network.run(300_000);
        let option = PrefixInformation {
            prefix_len: 64,
            autonomous: true,
            valid_lifetime: 3600,
            prefix,
            ..PrefixInformation::default()
        };
        at_root(&mut network, |rpl| {
            assert!(rpl.set_prefix(0, &option).is_ok() && rpl.set_prefix(1, &option).is_err());
        });
        network.run(60_000);
        for node in &network.nodes[1..] {
            let told = |event: &(u64, Event)| match event.1 {
                Event::Prefix { instance: 0, prefix: told } => told == option,
                _ => false,
            };
            assert!(node.events.iter().any(told), "{mode:?} {:?}", node.address);
        }
    }
}

/// Two roots of two instances, one of each mode: every node is a member of both, each with a parent of its own, and
/// packets to either root stay in the instance that it is the root of.
#[test]
fn two_instances_lie_beside_each_other() {
    let mut network = Network::new(34);
    for _ in 0..8 {
        network.add(&Config { routes: 20, ..Config::default() });
    }
    for index in 1..8 {
        network.connect(index - 1, index, 1.0);
    }
    let mut other = root_config(7, Mode::Storing);
    other.instance = 9;
    network.start(&[root_config(0, Mode::NonStoring), other]);
    network.run(180_000);
    for index in 1..7 {
        let rpl = &network.nodes[index].rpl;
        let parent = |instance: u8| {
            rpl.dodags()
                .find(|dodag| dodag.instance == instance && dodag.joined)
                .and_then(|dodag| dodag.parent)
        };
        let near = |index: usize| Some(mote::ipv6::link::LinkAddress::Short(index as u16 + 1).link_local());
        assert_eq!((parent(0), parent(9)), (near(index - 1), near(index + 1)), "{index}");
        assert!(network.nodes[0].rpl.has_route(0, &address(index)), "{index}");
        assert!(network.nodes[7].rpl.has_route(9, &address(index)), "{index}");
        // A router of the storing one has no routes of the other.
        assert_eq!(rpl.has_route(9, &address(1)), index > 1, "{index}");
        assert!(!rpl.has_route(0, &address(6)));
    }
    let both = [network.exchange(0), network.exchange(7)];
    assert_eq!(both, [(7, 7); 2]);
    let came = |index: usize| network.nodes[index].rpl.statistics().rank_errors;
    assert!((0..8).all(|index| came(index) == 0));
    // A repair of one is none of the other.
    let version = |network: &Network, instance: u8| {
        network.nodes[3].rpl.dodags().find(|dodag| dodag.instance == instance).unwrap().version
    };
    let before = [0, 9].map(|instance| version(&network, instance));
    at_root(&mut network, |rpl| rpl.global_repair(0).unwrap());
    network.run(60_000);
    let after = [0, 9].map(|instance| version(&network, instance));
    assert_eq!(after, [mote::lollipop::next(before[0]), before[1]]);
    assert_eq!([network.exchange(0), network.exchange(7)], both);
}
