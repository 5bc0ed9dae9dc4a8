// SPDX-License-Identifier: MIT OR Apache-2.0
//! Block-wise transfer (RFC 7959) in both directions and both roles.
#![cfg(all(feature = "std", feature = "coap"))]

mod coap_support;

use coap_support::*;
use mote::coap::wire::{Block, Code, Type, number, uint_bytes};
use mote::coap::{Cause, Config, OptionList, Part, Request, Resource, Response, flags};
use mote::sim::net::{Action, Link};
use mote::status::Error;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const BIG: Resource<'static> = Resource::new("/big", 0x7f);
const BIG_PATH: [(u16, &[u8]); 1] = [(PATH, b"big")];

const LOSSY: Link = Link {
    loss: 200,
    duplicate: 100,
    reorder: 100,
    reorder_by: 500,
    corrupt: 0,
    delay: 5,
    jitter: 10,
    max_size: 1232,
};

fn get_big() -> Request<'static> {
    Request { options: &BIG_PATH, ..Request::new(to_server(), Code::GET) }
}

/// Serves `body` whole, each time it is asked.
fn serving(body: Vec<u8>) -> Pair {
    let server = Node::serving(&Config::DEFAULT, BIG, move |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(&body)).unwrap();
    });
    Pair::new(Node::new(&Config::DEFAULT), server)
}

type Bodies = Rc<RefCell<Vec<Vec<u8>>>>;

/// Puts together what is uploaded, part by part.
fn taking(config: &Config, resource: Resource<'static>) -> (Pair, Bodies) {
    let bodies = Bodies::default();
    let done = bodies.clone();
    let mut body = Vec::new();
    let server = Node::serving(config, resource, move |endpoint, cx, incoming| {
        if incoming.assembled {
            body = endpoint.body(incoming.exchange).unwrap().to_vec();
        } else {
            if incoming.part.offset == 0 {
                body.clear();
            }
            assert_eq!(incoming.part.offset as usize, body.len());
            body.extend_from_slice(incoming.message.payload);
        }
        if !incoming.part.more {
            done.borrow_mut().push(body.clone());
            endpoint.respond(cx, incoming.exchange, &Response::new(Code::CHANGED)).unwrap();
        }
    });
    (Pair::new(Node::new(&Config::DEFAULT), server), bodies)
}

fn put(body: &[u8]) -> Request<'_> {
    Request { payload: body, ..Request { method: Code::PUT, ..get_big() } }
}

#[test]
fn a_large_answer_is_fetched_block_by_block() {
    for length in [1024, 1025, 2048, 5000] {
        let mut pair = serving(bytes(length));
        let request = pair.request(&get_big());
        pair.run(10_000);
        assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
        assert_eq!(pair.client.received(), bytes(length));
        assert_eq!(pair.client.responses().len(), length.div_ceil(1024), "{length}");
    }
}

#[test]
fn the_parts_say_where_they_belong() {
    let mut pair = serving(bytes(2500));
    let request = pair.request(&Request { szx: 5, ..get_big() });
    pair.run(10_000);
    let parts: Vec<(Part, bool)> = pair
        .client
        .seen
        .iter()
        .map(|(_, seen)| match seen {
            Seen::Response { part, last, request: of, .. } => {
                assert_eq!(*of, request);
                (*part, *last)
            }
            Seen::Ended { .. } => panic!(),
        })
        .collect();
    let part = |offset, more, total| (Part { offset, more, total }, !more);
    let expected = [
        part(0, true, 2500),
        part(512, true, 0),
        part(1024, true, 0),
        part(1536, true, 0),
        part(2048, false, 0),
    ];
    assert_eq!(parts, expected);
}

#[test]
fn a_body_larger_than_memory_is_read_by_offset() {
    let server = Node::serving(&Config::DEFAULT, BIG, |endpoint, cx, incoming| {
        let all = bytes(100_000);
        let start = incoming.offset as usize;
        let end = (start + usize::from(incoming.size)).min(all.len());
        let part = Response {
            options: &[(number::ETAG, &b"v1"[..])],
            offset: incoming.offset,
            more: end < all.len(),
            total: 100_000,
            ..content(&all[start..end])
        };
        endpoint.respond(cx, incoming.exchange, &part).unwrap();
    });
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    let request = pair.request(&get_big());
    pair.run(60_000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(pair.client.received(), bytes(100_000));
}

#[test]
fn one_block_can_be_fetched_from_anywhere() {
    let mut pair = serving(bytes(5000));
    let request = pair.request(&Request { offset: 4096, one_block: true, szx: 5, ..get_big() });
    pair.run(1000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(pair.client.received(), bytes(5000)[4096..4608]);
    // From there to the end.
    pair.client.seen.clear();
    let request = pair.request(&Request { offset: 4096, szx: 5, ..get_big() });
    pair.run(1000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(pair.client.received(), bytes(5000)[4096..]);
    // Behind the end there is nothing.
    let request = pair.request(&Request { offset: 8192, one_block: true, ..get_big() });
    pair.run(1000);
    assert_eq!(pair.client.end(request), Ok(Code::BAD_REQUEST));
    assert_eq!(pair.try_request(&Request { offset: 100, ..get_big() }), Err(Error::Invalid));
}

#[test]
fn a_transfer_survives_loss_duplication_and_reordering() {
    for seed in 0..5 {
        let mut pair = serving(bytes(8000));
        pair.net = {
            let mut net = mote::sim::net::Net::new(seed);
            net.host(address(1));
            net.host(address(2));
            net
        };
        pair.net.every(LOSSY);
        let request = pair.request(&Request { szx: 4, ..get_big() });
        pair.run(1_000_000);
        assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
        assert_eq!(pair.client.received(), bytes(8000));
    }
}

#[test]
fn a_body_that_changes_while_it_is_fetched_is_told() {
    let mut version = 0u8;
    let server = Node::serving(&Config::DEFAULT, BIG, move |endpoint, cx, incoming| {
        version += 1;
        endpoint.respond(cx, incoming.exchange, &content(&vec![version.div_ceil(2); 5000])).unwrap();
    });
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    let request = pair.request(&get_big());
    pair.run(1000);
    assert_eq!(pair.client.end(request), Err(Err(Error::SessionLost)));
}

#[test]
fn a_known_representation_is_validated_instead_of_sent() {
    let server = Node::serving(&Config::DEFAULT, BIG, |endpoint, cx, incoming| {
        let body = bytes(3000);
        let tagged = Response { options: &[(number::ETAG, &b"v1"[..])], ..content(&body) };
        endpoint.respond(cx, incoming.exchange, &tagged).unwrap();
    });
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    let options = [(PATH, &b"big"[..]), (number::ETAG, b"v0"), (number::ETAG, b"v1")];
    let request = pair.request(&Request { options: &options, ..get_big() });
    pair.run(1000);
    assert_eq!(pair.client.end(request), Ok(Code::VALID));
    assert!(pair.client.received().is_empty());
}

#[test]
fn a_large_body_is_sent_block_by_block() {
    for length in [1024, 1025, 2048, 5000] {
        let (mut pair, bodies) = taking(&Config::DEFAULT, BIG);
        pair.client.body = bytes(length);
        let request = pair.request(&put(&bytes(length)));
        pair.run(10_000);
        assert_eq!(pair.client.end(request), Ok(Code::CHANGED));
        assert_eq!(*bodies.borrow(), [bytes(length)]);
        assert_eq!(pair.net.count(CLIENT, SERVER) as usize, length.div_ceil(1024));
    }
}

#[test]
fn a_body_without_known_length_is_sent_from_its_first_block() {
    let (mut pair, bodies) = taking(&Config::DEFAULT, BIG);
    pair.client.body = bytes(3000);
    let all = bytes(3000);
    let request = pair.request(&Request { more: true, szx: 4, ..put(&all[..256]) });
    pair.run(10_000);
    assert_eq!(pair.client.end(request), Ok(Code::CHANGED));
    assert_eq!(*bodies.borrow(), [all]);
    assert_eq!(pair.try_request(&Request { more: true, ..put(&[1; 100]) }), Err(Error::Invalid));
}

#[test]
fn an_upload_survives_loss_and_is_applied_once() {
    for (seed, flags) in [(1, 0), (2, flags::ASSEMBLE), (3, 0), (4, flags::ASSEMBLE)] {
        let config = Config { body: 8192, ..Config::DEFAULT };
        let (mut pair, bodies) = taking(&config, Resource { flags, ..BIG });
        pair.net = {
            let mut net = mote::sim::net::Net::new(seed);
            net.host(address(1));
            net.host(address(2));
            net
        };
        pair.net.every(LOSSY);
        pair.client.body = bytes(8000);
        let request = pair.request(&Request { szx: 4, ..put(&bytes(8000)) });
        pair.run(1_000_000);
        assert_eq!(pair.client.end(request), Ok(Code::CHANGED), "{seed}");
        assert_eq!(*bodies.borrow(), [bytes(8000)]);
    }
}

#[test]
fn bodies_over_the_limit_are_refused_with_the_limit_told() {
    let config = Config { body: 2000, ..Config::DEFAULT };
    for resource in [Resource { max_body: 2000, ..BIG }, Resource { flags: flags::ASSEMBLE, ..BIG }] {
        let (mut pair, bodies) = taking(&config, resource);
        pair.client.body = bytes(2001);
        let request = pair.request(&put(&bytes(2001)));
        pair.run(1000);
        assert_eq!(pair.client.end(request), Ok(Code::REQUEST_ENTITY_TOO_LARGE));
        let Seen::Response { options, .. } = &pair.client.seen.last().unwrap().1 else { panic!() };
        assert!(options.contains(&(number::SIZE1, 2000u16.to_be_bytes().to_vec())), "{options:?}");
        assert!(bodies.borrow().is_empty());
        pair.client.body = bytes(2000);
        let request = pair.request(&put(&bytes(2000)));
        pair.run(1000);
        assert_eq!(pair.client.end(request), Ok(Code::CHANGED));
        assert_eq!(*bodies.borrow(), [bytes(2000)]);
    }
}

/// The value of a block option.
fn block(num: u32, more: bool, szx: u8) -> Vec<u8> {
    uint_bytes(Block { num, more, szx }.bits(), &mut [0; 4]).to_vec()
}

#[test]
fn gaps_strays_and_broken_blocks_are_refused() {
    let (pair, bodies) = taking(&Config::DEFAULT, BIG);
    let mut bench = Bench::new(pair.server);
    let mut id = 0;
    let mut send = |bench: &mut Bench, num, more, payload: &[u8]| {
        id += 1;
        let options = [(PATH, &b"big"[..]), (number::BLOCK1, &block(num, more, 0))];
        let answers = bench.ask(&raw(Type::Con, Code::PUT, id, &[id as u8], &options, payload));
        let answer = parse(&answers[0]);
        (answer.code, answer.block(number::BLOCK1).map(|block| (block.num, block.more)))
    };
    let full = [7; 16];
    assert_eq!(send(&mut bench, 1, true, &full).0, Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(send(&mut bench, 0, true, &full), (Code::CONTINUE, Some((0, true))));
    assert_eq!(send(&mut bench, 2, true, &full).0, Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(send(&mut bench, 1, true, &full[..15]).0, Code::BAD_REQUEST);
    assert_eq!(send(&mut bench, 1, true, &full).0, Code::CONTINUE);
    // The same block again, as another message: taken once.
    assert_eq!(send(&mut bench, 1, true, &full).0, Code::CONTINUE);
    assert_eq!(send(&mut bench, 2, false, b"end"), (Code::CHANGED, Some((2, false))));
    assert_eq!(bodies.borrow()[0].len(), 35);
    // It is over.
    assert_eq!(send(&mut bench, 3, true, &full).0, Code::REQUEST_ENTITY_INCOMPLETE);
    // A fresh start replaces what was half done; what is not finished is forgotten in time.
    assert_eq!(send(&mut bench, 0, true, &full).0, Code::CONTINUE);
    assert_eq!(send(&mut bench, 0, true, &full).0, Code::CONTINUE);
    bench.run(61_000);
    assert_eq!(send(&mut bench, 1, true, &full).0, Code::REQUEST_ENTITY_INCOMPLETE);
}

#[test]
fn transfers_with_other_request_tags_do_not_mix() {
    let (pair, bodies) =
        taking(&Config { body: 100, ..Config::DEFAULT }, Resource { flags: flags::ASSEMBLE, ..BIG });
    let mut bench = Bench::new(pair.server);
    let mut id = 0;
    let mut send = |tag: &[u8], num, more, payload: &[u8]| {
        id += 1;
        let options =
            [(PATH, &b"big"[..]), (number::BLOCK1, &block(num, more, 0)), (number::REQUEST_TAG, tag)];
        parse(&bench.ask(&raw(Type::Con, Code::PUT, id, &[id as u8], &options, payload))[0]).code
    };
    assert_eq!(send(b"a", 0, true, &[1; 16]), Code::CONTINUE);
    assert_eq!(send(b"b", 0, true, &[2; 16]), Code::CONTINUE);
    // No room for a third.
    assert_eq!(send(b"c", 0, true, &[3; 16]), Code::SERVICE_UNAVAILABLE);
    assert_eq!(send(b"a", 1, false, &[1; 4]), Code::CHANGED);
    assert_eq!(send(b"b", 1, false, &[2; 4]), Code::CHANGED);
    assert_eq!(*bodies.borrow(), [vec![1; 20], vec![2; 20]]);
}

#[test]
fn a_peer_that_wants_smaller_blocks_gets_them() {
    // Upload: the controlled peer acknowledges the first block of 1024 with blocks of 64.
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    bench.node.body = bytes(1200);
    let path = mote::transport::Path::to(address(1));
    let body = bytes(1200);
    let request = Request { path, ..put(&body) };
    let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    bench.run(10);
    let mut got = Vec::new();
    let mut numbers = Vec::new();
    while let Some(datagram) = bench.take().pop() {
        let message = parse(&datagram);
        let asked = message.block(number::BLOCK1).unwrap();
        assert_eq!(asked.offset() as usize, got.len());
        assert_eq!(message.option(number::SIZE1).is_some(), asked.num == 0);
        got.extend_from_slice(message.payload);
        numbers.push(asked.num);
        let code = if asked.more { Code::CONTINUE } else { Code::CHANGED };
        let answer = [(number::BLOCK1, &block(asked.num, asked.more, 2)[..])];
        bench.send(&raw(Type::Ack, code, message.message_id, message.token, &answer, &[]));
        bench.run(10);
    }
    assert_eq!(numbers, [0, 16, 17, 18]);
    assert_eq!(got, bytes(1200));
    assert_eq!(bench.node.end(handle), Ok(Code::CHANGED));

    // 4.13 with a smaller size on the first block: once more in smaller pieces.
    let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    bench.run(10);
    let first = bench.take().pop().unwrap();
    let message = parse(&first);
    let answer = [(number::BLOCK1, &block(0, true, 1)[..])];
    bench.send(&raw(
        Type::Ack,
        Code::REQUEST_ENTITY_TOO_LARGE,
        message.message_id,
        message.token,
        &answer,
        &[],
    ));
    bench.run(10);
    let second = bench.take().pop().unwrap();
    let asked = parse(&second).block(number::BLOCK1).unwrap();
    assert_eq!((asked.num, asked.szx, parse(&second).payload), (0, 1, &bytes(32)[..]));
    bench.at_node(|endpoint, cx| endpoint.cancel(cx, handle)).unwrap();
    bench.run(10);
    assert_eq!(bench.node.end(handle), Err(Err(Error::Cancelled)));

    // Download: the server answers an open request with blocks of 64.
    bench.take();
    let get = Request { path, ..get_big() };
    let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, &get)).unwrap();
    bench.run(10);
    let body = bytes(200);
    while let Some(datagram) = bench.take().pop() {
        let message = parse(&datagram);
        let at = message.block(number::BLOCK2).map_or(0, |asked| {
            assert_eq!(asked.szx, 2);
            asked.num as usize
        });
        let piece = &body[at * 64..(at * 64 + 64).min(200)];
        let answer = [(number::BLOCK2, &block(at as u32, at < 3, 2)[..])];
        bench.send(&raw(Type::Ack, Code::CONTENT, message.message_id, message.token, &answer, piece));
        bench.run(10);
    }
    assert_eq!(bench.node.end(handle), Ok(Code::CONTENT));
}

#[test]
fn a_block2_that_is_out_of_place_is_an_error_and_no_crash() {
    // OpenThread PR 13079: NUM > 0 with no transfer under way.
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let path = mote::transport::Path::to(address(1));
    for (num, payload) in [(3, 64), (0, 10)] {
        let get = Request { path, ..get_big() };
        let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, &get)).unwrap();
        bench.run(10);
        let datagram = bench.take().pop().unwrap();
        let message = parse(&datagram);
        let answer = [(number::BLOCK2, &block(num, true, 2)[..])];
        bench.send(&raw(
            Type::Ack,
            Code::CONTENT,
            message.message_id,
            message.token,
            &answer,
            &bytes(payload),
        ));
        bench.run(10);
        assert_eq!(bench.node.end(handle), Err(Err(Error::Protocol)));
    }
}

#[test]
fn a_large_answer_to_a_post_is_continued_without_doing_it_again() {
    let done = Rc::new(Cell::new(0));
    let count = done.clone();
    let server = Node::serving(&Config::DEFAULT, BIG, move |endpoint, cx, incoming| {
        if incoming.cause != Cause::Continue {
            if incoming.part.more {
                return;
            }
            count.set(count.get() + 1);
        }
        let body = bytes(3000);
        let answer = Response { code: Code::CHANGED, ..content(&body) };
        endpoint.respond(cx, incoming.exchange, &answer).unwrap();
    });
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    // The tag of what the client knows already goes with the request, but not with what continues its answer.
    let known = [(PATH, &b"big"[..]), (number::ETAG, b"v0")];
    for (method, options) in
        [(Code::POST, &BIG_PATH as &dyn OptionList), (Code::FETCH, &BIG_PATH), (Code::FETCH, &known)]
    {
        for length in [10, 2000] {
            pair.client.seen.clear();
            done.set(0);
            pair.client.body = bytes(length);
            let request = pair.request(&Request { method, options, ..put(&bytes(length)) });
            pair.run(10_000);
            assert_eq!(pair.client.end(request), Ok(Code::CHANGED));
            assert_eq!(pair.client.received(), bytes(3000));
            // A small FETCH carries all it needs, so it is simply asked again for each block.
            assert_eq!(done.get(), if method == Code::FETCH && length == 10 { 3 } else { 1 });
        }
    }
    // With no earlier answer there is no rest of it.
    let mut bench = Bench::new(pair.server);
    let options = [(PATH, &b"big"[..]), (number::BLOCK2, &block(1, false, 6))];
    let answer = bench.ask(&raw(Type::Con, Code::POST, 1, b"t", &options, &[]));
    assert_eq!(parse(&answer[0]).code, Code::REQUEST_ENTITY_INCOMPLETE);
}

#[test]
fn a_large_separate_answer_is_fetched_too() {
    let server = Node::serving(&Config::DEFAULT, BIG, |_, _, _| {});
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    let waiting = Rc::new(Cell::new(None));
    let kept = waiting.clone();
    pair.server.handler = Box::new(move |endpoint, cx, incoming| {
        if incoming.offset == 0 {
            kept.set(Some(incoming.exchange));
        } else {
            endpoint.respond(cx, incoming.exchange, &content(&bytes(3000))).unwrap();
        }
    });
    let request = pair.request(&get_big());
    pair.run(1000);
    let exchange = waiting.get().unwrap();
    pair.at_server(|endpoint, cx| endpoint.respond(cx, exchange, &content(&bytes(3000)))).unwrap();
    pair.run(10_000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(pair.client.received(), bytes(3000));
}

#[test]
fn a_small_message_size_makes_small_blocks() {
    for max_size in [64, 100, 200, 1000] {
        let (mut pair, bodies) = taking(&Config::DEFAULT, BIG);
        pair.net.every(Link { max_size, ..Link::default() });
        pair.client.body = bytes(1000);
        let request = pair.request(&put(&bytes(1000)));
        pair.run(100_000);
        assert_eq!(pair.client.end(request), Ok(Code::CHANGED));
        assert_eq!(*bodies.borrow(), [bytes(1000)]);
        let mut pair = serving(bytes(1000));
        pair.net.every(Link { max_size, ..Link::default() });
        let request = pair.request(&get_big());
        pair.run(100_000);
        assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
        assert_eq!(pair.client.received(), bytes(1000));
    }
}

#[test]
fn a_request_tag_tells_one_upload_from_the_next() {
    let (mut pair, _) = taking(&Config::DEFAULT, BIG);
    let tags = Rc::new(RefCell::new(std::collections::BTreeSet::new()));
    let seen = tags.clone();
    pair.net.rule(move |passing| {
        if passing.from == CLIENT {
            seen.borrow_mut().insert(parse(passing.data).option(number::REQUEST_TAG).unwrap().to_vec());
        }
        Action::Pass
    });
    pair.client.body = bytes(3000);
    for _ in 0..2 {
        let request = pair.request(&put(&bytes(3000)));
        pair.run(1000);
        assert_eq!(pair.client.end(request), Ok(Code::CHANGED));
    }
    assert_eq!(tags.borrow().len(), 2);
}

/// RFC 7959 §2.10: later blocks would find the resource that the first has created.
#[test]
fn if_none_match_goes_with_the_first_block_only() {
    let (mut pair, bodies) = taking(&Config::DEFAULT, Resource { flags: flags::CONDITIONAL, ..BIG });
    let conditional = Rc::new(RefCell::new(Vec::new()));
    let seen = conditional.clone();
    pair.net.rule(move |passing| {
        if passing.from == CLIENT {
            seen.borrow_mut().push(parse(passing.data).option(number::IF_NONE_MATCH).is_some());
        }
        Action::Pass
    });
    pair.client.body = bytes(3000);
    let options = [(number::IF_NONE_MATCH, &b""[..]), BIG_PATH[0]];
    let body = bytes(3000);
    let request = pair.request(&Request { options: &options, ..put(&body) });
    pair.run(1000);
    assert_eq!(pair.client.end(request), Ok(Code::CHANGED));
    assert_eq!(*conditional.borrow(), [true, false, false]);
    assert_eq!(*bodies.borrow(), [body]);
}

/// Whoever takes a peer's place in the table does not go on with its upload.
#[test]
fn an_upload_is_not_gone_on_with_by_another_peer() {
    let (pair, bodies) = taking(&Config { peers: 1, ..Config::DEFAULT }, BIG);
    let mut bench = Bench::new(pair.server);
    let other = bench.net.host(address(3));
    let put = |id: u16, num: u32, more: bool| {
        let value = block(num, more, 0);
        raw(Type::Con, Code::PUT, id, b"t", &[(PATH, b"big"), (number::BLOCK1, &value)], &[id as u8; 16])
    };
    assert_eq!(parse(&bench.ask(&put(1, 0, true))[0]).code, Code::CONTINUE);
    bench
        .net
        .with(other, |cx| cx.transport.send(&mote::transport::Path::to(address(2)), &put(2, 1, false)))
        .unwrap();
    bench.run(100);
    assert!(bodies.borrow().is_empty());
    // It is begun again, as the code that its next block is answered with asks for.
    assert_eq!(parse(&bench.ask(&put(3, 1, false))[0]).code, Code::REQUEST_ENTITY_INCOMPLETE);
    bench.ask(&put(4, 0, true));
    bench.ask(&put(5, 1, false));
    assert_eq!(*bodies.borrow(), [[[4u8; 16], [5u8; 16]].concat()]);
}
