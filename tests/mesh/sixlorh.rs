// SPDX-License-Identifier: MIT OR Apache-2.0
//! The headers of RPL compressed (RFC 8138) in a network, seen on the air.

use crate::harness::*;
use mote::mesh::{Config, Root};
use mote::rpl::Mode;
use mote::rpl::wire::Configuration;
use mote::sim::radio::NodeId;

/// Forms a line of six, has both ends and the middle ping each other, and counts the frames and bytes of
/// packets in page 1, and the bytes of all.
fn line_of_six(root: Root, tune: impl Fn(NodeId, &mut Config)) -> (usize, usize) {
    let mut network = Network::new(line(6, 1000), root, 21, tune);
    for id in 0..6 {
        network.start(id);
    }
    network.until(200, Network::is_complete).unwrap();
    network.air.capture(Vec::new()).unwrap();
    for (from, to) in [(0, 5), (5, 0), (2, 5), (5, 2), (4, 3)] {
        for size in [0, 8, 24, 400] {
            assert!(
                network.ping(from, &address(to), 0, size).is_ok(),
                "{:?}: {from} to {to}, {size}",
                root.mode
            );
        }
    }
    let capture = network.air.end_capture().unwrap();
    let seen = frames(&capture);
    // Behind the header of a first fragment, if there is one.
    let is_compressed = |payload: &[u8]| match payload {
        [0xc0..=0xc7, _, _, _, page, ..] | [page, ..] => *page == 0xf1,
        [] => false,
    };
    (seen.iter().filter(|it| is_compressed(it.payload)).count(), seen.iter().map(|it| it.payload.len()).sum())
}

#[test]
fn rpl_headers_take_less_where_the_network_is_told_so() {
    for mode in [Mode::NonStoring, Mode::Storing] {
        let root = Root { mode, ..Root::default() };
        let (none, plain) = line_of_six(root, |_, _| {});
        let (many, less) = line_of_six(root, |_, config| config.sixlorh = true);
        assert_eq!(none, 0);
        assert!(many > 55, "{mode:?}: {many}");
        assert!(less < plain, "{mode:?}: {less} and {plain} bytes");
        // Received it is understood without being told.
        let (some, _) = line_of_six(root, |id, config| config.sixlorh = id % 2 == 0);
        assert!(some > 0 && some < many);
    }
}

/// Which type the RPL option has is a matter of the DODAG (RFC 9008 §4.3): it comes out as it went in, since
/// the nodes in the middle check it.
#[test]
fn the_option_of_rfc_9008_is_compressed_too() {
    for mode in [Mode::NonStoring, Mode::Storing] {
        let configuration = Configuration { rpi_0x23: true, ..Root::default().configuration };
        let root = Root { mode, configuration, ..Root::default() };
        let (none, plain) = line_of_six(root, |_, _| {});
        let (many, less) = line_of_six(root, |_, config| config.sixlorh = true);
        assert!(none == 0 && many > 55 && less < plain, "{mode:?}: {many}, {less} and {plain} bytes");
    }
}

/// RFC 9035: the root says for all that headers are compressed.
#[test]
fn the_flag_of_the_dodag_turns_it_on_everywhere() {
    for mode in [Mode::NonStoring, Mode::Storing] {
        let told = line_of_six(Root { mode, ..Root::default() }, |_, config| config.sixlorh = true);
        let configuration = Configuration { compressed: true, ..Root::default().configuration };
        let asked = line_of_six(Root { mode, configuration, ..Root::default() }, |_, _| {});
        assert!(asked.0 > 40 && asked == told, "{mode:?}: {asked:?} and {told:?}");
    }
}

#[cfg(feature = "ghc")]
#[test]
fn with_bytecode_too_it_takes_still_less() {
    let (_, less) = line_of_six(Root::default(), |_, config| config.sixlorh = true);
    let (many, least) = line_of_six(Root::default(), |_, config| {
        config.sixlorh = true;
        config.ghc = true;
    });
    assert!(many > 55 && least < less, "{least} and {less} bytes");
}
