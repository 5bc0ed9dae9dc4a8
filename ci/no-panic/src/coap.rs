// SPDX-License-Identifier: MIT OR Apache-2.0
//! CoAP besides its engine: the codec for itself, URIs, and writing links.

use crate::{block, bytes};
use mote::address::SocketAddress;
use mote::bytes::Writer;
use mote::coap::link::{Emitter, Filter, Links, Window};
use mote::coap::uri::{Uri, compose};
use mote::coap::wire::{Code, Encoder, Message, Type};
use mote::status::{Error, Result};

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
