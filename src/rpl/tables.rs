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

    /// The rank of the neighbour behind a link, its ETX, and whether it is a preferred parent; in whichever instance it
    /// is one.
    pub(crate) fn neighbour(&self, link: LinkAddress) -> Option<(u16, u16, bool)> {
        let iid = link.interface_identifier();
        let known = self.node.neighbours.iter().filter(|entry| entry.owner != 0 && entry.iid == iid);
        let known = known.max_by_key(|entry| entry.parent)?;
        Some((known.rank, known.etx, known.parent))
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

#[cfg(test)]
mod tests {
    use super::super::wire::{Configuration, Dio, code};
    use super::super::{ALL_RPL_NODES, Config, RplContext};
    use super::*;
    use crate::bytes::Writer;
    use crate::ipv6::routing::{ControlMessage, ControlPlane};
    use crate::random::Sequence;
    use crate::time::Instant;

    struct Nowhere;

    impl ControlPlane for Nowhere {
        fn send(&mut self, _: &ControlMessage<'_>) -> crate::status::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_link_is_that_of_a_parent_in_whichever_instance_it_is_one() {
        let config = Config::default();
        let mut memory = vec![0; Rpl::plan(&config).bytes()];
        let link = LinkAddress::Short;
        let mut rpl = Rpl::new(&mut memory, &config, &link(1).link_local()).unwrap();
        for (instance, from, rank) in [(0, 2, 128), (0, 3, 200), (1, 3, 128)] {
            let mut body = [0; 40];
            let mut out = Writer::new(&mut body);
            let dodag_id = Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 9]);
            Dio { instance, version: 240, rank, mode: 2, dodag_id, ..Dio::default() }.emit(&mut out).unwrap();
            Configuration::default().emit(&mut out).unwrap();
            let cx = &mut RplContext { now: Instant(1), transport: &mut Nowhere, random: &mut Sequence(1) };
            rpl.receive(cx, &link(from).link_local(), &ALL_RPL_NODES, code::DIO, &body);
        }
        let parent = |it| rpl.neighbour(link(it)).map(|(rank, _, parent)| (rank, parent));
        assert_eq!([1, 2, 3].map(parent), [None, Some((128, true)), Some((128, true))]);
    }
}
