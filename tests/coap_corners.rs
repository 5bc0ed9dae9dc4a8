// SPDX-License-Identifier: MIT OR Apache-2.0
//! What only shows when something unusual happens: each of these tests fails when one line of the engine is taken away, and
//! no other test did.
#![cfg(all(feature = "std", feature = "coap"))]

mod coap_support;

use coap_support::*;
use mote::address::{Ip, SocketAddress};
use mote::coap::wire::{Code, Type, number};
use mote::coap::{Config, Event, Request, Resource, flags, methods};
use mote::sim::net::Action;
use mote::status::Error;
use mote::table::Handle;
use mote::transport::{DatagramEvent, Path};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const ALL: Resource<'static> = Resource {
    flags: flags::OBSERVABLE | flags::MULTICAST,
    ..Resource::new("/thing", methods::GET | methods::PUT)
};
const PATH_OF_IT: (u16, &[u8]) = (PATH, b"thing");
const GROUP: Ip = Ip::v4([224, 0, 1, 187]);

fn get() -> Request<'static> {
    Request { options: &[PATH_OF_IT], ..Request::new(to_server(), Code::GET) }
}

/// A server that says `x`, and how often it was asked.
fn counted(config: &Config) -> (Node, Rc<Cell<usize>>) {
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    let server = Node::serving(config, ALL, move |endpoint, cx, incoming| {
        if !incoming.part.more {
            count.set(count.get() + 1);
            endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
        }
    });
    (server, asked)
}

/// RFC 9175 §2.4: what changes something is not done for somebody who may not be there.
#[test]
fn a_stranger_changes_nothing_before_the_echo() {
    let (server, asked) = counted(&Config { amplification_limit: true, ..Config::DEFAULT });
    let mut bench = Bench::new(server);
    let challenge = bench.ask(&raw(Type::Con, Code::PUT, 1, b"t", &[PATH_OF_IT], b"new")).remove(0);
    let challenge = parse(&challenge);
    assert_eq!((challenge.code, asked.get()), (Code::UNAUTHORIZED, 0));
    let options = [PATH_OF_IT, (number::ECHO, challenge.option(number::ECHO).unwrap())];
    let answer = bench.ask(&raw(Type::Con, Code::PUT, 2, b"t", &options, b"new")).remove(0);
    assert_eq!((parse(&answer).code, asked.get()), (Code::CONTENT, 1));
}

/// RFC 7959 §2.6: only the request for the first block registers; and a group's members are not observed.
#[test]
fn neither_later_blocks_nor_groups_are_observed() {
    let server = Node::serving(&Config::DEFAULT, ALL, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(&bytes(40))).unwrap();
    });
    let mut bench = Bench::new(server);
    bench.net.join(SERVER, GROUP);
    let observe = (number::OBSERVE, &[][..]);
    bench.ask(&raw(Type::Con, Code::GET, 1, b"t", &[PATH_OF_IT, observe, (number::BLOCK2, &[0x10])], &[]));
    assert_eq!(bench.node.endpoint.observers(), 0);
    bench.send_to(
        SocketAddress::new(GROUP, 5683),
        &raw(Type::Non, Code::GET, 2, b"t", &[PATH_OF_IT, observe], &[]),
    );
    bench.run(20_000);
    assert_eq!((bench.take().len(), bench.node.endpoint.observers()), (1, 0));
    bench.ask(&raw(Type::Con, Code::GET, 3, b"t", &[PATH_OF_IT, observe], &[]));
    assert_eq!(bench.node.endpoint.observers(), 1);
}

/// RFC 7252 §4.5: a message ID is its endpoint's, and an endpoint is an address at both ends.
#[test]
fn a_message_to_another_address_of_ours_is_no_duplicate() {
    let (server, _) = counted(&Config::DEFAULT);
    let mut bench = Bench::new(server);
    let datagram = raw(Type::Con, Code::GET, 1, b"t", &[PATH_OF_IT], &[]);
    let requests = [2, 3, 2, 3].map(|own| {
        let path = Path { remote: address(1), local: address(own).ip };
        bench.at_node(|endpoint, cx| {
            matches!(
                endpoint.receive(cx, DatagramEvent::Received { path, data: &datagram }),
                Some(Event::Request(_))
            )
        })
    });
    assert_eq!(requests, [true, true, false, false]);
}

/// A block that does not fit the place it is asked for is refused, and may be given again.
#[test]
fn only_the_block_that_is_wanted_is_taken() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let path = Path::to(address(1));
    let body = bytes(64);
    let put = Request { path, method: Code::PUT, payload: &body, more: true, szx: 2, ..get() };
    let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, &put)).unwrap();
    bench.run(10);
    let asked = bench.take().remove(0);
    let asked = parse(&asked);
    let block = (number::BLOCK1, asked.option(number::BLOCK1).unwrap());
    let answer = raw(Type::Ack, Code::CONTINUE, asked.message_id, asked.token, &[block], &[]);
    let tried = bench.at_node(|endpoint, cx| {
        let path = Path { remote: address(1), local: address(2).ip };
        let event = endpoint.receive(cx, DatagramEvent::Received { path, data: &answer });
        assert!(matches!(event, Some(Event::NeedBlock { offset: 64, length: 64, .. })));
        [(65, false), (65, true), (63, true), (64, true)]
            .map(|(length, more)| endpoint.supply(cx, handle, &bytes(length), more))
    });
    assert_eq!(tried, [Err(Error::Invalid), Err(Error::Invalid), Err(Error::Invalid), Ok(())]);
    bench.run(10);
    let next = bench.take().remove(0);
    // RFC 7252 §5.3.1: each request has a token of its own.
    assert_ne!(parse(&next).token, asked.token);
    assert_eq!(parse(&next).payload.len(), 64);
}

/// RFC 7959 §2.4: so has each request for a further block of an answer.
#[test]
fn each_block_is_asked_for_with_a_token_of_its_own() {
    let server = Node::serving(&Config::DEFAULT, ALL, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(&bytes(5000))).unwrap();
    });
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    let tokens = Rc::new(RefCell::new(std::collections::BTreeSet::new()));
    let seen = tokens.clone();
    pair.net.rule(move |passing| {
        if passing.from == CLIENT {
            seen.borrow_mut().insert(parse(passing.data).token.to_vec());
        }
        Action::Pass
    });
    let request = pair.request(&get());
    pair.run(2000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(tokens.borrow().len(), 5);
}

/// A newer state takes the place of one whose rest is still being fetched.
#[test]
fn the_rest_of_an_older_notification_is_not_fetched_any_more() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let path = Path::to(address(1));
    bench.at_node(|endpoint, cx| endpoint.request(cx, &Request { path, observe: true, ..get() })).unwrap();
    bench.run(10);
    let asked = bench.take().remove(0);
    let asked = parse(&asked);
    let first = |bench: &mut Bench, kind, id, sequence: u8| {
        let options =
            [(number::OBSERVE, &[sequence][..]), (number::ETAG, &[sequence]), (number::BLOCK2, &[0x08])];
        bench.send(&raw(kind, Code::CONTENT, id, asked.token, &options, &[sequence; 16]));
        bench.run(10);
        bench.take().remove(0)
    };
    let rest = |bench: &mut Bench, of: &[u8], sequence: u8| {
        let of = parse(of);
        let options = [(number::ETAG, &[sequence][..]), (number::BLOCK2, &[0x10])];
        bench.send(&raw(Type::Ack, Code::CONTENT, of.message_id, of.token, &options, &[sequence; 4]));
        bench.run(10);
    };
    let older = first(&mut bench, Type::Ack, asked.message_id, 1);
    let newer = first(&mut bench, Type::Non, 900, 2);
    rest(&mut bench, &older, 1);
    rest(&mut bench, &newer, 2);
    let shown: Vec<_> = bench.node.responses().into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(shown, [vec![1; 16], vec![2; 16], vec![2; 4]]);
}

/// One who answers before it has seen the whole body wants no more of it, and may have much to say.
#[test]
fn a_large_answer_to_the_first_block_of_a_body_is_fetched_to_its_end() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let request =
        Request { method: Code::PUT, path: Path::to(address(1)), szx: 0, payload: &[7; 64], ..get() };
    let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    for (block, length) in [(0x08, 16), (0x10, 4)] {
        bench.run(10);
        let asked = bench.take().remove(0);
        let asked = parse(&asked);
        let options = [(number::BLOCK2, &[block][..])];
        bench.send(&raw(Type::Ack, Code::CHANGED, asked.message_id, asked.token, &options, &bytes(length)));
    }
    bench.run(10);
    assert_eq!(bench.node.end(handle), Ok(Code::CHANGED));
    assert_eq!(bench.node.received().len(), 20);
}

/// RFC 7959 §2.4: nor do blocks of two states go together where an observation was wanted and not granted.
#[test]
fn a_body_that_changes_is_told_although_it_was_to_be_observed() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let request = Request { path: Path::to(address(1)), observe: true, ..get() };
    let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    for (block, tag) in [(0x08, 1), (0x18, 1), (0x20, 2)] {
        bench.run(10);
        let asked = bench.take().remove(0);
        let asked = parse(&asked);
        assert_eq!(asked.option(number::OBSERVE).is_some(), block == 0x08);
        let options = [(number::ETAG, &[tag][..]), (number::BLOCK2, &[block])];
        bench.send(&raw(Type::Ack, Code::CONTENT, asked.message_id, asked.token, &options, &[tag; 16]));
    }
    bench.run(10);
    assert_eq!(bench.node.end(handle), Err(Err(Error::SessionLost)));
    assert_eq!(bench.node.received(), [1; 32]);
}

/// There is one place: it is the transfer's that began last.
#[test]
fn a_transfer_that_starts_over_takes_no_second_place() {
    let mut bench = Bench::new(counted(&Config { transfers: 1, ..Config::DEFAULT }).0);
    for (id, block, code) in [(1, 0x08, Code::CONTINUE), (2, 0x08, Code::CONTINUE), (3, 0x10, Code::CONTENT)]
    {
        let options = [PATH_OF_IT, (number::BLOCK1, &[block][..])];
        let answer = bench.ask(&raw(Type::Con, Code::PUT, id, b"t", &options, &[7; 16])).remove(0);
        assert_eq!(parse(&answer).code, code, "{id}");
    }
}

/// RFC 7252 §4.2: a Reset is empty; one that is not is ignored, as is a request in an acknowledgement.
#[test]
fn a_reset_that_is_not_empty_is_ignored() {
    let (node, asked) = counted(&Config::DEFAULT);
    let mut bench = Bench::new(node);
    let path = Path::to(address(1));
    bench.at_node(|endpoint, cx| endpoint.request(cx, &Request { path, ..get() })).unwrap();
    bench.run(10);
    let sent = bench.take().remove(0);
    let sent = parse(&sent);
    for (kind, code) in [(Type::Rst, Code::CONTENT), (Type::Ack, Code::GET), (Type::Rst, Code::GET)] {
        assert!(bench.ask(&raw(kind, code, sent.message_id, sent.token, &[PATH_OF_IT], b"x")).is_empty());
    }
    assert_eq!((bench.node.seen.len(), asked.get()), (0, 0));
}

/// RFC 7967 §2.1.
#[test]
fn nothing_is_waited_for_when_no_answer_is_wanted() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let path = Path::to(address(1));
    let options = [PATH_OF_IT, (number::NO_RESPONSE, &[26][..])];
    let request = Request { path, options: &options, confirmable: false, ..get() };
    let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    bench.run(10);
    assert_eq!(bench.node.end(handle), Err(Ok(())));
}

/// RFC 7641 §4.5: a notification that finds no room is not forgotten.
#[test]
fn a_notification_goes_out_when_there_is_room_again() {
    let waiting = Rc::new(RefCell::new(Vec::new()));
    let kept = waiting.clone();
    let config = Config { exchanges: 1, ..Config::DEFAULT };
    let mut bench = Bench::new(Node::serving(&config, ALL, move |endpoint, cx, incoming| {
        if incoming.message.token == b"later" {
            kept.borrow_mut().push(incoming.exchange);
        } else {
            endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
        }
    }));
    bench.ask(&raw(Type::Con, Code::GET, 1, b"o", &[PATH_OF_IT, (number::OBSERVE, &[])], &[]));
    bench.ask(&raw(Type::Con, Code::GET, 2, b"later", &[PATH_OF_IT], &[]));
    assert_eq!((bench.node.endpoint.observers(), waiting.borrow().len()), (1, 1));
    bench.at_node(|endpoint, _| endpoint.notify(Handle::from_raw(1 << 16).unwrap())).unwrap();
    bench.run(5000);
    assert!(bench.node.endpoint.next_deadline() <= bench.net.now().after(200));
    bench.take();
    let exchange = waiting.borrow()[0];
    bench.at_node(|endpoint, cx| endpoint.respond(cx, exchange, &content(b"y"))).unwrap();
    bench.run(100);
    let answer = bench.take().remove(0);
    assert_eq!(parse(&answer).token, b"later");
    bench.send(&raw(Type::Ack, Code::EMPTY, parse(&answer).message_id, &[], &[], &[]));
    bench.run(1000);
    let told = bench.take().remove(0);
    assert_eq!((parse(&told).token, parse(&told).payload), (&b"o"[..], &b"x"[..]));
}
