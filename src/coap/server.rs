// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server: what a request meets before its handler does.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::entry::{CON, GROUP, Stage};
use super::event::{Cause, Event, Incoming, Part};
use super::listing::{self, LIST};
use super::message;
use super::resources::{Resource, differs, first, flags, method_bit, suits};
use super::served::{Exchange, IDEMPOTENT, MORE};
use super::wire::{self, Bits, Code, Encoder, Message, Options, Type, is_usable, number, uint};
use crate::address::put_decimal;
use crate::bytes::Writer;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::transport::{DatagramContext, Path};

/// When a client that found us full should come again, in seconds.
const BUSY_AGE: u32 = 5;

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
    pub fn remove_resource(&mut self, _cx: &mut DatagramContext<'_>, resource: Handle) -> Result<()> {
        if !self.resources.discard(resource) {
            return Err(Error::Stale);
        }
        self.changed(resource);
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
        message: &Message<'d>,
    ) -> Option<Event<'d>> {
        let confirmable = message.kind == Type::Con;
        let mut flags = if confirmable { CON } else { 0 };
        let group = path.is_multicast();
        if group {
            flags |= GROUP;
        }
        if message.code.is_idempotent() {
            flags |= IDEMPOTENT;
        }
        let peer = match known {
            Some(peer) => Some(peer),
            None => self.peer(cx, path, false),
        };
        let due = if confirmable { self.config.ack_delay } else { self.non_lifetime };
        let opened = peer.and_then(|peer| self.open_exchange(due, peer, message.message_id, flags));
        let Some(exchange) = opened else { return self.refuse(cx, path, peer, message) };
        exchange.size.set(u16::try_from(datagram.len()).unwrap_or(u16::MAX));
        // All but the payload is kept until it is answered.
        if self.store(&exchange.head, message.without_payload(datagram)).is_err() {
            self.free(&exchange.head);
            return self.refuse(cx, path, peer, message);
        }
        let mut part = Part::default();
        let mut words = [0; 12];
        let mut words = Writer::new(&mut words);
        let fault = self.option_fault(message);
        let admitted = match fault.code {
            Code::EMPTY => self.admit(cx, exchange, datagram, message, &mut part),
            // A NON is rejected as a message, without an answer (RFC 7252 §5.4.1).
            Code::BAD_OPTION if !confirmable => Err(Code::EMPTY),
            Code::BAD_OPTION => {
                // The diagnostic payload that RFC 7252 §5.4.1 asks for names the option.
                let _ = words.put(b"option ").and_then(|()| put_decimal(fault.number.into(), &mut words));
                Err(Code::BAD_OPTION)
            }
            code => Err(code),
        };
        match admitted {
            Ok(cause) => incoming(exchange, path, message, cause, &part),
            Err(Code::EMPTY) => {
                self.free(&exchange.head);
                self.rejected()
            }
            Err(code) => {
                self.answer(cx, exchange, code, words.written());
                None
            }
        }
    }

    /// No room: says so without keeping anything (RFC 7252 §5.9.3.4).
    #[inline(never)] // It is called twice.
    fn refuse<T>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        path: &Path,
        peer: Option<u16>,
        message: &Message<'_>,
    ) -> Option<T> {
        self.count_full();
        if path.is_multicast() {
            return None;
        }
        let (kind, id) = match message.kind {
            Type::Con => (Type::Ack, message.message_id),
            _ => (Type::Non, peer.map_or_else(|| cx.random.u32() as u16, |peer| self.take_id(peer))),
        };
        let head = wire::head(kind, Code::SERVICE_UNAVAILABLE, id);
        let mut out = Encoder::start(self.scratch, head, message.token);
        out.add(number::MAX_AGE, BUSY_AGE);
        if let Ok(length) = out.end() {
            let _ = message::send(cx, &mut self.stats, path, self.scratch.get(..length).unwrap_or_default());
        }
        None
    }

    /// What the standard lets the endpoint decide by itself: the part of the body that the handler
    /// is to see, or the code to answer with; [`Code::EMPTY`] for no answer at all, and
    /// [`Code::CONTENT`] for the list of resources.
    fn admit(
        &mut self,
        cx: &mut DatagramContext<'_>,
        exchange: &Exchange,
        datagram: &[u8],
        message: &Message<'_>,
        part: &mut Part,
    ) -> core::result::Result<Cause, Code> {
        let index = exchange.head.peer.get();
        let peer = self.peer_of(&exchange.head);
        if message.option(number::ECHO).is_some_and(|echo| echo == peer.echo.get()) {
            peer.verified.set(true);
        }
        // What changes something is not done for a stranger whose answer may be held back.
        if self.config.amplification_limit
            && !peer.verified.get()
            && !message.code.is_safe()
            && !self.is_secure(cx, index)
        {
            return Err(Code::UNAUTHORIZED);
        }
        // Wherever it is sent (RFC 7252 §5.8).
        if method_bit(message.code) == 0 {
            return Err(Code::METHOD_NOT_ALLOWED);
        }
        // A wildcard that stands for everything does not stand for the list of resources.
        let listing = suits(LIST.path, &message.options) == usize::MAX;
        let found = self.route(&message.options, if listing { usize::MAX - 1 } else { 0 });
        let resource = match found {
            Some(found) => self.resources.get(found),
            None => Some(&LIST).filter(|_| listing),
        };
        let resource = resource.ok_or(Code::NOT_FOUND)?;
        unsuitable(resource, message)?;
        if found.is_none() {
            // A group's member that has nothing to show stays silent (RFC 6690 §4.1).
            let silent = exchange.head.is(GROUP) && listing::is_silent(&self.resources, &message.options);
            return Err(if silent { Code::EMPTY } else { Code::CONTENT });
        }
        exchange.resource.set(found);
        if exchange.head.is(GROUP) && resource.flags & flags::MULTICAST == 0 {
            return Err(Code::EMPTY);
        }
        let asked = Asked { flags: resource.flags, max_body: resource.max_body };
        if self.transferred(cx, exchange, asked, message, part)? {
            Ok(self.cause(exchange, asked.flags, datagram, message))
        } else {
            Ok(Cause::Continue)
        }
    }

    /// The resource that suits a path best, if one suits better than so.
    fn route(&self, options: &Options<'_>, mut most: usize) -> Option<Handle> {
        let mut best = None;
        let first = first(options.first(number::URI_PATH));
        for (handle, resource) in self.resources.iter() {
            if differs(resource.path, first) {
                continue;
            }
            let depth = suits(resource.path, options);
            if depth > most {
                (best, most) = (Some(handle), depth);
            }
        }
        best
    }

    /// The fault of a message, and the option to blame, that carries a critical option which is not
    /// understood, has a value of the wrong length, or occurs too often (RFC 7252 §5.4); or a
    /// Hop-Limit that no request may have (RFC 8768 §3).
    pub(super) fn option_fault(&self, message: &Message<'_>) -> Fault {
        // No option has the number 0.
        let mut last = 0;
        let asked = cfg!(feature = "coap-server") && message.code.is_request();
        for (number, value) in message.options {
            let again = core::mem::replace(&mut last, number) == number;
            if number == number::HOP_LIMIT && !again && asked && !matches!(uint(value), Some(1..=255)) {
                return Fault { code: Code::BAD_REQUEST, number };
            }
            if !number::is_critical(number) || self.recognises(number) {
                continue;
            }
            if matches!(number, number::PROXY_URI | number::PROXY_SCHEME) {
                return Fault { code: Code::PROXYING_NOT_SUPPORTED, number };
            }
            // Of these the standards define the Block options alone for responses.
            let block = matches!(number, number::BLOCK1 | number::BLOCK2) && cfg!(feature = "coap-block");
            if !(asked || block) || !is_usable(number, value.len(), again) {
                return Fault { code: Code::BAD_OPTION, number };
            }
            if matches!(number, number::BLOCK1 | number::BLOCK2) {
                if !cfg!(feature = "coap-block") {
                    return Fault { code: Code::BAD_OPTION, number };
                }
                // The reserved size (RFC 7959 §2.2).
                if Bits::parse(value).is_none() {
                    return Fault { code: Code::BAD_REQUEST, number };
                }
            }
        }
        Fault { code: Code::EMPTY, number: 0 }
    }

    /// Whether the application understands this option.
    #[allow(clippy::manual_contains)] // `contains` compares many at a time, which takes more code.
    fn recognises(&self, number: u16) -> bool {
        self.recognised.iter().any(|known| *known == number)
    }

    /// Tells that the handler of an [`Event::Request`] has returned, answer or not. Drivers call
    /// it after each: a block that was not refused is acknowledged with 2.31 by this.
    pub fn handler_returned(&mut self, cx: &mut DatagramContext<'_>, exchange: Handle) {
        self.now = cx.now;
        if let Some(exchange) = self.tables.exchange(exchange)
            && exchange.head.at(Stage::Working)
            && exchange.head.is(MORE)
        {
            self.answer(cx, exchange, Code::CONTINUE, &[]);
        }
    }
}

/// What is wrong with a message, and the option to blame; [`Code::EMPTY`] for nothing.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    pub(super) code: Code,
    number: u16,
}

/// What the body of a request depends on, of the resource that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) flags: u8,
    pub(super) max_body: u32,
}

/// What an event tells of a request.
pub(super) fn incoming<'d>(
    exchange: &Exchange,
    path: &Path,
    message: &Message<'d>,
    cause: Cause,
    part: &Part,
) -> Option<Event<'d>> {
    let wanted = message.bits(number::BLOCK2).unwrap_or(Bits(6));
    Some(Event::Request(Incoming {
        exchange: exchange.head.handle()?,
        resource: exchange.resource.get()?,
        path: *path,
        message: *message,
        cause,
        part: *part,
        assembled: exchange.transfer.get().is_some() && cause == Cause::Request,
        offset: wanted.offset(),
        size: wanted.size() as u16,
    }))
}

/// Why a resource cannot serve a request.
fn unsuitable(resource: &Resource<'_>, message: &Message<'_>) -> core::result::Result<(), Code> {
    if resource.methods & method_bit(message.code) == 0 {
        return Err(Code::METHOD_NOT_ALLOWED);
    }
    let conditional = message.option(number::IF_MATCH).or(message.option(number::IF_NONE_MATCH));
    if conditional.is_some() && resource.flags & flags::CONDITIONAL == 0 {
        return Err(Code::BAD_OPTION);
    }
    let lacks = |formats: &[u16], number: u16| {
        !formats.is_empty()
            && message
                .uint(number)
                .is_some_and(|asked| !formats.iter().any(|format| u32::from(*format) == asked))
    };
    if lacks(resource.produces, number::ACCEPT) {
        return Err(Code::NOT_ACCEPTABLE);
    }
    if lacks(resource.consumes, number::CONTENT_FORMAT) {
        return Err(Code::UNSUPPORTED_CONTENT_FORMAT);
    }
    Ok(())
}
