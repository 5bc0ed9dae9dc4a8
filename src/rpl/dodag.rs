// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a node keeps of a DODAG: its parameters, its own place in it, its timers.
#![forbid(unsafe_code)]

use super::neighbours::{NONE, Neighbour, with_identifier};
use super::objective;
use super::path::{HOP_COUNT, LATENCY};
use super::trickle::{Parameters, Trickle};
use super::wire::{Configuration, Dio, INFINITE_RANK, NO_VALUE, PrefixInformation, STRANGE};
use super::{Mode, RplContext, at_second, lollipop};
use crate::address::Ip;
use crate::backoff::Backoff;
use crate::bytes::Writer;
use crate::status::Result;
use crate::time::Instant;

/// How a node stands to a DODAG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    /// The entry is free.
    None,
    /// Heard of, not joined.
    Heard,
    /// Joined, with a preferred parent.
    Joined,
    /// Joined, but the last parent is lost: the sub-DODAG is being poisoned.
    Detached,
    /// This node is the root.
    Root,
}

/// The timers of a DODAG, as indices. Detached: not to join before.
pub(super) const HOLD: usize = 0;
/// Detached: when to forget L, and with it the limit on the own rank.
pub(super) const FORGET: usize = 1;
/// When parents that were left hear a No-Path.
pub(super) const LEAVE: usize = 2;
/// When the children are to be asked for all routes.
pub(super) const ASK: usize = 3;
/// When to send a DAO, or when the answer is overdue.
pub(super) const ADVERTISE: usize = 4;
/// When the own targets are due again.
pub(super) const REFRESH: usize = 5;
/// When to find out whether the preferred parent is still there.
pub(super) const PROBE: usize = 6;
/// How many there are.
pub(super) const TIMERS: usize = 7;

/// How long a node that has lost its last parent, or left it for another DODAG, remembers the limit on its rank and the
/// version, in ms: by then nobody is below it.
pub(super) const FORGET_TIME: u32 = 60_000;

/// Events that wait to be told.
pub(crate) mod tell {
    pub(crate) const JOINED: u8 = 1;
    pub(crate) const PARENT: u8 = 2;
    pub(crate) const LOST: u8 = 4;
    pub(crate) const PREFIX: u8 = 8;
    pub(crate) const REFUSED: u8 = 16;
    pub(crate) const ROUTE_ADDED: u8 = 32;
    pub(crate) const ROUTE_REMOVED: u8 = 64;
}

/// The state of a node's own advertisements to a DODAG.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Advertisement {
    /// The sequence of attempts while an answer is awaited.
    pub(super) backoff: Option<Backoff>,
    /// DAOSequence of the last DAO.
    pub(super) sequence: u8,
    /// Path Sequence of the own targets.
    pub(super) path_sequence: u8,
    /// The own targets have to be advertised.
    pub(super) dirty: bool,
    /// The own targets were advertised and no answer has come.
    pub(super) pending: bool,
    /// The parent has refused one of several targets: they are told one by one.
    pub(super) single: bool,
    /// How much the last DAO was about: routes, and the own targets together.
    pub(super) told: u8,
}

/// A DODAG. What is asked most often comes first: a small processor reaches that with shorter instructions.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Dodag {
    pub(super) membership: Membership,
    /// Its place in the table, counted from 1: what neighbours and routes belong to it by. It stays.
    pub(super) owner: u8,
    pub(super) instance: u8,
    pub(super) version: u8,
    pub(super) mode: u8,
    pub(super) preference: u8,
    pub(super) grounded: bool,
    /// This node is the root for want of another DODAG.
    pub(super) floating: bool,
    /// Whether the configuration option has been seen.
    pub(super) configured: bool,
    /// Whether this node joins as a leaf, for lack of what the DODAG asks of routers.
    pub(super) leaf: bool,
    /// Its metric, a [`PathMetric`](super::wire::PathMetric) or [`STRANGE`].
    pub(super) metric: u8,
    /// Own DTSN.
    pub(super) dtsn: u8,
    /// See [`tell`].
    pub(super) tell: u8,
    /// An inconsistency was seen while nothing could be sent.
    pub(super) inconsistent: bool,
    /// Own rank.
    pub(super) rank: u16,
    /// L of RFC 6550 §8.2.2.4: the lowest rank advertised in this version.
    pub(super) lowest: u16,
    /// The rank advertised last to all, or a lower one to a neighbour since.
    pub(super) advertised: u16,
    /// The preferred parent, by index into the neighbours.
    pub(super) preferred: u16,
    pub(super) configuration: Configuration,
    /// How often it has looked for a parent with room since one had it.
    pub(super) searches: u8,
    /// How often a parent has refused the own targets since one kept them.
    pub(super) refusals: u8,
    /// How many inconsistencies of packets may still reset trickle in this hour.
    pub(super) resets_left: u8,
    /// Errors about source routes since routes were last solicited.
    pub(super) route_errors: u8,
    /// How long the own path is by that metric, [`NO_VALUE`] where the rank stands for it.
    pub(super) path: u32,
    pub(super) id: Ip,
    pub(super) dao: Advertisement,
    /// When the preferred parent was chosen, lost or left, in seconds.
    pub(super) chosen: u32,
    /// The second at which that hour ends.
    pub(super) resets_until: u32,
    /// Until this second no new targets are taken, since the parent has no place for them.
    pub(super) refuse_until: u32,
    /// The second from which on the children may be asked for all routes again.
    pub(super) ask_from: u32,
    pub(super) prefix: PrefixInformation,
    pub(super) trickle: Trickle,
    /// What becomes due: see [`HOLD`] and its siblings.
    pub(super) timers: [Instant; TIMERS],
}

impl Default for Dodag {
    /// A free entry: zeros.
    fn default() -> Dodag {
        Dodag::FREE
    }
}

impl Dodag {
    const FREE: Dodag = Dodag {
        owner: 0,
        id: Ip::UNSPECIFIED,
        membership: Membership::None,
        instance: 0,
        version: 0,
        mode: 0,
        preference: 0,
        grounded: false,
        floating: false,
        configured: false,
        leaf: false,
        metric: 0,
        dtsn: 0,
        configuration: Configuration::read(&[0; 14]),
        prefix: PrefixInformation::read(&[0; 30]),
        rank: 0,
        lowest: 0,
        advertised: 0,
        path: 0,
        preferred: 0,
        chosen: 0,
        trickle: Trickle::ZERO,
        timers: [Instant::ZERO; TIMERS],
        dao: Advertisement {
            backoff: None,
            sequence: 0,
            path_sequence: 0,
            dirty: false,
            pending: false,
            single: false,
            told: 0,
        },
        tell: 0,
        inconsistent: false,
        resets_left: 0,
        resets_until: 0,
        searches: 0,
        refusals: 0,
        refuse_until: 0,
        ask_from: 0,
        route_errors: 0,
    };

    /// Whether this node takes part, with a rank or without.
    pub(super) fn is_member(&self) -> bool {
        matches!(self.membership, Membership::Joined | Membership::Detached | Membership::Root)
    }

    /// Whether it was lost or left so long ago that nothing of then binds any more.
    pub(super) fn is_forgotten(&self, now: u32) -> bool {
        !self.is_usable() && now.saturating_sub(self.chosen) >= FORGET_TIME / 1000
    }

    pub(super) fn is_root(&self) -> bool {
        self.membership == Membership::Root
    }

    /// Whether it is the one of an instance with this DODAGID, or without one that this node is a member of.
    pub(super) fn is_meant(&self, instance: u8, id: Option<&Ip>) -> bool {
        self.membership != Membership::None
            && self.instance == instance
            && id.map_or_else(|| self.is_member(), |id| self.id == *id)
    }

    /// Whether packets can be sent along it.
    pub(super) fn is_usable(&self) -> bool {
        matches!(self.membership, Membership::Joined | Membership::Root)
    }

    /// Whether its routers store routes. A build without storing mode does nothing about that but to tell the parent
    /// of its own addresses, as a leaf: what else such a DODAG takes is not in it.
    pub(super) fn stores(&self) -> bool {
        cfg!(feature = "rpl-storing") && (self.mode == Mode::Storing as u8 || self.mode == 3)
    }

    pub(super) fn is_non_storing(&self) -> bool {
        self.mode == Mode::NonStoring as u8
    }

    pub(super) fn parameters(&self) -> Parameters {
        Parameters {
            interval_min: self.configuration.interval_min,
            doublings: self.configuration.interval_doublings,
            redundancy: self.configuration.redundancy,
        }
    }

    /// DAGRank (RFC 6550 §3.5.1): the rank in whole hops.
    pub(super) fn dag_rank(&self, rank: u16) -> u16 {
        rank.checked_div(self.configuration.min_hop_rank_increase).unwrap_or(rank)
    }

    /// Whether `rank` is within L + DAGMaxRankIncrease (RFC 6550 §8.2.2.4).
    #[inline(never)]
    pub(super) fn allows(&self, rank: u16) -> bool {
        let increase = self.configuration.max_rank_increase;
        increase == 0
            || self.lowest == INFINITE_RANK
            || rank <= self.lowest.saturating_add(increase).min(INFINITE_RANK - 1)
    }

    /// The rank to advertise: infinite for leaves, the detached, and beyond the limit.
    pub(super) fn rank_to_advertise(&self) -> u16 {
        if self.leaf || !self.is_usable() || !self.allows(self.rank) { INFINITE_RANK } else { self.rank }
    }

    /// The rank that the neighbours know of: what they chose by, and what packets are to be
    /// checked against, while small changes of the own rank wait for the next DIO.
    pub(super) fn known_rank(&self) -> u16 {
        if self.advertised == INFINITE_RANK { self.rank } else { self.advertised }
    }

    /// Writes the base object of our DIO.
    pub(super) fn write_dio_base(&self, rank: u16, out: &mut Writer<'_>) -> Result<()> {
        let base = Dio {
            instance: self.instance,
            version: self.version,
            rank,
            grounded: self.grounded,
            mode: self.mode,
            preference: self.preference,
            dtsn: self.dtsn,
            ..Dio::default()
        };
        base.emit_about(&self.id, out)
    }

    /// Whether this node can be a router of the DODAG: a mode of operation, an objective function and a form
    /// of headers (RFC 9035) that this build has.
    pub(super) fn can_route(&self) -> bool {
        let mode = self.mode == Mode::NoDownwardRoutes as u8
            || (self.mode == Mode::NonStoring as u8 && cfg!(feature = "rpl-non-storing"))
            || (self.mode == Mode::Storing as u8 && cfg!(feature = "rpl-storing"));
        // OF0 ignores metric containers (RFC 6552 §1).
        let metric = self.metric != STRANGE || self.configuration.ocp == 0;
        let form = !self.configuration.compressed || cfg!(feature = "sixlorh");
        mode && metric && form && objective::is_known(self.configuration.ocp)
    }

    /// The next version: ranks of the one before no longer bind.
    pub(super) fn adopt_version(&mut self, version: u8) {
        self.version = version;
        self.rank = INFINITE_RANK;
        self.lowest = INFINITE_RANK;
        self.advertised = INFINITE_RANK;
        self.end_repair();
    }

    /// This node is the root from now on, with this address as the DODAGID. The path begins with what makes the
    /// rank of a root (RFC 6719 §3.4), but the first hop counts as one (RFC 6551 §3.3).
    #[inline(never)]
    pub(super) fn take_root(&mut self, id: &Ip) {
        self.adopt_version(lollipop::START);
        self.id = *id;
        self.membership = Membership::Root;
        self.rank = self.configuration.min_hop_rank_increase.max(1);
        self.path = match self.metric {
            HOP_COUNT => 1,
            LATENCY => u32::from(self.rank) << 16,
            _ => NO_VALUE,
        };
        self.tell = tell::JOINED;
    }

    /// The routable address of a neighbour in this DODAG.
    #[inline(never)]
    pub(super) fn routable(&self, neighbour: &Neighbour) -> Ip {
        let base = if self.prefix.prefix_len > 0 { &self.prefix.prefix } else { &self.id };
        with_identifier(base, neighbour.routable_iid)
    }

    /// Empties the entry, for a DODAG of which nothing is known yet.
    #[inline(never)]
    pub(super) fn clear(&mut self) {
        let owner = self.owner;
        *self = Dodag::FREE;
        self.owner = owner;
        self.preferred = NONE;
        self.dao.sequence = lollipop::START;
        self.dao.path_sequence = lollipop::START;
        self.adopt_version(lollipop::START);
        self.rest();
    }

    /// Nothing becomes due any more.
    pub(super) fn rest(&mut self) {
        self.trickle.stop();
        self.dao.backoff = None;
        self.timers = [Instant::NEVER; TIMERS];
    }

    /// A parent was found, or is looked for in a new version.
    #[inline(never)]
    pub(super) fn end_repair(&mut self) {
        self.timers[HOLD] = Instant::NEVER;
        self.timers[FORGET] = Instant::NEVER;
    }

    /// Whether a timer is due.
    #[inline(never)]
    pub(super) fn is_due(&self, timer: usize, cx: &RplContext<'_>) -> bool {
        self.timers.get(timer).is_some_and(|timer| timer.is_due(cx.now))
    }

    /// Whether a timer is due; it is stopped by that.
    #[inline(never)]
    pub(super) fn expired(&mut self, timer: usize, cx: &RplContext<'_>) -> bool {
        let due = self.is_due(timer, cx);
        if let Some(timer) = self.timers.get_mut(timer).filter(|_| due) {
            *timer = Instant::NEVER;
        }
        due
    }

    /// Has a timer become due after so many milliseconds.
    #[inline(never)]
    pub(super) fn set(&mut self, timer: usize, cx: &RplContext<'_>, delay: u32) {
        if let Some(timer) = self.timers.get_mut(timer) {
            *timer = cx.now.after(u64::from(delay));
        }
    }

    /// Whether a timer runs.
    #[inline(never)]
    pub(super) fn awaits(&self, timer: usize) -> bool {
        self.timers.get(timer).is_some_and(|timer| *timer != Instant::NEVER)
    }

    /// Starts the trickle timer anew where it has grown: something is inconsistent.
    #[inline(never)]
    pub(super) fn reset_trickle(&mut self, cx: &mut RplContext<'_>) {
        let parameters = self.parameters();
        self.trickle.reset(cx.now, parameters, cx.random);
    }

    /// A route is missing that some child may know, or in non-storing mode anyone: all are asked (RFC 6550 §9.6).
    /// That brings all routes anew, so it is done once for the many that go wrong together.
    pub(super) fn ask_children(&mut self, second: u32) {
        self.timers[ASK].hasten(at_second(second.max(self.ask_from)));
    }

    /// Does so when it is time.
    pub(super) fn poll_asking(&mut self, cx: &RplContext<'_>, second: u32) {
        const PAUSE: u32 = 60;
        if self.expired(ASK, cx) {
            self.ask_from = second.saturating_add(PAUSE);
            if self.inconsistency(second) {
                self.dtsn = lollipop::next(self.dtsn);
            } else {
                self.timers[ASK] = at_second(self.resets_until);
            }
        }
    }

    /// An inconsistency of packets: trickle is to be reset, at most 20 times an hour
    /// (RFC 6553 §5.1). Whether that is to be done.
    pub(super) fn inconsistency(&mut self, second: u32) -> bool {
        const MAX_RPL_OPTION_RANK_ERRORS: u8 = 20;
        if second >= self.resets_until {
            self.resets_left = MAX_RPL_OPTION_RANK_ERRORS;
            self.resets_until = second.saturating_add(3_600);
        }
        let Some(left) = self.resets_left.checked_sub(1) else { return false };
        self.resets_left = left;
        self.inconsistent = true;
        true
    }
}
