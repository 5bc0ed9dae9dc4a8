// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses that are unique in the whole network: the border router's registry, and the
//! messages by which the routers ask it (RFC 6775 §8.2, RFC 8505 §5.4).
#![forbid(unsafe_code)]

use super::{MAX_SOLICIT, MULTIHOP};
use crate::address::Ip;
use crate::ipv6::event::Event;
use crate::ipv6::neighbours::{Claim, Neighbour, NeighbourState, REACHABLE_TIME};
use crate::ipv6::output::Outgoing;
use crate::ipv6::wire::icmpv6::{Icmpv6, kind};
use crate::ipv6::wire::nd::{Medium, Options, RegistrationStatus};
use crate::ipv6::wire::{Header, protocol};
use crate::ipv6::{Context, Ipv6, Role};
use crate::lollipop::is_newer;
use crate::time::Instant;

/// The hop limit of messages between router and border router (RFC 6775 §9).
const MULTIHOP_HOPLIMIT: u8 = 64;
/// How long the border router remembers an address whose registration has ended, in case that
/// its owner has only moved (RFC 8505 §5.7), in milliseconds.
const REMOVAL_DELAY: u64 = 5000;
/// What transaction IDs begin with (RFC 8505 §5.2.1).
pub(super) const FIRST_TID: u8 = crate::lollipop::START;

/// What stands behind type and length of an Address Registration Option (RFC 6775 §4.1, RFC 8505 §4.1) that names the
/// owner by 64 bits: status, opaque, flags, transaction ID, lifetime, owner.
pub(super) type Body = [u8; 14];
/// The flag that the option carries a transaction ID.
pub(super) const EXTENDED: u8 = 1;
/// The flag that the address is to be made reachable.
pub(super) const REACHABILITY: u8 = 2;

impl Claim {
    /// What an option says.
    pub(super) const fn of(body: &Body) -> Claim {
        let [_, _, flags, tid, high, low, rovr @ ..] = *body;
        let tid = if flags & EXTENDED != 0 { Some(tid) } else { None };
        Claim { rovr, tid, lifetime: u16::from_be_bytes([high, low]) }
    }

    /// The option that says so, with these flags besides.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(super) fn body(&self, flags: u8) -> Body {
        let mut body = [0; 14];
        body[2] = flags;
        if let Some(tid) = self.tid {
            body[2] |= EXTENDED;
            body[3] = tid;
        }
        body[4..6].copy_from_slice(&self.lifetime.to_be_bytes());
        body[6..].copy_from_slice(&self.rovr);
        body
    }
}

/// An address in the registry of a border router.
#[derive(Clone, Copy, Debug)]
pub(in crate::ipv6) struct Registered {
    ip: Ip,
    claim: Claim,
    pub(super) until: Instant,
    /// The router that asked about it; unspecified when it is registered with this node.
    router: Ip,
}

impl Registered {
    /// The router that the owner of the address has left by registering it with another. One whose address differs in its
    /// prefix alone is the same.
    fn is_left_for(&self, router: &Ip, claim: &Claim) -> Option<Ip> {
        let same = self.router.0.last_chunk::<8>() == router.0.last_chunk();
        (!same && claim.tid.is_some() && claim.lifetime != 0).then_some(self.router)
    }
}

impl Ipv6<'_> {
    /// The owner of an address has moved away from the router that had it, be it this node: it is to clean up (RFC 8505
    /// §5.7).
    pub(super) fn tell_former(
        &mut self,
        cx: &mut Context<'_>,
        former: &Ip,
        ip: &Ip,
        claim: &Claim,
    ) -> Option<Event<'static>> {
        let moved = RegistrationStatus::Moved as u8;
        if former.is_unspecified() {
            self.neighbours.find(ip).filter(|entry| entry.ip == *ip && entry.registers())?;
            return self.conclude_registration(cx, ip, moved);
        }
        // An attempt: what gets lost ends with its lifetime.
        self.send_duplicate(cx, kind::DUPLICATE_ADDRESS_CONFIRMATION, former, moved, ip, claim);
        None
    }

    /// Enters or renews an address in the registry for the router that asks; `former` becomes the one that has the address
    /// no more. With what status that ended.
    pub(super) fn enter(
        &mut self,
        now: Instant,
        ip: &Ip,
        claim: &Claim,
        router: &Ip,
        former: &mut Option<Ip>,
    ) -> u8 {
        if self.addresses.find(ip).is_some() {
            return RegistrationStatus::Duplicate as u8;
        }
        let until = match claim.lifetime {
            0 => now.after(REMOVAL_DELAY),
            minutes => now.after(u64::from(minutes) * 60_000),
        };
        // Without a registry nothing is checked.
        let mut status =
            if self.nd.registry.is_empty() { 0 } else { RegistrationStatus::RegistrySaturated as u8 };
        let mut place = None;
        for entry in self.nd.registry.iter_mut() {
            match entry {
                Some(known) if known.ip == *ip => {
                    status = match (known.claim.tid, claim.tid) {
                        _ if known.claim.rovr != claim.rovr => RegistrationStatus::Duplicate as u8,
                        (Some(old), Some(new)) if is_newer(old, new) => RegistrationStatus::Moved as u8,
                        // RFC 8505 §6.3: what has no transaction ID does not change what has one.
                        (Some(_), None) => RegistrationStatus::Moved as u8,
                        _ => 0,
                    };
                    place = Some(entry);
                    break;
                }
                None if place.is_none() => (status, place) = (0, Some(entry)),
                _ => {}
            }
        }
        match place {
            // Nothing to end.
            None | Some(None) if claim.lifetime == 0 => 0,
            Some(place) if status == 0 => {
                *former = place.and_then(|known| known.is_left_for(router, claim));
                *place = Some(Registered { ip: *ip, claim: *claim, until, router: *router });
                status
            }
            _ => status,
        }
    }

    /// Drops registrations whose time is over.
    pub(super) fn poll_registry(&mut self, now: Instant) {
        for entry in self.nd.registry.iter_mut() {
            if entry.is_some_and(|entry| entry.until.is_due(now)) {
                *entry = None;
            }
        }
    }

    /// How many addresses the registry of a border router holds.
    pub fn registered(&self) -> usize {
        self.nd.registry.iter().flatten().count()
    }

    /// A router asks about an address, or the border router answers (RFC 6775 §8.2.4, §8.2.5).
    pub(super) fn receive_duplicate(
        &mut self,
        cx: &mut Context<'_>,
        header: &Header,
        message: &Icmpv6<'_>,
    ) -> Option<Event<'static>> {
        let suffix = message.code & 0xf;
        let (Some((fixed, options)), 0..=4) = (message.body.split_first_chunk::<28>(), suffix) else {
            self.malformed();
            return None;
        };
        let [status, tid, high, low, ..] = *fixed;
        let [_, _, _, _, _, _, _, _, _, _, _, _, ip @ ..] = fixed;
        let ip = Ip::of(ip);
        // Owners' marks beyond 64 bits are for networks without RFC 6775 nodes.
        if suffix > 1 {
            return None;
        }
        if ip.is_multicast() || header.source.is_unspecified() || !Options::new(options).are_valid() {
            self.malformed();
            return None;
        }
        let claim = Claim {
            rovr: *fixed[4..].first_chunk()?,
            tid: if suffix == 0 { None } else { Some(tid) },
            lifetime: u16::from_be_bytes([high, low]),
        };
        if message.kind == kind::DUPLICATE_ADDRESS_CONFIRMATION {
            let Neighbour { state, claim: own, .. } = self.neighbours.find(ip)?;
            let older = own.tid.zip(claim.tid).is_some_and(|(own, told)| is_newer(own, told));
            let concerns = match state {
                NeighbourState::Tentative => true,
                // RFC 8505 §5.7: the host has registered elsewhere since.
                NeighbourState::Registered => status == RegistrationStatus::Moved as u8,
                _ => false,
            };
            if !concerns || older || own.rovr != claim.rovr {
                return None;
            }
            return self.conclude_registration(cx, ip, status);
        }
        if self.config.role == Role::BorderRouter {
            let mut former = None;
            let status = self.enter(cx.now, ip, &claim, &header.source, &mut former);
            let kind = kind::DUPLICATE_ADDRESS_CONFIRMATION;
            self.send_duplicate(cx, kind, &header.source, status, ip, &claim);
            return self.tell_former(cx, &former?, ip, &claim);
        }
        None
    }

    /// A tentative registration succeeds, or ends with an error; one that was there ends.
    fn conclude_registration(&mut self, cx: &mut Context<'_>, ip: &Ip, status: u8) -> Option<Event<'static>> {
        let entry = self.neighbours.find_mut(ip)?;
        let Claim { lifetime, tid, .. } = entry.claim;
        let registration = entry.claim.body(0);
        let was_registered = entry.state == NeighbourState::Registered;
        // Who knows transaction IDs registers from a link-local address (RFC 8505 §5.6), others from that which they register.
        let source = if tid.is_some() { entry.link.link_local() } else { *ip };
        if status == 0 {
            entry.settle(NeighbourState::Registered, cx.now.after(u64::from(lifetime) * 60_000));
        } else {
            self.neighbours.remove(ip);
        }
        self.answer_registration(cx, ip, &registration, status, &source);
        match status {
            0 => Some(Event::Registered(*ip)),
            _ if was_registered => Some(Event::Deregistered(*ip)),
            _ => None,
        }
    }

    /// Neighbours that were not heard for a while become stale. On IEEE 802.15.4, where nothing asks about them, entries
    /// that served one answer go. Registrations end; the border router is asked again about tentative ones, or they
    /// go on without its answer (RFC 6775 §8.2.6).
    pub(super) fn poll_neighbours(&mut self, cx: &mut Context<'_>) -> Option<Event<'static>> {
        let now = cx.now;
        let lowpan = self.config.medium() == Medium::Ieee802154;
        for index in 0..self.neighbours.0.len() {
            let Some(entry) = self.neighbours.0.get_mut(index) else { break };
            let Some(neighbour) = entry else { continue };
            let over = neighbour.until.get().is_due(now);
            match neighbour.state {
                _ if !over => {}
                NeighbourState::Tentative if MULTIHOP => {
                    let Neighbour { ip, claim, .. } = *neighbour;
                    if neighbour.probes >= MAX_SOLICIT {
                        return self.conclude_registration(cx, &ip, 0);
                    }
                    neighbour.probes += 1;
                    neighbour.until.set(now.after(super::RETRANS_TIMER));
                    self.send_duplicate_request(cx, &ip, &claim);
                }
                NeighbourState::Registered => {
                    let ip = neighbour.ip;
                    *entry = None;
                    if !ip.is_link_local() {
                        return Some(Event::Deregistered(ip));
                    }
                }
                NeighbourState::Stale if lowpan && !neighbour.router => *entry = None,
                NeighbourState::Reachable => {
                    neighbour.state = NeighbourState::Stale;
                    neighbour.until.set(if lowpan { now.after(REACHABLE_TIME) } else { Instant::NEVER });
                }
                NeighbourState::Stale => neighbour.until.set(Instant::NEVER),
                _ => {}
            }
        }
        None
    }

    /// Asks the border router about an address, or tells it that its registration has ended.
    pub(super) fn send_duplicate_request(&mut self, cx: &mut Context<'_>, ip: &Ip, claim: &Claim) {
        let Some(border) = self.border_router_of(ip).map(|border| border.ip) else { return };
        self.send_duplicate(cx, kind::DUPLICATE_ADDRESS_REQUEST, &border, 0, ip, claim);
    }

    fn send_duplicate(
        &mut self,
        cx: &mut Context<'_>,
        kind: u8,
        destination: &Ip,
        status: u8,
        ip: &Ip,
        claim: &Claim,
    ) {
        let body = claim.body(0);
        let mut upper = [kind, body[2], 0, 0, status, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        // Transaction ID, lifetime and owner stand alike in both.
        upper[5..].copy_from_slice(&body[3..]);
        let outgoing = Outgoing {
            destination,
            hop_limit: MULTIHOP_HOPLIMIT,
            protocol: protocol::ICMPV6,
            upper: &upper,
            body: &ip.0,
        };
        // Requests are repeated, and a lost confirmation is asked for again.
        let _ = self.send_upper(cx, None, &outgoing);
    }
}
