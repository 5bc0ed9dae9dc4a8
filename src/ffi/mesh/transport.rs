// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP over the mesh as a transport for other objects of the library.

use super::object::{MeshRef, Transport};
use crate::address::{Ip, SocketAddress};
use crate::ffi::node::{Channel, Provider, deliver, mote_transport};
use crate::port::mote_address;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::transport::{DatagramEvent, Path};
use core::ffi::c_void;

static PROVIDER: Provider = Provider { send, max_size, is_secure, group, address, close };

/// Opens a UDP socket that another object will take over.
///
/// # Errors
/// [`Error::Full`], [`Error::AddressInUse`].
pub(super) fn open(mesh: MeshRef, local: &mote_address) -> Result<mote_transport> {
    let handle = mesh.handle();
    let socket = mesh.with(|core| core.mesh.udp_open(Ip(local.ip), local.port))?;
    let object = mesh.pointer::<c_void>();
    let id = socket.raw();
    let opened = mesh.node().add_source(handle, Channel::Provided { object, id, provider: &PROVIDER });
    mesh.with(|core| match (opened, core.transports.get_mut(socket.index())) {
        (Ok(source), Some(slot)) => {
            *slot = Transport { source: Some(source), waits: false };
            Ok(source.raw())
        }
        (outcome, _) => {
            // Just opened, so it is there.
            let _ = core.mesh.udp_close(socket);
            Err(outcome.err().unwrap_or(Error::Full))
        }
    })
}

/// Tells one transport that was told to wait, now that there is room; whether there was one.
/// Nothing of the object may be touched afterwards.
pub(super) fn tell_of_room(mesh: MeshRef) -> bool {
    let source = mesh.with(|core| {
        if !core.mesh.has_room() {
            return None;
        }
        let waiting = core.transports.iter_mut().find(|transport| transport.waits)?;
        waiting.waits = false;
        waiting.source
    });
    match source {
        Some(source) => deliver(mesh.node(), source, DatagramEvent::Writable),
        None => false,
    }
}

unsafe fn send(object: *mut c_void, id: u32, path: &Path, datagram: &[u8]) -> Result<()> {
    let mesh = MeshRef::of(object);
    let socket = Handle::from_raw(id).ok_or(Error::Stale)?;
    match mesh.command(|engine, cx| engine.udp_send(cx, socket, path, datagram)) {
        Err(Error::Full | Error::WouldBlock) => {
            mesh.with(|core| {
                if let Some(transport) = core.transports.get_mut(socket.index()) {
                    transport.waits = true;
                }
            });
            Err(Error::WouldBlock)
        }
        other => other,
    }
}

unsafe fn max_size(object: *mut c_void, _id: u32, _path: &Path) -> usize {
    MeshRef::of(object).with(|core| core.mesh.udp_max_size())
}

unsafe fn is_secure(_object: *mut c_void, _id: u32, _path: &Path) -> bool {
    false
}

unsafe fn group(object: *mut c_void, _id: u32, group: &mote_address, join: bool) -> Result<()> {
    MeshRef::of(object).with(|core| match join {
        true => core.mesh.join_group(Ip(group.ip)),
        false => {
            core.mesh.leave_group(&Ip(group.ip));
            Ok(())
        }
    })
}

unsafe fn address(object: *mut c_void, id: u32) -> mote_address {
    MeshRef::of(object).with(|core| {
        let port = Handle::from_raw(id).and_then(|socket| core.mesh.udp_port(socket)).unwrap_or(0);
        let ip = core.mesh.global_address().unwrap_or(Ip::UNSPECIFIED);
        SocketAddress::new(ip, port).into()
    })
}

unsafe fn close(object: *mut c_void, id: u32) {
    let Some(socket) = Handle::from_raw(id) else { return };
    MeshRef::of(object).with(|core| {
        if let Some(transport) = core.transports.get_mut(socket.index()) {
            *transport = Transport::default();
        }
        // Closed once, by the node.
        let _ = core.mesh.udp_close(socket);
    });
}
