// SPDX-License-Identifier: MIT OR Apache-2.0
//! Duplicated responses at the client, and what is kept at the server to tell duplicates by.
#![cfg(all(feature = "std", feature = "coap"))]

mod coap_support;

use coap_support::*;
use mote::coap::wire::{Code, Type};
use mote::coap::{Config, Request, Resource, methods};
use mote::sim::net::{Action, Link};
use std::cell::RefCell;
use std::rc::Rc;

const HELLO: Resource<'static> = Resource::new("/hello", methods::GET | methods::POST);
const HELLO_PATH: [(u16, &[u8]); 1] = [(PATH, b"hello")];

fn get_hello() -> Request<'static> {
    Request { options: &HELLO_PATH, ..Request::new(to_server(), Code::GET) }
}

/// The same answer of the same member is reported once; different members may well choose the
/// same message ID. A full table of records costs nothing but the detection.
#[test]
fn a_duplicated_answer_to_a_group_is_reported_once() {
    let group = mote::address::Ip::v4([224, 0, 1, 187]);
    let path = mote::transport::Path::to(mote::address::SocketAddress::new(group, 5683));
    for (exchanges, kind) in [(16, Type::Non), (16, Type::Con), (1, Type::Non), (0, Type::Non)] {
        let config = Config { exchanges, ..Config::DEFAULT };
        let mut bench = Bench::new(Node::new(&config));
        let others: Vec<_> = (3..9).map(|last| bench.net.host(address(last))).collect();
        bench.net.join(CLIENT, group);
        bench.net.rule(|passing| if passing.from == SERVER { Action::Pass } else { Action::Copies(2) });
        let ask = Request { path, ..get_hello() };
        let handle = bench.at_node(|e, cx| e.request(cx, &ask)).unwrap();
        bench.run(10);
        let asked = bench.take().remove(0);
        let token = parse(&asked).token;
        for (index, other) in others.iter().enumerate() {
            for (id, text) in [(7, b"first"), (8, b"again")] {
                let answer = raw(kind, Code::CONTENT, id, token, &[], text);
                let to = mote::transport::Path::to(address(2));
                bench.net.with(*other, |cx| cx.transport.send(&to, &answer)).unwrap();
                bench.run(10);
            }
            assert_eq!(bench.node.responses().len(), (index + 1) * if exchanges == 0 { 4 } else { 2 });
        }
        assert_eq!(bench.node.endpoint.stats().duplicates, if exchanges == 0 { 0 } else { 12 });
        // The request, and with CON an ACK for each copy.
        assert_eq!(bench.node.endpoint.stats().sent, if kind == Type::Con { 25 } else { 1 });
        bench.run(20_000);
        assert_eq!(bench.node.end(handle), Err(Ok(())));
        bench.run(300_000);
        assert_eq!(bench.node.endpoint.next_deadline(), mote::time::Instant::NEVER);
    }
}

#[test]
fn one_bad_answer_to_a_group_does_not_end_the_request() {
    let group = mote::address::Ip::v4([224, 0, 1, 187]);
    let path = mote::transport::Path::to(mote::address::SocketAddress::new(group, 5683));
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    bench.net.join(CLIENT, group);
    let handle = bench.at_node(|e, cx| e.request(cx, &Request { path, ..get_hello() })).unwrap();
    bench.run(10);
    let asked = bench.take().remove(0);
    let token = parse(&asked).token;
    bench.send(&raw(Type::Non, Code::CONTENT, 1, token, &[(65001, b"critical")], b"bad"));
    bench.send(&raw(Type::Non, Code::CONTENT, 2, token, &[], b"good"));
    bench.run(20_000);
    assert_eq!(bench.node.received(), b"good");
    assert_eq!(bench.node.end(handle), Err(Ok(())));
}

#[test]
fn a_duplicated_unconfirmed_response_is_reported_once_and_gets_no_reset() {
    let server = Node::serving(&Config::DEFAULT, HELLO, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
    });
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    pair.net.every(Link { duplicate: 1000, ..Link::default() });
    for _ in 0..20 {
        let handle = pair.request(&Request { confirmable: false, ..get_hello() });
        pair.run(1000);
        assert_eq!(pair.client.end(handle), Ok(Code::CONTENT));
    }
    assert_eq!(pair.client.responses().len(), 20);
    assert_eq!(pair.client.endpoint.stats().duplicates, 20);
    assert_eq!(pair.net.count(CLIENT, SERVER), 20);
}

/// Who can be asked again without harm makes room first, and records that are lost are counted.
#[test]
fn an_evicted_peer_takes_its_records_along_and_they_are_counted() {
    let calls = Rc::new(RefCell::new(0));
    let counted = calls.clone();
    let config = Config { peers: 2, ..Config::DEFAULT };
    let resource = Resource { methods: methods::GET | methods::POST, ..HELLO };
    let mut bench = Bench::new(Node::serving(&config, resource, move |endpoint, cx, incoming| {
        *counted.borrow_mut() += u32::from(incoming.message.code == Code::POST);
        endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
    }));
    let others: Vec<_> = (3..6).map(|last| bench.net.host(address(last))).collect();
    let ask = |bench: &mut Bench, from: usize, code: Code, id: u16| {
        let to = mote::transport::Path::to(address(2));
        let request = raw(Type::Con, code, id, b"t", &[(PATH, b"hello")], &[]);
        bench.net.with(others[from], |cx| cx.transport.send(&to, &request)).unwrap();
        bench.run(10);
        bench.node.endpoint.stats().forgotten
    };
    assert_eq!(ask(&mut bench, 0, Code::POST, 1), 0);
    assert_eq!(ask(&mut bench, 1, Code::GET, 1), 0);
    // The first was idle for longer, but its POST must not be done twice.
    assert_eq!(ask(&mut bench, 2, Code::GET, 1), 1);
    assert_eq!(ask(&mut bench, 0, Code::POST, 1), 1);
    assert_eq!((*calls.borrow(), bench.node.endpoint.stats().duplicates), (1, 1));
    // Nothing is lost with records that have expired.
    bench.run(300_000);
    assert_eq!(ask(&mut bench, 1, Code::GET, 2), 1);
    assert_eq!(ask(&mut bench, 2, Code::POST, 2), 1);
    // And where all have such records, it is counted too.
    assert_eq!(ask(&mut bench, 1, Code::POST, 3), 1);
    assert_eq!(ask(&mut bench, 0, Code::POST, 3), 2);
}
