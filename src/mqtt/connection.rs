// SPDX-License-Identifier: MIT OR Apache-2.0
//! The life of a connection: attempts, CONNACK, keep-alive, the end, and what time brings.
#![forbid(unsafe_code)]

use super::client::{Client, Context, Receipt, Sending, State, flag, kind, mark, units};
use super::event::{Event, Operation};
use super::log::{Log, Meta};
use super::wire::property::id;
use super::wire::{Connack, Properties, Reason, Version};
use crate::backoff::{Backoff, Policy};
use crate::bytes;
use crate::status::{Error, Result};
use crate::time::Instant;

/// A connection that lasted so long, in milliseconds, or over which a message went, was a good
/// one: the next attempts begin with short delays again.
const STABLE: u64 = 5000;
/// How often in a row a server may refer to another one.
const REDIRECTS: u8 = 4;

impl Client<'_> {
    /// Does what is due, and says what came of it. Call it until it says nothing. A needless
    /// call is harmless.
    pub fn poll(&mut self, cx: &mut Context) -> Option<Event<'static>> {
        self.marks &= !mark::DUE;
        if self.has(mark::ABORTED) {
            self.marks &= !mark::ABORTED;
            return Some(Event::Aborted { cookie: self.incoming.cookie });
        }
        if let Some(event) = self.tick(cx) {
            return Some(event);
        }
        self.expire(cx);
        self.pump(cx);
        self.output.flush(cx.stream);
        if let Some(error) = self.output.failed {
            return self.lost(cx, error, Reason::SUCCESS, Properties::EMPTY);
        }
        if self.ended != 0 {
            return self.report();
        }
        if self.has(mark::WANTED)
            && !self.output.blocked
            && let Some((position, meta)) = self.queue.at(self.queue.cursor)
        {
            self.marks &= !mark::WANTED;
            let (head, _) = self.packet_len(position, &meta);
            let operation = Operation::from_raw(meta.key)?;
            let offset = self.sending.offset.saturating_sub(head);
            return Some(Event::Wanted { operation, offset });
        }
        None
    }

    /// An operation that has ended by itself.
    fn report(&mut self) -> Option<Event<'static>> {
        let Some((position, meta)) = self.queue.find(&|meta| meta.has(flag::ENDED)) else {
            self.ended = 0;
            return None;
        };
        self.queue.remove(position);
        self.ended = self.ended.saturating_sub(1);
        Some(Event::Ended {
            operation: Operation::from_raw(meta.key)?,
            error: Error::from_code(-(meta.time as i32)),
            reason: Reason::SUCCESS,
            reasons: &[],
            properties: Properties::EMPTY,
        })
    }

    /// The deadlines of the connection.
    fn tick(&mut self, cx: &mut Context) -> Option<Event<'static>> {
        let now = cx.stream.now;
        if self.state == State::Connected {
            let silent = self.output.last_sent.after(u64::from(self.keep_alive) * 1000);
            if self.ping.is_due(now) {
                return self.lost(cx, Error::Timeout, Reason::SUCCESS, Properties::EMPTY);
            }
            // One PINGREQ at a time. Without room for it something is under way, and if that
            // gets nowhere the time for an answer runs all the same.
            if self.keep_alive != 0
                && self.ping == Instant::NEVER
                && !self.sending.active
                && silent.is_due(now)
            {
                let _ = self.stage(cx, &|_, writer| writer.put(&[0xc0, 0]));
                self.ping = now.after(u64::from(self.config.response_timeout));
            }
        }
        if self.state == State::Closing {
            self.output.flush(cx.stream);
            let done = self.output.is_empty() && !self.has(mark::SHUT);
            if done && !self.deadline.is_due(now) {
                self.marks |= mark::SHUT;
                cx.stream.transport.shutdown();
            }
        }
        if !self.deadline.is_due(now) {
            return None;
        }
        self.deadline = Instant::NEVER;
        match self.state {
            State::Waiting => self.attempt(cx),
            State::Connecting | State::Handshake => {
                self.lost(cx, Error::Timeout, Reason::SUCCESS, Properties::EMPTY)
            }
            State::Closing => self.lost(cx, Error::Closed, Reason::SUCCESS, Properties::EMPTY),
            State::Idle | State::Connected => None,
        }
    }

    fn attempt(&mut self, cx: &mut Context) -> Option<Event<'static>> {
        let referred = self.names.find(&|meta| meta.what() == kind::SERVER);
        let (host, port) = match referred {
            Some((position, meta)) => (self.name(position), meta.id),
            None => (self.config.host, self.config.port),
        };
        let result = cx.stream.transport.connect(host, port);
        self.state = State::Connecting;
        self.deadline = cx.stream.now.after(u64::from(self.config.connect_timeout));
        match result {
            Ok(()) => None,
            Err(error) => self.lost(cx, error, Reason::SUCCESS, Properties::EMPTY),
        }
    }

    /// Bytes came: who waits for PINGRESP waits anew, for a long message may come before it.
    pub(super) fn heard(&mut self, now: Instant, count: usize) {
        if count != 0 && self.ping != Instant::NEVER {
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
        connack: Connack<'d>,
    ) -> core::result::Result<Option<Event<'d>>, Reason> {
        let Connack { session_present, reason, properties } = connack;
        if reason != Reason::SUCCESS {
            return Ok(self.lost(cx, Error::Refused, reason, properties));
        }
        let v3 = self.config.version == Version::V311;
        let resumed = self.has(mark::STARTED) && !v3;
        let clean = self.config.clean_start && !resumed;
        let method = self.config.properties.text(id::AUTHENTICATION_METHOD);
        // A session that we said not to want [MQTT-3.2.2-4], another method [MQTT-4.12.0-5].
        if (clean && session_present) || properties.text(id::AUTHENTICATION_METHOD) != method {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.read_limits(&properties);
        if let Some(assigned) = properties.text(id::ASSIGNED_CLIENT_IDENTIFIER) {
            // Without room for it the next connection is a new session.
            let _ = self.note(kind::CLIENT_ID, assigned, 0);
        }
        if !session_present {
            self.session_lost(cx, v3 && !self.config.clean_start)
                .map_err(|_| Reason::IMPLEMENTATION_SPECIFIC_ERROR)?;
        }
        self.queue.cursor = 0;
        self.marks |= mark::STARTED | mark::DUE | mark::REQUESTS;
        self.state = State::Connected;
        self.deadline = Instant::NEVER;
        self.connected_at = cx.stream.now;
        self.statistics.connections = self.statistics.connections.wrapping_add(1);
        Ok(Some(Event::Connected { session_present, properties }))
    }

    /// What the server allows, and how it wants to be treated.
    fn read_limits(&mut self, properties: &Properties) {
        let number = |id: u8, default: u32| properties.number(id).unwrap_or(default);
        self.keep_alive = number(id::SERVER_KEEP_ALIVE, u32::from(self.config.keep_alive)) as u16;
        let server = number(id::RECEIVE_MAXIMUM, 0xffff) as u16;
        self.quota_max = self.config.send_maximum.max(1).min(server);
        self.quota = self.quota_max;
        self.alias_max = number(id::TOPIC_ALIAS_MAXIMUM, 0) as u16;
        self.maximum_qos = number(id::MAXIMUM_QOS, 2) as u8;
        self.maximum_packet_size = number(id::MAXIMUM_PACKET_SIZE, u32::MAX);
        self.marks &= !mark::SERVER;
        for (id, mark) in [
            (id::RETAIN_AVAILABLE, mark::NO_RETAIN),
            (id::WILDCARD_SUBSCRIPTION_AVAILABLE, mark::NO_WILDCARD),
            (id::SUBSCRIPTION_IDENTIFIER_AVAILABLE, mark::NO_IDENTIFIER),
            (id::SHARED_SUBSCRIPTION_AVAILABLE, mark::NO_SHARED),
        ] {
            if number(id, 1) == 0 {
                self.marks |= mark;
            }
        }
    }

    /// Keeps one name of a kind, in place of the one before.
    fn note(&mut self, kind: u8, name: &str, id: u16) -> Result<()> {
        self.forget_kind(kind);
        let meta = Meta { kind, id, ..Meta::default() };
        let position = self.names.reserve(meta, name.len())?;
        bytes::copy(self.names.body_mut(position), name.as_bytes());
        Ok(())
    }

    fn forget_kind(&mut self, kind: u8) {
        while let Some((position, _)) = self.names.find(&|meta| meta.what() == kind) {
            self.names.remove(position);
        }
    }

    /// The connection is over, or came to nothing: settles what ends with it, and decides
    /// whether to try again.
    pub(super) fn lost<'d>(
        &mut self,
        cx: &mut Context,
        error: Error,
        reason: Reason,
        properties: Properties<'d>,
    ) -> Option<Event<'d>> {
        if self.state == State::Idle {
            return None;
        }
        cx.stream.transport.close();
        let closing = self.state == State::Closing;
        let lived = match self.state {
            State::Connected => cx.stream.now.since(self.connected_at),
            _ => 0,
        };
        let useful = self.has(mark::USEFUL);
        self.reset();
        self.deadline = Instant::NEVER;
        self.state = State::Idle;
        let mut retry_after = None;
        let referred = !closing && self.follow(reason, &properties);
        if referred {
            retry_after = Some(0);
        } else if !closing && !is_final(self.config.version, error, reason) {
            if lived >= STABLE || useful {
                self.backoff = None;
                self.redirects = 0;
            }
            retry_after = self.config.reconnect.and_then(|policy| self.delay(cx, &policy));
        }
        match retry_after {
            Some(delay) => {
                self.state = State::Waiting;
                self.deadline = cx.stream.now.after(u64::from(delay));
            }
            None => self.end_requests(cx),
        }
        let error = if closing { Error::Closed } else { error };
        Some(Event::Disconnected { error, reason, retry_after, properties })
    }

    /// How long to wait for the next attempt, if there is to be one.
    fn delay(&mut self, cx: &mut Context, policy: &Policy) -> Option<u32> {
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
        self.sending = Sending::default();
        self.marks &= !(mark::RELEASES | mark::WANTED | mark::SHUT | mark::USEFUL | mark::OVERFLOW);
        self.alias_used = 0;
        self.alias_max = 0;
        self.forget_kind(kind::ALIAS_IN);
        self.forget_kind(kind::ALIAS_OUT);
        if self.incoming.remaining != 0 && !self.incoming.skip {
            self.marks |= mark::ABORTED | mark::DUE;
        }
        self.incoming.remaining = 0;
        // What has not been acknowledged comes again, but for QoS 2 that the application has.
        let mut index = 0;
        while let Some(entry) = self.receipts().get_mut(index) {
            let again = match entry.receipt {
                Receipt::Coming | Receipt::Unknown => true,
                Receipt::Releasing => {
                    entry.receipt = Receipt::Received;
                    false
                }
                _ => entry.qos < 2,
            };
            if again {
                self.remove_receipt(index);
            } else {
                index += 1;
            }
        }
        // Requests are made anew, and a PUBREL is sent in its turn.
        self.queue.cursor = 0;
        let mut next = 0;
        while let Some((position, mut meta)) = self.queue.at(next) {
            next = Log::behind(position, &meta);
            meta.kind &= !kind::RELEASE_DUE;
            if meta.what() >= kind::SUBSCRIBE && !meta.has(flag::ENDED) {
                meta.flags &= !flag::SENT;
                meta.time = 0;
            }
            self.queue.set(position, &meta);
        }
        // A subscription whose renewal was not answered is renewed again.
        next = 0;
        while let Some((position, mut meta)) = self.names.at(next) {
            next = Log::behind(position, &meta);
            if meta.what() == kind::FILTER && meta.id != 0 {
                meta.id = 0;
                meta.kind |= kind::RENEW;
                self.names.set(position, &meta);
                self.marks |= mark::RENEWALS;
            }
        }
    }

    /// There is no further attempt: requests, which belong to no session, end.
    fn end_requests(&mut self, cx: &mut Context) {
        let mut next = 0;
        while let Some((position, meta)) = self.queue.at(next) {
            next = Log::behind(position, &meta);
            if meta.what() >= kind::SUBSCRIBE && !meta.has(flag::ENDED) {
                self.end(cx, position, meta, Some(Error::Transport));
            }
        }
    }

    /// Goes where the server refers to, if told to (5.0 §4.11).
    fn follow(&mut self, reason: Reason, properties: &Properties) -> bool {
        let referring = matches!(reason, Reason::USE_ANOTHER_SERVER | Reason::SERVER_MOVED);
        if !referring || !self.config.follow_server_reference || self.redirects >= REDIRECTS {
            return false;
        }
        let Some(reference) = properties.text(id::SERVER_REFERENCE) else { return false };
        let Some((host, port)) = server(reference, self.config.port) else { return false };
        self.redirects += 1;
        self.note(kind::SERVER, host, port).is_ok()
    }

    /// Ends what has waited too long: messages by their expiry, requests without an answer.
    fn expire(&mut self, cx: &mut Context) {
        let now = units(cx.stream.now);
        if now < self.next_expiry {
            return;
        }
        self.next_expiry = u32::MAX;
        let mut next = 0;
        while let Some((position, meta)) = self.queue.at(next) {
            next = Log::behind(position, &meta);
            let sent = meta.has(flag::SENT);
            let waits = match meta.what() {
                kind::PUBLISH => !sent,
                kind::STREAM => false,
                _ => sent,
            };
            if !waits || meta.has(flag::ENDED) || meta.time == 0 {
                continue;
            }
            if meta.time <= now {
                self.end(cx, position, meta, Some(Error::Timeout));
            } else {
                self.next_expiry = self.next_expiry.min(meta.time);
            }
        }
    }
}

/// Whether trying again would only meet the same answer, or drive another client away.
fn is_final(version: Version, error: Error, reason: Reason) -> bool {
    if !version.is_v5() {
        return error == Error::Refused && matches!(reason.0, 1 | 2 | 4 | 5);
    }
    // From a CONNACK or DISCONNECT of the server: unsupported version, identifier not valid,
    // user name or password, not authorized, banned, authentication method, taken over, topic
    // name invalid, payload format invalid, retain and QoS not supported.
    let from_server = matches!(error, Error::Refused | Error::Closed);
    from_server && matches!(reason.0, 0x84..=0x87 | 0x8a | 0x8c | 0x8e | 0x90 | 0x99..=0x9b)
}

/// Reads the first of the servers in a Server Reference: a host, perhaps with a port; an IPv6
/// address with a port stands in brackets (5.0 §4.11).
fn server(reference: &str, default: u16) -> Option<(&str, u16)> {
    let end = reference.bytes().position(|byte| byte == b' ');
    let first = reference.get(..end.unwrap_or(reference.len()))?;
    let is_colon = |byte: u8| byte == b':';
    let (host, port) = if first.as_bytes().first() == Some(&b'[') {
        let end = first.bytes().position(|byte| byte == b']')?;
        (first.get(1..end)?, first.get(end + 1..)?)
    } else {
        // More than one colon is an address without a port.
        match (first.bytes().position(is_colon), first.bytes().rposition(is_colon)) {
            (Some(at), Some(last)) if at == last => (first.get(..at)?, first.get(at..)?),
            _ => (first, ""),
        }
    };
    let mut number = default;
    if let Some((b':', digits)) = port.as_bytes().split_first() {
        number = 0;
        for digit in digits {
            let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
            number = number.checked_mul(10)?.checked_add(u16::from(digit))?;
        }
    }
    if host.is_empty() || number == 0 { None } else { Some((host, number)) }
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
            assert_eq!(server(reference, 9), expected, "{reference}");
        }
    }
}
