// SPDX-License-Identifier: MIT OR Apache-2.0
//! One representation for all observers that asked alike (RFC 7641 §1.1, §4.2).
#![cfg(all(feature = "std", feature = "coap"))]

mod coap_support;

use coap_support::*;
use mote::coap::wire::{Code, number};
use mote::coap::{Cause, Config, OptionList, Request, Resource, Response, flags, methods};
use mote::sim::net::{Host, HostId, Net};
use mote::table::Handle;
use std::cell::RefCell;
use std::rc::Rc;

const OBS: Resource<'static> =
    Resource { flags: flags::OBSERVABLE | flags::SHARED, ..Resource::new("/obs", methods::GET) };
const PLAIN: [(u16, &[u8]); 1] = [(PATH, b"obs")];
const ASKING: [(u16, &[u8]); 2] = [(PATH, b"obs"), (number::URI_QUERY, b"u=K")];

/// What the handler is to do, and what it saw.
#[derive(Default)]
struct State {
    payload: u8,
    confirmable: bool,
    asked: usize,
    /// Whether to answer notifications later, and those that wait.
    defer: bool,
    waiting: Vec<Handle>,
}

/// A server and six clients that observe; the last two of them ask another query.
struct Crowd {
    net: Net,
    server: Node,
    clients: Vec<Node>,
    state: Rc<RefCell<State>>,
}

impl Crowd {
    fn new(resource: Resource<'static>, config: &Config) -> Crowd {
        let state = Rc::new(RefCell::new(State { payload: b'0', ..State::default() }));
        let shown = state.clone();
        let server = Node::serving(config, resource, move |endpoint, cx, incoming| {
            let mut state = shown.borrow_mut();
            if incoming.cause == Cause::Notify {
                state.asked += 1;
                if state.defer {
                    state.waiting.push(incoming.exchange);
                    return;
                }
            }
            let asks = incoming.message.option(number::URI_QUERY).is_some();
            let payload = [state.payload, if asks { b'K' } else { b'C' }];
            let answer = Response { confirmable: state.confirmable, ..content(&payload) };
            endpoint.respond(cx, incoming.exchange, &answer).unwrap();
        });
        let mut net = Net::new(3);
        net.host(address(1));
        net.host(address(2));
        let mut clients = vec![Node::new(&Config::DEFAULT)];
        for last in 3..8 {
            net.host(address(last));
            clients.push(Node::new(&Config::DEFAULT));
        }
        let mut crowd = Crowd { net, server, clients, state };
        for (index, client) in crowd.clients.iter_mut().enumerate() {
            let options: &dyn OptionList = if index < 4 { &PLAIN } else { &ASKING };
            let request = Request { options, observe: true, ..Request::new(to_server(), Code::GET) };
            crowd.net.with(host(index), |cx| client.endpoint.request(cx, &request)).unwrap();
        }
        crowd.run(1000);
        assert_eq!(crowd.server.endpoint.observers(), 6);
        crowd
    }

    fn run(&mut self, ms: u64) {
        let until = self.net.now().after(ms);
        let (first, others) = self.clients.split_first_mut().unwrap();
        let mut hosts: Vec<&mut dyn Host> = vec![first, &mut self.server];
        hosts.extend(others.iter_mut().map(|client| client as &mut dyn Host));
        self.net.run(&mut hosts, until);
    }

    fn notify(&mut self, payload: u8) {
        self.state.borrow_mut().payload = payload;
        self.server.endpoint.notify(Handle::from_raw(1 << 16).unwrap()).unwrap();
    }

    fn asked(&self) -> usize {
        core::mem::take(&mut self.state.borrow_mut().asked)
    }

    /// What each client was told last.
    fn told(&self) -> Vec<Vec<u8>> {
        self.clients.iter().map(|client| client.responses().pop().unwrap().1).collect()
    }
}

fn host(client: usize) -> HostId {
    if client == 0 { CLIENT } else { HostId(client + 1) }
}

const ONE: [&[u8]; 6] = [b"1C", b"1C", b"1C", b"1C", b"1K", b"1K"];
const TWO: [&[u8]; 6] = [b"2C", b"2C", b"2C", b"2C", b"2K", b"2K"];

#[test]
fn the_handler_is_asked_once_for_all_that_asked_alike() {
    for confirmable in [false, true] {
        let mut crowd = Crowd::new(OBS, &Config::DEFAULT);
        crowd.state.borrow_mut().confirmable = confirmable;
        for (payload, expected) in [(b'1', ONE), (b'2', TWO)] {
            crowd.notify(payload);
            crowd.run(5000);
            assert_eq!(crowd.told(), expected);
            assert_eq!(crowd.asked(), 2);
        }
        // Each client was told each state once.
        assert!(crowd.clients.iter().all(|client| client.responses().len() == 3));
        assert_eq!(crowd.server.endpoint.stats().retransmitted, 0);
    }
}

#[test]
fn without_the_flag_it_is_asked_for_each() {
    let mut crowd = Crowd::new(Resource { flags: flags::OBSERVABLE, ..OBS }, &Config::DEFAULT);
    crowd.notify(b'1');
    crowd.run(5000);
    assert_eq!((crowd.told(), crowd.asked()), (ONE.map(Vec::from).to_vec(), 6));
}

/// An answer that comes after the next change is for the one that was asked for alone: the others are
/// told the newer state.
#[test]
fn an_answer_that_is_older_than_the_state_is_not_shared() {
    let mut crowd = Crowd::new(OBS, &Config::DEFAULT);
    crowd.state.borrow_mut().defer = true;
    crowd.notify(b'1');
    crowd.run(100);
    crowd.state.borrow_mut().defer = false;
    crowd.notify(b'2');
    let waiting = core::mem::take(&mut crowd.state.borrow_mut().waiting);
    assert_eq!(waiting.len(), 6, "each in turn, while nobody has answered");
    let endpoint = &mut crowd.server.endpoint;
    crowd.net.with(SERVER, |cx| endpoint.respond(cx, waiting[0], &content(b"1C"))).unwrap();
    assert_eq!(crowd.told()[1], b"0C");
    for exchange in &waiting[1..] {
        let endpoint = &mut crowd.server.endpoint;
        let _told_already = crowd.net.with(SERVER, |cx| endpoint.respond(cx, *exchange, &content(b"1-")));
    }
    crowd.run(10_000);
    assert_eq!(crowd.told(), TWO);
}

/// Where there is no room for all at once, those left over are told later.
#[test]
fn a_small_pool_tells_all_in_the_end() {
    let config = Config { pool: 330, exchanges: 3, ..Config::DEFAULT };
    let mut crowd = Crowd::new(OBS, &config);
    crowd.state.borrow_mut().confirmable = true;
    crowd.notify(b'1');
    crowd.run(20_000);
    assert_eq!(crowd.told(), ONE);
    assert!(crowd.asked() <= 6);
}
