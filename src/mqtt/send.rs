// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a client sends, and in which order.
#![forbid(unsafe_code)]

use super::client::{
    ALIASES, Client, Context, FILTERS, STREAM, Sending, State, flag, is_stream, kind, mark, receipt,
    to_seconds, units,
};
use super::log::At;
use super::topic;
use super::wire::property::id;
use super::wire::{
    PacketType, Properties, Property, Reason, Side, Sink, Source, V5, emit_connect, emit_reason,
};
use crate::bytes;
use crate::status::{Error, Result};

/// The longest fixed header with a packet identifier.
pub(super) const HEAD: usize = 7;

impl Client<'_> {
    /// Sends an acknowledgement; whether it had room.
    #[inline(never)]
    pub(super) fn ack(
        &mut self,
        cx: &mut Context,
        packet: PacketType,
        packet_id: u16,
        reason: Reason,
    ) -> bool {
        self.send_small(cx, packet, packet_id, reason, &Properties::EMPTY).is_ok()
    }

    /// Sends an acknowledgement, DISCONNECT, AUTH or PINGREQ: a packet identifier unless that is 0, and the Reason Code
    /// and properties as far as they say something. Nothing comes into the midst of a message.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] without room now, [`Error::TooLarge`] when there never is, or when
    /// the server takes no such packet, [`Error::Invalid`] when it would be malformed.
    #[inline(never)]
    pub(super) fn send_small(
        &mut self,
        cx: &mut Context,
        packet: PacketType,
        packet_id: u16,
        reason: Reason,
        properties: &Properties,
    ) -> Result<()> {
        if self.sending.active {
            return Err(Error::WouldBlock);
        }
        let v5 = self.is_v5();
        // Without properties it is gathered with what waits already.
        let count = if properties.is_empty() { HEAD } else { usize::MAX };
        let mut sink = self.output.begin(&mut cx.stream, packet, count);
        if packet_id != 0 {
            sink.u16(packet_id);
        }
        if v5 {
            emit_reason(reason, properties, packet, Side::Client, &mut sink);
        }
        let size = sink.end();
        self.output.finish(size, self.maximum_packet_size)
    }

    /// Sends CONNECT.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when the output is too small, [`Error::Invalid`].
    pub(super) fn send_connect(&mut self, cx: &mut Context) -> Result<()> {
        let config = self.config;
        let started = self.is_v5() && self.has(mark::STARTED);
        let more = [
            (id::SESSION_EXPIRY_INTERVAL, config.session_expiry),
            (id::RECEIVE_MAXIMUM, u32::from(config.receive_maximum)),
            (id::TOPIC_ALIAS_MAXIMUM, u32::from(config.topic_alias_maximum)),
            (id::MAXIMUM_PACKET_SIZE, config.maximum_packet_size),
        ];
        let assigned = self.names.first(kind::MASK, kind::CLIENT_ID);
        let client_id = assigned.map_or(config.client_id.as_bytes(), |at| self.names.body(at));
        let mut sink = self.output.begin(&mut cx.stream, PacketType::Connect, usize::MAX);
        let start = (config.version, config.clean_start && !started, config.keep_alive);
        let login = (config.user_name, config.password);
        emit_connect(start, (&config.properties, &more), client_id, config.will.as_ref(), login, &mut sink);
        let size = sink.end();
        self.output.finish(size, u32::MAX)
    }

    /// Sends all that can be sent now: acknowledgements first, then requests, then messages in
    /// their order.
    #[inline(never)]
    pub(super) fn pump(&mut self, cx: &mut Context) {
        // Nothing comes into the midst of a message.
        if self.state != State::Connected || (self.sending.active && !self.send_next(cx)) {
            return;
        }
        if self.settle(cx).is_err() {
            // A transient error while processing a packet closes the connection.
            self.output.refused = Some(Error::Io);
            return;
        }
        if self.has(mark::OVERFLOW) && self.inbound.is_empty() && self.incoming.remaining == 0 {
            self.output.refused = Some(Error::Full);
            return;
        }
        self.release(cx);
        if FILTERS {
            self.renew(cx);
        }
        if self.has(mark::REQUESTS) {
            self.send_requests(cx);
        }
        while self.send_next(cx) {}
    }

    /// Sends the next message, or goes on with the one that has been sent in part. Whether all of it was sent, or it has
    /// ended otherwise.
    #[inline(never)]
    fn send_next(&mut self, cx: &mut Context) -> bool {
        // Requests lie between the messages and went their own way.
        let Some(at) = self.queue.find(self.queue.cursor, kind::CLASS | flag::ENDED, 0) else { return false };
        self.queue.cursor = at.get();
        let gone = self.send_message(cx, at);
        if gone {
            self.queue.cursor = self.queue.behind(at);
        }
        gone
    }

    /// Sends the acknowledgements that are due, each kind in the order in which the messages
    /// came [MQTT-4.6.0-2, MQTT-4.6.0-3].
    ///
    /// # Errors
    /// What the store says: the acknowledgement must not leave then.
    #[inline(never)]
    pub(super) fn settle(&mut self, cx: &mut Context) -> Result<()> {
        // The QoS of which an earlier message waits for the application or the store, each a bit.
        let mut held = 0;
        let mut position = 0;
        while let Some(at) = self.inbound.find(position, 0, 0) {
            position = at.get();
            let word = self.inbound.word(at);
            let qos = word & flag::QOS;
            let stage = word & kind::MASK;
            if stage < receipt::READY {
                held |= qos;
            }
            let reason = Reason(self.inbound.time(at) as u8);
            let waits = stage < receipt::RECEIVED && held & qos != 0;
            if !waits && stage != receipt::RECEIVED {
                if stage == receipt::READY && qos == flag::QOS_2 && !reason.is_error() {
                    match self.keep_receipt(cx, at, true) {
                        Ok(()) => self.inbound.mark(at, kind::MASK, receipt::AGAIN),
                        // What else is under way may make room there.
                        Err(Error::Full) => held |= qos,
                        error => return error,
                    }
                    continue;
                }
                let packet = match qos {
                    _ if stage == receipt::RELEASED => PacketType::Pubcomp,
                    flag::QOS_2 => PacketType::Pubrec,
                    _ => PacketType::Puback,
                };
                if !self.ack(cx, packet, word as u16, reason) {
                    return Ok(());
                }
                if stage != receipt::AGAIN {
                    self.inbound.remove(at);
                    continue;
                }
                self.inbound.mark(at, kind::MASK, receipt::RECEIVED);
            }
            position = self.inbound.behind(at);
        }
        Ok(())
    }

    /// Sends the PUBRELs that had no room when PUBREC came.
    #[inline(never)]
    fn release(&mut self, cx: &mut Context) {
        while self.has(mark::RELEASES) {
            let Some(at) = self.queue.first(kind::RELEASE_DUE, kind::RELEASE_DUE) else {
                self.marks &= !mark::RELEASES;
                return;
            };
            if !self.ack(cx, PacketType::Pubrel, self.queue.word(at) as u16, Reason::SUCCESS) {
                return;
            }
            self.queue.mark(at, kind::RELEASE_DUE, 0);
        }
    }

    /// PUBREC has come for this message: sends PUBREL, now or as soon as there is room. Those
    /// that wait already go first [MQTT-4.6.0-4].
    pub(super) fn release_one(&mut self, cx: &mut Context, at: At) {
        self.release(cx);
        let first = !self.has(mark::RELEASES);
        self.queue.mark(at, 0, kind::RELEASE_DUE);
        self.marks |= mark::RELEASES;
        if first {
            self.release(cx);
        }
    }

    /// Makes the subscriptions again that went with the server's session.
    fn renew(&mut self, cx: &mut Context) {
        while let Some(at) = self.names.first(kind::REFUSED, kind::RENEW) {
            let packet_id = self.next_packet_id();
            if packet_id == 0 {
                return;
            }
            let filter = self.names.name(at);
            let properties = self.names.body(at).get(filter.len() + 1..).unwrap_or_default();
            let options = (self.names.word(at) & flag::OPTIONS) >> flag::SHIFT;
            let v5 = self.is_v5();
            let lacking = V5 && self.lacks(filter, properties);
            let mut sink = self.output.begin(&mut cx.stream, PacketType::Subscribe, usize::MAX);
            sink.u16(packet_id as u16);
            if v5 {
                sink.variable(properties.len() as u32);
                sink.put(properties);
            }
            sink.binary(filter);
            sink.u8(options as u8);
            let size = sink.end();
            match self.finish_request(lacking, size) {
                Ok(()) => self.names.mark(at, kind::RENEW | flag::ID, kind::ASKED | packet_id),
                Err(Error::WouldBlock) => return,
                Err(_) => {
                    self.names.mark(at, 0, kind::REFUSED);
                    self.marks |= mark::ENDED;
                }
            }
        }
    }

    /// Whether this server takes no such subscription (5.0 §3.2.2.3.11 to §3.2.2.3.13).
    #[inline(never)]
    fn lacks(&self, filter: &[u8], properties: &[u8]) -> bool {
        let identifier = Properties::Encoded(properties).number(id::SUBSCRIPTION_IDENTIFIER);
        (self.has(mark::NO_WILDCARD) && topic::has_wildcard_bytes(filter))
            || (self.has(mark::NO_SHARED) && topic::is_shared_bytes(filter))
            || (self.has(mark::NO_IDENTIFIER) && identifier.is_some())
    }

    /// Gathers the SUBSCRIBE or UNSUBSCRIBE begun last, as [`Output::finish`](super::output::Output::finish).
    ///
    /// # Errors
    /// Those of that, and [`Error::Unsupported`] when the server is `lacking`.
    fn finish_request(&mut self, lacking: bool, size: usize) -> Result<()> {
        if lacking { Err(Error::Unsupported) } else { self.output.finish(size, self.maximum_packet_size) }
    }

    /// Sends SUBSCRIBE and UNSUBSCRIBE, which no quota holds up [MQTT-3.3.4-8].
    fn send_requests(&mut self, cx: &mut Context) {
        let mut last = None;
        while let Some(at) = self.queue.next(last, kind::CLASS | flag::SENT | flag::ENDED, kind::SUBSCRIBE) {
            last = Some(at);
            let word = self.queue.word(at);
            let mut sink = self.output.begin(&mut cx.stream, request_type(word), usize::MAX);
            sink.u16(word as u16);
            sink.put(self.queue.body(at));
            let size = sink.end();
            let mut request = Request::new(self.queue.body(at), self.is_v5(), word);
            let mut lacking = false;
            while V5
                && request.subscribe
                && let Some((filter, _)) = request.next()
            {
                lacking |= self.lacks(filter, request.properties);
            }
            let result = self.finish_request(lacking, size);
            if let Err(error) = result {
                if error == Error::WouldBlock {
                    return;
                }
                self.end(at, Some(error));
                continue;
            }
            self.queue.mark(at, 0, flag::SENT);
            let time = units(cx.stream.now).saturating_add(self.config.response_timeout >> 10) + 1;
            self.queue.set_time(at, time);
            self.next_expiry = self.next_expiry.min(time);
        }
        self.marks &= !mark::REQUESTS;
    }

    /// Sends the message under the cursor, or goes on sending it. Whether the cursor may move
    /// on: it has been sent whole, or has ended otherwise.
    fn send_message(&mut self, cx: &mut Context, at: At) -> bool {
        let word = self.queue.word(at);
        if word & flag::RELEASED != 0 {
            // In a resumed session PUBREL stands for the message. It waits for no quota, but takes
            // its part: the PUBCOMP to come gives one back, and would else let more be under way
            // than the server bears.
            let gone = word & kind::RELEASE_DUE != 0
                || self.ack(cx, PacketType::Pubrel, word as u16, Reason::SUCCESS);
            if gone {
                self.quota = self.quota.saturating_sub(1);
            }
            return gone;
        }
        let qos = word & flag::QOS;
        if !self.sending.active {
            // What is decided now holds only if something of the packet leaves.
            if (qos != 0 && self.quota == 0) || self.output.is_full(&mut cx.stream) {
                return false;
            }
            if let Some(error) = self.barred(units(cx.stream.now), at, word) {
                self.end(at, Some(error));
                return true;
            }
            self.choose_alias(at, word);
            if qos != 0 && word & flag::SENT != 0 {
                self.queue.mark(at, 0, kind::REPEATED);
            }
        }
        self.write_message(cx, at)
    }

    /// Writes what is left of the packet, as far as there is room. Whether that was all, or the message has ended otherwise.
    fn write_message(&mut self, cx: &mut Context, at: At) -> bool {
        let word = self.queue.word(at);
        let qos = word & flag::QOS;
        // The packet in four pieces, of which the topic and the rest lie in the queue.
        let mut source = Source::new(self.queue.body(at));
        let mut topic = source.binary();
        let Sending { alias, known, .. } = if ALIASES { self.sending } else { Sending::default() };
        if known {
            topic = &[];
        }
        let mut middle = [0; 12];
        let mut sink = Sink::new(&mut middle);
        if qos != 0 {
            sink.u16(word as u16);
        }
        let mut properties = 0;
        if self.is_v5() {
            properties = source.variable();
            sink.variable(properties + if alias == 0 { 0 } else { 3 });
            if alias != 0 {
                sink.u8(id::TOPIC_ALIAS);
                sink.u16(alias);
            }
        }
        let middle = sink.written();
        let rest = source.rest();
        let payload = match is_stream(word) {
            true => self.queue.time(at),
            false => (rest.len() as u32).saturating_sub(properties),
        };
        let remaining = 2 + (topic.len() + middle.len()) as u32 + properties + payload;
        let repeated = word & kind::REPEATED != 0;
        let first = 0x30
            | (qos >> (flag::SHIFT - 1)) as u8
            | u8::from(word & flag::RETAIN != 0)
            | if repeated { 8 } else { 0 };
        let mut front = [0; 8];
        let mut sink = Sink::new(&mut front);
        sink.u8(first);
        sink.variable(remaining);
        sink.u16(topic.len() as u16);
        let front = sink.written();
        let total = remaining + front.len() as u32 - 2;
        let head = total - payload;
        if total > self.maximum_packet_size {
            self.end(at, Some(Error::TooLarge));
            return true;
        }
        let begun = self.sending.offset;
        let mut skip = begun as usize;
        let mut offset = begun;
        for piece in [front, topic, middle, rest] {
            let Some(rest) = piece.get(skip..) else {
                skip -= piece.len();
                continue;
            };
            skip = 0;
            let taken = self.output.take(&mut cx.stream, rest);
            offset += taken as u32;
            if taken < rest.len() {
                break;
            }
        }
        (self.sending.offset, self.sending.head, self.sending.total) = (offset, head, total);
        if !self.sending.active {
            self.sending.active = true;
            self.queue.mark(at, 0, flag::SENT);
            if qos != 0 {
                self.quota = self.quota.saturating_sub(1);
                if repeated {
                    self.statistics.repeated = self.statistics.repeated.wrapping_add(1);
                }
            }
        }
        if offset >= total {
            self.sent(at);
            return true;
        }
        if is_stream(word) && offset != begun && offset >= head {
            self.marks |= mark::WANTED;
        }
        false
    }

    /// A message has been sent whole.
    pub(super) fn sent(&mut self, at: At) {
        self.statistics.sent = self.statistics.sent.wrapping_add(1);
        self.sending.active = false;
        self.marks &= !mark::WANTED;
        if STREAM {
            self.queue.mark(at, 0, kind::WHOLE);
        }
        if self.queue.word(at) & flag::QOS == 0 {
            self.mark_ended(at, None);
        }
        self.queue.cursor = self.queue.behind(at);
    }

    /// Why this message cannot be sent to this server, or not any more.
    #[cfg_attr(all(target_os = "none", feature = "mqtt-v5"), inline(never))]
    fn barred(&mut self, now: u32, at: At, word: u32) -> Option<Error> {
        let qos = (word & flag::QOS) >> flag::SHIFT;
        if qos > u32::from(self.maximum_qos) || (word & flag::RETAIN != 0 && self.has(mark::NO_RETAIN)) {
            return Some(Error::Unsupported);
        }
        // Expiry applies until a message has been sent for the first time [MQTT-4.3.3-7].
        let time = self.queue.time(at);
        if self.is_v5() && word & (kind::MASK | flag::SENT) == kind::PUBLISH && time != 0 {
            let left = time.saturating_sub(now);
            if left == 0 {
                return Some(Error::Timeout);
            }
            // Tells the server how much of the interval is left: in seconds, rounded up, and
            // never more than asked for.
            let body = self.queue.body_mut(at);
            let mut source = Source::new(body);
            source.binary();
            source.variable();
            while !source.is_empty() {
                let property = Property::read(&mut source);
                if property.id == id::MESSAGE_EXPIRY_INTERVAL {
                    let seconds = to_seconds(left).min(property.number);
                    let start = body.len().saturating_sub(source.rest().len() + 4);
                    bytes::copy(body.get_mut(start..).unwrap_or_default(), &seconds.to_be_bytes());
                    break;
                }
            }
        }
        None
    }

    /// Chooses a topic alias for the message about to be sent (5.0 §3.3.2.3.4).
    fn choose_alias(&mut self, at: At, word: u32) {
        self.sending = Sending::default();
        if !ALIASES || !self.is_v5() || self.alias_max == 0 {
            return;
        }
        let body = self.queue.body(at);
        let topic = Source::new(body).binary();
        if topic.len() < 3 {
            // An alias takes three bytes.
            return;
        }
        if let Some(name) = self.names.named(kind::MASK, kind::ALIAS_OUT, topic) {
            (self.sending.alias, self.sending.known) = (self.names.word(name) as u16, true);
            return;
        }
        // A new alias makes the packet longer: not where that might be too long.
        let stream = if is_stream(word) { self.queue.time(at) } else { 0 };
        let long = (body.len() as u32).saturating_add(stream).saturating_add(16) > self.maximum_packet_size;
        let alias = self.alias_used.wrapping_add(1);
        if !long
            && self.alias_used < self.alias_max
            && self.names.add(kind::ALIAS_OUT | u32::from(alias), 0, 0, topic).is_ok()
        {
            self.alias_used = alias;
            self.sending.alias = alias;
        }
    }

    /// Ends an operation: the application is told by the next `poll`.
    #[inline(never)]
    pub(super) fn end(&mut self, at: At, error: Option<Error>) {
        if FILTERS && self.queue.word(at) & kind::MASK == kind::SUBSCRIBE {
            self.conclude(at, None);
        }
        self.mark_ended(at, error);
    }

    pub(super) fn mark_ended(&mut self, at: At, error: Option<Error>) {
        self.queue.mark(at, flag::ID, flag::ENDED);
        self.queue.set_time(at, error.map_or(0, |error| error.code().unsigned_abs()));
        self.queue.strip(at);
        self.marks |= mark::ENDED;
    }
}

/// What stands in the queue for a SUBSCRIBE or UNSUBSCRIBE: its filters, one by one, each with its options.
pub(super) struct Request<'q> {
    source: Source<'q>,
    /// As on the wire, without their length.
    pub(super) properties: &'q [u8],
    subscribe: bool,
}

impl<'q> Request<'q> {
    pub(super) fn new(body: &'q [u8], v5: bool, word: u32) -> Request<'q> {
        let mut source = Source::new(body);
        let length = if v5 { source.variable() } else { 0 };
        let properties = source.take(length as usize);
        Request { source, properties, subscribe: word & kind::MASK == kind::SUBSCRIBE }
    }

    #[inline(never)]
    pub(super) fn next(&mut self) -> Option<(&'q [u8], u8)> {
        if self.source.is_empty() {
            return None;
        }
        let filter = self.source.binary();
        Some((filter, if self.subscribe { self.source.u8() } else { 0 }))
    }
}

pub(super) const fn request_type(word: u32) -> PacketType {
    if word & kind::MASK == kind::SUBSCRIBE { PacketType::Subscribe } else { PacketType::Unsubscribe }
}
