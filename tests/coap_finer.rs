// SPDX-License-Identifier: MIT OR Apache-2.0
//! The finer points of the standards, where two features meet.
#![cfg(all(feature = "std", feature = "coap"))]

mod coap_support;

use coap_support::*;
use mote::coap::wire::{Block, Code, Type, number};
use mote::coap::{Cause, Config, Request, Resource, Response, flags, methods};
use mote::status::Error;
use mote::transport::Path;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const THING: Resource<'static> = Resource {
    flags: flags::OBSERVABLE,
    ..Resource::new("/thing", methods::GET | methods::PUT | methods::FETCH)
};
const ASSEMBLED: Resource<'static> = Resource { flags: flags::OBSERVABLE | flags::ASSEMBLE, ..THING };
const THING_PATH: (u16, &[u8]) = (PATH, b"thing");
const BODIES: Config = Config { body: 64, ..Config::DEFAULT };

fn block(num: u32, more: bool, szx: u8) -> [u8; 3] {
    let [_, value @ ..] = Block { num, more, szx }.bits().to_be_bytes();
    value
}

/// A request to the peer of a [`Bench`].
fn to_peer(method: Code) -> Request<'static> {
    Request { options: &[THING_PATH], ..Request::new(Path::to(address(1)), method) }
}

/// RFC 7641 §4.1: who observes is shown its registration again each time, which of a body in blocks is not there. So it is no
/// observer, and hears so.
#[test]
fn a_request_whose_body_comes_in_blocks_registers_nobody() {
    for resource in [THING, ASSEMBLED] {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let kept = seen.clone();
        let mut bench = Bench::new(Node::serving(&BODIES, resource, move |endpoint, cx, incoming| {
            let body = if incoming.assembled { endpoint.body(incoming.exchange) } else { None };
            let length = body.unwrap_or(incoming.message.payload).len();
            kept.borrow_mut().push((incoming.cause, length));
            if !incoming.part.more {
                endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
            }
        }));
        for (id, token, block, code) in
            [(1, b"1", block(0, true, 0), Code::CONTINUE), (2, b"2", block(1, false, 0), Code::CONTENT)]
        {
            let options = [THING_PATH, (number::OBSERVE, &[]), (number::BLOCK1, &block)];
            let answer = bench.ask(&raw(Type::Con, Code::FETCH, id, token, &options, &[7; 16])).remove(0);
            let answer = parse(&answer);
            assert_eq!((answer.code, answer.option(number::OBSERVE)), (code, None));
            assert_eq!(bench.node.endpoint.observers(), 0);
        }
        let whole = resource.flags & flags::ASSEMBLE != 0;
        let request = |length| (Cause::Request, length);
        assert_eq!(*seen.borrow(), if whole { vec![request(32)] } else { vec![request(16); 2] });
        // A body that needs no second block is one like any other.
        let first = block(0, false, 0);
        let options = [THING_PATH, (number::OBSERVE, &[]), (number::BLOCK1, &first)];
        bench.ask(&raw(Type::Con, Code::FETCH, 3, b"3", &options, &[7; 16]));
        assert_eq!(bench.node.endpoint.observers(), 1);
    }
}

/// RFC 7959 §2.9.1: what asks for more of the request does not answer it, whatever else it carries.
#[test]
fn what_asks_for_the_next_block_is_no_notification() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    bench.node.body = bytes(40);
    let request = Request { observe: true, payload: &bytes(40), szx: 0, ..to_peer(Code::FETCH) };
    let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    for num in 0..3 {
        bench.run(100);
        let sent = bench.take().remove(0);
        let sent = parse(&sent);
        assert_eq!((sent.payload, sent.code), (&bytes(40)[num * 16..40.min(num * 16 + 16)], Code::FETCH));
        assert_eq!(bench.node.seen, []);
        let more = num < 2;
        let code = if more { Code::CONTINUE } else { Code::CONTENT };
        let options = [(number::OBSERVE, &[5][..]), (number::BLOCK1, &block(num as u32, more, 0))];
        bench.send(&raw(Type::Ack, code, sent.message_id, sent.token, &options, b""));
    }
    bench.run(100);
    assert_eq!(bench.node.responses(), [(Code::CONTENT, vec![])]);
    bench.at_node(|endpoint, cx| endpoint.cancel(cx, handle)).unwrap();
}

/// RFC 7252 §4.7: those that wait for their turn at one peer go one after the other, however much older than the last
/// the observation is that one of them fetches for.
#[test]
fn requests_of_very_different_age_do_not_wait_for_each_other() {
    let mut bench = Bench::new(Node::new(&Config { requests: 8, ..Config::DEFAULT }));
    let pass = |bench: &mut Bench| {
        for _ in 0..21_000 {
            let refused = Request { offset: 1, ..to_peer(Code::GET) };
            assert_eq!(bench.at_node(|endpoint, cx| endpoint.request(cx, &refused)), Err(Error::Invalid));
        }
    };
    let mut tokens = Vec::new();
    for id in [1, 2] {
        let request = Request { observe: true, ..to_peer(Code::GET) };
        bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
        bench.run(100);
        let sent = bench.take().remove(0);
        let token = parse(&sent).token.to_vec();
        let options = [(number::OBSERVE, &[id][..])];
        bench.send(&raw(Type::Ack, Code::CONTENT, parse(&sent).message_id, &token, &options, b"x"));
        tokens.push(token);
        pass(&mut bench);
    }
    for _ in 0..2 {
        bench.at_node(|endpoint, cx| endpoint.request(cx, &to_peer(Code::GET))).unwrap();
    }
    bench.run(100);
    let sent = bench.take().remove(0);
    for token in &tokens {
        let options = [(number::OBSERVE, &[9][..]), (number::BLOCK2, &block(0, true, 0))];
        bench.send(&raw(Type::Non, Code::CONTENT, u16::from(token[0]), token, &options, &bytes(16)));
    }
    bench.run(100);
    bench.send(&raw(Type::Ack, Code::CONTENT, parse(&sent).message_id, parse(&sent).token, &[], b"x"));
    for left in (0..3).rev() {
        bench.run(100);
        let sent = bench.take();
        assert_eq!(sent.len(), 1, "{left} more to come");
        let sent = parse(&sent[0]);
        bench.send(&raw(Type::Ack, Code::CONTENT, sent.message_id, sent.token, &[], b"x"));
    }
}

/// RFC 7252 §4.4: what says that there is no room takes its message ID like everything else.
#[test]
fn a_refusal_takes_the_next_message_id() {
    let config = Config { exchanges: 1, ..Config::DEFAULT };
    let mut bench = Bench::new(Node::serving(&config, THING, |_, _, _| {}));
    bench.ask(&raw(Type::Con, Code::GET, 1, b"t", &[THING_PATH], &[]));
    bench.take();
    let ids: Vec<u16> = (2..6)
        .map(|id| {
            let answer = bench.ask(&raw(Type::Non, Code::GET, id, b"t", &[THING_PATH], &[])).remove(0);
            assert_eq!(parse(&answer).code, Code::SERVICE_UNAVAILABLE);
            parse(&answer).message_id
        })
        .collect();
    let first = ids[0];
    assert_eq!(ids, [first, first + 1, first + 2, first + 3]);
}

/// A body that has come in whole is there until its request is answered, whatever comes meanwhile.
#[test]
fn an_assembled_body_stays_until_it_is_answered() {
    let waiting = Rc::new(RefCell::new(Vec::new()));
    let kept = waiting.clone();
    let mut bench = Bench::new(Node::serving(&BODIES, ASSEMBLED, move |_, _, incoming| {
        kept.borrow_mut().push(incoming.exchange);
    }));
    for (round, byte) in [(0, b"1"), (1, b"2")] {
        for num in 0..2 {
            let options = [THING_PATH, (number::BLOCK1, &block(num, num == 0, 0))];
            let id = (round * 2 + num) as u16;
            bench.ask(&raw(Type::Con, Code::PUT, id, b"t", &options, &[byte[0]; 16]));
        }
    }
    let waiting = waiting.take();
    for (exchange, byte) in waiting.iter().zip([b"1", b"2"]) {
        assert_eq!(bench.node.endpoint.body(*exchange), Some(&[byte[0]; 32][..]));
        let done = Response::new(Code::CHANGED);
        bench.at_node(|endpoint, cx| endpoint.respond(cx, *exchange, &done)).unwrap();
    }
    assert_eq!(waiting.len(), 2);
}

/// RFC 7252 §4.7: PROBING_RATE is for a peer that does not answer, and it is heard again.
#[test]
fn what_waits_for_a_silent_peer_goes_out_when_it_is_heard() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let long = [b'a'; 200];
    let request = Request {
        options: &[THING_PATH, (number::URI_QUERY, &long)],
        confirmable: false,
        timeout: 1000,
        ..to_peer(Code::GET)
    };
    for _ in 0..2 {
        bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    }
    bench.run(60_000);
    assert_eq!(bench.take().len(), 1);
    bench.send(&raw(Type::Ack, Code::EMPTY, 1, b"", &[], &[]));
    bench.run(100);
    assert_eq!(bench.take().len(), 1);
}

/// RFC 7641 §4.1: an answer tells by its Observe option that the client is on the list.
#[test]
fn an_answer_after_the_end_of_the_observation_does_not_promise_more() {
    let waiting = Rc::new(Cell::new(None));
    let kept = waiting.clone();
    let mut bench = Bench::new(Node::serving(&Config::DEFAULT, THING, move |endpoint, cx, incoming| {
        if incoming.cause == Cause::Register {
            kept.set(Some(incoming.exchange));
        } else {
            endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
        }
    }));
    bench.ask(&raw(Type::Con, Code::GET, 1, b"t", &[THING_PATH, (number::OBSERVE, &[])], &[]));
    bench.run(1000);
    bench.ask(&raw(Type::Con, Code::GET, 2, b"t", &[THING_PATH, (number::OBSERVE, &[1])], &[]));
    assert_eq!(bench.node.endpoint.observers(), 0);
    bench.take();
    let exchange = waiting.get().unwrap();
    bench.at_node(|endpoint, cx| endpoint.respond(cx, exchange, &content(b"y"))).unwrap();
    bench.run(100);
    let answer = bench.take().remove(0);
    assert_eq!((parse(&answer).payload, parse(&answer).option(number::OBSERVE)), (&b"y"[..], None));
}

/// RFC 7959 §2.6, RFC 8132 §2.1: what goes on with the answer to a body that came in blocks is told by its options, the ETag
/// among them where a server does not leave it out.
#[test]
fn the_answer_to_a_fetch_in_blocks_is_gone_on_with_under_the_same_options() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    bench.node.body = bytes(20);
    let request = Request {
        payload: &bytes(20),
        szx: 0,
        options: &[THING_PATH, (number::ETAG, b"old")],
        ..to_peer(Code::FETCH)
    };
    let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    let steps = [
        (Code::CONTINUE, vec![(number::BLOCK1, block(0, true, 0).to_vec())]),
        (Code::CONTENT, vec![(number::BLOCK2, block(0, true, 0).to_vec()), (number::ETAG, b"new".to_vec())]),
        (Code::CONTENT, vec![(number::BLOCK2, block(1, false, 0).to_vec()), (number::ETAG, b"new".to_vec())]),
    ];
    for (code, options) in steps {
        bench.run(100);
        let sent = bench.take().remove(0);
        let sent = parse(&sent);
        assert_eq!(sent.option(number::ETAG), Some(&b"old"[..]));
        assert!(sent.option(number::REQUEST_TAG).is_some());
        let options: Vec<(u16, &[u8])> = options.iter().map(|(n, v)| (*n, &v[..])).collect();
        bench.send(&raw(Type::Ack, code, sent.message_id, sent.token, &options, &[1; 16]));
    }
    bench.run(100);
    assert_eq!(bench.node.end(handle), Ok(Code::CONTENT));
    assert_eq!(bench.node.received(), [1; 32]);
}

/// RFC 7959 §2.5: clients behind one proxy are one peer, told apart by their options. One that can reckon with how they are
/// told apart does not get into the transfer of another: these two had the same FNV-1a hash.
#[test]
fn no_transfer_goes_on_with_one_whose_options_only_look_alike() {
    let mut bench = Bench::new(Node::serving(&BODIES, ASSEMBLED, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &Response::new(Code::CHANGED)).unwrap();
    }));
    let ask = |bench: &mut Bench, id: u16, query: &[u8], num: u32| {
        let block = block(num, num == 0, 0);
        let options = [THING_PATH, (number::URI_QUERY, query), (number::BLOCK1, &block)];
        parse(&bench.ask(&raw(Type::Con, Code::PUT, id, b"t", &options, &[7; 16]))[0]).code
    };
    assert_eq!(ask(&mut bench, 1, b"ajrbxw", 0), Code::CONTINUE);
    assert_eq!(ask(&mut bench, 2, b"apscra", 1), Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(ask(&mut bench, 3, b"apscra", 0), Code::CONTINUE);
    assert_eq!(ask(&mut bench, 4, b"ajrbxw", 1), Code::CHANGED);
    assert_eq!(ask(&mut bench, 5, b"apscra", 1), Code::CHANGED);
}

/// RFC 7252 §4.7: a request that ends while it waits for room in the transport holds nobody up.
#[test]
fn who_is_cancelled_before_its_turn_lets_the_next_have_it() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    bench.net.fail_send(SERVER, 1, Error::WouldBlock);
    let mut ask = || bench.at_node(|endpoint, cx| endpoint.request(cx, &to_peer(Code::GET))).unwrap();
    let (first, _) = (ask(), ask());
    bench.at_node(|endpoint, cx| endpoint.cancel(cx, first)).unwrap();
    bench.run(10);
    assert_eq!(bench.take().len(), 1);
}

/// Nor does an observation that was to register again, for which there was no room, and need not any more.
#[test]
fn who_needs_no_turn_any_more_lets_the_next_have_it() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let request = Request { observe: true, ..to_peer(Code::GET) };
    bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    bench.run(100);
    let sent = bench.take().remove(0);
    let options = [(number::OBSERVE, &[1][..]), (number::MAX_AGE, &[1])];
    let (id, token) = (parse(&sent).message_id, parse(&sent).token);
    bench.send(&raw(Type::Ack, Code::CONTENT, id, token, &options, b"x"));
    bench.run(500);
    bench.net.fail_send(SERVER, 1, Error::WouldBlock);
    while bench.node.endpoint.stats().send_failed == 0 {
        bench.run(10);
    }
    bench.at_node(|endpoint, cx| endpoint.request(cx, &to_peer(Code::GET))).unwrap();
    bench.send(&raw(Type::Non, Code::CONTENT, 7, token, &[(number::OBSERVE, &[2])], b"y"));
    bench.run(10);
    assert_eq!((bench.node.responses().len(), bench.take().len()), (2, 1));
}

/// RFC 7641 §4.2, RFC 7959 §2.6: an answer without an Observe option ends the observation. If it goes on in blocks, what was being
/// fetched for the last notification is wanted no more.
#[test]
fn an_observation_that_ends_in_blocks_forgets_what_it_fetched_before() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let request = Request { observe: true, ..to_peer(Code::GET) };
    let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    bench.run(100);
    let sent = bench.take().remove(0);
    let (id, token) = (parse(&sent).message_id, parse(&sent).token);
    let first = block(0, true, 0);
    let options = [(number::OBSERVE, &[1][..]), (number::BLOCK2, &first)];
    bench.send(&raw(Type::Ack, Code::CONTENT, id, token, &options, &[1; 16]));
    bench.run(100);
    let child = bench.take().remove(0);
    bench.send(&raw(Type::Non, Code::CONTENT, 7, token, &[(number::BLOCK2, &first)], &[2; 16]));
    bench.run(100);
    let next = bench.take().remove(0);
    for (sent, byte) in [(&child, 1), (&next, 2)] {
        let sent = parse(sent);
        let options = [(number::BLOCK2, &block(1, false, 0)[..])];
        bench.send(&raw(Type::Ack, Code::CONTENT, sent.message_id, sent.token, &options, &[byte; 16]));
        bench.run(100);
    }
    assert_eq!(bench.node.end(handle), Ok(Code::CONTENT));
    assert_eq!(bench.node.received(), [[1; 16], [2; 16], [2; 16]].concat());
}

/// RFC 7252 §4.7: nor is a peer silent that acknowledged the request, or that was heard since it was sent.
#[test]
fn a_peer_that_was_heard_is_not_left_alone() {
    let long = [b'a'; 200];
    for confirmable in [true, false] {
        let mut bench = Bench::new(Node::new(&Config::DEFAULT));
        let options = [THING_PATH, (number::URI_QUERY, &long[..])];
        let request = Request { options: &options, confirmable, timeout: 1000, ..to_peer(Code::GET) };
        let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
        bench.run(100);
        let id = parse(&bench.take()[0]).message_id;
        // To the NON it says nothing, but that it is there.
        bench.send(&raw(Type::Ack, Code::EMPTY, id, b"", &[], &[]));
        bench.run(2000);
        assert_eq!(bench.node.end(handle), TIMEOUT);
        bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
        bench.run(100);
        assert_eq!(bench.take().len(), 1, "{confirmable}");
    }
}
