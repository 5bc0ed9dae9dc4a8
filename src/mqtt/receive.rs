// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the server sends.
#![forbid(unsafe_code)]

use super::client::{Client, Context, Inbound, Incoming, Receipt, State, flag, kind, mark};
use super::event::{Event, Message, Operation, Token};
use super::log::Meta;
use super::topic;
use super::wire::property::id;
use super::wire::{
    Ack, Acknowledged, Auth, Connack, Disconnect, FixedHeader, PacketType, Properties, PublishHead, Reason,
    Side, publish_head_len,
};
use crate::bytes;
use crate::status::Error;
use crate::transport::StreamEvent;

/// What became of a packet: perhaps an event, or the Reason Code with which the connection is
/// closed.
type Outcome<'d> = core::result::Result<Option<Event<'d>>, Reason>;

/// A store that fails while a packet is processed: a transient error (5.0 §4.13.2).
fn transient(_: Error) -> Reason {
    Reason::IMPLEMENTATION_SPECIFIC_ERROR
}

impl Client<'_> {
    /// Takes what the stream brings. For received bytes it says how many it has consumed, and
    /// wants the rest again, with what followed; an event may borrow from them.
    ///
    /// Call it until it consumes nothing and has no event; then call
    /// [`poll`](Client::poll) until that has none, and offer again what is left.
    pub fn receive<'d>(&mut self, cx: &mut Context, event: StreamEvent<'d>) -> (usize, Option<Event<'d>>) {
        match event {
            StreamEvent::Connected => {
                if self.state == State::Connecting {
                    self.output.clear();
                    self.output.last_sent = cx.stream.now;
                    self.state = State::Handshake;
                    if let Err(error) = self.send_connect(cx) {
                        return (0, self.lost(cx, error, Reason::SUCCESS, Properties::EMPTY));
                    }
                    self.output.flush(cx.stream);
                }
                (0, None)
            }
            StreamEvent::Received(bytes) => self.input(cx, bytes),
            StreamEvent::Writable => {
                self.output.blocked = false;
                self.marks |= mark::DUE;
                (0, None)
            }
            StreamEvent::Closed => (0, self.lost(cx, Error::Closed, Reason::SUCCESS, Properties::EMPTY)),
            StreamEvent::Failed(error) => (0, self.lost(cx, error, Reason::SUCCESS, Properties::EMPTY)),
        }
    }

    fn input<'d>(&mut self, cx: &mut Context, bytes: &'d [u8]) -> (usize, Option<Event<'d>>) {
        if !matches!(self.state, State::Handshake | State::Connected) {
            return (bytes.len(), None);
        }
        // Whatever comes shows that the server is there.
        self.heard(cx.stream.now, bytes.len());
        let mut consumed = 0;
        loop {
            let rest = bytes.get(consumed..).unwrap_or_default();
            let step =
                if self.incoming.remaining != 0 { Ok(self.payload(rest)) } else { self.packet(cx, rest) };
            match step {
                Ok((0, event)) => return (consumed, event),
                Ok((count, event)) => {
                    consumed += count;
                    // A packet may have ended the connection.
                    if !matches!(self.state, State::Handshake | State::Connected) {
                        return (bytes.len(), event);
                    }
                    if event.is_some() {
                        return (consumed, event);
                    }
                }
                Err(reason) => return (bytes.len(), self.refuse(cx, reason)),
            }
        }
    }

    /// Bad input: DISCONNECT with the reason (5.0 §4.13), and the connection is closed.
    fn refuse<'d>(&mut self, cx: &mut Context, reason: Reason) -> Option<Event<'d>> {
        if self.config.version.is_v5() {
            let packet = Disconnect { reason, properties: Properties::EMPTY };
            // In the midst of a message, or without room, the reason is lost.
            let _ = self.stage(cx, &|version, writer| packet.emit(version, Side::Client, writer));
            self.output.flush(cx.stream);
        }
        let error = match reason {
            Reason::MALFORMED_PACKET => Error::Malformed,
            Reason::PACKET_TOO_LARGE => Error::TooLarge,
            Reason::QUOTA_EXCEEDED => Error::Full,
            Reason::IMPLEMENTATION_SPECIFIC_ERROR => Error::Io,
            _ => Error::Protocol,
        };
        self.lost(cx, error, reason, Properties::EMPTY)
    }

    /// Reads one packet at the front of `bytes`. Nothing is consumed of one that is not all
    /// there, or that must wait.
    fn packet<'d>(
        &mut self,
        cx: &mut Context,
        bytes: &'d [u8],
    ) -> core::result::Result<(usize, Option<Event<'d>>), Reason> {
        let version = self.config.version;
        let Some(header) = FixedHeader::parse(bytes, version, Side::Server)? else {
            return Ok((0, None));
        };
        let limit = self.config.maximum_packet_size;
        if limit != 0 && header.total() > limit {
            return Err(Reason::PACKET_TOO_LARGE);
        }
        let connected = self.state == State::Connected;
        let early = matches!(header.packet, PacketType::Connack | PacketType::Auth);
        if !connected && !early || connected && header.packet == PacketType::Connack {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if header.packet == PacketType::Publish {
            return self.publication(cx, &header, bytes);
        }
        let total = header.total() as usize;
        if total > self.config.receive_bytes {
            return Err(Reason::PACKET_TOO_LARGE);
        }
        let Some(body) = bytes.get(usize::from(header.length)..total) else {
            return Ok((0, None));
        };
        let event = match header.packet {
            PacketType::Connack => self.connack(cx, Connack::parse(body, version)?),
            PacketType::Suback | PacketType::Unsuback => {
                self.acknowledged(Acknowledged::parse(header.packet, body, version)?)
            }
            PacketType::Pingresp if body.is_empty() => {
                self.answered();
                Ok(None)
            }
            PacketType::Disconnect => {
                let packet = Disconnect::parse(body, version, Side::Server)?;
                Ok(self.lost(cx, Error::Closed, packet.reason, packet.properties))
            }
            PacketType::Auth => self.auth(Auth::parse(body, Side::Server)?),
            PacketType::Pingresp => Err(Reason::MALFORMED_PACKET),
            PacketType::Pubrel => {
                let ack = Ack::parse(header.packet, body, version, Side::Server)?;
                self.check_problems(&ack.properties)?;
                if !self.pubrel(cx, ack.packet_id)? {
                    return Ok((0, None));
                }
                Ok(None)
            }
            _ => self.acked(cx, Ack::parse(header.packet, body, version, Side::Server)?),
        }?;
        Ok((total, event))
    }

    /// Without problem information asked for there is none on these packets [MQTT-3.1.2-29].
    fn check_problems(&self, properties: &Properties) -> core::result::Result<(), Reason> {
        let problem = |id: u8| id == id::REASON_STRING || id == id::USER_PROPERTY;
        match self.has(mark::NO_PROBLEMS) && properties.iter().any(|p| problem(p.id)) {
            true => Err(Reason::PROTOCOL_ERROR),
            false => Ok(()),
        }
    }

    /// PUBLISH, of which at least the part before the payload must be there.
    fn publication<'d>(
        &mut self,
        cx: &mut Context,
        header: &FixedHeader,
        bytes: &'d [u8],
    ) -> core::result::Result<(usize, Option<Event<'d>>), Reason> {
        let version = self.config.version;
        let start = usize::from(header.length);
        let body = bytes.get(start..).unwrap_or_default();
        let body = body.get(..header.remaining as usize).unwrap_or(body);
        let length = publish_head_len(header.flags, header.remaining, body, version)?;
        let Some((head, payload)) = length.and_then(|length| body.split_at_checked(length)) else {
            // The driver will never have more than it has now.
            let limit = self.config.receive_bytes;
            let never = start + length.unwrap_or(0) > limit || bytes.len() >= limit;
            return if never { Err(Reason::PACKET_TOO_LARGE) } else { Ok((0, None)) };
        };
        let total = header.remaining - head.len() as u32;
        // A message that fits the driver's buffer is delivered in one piece.
        let whole = header.total() as usize <= self.config.receive_bytes;
        if whole && (payload.len() as u32) < total {
            return Ok((0, None));
        }
        let head_len = start + head.len();
        let head = PublishHead::parse(header.flags, head, version, Side::Server)?;
        let mut skip = false;
        let mut token = None;
        if head.qos != 0 {
            let packet_id = head.packet_id;
            let known = self
                .receipts()
                .iter_mut()
                .find(|entry| entry.packet_id == packet_id && entry.receipt != Receipt::Unknown);
            if let Some(entry) = known {
                // A duplicate of what the application has [MQTT-4.3.3-10]: PUBREC once more.
                skip = true;
                if entry.receipt == Receipt::Received {
                    entry.receipt = Receipt::Again;
                }
            } else {
                if !self.has(mark::OVERFLOW) {
                    token = self.admit(cx, &head)?;
                }
                skip = self.has(mark::OVERFLOW);
                if token.is_none() && !skip {
                    return Ok((0, None));
                }
            }
        }
        let (alias, cookie) = self.resolve(&head)?;
        let given = payload.len() as u32;
        let packet_id = head.packet_id;
        self.incoming = Incoming { total, remaining: total - given, cookie, packet_id, skip };
        if self.incoming.remaining == 0 {
            self.complete();
        }
        let consumed = head_len + payload.len();
        if skip {
            return Ok((consumed, None));
        }
        self.marks |= mark::USEFUL;
        self.statistics.received = self.statistics.received.wrapping_add(1);
        let message = Message {
            topic: head.topic,
            alias,
            qos: head.qos,
            dup: head.dup,
            retain: head.retain,
            properties: head.properties,
            payload,
            total,
            cookie,
            token,
        };
        Ok((consumed, Some(Event::Message(message))))
    }

    /// Makes room to remember a message of QoS 1 or 2. `None` when it must wait unread.
    fn admit(&mut self, cx: &mut Context, head: &PublishHead) -> core::result::Result<Option<Token>, Reason> {
        if usize::from(self.receipts) >= usize::from(self.config.receive_maximum) {
            self.settle(cx).map_err(transient)?;
        }
        let maximum = usize::from(self.config.receive_maximum);
        let unacknowledged = |entry: &&Inbound| entry.receipt != Receipt::Unknown;
        let count = self.receipts().iter().filter(unacknowledged).count();
        if count >= maximum || usize::from(self.receipts) >= self.inbound.len() {
            // 5.0 has promised not to send more [MQTT-3.3.4-9].
            if self.config.version.is_v5() && count >= maximum {
                return Err(Reason::RECEIVE_MAXIMUM_EXCEEDED);
            }
            // With 3.1.1 the message waits. If nothing but a PUBREL behind it could make room, it
            // and all after it are passed over without an answer, so that they come again, in
            // their order, over the next connection.
            if self.receipts().iter().all(|entry| entry.receipt == Receipt::Received) {
                self.marks |= mark::OVERFLOW;
            }
            return Ok(None);
        }
        self.generation = self.generation.wrapping_add(1);
        let entry = Inbound {
            packet_id: head.packet_id,
            generation: self.generation,
            qos: head.qos,
            ..Inbound::default()
        };
        let token = entry.token();
        let index = usize::from(self.receipts);
        if let Some(place) = self.inbound.get_mut(index) {
            *place = entry;
            self.receipts += 1;
        }
        Ok(Some(token))
    }

    /// The alias and the handler of a message; sets the alias that it brings (5.0 §3.3.4).
    fn resolve(&mut self, head: &PublishHead) -> core::result::Result<(u16, Option<u32>), Reason> {
        let alias = head.properties.number(id::TOPIC_ALIAS).unwrap_or(0) as u16;
        let mut name = head.topic;
        if alias != 0 {
            if alias > self.config.topic_alias_maximum {
                return Err(Reason::TOPIC_ALIAS_INVALID);
            }
            let known = self.names.find(&|meta| meta.what() == kind::ALIAS_IN && meta.id == alias);
            let mut position = known.map(|(position, _)| position);
            if !name.is_empty() {
                if let Some(position) = position {
                    self.names.remove(position);
                }
                let meta = Meta { id: alias, kind: kind::ALIAS_IN, ..Meta::default() };
                let room = self.names.reserve(meta, name.len());
                let room = room.map_err(|_| Reason::QUOTA_EXCEEDED)?;
                bytes::copy(self.names.body_mut(room), name.as_bytes());
                position = Some(room);
            }
            name = self.name(position.ok_or(Reason::PROTOCOL_ERROR)?);
        }
        let cookie = self.names.search(&|position, meta| {
            meta.what() == kind::FILTER && topic::matches(self.name(position), name)
        });
        Ok((alias, cookie.map(|(_, meta)| meta.key)))
    }

    /// A further part of a payload.
    fn payload<'d>(&mut self, bytes: &'d [u8]) -> (usize, Option<Event<'d>>) {
        let remaining = self.incoming.remaining;
        let data = bytes.get(..remaining as usize).unwrap_or(bytes);
        if data.is_empty() {
            return (0, None);
        }
        let Incoming { total, cookie, packet_id, skip, .. } = self.incoming;
        self.incoming.remaining = remaining - data.len() as u32;
        let token = self.receipts().iter().find(|entry| entry.packet_id == packet_id);
        let token = token.filter(|_| packet_id != 0).map(Inbound::token);
        if self.incoming.remaining == 0 {
            self.complete();
        }
        let offset = total - remaining;
        let event = Event::Payload { data, offset, total, cookie, token };
        (data.len(), if skip { None } else { Some(event) })
    }

    /// A message is there whole: it is acknowledged by itself, or by the application.
    ///
    /// By itself means when the client is called next: the application has had the message by
    /// then, and only then is it owned [MQTT-4.3.2-4, MQTT-4.3.3-8].
    fn complete(&mut self) {
        let Incoming { packet_id, .. } = self.incoming;
        let deferred = self.config.deferred;
        if packet_id == 0 {
            return;
        }
        let coming = |entry: &&mut Inbound| entry.packet_id == packet_id && entry.receipt == Receipt::Coming;
        if let Some(entry) = self.receipts().iter_mut().find(coming) {
            entry.receipt = if deferred { Receipt::Held } else { Receipt::Ready };
        }
        self.marks |= mark::DUE;
    }

    /// PUBREL. `false` when it must wait for room.
    fn pubrel(&mut self, cx: &mut Context, packet_id: u16) -> core::result::Result<bool, Reason> {
        let known = |entry: &&mut Inbound| {
            entry.packet_id == packet_id && matches!(entry.receipt, Receipt::Received | Receipt::Again)
        };
        if let Some(entry) = self.receipts().iter_mut().find(known) {
            entry.receipt = Receipt::Releasing;
        } else {
            if usize::from(self.receipts) >= self.inbound.len() {
                self.settle(cx).map_err(transient)?;
            }
            let index = usize::from(self.receipts);
            let Some(place) = self.inbound.get_mut(index) else { return Ok(false) };
            *place = Inbound {
                packet_id,
                receipt: Receipt::Unknown,
                reason: Reason::PACKET_IDENTIFIER_NOT_FOUND.0,
                ..Inbound::default()
            };
            self.receipts += 1;
        }
        self.marks |= mark::DUE;
        Ok(true)
    }

    /// PUBACK, PUBREC or PUBCOMP. Records are kept as `session` explains.
    fn acked<'d>(&mut self, cx: &mut Context, ack: Ack<'d>) -> Outcome<'d> {
        self.check_problems(&ack.properties)?;
        let sent =
            |meta: &Meta| meta.id == ack.packet_id && meta.has(flag::SENT) && meta.what() <= kind::STREAM;
        let Some((position, mut meta)) = self.queue.find(&sent) else {
            // Nothing is known of it, perhaps since an earlier session. PUBREC must not leave
            // the server waiting.
            if ack.packet == PacketType::Pubrec && !ack.reason.is_error() {
                self.send_pubrel(cx, ack.packet_id, Reason::PACKET_IDENTIFIER_NOT_FOUND);
            }
            return Ok(None);
        };
        let qos = meta.flags & flag::QOS;
        let fits = match ack.packet {
            PacketType::Puback => qos == 1,
            PacketType::Pubrec => qos == 2,
            _ => qos == 2 && meta.has(flag::RELEASED),
        };
        // An answer to a message that has not been sent whole.
        let half = self.sending.active && position == self.queue.cursor;
        if !fits || half {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.marks |= mark::DUE | mark::USEFUL;
        if ack.packet == PacketType::Pubrec && !ack.reason.is_error() {
            if !meta.has(flag::RELEASED) {
                meta.flags |= flag::RELEASED;
                self.queue.strip(position, &mut meta);
                self.keep(cx, position, true).map_err(transient)?;
            }
            self.release_one(cx, position, meta);
            return Ok(None);
        }
        self.drop_kept(cx, &meta).map_err(transient)?;
        self.queue.remove(position);
        self.quota = self.quota.saturating_add(1).min(self.quota_max);
        let error = if ack.reason.is_error() { Some(Error::Refused) } else { None };
        Ok(ended(&meta, error, ack.reason, &[], ack.properties))
    }

    /// SUBACK or UNSUBACK.
    fn acknowledged<'d>(&mut self, packet: Acknowledged<'d>) -> Outcome<'d> {
        self.check_problems(&packet.properties)?;
        let Acknowledged { packet_id, properties, reasons, .. } = packet;
        let subscribe = packet.packet == PacketType::Suback;
        let wanted = if subscribe { kind::SUBSCRIBE } else { kind::UNSUBSCRIBE };
        let sent = |meta: &Meta| meta.id == packet_id && meta.has(flag::SENT) && meta.what() == wanted;
        let reason = Reason(reasons.first().copied().unwrap_or_default());
        let Some((position, meta)) = self.queue.find(&sent) else {
            return Ok(if subscribe { self.renewed(packet_id, reason) } else { None });
        };
        let request = super::send::request_type(wanted);
        let asked = self.request_filters(position, request).iter().count();
        if asked != reasons.len() && !reasons.is_empty() {
            return Err(Reason::PROTOCOL_ERROR);
        }
        let mut refused = !reasons.is_empty();
        for index in 0..asked {
            let reason = Reason(reasons.get(index).copied().unwrap_or_default());
            refused &= reason.is_error();
            let mut names = 0;
            // The filter stands in the queue, its record among the names.
            while let Some((at, mut name)) = self.names.at(names) {
                names = super::log::Log::behind(at, &name);
                let filter = self.request_filters(position, request).iter().nth(index);
                let body = self.names.body(at);
                if name.what() != kind::FILTER || filter.is_none_or(|entry| entry.filter.as_bytes() != body) {
                    continue;
                }
                if subscribe == reason.is_error() {
                    self.names.remove(at);
                } else if subscribe {
                    name.kind |= kind::CONFIRMED;
                    self.names.set(at, &name);
                }
                break;
            }
        }
        self.queue.remove(position);
        let error = if refused { Some(Error::Refused) } else { None };
        Ok(ended(&meta, error, reason, reasons, properties))
    }

    /// The answer to a subscription that was made again.
    fn renewed<'d>(&mut self, packet_id: u16, reason: Reason) -> Option<Event<'d>> {
        let renewing = |meta: &Meta| meta.what() == kind::FILTER && meta.id == packet_id;
        let (position, mut meta) = self.names.find(&renewing)?;
        if reason.is_error() {
            self.names.remove(position);
            return Some(Event::Unsubscribed { cookie: meta.key, reason });
        }
        meta.id = 0;
        self.names.set(position, &meta);
        None
    }

    /// AUTH, which only follows a CONNECT with the same method [MQTT-4.12.0-5, MQTT-4.12.0-6].
    fn auth<'d>(&mut self, auth: Auth<'d>) -> Outcome<'d> {
        self.check_problems(&auth.properties)?;
        let ours = self.config.properties.text(id::AUTHENTICATION_METHOD);
        let theirs = auth.properties.text(id::AUTHENTICATION_METHOD);
        let connected = self.state == State::Connected;
        // Success without properties may leave the method out (§3.15.2.1), and before CONNACK
        // there is no success but CONNACK.
        let bare = auth.properties.is_empty() && connected;
        let early = !connected && auth.reason != Reason::CONTINUE_AUTHENTICATION;
        if ours.is_none() || (theirs != ours && !bare) || early {
            return Err(Reason::PROTOCOL_ERROR);
        }
        Ok(Some(Event::Authentication { reason: auth.reason, properties: auth.properties }))
    }
}

impl Inbound {
    pub(super) const fn token(&self) -> Token {
        Token((self.generation as u32) << 16 | self.packet_id as u32)
    }
}

fn ended<'d>(
    meta: &Meta,
    error: Option<Error>,
    reason: Reason,
    reasons: &'d [u8],
    properties: Properties<'d>,
) -> Option<Event<'d>> {
    let operation = Operation::from_raw(meta.key)?;
    Some(Event::Ended { operation, error, reason, reasons, properties })
}
