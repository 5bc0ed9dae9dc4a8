// SPDX-License-Identifier: MIT OR Apache-2.0
//! MQTT: the client, with one version or both.

use crate::{Dice, World, block, bytes, stream_context};
use mote::mqtt::{
    Client, Config, Context, Event, Filter, Operation, Properties, Publication, Reason, Subscription, Token,
};
use mote::status::{Error, Result};
use mote::store::Store;
use mote::transport::{StreamContext, StreamEvent};

impl Store for World {
    fn read(&mut self, _owner: u32, _record: u32, out: &mut [u8]) -> Result<usize> {
        let length = (self.number)() as usize;
        out.get_mut(..length).ok_or(Error::TooLarge)?.fill(1);
        Ok(length)
    }
    fn write(&mut self, _owner: u32, _record: u32, parts: &[&[u8]]) -> Result<()> {
        parts.iter().try_for_each(|part| mote::transport::Stream::write(self, part).map(|_| ()))
    }
    fn remove(&mut self, _owner: u32, record: u32) -> Result<()> {
        if (self.number)() == record { Ok(()) } else { Err(Error::Io) }
    }
    fn next(&mut self, _owner: u32, from: u32) -> Result<Option<u32>> {
        Ok(Some((self.number)()).filter(|record| *record >= from))
    }
}

/// Everything that a call into the client takes.
#[repr(C)]
pub struct Call<'m> {
    client: &'m mut Client<'m>,
    stream: &'m mut World,
    store: &'m mut World,
    dice: &'m mut Dice,
    now: u64,
    number: u32,
    text: *const u8,
    text_length: usize,
    data: *const u8,
    data_length: usize,
}

impl<'m> Call<'m> {
    fn run<R>(&mut self, act: impl FnOnce(&mut Client<'m>, &mut Context, &str, &[u8], u32) -> R) -> R {
        // SAFETY: as the caller of the entry point promises.
        let (text, data) = unsafe { (bytes(self.text, self.text_length), bytes(self.data, self.data_length)) };
        let text = core::str::from_utf8(text).unwrap_or_default();
        let mut stream: StreamContext = stream_context(self.now, self.stream, self.dice);
        let mut cx = Context { stream: &mut stream, store: Some(self.store) };
        act(self.client, &mut cx, text, data, self.number)
    }
}

fn code<T>(result: Result<T>) -> i32 {
    result.map_or_else(Error::code, |_| 0)
}

/// # Safety
/// The block is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_mqtt_new(
    memory: *mut u8,
    length: usize,
    config: &'static Config<'static>,
    out: &mut Option<Client<'static>>,
) -> i32 {
    // SAFETY: as the caller promises.
    let memory = unsafe { block(memory, length) };
    match Client::new(memory, config) {
        Ok(client) => *out = Some(client),
        Err(error) => return error.code(),
    }
    Client::plan(config).bytes() as i32
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_connect(call: &mut Call) -> i32 {
    code(call.run(|client, cx, _, _, _| client.connect(cx)))
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_disconnect(call: &mut Call) -> i32 {
    code(call.run(|client, cx, _, data, number| {
        client.disconnect(cx, Reason(number as u8), Properties::Encoded(data))
    }))
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_publish(call: &mut Call, properties: Properties) -> i32 {
    code(call.run(|client, cx, topic, payload, number| {
        let qos = number as u8;
        let publication = Publication { topic, qos, retain: number > 255, payload, properties };
        if number > 300 {
            return client.publish_begin(cx, &publication, number).map(|_| ());
        }
        client.publish(cx, &publication).map(|_| ())
    }))
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_chunk(call: &mut Call) -> i32 {
    code(call.run(|client, cx, _, data, number| {
        let operation = Operation::from_raw(number).ok_or(Error::Stale)?;
        client.publish_chunk(cx, operation, data)?;
        client.cancel(cx, operation)
    }))
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_subscribe(call: &mut Call, list: &[Subscription; 2]) -> i32 {
    code(call.run(|client, cx, _, data, _| client.subscribe(cx, list, Properties::Encoded(data))))
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_unsubscribe(call: &mut Call, list: &[Filter; 2]) -> i32 {
    code(call.run(|client, cx, _, data, _| client.unsubscribe(cx, list, Properties::Encoded(data))))
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_acknowledge(call: &mut Call) -> i32 {
    code(call.run(|client, cx, _, data, number| {
        client.authenticate(cx, Reason(number as u8), data)?;
        client.acknowledge(cx, Token(number), Reason(number as u8))
    }))
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_receive(call: &mut Call, kind: u32, sink: extern "C" fn(&Event)) -> i32 {
    call.run(|client, cx, _, data, number| {
        let event = match kind {
            0 => StreamEvent::Connected,
            1 => StreamEvent::Received(data),
            2 => StreamEvent::Writable,
            3 => StreamEvent::Closed,
            _ => StreamEvent::Failed(Error::from_code(number as i32).unwrap_or(Error::Io)),
        };
        let (count, event) = client.receive(cx, event);
        if let Some(event) = event {
            sink(&event);
        }
        count as i32
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_poll(call: &mut Call, sink: extern "C" fn(&Event)) -> u64 {
    call.run(|client, cx, _, _, _| {
        if let Some(event) = client.poll(cx) {
            sink(&event);
        }
        client.next_deadline().0
    })
}
