// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parent selection, movement and repair (RFC 6550 §8.2.2).
//!
//! Loops are kept out by three rules. A node that is joined takes as parent only who has a
//! lower DAGRank than itself, or stays with the one it has. When none is left it first
//! poisons, and waits before it takes one that may have been below it. And its rank never
//! grows beyond what the DODAG allows.
#![forbid(unsafe_code)]

use super::dodag::{ADVERTISE, Dodag, FORGET, FORGET_TIME, HOLD, Membership, TIMERS, tell};
use super::neighbours::{NONE, Neighbour};
use super::objective::assess;
use super::path::{Assessment, Candidate, one_hop_below, one_hop_longer};
use super::routes::any_through;
use super::wire::INFINITE_RANK;
use super::{ALL_RPL_NODES, Node, Rpl, RplContext, lollipop, place};
use crate::address::Ip;
use crate::time::Instant;

/// How long a node that has lost its last parent poisons before it joins again, in ms.
const POISON_TIME: u32 = 2_000;

/// How long a node that was refused by every parent that it may take waits for other routers, and
/// how much longer each time before it gives up its parent, in seconds; and how often it
/// searches before it makes do with upward routes.
const SEARCH_SECONDS: u32 = 12;
const PATIENCE: u32 = 10;
const MAX_SEARCHES: u8 = 3;

/// For so long after a change of parent another has to be better by twice the threshold: the
/// links and ranks of a network that has just changed are not known well yet.
const SETTLE_SECONDS: u32 = 60;

/// How little a path is wanted, in one number: whether its DODAG is not grounded, as it leads nowhere then
/// (RFC 6550 §3.2.4), then whether the neighbour has no place for our routes, then the preference, inverted; and only then
/// the cost.
const UNGROUNDED: u32 = 1 << 31;
const REFUSED: u32 = 1 << 30;
const PREFERENCE: u32 = 27;
const COST: u32 = (1 << PREFERENCE) - 1;

/// A path that could be taken.
#[derive(Clone, Copy)]
struct Choice {
    neighbour: u16,
    rank: u16,
}

impl Rpl<'_> {
    /// Selects the DODAG and the preferred parent in an instance, and sets the rank.
    pub(super) fn select(&mut self, cx: &mut RplContext<'_>, instance: u8) {
        let Rpl { dodags, node } = self;
        let mut of = dodags.iter().find(|dodag| dodag.is_meant(instance, None));
        let owner = of.map_or(0, |own| own.owner);
        // An own floating DODAG gives way to a better one, another to none.
        let rooted = of.is_some_and(|own| own.is_root());
        if rooted && !of.is_some_and(|own| own.floating) {
            return;
        }
        let mut least = u32::MAX;
        let mut best = Choice { neighbour: NONE, rank: INFINITE_RANK };
        for (slot, neighbour) in node.neighbours.iter().enumerate() {
            let Some(dodag) = dodags.get(place(neighbour.owner)) else { continue };
            if dodag.instance != instance {
                continue;
            }
            let (unwanted, rank) = consider(node, owner, dodag, neighbour, slot);
            let better = match of {
                Some(of)
                    if node.floating
                        && (rooted || best.neighbour != NONE)
                        && unwanted & least & UNGROUNDED != 0
                        && of.owner != dodag.owner =>
                {
                    // All who float are to agree on one: the most preferred (RFC 6550 §3.2.6) of the lowest DODAGID.
                    (of.preference, &dodag.id) < (dodag.preference, &of.id)
                }
                _ => unwanted < least || (unwanted == least && neighbour.parent),
            };
            if better && rank != INFINITE_RANK {
                (least, of) = (unwanted, Some(dodag));
                best = Choice { neighbour: slot as u16, rank };
            }
        }
        let found = best.neighbour != NONE;
        let of = of.map_or(0, |of| of.owner);
        if rooted && !found {
            return;
        }
        let mut moves = false;
        if let Some(own) = dodags.get_mut(place(owner)) {
            if of != owner {
                moves = true;
                node.leave(cx, own);
            } else if !found || (least & REFUSED != 0 && node.has_untried(own)) {
                // Deeper down there may be room: what is below has to go first.
                own.searches += u8::from(found);
                return node.detach(cx, own);
            }
        }
        if let Some(dodag) = dodags.get_mut(place(of)) {
            node.follow(cx, dodag, best);
            if moves && !dodag.leaf {
                // Packets go there from now on, so all are told before (RFC 6550 §8.2.2.4).
                node.send_dio(cx, dodag, &ALL_RPL_NODES);
            }
        }
    }
}

/// How little the path through the neighbour at `slot`, which has advertised `dodag`, is wanted by a member of the DODAG of
/// `owner`, of the same instance, and the rank that it gives: infinite if it may not be taken.
#[inline(never)] // Its frame is not to lie below that of a change of parents.
fn consider(node: &Node<'_>, owner: u8, dodag: &Dodag, neighbour: &Neighbour, slot: usize) -> (u32, u16) {
    const NEVER: (u32, u16) = (u32::MAX, INFINITE_RANK);
    if dodag.membership == Membership::None
        || !dodag.configured
        || neighbour.version != dodag.version
        || neighbour.rank == INFINITE_RANK
        || !neighbour.is_reachable()
    {
        return NEVER;
    }
    let configuration = &dodag.configuration;
    let candidate =
        Candidate { rank: neighbour.rank, etx: neighbour.etx, metric: dodag.metric, path: neighbour.path };
    // A leaf of a DODAG that it does not understand has no objective function.
    let code_point = if dodag.can_route() { configuration.ocp } else { u16::MAX };
    let Assessment { mut cost, rank, mut threshold } = assess(code_point, &candidate, configuration);
    if rank <= neighbour.rank || !dodag.allows(rank) {
        return NEVER;
    }
    let is_current = owner == dodag.owner;
    let since = node.now.saturating_sub(dodag.chosen);
    match dodag.membership {
        Membership::Root => return NEVER,
        Membership::Detached => {
            let searching = since < SEARCH_SECONDS && dodag.awaits(FORGET);
            if dodag.awaits(HOLD) || (neighbour.refused && searching) {
                return NEVER;
            }
        }
        Membership::Joined if !neighbour.parent => {
            // Only who is nearer to the root than we are cannot be below us.
            let own = dodag.rank.min(dodag.known_rank());
            let nearer = own == INFINITE_RANK || dodag.dag_rank(neighbour.rank) < dodag.dag_rank(own);
            // A neighbour that routes lead through is a child.
            if !nearer || any_through(node.routes, slot) {
                return NEVER;
            }
        }
        _ => {}
    }
    // Hysteresis (RFC 6719 §3.2.2): whoever is preferred stays, unless another is cheaper
    // by the threshold or more. Another DODAG has to be better by more than that.
    if since < SETTLE_SECONDS {
        threshold *= 2;
    }
    if is_current && neighbour.parent {
        cost = cost.saturating_sub(threshold.saturating_sub(1));
    } else if owner != 0 && !is_current {
        cost = cost.saturating_add(threshold);
    }
    // Among neighbours that all refuse, and are forgotten when there are many, the search takes longer each time.
    let patient = is_current && neighbour.parent && since < 1 << dodag.refusals.min(10) >> 2;
    let unwanted = if neighbour.refused && !patient { REFUSED } else { 0 }
        | if dodag.grounded { 0 } else { UNGROUNDED }
        | u32::from(7 - dodag.preference.min(7)) << PREFERENCE
        | cost.min(COST);
    (unwanted, rank)
}

impl Node<'_> {
    /// No DODAG has been found for long: the node becomes the root of one of its own.
    pub(super) fn float(&mut self, dodag: &mut Dodag) {
        if dodag.membership != Membership::Detached || dodag.leaf {
            return;
        }
        let Some(own) = dodag.own_address(self.targets).copied() else { return };
        self.forget_members(dodag);
        dodag.floating = true;
        dodag.grounded = false;
        dodag.preference = 0;
        dodag.timers = [Instant::NEVER; TIMERS];
        dodag.dtsn = lollipop::next(dodag.dtsn);
        dodag.take_root(&own);
        dodag.inconsistent = true;
    }

    /// Forgets who belongs to a DODAG: neighbours and routes.
    pub(super) fn forget_members(&mut self, dodag: &Dodag) {
        for entry in self.neighbours.iter_mut().filter(|entry| entry.owner == dodag.owner) {
            entry.rank = INFINITE_RANK;
        }
        self.free_routes(dodag.owner);
    }

    /// Whether a parent that refused our routes is to be left in the hope of one that has not
    /// been asked: some router of the DODAG that is no child.
    fn has_untried(&self, dodag: &Dodag) -> bool {
        dodag.membership == Membership::Joined
            && dodag.searches < MAX_SEARCHES
            && self.now.saturating_sub(dodag.chosen) >= PATIENCE * u32::from(dodag.searches)
            && self.neighbours.iter().enumerate().any(|(slot, entry)| {
                entry.owner == dodag.owner
                    && !entry.refused
                    && entry.version == dodag.version
                    && entry.is_reachable()
                    && entry.rank != INFINITE_RANK
                    && dodag.allows(one_hop_below(entry.rank, &dodag.configuration))
                    && !any_through(self.routes, slot)
            })
    }

    /// Becomes a member of a DODAG or stays in it, perhaps with another parent.
    fn follow(&mut self, cx: &mut RplContext<'_>, dodag: &mut Dodag, choice: Choice) {
        let rejoined = dodag.membership == Membership::Detached;
        // No version has been advertised yet since it was adopted.
        let moved = dodag.rank == INFINITE_RANK;
        let former = dodag.preferred;
        // The root may have started anew, with other parameters.
        dodag.leaf = self.leaf || !dodag.can_route();
        if dodag.is_member() {
            self.statistics.parent_switches =
                self.statistics.parent_switches.wrapping_add(u16::from(former != choice.neighbour));
        } else {
            dodag.dtsn = lollipop::fresh(cx.random);
            dodag.tell |= tell::JOINED | if dodag.prefix.prefix_len > 0 { tell::PREFIX } else { 0 };
            dodag.trickle.stop();
        }
        let parent_rank = self.take_place(dodag, choice);
        let known = dodag.advertised != INFINITE_RANK;
        let unit = dodag.configuration.min_hop_rank_increase.max(1);
        // Small changes wait for the next DIO; a packet that meets them in the wrong order
        // (RFC 6550 §11.2) brings that forward.
        let drifted = choice.rank.abs_diff(dodag.advertised) >= unit.saturating_mul(3);
        // Whoever trusts the rank from before could take this node for a parent that is below it, or none.
        let sunk = known & ((parent_rank >= dodag.advertised) | dodag.leaf);
        // Without short cuts: they multiply the code.
        if rejoined | moved | (drifted & known) {
            dodag.reset_trickle(cx);
        }
        if sunk {
            self.send_dio(cx, dodag, &ALL_RPL_NODES);
        }
        if former != choice.neighbour {
            dodag.chosen = self.now;
            dodag.tell |= tell::PARENT;
            self.say_farewell(cx.now, dodag, former);
            // Nothing is below the new parent. Should that have been a child, it may be one still: what it answers then
            // tells of the loop, or brings its routes back later.
            if dodag.stores() && self.withdraw_through(dodag, choice.neighbour, &Ip::UNSPECIFIED, 0) {
                dodag.ask_children(self.now);
            }
        } else if !moved {
            return;
        }
        self.advertise_everything(cx, dodag);
    }

    /// Is below the chosen neighbour from now on, whose rank it returns.
    fn take_place(&mut self, dodag: &mut Dodag, choice: Choice) -> u16 {
        self.let_go(dodag);
        dodag.membership = Membership::Joined;
        dodag.preferred = choice.neighbour;
        dodag.rank = choice.rank;
        dodag.end_repair();
        let Some(parent) = self.parent(dodag) else { return INFINITE_RANK };
        parent.parent = true;
        dodag.path = one_hop_longer(parent.path, dodag.metric, parent.etx);
        parent.rank
    }

    /// Has no parent any more.
    fn let_go(&mut self, dodag: &mut Dodag) {
        if let Some(parent) = self.parent(dodag) {
            parent.parent = false;
        }
        dodag.membership = Membership::Detached;
        dodag.preferred = NONE;
    }

    /// Leaves a DODAG for another, and says so.
    fn leave(&mut self, cx: &mut RplContext<'_>, dodag: &mut Dodag) {
        let former = dodag.preferred;
        let told = dodag.advertised != INFINITE_RANK && !dodag.leaf;
        self.let_go(dodag);
        if told {
            self.send_dio(cx, dodag, &ALL_RPL_NODES);
        }
        // All of them are left now, this one last.
        dodag.dao.path_sequence = lollipop::next(dodag.dao.path_sequence);
        self.say_farewell(cx.now, dodag, former);
        self.send_farewells(cx, dodag);
        if dodag.floating {
            self.forget_members(dodag);
            dodag.clear();
            return;
        }
        self.free_routes(dodag.owner);
        dodag.membership = Membership::Heard;
        dodag.chosen = self.now;
        dodag.rank = INFINITE_RANK;
        dodag.rest();
    }

    /// The last parent is lost: poisons the sub-DODAG and looks for another (local repair).
    fn detach(&mut self, cx: &mut RplContext<'_>, dodag: &mut Dodag) {
        if dodag.membership != Membership::Joined {
            return;
        }
        self.let_go(dodag);
        dodag.chosen = self.now;
        dodag.tell |= tell::LOST;
        dodag.tell &= !tell::PARENT;
        dodag.set(HOLD, cx, POISON_TIME);
        dodag.set(FORGET, cx, FORGET_TIME);
        dodag.timers[ADVERTISE] = Instant::NEVER;
        dodag.dao.backoff = None;
        dodag.reset_trickle(cx);
        // Who was not nearer to the root may have been below: it has to speak again.
        for entry in self.neighbours.iter_mut().filter(|entry| entry.owner == dodag.owner) {
            if dodag.dag_rank(entry.rank) >= dodag.dag_rank(dodag.rank) {
                entry.rank = INFINITE_RANK;
            }
        }
        if !dodag.leaf {
            self.send_dio(cx, dodag, &ALL_RPL_NODES);
        }
        self.solicit_interval = 0;
        let jitter = cx.random.below(500);
        self.solicit_at.hasten(cx.now.after(u64::from(POISON_TIME + jitter)));
    }
}
