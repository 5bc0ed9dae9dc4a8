// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets that come: validation, the walk through their headers, delivery.
#![forbid(unsafe_code)]

use super::addresses::{Address, AddressState};
use super::errors::Problem;
use super::event::{Arrival, Event};
use super::extensions::{Outcome, Walk};
use super::output::Outgoing;
use super::routing::RoutingError;
use super::wire::header::{ends, never_leaves};
use super::wire::icmpv6::{Echo, ErrorMessage, Icmpv6, kind, unreachable};
use super::wire::nd::Medium;
use super::wire::udp::Udp;
use super::wire::{Header, exthdr, protocol};
use super::{Context, Ipv6};
use crate::address::{Ip, SocketAddress};
use crate::transport::Path;

/// How many packets may lie within one another.
const MAX_NESTING: usize = 4;

impl Ipv6<'_> {
    /// A packet came. It is whole, uncompressed and reassembled; `packet` is used as scratch
    /// memory, and what lies behind the packet's announced length is ignored.
    #[inline(never)] // Its frame is not to lie below that of the routing protocol.
    pub fn receive<'d>(
        &mut self,
        cx: &mut Context<'_>,
        arrival: Arrival,
        packet: &'d mut [u8],
    ) -> Option<Event<'d>> {
        self.statistics.received = self.statistics.received.wrapping_add(1);
        let mut packet = packet;
        let mut walk = Walk::new(arrival);
        for _ in 0..MAX_NESTING {
            match self.process(cx, packet, &mut walk) {
                Outcome::Done => return None,
                Outcome::Inner(range) => {
                    walk.tunnelled = true;
                    packet = packet.get_mut(range)?;
                }
                Outcome::Deliver(length) => return self.deliver(cx, packet.get(..length)?, &walk),
            }
        }
        self.malformed();
        None
    }

    pub(super) fn malformed(&mut self) -> Outcome {
        self.statistics.malformed = self.statistics.malformed.wrapping_add(1);
        Outcome::Done
    }

    pub(super) fn not_for_us(&mut self) -> Outcome {
        self.statistics.not_for_us = self.statistics.not_for_us.wrapping_add(1);
        Outcome::Done
    }

    /// Whether packets to this address are for us. One that waits for its registration is, as routers that know
    /// RFC 6775 alone send the answer to it.
    fn answers_to(&self, ip: &Ip) -> bool {
        self.addresses.find(ip).is_some_and(|address| match address.state {
            AddressState::Tentative => self.config.medium() == Medium::Ieee802154,
            state => state == AddressState::Preferred,
        })
    }

    fn process(&mut self, cx: &mut Context<'_>, packet: &mut [u8], walk: &mut Walk) -> Outcome {
        let Ok(length) = walk.begin(packet) else { return self.malformed() };
        let Some(packet) = packet.get_mut(..length) else { return self.malformed() };
        let header = &walk.header;
        // RFC 4291 §2.5.3, §2.5.6, §2.7: what can never be on a link, or come from beyond it.
        let beyond = walk.tunnelled || walk.arrival.outside;
        let impossible = header.source.is_multicast()
            || header.source == Ip::LOOPBACK
            || never_leaves(&header.destination)
            || beyond && (header.source.is_link_local() || header.destination.is_link_local());
        if impossible {
            return self.malformed();
        }
        let to_group = header.destination.is_multicast();
        let for_us = if to_group {
            self.addresses.is_member(&header.destination)
        } else {
            self.answers_to(&header.destination)
        };
        // RFC 4862 §5.4: nor is it passed on while it may be ours.
        let undecided = self.config.medium() == Medium::Ethernet
            && self.addresses.find(&header.destination).is_some_and(Address::is_tentative);
        // The options are not a matter of those who only overhear it.
        if !for_us && (to_group || undecided || !self.forwards(&walk.arrival)) {
            if !to_group && !walk.arrival.multicast {
                cx.routing.on_error(cx.now, RoutingError::NoRouter { neighbour: walk.arrival.from });
            }
            return self.not_for_us();
        }
        if self.hop_by_hop(cx, packet, walk).is_none() {
            return Outcome::Done;
        }
        if !for_us {
            self.forward(cx, packet, walk, false);
            return Outcome::Done;
        }
        match self.walk_extensions(cx, packet, walk) {
            None => Outcome::Done,
            // Tunnels into the mesh begin at its root, not outside (RFC 6554 §5).
            Some(()) if walk.next_header == protocol::IPV6 && walk.arrival.outside => self.malformed(),
            Some(()) if walk.next_header == protocol::IPV6 => Outcome::Inner(walk.offset..length),
            Some(()) => Outcome::Deliver(length),
        }
    }

    /// Hands the upper-layer packet, which begins at `walk.offset`, to whom it concerns.
    fn deliver<'d>(&mut self, cx: &mut Context<'_>, packet: &'d [u8], walk: &Walk) -> Option<Event<'d>> {
        let header = &walk.header;
        let upper = packet.get(walk.offset..).unwrap_or_default();
        // RFC 4862 §5.4: an address that waits for its registration takes in what became of that, and nothing else.
        let usable = header.destination.is_multicast() || self.addresses.is_own(&header.destination);
        let outcome =
            walk.next_header == protocol::ICMPV6 && upper.first() == Some(&kind::NEIGHBOR_ADVERTISEMENT);
        if !usable && !outcome {
            self.not_for_us();
            return None;
        }
        let problem = match walk.next_header {
            protocol::UDP => {
                let Ok((udp, data)) = Udp::parse(&header.source, &header.destination, upper) else {
                    self.malformed();
                    return None;
                };
                self.statistics.delivered = self.statistics.delivered.wrapping_add(1);
                if let Some(socket) = self.socket_for(&header.destination, udp.destination_port) {
                    let remote = SocketAddress { ip: header.source, scope: 0, port: udp.source_port };
                    let path = Path { remote, local: header.destination };
                    return Some(Event::Udp { socket, path, data });
                }
                Problem::unreachable(unreachable::PORT)
            }
            protocol::ICMPV6 => {
                let Ok(message) = Icmpv6::parse(&header.source, &header.destination, upper) else {
                    self.malformed();
                    return None;
                };
                self.statistics.delivered = self.statistics.delivered.wrapping_add(1);
                return self.icmp(cx, packet, walk, &message);
            }
            protocol::NO_NEXT_HEADER => return None,
            _ => Problem::parameter(super::wire::icmpv6::parameter::NEXT_HEADER, walk.next_header_at),
        };
        self.report(cx, &walk.arrival, packet, problem);
        None
    }

    fn icmp<'d>(
        &mut self,
        cx: &mut Context<'_>,
        packet: &'d [u8],
        walk: &Walk,
        message: &Icmpv6<'d>,
    ) -> Option<Event<'d>> {
        let header = &walk.header;
        match message.kind {
            kind::ECHO_REQUEST => {
                // From the address that was asked; from any suitable one if that was a group
                // (RFC 4443 §4.2).
                let to_group = header.destination.is_multicast();
                let source = if to_group { None } else { Some(&header.destination) };
                let outgoing = Outgoing {
                    destination: &header.source,
                    hop_limit: self.config.hop_limit,
                    protocol: protocol::ICMPV6,
                    upper: &[kind::ECHO_REPLY, 0, 0, 0],
                    body: message.body,
                };
                // Lost if the link has no room, as any reply can be; and nothing is sent to nobody.
                let _ = self.send_upper(cx, source, &outgoing);
                None
            }
            kind::ECHO_REPLY => match Echo::parse(message.body) {
                Ok(echo) => {
                    Some(Event::EchoReply { source: header.source, hop_limit: header.hop_limit, echo })
                }
                Err(_) => {
                    self.malformed();
                    None
                }
            },
            kind @ (kind::RPL_CONTROL | kind::ROUTER_SOLICITATION..=kind::REDIRECT)
                if walk.arrival.fragmented || walk.tunnelled && kind != kind::RPL_CONTROL =>
            {
                self.malformed();
                None
            }
            kind::RPL_CONTROL => {
                let (source, destination) = ends(packet.first_chunk()?);
                let from = walk.arrival.from;
                Some(Event::Control { source, destination, from, code: message.code, body: message.body })
            }
            kind::ROUTER_SOLICITATION..=kind::REDIRECT
            | kind::DUPLICATE_ADDRESS_REQUEST
            | kind::DUPLICATE_ADDRESS_CONFIRMATION => self.receive_nd(cx, &walk.arrival, header, message),
            #[cfg(feature = "ethernet")]
            kind::MULTICAST_LISTENER_QUERY | kind::MULTICAST_LISTENER_REPORT
                if self.config.medium() == Medium::Ethernet && !walk.tunnelled =>
            {
                self.receive_listener(cx, header, packet, message);
                None
            }
            kind if kind < 128 => self.icmp_error(cx, header.source, message),
            // Unknown informational messages are dropped silently (RFC 4443 §2.4 (b)).
            _ => None,
        }
    }

    fn icmp_error<'d>(
        &mut self,
        cx: &mut Context<'_>,
        reporter: Ip,
        message: &Icmpv6<'d>,
    ) -> Option<Event<'d>> {
        let error = ErrorMessage::parse(message).ok();
        let cut = error.and_then(|error| {
            let (head, rest) = error.invoking.split_first_chunk::<{ Header::LEN }>()?;
            // The packet inside has been cut off: its length is not looked at.
            if head[0] >> 4 == 6 { Some((error, head, rest)) } else { None }
        });
        let Some((error, head, rest)) = cut else {
            self.malformed();
            return None;
        };
        let (source, destination) = ends(head);
        // Only packets of ours are our business: anybody can make up an error.
        if !self.addresses.is_own(source) {
            return None;
        }
        if message.kind == kind::DESTINATION_UNREACHABLE && message.code == unreachable::SOURCE_ROUTE {
            cx.routing.on_error(cx.now, RoutingError::SourceRoute { reporter, unreachable: *destination });
        }
        let (protocol, upper) = exthdr::pass(head[6], rest);
        let ErrorMessage { kind, code, parameter, .. } = error;
        let destination = *destination;
        Some(Event::Error { reporter, kind, code, parameter, destination, protocol, upper })
    }
}
