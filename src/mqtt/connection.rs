// SPDX-License-Identifier: MIT OR Apache-2.0
//! The life of a connection: attempts, CONNACK, keep-alive, the end, and what time brings.
#![forbid(unsafe_code)]

use super::client::{
    ALIASES, AUTH, Client, Context, FILTERS, REDIRECT, STREAM, State, flag, kind, mark, receipt, units,
};
use super::event::{Event, Operation};
use super::receive::{Outcome, transient, wrong};
use super::wire::property::id;
use super::wire::{Answer, PacketType, Properties, Reason, Version};
use crate::backoff::Backoff;
use crate::status::Error;
use crate::time::Instant;

/// A connection that lasted so long, in units of 1024 ms, or over which a message went, was a good
/// one: the next attempts begin with short delays again.
const STABLE: u32 = 4;
/// How often in a row a server may refer to another one.
const REDIRECTS: u8 = 4;

impl Client<'_> {
    /// Does what is due, and says what came of it. Call it until it says nothing. A needless
    /// call is harmless.
    pub fn poll(&mut self, cx: &mut Context) -> Option<Event<'static>> {
        if self.has(mark::ABORTED) {
            self.marks &= !mark::ABORTED;
            return Some(Event::Aborted { cookie: self.handler(0) });
        }
        let mut out = None;
        self.tick(cx);
        if self.output.failure().is_none() {
            self.expire(cx.stream.now);
            self.pump(cx);
            self.output.flush(&mut cx.stream);
        }
        if let Some(error) = self.output.failure() {
            self.failed(cx, error, &mut out);
        } else if !self.report(cx, &mut out)
            && STREAM
            && self.has(mark::WANTED)
            && self.output.refused.is_none()
            && let Some(at) = self.under_way()
            && let Some(operation) = Operation::from_raw(self.queue.key(at))
        {
            self.marks &= !mark::WANTED;
            let offset = self.sending.offset.saturating_sub(self.sending.head);
            out = Some(Event::Wanted { operation, offset });
        }
        out
    }

    /// Tells of an operation or a subscription that has ended by itself, if there is one.
    fn report(&mut self, cx: &mut Context, out: &mut Option<Event<'_>>) -> bool {
        if !self.has(mark::ENDED) {
            return false;
        }
        if FILTERS && let Some(at) = self.names.first(kind::REFUSED, kind::REFUSED) {
            self.unsubscribed(at, Reason::UNSPECIFIED_ERROR, out);
            return true;
        }
        let Some(at) = self.queue.first(flag::ENDED, flag::ENDED) else {
            self.marks &= !mark::ENDED;
            return false;
        };
        if !STREAM || self.queue.word(at) & kind::GIVEN_UP == 0 {
            // It is not to come back after a restart. If the store fails, it does, once more.
            let _ = self.drop_kept(cx, at);
        }
        let error = Error::from_code(-(self.queue.time(at) as i32));
        self.ended(at, error, &Answer::NOTHING, out);
        true
    }

    /// The deadlines of the connection. What is over by them stands among the output's failures.
    fn tick(&mut self, cx: &mut Context) {
        let now = cx.stream.now;
        // One PINGREQ at a time. Without room for it something is under way, and if that
        // gets nowhere the time for an answer runs all the same.
        if self.ping_due().is_due(now) {
            if self.ping != Instant::NEVER || self.sending.active {
                self.output.refused = Some(Error::Timeout);
                return;
            }
            self.ack(cx, PacketType::Pingreq, 0, Reason::SUCCESS);
            self.ping = now.after(u64::from(self.config.response_timeout));
        }
        let due = self.deadline.is_due(now);
        if self.state == State::Closing {
            self.output.flush(&mut cx.stream);
            if self.output.is_empty() && !self.has(mark::SHUT) && !due {
                self.marks |= mark::SHUT;
                cx.stream.transport.shutdown();
            }
        }
        if due {
            self.deadline = Instant::NEVER;
            self.output.refused = match self.state {
                State::Waiting => self.attempt(cx),
                State::Connecting | State::Handshake => Some(Error::Timeout),
                State::Closing => Some(Error::Closed),
                // Messages were passed over.
                State::Connected => Some(Error::Full),
                State::Idle => None,
            };
        }
    }

    /// When the answer to PINGREQ is given up, or PINGREQ is to be sent, if nothing else is before. Into the midst of a
    /// message it cannot: one that the stream takes nothing more of is given up when an answer to PINGREQ would be.
    pub(super) fn ping_due(&self) -> Instant {
        let active = self.sending.active;
        if self.state != State::Connected {
            return Instant::NEVER;
        }
        if self.ping != Instant::NEVER || self.keep_alive == 0 || (active && !self.output.is_blocked()) {
            return self.ping;
        }
        let more = if active { self.config.response_timeout } else { 0 };
        self.output.last_sent.after(u64::from(self.keep_alive) * 1000 + u64::from(more))
    }

    fn attempt(&mut self, cx: &mut Context) -> Option<Error> {
        let (mut host, mut port) = (self.config.host, self.config.port);
        if REDIRECT
            && self.is_v5()
            && let Some(at) = self.names.first(kind::MASK, kind::SERVER)
        {
            (host, port) = (self.name(at), self.names.word(at) as u16);
        }
        let result = cx.stream.transport.connect(host, port);
        self.state = State::Connecting;
        self.deadline = cx.stream.now.after(u64::from(self.config.connect_timeout));
        result.err()
    }

    /// Bytes came: who waits for PINGRESP waits anew, for a long message may come before it.
    pub(super) fn heard(&mut self, now: Instant) {
        if self.ping != Instant::NEVER {
            self.ping = now.after(u64::from(self.config.response_timeout));
        }
    }

    /// PINGRESP came.
    pub(super) const fn answered(&mut self) {
        self.ping = Instant::NEVER;
    }

    /// CONNACK.
    pub(super) fn connack<'d>(
        &mut self,
        cx: &mut Context,
        answer: &Answer<'d>,
        out: &mut Option<Event<'d>>,
    ) -> Outcome<()> {
        let Answer { session_present, reason, properties, .. } = *answer;
        if reason != Reason::SUCCESS {
            self.lost(cx, Error::Refused, answer, out);
            return Ok(());
        }
        let v5 = self.is_v5();
        let clean = self.config.clean_start;
        // A session that we said not to want [MQTT-3.2.2-4], another method [MQTT-4.12.0-5].
        let resumed = v5 && self.has(mark::STARTED);
        let method = id::AUTHENTICATION_METHOD;
        if (clean && !resumed && session_present)
            || (AUTH && v5 && properties.data(method) != self.config.properties.data(method))
        {
            return wrong(Reason::PROTOCOL_ERROR);
        }
        self.read_limits(&properties);
        if v5 && let Some(assigned) = properties.data(id::ASSIGNED_CLIENT_IDENTIFIER) {
            // Without room for it the next connection is a new session.
            self.note(kind::CLIENT_ID, assigned);
        }
        if !session_present {
            self.marks |= mark::LOST;
        }
        // If the store failed at that, the server has made a session by now that is another.
        let session_present = !self.has(mark::LOST);
        if !session_present {
            transient(self.session_lost(cx, !v5 && !clean))?;
        }
        self.inbound.mark_all(flag::QOS_2, flag::QOS_2, 0, receipt::LEFT);
        self.queue.rewind();
        self.marks |= mark::STARTED | mark::REQUESTS;
        self.state = State::Connected;
        self.deadline = Instant::NEVER;
        self.connected_at = units(cx.stream.now);
        self.statistics.connections = self.statistics.connections.wrapping_add(1);
        *out = Some(Event::Connected { session_present, properties });
        Ok(())
    }

    /// What the server allows, and how it wants to be treated.
    fn read_limits(&mut self, properties: &Properties) {
        self.keep_alive = self.config.keep_alive;
        self.quota_max = self.config.send_maximum.max(1);
        self.alias_max = 0;
        self.maximum_qos = 2;
        self.maximum_packet_size = u32::MAX;
        self.marks &= !mark::SERVER;
        for property in properties.iter() {
            let number = property.number;
            let lacks = match property.id {
                id::RETAIN_AVAILABLE => mark::NO_RETAIN,
                id::WILDCARD_SUBSCRIPTION_AVAILABLE => mark::NO_WILDCARD,
                id::SUBSCRIPTION_IDENTIFIER_AVAILABLE => mark::NO_IDENTIFIER,
                id::SHARED_SUBSCRIPTION_AVAILABLE => mark::NO_SHARED,
                _ => 0,
            };
            match property.id {
                id::SERVER_KEEP_ALIVE => self.keep_alive = number as u16,
                id::RECEIVE_MAXIMUM => self.quota_max = self.quota_max.min(number as u16),
                id::TOPIC_ALIAS_MAXIMUM => self.alias_max = number as u16,
                id::MAXIMUM_QOS => self.maximum_qos = number as u8,
                id::MAXIMUM_PACKET_SIZE => self.maximum_packet_size = number,
                _ if number == 0 => self.marks |= lacks,
                _ => {}
            }
        }
        self.quota = self.quota_max;
    }

    /// Keeps one name of a kind, in place of the one before; whether there was room.
    fn note(&mut self, word: u32, name: &[u8]) -> bool {
        self.names.remove_all(kind::MASK, word & kind::MASK);
        self.names.add(word, 0, 0, name).is_ok()
    }

    /// The connection is over, or came to nothing, and the server has not said why.
    pub(super) fn failed(&mut self, cx: &mut Context, error: Error, out: &mut Option<Event<'_>>) {
        self.lost(cx, error, &Answer::NOTHING, out);
    }

    /// The connection is over, or came to nothing: settles what ends with it, and decides
    /// whether to try again.
    #[inline(never)]
    pub(super) fn lost<'d>(
        &mut self,
        cx: &mut Context,
        error: Error,
        answer: &Answer<'d>,
        out: &mut Option<Event<'d>>,
    ) {
        let Answer { reason, properties, .. } = *answer;
        let state = self.state;
        if state == State::Idle {
            return;
        }
        cx.stream.transport.close();
        let closing = state == State::Closing;
        let lived =
            state == State::Connected && units(cx.stream.now).wrapping_sub(self.connected_at) >= STABLE;
        let good = lived || self.has(mark::USEFUL);
        self.reset();
        self.deadline = Instant::NEVER;
        self.state = State::Idle;
        if good {
            self.backoff = None;
            self.redirects = 0;
        }
        // A server that stands in for another does so as long as it can be reached.
        if REDIRECT && state != State::Connected {
            self.names.remove_all(kind::MASK | kind::TEMPORARY, kind::SERVER | kind::TEMPORARY);
        }
        let retry_after = if closing { None } else { self.retry_after(cx, error, answer) };
        match retry_after {
            Some(delay) => {
                self.state = State::Waiting;
                self.deadline = cx.stream.now.after(u64::from(delay));
            }
            // There is no further attempt: requests, which belong to no session, end.
            None => {
                while let Some(at) = self.queue.first(kind::CLASS | flag::ENDED, kind::SUBSCRIBE) {
                    self.end(at, Some(Error::Transport));
                }
            }
        }
        let error = if closing { Error::Closed } else { error };
        *out = Some(Event::Disconnected { error, reason, retry_after, properties });
    }

    /// How long to wait for the next attempt, if there is to be one.
    fn retry_after(&mut self, cx: &mut Context, error: Error, answer: &Answer) -> Option<u32> {
        if REDIRECT && self.is_v5() && self.follow(answer.reason, &answer.properties) {
            return Some(0);
        }
        if is_final(self.config.version, error, answer.reason) {
            return None;
        }
        let policy = self.config.reconnect.as_ref()?;
        let backoff = match &mut self.backoff {
            Some(backoff) => {
                if !backoff.again(policy) {
                    return None;
                }
                backoff
            }
            none => none.insert(Backoff::start(policy, cx.stream.random)),
        };
        Some(backoff.delay(policy, cx.stream.random))
    }

    /// Forgets what belonged to the connection.
    fn reset(&mut self) {
        self.output.clear();
        self.ping = Instant::NEVER;
        self.sending.active = false;
        self.marks &= !(mark::RELEASES | mark::WANTED | mark::SHUT | mark::USEFUL | mark::OVERFLOW);
        self.alias_used = 0;
        if ALIASES {
            self.names.remove_all(kind::CLASS, kind::ALIAS_IN);
        }
        if self.incoming.remaining != 0 && !self.has(mark::SKIPPED) {
            self.marks |= mark::ABORTED;
        }
        self.incoming.remaining = 0;
        // What has not been acknowledged comes again, but for QoS 2 that the application has.
        self.inbound.mark_all(receipt::RELEASED, receipt::RELEASED, kind::MASK, receipt::RECEIVED);
        self.inbound.remove_all(flag::QOS_2, 0);
        self.inbound.remove_all(kind::MASK, receipt::COMING);
        // Requests are made anew, and a PUBREL is sent in its turn.
        self.queue.mark_all(0, 0, kind::RELEASE_DUE, 0);
        self.queue.mark_all(kind::CLASS, kind::SUBSCRIBE, flag::SENT, 0);
        // So is a message of QoS 0 of which a part has left.
        self.queue.mark_all(kind::CLASS | flag::QOS, 0, flag::SENT, 0);
        // A subscription whose renewal was not answered is renewed again.
        let asked = kind::FILTER | kind::ASKED;
        if FILTERS {
            self.names.mark_all(kind::MASK | kind::ASKED, asked, kind::ASKED | flag::ID, kind::RENEW);
        }
    }

    /// Goes where the server refers to, if told to (5.0 §4.11).
    fn follow(&mut self, reason: Reason, properties: &Properties) -> bool {
        let referring = matches!(reason, Reason::USE_ANOTHER_SERVER | Reason::SERVER_MOVED);
        if !referring || !self.config.follow_server_reference || self.redirects >= REDIRECTS {
            return false;
        }
        let Some(reference) = properties.data(id::SERVER_REFERENCE) else { return false };
        let Some((host, port)) = server(reference, self.config.port) else { return false };
        self.redirects += 1;
        let temporary = if reason == Reason::SERVER_MOVED { 0 } else { kind::TEMPORARY };
        self.note(kind::SERVER | temporary | u32::from(port), host)
    }

    /// Ends what has waited too long: messages by their expiry, requests without an answer.
    fn expire(&mut self, now: Instant) {
        let now = units(now);
        if now < self.next_expiry {
            return;
        }
        self.next_expiry = u32::MAX;
        let mut last = None;
        while let Some(at) = self.queue.next(last, flag::ENDED, 0) {
            last = Some(at);
            let word = self.queue.word(at);
            let waits = match word & kind::MASK {
                kind::PUBLISH => word & flag::SENT == 0,
                kind::STREAM if STREAM => false,
                _ => word & flag::SENT != 0,
            };
            let time = self.queue.time(at);
            if !waits || time == 0 {
                continue;
            }
            if time <= now {
                self.end(at, Some(Error::Timeout));
            } else {
                self.next_expiry = self.next_expiry.min(time);
            }
        }
    }
}

/// Whether trying again would only meet the same answer, or drive another client away.
fn is_final(version: Version, error: Error, reason: Reason) -> bool {
    // A bit for each code. 3.1.1: version, identifier, user name or password, not authorized. 5.0, from 0x80 on:
    // unsupported version, identifier not valid, user name or password, not authorized, banned, authentication
    // method, taken over, topic name invalid, payload format invalid, retain and QoS not supported.
    let (first, codes) = if version.is_v5() { (0x80, 0x0e01_54f0u32) } else { (0, 0x36) };
    // From a CONNACK or DISCONNECT of the server.
    let from_server = matches!(error, Error::Refused | Error::Closed);
    let code = u32::from(reason.0.wrapping_sub(first));
    from_server && codes.checked_shr(code).is_some_and(|codes| codes & 1 != 0)
}

/// Reads the first of the servers in a Server Reference: a host, perhaps with a port; an IPv6
/// address with a port stands in brackets (5.0 §4.11).
fn server(reference: &[u8], default: u16) -> Option<(&[u8], u16)> {
    // Where the host begins and ends: before the only colon, or within brackets; and the number behind the colon.
    let (mut start, mut end, mut colons, mut number) = (0, 0, 0, 0u32);
    let mut length = 0;
    for byte in reference.iter().copied() {
        let digit = u32::from(byte.wrapping_sub(b'0'));
        match byte {
            b' ' => break,
            b'[' if length == 0 => start = 1,
            b':' if colons == 0 && start == 0 => (end, colons) = (length, 1),
            b':' => colons += 1,
            b']' => (end, colons) = (length, 0),
            _ if digit > 9 || number > 0xffff => number = 0x1_0000,
            _ => number = number * 10 + digit,
        }
        length += 1;
        if byte == b':' {
            number = 0;
        }
    }
    if start == 0 && colons != 1 {
        // More than one colon is an address without a port.
        end = length;
    }
    if colons != 1 {
        number = u32::from(default);
    }
    let host = reference.get(start..end)?;
    if host.is_empty() || number == 0 || number > 0xffff { None } else { Some((host, number as u16)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_references() {
        for (reference, expected) in [
            ("myserver.xyz.org", Some(("myserver.xyz.org", 9))),
            ("myserver.xyz.org:8883", Some(("myserver.xyz.org", 8883))),
            ("10.10.151.22:8883 [fe80::9610:3eff:fe1c]:1883", Some(("10.10.151.22", 8883))),
            ("[fe80::1]:1883", Some(("fe80::1", 1883))),
            ("[fe80::1]", Some(("fe80::1", 9))),
            ("fe80::1", Some(("fe80::1", 9))),
            ("", None),
            (":1", None),
            ("a:b", None),
            ("a:0", None),
            ("a:65536", None),
        ] {
            let expected = expected.map(|(host, port)| (host.as_bytes(), port));
            assert_eq!(server(reference.as_bytes(), 9), expected, "{reference}");
        }
    }
}
