// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known: neighbours, routes, DODAGs, addresses, counters.

use super::object::MeshRef;
use crate::address::SocketAddress;
use crate::ffi::arguments::{Config, fill, outcome, output};
use crate::ffi::members::{Member, take_over};
use crate::ffi::opaque::mote_mesh;
use crate::ipv6::addresses::AddressState;
use crate::mesh::{Mesh, Statistics};
use crate::port::{mote_address, mote_status};
use crate::status::{Error, Result};
use core::mem::offset_of;

/// A neighbour.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_mesh_neighbour {
    /// `sizeof(mote_mesh_neighbour)`, set by the caller.
    pub size: u32,
    /// Expected transmissions until a frame is acknowledged, times 128.
    pub etx: u16,
    /// The rank that it advertised last, 65,535 for none.
    pub rank: u16,
    /// Its link-local address.
    pub address: mote_address,
    /// Signal strength in dBm, 0 when nothing was received.
    pub rssi: i8,
    /// Link quality of the last frame.
    pub lqi: u8,
    /// 1 when it is a preferred parent.
    pub parent: u8,
    /// 0.
    pub reserved: u8,
    /// Unicast frames to it that have ended.
    pub frames: u16,
    /// Those of them that were given up.
    pub failures: u16,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl Config for mote_mesh_neighbour {}

/// A downward route.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_mesh_route {
    /// `sizeof(mote_mesh_route)`, set by the caller.
    pub size: u32,
    /// How many bits of the destination count.
    pub prefix_len: u32,
    /// The destination.
    pub target: mote_address,
    /// The next hop in storing mode; at a root in non-storing mode, the destination's parent.
    pub via: mote_address,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl Config for mote_mesh_route {}

/// A DODAG that the node knows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_mesh_dodag {
    /// `sizeof(mote_mesh_dodag)`, set by the caller.
    pub size: u32,
    /// RPLInstanceID.
    pub instance: u8,
    /// DODAGVersionNumber.
    pub version: u8,
    /// Mode of operation: 1 non-storing, 2 storing.
    pub mode: u8,
    /// DODAGPreference.
    pub preference: u8,
    /// 1 when the node is a member.
    pub joined: u8,
    /// 1 when the node is its root.
    pub root: u8,
    /// 1 when it is grounded.
    pub grounded: u8,
    /// 1 when there is a parent.
    pub has_parent: u8,
    /// The node's rank, 65,535 for none.
    pub rank: u16,
    /// MinHopRankIncrease.
    pub min_hop_rank_increase: u16,
    /// DODAGID.
    pub dodag_id: mote_address,
    /// The preferred parent's link-local address.
    pub parent: mote_address,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl Config for mote_mesh_dodag {}

/// Counters, layer by layer. All only grow, and wrap around.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct mote_mesh_statistics {
    /// `sizeof(mote_mesh_statistics)`, set by the caller.
    pub size: u32,
    /// MAC: frames put on the air, repetitions included.
    pub mac_transmissions: u32,
    /// MAC: frames that ended well.
    pub mac_sent: u32,
    /// MAC: frames given up without acknowledgement.
    pub mac_no_ack: u32,
    /// MAC: frames given up as the channel never was clear.
    pub mac_channel_busy: u32,
    /// MAC: frames refused for want of room.
    pub mac_queue_full: u32,
    /// MAC: frames received for us.
    pub mac_received: u32,
    /// MAC: repetitions dropped.
    pub mac_duplicates: u32,
    /// MAC: frames dropped as malformed or of a kind not supported.
    pub mac_malformed: u32,
    /// 6LoWPAN: packets taken for sending.
    pub lowpan_sent: u32,
    /// 6LoWPAN: packets sent in fragments.
    pub lowpan_fragmented: u32,
    /// 6LoWPAN: packets handed up.
    pub lowpan_received: u32,
    /// 6LoWPAN: frames dropped.
    pub lowpan_dropped: u32,
    /// IPv6: packets received.
    pub ip_received: u32,
    /// IPv6: packets handed to an upper layer.
    pub ip_delivered: u32,
    /// IPv6: packets forwarded.
    pub ip_forwarded: u32,
    /// IPv6: packets of our own.
    pub ip_sent: u32,
    /// IPv6: packets dropped as malformed.
    pub ip_malformed: u32,
    /// IPv6: packets dropped for want of a way.
    pub ip_no_route: u32,
    /// IPv6: packets dropped whose hop limit ran out.
    pub ip_hop_limit: u32,
    /// IPv6: packets dropped as too big.
    pub ip_too_big: u32,
    /// IPv6: packets that the queue did not take.
    pub ip_refused: u32,
    /// ICMPv6: errors sent.
    pub icmp_errors: u32,
    /// ICMPv6: errors not sent, by the rules or by their rate.
    pub icmp_suppressed: u32,
    /// RPL: DIOs sent.
    pub rpl_dio_sent: u32,
    /// RPL: DIOs received.
    pub rpl_dio_received: u32,
    /// RPL: DISs sent.
    pub rpl_dis_sent: u32,
    /// RPL: DAOs sent.
    pub rpl_dao_sent: u32,
    /// RPL: DAOs received.
    pub rpl_dao_received: u32,
    /// RPL: changes of the preferred parent.
    pub rpl_parent_switches: u32,
    /// RPL: packets whose direction contradicted the ranks.
    pub rpl_rank_errors: u32,
    /// RPL: neighbours or routes refused as a table is full.
    pub rpl_table_full: u32,
    /// RPL: DAO-ACKs sent.
    pub rpl_dao_ack_sent: u32,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl Config for mote_mesh_statistics {}

/// Where the counters of [`mote_mesh_statistics`] come from.
const COUNTERS: &[Member] = &[
    Member::word(
        offset_of!(Statistics, mac.transmissions),
        offset_of!(mote_mesh_statistics, mac_transmissions),
    ),
    Member::word(offset_of!(Statistics, mac.sent), offset_of!(mote_mesh_statistics, mac_sent)),
    Member::word(offset_of!(Statistics, mac.no_ack), offset_of!(mote_mesh_statistics, mac_no_ack)),
    Member::word(
        offset_of!(Statistics, mac.channel_busy),
        offset_of!(mote_mesh_statistics, mac_channel_busy),
    ),
    Member::word(offset_of!(Statistics, mac.queue_full), offset_of!(mote_mesh_statistics, mac_queue_full)),
    Member::word(offset_of!(Statistics, mac.received), offset_of!(mote_mesh_statistics, mac_received)),
    Member::word(offset_of!(Statistics, mac.duplicates), offset_of!(mote_mesh_statistics, mac_duplicates)),
    Member::word(offset_of!(Statistics, mac.malformed), offset_of!(mote_mesh_statistics, mac_malformed)),
    Member::word(offset_of!(Statistics, lowpan.sent), offset_of!(mote_mesh_statistics, lowpan_sent)),
    Member::word(
        offset_of!(Statistics, lowpan.fragmented),
        offset_of!(mote_mesh_statistics, lowpan_fragmented),
    ),
    Member::word(offset_of!(Statistics, lowpan.received), offset_of!(mote_mesh_statistics, lowpan_received)),
    Member::word(offset_of!(Statistics, lowpan.dropped), offset_of!(mote_mesh_statistics, lowpan_dropped)),
    Member::word(offset_of!(Statistics, ipv6.received), offset_of!(mote_mesh_statistics, ip_received)),
    Member::word(offset_of!(Statistics, ipv6.delivered), offset_of!(mote_mesh_statistics, ip_delivered)),
    Member::word(offset_of!(Statistics, ipv6.forwarded), offset_of!(mote_mesh_statistics, ip_forwarded)),
    Member::word(offset_of!(Statistics, ipv6.sent), offset_of!(mote_mesh_statistics, ip_sent)),
    Member::word(offset_of!(Statistics, ipv6.malformed), offset_of!(mote_mesh_statistics, ip_malformed)),
    Member::word(offset_of!(Statistics, ipv6.no_route), offset_of!(mote_mesh_statistics, ip_no_route)),
    Member::word(offset_of!(Statistics, ipv6.hop_limit), offset_of!(mote_mesh_statistics, ip_hop_limit)),
    Member::word(offset_of!(Statistics, ipv6.too_big), offset_of!(mote_mesh_statistics, ip_too_big)),
    Member::word(offset_of!(Statistics, ipv6.link_refused), offset_of!(mote_mesh_statistics, ip_refused)),
    Member::word(offset_of!(Statistics, ipv6.errors_sent), offset_of!(mote_mesh_statistics, icmp_errors)),
    Member::word(
        offset_of!(Statistics, ipv6.errors_suppressed),
        offset_of!(mote_mesh_statistics, icmp_suppressed),
    ),
    Member::word(offset_of!(Statistics, rpl.dio_sent), offset_of!(mote_mesh_statistics, rpl_dio_sent)),
    Member::word(
        offset_of!(Statistics, rpl.dio_received),
        offset_of!(mote_mesh_statistics, rpl_dio_received),
    ),
    Member::word(offset_of!(Statistics, rpl.dis_sent), offset_of!(mote_mesh_statistics, rpl_dis_sent)),
    Member::word(offset_of!(Statistics, rpl.dao_sent), offset_of!(mote_mesh_statistics, rpl_dao_sent)),
    Member::word(
        offset_of!(Statistics, rpl.dao_received),
        offset_of!(mote_mesh_statistics, rpl_dao_received),
    ),
];

/// Shows what `show` finds, and fills in from all zeros.
///
/// # Safety
/// The pointers are NULL or valid.
unsafe fn read<T: Config>(
    mesh: *const mote_mesh,
    out: *mut T,
    show: impl FnOnce(&Mesh<'static>, &mut T) -> Option<()>,
) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function; a `Config` is valid when all zero.
        unsafe {
            let mut shown = core::mem::zeroed();
            MeshRef::new(mesh)?.with(|core| show(&core.mesh, &mut shown)).ok_or(Error::End)?;
            fill(out, &shown)
        }
    };
    outcome(read())
}

/// The neighbour at place `index`, counted from 0.
///
/// `neighbour->size` must be set. Places change when neighbours come and go.
/// `MOTE_ERR_END` past the last one, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_get_neighbour(
    mesh: *const mote_mesh,
    index: u32,
    neighbour: *mut mote_mesh_neighbour,
) -> mote_status {
    let show = |engine: &Mesh<'static>, shown: &mut mote_mesh_neighbour| {
        let view = engine.neighbours().nth(index as usize)?;
        (shown.etx, shown.rank, shown.address.ip) = (view.etx, view.rank, view.ip.0);
        (shown.rssi, shown.lqi, shown.parent) = (view.rssi, view.lqi, view.parent.into());
        (shown.frames, shown.failures) = (view.frames, view.failures);
        Some(())
    };
    // SAFETY: passed on to the caller of this function.
    unsafe { read(mesh, neighbour, show) }
}

/// The downward route at place `index`, counted from 0.
///
/// `route->size` must be set. Places change when routes come and go.
/// `MOTE_ERR_END` past the last one, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_get_route(
    mesh: *const mote_mesh,
    index: u32,
    route: *mut mote_mesh_route,
) -> mote_status {
    let show = |engine: &Mesh<'static>, shown: &mut mote_mesh_route| {
        let view = engine.routes().nth(index as usize)?;
        shown.prefix_len = view.prefix_len.into();
        (shown.target.ip, shown.via.ip) = (view.target.0, view.via.0);
        Some(())
    };
    // SAFETY: passed on to the caller of this function.
    unsafe { read(mesh, route, show) }
}

/// The DODAG at place `index`, counted from 0, joined or not.
///
/// `dodag->size` must be set. `MOTE_ERR_END` past the last one, `MOTE_ERR_INVALID`,
/// `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_get_dodag(
    mesh: *const mote_mesh,
    index: u32,
    dodag: *mut mote_mesh_dodag,
) -> mote_status {
    let show = |engine: &Mesh<'static>, shown: &mut mote_mesh_dodag| {
        let view = engine.dodags().nth(index as usize)?;
        (shown.instance, shown.version, shown.mode) = (view.instance, view.version, view.mode);
        (shown.preference, shown.joined) = (view.preference, view.joined.into());
        (shown.root, shown.grounded) = (view.root.into(), view.grounded.into());
        (shown.rank, shown.min_hop_rank_increase) = (view.rank, view.configuration.min_hop_rank_increase);
        shown.dodag_id.ip = view.dodag_id.0;
        if let Some(parent) = view.parent {
            (shown.has_parent, shown.parent.ip) = (1, parent.0);
        }
        Some(())
    };
    // SAFETY: passed on to the caller of this function.
    unsafe { read(mesh, dodag, show) }
}

/// The own address at place `index`, counted from 0; the link-local one first.
///
/// Addresses that are still being registered are left out. `MOTE_ERR_END` past the last one,
/// `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_get_address(
    mesh: *const mote_mesh,
    index: u32,
    address: *mut mote_address,
) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (mesh, out) = unsafe { (MeshRef::new(mesh)?, output(address)?) };
        let ip = mesh.with(|core| {
            let usable = core.mesh.addresses().filter(|entry| entry.state == AddressState::Preferred);
            usable.map(|entry| entry.ip).nth(index as usize)
        });
        out.write(SocketAddress::new(ip.ok_or(Error::End)?, 0).into());
        Ok(())
    };
    outcome(read())
}

/// Copies the counters.
///
/// `statistics->size` must be `sizeof(mote_mesh_statistics)` of the caller's header; no more is
/// written. `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_get_statistics(
    mesh: *const mote_mesh,
    statistics: *mut mote_mesh_statistics,
) -> mote_status {
    let show = |engine: &Mesh<'static>, shown: &mut mote_mesh_statistics| {
        let counted = engine.statistics();
        // SAFETY: the members are of the types that the table says.
        let _never_too_large = unsafe { take_over(&counted, shown, COUNTERS) };
        shown.rpl_parent_switches = counted.rpl.parent_switches.into();
        shown.rpl_rank_errors = counted.rpl.rank_errors.into();
        shown.rpl_table_full = counted.rpl.table_full.into();
        shown.rpl_dao_ack_sent = counted.rpl.dao_ack_sent.into();
        Some(())
    };
    // SAFETY: passed on to the caller of this function.
    unsafe { read(mesh, statistics, show) }
}
