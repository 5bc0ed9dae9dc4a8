// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets: next hops, packet information and loop detection, source routes
//! (RFC 6550 §11, RFC 6553, RFC 6554, RFC 9008).
#![forbid(unsafe_code)]

use super::dodag::{Dodag, Membership};
use super::neighbours::{self, NONE, Neighbour, interface_identifier, link_local};
use super::non_storing::MAX_HOPS;
use super::routes::{self, mark};
use super::storing::NO_PATH_DELAY;
use super::wire::{
    INFINITE_RANK, PacketInformation, Refusal, TO_ROOT, Target, advance, instance_of, is_local_instance,
};
use super::{Node, Rpl, count, dodag_of, seconds};
use crate::address::Ip;
use crate::bytes::Writer;
use crate::ipv6::link::LinkAddress;
use crate::ipv6::routing::{Encapsulation, Flow, NoRoute, Route, Routing, RoutingError, RoutingHeaderError};
use crate::ipv6::source_selection::in_prefix;
use crate::time::Instant;

type Way = core::result::Result<(), NoRoute>;

/// The type of a routing header, as the next header.
const ROUTING: u8 = 43;
const DOWN: u8 = PacketInformation::DOWN;
const RANK_ERROR: u8 = PacketInformation::RANK_ERROR;
const FORWARDING_ERROR: u8 = PacketInformation::FORWARDING_ERROR;

/// A packet with so few hops left is one that wants to see them (traceroute): in storing mode
/// it is tunnelled from hop to hop, so that each counts.
const FEW_HOPS: u8 = 32;

/// The DODAG that a packet belongs to: the one of its RPL option, else one that knows the
/// destination, else the first.
fn dodag_for<'a>(dodags: &'a mut [Dodag], flow: &Flow<'_>) -> Option<&'a mut Dodag> {
    if let Some([_, instance, ..]) = flow.rpl_option.as_deref() {
        return dodag_of(dodags, instance_of(*instance), None);
    }
    let mut first = None;
    for dodag in dodags {
        if dodag.is_usable() && is_inside(dodag, flow.destination) {
            return Some(dodag);
        }
        if first.is_none() && dodag.is_member() {
            first = Some(dodag);
        }
    }
    first
}

impl Node<'_> {
    /// The way of a packet in the DODAG that it belongs to.
    pub(super) fn route_within(
        &mut self,
        dodag: &mut Dodag,
        flow: &mut Flow<'_>,
        route: &mut Route,
        headers: &mut Writer<'_>,
    ) -> Way {
        if dodag.stores() && cfg!(feature = "rpl-storing") {
            self.route_storing(dodag, flow, route, headers)
        } else if dodag.is_non_storing() && cfg!(feature = "rpl-non-storing") {
            self.route_non_storing(dodag, flow, route, headers)
        } else if dodag.is_root() {
            beyond_root(dodag, flow)
        } else {
            self.up(dodag, flow, route, headers)
        }
    }

    fn up(&mut self, dodag: &Dodag, flow: &mut Flow<'_>, route: &mut Route, headers: &mut Writer<'_>) -> Way {
        if !dodag.is_usable() {
            return Err(NoRoute::Unreachable);
        }
        route.next_hop = self.parent(dodag).ok_or(NoRoute::Unreachable)?.link_local();
        // To the root, which takes it further.
        route.encapsulation = Encapsulation::Tunnel { destination: dodag.id, segments_left: 0 };
        dodag.with_information(false, flow, route, headers)
    }

    fn route_storing(
        &mut self,
        dodag: &mut Dodag,
        flow: &mut Flow<'_>,
        route: &mut Route,
        headers: &mut Writer<'_>,
    ) -> Way {
        let bits = match flow.rpl_option.as_deref_mut() {
            Some([first, ..]) => core::mem::replace(first, *first & !FORWARDING_ERROR),
            Some([]) => return Err(NoRoute::Discard),
            None => 0,
        };
        let (down, returned) = (bits & DOWN != 0, bits & FORWARDING_ERROR != 0);
        let from = self.slot_of(dodag, &flow.from);
        let mut found = routes::lookup(self.routes, dodag.owner, flow.destination, self.now);
        let back = found.and_then(|entry| self.routes.get(entry)).is_some_and(|route| route.via == from);
        if from != NONE && (returned || back) {
            found = None;
            // Whoever sends a packet up, or back, has no route to its destination, and the
            // parent never gets there through us. But if a child sends it down, the child errs.
            if returned || !down || from == dodag.preferred {
                if self.withdraw_through(dodag, from, flow.destination, 128) {
                    // Others may know the way.
                    if returned {
                        dodag.ask_children(self.now);
                    }
                    dodag.advertise_by(flow.now.after(NO_PATH_DELAY));
                }
                found = routes::lookup(self.routes, dodag.owner, flow.destination, self.now);
            }
        }
        let next = found.and_then(|entry| self.routes.get(entry));
        let next = next.and_then(|route| Some((route, self.neighbours.get(usize::from(route.via))?)));
        if let Some((downward, neighbour)) = next {
            let outside = downward.is(mark::EXTERNAL) || downward.prefix_len < 128;
            let exit = if outside || flow.hop_limit < FEW_HOPS {
                dodag.routable(neighbour)
            } else {
                *flow.destination
            };
            route.next_hop = neighbour.link_local();
            route.encapsulation = Encapsulation::Tunnel { destination: exit, segments_left: 0 };
            return dodag.with_information(true, flow, route, headers);
        }
        if down && !flow.own {
            // A packet that goes down never goes up again (RFC 6550 §11.2.2.3): back it goes,
            // to be tried elsewhere.
            count(&mut self.statistics.forwarding_errors);
            let Some([first, ..]) = flow.rpl_option.as_deref_mut() else { return Err(NoRoute::Discard) };
            *first |= FORWARDING_ERROR;
            if !returned {
                // It was sent here because the destination is below: if we have started anew, a child knows it.
                dodag.ask_children(self.now);
                return Err(NoRoute::Return);
            }
            // A child gave it back; who sent it to us is forgotten, but most likely the parent.
            let parent = self.parent(dodag).filter(|_| !dodag.is_root());
            route.next_hop = parent.ok_or(NoRoute::Unreachable)?.link_local();
            return Ok(());
        }
        if dodag.is_root() {
            return beyond_root(dodag, flow);
        }
        self.up(dodag, flow, route, headers)
    }

    fn route_non_storing(
        &mut self,
        dodag: &Dodag,
        flow: &mut Flow<'_>,
        route: &mut Route,
        headers: &mut Writer<'_>,
    ) -> Way {
        if !dodag.is_root() {
            // What came down does not go up again: the root is yet to hear what has changed.
            return match flow.rpl_option.as_deref() {
                Some([bits, ..]) if bits & DOWN != 0 => Err(NoRoute::Discard),
                None if self.slot_of(dodag, &flow.from) == dodag.preferred => Err(NoRoute::Unreachable),
                _ => self.up(dodag, flow, route, headers),
            };
        }
        let mut room = [0; MAX_HOPS];
        let Some(mut path) = self.find_path(dodag, flow.destination, &mut room) else {
            return beyond_root(dodag, flow);
        };
        let outside = self.ends_outside(path);
        if outside {
            path = path.split_last().map_or(path, |(_, path)| path);
        }
        // The source route must not be longer than the packet may go (RFC 6554 §4.1).
        // A packet of our own carries the route itself: its hop limit falls with each segment.
        let whole = flow.own && !outside;
        if path.is_empty() {
            return Err(NoRoute::NotMine);
        }
        if !whole {
            path = path.get(..usize::from(flow.hop_limit)).unwrap_or(path);
        }
        let first = *self.hop_address(path, 0).ok_or(NoRoute::Discard)?;
        route.next_hop = self.on_link_address(&first);
        let segments_left = path.len().saturating_sub(1) as u8;
        if let Some(data) = flow.rpl_option.as_deref_mut() {
            // It came up with packet information and turns here.
            if let Some(bits) = data.first_mut() {
                *bits &= !RANK_ERROR;
            }
            dodag.inform(true, false, data)?;
            if segments_left == 0 {
                return Ok(());
            }
        }
        // Downward too each packet carries the information (RFC 9008 §6).
        dodag.put_information(true, flow.own, if segments_left > 0 { ROUTING } else { 0 }, headers)?;
        if segments_left > 0 {
            self.write_source_route(path, headers).map_err(|_| NoRoute::Unreachable)?;
        }
        route.encapsulation = if whole {
            Encapsulation::Insert { destination: first }
        } else {
            Encapsulation::Tunnel { destination: first, segments_left }
        };
        Ok(())
    }

    /// Which neighbour in the instance of a DODAG has this link address, [`NONE`] if it is none.
    #[inline(never)]
    fn slot_of(&self, dodag: &Dodag, link: &LinkAddress) -> u16 {
        if !link.is_some() {
            return NONE;
        }
        let slot = neighbours::find(self.neighbours, dodag.instance, &link.interface_identifier());
        slot.map_or(NONE, |slot| slot as u16)
    }

    /// The link-local address of the neighbour with this routable address.
    fn on_link_address(&self, address: &Ip) -> Ip {
        let iid = interface_identifier(address);
        let known = |entry: &&Neighbour| entry.owner != 0 && entry.routable_iid == iid;
        link_local(self.neighbours.iter().find(known).map_or(iid, |entry| entry.iid))
    }
}

impl Dodag {
    /// Completes a way with packet information: updates the option that is there, inserts one
    /// into a packet of our own, and puts others into the tunnel that the route says, to carry it.
    #[inline(never)]
    fn with_information(
        &self,
        down: bool,
        flow: &mut Flow<'_>,
        route: &mut Route,
        headers: &mut Writer<'_>,
    ) -> Way {
        if let Some(data) = flow.rpl_option.as_deref_mut() {
            route.encapsulation = Encapsulation::None;
            return self.inform(down, false, data);
        }
        if flow.own {
            route.encapsulation = Encapsulation::Insert { destination: *flow.destination };
        }
        self.put_information(down, flow.own, 0, headers)
    }

    /// Enters the direction and the own rank into the data of an option. The source of a packet puts zero for that
    /// (RFC 6550 §11.2).
    #[inline(never)]
    fn inform(&self, down: bool, own: bool, data: &mut [u8]) -> Way {
        let data: &mut [u8; 4] = data.first_chunk_mut().ok_or(NoRoute::Discard)?;
        let bits = if down && !self.leaf { DOWN } else { 0 };
        let rank = if own || self.leaf { 0 } else { self.dag_rank(self.known_rank()) };
        data[0] = data[0] & !DOWN | bits;
        [data[2], data[3]] = rank.to_be_bytes();
        Ok(())
    }

    /// Writes a hop-by-hop header with an option, whose type is that of the DODAG (RFC 9008 §4.1.3).
    #[inline(never)]
    fn put_information(&self, down: bool, own: bool, next_header: u8, headers: &mut Writer<'_>) -> Way {
        let kind = if self.configuration.rpi_0x23 || self.mode == 7 {
            PacketInformation::TYPE_SKIPPED
        } else {
            PacketInformation::TYPE
        };
        let to_root = if is_local_instance(self.instance) && !down { TO_ROOT } else { 0 };
        let mut data = [0, self.instance | to_root, 0, 0];
        self.inform(down, own, &mut data)?;
        let [bits, instance, high, low] = data;
        let header = [next_header, 0, kind, 4, bits, instance, high, low];
        headers.put(&header).map_err(|_| NoRoute::Discard)
    }
}

/// A destination that no route leads to, at the root.
fn beyond_root(dodag: &Dodag, flow: &Flow<'_>) -> Way {
    Err(match (is_inside(dodag, flow.destination), flow.own) {
        (true, _) => NoRoute::Unreachable,
        (false, true) => NoRoute::NotMine,
        (false, false) => NoRoute::Outside,
    })
}

/// Whether an address is of the DODAG's prefix, or is its root.
fn is_inside(dodag: &Dodag, address: &Ip) -> bool {
    let bits = dodag.prefix.prefix_len;
    dodag.id == *address || (bits > 0 && in_prefix(address, &dodag.prefix.prefix, bits))
}

impl Routing for Rpl<'_> {
    fn route(&mut self, flow: &mut Flow<'_>, route: &mut Route, headers: &mut Writer<'_>) -> Way {
        let dodag = dodag_for(self.dodags, flow);
        if dodag.is_none() && flow.rpl_option.is_some() {
            // Of an instance that is not known here (RFC 6550 §11.2.2.1).
            return Err(NoRoute::Unreachable);
        }
        if flow.source_routed {
            // Strictly to a neighbour.
            route.next_hop = self.node.on_link_address(flow.destination);
            return Ok(());
        }
        self.node.now = seconds(flow.now);
        let Some(dodag) = dodag else { return Err(NoRoute::NotMine) };
        self.node.route_within(dodag, flow, route, headers)
    }

    fn hop_by_hop(&mut self, now: Instant, kind: u8, data: &mut [u8], from: LinkAddress) -> bool {
        let Some([bits, instance, high, low]) = data.first_chunk_mut() else { return false };
        if !PacketInformation::is_type(kind) {
            return false;
        }
        let Rpl { dodags, node } = self;
        let Some(dodag) = dodag_of(dodags, instance_of(*instance), None) else { return true };
        let sender_rank = u16::from_be_bytes([*high, *low]);
        // From the source itself the rank is 0, and so not known. One that was sent back goes
        // against its direction on purpose.
        let exempt = sender_rank == 0 || *bits & FORWARDING_ERROR != 0;
        if exempt || dodag.membership == Membership::Detached {
            return true;
        }
        let own = if dodag.leaf { INFINITE_RANK } else { dodag.dag_rank(dodag.known_rank()) };
        let down = *bits & DOWN != 0;
        let mismatch = if down { sender_rank > own } else { sender_rank < own };
        if !mismatch {
            return true;
        }
        count(&mut node.statistics.rank_errors);
        node.now = seconds(now);
        dodag.inconsistency(node.now);
        let slot = node.slot_of(dodag, &from);
        if down {
            node.repeat_farewell(now, dodag, slot);
        } else if slot == dodag.preferred {
            // What our parent sends up comes back to us: a loop, which it must leave.
            if let Some(parent) = node.parent(dodag) {
                parent.rank = INFINITE_RANK;
                node.reselect = true;
            }
        }
        let marked = *bits & RANK_ERROR != 0;
        *bits |= RANK_ERROR;
        !marked
    }

    fn source_route(
        &mut self,
        header: &mut [u8],
        destination: &mut Ip,
        is_own: &dyn Fn(&Ip) -> bool,
    ) -> core::result::Result<(), RoutingHeaderError> {
        if header.get(2) != Some(&3) {
            // RFC 8200 §4.4: a routing type that is not known.
            return Err(RoutingHeaderError::Parameter(2));
        }
        match advance(header, destination, is_own) {
            Ok(_) => Ok(()),
            Err(Refusal::Drop) => Err(RoutingHeaderError::Discard),
            Err(Refusal::ParameterProblem(pointer)) => Err(RoutingHeaderError::Parameter(pointer)),
        }
    }

    fn on_error(&mut self, now: Instant, error: RoutingError) {
        match error {
            RoutingError::LinkFailure { neighbour } => self.link_failed(now, neighbour),
            RoutingError::SourceRoute { unreachable, .. } => self.source_route_failed(now, &unreachable),
            RoutingError::NoRouter { neighbour } => {
                let Rpl { dodags, node } = self;
                for dodag in dodags.iter_mut().filter(|dodag| dodag.leaf && dodag.is_member()) {
                    dodag.inconsistency(seconds(now));
                    let slot = node.slot_of(dodag, &neighbour);
                    node.repeat_farewell(now, dodag, slot);
                }
            }
        }
    }
}

impl Rpl<'_> {
    /// Whether a downward route of the DODAG leads to exactly this address.
    pub fn has_route(&self, instance: u8, address: &Ip) -> bool {
        let target = Target { prefix_len: 128, prefix: *address };
        let dodag = self.dodags.iter().find(|dodag| dodag.is_meant(instance, None));
        let entry = dodag.and_then(|dodag| routes::find(self.node.routes, dodag.owner, &target));
        entry.and_then(|entry| self.node.routes.get(entry)).is_some_and(|route| route.is_live(0))
    }
}
