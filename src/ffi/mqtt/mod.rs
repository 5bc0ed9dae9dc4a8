// SPDX-License-Identifier: MIT OR Apache-2.0
//! MQTT clients.

mod config;
mod event;
mod object;
mod requests;

pub use self::config::*;
pub use self::event::*;
pub use self::object::{MOTE_MQTT_MEM, mote_mqtt};
pub use self::requests::*;

use self::config::{properties, text};
use self::object::MqttRef;
use super::arguments::{self, Config, block, outcome, output, slice};
use crate::mqtt::{
    Filter, Operation, Properties, Property, Publication, Reason, Subscription, SubscriptionOptions, Token,
    topic, wire::property::id,
};
use crate::port::{mote_bytes, mote_status};
use crate::status::{Error, Result};
use core::ffi::c_void;

/// How many filters one SUBSCRIBE or UNSUBSCRIBE can be given.
pub const MOTE_MQTT_FILTERS: usize = 16;

/// A message to be published. Zero means the default. Everything is copied before the call
/// returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_mqtt_publish_config {
    /// `sizeof(mote_mqtt_publish_config)`, by `MOTE_MQTT_PUBLISH_CONFIG_INIT`.
    pub size: u32,
    /// QoS, 0 to 2.
    pub qos: u8,
    /// 1: RETAIN.
    pub retain: u8,
    /// 1: the payload, of `total` bytes, is given in parts; see `mote_mqtt_publish_chunk`.
    pub parts: u8,
    /// Must be 0.
    pub reserved: u8,
    /// Topic Name.
    pub topic: mote_bytes,
    /// The payload, unless it is given in parts.
    pub payload: mote_bytes,
    /// Properties (5.0), up to `MOTE_MQTT_PROPERTIES`. Topic aliases are the library's affair.
    pub properties: *const mote_mqtt_property,
    /// How many.
    pub property_count: usize,
    /// With `parts`, how long the payload is.
    pub total: u32,
    /// Must be 0.
    pub reserved2: u32,
    /// Is told `MOTE_MQTT_ENDED` once, and with `parts` what is `MOTE_MQTT_WANTED`. May be NULL:
    /// then the client's callback is.
    pub callback: mote_mqtt_callback,
    /// Handed to the callback.
    pub user: *mut c_void,
}

// SAFETY: `repr(C)`, `size` first, integers, pointers and an optional function.
unsafe impl Config for mote_mqtt_publish_config {}

/// A Topic Filter with Subscription Options (5.0 §3.8.3.1); 3.1.1 knows the QoS alone, and
/// UNSUBSCRIBE none of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_mqtt_filter {
    /// Topic Filter; `$share/name/filter` for a shared subscription.
    pub filter: mote_bytes,
    /// The largest QoS to receive, 0 to 2.
    pub qos: u8,
    /// 1: not what this client publishes.
    pub no_local: u8,
    /// 1: leave RETAIN as it was published.
    pub retain_as_published: u8,
    /// Retained messages: 0 send them, 1 only for a new subscription, 2 do not.
    pub retain_handling: u8,
    /// Must be 0.
    pub reserved: u32,
}

/// Subscriptions to be made or ended. Zero means the default. Everything is copied before the
/// call returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_mqtt_subscribe_config {
    /// `sizeof(mote_mqtt_subscribe_config)`, by `MOTE_MQTT_SUBSCRIBE_CONFIG_INIT`.
    pub size: u32,
    /// Must be 0.
    pub reserved: u32,
    /// The filters, up to `MOTE_MQTT_FILTERS`.
    pub filters: *const mote_mqtt_filter,
    /// How many.
    pub filter_count: usize,
    /// Properties (5.0), up to `MOTE_MQTT_PROPERTIES`.
    pub properties: *const mote_mqtt_property,
    /// How many.
    pub property_count: usize,
    /// SUBSCRIBE: is told of the messages that match one of the filters. May be NULL: then the
    /// client's callback is. Not used by UNSUBSCRIBE.
    pub handler: mote_mqtt_callback,
    /// Handed to the handler.
    pub handler_user: *mut c_void,
    /// Is told `MOTE_MQTT_ENDED` once. May be NULL: then the client's callback is.
    pub callback: mote_mqtt_callback,
    /// Handed to the callback.
    pub user: *mut c_void,
}

// SAFETY: `repr(C)`, `size` first, integers, pointers and optional functions.
unsafe impl Config for mote_mqtt_subscribe_config {}

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
    /// Operations that have not ended, now.
    pub pending: u32,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl Config for mote_mqtt_statistics {}

/// How many bytes `mote_mqtt_init` needs for `config`, whatever the alignment of the block.
///
/// `config->node` may be NULL here. `MOTE_ERR_INVALID` for NULL or a member out of its range,
/// `MOTE_ERR_TOO_LARGE` for too many properties, `MOTE_ERR_VERSION` for a config from a newer
/// header that asks for what this build lacks. Any thread.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_size(config: *const mote_mqtt_config, size: *mut usize) -> mote_status {
    let plan = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        unsafe { output(size)?.write(object::plan(config)?) };
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
            out.write(object::init(block(memory, memory_size)?, config)?);
        }
        Ok(())
    };
    outcome(init())
}

/// Closes the client and gives its memory back. NULL is a no-op.
///
/// The connection is dropped without DISCONNECT, so that the server publishes the Will Message;
/// `mote_mqtt_disconnect` first for an orderly end. The callback of every operation under way
/// is called once more, with `MOTE_ERR_CLOSED`, before this returns; with the store, messages of
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
        let mut list = config::room();
        // SAFETY: passed on to the caller of this function.
        let (mqtt, list) =
            unsafe { (MqttRef::new(mqtt)?, self::properties(properties, property_count, &mut list)?) };
        mqtt.command(|client, cx| client.disconnect(cx, Reason(reason), list))
    };
    outcome(disconnect())
}

/// Publishes what an application gave, with properties of ours besides its own. An expiry interval of ours is left out
/// where the application gives one. `operation` gets the number of the operation, unless it is NULL.
///
/// # Safety
/// What the message points to is valid, and `operation` NULL or valid.
#[inline(never)]
unsafe fn publish(
    mqtt: MqttRef,
    given: &mote_mqtt_publish_config,
    mut ours: &[Property<'_>],
    operation: *mut mote_mqtt_operation,
) -> Result<mote_mqtt_operation> {
    let (mut list, mut count) = (config::room(), given.property_count);
    // SAFETY: passed on to the caller.
    let (topic, payload, theirs) = unsafe {
        (text(given.topic)?, slice(given.payload)?, properties(given.properties, count, &mut list)?)
    };
    if given.retain > 1 || given.parts > 1 || given.reserved != 0 || given.reserved2 != 0 {
        return Err(Error::Invalid);
    }
    if theirs.get(id::MESSAGE_EXPIRY_INTERVAL).is_some()
        && let [Property { id: id::MESSAGE_EXPIRY_INTERVAL, .. }, rest @ ..] = ours
    {
        ours = rest;
    }
    for property in ours {
        *list.get_mut(count).ok_or(Error::TooLarge)? = *property;
        count += 1;
    }
    let properties = Properties::List(list.get(..count).unwrap_or_default());
    let place = mqtt.room(given.callback)?;
    let publication = Publication { topic, qos: given.qos, retain: given.retain != 0, payload, properties };
    let started = mqtt.command(|client, cx| match given.parts {
        0 => client.publish(cx, &publication),
        _ => client.publish_begin(cx, &publication, given.total).map(Some),
    })?;
    let number = started.map_or(0, Operation::raw);
    mqtt.register(place, number, given.callback, given.user);
    // SAFETY: passed on to the caller.
    if let Some(out) = unsafe { operation.as_mut() } {
        *out = number;
    }
    Ok(number)
}

/// Publishes a message.
///
/// ```c
/// mote_mqtt_publish_config message = { MOTE_MQTT_PUBLISH_CONFIG_INIT, .qos = 1, .callback = on_done };
/// message.topic = (mote_bytes)MOTE_STR("sensors/1"), message.payload = reading;
/// mote_status status = mote_mqtt_publish(mqtt, &message, &operation);
/// ```
///
/// Without a connection, and while the server takes no more, messages queue up. With the store,
/// a message of QoS 1 or 2 is kept there before this returns. `operation` may be NULL; it becomes
/// 0 for a QoS 0 message that was passed on at once, whose callback is called all the same.
///
/// `MOTE_ERR_INVALID` for NULL, a bad topic, QoS or property; `MOTE_ERR_FULL` when the queue or
/// `operations` are used up; `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_STALE`, `MOTE_ERR_VERSION`, and what
/// the store says. Nothing is published then.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_publish(
    mqtt: *mut mote_mqtt,
    config: *const mote_mqtt_publish_config,
    operation: *mut mote_mqtt_operation,
) -> mote_status {
    let publish = || -> Result<()> {
        let mut room = arguments::room();
        // SAFETY: passed on to the caller of this function.
        unsafe {
            let given = arguments::config(config, &mut room)?;
            self::publish(MqttRef::new(mqtt)?, given, &[], operation)?;
        }
        Ok(())
    };
    outcome(publish())
}

/// Gives the next part of a payload after `MOTE_MQTT_WANTED`, and says how much of it was taken.
/// If not all, the rest will be wanted again. The message is complete with its last byte. Nothing
/// else can be sent in its midst. With QoS 1 or 2 the whole payload is wanted again, from 0 on,
/// when the connection broke.
///
/// `MOTE_ERR_STATE` when it is not this message's turn, `MOTE_ERR_TOO_LARGE` for more than was
/// announced, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_publish_chunk(
    mqtt: *mut mote_mqtt,
    operation: mote_mqtt_operation,
    data: mote_bytes,
    taken: *mut usize,
) -> mote_status {
    let give = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (mqtt, data, out) = unsafe { (MqttRef::new(mqtt)?, slice(data)?, output(taken)?) };
        let operation = Operation::from_raw(operation).ok_or(Error::Invalid)?;
        out.write(mqtt.command(|client, cx| client.publish_chunk(cx, operation, data))?);
        Ok(())
    };
    outcome(give())
}

/// Reads the filters of a call into `room`, each with this cookie.
///
/// # Safety
/// What `given` points to is valid.
unsafe fn filters<'r, 'a>(
    given: &mote_mqtt_subscribe_config,
    room: &'r mut [Subscription<'a>; MOTE_MQTT_FILTERS],
    cookie: u32,
) -> Result<&'r [Subscription<'a>]> {
    let list = room.get_mut(..given.filter_count).ok_or(Error::TooLarge)?;
    if given.filters.is_null() || given.reserved != 0 {
        return Err(Error::Invalid);
    }
    for (index, place) in list.iter_mut().enumerate() {
        // SAFETY: passed on to the caller.
        *place = Subscription { filter: unsafe { filter(&*given.filters.add(index)) }?, cookie };
    }
    Ok(list)
}

/// # Safety
/// What `given` points to is valid.
unsafe fn filter<'a>(given: &mote_mqtt_filter) -> Result<Filter<'a>> {
    // SAFETY: passed on to the caller.
    let filter = unsafe { text(given.filter) }?;
    let wrong = given.qos > 2 || given.no_local > 1 || given.retain_as_published > 1;
    if wrong || given.retain_handling > 2 || given.reserved != 0 {
        return Err(Error::Invalid);
    }
    let options = SubscriptionOptions {
        qos: given.qos,
        no_local: given.no_local != 0,
        retain_as_published: given.retain_as_published != 0,
        retain_handling: given.retain_handling,
    };
    Ok(Filter { filter, options })
}

/// # Safety
/// The pointers are NULL or valid.
unsafe fn request(
    mqtt: *mut mote_mqtt,
    config: *const mote_mqtt_subscribe_config,
    operation: *mut mote_mqtt_operation,
    subscribe: bool,
) -> mote_status {
    let start = || -> Result<()> {
        let (mut room, mut list) = (arguments::room(), config::room());
        // SAFETY: passed on to the caller.
        let (mqtt, given, list) = unsafe {
            let given = arguments::config(config, &mut room)?;
            (MqttRef::new(mqtt)?, given, properties(given.properties, given.property_count, &mut list)?)
        };
        let place = mqtt.room(given.callback)?;
        let cookie = if subscribe { mqtt.handler(given.handler, given.handler_user)? } else { 0 };
        let mut room = [Subscription::default(); MOTE_MQTT_FILTERS];
        // SAFETY: passed on to the caller.
        let filters = unsafe { filters(given, &mut room, cookie) }?;
        let started = mqtt.command(|client, cx| match subscribe {
            true => client.subscribe(cx, filters, list),
            false => client.unsubscribe(cx, filters, list),
        })?;
        mqtt.register(place, started.raw(), given.callback, given.user);
        // SAFETY: passed on to the caller.
        if let Some(out) = unsafe { operation.as_mut() } {
            *out = started.raw();
        }
        Ok(())
    };
    outcome(start())
}

/// Subscribes. Messages that match go to `handler`; the subscriptions are made again by
/// themselves when the server has lost the session, with their options and the properties given here.
///
/// Where subscriptions overlap, every handler whose subscription takes the message is told, in the
/// order of the subscriptions, each once. A subscription with a Subscription Identifier (5.0) takes
/// the messages that carry it, one without those whose topic its filter matches; when that is none,
/// all take it whose filter matches. A server may send one copy of a message, or one for each of the
/// overlapping subscriptions. In the latter case identifiers keep the copies apart; without them
/// each copy goes to each handler, so that nothing is missed but something may be seen twice.
/// Deferred acknowledgement is by message: one `mote_mqtt_acknowledge`, whoever gives it.
///
/// A filter that is subscribed to already gets the new handler at once; in the midst of a message
/// that one is told the rest.
///
/// ```c
/// mote_mqtt_filter filter = { MOTE_STR("sensors/#"), .qos = 1 };
/// mote_mqtt_subscribe_config wanted = { MOTE_MQTT_SUBSCRIBE_CONFIG_INIT, .filters = &filter, .filter_count = 1, .handler = on_reading };
/// mote_status status = mote_mqtt_subscribe(mqtt, &wanted, NULL);
/// ```
///
/// `operation` may be NULL. `MOTE_ERR_INVALID` for NULL, no filter, a bad one or a bad property;
/// `MOTE_ERR_FULL` when the queue, the room for names, `operations` or `handlers` are used up;
/// `MOTE_ERR_TOO_LARGE` for too many filters or a packet that has no room in `output`;
/// `MOTE_ERR_STALE`, `MOTE_ERR_VERSION`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_subscribe(
    mqtt: *mut mote_mqtt,
    config: *const mote_mqtt_subscribe_config,
    operation: *mut mote_mqtt_operation,
) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe { request(mqtt, config, operation, true) }
}

/// Unsubscribes. Messages find their handler until the server has confirmed.
///
/// As `mote_mqtt_subscribe`; the options of the filters and the handler are not used.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_unsubscribe(
    mqtt: *mut mote_mqtt,
    config: *const mote_mqtt_subscribe_config,
    operation: *mut mote_mqtt_operation,
) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe { request(mqtt, config, operation, false) }
}

/// Gives up an operation that has not been sent; it ends with `MOTE_ERR_CANCELLED`. A message
/// given in parts can be given up in their midst; that breaks the connection.
///
/// `MOTE_ERR_STALE` when there is none (any more) or the client is closed, `MOTE_ERR_STATE`
/// when it is under way, `MOTE_ERR_INVALID`.
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
/// Reason Code that PUBACK and PUBREC may not have.
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
/// Method, `MOTE_ERR_WOULD_BLOCK` without room to send, `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_STALE`.
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
        out.write(mqtt.with(|core| event::lend(core.client.client_id().as_bytes())));
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
