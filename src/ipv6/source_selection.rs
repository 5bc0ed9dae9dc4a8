// SPDX-License-Identifier: MIT OR Apache-2.0
//! Choosing a source address (RFC 6724 §5).
#![forbid(unsafe_code)]

use crate::address::Ip;

/// An own address that a packet could leave from.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// The address.
    pub ip: Ip,
    /// How many bits of it are the prefix.
    pub prefix_len: u8,
    /// Whether its preferred lifetime has ended.
    pub deprecated: bool,
}

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
    for (a, b) in a.0.iter().zip(b.0) {
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

/// Whether `a` is a better source than `b`. The rules 4, 5, 5.5 and 7 have no meaning for a
/// node with one interface and neither home nor temporary addresses.
fn better(a: &Candidate, b: &Candidate, destination: &Ip) -> bool {
    // Rule 1: the same address.
    if a.ip == *destination || b.ip == *destination {
        return a.ip == *destination;
    }
    // Rule 2: the appropriate scope.
    let (scope_a, scope_b, wanted) = (scope(&a.ip), scope(&b.ip), scope(destination));
    if scope_a != scope_b {
        return if scope_a < scope_b { scope_a >= wanted } else { scope_b < wanted };
    }
    // Rule 3: not deprecated.
    if a.deprecated != b.deprecated {
        return b.deprecated;
    }
    // Rule 6: the matching label.
    let (fits_a, fits_b) = (label(&a.ip) == label(destination), label(&b.ip) == label(destination));
    if fits_a != fits_b {
        return fits_a;
    }
    // Rule 8: the longest matching prefix.
    let match_of = |c: &Candidate| common_prefix_len(&c.ip, destination).min(c.prefix_len);
    match_of(a) > match_of(b)
}

/// The best of the candidates; the first of several that are alike.
pub fn select(candidates: impl Iterator<Item = Candidate>, destination: &Ip) -> Option<Ip> {
    let mut best: Option<Candidate> = None;
    for candidate in candidates {
        if best.is_none_or(|best| better(&candidate, &best, destination)) {
            best = Some(candidate);
        }
    }
    best.map(|best| best.ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Ip {
        Ip::parse(text).unwrap()
    }

    fn chosen(destination: &str, candidates: &[&str]) -> Ip {
        // A trailing '!' marks a deprecated address.
        let parse = |text: &&str| Candidate {
            ip: ip(text.trim_end_matches('!')),
            prefix_len: 64,
            deprecated: text.ends_with('!'),
        };
        select(candidates.iter().map(parse), &ip(destination)).unwrap()
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
        assert_eq!(select(core::iter::empty(), &ip("::1")), None);
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
