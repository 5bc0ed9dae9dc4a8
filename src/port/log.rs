// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text for people.
#![forbid(unsafe_code)]

use super::mote_bytes;
use core::ffi::c_void;

/// Something failed that the application should know of.
pub const MOTE_LOG_ERROR: u32 = 1;
/// Something was not as it should be, and was dealt with.
pub const MOTE_LOG_WARNING: u32 = 2;
/// A change of state that an operator follows.
pub const MOTE_LOG_INFO: u32 = 3;
/// Every step, for a developer.
pub const MOTE_LOG_DEBUG: u32 = 4;

/// Where messages for people go.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_port_log {
    /// `sizeof(mote_port_log)`.
    pub size: u32,
    /// Messages above this `MOTE_LOG_…` level are not written.
    pub level: u32,
    /// Writes one line, given without a line end. The text is lent until the call returns.
    pub write: Option<unsafe extern "C" fn(state: *mut c_void, level: u32, text: mote_bytes)>,
}
