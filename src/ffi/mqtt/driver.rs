// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the node drives the object behind a `mote_mqtt`, and who is told of what comes.

use super::event::{
    MOTE_MQTT_ABORTED, MOTE_MQTT_ENDED, MOTE_MQTT_MESSAGE, MOTE_MQTT_PAYLOAD, MOTE_MQTT_WANTED, blank, show,
};
use super::object::{Caller, MqttRef, call};
use crate::bytes::copy;
use crate::ffi::arguments::lend;
use crate::ffi::node::Driver;
use crate::mqtt::Event;
use crate::status::Error;
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::StreamEvent;
use core::cell::Cell;
use core::ffi::c_void;

impl MqttRef {
    /// Ends every operation that has a callback with `MOTE_ERR_CLOSED`. The client is stale.
    pub(super) fn end_all(self) {
        for index in 0..self.with(|core| core.callers.len()) {
            let caller = self.with(|core| core.callers.get_mut(index).map(core::mem::take));
            if let Some(Caller { callback: Some(callback), user, operation }) = caller {
                let mut shown = blank(self.pointer(), MOTE_MQTT_ENDED);
                if operation != 0 {
                    (shown.operation, shown.status) = (operation, Error::Closed.code());
                }
                // SAFETY: the application's function; nothing of the object is borrowed. The block
                // is the client's until `mote_mqtt_close` returns.
                unsafe { callback(user, &raw const shown) }
            }
        }
    }

    /// Brings an event to the application. Nothing of the object may be touched afterwards.
    fn dispatch(self, event: &Event<'_>) {
        let mut shown = blank(self.pointer(), 0);
        let mut cookie = show(&mut shown, event);
        if let Event::Message(message) = event
            && shown.topic.len == 0
        {
            shown.topic = self.with(|core| {
                // SAFETY: the room lies in the object's block and is used here alone.
                let room = unsafe { &mut *core.topic };
                let count = copy(room, core.client.topic(message).as_bytes());
                lend(room.get(..count).unwrap_or_default())
            });
        }
        let shared = matches!(shown.kind, MOTE_MQTT_MESSAGE | MOTE_MQTT_PAYLOAD | MOTE_MQTT_ABORTED);
        // A handler may close the client: the others are not told then, and nothing is touched.
        let gone = Cell::new(false);
        let mut number = 0;
        loop {
            let told = self.with(|core| match shown.kind {
                MOTE_MQTT_ENDED | MOTE_MQTT_WANTED => {
                    let ours = |caller: &&mut Caller| caller.operation == shown.operation;
                    let caller = core.callers.iter_mut().find(ours)?;
                    Some(if shown.kind == MOTE_MQTT_ENDED { core::mem::take(caller) } else { *caller })
                }
                _ => core.handlers.get((cookie as usize).checked_sub(1)?).copied(),
            });
            let (callback, user) = match told {
                Some(Caller { callback: Some(callback), user, .. }) => (Some(callback), user),
                _ => self.with(|core| (core.callback, core.user)),
            };
            let others = shared.then(|| self.with(|core| core.client.handler(number + 1))).flatten();
            if others.is_none() {
                return call(callback, user, &shown);
            }
            self.with(|core| core.gone = &raw const gone);
            call(callback, user, &shown);
            if gone.get() {
                return;
            }
            number += 1;
            let next = self.with(|core| {
                core.gone = core::ptr::null();
                core.client.handler(number)
            });
            match next {
                Some(next) => cookie = next,
                None => return,
            }
        }
    }

    /// Tells of one QoS 0 message that left within `publish`, if there is one.
    fn tell_done(self) -> bool {
        let done = self.with(|core| {
            core.done = core.done.checked_sub(1)?;
            let done = |caller: &&mut Caller| caller.operation == 0 && caller.callback.is_some();
            let caller = core.callers.iter_mut().find(done)?;
            Some(core::mem::take(caller))
        });
        let Some(Caller { callback, user, .. }) = done else { return false };
        call(callback, user, &blank(self.pointer(), MOTE_MQTT_ENDED));
        true
    }

    /// Takes what the stream has brought, up to the next event.
    fn receive(self, event: &mut Option<Event<'_>>) {
        loop {
            // They lie in the inlet until it is filled again, which happens in `poll` alone.
            let bytes = self.with(|core| core.inlet.bytes());
            if bytes.is_empty() {
                return;
            }
            let count = self.engine(|client, cx| client.receive(cx, StreamEvent::Received(bytes), event));
            self.with(|core| core.inlet.consume(count));
            if event.is_some() || count == 0 {
                return;
            }
        }
    }
}

pub(super) static DRIVER: Driver = Driver { poll, deadline, datagram: Driver::NO_DATAGRAM, ready };

unsafe fn poll(object: *mut c_void) -> bool {
    let mqtt = MqttRef::of(object);
    if mqtt.tell_done() || mqtt.with(|core| core.drive).is_some_and(|drive| drive(mqtt)) {
        return true;
    }
    let mut event = None;
    // All that came is looked at before anything is sent, so that answers leave together.
    mqtt.receive(&mut event);
    if event.is_none() {
        event = mqtt.engine(|client, cx| client.poll(cx));
    }
    if event.is_none() {
        let now = mqtt.node().now();
        match mqtt.with(|core| core.stream.advance(now, &mut core.inlet)) {
            None => return false,
            // Looked at when it is this client's turn again: others wait for theirs, however much comes.
            Some(StreamEvent::Received(_)) => {}
            Some(brought) => {
                mqtt.engine(|client, cx| client.receive(cx, brought, &mut event));
            }
        }
    }
    if let Some(event) = &event {
        mqtt.dispatch(event);
    }
    true
}

unsafe fn deadline(object: *const c_void) -> Instant {
    let mqtt = MqttRef::of(object);
    mqtt.with(|core| core.client.next_deadline().min(core.stream.next_deadline()).min(core.requests.deadline))
}

unsafe fn ready(object: *mut c_void, source: Handle, readable: bool, writable: bool) -> bool {
    let mqtt = MqttRef::of(object);
    mqtt.with(|core| core.stream.ready(source, readable, writable));
    false
}
