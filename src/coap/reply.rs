// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server: building an answer and sending it the way the request wants it.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::event::Response;
use super::exchange::{self, Exchange, Stage};
use super::key;
use super::link::Window;
use super::listing;
use super::message;
use super::pool::Key;
use super::wire::{Block, Code, Encoder, Message, Type, number};
use crate::backoff::Backoff;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::DatagramContext;

/// Answers up to this size, in bytes, go to peers that have not shown that they are where they
/// say (RFC 9175 §2.4).
const UNVERIFIED_SIZE: usize = 136;
/// Room for the payload marker's neighbours Block2 and Size2 at their longest.
const BLOCK_OPTIONS: usize = 10;
/// So many notifications in a row an observer gets without having to acknowledge one.
const MAX_UNCONFIRMED: u8 = 20;
/// A body beyond this goes in blocks even if one message could hold it (RFC 7252 §4.6).
const MAX_PAYLOAD: usize = 1024;

/// What came of building an answer.
struct Built {
    length: usize,
    code: Code,
    /// The body goes on after the block.
    more: bool,
    /// A fingerprint of the request.
    key: u32,
    method: Code,
    no_response: Option<u32>,
}

impl Endpoint<'_> {
    /// Answers a request of a peer, during its event or later.
    ///
    /// # Errors
    /// [`Error::Stale`] when it was answered already or nobody waits any more,
    /// [`Error::TooLarge`] when the options leave no room, [`Error::Full`] when a confirmable
    /// answer finds no room in the pool, [`Error::Invalid`] for a code that is no response or a
    /// payload that does not hold the block that was asked for.
    /// After an error the request may be answered again.
    pub fn respond(
        &mut self,
        cx: &mut DatagramContext<'_>,
        exchange: Handle,
        response: &Response<'_>,
    ) -> Result<()> {
        self.respond_with(cx, exchange, response, false)
    }

    /// The same, with the list of resources for payload if `listing`.
    pub(super) fn respond_with(
        &mut self,
        cx: &mut DatagramContext<'_>,
        handle: Handle,
        response: &Response<'_>,
        listing: bool,
    ) -> Result<()> {
        let waiting = self.exchanges.get(handle).filter(|exchange| exchange.stage == Stage::Working);
        let exchange = *waiting.ok_or(Error::Stale)?;
        if !response.code.is_response() {
            return Err(Error::Invalid);
        }
        let peer = self.peers.get(exchange.peer).ok_or(Error::Stale)?;
        let (path, verified) = (peer.path, peer.verified);
        let piggybacked = exchange.is(exchange::CON) && !exchange.is(exchange::ACKED | exchange::GROUP);
        let confirmable = if exchange.is(exchange::NOTIFY) {
            // An error is the last thing that the observer hears (RFC 7641 §4.2): it has to arrive.
            response.confirmable || !response.code.is_success() || self.wants_confirmation(cx.now, &exchange)
        } else {
            exchange.is(exchange::CON) || (response.confirmable && !exchange.is(exchange::GROUP))
        };
        let mut kind = match (piggybacked, confirmable) {
            (true, _) => Type::Ack,
            (false, true) => Type::Con,
            (false, false) => Type::Non,
        };
        let id = if piggybacked { exchange.message_id } else { self.take_id(cx, exchange.peer) };
        let mut built = self.build(cx, handle, &exchange, response, listing, kind, id)?;
        let amplified = built.length > UNVERIFIED_SIZE.max(usize::from(exchange.size) * 3);
        if self.config.amplification_limit
            && amplified
            && !verified
            && !exchange.is(exchange::NOTIFY)
            && !cx.transport.is_secure(&path)
        {
            // Never retransmitted, since it may go to a victim.
            kind = if piggybacked { Type::Ack } else { Type::Non };
            let challenge = Response::new(Code::UNAUTHORIZED);
            built = self.build(cx, handle, &exchange, &challenge, false, kind, id)?;
        }
        if !matches!(built.method, Code::GET) && cfg!(feature = "coap-block") {
            self.keep_answer(cx, exchange.peer, built.key, built.more);
        }
        if !built.code.is_success() {
            if let Some(observer) = exchange.observer {
                self.drop_observer(observer);
            }
        }
        // A class that the client is not interested in (RFC 7967 §2.1), and to a group's client
        // everything that is no success (RFC 7252 §8.2), is not sent.
        let class = 1u32 << (built.code.class() & 7) >> 1;
        let suppressed = match built.no_response {
            Some(classes) => classes & class != 0,
            None => exchange.is(exchange::GROUP) && !built.code.is_success(),
        };
        if suppressed {
            self.pool.remove(Key::exchange(handle.index()));
            if piggybacked {
                self.send_empty(cx, &path, Type::Ack, exchange.message_id);
                self.set_flag(handle, exchange::ACKED);
            }
            self.finish_exchange(handle);
            return Ok(());
        }
        self.dispatch(cx, handle, kind, id, built.length)
    }

    /// Sends the answer that lies in the scratch buffer, and keeps it as long as that is needed.
    fn dispatch(
        &mut self,
        cx: &mut DatagramContext<'_>,
        handle: Handle,
        kind: Type,
        id: u16,
        length: usize,
    ) -> Result<()> {
        let exchange = *self.exchanges.get(handle).ok_or(Error::Stale)?;
        let path = self.peers.get(exchange.peer).ok_or(Error::Stale)?.path;
        let key = Key::exchange(handle.index());
        let group = exchange.is(exchange::GROUP);
        if kind == Type::Con || group {
            self.store_built(key, length)?;
            let place = self.exchanges.get_mut(handle).ok_or(Error::Stale)?;
            place.flags |= exchange::STORED;
            place.own_id = id;
            if group {
                // Spread over the leisure, so that not all members answer at once (RFC 7252 §8.2).
                place.stage = Stage::Leisure;
                place.due = cx.now.after(cx.random.below(self.config.params.leisure).into());
            } else {
                place.stage = Stage::Sending;
                place.backoff = Backoff::start(&self.config.params.policy(), cx.random);
                place.due = cx.now.after(place.backoff.bound().into());
            }
            let due = place.due;
            self.arm(due);
            if !group {
                self.send_stored(cx, exchange.peer, key);
            }
            return Ok(());
        }
        self.pool.remove(key);
        let message = self.scratch.get(..length).unwrap_or_default();
        let _ = message::send(cx, &mut self.stats, &path, message);
        if exchange.is(exchange::NOTIFY) {
            if let Some(peer) = self.peers.get_mut(exchange.peer) {
                peer.pace(cx.now);
            }
            if let Some(observer) = exchange.observer.and_then(|observer| self.observers.get_mut(observer)) {
                observer.last_id = id;
                observer.unconfirmed = observer.unconfirmed.saturating_add(1);
            }
        } else if kind == Type::Ack {
            if self.store_built(key, length).is_ok() {
                self.set_flag(handle, exchange::STORED);
            } else if exchange.is(exchange::IDEMPOTENT) {
                // Its duplicates may as well be done again.
                self.drop_exchange(handle);
                return Ok(());
            }
        }
        self.finish_exchange(handle);
        Ok(())
    }

    fn set_flag(&mut self, handle: Handle, flag: u8) {
        if let Some(exchange) = self.exchanges.get_mut(handle) {
            exchange.flags |= flag;
        }
    }

    /// Builds an answer in the scratch buffer.
    #[allow(clippy::too_many_arguments)] // One step of one method, split for its length.
    fn build(
        &mut self,
        cx: &DatagramContext<'_>,
        handle: Handle,
        exchange: &Exchange,
        response: &Response<'_>,
        listing: bool,
        kind: Type,
        id: u16,
    ) -> Result<Built> {
        let path = self.peers.get(exchange.peer).ok_or(Error::Stale)?.path;
        let limit = self.limit(cx, &path);
        let head = self.pool.get(Key::exchange(handle.index())).ok_or(Error::Stale)?;
        let request = Message::parse(head)?;
        let room = self.scratch.get_mut(..limit).unwrap_or_default();
        let mut code = response.code;
        let mut out = Encoder::new(room, kind, code, id, request.token)?;
        response.options.put(&mut out)?;
        if exchange.observer.is_some() && code.is_success() && cfg!(feature = "coap-observe") {
            self.sequence = self.sequence.wrapping_add(1) & 0xff_ffff;
            out.uint(number::OBSERVE, self.sequence)?;
        }
        if code == Code::UNAUTHORIZED && self.config.amplification_limit && !out.has(number::ECHO) {
            let echo = self.peers.get(exchange.peer).map(|peer| peer.echo).unwrap_or_default();
            out.option(number::ECHO, &echo)?;
        }
        let asked1 = request.block(number::BLOCK1).filter(|_| cfg!(feature = "coap-block"));
        if let Some(block) = asked1 {
            let szx = block.szx.min(Block::szx_for(limit.saturating_sub(64)));
            out.uint(number::BLOCK1, Block { more: code == Code::CONTINUE, szx, ..block }.bits())?;
        }
        if code == Code::REQUEST_ENTITY_TOO_LARGE {
            let resource = exchange.resource.and_then(|resource| self.resources.get(resource));
            let limit = resource.map_or(0, |resource| match asked1 {
                Some(_) => super::transfer::body_limit(&self.config, resource),
                None => resource.max_body,
            });
            if limit != 0 && !out.has(number::SIZE1) {
                out.uint(number::SIZE1, limit)?;
            }
        }
        // What of the body goes into this message.
        let asked = request.block(number::BLOCK2).filter(|_| cfg!(feature = "coap-block"));
        let queries = request.options;
        let (length, listed) = if listing {
            out.uint(number::CONTENT_FORMAT, LINK_FORMAT)?;
            let list = listing::measure(&self.resources, queries);
            (list.length, list.hash)
        } else {
            (response.payload.len(), 0)
        };
        let offset = asked.filter(|_| code.is_success()).map_or(0, |block| block.offset());
        let skip = offset.checked_sub(response.offset).ok_or(Error::Invalid)? as usize;
        let whole = response.offset == 0 && !response.more;
        let left = length.saturating_sub(skip);
        let room = out.room().min(MAX_PAYLOAD);
        let blockwise = code.is_success()
            && (asked.is_some() || !whole || (length > room && cfg!(feature = "coap-block")));
        let mut rest = left;
        let mut more = false;
        if blockwise
            && whole
            && length > 16 << asked.map_or(6, |block| block.szx).min(Block::szx_for(room))
            && !out.has(number::ETAG)
        {
            // Blocks of different states must be told apart.
            let tag = if listing { listed } else { key::hash(key::EMPTY, response.payload) };
            out.option(number::ETAG, &tag.to_be_bytes())?;
        }
        let known = |tag: &[u8]| request.options.all(number::ETAG).any(|known| known == tag);
        if code == Code::CONTENT && out.value(number::ETAG).is_some_and(known) {
            // The client has it already (RFC 7252 §5.10.6.2).
            code = Code::VALID;
            rest = 0;
        } else if blockwise && left == 0 && offset != 0 {
            // There is no such block.
            code = Code::BAD_REQUEST;
        } else if blockwise {
            let fits = Block::szx_for(out.room().saturating_sub(BLOCK_OPTIONS).min(MAX_PAYLOAD));
            let szx = asked.map_or(6, |block| block.szx).min(fits);
            let size = 16usize << szx;
            if response.more && left < size {
                return Err(Error::Invalid);
            }
            more = left > size || response.more;
            rest = left.min(size);
            out.uint(number::BLOCK2, Block::at(offset, more, szx)?.bits())?;
            let total = if whole { length as u32 } else { response.total };
            let wanted = request.option(number::SIZE2).is_some() || (offset == 0 && more);
            if total != 0 && wanted && !out.has(number::SIZE2) {
                out.uint(number::SIZE2, total)?;
            }
        } else if length > out.room() {
            return Err(Error::TooLarge);
        }
        if code != response.code {
            out.code(code);
        }
        if listing {
            let resources = &self.resources;
            let list = |room: &mut [u8]| listing::write(resources, queries, &mut Window::new(skip, room));
            out.payload_with(rest, list)?;
        } else {
            let payload = response.payload.get(skip..).unwrap_or_default();
            out.payload(payload.get(..rest).unwrap_or_default())?;
        }
        Ok(Built {
            length: out.finish().len(),
            code,
            more,
            // A GET needs none: it can be done again for each block.
            key: if request.code == Code::GET { 0 } else { key::transfer(&request) },
            method: request.code,
            no_response: request.uint(number::NO_RESPONSE),
        })
    }

    /// Whether a notification has to be confirmable, because the last that was is a day ago
    /// (RFC 7641 §4.5), or because a client of whose interest nothing shows has got many since (§7).
    fn wants_confirmation(&self, now: Instant, exchange: &Exchange) -> bool {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        let observer = exchange.observer.and_then(|observer| self.observers.get(observer));
        observer.is_some_and(|observer| {
            observer.unconfirmed >= MAX_UNCONFIRMED || now.since(observer.confirmed) >= DAY
        })
    }
}

/// The Content-Format `application/link-format`.
const LINK_FORMAT: u32 = 40;
