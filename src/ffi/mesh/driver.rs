// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the node makes, drives and closes the object behind a `mote_mesh`.

use super::config::mote_mesh_config;
use super::event::to_c;
use super::object::MeshRef;
use super::{host, transport};
use crate::ffi::PortRadio;
use crate::ffi::node::{Channel, Driver, FRAME_SIZE, NodeRef, deliver};
use crate::ffi::object;
use crate::ffi::opaque::mote_mesh;
use crate::memory::Carver;
use crate::mesh::host::HostQueue;
use crate::mesh::{Config, Event, Mesh, PingFailure, SCRATCH};
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::{DatagramEvent, Radio};
use core::ffi::c_void;

/// Makes a node of the mesh in `block`.
pub(super) fn init(
    block: &'static mut [u8],
    config: &Config,
    node: NodeRef,
    given: &mote_mesh_config,
) -> Result<*mut mote_mesh> {
    let mut carver = Carver::new(block);
    let object = MeshRef::reserve(&mut carver)?;
    let core = object.core();
    let (mut random, now) = (node, node.now());
    // SAFETY: the place is the object's, and nobody has borrowed it yet.
    unsafe {
        (&raw mut (*core).mesh).write(Mesh::within(&mut carver, config, now, &mut random));
        (*core).mesh.begin(&carver, now)?;
        (&raw mut (*core).scratch).write(core::ptr::from_mut(carver.part(SCRATCH)));
        (&raw mut (*core).inbound).write(HostQueue::new(carver.part(config.host_queue.into())));
        (&raw mut (*core).transports).write(carver.part(config.sockets.into()));
        carver.enough()?;
        (&raw mut (*core).radio).write(PortRadio::open(node)?);
        (&raw mut (*core).host).write(None);
        (&raw mut (*core).on_event).write(given.on_event);
        (&raw mut (*core).user).write(given.user);
    }
    object.attach(node, &DRIVER)?;
    object::ready(object, node.add_source(object.handle(), Channel::Radio).map(|_| ()))
}

impl MeshRef {
    /// Leaves the node and turns the radio off. From here on every use of the pointer is stale.
    pub(super) fn close(self) {
        // Turned off in any case; a port that cannot says so to nobody.
        let _ = self.with(|core| core.radio.enable(false));
        self.retire();
        // Whoever took a transport over is told, and then has it no more.
        let count = self.with(|core| core.transports.len());
        for index in 0..count {
            let source = self.with(|core| core.transports.get(index).and_then(|slot| slot.source));
            if let Some(source) = source {
                deliver(self.node(), source, DatagramEvent::Closed);
                self.node().close_source(source);
            }
        }
        self.detach();
        // The block is the mesh's until `mote_mesh_close` returns.
        while let Some(ping) = self.with(|core| core.mesh.abandon_ping()) {
            self.tell(&Event::PingFailed { ping, failure: PingFailure::Local(Error::Closed) });
        }
    }

    /// Brings an event to whom it concerns. Nothing of the object may be touched afterwards.
    fn dispatch(self, event: &Event<'_>) {
        let consumer = match event {
            Event::Udp { socket, path, data } => {
                Some((socket, DatagramEvent::Received { path: *path, data }))
            }
            Event::UdpFailed { socket, path, data, error } => {
                Some((socket, DatagramEvent::Undelivered { path: *path, data, error: *error }))
            }
            _ => None,
        };
        if let Some((socket, event)) = consumer {
            let source = self.with(|core| core.transports.get(socket.index())?.source);
            if let Some(source) = source {
                deliver(self.node(), source, event);
                return;
            }
        }
        if let Event::HostPacket { packet } = event
            && host::send(self, packet)
        {
            return;
        }
        self.tell(event);
    }

    /// Brings an event to the application. Nothing of the object may be touched afterwards, unless it is being closed.
    fn tell(self, event: &Event<'_>) {
        let (callback, user) = self.with(|core| (core.on_event, core.user));
        if let Some(callback) = callback {
            let event = to_c(self.pointer(), event);
            // SAFETY: the application's callback, with nothing borrowed.
            unsafe { callback(user, &raw const event) };
        }
    }
}

static DRIVER: Driver = Driver { poll, deadline, datagram: Driver::NO_DATAGRAM, ready };

unsafe fn poll(object: *mut c_void) -> bool {
    let mesh = MeshRef::of(object);
    let scratch = mesh.with(|core| core.scratch);
    // SAFETY: the scratch lies in the object's block. It is lent to one event at a time: no
    // function of the driver is entered again before the callback below has returned.
    let scratch = unsafe { &mut *scratch };
    let waits = mesh.with(|core| !core.inbound.is_empty());
    let event = if waits {
        let packet = mesh.with(|core| core.inbound.pop(scratch));
        packet.and_then(|packet| mesh.engine(|engine, cx| engine.receive_from_host(cx, packet)))
    } else {
        mesh.engine(|engine, cx| engine.poll(cx, scratch))
    };
    if let Some(event) = event {
        mesh.dispatch(&event);
        return true;
    }
    waits || transport::tell_of_room(mesh)
}

unsafe fn deadline(object: *const c_void) -> Instant {
    MeshRef::of(object).with(|core| match core.inbound.is_empty() {
        true => core.mesh.next_deadline(),
        false => Instant::ZERO,
    })
}

unsafe fn ready(object: *mut c_void, source: Handle, _readable: bool, _writable: bool) -> bool {
    let mesh = MeshRef::of(object);
    let scratch = mesh.with(|core| core.scratch);
    // SAFETY: as in `poll`.
    let scratch = unsafe { &mut *scratch };
    let mut frame = [0; FRAME_SIZE];
    let event = if mesh.with(|core| core.host.as_ref().is_some_and(|host| host.source == source)) {
        let length = match host::receive(mesh, scratch) {
            Ok(length) => length,
            Err(Error::TooLarge) => return true,
            Err(Error::Io) => {
                host::lose(mesh);
                return false;
            }
            Err(_) => return false,
        };
        let packet = scratch.get_mut(..length).unwrap_or_default();
        mesh.engine(|engine, cx| engine.receive_from_host(cx, packet))
    } else {
        let Some(event) = mesh.node().take_radio_event(&mut frame) else { return false };
        mesh.engine(|engine, cx| engine.receive(cx, event, scratch))
    };
    if let Some(event) = event {
        mesh.dispatch(&event);
    }
    true
}
