// SPDX-License-Identifier: MIT OR Apache-2.0
//! What there is on Ethernet-like links alone: routers that advertise themselves without being asked (RFC 4861 §6.2),
//! and what they say of the times of neighbour discovery (RFC 4861 §6.3.4).
#![forbid(unsafe_code)]

use super::{MAX_SOLICIT, RETRANS_TIMER, Told};
use crate::bytes::Writer;
use crate::ipv6::addresses::ALL_NODES;
use crate::ipv6::link::MIN_MTU;
use crate::ipv6::neighbours::REACHABLE_TIME;
use crate::ipv6::wire::nd::{Medium, NdOption};
use crate::ipv6::{Context, Ipv6, Role};
use crate::status::{Error, Result};
use crate::time::Instant;

/// Between unsolicited advertisements (RFC 4861 §6.2.1), in milliseconds.
const MAX_RTR_ADV_INTERVAL: u64 = 600_000;
/// Between the first few of them (RFC 4861 §10), in milliseconds.
const MAX_INITIAL_RTR_ADVERT_INTERVAL: u64 = 16_000;
/// Longest wait before an answer to a solicitation (RFC 4861 §10), in milliseconds.
const MAX_RA_DELAY_TIME: u32 = 500;
/// Shortest time between two advertisements (RFC 4861 §10), in milliseconds.
const MIN_DELAY_BETWEEN_RAS: u64 = 3000;

/// What is remembered of it.
pub(in crate::ipv6) struct State {
    /// When the next unsolicited Router Advertisement is due, and how many were sent.
    pub(super) advertise: Instant,
    advertised: u8,
    /// Until then none is sent again.
    quiet_until: Instant,
    /// For how long a neighbour counts as reachable, as routers have it and as we do, and what lies between
    /// solicitations of one; in milliseconds.
    base_reachable_time: u32,
    pub(super) reachable_time: u32,
    pub(super) retrans_timer: u32,
    /// The MTU that is advertised, or that routers advertise; 0 when nobody does.
    mtu: u32,
}

impl State {
    pub(super) const NEW: State = State {
        advertise: Instant::NEVER,
        advertised: 0,
        quiet_until: Instant::ZERO,
        base_reachable_time: REACHABLE_TIME as u32,
        reachable_time: REACHABLE_TIME as u32,
        retrans_timer: RETRANS_TIMER as u32,
        mtu: 0,
    };

    /// What packets on the link are limited to beside the link's own MTU.
    pub(in crate::ipv6) const fn mtu(&self) -> usize {
        if self.mtu == 0 { usize::MAX } else { self.mtu as usize }
    }

    /// Writes the option that says so, if anything is advertised.
    pub(super) fn put_mtu(&self, out: &mut Writer<'_>) -> Result<()> {
        match self.mtu {
            0 => Ok(()),
            mtu => NdOption::Mtu(mtu).emit(out),
        }
    }

    /// What is advertised has changed: the next advertisements follow soon after one another.
    pub(super) fn advertise_anew(&mut self, now: Instant) {
        self.advertised = 0;
        self.advertise = now.max(self.quiet_until);
    }

    /// The role has changed. Who advertises itself from now on begins anew; who has done so does it once more.
    pub(in crate::ipv6) fn change_role(&mut self, advertises: bool) {
        if advertises || self.advertise != Instant::NEVER {
            self.advertised = 0;
            self.advertise = self.quiet_until;
        }
    }
}

impl Ipv6<'_> {
    /// A router is asked to advertise itself: it does so to all, after a moment (RFC 4861 §6.2.6).
    pub(super) fn answer_all(&mut self, cx: &mut Context<'_>, told: &Told<'_>) {
        self.learn_stale(cx, &told.header.source, told.link);
        if let Some(neighbour) = self.neighbours.find_mut(&told.header.source) {
            neighbour.router = false;
        }
        let soon = cx.now.max(self.nd.ethernet.quiet_until);
        self.nd.ethernet.advertise.hasten(soon.after(u64::from(cx.random.below(MAX_RA_DELAY_TIME))));
    }

    /// Sends an advertisement to everyone, and settles when the next is due: never, if it says that this node is no
    /// router any more (RFC 4861 §6.2.5).
    pub(super) fn send_periodic_advertisement(&mut self, cx: &mut Context<'_>) {
        let state = &mut self.nd.ethernet;
        state.advertised = state.advertised.saturating_add(1);
        let interval = if state.advertised <= MAX_SOLICIT {
            MAX_INITIAL_RTR_ADVERT_INTERVAL
        } else {
            // From a third of the maximum to the maximum.
            MAX_RTR_ADV_INTERVAL / 3 + u64::from(cx.random.below((MAX_RTR_ADV_INTERVAL / 3 * 2) as u32))
        };
        let is_router = self.config.role != Role::Host;
        state.advertise = if is_router { cx.now.after(interval) } else { Instant::NEVER };
        state.quiet_until = cx.now.after(MIN_DELAY_BETWEEN_RAS);
        self.send_router_advertisement(cx, &ALL_NODES);
    }

    /// Advertises an MTU for the link, as a router on Ethernet, and sends nothing larger (RFC 4861 §6.2.1 AdvLinkMTU);
    /// with 0 no more. One above that of the link is heeded by nobody.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on IEEE 802.15.4; [`Error::Invalid`] for less than 1280, which every link carries.
    pub fn advertise_mtu(&mut self, now: Instant, mtu: u16) -> Result<()> {
        if self.config.medium() != Medium::Ethernet {
            return Err(Error::Unsupported);
        }
        if mtu != 0 && usize::from(mtu) < MIN_MTU {
            return Err(Error::Invalid);
        }
        self.nd.ethernet.mtu = u32::from(mtu);
        if self.config.role != Role::Host {
            self.nd.ethernet.advertise_anew(now);
        }
        Ok(())
    }

    /// Takes over the MTU that a router advertises, if it is one for the link (RFC 4861 §6.3.4).
    pub(super) fn learn_mtu(&mut self, cx: &Context<'_>, body: &[u8]) {
        let &[_, _, a, b, c, d] = body else { return };
        let mtu = u32::from_be_bytes([a, b, c, d]);
        if (MIN_MTU..=cx.link.mtu()).contains(&(mtu as usize)) {
            self.nd.ethernet.mtu = mtu;
        }
    }

    /// Takes over what a router advertises of both times, unless it leaves that open; the former with a random factor
    /// from a half to one and a half, which is chosen anew each time (RFC 4861 §6.3.4).
    pub(super) fn learn_times(&mut self, cx: &mut Context<'_>, fixed: &[u8]) {
        let Some(&[_, _, _, _, a, b, c, d, e, f, g, h]) = fixed.first_chunk() else { return };
        let (reachable, retrans) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        // Nobody's advertisement makes a node flood, or wait for longer than RFC 4861 §6.2.1 lets routers say.
        let believed = |time: u32| time.clamp(100, 3_600_000);
        let state = &mut self.nd.ethernet;
        if reachable != 0 {
            state.base_reachable_time = believed(reachable);
        }
        if retrans != 0 {
            state.retrans_timer = believed(retrans);
        }
        let base = state.base_reachable_time;
        state.reachable_time = base / 2 + cx.random.below(base);
    }
}
