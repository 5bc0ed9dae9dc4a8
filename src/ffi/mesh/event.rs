// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the application is told.

use super::object::mote_mesh;
use crate::address::{Ip, SocketAddress};
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
/// The ping `handle` was not answered. `status` is `MOTE_ERR_TIMEOUT` or `MOTE_ERR_CANCELLED`; or
/// `MOTE_ERR_UNREACHABLE`, and then `address` reported an ICMPv6 error.
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

fn at(ip: Ip) -> mote_address {
    SocketAddress::new(ip, 0).into()
}

fn lend(bytes: &[u8]) -> mote_bytes {
    mote_bytes { ptr: bytes.as_ptr(), len: bytes.len() }
}

/// The event as C sees it; what it lends lives as long as `event`.
pub(super) fn to_c(mesh: *mut mote_mesh, event: &Event<'_>) -> mote_mesh_event {
    let nobody = at(Ip::UNSPECIFIED);
    let blank = mote_mesh_event {
        kind: 0,
        status: 0,
        mesh,
        handle: 0,
        address: nobody,
        local: nobody,
        data: mote_bytes { ptr: core::ptr::null(), len: 0 },
        round_trip: 0,
        instance: 0,
        prefix_len: 0,
        hop_limit: 0,
        icmp_type: 0,
        icmp_code: 0,
        reserved: [0; 3],
    };
    let of = |kind: u32, ip: &Ip| mote_mesh_event { kind, address: at(*ip), ..blank };
    match event {
        Event::Joined { instance, dodag_id } => {
            mote_mesh_event { instance: *instance, ..of(MOTE_MESH_JOINED, dodag_id) }
        }
        Event::ParentChanged { instance, parent } => {
            mote_mesh_event { instance: *instance, ..of(MOTE_MESH_PARENT, parent) }
        }
        Event::Lost { instance } => mote_mesh_event { kind: MOTE_MESH_LOST, instance: *instance, ..blank },
        Event::Refused { instance } => {
            mote_mesh_event { kind: MOTE_MESH_REFUSED, instance: *instance, ..blank }
        }
        Event::AddressReady(ip) => of(MOTE_MESH_ADDRESS, ip),
        Event::AddressDuplicate(ip) => {
            mote_mesh_event { status: crate::ffi::MOTE_ERR_ADDRESS_IN_USE, ..of(MOTE_MESH_ADDRESS_LOST, ip) }
        }
        Event::AddressLost(ip) => {
            mote_mesh_event { status: crate::ffi::MOTE_ERR_TIMEOUT, ..of(MOTE_MESH_ADDRESS_LOST, ip) }
        }
        Event::RouterFound(ip) => of(MOTE_MESH_ROUTER_FOUND, ip),
        Event::HostRegistered(ip) => of(MOTE_MESH_HOST_REGISTERED, ip),
        Event::HostLost(ip) => of(MOTE_MESH_HOST_LOST, ip),
        Event::RouteAdded { target, prefix_len } => {
            mote_mesh_event { prefix_len: *prefix_len, ..of(MOTE_MESH_ROUTE, target) }
        }
        Event::RouteRemoved { target, prefix_len } => {
            mote_mesh_event { prefix_len: *prefix_len, ..of(MOTE_MESH_ROUTE_LOST, target) }
        }
        Event::PingReply { ping, source, round_trip, hop_limit, data } => mote_mesh_event {
            handle: ping.raw(),
            round_trip: *round_trip,
            hop_limit: *hop_limit,
            data: lend(data),
            ..of(MOTE_MESH_PING_REPLY, source)
        },
        Event::PingFailed { ping, failure: PingFailure::Local(error) } => {
            mote_mesh_event { kind: MOTE_MESH_PING_FAILED, handle: ping.raw(), status: error.code(), ..blank }
        }
        Event::PingFailed { ping, failure: PingFailure::Reported { reporter, kind, code } } => {
            mote_mesh_event {
                handle: ping.raw(),
                status: crate::ffi::MOTE_ERR_UNREACHABLE,
                icmp_type: *kind,
                icmp_code: *code,
                ..of(MOTE_MESH_PING_FAILED, reporter)
            }
        }
        Event::Udp { socket, path, data } => mote_mesh_event {
            kind: MOTE_MESH_UDP,
            handle: socket.raw(),
            address: path.remote.into(),
            local: at(path.local),
            data: lend(data),
            ..blank
        },
        Event::UdpFailed { socket, path, error } => mote_mesh_event {
            kind: MOTE_MESH_UDP_FAILED,
            handle: socket.raw(),
            address: path.remote.into(),
            status: error.code(),
            ..blank
        },
        Event::HostPacket { packet } => {
            mote_mesh_event { kind: MOTE_MESH_HOST_PACKET, data: lend(packet), ..blank }
        }
    }
}
