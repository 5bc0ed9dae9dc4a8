// SPDX-License-Identifier: MIT OR Apache-2.0
//! The seam between forwarding and a routing protocol.
//!
//! IPv6 asks where a packet goes next and which extension headers it must carry on its way; a
//! routing protocol such as RPL answers. It is asked from within the input of IPv6, so it must
//! not send: what it learns there (a loop, a failure) it acts upon in its own `poll`. What it
//! has to say it sends as a [`ControlMessage`], with the way already decided.
//!
//! A packet that arrives passes through the seam in this order:
//!
//! 1. [`Routing::hop_by_hop`] when it carries an RPL option, whoever it is for;
//! 2. [`Routing::source_route`] when it is for us and has a routing header with segments left
//!    (for each, until a segment is not ours);
//! 3. [`Routing::route`] when it is to be forwarded.
//!
//! A packet of our own passes through [`Routing::route`] alone.
#![forbid(unsafe_code)]

use super::link::LinkAddress;
use crate::address::Ip;
use crate::bytes::Writer;
use crate::status::Result;
use crate::time::Instant;

/// Room for the extension headers that [`Routing::route`] may write, in bytes.
///
/// It holds a hop-by-hop header of 8 bytes and a source route of 64 full addresses, or of twice
/// as many once their common prefix of 8 bytes is elided.
pub const MAX_ROUTE_HEADERS: usize = 8 + 8 + 64 * 16;

/// A packet that needs a way.
#[derive(Debug)]
pub struct Flow<'p> {
    /// The time now.
    pub now: Instant,
    /// Where it goes: the destination in the IPv6 header.
    pub destination: &'p Ip,
    /// The neighbour that it came from; [`LinkAddress::None`] for a packet of our own, and for
    /// one that comes from outside of the routing domain (a border router's host side).
    pub from: LinkAddress,
    /// Whether the packet is one of our own.
    pub own: bool,
    /// The hop limit that the packet has now (that of the IPv6 header, decremented already for
    /// a packet that is forwarded).
    pub hop_limit: u8,
    /// The packet is under way along a source route: only a neighbour may be answered, and a
    /// failure becomes Destination Unreachable code 7.
    pub source_routed: bool,
    /// The data of the RPL option that the packet carries (flags, RPLInstanceID, SenderRank and
    /// sub-TLVs, at least 4 bytes; RFC 6553 §3), to be updated in place.
    pub rpl_option: Option<&'p mut [u8]>,
}

impl<'p> Flow<'p> {
    /// A packet of our own.
    pub const fn of_own(now: Instant, destination: &'p Ip, hop_limit: u8) -> Flow<'p> {
        Flow {
            now,
            destination,
            from: LinkAddress::None,
            own: true,
            hop_limit,
            source_routed: false,
            rpl_option: None,
        }
    }
}

/// How the headers written by [`Routing::route`] join the packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encapsulation {
    /// No headers are added.
    #[default]
    None,
    /// The headers go behind the packet's IPv6 header. Only for packets of our own (RFC 8200
    /// §4 forbids it to others). If they hold a source route, `destination` replaces the
    /// destination in the IPv6 header, which must be the last address of the route.
    Insert {
        /// The destination for the IPv6 header: the first hop of the source route, or the
        /// destination as it was.
        destination: Ip,
    },
    /// The packet travels inside another IPv6 packet (RFC 2473) whose source is ours and which
    /// carries the headers.
    Tunnel {
        /// The destination for the outer IPv6 header: the tunnel's exit, or the first hop of a
        /// source route to it.
        destination: Ip,
        /// By how much to lower the hop limit of the inner packet beyond the usual 1: the
        /// Segments Left of the source route (RFC 6554 §4.1). The outer packet's hop limit is
        /// at least this plus 1.
        segments_left: u8,
    },
}

/// The way that a packet goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// The neighbour that the packet is handed to, by one of its addresses.
    pub next_hop: Ip,
    /// That neighbour's link address if the routing protocol knows it; otherwise
    /// [`LinkAddress::None`], and IPv6 looks in its neighbour cache.
    pub link: LinkAddress,
    /// What becomes of the headers.
    pub encapsulation: Encapsulation,
}

impl Route {
    /// Straight to a neighbour whose link address is still to be found out.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(super) const fn straight(destination: &Ip) -> Route {
        Route { next_hop: *destination, link: LinkAddress::None, encapsulation: Encapsulation::None }
    }

    /// Straight to a neighbour, nothing added.
    pub const fn on_link(next_hop: Ip, link: LinkAddress) -> Route {
        Route { next_hop, link, encapsulation: Encapsulation::None }
    }
}

/// Why a packet gets no way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// Discard it silently.
    Discard,
    /// Not ours to route: IPv6 goes by its own tables (on-link prefixes and default routers).
    NotMine,
    /// Discard it and say so with Destination Unreachable: code 0 for a packet that is
    /// forwarded, code 7 for one on a source route, an error for one of our own.
    Unreachable,
    /// Hand the packet back to the neighbour that it came from, with its RPL option as it is
    /// now (RFC 6550 §11.2.2.3).
    Return,
    /// It leaves the routing domain at this border router: it goes to the host side, and its
    /// RPL option and source routing header do not go with it.
    Outside,
}

/// What is wrong with a routing header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoutingHeaderError {
    /// Discard the packet silently.
    Discard,
    /// Parameter Problem code 0, pointing this many bytes into the routing header.
    Parameter(u8),
}

/// Something that went wrong and concerns the routes.
#[derive(Clone, Copy, Debug)]
pub enum RoutingError {
    /// Destination Unreachable code 7 about a packet of ours: on the source route that we chose,
    /// `reporter` could not reach `unreachable` (RFC 6550 §11.2.2.3).
    SourceRoute {
        /// Who says so: the source of the ICMPv6 error.
        reporter: Ip,
        /// The next hop that it could not reach.
        unreachable: Ip,
    },
    /// The link layer gave up on handing a packet to this neighbour.
    LinkFailure {
        /// The neighbour.
        neighbour: LinkAddress,
    },
    /// A neighbour has handed a packet for somebody else to this node, which forwards nothing.
    NoRouter {
        /// The neighbour.
        neighbour: LinkAddress,
    },
}

/// A routing protocol as forwarding sees it.
pub trait Routing {
    /// The next hop of a packet, and the extension headers that it needs. `route` comes as straight to the destination, and
    /// means nothing when there is none.
    ///
    /// `headers` is empty and has room for [`MAX_ROUTE_HEADERS`] bytes (fewer when the packet
    /// itself leaves no more room). What is written are whole extension headers in order: a
    /// hop-by-hop header, a routing header, or both, each with a multiple of 8 bytes. The Next
    /// Header byte of the hop-by-hop header is 43 when a routing header follows; that of the
    /// last header written is filled in by IPv6. (A header whose third byte is 3 is taken for a
    /// routing header of type 3, any other for a hop-by-hop header.) They count only with
    /// [`Encapsulation::Insert`] and [`Encapsulation::Tunnel`].
    ///
    /// Multicast and link-local destinations never come here.
    ///
    /// # Errors
    /// What becomes of the packet instead, see [`NoRoute`].
    fn route(
        &mut self,
        flow: &mut Flow<'_>,
        route: &mut Route,
        headers: &mut Writer<'_>,
    ) -> core::result::Result<(), NoRoute>;

    /// A packet came with an RPL option of type `kind` (0x63 or 0x23): checks it against the
    /// rank of its sender and marks it (RFC 6550 §11.2.2.2). Whether the packet may go on; if
    /// not it is discarded silently.
    ///
    /// `data` is the option's data, at least 4 bytes.
    fn hop_by_hop(&mut self, now: Instant, kind: u8, data: &mut [u8], from: LinkAddress) -> bool;

    /// A packet for us came with a routing header that has segments left. If its type and form
    /// are right, swaps the next segment with `destination` and decrements Segments Left
    /// (RFC 6554 §4.2).
    ///
    /// `header` is the whole routing header. `is_own` says whether an address is assigned to
    /// this node.
    ///
    /// # Errors
    /// What becomes of the packet instead.
    fn source_route(
        &mut self,
        header: &mut [u8],
        destination: &mut Ip,
        is_own: &dyn Fn(&Ip) -> bool,
    ) -> core::result::Result<(), RoutingHeaderError>;

    /// Something went wrong elsewhere that concerns the routes.
    fn on_error(&mut self, now: Instant, error: RoutingError);
}

/// A routing protocol's own message: an ICMPv6 message of type 155.
#[derive(Clone, Copy, Debug)]
pub struct ControlMessage<'a> {
    /// The time now.
    pub now: Instant,
    /// The source address; `None` leaves the choice to IPv6 (link-local for link-local and multicast
    /// destinations).
    pub source: Option<&'a Ip>,
    /// The destination.
    pub destination: &'a Ip,
    /// The ICMPv6 code (RFC 6550 §6).
    pub code: u8,
    /// The message behind the ICMPv6 checksum.
    pub body: &'a [u8],
    /// The way it goes; `None` for a multicast or link-local destination, straight to which it goes.
    pub route: Option<&'a Route>,
    /// The extension headers that belong to the route, as [`Routing::route`] writes them.
    pub headers: &'a [u8],
}

/// Where a routing protocol sends its messages.
pub trait ControlPlane {
    /// Sends one message; it leaves with hop limit 255 to a link-local or multicast
    /// destination, and with the default hop limit otherwise.
    ///
    /// # Errors
    /// [`WouldBlock`](crate::status::Error::WouldBlock) or [`Full`](crate::status::Error::Full)
    /// when there is no room now, [`Unreachable`](crate::status::Error::Unreachable) when the
    /// neighbour's link address is not known, [`TooLarge`](crate::status::Error::TooLarge).
    fn send(&mut self, message: &ControlMessage<'_>) -> Result<()>;
}

/// No routing protocol: a host, or a router that knows on-link prefixes and default routers.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRouting;

impl Routing for NoRouting {
    fn route(
        &mut self,
        _: &mut Flow<'_>,
        _: &mut Route,
        _: &mut Writer<'_>,
    ) -> core::result::Result<(), NoRoute> {
        Err(NoRoute::NotMine)
    }

    // Nodes that do not know the option act by its type's two high bits: 0x63 says to discard.
    fn hop_by_hop(&mut self, _: Instant, kind: u8, _: &mut [u8], _: LinkAddress) -> bool {
        kind & 0xc0 == 0
    }

    fn source_route(
        &mut self,
        _: &mut [u8],
        _: &mut Ip,
        _: &dyn Fn(&Ip) -> bool,
    ) -> core::result::Result<(), RoutingHeaderError> {
        // RFC 8200 §4.4: an unknown routing type with segments left.
        Err(RoutingHeaderError::Parameter(2))
    }

    fn on_error(&mut self, _: Instant, _: RoutingError) {}
}
