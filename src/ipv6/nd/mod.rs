// SPDX-License-Identifier: MIT OR Apache-2.0
//! Neighbour discovery: RFC 6775 and RFC 8505 on IEEE 802.15.4, RFC 4861 and RFC 4862 on
//! Ethernet.
//!
//! `host` finds routers and makes and registers addresses; `router` answers hosts and keeps
//! their registrations; `registry` is the border router's table of all addresses;
//! `resolution` is what RFC 4861 has all nodes do: solicitations and advertisements,
//! unreachability detection, duplicate address detection; `ethernet` and `redirect` are what there is on such links
//! alone.
#![forbid(unsafe_code)]

#[cfg(feature = "ghc")]
mod capability;
#[cfg(feature = "ethernet")]
mod ethernet;
mod host;
pub(super) mod known;
#[cfg(feature = "ethernet")]
mod redirect;
mod registry;
mod resolution;
mod router;

pub use known::{Entry, Kind};
pub(super) use registry::Registered;

use super::addresses::solicited_node;
use super::event::{Arrival, Event};
use super::link::LinkAddress;
use super::output::message;
use super::source_selection::in_prefix;
use super::wire::Header;
use super::wire::icmpv6::{Icmpv6, kind};
use super::wire::nd::{self, Neighbor, Options, RouterAdvertisement, option, put_link_layer_address};
use super::{Config, Context, Ipv6, Role};
use crate::address::Ip;
use crate::memory::Carver;
use crate::status::Error;
use crate::time::{Instant, whole};
use core::num::NonZeroU16;
use known::{Known, Status};

/// How often a solicitation is repeated (RFC 4861 §10: MAX_MULTICAST_SOLICIT,
/// MAX_UNICAST_SOLICIT, MAX_RTR_SOLICITATIONS).
const MAX_SOLICIT: u8 = 3;
/// Milliseconds between solicitations of a neighbour (RFC 4861 §10: RETRANS_TIMER).
const RETRANS_TIMER: u64 = 1000;
/// Longest wait before the first solicitation of a router, or of an own address (RFC 4861 §10), in milliseconds.
const MAX_RTR_SOLICITATION_DELAY: u32 = 1000;

/// Whether what comes from two border routers is told apart.
const SEVERAL: bool = cfg!(feature = "border-routers");

/// Whether there are border routers beyond the link (RFC 6775 §8).
const MULTIHOP: bool = cfg!(feature = "multihop-nd");

/// What neighbour discovery remembers beside neighbours and addresses.
pub(super) struct State<'m> {
    known: Known<'m>,
    registry: &'m mut [Option<Registered>],
    /// When the next Router Solicitation is due, and how many were sent.
    solicit: Instant,
    solicited: u8,
    /// Whether solicitations ask the router that there is for fresh information.
    refreshing: bool,
    /// The router that is used, by its place; [`NO_ROUTER`].
    router: u8,
    /// Whether anything is registered with it.
    registered: bool,
    /// When the registration of our addresses goes on: of which address, after how many solicitations. They are
    /// registered one after the other in rounds; on Ethernet they are checked for duplicates so, see `detect_duplicate`.
    round: Instant,
    registering: u8,
    probes: u8,
    /// The transaction ID of the round.
    tid: u8,
    /// Milliseconds between the end of this round and the next.
    pause: u32,
    #[cfg(feature = "ethernet")]
    pub(super) ethernet: ethernet::State,
    #[cfg(feature = "ethernet")]
    redirects: redirect::Redirects<'m>,
}

/// In place of the place of a router.
const NO_ROUTER: u8 = u8::MAX;

/// How many border routers are listened to.
pub(super) const fn border_routers(config: &Config) -> usize {
    if SEVERAL { config.border_routers as usize } else { MULTIHOP as usize }
}

impl<'m> State<'m> {
    /// Whether no own address is being registered or checked.
    pub(super) fn is_idle(&self) -> bool {
        self.round == Instant::NEVER
    }

    /// Takes all default routers off the list with the next poll.
    #[cfg(feature = "ethernet")]
    pub(super) fn lose_routers(&mut self) {
        for entry in self.known.iter_mut().filter(|entry| entry.kind == Kind::Router) {
            entry.until = Instant::ZERO;
        }
    }

    pub(super) fn carve(carver: &mut Carver<'m>, config: &Config) -> State<'m> {
        State {
            known: Known::carve(carver, config),
            registry: carver.part(usize::from(config.registry)),
            solicit: Instant::NEVER,
            solicited: 0,
            refreshing: false,
            router: NO_ROUTER,
            registered: false,
            round: Instant::NEVER,
            registering: 0,
            probes: 0,
            tid: registry::FIRST_TID,
            pause: 0,
            #[cfg(feature = "ethernet")]
            ethernet: ethernet::State::NEW,
            #[cfg(feature = "ethernet")]
            redirects: redirect::Redirects::carve(carver, config),
        }
    }
}

/// When a lifetime that was received in units of `unit` milliseconds ends.
const fn ends(now: Instant, lifetime: u32, unit: u64) -> Instant {
    if lifetime == u32::MAX { Instant::NEVER } else { now.after(lifetime as u64 * unit) }
}

/// What is left of a lifetime, in units of `unit` milliseconds, for sending it on.
fn left(now: Instant, until: Instant, unit: NonZeroU16) -> u32 {
    if until == Instant::NEVER {
        return u32::MAX;
    }
    whole(until.since(now), unit).min(u32::MAX - 1)
}

const MINUTE: NonZeroU16 = NonZeroU16::new(60_000).unwrap();

/// A message of neighbour discovery between neighbours, whose form is right.
struct Told<'a> {
    header: &'a Header,
    /// What stands in front of the options.
    fixed: &'a [u8],
    /// The address that a solicitation or an advertisement of a neighbour, or a redirect, is about.
    target: &'a Ip,
    options: Options<'a>,
    /// The link address of the sender, or of the target in a neighbour's advertisement or a redirect, if it is told.
    link: LinkAddress,
}

impl<'a> Told<'a> {
    /// The flags of a neighbour's message.
    fn flags(&self) -> u8 {
        self.fixed.first().copied().unwrap_or(0)
    }

    /// The Address Registration Option behind type and length, be it of a length that means something or not.
    fn registration(&self) -> Option<&'a [u8]> {
        self.options.find(option::ADDRESS_REGISTRATION)
    }
}

impl Ipv6<'_> {
    /// A message of neighbour discovery, whose checksum has been verified.
    pub(super) fn receive_nd(
        &mut self,
        cx: &mut Context<'_>,
        arrival: &Arrival,
        header: &Header,
        message: &Icmpv6<'_>,
    ) -> Option<Event<'static>> {
        match message.kind {
            kind::DUPLICATE_ADDRESS_REQUEST | kind::DUPLICATE_ADDRESS_CONFIRMATION
                if MULTIHOP && !arrival.outside =>
            {
                return self.receive_duplicate(cx, header, message);
            }
            _ => {}
        }
        // RFC 4861 §6.1, §7.1: not from beyond the link.
        if header.hop_limit != nd::HOP_LIMIT || message.code != 0 || arrival.outside {
            self.malformed();
            return None;
        }
        let fixed = match message.kind {
            // Who does not advertise has nothing to do with it, but to notice what its sender is capable of.
            kind::ROUTER_SOLICITATION if !cfg!(feature = "ghc") && !self.advertises() => return None,
            kind::ROUTER_SOLICITATION => nd::ROUTER_SOLICITATION_LEN,
            kind::ROUTER_ADVERTISEMENT => RouterAdvertisement::LEN,
            kind::NEIGHBOR_SOLICITATION | kind::NEIGHBOR_ADVERTISEMENT => Neighbor::LEN,
            #[cfg(feature = "ethernet")]
            kind::REDIRECT if self.config.medium() == nd::Medium::Ethernet => nd::Redirect::LEN,
            // There are no redirects on IEEE 802.15.4, where no prefix is on the link (RFC 6775 §1.4).
            _ => return None,
        };
        let Some((fixed, options)) = message.body.split_at_checked(fixed) else {
            self.malformed();
            return None;
        };
        let options = Options::new(options);
        let of_target = matches!(message.kind, kind::NEIGHBOR_ADVERTISEMENT | kind::REDIRECT);
        let wanted =
            if of_target { option::TARGET_LINK_LAYER_ADDRESS } else { option::SOURCE_LINK_LAYER_ADDRESS };
        let told = Told {
            header,
            fixed,
            target: fixed.get(4..).and_then(|rest| rest.first_chunk()).map_or(&Ip::UNSPECIFIED, Ip::of),
            options,
            link: nd::link_layer_address(self.config.medium(), options.find(wanted).unwrap_or_default()),
        };
        // RFC 4861 §6.1.1, §6.1.2, §7.1.1, §7.1.2, §8.1.
        if told.target.is_multicast() || !options.are_valid() {
            self.malformed();
            return None;
        }
        #[cfg(feature = "ghc")]
        self.notice_capability(cx, arrival, options);
        let anonymous = header.source.is_unspecified();
        match message.kind {
            kind::ROUTER_SOLICITATION if !anonymous || !told.link.is_some() => {
                if !cfg!(feature = "ghc") || self.advertises() {
                    self.receive_router_solicitation(cx, &told);
                }
                None
            }
            kind::ROUTER_ADVERTISEMENT if header.source.is_link_local() => {
                self.receive_router_advertisement(cx, &told)
            }
            kind::NEIGHBOR_SOLICITATION
                if !anonymous
                    || !told.link.is_some() && header.destination == solicited_node(told.target) =>
            {
                self.receive_neighbor_solicitation(cx, &told)
            }
            kind::NEIGHBOR_ADVERTISEMENT
                if told.flags() & Neighbor::SOLICITED == 0 || !header.destination.is_multicast() =>
            {
                self.receive_neighbor_advertisement(cx, &told)
            }
            #[cfg(feature = "ethernet")]
            kind::REDIRECT => {
                self.receive_redirect(cx, &told);
                None
            }
            _ => {
                self.malformed();
                None
            }
        }
    }

    /// Sends a solicitation or an advertisement of a neighbour, with the link address of ours if
    /// `link` says so, and with a registration or what became of it.
    #[allow(clippy::too_many_arguments)]
    fn send_neighbor(
        &mut self,
        cx: &mut Context<'_>,
        kind: u8,
        source: Option<&Ip>,
        destination: &Ip,
        (flags, target): (u8, &Ip),
        link: bool,
        registration: Option<&registry::Body>,
    ) {
        let mut out = message(self.buffer);
        let write = || {
            out.put(&[flags, 0, 0, 0])?;
            out.put(&target.0)?;
            if link {
                let target = kind == kind::NEIGHBOR_ADVERTISEMENT;
                put_link_layer_address(target, &self.config.link_address, &mut out)?;
            }
            if let Some(body) = registration {
                out.put(&[option::ADDRESS_REGISTRATION, 2])?;
                out.put(body)?;
            }
            Ok::<_, Error>(out.position())
        };
        if let Ok(length) = { write }() {
            self.send_nd(cx, kind, source, destination, length);
        }
    }

    pub(super) fn poll_nd(&mut self, cx: &mut Context<'_>) -> Option<Event<'static>> {
        if MULTIHOP {
            self.poll_registry(cx.now);
        }
        let event =
            self.poll_resolution(cx).or_else(|| self.poll_addresses(cx)).or_else(|| self.poll_neighbours(cx));
        // A router that does not answer is lost, and the next one asked.
        self.poll_registrations(cx);
        let event = event.or_else(|| self.poll_known(cx));
        self.poll_registrations(cx);
        // RFC 4862 §5.4: both wait until the address that they come from has been checked.
        let ready = self.addresses.is_own(&self.link_local());
        if self.nd.solicit.is_due(cx.now) {
            if self.config.medium() == nd::Medium::Ethernet && self.config.role != Role::Host {
                // A router there heeds no other (RFC 4861 §6.2.7), and asks for none.
                self.nd.solicit = Instant::NEVER;
            } else if ready {
                self.send_router_solicitation(cx);
            } else {
                self.nd.solicit = self.nd.round;
            }
        }
        #[cfg(feature = "ethernet")]
        if self.config.medium() == nd::Medium::Ethernet && self.nd.ethernet.advertise.is_due(cx.now) {
            if ready {
                self.send_periodic_advertisement(cx);
            } else {
                self.nd.ethernet.advertise = self.nd.round;
            }
        }
        #[cfg(feature = "ethernet")]
        self.poll_listener(cx);
        // What was sent meanwhile may go to neighbours who are to be asked for.
        event.or_else(|| self.poll_resolution(cx))
    }

    pub(super) fn nd_deadline(&self) -> Instant {
        let mut deadline = self.neighbours.deadline();
        deadline.hasten(self.nd.solicit);
        deadline.hasten(self.nd.round);
        #[cfg(feature = "ethernet")]
        if self.config.medium() == nd::Medium::Ethernet {
            deadline.hasten(self.nd.ethernet.advertise);
            deadline.hasten(self.listener_deadline());
        }
        for address in self.addresses.iter() {
            if address.news {
                return Instant::ZERO;
            }
            deadline.hasten(address.valid_until);
        }
        for entry in self.nd.known.iter() {
            if entry.status == Status::News {
                return Instant::ZERO;
            }
            deadline.hasten(entry.until);
        }
        if MULTIHOP {
            for entry in self.nd.registry.iter().flatten() {
                deadline.hasten(entry.until);
            }
        }
        deadline
    }

    /// The default router, if there is one.
    pub(super) fn default_router(&self, now: Instant) -> Option<&Ip> {
        self.nd.known.first(Kind::Router, now).map(|router| &router.ip)
    }

    /// The default routers, best first.
    pub fn routers(&self) -> impl Iterator<Item = &Entry> {
        self.nd.known.of(Kind::Router)
    }

    /// The prefixes that are known, or advertised.
    pub fn prefixes(&self) -> impl Iterator<Item = &Entry> {
        self.nd.known.of(Kind::Prefix)
    }

    /// The compression contexts that are known, or advertised.
    pub fn contexts(&self) -> impl Iterator<Item = &Entry> {
        self.nd.known.of(Kind::Context)
    }

    /// The border routers that advertise prefixes and contexts, as far as they are known.
    pub fn border_routers(&self) -> impl Iterator<Item = &Entry> {
        self.nd.known.of(Kind::BorderRouter)
    }

    /// The border router that is to know of an address: that of its prefix, or else any.
    pub(super) fn border_router_of(&self, ip: &Ip) -> Option<&Entry> {
        if !SEVERAL {
            return self.nd.known.first(Kind::BorderRouter, Instant::ZERO);
        }
        let of_prefix = self.prefixes().find(|prefix| in_prefix(ip, &prefix.ip, prefix.prefix_len));
        let border = of_prefix.and_then(|prefix| self.nd.known.get(usize::from(prefix.border)));
        border.or_else(|| self.border_routers().next())
    }

    /// Whether this node advertises itself as a router.
    pub(super) fn advertises(&self) -> bool {
        self.config.role == Role::BorderRouter
            || (self.config.role == Role::Router
                && self.nd.known.first(Kind::Prefix, Instant::ZERO).is_some())
    }
}
