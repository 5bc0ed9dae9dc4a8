// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generic header compression (RFC 7400) in a network, seen on the air.

use crate::harness::*;
use mote::address::Ip;
use mote::ieee802154::LinkAddress;
use mote::lowpan::context::{Context, Contexts};
use mote::lowpan::iphc::Ends;
use mote::lowpan::packet;
use mote::mesh::{Config, Root};
use mote::rpl::Mode;
use mote::sim::radio::NodeId;

/// A packet on the air that was not fragmented.
struct Seen {
    from: LinkAddress,
    to: LinkAddress,
    /// How long it was in the frame, and uncompressed.
    len: usize,
    plain: usize,
    is_generic: bool,
}

/// What a capture holds.
fn seen(capture: &[u8]) -> Vec<Seen> {
    let mut entries = [Context::default(); 1];
    let mut contexts = Contexts::new(&mut entries);
    contexts.set(0, Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 0]), 64, true).unwrap();
    let mut all = Vec::new();
    for frame in frames(capture) {
        let (from, to) = (frame.header.source, frame.header.destination);
        let mut plain = [0; 2048];
        let found = packet::decompress(frame.payload, Ends::of_link(from, to), &contexts, None, &mut plain);
        // Fragments are not looked into.
        let Ok(found) = found else { continue };
        all.push(Seen { from, to, len: frame.payload.len(), plain: found.len, is_generic: found.is_generic });
    }
    all
}

fn mac(id: NodeId) -> LinkAddress {
    LinkAddress::Extended(eui64(id))
}

/// Forms a line of four, and returns what was on the air while every node pinged both ends.
fn air(mode: Mode, tune: impl Fn(NodeId, &mut Config)) -> Vec<Seen> {
    let mut network = Network::new(line(4, 1000), Root { mode, ..Root::default() }, 11, tune);
    network.air.capture(Vec::new()).unwrap();
    for id in 0..4 {
        network.start(id);
    }
    network.until(120, Network::is_complete).unwrap();
    for from in 0..4 {
        for to in [0, 3] {
            if from != to {
                network.ping(from, &address(to), 0, 16).unwrap();
            }
        }
    }
    // Fragments too.
    network.ping(0, &address(3), 0, 900).unwrap();
    network.run(300);
    seen(&network.air.end_capture().unwrap())
}

#[test]
fn neighbours_that_announce_it_are_sent_bytecode_and_no_others() {
    for mode in [Mode::NonStoring, Mode::Storing] {
        let with = air(mode, |id, config| config.ghc = id != 3);
        let generic: Vec<&Seen> = with.iter().filter(|it| it.is_generic).collect();
        for (from, to) in [(0, 1), (1, 0), (1, 2), (2, 1)] {
            let pair = |it: &&Seen| it.from == mac(from) && it.to == mac(to);
            assert!(generic.iter().any(pair), "{mode:?}: {from} to {to}");
        }
        for it in &generic {
            assert!(it.to.is_unicast() && it.to != mac(3) && it.from != mac(3));
        }
        let without = air(mode, |_, _| {});
        assert!(!without.iter().any(|it| it.is_generic));
        // What goes between neighbours, per byte of the packets.
        let share = |seen: &[Seen]| {
            let between = || seen.iter().filter(|it| it.to.is_unicast());
            between().map(|it| it.len).sum::<usize>() * 1000 / between().map(|it| it.plain).sum::<usize>()
        };
        let all = air(mode, |_, config| config.ghc = true);
        assert!(share(&all) < share(&without) * 9 / 10, "{mode:?}: {} and {}", share(&all), share(&without));
    }
}

/// RFC 7400 section 3.3: a neighbour that was silent for a while may have become another.
#[test]
fn a_node_replaced_by_one_without_it_is_sent_no_bytecode() {
    let mut network = Network::new(line(3, 1000), Root::default(), 12, |_, config| config.ghc = true);
    for id in 0..3 {
        network.start(id);
    }
    network.until(120, Network::is_complete).unwrap();
    network.run(30);
    network.air.capture(Vec::new()).unwrap();
    assert!(network.ping(0, &address(2), 0, 8).is_ok());
    let generic = |seen: &[Seen]| seen.iter().any(|it| it.is_generic && it.to == mac(1));
    assert!(generic(&seen(&network.air.end_capture().unwrap())));
    // The router goes, is missed, and comes back with other firmware.
    network.air.stop(1);
    network.set(1, |config| config.ghc = false);
    for _ in 0..3 {
        assert!(network.ping_within(0, &address(2), 1000).is_err());
        let _ = network.ping_within(2, &address(0), 1000);
    }
    network.air.capture(Vec::new()).unwrap();
    network.start(1);
    network.run(300);
    assert!(network.ping(0, &address(2), 0, 8).is_ok());
    assert!(network.ping(2, &address(0), 0, 8).is_ok());
    assert!(!generic(&seen(&network.air.end_capture().unwrap())));
}
