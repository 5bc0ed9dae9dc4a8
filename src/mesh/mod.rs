// SPDX-License-Identifier: MIT OR Apache-2.0
//! A node of the mesh: MAC, 6LoWPAN, IPv6 and RPL over one radio, as one engine.
//!
//! | file | what it does |
//! |---|---|
//! | `config` | capacities and parameters |
//! | `event` | what the application is told |
//! | `plane` | how the layers reach each other: IPv6 sends through 6LoWPAN, RPL through IPv6 |
//! | `up` | what happens to packets and routing messages that come |
//! | `commands` | starting as root, joining, ping, UDP |
//! | [`host`] | the host side of a border router |
//! | `tables` | getters and iterators |
//!
//! A [`Mesh`] is given what the radio brings with [`Mesh::receive`], time with [`Mesh::poll`], and
//! the host's packets with [`Mesh::receive_from_host`]. All three may bring one [`Event`].
#![forbid(unsafe_code)]

mod commands;
mod config;
mod event;
pub mod host;
mod plane;
mod tables;
mod up;

pub use commands::MeshTransport;
pub use config::{Config, Role, Root};
pub use event::{Event, PingFailure};
pub use tables::{NeighbourView, Statistics};

use crate::ieee802154::mac::MacConfig;
use crate::ipv6::link::LinkAddress;
use crate::ipv6::{self, Ipv6};
use crate::lowpan::interface::{self, Interface};
use crate::memory::{Carver, Plan};
use crate::random::Random;
use crate::rpl::{self, Rpl};
use crate::status::{Error, Result};
use crate::table::Table;
use crate::time::Instant;
use crate::transport::RadioContext;
use commands::Ping;
use host::HostQueue;
use plane::{Air, Plane};

/// How large the scratch memory must be that a [`Mesh`] is lent.
pub const SCRATCH: usize = interface::SCRATCH;

/// A node of the mesh. See the [module](self).
pub struct Mesh<'m> {
    config: Config,
    plane: Plane<'m>,
    rpl: Rpl<'m>,
    pings: Table<'m, Ping>,
    next_identifier: u16,
    started: bool,
}

impl<'m> Mesh<'m> {
    /// How much memory the engine takes.
    pub fn plan(config: &Config) -> Plan {
        Mesh::plan_behind(Plan::new(), config)
    }

    /// The same behind what was planned already.
    pub(crate) fn plan_behind(plan: Plan, config: &Config) -> Plan {
        plan.and(|carver| Mesh::carve(carver, config, Instant::ZERO, 0, 0))
    }

    /// An engine in `block`, idle until it is started.
    ///
    /// # Errors
    /// [`NoMemory`](crate::status::Error::NoMemory) when the block is smaller than [`Mesh::plan`] says,
    /// [`Invalid`](crate::status::Error::Invalid) for capacities out of range.
    pub fn new(
        block: &'m mut [u8],
        config: &Config,
        now: Instant,
        random: &mut dyn Random,
    ) -> Result<Mesh<'m>> {
        let mut carver = Carver::new(block);
        let mut mesh = Mesh::within(&mut carver, config, now, random);
        mesh.begin(&carver, now)?;
        Ok(mesh)
    }

    /// An engine in a part of a block, of which nothing but [`begin`](Mesh::begin) may be used yet.
    pub(crate) fn within(
        carver: &mut Carver<'m>,
        config: &Config,
        now: Instant,
        random: &mut dyn Random,
    ) -> Mesh<'m> {
        let (seed, identifier) = (random.u32() as u16, random.u32() as u16);
        Mesh::carve(carver, config, now, seed, identifier)
    }

    /// Whether the engine that `carver` was used for can work; it is idle from now on.
    ///
    /// # Errors
    /// As for [`new`](Mesh::new).
    pub(crate) fn begin(&mut self, carver: &Carver<'m>, now: Instant) -> Result<()> {
        if !Interface::is_possible(&self.config.lowpan()) {
            return Err(Error::Invalid);
        }
        carver.enough()?;
        self.plane.ipv6.begin(now)
    }

    /// An engine with whatever memory there is.
    #[inline(never)]
    fn carve(carver: &mut Carver<'m>, config: &Config, now: Instant, seed: u16, identifier: u16) -> Mesh<'m> {
        let air = Air {
            interface: Interface::carve(carver, &config.lowpan(), seed),
            host: HostQueue::new(carver.part(usize::from(config.host_queue))),
        };
        Mesh {
            plane: Plane { air, ipv6: Ipv6::carve(carver, &config.ipv6(), now) },
            rpl: Rpl::carve(carver, &config.rpl(), &LinkAddress::Extended(config.eui64).link_local()),
            pings: Table::new(carver.part(usize::from(config.pings))),
            next_identifier: identifier,
            started: false,
            config: *config,
        }
    }

    /// What became due: an event, or `None` once there is nothing more. Packets for the host are
    /// copied to `scratch`, of which [`SCRATCH`] bytes always suffice.
    pub fn poll<'d>(&mut self, cx: &mut RadioContext<'_>, scratch: &'d mut [u8]) -> Option<Event<'d>> {
        self.poll_link(cx);
        if let Some(event) = self.poll_rpl(cx) {
            return Some(event);
        }
        if let Some(event) = self.poll_ipv6(cx) {
            return Some(event);
        }
        if let Some(event) = self.poll_pings(cx.now) {
            return Some(event);
        }
        // What the layers above have just queued goes at once.
        self.poll_link(cx);
        #[cfg(feature = "reassembly")]
        if let Some((arrival, length)) = self.plane.ipv6.reassembled(scratch) {
            let event = self.accept(cx, arrival, scratch.get_mut(..length)?);
            self.poll_link(cx);
            return event;
        }
        let packet = self.plane.air.host.pop(scratch)?;
        Some(Event::HostPacket { packet })
    }

    /// When [`Mesh::poll`] has something to do.
    pub fn next_deadline(&self) -> Instant {
        if !self.plane.air.host.is_empty() {
            return Instant::ZERO;
        }
        let mut deadline = self.plane.air.interface.next_deadline();
        deadline.hasten(self.plane.ipv6.next_deadline());
        deadline.hasten(self.rpl.next_deadline());
        for (_, ping) in self.pings.iter() {
            deadline.hasten(ping.until);
        }
        deadline
    }
}
