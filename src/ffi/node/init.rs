// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a node is configured, laid out in its block and made.

use super::core::{Channel, MAGIC, Node};
use super::driver::Attachment;
use super::letters::{POSTS, Post, RadioLetter};
use super::parcels::{Outbox, Parcel, Receiver};
use super::services::Services;
use crate::ffi::arguments::{self, Config, check, copy_config};
use crate::ffi::mailbox::{Mailbox, Place};
use crate::ffi::opaque::mote_node;
use crate::memory::{Carver, Plan, Shape};
use crate::node::{Attached, Schedule, Source};
use crate::port::{mote_port, mote_port_ready};
use crate::status::{Error, Result};
use crate::table::Slot;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::slice::{from_raw_parts, from_raw_parts_mut};

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
    /// How many objects (CoAP endpoints, MQTT clients, look-ups, …) can be attached. Default 8.
    pub objects: u16,
    /// How many sockets, connections and name look-ups can be open. A client takes up to 3 while it connects; a mesh takes
    /// one for its radio, one for each transport and one for a host's interface. Default 12.
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
        if given.reserved != 0 {
            return Err(Error::Invalid);
        }
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
