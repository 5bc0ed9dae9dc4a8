// SPDX-License-Identifier: MIT OR Apache-2.0
//! Solicitations and advertisements of neighbours, unreachability detection and duplicate
//! address detection (RFC 4861 §7, RFC 4862 §5.4).
#![forbid(unsafe_code)]

use super::{MAX_RTR_SOLICITATION_DELAY, MAX_SOLICIT, Told};
use crate::address::Ip;
use crate::bytes::Parts;
use crate::ipv6::addresses::{ALL_NODES, Address, AddressState, solicited_node};
use crate::ipv6::errors::Problem;
use crate::ipv6::event::{Arrival, Event};
use crate::ipv6::link::{LinkAddress, LinkDestination};
use crate::ipv6::neighbours::{DELAY_FIRST_PROBE_TIME, NeighbourState, REACHABLE_TIME};
use crate::ipv6::wire::exthdr;
use crate::ipv6::wire::header::ends;
use crate::ipv6::wire::icmpv6::{kind, unreachable};
use crate::ipv6::wire::nd::{Medium, Neighbor};
use crate::ipv6::{Context, Ipv6, Role};
use crate::time::Instant;

/// How far the check of an address has come, as [`State::probes`](super::State) counts it on Ethernet: the random wait is
/// over that keeps nodes that start together apart; it has been asked for.
const WAITED: u8 = 1;
const SOLICITED: u8 = 2;

impl Ipv6<'_> {
    /// Milliseconds for which a neighbour counts as reachable.
    pub(in crate::ipv6) const fn reachable_time(&self) -> u64 {
        #[cfg(feature = "ethernet")]
        return self.nd.ethernet.reachable_time as u64;
        #[cfg(not(feature = "ethernet"))]
        REACHABLE_TIME
    }

    /// Milliseconds between solicitations of a neighbour.
    const fn retrans_timer(&self) -> u64 {
        #[cfg(feature = "ethernet")]
        return self.nd.ethernet.retrans_timer as u64;
        #[cfg(not(feature = "ethernet"))]
        super::RETRANS_TIMER
    }

    pub(super) fn receive_neighbor_solicitation(
        &mut self,
        cx: &mut Context<'_>,
        told: &Told<'_>,
    ) -> Option<Event<'static>> {
        let Told { header, target, link, .. } = *told;
        // From whom comes a link address is no probe.
        if link.is_some()
            && self.config.role != Role::Host
            && let Some(registration) = told.registration()
        {
            return self.receive_registration(cx, told, registration);
        }
        let probe = header.source.is_unspecified();
        let address = self.addresses.find(target)?;
        match address.state {
            AddressState::Tentative if self.config.medium() == Medium::Ethernet => {
                // RFC 4862 §5.4.3: somebody else is about to use it too. Our own probe does not
                // come back to us, so this one is not ours.
                return if probe { self.duplicate(target) } else { None };
            }
            AddressState::Preferred => {}
            _ => return None,
        }
        self.learn_stale(cx, &header.source, link);
        let (destination, solicited) =
            if probe { (&ALL_NODES, 0) } else { (&header.source, Neighbor::SOLICITED) };
        let router = if self.config.role == Role::Host { 0 } else { Neighbor::ROUTER };
        let answer = (router | solicited | Neighbor::OVERRIDE, target);
        #[cfg(feature = "ghc")]
        if self.answer_with_capabilities(cx, told.options, target, destination, answer) {
            return None;
        }
        let kind = kind::NEIGHBOR_ADVERTISEMENT;
        self.send_neighbor(cx, kind, Some(target), destination, answer, true, None);
        None
    }

    pub(super) fn receive_neighbor_advertisement(
        &mut self,
        cx: &mut Context<'_>,
        told: &Told<'_>,
    ) -> Option<Event<'static>> {
        let Told { target, link, .. } = *told;
        let registration = told.registration().and_then(|body| body.try_into().ok());
        if let (Some(registration), Medium::Ieee802154) = (registration, self.config.medium()) {
            return self.registration_result(cx, told, registration);
        }
        if let Some(address) = self.addresses.find(target) {
            // RFC 4862 §5.4.4.
            let tentative = address.state == AddressState::Tentative;
            return if tentative && self.config.medium() == Medium::Ethernet {
                self.duplicate(target)
            } else {
                None
            };
        }
        self.update_neighbour(cx, target, link, told.flags());
        None
    }

    /// RFC 4861 §7.2.5.
    fn update_neighbour(&mut self, cx: &mut Context<'_>, target: &Ip, link: LinkAddress, flags: u8) {
        let solicited = flags & Neighbor::SOLICITED != 0;
        let overrides = flags & Neighbor::OVERRIDE != 0;
        let reachable_time = self.reachable_time();
        let Some(neighbour) = self.neighbours.find_mut(target) else { return };
        let differs = link.is_some() && link != neighbour.link;
        match neighbour.state {
            // What was registered is changed by registration alone (RFC 6775 §6).
            NeighbourState::Tentative | NeighbourState::Registered => return,
            NeighbourState::Incomplete if !link.is_some() => return,
            NeighbourState::Incomplete => {}
            state if differs && !overrides => {
                if state == NeighbourState::Reachable {
                    neighbour.state = NeighbourState::Stale;
                }
                return;
            }
            _ => {}
        }
        let resigned = neighbour.router && flags & Neighbor::ROUTER == 0;
        neighbour.router = flags & Neighbor::ROUTER != 0;
        if solicited || differs {
            if link.is_some() {
                neighbour.link = link;
            }
            let state = if solicited { NeighbourState::Reachable } else { NeighbourState::Stale };
            neighbour.settle(state, cx.now.after(reachable_time));
            self.release_held(cx, target);
        }
        if resigned {
            self.lose_router(cx.now, target);
        }
    }

    /// A neighbour may have told where it is without having been asked (RFC 4861 §7.2.3).
    pub(super) fn learn_stale(&mut self, cx: &mut Context<'_>, ip: &Ip, link: LinkAddress) {
        if !link.is_some() {
            return;
        }
        let Some(neighbour) = self.neighbours.obtain(ip, NeighbourState::Stale) else {
            self.statistics.neighbours_full = self.statistics.neighbours_full.wrapping_add(1);
            return;
        };
        let known = neighbour.link == link && neighbour.state != NeighbourState::Incomplete;
        if !neighbour.registers() && !known {
            neighbour.link = link;
            neighbour.settle(NeighbourState::Stale, cx.now.after(REACHABLE_TIME));
            self.release_held(cx, ip);
        }
    }

    /// Somebody else has the address.
    fn duplicate(&mut self, ip: &Ip) -> Option<Event<'static>> {
        self.end_check(Instant::ZERO, ip);
        self.addresses.find_mut(ip)?.state = AddressState::Duplicate;
        Some(Event::AddressDuplicate(*ip))
    }

    /// The place of the own address that has been asked for and not been used yet, on Ethernet.
    pub(in crate::ipv6) fn checked(&self) -> Option<usize> {
        (self.nd.probes == SOLICITED).then_some(usize::from(self.nd.registering))
    }

    /// An address is not checked any more, though it be the one that was being checked.
    pub(in crate::ipv6) fn end_check(&mut self, now: Instant, ip: &Ip) {
        let entry = self.checked().and_then(|place| self.addresses.entries.get(place));
        if matches!(entry, Some(Some(address)) if address.ip == *ip) {
            self.nd.probes = WAITED;
            self.nd.round = now;
        }
    }

    /// The next step of duplicate address detection, of one address after the other: a random wait before the first, then
    /// for each one solicitation, and a second without an answer (RFC 4862 §5.4, DupAddrDetectTransmits 1).
    pub(super) fn detect_duplicate(&mut self, cx: &mut Context<'_>) {
        let own = self.link_local();
        // RFC 4862 §5.4.5: with its link-local address taken, an interface is used no more.
        let taken = self.addresses.find(&own).is_some_and(|address| address.state == AddressState::Duplicate);
        let entries = &mut self.addresses.entries;
        let tentative = |entry: &Option<Address>| !taken && entry.as_ref().is_some_and(Address::is_tentative);
        let Some(place) = entries.iter().position(tentative) else {
            self.begin_round(Instant::NEVER);
            return;
        };
        match self.nd.probes {
            WAITED => {
                let Some(&Some(Address { ip, .. })) = entries.get(place) else { return };
                self.nd.registering = place as u8;
                self.nd.probes = SOLICITED;
                self.nd.round = cx.now.after(self.retrans_timer());
                // Switches that listen in pass the answers on only then.
                #[cfg(feature = "ethernet")]
                self.poll_listener(cx);
                self.solicit(cx, &ip, &Ip::UNSPECIFIED, &solicited_node(&ip));
            }
            SOLICITED => {
                let entry = entries.get_mut(usize::from(self.nd.registering)).and_then(Option::as_mut);
                if let Some(address) = entry.filter(|address| address.is_tentative()) {
                    address.state = AddressState::Preferred;
                    address.news = true;
                }
                self.nd.probes = WAITED;
                self.nd.round = cx.now;
            }
            _ => {
                self.nd.probes = WAITED;
                self.nd.round = cx.now.after(u64::from(cx.random.below(MAX_RTR_SOLICITATION_DELAY)));
            }
        }
    }

    /// What happens to neighbours by time on Ethernet: RFC 4861 §7.2.2, §7.3.
    pub(super) fn poll_resolution(&mut self, cx: &mut Context<'_>) -> Option<Event<'static>> {
        if self.config.medium() == Medium::Ieee802154 {
            return None;
        }
        let retrans_timer = self.retrans_timer();
        // One neighbour at a time, so that the table is not borrowed while sending.
        for index in 0..self.neighbours.0.len() {
            let Some(Some(neighbour)) = self.neighbours.0.get_mut(index) else { continue };
            let asked = matches!(
                neighbour.state,
                NeighbourState::Incomplete | NeighbourState::Delay | NeighbourState::Probe
            );
            if !asked || !neighbour.until.get().is_due(cx.now) {
                continue;
            }
            let ip = neighbour.ip;
            let multicast = neighbour.state == NeighbourState::Incomplete;
            if neighbour.state == NeighbourState::Delay {
                neighbour.state = NeighbourState::Probe;
                neighbour.probes = 1;
            }
            if neighbour.probes > MAX_SOLICIT {
                let tries = neighbour.probes - MAX_SOLICIT;
                neighbour.probes += 1;
                neighbour.until.set(cx.now.after(retrans_timer));
                self.lose_router(cx.now, &ip);
                // Whoever is to be told may have to be asked for its link address first, which takes as long.
                if !self.report_held(cx, &ip) && tries <= MAX_SOLICIT {
                    continue;
                }
                self.neighbours.remove(&ip);
                if let Some(event) = self.give_up_held(&ip) {
                    return Some(event);
                }
                continue;
            }
            neighbour.probes += 1;
            neighbour.until.set(cx.now.after(retrans_timer));
            let destination = if multicast { solicited_node(&ip) } else { ip };
            // From the address to which the answers to what waits will come, if it is ours (RFC 4861 §7.2.2).
            let prompting =
                self.held.packet(&ip).and_then(|packet| packet.first_chunk()).map(|header| ends(header).0);
            let source = prompting.filter(|source| self.addresses.is_own(source));
            if let Some(source) = source.or_else(|| self.addresses.source_for(&ip, cx.now)).copied() {
                self.solicit(cx, &ip, &source, &destination);
            }
        }
        None
    }

    /// Finds out the link address of a next hop unless it is known; [`LinkAddress::None`] while it is being asked
    /// for, which is begun on Ethernet. Whether there is a telling.
    pub(in crate::ipv6) fn resolve(
        &mut self,
        cx: &Context<'_>,
        next_hop: &Ip,
        link: &mut LinkAddress,
    ) -> bool {
        if link.is_some() {
            return true;
        }
        if self.config.medium() == Medium::Ieee802154 {
            // RFC 6775 §5.6 for link-local addresses; the same holds for those of routers.
            *link = match self.neighbours.link_address(next_hop) {
                Some(known) => known,
                None => LinkAddress::from_interface_identifier(next_hop),
            };
            return link.is_some();
        }
        let Some(neighbour) = self.neighbours.obtain(next_hop, NeighbourState::Incomplete) else {
            self.statistics.neighbours_full = self.statistics.neighbours_full.wrapping_add(1);
            return false;
        };
        if neighbour.state == NeighbourState::Incomplete {
            if neighbour.probes == 0 {
                // The solicitation leaves with the next poll, which is due at once.
                neighbour.probes = 1;
                neighbour.until.set(cx.now);
            }
            return true;
        }
        let expired = neighbour.state == NeighbourState::Reachable && neighbour.until.get().is_due(cx.now);
        if expired || neighbour.state == NeighbourState::Stale {
            neighbour.settle(NeighbourState::Delay, cx.now.after(DELAY_FIRST_PROBE_TIME));
        }
        *link = neighbour.link;
        true
    }

    /// Sends the packet that waited for this neighbour, now that its link address is known.
    pub(super) fn release_held(&mut self, cx: &mut Context<'_>, next_hop: &Ip) {
        let mut link = LinkAddress::None;
        if !cfg!(feature = "ethernet")
            || self.held.packet(next_hop).is_none()
            || !self.resolve(cx, next_hop, &mut link)
        {
            return;
        }
        if let Some(packet) = self.held.packet(next_hop) {
            // Refused by the link as any other packet would be.
            let _ = cx.link.send(Parts::whole(packet), LinkDestination::Unicast(link));
        }
        self.held.remove(next_hop);
    }

    /// This neighbour did not say where it is: the sender of the packet that waits for it is told so, if that is another
    /// node (RFC 4861 §7.2.2). Whether that is done; not while the way to the sender is not known.
    fn report_held(&mut self, cx: &mut Context<'_>, next_hop: &Ip) -> bool {
        // Nothing else can wait while the report leaves.
        let held = core::mem::take(&mut self.held);
        let done = held.packet(next_hop).is_none_or(|packet| {
            let problem = Problem::unreachable(unreachable::ADDRESS);
            self.report(cx, &Arrival::default(), packet, problem)
        });
        self.held = held;
        done
    }

    /// Forgets the packet that waits for this neighbour: with an event, of which the packet is no part, if it is one of
    /// ours.
    fn give_up_held(&mut self, next_hop: &Ip) -> Option<Event<'static>> {
        let (header, rest) = self.held.packet(next_hop)?.split_first_chunk()?;
        let (source, destination) = ends(header);
        let event = self.addresses.is_own(source).then_some(Event::Error {
            reporter: *source,
            kind: kind::DESTINATION_UNREACHABLE,
            code: unreachable::ADDRESS,
            parameter: 0,
            destination: *destination,
            protocol: exthdr::pass(header[6], rest).0,
            upper: &[],
        });
        self.held.remove(next_hop);
        event
    }

    fn solicit(&mut self, cx: &mut Context<'_>, target: &Ip, source: &Ip, destination: &Ip) {
        let link = !source.is_unspecified();
        self.send_neighbor(
            cx,
            kind::NEIGHBOR_SOLICITATION,
            Some(source),
            destination,
            (0, target),
            link,
            None,
        );
    }
}
