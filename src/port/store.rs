// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small persistent records.
#![forbid(unsafe_code)]

use super::{mote_bytes, mote_status};
use core::ffi::c_void;

/// Keeps records over a restart: sessions, keys, counters.
///
/// A record is named by its `owner`, which the application chooses, and a number. `write` and
/// `remove` are atomic and durable: once they return, a loss of power changes nothing; before
/// that, the record is as it was.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_port_store {
    /// `sizeof(mote_port_store)`.
    pub size: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Copies the record to `out` and writes its length. `MOTE_ERR_NOT_FOUND`,
    /// `MOTE_ERR_TOO_LARGE` when `capacity` is less than its length, `MOTE_ERR_IO`.
    pub read: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            owner: u32,
            record: u32,
            out: *mut u8,
            capacity: usize,
            len: *mut usize,
        ) -> mote_status,
    >,
    /// Creates or replaces the record by the `count` parts one after the other, 8 at the most.
    /// `MOTE_ERR_FULL` when there is no room, `MOTE_ERR_IO`.
    pub write: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            owner: u32,
            record: u32,
            parts: *const mote_bytes,
            count: usize,
        ) -> mote_status,
    >,
    /// Removes the record; one that is not there is no error. `MOTE_ERR_IO`.
    pub remove: Option<unsafe extern "C" fn(state: *mut c_void, owner: u32, record: u32) -> mote_status>,
    /// Writes the owner's smallest record number that is at least `from`.
    /// `MOTE_ERR_NOT_FOUND` when there is none, `MOTE_ERR_IO`.
    pub next: Option<
        unsafe extern "C" fn(state: *mut c_void, owner: u32, from: u32, record: *mut u32) -> mote_status,
    >,
}
