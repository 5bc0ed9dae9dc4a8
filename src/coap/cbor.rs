// SPDX-License-Identifier: MIT OR Apache-2.0
//! As much of CBOR (RFC 8949) as problem details need: heads, integers, texts, and skipping over
//! whatever else there is.
#![forbid(unsafe_code)]

use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// How deep items may lie inside each other before they are refused.
const DEPTH: usize = 16;

pub(super) const UNSIGNED: u8 = 0;
pub(super) const NEGATIVE: u8 = 1;
pub(super) const TEXT: u8 = 3;
pub(super) const ARRAY: u8 = 4;
pub(super) const MAP: u8 = 5;
pub(super) const TAG: u8 = 6;
pub(super) const SIMPLE: u8 = 7;

/// What an item starts with (RFC 8949 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The major type.
    pub(super) major: u8,
    /// The argument; `None` for items of indefinite length and their end.
    pub(super) argument: Option<u64>,
}

impl Head {
    pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Head> {
        let first = reader.u8()?;
        let major = first >> 5;
        let argument = match first & 0x1f {
            small @ 0..=23 => Some(u64::from(small)),
            24 => Some(u64::from(reader.u8()?)),
            25 => Some(u64::from(reader.u16()?)),
            26 => Some(u64::from(reader.u32()?)),
            27 => Some(reader.u64()?),
            31 if !matches!(major, UNSIGNED | NEGATIVE | TAG) => None,
            _ => return Err(Error::Malformed),
        };
        Ok(Head { major, argument })
    }

    /// The head in its shortest form.
    pub(super) fn emit(major: u8, argument: u64, out: &mut Writer<'_>) -> Result<()> {
        let first = major << 5;
        match argument {
            0..=23 => out.u8(first | argument as u8),
            24..=0xff => out.put(&[first | 24, argument as u8]),
            0x100..=0xffff => {
                out.u8(first | 25)?;
                out.u16(argument as u16)
            }
            0x1_0000..=0xffff_ffff => {
                out.u8(first | 26)?;
                out.u32(argument as u32)
            }
            _ => {
                out.u8(first | 27)?;
                out.u64(argument)
            }
        }
    }
}

/// The next item as a text of definite length, if it is one.
pub(super) fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str> {
    match Head::parse(reader)? {
        Head { major: TEXT, argument: Some(length) } => {
            let length = usize::try_from(length).map_err(|_| Error::Malformed)?;
            crate::text::parse(reader.take(length)?).ok_or(Error::Malformed)
        }
        _ => Err(Error::Malformed),
    }
}

/// Writes a text.
pub(super) fn put_text(text: &str, out: &mut Writer<'_>) -> Result<()> {
    Head::emit(TEXT, text.len() as u64, out)?;
    out.put(text.as_bytes())
}

/// The bytes of the next item, whatever it is.
///
/// # Errors
/// [`Error::Malformed`] when it is not well-formed, or nests deeper than 16.
pub(super) fn item<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8]> {
    let start = *reader;
    // How many items are still to come at each level; `None` where only a break ends it.
    let mut open = [Some(0u64); DEPTH];
    let mut depth = 0usize;
    loop {
        let head = Head::parse(reader)?;
        // A break ends the innermost level of indefinite length.
        let is_break = head == Head { major: SIMPLE, argument: None };
        if is_break {
            let level = depth.checked_sub(1).and_then(|level| open.get(level)).ok_or(Error::Malformed)?;
            if level.is_some() {
                return Err(Error::Malformed);
            }
            depth -= 1;
        } else {
            let inside = match (head.major, head.argument) {
                (UNSIGNED | NEGATIVE | SIMPLE, _) => Some(0),
                (2 | TEXT, Some(length)) => {
                    reader.take(usize::try_from(length).map_err(|_| Error::Malformed)?)?;
                    Some(0)
                }
                (ARRAY, count) => count,
                (MAP, Some(pairs)) => Some(pairs.checked_mul(2).ok_or(Error::Malformed)?),
                (TAG, _) => Some(1),
                (_, _) => None,
            };
            if inside != Some(0) {
                *open.get_mut(depth).ok_or(Error::Malformed)? = inside;
                depth += 1;
                continue;
            }
        }
        // An item is complete, and with it perhaps those around it.
        while let Some(level) = depth.checked_sub(1).and_then(|level| open.get_mut(level)) {
            match level {
                Some(left) if *left > 1 => *left -= 1,
                Some(_) => {
                    depth -= 1;
                    continue;
                }
                None => {}
            }
            break;
        }
        if depth == 0 {
            let length = start.remaining() - reader.remaining();
            return start.rest().get(..length).ok_or(Error::Malformed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn length(bytes: &[u8]) -> Option<usize> {
        item(&mut Reader::new(bytes)).ok().map(<[u8]>::len)
    }

    #[test]
    fn items_end_where_they_end() {
        // RFC 8949 appendix A.
        for bytes in [
            &[0x00][..],
            &[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xf9, 0x3c, 0x00],
            &[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
            &[0xf4],
            &[0xf8, 0xff],
            &[0x40],
            &[0x44, 1, 2, 3, 4],
            &[0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0],
            &[0x80],
            &[0x83, 0x01, 0x82, 0x02, 0x03, 0x82, 0x04, 0x05],
            &[0xa2, 0x01, 0x02, 0x03, 0x04],
            &[0x5f, 0x42, 1, 2, 0x43, 3, 4, 5, 0xff],
            &[0x9f, 0x01, 0x82, 0x02, 0x03, 0x9f, 0x04, 0x05, 0xff, 0xff],
            &[0xbf, 0x61, 0x61, 0x01, 0x61, 0x62, 0x9f, 0x02, 0x03, 0xff, 0xff],
            &[0x9f, 0xff],
        ] {
            assert_eq!(length(bytes), Some(bytes.len()), "{bytes:02x?}");
            for cut in 0..bytes.len() {
                assert_eq!(length(&bytes[..cut]), None, "{bytes:02x?} cut at {cut}");
            }
            let more = [bytes, &[0x00, 0xff]].concat();
            assert_eq!(length(&more), Some(bytes.len()));
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for bytes in [&[0xff][..], &[0x1c], &[0x1f], &[0x3f], &[0xdf, 0x00], &[0x81, 0xff], &[0xfe]] {
            assert_eq!(length(bytes), None, "{bytes:02x?}");
        }
        // Counts that no input can hold end at the end of the input.
        assert_eq!(length(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]), None);
        assert_eq!(length(&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]), None);
        assert_eq!(length(&[0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]), None);
        let mut deep = vec![0x81; DEPTH];
        deep.push(0);
        assert_eq!(length(&deep), Some(DEPTH + 1));
        deep.insert(0, 0x81);
        assert_eq!(length(&deep), None);
        assert_eq!(length(&vec![0xc6; 100_000]), None);
    }

    proptest! {
        #[test]
        fn heads_survive(major in 0u8..7, argument: u64, shift in 0u32..64) {
            let argument = argument >> shift;
            let mut buffer = [0; 9];
            let mut out = Writer::new(&mut buffer);
            Head::emit(major, argument, &mut out).unwrap();
            let head = Head::parse(&mut Reader::new(out.written()));
            prop_assert_eq!(head, Ok(Head { major, argument: Some(argument) }));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = length(&bytes);
        }
    }
}
