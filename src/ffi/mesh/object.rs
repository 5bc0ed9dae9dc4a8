// SPDX-License-Identifier: MIT OR Apache-2.0
//! The object behind a `mote_mesh`, and how the node drives it.

use super::config::mote_mesh_config;
use super::event::{mote_mesh_callback, to_c};
use super::host::{self, HostSide};
use super::transport;
use crate::ffi::PortRadio;
use crate::ffi::node::{Channel, Driver, NodeRef, deliver};
use crate::ffi::radio::FRAME_SIZE;
use crate::memory::{Carver, Plan};
use crate::mesh::host::HostQueue;
use crate::mesh::{Config, Event, Mesh, SCRATCH};
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::{DatagramEvent, Radio, RadioContext};
use core::cell::UnsafeCell;
use core::ffi::c_void;

const MAGIC: u32 = 0x6d65_7368;

/// A node of the mesh: IEEE 802.15.4, 6LoWPAN, IPv6 and RPL over the radio of a port.
pub struct mote_mesh {
    magic: u32,
    node: NodeRef,
    on_event: mote_mesh_callback,
    user: *mut c_void,
    core: UnsafeCell<Core>,
}

/// What only the node's thread touches.
pub(super) struct Core {
    pub(super) mesh: Mesh<'static>,
    pub(super) radio: PortRadio,
    scratch: *mut [u8],
    /// The interface of the host side, once it is open.
    pub(super) host: Option<HostSide>,
    /// Packets of the host side that wait for the next turn.
    pub(super) inbound: HostQueue<'static>,
    /// For each UDP socket, by its slot, the transport that it is for others.
    pub(super) transports: &'static mut [Transport],
    handle: Option<Handle>,
}

/// A UDP socket that is a transport for another object.
#[derive(Clone, Copy, Default)]
pub(super) struct Transport {
    pub(super) source: Option<Handle>,
    /// It was told to wait for room.
    pub(super) waits: bool,
}

/// The block that a mesh takes. `init` takes the same tables in the same order.
pub(super) fn plan(config: &Config) -> Plan {
    Plan::new()
        .table::<u8>(Mesh::plan(config).bytes())
        .table::<u8>(SCRATCH)
        .table::<u8>(config.host_queue.into())
        .table::<Transport>(config.sockets.into())
        .table::<mote_mesh>(1)
}

pub(super) fn init(
    block: &'static mut [u8],
    config: &Config,
    node: NodeRef,
    given: &mote_mesh_config,
) -> Result<*mut mote_mesh> {
    let mut carver = Carver::new(block);
    let inner = carver.table(Mesh::plan(config).bytes())?;
    let scratch = carver.table(SCRATCH)?;
    let inbound = HostQueue::new(carver.table(config.host_queue.into())?);
    let transports = carver.table(config.sockets.into())?;
    let mut random = node;
    let mesh = Mesh::new(inner, config, node.now(), &mut random)?;
    let radio = PortRadio::open(node)?;
    let core = Core {
        mesh,
        radio,
        scratch: core::ptr::from_mut(scratch),
        host: None,
        inbound,
        transports,
        handle: None,
    };
    let object: *mut mote_mesh = carver.place(mote_mesh {
        magic: MAGIC,
        node,
        on_event: given.on_event,
        user: given.user,
        core: UnsafeCell::new(core),
    })?;
    let mesh = MeshRef(object);
    let open = || -> Result<()> {
        let handle = node.attach(object.cast(), &DRIVER)?;
        mesh.with(|core| core.handle = Some(handle));
        node.open_source(handle, |_| Ok(Channel::Radio)).map(|_| ())
    };
    match open() {
        Ok(()) => Ok(object),
        Err(error) => {
            mesh.detach();
            Err(error)
        }
    }
}

/// A mesh that was found alive. Every use borrows it for a moment only.
#[derive(Clone, Copy)]
pub(super) struct MeshRef(*const mote_mesh);

impl MeshRef {
    /// Checks a pointer from C.
    ///
    /// # Safety
    /// `mesh` is NULL or came from `mote_mesh_init`, and its block has not been reused.
    pub(super) unsafe fn new(mesh: *mut mote_mesh) -> Result<MeshRef> {
        if mesh.is_null() || !mesh.is_aligned() {
            return Err(Error::Invalid);
        }
        // SAFETY: the caller vouches that this is, or was, a mesh.
        if unsafe { (&raw const (*mesh).magic).read() } != MAGIC {
            return Err(Error::Stale);
        }
        Ok(MeshRef(mesh))
    }

    /// The object of a driver's or provider's call, which is alive.
    pub(super) const fn of(object: *const c_void) -> MeshRef {
        MeshRef(object.cast())
    }

    pub(super) const fn pointer(self) -> *mut mote_mesh {
        self.0.cast_mut()
    }

    pub(super) fn node(self) -> NodeRef {
        // SAFETY: alive by construction, and `node` never changes.
        unsafe { (&raw const (*self.0).node).read() }
    }

    /// Borrows the inside for the length of `use_it`, which must not call the application.
    pub(super) fn with<R>(self, use_it: impl FnOnce(&mut Core) -> R) -> R {
        // SAFETY: one thread at a time drives the node and all on it (the contract of the C
        // API), and `use_it` does not come back here, so that this is the only reference.
        use_it(unsafe { &mut *(*self.0).core.get() })
    }

    /// Lends the engine together with its context.
    pub(super) fn engine<R>(self, use_it: impl FnOnce(&mut Mesh<'static>, &mut RadioContext<'_>) -> R) -> R {
        let mut random = self.node();
        let now = random.now();
        self.with(|core| {
            let mut cx = RadioContext { now, transport: &mut core.radio, random: &mut random };
            use_it(&mut core.mesh, &mut cx)
        })
    }

    /// A command: it may have moved the deadline, so the node polls.
    pub(super) fn command<R>(self, use_it: impl FnOnce(&mut Mesh<'static>, &mut RadioContext<'_>) -> R) -> R {
        let result = self.engine(use_it);
        if let Some(handle) = self.handle() {
            self.node().touch(handle);
        }
        result
    }

    /// How the node knows it.
    pub(super) fn handle(self) -> Option<Handle> {
        self.with(|core| core.handle)
    }

    /// Leaves the node and turns the radio off. From here on every use of the pointer is stale.
    pub(super) fn detach(self) {
        // Turned off in any case; a port that cannot says so to nobody.
        let _ = self.with(|core| core.radio.enable(false));
        // SAFETY: alive, and no reference to it is held here.
        unsafe { (&raw mut (*self.pointer()).magic).write(0) };
        // Whoever took a transport over is told, and then has it no more.
        let count = self.with(|core| core.transports.len());
        for index in 0..count {
            let source = self.with(|core| core.transports.get(index).and_then(|slot| slot.source));
            if let Some(source) = source {
                deliver(self.node(), source, DatagramEvent::Closed);
                self.node().close_source(source);
            }
        }
        if let Some(handle) = self.with(|core| core.handle.take()) {
            self.node().detach(handle);
        }
    }

    /// Brings an event to whom it concerns. Nothing of the object may be touched afterwards.
    fn dispatch(self, event: &Event<'_>) {
        let consumer = match event {
            Event::Udp { socket, path, data } => {
                Some((socket, DatagramEvent::Received { path: *path, data }))
            }
            Event::UdpFailed { socket, path, error } => {
                Some((socket, DatagramEvent::Failed { path: *path, error: *error }))
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
        // SAFETY: alive by construction, and neither ever changes.
        let (callback, user) =
            unsafe { ((&raw const (*self.0).on_event).read(), (&raw const (*self.0).user).read()) };
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
    let event = if mesh.with(|core| core.host.is_some_and(|host| host.source == source)) {
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
