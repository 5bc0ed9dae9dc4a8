// SPDX-License-Identifier: MIT OR Apache-2.0
//! Subscribing and unsubscribing.

use super::config::text;
use super::event::{mote_mqtt_callback, mote_mqtt_operation};
use super::object::MqttRef;
use super::property::{self, mote_mqtt_property, properties};
use crate::ffi::arguments::{self, Config, outcome};
use crate::ffi::opaque::mote_mqtt;
use crate::mqtt::{Filter, Subscription, SubscriptionOptions};
use crate::port::{mote_bytes, mote_status};
use crate::status::{Error, Result};
use core::ffi::c_void;

/// How many filters one SUBSCRIBE or UNSUBSCRIBE can be given.
pub const MOTE_MQTT_FILTERS: usize = 16;

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
    /// client's callback is. Not used by UNSUBSCRIBE. Needs a build with the feature `mqtt-filters`.
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
        let (mut room, mut list) = (arguments::room(), property::room());
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
/// `MOTE_ERR_UNSUPPORTED` for a handler where the build has none; `MOTE_ERR_STALE`, `MOTE_ERR_VERSION`.
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
