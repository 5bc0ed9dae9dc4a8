// SPDX-License-Identifier: MIT OR Apache-2.0
//! Host names to addresses.
#![forbid(unsafe_code)]

use super::{mote_address, mote_status};
use core::ffi::c_void;

/// Resolves host names without blocking the node.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_port_resolver {
    /// `sizeof(mote_port_resolver)`.
    pub size: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Begins to resolve `host` (`len` bytes, copied before the call returns) and names the
    /// query. The token is reported ready when the answer is there.
    /// `MOTE_ERR_FULL` when too many queries are under way, `MOTE_ERR_INVALID` for what is no name.
    pub start: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            host: *const u8,
            len: usize,
            token: u32,
            query: *mut usize,
        ) -> mote_status,
    >,
    /// Writes up to `capacity` addresses, best first, and their number, at least 1; the query
    /// is over then, and after any error but `MOTE_ERR_WOULD_BLOCK` (not there yet).
    /// `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_IO`. Ports in the addresses are 0.
    pub take: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            query: usize,
            addresses: *mut mote_address,
            capacity: usize,
            count: *mut usize,
        ) -> mote_status,
    >,
    /// Ends the query without an answer. Its token is not reported any more.
    pub cancel: Option<unsafe extern "C" fn(state: *mut c_void, query: usize)>,
}
