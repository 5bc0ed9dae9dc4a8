// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets of our own, and the last step of every packet: to which link address it goes.
#![forbid(unsafe_code)]

#[cfg(feature = "reassembly")]
use super::config::LARGEST;
use super::held::Held;
use super::link::{Link, LinkAddress, LinkDestination, MIN_MTU};
use super::routing::{ControlMessage, Encapsulation, Flow, NoRoute, Route};
use super::source_selection::in_prefix;
#[cfg(feature = "reassembly")]
use super::wire::exthdr::Fragment;
use super::wire::header::{Header, never_leaves};
use super::wire::icmpv6::{self, Icmpv6, kind};
use super::wire::nd::{HOP_LIMIT, Medium, PrefixInformation};
use super::wire::{protocol, seal};
use super::{Context, Ipv6, Role};
use crate::address::Ip;
use crate::bytes::{Parts, Writer, copy};
use crate::status::{Error, Result};

/// A packet of our own, but for its payload.
#[derive(Clone, Copy)]
pub(super) struct Outgoing<'a> {
    /// The destination.
    pub(super) destination: &'a Ip,
    /// The hop limit.
    pub(super) hop_limit: u8,
    /// What `upper` begins, see [`protocol`].
    pub(super) protocol: u8,
    /// The upper-layer header, with zero for its checksum. An even number of bytes where a body follows.
    pub(super) upper: &'a [u8],
    /// What follows that: it is not copied. That of an error is cut to what fits.
    pub(super) body: &'a [u8],
}

/// A way and what goes along it, but for the bytes.
struct Along<'a> {
    route: Option<&'a Route>,
    link: &'a LinkAddress,
    encapsulation: &'a Encapsulation,
    /// How many bytes of extension headers the way takes.
    headers: usize,
    source: &'a Ip,
    outgoing: &'a Outgoing<'a>,
}

/// Where in the engine's buffer to write a message of neighbour discovery, but for its type, code and checksum, for
/// [`Ipv6::send_nd`].
pub(super) fn message(buffer: &mut [u8]) -> Writer<'_> {
    Writer::new(buffer.get_mut(Header::LEN + Icmpv6::HEADER..).unwrap_or_default())
}

/// Writes the type of what follows into the last of the headers that a routing protocol wrote,
/// and says which type the first of them has.
fn chain(headers: &mut [u8], last: u8) -> u8 {
    let kind_of = |bytes: &[u8]| match bytes {
        [_, _, 3, ..] => protocol::ROUTING,
        _ => protocol::HOP_BY_HOP,
    };
    let first = if headers.is_empty() { last } else { kind_of(headers) };
    // The first header is the last as well unless it is shorter than all of them together.
    let length = 8 + 8 * headers.get(1).map_or(0, |units| usize::from(*units));
    let place = if length < headers.len() { length } else { 0 };
    if let Some(next) = headers.get_mut(place) {
        *next = last;
    }
    first
}

/// Writes the IPv6 header in front of `headers` bytes of extension headers, which stand in
/// `packet` already, and of `length` bytes behind them, which are of type `last`.
pub(super) fn put_front(
    packet: &mut [u8],
    (headers, length): (usize, usize),
    last: u8,
    hop_limit: u8,
    source: &Ip,
    destination: &Ip,
) -> Result<()> {
    let (header, rest) = packet.split_first_chunk_mut::<{ Header::LEN }>().ok_or(Error::TooLarge)?;
    let next_header = chain(rest.get_mut(..headers).unwrap_or_default(), last);
    // No buffer is longer than 64 KiB.
    let [high, low] = ((headers + length) as u16).to_be_bytes();
    let [a, b, c, d, e, f, g, h, ..] = header;
    [*a, *b, *c, *d] = [0x60, 0, 0, 0];
    [*e, *f, *g, *h] = [high, low, next_header, hop_limit];
    header[8..24].copy_from_slice(&source.0);
    header[24..].copy_from_slice(&destination.0);
    Ok(())
}

/// Gives a packet to the link, for a group or for a neighbour; or keeps it while the neighbour has not said where it is.
fn hand_over(
    held: &mut Held<'_>,
    link: &mut dyn Link,
    mtu: usize,
    next_hop: &Ip,
    to: LinkDestination,
    packet: Parts<'_>,
) -> Result<()> {
    if packet.len() > mtu {
        return Err(Error::TooLarge);
    }
    if cfg!(feature = "ethernet") && to == LinkDestination::Unicast(LinkAddress::None) {
        return held.keep(next_hop, packet);
    }
    link.send(packet, to)
}

impl Ipv6<'_> {
    /// Sends a packet of our own. `source` `None` leaves the choice of the source to RFC 6724.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when there is no source address or no way, [`Error::TooLarge`],
    /// and what the link says.
    pub(super) fn send_upper(
        &mut self,
        cx: &mut Context<'_>,
        source: Option<&Ip>,
        outgoing: &Outgoing<'_>,
    ) -> Result<()> {
        let destination = outgoing.destination;
        if never_leaves(destination) {
            return Err(Error::Unreachable);
        }
        let source = match source {
            Some(source) => *source,
            None => *self.addresses.source_for(destination, cx.now).ok_or(Error::Unreachable)?,
        };
        let mut headers = 0;
        let mut route = Route::straight(destination);
        let mut way = None;
        if !destination.is_multicast() {
            let mut flow = Flow::of_own(cx.now, destination, outgoing.hop_limit);
            match self.way(cx, &mut flow, usize::MAX, &mut route, &mut headers) {
                Ok(()) => way = Some(&route),
                Err(NoRoute::Outside) => {}
                // Where the mesh ends, the rest of the world begins.
                Err(NoRoute::NotMine) if self.config.role == Role::BorderRouter => {}
                Err(_) => {
                    self.statistics.no_route = self.statistics.no_route.wrapping_add(1);
                    return Err(Error::Unreachable);
                }
            }
        }
        self.send_along(cx, outgoing, &source, way, headers, 0)
    }

    /// Where a packet goes next: `route` comes as straight to the destination. `headers` becomes the length of the extension headers for its
    /// way, which stand in the buffer then, behind the room for the IPv6 header and before `end`.
    pub(super) fn way(
        &mut self,
        cx: &mut Context<'_>,
        flow: &mut Flow<'_>,
        end: usize,
        route: &mut Route,
        headers: &mut usize,
    ) -> core::result::Result<(), NoRoute> {
        let destination = flow.destination;
        // A host that registered with us is a neighbour, whatever the routes say. So is the
        // next segment of a source route between link-local addresses.
        if destination.is_link_local() || self.neighbours.is_registered(destination) {
            return Ok(());
        }
        let end = end.min(self.buffer.len());
        let mut out = Writer::new(self.buffer.get_mut(Header::LEN..end).unwrap_or_default());
        let answer = cx.routing.route(flow, route, &mut out);
        *headers = out.position();
        if answer == Err(NoRoute::NotMine)
            && !flow.source_routed
            && let Some(next_hop) = self.own_next_hop(cx, destination)
        {
            *route = Route::straight(next_hop);
            return Ok(());
        }
        answer
    }

    /// Sends a message of the routing protocol along the way that it chose itself.
    ///
    /// # Errors
    /// As [`ControlPlane::send`](super::routing::ControlPlane::send).
    pub fn send_control(&mut self, cx: &mut Context<'_>, message: &ControlMessage<'_>) -> Result<()> {
        let destination = message.destination;
        let multicast = destination.is_multicast();
        let on_link = multicast || destination.is_link_local();
        let source = match message.source {
            Some(source) => *source,
            None if on_link => self.link_local(),
            None => *self.addresses.source_for(destination, cx.now).ok_or(Error::Unreachable)?,
        };
        let outgoing = Outgoing {
            destination,
            hop_limit: if on_link { HOP_LIMIT } else { self.config.hop_limit },
            protocol: protocol::ICMPV6,
            upper: &[kind::RPL_CONTROL, message.code, 0, 0],
            body: message.body,
        };
        let room = self.buffer.get_mut(Header::LEN..).unwrap_or_default();
        if copy(room, message.headers) != message.headers.len() {
            return Err(Error::TooLarge);
        }
        let straight = Route::straight(destination);
        let route = if multicast { None } else { Some(message.route.unwrap_or(&straight)) };
        self.send_along(cx, &outgoing, &source, route, message.headers.len(), 0)
    }

    /// Sends a packet whose way is known: to a group, or without `route` to the host side. Its `headers` bytes of
    /// extension headers stand in the buffer behind the room for the IPv6 header, and `written` bytes more behind
    /// its upper-layer header.
    pub(super) fn send_along(
        &mut self,
        cx: &mut Context<'_>,
        outgoing: &Outgoing<'_>,
        source: &Ip,
        route: Option<&Route>,
        headers: usize,
        written: usize,
    ) -> Result<()> {
        // There is no loop within the node, and what is for it does not belong on the air.
        if self.addresses.is_own(outgoing.destination) {
            return Err(Error::Unreachable);
        }
        let mut link = LinkAddress::None;
        let mut encapsulation = &Encapsulation::None;
        if let Some(route) = route {
            link = route.link;
            if !self.resolve(cx, &route.next_hop, &mut link) {
                return Err(Error::Unreachable);
            }
            encapsulation = &route.encapsulation;
        }
        let (headers, inner) = match encapsulation {
            Encapsulation::None => (0, 0),
            Encapsulation::Insert { .. } => (headers, 0),
            Encapsulation::Tunnel { .. } => (headers, Header::LEN),
        };
        let front = Header::LEN + headers + inner;
        let upper = self.write_upper(outgoing, front)? + written;
        let mut body = outgoing.body;
        let protocol = outgoing.protocol;
        let is_error = protocol == protocol::ICMPV6
            && outgoing.upper.first().is_some_and(|kind| *kind < kind::ECHO_REQUEST);
        // No path MTU is discovered: the packet is one for the smallest (RFC 8200 §5), but for the headers of the way, and
        // but for neighbours on Ethernet.
        let neighbour = self.config.medium() == Medium::Ethernet
            && route.is_some_and(|route| route.next_hop == *outgoing.destination);
        let most = if neighbour { self.link_mtu(cx) } else { MIN_MTU };
        let room = usize::from(self.config.packet).saturating_sub(front + upper);
        let room = room.min(most.saturating_sub(Header::LEN + upper));
        let along = Along { route, link: &link, encapsulation, headers, source, outgoing };
        #[cfg(feature = "reassembly")]
        if !is_error && body.len() > room {
            return self.send_in_fragments(cx, &along, front);
        }
        if body.len() > room {
            if !is_error {
                return Err(Error::TooLarge);
            }
            body = body.get(..room).unwrap_or_default();
        }
        let out = self.buffer.get_mut(front..front + upper).unwrap_or_default();
        seal(source, outgoing.destination, protocol, out, body);
        self.send_piece(cx, &along, protocol, upper, body)
    }

    /// Writes the upper-layer header to its place, and says how long it is.
    fn write_upper(&mut self, outgoing: &Outgoing<'_>, at: usize) -> Result<usize> {
        let room = self.buffer.get_mut(at..).unwrap_or_default();
        if copy(room, outgoing.upper) < outgoing.upper.len() {
            return Err(Error::TooLarge);
        }
        Ok(outgoing.upper.len())
    }

    /// Sends a packet that does not fit one of the smallest MTU in fragments (RFC 8200 §4.5), the headers of the
    /// way in each of them.
    #[cfg(feature = "reassembly")]
    fn send_in_fragments(&mut self, cx: &mut Context<'_>, along: &Along<'_>, front: usize) -> Result<()> {
        let Along { source, outgoing, .. } = *along;
        let at = front + Fragment::LEN;
        let protocol = outgoing.protocol;
        let mut upper = self.write_upper(outgoing, at)?;
        let mut body = outgoing.body;
        if Header::LEN + upper + body.len() > LARGEST {
            return Err(Error::TooLarge);
        }
        let out = self.buffer.get_mut(at..at + upper).unwrap_or_default();
        seal(source, outgoing.destination, protocol, out, body);
        let identification = cx.random.u32();
        // How much of the packet goes in one fragment.
        let room = usize::from(self.config.packet).saturating_sub(at);
        let room = room.min(MIN_MTU - Header::LEN - Fragment::LEN) & !7;
        let mut offset = 0;
        // Each round sends a fragment; the packet ends, as `room` is not 0.
        loop {
            let more = upper + body.len() > room;
            let count = if more { room.checked_sub(upper).ok_or(Error::TooLarge)? } else { body.len() };
            let (piece, rest) = body.split_at_checked(count).filter(|_| room > 0).ok_or(Error::TooLarge)?;
            let fragment = Fragment { next_header: protocol, offset, more, identification };
            fragment.emit(&mut Writer::new(self.buffer.get_mut(front..at).unwrap_or_default()))?;
            self.send_piece(cx, along, protocol::FRAGMENT, Fragment::LEN + upper, piece)?;
            if !more {
                return Ok(());
            }
            (offset, upper, body) = (offset + room as u16, 0, rest);
        }
    }

    /// Puts the headers of the way in front of the `upper` bytes of type `protocol` that stand behind their room in
    /// the buffer, and sends them and `body`.
    fn send_piece(
        &mut self,
        cx: &mut Context<'_>,
        along: &Along<'_>,
        protocol: u8,
        upper: usize,
        body: &[u8],
    ) -> Result<()> {
        let Along { route, link, encapsulation, headers, source, outgoing } = *along;
        let mtu = self.link_mtu(cx);
        let length = upper + body.len();
        let inner = if matches!(encapsulation, Encapsulation::Tunnel { .. }) { Header::LEN } else { 0 };
        let front = Header::LEN + headers + inner;
        let (mut last, mut hop_limit, mut to) = (protocol, outgoing.hop_limit, outgoing.destination);
        let mut from = *source;
        match encapsulation {
            Encapsulation::None => {}
            Encapsulation::Insert { destination } => to = destination,
            Encapsulation::Tunnel { destination, segments_left } => {
                let inner = self.buffer.get_mut(Header::LEN + headers..).unwrap_or_default();
                let left = hop_limit.saturating_sub(*segments_left).max(1);
                put_front(inner, (0, length), protocol, left, source, to)?;
                (last, to) = (protocol::IPV6, destination);
                hop_limit = self.tunnel_hop_limit(*segments_left);
                if let Some(own) = self.addresses.source_for(to, cx.now) {
                    from = *own;
                }
            }
        }
        put_front(self.buffer, (headers, inner + length), last, hop_limit, &from, to)?;
        let packet = Parts { head: self.buffer.get(..front + upper).unwrap_or_default(), tail: body };
        let (next_hop, to) = match route {
            Some(route) => (&route.next_hop, LinkDestination::Unicast(*link)),
            None => (outgoing.destination, LinkDestination::Multicast(*outgoing.destination)),
        };
        let sent = if route.is_none() && !outgoing.destination.is_multicast() {
            cx.link.send_outside(packet)
        } else {
            hand_over(&mut self.held, cx.link, mtu, next_hop, to, packet)
        };
        let counter = match sent {
            Ok(()) => &mut self.statistics.sent,
            Err(Error::TooLarge) => return sent,
            Err(_) => &mut self.statistics.link_refused,
        };
        *counter = counter.wrapping_add(1);
        sent
    }

    /// Enough for the source route within, at least the usual.
    fn tunnel_hop_limit(&self, segments_left: u8) -> u8 {
        self.config.hop_limit.max(segments_left.saturating_add(1))
    }

    /// Puts a packet that came, or its tunnel, onto its way. `packet` is whole.
    pub(super) fn send_forwarded(
        &mut self,
        cx: &mut Context<'_>,
        packet: &mut [u8],
        route: &Route,
        headers: usize,
    ) -> Result<()> {
        let mut link = route.link;
        if !self.resolve(cx, &route.next_hop, &mut link) {
            return Err(Error::Unreachable);
        }
        let mtu = self.link_mtu(cx);
        let packet = match &route.encapsulation {
            Encapsulation::None => Parts::whole(packet),
            // Nothing is inserted into packets of others (RFC 8200 §4).
            Encapsulation::Insert { .. } => return Err(Error::Protocol),
            Encapsulation::Tunnel { destination, segments_left } => {
                // RFC 6554 §4.1; the usual 1 has been taken off already.
                if let [_, _, _, _, _, _, _, hop_limit, ..] = packet {
                    *hop_limit = hop_limit.saturating_sub(*segments_left).max(1);
                }
                let source = self.addresses.source_for(destination, cx.now).ok_or(Error::Unreachable)?;
                let front = Header::LEN + headers;
                let length = packet.len();
                if front + length > usize::from(self.config.packet) {
                    return Err(Error::TooLarge);
                }
                let hop_limit = self.tunnel_hop_limit(*segments_left);
                put_front(self.buffer, (headers, length), protocol::IPV6, hop_limit, source, destination)?;
                Parts { head: self.buffer.get(..front).unwrap_or_default(), tail: packet }
            }
        };
        let to = LinkDestination::Unicast(link);
        hand_over(&mut self.held, cx.link, mtu, &route.next_hop, to, packet)
    }

    /// The largest packet that the link carries, or less if its routers say so (RFC 4861 §6.3.4).
    pub(super) fn link_mtu(&self, cx: &Context<'_>) -> usize {
        #[cfg(feature = "ethernet")]
        return cx.link.mtu().min(self.nd.ethernet.mtu());
        #[cfg(not(feature = "ethernet"))]
        cx.link.mtu()
    }

    /// The next hop by our own tables for what is not a neighbour: the destination itself when
    /// its prefix is on the link, else a default router (RFC 4861 §5.2, RFC 6775 §5.6), unless one has told of a better hop.
    pub(super) fn own_next_hop<'i>(&'i self, cx: &Context<'_>, destination: &'i Ip) -> Option<&'i Ip> {
        #[cfg(feature = "ethernet")]
        if let Some(target) = self.redirected(destination) {
            return Some(target);
        }
        if self.config.medium() == Medium::Ethernet && self.is_on_link(cx, destination) {
            return Some(destination);
        }
        self.default_router(cx.now)
    }

    /// Whether the prefix of an address is on the link.
    pub(super) fn is_on_link(&self, cx: &Context<'_>, ip: &Ip) -> bool {
        self.prefixes().any(|prefix| {
            prefix.flags & PrefixInformation::ON_LINK != 0
                && !prefix.until.is_due(cx.now)
                && in_prefix(ip, &prefix.ip, prefix.prefix_len)
        })
    }

    /// Sends an echo request (RFC 4443 §4.1). The reply comes as
    /// [`Event::EchoReply`](super::Event::EchoReply); that there is none is for the caller's clock to notice.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when there is no source address or no way, or the destination is an address of our own;
    /// [`Error::TooLarge`], and what the link says.
    pub fn ping(
        &mut self,
        cx: &mut Context<'_>,
        destination: &Ip,
        hop_limit: Option<u8>,
        echo: &icmpv6::Echo<'_>,
    ) -> Result<()> {
        let ([a, b], [c, d]) = (echo.identifier.to_be_bytes(), echo.sequence.to_be_bytes());
        let outgoing = Outgoing {
            destination,
            hop_limit: hop_limit.unwrap_or(self.config.hop_limit),
            protocol: protocol::ICMPV6,
            upper: &[kind::ECHO_REQUEST, 0, 0, 0, a, b, c, d],
            body: echo.data,
        };
        self.send_upper(cx, None, &outgoing)
    }

    /// Sends a message of neighbour discovery of which `length` bytes were written to [`message`]: to a
    /// neighbour or a group, with the hop limit that only neighbours can send, from the link-local address if no
    /// other is given. What is lost is asked for again, so that nobody needs to know whether it was sent.
    pub(super) fn send_nd(
        &mut self,
        cx: &mut Context<'_>,
        kind: u8,
        source: Option<&Ip>,
        destination: &Ip,
        length: usize,
    ) {
        let own = self.link_local();
        let outgoing = Outgoing {
            destination,
            hop_limit: HOP_LIMIT,
            protocol: protocol::ICMPV6,
            upper: &[kind, 0, 0, 0],
            body: &[],
        };
        let straight = Route::straight(destination);
        let route = if destination.is_multicast() { None } else { Some(&straight) };
        let _ = self.send_along(cx, &outgoing, source.unwrap_or(&own), route, 0, length);
    }
}
