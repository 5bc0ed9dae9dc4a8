// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a host does: finds routers, makes addresses, registers them (RFC 4861 §6.3,
//! RFC 4862 §5.5, RFC 6775 §5, RFC 8505 §5.6). A 6LR learns prefixes and contexts in the same
//! way (RFC 6775 §8.1).
#![forbid(unsafe_code)]

use super::known::Status;
use super::registry::{Body, REACHABILITY};
use super::{Entry, Kind, MAX_RTR_SOLICITATION_DELAY, MAX_SOLICIT, MULTIHOP, NO_ROUTER, SEVERAL, Told, ends};
use crate::address::Ip;
use crate::ipv6::addresses::{ALL_ROUTERS, Address, AddressState};
use crate::ipv6::event::Event;
use crate::ipv6::link::LinkAddress;
use crate::ipv6::neighbours::Claim;
use crate::ipv6::output::message;
use crate::ipv6::wire::icmpv6::kind;
use crate::ipv6::wire::nd::{
    self, Medium, Options, PrefixInformation, RegistrationStatus, capability, option,
};
use crate::ipv6::{Context, Ipv6, Role};
use crate::lollipop;
use crate::status::Result;
use crate::time::Instant;

/// Between Router Solicitations (RFC 6775 §9), in milliseconds.
const RTR_SOLICITATION_INTERVAL: u64 = 10_000;
/// Longest wait between Router Solicitations (RFC 6775 §9), in milliseconds.
const MAX_RTR_SOLICITATION_INTERVAL: u64 = 60_000;
/// How long to wait before trying again what the network had no room for, in milliseconds.
const RETRY_LATER: u32 = 60_000;

impl Ipv6<'_> {
    /// Looks for routers from now on, until one answers; a host calls it once when the link is
    /// up, and whenever it has reason to think that it has moved. A router learns prefixes and
    /// contexts in this way. Ends in [`Event::RouterFound`].
    pub fn solicit_routers(&mut self, cx: &mut Context<'_>) {
        self.nd.solicited = 0;
        self.nd.refreshing = false;
        self.nd.solicit = cx.now.after(u64::from(cx.random.below(MAX_RTR_SOLICITATION_DELAY)));
    }

    /// RFC 4861 §6.3.7 with the intervals of RFC 6775 §5.3. Fresh information is asked of the router that there is at
    /// first (RFC 6775 §5.4.3).
    pub(super) fn send_router_solicitation(&mut self, cx: &mut Context<'_>) {
        let lowpan = self.config.medium() == Medium::Ieee802154;
        let interval: u64 = if lowpan { RTR_SOLICITATION_INTERVAL } else { 4000 };
        let asked = self.nd.refreshing && self.nd.solicited < MAX_SOLICIT;
        let router = if asked { self.default_router(cx.now) } else { None };
        let destination = *router.unwrap_or(&ALL_ROUTERS);
        let doublings = self.nd.solicited.saturating_sub(MAX_SOLICIT - 1).min(4);
        let wait = (interval << doublings).min(MAX_RTR_SOLICITATION_INTERVAL);
        self.nd.solicited = self.nd.solicited.saturating_add(1);
        self.nd.solicit = cx.now.after(wait);
        if let Ok(length) = self.write_router_solicitation(lowpan) {
            self.send_nd(cx, kind::ROUTER_SOLICITATION, None, &destination, length);
        }
    }

    fn write_router_solicitation(&mut self, lowpan: bool) -> Result<usize> {
        let flags = self.capabilities();
        let mut out = message(self.buffer);
        out.reserve(nd::ROUTER_SOLICITATION_LEN)?;
        nd::put_link_layer_address(false, &self.config.link_address, &mut out)?;
        if lowpan {
            capability::put(flags & !capability::EXTENDED_DUPLICATE, &mut out)?;
        }
        Ok(out.position())
    }

    pub(super) fn receive_router_advertisement(
        &mut self,
        cx: &mut Context<'_>,
        told: &Told<'_>,
    ) -> Option<Event<'static>> {
        let lowpan = self.config.medium() == Medium::Ieee802154;
        let Told { header, fixed, options, link, .. } = *told;
        let &[hop_limit, _, high, low] = fixed.first_chunk()?;
        let router_lifetime = u16::from_be_bytes([high, low]);
        let mut border = Entry::NOBODY;
        match self.config.role {
            Role::BorderRouter => return None,
            // RFC 4861 §6.2.7 lets routers ignore them; RFC 6775 §8.1.3 has 6LRs learn from those
            // with an ABRO.
            Role::Router if !lowpan || !MULTIHOP => return None,
            Role::Router => border = self.accept_authority(cx, options)?,
            Role::Host => {}
        }
        self.learn_stale(cx, &header.source, link);
        if let Some(neighbour) = self.neighbours.find_mut(&header.source) {
            neighbour.router = true;
        }
        if hop_limit != 0 {
            self.config.hop_limit = hop_limit;
        }
        #[cfg(feature = "ethernet")]
        if !lowpan {
            self.learn_times(cx, fixed);
        }
        let flags = options.find(option::CAPABILITY_INDICATION).and_then(capability::parse).unwrap_or(0);
        let extended = flags & capability::EARO != 0;
        let until = ends(cx.now, u32::from(router_lifetime), 1000);
        let flags = if extended { Entry::EXTENDED } else { 0 };
        let mut router = Entry::new(Kind::Router, &header.source, until);
        router.flags = flags;
        // One that is none any more goes with the next poll, which tells of it (RFC 4861 §6.3.5).
        let known = self.nd.known.store(cx.now, &router);
        let mut rest = options;
        while let Some((kind, body)) = rest.next_body() {
            match kind {
                option::PREFIX_INFORMATION => self.learn_prefix(cx, body, border, lowpan),
                option::CONTEXT => self.learn_context(cx.now, body, border),
                #[cfg(feature = "ethernet")]
                option::MTU if !lowpan => self.learn_mtu(cx, body),
                _ => {}
            }
        }
        if !known {
            return None;
        }
        // Who has asked to look for routers asks at least once, as the answer may tell more (RFC 4861 §6.3.7).
        if lowpan || self.nd.solicited > 0 {
            self.nd.solicit = self.refresh_time(cx.now);
            self.nd.solicited = 0;
            self.nd.refreshing = true;
        }
        self.follow_router(cx)
    }

    /// The border router that an advertisement's information comes from, if it is to be taken over, by
    /// its version (RFC 6775 §8.1.3). With no room for another border router those known stay.
    fn accept_authority(&mut self, cx: &Context<'_>, options: Options<'_>) -> Option<u8> {
        let option = options.find(option::AUTHORITATIVE_BORDER_ROUTER);
        let body: &[u8; 22] = option?.try_into().ok()?;
        // The less significant half of the version comes first.
        let [c, d, a, b, high, low, ip @ ..] = body;
        let (version, ip) = (u32::from_be_bytes([*a, *b, *c, *d]), Ip::of(ip));
        let minutes = match u16::from_be_bytes([*high, *low]) {
            0 => 10_000,
            minutes => minutes,
        };
        let until = cx.now.after(u64::from(minutes) * 60_000);
        let mut new = Entry::new(Kind::BorderRouter, ip, until);
        new.version = version;
        let place = self.nd.known.place(&new)?;
        let older = |entry: &Entry| version.wrapping_sub(entry.version) > u32::MAX / 2;
        if self.nd.known.get(place).is_some_and(older) {
            return None;
        }
        *self.nd.known.place_mut(place)? = new;
        Some(place as u8)
    }

    fn learn_prefix(&mut self, cx: &mut Context<'_>, body: &[u8], border: u8, lowpan: bool) {
        let Ok(body) = <&[u8; 30]>::try_from(body) else { return };
        let [prefix_len, flags, a, b, c, d, e, f, g, h, _, _, _, _, prefix @ ..] = body;
        let (prefix_len, prefix) = (*prefix_len, Ip::of(prefix));
        let valid_lifetime = u32::from_be_bytes([*a, *b, *c, *d]);
        let preferred_lifetime = u32::from_be_bytes([*e, *f, *g, *h]);
        let on_link = flags & PrefixInformation::ON_LINK != 0;
        // RFC 4861 §6.3.4, RFC 6775 §5.4.
        if prefix_len > 128 || prefix.is_link_local() || prefix.is_multicast() || (lowpan && on_link) {
            return;
        }
        let valid_until = ends(cx.now, valid_lifetime, 1000);
        let preferred_until = ends(cx.now, preferred_lifetime, 1000);
        let mut new = Entry::new(Kind::Prefix, prefix, valid_until);
        new.prefix_len = prefix_len;
        new.flags = flags & (PrefixInformation::ON_LINK | PrefixInformation::AUTONOMOUS);
        new.preferred_until.set(preferred_until);
        new.border = border;
        // Without the flag L it says nothing about the link, not even that it is not on it (RFC 4861 §6.3.4).
        if lowpan || on_link {
            self.nd.known.store(cx.now, &new);
        }
        // RFC 4862 §5.5.3; interface identifiers have 64 bits.
        let autonomous = flags & PrefixInformation::AUTONOMOUS != 0;
        if !autonomous || prefix_len != 64 || preferred_lifetime > valid_lifetime {
            return;
        }
        let Some(bits) = prefix.0.first_chunk::<8>() else { return };
        let ip = self.config.link_address.within(bits);
        let known = self.addresses.find(&ip);
        // A prefix that is withdrawn makes no address, but is heeded by the one that there is.
        if valid_lifetime == 0 && known.is_none() {
            return;
        }
        let mut valid_until = valid_until;
        if let Some(address) = known {
            // (e): a lifetime below two hours does not cut short what is there.
            let two_hours = cx.now.after(7_200_000);
            if valid_until < two_hours && valid_until < address.valid_until {
                valid_until = address.valid_until.min(two_hours);
            }
        }
        // A full table leaves the node with the addresses it has.
        let _ = self.add_address(cx.now, ip, 64, valid_until, preferred_until);
    }

    fn learn_context(&mut self, now: Instant, body: &[u8], border: u8) {
        let Some(option) = nd::Context::parse(body) else { return };
        let until = now.after(u64::from(option.valid_lifetime) * 60_000);
        let mut new = Entry::new(Kind::Context, &option.prefix, until);
        new.prefix_len = option.prefix_len;
        new.flags = option.id | if option.compress { Entry::COMPRESS } else { 0 };
        new.border = border;
        self.nd.known.store(now, &new);
    }

    /// When to ask for fresh information: well before the first lifetime ends (RFC 6775
    /// §5.4.3). On Ethernet routers advertise by themselves.
    fn refresh_time(&self, now: Instant) -> Instant {
        if self.config.medium() == Medium::Ethernet {
            return Instant::NEVER;
        }
        let mut first = Instant::NEVER;
        let known = self.nd.known.iter().filter(|entry| entry.kind != Kind::BorderRouter && !entry.is_gone());
        for entry in known {
            first.hasten(entry.until);
        }
        // There is a router at least, and its lifetime has 16 bits.
        let left = first.since(now) as u32;
        now.after(u64::from((left / 4 * 3).max(10_000)))
    }

    /// Registers or checks our addresses from then on, one after the other.
    pub(in crate::ipv6) const fn begin_round(&mut self, now: Instant) {
        self.nd.round = now;
        self.nd.registering = 0;
        self.nd.probes = 0;
    }

    /// Goes on with the registration of our addresses (RFC 6775 §5.5.1): first the link-local one, from which the
    /// others are registered (RFC 8505 §5.6), so that all are renewed in one go.
    pub(super) fn poll_registrations(&mut self, cx: &mut Context<'_>) {
        if self.config.medium() == Medium::Ethernet || !self.nd.round.is_due(cx.now) {
            return;
        }
        self.nd.round = Instant::NEVER;
        let silent = self.nd.probes >= MAX_SOLICIT;
        let Some(router) = self.router_in_use() else { return };
        if silent {
            // RFC 6775 §5.5.3: the router does not answer. On with the next one.
            router.until = cx.now;
            self.nd.registered = false;
            return;
        }
        if !self.addresses.is_own(&self.link_local()) {
            return;
        }
        if self.nd.registering == 0 && self.nd.probes == 0 {
            self.nd.tid = lollipop::next(self.nd.tid);
            self.nd.pause = u32::MAX;
        }
        let entries = self.addresses.entries.iter().enumerate().skip(usize::from(self.nd.registering));
        for (place, entry) in entries {
            if let Some(Address { ip, state: AddressState::Tentative | AddressState::Preferred, .. }) = entry
            {
                let ip = *ip;
                self.nd.registering = place as u8;
                let wait = (super::RETRANS_TIMER as u32) << self.nd.probes;
                self.nd.round = cx.now.after(u64::from(wait));
                self.nd.probes += 1;
                return self.send_registration(cx, &ip, self.config.registration_lifetime);
            }
        }
        self.begin_round(cx.now.after(u64::from(self.nd.pause)));
    }

    /// The router that is used, though its time be over.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn router_in_use(&mut self) -> Option<&mut Entry> {
        self.nd.known.place_mut(usize::from(self.nd.router))
    }

    /// Asks the router to keep one of our addresses for so many minutes, or with 0 to forget it.
    fn send_registration(&mut self, cx: &mut Context<'_>, ip: &Ip, lifetime: u16) {
        let Some(&mut Entry { ip: router, flags, .. }) = self.router_in_use() else { return };
        let claim = Claim { rovr: self.own_rovr(), tid: Some(self.nd.tid), lifetime };
        let registration = claim.body(if self.config.role == Role::Host { REACHABILITY } else { 0 });
        let extended = flags & Entry::EXTENDED != 0;
        let (source, target) = if extended { (None, ip) } else { (Some(ip), &router) };
        let kind = kind::NEIGHBOR_SOLICITATION;
        self.send_neighbor(cx, kind, source, &router, (0, target), true, Some(&registration));
    }

    /// Has the router forget all of our addresses, or the one that will not be used any more (RFC 8505 §5.7). An attempt:
    /// what gets lost ends with its lifetime.
    pub(in crate::ipv6) fn deregister(&mut self, cx: &mut Context<'_>, only: Option<&Ip>) {
        if !self.nd.registered {
            return;
        }
        self.nd.tid = lollipop::next(self.nd.tid);
        self.nd.registered = only.is_some();
        // The link-local one, from which the others are registered, is the first there is.
        for index in (0..self.addresses.entries.len()).rev() {
            let Some(&Some(Address { ip, state: AddressState::Preferred, .. })) =
                self.addresses.entries.get(index)
            else {
                continue;
            };
            if only.is_none_or(|only| *only == ip) {
                self.send_registration(cx, &ip, 0);
            }
        }
    }

    /// Moves to the router that is to be used now.
    fn follow_router(&mut self, cx: &mut Context<'_>) -> Option<Event<'static>> {
        let place = self.nd.known.place_of(Kind::Router, cx.now).map_or(NO_ROUTER, |place| place as u8);
        let before = self.nd.router;
        if place == before {
            return None;
        }
        self.deregister(cx, None);
        let refused = self.router_in_use().is_some_and(|router| router.flags & Entry::REFUSED != 0);
        self.nd.router = place;
        if self.config.medium() == Medium::Ieee802154
            && self.config.role == Role::Host
            && self.config.registers
        {
            self.begin_round(cx.now);
        }
        if let Some(router) = self.router_in_use() {
            return if before == NO_ROUTER { Some(Event::RouterFound(router.ip)) } else { None };
        }
        self.solicit_routers(cx);
        if refused {
            // It may be the only one there is.
            self.nd.solicit = self.nd.solicit.after(RTR_SOLICITATION_INTERVAL);
        }
        Some(Event::RouterLost)
    }

    /// The outcome of a registration (RFC 6775 §5.5.2).
    pub(super) fn registration_result(
        &mut self,
        cx: &mut Context<'_>,
        told: &Told<'_>,
        registration: &Body,
    ) -> Option<Event<'static>> {
        let Told { header, target, .. } = *told;
        let claim = Claim::of(registration);
        // That a registration has ended is what was wanted.
        if claim.rovr != self.own_rovr() || claim.lifetime == 0 || self.nd.probes == 0 {
            return None;
        }
        let status = registration[0];
        let by_target = self.addresses.find(target).is_some();
        let entry = self.addresses.entries.get_mut(usize::from(self.nd.registering))?;
        let address = entry.as_mut()?;
        let ip = address.ip;
        // RFC 8505 has the address in the target; RFC 6775 sends the answer to it, but an error to the link-local one.
        let meant = match status {
            _ if by_target => target,
            0 => &header.destination,
            _ => &ip,
        };
        if *meant != ip {
            return None;
        }
        self.nd.probes = 0;
        self.nd.registering = self.nd.registering.saturating_add(1);
        self.nd.round = cx.now;
        match status {
            status if status == RegistrationStatus::Success as u8 => {
                // Again well before the registration ends.
                self.nd.pause = self.nd.pause.min(u32::from(claim.lifetime) * (60_000 / 4 * 3));
                self.nd.registered = true;
                let ready = address.state == AddressState::Tentative;
                address.state = AddressState::Preferred;
                return if ready { Some(Event::AddressReady(ip)) } else { None };
            }
            status if status == RegistrationStatus::Duplicate as u8 => {
                address.state = AddressState::Duplicate;
                return Some(Event::AddressDuplicate(ip));
            }
            status if status == RegistrationStatus::NeighborCacheFull as u8 => {
                // RFC 6775 §5.5.3: try another router.
                if let Some(router) = self.router_in_use().filter(|router| router.ip == header.source) {
                    router.until = cx.now;
                    router.flags |= Entry::REFUSED;
                    self.nd.round = Instant::NEVER;
                }
            }
            _ => {
                self.nd.pause = RETRY_LATER;
                if status == RegistrationStatus::Moved as u8 && lollipop::is_linear(self.nd.tid) {
                    // The router remembers more from before a start of this node: on to the circle, which is newer.
                    self.nd.tid = u8::MAX;
                }
            }
        }
        None
    }

    /// Takes a router off the list with the next poll, which looks for another if it was the last.
    pub(super) fn lose_router(&mut self, now: Instant, ip: &Ip) {
        #[cfg(feature = "ethernet")]
        self.nd.redirects.forget(ip);
        for entry in self.nd.known.iter_mut() {
            if entry.kind == Kind::Router && entry.ip == *ip {
                entry.until = now;
            }
        }
    }

    /// Drops routers, prefixes, contexts and the border router whose time is over, and tells of contexts that the
    /// application has not been told of. Contexts are kept for decompression twice the router lifetime (RFC 6775
    /// §5.4.3).
    pub(super) fn poll_known(&mut self, cx: &mut Context<'_>) -> Option<Event<'static>> {
        let now = cx.now;
        let grace = now.after(u64::from(self.config.router_lifetime.max(1)) * 2000);
        for place in 0..self.nd.known.len() {
            let over = |entry: &&mut Entry| entry.status != Status::Unused && entry.until.is_due(now);
            let Some(entry) = self.nd.known.place_mut(place).filter(over) else { continue };
            #[cfg(feature = "ethernet")]
            if entry.kind == Kind::Router {
                self.nd.redirects.forget(&entry.ip);
            }
            entry.end(if entry.flags & Entry::OVER == 0 { grace } else { Instant::ZERO });
            if MULTIHOP && entry.kind == Kind::BorderRouter {
                // All that came from it goes too (RFC 6775 §6.3).
                for entry in self.nd.known.iter_mut().filter(|entry| usize::from(entry.border) == place) {
                    entry.end(Instant::ZERO);
                }
            }
        }
        let event = self.follow_router(cx);
        if event.is_some() {
            return event;
        }
        let entry = self.nd.known.iter_mut().find(|entry| entry.status == Status::News)?;
        entry.status = if entry.is_gone() { Status::Unused } else { Status::Known };
        let told = *entry;
        // Another border router may still have what is gone.
        let other = self.contexts().find(|other| SEVERAL && told.is_gone() && other.id() == told.id());
        Some(Event::Context(*other.unwrap_or(&told)))
    }

    /// What happens to addresses by time: duplicate detection, registration, expiry.
    pub(super) fn poll_addresses(&mut self, cx: &mut Context<'_>) -> Option<Event<'static>> {
        let now = cx.now;
        for index in 0..self.addresses.entries.len() {
            let Some(entry) = self.addresses.entries.get_mut(index) else { break };
            let Some(address) = entry else { continue };
            if address.valid_until.is_due(now) {
                let ip = address.ip;
                let _ = self.remove_address(cx, &ip);
                return Some(Event::AddressLost(ip));
            }
        }
        // Ends: each round makes an address usable, or has to wait.
        while self.config.medium() == Medium::Ethernet && self.nd.round.is_due(now) {
            self.detect_duplicate(cx);
        }
        let address = self.addresses.entries.iter_mut().flatten().find(|address| address.news)?;
        address.news = false;
        Some(Event::AddressReady(address.ip))
    }

    /// The owner's mark in registrations: the EUI-64 (RFC 8505 §5.3).
    pub(super) const fn own_rovr(&self) -> [u8; 8] {
        match self.config.link_address {
            LinkAddress::Extended(eui64) => eui64,
            other => other.interface_identifier(),
        }
    }
}
