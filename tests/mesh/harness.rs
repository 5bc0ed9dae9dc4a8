// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole nodes on a simulated radio channel, in virtual time.

use mote::address::Ip;
#[cfg(any(feature = "ghc", feature = "sixlorh"))]
use mote::ieee802154::wire::{Frame, FrameType};
use mote::ipv6::link::LinkAddress;
use mote::mesh::{Config, Event, Mesh, PingFailure, Role, Root, SCRATCH};
use mote::random::Sequence;
use mote::sim::radio::{Air, Node, NodeId, RadioLink, Setup, Topology};
use mote::table::Handle;
use mote::time::Instant;
use mote::transport::{Path, RadioContext, RadioEvent};
use std::cell::RefCell;
use std::rc::Rc;

/// What a node told its application.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Joined,
    Parent(Ip),
    Lost,
    Ready(Ip),
    Host(Ip),
    Route(Ip),
    RouteGone(Ip),
    Reply { ping: Handle, source: Ip, hop_limit: u8, round_trip: u32, data: Vec<u8> },
    Failed(Handle, PingFailure),
    Udp(Path, Vec<u8>),
    HostPacket(Vec<u8>),
    Other(String),
}

fn told(event: Event<'_>) -> Told {
    match event {
        Event::Joined { .. } => Told::Joined,
        Event::ParentChanged { parent, .. } => Told::Parent(parent),
        Event::Lost { .. } => Told::Lost,
        Event::AddressReady(ip) => Told::Ready(ip),
        Event::HostRegistered(ip) => Told::Host(ip),
        Event::RouteAdded { target, .. } => Told::Route(target),
        Event::RouteRemoved { target, .. } => Told::RouteGone(target),
        Event::PingReply { ping, source, round_trip, hop_limit, data } => {
            Told::Reply { ping, source, round_trip, hop_limit, data: data.to_vec() }
        }
        Event::PingFailed { ping, failure } => Told::Failed(ping, failure),
        Event::Udp { path, data, .. } => Told::Udp(path, data.to_vec()),
        Event::HostPacket { packet } => Told::HostPacket(packet.to_vec()),
        other => Told::Other(format!("{other:?}")),
    }
}

pub(crate) struct Host {
    pub(crate) mesh: Mesh<'static>,
    root: Option<Root>,
    pub(crate) events: Rc<RefCell<Vec<(u64, Told)>>>,
    /// Sends datagrams back to where they came from.
    pub(crate) echoes: bool,
}

impl Host {
    fn tell(&self, now: Instant, event: Told) {
        self.events.borrow_mut().push((now.0, event));
    }
}

impl Node for Host {
    fn start(&mut self, cx: &mut RadioContext<'_>) {
        match &self.root {
            Some(root) => self.mesh.start_root(cx, root).unwrap(),
            None => self.mesh.join(cx).unwrap(),
        }
    }

    fn receive(&mut self, cx: &mut RadioContext<'_>, event: RadioEvent<'_>) {
        let mut scratch = [0; SCRATCH];
        let event = self.mesh.receive(cx, event, &mut scratch);
        if let (Some(Event::Udp { socket, path, data }), true) = (event, self.echoes) {
            let _ = self.mesh.udp_send(cx, socket, &path.reply(), data);
        }
        if let Some(event) = event.map(told) {
            self.tell(cx.now, event);
        }
    }

    fn poll(&mut self, cx: &mut RadioContext<'_>) {
        let mut scratch = [0; SCRATCH];
        for _ in 0..1000 {
            let Some(event) = self.mesh.poll(cx, &mut scratch).map(told) else {
                assert!(self.mesh.next_deadline() > cx.now, "a deadline in the past");
                return;
            };
            self.tell(cx.now, event);
        }
        panic!("poll without end");
    }

    fn next_deadline(&self) -> Instant {
        self.mesh.next_deadline()
    }
}

/// A network of nodes, the first of which is the root.
pub(crate) struct Network {
    pub(crate) air: Air<Host, Vec<u8>>,
    root: Root,
    configs: Vec<Config>,
}

pub(crate) fn eui64(id: NodeId) -> [u8; 8] {
    let [a, b] = (id as u16).to_be_bytes();
    [0x02, 0, 0, 0xff, 0xfe, 1, a, b]
}

pub(crate) fn address(id: NodeId) -> Ip {
    let [a, b, c, d, e, f, g, h] = LinkAddress::Extended(eui64(id)).interface_identifier();
    Ip([0xfd, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h])
}

pub(crate) fn link_local(id: NodeId) -> Ip {
    LinkAddress::Extended(eui64(id)).link_local()
}

/// Nodes in a row, each of which hears the next.
pub(crate) fn line(count: usize, delivery: u16) -> Topology {
    let mut topology = Topology::unlinked(count);
    for id in 1..count {
        topology.set_both(id - 1, id, Some(RadioLink { delivery, rssi: -60 }));
    }
    topology
}

/// Nodes in a square, each of which hears its eight neighbours.
pub(crate) fn grid(side: usize, delivery: u16) -> Topology {
    let mut topology = Topology::unlinked(side * side);
    for a in 0..side * side {
        for b in 0..a {
            let near = |x: usize, y: usize| x.abs_diff(y) <= 1;
            if near(a % side, b % side) && near(a / side, b / side) {
                topology.set_both(a, b, Some(RadioLink { delivery, rssi: -65 }));
            }
        }
    }
    topology
}

/// The data frames in a capture.
#[cfg(any(feature = "ghc", feature = "sixlorh"))]
pub(crate) fn frames(capture: &[u8]) -> Vec<Frame<'_>> {
    let mut rest = &capture[24..];
    let mut all = Vec::new();
    while let Some((header, after)) = rest.split_at_checked(16) {
        let len = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        rest = &after[len..];
        all.extend(Frame::parse(&after[..len - 2]));
    }
    all.retain(|frame| frame.header.frame_type == FrameType::Data);
    all
}

impl Network {
    /// All nodes are there but none is switched on.
    pub(crate) fn new(
        topology: Topology,
        root: Root,
        seed: u64,
        tune: impl Fn(NodeId, &mut Config),
    ) -> Network {
        let count = topology.len();
        let setup = Setup { seed, ..Setup::default() };
        let configs = (0..count).map(|id| {
            let mut config = Config { eui64: eui64(id), ..Config::default() };
            if id == 0 {
                config.role = Role::Root;
                config.routes = 64;
                config.packet = 2047;
                config.blocks = 48;
            }
            tune(id, &mut config);
            config
        });
        let configs = configs.collect();
        Network { air: Air::new(topology, &setup), root, configs }
    }

    /// The same with all nodes switched on.
    pub(crate) fn started(topology: Topology, root: Root, seed: u64) -> Network {
        let mut network = Network::new(topology, root, seed, |_, _| {});
        for id in 0..network.len() {
            network.start(id);
        }
        network
    }

    pub(crate) fn len(&self) -> usize {
        self.configs.len()
    }

    pub(crate) fn start(&mut self, id: NodeId) {
        let config = self.configs[id];
        let memory = vec![0; Mesh::plan(&config).bytes()].leak();
        let now = Instant(0);
        let mesh = Mesh::new(memory, &config, now, &mut Sequence(id as u64 + 77)).unwrap();
        let root = (config.role == Role::Root).then_some(self.root);
        self.air.start(id, Host { mesh, root, events: Rc::default(), echoes: false });
    }

    /// Changes how a node is to be at its next start.
    pub(crate) fn set(&mut self, id: NodeId, change: impl Fn(&mut Config)) {
        change(&mut self.configs[id]);
    }

    pub(crate) fn node(&self, id: NodeId) -> &Host {
        self.air.node(id).unwrap()
    }

    /// Runs for so many seconds.
    pub(crate) fn run(&mut self, seconds: u64) {
        self.air.run_for(seconds * 1_000_000);
    }

    /// Runs until something is so, at most for so many seconds; how many it took.
    pub(crate) fn until(&mut self, seconds: u64, is_so: impl Fn(&Network) -> bool) -> Option<u64> {
        for second in 0..=seconds {
            if is_so(self) {
                return Some(second);
            }
            self.run(1);
        }
        None
    }

    /// Whether all nodes have an address and the root knows a way to each.
    pub(crate) fn is_complete(&self) -> bool {
        let known: Vec<Ip> = self.node(0).mesh.routes().map(|route| route.target).collect();
        (1..self.len()).all(|id| {
            let joined = self.air.node(id).is_none_or(|node| node.mesh.global_address().is_some());
            joined && (self.air.node(id).is_none() || known.contains(&address(id)))
        })
    }

    pub(crate) fn took(&self, id: NodeId) -> Vec<Told> {
        self.node(id).events.borrow_mut().drain(..).map(|(_, event)| event).collect()
    }

    /// Hands the root a packet of the host, and collects what comes back to it.
    pub(crate) fn hand_in(&mut self, packet: &[u8], seconds: u64) -> Vec<Vec<u8>> {
        self.took(0);
        let mut scratch = packet.to_vec();
        let event = self.air.with(0, |host, cx| host.mesh.receive_from_host(cx, &mut scratch).map(told));
        let mut back = Vec::new();
        for second in 0..=seconds {
            for event in self.took(0).into_iter().chain(event.clone().flatten().filter(|_| second == 0)) {
                if let Told::HostPacket(packet) = event {
                    back.push(packet);
                }
            }
            self.run(1);
        }
        back
    }

    /// Pings and waits; the hop limit of the reply, or why there was none.
    pub(crate) fn ping(
        &mut self,
        from: NodeId,
        to: &Ip,
        hop_limit: u8,
        size: usize,
    ) -> Result<u8, PingFailure> {
        self.ping_for(from, to, hop_limit, size, 20_000)
    }

    /// A small ping that gives up after so many milliseconds.
    pub(crate) fn ping_within(&mut self, from: NodeId, to: &Ip, timeout: u32) -> Result<u8, PingFailure> {
        self.ping_for(from, to, 0, 8, timeout)
    }

    /// The time, in milliseconds.
    pub(crate) fn now(&self) -> u64 {
        self.air.now() / 1_000
    }

    fn ping_for(
        &mut self,
        from: NodeId,
        to: &Ip,
        hop_limit: u8,
        size: usize,
        timeout: u32,
    ) -> Result<u8, PingFailure> {
        let data: Vec<u8> = (0..size).map(|byte| byte as u8).collect();
        let sent = self.air.with(from, |host, cx| host.mesh.ping(cx, to, hop_limit, timeout, &data));
        let handle = sent.unwrap().map_err(PingFailure::Local)?;
        for _ in 0..500 {
            self.air.run_for(50_000);
            for event in self.took(from) {
                match event {
                    Told::Reply { ping, hop_limit, data: back, .. } if ping == handle => {
                        assert_eq!(back, data);
                        return Ok(hop_limit);
                    }
                    Told::Failed(ping, failure) if ping == handle => return Err(failure),
                    _ => {}
                }
            }
        }
        panic!("a ping without end");
    }
}
