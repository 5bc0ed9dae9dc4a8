// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client: requests, from their start to their one terminal event.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::entry::{CON, GROUP, Stage};
use super::event::{Event, Request};
use super::params::Params;
use super::peers::UNHEARD;
use super::pending::{self, Pending};
use super::response::NO_SEQUENCE;
use super::tables::{REQUEST, raw};
use super::wire::{self, Bits, Encoder, Type, number, token};
use crate::address::Ip;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::{DatagramContext, Path};

/// By how much sooner than for an acknowledgement to look again when the transport has no room and
/// does not tell when it has: 125 milliseconds or more at first by default.
const BLOCKED: u32 = 32;

impl<'m> Endpoint<'m> {
    /// Starts a request. Exactly one terminal event follows ([`Event::terminates`]).
    ///
    /// When NSTART requests are outstanding at the peer it waits for its turn.
    ///
    /// # Errors
    /// [`Error::Full`] when a table or the message pool is full or all message IDs for the peer
    /// are taken, [`Error::TooLarge`] when options leave no room in a message,
    /// [`Error::Invalid`] for a code that is no method, a token longer than 8 bytes in
    /// what is not confirmable, an offset at
    /// which no block starts or a payload shorter than the first block, [`Error::Unsupported`] for what this build
    /// lacks. No event follows an error.
    pub fn request(&mut self, cx: &mut DatagramContext<'_>, request: &Request<'_>) -> Result<Handle> {
        self.now = cx.now;
        if !request.method.is_request() {
            return Err(Error::Invalid);
        }
        let in_blocks = request.offset != 0 || request.one_block || request.more;
        if (request.observe && !cfg!(feature = "coap-observe"))
            || (in_blocks && !cfg!(feature = "coap-block"))
        {
            return Err(Error::Unsupported);
        }
        let pending = self.begin(cx, &request.path, request.params)?;
        let built = self.build_request(cx, pending, request);
        self.start(cx, pending, built)
    }

    /// Builds the first message of a request in the scratch buffer.
    fn build_request(
        &mut self,
        cx: &mut DatagramContext<'_>,
        pending: &Pending,
        request: &Request<'_>,
    ) -> Result<usize> {
        let head = &pending.head;
        let group = request.path.remote.ip.is_multicast();
        let mut flags = if group { GROUP } else { u16::from(request.confirmable) * CON };
        let mut room = [0; 8];
        let token = match request.token {
            // Whether the peer understands it is found out by trying, which a Reset has to tell of (RFC 8974 §2.2.2).
            Some(token) if token.len() > room.len() && flags & CON == 0 => return Err(Error::Invalid),
            Some(token) => token,
            None => self.draw_token(cx, head.peer.get(), &mut room),
        };
        let params = request.params.unwrap_or(&self.config.params);
        let timeout = match request.timeout {
            0 if group => params.leisure.saturating_add(params.ack_timeout.saturating_mul(2)),
            0 if request.confirmable => params.exchange_lifetime(),
            0 => params.max_transmit_wait(),
            timeout => timeout,
        };
        if request.observe {
            flags |= pending::OBSERVE;
            pending.known.set(NO_SEQUENCE);
        }
        if request.one_block {
            flags |= pending::ONE_BLOCK;
        }
        let mut szx = request.szx.min(6);
        let limit = self.limit(cx, head.peer.get());
        let room = self.scratch.get_mut(..limit).unwrap_or_default();
        let kind = if flags & CON != 0 { Type::Con } else { Type::Non };
        let mut out = Encoder::start(room, wire::head(kind, request.method, 0), token);
        request.options.put(&mut out)?;
        self.owed.put(head.peer.get(), &mut out, request.payload.len().min(16 << szx));
        if flags & pending::OBSERVE != 0 {
            out.add(number::OBSERVE, 0);
        }
        let length = request.payload.len();
        let asks_for_block = request.offset != 0 || (szx < 6 && !request.more && length == 0);
        if asks_for_block && cfg!(feature = "coap-block") {
            pending.offset.set(request.offset);
            if request.offset & ((16 << szx) - 1) != 0 {
                return Err(Error::Invalid);
            }
            out.add(number::BLOCK2, Bits::at(request.offset, false, szx)?.0);
        }
        let whole = !request.more && request.total as usize <= length;
        let mut payload = request.payload;
        if cfg!(feature = "coap-block") && !(whole && length <= out.room().min(16 << szx)) {
            // Room for Block1, Size1 and Request-Tag, each at its longest.
            szx = Bits::szx_within(out.room().saturating_sub(18), szx);
            payload = payload.get(..16 << szx).ok_or(Error::Invalid)?;
            out.add(number::BLOCK1, 8 | u32::from(szx));
            let total = if whole { length as u32 } else { request.total };
            if total != 0 {
                out.add(number::SIZE1, total);
            }
            if !out.has(number::REQUEST_TAG) {
                let _ = out.option(number::REQUEST_TAG, &self.order.to_be_bytes());
            }
            flags |= pending::UPLOAD;
        }
        head.flags.set(head.flags.get() | flags);
        pending.timeout.set(timeout);
        pending.szx.set(szx);
        let _ = out.payload(payload);
        out.end()
    }

    /// Asks whether the peer is there (RFC 7252 §4.3, "CoAP ping"). Ends with
    /// [`Event::Ended`]: `Ok` if it is.
    ///
    /// # Errors
    /// As [`request`](Endpoint::request).
    pub fn ping(&mut self, cx: &mut DatagramContext<'_>, path: &Path) -> Result<Handle> {
        self.now = cx.now;
        let pending = self.begin(cx, path, None)?;
        pending.head.set(CON | pending::PING);
        pending.timeout.set(self.config.params.max_transmit_wait());
        let length = self.build_empty(Type::Con, 0);
        self.start(cx, pending, Ok(length))
    }

    /// A new entry for a request along `path`.
    fn begin(
        &mut self,
        cx: &mut DatagramContext<'_>,
        path: &Path,
        params: Option<&Params>,
    ) -> Result<&'m Pending> {
        let pending = self.take_request().ok_or(Error::Full)?;
        let head = &pending.head;
        let peer = self.peer(cx, path, true);
        let has_ids = |peer: &u16| self.peers.get(*peer).has_ids_from(self.lifetime).is_due(self.now);
        let Some(peer) = peer.filter(has_ids) else {
            self.free(head);
            return Err(Error::Full);
        };
        self.order = self.order.wrapping_add(1);
        let params = params.unwrap_or(&self.config.params);
        head.peer.set(peer);
        head.delay.set(params.first_delay(cx.random));
        pending.order.set(self.order);
        pending.offset.set(0);
        pending.known.set(0);
        head.count.set(params.max_retransmit);
        Ok(pending)
    }

    /// A free place for a request.
    pub(super) fn take_request(&mut self) -> Option<&'m Pending> {
        let place = self.tables.take(REQUEST, self.freed, 0, 0);
        if place.is_none() {
            self.count_full();
        }
        self.tables.requests.get(place?)
    }

    /// Draws a token: 32 random bits, which on a secured path are followed by a number that is
    /// never used again (RFC 7252 §5.3.1, RFC 9175 §4.2).
    pub(super) fn draw_token<'t>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        peer: u16,
        room: &'t mut [u8; 8],
    ) -> &'t [u8] {
        let random = cx.random.u32();
        let taken = |other: &Pending| token(self.pool.get(&other.head)) == random.to_be_bytes();
        let random = random.wrapping_add(self.tables.requests.iter().any(taken).into());
        self.tokens = self.tokens.wrapping_add(1);
        *room = (u64::from(random) << 32 | u64::from(self.tokens)).to_be_bytes();
        room.get(..if self.is_secure(cx, peer) { 8 } else { 4 }).unwrap_or_default()
    }

    /// Keeps a new request's message, which lies in the scratch buffer, and sends it if it is its turn.
    /// If there is no message, there is no request.
    pub(super) fn start(
        &mut self,
        cx: &mut DatagramContext<'_>,
        pending: &Pending,
        built: Result<usize>,
    ) -> Result<Handle> {
        let sent = self.send_next(cx, pending, built);
        if sent.is_err() {
            self.free(&pending.head);
        }
        sent.and(pending.head.handle().ok_or(Error::Full))
    }

    /// Keeps the next message of a request, which lies in the scratch buffer, and sends it if it is its turn.
    #[inline(never)] // One copy.
    pub(super) fn send_next(
        &mut self,
        cx: &mut DatagramContext<'_>,
        pending: &Pending,
        built: Result<usize>,
    ) -> Result<()> {
        self.store_built(&pending.head, built?)?;
        pending.head.stage.set(Stage::Turn);
        self.take_turn(cx, pending);
        Ok(())
    }

    /// Sends a request's message if it is its turn.
    #[inline(never)]
    pub(super) fn take_turn(&mut self, cx: &mut DatagramContext<'_>, pending: &Pending) {
        let head = &pending.head;
        if !head.is(GROUP | pending::OUTSTANDING) {
            let mut room = self.config.params.nstart;
            for other in self.tables.requests {
                let ahead = other.head.at(Stage::Turn)
                    && (other.order.get().wrapping_sub(pending.order.get()) as i16) < 0;
                if other.head.is_of(head.peer.get()) && (ahead || other.head.is(pending::OUTSTANDING)) {
                    room = if ahead { 0 } else { room.saturating_sub(1) };
                }
            }
            if room == 0 {
                return head.due.set(Instant::NEVER);
            }
            let peer = self.peer_of(head);
            let due = peer.quiet_until.get().max(peer.has_ids_from(self.lifetime));
            if due > self.now {
                return self.wait_until(head, due);
            }
        }
        self.send_request(cx, pending);
    }

    /// Sends a request's message for the first time, with a fresh message ID.
    fn send_request(&mut self, cx: &mut DatagramContext<'_>, pending: &Pending) {
        let head = &pending.head;
        let index = head.peer.get();
        let id = self.take_id(index);
        head.message_id.set(id);
        wire::stamp(self.pool.get_mut(head), id);
        let con = head.is(CON);
        let sent = self.send_stored(cx, head);
        if sent == Err(Error::WouldBlock) && head.again(head.count.get()) {
            // A few looks at growing distance; then it counts as sent and lost, so that it ends.
            return self.wait(head, head.patience() / BLOCKED);
        }
        head.tries.set(0);
        match sent {
            Ok(()) | Err(Error::WouldBlock) if con => {
                head.stage.set(Stage::Ack);
                self.wait_for_answer(head);
            }
            Ok(()) => {
                self.peer_of(head).quiet_until.set(UNHEARD);
                self.wait_for_response(pending);
            }
            Err(error) => {
                let blocked = error == Error::WouldBlock;
                self.end(pending, if blocked { Error::Transport } else { error });
                // Perhaps the own address is gone: let the transport choose next time.
                if let Some(path) = self.peers.path(index).filter(|_| !blocked) {
                    path.local = Ip::UNSPECIFIED;
                }
            }
        }
        if !head.is(GROUP) {
            head.set(pending::OUTSTANDING);
        }
    }

    /// Ends a request of ours. An observation is deregistered at the peer. The terminal event,
    /// with [`Error::Cancelled`], comes from the next [`poll`](Endpoint::poll).
    ///
    /// # Errors
    /// [`Error::Stale`] when it has ended already.
    pub fn cancel(&mut self, cx: &mut DatagramContext<'_>, request: Handle) -> Result<()> {
        self.now = cx.now;
        let pending = self.tables.request(request).filter(|pending| !pending.head.at(Stage::End));
        let pending = pending.ok_or(Error::Stale)?;
        if pending.head.at(Stage::Notification) && cfg!(feature = "coap-observe") {
            self.deregister(cx, pending);
        }
        self.end(pending, Error::Cancelled);
        Ok(())
    }

    /// Lets a request end with `error`: its terminal event is to be taken.
    #[inline(never)] // One copy.
    pub(super) fn end(&mut self, pending: &Pending, error: Error) {
        pending.head.stage.set(Stage::End);
        pending.known.set(error.code().unsigned_abs());
        self.wait_until(&pending.head, self.now);
    }

    /// A request no longer counts as outstanding, nor waits for its own turn: the next one may have its turn.
    #[inline(never)]
    pub(super) fn release(&mut self, pending: &Pending) {
        let head = &pending.head;
        if head.is(pending::OUTSTANDING) || head.at(Stage::Turn) || head.at(Stage::End) {
            head.unset(pending::OUTSTANDING);
            self.wake(Some(head.peer.get()));
        }
    }

    /// Takes a request out of the table, and what was fetched for it.
    #[inline(never)]
    pub(super) fn close(&mut self, pending: &Pending) {
        self.release(pending);
        self.free(&pending.head);
        self.close_children(pending);
    }

    /// Drops what is fetched for an observation, if it is one.
    #[inline(never)] // One copy.
    pub(super) fn close_children(&mut self, parent: &Pending) {
        if !parent.head.is(pending::OBSERVE) || !cfg!(feature = "coap-observe") {
            return;
        }
        for child in self.tables.requests {
            if child.head.is_used() && raw(child.parent()) == raw(parent.head.handle()) {
                self.release(child);
                self.free(&child.head);
            }
        }
    }

    /// Closes a request and reports how it ended, unless it only served an observation.
    #[inline(never)]
    fn ended<'d>(&mut self, pending: &Pending, result: Result<()>) -> Option<Event<'d>> {
        self.close(pending);
        if pending.parent().is_some() {
            return None;
        }
        Some(Event::Ended { request: pending.head.handle()?, result })
    }

    /// Nothing is sent again from now on: a response is waited for, if there is to be one.
    #[inline(never)] // One copy.
    fn wait_for_response(&mut self, pending: &Pending) {
        pending.head.stage.set(Stage::Response);
        let unanswered = self.no_response(pending) == Some(NO_RESPONSE_AT_ALL);
        self.wait(&pending.head, if unanswered { 0 } else { pending.timeout.get() });
    }

    /// The No-Response option of a request (RFC 7967).
    fn no_response(&self, pending: &Pending) -> Option<u32> {
        self.pool.message(&pending.head).uint(number::NO_RESPONSE)
    }

    /// An empty ACK or a RST answers a request.
    pub(super) fn request_answered_empty<'d>(&mut self, pending: &Pending, reset: bool) -> Option<Event<'d>> {
        let head = &pending.head;
        if head.is(pending::PING) {
            return self.ended(pending, Ok(()));
        }
        if reset {
            return self.ended(pending, Err(Error::Reset));
        }
        if head.at(Stage::Ack) {
            self.wait_for_response(pending);
            self.release(pending);
        }
        None
    }

    /// The time of a request has come.
    pub(super) fn request_due<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        pending: &Pending,
    ) -> Option<Event<'d>> {
        let head = &pending.head;
        let stage = head.stage.get();
        let mut result = Ok(());
        match stage {
            Stage::Turn | Stage::Notification => {
                if stage == Stage::Notification && cfg!(feature = "coap-observe") {
                    // The representation has gone stale and nobody said so: register again. A server that
                    // was restarted counts its notifications anew.
                    pending.known.set(NO_SEQUENCE);
                    head.stage.set(Stage::Turn);
                    pending.order.set(self.order);
                }
                self.take_turn(cx, pending);
                return None;
            }
            Stage::End => result = pending.error().map_or(Ok(()), Err),
            Stage::Ack if self.send_again(cx, head, head.count.get()) => return None,
            _ => {
                let unanswered = self.no_response(pending).is_some_and(|bits| bits != 0);
                if !(head.is(GROUP) || (stage == Stage::Response && unanswered)) {
                    self.count_timeout();
                    let peer = self.peer_of(head);
                    if stage == Stage::Response && !head.is(CON) && peer.quiet_until.get() != Instant::ZERO {
                        // Leave a silent peer alone for as long as PROBING_RATE says.
                        // A message is shorter than 64 KiB, so that 32 bits suffice.
                        let length = self.pool.get(head).len() as u32;
                        let pause = length.wrapping_mul(1000).checked_div(self.config.params.probing_rate);
                        let pause = pause.unwrap_or(0).saturating_sub(pending.timeout.get());
                        peer.quiet_until.set(self.now.after(pause.into()));
                    }
                    result = Err(Error::Timeout);
                }
            }
        }
        self.ended(pending, result)
    }
}

/// The value of No-Response that suppresses all classes: 2.xx, 4.xx and 5.xx.
const NO_RESPONSE_AT_ALL: u32 = 26;
