// SPDX-License-Identifier: MIT OR Apache-2.0
//! The neighbour cache (RFC 4861 §5.1), which on a 6LoWPAN router is also the registry of the
//! hosts attached to it (RFC 6775 §3.5).
#![forbid(unsafe_code)]

use super::link::LinkAddress;
use crate::address::Ip;
use crate::time::{Instant, Stamp};

/// For how long a neighbour counts as reachable (RFC 4861 §10), in milliseconds.
pub(super) const REACHABLE_TIME: u64 = 30_000;
/// How long to hope for a confirmation from above (RFC 4861 §10), in milliseconds.
pub(super) const DELAY_FIRST_PROBE_TIME: u64 = 5000;

/// What is known of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighbourState {
    /// Address resolution is under way.
    Incomplete,
    /// It was heard of a short while ago.
    Reachable,
    /// It was reachable once.
    Stale,
    /// As stale, but a packet has been sent and a confirmation is hoped for.
    Delay,
    /// It is being asked whether it is still there.
    Probe,
    /// It wants to register its address; the check for duplicates is under way (RFC 6775 §3.5).
    Tentative,
    /// It has registered its address (RFC 6775 §3.5).
    Registered,
}

/// What a registration says (RFC 6775 §4.1, RFC 8505 §4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Who owns the address (an EUI-64 or another 8 bytes; RFC 8505 §5.3).
    pub rovr: [u8; 8],
    /// The transaction ID (RFC 8505 §5.2), if it carries one.
    pub tid: Option<u8>,
    /// For how many minutes; 0 ends the registration.
    pub lifetime: u16,
}

/// One neighbour.
#[derive(Clone, Copy, Debug)]
pub struct Neighbour {
    /// Its address.
    pub ip: Ip,
    /// Its link-layer address.
    pub link: LinkAddress,
    /// Whether it is a router.
    pub router: bool,
    /// What is known of it.
    pub state: NeighbourState,
    /// When the state changes by itself, or it is asked again; for a registered neighbour, when the registration ends.
    pub until: Stamp,
    /// The last registration of the address, if it is registered or is to be.
    pub claim: Claim,
    /// Solicitations, or duplicate address requests, sent without an answer.
    pub(super) probes: u8,
}

impl Neighbour {
    /// A neighbour of which only the address is known.
    pub(super) const fn new(ip: Ip, state: NeighbourState) -> Neighbour {
        Neighbour {
            ip,
            link: LinkAddress::None,
            router: false,
            state,
            until: Stamp::NEVER,
            claim: Claim { rovr: [0; 8], tid: None, lifetime: 0 },
            probes: 0,
        }
    }

    /// Changes the state, until the new one changes by itself.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(super) fn settle(&mut self, state: NeighbourState, until: Instant) {
        self.state = state;
        self.until.set(until);
        self.probes = 0;
    }

    /// Whether it has registered its address, or tries to.
    pub(super) const fn registers(&self) -> bool {
        matches!(self.state, NeighbourState::Tentative | NeighbourState::Registered)
    }

    /// Whether it is about an address: its own, or the link-local one that follows from the link address of a host that
    /// registers.
    fn is_about(&self, ip: &Ip) -> bool {
        self.ip == *ip || self.registers() && self.link.link_local() == *ip
    }

    /// When the entry ends that may make room for another: never one in use, nor a registered one (RFC 6775 §6). Routers
    /// go last: whoever says so is one.
    fn ends(&self) -> Option<Instant> {
        match self.state {
            NeighbourState::Stale if !self.router => Some(self.until.get()),
            NeighbourState::Stale | NeighbourState::Incomplete => Some(Instant::NEVER),
            _ => None,
        }
    }
}

/// The neighbour cache. A host that registers has a place for each of its addresses, but none beside for the link-local
/// one that follows from its link address.
#[derive(Debug)]
pub struct Neighbours<'m>(pub(super) &'m mut [Option<Neighbour>]);

impl Neighbours<'_> {
    /// All neighbours.
    pub fn iter(&self) -> impl Iterator<Item = &Neighbour> {
        self.0.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Neighbour> {
        self.0.iter_mut().flatten()
    }

    /// The entry of an address.
    pub fn find(&self, ip: &Ip) -> Option<&Neighbour> {
        self.iter().find(|neighbour| neighbour.is_about(ip))
    }

    pub(super) fn find_mut(&mut self, ip: &Ip) -> Option<&mut Neighbour> {
        self.iter_mut().find(|neighbour| neighbour.is_about(ip))
    }

    /// The entry of an address, made if need be. When the table is full, an entry that is not in
    /// use gives way: the one whose state ends first.
    /// `None` when every entry is in use.
    pub(super) fn obtain(&mut self, ip: &Ip, state: NeighbourState) -> Option<&mut Neighbour> {
        self.replace(ip, ip, state)
    }

    /// The same; of all others, the entry of `old` gives way first.
    pub(super) fn replace(&mut self, old: &Ip, ip: &Ip, state: NeighbourState) -> Option<&mut Neighbour> {
        if self.find(ip).is_none() {
            let (mut place, mut first) = (None, Instant::NEVER);
            for entry in self.0.iter_mut() {
                let ends = match entry {
                    Some(neighbour) if neighbour.ip == *old => {
                        place = Some(entry);
                        break;
                    }
                    None => Instant::ZERO,
                    Some(neighbour) => match neighbour.ends() {
                        Some(ends) => ends,
                        None => continue,
                    },
                };
                if place.is_none() || ends < first {
                    (place, first) = (Some(entry), ends);
                }
            }
            *place? = Some(Neighbour::new(*ip, state));
        }
        self.find_mut(ip)
    }

    /// Takes a neighbour away.
    pub(super) fn remove(&mut self, ip: &Ip) {
        for entry in self.0.iter_mut() {
            if entry.as_ref().is_some_and(|neighbour| neighbour.ip == *ip) {
                *entry = None;
            }
        }
    }

    /// The link-layer address of a neighbour that may be sent to: not one whose registration is
    /// still tentative (RFC 6775 §6.5.4).
    pub fn link_address(&self, ip: &Ip) -> Option<LinkAddress> {
        let neighbour = self.find(ip)?;
        let usable = !matches!(neighbour.state, NeighbourState::Incomplete | NeighbourState::Tentative);
        if usable && neighbour.link.is_some() { Some(neighbour.link) } else { None }
    }

    /// Whether a host has registered this address with us.
    pub fn is_registered(&self, ip: &Ip) -> bool {
        self.find(ip).is_some_and(|neighbour| neighbour.state == NeighbourState::Registered)
    }

    /// When the first entry changes by itself.
    pub(super) fn deadline(&self) -> Instant {
        let mut deadline = Instant::NEVER;
        for entry in self.iter() {
            deadline.hasten(entry.until.get());
        }
        deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u16) -> Ip {
        Ip::v6([0xfe80, 0, 0, 0, 0, 0, 0, last])
    }

    #[test]
    fn a_full_table_gives_up_stale_entries_but_none_in_use() {
        let mut entries = [None; 3];
        let mut table = Neighbours(&mut entries);
        table.obtain(&ip(1), NeighbourState::Registered).unwrap().until = Instant(1).into();
        table.obtain(&ip(2), NeighbourState::Stale).unwrap().until = Instant(20).into();
        table.obtain(&ip(3), NeighbourState::Stale).unwrap().until = Instant(10).into();
        table.obtain(&ip(4), NeighbourState::Reachable).unwrap();
        assert!(table.find(&ip(3)).is_none() && table.find(&ip(2)).is_some());
        table.obtain(&ip(5), NeighbourState::Reachable).unwrap();
        assert!(table.obtain(&ip(6), NeighbourState::Incomplete).is_none());
        assert!(table.is_registered(&ip(1)));
        table.remove(&ip(1));
        assert!(!table.is_registered(&ip(1)));
        assert!(table.obtain(&ip(6), NeighbourState::Incomplete).is_some());
    }

    #[test]
    fn a_router_gives_way_after_all_others_and_tentative_is_not_reachable() {
        let mut entries = [None; 2];
        let mut table = Neighbours(&mut entries);
        let router = table.obtain(&ip(1), NeighbourState::Stale).unwrap();
        router.router = true;
        router.link = LinkAddress::Short(1);
        assert_eq!(table.link_address(&ip(1)), Some(LinkAddress::Short(1)));
        table.obtain(&ip(2), NeighbourState::Stale).unwrap().until = Instant(10).into();
        table.obtain(&ip(3), NeighbourState::Reachable).unwrap();
        assert!(table.find(&ip(1)).is_some() && table.find(&ip(2)).is_none());
        table.obtain(&ip(4), NeighbourState::Reachable).unwrap();
        assert!(table.find(&ip(1)).is_none());
        let tentative = table.find_mut(&ip(3)).unwrap();
        (tentative.state, tentative.link) = (NeighbourState::Tentative, LinkAddress::Short(3));
        assert_eq!(table.link_address(&ip(3)), None);
        assert!(table.obtain(&ip(5), NeighbourState::Stale).is_none());
    }
}
