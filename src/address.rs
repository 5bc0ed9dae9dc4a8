// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses: one 16-byte form for IPv6 and for IPv4 (as `::ffff:a.b.c.d`).
#![deny(unsafe_code)]

use crate::bytes::Writer;
use crate::status::{Error, Result};
use core::net::Ipv6Addr;

/// An IPv6 address, or an IPv4 address in its IPv4-mapped form (RFC 4291 §2.5.5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Ip(pub [u8; 16]);

impl Ip {
    /// The address that these bytes are, where they stand.
    #[allow(unsafe_code)]
    pub const fn of(bytes: &[u8; 16]) -> &Ip {
        // SAFETY: an `Ip` is nothing but such bytes, by `repr(transparent)`.
        unsafe { &*core::ptr::from_ref(bytes).cast::<Ip>() }
    }

    /// `::`, which stands for "any" or "not known".
    pub const UNSPECIFIED: Ip = Ip([0; 16]);
    /// `::1`.
    pub const LOOPBACK: Ip = Ip([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// The IPv4 address with these four bytes.
    pub const fn v4(bytes: [u8; 4]) -> Ip {
        let [a, b, c, d] = bytes;
        Ip([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d])
    }

    /// The IPv6 address with these eight groups.
    pub const fn v6(groups: [u16; 8]) -> Ip {
        Ip(Ipv6Addr::new(
            groups[0], groups[1], groups[2], groups[3], groups[4], groups[5], groups[6], groups[7],
        )
        .octets())
    }

    /// The four bytes of an IPv4 address.
    pub const fn to_v4(self) -> Option<[u8; 4]> {
        let whole = u128::from_be_bytes(self.0);
        if whole >> 32 == 0xffff { Some((whole as u32).to_be_bytes()) } else { None }
    }

    /// Whether this is `::`, or the IPv4 address 0.0.0.0.
    #[inline(never)]
    pub const fn is_unspecified(&self) -> bool {
        // Three numbers, that the address itself is not passed on.
        let [_, _, _, _, _, _, _, _, i, j, k, l, low @ ..] = self.0;
        let Some(high) = self.0.first_chunk::<8>() else { return false };
        let (high, middle) = (u64::from_be_bytes(*high), u32::from_be_bytes([i, j, k, l]));
        high == 0 && u32::from_be_bytes(low) == 0 && matches!(middle, 0 | 0xffff)
    }

    /// Whether this names a group: `ff00::/8`, or 224.0.0.0/4 in IPv4.
    #[inline(never)]
    pub const fn is_multicast(&self) -> bool {
        self.0[0] == 0xff || u128::from_be_bytes(self.0) >> 28 == 0xffffe
    }

    /// Whether this is in `fe80::/10`, so that a scope is needed to use it.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub const fn is_link_local(&self) -> bool {
        u16::from_be_bytes([self.0[0], self.0[1]]) & 0xffc0 == 0xfe80
    }

    /// Whether it names one node anywhere: neither a group, nor a node of the link, nor none.
    #[inline(never)]
    pub const fn is_routable(&self) -> bool {
        !self.is_multicast() && !self.is_link_local() && !self.is_unspecified()
    }

    /// Reads an IPv4 or IPv6 literal, without brackets or scope.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the text is neither.
    pub fn parse(text: &str) -> Result<Ip> {
        Ip::parse_bytes(text.as_bytes())
    }

    /// As [`Ip::parse`], from text that was not looked at yet.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is no literal.
    pub fn parse_bytes(text: &[u8]) -> Result<Ip> {
        // The core library's own parser can panic as far as a linker sees.
        let mut groups = Groups { bytes: [0; 16], length: 0 };
        parse_groups(text, &mut groups).ok_or(Error::Malformed)
    }

    /// Writes the literal: dotted for IPv4, otherwise as RFC 5952 recommends.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room; 45 bytes always suffice.
    pub fn emit(self, out: &mut Writer<'_>) -> Result<()> {
        if let Some(bytes) = self.to_v4() {
            return bytes.into_iter().enumerate().try_for_each(|(index, byte)| {
                if index > 0 {
                    out.u8(b'.')?;
                }
                put_decimal(byte.into(), out)
            });
        }
        // What `::` stands for: the first longest run of at least two zero groups. Runs are noted as
        // the group after their end and their length.
        let (mut end, mut longest, mut run) = (0, 1, 0);
        for (index, pair) in self.0.chunks_exact(2).enumerate() {
            run = if pair == [0, 0] { run + 1 } else { 0 };
            if run > longest {
                (end, longest) = (index + 1, run);
            }
        }
        for (index, pair) in self.0.chunks_exact(2).enumerate() {
            if index < end && index + longest >= end {
                if index + longest == end {
                    out.u8(b':')?;
                }
                if index == 7 {
                    out.u8(b':')?;
                }
                continue;
            }
            if index > 0 {
                out.u8(b':')?;
            }
            let group = pair.iter().fold(0, |group, byte| group << 8 | u32::from(*byte));
            put_number(group, 16, out)?;
        }
        Ok(())
    }

    /// Writes it as a URI has it: IPv6 in brackets, with the scope if that is not 0.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room.
    pub(crate) fn emit_host(self, scope: u32, out: &mut Writer<'_>) -> Result<()> {
        if self.to_v4().is_some() {
            return self.emit(out);
        }
        out.u8(b'[')?;
        self.emit(out)?;
        if scope != 0 {
            out.u8(b'%')?;
            put_decimal(scope, out)?;
        }
        out.u8(b']')
    }
}

/// The bytes of an address, as they are read.
struct Groups {
    bytes: [u8; 16],
    length: usize,
}

impl Groups {
    fn put(&mut self, byte: u8) -> Option<()> {
        *self.bytes.get_mut(self.length)? = byte;
        self.length += 1;
        Some(())
    }
}

/// Takes a number of at least one and at most `most` digits off the front of `text`.
fn take_number(text: &mut &[u8], radix: u8, most: usize) -> Option<u16> {
    let (mut digits, mut value) = (0, 0u16);
    while let Some((first, rest)) = text.split_first() {
        let digit = match first {
            b'0'..=b'9' => first - b'0',
            b'a'..=b'f' | b'A'..=b'F' => (first | 0x20) - b'a' + 10,
            _ => break,
        };
        if digit >= radix || digits == most {
            return None;
        }
        value = value.wrapping_mul(radix.into()).wrapping_add(digit.into());
        (*text, digits) = (rest, digits + 1);
    }
    if digits == 0 { None } else { Some(value) }
}

/// Four decimal numbers of at most three digits, without leading zeros.
fn parse_v4(text: &[u8], out: &mut Groups) -> Option<()> {
    let mut rest = text;
    for index in 0..4 {
        if index > 0 {
            rest = rest.strip_prefix(b".")?;
        }
        let zero = rest.first() == Some(&b'0');
        let value = take_number(&mut rest, 10, if zero { 1 } else { 3 })?;
        out.put(u8::try_from(value).ok()?)?;
    }
    rest.is_empty().then_some(())
}

/// Groups of one to four hexadecimal digits between colons, a run of them perhaps left out, the last
/// two perhaps as an IPv4 address (RFC 4291 §2.2); or nothing but an IPv4 address.
fn parse_groups(text: &[u8], out: &mut Groups) -> Option<Ip> {
    let mut rest = text;
    let mut gap = None;
    loop {
        if let Some(after) = rest.strip_prefix(b"::") {
            if gap.replace(out.length).is_some() {
                return None;
            }
            rest = after;
            if rest.is_empty() {
                break;
            }
        } else if out.length > 0 {
            rest = rest.strip_prefix(b":")?;
        }
        let start = rest;
        let group = take_number(&mut rest, 16, 4)?;
        if rest.first() == Some(&b'.') {
            if out.length == 0 && gap.is_none() {
                *out = Groups { bytes: Ip::v4([0; 4]).0, length: 12 };
            }
            parse_v4(start, out)?;
            break;
        }
        out.put((group >> 8) as u8)?;
        out.put(group as u8)?;
        if rest.is_empty() {
            break;
        }
    }
    let Some(gap) = gap else { return (out.length == 16).then_some(Ip(out.bytes)) };
    // The gap stands for at least one group.
    let missing = 16usize.checked_sub(out.length).filter(|missing| *missing >= 2)?;
    let mut bytes = [0; 16];
    for (index, byte) in out.bytes.iter().take(out.length).enumerate() {
        let index = if index < gap { index } else { index + missing };
        *bytes.get_mut(index)? = *byte;
    }
    Some(Ip(bytes))
}

/// Writes `value` in decimal digits.
///
/// # Errors
/// [`Error::TooLarge`] when `out` has no room; ten bytes always suffice.
pub fn put_decimal(value: u32, out: &mut Writer<'_>) -> Result<()> {
    put_number(value, 10, out)
}

fn put_number(value: u32, radix: u32, out: &mut Writer<'_>) -> Result<()> {
    let (mut digits, mut left) = ([0; 10], value);
    let mut start = digits.len();
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        let rest = left.checked_div(radix).unwrap_or(0);
        let number = (left - rest * radix) as u8;
        *digit = if number < 10 { b'0' + number } else { b'a' + number - 10 };
        (start, left) = (index, rest);
        if rest == 0 {
            break;
        }
    }
    out.put(digits.get(start..).unwrap_or_default())
}

/// Where a datagram or a connection ends: address, port, and for link-local and multicast
/// addresses the interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketAddress {
    /// The address.
    pub ip: Ip,
    /// The interface that a link-local or multicast address belongs to; 0 when not needed.
    pub scope: u32,
    /// The port, in host order.
    pub port: u16,
}

impl SocketAddress {
    /// An address and a port, without scope.
    pub const fn new(ip: Ip, port: u16) -> SocketAddress {
        SocketAddress { ip, scope: 0, port }
    }

    /// Writes `a.b.c.d:port`, `[v6]:port` or `[v6%scope]:port`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room; 64 bytes always suffice.
    pub fn emit(self, out: &mut Writer<'_>) -> Result<()> {
        self.ip.emit_host(self.scope, out)?;
        out.u8(b':')?;
        put_decimal(u32::from(self.port), out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(ip: Ip) -> String {
        let mut buffer = [0; 45];
        let mut out = Writer::new(&mut buffer);
        ip.emit(&mut out).unwrap();
        String::from_utf8(out.finish().to_vec()).unwrap()
    }

    proptest! {
        #[test]
        fn text_agrees_with_the_standard_library(bytes: [u8; 16], mask: u8) {
            let mut octets = bytes;
            for group in 0..8 {
                if mask >> group & 1 == 1 {
                    octets[2 * group] = 0;
                    octets[2 * group + 1] = 0;
                }
            }
            let ip = Ip(octets);
            if ip.to_v4().is_none() {
                // The standard library writes ::a.b.c.d forms only for mapped addresses.
                prop_assert_eq!(text(ip), Ipv6Addr::from(octets).to_string());
            }
            prop_assert_eq!(Ip::parse(&text(ip)), Ok(ip));
        }
    }

    proptest! {
        #[test]
        fn what_is_an_address_agrees_with_the_standard_library(
            text in "([0-9a-fA-F]{0,5}[:.]{0,2}){1,10}|([0-9]{1,3}[.:]){3}[0-9]{1,3}|::([0-9a-f]{1,4}:){0,6}[0-9.]{7}"
        ) {
            let expected = (text.parse::<Ipv6Addr>().map(|ip| Ip(ip.octets())))
                .or_else(|_| text.parse::<std::net::Ipv4Addr>().map(|ip| Ip::v4(ip.octets())));
            prop_assert_eq!(Ip::parse(&text).ok(), expected.ok());
        }
    }

    #[test]
    fn kinds_of_addresses() {
        let v4 = Ip::parse("192.0.2.7").unwrap();
        assert_eq!(text(v4), "192.0.2.7");
        assert_eq!(v4.to_v4(), Some([192, 0, 2, 7]));
        assert!(Ip::v4([0; 4]).is_unspecified() && Ip::UNSPECIFIED.is_unspecified());
        assert!(Ip::v4([224, 0, 1, 187]).is_multicast() && Ip::parse("ff02::fd").unwrap().is_multicast());
        assert!(Ip::parse("fe80::1").unwrap().is_link_local() && !Ip::LOOPBACK.is_link_local());
        assert_eq!(Ip::parse("fe80::1%2"), Err(Error::Malformed));
        assert_eq!(Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 1]), Ip::parse("fd00::1").unwrap());
    }

    #[test]
    fn a_socket_address_shows_port_and_scope() {
        let mut buffer = [0; 64];
        let mut out = Writer::new(&mut buffer);
        SocketAddress { ip: Ip::parse("fe80::1").unwrap(), scope: 12, port: 5683 }.emit(&mut out).unwrap();
        assert_eq!(out.written(), b"[fe80::1%12]:5683");
        out.truncate(0);
        SocketAddress::new(Ip::v4([10, 0, 0, 1]), 0).emit(&mut out).unwrap();
        assert_eq!(out.written(), b"10.0.0.1:0");
    }
}
