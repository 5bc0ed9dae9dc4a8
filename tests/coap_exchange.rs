// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exchanges of RFC 7252: retransmission, de-duplication, separate responses, NSTART, pings.
#![cfg(all(feature = "std", feature = "coap"))]

mod coap_support;

use coap_support::*;
use mote::coap::wire::{Code, Type, number};
use mote::coap::{Cause, Config, Params, Request, Resource, flags, methods};
use mote::sim::net::{Action, Link};
use mote::status::Error;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const HELLO: Resource<'static> =
    Resource { attributes: ";rt=\"greeting\"", ..Resource::new("/hello", methods::GET | methods::POST) };

const HELLO_PATH: [(u16, &[u8]); 1] = [(PATH, b"hello")];

fn get_hello() -> Request<'static> {
    Request { options: &HELLO_PATH, ..Request::new(to_server(), Code::GET) }
}

fn hello_pair() -> Pair {
    let server = Node::serving(&Config::DEFAULT, HELLO, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(b"world")).unwrap();
    });
    Pair::new(Node::new(&Config::DEFAULT), server)
}

#[test]
fn a_confirmable_request_is_answered_in_one_round_trip() {
    let mut pair = hello_pair();
    let request = pair.request(&get_hello());
    pair.run(1000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(pair.client.received(), b"world");
    assert_eq!(pair.client.seen[0].0, 2);
    assert_eq!((pair.net.count(CLIENT, SERVER), pair.net.count(SERVER, CLIENT)), (1, 1));
    assert_eq!(pair.client.endpoint.requests(), 0);
}

#[test]
fn a_non_confirmable_request_is_answered_likewise() {
    let mut pair = hello_pair();
    let request = pair.request(&Request { confirmable: false, ..get_hello() });
    pair.run(1000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!((pair.net.count(CLIENT, SERVER), pair.net.count(SERVER, CLIENT)), (1, 1));
}

#[test]
fn retransmissions_double_from_one_draw_and_then_time_out() {
    let mut pair = hello_pair();
    let times = Rc::new(RefCell::new(Vec::new()));
    let seen = times.clone();
    pair.net.rule(move |passing| {
        seen.borrow_mut().push(passing.at.0);
        Action::Drop
    });
    let request = pair.request(&get_hello());
    pair.run(100_000);
    let times = times.borrow();
    assert_eq!(times.len(), 5);
    let first = times[1] - times[0];
    assert!((2000..=3000).contains(&first), "{first}");
    for (index, pair) in times.windows(2).enumerate() {
        assert_eq!(pair[1] - pair[0], first << index);
    }
    assert_eq!(pair.client.end(request), TIMEOUT);
    assert_eq!(pair.client.seen[0].0, first * 31);
    assert_eq!(pair.client.endpoint.stats().retransmitted, 4);
}

#[test]
fn transmission_parameters_can_be_set_per_request() {
    let mut pair = hello_pair();
    pair.net.rule(|_| Action::Drop);
    let params = Params { ack_timeout: 100, ack_random_factor: 256, max_retransmit: 1, ..Params::DEFAULT };
    let request = pair.request(&Request { params: Some(&params), ..get_hello() });
    pair.run(1000);
    assert_eq!(pair.client.end(request), TIMEOUT);
    assert_eq!(pair.client.seen[0].0, 300);
}

#[test]
fn a_lost_reply_is_replayed_and_the_handler_runs_once() {
    let runs = Rc::new(Cell::new(0));
    let counted = runs.clone();
    let server = Node::serving(&Config::DEFAULT, HELLO, move |endpoint, cx, incoming| {
        counted.set(counted.get() + 1);
        let payload = format!("run {}", counted.get());
        endpoint.respond(cx, incoming.exchange, &content(payload.as_bytes())).unwrap();
    });
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    pair.net.script(SERVER, CLIENT, 1, Action::Drop);
    pair.net.script(SERVER, CLIENT, 2, Action::Drop);
    let request = pair.request(&Request { method: Code::POST, ..get_hello() });
    pair.run(20_000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(pair.client.received(), b"run 1");
    assert_eq!(runs.get(), 1);
    assert_eq!(pair.server.endpoint.stats().duplicates, 2);
}

#[test]
fn a_record_is_forgotten_after_its_lifetime_and_the_id_is_free_again() {
    let runs = Rc::new(Cell::new(0));
    let counted = runs.clone();
    let mut bench = Bench::new(Node::serving(&Config::DEFAULT, HELLO, move |endpoint, cx, incoming| {
        counted.set(counted.get() + 1);
        endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
    }));
    // 0 is an ID like any other (FreeCoAP #53).
    let request = raw(Type::Con, Code::GET, 0, b"t", &[(PATH, b"hello")], &[]);
    let first = bench.ask(&request);
    bench.run(240_000);
    assert_eq!(bench.ask(&request), first);
    assert_eq!(runs.get(), 1);
    bench.run(7_000);
    assert_eq!(bench.ask(&request), first);
    assert_eq!(runs.get(), 2);
    // The same ID from another endpoint, or of a NON, is another message.
    let non = raw(Type::Non, Code::GET, 1, b"t", &[(PATH, b"hello")], &[]);
    assert_eq!(bench.ask(&non).len(), 1);
    assert_eq!(bench.ask(&non).len(), 0);
    assert_eq!(runs.get(), 3);
}

#[test]
fn a_late_answer_comes_separately() {
    let waiting = Rc::new(Cell::new(None));
    let kept = waiting.clone();
    let server = Node::serving(&Config::DEFAULT, HELLO, move |_, _, incoming| {
        kept.set(Some(incoming.exchange));
    });
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    let request = pair.request(&get_hello());
    pair.run(5000);
    // The empty ACK stopped the retransmission.
    assert_eq!((pair.net.count(CLIENT, SERVER), pair.net.count(SERVER, CLIENT)), (1, 1));
    assert!(pair.client.seen.is_empty());
    // The answer is confirmable, and is sent again until acknowledged.
    pair.net.script(SERVER, CLIENT, 2, Action::Drop);
    let exchange = waiting.get().unwrap();
    pair.at_server(|endpoint, cx| endpoint.respond(cx, exchange, &content(b"late"))).unwrap();
    assert_eq!(
        pair.at_server(|endpoint, cx| endpoint.respond(cx, exchange, &content(b"twice"))),
        Err(Error::Stale)
    );
    pair.run(10_000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(pair.client.received(), b"late");
    assert_eq!(pair.net.count(SERVER, CLIENT), 3);
    assert_eq!(pair.net.count(CLIENT, SERVER), 2);
}

#[test]
fn a_duplicate_of_a_separate_response_is_acknowledged_and_not_reported() {
    let server = Node::serving(&Config::DEFAULT, HELLO, move |_, _, _| {});
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    let request = pair.request(&get_hello());
    pair.run(1000);
    let exchange = mote::table::Handle::from_raw(1 << 16).unwrap();
    // The client's ACK is lost, so the response comes again.
    pair.net.script(CLIENT, SERVER, 2, Action::Drop);
    pair.at_server(|endpoint, cx| endpoint.respond(cx, exchange, &content(b"late"))).unwrap();
    pair.run(10_000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(pair.client.responses().len(), 1);
    assert_eq!(pair.client.endpoint.stats().duplicates, 1);
    assert_eq!((pair.net.count(CLIENT, SERVER), pair.net.count(SERVER, CLIENT)), (3, 3));
}

#[test]
fn a_response_overtaking_its_empty_ack_is_taken() {
    let server = Node::serving(&Config { ack_delay: 10, ..Config::DEFAULT }, HELLO, |_, _, _| {});
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    pair.net.script(SERVER, CLIENT, 1, Action::Delay(1000));
    let request = pair.request(&get_hello());
    pair.run(100);
    let exchange = mote::table::Handle::from_raw(1 << 16).unwrap();
    pair.at_server(|endpoint, cx| endpoint.respond(cx, exchange, &content(b"fast"))).unwrap();
    pair.run(10_000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(pair.net.count(CLIENT, SERVER), 2);
}

#[test]
fn nstart_holds_further_requests_back_in_their_order() {
    for nstart in [1, 2] {
        let params = Params { nstart, ..Params::DEFAULT };
        let mut pair = hello_pair();
        pair.client = Node::new(&Config { params, requests: 4, ..Config::DEFAULT });
        let flying = Rc::new(RefCell::new(Vec::new()));
        let seen = flying.clone();
        pair.net.both(CLIENT, SERVER, Link { delay: 50, ..Link::default() });
        pair.net.rule(move |passing| {
            if passing.from == CLIENT {
                seen.borrow_mut().push((passing.at.0, parse(passing.data).token.to_vec()));
            }
            Action::Pass
        });
        let requests: Vec<_> =
            (0..4u8).map(|index| pair.request(&Request { token: Some(&[index]), ..get_hello() })).collect();
        assert_eq!(pair.try_request(&get_hello()), Err(Error::Full));
        pair.run(1000);
        for request in requests {
            assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
        }
        let tokens: Vec<u8> = flying.borrow().iter().map(|(_, token)| token[0]).collect();
        assert_eq!(tokens, [0, 1, 2, 3]);
        let times: Vec<u64> = flying.borrow().iter().map(|(at, _)| *at).collect();
        assert_eq!(times, if nstart == 1 { [0, 100, 200, 300] } else { [0, 0, 100, 100] });
    }
}

#[test]
fn a_silent_peer_is_left_alone_as_probing_rate_says() {
    let mut pair = hello_pair();
    pair.net.rule(|_| Action::Drop);
    let request = Request { confirmable: false, timeout: 1000, ..get_hello() };
    let first = pair.request(&request);
    let second = pair.request(&request);
    pair.run(9_000);
    assert_eq!(pair.client.end(first), TIMEOUT);
    assert_eq!(pair.net.count(CLIENT, SERVER), 1);
    // 14 bytes at one byte a second.
    pair.run(7_000);
    assert_eq!(pair.net.count(CLIENT, SERVER), 2);
    assert_eq!(pair.client.end(second), TIMEOUT);
    assert_eq!(pair.client.seen[1].0 - pair.client.seen[0].0, 14_000);
}

#[test]
fn pings_are_answered_with_a_reset() {
    let mut pair = hello_pair();
    let ping = pair.at_client(|endpoint, cx| endpoint.ping(cx, &to_server())).unwrap();
    pair.run(100);
    assert_eq!(pair.client.end(ping), Err(Ok(())));
    pair.net.rule(|_| Action::Drop);
    let ping = pair.at_client(|endpoint, cx| endpoint.ping(cx, &to_server())).unwrap();
    pair.run(100_000);
    assert_eq!(pair.client.end(ping), TIMEOUT);
}

#[test]
fn a_reset_ends_a_request() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let path = mote::transport::Path::to(address(1));
    let request = bench.at_node(|e, cx| e.request(cx, &Request::new(path, Code::GET))).unwrap();
    bench.run(10);
    let id = parse(&bench.take()[0]).message_id;
    bench.send(&raw(Type::Rst, Code::EMPTY, id, &[], &[], &[]));
    bench.run(10);
    assert_eq!(bench.node.end(request), Err(Err(Error::Reset)));
}

#[test]
fn cancelling_ends_once_and_frees_the_peer_for_others() {
    let mut pair = hello_pair();
    pair.net.rule(|passing| if passing.number == 1 { Action::Drop } else { Action::Pass });
    let first = pair.request(&get_hello());
    let second = pair.request(&get_hello());
    pair.at_client(|endpoint, cx| endpoint.cancel(cx, first)).unwrap();
    assert_eq!(pair.at_client(|endpoint, cx| endpoint.cancel(cx, first)), Err(Error::Stale));
    pair.net.no_rule();
    pair.run(1000);
    assert_eq!(pair.client.end(first), Err(Err(Error::Cancelled)));
    assert_eq!(pair.client.end(second), Ok(Code::CONTENT));
    assert_eq!(pair.at_client(|endpoint, cx| endpoint.cancel(cx, second)), Err(Error::Stale));
}

#[test]
fn responses_that_nobody_awaits_are_reset_but_acks_are_not() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    for kind in [Type::Con, Type::Non] {
        let answer = bench.ask(&raw(kind, Code::CONTENT, 77, b"who?", &[], b"x"));
        assert_eq!(answer, [raw(Type::Rst, Code::EMPTY, 77, &[], &[], &[])]);
    }
    assert!(bench.ask(&raw(Type::Ack, Code::CONTENT, 78, b"who?", &[], b"x")).is_empty());
    assert!(bench.ask(&raw(Type::Rst, Code::EMPTY, 78, &[], &[], &[])).is_empty());
    assert!(bench.ask(&raw(Type::Ack, Code::EMPTY, 78, &[], &[], &[])).is_empty());
    // Reserved classes, and requests as ACK.
    assert_eq!(bench.ask(&raw(Type::Con, Code::new(1, 1), 79, &[], &[], &[])).len(), 1);
    assert!(bench.ask(&raw(Type::Non, Code::new(7, 1), 80, &[], &[], &[])).is_empty());
    assert!(bench.ask(&raw(Type::Ack, Code::GET, 81, &[], &[], &[])).is_empty());
    assert!(bench.ask(&raw(Type::Non, Code::EMPTY, 82, &[], &[], &[])).is_empty());
}

#[test]
fn format_errors_are_reset_when_confirmable_and_other_versions_ignored() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let reset = vec![raw(Type::Rst, Code::EMPTY, 0x1234, &[], &[], &[])];
    assert_eq!(bench.ask(&[0x40, 1, 0x12, 0x34, 0xff]), reset);
    assert_eq!(bench.ask(&[0x4f, 1, 0x12, 0x34]), reset);
    assert_eq!(bench.ask(&[0x41, 0, 0x12, 0x34, 0x55]), reset);
    assert!(bench.ask(&[0x50, 1, 0x12, 0x34, 0xff]).is_empty());
    assert!(bench.ask(&[0x80, 1, 0x12, 0x34]).is_empty());
    assert!(bench.ask(&[0x40, 1]).is_empty());
    assert!(bench.ask(&[]).is_empty());
    assert_eq!(bench.node.endpoint.stats().rejected, 7);
}

#[test]
fn what_the_endpoint_decides_by_itself() {
    let picky = Resource {
        path: "/hello",
        methods: methods::GET | methods::PUT,
        produces: &[0, 50],
        consumes: &[50],
        ..HELLO
    };
    let mut bench = Bench::new(Node::serving(&Config::DEFAULT, picky, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(b"ok")).unwrap();
    }));
    let mut id = 0;
    let mut code = |options: &[(u16, &[u8])], method| {
        id += 1;
        let answers = bench.ask(&raw(Type::Con, method, id, b"t", options, &[]));
        assert_eq!(answers.len(), 1);
        let answer = parse(&answers[0]);
        assert_eq!((answer.kind, answer.message_id, answer.token), (Type::Ack, id, &b"t"[..]));
        answer.code
    };
    let hello = (PATH, &b"hello"[..]);
    assert_eq!(code(&[hello], Code::GET), Code::CONTENT);
    assert_eq!(code(&[hello], Code::POST), Code::METHOD_NOT_ALLOWED);
    assert_eq!(code(&[hello], Code(31)), Code::METHOD_NOT_ALLOWED);
    assert_eq!(code(&[], Code::GET), Code::NOT_FOUND);
    assert_eq!(code(&[hello, (9, b"")], Code::GET), Code::BAD_OPTION);
    assert_eq!(code(&[hello, (10, b"elective")], Code::GET), Code::CONTENT);
    assert_eq!(code(&[hello, (number::ACCEPT, b"\x28")], Code::GET), Code::NOT_ACCEPTABLE);
    assert_eq!(code(&[hello, (number::ACCEPT, b"\x32")], Code::GET), Code::CONTENT);
    assert_eq!(
        code(&[hello, (number::ACCEPT, b"\x32"), (number::ACCEPT, b"\x32")], Code::GET),
        Code::BAD_OPTION
    );
    assert_eq!(code(&[hello, (number::ACCEPT, b"123")], Code::GET), Code::BAD_OPTION);
    assert_eq!(code(&[hello, (number::CONTENT_FORMAT, b"")], Code::PUT), Code::UNSUPPORTED_CONTENT_FORMAT);
    assert_eq!(code(&[hello, (number::IF_MATCH, b"a")], Code::PUT), Code::BAD_OPTION);
    assert_eq!(code(&[(number::PROXY_URI, b"coap://x")], Code::GET), Code::PROXYING_NOT_SUPPORTED);
    assert_eq!(code(&[(number::PROXY_SCHEME, b"coap")], Code::GET), Code::PROXYING_NOT_SUPPORTED);
    assert_eq!(code(&[hello, (number::BLOCK2, b"\x07")], Code::GET), Code::BAD_REQUEST);
    // RFC 8768 §3: no request has hops left to count below one or beyond 255.
    for (hops, expected) in [
        (&b"\x00"[..], Code::BAD_REQUEST),
        (b"", Code::BAD_REQUEST),
        (b"\x01\x00", Code::BAD_REQUEST),
        (b"\x01", Code::CONTENT),
        (b"\xff", Code::CONTENT),
    ] {
        assert_eq!(code(&[hello, (number::HOP_LIMIT, hops)], Code::GET), expected, "{hops:?}");
    }
    let twice = [hello, (number::HOP_LIMIT, b"\x01"), (number::HOP_LIMIT, b"\x00")];
    assert_eq!(code(&twice, Code::GET), Code::CONTENT);
    // The diagnostic payload says what was not understood (RFC 7252 §5.4.1).
    let answers = bench.ask(&raw(Type::Con, Code::GET, 998, b"t", &[hello, (0x1001, b"")], &[]));
    assert_eq!(parse(&answers[0]).payload, b"option 4097");
    // A NON with an unknown critical option is rejected without a word.
    assert!(bench.ask(&raw(Type::Non, Code::GET, 999, b"t", &[hello, (9, b"")], &[])).is_empty());
}

#[test]
fn no_response_is_heeded_on_both_sides() {
    let mut pair = hello_pair();
    let mut ask = |value: u8, confirmable: bool, path: &'static [u8]| {
        let options = [(PATH, path), (number::NO_RESPONSE, &[value][..])];
        let request = pair.request(&Request { options: &options, confirmable, timeout: 3000, ..get_hello() });
        pair.run(60_000);
        pair.client.end(request)
    };
    // Nothing is wanted: done with the ACK, or at once.
    assert_eq!(ask(26, true, b"hello"), Err(Ok(())));
    assert_eq!(ask(26, false, b"hello"), Err(Ok(())));
    // Errors only.
    assert_eq!(ask(2, false, b"hello"), Err(Ok(())));
    assert_eq!(ask(2, false, b"nowhere"), Ok(Code::NOT_FOUND));
    // Successes only.
    assert_eq!(ask(8, true, b"hello"), Ok(Code::CONTENT));
    assert_eq!(ask(8, true, b"nowhere"), Err(Ok(())));
}

#[test]
fn extended_tokens_are_echoed() {
    let mut bench = Bench::new(Node::serving(&Config::DEFAULT, HELLO, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
    }));
    for (id, length) in [(1, 9), (2, 13), (3, 300)] {
        let token = bytes(length);
        let answers = bench.ask(&raw(Type::Con, Code::GET, id, &token, &[(PATH, b"hello")], &[]));
        assert_eq!(parse(&answers[0]).token, token);
    }
}

#[test]
fn groups_are_asked_and_answer_within_the_leisure() {
    let group = mote::address::Ip::v4([224, 0, 1, 187]);
    let resource = Resource { flags: flags::MULTICAST, ..HELLO };
    let mut net = mote::sim::net::Net::new(3);
    let mut client = Node::new(&Config::DEFAULT);
    net.host(address(1));
    let mut servers: Vec<Node> = (2..6)
        .map(|last| {
            let host = net.host(address(last));
            net.join(host, group);
            Node::serving(&Config::DEFAULT, resource, move |endpoint, cx, incoming| {
                assert!(incoming.path.is_multicast());
                endpoint.respond(cx, incoming.exchange, &content(&[last])).unwrap();
            })
        })
        .collect();
    let path = mote::transport::Path::to(mote::address::SocketAddress::new(group, 5683));
    let endpoint = &mut client.endpoint;
    let hello = [(PATH, &b"hello"[..])];
    let ask = Request { options: &hello, ..Request::new(path, Code::GET) };
    let all = net.with(CLIENT, |cx| endpoint.request(cx, &ask)).unwrap();
    let none = [(PATH, &b"nothing"[..])];
    let ask = Request { options: &none, ..ask };
    let silent = net.with(CLIENT, |cx| endpoint.request(cx, &ask)).unwrap();
    let mut hosts: Vec<&mut dyn mote::sim::net::Host> = vec![&mut client];
    hosts.extend(servers.iter_mut().map(|server| server as &mut dyn mote::sim::net::Host));
    net.run(&mut hosts, mote::time::Instant(20_000));
    let mut payloads = client.received();
    payloads.sort_unstable();
    assert_eq!(payloads, [2, 3, 4, 5]);
    assert_eq!(client.end(all), Err(Ok(())));
    assert_eq!(client.end(silent), Err(Ok(())));
    let times: Vec<u64> = client.seen.iter().map(|(at, _)| *at).take(4).collect();
    assert!(times.iter().all(|at| *at <= 5002) && times[0] != times[3], "{times:?}");
    // A group never hears CON requests, Resets or 5.03.
    assert_eq!(servers[0].endpoint.stats().sent, 1);
}

/// RFC 6690 §4.1: a member of a group whose list the filter leaves empty does not answer.
#[test]
fn a_group_is_not_told_of_an_empty_list() {
    let group = mote::address::Ip::v4([224, 0, 1, 187]);
    let mut bench = Bench::new(Node::serving(&Config::DEFAULT, HELLO, |_, _, _| panic!("not asked")));
    bench.net.join(SERVER, group);
    let to = mote::address::SocketAddress::new(group, 5683);
    let core = [(PATH, &b".well-known"[..]), (PATH, b"core")];
    let mut ask = |id, query: &[u8]| {
        let options = [core[0], core[1], (number::URI_QUERY, query)];
        bench.send_to(to, &raw(Type::Non, Code::GET, id, b"t", &options, &[]));
        bench.run(20_000);
        bench.take()
    };
    assert!(ask(1, b"rt=nothing").is_empty());
    assert_eq!(parse(&ask(2, b"rt=greeting")[0]).payload, b"</hello>;rt=\"greeting\"");
}

#[test]
fn a_confirmable_or_broken_message_to_a_group_is_ignored() {
    let group = mote::address::Ip::v4([224, 0, 1, 187]);
    let mut bench = Bench::new(Node::serving(&Config::DEFAULT, HELLO, |_, _, _| panic!("not for groups")));
    bench.net.join(SERVER, group);
    let to = mote::address::SocketAddress::new(group, 5683);
    bench.send_to(to, &raw(Type::Con, Code::GET, 1, b"t", &[(PATH, b"hello")], &[]));
    bench.send_to(to, &raw(Type::Con, Code::EMPTY, 2, &[], &[], &[]));
    bench.send_to(to, &[0x40, 1, 0, 3, 0xff]);
    bench.send_to(to, &raw(Type::Non, Code::GET, 4, b"t", &[(PATH, b"hello")], &[]));
    bench.run(20_000);
    assert!(bench.take().is_empty());
}

#[test]
fn full_tables_say_503_and_recover() {
    let config = Config { exchanges: 2, ..Config::DEFAULT };
    let waiting = Rc::new(RefCell::new(Vec::new()));
    let kept = waiting.clone();
    let mut bench = Bench::new(Node::serving(&config, HELLO, move |_, _, incoming| {
        kept.borrow_mut().push(incoming.exchange);
    }));
    let ask = |bench: &mut Bench, id| {
        bench.ask(&raw(Type::Con, Code::GET, id, &[id as u8], &[(PATH, b"hello")], &[]))
    };
    assert!(ask(&mut bench, 1).is_empty());
    assert!(ask(&mut bench, 2).is_empty());
    bench.run(1000);
    bench.take();
    let refused = ask(&mut bench, 3);
    let refused = parse(&refused[0]);
    assert_eq!((refused.code, refused.kind, refused.message_id), (Code::SERVICE_UNAVAILABLE, Type::Ack, 3));
    assert!(refused.uint(number::MAX_AGE).unwrap() > 0);
    assert_eq!(bench.node.endpoint.stats().full, 1);
    let first = waiting.borrow()[0];
    bench.at_node(|endpoint, cx| endpoint.respond(cx, first, &content(b"at last"))).unwrap();
    bench.run(100);
    let answer = bench.take();
    let id = parse(&answer[0]).message_id;
    bench.send(&raw(Type::Ack, Code::EMPTY, id, &[], &[], &[]));
    bench.run(100);
    // The answered one makes room.
    assert!(ask(&mut bench, 4).is_empty());
    assert_eq!(waiting.borrow().len(), 3);
}

#[test]
fn an_idempotent_record_makes_room_before_one_that_is_not() {
    let config = Config { exchanges: 2, ..Config::DEFAULT };
    let runs = Rc::new(Cell::new(0));
    let counted = runs.clone();
    let mut bench = Bench::new(Node::serving(&config, HELLO, move |endpoint, cx, incoming| {
        counted.set(counted.get() + 1);
        endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
    }));
    let post = raw(Type::Con, Code::POST, 1, b"p", &[(PATH, b"hello")], &[]);
    bench.ask(&post);
    for id in 2..10 {
        bench.ask(&raw(Type::Con, Code::GET, id, b"g", &[(PATH, b"hello")], &[]));
    }
    assert_eq!(runs.get(), 9);
    assert_eq!(bench.ask(&post).len(), 1);
    assert_eq!(runs.get(), 9);
    assert_eq!(bench.node.endpoint.stats().forgotten, 7);
}

#[test]
fn large_answers_to_strangers_are_held_back_until_they_echo() {
    let config = Config { amplification_limit: true, ..Config::DEFAULT };
    let server = Node::serving(&config, HELLO, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(&bytes(500))).unwrap();
    });
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    let biggest = Rc::new(Cell::new(0));
    let seen = biggest.clone();
    pair.net.rule(move |passing| {
        if passing.from == SERVER && passing.number == 1 {
            seen.set(passing.data.len());
        }
        Action::Pass
    });
    let request = pair.request(&get_hello());
    pair.run(1000);
    assert!(biggest.get() <= 136);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(pair.client.received(), bytes(500));
    assert_eq!(pair.net.count(CLIENT, SERVER), 2);
    // From now on it is known.
    let request = pair.request(&get_hello());
    pair.run(1000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(pair.net.count(CLIENT, SERVER), 3);
}

#[test]
fn a_lost_transport_ends_everything_once() {
    let mut pair = hello_pair();
    pair.net.rule(|_| Action::Drop);
    let first = pair.request(&get_hello());
    let second = pair.request(&get_hello());
    pair.run(100);
    pair.net.fail_path(CLIENT, to_server(), Error::Unreachable);
    pair.run(100);
    assert_eq!(pair.client.end(first), Err(Err(Error::Unreachable)));
    assert_eq!(pair.client.end(second), Err(Err(Error::Unreachable)));
    pair.net.no_rule();
    let third = pair.request(&get_hello());
    pair.run(1000);
    assert_eq!(pair.client.end(third), Ok(Code::CONTENT));
    let fourth = pair.request(&get_hello());
    pair.net.close(CLIENT);
    pair.run(1000);
    assert_eq!(pair.client.end(fourth), Err(Err(Error::Closed)));
}

#[test]
fn a_blocked_transport_delays_and_loses_nothing() {
    let mut pair = hello_pair();
    pair.net.block(CLIENT, true);
    let request = pair.request(&get_hello());
    pair.run(500);
    assert!(pair.client.seen.is_empty());
    pair.net.block(CLIENT, false);
    pair.run(100);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
}

#[test]
fn the_wildcard_serves_a_sub_tree_and_removed_resources_are_gone() {
    let mut node =
        Node::serving(&Config::DEFAULT, Resource { path: "/files/*", ..HELLO }, |e, cx, incoming| {
            e.respond(cx, incoming.exchange, &content(b"file")).unwrap();
            assert_eq!(incoming.cause, Cause::Request);
        });
    let exact =
        node.endpoint.add_resource(Resource { path: "/files/a", methods: methods::PUT, ..HELLO }).unwrap();
    let mut bench = Bench::new(node);
    let mut id = 0;
    let mut code = |bench: &mut Bench, options: &[(u16, &[u8])]| {
        id += 1;
        parse(&bench.ask(&raw(Type::Con, Code::GET, id, b"", options, &[]))[0]).code
    };
    assert_eq!(code(&mut bench, &[(PATH, b"files"), (PATH, b"b"), (PATH, b"c")]), Code::CONTENT);
    assert_eq!(code(&mut bench, &[(PATH, b"files"), (PATH, b"a")]), Code::METHOD_NOT_ALLOWED);
    assert_eq!(code(&mut bench, &[(PATH, b"files")]), Code::NOT_FOUND);
    bench.at_node(|endpoint, cx| endpoint.remove_resource(cx, exact)).unwrap();
    assert_eq!(code(&mut bench, &[(PATH, b"files"), (PATH, b"a")]), Code::CONTENT);
    assert_eq!(bench.at_node(|endpoint, cx| endpoint.remove_resource(cx, exact)), Err(Error::Stale));
    assert_eq!(
        bench.at_node(|endpoint, _| endpoint.add_resource(Resource { path: "x", ..HELLO })),
        Err(Error::Invalid)
    );
}

#[test]
fn the_list_of_resources_is_filtered() {
    let mut node = Node::serving(&Config::DEFAULT, HELLO, |_, _, _| {});
    node.endpoint
        .add_resource(Resource {
            path: "/s/light",
            flags: flags::OBSERVABLE,
            attributes: ";rt=\"light lamp\";ct=0",
            ..HELLO
        })
        .unwrap();
    node.endpoint.add_resource(Resource { path: "/secret", flags: flags::HIDDEN, ..HELLO }).unwrap();
    let mut bench = Bench::new(node);
    let mut id = 0;
    let mut list = |query: &[u8]| {
        id += 1;
        let mut options = vec![(PATH, &b".well-known"[..]), (PATH, b"core")];
        if !query.is_empty() {
            options.push((number::URI_QUERY, query));
        }
        let answers = bench.ask(&raw(Type::Con, Code::GET, id, b"", &options, &[]));
        let answer = parse(&answers[0]);
        assert_eq!((answer.code, answer.uint(number::CONTENT_FORMAT)), (Code::CONTENT, Some(40)));
        String::from_utf8(answer.payload.to_vec()).unwrap()
    };
    let (hello, light) = (r#"</hello>;rt="greeting""#, r#"</s/light>;rt="light lamp";ct=0;obs"#);
    assert_eq!(list(b""), format!("{hello},{light}"));
    assert_eq!(list(b"rt=lamp"), light);
    assert_eq!(list(b"rt=gre*"), hello);
    assert_eq!(list(b"href=/s/*"), light);
    assert_eq!(list(b"rt=none"), "");
    // What the endpoint adds by itself exists as well.
    assert_eq!(list(b"obs=*"), light);
    assert_eq!(list(b"obs=x"), "");
    // No name and value: no filter.
    assert_eq!(list(b"obs"), format!("{hello},{light}"));
}

#[test]
fn conditional_requests_are_told_by_their_entity_tags() {
    let resource = Resource { path: "/hello", methods: methods::PUT, flags: flags::CONDITIONAL, ..HELLO };
    let mut etag: Option<&[u8]> = None;
    let mut bench = Bench::new(Node::serving(&Config::DEFAULT, resource, move |endpoint, cx, incoming| {
        let known = etag.unwrap_or(b"");
        let code = match (incoming.precondition_holds(etag.is_some(), known), etag) {
            (false, _) => Code::PRECONDITION_FAILED,
            (true, None) => Code::CREATED,
            (true, Some(_)) => Code::CHANGED,
        };
        etag = etag.or(Some(&b"v1"[..]));
        endpoint.respond(cx, incoming.exchange, &mote::coap::Response::new(code)).unwrap();
    }));
    let mut id = 0;
    let mut put = |options: &[(u16, &[u8])]| {
        id += 1;
        let mut all = vec![(PATH, &b"hello"[..])];
        all.extend_from_slice(options);
        parse(&bench.ask(&raw(Type::Con, Code::PUT, id, b"t", &all, &[]))[0]).code
    };
    assert_eq!(put(&[(number::IF_NONE_MATCH, b"")]), Code::CREATED);
    assert_eq!(put(&[(number::IF_NONE_MATCH, b"")]), Code::PRECONDITION_FAILED);
    assert_eq!(put(&[(number::IF_MATCH, b"v0")]), Code::PRECONDITION_FAILED);
    assert_eq!(put(&[(number::IF_MATCH, b"v0"), (number::IF_MATCH, b"v1")]), Code::CHANGED);
    assert_eq!(put(&[(number::IF_MATCH, b"")]), Code::CHANGED);
    assert_eq!(put(&[]), Code::CHANGED);
}
