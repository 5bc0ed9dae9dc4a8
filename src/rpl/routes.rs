// SPDX-License-Identifier: MIT OR Apache-2.0
//! Downward routes in a table of fixed size: destinations by next hop (storing mode), or at a
//! root of non-storing mode by parent, which is another entry of the table.
#![forbid(unsafe_code)]

use super::wire::Target;
use crate::address::Ip;
use crate::ipv6::source_selection::in_prefix;

/// In `via`: there is no next hop or parent.
pub(super) const NOWHERE: u16 = u16::MAX;
/// In `via`: the parent is this root.
pub(super) const ROOT: u16 = u16::MAX - 1;
/// In `via`, with the index of a route: that one's target is the parent (non-storing).
pub(super) const PARENT: u16 = 0x8000;

/// When a route ends that has no end.
pub(super) const FOREVER: u32 = u32::MAX;

/// What is to be told of a route.
pub(super) mod mark {
    /// The parent has to hear of it.
    pub(crate) const DIRTY: u8 = 1;
    /// The parent was told and has not answered.
    pub(crate) const PENDING: u8 = 2;
    /// It is gone; the parent has to hear of that before the entry is freed.
    pub(crate) const NO_PATH: u8 = 4;
    /// The application has to hear of it.
    pub(crate) const NEW: u8 = 8;
    /// The target is not a node that runs RPL.
    pub(crate) const EXTERNAL: u8 = 16;
    /// Other neighbours have claimed the target too, more than there are places for or with an older Path Sequence.
    pub(crate) const CROWDED: u8 = 32;
}

/// One route: 28 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Route {
    /// The destination or prefix.
    pub(super) target: [u8; 16],
    /// Second at which it ends, or [`FOREVER`].
    pub(super) expiry: u32,
    /// Neighbour (storing), or [`PARENT`] with a route (non-storing), that it leads through.
    pub(super) via: u16,
    /// Another neighbour that claims the target with the same Path Sequence (storing).
    pub(super) other: u16,
    /// Bits of the prefix.
    pub(super) prefix_len: u8,
    /// Path Sequence it was advertised with.
    pub(super) path_sequence: u8,
    /// The DODAG it belongs to, by [`owner`](super::dodag::Dodag::owner); 0 in a free entry.
    pub(super) owner: u8,
    /// See [`mark`].
    pub(super) marks: u8,
}

impl Route {
    pub(super) fn is(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    /// Whether it leads, or could lead, through the neighbour at `slot`.
    pub(super) fn is_through(&self, slot: u16) -> bool {
        self.owner != 0 && (self.via == slot || self.other == slot)
    }

    /// The parent has to hear of it; an answer under way is about what was before.
    pub(super) fn must_tell(&mut self) {
        self.marks = self.marks & !mark::PENDING | mark::DIRTY;
    }

    /// Whether packets may take it.
    pub(super) fn is_live(&self, seconds: u32) -> bool {
        self.via != NOWHERE && !self.is(mark::NO_PATH) && self.expiry > seconds
    }

    pub(super) fn target(&self) -> Target {
        Target { prefix_len: self.prefix_len, prefix: Ip(self.target) }
    }

    fn covers(&self, address: &Ip) -> bool {
        in_prefix(address, Ip::of(&self.target), self.prefix_len)
    }
}

/// Whether any route leads through the neighbour at `slot`: it is a child.
#[inline(never)]
pub(super) fn any_through(table: &[Route], slot: usize) -> bool {
    table.iter().any(|route| route.is_through(slot as u16))
}

/// The entry of exactly this target.
pub(super) fn find(table: &[Route], owner: u8, target: &Target) -> Option<usize> {
    table.iter().position(|route| {
        route.owner == owner && route.prefix_len == target.prefix_len && route.target == target.prefix.0
    })
}

/// The longest live match for an address.
pub(super) fn lookup(table: &[Route], owner: u8, address: &Ip, seconds: u32) -> Option<usize> {
    let mut best = None;
    let mut longest = 0;
    for (index, route) in table.iter().enumerate() {
        if route.owner == owner
            && route.prefix_len >= longest
            && route.is_live(seconds)
            && route.covers(address)
        {
            longest = route.prefix_len;
            best = Some(index);
        }
    }
    best
}

/// Adds an entry without next hop; `None` when the table is full. No entry that is alive is
/// ever given up for it.
pub(super) fn insert(table: &mut [Route], owner: u8, target: &Target) -> Option<usize> {
    let index = table.iter().position(|route| route.owner == 0)?;
    let entry = table.get_mut(index)?;
    *entry = Route {
        target: target.prefix.0,
        prefix_len: target.prefix_len,
        owner,
        via: NOWHERE,
        other: NOWHERE,
        ..Route::default()
    };
    Some(index)
}

/// Seconds until which a route with this path lifetime holds.
pub(super) fn expiry(now: u32, lifetime: u8, unit: u16) -> u32 {
    if lifetime == u8::MAX {
        return FOREVER;
    }
    now.saturating_add(u32::from(lifetime) * u32::from(unit)).min(FOREVER - 1)
}

/// The path lifetime that is left, rounded up, so that passing it on never prolongs a route by
/// more than a unit.
pub(super) fn lifetime_left(now: u32, expiry: u32, unit: u16) -> u8 {
    if expiry == FOREVER {
        return u8::MAX;
    }
    let unit = u32::from(unit.max(1));
    let units = expiry.saturating_sub(now).saturating_add(unit - 1).checked_div(unit).unwrap_or(0);
    u8::try_from(units).unwrap_or(u8::MAX).min(u8::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: Target = Target { prefix_len: 128, prefix: Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 7]) };
    const NET: Target = Target { prefix_len: 64, prefix: Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 0]) };

    #[test]
    fn a_route_takes_at_most_32_bytes() {
        assert!(size_of::<Route>() <= 28);
    }

    #[test]
    fn the_longest_live_match_wins() {
        let mut table = [Route::default(); 3];
        let net = insert(&mut table, 1, &NET).unwrap();
        let node = insert(&mut table, 1, &NODE).unwrap();
        for index in [net, node] {
            table[index].via = 1;
            table[index].expiry = 100;
        }
        assert_eq!(lookup(&table, 1, &NODE.prefix, 50), Some(node));
        assert_eq!(lookup(&table, 2, &NODE.prefix, 50), None);
        assert_eq!(lookup(&table, 1, &Ip::v6([0xfd00, 0, 0, 0, 9, 9, 9, 9]), 50), Some(net));
        assert_eq!(lookup(&table, 1, &Ip::v6([0xfd01, 0, 0, 0, 9, 9, 9, 9]), 50), None);
        table[node].marks |= mark::NO_PATH;
        assert_eq!(lookup(&table, 1, &NODE.prefix, 50), Some(net));
        assert_eq!(lookup(&table, 1, &NODE.prefix, 100), None);
    }

    #[test]
    fn a_full_table_refuses() {
        let mut table = [Route::default(); 1];
        assert_eq!(insert(&mut table, 1, &NODE), Some(0));
        assert_eq!(insert(&mut table, 1, &NET), None);
        assert_eq!(find(&table, 1, &NODE), Some(0));
        assert_eq!(find(&table, 1, &NET), None);
    }

    #[test]
    fn lifetimes_count_in_units_and_never_grow() {
        assert_eq!(expiry(10, 30, 60), 1810);
        assert_eq!(expiry(10, 255, 60), FOREVER);
        assert_eq!(lifetime_left(10, 1810, 60), 30);
        assert_eq!(lifetime_left(11, 1810, 60), 30);
        assert_eq!(lifetime_left(70, 1810, 60), 29);
        assert_eq!(lifetime_left(10, FOREVER, 60), 255);
        assert_eq!(lifetime_left(2000, 1810, 60), 0);
        assert_eq!(lifetime_left(0, u32::MAX - 1, 1), 254);
        assert_eq!(lifetime_left(0, 100, 0), 100);
    }
}
