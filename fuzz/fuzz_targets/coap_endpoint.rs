// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole CoAP endpoint, small, fed with arbitrary datagrams, time, commands of its application and a transport that at times
//! refuses. Every request ends exactly once, and in the end nothing is left.
#![no_main]
use libfuzzer_sys::fuzz_target;
use mote::address::{Ip, SocketAddress};
use mote::coap::wire::Code;
use mote::coap::{Config, Endpoint, Event, Request, Resource, Response, flags};
use mote::random::Sequence;
use mote::status::{Error, Result};
use mote::table::Handle;
use mote::time::Instant;
use mote::transport::{Context, Datagram, DatagramEvent, Path};
use std::collections::BTreeMap;

#[derive(Default)]
struct World {
    refuses: bool,
    last: Option<Vec<u8>>,
}

impl Datagram for World {
    fn send(&mut self, _path: &Path, datagram: &[u8]) -> Result<()> {
        if self.refuses {
            return Err(Error::WouldBlock);
        }
        self.last = Some(datagram.to_vec());
        Ok(())
    }
    fn max_size(&self, _path: &Path) -> usize {
        1280
    }
}

struct Bench<'m> {
    endpoint: Endpoint<'m>,
    world: World,
    random: Sequence,
    now: u64,
    body: Vec<u8>,
    /// Our requests and how often each has ended.
    ended: BTreeMap<u32, u32>,
    started: Vec<Handle>,
    waiting: Vec<Handle>,
}

macro_rules! cx {
    ($bench:ident) => {
        &mut Context { now: Instant($bench.now), transport: &mut $bench.world, random: &mut $bench.random }
    };
}

impl Bench<'_> {
    fn event(&mut self, event: Event<'_>) {
        if let Some(handle) = event.terminates() {
            *self.ended.get_mut(&handle.raw()).expect("only what was started ends") += 1;
        }
        match event {
            Event::NeedBlock { request, offset, length } => {
                let from = (offset as usize).min(self.body.len());
                let to = (from + usize::from(length)).min(self.body.len());
                let body = self.body[from..to].to_vec();
                let _ = self.endpoint.supply(cx!(self), request, &body, to < self.body.len());
            }
            Event::Request(incoming) => {
                let (exchange, more) = (incoming.exchange, incoming.part.more);
                if incoming.message.message_id % 3 == 0 {
                    self.waiting.push(exchange);
                } else if !more {
                    let body = self.body.clone();
                    let response = Response { payload: &body, ..Response::new(Code::CONTENT) };
                    let _ = self.endpoint.respond(cx!(self), exchange, &response);
                }
                self.endpoint.handler_returned(cx!(self), exchange);
            }
            _ => {}
        }
    }

    fn poll(&mut self) {
        let mut scratch = [0; 1280];
        for round in 0.. {
            assert!(round < 1000, "poll never ends");
            let Some(event) = self.endpoint.poll(cx!(self), &mut scratch) else { break };
            // The scratch memory is lent to the event; the endpoint is free.
            self.event(event);
        }
        let next = self.endpoint.next_deadline();
        assert!(self.world.refuses || next.0 > self.now, "a deadline in the past: {next:?} at {}", self.now);
    }

    fn receive(&mut self, event: DatagramEvent<'_>) {
        if let Some(event) = self.endpoint.receive(cx!(self), event) {
            self.event(event);
        }
    }

    fn wait(&mut self, until: u64) {
        for _ in 0..10_000 {
            let next = self.endpoint.next_deadline().0;
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            self.poll();
            if self.world.refuses {
                break;
            }
        }
        self.now = self.now.max(until);
        self.poll();
    }
}

fn path(peer: u8) -> Path {
    Path { remote: SocketAddress::new(Ip([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, peer & 3]), 5683), local: Ip::LOOPBACK }
}

fuzz_target!(|data: &[u8]| {
    let config = Config {
        exchanges: 4, observers: 2, requests: 3, transfers: 1, peers: 3, pool: 700, body: 64, amplification_limit: data.len() % 2 == 1, ..Config::DEFAULT
    };
    let mut block = vec![0; Endpoint::plan(&config).bytes()];
    let mut endpoint = Endpoint::new(&mut block, &config).expect("the plan suffices");
    let mut resources = Vec::new();
    for (path, flags) in [("/a", flags::OBSERVABLE), ("/b", flags::ASSEMBLE), ("/c/*", flags::MULTICAST | flags::CONDITIONAL)] {
        let resource = Resource { path, flags, methods: 0x7f, attributes: ";rt=\"x\"", ..Resource::default() };
        resources.push(endpoint.add_resource(resource).expect("there is room"));
    }
    let mut bench = Bench {
        endpoint, world: World::default(), random: Sequence(7), now: 1000, body: (0..1500u32).map(|n| n as u8).collect(),
        ended: BTreeMap::new(), started: Vec::new(), waiting: Vec::new(),
    };
    let mut rest = data;
    while let Some((&step, tail)) = rest.split_first() {
        rest = tail;
        let argument = rest.first().copied().unwrap_or(0);
        match step % 10 {
            0..=2 => {
                let length = usize::from(argument).min(rest.len().saturating_sub(1));
                let datagram = rest.get(1..=length).unwrap_or_default().to_vec();
                rest = rest.get(1 + length..).unwrap_or_default();
                bench.receive(DatagramEvent::Received { path: path(step >> 4), data: &datagram });
            }
            3 | 4 => {
                // In answer to what was sent last: its message ID and token.
                let length = usize::from(argument & 63).min(rest.len().saturating_sub(1));
                let tail = rest.get(1..=length).unwrap_or_default().to_vec();
                rest = rest.get(1 + length..).unwrap_or_default();
                if let Some(mut sent) = bench.world.last.clone() {
                    let token = usize::from(sent[0] & 15).min(8);
                    sent.truncate(4 + token);
                    sent[0] = sent[0] & 0xcf | (step >> 4 & 3) << 4;
                    if let Some((&code, options)) = tail.split_first() {
                        sent[1] = code;
                        sent.extend_from_slice(options);
                    }
                    bench.receive(DatagramEvent::Received { path: path(step >> 6), data: &sent });
                }
            }
            5 => bench.wait(bench.now + (u64::from(argument) << (step >> 4))),
            6 => {
                let body = bench.body[..usize::from(argument) * 5].to_vec();
                let request = Request { observe: step & 16 != 0, confirmable: step & 32 == 0, payload: &body, ..Request::new(path(step >> 6), Code((step >> 4 & 7).max(1))) };
                if let Ok(handle) = bench.endpoint.request(cx!(bench), &request) {
                    assert!(bench.ended.insert(handle.raw(), 0).is_none_or(|times| times == 1));
                    bench.started.push(handle);
                }
            }
            7 => drop(bench.endpoint.notify(resources[usize::from(argument) % 3])),
            8 => {
                if let Some(handle) = bench.started.get(usize::from(argument)).copied() {
                    let _ = bench.endpoint.cancel(cx!(bench), handle);
                } else if let Some(exchange) = bench.waiting.pop() {
                    let _ = bench.endpoint.respond(cx!(bench), exchange, &Response::new(Code(0x44)));
                }
            }
            _ => {
                bench.world.refuses = step & 16 != 0;
                if !bench.world.refuses {
                    bench.receive(DatagramEvent::Writable);
                } else if step & 32 != 0 {
                    bench.receive(DatagramEvent::Failed { path: path(argument), error: Error::Unreachable });
                } else if let Some(sent) = bench.world.last.clone() {
                    let data = &sent[..usize::from(argument & 31).min(sent.len())];
                    bench.receive(DatagramEvent::Undelivered { path: path(step >> 6), data, error: Error::Refused });
                }
            }
        }
        bench.now += 3;
        bench.poll();
    }
    bench.world.refuses = false;
    bench.receive(DatagramEvent::Writable);
    for handle in bench.started.clone() {
        let _ = bench.endpoint.cancel(cx!(bench), handle);
    }
    bench.wait(bench.now + 4_000_000);
    assert_eq!(bench.endpoint.requests(), 0, "a request is left");
    assert!(bench.ended.values().all(|times| *times == 1), "each request ends exactly once: {:?}", bench.ended);
});
