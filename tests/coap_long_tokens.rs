// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tokens of ours that are longer than 8 bytes (RFC 8974), and Echo values that no challenge brought (RFC 9175 §2.3).
#![cfg(all(feature = "std", feature = "coap"))]

mod coap_support;

use coap_support::*;
use mote::coap::wire::{Code, Type, number};
use mote::coap::{Config, Request, Resource, flags, methods};
use mote::status::Error;
use mote::table::Handle;
use mote::transport::Path;
use std::cell::Cell;
use std::rc::Rc;

const THING: Resource<'static> = Resource {
    path: "/thing",
    methods: methods::GET | methods::PUT,
    flags: flags::OBSERVABLE,
    attributes: "",
    produces: &[],
    consumes: &[],
    max_body: 0,
};
const THING_PATH: [(u16, &[u8]); 1] = [(PATH, b"thing")];

fn get() -> Request<'static> {
    Request { options: &THING_PATH, ..Request::new(to_server(), Code::GET) }
}

fn pair(payload: usize) -> Pair {
    let server = Node::serving(&Config::DEFAULT, THING, move |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(&bytes(payload))).unwrap();
    });
    Pair::new(Node::new(&Config::DEFAULT), server)
}

#[test]
fn tokens_of_any_length_come_back() {
    for length in [8, 9, 12, 13, 40, 268, 269, 700] {
        let mut pair = pair(20);
        let token = bytes(length);
        let request = pair.request(&Request { token: Some(&token), ..get() });
        pair.run(1000);
        assert_eq!(pair.client.end(request), Ok(Code::CONTENT), "{length}");
    }
    let mut pair = pair(20);
    let token = bytes(1200);
    assert_eq!(pair.try_request(&Request { token: Some(&token), ..get() }), Err(Error::TooLarge));
    assert_eq!(pair.client.endpoint.requests(), 0);
}

/// The further messages of a request have tokens of their own, as every request has.
#[test]
fn large_bodies_go_both_ways() {
    let mut pair = pair(5000);
    let (token, body) = (bytes(30), bytes(3000));
    let request = pair.request(&Request { token: Some(&token), ..get() });
    pair.run(5000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(pair.client.received(), bytes(5000));
    pair.client.body = body.clone();
    let put = Request { method: Code::PUT, token: Some(&token), payload: &body, ..get() };
    let request = pair.request(&put);
    pair.run(5000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
}

#[test]
fn an_answer_with_another_long_token_is_not_taken() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let token = bytes(20);
    let ask = Request { token: Some(&token), ..Request::new(Path::to(address(1)), Code::GET) };
    let request = bench.at_node(|endpoint, cx| endpoint.request(cx, &ask)).unwrap();
    bench.run(100);
    let sent = bench.take().remove(0);
    let id = parse(&sent).message_id;
    assert_eq!(parse(&sent).token, token);
    let mut other = token.clone();
    other[19] ^= 1;
    for wrong in [&other[..], &token[..8], &token[..9], &[]] {
        bench.send(&raw(Type::Ack, Code::CONTENT, id, wrong, &[], b"x"));
        bench.send(&raw(Type::Non, Code::CONTENT, 77, wrong, &[], b"x"));
    }
    bench.run(100);
    assert!(bench.node.seen.is_empty());
    // Separately, after an acknowledgement.
    bench.send(&raw(Type::Ack, Code::EMPTY, id, &[], &[], b""));
    bench.send(&raw(Type::Con, Code::CONTENT, 78, &token, &[], b"x"));
    bench.run(100);
    assert_eq!(bench.node.end(request), Ok(Code::CONTENT));
}

/// An observation keeps its token: for notifications, when it is made again, and when it is given up.
#[test]
fn an_observation_keeps_its_long_token() {
    let mut pair = pair(4);
    let thing = Rc::new(Cell::new(None));
    let token = bytes(17);
    let seen = thing.clone();
    pair.server.handler = Box::new(move |endpoint, cx, incoming| {
        seen.set(Some(incoming.resource));
        assert_eq!(incoming.message.token, bytes(17));
        endpoint.respond(cx, incoming.exchange, &content(b"here")).unwrap();
    });
    let request = pair.request(&Request { token: Some(&token), observe: true, ..get() });
    pair.run(1000);
    assert_eq!(pair.server.endpoint.observers(), 1);
    pair.at_server(|endpoint, _| endpoint.notify(thing.get().unwrap())).unwrap();
    pair.run(4000);
    assert_eq!(pair.client.responses().len(), 2);
    // Stale after a minute, and then asked for again.
    pair.run(80_000);
    assert_eq!((pair.client.responses().len(), pair.server.endpoint.observers()), (3, 1));
    pair.at_client(|endpoint, cx| endpoint.cancel(cx, request)).unwrap();
    pair.run(1000);
    assert_eq!((pair.client.end(request), pair.server.endpoint.observers()), (Err(Err(Error::Cancelled)), 0));
}

#[test]
fn a_server_that_does_not_know_long_tokens_resets() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let token = bytes(9);
    let ask = Request { token: Some(&token), ..Request::new(Path::to(address(1)), Code::GET) };
    let request = bench.at_node(|endpoint, cx| endpoint.request(cx, &ask)).unwrap();
    bench.run(100);
    let sent = bench.take().remove(0);
    assert_eq!(sent[0], 0x49);
    bench.send(&raw(Type::Rst, Code::EMPTY, parse(&sent).message_id, &[], &[], b""));
    bench.run(100);
    assert_eq!(bench.node.end(request), Err(Err(Error::Reset)));
}

/// Every request with one finds out anew, and only what is confirmable surely gets a Reset.
#[test]
fn long_tokens_are_for_confirmable_requests() {
    let mut pair = pair(4);
    let token = bytes(9);
    let non = Request { token: Some(&token), confirmable: false, ..get() };
    assert_eq!(pair.try_request(&non), Err(Error::Invalid));
    let group = mote::address::SocketAddress::new(mote::address::Ip::v4([224, 0, 1, 187]), 5683);
    let all = Request { path: Path::to(group), token: Some(&token), ..get() };
    assert_eq!(pair.try_request(&all), Err(Error::Invalid));
    assert!(pair.try_request(&Request { token: Some(&token[..8]), ..non }).is_ok());
}

/// The options 252 of what was sent to the peer since.
fn echoes(bench: &mut Bench) -> Vec<Option<Vec<u8>>> {
    let sent = bench.take();
    sent.iter().map(|sent| parse(sent).option(number::ECHO).map(<[u8]>::to_vec)).collect()
}

fn ask(bench: &mut Bench, to: u8, request: &Request<'_>) -> Handle {
    let request = Request { path: Path::to(address(to)), ..*request };
    let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    bench.run(100);
    handle
}

#[test]
fn an_echo_value_goes_with_the_next_request_to_its_server() {
    let mut bench = Bench::new(Node::new(&Config { params: fast(), ..Config::DEFAULT }));
    let answer = |bench: &mut Bench, code: Code, echo: &[u8]| {
        let sent = bench.take().pop().unwrap();
        let sent = parse(&sent);
        let options: &[(u16, &[u8])] = if echo.is_empty() { &[] } else { &[(number::ECHO, echo)] };
        bench.send(&raw(Type::Ack, code, sent.message_id, sent.token, options, b""));
        bench.run(100);
        sent.option(number::ECHO).map(<[u8]>::to_vec)
    };
    ask(&mut bench, 1, &get());
    assert_eq!(answer(&mut bench, Code::CONTENT, b"one"), None);
    // To another server nothing goes; to this one once.
    ask(&mut bench, 3, &get());
    ask(&mut bench, 1, &get());
    assert_eq!(answer(&mut bench, Code::NOT_FOUND, b""), Some(b"one".to_vec()));
    ask(&mut bench, 1, &get());
    assert_eq!(answer(&mut bench, Code::CONTENT, &[5; 40]), None);
    // The application's own goes first, and where there is no room for both it can wait.
    let own: [(u16, &[u8]); 1] = [(number::ECHO, b"own")];
    ask(&mut bench, 1, &Request { options: &own, ..get() });
    assert_eq!(answer(&mut bench, Code::CONTENT, b""), Some(b"own".to_vec()));
    ask(&mut bench, 1, &get());
    // A challenge after a challenge: the application is told, and the value is not lost.
    assert_eq!(answer(&mut bench, Code::UNAUTHORIZED, b"two"), Some(vec![5; 40]));
    assert_eq!(answer(&mut bench, Code::UNAUTHORIZED, b"three"), Some(b"two".to_vec()));
    assert_eq!(bench.node.responses().last().unwrap().0, Code::UNAUTHORIZED);
    ask(&mut bench, 1, &get());
    assert_eq!(
        answer(&mut bench, Code::CONTENT, b"too long for an Echo value, by two bytes.."),
        Some(b"three".to_vec())
    );
    ask(&mut bench, 1, &get());
    assert_eq!(echoes(&mut bench), [None]);
}

/// Another server in its place in the table does not get it.
#[test]
fn an_echo_value_is_forgotten_with_its_server() {
    let mut bench = Bench::new(Node::new(&Config { peers: 1, ..Config::DEFAULT }));
    let other = bench.net.host(address(3));
    ask(&mut bench, 1, &get());
    let sent = bench.take().pop().unwrap();
    let sent = parse(&sent);
    bench.send(&raw(Type::Ack, Code::CONTENT, sent.message_id, sent.token, &[(number::ECHO, b"one")], b""));
    // Until no message ID of the exchange is remembered any more.
    bench.run(600_000);
    let request = Request { path: Path::to(address(3)), ..get() };
    bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    let mut there = mote::sim::net::Recorder::default();
    let until = bench.net.now().after(100);
    bench.net.run(&mut [&mut bench.peer, &mut bench.node, &mut there], until);
    assert_eq!((other.0, there.received.len()), (2, 1));
    assert_eq!(parse(&there.received[0].data).option(number::ECHO), None);
}

fn fast() -> mote::coap::Params {
    mote::coap::Params { nstart: 8, ..mote::coap::Params::DEFAULT }
}
