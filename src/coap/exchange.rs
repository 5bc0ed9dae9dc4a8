// SPDX-License-Identifier: MIT OR Apache-2.0
//! The entries of a server's tables, and how they come and go.
//!
//! An exchange is a message of a peer, from its arrival to the end of its lifetime: while the
//! application works on it, while a separate answer is on its way, and after that as the
//! record by which duplicates are told (RFC 7252 §4.5).
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::pool::Key;
use super::wire::{Message, Type};
use crate::backoff::Backoff;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::{DatagramContext, Path};

/// What an exchange waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// The application's answer.
    Working,
    /// The leisure to pass, before the answer goes to whoever asked a group.
    Leisure,
    /// The acknowledgement of our confirmable answer.
    Sending,
    /// The end of its lifetime.
    Done,
}

/// The message was confirmable.
pub(super) const CON: u8 = 1;
/// It was acknowledged with an empty message.
pub(super) const ACKED: u8 = 2;
/// It came to a group.
pub(super) const GROUP: u8 = 4;
/// It is a notification of ours and answers no message.
pub(super) const NOTIFY: u8 = 8;
/// Doing it again does no harm.
pub(super) const IDEMPOTENT: u8 = 16;
/// More blocks of the request's body follow.
pub(super) const MORE: u8 = 32;
/// A message is kept for it.
pub(super) const STORED: u8 = 64;

/// A message of a peer, or a notification of ours. Packed, since there may be many.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(4))]
pub(super) struct Exchange {
    pub(super) born: Instant,
    pub(super) due: Instant,
    pub(super) resource: Option<Handle>,
    pub(super) observer: Option<Handle>,
    pub(super) transfer: Option<Handle>,
    pub(super) backoff: Backoff,
    pub(super) peer: u16,
    /// The peer's message ID.
    pub(super) message_id: u16,
    /// Ours, of the answer on its way.
    pub(super) own_id: u16,
    /// How many bytes came.
    pub(super) size: u16,
    pub(super) stage: Stage,
    pub(super) flags: u8,
}

impl Exchange {
    /// A message that came now, or a notification that is to be made.
    pub(super) fn new(now: Instant, age: u32, peer: u16, message_id: u16, flags: u8) -> Exchange {
        Exchange {
            born: now,
            due: now.after(age.into()),
            resource: None,
            observer: None,
            transfer: None,
            backoff: Backoff::default(),
            peer,
            message_id,
            own_id: 0,
            size: 0,
            stage: Stage::Working,
            flags,
        }
    }

    pub(super) const fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether an answer of ours with this message ID is on its way to this peer.
    pub(super) fn awaits(&self, peer: u16, message_id: u16) -> bool {
        self.stage == Stage::Sending && self.peer == peer && self.own_id == message_id
    }
}

/// A peer that is notified of a resource's changes (RFC 7641).
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(4))]
pub(super) struct Observer {
    /// When it last acknowledged a notification, or registered.
    pub(super) confirmed: Instant,
    pub(super) resource: Handle,
    /// The notification that is being made or on its way.
    pub(super) exchange: Option<Handle>,
    pub(super) peer: u16,
    /// The message ID of the last notification sent.
    pub(super) last_id: u16,
    /// How many notifications went out since then without being confirmable.
    pub(super) unconfirmed: u8,
    /// Whether the resource has changed since.
    pub(super) dirty: bool,
}

/// A block-wise transfer of a peer that needs a state of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    pub(super) due: Instant,
    /// What its requests have in common.
    pub(super) key: u32,
    /// Where the next block starts.
    pub(super) next: u32,
    pub(super) peer: u16,
    /// Whether it is the peer's body; else it is our answer.
    pub(super) upload: bool,
}

impl Endpoint<'_> {
    /// Opens an exchange for a message that came, and pins its peer.
    pub(super) fn open_exchange(&mut self, exchange: Exchange) -> Result<Handle> {
        if self.exchanges.is_full() {
            self.reclaim(false);
        }
        let handle = self.exchanges.insert(exchange)?;
        self.peers.pin(exchange.peer);
        self.arm(exchange.due);
        Ok(handle)
    }

    /// Keeps a message, forgetting answered exchanges if that makes room.
    pub(super) fn store(&mut self, key: Key, message: &[u8]) -> Result<()> {
        if !self.pool.could_hold(message.len()) {
            return Err(Error::Full);
        }
        loop {
            let stored = self.pool.put(key, message);
            if stored != Err(Error::Full) || !self.reclaim(true) {
                return stored.inspect_err(|_| self.count_full());
            }
        }
    }

    /// The same for the message that lies in the scratch buffer.
    pub(super) fn store_built(&mut self, key: Key, length: usize) -> Result<()> {
        let scratch = core::mem::take(&mut self.scratch);
        let stored = self.store(key, scratch.get(..length).unwrap_or_default());
        self.scratch = scratch;
        stored
    }

    pub(super) fn count_full(&mut self) {
        self.stats.full = self.stats.full.wrapping_add(1);
    }

    /// Forgets an answered exchange: one whose request may be done again without harm if there
    /// is one, and of those the one that was answered longest ago, or nearly so. `stored` when it
    /// must give back room in the pool.
    fn reclaim(&mut self, stored: bool) -> bool {
        // Places are taken in turn, so those behind the last victim are the oldest.
        let count = self.exchanges.capacity();
        let start = usize::from(self.hand);
        let mut victim = None;
        for index in (start..count).chain(0..start.min(count)) {
            let Some((handle, exchange)) = self.exchanges.at(index) else { continue };
            if exchange.stage != Stage::Done || (stored && !exchange.is(STORED)) {
                continue;
            }
            if exchange.is(IDEMPOTENT) {
                victim = Some(handle);
                break;
            }
            victim = victim.or(Some(handle));
        }
        let Some(victim) = victim else { return false };
        self.hand = victim.index() as u16 + 1;
        self.stats.forgotten = self.stats.forgotten.wrapping_add(1);
        self.drop_exchange(victim);
        true
    }

    /// Forgets an exchange and what depends on it.
    pub(super) fn drop_exchange(&mut self, exchange: Handle) {
        let Some(gone) = self.exchanges.remove(exchange) else { return };
        self.pool.remove(Key::exchange(exchange.index()));
        if gone.stage != Stage::Done {
            self.peers.unpin(gone.peer);
            self.settle(&gone);
        }
    }

    /// The application has nothing more to do with it.
    fn settle(&mut self, exchange: &Exchange) {
        if let Some(transfer) = exchange.transfer {
            self.transfers.remove(transfer);
        }
        if exchange.is(NOTIFY) {
            // The next observer, or the next state, has its turn.
            if let Some(peer) = self.peers.get_mut(exchange.peer) {
                peer.notifying = peer.notifying.saturating_sub(1);
            }
            if let Some(observer) = exchange.observer.and_then(|observer| self.observers.get_mut(observer)) {
                observer.exchange = None;
            }
            self.notify_at = Instant::ZERO;
            self.next = Instant::ZERO;
        }
    }

    /// From now on it only tells duplicates. A notification is none.
    pub(super) fn finish_exchange(&mut self, handle: Handle) {
        let lifetime = self.lifetime;
        let non_lifetime = self.non_lifetime;
        let Some(exchange) = self.exchanges.get_mut(handle) else { return };
        if exchange.is(NOTIFY) {
            return self.drop_exchange(handle);
        }
        let before = *exchange;
        let age = if before.is(CON) { lifetime } else { non_lifetime };
        exchange.stage = Stage::Done;
        exchange.due = before.born.after(age.into());
        exchange.transfer = None;
        exchange.observer = None;
        let due = exchange.due;
        if let Some(peer) = self.peers.get_mut(before.peer).filter(|_| !before.is(IDEMPOTENT)) {
            peer.remembered = peer.remembered.max(due);
        }
        if before.stage != Stage::Done {
            self.peers.unpin(before.peer);
            self.settle(&before);
        }
        self.arm(due);
    }

    /// Tells a duplicate, and treats it as the first was: the reply is sent again
    /// (RFC 7252 §4.5).
    pub(super) fn is_duplicate(
        &mut self,
        cx: &mut DatagramContext<'_>,
        peer: u16,
        path: &Path,
        message: &Message<'_>,
    ) -> bool {
        let same = |exchange: &Exchange| {
            // What tells most apart comes first: this is asked of every exchange for every message.
            exchange.message_id == message.message_id && exchange.peer == peer && !exchange.is(NOTIFY)
        };
        let Some(handle) = self.exchanges.find(same) else { return false };
        let Some(exchange) = self.exchanges.get(handle).copied() else { return false };
        if exchange.stage == Stage::Done && exchange.due.is_due(cx.now) {
            self.drop_exchange(handle);
            return false;
        }
        self.stats.duplicates = self.stats.duplicates.wrapping_add(1);
        if exchange.is(ACKED) && message.kind == Type::Con {
            self.send_empty(cx, path, Type::Ack, message.message_id);
        } else if exchange.stage == Stage::Done && exchange.is(CON) {
            self.send_stored(cx, peer, Key::exchange(handle.index()));
        }
        true
    }

    /// A confirmable answer has arrived, or (`!taken`) the peer wants none of it.
    pub(super) fn delivered(&mut self, now: Instant, handle: Handle, taken: bool) {
        let Some(exchange) = self.exchanges.get(handle).copied() else { return };
        if let Some(peer) = self.peers.get_mut(exchange.peer) {
            // What was sent more than once says nothing of the round-trip time.
            if taken && exchange.backoff.retries() == 0 {
                peer.acknowledged(now.after(exchange.backoff.bound().into()).since(exchange.due));
            }
        }
        if let Some(observer) = exchange.observer {
            if taken {
                if let Some(observer) = self.observers.get_mut(observer) {
                    observer.confirmed = now;
                    observer.unconfirmed = 0;
                }
            } else {
                self.drop_observer(observer);
            }
        }
        self.pool.remove(Key::exchange(handle.index()));
        if let Some(exchange) = self.exchanges.get_mut(handle) {
            exchange.flags &= !STORED;
        }
        self.finish_exchange(handle);
    }

    /// The time of an exchange has come.
    pub(super) fn exchange_due(&mut self, cx: &mut DatagramContext<'_>, handle: Handle) {
        let Some(mut exchange) = self.exchanges.get(handle).copied() else { return };
        let Some(path) = self.peers.get(exchange.peer).map(|peer| peer.path) else { return };
        let key = Key::exchange(handle.index());
        match exchange.stage {
            Stage::Working if exchange.is(CON) && !exchange.is(ACKED) => {
                self.send_empty(cx, &path, Type::Ack, exchange.message_id);
                exchange.flags |= ACKED;
                exchange.due = exchange.born.after(self.lifetime.into());
            }
            Stage::Sending if exchange.backoff.again_within(self.config.params.max_retransmit) => {
                self.stats.retransmitted = self.stats.retransmitted.wrapping_add(1);
                self.send_stored(cx, exchange.peer, key);
                exchange.due = cx.now.after(exchange.backoff.bound().into());
            }
            Stage::Sending => {
                // Nobody there: an observer is no longer interested (RFC 7641 §4.5).
                self.stats.timeouts = self.stats.timeouts.wrapping_add(1);
                return self.delivered(cx.now, handle, false);
            }
            Stage::Leisure => {
                self.send_stored(cx, exchange.peer, key);
                return self.finish_exchange(handle);
            }
            Stage::Working => {
                // The application never answered.
                self.stats.timeouts = self.stats.timeouts.wrapping_add(1);
                return self.drop_exchange(handle);
            }
            Stage::Done => return self.drop_exchange(handle),
        }
        let due = exchange.due;
        if let Some(place) = self.exchanges.get_mut(handle) {
            *place = exchange;
        }
        self.arm(due);
    }
}
