// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a node is made of, and how the other files reach it.

use super::driver::{Attachment, Driver, Provider};
use super::letters::{Post, RadioLetter};
use super::parcels::{Outbox, Receiver};
use super::services::Services;
use crate::ffi::arguments::{self, Config};
use crate::ffi::mailbox::Mailbox;
use crate::ffi::opaque::mote_node;
use crate::node::{Pool, Schedule};
use crate::port::mote_port_ready;
use crate::random::Random;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use core::cell::UnsafeCell;
use core::ffi::c_void;

/// Begins every node that is alive.
pub(super) const MAGIC: u32 = 0x6d6f_7465;

/// Counters of a node. All only grow, and wrap around.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct mote_node_statistics {
    /// `sizeof(mote_node_statistics)`, set by the caller.
    pub size: u32,
    /// Turns of the loop.
    pub turns: u32,
    /// Datagrams received.
    pub received: u32,
    /// Datagrams handed to the port.
    pub sent: u32,
    /// Datagrams longer than `receive_size`, dropped.
    pub truncated: u32,
    /// Datagrams that could not be sent and were given up; the sender was told.
    pub unsent: u32,
    /// Datagrams for an object that was closed meanwhile, dropped.
    pub orphaned: u32,
    /// Sockets that broke.
    pub broken: u32,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl Config for mote_node_statistics {}

/// The node itself.
#[repr(C)]
pub(super) struct Node {
    pub(super) magic: u32,
    pub(super) services: Services,
    pub(super) posts: Mailbox<'static, Post>,
    pub(super) frames: Mailbox<'static, RadioLetter>,
    pub(super) core: UnsafeCell<Core>,
}

/// What only the node's thread touches.
pub(crate) struct Core {
    pub(super) schedule: Schedule<'static, Attachment, Channel>,
    pub(super) receiver: Receiver,
    pub(super) outbox: Outbox,
    pub(super) ready: &'static mut [mote_port_ready],
    pub(super) statistics: mote_node_statistics,
    pub(super) pool: Pool,
    pub(super) now: Instant,
    pub(super) running: bool,
    /// The application polls the port's descriptor, which has to follow the deadline.
    pub(super) watched: bool,
    /// It does, as the deadline was after the last turn.
    pub(super) armed: bool,
}

/// What a source of the schedule stands for.
#[derive(Clone, Copy)]
pub(crate) enum Channel {
    /// A UDP socket of the port.
    Udp {
        /// The port's name for it.
        socket: usize,
    },
    /// A datagram transport that another object of the library provides: UDP over the mesh,
    /// DTLS. It belongs to its provider until a consumer claims it.
    Provided {
        /// The provider.
        object: *mut c_void,
        /// The provider's own name for it.
        id: u32,
        /// What the provider does for its consumer.
        provider: &'static Provider,
    },
    /// The port's radio: ready when it told something.
    Radio,
    /// Anything whose readiness its owner handles: a connection, a look-up, a host's interface.
    /// `close` releases it when its owner is detached.
    Owned {
        /// The port's name for it.
        socket: usize,
        /// How the port releases it.
        close: Option<unsafe extern "C" fn(state: *mut c_void, socket: usize)>,
    },
}

/// A node that was found alive. Copied freely; every use borrows the node for a moment only.
#[derive(Clone, Copy)]
pub(crate) struct NodeRef(*const Node);

impl NodeRef {
    /// Checks a pointer from C.
    ///
    /// # Safety
    /// `node` is NULL or came from `mote_node_init`, and its block has not been reused.
    pub(crate) unsafe fn new(node: *const mote_node) -> Result<NodeRef> {
        // SAFETY: passed on to the caller.
        unsafe { arguments::alive(node.cast(), align_of::<Node>(), MAGIC) }?;
        Ok(NodeRef(node.cast()))
    }

    pub(crate) const fn pointer(self) -> *mut mote_node {
        self.0.cast_mut().cast()
    }

    fn shared(&self) -> &Node {
        // SAFETY: alive by construction; only shared references to the whole are ever made.
        unsafe { &*self.0 }
    }

    pub(crate) fn services(&self) -> &Services {
        &self.shared().services
    }

    /// Borrows the node's inside for the length of `use_it`, which must not call anything that
    /// could come back here: no driver, no callback, no port function that does.
    pub(super) fn with<R>(self, use_it: impl FnOnce(&mut Core) -> R) -> R {
        // SAFETY: the node is driven by one thread at a time (the contract of the C API), and
        // `use_it` does not come back here, so that this is the only reference.
        use_it(unsafe { &mut *self.shared().core.get() })
    }

    /// How many posts wait.
    pub(super) fn posts(self) -> u32 {
        self.shared().posts.count()
    }

    pub(super) fn take_post(self) -> Option<Post> {
        self.shared().posts.take(|post| *post)
    }

    /// Whether anything came from other threads or from the radio that was not taken yet.
    pub(super) fn has_letters(self) -> bool {
        !self.shared().posts.is_empty() || self.has_radio_letters()
    }

    /// Takes what the radio told first.
    pub(crate) fn take_radio_letter<R>(self, read: impl FnOnce(&RadioLetter) -> R) -> Option<R> {
        self.shared().frames.take(read)
    }

    /// Whether the radio told something that was not taken yet.
    pub(super) fn has_radio_letters(self) -> bool {
        !self.shared().frames.is_empty()
    }

    /// The source that stands for the port's radio, if an object has it.
    pub(crate) fn radio(self) -> Option<Handle> {
        self.with(|core| core.schedule.find(|what| matches!(what, Channel::Radio)))
    }

    /// Whether the config made room for what a radio tells.
    pub(crate) fn has_radio_room(self) -> bool {
        self.shared().frames.capacity() > 0
    }

    /// Adds what the radio tells, and wakes the node. Any thread, any interrupt.
    pub(crate) fn post_radio(self, write: impl FnOnce(&mut RadioLetter)) -> Result<()> {
        if !self.has_radio_room() {
            return Err(Error::Unsupported);
        }
        self.shared().frames.post(write)?;
        self.wake_if_possible()
    }

    fn wake_if_possible(self) -> Result<()> {
        match self.wake() {
            Ok(()) | Err(Error::Unsupported) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The time: inside a turn, when the turn began; otherwise the clock's.
    pub(crate) fn now(self) -> Instant {
        if self.with(|core| core.running) { self.with(|core| core.now) } else { self.tick() }
    }

    /// Reads the clock. A clock that goes back stands still instead.
    pub(super) fn tick(self) -> Instant {
        let now = self.services().now();
        self.with(|core| {
            core.now = core.now.max(now);
            core.now
        })
    }

    /// Adds an object.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub(crate) fn attach(self, object: *mut c_void, driver: &'static Driver) -> Result<Handle> {
        self.with(|core| core.schedule.attach(Attachment { object, driver }))
    }

    /// Whether the object is still attached.
    pub(crate) fn is_attached(self, object: Handle) -> bool {
        self.with(|core| core.schedule.attached(object).is_some())
    }

    /// A command changed the object: it is polled at the next turn.
    pub(crate) fn touch(self, object: Handle) {
        let follows = self.with(|core| {
            core.schedule.touch(object);
            !core.running && core::mem::replace(&mut core.armed, false)
        });
        if follows {
            // The deadline may be nearer now: a turn makes the descriptor follow it again.
            let _ = self.wake_if_possible();
        }
    }

    /// Adds a source that the port knows nothing of.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub(crate) fn add_source(self, owner: Handle, channel: Channel) -> Result<Handle> {
        self.with(|core| core.schedule.open(owner, channel))
    }

    /// What a source stands for, if it is still open.
    pub(crate) fn channel(self, source: Handle) -> Option<Channel> {
        self.with(|core| core.schedule.source(source).map(|source| source.what))
    }

    /// Frees the place of a source that the port has ended by itself.
    pub(crate) fn forget_source(self, source: Handle) {
        self.with(|core| core.schedule.close(source));
    }

    /// See `mote_node_wake`.
    pub(super) fn wake(self) -> Result<()> {
        let wake = self.services().alarm.wake.ok_or(Error::Unsupported)?;
        // SAFETY: the port's contract allows any context.
        unsafe { wake(self.services().state) };
        Ok(())
    }

    /// See `mote_node_post`. A port that cannot be woken runs the post at the next turn.
    pub(super) fn post(
        self,
        function: unsafe extern "C" fn(node: *mut mote_node, user: *mut c_void),
        user: *mut c_void,
    ) -> Result<()> {
        self.shared().posts.post(|post| *post = Post { function: Some(function), user })?;
        self.wake_if_possible()
    }

    /// See `mote_node_close`.
    pub(super) fn close(self) -> Result<()> {
        if self.with(|core| core.running || !core.schedule.is_empty()) {
            return Err(Error::State);
        }
        if let Some(close) = self.services().table(&mut arguments::room())?.close {
            // SAFETY: the port's contract; nothing is attached, so nothing is called after.
            unsafe { close(self.services().state) };
        }
        // SAFETY: alive, and no reference to the node is held here.
        unsafe { (&raw mut (*self.0.cast_mut()).magic).write(0) };
        Ok(())
    }
}

impl Random for NodeRef {
    fn fill(&mut self, out: &mut [u8]) {
        let services = self.services();
        self.with(|core| core.pool.fill(out, |portion| services.entropy(portion)));
    }
}
