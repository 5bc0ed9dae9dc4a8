// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wire formats of IPv6 and what it carries: headers, ICMPv6, neighbour discovery, UDP.
//!
//! Nothing here keeps state or knows of the engine.
#![forbid(unsafe_code)]

pub mod exthdr;
pub mod header;
pub mod icmpv6;
pub mod nd;
pub mod udp;

pub use header::Header;

use crate::address::Ip;
use crate::bytes::Parts;
use crate::checksum;

/// Values of the Next Header field (RFC 8200 §4 and IANA's protocol numbers).
pub mod protocol {
    /// Hop-by-Hop Options header.
    pub const HOP_BY_HOP: u8 = 0;
    /// UDP.
    pub const UDP: u8 = 17;
    /// An IPv6 packet inside (RFC 2473).
    pub const IPV6: u8 = 41;
    /// Routing header.
    pub const ROUTING: u8 = 43;
    /// Fragment header.
    pub const FRAGMENT: u8 = 44;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
    /// Nothing follows.
    pub const NO_NEXT_HEADER: u8 = 59;
    /// Destination Options header.
    pub const DESTINATION_OPTIONS: u8 = 60;
}

/// Puts the checksum into an upper-layer message that holds zero in its place (RFC 8200 §8.1), and
/// of which `body` stands elsewhere.
pub(super) fn seal(source: &Ip, destination: &Ip, next_header: u8, message: &mut [u8], body: &[u8]) {
    let sum = checksum::of_parts(source, destination, next_header, Parts { head: message, tail: body });
    // Zero would mean "no checksum" of UDP (RFC 768).
    let (at, sum) = match (next_header, sum) {
        (protocol::UDP, 0) => (6, 0xffff),
        (protocol::UDP, sum) => (6, sum),
        (_, sum) => (2, sum),
    };
    if let Some(place) = message.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = sum.to_be_bytes();
    }
}
