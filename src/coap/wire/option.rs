// SPDX-License-Identifier: MIT OR Apache-2.0
//! Option numbers and what is known of each.
#![forbid(unsafe_code)]

/// The numbers of the options.
#[allow(missing_docs)] // The names are those of the registry.
pub mod number {
    pub const IF_MATCH: u16 = 1;
    pub const URI_HOST: u16 = 3;
    pub const ETAG: u16 = 4;
    pub const IF_NONE_MATCH: u16 = 5;
    pub const OBSERVE: u16 = 6;
    pub const URI_PORT: u16 = 7;
    pub const LOCATION_PATH: u16 = 8;
    pub const URI_PATH: u16 = 11;
    pub const CONTENT_FORMAT: u16 = 12;
    pub const MAX_AGE: u16 = 14;
    pub const URI_QUERY: u16 = 15;
    pub const HOP_LIMIT: u16 = 16;
    pub const ACCEPT: u16 = 17;
    pub const LOCATION_QUERY: u16 = 20;
    pub const BLOCK2: u16 = 23;
    pub const BLOCK1: u16 = 27;
    pub const SIZE2: u16 = 28;
    pub const PROXY_URI: u16 = 35;
    pub const PROXY_SCHEME: u16 = 39;
    pub const SIZE1: u16 = 60;
    pub const ECHO: u16 = 252;
    pub const NO_RESPONSE: u16 = 258;
    pub const REQUEST_TAG: u16 = 292;

    /// Whether a receiver that does not know the option must reject the message (RFC 7252 §5.4.1).
    pub const fn is_critical(number: u16) -> bool {
        number & 1 != 0
    }

    /// Whether a proxy that does not know the option must not forward the message (§5.4.2).
    pub const fn is_unsafe(number: u16) -> bool {
        number & 2 != 0
    }

    /// Whether the option is no part of the cache key (§5.4.2).
    pub const fn is_no_cache_key(number: u16) -> bool {
        number & 0x1e == 0x1c
    }
}

/// How the value of an option is to be read (RFC 7252 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// No value.
    Empty,
    /// Bytes.
    Opaque,
    /// An integer, leading zero bytes left out.
    Uint,
    /// UTF-8.
    String,
}

/// What is known of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its number.
    pub number: u16,
    /// How its value is to be read.
    pub format: Format,
    /// Whether it may occur more than once.
    pub repeatable: bool,
    /// The fewest bytes of its value.
    pub min: u8,
    /// The most bytes of its value.
    pub max: u16,
}

impl Rule {
    const fn new(number: u16, format: Format, repeatable: bool, min: u8, max: u16) -> Rule {
        Rule { number, format, repeatable, min, max }
    }

    /// Whether a value of that many bytes is allowed.
    pub const fn allows(&self, length: usize) -> bool {
        length >= self.min as usize && length <= self.max as usize
    }
}

// RFC 7252 table 4, RFC 7641, 7959, 7967, 8768, 9175.
const RULES: [Rule; 23] = [
    Rule::new(number::IF_MATCH, Format::Opaque, true, 0, 8),
    Rule::new(number::URI_HOST, Format::String, false, 1, 255),
    Rule::new(number::ETAG, Format::Opaque, true, 1, 8),
    Rule::new(number::IF_NONE_MATCH, Format::Empty, false, 0, 0),
    Rule::new(number::OBSERVE, Format::Uint, false, 0, 3),
    Rule::new(number::URI_PORT, Format::Uint, false, 0, 2),
    Rule::new(number::LOCATION_PATH, Format::String, true, 0, 255),
    Rule::new(number::URI_PATH, Format::String, true, 0, 255),
    Rule::new(number::CONTENT_FORMAT, Format::Uint, false, 0, 2),
    Rule::new(number::MAX_AGE, Format::Uint, false, 0, 4),
    Rule::new(number::URI_QUERY, Format::String, true, 0, 255),
    Rule::new(number::HOP_LIMIT, Format::Uint, false, 1, 1),
    Rule::new(number::ACCEPT, Format::Uint, false, 0, 2),
    Rule::new(number::LOCATION_QUERY, Format::String, true, 0, 255),
    Rule::new(number::BLOCK2, Format::Uint, false, 0, 3),
    Rule::new(number::BLOCK1, Format::Uint, false, 0, 3),
    Rule::new(number::SIZE2, Format::Uint, false, 0, 4),
    Rule::new(number::PROXY_URI, Format::String, false, 1, 1034),
    Rule::new(number::PROXY_SCHEME, Format::String, false, 1, 255),
    Rule::new(number::SIZE1, Format::Uint, false, 0, 4),
    Rule::new(number::ECHO, Format::Opaque, false, 1, 40),
    Rule::new(number::NO_RESPONSE, Format::Uint, false, 0, 1),
    Rule::new(number::REQUEST_TAG, Format::Opaque, true, 0, 8),
];

/// What makes a critical option of the standards unusable: its number, whether it may occur more than once, and the
/// fewest and most bytes of its value. Those of the [`RULES`] that are not for proxies, in little room.
const CRITICAL: [[u8; 4]; 9] = {
    let mut critical = [[0; 4]; 9];
    let (mut index, mut place) = (0, 0);
    while index < RULES.len() {
        let rule = RULES[index];
        if number::is_critical(rule.number)
            && !matches!(rule.number, number::PROXY_URI | number::PROXY_SCHEME)
        {
            assert!(rule.number <= 255 && rule.max <= 255);
            critical[place] = [rule.number as u8, rule.repeatable as u8, rule.min, rule.max as u8];
            place += 1;
        }
        index += 1;
    }
    assert!(place == critical.len());
    critical
};

/// Whether a critical option, which is not for proxies, may have a value of that length, and be there `again`.
pub(in crate::coap) fn is_usable(number: u16, length: usize, again: bool) -> bool {
    CRITICAL.iter().any(|[known, repeatable, min, max]| {
        u16::from(*known) == number
            && (usize::from(*min)..=usize::from(*max)).contains(&length)
            && (!again || *repeatable != 0)
    })
}

/// What is known of the option with this number, if anything is.
pub fn rule(number: u16) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.number == number)
}

/// Reads an unsigned integer of at most four bytes (RFC 7252 §3.2); leading zeros are allowed.
pub fn uint(value: &[u8]) -> Option<u32> {
    if value.len() > 4 {
        return None;
    }
    Some(value.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

/// The shortest bytes for an unsigned integer: those of `bytes` from the returned place on.
///
/// ```
/// # use mote::coap::wire::uint_bytes;
/// assert_eq!(uint_bytes(0, &mut [0; 4]), &[]);
/// assert_eq!(uint_bytes(0x1234, &mut [0; 4]), &[0x12, 0x34]);
/// ```
pub fn uint_bytes(value: u32, bytes: &mut [u8; 4]) -> &[u8] {
    *bytes = value.to_be_bytes();
    bytes.get(value.leading_zeros() as usize / 8..).unwrap_or_default()
}
