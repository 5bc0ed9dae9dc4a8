// SPDX-License-Identifier: MIT OR Apache-2.0
//! Getters: what an application sees of the tables.
#![forbid(unsafe_code)]

use super::dodag::Membership;
use super::routes::NOWHERE;
use super::wire::Configuration;
use super::{Rpl, neighbours, place};
use crate::address::Ip;
use crate::ipv6::link::LinkAddress;

/// A DODAG as this node sees it.
#[derive(Clone, Copy, Debug)]
pub struct DodagView {
    /// RPLInstanceID.
    pub instance: u8,
    /// DODAGID.
    pub dodag_id: Ip,
    /// DODAGVersionNumber.
    pub version: u8,
    /// Mode of operation.
    pub mode: u8,
    /// Whether it is grounded.
    pub grounded: bool,
    /// DODAGPreference.
    pub preference: u8,
    /// Whether this node is a member.
    pub joined: bool,
    /// Whether this node is its root.
    pub root: bool,
    /// Own rank, infinite without parent.
    pub rank: u16,
    /// The preferred parent's link-local address.
    pub parent: Option<Ip>,
    /// Parameters.
    pub configuration: Configuration,
    /// Own DTSN.
    pub dtsn: u8,
}

/// A neighbour.
#[derive(Clone, Copy, Debug)]
pub struct NeighbourView {
    /// RPLInstanceID that it was heard in.
    pub instance: u8,
    /// Link-local address.
    pub address: Ip,
    /// The rank it advertised last.
    pub rank: u16,
    /// Expected transmissions, times 128.
    pub etx: u16,
    /// Whether the link is considered usable.
    pub reachable: bool,
    /// Whether it is the preferred parent.
    pub preferred: bool,
    /// Routes that lead through it.
    pub routes: u16,
}

/// A downward route.
#[derive(Clone, Copy, Debug)]
pub struct RouteView {
    /// The destination.
    pub target: Ip,
    /// How many of its bits count.
    pub prefix_len: u8,
    /// The next hop (storing mode) or the parent (root of non-storing mode).
    pub via: Ip,
    /// The second at which it ends, counted as the time given to the engine; `u32::MAX` for
    /// never.
    pub expiry: u32,
}

impl Rpl<'_> {
    /// The DODAGs known, joined or not.
    pub fn dodags(&self) -> impl Iterator<Item = DodagView> + '_ {
        let known = self.dodags.iter().filter(|dodag| dodag.membership != Membership::None);
        known.map(|dodag| DodagView {
            instance: dodag.instance,
            dodag_id: dodag.id,
            version: dodag.version,
            mode: dodag.mode,
            grounded: dodag.grounded,
            preference: dodag.preference,
            joined: dodag.is_usable(),
            root: dodag.is_root(),
            rank: if dodag.is_usable() { dodag.rank } else { super::wire::INFINITE_RANK },
            parent: self
                .node
                .neighbours
                .get(usize::from(dodag.preferred))
                .map(neighbours::Neighbour::link_local),
            configuration: dodag.configuration,
            dtsn: dodag.dtsn,
        })
    }

    /// The neighbours known.
    pub fn neighbours(&self) -> impl Iterator<Item = NeighbourView> + '_ {
        let known = (0u16..).zip(self.node.neighbours.iter()).filter(|(_, entry)| entry.owner != 0);
        known.map(|(slot, entry)| NeighbourView {
            instance: entry.instance,
            address: entry.link_local(),
            rank: entry.rank,
            etx: entry.etx,
            reachable: entry.is_reachable(),
            preferred: entry.parent,
            routes: self.node.routes.iter().filter(|route| route.is_through(slot)).count() as u16,
        })
    }

    /// The rank of the neighbour behind a link, and whether it is a preferred parent.
    pub(crate) fn neighbour(&self, link: LinkAddress) -> Option<(u16, bool)> {
        let iid = link.interface_identifier();
        let known = self.node.neighbours.iter().find(|entry| entry.owner != 0 && entry.iid == iid);
        known.map(|entry| (entry.rank, entry.parent))
    }

    /// The downward routes known.
    pub fn routes(&self) -> impl Iterator<Item = RouteView> + '_ {
        let live = |route: &&super::Route| route.owner != 0 && route.via != NOWHERE && route.is_live(0);
        self.node.routes.iter().filter(live).map(|route| {
            let via = match self.dodags.get(place(route.owner)) {
                Some(dodag) if dodag.is_non_storing() => *self.node.parent_of(dodag, route),
                _ => {
                    let next = self.node.neighbours.get(usize::from(route.via));
                    next.map_or(Ip::UNSPECIFIED, neighbours::Neighbour::link_local)
                }
            };
            RouteView { target: Ip(route.target), prefix_len: route.prefix_len, via, expiry: route.expiry }
        })
    }

    /// Whether this node can send packets: joined, or root.
    pub fn is_joined(&self) -> bool {
        self.dodags.iter().any(super::Dodag::is_usable)
    }
}
