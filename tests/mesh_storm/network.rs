// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network of a storm, as its seed draws it, and its nodes switched on and off.

use crate::host::{Host, Ledger, address, eui64, link_local};
use mote::address::Ip;
use mote::mesh::{Config, Mesh, Role, Root};
use mote::random::{Random, Sequence};
use mote::rpl::Mode;
use mote::rpl::wire::{Configuration, PathMetric};
use mote::sim::radio::{Air, NodeId, Placement, Propagation, Setup, Topology};
use mote::time::Instant;
use mote::transport::RadioCapabilities;

/// How much room the nodes have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Room {
    /// As much as this network can make use of.
    Ample,
    /// Less, but what the protocols need.
    Tight,
    /// Anything, be it too little to join.
    Starved,
}

pub(crate) struct Network<'m> {
    pub(crate) air: Air<Host<'m>, Vec<u8>>,
    pub(crate) dice: Sequence,
    pub(crate) room: Room,
    pub(crate) configs: Vec<Config>,
    /// What the nodes announce that are roots.
    pub(crate) roots: Vec<Option<Root>>,
    /// Who hears whom in good weather.
    pub(crate) whole: Topology,
    pub(crate) ledger: Ledger,
    memory: &'m mut [u8],
    pub(crate) seed: u64,
}

/// Randomness of which the first draw is given: what counters begin with.
struct First(Option<u32>, Sequence);

impl Random for First {
    fn fill(&mut self, out: &mut [u8]) {
        self.1.fill(out);
    }
    fn u32(&mut self) -> u32 {
        self.0.take().unwrap_or_else(|| self.1.next() as u32)
    }
}

impl<'m> Network<'m> {
    /// For all nodes of a storm, each as often as it reboots.
    pub(crate) const MEMORY: usize = 8 << 20;

    /// At most so many nodes, all switched on within a few seconds.
    pub(crate) fn new(seed: u64, most: usize, memory: &'m mut [u8]) -> Network<'m> {
        let mut dice = Sequence(seed);
        let count = 3 + dice.below(most as u32 - 2) as usize;
        let room = [Room::Ample, Room::Ample, Room::Tight, Room::Starved][dice.below(4) as usize];
        let (placement, range) = match dice.below(4) {
            0 => (Placement::Grid, 15.0),
            1 => (Placement::Line, 12.0),
            _ => (Placement::Random { degree: 4 + dice.below(8) }, 15.0),
        };
        let whole = Topology::new(count, placement, &Propagation { range, ..Propagation::default() }, seed);
        let mut capabilities = RadioCapabilities::default();
        for one in [RadioCapabilities::CSMA, RadioCapabilities::ACK, RadioCapabilities::FILTER] {
            if dice.below(4) != 0 {
                capabilities = capabilities.with(one);
            }
        }
        let mut air = Air::new(whole.clone(), &Setup { seed, capabilities });
        // Anywhere, or shortly before 32 bits of milliseconds are over.
        let start = match dice.below(3) {
            0 => 0,
            1 => u64::from(dice.u32()),
            _ => (1 << 32) - u64::from(dice.below(200_000)),
        };
        air.run_until(start * 1000);
        let mut network = Network {
            air,
            room,
            configs: Vec::new(),
            roots: vec![None; count],
            whole,
            ledger: Ledger::default(),
            memory,
            seed,
            dice,
        };
        network.draw(count);
        for id in 0..count {
            network.start(id);
            let pause = u64::from(network.dice.below(2_000_000));
            network.air.run_for(pause);
        }
        network
    }

    pub(crate) fn len(&self) -> usize {
        self.configs.len()
    }

    pub(crate) fn now(&self) -> u64 {
        self.air.now() / 1000
    }

    /// Whether the dice fall so, once in so many times.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        self.dice.below(times) == 0
    }

    pub(crate) fn anyone(&mut self) -> NodeId {
        self.dice.below(self.len() as u32) as usize
    }

    fn draw(&mut self, count: usize) {
        let mode = [Mode::NonStoring, Mode::Storing][self.dice.below(2) as usize];
        let ocp = self.dice.below(2) as u16;
        let common = Config {
            context_from_prefix: !self.once_in(4),
            floating: self.once_in(3),
            #[cfg(feature = "ghc")]
            ghc: self.once_in(3),
            #[cfg(feature = "sixlorh")]
            sixlorh: self.once_in(3),
            ..Config::default()
        };
        let configuration = Configuration {
            ocp,
            interval_min: 8 + self.dice.below(5) as u8,
            interval_doublings: 2 + self.dice.below(7) as u8,
            redundancy: [0, 3, 10][self.dice.below(3) as usize],
            rpi_0x23: self.once_in(2),
            #[cfg(feature = "sixlorh")]
            compressed: self.once_in(4),
            default_lifetime: 5 + self.dice.below(20) as u8,
            ..Configuration::default()
        };
        let metric =
            [PathMetric::Etx, PathMetric::HopCount, PathMetric::Latency][self.dice.below(3) as usize];
        let root = Root { mode, configuration, metric, ..Root::default() };
        let second = count > 4 && self.once_in(3);
        for id in 0..count {
            let mut config = Config { eui64: eui64(id), ..common };
            config.role = match self.dice.below(10) {
                0 => Role::Leaf,
                1 if id + 2 > count => Role::Host,
                _ => Role::Router,
            };
            if id == 0 || second && id + 1 == count {
                config.role = Role::Root;
                self.roots[id] = Some(Root { prefix: prefix(u16::from(id != 0)), ..root });
            }
            self.furnish(&mut config, count as u16);
            self.configs.push(config);
        }
    }

    /// Draws the capacities of a node.
    fn furnish(&mut self, config: &mut Config, count: u16) {
        let root = config.role == Role::Root;
        // Each node under each prefix, and a few hosts.
        (config.neighbours, config.routes) = (count + 4, 3 * count + 4);
        (config.addresses, config.contexts, config.dodags) = (4, 3, 4);
        (config.packet, config.blocks) = if root { (2047, 48) } else { (1328, 26) };
        (config.border_routers, config.registry) = (1 + self.dice.below(2) as u8, 0);
        config.host_queue = if root && self.once_in(2) { 3000 } else { 0 };
        #[cfg(feature = "multihop-nd")]
        if root {
            config.registry = self.dice.below(6) as u16;
        }
        #[cfg(feature = "reassembly")]
        {
            config.ip_reassemblies = self.dice.below(2) as u8;
        }
        let dice = &mut self.dice;
        match self.room {
            Room::Ample => {}
            Room::Tight => {
                config.neighbours = 3 + dice.below(5) as u16;
                config.routes = 2 + dice.below(5) as u16;
                (config.queue, config.blocks) = (4 + dice.below(4) as u8, 13 + dice.below(4) as u8);
                (config.reassemblies, config.outgoing) = (1 + dice.below(2) as u8, 1 + dice.below(2) as u8);
                config.groups = dice.below(2) as u8;
            }
            Room::Starved => {
                config.neighbours = 1 + dice.below(3) as u16;
                config.routes = 1 + dice.below(3) as u16;
                (config.queue, config.blocks) = (1 + dice.below(4) as u8, 1 + dice.below(6) as u8);
                (config.reassemblies, config.outgoing) = (dice.below(2) as u8, dice.below(2) as u8);
                (config.addresses, config.contexts) = (1 + dice.below(3) as u8, dice.below(2) as u8);
                (config.dodags, config.groups) = (1 + dice.below(2) as u8, dice.below(2) as u8);
                (config.sockets, config.pings) = (dice.below(2) as u8, dice.below(2) as u8);
                config.packet = 128 + dice.below(1920) as u16;
                config.border_routers = dice.below(2) as u8;
            }
        }
    }

    /// Switches a node on, anew if it is on.
    pub(crate) fn start(&mut self, id: NodeId) {
        let config = self.configs[id];
        let all = std::mem::take(&mut self.memory);
        let (memory, rest) = all.split_at_mut((Mesh::plan(&config).bytes() + 7) & !7);
        self.memory = rest;
        let first = self.dice.u32();
        let near_the_end = self.once_in(3).then_some(first | 0xfffc);
        let mut random = First(near_the_end, Sequence(self.dice.next()));
        let now = Instant(self.now());
        let mesh = Mesh::new(memory, &config, now, &mut random).expect("the memory is as planned");
        let root = self.roots[id].filter(|_| config.role == Role::Root);
        let dice = Sequence(self.dice.next());
        self.air.start(id, Host::new(mesh, id, root, &self.ledger, dice));
    }

    pub(crate) fn is_on(&self, id: NodeId) -> bool {
        self.air.node(id).is_some()
    }

    /// Any address of a node, or a group.
    pub(crate) fn any_address(&mut self, id: NodeId) -> Ip {
        match self.dice.below(8) {
            0 => link_local(id),
            1 => Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 1]),
            2 => crate::host::group(self.dice.below(3) as u16),
            3 => address(&prefix(self.dice.below(3) as u16), id),
            _ => {
                let root = self.roots.iter().flatten().next().expect("there is a root");
                address(&root.prefix, id)
            }
        }
    }
}

pub(crate) fn prefix(number: u16) -> Ip {
    Ip::v6([0xfd00, 0, 0, number, 0, 0, 0, 0])
}
