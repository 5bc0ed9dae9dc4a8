// SPDX-License-Identifier: MIT OR Apache-2.0
//! The extension headers of a packet that came, in order (RFC 8200 §4).
#![forbid(unsafe_code)]

use super::errors::Problem;
use super::event::Arrival;
use super::routing::RoutingHeaderError;
use super::wire::exthdr::{Extension, Fragment, HeaderOption, Routing, UnknownOption};
use super::wire::header::HeaderMut;
use super::wire::icmpv6::{kind, parameter, time_exceeded};
use super::wire::{Header, exthdr, protocol};
use super::{Context, Ipv6};
use crate::address::Ip;
use crate::status::Result;
use core::ops::Range;

/// What becomes of a packet.
pub(super) enum Outcome {
    /// Nothing more.
    Done,
    /// It holds another packet for us.
    Inner(Range<usize>),
    /// Its upper layer is for us; it has this length.
    Deliver(usize),
}

/// A packet that came, and how far the walk through it has come.
pub(super) struct Walk {
    pub(super) arrival: Arrival,
    /// Whether the packet lay within another: its sender may be anywhere.
    pub(super) tunnelled: bool,
    /// Its header as it stands.
    pub(super) header: Header,
    /// What stands at `offset`.
    pub(super) next_header: u8,
    /// Where the field is that says so.
    pub(super) next_header_at: usize,
    /// Where the next header begins.
    pub(super) offset: usize,
    /// Where the data of the RPL option begins; 0 when there is none.
    pub(super) rpl_option: usize,
    /// Where the hop-by-hop header ends.
    pub(super) hop_by_hop_end: usize,
}

impl Walk {
    /// At the start of a packet.
    pub(super) fn new(arrival: Arrival) -> Walk {
        Walk {
            arrival,
            tunnelled: false,
            header: Header::default(),
            next_header: 0,
            next_header_at: 0,
            offset: 0,
            rpl_option: 0,
            hop_by_hop_end: 0,
        }
    }

    /// Reads the packet's header, and stands behind it then. How long the packet is.
    pub(super) fn begin(&mut self, packet: &[u8]) -> Result<usize> {
        let length = self.header.read_ends(packet)?;
        self.next_header = self.header.next_header;
        self.next_header_at = 6;
        self.offset = Header::LEN;
        self.rpl_option = 0;
        self.hop_by_hop_end = Header::LEN;
        Ok(length)
    }

    /// Passes over the header that ends at `end`.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn pass(&mut self, packet: &[u8], end: usize) {
        self.next_header_at = self.offset;
        self.next_header = packet.get(self.offset).copied().unwrap_or(protocol::NO_NEXT_HEADER);
        self.offset = end;
    }
}

/// The data of the RPL option that [`Walk::rpl_option`] tells of.
#[cfg_attr(not(feature = "std"), inline(never))]
pub(super) fn rpl_data(packet: &mut [u8], at: usize) -> Option<&mut [u8]> {
    let length = *packet.get(at.checked_sub(1)?)?;
    packet.get_mut(at..at + usize::from(length))
}

impl Ipv6<'_> {
    /// Looks at the hop-by-hop header, as every node on the way does. `None` when the packet was
    /// dropped.
    pub(super) fn hop_by_hop(
        &mut self,
        cx: &mut Context<'_>,
        packet: &mut [u8],
        walk: &mut Walk,
    ) -> Option<()> {
        if walk.next_header != protocol::HOP_BY_HOP {
            return Some(());
        }
        let end = self.options(cx, packet, walk)?;
        let at = walk.rpl_option;
        let kind = packet.get(at.wrapping_sub(2)).copied().unwrap_or(0);
        if let Some(data) = rpl_data(packet, at) {
            // Data of a packet from outside says nothing about our ranks (RFC 9008 §4.1.1).
            if walk.arrival.outside {
                walk.rpl_option = 0;
            } else if !cx.routing.hop_by_hop(cx.now, kind, data, walk.arrival.from) {
                self.statistics.routing_dropped = self.statistics.routing_dropped.wrapping_add(1);
                return None;
            }
        }
        walk.pass(packet, end);
        walk.hop_by_hop_end = end;
        Some(())
    }

    /// Checks the options of the header that the walk has come to, and finds the RPL option of a
    /// hop-by-hop header. Where the header ends; `None` when the packet was dropped.
    fn options(&mut self, cx: &mut Context<'_>, packet: &[u8], walk: &mut Walk) -> Option<usize> {
        let start = walk.offset;
        let Ok(extension) = Extension::parse(protocol::HOP_BY_HOP, packet.get(start..).unwrap_or_default())
        else {
            self.malformed();
            return None;
        };
        let end = start + extension.bytes.len();
        let mut at = start + 2;
        while at < end {
            let (kind, next) = match *packet.get(at..end).unwrap_or_default() {
                [HeaderOption::PAD1, ..] => (HeaderOption::PAD1, at + 1),
                [kind, length, ..] => (kind, at + 2 + usize::from(length)),
                _ => (HeaderOption::PADN, usize::MAX),
            };
            if next > end {
                let problem = Problem::parameter(parameter::FIELD, start + 1);
                self.malformed();
                self.report(cx, &walk.arrival, packet, problem);
                return None;
            }
            let is_rpl = matches!(kind, HeaderOption::RPL | HeaderOption::RPL_9008)
                && walk.next_header == protocol::HOP_BY_HOP
                && next - at >= 6;
            if is_rpl {
                walk.rpl_option = at + 2;
            }
            // Padding is of a type that is skipped.
            let unknown = HeaderOption { kind, data: &[], offset: at }.unknown();
            if is_rpl || unknown == UnknownOption::Skip {
                at = next;
                continue;
            }
            self.statistics.malformed = self.statistics.malformed.wrapping_add(1);
            let to_many = walk.arrival.multicast || walk.header.destination.is_multicast();
            if unknown == UnknownOption::Report || unknown == UnknownOption::ReportUnlessMulticast && !to_many
            {
                let problem = Problem::parameter(parameter::OPTION, at);
                self.report(cx, &walk.arrival, packet, problem);
            }
            return None;
        }
        Some(end)
    }

    /// Walks through the extension headers of a packet for us, up to what is none. `None` when
    /// the packet ends on the way: dropped, or forwarded along its source route.
    pub(super) fn walk_extensions(
        &mut self,
        cx: &mut Context<'_>,
        packet: &mut [u8],
        walk: &mut Walk,
    ) -> Option<()> {
        for _ in 0..exthdr::MAX_EXTENSION_HEADERS {
            let start = walk.offset;
            let rest = packet.get(start..).unwrap_or_default();
            match walk.next_header {
                protocol::DESTINATION_OPTIONS => {
                    let end = self.options(cx, packet, walk)?;
                    walk.pass(packet, end);
                }
                protocol::ROUTING => {
                    let Ok(extension) = Extension::parse(protocol::ROUTING, rest) else { break };
                    let end = start + extension.bytes.len();
                    let left = Routing::parse(extension.bytes).map_or(0, |routing| routing.segments_left);
                    if left > 0 {
                        self.next_segment(cx, packet, start..end, walk)?;
                    }
                    walk.pass(packet, end);
                }
                protocol::FRAGMENT => {
                    let Ok(fragment) = Fragment::parse(rest) else { break };
                    // A packet in one fragment is whole (RFC 6946).
                    if fragment.offset != 0 || fragment.more {
                        #[cfg(feature = "reassembly")]
                        if self.config.reassemblies > 0 {
                            self.keep_fragment(cx, packet, walk, &fragment);
                            return None;
                        }
                        let problem = Problem::parameter(parameter::NEXT_HEADER, walk.next_header_at);
                        self.report(cx, &walk.arrival, packet, problem);
                        return None;
                    }
                    walk.arrival.fragmented = true;
                    walk.pass(packet, start + Fragment::LEN);
                }
                // A hop-by-hop header elsewhere than first is not known (RFC 8200 §4): it ends
                // the walk, as an upper layer does.
                _ => return Some(()),
            }
        }
        self.malformed();
        None
    }

    /// Moves on to the next segment of a source route (RFC 6554 §4.2). Where the last one is ours too,
    /// what follows the route is to be read here; `None` when the packet has gone on, or was dropped.
    fn next_segment(
        &mut self,
        cx: &mut Context<'_>,
        packet: &mut [u8],
        route: Range<usize>,
        walk: &mut Walk,
    ) -> Option<()> {
        // RFC 6554 §5: none enters the routing domain. Segments that are all ours cost one hop each, so the loop ends.
        while !walk.arrival.outside && !walk.header.destination.is_multicast() {
            let addresses = &self.addresses;
            let is_own = |ip: &Ip| addresses.is_own(ip);
            let bytes = packet.get_mut(route.clone()).unwrap_or_default();
            match cx.routing.source_route(bytes, &mut walk.header.destination, &is_own) {
                Ok(()) => {}
                Err(RoutingHeaderError::Discard) => {
                    self.statistics.routing_dropped = self.statistics.routing_dropped.wrapping_add(1);
                    return None;
                }
                Err(RoutingHeaderError::Parameter(at)) => {
                    let problem = Problem::parameter(parameter::FIELD, route.start + usize::from(at));
                    self.report(cx, &walk.arrival, packet, problem);
                    return None;
                }
            }
            let left = bytes.get(3).copied().unwrap_or(0);
            if let Some(mut place) = HeaderMut::new(packet) {
                place.set_destination(&walk.header.destination);
            }
            if !self.addresses.is_own(&walk.header.destination) {
                self.forward(cx, packet, walk, true);
                return None;
            }
            if walk.header.hop_limit <= 1 {
                let code = time_exceeded::HOP_LIMIT;
                self.statistics.hop_limit = self.statistics.hop_limit.wrapping_add(1);
                self.report(cx, &walk.arrival, packet, Problem::new(kind::TIME_EXCEEDED, code, 0));
                return None;
            }
            if left == 0 {
                // An address of the link cannot be reached from beyond it (RFC 4291 §2.5.6).
                if walk.tunnelled && walk.header.destination.is_link_local() {
                    break;
                }
                return Some(());
            }
            walk.header.hop_limit -= 1;
            if let Some(mut place) = HeaderMut::new(packet) {
                place.set_hop_limit(walk.header.hop_limit);
            }
        }
        self.malformed();
        None
    }
}
