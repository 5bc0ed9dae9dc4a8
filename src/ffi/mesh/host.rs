// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host side of a border router: a network interface of the host that the port provides.

use super::object::{HostSide, MeshRef};
use crate::address::SocketAddress;
use crate::ffi::arguments::{check, room};
use crate::ffi::node::Channel;
use crate::mesh::host::MTU;
use crate::port::{mote_address, mote_bytes, mote_port_tun};
use crate::status::{Error, Result};

/// Opens the interface, routes the mesh's prefix into it, and gives the host an address, if there is one.
pub(super) fn open(
    mesh: MeshRef,
    name: mote_bytes,
    address: Option<&mote_address>,
    prefix_len: u8,
) -> Result<()> {
    let may = mesh.with(|core| core.host.is_none() && core.mesh.config().host_queue > 0);
    let (true, Some(own)) = (may, mesh.with(|core| core.mesh.global_address())) else {
        return Err(Error::State);
    };
    let mut prefix: mote_address = SocketAddress::new(own, 0).into();
    prefix.ip.iter_mut().skip(8).for_each(|byte| *byte = 0);
    let node = mesh.node();
    let state = node.services().state;
    let mut room = room::<mote_port_tun>();
    let table = node.services().service(&mut room)?;
    let (Some(open), Some(add_address), Some(add_route)) = (table.open, table.add_address, table.add_route)
    else {
        return Err(Error::Unsupported);
    };
    let mut tun = 0;
    let source = node.open_source(mesh.handle(), |token| {
        // SAFETY: the port's contract; the name is lent for the call.
        check(unsafe { open(state, name, MTU, token, &raw mut tun) })?;
        Ok(Channel::Owned { socket: tun, close: table.close })
    })?;
    // SAFETY: the port's contract.
    let given =
        address.map_or(Ok(()), |address| check(unsafe { add_address(state, tun, address, prefix_len) }));
    // SAFETY: the port's contract.
    let arranged = given.and_then(|()| check(unsafe { add_route(state, tun, &raw const prefix, 64) }));
    match arranged {
        Ok(()) => mesh.with(|core| core.host = Some(HostSide { source, tun, table: *table })),
        Err(_) => node.close_source(source),
    }
    arranged
}

/// Hands a packet to the host; whether there is an interface for it.
pub(super) fn send(mesh: MeshRef, packet: &[u8]) -> bool {
    let side = mesh.with(|core| core.host.as_ref().map(|host| (host.tun, host.table.send)));
    let Some((tun, send)) = side else { return false };
    if let Some(send) = send {
        // SAFETY: the port's contract. A packet that finds no room is lost, as on any link.
        let _ = check(unsafe { send(mesh.node().services().state, tun, packet.as_ptr(), packet.len()) });
    }
    true
}

/// Takes one packet of the host into `room`, of which it fills so much.
///
/// # Errors
/// [`Error::WouldBlock`] when none waits; what the port says.
pub(super) fn receive(mesh: MeshRef, room: &mut [u8]) -> Result<usize> {
    let side = mesh.with(|core| core.host.as_ref().map(|host| (host.tun, host.table.receive)));
    let (tun, receive) = side.ok_or(Error::WouldBlock)?;
    let receive = receive.ok_or(Error::Unsupported)?;
    let mut length = 0;
    // SAFETY: the port's contract.
    check(unsafe {
        receive(mesh.node().services().state, tun, room.as_mut_ptr(), room.len(), &raw mut length)
    })?;
    Ok(length.min(room.len()))
}

/// The interface is gone.
pub(super) fn lose(mesh: MeshRef) {
    if let Some(host) = mesh.with(|core| core.host.take()) {
        mesh.node().close_source(host.source);
    }
}
