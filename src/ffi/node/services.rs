// SPDX-License-Identifier: MIT OR Apache-2.0
//! The port's tables, checked once when the node is made.

use crate::ffi::arguments::{self, Config, check};
use crate::port::{
    mote_address, mote_bytes, mote_port, mote_port_alarm, mote_port_clock, mote_port_entropy, mote_port_log,
    mote_port_radio, mote_port_resolver, mote_port_store, mote_port_tap, mote_port_tcp, mote_port_tun,
    mote_port_udp,
};
use crate::status::{Error, Result};
use crate::time::Instant;
use core::ffi::c_void;

// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port {}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_clock {}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_entropy {}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_alarm {}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_udp {}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_tcp {}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_resolver {}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_radio {}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_store {}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_log {}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_tap {}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_tun {}

type Now = unsafe extern "C" fn(*mut c_void) -> u64;
type Fill = unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> i32;
type Pass = unsafe extern "C" fn(*mut c_void, u32, *const mote_address, *const mote_address, mote_bytes);

/// The port of one node: the tables, and the state that its functions get.
///
/// What is called for every datagram is kept ready; the other tables are read when used.
#[derive(Clone, Copy)]
pub(crate) struct Services {
    pub(crate) port: *const mote_port,
    pub(crate) state: *mut c_void,
    pub(crate) state_size: usize,
    now: Now,
    fill: Fill,
    tap: Option<Pass>,
    pub(crate) alarm: Option<mote_port_alarm>,
    pub(crate) udp: Option<mote_port_udp>,
}

impl Services {
    /// Checks the tables.
    ///
    /// # Safety
    /// `port` is NULL or valid with all that it points to, and stays so while the node lives.
    pub(crate) unsafe fn read(port: *const mote_port) -> Result<Services> {
        // SAFETY: passed on to the caller.
        unsafe {
            let table = arguments::config(port)?;
            let clock = arguments::config(table.clock)?;
            let entropy = arguments::config(table.entropy)?;
            Ok(Services {
                port,
                state: table.user,
                state_size: table.state_size as usize,
                now: clock.now.ok_or(Error::Invalid)?,
                fill: entropy.fill.ok_or(Error::Invalid)?,
                tap: optional(table.tap)?.and_then(|tap| tap.pass),
                alarm: optional(table.alarm)?,
                udp: optional(table.udp)?,
            })
        }
    }

    /// Asks what can only be asked of an open port.
    pub(crate) fn opened(&mut self) {
        let active = self.service(|port| port.tap).ok().and_then(|tap| tap.active);
        // SAFETY: the port's contract; `open` succeeded with this state.
        if active.is_some_and(|active| unsafe { active(self.state) } == 0) {
            self.tap = None;
        }
    }

    /// The port's table; a shorter one of an older header is extended by zeros.
    pub(crate) fn table(&self) -> Result<mote_port> {
        // SAFETY: `read` was promised that the tables stay valid.
        unsafe { arguments::config(self.port) }
    }

    pub(crate) fn now(&self) -> Instant {
        // SAFETY: the port's contract; the state is the one that `open` saw.
        Instant(unsafe { (self.now)(self.state) })
    }

    pub(crate) fn entropy(&self, out: &mut [u8]) -> Result<()> {
        // SAFETY: the port's contract; `out` is `out.len()` writable bytes.
        check(unsafe { (self.fill)(self.state, out.as_mut_ptr(), out.len()) })
    }

    /// Reads one of the optional tables.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the port lacks it.
    pub(crate) fn service<T: Config>(&self, pick: fn(&mote_port) -> *const T) -> Result<T> {
        // SAFETY: `read` was promised that the tables stay valid.
        unsafe { optional(pick(&self.table()?)) }?.ok_or(Error::Unsupported)
    }

    pub(crate) fn log(&self, level: u32, text: &str) {
        let Ok(mote_port_log { level: up_to, write: Some(write), .. }) = self.service(|port| port.log) else {
            return;
        };
        if level <= up_to {
            // SAFETY: the port's contract; the text is lent for the call.
            unsafe { write(self.state, level, mote_bytes { ptr: text.as_ptr(), len: text.len() }) }
        }
    }

    /// Whether anybody watches what passes.
    pub(crate) const fn has_tap(&self) -> bool {
        self.tap.is_some()
    }

    pub(crate) fn tap(&self, kind: u32, ends: Option<(&mote_address, &mote_address)>, data: &[u8]) {
        let Some(pass) = self.tap else { return };
        let (source, destination) = match ends {
            Some((source, destination)) => (core::ptr::from_ref(source), core::ptr::from_ref(destination)),
            None => (core::ptr::null(), core::ptr::null()),
        };
        // SAFETY: the port's contract; everything is lent for the call.
        unsafe {
            pass(self.state, kind, source, destination, mote_bytes { ptr: data.as_ptr(), len: data.len() });
        }
    }
}

/// Reads a table that may be NULL.
unsafe fn optional<T: Config>(table: *const T) -> Result<Option<T>> {
    if table.is_null() {
        return Ok(None);
    }
    // SAFETY: passed on to the caller.
    unsafe { arguments::config(table) }.map(Some)
}
