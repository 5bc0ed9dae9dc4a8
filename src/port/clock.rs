// SPDX-License-Identifier: MIT OR Apache-2.0
//! Time.
#![forbid(unsafe_code)]

use core::ffi::c_void;

/// A monotonic clock.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_port_clock {
    /// `sizeof(mote_port_clock)`.
    pub size: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Milliseconds since any fixed point. Never goes back, does not jump when the time of
    /// day is set, and goes on while the processor sleeps. Any context.
    pub now: Option<unsafe extern "C" fn(state: *mut c_void) -> u64>,
}
