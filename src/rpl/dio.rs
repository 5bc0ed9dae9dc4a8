// SPDX-License-Identifier: MIT OR Apache-2.0
//! DODAG information objects: advertising the own place, learning of others (RFC 6550 §8).
#![forbid(unsafe_code)]

use super::dodag::{Dodag, Membership, tell};
use super::neighbours::{self, Neighbour, interface_identifier};
use super::wire::{
    Carried, Configuration, DioView, INFINITE_RANK, PathCost, PrefixInformation, code, instance_of, mask,
};
use super::{MAX_BODY, Node, OwnTarget, Rpl, RplContext, count, lollipop, transmit};
use crate::address::Ip;
use crate::bytes::Writer;
use crate::ipv6::source_selection::in_prefix;
use crate::status::{Error, Result};
use core::cmp::Ordering;

impl Node<'_> {
    /// Sends our DIO of this DODAG to everyone or to one neighbour.
    pub(super) fn send_dio(&mut self, cx: &mut RplContext<'_>, dodag: &mut Dodag, to: &Ip) {
        let rank = dodag.rank_to_advertise();
        let mut body = [0; MAX_BODY];
        let mut out = Writer::new(&mut body);
        if self.write_dio(dodag, rank, &mut out).is_err() {
            return;
        }
        // A neighbour that asked knows what the others do not.
        dodag.advertised = if to.is_multicast() { rank } else { rank.min(dodag.advertised) };
        dodag.lowest = dodag.lowest.min(rank);
        self.statistics.dio_sent = self.statistics.dio_sent.wrapping_add(1);
        transmit(cx, to, code::DIO, out.written());
    }

    fn write_dio(&self, dodag: &Dodag, rank: u16, out: &mut Writer<'_>) -> Result<()> {
        dodag.write_dio_base(rank, out)?;
        if rank != INFINITE_RANK {
            PathCost { metric: dodag.metric, value: dodag.path }.emit(out)?;
        }
        if dodag.configured {
            dodag.configuration.emit(out)?;
        }
        if dodag.prefix.prefix_len > 0 {
            // A router passes the prefix on with its own address in it (RFC 6550 §6.7.10), so
            // that children know how to name their parent to the root.
            let own = dodag.own_address(self.targets);
            let own = own.filter(|own| in_prefix(own, &dodag.prefix.prefix, dodag.prefix.prefix_len));
            let prefix = own.unwrap_or(&dodag.prefix.prefix);
            PrefixInformation { on_link: false, router_address: own.is_some(), ..dodag.prefix }
                .emit_about(prefix, out)?;
        }
        Ok(())
    }

    /// Keeps what a DIO says of its sender. Whether its DTSN has changed.
    fn note_neighbour(
        &mut self,
        dodag: &Dodag,
        slot: Option<usize>,
        dio: DioView<'_>,
        carried: &Carried<'_>,
    ) -> bool {
        let Some(entry) = slot.and_then(|slot| self.neighbours.get_mut(slot)) else { return false };
        let asked = core::mem::take(&mut entry.asked);
        entry.solicited = false;
        let changed = (entry.dtsn != dio.dtsn() || asked) && entry.rank != INFINITE_RANK;
        entry.heard(self.now);
        entry.owner = dodag.owner;
        entry.version = dio.version();
        entry.rank = dio.rank();
        entry.dtsn = dio.dtsn();
        entry.path = carried.path.value;
        if let Some([_, flags, .., a, b, c, d, e, f, g, h]) = carried.prefix
            && flags & PrefixInformation::ROUTER_ADDRESS != 0
        {
            entry.routable_iid = [*a, *b, *c, *d, *e, *f, *g, *h];
        }
        changed
    }

    /// The preferred parent of a DODAG.
    #[inline(never)]
    pub(super) fn parent(&mut self, dodag: &Dodag) -> Option<&mut Neighbour> {
        self.neighbours.get_mut(usize::from(dodag.preferred))
    }

    /// The routable address of the preferred parent.
    pub(super) fn routable_parent(&mut self, dodag: &Dodag) -> Option<Ip> {
        let parent = self.parent(dodag)?;
        if parent.rank == dodag.configuration.min_hop_rank_increase {
            // Only the root has the root's rank (RFC 6550 §8.2.2.2).
            return Some(dodag.id);
        }
        Some(dodag.routable(parent))
    }
}

impl Rpl<'_> {
    /// # Errors
    /// [`Error::Malformed`] when nobody can say that.
    pub(super) fn receive_dio(
        &mut self,
        cx: &mut RplContext<'_>,
        from: &Ip,
        dio: DioView<'_>,
        carried: &Carried<'_>,
    ) -> Result<()> {
        let Rpl { dodags, node } = self;
        node.statistics.dio_received = node.statistics.dio_received.wrapping_add(1);
        let iid = &interface_identifier(from);
        let (instance, id) = (dio.instance(), dio.dodag_id());
        if !from.is_link_local() || *iid == node.iid || id.is_multicast() || instance_of(instance) != instance
        {
            return Err(Error::Malformed);
        }
        let Some(dodag) = node.find_or_add_dodag(dodags, dio) else { return Ok(()) };
        let infinite = dio.rank() == INFINITE_RANK;
        let slot = if infinite || dodag.is_root() {
            neighbours::find(node.neighbours, dio.instance(), iid)
        } else {
            node.find_or_add_neighbour(dodag, iid, dio.rank())
        };
        if dodag.is_root() {
            if let Some(entry) = slot.and_then(|slot| node.neighbours.get_mut(slot)) {
                entry.heard(node.now);
                entry.rank = dio.rank();
            }
            dodag.hear_of_own(cx, dio);
            return Ok(());
        }
        let is_parent = dodag.membership == Membership::Joined && slot == Some(usize::from(dodag.preferred));
        // The root itself says which version holds, even after a restart.
        let from_root = dio.rank() == dodag.configuration.min_hop_rank_increase;
        let order = lollipop::compare(dio.version(), dodag.version);
        let triggered = node.note_neighbour(dodag, slot, dio, carried);
        node.reselect = true;
        let forgotten = dodag.is_forgotten(node.now);
        if forgotten {
            dodag.lowest = INFINITE_RANK;
        }
        let suits = slot.and_then(|slot| node.neighbours.get(slot)).is_some_and(Neighbour::is_reachable);
        match order {
            Some(Ordering::Equal) => {}
            // Only a suitable parent takes its members along to the next version (RFC 6550 §8.2.2.4).
            Some(Ordering::Greater) if dodag.is_member() && (infinite || !suits) => return Ok(()),
            None if !infinite && (from_root || is_parent) => dodag.adopt_version(dio.version()),
            order if order == Some(Ordering::Greater) || dodag.membership == Membership::Heard => {
                dodag.adopt_version(dio.version());
            }
            // The version goes with the old state of a DODAG (RFC 6550 §8.2.2.1): the root may have started anew.
            _ if !infinite && forgotten => dodag.adopt_version(dio.version()),
            _ => {
                // It is behind: tell it, and remember that it is no parent.
                if dodag.is_usable() {
                    dodag.reset_trickle(cx);
                }
                return Ok(());
            }
        }
        // The parameters are those of the version, whoever brings it.
        let told = is_parent || !dodag.is_member() || order != Some(Ordering::Equal);
        if told {
            dodag.grounded = dio.grounded();
            dodag.preference = dio.preference();
            dodag.mode = dio.mode();
            if !infinite {
                dodag.metric = carried.path.metric;
            }
        }
        if let Some(configuration) = carried.configuration.filter(|_| told || !dodag.configured) {
            dodag.configuration = Configuration::read(configuration);
            dodag.configured = true;
        }
        if let Some(prefix) = carried.prefix.filter(|_| told || dodag.prefix.prefix_len == 0) {
            let mut prefix = PrefixInformation::read(prefix);
            mask(&mut prefix.prefix, prefix.prefix_len);
            prefix.router_address = false;
            let former = &dodag.prefix;
            let news = prefix.prefix_len != former.prefix_len
                || !in_prefix(&prefix.prefix, &former.prefix, prefix.prefix_len);
            // What has an end is renewed each time (RFC 4862 §5.5.3).
            let renewed = prefix.valid_lifetime != u32::MAX || former.valid_lifetime != u32::MAX;
            if (news || renewed) && dodag.is_member() {
                dodag.tell |= tell::PREFIX;
                // Those below are to hear soon of another one.
                dodag.inconsistent |= news;
            }
            dodag.prefix = prefix;
        }
        if dodag.is_usable() && !infinite && order == Some(Ordering::Equal) {
            dodag.trickle.hear();
        }
        if !dodag.configured {
            // The parameters are not in every DIO: ask for them (RFC 6550 §8.3).
            if !infinite {
                node.send_dis(cx, from, false);
            }
            return Ok(());
        }
        if is_parent && triggered {
            // The parent asks for DAOs (RFC 6550 §9.6); in non-storing mode the request goes on.
            if dodag.is_non_storing() {
                dodag.dtsn = lollipop::next(dodag.dtsn);
                dodag.reset_trickle(cx);
            }
            node.advertise_everything(cx, dodag);
        }
        Ok(())
    }
}

impl Node<'_> {
    /// The entry of the DODAG that a DIO is about, a new one if need be.
    fn find_or_add_dodag<'a>(&mut self, dodags: &'a mut [Dodag], dio: DioView<'_>) -> Option<&'a mut Dodag> {
        // A free entry, or the least preferred of those not joined, which gives way to a better one
        // only.
        let worth = |grounded: bool, preference: u8| u8::from(grounded) << 3 | preference & 7;
        let mut place: Option<(u8, &mut Dodag)> = None;
        for dodag in dodags {
            if dodag.is_meant(dio.instance(), Some(dio.dodag_id())) {
                return Some(dodag);
            }
            let worth = match dodag.membership {
                Membership::None => 0,
                Membership::Heard => 1 + worth(dodag.grounded, dodag.preference),
                _ => continue,
            };
            if place.as_ref().is_none_or(|(least, _)| worth < *least) {
                place = Some((worth, dodag));
            }
        }
        // What is left of a floating DODAG that was ours has the own address.
        let own = |target: &OwnTarget| target.used && target.target.prefix == *dio.dodag_id();
        let unwanted = self.instance.is_some_and(|instance| instance != dio.instance());
        if dio.rank() == INFINITE_RANK || unwanted || self.targets.iter().any(own) {
            return None;
        }
        let (least, dodag) = place?;
        if least > worth(dio.grounded(), dio.preference()) {
            count(&mut self.statistics.table_full);
            return None;
        }
        // They may be children in another DODAG of the instance meanwhile.
        self.forget_members(dodag);
        dodag.clear();
        dodag.id = *dio.dodag_id();
        dodag.membership = Membership::Heard;
        dodag.instance = dio.instance();
        dodag.version = dio.version();
        dodag.mode = dio.mode();
        dodag.preference = dio.preference();
        dodag.grounded = dio.grounded();
        Some(dodag)
    }

    /// The neighbour's entry in the instance of a DODAG, a new one if the table has room for one of
    /// this rank.
    pub(super) fn find_or_add_neighbour(&mut self, dodag: &Dodag, iid: &[u8; 8], rank: u16) -> Option<usize> {
        if let Some(slot) = neighbours::find(self.neighbours, dodag.instance, iid) {
            return Some(slot);
        }
        let room = neighbours::make_room(self.neighbours, self.routes, rank);
        let Some(entry) = room.and_then(|slot| self.neighbours.get_mut(slot)) else {
            count(&mut self.statistics.table_full);
            return None;
        };
        *entry = Neighbour { measured: self.now, ..Neighbour::new(*iid, dodag.owner, dodag.instance) };
        room
    }
}

impl Dodag {
    /// The own routable address: a root's is the DODAGID.
    #[inline(never)]
    pub(super) fn own_address<'a>(&'a self, targets: &'a [OwnTarget]) -> Option<&'a Ip> {
        if self.is_root() {
            return Some(&self.id);
        }
        let is_own = |own: &&OwnTarget| own.is_here() && !own.external && own.target.prefix_len == 128;
        let own = targets.iter().find(is_own)?;
        Some(&own.target.prefix)
    }

    /// Someone speaks of the DODAG that this node is the root of.
    fn hear_of_own(&mut self, cx: &mut RplContext<'_>, dio: DioView<'_>) {
        match lollipop::compare(dio.version(), self.version) {
            Some(Ordering::Less) => self.reset_trickle(cx),
            Some(Ordering::Equal) if self.advertised != INFINITE_RANK => {
                if dio.rank() != INFINITE_RANK {
                    self.trickle.hear();
                }
            }
            // That version is not of those that we have announced since we started: we did before.
            _ => {
                self.version = lollipop::next(dio.version());
                self.dtsn = lollipop::next(self.dtsn);
                self.trickle.stop();
                self.reset_trickle(cx);
            }
        }
    }
}
