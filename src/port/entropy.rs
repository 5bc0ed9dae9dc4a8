// SPDX-License-Identifier: MIT OR Apache-2.0
//! Randomness.
#![forbid(unsafe_code)]

use super::mote_status;
use core::ffi::c_void;

/// A source of random bytes fit for keys and tokens.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_port_entropy {
    /// `sizeof(mote_port_entropy)`.
    pub size: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Fills all of `out`. `MOTE_ERR_IO` when the source fails; `out` is not used then.
    pub fill: Option<unsafe extern "C" fn(state: *mut c_void, out: *mut u8, len: usize) -> mote_status>,
}
