// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of routes in storing mode, and the neighbours that they lead through (RFC 6550 §9.8).
#![forbid(unsafe_code)]

use super::Node;
use super::dodag::Dodag;
use super::routes::{NOWHERE, Route, mark};
use crate::address::Ip;
use crate::ipv6::source_selection::in_prefix;
use crate::time::Instant;

/// How long the parent is not told that a route has ended which failed, in milliseconds: others may end with it.
pub(super) const NO_PATH_DELAY: u64 = 1_000;

impl Node<'_> {
    /// A neighbour no longer leads to a target. If another claims it too, that one takes over;
    /// else the route has ended, and the parent hears a No-Path before the entry is freed.
    /// Whether it has ended.
    pub(super) fn withdraw_route(
        &mut self,
        dodag: &mut Dodag,
        entry: usize,
        slot: u16,
        path_sequence: u8,
    ) -> bool {
        /// Seconds after which the entry is freed even if nobody answered.
        const LINGER: u32 = 60;
        let Some(route) = self.routes.get_mut(entry) else { return false };
        let (via, other) = (route.via, route.other);
        if via != slot || other != NOWHERE {
            // Whichever it was, what is left is the other one.
            if via == slot {
                route.via = other;
            }
            if via == slot || other == slot {
                route.other = NOWHERE;
            }
            return false;
        }
        route.path_sequence = path_sequence;
        route.marks |= mark::NO_PATH;
        let crowded = route.is(mark::CROWDED);
        if dodag.is_root() {
            route.expiry = self.now;
        } else {
            route.must_tell();
            route.expiry = self.now.saturating_add(LINGER);
        }
        let by = route.expiry;
        self.sweep_by(by);
        if crowded {
            dodag.ask_children(self.now);
        }
        true
    }

    /// Nothing of the prefix `within` is below a neighbour any more, nor an address through the prefixes that it is in. Whether
    /// routes have ended by that.
    pub(super) fn withdraw_through(
        &mut self,
        dodag: &mut Dodag,
        slot: u16,
        within: &Ip,
        prefix_len: u8,
    ) -> bool {
        let mut ended = false;
        for entry in 0..self.routes.len() {
            let Some(route) = self.routes.get(entry) else { break };
            let bits = if prefix_len == 128 { route.prefix_len } else { prefix_len };
            let through = route.is_through(slot)
                && route.prefix_len >= bits
                && in_prefix(Ip::of(&route.target), within, bits);
            if route.owner == dodag.owner && through && !route.is(mark::NO_PATH) {
                let path_sequence = route.path_sequence;
                ended |= self.withdraw_route(dodag, entry, slot, path_sequence);
            }
        }
        ended
    }

    /// A neighbour cannot be reached: no route leads through it any more (RFC 6550 §8.2.1). Should it be there still,
    /// it is asked for them.
    pub(super) fn lose_child(&mut self, now: Instant, dodag: &mut Dodag, slot: u16) {
        if dodag.stores() && self.withdraw_through(dodag, slot, &Ip::UNSPECIFIED, 0) {
            dodag.advertise_by(now.after(NO_PATH_DELAY));
            dodag.ask_children(self.now);
        }
    }

    /// Frees all entries of a DODAG.
    pub(super) fn free_routes(&mut self, owner: u8) {
        for route in self.routes.iter_mut().filter(|route| route.owner == owner) {
            *route = Route::default();
        }
    }
}
