// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server: observers and what they are told (RFC 7641).
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::event::{Cause, Event, Part};
use super::exchange::{self, Exchange, Observer};
use super::pool::Key;
use super::resources::flags;
use super::server::incoming;
use super::wire::{Code, Message, number};
use crate::bytes;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::DatagramContext;

/// How soon to try again when there is no room for a notification, in milliseconds.
const NO_ROOM: u64 = 200;

impl Endpoint<'_> {
    /// Why the handler is asked: a registration, its end, or neither.
    pub(super) fn cause(
        &mut self,
        cx: &DatagramContext<'_>,
        handle: Handle,
        peer: u16,
        datagram: &[u8],
        message: &Message<'_>,
    ) -> Cause {
        let wanted = message.uint(number::OBSERVE);
        if !cfg!(feature = "coap-observe") || wanted.is_none() || !message.code.is_safe() {
            return Cause::Request;
        }
        let Some(exchange) = self.exchanges.get(handle).copied() else { return Cause::Request };
        let Some(resource) = exchange.resource else { return Cause::Request };
        let observable = self.resources.get(resource).is_some_and(|r| r.flags & flags::OBSERVABLE != 0);
        let known = self.observer(peer, message.token);
        let later = message.block(number::BLOCK2).is_some_and(|block| block.num > 0);
        if wanted != Some(0) || !observable || later || exchange.is(exchange::GROUP) {
            if let Some(known) = known.filter(|_| wanted == Some(1)) {
                self.drop_observer(known);
            }
            return Cause::Request;
        }
        let entry = Observer {
            confirmed: cx.now,
            resource,
            exchange: None,
            peer,
            last_id: 0,
            unconfirmed: 0,
            dirty: false,
        };
        let observer = match known {
            Some(known) => known,
            None => match self.observers.insert(entry) {
                Ok(fresh) => {
                    self.peers.pin(peer);
                    fresh
                }
                Err(_) => {
                    self.count_full();
                    return Cause::Request;
                }
            },
        };
        if self.store(Key::observer(observer.index()), datagram).is_err() {
            self.drop_observer(observer);
            return Cause::Request;
        }
        if let Some(exchange) = self.exchanges.get_mut(handle) {
            exchange.observer = Some(observer);
        }
        Cause::Register
    }

    /// The peer's observer with this token.
    fn observer(&self, peer: u16, token: &[u8]) -> Option<Handle> {
        let index = self.pool.find_observer(&mut |index, kept| {
            self.observers.at(index).is_some_and(|(_, observer)| observer.peer == peer)
                && Message::parse(kept).is_ok_and(|kept| kept.token == token)
        })?;
        self.observers.at(index).map(|(handle, _)| handle)
    }

    /// Tells that the state of a resource has changed: each observer is to be notified. The
    /// handler is asked for the state once per observer, with
    /// [`Cause::Notify`](super::Cause::Notify), when it is that observer's turn; changes in
    /// between coalesce.
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub fn notify(&mut self, resource: Handle) -> Result<()> {
        self.resources.get(resource).ok_or(Error::Stale)?;
        for (_, observer) in self.observers.iter_mut().filter(|(_, observer)| observer.resource == resource) {
            observer.dirty = true;
            self.notify_at = Instant::ZERO;
            self.next = Instant::ZERO;
        }
        Ok(())
    }

    /// A Reset to a non-confirmable notification: its observer is gone.
    pub(super) fn forget_notified(&mut self, peer: u16, message_id: u16) {
        let told = |observer: &Observer| observer.peer == peer && observer.last_id == message_id;
        if let Some(observer) = self.observers.find(told) {
            self.drop_observer(observer);
        }
    }

    /// The observer whose turn it is. If there is none, notes when there may be one.
    ///
    /// To one client no more than NSTART notifications are on their way at a time, and what it
    /// does not acknowledge is spaced by the round-trip time, or what stands for it (RFC 7641
    /// §4.5.1). Its observers take turns.
    fn next_observer(&mut self, now: Instant) -> Option<Handle> {
        let most = self.config.params.nstart;
        let count = self.observers.capacity();
        let start = usize::from(self.turn).min(count);
        let mut later = Instant::NEVER;
        for index in (start..count).chain(0..start) {
            let Some((handle, observer)) = self.observers.at(index) else { continue };
            let Some(peer) = self.peers.get(observer.peer) else { continue };
            if !observer.dirty || observer.exchange.is_some() || peer.notifying >= most {
                continue;
            }
            if peer.notify_from.is_due(now) {
                return Some(handle);
            }
            later = later.min(peer.notify_from);
        }
        self.notify_at = later;
        None
    }

    /// Asks the handler for the state that the next observer is to be told, if there is one.
    pub(super) fn next_notification<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        scratch: &'d mut [u8],
    ) -> Option<Event<'d>> {
        let handle = self.next_observer(cx.now)?;
        self.turn = handle.index() as u16 + 1;
        let observer = *self.observers.get(handle)?;
        let registration = self.pool.get(Key::observer(handle.index())).unwrap_or_default();
        let length = bytes::copy(scratch, registration);
        let registration: &'d [u8] = scratch.get(..length).unwrap_or_default();
        let Ok(message) = Message::parse(registration) else {
            // More than the caller's scratch memory holds.
            self.count_full();
            self.drop_observer(handle);
            return None;
        };
        let mut exchange = Exchange::new(cx.now, self.lifetime, observer.peer, 0, exchange::NOTIFY);
        exchange.resource = Some(observer.resource);
        exchange.observer = Some(handle);
        let opened = self.open_exchange(exchange);
        if let Some(peer) = self.peers.get_mut(observer.peer).filter(|_| opened.is_ok()) {
            peer.notifying = peer.notifying.saturating_add(1);
        }
        let stored = opened.and_then(|opened| {
            let body = if message.payload.is_empty() { 0 } else { message.payload.len() + 1 };
            let head = registration.get(..length.saturating_sub(body)).unwrap_or_default();
            self.store(Key::exchange(opened.index()), head)
        });
        if let (Ok(opened), Err(_)) = (opened, stored) {
            self.drop_exchange(opened);
        }
        let Some(opened) = opened.ok().filter(|_| stored.is_ok()) else {
            // It stays dirty, and is told once there is room.
            self.notify_at = cx.now.after(NO_ROOM);
            return None;
        };
        if let Some(observer) = self.observers.get_mut(handle) {
            observer.dirty = false;
            observer.exchange = Some(opened);
        }
        if self.resources.get(observer.resource).is_none() {
            let _ = self.respond(cx, opened, &super::event::Response::new(Code::NOT_FOUND));
            return None;
        }
        let path = self.peers.get(observer.peer)?.path;
        let whole = Part { offset: 0, more: false, total: message.payload.len() as u32 };
        Some(Event::Request(incoming(opened, observer.resource, path, message, Cause::Notify, whole, false)))
    }
}
