// SPDX-License-Identifier: MIT OR Apache-2.0
//! URIs of CoAP.

use super::codes;
use super::options::{Given, mote_coap_option, mote_coap_options, option};
use crate::address::SocketAddress;
use crate::bytes::Writer;
use crate::coap::uri::{Host, SCHEMES, Uri, compose, decimal};
use crate::coap::wire::{Options, uint_bytes};
use crate::ffi::arguments::{self, block, lend, outcome, output, slice};
use crate::port::{mote_address, mote_bytes, mote_status};
use crate::status::{Error, Result};

/// Scheme `coap`: UDP.
pub const MOTE_COAP_SCHEME_COAP: u32 = 0;
/// Scheme `coaps`: DTLS.
pub const MOTE_COAP_SCHEME_COAPS: u32 = 1;
/// Scheme `coap+tcp`.
pub const MOTE_COAP_SCHEME_COAP_TCP: u32 = 2;
/// Scheme `coaps+tcp`.
pub const MOTE_COAP_SCHEME_COAPS_TCP: u32 = 3;
/// Scheme `coap+ws`.
pub const MOTE_COAP_SCHEME_COAP_WS: u32 = 4;
/// Scheme `coaps+ws`.
pub const MOTE_COAP_SCHEME_COAPS_WS: u32 = 5;

/// What a URI says of where it leads.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_coap_uri {
    /// One of `MOTE_COAP_SCHEME_…`.
    pub scheme: u32,
    /// 1 when the host is an address literal, 0 when it is a name to be looked up.
    pub is_address: u16,
    /// The port: the URI's, or the scheme's.
    pub port: u16,
    /// The address with its port, when the host is a literal; else all zero but the port. The
    /// scope is set when the zone is a number.
    pub address: mote_address,
    /// The host as it is written; the address without brackets and zone if it is an IPv6 literal.
    pub host: mote_bytes,
    /// The zone of a link-local address (RFC 6874), the name of an interface as a rule; may be empty.
    pub zone: mote_bytes,
}

/// Checks a URI and says where it leads (RFC 7252 §6.4, steps 1 to 6).
///
/// `text` is lent; the results point into it. `uri` is written only on success.
/// `MOTE_ERR_MALFORMED` when it is no absolute URI, has a fragment or user information;
/// `MOTE_ERR_UNSUPPORTED` for another scheme; `MOTE_ERR_TOO_LARGE` when a part is longer than
/// its option may be; `MOTE_ERR_INVALID` for NULL. Any thread.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_uri_parse(text: mote_bytes, uri: *mut mote_coap_uri) -> mote_status {
    let parse = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (text, out) = unsafe { (arguments::text(text)?, output(uri)?) };
        let uri = Uri::parse(text)?;
        // SAFETY: integers, pointers and lengths, for which zeros are valid.
        let shown = out.write(unsafe { core::mem::zeroed() });
        (shown.scheme, shown.port, shown.address.port) = (uri.scheme as u32, uri.port, uri.port);
        match &uri.host {
            Host::Address { ip, zone } => {
                shown.is_address = 1;
                (shown.address.ip, shown.address.scope) = (ip.0, decimal(zone.as_bytes()).unwrap_or(0));
                (shown.host, shown.zone) = (lend(uri.host_text()), lend(zone.as_bytes()));
            }
            Host::Name(name) => shown.host = lend(name.raw()),
        }
        Ok(())
    };
    outcome(parse())
}

/// Takes a URI apart into options (RFC 7252 §6.4, steps 5 to 9), percent-encodings resolved.
///
/// `destination` is where the request goes, NULL for where the URI says. The values are written
/// to `buffer` of `buffer_size` bytes, as many as `text` always suffice, and stay there; the
/// options, at most `capacity`, to `options`, and their number to `count`.
///
/// The statuses of `mote_coap_uri_parse`; `MOTE_ERR_TOO_LARGE` also when there is too little
/// room. Any thread.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_uri_options(
    text: mote_bytes,
    destination: *const mote_address,
    buffer: *mut u8,
    buffer_size: usize,
    options: *mut mote_coap_option,
    capacity: usize,
    count: *mut usize,
) -> mote_status {
    let take_apart = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (text, mut room, count) =
            unsafe { (arguments::text(text)?, block(buffer, buffer_size)?, output(count)?) };
        if options.is_null() {
            return Err(Error::Invalid);
        }
        // SAFETY: as above.
        let destination = unsafe { destination.as_ref() }.map(|address| SocketAddress::from(*address));
        let mut written = 0;
        for part in Uri::parse(text)?.options(destination.as_ref()) {
            if written >= capacity {
                return Err(Error::TooLarge);
            }
            let (value, rest) = room.split_at_mut_checked(part.len()).ok_or(Error::TooLarge)?;
            part.decode(&mut Writer::new(value))?;
            // SAFETY: `options` has room for `capacity`.
            unsafe { options.add(written).write(option(part.number, value)) };
            written += 1;
            room = rest;
        }
        count.write(written);
        Ok(())
    };
    outcome(take_apart())
}

/// Puts a URI together from options (RFC 7252 §6.5). Those that say nothing of it are passed over.
///
/// `uri_scheme` is one of `MOTE_COAP_SCHEME_…`, `destination` where the request went or goes. The
/// options are `given`, in the order of their numbers, `count` of them, or if `given` is NULL those of
/// the message in `message`. The URI is written, without a NUL, to `text` of `capacity` bytes, and its
/// length to `len`.
///
/// `MOTE_ERR_INVALID` for NULL, an unknown scheme, options out of order; `MOTE_ERR_MALFORMED`
/// when Uri-Host is no host; `MOTE_ERR_TOO_LARGE` when there is too little room. Any thread.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_uri_compose(
    uri_scheme: u32,
    destination: *const mote_address,
    given: *const mote_coap_option,
    count: usize,
    message: *const mote_coap_options,
    text: *mut u8,
    capacity: usize,
    len: *mut usize,
) -> mote_status {
    let put_together = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (destination, room, len) =
            unsafe { (destination.as_ref().ok_or(Error::Invalid)?, block(text, capacity)?, output(len)?) };
        let destination = SocketAddress::from(*destination);
        let mut out = Writer::new(room);
        let scheme = *SCHEMES.get(uri_scheme as usize).ok_or(Error::Invalid)?;
        if given.is_null() {
            // SAFETY: as above.
            let mut view = match unsafe { message.as_ref() } {
                // SAFETY: as above.
                Some(message) => unsafe { message.view() }?,
                None => Options::NONE,
            };
            compose(scheme, &destination, &mut view, &mut out)?;
        } else {
            // SAFETY: as above.
            let given = unsafe { Given::new(&Options::NONE, given, count) }?;
            // The port is the one value here that is a number, and may be given as one.
            let (mut bytes, mut wrong) = ([0; 4], false);
            let port = given.options.iter().find(|option| option.number == codes::MOTE_COAP_URI_PORT);
            let port = uint_bytes(port.map_or(0, |option| option.integer), &mut bytes);
            let mut view = given.options.iter().map(|option| {
                let is_port = option.number == codes::MOTE_COAP_URI_PORT && option.is_number();
                // SAFETY: as above.
                let value = if is_port { Ok(port) } else { unsafe { slice(option.value) } };
                wrong |= value.is_err();
                (option.number, value.unwrap_or_default())
            });
            compose(scheme, &destination, &mut view, &mut out)?;
            if wrong {
                return Err(Error::Invalid);
            }
        }
        len.write(out.position());
        Ok(())
    };
    outcome(put_together())
}
