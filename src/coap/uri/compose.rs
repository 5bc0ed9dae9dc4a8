// SPDX-License-Identifier: MIT OR Apache-2.0
//! Putting a URI together from a request's options (RFC 7252 §6.5).
#![forbid(unsafe_code)]

use super::characters::{check, encode, encode_byte};
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
    let mut options = options.filter(|(found, _)| {
        matches!(*found, number::URI_HOST | number::URI_PORT | number::URI_PATH | number::URI_QUERY)
    });
    let mut next = options.next();

    if let Some((number::URI_HOST, host)) = next {
        put_host(host, out)?;
        next = options.next();
    } else if destination.ip.to_v4().is_some() {
        destination.ip.emit(out)?;
    } else {
        out.u8(b'[')?;
        destination.ip.emit(out)?;
        out.u8(b']')?;
    }

    let mut port = destination.port;
    if let Some((number::URI_PORT, value)) = next {
        port = uint(value).and_then(|port| u16::try_from(port).ok()).ok_or(Error::Malformed)?;
        next = options.next();
    }
    if port != scheme.default_port() {
        out.u8(b':')?;
        put_decimal(u32::from(port), out)?;
    }

    let mut any = false;
    while let Some((number::URI_PATH, segment)) = next {
        any = true;
        put_path(segment, out)?;
        next = options.next();
    }
    if !any {
        out.u8(b'/')?;
    }

    let mut separator = b'?';
    while let Some((number::URI_QUERY, argument)) = next {
        out.u8(separator)?;
        separator = b'&';
        encode(argument, b":@/?", b"&", out)?;
        next = options.next();
    }
    // Whatever is left stands where it may not.
    if next.is_some() { Err(Error::Invalid) } else { Ok(()) }
}

/// Writes a slash and one path segment, percent-encoded where needed (step 6).
///
/// # Errors
/// [`Error::TooLarge`] when `out` has no room.
pub fn put_path(segment: &[u8], out: &mut Writer<'_>) -> Result<()> {
    out.u8(b'/')?;
    encode(segment, b":@", b"", out)
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
    let mut rest = host;
    while let Some(first) = rest.first() {
        let end = rest.iter().position(|byte| byte.is_ascii() != first.is_ascii()).unwrap_or(rest.len());
        let (run, tail) = rest.split_at_checked(end).ok_or(Error::Malformed)?;
        rest = tail;
        if run.is_ascii() {
            check(run, b"")?;
            out.put(run)?;
        } else {
            run.iter().try_for_each(|byte| encode_byte(*byte, out))?;
        }
    }
    Ok(())
}
