// SPDX-License-Identifier: MIT OR Apache-2.0
//! The link below IPv6: its addresses, and the seam through which packets leave.
#![forbid(unsafe_code)]

use crate::address::Ip;
use crate::status::{Error, Result};

/// A link-layer address: an IEEE 802.15.4 short address or EUI-64, or an Ethernet address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinkAddress {
    /// None, or not known.
    #[default]
    None,
    /// An IEEE 802.15.4 short address.
    Short(u16),
    /// An IEEE 802.15.4 extended address (EUI-64), in the order in which it is written.
    Extended([u8; 8]),
    /// An Ethernet address (EUI-48).
    Ethernet([u8; 6]),
}

impl LinkAddress {
    /// The bytes of the address, in the order in which they are written, and how many count.
    pub const fn bytes(&self) -> ([u8; 8], usize) {
        match *self {
            LinkAddress::None => ([0; 8], 0),
            LinkAddress::Short(short) => {
                let [a, b] = short.to_be_bytes();
                ([a, b, 0, 0, 0, 0, 0, 0], 2)
            }
            LinkAddress::Extended(bytes) => (bytes, 8),
            LinkAddress::Ethernet([a, b, c, d, e, f]) => ([a, b, c, d, e, f, 0, 0], 6),
        }
    }

    /// The interface identifier made from this address: RFC 4944 §6 for a short address
    /// (`0000:00ff:fe00:XXXX`, as RFC 6282 §3.2.2 has it), RFC 4291 appendix A for the others.
    pub const fn interface_identifier(&self) -> [u8; 8] {
        match *self {
            LinkAddress::None => [0; 8],
            LinkAddress::Short(short) => {
                let [a, b] = short.to_be_bytes();
                [0, 0, 0, 0xff, 0xfe, 0, a, b]
            }
            LinkAddress::Extended([a, b, c, d, e, f, g, h]) => [a ^ 2, b, c, d, e, f, g, h],
            LinkAddress::Ethernet([a, b, c, d, e, f]) => [a ^ 2, b, c, 0xff, 0xfe, d, e, f],
        }
    }

    /// The link-local address `fe80::` plus the interface identifier.
    pub const fn link_local(&self) -> Ip {
        with_prefix(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0], self.interface_identifier())
    }

    /// The IEEE 802.15.4 address that `address` was made from, for those made so
    /// (RFC 6775 §5.6 takes link-local addresses to be of that kind); [`LinkAddress::None`]
    /// for a multicast address.
    pub const fn from_interface_identifier(address: &Ip) -> LinkAddress {
        if address.0[0] == 0xff {
            return LinkAddress::None;
        }
        match address.0 {
            [_, _, _, _, _, _, _, _, 0, 0, 0, 0xff, 0xfe, 0, a, b] => {
                LinkAddress::Short(u16::from_be_bytes([a, b]))
            }
            [_, _, _, _, _, _, _, _, a, b, c, d, e, f, g, h] => {
                LinkAddress::Extended([a ^ 2, b, c, d, e, f, g, h])
            }
        }
    }

    /// Whether there is an address.
    pub const fn is_some(&self) -> bool {
        !matches!(self, LinkAddress::None)
    }
}

/// The address of a 64-bit prefix and an interface identifier.
pub const fn with_prefix(prefix: &[u8; 8], identifier: [u8; 8]) -> Ip {
    let [a, b, c, d, e, f, g, h] = *prefix;
    let [i, j, k, l, m, n, o, p] = identifier;
    Ip([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// To whom on the link a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkDestination {
    /// One neighbour.
    Unicast(LinkAddress),
    /// All that hear it. The group is given for links that filter (Ethernet's 33:33:…).
    Multicast(Ip),
}

/// Where IPv6 sends packets.
pub trait Link {
    /// Sends one whole IPv6 packet, or refuses it whole. Never blocks, and keeps nothing of
    /// `packet` after it returns.
    ///
    /// # Errors
    /// [`WouldBlock`](Error::WouldBlock) or [`Full`](Error::Full) when the queue has no room,
    /// [`TooLarge`](Error::TooLarge).
    fn send(&mut self, packet: &[u8], to: LinkDestination) -> Result<()>;

    /// The largest packet that the link carries, at least 1280.
    fn mtu(&self) -> usize;

    /// Sends one whole packet out of the routing domain, to the host side of a border router.
    ///
    /// # Errors
    /// [`Unreachable`](Error::Unreachable) when there is no such side,
    /// [`WouldBlock`](Error::WouldBlock) when it has no room.
    fn send_outside(&mut self, _packet: &[u8]) -> Result<()> {
        Err(Error::Unreachable)
    }

    /// A neighbour has announced that it understands generic header compression (RFC 7400), or
    /// that it does not announce it.
    #[cfg(feature = "ghc")]
    fn understands_ghc(&mut self, _neighbour: LinkAddress, _understands: bool) {}
}
