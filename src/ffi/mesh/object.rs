// SPDX-License-Identifier: MIT OR Apache-2.0
//! The object behind a `mote_mesh`.

use super::event::mote_mesh_callback;
use crate::ffi::PortRadio;
use crate::ffi::object::{Kind, Object, ObjectRef};
use crate::memory::Plan;
use crate::mesh::host::HostQueue;
use crate::mesh::{Config, Mesh, SCRATCH};
use crate::port::mote_port_tun;
use crate::table::Handle;
use crate::transport::RadioContext;
use core::ffi::c_void;

impl Kind for Core {
    const MAGIC: u32 = 0x6d65_7368;
}

/// A mesh that was found alive.
pub(super) type MeshRef = ObjectRef<Core>;

/// What only the node's thread touches.
pub(super) struct Core {
    pub(super) mesh: Mesh<'static>,
    pub(super) radio: PortRadio,
    pub(super) scratch: *mut [u8],
    /// The interface of the host side, once it is open.
    pub(super) host: Option<HostSide>,
    /// Packets of the host side that wait for the next turn.
    pub(super) inbound: HostQueue<'static>,
    /// For each UDP socket, by its slot, the transport that it is for others.
    pub(super) transports: &'static mut [Transport],
    pub(super) on_event: mote_mesh_callback,
    pub(super) user: *mut c_void,
}

/// The interface of the host side.
pub(super) struct HostSide {
    pub(super) source: Handle,
    pub(super) tun: usize,
    pub(super) table: mote_port_tun,
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
    Mesh::plan_behind(Plan::new().table::<Object<Core>>(1), config)
        .table::<u8>(SCRATCH)
        .table::<u8>(config.host_queue.into())
        .table::<Transport>(config.sockets.into())
}

impl MeshRef {
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
        self.touch();
        self.engine(use_it)
    }
}
