// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Linux port: the services of [`crate::port`] over epoll and sockets.
//!
//! All state of a node lies in the node's own block; besides it, each open socket takes one small
//! heap block, so that their number is bounded by the system alone, and under load one for datagrams that come
//! joined. Sockets are watched
//! edge-triggered: what a call left behind is watched anew by that call, so that nothing is
//! missed, and what nobody fetches is not reported twice, so that nothing spins.
#![allow(unsafe_code, non_camel_case_types)]

mod alarm;
mod basics;
mod control;
mod multicast;
mod options;
#[cfg(feature = "ieee802154")]
mod radio;
mod resolver;
mod rest;
mod socket;
mod spin;
mod store;
mod sys;
mod tap;
mod tcp;
mod tun;
mod udp;
mod udp_batch;
mod udp_errors;
mod udp_gro;
mod udp_send;
mod udp_stage;
#[cfg(feature = "ieee802154")]
mod zep;

pub use options::{MOTE_LINUX_NO_REST, mote_linux_options};

use crate::port::{mote_port, mote_status};
use crate::status::Error;
use core::cell::{Cell, OnceCell, RefCell};
use core::ffi::c_void;
use core::ptr;
use rest::Rest;
use socket::Socket;
use spin::Spin;
use std::sync::Arc;
use sys::Fd;

/// What one node keeps, in the node's block.
struct State {
    /// The radio, if there is one. Dropped first: until then its thread wakes the node.
    #[cfg(feature = "ieee802154")]
    radio: Option<radio::Radio>,
    /// Everything that can end a wait is registered here.
    epoll: Fd,
    /// Readable when the armed deadline has come.
    timer: Fd,
    /// Readable when another thread woke the node.
    event: Fd,
    /// The deadline that `timer` is set to; `u64::MAX` when it is not set.
    armed: Cell<u64>,
    /// Whether a wait looks for events for a while before it sleeps.
    spin: Spin,
    /// Whether a wait sleeps for a while before it listens.
    rest: Rest,
    /// Messages above this level are dropped.
    log_level: u32,
    /// The open sockets, so that closing the node closes them.
    sockets: Cell<*mut Socket>,
    /// Those of them in which a call left something behind.
    left: Cell<*mut Socket>,
    /// What is shared with the resolver's threads, since the first query.
    resolver: OnceCell<Arc<resolver::Shared>>,
    /// The name of the latest query.
    last_query: Cell<usize>,
    /// The store's directory, if there is a store.
    store: Option<Fd>,
    /// The records that `next` is going through.
    listing: RefCell<Option<store::Listing>>,
    /// The capture file, if there is one.
    capture: Option<Fd>,
    /// The capture could not be written and has ended.
    capture_failed: Cell<bool>,
}

const _: () = assert!(size_of::<State>() <= 512 && align_of::<State>() <= 16);

impl State {
    /// The state behind the pointer that every service gets.
    ///
    /// # Safety
    /// `state` is NULL, or was initialised by `open` and not closed since; only the node's thread calls.
    unsafe fn of<'a>(state: *mut c_void) -> Result<&'a State, mote_status> {
        // SAFETY: by the contract above. The reference is shared; what changes lies in cells.
        unsafe { state.cast::<State>().as_ref() }.ok_or(Error::Invalid.code())
    }
}

/// The outcome of a service as its C status.
fn status(outcome: Result<(), mote_status>) -> mote_status {
    match outcome {
        Ok(()) => 0,
        Err(status) => status,
    }
}

unsafe extern "C" fn open(state: *mut c_void, user: *mut c_void) -> mote_status {
    // SAFETY: `state` is `state_size` zeroed bytes, aligned; `user` is NULL or options, by the port's contract.
    status(unsafe { open_state(state.cast(), user.cast()) })
}

/// # Safety
/// `state` is NULL or room for a `State`; `user` is NULL or points to options.
unsafe fn open_state(state: *mut State, user: *const mote_linux_options) -> Result<(), mote_status> {
    if state.is_null() {
        return Err(Error::Invalid.code());
    }
    // SAFETY: passed on.
    let options = unsafe { mote_linux_options::read(user) }?;
    let (epoll, timer, event) = alarm::open()?;
    let log_level = options.log_level();
    let store = store::open(options.store_directory)?;
    let capture = tap::open(options.capture_path)?;
    #[cfg(feature = "ieee802154")]
    let radio = radio::open(&options)?;
    // SAFETY: `state` is room for a `State`, and nothing is there yet that would want dropping.
    unsafe {
        state.write(State {
            #[cfg(feature = "ieee802154")]
            radio,
            epoll,
            timer,
            event,
            armed: Cell::new(u64::MAX),
            spin: Spin::new(options.spin()),
            rest: Rest::new(options.rest()),
            log_level,
            sockets: Cell::new(ptr::null_mut()),
            left: Cell::new(ptr::null_mut()),
            resolver: OnceCell::new(),
            last_query: Cell::new(0),
            store,
            listing: RefCell::new(None),
            capture,
            capture_failed: Cell::new(false),
        });
    }
    Ok(())
}

unsafe extern "C" fn close(state: *mut c_void) {
    let state = state.cast::<State>();
    if state.is_null() {
        return;
    }
    // SAFETY: opened and not closed, by the port's contract; nobody uses the state afterwards.
    unsafe {
        socket::close_all(&*state);
        ptr::drop_in_place(state);
    }
}

/// A table that is shared between threads.
#[repr(transparent)]
struct Table(mote_port);

// SAFETY: the table is never written, and what it points to are immutable statics.
unsafe impl Sync for Table {}

static PORT: Table = Table(mote_port {
    size: size_of::<mote_port>() as u32,
    state_size: size_of::<State>() as u32,
    user: ptr::null_mut(),
    open: Some(open),
    close: Some(close),
    clock: &basics::CLOCK,
    entropy: &basics::ENTROPY,
    alarm: &alarm::ALARM,
    udp: &udp::UDP,
    tcp: &tcp::TCP,
    resolver: &resolver::RESOLVER,
    #[cfg(feature = "ieee802154")]
    radio: &radio::RADIO,
    #[cfg(not(feature = "ieee802154"))]
    radio: ptr::null(),
    store: &store::STORE,
    log: &basics::LOG,
    tap: &tap::TAP,
    tun: &tun::TUN,
});

/// The services of Linux, for `mote_node_config.port`. In builds for Linux alone.
///
/// The table is constant, lives as long as the program and serves any number of nodes. To give
/// options, copy it and put a pointer to `mote_linux_options` behind `user`:
///
/// ```c
/// mote_linux_options options = { MOTE_LINUX_OPTIONS_INIT, .log_level = MOTE_LOG_DEBUG };
/// mote_port port = *mote_port_linux();
/// port.user = &options;
/// ```
///
/// Never NULL. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn mote_port_linux() -> *const mote_port {
    &PORT.0
}
