// SPDX-License-Identifier: MIT OR Apache-2.0
//! The medium between the hosts: what is under way, and what becomes of it.
#![forbid(unsafe_code)]

use super::link::{Action, HostId, Link, Passing, Stats};
use crate::address::{Ip, SocketAddress};
use crate::random::{Random, Sequence};
use crate::sim::pcap::{self, Pcap};
use crate::status::{Error, Result};
use crate::time::Instant;
use crate::transport::{Datagram, Path};
use std::collections::{BTreeMap, BTreeSet};

pub(super) type Rule = Box<dyn FnMut(&Passing<'_>) -> Action>;

/// A host's place on the medium.
pub(super) struct Socket {
    pub(super) address: SocketAddress,
    pub(super) more: Vec<Ip>,
    pub(super) groups: BTreeSet<Ip>,
    pub(super) blocked: bool,
    pub(super) sends: u64,
    pub(super) failures: BTreeMap<u64, Error>,
}

/// What reaches a host.
pub(super) enum Happening {
    Datagram { path: Path, data: Vec<u8> },
    Writable,
    Failed { path: Path, error: Error },
    Closed,
}

/// What is under way, and what becomes of it.
pub(super) struct Medium {
    pub(super) now: Instant,
    pub(super) random: Sequence,
    pub(super) sockets: Vec<Socket>,
    // Ordered by time, then by the order of sending.
    pub(super) queue: BTreeMap<(Instant, u64), (HostId, Happening)>,
    pub(super) tickets: u64,
    pub(super) every: Link,
    pub(super) links: BTreeMap<(HostId, HostId), Link>,
    pub(super) counts: BTreeMap<(HostId, HostId), u64>,
    pub(super) script: BTreeMap<(HostId, HostId, u64), Action>,
    pub(super) rule: Option<Rule>,
    pub(super) capture: Option<Pcap<Vec<u8>>>,
    pub(super) stats: Stats,
}

/// One host's way into the medium.
pub(super) struct End<'a> {
    pub(super) medium: &'a mut Medium,
    pub(super) host: HostId,
}

impl Datagram for End<'_> {
    fn send(&mut self, path: &Path, datagram: &[u8]) -> Result<()> {
        self.medium.send(self.host, path, datagram)
    }

    fn max_size(&self, path: &Path) -> usize {
        let to = self.medium.receivers(self.host, path.remote);
        let size = |to: &HostId| self.medium.settings(self.host, *to).max_size;
        to.iter().map(size).min().unwrap_or(self.medium.every.max_size)
    }
}

impl Medium {
    /// An empty medium at time 0.
    pub(super) fn new(seed: u64) -> Medium {
        Medium {
            now: Instant::ZERO,
            random: Sequence(seed),
            sockets: Vec::new(),
            queue: BTreeMap::new(),
            tickets: 0,
            every: Link::default(),
            links: BTreeMap::new(),
            counts: BTreeMap::new(),
            script: BTreeMap::new(),
            rule: None,
            capture: None,
            stats: Stats::default(),
        }
    }

    pub(super) fn schedule(&mut self, at: Instant, host: HostId, happening: Happening) {
        self.tickets += 1;
        self.queue.insert((at, self.tickets), (host, happening));
    }

    fn settings(&self, from: HostId, to: HostId) -> Link {
        self.links.get(&(from, to)).copied().unwrap_or(self.every)
    }

    fn receivers(&self, from: HostId, to: SocketAddress) -> Vec<HostId> {
        let wanted = |(index, socket): &(usize, &Socket)| {
            let here = if to.ip.is_multicast() {
                socket.groups.contains(&to.ip) && HostId(*index) != from
            } else {
                socket.address.ip == to.ip || socket.more.contains(&to.ip)
            };
            here && socket.address.port == to.port
        };
        self.sockets.iter().enumerate().filter(wanted).map(|(index, _)| HostId(index)).collect()
    }

    /// The own address from which something leaves for `to`: one of the same kind if there is one.
    fn source(&self, from: HostId, path: &Path) -> Ip {
        if !path.local.is_unspecified() {
            return path.local;
        }
        let socket = &self.sockets[from.0];
        let kind = |ip: &Ip| (ip.to_v4().is_some(), ip.is_link_local());
        let alike = |ip: &Ip| kind(ip) == kind(&path.remote.ip);
        let more = socket.more.iter().copied();
        core::iter::once(socket.address.ip).chain(more).find(alike).unwrap_or(socket.address.ip)
    }

    fn chance(&mut self, per_thousand: u16) -> bool {
        // Drawn even when the answer is clear, so that changing one setting leaves the other
        // chances of the run as they were.
        self.random.below(1000) < u32::from(per_thousand)
    }

    fn send(&mut self, from: HostId, path: &Path, data: &[u8]) -> Result<()> {
        let source = self.source(from, path);
        let socket = &mut self.sockets[from.0];
        socket.sends += 1;
        if let Some(error) = socket.failures.remove(&socket.sends) {
            return Err(error);
        }
        if socket.blocked {
            return Err(Error::WouldBlock);
        }
        let own = SocketAddress { ip: source, ..socket.address };
        let receivers = self.receivers(from, path.remote);
        if receivers.iter().any(|to| data.len() > self.settings(from, *to).max_size) {
            return Err(Error::TooLarge);
        }
        self.stats.sent += 1;
        if let Some(capture) = &mut self.capture {
            let frame = pcap::udp(own, path.remote, data);
            capture.frame(self.now.0.saturating_mul(1000), &frame).map_err(|_| Error::Io)?;
        }
        if receivers.is_empty() {
            self.stats.unrouted += 1;
        }
        for to in receivers {
            let arrival = Path { remote: own, local: path.remote.ip };
            self.pass(from, to, arrival, data);
        }
        Ok(())
    }

    fn pass(&mut self, from: HostId, to: HostId, path: Path, data: &[u8]) {
        let number = self.counts.entry((from, to)).or_insert(0);
        *number += 1;
        let passing = Passing { at: self.now, from, to, number: *number, data };
        let action = match self.script.remove(&(from, to, passing.number)) {
            Some(action) => action,
            None => self.rule.as_mut().map_or(Action::Pass, |rule| rule(&passing)),
        };
        let link = self.settings(from, to);
        let mut data = data.to_vec();
        let lost = self.chance(link.loss);
        let twice = self.chance(link.duplicate);
        let flipped = self.chance(link.corrupt);
        let bit = self.random.below((data.len() as u32).saturating_mul(8)) as usize;
        if flipped && let Some(byte) = data.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
        let mut copies = if lost { 0 } else { 1 + usize::from(twice) };
        let mut held = 0;
        match action {
            Action::Pass => {}
            Action::Deliver => copies = copies.max(1),
            Action::Drop => copies = 0,
            Action::Copies(count) => copies = count,
            Action::Delay(milliseconds) => held = milliseconds,
            Action::Flip(offset, mask) => {
                if let Some(byte) = data.get_mut(offset) {
                    *byte ^= mask;
                }
            }
            Action::Replace(bytes) => data = bytes,
        }
        if copies == 0 {
            self.stats.lost += 1;
        }
        for _ in 0..copies {
            let mut delay = u64::from(link.delay) + u64::from(held);
            delay += u64::from(self.random.below(link.jitter.saturating_add(1)));
            if self.chance(link.reorder) {
                delay += u64::from(self.random.below(link.reorder_by.saturating_add(1)));
            }
            self.schedule(self.now.after(delay), to, Happening::Datagram { path, data: data.clone() });
        }
    }
}
