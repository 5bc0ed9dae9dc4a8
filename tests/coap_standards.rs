// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the texts of the CoAP standards say of rare cases: see `coap_conformance.md`.
#![cfg(all(feature = "std", feature = "coap"))]

mod coap_support;

use coap_support::*;
use mote::address::Ip;
use mote::coap::wire::{Code, Type, number};
use mote::coap::{Config, Event, Request, Resource, Response, flags, methods};
use mote::sim::net::{Net, Recorder};
use mote::status::Error;
use mote::table::Handle;
use mote::time::Instant;
use mote::transport::{DatagramContext, DatagramEvent, Path};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const THING: Resource<'static> =
    Resource { flags: flags::OBSERVABLE, ..Resource::new("/thing", methods::GET | methods::PUT) };
const THING_PATH: (u16, &[u8]) = (PATH, b"thing");

fn get() -> Request<'static> {
    Request { options: &[THING_PATH], ..Request::new(to_server(), Code::GET) }
}

fn to_peer() -> Path {
    Path::to(address(1))
}

fn serving(config: &Config) -> Node {
    Node::serving(config, THING, |endpoint, cx, incoming| {
        if !incoming.part.more {
            endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
        }
    })
}

/// The code of the only answer, and `None` if there is none.
fn code_of(answers: &[Vec<u8>]) -> Option<Code> {
    assert!(answers.len() <= 1);
    answers.first().map(|answer| parse(answer).code)
}

/// RFC 7252 §5.8: also where there is no such resource.
#[test]
fn an_unknown_method_is_not_allowed_anywhere() {
    let mut bench = Bench::new(serving(&Config::DEFAULT));
    let mut code = |id, method, path: &'static [u8]| {
        code_of(&bench.ask(&raw(Type::Con, method, id, b"t", &[(PATH, path)], &[])))
    };
    assert_eq!(code(1, Code(8), b"nowhere"), Some(Code::METHOD_NOT_ALLOWED));
    assert_eq!(code(2, Code(31), b"nowhere"), Some(Code::METHOD_NOT_ALLOWED));
    assert_eq!(code(3, Code(8), b"thing"), Some(Code::METHOD_NOT_ALLOWED));
    assert_eq!(code(4, Code::IPATCH, b"nowhere"), Some(Code::NOT_FOUND));
}

/// RFC 7959 §2.2, RFC 8768 §3: a value that is forbidden gets 4.00, whatever the message's type; only what is not
/// understood is passed over in silence (RFC 7252 §5.4.1).
#[test]
fn forbidden_values_are_bad_requests_of_either_type() {
    for kind in [Type::Con, Type::Non] {
        let mut bench = Bench::new(serving(&Config::DEFAULT));
        for (id, option) in [
            (1, (number::BLOCK2, &b"\x07"[..])),
            (2, (number::HOP_LIMIT, b"\x00")),
            (3, (number::BLOCK1, b"\x0f")),
        ] {
            let asked = raw(kind, Code::PUT, id, b"t", &[THING_PATH, option], &[]);
            assert_eq!(code_of(&bench.ask(&asked)), Some(Code::BAD_REQUEST), "{kind:?} {id}");
        }
        let asked = raw(kind, Code::GET, 4, b"t", &[THING_PATH, (9, b"")], &[]);
        assert_eq!(code_of(&bench.ask(&asked)), (kind == Type::Con).then_some(Code::BAD_OPTION));
    }
}

/// RFC 7252 §5.10.4, §5.10.8, RFC 6690 §4: the list of resources is a resource like others.
#[test]
fn the_list_of_resources_heeds_critical_options() {
    let mut bench = Bench::new(serving(&Config::DEFAULT));
    let list = [(PATH, &b".well-known"[..]), (PATH, b"core")];
    let mut code = |id, method, option: Option<(u16, &[u8])>| {
        let options: Vec<_> = list.into_iter().chain(option).collect();
        code_of(&bench.ask(&raw(Type::Con, method, id, b"t", &options, &[]))).unwrap()
    };
    assert_eq!(code(1, Code::GET, None), Code::CONTENT);
    assert_eq!(code(2, Code::GET, Some((number::ACCEPT, &[40]))), Code::CONTENT);
    assert_eq!(code(3, Code::GET, Some((number::ACCEPT, &[50]))), Code::NOT_ACCEPTABLE);
    assert_eq!(code(4, Code::GET, Some((number::IF_MATCH, b"a"))), Code::BAD_OPTION);
    assert_eq!(code(5, Code::PUT, None), Code::METHOD_NOT_ALLOWED);
}

/// RFC 7252 §5.4.3: an elective option whose length is not one of its own counts as unknown.
#[test]
fn elective_options_of_the_wrong_length_are_ignored() {
    let picky = Resource { consumes: &[50], ..THING };
    let mut bench = Bench::new(Node::serving(&Config::DEFAULT, picky, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
    }));
    let mut ask = |id, method, option| {
        bench.ask(&raw(Type::Con, method, id, b"t", &[THING_PATH, option], &[])).remove(0)
    };
    let answer = ask(1, Code::GET, (number::OBSERVE, &[0; 4][..]));
    assert_eq!(parse(&answer).option(number::OBSERVE), None);
    let answer = ask(2, Code::GET, (number::OBSERVE, &[0; 3]));
    assert!(parse(&answer).option(number::OBSERVE).is_some());
    for (id, value, code) in [(3, &[0, 26][..], Code::CONTENT), (4, &[26], Code::EMPTY)] {
        assert_eq!(parse(&ask(id, Code::GET, (number::NO_RESPONSE, value))).code, code);
    }
    for (id, value, code) in [
        (5, &[0, 0, 60][..], Code::CONTENT),
        (6, &[0, 60], Code::UNSUPPORTED_CONTENT_FORMAT),
        (7, &[0, 50], Code::CONTENT),
    ] {
        assert_eq!(parse(&ask(id, Code::PUT, (number::CONTENT_FORMAT, value))).code, code);
    }
}

/// RFC 7252 §4.7: an interaction is outstanding until there is an acknowledgement or a response.
#[test]
fn what_is_acknowledged_holds_nothing_back() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let request = Request { path: to_peer(), ..get() };
    let slow = bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    let next = bench.at_node(|endpoint, cx| endpoint.request(cx, &request)).unwrap();
    bench.run(10);
    let sent = bench.take();
    assert_eq!(sent.len(), 1);
    let first = parse(&sent[0]);
    let sent = bench.ask(&raw(Type::Ack, Code::EMPTY, first.message_id, &[], &[], &[]));
    let second = parse(&sent[0]);
    assert_ne!(second.token, first.token);
    bench.send(&raw(Type::Ack, Code::CONTENT, second.message_id, second.token, &[], b"2"));
    bench.send(&raw(Type::Non, Code::CONTENT, 9, first.token, &[], b"1"));
    bench.run(10);
    assert_eq!((bench.node.end(next), bench.node.end(slow)), (Ok(Code::CONTENT), Ok(Code::CONTENT)));
    assert_eq!(bench.node.received(), b"21");
}

/// RFC 7252 §4.7: it is the peer that PROBING_RATE is about, not an application that does not go on.
#[test]
fn an_application_that_does_not_go_on_is_no_silent_peer() {
    let (mut net, mut peer) = (Net::new(1), Recorder::default());
    net.host(address(1));
    net.host(address(2));
    let mut endpoint = Node::new(&Config::DEFAULT).endpoint;
    let (path, body) = (to_peer(), bytes(1024));
    let upload = Request { path, method: Code::PUT, payload: &body, more: true, timeout: 1000, ..get() };
    let upload = net.with(SERVER, |cx| endpoint.request(cx, &upload)).unwrap();
    net.run(&mut [&mut peer], Instant(10));
    let sent = peer.received.remove(0).data;
    let sent = parse(&sent);
    let options = [(number::BLOCK1, sent.option(number::BLOCK1).unwrap())];
    let answer = raw(Type::Ack, Code::CONTINUE, sent.message_id, sent.token, &options, &[]);
    net.with(SERVER, |cx| {
        let received = DatagramEvent::Received { path, data: &answer };
        assert!(matches!(endpoint.receive(cx, received), Some(Event::NeedBlock { .. })));
    });
    net.run(&mut [&mut peer], Instant(1500));
    net.with(SERVER, |cx| {
        let Some(Event::Ended { request, result }) = endpoint.poll(cx, &mut [0; 64]) else { panic!() };
        assert_eq!((request, result), (upload, Err(Error::Timeout)));
        endpoint.request(cx, &Request { path, ..get() }).unwrap();
    });
    net.run(&mut [&mut peer], Instant(1600));
    assert_eq!(peer.received.len(), 1);
}

/// RFC 7641 §4.1: a registration takes the place of the one with the same token, whatever that was for.
#[test]
fn a_registration_for_another_resource_replaces_the_first() {
    let told = Rc::new(RefCell::new(Vec::new()));
    let seen = told.clone();
    let mut bench = Bench::new(Node::serving(&Config::DEFAULT, THING, move |endpoint, cx, incoming| {
        seen.borrow_mut().push(incoming.resource);
        endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
    }));
    let other =
        bench.at_node(|endpoint, _| endpoint.add_resource(Resource { path: "/other", ..THING })).unwrap();
    let thing = Handle::from_raw(1 << 16).unwrap();
    for (id, path) in [(1, &b"thing"[..]), (2, b"other")] {
        let options = [(number::OBSERVE, &[][..]), (PATH, path)];
        bench.ask(&raw(Type::Con, Code::GET, id, b"t", &options, &[]));
    }
    assert_eq!(bench.node.endpoint.observers(), 1);
    for resource in [thing, other] {
        bench.at_node(|endpoint, _| endpoint.notify(resource)).unwrap();
        bench.run(5000);
    }
    assert_eq!(*told.borrow(), [thing, other, other]);
    assert_eq!(bench.take().len(), 1);
}

/// What a caller's scratch memory cannot hold is not shown in part: the observer is dropped.
#[test]
fn a_registration_is_shown_whole_or_not_at_all() {
    let fetched = Resource { path: "/thing", methods: methods::FETCH, ..THING };
    let mut bench = Bench::new(Node::serving(&Config::DEFAULT, fetched, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
    }));
    let options = [(number::OBSERVE, &[][..]), THING_PATH];
    let registration = raw(Type::Con, Code::FETCH, 1, b"t", &options, &bytes(40));
    for room in [registration.len() - 1, registration.len()] {
        bench.ask(&registration);
        assert_eq!(bench.node.endpoint.observers(), 1);
        bench.at_node(|endpoint, cx| {
            endpoint.notify(Handle::from_raw(1 << 16).unwrap()).unwrap();
            let mut scratch = vec![0; room];
            let shown = match endpoint.poll(cx, &mut scratch) {
                Some(Event::Request(incoming)) => Some(incoming.message.payload.len()),
                None => None,
                other => panic!("{other:?}"),
            };
            assert_eq!(shown, (room == registration.len()).then_some(40));
            assert_eq!(endpoint.observers(), usize::from(room == registration.len()));
        });
        // The next registration is no duplicate.
        bench.run(300_000);
    }
}

/// After a poll that brought nothing, nothing is left to be done (`docs/engines.md`).
#[test]
fn one_poll_tells_all_observers_that_the_resource_is_gone() {
    let config = Config { peers: 8, ..Config::DEFAULT };
    let mut bench = Bench::new(serving(&config));
    for last in 3..6 {
        bench.net.host(address(last));
    }
    for last in 3..6u8 {
        let options = [(number::OBSERVE, &[][..]), THING_PATH];
        let registration = raw(Type::Con, Code::GET, 1, &[last], &options, &[]);
        bench.at_node(|endpoint, cx| {
            let path = Path::to(address(last));
            let received = DatagramEvent::Received { path, data: &registration };
            let Some(Event::Request(incoming)) = endpoint.receive(cx, received) else { panic!() };
            endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
        });
    }
    bench.at_node(|endpoint, cx| {
        assert_eq!(endpoint.observers(), 3);
        endpoint.remove_resource(cx, Handle::from_raw(1 << 16).unwrap()).unwrap();
        assert!(endpoint.poll(cx, &mut [0; 256]).is_none());
        assert_eq!(endpoint.observers(), 0);
        assert!(endpoint.next_deadline() > cx.now);
    });
}

/// RFC 7959 §2.3: an acknowledgement of a block that is not the last carries no Block2.
#[test]
fn a_continue_carries_no_block2() {
    let mut bench = Bench::new(serving(&Config::DEFAULT));
    for (id, block, code) in [(1, 0x08, Code::CONTINUE), (2, 0x10, Code::CONTENT)] {
        let options = [THING_PATH, (number::BLOCK1, &[block][..]), (number::BLOCK2, &[])];
        let answer = bench.ask(&raw(Type::Con, Code::PUT, id, b"t", &options, &[7; 16])).remove(0);
        let answer = parse(&answer);
        assert_eq!((answer.code, answer.option(number::BLOCK2).is_some()), (code, id == 2));
    }
}

/// A body that was put together is there until the request is answered, however long that takes.
#[test]
fn an_assembled_body_stays_until_the_answer() {
    let config = Config { body: 64, transfer_timeout: 1000, ..Config::DEFAULT };
    let waiting = Rc::new(Cell::new(None));
    let kept = waiting.clone();
    let assembled = Resource { flags: flags::ASSEMBLE, ..THING };
    let mut bench = Bench::new(Node::serving(&config, assembled, move |_, _, incoming| {
        assert!(incoming.assembled);
        kept.set(Some(incoming.exchange));
    }));
    for (id, block) in [(1, 0x08), (2, 0x10)] {
        let options = [THING_PATH, (number::BLOCK1, &[block][..])];
        bench.ask(&raw(Type::Con, Code::PUT, id, b"t", &options, &[7; 16]));
    }
    bench.run(5000);
    let exchange = waiting.get().unwrap();
    assert_eq!(bench.node.endpoint.body(exchange), Some(&[7; 32][..]));
    bench.at_node(|endpoint, cx| endpoint.respond(cx, exchange, &Response::new(Code::CHANGED))).unwrap();
    bench.run(10);
    let answer = bench.take().pop().unwrap();
    bench.ask(&raw(Type::Ack, Code::EMPTY, parse(&answer).message_id, &[], &[], &[]));
    assert_eq!(bench.node.endpoint.body(exchange), None);
}

/// Room that is lacking now and then is no reason to give up: only so often in a row.
#[test]
fn a_transport_that_is_full_once_a_block_is_overcome() {
    let server = Node::serving(&Config::DEFAULT, THING, |endpoint, cx, incoming| {
        if !incoming.part.more {
            endpoint.respond(cx, incoming.exchange, &Response::new(Code::CHANGED)).unwrap();
        }
    });
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    let body = bytes(160);
    pair.client.body = body.clone();
    for number in (1..20).step_by(2) {
        pair.net.fail_send(CLIENT, number, Error::WouldBlock);
    }
    let put = Request { method: Code::PUT, payload: &body, szx: 0, confirmable: false, ..get() };
    let request = pair.request(&put);
    pair.run(60_000);
    assert_eq!(pair.client.end(request), Ok(Code::CHANGED));
}

/// RFC 7252 §4.2: all retransmissions lie within MAX_TRANSMIT_SPAN, and none follows another at once: whoever sleeps
/// misses some.
#[test]
fn a_retransmission_that_was_slept_through_is_not_made_up_for() {
    let periods = [(100, 5..=5), (1000, 5..=5), (7000, 3..=4), (20_000, 1..=3), (600_000, 1..=1)];
    // Those that wake between 44 and 48 seconds would be too late for the last.
    let more = (8800..9600).step_by(10).map(|period| (period, 1..=4));
    for (period, sent) in periods.into_iter().chain(more) {
        let (mut net, mut peer) = (Net::new(period), Recorder::default());
        net.host(address(1));
        net.host(address(2));
        let mut endpoint = Node::new(&Config::DEFAULT).endpoint;
        net.with(SERVER, |cx| endpoint.request(cx, &Request { path: to_peer(), ..get() })).unwrap();
        let mut ended = None;
        while ended.is_none() {
            let wake = net.now().after(period);
            net.run(&mut [&mut peer], wake);
            net.with(SERVER, |cx| {
                while let Some(event) = endpoint.poll(cx, &mut [0; 256]) {
                    let Event::Ended { result, .. } = event else { panic!("{event:?}") };
                    assert_eq!(ended.replace(result), None);
                }
                assert!(endpoint.next_deadline() > cx.now);
            });
        }
        assert_eq!(ended, Some(Err(Error::Timeout)));
        // Something may have come while it slept.
        assert!(net.now() > Instant(62_000).max(Instant(period)));
        let at: Vec<u64> = peer.received.iter().map(|arrival| arrival.at.0).collect();
        assert!(sent.contains(&at.len()) && *at.last().unwrap() <= 45_000, "{period}: {at:?}");
        assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= 2000), "{period}: {at:?}");
    }
}

/// RFC 7641 §4.2, §4.5: neither the last state nor the end of a resource is lost for want of room.
#[test]
fn an_observer_is_told_once_there_is_room() {
    for removed in [false, true] {
        let waiting = Rc::new(Cell::new(None));
        let kept = waiting.clone();
        let config = Config { pool: 100, ..Config::DEFAULT };
        let mut bench = Bench::new(Node::serving(&config, THING, move |endpoint, cx, incoming| {
            if incoming.message.token == b"later" {
                kept.set(Some(incoming.exchange));
            } else {
                let told = Response { confirmable: true, ..content(&[7; 20]) };
                let _full = endpoint.respond(cx, incoming.exchange, &told);
            }
        }));
        bench.ask(&raw(Type::Con, Code::GET, 1, b"o", &[THING_PATH, (number::OBSERVE, &[])], &[]));
        // It fills the pool but for three bytes.
        let query = [b'q'; 60];
        let other = [THING_PATH, (number::URI_QUERY, &query[..])];
        bench.ask(&raw(Type::Con, Code::GET, 2, b"later", &other, &[]));
        assert_eq!(bench.node.endpoint.observers(), 1);
        bench.at_node(|endpoint, cx| {
            let thing = Handle::from_raw(1 << 16).unwrap();
            if removed { endpoint.remove_resource(cx, thing) } else { endpoint.notify(thing) }.unwrap();
        });
        bench.run(5000);
        assert!(bench.node.endpoint.next_deadline() <= bench.net.now().after(200));
        let late = bench.take();
        assert!(late.iter().all(|late| parse(late).code == Code::EMPTY), "{late:x?}");
        bench.at_node(|endpoint, cx| {
            endpoint.respond(cx, waiting.get().unwrap(), &Response::new(Code::VALID)).unwrap();
        });
        bench.run(1000);
        let [answer, told] = bench.take().try_into().unwrap();
        assert_eq!(parse(&answer).token, b"later");
        let expected = if removed { Code::NOT_FOUND } else { Code::CONTENT };
        let told = parse(&told);
        assert_eq!((told.token, told.kind, told.code), (&b"o"[..], Type::Con, expected));
        assert_eq!(bench.node.endpoint.observers(), usize::from(!removed));
    }
}

/// A notification that will never fit is the application's to make smaller: it is not asked for again and again.
#[test]
fn a_notification_larger_than_the_pool_is_not_asked_for_again() {
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    let config = Config { pool: 100, ..Config::DEFAULT };
    let mut bench = Bench::new(Node::serving(&config, THING, move |endpoint, cx, incoming| {
        count.set(count.get() + 1);
        let confirmable = count.get() > 1;
        let told = Response { confirmable, ..content(&[7; 100]) };
        let sent = endpoint.respond(cx, incoming.exchange, &told);
        if confirmable {
            assert_eq!(sent, Err(Error::Full));
            endpoint.respond(cx, incoming.exchange, &content(b"less")).unwrap();
        }
    }));
    bench.ask(&raw(Type::Con, Code::GET, 1, b"o", &[THING_PATH, (number::OBSERVE, &[])], &[]));
    bench.at_node(|endpoint, _| endpoint.notify(Handle::from_raw(1 << 16).unwrap())).unwrap();
    bench.run(100_000);
    assert_eq!((asked.get(), parse(&bench.take()[0]).payload), (2, &b"less"[..]));
}

/// RFC 7252 §4.4: no message ID comes again within EXCHANGE_LIFETIME, nor by the blocks of one body, however fast they
/// go. (That no more of them than these are safe is shown beside the code.)
#[test]
fn a_fast_transfer_waits_for_message_ids() {
    #[derive(Default)]
    struct Sent(Vec<u8>, u32);
    impl mote::transport::Datagram for Sent {
        fn send(&mut self, _: &Path, datagram: &[u8]) -> mote::status::Result<()> {
            (self.0, self.1) = (datagram.to_vec(), self.1 + 1);
            Ok(())
        }
        fn max_size(&self, _: &Path) -> usize {
            1152
        }
    }
    let (mut sent, mut random) = (Sent::default(), mote::random::Sequence(1));
    let mut endpoint = Node::new(&Config::DEFAULT).endpoint;
    let upload =
        Request { path: to_peer(), method: Code::PUT, payload: &[7; 16], more: true, szx: 0, ..get() };
    let mut cx = DatagramContext { now: Instant(1), transport: &mut sent, random: &mut random };
    let handle = endpoint.request(&mut cx, &upload).unwrap();
    let mut fast = 0;
    while !sent.0.is_empty() {
        fast = sent.1;
        assert!(fast < 61_440 / 2);
        let asked = core::mem::take(&mut sent.0);
        let message = parse(&asked);
        // 2.31 with the same token and block.
        let block = message.option(number::BLOCK1).unwrap();
        let answer = [&[0x64, 0x5f], &asked[2..8], &[0xd0 | block.len() as u8, 27 - 13], block].concat();
        let mut cx = DatagramContext { now: Instant(1), transport: &mut sent, random: &mut random };
        let received = DatagramEvent::Received { path: to_peer(), data: &answer };
        assert!(matches!(endpoint.receive(&mut cx, received), Some(Event::NeedBlock { .. })));
        endpoint.supply(&mut cx, handle, &[7; 16], true).unwrap();
    }
    let mut cx = DatagramContext { now: Instant(1), transport: &mut sent, random: &mut random };
    assert!(endpoint.poll(&mut cx, &mut [0; 64]).is_none());
    let next = endpoint.next_deadline();
    assert_eq!(next, Instant(1 + 247_000));
    let mut cx = DatagramContext { now: next, transport: &mut sent, random: &mut random };
    assert!(endpoint.poll(&mut cx, &mut [0; 64]).is_none());
    assert_eq!(sent.1, fast + 1);
}

/// RFC 7959 §2.9.3: a smaller block size is a hint for the first block; later on, 4.13 is the end.
#[test]
fn a_body_that_is_refused_midway_is_not_started_over() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    bench.node.body = bytes(200);
    let body = bytes(200);
    let put = Request { path: to_peer(), method: Code::PUT, payload: &body, szx: 2, ..get() };
    let upload = bench.at_node(|endpoint, cx| endpoint.request(cx, &put)).unwrap();
    bench.run(10);
    for (code, block) in [(Code::CONTINUE, 0x0a), (Code::REQUEST_ENTITY_TOO_LARGE, 0x11)] {
        let [asked] = bench.take().try_into().unwrap();
        let asked = parse(&asked);
        let options = [(number::BLOCK1, &[block][..])];
        bench.send(&raw(Type::Ack, code, asked.message_id, asked.token, &options, &[]));
        bench.run(10);
    }
    assert_eq!(bench.node.end(upload), Ok(Code::REQUEST_ENTITY_TOO_LARGE));
    assert!(bench.take().is_empty());
}

/// RFC 7641 §4.5.1: an acknowledgement says nothing of the round-trip time if it may be that of an earlier
/// transmission.
#[test]
fn what_was_sent_again_shows_no_round_trip_time() {
    let confirmable = Rc::new(Cell::new(true));
    let shown = confirmable.clone();
    let mut bench = Bench::new(Node::serving(&Config::DEFAULT, THING, move |endpoint, cx, incoming| {
        let told = Response { confirmable: shown.get(), ..content(b"x") };
        endpoint.respond(cx, incoming.exchange, &told).unwrap();
    }));
    let thing = Handle::from_raw(1 << 16).unwrap();
    bench.ask(&raw(Type::Con, Code::GET, 1, b"o", &[THING_PATH, (number::OBSERVE, &[])], &[]));
    bench.at_node(|endpoint, _| endpoint.notify(thing)).unwrap();
    bench.run(3500);
    let sent = bench.take();
    assert_eq!((sent.len(), &sent[0]), (2, &sent[1]));
    bench.ask(&raw(Type::Ack, Code::EMPTY, parse(&sent[1]).message_id, &[], &[], &[]));
    confirmable.set(false);
    let mut gap = || {
        for _ in 0..2 {
            bench.at_node(|endpoint, _| endpoint.notify(thing)).unwrap();
            bench.run(10);
        }
        bench.run(2900);
        let early = bench.take().len();
        bench.run(200);
        (early, bench.take().len())
    };
    assert_eq!(gap(), (1, 1), "every three seconds");
}

/// RFC 9175 §2.4: who was seen at an address that no way leads to any more has to show it again.
#[test]
fn a_peer_that_was_lost_is_verified_anew() {
    let config = Config { amplification_limit: true, ..Config::DEFAULT };
    let mut bench = Bench::new(Node::serving(&config, THING, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(&bytes(500))).unwrap();
    }));
    let mut echo = Vec::new();
    for (id, lost, code) in [
        (1, false, Code::UNAUTHORIZED),
        (2, false, Code::CONTENT),
        (3, false, Code::CONTENT),
        (4, true, Code::UNAUTHORIZED),
    ] {
        if lost {
            bench.net.fail_path(
                SERVER,
                Path { remote: address(1), local: address(2).ip },
                Error::Unreachable,
            );
            bench.run(10);
        }
        let options = [THING_PATH, (number::ECHO, &echo[..])];
        // Once is enough.
        let options = if id == 2 { &options[..] } else { &options[..1] };
        let answer = bench.ask(&raw(Type::Con, Code::GET, id, b"t", options, &[])).remove(0);
        assert_eq!(parse(&answer).code, code, "{id}");
        if let Some(value) = parse(&answer).option(number::ECHO) {
            echo = value.to_vec();
        }
    }
}

/// RFC 7641 §4.5.1: who takes the place of a former peer need not wait for what that one was sent.
#[test]
fn a_new_peer_is_told_at_once() {
    let mut endpoint = serving(&Config { peers: 1, ..Config::DEFAULT }).endpoint;
    let mut net = Net::new(1);
    for last in 1..4 {
        net.host(address(last));
    }
    let asked = |endpoint: &mut mote::coap::Endpoint<'static>, net: &mut Net, last: u8, observe: &[u8]| {
        let registration = raw(
            Type::Con,
            Code::GET,
            observe.len() as u16,
            b"o",
            &[THING_PATH, (number::OBSERVE, observe)],
            &[],
        );
        net.with(SERVER, |cx| {
            let received = DatagramEvent::Received { path: Path::to(address(last)), data: &registration };
            let Some(Event::Request(incoming)) = endpoint.receive(cx, received) else { panic!() };
            endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
        });
    };
    let told = |endpoint: &mut mote::coap::Endpoint<'static>, net: &mut Net| {
        endpoint.notify(Handle::from_raw(1 << 16).unwrap()).unwrap();
        net.with(SERVER, |cx| {
            let mut scratch = [0; 64];
            let Some(Event::Request(incoming)) = endpoint.poll(cx, &mut scratch) else { return false };
            endpoint.respond(cx, incoming.exchange, &content(b"y")).unwrap();
            true
        })
    };
    asked(&mut endpoint, &mut net, 3, &[]);
    assert!(told(&mut endpoint, &mut net) && !told(&mut endpoint, &mut net));
    asked(&mut endpoint, &mut net, 3, &[1]);
    assert_eq!(endpoint.observers(), 0);
    asked(&mut endpoint, &mut net, 1, &[]);
    assert!(told(&mut endpoint, &mut net));
}

/// An own address from which nothing can be sent may be gone: the transport chooses one for the next request.
#[test]
fn an_own_address_that_fails_is_let_go() {
    struct Fails(Vec<Ip>);
    impl mote::transport::Datagram for Fails {
        fn send(&mut self, path: &Path, _: &[u8]) -> mote::status::Result<()> {
            self.0.push(path.local);
            Err(Error::Unreachable)
        }
        fn max_size(&self, _: &Path) -> usize {
            1152
        }
    }
    let (mut transport, mut random) = (Fails(Vec::new()), mote::random::Sequence(1));
    let mut endpoint = Node::new(&Config::DEFAULT).endpoint;
    let path = Path { remote: address(1), local: address(2).ip };
    for _ in 0..2 {
        let mut cx = DatagramContext { now: Instant(1), transport: &mut transport, random: &mut random };
        let request = endpoint.request(&mut cx, &Request { path: Path::to(address(1)), ..get() }).unwrap();
        let Some(Event::Ended { request: ended, result }) = endpoint.poll(&mut cx, &mut [0; 64]) else {
            panic!()
        };
        assert_eq!((ended, result), (request, Err(Error::Unreachable)));
        // Something comes to the old address meanwhile, by which it is known.
        endpoint.receive(&mut cx, DatagramEvent::Received { path, data: &[0x60, 0, 0, 1] });
    }
    let mut cx = DatagramContext { now: Instant(1), transport: &mut transport, random: &mut random };
    endpoint.request(&mut cx, &Request { path, ..get() }).unwrap();
    assert!(endpoint.poll(&mut cx, &mut [0; 64]).is_some_and(|event| event.terminates().is_some()));
    endpoint.request(&mut cx, &Request { path: Path::to(address(1)), ..get() }).unwrap();
    assert_eq!(transport.0, [Ip::UNSPECIFIED, path.local, path.local, Ip::UNSPECIFIED]);
}
