// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests and responses over MQTT 5.0 (§4.10).

use super::event::{
    MOTE_MQTT_ABORTED, MOTE_MQTT_ENDED, MOTE_MQTT_MESSAGE, MOTE_MQTT_PAYLOAD, blank, mote_mqtt_event,
    mote_mqtt_operation,
};
use super::object::{Caller, Core, MqttRef, call};
use super::publish::{mote_mqtt_publish_config, publish};
use super::waiting::{REQUESTS, Waiting};
use crate::ffi::arguments::{self, lend, outcome, slice};
use crate::ffi::opaque::mote_mqtt;
use crate::ffi::status::MOTE_OK;
use crate::mqtt::{
    Filter, Operation, Properties, Property, Reason, Subscription, SubscriptionOptions, Token,
    wire::property::id,
};
use crate::port::mote_status;
use crate::random::Random;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use core::ffi::c_void;
use core::ptr::fn_addr_eq;

/// Names a request that waits for its response; 0 is none.
pub type mote_mqtt_request = u32;

/// How long a response is waited for unless it is said, in milliseconds.
const TIMEOUT: u32 = 30_000;

/// Tells the application that a request has ended. Nothing of the object is touched afterwards.
fn tell(mqtt: MqttRef, request: Handle, waiting: &Waiting, (status, reason): (mote_status, u8)) {
    let mut shown = blank(mqtt.pointer(), MOTE_MQTT_ENDED);
    (shown.operation, shown.status, shown.reason) = (request.raw(), status, reason);
    call(waiting.callback, waiting.user, &shown);
}

/// The client is closed: every request ends.
pub(super) fn close(mqtt: MqttRef) {
    if !REQUESTS {
        return;
    }
    let next = |core: &mut Core| {
        let requests = &mut core.requests;
        requests.end_all(Error::Closed.code(), 0);
        requests.take(Instant::ZERO)
    };
    while let Some((request, waiting)) = mqtt.with(next) {
        tell(mqtt, request, &waiting, (Error::Closed.code(), 0));
    }
}

/// Ends one request that is due: whether there was one.
fn drive(mqtt: MqttRef) -> bool {
    let now = mqtt.node().now();
    let due = mqtt.with(|core| {
        let due = core.requests.take(now);
        if due.is_none() {
            let deadlines = core.requests.waiting.iter().map(|(_, waiting)| waiting.deadline);
            core.requests.deadline = deadlines.min().unwrap_or(Instant::NEVER);
        }
        due
    });
    let Some((request, waiting)) = due else { return false };
    abandon(mqtt, &waiting);
    tell(mqtt, request, &waiting, waiting.ended.unwrap_or((Error::Timeout.code(), 0)));
    true
}

/// A request that nobody waits for need not be sent any more.
fn abandon(mqtt: MqttRef, waiting: &Waiting) {
    if let Some(operation) = Operation::from_raw(waiting.operation) {
        // One that is on its way cannot be called back, which is as well.
        let _ = mqtt.command(|client, cx| client.cancel(cx, operation));
    }
}

/// What became of the PUBLISH of a request.
unsafe extern "C" fn on_published(user: *mut c_void, event: *const mote_mqtt_event) {
    // SAFETY: called by the client itself, with itself and an event.
    let (mqtt, event) = unsafe { (MqttRef::of(user), &*event) };
    // A message that was passed on within the call has no operation, and its success says nothing.
    if event.operation == 0 {
        return;
    }
    mqtt.with(|core| {
        let requests = &mut core.requests;
        let Some(request) = requests.waiting.find(|waiting| waiting.operation == event.operation) else {
            return;
        };
        if event.status != MOTE_OK {
            requests.end(request, event.status, event.reason);
        } else if event.reason == Reason::NO_MATCHING_SUBSCRIBERS.0 {
            requests.end(request, Error::NotFound.code(), event.reason);
        }
        if let Some(waiting) = requests.waiting.get_mut(request) {
            waiting.operation = 0;
        }
    });
}

/// What became of the subscription to responses.
unsafe extern "C" fn on_subscribed(user: *mut c_void, event: *const mote_mqtt_event) {
    // SAFETY: called by the client itself, with itself and an event.
    let (mqtt, event) = unsafe { (MqttRef::of(user), &*event) };
    if event.status != MOTE_OK {
        mqtt.with(|core| core.requests.end_all(event.status, event.reason));
    }
}

/// Something came for the response topic.
unsafe extern "C" fn on_response(user: *mut c_void, event: *const mote_mqtt_event) {
    // SAFETY: called by the client itself, with itself and an event.
    let (mqtt, event) = unsafe { (MqttRef::of(user), &*event) };
    let found = mqtt.with(|core| {
        let requests = &mut core.requests;
        match event.kind {
            MOTE_MQTT_MESSAGE => {
                // SAFETY: the properties are those of the event.
                let properties = Properties::Encoded(unsafe { slice(event.properties) }.unwrap_or_default());
                let correlation = properties.get(id::CORRELATION_DATA).map_or(&[][..], |found| found.data);
                let ours = |waiting: &Waiting| waiting.ended.is_none() && waiting.correlation == correlation;
                requests.current = requests.waiting.find(ours);
            }
            MOTE_MQTT_PAYLOAD | MOTE_MQTT_ABORTED => {}
            // The server refused to renew the subscription.
            _ => {
                requests.end_all(Error::Refused.code(), event.reason);
                return None;
            }
        }
        let request = requests.current?;
        let waiting = *requests.waiting.get(request)?;
        if event.last != 0 {
            requests.end(request, MOTE_OK, 0);
        }
        if event.last != 0 || event.kind == MOTE_MQTT_ABORTED {
            requests.current = None;
        }
        Some((request, waiting))
    });
    match found {
        Some((request, Waiting { callback, user, .. })) => {
            call(callback, user, &mote_mqtt_event { operation: request.raw(), ..*event });
        }
        // It comes too late, or is no response to us: nobody else will acknowledge it.
        None if event.last != 0 && event.token != 0 => {
            let _ = mqtt.command(|client, cx| client.acknowledge(cx, Token(event.token), Reason::SUCCESS));
        }
        None => {}
    }
}

type Callback = unsafe extern "C" fn(user: *mut c_void, event: *const mote_mqtt_event);

/// Makes sure that responses are subscribed to.
fn subscribe(mqtt: MqttRef) -> Result<()> {
    let user = mqtt.pointer::<c_void>();
    let known = mqtt.with(|core| {
        let ours = |caller: &&Caller| {
            caller.callback.is_some_and(|callback| fn_addr_eq(callback, on_response as Callback))
        };
        core.handlers.iter().find(ours).is_some_and(|caller| core.client.is_subscribed(caller.operation))
    });
    if known {
        return Ok(());
    }
    let place = mqtt.room(Some(on_subscribed))?;
    let cookie = mqtt.handler(Some(on_response), user)?;
    let (filter, qos) = mqtt.with(|core| (core.requests.topic, core.requests.qos));
    // Responses are for those who ask now: what is retained at their topic is none.
    let options = SubscriptionOptions { qos, retain_handling: 2, ..SubscriptionOptions::default() };
    let wanted = [Subscription { filter: Filter { filter, options }, cookie }];
    let started = mqtt.command(|client, cx| client.subscribe(cx, &wanted, Properties::List(&[])))?;
    mqtt.register(place, started.raw(), Some(on_subscribed), user);
    Ok(())
}

/// Publishes a request, and waits for the response to it (5.0 §4.10): a message to the `response_topic` of
/// the client's config that carries the Correlation Data of this request.
///
/// ```c
/// mote_mqtt_publish_config question = { MOTE_MQTT_PUBLISH_CONFIG_INIT, .qos = 1, .callback = on_reading };
/// question.topic = (mote_bytes)MOTE_STR("meter/7/ask"), question.payload = (mote_bytes)MOTE_STR("reading?");
/// mote_status status = mote_mqtt_request_start(mqtt, &question, 5000, NULL);
/// ```
///
/// `message->callback` is told of the response: by `MOTE_MQTT_MESSAGE`, and `MOTE_MQTT_PAYLOAD` when it comes in
/// parts, as any handler; then by `MOTE_MQTT_ENDED`, which comes exactly once, and without a response says why there
/// is none: `MOTE_ERR_TIMEOUT` after `timeout` milliseconds (0 stands for 30,000), `MOTE_ERR_NOT_FOUND` when the
/// server says that nobody listens, `MOTE_ERR_CANCELLED`, `MOTE_ERR_CLOSED`, or how publishing or subscribing failed.
/// `event->operation` is the request throughout. With `MOTE_MQTT_DEFERRED` acknowledge the response as any message.
///
/// The message gets a Response Topic, Correlation Data, and unless it has one a Message Expiry Interval that suits the
/// time-out. Responses are subscribed to with the first request. `request` may be NULL.
///
/// `MOTE_ERR_UNSUPPORTED` when the config has no `requests`, or with 3.1.1; `MOTE_ERR_FULL` when as many wait; `MOTE_ERR_INVALID` for a
/// message in parts; and every status of `mote_mqtt_publish` and `mote_mqtt_subscribe`. In builds with the features `mqtt-v5` and
/// `mqtt-requests`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[cfg(all(feature = "mqtt-v5", feature = "mqtt-requests"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_request_start(
    mqtt: *mut mote_mqtt,
    message: *const mote_mqtt_publish_config,
    timeout: u32,
    request: *mut mote_mqtt_request,
) -> mote_status {
    let start = || -> Result<()> {
        let mut room = arguments::room();
        // SAFETY: passed on to the caller of this function.
        let (object, given) = unsafe { (MqttRef::new(mqtt)?, arguments::config(message, &mut room)?) };
        if given.parts != 0 {
            return Err(Error::Invalid);
        }
        let mut correlation = [0; 8];
        object.node().fill(&mut correlation);
        let timeout = if timeout == 0 { TIMEOUT } else { timeout };
        let topic = object.with(|core| core.requests.topic);
        if topic.is_empty() {
            return Err(Error::Unsupported);
        }
        let ours = [
            Property::number(id::MESSAGE_EXPIRY_INTERVAL, timeout.div_ceil(1000)),
            Property::text(id::RESPONSE_TOPIC, topic),
            Property::binary(id::CORRELATION_DATA, &correlation),
        ];
        let deadline = object.node().now().after(u64::from(timeout));
        let (callback, user) = (given.callback, given.user);
        let waiting = Waiting { correlation, operation: 0, deadline, ended: None, callback, user };
        let handle = object.with(|core| core.requests.waiting.insert(waiting))?;
        let mut sent = *given;
        sent.callback = Some(on_published);
        sent.user = object.pointer();
        // SAFETY: passed on to the caller of this function.
        let published =
            subscribe(object).and_then(|()| unsafe { publish(object, &sent, &ours, core::ptr::null_mut()) });
        object.with(|core| {
            let requests = &mut core.requests;
            let Ok(operation) = published else {
                requests.waiting.discard(handle);
                return;
            };
            if let Some(waiting) = requests.waiting.get_mut(handle) {
                waiting.operation = operation;
            }
            requests.deadline = requests.deadline.min(deadline);
            core.drive = Some(drive);
        });
        published?;
        // SAFETY: passed on to the caller of this function.
        if let Some(out) = unsafe { request.as_mut() } {
            *out = handle.raw();
        }
        Ok(())
    };
    outcome(start())
}

/// Gives up a request. Its last event, with `MOTE_ERR_CANCELLED`, comes from the node's next turn, never from inside
/// this call; if it has not been sent yet, it is not sent any more.
///
/// `MOTE_ERR_STALE` when it has ended already or the client is closed, `MOTE_ERR_INVALID` for NULL. In builds with the
/// features `mqtt-v5` and `mqtt-requests`.
///
/// # Safety
/// `mqtt` is NULL or came from `mote_mqtt_init`.
#[cfg(all(feature = "mqtt-v5", feature = "mqtt-requests"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_request_cancel(
    mqtt: *mut mote_mqtt,
    request: mote_mqtt_request,
) -> mote_status {
    let cancel = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let object = unsafe { MqttRef::new(mqtt) }?;
        let handle = Handle::from_raw(request).ok_or(Error::Stale)?;
        object.with(|core| {
            let waits = core.requests.waiting.get(handle).is_some_and(|waiting| waiting.ended.is_none());
            if waits {
                core.requests.end(handle, Error::Cancelled.code(), 0)
            }
            if waits { Ok(()) } else { Err(Error::Stale) }
        })?;
        object.touch();
        Ok(())
    };
    outcome(cancel())
}

/// Publishes the response to a request (5.0 §4.10): to its Response Topic, with its Correlation Data.
///
/// `event` is the `MOTE_MQTT_MESSAGE` that brought the request, during its callback. The topic of `message` is not used; all else is
/// as for `mote_mqtt_publish`, whose statuses these are; `MOTE_ERR_NOT_FOUND` when no response is wanted. In builds with
/// the features `mqtt-v5` and `mqtt-requests`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[cfg(all(feature = "mqtt-v5", feature = "mqtt-requests"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_mqtt_respond(
    mqtt: *mut mote_mqtt,
    event: *const mote_mqtt_event,
    message: *const mote_mqtt_publish_config,
    operation: *mut mote_mqtt_operation,
) -> mote_status {
    let respond = || -> Result<()> {
        let mut room = arguments::room();
        // SAFETY: passed on to the caller of this function.
        let (event, given) =
            unsafe { (event.as_ref().ok_or(Error::Invalid)?, arguments::config(message, &mut room)?) };
        // SAFETY: passed on to the caller of this function.
        let asked = Properties::Encoded(unsafe { slice(event.properties) }?);
        let mut sent = *given;
        sent.topic = lend(asked.get(id::RESPONSE_TOPIC).ok_or(Error::NotFound)?.data);
        let correlation = asked.get(id::CORRELATION_DATA);
        // SAFETY: passed on to the caller of this function.
        unsafe { publish(MqttRef::new(mqtt)?, &sent, correlation.as_slice(), operation) }?;
        Ok(())
    };
    outcome(respond())
}
