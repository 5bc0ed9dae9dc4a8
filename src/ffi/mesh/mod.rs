// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nodes of the mesh.

mod config;
mod driver;
mod event;
mod host;
mod object;
mod tables;
#[cfg(all(test, feature = "std", feature = "mesh"))]
mod tests;
mod transport;

pub use self::config::*;
pub use self::event::*;
pub use self::tables::*;

use self::object::MeshRef;
use super::arguments::{self, block, outcome, output, slice};
use super::node::{NodeRef, mote_transport};
use super::opaque::mote_mesh;
use crate::address::{Ip, SocketAddress};
use crate::bytes::Parts;
use crate::mesh::Mesh;
use crate::port::{mote_address, mote_bytes, mote_status};
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::transport::{Path, RadioContext};

/// How many bytes `mote_mesh_init` needs for `config`, whatever the alignment of the block.
///
/// `config->node` may be NULL here. `MOTE_ERR_INVALID` for NULL or a member out of its range (some of
/// these only `mote_mesh_init` finds), `MOTE_ERR_VERSION` for a config from a newer header that asks for
/// what this build lacks. Any thread.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_size(config: *const mote_mesh_config, size: *mut usize) -> mote_status {
    let plan = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        unsafe {
            let out = output(size)?;
            let mut room = arguments::room();
            let wanted = &config::engine(arguments::config(config, &mut room)?);
            out.write(object::plan(arguments::in_place(wanted)?).bytes());
        }
        Ok(())
    };
    outcome(plan())
}

/// Makes a node of the mesh in `memory`, which is its until `mote_mesh_close`. It is idle until
/// it is started with `mote_mesh_join` or `mote_mesh_start_root`.
///
/// ```c
/// mote_mesh_config config = { MOTE_MESH_CONFIG_INIT, .node = node, .eui64 = { 2, 0, 0, 0, 0, 0, 0, 1 } };
/// mote_status status = mote_mesh_init(memory, sizeof memory, &config, &mesh);
/// if (status == MOTE_OK) status = mote_mesh_join(mesh);
/// ```
///
/// `memory` has `memory_size` bytes at any alignment; `mote_mesh_size` tells how many are needed.
/// The config is copied.
///
/// `MOTE_ERR_INVALID` for NULL or a member out of its range; `MOTE_ERR_NO_MEMORY` when the block
/// is too small; `MOTE_ERR_FULL` when the node has no room for another object;
/// `MOTE_ERR_UNSUPPORTED` when the port has no radio; `MOTE_ERR_STATE` when the node has no
/// `radio_frames`, or drives a mesh already: there is one radio; `MOTE_ERR_STALE` when the node is closed; `MOTE_ERR_VERSION`; what the radio
/// says.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_init(
    memory: *mut u8,
    memory_size: usize,
    config: *const mote_mesh_config,
    mesh: *mut *mut mote_mesh,
) -> mote_status {
    let init = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        unsafe {
            let out = output(mesh)?;
            let mut room = arguments::room();
            let given = arguments::config(config, &mut room)?;
            let wanted = &config::engine(given);
            let wanted = arguments::in_place(wanted)?;
            let node = NodeRef::new(given.node)?;
            let block = block(memory, memory_size)?;
            out.write(driver::init(block, wanted, node, given)?);
        }
        Ok(())
    };
    outcome(init())
}

/// Closes the node of the mesh, turns the radio off and gives the memory back. NULL is a no-op.
///
/// Objects that took a transport over are told first that it is lost, which may call their callbacks.
/// Each ping under way ends with a last `MOTE_MESH_PING_FAILED`, whose status is `MOTE_ERR_CLOSED`, before this
/// returns. May be called inside any callback, of this object too.
/// `MOTE_ERR_STALE` when it is closed already.
///
/// # Safety
/// `mesh` is NULL or came from `mote_mesh_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_close(mesh: *mut mote_mesh) -> mote_status {
    if mesh.is_null() {
        return super::MOTE_OK;
    }
    // SAFETY: passed on to the caller of this function.
    outcome(unsafe { MeshRef::new(mesh) }.map(MeshRef::close))
}

/// # Safety
/// `mesh` is NULL or came from `mote_mesh_init`.
unsafe fn command(
    mesh: *mut mote_mesh,
    act: impl FnOnce(&mut Mesh<'static>, &mut RadioContext<'_>) -> Result<()>,
) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    outcome(unsafe { MeshRef::new(mesh) }.and_then(|mesh| mesh.command(act)))
}

/// Looks for a DODAG (or, as a host, for a router) and joins it; the node does so by itself from
/// then on. Ends in `MOTE_MESH_JOINED` and `MOTE_MESH_ADDRESS`.
///
/// `MOTE_ERR_STATE` when it was started already or its role is root; `MOTE_ERR_INVALID`,
/// `MOTE_ERR_STALE`, what the radio says.
///
/// # Safety
/// `mesh` is NULL or came from `mote_mesh_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_join(mesh: *mut mote_mesh) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe { command(mesh, |engine, cx| engine.join(cx)) }
}

/// Becomes the root of a DODAG. Ends in `MOTE_MESH_JOINED` and `MOTE_MESH_ADDRESS`.
///
/// `root` is copied. `MOTE_ERR_STATE` when it was started already or its role is another;
/// `MOTE_ERR_INVALID` for NULL, a prefix that is none or a parameter out of range;
/// `MOTE_ERR_STALE`, `MOTE_ERR_VERSION`, what the radio says.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_start_root(
    mesh: *mut mote_mesh,
    root: *const mote_mesh_root_config,
) -> mote_status {
    let mut room = arguments::room();
    // SAFETY: passed on to the caller of this function.
    let given = unsafe { arguments::config(root, &mut room) };
    // SAFETY: as above.
    unsafe { command(mesh, |engine, cx| engine.start_root(cx, arguments::in_place(&config::root(given?))?)) }
}

/// As the root of the instance, has every node choose its place in the DODAG anew.
///
/// `MOTE_ERR_STATE` when this node is not the root, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// `mesh` is NULL or came from `mote_mesh_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_repair(mesh: *mut mote_mesh, instance: u8) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe { command(mesh, |engine, _| engine.global_repair(instance)) }
}

/// Sends an echo request with `data`. Ends in exactly one `MOTE_MESH_PING_REPLY` or
/// `MOTE_MESH_PING_FAILED`, the latter after `timeout` milliseconds at the latest.
///
/// `hop_limit` 0 is the default; with a `timeout` of 0 it fails at the node's next turn. `data` is lent for the call.
/// `ping` gets the handle that the event carries. `MOTE_ERR_FULL` when as many pings as configured are under way, or the queue is
/// full; `MOTE_ERR_UNREACHABLE` without a way or an own address; `MOTE_ERR_TOO_LARGE`,
/// `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_ping(
    mesh: *mut mote_mesh,
    address: *const mote_address,
    hop_limit: u8,
    timeout: u32,
    data: mote_bytes,
    ping: *mut u32,
) -> mote_status {
    let start = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (mesh, address, data, out) = unsafe {
            (MeshRef::new(mesh)?, address.as_ref().ok_or(Error::Invalid)?, slice(data)?, output(ping)?)
        };
        let to = Ip(address.ip);
        let handle = mesh.command(|engine, cx| engine.ping(cx, &to, hop_limit, timeout, data))?;
        out.write(handle.raw());
        Ok(())
    };
    outcome(start())
}

/// Gives up a ping. `MOTE_MESH_PING_FAILED` with `MOTE_ERR_CANCELLED` comes from the node's next turn, never from
/// inside this call.
///
/// `MOTE_ERR_STALE` when it has ended already, `MOTE_ERR_INVALID`.
///
/// # Safety
/// `mesh` is NULL or came from `mote_mesh_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_ping_cancel(mesh: *mut mote_mesh, ping: u32) -> mote_status {
    let cancel = |engine: &mut Mesh<'static>, _: &mut RadioContext<'_>| {
        engine.ping_cancel(Handle::from_raw(ping).ok_or(Error::Stale)?)
    };
    // SAFETY: passed on to the caller of this function.
    unsafe { command(mesh, cancel) }
}

/// Opens a UDP socket at `local`: its port, or a free one if that is 0; its address, or all own
/// addresses and groups if that is `::`. Datagrams come as `MOTE_MESH_UDP`.
///
/// `MOTE_ERR_ADDRESS_IN_USE`, `MOTE_ERR_FULL`, `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_udp_open(
    mesh: *mut mote_mesh,
    local: *const mote_address,
    socket: *mut u32,
) -> mote_status {
    let open = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (mesh, local, out) =
            unsafe { (MeshRef::new(mesh)?, local.as_ref().ok_or(Error::Invalid)?, output(socket)?) };
        let handle = mesh.with(|core| core.mesh.udp_open(Ip(local.ip), local.port))?;
        out.write(handle.raw());
        Ok(())
    };
    outcome(open())
}

/// Closes a UDP socket; no event follows. `MOTE_ERR_STALE` when it is closed already, `MOTE_ERR_STATE` when it is
/// a transport, which its owner closes; `MOTE_ERR_INVALID`.
///
/// # Safety
/// `mesh` is NULL or came from `mote_mesh_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_udp_close(mesh: *mut mote_mesh, socket: u32) -> mote_status {
    let close = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let mesh = unsafe { MeshRef::new(mesh) }?;
        let socket = Handle::from_raw(socket).ok_or(Error::Stale)?;
        mesh.with(|core| {
            if core.mesh.udp_port(socket).is_none() {
                return Err(Error::Stale);
            }
            if core.transports.get(socket.index()).is_some_and(|transport| transport.source.is_some()) {
                return Err(Error::State);
            }
            core.mesh.udp_close(socket)
        })
    };
    outcome(close())
}

/// Sends a datagram from a socket to `remote`.
///
/// `data` is lent for the call. `MOTE_ERR_FULL` or `MOTE_ERR_WOULD_BLOCK` when the queue is full:
/// try again later; `MOTE_ERR_UNREACHABLE` without a way or an own address;
/// `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_udp_send(
    mesh: *mut mote_mesh,
    socket: u32,
    remote: *const mote_address,
    data: mote_bytes,
) -> mote_status {
    let send = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (mesh, remote, data) =
            unsafe { (MeshRef::new(mesh)?, remote.as_ref().ok_or(Error::Invalid)?, slice(data)?) };
        let socket = Handle::from_raw(socket).ok_or(Error::Stale)?;
        let path = Path::to(SocketAddress::from(*remote));
        mesh.command(|engine, cx| engine.udp_send(cx, socket, &path, data))
    };
    outcome(send())
}

/// Opens a UDP socket over the mesh as a transport for another object, such as a CoAP endpoint:
/// `mote_coap_config.transport`. `local` as in `mote_mesh_udp_open`.
///
/// It is closed with the object that takes it over, or with the mesh. `MOTE_ERR_ADDRESS_IN_USE`,
/// `MOTE_ERR_FULL`, `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_udp_transport(
    mesh: *mut mote_mesh,
    local: *const mote_address,
    transport: *mut mote_transport,
) -> mote_status {
    let open = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (mesh, local, out) =
            unsafe { (MeshRef::new(mesh)?, local.as_ref().ok_or(Error::Invalid)?, output(transport)?) };
        out.write(transport::open(mesh, local)?);
        Ok(())
    };
    outcome(open())
}

/// Listens to a multicast group, or no longer when `join` is 0.
///
/// `MOTE_ERR_INVALID` for NULL or what is no group, `MOTE_ERR_FULL`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_group(
    mesh: *mut mote_mesh,
    group: *const mote_address,
    join: u8,
) -> mote_status {
    let change = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (mesh, group) = unsafe { (MeshRef::new(mesh)?, group.as_ref().ok_or(Error::Invalid)?) };
        let group = Ip(group.ip);
        mesh.with(|core| match join {
            0 => {
                core.mesh.leave_group(&group);
                Ok(())
            }
            _ => core.mesh.join_group(group),
        })
    };
    outcome(change())
}

/// Hands an IPv6 packet from the host side of a border router to the mesh, which takes it at its
/// next turn. Packets the other way come as `MOTE_MESH_HOST_PACKET`.
///
/// `packet` is copied before the call returns. `MOTE_ERR_WOULD_BLOCK` when `host_queue` has no
/// room now; `MOTE_ERR_UNREACHABLE` when it is 0; `MOTE_ERR_TOO_LARGE` over 65,535 bytes;
/// `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_host_packet(mesh: *mut mote_mesh, packet: mote_bytes) -> mote_status {
    let hand = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (mesh, packet) = unsafe { (MeshRef::new(mesh)?, slice(packet)?) };
        mesh.with(|core| core.inbound.push(Parts::whole(packet)))?;
        mesh.touch();
        Ok(())
    };
    outcome(hand())
}

/// Opens a network interface of the host as the host side of this border router, routes the mesh's
/// prefix into it, and passes packets both ways from now on. There is no
/// `MOTE_MESH_HOST_PACKET` any more.
///
/// Call it after `MOTE_MESH_ADDRESS`. `name` may be empty: the host chooses one. `address`, with
/// the prefix of `prefix_len` bits that it is in, becomes the host's on this interface; it must
/// not be of the mesh's prefix, and may be NULL. `MOTE_ERR_STATE` without an own address, with a
/// `host_queue` of 0, and when it is open already; `MOTE_ERR_UNSUPPORTED` when the port has no such
/// interfaces, or the host does not let us have one; `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`, what the
/// port says.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mesh_host_open(
    mesh: *mut mote_mesh,
    name: mote_bytes,
    address: *const mote_address,
    prefix_len: u8,
) -> mote_status {
    let open = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (mesh, _, address) = unsafe { (MeshRef::new(mesh)?, slice(name)?, address.as_ref()) };
        host::open(mesh, name, address, prefix_len)
    };
    outcome(open())
}
