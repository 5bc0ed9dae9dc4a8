// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages that crashed, looped or misled other implementations: each gets the reply that the standards prescribe, and
//! the endpoint works on.
#![cfg(all(feature = "std", feature = "coap"))]

mod coap_support;

use coap_support::*;
use mote::coap::wire::{Code, Type, number};
use mote::coap::{Cause, Config, Resource, flags, methods};
use mote::table::Handle;

const BUG: Resource<'static> =
    Resource::new("/test-bug-trigger", methods::GET | methods::PUT | methods::POST);
const BUG_PATH: (u16, &[u8]) = (PATH, b"test-bug-trigger");

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn bench(config: &Config) -> Bench {
    Bench::new(Node::serving(config, BUG, |endpoint, cx, incoming| {
        assert!(incoming.cause != Cause::Continue);
        if !incoming.part.more {
            endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
        }
    }))
}

/// Sends it to a server with the resource that it asks for, and tells what came back. After that, the server serves
/// somebody else as before, even with the smallest tables.
fn replay(datagram: &[u8]) -> Option<(Type, Code, u16)> {
    let smallest = Config { exchanges: 1, transfers: 1, pool: 128, ..Config::DEFAULT };
    let replies = [Config::DEFAULT, smallest].map(|config| {
        let mut bench = bench(&config);
        let answers = bench.ask(datagram);
        assert!(answers.len() <= 1);
        bench.run(300_000);
        let fine = raw(Type::Con, Code::GET, 0x7777, b"t", &[BUG_PATH], &[]);
        assert_eq!(parse(&bench.ask(&fine)[0]).code, Code::CONTENT);
        answers.first().map(|answer| (parse(answer).kind, parse(answer).code, parse(answer).message_id))
    });
    assert_eq!(replies[0], replies[1]);
    replies[0]
}

/// libcoap #1642: the first block of a body.
#[test]
fn a_first_block_is_acknowledged() {
    let mut datagram = hex("440325b9bc306ac4bd03");
    datagram.extend_from_slice(b"test-bug-trigger");
    datagram.extend_from_slice(&hex("d303000008ff"));
    datagram.extend_from_slice(b"0123456789abcdef");
    assert_eq!(replay(&datagram), Some((Type::Ack, Code::CONTINUE, 0x25b9)));
    // The same with an assembled body, which has no room here.
    let mut bench = Bench::new(Node::serving(
        &Config { body: 8, ..Config::DEFAULT },
        Resource { flags: flags::ASSEMBLE, ..BUG },
        |_, _, _| panic!(),
    ));
    let answer = bench.ask(&datagram).remove(0);
    assert_eq!(
        (parse(&answer).code, parse(&answer).uint(number::SIZE1)),
        (Code::REQUEST_ENTITY_TOO_LARGE, Some(8))
    );
}

/// Contiki-NG #2238: a broken NON, and then less than a header.
#[test]
fn a_broken_message_that_is_not_confirmable_is_ignored() {
    assert_eq!(replay(&hex("5151510080515151514e515151515151")), None);
    assert_eq!(replay(&hex("51f506")), None);
}

/// RIOT #10753: more options than a table might hold; here they are 42 empty segments of a path.
#[test]
fn any_number_of_options_is_read() {
    let mut datagram = hex("40011247b0");
    datagram.extend_from_slice(&[0; 41]);
    assert_eq!(replay(&datagram), Some((Type::Ack, Code::NOT_FOUND, 0x1247)));
    datagram.extend_from_slice(&[0; 1000]);
    let answer = bench(&Config::DEFAULT).ask(&datagram).remove(0);
    assert_eq!(parse(&answer).code, Code::NOT_FOUND);
}

/// CVE-2020-12883: the extension of an option's length or number is cut off.
#[test]
fn a_truncated_option_is_a_format_error() {
    for datagram in ["4001123cd0", "4001123c0d", "4001123ce0", "4001123ce000", "4001123cdd00", "4001123c01"] {
        assert_eq!(replay(&hex(datagram)), Some((Type::Rst, Code::EMPTY, 0x123c)), "{datagram}");
    }
}

/// microcoap #48: a length, or a number, beyond 16 bits.
#[test]
fn an_extended_length_or_number_does_not_wrap() {
    for option in ["0effff", "0efef2", "0efef3", "e0ffff", "e0fef3"] {
        let mut datagram = hex("40011234");
        datagram.extend_from_slice(&hex(option));
        datagram.resize(1000, 0);
        assert_eq!(replay(&datagram), Some((Type::Rst, Code::EMPTY, 0x1234)), "{option}");
    }
}

/// OpenThread PR 13079: a block in the midst of nothing.
#[test]
fn a_later_block_without_a_transfer_is_refused() {
    for (method, option, code) in [
        (Code::GET, number::BLOCK2, Code::BAD_REQUEST),
        (Code::POST, number::BLOCK2, Code::REQUEST_ENTITY_INCOMPLETE),
        (Code::PUT, number::BLOCK1, Code::REQUEST_ENTITY_INCOMPLETE),
    ] {
        for block in [&[0x10][..], &[0x56], &[0xff, 0xff, 0xf6]] {
            let datagram = raw(Type::Con, method, 5, b"t", &[BUG_PATH, (option, block)], &[]);
            assert_eq!(replay(&datagram), Some((Type::Ack, code, 5)), "{method:?} {block:x?}");
        }
    }
}

/// FreeCoAP #53: the first message ID is 0, which is as good as any, and so is its duplicate.
#[test]
fn message_id_0_is_a_message_id() {
    let datagram = raw(Type::Con, Code::GET, 0, b"t", &[BUG_PATH], &[]);
    assert_eq!(replay(&datagram), Some((Type::Ack, Code::CONTENT, 0)));
    let mut bench = bench(&Config::DEFAULT);
    assert_eq!(bench.ask(&datagram), bench.ask(&datagram));
    assert_eq!(bench.node.endpoint.stats().duplicates, 1);
}

/// Nothing that was not sent can be reset: not the notification that an observer is yet to get.
#[test]
fn a_reset_of_message_id_0_ends_no_observation() {
    let observed = Resource { flags: flags::OBSERVABLE, ..BUG };
    let mut bench = Bench::new(Node::serving(&Config::DEFAULT, observed, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
    }));
    let registration = raw(Type::Con, Code::GET, 1, b"t", &[(number::OBSERVE, &[]), BUG_PATH], &[]);
    bench.ask(&registration);
    bench.ask(&raw(Type::Rst, Code::EMPTY, 0, &[], &[], &[]));
    assert_eq!(bench.node.endpoint.observers(), 1);
    // That of a notification does end it.
    bench.at_node(|endpoint, _| endpoint.notify(Handle::from_raw(1 << 16).unwrap())).unwrap();
    bench.run(100);
    let told = bench.take().remove(0);
    bench.ask(&raw(Type::Rst, Code::EMPTY, parse(&told).message_id, &[], &[], &[]));
    assert_eq!(bench.node.endpoint.observers(), 0);
}

/// CVE-2025-34468: the host of a Proxy-Uri is of any length, and nothing to who is no proxy. (For URIs of ours see
/// the tests of `coap::uri`.)
#[test]
fn a_proxy_uri_of_any_length_is_refused() {
    for length in [1, 255, 256, 1000] {
        let uri = format!("coap://{}/", "h".repeat(length));
        for kind in [Type::Con, Type::Non] {
            let datagram = raw(kind, Code::GET, 6, b"t", &[(number::PROXY_URI, uri.as_bytes())], &[]);
            let mut bench = bench(&Config::DEFAULT);
            assert_eq!(parse(&bench.ask(&datagram)[0]).code, Code::PROXYING_NOT_SUPPORTED, "{length}");
        }
    }
}
