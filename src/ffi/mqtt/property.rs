// SPDX-License-Identifier: MIT OR Apache-2.0
//! Properties (5.0 §2.2.2), as C gives and sees them.

use crate::ffi::arguments::{lend, outcome, output, slice};
use crate::mqtt::{Properties, Property};
use crate::port::{mote_bytes, mote_status};
use crate::status::{Error, Result};

/// How many properties one call can be given.
pub const MOTE_MQTT_PROPERTIES: usize = 16;

/// A property of 5.0 (§2.2.2.2). Which member holds the value follows from `id`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_mqtt_property {
    /// The Property Identifier: one of `MOTE_MQTT_PROPERTY_…`.
    pub id: u32,
    /// The value, where it is a number.
    pub number: u32,
    /// The value, where it is a string or binary data; the name of a User Property.
    pub data: mote_bytes,
    /// The value of a User Property.
    pub value: mote_bytes,
}

// Written out, not made by a macro: the header shows only what stands here.

/// Property Identifier: Payload Format Indicator. 1 for text in UTF-8. PUBLISH, Will.
pub const MOTE_MQTT_PROPERTY_PAYLOAD_FORMAT_INDICATOR: u32 = 1;
/// Property Identifier: Message Expiry Interval. Seconds. PUBLISH, Will.
pub const MOTE_MQTT_PROPERTY_MESSAGE_EXPIRY_INTERVAL: u32 = 2;
/// Property Identifier: Content Type. String. PUBLISH, Will.
pub const MOTE_MQTT_PROPERTY_CONTENT_TYPE: u32 = 3;
/// Property Identifier: Response Topic. String. PUBLISH, Will.
pub const MOTE_MQTT_PROPERTY_RESPONSE_TOPIC: u32 = 8;
/// Property Identifier: Correlation Data. Binary. PUBLISH, Will.
pub const MOTE_MQTT_PROPERTY_CORRELATION_DATA: u32 = 9;
/// Property Identifier: Subscription Identifier. Number. SUBSCRIBE, received PUBLISH.
pub const MOTE_MQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER: u32 = 11;
/// Property Identifier: Session Expiry Interval. Seconds. CONNACK, DISCONNECT.
pub const MOTE_MQTT_PROPERTY_SESSION_EXPIRY_INTERVAL: u32 = 17;
/// Property Identifier: Assigned Client Identifier. String. CONNACK.
pub const MOTE_MQTT_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER: u32 = 18;
/// Property Identifier: Server Keep Alive. Seconds. CONNACK.
pub const MOTE_MQTT_PROPERTY_SERVER_KEEP_ALIVE: u32 = 19;
/// Property Identifier: Authentication Method. String. CONNECT, CONNACK, AUTH.
pub const MOTE_MQTT_PROPERTY_AUTHENTICATION_METHOD: u32 = 21;
/// Property Identifier: Authentication Data. Binary. CONNECT, CONNACK, AUTH.
pub const MOTE_MQTT_PROPERTY_AUTHENTICATION_DATA: u32 = 22;
/// Property Identifier: Request Problem Information. 0 or 1. CONNECT.
pub const MOTE_MQTT_PROPERTY_REQUEST_PROBLEM_INFORMATION: u32 = 23;
/// Property Identifier: Will Delay Interval. Seconds. Will.
pub const MOTE_MQTT_PROPERTY_WILL_DELAY_INTERVAL: u32 = 24;
/// Property Identifier: Request Response Information. 0 or 1. CONNECT.
pub const MOTE_MQTT_PROPERTY_REQUEST_RESPONSE_INFORMATION: u32 = 25;
/// Property Identifier: Response Information. String. CONNACK.
pub const MOTE_MQTT_PROPERTY_RESPONSE_INFORMATION: u32 = 26;
/// Property Identifier: Server Reference. String. CONNACK, DISCONNECT.
pub const MOTE_MQTT_PROPERTY_SERVER_REFERENCE: u32 = 28;
/// Property Identifier: Reason String. String. All answers.
pub const MOTE_MQTT_PROPERTY_REASON_STRING: u32 = 31;
/// Property Identifier: Receive Maximum. Number. CONNACK.
pub const MOTE_MQTT_PROPERTY_RECEIVE_MAXIMUM: u32 = 33;
/// Property Identifier: Topic Alias Maximum. Number. CONNACK.
pub const MOTE_MQTT_PROPERTY_TOPIC_ALIAS_MAXIMUM: u32 = 34;
/// Property Identifier: Topic Alias. Number. Received PUBLISH.
pub const MOTE_MQTT_PROPERTY_TOPIC_ALIAS: u32 = 35;
/// Property Identifier: Maximum QoS. 0 or 1. CONNACK.
pub const MOTE_MQTT_PROPERTY_MAXIMUM_QOS: u32 = 36;
/// Property Identifier: Retain Available. 0 or 1. CONNACK.
pub const MOTE_MQTT_PROPERTY_RETAIN_AVAILABLE: u32 = 37;
/// Property Identifier: User Property. Two strings, as often as wanted. All packets but PING.
pub const MOTE_MQTT_PROPERTY_USER_PROPERTY: u32 = 38;
/// Property Identifier: Maximum Packet Size. Bytes. CONNACK.
pub const MOTE_MQTT_PROPERTY_MAXIMUM_PACKET_SIZE: u32 = 39;
/// Property Identifier: Wildcard Subscription Available. 0 or 1. CONNACK.
pub const MOTE_MQTT_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE: u32 = 40;
/// Property Identifier: Subscription Identifier Available. 0 or 1. CONNACK.
pub const MOTE_MQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER_AVAILABLE: u32 = 41;
/// Property Identifier: Shared Subscription Available. 0 or 1. CONNACK.
pub const MOTE_MQTT_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE: u32 = 42;

/// Room for properties given by C, as the engine takes them.
pub(super) type Room<'a> = [Property<'a>; MOTE_MQTT_PROPERTIES];

pub(super) fn room<'a>() -> Room<'a> {
    [Property::default(); MOTE_MQTT_PROPERTIES]
}

/// Reads properties into `room`.
///
/// # Safety
/// `first` points to `count` valid properties that live for `'a`, or `count` is 0.
pub(super) unsafe fn properties<'r, 'a: 'r>(
    first: *const mote_mqtt_property,
    count: usize,
    room: &'r mut [Property<'a>],
) -> Result<Properties<'r>> {
    let list = room.get_mut(..count).ok_or(Error::TooLarge)?;
    if count > 0 && first.is_null() {
        return Err(Error::Invalid);
    }
    for (index, place) in list.iter_mut().enumerate() {
        // SAFETY: the caller vouches for `count` properties and for what they lend.
        unsafe {
            let given = &*first.add(index);
            place.id = u8::try_from(given.id).map_err(|_| Error::Invalid)?;
            place.number = given.number;
            place.data = slice(given.data)?;
            place.value = slice(given.value)?;
        }
    }
    Ok(Properties::List(list))
}

/// Takes the next property off the front of `properties`, which begins as a copy of the
/// `properties` of an event.
///
/// ```c
/// mote_bytes rest = event->properties;
/// mote_mqtt_property property;
/// while (mote_mqtt_next_property(&rest, &property) == MOTE_OK) look_at(&property);
/// ```
///
/// What `property` points to lies in the event. `MOTE_ERR_END` when there is none left,
/// `MOTE_ERR_INVALID` for NULL. Any thread.
///
/// # Safety
/// The pointers are NULL or valid, and `properties` is what is left of an event's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_next_property(
    properties: *mut mote_bytes,
    property: *mut mote_mqtt_property,
) -> mote_status {
    let next = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (rest, out) = unsafe { (properties.as_mut().ok_or(Error::Invalid)?, output(property)?) };
        // SAFETY: passed on to the caller of this function.
        let bytes = unsafe { slice(*rest) }?;
        let list = Properties::Encoded(bytes);
        let mut iterator = list.iter();
        let first = iterator.next().ok_or(Error::End)?;
        *rest = lend(iterator.rest());
        out.write(mote_mqtt_property {
            id: first.id.into(),
            number: first.number,
            data: lend(first.data),
            value: lend(first.value),
        });
        Ok(())
    };
    outcome(next())
}
