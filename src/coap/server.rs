// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server: what a request meets before its handler does.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::event::{Cause, Event, Incoming, Part, Response};
use super::exchange::{self, Exchange, Stage};
use super::listing;
use super::message;
use super::pool::Key;
use super::resources::{Resource, differs, flags, method_bit, suits};
use super::transfer::Step;
use super::wire::{Block, Code, Encoder, Message, Options, Type, number, rule, uint};
use crate::address::put_decimal;
use crate::bytes::Writer;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::transport::{DatagramContext, Path};

/// When a client that found us full should come again, in seconds.
const BUSY_AGE: u32 = 5;

/// How a request goes on: to a handler, with what it needs to know, or no further.
enum Admitted {
    /// The handler of this resource is to be asked.
    Handler(Handle, Cause, Part),
    /// The endpoint itself answers with this code.
    Answer(Code),
    /// The endpoint does not understand this option.
    BadOption(u16),
    /// The endpoint lists its resources.
    Listing,
    /// It is to be forgotten.
    Silence,
}

impl<'m> Endpoint<'m> {
    /// Adds a resource. What it borrows must live as long as the endpoint.
    ///
    /// # Errors
    /// [`Error::Full`]; [`Error::Invalid`] when the path does not start with a slash.
    pub fn add_resource(&mut self, resource: Resource<'m>) -> Result<Handle> {
        if !resource.path.starts_with('/') {
            return Err(Error::Invalid);
        }
        self.resources.insert(resource)
    }

    /// Removes a resource. Its observers are told 4.04 (RFC 7641 §4.2); requests under way may
    /// still be answered.
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub fn remove_resource(&mut self, cx: &mut DatagramContext<'_>, resource: Handle) -> Result<()> {
        self.resources.remove(resource).ok_or(Error::Stale)?;
        for (_, observer) in self.observers.iter_mut().filter(|(_, observer)| observer.resource == resource) {
            observer.dirty = true;
            self.notify_at = cx.now;
        }
        self.arm(self.notify_at);
        Ok(())
    }
}

impl Endpoint<'_> {
    /// A request came that is no duplicate, from a peer that may be `known`.
    pub(super) fn on_request<'d>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        path: &Path,
        known: Option<u16>,
        datagram: &'d [u8],
        message: Message<'d>,
    ) -> Option<Event<'d>> {
        let confirmable = message.kind == Type::Con;
        let group = path.is_multicast();
        if group && confirmable {
            return self.rejected();
        }
        let peer = known.map_or_else(|| self.peer(cx, &path.reply(), false), Ok);
        let Ok(peer) = peer else { return self.refuse(cx, path, &message) };
        let mut flags = if confirmable { exchange::CON } else { 0 };
        if group {
            flags |= exchange::GROUP;
        }
        if message.code.is_idempotent() {
            flags |= exchange::IDEMPOTENT;
        }
        let due = if confirmable { self.config.ack_delay } else { self.non_lifetime };
        let mut exchange = Exchange::new(cx.now, due, peer, message.message_id, flags);
        exchange.size = u16::try_from(datagram.len()).unwrap_or(u16::MAX);
        let Ok(handle) = self.open_exchange(exchange) else { return self.refuse(cx, path, &message) };
        // All but the payload is kept until it is answered.
        let body = if message.payload.is_empty() { 0 } else { message.payload.len() + 1 };
        let head = datagram.get(..datagram.len() - body).unwrap_or_default();
        if self.store(Key::exchange(handle.index()), head).is_err() {
            self.drop_exchange(handle);
            return self.refuse(cx, path, &message);
        }
        let (resource, cause, part) = match self.admit(cx, handle, peer, datagram, &message) {
            Admitted::Handler(resource, cause, part) => (resource, cause, part),
            Admitted::Answer(code) => {
                let _ = self.respond(cx, handle, &Response::new(code));
                return None;
            }
            Admitted::BadOption(number) => {
                // The diagnostic payload that RFC 7252 §5.4.1 asks for names the option.
                let mut words = [0; 12];
                let mut out = Writer::new(&mut words);
                let _ = out.put(b"option ").and_then(|()| put_decimal(number.into(), &mut out));
                let payload = out.written();
                let _ = self.respond(cx, handle, &Response { payload, ..Response::new(Code::BAD_OPTION) });
                return None;
            }
            Admitted::Listing => {
                let _ = self.respond_with(cx, handle, &Response::new(Code::CONTENT), true);
                return None;
            }
            Admitted::Silence => {
                self.drop_exchange(handle);
                return self.rejected();
            }
        };
        let assembled = self.exchanges.get(handle).is_some_and(|exchange| exchange.transfer.is_some())
            && !part.more
            && cause == Cause::Request;
        Some(Event::Request(incoming(handle, resource, *path, message, cause, part, assembled)))
    }

    /// No room: says so without keeping anything (RFC 7252 §5.9.3.4).
    fn refuse<T>(&mut self, cx: &mut DatagramContext<'_>, path: &Path, message: &Message<'_>) -> Option<T> {
        self.count_full();
        if path.is_multicast() {
            return None;
        }
        let (kind, id) = match message.kind {
            Type::Con => (Type::Ack, message.message_id),
            _ => (Type::Non, cx.random.u32() as u16),
        };
        if let Ok(mut out) = Encoder::new(self.scratch, kind, Code::SERVICE_UNAVAILABLE, id, message.token) {
            let _ = out.uint(number::MAX_AGE, BUSY_AGE);
            let _ = message::send(cx, &mut self.stats, &path.reply(), out.finish());
        }
        None
    }

    /// What the standard lets the endpoint decide by itself.
    fn admit(
        &mut self,
        cx: &mut DatagramContext<'_>,
        handle: Handle,
        peer: u16,
        datagram: &[u8],
        message: &Message<'_>,
    ) -> Admitted {
        if let Some((fault, number)) = self.option_fault(message) {
            // A NON is rejected as a message, without an answer (RFC 7252 §5.4.1).
            return match (fault, message.kind) {
                (Code::PROXYING_NOT_SUPPORTED, _) => Admitted::Answer(fault),
                (_, Type::Non) => Admitted::Silence,
                (Code::BAD_OPTION, _) => Admitted::BadOption(number),
                _ => Admitted::Answer(fault),
            };
        }
        if let Some(known) = self.peers.get_mut(peer) {
            if message.option(number::ECHO).is_some_and(|echo| echo == known.echo) {
                known.verified = true;
            }
            // What changes something is not done for a stranger whose answer may be held back.
            if self.config.amplification_limit
                && !known.verified
                && !message.code.is_safe()
                && !cx.transport.is_secure(&known.path)
            {
                return Admitted::Answer(Code::UNAUTHORIZED);
            }
        }
        let listing = message.options.all(number::URI_PATH).eq([&b".well-known"[..], b"core"]);
        // A wildcard that stands for everything does not stand for the list of resources.
        let whole = |(depth, _): &(usize, Handle)| !listing || *depth == usize::MAX;
        let Some((_, found)) = self.route(message.options).filter(whole) else {
            let group = self.exchanges.get(handle).is_some_and(|exchange| exchange.is(exchange::GROUP));
            return match message.code {
                // A group's member that has nothing to show stays silent (RFC 6690 §4.1).
                Code::GET
                    if listing && group && listing::measure(&self.resources, message.options).length == 0 =>
                {
                    Admitted::Silence
                }
                Code::GET if listing => Admitted::Listing,
                _ if listing => Admitted::Answer(Code::METHOD_NOT_ALLOWED),
                _ => Admitted::Answer(Code::NOT_FOUND),
            };
        };
        if let Some(exchange) = self.exchanges.get_mut(handle) {
            exchange.resource = Some(found);
        }
        let Some(resource) = self.resources.get(found).copied() else { return Admitted::Silence };
        if let Some(fault) = unsuitable(&resource, message) {
            return Admitted::Answer(fault);
        }
        if self.exchanges.get(handle).is_some_and(|exchange| exchange.is(exchange::GROUP))
            && resource.flags & flags::MULTICAST == 0
        {
            return Admitted::Silence;
        }
        match self.transferred(cx, handle, peer, &resource, message) {
            Ok(Step::Taken) => Admitted::Answer(Code::CONTINUE),
            Ok(Step::Body(part)) => {
                let cause = self.cause(cx, handle, peer, datagram, message);
                Admitted::Handler(found, cause, part)
            }
            Ok(Step::Rest) => Admitted::Handler(found, Cause::Continue, Part::default()),
            Err(code) => Admitted::Answer(code),
        }
    }

    /// The resource that suits a path best.
    fn route(&self, options: Options<'_>) -> Option<(usize, Handle)> {
        let mut best = None;
        let first = options.all(number::URI_PATH).next();
        for (handle, resource) in self.resources.iter() {
            if differs(resource.path, first) {
                continue;
            }
            let depth = suits(resource.path, options);
            if depth > best.map(|(depth, _)| depth) {
                best = depth.map(|depth| (depth, handle));
            }
        }
        best
    }

    /// The fault of a message, and the option to blame, that carries a critical option which is not
    /// understood, has a value of the wrong length, or occurs too often (RFC 7252 §5.4); or a
    /// Hop-Limit that no request may have (RFC 8768 §3).
    pub(super) fn option_fault(&self, message: &Message<'_>) -> Option<(Code, u16)> {
        let mut last = None;
        for (number, value) in message.options {
            let again = last.replace(number) == Some(number);
            let hops = || uint(value).unwrap_or_default();
            let counted = number == number::HOP_LIMIT && !again && message.code.is_request();
            if counted && !(1..=255).contains(&hops()) {
                return Some((Code::BAD_REQUEST, number));
            }
            if !number::is_critical(number) || self.recognised.contains(&number) {
                continue;
            }
            if matches!(number, number::PROXY_URI | number::PROXY_SCHEME) {
                return Some((Code::PROXYING_NOT_SUPPORTED, number));
            }
            if rule(number).is_none_or(|rule| !rule.allows(value.len()) || (again && !rule.repeatable)) {
                return Some((Code::BAD_OPTION, number));
            }
            if matches!(number, number::BLOCK1 | number::BLOCK2) {
                if !cfg!(feature = "coap-block") {
                    return Some((Code::BAD_OPTION, number));
                }
                // The reserved size (RFC 7959 §2.2).
                if Block::parse(value).is_err() {
                    return Some((Code::BAD_REQUEST, number));
                }
            }
        }
        None
    }

    /// Tells that the handler of an [`Event::Request`] has returned, answer or not. Drivers call
    /// it after each: a block that was not refused is acknowledged with 2.31 by this.
    pub fn handler_returned(&mut self, cx: &mut DatagramContext<'_>, exchange: Handle) {
        let waiting = self.exchanges.get(exchange);
        if waiting.is_some_and(|exchange| exchange.stage == Stage::Working && exchange.is(exchange::MORE)) {
            let _ = self.respond(cx, exchange, &Response::new(Code::CONTINUE));
        }
    }
}

/// What an event tells of a request.
pub(super) fn incoming<'d>(
    exchange: Handle,
    resource: Handle,
    path: Path,
    message: Message<'d>,
    cause: Cause,
    part: Part,
    assembled: bool,
) -> Incoming<'d> {
    let wanted = message.block(number::BLOCK2).unwrap_or(Block { num: 0, more: false, szx: 6 });
    let (offset, size) = (wanted.offset(), wanted.size() as u16);
    Incoming { exchange, resource, path, message, cause, part, assembled, offset, size }
}

/// Why a resource cannot serve a request.
fn unsuitable(resource: &Resource<'_>, message: &Message<'_>) -> Option<Code> {
    if resource.methods & method_bit(message.code) == 0 {
        return Some(Code::METHOD_NOT_ALLOWED);
    }
    let conditional = message.option(number::IF_MATCH).or(message.option(number::IF_NONE_MATCH));
    if conditional.is_some() && resource.flags & flags::CONDITIONAL == 0 {
        return Some(Code::BAD_OPTION);
    }
    let lacks = |formats: &[u16], number: u16| {
        let asked = message.option(number).and_then(uint);
        !formats.is_empty()
            && asked.is_some_and(|asked| !formats.iter().any(|format| u32::from(*format) == asked))
    };
    if lacks(resource.produces, number::ACCEPT) {
        return Some(Code::NOT_ACCEPTABLE);
    }
    if lacks(resource.consumes, number::CONTENT_FORMAT) {
        return Some(Code::UNSUPPORTED_CONTENT_FORMAT);
    }
    None
}
