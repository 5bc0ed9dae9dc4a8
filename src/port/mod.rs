// SPDX-License-Identifier: MIT OR Apache-2.0
//! The porting layer as the core sees it: one table of function pointers per service.
//!
//! The tables are plain C structs, so that a port can be written in C or in Rust. [`mote_port`] has
//! the rules for all of them.
#![allow(non_camel_case_types)]
#![forbid(unsafe_code)]

mod alarm;
mod clock;
mod entropy;
mod log;
mod radio;
mod resolver;
mod store;
mod tap;
mod tcp;
mod tun;
mod types;
mod udp;

pub use alarm::{
    MOTE_READY_CLOSED, MOTE_READY_READABLE, MOTE_READY_WRITABLE, mote_port_alarm, mote_port_ready,
};
pub use clock::mote_port_clock;
pub use entropy::mote_port_entropy;
pub use log::{MOTE_LOG_DEBUG, MOTE_LOG_ERROR, MOTE_LOG_INFO, MOTE_LOG_WARNING, mote_port_log};
pub use radio::{
    MOTE_RADIO_ACK, MOTE_RADIO_CSMA, MOTE_RADIO_FILTER, MOTE_RADIO_RETRY, mote_port_radio,
    mote_radio_addresses,
};
pub use resolver::mote_port_resolver;
pub use store::mote_port_store;
pub use tap::{MOTE_TAP_FRAME, MOTE_TAP_UDP, mote_port_tap};
pub use tcp::mote_port_tcp;
pub use tun::mote_port_tun;
pub use types::{mote_address, mote_bytes, mote_status};
pub use udp::{
    MOTE_UDP_REFUSED, MOTE_UDP_REUSE, MOTE_UDP_TRUNCATED, MOTE_UDP_UNREACHABLE, mote_port_datagram,
    mote_port_udp,
};

use core::ffi::c_void;

/// What a system offers to a node: a set of services and the state behind them.
///
/// A table is read when a node is initialised and must stay valid, with the service tables
/// it points to, until that node is closed. One table may serve any number of nodes.
///
/// Unless it says otherwise, a function of a service is called from the node's thread alone, with the
/// state of the node's port first; it never blocks, and calls nothing of the library but what may be called
/// from any interrupt; it writes its outputs on success alone; what it is lent it may read until it
/// returns. Services other than the clock and entropy may be NULL, and so may functions; what needs
/// them is refused with `MOTE_ERR_UNSUPPORTED`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_port {
    /// `sizeof(mote_port)`, by `MOTE_PORT_INIT`.
    pub size: u32,
    /// How many bytes of the node's block the port wants for its own state, 0 for none. The
    /// state is aligned to 16 bytes and zeroed before `open`.
    pub state_size: u32,
    /// The port's own; handed to `open`, and to every service in place of the state when
    /// `state_size` is 0.
    pub user: *mut c_void,
    /// Called once per node before any service; may be NULL. A failure is the outcome of
    /// `mote_node_init`; `close` is not called then.
    pub open: Option<unsafe extern "C" fn(state: *mut c_void, user: *mut c_void) -> mote_status>,
    /// Called once per node after the last service call; may be NULL.
    pub close: Option<unsafe extern "C" fn(state: *mut c_void)>,
    /// Time; required.
    pub clock: *const mote_port_clock,
    /// Randomness; required.
    pub entropy: *const mote_port_entropy,
    /// Waiting and being woken.
    pub alarm: *const mote_port_alarm,
    /// UDP sockets of the platform.
    pub udp: *const mote_port_udp,
    /// TCP connections of the platform.
    pub tcp: *const mote_port_tcp,
    /// Host names to addresses.
    pub resolver: *const mote_port_resolver,
    /// An IEEE 802.15.4 radio.
    pub radio: *const mote_port_radio,
    /// Small persistent records.
    pub store: *const mote_port_store,
    /// Text for people.
    pub log: *const mote_port_log,
    /// A copy of every frame and datagram, for captures.
    pub tap: *const mote_port_tap,
    /// The host side of a border router.
    pub tun: *const mote_port_tun,
}

/// A port without any service but the two that every port has, to be completed.
#[cfg(feature = "std")]
pub(crate) const fn bare(clock: *const mote_port_clock, entropy: *const mote_port_entropy) -> mote_port {
    use core::ptr::{null, null_mut};
    mote_port {
        size: size_of::<mote_port>() as u32,
        state_size: 0,
        user: null_mut(),
        open: None,
        close: None,
        clock,
        entropy,
        alarm: null(),
        udp: null(),
        tcp: null(),
        resolver: null(),
        radio: null(),
        store: null(),
        log: null(),
        tap: null(),
        tun: null(),
    }
}
