// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a node of the mesh is in a build that leaves options out. Run with several sets of features: see
//! `ci/steps/15-features.sh`.

use mote::mesh::{Config, Mesh, Role, Root};
use mote::random::Sequence;
use mote::rpl::Mode;
use mote::sim::mesh::Network;
use mote::sim::radio::{Placement, Propagation, Setup, Topology};
use mote::status::Error;
use mote::time::Instant;

const MULTIHOP: bool = cfg!(feature = "multihop-nd");

#[test]
fn a_registry_that_is_left_out_is_refused() {
    let config = Config { eui64: [2; 8], role: Role::Root, registry: 1, ..Config::default() };
    let mut memory = vec![0; Mesh::plan(&config).bytes()];
    let refusal = Mesh::new(&mut memory, &config, Instant(0), &mut Sequence(1)).err();
    assert_eq!(refusal, if MULTIHOP { None } else { Some(Error::Unsupported) });
}

/// Nothing of that is needed between nodes of one kind: a host at the root and one at a router get addresses, and are reached.
#[test]
fn hosts_are_served_without_border_routers_that_are_named() {
    for mode in [Mode::NonStoring, Mode::Storing] {
        let propagation = Propagation { range: 12.0, ..Propagation::default() };
        let mut line = Topology::new(4, Placement::Line, &propagation, 1);
        let link = line.get(0, 1);
        // Host 3 hears the root, host 2 the router.
        line.set_both(2, 3, None);
        line.set_both(0, 3, link);
        let setup = Setup { seed: 1, ..Setup::default() };
        let root = Root { mode, ..Root::default() };
        let mut network: Network = Network::new(line, root, &setup, |id, config| {
            if id > 1 {
                config.role = Role::Host;
            }
        });
        network.start_all(1000);
        let addressed = |network: &Network| {
            (1..4).all(|id| network.air.node(id).is_some_and(|node| node.mesh.global_address().is_some()))
        };
        assert!(network.until(120, addressed).is_some(), "{mode:?}");
        network.run_ms(30_000);
        for (from, to) in [(0, 2), (2, 0), (0, 3), (3, 0), (2, 3), (3, 2)] {
            let _ = network.send(from, to, 60);
            network.run_ms(5000);
            assert_eq!(network.take_arrived(to).len(), 1, "{mode:?}: {from} to {to}");
        }
    }
}
