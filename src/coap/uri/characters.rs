// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which characters may stand where, and percent-encoding in both directions (RFC 3986 §2).
#![forbid(unsafe_code)]

use crate::bytes::Writer;
use crate::coap::link::Sink;
use crate::status::{Error, Result};

/// `ALPHA / DIGIT / "-" / "." / "_" / "~"`.
const UNRESERVED: u8 = 1;
/// `"!" / "$" / "'" / "(" / ")" / "*" / "+" / "," / ";" / "="`.
const SUB_DELIM: u8 = 2;
/// The sub-delim that stands between the arguments of a query.
const AMPERSAND: u8 = 4;
/// `":" / "@"`.
const COLON_OR_AT: u8 = 8;
const SLASH: u8 = 16;
const QUESTION_MARK: u8 = 32;
/// Not ASCII.
pub(super) const FOREIGN: u8 = 64;
pub(super) const PERCENT: u8 = 128;

/// What a host may hold.
pub(super) const HOST: u8 = UNRESERVED | SUB_DELIM | AMPERSAND;
/// What a segment of a path may hold.
pub(in crate::coap) const SEGMENT: u8 = HOST | COLON_OR_AT;
/// What a path may hold.
pub(in crate::coap) const PATH: u8 = SEGMENT | SLASH;
/// What a query may hold.
pub(super) const QUERY: u8 = PATH | QUESTION_MARK;
/// What an argument of a query may hold.
pub(super) const ARGUMENT: u8 = QUERY & !AMPERSAND;

/// Which of the above a byte is; 0 for none.
#[inline(never)] // One copy.
const fn class(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => UNRESERVED,
        b'!' | b'$' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => SUB_DELIM,
        b'&' => AMPERSAND,
        b':' | b'@' => COLON_OR_AT,
        b'/' => SLASH,
        b'?' => QUESTION_MARK,
        b'%' => PERCENT,
        0x80.. => FOREIGN,
        _ => 0,
    }
}

/// `ALPHA / DIGIT / "-" / "." / "_" / "~"`.
pub(super) const fn is_unreserved(byte: u8) -> bool {
    class(byte) == UNRESERVED
}

const fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// What comes before the first of `bytes` that is `mark`, and what comes after it.
#[inline(never)]
pub(super) fn split_at(bytes: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    let Some(at) = bytes.iter().position(|byte| *byte == mark) else { return (bytes, None) };
    (bytes.get(..at).unwrap_or_default(), bytes.get(at + 1..))
}

/// Whether all of `bytes` is of the `allowed` classes, or a complete percent-encoding.
#[inline(never)]
pub(super) fn check(bytes: &[u8], allowed: u8) -> Result<()> {
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = match tail {
            [high, low, tail @ ..]
                if *first == b'%' && hexadecimal(*high).and(hexadecimal(*low)).is_some() =>
            {
                tail
            }
            _ if class(*first) & allowed != 0 => tail,
            _ => return Err(Error::Malformed),
        }
    }
    Ok(())
}

/// Percent-encodes each byte of `value` that is not of the classes `plain`; upper-case digits (RFC 7252 §6.5).
#[inline(never)]
pub(in crate::coap) fn encode(value: &[u8], plain: u8, out: &mut dyn Sink) -> Result<()> {
    value.iter().try_for_each(|byte| {
        let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 };
        let encoded = [b'%', digit(*byte >> 4), digit(*byte & 0xf)];
        out.put(if class(*byte) & plain != 0 { core::slice::from_ref(byte) } else { &encoded })
    })
}

/// The number that decimal digits stand for; 0 for none.
pub(crate) fn decimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(digit.into()) }
    })
}

/// A piece of a URI whose percent-encodings are not resolved yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded<'a> {
    raw: &'a [u8],
    lower: bool,
}

impl<'a> Encoded<'a> {
    pub(super) const fn new(raw: &'a [u8]) -> Encoded<'a> {
        Encoded { raw, lower: false }
    }

    /// One that is read in ASCII lower case, percent-encoded letters excepted (§6.4 step 5).
    pub(super) const fn lower(raw: &'a [u8]) -> Encoded<'a> {
        Encoded { raw, lower: true }
    }

    /// As it is written in the URI.
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The bytes that it stands for.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + use<'a> {
        let mut rest = self.raw;
        let lower = self.lower;
        core::iter::from_fn(move || {
            if let [b'%', high, low, tail @ ..] = rest
                && let (Some(high), Some(low)) = (hexadecimal(*high), hexadecimal(*low))
            {
                rest = tail;
                return Some(high << 4 | low);
            }
            let (byte, tail) = rest.split_first()?;
            rest = tail;
            Some(if lower { byte.to_ascii_lowercase() } else { *byte })
        })
    }

    /// How many bytes it stands for.
    pub fn len(&self) -> usize {
        self.bytes().count()
    }

    /// Whether it is empty.
    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Writes the bytes that it stands for.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room.
    pub fn decode(&self, out: &mut Writer<'_>) -> Result<()> {
        self.bytes().try_for_each(|byte| out.u8(byte))
    }
}
