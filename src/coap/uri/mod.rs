// SPDX-License-Identifier: MIT OR Apache-2.0
//! CoAP URIs: taken apart into options and put together from them, as RFC 7252 §6 says, with the
//! schemes of RFC 8323 §8 besides.
#![forbid(unsafe_code)]

mod characters;
mod compose;
mod segments;

pub use characters::Encoded;
pub(crate) use characters::decimal;
pub(super) use characters::{PATH, SEGMENT, encode};
pub use compose::{compose, put_path};

use super::wire::{number, uint_bytes};
use crate::address::{Ip, SocketAddress};
use crate::bytes::Writer;
use crate::status::{Error, Result};
use segments::{Arguments, Segments};

/// What a URI begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scheme {
    /// `coap`: UDP.
    Coap = 0,
    /// `coaps`: DTLS over UDP.
    Coaps = 1,
    /// `coap+tcp`.
    CoapTcp = 2,
    /// `coaps+tcp`: TLS.
    CoapsTcp = 3,
    /// `coap+ws`: WebSocket.
    CoapWs = 4,
    /// `coaps+ws`: WebSocket over TLS.
    CoapsWs = 5,
}

/// All of them, by their numbers.
pub(crate) const SCHEMES: [Scheme; 6] =
    [Scheme::Coap, Scheme::Coaps, Scheme::CoapTcp, Scheme::CoapsTcp, Scheme::CoapWs, Scheme::CoapsWs];

impl Scheme {
    /// The scheme as it is written, without the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Coap => "coap",
            Scheme::Coaps => "coaps",
            Scheme::CoapTcp => "coap+tcp",
            Scheme::CoapsTcp => "coaps+tcp",
            Scheme::CoapWs => "coap+ws",
            Scheme::CoapsWs => "coaps+ws",
        }
    }

    /// The port when the URI names none (RFC 7252 §6.1, §6.2, RFC 8323 §8).
    pub const fn default_port(self) -> u16 {
        match self {
            Scheme::Coap | Scheme::CoapTcp => 5683,
            Scheme::Coaps | Scheme::CoapsTcp => 5684,
            Scheme::CoapWs => 80,
            Scheme::CoapsWs => 443,
        }
    }

    /// Whether it calls for a protected transport.
    pub const fn is_secure(self) -> bool {
        matches!(self, Scheme::Coaps | Scheme::CoapsTcp | Scheme::CoapsWs)
    }

    /// The scheme with that name, in whatever case.
    pub fn from_name(name: &[u8]) -> Option<Scheme> {
        SCHEMES.into_iter().find(|scheme| scheme.name().as_bytes().eq_ignore_ascii_case(name))
    }
}

/// The host of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// An IP literal or IPv4 address.
    Address {
        /// The address.
        ip: Ip,
        /// The interface that a link-local address belongs to (RFC 6874), as it is written
        /// after `%25`; empty if none is named.
        zone: &'a str,
    },
    /// A name to be resolved.
    Name(Encoded<'a>),
}

/// A checked URI: everything that it borrows has been validated, nothing is decoded yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// The scheme.
    pub scheme: Scheme,
    /// The host.
    pub host: Host<'a>,
    /// The port that the URI names, or the scheme's.
    pub port: u16,
    authority: &'a [u8],
    path: &'a [u8],
    query: Option<&'a [u8]>,
}

impl<'a> Uri<'a> {
    /// Takes an absolute URI apart (RFC 7252 §6.4, steps 1 to 4 and 6).
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is no absolute URI of these schemes (characters that a URI
    /// may not hold, a `%` without two hexadecimal digits, an empty host, user information, a
    /// fragment, a port beyond 65,535); [`Error::Unsupported`] for another scheme or a future
    /// kind of IP literal; [`Error::TooLarge`] when host, path segment or query argument are
    /// longer than their options may be (§5.10.1), 255 bytes each.
    pub fn parse(text: &'a str) -> Result<Uri<'a>> {
        let (scheme, rest) = characters::split_at(text.as_bytes(), b':');
        let rest = rest.ok_or(Error::Malformed)?;
        if !is_scheme(scheme) {
            return Err(Error::Malformed);
        }
        let scheme = Scheme::from_name(scheme).ok_or(Error::Unsupported)?;
        let rest = rest.strip_prefix(b"//").ok_or(Error::Malformed)?;
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end).ok_or(Error::Malformed)?;
        let (path, query) = characters::split_at(rest, b'?');
        // A fragment is not allowed, and `#` is none of these characters.
        characters::check(path, PATH)?;
        characters::check(query.unwrap_or_default(), characters::QUERY)?;
        let (name, port) = split_port(authority)?;
        let host = parse_host(name)?;
        let port = match port {
            Some(digits) => {
                let port = decimal(digits).filter(|port| *port <= u16::MAX.into());
                port.ok_or(Error::Malformed)? as u16
            }
            None => scheme.default_port(),
        };
        let uri = Uri { scheme, host, port, authority: name, path, query };
        uri.check_lengths()?;
        Ok(uri)
    }

    fn check_lengths(&self) -> Result<()> {
        // A port other than the destination's makes no difference to the lengths.
        let all = self.options(None);
        let fits = |part: Part<'_>| part.len() <= 255;
        if all.into_iter().all(fits) { Ok(()) } else { Err(Error::TooLarge) }
    }

    /// The options that the URI stands for, in the order of their numbers: Uri-Host, Uri-Port,
    /// Uri-Path and Uri-Query (RFC 7252 §6.4, steps 5 to 9). Dot segments are resolved (step 2).
    ///
    /// `destination` is where the request goes: a host or port that says the same is left out.
    /// Without one the request goes to what the URI says, so that a name leads to Uri-Host, and
    /// an address and a port to nothing.
    pub fn options(&self, destination: Option<&SocketAddress>) -> Parts<'a> {
        let host = match self.host {
            Host::Name(name) => Some(name),
            Host::Address { ip, .. } if destination.is_some_and(|destination| destination.ip != ip) => {
                Some(Encoded::lower(self.authority))
            }
            Host::Address { .. } => None,
        };
        let port = destination.filter(|destination| destination.port != self.port).map(|_| self.port);
        Parts { host, port, path: Segments::new(self.path), query: Arguments::new(self.query) }
    }

    /// The host as it is written, without the brackets and zone of an IPv6 literal.
    pub fn host_text(&self) -> &'a [u8] {
        match self.authority.strip_prefix(b"[") {
            Some(literal) => characters::split_at(characters::split_at(literal, b']').0, b'%').0,
            None => self.authority,
        }
    }

    /// The path segments, as in [`options`](Uri::options).
    pub fn segments(&self) -> impl Iterator<Item = Encoded<'a>> + Clone + use<'a> {
        Segments::new(self.path)
    }
}

/// One option of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The option number.
    pub number: u16,
    /// Of Uri-Port.
    port: u16,
    /// Of all others.
    text: Encoded<'a>,
}

impl Part<'_> {
    /// How many bytes the option's value has.
    pub fn len(&self) -> usize {
        match self.number {
            number::URI_PORT => uint_bytes(self.port.into(), &mut [0; 4]).len(),
            _ => self.text.len(),
        }
    }

    /// Whether the value has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the option's value, percent-encodings resolved.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room; 255 bytes always suffice.
    pub fn decode(&self, out: &mut Writer<'_>) -> Result<()> {
        match self.number {
            number::URI_PORT => out.put(uint_bytes(self.port.into(), &mut [0; 4])),
            _ => self.text.decode(out),
        }
    }
}

/// The options of a URI, in the order of their numbers.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    host: Option<Encoded<'a>>,
    port: Option<u16>,
    path: Segments<'a>,
    query: Arguments<'a>,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let mut part = Part { number: number::URI_HOST, port: 0, text: Encoded::new(&[]) };
        if let Some(host) = self.host.take() {
            part.text = host;
        } else if let Some(port) = self.port.take() {
            (part.number, part.port) = (number::URI_PORT, port);
        } else if let Some(segment) = self.path.next() {
            (part.number, part.text) = (number::URI_PATH, segment);
        } else {
            (part.number, part.text) = (number::URI_QUERY, self.query.next()?);
        }
        Some(part)
    }
}

/// `ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )` (RFC 3986 §3.1).
fn is_scheme(name: &[u8]) -> bool {
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Host and port of an authority; an empty port is none (RFC 3986 §3.2.3).
fn split_port(authority: &[u8]) -> Result<(&[u8], Option<&[u8]>)> {
    let name_end = match authority.first() {
        Some(b'[') => authority.iter().position(|byte| *byte == b']').ok_or(Error::Malformed)? + 1,
        _ => authority.iter().position(|byte| *byte == b':').unwrap_or(authority.len()),
    };
    let (name, port) = authority.split_at_checked(name_end).ok_or(Error::Malformed)?;
    match port {
        [] | [b':'] => Ok((name, None)),
        [b':', digits @ ..] => Ok((name, Some(digits))),
        _ => Err(Error::Malformed),
    }
}

fn parse_host(name: &[u8]) -> Result<Host<'_>> {
    if let Some(inside) = name.strip_prefix(b"[") {
        let literal = inside.strip_suffix(b"]").ok_or(Error::Malformed)?;
        if literal.first().is_some_and(|byte| byte.eq_ignore_ascii_case(&b'v')) {
            return Err(Error::Unsupported);
        }
        let (address, zone) = characters::split_at(literal, b'%');
        // "%25" by the letter of RFC 6874, a bare "%" by the habit of users.
        let zone = zone.map(|zone| zone.strip_prefix(b"25").unwrap_or(zone));
        if zone
            .is_some_and(|zone| zone.is_empty() || !zone.iter().all(|byte| characters::is_unreserved(*byte)))
        {
            return Err(Error::Malformed);
        }
        // Brackets hold IPv6 alone.
        let ip = Ip::parse_bytes(address).ok().filter(|_| characters::split_at(address, b':').1.is_some());
        let zone = crate::text::parse(zone.unwrap_or_default());
        let (Some(ip), Some(zone)) = (ip, zone) else { return Err(Error::Malformed) };
        return Ok(Host::Address { ip, zone });
    }
    characters::check(name, characters::HOST)?;
    if name.is_empty() {
        return Err(Error::Malformed);
    }
    match Ip::parse_bytes(name) {
        Ok(ip) => Ok(Host::Address { ip, zone: "" }),
        Err(_) => Ok(Host::Name(Encoded::lower(name))),
    }
}

#[cfg(test)]
mod tests;
