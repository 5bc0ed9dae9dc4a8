// SPDX-License-Identifier: MIT OR Apache-2.0
//! Datagrams between simulated hosts.
//!
//! A [`Net`] owns the medium, the clock and the randomness; the hosts stay the test's own, so
//! that it can give commands and look at them between two [`run`](Net::run)s:
//!
//! ```
//! use mote::address::{Ip, SocketAddress};
//! use mote::sim::net::{Action, Link, Net, Recorder};
//! use mote::time::Instant;
//! use mote::transport::{Datagram, Path};
//!
//! let mut net = Net::new(1);
//! let a = net.host(SocketAddress::new(Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 1]), 5683));
//! let b = net.host(SocketAddress::new(Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 2]), 5683));
//! net.every(Link { loss: 0, delay: 5, ..Link::default() });
//! net.script(a, b, 1, Action::Drop);
//! let (mut alice, mut bob) = (Recorder::default(), Recorder::default());
//! let path = Path::to(net.address(b));
//! for text in ["lost", "found"] {
//!     net.with(a, |cx| cx.transport.send(&path, text.as_bytes())).unwrap();
//! }
//! net.run(&mut [&mut alice, &mut bob], Instant(1000));
//! assert_eq!(bob.received.len(), 1);
//! assert_eq!(bob.received[0].data, b"found");
//! ```
#![forbid(unsafe_code)]

mod link;
mod medium;

pub use link::{Action, HostId, Link, Passing, Stats};

use super::SPIN_LIMIT;
use super::pcap::{self, Pcap};
use crate::address::{Ip, SocketAddress};
use crate::random::{Random, Sequence};
use crate::status::Error;
use crate::time::Instant;
use crate::transport::{DatagramContext, DatagramEvent, Path};
use medium::{End, Happening, Medium, Socket};
use std::collections::{BTreeMap, BTreeSet};

/// An engine, or whatever else lives at an address.
pub trait Host {
    /// Takes what the network brings.
    fn receive(&mut self, cx: &mut DatagramContext<'_>, event: DatagramEvent<'_>);

    /// Does all that is due now. Called after every `receive`, and when the deadline is due.
    fn poll(&mut self, cx: &mut DatagramContext<'_>);

    /// When `poll` is wanted without input; [`Instant::NEVER`] when it is not.
    fn next_deadline(&self) -> Instant;
}

/// One datagram that a [`Recorder`] received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Instant,
    /// From whom, and to which of the own addresses.
    pub path: Path,
    /// What.
    pub data: Vec<u8>,
}

/// A host that only keeps what comes: the other end of tests that write messages by hand.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// All that came, in order.
    pub received: Vec<Arrival>,
}

impl Host for Recorder {
    fn receive(&mut self, cx: &mut DatagramContext<'_>, event: DatagramEvent<'_>) {
        if let DatagramEvent::Received { path, data } = event {
            self.received.push(Arrival { at: cx.now, path, data: data.to_vec() });
        }
    }

    fn poll(&mut self, _cx: &mut DatagramContext<'_>) {}

    fn next_deadline(&self) -> Instant {
        Instant::NEVER
    }
}

/// A network of hosts under a virtual clock.
pub struct Net {
    medium: Medium,
    randoms: Vec<Sequence>,
    seed: u64,
    spins: u32,
}

impl Net {
    /// An empty network at time 0. The seed decides every chance in it.
    pub fn new(seed: u64) -> Net {
        Net { medium: Medium::new(seed), randoms: Vec::new(), seed, spins: 0 }
    }

    /// Adds a host at `address`; hosts are numbered from 0 in the order of this call.
    pub fn host(&mut self, address: SocketAddress) -> HostId {
        let id = HostId(self.medium.sockets.len());
        self.medium.sockets.push(Socket {
            address,
            more: Vec::new(),
            groups: BTreeSet::new(),
            blocked: false,
            sends: 0,
            failures: BTreeMap::new(),
        });
        self.randoms.push(Sequence(self.seed ^ (id.0 as u64 + 1).wrapping_mul(0x9e37_79b9)));
        id
    }

    /// The host at this address, if there is one.
    pub fn find(&self, address: SocketAddress) -> Option<HostId> {
        let here = |socket: &Socket| socket.address.ip == address.ip && socket.address.port == address.port;
        self.medium.sockets.iter().position(here).map(HostId)
    }

    /// Takes a host away: nothing reaches it any more, and its address is free. Its number stays taken.
    pub fn remove(&mut self, host: HostId) {
        let socket = &mut self.medium.sockets[host.0];
        socket.address = SocketAddress::default();
        socket.more.clear();
        socket.groups.clear();
        self.medium.queue.retain(|_, (to, _)| *to != host);
    }

    /// The address of the host.
    pub fn address(&self, host: HostId) -> SocketAddress {
        self.medium.sockets[host.0].address
    }

    /// Gives the host one more address, at the same port.
    pub fn add_address(&mut self, host: HostId, ip: Ip) {
        self.medium.sockets[host.0].more.push(ip);
    }

    /// Moves the host to another address, as a restarted or re-numbered device would.
    pub fn readdress(&mut self, host: HostId, address: SocketAddress) {
        self.medium.sockets[host.0].address = address;
    }

    /// Lets the host receive what is sent to the group.
    pub fn join(&mut self, host: HostId, group: Ip) {
        self.medium.sockets[host.0].groups.insert(group);
    }

    /// Ends what [`join`](Net::join) began.
    pub fn leave(&mut self, host: HostId, group: Ip) {
        self.medium.sockets[host.0].groups.remove(&group);
    }

    /// Sets how every link behaves that has no settings of its own.
    pub fn every(&mut self, link: Link) {
        self.medium.every = link;
    }

    /// Sets how the way from one host to the other behaves.
    pub fn link(&mut self, from: HostId, to: HostId, link: Link) {
        self.medium.links.insert((from, to), link);
    }

    /// Sets both ways between two hosts.
    pub fn both(&mut self, a: HostId, b: HostId, link: Link) {
        self.link(a, b, link);
        self.link(b, a, link);
    }

    /// Scripts the fate of the `number`-th datagram from one host to the other, counting from 1
    /// since the start of the run.
    pub fn script(&mut self, from: HostId, to: HostId, number: u64, action: Action) {
        self.medium.script.insert((from, to, number), action);
    }

    /// Asks `rule` about every datagram for which nothing is scripted.
    pub fn rule(&mut self, rule: impl FnMut(&Passing<'_>) -> Action + 'static) {
        self.medium.rule = Some(Box::new(rule));
    }

    /// Forgets the rule.
    pub fn no_rule(&mut self) {
        self.medium.rule = None;
    }

    /// How many datagrams have been sent from one host to the other.
    pub fn count(&self, from: HostId, to: HostId) -> u64 {
        self.medium.counts.get(&(from, to)).copied().unwrap_or(0)
    }

    /// Makes the host's `number`-th send from now on (counting from 1) fail with `error`.
    pub fn fail_send(&mut self, host: HostId, number: u64, error: Error) {
        let socket = &mut self.medium.sockets[host.0];
        socket.failures.insert(socket.sends + number, error);
    }

    /// While blocked, the host's sends are refused with [`Error::WouldBlock`]. The end of it
    /// brings [`DatagramEvent::Writable`].
    pub fn block(&mut self, host: HostId, blocked: bool) {
        let before = core::mem::replace(&mut self.medium.sockets[host.0].blocked, blocked);
        if before && !blocked {
            self.medium.schedule(self.medium.now, host, Happening::Writable);
        }
    }

    /// Tells the host that `path` leads nowhere.
    pub fn fail_path(&mut self, host: HostId, path: Path, error: Error) {
        self.medium.schedule(self.medium.now, host, Happening::Failed { path, error });
    }

    /// Tells the host that its transport is gone.
    pub fn close(&mut self, host: HostId) {
        self.medium.schedule(self.medium.now, host, Happening::Closed);
    }

    /// The virtual time.
    pub const fn now(&self) -> Instant {
        self.medium.now
    }

    /// What has happened so far.
    pub const fn stats(&self) -> Stats {
        self.medium.stats
    }

    /// Starts to capture every datagram as it is sent, those that get lost included.
    pub fn capture(&mut self) {
        self.medium.capture = Pcap::new(Vec::new(), pcap::RAW_IP).ok();
    }

    /// The capture file so far; empty when none was started.
    pub fn captured(&self) -> &[u8] {
        self.medium.capture.as_ref().map_or(&[], |capture| capture.get_ref())
    }

    /// Lends the context of a host, so that a test can give its engine a command.
    pub fn with<R>(&mut self, host: HostId, act: impl FnOnce(&mut DatagramContext<'_>) -> R) -> R {
        let now = self.medium.now;
        let mut end = End { medium: &mut self.medium, host };
        let random: &mut dyn Random = &mut self.randoms[host.0];
        act(&mut DatagramContext { now, transport: &mut end, random })
    }

    /// When the medium next has something to deliver.
    pub fn next_arrival(&self) -> Instant {
        self.medium.queue.keys().next().map_or(Instant::NEVER, |(at, _)| *at)
    }

    /// Moves the clock to `now`, never back. For drivers of their own; [`run`](Net::run) does it itself.
    pub fn advance(&mut self, now: Instant) {
        self.medium.now = self.medium.now.max(now);
    }

    /// Takes the next datagram that is due at `host`. For drivers of their own.
    pub fn take(&mut self, host: HostId) -> Option<Arrival> {
        let now = self.medium.now;
        loop {
            let due = self.medium.queue.range(..=(now, u64::MAX)).find(|(_, (to, _))| *to == host);
            let key = due.map(|(key, _)| *key)?;
            if let Some((_, Happening::Datagram { path, data })) = self.medium.queue.remove(&key) {
                self.medium.stats.delivered += 1;
                return Some(Arrival { at: key.0, path, data });
            }
        }
    }

    /// When something is due at `host`. For drivers of their own.
    pub fn next_arrival_at(&self, host: HostId) -> Instant {
        let first = self.medium.queue.iter().find(|(_, (to, _))| *to == host);
        first.map_or(Instant::NEVER, |((at, _), _)| *at)
    }

    /// Delivers datagrams and polls hosts in the order of virtual time, until nothing is left to
    /// happen before or at `until`; the clock then stands at `until`. What is sent to a host
    /// beyond the end of `hosts` vanishes.
    ///
    /// # Panics
    /// When a host spins: asks again and again to be polled at the same instant.
    pub fn run(&mut self, hosts: &mut [&mut dyn Host], until: Instant) {
        // Commands given since the last run may have left something due.
        for (index, host) in hosts.iter_mut().enumerate() {
            self.with(HostId(index), |cx| host.poll(cx));
        }
        while self.step(hosts, until) {}
    }

    /// Lets the next single thing happen: one delivery, or the polls of one instant. `false` when
    /// nothing is left before or at `until`; the clock then stands at `until`. A test that waits
    /// for something loops over this and looks at its hosts in between.
    ///
    /// # Panics
    /// As [`run`](Net::run).
    pub fn step(&mut self, hosts: &mut [&mut dyn Host], until: Instant) -> bool {
        let deadline = hosts.iter().map(|host| host.next_deadline()).min().unwrap_or(Instant::NEVER);
        let next = deadline.min(self.next_arrival());
        if next > until || next == Instant::NEVER {
            self.advance(until);
            return false;
        }
        self.spins = if next > self.now() { 0 } else { self.spins + 1 };
        assert!(self.spins < SPIN_LIMIT, "a host spins at {:?}", self.now());
        self.advance(next);
        if self.next_arrival().is_due(self.now()) {
            if let Some((_, (to, happening))) = self.medium.queue.pop_first() {
                self.deliver(hosts, to, happening);
            }
            return true;
        }
        for (index, host) in hosts.iter_mut().enumerate() {
            if host.next_deadline().is_due(self.now()) {
                self.with(HostId(index), |cx| host.poll(cx));
            }
        }
        true
    }

    fn deliver(&mut self, hosts: &mut [&mut dyn Host], to: HostId, happening: Happening) {
        let Some(host) = hosts.get_mut(to.0) else { return };
        if matches!(happening, Happening::Datagram { .. }) {
            self.medium.stats.delivered += 1;
        }
        self.with(to, |cx| {
            let event = match &happening {
                Happening::Datagram { path, data } => DatagramEvent::Received { path: *path, data },
                Happening::Writable => DatagramEvent::Writable,
                Happening::Failed { path, error } => DatagramEvent::Failed { path: *path, error: *error },
                Happening::Closed => DatagramEvent::Closed,
            };
            host.receive(cx, event);
            host.poll(cx);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a numbered datagram every 10 ms and echoes what it gets.
    struct Chatter {
        peer: SocketAddress,
        next: Instant,
        count: u32,
        heard: Vec<Vec<u8>>,
        writable: u32,
    }

    impl Chatter {
        fn new(peer: SocketAddress) -> Chatter {
            Chatter { peer, next: Instant::ZERO, count: 0, heard: Vec::new(), writable: 0 }
        }
    }

    impl Host for Chatter {
        fn receive(&mut self, cx: &mut DatagramContext<'_>, event: DatagramEvent<'_>) {
            match event {
                DatagramEvent::Received { path, data } => {
                    if data[0] == 0 {
                        let mut echo = data.to_vec();
                        echo[0] = 1;
                        let _ = cx.transport.send(&path.reply(), &echo);
                    }
                    self.heard.push(data.to_vec());
                }
                DatagramEvent::Writable => self.writable += 1,
                _ => {}
            }
        }

        fn poll(&mut self, cx: &mut DatagramContext<'_>) {
            while self.next.is_due(cx.now) {
                let random = cx.random.u32() as u8;
                let [.., high, low] = self.count.to_be_bytes();
                let _ = cx.transport.send(&Path::to(self.peer), &[0, high, low, random]);
                self.count += 1;
                self.next = if self.count < 200 { self.next.after(10) } else { Instant::NEVER };
            }
        }

        fn next_deadline(&self) -> Instant {
            self.next
        }
    }

    fn address(last: u16) -> SocketAddress {
        SocketAddress::new(Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, last]), 5683)
    }

    fn noisy_run(seed: u64) -> (Vec<u8>, Vec<Vec<u8>>, Stats) {
        let mut net = Net::new(seed);
        let a = net.host(address(1));
        let b = net.host(address(2));
        let noisy = Link {
            loss: 200,
            duplicate: 100,
            reorder: 100,
            reorder_by: 50,
            corrupt: 10,
            jitter: 5,
            ..Link::default()
        };
        net.both(a, b, noisy);
        net.capture();
        let (mut one, mut two) = (Chatter::new(address(2)), Chatter::new(address(1)));
        net.run(&mut [&mut one, &mut two], Instant(10_000));
        assert_eq!(net.now(), Instant(10_000));
        (net.captured().to_vec(), two.heard, net.stats())
    }

    #[test]
    fn the_same_seed_gives_the_same_run_to_the_byte() {
        let (capture, heard, stats) = noisy_run(7);
        assert_eq!(noisy_run(7), (capture.clone(), heard.clone(), stats));
        assert_ne!(noisy_run(8).0, capture);
        let share = stats.lost * 1000 / stats.sent;
        assert!((150..250).contains(&share), "20 % are lost, not {share} in a thousand");
        let firsts: Vec<&Vec<u8>> = heard.iter().filter(|data| data[0] == 0).collect();
        assert!(firsts.windows(2).any(|pair| pair[0][1..3] > pair[1][1..3]), "some overtake others");
        assert!(firsts.windows(2).any(|pair| pair[0] == pair[1]), "some come twice");
    }

    #[test]
    fn a_script_decides_over_single_datagrams() {
        let mut net = Net::new(1);
        let (a, b) = (net.host(address(1)), net.host(address(2)));
        net.every(Link { loss: 0, ..Link::default() });
        net.script(a, b, 1, Action::Drop);
        net.script(a, b, 2, Action::Copies(3));
        net.script(a, b, 3, Action::Delay(100));
        net.script(a, b, 4, Action::Flip(0, 0xff));
        net.script(a, b, 5, Action::Replace(vec![9, 9]));
        net.rule(|passing| if passing.data == [7] { Action::Drop } else { Action::Pass });
        for byte in 1..=8 {
            net.with(a, |cx| cx.transport.send(&Path::to(address(2)), &[byte])).unwrap();
        }
        let (mut one, mut two) = (Recorder::default(), Recorder::default());
        net.run(&mut [&mut one, &mut two], Instant(1000));
        let heard: Vec<&[u8]> = two.received.iter().map(|arrival| &arrival.data[..]).collect();
        assert_eq!(heard, [&[2][..], &[2], &[2], &[0xfb], &[9, 9], &[6], &[8], &[3]]);
        assert_eq!(two.received.last().unwrap().at, Instant(101));
        assert_eq!(net.count(a, b), 8);
    }

    #[test]
    fn a_group_reaches_its_members_and_replies_name_their_source() {
        let group = Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 0xfd]);
        let mut net = Net::new(1);
        let a = net.host(address(1));
        let (b, c, d) = (net.host(address(2)), net.host(address(3)), net.host(address(4)));
        net.add_address(a, Ip::v6([0xfe80, 0, 0, 0, 0, 0, 0, 1]));
        for member in [a, b, c] {
            net.join(member, group);
        }
        net.leave(c, group);
        net.join(c, group);
        let path = Path::to(SocketAddress::new(group, 5683));
        net.with(a, |cx| cx.transport.send(&path, b"hi")).unwrap();
        let mut hosts: Vec<Recorder> = vec![Recorder::default(); 4];
        let mut lent: Vec<&mut dyn Host> = hosts.iter_mut().map(|host| host as &mut dyn Host).collect();
        net.run(&mut lent, Instant(10));
        let counts: Vec<usize> = hosts.iter().map(|host| host.received.len()).collect();
        assert_eq!(counts, [0, 1, 1, 0]);
        let arrival = &hosts[b.0].received[0];
        assert_eq!(arrival.path, Path { remote: address(1), local: group });
        assert!(arrival.path.is_multicast());
        let _ = d;
    }

    #[test]
    fn sends_fail_and_block_when_told_to() {
        let mut net = Net::new(1);
        let (a, b) = (net.host(address(1)), net.host(address(2)));
        let path = Path::to(address(2));
        let send = |net: &mut Net, size| net.with(a, |cx| cx.transport.send(&path, &vec![0; size]));
        net.fail_send(a, 2, Error::Transport);
        assert_eq!(send(&mut net, 1), Ok(()));
        assert_eq!(send(&mut net, 1), Err(Error::Transport));
        assert_eq!(send(&mut net, 1), Ok(()));
        assert_eq!(send(&mut net, 1233), Err(Error::TooLarge));
        net.block(a, true);
        assert_eq!(send(&mut net, 1), Err(Error::WouldBlock));
        net.block(a, false);
        let (mut one, mut two) = (Chatter::new(address(9)), Recorder::default());
        one.next = Instant::NEVER;
        net.run(&mut [&mut one, &mut two], Instant(10));
        assert_eq!((one.writable, two.received.len()), (1, 2));
        assert_eq!(net.stats().unrouted, 0);
        let _ = b;
    }

    #[test]
    #[should_panic(expected = "spins")]
    fn a_host_that_spins_is_caught() {
        struct Spinner;
        impl Host for Spinner {
            fn receive(&mut self, _: &mut DatagramContext<'_>, _: DatagramEvent<'_>) {}
            fn poll(&mut self, _: &mut DatagramContext<'_>) {}
            fn next_deadline(&self) -> Instant {
                Instant(5)
            }
        }
        let mut net = Net::new(1);
        net.host(address(1));
        net.run(&mut [&mut Spinner], Instant(10));
    }
}
