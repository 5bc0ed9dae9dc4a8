// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a client is configured.

use super::event::mote_mqtt_callback;
use super::property::mote_mqtt_property;
use crate::backoff::Jitter;
use crate::ffi::arguments::{self, Config as CConfig, set, set_or_none, slice};
use crate::ffi::opaque::mote_node;
use crate::mqtt::{Config, Version, Will};
use crate::port::mote_bytes;
use crate::status::{Error, Result};
use core::ffi::c_void;
use core::mem::MaybeUninit;

/// Protocol version 3.1.1.
pub const MOTE_MQTT_V311: u8 = 4;
/// Protocol version 5.0.
pub const MOTE_MQTT_V5: u8 = 5;

/// In `keep_alive`: none.
pub const MOTE_MQTT_NO_KEEP_ALIVE: u16 = 0xffff;
/// In `reconnect_tries`: do not connect again.
pub const MOTE_MQTT_NO_RECONNECT: u8 = 0xff;

/// Client option: go where a server of 5.0 refers to. Needs a build with the feature `mqtt-redirect`.
pub const MOTE_MQTT_FOLLOW_SERVER: u32 = 1;
/// Client option: messages are acknowledged by `mote_mqtt_acknowledge`, not by themselves. Needs a build with the
/// feature `mqtt-deferred`.
pub const MOTE_MQTT_DEFERRED: u32 = 2;
/// Client option: a full queue gives up its oldest unsent QoS 0 message for a new one.
pub const MOTE_MQTT_DROP_OLDEST: u32 = 4;
/// Client option: when the server has lost the session, end unacknowledged QoS 1 messages with
/// `MOTE_ERR_SESSION_LOST` instead of publishing them anew.
pub const MOTE_MQTT_NO_REPUBLISH: u32 = 8;

/// The Will Message (5.0 §3.1.2.5). Zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_mqtt_will {
    /// `sizeof(mote_mqtt_will)`, by `MOTE_MQTT_WILL_INIT`.
    pub size: u32,
    /// QoS, 0 to 2.
    pub qos: u8,
    /// 1: retained.
    pub retain: u8,
    /// Must be 0.
    pub reserved: u16,
    /// Topic Name; required.
    pub topic: mote_bytes,
    /// Payload.
    pub payload: mote_bytes,
    /// Will Properties (5.0), up to `MOTE_MQTT_PROPERTIES`.
    pub properties: *const mote_mqtt_property,
    /// How many.
    pub property_count: usize,
}

// SAFETY: `repr(C)`, `size` first, integers and pointers.
unsafe impl CConfig for mote_mqtt_will {}

/// How a client is to be. Zero means the default, in every member but `size`, `node` and
/// `host`. Texts and binary data stay as they are until the client is closed; properties are
/// copied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_mqtt_config {
    /// `sizeof(mote_mqtt_config)`, by `MOTE_MQTT_CONFIG_INIT`.
    pub size: u32,
    /// Any of the client options, `MOTE_MQTT_FOLLOW_SERVER` and so on.
    pub options: u32,
    /// The node that drives the client; required.
    pub node: *mut mote_node,
    /// The broker's name or address; required.
    pub host: mote_bytes,
    /// The broker's port. Default 1883.
    pub port: u16,
    /// Keep Alive in seconds; `MOTE_MQTT_NO_KEEP_ALIVE` for none. Default 60.
    pub keep_alive: u16,
    /// `MOTE_MQTT_V311` or `MOTE_MQTT_V5`. Default 5.0.
    pub version: u8,
    /// 1: Clean Start (5.0, for the first connection after `mote_mqtt_connect`) or Clean Session
    /// (3.1.1).
    pub clean_start: u8,
    /// How often to try to connect again in a row; `MOTE_MQTT_NO_RECONNECT` for never. Default
    /// 0: without end.
    pub reconnect_tries: u8,
    /// Must be 0.
    pub reserved: u8,
    /// Client Identifier. May be empty with 5.0, or with `clean_start`.
    pub client_id: mote_bytes,
    /// User Name; `ptr` NULL for none.
    pub user_name: mote_bytes,
    /// Password; `ptr` NULL for none.
    pub password: mote_bytes,
    /// The Will Message; NULL for none. The struct itself is copied.
    pub will: *const mote_mqtt_will,
    /// Further properties of CONNECT (5.0), up to `MOTE_MQTT_PROPERTIES`.
    pub properties: *const mote_mqtt_property,
    /// How many.
    pub property_count: usize,
    /// Session Expiry Interval in seconds (5.0). Default 0: the session ends with the connection.
    pub session_expiry: u32,
    /// The largest packet that is taken (5.0), in bytes. Default 0: any; payloads come in parts.
    pub maximum_packet_size: u32,
    /// QoS 1 and 2 messages that may be on their way to us. A server of 3.1.1 is not told: what it sends
    /// beyond that waits, or comes again over a further connection. Default 20.
    pub receive_maximum: u16,
    /// Topic aliases that the server may use (5.0). Needs a build with the feature `mqtt-alias`. Default 0.
    pub topic_alias_maximum: u16,
    /// How long a connection may take, in milliseconds. Default 30,000.
    pub connect_timeout: u32,
    /// How long PINGRESP, SUBACK and UNSUBACK may take, in milliseconds. Default 20,000.
    pub response_timeout: u32,
    /// Bound of the first delay before connecting again, in milliseconds; it doubles with each
    /// attempt, and delays are drawn from 0 to the bound. Default 1000.
    pub reconnect_initial: u32,
    /// The bound grows no further than this, in milliseconds. Default 60,000.
    pub reconnect_ceiling: u32,
    /// Names the session among the records of the port's store, so that what is in flight
    /// survives a restart. Needs a build with the feature `mqtt-store`. Default 0: it does not.
    pub store_owner: u32,
    /// Bytes for outgoing messages: topic, properties, payload and 16 more each. Default 2048.
    pub queue: u32,
    /// Bytes for topic filters, each with the properties of its SUBSCRIBE, topic aliases and what the server
    /// assigns, each with 16 more. Default 512.
    pub names: u32,
    /// Bytes in which packets are gathered; at least as many as CONNECT and any SUBSCRIBE
    /// take. Default 512.
    pub output: u32,
    /// Bytes in which packets are received. All but the payload of a PUBLISH must fit. Default
    /// 1024.
    pub input: u32,
    /// Operations with a callback of their own that can be under way. Default 16.
    pub operations: u16,
    /// Handlers of subscriptions. Default 8.
    pub handlers: u16,
    /// QoS 1 and 2 messages that may be on their way to the server; a server of 5.0 may allow
    /// less. Default 20.
    pub send_maximum: u16,
    /// Must be 0.
    pub reserved2: u16,
    /// Is told of the connection, of messages without a handler, and of operations without a
    /// callback of their own. May be NULL.
    pub callback: mote_mqtt_callback,
    /// Handed to the callback.
    pub user: *mut c_void,
    /// Where responses to `mote_mqtt_request_start` are to be sent (5.0): a topic of this client alone.
    pub response_topic: mote_bytes,
    /// Requests that can wait for their responses at a time. Default 0: none.
    pub requests: u16,
    /// The largest QoS of responses, 0 to 2.
    pub response_qos: u8,
    /// Must be 0.
    pub reserved3: u8,
    /// Must be 0.
    pub reserved4: u32,
}

// SAFETY: `repr(C)`, `size` first, integers, pointers and an optional function.
unsafe impl CConfig for mote_mqtt_config {}

/// # Safety
/// As `slice`.
pub(super) unsafe fn text<'a>(bytes: mote_bytes) -> Result<&'a str> {
    // SAFETY: passed on to the caller.
    unsafe { arguments::text(bytes) }.map_err(|_| Error::Invalid)
}

/// A config with what it points to, and room for it: large, so that it stays where it was made.
pub(super) struct Given {
    /// The engine's configuration, but for properties, which have to be copied first.
    pub(super) engine: Config<'static>,
    config: MaybeUninit<mote_mqtt_config>,
    will: MaybeUninit<mote_mqtt_will>,
}

impl Given {
    /// Nothing but the defaults, until [`read`](Given::read).
    pub(super) fn new() -> Given {
        Given { engine: Config::DEFAULT, config: MaybeUninit::zeroed(), will: MaybeUninit::zeroed() }
    }

    /// What was given, with all members.
    pub(super) fn config(&self) -> &mote_mqtt_config {
        // SAFETY: integers, pointers and an optional function, of which there were zeros to begin with.
        unsafe { self.config.assume_init_ref() }
    }

    /// The will that was given; all zeros for none.
    pub(super) fn will(&self) -> &mote_mqtt_will {
        // SAFETY: as above.
        unsafe { self.will.assume_init_ref() }
    }

    /// Reads and checks a config.
    ///
    /// # Safety
    /// `config` is NULL or valid with all that it points to.
    pub(super) unsafe fn read(&mut self, config: *const mote_mqtt_config) -> Result<()> {
        let Given { engine, config: config_room, will: will_room } = self;
        // SAFETY: passed on to the caller.
        unsafe {
            let given = arguments::config(config, config_room)?;
            let known =
                MOTE_MQTT_FOLLOW_SERVER | MOTE_MQTT_DEFERRED | MOTE_MQTT_DROP_OLDEST | MOTE_MQTT_NO_REPUBLISH;
            if given.options & !known != 0
                || given.clean_start > 1
                || given.reserved != 0
                || given.reserved2 != 0
            {
                return Err(Error::Invalid);
            }
            match given.version {
                0 => {}
                MOTE_MQTT_V311 => engine.version = Version::V311,
                MOTE_MQTT_V5 => engine.version = Version::V5,
                _ => return Err(Error::Invalid),
            }
            engine.host = text(given.host)?;
            engine.client_id = text(given.client_id)?;
            if engine.host.is_empty() {
                return Err(Error::Invalid);
            }
            if !given.user_name.ptr.is_null() {
                engine.user_name = Some(text(given.user_name)?);
            }
            if !given.password.ptr.is_null() {
                engine.password = Some(slice(given.password)?);
            }
            engine.clean_start = given.clean_start != 0;
            engine.session_expiry = given.session_expiry;
            engine.topic_alias_maximum = given.topic_alias_maximum;
            engine.maximum_packet_size = given.maximum_packet_size;
            engine.follow_server_reference = given.options & MOTE_MQTT_FOLLOW_SERVER != 0;
            engine.deferred = given.options & MOTE_MQTT_DEFERRED != 0;
            engine.drop_oldest = given.options & MOTE_MQTT_DROP_OLDEST != 0;
            engine.republish = given.options & MOTE_MQTT_NO_REPUBLISH == 0;
            engine.store_owner = given.store_owner;
            set(&mut engine.port, given.port);
            set_or_none(&mut engine.keep_alive, given.keep_alive);
            set(&mut engine.receive_maximum, given.receive_maximum);
            set(&mut engine.send_maximum, given.send_maximum);
            set(&mut engine.connect_timeout, given.connect_timeout);
            set(&mut engine.response_timeout, given.response_timeout);
            set(&mut engine.queue_bytes, given.queue as usize);
            set(&mut engine.names_bytes, given.names as usize);
            set(&mut engine.output_bytes, given.output as usize);
            set(&mut engine.receive_bytes, given.input as usize);
            engine.reconnect = match given.reconnect_tries {
                MOTE_MQTT_NO_RECONNECT => None,
                tries => {
                    let mut policy = crate::mqtt::RECONNECT;
                    // The first of them is not a retry; 0 becomes "without end".
                    (policy.retries, policy.jitter) = (tries.wrapping_sub(1), Jitter::Full);
                    set(&mut policy.initial, given.reconnect_initial);
                    set(&mut policy.ceiling, given.reconnect_ceiling);
                    Some(policy)
                }
            };
            if !given.will.is_null() {
                let will = arguments::config(given.will, will_room)?;
                if will.retain > 1 || will.reserved != 0 {
                    return Err(Error::Invalid);
                }
                engine.will = Some(Will {
                    qos: will.qos,
                    retain: will.retain != 0,
                    topic: text(will.topic)?,
                    payload: slice(will.payload)?,
                    ..Will::default()
                });
            }
            Ok(())
        }
    }
}
