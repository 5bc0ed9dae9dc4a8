// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server: observers and what they are told (RFC 7641).
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::entry::{GROUP, Stage};
use super::event::{Cause, Event, Part};
use super::peers;
use super::resources::flags;
use super::served::{DIRTY, Exchange, NOTIFY, Observer};
use super::server::incoming;
use super::tables::{OBSERVER, raw};
use super::wire::{Code, Message, number};
use crate::bytes;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::DatagramContext;

/// How soon to try again when there is no room for a notification, in milliseconds.
const NO_ROOM: u64 = 200;

impl<'m> Endpoint<'m> {
    /// Why the handler is asked: a registration, its end, or neither.
    pub(super) fn cause(
        &mut self,
        exchange: &Exchange,
        resource_flags: u8,
        datagram: &[u8],
        message: &Message<'_>,
    ) -> Cause {
        let Some(wanted) = message.uint(number::OBSERVE) else { return Cause::Request };
        if !cfg!(feature = "coap-observe") || !message.code.is_safe() {
            return Cause::Request;
        }
        let peer = exchange.head.peer.get();
        let known = self.observer_of(peer, message.token);
        let later = message.bits(number::BLOCK2).is_some_and(|block| !block.is_first());
        // A registration is shown again each time, so it has to lie in one message.
        let in_blocks = message.bits(number::BLOCK1).is_some_and(|block| block.more() || !block.is_first());
        let observable = resource_flags & flags::OBSERVABLE != 0;
        if wanted != 0 || !observable || later || in_blocks || exchange.head.is(GROUP) {
            if let Some(known) = known.filter(|_| wanted == 1) {
                self.free(&known.head);
            }
            return Cause::Request;
        }
        let observer = match known {
            Some(known) => known,
            None => {
                let place = self.tables.take(OBSERVER, self.freed, peer, 0);
                let Some(fresh) = place.and_then(|place| self.tables.observers.get(place)) else {
                    self.count_full();
                    return Cause::Request;
                };
                let head = &fresh.head;
                head.stage.set(Stage::Observing);
                head.due.set(self.now);
                fresh.exchange.set(None);
                fresh
            }
        };
        observer.resource.set(exchange.resource.get());
        if self.store(&observer.head, datagram).is_err() {
            self.free(&observer.head);
            return Cause::Request;
        }
        exchange.observer.set(observer.head.handle());
        Cause::Register
    }

    /// The peer's observer with this token.
    fn observer_of(&self, peer: u16, token: &[u8]) -> Option<&'m Observer> {
        self.tables
            .observers
            .iter()
            .find(|observer| observer.head.is_of(peer) && self.pool.message(&observer.head).token == token)
    }

    /// Tells that the state of a resource has changed: each observer is to be notified. The
    /// handler is asked for the state once per observer, with
    /// [`Cause::Notify`](super::Cause::Notify), when it is that observer's turn; changes in
    /// between coalesce. With [`flags::SHARED`] its answer goes to all observers at once that
    /// asked alike and whose turn it is.
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub fn notify(&mut self, resource: Handle) -> Result<()> {
        self.resources.get(resource).ok_or(Error::Stale)?;
        self.changed(resource);
        Ok(())
    }

    /// The observers of a resource, if it has any, are to be told something.
    pub(super) fn changed(&mut self, resource: Handle) {
        for observer in self.tables.observers {
            if observer.head.is_used() && raw(observer.resource.get()) == resource.raw() {
                observer.head.set(DIRTY);
                self.notify_at = Instant::ZERO;
            }
        }
    }

    /// The observer whose turn it is. If there is none, notes when there may be one.
    ///
    /// To one client no more than NSTART notifications are on their way at a time, and what it
    /// does not acknowledge is spaced by the round-trip time, or what stands for it (RFC 7641
    /// §4.5.1). Its observers take turns.
    ///
    /// With `twin`, only one that asked the same of the same resource.
    fn next_observer(&mut self, twin: Option<&Observer>) -> Option<&'m Observer> {
        let all = self.tables.observers;
        let mut later = Instant::NEVER;
        let mut place = usize::from(self.turn);
        for _ in all {
            if place >= all.len() {
                place = 0;
            }
            let Some(observer) = all.get(place) else { break };
            place += 1;
            let head = &observer.head;
            let peer = self.peer_of(head);
            if !head.is_used()
                || !head.is(DIRTY)
                || observer.exchange.get().is_some()
                || peer.notifying.get() >= self.config.params.nstart
                || twin.is_some_and(|twin| !self.is_alike(twin, observer))
            {
                continue;
            }
            let from = peer.notify_from.get();
            if from.is_due(self.now) {
                self.turn = place as u16;
                return Some(observer);
            }
            later = later.min(from);
        }
        if twin.is_none() {
            self.notify_at = later;
        }
        None
    }

    /// Whether two observers asked the same of the same resource.
    fn is_alike(&self, one: &Observer, other: &Observer) -> bool {
        let (first, second) = (self.pool.message(&one.head), self.pool.message(&other.head));
        raw(one.resource.get()) == raw(other.resource.get())
            && first.code == second.code
            && first.options == second.options
            && first.payload == second.payload
    }

    /// Tells what one observer was told to all others that asked alike and whose turn it is, if the
    /// resource allows it: those need not be asked for.
    pub(super) fn share(
        &mut self,
        cx: &mut DatagramContext<'_>,
        told: Option<Handle>,
        response: &super::event::Response<'_>,
    ) {
        let Some(told) = self.tables.observer(told) else { return };
        let resource = told.resource.get().and_then(|resource| self.resources.get(resource));
        // What has changed since is newer than the response.
        if resource.is_none_or(|resource| resource.flags & flags::SHARED == 0) || told.head.is(DIRTY) {
            return;
        }
        for _ in self.tables.observers {
            let Some(observer) = self.next_observer(Some(told)) else { return };
            let Some(exchange) = self.open_notification(observer) else { return };
            if self.respond_to(cx, exchange, response).is_err() {
                // It is asked for when its turn comes.
                return self.postpone(exchange);
            }
        }
    }

    /// Asks the handler for the state that the next observer is to be told, if there is one.
    pub(super) fn next_notification<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        scratch: &'d mut [u8],
    ) -> Option<Event<'d>> {
        let (observer, exchange) = loop {
            let observer = self.next_observer(None)?;
            if self.pool.get(&observer.head).len() > scratch.len() {
                self.count_full();
                self.free(&observer.head);
                continue;
            }
            let Some(exchange) = self.open_notification(observer) else {
                // It stays dirty, and is told once there is room.
                self.notify_at = self.now.after(NO_ROOM);
                return None;
            };
            if self.resources.get(observer.resource.get()?).is_some() {
                break (observer, exchange);
            }
            self.answer(cx, exchange, Code::NOT_FOUND, &[]);
            if observer.head.is(DIRTY) {
                // It is told once there is room.
                return None;
            }
        };
        let length = bytes::copy(scratch, self.pool.get(&observer.head));
        let registration: &'d [u8] = scratch.get(..length).unwrap_or_default();
        let message = &Message::parse(registration).ok()?;
        let path = *self.peers.path(observer.head.peer.get())?;
        let whole = Part { offset: 0, more: false, total: message.payload.len() as u32 };
        incoming(exchange, &path, message, Cause::Notify, &whole)
    }

    /// An observer that could not be told now is to be told later.
    pub(super) fn postpone(&mut self, exchange: &Exchange) {
        if !exchange.head.at(Stage::Working) {
            return;
        }
        if let Some(observer) = self.tables.observer(exchange.observer.get()) {
            observer.head.set(DIRTY);
        }
        self.free(&exchange.head);
        self.notify_at = self.now.after(NO_ROOM);
    }

    /// An exchange in which an observer is told the present state. The request that it answers is
    /// the observer's registration.
    #[inline(never)]
    fn open_notification(&mut self, observer: &Observer) -> Option<&'m Exchange> {
        let peer = observer.head.peer.get();
        let exchange = self.open_exchange(self.lifetime, peer, 0, NOTIFY)?;
        peers::more(&self.peer_of(&exchange.head).notifying);
        observer.head.unset(DIRTY);
        observer.exchange.set(exchange.head.handle());
        exchange.observer.set(observer.head.handle());
        exchange.resource.set(observer.resource.get());
        Some(exchange)
    }
}
