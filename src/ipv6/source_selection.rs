// SPDX-License-Identifier: MIT OR Apache-2.0
//! Choosing a source address (RFC 6724 §5).
#![forbid(unsafe_code)]

use crate::address::Ip;

/// The scope of an address on the scale of multicast scopes (RFC 6724 §3.1): 2 for link-local,
/// 14 for global.
pub const fn scope(ip: &Ip) -> u8 {
    match ip.0 {
        [0xff, flags, ..] => flags & 0xf,
        [0xfe, second, ..] if second >> 6 == 2 => 2,
        [0xfe, second, ..] if second >> 6 == 3 => 5,
        _ if u128::from_be_bytes(ip.0) == 1 => 2,
        _ => 14,
    }
}

/// The label of the default policy table (RFC 6724 §2.1).
const fn label(ip: &Ip) -> u8 {
    let whole = u128::from_be_bytes(ip.0);
    let (high, low) = ((whole >> 96) as u32, whole as u32);
    // What lies between the first and the last 32 bits.
    let middle = (whole >> 32) as u64;
    match high >> 16 {
        0x2002 => 2,
        0x2001 if high as u16 == 0 => 5,
        0x3ffe => 12,
        first if first >> 9 == 0xfc >> 1 => 13,
        first if first >> 6 == 0xfec0 >> 6 => 11,
        _ if high != 0 => 1,
        _ => match (middle, low) {
            (0, 1) => 0,
            (0, _) => 3,
            (0xffff, _) => 4,
            _ => 1,
        },
    }
}

/// How many leading bits two addresses share.
pub fn common_prefix_len(a: &Ip, b: &Ip) -> u8 {
    let mut bits = 0;
    for (a, b) in a.0.iter().zip(&b.0) {
        let same = (a ^ b).leading_zeros() as u8;
        bits += same;
        if same < 8 {
            break;
        }
    }
    bits
}

/// Whether the first `prefix_len` bits of two addresses are the same.
pub fn in_prefix(ip: &Ip, prefix: &Ip, prefix_len: u8) -> bool {
    common_prefix_len(ip, prefix) >= prefix_len.min(128)
}

/// In what [`merit`] says: the source address reaches as far as the destination is.
pub(super) const REACHES: u16 = 1 << 14;

/// How good a source address is for a destination, in a number: the rules from the first, in its highest bits, to the
/// last. The rules 4, 5, 5.5 and 7 have no meaning for a node with one interface and neither home nor temporary
/// addresses.
pub fn merit(ip: &Ip, prefix_len: u8, deprecated: bool, destination: &Ip) -> u16 {
    // Rule 1: the same address.
    let same = u16::from(ip == destination);
    // Rule 2: the appropriate scope. The smallest that reaches, or else the largest.
    let (own, wanted) = (scope(ip), scope(destination));
    let reach = u16::from(if own >= wanted { 31 - own } else { own });
    // Rule 3: not deprecated. Rule 6: the matching label.
    let (fresh, fits) = (u16::from(!deprecated), u16::from(label(ip) == label(destination)));
    // Rule 8: the longest matching prefix.
    let matching = u16::from(common_prefix_len(ip, destination).min(prefix_len));
    same << 15 | reach << 10 | fresh << 9 | fits << 8 | matching
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Ip {
        Ip::parse(text).unwrap()
    }

    fn chosen(destination: &str, candidates: &[&str]) -> Ip {
        // A trailing '!' marks a deprecated address.
        let address = |text: &str| ip(text.trim_end_matches('!'));
        let merit = |text: &&&str| merit(&address(text), 64, text.ends_with('!'), &ip(destination));
        // The first of those that are alike.
        address(candidates.iter().rev().max_by_key(merit).unwrap())
    }

    /// RFC 6724 §10.1, those examples that one interface without home or temporary addresses can
    /// have.
    #[test]
    fn the_examples_of_rfc_6724_section_10_1() {
        assert_eq!(chosen("2001:db8:1::1", &["2001:db8:3::1", "fe80::1"]), ip("2001:db8:3::1"));
        assert_eq!(chosen("ff05::1", &["2001:db8:3::1", "fe80::1"]), ip("2001:db8:3::1"));
        assert_eq!(chosen("2001:db8:1::1", &["2001:db8:1::1!", "2001:db8:2::1"]), ip("2001:db8:1::1"));
        assert_eq!(chosen("fe80::1", &["fe80::2!", "2001:db8:1::1"]), ip("fe80::2"));
        assert_eq!(chosen("2001:db8:1::1", &["2001:db8:1::2", "2001:db8:3::2"]), ip("2001:db8:1::2"));
        assert_eq!(
            chosen("2002:c633:6401::1", &["2002:c633:6401::d5e3:7953:13eb:22e8", "2001:db8:1::2"]),
            ip("2002:c633:6401::d5e3:7953:13eb:22e8")
        );
        assert_eq!(
            chosen("2001:db8:1::d5e3:0:0:1", &["2001:db8:1::2!", "2001:db8:3::2"]),
            ip("2001:db8:3::2")
        );
    }

    #[test]
    fn labels_keep_unique_local_and_global_apart() {
        assert_eq!(chosen("2a00::1", &["fd00::1", "2001:db8::1"]), ip("2001:db8::1"));
        assert_eq!(chosen("fd01::1", &["2001:db8::1", "fd00::1"]), ip("fd00::1"));
    }

    #[test]
    fn prefixes_match_by_bits() {
        assert!(in_prefix(&ip("fd00:0:0:1::5"), &ip("fd00:0:0:1::"), 64));
        assert!(!in_prefix(&ip("fd00:0:0:2::5"), &ip("fd00:0:0:1::"), 64));
        assert!(in_prefix(&ip("fd00:0:0:2::5"), &ip("fd00:0:0:3::"), 63));
        assert!(in_prefix(&ip("::1"), &ip("ff::"), 0));
        assert!(!in_prefix(&ip("::1"), &ip("::2"), 200));
    }
}
