// SPDX-License-Identifier: MIT OR Apache-2.0
//! The adaptation engine: IPv6 packets in, frames out, and back.
//!
//! | file | what it does |
//! |---|---|
//! | `config` | capacities and behaviour, and what is counted |
//! | `send` | packets compressed into frames, and what becomes of these |
//! | `fragments` | packets that take several frames |
//! | `receive` | frames made into packets again |
#![forbid(unsafe_code)]

mod config;
mod fragments;
mod receive;
mod send;

pub use config::{Config, Stats};
pub use fragments::Outgoing;
#[cfg(feature = "sixlorh")]
pub(super) use send::Codec;

use super::context::Contexts;
use super::fragment::{FragmentStats, MAX_DATAGRAM, Reassemblies};
#[cfg(feature = "mesh-under")]
use super::mesh::MeshUnder;
#[cfg(feature = "sixlorh")]
use super::sixlorh::Dodag;
use crate::ieee802154::LinkAddress;
use crate::ieee802154::mac::Mac;
use crate::ieee802154::pool::Pool;
use crate::memory::{Carver, Plan};
use crate::status::{Error, Result};
use crate::transport::RadioContext;

/// How large the scratch memory must be that [`Interface::receive`] is lent.
pub const SCRATCH: usize = MAX_DATAGRAM;
/// The MTU of a 6LoWPAN (RFC 4944 §4).
pub const MTU: usize = 1280;

/// A packet that came.
#[derive(Debug)]
pub struct Received<'s> {
    /// The IPv6 packet, in the scratch memory.
    pub packet: &'s mut [u8],
    /// Which node on the link it came from.
    pub source: LinkAddress,
    /// To which link-layer address it came: ours, or everyone's.
    pub destination: LinkAddress,
    /// The link quality indication of its last frame.
    pub lqi: u8,
    /// The signal strength of its last frame, in dBm.
    pub rssi: i8,
}

/// The end of a packet's sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Which neighbour it went to.
    pub destination: LinkAddress,
    /// [`Error::Timeout`] when the neighbour did not acknowledge, [`Error::WouldBlock`] when the
    /// channel never was clear, [`Error::Io`] when the radio failed, [`Error::Invalid`] when
    /// [`Interface::set_addresses`] discarded what was left of it.
    pub result: Result<()>,
}

/// One 6LoWPAN interface: MAC and adaptation layer over one radio.
///
/// The link to each neighbour is in [`Mac::neighbours`].
#[derive(Debug)]
pub struct Interface<'m> {
    pool: Pool<'m>,
    mac: Mac<'m>,
    contexts: Contexts<'m>,
    reassemblies: Reassemblies<'m>,
    outgoing: &'m mut [Outgoing],
    #[cfg(feature = "mesh-under")]
    mesh: MeshUnder<'m>,
    #[cfg(feature = "mesh-under")]
    own: [LinkAddress; 2],
    tag: u16,
    elide_udp_checksum: bool,
    #[cfg(feature = "ghc")]
    ghc: bool,
    #[cfg(feature = "sixlorh")]
    sixlorh: bool,
    /// What 6LoRH elides, and whether the DODAG asks for it (RFC 9035).
    #[cfg(feature = "sixlorh")]
    dodag: Dodag,
    #[cfg(feature = "sixlorh")]
    compressed: bool,
    stats: Stats,
}

impl<'m> Interface<'m> {
    /// Adds the memory it takes to `plan`.
    #[must_use]
    pub fn plan(plan: Plan, config: &Config) -> Plan {
        plan.and(|carver| Interface::carve(carver, config, 0))
    }

    /// An idle interface. `seed` sets the first sequence numbers and datagram tag; it should differ
    /// from one start to the next.
    ///
    /// # Errors
    /// [`Error::NoMemory`]; [`Error::Invalid`] for capacities or times out of range.
    pub fn new(carver: &mut Carver<'m>, config: &Config, seed: u16) -> Result<Interface<'m>> {
        if !Interface::is_possible(config) {
            return Err(Error::Invalid);
        }
        let interface = Interface::carve(carver, config, seed);
        carver.enough()?;
        Ok(interface)
    }

    /// Whether capacities and times are in range.
    pub(crate) const fn is_possible(config: &Config) -> bool {
        config.blocks > 0
            && config.blocks <= 255
            && config.outgoing <= 254
            && config.reassembly_timeout <= 60_000
            && config.contexts <= 16
            && (config.mesh_routes == 0 || cfg!(feature = "mesh-under"))
            && (!config.elide_udp_checksum || cfg!(feature = "udp-elision"))
            && Mac::is_possible(&config.mac)
    }

    /// The same for capacities that are in range, and with whatever memory there is:
    /// [`Carver::enough`] is to be asked.
    pub(crate) fn carve(carver: &mut Carver<'m>, config: &Config, seed: u16) -> Interface<'m> {
        #[cfg(feature = "mesh-under")]
        let mesh = MeshUnder::new(carver.part(config.mesh_routes), seed as u8);
        let mac = Mac::new(carver, &config.mac, seed as u8);
        // Packets in parts leave some blocks to the frames of others.
        let reserve = (config.blocks / 8).max(1);
        Interface {
            mac,
            pool: Pool::new(carver.part(config.blocks)),
            contexts: Contexts::new(carver.part(config.contexts)),
            reassemblies: Reassemblies::new(
                carver.part(config.reassemblies),
                config.reassembly_timeout,
                reserve,
            ),
            outgoing: carver.part(config.outgoing),
            #[cfg(feature = "mesh-under")]
            mesh,
            #[cfg(feature = "mesh-under")]
            own: [LinkAddress::Extended(config.mac.extended), LinkAddress::Short(config.mac.short)],
            tag: seed,
            elide_udp_checksum: config.elide_udp_checksum,
            #[cfg(feature = "ghc")]
            ghc: config.ghc,
            #[cfg(feature = "sixlorh")]
            sixlorh: config.sixlorh,
            #[cfg(feature = "sixlorh")]
            dodag: Dodag::NONE,
            #[cfg(feature = "sixlorh")]
            compressed: false,
            stats: Stats::default(),
        }
    }

    /// The MAC: its address, counters and neighbours.
    pub const fn mac(&self) -> &Mac<'m> {
        &self.mac
    }

    /// The MAC, to pin or forget neighbours.
    pub const fn mac_mut(&mut self) -> &mut Mac<'m> {
        &mut self.mac
    }

    /// The compression contexts.
    pub const fn contexts(&self) -> &Contexts<'m> {
        &self.contexts
    }

    /// The compression contexts, to be learnt and forgotten.
    pub const fn contexts_mut(&mut self) -> &mut Contexts<'m> {
        &mut self.contexts
    }

    /// What has been counted.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What has been counted about fragments.
    pub const fn fragment_stats(&self) -> &FragmentStats {
        &self.reassemblies.stats
    }

    /// How many blocks are free.
    pub const fn free_blocks(&self) -> usize {
        self.pool.free()
    }

    /// Takes a short address, or `0xfffe` for none, and a PAN; the radio is told. Fragments received so far are
    /// discarded, as are those not sent yet of packets sent in part: as on disassociation (RFC 4944 §5.3).
    ///
    /// # Errors
    /// Those of the radio.
    pub fn set_addresses(&mut self, cx: &mut RadioContext<'_>, short: u16, pan: u16) -> Result<()> {
        self.reassemblies.clear(&mut self.pool);
        for outgoing in self.outgoing.iter_mut() {
            outgoing.discard(&mut self.pool);
        }
        #[cfg(feature = "mesh-under")]
        {
            self.own[1] = LinkAddress::Short(short);
        }
        self.mac.set_addresses(cx, short, pan)
    }

    /// The DODAG to which 6LoRH headers refer, and whether it asks for these (RFC 9035): then they are sent
    /// whatever the configuration says.
    #[cfg(feature = "sixlorh")]
    pub const fn set_dodag(&mut self, dodag: Dodag, compressed: bool) {
        (self.dodag, self.compressed) = (dodag, compressed);
    }

    /// A neighbour has announced that it understands generic header compression (RFC 7400), or
    /// announces it no longer.
    #[cfg(feature = "ghc")]
    pub fn set_generic(&mut self, neighbour: LinkAddress, understands: bool) {
        self.mac.neighbours_mut().set_generic(neighbour, understands);
    }

    /// Mesh-under: packets for `destination` go through the neighbour `next_hop`;
    /// [`LinkAddress::None`] ends that.
    ///
    /// # Errors
    /// [`Error::Full`].
    #[cfg(feature = "mesh-under")]
    pub fn set_mesh_route(&mut self, destination: LinkAddress, next_hop: LinkAddress) -> Result<()> {
        self.mesh.set_route(destination, next_hop)
    }
}
