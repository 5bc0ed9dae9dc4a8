// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host side of a border router.
#![forbid(unsafe_code)]

use super::{mote_address, mote_bytes, mote_status};
use core::ffi::c_void;

/// A network interface of the host whose packets go to the node, and come from it.
///
/// The interface counts as a source of the node: its token is reported ready as a socket's is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_port_tun {
    /// `sizeof(mote_port_tun)`.
    pub size: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Opens the interface `name`, which is made unless it exists, with this MTU (at least 1280),
    /// and turns it on. With an empty name the host chooses one. `token` comes back in
    /// `mote_port_ready`. `MOTE_ERR_UNSUPPORTED` when the host has no such interfaces or does not
    /// let us have one, `MOTE_ERR_ADDRESS_IN_USE` when another program has it open,
    /// `MOTE_ERR_INVALID` for a name that can be none, `MOTE_ERR_FULL`, `MOTE_ERR_IO`.
    pub open: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            name: mote_bytes,
            mtu: u32,
            token: u32,
            tun: *mut usize,
        ) -> mote_status,
    >,
    /// Gives the host `address` on this interface, with the prefix of `prefix_len` bits that it is
    /// in. One that it has already is no error. `MOTE_ERR_INVALID`, `MOTE_ERR_UNSUPPORTED` when not
    /// allowed, `MOTE_ERR_IO`.
    pub add_address: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            tun: usize,
            address: *const mote_address,
            prefix_len: u8,
        ) -> mote_status,
    >,
    /// Lets the host send what is for this prefix into the interface. Statuses as for
    /// `add_address`.
    pub add_route: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            tun: usize,
            prefix: *const mote_address,
            prefix_len: u8,
        ) -> mote_status,
    >,
    /// Takes one IPv6 packet that the host sent into the interface; packets of other protocols are
    /// passed over. `MOTE_ERR_WOULD_BLOCK` when none waits; `MOTE_ERR_TOO_LARGE` for one longer than `capacity`, which is lost;
    /// `MOTE_ERR_IO` when the interface is gone.
    pub receive: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            tun: usize,
            out: *mut u8,
            capacity: usize,
            received: *mut usize,
        ) -> mote_status,
    >,
    /// Hands one IPv6 packet to the host, whole. `MOTE_ERR_WOULD_BLOCK` when there is no room; the
    /// packet may be dropped then. `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_IO`.
    pub send: Option<
        unsafe extern "C" fn(state: *mut c_void, tun: usize, packet: *const u8, len: usize) -> mote_status,
    >,
    /// Closes the interface. Its token is not reported any more; an interface that we made
    /// disappears.
    pub close: Option<unsafe extern "C" fn(state: *mut c_void, tun: usize)>,
}
