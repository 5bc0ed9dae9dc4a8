// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a client sends, and in which order.
#![forbid(unsafe_code)]

use super::client::{Client, Context, Receipt, Sending, State, flag, kind, mark, to_seconds, units};
use super::log::{Log, Meta};
use super::topic;
use super::wire::property::id;
use super::wire::{
    Ack, Connect, Filter, Filters, PacketType, Properties, Property, Reason, Side, Subscribe,
    SubscriptionOptions, Version, read_variable, variable,
};
use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// The parts of a PUBLISH in the queue.
struct Parts<'q> {
    topic: &'q [u8],
    /// How many bytes of properties `rest` begins with.
    properties: u32,
    /// Properties, without their length, and the payload as far as it is here.
    rest: &'q [u8],
    /// How long the whole payload is.
    payload: u32,
}

impl Client<'_> {
    /// Writes one small packet into the output.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] without room now, [`Error::TooLarge`] when there never is, or when
    /// the server takes no such packet, and what `emit` says.
    pub(super) fn stage(
        &mut self,
        cx: &mut Context,
        emit: &dyn Fn(Version, &mut Writer) -> Result<()>,
    ) -> Result<()> {
        if self.sending.active {
            return Err(Error::WouldBlock);
        }
        let capacity = self.output.capacity();
        // Most packets are this small; if not, room is made for as much as there can be.
        for count in [8, capacity] {
            let room = self.output.room(cx.stream, count).ok_or(Error::WouldBlock)?;
            let mut writer = Writer::new(room);
            match emit(self.config.version, &mut writer) {
                Err(Error::TooLarge) if count < capacity => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    let written = writer.position();
                    if written > self.maximum_packet_size as usize {
                        return Err(Error::TooLarge);
                    }
                    self.output.commit(written);
                    return Ok(());
                }
            }
        }
        Err(Error::TooLarge)
    }

    /// Sends an acknowledgement; whether it had room.
    fn ack(&mut self, cx: &mut Context, packet: PacketType, packet_id: u16, reason: Reason) -> bool {
        let reason = if self.config.version.is_v5() { reason } else { Reason::SUCCESS };
        let ack = Ack { packet, packet_id, reason, properties: Properties::EMPTY };
        self.stage(cx, &|version, writer| ack.emit(version, Side::Client, writer)).is_ok()
    }

    /// Sends CONNECT.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when the output is too small, [`Error::Invalid`].
    pub(super) fn send_connect(&mut self, cx: &mut Context) -> Result<()> {
        let config = self.config;
        let clean_start = config.clean_start && (config.version == Version::V311 || !self.has(mark::STARTED));
        let numbers = [
            (id::SESSION_EXPIRY_INTERVAL, config.session_expiry, 0),
            (id::RECEIVE_MAXIMUM, u32::from(config.receive_maximum), 0xffff),
            (id::TOPIC_ALIAS_MAXIMUM, u32::from(config.topic_alias_maximum), 0),
            (id::MAXIMUM_PACKET_SIZE, config.maximum_packet_size, 0),
        ];
        let mut list = [Property::default(); 4];
        let mut used = 0;
        for (id, number, default) in numbers {
            if number != default
                && let Some(entry) = list.get_mut(used)
            {
                *entry = Property::number(id, number);
                used += 1;
            }
        }
        // The name is copied out of the way of the output's borrow: it is short.
        let assigned = self.names.find(&|meta| meta.what() == kind::CLIENT_ID);
        let capacity = self.output.capacity();
        let room = self.output.room(cx.stream, capacity).ok_or(Error::TooLarge)?;
        let client_id = match assigned {
            Some((position, _)) => core::str::from_utf8(self.names.body(position)).unwrap_or_default(),
            None => config.client_id,
        };
        let connect = Connect {
            version: config.version,
            clean_start,
            keep_alive: config.keep_alive,
            properties: config.properties,
            more: list.get(..used).unwrap_or_default(),
            client_id,
            will: config.will,
            user_name: config.user_name,
            password: config.password,
        };
        let mut writer = Writer::new(room);
        connect.emit(&mut writer)?;
        let written = writer.position();
        self.output.commit(written);
        self.marks &= !mark::NO_PROBLEMS;
        if config.properties.number(id::REQUEST_PROBLEM_INFORMATION) == Some(0) {
            self.marks |= mark::NO_PROBLEMS;
        }
        Ok(())
    }

    /// Sends all that can be sent now: acknowledgements first, then requests, then messages in
    /// their order.
    pub(super) fn pump(&mut self, cx: &mut Context) {
        if self.state != State::Connected {
            return;
        }
        if !self.sending.active {
            if self.settle(cx).is_err() {
                // A transient error while processing a packet closes the connection.
                self.output.failed = Some(Error::Io);
                return;
            }
            if self.has(mark::OVERFLOW) && self.receipts == 0 && self.incoming.remaining == 0 {
                self.output.failed = Some(Error::Full);
                return;
            }
            self.release(cx);
            if self.has(mark::RENEWALS) {
                self.renew(cx);
            }
            if self.has(mark::REQUESTS) {
                self.send_requests(cx);
            }
        }
        while let Some((position, meta)) = self.queue.at(self.queue.cursor) {
            if meta.what() <= kind::STREAM && !meta.has(flag::ENDED) && !self.send_message(cx, position, meta)
            {
                return;
            }
            self.queue.cursor = self.queue.cursor.max(Log::behind(position, &meta));
        }
    }

    /// Sends the acknowledgements that are due, each kind in the order in which the messages
    /// came [MQTT-4.6.0-2, MQTT-4.6.0-3].
    ///
    /// # Errors
    /// What the store says: the acknowledgement must not leave then.
    pub(super) fn settle(&mut self, cx: &mut Context) -> Result<()> {
        let mut held = [false; 3];
        let mut index = 0;
        while let Some(mut entry) = self.receipts().get(index).copied() {
            let qos = usize::from(entry.qos & 3).min(2);
            let waits = held.get(qos).copied().unwrap_or(true);
            let mut removed = false;
            match entry.receipt {
                Receipt::Coming | Receipt::Held => {
                    if let Some(held) = held.get_mut(qos) {
                        *held = true;
                    }
                }
                Receipt::Ready | Receipt::Again if !waits => {
                    let reason = Reason(entry.reason);
                    let (mut packet, mut keeps) = (PacketType::Puback, false);
                    if qos == 2 {
                        packet = PacketType::Pubrec;
                        keeps = !reason.is_error();
                        if keeps && entry.receipt == Receipt::Ready {
                            self.keep_receipt(cx, entry.packet_id, true)?;
                            entry.receipt = Receipt::Again;
                        }
                    }
                    if self.ack(cx, packet, entry.packet_id, reason) {
                        entry.receipt = Receipt::Received;
                        removed = !keeps;
                    } else {
                        self.write_receipt(index, entry);
                        return Ok(());
                    }
                }
                Receipt::Releasing => {
                    self.keep_receipt(cx, entry.packet_id, false)?;
                    entry.receipt = Receipt::Unknown;
                    entry.reason = Reason::SUCCESS.0;
                    self.write_receipt(index, entry);
                    continue;
                }
                Receipt::Unknown => {
                    let packet = PacketType::Pubcomp;
                    removed = self.ack(cx, packet, entry.packet_id, Reason(entry.reason));
                    if !removed {
                        return Ok(());
                    }
                }
                _ => {}
            }
            if removed {
                self.remove_receipt(index);
            } else {
                self.write_receipt(index, entry);
                index += 1;
            }
        }
        Ok(())
    }

    fn write_receipt(&mut self, index: usize, entry: super::client::Inbound) {
        if let Some(place) = self.receipts().get_mut(index) {
            *place = entry;
        }
    }

    /// Sends the PUBRELs that had no room when PUBREC came.
    fn release(&mut self, cx: &mut Context) {
        while self.has(mark::RELEASES) {
            let due = |meta: &Meta| meta.kind & kind::RELEASE_DUE != 0;
            let Some((position, mut meta)) = self.queue.find(&due) else {
                self.marks &= !mark::RELEASES;
                return;
            };
            if !self.ack(cx, PacketType::Pubrel, meta.id, Reason::SUCCESS) {
                return;
            }
            meta.kind &= !kind::RELEASE_DUE;
            self.queue.set(position, &meta);
        }
    }

    /// PUBREC has come for this message: sends PUBREL, now or as soon as there is room. Those
    /// that wait already go first [MQTT-4.6.0-4].
    pub(super) fn release_one(&mut self, cx: &mut Context, position: u32, mut meta: Meta) {
        self.release(cx);
        if self.has(mark::RELEASES) || !self.ack(cx, PacketType::Pubrel, meta.id, Reason::SUCCESS) {
            meta.kind |= kind::RELEASE_DUE;
            self.queue.set(position, &meta);
            self.marks |= mark::RELEASES;
        }
    }

    pub(super) fn send_pubrel(&mut self, cx: &mut Context, packet_id: u16, reason: Reason) -> bool {
        self.ack(cx, PacketType::Pubrel, packet_id, reason)
    }

    /// Makes the subscriptions again that went with the server's session.
    fn renew(&mut self, cx: &mut Context) {
        loop {
            let due = |meta: &Meta| meta.kind & kind::RENEW != 0;
            let Some((position, mut meta)) = self.names.find(&due) else {
                self.marks &= !mark::RENEWALS;
                return;
            };
            let Ok(packet_id) = self.next_packet_id() else { return };
            // The packet is written by hand, from the names straight into the output.
            let capacity = self.output.capacity();
            let filter = core::str::from_utf8(self.names.body(position)).unwrap_or_default();
            let identifier = [Property::number(id::SUBSCRIPTION_IDENTIFIER, meta.time)];
            let properties = match meta.time {
                0 => Properties::EMPTY,
                _ => Properties::List(&identifier),
            };
            let options = SubscriptionOptions::from_byte(meta.flags & 0x3f);
            let list = [Filter { filter, options }];
            let packet = Subscribe { packet_id, properties, filters: Filters::List(&list) };
            let wanted = (filter.len() + 20).min(capacity);
            let Some(room) = self.output.room(cx.stream, wanted) else { return };
            let mut writer = Writer::new(room);
            let result = packet.emit(self.config.version, &mut writer);
            let written = writer.position();
            meta.kind &= !kind::RENEW;
            if result.is_ok() {
                meta.id = packet_id;
                self.output.commit(written);
            }
            self.names.set(position, &meta);
        }
    }

    /// Sends SUBSCRIBE and UNSUBSCRIBE, which no quota holds up [MQTT-3.3.4-8].
    fn send_requests(&mut self, cx: &mut Context) {
        let mut next = 0;
        while let Some((position, mut meta)) = self.queue.at(next) {
            next = Log::behind(position, &meta);
            let kind = meta.what();
            if kind != kind::SUBSCRIBE && kind != kind::UNSUBSCRIBE {
                continue;
            }
            if meta.flags & (flag::SENT | flag::ENDED) != 0 {
                continue;
            }
            if self.request_barred(position, &meta) {
                self.end(cx, position, meta, Some(Error::Unsupported));
                continue;
            }
            let body = self.queue.body(position);
            let packet = request_type(kind);
            let Ok((prefix, size)) = variable(body.len() as u32 + 2) else { continue };
            let total = 1 + size + 2 + body.len();
            if total > self.maximum_packet_size as usize {
                self.end(cx, position, meta, Some(Error::TooLarge));
                continue;
            }
            let Some(room) = self.output.room(cx.stream, total) else { return };
            let mut writer = Writer::new(room);
            let _ = writer
                .u8(packet.first_byte())
                .and_then(|()| writer.put(prefix.get(..size).unwrap_or_default()))
                .and_then(|()| writer.u16(meta.id))
                .and_then(|()| writer.put(body));
            self.output.commit(total);
            meta.flags |= flag::SENT;
            meta.time =
                units(cx.stream.now).saturating_add(self.config.response_timeout >> 10).saturating_add(1);
            self.next_expiry = self.next_expiry.min(meta.time);
            self.queue.set(position, &meta);
        }
        self.marks &= !mark::REQUESTS;
    }

    /// Whether this server takes no such SUBSCRIBE (5.0 §3.2.2.3.11 to §3.2.2.3.13).
    fn request_barred(&self, position: u32, meta: &Meta) -> bool {
        if !self.config.version.is_v5() || self.marks & mark::SERVER == 0 || meta.what() != kind::SUBSCRIBE {
            return false;
        }
        // A subscription identifier is the first thing but perhaps for user properties.
        let mut reader = Reader::new(self.queue.body(position));
        let length = read_variable(&mut reader, true).ok().flatten().unwrap_or(0);
        let properties = Properties::Encoded(reader.take(length as usize).unwrap_or_default());
        if self.has(mark::NO_IDENTIFIER) && properties.get(id::SUBSCRIPTION_IDENTIFIER).is_some() {
            return true;
        }
        self.request_filters(position, PacketType::Subscribe).iter().any(|Filter { filter, .. }| {
            (self.has(mark::NO_SHARED) && topic::is_shared(filter))
                || (self.has(mark::NO_WILDCARD) && topic::has_wildcard(topic::without_share(filter)))
        })
    }

    fn parts<'q>(queue: &'q Log, version: Version, position: u32, meta: &Meta) -> Parts<'q> {
        let mut reader = Reader::new(queue.body(position));
        let length = reader.u16().unwrap_or(0);
        let topic = reader.take(usize::from(length)).unwrap_or_default();
        let mut properties = 0;
        if version.is_v5() {
            properties = read_variable(&mut reader, true).ok().flatten().unwrap_or(0);
        }
        let rest = reader.rest();
        let payload = match meta.what() {
            kind::STREAM => meta.time,
            _ => (rest.len() as u32).saturating_sub(properties),
        };
        Parts { topic, properties, rest, payload }
    }

    /// How many bytes of the PUBLISH being sent come before its payload, and how many it has.
    pub(super) fn packet_len(&self, position: u32, meta: &Meta) -> (u32, u32) {
        let parts = Client::parts(&self.queue, self.config.version, position, meta);
        let (remaining, prefix) = self.remaining(&parts, meta);
        let total = remaining.saturating_add(1 + prefix);
        (total.saturating_sub(parts.payload), total)
    }

    /// The Remaining Length, and how many bytes that takes.
    fn remaining(&self, parts: &Parts, meta: &Meta) -> (u32, u32) {
        let mut remaining = 2 + parts.payload;
        if !self.sending.known {
            remaining += parts.topic.len() as u32;
        }
        if meta.flags & flag::QOS != 0 {
            remaining += 2;
        }
        if self.config.version.is_v5() {
            let properties = parts.properties + if self.sending.alias != 0 { 3 } else { 0 };
            remaining += properties + variable(properties).map_or(4, |(_, size)| size as u32);
        }
        (remaining, variable(remaining).map_or(4, |(_, size)| size as u32))
    }

    /// Sends the message under the cursor, or goes on sending it. Whether the cursor may move
    /// on: it has been sent whole, or has ended otherwise.
    fn send_message(&mut self, cx: &mut Context, position: u32, mut meta: Meta) -> bool {
        if meta.has(flag::RELEASED) {
            // In a resumed session PUBREL stands for the message. It waits for no quota, but takes
            // its part: the PUBCOMP to come gives one back, and would else let more be under way
            // than the server bears.
            let gone = meta.kind & kind::RELEASE_DUE != 0 || self.send_pubrel(cx, meta.id, Reason::SUCCESS);
            if gone {
                self.quota = self.quota.saturating_sub(1);
            }
            return gone;
        }
        let qos = meta.flags & flag::QOS;
        if !self.sending.active {
            if qos != 0 && self.quota == 0 {
                return false;
            }
            if let Some(error) = self.barred(cx, position, &meta) {
                self.end(cx, position, meta, Some(error));
                return true;
            }
            self.choose_alias(position, &meta);
            if qos != 0 && meta.has(flag::SENT) {
                meta.kind |= kind::REPEATED;
            }
        }
        let parts = Client::parts(&self.queue, self.config.version, position, &meta);
        let (remaining, _) = self.remaining(&parts, &meta);
        // The packet in four pieces, of which the topic and the rest lie in the queue.
        let Sending { alias, known, .. } = self.sending;
        let topic = if known { &[][..] } else { parts.topic };
        let first = 0x30
            | qos << 1
            | u8::from(meta.has(flag::RETAIN))
            | if meta.kind & kind::REPEATED != 0 { 8 } else { 0 };
        let (mut front, mut middle) = ([0; 8], [0; 12]);
        let mut writer = Writer::new(&mut front);
        let (prefix, size) = variable(remaining).unwrap_or_default();
        let _ = writer
            .u8(first)
            .and_then(|()| writer.put(prefix.get(..size).unwrap_or_default()))
            .and_then(|()| writer.u16(topic.len() as u16));
        let front = writer.finish();
        let mut writer = Writer::new(&mut middle);
        if qos != 0 {
            let _ = writer.u16(meta.id);
        }
        if self.config.version.is_v5() {
            let extra = if alias == 0 { 0 } else { 3 };
            let (length, size) = variable(parts.properties + extra).unwrap_or_default();
            let _ = writer.put(length.get(..size).unwrap_or_default());
            if alias != 0 {
                let _ = writer.u8(id::TOPIC_ALIAS).and_then(|()| writer.u16(alias));
            }
        }
        let middle = writer.finish();
        let mut skip = self.sending.offset as usize;
        let mut offset = self.sending.offset;
        for piece in [&*front, topic, &*middle, parts.rest] {
            let Some(rest) = piece.get(skip..) else {
                skip -= piece.len();
                continue;
            };
            skip = 0;
            let taken = self.output.take(cx.stream, rest);
            offset += taken as u32;
            if taken < rest.len() {
                break;
            }
        }
        let total = remaining + 1 + size as u32;
        let payload = parts.payload;
        let moved = offset != self.sending.offset;
        let begun = offset != 0 && !self.sending.active;
        self.sending.active |= begun;
        self.sending.offset = offset;
        if begun && qos != 0 {
            self.quota = self.quota.saturating_sub(1);
            meta.flags |= flag::SENT;
            self.queue.set(position, &meta);
            if meta.kind & kind::REPEATED != 0 {
                self.statistics.repeated = self.statistics.repeated.wrapping_add(1);
            }
        }
        if offset >= total {
            self.sent(position, meta);
            return true;
        }
        if moved && meta.what() == kind::STREAM && offset >= total - payload {
            self.marks |= mark::WANTED;
        }
        false
    }

    /// A message has been sent whole.
    pub(super) fn sent(&mut self, position: u32, mut meta: Meta) {
        self.statistics.sent = self.statistics.sent.wrapping_add(1);
        self.sending = Sending::default();
        self.marks &= !mark::WANTED;
        if meta.flags & flag::QOS == 0 {
            self.mark_ended(position, &mut meta, None);
        }
        self.queue.cursor = self.queue.cursor.max(Log::behind(position, &meta));
    }

    /// Why this message cannot be sent to this server, or not any more.
    fn barred(&mut self, cx: &Context, position: u32, meta: &Meta) -> Option<Error> {
        if meta.flags & flag::QOS > self.maximum_qos || (meta.has(flag::RETAIN) && self.has(mark::NO_RETAIN))
        {
            return Some(Error::Unsupported);
        }
        let (_, total) = self.packet_len(position, meta);
        if total > self.maximum_packet_size {
            return Some(Error::TooLarge);
        }
        // Expiry applies until a message has been sent for the first time [MQTT-4.3.3-7].
        if meta.what() == kind::PUBLISH && meta.time != 0 && !meta.has(flag::SENT) {
            let left = meta.time.saturating_sub(units(cx.stream.now));
            if left == 0 {
                return Some(Error::Timeout);
            }
            self.write_expiry(position, meta, left);
        }
        None
    }

    /// Tells the server how much of the Message Expiry Interval is left.
    fn write_expiry(&mut self, position: u32, meta: &Meta, left: u32) {
        let parts = Client::parts(&self.queue, self.config.version, position, meta);
        let start = self.queue.body(position).len() - parts.rest.len();
        let mut reader = Reader::new(parts.rest.get(..parts.properties as usize).unwrap_or_default());
        let properties = Properties::Encoded(reader.rest());
        // Ends behind the value of the property: its four bytes lie before.
        let mut end = start;
        for property in properties.iter() {
            let one = [property];
            let length = Properties::List(&one).content_len().unwrap_or(0) as usize;
            end += length;
            let _ = reader.take(length);
            if property.id == id::MESSAGE_EXPIRY_INTERVAL {
                // Seconds, rounded up, and never more than asked for.
                let value = to_seconds(left).min(property.number).to_be_bytes();
                if let Some(place) = self.queue.body_mut(position).get_mut(end - 4..end) {
                    crate::bytes::copy(place, &value);
                }
                return;
            }
        }
    }

    /// Chooses a topic alias for the message about to be sent (5.0 §3.3.2.3.4).
    fn choose_alias(&mut self, position: u32, meta: &Meta) {
        self.sending = Sending::default();
        if self.alias_max == 0 {
            return;
        }
        let topic = Client::parts(&self.queue, self.config.version, position, meta).topic;
        let known = self
            .names
            .search(&|position, meta| meta.what() == kind::ALIAS_OUT && self.names.body(position) == topic);
        if let Some((_, meta)) = known {
            self.sending = Sending { alias: meta.id, known: true, ..Sending::default() };
        } else if self.alias_used < self.alias_max {
            let alias = self.alias_used + 1;
            let meta = Meta { id: alias, kind: kind::ALIAS_OUT, ..Meta::default() };
            if let Ok(position) = self.names.reserve(meta, topic.len()) {
                crate::bytes::copy(self.names.body_mut(position), topic);
                self.alias_used = alias;
                self.sending.alias = alias;
            }
        }
    }

    /// Ends an operation: the application is told by the next `poll`.
    pub(super) fn end(&mut self, cx: &mut Context, position: u32, meta: Meta, error: Option<Error>) {
        if meta.what() <= kind::STREAM {
            // It is not to come back after a restart. If the store fails, it does, once more.
            let _ = self.drop_kept(cx, &meta);
        } else if meta.what() == kind::SUBSCRIBE {
            self.forget_request(position);
        }
        let mut meta = meta;
        self.mark_ended(position, &mut meta, error);
    }

    /// Forgets the filters of a SUBSCRIBE that came to nothing.
    fn forget_request(&mut self, position: u32) {
        let mut names = 0;
        while let Some((at, meta)) = self.names.at(names) {
            names = Log::behind(at, &meta);
            let name = self.names.body(at);
            let filters = self.request_filters(position, PacketType::Subscribe);
            let named = filters.iter().any(|entry| entry.filter.as_bytes() == name);
            // Exactly this kind: not one that the server has granted.
            if named && meta.kind == kind::FILTER {
                self.names.remove(at);
            }
        }
    }

    pub(super) fn mark_ended(&mut self, position: u32, meta: &mut Meta, error: Option<Error>) {
        meta.flags |= flag::ENDED;
        meta.id = 0;
        meta.time = error.map_or(0, |error| error.code().unsigned_abs());
        self.queue.strip(position, meta);
        self.ended = self.ended.saturating_add(1);
    }
}

pub(super) const fn request_type(kind: u8) -> PacketType {
    if kind == kind::SUBSCRIBE { PacketType::Subscribe } else { PacketType::Unsubscribe }
}
