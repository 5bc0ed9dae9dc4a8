// SPDX-License-Identifier: MIT OR Apache-2.0
//! Observing resources (RFC 7641), both roles.
#![cfg(all(feature = "std", feature = "coap"))]

mod coap_support;

use coap_support::*;
use mote::coap::wire::{Code, Type, number};
use mote::coap::{Cause, Config, Request, Resource, Response, flags, methods};
use mote::sim::net::{Action, Link};
use mote::status::Error;
use mote::table::Handle;
use std::cell::RefCell;
use std::rc::Rc;

const OBS: Resource<'static> =
    Resource { flags: flags::OBSERVABLE, ..Resource::new("/obs", methods::GET | methods::FETCH) };
const OBS_PATH: [(u16, &[u8]); 1] = [(PATH, b"obs")];

fn resource() -> Handle {
    Handle::from_raw(1 << 16).unwrap()
}

fn observe() -> Request<'static> {
    Request { options: &OBS_PATH, observe: true, ..Request::new(to_server(), Code::GET) }
}

type State = Rc<RefCell<(Vec<u8>, bool, Code)>>;

/// A server whose state is shared with the test: payload, whether to notify confirmably, code.
fn pair(config: &Config) -> (Pair, State) {
    let state: State = Rc::new(RefCell::new((b"0".to_vec(), false, Code::CONTENT)));
    let shown = state.clone();
    let server = Node::serving(config, OBS, move |endpoint, cx, incoming| {
        let (payload, confirmable, code) = &*shown.borrow();
        let answer = Response { code: *code, payload, confirmable: *confirmable, ..Response::new(*code) };
        endpoint.respond(cx, incoming.exchange, &answer).unwrap();
    });
    (Pair::new(Node::new(&Config::DEFAULT), server), state)
}

fn change(pair: &mut Pair, state: &State, payload: &[u8]) {
    state.borrow_mut().0 = payload.to_vec();
    pair.at_server(|endpoint, _| endpoint.notify(resource())).unwrap();
}

fn payloads(pair: &Pair) -> Vec<Vec<u8>> {
    pair.client.responses().into_iter().map(|(_, payload)| payload).collect()
}

#[test]
fn notifications_come_until_cancelled() {
    let (mut pair, state) = pair(&Config::DEFAULT);
    let request = pair.request(&observe());
    pair.run(1000);
    assert_eq!(pair.server.endpoint.observers(), 1);
    for step in 1..=3u8 {
        change(&mut pair, &state, &[b'0' + step]);
        pair.run(3000);
    }
    assert_eq!(payloads(&pair), [b"0", b"1", b"2", b"3"]);
    // Each in one NON.
    assert_eq!((pair.net.count(CLIENT, SERVER), pair.net.count(SERVER, CLIENT)), (1, 4));
    pair.at_client(|endpoint, cx| endpoint.cancel(cx, request)).unwrap();
    pair.run(1000);
    assert_eq!(pair.client.end(request), Err(Err(Error::Cancelled)));
    assert_eq!(pair.server.endpoint.observers(), 0);
    change(&mut pair, &state, b"4");
    pair.run(1000);
    assert_eq!(payloads(&pair).len(), 4);
}

#[test]
fn a_reset_cancels_when_the_deregistration_was_lost() {
    for confirmable in [false, true] {
        let (mut pair, state) = pair(&Config::DEFAULT);
        state.borrow_mut().1 = confirmable;
        let request = pair.request(&observe());
        pair.run(1000);
        pair.net.script(CLIENT, SERVER, 2, Action::Drop);
        pair.at_client(|endpoint, cx| endpoint.cancel(cx, request)).unwrap();
        pair.run(1000);
        assert_eq!(pair.server.endpoint.observers(), 1);
        change(&mut pair, &state, b"1");
        pair.run(1000);
        assert_eq!(pair.server.endpoint.observers(), 0, "{confirmable}");
        assert_eq!(pair.client.end(request), Err(Err(Error::Cancelled)));
    }
}

#[test]
fn a_vanished_observer_is_forgotten_after_its_time_out() {
    let (mut pair, state) = pair(&Config::DEFAULT);
    state.borrow_mut().1 = true;
    pair.request(&observe());
    pair.run(1000);
    pair.net.rule(|_| Action::Drop);
    change(&mut pair, &state, b"1");
    pair.run(10_000);
    assert_eq!(pair.server.endpoint.observers(), 1);
    pair.run(90_000);
    assert_eq!(pair.server.endpoint.observers(), 0);
    assert_eq!(pair.server.endpoint.stats().retransmitted, 4);
}

#[test]
fn changes_coalesce_while_a_confirmable_notification_is_on_its_way() {
    let (mut pair, state) = pair(&Config::DEFAULT);
    state.borrow_mut().1 = true;
    pair.request(&observe());
    pair.run(1000);
    pair.net.script(SERVER, CLIENT, 2, Action::Drop);
    for step in 1..=9u8 {
        change(&mut pair, &state, &[b'0' + step]);
        pair.run(100);
    }
    pair.run(20_000);
    // The one that was on its way, and then the newest.
    assert_eq!(payloads(&pair), [b"0", b"1", b"9"]);
}

#[test]
fn a_confirmable_notification_comes_at_least_every_day() {
    let (mut pair, state) = pair(&Config::DEFAULT);
    let kinds = Rc::new(RefCell::new(Vec::new()));
    let seen = kinds.clone();
    pair.net.rule(move |passing| {
        if passing.from == SERVER {
            seen.borrow_mut().push(parse(passing.data).kind);
        }
        Action::Pass
    });
    // So that the client need not register again.
    let options: [(u16, &[u8]); 1] = [(number::MAX_AGE, &[0xff; 4])];
    pair.server.handler = {
        let state = state.clone();
        Box::new(move |endpoint, cx, incoming| {
            let state = state.borrow();
            let answer = Response { options: &options, ..content(&state.0) };
            endpoint.respond(cx, incoming.exchange, &answer).unwrap();
        })
    };
    pair.request(&observe());
    pair.run(1000);
    for _ in 0..5 {
        change(&mut pair, &state, b"x");
        pair.run(10 * 3_600_000);
    }
    use Type::{Ack, Con, Non};
    assert_eq!(*kinds.borrow(), [Ack, Non, Non, Non, Con, Non]);
}

#[test]
fn an_error_ends_the_observation_on_both_sides() {
    let (mut pair, state) = pair(&Config::DEFAULT);
    let request = pair.request(&observe());
    pair.run(1000);
    state.borrow_mut().2 = Code::INTERNAL_SERVER_ERROR;
    change(&mut pair, &state, b"broken");
    pair.run(1000);
    assert_eq!(pair.client.end(request), Ok(Code::INTERNAL_SERVER_ERROR));
    assert_eq!(pair.server.endpoint.observers(), 0);
}

#[test]
fn removing_the_resource_tells_the_observers() {
    let (mut pair, _) = pair(&Config::DEFAULT);
    let request = pair.request(&observe());
    pair.run(1000);
    pair.at_server(|endpoint, cx| endpoint.remove_resource(cx, resource())).unwrap();
    pair.run(1000);
    assert_eq!(pair.client.end(request), Ok(Code::NOT_FOUND));
    assert_eq!(pair.server.endpoint.observers(), 0);
    assert_eq!(pair.at_server(|endpoint, _| endpoint.notify(resource())), Err(Error::Stale));
}

#[test]
fn a_full_list_answers_without_observing() {
    let (mut pair, _) = pair(&Config { observers: 1, ..Config::DEFAULT });
    let first = pair.request(&observe());
    pair.run(1000);
    let second = pair.request(&observe());
    pair.run(1000);
    assert_eq!(pair.client.end(second), Ok(Code::CONTENT));
    assert_eq!(pair.server.endpoint.observers(), 1);
    assert_eq!(pair.server.endpoint.stats().full, 1);
    let _ = first;
}

#[test]
fn a_stale_representation_makes_the_client_register_again() {
    let (mut pair, state) = pair(&Config::DEFAULT);
    let request = pair.request(&observe());
    pair.run(1000);
    // The server forgets all, as after a restart.
    pair.server.endpoint = Node::new(&Config::DEFAULT).endpoint;
    pair.server.endpoint.add_resource(OBS).unwrap();
    pair.run(80_000);
    assert_eq!(pair.server.endpoint.observers(), 1);
    change(&mut pair, &state, b"1");
    pair.run(1000);
    assert_eq!(payloads(&pair).last().unwrap(), b"1");
    // With nobody there it ends.
    pair.net.rule(|_| Action::Drop);
    pair.run(200_000);
    assert_eq!(pair.client.end(request), TIMEOUT);
}

/// It numbers its notifications from the start again, and need not answer with the acknowledgement.
#[test]
fn a_server_that_was_restarted_is_believed() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let path = mote::transport::Path::to(address(1));
    bench.at_node(|e, cx| e.request(cx, &Request { path, ..observe() })).unwrap();
    let answer = |bench: &mut Bench, sequence: u8, payload: &[u8]| {
        bench.run(10_200);
        let asked = bench.take().remove(0);
        let asked = parse(&asked);
        assert_eq!(asked.option(number::OBSERVE), Some(&[][..]));
        bench.send(&raw(Type::Ack, Code::EMPTY, asked.message_id, &[], &[], &[]));
        let options = [(number::OBSERVE, &[sequence][..]), (number::MAX_AGE, &[5])];
        bench.send(&raw(Type::Non, Code::CONTENT, sequence.into(), asked.token, &options, payload));
        bench.run(10);
        assert_eq!(bench.node.responses().last().unwrap().1, payload);
    };
    answer(&mut bench, 200, b"before");
    // It waits for 5 to 15 seconds after Max-Age.
    bench.run(9_900);
    assert!(bench.peer.received.is_empty());
    answer(&mut bench, 1, b"after");
}

#[test]
fn an_older_notification_that_comes_late_is_not_shown() {
    let (mut pair, state) = pair(&Config::DEFAULT);
    pair.request(&observe());
    pair.run(1000);
    pair.net.script(SERVER, CLIENT, 2, Action::Delay(3500));
    change(&mut pair, &state, b"old");
    pair.run(3100);
    change(&mut pair, &state, b"new");
    pair.run(3000);
    assert_eq!(payloads(&pair), [&b"0"[..], b"new"]);
}

#[test]
fn the_order_of_notifications_wraps_and_forgets_after_128_seconds() {
    let mut bench = Bench::new(Node::new(&Config::DEFAULT));
    let path = mote::transport::Path::to(address(1));
    let handle = bench.at_node(|e, cx| e.request(cx, &Request { path, ..observe() })).unwrap();
    bench.run(10);
    let datagram = bench.take().pop().unwrap();
    let request = parse(&datagram);
    assert_eq!(request.option(number::OBSERVE), Some(&[][..]));
    let mut id = request.message_id;
    let mut tell = |bench: &mut Bench, kind, sequence: u32| {
        let before = bench.node.seen.len();
        let bytes = sequence.to_be_bytes();
        let options = [(number::OBSERVE, &bytes[1..]), (number::MAX_AGE, &[0xff; 4])];
        bench.send(&raw(kind, Code::CONTENT, id, request.token, &options, b"x"));
        id = id.wrapping_add(1);
        bench.run(10);
        assert!(bench.take().is_empty() || kind == Type::Con);
        bench.node.seen.len() > before
    };
    assert!(tell(&mut bench, Type::Ack, 0xff_fff0));
    assert!(tell(&mut bench, Type::Non, 0xff_fff5));
    assert!(!tell(&mut bench, Type::Non, 0xff_fff5));
    assert!(!tell(&mut bench, Type::Non, 0xff_fff4));
    assert!(tell(&mut bench, Type::Non, 3));
    assert!(!tell(&mut bench, Type::Con, 0xff_fff9));
    assert!(tell(&mut bench, Type::Con, 4));
    assert!(!tell(&mut bench, Type::Non, 4 + 0x80_0000));
    bench.run(129_000);
    assert!(tell(&mut bench, Type::Non, 2));
    let _ = handle;
}

#[test]
fn a_large_notification_is_fetched_in_blocks() {
    let (mut pair, state) = pair(&Config::DEFAULT);
    state.borrow_mut().0 = bytes(3000);
    let request = pair.request(&observe());
    pair.run(1000);
    assert_eq!(pair.client.received(), bytes(3000));
    for length in [2500, 10, 4000] {
        pair.client.seen.clear();
        change(&mut pair, &state, &bytes(length));
        pair.run(3000);
        assert_eq!(pair.client.received(), bytes(length));
        assert!(pair.client.seen.iter().all(
            |(_, seen)| matches!(seen, Seen::Response { request: of, last: false, .. } if *of == request)
        ));
    }
    assert_eq!(pair.server.endpoint.observers(), 1);
    assert_eq!(pair.client.endpoint.requests(), 1);
    pair.at_client(|endpoint, cx| endpoint.cancel(cx, request)).unwrap();
    pair.run(1000);
    assert_eq!(pair.client.endpoint.requests(), 0);
}

#[test]
fn what_cannot_be_observed_is_answered_once() {
    let (mut pair, _) = pair(&Config::DEFAULT);
    let plain = Resource { path: "/plain", flags: 0, ..OBS };
    pair.at_server(|endpoint, _| endpoint.add_resource(plain)).unwrap();
    let options = [(PATH, &b"plain"[..])];
    let request = pair.request(&Request { options: &options, ..observe() });
    pair.run(1000);
    assert_eq!(pair.client.end(request), Ok(Code::CONTENT));
    assert_eq!(pair.server.endpoint.observers(), 0);
}

#[test]
fn the_handler_sees_why_it_is_asked_and_the_registration_itself() {
    let causes = Rc::new(RefCell::new(Vec::new()));
    let seen = causes.clone();
    let server = Node::serving(&Config::DEFAULT, OBS, move |endpoint, cx, incoming| {
        seen.borrow_mut().push((incoming.cause, incoming.message.payload.to_vec()));
        endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
    });
    let mut pair = Pair::new(Node::new(&Config::DEFAULT), server);
    let ask = Request { method: Code::FETCH, payload: b"which", ..observe() };
    pair.request(&ask);
    pair.run(1000);
    pair.at_server(|endpoint, _| endpoint.notify(resource())).unwrap();
    pair.run(1000);
    let which = b"which".to_vec();
    assert_eq!(*causes.borrow(), [(Cause::Register, which.clone()), (Cause::Notify, which)]);
}

#[test]
fn the_newest_state_arrives_in_the_end_through_loss() {
    for seed in 0..10 {
        let (mut pair, state) = pair(&Config::DEFAULT);
        state.borrow_mut().1 = true;
        let mut net = mote::sim::net::Net::new(seed);
        net.host(address(1));
        net.host(address(2));
        net.every(Link { loss: 250, duplicate: 100, reorder: 200, reorder_by: 3000, ..Link::default() });
        pair.net = net;
        let request = pair.request(&observe());
        pair.run(60_000);
        for step in 1..=20u8 {
            change(&mut pair, &state, &[step]);
            pair.run(u64::from(step) * 300);
        }
        pair.net.every(Link::default());
        pair.run(200_000);
        let payloads = payloads(&pair);
        assert_eq!(payloads.last().unwrap(), &[20], "{seed}");
        // Never backwards.
        let steps: Vec<u8> = payloads.iter().map(|payload| payload[0] % b'0').collect();
        assert!(steps.is_sorted(), "{steps:?}");
        assert!(pair.client.endpoint.requests() == 1);
        let _ = request;
    }
}

#[test]
fn many_observers_are_told() {
    let config = Config { observers: 300, exchanges: 16, pool: 64 * 1024, peers: 4, ..Config::DEFAULT };
    let mut bench = Bench::new(Node::serving(&config, OBS, |endpoint, cx, incoming| {
        endpoint.respond(cx, incoming.exchange, &content(b"x")).unwrap();
    }));
    for id in 0..300u16 {
        let options = [(number::OBSERVE, &[][..]), (PATH, b"obs")];
        bench.send(&raw(Type::Con, Code::GET, id, &id.to_be_bytes(), &options, &[]));
        bench.run(1);
    }
    bench.run(10);
    assert_eq!(bench.node.endpoint.observers(), 300);
    bench.take();
    bench.at_node(|endpoint, _| endpoint.notify(resource())).unwrap();
    // They are all of one client, which acknowledges nothing.
    bench.run(300 * 3000);
    let mut tokens: Vec<Vec<u8>> = bench.take().iter().map(|bytes| parse(bytes).token.to_vec()).collect();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 300);
}

#[test]
fn one_client_gets_one_confirmable_notification_at_a_time() {
    let (mut pair, state) = pair(&Config::DEFAULT);
    state.borrow_mut().1 = true;
    for _ in 0..3 {
        pair.request(&observe());
        pair.run(1000);
    }
    pair.net.both(CLIENT, SERVER, Link { delay: 100, ..Link::default() });
    let times = Rc::new(RefCell::new(Vec::new()));
    let seen = times.clone();
    pair.net.rule(move |passing| {
        if passing.from == SERVER {
            seen.borrow_mut().push(passing.at.0);
        }
        Action::Pass
    });
    change(&mut pair, &state, b"1");
    pair.run(2000);
    let times = times.borrow();
    assert_eq!(times.len(), 3);
    assert_eq!((times[1] - times[0], times[2] - times[1]), (200, 200));
}

/// RFC 7641 §4.5.1: what a client does not acknowledge comes no more often than every three
/// seconds, or once its round-trip time is known, than that; in between, changes coalesce.
#[test]
fn unconfirmed_notifications_are_spaced_by_the_round_trip_time() {
    let (mut pair, state) = pair(&Config::DEFAULT);
    pair.net.both(CLIENT, SERVER, Link { delay: 100, ..Link::default() });
    pair.request(&observe());
    pair.run(1000);
    let burst = |pair: &mut Pair| {
        pair.client.seen.clear();
        for step in 1..=95u8 {
            change(pair, &state, &[step]);
            pair.run(100);
        }
        pair.run(3500);
        let times: Vec<u64> = pair.client.seen.iter().map(|(at, _)| *at).collect();
        assert_eq!(payloads(pair).last().unwrap(), &[95], "the newest state arrives");
        assert!(pair.client.endpoint.requests() == 1 && pair.server.endpoint.observers() == 1);
        times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<u64>>()
    };
    assert_eq!(burst(&mut pair), [3000, 3000, 3000, 3000]);
    // One that is acknowledged shows the round-trip time.
    state.borrow_mut().1 = true;
    change(&mut pair, &state, b"x");
    pair.run(4000);
    state.borrow_mut().1 = false;
    let gaps = burst(&mut pair);
    assert!(gaps.len() >= 40 && gaps.iter().all(|gap| *gap >= 200), "{gaps:?}");
}

/// RFC 7641 §7: without a sign of interest only so much is sent, should the observer's address be
/// that of a victim.
#[test]
fn an_observer_that_never_acknowledges_is_forgotten() {
    let (mut pair, state) = pair(&Config::DEFAULT);
    pair.request(&observe());
    pair.run(1000);
    let confirmable = Rc::new(RefCell::new(Vec::new()));
    let seen = confirmable.clone();
    pair.net.rule(move |passing| {
        if passing.from == SERVER {
            // Not the answers to the client's trying to register again.
            let kind = passing.data[0] >> 4 & 3;
            seen.borrow_mut().extend((kind < 2).then_some(kind == 0));
            return Action::Drop;
        }
        Action::Pass
    });
    for step in 0..60u8 {
        change(&mut pair, &state, &[step]);
        pair.run(4000);
    }
    let confirmable = confirmable.borrow();
    assert_eq!(confirmable.iter().position(|confirmable| *confirmable), Some(20));
    assert_eq!(confirmable.len(), 20 + 5, "the confirmable one is sent five times");
    assert_eq!(pair.server.endpoint.observers(), 0);
}

#[test]
fn observations_of_one_client_take_turns() {
    let (mut pair, state) = pair(&Config::DEFAULT);
    let rare = Resource { path: "/rare", ..OBS };
    let rare = pair.at_server(|endpoint, _| endpoint.add_resource(rare)).unwrap();
    let options = [(PATH, &b"rare"[..])];
    pair.request(&observe());
    pair.run(1000);
    let second = pair.request(&Request { options: &options, ..observe() });
    pair.run(1000);
    pair.client.seen.clear();
    pair.at_server(|endpoint, _| endpoint.notify(rare)).unwrap();
    for step in 1..=70u8 {
        change(&mut pair, &state, &[step]);
        pair.run(100);
    }
    let told =
        |(_, seen): &&(u64, Seen)| matches!(seen, Seen::Response { request, .. } if *request == second);
    assert_eq!(pair.client.seen.iter().filter(told).count(), 1);
    assert_eq!(pair.client.seen.len(), 3);
}

/// A copy of the answer to the registration that comes late takes nothing back.
#[test]
fn duplicates_of_notifications_are_not_shown() {
    let (mut pair, state) = pair(&Config::DEFAULT);
    pair.net.rule(|passing| if passing.from == SERVER { Action::Copies(3) } else { Action::Pass });
    pair.request(&observe());
    pair.run(1000);
    for (step, confirmable) in [(1, false), (2, true), (3, false)] {
        state.borrow_mut().1 = confirmable;
        change(&mut pair, &state, &[step]);
        pair.run(3000);
    }
    assert_eq!(payloads(&pair), [&b"0"[..], &[1], &[2], &[3]]);
    assert_eq!(pair.client.endpoint.stats().duplicates, 6);
    // Each copy of the confirmable one was acknowledged, and nothing else was said.
    assert_eq!(pair.net.count(CLIENT, SERVER), 1 + 3);
    assert_eq!(pair.server.endpoint.observers(), 1);
}
