// SPDX-License-Identifier: MIT OR Apache-2.0
//! How packets come, and what they bring.
#![forbid(unsafe_code)]

use super::link::LinkAddress;
use super::nd::known::Entry;
use super::wire::icmpv6::Echo;
#[cfg(doc)]
use super::wire::{icmpv6::kind, protocol};
use crate::address::Ip;
use crate::table::Handle;
use crate::transport::Path;

/// How a packet came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arrival {
    /// The neighbour that handed it over; [`LinkAddress::None`] from the host side.
    pub from: LinkAddress,
    /// Whether it was sent to more than one node on the link.
    pub multicast: bool,
    /// Whether it came from the host side of a border router and not from the link.
    pub outside: bool,
    /// Whether it came in fragments, or with a fragment header: neighbour discovery and routing must not
    /// (RFC 6980).
    pub fragmented: bool,
}

/// What a packet brought, or what became due.
#[derive(Clone, Copy, Debug)]
pub enum Event<'d> {
    /// A UDP datagram came.
    Udp {
        /// For which socket.
        socket: Handle,
        /// From whom, and to which of our addresses.
        path: Path,
        /// What came.
        data: &'d [u8],
    },
    /// An echo reply came.
    EchoReply {
        /// From whom.
        source: Ip,
        /// The hop limit with which it arrived.
        hop_limit: u8,
        /// The identifier, sequence number and data.
        echo: Echo<'d>,
    },
    /// A message of the routing protocol came (ICMPv6 type 155).
    Control {
        /// From whom.
        source: &'d Ip,
        /// To which of our addresses or groups.
        destination: &'d Ip,
        /// The neighbour that handed it over.
        from: LinkAddress,
        /// The ICMPv6 code.
        code: u8,
        /// What stands behind the checksum.
        body: &'d [u8],
    },
    /// An ICMPv6 error came about a packet of ours.
    Error {
        /// Who says so.
        reporter: Ip,
        /// The type, see [`kind`].
        kind: u8,
        /// The code.
        code: u8,
        /// The MTU or pointer.
        parameter: u32,
        /// Where the packet was going.
        destination: Ip,
        /// What the packet carried, see [`protocol`].
        protocol: u8,
        /// The first bytes of that, as far as they came back.
        upper: &'d [u8],
    },
    /// An own address can be used from now on.
    AddressReady(Ip),
    /// An own address is somebody else's; it is not used.
    AddressDuplicate(Ip),
    /// An own address has outlived its valid lifetime.
    AddressLost(Ip),
    /// There is a default router again.
    RouterFound(Ip),
    /// There is no default router any more.
    RouterLost,
    /// A compression context is to be set, or removed when its lifetime has ended.
    Context(Entry),
    /// A host has registered an address with us: the routing protocol may make it known.
    Registered(Ip),
    /// The registration of an address has ended.
    Deregistered(Ip),
}
