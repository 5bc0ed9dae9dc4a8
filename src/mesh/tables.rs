// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an application sees of the tables.
#![forbid(unsafe_code)]

use super::{Config, Mesh};
use crate::address::Ip;
use crate::ieee802154::mac::MacStats;
use crate::ipv6::addresses::Address;
use crate::ipv6::{self, link::LinkAddress};
use crate::lowpan::fragment::FragmentStats;
use crate::lowpan::interface;
use crate::rpl::{self, DodagView, RouteView};
use crate::table::Handle;

/// A neighbour: its link as the MAC knows it, and its rank as RPL does.
#[derive(Clone, Copy, Debug)]
pub struct NeighbourView {
    /// Its link-layer address.
    pub link: LinkAddress,
    /// Its link-local address.
    pub ip: Ip,
    /// Expected transmissions until a frame is acknowledged, times 128.
    pub etx: u16,
    /// Signal strength in dBm, 0 when nothing was received.
    pub rssi: i8,
    /// The link quality of the last frame.
    pub lqi: u8,
    /// Unicast frames that have ended.
    pub frames: u16,
    /// Those of them that were given up.
    pub failures: u16,
    /// The rank that it advertised last, 65,535 for none.
    pub rank: u16,
    /// Whether it is a preferred parent.
    pub parent: bool,
}

/// What has been counted, layer by layer.
#[derive(Clone, Copy, Debug)]
pub struct Statistics {
    /// The MAC.
    pub mac: MacStats,
    /// 6LoWPAN.
    pub lowpan: interface::Stats,
    /// Fragments.
    pub fragments: FragmentStats,
    /// IPv6.
    pub ipv6: ipv6::Statistics,
    /// RPL.
    pub rpl: rpl::Statistics,
}

impl Mesh<'_> {
    /// The configuration.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What has been counted.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            mac: *self.plane.air.interface.mac().stats(),
            lowpan: *self.plane.air.interface.stats(),
            fragments: *self.plane.air.interface.fragment_stats(),
            ipv6: *self.plane.ipv6.statistics(),
            rpl: *self.rpl.statistics(),
        }
    }

    /// The link-local address.
    pub const fn link_local(&self) -> Ip {
        self.plane.ipv6.link_local()
    }

    /// Own addresses, in whatever state.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.plane.ipv6.addresses.iter()
    }

    /// An own address that the whole mesh can use, if there is one yet.
    pub fn global_address(&self) -> Option<Ip> {
        let usable =
            |address: &&Address| !address.ip.is_link_local() && self.plane.ipv6.addresses.is_own(&address.ip);
        self.plane.ipv6.addresses.iter().find(usable).map(|address| address.ip)
    }

    /// The neighbours whose links are known.
    pub fn neighbours(&self) -> impl Iterator<Item = NeighbourView> + '_ {
        self.plane.air.interface.mac().neighbours().iter().map(|link| {
            let address = link.address;
            let (rank, _, parent) = self.rpl.neighbour(address).unwrap_or((u16::MAX, 0, false));
            NeighbourView {
                link: address,
                ip: address.link_local(),
                etx: link.etx,
                rssi: link.rssi,
                lqi: link.lqi,
                frames: link.frames,
                failures: link.failures,
                rank,
                parent,
            }
        })
    }

    /// The hosts that registered addresses, and other neighbours that IPv6 knows.
    pub fn registered_hosts(&self) -> impl Iterator<Item = &ipv6::neighbours::Neighbour> {
        let registered = ipv6::neighbours::NeighbourState::Registered;
        self.plane.ipv6.neighbours.iter().filter(move |neighbour| neighbour.state == registered)
    }

    /// The downward routes.
    pub fn routes(&self) -> impl Iterator<Item = RouteView> + '_ {
        self.rpl.routes()
    }

    /// The DODAGs known.
    pub fn dodags(&self) -> impl Iterator<Item = DodagView> + '_ {
        self.rpl.dodags()
    }

    /// Whether the node is a member of a DODAG, or its root.
    pub fn is_joined(&self) -> bool {
        self.rpl.is_joined()
    }

    /// The preferred parent in the first DODAG joined.
    pub fn parent(&self) -> Option<Ip> {
        self.rpl.dodags().find(|dodag| dodag.joined).and_then(|dodag| dodag.parent)
    }

    /// The rank in the first DODAG joined, 65,535 without.
    pub fn rank(&self) -> u16 {
        self.rpl.dodags().find(|dodag| dodag.joined).map_or(u16::MAX, |dodag| dodag.rank)
    }

    /// The port of a UDP socket.
    pub fn udp_port(&self, socket: Handle) -> Option<u16> {
        self.plane.ipv6.udp_socket(socket).map(|socket| socket.port)
    }

    /// Whether the queue has room for a packet of any size.
    pub fn has_room(&self) -> bool {
        let queue = usize::from(self.config.queue);
        self.waiting() * 2 < queue && self.free_blocks() * 2 > usize::from(self.config.blocks)
    }

    /// How many frames wait to be sent or are under way.
    pub fn waiting(&self) -> usize {
        self.plane.air.interface.mac().waiting()
    }

    /// How many of the [blocks](Config::blocks) are free.
    pub const fn free_blocks(&self) -> usize {
        self.plane.air.interface.free_blocks()
    }

    /// The largest UDP datagram that any peer can be sent, in bytes.
    pub fn udp_max_size(&self) -> usize {
        self.plane.ipv6.udp_max_size()
    }
}
