// SPDX-License-Identifier: MIT OR Apache-2.0
//! The border router: packets between the mesh and the host side.

use crate::harness::*;
use mote::address::Ip;
use mote::mesh::Root;
use mote::rpl::Mode;
use mote::rpl::wire::Configuration;

fn outside() -> Ip {
    Ip::parse("2001:db8::1").unwrap()
}

/// An echo request of `size` bytes in all, from outside.
fn echo(to: &Ip, hop_limit: u8, size: usize) -> Vec<u8> {
    let mut icmp = vec![128, 0, 0, 0, 0, 7, 0, 1];
    icmp.resize(size - 40, 0x5a);
    let sum = mote::checksum::transport(&outside(), to, 58, &icmp);
    icmp[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, 58, hop_limit];
    packet[4..6].copy_from_slice(&(icmp.len() as u16).to_be_bytes());
    packet.extend_from_slice(&outside().0);
    packet.extend_from_slice(&to.0);
    packet.extend_from_slice(&icmp);
    packet
}

/// A line of nodes behind a border router, the last of which puts packets together.
fn border(mode: Mode, count: usize, rpi_0x23: bool) -> Network {
    let configuration = Configuration { rpi_0x23, interval_min: 9, ..Configuration::default() };
    let root = Root { mode, configuration, ..Root::default() };
    let mut network = Network::new(line(count, 1000), root, 9, |id, config| {
        if id == 0 {
            config.host_queue = 4096;
        }
        #[cfg(feature = "reassembly")]
        if id + 1 == count {
            config.ip_reassemblies = 1;
            // Its answer is two packets, which wait in fragments at the same time.
            config.blocks = 20;
        }
    });
    (0..count).for_each(|id| network.start(id));
    network.until(300, Network::is_complete).unwrap();
    network
}

#[test]
fn packets_of_every_size_cross_the_border_both_ways() {
    for mode in [Mode::NonStoring, Mode::Storing] {
        for rpi_0x23 in [false, true] {
            let mut network = border(mode, 4, rpi_0x23);
            for size in [48, 200, 1000, 1248, 1280] {
                let back = network.hand_in(&echo(&address(3), 64, size), 3);
                assert_eq!(back.len(), 1, "{mode:?} {size}");
                // A plain echo reply: nothing of the routing protocol has left the mesh.
                assert_eq!((back[0].len(), back[0][6], back[0][40]), (size, 58, 129));
                assert_eq!((&back[0][8..24], &back[0][24..40]), (&address(3).0[..], &outside().0[..]));
            }
        }
    }
}

#[test]
fn a_packet_over_1280_bytes_is_too_big_for_the_mesh() {
    let mut network = border(Mode::NonStoring, 2, false);
    let back = network.hand_in(&echo(&address(1), 64, 1281), 2);
    assert_eq!((back[0][40], &back[0][44..48]), (2, &1280u32.to_be_bytes()[..]));
    assert!(back[0].len() <= 1280);
}

/// RFC 8200 §4.5: what the host sends in fragments comes back in fragments.
#[cfg(feature = "reassembly")]
#[test]
fn packets_of_1500_bytes_cross_the_border_in_fragments() {
    for mode in [Mode::NonStoring, Mode::Storing] {
        let mut network = border(mode, 4, false);
        let whole = echo(&address(3), 64, 1500);
        let fragment = |from: usize, to: usize| {
            let mut packet = whole[..40].to_vec();
            let [high, low] = (from as u16 | u16::from(to < 1460)).to_be_bytes();
            packet.extend([58, 0, high, low, 0, 0, 0, 5]);
            packet.extend(&whole[40..][from..to]);
            packet[6] = 44;
            let length = packet.len() as u16 - 40;
            packet[4..6].copy_from_slice(&length.to_be_bytes());
            packet
        };
        assert_eq!(network.hand_in(&fragment(0, 1232), 2).len(), 0);
        let mut back = network.hand_in(&fragment(1232, 1460), 3);
        // The shorter one may overtake the longer.
        back.sort_by_key(|packet| u16::from_be_bytes([packet[42], packet[43]]));
        assert_eq!(back.len(), 2, "{mode:?}");
        assert!(back.iter().all(|packet| packet.len() <= 1280 && packet[6] == 44));
        let data = [&back[0][48..], &back[1][48..]].concat();
        assert!(data[0] == 129 && data[8..] == whole[48..], "{mode:?}");
    }
}

#[test]
fn traceroute_from_outside_shows_every_hop() {
    for mode in [Mode::NonStoring, Mode::Storing] {
        let mut network = border(mode, 4, false);
        for (hop_limit, size) in (1..=4).flat_map(|hop_limit| [(hop_limit, 60), (hop_limit, 1280)]) {
            let back = network.hand_in(&echo(&address(3), hop_limit, size), 3);
            assert_eq!(back.len(), 1, "{mode:?} {hop_limit} {size}");
            let reporter = &back[0][8..24];
            assert_eq!(reporter, &address(usize::from(hop_limit) - 1).0[..], "{mode:?}");
            assert_eq!(back[0][40], if hop_limit == 4 { 129 } else { 3 });
        }
    }
}

#[test]
fn an_address_that_nobody_has_is_unreachable() {
    let mut network = border(Mode::NonStoring, 2, false);
    let back = network.hand_in(&echo(&address(9), 64, 60), 2);
    assert_eq!((back[0][40], back[0][41], &back[0][8..24]), (1, 0, &address(0).0[..]));
}
