// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a client is to be.
#![forbid(unsafe_code)]

use super::wire::{Properties, Version, Will};
use crate::backoff::{Jitter, Policy};

/// The configuration of a client. All it borrows outlives the client.
// Small and much used members come first: there the shortest instructions reach them.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Config<'m> {
    /// The protocol version.
    pub version: Version,
    /// Start without the session of earlier: Clean Start of 5.0, of which only the first
    /// connection makes use; Clean Session of 3.1.1, where no session outlives its connection.
    pub clean_start: bool,
    /// Go where a server of 5.0 refers to.
    pub follow_server_reference: bool,
    /// Messages of QoS 1 and 2 are acknowledged by [`acknowledge`](super::Client::acknowledge),
    /// not by themselves.
    pub deferred: bool,
    /// A full queue gives up its oldest unsent QoS 0 messages for a new message; otherwise, or
    /// when there are none, the new one is refused.
    pub drop_oldest: bool,
    /// When the server has lost the session, QoS 1 messages that were sent and not acknowledged
    /// are published anew; otherwise, and with QoS 2 always, they end with
    /// [`Error::SessionLost`](crate::status::Error::SessionLost).
    pub republish: bool,
    /// The broker's port.
    pub port: u16,
    /// Keep Alive in seconds, 0 for none. The server of 5.0 may rule otherwise.
    pub keep_alive: u16,
    /// How many QoS 1 and 2 messages may be on their way to us: the Receive Maximum of 5.0.
    /// With 3.1.1, which has none, as many are remembered; further ones wait unread. Where only a PUBREL, or with a full
    /// store an acknowledgement, behind them could make room they are passed over without an answer, and a new connection brings
    /// them again: when all others are done with, or after `response_timeout`.
    pub receive_maximum: u16,
    /// How many QoS 1 and 2 messages may be on their way to the server, 0 as 1. A server of 5.0 may
    /// allow less; one of 3.1.1 does not say what it bears, and mostly bears 20.
    pub send_maximum: u16,
    /// Topic aliases that the server may use (5.0). Their topics take room of `names_bytes`.
    pub topic_alias_maximum: u16,
    /// Session Expiry Interval in seconds (5.0).
    pub session_expiry: u32,
    /// The largest packet that we take, in bytes, as announced to a server of 5.0; 0 for any.
    /// A payload is delivered in parts and may be longer than any buffer.
    pub maximum_packet_size: u32,
    /// How long a connection may take to CONNACK, in milliseconds.
    pub connect_timeout: u32,
    /// How long PINGRESP, SUBACK and UNSUBACK may take, and PUBREL when messages were passed over, in
    /// milliseconds.
    pub response_timeout: u32,
    /// Names this session among the records of the store.
    pub store_owner: u32,
    /// Room for outgoing messages, each with 16 bytes beside topic, properties and payload.
    pub queue_bytes: usize,
    /// Room for topic filters, topic aliases both ways, and what the server assigns, each with
    /// 16 bytes beside its text, and a filter with the properties of its SUBSCRIBE. Our own aliases, of which the server
    /// says how many there may be, give way to all the rest.
    pub names_bytes: usize,
    /// Room in which packets are gathered. At least as large as CONNECT and any SUBSCRIBE.
    pub output_bytes: usize,
    /// How many unconsumed bytes the driver offers at most. Packets but for a PUBLISH's payload
    /// cannot be larger.
    pub receive_bytes: usize,
    /// The broker's name or address.
    pub host: &'m str,
    /// Client Identifier. May be empty with 5.0, and with 3.1.1 if `clean_start`.
    pub client_id: &'m str,
    /// User Name.
    pub user_name: Option<&'m str>,
    /// Password.
    pub password: Option<&'m [u8]>,
    /// The Will Message, with all its properties.
    pub will: Option<Will<'m>>,
    /// Further properties of CONNECT: User Property, Request Response Information, Request
    /// Problem Information, Authentication Method and its first data. Those that follow from
    /// other fields of this struct are added by the client and must not be among them.
    pub properties: Properties<'m>,
    /// Whether and how to connect again by itself: once, and then as often as its `retries` say.
    pub reconnect: Option<Policy>,
}

impl Default for Config<'_> {
    fn default() -> Self {
        Config::DEFAULT
    }
}

impl Config<'_> {
    /// The defaults. `host` and mostly `client_id` have to be set.
    pub const DEFAULT: Config<'static> = Config {
        version: if cfg!(feature = "mqtt-v5") { Version::V5 } else { Version::V311 },
        host: "",
        port: 1883,
        client_id: "",
        user_name: None,
        password: None,
        will: None,
        properties: Properties::EMPTY,
        clean_start: true,
        session_expiry: 0,
        keep_alive: 60,
        receive_maximum: 20,
        send_maximum: 20,
        topic_alias_maximum: 0,
        maximum_packet_size: 0,
        connect_timeout: 30_000,
        response_timeout: 20_000,
        reconnect: Some(RECONNECT),
        follow_server_reference: false,
        deferred: false,
        drop_oldest: false,
        republish: true,
        store_owner: 1,
        queue_bytes: 2048,
        names_bytes: 512,
        output_bytes: 512,
        receive_bytes: 1024,
    };
}

/// The default reconnection: a first delay of up to a second, doubling up to a minute, drawn
/// with full jitter, without end.
pub const RECONNECT: Policy =
    Policy { initial: 1000, ceiling: 60_000, retries: u8::MAX, jitter: Jitter::Full };
