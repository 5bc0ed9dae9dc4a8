// SPDX-License-Identifier: MIT OR Apache-2.0
//! MQTT clients.

mod config;
mod driver;
mod event;
mod init;
mod object;
mod property;
mod publish;
mod requests;
mod subscribe;
mod waiting;

pub use self::config::*;
pub use self::event::*;
pub use self::init::MOTE_MQTT_MEM;
pub use self::property::*;
pub use self::publish::*;
pub use self::requests::*;
pub use self::subscribe::*;

use self::config::text;
use self::object::MqttRef;
use super::arguments::{self, Config, block, lend, outcome, output, slice};
use super::opaque::mote_mqtt;
use crate::mqtt::{Operation, Reason, Token, topic};
use crate::port::{mote_bytes, mote_status};
use crate::status::{Error, Result};

/// Counters of a client. All only grow, and wrap around.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct mote_mqtt_statistics {
    /// `sizeof(mote_mqtt_statistics)`, set by the caller.
    pub size: u32,
    /// Messages sent whole, repetitions included.
    pub sent: u32,
    /// Messages received, duplicates of QoS 2 left out.
    pub received: u32,
    /// Messages sent again in a resumed session.
    pub repeated: u32,
    /// Connections accepted.
    pub connections: u32,
    /// Operations that have not ended, now; cancelled messages included that are yet to be brought to their end with the server.
    pub pending: u32,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl Config for mote_mqtt_statistics {}

/// How many bytes `mote_mqtt_init` needs for `config`, whatever the alignment of the block.
///
/// `config->node` may be NULL here. `MOTE_ERR_INVALID` for NULL or a member out of its range (some of
/// these only `mote_mqtt_init` finds),
/// `MOTE_ERR_TOO_LARGE` for too many properties, `MOTE_ERR_VERSION` for a config from a newer
/// header that asks for what this build lacks. Any thread.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_size(config: *const mote_mqtt_config, size: *mut usize) -> mote_status {
    let plan = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        unsafe { output(size)?.write(init::plan(config)?) };
        Ok(())
    };
    outcome(plan())
}

/// Makes a client in `memory`, which is its until `mote_mqtt_close`. It is not connected yet.
///
/// ```c
/// static uint8_t memory[MOTE_MQTT_MEM];
/// mote_mqtt_config config = { MOTE_MQTT_CONFIG_INIT, .node = node, .host = MOTE_STR("broker"), .callback = on_event };
/// mote_status status = mote_mqtt_init(memory, sizeof memory, &config, &mqtt);
/// ```
///
/// `memory` has `memory_size` bytes at any alignment; `MOTE_MQTT_MEM` suffices for the default
/// config, `mote_mqtt_size` tells for any other. The config is copied; what its texts point to is
/// not.
///
/// `MOTE_ERR_INVALID` for NULL or a member out of its range, or an empty client identifier where
/// there must be one; `MOTE_ERR_NO_MEMORY` when the block is too small; `MOTE_ERR_FULL` when the
/// node has no room for another object; `MOTE_ERR_UNSUPPORTED` for a version that this build
/// lacks, or a store that the port lacks; `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_STALE`,
/// `MOTE_ERR_VERSION`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_init(
    memory: *mut u8,
    memory_size: usize,
    config: *const mote_mqtt_config,
    mqtt: *mut *mut mote_mqtt,
) -> mote_status {
    let init = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        unsafe {
            let out = output(mqtt)?;
            out.write(init::init(block(memory, memory_size)?, config)?);
        }
        Ok(())
    };
    outcome(init())
}

/// Closes the client and gives its memory back. NULL is a no-op.
///
/// The connection is dropped without DISCONNECT, so that the server publishes the Will Message;
/// `mote_mqtt_disconnect` first for an orderly end. The callback of every operation and request under way that has one
/// of its own is called once more, with `MOTE_ERR_CLOSED`, before this returns; with the store, messages of
/// QoS 1 and 2 go on after the next start all the same. May be called inside any callback.
/// `MOTE_ERR_STALE` when it is closed already.
///
/// # Safety
/// `mqtt` is NULL or came from `mote_mqtt_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_close(mqtt: *mut mote_mqtt) -> mote_status {
    if mqtt.is_null() {
        return super::MOTE_OK;
    }
    let close = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let mqtt = unsafe { MqttRef::new(mqtt) }?;
        mqtt.close();
        mqtt.end_all();
        requests::close(mqtt);
        Ok(())
    };
    outcome(close())
}

/// Connects, and stays connected as far as the config says. Ends with `MOTE_MQTT_CONNECTED`, or
/// with a `MOTE_MQTT_DISCONNECTED` whose `retry_after` is `MOTE_MQTT_NO_RETRY`.
///
/// `MOTE_ERR_STATE` when a connection stands or is being tried, `MOTE_ERR_VERSION` when the
/// store holds a session of the other protocol version, `MOTE_ERR_FULL` or
/// `MOTE_ERR_TOO_LARGE` when it holds more than the queue, `MOTE_ERR_TOO_LARGE` when CONNECT has no room in
/// `output`, `MOTE_ERR_INVALID` for NULL or when the config cannot be said in a CONNECT (a will with a bad
/// topic or QoS, a password without a user name in 3.1.1, a property that does not belong there),
/// `MOTE_ERR_IO`, `MOTE_ERR_STALE`.
///
/// # Safety
/// `mqtt` is NULL or came from `mote_mqtt_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_connect(mqtt: *mut mote_mqtt) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    let mqtt = unsafe { MqttRef::new(mqtt) };
    outcome(mqtt.and_then(|mqtt| mqtt.command(|client, cx| client.connect(cx))))
}

/// Ends the connection, or the attempts, with DISCONNECT. Ends with `MOTE_MQTT_DISCONNECTED`.
///
/// `reason` is 0, or for 5.0 another Disconnect Reason Code, such as 4 to have the Will Message
/// published. `properties` (5.0) may be NULL if `property_count` is 0. Messages that were not
/// acknowledged stay queued for the next `mote_mqtt_connect`.
///
/// `MOTE_ERR_STATE` without a connection or an attempt, `MOTE_ERR_INVALID` for NULL, or a code
/// or property that DISCONNECT may not have, `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_WOULD_BLOCK` when
/// there is no room to send it now, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_disconnect(
    mqtt: *mut mote_mqtt,
    reason: u8,
    properties: *const mote_mqtt_property,
    property_count: usize,
) -> mote_status {
    let disconnect = || -> Result<()> {
        let mut list = property::room();
        // SAFETY: passed on to the caller of this function.
        let (mqtt, list) =
            unsafe { (MqttRef::new(mqtt)?, property::properties(properties, property_count, &mut list)?) };
        mqtt.command(|client, cx| client.disconnect(cx, Reason(reason), list))
    };
    outcome(disconnect())
}

/// Gives up an operation that has not been sent. Its last event, with `MOTE_ERR_CANCELLED`, comes from the node's next
/// turn, never from inside this call. A message given in parts can be given up in their midst; that breaks the connection,
/// and one of QoS 2 that the server had whole over an earlier connection may be delivered by it all the same.
///
/// `MOTE_ERR_STALE` when there is none (any more) or the client is closed, `MOTE_ERR_STATE`
/// when it is under way, `MOTE_ERR_INVALID`, or what the store says, which would bring it back: it is not given up then.
///
/// # Safety
/// `mqtt` is NULL or came from `mote_mqtt_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_cancel(
    mqtt: *mut mote_mqtt,
    operation: mote_mqtt_operation,
) -> mote_status {
    let cancel = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let mqtt = unsafe { MqttRef::new(mqtt) }?;
        let operation = Operation::from_raw(operation).ok_or(Error::Stale)?;
        mqtt.command(|client, cx| client.cancel(cx, operation))
    };
    outcome(cancel())
}

/// Acknowledges a received message, with `MOTE_MQTT_DEFERRED` alone. A `reason` of 0x80 or more
/// refuses it (5.0). Those of each QoS leave in the order of their messages.
///
/// `MOTE_ERR_STALE` when there is nothing to acknowledge: done already, or the session or, with
/// QoS 1, the connection is gone, after which the message comes again. `MOTE_ERR_INVALID` for a
/// Reason Code that PUBACK and PUBREC may not have, `MOTE_ERR_UNSUPPORTED` where the build lacks it.
///
/// # Safety
/// `mqtt` is NULL or came from `mote_mqtt_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_acknowledge(
    mqtt: *mut mote_mqtt,
    token: mote_mqtt_token,
    reason: u8,
) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    let mqtt = unsafe { MqttRef::new(mqtt) };
    outcome(
        mqtt.and_then(|mqtt| mqtt.command(|client, cx| client.acknowledge(cx, Token(token), Reason(reason)))),
    )
}

/// Sends the client's part of enhanced authentication (5.0 §4.12): `reason` 0x18 to continue,
/// after `MOTE_MQTT_AUTHENTICATION`, or 0x19 to authenticate again while connected. The method is
/// the one given to CONNECT.
///
/// `MOTE_ERR_STATE` without a connection, `MOTE_ERR_INVALID` when CONNECT had no Authentication
/// Method, `MOTE_ERR_WOULD_BLOCK` without room to send, `MOTE_ERR_UNSUPPORTED` in a build without the feature
/// `mqtt-auth`, `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_authenticate(
    mqtt: *mut mote_mqtt,
    reason: u8,
    data: mote_bytes,
) -> mote_status {
    let answer = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (mqtt, data) = unsafe { (MqttRef::new(mqtt)?, slice(data)?) };
        mqtt.command(|client, cx| client.authenticate(cx, Reason(reason), data))
    };
    outcome(answer())
}

/// Whether the server has accepted us and the connection stands: 1 or 0.
///
/// `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_is_connected(mqtt: *const mote_mqtt, connected: *mut u8) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (mqtt, out) = unsafe { (MqttRef::new(mqtt)?, output(connected)?) };
        out.write(u8::from(mqtt.with(|core| core.client.is_connected())));
        Ok(())
    };
    outcome(read())
}

/// The Client Identifier: the one assigned by the server, if it assigned one. Lent until the
/// next call that concerns this client.
///
/// `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_client_id(
    mqtt: *const mote_mqtt,
    client_id: *mut mote_bytes,
) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (mqtt, out) = unsafe { (MqttRef::new(mqtt)?, output(client_id)?) };
        out.write(mqtt.with(|core| lend(core.client.client_id().as_bytes())));
        Ok(())
    };
    outcome(read())
}

/// Copies the client's counters. `statistics->size` must be `sizeof(mote_mqtt_statistics)` of
/// the caller's header; no more is written.
///
/// `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_get_statistics(
    mqtt: *const mote_mqtt,
    statistics: *mut mote_mqtt_statistics,
) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        unsafe {
            let mqtt = MqttRef::new(mqtt)?;
            let counted = mqtt.with(|core| (*core.client.statistics(), core.client.pending() as u32));
            let (counters, pending) = counted;
            let shown = mote_mqtt_statistics {
                size: 0,
                sent: counters.sent,
                received: counters.received,
                repeated: counters.repeated,
                connections: counters.connections,
                pending,
            };
            arguments::fill(statistics, &shown)
        }
    };
    outcome(read())
}

/// Whether a Topic Filter matches a Topic Name (5.0 §4.7), as success or `MOTE_ERR_NOT_FOUND`.
/// A shared subscription matches by its filter.
///
/// `MOTE_ERR_INVALID` for a filter or a name that is none. Any thread.
///
/// # Safety
/// What is lent is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_topic_matches(filter: mote_bytes, name: mote_bytes) -> mote_status {
    let check = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (filter, name) = unsafe { (text(filter)?, text(name)?) };
        if !topic::is_filter(filter) || !topic::is_name(name) {
            return Err(Error::Invalid);
        }
        if topic::matches(filter, name) { Ok(()) } else { Err(Error::NotFound) }
    };
    outcome(check())
}
