// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the network says of messages that it could not deliver (RFC 7252 §4.2).
#![cfg(all(feature = "std", feature = "coap"))]

mod coap_support;

use coap_support::*;
use mote::coap::wire::{Code, Type, number};
use mote::coap::{Config, Request, Resource, Response, flags, methods};
use mote::status::Error;
use mote::table::Handle;
use mote::transport::{DatagramEvent, Path};

const GET_X: [(u16, &[u8]); 1] = [(PATH, b"x")];

fn get() -> Request<'static> {
    Request { options: &GET_X, ..Request::new(Path::to(address(1)), Code::GET) }
}

fn client() -> Bench {
    Bench::new(Node::new(&Config::DEFAULT))
}

fn ask(bench: &mut Bench, request: &Request<'_>) -> (Handle, Vec<u8>) {
    let handle = bench.at_node(|endpoint, cx| endpoint.request(cx, request)).unwrap();
    bench.run(100);
    (handle, bench.take().remove(0))
}

fn report(bench: &mut Bench, to: u8, data: &[u8], error: Error) {
    let event = DatagramEvent::Undelivered { path: Path::to(address(to)), data, error };
    assert!(bench.at_node(|endpoint, cx| endpoint.receive(cx, event).is_none()));
    bench.run(100);
}

#[test]
fn a_request_that_was_refused_ends_at_once() {
    for (confirmable, error) in [(true, Error::Refused), (true, Error::Unreachable), (false, Error::Refused)]
    {
        let mut bench = client();
        let (request, sent) = ask(&mut bench, &Request { confirmable, ..get() });
        report(&mut bench, 1, &sent, error);
        assert_eq!(bench.node.end(request), Err(Err(error)));
        assert!(bench.node.seen[0].0 <= 200);
        bench.run(300_000);
        assert_eq!((bench.take().len(), bench.node.seen.len()), (0, 1));
    }
}

/// A router returns as much as it likes, and may add what is not of the message.
#[test]
fn as_much_as_the_token_suffices() {
    for extra in [0, 40] {
        let mut bench = client();
        let (request, mut sent) = ask(&mut bench, &get());
        sent.truncate(8);
        if extra != 0 {
            sent.extend([0xb1, b'x']);
            sent.resize(extra, 0);
        }
        report(&mut bench, 1, &sent, Error::Refused);
        assert_eq!(bench.node.end(request), Err(Err(Error::Refused)));
    }
}

#[test]
fn a_ping_that_was_refused_ends_at_once() {
    let mut bench = client();
    let ping = bench.at_node(|endpoint, cx| endpoint.ping(cx, &Path::to(address(1)))).unwrap();
    bench.run(100);
    let sent = bench.take().remove(0);
    report(&mut bench, 1, &sent, Error::Refused);
    assert_eq!(bench.node.end(ping), Err(Err(Error::Refused)));
}

/// Attack: whoever does not see our messages cannot end a request by saying that it was not delivered.
#[test]
fn a_forged_report_is_not_believed() {
    let mut bench = client();
    let (request, sent) = ask(&mut bench, &get());
    let changed = |at: usize, bits: u8| {
        let mut forged = sent.clone();
        forged[at] ^= bits;
        forged
    };
    let forgeries = [
        // The type, the code, the message ID, the token, an option; and less than the token.
        changed(0, 0x10),
        changed(1, 1),
        changed(2, 1),
        changed(3, 1),
        changed(7, 1),
        changed(9, 1),
        sent[..7].to_vec(),
        sent[..4].to_vec(),
        sent[..3].to_vec(),
        Vec::new(),
    ];
    for forged in &forgeries {
        report(&mut bench, 1, forged, Error::Refused);
    }
    // It went astray, or was too large: another copy may arrive.
    report(&mut bench, 1, &sent, Error::Timeout);
    report(&mut bench, 1, &sent, Error::TooLarge);
    // Of another peer.
    report(&mut bench, 7, &sent, Error::Refused);
    assert!(bench.node.seen.is_empty());
    let id = u16::from_be_bytes([sent[2], sent[3]]);
    bench.send(&raw(Type::Ack, Code::CONTENT, id, &sent[4..8], &[], b"here"));
    bench.run(100);
    assert_eq!(bench.node.end(request), Ok(Code::CONTENT));
    // What has ended is not to be ended again.
    report(&mut bench, 1, &sent, Error::Refused);
    assert_eq!(bench.node.seen.len(), 1);
}

/// It has arrived: that an earlier copy was lost says nothing.
#[test]
fn an_acknowledged_request_goes_on() {
    let mut bench = client();
    let (request, sent) = ask(&mut bench, &get());
    let id = u16::from_be_bytes([sent[2], sent[3]]);
    bench.send(&raw(Type::Ack, Code::EMPTY, id, &[], &[], &[]));
    bench.run(100);
    report(&mut bench, 1, &sent, Error::Unreachable);
    bench.send(&raw(Type::Con, Code::CONTENT, 1, &sent[4..8], &[], b"here"));
    bench.run(100);
    assert_eq!(bench.node.end(request), Ok(Code::CONTENT));
}

#[test]
fn the_next_request_has_its_turn() {
    let mut bench = client();
    let (first, sent) = ask(&mut bench, &get());
    let second = bench.at_node(|endpoint, cx| endpoint.request(cx, &get())).unwrap();
    bench.run(100);
    assert!(bench.take().is_empty());
    report(&mut bench, 1, &sent, Error::Refused);
    assert_eq!(bench.node.end(first), Err(Err(Error::Refused)));
    let next = bench.take().remove(0);
    assert_ne!(next[2..8], sent[2..8]);
    report(&mut bench, 1, &next, Error::Refused);
    assert_eq!(bench.node.end(second), Err(Err(Error::Refused)));
}

/// Nobody listens any more where the observer was; one that is merely out of reach may come back.
#[test]
fn an_observer_that_refuses_is_forgotten() {
    const OBS: Resource<'static> = Resource {
        path: "/obs",
        methods: methods::GET,
        flags: flags::OBSERVABLE,
        attributes: "",
        produces: &[],
        consumes: &[],
        max_body: 0,
    };
    for (error, left) in [(Error::Unreachable, 1), (Error::Refused, 0)] {
        let mut node = Node::new(&Config::DEFAULT);
        let obs = node.endpoint.add_resource(OBS).unwrap();
        node.handler = Box::new(|endpoint, cx, incoming| {
            let answer = Response { confirmable: true, ..content(b"state") };
            endpoint.respond(cx, incoming.exchange, &answer).unwrap();
        });
        let mut bench = Bench::new(node);
        bench.ask(&raw(Type::Con, Code::GET, 1, b"t", &[(number::OBSERVE, b""), (PATH, b"obs")], &[]));
        assert_eq!(bench.node.endpoint.observers(), 1);
        bench.at_node(|endpoint, _| endpoint.notify(obs)).unwrap();
        bench.run(100);
        let told = bench.take().remove(0);
        assert_eq!(parse(&told).kind, Type::Con);
        report(&mut bench, 1, &told, error);
        assert_eq!(bench.node.endpoint.observers(), left);
        bench.run(20_000);
        assert_eq!(bench.take().is_empty(), left == 0);
    }
}
