// SPDX-License-Identifier: MIT OR Apache-2.0
//! Neighbour discovery: RFC 6775 and RFC 8505 on IEEE 802.15.4, RFC 4861 and RFC 4862 on
//! Ethernet.
//!
//! `host` finds routers and makes and registers addresses; `router` answers hosts and keeps
//! their registrations; `registry` is the border router's table of all addresses;
//! `resolution` is what RFC 4861 has all nodes do: solicitations and advertisements,
//! unreachability detection, duplicate address detection.
#![forbid(unsafe_code)]

#[cfg(feature = "ghc")]
mod capability;
mod host;
mod registry;
mod resolution;
mod router;

pub(super) use registry::Registered;
pub(super) use resolution::{DELAY_FIRST_PROBE_TIME, REACHABLE_TIME};

pub(super) use super::wire::nd::HOP_LIMIT;

use super::input::{Arrival, Event};
use super::link::LinkAddress;
use super::source_selection::in_prefix;
use super::wire::Header;
use super::wire::icmpv6::{Icmpv6, kind};
use super::wire::nd::{Registration, put_link_layer_address};
use super::{Config, Context, Ipv6, Role};
use crate::address::Ip;
use crate::memory::Carver;
use crate::time::{Instant, whole};
use core::num::NonZeroU16;

/// How often a solicitation is repeated (RFC 4861 §10: MAX_MULTICAST_SOLICIT,
/// MAX_UNICAST_SOLICIT, MAX_RTR_SOLICITATIONS).
const MAX_SOLICIT: u8 = 3;
/// Milliseconds between solicitations of a neighbour (RFC 4861 §10: RETRANS_TIMER).
const RETRANS_TIMER: u64 = 1000;

/// A default router.
#[derive(Clone, Copy, Debug)]
pub struct Router {
    /// Its link-local address.
    pub ip: Ip,
    /// Until when it is a default router.
    pub until: Instant,
    /// Whether it understands the extended registration option (RFC 8505 §6.1).
    pub extended: bool,
}

/// A prefix that is known or, on a router, advertised.
#[derive(Clone, Copy, Debug)]
pub struct Prefix {
    /// The prefix.
    pub prefix: Ip,
    /// How many bits of it count.
    pub prefix_len: u8,
    /// Whether its addresses are on the link.
    pub on_link: bool,
    /// Whether addresses may be made from it.
    pub autonomous: bool,
    /// Until when it is valid.
    pub valid_until: Instant,
    /// Until when addresses of it are preferred.
    pub preferred_until: Instant,
    /// Which border router it comes from, see [`BorderRouter::NOBODY`].
    pub border: u8,
}

/// A compression context that is known or, on a router, advertised (RFC 6775 §5.4.2).
#[derive(Clone, Copy, Debug)]
pub struct ContextEntry {
    /// The context identifier, 0 to 15.
    pub id: u8,
    /// The prefix.
    pub prefix: Ip,
    /// How many bits of it count.
    pub prefix_len: u8,
    /// Whether it may be used to compress, beside decompressing.
    pub compress: bool,
    /// Until when it is valid; [`Instant::ZERO`] when it is gone.
    pub valid_until: Instant,
    /// Which border router it comes from, see [`BorderRouter::NOBODY`].
    pub border: u8,
    /// Whether the application still has to be told.
    news: bool,
}

/// A border router that prefixes and contexts come from (RFC 6775 §4.3). Those of each are kept and
/// passed on apart from those of the others.
#[derive(Clone, Copy, Debug)]
pub struct BorderRouter {
    /// Its address.
    pub ip: Ip,
    /// The version of its information.
    pub version: u32,
    /// Until when the information is valid.
    pub until: Instant,
}

impl BorderRouter {
    /// In place of a border router's index: what did not come with the name of one.
    pub const NOBODY: u8 = u8::MAX;
}

/// Whether what comes from two border routers is told apart.
const SEVERAL: bool = cfg!(feature = "border-routers");

/// Whether two indices are of the same border router: always, where there is but one.
const fn same_border(a: u8, b: u8) -> bool {
    !SEVERAL || a == b
}

/// What neighbour discovery remembers beside neighbours and addresses.
pub(super) struct State<'m> {
    pub(super) routers: &'m mut [Option<Router>],
    pub(super) prefixes: &'m mut [Option<Prefix>],
    pub(super) contexts: &'m mut [Option<ContextEntry>],
    pub(super) borders: &'m mut [Option<BorderRouter>],
    registry: &'m mut [Option<Registered>],
    /// When the next Router Solicitation is due, and how many were sent.
    solicit: Instant,
    solicited: u8,
    /// When the next unsolicited Router Advertisement is due, and how many were sent.
    advertise: Instant,
    advertised: u8,
    /// The transaction ID of registrations.
    tid: u8,
}

/// How many border routers are listened to.
pub(super) const fn border_routers(config: &Config) -> usize {
    if SEVERAL { config.border_routers as usize } else { 1 }
}

impl<'m> State<'m> {
    pub(super) fn carve(carver: &mut Carver<'m>, config: &Config) -> State<'m> {
        State {
            routers: carver.part(usize::from(config.routers)),
            prefixes: carver.part(usize::from(config.prefixes)),
            contexts: carver.part(usize::from(config.contexts)),
            borders: carver.part(border_routers(config)),
            registry: carver.part(usize::from(config.registry)),
            solicit: Instant::NEVER,
            solicited: 0,
            advertise: Instant::NEVER,
            advertised: 0,
            tid: registry::FIRST_TID,
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
            kind::DUPLICATE_ADDRESS_REQUEST | kind::DUPLICATE_ADDRESS_CONFIRMATION => {
                return self.receive_duplicate(cx, header, message);
            }
            _ => {}
        }
        // RFC 4861 §6.1, §7.1: not from beyond the link.
        if header.hop_limit != HOP_LIMIT || message.code != 0 || arrival.outside {
            self.malformed();
            return None;
        }
        #[cfg(feature = "ghc")]
        self.notice_capability(cx, arrival, message);
        match message.kind {
            kind::ROUTER_SOLICITATION => {
                self.receive_router_solicitation(cx, header, message.body);
                None
            }
            kind::ROUTER_ADVERTISEMENT => self.receive_router_advertisement(cx, header, message.body),
            kind::NEIGHBOR_SOLICITATION => self.receive_neighbor_solicitation(cx, header, message.body),
            kind::NEIGHBOR_ADVERTISEMENT => self.receive_neighbor_advertisement(cx, header, message.body),
            // Redirects are not followed: a host may do without (RFC 4861 §8.3 is a SHOULD).
            _ => None,
        }
    }

    /// Sends a solicitation or an advertisement of a neighbour, with the link address of ours if
    /// `link` says so, and with a registration or what became of it.
    #[allow(clippy::too_many_arguments)]
    fn send_neighbor(
        &mut self,
        cx: &mut Context<'_>,
        kind: u8,
        source: &Ip,
        destination: &Ip,
        (flags, target): (u8, &Ip),
        link: bool,
        registration: Option<&Registration<'_>>,
    ) {
        let link = if link { self.config.link_address } else { LinkAddress::None };
        self.send_nd(cx, kind, Some(source), destination, &mut |out| {
            out.put(&[flags, 0, 0, 0])?;
            out.put(&target.0)?;
            put_link_layer_address(kind == kind::NEIGHBOR_ADVERTISEMENT, &link, out)?;
            registration.map_or(Ok(()), |registration| registration.put(out))
        });
    }

    pub(super) fn poll_nd(&mut self, cx: &mut Context<'_>) -> Option<Event<'static>> {
        if self.nd.solicit.is_due(cx.now) {
            self.send_router_solicitation(cx);
        }
        if self.nd.advertise.is_due(cx.now) {
            self.send_periodic_advertisement(cx);
        }
        self.poll_resolution(cx);
        self.poll_registry(cx.now);
        self.poll_addresses(cx)
            .or_else(|| self.poll_neighbours(cx))
            .or_else(|| self.poll_routers(cx))
            .or_else(|| self.poll_contexts(cx.now))
    }

    pub(super) fn nd_deadline(&self) -> Instant {
        let mut deadline = self.neighbours.deadline();
        deadline.hasten(self.nd.solicit);
        deadline.hasten(self.nd.advertise);
        for address in self.addresses.iter() {
            if address.news {
                return Instant::ZERO;
            }
            deadline.hasten(address.timer);
            deadline.hasten(address.valid_until);
        }
        for router in self.routers() {
            deadline.hasten(router.until);
        }
        for prefix in self.prefixes() {
            deadline.hasten(prefix.valid_until);
        }
        for context in self.contexts() {
            if context.news {
                return Instant::ZERO;
            }
            deadline.hasten(context.valid_until);
        }
        for entry in self.nd.registry.iter().flatten() {
            deadline.hasten(entry.until);
        }
        for border in self.border_routers() {
            deadline.hasten(border.until);
        }
        deadline
    }

    /// The default router, if there is one.
    pub(super) fn default_router(&self, now: Instant) -> Option<&Ip> {
        self.routers().find(|router| !router.until.is_due(now)).map(|router| &router.ip)
    }

    /// The border routers that advertise prefixes and contexts, as far as they are known.
    pub fn border_routers(&self) -> impl Iterator<Item = &BorderRouter> {
        self.nd.borders.iter().flatten()
    }

    /// The border router that is to know of an address: that of its prefix, or else any.
    pub(super) fn border_router_of(&self, ip: &Ip) -> Option<&BorderRouter> {
        if !SEVERAL {
            return self.border_routers().next();
        }
        let of_prefix = self.prefixes().find(|prefix| in_prefix(ip, &prefix.prefix, prefix.prefix_len));
        let border = of_prefix.and_then(|prefix| self.nd.borders.get(usize::from(prefix.border)));
        border.and_then(Option::as_ref).or_else(|| self.border_routers().next())
    }

    /// Whether this node advertises itself as a router.
    pub(super) fn advertises(&self) -> bool {
        self.config.role == Role::BorderRouter
            || (self.config.role == Role::Router && self.prefixes().next().is_some())
    }
}
