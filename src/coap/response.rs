// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client: what a response does to its request.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::event::{Event, Part};
use super::exchange::{self, Exchange, Stage};
use super::key;
use super::message;
use super::pending::{self, Pending, Wait};
use super::pool::Key;
use super::wire::{Block, Code, Encoder, Message, Type, number, uint_bytes};
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::{DatagramContext, Path};

/// Of an observation that has had no notification yet.
pub(super) const NO_SEQUENCE: u32 = u32::MAX;
/// How long a notification counts as older by its number, in milliseconds (RFC 7641 §3.4).
const REORDER_SPAN: u32 = 128_000;

impl Endpoint<'_> {
    /// A response came, of its own or with an ACK.
    pub(super) fn on_response<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        path: &Path,
        peer: Option<u16>,
        message: Message<'d>,
    ) -> Option<Event<'d>> {
        let ack = message.kind == Type::Ack;
        let suits = |pending: &Pending| {
            pending.token() == message.token
                && !pending.is(pending::PING)
                && !matches!(pending.wait, Wait::End | Wait::Block)
                && (Some(pending.peer) == peer || (pending.is(pending::GROUP) && !ack))
                && (!ack || pending.awaits(pending.peer, message.message_id))
        };
        let Some(request) = self.requests.find(suits) else {
            // Nobody waits for it. The Reset tells a server to forget its observer (RFC 7641 §3.6).
            if !ack && !path.is_multicast() {
                self.send_empty(cx, path, Type::Rst, message.message_id);
            }
            return self.rejected();
        };
        let pending = *self.requests.get(request)?;
        let group = pending.is(pending::GROUP);
        if self.option_fault(&message).is_some() {
            if message.kind == Type::Con {
                self.send_empty(cx, path, Type::Rst, message.message_id);
            }
            // Of a group, the others may do better.
            if !group {
                self.fail(cx.now, request, Error::Protocol);
            }
            return self.rejected();
        }
        if message.kind == Type::Con {
            self.send_empty(cx, path, Type::Ack, message.message_id);
        }
        if !ack && self.is_repeated(cx.now, &pending, path, &message) {
            return None;
        }
        if group {
            let part = part(&message);
            return Some(Event::Response { request, path: *path, message, part, last: false });
        }
        self.release(cx.now, request);
        if message.code == Code::UNAUTHORIZED && !pending.is(pending::ECHOED) {
            if let Some(echo) = message.option(number::ECHO) {
                return self.echo(cx, request, echo);
            }
        }
        if cfg!(feature = "coap-observe") && pending.is(pending::OBSERVE) && message.code.is_success() {
            if let Some(sequence) = message.uint(number::OBSERVE) {
                return self.notified(cx, request, path, message, sequence);
            }
        }
        if cfg!(feature = "coap-block") && pending.is(pending::UPLOAD) {
            if let Some(event) = self.uploaded(cx, request, &message) {
                return Some(event);
            }
        }
        self.downloaded(cx, request, path, message)
    }

    /// Keeps the message ID of a response of its own, so that its duplicates are acknowledged and
    /// nothing else (RFC 7252 §4.5): `true` for one of them. Only those that answer for a group are
    /// told apart here, since they need not be known as peers: their records last for as long as
    /// answers are gathered, and hang on the group with a fingerprint of the sender. In a full
    /// table a record takes the place of an older one.
    fn is_repeated(&mut self, now: Instant, pending: &Pending, path: &Path, message: &Message<'_>) -> bool {
        let group = pending.is(pending::GROUP);
        let (peer, message_id) = (pending.peer, message.message_id);
        let confirmable = if message.kind == Type::Con { exchange::CON | exchange::ACKED } else { 0 };
        let lifetime = if confirmable != 0 { self.lifetime } else { self.non_lifetime };
        let from = if group { key::sender(&path.remote) } else { 0 };
        let (own_id, size) = ((from >> 16) as u16, from as u16);
        let flags = confirmable | exchange::IDEMPOTENT;
        let mut record = Exchange::new(now, lifetime, peer, message_id, flags);
        (record.own_id, record.size, record.stage) = (own_id, size, Stage::Done);
        if group {
            record.due = pending.due;
        }
        let same = |kept: &Exchange| {
            kept.peer == peer && kept.message_id == message_id && kept.own_id == own_id && kept.size == size
        };
        if group && self.exchanges.find(same).is_some() {
            self.stats.duplicates = self.stats.duplicates.wrapping_add(1);
            return true;
        }
        if self.open_exchange(record).is_ok() {
            self.peers.unpin(peer);
        }
        false
    }

    /// The peer wants to see that we are there: sends the request again with its Echo value
    /// (RFC 9175 §2.3).
    fn echo<'d>(&mut self, cx: &mut DatagramContext<'_>, request: Handle, echo: &[u8]) -> Option<Event<'d>> {
        let mut pending = *self.requests.get(request)?;
        pending.flags |= pending::ECHOED;
        self.draw_token(cx, &mut pending);
        let built = self.rebuild(cx, request, &pending, &[number::ECHO], (number::ECHO, echo), None);
        let stored = built.and_then(|length| self.store_built(Key::request(request.index()), length));
        self.go_on(cx, request, pending, stored);
        None
    }

    /// A notification, perhaps the first.
    fn notified<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        request: Handle,
        path: &Path,
        message: Message<'d>,
        sequence: u32,
    ) -> Option<Event<'d>> {
        let now = cx.now.0 as u32;
        let pending = self.requests.get_mut(request)?;
        let ahead = sequence.wrapping_sub(pending.etag) & 0xff_ffff;
        let fresh = pending.etag == NO_SEQUENCE
            || message.kind == Type::Ack
            || (ahead != 0 && ahead < 0x80_0000)
            || now.wrapping_sub(pending.other) > REORDER_SPAN;
        if !fresh {
            return None;
        }
        pending.etag = sequence;
        pending.other = now;
        pending.wait = Wait::Notification;
        // Once the representation is stale, wait a little for the next, then register again
        // (RFC 7641 §3.3.1).
        let age = message.uint(number::MAX_AGE).unwrap_or(60);
        let patience = 5000 + u64::from(cx.random.below(10_000));
        pending.due = cx.now.after(u64::from(age) * 1000 + patience);
        let (due, parent) = (pending.due, *pending);
        self.arm(due);
        while let Some(old) = self.requests.find(|other| other.parent() == Some(request)) {
            self.close(cx.now, old);
        }
        let part = part(&message);
        if part.more && !parent.is(pending::ONE_BLOCK) && cfg!(feature = "coap-block") {
            let szx = message.block(number::BLOCK2).map_or(6, |block| block.szx);
            let next = part.offset.saturating_add(message.payload.len() as u32);
            let mut child = Pending {
                other: request.raw(),
                flags: parent.flags & pending::CON | pending::CHILD,
                offset: next,
                etag: key::etag(&message),
                szx: parent.szx.min(szx),
                wait: Wait::Turn,
                ..parent
            };
            if let Ok(length) = self.rebuild_block2(cx, request, &mut child) {
                let _ = self.start(cx, child, length);
            }
        }
        Some(Event::Response { request, path: *path, message, part, last: false })
    }

    /// A block of our body was taken, or the request answered. `None` for the latter.
    fn uploaded<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        request: Handle,
        message: &Message<'d>,
    ) -> Option<Event<'d>> {
        let block = message.block(number::BLOCK1)?;
        let pending = self.requests.get_mut(request)?;
        let refused = message.code == Code::REQUEST_ENTITY_TOO_LARGE;
        if message.code.is_success() {
            // A block with more to follow is always whole.
            pending.offset = pending.offset.saturating_add(16 << pending.szx);
        } else if !(refused && pending.offset == 0 && block.szx < pending.szx) {
            return None;
        }
        // Else the first block was too large: once more, in smaller pieces (RFC 7959 §2.9.3).
        pending.szx = pending.szx.min(block.szx);
        pending.wait = Wait::Block;
        pending.due = cx.now.after(pending.timeout.into());
        let (offset, length, due) = (pending.offset, 16 << pending.szx, pending.due);
        self.arm(due);
        Some(Event::NeedBlock { request, offset, length })
    }

    /// Gives the block that [`Event::NeedBlock`] asked for; `more` says whether the body goes on.
    ///
    /// # Errors
    /// [`Error::Stale`]; [`Error::State`] when no block is wanted; [`Error::Invalid`] when the
    /// block is longer than was asked, or shorter though more is to follow; [`Error::TooLarge`]
    /// for a body of more blocks than there are numbers; [`Error::Full`].
    pub fn supply(
        &mut self,
        cx: &mut DatagramContext<'_>,
        request: Handle,
        bytes: &[u8],
        more: bool,
    ) -> Result<()> {
        let mut pending = *self.requests.get(request).ok_or(Error::Stale)?;
        if pending.wait != Wait::Block {
            return Err(Error::State);
        }
        let size = 16 << pending.szx;
        if bytes.len() > size || (more && bytes.len() < size) {
            return Err(Error::Invalid);
        }
        let block = Block::at(pending.offset, more, pending.szx)?;
        if !more {
            pending.flags &= !pending::UPLOAD;
            pending.offset = 0;
        }
        // Size1 and If-None-Match go with the first block only, unless that is sent again
        // (RFC 7959 §2.10).
        let skip = [number::BLOCK1, number::SIZE1, number::IF_NONE_MATCH];
        let skip = skip.get(..if block.num == 0 { 1 } else { 3 }).unwrap_or_default();
        let mut value = [0; 4];
        let option = (number::BLOCK1, uint_bytes(block.bits(), &mut value));
        self.draw_token(cx, &mut pending);
        let length = self.rebuild(cx, request, &pending, skip, option, Some(bytes))?;
        self.store_built(Key::request(request.index()), length)?;
        self.go_on(cx, request, pending, Ok(()));
        Ok(())
    }

    /// The answer to the whole request, or a block of it.
    fn downloaded<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        request: Handle,
        path: &Path,
        message: Message<'d>,
    ) -> Option<Event<'d>> {
        let mut pending = *self.requests.get(request)?;
        let shown = pending.parent().unwrap_or(request);
        let part = part(&message);
        let etag = key::etag(&message);
        let blockwise = cfg!(feature = "coap-block") && message.code.is_success();
        let known = if pending.is(pending::OBSERVE) { 0 } else { pending.etag };
        let expected = if pending.is(pending::UPLOAD) { 0 } else { pending.offset };
        let fault = if blockwise && known != 0 && known != etag {
            // Blocks of two states of the resource do not go together (RFC 7959 §2.4).
            Some(Error::SessionLost)
        } else if blockwise && message.code != Code::VALID && part.offset != expected {
            Some(Error::Protocol)
        } else {
            None
        };
        if let Some(error) = fault {
            self.fail(cx.now, request, error);
            return None;
        }
        let last = !(blockwise && part.more && !pending.is(pending::ONE_BLOCK));
        if last {
            self.close(cx.now, request);
        } else {
            let block = message.block(number::BLOCK2);
            pending.szx = block.map_or(pending.szx, |block| block.szx.min(pending.szx));
            pending.offset = part.offset.saturating_add(message.payload.len() as u32);
            pending.etag = etag;
            pending.flags &= !(pending::UPLOAD | pending::OBSERVE);
            if block.is_none_or(|block| block.size() != message.payload.len()) {
                self.fail(cx.now, request, Error::Protocol);
                return None;
            }
            let built = self.rebuild_block2(cx, request, &mut pending);
            let stored = built.and_then(|length| self.store_built(Key::request(request.index()), length));
            self.go_on(cx, request, pending, stored);
        }
        let last = last && shown == request;
        Some(Event::Response { request: shown, path: *path, message, part, last })
    }

    /// Builds, in the scratch buffer, the request for the block at the entry's offset.
    fn rebuild_block2(
        &mut self,
        cx: &mut DatagramContext<'_>,
        request: Handle,
        pending: &mut Pending,
    ) -> Result<usize> {
        const SKIP: [u16; 6] = [
            number::OBSERVE,
            number::BLOCK1,
            number::BLOCK2,
            number::SIZE1,
            number::ETAG,
            number::IF_NONE_MATCH,
        ];
        self.draw_token(cx, pending);
        let block = Block::at(pending.offset, false, pending.szx)?;
        let mut value = [0; 4];
        let option = (number::BLOCK2, uint_bytes(block.bits(), &mut value));
        let first = self.pool.get(Key::request(request.index())).map(Message::parse);
        // A FETCH is nothing without its payload, so it comes along when it fits in one message.
        let whole = matches!(first, Some(Ok(first))
            if first.code == Code::FETCH && first.option(number::BLOCK1).is_none());
        self.rebuild(cx, request, pending, &SKIP, option, if whole { None } else { Some(&[]) })
    }

    /// Builds, in the scratch buffer, another message of a request: with the entry's token, without
    /// the options of `skip`, with one more option, and with another payload if one is given.
    fn rebuild(
        &mut self,
        cx: &DatagramContext<'_>,
        request: Handle,
        pending: &Pending,
        skip: &[u16],
        option: (u16, &[u8]),
        payload: Option<&[u8]>,
    ) -> Result<usize> {
        let path = self.peers.get(pending.peer).ok_or(Error::Stale)?.path;
        let limit = self.limit(cx, &path);
        let first = self.pool.get(Key::request(request.index())).ok_or(Error::Stale)?;
        let first = Message::parse(first)?;
        let room = self.scratch.get_mut(..limit).unwrap_or_default();
        let mut out = Encoder::new(room, first.kind, first.code, 0, pending.token())?;
        for (number, value) in first.options.filter(|(number, _)| !skip.contains(number)) {
            out.option(number, value)?;
        }
        out.option(option.0, option.1)?;
        out.payload(payload.unwrap_or(first.payload))?;
        Ok(out.finish().len())
    }

    /// Sends the message that was stored as the next of a request.
    fn go_on(
        &mut self,
        cx: &mut DatagramContext<'_>,
        request: Handle,
        mut pending: Pending,
        stored: Result<()>,
    ) {
        pending.flags &= !pending::OUTSTANDING;
        pending.wait = Wait::Turn;
        if let Some(place) = self.requests.get_mut(request) {
            *place = pending;
        }
        match stored {
            Ok(()) => self.take_turn(cx, request),
            Err(error) => self.fail(cx.now, request, error),
        }
    }

    /// Tells the peer that its notifications are no longer wanted (RFC 7641 §3.6). Should that be
    /// lost, the next notification gets a Reset.
    pub(super) fn deregister(&mut self, cx: &mut DatagramContext<'_>, request: Handle, pending: &Pending) {
        let option = (number::OBSERVE, &[1][..]);
        let Ok(length) = self.rebuild(cx, request, pending, &[number::OBSERVE], option, None) else { return };
        let Some(path) = self.peers.get(pending.peer).map(|peer| peer.path) else { return };
        let id = self.take_id(cx, pending.peer);
        let Some(message) = self.scratch.get_mut(..length) else { return };
        message::stamp(message, id);
        let _ = message::send(cx, &mut self.stats, &path, message);
    }
}

/// The place of a response's payload in its body.
fn part(message: &Message<'_>) -> Part {
    let block = message.block(number::BLOCK2);
    Part {
        offset: block.map_or(0, |block| block.offset()),
        more: block.is_some_and(|block| block.more),
        total: message.uint(number::SIZE2).unwrap_or(0),
    }
}
