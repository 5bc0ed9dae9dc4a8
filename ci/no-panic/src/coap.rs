// SPDX-License-Identifier: MIT OR Apache-2.0
//! CoAP: messages, URIs, links, and the endpoint.

use crate::{World, block, bytes};
use mote::address::SocketAddress;
use mote::bytes::Writer;
use mote::coap::link::{Emitter, Filter, Links, Window};
use mote::coap::uri::{Uri, compose};
use mote::coap::wire::{Code, Encoder, Message, Type};
use mote::coap::{Config, Endpoint, Event, OptionList, Request, Resource, Response};
use mote::random::Random;
use mote::status::{Error, Result};
use mote::table::Handle;
use mote::time::Instant;
use mote::transport::{DatagramContext, DatagramEvent, Path};

/// # Safety
/// Both ranges are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_coap_message(from: *const u8, length: usize, to: *mut u8, room: usize) -> i32 {
    // SAFETY: as the caller promises.
    let (from, to) = unsafe { (bytes(from, length), block(to, room)) };
    fn run(from: &[u8], to: &mut [u8]) -> Result<usize> {
        let message = Message::parse(from)?;
        let wanted = message.encoded_len();
        let other = message.uint(14).unwrap_or(0) as u16;
        let block = message.block(23).ok_or(Error::Malformed)?;
        if message.emit(to)?.len() != wanted {
            return Err(Error::Io);
        }
        let mut encoder = Encoder::new(to, Type::Con, Code(1), other, message.token)?;
        for (number, value) in message.options {
            encoder.option(number ^ other, value)?;
        }
        encoder.uint(other, block.num)?;
        encoder.payload(message.payload)?;
        Ok(encoder.finish().len())
    }
    run(from, to).map_or_else(Error::code, |count| count as i32)
}

/// # Safety
/// Both ranges and the address are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_coap_uri(
    from: *const u8,
    length: usize,
    to: *mut u8,
    room: usize,
    address: &SocketAddress,
) -> i32 {
    // SAFETY: as the caller promises.
    let (from, to) = unsafe { (bytes(from, length), block(to, room)) };
    fn run(from: &[u8], to: &mut [u8], address: &SocketAddress) -> Result<usize> {
        let text = core::str::from_utf8(from).map_err(|_| Error::Malformed)?;
        let uri = Uri::parse(text)?;
        let mut out = Writer::new(to);
        for part in uri.options(Some(address)) {
            part.decode(&mut out)?;
        }
        let message = Message::parse(from)?;
        let mut options = message.options;
        compose(uri.scheme, address, &mut options, &mut out)?;
        Ok(out.finish().len())
    }
    run(from, to, address).map_or_else(Error::code, |count| count as i32)
}

/// # Safety
/// All ranges are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_coap_links(
    from: *const u8,
    length: usize,
    query: *const u8,
    query_length: usize,
    to: *mut u8,
    room: usize,
) -> i32 {
    // SAFETY: as the caller promises.
    let (from, query, to) = unsafe { (bytes(from, length), bytes(query, query_length), block(to, room)) };
    fn run(from: &[u8], query: &[u8], to: &mut [u8]) -> Result<usize> {
        let filter = Filter::parse(query)?;
        let mut window = Window::new(query.len(), to);
        let mut emitter = Emitter::new(&mut window);
        for link in Links::new(from) {
            let link = link?;
            if filter.matches(&link) {
                emitter.link(link.target)?;
                for attribute in link.attributes() {
                    emitter.attribute(&attribute)?;
                    if let Some(value) = attribute.value {
                        emitter.number(query, value.number()?)?;
                        emitter.text(attribute.name, value.raw)?;
                    }
                }
            }
        }
        Ok(window.kept())
    }
    run(from, query, to).map_or_else(Error::code, |count| count as i32)
}

/// An endpoint with its scratch memory.
pub struct Device {
    endpoint: Endpoint<'static>,
    scratch: [u8; 1152],
}

/// # Safety
/// `memory` is for `device` alone, and `config` is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_coap_new(
    memory: *mut u8,
    size: usize,
    config: &Config,
    device: &mut core::mem::MaybeUninit<Device>,
) -> i32 {
    if Endpoint::plan(config).bytes() > size {
        return -1;
    }
    // SAFETY: as the caller promises.
    match Endpoint::new(unsafe { block(memory, size) }, config) {
        Ok(endpoint) => {
            device.write(Device { endpoint, scratch: [0; 1152] });
            0
        }
        Err(error) => error.code(),
    }
}

fn seen(event: Option<Event<'_>>) -> i32 {
    match event {
        Some(Event::Response { request, message, part, last, .. }) => {
            (request.raw() ^ part.offset) as i32 + message.payload.len() as i32 + i32::from(last)
        }
        Some(Event::Ended { request, result }) => {
            request.raw() as i32 + result.map_or_else(Error::code, |()| 0)
        }
        Some(Event::NeedBlock { request, offset, length }) => {
            (request.raw() ^ offset) as i32 + i32::from(length)
        }
        Some(Event::Request(incoming)) => (incoming.exchange.raw() ^ incoming.offset) as i32,
        None => 0,
    }
}

/// # Safety
/// The range is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_coap_receive(
    device: &mut Device,
    world: &mut World,
    now: u64,
    path: &Path,
    data: *const u8,
    length: usize,
    kind: u32,
) -> i32 {
    let mut random = Number(world.number);
    let mut cx = DatagramContext { now: Instant(now), transport: world, random: &mut random };
    let path = *path;
    let event = match kind {
        // SAFETY: as the caller promises.
        0 => DatagramEvent::Received { path, data: unsafe { bytes(data, length) } },
        1 => DatagramEvent::Writable,
        2 => DatagramEvent::Failed { path, error: Error::Unreachable },
        _ => DatagramEvent::Closed,
    };
    seen(device.endpoint.receive(&mut cx, event))
}

/// Polls.
#[unsafe(no_mangle)]
pub extern "C" fn check_coap_poll(device: &mut Device, world: &mut World, now: u64) -> i32 {
    let mut random = Number(world.number);
    let mut cx = DatagramContext { now: Instant(now), transport: world, random: &mut random };
    let event = seen(device.endpoint.poll(&mut cx, &mut device.scratch));
    event ^ device.endpoint.next_deadline().0 as i32
}

struct Added<'a>(&'a [u8]);

impl OptionList for Added<'_> {
    fn put(&self, out: &mut Encoder<'_>) -> Result<()> {
        out.option(11, self.0)
    }
}

/// # Safety
/// The range is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_coap_command(
    device: &mut Device,
    world: &mut World,
    now: u64,
    request: &Request<'_>,
    data: *const u8,
    length: usize,
    kind: u32,
    raw: u32,
) -> i32 {
    let mut random = Number(world.number);
    let mut cx = DatagramContext { now: Instant(now), transport: world, random: &mut random };
    // SAFETY: as the caller promises.
    let data = unsafe { bytes(data, length) };
    let endpoint = &mut device.endpoint;
    let options = Added(data);
    let Some(handle) = Handle::from_raw(raw) else {
        let request = Request { options: &options, payload: data, ..*request };
        return endpoint.request(&mut cx, &request).map_or_else(Error::code, |handle| handle.raw() as i32);
    };
    let done = match kind {
        0 => endpoint.ping(&mut cx, &request.path).map(|_| ()),
        1 => endpoint.supply(&mut cx, handle, data, request.more),
        2 => endpoint.cancel(&mut cx, handle),
        3 => endpoint.remove_resource(&mut cx, handle),
        4 => endpoint.notify(handle),
        5 => {
            endpoint.handler_returned(&mut cx, handle);
            Ok(())
        }
        6 => endpoint.body(handle).map(|_| ()).ok_or(Error::Stale),
        7 => core::str::from_utf8(data).map_err(|_| Error::Malformed).and_then(|path| {
            // SAFETY: only the type of a program that never runs.
            let path: &'static str = unsafe { core::mem::transmute(path) };
            endpoint.add_resource(Resource { path, attributes: path, ..Resource::default() }).map(|_| ())
        }),
        _ => {
            let response = Response {
                options: &options,
                payload: data,
                offset: request.offset,
                more: request.more,
                ..Response::new(request.method)
            };
            endpoint.respond(&mut cx, handle, &response)
        }
    };
    done.map_or_else(Error::code, |()| 0)
}

struct Number(extern "C" fn() -> u32);

impl Random for Number {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            *byte = (self.0)() as u8;
        }
    }
}
