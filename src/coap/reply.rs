// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server: building an answer and sending it the way the request wants it.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::entry::{CON, GROUP, Head, Stage};
use super::event::Response;
use super::key;
use super::listing;
use super::served::{ACKED, Exchange, IDEMPOTENT, NOTIFY};
use super::wire::{self, Bits, Code, Encoder, Type, number};
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::transport::DatagramContext;

/// Answers up to this size, in bytes, go to peers that have not shown that they are where they
/// say (RFC 9175 §2.4).
const UNVERIFIED_SIZE: usize = 136;
/// Room for ETag, Block2 and Size2, where the endpoint adds them, at their longest.
const BLOCK_OPTIONS: usize = 16;
/// So many notifications in a row an observer gets without having to acknowledge one.
const MAX_UNCONFIRMED: u8 = 20;
/// A body beyond this goes in blocks even if one message could hold it (RFC 7252 §4.6).
const MAX_PAYLOAD: usize = 1024;
/// How long an observer is told by what it need not acknowledge, in milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// What a peer gets instead of an answer that is too large for whoever may not be where it says.
const HELD_BACK: Response<'static> = Response::new(Code::UNAUTHORIZED);

/// What came of building an answer.
struct Built {
    /// 0 when it is not to be sent.
    length: usize,
    code: Code,
    /// The body goes on after the block.
    more: bool,
    /// The rest cannot be asked for as a GET can, which is done again for each block.
    once: bool,
}

impl Endpoint<'_> {
    /// Answers a request of a peer, during its event or later.
    ///
    /// # Errors
    /// [`Error::Stale`] when it was answered already or nobody waits any more,
    /// [`Error::TooLarge`] when the options leave no room, [`Error::Full`] when a confirmable
    /// answer finds no room in the pool, [`Error::Invalid`] for a code that is no response or a
    /// payload that does not hold the block that was asked for.
    /// After an error the request may be answered again, but a notification that finds no room is
    /// asked for anew a little later.
    pub fn respond(
        &mut self,
        cx: &mut DatagramContext<'_>,
        exchange: Handle,
        response: &Response<'_>,
    ) -> Result<()> {
        self.now = cx.now;
        let waiting = self.tables.exchange(exchange).ok_or(Error::Stale)?;
        let told = waiting.observer.get();
        self.respond_to(cx, waiting, response)?;
        if cfg!(feature = "coap-observe") {
            self.share(cx, told, response);
        }
        Ok(())
    }

    /// Answers a request with a code and perhaps a few words; [`Code::CONTENT`] is the list of resources.
    #[inline(never)]
    pub(super) fn answer(
        &mut self,
        cx: &mut DatagramContext<'_>,
        exchange: &Exchange,
        code: Code,
        payload: &[u8],
    ) {
        let response = Response { payload, ..Response::new(code) };
        let _ = self.respond_with(cx, exchange, &response, code == Code::CONTENT);
    }

    /// The same as [`respond`](Endpoint::respond).
    pub(super) fn respond_to(
        &mut self,
        cx: &mut DatagramContext<'_>,
        exchange: &Exchange,
        response: &Response<'_>,
    ) -> Result<()> {
        self.respond_with(cx, exchange, response, false)
    }

    /// The same, perhaps with the list of resources for a body.
    #[inline(never)] // One copy.
    fn respond_with(
        &mut self,
        cx: &mut DatagramContext<'_>,
        exchange: &Exchange,
        response: &Response<'_>,
        mut listing: bool,
    ) -> Result<()> {
        let head = &exchange.head;
        if !head.at(Stage::Working) {
            return Err(Error::Stale);
        }
        if !response.code.is_response() {
            return Err(Error::Invalid);
        }
        let index = head.peer.get();
        let notify = head.is(NOTIFY);
        let group = head.is(GROUP);
        let piggybacked = head.is(CON) && !head.is(ACKED | GROUP);
        let observer = self.tables.observer(exchange.observer.get());
        // What a notification answers is the observer's registration.
        let asked = match observer.filter(|_| notify) {
            Some(observer) => &observer.head,
            None if notify => {
                // It is no longer interested.
                self.free(head);
                return Err(Error::Stale);
            }
            None => head,
        };
        let mut confirmable = head.is(CON) || (response.confirmable && !group);
        if notify {
            // An error is the last thing that the observer hears (RFC 7641 §4.2): it has to
            // arrive. So does a notification once a day (§4.5), or when a client of whose interest
            // nothing shows has got many since (§7).
            confirmable |= !response.code.is_success()
                || observer.is_some_and(|observer| {
                    observer.head.count.get() >= MAX_UNCONFIRMED
                        || observer.head.due.get().after(DAY) <= self.now
                });
        }
        let free = UNVERIFIED_SIZE.max(usize::from(exchange.size.get()) * 3);
        let mut response = response;
        let mut held_back = false;
        let (kind, id, built) = loop {
            let (kind, id) = if piggybacked {
                (Type::Ack, exchange.peer_id.get())
            } else {
                (if confirmable { Type::Con } else { Type::Non }, self.take_id(index))
            };
            let built =
                self.build(cx, exchange, asked, response, listing, wire::head(kind, response.code, id))?;
            if held_back
                || built.length <= free
                || notify
                || !self.config.amplification_limit
                || self.peer_of(head).verified.get()
                || self.is_secure(cx, index)
            {
                break (kind, id, built);
            }
            // Too large for whoever may not be where it says. What is said instead is never sent again, since it may go to
            // a victim.
            (response, held_back, listing) = (&HELD_BACK, true, false);
            confirmable = false;
        };
        if built.once && cfg!(feature = "coap-block") {
            self.keep_answer(cx, asked, built.more);
        }
        let sent = self.dispatch(cx, exchange, kind, id, built.length);
        if sent.is_err() && notify && self.pool.could_hold(built.length) {
            // There is no room for it now, but there may be.
            self.postpone(exchange);
        } else if let Some(observer) = observer.filter(|_| !built.code.is_success()) {
            self.free(&observer.head);
        }
        sent
    }

    /// Sends the answer that lies in the scratch buffer, if there is one, and keeps it as long as
    /// that is needed.
    fn dispatch(
        &mut self,
        cx: &mut DatagramContext<'_>,
        exchange: &Exchange,
        kind: Type,
        id: u16,
        length: usize,
    ) -> Result<()> {
        let head = &exchange.head;
        let group = head.is(GROUP);
        if length != 0 && (kind == Type::Con || group) {
            self.store_built(head, length)?;
            head.message_id.set(id);
            if group {
                // Spread over the leisure, so that not all members answer at once (RFC 7252 §8.2).
                head.stage.set(Stage::Leisure);
                self.wait(head, cx.random.below(self.config.params.leisure));
            } else {
                head.delay.set(self.config.params.first_delay(cx.random));
                head.tries.set(0);
                head.stage.set(Stage::Sending);
                self.wait_for_answer(head);
                let _ = self.send_stored(cx, head);
            }
            return Ok(());
        }
        self.pool.remove(head);
        if length == 0 {
            if kind == Type::Ack {
                self.acknowledge(cx, exchange);
            }
        } else {
            let _ = self.send_to(cx, head, length);
            if head.is(NOTIFY) {
                self.peer_of(head).pace(self.now);
                if let Some(observer) = self.tables.observer(exchange.observer.get()) {
                    observer.head.message_id.set(id);
                    super::peers::more(&observer.head.count);
                }
            } else if kind == Type::Ack && self.store_built(head, length).is_err() && head.is(IDEMPOTENT) {
                // Its duplicates may as well be done again.
                self.free(head);
                return Ok(());
            }
        }
        self.finish_exchange(exchange);
        Ok(())
    }

    /// Builds an answer in the scratch buffer, to the request that is kept for `asked`.
    #[allow(clippy::too_many_arguments)] // One step of one method, split for its length.
    fn build(
        &mut self,
        cx: &DatagramContext<'_>,
        exchange: &Exchange,
        asked: &Head,
        response: &Response<'_>,
        listing: bool,
        head: u32,
    ) -> Result<Built> {
        let index = exchange.head.peer.get();
        let limit = self.limit(cx, index);
        let request = &self.pool.message(asked);
        let room = self.scratch.get_mut(..limit).unwrap_or_default();
        let mut code = response.code;
        let success = code.is_success();
        let mut out = Encoder::start(room, head, request.token);
        response.options.put(&mut out)?;
        let observed = self.tables.observer(exchange.observer.get()).is_some();
        if observed && success && cfg!(feature = "coap-observe") {
            self.sequence = self.sequence.wrapping_add(1) & 0xff_ffff;
            out.add(number::OBSERVE, self.sequence);
        }
        if code == Code::UNAUTHORIZED && self.config.amplification_limit && !out.has(number::ECHO) {
            let _ = out.option(number::ECHO, &self.peers.get(index).echo.get());
        }
        // More of the request is to come first: this is not its answer (RFC 7959 §2.3).
        let unfinished = code == Code::CONTINUE;
        let asked1 = request.bits(number::BLOCK1);
        if let Some(block) = asked1 {
            let szx = Bits::szx_within(limit.saturating_sub(64), block.szx());
            let more = u32::from(unfinished) << 3;
            out.add(number::BLOCK1, block.0 & !15 | more | u32::from(szx));
        }
        if code == Code::REQUEST_ENTITY_TOO_LARGE {
            let resource = exchange.resource.get().and_then(|resource| self.resources.get(resource));
            let limit = resource.map_or(0, |resource| match asked1 {
                Some(_) => super::transfer::body_limit(&self.config, resource.flags, resource.max_body),
                None => resource.max_body,
            });
            if limit != 0 {
                out.add_once(number::SIZE1, limit);
            }
        }
        // What of the body goes into this message.
        let asked = request.bits(number::BLOCK2).filter(|_| !unfinished);
        let mut length = response.payload.len();
        let mut tag = 0;
        if listing {
            out.add(number::CONTENT_FORMAT, listing::LINK_FORMAT.into());
            let list = listing::write(&self.resources, &request.options, 0, &mut []);
            (length, tag) = (list.total(), list.fingerprint());
        }
        let wanted = asked.unwrap_or(Bits(6));
        let offset = if success { wanted.offset() } else { 0 };
        let skip = offset.checked_sub(response.offset).ok_or(Error::Invalid)? as usize;
        let whole = response.offset == 0 && !response.more;
        let mut rest = length.saturating_sub(skip);
        let room = out.room().min(MAX_PAYLOAD);
        let blockwise =
            success && (asked.is_some() || !whole || (length > room && cfg!(feature = "coap-block")));
        let mut more = false;
        let room = out.room().saturating_sub(BLOCK_OPTIONS).min(MAX_PAYLOAD);
        let szx = Bits::szx_within(room, wanted.szx());
        let size = 16usize << szx;
        if blockwise && whole && length > size && !out.has(number::ETAG) {
            // Blocks of different states must be told apart.
            if !listing {
                tag = key::hash(key::EMPTY, response.payload);
            }
            let _ = out.option(number::ETAG, &tag.to_be_bytes());
        }
        let known = |tag: &[u8]| request.options.all(number::ETAG).any(|known| known == tag);
        if code == Code::CONTENT && out.value(number::ETAG).is_some_and(known) {
            // The client has it already (RFC 7252 §5.10.6.2).
            code = Code::VALID;
            rest = 0;
        } else if blockwise && rest == 0 && offset != 0 {
            // There is no such block.
            code = Code::BAD_REQUEST;
        } else if blockwise {
            if response.more && rest < size {
                return Err(Error::Invalid);
            }
            more = rest > size || response.more;
            rest = rest.min(size);
            out.add(number::BLOCK2, Bits::at(offset, more, szx)?.0);
            let total = if whole { length as u32 } else { response.total };
            if total != 0 && ((offset == 0 && more) || request.option(number::SIZE2).is_some()) {
                out.add_once(number::SIZE2, total);
            }
        }
        out.code(code);
        if listing {
            let resources = &self.resources;
            let list = |room: &mut [u8]| listing::write(resources, &request.options, skip, room).kept();
            let _ = out.payload_with(rest, list);
        } else {
            let payload = response.payload.get(skip..).unwrap_or_default();
            let _ = out.payload(payload.get(..rest).unwrap_or_default());
        }
        let length = out.end()?;
        // A class that the client is not interested in (RFC 7967 §2.1), and to a group's client
        // everything that is no success (RFC 7252 §8.2), is not sent.
        let suppressed = match request.uint(number::NO_RESPONSE) {
            Some(classes) => (classes << 1) >> (code.class() & 7) & 1 != 0,
            None => exchange.head.is(GROUP) && !code.is_success(),
        };
        Ok(Built { length: if suppressed { 0 } else { length }, code, more, once: request.code != Code::GET })
    }
}
