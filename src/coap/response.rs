// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client: what a response does to its request.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::entry::{CON, GROUP, Stage};
use super::event::{Event, Part};
use super::key;
use super::pending::{self, Pending};
use super::served::{ACKED, Exchange, IDEMPOTENT};
use super::wire::{self, Bits, Code, Encoder, Message, Type, empty, number, token};
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::transport::{DatagramContext, Path};

/// Of an observation that has had no notification yet.
pub(super) const NO_SEQUENCE: u32 = u32::MAX;
/// How long a notification counts as older by its number, in milliseconds (RFC 7641 §3.4).
const REORDER_SPAN: u32 = 128_000;

/// Options left out of the further messages of a request, by number; that which takes the place of
/// another of its kind is left out anyway.
type Skip = u32;
/// Size1 in a [`Skip`]. Its number is beyond, and 0 is no option.
const SIZE1: Skip = 1;
/// What goes with the first block of a body only (RFC 7959 §2.10).
const FIRST: Skip = SIZE1 | 1 << number::IF_NONE_MATCH;
/// What belongs to the body of the request, and to what was fetched before.
const BODY: Skip = FIRST | 1 << number::OBSERVE | 1 << number::BLOCK1 | 1 << number::BLOCK2;
/// And what is known of the answer already, where each block is asked for anew.
const ANEW: Skip = BODY | 1 << number::ETAG;

impl<'m> Endpoint<'m> {
    /// A response came, of its own or with an ACK.
    pub(super) fn on_response<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        path: &Path,
        peer: Option<u16>,
        message: &Message<'d>,
    ) -> Option<Event<'d>> {
        let ack = message.kind == Type::Ack;
        let con = message.kind == Type::Con;
        let suits = |pending: &&Pending| {
            let head = &pending.head;
            !matches!(head.stage.get(), Stage::Free | Stage::End | Stage::Block)
                && (Some(head.peer.get()) == peer || (head.is(GROUP) && !ack))
                && !head.is(pending::PING)
                && (!ack || head.awaits(head.peer.get(), message.message_id))
                && token(self.pool.get(head)) == message.token
        };
        let Some(pending) = self.tables.requests.iter().find(suits) else {
            // Nobody waits for it. The Reset tells a server to forget its observer (RFC 7641 §3.6).
            if !ack && !path.is_multicast() {
                self.send_empty(cx, path, empty(Type::Rst, message.message_id));
            }
            return self.rejected();
        };
        let group = pending.head.is(GROUP);
        let fault = self.option_fault(message).code != Code::EMPTY;
        if con {
            let kind = if fault { Type::Rst } else { Type::Ack };
            self.send_empty(cx, path, empty(kind, message.message_id));
        }
        if fault {
            // Of a group, the others may do better.
            if !group {
                self.end(pending, Error::Protocol);
            }
            return self.rejected();
        }
        if !ack && self.is_repeated(pending, path, message) {
            return None;
        }
        let block = message.bits(number::BLOCK2).unwrap_or(Bits(0));
        let total = message.uint_or(number::SIZE2, 0);
        let part = Part { offset: block.offset(), more: block.more(), total };
        let (mut request, mut last) = (pending.head.handle()?, false);
        if !group {
            self.release(pending);
            if let Some(echo) = message.option(number::ECHO) {
                self.owed.keep(pending.head.peer.get(), echo);
                if message.code == Code::UNAUTHORIZED && !pending.head.is(pending::ECHOED) {
                    // The peer wants to see that we are there (RFC 9175 §2.3).
                    pending.head.set(pending::ECHOED);
                    let built = self.rebuild(cx, pending, (number::ECHO, 0), &[]);
                    self.go_on(cx, pending, built);
                    return None;
                }
            }
            // What asks for more of the request does not answer it yet.
            let observed = cfg!(feature = "coap-observe")
                && pending.head.flags.get() & (pending::OBSERVE | pending::UPLOAD) == pending::OBSERVE
                && message.code.is_success();
            if let Some(sequence) = message.uint(number::OBSERVE).filter(|_| observed) {
                if !self.notified(cx, pending, message, &part, block, sequence) {
                    return None;
                }
            } else {
                let taken = message.bits(number::BLOCK1).filter(|_| pending.head.is(pending::UPLOAD));
                if taken.is_some_and(|block| self.uploaded(pending, message.code, block)) {
                    let (offset, length) = (pending.offset.get(), 16 << pending.szx.get());
                    return Some(Event::NeedBlock { request, offset, length });
                }
                last = self.downloaded(cx, pending, message, &part, block)?;
                if let Some(parent) = pending.parent() {
                    (request, last) = (parent, false);
                }
            }
        }
        Some(Event::Response { request, path: *path, message: *message, part, last })
    }

    /// Keeps the message ID of a response of its own, so that its duplicates are acknowledged and
    /// nothing else (RFC 7252 §4.5): `true` for one of them. Only those that answer for a group are
    /// told apart here, since they need not be known as peers: their records last for as long as
    /// answers are gathered, and hang on the group with a fingerprint of the sender. In a full
    /// table a record takes the place of an older one.
    fn is_repeated(&mut self, pending: &Pending, path: &Path, message: &Message<'_>) -> bool {
        let group = pending.head.is(GROUP);
        let (peer, message_id) = (pending.head.peer.get(), message.message_id);
        let confirmable = message.kind == Type::Con;
        let lifetime = if confirmable { self.lifetime } else { self.non_lifetime };
        let from = if group { key::sender(&path.remote) } else { 0 };
        let same = |kept: &Exchange| {
            kept.peer_id.get() == message_id
                && kept.head.is_named(peer, from as u16)
                && kept.size.get() == (from >> 16) as u16
        };
        if group && self.tables.exchanges.iter().any(same) {
            self.stats.duplicates = self.stats.duplicates.wrapping_add(1);
            return true;
        }
        let flags = if confirmable { CON | ACKED | IDEMPOTENT } else { IDEMPOTENT };
        if let Some(record) = self.open_exchange(lifetime, peer, message_id, flags) {
            record.head.message_id.set(from as u16);
            record.size.set((from >> 16) as u16);
            record.head.stage.set(Stage::Done);
            if group {
                record.head.due.set(pending.head.due.get());
            }
        }
        false
    }

    /// A notification, perhaps the first: whether it is fresh.
    fn notified(
        &mut self,
        cx: &mut DatagramContext<'_>,
        pending: &Pending,
        message: &Message<'_>,
        part: &Part,
        block: Bits,
        sequence: u32,
    ) -> bool {
        let now = self.now.0 as u32;
        let known = pending.known.get();
        // From 1 to half of the 24 bits ahead.
        let ahead = sequence.wrapping_sub(known).wrapping_sub(1) & 0xff_ffff;
        let fresh = known == NO_SEQUENCE
            || message.kind == Type::Ack
            || ahead < 0x7f_ffff
            || now.wrapping_sub(pending.heard.get()) > REORDER_SPAN;
        if !fresh {
            return false;
        }
        pending.known.set(sequence);
        pending.heard.set(now);
        pending.head.stage.set(Stage::Notification);
        // Once the representation is stale, wait a little for the next, then register again
        // (RFC 7641 §3.3.1).
        let age = u64::from(message.uint_or(number::MAX_AGE, 60)) * 1000;
        let patience = 5000 + cx.random.below(10_000);
        self.wait_until(&pending.head, self.now.after(age + u64::from(patience)));
        self.close_children(pending);
        if part.more
            && !pending.head.is(pending::ONE_BLOCK)
            && cfg!(feature = "coap-block")
            && let Some(child) = self.take_request()
        {
            child.inherit(pending);
            // Not its observation's, which may be so old that nothing compares to it.
            child.order.set(self.order);
            child.known.set(key::etag(message));
            child.szx.set(pending.szx.get());
            let built = self.build_next(cx, pending, child, message, block);
            let _ = self.start(cx, child, built);
        }
        true
    }

    /// Whether a block of our body was taken, so that the next is to follow; else the request
    /// was answered.
    fn uploaded(&mut self, pending: &Pending, code: Code, block: Bits) -> bool {
        let (offset, szx) = (pending.offset.get(), pending.szx.get());
        let refused = code == Code::REQUEST_ENTITY_TOO_LARGE;
        if code.is_success() {
            // A block with more to follow is always whole.
            pending.offset.set(offset.saturating_add(16 << szx));
        } else if !(refused && offset == 0 && block.szx() < szx) {
            return false;
        }
        // Else the first block was too large: once more, in smaller pieces (RFC 7959 §2.9.3).
        pending.szx.set(szx.min(block.szx()));
        pending.head.stage.set(Stage::Block);
        self.wait(&pending.head, pending.timeout.get());
        true
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
        self.now = cx.now;
        let pending = self.tables.request(request).ok_or(Error::Stale)?;
        if !pending.head.at(Stage::Block) || !cfg!(feature = "coap-block") {
            return Err(Error::State);
        }
        let size = 16 << pending.szx.get();
        if bytes.len() > size || (more && bytes.len() < size) {
            return Err(Error::Invalid);
        }
        let block = Bits::at(pending.offset.get(), more, pending.szx.get())?;
        let built = self.rebuild(cx, pending, (number::BLOCK1, block.0), bytes);
        self.send_next(cx, pending, built)?;
        if !more {
            pending.head.unset(pending::UPLOAD);
            pending.offset.set(0);
        }
        Ok(())
    }

    /// The answer to the whole request, or a block of it: whether it is the last of them, or
    /// `None` when it breaks the rules.
    fn downloaded(
        &mut self,
        cx: &mut DatagramContext<'_>,
        pending: &Pending,
        message: &Message<'_>,
        part: &Part,
        block: Bits,
    ) -> Option<bool> {
        let head = &pending.head;
        let etag = key::etag(message);
        let mut last = true;
        if cfg!(feature = "coap-block") && message.code.is_success() {
            let known = if head.is(pending::OBSERVE) { 0 } else { pending.known.get() };
            let expected = if head.is(pending::UPLOAD) { 0 } else { pending.offset.get() };
            if known != 0 && known != etag {
                // Blocks of two states of the resource do not go together (RFC 7959 §2.4).
                self.end(pending, Error::SessionLost);
                return None;
            }
            last = !part.more || head.is(pending::ONE_BLOCK);
            let whole = last || block.size() == message.payload.len();
            if (message.code != Code::VALID && part.offset != expected) || !whole {
                self.end(pending, Error::Protocol);
                return None;
            }
        }
        if last {
            self.close(pending);
        } else {
            // An observation that has become a plain request has no more than this to fetch.
            self.close_children(pending);
            pending.known.set(etag);
            head.unset(pending::UPLOAD | pending::OBSERVE);
            let built = self.build_next(cx, pending, pending, message, block);
            self.go_on(cx, pending, built);
        }
        Some(last)
    }

    /// Builds, in the scratch buffer, the request for the block that follows in an answer to
    /// `first`, to be sent for `pending`.
    #[inline(never)]
    fn build_next(
        &mut self,
        cx: &mut DatagramContext<'_>,
        first: &Pending,
        pending: &Pending,
        message: &Message<'_>,
        block: Bits,
    ) -> Result<usize> {
        let szx = block.szx().min(pending.szx.get());
        let offset = block.offset().saturating_add(message.payload.len() as u32);
        pending.szx.set(szx);
        pending.offset.set(offset);
        self.rebuild(cx, first, (number::BLOCK2, Bits::at(offset, false, szx)?.0), &[])
    }

    /// Builds, in the scratch buffer, another message of the request `first`, for the sake of one
    /// option: with a Block1 the block of our body that is given, with a Block2 the wish for a block of
    /// the answer, with an Echo once more what was sent, and with an Observe the end of an observation.
    fn rebuild(
        &mut self,
        cx: &mut DatagramContext<'_>,
        first: &Pending,
        (option, value): (u16, u32),
        block: &[u8],
    ) -> Result<usize> {
        let peer = first.head.peer.get();
        let limit = self.limit(cx, peer);
        let mut drawn = [0; 8];
        let drawn = self.draw_token(cx, peer, &mut drawn);
        let first = &self.pool.message(&first.head);
        let (skip, token, payload) = match option {
            number::BLOCK1 if Bits(value).is_first() => (0, drawn, block),
            number::BLOCK1 => (FIRST, drawn, block),
            // A FETCH is nothing without its payload, so it comes along when it fits in one message. What goes on with
            // an earlier answer is told by its options.
            number::BLOCK2 if first.code.is_safe() && first.option(number::BLOCK1).is_none() => {
                (ANEW, drawn, first.payload)
            }
            number::BLOCK2 => (BODY, drawn, block),
            number::ECHO => (0, drawn, first.payload),
            // The token is that by which the peer knows what is to end.
            _ => (0, first.token, first.payload),
        };
        let room = self.scratch.get_mut(..limit).unwrap_or_default();
        let mut out = Encoder::start(room, wire::head(first.kind, first.code, 0), token);
        for (number, value) in first.options {
            let bit = if number == number::SIZE1 { 0 } else { number };
            if number != option && (bit >= 32 || skip & 1 << bit == 0) {
                let _ = out.option(number, value);
            }
        }
        // Which value is to be echoed is known already.
        if option != number::ECHO {
            out.add(option, value);
        }
        self.owed.put(peer, &mut out, payload.len());
        let _ = out.payload(payload);
        out.end()
    }

    /// Sends the message that was built as the next of a request.
    fn go_on(&mut self, cx: &mut DatagramContext<'_>, pending: &Pending, built: Result<usize>) {
        if let Err(error) = self.send_next(cx, pending, built) {
            self.end(pending, error);
        }
    }

    /// Tells the peer that its notifications are no longer wanted (RFC 7641 §3.6). Should that be
    /// lost, the next notification gets a Reset.
    pub(super) fn deregister(&mut self, cx: &mut DatagramContext<'_>, pending: &Pending) {
        let Ok(length) = self.rebuild(cx, pending, (number::OBSERVE, 1), &[]) else { return };
        let id = self.take_id(pending.head.peer.get());
        wire::stamp(self.scratch, id);
        let _ = self.send_to(cx, &pending.head, length);
    }
}
