// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which characters may stand where, and percent-encoding in both directions (RFC 3986 §2).
#![forbid(unsafe_code)]

use crate::bytes::Writer;
use crate::status::{Error, Result};

/// `ALPHA / DIGIT / "-" / "." / "_" / "~"`.
pub(super) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `"!" / "$" / "&" / "'" / "(" / ")" / "*" / "+" / "," / ";" / "="`.
pub(super) const fn is_sub_delim(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
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
pub(super) fn split_at<'a>(bytes: &'a [u8], mark: &[u8]) -> (&'a [u8], Option<&'a [u8]>) {
    let Some(at) = bytes.iter().position(|byte| mark.contains(byte)) else { return (bytes, None) };
    (bytes.get(..at).unwrap_or_default(), bytes.get(at + 1..))
}

/// Whether all of `bytes` is unreserved, sub-delims, complete percent-encodings, or in `more`.
pub(super) fn check(bytes: &[u8], more: &[u8]) -> Result<()> {
    let mut rest = bytes;
    loop {
        rest = match rest {
            [] => return Ok(()),
            [b'%', high, low, tail @ ..] if hexadecimal(*high).is_some() && hexadecimal(*low).is_some() => {
                tail
            }
            [byte, tail @ ..] if is_unreserved(*byte) || is_sub_delim(*byte) || more.contains(byte) => tail,
            _ => return Err(Error::Malformed),
        }
    }
}

/// Percent-encodes each byte of `value` that is neither unreserved nor a sub-delim nor in `more`,
/// or that is in `never`; upper-case digits (RFC 7252 §6.5).
pub(in crate::coap) fn encode(value: &[u8], more: &[u8], never: &[u8], out: &mut Writer<'_>) -> Result<()> {
    for byte in value {
        let among = |some: &[u8]| some.iter().any(|other| other == byte);
        let plain = is_unreserved(*byte) || is_sub_delim(*byte) || among(more);
        if plain && !among(never) {
            out.u8(*byte)?;
        } else {
            encode_byte(*byte, out)?;
        }
    }
    Ok(())
}

pub(super) fn encode_byte(byte: u8, out: &mut Writer<'_>) -> Result<()> {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 };
    out.put(&[b'%', digit(byte >> 4), digit(byte & 0xf)])
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
