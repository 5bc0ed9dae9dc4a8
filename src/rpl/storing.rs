// SPDX-License-Identifier: MIT OR Apache-2.0
//! Learning routes from DAOs in storing mode (RFC 6550 §9.8), and keeping their table.
#![forbid(unsafe_code)]

use super::dodag::Dodag;
use super::routes::{self, NOWHERE, mark};
use super::wire::{Options, Target, Transit, option};
use super::{Node, RplContext, count, lollipop};
use crate::address::Ip;
use crate::ipv6::source_selection::in_prefix;
use crate::status::{Error, Result};
use core::cmp::Ordering;

/// Calls `learn` for every pair of a target and the first transit behind its group
/// (RFC 6550 §9.4): the targets of a group are those between the previous transit and this one.
///
/// # Errors
/// [`Error::Malformed`] when a target has no transit or a transit no target; the first other
/// error of `learn`, after all pairs were offered.
pub(super) fn for_each_pair(
    mut options: Options<'_>,
    learn: &mut dyn FnMut(&Target, &Transit<'_>) -> Result<()>,
) -> Result<()> {
    let mut outcome = None;
    let mut transit = None;
    while let Some((kind, data)) = options.next_raw() {
        if kind == option::TARGET {
            if transit.is_none() {
                let mut ahead = options;
                transit = loop {
                    match ahead.next_raw().ok_or(Error::Malformed)? {
                        (option::TRANSIT, data) => break Some(Transit::parse(data)?),
                        _ => continue,
                    }
                };
            }
            if let Some(transit) = &transit {
                let learned = learn(&Target::read(data), transit);
                outcome = Some(outcome.unwrap_or(Ok(())).and(learned));
            }
        } else if kind == option::TRANSIT {
            if outcome.is_none() {
                return Err(Error::Malformed);
            }
            transit = None;
        }
    }
    outcome.unwrap_or(Err(Error::Malformed))
}

impl Node<'_> {
    /// Learns what a child advertises.
    ///
    /// # Errors
    /// [`Error::Full`] when a target could not be kept, [`Error::Malformed`]; [`Error::State`] when the
    /// child is the preferred parent.
    pub(super) fn learn_storing(
        &mut self,
        cx: &mut RplContext<'_>,
        dodag: &mut Dodag,
        slot: u16,
        options: Options<'_>,
    ) -> Result<()> {
        let mut through_parent = false;
        let mut news = false;
        let outcome = for_each_pair(options, &mut |target, transit| {
            if dodag.preferred == slot && transit.path_lifetime > 0 {
                through_parent = true;
                return Ok(());
            }
            news |= self.learn_route(dodag, slot, target, transit)?;
            Ok(())
        });
        if through_parent {
            return Err(Error::State);
        }
        if news {
            dodag.schedule_dao(cx);
            self.sweep_by(self.now);
        }
        if outcome == Err(Error::Full) {
            count(&mut self.statistics.table_full);
        }
        outcome
    }

    /// Learns one target from a child. Whether the parent has to hear of it.
    fn learn_route(
        &mut self,
        dodag: &mut Dodag,
        slot: u16,
        target: &Target,
        transit: &Transit<'_>,
    ) -> Result<bool> {
        let is_root = dodag.is_root();
        let own = self.targets.iter().any(|own| own.used && own.target == *target);
        if own
            || target.prefix.is_multicast()
            || (is_root && target.prefix == dodag.id && target.prefix_len == 128)
        {
            return Ok(false);
        }
        let expiry = routes::expiry(self.now, transit.path_lifetime, dodag.configuration.lifetime_unit);
        let known = routes::find(self.routes, dodag.owner, target);
        if transit.path_lifetime == 0 {
            if target.prefix_len < 128 && known.is_none() {
                // All that lies within is meant (see the farewell of a child that moves away).
                return Ok(self.withdraw_through(dodag, slot, target));
            }
            let Some(entry) = known else { return Ok(false) };
            let Some(route) = self.routes.get_mut(entry) else { return Ok(false) };
            let order = lollipop::compare(transit.path_sequence, route.path_sequence);
            if order == Some(Ordering::Less) || route.is(mark::NO_PATH) {
                return Ok(false);
            }
            return Ok(self.withdraw_route(dodag, entry, slot, transit.path_sequence));
        }
        let (entry, fresh) = match known {
            Some(known) => (known, false),
            None if self.now < dodag.refuse_until => return Err(Error::Full),
            None => (routes::insert(self.routes, dodag.owner, target).ok_or(Error::Full)?, true),
        };
        let route = self.routes.get_mut(entry).ok_or(Error::Full)?;
        let mut news = fresh || route.is(mark::NO_PATH);
        if !news {
            // The same child may say less than before: then the target has started anew.
            let restart = route.via == slot && lollipop::is_linear(transit.path_sequence);
            match lollipop::compare(transit.path_sequence, route.path_sequence) {
                Some(Ordering::Less) if !restart => return Ok(false),
                // It claimed the target before the present next hop did, and says nothing new.
                Some(Ordering::Equal) if route.other == slot => return Ok(false),
                Some(Ordering::Equal) => {}
                _ => news = true,
            }
        }
        route.path_sequence = transit.path_sequence;
        route.expiry = expiry;
        route.marks &= !(mark::NO_PATH | mark::EXTERNAL);
        route.marks |= if transit.external { mark::EXTERNAL } else { 0 };
        route.marks |= if fresh { mark::NEW } else { 0 };
        if news && !is_root {
            route.must_tell();
        }
        let via = route.via;
        if via != slot || news {
            // With an equal sequence both hold: the later one is used, the other kept.
            if news {
                route.marks &= !mark::CROWDED;
            } else if route.other != NOWHERE {
                route.marks |= mark::CROWDED;
            }
            self.set_hops(entry, slot, if news { NOWHERE } else { via });
        }
        self.sweep_by(if fresh { self.now } else { expiry });
        Ok(news)
    }

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
            if via == slot {
                self.set_hops(entry, other, NOWHERE);
            } else if other == slot {
                self.set_hops(entry, via, NOWHERE);
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

    /// Nothing of `within` is below a neighbour any more. Whether routes have ended by that.
    pub(super) fn withdraw_through(&mut self, dodag: &mut Dodag, slot: u16, within: &Target) -> bool {
        let mut ended = false;
        for entry in 0..self.routes.len() {
            let Some(route) = self.routes.get(entry) else { break };
            let through = (route.via == slot || route.other == slot)
                && route.prefix_len >= within.prefix_len
                && in_prefix(Ip::of(&route.target), &within.prefix, within.prefix_len);
            if route.owner == dodag.owner && through && !route.is(mark::NO_PATH) {
                let path_sequence = route.path_sequence;
                ended |= self.withdraw_route(dodag, entry, slot, path_sequence);
            }
        }
        ended
    }

    /// Sets the neighbours that a route leads through, and keeps their counts.
    fn set_hops(&mut self, entry: usize, via: u16, other: u16) {
        let Some(route) = self.routes.get_mut(entry) else { return };
        let changes = [(route.via, -1), (route.other, -1), (via, 1), (other, 1)];
        (route.via, route.other) = (via, other);
        for (slot, change) in changes {
            if let Some(neighbour) = self.neighbours.get_mut(usize::from(slot)) {
                neighbour.routes = neighbour.routes.saturating_add_signed(change);
            }
        }
    }

    /// Frees an entry, of a DODAG that `stores` or not.
    pub(super) fn free_route(&mut self, entry: usize, stores: bool) {
        if stores {
            self.set_hops(entry, NOWHERE, NOWHERE);
        }
        if let Some(route) = self.routes.get_mut(entry) {
            *route = routes::Route::default();
        }
    }

    /// Frees all entries of a DODAG.
    pub(super) fn free_routes(&mut self, dodag: &Dodag) {
        for entry in 0..self.routes.len() {
            if self.routes.get(entry).is_some_and(|route| route.owner == dodag.owner) {
                self.free_route(entry, dodag.stores());
            }
        }
    }
}
