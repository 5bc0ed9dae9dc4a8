// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many RPL engines on a graph of lossy links, in virtual time, at the level of messages.
//!
//! Below them stands no real stack: packets are headers and a payload, a unicast is tried eight
//! times and its outcome told to the engine, as a MAC would.

use mote::address::Ip;
use mote::bytes::Writer;
use mote::ipv6::link::LinkAddress;
use mote::ipv6::routing::{
    ControlMessage, ControlPlane, Encapsulation, Flow, MAX_ROUTE_HEADERS, NoRoute, Route, Routing,
    RoutingError,
};
use mote::random::{Random, Sequence};
use mote::rpl::wire::{Configuration, PathMetric, PrefixInformation};
use mote::rpl::{Config, Event, Mode, RootConfig, Rpl, RplContext};
use mote::status::Result;
use mote::time::Instant;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

pub(crate) const PREFIX: Ip = Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 0]);

#[derive(Clone, Debug)]
struct Header {
    source: Ip,
    destination: Ip,
    hop_limit: u8,
    rpi: Option<(u8, Vec<u8>)>,
    source_route: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
enum Payload {
    Control { code: u8, body: Vec<u8> },
    Data(u64),
}

/// A packet: its headers with the outermost last.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    headers: Vec<Header>,
    payload: Payload,
    pub hops: u32,
}

struct Sent {
    packet: Packet,
    next_hop: Ip,
}

/// Collects what an engine sends during a call.
#[derive(Default)]
struct Plane {
    link_local: Ip,
    global: Ip,
    sent: Vec<Sent>,
}

impl ControlPlane for Plane {
    fn send(&mut self, message: &ControlMessage<'_>) -> Result<()> {
        let near = message.destination.is_link_local() || message.destination.is_multicast();
        let source = match message.source {
            Some(source) => *source,
            None if near => self.link_local,
            None => self.global,
        };
        let destination = *message.destination;
        let hop_limit = if near { 255 } else { 64 };
        let header = Header { source, destination, hop_limit, rpi: None, source_route: None };
        let payload = Payload::Control { code: message.code, body: message.body.to_vec() };
        let mut packet = Packet { headers: vec![header], payload, hops: 0 };
        let straight = Route::on_link(destination, LinkAddress::None);
        let route = message.route.unwrap_or(&straight);
        apply(&mut packet, route, message.headers, self.global);
        self.sent.push(Sent { packet, next_hop: route.next_hop });
        Ok(())
    }
}

/// Joins the headers of a route to a packet.
fn apply(packet: &mut Packet, route: &Route, headers: &[u8], own: Ip) {
    let (destination, tunnel) = match route.encapsulation {
        Encapsulation::None => return,
        Encapsulation::Insert { destination } => (destination, None),
        Encapsulation::Tunnel { destination, segments_left } => (destination, Some(segments_left)),
    };
    if let Some(segments_left) = tunnel {
        let inner = packet.headers.last_mut().unwrap();
        assert!(inner.hop_limit > segments_left);
        inner.hop_limit -= segments_left;
        let hop_limit = 64;
        packet.headers.push(Header { source: own, destination, hop_limit, rpi: None, source_route: None });
    }
    let outer = packet.headers.last_mut().unwrap();
    outer.destination = destination;
    let mut rest = headers;
    // A hop-by-hop header is told from a routing header by its option type.
    if rest.len() >= 8 && matches!(rest[2], 0x63 | 0x23) && rest[3] == 4 {
        outer.rpi = Some((rest[2], rest[4..8].to_vec()));
        rest = &rest[8..];
    }
    if !rest.is_empty() {
        assert_eq!(rest[2], 3);
        assert_eq!(rest.len(), 8 + 8 * usize::from(rest[1]));
        outer.source_route = Some(rest.to_vec());
    }
}

pub(crate) struct Node {
    pub rpl: Rpl<'static>,
    pub alive: bool,
    pub address: Ip,
    link_local: Ip,
    random: Sequence,
    pub config: Config,
    etx: BTreeMap<usize, u16>,
    pub events: Vec<(u64, Event)>,
    /// Data packets that came, with their time and hops.
    pub received: Vec<(u64, u64, u32)>,
    wake: u64,
    /// Until when its radio has something to send.
    busy: u64,
}

#[derive(Debug)]
enum What {
    Wake(usize),
    Deliver { to: usize, from: usize, packet: Box<Packet> },
}

struct Happening {
    at: u64,
    order: u64,
    what: What,
}

impl PartialEq for Happening {
    fn eq(&self, other: &Happening) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Happening {}
impl PartialOrd for Happening {
    fn partial_cmp(&self, other: &Happening) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Happening {
    fn cmp(&self, other: &Happening) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

pub(crate) struct Network {
    pub now: u64,
    pub nodes: Vec<Node>,
    /// Probability that a frame gets through, by (from, to).
    links: BTreeMap<(usize, usize), f64>,
    neighbours: Vec<Vec<usize>>,
    queue: BinaryHeap<Reverse<Happening>>,
    order: u64,
    random: Sequence,
    pub dropped: u64,
    pub frames: u64,
    next_data: u64,
    /// Since when a ring of parents has been seen, and the longest it lasted.
    ring_since: Option<u64>,
    pub longest_ring: u64,
    root_config: BTreeMap<usize, RootConfig>,
}

fn link_of(index: usize) -> LinkAddress {
    LinkAddress::Short(index as u16 + 1)
}

pub(crate) fn address(index: usize) -> Ip {
    let mut bytes = PREFIX.0;
    bytes[8..].copy_from_slice(&link_of(index).interface_identifier());
    Ip(bytes)
}

pub(crate) fn root_config(index: usize, mode: Mode) -> RootConfig {
    RootConfig {
        instance: 0,
        dodag_id: address(index),
        mode,
        preference: 0,
        grounded: true,
        configuration: Configuration::default(),
        prefix: Some(PrefixInformation {
            prefix_len: 64,
            autonomous: true,
            valid_lifetime: u32::MAX,
            preferred_lifetime: u32::MAX,
            prefix: PREFIX,
            ..PrefixInformation::default()
        }),
        metric: PathMetric::Etx,
    }
}

impl Network {
    pub(crate) fn new(seed: u64) -> Network {
        Network {
            now: 0,
            nodes: Vec::new(),
            links: BTreeMap::new(),
            neighbours: Vec::new(),
            queue: BinaryHeap::new(),
            order: 0,
            random: Sequence(seed),
            dropped: 0,
            frames: 0,
            next_data: 0,
            ring_since: None,
            longest_ring: 0,
            root_config: BTreeMap::new(),
        }
    }

    /// A square of side × side nodes, the first the root in a corner; each hears its four
    /// neighbours, and the diagonal ones at 70 %.
    pub(crate) fn grid(side: usize, mode: Mode, loss: f64, seed: u64) -> Network {
        let mut network = Network::new(seed);
        for _ in 0..side * side {
            network.add(&Config { routes: 1, ..Config::default() });
        }
        for x in 0..side {
            for y in 0..side {
                let at = |x: usize, y: usize| y * side + x;
                for (dx, dy, good) in [(1, 0, 1.0), (0, 1, 1.0), (1, 1, 0.7)] {
                    if x + dx < side && y + dy < side {
                        network.connect(at(x, y), at(x + dx, y + dy), good * (1.0 - loss));
                    }
                }
            }
        }
        network.size_tables(mode);
        network.start(&[root_config(0, mode)]);
        network
    }

    pub(crate) fn line(length: usize, mode: Mode, loss: f64, seed: u64) -> Network {
        let mut network = Network::new(seed);
        for _ in 0..length {
            network.add(&Config { routes: 1, ..Config::default() });
        }
        for index in 1..length {
            network.connect(index - 1, index, 1.0 - loss);
        }
        network.size_tables(mode);
        network.start(&[root_config(0, mode)]);
        network
    }

    /// Gives every router of storing mode, and the root of non-storing mode, room for all.
    pub(crate) fn size_tables(&mut self, mode: Mode) {
        let count = self.nodes.len() as u16;
        for index in 0..self.nodes.len() {
            if mode == Mode::Storing || index == 0 {
                let config = Config { routes: count, ..self.nodes[index].config };
                self.rebuild(index, &config);
            }
        }
    }

    pub(crate) fn rebuild(&mut self, index: usize, config: &Config) {
        let memory = Box::leak(vec![0u8; Rpl::plan(config).bytes()].into_boxed_slice());
        let node = &mut self.nodes[index];
        node.config = *config;
        node.rpl = Rpl::new(memory, config, &node.link_local).unwrap();
        node.etx.clear();
    }

    pub(crate) fn add(&mut self, config: &Config) -> usize {
        let index = self.nodes.len();
        let memory = Box::leak(vec![0u8; Rpl::plan(config).bytes()].into_boxed_slice());
        let link = link_of(index);
        let seed = self.random.next();
        self.nodes.push(Node {
            rpl: Rpl::new(memory, config, &link.link_local()).unwrap(),
            alive: true,
            address: address(index),
            link_local: link.link_local(),
            random: Sequence(seed),
            config: *config,
            etx: BTreeMap::new(),
            events: Vec::new(),
            received: Vec::new(),
            wake: u64::MAX,
            busy: 0,
        });
        self.neighbours.push(Vec::new());
        index
    }

    pub(crate) fn connect(&mut self, a: usize, b: usize, delivery: f64) {
        for (from, to) in [(a, b), (b, a)] {
            if self.links.insert((from, to), delivery).is_none() {
                self.neighbours[from].push(to);
            }
        }
    }

    /// Starts the roots of the list, and every other node at a random time within a second.
    pub(crate) fn start(&mut self, roots: &[RootConfig]) {
        for root in roots {
            let index = self.index_of(&root.dodag_id).unwrap();
            self.root_config.insert(index, *root);
        }
        for index in 0..self.nodes.len() {
            self.boot(index);
        }
    }

    pub(crate) fn boot(&mut self, index: usize) {
        let root = self.root_config.get(&index).copied();
        self.with(index, |rpl, cx| {
            match root {
                Some(root) => rpl.start_root(cx, &root).unwrap(),
                None => rpl.start(cx),
            }
            None
        });
    }

    pub(crate) fn kill(&mut self, index: usize) {
        self.nodes[index].alive = false;
    }

    /// The node comes back with nothing remembered.
    pub(crate) fn reboot(&mut self, index: usize) {
        let config = self.nodes[index].config;
        self.rebuild(index, &config);
        self.nodes[index].alive = true;
        self.boot(index);
    }

    fn index_of(&self, address: &Ip) -> Option<usize> {
        let [.., high, low] = address.0;
        let index = usize::from(u16::from_be_bytes([high, low])).checked_sub(1)?;
        (index < self.nodes.len()).then_some(index)
    }

    fn push(&mut self, at: u64, what: What) {
        self.order += 1;
        self.queue.push(Reverse(Happening { at, order: self.order, what }));
    }

    /// Calls an engine and does with the outcome what a node does.
    pub(crate) fn with(
        &mut self,
        index: usize,
        call: impl FnOnce(&mut Rpl<'static>, &mut RplContext<'_>) -> Option<Event>,
    ) {
        let node = &mut self.nodes[index];
        let mut plane = Plane { link_local: node.link_local, global: node.address, sent: Vec::new() };
        let mut cx = RplContext { now: Instant(self.now), transport: &mut plane, random: &mut node.random };
        let mut event = call(&mut node.rpl, &mut cx);
        loop {
            if let Some(event) = event {
                node.events.push((self.now, event));
                if let Event::Prefix { .. } = event {
                    node.rpl.add_target(&mut cx, &node.address, 128, false).unwrap();
                }
            }
            event = node.rpl.poll(&mut cx);
            if event.is_none() {
                break;
            }
        }
        let deadline = node.rpl.next_deadline();
        assert!(deadline.0 > self.now, "a deadline in the past: {deadline:?} at {}", self.now);
        if deadline.0 < node.wake || node.wake <= self.now {
            node.wake = deadline.0;
            if deadline != Instant::NEVER {
                self.push(deadline.0, What::Wake(index));
            }
        }
        for sent in plane.sent {
            self.transmit(index, sent.packet, &sent.next_hop);
        }
    }

    /// One frame on the air, or a unicast with its repetitions.
    fn transmit(&mut self, from: usize, packet: Packet, next_hop: &Ip) {
        // One frame after the other leaves a node.
        let start = self.nodes[from].busy.max(self.now);
        let delay = start - self.now + 4 + u64::from(self.random.below(8));
        if next_hop.is_multicast() {
            self.frames += 1;
            self.nodes[from].busy = self.now + delay;
            for to in self.neighbours[from].clone() {
                if self.passes(from, to) {
                    self.push(self.now + delay, What::Deliver { to, from, packet: Box::new(packet.clone()) });
                }
            }
            return;
        }
        let to = self.index_of(next_hop);
        let mut attempts = 0;
        let delivered = loop {
            attempts += 1;
            self.frames += 1;
            if to.is_some_and(|to| self.passes(from, to)) {
                break true;
            }
            if attempts == 8 {
                break false;
            }
        };
        let now = Instant(self.now);
        let link = to.map_or(LinkAddress::None, link_of);
        let node = &mut self.nodes[from];
        if let Some(to) = to {
            let sample = if delivered { attempts * 128 } else { 1024 };
            let etx = node.etx.entry(to).or_insert(if delivered { sample } else { 256 });
            *etx = ((u32::from(*etx) * 7 + u32::from(sample)) / 8) as u16;
            let etx = *etx;
            node.rpl.link_metric(now, link, etx);
        }
        if !delivered {
            self.dropped += 1;
            node.rpl.on_error(now, RoutingError::LinkFailure { neighbour: link });
            // A router says so to the source of a source-routed packet.
            let outer = packet.headers.last().unwrap();
            if outer.source_route.is_some()
                && let Some(source) = self.index_of(&outer.source)
            {
                let (reporter, unreachable) = (self.nodes[from].address, outer.destination);
                let error = RoutingError::SourceRoute { reporter, unreachable };
                self.nodes[source].rpl.on_error(now, error);
                self.push(self.now + 1, What::Wake(source));
            }
        } else if let Some(to) = to {
            let delay = delay + 8 * u64::from(attempts - 1);
            self.nodes[from].busy = self.now + delay;
            self.push(self.now + delay, What::Deliver { to, from, packet: Box::new(packet) });
        }
        self.push(self.now + 1, What::Wake(from));
    }

    fn passes(&mut self, from: usize, to: usize) -> bool {
        let delivery = self.links.get(&(from, to)).copied().unwrap_or(0.0);
        let lucky = f64::from(self.random.u32()) / 4_294_967_296.0 < delivery;
        lucky && self.nodes[to].alive && self.nodes[from].alive
    }

    /// What a node's IPv6 does with a packet.
    fn receive(&mut self, at: usize, from: usize, mut packet: Packet) {
        let from_link = link_of(from);
        packet.hops += 1;
        loop {
            let node = &mut self.nodes[at];
            let (own, now) = (node.address, Instant(self.now));
            let (near, mine) = (node.link_local, move |address: &Ip| *address == own);
            let header = packet.headers.last_mut().unwrap();
            let for_us =
                header.destination == own || header.destination == near || header.destination.is_multicast();
            if let Some((kind, data)) = &mut header.rpi
                && !node.rpl.hop_by_hop(now, *kind, data, from_link)
            {
                self.dropped += 1;
                self.push(self.now, What::Wake(at));
                return;
            }
            let mut source_routed = false;
            if for_us {
                let left = header.source_route.as_ref().map_or(0, |route| route[3]);
                if left > 0 {
                    let route = header.source_route.as_mut().unwrap();
                    node.rpl.source_route(route, &mut header.destination, &mine).unwrap();
                    source_routed = true;
                } else if packet.headers.len() > 1 {
                    packet.headers.pop();
                    continue;
                } else {
                    return self.deliver(at, packet);
                }
            }
            if header.hop_limit <= 1 {
                self.dropped += 1;
                return;
            }
            header.hop_limit -= 1;
            return self.forward(at, Some(from), packet, source_routed);
        }
    }

    fn deliver(&mut self, at: usize, packet: Packet) {
        let header = packet.headers.last().unwrap();
        let (source, destination) = (header.source, header.destination);
        match packet.payload {
            Payload::Control { code, body } => {
                self.with(at, |rpl, cx| rpl.receive(cx, &source, &destination, code, &body));
            }
            Payload::Data(id) => {
                self.nodes[at].received.push((id, self.now, packet.hops));
                self.push(self.now, What::Wake(at));
            }
        }
    }

    fn forward(&mut self, at: usize, from: Option<usize>, mut packet: Packet, source_routed: bool) {
        let node = &mut self.nodes[at];
        let mut room = vec![0; MAX_ROUTE_HEADERS];
        let mut headers = Writer::new(&mut room);
        let header = packet.headers.last_mut().unwrap();
        let mut flow = Flow {
            now: Instant(self.now),
            destination: &header.destination,
            from: from.map_or(LinkAddress::None, link_of),
            own: from.is_none(),
            hop_limit: header.hop_limit,
            source_routed,
            rpl_option: header.rpi.as_mut().map(|(_, data)| &mut data[..]),
        };
        let mut route = Route::default();
        let outcome = node.rpl.route(&mut flow, &mut route, &mut headers);
        self.push(self.now, What::Wake(at));
        match outcome {
            Ok(()) => {
                let headers = headers.written().to_vec();
                apply(&mut packet, &route, &headers, self.nodes[at].address);
                self.transmit(at, packet, &route.next_hop);
            }
            Err(NoRoute::Return) => {
                let back = link_of(from.unwrap()).link_local();
                self.transmit(at, packet, &back);
            }
            Err(_) => self.dropped += 1,
        }
    }

    /// Sends a data packet; its number.
    pub(crate) fn send(&mut self, from: usize, to: usize) -> u64 {
        self.next_data += 1;
        let id = self.next_data;
        let (source, destination) = (self.nodes[from].address, self.nodes[to].address);
        let header = Header { source, destination, hop_limit: 64, rpi: None, source_route: None };
        self.forward(
            from,
            None,
            Packet { headers: vec![header], payload: Payload::Data(id), hops: 0 },
            false,
        );
        id
    }

    pub(crate) fn run(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        let mut check = self.now;
        while let Some(Reverse(next)) = self.queue.peek() {
            if next.at > end {
                break;
            }
            let at = next.at;
            while check < at {
                check += 250;
                self.check_rings(check.min(at));
            }
            let Reverse(next) = self.queue.pop().unwrap();
            self.now = next.at;
            match next.what {
                What::Wake(index) if self.nodes[index].alive => self.with(index, |_, _| None),
                What::Deliver { to, from, packet } if self.nodes[to].alive => self.receive(to, from, *packet),
                _ => {}
            }
        }
        self.now = end;
    }

    pub(crate) fn parent(&self, index: usize) -> Option<usize> {
        let dodag = self.nodes[index].rpl.dodags().find(|dodag| dodag.joined)?;
        self.index_of(&dodag.parent?)
    }

    pub(crate) fn rank(&self, index: usize) -> u16 {
        self.nodes[index].rpl.dodags().find(|dodag| dodag.joined).map_or(u16::MAX, |dodag| dodag.rank)
    }

    fn has_ring(&self) -> bool {
        let parents: Vec<_> = (0..self.nodes.len())
            .map(|index| if self.nodes[index].alive { self.parent(index) } else { None })
            .collect();
        (0..parents.len()).any(|start| {
            let (mut at, mut steps) = (start, 0);
            while let Some(next) = parents[at] {
                at = next;
                steps += 1;
                if steps > parents.len() {
                    return true;
                }
            }
            false
        })
    }

    fn check_rings(&mut self, now: u64) {
        if !self.has_ring() {
            self.ring_since = None;
            return;
        }
        let since = *self.ring_since.get_or_insert(now);
        self.longest_ring = self.longest_ring.max(now - since);
    }

    pub(crate) fn joined(&self) -> usize {
        self.nodes.iter().filter(|node| node.alive && node.rpl.is_joined()).count()
    }

    /// How many nodes the root has a route to.
    pub(crate) fn routed(&self, root: usize) -> usize {
        let root = &self.nodes[root];
        let instance = 0;
        self.nodes.iter().filter(|node| node.alive && root.rpl.has_route(instance, &node.address)).count()
    }

    /// To how many nodes the chain of next hops from the root is broken (storing mode).
    pub(crate) fn broken(&self, root: usize) -> usize {
        let next = |at: usize, target: &Ip| {
            let mut routes = self.nodes[at].rpl.routes();
            self.index_of(&routes.find(|route| route.target == *target)?.via)
        };
        let reached = |index: &usize| {
            let (mut at, mut steps) = (Some(root), 0);
            while at.is_some_and(|at| at != *index) && steps < 64 {
                at = next(at.unwrap(), &self.nodes[*index].address);
                steps += 1;
            }
            at == Some(*index)
        };
        (0..self.nodes.len()).filter(|index| self.nodes[*index].alive && !reached(index)).count()
    }

    /// Data packets between the root and every other node; how many came up and down.
    pub(crate) fn exchange(&mut self, root: usize) -> (usize, usize) {
        let others: Vec<_> =
            (0..self.nodes.len()).filter(|index| *index != root && self.nodes[*index].alive).collect();
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for index in &others {
            up.push(self.send(*index, root));
            self.run(100);
            down.push((*index, self.send(root, *index)));
            self.run(100);
        }
        self.run(5_000);
        let came = |index: usize, id: u64| self.nodes[index].received.iter().any(|(got, _, _)| *got == id);
        (
            up.iter().filter(|id| came(root, **id)).count(),
            down.iter().filter(|(index, id)| came(*index, *id)).count(),
        )
    }

    /// Runs until every living node but the root is routed at every hop, at most `limit`; the time it took.
    pub(crate) fn converge(&mut self, root: usize, limit: u64) -> Option<u64> {
        let start = self.now;
        while self.now < start + limit {
            self.run(1_000);
            let alive = self.nodes.iter().filter(|node| node.alive).count();
            let stores = self.nodes[root].rpl.dodags().any(|dodag| dodag.mode == 2);
            let whole = !stores || self.broken(root) == 0;
            if self.joined() == alive && self.routed(root) == alive - 1 && whole {
                return Some(self.now - start);
            }
        }
        None
    }
}
