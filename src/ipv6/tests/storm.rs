// SPDX-License-Identifier: MIT OR Apache-2.0
//! All faults at once on an Ethernet-like link: whatever has happened, once it is calm everybody finds everybody.

use super::*;

const NODES: usize = 4;

fn global(number: usize) -> Ip {
    Ip::v6([0x2001, 0xdb8, 0, 0, 0, 0xff, 0xfe00, number as u16])
}

fn ethernet(number: usize) -> LinkAddress {
    LinkAddress::Ethernet([2, 0, 0, 0, 0, number as u8])
}

/// A packet under way: when it comes, to whom and from whom, whether as multicast.
struct Flight {
    at: u64,
    to: usize,
    from: usize,
    multicast: bool,
    packet: Vec<u8>,
}

struct Storm {
    nodes: Vec<Node>,
    flights: Vec<Flight>,
    dice: Sequence,
    /// Of a hundred packets, how many are lost, and how many come twice.
    lost: u32,
    twice: u32,
    now: u64,
}

impl Storm {
    fn new(seed: u64) -> Storm {
        let mut storm =
            Storm { nodes: Vec::new(), flights: Vec::new(), dice: Sequence(seed), lost: 0, twice: 0, now: 0 };
        storm.nodes = (1..=NODES).map(|number| storm.node(number)).collect();
        storm
    }

    /// Router 1, or another, as it is after a start.
    fn node(&self, number: usize) -> Node {
        let role = if number == 1 { Role::Router } else { Role::Host };
        let now = self.now;
        let base = config(ethernet(number), Medium::Ethernet, role);
        // Few places for neighbours, and for all addresses that are added.
        let config = Config { held: 600, neighbours: 8, addresses: 6, ..base };
        let memory = vec![0u8; Ipv6::plan(&config).bytes()].leak();
        let mut node = Node {
            engine: Ipv6::new(memory, &config, Instant(now)).unwrap(),
            link: config.link_address,
            out: Outbox::default(),
            routing: Box::new(NoRouting),
            random: Sequence(self.dice.0 ^ (number as u64 * 77)),
            events: Vec::new(),
        };
        if number == 1 {
            let forever = Instant::NEVER;
            node.engine.add_address(Instant(now), global(1), 64, forever, forever).unwrap();
            node.engine.advertise_prefix(Instant(now), ip("2001:db8::"), 64, forever, forever).unwrap();
        } else {
            node.does(now, |engine, cx| engine.solicit_routers(cx));
        }
        node
    }

    fn dice(&mut self, bound: u32) -> u32 {
        self.dice.below(bound)
    }

    /// Takes what the nodes have to say, and delivers what is due.
    fn turn(&mut self) {
        let mut due: Vec<Flight> = Vec::new();
        while let Some(place) = self.flights.iter().position(|flight| flight.at <= self.now) {
            due.push(self.flights.swap_remove(place));
        }
        for Flight { to, from, multicast, packet, .. } in due {
            self.nodes[to].receive(self.now, ethernet(from + 1), multicast, &packet);
        }
        for from in 0..NODES {
            self.nodes[from].poll(self.now);
            for (to, packet) in core::mem::take(&mut self.nodes[from].out.packets) {
                for receiver in (0..NODES).filter(|receiver| *receiver != from) {
                    let multicast = matches!(to, LinkDestination::Multicast(_));
                    if !multicast && to != LinkDestination::Unicast(ethernet(receiver + 1)) {
                        continue;
                    }
                    let copies = match self.dice(100) {
                        number if number < self.lost => 0,
                        number if number < self.lost + self.twice => 2,
                        _ => 1,
                    };
                    for _ in 0..copies {
                        let late = if self.twice > 0 { self.dice(1500) } else { 1 };
                        let at = self.now + 1 + u64::from(late);
                        self.flights.push(Flight {
                            at,
                            to: receiver,
                            from,
                            multicast,
                            packet: packet.clone(),
                        });
                    }
                }
            }
        }
    }

    fn run(&mut self, until: u64, fault: bool) {
        let mut next_fault = self.now;
        while self.now < until {
            if fault && next_fault <= self.now {
                self.fault();
                next_fault = self.now + 1 + u64::from(self.dice(1500));
            }
            self.turn();
            let flight = self.flights.iter().map(|flight| flight.at).min().unwrap_or(u64::MAX);
            let node = self.nodes.iter().map(|node| node.engine.next_deadline().0).min().unwrap();
            let fault = if fault { next_fault } else { u64::MAX };
            self.now = flight.min(node).min(fault).min(until).max(self.now + 1);
        }
    }

    fn fault(&mut self) {
        let number = 1 + self.dice(NODES as u32) as usize;
        let other = 1 + self.dice(NODES as u32) as usize;
        let (what, byte) = (self.dice(12), self.dice(100));
        let now = self.now;
        let started = self.node(number);
        let node = &mut self.nodes[number - 1];
        match what {
            0 => *node = started,
            1 if number == 2 => node.engine.set_role(Role::Router),
            1 | 2 => node.engine.set_role(Role::Host),
            3 => {
                let _ = node.does(now, |engine, cx| engine.remove_address(cx, &global(number)));
            }
            4 => {
                let until = Instant(now + 1000 * u64::from(byte));
                let _ = node.engine.add_address(Instant(now), global(100 + other), 64, until, until);
            }
            5 => {
                let _ = node.engine.join_group(Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 0x100 + byte as u16 % 3]));
            }
            6 => node.engine.leave_group(&Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 0x100 + byte as u16 % 3])),
            7 => node.out.is_full = byte < 50,
            8 => (self.lost, self.twice) = (byte, 20),
            // Somebody who is not there.
            9 => {
                let _ = node.ping(now, global(200 + other), 1);
            }
            10 => {
                let far = Ip::v6([0x2001, 0xdb8, 9, 0, 0, 0, 0, other as u16]);
                let _ = node.ping(now, far, 1);
            }
            _ => {
                let _ = node.ping(now, global(other), 1);
            }
        }
    }

    /// From now on all is well: the router is one, the others are hosts, and nothing is lost.
    fn calm(&mut self) {
        (self.lost, self.twice) = (0, 0);
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.out.is_full = false;
            node.engine.set_role(if index == 0 { Role::Router } else { Role::Host });
            let own = global(index + 1);
            if index == 0 {
                let forever = Instant::NEVER;
                let _ = node.engine.add_address(Instant(self.now), own, 64, forever, forever);
                node.engine
                    .advertise_prefix(Instant(self.now), ip("2001:db8::"), 64, forever, forever)
                    .unwrap();
            }
        }
    }
}

#[test]
fn after_a_storm_everybody_finds_everybody() {
    for seed in 1..=12 {
        let mut storm = Storm::new(seed);
        storm.run(120_000, true);
        storm.calm();
        // Long enough for what is due rarely: the advertisements of a router that nobody asks.
        storm.run(120_000 + 700_000, false);
        for from in 0..NODES {
            let addresses = &storm.nodes[from].engine.addresses;
            assert!(addresses.is_own(&global(from + 1)), "{seed}: {from} has no address");
            // One that resigned unheard is known for as long as it had said.
            let router = ethernet(1).link_local();
            let found = storm.nodes[from].engine.routers().any(|known| known.ip == router);
            assert_eq!(found, from != 0, "{seed}: the router of {from}");
            for to in (0..NODES).filter(|to| *to != from) {
                storm.nodes[from].took();
                storm.nodes[from].ping(storm.now, global(to + 1), 9).unwrap();
                storm.run(storm.now + 10_000, false);
                let reply = Seen::Reply(global(to + 1), 9, b"abcdefgh".to_vec());
                assert!(storm.nodes[from].took().contains(&reply), "{seed}: {from} to {to}");
            }
            let held = storm.nodes[from].engine.neighbours.iter();
            assert_eq!(
                held.filter(|entry| entry.state == NeighbourState::Incomplete).count(),
                0,
                "{seed}: {from}"
            );
        }
    }
}
