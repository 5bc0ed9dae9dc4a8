// SPDX-License-Identifier: MIT OR Apache-2.0
//! Telling whether bytes are text.
//!
//! The core library's own check is made for speed: with its table it takes six times the flash. So it serves where there is
//! an operating system, and microcontrollers have a small one of our own. This is one of the few places
//! outside the C layer that are not free of unsafe code: the language has no other way to call checked bytes text.
#![allow(unsafe_code)]

/// The text that `bytes` are, if they are well-formed UTF-8 (RFC 3629 §4): the same as
/// `core::str::from_utf8(bytes).ok()`.
#[cfg(not(target_os = "none"))]
pub fn parse(bytes: &[u8]) -> Option<&str> {
    // Most text is ASCII, which takes fewer instructions to tell.
    if bytes.is_ascii() {
        // SAFETY: ASCII is UTF-8.
        return Some(unsafe { core::str::from_utf8_unchecked(bytes) });
    }
    core::str::from_utf8(bytes).ok()
}

/// The text that `bytes` are, if they are well-formed UTF-8 (RFC 3629 §4): the same as
/// `core::str::from_utf8(bytes).ok()`.
#[cfg(target_os = "none")]
pub fn parse(bytes: &[u8]) -> Option<&str> {
    if !is_utf8(bytes) {
        return None;
    }
    // SAFETY: these are well-formed UTF-8, as was checked just now and is shown exhaustively below.
    Some(unsafe { core::str::from_utf8_unchecked(bytes) })
}

#[cfg(any(test, target_os = "none"))]
#[inline(never)]
fn is_utf8(bytes: &[u8]) -> bool {
    // How many bytes are to follow, what they add up to, and the least that needs so many.
    let (mut left, mut code, mut least) = (0u32, 0u32, 0u32);
    for byte in bytes.iter().copied() {
        if left != 0 {
            code = code << 6 | u32::from(byte & 0x3f);
            left -= 1;
            let surrogate = code >> 11 == 0x1b;
            if byte & 0xc0 != 0x80 || (left == 0 && (code < least || code > 0x10_ffff || surrogate)) {
                return false;
            }
        } else if byte >= 0x80 {
            // No first byte, or that of a longer form than needed or of no character.
            if !(0xc2..=0xf4).contains(&byte) {
                return false;
            }
            left = byte.leading_ones() - 1;
            // 0x800 and 0x10000; of two bytes it is the first that tells.
            least = 1 << (5 * left + 1);
            code = u32::from(byte) & (0x3f >> left);
        }
    }
    left == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agrees(bytes: &[u8]) {
        assert_eq!(is_utf8(bytes), core::str::from_utf8(bytes).is_ok(), "{bytes:02x?}");
        assert_eq!(parse(bytes), core::str::from_utf8(bytes).ok(), "{bytes:02x?}");
    }

    #[test]
    fn every_sequence_of_up_to_four_bytes_at_every_border() {
        // All of one and two bytes; of three and four, every first byte with what lies at the
        // borders of the ranges of RFC 3629 §4.
        for first in 0..=255 {
            agrees(&[first]);
            for second in 0..=255 {
                agrees(&[first, second]);
                for third in [0, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff] {
                    agrees(&[first, second, third]);
                    for fourth in [0, 0x7f, 0x80, 0xbf, 0xc0, 0xff] {
                        agrees(&[first, second, third, fourth]);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_core_library(
            bytes in proptest::collection::vec(any::<u8>(), 0..12),
            text in ".{0,12}",
            cut in 0usize..40,
        ) {
            agrees(&bytes);
            agrees(text.as_bytes().get(..cut).unwrap_or(text.as_bytes()));
        }
    }
}
