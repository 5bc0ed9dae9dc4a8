// SPDX-License-Identifier: MIT OR Apache-2.0
//! Multicast listener discovery on Ethernet-like links, the part of a listener (MLDv2, RFC 3810; MLDv1, RFC 2710): routers
//! and switches are told of the groups that this node listens to, all sources of each.
//!
//! The table is brought in line with the addresses and groups of the interface with each poll: what is new in it, and what
//! is there no more, is reported at once and once more a little later.
#![forbid(unsafe_code)]

use super::addresses::{ALL_NODES, ALL_ROUTERS, Address, AddressState, Addresses, solicited_node};
use super::link::LinkDestination;
use super::output::put_front;
use super::source_selection::scope;
use super::wire::exthdr::Extension;
use super::wire::icmpv6::{Icmpv6, kind};
use super::wire::nd::Medium;
use super::wire::{Header, protocol, seal};
use super::{Config, Context, Ipv6};
use crate::address::Ip;
use crate::bytes::{Parts, Writer, copy};
use crate::memory::Carver;
use crate::time::Instant;

/// How often a change is reported (RFC 3810 §9.1).
const ROBUSTNESS: u8 = 2;
/// Longest wait before it is reported again (RFC 3810 §9.11), in milliseconds.
const UNSOLICITED_REPORT_INTERVAL: u32 = 1000;
/// For how long a node speaks MLDv1 after a query of that version: the robustness times the query interval, and the query
/// response interval (RFC 3810 §9.12), in milliseconds.
const OLDER_VERSION_QUERIER_PRESENT: u64 = 2 * 125_000 + 10_000;
/// All routers that know MLDv2.
const ALL_MLDV2_ROUTERS: Ip = Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 0x16]);
/// All routers of the site, a group of routers beside that of the link.
const SITE_ROUTERS: Ip = Ip::v6([0xff05, 0, 0, 0, 0, 0, 0, 2]);

/// A hop-by-hop header with the Router Alert option for MLD (RFC 2711 §2.1), and padding.
const ROUTER_ALERT: [u8; 8] = [protocol::ICMPV6, 0, ALERT, 2, 0, 0, 1, 0];
/// The type of the Router Alert option.
const ALERT: u8 = 5;
/// What stands in front of a message.
const FRONT: usize = Header::LEN + ROUTER_ALERT.len();
/// How long a query of MLDv1 is behind its checksum; one of MLDv2 has four bytes more at least (RFC 3810 §8.1).
const V1_LEN: usize = 20;

/// Types of the records of a report (RFC 3810 §5.2.12).
const MODE_IS_EXCLUDE: u8 = 2;
const CHANGE_TO_INCLUDE: u8 = 3;
const CHANGE_TO_EXCLUDE: u8 = 4;
/// Bytes of a record without sources.
const RECORD: usize = 20;

/// A group that others are told of.
#[derive(Clone, Copy, Debug)]
struct Listening {
    group: Ip,
    /// How often its change is still to be reported.
    reports: u8,
    /// Whether it is listened to no more: it goes once that is reported.
    left: bool,
    /// Whether a router has asked about it.
    asked: bool,
}

/// Why messages are sent: something has changed, or was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    Change,
    Query,
}

impl Listening {
    /// Whether it is to be reported for that reason, which it is no more then: as a record of that type.
    fn take(&mut self, reason: Reason) -> Option<u8> {
        match reason {
            Reason::Query => core::mem::take(&mut self.asked).then_some(MODE_IS_EXCLUDE),
            Reason::Change => {
                self.reports = self.reports.checked_sub(1)?;
                Some(if self.left { CHANGE_TO_INCLUDE } else { CHANGE_TO_EXCLUDE })
            }
        }
    }
}

/// The groups that others are told of.
pub(super) struct Listener<'m> {
    /// There is room for all that can be listened to; what is left gives way.
    entries: &'m mut [Option<Listening>],
    /// When changes are reported again, and queries answered.
    change: Instant,
    answer: Instant,
    /// Until then routers are spoken to in MLDv1.
    older: Instant,
    /// Whether reports went out from nobody, of which routers take no notice (RFC 3810 §5.2.13).
    anonymous: bool,
}

/// The groups that others are to be told of: neither that of all nodes nor those within the node (RFC 3810 §6). Of an
/// address that is being checked when it is that in place `checked` alone.
fn groups<'a>(addresses: &'a Addresses<'_>, checked: Option<usize>) -> impl Iterator<Item = Ip> + 'a {
    let solicited = addresses.entries.iter().enumerate().filter_map(move |(place, entry)| match entry {
        Some(Address { ip, state: AddressState::Preferred, .. }) => Some(solicited_node(ip)),
        Some(Address { ip, state: AddressState::Tentative, .. }) if checked == Some(place) => {
            Some(solicited_node(ip))
        }
        _ => None,
    });
    let routers = [ALL_ROUTERS, SITE_ROUTERS].into_iter().filter(|_| addresses.router);
    let joined = addresses.groups.iter().flatten().copied();
    solicited.chain(joined).chain(routers).filter(|group| *group != ALL_NODES && scope(group) >= 2)
}

impl<'m> Listener<'m> {
    pub(super) fn carve(carver: &mut Carver<'m>, config: &Config) -> Listener<'m> {
        let all = usize::from(config.addresses) + usize::from(config.groups) + 2;
        let never = Instant::NEVER;
        Listener {
            entries: carver.part(if config.medium() == Medium::Ethernet { all } else { 0 }),
            change: never,
            answer: never,
            older: Instant::ZERO,
            anonymous: false,
        }
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Listening> {
        self.entries.iter_mut().flatten()
    }

    /// Whether others have been told of all there is, or are being told.
    fn is_up_to_date(&self, addresses: &Addresses<'_>, checked: Option<usize>) -> bool {
        let known =
            |group: Ip| self.entries.iter().flatten().any(|entry| !entry.left && entry.group == group);
        let mut current = self.entries.iter().flatten().filter(|entry| !entry.left);
        groups(addresses, checked).all(known)
            && current.all(|entry| groups(addresses, checked).any(|group| group == entry.group))
    }

    /// Brings the table in line with what is listened to.
    fn update(&mut self, addresses: &Addresses<'_>, checked: Option<usize>) {
        for entry in self.iter_mut().filter(|entry| !entry.left) {
            if !groups(addresses, checked).any(|group| group == entry.group) {
                (entry.left, entry.asked, entry.reports) = (true, false, ROBUSTNESS);
            }
        }
        for group in groups(addresses, checked) {
            let new = Listening { group, reports: ROBUSTNESS, left: false, asked: false };
            let same = |entry: &Option<Listening>| matches!(entry, Some(entry) if entry.group == group);
            let place = self.entries.iter().position(same);
            let free = || self.entries.iter().position(Option::is_none);
            let left = || self.entries.iter().position(|entry| matches!(entry, Some(entry) if entry.left));
            let entry = place.or_else(free).or_else(left).and_then(|place| self.entries.get_mut(place));
            if let Some(entry) = entry.filter(|entry| !same(entry) || entry.is_some_and(|entry| entry.left)) {
                *entry = Some(new);
            }
        }
    }

    /// Nothing is to be reported any more (RFC 3810 §8.2.1).
    fn be_silent(&mut self) {
        (self.change, self.answer) = (Instant::NEVER, Instant::NEVER);
        for entry in self.iter_mut() {
            (entry.reports, entry.asked) = (0, false);
        }
    }
}

/// The longest wait before the answer to a query of MLDv2, in milliseconds (RFC 3810 §5.1.3).
const fn maximum_response_delay(code: u16) -> u32 {
    let code = code as u32;
    if code < 0x8000 { code } else { (code & 0xfff | 0x1000) << ((code >> 12 & 7) + 3) }
}

/// Whether a packet has the Router Alert option in its hop-by-hop header.
fn has_router_alert(packet: &[u8]) -> bool {
    let hop_by_hop = packet.get(6) == Some(&protocol::HOP_BY_HOP);
    let header = Extension::parse(protocol::HOP_BY_HOP, packet.get(Header::LEN..).unwrap_or_default());
    let alert = |header: Extension<'_>| header.options().flatten().any(|option| option.kind == ALERT);
    hop_by_hop && header.is_ok_and(alert)
}

impl Ipv6<'_> {
    /// Whether others may be told of groups: not before the link-local address is being asked for, the first message of
    /// an interface (RFC 4862 §5.4.2), nor without one (§5.4.5).
    fn speaks(&self) -> bool {
        let own = self.link_local();
        self.addresses.find(&own).is_some_and(|address| match address.state {
            AddressState::Preferred => true,
            AddressState::Tentative => self.checked().is_some(),
            AddressState::Duplicate => false,
        })
    }

    /// When [`Ipv6::poll_listener`] has something to do.
    pub(super) fn listener_deadline(&self) -> Instant {
        let listener = &self.listener;
        if self.config.medium() != Medium::Ethernet || !self.speaks() {
            return Instant::NEVER;
        }
        let heard = !listener.anonymous || !self.addresses.is_own(&self.link_local());
        if !heard || !listener.is_up_to_date(&self.addresses, self.checked()) {
            return Instant::ZERO;
        }
        listener.change.min(listener.answer)
    }

    /// Reports what has changed (RFC 3810 §6.1), and answers queries whose time has come (§6.3).
    pub(super) fn poll_listener(&mut self, cx: &mut Context<'_>) {
        if !self.listener_deadline().is_due(cx.now) {
            return;
        }
        let checked = self.checked();
        if self.listener.anonymous && self.addresses.is_own(&self.link_local()) {
            self.listener.anonymous = false;
            self.listener.iter_mut().for_each(|entry| entry.reports = ROBUSTNESS);
            self.listener.change = cx.now;
        }
        if !self.listener.is_up_to_date(&self.addresses, checked) {
            self.listener.update(&self.addresses, checked);
            self.listener.change = cx.now;
        }
        if self.listener.change.is_due(cx.now) {
            self.send_reports(cx, Reason::Change);
            for entry in self.listener.entries.iter_mut() {
                if entry.is_some_and(|entry| entry.left && entry.reports == 0) {
                    *entry = None;
                }
            }
            let more = self.listener.iter_mut().any(|entry| entry.reports > 0);
            let wait = 1 + u64::from(cx.random.below(UNSOLICITED_REPORT_INTERVAL));
            self.listener.change = if more { cx.now.after(wait) } else { Instant::NEVER };
        }
        if self.listener.answer.is_due(cx.now) {
            self.listener.answer = Instant::NEVER;
            self.send_reports(cx, Reason::Query);
        }
    }

    /// A message of multicast listener discovery. Queries of routers are answered after a random while (RFC 3810 §6.2);
    /// what others report of a group is of interest in MLDv1 alone (RFC 2710 §4).
    pub(super) fn receive_listener(
        &mut self,
        cx: &mut Context<'_>,
        header: &Header,
        packet: &[u8],
        message: &Icmpv6<'_>,
    ) {
        let valid = header.source.is_link_local() && header.hop_limit == 1 && has_router_alert(packet);
        let (true, Some((fixed, rest))) = (valid, message.body.split_first_chunk::<V1_LEN>()) else {
            self.malformed();
            return;
        };
        let [high, low, _, _, group @ ..] = fixed;
        let group = Ip::of(group);
        let asks = message.kind == kind::MULTICAST_LISTENER_QUERY;
        let older = self.listener.older > cx.now;
        if !asks {
            // Another listener has answered already.
            self.listener.iter_mut().filter(|entry| older && entry.group == *group).for_each(|entry| {
                entry.asked = false;
            });
            return;
        }
        let code = u16::from_be_bytes([*high, *low]);
        let longest = match rest.len() {
            0 => {
                if !older {
                    self.listener.be_silent();
                }
                self.listener.older = cx.now.after(OLDER_VERSION_QUERIER_PRESENT);
                u32::from(code)
            }
            1..4 => return,
            _ => maximum_response_delay(code),
        };
        let mut any = false;
        let of_all = group.is_unspecified();
        for entry in self.listener.iter_mut().filter(|entry| !entry.left && (of_all || entry.group == *group))
        {
            (entry.asked, any) = (true, true);
        }
        if any {
            self.listener.answer.hasten(cx.now.after(1 + u64::from(cx.random.below(longest.max(1)))));
        }
    }

    /// Sends a report of all groups that are to be reported for that reason, in as many messages as it takes.
    fn send_reports(&mut self, cx: &mut Context<'_>, reason: Reason) {
        let older = self.listener.older > cx.now;
        let mut place = 0;
        // Each round passes one group at least.
        while place < self.listener.entries.len() {
            let mut out = Writer::new(self.buffer.get_mut(FRONT..).unwrap_or_default());
            let mut count = 0;
            let mut destination = ALL_MLDV2_ROUTERS;
            let _ = out.put(&[kind::MULTICAST_LISTENER_REPORT_V2, 0, 0, 0, 0, 0, 0, 0]);
            let room = if older { 1 } else { (out.remaining() / RECORD).max(1) };
            while let Some(entry) = self.listener.entries.get_mut(place) {
                if count == room {
                    break;
                }
                place += 1;
                let Some((record, group)) =
                    entry.as_mut().and_then(|entry| Some((entry.take(reason)?, entry.group)))
                else {
                    continue;
                };
                count += 1;
                if !older {
                    let _ = out.put(&[record, 0, 0, 0]);
                } else if let Some(first) = out.written_mut().first_mut() {
                    (*first, destination) = match record {
                        CHANGE_TO_INCLUDE => (kind::MULTICAST_LISTENER_DONE, ALL_ROUTERS),
                        _ => (kind::MULTICAST_LISTENER_REPORT, group),
                    };
                }
                let _ = out.put(&group.0);
            }
            if let (false, [_, _, _, _, _, _, high, low, ..]) = (older, out.written_mut()) {
                [*high, *low] = (count as u16).to_be_bytes();
            }
            let length = out.position();
            if count > 0 {
                self.send_report(cx, &destination, length);
            }
        }
    }

    /// Sends a message of which `length` bytes stand behind the room for the headers, from the link-local address or from
    /// nobody while that is being checked (RFC 3590 §4).
    fn send_report(&mut self, cx: &mut Context<'_>, destination: &Ip, length: usize) {
        let own = self.link_local();
        let source = if self.addresses.is_own(&own) { own } else { Ip::UNSPECIFIED };
        self.listener.anonymous |= source.is_unspecified();
        let Some((front, message)) =
            self.buffer.get_mut(..FRONT + length).and_then(|all| all.split_at_mut_checked(FRONT))
        else {
            return;
        };
        seal(&source, destination, protocol::ICMPV6, message, &[]);
        copy(front.get_mut(Header::LEN..).unwrap_or_default(), &ROUTER_ALERT);
        let headers = (ROUTER_ALERT.len(), length);
        if put_front(self.buffer, headers, protocol::ICMPV6, 1, &source, destination).is_err() {
            return;
        }
        let packet = Parts::whole(self.buffer.get(..FRONT + length).unwrap_or_default());
        // One that is lost is repeated, or asked for again.
        let sent = cx.link.send(packet, LinkDestination::Multicast(*destination));
        let counter =
            if sent.is_ok() { &mut self.statistics.sent } else { &mut self.statistics.link_refused };
        *counter = counter.wrapping_add(1);
    }
}
