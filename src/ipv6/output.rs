// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets of our own, and the last step of every packet: to which link address it goes.
#![forbid(unsafe_code)]

use super::link::{LinkAddress, LinkDestination};
use super::neighbours::NeighbourState;
use super::routing::{ControlMessage, Encapsulation, Flow, NoRoute, Route};
use super::source_selection::in_prefix;
use super::wire::header::Header;
use super::wire::icmpv6::{self, Icmpv6, kind};
use super::wire::nd::Medium;
use super::wire::protocol;
use super::{Context, Ipv6, Role, nd};
use crate::address::Ip;
use crate::bytes::{Writer, copy};
use crate::status::{Error, Result};

/// A packet of our own, but for its payload.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// The source; `None` leaves the choice to RFC 6724.
    pub source: Option<Ip>,
    /// The destination.
    pub destination: Ip,
    /// The hop limit.
    pub hop_limit: u8,
    /// What the payload is, see [`protocol`].
    pub protocol: u8,
}

/// One packet that waits for the link address of its next hop (RFC 4861 §7.2.2).
#[derive(Debug)]
pub(super) struct Held<'m> {
    buffer: &'m mut [u8],
    length: usize,
    next_hop: Ip,
}

impl<'m> Held<'m> {
    pub(super) const fn new(buffer: &'m mut [u8]) -> Held<'m> {
        Held { buffer, length: 0, next_hop: Ip::UNSPECIFIED }
    }

    /// Keeps `packet`; one that waited before gives way to it.
    fn hold(&mut self, next_hop: &Ip, packet: &[u8]) -> Result<()> {
        if packet.len() > self.buffer.len() {
            return Err(Error::Unreachable);
        }
        self.length = copy(self.buffer, packet);
        self.next_hop = *next_hop;
        Ok(())
    }
}

/// What to do to reach a next hop.
pub(super) enum Resolution {
    /// Send there.
    Link(LinkDestination),
    /// Wait for the neighbour to say where it is.
    Wait,
    /// There is no telling.
    Unknown,
}

/// The way of a packet of our own.
enum Way {
    Hop(Route),
    Multicast,
    Outside,
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

impl Ipv6<'_> {
    /// Sends a packet of our own whose payload `write` appends, given source and destination for
    /// the checksum.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when there is no source address or no way, [`Error::TooLarge`],
    /// and what the link says.
    pub fn send_upper(
        &mut self,
        cx: &mut Context<'_>,
        outgoing: &Outgoing,
        write: &mut dyn FnMut(&Ip, &Ip, &mut Writer<'_>) -> Result<()>,
    ) -> Result<()> {
        let destination = outgoing.destination;
        let source = match outgoing.source {
            Some(source) => source,
            None => self.addresses.source_for(&destination, cx.now).ok_or(Error::Unreachable)?,
        };
        let mut headers = 0;
        let way = if destination.is_multicast() {
            Way::Multicast
        } else {
            let room = self.buffer.get_mut(Header::LEN..).unwrap_or_default();
            let mut out = Writer::new(room);
            let flow = Flow {
                now: cx.now,
                source,
                destination,
                from: LinkAddress::None,
                own: true,
                hop_limit: outgoing.hop_limit,
                source_routed: false,
                rpl_option: None,
            };
            let direct = destination.is_link_local() || self.neighbours.is_registered(&destination);
            let answer = if direct {
                Ok(Route::on_link(destination, LinkAddress::None))
            } else {
                cx.routing.route(flow, &mut out)
            };
            headers = out.position();
            match answer {
                Ok(route) => Way::Hop(route),
                Err(NoRoute::Outside) => Way::Outside,
                Err(NoRoute::NotMine) => {
                    match self.own_next_hop(cx, &destination) {
                        Some(hop) => Way::Hop(Route::on_link(hop, LinkAddress::None)),
                        // Where the mesh ends, the rest of the world begins.
                        None if self.config.role == Role::BorderRouter => Way::Outside,
                        None => return Err(Error::Unreachable),
                    }
                }
                Err(_) => {
                    self.statistics.no_route = self.statistics.no_route.wrapping_add(1);
                    return Err(Error::Unreachable);
                }
            }
        };
        let complete = Outgoing { source: Some(source), ..*outgoing };
        self.send_along(cx, &complete, way, headers, write)
    }

    /// Sends a message of the routing protocol along the way that it chose itself.
    ///
    /// # Errors
    /// As [`ControlPlane::send`](super::routing::ControlPlane::send).
    pub fn send_control(&mut self, cx: &mut Context<'_>, message: &ControlMessage<'_>) -> Result<()> {
        let destination = message.destination;
        let source = if !message.source.is_unspecified() {
            message.source
        } else if destination.is_multicast() || destination.is_link_local() {
            self.link_local()
        } else {
            self.addresses.source_for(&destination, cx.now).ok_or(Error::Unreachable)?
        };
        let on_link = destination.is_multicast() || destination.is_link_local();
        let outgoing = Outgoing {
            source: Some(source),
            destination,
            hop_limit: if on_link { nd::HOP_LIMIT } else { self.config.hop_limit },
            protocol: protocol::ICMPV6,
        };
        let room = self.buffer.get_mut(Header::LEN..).unwrap_or_default();
        if copy(room, message.headers) != message.headers.len() {
            return Err(Error::TooLarge);
        }
        let way = if destination.is_multicast() { Way::Multicast } else { Way::Hop(message.route) };
        let icmp = Icmpv6 { kind: kind::RPL_CONTROL, code: message.code, body: message.body };
        self.send_along(cx, &outgoing, way, message.headers.len(), &mut |source, destination, out| {
            icmp.emit(source, destination, out)
        })
    }

    /// Sends a packet whose way is known; its `headers` bytes of extension headers stand in the
    /// buffer behind the room for the IPv6 header.
    fn send_along(
        &mut self,
        cx: &mut Context<'_>,
        outgoing: &Outgoing,
        way: Way,
        headers: usize,
        write: &mut dyn FnMut(&Ip, &Ip, &mut Writer<'_>) -> Result<()>,
    ) -> Result<()> {
        let source = outgoing.source.unwrap_or(Ip::UNSPECIFIED);
        let encapsulation = match &way {
            Way::Hop(route) => route.encapsulation,
            Way::Multicast | Way::Outside => Encapsulation::None,
        };
        let resolution = match &way {
            Way::Hop(route) => self.resolve(cx, &route.next_hop, route.link),
            Way::Multicast => Resolution::Link(LinkDestination::Multicast(outgoing.destination)),
            Way::Outside => Resolution::Wait,
        };
        if matches!(resolution, Resolution::Unknown) {
            return Err(Error::Unreachable);
        }
        let headers = if encapsulation == Encapsulation::None { 0 } else { headers };
        let tunnel = if matches!(encapsulation, Encapsulation::Tunnel { .. }) { Header::LEN } else { 0 };
        let front = Header::LEN + headers + tunnel;
        let (head, body) = self.buffer.split_at_mut_checked(front).ok_or(Error::TooLarge)?;
        let mut out = Writer::new(body);
        write(&source, &outgoing.destination, &mut out)?;
        let length = out.position();
        let payload = u16::try_from(length + headers + tunnel).map_err(|_| Error::TooLarge)?;
        let mut header = Header {
            traffic_class: 0,
            flow_label: 0,
            payload_length: payload,
            next_header: outgoing.protocol,
            hop_limit: outgoing.hop_limit,
            source,
            destination: outgoing.destination,
        };
        let (outer, rest) = head.split_at_mut_checked(Header::LEN).ok_or(Error::TooLarge)?;
        let (extension, inner) = rest.split_at_mut_checked(headers).ok_or(Error::TooLarge)?;
        match encapsulation {
            Encapsulation::None => {}
            Encapsulation::Insert { destination } => {
                header.next_header = chain(extension, outgoing.protocol);
                header.destination = destination;
            }
            Encapsulation::Tunnel { destination, segments_left } => {
                Header {
                    payload_length: length as u16,
                    hop_limit: outgoing.hop_limit.saturating_sub(segments_left).max(1),
                    ..header
                }
                .emit(&mut Writer::new(inner))?;
                header.next_header = chain(extension, protocol::IPV6);
                header.destination = destination;
                header.hop_limit = self.config.hop_limit.max(segments_left.saturating_add(1));
                if let Some(own) = self.addresses.source_for(&destination, cx.now) {
                    header.source = own;
                }
            }
        }
        header.emit(&mut Writer::new(outer))?;
        let packet = self.buffer.get(..front + length).unwrap_or_default();
        let sent = match (way, resolution) {
            (Way::Outside, _) => cx.link.send_outside(packet),
            (_, Resolution::Link(to)) => {
                if packet.len() > cx.link.mtu() {
                    return Err(Error::TooLarge);
                }
                cx.link.send(packet, to)
            }
            (Way::Hop(route), _) => self.held.hold(&route.next_hop, packet),
            (Way::Multicast, _) => Err(Error::Unreachable),
        };
        match sent {
            Ok(()) => self.statistics.sent = self.statistics.sent.wrapping_add(1),
            Err(_) => self.statistics.link_refused = self.statistics.link_refused.wrapping_add(1),
        }
        sent
    }

    /// Puts a packet that came, or its tunnel, onto its way. `packet` is whole.
    pub(super) fn send_forwarded(
        &mut self,
        cx: &mut Context<'_>,
        packet: &mut [u8],
        route: &Route,
        headers: usize,
    ) -> Result<()> {
        let resolution = self.resolve(cx, &route.next_hop, route.link);
        if matches!(resolution, Resolution::Unknown) {
            return Err(Error::Unreachable);
        }
        let packet = match route.encapsulation {
            Encapsulation::None => &*packet,
            // Nothing is inserted into packets of others (RFC 8200 §4).
            Encapsulation::Insert { .. } => return Err(Error::Protocol),
            Encapsulation::Tunnel { destination, segments_left } => {
                // RFC 6554 §4.1; the usual 1 has been taken off already.
                if let [_, _, _, _, _, _, _, hop_limit, ..] = packet {
                    *hop_limit = hop_limit.saturating_sub(segments_left).max(1);
                }
                let source = self.addresses.source_for(&destination, cx.now).ok_or(Error::Unreachable)?;
                let front = Header::LEN + headers;
                let (head, body) = self.buffer.split_at_mut_checked(front).ok_or(Error::TooLarge)?;
                if copy(body, packet) != packet.len() {
                    return Err(Error::TooLarge);
                }
                let (outer, extension) = head.split_at_mut_checked(Header::LEN).ok_or(Error::TooLarge)?;
                Header {
                    traffic_class: 0,
                    flow_label: 0,
                    payload_length: u16::try_from(headers + packet.len()).map_err(|_| Error::TooLarge)?,
                    next_header: chain(extension, protocol::IPV6),
                    hop_limit: self.config.hop_limit.max(segments_left.saturating_add(1)),
                    source,
                    destination,
                }
                .emit(&mut Writer::new(outer))?;
                self.buffer.get(..front + packet.len()).unwrap_or_default()
            }
        };
        if packet.len() > cx.link.mtu() {
            return Err(Error::TooLarge);
        }
        match resolution {
            Resolution::Link(to) => cx.link.send(packet, to),
            _ => self.held.hold(&route.next_hop, packet),
        }
    }

    /// The next hop by our own tables: the destination itself when it is a neighbour or its
    /// prefix is on the link, else a default router (RFC 4861 §5.2, RFC 6775 §5.6).
    pub(super) fn own_next_hop(&self, cx: &Context<'_>, destination: &Ip) -> Option<Ip> {
        if destination.is_link_local() || self.neighbours.is_registered(destination) {
            return Some(*destination);
        }
        let on_link = self.config.medium == Medium::Ethernet
            && self.prefixes().any(|prefix| {
                prefix.on_link
                    && !prefix.valid_until.is_due(cx.now)
                    && in_prefix(destination, &prefix.prefix, prefix.prefix_len)
            });
        if on_link {
            return Some(*destination);
        }
        self.default_router(cx.now)
    }

    /// The link address of a next hop. Starts address resolution on Ethernet.
    pub(super) fn resolve(&mut self, cx: &mut Context<'_>, next_hop: &Ip, hint: LinkAddress) -> Resolution {
        if hint.is_some() {
            return Resolution::Link(LinkDestination::Unicast(hint));
        }
        if self.config.medium == Medium::Ieee802154 {
            let link = self.neighbours.link_address(next_hop);
            // RFC 6775 §5.6 for link-local addresses; the same holds for those of routers.
            let link = link.unwrap_or_else(|| LinkAddress::from_interface_identifier(next_hop));
            return if link.is_some() {
                Resolution::Link(LinkDestination::Unicast(link))
            } else {
                Resolution::Unknown
            };
        }
        let Ok(neighbour) = self.neighbours.obtain(next_hop, NeighbourState::Incomplete) else {
            self.statistics.neighbours_full = self.statistics.neighbours_full.wrapping_add(1);
            return Resolution::Unknown;
        };
        if neighbour.state == NeighbourState::Incomplete {
            if neighbour.probes == 0 {
                // The solicitation leaves with the next poll, which is due at once.
                neighbour.probes = 1;
                neighbour.timer = cx.now;
            }
            return Resolution::Wait;
        }
        let expired = neighbour.state == NeighbourState::Reachable && neighbour.until.is_due(cx.now);
        if expired || neighbour.state == NeighbourState::Stale {
            neighbour.state = NeighbourState::Delay;
            neighbour.probes = 0;
            neighbour.timer = cx.now.after(nd::DELAY_FIRST_PROBE_TIME);
        }
        Resolution::Link(LinkDestination::Unicast(neighbour.link))
    }

    /// Sends the packet that waited for this neighbour, now that its link address is known.
    pub(super) fn release_held(&mut self, cx: &mut Context<'_>, next_hop: &Ip, link: LinkAddress) {
        if self.held.length > 0 && self.held.next_hop == *next_hop {
            let packet = self.held.buffer.get(..self.held.length).unwrap_or_default();
            // Refused by the link as any other packet would be.
            let _ = cx.link.send(packet, LinkDestination::Unicast(link));
            self.held.length = 0;
        }
    }

    /// Sends an ICMPv6 message whose body `write` appends.
    ///
    /// # Errors
    /// As [`Ipv6::send_upper`].
    pub(super) fn send_icmp(
        &mut self,
        cx: &mut Context<'_>,
        outgoing: &Outgoing,
        (kind, code): (u8, u8),
        write: &mut dyn FnMut(&mut Writer<'_>) -> Result<()>,
    ) -> Result<()> {
        self.send_upper(cx, outgoing, &mut |source, destination, out| {
            let start = out.position();
            out.put(&[kind, code, 0, 0])?;
            write(out)?;
            icmpv6::seal(source, destination, out, start);
            Ok(())
        })
    }

    /// Sends an echo request (RFC 4443 §4.1). The reply comes as
    /// [`Event::EchoReply`](super::Event::EchoReply); that there is none is for the caller's clock to notice.
    ///
    /// # Errors
    /// As [`Ipv6::send_upper`].
    pub fn ping(
        &mut self,
        cx: &mut Context<'_>,
        destination: &Ip,
        hop_limit: Option<u8>,
        echo: &icmpv6::Echo<'_>,
    ) -> Result<()> {
        let outgoing = Outgoing {
            source: None,
            destination: *destination,
            hop_limit: hop_limit.unwrap_or(self.config.hop_limit),
            protocol: protocol::ICMPV6,
        };
        self.send_icmp(cx, &outgoing, (kind::ECHO_REQUEST, 0), &mut |out| echo.emit(out))
    }
}
