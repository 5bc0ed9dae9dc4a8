// SPDX-License-Identifier: MIT OR Apache-2.0
//! Networks of whole mesh nodes on a simulated channel, and what they achieve.
//!
//! Every node runs the real stack. Node 0 is the root. [`Network::probe`] sends datagrams and counts
//! what arrives, [`Network::report`] sums up.
#![forbid(unsafe_code)]

use super::radio::{Air, EnergyModel, Node, NodeId, Setup, Topology};
use crate::address::{Ip, SocketAddress};
use crate::ipv6::link::{LinkAddress, with_prefix};
use crate::mesh::{Config, Event, Mesh, Role, Root, SCRATCH};
use crate::random::Sequence;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::{Path, RadioContext, RadioEvent};
use std::fmt::Write;

/// The port that probes are sent to.
const PORT: u16 = 61617;
/// The least size of a probe: sender, number and time.
pub const MIN_PROBE: usize = 16;

/// A probe that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Who sent it.
    pub from: NodeId,
    /// Its number.
    pub number: u64,
    /// How long it was under way, in microseconds.
    pub latency: u64,
}

/// One node.
pub struct MeshNode {
    /// The stack.
    pub mesh: Mesh<'static>,
    root: Option<Root>,
    socket: Option<Handle>,
    /// The probes that arrived, and when, in milliseconds of the node's clock.
    arrived: Vec<(Instant, NodeId, u64, u64)>,
    /// How often another parent was chosen.
    pub parent_changes: u32,
    /// How often the last parent was lost.
    pub lost: u32,
}

impl MeshNode {
    fn note(&mut self, now: Instant, event: Event<'_>) {
        match event {
            Event::ParentChanged { .. } => self.parent_changes += 1,
            Event::Lost { .. } => self.lost += 1,
            Event::Udp { data, .. } => {
                if let Some((from, rest)) = data.split_first_chunk::<4>()
                    && let Some((number, rest)) = rest.split_first_chunk::<4>()
                    && let Some(sent) = rest.first_chunk::<8>()
                {
                    let from = u32::from_be_bytes(*from) as usize;
                    let number = u64::from(u32::from_be_bytes(*number));
                    self.arrived.push((now, from, number, u64::from_be_bytes(*sent)));
                }
            }
            _ => {}
        }
    }
}

impl Node for MeshNode {
    fn start(&mut self, cx: &mut RadioContext<'_>) {
        let started = match &self.root {
            Some(root) => self.mesh.start_root(cx, root),
            None => self.mesh.join(cx),
        };
        started.expect("a node can be started");
        self.socket = self.mesh.udp_open(Ip::UNSPECIFIED, PORT).ok();
    }

    fn receive(&mut self, cx: &mut RadioContext<'_>, event: RadioEvent<'_>) {
        let mut scratch = [0; SCRATCH];
        if let Some(event) = self.mesh.receive(cx, event, &mut scratch) {
            self.note(cx.now, event);
        }
    }

    fn poll(&mut self, cx: &mut RadioContext<'_>) {
        let mut scratch = [0; SCRATCH];
        while let Some(event) = self.mesh.poll(cx, &mut scratch) {
            self.note(cx.now, event);
        }
    }

    fn next_deadline(&self) -> Instant {
        self.mesh.next_deadline()
    }
}

/// What a series of probes achieved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// How many were to be sent.
    pub sent: u64,
    /// How many the sender's stack did not take.
    pub refused: u64,
    /// How many arrived, each counted once.
    pub arrived: u64,
    /// How many arrived more than once.
    pub repeated: u64,
    /// The sum of the times under way, in microseconds.
    pub latency: u64,
    /// The longest time under way, in microseconds.
    pub worst: u64,
}

impl Delivery {
    /// The share that arrived, in parts per thousand.
    pub fn ratio(&self) -> u64 {
        (self.arrived * 1000).checked_div(self.sent).unwrap_or(1000)
    }

    /// The mean time under way, in milliseconds.
    pub fn mean_ms(&self) -> u64 {
        (self.latency / 1000).checked_div(self.arrived).unwrap_or(0)
    }
}

/// A network of nodes.
pub struct Network<W: std::io::Write = std::io::Sink> {
    /// The channel with the nodes.
    pub air: Air<MeshNode, W>,
    root: Root,
    roots: Vec<(NodeId, Root)>,
    configs: Vec<Config>,
    numbers: u64,
    seed: u64,
    boots: u64,
}

/// The EUI-64 of a node.
pub fn eui64(id: NodeId) -> [u8; 8] {
    let [a, b, c, d] = (id as u32).to_be_bytes();
    [0x02, 0, 0, 0, a, b, c, d]
}

impl<W: std::io::Write> Network<W> {
    /// Nodes at the places of `topology`, all switched off. The root is given a routing table for
    /// all of them; `tune` may change what each is configured with.
    pub fn new(
        topology: Topology,
        root: Root,
        setup: &Setup,
        tune: impl Fn(NodeId, &mut Config),
    ) -> Network<W> {
        let count = topology.len();
        let config = |id| {
            let mut config = Config { eui64: eui64(id), ..Config::default() };
            if id == 0 {
                config.role = Role::Root;
                config.routes = u16::try_from(count).unwrap_or(u16::MAX);
                config.packet = 2047;
                config.blocks = 64;
                config.reassemblies = 8;
                config.outgoing = 4;
            }
            tune(id, &mut config);
            config
        };
        let configs = (0..count).map(config).collect();
        Network {
            air: Air::new(topology, setup),
            root,
            roots: Vec::new(),
            configs,
            numbers: 0,
            seed: setup.seed,
            boots: 0,
        }
    }

    /// Makes a further node a root from its next start on; it must be configured as one.
    pub fn set_root(&mut self, id: NodeId, root: Root) {
        self.roots.retain(|(other, _)| *other != id);
        self.roots.push((id, root));
    }

    /// How many nodes there are, switched on or not.
    pub fn len(&self) -> usize {
        self.configs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.configs.is_empty()
    }

    /// Switches a node on, or off and on again. Its memory lives until the process ends.
    pub fn start(&mut self, id: NodeId) {
        let config = self.configs[id];
        let memory = vec![0; Mesh::plan(&config).bytes()].leak();
        self.boots += 1;
        let mut random = Sequence(self.seed ^ self.boots << 32 ^ id as u64);
        let now = Instant(self.air.now() / 1000);
        let mesh = Mesh::new(memory, &config, now, &mut random).expect("the memory is as planned");
        let own = self.roots.iter().find(|(other, _)| *other == id).map_or(self.root, |(_, root)| *root);
        let root = (config.role == Role::Root).then_some(own);
        let node = MeshNode { mesh, root, socket: None, arrived: Vec::new(), parent_changes: 0, lost: 0 };
        self.air.start(id, node);
    }

    /// Switches all nodes on, one after the other within so many milliseconds.
    pub fn start_all(&mut self, within_ms: u64) {
        let count = self.len() as u64;
        for id in 0..self.len() {
            self.start(id);
            self.air.run_for((within_ms * 1000).checked_div(count).unwrap_or(0));
        }
    }

    /// Switches a node off.
    pub fn stop(&mut self, id: NodeId) {
        self.air.stop(id);
    }

    /// Runs for so many milliseconds.
    pub fn run_ms(&mut self, milliseconds: u64) {
        self.air.run_for(milliseconds * 1000);
    }

    /// Runs until something is so, at most for so many seconds; how many milliseconds it took.
    pub fn until(&mut self, seconds: u64, mut is_so: impl FnMut(&Network<W>) -> bool) -> Option<u64> {
        for step in 0..=seconds * 4 {
            if is_so(self) {
                return Some(step * 250);
            }
            self.run_ms(250);
        }
        None
    }

    /// The address that a node forms from the root's prefix.
    pub fn address(&self, id: NodeId) -> Ip {
        let prefix = self.root.prefix.0.first_chunk::<8>().expect("a prefix");
        with_prefix(prefix, LinkAddress::Extended(eui64(id)).interface_identifier())
    }

    /// The node with that link-local or global address.
    pub fn node_of(&self, address: &Ip) -> Option<NodeId> {
        let id = u32::from_be_bytes(*address.0.last_chunk::<4>()?) as usize;
        (id < self.len()).then_some(id)
    }

    /// How many nodes but the root have joined.
    pub fn joined(&self) -> usize {
        let joined = |node: &MeshNode| node.mesh.is_joined() && node.mesh.global_address().is_some();
        self.air.nodes().filter(|(id, node)| *id != 0 && joined(node)).count()
    }

    /// To how many nodes the root knows a route, by their addresses under its prefix.
    pub fn routes(&self) -> usize {
        let own = |target: &Ip| target.0.first_chunk::<8>() == self.root.prefix.0.first_chunk::<8>();
        self.air.node(0).map_or(0, |root| root.mesh.routes().filter(|route| own(&route.target)).count())
    }

    /// Whether all nodes that are switched on have joined, and the root knows a route to each.
    pub fn is_complete(&self) -> bool {
        let on = self.air.nodes().filter(|(id, _)| *id != 0).count();
        self.joined() == on && self.routes() >= on
    }

    /// The preferred parent of a node.
    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        let parent = self.air.node(id)?.mesh.parent()?;
        self.node_of(&parent)
    }

    /// A node whose parents lead back to itself, if there is one.
    pub fn find_loop(&self) -> Option<NodeId> {
        (0..self.len()).find(|start| {
            let mut at = self.parent(*start);
            for _ in 0..self.len() {
                match at {
                    Some(next) if next == *start => return true,
                    Some(next) => at = self.parent(next),
                    None => return false,
                }
            }
            false
        })
    }

    /// Sends one datagram of `size` bytes.
    ///
    /// # Errors
    /// [`Error::State`] when the sender is off, else those of its stack.
    pub fn send(&mut self, from: NodeId, to: NodeId, size: usize) -> Result<u64> {
        self.numbers += 1;
        let number = self.numbers;
        let mut data = Vec::with_capacity(size.max(MIN_PROBE));
        data.extend((from as u32).to_be_bytes());
        data.extend((number as u32).to_be_bytes());
        data.extend(self.air.now().to_be_bytes());
        data.resize(size.max(MIN_PROBE), 0x55);
        let path = Path::to(SocketAddress::new(self.address(to), PORT));
        let sent = self.air.with(from, |node, cx| {
            let socket = node.socket.ok_or(Error::State)?;
            node.mesh.udp_send(cx, socket, &path, &data)
        });
        sent.unwrap_or(Err(Error::State)).map(|()| number)
    }

    /// The probes that have arrived at a node since the last time.
    pub fn take_arrived(&mut self, id: NodeId) -> Vec<Arrived> {
        let taken = self.air.with(id, |node, _| core::mem::take(&mut node.arrived)).unwrap_or_default();
        let arrival = |(at, from, number, sent): (Instant, NodeId, u64, u64)| {
            let latency = (at.0 * 1000).saturating_sub(sent);
            Arrived { from, number, latency }
        };
        taken.into_iter().map(arrival).collect()
    }

    /// Sends one datagram of `size` bytes along each pair, `gap_ms` milliseconds apart, waits for
    /// another `wait_ms`, and says what became of them.
    pub fn probe(&mut self, pairs: &[(NodeId, NodeId)], size: usize, gap_ms: u64, wait_ms: u64) -> Delivery {
        let mut delivery = Delivery::default();
        let mut open = std::collections::BTreeSet::new();
        let mut receivers: Vec<NodeId> = pairs.iter().map(|(_, to)| *to).collect();
        receivers.sort_unstable();
        receivers.dedup();
        for id in &receivers {
            self.take_arrived(*id);
        }
        for (from, to) in pairs {
            delivery.sent += 1;
            match self.send(*from, *to, size) {
                Ok(number) => {
                    open.insert(number);
                }
                Err(_) => delivery.refused += 1,
            }
            self.run_ms(gap_ms);
        }
        self.run_ms(wait_ms);
        for id in &receivers {
            for arrived in self.take_arrived(*id) {
                if open.remove(&arrived.number) {
                    delivery.arrived += 1;
                    delivery.latency += arrived.latency;
                    delivery.worst = delivery.worst.max(arrived.latency);
                } else {
                    delivery.repeated += 1;
                }
            }
        }
        delivery
    }

    /// Up from each node to the root.
    pub fn probe_up(&mut self, size: usize, gap_ms: u64) -> Delivery {
        let pairs: Vec<_> = (1..self.len()).map(|id| (id, 0)).collect();
        self.probe(&pairs, size, gap_ms, 10_000)
    }

    /// Down from the root to each node.
    pub fn probe_down(&mut self, size: usize, gap_ms: u64) -> Delivery {
        let pairs: Vec<_> = (1..self.len()).map(|id| (0, id)).collect();
        self.probe(&pairs, size, gap_ms, 10_000)
    }

    /// How much memory a node's stack takes, in bytes.
    pub fn memory(&self, id: NodeId) -> usize {
        Mesh::plan(&self.configs[id]).bytes()
    }

    /// A summary as text, one fact a line.
    pub fn report(&self) -> String {
        let mut text = String::new();
        let stats = self.air.stats();
        let seconds = self.air.now() / 1_000_000;
        let on = self.air.nodes().count();
        let _ = writeln!(text, "nodes {on}, joined {}, routes {}", self.joined(), self.routes());
        let _ = writeln!(text, "time {seconds} s");
        let per_node = |count: u64| count.checked_div(on as u64).unwrap_or(0);
        let _ = writeln!(
            text,
            "frames {} ({} a node), acknowledgements {}, collisions {}, losses {}",
            stats.frames,
            per_node(stats.frames),
            stats.acks,
            stats.collisions,
            stats.losses
        );
        let changes: u32 = self.air.nodes().map(|(_, node)| node.parent_changes).sum();
        let lost: u32 = self.air.nodes().map(|(_, node)| node.lost).sum();
        let _ = writeln!(text, "parent changes {changes}, parents lost {lost}");
        let charge: u64 = (0..self.len()).map(|id| self.air.energy(id).charge(&EnergyModel::default())).sum();
        let sending: u64 = (0..self.len()).map(|id| self.air.energy(id).transmit).sum();
        let share = (sending * 1000).checked_div(self.air.now() * self.len() as u64 / 1000).unwrap_or(0);
        let _ =
            writeln!(text, "sending {share} ppm of the time, charge {} mC a node", per_node(charge) / 1000);
        let _ = writeln!(
            text,
            "memory {} B a node, {} B at the root",
            self.memory(self.len() - 1),
            self.memory(0)
        );
        text
    }
}
