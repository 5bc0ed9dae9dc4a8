// SPDX-License-Identifier: MIT OR Apache-2.0
//! Publishing.

use super::config::text;
use super::event::{mote_mqtt_callback, mote_mqtt_operation};
use super::object::MqttRef;
use super::property::{self, mote_mqtt_property, properties};
use crate::ffi::arguments::{self, Config, outcome, output, slice};
use crate::ffi::opaque::mote_mqtt;
use crate::mqtt::{Operation, Properties, Property, Publication, wire::property::id};
use crate::port::{mote_bytes, mote_status};
use crate::status::{Error, Result};
use core::ffi::c_void;

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
    /// 1: the payload, of `total` bytes, is given in parts; see `mote_mqtt_publish_chunk`. Needs a build with the
    /// feature `mqtt-stream`.
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

/// Publishes what an application gave, with properties of ours besides its own. An expiry interval of ours is left out
/// where the application gives one. `operation` gets the number of the operation, unless it is NULL.
///
/// # Safety
/// What the message points to is valid, and `operation` NULL or valid.
#[inline(never)]
pub(super) unsafe fn publish(
    mqtt: MqttRef,
    given: &mote_mqtt_publish_config,
    mut ours: &[Property<'_>],
    operation: *mut mote_mqtt_operation,
) -> Result<mote_mqtt_operation> {
    let (mut list, mut count) = (property::room(), given.property_count);
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
/// 0 for a QoS 0 message that was passed on at once. The callback is called all the same, and always from the node's next
/// turns, never from inside this call.
///
/// `MOTE_ERR_INVALID` for NULL, a bad topic, QoS or property; `MOTE_ERR_FULL` when the queue or
/// `operations` are used up; `MOTE_ERR_UNSUPPORTED` for what the build lacks; `MOTE_ERR_TOO_LARGE`,
/// `MOTE_ERR_STALE`, `MOTE_ERR_VERSION`, and what the store says. Nothing is published then.
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
