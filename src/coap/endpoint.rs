// SPDX-License-Identifier: MIT OR Apache-2.0
//! The endpoint: its tables, what comes in, and time.
#![forbid(unsafe_code)]

use super::entry::{CON, Head, Stage};
use super::event::Event;
use super::owed::Owed;
use super::params::Config;
use super::peers::{self, Peers};
use super::pending::Pending;
use super::pool::Pool;
use super::resources::Resource;
use super::served::IDEMPOTENT;
use super::stats::Stats;
use super::tables::{Entry, LIMIT, Tables};
use super::wire::{Code, Header, Message, Type, empty, token};
use crate::memory::{Carver, Plan};
use crate::status::{Error, Result};
use crate::table::Table;
use crate::time::Instant;
use crate::transport::{DatagramContext, DatagramEvent, Path};

/// A CoAP client and server in one, over datagrams.
// In the order of how often they are used, since what is near takes shorter instructions.
#[derive(Debug)]
#[repr(C)]
pub struct Endpoint<'m> {
    pub(super) tables: Tables<'m>,
    pub(super) peers: Peers<'m>,
    pub(super) pool: Pool<'m>,
    /// The message that is being built.
    pub(super) scratch: &'m mut [u8],
    /// EXCHANGE_LIFETIME and NON_LIFETIME, in milliseconds.
    pub(super) lifetime: u32,
    pub(super) non_lifetime: u32,
    pub(super) stats: Stats,
    /// The time of the call that is under way.
    pub(super) now: Instant,
    /// The place that was freed last.
    pub(super) freed: u16,
    /// No exchange was free when one was looked for, and no place was freed since.
    pub(super) full: bool,
    /// Behind the observer that had its turn last.
    pub(super) turn: u16,
    /// Behind the exchange that made room last.
    pub(super) hand: u16,
    /// The order of requests, and their Request-Tag.
    pub(super) order: u16,
    /// The Echo value to send back next.
    pub(super) owed: Owed,
    /// How many tokens were drawn.
    pub(super) tokens: u32,
    /// The sequence number of the last notification.
    pub(super) sequence: u32,
    /// Nothing but notifications is due before this.
    pub(super) next: Instant,
    /// When observers are looked at again.
    pub(super) notify_at: Instant,
    pub(super) config: Config,
    pub(super) resources: Table<'m, Resource<'m>>,
    /// Where transfers are assembled, each in its place.
    pub(super) bodies: &'m mut [u8],
    /// Critical options that handlers understand, besides those that the endpoint does.
    pub(super) recognised: &'m [u16],
}

impl<'m> Endpoint<'m> {
    /// How many bytes an endpoint of these capacities takes.
    pub fn plan(config: &Config) -> Plan {
        Plan::of(|carver| Endpoint::carve(carver, config))
    }

    /// An endpoint in `block`.
    ///
    /// # Errors
    /// [`Error::NoMemory`] when the block is smaller than [`plan`](Endpoint::plan) says;
    /// [`Error::Invalid`] for a message size below 64, for no peers, and for more than 16,384
    /// requests, exchanges, observers or transfers.
    pub fn new(block: &'m mut [u8], config: &Config) -> Result<Endpoint<'m>> {
        Endpoint::carve(&mut Carver::new(block), config)
    }

    /// The same, from what is left of a block.
    pub(crate) fn carve(carver: &mut Carver<'m>, config: &Config) -> Result<Endpoint<'m>> {
        let mut config = config.within_build();
        config.params.nstart = config.params.nstart.max(1);
        // What needs most alignment comes first, so that as little as possible is lost to it.
        let resources = carver.part(config.resources.into());
        let tables = Tables {
            requests: carver.part(config.requests.into()),
            exchanges: carver.part(config.exchanges.into()),
            transfers: carver.part(config.transfers.into()),
            observers: carver.part(config.observers.into()),
        };
        let peers = Peers::new(carver.part(config.peers.into()), carver.part(config.peers.into()));
        let pool = carver.part(config.pool as usize);
        let scratch = carver.part(config.message_size.into());
        let bodies = carver.part(config.bodies());
        let most = config.requests.max(config.exchanges).max(config.observers).max(config.transfers);
        if config.message_size < 64 || config.peers == 0 || most > LIMIT {
            return Err(Error::Invalid);
        }
        carver.enough()?;
        Ok(Endpoint {
            resources: Table::new(resources),
            peers: peers.ok_or(Error::NoMemory)?,
            tables,
            pool: Pool::new(pool),
            scratch,
            bodies,
            now: Instant::ZERO,
            next: Instant::NEVER,
            notify_at: Instant::NEVER,
            freed: 0,
            full: false,
            stats: Stats::default(),
            lifetime: config.params.exchange_lifetime(),
            non_lifetime: config.params.non_lifetime(),
            turn: 0,
            hand: 0,
            order: 0,
            owed: Owed::default(),
            tokens: 0,
            sequence: 0,
            recognised: &[],
            config,
        })
    }

    /// The configuration that it was made with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What it has counted so far.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Names the critical options that the application understands in requests and responses,
    /// besides those that the endpoint knows: they are no cause for 4.02 then.
    pub fn recognise(&mut self, numbers: &'m [u16]) {
        self.recognised = numbers;
    }

    /// How many requests of ours are under way.
    pub fn requests(&self) -> usize {
        self.tables.requests.iter().filter(|request| request.head.is_used()).count()
    }

    /// How many observers there are.
    pub fn observers(&self) -> usize {
        self.tables.observers.iter().filter(|observer| observer.head.is_used()).count()
    }

    /// Takes in what the transport brings. At most one event comes of it directly; call
    /// [`poll`](Endpoint::poll) for what else may be due.
    pub fn receive<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        event: DatagramEvent<'d>,
    ) -> Option<Event<'d>> {
        self.now = cx.now;
        match &event {
            DatagramEvent::Received { path, data } => return self.datagram(cx, path, data),
            DatagramEvent::Connected { .. } => {}
            // What waited for the transport may go.
            DatagramEvent::Writable => self.wake(None),
            DatagramEvent::Failed { path, error } => {
                let peer = self.peers.find(path)?;
                self.lose(Some(peer), *error);
            }
            DatagramEvent::Undelivered { path, data, error } => self.undelivered(path, data, *error),
            DatagramEvent::Closed => self.lose(None, Error::Closed),
        }
        None
    }

    /// The network says that a message of ours, which starts with `start`, could not be delivered. Only
    /// what is under way as it is ends by that, since anybody may say so (RFC 7252 §4.2).
    fn undelivered(&mut self, path: &Path, start: &[u8], error: Error) {
        if !matches!(error, Error::Refused | Error::Unreachable) {
            return;
        }
        let (Some(peer), Ok(word)) = (self.peers.find(path), Header::word(start)) else { return };
        let Some(head) = self.tables.awaiting(peer, word as u16) else { return };
        let sent = self.pool.get(head);
        if start.len() < 4 + token(sent).len() || start.iter().zip(sent).any(|(there, here)| there != here) {
            return;
        }
        match self.tables.entry(head) {
            // One that was acknowledged was delivered.
            Entry::Request(request) if head.is(CON) == head.at(Stage::Ack) => self.end(request, error),
            // A way may come back; nobody who listens wants the answer.
            Entry::Exchange(exchange) if error == Error::Refused => self.delivered(exchange, false),
            _ => {}
        }
    }

    fn datagram<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        path: &Path,
        datagram: &'d [u8],
    ) -> Option<Event<'d>> {
        self.stats.received = self.stats.received.wrapping_add(1);
        let group = path.is_multicast();
        let known = self.peers.find(path);
        if let Some(index) = known {
            let peer = self.peers.get(index);
            peer.used.set(self.now);
            let quiet = peer.quiet_until.get() > self.now;
            peer.quiet_until.set(Instant::ZERO);
            if quiet {
                self.wake(known);
            }
        }
        let parsed = Message::parse(datagram);
        let asks = |message: &Message<'_>| matches!(message.kind, Type::Con | Type::Non);
        let Some(message) = parsed.as_ref().ok().filter(|message| match message.code.class() {
            // Whatever comes to a group is not confirmable (RFC 7252 §8.1).
            _ if group && message.kind == Type::Con => false,
            0 if message.code == Code::EMPTY => !asks(message),
            0 => asks(message) && cfg!(feature = "coap-server"),
            2 | 4 | 5 => message.kind != Type::Rst && cfg!(feature = "coap-client"),
            _ => false,
        }) else {
            // A format error, a ping or a reserved class: a CON gets a Reset, and no group
            // ever does (§4.2, §4.3, §8.1). What is too short or of another version is ignored silently (§3).
            match Header::word(datagram) {
                Ok(word @ 0x4000_0000..0x5000_0000) if !group => {
                    self.send_empty(cx, path, empty(Type::Rst, word as u16));
                }
                _ => {}
            }
            return self.rejected();
        };
        if asks(message) && known.is_some_and(|peer| self.is_duplicate(cx, peer, path, message)) {
            return None;
        }
        if message.code == Code::EMPTY {
            return self.on_empty(known?, message);
        }
        if cfg!(feature = "coap-server") && message.code.is_request() {
            return self.on_request(cx, path, known, datagram, message);
        }
        if cfg!(feature = "coap-client") { self.on_response(cx, path, known, message) } else { None }
    }

    pub(super) fn rejected<T>(&mut self) -> Option<T> {
        self.stats.rejected = self.stats.rejected.wrapping_add(1);
        None
    }

    /// An ACK or RST without more in it: whose message was it?
    fn on_empty<'d>(&mut self, peer: u16, message: &Message<'_>) -> Option<Event<'d>> {
        let reset = message.kind == Type::Rst;
        match self.tables.entry(self.tables.awaiting(peer, message.message_id)?) {
            Entry::Request(request) => return self.request_answered_empty(request, reset),
            Entry::Exchange(exchange) => self.delivered(exchange, !reset),
            // To a non-confirmable notification: its observer is gone.
            Entry::Other(observer) if reset => self.free(observer),
            Entry::Other(_) => {}
        }
        None
    }

    /// Does what is due, and reports it; to be called until it returns `None`. `scratch` holds
    /// what events lend, and should be as large as the largest message
    /// ([`Config::message_size`]).
    pub fn poll<'d>(&mut self, cx: &mut DatagramContext<'_>, scratch: &'d mut [u8]) -> Option<Event<'d>> {
        self.now = cx.now;
        if !self.next_deadline().is_due(self.now) {
            return None;
        }
        let tables = self.tables;
        // Each step moves something's time beyond now or takes it away, so that few steps per
        // entry are enough; what is left over comes with the next call.
        let mut steps = tables.requests.len() + tables.exchanges.len() + tables.transfers.len();
        loop {
            let (at, due) = self.first();
            self.next = at;
            if !at.is_due(self.now) || steps == 0 {
                break;
            }
            steps -= 1;
            let Some(head) = due else { break };
            match tables.entry(head) {
                Entry::Request(request) => {
                    let event = self.request_due(cx, request);
                    if event.is_some() {
                        return event;
                    }
                }
                Entry::Exchange(exchange) if cfg!(feature = "coap-server") => {
                    self.exchange_due(cx, exchange);
                }
                _ => self.free(head),
            }
        }
        if cfg!(all(feature = "coap-observe", feature = "coap-server")) && self.notify_at.is_due(self.now) {
            return self.next_notification(cx, scratch);
        }
        None
    }

    /// The entry that is due first, and when that is.
    fn first(&self) -> (Instant, Option<&'m Head>) {
        let (mut first, mut due) = (Instant::NEVER, None);
        let mut cursor = 0;
        while let Some(head) = self.tables.next(&mut cursor) {
            let at = head.due.get();
            if at < first && !head.at(Stage::Observing) {
                (first, due) = (at, Some(head));
            }
        }
        (first, due)
    }

    /// When [`poll`](Endpoint::poll) is to be called next.
    pub const fn next_deadline(&self) -> Instant {
        let mut next = self.next;
        if cfg!(all(feature = "coap-observe", feature = "coap-server")) {
            next.hasten(self.notify_at);
        }
        next
    }

    /// Takes an entry out of its table, and its message out of the pool, and what depends on it.
    #[inline(never)] // It is called from everywhere.
    pub(super) fn free(&mut self, entry: &Head) {
        if let Entry::Exchange(exchange) = self.tables.entry(entry) {
            self.settle(exchange);
        }
        self.pool.remove(entry);
        entry.stage.set(Stage::Free);
        self.freed = entry.key();
        self.full = false;
    }

    /// The requests that wait for their turn or for room in the transport look again: those of a
    /// peer, or all.
    #[inline(never)]
    pub(super) fn wake(&mut self, peer: Option<u16>) {
        for Pending { head, .. } in self.tables.requests {
            if head.at(Stage::Turn) && peer.is_none_or(|peer| head.peer.get() == peer) {
                head.due.set(self.now);
            }
        }
        self.next = self.now;
    }

    /// A peer, or all of them, cannot be reached any more.
    fn lose(&mut self, peer: Option<u16>, error: Error) {
        let mut cursor = 0;
        while let Some(head) = self.tables.next(&mut cursor) {
            if peer.is_none_or(|peer| head.peer.get() == peer) {
                match self.tables.entry(head) {
                    Entry::Request(request) => self.end(request, error),
                    _ => self.free(head),
                }
            }
        }
        if let Some(peer) = peer {
            let peer = self.peers.get(peer);
            peer.verified.set(false);
        }
        self.next = self.now;
    }

    /// The peer at the other end of `path`, made known if it was not. `ours` when it is for a
    /// request of ours, which must not take a message ID that the peer may remember. `None` when
    /// there is no room.
    pub(super) fn peer(&mut self, cx: &mut DatagramContext<'_>, path: &Path, ours: bool) -> Option<u16> {
        if let Some(found) = self.peers.find(path) {
            return Some(found);
        }
        let mut cursor = 0;
        while let Some(head) = self.tables.next(&mut cursor) {
            let loss = match head.stage.get() {
                Stage::Free => 0,
                Stage::Done if head.is(IDEMPOTENT) || head.due.get().is_due(self.now) => 0,
                Stage::Done | Stage::Open => peers::RECORDED,
                _ => peers::NEEDED,
            };
            let known = &self.peer_of(head).loss;
            known.set(known.get() | loss);
        }
        let place = self.peers.place(self.now, self.lifetime, ours)?;
        // What is kept of the former peer goes with it: its answered exchanges, and its transfers, which whoever comes next must not go on with.
        cursor = 0;
        while let Some(head) = self.tables.next(&mut cursor) {
            if head.is_of(place) {
                let live = head.stage.get() == Stage::Done && !head.due.get().is_due(self.now);
                self.stats.forgotten = self.stats.forgotten.wrapping_add(live.into());
                self.free(head);
            }
        }
        self.owed.forget(place);
        self.peers.settle(place, path, self.now, cx.random);
        Some(place)
    }
}
