// SPDX-License-Identifier: MIT OR Apache-2.0
//! What may happen in a storm, one thing at a time.

use crate::host::{DISTINCT, Faults, eui64, group};
use crate::network::{Network, prefix};
use mote::bytes::Writer;
use mote::ieee802154::LinkAddress;
use mote::ieee802154::wire::Header;
use mote::mesh::{Role, SCRATCH};
use mote::random::Random;
use mote::rpl::Mode;
use mote::sim::radio::{Node, NodeId, RadioLink};
use mote::time::Instant;
use mote::transport::{RadioEvent, TransmitStatus};

impl Network<'_> {
    /// One thing, and a while.
    pub(crate) fn step(&mut self) {
        let id = self.anyone();
        let now = Instant(self.now());
        match self.dice.below(40) {
            0..=5 => self.talk(id),
            6..=10 => self.ask(id),
            11 => {
                self.air.stop(id);
            }
            12..=13 => self.reboot(id),
            14..=16 => self.fade(id),
            17 => self.part(),
            18..=19 => *self.air.topology_mut() = self.whole.clone(),
            20 => {
                let until = now.after(u64::from(self.dice.below(30_000)));
                self.air.with(id, |host, _| host.sleeps_until = until);
            }
            21 => {
                let mut rate = || if self.dice.below(2) == 0 { 0 } else { self.dice.below(300) };
                let faults = Faults { busy: 3 * rate(), fails: rate(), swallows: rate() / 8, lies: rate() };
                self.air.with(id, |host, _| host.faults = faults);
            }
            22 => {
                self.air.with(id, |host, _| host.faults = Faults::default());
            }
            23..=27 => self.repeat(id),
            28..=29 => self.forge(id),
            30 => {
                let times = if self.once_in(4) { 20 } else { 1 };
                self.air.with(id, |host, _| {
                    for _ in 0..times {
                        let _ = host.mesh.global_repair(0);
                    }
                });
            }
            31 => {
                let group = group(self.dice.below(3) as u16);
                self.air.with(id, |host, _| {
                    let _ = host.mesh.join_group(group);
                    host.reopen();
                });
            }
            32 => self.change(id),
            33 => {
                let status = [TransmitStatus::Sent, TransmitStatus::NoAck, TransmitStatus::Failed]
                    [self.dice.below(3) as usize];
                self.air.with(id, |host, cx| {
                    host.receive(cx, RadioEvent::Transmitted { status, attempts: 1 });
                });
            }
            34 => self.hand_in(),
            35 if self.once_in(3) => self.air.run_for(1_200_000_000),
            _ => {}
        }
        let pause = match self.dice.below(8) {
            0 => 30_000_000,
            1..=2 => 5_000_000,
            _ => 300_000,
        };
        let pause = u64::from(self.dice.below(pause));
        self.air.run_for(pause);
    }

    /// A datagram of any size.
    fn talk(&mut self, id: NodeId) {
        let to = self.anyone();
        let to = self.any_address(to);
        let size = match self.dice.below(4) {
            0 => 1 + self.dice.below(DISTINCT as u32),
            1 => 1 + self.dice.below(1232),
            _ => 20 + self.dice.below(200),
        };
        let burst = if self.once_in(6) { 6 } else { 1 };
        self.air.with(id, |host, cx| {
            if !host.sleeps(cx.now) {
                for _ in 0..burst {
                    let _ = host.send(cx, &to, size as usize);
                }
            }
        });
    }

    fn ask(&mut self, id: NodeId) {
        let to = self.anyone();
        let to = self.any_address(to);
        let size = if self.once_in(5) { self.dice.below(1232) } else { self.dice.below(100) };
        let timeout = self.dice.below(20_000);
        self.air.with(id, |host, cx| {
            if !host.sleeps(cx.now) {
                let _ = host.ping(cx, &to, size as usize, timeout);
            }
        });
    }

    fn reboot(&mut self, id: NodeId) {
        self.air.stop(id);
        if self.once_in(2) {
            let off = u64::from(self.dice.below(20_000_000));
            self.air.run_for(off);
        }
        self.start(id);
    }

    /// A link becomes another, perhaps in one direction.
    fn fade(&mut self, id: NodeId) {
        let other = self.anyone();
        let Some(link) = self.whole.get(id, other) else { return };
        let delivery = [0, 300, 600, 900, 1000][self.dice.below(5) as usize];
        let link = (!self.once_in(4)).then_some(RadioLink { delivery, ..link });
        self.air.topology_mut().set(id, other, link);
        if self.once_in(2) {
            self.air.topology_mut().set(other, id, link);
        }
    }

    /// No link between the ones and the others.
    fn part(&mut self) {
        let sides: Vec<bool> = (0..self.len()).map(|_| self.dice.below(2) == 0).collect();
        for a in 0..sides.len() {
            for b in 0..sides.len() {
                if sides[a] != sides[b] {
                    self.air.topology_mut().set(a, b, None);
                }
            }
        }
    }

    /// Somebody hears a frame that was heard before, by it or by another, as it was or with a few bits turned.
    fn repeat(&mut self, id: NodeId) {
        let by = self.anyone();
        let Some(host) = self.air.node(by).filter(|host| !host.heard.is_empty()) else { return };
        let mut frame = host.heard[self.dice.below(host.heard.len() as u32) as usize].clone();
        if self.once_in(2) {
            let place = self.dice.below(frame.len() as u32 * 8) as usize;
            frame[place / 8] ^= 1 << (place % 8);
        }
        self.inject(id, &frame);
    }

    /// Somebody hears a frame that nobody of the network has sent.
    fn forge(&mut self, id: NodeId) {
        let from = self.anyone();
        let from = LinkAddress::Extended(eui64(if self.once_in(2) { from } else { from + 1000 }));
        let to = if self.once_in(2) { LinkAddress::BROADCAST } else { LinkAddress::Extended(eui64(id)) };
        let mut frame = [0; 125];
        let mut out = Writer::new(&mut frame);
        Header::data(0xabcd, to, from, self.dice.next() as u8).emit(false, false, &mut out).expect("room");
        let dispatch = [0x41, 0x60, 0x78, 0x7a, 0xc0, 0xe0, 0x80, 0xf1][self.dice.below(8) as usize];
        out.put(&[dispatch | (self.dice.next() as u8 & 7)]).expect("room");
        for _ in 0..self.dice.below(90) {
            out.put(&[self.dice.next() as u8]).expect("room");
        }
        let mut frame = out.finish().to_vec();
        if self.once_in(4) {
            self.dice.fill(&mut frame);
        }
        self.inject(id, &frame);
    }

    fn inject(&mut self, id: NodeId, frame: &[u8]) {
        self.air.with(id, |host, cx| host.receive(cx, RadioEvent::Received { frame, lqi: 200, rssi: -60 }));
    }

    /// A node comes back as another.
    fn change(&mut self, id: NodeId) {
        if let Some(root) = &mut self.roots[id] {
            match self.dice.below(3) {
                0 => root.prefix = prefix(self.dice.below(3) as u16),
                1 => root.preference = self.dice.below(8) as u8,
                _ => root.grounded = !root.grounded,
            }
            if self.dice.below(4) == 0 {
                root.mode = [Mode::NonStoring, Mode::Storing][self.dice.below(2) as usize];
            }
        } else {
            self.configs[id].role = [Role::Router, Role::Router, Role::Leaf][self.dice.below(3) as usize];
        }
        self.reboot(id);
    }

    /// The host side of a border router sends something.
    fn hand_in(&mut self) {
        let to = self.anyone();
        let to = self.any_address(to);
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, 17, 64];
        packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        packet.extend(to.0);
        let size = 8 + self.dice.below(1200) as u16;
        packet[4..6].copy_from_slice(&size.to_be_bytes());
        packet.resize(40 + usize::from(size), 0);
        let length = packet.len();
        packet.resize(SCRATCH, 0);
        self.air.with(0, |host, cx| {
            if !host.sleeps(cx.now) {
                host.mesh.receive_from_host(cx, &mut packet[..length]);
            }
        });
    }
}
