// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client on a scripted stream, a store in memory, and a small broker with sessions.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]

use mote::bytes::Writer;
use mote::mqtt::wire::{
    Ack, Acknowledged, Connack, Connect, FixedHeader, Packet, PacketType, Properties, Property, Publish,
    PublishHead, Reason, Side, Version,
};
use mote::mqtt::{Client, Config, Context, Event, Operation, Publication, Subscription, Token};
use mote::random::Sequence;
use mote::status::{Error, Result};
use mote::store::Store;
use mote::time::Instant;
use mote::transport::{Stream, StreamContext, StreamEvent};
use std::collections::BTreeMap;

pub const BOTH: [Version; 2] = [Version::V311, Version::V5];

/// What the client did to its stream.
#[derive(Debug)]
pub struct Wire {
    pub out: Vec<u8>,
    /// How often it wrote.
    pub writes: usize,
    /// How many bytes the stream takes before it is full.
    pub window: usize,
    pub targets: Vec<(String, u16)>,
    pub open: bool,
    pub shut: bool,
    pub connect_error: Option<Error>,
}

impl Stream for Wire {
    fn connect(&mut self, host: &str, port: u16) -> Result<()> {
        assert!(!self.open, "connected twice");
        self.targets.push((host.to_owned(), port));
        self.open = self.connect_error.is_none();
        self.shut = false;
        self.connect_error.map_or(Ok(()), Err)
    }
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        assert!(!bytes.is_empty(), "an empty write");
        assert!(!self.shut, "a write after shutdown");
        if !self.open {
            return Err(Error::Closed);
        }
        let taken = bytes.len().min(self.window);
        if taken == 0 {
            return Err(Error::WouldBlock);
        }
        self.window -= taken;
        self.writes += 1;
        self.out.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }
    fn shutdown(&mut self) {
        self.shut = true;
    }
    fn close(&mut self) {
        self.open = false;
    }
}

/// Records in memory. Power can fail at a chosen call, and single calls can.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pub records: BTreeMap<(u32, u32), Vec<u8>>,
    /// Calls that change something, so far.
    pub changes: usize,
    /// From this change on nothing works any more.
    pub power_fails_at: Option<usize>,
    /// This change fails, the ones before and after do not.
    pub fails_at: Option<usize>,
    /// Calls that change nothing, so far.
    pub reads: usize,
    /// This one of them fails, the ones before and after do not.
    pub read_fails_at: Option<usize>,
    /// How many records there is room for, if not for any number.
    pub capacity: Option<usize>,
}

impl Memory {
    fn change(&mut self) -> Result<()> {
        let number = self.changes;
        self.changes += 1;
        if self.power_fails_at.is_some_and(|at| number >= at) || self.fails_at == Some(number) {
            return Err(Error::Io);
        }
        Ok(())
    }
    fn look(&mut self) -> Result<()> {
        let number = self.reads;
        self.reads += 1;
        if self.read_fails_at == Some(number) { Err(Error::Io) } else { Ok(()) }
    }
    pub fn is_dead(&self) -> bool {
        self.power_fails_at.is_some_and(|at| self.changes > at)
    }
}

impl Store for Memory {
    fn read(&mut self, owner: u32, record: u32, out: &mut [u8]) -> Result<usize> {
        // What the buffer held is gone, found or not.
        out.fill(0xee);
        self.look()?;
        let bytes = self.records.get(&(owner, record)).ok_or(Error::NotFound)?;
        out.get_mut(..bytes.len()).ok_or(Error::TooLarge)?.copy_from_slice(bytes);
        Ok(bytes.len())
    }
    fn write(&mut self, owner: u32, record: u32, parts: &[&[u8]]) -> Result<()> {
        let new = !self.records.contains_key(&(owner, record));
        if new && self.capacity.is_some_and(|capacity| self.records.len() >= capacity) {
            return Err(Error::Full);
        }
        self.change()?;
        self.records.insert((owner, record), parts.concat());
        Ok(())
    }
    fn remove(&mut self, owner: u32, record: u32) -> Result<()> {
        self.change()?;
        self.records.remove(&(owner, record));
        Ok(())
    }
    fn next(&mut self, owner: u32, from: u32) -> Result<Option<u32>> {
        self.look()?;
        Ok(self.records.range((owner, from)..=(owner, u32::MAX)).next().map(|(key, _)| key.1))
    }
}

/// An event, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Connected(bool),
    Disconnected { error: Error, reason: u8, retry: bool },
    Message(Received),
    Payload { data: Vec<u8>, offset: u32, total: u32, token: Option<Token> },
    Aborted,
    Ended { operation: u32, error: Option<Error>, reason: u8, reasons: Vec<u8> },
    Wanted { operation: Operation, offset: u32 },
    Unsubscribed { cookie: u32, reason: u8 },
    Authentication { reason: u8, data: Vec<u8> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub topic: String,
    pub qos: u8,
    pub dup: bool,
    pub retain: bool,
    pub payload: Vec<u8>,
    pub total: u32,
    pub cookie: Option<u32>,
    pub token: Option<Token>,
}

fn keep(event: &Event, client: &Client) -> Seen {
    match *event {
        Event::Connected { session_present, .. } => Seen::Connected(session_present),
        Event::Disconnected { error, reason, retry_after, .. } => {
            Seen::Disconnected { error, reason: reason.0, retry: retry_after.is_some() }
        }
        Event::Message(message) => Seen::Message(Received {
            topic: client.topic(&message).to_owned(),
            qos: message.qos,
            dup: message.dup,
            retain: message.retain,
            payload: message.payload.to_vec(),
            total: message.total,
            cookie: message.cookie,
            token: message.token,
        }),
        Event::Payload { data, offset, total, token, .. } => {
            Seen::Payload { data: data.to_vec(), offset, total, token }
        }
        Event::Aborted { .. } => Seen::Aborted,
        Event::Ended { operation, error, reason, reasons, .. } => {
            Seen::Ended { operation: operation.raw(), error, reason: reason.0, reasons: reasons.to_vec() }
        }
        Event::Wanted { operation, offset } => Seen::Wanted { operation, offset },
        Event::Unsubscribed { cookie, reason } => Seen::Unsubscribed { cookie, reason: reason.0 },
        Event::Authentication { reason, properties } => Seen::Authentication {
            reason: reason.0,
            data: properties.get(22).map_or(Vec::new(), |property| property.data.to_vec()),
        },
    }
}

pub fn config(version: Version) -> Config<'static> {
    Config {
        version,
        host: "broker",
        client_id: "me",
        clean_start: false,
        session_expiry: 1000,
        ..Config::default()
    }
}

/// A client with everything it needs.
pub struct Rig {
    pub client: Client<'static>,
    pub wire: Wire,
    pub store: Option<Memory>,
    pub random: Sequence,
    pub now: Instant,
    pub seen: Vec<Seen>,
    pub version: Version,
    /// What came and was not consumed.
    pub inlet: Vec<u8>,
    /// Events are checked to borrow from the input alone.
    pub polls: usize,
}

impl Rig {
    pub fn new(config: Config<'static>) -> Rig {
        let config: &'static Config<'static> = Box::leak(Box::new(config));
        let block = vec![0; Client::plan(config).bytes()].leak();
        let wire = Wire {
            out: Vec::new(),
            writes: 0,
            window: usize::MAX,
            targets: Vec::new(),
            open: false,
            shut: false,
            connect_error: None,
        };
        Rig {
            client: Client::new(block, config).unwrap(),
            wire,
            store: None,
            random: Sequence(7),
            now: Instant(1000),
            seen: Vec::new(),
            version: config.version,
            inlet: Vec::new(),
            polls: 0,
        }
    }

    pub fn with_store(config: Config<'static>, store: Memory) -> Rig {
        Rig { store: Some(store), ..Rig::new(config) }
    }

    pub fn with<R>(&mut self, act: impl FnOnce(&mut Client<'static>, &mut Context) -> R) -> R {
        let stream = StreamContext { now: self.now, transport: &mut self.wire, random: &mut self.random };
        let store = self.store.as_mut().map(|store| store as &mut dyn Store);
        act(&mut self.client, &mut Context { stream, store })
    }

    pub fn poll(&mut self) {
        for _ in 0..1000 {
            let event = self.with(|client, cx| client.poll(cx));
            self.polls += 1;
            match event {
                Some(event) => {
                    let seen = keep(&event, &self.client);
                    self.seen.push(seen);
                }
                None => {
                    let deadline = self.client.next_deadline();
                    assert!(deadline > self.now, "a deadline in the past: {deadline:?} {:?}", self.client);
                    return;
                }
            }
        }
        panic!("poll never ends");
    }

    pub fn tell(&mut self, event: StreamEvent) {
        let mut out = None;
        self.with(|client, cx| client.receive(cx, event, &mut out));
        if let Some(event) = out {
            let seen = keep(&event, &self.client);
            self.seen.push(seen);
        }
        self.poll();
    }

    /// Bytes from the server.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.inlet.extend_from_slice(bytes);
        self.offer();
    }

    pub fn offer(&mut self) {
        let room = self.client.config().receive_bytes;
        loop {
            let inlet = std::mem::take(&mut self.inlet);
            let offered = &inlet[..inlet.len().min(room)];
            let mut event = None;
            let count =
                self.with(|client, cx| client.receive(cx, StreamEvent::Received(offered), &mut event));
            let seen = event.map(|event| keep(&event, &self.client));
            let none = seen.is_none();
            self.seen.extend(seen);
            assert!(count <= offered.len());
            self.inlet = inlet[count..].to_vec();
            self.poll();
            if !self.wire.open {
                self.inlet.clear();
            }
            if (count == 0 && none) || self.inlet.is_empty() {
                return;
            }
        }
    }

    /// Bytes from the server, all of which are looked at before anything is answered.
    pub fn burst(&mut self, bytes: &[u8]) {
        let room = self.client.config().receive_bytes;
        let mut at = 0;
        loop {
            let offered = &bytes[at..bytes.len().min(at + room)];
            let mut event = None;
            let count =
                self.with(|client, cx| client.receive(cx, StreamEvent::Received(offered), &mut event));
            let none = event.is_none();
            let seen = event.map(|event| keep(&event, &self.client));
            self.seen.extend(seen);
            at += count;
            if at == bytes.len() || (count == 0 && none) {
                break;
            }
        }
        self.inlet.extend_from_slice(&bytes[at..]);
        self.poll();
    }

    /// Bytes from the server, one at a time.
    pub fn drip(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.feed(&[*byte]);
        }
    }

    pub fn later(&mut self, ms: u64) {
        self.now = self.now.after(ms);
        self.poll();
    }

    /// Lets time pass until the next deadline.
    pub fn until_due(&mut self) {
        let deadline = self.client.next_deadline();
        assert_ne!(deadline, Instant::NEVER, "nothing is due");
        self.now = self.now.max(deadline);
        self.poll();
    }

    pub fn take(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.seen)
    }

    /// What the client has written, packet by packet.
    pub fn sent(&mut self) -> Vec<Vec<u8>> {
        let bytes = std::mem::take(&mut self.wire.out);
        let mut packets = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (_, length) = Packet::parse(rest, self.version, Side::Client)
                .unwrap_or_else(|reason| panic!("malformed {reason:?}: {rest:02x?}"))
                .unwrap_or_else(|| panic!("incomplete: {rest:02x?}"));
            packets.push(rest[..length].to_vec());
            rest = &rest[length..];
        }
        packets
    }

    /// Starts to connect; the stream is there and CONNECT has been sent.
    pub fn handshake(&mut self) -> Vec<u8> {
        if self.client.is_idle() {
            self.with(|client, cx| client.connect(cx)).unwrap();
        }
        self.poll();
        assert!(self.wire.open, "not connecting");
        self.tell(StreamEvent::Connected);
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:02x?}");
        sent.remove(0)
    }

    pub fn connack(&mut self, session_present: bool, properties: &[Property]) {
        let connack =
            Connack { session_present, reason: Reason::SUCCESS, properties: Properties::List(properties) };
        let bytes = encode(&Packet::Connack(connack), self.version, Side::Server);
        self.feed(&bytes);
    }

    pub fn connected(mut self) -> Rig {
        self.handshake();
        self.connack(false, &[]);
        assert_eq!(self.take(), [Seen::Connected(false)]);
        self
    }

    /// The connection breaks; the client connects again, up to CONNECT.
    pub fn reconnect(&mut self) -> Vec<u8> {
        self.tell(StreamEvent::Failed(Error::Reset));
        self.wire.out.clear();
        self.inlet.clear();
        self.until_due();
        self.handshake()
    }

    pub fn publish(&mut self, topic: &str, qos: u8, payload: &[u8]) -> Option<Operation> {
        self.try_publish(topic, qos, payload).unwrap()
    }

    pub fn try_publish(&mut self, topic: &str, qos: u8, payload: &[u8]) -> Result<Option<Operation>> {
        let publication = Publication { topic, qos, payload, ..Publication::default() };
        let result = self.with(|client, cx| client.publish(cx, &publication));
        self.poll();
        result
    }

    pub fn subscribe(&mut self, filter: &str, qos: u8, cookie: u32) -> Operation {
        let mut subscription = Subscription { cookie, ..Subscription::default() };
        subscription.filter.filter = filter;
        subscription.filter.options.qos = qos;
        let result = self.with(|client, cx| client.subscribe(cx, &[subscription], Properties::EMPTY));
        self.poll();
        result.unwrap()
    }

    /// A PUBLISH from the server.
    pub fn deliver(&mut self, topic: &str, qos: u8, packet_id: u16, dup: bool, payload: &[u8]) {
        let bytes = publish(self.version, topic, qos, packet_id, dup, payload);
        self.feed(&bytes);
    }

    pub fn ack(&mut self, packet: PacketType, packet_id: u16, reason: u8) {
        let bytes = ack(self.version, Side::Server, packet, packet_id, reason);
        self.feed(&bytes);
    }

    pub fn messages(&self) -> Vec<Vec<u8>> {
        let message = |seen: &Seen| match seen {
            Seen::Message(message) => Some(message.payload.clone()),
            _ => None,
        };
        self.seen.iter().filter_map(message).collect()
    }
}

pub fn ended(operation: Option<Operation>) -> Seen {
    Seen::Ended { operation: operation.unwrap().raw(), error: None, reason: 0, reasons: Vec::new() }
}

pub fn encode(packet: &Packet, version: Version, side: Side) -> Vec<u8> {
    let mut bytes = vec![0; packet.encoded_len(version, side).unwrap()];
    packet.emit(version, side, &mut Writer::new(&mut bytes)).unwrap();
    bytes
}

pub fn publish(version: Version, topic: &str, qos: u8, packet_id: u16, dup: bool, payload: &[u8]) -> Vec<u8> {
    let head = PublishHead { dup, qos, topic, packet_id, ..PublishHead::default() };
    encode(&Packet::Publish(Publish { head, payload }), version, Side::Server)
}

pub fn ack(version: Version, side: Side, packet: PacketType, packet_id: u16, reason: u8) -> Vec<u8> {
    let properties = Properties::EMPTY;
    encode(&Packet::Ack(Ack { packet, packet_id, reason: Reason(reason), properties }), version, side)
}

pub fn suback(version: Version, packet: PacketType, packet_id: u16, reasons: &[u8]) -> Vec<u8> {
    let properties = Properties::EMPTY;
    let packet = Acknowledged { packet, packet_id, properties, reasons };
    encode(&Packet::Acknowledged(packet), version, Side::Server)
}

/// The type nibbles of packets, to compare flows at a glance.
pub fn types(packets: &[Vec<u8>]) -> Vec<u8> {
    packets.iter().map(|packet| packet[0] >> 4).collect()
}

/// A broker for one client: sessions, both QoS flows, nothing else.
#[derive(Debug, Default)]
pub struct Broker {
    pub version: Version,
    /// Whether it has a session of the client.
    pub session: bool,
    /// Payloads that it has taken from the client, in order.
    pub taken: Vec<Vec<u8>>,
    /// Identifiers of the client's QoS 2 messages between PUBLISH and PUBREL.
    received: Vec<u16>,
    /// What it sends: identifier, QoS, payload, and whether PUBREC has come.
    outgoing: Vec<(u16, u8, Vec<u8>, bool)>,
    /// Of these, what counts against the client's Receive Maximum: of which PUBLISH was sent over this connection (5.0 §4.9).
    counts: std::collections::BTreeSet<u16>,
    queued: std::collections::VecDeque<(u8, Vec<u8>)>,
    next_id: u16,
    connected: bool,
    inlet: Vec<u8>,
    pub out: Vec<u8>,
}

impl Broker {
    pub fn new(version: Version) -> Broker {
        Broker { version, ..Broker::default() }
    }

    pub fn queue(&mut self, qos: u8, payload: &[u8]) {
        self.queued.push_back((qos, payload.to_vec()));
    }

    pub fn is_done(&self) -> bool {
        self.queued.is_empty() && self.outgoing.is_empty() && self.received.is_empty()
    }

    pub fn lose_connection(&mut self) {
        self.connected = false;
        self.inlet.clear();
        self.out.clear();
    }

    /// Loses the session, as by a restart without a database: what of it can never come now.
    pub fn forget(&mut self) -> Vec<Vec<u8>> {
        self.session = false;
        self.received.clear();
        self.next_id = 0;
        std::mem::take(&mut self.outgoing).into_iter().map(|entry| entry.2).collect()
    }

    fn push(&mut self, packet: &Packet) {
        let bytes = encode(packet, self.version, Side::Server);
        self.out.extend_from_slice(&bytes);
    }

    fn send(&mut self, packet_id: u16, qos: u8, dup: bool, payload: &[u8]) {
        let bytes = publish(self.version, "down", qos, packet_id, dup, payload);
        self.out.extend_from_slice(&bytes);
    }

    fn answer(&mut self, packet: PacketType, packet_id: u16) {
        let bytes = ack(self.version, Side::Server, packet, packet_id, 0);
        self.out.extend_from_slice(&bytes);
    }

    /// Sends what is queued, at most four at a time, and twelve with those that only wait for PUBCOMP.
    pub fn pump(&mut self) {
        while self.connected && self.counts.len() < 4 && self.outgoing.len() < 12 {
            let Some((qos, payload)) = self.queued.pop_front() else { return };
            if qos == 0 {
                self.send(0, 0, false, &payload);
                continue;
            }
            self.next_id += 1;
            let id = self.next_id;
            self.send(id, qos, false, &payload);
            self.outgoing.push((id, qos, payload, false));
            self.counts.insert(id);
        }
    }

    pub fn input(&mut self, bytes: &[u8]) {
        self.inlet.extend_from_slice(bytes);
        let inlet = std::mem::take(&mut self.inlet);
        let mut rest = &inlet[..];
        while let Some((packet, length)) =
            Packet::parse(rest, self.version, Side::Client).expect("the client writes no malformed packet")
        {
            rest = &rest[length..];
            self.packet(&packet);
        }
        self.inlet = rest.to_vec();
        self.pump();
    }

    fn packet(&mut self, packet: &Packet) {
        match packet {
            Packet::Connect(Connect { clean_start, .. }) => {
                if *clean_start {
                    self.session = false;
                    self.received.clear();
                    self.outgoing.clear();
                }
                let session_present = std::mem::replace(&mut self.session, true);
                self.push(&Packet::Connack(Connack { session_present, ..Connack::default() }));
                self.connected = true;
                self.counts = self.outgoing.iter().filter(|entry| !entry.3).map(|entry| entry.0).collect();
                for (id, qos, payload, released) in self.outgoing.clone() {
                    if released {
                        self.answer(PacketType::Pubrel, id);
                    } else {
                        self.send(id, qos, true, &payload);
                    }
                }
            }
            Packet::Publish(publish) => {
                let id = publish.head.packet_id;
                let known = self.received.contains(&id);
                if publish.head.qos != 2 || !known {
                    self.taken.push(publish.payload.to_vec());
                }
                match publish.head.qos {
                    1 => self.answer(PacketType::Puback, id),
                    2 => {
                        if !known {
                            self.received.push(id);
                        }
                        self.answer(PacketType::Pubrec, id);
                    }
                    _ => {}
                }
            }
            Packet::Ack(ack) => match ack.packet {
                PacketType::Pubrel => {
                    self.received.retain(|id| *id != ack.packet_id);
                    self.answer(PacketType::Pubcomp, ack.packet_id);
                }
                PacketType::Pubrec => {
                    for entry in &mut self.outgoing {
                        entry.3 |= (entry.0, entry.1) == (ack.packet_id, 2);
                    }
                    self.answer(PacketType::Pubrel, ack.packet_id);
                }
                _ => {
                    let qos = if ack.packet == PacketType::Puback { 1 } else { 2 };
                    self.outgoing.retain(|entry| (entry.0, entry.1) != (ack.packet_id, qos));
                    self.counts.retain(|id| self.outgoing.iter().any(|entry| entry.0 == *id));
                }
            },
            Packet::Subscribe(subscribe) => {
                let reasons: Vec<u8> = subscribe.filters.iter().map(|entry| entry.options.qos).collect();
                let bytes = suback(self.version, PacketType::Suback, subscribe.packet_id, &reasons);
                self.out.extend_from_slice(&bytes);
            }
            Packet::Pingreq => self.push(&Packet::Pingresp),
            Packet::Disconnect(_) => self.connected = false,
            other => panic!("the broker does not expect {other:?}"),
        }
    }
}

/// The Fixed Header of a packet that a client sent.
pub fn header(packet: &[u8], version: Version) -> FixedHeader {
    FixedHeader::parse(packet, version, Side::Client).unwrap().unwrap()
}
