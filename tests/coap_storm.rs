// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many exchanges over a bad network, arbitrary input, and memory at its minimum.
#![cfg(all(feature = "std", feature = "coap"))]

mod coap_support;

use coap_support::*;
use mote::coap::wire::{Code, Type, number};
use mote::coap::{Config, Endpoint, Request, Resource, Response, flags, methods};
use mote::sim::net::{Host, Link, Net};
use mote::status::Error;
use mote::time::Instant;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

const COUNT: Resource<'static> = Resource::new("/count", methods::GET | methods::POST);
const COUNT_PATH: [(u16, &[u8]); 1] = [(PATH, b"count")];

/// 10,000 exchanges at 30 % loss with duplication and reordering: each request ends exactly once,
/// and none is applied twice.
#[test]
fn ten_thousand_exchanges_over_a_bad_network() {
    let applied: Rc<RefCell<BTreeMap<u32, u32>>> = Rc::default();
    let config = Config { requests: 8, exchanges: 512, pool: 32 * 1024, peers: 4, ..Config::DEFAULT };
    let counted = applied.clone();
    let mut later = Vec::new();
    let mut server = Node::serving(&config, COUNT, move |endpoint, cx, incoming| {
        let number = u32::from_be_bytes(incoming.message.payload.try_into().unwrap());
        *counted.borrow_mut().entry(number).or_default() += 1;
        // Every fourth is answered separately, by way of the next request.
        if number % 4 == 0 {
            later.push((incoming.exchange, number));
            return;
        }
        endpoint.respond(cx, incoming.exchange, &content(&number.to_be_bytes())).unwrap();
        for (exchange, number) in later.drain(..) {
            let _ = endpoint.respond(cx, exchange, &content(&number.to_be_bytes()));
        }
    });
    let mut clients: Vec<Node> = (0..3).map(|_| Node::new(&Config { exchanges: 64, ..config })).collect();
    let mut net = Net::new(11);
    for last in [2, 11, 12, 13] {
        net.host(address(last));
    }
    net.every(Link {
        loss: 300,
        duplicate: 150,
        reorder: 200,
        reorder_by: 4000,
        delay: 20,
        jitter: 30,
        ..Link::default()
    });
    let mut started: Vec<Vec<(mote::table::Handle, u32)>> = vec![Vec::new(); 3];
    let mut next = 0u32;
    while next < 10_000 || clients.iter().any(|client| client.endpoint.requests() > 0) {
        for (index, client) in clients.iter_mut().enumerate() {
            while next < 10_000 {
                let body = next.to_be_bytes();
                let request = Request {
                    options: &COUNT_PATH,
                    payload: &body,
                    confirmable: next % 8 != 7,
                    timeout: 30_000,
                    ..Request::new(to_server(), Code::POST)
                };
                let endpoint = &mut client.endpoint;
                match net.with(mote::sim::net::HostId(index + 1), |cx| endpoint.request(cx, &request)) {
                    Ok(handle) => started[index].push((handle, next)),
                    Err(error) => {
                        assert_eq!(error, Error::Full);
                        break;
                    }
                }
                next += 1;
            }
        }
        let until = net.now().after(2000);
        let mut hosts: Vec<&mut dyn Host> = vec![&mut server];
        hosts.extend(clients.iter_mut().map(|client| client as &mut dyn Host));
        net.run(&mut hosts, until);
    }
    let mut answered = 0;
    for (client, started) in clients.iter().zip(&started) {
        let mut ends: BTreeMap<u32, u32> = BTreeMap::new();
        for (_, seen) in &client.seen {
            match seen {
                Seen::Response { request, code, payload, last, .. } => {
                    assert!(*last);
                    *ends.entry(request.raw()).or_default() += 1;
                    let (_, number) = started.iter().find(|(handle, _)| handle == request).unwrap();
                    assert_eq!((*code, &payload[..]), (Code::CONTENT, &number.to_be_bytes()[..]));
                    assert_eq!(applied.borrow()[number], 1);
                    answered += 1;
                }
                Seen::Ended { request, result } => {
                    assert_eq!(*result, Err(Error::Timeout));
                    *ends.entry(request.raw()).or_default() += 1;
                }
            }
        }
        assert_eq!(ends.len(), started.len());
        assert!(ends.values().all(|count| *count == 1));
    }
    assert!(applied.borrow().values().all(|count| *count == 1), "applied twice");
    // The confirmable seven of eight get through nearly always.
    assert!(answered > 8000, "{answered}");
    assert_eq!(server.endpoint.stats().full, 0);
}

#[test]
fn exactly_the_planned_memory_suffices() {
    for config in [
        Config::DEFAULT,
        Config {
            peers: 1,
            requests: 0,
            exchanges: 0,
            observers: 0,
            resources: 0,
            transfers: 0,
            pool: 0,
            message_size: 64,
            ..Config::DEFAULT
        },
        Config {
            peers: 3,
            requests: 7,
            exchanges: 5,
            observers: 11,
            resources: 3,
            transfers: 2,
            pool: 777,
            body: 33,
            message_size: 99,
            ..Config::DEFAULT
        },
    ] {
        let bytes = Endpoint::plan(&config).bytes();
        let mut memory = vec![0; bytes];
        assert!(Endpoint::new(&mut memory, &config).is_ok());
        // A block aligned badly needs all of it, one aligned well a few bytes less.
        let needed = (0..8).map(|offset| {
            let mut memory = vec![0; bytes + 8];
            let start = memory.as_ptr().align_offset(8) + offset;
            memory.resize(start + bytes, 0);
            let start = memory.as_ptr().align_offset(8) + offset;
            (0..=bytes)
                .rev()
                .take_while(|length| {
                    memory
                        .get_mut(start..start + length)
                        .is_some_and(|block| Endpoint::new(block, &config).is_ok())
                })
                .last()
                .unwrap_or(usize::MAX)
        });
        assert_eq!(needed.max(), Some(bytes));
    }
    let mut memory = [0; 4096];
    for wrong in [
        Config { message_size: 63, ..Config::DEFAULT },
        Config { peers: 0, ..Config::DEFAULT },
        Config { observers: 20_000, ..Config::DEFAULT },
    ] {
        assert_eq!(Endpoint::new(&mut memory, &wrong).err(), Some(Error::Invalid));
    }
    assert_eq!(Endpoint::new(&mut memory[..100], &Config::DEFAULT).err(), Some(Error::NoMemory));
}

/// Beyond its message, an observer and an open exchange take at most 64 bytes each.
#[test]
fn entries_are_small() {
    let base =
        Endpoint::plan(&Config { peers: 2, requests: 2, exchanges: 2, observers: 2, ..Config::DEFAULT })
            .bytes();
    let more = Config { peers: 2, requests: 2, exchanges: 2, observers: 2, ..Config::DEFAULT };
    let each = |config: Config| (Endpoint::plan(&config).bytes() - base) / 100;
    let requests = each(Config { requests: 102, ..more });
    let exchanges = each(Config { exchanges: 102, ..more });
    let observers = each(Config { observers: 102, ..more });
    // The pool's head of four bytes for each message counts too.
    assert!(
        requests + 4 <= 72 && exchanges + 4 <= 64 && observers + 4 <= 64,
        "{requests} {exchanges} {observers}"
    );
}

#[test]
fn with_no_room_at_all_everybody_is_told() {
    let config = Config { exchanges: 1, pool: 40, requests: 1, ..Config::DEFAULT };
    let server = Node::serving(&config, COUNT, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
    });
    let mut pair = Pair::new(Node::new(&config), server);
    let long = [b'a'; 60];
    let options = [(number::URI_QUERY, &long[..]), (PATH, b"count")];
    let request = Request { options: &options, ..Request::new(to_server(), Code::GET) };
    assert_eq!(pair.try_request(&request), Err(Error::Full));
    let mut bench = Bench::new(pair.server);
    let answer = bench.ask(&raw(Type::Con, Code::GET, 1, b"t", &options, &[]));
    assert_eq!(parse(&answer[0]).code, Code::SERVICE_UNAVAILABLE);
    let answer = bench.ask(&raw(Type::Con, Code::GET, 2, b"t", &COUNT_PATH, &[]));
    assert_eq!(parse(&answer[0]).code, Code::CONTENT);
    // A reply that is not kept makes its request, if idempotent, be done again.
    let server = Node::serving(&config, COUNT, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(&[7; 100])).unwrap();
    });
    let mut bench = Bench::new(server);
    let get = raw(Type::Con, Code::GET, 3, b"t", &COUNT_PATH, &[]);
    assert_eq!(bench.ask(&get), bench.ask(&get));
}

/// A transfer in both directions and an observation, with whatever goes wrong: each request
/// ends exactly once, by an error of `request` or by an event, and nothing is left over.
fn scene(config: &Config, server_config: &Config, upset: impl Fn(&mut Net)) -> bool {
    let resource = Resource { methods: 0x7f, flags: flags::OBSERVABLE, ..COUNT };
    let server = Node::serving(server_config, resource, |endpoint, cx, incoming| {
        if !incoming.part.more {
            let _ = endpoint.respond(cx, incoming.exchange, &content(&bytes(300)));
        }
    });
    let mut pair = Pair::new(Node::new(config), server);
    upset(&mut pair.net);
    pair.client.body = bytes(200);
    let body = bytes(200);
    let get =
        Request { options: &COUNT_PATH, szx: 2, timeout: 10_000, ..Request::new(to_server(), Code::GET) };
    let wanted = [
        get,
        Request { observe: true, ..get },
        Request { method: Code::PUT, payload: &body, ..get },
        Request { confirmable: false, ..get },
    ];
    let mut handles = Vec::new();
    for request in &wanted {
        handles.extend(pair.try_request(request));
    }
    pair.run(100_000);
    let resource = mote::table::Handle::from_raw(1 << 16).unwrap();
    pair.at_server(|endpoint, _| endpoint.notify(resource)).unwrap();
    pair.run(100_000);
    for handle in &handles {
        let _ = pair.at_client(|endpoint, cx| endpoint.cancel(cx, *handle));
    }
    pair.run(600_000);
    let ends: Vec<_> = handles.iter().map(|handle| pair.client.end(*handle)).collect();
    assert_eq!(pair.client.endpoint.requests(), 0);
    assert_eq!(pair.client.endpoint.next_deadline(), Instant::NEVER);
    ends.len() == 4 && ends.iter().filter(|end| end.is_ok()).count() == 3
}

#[test]
fn the_nth_send_fails() {
    assert!(scene(&Config::DEFAULT, &Config::DEFAULT, |_| {}));
    for error in [Error::WouldBlock, Error::Unreachable, Error::TooLarge] {
        for host in [CLIENT, SERVER] {
            for number in 1..40 {
                let fine =
                    scene(&Config::DEFAULT, &Config::DEFAULT, |net| net.fail_send(host, number, error));
                // A client's transport that is full for once is overcome.
                assert!(fine || host == SERVER || error != Error::WouldBlock, "{number}");
            }
        }
    }
}

#[test]
fn every_size_of_the_pool_and_the_tables_ends_well() {
    for pool in (0..400).step_by(7) {
        let config = Config { pool, ..Config::DEFAULT };
        scene(&config, &Config::DEFAULT, |_| {});
        scene(&Config::DEFAULT, &config, |_| {});
    }
    for count in 0..4 {
        let tight = Config {
            peers: 1,
            requests: count,
            exchanges: count,
            observers: count,
            transfers: count,
            ..Config::DEFAULT
        };
        scene(&tight, &Config::DEFAULT, |_| {});
        scene(&Config::DEFAULT, &tight, |_| {});
    }
}

#[derive(Clone, Debug)]
enum Step {
    Bytes(Vec<u8>),
    Message { kind: u8, code: u8, id: u16, token: Vec<u8>, options: Vec<(u16, Vec<u8>)>, payload: Vec<u8> },
    Wait(u64),
    Request { observe: bool, confirmable: bool, length: usize },
    Notify,
    Cancel(u8),
    Respond(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let few = |most| proptest::collection::vec(any::<u8>(), 0..most);
    let option = prop_oneof![
        (Just(PATH), Just(b"count".to_vec())),
        (Just(number::OBSERVE), few(2)),
        (Just(number::BLOCK1), few(3)),
        (Just(number::BLOCK2), few(3)),
        (Just(number::SIZE1), few(3)),
        (0u16..300, few(5)),
    ];
    let code = prop_oneof![0u8..8, Just(69u8), Just(95), Just(132), Just(140), Just(141), any::<u8>()];
    let options = proptest::collection::vec(option, 0..4);
    let message = (any::<u8>(), code, 0u16..6, few(5), options, few(40)).prop_map(
        |(kind, code, id, token, options, payload)| Step::Message { kind, code, id, token, options, payload },
    );
    let step = prop_oneof![
        2 => few(30).prop_map(Step::Bytes),
        8 => message,
        2 => (0u64..300_000).prop_map(Step::Wait),
        2 => (any::<bool>(), any::<bool>(), 0usize..3000)
            .prop_map(|(observe, confirmable, length)| Step::Request { observe, confirmable, length }),
        1 => Just(Step::Notify),
        1 => any::<u8>().prop_map(Step::Cancel),
        2 => any::<u8>().prop_map(Step::Respond),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes, nothing panics, nothing spins, every request ends exactly once, and in the
    /// end every table is empty again.
    #[test]
    fn arbitrary_datagrams_and_time_do_no_harm(steps in steps(), seed: u64) {
        let config = Config { exchanges: 4, observers: 2, requests: 3, transfers: 1, pool: 600, body: 64, ..Config::DEFAULT };
        let waiting: Rc<RefCell<Vec<mote::table::Handle>>> = Rc::default();
        let kept = waiting.clone();
        let resource = Resource { flags: flags::OBSERVABLE | (seed as u8 & flags::ASSEMBLE), methods: 0x7f, ..COUNT };
        let mut bench = Bench::new(Node::serving(&config, resource, move |endpoint, cx, incoming| {
            if incoming.message.message_id % 2 == 0 {
                let _ = endpoint.respond(cx, incoming.exchange, &content(&bytes(700)));
            } else {
                kept.borrow_mut().push(incoming.exchange);
            }
        }));
        bench.node.body = bytes(3000);
        let mut handles = Vec::new();
        let mut last: Option<Vec<u8>> = None;
        for step in steps {
            match step {
                Step::Bytes(data) => bench.send(&data),
                Step::Message { kind, code, id, token, options, payload } => {
                    // Half of the time in answer to what the node sent last.
                    let (id, token) = match &last {
                        Some(sent) if kind & 4 != 0 => (parse(sent).message_id, parse(sent).token.to_vec()),
                        _ => (id, token),
                    };
                    let options: Vec<(u16, &[u8])> = options.iter().map(|(n, v)| (*n, &v[..])).collect();
                    bench.send(&raw(Type::from_bits(kind), Code(code), id, &token, &options, &payload));
                }
                Step::Wait(ms) => bench.run(ms),
                Step::Request { observe, confirmable, length } => {
                    let path = mote::transport::Path::to(address(1));
                    let body = bytes(length);
                    let request = Request {
                        observe, confirmable, payload: &body, options: &COUNT_PATH, ..Request::new(path, Code::FETCH)
                    };
                    if let Ok(handle) = bench.at_node(|e, cx| e.request(cx, &request)) {
                        handles.push(handle);
                    }
                }
                Step::Notify => {
                    let resource = mote::table::Handle::from_raw(1 << 16).unwrap();
                    bench.at_node(|e, _| e.notify(resource)).unwrap();
                }
                Step::Cancel(which) => {
                    if let Some(handle) = handles.get(usize::from(which) % handles.len().max(1)) {
                        let _ = bench.at_node(|e, cx| e.cancel(cx, *handle));
                    }
                }
                Step::Respond(which) => {
                    let exchange = waiting.borrow().get(usize::from(which)).copied();
                    if let Some(exchange) = exchange {
                        let _ = bench.at_node(|e, cx| e.respond(cx, exchange, &Response::new(Code::CHANGED)));
                    }
                }
            }
            bench.run(5);
            if let Some(sent) = bench.take().pop() {
                last = Some(sent);
            }
        }
        for handle in &handles {
            let _ = bench.at_node(|e, cx| e.cancel(cx, *handle));
        }
        bench.run(2_000_000);
        for handle in handles {
            let _ = bench.node.end(handle);
        }
        prop_assert_eq!(bench.node.endpoint.requests(), 0);
        prop_assert_eq!(bench.node.endpoint.next_deadline(), Instant::NEVER);
        // All room is there again.
        bench.take();
        let fine = raw(Type::Con, Code::GET, 8, b"t", &COUNT_PATH, &[]);
        prop_assert_eq!(parse(&bench.ask(&fine)[0]).code, Code::CONTENT);
    }
}
