// SPDX-License-Identifier: MIT OR Apache-2.0
//! Redirects on Ethernet-like links (RFC 4861 §8): a router tells a host of a better first hop, and the host goes there.
#![forbid(unsafe_code)]

use super::Told;
use crate::address::Ip;
use crate::ipv6::event::Arrival;
use crate::ipv6::link::{LinkAddress, MIN_MTU};
use crate::ipv6::output::{Outgoing, message};
use crate::ipv6::routing::Route;
use crate::ipv6::wire::header::{Header, ends, never_leaves};
use crate::ipv6::wire::icmpv6::{Icmpv6, kind};
use crate::ipv6::wire::nd::{HOP_LIMIT, Medium, Redirect, option, put_link_layer_address};
use crate::ipv6::wire::protocol;
use crate::ipv6::{Config, Context, Ipv6, Role};
use crate::memory::Carver;
use crate::status::Result;

/// What is kept of a destination cache (RFC 4861 §5.1): the destinations that were redirected, the newest first. One more
/// takes the place of the oldest.
#[derive(Default)]
pub(super) struct Redirects<'m>(&'m mut [Option<Redirect>]);

impl<'m> Redirects<'m> {
    pub(super) fn carve(carver: &mut Carver<'m>, config: &Config) -> Redirects<'m> {
        let ethernet = config.medium() == Medium::Ethernet;
        Redirects(carver.part(if ethernet { usize::from(config.redirects) } else { 0 }))
    }

    /// Where packets for a destination go instead.
    fn target(&self, destination: &Ip) -> Option<&Ip> {
        let redirect = self.0.iter().flatten().find(|redirect| redirect.destination == *destination)?;
        Some(&redirect.target)
    }

    fn store(&mut self, new: Redirect) {
        let mut next = Some(new);
        for entry in self.0.iter_mut() {
            let same = matches!(entry, Some(old) if old.destination == new.destination);
            core::mem::swap(entry, &mut next);
            if same || next.is_none() {
                return;
            }
        }
    }

    /// The first hop for all that was redirected to `target` is to be found anew (RFC 4861 §6.3.5, §7.3.3).
    pub(super) fn forget(&mut self, target: &Ip) {
        for entry in self.0.iter_mut() {
            if matches!(entry, Some(redirect) if redirect.target == *target) {
                *entry = None;
            }
        }
    }
}

impl Ipv6<'_> {
    /// The first hop to a destination that a router has told of.
    pub(in crate::ipv6) fn redirected(&self, destination: &Ip) -> Option<&Ip> {
        // A router goes by its routes alone (RFC 4861 §8.2).
        if self.config.role == Role::Host { self.nd.redirects.target(destination) } else { None }
    }

    /// A router knows a better first hop. Heeded is the one that is the first hop now (RFC 4861 §8.1, §8.3).
    pub(super) fn receive_redirect(&mut self, cx: &mut Context<'_>, told: &Told<'_>) {
        let Told { header, target, link, .. } = *told;
        let destination = told.fixed.get(20..).and_then(|rest| rest.first_chunk());
        let Some(destination) = destination.map(Ip::of) else { return };
        let on_link = target == destination;
        let valid = header.source.is_link_local()
            && (target.is_link_local() || on_link)
            && !(destination.is_multicast() || destination.is_link_local() || never_leaves(destination))
            && self.addresses.find(target).is_none();
        if !valid {
            self.malformed();
            return;
        }
        if self.config.role != Role::Host || self.own_next_hop(cx, destination) != Some(&header.source) {
            self.not_for_us();
            return;
        }
        self.nd.redirects.store(Redirect { target: *target, destination: *destination });
        self.learn_stale(cx, target, link);
        if let Some(neighbour) = self.neighbours.find_mut(target).filter(|_| !on_link) {
            neighbour.router = true;
        }
    }

    /// A packet has gone on along `route` on the link that it came from: its sender is told so if it is a neighbour,
    /// within the rate of errors (RFC 4861 §8.2).
    pub(in crate::ipv6) fn redirect(
        &mut self,
        cx: &mut Context<'_>,
        arrival: &Arrival,
        packet: &[u8],
        route: &Route,
    ) {
        let Some((source, destination)) = packet.first_chunk().map(ends) else { return };
        let target = &route.next_hop;
        let mut link = route.link;
        if !link.is_some() {
            link = self.neighbours.link_address(target).unwrap_or_default();
        }
        // Its sender is on the link, gave it to us itself, and is not the better hop.
        let sender = self.neighbours.link_address(source);
        let neighbour = sender.map_or(self.is_on_link(cx, source), |sender| sender == arrival.from);
        let better =
            source != target && link != arrival.from && (target == destination || target.is_link_local());
        if !neighbour || !better || !self.errors.take(cx.now) {
            return;
        }
        let Ok((length, body)) = self.write_redirect(target, destination, &link, packet) else { return };
        let outgoing = Outgoing {
            destination: source,
            hop_limit: HOP_LIMIT,
            protocol: protocol::ICMPV6,
            upper: &[kind::REDIRECT, 0, 0, 0],
            body,
        };
        let back = Route::on_link(*source, arrival.from);
        // One that is lost follows the next packet.
        let own = self.link_local();
        let _ = self.send_along(cx, &outgoing, &own, Some(&back), 0, length);
    }

    /// Writes all of a redirect but the redirected packet: how long that is, and as much of the packet as there is room
    /// for, in units of eight bytes as options have them.
    fn write_redirect<'p>(
        &mut self,
        target: &Ip,
        destination: &Ip,
        link: &LinkAddress,
        packet: &'p [u8],
    ) -> Result<(usize, &'p [u8])> {
        let out = &mut message(self.buffer);
        out.put(&[0; 4])?;
        out.put(&target.0)?;
        out.put(&destination.0)?;
        put_link_layer_address(true, link, out)?;
        let front = Header::LEN + Icmpv6::HEADER + out.position() + 8;
        let room = usize::from(self.config.packet).min(MIN_MTU).saturating_sub(front);
        let body = packet.get(..packet.len().min(room) & !7).unwrap_or_default();
        out.put(&[option::REDIRECTED_HEADER, 1 + (body.len() / 8) as u8, 0, 0, 0, 0, 0, 0])?;
        Ok((out.position(), body))
    }
}
