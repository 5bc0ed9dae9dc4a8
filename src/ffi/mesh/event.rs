// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the application is told.

use crate::address::Ip;
use crate::ffi::arguments::lend;
use crate::ffi::opaque::mote_mesh;
use crate::mesh::{Event, PingFailure};
use crate::port::{mote_address, mote_bytes, mote_status};
use core::ffi::c_void;

/// The node has become a member of a DODAG, or its root: `address` is the DODAGID.
pub const MOTE_MESH_JOINED: u32 = 1;
/// There is another preferred parent: `address`.
pub const MOTE_MESH_PARENT: u32 = 2;
/// The last parent (a host's last router) is lost; the node looks for another.
pub const MOTE_MESH_LOST: u32 = 3;
/// There is no room for a route to this node on the way; upward traffic works.
pub const MOTE_MESH_REFUSED: u32 = 4;
/// The own address `address` can be used.
pub const MOTE_MESH_ADDRESS: u32 = 5;
/// The own address `address` has ended; `status` is `MOTE_ERR_ADDRESS_IN_USE` when it is somebody
/// else's, `MOTE_ERR_TIMEOUT` when its lifetime is over.
pub const MOTE_MESH_ADDRESS_LOST: u32 = 6;
/// A host has found the router `address`.
pub const MOTE_MESH_ROUTER_FOUND: u32 = 7;
/// The host `address` has registered with this router.
pub const MOTE_MESH_HOST_REGISTERED: u32 = 8;
/// The registration of the host `address` has ended.
pub const MOTE_MESH_HOST_LOST: u32 = 9;
/// A downward route to `address`, of which `prefix_len` bits count, was learned.
pub const MOTE_MESH_ROUTE: u32 = 10;
/// A downward route has ended.
pub const MOTE_MESH_ROUTE_LOST: u32 = 11;
/// The ping `handle` was answered by `address` after `round_trip` milliseconds: `data`.
pub const MOTE_MESH_PING_REPLY: u32 = 12;
/// The ping `handle` was not answered. `status` is `MOTE_ERR_TIMEOUT`, `MOTE_ERR_CANCELLED` or
/// `MOTE_ERR_CLOSED`; or `MOTE_ERR_UNREACHABLE`, and then `address` reported an ICMPv6 error.
pub const MOTE_MESH_PING_FAILED: u32 = 13;
/// The socket `handle` received `data` from `address` at `local`.
pub const MOTE_MESH_UDP: u32 = 14;
/// A datagram of the socket `handle` to `address` was not delivered: `status`.
pub const MOTE_MESH_UDP_FAILED: u32 = 15;
/// The IPv6 packet `data` leaves the mesh for the host side of this border router.
pub const MOTE_MESH_HOST_PACKET: u32 = 16;

/// What happened. Members that an event does not speak of are 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_mesh_event {
    /// Which of `MOTE_MESH_JOINED` and the others above.
    pub kind: u32,
    /// `MOTE_OK`, or why something failed.
    pub status: mote_status,
    /// Whose event it is.
    pub mesh: *mut mote_mesh,
    /// The ping or the socket.
    pub handle: u32,
    /// Whom the event is about.
    pub address: mote_address,
    /// To which own address or group a datagram came.
    pub local: mote_address,
    /// What came; lent until the callback returns.
    pub data: mote_bytes,
    /// Milliseconds from a ping to its reply.
    pub round_trip: u32,
    /// RPLInstanceID.
    pub instance: u8,
    /// How many bits of a route's destination count.
    pub prefix_len: u8,
    /// The hop limit with which a reply arrived.
    pub hop_limit: u8,
    /// The type of an ICMPv6 error that was reported.
    pub icmp_type: u8,
    /// Its code.
    pub icmp_code: u8,
    /// 0.
    pub reserved: [u8; 3],
}

/// Is told of what happens. `event` is lent until it returns. It may call any function of any
/// object, closing this one included.
pub type mote_mesh_callback = Option<unsafe extern "C" fn(user: *mut c_void, event: *const mote_mesh_event)>;

/// The event as C sees it; what it lends lives as long as `event`.
pub(super) fn to_c(mesh: *mut mote_mesh, event: &Event<'_>) -> mote_mesh_event {
    // SAFETY: integers and a pointer, for which zeros are valid.
    let mut shown: mote_mesh_event = unsafe { core::mem::zeroed() };
    shown.mesh = mesh;
    let (kind, ip) = match event {
        Event::Joined { instance, dodag_id } => {
            shown.instance = *instance;
            (MOTE_MESH_JOINED, dodag_id)
        }
        Event::ParentChanged { instance, parent } => {
            shown.instance = *instance;
            (MOTE_MESH_PARENT, parent)
        }
        Event::Lost { instance } => {
            shown.instance = *instance;
            (MOTE_MESH_LOST, &Ip::UNSPECIFIED)
        }
        Event::Refused { instance } => {
            shown.instance = *instance;
            (MOTE_MESH_REFUSED, &Ip::UNSPECIFIED)
        }
        Event::AddressReady(ip) => (MOTE_MESH_ADDRESS, ip),
        Event::AddressDuplicate(ip) => {
            shown.status = crate::ffi::MOTE_ERR_ADDRESS_IN_USE;
            (MOTE_MESH_ADDRESS_LOST, ip)
        }
        Event::AddressLost(ip) => {
            shown.status = crate::ffi::MOTE_ERR_TIMEOUT;
            (MOTE_MESH_ADDRESS_LOST, ip)
        }
        Event::RouterFound(ip) => (MOTE_MESH_ROUTER_FOUND, ip),
        Event::HostRegistered(ip) => (MOTE_MESH_HOST_REGISTERED, ip),
        Event::HostLost(ip) => (MOTE_MESH_HOST_LOST, ip),
        Event::RouteAdded { target, prefix_len } => {
            shown.prefix_len = *prefix_len;
            (MOTE_MESH_ROUTE, target)
        }
        Event::RouteRemoved { target, prefix_len } => {
            shown.prefix_len = *prefix_len;
            (MOTE_MESH_ROUTE_LOST, target)
        }
        Event::PingReply { ping, source, round_trip, hop_limit, data } => {
            (shown.handle, shown.round_trip, shown.hop_limit) = (ping.raw(), *round_trip, *hop_limit);
            shown.data = lend(data);
            (MOTE_MESH_PING_REPLY, source)
        }
        Event::PingFailed { ping, failure } => {
            shown.handle = ping.raw();
            match failure {
                PingFailure::Local(error) => {
                    shown.status = error.code();
                    (MOTE_MESH_PING_FAILED, &Ip::UNSPECIFIED)
                }
                PingFailure::Reported { reporter, kind, code } => {
                    shown.status = crate::ffi::MOTE_ERR_UNREACHABLE;
                    (shown.icmp_type, shown.icmp_code) = (*kind, *code);
                    (MOTE_MESH_PING_FAILED, reporter)
                }
            }
        }
        Event::Udp { socket, path, data } => {
            shown.handle = socket.raw();
            (shown.address.scope, shown.address.port) = (path.remote.scope, path.remote.port);
            shown.local.ip = path.local.0;
            shown.data = lend(data);
            (MOTE_MESH_UDP, &path.remote.ip)
        }
        Event::UdpFailed { socket, path, error, .. } => {
            (shown.handle, shown.status) = (socket.raw(), error.code());
            (shown.address.scope, shown.address.port) = (path.remote.scope, path.remote.port);
            (MOTE_MESH_UDP_FAILED, &path.remote.ip)
        }
        Event::HostPacket { packet } => {
            shown.data = lend(packet);
            (MOTE_MESH_HOST_PACKET, &Ip::UNSPECIFIED)
        }
    };
    (shown.kind, shown.address.ip) = (kind, ip.0);
    shown
}
