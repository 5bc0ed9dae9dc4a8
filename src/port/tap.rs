// SPDX-License-Identifier: MIT OR Apache-2.0
//! A copy of everything sent and received, for captures.
#![forbid(unsafe_code)]

use super::{mote_address, mote_bytes};
use core::ffi::c_void;

/// What is tapped is a UDP datagram; the addresses are given.
pub const MOTE_TAP_UDP: u32 = 1;
/// What is tapped is an IEEE 802.15.4 frame without FCS; the addresses are NULL.
pub const MOTE_TAP_FRAME: u32 = 2;

/// Sees every datagram and frame.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_port_tap {
    /// `sizeof(mote_port_tap)`.
    pub size: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Something of `kind` (`MOTE_TAP_…`) passed from `source` to `destination`. All of it is
    /// lent until the call returns.
    pub pass: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            kind: u32,
            source: *const mote_address,
            destination: *const mote_address,
            data: mote_bytes,
        ),
    >,
    /// Whether anybody looks (1), or `pass` need not be called for this node (0). Asked once, after
    /// `open`. NULL stands for 1.
    pub active: Option<unsafe extern "C" fn(state: *mut c_void) -> u8>,
}
