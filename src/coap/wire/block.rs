// SPDX-License-Identifier: MIT OR Apache-2.0
//! The value of the options Block1 and Block2 (RFC 7959 §2.2).
#![forbid(unsafe_code)]

use super::option::uint;
use crate::status::{Error, Result};

/// Which part of a body a message carries or asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The number of the block, counted from 0 in units of its size; 20 bits.
    pub num: u32,
    /// Whether more blocks follow.
    pub more: bool,
    /// The size exponent, 0 to 6: blocks of 2^(szx + 4) bytes.
    pub szx: u8,
}

impl Block {
    /// The largest block number.
    pub const MAX_NUM: u32 = 0xf_ffff;

    /// Reads the option's value.
    ///
    /// # Errors
    /// [`Error::Malformed`] for more than three bytes and for the reserved size exponent 7,
    /// which means something else on reliable transports only.
    pub fn parse(value: &[u8]) -> Result<Block> {
        let bits = Bits::parse(value).ok_or(Error::Malformed)?;
        Ok(Block { num: bits.0 >> 4, more: bits.more(), szx: bits.szx() })
    }

    /// The option's value as an integer.
    pub const fn bits(self) -> u32 {
        (self.num & Block::MAX_NUM) << 4 | (self.more as u32) << 3 | (self.szx & 7) as u32
    }

    /// The size of a block in bytes, 16 to 1024.
    pub const fn size(self) -> usize {
        16 << (self.szx & 7)
    }

    /// Where the block starts in the body.
    pub const fn offset(self) -> u32 {
        self.num << (self.szx + 4)
    }

    /// The block of exponent `szx` that starts at `offset`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when its number has more than 20 bits; [`Error::Invalid`] when no
    /// block of that size starts there.
    pub const fn at(offset: u32, more: bool, szx: u8) -> Result<Block> {
        let szx = if szx > 6 { 6 } else { szx };
        let num = offset >> (szx + 4);
        if num > Block::MAX_NUM {
            return Err(Error::TooLarge);
        }
        if num << (szx + 4) != offset {
            return Err(Error::Invalid);
        }
        Ok(Block { num, more, szx })
    }

    /// The largest size exponent whose blocks fit in `room` bytes; 0 even if none does.
    pub const fn szx_for(room: usize) -> u8 {
        let mut szx = 6;
        while szx > 0 && (16 << szx) > room {
            szx -= 1;
        }
        szx
    }
}

/// The same as one number, as it stands in the option, for where there must be little of it.
#[derive(Clone, Copy)]
pub(in crate::coap) struct Bits(pub(in crate::coap) u32);

impl Bits {
    /// The largest size exponent up to `most` whose blocks fit in `room` bytes, or 0.
    #[inline(never)] // One copy.
    pub(in crate::coap) const fn szx_within(room: usize, most: u8) -> u8 {
        let mut szx = most & 7;
        while szx > 0 && (16 << szx) > room {
            szx -= 1;
        }
        szx
    }

    /// The block of size exponent `szx`, at most 6, that starts at `offset`, where a block of that size does start.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a place beyond the last number.
    #[inline(never)] // One copy.
    pub(in crate::coap) const fn at(offset: u32, more: bool, szx: u8) -> Result<Bits> {
        let num = offset >> (szx & 7) >> 4;
        if num > Block::MAX_NUM {
            Err(Error::TooLarge)
        } else {
            Ok(Bits(num << 4 | (more as u32) << 3 | (szx & 7) as u32))
        }
    }

    /// Reads the option's value. `None` where [`Block::parse`] fails.
    pub(in crate::coap) fn parse(value: &[u8]) -> Option<Bits> {
        let bits = uint(value)?;
        if value.len() > 3 || bits & 7 == 7 { None } else { Some(Bits(bits)) }
    }

    pub(in crate::coap) const fn is_first(self) -> bool {
        self.0 >> 4 == 0
    }

    pub(in crate::coap) const fn more(self) -> bool {
        self.0 & 8 != 0
    }

    pub(in crate::coap) const fn szx(self) -> u8 {
        (self.0 & 7) as u8
    }

    pub(in crate::coap) const fn size(self) -> usize {
        16 << (self.0 & 7)
    }

    pub(in crate::coap) const fn offset(self) -> u32 {
        (self.0 & !15) << (self.0 & 7)
    }
}
