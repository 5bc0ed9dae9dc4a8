// SPDX-License-Identifier: MIT OR Apache-2.0
//! Capacities and parameters of a node.
#![forbid(unsafe_code)]

use super::{MacConfig, interface, ipv6, rpl};
use crate::address::Ip;
use crate::ipv6::link::LinkAddress;
use crate::ipv6::wire::Header;
use crate::ipv6::wire::nd::Medium;
use crate::rpl::Mode;
use crate::rpl::wire::{Configuration, PathMetric};

/// What a node is to the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It joins a DODAG and forwards for others.
    #[default]
    Router,
    /// It joins a DODAG and forwards nothing.
    Leaf,
    /// It may be the root of a DODAG, and a border router.
    Root,
    /// It runs no RPL: it registers its addresses with a router (RFC 6775).
    Host,
}

/// What a node is told once. Capacities count entries unless they say bytes.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The EUI-64, most significant byte first.
    pub eui64: [u8; 8],
    /// The PAN ID.
    pub pan: u16,
    /// The channel of the 2.4 GHz band, 11 to 26.
    pub channel: u8,
    /// What the node is to the others.
    pub role: Role,
    /// Neighbours whose links are known, that RPL considers, and that are registered.
    pub neighbours: u16,
    /// Downward routes; at a root of non-storing mode the number of nodes of the network.
    pub routes: u16,
    /// DODAGs that are remembered.
    pub dodags: u8,
    /// Frames that wait to be sent.
    pub queue: u8,
    /// Blocks of 128 bytes for frames that wait and packets in parts; a packet of 1280 bytes
    /// takes ten.
    pub blocks: u8,
    /// Packets put together from fragments at the same time.
    pub reassemblies: u8,
    /// Packets sent in fragments at the same time.
    pub outgoing: u8,
    /// Compression contexts.
    pub contexts: u8,
    /// Border routers whose prefixes and contexts are known, each with its own (RFC 6775 §8.1).
    pub border_routers: u8,
    /// Own addresses, the link-local one included.
    pub addresses: u8,
    /// Multicast groups joined by the application.
    pub groups: u8,
    /// UDP sockets.
    pub sockets: u8,
    /// Pings under way.
    pub pings: u8,
    /// The largest packet that is made here, in bytes. The default is the minimum MTU of IPv6 and
    /// a tunnel with the packet information of RPL; a root that sends packets of that size along
    /// source routes needs up to 2047.
    pub packet: u16,
    /// Bytes of the queue of packets for the host side; 0 when there is none.
    pub host_queue: u16,
    /// Addresses in a border router's registry of hosts (RFC 6775 §8.2.2); none without the feature `multihop-nd`.
    pub registry: u16,
    /// Whether a context stands for the prefix of the DODAG, on all nodes: the one whose number is
    /// the exclusive or of the half bytes of the prefix but the first two. It saves the
    /// distribution of contexts; nodes of other makes must be told so.
    pub context_from_prefix: bool,
    /// Whether a router that has lost every DODAG becomes the root of a floating one; see
    /// [`floating`](rpl::Config::floating).
    pub floating: bool,
    /// The only RPLInstanceID whose DODAGs are joined, if not all are; see [`instance`](rpl::Config::instance).
    pub instance: Option<u8>,
    /// IPv6 packets put together from fragments at the same time (RFC 8200 §4.5), 1.6 KB each. With 0,
    /// nodes that send fragments are told that this node does not know them.
    #[cfg(feature = "reassembly")]
    pub ip_reassemblies: u8,
    /// Whether generic header compression (RFC 7400) is announced to neighbours, and used towards
    /// those that announce it.
    #[cfg(feature = "ghc")]
    pub ghc: bool,
    /// Whether the headers of RPL are sent compressed (RFC 8138), which all nodes must understand.
    #[cfg(feature = "sixlorh")]
    pub sixlorh: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            eui64: [0; 8],
            pan: 0xabcd,
            channel: 26,
            role: Role::Router,
            neighbours: 16,
            routes: 16,
            dodags: 2,
            queue: 8,
            blocks: 14,
            reassemblies: 3,
            outgoing: 2,
            contexts: 2,
            border_routers: 1,
            addresses: 3,
            groups: 1,
            sockets: 2,
            pings: 1,
            packet: 1328,
            host_queue: 0,
            registry: 0,
            context_from_prefix: true,
            floating: false,
            instance: None,
            #[cfg(feature = "reassembly")]
            ip_reassemblies: 0,
            #[cfg(feature = "ghc")]
            ghc: false,
            #[cfg(feature = "sixlorh")]
            sixlorh: false,
        }
    }
}

impl Config {
    /// The room for the headers of a packet: a tunnel with the packet information of RPL and a fragment
    /// header, with the longest source route at a root; or a router advertisement.
    fn headers(&self) -> u16 {
        let hops = if self.role == Role::Root { self.routes.min(64) } else { 0 };
        let route = 2 * Header::LEN as u16 + 8 + 8 + 8 + 8 + 16 * hops;
        let advertisement = 144 + 32 + 24 * u16::from(self.contexts.min(16));
        route.max(advertisement)
    }

    #[inline(never)]
    pub(super) fn lowpan(&self) -> interface::Config {
        interface::Config {
            mac: MacConfig {
                extended: self.eui64,
                pan: self.pan,
                queue: usize::from(self.queue),
                neighbours: usize::from(self.neighbours),
                ..MacConfig::default()
            },
            blocks: usize::from(self.blocks),
            reassemblies: usize::from(self.reassemblies),
            outgoing: usize::from(self.outgoing),
            contexts: usize::from(self.contexts),
            #[cfg(feature = "ghc")]
            ghc: self.ghc,
            #[cfg(feature = "sixlorh")]
            sixlorh: self.sixlorh,
            ..interface::Config::default()
        }
    }

    #[inline(never)]
    pub(super) fn ipv6(&self) -> ipv6::Config {
        let (role, registers) = match self.role {
            Role::Router => (ipv6::Role::Router, false),
            Role::Root => (ipv6::Role::BorderRouter, false),
            Role::Leaf => (ipv6::Role::Host, false),
            Role::Host => (ipv6::Role::Host, true),
        };
        ipv6::Config {
            link_address: LinkAddress::Extended(self.eui64),
            medium: Medium::Ieee802154,
            role,
            registers,
            addresses: self.addresses,
            // One more for RPL.
            groups: self.groups.saturating_add(1),
            neighbours: if self.role == Role::Leaf { 2 } else { self.neighbours },
            routers: if registers { 2 } else { 0 },
            prefixes: self.border_routers.max(1),
            contexts: self.contexts.saturating_mul(self.border_routers.max(1)),
            border_routers: self.border_routers,
            registry: self.registry,
            sockets: self.sockets,
            packet: self.packet,
            headers: self.headers(),
            #[cfg(feature = "reassembly")]
            reassemblies: self.ip_reassemblies,
            #[cfg(feature = "ghc")]
            ghc: self.ghc,
            ..ipv6::Config::default()
        }
    }

    #[inline(never)]
    pub(super) fn rpl(&self) -> rpl::Config {
        let none = self.role == Role::Host;
        rpl::Config {
            neighbours: if none { 1 } else { self.neighbours },
            routes: if none || self.role == Role::Leaf { 1 } else { self.routes },
            dodags: self.dodags,
            targets: 4,
            leaf: self.role == Role::Leaf,
            floating: self.floating && self.role == Role::Router,
            instance: self.instance,
        }
    }
}

/// What a root announces.
#[derive(Clone, Copy, Debug)]
pub struct Root {
    /// The prefix that all nodes form their addresses from; 64 bits.
    pub prefix: Ip,
    /// RPLInstanceID.
    pub instance: u8,
    /// Storing or non-storing mode.
    pub mode: Mode,
    /// DODAGPreference, 0 (least) to 7.
    pub preference: u8,
    /// Whether there is a way to the outside.
    pub grounded: bool,
    /// The parameters of the DODAG, its objective function among them.
    pub configuration: Configuration,
    /// What MRHOF minimises.
    pub metric: PathMetric,
}

impl Default for Root {
    fn default() -> Root {
        Root {
            prefix: Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 0]),
            instance: 0,
            mode: Mode::NonStoring,
            preference: 0,
            grounded: true,
            configuration: Configuration {
                // MRHOF where this build has it.
                ocp: u16::from(cfg!(feature = "mrhof")),
                ..Configuration::default()
            },
            metric: PathMetric::Etx,
        }
    }
}
