// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses: one 16-byte form for IPv6 and for IPv4 (as `::ffff:a.b.c.d`).
#![forbid(unsafe_code)]

use crate::bytes::Writer;
use crate::status::{Error, Result};
use core::net::Ipv6Addr;

/// An IPv6 address, or an IPv4 address in its IPv4-mapped form (RFC 4291 §2.5.5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ip(pub [u8; 16]);

impl Ip {
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
        match self.0 {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => Some([a, b, c, d]),
            _ => None,
        }
    }

    /// Whether this is `::`, or the IPv4 address 0.0.0.0.
    pub const fn is_unspecified(self) -> bool {
        matches!(self.0, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            || matches!(self.to_v4(), Some([0, 0, 0, 0]))
    }

    /// Whether this names a group: `ff00::/8`, or 224.0.0.0/4 in IPv4.
    pub const fn is_multicast(self) -> bool {
        match self.to_v4() {
            Some([first, ..]) => first >> 4 == 0xe,
            None => self.0[0] == 0xff,
        }
    }

    /// Whether this is in `fe80::/10`, so that a scope is needed to use it.
    pub const fn is_link_local(self) -> bool {
        self.0[0] == 0xfe && self.0[1] & 0xc0 == 0x80
    }

    /// Reads an IPv4 or IPv6 literal, without brackets or scope.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the text is neither.
    pub fn parse(text: &str) -> Result<Ip> {
        // The core library's own parser can panic as far as a linker sees.
        let text = text.as_bytes();
        if let Some(bytes) = parse_v4(text) {
            return Ok(Ip::v4(bytes));
        }
        let Some(gap) = text.windows(2).position(|pair| pair == b"::") else {
            let (bytes, length) = parse_groups(text, true)?;
            return if length == 16 { Ok(Ip(bytes)) } else { Err(Error::Malformed) };
        };
        let (head, tail) = text.split_at_checked(gap).ok_or(Error::Malformed)?;
        let (mut bytes, start) = parse_groups(head, false)?;
        let (end, length) = parse_groups(tail.get(2..).unwrap_or_default(), true)?;
        // The gap stands for at least one group.
        if start + length > 14 {
            return Err(Error::Malformed);
        }
        for (to, from) in bytes.iter_mut().skip(16 - length).zip(end) {
            *to = from;
        }
        Ok(Ip(bytes))
    }

    /// Writes the literal: dotted for IPv4, otherwise as RFC 5952 recommends.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room; 45 bytes always suffice.
    pub fn emit(self, out: &mut Writer<'_>) -> Result<()> {
        if let Some(bytes) = self.to_v4() {
            for (index, byte) in bytes.into_iter().enumerate() {
                if index > 0 {
                    out.u8(b'.')?;
                }
                put_decimal(u32::from(byte), out)?;
            }
            return Ok(());
        }
        let zeros = self.longest_zero_run();
        let mut separate = false;
        for (index, pair) in self.0.chunks_exact(2).enumerate() {
            if zeros.contains(&index) {
                if index == zeros.start {
                    out.put(b"::")?;
                }
                separate = false;
                continue;
            }
            if separate {
                out.u8(b':')?;
            }
            separate = true;
            let group = pair.iter().fold(0u16, |group, byte| group << 8 | u16::from(*byte));
            put_hexadecimal(group, out)?;
        }
        Ok(())
    }

    /// The groups that `::` stands for: the first longest run of at least two zero groups.
    fn longest_zero_run(self) -> core::ops::Range<usize> {
        let (mut best, mut run) = (0..0, 0..0);
        for (index, pair) in self.0.chunks_exact(2).enumerate() {
            if pair == [0, 0] {
                run =
                    if run.end == index && !run.is_empty() { run.start..index + 1 } else { index..index + 1 };
            } else {
                run = 0..0;
            }
            if run.len() >= 2 && run.len() > best.len() {
                best = run.clone();
            }
        }
        best
    }
}

/// Four decimal numbers of at most three digits, without leading zeros.
fn parse_v4(text: &[u8]) -> Option<[u8; 4]> {
    let mut bytes = [0; 4];
    let mut parts = text.split(|byte| *byte == b'.');
    for byte in &mut bytes {
        let part = parts.next()?;
        let mut value = 0u16;
        for digit in part {
            value = value
                .checked_mul(10)?
                .checked_add(u16::from(digit.checked_sub(b'0').filter(|n| *n < 10)?))?;
        }
        if part.is_empty() || (part.len() > 1 && part.first() == Some(&b'0')) {
            return None;
        }
        *byte = u8::try_from(value).ok()?;
    }
    if parts.next().is_some() { None } else { Some(bytes) }
}

/// Groups of one to four hexadecimal digits between colons, the last two perhaps as an IPv4
/// address (RFC 4291 §2.2), and how many bytes they make.
fn parse_groups(text: &[u8], last: bool) -> Result<([u8; 16], usize)> {
    let mut bytes = [0; 16];
    let mut out = Writer::new(&mut bytes);
    let mut parts = text.split(|byte| *byte == b':').peekable();
    while let Some(part) = parts.next() {
        if text.is_empty() {
            break;
        }
        if last && parts.peek().is_none() && part.contains(&b'.') {
            let address = parse_v4(part).ok_or(Error::Malformed)?;
            out.put(&address).map_err(|_| Error::Malformed)?;
            break;
        }
        if part.is_empty() || part.len() > 4 {
            return Err(Error::Malformed);
        }
        let mut group = 0u16;
        for digit in part {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                b'A'..=b'F' => digit - b'A' + 10,
                _ => return Err(Error::Malformed),
            };
            group = group << 4 | u16::from(value);
        }
        out.u16(group).map_err(|_| Error::Malformed)?;
    }
    let length = out.position();
    Ok((bytes, length))
}

/// Writes `value` in decimal digits.
///
/// # Errors
/// [`Error::TooLarge`] when `out` has no room; ten bytes always suffice.
pub fn put_decimal(value: u32, out: &mut Writer<'_>) -> Result<()> {
    let mut scale = 1_000_000_000;
    let mut started = false;
    while scale > 0 {
        let digit = (value / scale % 10) as u8;
        started |= digit != 0 || scale == 1;
        if started {
            out.u8(b'0' + digit)?;
        }
        scale /= 10;
    }
    Ok(())
}

fn put_hexadecimal(group: u16, out: &mut Writer<'_>) -> Result<()> {
    let mut started = false;
    for shift in [12, 8, 4, 0] {
        let digit = (group >> shift & 0xf) as u8;
        started |= digit != 0 || shift == 0;
        if started {
            out.u8(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 })?;
        }
    }
    Ok(())
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
        if self.ip.to_v4().is_some() {
            self.ip.emit(out)?;
        } else {
            out.u8(b'[')?;
            self.ip.emit(out)?;
            if self.scope != 0 {
                out.u8(b'%')?;
                put_decimal(self.scope, out)?;
            }
            out.u8(b']')?;
        }
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
