// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the application asks of a client.
#![forbid(unsafe_code)]

use super::client::{Client, Context, Receipt, State, flag, from_seconds, kind, mark, units};
use super::event::{Message, Operation, Token};
use super::log::Meta;
use super::wire::property::id;
use super::wire::{
    Auth, Disconnect, Filter, Filters, PacketType, Properties, Property, PublishHead, Reason, Side,
    SubscriptionOptions, VARIABLE_MAX, subscription_body,
};
use crate::bytes::{Reader, Writer};
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

/// One subscription to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subscription<'a> {
    /// Topic Filter and Subscription Options.
    pub filter: Filter<'a>,
    /// Comes back with each message that the filter matches.
    pub cookie: u32,
}

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
    /// other protocol version, [`Error::Full`] or [`Error::NoMemory`] when it holds more than
    /// the queue, [`Error::Io`].
    pub fn connect(&mut self, cx: &mut Context) -> Result<()> {
        if self.state != State::Idle {
            return Err(Error::State);
        }
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
    /// In the middle of a message whose rest cannot be sent now, the connection is closed
    /// without DISCONNECT.
    ///
    /// # Errors
    /// [`Error::State`] when idle or closing, [`Error::Invalid`] for a Reason Code or a property
    /// that DISCONNECT may not have, [`Error::TooLarge`] when the packet has no room.
    pub fn disconnect(&mut self, cx: &mut Context, reason: Reason, properties: Properties) -> Result<()> {
        let linger = match self.state {
            State::Idle | State::Closing => return Err(Error::State),
            State::Handshake | State::Connected => {
                self.pump(cx);
                let packet = Disconnect { reason, properties };
                self.stage(cx, &|version, writer| packet.emit(version, Side::Client, writer))?;
                if self.sending.active { 0 } else { LINGER }
            }
            _ => 0,
        };
        self.state = State::Closing;
        self.deadline = cx.stream.now.after(linger);
        self.marks |= mark::DUE;
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
        self.enqueue(cx, publication, kind::PUBLISH, 0)
    }

    /// Publishes a message whose payload of `total` bytes the application gives in parts when
    /// it is [`Wanted`](super::Event::Wanted). Nothing else can be sent until all of it
    /// is given. With QoS 1 or 2 it is wanted again after a reconnection. Message expiry is the
    /// server's affair alone.
    ///
    /// # Errors
    /// As [`publish`](Client::publish).
    pub fn publish_begin(
        &mut self,
        cx: &mut Context,
        publication: &Publication,
        total: u32,
    ) -> Result<Operation> {
        let whole = Publication { payload: &[], ..*publication };
        self.enqueue(cx, &whole, kind::STREAM, total)?.ok_or(Error::State)
    }

    /// Gives the next part of a payload, and says how much of it was taken. If not all, the rest
    /// will be [`Wanted`](super::Event::Wanted). The message is complete with its last byte.
    ///
    /// # Errors
    /// [`Error::State`] when it is not this message's turn, [`Error::TooLarge`] for more than was
    /// announced.
    pub fn publish_chunk(&mut self, cx: &mut Context, operation: Operation, data: &[u8]) -> Result<usize> {
        let (position, meta) = self.queue.at(self.queue.cursor).ok_or(Error::State)?;
        let streaming = self.sending.active && meta.what() == kind::STREAM;
        if !streaming || meta.key != operation.raw() {
            return Err(Error::State);
        }
        let (head, total) = self.packet_len(position, &meta);
        let given = self.sending.offset.checked_sub(head).ok_or(Error::State)?;
        if data.len() > (meta.time - given.min(meta.time)) as usize {
            return Err(Error::TooLarge);
        }
        let taken = self.output.take(cx.stream, data);
        self.sending.offset = self.sending.offset.saturating_add(taken as u32);
        if self.sending.offset >= total {
            self.sent(position, meta);
            self.pump(cx);
        } else {
            self.marks |= mark::WANTED;
        }
        Ok(taken)
    }

    /// Gives up an operation that has not been sent. It ends with [`Error::Cancelled`].
    ///
    /// A message given in parts can be given up in their midst; that breaks the connection.
    ///
    /// # Errors
    /// [`Error::Stale`] when there is none, [`Error::State`] when it is under way.
    pub fn cancel(&mut self, cx: &mut Context, operation: Operation) -> Result<()> {
        let (position, meta) = self.queue.find(&|meta| meta.key == operation.raw()).ok_or(Error::Stale)?;
        if meta.has(flag::ENDED) {
            return Err(Error::Stale);
        }
        if meta.has(flag::SENT) {
            let under_way = self.sending.active && position == self.queue.cursor;
            if meta.what() != kind::STREAM || !under_way {
                return Err(Error::State);
            }
            self.sending.active = false;
            self.output.failed = Some(Error::Cancelled);
        }
        self.end(cx, position, meta, Some(Error::Cancelled));
        Ok(())
    }

    fn enqueue(
        &mut self,
        cx: &mut Context,
        publication: &Publication,
        kind: u8,
        total: u32,
    ) -> Result<Option<Operation>> {
        self.restore(cx)?;
        let version = self.config.version;
        let Publication { topic, qos, retain, payload, properties } = *publication;
        let head = PublishHead { dup: false, qos, retain, topic, packet_id: u16::from(qos != 0), properties };
        head.check(version, Side::Client)?;
        let mut size = 2 + topic.len() + payload.len();
        let mut time = total;
        if version.is_v5() {
            if properties.get(id::TOPIC_ALIAS).is_some() {
                return Err(Error::Invalid);
            }
            let properties_len = properties.content_len()?;
            size += super::wire::variable(properties_len)?.1 + properties_len as usize;
            if let (kind::PUBLISH, Some(expiry)) = (kind, properties.number(id::MESSAGE_EXPIRY_INTERVAL)) {
                // The unit that has begun does not count.
                time = units(cx.stream.now).saturating_add(from_seconds(expiry)).saturating_add(1);
            }
        }
        // The head that may come on top: fixed header, identifier, alias.
        if size as u64 + u64::from(total) + 16 > u64::from(VARIABLE_MAX) {
            return Err(Error::TooLarge);
        }
        let meta = Meta {
            key: self.next_sequence()?,
            time,
            id: if qos == 0 { 0 } else { self.next_packet_id()? },
            flags: qos | if retain { flag::RETAIN } else { 0 },
            kind,
            ..Meta::default()
        };
        let position = self.reserve(cx, meta, size)?;
        let mut writer = Writer::new(self.queue.body_mut(position));
        writer.u16(topic.len() as u16)?;
        writer.put(topic.as_bytes())?;
        if version.is_v5() {
            properties.write(&mut writer)?;
        }
        writer.put(payload)?;
        if qos != 0
            && let Err(error) = self.keep(cx, position, false)
        {
            self.queue.truncate(position);
            return Err(error);
        }
        if kind == kind::PUBLISH && time != 0 {
            self.next_expiry = self.next_expiry.min(time);
        }
        self.marks |= mark::DUE;
        self.pump(cx);
        // A QoS 0 message that has left already is not worth an event.
        let gone = |meta: &Meta| meta.key == self.sequence && meta.has(flag::ENDED);
        if qos == 0
            && self.ended != 0
            && let Some((position, Meta { time: 0, .. })) = self.queue.find(&gone)
        {
            self.queue.remove(position);
            self.ended -= 1;
            return Ok(None);
        }
        Ok(Operation::from_raw(self.sequence))
    }

    /// Room in the queue, made at the cost of QoS 0 messages if the configuration says so.
    fn reserve(&mut self, cx: &mut Context, meta: Meta, size: usize) -> Result<u32> {
        loop {
            match self.queue.reserve(meta, size) {
                Err(Error::Full) if self.config.drop_oldest => {
                    let publish = |meta: &Meta| meta.what() <= kind::STREAM;
                    let unsent = |meta: &Meta| {
                        publish(meta) && meta.flags & (flag::QOS | flag::SENT | flag::ENDED) == 0
                    };
                    let (position, meta) = self.queue.find(&unsent).ok_or(Error::Full)?;
                    self.end(cx, position, meta, Some(Error::Full));
                }
                result => return result,
            }
        }
    }

    /// Subscribes. The filters with their cookies are remembered, so that messages find their
    /// handler and the subscriptions are made again when the server has lost the session.
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
        // One filter a turn, so that there is no list to build.
        let mut one = [Filter::default()];
        let mut size = 0;
        let mut prefix = 0;
        for subscription in subscriptions {
            let (filters, version) = (&mut one, self.config.version);
            *filters = [subscription.filter];
            let filters = Filters::List(filters);
            let kind = PacketType::Subscribe;
            let whole = subscription_body(kind, &properties, &filters, version, None)?;
            let entry = subscription.filter.filter.len() + 3;
            prefix = whole.saturating_sub(entry);
            size += entry;
        }
        if subscriptions.is_empty() {
            return Err(Error::Invalid);
        }
        let identifier = match self.config.version.is_v5() {
            true => properties.number(id::SUBSCRIPTION_IDENTIFIER).unwrap_or(0),
            false => 0,
        };
        let position = self.request(cx, kind::SUBSCRIBE, prefix + size)?;
        let version = self.config.version;
        let mut writer = Writer::new(self.queue.body_mut(position));
        if version.is_v5() {
            properties.write(&mut writer)?;
        }
        for Subscription { filter, .. } in subscriptions {
            writer.u16(filter.filter.len() as u16)?;
            writer.put(filter.filter.as_bytes())?;
            let mut options = filter.options;
            if !version.is_v5() {
                options = SubscriptionOptions { qos: options.qos, ..Default::default() };
            }
            writer.u8(options.to_byte())?;
        }
        for (index, subscription) in subscriptions.iter().enumerate() {
            if let Err(error) = self.remember(subscription, identifier) {
                self.queue.truncate(position);
                for Subscription { filter, .. } in subscriptions.iter().take(index) {
                    self.forget(filter.filter, false);
                }
                return Err(error);
            }
        }
        self.requested(cx)
    }

    /// Unsubscribes. Messages find their handler until the server has confirmed.
    ///
    /// # Errors
    /// As [`subscribe`](Client::subscribe).
    pub fn unsubscribe(
        &mut self,
        cx: &mut Context,
        filters: &[Filter],
        properties: Properties,
    ) -> Result<Operation> {
        let version = self.config.version;
        let kind = PacketType::Unsubscribe;
        let list = Filters::List(filters);
        let size = subscription_body(kind, &properties, &list, version, None)?;
        let position = self.request(cx, kind::UNSUBSCRIBE, size)?;
        let mut writer = Writer::new(self.queue.body_mut(position));
        subscription_body(kind, &properties, &list, version, Some(&mut writer))?;
        self.requested(cx)
    }

    fn request(&mut self, cx: &mut Context, kind: u8, size: usize) -> Result<u32> {
        // Fixed header and packet identifier come on top.
        if size + 7 > self.output.capacity() {
            return Err(Error::TooLarge);
        }
        self.restore(cx)?;
        let key = self.next_sequence()?;
        let meta = Meta { key, id: self.next_packet_id()?, kind, ..Meta::default() };
        self.reserve(cx, meta, size)
    }

    fn requested(&mut self, cx: &mut Context) -> Result<Operation> {
        self.marks |= mark::REQUESTS | mark::DUE;
        self.pump(cx);
        Operation::from_raw(self.sequence).ok_or(Error::State)
    }

    /// Notes a filter among the names, in place of the one that is there.
    fn remember(&mut self, subscription: &Subscription, identifier: u32) -> Result<()> {
        let Subscription { filter: Filter { filter, options }, cookie } = *subscription;
        let meta = Meta {
            key: cookie,
            time: identifier,
            flags: options.to_byte(),
            kind: kind::FILTER,
            ..Meta::default()
        };
        if let Some((position, old)) = self.filter(filter) {
            // The server keeps the old subscription until it has answered.
            let kept = Meta { key: cookie, time: identifier, flags: meta.flags, ..old };
            self.names.set(position, &kept);
            return Ok(());
        }
        let position = self.names.reserve(meta, filter.len())?;
        crate::bytes::copy(self.names.body_mut(position), filter.as_bytes());
        Ok(())
    }

    /// Finds a filter among the names.
    pub(super) fn filter(&self, filter: &str) -> Option<(u32, Meta)> {
        self.names.search(&|position, meta| meta.what() == kind::FILTER && self.name(position) == filter)
    }

    /// Forgets a filter; `confirmed` even if the server has granted it.
    pub(super) fn forget(&mut self, filter: &str, confirmed: bool) {
        if let Some((position, meta)) = self.filter(filter)
            && (confirmed || meta.kind & kind::CONFIRMED == 0)
        {
            self.names.remove(position);
        }
    }

    /// Acknowledges a received message; only with `deferred`. A Reason Code of 0x80 or more
    /// refuses it (5.0). Acknowledgements leave in the order in which the messages came.
    ///
    /// # Errors
    /// [`Error::Stale`] when there is nothing to acknowledge: done already, or the session or,
    /// with QoS 1, the connection is gone, after which the message comes again.
    /// [`Error::Invalid`] for a Reason Code that PUBACK and PUBREC may not have.
    pub fn acknowledge(&mut self, cx: &mut Context, token: Token, reason: Reason) -> Result<()> {
        if !reason.fits(PacketType::Puback) {
            return Err(Error::Invalid);
        }
        let receipt = self.receipts().iter_mut().find(|entry| entry.token() == token);
        let receipt = receipt.filter(|entry| entry.receipt == Receipt::Held).ok_or(Error::Stale)?;
        receipt.receipt = Receipt::Ready;
        receipt.reason = reason.0;
        self.marks |= mark::DUE;
        self.pump(cx);
        Ok(())
    }

    /// Sends the client's part of enhanced authentication (5.0 §4.12): Continue authentication
    /// as an answer, or Re-authenticate to begin anew while connected.
    ///
    /// # Errors
    /// [`Error::State`] without a connection or in the midst of a message,
    /// [`Error::Invalid`] when CONNECT had no Authentication Method or `properties` are not
    /// allowed, [`Error::WouldBlock`] without room.
    pub fn authenticate(&mut self, cx: &mut Context, reason: Reason, data: &[u8]) -> Result<()> {
        let allowed = match self.state {
            State::Connected => true,
            State::Handshake => reason != Reason::RE_AUTHENTICATE,
            _ => false,
        };
        if !allowed || self.sending.active {
            return Err(Error::State);
        }
        let method = self.config.properties.get(id::AUTHENTICATION_METHOD).ok_or(Error::Invalid)?;
        let list = [method, Property::binary(id::AUTHENTICATION_DATA, data)];
        let list = if data.is_empty() { list.get(..1) } else { list.get(..) };
        let packet = Auth { reason, properties: Properties::List(list.unwrap_or_default()) };
        self.stage(cx, &|_, writer| packet.emit(Side::Client, writer))
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

    /// The number of the next operation. When numbers run out, the queue must empty first, so
    /// that their order stays the order of the messages.
    fn next_sequence(&mut self) -> Result<u32> {
        if self.queue.is_empty() && self.sequence >= super::session::SEQUENCE_MAX / 2 {
            self.sequence = 0;
        }
        if self.sequence >= super::session::SEQUENCE_MAX {
            return Err(Error::Full);
        }
        self.sequence += 1;
        Ok(self.sequence)
    }

    /// A packet identifier that is not in use [MQTT-2.2.1-3].
    ///
    /// Identifiers are given in turn and records keep that order, so that those in use lie
    /// between the oldest and the newest; only after coming round is a search needed.
    pub(super) fn next_packet_id(&mut self) -> Result<u16> {
        if self.queue.is_empty() {
            self.marks &= !mark::WRAPPED;
        }
        let oldest = self.queue.find(&|meta| meta.id != 0).map_or(0, |(_, meta)| meta.id);
        for _ in 0..=u16::MAX {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            let last_id = self.last_id;
            let uses = |meta: &Meta| meta.id == last_id;
            if last_id == oldest {
                self.marks |= mark::WRAPPED;
            }
            let renewing = |meta: &Meta| uses(meta) && meta.what() == kind::FILTER;
            let used = self.has(mark::WRAPPED) && self.queue.find(&uses).is_some();
            if !used && self.names.find(&renewing).is_none() {
                return Ok(last_id);
            }
        }
        Err(Error::Full)
    }

    /// Reads what stands in the queue for a SUBSCRIBE or UNSUBSCRIBE.
    pub(super) fn request_filters(&self, position: u32, packet: PacketType) -> Filters<'_> {
        let mut reader = Reader::new(self.queue.body(position));
        if self.config.version.is_v5()
            && let Ok(Some(length)) = super::wire::read_variable(&mut reader, true)
        {
            let _ = reader.take(length as usize);
        }
        Filters::Encoded(reader.take_rest(), packet)
    }
}
