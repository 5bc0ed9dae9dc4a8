// SPDX-License-Identifier: MIT OR Apache-2.0
//! DODAG information objects: advertising the own place, learning of others (RFC 6550 §8).
#![forbid(unsafe_code)]

use super::dodag::{Dodag, HOLD, Membership, tell};
use super::neighbours::{self, Neighbour, interface_identifier};
use super::wire::{
    Configuration, DioView, INFINITE_RANK, MetricKind, Options, PrefixInformation, code, emit_hop_count,
    mask, next_metric, option,
};
use super::{MAX_BODY, Rpl, RplContext, count, lollipop, seconds, transmit};
use crate::address::Ip;
use crate::bytes::{Reader, Writer};
use crate::ipv6::source_selection::in_prefix;
use crate::status::Result;
use crate::time::Instant;
use core::cmp::Ordering;

/// What the options of a DIO say, checked already as far as [`Options::checked`] goes.
#[derive(Default)]
struct Carried<'a> {
    configuration: Option<&'a [u8; 14]>,
    prefix: Option<&'a [u8; 30]>,
    /// 255 for none.
    hop_count: u8,
    /// A metric that no objective function here minimises.
    strange_metric: bool,
}

impl<'a> Carried<'a> {
    fn read(mut options: Options<'a>) -> Carried<'a> {
        let mut carried = Carried { hop_count: u8::MAX, ..Carried::default() };
        while let Some((kind, data)) = options.next_raw() {
            match kind {
                option::CONFIGURATION => carried.configuration = data.try_into().ok(),
                option::PREFIX_INFORMATION => carried.prefix = data.try_into().ok(),
                option::METRIC_CONTAINER => {
                    let mut body = Reader::new(data);
                    while let Some(metric) = next_metric(&mut body) {
                        match metric {
                            MetricKind::HopCount(hops) => carried.hop_count = hops,
                            // The rank stands for it (RFC 6719 §3.4).
                            MetricKind::Etx | MetricKind::Constraint => {}
                            MetricKind::Other => carried.strange_metric = true,
                        }
                    }
                }
                _ => {}
            }
        }
        carried
    }
}

impl Rpl<'_> {
    /// Sends our DIO of this DODAG to everyone or to one neighbour.
    pub(super) fn send_dio(&mut self, cx: &mut RplContext<'_>, index: usize, to: &Ip) {
        let Some(dodag) = self.dodags.get(index) else { return };
        let rank = dodag.rank_to_advertise();
        // A leaf speaks only when spoken to (RFC 6550 §8.5).
        if (self.leaf || dodag.leaf) && to.is_multicast() {
            return;
        }
        let rank = if self.leaf { INFINITE_RANK } else { rank };
        let mut body = [0; MAX_BODY];
        let mut out = Writer::new(&mut body);
        if self.write_dio(dodag, rank, &mut out).is_err() {
            return;
        }
        if let Some(dodag) = self.dodags.get_mut(index) {
            dodag.advertised = rank;
            dodag.lowest = dodag.lowest.min(rank);
        }
        self.statistics.dio_sent = self.statistics.dio_sent.wrapping_add(1);
        transmit(cx, to, code::DIO, out.written());
    }

    fn write_dio(&self, dodag: &Dodag, rank: u16, out: &mut Writer<'_>) -> Result<()> {
        dodag.dio(rank).emit(out)?;
        if dodag.hop_count != u8::MAX && rank != INFINITE_RANK {
            emit_hop_count(dodag.hop_count, out)?;
        }
        if dodag.configured {
            dodag.configuration.emit(out)?;
        }
        if dodag.prefix.prefix_len > 0 {
            // A router passes the prefix on with its own address in it (RFC 6550 §6.7.10), so
            // that children know how to name their parent to the root.
            let own = self
                .own_address(dodag)
                .filter(|own| in_prefix(own, &dodag.prefix.prefix, dodag.prefix.prefix_len));
            PrefixInformation {
                on_link: false,
                router_address: own.is_some(),
                prefix: own.unwrap_or(dodag.prefix.prefix),
                ..dodag.prefix
            }
            .emit(out)?;
        }
        Ok(())
    }

    /// The own routable address in this DODAG: the root's is the DODAGID.
    pub(super) fn own_address(&self, dodag: &Dodag) -> Option<Ip> {
        if dodag.is_root() {
            return Some(dodag.id);
        }
        let own = |target: &&super::OwnTarget| target.used && target.target.prefix_len == 128;
        self.targets.iter().find(own).map(|own| own.target.prefix)
    }

    pub(super) fn receive_dio(
        &mut self,
        cx: &mut RplContext<'_>,
        from: &Ip,
        dio: DioView<'_>,
        options: Options<'_>,
    ) {
        self.statistics.dio_received = self.statistics.dio_received.wrapping_add(1);
        let iid = interface_identifier(from);
        if !from.is_link_local() || iid == self.iid || dio.dodag_id().is_multicast() {
            count(&mut self.statistics.malformed);
            return;
        }
        let carried = Carried::read(options);
        let own = |target: &super::OwnTarget| target.used && target.target.prefix == *dio.dodag_id();
        if self.targets.iter().any(own) && self.dodag_of(dio.instance(), Some(dio.dodag_id())).is_none() {
            // What is left of a floating DODAG that was ours.
            return;
        }
        let Some(index) = self.find_or_add_dodag(dio) else { return };
        let Some(dodag) = self.dodags.get_mut(index) else { return };
        if dodag.is_root() {
            self.hear_own_dodag(cx, index, iid, dio);
            return;
        }
        let is_parent = dodag.membership == Membership::Joined
            && self.neighbours.get(usize::from(dodag.preferred)).is_some_and(|parent| parent.iid == iid);
        // The root itself says which version holds, even after a restart.
        let from_root = dio.rank() == dodag.configuration.min_hop_rank_increase;
        match lollipop::compare(dio.version(), dodag.version) {
            Some(Ordering::Equal) => {}
            Some(Ordering::Greater) if dio.rank() == INFINITE_RANK && dodag.is_member() => return,
            Some(Ordering::Greater) => dodag.adopt_version(dio.version()),
            None if dio.rank() != INFINITE_RANK && (from_root || is_parent) => {
                dodag.adopt_version(dio.version());
            }
            _ if dodag.membership == Membership::Heard => dodag.adopt_version(dio.version()),
            _ => {
                // It is behind: tell it, and remember that it is no parent.
                if dodag.is_usable() {
                    dodag.reset_trickle(cx.now, cx.random);
                }
                self.note_neighbour(cx, index, iid, dio, &carried);
                self.select(cx, dio.instance());
                return;
            }
        }
        let Some(dodag) = self.dodags.get_mut(index) else { return };
        if !dodag.is_member() || is_parent {
            dodag.grounded = dio.grounded();
            dodag.preference = dio.preference();
            dodag.mode = dio.mode();
            dodag.strange_metric = carried.strange_metric;
        }
        let told = is_parent || !dodag.is_member();
        if let Some(configuration) = carried.configuration.filter(|_| told || !dodag.configured) {
            dodag.configuration = Configuration::read(configuration);
            dodag.configured = true;
        }
        if let Some(prefix) = carried.prefix.filter(|_| told || dodag.prefix.prefix_len == 0) {
            let mut prefix = PrefixInformation::read(prefix);
            prefix.prefix = mask(prefix.prefix, prefix.prefix_len);
            prefix.router_address = false;
            let former = &dodag.prefix;
            let news = prefix.prefix_len != former.prefix_len
                || !in_prefix(&prefix.prefix, &former.prefix, prefix.prefix_len);
            if news && dodag.is_member() {
                dodag.tell |= tell::PREFIX;
            }
            dodag.prefix = prefix;
        }
        if dodag.is_usable() && dio.rank() != INFINITE_RANK {
            dodag.trickle.hear();
        }
        let triggered = self.note_neighbour(cx, index, iid, dio, &carried);
        let Some(dodag) = self.dodags.get_mut(index) else { return };
        if !dodag.configured {
            // The parameters are not in every DIO: ask for them (RFC 6550 §8.3).
            if dio.rank() != INFINITE_RANK {
                self.send_dis(cx, from, false);
            }
            return;
        }
        if is_parent && triggered {
            self.dtsn_changed(cx, index);
        }
        self.select(cx, dio.instance());
    }

    /// The entry of the DODAG that a DIO is about, a new one if need be.
    fn find_or_add_dodag(&mut self, dio: DioView<'_>) -> Option<usize> {
        if let Some(index) = self.dodag_of(dio.instance(), Some(dio.dodag_id())) {
            return Some(index);
        }
        if dio.rank() == INFINITE_RANK {
            return None;
        }
        // A free entry, or the least preferred of those not joined, which gives way to a better one
        // only.
        let worth = |grounded: bool, preference: u8| u8::from(grounded) << 3 | preference & 7;
        let mut place = None;
        for (index, dodag) in self.dodags.iter().enumerate() {
            let worth = match dodag.membership {
                Membership::None => 0,
                Membership::Heard => 1 + worth(dodag.grounded, dodag.preference),
                _ => continue,
            };
            if place.is_none_or(|(least, _)| worth < least) {
                place = Some((worth, index));
            }
        }
        let (least, index) = place?;
        if least > worth(dio.grounded(), dio.preference()) {
            count(&mut self.statistics.table_full);
            return None;
        }
        for entry in self.neighbours.iter_mut() {
            if entry.used && usize::from(entry.dodag) == index {
                *entry = Neighbour::default();
            }
        }
        let dodag = self.dodags.get_mut(index)?;
        dodag.clear();
        dodag.id = *dio.dodag_id();
        dodag.membership = Membership::Heard;
        dodag.instance = dio.instance();
        dodag.version = dio.version();
        dodag.mode = dio.mode();
        dodag.preference = dio.preference();
        dodag.grounded = dio.grounded();
        Some(index)
    }

    /// Keeps what a DIO says of its sender. Whether its DTSN has changed.
    fn note_neighbour(
        &mut self,
        cx: &mut RplContext<'_>,
        index: usize,
        iid: [u8; 8],
        dio: DioView<'_>,
        carried: &Carried<'_>,
    ) -> bool {
        let now = seconds(cx.now);
        let slot = if dio.rank() == INFINITE_RANK {
            self.find_neighbour(dio.instance(), iid)
        } else {
            self.find_or_add_neighbour(index, iid, dio.rank(), now)
        };
        let Some(entry) = slot.and_then(|slot| self.neighbours.get_mut(slot)) else { return false };
        let asked = core::mem::take(&mut entry.asked);
        let changed = (entry.dtsn != dio.dtsn() || asked) && entry.rank != INFINITE_RANK;
        entry.heard(now);
        entry.dodag = index as u8;
        entry.version = dio.version();
        entry.rank = dio.rank();
        entry.dtsn = dio.dtsn();
        entry.hop_count = carried.hop_count;
        if let Some([_, flags, .., a, b, c, d, e, f, g, h]) = carried.prefix {
            if flags & PrefixInformation::ROUTER_ADDRESS != 0 {
                entry.routable_iid = [*a, *b, *c, *d, *e, *f, *g, *h];
            }
        }
        changed
    }

    /// The neighbour's entry in an instance.
    pub(super) fn find_neighbour(&self, instance: u8, iid: [u8; 8]) -> Option<usize> {
        let same =
            |dodag: u8| self.dodags.get(usize::from(dodag)).is_some_and(|dodag| dodag.instance == instance);
        neighbours::find(self.neighbours, iid, same)
    }

    /// The neighbour's entry, a new one if the table has room for one of this rank.
    pub(super) fn find_or_add_neighbour(
        &mut self,
        dodag: usize,
        iid: [u8; 8],
        rank: u16,
        now: u32,
    ) -> Option<usize> {
        let instance = self.dodags.get(dodag)?.instance;
        if let Some(slot) = self.find_neighbour(instance, iid) {
            return Some(slot);
        }
        let dodags = &*self.dodags;
        let room = neighbours::make_room(self.neighbours, rank, |slot| Rpl::is_kept(dodags, slot));
        let Some(slot) = room else {
            count(&mut self.statistics.table_full);
            return None;
        };
        *self.neighbours.get_mut(slot)? = Neighbour { measured: now, ..Neighbour::new(iid, dodag as u8) };
        Some(slot)
    }

    /// Someone speaks of the DODAG that this node is the root of.
    fn hear_own_dodag(&mut self, cx: &mut RplContext<'_>, index: usize, iid: [u8; 8], dio: DioView<'_>) {
        let now = seconds(cx.now);
        let slot = self.find_neighbour(dio.instance(), iid);
        if let Some(entry) = slot.and_then(|slot| self.neighbours.get_mut(slot)) {
            entry.heard(now);
            entry.rank = dio.rank();
        }
        let Some(dodag) = self.dodags.get_mut(index) else { return };
        let listening = dodag.timers[HOLD] != Instant::NEVER;
        let ahead = match lollipop::compare(dio.version(), dodag.version) {
            Some(Ordering::Greater) | None => true,
            // A version that we have not announced since we started: we did before.
            Some(Ordering::Equal) => listening,
            Some(Ordering::Less) => {
                if !listening {
                    dodag.reset_trickle(cx.now, cx.random);
                }
                false
            }
        };
        if ahead {
            dodag.version = lollipop::next(dio.version());
            dodag.dtsn = lollipop::next(dodag.dtsn);
            dodag.timers[HOLD] = Instant::NEVER;
            dodag.trickle.stop();
            dodag.reset_trickle(cx.now, cx.random);
        } else if !listening && dio.rank() != INFINITE_RANK {
            dodag.trickle.hear();
        }
    }

    /// The parent asks for DAOs (RFC 6550 §9.6); in non-storing mode the request goes on.
    fn dtsn_changed(&mut self, cx: &mut RplContext<'_>, index: usize) {
        let Some(dodag) = self.dodags.get_mut(index) else { return };
        if dodag.is_non_storing() {
            dodag.dtsn = lollipop::next(dodag.dtsn);
            dodag.reset_trickle(cx.now, cx.random);
        }
        self.advertise_everything(cx, index);
    }

    /// The routable address of a neighbour that is a parent in this DODAG.
    pub(super) fn routable(&self, dodag: &Dodag, slot: u16) -> Option<Ip> {
        let parent = self.neighbours.get(usize::from(slot))?;
        if parent.rank == dodag.configuration.min_hop_rank_increase {
            // Only the root has the root's rank (RFC 6550 §8.2.2.2).
            return Some(dodag.id);
        }
        Some(dodag.routable(parent))
    }
}
