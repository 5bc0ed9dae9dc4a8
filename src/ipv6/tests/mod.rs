// SPDX-License-Identifier: MIT OR Apache-2.0
//! Behaviour of the engine over a link in memory: a few nodes that all hear each other.

mod discovery;
mod ethernet;
#[cfg(feature = "reassembly")]
mod fragments;
mod hostile;
mod listener;
mod packets;
mod redirects;
mod registration;
mod routing;
mod rules;
mod storm;
mod validity;

use super::addresses::AddressState;
use super::link::{Link, LinkAddress, LinkDestination};
use super::neighbours::{Neighbour, NeighbourState};
use super::routing::{
    Encapsulation, Flow, NoRoute, NoRouting, Route, Routing, RoutingError, RoutingHeaderError,
};
use super::wire::exthdr::{HeaderOption, finish_options};
use super::wire::icmpv6::{Echo, ErrorMessage, Icmpv6, kind};
use super::wire::nd::{Medium, NdOption, Neighbor, Registration, RouterAdvertisement};
use super::wire::{Header, nd, protocol};
use super::*;
use crate::address::SocketAddress;
use crate::bytes::{Parts, Writer};
use crate::random::Sequence;
use crate::transport::Path;

/// What a node sent, with what it was sent to.
#[derive(Default)]
struct Outbox {
    packets: Vec<(LinkDestination, Vec<u8>)>,
    outside: Vec<Vec<u8>>,
    mtu: usize,
    is_full: bool,
}

impl Link for Outbox {
    fn send(&mut self, packet: Parts<'_>, to: LinkDestination) -> Result<()> {
        if self.is_full {
            return Err(Error::Full);
        }
        self.packets.push((to, [packet.head, packet.tail].concat()));
        Ok(())
    }

    fn mtu(&self) -> usize {
        self.mtu.max(1280)
    }

    fn send_outside(&mut self, packet: Parts<'_>) -> Result<()> {
        self.outside.push([packet.head, packet.tail].concat());
        Ok(())
    }
}

/// An event with its bytes copied.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Udp(Path, Vec<u8>),
    Reply(Ip, u16, Vec<u8>),
    Control(u8, Vec<u8>),
    Error(Ip, u8, u8, u32),
    Ready(Ip),
    Duplicate(Ip),
    Lost(Ip),
    RouterFound(Ip),
    RouterLost,
    Context(u8, bool, bool),
    Registered(Ip),
    Deregistered(Ip),
}

fn seen(event: Event<'_>) -> Seen {
    match event {
        Event::Udp { path, data, .. } => Seen::Udp(path, data.to_vec()),
        Event::EchoReply { source, echo, .. } => Seen::Reply(source, echo.sequence, echo.data.to_vec()),
        Event::Control { code, body, .. } => Seen::Control(code, body.to_vec()),
        Event::Error { reporter, kind, code, parameter, .. } => Seen::Error(reporter, kind, code, parameter),
        Event::AddressReady(ip) => Seen::Ready(ip),
        Event::AddressDuplicate(ip) => Seen::Duplicate(ip),
        Event::AddressLost(ip) => Seen::Lost(ip),
        Event::RouterFound(ip) => Seen::RouterFound(ip),
        Event::RouterLost => Seen::RouterLost,
        Event::Context(context) => Seen::Context(context.id(), context.compresses(), !context.is_gone()),
        Event::Registered(ip) => Seen::Registered(ip),
        Event::Deregistered(ip) => Seen::Deregistered(ip),
    }
}

/// A routing protocol of fixed answers.
#[derive(Default)]
struct Fixed {
    routes: Vec<(Ip, core::result::Result<Route, NoRoute>)>,
    headers: Vec<u8>,
    allow: bool,
    errors: Vec<String>,
    options: Vec<Vec<u8>>,
    /// Whether the first RPL option is allowed, and no other.
    once: bool,
}

impl Routing for Fixed {
    fn route(
        &mut self,
        flow: &mut Flow<'_>,
        route: &mut Route,
        headers: &mut Writer<'_>,
    ) -> core::result::Result<(), NoRoute> {
        headers.put(&self.headers).map_err(|_| NoRoute::Unreachable)?;
        if let Some([flags, ..]) = flow.rpl_option.as_deref_mut() {
            *flags |= 0x80;
        }
        let found = self.routes.iter().find(|(ip, _)| *ip == *flow.destination);
        *route = found.map_or(Err(NoRoute::NotMine), |(_, answer)| *answer)?;
        Ok(())
    }

    fn hop_by_hop(&mut self, _: Instant, kind: u8, data: &mut [u8], _: LinkAddress) -> bool {
        self.options.push([&[kind], &*data].concat());
        self.allow || core::mem::take(&mut self.once)
    }

    fn source_route(
        &mut self,
        header: &mut [u8],
        destination: &mut Ip,
        _: &dyn Fn(&Ip) -> bool,
    ) -> core::result::Result<(), RoutingHeaderError> {
        // Full addresses only.
        if header[2] != 3 {
            return Err(RoutingHeaderError::Parameter(2));
        }
        let n = header[1] / 2;
        if header[3] > n {
            return Err(RoutingHeaderError::Parameter(3));
        }
        header[3] -= 1;
        let at = 8 + 16 * usize::from(n - header[3] - 1);
        let next: [u8; 16] = header[at..at + 16].try_into().unwrap();
        header[at..at + 16].copy_from_slice(&destination.0);
        *destination = Ip(next);
        Ok(())
    }

    fn on_error(&mut self, _: Instant, error: RoutingError) {
        self.errors.push(format!("{error:?}"));
    }
}

struct Node {
    engine: Ipv6<'static>,
    link: LinkAddress,
    out: Outbox,
    routing: Box<dyn Routing>,
    random: Sequence,
    events: Vec<Seen>,
}

impl Node {
    fn with(config: Config) -> Node {
        let memory = vec![0u8; Ipv6::plan(&config).bytes()].leak();
        Node {
            engine: Ipv6::new(memory, &config, Instant(0)).unwrap(),
            link: config.link_address,
            out: Outbox::default(),
            routing: Box::new(NoRouting),
            random: Sequence(u64::from(config.link_address.bytes().0[5]) + 7),
            events: Vec::new(),
        }
    }

    fn lowpan(number: u8, role: Role) -> Node {
        Node::with(Config { registry: 4, ..config(eui64(number), Medium::Ieee802154, role) })
    }

    fn ethernet(number: u8, role: Role) -> Node {
        let link = LinkAddress::Ethernet([2, 0, 0, 0, 0, number]);
        Node::with(Config { held: 1280, ..config(link, Medium::Ethernet, role) })
    }

    fn does<T>(&mut self, now: u64, act: impl FnOnce(&mut Ipv6<'static>, &mut Context<'_>) -> T) -> T {
        let mut cx = Context {
            now: Instant(now),
            random: &mut self.random,
            link: &mut self.out,
            routing: &mut *self.routing,
        };
        act(&mut self.engine, &mut cx)
    }

    fn receive(&mut self, now: u64, from: LinkAddress, multicast: bool, packet: &[u8]) {
        let mut packet = packet.to_vec();
        let arrival = Arrival { from, multicast, ..Arrival::default() };
        let event = self.does(now, |engine, cx| engine.receive(cx, arrival, &mut packet).map(seen));
        self.events.extend(event);
    }

    fn poll(&mut self, now: u64) {
        for _ in 0..100 {
            match self.does(now, |engine, cx| engine.poll(cx).map(seen)) {
                Some(event) => self.events.push(event),
                #[cfg(feature = "reassembly")]
                None if self.put_together(now) => {}
                None => {
                    assert!(self.engine.next_deadline() > Instant(now) || !self.out.packets.is_empty());
                    return;
                }
            }
        }
        panic!("poll without end");
    }

    /// Takes a packet whose fragments have all come.
    #[cfg(feature = "reassembly")]
    fn put_together(&mut self, now: u64) -> bool {
        let mut scratch = [0; reassembly::LARGEST];
        let Some((arrival, length)) = self.engine.reassembled(&mut scratch) else { return false };
        assert!(arrival.fragmented);
        let packet = &mut scratch[..length];
        let event = self.does(now, |engine, cx| engine.receive(cx, arrival, packet).map(seen));
        self.events.extend(event);
        true
    }

    fn ping(&mut self, now: u64, to: Ip, sequence: u16) -> Result<()> {
        let echo = Echo { identifier: 9, sequence, data: b"abcdefgh" };
        self.does(now, |engine, cx| engine.ping(cx, &to, None, &echo))
    }

    fn took(&mut self) -> Vec<Seen> {
        core::mem::take(&mut self.events)
    }
}

fn config(link_address: LinkAddress, medium: Medium, role: Role) -> Config {
    Config { link_address, medium, role, ..Config::default() }
}

fn eui64(number: u8) -> LinkAddress {
    LinkAddress::Extended([2, 0, 0, 0, 0, 0, 0, number])
}

fn ip(text: &str) -> Ip {
    Ip::parse(text).unwrap()
}

/// Delivers everything, until nobody has more to say; `lost` says what gets lost.
fn settle(nodes: &mut [Node], now: u64) {
    for _ in 0..200 {
        for node in nodes.iter_mut() {
            node.poll(now);
        }
        let mut moved = false;
        for sender in 0..nodes.len() {
            let from = nodes[sender].link;
            for (to, packet) in core::mem::take(&mut nodes[sender].out.packets) {
                moved = true;
                for (receiver, node) in nodes.iter_mut().enumerate() {
                    match to {
                        LinkDestination::Unicast(link) if link == node.link => {
                            node.receive(now, from, false, &packet);
                        }
                        LinkDestination::Multicast(_) if receiver != sender => {
                            node.receive(now, from, true, &packet);
                        }
                        _ => {}
                    }
                }
            }
        }
        if !moved && nodes.iter().all(|node| node.engine.next_deadline() > Instant(now)) {
            return;
        }
    }
    panic!("no end at {now}");
}

/// Runs the nodes from deadline to deadline.
fn run(nodes: &mut [Node], from: u64, until: u64) {
    let mut now = from;
    settle(nodes, now);
    loop {
        let next = nodes.iter().map(|node| node.engine.next_deadline()).min().unwrap();
        if next > Instant(until) {
            return;
        }
        now = next.0.max(now);
        settle(nodes, now);
    }
}

/// A packet of someone else's making.
fn packet(source: Ip, destination: Ip, next_header: u8, hop_limit: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 40];
    let header = Header {
        traffic_class: 0,
        flow_label: 0,
        payload_length: payload.len() as u16,
        next_header,
        hop_limit,
        source,
        destination,
    };
    header.emit(&mut Writer::new(&mut bytes)).unwrap();
    bytes.extend_from_slice(payload);
    bytes
}

fn icmp(source: Ip, destination: Ip, kind: u8, code: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; body.len() + 4];
    Icmpv6 { kind, code, body }.emit(&source, &destination, &mut Writer::new(&mut bytes)).unwrap();
    bytes
}

fn echo_request(source: Ip, destination: Ip, hop_limit: u8) -> Vec<u8> {
    let body = icmp(source, destination, kind::ECHO_REQUEST, 0, &[0, 1, 0, 2, 7]);
    packet(source, destination, protocol::ICMPV6, hop_limit, &body)
}

/// The only packet in the outbox, as an ICMPv6 error about something.
fn error_in(node: &mut Node) -> Option<(Ip, u8, u8, u32, Vec<u8>)> {
    let packets = core::mem::take(&mut node.out.packets);
    assert!(packets.len() <= 1);
    let (_, bytes) = packets.first()?;
    let (header, payload) = Header::parse(bytes).unwrap();
    let message = Icmpv6::parse(&header.source, &header.destination, payload).unwrap();
    let error = ErrorMessage::parse(&message).ok()?;
    Some((header.destination, error.kind, error.code, error.parameter, error.invoking.to_vec()))
}

fn add(node: &mut Node, address: &str) {
    node.engine.add_address(Instant(0), ip(address), 64, Instant::NEVER, Instant::NEVER).unwrap();
    node.poll(0);
    node.events.clear();
}
