// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the server sends.
#![forbid(unsafe_code)]

use super::client::{Client, Context, Inbound, Incoming, Receipt, State, flag, kind, mark};
use super::event::{Event, Message, Operation, Token};
use super::send::Request;
use super::topic;
use super::wire::property::id;
use super::wire::{Answer, FixedHeader, PacketType, Properties, PublishHead, Reason, Side, publish_head_len};
use crate::status::Error;
use crate::transport::StreamEvent;

/// What became of a packet: how many bytes of it were consumed, or the Reason Code with which the
/// connection is closed. Beside it there may be an event.
type Outcome = core::result::Result<usize, Reason>;
/// What became of a part of a packet.
type Checked = core::result::Result<(), Reason>;

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
        let mut out = None;
        let mut count = 0;
        let error = match event {
            StreamEvent::Received(bytes) => {
                count = self.input(cx, bytes, &mut out);
                None
            }
            StreamEvent::Connected if self.state == State::Connecting => {
                self.output.clear();
                self.output.last_sent = cx.stream.now;
                self.state = State::Handshake;
                let sent = self.send_connect(cx);
                self.output.flush(cx.stream);
                sent.err()
            }
            StreamEvent::Connected => None,
            StreamEvent::Writable => {
                self.output.blocked = false;
                self.marks |= mark::DUE;
                None
            }
            StreamEvent::Closed => Some(Error::Closed),
            StreamEvent::Failed(error) => Some(error),
        };
        if let Some(error) = error {
            self.failed(cx, error, &mut out);
        }
        (count, out)
    }

    fn input<'d>(&mut self, cx: &mut Context, bytes: &'d [u8], out: &mut Option<Event<'d>>) -> usize {
        // Whatever comes shows that the server is there.
        self.heard(cx.stream.now, bytes.len());
        let mut consumed = 0;
        // A packet may end the connection.
        while matches!(self.state, State::Handshake | State::Connected) {
            if out.is_some() {
                return consumed;
            }
            let rest = bytes.get(consumed..).unwrap_or_default();
            let step = match self.incoming.remaining {
                0 => self.packet(cx, rest, out),
                _ => Ok(self.payload(rest, out)),
            };
            match step {
                Ok(0) => return consumed,
                Ok(count) => consumed += count,
                Err(reason) => self.refuse(cx, reason, out),
            }
        }
        bytes.len()
    }

    /// Bad input: DISCONNECT with the reason (5.0 §4.13), and the connection is closed.
    fn refuse<'d>(&mut self, cx: &mut Context, reason: Reason, out: &mut Option<Event<'d>>) {
        if self.is_v5() {
            // In the midst of a message, or without room, the reason is lost.
            self.gather(cx, &[PacketType::Disconnect.first_byte(), 1, reason.0]);
            self.output.flush(cx.stream);
        }
        let error = match reason {
            Reason::MALFORMED_PACKET => Error::Malformed,
            Reason::PACKET_TOO_LARGE => Error::TooLarge,
            Reason::QUOTA_EXCEEDED => Error::Full,
            Reason::IMPLEMENTATION_SPECIFIC_ERROR => Error::Io,
            _ => Error::Protocol,
        };
        self.lost(cx, error, reason, &Properties::EMPTY, out);
    }

    /// Reads one packet at the front of `bytes`. Nothing is consumed of one that is not all
    /// there, or that must wait.
    fn packet<'d>(&mut self, cx: &mut Context, bytes: &'d [u8], out: &mut Option<Event<'d>>) -> Outcome {
        let version = self.config.version;
        let Some(header) = FixedHeader::parse(bytes, version, Side::Server)? else {
            return Ok(0);
        };
        let limit = self.config.maximum_packet_size;
        if limit != 0 && header.total() > limit {
            return Err(Reason::PACKET_TOO_LARGE);
        }
        let packet = header.packet;
        let allowed = match self.state {
            State::Connected => packet != PacketType::Connack,
            _ => matches!(packet, PacketType::Connack | PacketType::Auth),
        };
        if !allowed {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if packet == PacketType::Publish {
            return self.publication(cx, &header, bytes, out);
        }
        let total = header.total() as usize;
        if total > self.config.receive_bytes {
            return Err(Reason::PACKET_TOO_LARGE);
        }
        let Some(body) = bytes.get(usize::from(header.length)..total) else {
            return Ok(0);
        };
        if packet == PacketType::Pingresp {
            self.answered();
            return if body.is_empty() { Ok(total) } else { Err(Reason::MALFORMED_PACKET) };
        }
        let answer = Answer::parse(packet, body, version, Side::Server)?;
        match packet {
            PacketType::Connack => self.connack(cx, &answer, out)?,
            PacketType::Disconnect => {
                self.lost(cx, Error::Closed, answer.reason, &answer.properties, out);
            }
            _ => {
                // Without problem information asked for there is none [MQTT-3.1.2-29].
                let problem = |id: u8| answer.properties.get(id).is_some();
                if self.has(mark::NO_PROBLEMS) && (problem(id::REASON_STRING) || problem(id::USER_PROPERTY)) {
                    return Err(Reason::PROTOCOL_ERROR);
                }
                match packet {
                    PacketType::Auth => self.auth(&answer, out)?,
                    PacketType::Suback | PacketType::Unsuback => self.acknowledged(packet, &answer, out)?,
                    PacketType::Pubrel => {
                        if !self.pubrel(cx, answer.packet_id)? {
                            return Ok(0);
                        }
                    }
                    _ => self.acked(cx, packet, &answer, out)?,
                }
            }
        }
        Ok(total)
    }

    /// PUBLISH, of which at least the part before the payload must be there.
    fn publication<'d>(
        &mut self,
        cx: &mut Context,
        header: &FixedHeader,
        bytes: &'d [u8],
        out: &mut Option<Event<'d>>,
    ) -> Outcome {
        let version = self.config.version;
        let start = usize::from(header.length);
        let body = bytes.get(start..).unwrap_or_default();
        let body = body.get(..header.remaining as usize).unwrap_or(body);
        let limit = self.config.receive_bytes;
        let length = publish_head_len(header.flags, header.remaining, body, version)?;
        let Some((front, payload)) = length.and_then(|length| body.split_at_checked(length)) else {
            // The driver will never have more than it has now.
            let never = start + length.unwrap_or(0) > limit || bytes.len() >= limit;
            return if never { Err(Reason::PACKET_TOO_LARGE) } else { Ok(0) };
        };
        let total = header.remaining - front.len() as u32;
        let remaining = total - payload.len() as u32;
        // A message that fits the driver's buffer is delivered in one piece.
        if remaining != 0 && header.total() as usize <= limit {
            return Ok(0);
        }
        let head = PublishHead::parse(header.flags, front, version, Side::Server)?;
        let packet_id = head.packet_id;
        let mut skip = false;
        let mut token = None;
        if head.qos != 0 {
            let mut entries = self.receipts().iter_mut();
            let known =
                |entry: &&mut Inbound| entry.packet_id == packet_id && entry.receipt != Receipt::Unknown;
            if let Some(entry) = entries.find(known) {
                // A duplicate of what the application has [MQTT-4.3.3-10]: PUBREC once more.
                skip = true;
                if entry.receipt == Receipt::Received {
                    entry.receipt = Receipt::Again;
                }
            } else {
                if !self.has(mark::OVERFLOW) {
                    token = self.admit(cx, packet_id, head.qos)?;
                }
                skip = self.has(mark::OVERFLOW);
                if token.is_none() && !skip {
                    return Ok(0);
                }
            }
        }
        let (alias, cookie) = self.resolve(&head)?;
        self.incoming = Incoming { total, remaining, cookie, packet_id, skip };
        self.complete();
        if !skip {
            self.marks |= mark::USEFUL;
            self.statistics.received = self.statistics.received.wrapping_add(1);
            let PublishHead { topic, qos, dup, retain, properties, .. } = head;
            let message =
                Message { topic, alias, qos, dup, retain, properties, payload, total, cookie, token };
            *out = Some(Event::Message(message));
        }
        Ok(start + front.len() + payload.len())
    }

    /// Makes room to remember a message of QoS 1 or 2. `None` when it must wait unread.
    fn admit(
        &mut self,
        cx: &mut Context,
        packet_id: u16,
        qos: u8,
    ) -> core::result::Result<Option<Token>, Reason> {
        let maximum = self.config.receive_maximum;
        if self.receipts >= maximum {
            self.settle(cx).map_err(transient)?;
        }
        let mut count = 0;
        let mut stuck = true;
        for entry in self.receipts() {
            count += u16::from(entry.receipt != Receipt::Unknown);
            stuck &= entry.receipt == Receipt::Received;
        }
        if count < maximum
            && let Some(entry) = self.new_receipt(packet_id)
        {
            entry.qos = qos;
            return Ok(Some(entry.token()));
        }
        // 5.0 has promised not to send more [MQTT-3.3.4-9].
        if self.is_v5() && count >= maximum {
            return Err(Reason::RECEIVE_MAXIMUM_EXCEEDED);
        }
        // With 3.1.1 the message waits. If nothing but a PUBREL behind it could make room, it
        // and all after it are passed over without an answer, so that they come again, in
        // their order, over the next connection.
        if stuck {
            self.marks |= mark::OVERFLOW;
        }
        Ok(None)
    }

    /// A further place among what has been received; `None` without room.
    fn new_receipt(&mut self, packet_id: u16) -> Option<&mut Inbound> {
        let entry = self.inbound.get_mut(usize::from(self.receipts))?;
        self.receipts += 1;
        self.generation = self.generation.wrapping_add(1);
        *entry = Inbound { packet_id, generation: self.generation, ..Inbound::default() };
        Some(entry)
    }

    /// The alias and the handler of a message; sets the alias that it brings (5.0 §3.3.4).
    fn resolve(&mut self, head: &PublishHead) -> core::result::Result<(u16, Option<u32>), Reason> {
        let mut name = head.topic.as_bytes();
        let mut alias = 0;
        if self.is_v5() {
            alias = head.properties.number(id::TOPIC_ALIAS).unwrap_or(0) as u16;
        }
        if alias != 0 {
            if alias > self.config.topic_alias_maximum {
                return Err(Reason::TOPIC_ALIAS_INVALID);
            }
            let word = kind::ALIAS_IN | u32::from(alias);
            let mut at = self.names.find(0, kind::MASK | flag::ID, word);
            if !name.is_empty() {
                if let Some(at) = at {
                    self.names.remove(at);
                }
                at = Some(self.names.add(word, 0, 0, name).map_err(|_| Reason::QUOTA_EXCEEDED)?);
            }
            name = self.names.body(at.ok_or(Reason::PROTOCOL_ERROR)?);
        }
        let mut next = 0;
        while let Some(at) = self.names.find(next, kind::MASK, kind::FILTER) {
            if topic::matches_bytes(self.names.body(at), name) {
                return Ok((alias, Some(self.names.key(at))));
            }
            next = self.names.behind(at);
        }
        Ok((alias, None))
    }

    /// A further part of a payload.
    fn payload<'d>(&mut self, bytes: &'d [u8], out: &mut Option<Event<'d>>) -> usize {
        let Incoming { total, remaining, cookie, packet_id, skip } = self.incoming;
        let data = bytes.get(..remaining as usize).unwrap_or(bytes);
        if !data.is_empty() {
            self.incoming.remaining = remaining - data.len() as u32;
            let mut entries = self.receipts().iter();
            let entry = entries.find(|entry| packet_id != 0 && entry.packet_id == packet_id);
            let token = entry.map(Inbound::token);
            self.complete();
            if !skip {
                let offset = total - remaining;
                *out = Some(Event::Payload { data, offset, total, cookie, token });
            }
        }
        data.len()
    }

    /// A message that is there whole is acknowledged by itself, or by the application.
    ///
    /// By itself means when the client is called next: the application has had the message by
    /// then, and only then is it owned [MQTT-4.3.2-4, MQTT-4.3.3-8].
    fn complete(&mut self) {
        let Incoming { packet_id, remaining, .. } = self.incoming;
        if packet_id == 0 || remaining != 0 {
            return;
        }
        let deferred = self.config.deferred;
        for entry in self.receipts() {
            if entry.packet_id == packet_id && entry.receipt == Receipt::Coming {
                entry.receipt = if deferred { Receipt::Held } else { Receipt::Ready };
            }
        }
        self.marks |= mark::DUE;
    }

    /// PUBREL. `false` when it must wait for room.
    fn pubrel(&mut self, cx: &mut Context, packet_id: u16) -> core::result::Result<bool, Reason> {
        self.marks |= mark::DUE;
        for entry in self.receipts() {
            if entry.packet_id == packet_id && matches!(entry.receipt, Receipt::Received | Receipt::Again) {
                entry.receipt = Receipt::Releasing;
                entry.reason = Reason::SUCCESS.0;
                return Ok(true);
            }
        }
        if usize::from(self.receipts) >= self.inbound.len() {
            self.settle(cx).map_err(transient)?;
        }
        let Some(entry) = self.new_receipt(packet_id) else { return Ok(false) };
        entry.receipt = Receipt::Unknown;
        entry.reason = Reason::PACKET_IDENTIFIER_NOT_FOUND.0;
        Ok(true)
    }

    /// PUBACK, PUBREC or PUBCOMP. Records are kept as `session` explains.
    fn acked<'d>(
        &mut self,
        cx: &mut Context,
        packet: PacketType,
        answer: &Answer<'d>,
        out: &mut Option<Event<'d>>,
    ) -> Checked {
        let error = answer.reason.is_error();
        let received = packet == PacketType::Pubrec && !error;
        let wanted = flag::SENT | u32::from(answer.packet_id);
        let Some(at) = self.queue.find(0, kind::CLASS | flag::SENT | flag::ID, wanted) else {
            // Nothing is known of it, perhaps since an earlier session. PUBREC must not leave
            // the server waiting.
            if received {
                self.ack(cx, PacketType::Pubrel, answer.packet_id, Reason::PACKET_IDENTIFIER_NOT_FOUND);
            }
            return Ok(());
        };
        let word = self.queue.word(at);
        let released = word & flag::RELEASED != 0;
        let fits = match (packet, word & flag::QOS == flag::QOS_2) {
            (PacketType::Puback, twice) => !twice,
            (PacketType::Pubrec, twice) => twice,
            (_, twice) => twice && released,
        };
        // An answer to a message that has not been sent whole.
        let half = self.sending.active && at == self.queue.cursor;
        if !fits || half {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.marks |= mark::DUE | mark::USEFUL;
        if received {
            if !released {
                self.queue.mark(at, 0, flag::RELEASED);
                self.queue.strip(at);
                self.keep(cx, at).map_err(transient)?;
            }
            self.release_one(cx, at);
            return Ok(());
        }
        self.drop_kept(cx, at).map_err(transient)?;
        self.quota = self.quota.saturating_add(1).min(self.quota_max);
        self.ended(at, error, answer, out);
        Ok(())
    }

    /// SUBACK or UNSUBACK.
    fn acknowledged<'d>(
        &mut self,
        packet: PacketType,
        answer: &Answer<'d>,
        out: &mut Option<Event<'d>>,
    ) -> Checked {
        let reasons = answer.reasons;
        let subscribe = packet == PacketType::Suback;
        let wanted = if subscribe { kind::SUBSCRIBE } else { kind::UNSUBSCRIBE };
        let packet_id = u32::from(answer.packet_id);
        let mask = kind::MASK | flag::SENT | flag::ID;
        let Some(at) = self.queue.find(0, mask, wanted | flag::SENT | packet_id) else {
            // The answer to a subscription that was made again.
            let wanted = kind::FILTER | kind::ASKED | packet_id;
            let renewed = self.names.find(0, kind::MASK | kind::ASKED | flag::ID, wanted);
            if let Some(at) = renewed.filter(|_| subscribe) {
                let reason = Reason(reasons.first().copied().unwrap_or_default());
                self.names.mark(at, kind::ASKED | flag::ID, 0);
                if reason.is_error() {
                    *out = Some(Event::Unsubscribed { cookie: self.names.key(at), reason });
                    self.names.remove(at);
                }
            }
            return Ok(());
        };
        let v5 = self.is_v5();
        let mut asked = 0;
        let mut request = self.request_at(at);
        while request.next().is_some() {
            asked += 1;
        }
        // UNSUBACK of 3.1.1 has no codes.
        if asked != reasons.len() && !reasons.is_empty() {
            return Err(Reason::PROTOCOL_ERROR);
        }
        let mut refused = !reasons.is_empty();
        let mut request = Request::new(self.queue.body(at), v5, self.queue.word(at));
        let mut codes = reasons.iter();
        while let Some(filter) = request.next() {
            let error = codes.next().is_some_and(|code| Reason(*code).is_error());
            refused &= error;
            if let Some(name) = self.names.named(kind::MASK, kind::FILTER, filter) {
                if subscribe == error {
                    self.names.remove(name);
                } else if subscribe {
                    self.names.mark(name, 0, kind::CONFIRMED);
                }
            }
        }
        self.ended(at, refused, answer, out);
        Ok(())
    }

    /// AUTH, which only follows a CONNECT with the same method [MQTT-4.12.0-5, MQTT-4.12.0-6].
    fn auth<'d>(&mut self, answer: &Answer<'d>, out: &mut Option<Event<'d>>) -> Checked {
        let Answer { reason, properties, .. } = *answer;
        let ours = self.config.properties.get(id::AUTHENTICATION_METHOD);
        let theirs = properties.get(id::AUTHENTICATION_METHOD);
        let connected = self.state == State::Connected;
        // Success without properties may leave the method out (§3.15.2.1), and before CONNACK
        // there is no success but CONNACK.
        let bare = properties.is_empty() && connected;
        let early = !connected && reason != Reason::CONTINUE_AUTHENTICATION;
        if ours.is_none() || (theirs != ours && !bare) || early {
            return Err(Reason::PROTOCOL_ERROR);
        }
        *out = Some(Event::Authentication { reason, properties });
        Ok(())
    }

    /// An operation has ended by an answer.
    fn ended<'d>(&mut self, at: u32, refused: bool, answer: &Answer<'d>, out: &mut Option<Event<'d>>) {
        let Answer { mut reason, reasons, properties, .. } = *answer;
        if let Some(first) = reasons.first() {
            reason = Reason(*first);
        }
        let error = if refused { Some(Error::Refused) } else { None };
        if let Some(operation) = Operation::from_raw(self.queue.key(at)) {
            *out = Some(Event::Ended { operation, error, reason, reasons, properties });
        }
        self.queue.remove(at);
    }
}

impl Inbound {
    pub(super) const fn token(&self) -> Token {
        Token((self.generation as u32) << 16 | self.packet_id as u32)
    }
}
