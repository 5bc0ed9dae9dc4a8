// SPDX-License-Identifier: MIT OR Apache-2.0
//! TCP connections of the platform.
#![forbid(unsafe_code)]

use super::{mote_address, mote_status};
use core::ffi::c_void;

/// Opens connections and moves bytes.
///
/// Zero is never a count: a call that could move nothing says `MOTE_ERR_WOULD_BLOCK`, a peer
/// that closed says `MOTE_ERR_CLOSED`, a connection that broke says `MOTE_ERR_RESET`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_port_tcp {
    /// `sizeof(mote_port_tcp)`.
    pub size: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Begins to connect to `remote`. `token` comes back in `mote_port_ready`.
    /// `MOTE_ERR_FULL` when no socket is left, `MOTE_ERR_UNREACHABLE`, `MOTE_ERR_IO`. A refusal that is
    /// known at once is for `connected` to tell.
    pub open: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            remote: *const mote_address,
            token: u32,
            socket: *mut usize,
        ) -> mote_status,
    >,
    /// How the attempt stands: success once connected, `MOTE_ERR_WOULD_BLOCK` while under way
    /// (the socket is reported ready when that changes), `MOTE_ERR_REFUSED`,
    /// `MOTE_ERR_TIMEOUT`, `MOTE_ERR_UNREACHABLE`, `MOTE_ERR_IO`.
    pub connected: Option<unsafe extern "C" fn(state: *mut c_void, socket: usize) -> mote_status>,
    /// Takes up to `capacity` bytes that came, at least 1.
    pub receive: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            socket: usize,
            out: *mut u8,
            capacity: usize,
            received: *mut usize,
        ) -> mote_status,
    >,
    /// Takes as many of the `len` bytes as there is room for, at least 1. After
    /// `MOTE_ERR_WOULD_BLOCK` the socket is reported `MOTE_READY_WRITABLE` when there is room.
    pub send: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            socket: usize,
            data: *const u8,
            len: usize,
            sent: *mut usize,
        ) -> mote_status,
    >,
    /// Ends our direction once everything taken has been sent.
    pub shutdown: Option<unsafe extern "C" fn(state: *mut c_void, socket: usize)>,
    /// Closes the socket at once. Its token is not reported any more.
    pub close: Option<unsafe extern "C" fn(state: *mut c_void, socket: usize)>,
}
