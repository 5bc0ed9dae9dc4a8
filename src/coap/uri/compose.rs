// SPDX-License-Identifier: MIT OR Apache-2.0
//! Putting a URI together from a request's options (RFC 7252 §6.5).
#![forbid(unsafe_code)]

use super::characters::{ARGUMENT, FOREIGN, HOST, PERCENT, SEGMENT, check, encode};
use super::{Scheme, parse_host};
use crate::address::{SocketAddress, put_decimal};
use crate::bytes::Writer;
use crate::coap::wire::{number, uint};
use crate::status::{Error, Result};

/// Writes the URI of a request that went to `destination` with these options.
///
/// The options come in the order of their numbers, as a message holds them; those that say
/// nothing of the URI are passed over, so that a message's own iterator will do. The scope of a
/// link-local destination is not part of the URI.
///
/// # Errors
/// [`Error::Malformed`] when Uri-Host is no host name and no address or Uri-Port no port;
/// [`Error::Invalid`] when the options are out of order or Uri-Host or Uri-Port repeated;
/// [`Error::TooLarge`] when `out` has no room. What has been written by then stays.
pub fn compose(
    scheme: Scheme,
    destination: &SocketAddress,
    options: &mut dyn Iterator<Item = (u16, &[u8])>,
    out: &mut Writer<'_>,
) -> Result<()> {
    out.put(scheme.name().as_bytes())?;
    out.put(b"://")?;
    let (mut number, mut value) = next(options);
    if number == number::URI_HOST {
        put_host(value, out)?;
        (number, value) = next(options);
    } else {
        destination.ip.emit_host(0, out)?;
    }

    let mut port = destination.port.into();
    if number == number::URI_PORT {
        port = uint(value).filter(|port| *port <= u16::MAX.into()).ok_or(Error::Malformed)?;
        (number, value) = next(options);
    }
    if port != scheme.default_port().into() {
        out.u8(b':')?;
        put_decimal(port, out)?;
    }

    if number != number::URI_PATH {
        out.u8(b'/')?;
    }
    while number == number::URI_PATH {
        put_path(value, out)?;
        (number, value) = next(options);
    }

    let mut separator = b'?';
    while number == number::URI_QUERY {
        out.u8(separator)?;
        separator = b'&';
        encode(value, ARGUMENT, out)?;
        (number, value) = next(options);
    }
    // Whatever is left stands where it may not.
    if number == NONE { Ok(()) } else { Err(Error::Invalid) }
}

/// The number of no option.
const NONE: u16 = 0;

/// The next option that says something of the URI, or [`NONE`].
#[inline(never)] // It is called from everywhere above.
fn next<'v>(options: &mut dyn Iterator<Item = (u16, &'v [u8])>) -> (u16, &'v [u8]) {
    loop {
        match options.next() {
            None => return (NONE, &[]),
            Some(option) => {
                if matches!(
                    option.0,
                    number::URI_HOST | number::URI_PORT | number::URI_PATH | number::URI_QUERY
                ) {
                    return option;
                }
            }
        }
    }
}

/// Writes a slash and one path segment, percent-encoded where needed (step 6).
///
/// # Errors
/// [`Error::TooLarge`] when `out` has no room.
pub fn put_path(segment: &[u8], out: &mut Writer<'_>) -> Result<()> {
    out.u8(b'/')?;
    encode(segment, SEGMENT, out)
}

/// Step 2: non-ASCII bytes are percent-encoded; the rest must make a valid host as it is.
fn put_host(host: &[u8], out: &mut Writer<'_>) -> Result<()> {
    if host.first() == Some(&b'[') {
        parse_host(host)?;
        return out.put(host);
    }
    if host.is_empty() {
        return Err(Error::Malformed);
    }
    check(host, HOST | FOREIGN)?;
    encode(host, HOST | PERCENT, out)
}
