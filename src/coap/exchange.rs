// SPDX-License-Identifier: MIT OR Apache-2.0
//! How exchanges come and go, and how duplicates are told by them (RFC 7252 §4.5).
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::entry::{CON, Head, Stage};
use super::peers;
use super::served::{ACKED, Exchange, IDEMPOTENT, NOTIFY};
use super::tables::EXCHANGE;
use super::wire::{Message, Type, empty};
use crate::status::{Error, Result};
use crate::time::Instant;
use crate::transport::{DatagramContext, Path};

impl<'m> Endpoint<'m> {
    /// Opens an exchange for a message that came, if there is room.
    pub(super) fn open_exchange(
        &mut self,
        age: u32,
        peer: u16,
        message_id: u16,
        flags: u16,
    ) -> Option<&'m Exchange> {
        // A server's table is full most of the time: the search for a free place is spared then.
        let take = |this: &Self| this.tables.take(EXCHANGE, this.freed, peer, flags);
        let mut place = if self.full { None } else { take(self) };
        if place.is_none() {
            if self.reclaim(false) {
                place = take(self);
            }
            self.full = true;
        }
        let exchange = self.tables.exchanges.get(place?)?;
        let head = &exchange.head;
        head.stage.set(Stage::Working);
        exchange.peer_id.set(message_id);
        exchange.resource.set(None);
        exchange.observer.set(None);
        exchange.transfer.set(None);
        self.wait(head, age);
        Some(exchange)
    }

    /// Keeps a message, forgetting answered exchanges if that makes room.
    pub(super) fn store(&mut self, owner: &Head, message: &[u8]) -> Result<()> {
        if !self.pool.could_hold(message.len()) {
            return Err(Error::Full);
        }
        loop {
            let stored = self.pool.put(&self.tables, owner, message);
            if stored != Err(Error::Full) {
                return stored;
            }
            // Records of responses keep no message.
            if !cfg!(feature = "coap-server") || !self.reclaim(true) {
                self.count_full();
                return stored;
            }
        }
    }

    /// The same for the message that lies in the scratch buffer.
    #[inline(never)]
    pub(super) fn store_built(&mut self, owner: &Head, length: usize) -> Result<()> {
        let scratch = core::mem::take(&mut self.scratch);
        let stored = self.store(owner, scratch.get(..length).unwrap_or_default());
        self.scratch = scratch;
        stored
    }

    #[inline(never)]
    pub(super) fn count_full(&mut self) {
        self.stats.full = self.stats.full.wrapping_add(1);
    }

    /// Forgets an answered exchange: one whose request may be done again without harm if there
    /// is one, and of those the one that was answered longest ago, or nearly so. `stored` when it
    /// must give back room in the pool.
    #[inline(never)]
    fn reclaim(&mut self, stored: bool) -> bool {
        // Places are taken in turn, so those behind the last victim are the oldest.
        let all = self.tables.exchanges;
        let mut place = usize::from(self.hand);
        let mut victim = None;
        for _ in all {
            if place >= all.len() {
                place = 0;
            }
            let Some(exchange) = all.get(place) else { break };
            place += 1;
            let head = &exchange.head;
            if !head.at(Stage::Done) || (stored && head.place.get() == 0) {
                continue;
            }
            if head.is(IDEMPOTENT) {
                victim = Some(exchange);
                break;
            }
            victim = victim.or(Some(exchange));
        }
        let Some(victim) = victim else { return false };
        self.hand = victim.head.key() - EXCHANGE + 1;
        self.stats.forgotten = self.stats.forgotten.wrapping_add(1);
        self.free(&victim.head);
        true
    }

    /// The application has nothing more to do with it.
    #[inline(never)]
    pub(super) fn settle(&mut self, exchange: &Exchange) {
        let head = &exchange.head;
        // Without a server there are records of responses only, with which nothing is to be done.
        if head.at(Stage::Done) || !cfg!(feature = "coap-server") {
            return;
        }
        head.stage.set(Stage::Done);
        if let Some(transfer) = self.tables.transfer(exchange.transfer.take()) {
            transfer.head.stage.set(Stage::Free);
        }
        if head.is(NOTIFY) {
            // The next observer, or the next state, has its turn.
            peers::less(&self.peer_of(head).notifying);
            if let Some(observer) = self.tables.observer(exchange.observer.get()) {
                observer.exchange.set(None);
            }
            self.notify_at = Instant::ZERO;
        }
    }

    /// From now on it only tells duplicates. A notification is none.
    pub(super) fn finish_exchange(&mut self, exchange: &Exchange) {
        let head = &exchange.head;
        if head.is(NOTIFY) {
            return self.free(head);
        }
        self.settle(exchange);
        let age = if head.is(CON) { self.lifetime } else { self.non_lifetime };
        self.wait(head, age);
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
        let same = |exchange: &&Exchange| {
            exchange.peer_id.get() == message.message_id
                && exchange.head.is_of(peer)
                && !exchange.head.is(NOTIFY)
        };
        let Some(exchange) = self.tables.exchanges.iter().find(same) else { return false };
        let head = &exchange.head;
        let done = head.at(Stage::Done);
        if done && head.due.get().is_due(self.now) {
            self.free(head);
            return false;
        }
        self.stats.duplicates = self.stats.duplicates.wrapping_add(1);
        if head.is(ACKED) && message.kind == Type::Con {
            self.send_empty(cx, path, empty(Type::Ack, message.message_id));
        } else if done && head.is(CON) && cfg!(feature = "coap-server") {
            let _ = self.send_stored(cx, head);
        }
        true
    }

    /// A confirmable answer has arrived, or (`!taken`) the peer wants none of it.
    pub(super) fn delivered(&mut self, exchange: &Exchange, taken: bool) {
        if !cfg!(feature = "coap-server") {
            return;
        }
        let head = &exchange.head;
        let observer = self.tables.observer(exchange.observer.get());
        // What was sent more than once says nothing of the round-trip time.
        if taken && head.tries.get() == 0 {
            let sent = head.due.get().0.saturating_sub(head.delay.get().into());
            self.peer_of(head).acknowledged(self.now.since(Instant(sent)));
        }
        if let Some(observer) = observer {
            if taken {
                observer.head.due.set(self.now);
                observer.head.count.set(0);
            } else {
                self.free(&observer.head);
            }
        }
        self.pool.remove(head);
        self.finish_exchange(exchange);
    }

    /// The time of an exchange has come.
    pub(super) fn exchange_due(&mut self, cx: &mut DatagramContext<'_>, exchange: &Exchange) {
        let head = &exchange.head;
        match head.stage.get() {
            Stage::Working if head.flags.get() & (CON | ACKED) == CON => {
                self.acknowledge(cx, exchange);
                self.wait(head, self.lifetime);
            }
            Stage::Sending => {
                if !self.send_again(cx, head, self.config.params.max_retransmit) {
                    // Nobody there: an observer is no longer interested (RFC 7641 §4.5).
                    self.count_timeout();
                    self.delivered(exchange, false);
                }
            }
            Stage::Leisure => {
                let _ = self.send_stored(cx, head);
                self.finish_exchange(exchange);
            }
            stage => {
                if stage == Stage::Working {
                    // The application never answered.
                    self.count_timeout();
                }
                self.free(head);
            }
        }
    }

    pub(super) fn count_timeout(&mut self) {
        self.stats.timeouts = self.stats.timeouts.wrapping_add(1);
    }
}
