// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a router does for hosts: advertises, and keeps their registrations (RFC 4861 §6.2,
//! RFC 6775 §6, RFC 8505 §5).
#![forbid(unsafe_code)]

use super::registry::{Body, EXTENDED, REACHABILITY};
use super::{Entry, Kind, MINUTE, MULTIHOP, SEVERAL, Told, left};
use crate::address::Ip;
use crate::ipv6::event::Event;
use crate::ipv6::link::{LinkAddress, with_prefix};
use crate::ipv6::neighbours::{Claim, Neighbour, NeighbourState};
use crate::ipv6::output::message;
use crate::ipv6::wire::icmpv6::kind;
use crate::ipv6::wire::nd::{
    self, Authoritative, Medium, Neighbor, PrefixInformation, RegistrationStatus, capability,
};
use crate::ipv6::{Context, Ipv6, Role};
use crate::lollipop::is_newer;
use crate::status::{Error, Result};
use crate::time::{Instant, SECOND};

impl Ipv6<'_> {
    /// Advertises a prefix, as a border router or a router on Ethernet; one whose validity has
    /// ended is advertised no more.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a prefix that cannot be one, [`Error::Full`].
    pub fn advertise_prefix(
        &mut self,
        now: Instant,
        prefix: Ip,
        prefix_len: u8,
        valid_until: Instant,
        preferred_until: Instant,
    ) -> Result<()> {
        if prefix_len > 128 || prefix.is_multicast() || prefix.is_link_local() {
            return Err(Error::Invalid);
        }
        // RFC 6775 §6.1: never on-link on IEEE 802.15.4.
        let on_link = self.config.medium() == Medium::Ethernet;
        let mut new = Entry::new(Kind::Prefix, &prefix, valid_until);
        new.prefix_len = prefix_len;
        new.flags = PrefixInformation::AUTONOMOUS | if on_link { PrefixInformation::ON_LINK } else { 0 };
        new.preferred_until.set(preferred_until);
        self.advertise(now, &mut new)
    }

    /// Advertises what the application says, or no more when its time is over.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn advertise(&mut self, now: Instant, new: &mut Entry) -> Result<()> {
        if self.config.role == Role::BorderRouter {
            new.border = 0;
            if let Some(own) = self.own_place() {
                own.version = own.version.wrapping_add(1);
            }
        }
        let stored = self.nd.known.store(now, new);
        #[cfg(feature = "ethernet")]
        if self.config.medium() == Medium::Ethernet && self.config.role != Role::Host {
            self.nd.ethernet.advertise_anew(now);
        }
        if stored || new.until.is_due(now) { Ok(()) } else { Err(Error::Full) }
    }

    /// Advertises a compression context, as a border router, and tells of it by
    /// [`Event::Context`]; one whose validity has ended is withdrawn.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Full`].
    pub fn advertise_context(
        &mut self,
        now: Instant,
        id: u8,
        prefix: Ip,
        prefix_len: u8,
        compress: bool,
        valid_until: Instant,
    ) -> Result<()> {
        if id > 15 || prefix_len > 128 {
            return Err(Error::Invalid);
        }
        let mut new = Entry::new(Kind::Context, &prefix, valid_until);
        new.prefix_len = prefix_len;
        new.flags = id | if compress { Entry::COMPRESS } else { 0 };
        self.advertise(now, &mut new)
    }

    /// Says which address this border router goes by in its advertisements (RFC 6775 §7), and
    /// which version its information begins with: a higher one than before a restart. Of no effect without the feature
    /// `multihop-nd`, as they carry neither then.
    pub fn set_authority(&mut self, ip: Ip, version: u32) {
        if let Some(own) = self.own_place() {
            *own = Entry::new(Kind::BorderRouter, &ip, Instant::NEVER);
            own.version = version;
        }
    }

    /// Where a border router keeps itself.
    fn own_place(&mut self) -> Option<&mut Entry> {
        if MULTIHOP {
            self.nd.known.place_mut(0).filter(|entry| entry.kind == Kind::BorderRouter)
        } else {
            None
        }
    }

    /// The capability flags that this node announces (RFC 8505 §4.3).
    pub(super) fn capabilities(&self) -> u16 {
        #[cfg(feature = "ghc")]
        let generic = if self.config.ghc { capability::GHC } else { 0 };
        #[cfg(not(feature = "ghc"))]
        let generic = 0;
        let duplicate = if MULTIHOP { capability::EXTENDED_DUPLICATE } else { 0 };
        generic
            | capability::EARO
            | match self.config.role {
                Role::Host => 0,
                Role::Router => capability::ROUTER | duplicate,
                Role::BorderRouter => capability::ROUTER | capability::BORDER_ROUTER | duplicate,
            }
    }

    pub(super) fn receive_router_solicitation(&mut self, cx: &mut Context<'_>, told: &Told<'_>) {
        let Told { header, link, .. } = *told;
        #[cfg(feature = "ethernet")]
        if self.config.medium() == Medium::Ethernet {
            return self.answer_all(cx, told);
        }
        if link.is_some() {
            // RFC 6775 §6.3: only to make the answer possible, never to change an entry.
            if self.neighbours.find(&header.source).is_none() {
                self.learn_stale(cx, &header.source, link);
            }
            self.send_router_advertisement(cx, &header.source);
        }
    }

    /// Sends one advertisement for each border router, with what is its, and one with what is
    /// nobody's (RFC 6775 §8.1.5).
    pub(super) fn send_router_advertisement(&mut self, cx: &mut Context<'_>, destination: &Ip) {
        if !SEVERAL {
            return self.advertise_for(cx, destination, 0);
        }
        let mut silent = true;
        for index in 0..self.nd.known.len() as u8 {
            if self.is_border(index) {
                self.advertise_for(cx, destination, index);
                silent = false;
            }
        }
        if silent || self.is_border(Entry::NOBODY) {
            self.advertise_for(cx, destination, Entry::NOBODY);
        }
    }

    /// Whether there is anything to advertise for the border router of that index.
    fn is_border(&self, index: u8) -> bool {
        self.nd.known.get(usize::from(index)).is_some_and(|entry| entry.kind == Kind::BorderRouter)
            || self.prefixes().any(|prefix| prefix.border == index)
    }

    fn advertise_for(&mut self, cx: &mut Context<'_>, destination: &Ip, index: u8) {
        if let Ok(length) = self.write_advertisement(cx.now, index) {
            self.send_nd(cx, kind::ROUTER_ADVERTISEMENT, None, destination, length);
        }
    }

    fn write_advertisement(&mut self, now: Instant, index: u8) -> Result<usize> {
        let lowpan = self.config.medium() == Medium::Ieee802154;
        // RFC 4861 §6.2.5: who is a router no longer says so.
        let lifetime =
            if !lowpan && self.config.role == Role::Host { 0 } else { self.config.router_lifetime };
        let [high, low] = lifetime.to_be_bytes();
        let flags = self.capabilities();
        let out = &mut message(self.buffer);
        out.put(&[self.config.hop_limit, 0, high, low, 0, 0, 0, 0, 0, 0, 0, 0])?;
        nd::put_link_layer_address(false, &self.config.link_address, out)?;
        #[cfg(feature = "ethernet")]
        self.nd.ethernet.put_mtu(out)?;
        let minutes = |until| left(now, until, MINUTE);
        for entry in self.nd.known.iter().filter(|entry| entry.is_of(index)) {
            let (prefix_len, until) = (entry.prefix_len, entry.until);
            match entry.kind {
                Kind::Prefix => {
                    let valid = left(now, until, SECOND);
                    let preferred = left(now, entry.preferred_until.get(), SECOND);
                    PrefixInformation::put(prefix_len, entry.flags, [valid, preferred], &entry.ip, out)?;
                }
                // Those who know it keep one that is over by themselves.
                Kind::Context if lowpan && entry.flags & Entry::OVER == 0 => {
                    let lifetime = minutes(until).min(0xffff) as u16;
                    nd::Context::put(prefix_len, entry.flags, lifetime, &entry.ip, out)?;
                }
                _ => {}
            }
        }
        if lowpan {
            let border = self.nd.known.get(usize::from(index));
            if let Some(border) = border.filter(|entry| MULTIHOP && entry.kind == Kind::BorderRouter) {
                let lifetime = minutes(border.until).clamp(1, 10_000) as u16;
                Authoritative::put(border.version, lifetime, &border.ip, out)?;
            }
            capability::put(flags, out)?;
        }
        Ok(out.position())
    }

    /// A solicitation with a registration (RFC 6775 §6.5, RFC 8505 §5), and with the link address of its sender.
    pub(super) fn receive_registration(
        &mut self,
        cx: &mut Context<'_>,
        told: &Told<'_>,
        registration: &[u8],
    ) -> Option<Event<'static>> {
        let Told { header, target, link, .. } = *told;
        // RFC 6775 §6.5; owners' marks beyond 64 bits are for networks without RFC 6775 nodes.
        let registration: &Body = registration.try_into().ok()?;
        let claim = Claim::of(registration);
        if registration[0] != 0 {
            return None;
        }
        // RFC 8505 §5.5: with a transaction ID the target is the address, else the source is.
        let ip = if claim.tid.is_some() { target } else { &header.source };
        if ip.is_unspecified() || ip.is_multicast() {
            return None;
        }
        let ends = claim.lifetime == 0;
        let entry = self.neighbours.find(ip).filter(|entry| entry.registers());
        let was_registered = entry.is_some_and(|entry| entry.state == NeighbourState::Registered);
        // The link-local address that follows from the link address goes with the entry of another (RFC 8505 §5.6 asks for
        // no more than that nobody else takes it).
        let goes_with = entry.is_some_and(|entry| entry.ip != *ip && entry.link == link);
        let mut status = match entry {
            _ if goes_with => 0,
            _ if self.addresses.find(ip).is_some() => RegistrationStatus::Duplicate as u8,
            Some(entry) if entry.ip != *ip || entry.claim.rovr != claim.rovr => {
                if !was_registered {
                    // RFC 6775 §8.2: of several that try at once, the first is answered first.
                    return None;
                }
                RegistrationStatus::Duplicate as u8
            }
            Some(Neighbour { claim: Claim { tid: Some(old), .. }, .. })
                if claim.tid.is_some_and(|new| is_newer(*old, new)) =>
            {
                RegistrationStatus::Moved as u8
            }
            _ => 0,
        };
        let asks = self.asks_border_router(ip);
        if MULTIHOP
            && status == 0
            && !goes_with
            && self.config.role == Role::BorderRouter
            && !ip.is_link_local()
        {
            let mut former = None;
            status = self.enter(cx.now, ip, &claim, &Ip::UNSPECIFIED, &mut former);
            if let Some(former) = former {
                self.tell_former(cx, &former, ip, &claim);
            }
        }
        if status == 0 && !ends && !goes_with {
            let entry = match status {
                0 => self.neighbours.replace(&link.link_local(), ip, NeighbourState::Tentative),
                _ => None,
            };
            if let Some(entry) = entry {
                entry.link = link;
                entry.claim = claim;
                if asks && !was_registered {
                    // RFC 6775 §8.2.3: the answer waits for that of the border router.
                    entry.settle(NeighbourState::Tentative, cx.now);
                    return None;
                }
                entry.settle(NeighbourState::Registered, cx.now.after(u64::from(claim.lifetime) * 60_000));
            } else if status == 0 {
                self.statistics.neighbours_full = self.statistics.neighbours_full.wrapping_add(1);
                status = RegistrationStatus::NeighborCacheFull as u8;
            }
        }
        self.answer_registration(cx, ip, registration, status, &header.source);
        if status != 0 || goes_with {
            return None;
        }
        if ends {
            self.neighbours.remove(ip);
        }
        if asks && was_registered {
            // RFC 8505 §5.7: renewals are reported, but not waited for. So are ends.
            self.send_duplicate_request(cx, ip, &claim);
        }
        match (ends, was_registered) {
            // Nobody beyond the link is to know of link-local ones.
            _ if ip.is_link_local() => None,
            (true, true) => Some(Event::Deregistered(*ip)),
            (false, false) => Some(Event::Registered(*ip)),
            _ => None,
        }
    }

    /// Whether addresses are checked with the border router. RFC 6775 §8.2 exempts those made
    /// from an EUI-64; RFC 8505 §5.6 link-local ones.
    fn asks_border_router(&self, ip: &Ip) -> bool {
        MULTIHOP
            && self.config.multihop_dad
            && self.config.role == Role::Router
            && !ip.is_link_local()
            && self.border_router_of(ip).is_some_and(|border| !self.addresses.is_own(&border.ip))
    }

    /// Answers a registration that was asked for from the address `source`.
    pub(super) fn answer_registration(
        &mut self,
        cx: &mut Context<'_>,
        ip: &Ip,
        registration: &Body,
        status: u8,
        source: &Ip,
    ) {
        let mut answer = *registration;
        answer[0] = status;
        answer[2] &= EXTENDED | REACHABILITY;
        let [_, _, _, _, _, _, eui64 @ ..] = answer;
        // Errors go to the address made from the EUI-64, since the link address may be taken too
        // (RFC 6775 §6.5.2).
        let destination = match (status, self.config.medium()) {
            (0, _) => *source,
            (_, Medium::Ieee802154) => LinkAddress::Extended(eui64).link_local(),
            (_, Medium::Ethernet) => with_prefix(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0], eui64),
        };
        let neighbor = (Neighbor::ROUTER | Neighbor::SOLICITED, ip);
        let kind = kind::NEIGHBOR_ADVERTISEMENT;
        self.send_neighbor(cx, kind, None, &destination, neighbor, false, Some(&answer));
    }
}
