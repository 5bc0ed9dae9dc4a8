// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a node is made of, and how the other files of the C ABI reach it.

use super::driver::{Attachment, Driver, Provider};
use super::services::Services;
use super::udp::{Outbox, Receiver};
use crate::ffi::arguments::{Config, check};
use crate::ffi::mailbox::{Mailbox, Place};
use crate::ffi::radio::RadioLetter;
use crate::memory::{Carver, Plan};
use crate::node::{Attached, Pool, Schedule, Source};
use crate::port::{mote_port, mote_port_ready};
use crate::random::Random;
use crate::status::{Error, Result};
use crate::table::{Handle, Slot};
use crate::time::Instant;
use core::cell::UnsafeCell;
use core::ffi::c_void;

const MAGIC: u32 = 0x6d6f_7465;

/// A block of this many bytes holds a node of the default config on any port whose state
/// takes at most 512 bytes.
pub const MOTE_NODE_MEM: usize = 4096;
const PORT_STATE_ALLOWANCE: usize = 512;

/// How a node is to be. Zero means the default, in every member but `size` and `port`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_node_config {
    /// `sizeof(mote_node_config)`, by `MOTE_NODE_CONFIG_INIT`.
    pub size: u32,
    /// How many objects (CoAP endpoints, MQTT clients, …) can be attached. Default 8.
    pub objects: u16,
    /// How many sockets, connections and name look-ups can be open. Default 12.
    pub sources: u16,
    /// The system below; required.
    pub port: *const mote_port,
    /// The largest datagram that can be received, in bytes. Default 1280. Longer ones are
    /// counted and dropped.
    pub receive_size: u32,
    /// How many datagrams are taken from a socket at once. Default 1.
    pub receive_batch: u16,
    /// How many outgoing datagrams are gathered before they are handed to the port together.
    /// Default 0: each at once.
    pub send_batch: u16,
    /// The largest datagram that can be gathered, in bytes. Default `receive_size`.
    pub send_size: u32,
    /// How many received frames can wait to be taken; a mesh needs at least 2. Default 0.
    pub radio_frames: u16,
    /// Must be 0.
    pub reserved: u16,
}

// SAFETY: `repr(C)`, `size` first, integers and a pointer.
unsafe impl Config for mote_node_config {}

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

/// One loop that drives any number of protocol objects over one port.
pub struct mote_node {
    magic: u32,
    services: Services,
    posts: Mailbox<'static, Post>,
    frames: Mailbox<'static, RadioLetter>,
    core: UnsafeCell<Core>,
}

/// How many posts can wait.
pub(super) const POSTS: usize = 16;

/// A function and its argument, from another thread.
#[derive(Clone, Copy)]
pub(super) struct Post {
    pub(super) function: Option<unsafe extern "C" fn(node: *mut mote_node, user: *mut c_void)>,
    pub(super) user: *mut c_void,
}

impl Default for Post {
    fn default() -> Post {
        Post { function: None, user: core::ptr::null_mut() }
    }
}

// SAFETY: by posting it, the application says that the node's thread may use the argument.
unsafe impl Send for Post {}

/// What only the node's thread touches.
pub(crate) struct Core {
    pub(super) schedule: Schedule<'static, Attachment, Channel>,
    pub(super) receiver: Receiver,
    pub(super) outbox: Outbox,
    pub(super) ready: &'static mut [mote_port_ready],
    pub(super) statistics: mote_node_statistics,
    pool: Pool,
    now: Instant,
    pub(super) running: bool,
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
    /// Anything whose readiness its owner handles: a connection, a look-up, a radio.
    /// `close` releases it when its owner is detached.
    Owned {
        /// The port's name for it.
        socket: usize,
        /// How the port releases it.
        close: Option<unsafe extern "C" fn(state: *mut c_void, socket: usize)>,
    },
}

fn or(value: usize, default: usize) -> usize {
    if value == 0 { default } else { value }
}

struct Sizes {
    objects: usize,
    sources: usize,
    receive_size: usize,
    receive_batch: usize,
    send_size: usize,
    send_batch: usize,
    radio_frames: usize,
}

impl Sizes {
    fn of(config: &mote_node_config) -> Sizes {
        let receive_size = or(config.receive_size as usize, 1280);
        Sizes {
            objects: or(config.objects.into(), 8),
            sources: or(config.sources.into(), 12),
            receive_size,
            receive_batch: or(config.receive_batch.into(), 1),
            send_size: or(config.send_size as usize, receive_size),
            send_batch: config.send_batch.into(),
            radio_frames: config.radio_frames.into(),
        }
    }
}

#[derive(Clone, Copy, Default)]
#[repr(align(16))]
struct StateUnit {
    _bytes: [u8; 16],
}

/// The block that a node takes. `init` takes the same tables in the same order.
pub(super) const fn plan_for(state: usize, sizes: &[usize; 7]) -> Plan {
    let [objects, sources, receive_size, receive_batch, send_size, send_batch, radio_frames] = *sizes;
    let plan = Plan::new()
        .table::<StateUnit>(state.div_ceil(16))
        .table::<Slot<Attached<Attachment>>>(objects)
        .table::<Slot<Source<Channel>>>(sources)
        .table::<mote_port_ready>(sources)
        .table::<Place<Post>>(POSTS)
        .table::<Place<RadioLetter>>(radio_frames);
    let plan = Receiver::plan(plan, receive_batch, receive_size);
    Outbox::plan(plan, send_batch, send_size).table::<mote_node>(1)
}

const _: () = assert!(
    plan_for(PORT_STATE_ALLOWANCE, &[8, 12, 1280, 1, 1280, 0, 0]).bytes() <= MOTE_NODE_MEM,
    "MOTE_NODE_MEM must hold the default config",
);

pub(super) fn plan(config: &mote_node_config, services: &Services) -> Plan {
    let sizes = Sizes::of(config);
    plan_for(
        services.state_size,
        &[
            sizes.objects,
            sizes.sources,
            sizes.receive_size,
            sizes.receive_batch,
            sizes.send_size,
            sizes.send_batch,
            sizes.radio_frames,
        ],
    )
}

pub(super) fn init(
    block: &'static mut [u8],
    config: &mote_node_config,
    services: Services,
) -> Result<*mut mote_node> {
    let sizes = Sizes::of(config);
    let mut services = services;
    let mut carver = Carver::new(block);
    let state = carver.table::<StateUnit>(services.state_size.div_ceil(16))?;
    let attached = carver.table(sizes.objects)?;
    let sources = carver.table(sizes.sources)?;
    let ready = carver.table(sizes.sources)?;
    let posts = Mailbox::new(carver.table(POSTS)?);
    let frames = Mailbox::new(carver.table(sizes.radio_frames)?);
    let receiver = Receiver::new(&mut carver, sizes.receive_batch, sizes.receive_size)?;
    let outbox = Outbox::new(&mut carver, sizes.send_batch, sizes.send_size)?;
    let mut pool = Pool::default();

    let table = services.table()?;
    if services.state_size > 0 {
        services.state = state.as_mut_ptr().cast();
    }
    if let Some(open) = table.open {
        // SAFETY: the port's contract; the state is as large and aligned as it asked for.
        check(unsafe { open(services.state, table.user) })?;
    }
    services.opened();
    let primed = pool.prime(|out| services.entropy(out));
    let core = Core {
        schedule: Schedule::new(attached, sources),
        receiver,
        outbox,
        ready,
        statistics: mote_node_statistics::default(),
        pool,
        now: services.now(),
        running: false,
    };
    let node = mote_node { magic: MAGIC, services, posts, frames, core: UnsafeCell::new(core) };
    match primed.and_then(|()| carver.place(node)) {
        Ok(node) => Ok(node),
        Err(error) => {
            if let Some(close) = table.close {
                // SAFETY: the port's contract; `open` succeeded and nothing else was called since.
                unsafe { close(services.state) };
            }
            Err(error)
        }
    }
}

/// A node that was found alive. Copied freely; every use borrows the node for a moment only.
#[derive(Clone, Copy)]
pub(crate) struct NodeRef(*const mote_node);

impl NodeRef {
    /// Checks a pointer from C.
    ///
    /// # Safety
    /// `node` is NULL or came from `mote_node_init`, and its block has not been reused.
    pub(crate) unsafe fn new(node: *mut mote_node) -> Result<NodeRef> {
        if node.is_null() || !node.is_aligned() {
            return Err(Error::Invalid);
        }
        // SAFETY: the caller vouches that this is, or was, a node.
        if unsafe { (&raw const (*node).magic).read() } != MAGIC {
            return Err(Error::Stale);
        }
        Ok(NodeRef(node))
    }

    pub(crate) const fn pointer(self) -> *mut mote_node {
        self.0.cast_mut()
    }

    fn shared(&self) -> &mote_node {
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

    pub(super) fn take_post(self) -> Option<Post> {
        self.shared().posts.take(|post| *post)
    }

    pub(super) fn has_posts(self) -> bool {
        !self.shared().posts.is_empty()
    }

    /// Takes what the radio told first.
    pub(crate) fn take_radio_letter(self) -> Option<RadioLetter> {
        self.shared().frames.take(|letter| *letter)
    }

    /// Whether the radio told something that was not taken yet.
    pub(super) fn has_radio_letters(self) -> bool {
        !self.shared().frames.is_empty()
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

    /// Removes an object and closes its sources.
    pub(crate) fn detach(self, object: Handle) {
        // One by one and with nothing borrowed: a provider's `close` may come back here.
        while let Some(source) = self.with(|core| core.schedule.first_of(object)) {
            self.close_source(source);
        }
        self.with(|core| core.schedule.detach(object));
    }

    /// Whether the object is still attached.
    pub(crate) fn is_attached(self, object: Handle) -> bool {
        self.with(|core| core.schedule.attached(object).is_some())
    }

    /// A command changed the object: it is polled at the next turn.
    pub(crate) fn touch(self, object: Handle) {
        self.with(|core| core.schedule.touch(object));
    }

    /// Adds a source that its owner handles by itself (see [`Channel::Owned`]): `open` is given
    /// the token and opens it.
    ///
    /// # Errors
    /// [`Error::Full`], or what `open` says.
    pub(crate) fn open_source(
        self,
        owner: Handle,
        open: impl FnOnce(u32) -> Result<Channel>,
    ) -> Result<Handle> {
        let pending = Channel::Owned { socket: 0, close: None };
        let source = self.with(|core| core.schedule.open(owner, pending))?;
        match open(source.raw()) {
            Ok(channel) => {
                self.with(|core| {
                    if let Some(entry) = core.schedule.source_mut(source) {
                        entry.what = channel;
                    }
                });
                Ok(source)
            }
            Err(error) => {
                self.with(|core| core.schedule.close(source));
                Err(error)
            }
        }
    }

    /// Makes a provided transport, or any source, the affair of another object.
    ///
    /// # Errors
    /// [`Error::Stale`] when it is closed, [`Error::State`] when it is no provided transport or
    /// somebody has claimed it already.
    pub(crate) fn claim(self, source: Handle, consumer: Handle) -> Result<()> {
        self.with(|core| {
            let entry = core.schedule.source(source).ok_or(Error::Stale)?;
            let Channel::Provided { object, .. } = entry.what else { return Err(Error::State) };
            let owner = core.schedule.attached(entry.owner).ok_or(Error::Stale)?;
            if owner.object != object {
                return Err(Error::State);
            }
            let entry = core.schedule.source_mut(source).ok_or(Error::Stale)?;
            entry.owner = consumer;
            Ok(())
        })
    }

    /// What a source stands for, if it is still open.
    pub(crate) fn channel(self, source: Handle) -> Option<Channel> {
        self.with(|core| core.schedule.source(source).map(|source| source.what))
    }

    /// Closes a source. One that is closed already is no error.
    pub(crate) fn close_source(self, source: Handle) {
        let services = *self.services();
        if let Some(channel) = self.with(|core| core.schedule.close(source)) {
            channel.close(&services);
        }
    }

    /// Frees the place of a source that the port has ended by itself.
    pub(crate) fn forget_source(self, source: Handle) {
        self.with(|core| core.schedule.close(source));
    }

    /// See `mote_node_wake`.
    pub(super) fn wake(self) -> Result<()> {
        let wake = self.services().alarm.and_then(|alarm| alarm.wake).ok_or(Error::Unsupported)?;
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

    pub(super) fn statistics(self) -> mote_node_statistics {
        self.with(|core| core.statistics)
    }

    /// See `mote_node_close`.
    pub(super) fn close(self) -> Result<()> {
        if self.with(|core| core.running || !core.schedule.is_empty()) {
            return Err(Error::State);
        }
        if let Some(close) = self.services().table()?.close {
            // SAFETY: the port's contract; nothing is attached, so nothing is called after.
            unsafe { close(self.services().state) };
        }
        // SAFETY: alive, and no reference to the node is held here.
        unsafe { (&raw mut (*self.pointer()).magic).write(0) };
        Ok(())
    }
}

impl Random for NodeRef {
    fn fill(&mut self, out: &mut [u8]) {
        let services = self.services();
        self.with(|core| core.pool.fill(out, |portion| services.entropy(portion)));
    }
}

impl Channel {
    fn close(self, services: &Services) {
        let (socket, close) = match self {
            Channel::Udp { socket } => (socket, services.udp.and_then(|udp| udp.close)),
            Channel::Owned { socket, close } => (socket, close),
            Channel::Radio => return,
            Channel::Provided { object, id, provider } => {
                // SAFETY: the provider is attached, so it is alive: it withdraws what it
                // provides before it is detached.
                return unsafe { (provider.close)(object, id) };
            }
        };
        if let Some(close) = close {
            // SAFETY: the port's contract; the socket was opened by it and is closed once.
            unsafe { close(services.state, socket) };
        }
    }
}
