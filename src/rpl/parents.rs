// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parent selection, movement and repair (RFC 6550 §8.2.2).
//!
//! Loops are kept out by three rules. A node that is joined takes as parent only who has a
//! lower DAGRank than itself, or stays with the one it has. When none is left it first
//! poisons, and waits before it takes one that may have been below it. And its rank never
//! grows beyond what the DODAG allows.
#![forbid(unsafe_code)]

use super::dodag::{ADVERTISE, Dodag, FORGET, HOLD, Membership, TIMERS, tell};
use super::neighbours::{NONE, Neighbour};
use super::objective::{objective_function, one_hop_below};
use super::wire::{INFINITE_RANK, Target};
use super::{ALL_RPL_NODES, Rpl, RplContext, count, lollipop};
use crate::time::Instant;

/// How long a node that has lost its last parent poisons before it joins again, in ms.
const POISON_TIME: u64 = 2_000;
/// How long it remembers the limit on its rank, in ms: by then nobody is below it.
const FORGET_TIME: u64 = 60_000;

/// How long a node that was refused by every parent that it may take waits for other routers,
/// in ms; how many seconds more it gives each further parent before; and how often it
/// searches before it makes do with upward routes.
const SEARCH_TIME: u64 = 12_000;
const PATIENCE: u32 = 10;
const MAX_SEARCHES: u8 = 3;

/// For so long after a change of parent another has to be better by twice the threshold: the
/// links and ranks of a network that has just changed are not known well yet.
const SETTLE_SECONDS: u32 = 60;

/// In [`Choice::class`]: the neighbour has no place for our routes.
const REFUSED: u16 = 1 << 9;
/// And: its DODAG is not grounded.
const UNGROUNDED: u16 = 1 << 8;

/// A path that could be taken.
#[derive(Clone, Copy)]
struct Choice {
    neighbour: u16,
    dodag: usize,
    rank: u16,
    /// Whether it refused our DAO, then not grounded, then inverted preference: less is
    /// better, and decides before any cost.
    class: u16,
    cost: u32,
}

impl Rpl<'_> {
    /// Selects parents in every instance.
    pub(super) fn select_all(&mut self, cx: &mut RplContext<'_>) {
        for index in 0..self.dodags.len() {
            // Once for each DODAG of an instance is too often, but does no harm.
            self.reselect_now(cx, index);
        }
    }

    /// Selects parents in the instance of this DODAG.
    pub(super) fn reselect_now(&mut self, cx: &mut RplContext<'_>, index: usize) {
        let known = self.dodags.get(index).filter(|dodag| dodag.membership != Membership::None);
        if let Some(instance) = known.map(|dodag| dodag.instance) {
            self.select(cx, instance);
        }
    }

    /// Selects the DODAG and the preferred parent in an instance, and sets the rank.
    pub(super) fn select(&mut self, cx: &mut RplContext<'_>, instance: u8) {
        let member = self.dodags.iter().position(|dodag| dodag.instance == instance && dodag.is_member());
        let own = member.and_then(|index| self.dodags.get(index));
        let rooted = own.filter(|dodag| dodag.is_root());
        if rooted.is_some_and(|dodag| !dodag.floating) {
            return;
        }
        let mut best: Option<Choice> = None;
        for slot in 0..self.neighbours.len() {
            let Some(choice) = self.consider(cx.now, instance, member, slot as u16) else { continue };
            // A floating DODAG gives way to a grounded one and to one of lower DODAGID.
            let gives_way =
                |dodag: &Dodag| choice.class & UNGROUNDED == 0 || self.floats_before(choice.dodag, &dodag.id);
            if rooted.is_some_and(|dodag| !gives_way(dodag)) {
                continue;
            }
            let better = |best: &Choice| {
                if self.floating && choice.class & best.class & UNGROUNDED != 0 && choice.dodag != best.dodag
                {
                    return self
                        .dodags
                        .get(best.dodag)
                        .is_some_and(|dodag| self.floats_before(choice.dodag, &dodag.id));
                }
                (choice.class, choice.cost) < (best.class, best.cost)
            };
            if best.as_ref().is_none_or(better) {
                best = Some(choice);
            }
        }
        if rooted.is_some() && best.is_none() {
            return;
        }
        match (best, member) {
            (Some(choice), Some(index)) if choice.dodag == index => {
                if choice.class & REFUSED != 0 && self.has_untried(cx.now, index) {
                    // Deeper down there may be room: what is below has to go first.
                    if let Some(dodag) = self.dodags.get_mut(index) {
                        dodag.searches += 1;
                    }
                    self.detach(cx, index);
                } else {
                    self.follow(cx, choice);
                }
            }
            (Some(choice), previous) => {
                if let Some(previous) = previous {
                    self.leave(cx, previous);
                }
                self.join(cx, choice);
            }
            (None, Some(index)) => self.detach(cx, index),
            (None, None) => {}
        }
    }

    /// Whether a floating DODAG is to be joined rather than the one with the other DODAGID.
    fn floats_before(&self, index: usize, other: &crate::address::Ip) -> bool {
        self.dodags.get(index).is_some_and(|dodag| dodag.id < *other)
    }

    /// No DODAG has been found for long: the node becomes the root of one of its own.
    pub(super) fn float(&mut self, index: usize) {
        let Some(dodag) = self.dodags.get(index) else { return };
        let Some(own) =
            self.own_address(dodag).filter(|_| dodag.membership == Membership::Detached && !dodag.leaf)
        else {
            return;
        };
        self.forget_members(index);
        let Some(dodag) = self.dodags.get_mut(index) else { return };
        dodag.id = own;
        dodag.membership = Membership::Root;
        dodag.floating = true;
        dodag.grounded = false;
        dodag.preference = 0;
        dodag.adopt_version(lollipop::START);
        dodag.timers = [Instant::NEVER; TIMERS];
        dodag.rank = dodag.configuration.min_hop_rank_increase.max(1);
        dodag.hop_count = if dodag.hop_count == u8::MAX { u8::MAX } else { 1 };
        dodag.dtsn = lollipop::next(dodag.dtsn);
        dodag.tell = tell::JOINED;
        dodag.inconsistent = true;
    }

    /// Forgets who belongs to a DODAG: neighbours and routes.
    fn forget_members(&mut self, index: usize) {
        for entry in self.neighbours.iter_mut().filter(|entry| usize::from(entry.dodag) == index) {
            entry.rank = INFINITE_RANK;
        }
        self.free_routes(index);
    }

    fn free_routes(&mut self, index: usize) {
        for slot in 0..self.routes.len() {
            if self.routes.get(slot).is_some_and(|route| route.owner == super::routes::owner(index)) {
                self.free_route(slot);
            }
        }
    }

    /// Whether a parent that refused our routes is to be left in the hope of one that has not
    /// been asked: some router of the DODAG that is no child.
    fn has_untried(&self, now: Instant, index: usize) -> bool {
        let Some(dodag) = self.dodags.get(index) else { return false };
        dodag.membership == Membership::Joined
            && dodag.searches < MAX_SEARCHES
            && super::seconds(now).saturating_sub(dodag.chosen) >= PATIENCE * u32::from(dodag.searches)
            && self.neighbours.iter().any(|entry| {
                entry.used
                    && usize::from(entry.dodag) == index
                    && !entry.refused
                    && entry.routes == 0
                    && entry.version == dodag.version
                    && entry.is_reachable()
                    && entry.rank != INFINITE_RANK
                    && dodag.allows(one_hop_below(entry.rank, &dodag.configuration))
            })
    }

    /// The path through a neighbour, if it may be taken.
    fn consider(&self, now: Instant, instance: u8, member: Option<usize>, slot: u16) -> Option<Choice> {
        let neighbour = self.neighbours.get(usize::from(slot)).filter(|entry| entry.used)?;
        let index = usize::from(neighbour.dodag);
        let dodag = self.dodags.get(index)?;
        let is_current = member == Some(index);
        if dodag.instance != instance
            || dodag.membership == Membership::None
            || !dodag.configured
            || neighbour.version != dodag.version
            || neighbour.rank == INFINITE_RANK
            || !neighbour.is_reachable()
        {
            return None;
        }
        let configuration = &dodag.configuration;
        let candidate = neighbour.candidate();
        let function = if dodag.can_route() { objective_function(configuration.ocp) } else { None };
        let (mut cost, rank, threshold) = match function {
            Some(function) => {
                let cost = function.path_cost(&candidate, configuration)?;
                let rank = function.rank(&candidate, cost, configuration);
                (cost, rank, function.threshold(&candidate, configuration))
            }
            // A leaf of a DODAG that it does not understand attaches to the nearest router.
            None => {
                let cost = u32::from(candidate.rank) + u32::from(candidate.etx);
                (cost, one_hop_below(candidate.rank, configuration), u32::from(candidate.etx))
            }
        };
        if rank == INFINITE_RANK || rank <= neighbour.rank || !dodag.allows(rank) {
            return None;
        }
        if is_current && dodag.is_root() {
            return None;
        }
        let is_preferred = is_current && dodag.preferred == slot;
        if is_current && dodag.membership == Membership::Detached {
            let held = dodag.timers[HOLD] != Instant::NEVER && !dodag.timers[HOLD].is_due(now);
            let searching = dodag.timers[FORGET].since(now) > FORGET_TIME - SEARCH_TIME;
            if held || (neighbour.refused && searching && dodag.timers[FORGET] != Instant::NEVER) {
                return None;
            }
        }
        if is_current && dodag.membership == Membership::Joined && !is_preferred {
            // Only who is nearer to the root than we are cannot be below us.
            let own = dodag.rank.min(dodag.known_rank());
            let nearer = own == INFINITE_RANK || dodag.dag_rank(neighbour.rank) < dodag.dag_rank(own);
            // A neighbour that routes lead through is a child.
            if !nearer || neighbour.routes > 0 {
                return None;
            }
        }
        // Hysteresis (RFC 6719 §3.2.2): whoever is preferred stays, unless another is cheaper
        // by the threshold or more. Another DODAG has to be better by more than that.
        let settling = super::seconds(now).saturating_sub(dodag.chosen) < SETTLE_SECONDS;
        let threshold = if settling { threshold.saturating_mul(2) } else { threshold };
        if is_preferred {
            cost = cost.saturating_sub(threshold.saturating_sub(1));
        } else if member.is_some() && !is_current {
            cost = cost.saturating_add(threshold);
        }
        let class = if neighbour.refused { REFUSED } else { 0 }
            | if dodag.grounded { 0 } else { UNGROUNDED }
            | u16::from(7 - dodag.preference.min(7));
        Some(Choice { neighbour: slot, dodag: index, rank, class, cost })
    }

    /// Stays in the DODAG, perhaps with another parent.
    fn follow(&mut self, cx: &mut RplContext<'_>, choice: Choice) {
        let now = super::seconds(cx.now);
        let parent = self.neighbours.get(usize::from(choice.neighbour));
        let parent_rank = parent.map_or(INFINITE_RANK, |parent| parent.rank);
        let Some(dodag) = self.dodags.get_mut(choice.dodag) else { return };
        let rejoined = dodag.membership == Membership::Detached;
        let changed = dodag.preferred != choice.neighbour;
        // No version has been advertised yet since it was adopted.
        let moved = dodag.rank == INFINITE_RANK;
        let former = dodag.preferred;
        dodag.membership = Membership::Joined;
        dodag.preferred = choice.neighbour;
        dodag.rank = choice.rank;
        dodag.end_repair();
        let unit = dodag.configuration.min_hop_rank_increase.max(1);
        // Small changes wait for the next DIO; a packet that meets them in the wrong order
        // (RFC 6550 §11.2) brings that forward.
        let drifted = choice.rank.abs_diff(dodag.advertised) >= unit.saturating_mul(3);
        // Whoever trusts the rank from before could take this node for a parent that is below it.
        let sunk = dodag.membership == Membership::Joined
            && dodag.advertised != INFINITE_RANK
            && parent_rank >= dodag.advertised;
        if rejoined || moved || (drifted && dodag.advertised != INFINITE_RANK) {
            dodag.reset_trickle(cx.now, cx.random);
        }
        self.set_hop_count(choice);
        if sunk {
            self.send_dio(cx, choice.dodag, &ALL_RPL_NODES);
        }
        if changed || moved {
            if changed {
                count(&mut self.statistics.parent_switches);
                if let Some(dodag) = self.dodags.get_mut(choice.dodag) {
                    dodag.chosen = now;
                    dodag.tell |= tell::PARENT;
                }
                self.say_farewell(cx, choice.dodag, former);
                if self.dodags.get(choice.dodag).is_some_and(Dodag::stores) {
                    // Nothing is below the new parent.
                    self.withdraw_through(now, choice.dodag, choice.neighbour, &Target::default());
                }
            }
            self.advertise_everything(cx, choice.dodag);
        }
    }

    /// Becomes a member of a DODAG.
    fn join(&mut self, cx: &mut RplContext<'_>, choice: Choice) {
        let leaf = self.leaf;
        let Some(dodag) = self.dodags.get_mut(choice.dodag) else { return };
        dodag.membership = Membership::Joined;
        dodag.preferred = choice.neighbour;
        dodag.rank = choice.rank;
        dodag.leaf = leaf || !dodag.can_route();
        dodag.dtsn = lollipop::fresh(cx.random);
        dodag.end_repair();
        dodag.chosen = super::seconds(cx.now);
        dodag.tell |= tell::JOINED | tell::PARENT;
        if dodag.prefix.prefix_len > 0 {
            dodag.tell |= tell::PREFIX;
        }
        dodag.trickle.stop();
        dodag.reset_trickle(cx.now, cx.random);
        self.set_hop_count(choice);
        self.advertise_everything(cx, choice.dodag);
    }

    fn set_hop_count(&mut self, choice: Choice) {
        let hops =
            self.neighbours.get(usize::from(choice.neighbour)).map_or(u8::MAX, |parent| parent.hop_count);
        if let Some(dodag) = self.dodags.get_mut(choice.dodag) {
            dodag.hop_count = hops.saturating_add(1);
        }
    }

    /// Leaves a DODAG for another, and says so.
    fn leave(&mut self, cx: &mut RplContext<'_>, index: usize) {
        let Some(dodag) = self.dodags.get_mut(index) else { return };
        let former = dodag.preferred;
        let told = dodag.advertised != INFINITE_RANK && !dodag.leaf;
        dodag.membership = Membership::Detached;
        dodag.preferred = NONE;
        if told {
            self.send_dio(cx, index, &ALL_RPL_NODES);
        }
        // All of them are left now, this one last.
        if let Some(dodag) = self.dodags.get_mut(index) {
            dodag.dao.path_sequence = lollipop::next(dodag.dao.path_sequence);
        }
        self.say_farewell(cx, index, former);
        self.send_farewells(cx, index);
        let floating = self.dodags.get(index).is_some_and(|dodag| dodag.floating);
        if floating {
            self.forget_members(index);
        } else {
            self.free_routes(index);
        }
        if let Some(dodag) = self.dodags.get_mut(index) {
            if floating {
                dodag.clear();
                return;
            }
            dodag.membership = Membership::Heard;
            dodag.trickle.stop();
            dodag.rank = INFINITE_RANK;
            dodag.dao.backoff = None;
            dodag.timers = [Instant::NEVER; TIMERS];
        }
    }

    /// The last parent is lost: poisons the sub-DODAG and looks for another (local repair).
    fn detach(&mut self, cx: &mut RplContext<'_>, index: usize) {
        let Some(dodag) = self.dodags.get_mut(index) else { return };
        if dodag.membership != Membership::Joined {
            return;
        }
        let own = dodag.rank;
        dodag.membership = Membership::Detached;
        dodag.preferred = NONE;
        dodag.tell |= tell::LOST;
        dodag.tell &= !tell::PARENT;
        dodag.timers[HOLD] = cx.now.after(POISON_TIME);
        dodag.timers[FORGET] = cx.now.after(FORGET_TIME);
        dodag.timers[ADVERTISE] = Instant::NEVER;
        dodag.dao.backoff = None;
        dodag.reset_trickle(cx.now, cx.random);
        let dag_rank = dodag.dag_rank(own);
        let dodag = *dodag;
        // Who was not nearer to the root may have been below: it has to speak again.
        let stale = |entry: &&mut Neighbour| {
            entry.used
                && usize::from(entry.dodag) == index
                && entry.rank != INFINITE_RANK
                && dodag.dag_rank(entry.rank) >= dag_rank
        };
        for entry in self.neighbours.iter_mut().filter(stale) {
            entry.rank = INFINITE_RANK;
        }
        self.send_dio(cx, index, &ALL_RPL_NODES);
        self.solicit_interval = 0;
        let jitter = u64::from(cx.random.below(500));
        self.solicit_at.hasten(cx.now.after(POISON_TIME + jitter));
    }

    /// A DAO came from the preferred parent: it is below us, or we are below it.
    pub(super) fn loop_through_parent(&mut self, cx: &mut RplContext<'_>, index: usize, slot: usize) {
        count(&mut self.statistics.loops);
        if let Some(entry) = self.neighbours.get_mut(slot) {
            entry.rank = INFINITE_RANK;
        }
        if let Some(dodag) = self.dodags.get_mut(index) {
            dodag.dtsn = lollipop::next(dodag.dtsn);
        }
        self.reselect_now(cx, index);
    }
}
