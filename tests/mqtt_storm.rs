// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything at once, by seed: connections that break anywhere, streams that take a few bytes, a store that fails, that is
//! full or loses power, brokers that forget, an application that cancels and takes its time. When the storm is over each
//! operation has ended exactly once, and nothing that was acknowledged is lost or, with QoS 2, doubled.

mod mqtt_support;

use mote::mqtt::wire::{Properties, Reason, Version};
use mote::mqtt::{Config, Operation, Publication, Subscription, Token};
use mote::random::{Random, Sequence};
use mote::status::Error;
use mote::time::Instant;
use mote::transport::StreamEvent;
use mqtt_support::*;
use std::collections::{BTreeMap, BTreeSet};

/// An operation that has been started and has not ended.
struct Open {
    qos: u8,
    /// What is published; nothing for SUBSCRIBE and UNSUBSCRIBE.
    payload: Option<Vec<u8>>,
}

struct Storm {
    config: Config<'static>,
    rig: Rig,
    broker: Broker,
    dice: Sequence,
    /// Whether the client has been told that its stream is connected.
    connected: bool,
    /// How many streams it has opened.
    streams: usize,
    open: BTreeMap<u32, Open>,
    /// What was taken to be published, in order.
    accepted: Vec<(u8, Vec<u8>)>,
    /// What was published, as the client said, and what was not.
    published: Vec<(u8, Vec<u8>)>,
    given_up: BTreeSet<Vec<u8>>,
    refused: Vec<Vec<u8>>,
    /// What the broker had for the client, in order, and what of it is gone with a session.
    queued: Vec<(u8, Vec<u8>)>,
    forgot: bool,
    forgotten: BTreeSet<Vec<u8>>,
    held: Vec<Token>,
    /// The message that comes in parts: its QoS, what has come of it, its length and its token.
    part: Option<(u8, Vec<u8>, u32, Option<Token>)>,
    /// What the application got, in which life of the device.
    got: Vec<(usize, Vec<u8>)>,
    life: usize,
    number: u32,
}

impl Storm {
    fn new(seed: u64) -> Storm {
        let mut dice = Sequence(seed);
        let version = BOTH[dice.below(2) as usize];
        let config = Config {
            republish: dice.below(2) == 0,
            deferred: dice.below(3) == 0,
            drop_oldest: dice.below(3) == 0,
            // The broker of 5.0 sends four at a time, and does not ask.
            receive_maximum: if version == Version::V5 { 4 } else { 1 + dice.below(6) as u16 },
            send_maximum: 1 + dice.below(6) as u16,
            queue_bytes: 300 + dice.below(2000) as usize,
            keep_alive: [0, 5, 60][dice.below(3) as usize],
            ..config(version)
        };
        let mut rig = match dice.below(4) {
            0 => Rig::new(config),
            1 => Rig::with_store(config, Memory { capacity: Some(6), ..Memory::default() }),
            _ => Rig::with_store(config, Memory::default()),
        };
        rig.random = Sequence(seed ^ 1);
        Storm {
            config,
            rig,
            broker: Broker::new(version),
            dice,
            connected: false,
            streams: 0,
            open: BTreeMap::new(),
            accepted: Vec::new(),
            published: Vec::new(),
            given_up: BTreeSet::new(),
            refused: Vec::new(),
            queued: Vec::new(),
            forgot: false,
            forgotten: BTreeSet::new(),
            held: Vec::new(),
            part: None,
            got: Vec::new(),
            life: 0,
            number: 0,
        }
    }

    fn payload(&mut self, most: u32) -> Vec<u8> {
        self.number += 1;
        let mut payload = format!("{} ", self.number).into_bytes();
        payload.resize(payload.len() + self.dice.below(most) as usize, b'.');
        payload
    }

    /// What the client said since; what it wants is given to it.
    fn listen(&mut self) {
        loop {
            if self.rig.wire.targets.len() != self.streams || !self.rig.wire.open {
                self.streams = self.rig.wire.targets.len();
                self.connected = false;
                self.broker.lose_connection();
                self.rig.wire.out.clear();
                self.rig.inlet.clear();
            }
            let seen = self.rig.take();
            if seen.is_empty() {
                return;
            }
            for seen in seen {
                self.hear(seen);
            }
        }
    }

    fn hear(&mut self, seen: Seen) {
        match seen {
            Seen::Message(message) => {
                assert!(self.part.is_none(), "a message in the midst of another");
                self.part = Some((message.qos, message.payload, message.total, message.token));
                self.complete();
            }
            Seen::Payload { data, offset, total, token } => {
                let part = self.part.as_mut().expect("a part of no message");
                assert_eq!((offset as usize, total, token), (part.1.len(), part.2, part.3));
                part.1.extend_from_slice(&data);
                self.complete();
            }
            Seen::Aborted => assert!(self.part.take().is_some(), "the end of no message"),
            Seen::Ended { operation, error, .. } => {
                let open = self.open.remove(&operation).expect("only what is open ends");
                match (open.payload, error) {
                    (Some(payload), None) => self.published.push((open.qos, payload)),
                    (payload, _) => self.given_up.extend(payload),
                }
            }
            Seen::Wanted { operation, offset } => {
                let payload = self.open[&operation.raw()].payload.clone().unwrap();
                let rest = &payload[offset as usize..];
                let part = &rest[..rest.len().min(1 + self.dice.below(400) as usize)];
                // The stream may have broken meanwhile.
                let _ = self.rig.with(|client, cx| client.publish_chunk(cx, operation, part));
                self.rig.poll();
            }
            Seen::Connected(_) | Seen::Disconnected { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    fn complete(&mut self) {
        let Some((_, payload, _, token)) =
            self.part.take_if(|(_, payload, total, _)| payload.len() == *total as usize)
        else {
            return;
        };
        self.got.push((self.life, payload));
        if self.config.deferred {
            self.held.extend(token);
        }
    }

    fn publish(&mut self) {
        let qos = self.dice.below(3) as u8;
        let in_parts = self.dice.below(6) == 0;
        let payload = self.payload(if in_parts { 3000 } else { 60 });
        let publication = Publication { topic: "up", qos, ..Publication::default() };
        let result = if in_parts {
            let total = payload.len() as u32;
            self.rig.with(|client, cx| client.publish_begin(cx, &publication, total)).map(Some)
        } else {
            let publication = Publication { payload: &payload, ..publication };
            self.rig.with(|client, cx| client.publish(cx, &publication))
        };
        match result {
            Ok(operation) => {
                self.accepted.push((qos, payload.clone()));
                if let Some(operation) = operation {
                    let open = Open { qos, payload: Some(payload) };
                    assert!(self.open.insert(operation.raw(), open).is_none(), "a number twice");
                }
            }
            Err(error) => {
                assert!(matches!(error, Error::Full | Error::Io), "{error:?}");
                self.refused.push(payload);
            }
        }
        self.rig.poll();
    }

    fn subscribe(&mut self) {
        let mut subscription = Subscription { cookie: 1, ..Subscription::default() };
        subscription.filter.filter = ["a/+", "b/#"][self.dice.below(2) as usize];
        let list = [subscription];
        let result = self.rig.with(|client, cx| client.subscribe(cx, &list, Properties::EMPTY));
        if let Ok(operation) = result {
            let open = Open { qos: 0, payload: None };
            assert!(self.open.insert(operation.raw(), open).is_none(), "a number twice");
        }
        self.rig.poll();
    }

    fn acknowledge(&mut self) {
        if !self.held.is_empty() {
            let token = self.held.remove(self.dice.below(self.held.len() as u32) as usize);
            // Of a message that went with its session nothing is left.
            let _ = self.rig.with(|client, cx| client.acknowledge(cx, token, Reason::SUCCESS));
            self.rig.poll();
        }
    }

    fn cancel(&mut self) {
        let index = self.dice.below(self.open.len().max(1) as u32) as usize;
        let Some(operation) = self.open.keys().nth(index).and_then(|raw| Operation::from_raw(*raw)) else {
            return;
        };
        let _ = self.rig.with(|client, cx| client.cancel(cx, operation));
        self.rig.poll();
    }

    /// Moves so many bytes either way.
    fn carry(&mut self, up: u32, down: u32) {
        if !self.connected {
            return;
        }
        let count = self.rig.wire.out.len().min(up as usize);
        let bytes: Vec<u8> = self.rig.wire.out.drain(..count).collect();
        self.broker.input(&bytes);
        self.broker.pump();
        let count = self.broker.out.len().min(down as usize);
        let bytes: Vec<u8> = self.broker.out.drain(..count).collect();
        self.rig.feed(&bytes);
    }

    /// The stream takes so many bytes more.
    fn window(&mut self, bytes: usize) {
        self.rig.wire.window = bytes;
        if self.connected && bytes != 0 {
            self.rig.tell(StreamEvent::Writable);
        }
    }

    fn cut(&mut self) {
        if self.rig.wire.open {
            let error = [Error::Reset, Error::Closed][self.dice.below(2) as usize];
            self.broker.lose_connection();
            self.connected = false;
            self.rig.wire.out.clear();
            self.rig.inlet.clear();
            self.rig.tell(StreamEvent::Failed(error));
        }
    }

    /// On the way to a connection.
    fn go_on(&mut self) {
        if self.rig.client.is_idle() {
            let _ = self.rig.with(|client, cx| client.connect(cx));
            self.rig.poll();
        } else if !self.rig.wire.open {
            self.rig.until_due();
        } else if !self.connected {
            self.connected = true;
            self.rig.tell(StreamEvent::Connected);
        }
    }

    /// The device loses its power, and comes back with what the store holds.
    fn restart(&mut self) {
        let Some(store) = self.rig.store.take() else { return };
        let store = Memory { power_fails_at: None, fails_at: None, read_fails_at: None, ..store };
        let random = Sequence(self.dice.next());
        let now = Instant(1000 + u64::from(self.dice.below(1000)));
        self.rig = Rig { random, now, ..Rig::with_store(self.config, store) };
        self.broker.lose_connection();
        self.connected = false;
        self.streams = 0;
        self.life += 1;
        // What is not kept has gone.
        self.open.retain(|_, open| open.qos != 0);
        self.held.clear();
        self.part = None;
    }

    fn step(&mut self) {
        match self.dice.below(40) {
            0..=5 => self.publish(),
            6..=8 => {
                let qos = self.dice.below(3) as u8;
                let most = if self.dice.below(8) == 0 { 3000 } else { 60 };
                let payload = self.payload(most);
                self.broker.queue(qos, &payload);
                self.queued.push((qos, payload));
            }
            9 => self.subscribe(),
            10..=11 => self.acknowledge(),
            12 => self.cancel(),
            13..=15 => self.go_on(),
            16 => self.cut(),
            17..=18 => {
                let bytes = self.dice.below(200) as usize;
                self.window(bytes);
            }
            19..=20 => self.window(usize::MAX),
            21 => {
                let wait = u64::from(self.dice.below(8000));
                self.rig.later(wait);
            }
            22 if self.dice.below(4) == 0 => self.restart(),
            23 => {
                let (change, read) = (self.dice.below(4) as usize, self.dice.below(8) as usize);
                let kind = self.dice.below(6);
                if let Some(store) = &mut self.rig.store {
                    match kind {
                        0 => store.power_fails_at = Some(store.changes + change),
                        1 => store.read_fails_at = Some(store.reads + read),
                        _ => store.fails_at = Some(store.changes + change),
                    }
                }
            }
            // With 3.1.1 nothing tells receipts of a session that was lost unnoticed from those of a slow connection.
            24 if !self.connected && self.config.version == Version::V5 && self.dice.below(8) == 0 => {
                self.forgot = true;
                self.forgotten.extend(self.broker.forget());
            }
            _ => {
                let (up, down) = (self.dice.below(120), self.dice.below(200));
                self.carry(up, down);
            }
        }
        self.listen();
        if self.rig.store.as_ref().is_some_and(Memory::is_dead) {
            self.restart();
            self.listen();
        }
    }

    /// Nothing goes wrong any more.
    fn calm(&mut self, context: &str) {
        if let Some(store) = &mut self.rig.store {
            *store =
                Memory { power_fails_at: None, fails_at: None, read_fails_at: None, ..std::mem::take(store) };
        }
        for _ in 0..3000 {
            self.go_on();
            self.window(usize::MAX);
            self.carry(u32::MAX, u32::MAX);
            self.rig.offer();
            self.acknowledge();
            self.listen();
            let done = self.broker.is_done() && self.rig.client.pending() == 0 && self.open.is_empty();
            if done && self.rig.wire.out.is_empty() && self.held.is_empty() {
                return;
            }
            // What waits for the next connection, or for an answer that was lost with the last one.
            self.rig.later(100);
            self.listen();
        }
        panic!("{context}: still open {:?}, {} with the client", self.open.keys(), self.rig.client.pending());
    }

    fn check(&self, context: &str) {
        let count = |list: &[Vec<u8>], payload: &[u8]| list.iter().filter(|other| *other == payload).count();
        let taken = &self.broker.taken;
        for payload in &self.refused {
            assert_eq!(count(taken, payload), 0, "{context}: refused and sent {payload:?}");
        }
        for (qos, payload) in &self.published {
            assert!(*qos == 0 || count(taken, payload) > 0, "{context}: lost {payload:?}");
        }
        // Once a session is lost nothing holds for QoS 2: a CONNACK that is lost too hides that the session is a new one.
        for (qos, payload) in self.accepted.iter().filter(|_| !self.forgot) {
            assert!(*qos != 2 || count(taken, payload) <= 1, "{context}: doubled {payload:?}");
        }
        let got: Vec<_> = self.got.iter().map(|(_, payload)| payload.clone()).collect();
        for (qos, payload) in &self.queued {
            let comes = match qos {
                0 => false,
                1 => !self.forgotten.contains(payload),
                _ => !self.forgot,
            };
            assert!(!comes || count(&got, payload) > 0, "{context}: not got {payload:?}");
            let lives: Vec<_> = self.got.iter().filter(|got| got.1 == *payload).map(|got| got.0).collect();
            // The application has it before the store knows of it: a loss of power in between brings it again.
            let once = lives.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(*qos != 2 || once, "{context}: got twice {payload:?}");
        }
        for qos in 0..=2 {
            let of = |list: &[(u8, Vec<u8>)]| -> Vec<Vec<u8>> {
                list.iter().filter(|item| item.0 == qos).map(|item| item.1.clone()).collect()
            };
            let mut sent = of(&self.accepted);
            sent.retain(|payload| !self.given_up.contains(payload));
            assert!(
                in_order(&sent, taken),
                "{context}: QoS {qos} out of order to the broker: {:?} as {:?}",
                numbers(&sent),
                numbers(taken)
            );
            assert!(
                self.forgot || in_order(&of(&self.queued), &got),
                "{context}: QoS {qos} out of order from it: {:?} as {:?}",
                numbers(&of(&self.queued)),
                numbers(&got)
            );
        }
        assert!(self.part.is_none(), "{context}: the end of a message did not come");
        if let Some(store) = &self.rig.store {
            // The session itself, and receipts of one that is lost.
            let stays = |record: u32| record == 0 || (self.forgot && record & 0x8000_0000 != 0);
            let left: Vec<_> = store.records.keys().filter(|(_, record)| !stays(*record)).collect();
            assert!(left.is_empty(), "{context}: left in the store {left:?}");
        }
    }
}

/// Whether those of `sent` that arrived did so, each for the first time, in the order of `sent`.
fn in_order(sent: &[Vec<u8>], arrived: &[Vec<u8>]) -> bool {
    sent.iter().filter_map(|payload| arrived.iter().position(|other| other == payload)).is_sorted()
}

/// What the payloads begin with.
fn numbers(payloads: &[Vec<u8>]) -> Vec<String> {
    let number = |payload: &Vec<u8>| String::from_utf8_lossy(payload).split(' ').next().map(str::to_owned);
    payloads.iter().filter_map(number).collect()
}

fn storm(seed: u64, steps: usize) {
    let context = format!("seed {seed}");
    // Shown when something panics in the midst of it.
    println!("{context}");
    let mut storm = Storm::new(seed);
    for _ in 0..steps {
        storm.step();
    }
    storm.calm(&context);
    storm.check(&context);
}

#[test]
fn a_storm_of_faults_loses_nothing_and_doubles_no_qos_2() {
    for seed in 0..120 {
        storm(seed, 400);
    }
}

#[test]
#[ignore = "takes a quarter of a minute in release, several in debug"]
fn twenty_thousand_storms() {
    let first = std::env::var("SEED").map_or(0, |seed| seed.parse().unwrap());
    for seed in first..first + 20_000 {
        storm(seed, 600);
    }
}
