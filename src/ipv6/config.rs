// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an IPv6 engine is told once.
#![forbid(unsafe_code)]

use super::link::LinkAddress;
use super::wire::nd::Medium;

/// The largest packet that is put together from fragments, or sent in them, in bytes; 1500 are asked for (RFC 8200 §5).
#[cfg(feature = "reassembly")]
pub const LARGEST: usize = 1536;

/// What a node is to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It forwards nothing.
    #[default]
    Host,
    /// It forwards; on IEEE 802.15.4 it is a 6LR.
    Router,
    /// It forwards, and is where prefixes and contexts come from; on IEEE 802.15.4 a 6LBR.
    BorderRouter,
}

/// The configuration of an IPv6 engine. Capacities count entries unless they say bytes.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The link-layer address of the interface: an EUI-64, or an Ethernet address.
    pub link_address: LinkAddress,
    /// The kind of link, which decides how neighbours are discovered: by RFC 6775 and RFC 8505
    /// on IEEE 802.15.4, by RFC 4861 on Ethernet.
    pub medium: Medium,
    /// What the node is to others.
    pub role: Role,
    /// The hop limit of packets of our own.
    pub hop_limit: u8,
    /// Whether a 6LR asks the 6LBR about every address that is registered with it (RFC 6775
    /// §8.2). It is not needed for addresses made from an EUI-64. Needs the feature `multihop-nd`.
    pub multihop_dad: bool,
    /// Whether a host on IEEE 802.15.4 registers its addresses with its router before it uses
    /// them (RFC 6775 §5.5). One that is known to the routing protocol need not.
    pub registers: bool,
    /// For how many minutes a host registers its addresses.
    pub registration_lifetime: u16,
    /// For how many seconds a router offers itself as default router; 0 means not at all.
    pub router_lifetime: u16,
    /// Own addresses, the link-local one included; at least 1.
    pub addresses: u8,
    /// Groups joined beyond those that every node listens to.
    pub groups: u8,
    /// The neighbour cache, on a 6LR with the hosts that register.
    pub neighbours: u16,
    /// Default routers.
    pub routers: u8,
    /// Prefixes.
    pub prefixes: u8,
    /// Compression contexts.
    pub contexts: u8,
    /// Border routers whose prefixes and contexts a router passes on (RFC 6775 §8.1); those beyond
    /// that number are not listened to. A border router needs one place, for itself. Always 1
    /// without the feature `border-routers`, and nobody is listened to without `multihop-nd`.
    pub border_routers: u8,
    /// Addresses that a 6LBR keeps in its table of all addresses (RFC 6775 §8.2.2). Needs the feature `multihop-nd`.
    pub registry: u16,
    /// Destinations whose first hop another router than the default one is, or they themselves are, as a redirect has told
    /// (RFC 4861 §8), on Ethernet. With 0, redirects are not followed.
    #[cfg(feature = "ethernet")]
    pub redirects: u8,
    /// UDP sockets.
    pub sockets: u8,
    /// The largest packet that is made here, headers and tunnels included, in bytes. At least 128;
    /// 1280 lets the minimum MTU be used in full; more is of use to neighbours on Ethernet alone.
    pub packet: u16,
    /// Bytes of the buffer in which the headers of packets are made, and the messages of neighbour
    /// discovery. At least 128; a source route takes up to 16 for each of its hops besides.
    pub headers: u16,
    /// Packets put together from fragments at the same time (RFC 8200 §4.5), 1.6 KB each. With 0, nodes that
    /// send fragments are told that this node does not know them.
    #[cfg(feature = "reassembly")]
    pub reassemblies: u8,
    /// Whether generic header compression (RFC 7400) is announced to neighbours.
    #[cfg(feature = "ghc")]
    pub ghc: bool,
    /// Bytes in which packets wait for address resolution, for each neighbour the newest: the first with all of them,
    /// each further one with 16 bytes besides. Those that have waited longest give way to others. Needed on Ethernet
    /// only, where there should be room for as many packets as neighbours are looked for at once; 0 drops such packets.
    pub held: u16,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            link_address: LinkAddress::None,
            medium: Medium::Ieee802154,
            role: Role::Host,
            hop_limit: 64,
            multihop_dad: false,
            registers: true,
            registration_lifetime: 60,
            router_lifetime: 1800,
            addresses: 3,
            groups: 2,
            neighbours: 16,
            routers: 2,
            prefixes: 2,
            contexts: 2,
            border_routers: 1,
            registry: 0,
            #[cfg(feature = "ethernet")]
            redirects: 4,
            sockets: 2,
            packet: 1280,
            headers: 256,
            #[cfg(feature = "reassembly")]
            reassemblies: 0,
            #[cfg(feature = "ghc")]
            ghc: false,
            held: 0,
        }
    }
}

impl Config {
    /// The medium as the compiler may know it: a build without the feature `ethernet` is for
    /// IEEE 802.15.4 alone, and holds no code of the other.
    pub(super) const fn medium(&self) -> Medium {
        if cfg!(feature = "ethernet") { self.medium } else { Medium::Ieee802154 }
    }

    /// Whether this build is without what is asked for.
    pub(super) const fn is_unsupported(&self) -> bool {
        !cfg!(feature = "ethernet") && matches!(self.medium, Medium::Ethernet)
            || !cfg!(feature = "multihop-nd") && (self.multihop_dad || self.registry > 0)
    }
}
