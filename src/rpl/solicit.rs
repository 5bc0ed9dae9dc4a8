// SPDX-License-Identifier: MIT OR Apache-2.0
//! DODAG information solicitations (RFC 6550 §8.3): looking for a DODAG, answering those who
//! look, and probing a parent that has been silent.
#![forbid(unsafe_code)]

use super::dodag::{Dodag, Membership, PROBE};
use super::neighbours::interface_identifier;
use super::wire::{INFINITE_RANK, code, option};
use super::{ALL_RPL_NODES, Node, Rpl, RplContext, at_second, transmit};
use crate::address::Ip;
use crate::time::Instant;

/// First and longest interval between solicitations, in milliseconds.
const FIRST_INTERVAL: u32 = 4_000;
const LONGEST_INTERVAL: u32 = 64_000;
/// Seconds after which a parent that nothing was sent to is probed.
const PROBE_INTERVAL: u32 = 120;
/// How long a parent that looks for a DODAG itself has until it is asked, and to answer then, in milliseconds.
const GRACE: u32 = 10_000;

impl Node<'_> {
    /// Starts soliciting within two seconds, unless that has begun.
    pub(super) fn solicit_soon(&mut self, cx: &mut RplContext<'_>) {
        self.solicit_interval = FIRST_INTERVAL;
        let delay = u64::from(cx.random.below(2_000));
        self.solicit_at.hasten(cx.now.after(delay));
    }

    /// Sends a solicitation; one that is a mere probe carries a predicate that never holds, so
    /// that the link layer's acknowledgement is its only answer.
    pub(super) fn send_dis(&mut self, cx: &mut RplContext<'_>, to: &Ip, probe: bool) {
        // A base object without flags; a solicited information option with the DODAGID predicate for `::`.
        const BASE: [u8; 2] = [0; 2];
        const PROBE: [u8; 23] = [0, 0, 7, 19, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        self.statistics.dis_sent = self.statistics.dis_sent.wrapping_add(1);
        transmit(cx, to, code::DIS, if probe { &PROBE } else { &BASE });
    }

    /// A parent that was asked whether it is in the DODAG still and has not answered is not: every member would have
    /// (RFC 6550 §8.3).
    pub(super) fn poll_solicited(&mut self, cx: &RplContext<'_>, dodag: &Dodag) {
        let due = dodag.is_due(PROBE, cx);
        if let Some(parent) = self.parent(dodag).filter(|parent| due && parent.asked && parent.solicited) {
            parent.rank = INFINITE_RANK;
            self.reselect = true;
        }
    }

    /// Sends something to a parent that nothing was sent to for long, so that the link layer
    /// finds out whether it is there. One that has looked for a DODAG has to say that it is in this one still.
    pub(super) fn probe_parent(&mut self, cx: &mut RplContext<'_>, dodag: &mut Dodag) {
        if dodag.awaits(PROBE) && !dodag.expired(PROBE, cx) {
            return;
        }
        let second = self.now;
        let Some(parent) = self.parent(dodag) else { return };
        if parent.asked {
            parent.solicited = true;
            let parent = parent.link_local();
            dodag.set(PROBE, cx, GRACE);
            self.send_dis(cx, &parent, false);
            return;
        }
        let from = parent.measured.saturating_add(PROBE_INTERVAL);
        dodag.timers[PROBE] = at_second(from);
        if second >= from {
            let parent = parent.link_local();
            dodag.set(PROBE, cx, PROBE_INTERVAL * 1000);
            self.send_dis(cx, &parent, true);
        }
    }
}

impl Rpl<'_> {
    /// Solicits, unless every DODAG that was joined is in order and there is one.
    pub(super) fn solicit(&mut self, cx: &mut RplContext<'_>) {
        let in_order = self.dodags.iter().any(Dodag::is_usable);
        let detached = |dodag: &Dodag| dodag.membership == Membership::Detached || dodag.floating;
        if in_order && !self.dodags.iter().any(detached) {
            self.node.solicit_at = Instant::NEVER;
            return;
        }
        self.node.send_dis(cx, &ALL_RPL_NODES, false);
        let interval = self.node.solicit_interval.clamp(FIRST_INTERVAL, LONGEST_INTERVAL);
        self.node.solicit_interval = interval * 2;
        let delay = interval / 2 + cx.random.below(interval);
        self.node.solicit_at = cx.now.after(u64::from(delay));
    }

    pub(super) fn receive_dis(
        &mut self,
        cx: &mut RplContext<'_>,
        from: &Ip,
        to: &Ip,
        asked: Option<&[u8; 19]>,
    ) {
        if !from.is_link_local() {
            return;
        }
        if to.is_multicast() {
            let iid = interface_identifier(from);
            for entry in self.node.neighbours.iter_mut().filter(|entry| entry.iid == iid) {
                entry.asked = true;
            }
        }
        for dodag in self.dodags.iter_mut() {
            if self.node.parent(dodag).is_some_and(|parent| parent.asked) {
                dodag.timers[PROBE].hasten(cx.now.after(u64::from(GRACE)));
            }
            let matches = dodag.is_member()
                && asked
                    .is_none_or(|asked| option::solicits(asked, dodag.instance, &dodag.id, dodag.version));
            if !matches {
                continue;
            }
            if !to.is_multicast() {
                self.node.send_dio(cx, dodag, from);
            } else if dodag.is_usable() && !dodag.leaf {
                dodag.reset_trickle(cx);
            }
        }
    }
}
