// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP sockets of the platform.
#![forbid(unsafe_code)]

use super::{mote_address, mote_status};
use core::ffi::c_void;

/// Open option: other sockets, also of other processes, may use the same address and port.
pub const MOTE_UDP_REUSE: u32 = 1;
/// Datagram flag: the datagram was longer than the buffer; only its front is there.
pub const MOTE_UDP_TRUNCATED: u32 = 1;
/// Datagram flag: not a datagram that came, but what the network says of one that was sent: no way leads to
/// `remote`. `data` is the start of what was sent.
pub const MOTE_UDP_UNREACHABLE: u32 = 2;
/// Datagram flag: the same, but `remote` is there and nobody listens at its port.
pub const MOTE_UDP_REFUSED: u32 = 4;

/// One datagram with its two ends.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_port_datagram {
    /// The peer: where it came from, or goes to.
    pub remote: mote_address,
    /// The own address: where it was sent to (perhaps a group), or is to leave from. All zero
    /// when not known, or left to the port. The port number in it is not used.
    pub local: mote_address,
    /// The bytes. Receiving writes here; sending only reads.
    pub data: *mut u8,
    /// Receiving: the buffer's size on call, the datagram's on return. Sending: the datagram's size.
    pub len: usize,
    /// Which of `MOTE_UDP_…` datagram flags.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
}

/// Sends and receives datagrams.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_port_udp {
    /// `sizeof(mote_port_udp)`.
    pub size: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Opens a non-blocking socket at `local`: an all-zero address means all of IPv6 and IPv4,
    /// port 0 any free port. `options` are `MOTE_UDP_…` open options. `token` comes back in
    /// `mote_port_ready`. `MOTE_ERR_FULL` when no socket is left, `MOTE_ERR_ADDRESS_IN_USE`,
    /// `MOTE_ERR_NOT_FOUND` when `local` is no address of this system, `MOTE_ERR_UNSUPPORTED` for an option that is
    /// not known, `MOTE_ERR_IO`.
    pub open: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            local: *const mote_address,
            options: u32,
            token: u32,
            socket: *mut usize,
        ) -> mote_status,
    >,
    /// Closes the socket. Its token is not reported any more.
    pub close: Option<unsafe extern "C" fn(state: *mut c_void, socket: usize)>,
    /// Gives the address that the socket is bound to, with its port. `MOTE_ERR_IO`.
    pub local_address: Option<
        unsafe extern "C" fn(state: *mut c_void, socket: usize, local: *mut mote_address) -> mote_status,
    >,
    /// Takes up to `capacity` waiting datagrams, in the order of their coming, and writes
    /// their number, at least 1. Fewer than `capacity` were all there were: whatever is still there, or
    /// comes, is reported ready anew. `MOTE_ERR_WOULD_BLOCK` when none waits. Errors that the
    /// network reported about earlier sends are not errors of receiving: they are passed
    /// over, or come as entries of their own with `MOTE_UDP_UNREACHABLE` or `MOTE_UDP_REFUSED`.
    /// `MOTE_ERR_IO` when the socket is broken for good.
    pub receive: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            socket: usize,
            datagrams: *mut mote_port_datagram,
            capacity: usize,
            count: *mut usize,
        ) -> mote_status,
    >,
    /// Sends `count` datagrams in order and writes how many were taken; stops at the first
    /// that is not. Success when at least one was taken. Otherwise why the first was not:
    /// `MOTE_ERR_WOULD_BLOCK` (the socket is reported `MOTE_READY_WRITABLE` when there is
    /// room), `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_UNREACHABLE`, `MOTE_ERR_IO`.
    pub send: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            socket: usize,
            datagrams: *const mote_port_datagram,
            count: usize,
            sent: *mut usize,
        ) -> mote_status,
    >,
    /// Joins the group `group` on the interface `group->scope`, or on all suitable ones when
    /// that is 0. Joining again is no error. `MOTE_ERR_INVALID` when it is no group,
    /// `MOTE_ERR_NOT_FOUND` when there is no such interface, `MOTE_ERR_FULL`, `MOTE_ERR_UNSUPPORTED`,
    /// `MOTE_ERR_IO`.
    pub join: Option<
        unsafe extern "C" fn(state: *mut c_void, socket: usize, group: *const mote_address) -> mote_status,
    >,
    /// Leaves the group again. Statuses as for `join`; `MOTE_ERR_NOT_FOUND` when it was not joined, too.
    pub leave: Option<
        unsafe extern "C" fn(state: *mut c_void, socket: usize, group: *const mote_address) -> mote_status,
    >,
}
