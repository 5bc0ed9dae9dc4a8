// SPDX-License-Identifier: MIT OR Apache-2.0
//! The few plain types that both the porting layer and the C ABI use.
#![forbid(unsafe_code)]

use crate::address::{Ip, SocketAddress};

/// 0 for success, otherwise one of the negative `MOTE_ERR_…` numbers.
pub type mote_status = i32;

/// A run of bytes: where it starts and how long it is. Needs no NUL at its end; `ptr` may be
/// NULL when `len` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct mote_bytes {
    /// The first byte.
    pub ptr: *const u8,
    /// How many bytes.
    pub len: usize,
}

/// An IP address and a port. All zero means "any" or "not given".
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct mote_address {
    /// The IPv6 address in network order; an IPv4 address in its mapped form, `::ffff:a.b.c.d`.
    pub ip: [u8; 16],
    /// The interface index of a link-local or multicast address, 0 when not needed.
    pub scope: u32,
    /// The port, in host order.
    pub port: u16,
    /// Must be 0.
    pub reserved: u16,
}

impl From<SocketAddress> for mote_address {
    fn from(address: SocketAddress) -> mote_address {
        mote_address { ip: address.ip.0, scope: address.scope, port: address.port, reserved: 0 }
    }
}

impl From<mote_address> for SocketAddress {
    fn from(address: mote_address) -> SocketAddress {
        SocketAddress { ip: Ip(address.ip), scope: address.scope, port: address.port }
    }
}
