// SPDX-License-Identifier: MIT OR Apache-2.0
//! The endpoint: its tables, what comes in, and time.
#![forbid(unsafe_code)]

use super::event::Event;
use super::exchange::{Exchange, Transfer};
use super::params::Config;
use super::peers::{Peer, Peers};
use super::pending::Pending;
use super::pool::{Key, Place, Pool};
use super::resources::Resource;
use super::stats::Stats;
use super::wire::{Code, Header, Message, Type};
use crate::memory::{Carver, Plan};
use crate::status::{Error, Result};
use crate::table::{Handle, Slot, Table};
use crate::time::Instant;
use crate::transport::{DatagramContext, DatagramEvent, Path};

/// A CoAP client and server in one, over datagrams.
#[derive(Debug)]
pub struct Endpoint<'m> {
    pub(super) config: Config,
    pub(super) peers: Peers<'m>,
    pub(super) requests: Table<'m, Pending>,
    pub(super) exchanges: Table<'m, Exchange>,
    pub(super) observers: Table<'m, super::exchange::Observer>,
    pub(super) transfers: Table<'m, Transfer>,
    pub(super) resources: Table<'m, Resource<'m>>,
    pub(super) pool: Pool<'m>,
    /// The message that is being built.
    pub(super) scratch: &'m mut [u8],
    /// Where transfers are assembled, each in its place.
    pub(super) bodies: &'m mut [u8],
    pub(super) stats: Stats,
    /// EXCHANGE_LIFETIME and NON_LIFETIME, in milliseconds.
    pub(super) lifetime: u32,
    pub(super) non_lifetime: u32,
    /// Nothing is due before this.
    pub(super) next: Instant,
    /// When observers are looked at again.
    pub(super) notify_at: Instant,
    /// Behind the observer that had its turn last.
    pub(super) turn: u16,
    /// Behind the exchange that made room last.
    pub(super) hand: u16,
    /// The order of requests, and their Request-Tag.
    pub(super) order: u16,
    /// How many tokens were drawn.
    pub(super) tokens: u32,
    /// The sequence number of the last notification.
    pub(super) sequence: u32,
    /// Critical options that handlers understand, besides those that the endpoint does.
    pub(super) recognised: &'m [u16],
}

impl<'m> Endpoint<'m> {
    /// How many bytes an endpoint of these capacities takes.
    pub const fn plan(config: &Config) -> Plan {
        let config = config.within_build();
        Plan::new()
            .table::<Peer>(config.peers as usize)
            .table::<Slot<Pending>>(config.requests as usize)
            .table::<Slot<Exchange>>(config.exchanges as usize)
            .table::<Slot<super::exchange::Observer>>(config.observers as usize)
            .table::<Slot<Transfer>>(config.transfers as usize)
            .table::<Slot<Resource<'m>>>(config.resources as usize)
            .table::<Place>(config.owners())
            .table::<u8>(config.pool as usize)
            .table::<u8>(config.message_size as usize)
            .table::<u8>(config.bodies())
    }

    /// An endpoint in `block`.
    ///
    /// # Errors
    /// [`Error::NoMemory`] when the block is smaller than [`plan`](Endpoint::plan) says;
    /// [`Error::Invalid`] for a message size below 64, for no peers, and for more than 16,384
    /// requests, exchanges or observers.
    pub fn new(block: &'m mut [u8], config: &Config) -> Result<Endpoint<'m>> {
        let mut config = config.within_build();
        config.params.nstart = config.params.nstart.max(1);
        let most = config.requests.max(config.exchanges).max(config.observers);
        if config.message_size < 64 || config.peers == 0 || most > Key::LIMIT {
            return Err(Error::Invalid);
        }
        let mut carver = Carver::new(block);
        let (requests, exchanges) = (config.requests, config.exchanges);
        Ok(Endpoint {
            peers: Peers::new(carver.table(config.peers.into())?),
            requests: Table::new(carver.table(config.requests.into())?),
            exchanges: Table::new(carver.table(config.exchanges.into())?),
            observers: Table::new(carver.table(config.observers.into())?),
            transfers: Table::new(carver.table(config.transfers.into())?),
            resources: Table::new(carver.table(config.resources.into())?),
            pool: {
                let places = carver.table(config.owners())?;
                Pool::new(carver.table(config.pool as usize)?, places, requests, exchanges)
            },
            scratch: carver.table(config.message_size.into())?,
            bodies: carver.table(config.bodies())?,
            stats: Stats::default(),
            lifetime: config.params.exchange_lifetime(),
            non_lifetime: config.params.non_lifetime(),
            next: Instant::NEVER,
            notify_at: Instant::NEVER,
            turn: 0,
            hand: 0,
            order: 0,
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
    pub const fn requests(&self) -> usize {
        self.requests.len()
    }

    /// How many observers there are.
    pub const fn observers(&self) -> usize {
        self.observers.len()
    }

    /// Takes in what the transport brings. At most one event comes of it directly; call
    /// [`poll`](Endpoint::poll) for what else may be due.
    pub fn receive<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        event: DatagramEvent<'d>,
    ) -> Option<Event<'d>> {
        match event {
            DatagramEvent::Received { path, data } => self.datagram(cx, &path, data),
            DatagramEvent::Connected { .. } => None,
            DatagramEvent::Writable => {
                self.unblock(cx.now);
                None
            }
            DatagramEvent::Failed { path, error } => {
                let peer = self.peers.find(&path.reply())?;
                self.lose(cx.now, Some(peer), error);
                None
            }
            DatagramEvent::Closed => {
                self.lose(cx.now, None, Error::Closed);
                None
            }
        }
    }

    fn datagram<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        path: &Path,
        datagram: &'d [u8],
    ) -> Option<Event<'d>> {
        self.stats.received = self.stats.received.wrapping_add(1);
        let Ok(header) = Header::parse(datagram) else {
            // Too short or another version: to be ignored silently (RFC 7252 §3).
            return self.rejected();
        };
        let peer = self.peers.find(&path.reply());
        if let Some(peer) = peer.and_then(|peer| self.peers.get_mut(peer)) {
            peer.used = cx.now;
            peer.quiet_until = Instant::ZERO;
            if peer.path.local.is_unspecified() && !path.is_multicast() {
                peer.path.local = path.local;
            }
        }
        let parsed = Message::parse(datagram);
        let asks = matches!(header.kind, Type::Con | Type::Non);
        let Some(message) = parsed.ok().filter(|message| match message.code.class() {
            0 if message.code == Code::EMPTY => message.kind != Type::Con && message.kind != Type::Non,
            0 => asks && cfg!(feature = "coap-server"),
            2 | 4 | 5 => message.kind != Type::Rst && cfg!(feature = "coap-client"),
            _ => false,
        }) else {
            // A format error, a ping or a reserved class: a CON gets a Reset, and no group
            // ever does (§4.2, §4.3, §8.1).
            if header.kind == Type::Con && !path.is_multicast() {
                self.send_empty(cx, path, Type::Rst, header.message_id);
            }
            return self.rejected();
        };
        if asks && peer.is_some_and(|peer| self.is_duplicate(cx, peer, path, &message)) {
            return None;
        }
        if message.code == Code::EMPTY {
            return self.on_empty(cx, peer?, &message);
        }
        if cfg!(feature = "coap-server") && message.code.is_request() {
            return self.on_request(cx, path, peer, datagram, message);
        }
        if cfg!(feature = "coap-client") { self.on_response(cx, path, peer, message) } else { None }
    }

    pub(super) fn rejected<T>(&mut self) -> Option<T> {
        self.stats.rejected = self.stats.rejected.wrapping_add(1);
        None
    }

    /// An ACK or RST without more in it: whose message was it?
    fn on_empty<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        peer: u16,
        message: &Message<'_>,
    ) -> Option<Event<'d>> {
        let reset = message.kind == Type::Rst;
        let asked = |request: &Pending| request.awaits(peer, message.message_id);
        if let Some(request) = self.requests.find(asked).filter(|_| cfg!(feature = "coap-client")) {
            return self.request_answered_empty(cx, request, reset);
        }
        let sent = |exchange: &Exchange| exchange.awaits(peer, message.message_id);
        if let Some(exchange) = self.exchanges.find(sent) {
            self.delivered(cx.now, exchange, !reset);
        } else if reset {
            self.forget_notified(peer, message.message_id);
        }
        None
    }

    /// Does what is due, and reports it; to be called until it returns `None`. `scratch` holds
    /// what events lend, and should be as large as the largest message
    /// ([`Config::message_size`]).
    pub fn poll<'d>(&mut self, cx: &mut DatagramContext<'_>, scratch: &'d mut [u8]) -> Option<Event<'d>> {
        if !self.next.is_due(cx.now) {
            return None;
        }
        let now = cx.now;
        // Each step moves something's time beyond now or takes it away, so that few steps per
        // entry are enough; what is left over comes with the next call.
        if cfg!(feature = "coap-client") {
            for _ in 0..=self.requests.len() {
                let (at, Some(due)) = self.first_request() else { break };
                if !at.is_due(now) {
                    break;
                }
                if let Some(event) = self.request_due(cx, due) {
                    return Some(event);
                }
            }
        }
        for _ in 0..=self.exchanges.len() {
            let (at, Some(due)) = self.first_exchange() else { break };
            if !at.is_due(now) {
                break;
            }
            self.exchange_due(cx, due);
        }
        while let (at, Some(due)) = self.first_transfer() {
            if !at.is_due(now) {
                break;
            }
            self.transfers.remove(due);
        }
        if cfg!(feature = "coap-observe") && self.notify_at.is_due(now) {
            if let Some(event) = self.next_notification(cx, scratch) {
                return Some(event);
            }
        }
        let others = self.first_exchange().0.min(self.first_transfer().0);
        self.next = self.first_request().0.min(others).min(self.notify_at);
        None
    }

    // One copy each of these, since each is called twice.
    #[inline(never)]
    fn first_request(&self) -> (Instant, Option<Handle>) {
        first(&self.requests, |request| request.due)
    }

    #[inline(never)]
    fn first_exchange(&self) -> (Instant, Option<Handle>) {
        first(&self.exchanges, |exchange| exchange.due)
    }

    #[inline(never)]
    fn first_transfer(&self) -> (Instant, Option<Handle>) {
        first(&self.transfers, |transfer| transfer.due)
    }

    /// When [`poll`](Endpoint::poll) is to be called next.
    pub const fn next_deadline(&self) -> Instant {
        self.next
    }

    /// Something becomes due at `at`.
    #[inline(never)] // For its size: it is called from everywhere.
    pub(super) fn arm(&mut self, at: Instant) {
        self.next = self.next.min(at);
    }

    /// What waited for the transport may go.
    fn unblock(&mut self, now: Instant) {
        for (_, request) in self.requests.iter_mut().filter(|(_, request)| request.is_blocked()) {
            request.due = now;
        }
        self.next = now;
    }

    /// A peer, or all of them, cannot be reached any more.
    fn lose(&mut self, now: Instant, peer: Option<u16>, error: Error) {
        let lost = |of: u16| peer.is_none_or(|peer| peer == of);
        for (_, request) in self.requests.iter_mut().filter(|(_, request)| lost(request.peer)) {
            request.end(now, error);
        }
        while let Some(observer) = self.observers.find(|observer| lost(observer.peer)) {
            self.drop_observer(observer);
        }
        while let Some(exchange) = self.exchanges.find(|exchange| lost(exchange.peer)) {
            self.drop_exchange(exchange);
        }
        while let Some(transfer) = self.transfers.find(|transfer| lost(transfer.peer)) {
            self.transfers.remove(transfer);
        }
        if let Some(peer) = peer.and_then(|peer| self.peers.get_mut(peer)) {
            peer.outstanding = 0;
            peer.verified = false;
        }
        self.next = now;
    }

    /// The peer at the other end of `path`, made known if it was not. `ours` when it is for a
    /// request of ours, which must not take a message ID that the peer may remember.
    pub(super) fn peer(&mut self, cx: &mut DatagramContext<'_>, path: &Path, ours: bool) -> Result<u16> {
        if let Some(found) = self.peers.find(path) {
            if let Some(peer) = self.peers.get_mut(found).filter(|peer| peer.path.local.is_unspecified()) {
                peer.path.local = path.local;
            }
            return Ok(found);
        }
        let place = self.peers.place(cx.now, self.lifetime, ours).ok_or(Error::Full)?;
        // What is kept of the former peer's answered exchanges goes with it.
        while let Some(gone) = self.exchanges.find(|exchange| exchange.peer == place) {
            let live = self.exchanges.get(gone).is_some_and(|record| !record.due.is_due(cx.now));
            self.stats.forgotten = self.stats.forgotten.wrapping_add(live.into());
            self.drop_exchange(gone);
        }
        self.peers.settle(place, path, cx.now, cx.random);
        Ok(place)
    }

    /// Forgets the peer-independent handle's message.
    pub(super) fn drop_observer(&mut self, observer: Handle) {
        if let Some(gone) = self.observers.remove(observer) {
            self.peers.unpin(gone.peer);
            self.pool.remove(Key::observer(observer.index()));
        }
    }
}

/// The entry of a table that is due first, and when that is.
fn first<T>(table: &Table<'_, T>, due: impl Fn(&T) -> Instant) -> (Instant, Option<Handle>) {
    let mut first = (Instant::NEVER, None);
    for (handle, entry) in table.iter() {
        let at = due(entry);
        if at < first.0 {
            first = (at, Some(handle));
        }
    }
    first
}
