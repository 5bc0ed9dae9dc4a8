// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an interface is told once, and what it counts.
#![forbid(unsafe_code)]

use crate::ieee802154::mac::MacConfig;

/// The capacities and the behaviour of an [`Interface`](super::Interface).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The MAC's.
    pub mac: MacConfig,
    /// How many blocks of 128 bytes the frames that wait and the packets in parts share, at most
    /// 255. A packet of 1280 bytes takes ten.
    pub blocks: usize,
    /// How many packets can be put together at once.
    pub reassemblies: usize,
    /// How many packets can be sent in fragments at once, at most 254.
    pub outgoing: usize,
    /// How many compression contexts are kept, at most 16.
    pub contexts: usize,
    /// For how long fragments wait for the rest, in milliseconds, at most 60,000.
    pub reassembly_timeout: u32,
    /// For how many nodes mesh-under knows the next hop; 0 turns mesh-under off, and is all that a
    /// build without the feature `mesh-under` can do.
    pub mesh_routes: usize,
    /// UDP checksums are elided, and accepted elided. Only where the upper layers have authorised
    /// it and another integrity check covers all frames (RFC 6282 §4.3.2). A build without the feature
    /// `udp-elision` cannot do it.
    pub elide_udp_checksum: bool,
    /// Generic header compression (RFC 7400) is used towards neighbours of which it is known that
    /// they understand it.
    #[cfg(feature = "ghc")]
    pub ghc: bool,
    /// The headers of RPL are sent in their compressed form (RFC 8138), which all nodes must
    /// understand. They are understood on receipt in any case.
    #[cfg(feature = "sixlorh")]
    pub sixlorh: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            mac: MacConfig::default(),
            blocks: 26,
            reassemblies: 4,
            outgoing: 2,
            contexts: 4,
            reassembly_timeout: 8000,
            mesh_routes: 0,
            elide_udp_checksum: false,
            #[cfg(feature = "ghc")]
            ghc: false,
            #[cfg(feature = "sixlorh")]
            sixlorh: false,
        }
    }
}

/// What has been counted, besides what MAC and reassembly count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets taken for sending.
    pub sent: u32,
    /// Of these, packets sent in fragments.
    pub fragmented: u32,
    /// Packets handed up.
    pub received: u32,
    /// Frames dropped whose payload was malformed, of an unknown kind, or of an unknown context, or that came from no
    /// node.
    pub dropped: u32,
    /// Frames forwarded by mesh-under.
    pub forwarded: u32,
}
