// SPDX-License-Identifier: MIT OR Apache-2.0
//! The candidate neighbour set (RFC 6550 §8.2.1): who was heard, how good the link is, and
//! who is a child with routes through it.
#![forbid(unsafe_code)]

use super::path::MAX_LINK_METRIC;
use super::routes::{self, Route};
use super::wire::{INFINITE_RANK, NO_VALUE};
use crate::address::Ip;

/// ETX of a link that has not been measured: 1.5 transmissions, times 128.
const UNMEASURED: u16 = 192;
/// ETX of a link that failed and gets another chance: 3 transmissions.
const DOUBTFUL: u16 = 384;
/// After so many failures in a row the neighbour is taken to be gone.
const MAX_FAILURES: u8 = 3;
/// Seconds before a lost neighbour that is heard again gets another chance.
const QUARANTINE: u32 = 60;

/// The index that stands for no neighbour.
pub(super) const NONE: u16 = u16::MAX;

/// A neighbour in one RPL instance.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Neighbour {
    /// Interface identifier of its link-local address.
    pub(super) iid: [u8; 8],
    /// Interface identifier of its routable address.
    pub(super) routable_iid: [u8; 8],
    /// Expected transmissions, times 128.
    pub(super) etx: u16,
    /// The rank it advertised last; infinite for one that is no router.
    pub(super) rank: u16,
    /// What its metric container says of its path.
    pub(super) path: u32,
    /// When the link was measured last, in seconds.
    pub(super) measured: u32,
    /// The DODAG it advertised last, by [`owner`](super::dodag::Dodag::owner); 0 in a free entry.
    pub(super) owner: u8,
    /// The instance of that, which stays.
    pub(super) instance: u8,
    /// The version of it.
    pub(super) version: u8,
    /// Its DTSN.
    pub(super) dtsn: u8,
    /// Failures in a row.
    pub(super) failures: u8,
    /// It is the preferred parent in its instance; such an entry is never given up.
    pub(super) parent: bool,
    /// It refused our DAO.
    pub(super) refused: bool,
    /// It was the parent and has not heard yet that it no longer is.
    pub(super) left: bool,
    /// It has asked everyone for a DODAG: what it knew may be forgotten, so its next DIO counts as one with a new DTSN.
    pub(super) asked: bool,
    /// It was asked in turn whether it is in the DODAG still.
    pub(super) solicited: bool,
}

impl Neighbour {
    /// A neighbour just heard.
    pub(super) fn new(iid: [u8; 8], owner: u8, instance: u8) -> Neighbour {
        let (etx, rank, path) = (UNMEASURED, INFINITE_RANK, NO_VALUE);
        Neighbour { iid, routable_iid: iid, owner, instance, etx, rank, path, ..Neighbour::default() }
    }

    pub(super) fn link_local(&self) -> Ip {
        link_local(self.iid)
    }

    /// Whether the link may be used at all.
    #[inline(never)]
    pub(super) fn is_reachable(&self) -> bool {
        self.failures < MAX_FAILURES && self.etx <= MAX_LINK_METRIC
    }

    /// The neighbour was heard: one that was lost a while ago gets another chance.
    pub(super) fn heard(&mut self, seconds: u32) {
        if !self.is_reachable() && seconds.saturating_sub(self.measured) >= QUARANTINE {
            self.etx = DOUBTFUL;
            self.failures = 0;
        }
    }

    /// The link was measured. A lower ETX than before can only come of a success.
    pub(super) fn measure(&mut self, etx: u16, seconds: u32) {
        if etx <= self.etx && etx <= MAX_LINK_METRIC {
            self.failures = 0;
        }
        self.etx = etx;
        self.measured = seconds;
    }

    /// A message to the neighbour was not delivered. Whether it is lost by that.
    pub(super) fn fail(&mut self, seconds: u32) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.measured = seconds;
        !self.is_reachable()
    }
}

/// The link-local address of an interface identifier.
pub(super) const fn link_local([a, b, c, d, e, f, g, h]: [u8; 8]) -> Ip {
    Ip([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h])
}

/// The last eight bytes of an address.
pub(super) const fn interface_identifier(address: &Ip) -> [u8; 8] {
    let [_, _, _, _, _, _, _, _, a, b, c, d, e, f, g, h] = address.0;
    [a, b, c, d, e, f, g, h]
}

/// `address` with its last eight bytes replaced.
pub(super) const fn with_identifier(address: &Ip, [i, j, k, l, m, n, o, p]: [u8; 8]) -> Ip {
    let [a, b, c, d, e, f, g, h, ..] = address.0;
    Ip([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// Finds a neighbour in an instance.
#[inline(never)]
pub(super) fn find(table: &[Neighbour], instance: u8, iid: &[u8; 8]) -> Option<usize> {
    table.iter().position(|entry| entry.owner != 0 && entry.instance == instance && entry.iid == *iid)
}

/// Makes room for a neighbour that would have rank `rank`: a free entry, or that of the worst
/// one that has no routes, is no parent and is worse than the new one. A child, which
/// comes with rank 0, takes the place of any such.
pub(super) fn make_room(table: &[Neighbour], routes: &[Route], rank: u16) -> Option<usize> {
    let (mut place, mut worst) = (None, u32::from(rank) + u32::from(UNMEASURED) + 1);
    for (index, entry) in table.iter().enumerate() {
        if entry.owner == 0 {
            return Some(index);
        }
        let penalty = if entry.is_reachable() { u32::from(entry.etx) } else { 0x1_0000 };
        let cost = u32::from(entry.rank) + penalty;
        // Of several that are alike the last.
        if cost >= worst && !entry.left && !entry.parent && !routes::any_through(routes, index) {
            (place, worst) = (Some(index), cost);
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_gives_up_the_worst_but_never_parents_or_children() {
        let mut table = [Neighbour::default(); 3];
        for (index, rank) in [(0u8, 256), (1, 2000), (2, 1000)] {
            table[usize::from(index)] = Neighbour { rank, ..Neighbour::new([index; 8], 1, 0) };
        }
        let mut routes = [Route { via: routes::NOWHERE, other: routes::NOWHERE, ..Route::default() }; 2];
        assert_eq!(make_room(&table, &routes, 900), Some(1));
        assert_eq!(make_room(&table, &routes, 3000), None);
        table[1].parent = true;
        assert_eq!(make_room(&table, &routes, 900), Some(2));
        table[1].parent = false;
        routes[0] = Route { owner: 1, via: 1, ..routes[0] };
        assert_eq!(make_room(&table, &routes, 900), Some(2));
        routes[1] = Route { owner: 1, other: 2, ..routes[1] };
        assert_eq!(make_room(&table, &routes, 900), None);
        assert_eq!(make_room(&table, &routes, 0), Some(0));
        // A route of non-storing mode leads through another route.
        routes[0].via |= routes::PARENT;
        assert_eq!(make_room(&table, &routes, 900), Some(1));
        table[0].parent = true;
        routes[0].via = 1;
        assert_eq!(make_room(&table, &routes, 0), None);
    }

    #[test]
    fn three_failures_lose_a_neighbour_and_a_success_or_time_brings_it_back() {
        let mut neighbour = Neighbour::new([1; 8], 1, 0);
        assert!(!neighbour.fail(10) && !neighbour.fail(11) && neighbour.fail(12));
        neighbour.heard(30);
        assert!(!neighbour.is_reachable());
        neighbour.heard(72);
        assert!(neighbour.is_reachable());
        assert!(neighbour.fail(80) || neighbour.fail(80) || neighbour.fail(80));
        neighbour.measure(150, 81);
        assert!(neighbour.is_reachable());
        neighbour.measure(600, 82);
        assert!(!neighbour.is_reachable());
    }
}
