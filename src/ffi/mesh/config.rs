// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a node of the mesh is configured.

use super::event::mote_mesh_callback;
use crate::address::Ip;
use crate::ffi::arguments::Config as CConfig;
use crate::ffi::members::{Member, take_over};
use crate::ffi::opaque::mote_node;
use crate::mesh::{Config, Role, Root};
use crate::rpl::Mode;
use crate::rpl::wire::{Configuration, PathMetric};
use crate::status::{Error, Result};
use core::ffi::c_void;
use core::mem::offset_of;

/// In place of a capacity of `mote_mesh_config`: none at all, since 0 means the default.
pub const MOTE_MESH_NONE: u16 = 0xffff;

/// Joins a DODAG and forwards for others.
pub const MOTE_MESH_ROUTER: u32 = 0;
/// Joins a DODAG and forwards nothing.
pub const MOTE_MESH_LEAF: u32 = 1;
/// May be the root of a DODAG, and a border router.
pub const MOTE_MESH_ROOT: u32 = 2;
/// Runs no RPL: registers its addresses with a router (RFC 6775, RFC 8505).
pub const MOTE_MESH_HOST: u32 = 3;

/// Non-storing mode of RPL: the root knows all ways, packets are source-routed.
pub const MOTE_MESH_NON_STORING: u32 = 1;
/// Storing mode of RPL: each router knows the ways below it.
pub const MOTE_MESH_STORING: u32 = 2;

/// The objective function MRHOF with ETX (RFC 6719).
pub const MOTE_MESH_MRHOF: u32 = 1;
/// MRHOF with the hop count, which the DODAG then tells of in a metric container (RFC 6551).
pub const MOTE_MESH_MRHOF_HOP_COUNT: u32 = 3;
/// MRHOF with the latency likewise, of which each transmission that a link takes is expected to make 8.2 ms.
pub const MOTE_MESH_MRHOF_LATENCY: u32 = 4;
/// The objective function zero (RFC 6552).
pub const MOTE_MESH_OF0: u32 = 2;

/// How a node of the mesh is to be. Zero means the default, in every member but `size`, `node`
/// and `eui64`; a capacity of `MOTE_MESH_NONE` means none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_mesh_config {
    /// `sizeof(mote_mesh_config)`, by `MOTE_MESH_CONFIG_INIT`.
    pub size: u32,
    /// One of `MOTE_MESH_ROUTER` (the default), `MOTE_MESH_LEAF`, `MOTE_MESH_ROOT`, `MOTE_MESH_HOST`.
    pub role: u32,
    /// The node that drives it; required. Its port has a radio, and its config at least two
    /// `radio_frames`.
    pub node: *mut mote_node,
    /// Is told of what happens; may be NULL.
    pub on_event: mote_mesh_callback,
    /// Passed to `on_event`.
    pub user: *mut c_void,
    /// The EUI-64, most significant byte first; required.
    pub eui64: [u8; 8],
    /// The PAN ID; `MOTE_MESH_NONE` stands for 0. Default 0xabcd.
    pub pan_id: u16,
    /// The channel, 11 to 26. Default 26.
    pub channel: u16,
    /// Neighbours whose links are known. Default 16.
    pub neighbours: u16,
    /// Downward routes; at a root in non-storing mode, the nodes of the network. Default 16.
    pub routes: u16,
    /// Frames that wait to be sent. Default 8.
    pub queue: u16,
    /// Blocks of 128 bytes for frames that wait and for packets in parts, at most 255; a packet
    /// of 1280 bytes takes ten. Default 14.
    pub blocks: u16,
    /// Packets put together from fragments at the same time. Default 3.
    pub reassemblies: u16,
    /// Packets sent in fragments at the same time, at most 254. Default 2.
    pub outgoing: u16,
    /// Own addresses, the link-local one included. Default 3.
    pub addresses: u16,
    /// Multicast groups that can be joined. Default 1.
    pub groups: u16,
    /// UDP sockets. Default 2.
    pub sockets: u16,
    /// Pings under way. Default 1.
    pub pings: u16,
    /// The largest packet that is made, in bytes, all headers included. Default 1328; for a root
    /// 2047, so that packets of the largest size can go along long source routes.
    pub packet: u16,
    /// Bytes of the queue of packets for the host side of a border router. Default 0: there is
    /// no such side.
    pub host_queue: u16,
    /// Addresses in a border router's registry of hosts without RPL (RFC 6775 §8.2). Needs a build with the feature
    /// `multihop-nd`. Default 0: none is kept.
    pub registry: u16,
    /// 1: no compression context is set from the prefix of the DODAG. For networks with
    /// nodes that have another notion of their contexts. Default 0.
    pub no_context: u16,
    /// 1: generic header compression (RFC 7400) is announced to neighbours, and used towards those
    /// that announce it. Needs a build with the feature `ghc`. Default 0.
    pub ghc: u16,
    /// 1: the headers of RPL are sent compressed (RFC 8138), which all nodes of the network must
    /// understand. Needs a build with the feature `sixlorh`. Default 0.
    pub sixlorh: u16,
    /// 1: a router that has been without a DODAG for a minute becomes the root of a floating one,
    /// so that nodes that are cut off reach each other, until a grounded one is heard (RFC 6550
    /// §3.2.4). Default 0.
    pub floating: u16,
    /// Border routers (6LBRs) whose prefixes and contexts a router passes on to its hosts, those of
    /// each apart from those of the others (RFC 6775). More than 1 needs a build with the
    /// feature `border-routers`. Default 1.
    pub border_routers: u16,
    /// IPv6 packets put together from fragments at the same time (RFC 8200 §4.5), of up to 1,536 bytes;
    /// each takes 1.6 KB. Needs a build with the feature `reassembly`, which also sends packets over
    /// 1,280 bytes in fragments. Default 0: a node that sends fragments is told that this node
    /// does not know them.
    pub ip_reassemblies: u16,
    /// The only RPLInstanceID whose DODAGs are joined, at most 255; `MOTE_MESH_NONE` stands for 0. Default 0: those of
    /// all that are heard.
    pub instance: u16,
    /// Must be 0.
    pub reserved: [u16; 2],
}

// SAFETY: `repr(C)`, `size` first, integers, pointers and an optional function.
unsafe impl CConfig for mote_mesh_config {}

/// What a root announces. Zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_mesh_root_config {
    /// `sizeof(mote_mesh_root_config)`, by `MOTE_MESH_ROOT_CONFIG_INIT`.
    pub size: u32,
    /// `MOTE_MESH_NON_STORING` (the default) or `MOTE_MESH_STORING`.
    pub mode: u32,
    /// `MOTE_MESH_MRHOF` (the default, where the build has it), `MOTE_MESH_MRHOF_HOP_COUNT`, `MOTE_MESH_MRHOF_LATENCY`
    /// or `MOTE_MESH_OF0`.
    pub objective: u32,
    /// RPLInstanceID, 0 to 127 for a global instance. Default 0.
    pub instance: u8,
    /// DODAGPreference, 0 to 7, of which 7 is preferred most. Default 0.
    pub preference: u8,
    /// 1: the DODAG is floating, not grounded: it leads nowhere. Default 0.
    pub floating: u8,
    /// 1: packets carry the RPL option with type 0x23, which nodes outside skip (RFC 9008).
    /// Default 0: type 0x63 (RFC 6553).
    pub option_type_0x23: u8,
    /// The first 64 bits of all addresses of the network. Default `fd00::/64`.
    pub prefix: [u8; 16],
    /// DIOIntervalMin: trickle's smallest interval is 2 to this power, in milliseconds.
    /// Default 12.
    pub interval_min: u16,
    /// DIOIntervalDoublings. Default 8.
    pub interval_doublings: u16,
    /// DIORedundancyConstant; `MOTE_MESH_NONE` suppresses nothing. Default 10.
    pub redundancy: u16,
    /// MinHopRankIncrease. Default 128.
    pub min_hop_rank_increase: u16,
    /// MaxRankIncrease; `MOTE_MESH_NONE` sets no limit. Default 1024.
    pub max_rank_increase: u16,
    /// For how long routes live, in units of `lifetime_unit` seconds; 255 for ever. Default 30.
    pub lifetime: u16,
    /// Seconds. Default 60.
    pub lifetime_unit: u16,
    /// 1: all nodes that can are asked to send the headers of RPL compressed (RFC 8138), by the flag T of the
    /// DODAG (RFC 9035); those that cannot join as leaves. Needs a build with the feature
    /// `sixlorh`. Default 0.
    pub sixlorh: u16,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl CConfig for mote_mesh_root_config {}

/// What is taken over as it stands.
const MEMBERS: &[Member] = &[
    Member::half(offset_of!(mote_mesh_config, pan_id), offset_of!(Config, pan)),
    Member::half(offset_of!(mote_mesh_config, neighbours), offset_of!(Config, neighbours)),
    Member::half(offset_of!(mote_mesh_config, routes), offset_of!(Config, routes)),
    Member::half(offset_of!(mote_mesh_config, packet), offset_of!(Config, packet)),
    Member::half(offset_of!(mote_mesh_config, host_queue), offset_of!(Config, host_queue)),
    Member::half(offset_of!(mote_mesh_config, registry), offset_of!(Config, registry)),
    Member::byte(offset_of!(mote_mesh_config, queue), offset_of!(Config, queue), 255),
    Member::byte(offset_of!(mote_mesh_config, blocks), offset_of!(Config, blocks), 255),
    Member::byte(offset_of!(mote_mesh_config, reassemblies), offset_of!(Config, reassemblies), 255),
    Member::byte(offset_of!(mote_mesh_config, outgoing), offset_of!(Config, outgoing), 254),
    Member::byte(offset_of!(mote_mesh_config, border_routers), offset_of!(Config, border_routers), 255),
    Member::byte(offset_of!(mote_mesh_config, addresses), offset_of!(Config, addresses), 255),
    Member::byte(offset_of!(mote_mesh_config, groups), offset_of!(Config, groups), 255),
    Member::byte(offset_of!(mote_mesh_config, sockets), offset_of!(Config, sockets), 255),
    Member::byte(offset_of!(mote_mesh_config, pings), offset_of!(Config, pings), 255),
    Member::byte(offset_of!(mote_mesh_config, channel), offset_of!(Config, channel), 26),
    #[cfg(feature = "reassembly")]
    Member::byte(offset_of!(mote_mesh_config, ip_reassemblies), offset_of!(Config, ip_reassemblies), 255),
];

/// The same for a root's parameters.
const ROOT_MEMBERS: &[Member] = &[
    Member::half(
        offset_of!(mote_mesh_root_config, min_hop_rank_increase),
        offset_of!(Configuration, min_hop_rank_increase),
    ),
    Member::half(
        offset_of!(mote_mesh_root_config, max_rank_increase),
        offset_of!(Configuration, max_rank_increase),
    ),
    Member::half(offset_of!(mote_mesh_root_config, lifetime_unit), offset_of!(Configuration, lifetime_unit)),
    Member::byte(
        offset_of!(mote_mesh_root_config, interval_min),
        offset_of!(Configuration, interval_min),
        255,
    ),
    Member::byte(
        offset_of!(mote_mesh_root_config, interval_doublings),
        offset_of!(Configuration, interval_doublings),
        255,
    ),
    Member::byte(offset_of!(mote_mesh_root_config, redundancy), offset_of!(Configuration, redundancy), 255),
    Member::byte(
        offset_of!(mote_mesh_root_config, lifetime),
        offset_of!(Configuration, default_lifetime),
        255,
    ),
];

/// The engine's configuration from C's.
pub(super) fn engine(given: &mote_mesh_config) -> Result<Config> {
    let role = match given.role {
        MOTE_MESH_ROUTER => Role::Router,
        MOTE_MESH_LEAF => Role::Leaf,
        MOTE_MESH_ROOT => Role::Root,
        MOTE_MESH_HOST => Role::Host,
        _ => return Err(Error::Invalid),
    };
    let mut wanted = Config::default();
    (wanted.host_queue, wanted.registry) = (0, 0);
    if role == Role::Root {
        wanted.packet = 2047;
    }
    // SAFETY: the members are of the types that the table says.
    unsafe { take_over(given, &mut wanted, MEMBERS) }?;
    if given.eui64 == [0; 8] || wanted.channel < 11 || given.no_context > 1 {
        return Err(Error::Invalid);
    }
    if given.ghc > 1 || given.sixlorh > 1 || given.floating > 1 || given.reserved != [0; 2] {
        return Err(Error::Invalid);
    }
    let lacks = given.ghc != 0 && !cfg!(feature = "ghc")
        || given.sixlorh != 0 && !cfg!(feature = "sixlorh")
        || given.ip_reassemblies != 0 && !cfg!(feature = "reassembly")
        || given.border_routers > 1 && !cfg!(feature = "border-routers");
    if lacks {
        return Err(Error::Unsupported);
    }
    wanted.eui64 = given.eui64;
    wanted.role = role;
    wanted.context_from_prefix = given.no_context == 0;
    wanted.floating = given.floating != 0;
    wanted.instance = match given.instance {
        0 => None,
        MOTE_MESH_NONE => Some(0),
        instance => Some(u8::try_from(instance).map_err(|_| Error::Invalid)?),
    };
    #[cfg(feature = "ghc")]
    {
        wanted.ghc = given.ghc != 0;
    }
    #[cfg(feature = "sixlorh")]
    {
        wanted.sixlorh = given.sixlorh != 0;
    }
    Ok(wanted)
}

/// What a root announces, from C's.
pub(super) fn root(given: &mote_mesh_root_config) -> Result<Root> {
    let mode = match given.mode {
        0 | MOTE_MESH_NON_STORING => Mode::NonStoring,
        MOTE_MESH_STORING => Mode::Storing,
        _ => return Err(Error::Invalid),
    };
    let mut wanted = Root { mode, ..Root::default() };
    let parameters = &mut wanted.configuration;
    match given.objective {
        0 => {}
        MOTE_MESH_MRHOF => parameters.ocp = 1,
        MOTE_MESH_MRHOF_HOP_COUNT => (parameters.ocp, wanted.metric) = (1, PathMetric::HopCount),
        MOTE_MESH_MRHOF_LATENCY => (parameters.ocp, wanted.metric) = (1, PathMetric::Latency),
        MOTE_MESH_OF0 => parameters.ocp = 0,
        _ => return Err(Error::Invalid),
    }
    let flags = given.floating | given.option_type_0x23;
    if flags > 1 || given.preference > 7 || given.sixlorh > 1 {
        return Err(Error::Invalid);
    }
    if given.sixlorh != 0 && !cfg!(feature = "sixlorh") {
        return Err(Error::Unsupported);
    }
    parameters.compressed = given.sixlorh != 0;
    parameters.rpi_0x23 = given.option_type_0x23 != 0;
    // SAFETY: the members are of the types that the table says.
    unsafe { take_over(given, parameters, ROOT_MEMBERS) }?;
    if given.prefix != [0; 16] {
        wanted.prefix = Ip(given.prefix);
    }
    (wanted.instance, wanted.preference) = (given.instance, given.preference);
    wanted.grounded = given.floating == 0;
    Ok(wanted)
}
