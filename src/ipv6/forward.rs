// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets that go on (RFC 8200 §3, RFC 4443 §3).
#![forbid(unsafe_code)]

use super::errors::Problem;
use super::event::Arrival;
use super::extensions::{Walk, rpl_data};
use super::link::MIN_MTU;
use super::routing::{Encapsulation, Flow, MAX_ROUTE_HEADERS, NoRoute, Route};
use super::wire::header::HeaderMut;
use super::wire::icmpv6::{kind, time_exceeded, unreachable};
use super::wire::nd::Medium;
use super::wire::{Header, protocol};
use super::{Context, Ipv6, Role};
use crate::bytes::Parts;
use crate::status::Error;

impl Ipv6<'_> {
    /// Whether anything that came so goes on.
    pub(super) fn forwards(&self, arrival: &Arrival) -> bool {
        self.config.role != Role::Host && !arrival.multicast
    }

    /// Sends on a packet that is not for us, or whose source route leads on.
    pub(super) fn forward(
        &mut self,
        cx: &mut Context<'_>,
        packet: &mut [u8],
        walk: &mut Walk,
        source_routed: bool,
    ) {
        let Walk { arrival, header, .. } = walk;
        if !self.forwards(arrival) || header.source.is_unspecified() {
            self.not_for_us();
            return;
        }
        // RFC 4291 §2.5.6: an address of the link stays on the link. A source route between
        // neighbours may use such addresses.
        let beyond = header.source.is_link_local() && !header.destination.is_link_local();
        if beyond || (header.destination.is_link_local() && !source_routed) {
            self.not_for_us();
            if beyond {
                self.report(cx, arrival, packet, Problem::unreachable(unreachable::BEYOND_SCOPE));
            }
            return;
        }
        if header.hop_limit <= 1 {
            self.statistics.hop_limit = self.statistics.hop_limit.wrapping_add(1);
            let code = time_exceeded::HOP_LIMIT;
            self.report(cx, arrival, packet, Problem::new(kind::TIME_EXCEEDED, code, 0));
            return;
        }
        header.hop_limit -= 1;
        // Only a tunnel carries the headers, around the packet.
        let room = usize::from(self.config.packet).saturating_sub(Header::LEN + packet.len());
        let mut flow = Flow {
            now: cx.now,
            destination: &header.destination,
            from: arrival.from,
            own: false,
            hop_limit: header.hop_limit,
            source_routed,
            rpl_option: rpl_data(packet, walk.rpl_option),
        };
        let mut headers = 0;
        let mut route = Route::straight(&header.destination);
        let end = Header::LEN + room.min(MAX_ROUTE_HEADERS);
        match self.way(cx, &mut flow, end, &mut route, &mut headers) {
            Ok(()) => {}
            Err(NoRoute::Discard) => {
                self.statistics.routing_dropped = self.statistics.routing_dropped.wrapping_add(1);
                return;
            }
            Err(NoRoute::Return) if arrival.from.is_some() => {
                // The packet goes back as it is: RFC 6550 §11.2.2.3.
                route = Route::straight(&header.destination);
                route.link = arrival.from;
            }
            Err(NoRoute::Outside) if !arrival.outside => {
                self.leave(cx, packet, walk);
                return;
            }
            Err(_) => return self.no_way(cx, arrival, packet, source_routed),
        }
        let overhead = match route.encapsulation {
            Encapsulation::Tunnel { .. } => Header::LEN + headers,
            _ => 0,
        };
        // RFC 8200 §5: the room for a tunnel is a matter of its ends, below the minimum MTU.
        let mtu = match self.config.medium() {
            // RFC 4944 §4 for what comes in; within, the link carries the tunnels too.
            Medium::Ieee802154 if arrival.outside => MIN_MTU,
            Medium::Ieee802154 => cx.link.mtu(),
            Medium::Ethernet => self.link_mtu(cx).saturating_sub(overhead).max(MIN_MTU),
        };
        if packet.len() > mtu {
            self.statistics.too_big = self.statistics.too_big.wrapping_add(1);
            let problem = Problem::new(kind::PACKET_TOO_BIG, 0, mtu);
            self.report(cx, arrival, packet, problem);
            return;
        }
        if let Some(mut place) = HeaderMut::new(packet) {
            place.set_hop_limit(header.hop_limit);
        }
        match self.send_forwarded(cx, packet, &route, headers) {
            Ok(()) => {
                self.statistics.forwarded = self.statistics.forwarded.wrapping_add(1);
                #[cfg(feature = "ethernet")]
                if self.config.medium() == Medium::Ethernet
                    && matches!(route.encapsulation, Encapsulation::None)
                    && !(source_routed || arrival.outside || walk.tunnelled)
                {
                    self.redirect(cx, arrival, packet, &route);
                }
            }
            Err(Error::Unreachable) => self.no_way(cx, arrival, packet, source_routed),
            Err(Error::TooLarge) => self.statistics.too_big = self.statistics.too_big.wrapping_add(1),
            // Dropped as by any congested link: the ends notice.
            Err(_) => self.statistics.link_refused = self.statistics.link_refused.wrapping_add(1),
        }
    }

    fn no_way(&mut self, cx: &mut Context<'_>, arrival: &Arrival, packet: &[u8], source_routed: bool) {
        self.statistics.no_route = self.statistics.no_route.wrapping_add(1);
        let code = if source_routed { unreachable::SOURCE_ROUTE } else { unreachable::NO_ROUTE };
        self.report(cx, arrival, packet, Problem::unreachable(code));
    }

    /// Hands a packet to the host side, without what belongs to the routing domain alone: a
    /// hop-by-hop header with an RPL option goes, a source route is never let out (RFC 6550
    /// §11.2.2.1, RFC 6554 §5).
    fn leave(&mut self, cx: &mut Context<'_>, packet: &[u8], walk: &Walk) {
        let mut start = 0;
        let mut next_header = walk.header.next_header;
        if walk.rpl_option != 0 {
            start = walk.hop_by_hop_end.saturating_sub(Header::LEN);
            next_header = walk.next_header;
        }
        if next_header == protocol::ROUTING {
            self.statistics.malformed = self.statistics.malformed.wrapping_add(1);
            return;
        }
        let Some((header, rest)) = packet.split_first_chunk::<{ Header::LEN }>() else { return };
        let tail = rest.get(start..).unwrap_or_default();
        let mut head = *header;
        [head[4], head[5]] = (tail.len() as u16).to_be_bytes();
        [head[6], head[7]] = [next_header, walk.header.hop_limit];
        match cx.link.send_outside(Parts { head: &head, tail }) {
            Ok(()) => self.statistics.forwarded = self.statistics.forwarded.wrapping_add(1),
            Err(_) => self.statistics.link_refused = self.statistics.link_refused.wrapping_add(1),
        }
    }
}
