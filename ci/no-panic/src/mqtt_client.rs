// SPDX-License-Identifier: MIT OR Apache-2.0
//! MQTT: the client, with one version or both.
//!
//! Each entry point hands its arguments on as they are, the stream and the store included, so that what is
//! weighed here is the engine and next to nothing else.
#![allow(improper_ctypes_definitions)]

use mote::mqtt::{
    Client, Config, Context, Event, Operation, Properties, Publication, Reason, Subscription, Token,
};
use mote::status::Result;
use mote::transport::StreamEvent;

/// The client's own memory beside its buffers, where pointers have 32 bits.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Client>() <= 208);

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_new(
    memory: &'static mut [u8],
    config: &'static Config<'static>,
) -> Result<Client<'static>> {
    Client::new(memory, config)
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_plan(config: &Config) -> usize {
    Client::plan(config).bytes()
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_connect(client: &mut Client<'static>, cx: &mut Context) -> Result<()> {
    client.connect(cx)
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_disconnect(
    client: &mut Client<'static>,
    cx: &mut Context,
    reason: Reason,
    properties: Properties,
) -> Result<()> {
    client.disconnect(cx, reason, properties)
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_publish(
    client: &mut Client<'static>,
    cx: &mut Context,
    publication: &Publication,
) -> Result<Option<Operation>> {
    client.publish(cx, publication)
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_publish_begin(
    client: &mut Client<'static>,
    cx: &mut Context,
    publication: &Publication,
    total: u32,
) -> Result<Operation> {
    client.publish_begin(cx, publication, total)
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_chunk(
    client: &mut Client<'static>,
    cx: &mut Context,
    operation: Operation,
    data: &[u8],
) -> Result<usize> {
    client.publish_chunk(cx, operation, data)
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_cancel(
    client: &mut Client<'static>,
    cx: &mut Context,
    operation: Operation,
) -> Result<()> {
    client.cancel(cx, operation)
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_subscribe(
    client: &mut Client<'static>,
    cx: &mut Context,
    list: &[Subscription],
    properties: Properties,
) -> Result<Operation> {
    client.subscribe(cx, list, properties)
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_unsubscribe(
    client: &mut Client<'static>,
    cx: &mut Context,
    list: &[Subscription],
    properties: Properties,
) -> Result<Operation> {
    client.unsubscribe(cx, list, properties)
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_acknowledge(
    client: &mut Client<'static>,
    cx: &mut Context,
    token: Token,
    reason: Reason,
) -> Result<()> {
    client.acknowledge(cx, token, reason)
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_authenticate(
    client: &mut Client<'static>,
    cx: &mut Context,
    reason: Reason,
    data: &[u8],
) -> Result<()> {
    client.authenticate(cx, reason, data)
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_receive<'d>(
    client: &mut Client<'static>,
    cx: &mut Context,
    brought: StreamEvent<'d>,
    out: &mut Option<Event<'d>>,
) -> usize {
    client.receive(cx, brought, out)
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_poll(
    client: &mut Client<'static>,
    cx: &mut Context,
) -> Option<Event<'static>> {
    client.poll(cx)
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_next_deadline(client: &Client<'static>) -> u64 {
    client.next_deadline().0
}

#[unsafe(no_mangle)]
pub extern "C" fn check_mqtt_handler(client: &Client<'static>, number: usize) -> Option<u32> {
    client.handler(number)
}
