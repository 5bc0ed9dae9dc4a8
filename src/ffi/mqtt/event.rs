// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a client tells the application.

use crate::ffi::arguments::lend;
use crate::ffi::opaque::mote_mqtt;
use crate::ffi::status::MOTE_OK;
use crate::mqtt::{Event, Properties, Token};
use crate::port::{mote_bytes, mote_status};
use crate::status::Error;
use core::ffi::c_void;

/// Names something that was started, until it has ended; 0 is none.
pub type mote_mqtt_operation = u32;
/// Names a received message of QoS 1 or 2 until it has been acknowledged; 0 is none.
pub type mote_mqtt_token = u32;

/// Event kind: the server has accepted us.
pub const MOTE_MQTT_CONNECTED: u32 = 1;
/// Event kind: there is no connection any more, or none came about.
pub const MOTE_MQTT_DISCONNECTED: u32 = 2;
/// Event kind: a message, or its beginning.
pub const MOTE_MQTT_MESSAGE: u32 = 3;
/// Event kind: a further part of the message under way.
pub const MOTE_MQTT_PAYLOAD: u32 = 4;
/// Event kind: the rest of the message under way will not come.
pub const MOTE_MQTT_ABORTED: u32 = 5;
/// Event kind: an operation has ended; `status` and `reason` say how.
pub const MOTE_MQTT_ENDED: u32 = 6;
/// Event kind: the next part of a message published in parts is wanted, from `offset` on.
pub const MOTE_MQTT_WANTED: u32 = 7;
/// Event kind: the server refused to renew a subscription in a new session, or had said that it takes no such one; it is forgotten.
pub const MOTE_MQTT_UNSUBSCRIBED: u32 = 8;
/// Event kind: the server's part of enhanced authentication; see `mote_mqtt_authenticate`.
pub const MOTE_MQTT_AUTHENTICATION: u32 = 9;

/// In `retry_after`: no further attempt is made.
pub const MOTE_MQTT_NO_RETRY: u32 = 0xffff_ffff;

/// What happened. All of it is lent until the callback returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_mqtt_event {
    /// One of `MOTE_MQTT_CONNECTED` and so on.
    pub kind: u32,
    /// `MOTE_MQTT_DISCONNECTED`: why. `MOTE_MQTT_ENDED`: success; `MOTE_ERR_REFUSED` by the
    /// server, `MOTE_ERR_TIMEOUT` without an answer or by message expiry, `MOTE_ERR_CANCELLED`,
    /// `MOTE_ERR_SESSION_LOST`, `MOTE_ERR_FULL` when given up for a newer message,
    /// `MOTE_ERR_UNSUPPORTED` or `MOTE_ERR_TOO_LARGE` for this server, `MOTE_ERR_TRANSPORT`,
    /// `MOTE_ERR_CLOSED` when the client is being closed.
    pub status: mote_status,
    /// The client.
    pub mqtt: *mut mote_mqtt,
    /// `MOTE_MQTT_ENDED`, `MOTE_MQTT_WANTED`: which operation. 0 for a QoS 0 message that was
    /// passed on within `mote_mqtt_publish`. For the callback of
    /// `mote_mqtt_request_start`: the request, in every event.
    pub operation: mote_mqtt_operation,
    /// Messages of QoS 1 and 2: for `mote_mqtt_acknowledge`.
    pub token: mote_mqtt_token,
    /// The Reason Code, 0 for none; for several, the first.
    pub reason: u8,
    /// Messages: QoS.
    pub qos: u8,
    /// Messages: 1 if RETAIN is set.
    pub retain: u8,
    /// Messages: 1 if DUP is set.
    pub dup: u8,
    /// `MOTE_MQTT_CONNECTED`: 1 if the server still has our session.
    pub session_present: u8,
    /// `MOTE_MQTT_MESSAGE`, `MOTE_MQTT_PAYLOAD`: 1 if the payload ends here.
    pub last: u8,
    /// 0.
    pub reserved: u16,
    /// Where in its payload this part begins, or the part that is wanted.
    pub offset: u32,
    /// How long the whole payload is.
    pub total: u32,
    /// `MOTE_MQTT_DISCONNECTED`: in how many milliseconds the next attempt is made;
    /// `MOTE_MQTT_NO_RETRY` for none, and in every other event.
    pub retry_after: u32,
    /// 0.
    pub reserved2: u32,
    /// `MOTE_MQTT_MESSAGE`: Topic Name.
    pub topic: mote_bytes,
    /// The payload, or this part of it.
    pub payload: mote_bytes,
    /// `MOTE_MQTT_ENDED` of SUBSCRIBE, and of UNSUBSCRIBE with 5.0: a Reason Code per filter.
    pub reasons: mote_bytes,
    /// The properties of the packet; see `mote_mqtt_next_property`.
    pub properties: mote_bytes,
}

/// Is told what happens, by the thread that drives the node. It may call anything,
/// `mote_mqtt_close` included.
pub type mote_mqtt_callback = Option<unsafe extern "C" fn(user: *mut c_void, event: *const mote_mqtt_event)>;

/// An event that says nothing yet.
pub(super) fn blank(mqtt: *mut mote_mqtt, kind: u32) -> mote_mqtt_event {
    // SAFETY: integers, pointers and lengths, for which zeros are valid.
    let mut shown: mote_mqtt_event = unsafe { core::mem::zeroed() };
    (shown.kind, shown.mqtt, shown.retry_after) = (kind, mqtt, MOTE_MQTT_NO_RETRY);
    shown
}

fn code(error: Option<Error>) -> mote_status {
    error.map_or(MOTE_OK, Error::code)
}

/// What came is encoded; nothing else is ever in an event.
fn encoded(properties: Properties<'_>) -> mote_bytes {
    match properties {
        Properties::Encoded(bytes) => lend(bytes),
        Properties::List(_) => lend(&[]),
    }
}

/// Shows an event of the engine to C: writes what it says into a blank one. Gives the cookie of the subscription that
/// it is for.
#[inline(never)] // So that it lies in memory throughout, where each kind writes its members alone.
pub(super) fn show(shown: &mut mote_mqtt_event, event: &Event<'_>) -> u32 {
    let raw = |token: Option<Token>| token.map_or(0, |Token(raw)| raw);
    let mut for_cookie = 0;
    match *event {
        Event::Connected { session_present, properties } => {
            shown.kind = MOTE_MQTT_CONNECTED;
            shown.session_present = u8::from(session_present);
            shown.properties = encoded(properties);
        }
        Event::Disconnected { error, reason, retry_after, properties } => {
            shown.kind = MOTE_MQTT_DISCONNECTED;
            (shown.status, shown.reason) = (error.code(), reason.0);
            shown.retry_after = retry_after.unwrap_or(MOTE_MQTT_NO_RETRY);
            shown.properties = encoded(properties);
        }
        Event::Message(message) => {
            shown.kind = MOTE_MQTT_MESSAGE;
            (shown.qos, shown.retain, shown.dup) =
                (message.qos, u8::from(message.retain), u8::from(message.dup));
            (shown.total, shown.token) = (message.total, raw(message.token));
            shown.last = u8::from(message.payload.len() as u32 == message.total);
            shown.topic = lend(message.topic.as_bytes());
            shown.payload = lend(message.payload);
            shown.properties = encoded(message.properties);
            for_cookie = message.cookie.unwrap_or(0);
        }
        Event::Payload { data, offset, total, cookie, token } => {
            shown.kind = MOTE_MQTT_PAYLOAD;
            (shown.offset, shown.total, shown.token) = (offset, total, raw(token));
            shown.last = u8::from(offset + data.len() as u32 == total);
            shown.payload = lend(data);
            for_cookie = cookie.unwrap_or(0);
        }
        Event::Aborted { cookie } => {
            shown.kind = MOTE_MQTT_ABORTED;
            for_cookie = cookie.unwrap_or(0);
        }
        Event::Ended { operation, error, reason, reasons, properties } => {
            shown.kind = MOTE_MQTT_ENDED;
            (shown.operation, shown.status, shown.reason) = (operation.raw(), code(error), reason.0);
            shown.reasons = lend(reasons);
            shown.properties = encoded(properties);
        }
        Event::Wanted { operation, offset } => {
            shown.kind = MOTE_MQTT_WANTED;
            (shown.operation, shown.offset) = (operation.raw(), offset);
        }
        Event::Unsubscribed { cookie, reason } => {
            shown.kind = MOTE_MQTT_UNSUBSCRIBED;
            shown.reason = reason.0;
            for_cookie = cookie;
        }
        Event::Authentication { reason, properties } => {
            shown.kind = MOTE_MQTT_AUTHENTICATION;
            shown.reason = reason.0;
            shown.properties = encoded(properties);
        }
    }
    for_cookie
}
