// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client: what it is made of, and its getters.
#![forbid(unsafe_code)]

use super::config::Config;
use super::event::Message;
use super::log::{At, HEADER, Log};
use super::output::Output;
use super::wire::property::id;
use super::wire::{V5, Version, text};
use crate::backoff::Backoff;
use crate::memory::Plan;
use crate::status::{Error, Result};
use crate::store::Store;
use crate::time::Instant;
use crate::transport::StreamContext;

/// What a client is lent for the length of one call.
#[repr(C)]
pub struct Context<'a> {
    /// Time, randomness, and the stream.
    pub stream: StreamContext<'a>,
    /// Where the session is kept so that it outlives a restart, if anywhere. Always the same
    /// for one client.
    pub store: Option<&'a mut dyn Store>,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not wanted.
    Idle,
    /// Wanted again at the deadline.
    Waiting,
    /// The stream is being connected.
    Connecting,
    /// CONNECT is sent, CONNACK is not there.
    Handshake,
    /// CONNACK has accepted us.
    Connected,
    /// DISCONNECT is sent, or nothing is wanted any more.
    Closing,
}

/// The kind of a record, in the highest byte of its word.
pub(super) mod kind {
    /// Where the kind stands, without the marks beside it.
    pub(crate) const MASK: u32 = 0x0f00_0000;
    /// The same but for what tells the two kinds of messages apart, or the two of requests.
    pub(crate) const CLASS: u32 = 0x0e00_0000;
    /// A whole message.
    pub(crate) const PUBLISH: u32 = 0;
    /// A message whose payload the application gives in parts; its length stands in `time`.
    pub(crate) const STREAM: u32 = 0x0100_0000;
    pub(crate) const SUBSCRIBE: u32 = 0x0200_0000;
    pub(crate) const UNSUBSCRIBE: u32 = 0x0300_0000;
    /// PUBREL could not be sent when PUBREC came.
    pub(crate) const RELEASE_DUE: u32 = 0x8000_0000;
    /// Sent before over an earlier connection: DUP.
    pub(crate) const REPEATED: u32 = 0x4000_0000;
    /// Sent whole, over this connection or an earlier one; after a restart that is not known, and counts as so.
    pub(crate) const WHOLE: u32 = 0x2000_0000;
    /// The application has cancelled it, and, unless it is marked as ended, has been told so; with the server it is yet to be
    /// brought to its end.
    pub(crate) const GIVEN_UP: u32 = 0x1000_0000;
    // Kinds of records among the names.
    /// A subscription: `key` is the cookie, `time` the subscription identifier, the flags are
    /// the options, the identifier is that of the SUBSCRIBE under way for it. Behind the filter and
    /// U+0000 stand the properties of that, if there are any.
    pub(crate) const FILTER: u32 = 0x0400_0000;
    /// The Client Identifier that the server assigned.
    pub(crate) const CLIENT_ID: u32 = 0x0500_0000;
    /// The host that the server refers to, by its port.
    pub(crate) const SERVER: u32 = 0x0600_0000;
    /// It does so for a time only.
    pub(crate) const TEMPORARY: u32 = 0x1000_0000;
    /// A topic by its alias, as the server uses it, and as we do: one class.
    pub(crate) const ALIAS_IN: u32 = 0x0800_0000;
    pub(crate) const ALIAS_OUT: u32 = 0x0900_0000;
    /// The server has granted the subscription.
    pub(crate) const CONFIRMED: u32 = 0x1000_0000;
    /// The subscription is to be made again in a new session.
    pub(crate) const RENEW: u32 = 0x2000_0000;
    /// It has been made again; the answer is awaited.
    pub(crate) const ASKED: u32 = 0x4000_0000;
    /// This server takes no such subscription: the application is yet to be told.
    pub(crate) const REFUSED: u32 = RENEW | ASKED;
    /// It takes the message that is being received.
    pub(crate) const TAKES: u32 = 0x8000_0000;
    /// Everything about the kind, but for who takes what.
    pub(crate) const ALL: u32 = 0x7f00_0000;
}

/// Where a received message of QoS 1 or 2 stands that has not been acknowledged completely: the kind of its record, whose
/// word has its QoS and packet identifier too, whose key is its token, and whose time is the Reason Code to answer with.
pub(super) mod receipt {
    /// Its payload is still coming.
    pub(crate) const COMING: u32 = 0;
    /// The application has it and is to acknowledge it.
    pub(crate) const HELD: u32 = 0x0100_0000;
    /// PUBACK or PUBREC is to be sent.
    pub(crate) const READY: u32 = 0x0200_0000;
    /// QoS 2: PUBREC was sent once, or is in the store; another is due.
    pub(crate) const AGAIN: u32 = 0x0300_0000;
    /// QoS 2: PUBREC is sent, PUBREL is awaited.
    pub(crate) const RECEIVED: u32 = 0x0400_0000;
    /// PUBCOMP is to be sent: QoS 2, or none for a PUBREL that we knew nothing of. Its identifier may stand for
    /// another message.
    pub(crate) const RELEASED: u32 = 0x0800_0000;
    /// QoS 2, received over an earlier connection and not repeated over this one.
    pub(crate) const LEFT: u32 = 0x8000_0000;
}

/// Whether the application gives the payload of this record in parts.
pub(super) const fn is_stream(word: u32) -> bool {
    STREAM && word & kind::MASK == kind::STREAM
}

/// The rest of the word of a record in the queue: flags above the packet identifier.
pub(super) mod flag {
    pub(crate) const ID: u32 = 0xffff;
    /// Where QoS or subscription options start.
    pub(crate) const SHIFT: u32 = 16;
    pub(crate) const QOS: u32 = 0x03_0000;
    pub(crate) const QOS_2: u32 = 0x02_0000;
    pub(crate) const RETAIN: u32 = 0x04_0000;
    /// Sent at least in part, over this connection or an earlier one of the session.
    pub(crate) const SENT: u32 = 0x08_0000;
    /// PUBREC has come: from now on PUBREL stands for the message.
    pub(crate) const RELEASED: u32 = 0x10_0000;
    /// Has ended; `time` says why, and the application is yet to be told.
    pub(crate) const ENDED: u32 = 0x20_0000;
    /// The options of a subscription.
    pub(crate) const OPTIONS: u32 = 0x3f_0000;
}

/// Marks of the client.
pub(super) mod mark {
    /// A connection of this session has been accepted since the start.
    pub(crate) const STARTED: u32 = 1;
    /// The store has been read.
    pub(crate) const RESTORED: u32 = 2;
    /// Some record is marked RELEASE_DUE.
    pub(crate) const RELEASES: u32 = 4;
    /// Some SUBSCRIBE or UNSUBSCRIBE has not been sent.
    pub(crate) const REQUESTS: u32 = 0x10;
    /// The message being received was cut off.
    pub(crate) const ABORTED: u32 = 0x20;
    /// The message being received is a duplicate or passed over: the application does not get it.
    pub(crate) const SKIPPED: u32 = 8;
    /// The application is to give the next part of a message.
    pub(crate) const WANTED: u32 = 0x40;
    /// Packet identifiers have come round while some were in use.
    pub(crate) const WRAPPED: u32 = 0x100;
    /// Our direction of the stream is closed.
    pub(crate) const SHUT: u32 = 0x200;
    /// The server keeps no retained messages.
    pub(crate) const NO_RETAIN: u32 = 0x400;
    /// No wildcards in filters.
    pub(crate) const NO_WILDCARD: u32 = 0x2000;
    /// No shared subscriptions.
    pub(crate) const NO_SHARED: u32 = 0x4000;
    /// No subscription identifiers.
    pub(crate) const NO_IDENTIFIER: u32 = 0x8000;
    /// What the server has said about itself.
    pub(crate) const SERVER: u32 = NO_RETAIN | NO_WILDCARD | NO_SHARED | NO_IDENTIFIER;
    /// The connection has been good for something.
    pub(crate) const USEFUL: u32 = 0x1_0000;
    /// A message of 3.1.1 found no room and was passed over: once all others are done with, or at the
    /// deadline, a new connection brings it again.
    pub(crate) const OVERFLOW: u32 = 0x800;
    /// Some record is marked ENDED, or some filter REFUSED.
    pub(crate) const ENDED: u32 = 0x1000;
    /// The server has lost the session, and the store does not know yet.
    pub(crate) const LOST: u32 = 0x2_0000;
}

/// The message whose payload is being received.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Incoming {
    pub(super) total: u32,
    pub(super) remaining: u32,
    /// 0 with QoS 0, and for what the application does not get.
    pub(super) token: u32,
}

/// The message being sent, which lies under the queue's cursor.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sending {
    /// Some of it has been sent.
    pub(super) active: bool,
    /// The server knows the alias already.
    pub(super) known: bool,
    pub(super) alias: u16,
    /// Bytes of the packet sent.
    pub(super) offset: u32,
    /// How many bytes come before the payload, and how many there are.
    pub(super) head: u32,
    pub(super) total: u32,
}

/// Counters. All only grow, and wrap around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Messages sent completely, repetitions included.
    pub sent: u32,
    /// Messages received, duplicates of QoS 2 left out.
    pub received: u32,
    /// Messages sent again in a resumed session.
    pub repeated: u32,
    /// Connections accepted.
    pub connections: u32,
}

/// The MQTT client (3.1.1 and 5.0).
///
/// It keeps one connection, and connects again by itself if told so. What the application
/// publishes, subscribes and unsubscribes is queued until it can be sent; each ends in exactly
/// one [`Ended`](super::Event::Ended).
// Small and much used members come first: there the shortest instructions reach them.
#[derive(Debug)]
#[repr(C)]
pub struct Client<'m> {
    /// Outgoing messages and requests in the order in which they were given. Those behind the
    /// cursor have been sent over this connection, the others have not.
    pub(super) queue: Log<'m>,
    pub(super) marks: u32,
    pub(super) state: State,
    pub(super) maximum_qos: u8,
    pub(super) redirects: u8,
    v5: bool,
    /// How many more messages of QoS 1 and 2 the server takes, and how many it takes at all.
    pub(super) quota: u16,
    pub(super) quota_max: u16,
    pub(super) last_id: u16,
    /// Tells received messages with the same identifier apart in stale tokens.
    pub(super) generation: u16,
    pub(super) alias_max: u16,
    pub(super) alias_used: u16,
    pub(super) keep_alive: u16,
    pub(super) config: &'m Config<'m>,
    pub(super) sending: Sending,
    pub(super) incoming: Incoming,
    /// The number of the last operation.
    pub(super) sequence: u32,
    /// Filters, aliases, and what the server assigned.
    pub(super) names: Log<'m>,
    /// Received messages of QoS 1 and 2 in the order in which they came, as [`receipt`] says.
    pub(super) inbound: Log<'m>,
    pub(super) output: Output<'m>,
    /// When connecting or closing is given up, a further attempt is made, or a connection ends over which
    /// messages were passed over.
    pub(super) deadline: Instant,
    /// When PINGRESP is given up.
    pub(super) ping: Instant,
    /// In units of 1024 ms.
    pub(super) connected_at: u32,
    /// The earliest `time` of a record that waits, in units of 1024 ms.
    pub(super) next_expiry: u32,
    pub(super) maximum_packet_size: u32,
    /// How many of the bytes that were offered last were left.
    pub(super) unread: u32,
    pub(super) backoff: Option<Backoff>,
    pub(super) statistics: Statistics,
}

/// Whether this build remembers what it has subscribed to.
pub(super) const FILTERS: bool = cfg!(feature = "mqtt-filters");
/// Whether this build takes payloads in parts.
pub(super) const STREAM: bool = cfg!(feature = "mqtt-stream");
/// Whether the application may acknowledge messages by itself.
pub(super) const DEFERRED: bool = cfg!(feature = "mqtt-deferred");
/// Whether this build goes where a server refers to.
pub(super) const REDIRECT: bool = V5 && cfg!(feature = "mqtt-redirect");
/// Whether this build has topic aliases.
pub(super) const ALIASES: bool = V5 && cfg!(feature = "mqtt-alias");
/// Whether this build has enhanced authentication.
pub(super) const AUTH: bool = V5 && cfg!(feature = "mqtt-auth");

/// Places for PUBRELs that we know nothing of, beside the Receive Maximum.
const SPARE: usize = 2;

/// Room for all that the server may send at once.
const fn inbound_bytes(config: &Config) -> usize {
    (config.receive_maximum as usize + SPARE) * HEADER
}

impl<'m> Client<'m> {
    /// How much memory a client takes.
    pub const fn plan(config: &Config) -> Plan {
        let bytes = config.queue_bytes.saturating_add(config.names_bytes).saturating_add(config.output_bytes);
        Plan::new().table::<u8>(bytes.saturating_add(inbound_bytes(config)))
    }

    /// A client in `block`. Nothing is connected before [`connect`](Client::connect).
    ///
    /// # Errors
    /// [`Error::NoMemory`] for a block smaller than the plan, [`Error::Invalid`] for a Receive
    /// Maximum of 0 or a client identifier that is empty where it may not be,
    /// [`Error::Unsupported`] for a version that this build lacks, or topic aliases, an Authentication Method, `deferred`
    /// or `follow_server_reference` in a build without them.
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn new(mut block: &'m mut [u8], config: &'m Config<'m>) -> Result<Client<'m>> {
        let method = AUTH || config.properties.number(id::AUTHENTICATION_METHOD).is_none();
        let lacking = (!ALIASES && config.topic_alias_maximum != 0)
            || (!DEFERRED && config.deferred)
            || (!REDIRECT && V5 && config.follow_server_reference);
        if !config.version.is_supported() || !method || lacking {
            return Err(Error::Unsupported);
        }
        let nameless = config.client_id.is_empty();
        if config.receive_maximum == 0 || (nameless && config.version == Version::V311 && !config.clean_start)
        {
            return Err(Error::Invalid);
        }
        let mut part = |count| block.split_off_mut(..count).ok_or(Error::NoMemory);
        let (inbound, queue) = (part(inbound_bytes(config))?, part(config.queue_bytes)?);
        let (names, output) = (part(config.names_bytes)?, part(config.output_bytes)?);
        Ok(Client {
            marks: 0,
            state: State::Idle,
            maximum_qos: 0,
            redirects: 0,
            v5: config.version.is_v5(),
            quota: 0,
            quota_max: 0,
            last_id: 0,
            generation: 0,
            alias_max: 0,
            alias_used: 0,
            keep_alive: 0,
            config,
            sending: Sending::default(),
            incoming: Incoming::default(),
            queue: Log::new(queue),
            names: Log::new(names),
            output: Output::new(output),
            inbound: Log::new(inbound),
            deadline: Instant::NEVER,
            ping: Instant::NEVER,
            connected_at: 0,
            sequence: 0,
            next_expiry: u32::MAX,
            maximum_packet_size: u32::MAX,
            unread: 0,
            backoff: None,
            statistics: Statistics::default(),
        })
    }

    /// Whether the server has accepted us and the connection stands.
    pub fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    /// Whether neither a connection nor a further attempt is under way.
    pub fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    /// The configuration.
    pub const fn config(&self) -> &'m Config<'m> {
        self.config
    }

    /// Counters.
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// How many operations have not ended, those included that were cancelled and are yet to be brought to their end with the server.
    pub fn pending(&self) -> usize {
        let (mut count, mut last) = (0, None);
        while let Some(at) = self.queue.next(last, 0, 0) {
            last = Some(at);
            count += 1;
        }
        count
    }

    /// The Client Identifier: the one assigned by the server, if it assigned one.
    pub fn client_id(&self) -> &str {
        self.name_of(kind::CLIENT_ID).unwrap_or(self.config.client_id)
    }

    /// The topic of a message, whether the server wrote it out or sent an alias. Call it before
    /// the next `receive`.
    pub fn topic<'t>(&'t self, message: &Message<'t>) -> &'t str {
        if !message.topic.is_empty() || !ALIASES {
            return message.topic;
        }
        let alias = kind::ALIAS_IN | u32::from(message.alias);
        self.names.first(kind::MASK | flag::ID, alias).map_or("", |at| self.name(at))
    }

    /// Who takes the message that is being received: what the subscriptions were made with,
    /// from number 0 on until there is none, each once. Holds for the message's
    /// [`Payload`](super::Event::Payload) and [`Aborted`](super::Event::Aborted) too.
    ///
    /// A subscription with a Subscription Identifier (5.0) takes the messages that carry it, one
    /// without those whose topic its filter matches; when that is none, all take it whose filter
    /// matches. So where subscriptions overlap each gets the message once if the server sends one
    /// copy. A server may send one copy for each instead (3.1.1 §3.3.5, 5.0 §3.3.4): then identifiers
    /// keep them apart, and without identifiers each copy goes to each of them.
    ///
    /// Nobody in a build without `mqtt-filters`.
    pub fn handler(&self, number: usize) -> Option<u32> {
        if !FILTERS {
            return None;
        }
        let mut found = self.names.first(kind::TAKES, kind::TAKES);
        for _ in 0..number {
            found = self.names.next(Some(found?), kind::TAKES, kind::TAKES);
        }
        Some(self.names.key(found?))
    }

    /// Whether there is a subscription that was made with this cookie.
    pub fn is_subscribed(&self, cookie: u32) -> bool {
        FILTERS && self.names.with_key(kind::MASK, kind::FILTER, cookie).is_some()
    }

    /// The message that has been sent in part.
    #[inline(never)]
    pub(super) fn under_way(&self) -> Option<At> {
        if self.sending.active { self.queue.under_cursor() } else { None }
    }

    /// The first name of a kind.
    pub(super) fn name_of(&self, kind: u32) -> Option<&str> {
        self.names.first(kind::MASK, kind).map(|at| self.name(at))
    }

    /// A name, which was text when it was put there.
    pub(super) fn name(&self, at: At) -> &str {
        text(self.names.body(at)).unwrap_or_default()
    }

    pub(super) const fn is_v5(&self) -> bool {
        V5 && (self.v5 || !cfg!(feature = "mqtt-v3"))
    }

    pub(super) const fn has(&self, mark: u32) -> bool {
        self.marks & mark != 0
    }

    /// Where the next event of time is due.
    pub fn next_deadline(&self) -> Instant {
        if self.has(mark::ABORTED | mark::ENDED)
            || (!self.output.is_blocked()
                && (self.output.refused.is_some() || !self.output.is_empty() || self.has(mark::WANTED)))
        {
            return Instant::ZERO;
        }
        let mut next = self.deadline.min(self.ping_due());
        if self.next_expiry != u32::MAX {
            let units = self.next_expiry;
            next = next.min(Instant(u64::from(units >> 22) << 32 | u64::from(units << 10)));
        }
        next
    }
}

/// Time in units of 1024 ms, in which records keep it.
#[inline(never)]
pub(super) const fn units(now: Instant) -> u32 {
    // By halves: 64-bit shifts are calls on small machines.
    let (high, low) = ((now.0 >> 32) as u32, now.0 as u32);
    if high >> 10 != 0 { u32::MAX - 1 } else { high << 22 | low >> 10 }
}

/// A number of seconds in those units, rounded up: 1000/1024 is 1 - 3/128.
pub(super) const fn from_seconds(seconds: u32) -> u32 {
    seconds - (seconds >> 7) * 3 - (((seconds & 127) * 3) >> 7)
}

/// Those units as seconds, rounded up.
pub(super) const fn to_seconds(units: u32) -> u32 {
    // 1024/1000 is 1 + 3/125; a whole interval of 2^32 seconds may come out a little short.
    units.saturating_add((units / 125).saturating_mul(3)).saturating_add((units % 125 * 3).div_ceil(125))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_units_and_back() {
        for seconds in (0..2000).chain([4_000_000, u32::MAX - 1, u32::MAX]) {
            let expected = ((u64::from(seconds) * 125 + 127) >> 7) as u32;
            assert_eq!(from_seconds(seconds), expected, "{seconds}");
        }
        for ms in [0, 1023, 1024, 0xffff_ffff, 0x1_0000_0000, 0x3ff_ffff_ffff] {
            assert_eq!(u64::from(units(Instant(ms))), ms >> 10);
        }
        assert_eq!(units(Instant(0x400_0000_0000)), u32::MAX - 1);
    }
}
