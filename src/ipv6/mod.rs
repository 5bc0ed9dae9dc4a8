// SPDX-License-Identifier: MIT OR Apache-2.0
//! IPv6 host and router: forwarding, ICMPv6, neighbour discovery, UDP.
//!
//! The engine [`Ipv6`] sits between a [`link`] below and a [`routing`] protocol beside it, and
//! owns neither: both come with the [`Context`] of each call.
//!
//! | file | what it does |
//! |---|---|
//! | [`wire`] | formats |
//! | `event` | how packets come, and what they bring |
//! | `input`, `extensions` | packets that come: headers in order, delivery |
//! | `forward` | packets that go on |
//! | `output` | packets of our own: source, way, headers, link address |
//! | `held` | packets that wait for a link address |
//! | `errors` | ICMPv6 errors and their rate |
//! | [`sockets`] | UDP |
//! | `reassembly` | fragments put together |
//! | `listener` | multicast listener discovery on Ethernet-like links |
//! | [`addresses`], [`source_selection`], [`neighbours`] | the tables |
//! | `nd` | neighbour discovery: host, router, registry of a border router |
#![forbid(unsafe_code)]

pub mod addresses;
mod config;
mod errors;
mod event;
mod extensions;
mod forward;
mod held;
mod input;
pub mod link;
#[cfg(feature = "ethernet")]
mod listener;
mod nd;
pub mod neighbours;
mod output;
#[cfg(feature = "reassembly")]
pub mod reassembly;
pub mod routing;
pub mod sockets;
pub mod source_selection;
pub mod wire;

pub use config::{Config, Role};
pub use event::{Arrival, Event};
pub use nd::{Entry, Kind};

use crate::address::Ip;
use crate::memory::{Carver, Plan};
use crate::random::Random;
use crate::status::{Error, Result};
use crate::table::Table;
use crate::time::Instant;
use addresses::{Address, AddressState, Addresses};
use errors::ErrorRate;
use link::{Link, LinkAddress};
use neighbours::Neighbours;
use routing::Routing;
use sockets::Socket;

/// What the engine is lent for the length of one call.
pub struct Context<'a> {
    /// The time now. Never earlier than in the call before.
    pub now: Instant,
    /// Randomness.
    pub random: &'a mut dyn Random,
    /// Where packets leave.
    pub link: &'a mut dyn Link,
    /// Who knows the ways; [`routing::NoRouting`] when nobody does.
    pub routing: &'a mut dyn Routing,
}

/// What has been counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets that came.
    pub received: u32,
    /// Packets handed to an upper layer here.
    pub delivered: u32,
    /// Packets that went on.
    pub forwarded: u32,
    /// Packets of our own.
    pub sent: u32,
    /// Packets dropped because their form is wrong.
    pub malformed: u32,
    /// Packets dropped that were not for us.
    pub not_for_us: u32,
    /// Packets dropped for want of a way.
    pub no_route: u32,
    /// Packets dropped because their hop limit ran out.
    pub hop_limit: u32,
    /// Packets dropped because they were too big for the next link.
    pub too_big: u32,
    /// Packets that the link did not take.
    pub link_refused: u32,
    /// Packets dropped by the routing protocol's checks.
    pub routing_dropped: u32,
    /// ICMPv6 errors sent.
    pub errors_sent: u32,
    /// ICMPv6 errors not sent, by the rules or by their rate.
    pub errors_suppressed: u32,
    /// Registrations and neighbours refused because the cache is full.
    pub neighbours_full: u32,
    /// Packets put together from fragments.
    #[cfg(feature = "reassembly")]
    pub reassembled: u32,
    /// Packets whose fragments did not all come, overlapped or make too large a packet.
    #[cfg(feature = "reassembly")]
    pub reassembly_failed: u32,
}

/// The IPv6 engine.
#[repr(C)]
pub struct Ipv6<'m> {
    config: Config,
    statistics: Statistics,
    /// The interface's addresses and groups.
    pub addresses: Addresses<'m>,
    /// The neighbours.
    pub neighbours: Neighbours<'m>,
    sockets: Table<'m, Socket>,
    nd: nd::State<'m>,
    #[cfg(feature = "ethernet")]
    listener: listener::Listener<'m>,
    #[cfg(feature = "reassembly")]
    reassembly: reassembly::Reassembly<'m>,
    buffer: &'m mut [u8],
    held: held::Held<'m>,
    errors: ErrorRate,
    next_port: u16,
}

impl<'m> Ipv6<'m> {
    /// How much memory the engine takes.
    pub fn plan(config: &Config) -> Plan {
        Plan::of(|carver| Ipv6::carve(carver, config, Instant::ZERO))
    }

    /// An engine in `block`. The link-local address made from the link address is there at once
    /// (on IEEE 802.15.4) or is being checked for uniqueness (on Ethernet).
    ///
    /// # Errors
    /// [`Error::NoMemory`] when the block is smaller than [`Ipv6::plan`] says,
    /// [`Error::Invalid`] for a configuration without addresses or link address.
    pub fn new(block: &'m mut [u8], config: &Config, now: Instant) -> Result<Ipv6<'m>> {
        let mut carver = Carver::new(block);
        let mut engine = Ipv6::carve(&mut carver, config, now);
        carver.enough()?;
        engine.begin(now)?;
        Ok(engine)
    }

    /// An engine with the memory of an object that contains one, as much as there is: [`Carver::enough`] is to be
    /// asked, and then [`Ipv6::begin`] to be called.
    pub(crate) fn carve(carver: &mut Carver<'m>, config: &Config, now: Instant) -> Ipv6<'m> {
        Ipv6 {
            config: *config,
            addresses: Addresses {
                entries: carver.part(usize::from(config.addresses)),
                groups: carver.part(usize::from(config.groups)),
                router: config.role != Role::Host,
            },
            neighbours: Neighbours(carver.part(usize::from(config.neighbours))),
            sockets: Table::new(carver.part(usize::from(config.sockets))),
            nd: nd::State::carve(carver, config),
            #[cfg(feature = "ethernet")]
            listener: listener::Listener::carve(carver, config),
            #[cfg(feature = "reassembly")]
            reassembly: reassembly::Reassembly::carve(carver, config.reassemblies),
            buffer: carver.part(usize::from(config.headers)),
            held: held::Held::carve(carver, config.held),
            errors: ErrorRate::new(now),
            next_port: 0,
            statistics: Statistics::default(),
        }
    }

    /// Checks the configuration, and takes the link-local address.
    ///
    /// # Errors
    /// As [`Ipv6::new`].
    pub(crate) fn begin(&mut self, now: Instant) -> Result<()> {
        let config = &self.config;
        if config.is_unsupported() {
            return Err(Error::Unsupported);
        }
        if config.addresses == 0
            || config.packet < 128
            || config.headers < 128
            || !config.link_address.is_some()
        {
            return Err(Error::Invalid);
        }
        self.add_address(now, self.link_local(), 64, Instant::NEVER, Instant::NEVER)
    }

    /// The configuration, with the role as it is now.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What has been counted.
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The link-local address.
    pub const fn link_local(&self) -> Ip {
        self.config.link_address.link_local()
    }

    /// Becomes a host, router or border router. On Ethernet, who ceases to be a router advertises that, and who becomes one
    /// that has prefixes to advertise begins to, and has no default router any more.
    pub fn set_role(&mut self, role: Role) {
        self.config.role = role;
        self.addresses.router = !matches!(role, Role::Host);
        #[cfg(feature = "ethernet")]
        if self.config.medium() == wire::nd::Medium::Ethernet {
            let advertises = self.advertises();
            self.nd.ethernet.change_role(advertises);
            if role != Role::Host {
                self.nd.lose_routers();
            }
        }
    }

    /// Adds an address, or renews the lifetimes of one that is there.
    ///
    /// On Ethernet it is checked for duplicates first (RFC 4862 §5.4), and so is, on a host on
    /// IEEE 802.15.4, an address other than link-local: by registration (RFC 6775 §5.5). Else
    /// it is usable at once, since addresses made from an EUI-64 are unique (RFC 6775 §8.2).
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that is not unicast, [`Error::Full`].
    pub fn add_address(
        &mut self,
        now: Instant,
        ip: Ip,
        prefix_len: u8,
        valid_until: Instant,
        preferred_until: Instant,
    ) -> Result<()> {
        if ip.is_multicast() || ip.is_unspecified() || ip == Ip::LOOPBACK {
            return Err(Error::Invalid);
        }
        let checked = match self.config.medium() {
            wire::nd::Medium::Ethernet => true,
            wire::nd::Medium::Ieee802154 => {
                self.config.role == Role::Host && self.config.registers && !ip.is_link_local()
            }
        };
        if let Some(entry) = self.addresses.find_mut(&ip) {
            entry.valid_until = valid_until;
            entry.preferred_until = preferred_until;
            return Ok(());
        }
        let free = self.addresses.entries.iter_mut().find(|entry| entry.is_none()).ok_or(Error::Full)?;
        *free = Some(Address {
            ip,
            prefix_len: prefix_len.min(128),
            state: if checked { AddressState::Tentative } else { AddressState::Preferred },
            valid_until,
            preferred_until,
            news: !ip.is_link_local() && !checked,
        });
        // On Ethernet the check that is under way goes on with it.
        if checked && (self.config.medium() == wire::nd::Medium::Ieee802154 || self.nd.is_idle()) {
            self.begin_round(now);
        }
        Ok(())
    }

    /// Takes an address away, from the router too that it is registered with (RFC 8505 §5.7). No event follows.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn remove_address(&mut self, cx: &mut Context<'_>, ip: &Ip) -> Result<()> {
        self.deregister(cx, Some(ip));
        if self.config.medium() == wire::nd::Medium::Ethernet {
            self.end_check(cx.now, ip);
        }
        if self.addresses.remove(ip) { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Listens to a multicast group.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is none, [`Error::Full`].
    pub fn join_group(&mut self, group: Ip) -> Result<()> {
        if group.is_multicast() { self.addresses.join(group) } else { Err(Error::Invalid) }
    }

    /// No longer listens to a multicast group.
    pub fn leave_group(&mut self, group: &Ip) {
        self.addresses.leave(group);
    }

    /// Takes note of a neighbour that was heard, for the table that the application sees and for
    /// links whose addresses cannot be told from an interface identifier.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub fn note_neighbour(&mut self, now: Instant, ip: &Ip, link: LinkAddress, router: bool) -> Result<()> {
        use neighbours::NeighbourState::{Incomplete, Reachable};
        let reachable_time = self.reachable_time();
        let neighbour = self.neighbours.obtain(ip, Reachable).ok_or(Error::Full)?;
        neighbour.router = router;
        if !neighbour.registers() && neighbour.state != Incomplete {
            neighbour.link = link;
            neighbour.settle(Reachable, now.after(reachable_time));
        }
        Ok(())
    }

    /// What became due: an event, or `None` once there is nothing more. See the pattern in
    /// `docs/engines.md`.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Option<Event<'static>> {
        #[cfg(feature = "reassembly")]
        self.expire_fragments(cx);
        self.poll_nd(cx)
    }

    /// When [`Ipv6::poll`] has something to do.
    pub fn next_deadline(&self) -> Instant {
        #[cfg(feature = "reassembly")]
        return core::cmp::min(self.nd_deadline(), self.reassembly.deadline());
        #[cfg(not(feature = "reassembly"))]
        self.nd_deadline()
    }
}

#[cfg(test)]
mod tests;
