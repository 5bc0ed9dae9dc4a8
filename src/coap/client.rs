// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client: requests, from their start to their one terminal event.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::event::{Event, Request};
use super::message;
use super::params::Params;
use super::pending::{self, Pending, Wait};
use super::pool::Key;
use super::response::NO_SEQUENCE;
use super::wire::{Block, Code, Encoder, Message, Type, number, uint};
use crate::address::Ip;
use crate::backoff::Backoff;
use crate::bytes;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::{DatagramContext, Path};

/// By how much sooner than for an acknowledgement to look again when the transport has no room and
/// does not tell when it has: 62 milliseconds at first by default.
const BLOCKED: u32 = 32;

impl Endpoint<'_> {
    /// Starts a request. Exactly one terminal event follows ([`Event::terminates`]).
    ///
    /// When NSTART requests are outstanding at the peer it waits for its turn.
    ///
    /// # Errors
    /// [`Error::Full`] when a table or the message pool is full or all message IDs for the peer
    /// are taken, [`Error::TooLarge`] when options leave no room in a message,
    /// [`Error::Invalid`] for a code that is no method, a token longer than 8 bytes, an offset at
    /// which no block starts or a payload shorter than the first block. No event follows an error.
    pub fn request(&mut self, cx: &mut DatagramContext<'_>, request: &Request<'_>) -> Result<Handle> {
        if !request.method.is_request() {
            return Err(Error::Invalid);
        }
        let params = request.params.copied().unwrap_or(self.config.params);
        let group = request.path.remote.ip.is_multicast();
        let mut pending = self.pending(cx, &request.path, &params)?;
        match request.token {
            Some(token) if token.len() > 8 => return Err(Error::Invalid),
            Some(token) => pending.token_length = bytes::copy(&mut pending.token, token) as u8,
            None => self.draw_token(cx, &mut pending),
        }
        pending.szx = request.szx.min(6);
        pending.timeout = match request.timeout {
            0 if group => params.leisure.saturating_add(params.ack_timeout.saturating_mul(2)),
            0 if request.confirmable => params.exchange_lifetime(),
            0 => params.max_transmit_wait(),
            timeout => timeout,
        };
        pending.flags = if group { pending::GROUP } else { u16::from(request.confirmable) * pending::CON };
        if request.observe && cfg!(feature = "coap-observe") {
            pending.flags |= pending::OBSERVE;
            pending.etag = NO_SEQUENCE;
        }
        if request.one_block {
            pending.flags |= pending::ONE_BLOCK;
        }
        let limit = self.limit(cx, &request.path);
        let room = self.scratch.get_mut(..limit).unwrap_or_default();
        let kind = if pending.is(pending::CON) { Type::Con } else { Type::Non };
        let mut out = Encoder::new(room, kind, request.method, 0, pending.token())?;
        request.options.put(&mut out)?;
        if pending.is(pending::OBSERVE) {
            out.uint(number::OBSERVE, 0)?;
        }
        if request.offset != 0 || (request.szx < 6 && !request.more && request.payload.is_empty()) {
            pending.offset = request.offset;
            out.uint(number::BLOCK2, Block::at(request.offset, false, pending.szx)?.bits())?;
        }
        let length = request.payload.len();
        let whole = !request.more && request.total as usize <= length;
        if (whole && length <= out.room() && length <= 16 << pending.szx) || !cfg!(feature = "coap-block") {
            out.payload(request.payload)?;
        } else {
            // Room for Block1, Size1 and Request-Tag, each at its longest.
            pending.szx = pending.szx.min(Block::szx_for(out.room().saturating_sub(18)));
            let size = 16 << pending.szx;
            let first = request.payload.get(..size).ok_or(Error::Invalid)?;
            out.uint(number::BLOCK1, Block { num: 0, more: true, szx: pending.szx }.bits())?;
            let total = if whole { length as u32 } else { request.total };
            if total != 0 {
                out.uint(number::SIZE1, total)?;
            }
            if !out.has(number::REQUEST_TAG) {
                out.option(number::REQUEST_TAG, &self.order.to_be_bytes())?;
            }
            out.payload(first)?;
            pending.flags |= pending::UPLOAD;
        }
        if out.value(number::NO_RESPONSE).and_then(uint) == Some(NO_RESPONSE_AT_ALL)
            && !pending.is(pending::CON)
        {
            pending.timeout = 0;
        }
        let length = out.finish().len();
        self.start(cx, pending, length)
    }

    /// Asks whether the peer is there (RFC 7252 §4.3, "CoAP ping"). Ends with
    /// [`Event::Ended`]: `Ok` if it is.
    ///
    /// # Errors
    /// As [`request`](Endpoint::request).
    pub fn ping(&mut self, cx: &mut DatagramContext<'_>, path: &Path) -> Result<Handle> {
        let params = self.config.params;
        let mut pending = self.pending(cx, path, &params)?;
        pending.flags = pending::CON | pending::PING;
        pending.timeout = params.max_transmit_wait();
        let out = Encoder::new(self.scratch, Type::Con, Code::EMPTY, 0, &[])?;
        let length = out.finish().len();
        self.start(cx, pending, length)
    }

    /// An entry for a request along `path`, not yet in the table.
    fn pending(&mut self, cx: &mut DatagramContext<'_>, path: &Path, params: &Params) -> Result<Pending> {
        if self.requests.is_full() {
            self.count_full();
            return Err(Error::Full);
        }
        let peer = self.peer(cx, path, true)?;
        let lifetime = self.lifetime;
        if self.peers.get(peer).is_none_or(|peer| peer.is_exhausted(cx.now, lifetime)) {
            return Err(Error::Full);
        }
        self.order = self.order.wrapping_add(1);
        Ok(Pending {
            due: cx.now,
            token: [0; 8],
            backoff: Backoff::start(&params.policy(), cx.random),
            timeout: 0,
            offset: 0,
            etag: 0,
            other: 0,
            peer,
            message_id: 0,
            order: self.order,
            flags: 0,
            wait: Wait::Turn,
            token_length: 0,
            szx: 6,
            retries: params.max_retransmit,
        })
    }

    /// Draws a token: 32 random bits, which on a secured path are followed by a number that is
    /// never used again (RFC 7252 §5.3.1, RFC 9175 §4.2).
    pub(super) fn draw_token(&mut self, cx: &mut DatagramContext<'_>, pending: &mut Pending) {
        let random = cx.random.u32();
        let taken = |other: &Pending| {
            other.token_length == 4 && other.token.first_chunk() == Some(&random.to_be_bytes())
        };
        let random = if self.requests.find(taken).is_some() { random.wrapping_add(1) } else { random };
        self.tokens = self.tokens.wrapping_add(1);
        let [a, b, c, d] = random.to_be_bytes();
        let [e, f, g, h] = self.tokens.to_be_bytes();
        pending.token = [a, b, c, d, e, f, g, h];
        let secure = self.peers.get(pending.peer).is_some_and(|peer| cx.transport.is_secure(&peer.path));
        pending.token_length = if secure { 8 } else { 4 };
    }

    /// How long a message along this path may be.
    pub(super) fn limit(&self, cx: &DatagramContext<'_>, path: &Path) -> usize {
        cx.transport.max_size(path).min(self.scratch.len())
    }

    /// Puts a request in the table whose message lies in the scratch buffer, and sends it if it
    /// is its turn.
    pub(super) fn start(
        &mut self,
        cx: &mut DatagramContext<'_>,
        pending: Pending,
        length: usize,
    ) -> Result<Handle> {
        let handle = self.requests.insert(pending)?;
        if let Err(error) = self.store_built(Key::request(handle.index()), length) {
            self.requests.remove(handle);
            return Err(error);
        }
        self.peers.pin(pending.peer);
        self.take_turn(cx, handle);
        Ok(handle)
    }

    /// Sends a request's message if it is its turn.
    pub(super) fn take_turn(&mut self, cx: &mut DatagramContext<'_>, handle: Handle) {
        let Some(pending) = self.requests.get(handle).copied() else { return };
        let Some(peer) = self.peers.get(pending.peer) else { return };
        let (outstanding, quiet_until) = (peer.outstanding, peer.quiet_until);
        let ahead = |other: &Pending| {
            other.wait == Wait::Turn
                && other.peer == pending.peer
                && (other.order.wrapping_sub(pending.order) as i16) < 0
        };
        let mut due = Instant::NEVER;
        if pending.is(pending::GROUP) || pending.is(pending::OUTSTANDING) {
            return self.send_request(cx, handle);
        }
        if outstanding < self.config.params.nstart && self.requests.find(ahead).is_none() {
            if quiet_until <= cx.now {
                return self.send_request(cx, handle);
            }
            due = quiet_until;
        }
        if let Some(pending) = self.requests.get_mut(handle) {
            pending.due = due;
        }
        self.arm(due);
    }

    /// Sends a request's message for the first time, with a fresh message ID.
    fn send_request(&mut self, cx: &mut DatagramContext<'_>, handle: Handle) {
        let Some(mut pending) = self.requests.get(handle).copied() else { return };
        let Some(path) = self.peers.get(pending.peer).map(|peer| peer.path) else { return };
        pending.message_id = self.take_id(cx, pending.peer);
        let Some(message) = self.pool.get_mut(Key::request(handle.index())) else { return };
        message::stamp(message, pending.message_id);
        match message::send(cx, &mut self.stats, &path, message) {
            Ok(()) if pending.is(pending::CON) => {
                pending.wait = Wait::Ack;
                pending.backoff.restart();
                pending.due = cx.now.after(pending.backoff.bound().into());
            }
            Ok(()) => {
                pending.wait = Wait::Response;
                pending.due = cx.now.after(pending.timeout.into());
            }
            // A few looks at growing distance; then it counts as sent and lost, so that it ends.
            Err(Error::WouldBlock) if pending.backoff.again_within(pending.retries) => {
                pending.due = cx.now.after(u64::from(pending.backoff.bound() / BLOCKED));
            }
            Err(Error::WouldBlock) if pending.is(pending::CON) => {
                pending.wait = Wait::Ack;
                pending.backoff.restart();
                pending.due = cx.now.after(pending.backoff.bound().into());
            }
            Err(Error::WouldBlock) => pending.end(cx.now, Error::Transport),
            Err(error) => {
                pending.end(cx.now, error);
                // Perhaps the own address is gone: let the transport choose next time.
                if let Some(peer) = self.peers.get_mut(pending.peer) {
                    peer.path.local = Ip::UNSPECIFIED;
                }
            }
        }
        if pending.wait != Wait::Turn && !pending.is(pending::GROUP | pending::OUTSTANDING) {
            pending.flags |= pending::OUTSTANDING;
            if let Some(peer) = self.peers.get_mut(pending.peer) {
                peer.outstanding = peer.outstanding.saturating_add(1);
            }
        }
        let due = pending.due;
        if let Some(place) = self.requests.get_mut(handle) {
            *place = pending;
        }
        self.arm(due);
    }

    /// Ends a request of ours. An observation is deregistered at the peer. The terminal event,
    /// with [`Error::Cancelled`], comes from the next [`poll`](Endpoint::poll).
    ///
    /// # Errors
    /// [`Error::Stale`] when it has ended already.
    pub fn cancel(&mut self, cx: &mut DatagramContext<'_>, request: Handle) -> Result<()> {
        let pending = self.requests.get(request).filter(|pending| pending.wait != Wait::End);
        let pending = *pending.ok_or(Error::Stale)?;
        if pending.wait == Wait::Notification {
            self.deregister(cx, request, &pending);
        }
        self.fail(cx.now, request, Error::Cancelled);
        Ok(())
    }

    /// Lets a request end with `error`.
    pub(super) fn fail(&mut self, now: Instant, request: Handle, error: Error) {
        self.release(now, request);
        if let Some(pending) = self.requests.get_mut(request) {
            pending.end(now, error);
        }
        self.arm(now);
    }

    /// A request no longer counts as outstanding: the next one may have its turn.
    pub(super) fn release(&mut self, now: Instant, request: Handle) {
        let Some(pending) = self.requests.get_mut(request) else { return };
        if !pending.is(pending::OUTSTANDING) {
            return;
        }
        pending.flags &= !pending::OUTSTANDING;
        let index = pending.peer;
        if let Some(peer) = self.peers.get_mut(index) {
            peer.outstanding = peer.outstanding.saturating_sub(1);
        }
        for (_, next) in self.requests.iter_mut().filter(|(_, next)| next.peer == index && next.is_blocked())
        {
            next.due = now;
        }
        self.arm(now);
    }

    /// Takes a request out of the table, and what was fetched for it.
    pub(super) fn close(&mut self, now: Instant, request: Handle) {
        self.release(now, request);
        let Some(gone) = self.requests.remove(request) else { return };
        self.pool.remove(Key::request(request.index()));
        self.peers.unpin(gone.peer);
        if gone.is(pending::OBSERVE) {
            while let Some(child) = self.requests.find(|other| other.parent() == Some(request)) {
                self.release(now, child);
                self.requests.remove(child);
                self.pool.remove(Key::request(child.index()));
                self.peers.unpin(gone.peer);
            }
        }
    }

    /// Closes a request and reports how it ended, unless it only served an observation.
    fn ended<'d>(&mut self, now: Instant, request: Handle, result: Result<()>) -> Option<Event<'d>> {
        let parent = self.requests.get(request)?.parent();
        self.close(now, request);
        if parent.is_some() {
            return None;
        }
        Some(Event::Ended { request, result })
    }

    /// An empty ACK or a RST answers a request.
    pub(super) fn request_answered_empty<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        request: Handle,
        reset: bool,
    ) -> Option<Event<'d>> {
        let pending = self.requests.get_mut(request)?;
        if pending.is(pending::PING) {
            return self.ended(cx.now, request, Ok(()));
        }
        if reset {
            return self.ended(cx.now, request, Err(Error::Reset));
        }
        if pending.wait == Wait::Ack {
            pending.wait = Wait::Response;
            pending.due = cx.now.after(pending.timeout.into());
            let due = pending.due;
            self.arm(due);
            let message = self.pool.get(Key::request(request.index())).map(Message::parse);
            if let Some(Ok(message)) = message {
                // Nobody shall answer (RFC 7967): the ACK is all there is.
                if message.uint(number::NO_RESPONSE) == Some(NO_RESPONSE_AT_ALL) {
                    return self.ended(cx.now, request, Ok(()));
                }
            }
        }
        None
    }

    /// The time of a request has come.
    pub(super) fn request_due<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        request: Handle,
    ) -> Option<Event<'d>> {
        let mut pending = *self.requests.get(request)?;
        let key = Key::request(request.index());
        match pending.wait {
            Wait::Turn => self.take_turn(cx, request),
            Wait::End => return self.ended(cx.now, request, pending.error().map_or(Ok(()), Err)),
            Wait::Ack if pending.backoff.again_within(pending.retries) => {
                self.stats.retransmitted = self.stats.retransmitted.wrapping_add(1);
                self.send_stored(cx, pending.peer, key);
                pending.due = cx.now.after(pending.backoff.bound().into());
                self.arm(pending.due);
                *self.requests.get_mut(request)? = pending;
            }
            // The representation has gone stale and nobody said so: register again.
            Wait::Notification => {
                pending.wait = Wait::Turn;
                pending.order = self.order;
                *self.requests.get_mut(request)? = pending;
                self.take_turn(cx, request);
            }
            Wait::Ack | Wait::Response | Wait::Block => {
                let message = self.pool.get(key).unwrap_or_default();
                let length = message.len();
                let unanswered = Message::parse(message).ok().and_then(|m| m.uint(number::NO_RESPONSE));
                let enough = pending.is(pending::GROUP)
                    || (pending.wait == Wait::Response && unanswered.is_some_and(|bits| bits != 0));
                if enough {
                    return self.ended(cx.now, request, Ok(()));
                }
                self.stats.timeouts = self.stats.timeouts.wrapping_add(1);
                // Leave a silent peer alone for as long as PROBING_RATE says.
                // A message is shorter than 64 KiB, so that 32 bits suffice.
                let rate = self.config.params.probing_rate;
                let pause = (length as u32).saturating_mul(1000).checked_div(rate).unwrap_or(0);
                let waited = if pending.wait == Wait::Ack { u32::MAX } else { pending.timeout };
                if let Some(peer) = self.peers.get_mut(pending.peer) {
                    peer.quiet_until = cx.now.after(pause.saturating_sub(waited).into());
                }
                return self.ended(cx.now, request, Err(Error::Timeout));
            }
        }
        None
    }
}

/// The value of No-Response that suppresses all classes: 2.xx, 4.xx and 5.xx.
pub(super) const NO_RESPONSE_AT_ALL: u32 = 26;
