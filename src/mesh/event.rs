// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the application is told.
#![forbid(unsafe_code)]

use crate::address::Ip;
use crate::status::Error;
use crate::table::Handle;
use crate::transport::Path;

/// How a ping failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingFailure {
    /// Nobody answered in time, or the ping was cancelled.
    Local(Error),
    /// Somebody on the way reported an ICMPv6 error.
    Reported {
        /// Who.
        reporter: Ip,
        /// The ICMPv6 type.
        kind: u8,
        /// The ICMPv6 code.
        code: u8,
    },
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'d> {
    /// This node has become a member of a DODAG, or its root.
    Joined {
        /// RPLInstanceID.
        instance: u8,
        /// DODAGID: an address of the root.
        dodag_id: Ip,
    },
    /// There is another preferred parent.
    ParentChanged {
        /// RPLInstanceID.
        instance: u8,
        /// The parent's link-local address.
        parent: Ip,
    },
    /// The last parent (for a host: the last router) is lost; the node looks for another.
    Lost {
        /// RPLInstanceID.
        instance: u8,
    },
    /// The root or a router on the way has no room for a route to this node. Upward traffic
    /// works; it will be asked again.
    Refused {
        /// RPLInstanceID.
        instance: u8,
    },
    /// An own address can be used from now on.
    AddressReady(Ip),
    /// An own address is somebody else's.
    AddressDuplicate(Ip),
    /// An own address has outlived its lifetime.
    AddressLost(Ip),
    /// A host without RPL finds a router (this node is the host).
    RouterFound(Ip),
    /// A host without RPL has registered an address with this node.
    HostRegistered(Ip),
    /// That registration has ended.
    HostLost(Ip),
    /// A downward route was learned.
    RouteAdded {
        /// The destination.
        target: Ip,
        /// How many of its bits count.
        prefix_len: u8,
    },
    /// A downward route has ended.
    RouteRemoved {
        /// The destination.
        target: Ip,
        /// How many of its bits count.
        prefix_len: u8,
    },
    /// A ping was answered. Its handle is stale from now on.
    PingReply {
        /// Which ping.
        ping: Handle,
        /// Who answered.
        source: Ip,
        /// How long it took, in milliseconds.
        round_trip: u32,
        /// The hop limit with which the answer arrived.
        hop_limit: u8,
        /// The data that came back.
        data: &'d [u8],
    },
    /// A ping was not answered. Its handle is stale from now on.
    PingFailed {
        /// Which ping.
        ping: Handle,
        /// Why.
        failure: PingFailure,
    },
    /// A UDP datagram came.
    Udp {
        /// For which socket.
        socket: Handle,
        /// From whom, and to which of our addresses.
        path: Path,
        /// What came.
        data: &'d [u8],
    },
    /// A UDP datagram could not be delivered.
    UdpFailed {
        /// Of which socket.
        socket: Handle,
        /// To whom it was going.
        path: Path,
        /// The start of what was sent.
        data: &'d [u8],
        /// Why: [`Error::Refused`] when nobody listens there, [`Error::Unreachable`],
        /// [`Error::TooLarge`], [`Error::Timeout`] when it went round for too long.
        error: Error,
    },
    /// A packet for the host side of a border router.
    HostPacket {
        /// The whole IPv6 packet.
        packet: &'d [u8],
    },
}
