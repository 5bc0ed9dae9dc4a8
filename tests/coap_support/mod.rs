// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host of the simulated network that carries a CoAP endpoint, for behaviour tests.
#![allow(dead_code, unreachable_pub)] // Each test program uses some of it.

use mote::address::{Ip, SocketAddress};
use mote::coap::wire::{Code, Encoder, Message, Type, number};
use mote::coap::{Config, Endpoint, Event, Incoming, Part, Request, Resource, Response};
use mote::sim::net::{Host, HostId, Net};
use mote::status::{Error, Result};
use mote::table::Handle;
use mote::time::Instant;
use mote::transport::{DatagramContext, DatagramEvent, Path};

pub const CLIENT: HostId = HostId(0);
pub const SERVER: HostId = HostId(1);

pub fn address(last: u8) -> SocketAddress {
    SocketAddress::new(Ip::v4([10, 0, 0, last]), 5683)
}

/// More events than anything has to tell at one time.
const SPIN_LIMIT: usize = 10_000;

/// What an endpoint reported, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Response {
        request: Handle,
        code: Code,
        payload: Vec<u8>,
        part: Part,
        options: Vec<(u16, Vec<u8>)>,
        last: bool,
    },
    Ended {
        request: Handle,
        result: Result<()>,
    },
}

type Handler = Box<dyn FnMut(&mut Endpoint<'static>, &mut DatagramContext<'_>, &Incoming<'_>)>;

pub struct Node {
    pub endpoint: Endpoint<'static>,
    pub seen: Vec<(u64, Seen)>,
    pub handler: Handler,
    /// The body that [`Event::NeedBlock`] is answered from.
    pub body: Vec<u8>,
    scratch: Vec<u8>,
}

impl Node {
    pub fn new(config: &Config) -> Node {
        let memory = vec![0; Endpoint::plan(config).bytes()].leak();
        Node {
            endpoint: Endpoint::new(memory, config).unwrap(),
            seen: Vec::new(),
            handler: Box::new(|_, _, _| {}),
            body: Vec::new(),
            scratch: vec![0; 1500],
        }
    }

    /// A server with one resource and what it answers with.
    pub fn serving(
        config: &Config,
        resource: Resource<'static>,
        handler: impl FnMut(&mut Endpoint<'static>, &mut DatagramContext<'_>, &Incoming<'_>) + 'static,
    ) -> Node {
        let mut node = Node::new(config);
        node.endpoint.add_resource(resource).unwrap();
        node.handler = Box::new(handler);
        node
    }

    fn act(&mut self, cx: &mut DatagramContext<'_>, event: Event<'_>) {
        let now = cx.now.0;
        match event {
            Event::Response { request, message, part, last, .. } => self.seen.push((
                now,
                Seen::Response {
                    request,
                    code: message.code,
                    payload: message.payload.to_vec(),
                    part,
                    options: message.options.map(|(n, v)| (n, v.to_vec())).collect(),
                    last,
                },
            )),
            Event::Ended { request, result } => self.seen.push((now, Seen::Ended { request, result })),
            Event::NeedBlock { request, offset, length } => {
                let end = (offset as usize + usize::from(length)).min(self.body.len());
                let more = end < self.body.len();
                let block = self.body[offset as usize..end].to_vec();
                self.endpoint.supply(cx, request, &block, more).unwrap();
            }
            Event::Request(incoming) => {
                (self.handler)(&mut self.endpoint, cx, &incoming);
                self.endpoint.handler_returned(cx, incoming.exchange);
            }
        }
    }

    /// The codes and payloads of all responses, in order.
    pub fn responses(&self) -> Vec<(Code, Vec<u8>)> {
        let responses = self.seen.iter().filter_map(|(_, seen)| match seen {
            Seen::Response { code, payload, .. } => Some((*code, payload.clone())),
            Seen::Ended { .. } => None,
        });
        responses.collect()
    }

    /// The payloads of all responses, put together.
    pub fn received(&self) -> Vec<u8> {
        self.responses().into_iter().flat_map(|(_, payload)| payload).collect()
    }

    /// How the request ended: the code of its last response, or why there is none. Panics
    /// unless it ended exactly once, with nothing after it.
    pub fn end(&self, handle: Handle) -> core::result::Result<Code, Result<()>> {
        let of = |seen: &Seen| match seen {
            Seen::Response { request, .. } | Seen::Ended { request, .. } => *request == handle,
        };
        let all: Vec<&Seen> = self.seen.iter().map(|(_, seen)| seen).filter(|seen| of(seen)).collect();
        let ends = |seen: &&&Seen| matches!(seen, Seen::Ended { .. } | Seen::Response { last: true, .. });
        assert_eq!(all.iter().filter(ends).count(), 1, "{all:?}");
        match all.last().unwrap() {
            Seen::Response { code, last, .. } => {
                assert!(last, "something came after the end");
                Ok(*code)
            }
            Seen::Ended { result, .. } => Err(*result),
        }
    }
}

impl Host for Node {
    fn receive(&mut self, cx: &mut DatagramContext<'_>, event: DatagramEvent<'_>) {
        if let Some(event) = self.endpoint.receive(cx, event) {
            self.act(cx, event);
        }
    }

    fn poll(&mut self, cx: &mut DatagramContext<'_>) {
        let mut scratch = core::mem::take(&mut self.scratch);
        let mut events = 0;
        while let Some(event) = self.endpoint.poll(cx, &mut scratch) {
            events += 1;
            assert!(events < SPIN_LIMIT, "the endpoint spins at {:?}", cx.now);
            self.act(cx, event);
        }
        self.scratch = scratch;
    }

    fn next_deadline(&self) -> Instant {
        self.endpoint.next_deadline()
    }
}

/// A client at 10.0.0.1 and a server at 10.0.0.2.
pub struct Pair {
    pub net: Net,
    pub client: Node,
    pub server: Node,
}

impl Pair {
    pub fn new(client: Node, server: Node) -> Pair {
        let mut net = Net::new(1);
        assert_eq!(net.host(address(1)), CLIENT);
        assert_eq!(net.host(address(2)), SERVER);
        Pair { net, client, server }
    }

    pub fn run(&mut self, ms: u64) {
        let until = self.net.now().after(ms);
        self.net.run(&mut [&mut self.client, &mut self.server], until);
    }

    pub fn request(&mut self, request: &Request<'_>) -> Handle {
        let endpoint = &mut self.client.endpoint;
        self.net.with(CLIENT, |cx| endpoint.request(cx, request)).unwrap()
    }

    pub fn try_request(&mut self, request: &Request<'_>) -> Result<Handle> {
        let endpoint = &mut self.client.endpoint;
        self.net.with(CLIENT, |cx| endpoint.request(cx, request))
    }

    /// Acts on the server outside of any event.
    pub fn at_server<R>(
        &mut self,
        act: impl FnOnce(&mut Endpoint<'static>, &mut DatagramContext<'_>) -> R,
    ) -> R {
        let endpoint = &mut self.server.endpoint;
        self.net.with(SERVER, |cx| act(endpoint, cx))
    }

    /// Acts on the client outside of any event.
    pub fn at_client<R>(
        &mut self,
        act: impl FnOnce(&mut Endpoint<'static>, &mut DatagramContext<'_>) -> R,
    ) -> R {
        let endpoint = &mut self.client.endpoint;
        self.net.with(CLIENT, |cx| act(endpoint, cx))
    }
}

pub fn to_server() -> Path {
    Path::to(address(2))
}

/// Answers with 2.05 and a payload.
pub fn content(payload: &[u8]) -> Response<'_> {
    Response { payload, ..Response::new(Code::CONTENT) }
}

pub fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index * 7 + index / 251) as u8).collect()
}

/// A raw message.
pub fn raw(
    kind: Type,
    code: Code,
    id: u16,
    token: &[u8],
    options: &[(u16, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let mut buffer = vec![0; 2048];
    let mut out = Encoder::new(&mut buffer, kind, code, id, token).unwrap();
    for (number, value) in options {
        out.option(*number, value).unwrap();
    }
    out.payload(payload).unwrap();
    out.finish().to_vec()
}

/// A host that only sends what a test says, and records what comes: a peer under control.
pub struct Bench {
    pub net: Net,
    pub node: Node,
    pub peer: mote::sim::net::Recorder,
}

impl Bench {
    /// The node is [`SERVER`], the controlled peer [`CLIENT`].
    pub fn new(node: Node) -> Bench {
        let mut net = Net::new(7);
        net.host(address(1));
        net.host(address(2));
        Bench { net, node, peer: mote::sim::net::Recorder::default() }
    }

    pub fn send(&mut self, datagram: &[u8]) {
        self.send_to(address(2), datagram);
    }

    pub fn send_to(&mut self, to: SocketAddress, datagram: &[u8]) {
        self.net.with(CLIENT, |cx| cx.transport.send(&Path::to(to), datagram)).unwrap();
    }

    pub fn run(&mut self, ms: u64) {
        let until = self.net.now().after(ms);
        self.net.run(&mut [&mut self.peer, &mut self.node], until);
    }

    /// Sends, waits a little, and takes what came since.
    pub fn ask(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.send(datagram);
        self.run(100);
        self.take()
    }

    pub fn take(&mut self) -> Vec<Vec<u8>> {
        core::mem::take(&mut self.peer.received).into_iter().map(|arrival| arrival.data).collect()
    }

    /// Acts on the node outside of any event.
    pub fn at_node<R>(
        &mut self,
        act: impl FnOnce(&mut Endpoint<'static>, &mut DatagramContext<'_>) -> R,
    ) -> R {
        let endpoint = &mut self.node.endpoint;
        self.net.with(SERVER, |cx| act(endpoint, cx))
    }
}

pub const PATH: u16 = number::URI_PATH;

pub fn parse(datagram: &[u8]) -> Message<'_> {
    Message::parse(datagram).unwrap()
}

pub const TIMEOUT: core::result::Result<Code, Result<()>> = Err(Err(Error::Timeout));
