// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the server sends.
#![forbid(unsafe_code)]

use super::client::{
    ALIASES, AUTH, Client, Context, DEFERRED, FILTERS, Incoming, STREAM, State, flag, kind, mark, receipt,
};
use super::event::{Event, Message, Operation, Token};
use super::log::{At, HEADER};
use super::names;
use super::send::Request;
use super::topic;
use super::wire::property::id;
use super::wire::{Answer, FixedHeader, PacketType, Property, PublishHead, Reason, Side, Source};
use crate::status::Error;
use crate::transport::StreamEvent;
use core::num::NonZeroU8;

/// What comes of a packet besides its event, or the Reason Code with which the connection is closed. Nothing is
/// consumed of what is wrong.
pub(super) type Outcome<T> = core::result::Result<T, Wrong>;

/// A Reason Code that is not success: so that an outcome takes one byte, which a register returns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wrong(NonZeroU8);

/// What is wrong, if anything is.
pub(super) const fn wrong(reason: Reason) -> Outcome<()> {
    match NonZeroU8::new(reason.0) {
        Some(reason) => Err(Wrong(reason)),
        None => Ok(()),
    }
}

/// A store that fails while a packet is processed: a transient error (5.0 §4.13.2).
pub(super) const fn transient(result: crate::status::Result<()>) -> Outcome<()> {
    match result {
        Ok(()) => Ok(()),
        Err(_) => wrong(Reason::IMPLEMENTATION_SPECIFIC_ERROR),
    }
}

impl Client<'_> {
    /// Takes what the stream brings. For received bytes it says how many it has consumed, and
    /// wants the rest again, with what followed; the event that it leaves in `out`, if there is one, may borrow
    /// from them.
    ///
    /// Call it until it consumes nothing and has no event; then call
    /// [`poll`](Client::poll) until that has none, and offer again what is left.
    pub fn receive<'d>(
        &mut self,
        cx: &mut Context,
        event: StreamEvent<'d>,
        out: &mut Option<Event<'d>>,
    ) -> usize {
        *out = None;
        let mut count = 0;
        let error = match event {
            StreamEvent::Received(bytes) => {
                count = self.input(cx, bytes, out);
                None
            }
            StreamEvent::Connected if self.state == State::Connecting => {
                self.output.clear();
                self.output.last_sent = cx.stream.now;
                self.state = State::Handshake;
                let sent = self.send_connect(cx);
                self.output.flush(&mut cx.stream);
                sent.err()
            }
            StreamEvent::Connected => None,
            StreamEvent::Writable => {
                if self.output.is_blocked() {
                    self.output.refused = None;
                }
                None
            }
            StreamEvent::Closed => Some(Error::Closed),
            StreamEvent::Failed(error) => Some(error),
        };
        if let Some(error) = error {
            self.failed(cx, error, out);
        }
        count
    }

    fn input<'d>(&mut self, cx: &mut Context, bytes: &'d [u8], out: &mut Option<Event<'d>>) -> usize {
        // Whatever comes shows that the server is there, but not what is only offered again.
        if bytes.len() > self.unread as usize {
            self.heard(cx.stream.now);
        }
        let mut count = 0;
        if self.is_open() {
            if self.incoming.remaining != 0 {
                count = self.payload(bytes, out);
            } else if let Err(Wrong(reason)) = self.packet(cx, bytes, &mut count, out) {
                self.refuse(cx, Reason(reason.get()), out);
            }
        }
        // The packet may have ended the connection.
        if !self.is_open() {
            count = bytes.len();
        }
        self.unread = (bytes.len() - count) as u32;
        count
    }

    /// Whether packets may come.
    const fn is_open(&self) -> bool {
        matches!(self.state, State::Handshake | State::Connected)
    }

    /// Bad input: DISCONNECT with the reason (5.0 §4.13), and the connection is closed.
    fn refuse(&mut self, cx: &mut Context, reason: Reason, out: &mut Option<Event>) {
        if self.is_v5() {
            // In the midst of a message, or without room, the reason is lost.
            self.ack(cx, PacketType::Disconnect, 0, reason);
            self.output.flush(&mut cx.stream);
        }
        let error = match reason {
            Reason::MALFORMED_PACKET => Error::Malformed,
            Reason::PACKET_TOO_LARGE => Error::TooLarge,
            Reason::QUOTA_EXCEEDED => Error::Full,
            Reason::IMPLEMENTATION_SPECIFIC_ERROR => Error::Io,
            _ => Error::Protocol,
        };
        self.lost(cx, error, &Answer { reason, ..Answer::NOTHING }, out);
    }

    /// Reads one packet at the front of `bytes`. Nothing is consumed of one that is not all
    /// there, or that must wait.
    #[inline(never)]
    fn packet<'d>(
        &mut self,
        cx: &mut Context,
        bytes: &'d [u8],
        count: &mut usize,
        out: &mut Option<Event<'d>>,
    ) -> Outcome<()> {
        let version = self.config.version;
        let barred = match self.state {
            State::Connected => PacketType::Connack.bit(),
            _ => 0x7fff & !(PacketType::Connack.bit() | PacketType::Auth.bit()),
        };
        let (header, source) = FixedHeader::read(bytes, version, Side::Server.never_sends(version) | barred);
        if source.is_short() {
            return Ok(());
        }
        wrong(source.wrong())?;
        let packet = header.packet;
        let total = header.total() as usize;
        let room = self.config.receive_bytes;
        let limit = self.config.maximum_packet_size;
        let publish = packet == PacketType::Publish;
        if (limit != 0 && total > limit as usize) || (!publish && total > room) {
            return wrong(Reason::PACKET_TOO_LARGE);
        }
        if publish {
            return self.publication(cx, &header, bytes.len(), source.rest(), count, out);
        }
        let Some(body) = source.rest().get(..header.remaining as usize) else { return Ok(()) };
        if packet == PacketType::Pingresp {
            self.answered();
            *count = total;
            return wrong(if body.is_empty() { Reason::SUCCESS } else { Reason::MALFORMED_PACKET });
        }
        let mut source = Source::new(body);
        let answer = Answer::read(packet, &mut source, version, Side::Server);
        wrong(source.wrong())?;
        // Without problem information asked for there is none [MQTT-3.1.2-29].
        if !matches!(packet, PacketType::Connack | PacketType::Disconnect)
            && (answer.properties.number(id::REASON_STRING).is_some()
                || answer.properties.number(id::USER_PROPERTY).is_some())
            && self.config.properties.number(id::REQUEST_PROBLEM_INFORMATION) == Some(0)
        {
            return wrong(Reason::PROTOCOL_ERROR);
        }
        *count = total;
        match packet {
            PacketType::Connack => return self.connack(cx, &answer, out),
            PacketType::Disconnect => {
                self.lost(cx, Error::Closed, &answer, out);
            }
            PacketType::Auth => return self.auth(&answer, out),
            PacketType::Suback | PacketType::Unsuback => return self.acknowledged(packet, &answer, out),
            PacketType::Pubrel => return self.pubrel(cx, answer.packet_id, count),
            _ => return self.acked(cx, packet, &answer, out),
        }
        Ok(())
    }

    /// PUBLISH, of which at least the part before the payload must be there: how many bytes were
    /// offered, and which of them come behind its fixed header.
    fn publication<'d>(
        &mut self,
        cx: &mut Context,
        header: &FixedHeader,
        offered: usize,
        body: &'d [u8],
        count: &mut usize,
        out: &mut Option<Event<'d>>,
    ) -> Outcome<()> {
        let body = body.get(..header.remaining as usize).unwrap_or(body);
        let remaining = header.remaining - body.len() as u32;
        let limit = self.config.receive_bytes;
        let mut source = Source::new(body);
        let head = PublishHead::read(header.flags, &mut source, self.config.version, Side::Server);
        if source.is_short() && remaining != 0 {
            // The driver will never have more than it has now.
            return wrong(if offered >= limit { Reason::PACKET_TOO_LARGE } else { Reason::SUCCESS });
        }
        wrong(source.wrong())?;
        // A message that fits the driver's buffer is delivered in one piece.
        if remaining != 0 && header.total() as usize <= limit {
            return Ok(());
        }
        let payload = source.rest();
        let total = remaining + payload.len() as u32;
        self.marks &= !mark::SKIPPED;
        let mut token = 0;
        if head.qos != 0 {
            token = self.accept(cx, &head)?;
            if token == 0 && !self.has(mark::SKIPPED) {
                // PINGRESP waits behind it.
                self.heard(cx.stream.now);
                return Ok(());
            }
        }
        let alias = self.resolve(&head)?;
        let cookie = self.handler(0);
        self.incoming = Incoming { total, remaining, token };
        self.complete();
        if !self.has(mark::SKIPPED) {
            self.marks |= mark::USEFUL;
            self.statistics.received = self.statistics.received.wrapping_add(1);
            let PublishHead { topic, qos, dup, retain, properties, .. } = head;
            let token = Token::new(token);
            let message =
                Message { topic, alias, qos, dup, retain, properties, payload, total, cookie, token };
            *out = Some(Event::Message(message));
        }
        *count = usize::from(header.length) + body.len();
        Ok(())
    }

    /// What becomes of a message of QoS 1 or 2: its token, or 0 when it is skipped or must wait unread.
    fn accept(&mut self, cx: &mut Context, head: &PublishHead) -> Outcome<u32> {
        // A duplicate of what the application has [MQTT-4.3.3-10]: PUBREC once more. With QoS 1 none is passed
        // over: an identifier in use may stand for another message, from a server that gives it twice, which
        // would be acknowledged with nobody having had it.
        if head.qos == 2
            && let Some(at) = self.receipt(head.packet_id)
        {
            self.inbound.mark(at, receipt::LEFT, 0);
            if self.inbound.word(at) & kind::MASK == receipt::RECEIVED {
                self.inbound.mark(at, kind::MASK, receipt::AGAIN);
            }
            self.marks |= mark::SKIPPED;
            return Ok(0);
        }
        if self.has(mark::OVERFLOW) {
            self.marks |= mark::SKIPPED;
            return Ok(0);
        }
        self.admit(cx, u32::from(head.qos) << flag::SHIFT | u32::from(head.packet_id))
    }

    /// Makes room to remember a message of QoS 1 or 2: its token, or 0 when it is skipped or must wait unread.
    fn admit(&mut self, cx: &mut Context, word: u32) -> Outcome<u32> {
        let mut settled = false;
        let (full, stuck) = loop {
            let (mut count, mut stuck, mut last) = (0, true, None);
            while let Some(at) = self.inbound.next(last, 0, 0) {
                last = Some(at);
                let word = self.inbound.word(at);
                // With PUBREL a message is done with, but for PUBCOMP.
                count += u32::from(word & flag::QOS != 0 && word & receipt::RELEASED == 0);
                // A message of QoS 2 that is ready still waits for the store, which an answer behind may make room in.
                let waits = word & (kind::MASK | flag::QOS) == receipt::READY | flag::QOS_2;
                stuck &= waits || word & kind::MASK == receipt::RECEIVED;
            }
            let full = count >= u32::from(self.config.receive_maximum);
            if !full && let Ok(token) = self.new_receipt(word, Reason::SUCCESS) {
                return Ok(token);
            }
            if settled {
                break (full, stuck);
            }
            settled = true;
            transient(self.settle(cx))?;
        };
        // 5.0 has promised not to send more [MQTT-3.3.4-9].
        if self.is_v5() && full {
            // What was received over an earlier connection and has not been repeated over this one gives way. The server does not
            // count it: either its PUBREL is still to come, which needs no record (5.0 §4.9), or it has lost the session without
            // our noticing, because the CONNACK that said so was lost as well.
            let Some(at) = self.inbound.first(receipt::LEFT | receipt::RELEASED, receipt::LEFT) else {
                return wrong(Reason::RECEIVE_MAXIMUM_EXCEEDED).map(|()| 0);
            };
            transient(self.keep_receipt(cx, at, false))?;
            self.inbound.remove(at);
            return Ok(self.new_receipt(word, Reason::SUCCESS).unwrap_or(0));
        }
        if stuck {
            // With 3.1.1 the message waits. If nothing but an answer behind it could make room, it
            // and all after it are passed over without an answer, so that they come again, in
            // their order, over the next connection. That is made when all others are done with, or after a
            // while: the server may want an answer to these before it goes on with the others.
            self.marks |= mark::OVERFLOW | mark::SKIPPED;
            self.deadline = cx.stream.now.after(u64::from(self.config.response_timeout));
        }
        Ok(0)
    }

    /// A further record of what has been received.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub(super) fn new_receipt(&mut self, word: u32, reason: Reason) -> crate::status::Result<u32> {
        self.generation = self.generation.wrapping_add(1);
        let token = u32::from(self.generation) << 16 | word & flag::ID;
        self.inbound.add(word, token, u32::from(reason.0), &[])?;
        Ok(token)
    }

    /// The message of QoS 2 that has this identifier for itself among what has been received.
    #[inline(never)]
    fn receipt(&self, packet_id: u16) -> Option<At> {
        let mask = receipt::RELEASED | flag::QOS_2 | flag::ID;
        self.inbound.first(mask, flag::QOS_2 | u32::from(packet_id))
    }

    /// The alias of a message; sets the alias that it brings (5.0 §3.3.4), and marks who takes the
    /// message, as [`handler`](Client::handler) says.
    #[inline(never)]
    fn resolve(&mut self, head: &PublishHead) -> Outcome<u16> {
        let topic = head.topic.as_bytes();
        let mut alias = 0;
        // Where the topic lies among the names, if the server sent the alias alone.
        let mut known = None;
        if self.is_v5() {
            alias = head.properties.number(id::TOPIC_ALIAS).unwrap_or(0) as u16;
        }
        if alias != 0 {
            if !ALIASES || alias > self.config.topic_alias_maximum {
                wrong(Reason::TOPIC_ALIAS_INVALID)?;
            }
            let word = kind::ALIAS_IN | u32::from(alias);
            known = self.names.first(kind::MASK | flag::ID, word);
            let mut otherwise = Reason::PROTOCOL_ERROR;
            if !topic.is_empty() {
                if let Some(at) = known {
                    self.names.remove(at);
                }
                // Without room there is none to add it either.
                let _ = names::make_room(&mut self.names, HEADER + topic.len());
                known = self.names.add(word, 0, 0, topic).ok();
                otherwise = Reason::QUOTA_EXCEEDED;
            }
            if known.is_none() {
                wrong(otherwise)?;
            }
        }
        if !FILTERS {
            return Ok(alias);
        }
        self.names.mark_all(0, 0, kind::TAKES, 0);
        let mut by_identifier = self.is_v5();
        loop {
            let mut last = None;
            while let Some(at) = self.names.next(last, kind::MASK, kind::FILTER) {
                last = Some(at);
                let identifier = self.names.time(at);
                let takes = if by_identifier && identifier != 0 {
                    let carried =
                        |p: Property<'_>| p.id == id::SUBSCRIPTION_IDENTIFIER && p.number == identifier;
                    head.properties.iter().any(carried)
                } else {
                    let name = known.map_or(topic, |at| self.names.body(at));
                    topic::matches_bytes(self.names.name(at), name)
                };
                if takes && self.names.with_key(kind::TAKES, kind::TAKES, self.names.key(at)).is_none() {
                    self.names.mark(at, 0, kind::TAKES);
                }
            }
            if !by_identifier || self.handler(0).is_some() {
                return Ok(alias);
            }
            by_identifier = false;
        }
    }

    /// A further part of a payload.
    fn payload<'d>(&mut self, bytes: &'d [u8], out: &mut Option<Event<'d>>) -> usize {
        let Incoming { total, remaining, token } = self.incoming;
        let cookie = self.handler(0);
        let data = bytes.get(..remaining as usize).unwrap_or(bytes);
        if !data.is_empty() {
            self.incoming.remaining = remaining - data.len() as u32;
            self.complete();
            if !self.has(mark::SKIPPED) {
                let offset = total - remaining;
                *out = Some(Event::Payload { data, offset, total, cookie, token: Token::new(token) });
            }
        }
        data.len()
    }

    /// A message that is there whole is acknowledged by itself, or by the application.
    ///
    /// By itself means when the client is called next: the application has had the message by
    /// then, and only then is it owned [MQTT-4.3.2-4, MQTT-4.3.3-8].
    fn complete(&mut self) {
        if self.incoming.remaining != 0 {
            return;
        }
        let receipt = if DEFERRED && self.config.deferred { receipt::HELD } else { receipt::READY };
        // No other payload is under way.
        self.inbound.mark_all(kind::MASK, receipt::COMING, 0, receipt);
    }

    /// PUBREL. Nothing is consumed when it must wait for room.
    fn pubrel(&mut self, cx: &mut Context, packet_id: u16, count: &mut usize) -> Outcome<()> {
        if let Some(at) = self.receipt(packet_id)
            && self.inbound.word(at) & kind::MASK >= receipt::AGAIN
        {
            transient(self.keep_receipt(cx, at, false))?;
            self.inbound.mark(at, kind::MASK, receipt::RELEASED);
            self.inbound.set_time(at, 0);
            self.marks |= mark::USEFUL;
            return Ok(());
        }
        if self.inbound.make_room(HEADER).is_err() {
            transient(self.settle(cx))?;
        }
        let word = receipt::RELEASED | u32::from(packet_id);
        if self.new_receipt(word, Reason::PACKET_IDENTIFIER_NOT_FOUND).is_err() {
            *count = 0;
        }
        Ok(())
    }

    /// PUBACK, PUBREC or PUBCOMP. Records are kept as `session` explains.
    fn acked<'d>(
        &mut self,
        cx: &mut Context,
        packet: PacketType,
        answer: &Answer<'d>,
        out: &mut Option<Event<'d>>,
    ) -> Outcome<()> {
        // Whoever has sent PUBREC owns the message: that it is not known any more is no error, but how an exchange goes on
        // whose PUBCOMP was lost (5.0 §3.7.2.1).
        let error = answer.reason.is_error() && packet != PacketType::Pubcomp;
        let received = packet == PacketType::Pubrec && !error;
        let wanted = flag::SENT | u32::from(answer.packet_id);
        let mask = kind::CLASS | flag::SENT | flag::ENDED | flag::ID;
        let Some(at) = self.queue.first(mask, wanted) else {
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
        if !fits || self.under_way() == Some(at) {
            return wrong(Reason::PROTOCOL_ERROR);
        }
        self.marks |= mark::USEFUL;
        if received {
            if !released {
                transient(self.keep_released(cx, at))?;
            }
            self.release_one(cx, at);
            return Ok(());
        }
        transient(self.drop_kept(cx, at))?;
        self.quota = self.quota.saturating_add(1).min(self.quota_max);
        self.ended(at, if error { Some(Error::Refused) } else { None }, answer, out);
        Ok(())
    }

    /// SUBACK or UNSUBACK.
    fn acknowledged<'d>(
        &mut self,
        packet: PacketType,
        answer: &Answer<'d>,
        out: &mut Option<Event<'d>>,
    ) -> Outcome<()> {
        let reasons = answer.reasons;
        let subscribe = packet == PacketType::Suback;
        let wanted = if subscribe { kind::SUBSCRIBE } else { kind::UNSUBSCRIBE };
        let packet_id = u32::from(answer.packet_id);
        let mask = kind::MASK | flag::SENT | flag::ID;
        let Some(at) = self.queue.first(mask, wanted | flag::SENT | packet_id) else {
            // The answer to a subscription that was made again.
            let wanted = kind::FILTER | kind::ASKED | packet_id;
            let renewed = self.names.first(kind::MASK | kind::ASKED | flag::ID, wanted);
            if let Some(at) = renewed.filter(|_| FILTERS && subscribe) {
                let reason = answer.reason;
                self.names.mark(at, kind::ASKED | flag::ID, 0);
                if reason.is_error() {
                    self.unsubscribed(at, reason, out);
                }
            }
            return Ok(());
        };
        let mut asked = 0;
        let mut request = Request::new(self.queue.body(at), self.is_v5(), wanted);
        while request.next().is_some() {
            asked += 1;
        }
        // UNSUBACK of 3.1.1 has no codes.
        if asked != reasons.len() && !reasons.is_empty() {
            return wrong(Reason::PROTOCOL_ERROR);
        }
        let refused = self.conclude(at, Some(reasons));
        self.ended(at, if refused { Some(Error::Refused) } else { None }, answer, out);
        Ok(())
    }

    /// AUTH, which only follows a CONNECT with the same method [MQTT-4.12.0-5, MQTT-4.12.0-6].
    fn auth<'d>(&mut self, answer: &Answer<'d>, out: &mut Option<Event<'d>>) -> Outcome<()> {
        if !AUTH {
            return wrong(Reason::PROTOCOL_ERROR);
        }
        let Answer { reason, properties, .. } = *answer;
        let ours = self.config.properties.data(id::AUTHENTICATION_METHOD);
        let theirs = properties.data(id::AUTHENTICATION_METHOD);
        let connected = self.state == State::Connected;
        // Success without properties may leave the method out (§3.15.2.1), and before CONNACK
        // there is no success but CONNACK.
        let bare = properties.is_empty() && connected;
        let early = !connected && reason != Reason::CONTINUE_AUTHENTICATION;
        if ours.is_none() || (theirs != ours && !bare) || early {
            return wrong(Reason::PROTOCOL_ERROR);
        }
        *out = Some(Event::Authentication { reason, properties });
        Ok(())
    }

    /// An operation has ended by an answer, or by itself. One that the application gave up is told as long as it is marked as ended,
    /// and goes on then.
    #[inline(never)]
    pub(super) fn ended<'d>(
        &mut self,
        at: At,
        error: Option<Error>,
        answer: &Answer<'d>,
        out: &mut Option<Event<'d>>,
    ) {
        let Answer { reason, reasons, properties, .. } = *answer;
        let word = self.queue.word(at);
        let given_up = STREAM && word & kind::GIVEN_UP != 0;
        let marked = word & flag::ENDED != 0;
        if (!given_up || marked)
            && let Some(operation) = Operation::from_raw(self.queue.key(at))
        {
            *out = Some(Event::Ended { operation, error, reason, reasons, properties });
        }
        if given_up && marked {
            self.queue.mark(at, flag::ENDED, 0);
        } else {
            self.queue.remove(at);
        }
    }
}
