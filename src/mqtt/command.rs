// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the application asks of a client.
#![forbid(unsafe_code)]

use super::client::{
    AUTH, Client, Context, DEFERRED, FILTERS, STREAM, State, flag, from_seconds, is_stream, kind, mark,
    receipt, units,
};
use super::event::{Message, Operation, Token};
use super::log::{At, HEADER};
use super::names::{self, Subscription};
use super::send::{HEAD, Request, request_type};
use super::topic;
use super::wire::property::id;
use super::wire::{INVALID, PacketType, Properties, Property, Reason, Side, Sink, V5, VARIABLE_MAX};
use crate::status::{Error, Result};

/// How long the server has to close its direction after DISCONNECT, in milliseconds.
const LINGER: u64 = 2000;

/// A message to be published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Publication<'a> {
    /// Topic Name.
    pub topic: &'a str,
    /// QoS, 0 to 2.
    pub qos: u8,
    /// RETAIN.
    pub retain: bool,
    /// The payload; not used by [`publish_begin`](Client::publish_begin).
    pub payload: &'a [u8],
    /// Properties, left out with 3.1.1. Topic aliases are the client's affair.
    pub properties: Properties<'a>,
}

/// What a request has in place of a message.
static NOTHING: Publication =
    Publication { topic: "", qos: 0, retain: false, payload: &[], properties: Properties::EMPTY };

impl Client<'_> {
    /// Connects, and stays connected as far as the configuration says. Ends with
    /// [`Connected`](super::Event::Connected) or a
    /// [`Disconnected`](super::Event::Disconnected) without a further attempt.
    ///
    /// The first call that connects, publishes or subscribes reads the session from the store, if
    /// there is one; with `clean_start`, what it holds is given up.
    ///
    /// # Errors
    /// [`Error::State`] unless idle, [`Error::Version`] when the store holds a session of the
    /// other protocol version, [`Error::Unsupported`] when there is one in a build that does not use it, [`Error::TooLarge`]
    /// when it holds more than the queue, [`Error::Full`] when it holds more messages on their way to us than
    /// `receive_maximum`, [`Error::Io`]; [`Error::Invalid`] for a configuration that no CONNECT can be made of,
    /// [`Error::TooLarge`] when that has no room in the output.
    pub fn connect(&mut self, cx: &mut Context) -> Result<()> {
        if self.state != State::Idle {
            return Err(Error::State);
        }
        // What cannot be sent would be tried again and again.
        self.send_connect(cx)?;
        self.output.clear();
        self.restore(cx)?;
        self.backoff = None;
        self.marks &= !mark::STARTED;
        self.state = State::Waiting;
        self.deadline = cx.stream.now;
        Ok(())
    }

    /// Ends the connection, or the attempts. With a Reason Code other than success the server
    /// of 5.0 publishes the Will Message. Ends with
    /// [`Disconnected`](super::Event::Disconnected). Messages that were not acknowledged
    /// stay queued for the next `connect`.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] in the midst of a message that is given in parts or not all sent, so that the
    /// connection goes on; [`Error::State`] when idle or closing, [`Error::Invalid`] for a Reason Code or a property
    /// that DISCONNECT may not have, such as a Session Expiry Interval when that of CONNECT was 0 (5.0 §3.14.2.2.2),
    /// [`Error::TooLarge`] when the packet has no room.
    pub fn disconnect(&mut self, cx: &mut Context, reason: Reason, properties: Properties) -> Result<()> {
        let expiry = properties.number(id::SESSION_EXPIRY_INTERVAL).unwrap_or(0);
        if expiry != 0 && self.config.session_expiry == 0 {
            return Err(Error::Invalid);
        }
        let mut linger = 0;
        match self.state {
            State::Idle | State::Closing => return Err(Error::State),
            State::Handshake | State::Connected => {
                self.pump(cx);
                self.send_small(cx, PacketType::Disconnect, 0, reason, &properties)?;
                linger = LINGER;
            }
            State::Waiting | State::Connecting => {}
        }
        self.state = State::Closing;
        self.deadline = cx.stream.now.after(linger);
        Ok(())
    }

    /// Publishes a message. `None` when it was QoS 0 and is on its way already: nothing further
    /// is said about it.
    ///
    /// Without a connection, and while the server takes no more, messages queue up. With the
    /// store, a message of QoS 1 or 2 is kept there before this returns, and survives a restart.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad topic, QoS or property, [`Error::Full`] when the queue has
    /// no room, or what the store says; nothing is published then.
    pub fn publish(&mut self, cx: &mut Context, publication: &Publication) -> Result<Option<Operation>> {
        self.message(cx, publication, None)
    }

    /// Publishes a message whose payload of `total` bytes the application gives in parts when
    /// it is [`Wanted`](super::Event::Wanted). Nothing else can be sent until all of it
    /// is given. With QoS 1 or 2 it is wanted again after a reconnection. Message expiry is the
    /// server's affair alone.
    ///
    /// # Errors
    /// As [`publish`](Client::publish), and [`Error::Unsupported`] in a build without it.
    pub fn publish_begin(
        &mut self,
        cx: &mut Context,
        publication: &Publication,
        total: u32,
    ) -> Result<Operation> {
        if !STREAM {
            return Err(Error::Unsupported);
        }
        self.message(cx, publication, Some(total))?.ok_or(Error::State)
    }

    /// Gives the next part of a payload, and says how much of it was taken. If not all, the rest
    /// will be [`Wanted`](super::Event::Wanted). The message is complete with its last byte.
    ///
    /// # Errors
    /// [`Error::State`] when it is not this message's turn, [`Error::TooLarge`] for more than was
    /// announced.
    pub fn publish_chunk(&mut self, cx: &mut Context, operation: Operation, data: &[u8]) -> Result<usize> {
        let at = self.under_way().ok_or(Error::State)?;
        if !is_stream(self.queue.word(at))
            || self.queue.key(at) != operation.raw()
            || self.sending.offset < self.sending.head
        {
            return Err(Error::State);
        }
        if data.len() > (self.sending.total - self.sending.offset) as usize {
            return Err(Error::TooLarge);
        }
        let taken = self.output.take(&mut cx.stream, data);
        self.sending.offset += taken as u32;
        if self.sending.offset >= self.sending.total {
            self.sent(at);
            self.pump(cx);
        } else {
            self.marks |= mark::WANTED;
        }
        Ok(taken)
    }

    /// Gives up an operation that has not been sent. It ends with [`Error::Cancelled`].
    ///
    /// A message given in parts can be given up in their midst; that breaks the connection. One of QoS 2 that may have been sent
    /// whole over an earlier connection keeps its packet identifier until the server is done with it, of which nothing is said.
    ///
    /// # Errors
    /// [`Error::Stale`] when there is none, [`Error::State`] when it is under way, or what the store says, which would bring
    /// it back: it is not given up then.
    pub fn cancel(&mut self, cx: &mut Context, operation: Operation) -> Result<()> {
        let mask = flag::ENDED | kind::GIVEN_UP;
        let at = self.queue.with_key(mask, 0, operation.raw()).ok_or(Error::Stale)?;
        let word = self.queue.word(at);
        let sent = word & flag::SENT != 0;
        if sent && (!is_stream(word) || self.under_way() != Some(at)) {
            return Err(Error::State);
        }
        // The server may have it, from an earlier connection.
        let whole = sent && word & kind::WHOLE != 0 && word & flag::QOS == flag::QOS_2;
        if whole { self.give_up(cx, at) } else { self.drop_kept(cx, at) }?;
        self.end(at, Some(Error::Cancelled));
        self.queue.mark(at, 0, if whole { word & flag::ID } else { 0 });
        if sent {
            self.sending.active = false;
            self.output.refused = Some(Error::Cancelled);
        }
        Ok(())
    }

    /// Queues a message: whole, or with a payload of this length to come in parts.
    #[inline(never)]
    fn message(
        &mut self,
        cx: &mut Context,
        publication: &Publication,
        total: Option<u32>,
    ) -> Result<Option<Operation>> {
        let qos = publication.qos;
        let mut word = u32::from(qos) << flag::SHIFT;
        if total.is_some() {
            word |= kind::STREAM;
        }
        if publication.retain {
            word |= flag::RETAIN;
        }
        self.enqueue(cx, word, publication, &publication.properties, &[], total.unwrap_or(0))?;
        let operation = self.go(cx);
        // A QoS 0 message that has left already is not worth an event.
        if qos == 0
            && self.has(mark::ENDED)
            && let Some(at) = self.queue.with_key(flag::ENDED, flag::ENDED, self.sequence)
            && self.queue.time(at) == 0
        {
            self.queue.remove(at);
            return Ok(None);
        }
        operation.map(Some)
    }

    /// Queues a message, or a SUBSCRIBE or UNSUBSCRIBE, which is made of the list and the properties alone. Unless it is
    /// a message of QoS 0 it gets a packet identifier.
    #[inline(never)]
    fn enqueue(
        &mut self,
        cx: &mut Context,
        mut word: u32,
        publication: &Publication,
        properties: &Properties,
        list: &[Subscription],
        mut time: u32,
    ) -> Result<At> {
        self.restore(cx)?;
        let message = word & kind::CLASS == kind::PUBLISH;
        let version = self.config.version;
        // The head that may come on top: fixed header, identifier, alias.
        let (packet, limit) = if message {
            (PacketType::Publish, VARIABLE_MAX.saturating_sub(time.saturating_add(16)) as usize)
        } else {
            (request_type(word), self.output.capacity().saturating_sub(HEAD))
        };
        let size = loop {
            let mut sink = Sink::new(self.queue.room());
            if message {
                sink.check(publication.qos <= 2 && topic::is_name(publication.topic));
                // Text without U+0000: that is a topic name by now.
                sink.binary(publication.topic.as_bytes());
            }
            if version.is_v5() {
                // An alias is the client's affair.
                sink.check(properties.number(id::TOPIC_ALIAS).is_none());
                properties.emit(&[], Some(packet), Side::Client, &mut sink);
            }
            for Subscription { filter, .. } in list {
                filter.emit(packet, version, &mut sink);
            }
            sink.check(message || !list.is_empty());
            if !is_stream(word) {
                sink.put(publication.payload);
            }
            let size = sink.size();
            if size > limit {
                return Err(if size == INVALID { Error::Invalid } else { Error::TooLarge });
            }
            if sink.fits() {
                break size;
            }
            self.make_room(HEADER.saturating_add(size))?;
        };
        if self.is_v5()
            && word & kind::MASK == kind::PUBLISH
            && let Some(expiry) = properties.number(id::MESSAGE_EXPIRY_INTERVAL)
        {
            // The unit that has begun does not count.
            time = units(cx.stream.now).saturating_add(from_seconds(expiry)).saturating_add(1);
            self.next_expiry = self.next_expiry.min(time);
        }
        if word & (kind::CLASS | flag::QOS) != 0 {
            let packet_id = self.next_packet_id();
            if packet_id == 0 {
                return Err(Error::Full);
            }
            word |= packet_id;
        }
        // When numbers run out, the queue must empty first, so that their order stays the order of
        // the messages.
        if self.queue.is_empty() && self.sequence >= super::session::SEQUENCE_MAX / 2 {
            self.sequence = 0;
        }
        if self.sequence >= super::session::SEQUENCE_MAX {
            return Err(Error::Full);
        }
        self.sequence += 1;
        let at = self.queue.push(word, self.sequence, time, size);
        if message && word & flag::QOS != 0 {
            self.keep(cx, at).inspect_err(|_| self.queue.remove(at))?;
        }
        Ok(at)
    }

    /// Sends what was queued last, if it can be sent now.
    #[inline(never)]
    fn go(&mut self, cx: &mut Context) -> Result<Operation> {
        self.pump(cx);
        Operation::from_raw(self.sequence).ok_or(Error::State)
    }

    /// Makes room in the queue, at the cost of QoS 0 messages if the configuration says so.
    #[inline(never)]
    fn make_room(&mut self, count: usize) -> Result<()> {
        let result = self.queue.make_room(count);
        if result.is_ok() || !self.config.drop_oldest {
            return result;
        }
        // Not the one that is half sent.
        let may_go = kind::CLASS | flag::QOS | flag::SENT | flag::ENDED;
        // None goes if all of them would not be enough. A header stays until the application is told.
        let (mut gain, mut last) = (0, None);
        while let Some(at) = self.queue.next(last, may_go, 0) {
            last = Some(at);
            gain += self.queue.size(at) - HEADER;
        }
        self.queue.make_room(count.saturating_sub(gain))?;
        while self.queue.make_room(count).is_err() {
            let oldest = self.queue.first(may_go, 0).ok_or(Error::Full)?;
            self.end(oldest, Some(Error::Full));
        }
        Ok(())
    }

    /// Subscribes. The filters with their cookies are remembered, so that messages find their
    /// handlers and the subscriptions are made again when the server has lost the session: with their
    /// options, and with the properties that were given here. A build without `mqtt-filters` remembers none of it:
    /// messages find no handler, and after a [`Connected`](super::Event::Connected) without a session the application
    /// subscribes again.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no filter, a bad filter or option or property, [`Error::Full`]
    /// without room in the queue or among the names, [`Error::TooLarge`] for a packet that has no
    /// room in the output.
    pub fn subscribe(
        &mut self,
        cx: &mut Context,
        subscriptions: &[Subscription],
        properties: Properties,
    ) -> Result<Operation> {
        self.request(cx, kind::SUBSCRIBE, subscriptions, properties)
    }

    /// Unsubscribes from these filters, whatever else stands beside them. Messages find their handler until the server has confirmed.
    ///
    /// # Errors
    /// As [`subscribe`](Client::subscribe).
    pub fn unsubscribe(
        &mut self,
        cx: &mut Context,
        filters: &[Subscription],
        properties: Properties,
    ) -> Result<Operation> {
        self.request(cx, kind::UNSUBSCRIBE, filters, properties)
    }

    #[inline(never)]
    fn request(
        &mut self,
        cx: &mut Context,
        kind: u32,
        list: &[Subscription],
        properties: Properties,
    ) -> Result<Operation> {
        let at = self.enqueue(cx, kind, &NOTHING, &properties, list, 0)?;
        if FILTERS && kind == kind::SUBSCRIBE {
            let request = Request::new(self.queue.body(at), self.is_v5(), kind);
            let packet_id = self.queue.word(at) & flag::ID;
            let remembered = names::remember(&mut self.names, request, list, packet_id);
            remembered.inspect_err(|_| self.queue.remove(at))?;
        }
        self.marks |= mark::REQUESTS;
        self.go(cx)
    }

    /// Acknowledges a received message; only with `deferred`. A Reason Code of 0x80 or more
    /// refuses it (5.0). Those of each QoS leave in the order of their messages.
    ///
    /// # Errors
    /// [`Error::Stale`] when there is nothing to acknowledge: done already, or the session or,
    /// with QoS 1, the connection is gone, after which the message comes again.
    /// [`Error::Invalid`] for a Reason Code that PUBACK and PUBREC may not have, [`Error::Unsupported`] in a build without
    /// it.
    pub fn acknowledge(&mut self, cx: &mut Context, token: Token, reason: Reason) -> Result<()> {
        if !DEFERRED {
            return Err(Error::Unsupported);
        }
        if V5 && !reason.fits(PacketType::Puback) {
            return Err(Error::Invalid);
        }
        let at = self.inbound.with_key(kind::MASK, receipt::HELD, token.0).ok_or(Error::Stale)?;
        self.inbound.mark(at, kind::MASK, receipt::READY);
        self.inbound.set_time(at, u32::from(reason.0));
        self.pump(cx);
        Ok(())
    }

    /// Sends the client's part of enhanced authentication (5.0 §4.12): Continue authentication
    /// as an answer, or Re-authenticate to begin anew while connected.
    ///
    /// # Errors
    /// [`Error::State`] without a connection or in the midst of a message,
    /// [`Error::Invalid`] when CONNECT had no Authentication Method or `properties` are not
    /// allowed, [`Error::WouldBlock`] without room, [`Error::Unsupported`] in a build without it.
    pub fn authenticate(&mut self, cx: &mut Context, reason: Reason, data: &[u8]) -> Result<()> {
        let allowed = match self.state {
            State::Connected => true,
            State::Handshake => reason != Reason::RE_AUTHENTICATE,
            _ => false,
        };
        if !AUTH {
            return Err(Error::Unsupported);
        }
        if !allowed || self.sending.active {
            return Err(Error::State);
        }
        let method = self.config.properties.get(id::AUTHENTICATION_METHOD).ok_or(Error::Invalid)?;
        let list = [method, Property::binary(id::AUTHENTICATION_DATA, data)];
        let list = if data.is_empty() { list.get(..1) } else { list.get(..) };
        if reason == Reason::SUCCESS {
            return Err(Error::Invalid);
        }
        self.send_small(cx, PacketType::Auth, 0, reason, &Properties::List(list.unwrap_or_default()))
    }

    /// Publishes a response to a request (5.0 §4.10): to its response topic, with its
    /// correlation data.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the message wants no response, else as
    /// [`publish`](Client::publish).
    pub fn respond(
        &mut self,
        cx: &mut Context,
        request: &Message,
        qos: u8,
        payload: &[u8],
    ) -> Result<Option<Operation>> {
        let topic = request.response_topic().ok_or(Error::NotFound)?;
        let correlation = request.properties.get(id::CORRELATION_DATA);
        let properties = Properties::List(correlation.as_slice());
        let publication = Publication { topic, qos, retain: false, payload, properties };
        self.publish(cx, &publication)
    }

    /// Publishes a request (5.0 §4.10) that wants a response to `response_topic`, told apart by
    /// `correlation_data`. The application has subscribed to that topic.
    ///
    /// # Errors
    /// As [`publish`](Client::publish).
    pub fn request_response(
        &mut self,
        cx: &mut Context,
        request: &Publication,
        response_topic: &str,
        correlation_data: &[u8],
    ) -> Result<Option<Operation>> {
        let list = [
            Property::text(id::RESPONSE_TOPIC, response_topic),
            Property::binary(id::CORRELATION_DATA, correlation_data),
        ];
        self.publish(cx, &Publication { properties: Properties::List(&list), ..*request })
    }

    /// A packet identifier that is not in use [MQTT-2.2.1-3]; 0 for none.
    ///
    /// Identifiers are given in turn, so that none is met again before they have come round; from then on a
    /// search is needed, until the queue has been empty.
    #[inline(never)]
    pub(super) fn next_packet_id(&mut self) -> u32 {
        if self.queue.is_empty() {
            self.marks &= !mark::WRAPPED;
        }
        for _ in 0..0x1_0000 {
            self.last_id = self.last_id.wrapping_add(1);
            if self.last_id == 0 {
                self.marks |= mark::WRAPPED;
                continue;
            }
            let id = u32::from(self.last_id);
            let used = self.has(mark::WRAPPED) && self.queue.first(flag::ID, id).is_some();
            let renews = || self.names.first(kind::MASK | flag::ID, kind::FILTER | id).is_some();
            if !(used || FILTERS && renews()) {
                return id;
            }
        }
        0
    }
}
