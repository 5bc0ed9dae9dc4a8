// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets that come: validation, the walk through their headers, delivery.
#![forbid(unsafe_code)]

use super::addresses::AddressState;
use super::errors::Problem;
use super::extensions::Walk;
use super::link::LinkAddress;
use super::nd::ContextEntry;
use super::output::Outgoing;
use super::routing::RoutingError;
use super::wire::icmpv6::{Echo, ErrorMessage, Icmpv6, kind, unreachable};
use super::wire::nd::Medium;
use super::wire::udp::Udp;
use super::wire::{Header, exthdr, protocol};
use super::{Context, Ipv6};
use crate::address::{Ip, SocketAddress};
use crate::table::Handle;
use crate::transport::Path;
use core::ops::Range;

/// How many packets may lie within one another.
const MAX_NESTING: usize = 4;

/// How a packet came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arrival {
    /// The neighbour that handed it over; [`LinkAddress::None`] from the host side.
    pub from: LinkAddress,
    /// Whether it was sent to more than one node on the link.
    pub multicast: bool,
    /// Whether it came from the host side of a border router and not from the link.
    pub outside: bool,
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
        source: Ip,
        /// To which of our addresses or groups.
        destination: Ip,
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
    Context(ContextEntry),
    /// A host has registered an address with us: the routing protocol may make it known.
    Registered(Ip),
    /// The registration of an address has ended.
    Deregistered(Ip),
}

/// A delivery, with ranges of the packet instead of references.
pub(super) enum Found {
    Udp {
        socket: Handle,
        path: Path,
        data: Range<usize>,
    },
    EchoReply {
        source: Ip,
        hop_limit: u8,
        identifier: u16,
        sequence: u16,
        data: Range<usize>,
    },
    Control {
        source: Ip,
        destination: Ip,
        code: u8,
        body: Range<usize>,
    },
    Error {
        reporter: Ip,
        kind: u8,
        code: u8,
        parameter: u32,
        destination: Ip,
        protocol: u8,
        upper: Range<usize>,
    },
    Ready(Event<'static>),
}

/// What becomes of a packet.
pub(super) enum Outcome {
    /// Nothing more.
    Done,
    /// It holds another packet for us.
    Inner(Range<usize>),
    /// The application is told.
    Found(Found),
}

impl Ipv6<'_> {
    /// A packet came. It is whole, uncompressed and reassembled; `packet` is used as scratch
    /// memory, and what lies behind the packet's announced length is ignored.
    pub fn receive<'d>(
        &mut self,
        cx: &mut Context<'_>,
        arrival: Arrival,
        packet: &'d mut [u8],
    ) -> Option<Event<'d>> {
        self.statistics.received = self.statistics.received.wrapping_add(1);
        let mut packet = packet;
        for _ in 0..MAX_NESTING {
            match self.process(cx, &arrival, packet) {
                Outcome::Done => return None,
                Outcome::Inner(range) => packet = packet.get_mut(range)?,
                Outcome::Found(found) => return Some(lend(found, packet, arrival.from)),
            }
        }
        self.statistics.malformed = self.statistics.malformed.wrapping_add(1);
        None
    }

    pub(super) fn malformed(&mut self) -> Outcome {
        self.statistics.malformed = self.statistics.malformed.wrapping_add(1);
        Outcome::Done
    }

    /// Whether an address of ours waits for its registration: the answer is sent to it by routers
    /// that know RFC 6775 alone.
    fn is_being_registered(&self, ip: &Ip) -> bool {
        self.config.medium() == Medium::Ieee802154
            && self.addresses.find(ip).is_some_and(|address| address.state == AddressState::Tentative)
    }

    fn process(&mut self, cx: &mut Context<'_>, arrival: &Arrival, packet: &mut [u8]) -> Outcome {
        let Ok((header, payload)) = Header::parse(packet) else { return self.malformed() };
        let length = Header::LEN + payload.len();
        let Some(packet) = packet.get_mut(..length) else { return self.malformed() };
        // RFC 4291 §2.5.3, §2.7: what can never be on a link.
        let impossible = header.source.is_multicast()
            || header.destination.is_unspecified()
            || header.source == Ip::LOOPBACK
            || header.destination == Ip::LOOPBACK
            || matches!(header.destination.0, [0xff, scope, ..] if scope & 0xf <= 1);
        if impossible {
            return self.malformed();
        }
        let for_us = if header.destination.is_multicast() {
            self.addresses.is_member(&header.destination)
        } else {
            self.addresses.is_own(&header.destination) || self.is_being_registered(&header.destination)
        };
        let Some(mut walk) = self.hop_by_hop(cx, arrival, &header, packet, for_us) else {
            return Outcome::Done;
        };
        if !for_us {
            if header.destination.is_multicast() {
                self.statistics.not_for_us = self.statistics.not_for_us.wrapping_add(1);
                return Outcome::Done;
            }
            return self.forward(cx, arrival, header, packet, &walk, false);
        }
        match self.walk_extensions(cx, arrival, &header, packet, &mut walk) {
            Some(outcome) => outcome,
            None => self.deliver(cx, arrival, &header, packet, &walk),
        }
    }

    /// Hands the upper-layer packet, which begins at `walk.offset`, to whom it concerns.
    fn deliver(
        &mut self,
        cx: &mut Context<'_>,
        arrival: &Arrival,
        header: &Header,
        packet: &mut [u8],
        walk: &Walk,
    ) -> Outcome {
        let upper = packet.get(walk.offset..).unwrap_or_default();
        let end = packet.len();
        match walk.next_header {
            protocol::UDP => {
                let Ok((udp, data)) = Udp::parse(&header.source, &header.destination, upper) else {
                    return self.malformed();
                };
                self.statistics.delivered = self.statistics.delivered.wrapping_add(1);
                let Some(socket) = self.socket_for(&header.destination, udp.destination_port) else {
                    self.report(cx, arrival, packet, Problem::unreachable(unreachable::PORT));
                    return Outcome::Done;
                };
                let start = walk.offset + Udp::LEN;
                let remote = SocketAddress::new(header.source, udp.source_port);
                let path = Path { remote, local: header.destination };
                Outcome::Found(Found::Udp { socket, path, data: start..start + data.len() })
            }
            protocol::ICMPV6 => {
                let Ok(message) = Icmpv6::parse(&header.source, &header.destination, upper) else {
                    return self.malformed();
                };
                self.statistics.delivered = self.statistics.delivered.wrapping_add(1);
                self.icmp(cx, arrival, header, &message, walk.offset + Icmpv6::HEADER, end)
            }
            protocol::IPV6 if arrival.outside => {
                // Tunnels into the mesh begin at its root, not outside (RFC 6554 §5).
                self.malformed()
            }
            protocol::IPV6 => Outcome::Inner(walk.offset..end),
            protocol::NO_NEXT_HEADER => Outcome::Done,
            _ => {
                let problem =
                    Problem::parameter(super::wire::icmpv6::parameter::NEXT_HEADER, walk.next_header_at);
                self.report(cx, arrival, packet, problem);
                Outcome::Done
            }
        }
    }

    /// An ICMPv6 message whose body begins at `at` in the packet.
    fn icmp(
        &mut self,
        cx: &mut Context<'_>,
        arrival: &Arrival,
        header: &Header,
        message: &Icmpv6<'_>,
        at: usize,
        end: usize,
    ) -> Outcome {
        match message.kind {
            kind::ECHO_REQUEST => {
                // From the address that was asked; from any suitable one if that was a group
                // (RFC 4443 §4.2).
                let to_group = header.destination.is_multicast();
                let outgoing = Outgoing {
                    source: if to_group { None } else { Some(&header.destination) },
                    destination: &header.source,
                    hop_limit: self.config.hop_limit,
                    icmp: Some((kind::ECHO_REPLY, 0)),
                };
                if header.source.is_unspecified() {
                    return Outcome::Done;
                }
                // Lost if the link has no room, as any reply can be.
                let _ = self.send_upper(cx, &outgoing, &mut |out| out.put(message.body));
                Outcome::Done
            }
            kind::ECHO_REPLY => {
                let Ok(echo) = Echo::parse(message.body) else { return self.malformed() };
                Outcome::Found(Found::EchoReply {
                    source: header.source,
                    hop_limit: header.hop_limit,
                    identifier: echo.identifier,
                    sequence: echo.sequence,
                    data: at + 4..end,
                })
            }
            kind::RPL_CONTROL => Outcome::Found(Found::Control {
                source: header.source,
                destination: header.destination,
                code: message.code,
                body: at..end,
            }),
            kind::ROUTER_SOLICITATION..=kind::REDIRECT
            | kind::DUPLICATE_ADDRESS_REQUEST
            | kind::DUPLICATE_ADDRESS_CONFIRMATION => match self.receive_nd(cx, arrival, header, message) {
                Some(event) => Outcome::Found(Found::Ready(event)),
                None => Outcome::Done,
            },
            kind if kind < 128 => self.icmp_error(cx, header, message, at, end),
            // Unknown informational messages are dropped silently (RFC 4443 §2.4 (b)).
            _ => Outcome::Done,
        }
    }

    fn icmp_error(
        &mut self,
        cx: &mut Context<'_>,
        header: &Header,
        message: &Icmpv6<'_>,
        at: usize,
        end: usize,
    ) -> Outcome {
        let Ok(error) = ErrorMessage::parse(message) else { return self.malformed() };
        let Some((first, rest)) = error.invoking.split_first_chunk::<{ Header::LEN }>() else {
            return self.malformed();
        };
        // The packet inside has been cut off: its length is not checked.
        let mut whole = *first;
        whole[4] = 0;
        whole[5] = 0;
        let Ok((invoking, _)) = Header::parse(&whole) else { return self.malformed() };
        // Only packets of ours are our business: anybody can make up an error.
        if !self.addresses.is_own(&invoking.source) {
            return Outcome::Done;
        }
        if message.kind == kind::DESTINATION_UNREACHABLE && message.code == unreachable::SOURCE_ROUTE {
            let unreachable = invoking.destination;
            let reporter = header.source;
            cx.routing.on_error(cx.now, RoutingError::SourceRoute { reporter, unreachable });
        }
        let mut next_header = invoking.next_header;
        let mut left = rest;
        for _ in 0..exthdr::MAX_EXTENSION_HEADERS {
            if !exthdr::is_extension(next_header) {
                break;
            }
            let Ok(extension) = exthdr::Extension::parse(next_header, left) else { break };
            next_header = extension.next_header;
            left = left.get(extension.bytes.len()..).unwrap_or_default();
        }
        let start = end.saturating_sub(left.len()).max(at);
        Outcome::Found(Found::Error {
            reporter: header.source,
            kind: error.kind,
            code: error.code,
            parameter: error.parameter,
            destination: invoking.destination,
            protocol: next_header,
            upper: start..end,
        })
    }
}

/// Turns ranges into references into the packet.
fn lend(found: Found, packet: &[u8], from: LinkAddress) -> Event<'_> {
    let part = |range: Range<usize>| packet.get(range).unwrap_or_default();
    match found {
        Found::Udp { socket, path, data } => Event::Udp { socket, path, data: part(data) },
        Found::EchoReply { source, hop_limit, identifier, sequence, data } => {
            Event::EchoReply { source, hop_limit, echo: Echo { identifier, sequence, data: part(data) } }
        }
        Found::Control { source, destination, code, body } => {
            Event::Control { source, destination, from, code, body: part(body) }
        }
        Found::Error { reporter, kind, code, parameter, destination, protocol, upper } => {
            Event::Error { reporter, kind, code, parameter, destination, protocol, upper: part(upper) }
        }
        Found::Ready(event) => event,
    }
}
