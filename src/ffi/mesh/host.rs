// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host side of a border router: a network interface of the host that the port provides.

use super::object::MeshRef;
use crate::address::{Ip, SocketAddress};
use crate::ffi::arguments::{check, room};
use crate::ffi::node::Channel;
use crate::mesh::host::MTU;
use crate::port::{mote_address, mote_bytes, mote_port_tun};
use crate::status::{Error, Result};
use crate::table::Handle;

/// The interface, once it is open.
#[derive(Clone, Copy)]
pub(super) struct HostSide {
    pub(super) source: Handle,
    tun: usize,
    table: mote_port_tun,
}

/// Opens the interface, routes the mesh's prefix into it, and gives the host an address.
pub(super) fn open(mesh: MeshRef, name: mote_bytes, address: Option<(mote_address, u8)>) -> Result<()> {
    let (own, has_queue) = mesh.with(|core| (core.mesh.global_address(), core.mesh.config().host_queue > 0));
    let Some(Ip([a, b, c, d, e, f, g, h, ..])) = own else { return Err(Error::State) };
    if !has_queue || mesh.with(|core| core.host.is_some()) {
        return Err(Error::State);
    }
    let node = mesh.node();
    let state = node.services().state;
    let mut room = room::<mote_port_tun>();
    let table = *node.services().service(&mut room)?;
    let (Some(open), Some(add_address), Some(add_route)) = (table.open, table.add_address, table.add_route)
    else {
        return Err(Error::Unsupported);
    };
    let handle = mesh.handle();
    let mut tun = 0;
    let source = node.open_source(handle, |token| {
        // SAFETY: the port's contract; the name is lent for the call.
        check(unsafe { open(state, name, MTU, token, &raw mut tun) })?;
        Ok(Channel::Owned { socket: tun, close: table.close })
    })?;
    let prefix: mote_address =
        SocketAddress::new(Ip([a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0]), 0).into();
    let arrange = || -> Result<()> {
        if let Some((address, prefix_len)) = address {
            // SAFETY: the port's contract.
            check(unsafe { add_address(state, tun, &raw const address, prefix_len) })?;
        }
        // SAFETY: the port's contract.
        check(unsafe { add_route(state, tun, &raw const prefix, 64) })
    };
    match arrange() {
        Ok(()) => {
            mesh.with(|core| core.host = Some(HostSide { source, tun, table }));
            Ok(())
        }
        Err(error) => {
            node.close_source(source);
            Err(error)
        }
    }
}

/// Hands a packet to the host; whether there is an interface for it.
pub(super) fn send(mesh: MeshRef, packet: &[u8]) -> bool {
    let Some(HostSide { tun, table, .. }) = mesh.with(|core| core.host) else { return false };
    if let Some(send) = table.send {
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
    let HostSide { tun, table, .. } = mesh.with(|core| core.host).ok_or(Error::WouldBlock)?;
    let receive = table.receive.ok_or(Error::Unsupported)?;
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
