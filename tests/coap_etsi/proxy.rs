// SPDX-License-Identifier: MIT OR Apache-2.0
//! TD_COAP_CORE_24 to 29: through a reverse proxy, which is built here on an endpoint that is server
//! to one side and client to the other.

use super::coap_support::*;
use super::world::*;
use mote::coap::wire::{Code, Options, number};
use mote::coap::{Config, Endpoint, Event, Request, Resource, Response, flags};
use mote::sim::net::{Host, HostId, Net};
use mote::table::Handle;
use mote::time::Instant;
use mote::transport::{DatagramContext, DatagramEvent, Path};
use std::collections::HashMap;

const PROXY: HostId = HostId(2);

type Kept = (Code, Vec<(u16, Vec<u8>)>, Vec<u8>);

/// Forwards everything, and keeps fresh answers to GET.
struct Proxy {
    endpoint: Endpoint<'static>,
    forwarded: HashMap<Handle, (Handle, Option<Vec<u8>>)>,
    cache: HashMap<Vec<u8>, (Instant, Kept)>,
}

impl Proxy {
    fn new() -> Proxy {
        let config = Config { exchanges: 16, pool: 16384, ..Config::DEFAULT };
        let memory = vec![0; Endpoint::plan(&config).bytes()].leak();
        let mut endpoint = Endpoint::new(memory, &config).unwrap();
        let everything =
            Resource { path: "/*", methods: 0x7f, flags: flags::CONDITIONAL, ..Resource::default() };
        endpoint.add_resource(everything).unwrap();
        Proxy { endpoint, forwarded: HashMap::new(), cache: HashMap::new() }
    }

    fn act(&mut self, cx: &mut DatagramContext<'_>, event: Event<'_>) {
        match event {
            Event::Request(incoming) => {
                let message = incoming.message;
                let key = (message.code == Code::GET).then(|| message.options.bytes().to_vec());
                if let Some((until, kept)) = key.as_ref().and_then(|key| self.cache.get(key))
                    && cx.now < *until
                {
                    let left = (until.since(cx.now) / 1000) as u8;
                    let mut kept = kept.clone();
                    kept.1.retain(|(number, _)| *number != number::MAX_AGE);
                    kept.1.push((number::MAX_AGE, vec![left]));
                    return answer(&mut self.endpoint, cx, incoming.exchange, &kept);
                }
                let request = Request {
                    options: &message.options,
                    payload: message.payload,
                    ..Request::new(to_server(), message.code)
                };
                let request = self.endpoint.request(cx, &request).unwrap();
                self.forwarded.insert(request, (incoming.exchange, key));
                self.endpoint.handler_returned(cx, incoming.exchange);
            }
            Event::Response { request, message, .. } => {
                let (exchange, key) = self.forwarded.remove(&request).unwrap();
                let options = message.options.map(|(number, value)| (number, value.to_vec())).collect();
                let kept = (message.code, options, message.payload.to_vec());
                answer(&mut self.endpoint, cx, exchange, &kept);
                if let (Some(key), Some(age)) = (key, message.uint(number::MAX_AGE)) {
                    self.cache.insert(key, (cx.now.after(u64::from(age) * 1000), kept));
                }
            }
            Event::Ended { request, .. } => {
                let (exchange, _) = self.forwarded.remove(&request).unwrap();
                let late = (Code::GATEWAY_TIMEOUT, Vec::new(), Vec::new());
                answer(&mut self.endpoint, cx, exchange, &late);
            }
            Event::NeedBlock { .. } => unreachable!("bodies are small here"),
        }
    }
}

fn answer(endpoint: &mut Endpoint<'static>, cx: &mut DatagramContext<'_>, exchange: Handle, kept: &Kept) {
    let (code, options, payload) = kept;
    let mut buffer = [0; 256];
    let kind = mote::coap::wire::Type::Non;
    let mut out = mote::coap::wire::Encoder::new(&mut buffer, kind, *code, 0, &[]).unwrap();
    for (number, value) in options {
        out.option(*number, value).unwrap();
    }
    let written = out.finish();
    let options: Options<'_> = parse(written).options;
    endpoint.respond(cx, exchange, &Response { options: &options, payload, ..Response::new(*code) }).unwrap();
}

impl Host for Proxy {
    fn receive(&mut self, cx: &mut DatagramContext<'_>, event: DatagramEvent<'_>) {
        if let Some(event) = self.endpoint.receive(cx, event) {
            self.act(cx, event);
        }
    }

    fn poll(&mut self, cx: &mut DatagramContext<'_>) {
        let mut scratch = vec![0; 1500];
        while let Some(event) = self.endpoint.poll(cx, &mut scratch) {
            self.act(cx, event);
        }
    }

    fn next_deadline(&self) -> Instant {
        self.endpoint.next_deadline()
    }
}

struct Proxied {
    world: World,
    proxy: Proxy,
}

impl Proxied {
    fn new() -> Proxied {
        let mut world = World::new();
        let net: &mut Net = &mut world.pair.net;
        assert_eq!(net.host(address(3)), PROXY);
        Proxied { world, proxy: Proxy::new() }
    }

    fn exchange(&mut self, ask: &Ask) -> Reply {
        let request = self.world.start_to(ask, Path::to(address(3)));
        self.run(3000);
        self.world.reply(request)
    }

    fn run(&mut self, ms: u64) {
        let pair = &mut self.world.pair;
        let until = pair.net.now().after(ms);
        pair.net.run(&mut [&mut pair.client, &mut pair.server, &mut self.proxy], until);
    }

    /// How many requests have reached the server.
    fn forwarded(&self) -> usize {
        self.world.sent_by(PROXY).iter().filter(|passed| passed.message().code.is_request()).count()
    }
}

#[test]
fn td_coap_core_24_location_paths_through_a_proxy() {
    let mut proxied = Proxied::new();
    let reply = proxied.exchange(&ask(Code::POST, "/test").with(number::CONTENT_FORMAT, b"").body(b"x"));
    assert_eq!(reply.code, Code::CREATED);
    assert_eq!(reply.all(number::LOCATION_PATH), [b"location1", b"location2", b"location3"]);
    assert_eq!(proxied.forwarded(), 1);
}

#[test]
fn td_coap_core_25_location_queries_through_a_proxy() {
    let mut proxied = Proxied::new();
    let reply = proxied.exchange(&ask(Code::POST, "/location-query").body(b"x"));
    assert_eq!(reply.code, Code::CREATED);
    assert_eq!(reply.all(number::LOCATION_QUERY), [&b"first=1"[..], b"second=2"]);
}

#[test]
fn td_coap_core_26_accept_through_a_proxy() {
    let mut proxied = Proxied::new();
    for (format, text) in [(&b""[..], &b"one"[..]), (&[41], b"<v>1</v>")] {
        let reply = proxied.exchange(&ask(Code::GET, "/multi-format").with(number::ACCEPT, format));
        assert_eq!((reply.code, &reply.payload[..]), (Code::CONTENT, text));
        assert_eq!(reply.all(number::CONTENT_FORMAT), [format]);
    }
}

#[test]
fn td_coap_core_27_if_match_through_a_proxy() {
    let mut proxied = Proxied::new();
    let tag = proxied.exchange(&ask(Code::GET, "/validate")).all(number::ETAG)[0].to_vec();
    let update = ask(Code::PUT, "/validate").with(number::IF_MATCH, &tag).body(b"other");
    let changed = proxied.exchange(&update);
    assert_eq!(changed.code, Code::CHANGED);
    assert_ne!(changed.all(number::ETAG), [&tag[..]]);
    assert_eq!(proxied.exchange(&update).code, Code::PRECONDITION_FAILED);
}

#[test]
fn td_coap_core_28_if_none_match_through_a_proxy() {
    let mut proxied = Proxied::new();
    let create = ask(Code::PUT, "/create1").with(number::IF_NONE_MATCH, b"").body(b"mine");
    assert_eq!(proxied.exchange(&create).code, Code::CREATED);
    assert_eq!(proxied.exchange(&create).code, Code::PRECONDITION_FAILED);
}

#[test]
fn td_coap_core_29_max_age_at_a_caching_proxy() {
    let mut proxied = Proxied::new();
    let first = proxied.exchange(&ask(Code::GET, "/validate"));
    assert_eq!((first.code, first.all(number::MAX_AGE)), (Code::CONTENT, vec![&[30][..]]));
    assert_eq!(proxied.forwarded(), 1);
    let cached = proxied.exchange(&ask(Code::GET, "/validate"));
    assert_eq!((cached.code, &cached.payload), (Code::CONTENT, &first.payload));
    assert!(cached.all(number::MAX_AGE)[0][0] < 30);
    assert_eq!(proxied.forwarded(), 1, "answered from the cache");
    proxied.run(40_000);
    assert_eq!(proxied.exchange(&ask(Code::GET, "/validate")).code, Code::CONTENT);
    assert_eq!(proxied.forwarded(), 2, "no longer fresh");
}
