// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a node is made of, and how the other files of the C ABI reach it.

use super::driver::{Attachment, Driver, Provider};
use super::services::Services;
use super::udp::{Outbox, Parcel, Receiver};
use crate::ffi::arguments::{self, Config, check, copy_config};
use crate::ffi::mailbox::{Mailbox, Place};
use crate::ffi::object;
use crate::ffi::radio::RadioLetter;
use crate::memory::{Carver, Plan, Shape};
use crate::node::{Attached, Pool, Schedule, Source};
use crate::port::{mote_port, mote_port_ready};
use crate::random::Random;
use crate::status::{Error, Result};
use crate::table::{Handle, Slot};
use crate::time::Instant;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::slice::{from_raw_parts, from_raw_parts_mut};

const MAGIC: u32 = 0x6d6f_7465;

/// A block of this many bytes holds a node of the default config on any port whose state
/// takes at most 512 bytes.
pub const MOTE_NODE_MEM: usize = 4096;
const PORT_STATE_ALLOWANCE: u32 = 512;

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
    _object: [u8; 0],
}

/// The node itself.
#[repr(C)]
struct Node {
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
    /// Anything whose readiness its owner handles: a connection, a look-up, a radio.
    /// `close` releases it when its owner is detached.
    Owned {
        /// The port's name for it.
        socket: usize,
        /// How the port releases it.
        close: Option<unsafe extern "C" fn(state: *mut c_void, socket: usize)>,
    },
}

#[derive(Clone, Copy, Default)]
#[repr(align(16))]
struct StateUnit {
    _bytes: [u8; 16],
}

/// How many tables make up a node.
const TABLES: usize = 11;

/// Their elements' shapes, in the order in which the block holds them.
const SHAPES: [Shape; TABLES] = [
    Shape::of::<StateUnit>(),
    Shape::of::<Node>(),
    Shape::of::<Slot<Attached<Attachment>>>(),
    Shape::of::<Slot<Source<Channel>>>(),
    Shape::of::<mote_port_ready>(),
    Shape::of::<Place<Post>>(),
    Shape::of::<Place<RadioLetter>>(),
    Shape::of::<Parcel>(),
    Shape::of::<Parcel>(),
    Shape::of::<u8>(),
    Shape::of::<u8>(),
];

/// How a node is laid out: its config, with the defaults in place.
struct Sizes {
    receive_size: usize,
    send_size: usize,
    /// How many elements each table has.
    counts: [usize; TABLES],
}

impl Sizes {
    const fn of(config: &mote_node_config, state_size: u32) -> Sizes {
        const fn or(value: usize, default: usize) -> usize {
            if value == 0 { default } else { value }
        }
        let receive_size = or(config.receive_size as usize, 1280);
        let send_size = or(config.send_size as usize, receive_size);
        let sources = or(config.sources as usize, 12);
        let receive_batch = or(config.receive_batch as usize, 1);
        let send_batch = config.send_batch as usize;
        let counts = [
            state_size.div_ceil(16) as usize,
            1,
            or(config.objects as usize, 8),
            sources,
            sources,
            POSTS,
            config.radio_frames as usize,
            receive_batch,
            send_batch,
            receive_batch.saturating_mul(receive_size),
            send_batch.saturating_mul(send_size),
        ];
        Sizes { receive_size, send_size, counts }
    }
}

const fn default_bytes() -> usize {
    // SAFETY: integers and a pointer, for which all zeros is valid.
    let config: mote_node_config = unsafe { core::mem::zeroed() };
    Plan::new().tables(&SHAPES, &Sizes::of(&config, PORT_STATE_ALLOWANCE).counts).bytes()
}

const _: () = assert!(default_bytes() <= MOTE_NODE_MEM, "MOTE_NODE_MEM must hold the default config");

/// What a node is made from. All zeros is valid.
struct Layout {
    port: mote_port,
    services: Services,
    sizes: Sizes,
    /// Where each table begins.
    places: [*mut u8; TABLES],
}

/// Reads a config, and takes what its node needs.
///
/// # Safety
/// `config` and its `port` are NULL or valid with all that they point to.
#[inline(never)]
unsafe fn lay_out<'a>(
    carver: &mut Carver<'static>,
    config: *const mote_node_config,
    room: &'a mut MaybeUninit<Layout>,
) -> Result<&'a mut Layout> {
    let mut given = arguments::room();
    // SAFETY: passed on to the caller; integers, pointers and optional functions are valid when all zero.
    unsafe {
        let given = arguments::config(config, &mut given)?;
        room.as_mut_ptr().write_bytes(0, 1);
        let layout = room.assume_init_mut();
        copy_config(given.port.cast(), (&raw mut layout.port).cast(), size_of::<mote_port>())?;
        layout.services.read(given.port, &layout.port)?;
        layout.sizes = Sizes::of(given, layout.port.state_size);
        carver.tables(&SHAPES, &layout.sizes.counts, &mut layout.places);
        carver.enough()?;
        Ok(layout)
    }
}

/// See `mote_node_size`.
///
/// # Safety
/// As [`lay_out`].
pub(super) unsafe fn size(config: *const mote_node_config) -> Result<usize> {
    let (mut carver, mut room) = (Carver::measuring(Plan::new()), MaybeUninit::uninit());
    // SAFETY: passed on to the caller.
    unsafe { lay_out(&mut carver, config, &mut room) }?;
    Ok(carver.plan().bytes())
}

/// See `mote_node_init`.
///
/// # Safety
/// As [`lay_out`], and the port stays valid while the node lives.
pub(super) unsafe fn init(
    block: &'static mut [u8],
    config: *const mote_node_config,
) -> Result<*mut mote_node> {
    let mut room = MaybeUninit::uninit();
    // SAFETY: passed on to the caller. Each place is aligned and large enough for its table, zeroed, and used for
    // it alone. All zeros is valid for everything that is not written.
    unsafe {
        let Layout { port, services, sizes, places } = lay_out(&mut Carver::new(block), config, &mut room)?;
        let [state, node, ..] = *places;
        if port.state_size > 0 {
            services.state = state.cast();
        }
        if let Some(open) = port.open {
            check(open(services.state, port.user))?;
        }
        services.opened();
        let node = node.cast::<Node>();
        let core = UnsafeCell::raw_get(&raw const (*node).core);
        if let Err(error) = (*core).pool.prime(|out| services.entropy(out)) {
            if let Some(close) = port.close {
                close(services.state);
            }
            return Err(error);
        }
        (*core).now = services.now();
        (&raw mut (*node).services).copy_from_nonoverlapping(services, 1);
        let [_, _, attached, source, ready, posts, frames, received, sent, inputs, outputs] = *places;
        let [_, _, objects, sources, _, _, radio_frames, receive_batch, send_batch, ..] = sizes.counts;
        let slots = from_raw_parts_mut(attached.cast(), objects);
        (&raw mut (*core).schedule).write(Schedule::new(slots, from_raw_parts_mut(source.cast(), sources)));
        let parcels = from_raw_parts_mut(received.cast(), receive_batch);
        (&raw mut (*core).receiver).write(Receiver::new(parcels, inputs, sizes.receive_size));
        let parcels = from_raw_parts_mut(sent.cast(), send_batch);
        (&raw mut (*core).outbox).write(Outbox::new(parcels, outputs, sizes.send_size));
        (&raw mut (*core).ready).write(from_raw_parts_mut(ready.cast(), sources));
        (&raw mut (*node).posts).write(Mailbox::new(from_raw_parts(posts.cast(), POSTS)));
        (&raw mut (*node).frames).write(Mailbox::new(from_raw_parts(frames.cast(), radio_frames)));
        (&raw mut (*node).magic).write(MAGIC);
        Ok(node.cast())
    }
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
        unsafe { object::check(node.cast(), align_of::<Node>(), MAGIC) }?;
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

    pub(super) fn take_post(self) -> Option<Post> {
        self.shared().posts.take(|post| *post)
    }

    /// Whether anything came from other threads or from the radio that was not taken yet.
    pub(super) fn has_letters(self) -> bool {
        !self.shared().posts.is_empty() || self.has_radio_letters()
    }

    /// Takes what the radio told first.
    pub(crate) fn take_radio_letter(self) -> Option<RadioLetter> {
        self.shared().frames.take(|letter| *letter)
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
        let source = self.add_source(owner, pending)?;
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
                self.forget_source(source);
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
        // What its owner sent last goes out first.
        super::udp::flush(self, false);
        if let Some(channel) = self.channel(source) {
            self.forget_source(source);
            channel.close(self.services());
        }
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

impl Channel {
    fn close(self, services: &Services) {
        let (socket, close) = match self {
            Channel::Udp { socket } => (socket, services.udp.close),
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
