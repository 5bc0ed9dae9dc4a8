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
const BYTES: u8 = 2;
pub(super) const TEXT: u8 = 3;
pub(super) const ARRAY: u8 = 4;
pub(super) const MAP: u8 = 5;
pub(super) const TAG: u8 = 6;
const SIMPLE: u8 = 7;
/// Added to the major type of an item of indefinite length.
pub(super) const INDEFINITE: u8 = 8;
/// The end of an item of indefinite length.
const BREAK: u8 = SIMPLE | INDEFINITE;

/// How many items are to come where only a break ends them.
pub(super) const ENDLESS: u32 = u32::MAX;
/// More items than any input holds.
const MANY: u32 = 0x3fff_ffff;

/// What stands for the major type where there is no head.
const NONE: u8 = 0xff;

/// What an item starts with (RFC 8949 §3). It is never wrong but of a kind that nobody wants, which takes less than a
/// result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The major type, perhaps [`INDEFINITE`].
    pub(super) kind: u8,
    /// The argument, or [`ENDLESS`]. What no input can hold is some number that no input can hold.
    pub(super) count: u32,
}

impl Head {
    #[inline(never)] // One copy.
    pub(super) fn parse(reader: &mut Reader<'_>) -> Head {
        let start = *reader;
        let none = Head { kind: NONE, count: 0 };
        let Ok(first) = reader.u8() else { return none };
        let (kind, small) = (first >> 5, first & 0x1f);
        match small {
            0..=23 => Head { kind, count: small.into() },
            24..=27 => match reader.take(1 << (small - 24)) {
                Ok(_) => Head { kind, count: u32::try_from(integer(start.rest())).unwrap_or(MANY).min(MANY) },
                Err(_) => none,
            },
            31 if !matches!(kind, UNSIGNED | NEGATIVE | TAG) => {
                Head { kind: kind | INDEFINITE, count: ENDLESS }
            }
            _ => none,
        }
    }

    /// The head in its shortest form.
    #[inline(never)]
    pub(super) fn emit(major: u8, argument: u32, out: &mut Writer<'_>) -> Result<()> {
        // The power of two of how many bytes follow, if any.
        let size: u8 = match argument {
            0..=23 => return out.u8(major << 5 | argument as u8),
            24..=0xff => 0,
            0x100..=0xffff => 1,
            _ => 2,
        };
        out.u8(major << 5 | 24 | size)?;
        out.put(argument.to_be_bytes().get(4 - (1 << size)..).unwrap_or_default())
    }

    /// The same for any argument.
    pub(super) fn emit_wide(major: u8, argument: u64, out: &mut Writer<'_>) -> Result<()> {
        match u32::try_from(argument) {
            Ok(argument) => Head::emit(major, argument, out),
            Err(_) => {
                out.u8(major << 5 | 27)?;
                out.u64(argument)
            }
        }
    }
}

/// The argument of the head at the front of some bytes.
pub(super) fn integer(bytes: &[u8]) -> u64 {
    let Some((first, more)) = bytes.split_first() else { return 0 };
    match first & 0x1f {
        small @ 0..=23 => small.into(),
        size => {
            let length = 1 << (size & 3);
            more.iter().take(length).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        }
    }
}

/// The next item as a text of definite length, if it is one.
#[inline(never)]
pub(super) fn text<'a>(reader: &mut Reader<'a>) -> Option<&'a str> {
    let head = Head::parse(reader);
    if head.kind != TEXT {
        return None;
    }
    crate::text::parse(reader.take(head.count as usize).ok()?)
}

/// Writes a text.
#[inline(never)]
pub(super) fn put_text(text: &str, out: &mut Writer<'_>) -> Result<()> {
    Head::emit(TEXT, text.len() as u32, out)?;
    out.put(text.as_bytes())
}

/// The bytes of the next item, whatever it is.
///
/// # Errors
/// [`Error::Malformed`] when it is not well-formed, or nests deeper than 16.
pub(super) fn item<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8]> {
    let start = *reader;
    // How many items are still to come at each level.
    let mut open = [0u32; DEPTH];
    let mut depth = 0usize;
    loop {
        let head = Head::parse(reader);
        let inside = match head.kind {
            NONE => return Err(Error::Malformed),
            UNSIGNED | NEGATIVE | SIMPLE => 0,
            BYTES | TEXT => {
                reader.take(head.count as usize)?;
                0
            }
            MAP => head.count * 2,
            TAG => 1,
            // It ends the innermost level of indefinite length.
            BREAK => {
                depth = depth.checked_sub(1).ok_or(Error::Malformed)?;
                if open.get(depth) != Some(&ENDLESS) {
                    return Err(Error::Malformed);
                }
                0
            }
            _ => head.count,
        };
        if inside != 0 {
            *open.get_mut(depth).ok_or(Error::Malformed)? = inside;
            depth += 1;
            continue;
        }
        // An item is complete, and with it perhaps those around it.
        while let Some(level) = depth.checked_sub(1).and_then(|level| open.get_mut(level)) {
            if *level != ENDLESS {
                *level -= 1;
                if *level == 0 {
                    depth -= 1;
                    continue;
                }
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
            Head::emit_wide(major, argument, &mut out).unwrap();
            let mut reader = Reader::new(out.written());
            let head = Head::parse(&mut reader);
            prop_assert!(reader.is_empty());
            prop_assert_eq!(head, Head { kind: major, count: u32::try_from(argument).unwrap_or(MANY).min(MANY) });
            prop_assert_eq!(integer(out.written()), argument);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = length(&bytes);
        }
    }
}
