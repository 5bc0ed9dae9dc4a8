// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CoAP engine alone: client, server, observe, block-wise, links, de-duplication. No URIs as
//! text, no problem details, and nothing of the C layer. With the feature `coap_client` alone the smallest client.

use crate::{block, bytes};
use core::mem::MaybeUninit;
#[cfg(feature = "coap_engine")]
use mote::coap::link::{Filter, Link, Links};
use mote::coap::{Config, Endpoint, Event, Request, Resource, Response};
use mote::status::Error;
#[cfg(feature = "coap_engine")]
use mote::status::Result;
use mote::table::Handle;
use mote::transport::{DatagramContext, DatagramEvent, Path};

/// Whether there is more than a client.
const ALL: bool = cfg!(feature = "coap_engine");

/// # Safety
/// `memory` is for `endpoint` alone, and `config` is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_coap_new(
    memory: *mut u8,
    size: usize,
    config: &Config,
    endpoint: &mut MaybeUninit<Endpoint<'static>>,
) -> i32 {
    // SAFETY: as the caller promises.
    match Endpoint::new(unsafe { block(memory, size) }, config) {
        Ok(made) => {
            endpoint.write(made);
            0
        }
        Err(error) => error.code(),
    }
}

/// How much memory it takes.
#[unsafe(no_mangle)]
pub extern "C" fn check_coap_plan(config: &Config) -> usize {
    Endpoint::plan(config).bytes()
}

/// Takes in what a transport brings.
#[unsafe(no_mangle)]
pub extern "C" fn check_coap_receive<'d>(
    endpoint: &mut Endpoint<'static>,
    cx: &mut DatagramContext<'_>,
    event: &DatagramEvent<'d>,
    out: &mut MaybeUninit<Option<Event<'d>>>,
) {
    out.write(endpoint.receive(cx, *event));
}

/// # Safety
/// The range is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_coap_poll<'d>(
    endpoint: &mut Endpoint<'static>,
    cx: &mut DatagramContext<'_>,
    scratch: *mut u8,
    room: usize,
    out: &mut MaybeUninit<Option<Event<'d>>>,
) -> u64 {
    // SAFETY: as the caller promises.
    let scratch = unsafe { block(scratch, room) };
    out.write(endpoint.poll(cx, scratch));
    endpoint.next_deadline().0
}

/// # Safety
/// The range is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_coap_command(
    endpoint: &mut Endpoint<'static>,
    cx: &mut DatagramContext<'_>,
    request: &Request<'_>,
    response: &Response<'_>,
    resource: &Resource<'static>,
    path: &Path,
    data: *const u8,
    length: usize,
    kind: u32,
    raw: u32,
) -> i32 {
    // SAFETY: as the caller promises.
    let data = unsafe { bytes(data, length) };
    let Some(handle) = Handle::from_raw(raw) else { return Error::Stale.code() };
    let done = match kind {
        0 => endpoint.request(cx, request).map(|_| ()),
        1 => endpoint.ping(cx, path).map(|_| ()),
        2 => endpoint.supply(cx, handle, data, false),
        3 => endpoint.supply(cx, handle, data, true),
        4 => endpoint.cancel(cx, handle),
        5 if ALL => endpoint.add_resource(*resource).map(|_| ()),
        6 if ALL => endpoint.remove_resource(cx, handle),
        7 if ALL => endpoint.notify(handle),
        8 if ALL => endpoint.respond(cx, handle, response),
        9 if ALL => {
            endpoint.handler_returned(cx, handle);
            Ok(())
        }
        10 if ALL => endpoint.body(handle).map(|_| ()).ok_or(Error::Stale),
        _ => Err(Error::Unsupported),
    };
    done.map_or_else(Error::code, |()| 0)
}

/// Gives a client the links of a document that it asked for.
///
/// # Safety
/// All ranges are valid.
#[cfg(feature = "coap_engine")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_coap_read_links(
    from: *const u8,
    length: usize,
    query: *const u8,
    query_length: usize,
    seen: extern "C" fn(&Link<'_>),
) -> i32 {
    // SAFETY: as the caller promises.
    let (from, query) = unsafe { (bytes(from, length), bytes(query, query_length)) };
    fn run(from: &[u8], query: &[u8], seen: extern "C" fn(&Link<'_>)) -> Result<()> {
        let filter = Filter::parse(query)?;
        for link in Links::new(from) {
            let link = link?;
            if filter.matches(&link) {
                seen(&link);
            }
        }
        Ok(())
    }
    run(from, query, seen).map_or_else(Error::code, |()| 0)
}
