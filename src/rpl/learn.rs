// SPDX-License-Identifier: MIT OR Apache-2.0
//! Learning routes from DAOs, in both modes: in storing mode which child leads to a target
//! (RFC 6550 §9.8), at a root of non-storing mode whose child it is (§9.7).
#![forbid(unsafe_code)]

use super::dodag::Dodag;
use super::neighbours::interface_identifier;
use super::routes::{self, NOWHERE, PARENT, ROOT, mark};
use super::wire::{Options, Target, Transit, option};
use super::{Node, RplContext, count, lollipop};
use crate::address::Ip;
use crate::status::{Error, Result};
use core::cmp::Ordering;

/// Whether groups of targets are each followed by a group of transits (RFC 6550 §9.4).
fn is_grouped(mut options: Options<'_>) -> bool {
    let (mut any, mut answered) = (false, false);
    while let Some((kind, _)) = options.next_raw() {
        match kind {
            option::TARGET => (any, answered) = (true, false),
            option::TRANSIT if any => answered = true,
            option::TRANSIT => return false,
            _ => {}
        }
    }
    answered
}

/// What the group behind a target says of it: its first transit that is no No-Path, else its last.
fn transit_behind(mut options: Options<'_>) -> Result<Transit<'_>> {
    let mut found: &[u8] = &[];
    while let Some((kind, data)) = options.next_raw() {
        match kind {
            option::TRANSIT if matches!(found, [] | [_, _, _, 0, ..]) => found = data,
            option::TARGET if !found.is_empty() => break,
            _ => {}
        }
    }
    Transit::parse(found)
}

impl Node<'_> {
    /// Learns every pair of a target and what is said of it. The
    /// DAO came from the child at `slot` of the neighbours, which is of no account in non-storing
    /// mode.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a target has no transit or a transit no target: nothing is learned then. Else the
    /// first one of these, after all pairs were tried: [`Error::Full`] when a target could not be kept,
    /// [`Error::Malformed`] for what no node can say, [`Error::State`] when the child is the preferred parent.
    pub(super) fn learn(
        &mut self,
        cx: &mut RplContext<'_>,
        dodag: &mut Dodag,
        slot: u16,
        mut options: Options<'_>,
    ) -> Result<()> {
        if !is_grouped(options) {
            return Err(Error::Malformed);
        }
        let mut outcome = Ok(());
        let mut news = false;
        while let Some((kind, data)) = options.next_raw() {
            if kind == option::TARGET {
                let learned = transit_behind(options)
                    .and_then(|transit| self.learn_target(dodag, slot, &Target::read(data), &transit))
                    .map(|changed| news |= changed);
                outcome = outcome.and(learned);
            }
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

    /// Learns one target. Whether that changes anything, so that the parent has to hear of it.
    fn learn_target(
        &mut self,
        dodag: &mut Dodag,
        slot: u16,
        target: &Target,
        transit: &Transit<'_>,
    ) -> Result<bool> {
        let storing = dodag.stores() || !cfg!(feature = "rpl-non-storing");
        let gone = transit.path_lifetime == 0;
        let parent = Target { prefix_len: 128, prefix: *transit.parent.unwrap_or(&dodag.id) };
        let mut is_own = dodag.is_root() && target.prefix_len == 128 && target.prefix == dodag.id;
        if storing {
            if dodag.preferred == slot && !gone {
                return Err(Error::State);
            }
            is_own |= self.targets.iter().any(|own| own.is_here() && own.target == *target);
        } else {
            is_own |= transit.parent.is_none() || parent.prefix.is_multicast() || *target == parent;
        }
        if is_own || target.prefix.is_multicast() {
            return if storing { Ok(false) } else { Err(Error::Malformed) };
        }
        let expiry = routes::expiry(self.now, transit.path_lifetime, dodag.configuration.lifetime_unit);
        let known = routes::find(self.routes, dodag.owner, target);
        let live =
            known.and_then(|known| self.routes.get(known)).filter(|route| !route.is(mark::NO_PATH)).copied();
        let mut newer = true;
        let (mut doubtful, mut anew) = (false, false);
        if let Some(route) = &live {
            // Of two counters that both tell of a recent start the higher one may be from before the last.
            let young = lollipop::is_linear(transit.path_sequence);
            let both = young && lollipop::is_linear(route.path_sequence);
            doubtful = storing && both && route.via != slot && route.via != NOWHERE;
            let order = lollipop::compare(transit.path_sequence, route.path_sequence);
            let back = young && (!both || order == Some(Ordering::Less));
            anew = storing && back && route.via == slot && !gone && self.is_of(slot, &target.prefix);
            // Counters in their linear part tell of a node that has started anew; of a child that may
            // be told by others too only the child itself.
            let restarted = young && (!storing || (route.via == slot && !gone));
            match order {
                Some(Ordering::Less) if !restarted && route.via != NOWHERE => {
                    if storing
                        && !gone
                        && route.via != slot
                        && let Some(route) = known.and_then(|known| self.routes.get_mut(known))
                    {
                        // It may have started anew and be there all the same, with a counter that does not show it.
                        route.marks |= mark::CROWDED;
                    }
                    return Ok(false);
                }
                // It claimed the target before the present next hop did, and says nothing new.
                Some(Ordering::Equal) if route.other == slot && !gone => return Ok(false),
                Some(Ordering::Equal) => newer = false,
                _ => {}
            }
        }
        if anew {
            // A child that has started anew knows of nobody below it yet.
            self.withdraw_through(dodag, slot, &Ip::UNSPECIFIED, 0);
        }
        if gone {
            return Ok(match (known, &live) {
                (Some(entry), Some(route)) => {
                    // It may be about one of several parents, unless it is newer than what is known of all.
                    if !storing && !newer && *self.parent_of(dodag, route) != parent.prefix {
                        return Ok(false);
                    }
                    let through = if storing { slot } else { route.via };
                    self.withdraw_route(dodag, entry, through, transit.path_sequence)
                }
                // All that lies within is meant (see the farewell of a child that moves away).
                (None, _) if storing && target.prefix_len < 128 => {
                    self.withdraw_through(dodag, slot, &target.prefix, target.prefix_len)
                }
                _ => false,
            });
        }
        let news = newer || !storing;
        let mut hop = slot;
        if !storing {
            hop = ROOT;
            if parent.prefix != dodag.id {
                // The parent's own DAO may still be under way: its entry is made for it.
                let entry = self.entry_of(dodag, &parent)?;
                hop = entry as u16 | PARENT;
                if let Some(parent) = self.routes.get_mut(entry).filter(|parent| parent.via == NOWHERE) {
                    parent.expiry = parent.expiry.max(expiry);
                }
            }
        }
        let entry = self.entry_of(dodag, target)?;
        let route = self.routes.get_mut(entry).ok_or(Error::Full)?;
        let via = route.via;
        let fresh = via == NOWHERE;
        route.path_sequence = transit.path_sequence;
        route.expiry = expiry;
        route.marks &= !(mark::NO_PATH | mark::EXTERNAL);
        route.marks |= if transit.external { mark::EXTERNAL } else { 0 };
        route.marks |= if fresh { mark::NEW } else { 0 };
        if news && !dodag.is_root() {
            route.must_tell();
        }
        if via != hop || news {
            // With an equal sequence both hold: the later one is used, the other kept.
            if news && !doubtful {
                route.marks &= !mark::CROWDED;
            } else if doubtful || route.other != NOWHERE {
                route.marks |= mark::CROWDED;
            }
            (route.via, route.other) = (hop, if news { NOWHERE } else { via });
        }
        self.sweep_by(if fresh { self.now } else { expiry });
        Ok(news)
    }

    /// Whether an address is that of the neighbour at `slot`.
    fn is_of(&self, slot: u16, address: &Ip) -> bool {
        let iid = interface_identifier(address);
        let entry = self.neighbours.get(usize::from(slot));
        entry.is_some_and(|entry| entry.iid == iid || entry.routable_iid == iid)
    }

    /// The entry of a target, a new one without next hop if need be.
    fn entry_of(&mut self, dodag: &Dodag, target: &Target) -> Result<usize> {
        if let Some(known) = routes::find(self.routes, dodag.owner, target) {
            return Ok(known);
        }
        if self.now < dodag.refuse_until {
            return Err(Error::Full);
        }
        routes::insert(self.routes, dodag.owner, target).ok_or(Error::Full)
    }
}
