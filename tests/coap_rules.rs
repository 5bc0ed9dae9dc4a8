// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules of the CoAP standards that no other test of behaviour comes across: see
//! `coap_conformance.md`.
#![cfg(all(feature = "std", feature = "coap"))]

mod coap_support;

use coap_support::*;
use mote::coap::wire::{Code, Type, number};
use mote::coap::{Config, Request, Resource, flags, methods};
use mote::sim::net::{Action, HostId, Net};
use mote::status::Error;
use mote::table::Handle;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

const THING: Resource<'static> =
    Resource { flags: flags::OBSERVABLE, ..Resource::new("/thing", methods::GET | methods::PUT) };
const THING_PATH: [(u16, &[u8]); 1] = [(PATH, b"thing")];

fn get() -> Request<'static> {
    Request { options: &THING_PATH, ..Request::new(to_server(), Code::GET) }
}

fn serving(config: &Config) -> Node {
    Node::serving(config, THING, |endpoint, cx, incoming| {
        if !incoming.part.more {
            endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
        }
    })
}

/// Everything that a client sends, as it leaves.
fn sent_by_client(net: &mut Net) -> Rc<RefCell<Vec<Vec<u8>>>> {
    let sent = Rc::new(RefCell::new(Vec::new()));
    let seen = sent.clone();
    net.rule(move |passing| {
        if passing.from == CLIENT {
            seen.borrow_mut().push(passing.data.to_vec());
        }
        Action::Pass
    });
    sent
}

/// RFC 7252 §5.3.1: unique among those in use, and not to be guessed.
#[test]
fn tokens_differ_and_hold_four_random_bytes() {
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), serving(&Config::DEFAULT));
    let sent = sent_by_client(&mut pair.net);
    for _ in 0..200 {
        pair.request(&get());
        pair.run(100);
    }
    let tokens: Vec<u32> = sent
        .borrow()
        .iter()
        .map(|message| u32::from_be_bytes(parse(message).token.try_into().unwrap()))
        .collect();
    assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), 200);
    // Each bit is set in about half of them.
    for bit in 0..32 {
        let set = tokens.iter().filter(|token| *token >> bit & 1 == 1).count();
        assert!((60..140).contains(&set), "bit {bit}: {set} of 200");
    }
}

/// RFC 7252 §5.3.2: by message ID, token and endpoint if piggybacked, by token and endpoint else.
#[test]
fn an_answer_of_another_token_message_or_endpoint_is_not_taken() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let stranger = bench.net.host(address(3));
    assert_eq!(stranger, HostId(2));
    let path = mote::transport::Path::to(address(1));
    let request = bench.at_node(|endpoint, cx| endpoint.request(cx, &Request { path, ..get() })).unwrap();
    bench.run(10);
    let asked = bench.take().remove(0);
    let (id, token) = (parse(&asked).message_id, parse(&asked).token.to_vec());
    let answer = |kind, id, token: &[u8]| raw(kind, Code::CONTENT, id, token, &[], b"false");
    bench.send(&answer(Type::Ack, id, b"other"));
    bench.send(&answer(Type::Ack, id.wrapping_add(1), &token));
    bench.send(&answer(Type::Non, 1, b"other"));
    let to = mote::transport::Path::to(address(2));
    for kind in [Type::Ack, Type::Con, Type::Non] {
        let forged = answer(kind, id, &token);
        bench.net.with(stranger, |cx| cx.transport.send(&to, &forged)).unwrap();
    }
    let mut away = mote::sim::net::Recorder::default();
    let until = bench.net.now().after(100);
    bench.net.run(&mut [&mut bench.peer, &mut bench.node, &mut away], until);
    assert!(bench.node.seen.is_empty());
    bench.send(&raw(Type::Ack, Code::CONTENT, id, &token, &[], b"true"));
    let until = bench.net.now().after(100);
    bench.net.run(&mut [&mut bench.peer, &mut bench.node, &mut away], until);
    assert_eq!(bench.node.end(request), Ok(Code::CONTENT));
    assert_eq!(bench.node.received(), b"true");
}

/// RFC 7252 §5.4: an option that is not defined for a response counts as unknown there, and rejects
/// it if it is critical.
#[test]
fn a_critical_option_of_requests_is_unknown_in_an_answer() {
    let reset = Some((Type::Rst, Code::EMPTY, 9));
    let acknowledged = Some((Type::Ack, Code::EMPTY, 9));
    for (option, result, reaction) in [
        (number::URI_PATH, Err(Err(Error::Protocol)), reset),
        (number::ACCEPT, Err(Err(Error::Protocol)), reset),
        (65001, Err(Err(Error::Protocol)), reset),
        (number::BLOCK2, Ok(Code::CONTENT), acknowledged),
        (number::MAX_AGE, Ok(Code::CONTENT), acknowledged),
    ] {
        for kind in [Type::Ack, Type::Con] {
            let mut bench = Bench::new(Node::new(&Config::DEFAULT));
            let path = mote::transport::Path::to(address(1));
            let request =
                bench.at_node(|endpoint, cx| endpoint.request(cx, &Request { path, ..get() })).unwrap();
            bench.run(10);
            let asked = bench.take().remove(0);
            let asked = parse(&asked);
            let id = if kind == Type::Ack { asked.message_id } else { 9 };
            bench.send(&raw(kind, Code::CONTENT, id, asked.token, &[(option, &[6][..])], b"x"));
            bench.run(10);
            assert_eq!(bench.node.end(request), result, "option {option}");
            let said = bench.take();
            let said = said.first().map(|said| (parse(said).kind, parse(said).code, parse(said).message_id));
            assert_eq!(said, if kind == Type::Ack { None } else { reaction }, "option {option}");
        }
    }
}

/// RFC 7252 §8.1: also where the resource is meant for groups.
#[test]
fn a_confirmable_request_to_a_group_reaches_nobody() {
    let group = mote::address::Ip::v4([224, 0, 1, 187]);
    let to = mote::address::SocketAddress::new(group, 5683);
    let thing = Resource { flags: flags::MULTICAST, ..THING };
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    let mut bench = Bench::new(Node::serving(&Config::DEFAULT, thing, move |endpoint, cx, incoming| {
        count.set(count.get() + 1);
        endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
    }));
    bench.net.join(SERVER, group);
    for (kind, id, answers) in [(Type::Con, 1, 0), (Type::Non, 2, 1)] {
        bench.send_to(to, &raw(kind, Code::GET, id, b"t", &THING_PATH, &[]));
        bench.run(20_000);
        assert_eq!((asked.get(), bench.take().len()), (answers, answers));
    }
}

/// RFC 7252 §3.2: as few bytes as possible go out, leading zeros come in.
#[test]
fn integers_are_short_when_sent_and_may_be_long_when_received() {
    let picky = Resource { produces: &[50], ..THING };
    let server = Node::serving(&Config::DEFAULT, picky, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(&bytes(2000))).unwrap();
    });
    let mut bench = Bench::new(server);
    let accept = |bench: &mut Bench, id, value: &[u8]| {
        let options = [(PATH, &b"thing"[..]), (number::ACCEPT, value)];
        bench.ask(&raw(Type::Con, Code::GET, id, b"t", &options, &[])).remove(0)
    };
    assert_eq!(parse(&accept(&mut bench, 1, &[0, 50])).code, Code::CONTENT);
    assert_eq!(parse(&accept(&mut bench, 2, &[0, 51])).code, Code::NOT_ACCEPTABLE);
    let answer = accept(&mut bench, 3, &[50]);
    let answer = parse(&answer);
    assert_eq!(answer.option(number::BLOCK2), Some(&[0b1110][..]), "block 0 of 1024 bytes, more to follow");
    assert_eq!(answer.option(number::SIZE2), Some(&[7, 208][..]));
}

/// RFC 7641 §3.6, §4.4: all but the Observe value is as it was in the registration; and what comes
/// before carries growing numbers.
#[test]
fn a_deregistration_repeats_the_registration() {
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), serving(&Config::DEFAULT));
    let sent = sent_by_client(&mut pair.net);
    let options = [(number::URI_QUERY, &b"a=1"[..]), (number::ACCEPT, b""), THING_PATH[0]];
    let request = pair.request(&Request { options: &options, observe: true, ..get() });
    pair.run(1000);
    for _ in 0..5 {
        pair.at_server(|endpoint, _| endpoint.notify(Handle::from_raw(1 << 16).unwrap())).unwrap();
        pair.run(4000);
    }
    pair.at_client(|endpoint, cx| endpoint.cancel(cx, request)).unwrap();
    pair.run(1000);
    let sent = sent.borrow();
    let (first, last) = (parse(&sent[0]), parse(sent.last().unwrap()));
    assert_eq!((first.uint(number::OBSERVE), last.uint(number::OBSERVE)), (Some(0), Some(1)));
    assert_eq!((first.token, first.code), (last.token, last.code));
    let others = |message: mote::coap::wire::Message<'_>| -> Vec<(u16, Vec<u8>)> {
        let kept = message.options.filter(|(number, _)| *number != number::OBSERVE);
        kept.map(|(number, value)| (number, value.to_vec())).collect()
    };
    assert_eq!(others(first), others(last));
    let numbers: Vec<u32> = pair
        .client
        .seen
        .iter()
        .filter_map(|(_, seen)| match seen {
            Seen::Response { options, .. } => {
                let (_, value) = options.iter().find(|(number, _)| *number == number::OBSERVE)?;
                mote::coap::wire::uint(value)
            }
            Seen::Ended { .. } => None,
        })
        .collect();
    assert_eq!(numbers.len(), 6);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
}

/// RFC 7959 §2.3.
#[test]
fn blocks_of_different_formats_are_not_put_together() {
    let mut bench = Bench::new(serving(&Config::DEFAULT));
    let mut put = |id, format: &[u8], block: &[u8]| {
        let options = [(PATH, &b"thing"[..]), (number::CONTENT_FORMAT, format), (number::BLOCK1, block)];
        parse(&bench.ask(&raw(Type::Con, Code::PUT, id, b"t", &options, &[7; 16]))[0]).code
    };
    assert_eq!(put(1, &[50], &[0x08]), Code::CONTINUE);
    assert_eq!(put(2, &[60], &[0x10]), Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(put(3, &[50], &[0x10]), Code::CONTENT);
}

/// RFC 9175 §3.3: a Request-Tag is for requests.
#[test]
fn no_answer_carries_a_request_tag() {
    let mut bench = Bench::new(serving(&Config::DEFAULT));
    let options = [(PATH, &b"thing"[..]), (number::REQUEST_TAG, b"tag")];
    let answer = bench.ask(&raw(Type::Con, Code::GET, 1, b"t", &options, &[])).remove(0);
    assert_eq!((parse(&answer).code, parse(&answer).option(number::REQUEST_TAG)), (Code::CONTENT, None));
}

/// RFC 9175 §2.4, item 3: a challenge is piggybacked or not confirmable, so that nobody can have
/// it retransmitted to a victim.
#[test]
fn a_late_challenge_is_not_confirmable() {
    let config = Config { amplification_limit: true, ..Config::DEFAULT };
    let waiting = Rc::new(Cell::new(None));
    let kept = waiting.clone();
    let server = Node::serving(&config, THING, move |_, _, incoming| kept.set(Some(incoming.exchange)));
    let mut bench = Bench::new(server);
    let answers = bench.ask(&raw(Type::Con, Code::GET, 1, b"t", &THING_PATH, &[]));
    assert!(answers.is_empty());
    bench.run(5000);
    assert_eq!(parse(&bench.take()[0]).kind, Type::Ack);
    let exchange = waiting.get().unwrap();
    bench.at_node(|endpoint, cx| endpoint.respond(cx, exchange, &content(&bytes(500)))).unwrap();
    bench.run(100_000);
    let challenges = bench.take();
    assert_eq!(challenges.len(), 1);
    let challenge = parse(&challenges[0]);
    assert_eq!((challenge.kind, challenge.code), (Type::Non, Code::UNAUTHORIZED));
    assert!(challenge.option(number::ECHO).is_some() && challenges[0].len() <= 136);
}
