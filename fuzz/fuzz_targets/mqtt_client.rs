// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole MQTT client at a broker that sends anything, in pieces of any size: no panic, no endless poll, and each operation
//! ends exactly once.
#![no_main]
use libfuzzer_sys::fuzz_target;
use mote::mqtt::wire::{Filter, Properties, Reason, Version};
use mote::mqtt::{Client, Config, Context, Event, Operation, Publication, Subscription};
use mote::random::Sequence;
use mote::status::{Error, Result};
use mote::time::Instant;
use mote::transport::{Stream, StreamContext, StreamEvent};
use std::collections::BTreeMap;

#[derive(Default)]
struct Wire {
    open: bool,
    full: bool,
}

impl Stream for Wire {
    fn connect(&mut self, _host: &str, _port: u16) -> Result<()> {
        assert!(!self.open, "connected twice");
        self.open = true;
        Ok(())
    }
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match (self.open, self.full) {
            (false, _) => Err(Error::Closed),
            (true, true) => Err(Error::WouldBlock),
            (true, false) => Ok(bytes.len().min(100)),
        }
    }
    fn shutdown(&mut self) {}
    fn close(&mut self) {
        self.open = false;
    }
}

struct Bench<'m> {
    client: Client<'m>,
    wire: Wire,
    random: Sequence,
    now: u64,
    ended: BTreeMap<u32, u32>,
    operations: Vec<Operation>,
    unread: Vec<u8>,
}

impl Bench<'_> {
    fn with<R>(&mut self, run: impl FnOnce(&mut Client<'_>, &mut Context<'_>) -> R) -> R {
        let stream = StreamContext { now: Instant(self.now), transport: &mut self.wire, random: &mut self.random };
        run(&mut self.client, &mut Context { stream, store: None })
    }

    fn note(ended: &mut BTreeMap<u32, u32>, event: &Event<'_>) {
        if let Event::Ended { operation, .. } = event {
            *ended.get_mut(&operation.raw()).expect("only what was started ends") += 1;
        }
    }

    fn started(&mut self, operation: Operation) {
        self.ended.insert(operation.raw(), 0);
        self.operations.push(operation);
    }

    fn poll(&mut self) {
        for round in 0.. {
            assert!(round < 1000, "poll never ends");
            let Some(event) = self.with(|client, cx| client.poll(cx)) else { break };
            Bench::note(&mut self.ended, &event);
        }
    }

    fn stream(&mut self, event: StreamEvent<'_>) {
        let mut ended = std::mem::take(&mut self.ended);
        self.with(|client, cx| {
            let mut out = None;
            client.receive(cx, event, &mut out);
            if let Some(event) = out {
                Bench::note(&mut ended, &event);
            }
        });
        self.ended = ended;
        self.poll();
    }

    fn bytes(&mut self, more: &[u8]) {
        self.unread.extend_from_slice(more);
        for round in 0.. {
            assert!(round < 20_000, "receiving never ends");
            if !self.wire.open || self.unread.is_empty() {
                self.unread.clear();
                break;
            }
            let unread = std::mem::take(&mut self.unread);
            let mut ended = std::mem::take(&mut self.ended);
            let (consumed, any) = self.with(|client, cx| {
                let mut event = None;
                let consumed = client.receive(cx, StreamEvent::Received(&unread), &mut event);
                if let Some(event) = &event {
                    Bench::note(&mut ended, event);
                }
                (consumed, event.is_some())
            });
            self.ended = ended;
            self.unread = unread[consumed..].to_vec();
            self.poll();
            if consumed == 0 && !any {
                break;
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, mut rest)) = data.split_first() else { return };
    let version = if choice & 1 == 0 { Version::V311 } else { Version::V5 };
    let config = Config { version, client_id: "fuzz", host: "h", ..Config::DEFAULT };
    let mut block = vec![0; Client::plan(&config).bytes()];
    let Ok(client) = Client::new(&mut block, &config) else { panic!("the plan suffices") };
    let mut bench = Bench {
        client, wire: Wire::default(), random: Sequence(3), now: 1000, ended: BTreeMap::new(), operations: Vec::new(), unread: Vec::new(),
    };
    let _ = bench.with(|client, cx| client.connect(cx));
    bench.poll();
    while let Some((&step, tail)) = rest.split_first() {
        rest = tail;
        match step & 7 {
            0 => {
                bench.stream(StreamEvent::Connected);
                if step & 8 == 0 {
                    // A CONNACK, so that not all of the luck goes into guessing one.
                    bench.bytes(if version == Version::V5 { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] });
                }
            }
            1..=3 => {
                let length = usize::from(step >> 3) * 2;
                let (piece, tail) = rest.split_at(length.min(rest.len()));
                rest = tail;
                if bench.wire.open {
                    bench.bytes(piece);
                }
            }
            4 => {
                let publication = Publication { topic: "a/b", qos: (step >> 3) % 3, retain: false, payload: b"payload", properties: Properties::EMPTY };
                if let Ok(Some(operation)) = bench.with(|client, cx| client.publish(cx, &publication)) {
                    bench.started(operation);
                }
            }
            5 => {
                let subscription = Subscription { filter: Filter { filter: "a/#", ..Filter::default() }, cookie: 7 };
                if let Ok(operation) = bench.with(|client, cx| client.subscribe(cx, &[subscription], Properties::EMPTY)) {
                    bench.started(operation);
                }
            }
            6 => {
                bench.now += 1 << (step >> 3).min(20);
            }
            _ => match step >> 3 & 3 {
                0 => {
                    bench.wire.open = false;
                    bench.stream(StreamEvent::Failed(Error::Reset));
                }
                1 => {
                    bench.wire.full = !bench.wire.full;
                    if !bench.wire.full {
                        bench.stream(StreamEvent::Writable);
                    }
                }
                2 => bench.stream(StreamEvent::Closed),
                _ => {
                    if let Some(operation) = bench.operations.last().copied() {
                        let _ = bench.with(|client, cx| client.cancel(cx, operation));
                    }
                }
            },
        }
        bench.poll();
    }
    assert!(bench.ended.values().all(|times| *times <= 1), "an operation ended twice");
    let _ = bench.with(|client, cx| client.disconnect(cx, Reason::SUCCESS, Properties::EMPTY));
    bench.poll();
});
