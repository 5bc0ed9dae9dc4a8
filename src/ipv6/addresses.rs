// SPDX-License-Identifier: MIT OR Apache-2.0
//! The addresses of the interface and the groups that it listens to.
#![forbid(unsafe_code)]

use super::source_selection::{REACHES, merit};
use crate::address::Ip;
use crate::status::{Error, Result};
use crate::time::Instant;

/// What may be done with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressState {
    /// Being checked for uniqueness, or being registered: not used yet.
    Tentative,
    /// In use.
    Preferred,
    /// Somebody else has it; not used.
    Duplicate,
}

/// One address of the interface.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// The address.
    pub ip: Ip,
    /// How many bits of it are the prefix.
    pub prefix_len: u8,
    /// Whether it may be used.
    pub state: AddressState,
    /// Until when it may be used at all.
    pub valid_until: Instant,
    /// Until when new traffic should use it.
    pub preferred_until: Instant,
    /// Whether the application still has to be told of the state.
    pub(super) news: bool,
}

impl Address {
    /// Whether it is being checked, or registered.
    pub(super) fn is_tentative(&self) -> bool {
        self.state == AddressState::Tentative
    }
}

/// The addresses and groups of the interface.
#[derive(Debug)]
pub struct Addresses<'m> {
    pub(super) entries: &'m mut [Option<Address>],
    pub(super) groups: &'m mut [Option<Ip>],
    pub(super) router: bool,
}

/// The solicited-node group of an address (RFC 4291 §2.7.1).
#[cfg_attr(not(feature = "std"), inline(never))]
pub const fn solicited_node(ip: &Ip) -> Ip {
    let [.., a, b, c] = ip.0;
    Ip([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}

/// All nodes on the link.
pub const ALL_NODES: Ip = Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 1]);
/// All routers on the link.
pub const ALL_ROUTERS: Ip = Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 2]);

impl Addresses<'_> {
    /// All addresses, in whatever state.
    pub fn iter(&self) -> impl Iterator<Item = &Address> {
        self.entries.iter().flatten()
    }

    /// The entry of an address.
    pub fn find(&self, ip: &Ip) -> Option<&Address> {
        self.iter().find(|address| address.ip == *ip)
    }

    pub(super) fn find_mut(&mut self, ip: &Ip) -> Option<&mut Address> {
        self.entries.iter_mut().flatten().find(|address| address.ip == *ip)
    }

    /// Whether packets to this unicast address are ours.
    pub fn is_own(&self, ip: &Ip) -> bool {
        self.find(ip).is_some_and(|address| address.state == AddressState::Preferred)
    }

    /// Whether packets to this group are ours: the groups that every node (and every router)
    /// listens to (RFC 4291 §2.8), the solicited-node group of each address, and those joined.
    pub fn is_member(&self, group: &Ip) -> bool {
        // In the scopes of the interface, of the link, and for routers of the site.
        let [_, scope, zeros @ .., last] = group.0;
        let scopes: u8 = match last {
            _ if zeros != [0; 13] => 0,
            1 => 1 << 1 | 1 << 2,
            2 if self.router => 1 << 1 | 1 << 2 | 1 << 5,
            _ => 0,
        };
        let all = scope < 8 && scopes >> scope & 1 != 0;
        all || self.groups.iter().flatten().any(|joined| joined == group)
            || self.iter().any(|address| solicited_node(&address.ip) == *group)
    }

    /// Takes an address away; whether it was there.
    pub(super) fn remove(&mut self, ip: &Ip) -> bool {
        match self.entries.iter_mut().find(|entry| entry.as_ref().is_some_and(|address| address.ip == *ip)) {
            Some(entry) => {
                *entry = None;
                true
            }
            None => false,
        }
    }

    /// Listens to a group.
    pub(super) fn join(&mut self, group: Ip) -> Result<()> {
        if self.groups.iter().flatten().any(|joined| *joined == group) {
            return Ok(());
        }
        let free = self.groups.iter_mut().find(|entry| entry.is_none()).ok_or(Error::Full)?;
        *free = Some(group);
        Ok(())
    }

    /// No longer listens to a group.
    pub(super) fn leave(&mut self, group: &Ip) {
        for entry in self.groups.iter_mut() {
            if entry.as_ref() == Some(group) {
                *entry = None;
            }
        }
    }

    /// The source address for a packet to `destination` (RFC 6724), if any will do: an address
    /// of the link alone never talks to a wider scope.
    pub fn source_for(&self, destination: &Ip, now: Instant) -> Option<&Ip> {
        let (mut best, mut most) = (None, 0);
        for address in self.iter().filter(|address| address.state == AddressState::Preferred) {
            let deprecated = address.preferred_until.is_due(now);
            let merit = merit(&address.ip, address.prefix_len, deprecated, destination);
            if merit > most {
                (best, most) = (Some(&address.ip), merit);
            }
        }
        // A group of realm or wider scope is reached from any address when there is no better.
        if most & REACHES != 0 || destination.is_multicast() { best } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Ip {
        Ip::parse(text).unwrap()
    }

    fn address(text: &str, state: AddressState) -> Option<Address> {
        Some(Address {
            ip: ip(text),
            prefix_len: 64,
            state,
            valid_until: Instant::NEVER,
            preferred_until: Instant::NEVER,
            news: false,
        })
    }

    #[test]
    fn every_node_listens_to_its_groups() {
        let mut entries = [address("fe80::1:2:3", AddressState::Preferred)];
        let mut groups = [None; 1];
        let mut addresses = Addresses { entries: &mut entries, groups: &mut groups, router: false };
        assert!(addresses.is_member(&ip("ff02::1")) && addresses.is_member(&ip("ff02::1:ff02:3")));
        assert!(!addresses.is_member(&ip("ff02::2")) && !addresses.is_member(&ip("ff02::1a")));
        addresses.router = true;
        assert!(addresses.is_member(&ip("ff05::2")));
        addresses.join(ip("ff02::1a")).unwrap();
        addresses.join(ip("ff02::1a")).unwrap();
        assert_eq!(addresses.join(ip("ff02::fd")), Err(Error::Full));
        assert!(addresses.is_member(&ip("ff02::1a")));
        addresses.leave(&ip("ff02::1a"));
        assert!(!addresses.is_member(&ip("ff02::1a")));
    }

    #[test]
    fn a_tentative_address_is_neither_own_nor_a_source() {
        let mut entries =
            [address("fe80::1", AddressState::Preferred), address("fd00::1", AddressState::Tentative)];
        let mut addresses = Addresses { entries: &mut entries, groups: &mut [], router: false };
        assert!(addresses.is_own(&ip("fe80::1")) && !addresses.is_own(&ip("fd00::1")));
        assert_eq!(addresses.source_for(&ip("fd00::2"), Instant(0)), None);
        assert_eq!(addresses.source_for(&ip("fe80::2"), Instant(0)), Some(&ip("fe80::1")));
        addresses.find_mut(&ip("fd00::1")).unwrap().state = AddressState::Preferred;
        assert_eq!(addresses.source_for(&ip("fd00::2"), Instant(0)), Some(&ip("fd00::1")));
        assert!(addresses.remove(&ip("fd00::1")) && !addresses.remove(&ip("fd00::1")));
    }
}
