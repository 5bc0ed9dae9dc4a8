// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses that are unique in the whole network: the border router's registry, and the
//! messages by which the routers ask it (RFC 6775 §8.2, RFC 8505 §5.4).
#![forbid(unsafe_code)]

use super::MAX_SOLICIT;
use crate::address::Ip;
use crate::ipv6::input::Event;
use crate::ipv6::neighbours::{Claim, Neighbour, NeighbourState};
use crate::ipv6::output::Outgoing;
use crate::ipv6::wire::Header;
use crate::ipv6::wire::icmpv6::{Icmpv6, kind};
use crate::ipv6::wire::nd::{DuplicateAddress, Registration, RegistrationStatus};
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

/// An address in the registry of a border router.
#[derive(Clone, Copy, Debug)]
pub(in crate::ipv6) struct Registered {
    ip: Ip,
    claim: Claim,
    pub(super) until: Instant,
}

impl Ipv6<'_> {
    /// Enters or renews an address in the registry and says with what status that ended.
    pub(super) fn enter(&mut self, now: Instant, ip: &Ip, claim: &Claim) -> u8 {
        if self.addresses.find(ip).is_some() {
            return RegistrationStatus::Duplicate as u8;
        }
        let known = |entry: &Option<Registered>| entry.as_ref().is_some_and(|entry| entry.ip == *ip);
        let until = match claim.lifetime {
            0 => now.after(REMOVAL_DELAY),
            minutes => now.after(u64::from(minutes) * 60_000),
        };
        if let Some(Some(entry)) = self.nd.registry.iter_mut().find(|entry| known(entry)) {
            if entry.claim.rovr != claim.rovr {
                return RegistrationStatus::Duplicate as u8;
            }
            match (entry.claim.tid, claim.tid) {
                (Some(old), Some(new)) if is_newer(old, new) => return RegistrationStatus::Moved as u8,
                // RFC 8505 §6.3: what has no transaction ID does not change what has one.
                (Some(_), None) => return RegistrationStatus::Moved as u8,
                _ => {}
            }
            entry.claim = *claim;
            entry.until = until;
            return RegistrationStatus::Success as u8;
        }
        if claim.lifetime == 0 || self.nd.registry.is_empty() {
            // Nothing to end; and without a registry nothing is checked.
            return RegistrationStatus::Success as u8;
        }
        match self.nd.registry.iter_mut().find(|entry| entry.is_none()) {
            Some(free) => {
                *free = Some(Registered { ip: *ip, claim: *claim, until });
                RegistrationStatus::Success as u8
            }
            None => RegistrationStatus::RegistrySaturated as u8,
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
        let Ok(told) = DuplicateAddress::parse(message.code, message.body) else {
            self.malformed();
            return None;
        };
        let rovr = *<&[u8; 8]>::try_from(told.rovr).ok()?;
        if message.kind == kind::DUPLICATE_ADDRESS_CONFIRMATION {
            let entry = self.neighbours.find(told.address)?;
            if entry.state != NeighbourState::Tentative || entry.claim.rovr != rovr {
                return None;
            }
            return self.conclude_registration(cx, told.address, told.status);
        }
        if self.config.role == Role::BorderRouter && !header.source.is_unspecified() {
            let claim = Claim { rovr, tid: told.tid, lifetime: told.lifetime };
            let status = self.enter(cx.now, told.address, &claim);
            let answer = DuplicateAddress { status, ..told };
            self.send_duplicate(cx, kind::DUPLICATE_ADDRESS_CONFIRMATION, &header.source, &answer);
        }
        None
    }

    /// A tentative registration succeeds, or ends with an error.
    fn conclude_registration(&mut self, cx: &mut Context<'_>, ip: &Ip, status: u8) -> Option<Event<'static>> {
        let entry = self.neighbours.find_mut(ip)?;
        let Neighbour { claim: Claim { rovr, tid, lifetime }, link, .. } = *entry;
        let registration =
            Registration { status, opaque: 0, reachability: false, tid, lifetime, rovr: &rovr };
        if status == 0 {
            entry.settle(NeighbourState::Registered, cx.now.after(u64::from(lifetime) * 60_000));
        } else {
            self.neighbours.remove(ip);
        }
        self.answer_registration(cx, ip, &registration, status, link);
        if status == 0 { Some(Event::Registered(*ip)) } else { None }
    }

    /// Asks the border router again about tentative registrations, or goes on without its answer
    /// (RFC 6775 §8.2.6).
    pub(super) fn poll_neighbours(&mut self, cx: &mut Context<'_>) -> Option<Event<'static>> {
        let now = cx.now;
        for index in 0..self.neighbours.0.len() {
            let Some(entry) = self.neighbours.0.get_mut(index) else { break };
            let Some(neighbour) = entry.as_mut().filter(|neighbour| neighbour.registers()) else { continue };
            let (ip, registered) = (neighbour.ip, neighbour.state == NeighbourState::Registered);
            if neighbour.until.get().is_due(now) {
                *entry = None;
                if registered {
                    return Some(Event::Deregistered(ip));
                }
                continue;
            }
            if registered || !neighbour.timer.get().is_due(now) {
                continue;
            }
            if neighbour.probes >= MAX_SOLICIT {
                return self.conclude_registration(cx, &ip, 0);
            }
            neighbour.probes += 1;
            neighbour.timer.set(now.after(super::RETRANS_TIMER));
            let claim = neighbour.claim;
            self.send_duplicate_request(cx, &ip, &claim);
        }
        None
    }

    /// Asks the border router about an address, or tells it that its registration has ended.
    pub(super) fn send_duplicate_request(&mut self, cx: &mut Context<'_>, ip: &Ip, claim: &Claim) {
        let Some(border) = self.border_router_of(ip).map(|border| border.ip) else { return };
        let Claim { rovr, tid, lifetime } = claim;
        let request = DuplicateAddress { status: 0, tid: *tid, lifetime: *lifetime, rovr, address: ip };
        self.send_duplicate(cx, kind::DUPLICATE_ADDRESS_REQUEST, &border, &request);
    }

    fn send_duplicate(
        &mut self,
        cx: &mut Context<'_>,
        kind: u8,
        destination: &Ip,
        message: &DuplicateAddress<'_>,
    ) {
        let outgoing = Outgoing {
            source: None,
            destination,
            hop_limit: MULTIHOP_HOPLIMIT,
            icmp: Some((kind, message.code())),
            body: &[],
        };
        // Requests are repeated, and a lost confirmation is asked for again.
        let _ = self.send_upper(cx, &outgoing, &mut |out| message.emit(out));
    }
}
