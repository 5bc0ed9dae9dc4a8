// SPDX-License-Identifier: MIT OR Apache-2.0
//! Advertising targets: DAOs to the parent (storing) or to the root (non-storing), repeated
//! until they are acknowledged, and No-Paths to a parent that was left (RFC 6550 §9).
#![forbid(unsafe_code)]

use super::dodag::{ADVERTISE, Dodag, LEAVE, Membership, REFRESH, tell};
use super::neighbours::interface_identifier;
use super::routes::{self, mark};
use super::wire::{Dao, DaoAck, INFINITE_RANK, Options, Target, Transit, code, is_local_instance};
use super::{MAX_BODY, Mode, Node, RplContext, count, lollipop, transmit};
use crate::address::Ip;
use crate::backoff::{Backoff, Jitter, Policy};
use crate::bytes::Writer;
use crate::ipv6::routing::{ControlMessage, Encapsulation, Flow, Route};
use crate::status::{Error, Result};
use crate::time::Instant;

/// DEFAULT_DAO_DELAY (RFC 6550 §17), in ms: DAOs wait for a random part of it, to be merged.
const DAO_DELAY: u32 = 1_000;
/// How long to wait for DAO-ACKs.
const ACKNOWLEDGEMENT: Policy =
    Policy { initial: 3_000, ceiling: 60_000, retries: u8::MAX, jitter: Jitter::First(384) };
/// A parent that leaves so many DAOs in a row unanswered is given up.
const MAX_UNANSWERED: u8 = 4;
/// Targets in one DAO, so that it fits one IEEE 802.15.4 frame: 4 + 3 × 26 bytes.
const BATCH: usize = 3;
/// Between two DAOs or No-Paths of a series, in ms.
const PACE: u32 = 50;
/// How long a parent that was left is not told, in ms, counted from when the new parent has
/// acknowledged everything: the new path is to be there first, all the way to whoever is above
/// both, or packets that still go down the old one are turned back.
const FAREWELL_DELAY: u32 = 15_000;
/// For so many seconds no new targets are taken after one was refused further up.
const REFUSE_SECONDS: u32 = 120;
/// Own targets are refreshed at least and at most that often, in ms.
const SHORTEST_REFRESH: u32 = 20_000;
const LONGEST_REFRESH: u32 = 86_400_000;

#[inline(never)]
fn put_pair(target: &Target, transit: &Transit<'_>, out: &mut Writer<'_>) -> Result<()> {
    target.emit(out)?;
    transit.emit(out)
}

impl Dodag {
    /// Starts the DelayDAO timer, unless it runs or an answer is awaited.
    #[inline(never)]
    pub(super) fn schedule_dao(&mut self, cx: &mut RplContext<'_>) {
        if self.may_advertise() {
            let delay = u64::from(cx.random.below(DAO_DELAY));
            self.timers[ADVERTISE].hasten(cx.now.after(delay));
        }
    }

    /// Has a DAO sent not later than `then`, unless an answer is awaited.
    pub(super) fn advertise_by(&mut self, then: Instant) {
        if self.may_advertise() {
            self.timers[ADVERTISE].hasten(then);
        }
    }

    fn may_advertise(&self) -> bool {
        self.membership == Membership::Joined && self.is_downward() && self.dao.backoff.is_none()
    }

    fn is_downward(&self) -> bool {
        self.mode != Mode::NoDownwardRoutes as u8
    }

    /// Whether a parent or the root has still to hear of the own targets.
    pub(super) fn owes_news(&self) -> bool {
        (self.dao.dirty || self.dao.pending)
            && self.is_downward()
            && matches!(self.membership, Membership::Joined | Membership::Detached)
    }
}

impl Node<'_> {
    /// When an answer is overdue: what was sent is to be sent again, and a parent that does not answer
    /// is no parent, if there is another.
    pub(super) fn poll_unanswered(&mut self, cx: &RplContext<'_>, dodag: &mut Dodag) {
        if !dodag.is_due(ADVERTISE, cx) {
            return;
        }
        let Some(attempts) = dodag.dao.backoff.as_mut() else { return };
        attempts.again(&ACKNOWLEDGEMENT);
        let retries = attempts.retries();
        if retries == MAX_UNANSWERED {
            dodag.tell |= tell::REFUSED;
        }
        dodag.dao.dirty |= core::mem::take(&mut dodag.dao.pending);
        self.tell_again(dodag);
        if retries >= MAX_UNANSWERED && dodag.stores() {
            self.reselect = true;
            if let Some(parent) = self.parent(dodag) {
                parent.refused = true;
            }
        }
    }

    /// The routes that the last DAO was about are to be told again.
    #[inline(never)]
    fn tell_again(&mut self, dodag: &Dodag) {
        for route in self.routes.iter_mut() {
            if route.owner == dodag.owner && route.is(mark::PENDING) {
                route.must_tell();
            }
        }
    }

    pub(super) fn poll_dao(&mut self, cx: &mut RplContext<'_>, dodag: &mut Dodag) {
        if dodag.expired(LEAVE, cx) {
            self.send_farewells(cx, dodag);
        }
        if dodag.expired(REFRESH, cx) {
            if let Some(parent) = self.parent(dodag) {
                // What was taken and not sent back since is there to stay.
                if !parent.refused {
                    (dodag.searches, dodag.refusals) = (0, 0);
                }
                parent.refused = false;
            }
            self.advertise_own(cx, dodag);
        }
        if dodag.expired(ADVERTISE, cx) {
            let backoff = dodag.dao.backoff.take();
            if dodag.membership == Membership::Joined && self.send_dao(cx, dodag, false) {
                let attempts = backoff.unwrap_or_else(|| Backoff::start(&ACKNOWLEDGEMENT, cx.random));
                let delay = attempts.delay(&ACKNOWLEDGEMENT, cx.random);
                dodag.dao.backoff = Some(attempts);
                dodag.set(ADVERTISE, cx, delay);
            }
        }
    }

    /// Advertises the own targets with a new Path Sequence.
    pub(super) fn advertise_own(&mut self, cx: &mut RplContext<'_>, dodag: &mut Dodag) {
        dodag.dao.path_sequence = lollipop::next(dodag.dao.path_sequence);
        dodag.dao.dirty = true;
        dodag.dao.pending = false;
        dodag.schedule_dao(cx);
    }

    /// Advertises the own targets and all routes, to a parent that may know none of them.
    pub(super) fn advertise_everything(&mut self, cx: &mut RplContext<'_>, dodag: &mut Dodag) {
        if dodag.stores() {
            for route in self.routes.iter_mut().filter(|route| route.owner == dodag.owner) {
                route.must_tell();
            }
        }
        // An answer that is awaited would come from the former parent.
        dodag.dao.backoff = None;
        dodag.timers[ADVERTISE] = Instant::NEVER;
        self.advertise_own(cx, dodag);
    }

    /// Sends the next DAO, if there is something to say; or with `farewell` the No-Paths to the parents that
    /// were left. Whether an answer is to be awaited.
    fn send_dao(&mut self, cx: &mut RplContext<'_>, dodag: &mut Dodag, farewell: bool) -> bool {
        let mut body = [0; MAX_BODY];
        let mut out = Writer::new(&mut body);
        let sequence = lollipop::next(dodag.dao.sequence);
        if !self.write_dao(dodag, sequence, farewell, &mut out).is_ok_and(|anything| anything) {
            return false;
        }
        dodag.dao.sequence = sequence;
        if dodag.is_non_storing() {
            self.statistics.dao_sent = self.statistics.dao_sent.wrapping_add(1);
            let root = dodag.id;
            self.send_within(cx, dodag, &root, code::DAO, out.written());
            return true;
        }
        for (slot, entry) in self.neighbours.iter_mut().enumerate() {
            let is_parent = slot == usize::from(dodag.preferred);
            let mut meant = is_parent;
            if farewell {
                // It may have become the parent again, or speak of another DODAG by now.
                let here = entry.instance == dodag.instance;
                meant = entry.left && here && !is_parent;
                entry.left &= !here;
            }
            if meant {
                self.statistics.dao_sent = self.statistics.dao_sent.wrapping_add(1);
                transmit(cx, &entry.link_local(), code::DAO, out.written());
            }
        }
        true
    }

    /// Writes a DAO with the own targets and as many routes as fit of those that are due; or with
    /// `farewell` No-Paths for the own targets and for the whole prefix: nothing at all is
    /// reached through us any more. Whether it says anything.
    fn write_dao(
        &mut self,
        dodag: &mut Dodag,
        sequence: u8,
        farewell: bool,
        out: &mut Writer<'_>,
    ) -> Result<bool> {
        let non_storing = dodag.is_non_storing();
        let lifetime = dodag.configuration.default_lifetime;
        let parent = if non_storing { self.routable_parent(dodag) } else { None };
        let own = dodag.own_address(self.targets);
        let mut transit = Transit {
            path_control: !(0x7f >> dodag.configuration.path_control_size.min(7)),
            path_sequence: dodag.dao.path_sequence,
            ..Transit::default()
        };
        let dodag_id = is_local_instance(dodag.instance).then_some(&dodag.id);
        Dao { instance: dodag.instance, acknowledge: !farewell, sequence, dodag_id }.emit(out)?;
        let batch = if dodag.dao.single { 1 } else { BATCH };
        let mut count = 0;
        if farewell || dodag.dao.dirty {
            if non_storing && own.is_none() {
                return Ok(false);
            }
            for target in self.targets.iter().filter(|target| target.used) {
                transit.path_lifetime = if farewell || target.withdrawn { 0 } else { lifetime };
                // A target that is no RPL node hangs below this one (RFC 6550 §9.4).
                transit.parent = if target.external && non_storing { own } else { parent.as_ref() };
                transit.external = target.external;
                put_pair(&target.target, &transit, out)?;
                count += 1;
            }
        }
        if farewell {
            let target = Target::new(&dodag.prefix.prefix, dodag.prefix.prefix_len);
            (transit.path_lifetime, transit.external) = (0, false);
            return put_pair(&target, &transit, out).map(|()| true);
        }
        let unit = dodag.configuration.lifetime_unit;
        transit.parent = None;
        let mut told = u8::from(dodag.dao.dirty);
        for route in self.routes.iter_mut() {
            if count >= batch || non_storing {
                break;
            }
            if route.owner != dodag.owner || !route.is(mark::DIRTY) {
                continue;
            }
            route.marks &= !mark::DIRTY;
            let gone = route.is(mark::NO_PATH);
            transit.path_lifetime =
                if gone { 0 } else { routes::lifetime_left(self.now, route.expiry, unit) };
            if transit.path_lifetime == 0 && !gone {
                continue;
            }
            route.marks |= mark::PENDING;
            told += 1;
            transit.path_sequence = route.path_sequence;
            transit.external = route.is(mark::EXTERNAL);
            put_pair(&route.target(), &transit, out)?;
            count += 1;
        }
        dodag.dao.told = told;
        dodag.dao.pending |= core::mem::take(&mut dodag.dao.dirty);
        Ok(count > 0)
    }

    /// Sends a message to a neighbour, or to a routable address within the DODAG.
    fn send_within(
        &mut self,
        cx: &mut RplContext<'_>,
        dodag: &mut Dodag,
        destination: &Ip,
        code: u8,
        body: &[u8],
    ) {
        if destination.is_link_local() {
            transmit(cx, destination, code, body);
            return;
        }
        let Some(source) = dodag.own_address(self.targets).copied() else { return };
        // A hop-by-hop header, or a source route of 48 hops that share 8 bytes of prefix: as many as one has places for
        // when they share 10, as the addresses of one maker do. Nodes further away get no answer.
        let mut room = [0; 8 + 8 + 48 * 8];
        let mut headers = Writer::new(&mut room);
        let mut route = Route::default();
        let mut flow = Flow::of_own(cx.now, destination, 64);
        if self.route_within(dodag, &mut flow, &mut route, &mut headers).is_err() {
            return;
        }
        let headers = if route.encapsulation == Encapsulation::None { &[][..] } else { headers.written() };
        let (source, route) = (Some(&source), Some(&route));
        let message = ControlMessage { now: cx.now, source, destination, code, body, route, headers };
        // One that is not taken now is repeated when the answer is overdue.
        let _ = cx.transport.send(&message);
    }

    /// Answers a DAO.
    pub(super) fn send_dao_ack(
        &mut self,
        cx: &mut RplContext<'_>,
        dodag: &mut Dodag,
        to: &Ip,
        dao: &Dao<'_>,
        status: u8,
    ) {
        let ack = DaoAck { instance: dao.instance, sequence: dao.sequence, status, dodag_id: dao.dodag_id };
        let mut body = [0; 20];
        let mut out = Writer::new(&mut body);
        if ack.emit(&mut out).is_err() {
            return;
        }
        count(&mut self.statistics.dao_ack_sent);
        self.send_within(cx, dodag, to, code::DAO_ACK, out.written());
    }

    /// The parent was left for another: it has to hear of it, if it still can.
    pub(super) fn say_farewell(&mut self, now: Instant, dodag: &mut Dodag, former: u16) {
        let Some(entry) = self.neighbours.get_mut(usize::from(former)) else { return };
        if entry.is_reachable() && dodag.stores() && former != dodag.preferred {
            entry.left = true;
            dodag.timers[LEAVE] = now.after(u64::from(FAREWELL_DELAY));
        }
    }

    /// A neighbour has sent down to us what it should not. If it is no parent, it has not heard that it was left
    /// (RFC 6550 §9.8), which it shall once more, but not for each such packet.
    pub(super) fn repeat_farewell(&mut self, now: Instant, dodag: &mut Dodag, slot: u16) {
        let left = self.neighbours.get(usize::from(slot)).is_some_and(|entry| entry.left);
        if !left || !dodag.awaits(LEAVE) {
            self.say_farewell(now, dodag, slot);
        }
    }

    /// Sends No-Paths to the parents that were left in a DODAG, as soon as the present one
    /// knows everything.
    pub(super) fn send_farewells(&mut self, cx: &mut RplContext<'_>, dodag: &mut Dodag) {
        dodag.timers[LEAVE] = Instant::NEVER;
        if dodag.membership == Membership::Joined && (dodag.dao.backoff.is_some() || dodag.awaits(ADVERTISE))
        {
            dodag.set(LEAVE, cx, FAREWELL_DELAY);
            return;
        }
        if dodag.stores() {
            self.send_dao(cx, dodag, true);
        }
    }

    /// # Errors
    /// [`Error::Malformed`]; [`Error::State`] when a child is the parent.
    pub(super) fn receive_dao(
        &mut self,
        cx: &mut RplContext<'_>,
        dodag: &mut Dodag,
        from: &Ip,
        to: &Ip,
        dao: &Dao<'_>,
        options: Options<'_>,
    ) -> Result<()> {
        // One that went to all makes nobody a DAO parent (RFC 6550 §9.10).
        if !dodag.is_member() || to.is_multicast() {
            return Ok(());
        }
        let mut child = Some(0);
        if dodag.stores() {
            if !from.is_link_local() {
                return Ok(());
            }
            if dodag.leaf {
                // It was a router when that child chose it, which has to hear of the change (RFC 6550 §8.5).
                dodag.inconsistency(self.now);
                return Ok(());
            }
            // Rank 0 stands for a child, which displaces any candidate that is not in use.
            child = self.find_or_add_neighbour(dodag, &interface_identifier(from), 0);
        } else if !dodag.is_non_storing()
            || !dodag.is_root()
            || !from.is_routable()
            || !cfg!(feature = "rpl-non-storing")
        {
            return Ok(());
        }
        let learned = match child {
            Some(child) => self.learn(cx, dodag, child as u16, options),
            None => Err(Error::Full),
        };
        let status = match learned {
            Ok(()) => 0,
            Err(Error::Full) => DaoAck::REFUSED,
            Err(error) => {
                if error == Error::State {
                    // A DAO came from the preferred parent: it is below us, or we are below it.
                    count(&mut self.statistics.loops);
                    self.reselect = true;
                    dodag.dtsn = lollipop::next(dodag.dtsn);
                    if let Some(parent) = self.parent(dodag) {
                        parent.rank = INFINITE_RANK;
                    }
                }
                return Err(error);
            }
        };
        if dao.acknowledge || status != 0 {
            self.send_dao_ack(cx, dodag, from, dao, status);
        }
        Ok(())
    }

    pub(super) fn receive_dao_ack(
        &mut self,
        cx: &mut RplContext<'_>,
        dodag: &mut Dodag,
        from: &Ip,
        ack: &DaoAck<'_>,
    ) {
        let parent = self.neighbours.get_mut(usize::from(dodag.preferred));
        let asked = match &parent {
            Some(parent) if !dodag.is_non_storing() => parent.link_local(),
            _ => dodag.id,
        };
        let awaited = dodag.membership == Membership::Joined && dodag.dao.backoff.is_some();
        if !awaited || ack.sequence != dodag.dao.sequence || *from != asked {
            return;
        }
        let refused = ack.status >= DaoAck::REFUSED;
        let own = core::mem::take(&mut dodag.dao.pending);
        dodag.dao.backoff = None;
        if own {
            let lifetime = dodag.configuration.default_lifetime;
            let seconds = u32::from(lifetime) * u32::from(dodag.configuration.lifetime_unit);
            let half = match lifetime {
                u8::MAX => LONGEST_REFRESH,
                _ => (seconds.min(LONGEST_REFRESH / 500) * 500).max(SHORTEST_REFRESH),
            };
            let spread = cx.random.below(half / 4);
            dodag.set(REFRESH, cx, half - spread);
            if refused {
                dodag.tell |= tell::REFUSED;
            }
            self.sweep_at.hasten(cx.now);
            if let Some(parent) = parent.filter(|_| dodag.stores()) {
                parent.refused = refused;
                dodag.refusals = dodag.refusals.saturating_add(u8::from(refused));
                self.reselect |= refused;
            }
        }
        // Which of several was refused has to be found out.
        let unclear = refused && dodag.dao.told > 1;
        dodag.dao.single = unclear || (dodag.dao.single && (refused || !own));
        if unclear {
            self.tell_again(dodag);
        }
        // A parent that was left and becomes it again has to hear what has ended meanwhile.
        let settled = !dodag.awaits(LEAVE);
        let (now, owner) = (self.now, dodag.owner);
        for route in self.routes.iter_mut().filter(|route| route.owner == owner) {
            let gone = route.is(mark::NO_PATH);
            if route.is(mark::PENDING) && if gone { settled } else { refused } {
                route.expiry = now;
                self.sweep_at.hasten(cx.now);
                if !gone {
                    // The way it came it goes back, child by child, to whoever can choose
                    // another parent.
                    dodag.refuse_until = now.saturating_add(REFUSE_SECONDS);
                    dodag.ask_children(now);
                }
            }
            route.marks &= !mark::PENDING;
        }
        // If there is more to say.
        dodag.set(ADVERTISE, cx, PACE);
    }
}
