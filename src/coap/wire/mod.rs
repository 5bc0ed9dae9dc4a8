// SPDX-License-Identifier: MIT OR Apache-2.0
//! The message format of RFC 7252 §3, with the extended tokens of RFC 8974.
#![forbid(unsafe_code)]

mod block;
mod code;
mod encode;
mod option;

pub(super) use block::Bits;
pub use block::Block;
pub use code::Code;
pub use encode::Encoder;
pub(super) use encode::{empty, head, stamp};
pub(super) use option::is_usable;
pub use option::{Format, Rule, number, rule, uint, uint_bytes};

use crate::bytes::Reader;
use crate::status::{Error, Result};

/// The type of a message (RFC 7252 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Type {
    /// Confirmable.
    Con = 0,
    /// Non-confirmable.
    Non = 1,
    /// Acknowledgement.
    Ack = 2,
    /// Reset.
    Rst = 3,
}

impl Type {
    /// The type with that number; only the low two bits count.
    pub const fn from_bits(bits: u8) -> Type {
        match bits & 3 {
            0 => Type::Con,
            1 => Type::Non,
            2 => Type::Ack,
            _ => Type::Rst,
        }
    }
}

/// The four bytes that every message starts with.
///
/// Enough to answer a message whose rest breaks the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The type.
    pub kind: Type,
    /// The code.
    pub code: Code,
    /// The message ID. 0 is as good as any other.
    pub message_id: u16,
    /// The four bits TKL as they came.
    pub token_nibble: u8,
}

impl Header {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Error::Malformed`] when fewer than four bytes came, [`Error::Version`] when the
    /// version is not 1. Both are to be ignored silently (§3).
    pub fn parse(bytes: &[u8]) -> Result<Header> {
        let word = Header::word(bytes)?;
        let first = (word >> 24) as u8;
        Ok(Header {
            kind: Type::from_bits(first >> 4),
            code: Code((word >> 16) as u8),
            message_id: word as u16,
            token_nibble: first & 0xf,
        })
    }

    /// The same, all four bytes as a number: that is returned in registers, as a header is not.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(in crate::coap) fn word(bytes: &[u8]) -> Result<u32> {
        let word = u32::from_be_bytes(*bytes.first_chunk::<4>().ok_or(Error::Malformed)?);
        if word >> 30 == 1 { Ok(word) } else { Err(Error::Version) }
    }
}

/// A checked view over a message: whoever holds one may iterate its options without error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'d> {
    /// The type.
    pub kind: Type,
    /// The code.
    pub code: Code,
    /// The message ID.
    pub message_id: u16,
    /// The token, to be echoed as it is; 8 bytes at most unless the peer uses RFC 8974.
    pub token: &'d [u8],
    /// The options as they lie in the message.
    pub options: Options<'d>,
    /// The payload, empty if there is none.
    pub payload: &'d [u8],
}

impl<'d> Message<'d> {
    /// An empty one, for want of another.
    pub(in crate::coap) const NONE: Message<'static> = Message {
        kind: Type::Con,
        code: Code::EMPTY,
        message_id: 0,
        token: &[],
        options: Options::NONE,
        payload: &[],
    };

    /// Checks and views a whole datagram.
    ///
    /// # Errors
    /// [`Error::Version`] and, for fewer than four bytes, [`Error::Malformed`] as
    /// [`Header::parse`] says; [`Error::Malformed`] for every other break of the format, which
    /// is a message format error in the words of RFC 7252 §4.2: a CON gets a Reset.
    pub fn parse(bytes: &'d [u8]) -> Result<Message<'d>> {
        let word = Header::word(bytes)?;
        let (first, code) = ((word >> 24) as u8, Code((word >> 16) as u8));
        let mut reader = Reader::new(bytes.get(4..).unwrap_or_default());
        let token = take_token(&mut reader, first & 0xf)?;
        if code == Code::EMPTY && bytes.len() > 4 {
            return Err(Error::Malformed);
        }
        let all = reader.rest();
        let mut number = 0;
        while reader.peek().is_some_and(|byte| byte != 0xff) {
            number = next_option(&mut reader, number)?.0;
        }
        let options = all.get(..all.len() - reader.remaining()).unwrap_or_default();
        let payload = match reader.u8() {
            Ok(_marker) if reader.is_empty() => return Err(Error::Malformed),
            Ok(_marker) => reader.take_rest(),
            Err(_) => &[],
        };
        Ok(Message {
            kind: Type::from_bits(first >> 4),
            code,
            message_id: word as u16,
            token,
            options: Options { rest: options, number: 0 },
            payload,
        })
    }

    /// The value of the first option with this number.
    pub fn option(&self, number: u16) -> Option<&'d [u8]> {
        self.options.first(number)
    }

    /// The first option with this number as an unsigned integer; `None` also when it is longer
    /// than it may be: such an option, if it is elective, counts as unknown (RFC 7252 §5.4.3).
    pub fn uint(&self, number: u16) -> Option<u32> {
        let most = match number {
            number::NO_RESPONSE => 1,
            number::CONTENT_FORMAT => 2,
            number::OBSERVE => 3,
            _ => 4,
        };
        uint(self.option(number).filter(|value| value.len() <= most)?)
    }

    /// The first option with this number, read as an unsigned integer, or `default`.
    #[inline(never)] // One copy.
    pub(in crate::coap) fn uint_or(&self, number: u16, default: u32) -> u32 {
        self.uint(number).unwrap_or(default)
    }

    /// The Block1 or Block2 option, if it is there and valid.
    pub fn block(&self, number: u16) -> Option<Block> {
        Block::parse(self.option(number)?).ok()
    }

    /// What of `bytes`, from which the message was parsed, lies before its payload.
    pub(in crate::coap) fn without_payload<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let body = if self.payload.is_empty() { 0 } else { self.payload.len() + 1 };
        bytes.get(..bytes.len().saturating_sub(body)).unwrap_or_default()
    }

    /// The same as one number, if this build knows it.
    #[inline(never)] // One copy.
    pub(in crate::coap) fn bits(&self, number: u16) -> Option<Bits> {
        if cfg!(feature = "coap-block") { Bits::parse(self.option(number)?) } else { None }
    }

    /// Writes the message, options in canonical form.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `buffer` has no room for it.
    pub fn emit<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b mut [u8]> {
        let mut out = Encoder::new(buffer, self.kind, self.code, self.message_id, self.token)?;
        for (number, value) in self.options {
            out.option(number, value)?;
        }
        out.payload(self.payload)?;
        Ok(out.finish())
    }

    /// How many bytes [`emit`](Message::emit) writes.
    pub fn encoded_len(&self) -> usize {
        let token = self.token.len() + extension(self.token.len());
        let mut last = 0;
        let mut options = 0;
        for (number, value) in self.options {
            options += encode::option_len(number - last, value.len());
            last = number;
        }
        let payload = if self.payload.is_empty() { 0 } else { 1 + self.payload.len() };
        4 + token + options + payload
    }
}

/// How many bytes extend a nibble that stands for `value` (RFC 7252 §3.1, RFC 8974 §2.1).
const fn extension(value: usize) -> usize {
    match value {
        0..=12 => 0,
        13..=268 => 1,
        _ => 2,
    }
}

/// An iterator over the options of a checked message: number and value, in the order of the
/// message, which is that of the numbers.
#[derive(Clone, Copy, Debug)]
pub struct Options<'d> {
    rest: &'d [u8],
    number: u16,
}

impl<'d> Options<'d> {
    /// No options.
    pub const NONE: Options<'static> = Options { rest: &[], number: 0 };

    /// Goes on where another iteration stands: see [`bytes`](Options::bytes) and
    /// [`last_number`](Options::last_number).
    pub const fn resume(bytes: &'d [u8], number: u16) -> Options<'d> {
        Options { rest: bytes, number }
    }

    /// The number of the option that came out last, 0 before the first.
    pub const fn last_number(&self) -> u16 {
        self.number
    }

    /// The bytes not iterated yet, as they lie in the message.
    pub const fn bytes(&self) -> &'d [u8] {
        self.rest
    }

    /// The value of the first option with this number.
    #[inline(never)] // One copy: most of what the engine looks at are options.
    pub(in crate::coap) fn first(&self, number: u16) -> Option<&'d [u8]> {
        let mut all = *self;
        all.advance(number)
    }

    /// The value of the next option with this number; if there is none, an option beyond it may be passed over.
    #[inline(never)]
    pub(in crate::coap) fn advance(&mut self, number: u16) -> Option<&'d [u8]> {
        loop {
            let (found, value) = self.next()?;
            if found >= number {
                // They come in the order of their numbers.
                return if found == number { Some(value) } else { None };
            }
        }
    }

    /// All options with this number, for the repeatable ones.
    pub fn all(self, number: u16) -> impl Iterator<Item = &'d [u8]> + Clone {
        All { options: self, number }
    }
}

/// The options with one number.
#[derive(Clone)]
struct All<'d> {
    options: Options<'d>,
    number: u16,
}

impl<'d> Iterator for All<'d> {
    type Item = &'d [u8];

    fn next(&mut self) -> Option<&'d [u8]> {
        self.options.advance(self.number)
    }
}

impl PartialEq for Options<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Options<'_> {}

impl<'d> Iterator for Options<'d> {
    type Item = (u16, &'d [u8]);

    fn next(&mut self) -> Option<(u16, &'d [u8])> {
        // Checked when the message was parsed, so the only end is the end.
        let mut reader = Reader::new(self.rest);
        let (number, value) = next_option(&mut reader, self.number).ok()?;
        (self.rest, self.number) = (reader.rest(), number);
        Some((number, value))
    }
}

fn next_option<'d>(reader: &mut Reader<'d>, last: u16) -> Result<(u16, &'d [u8])> {
    let first = reader.u8()?;
    let delta = extended(reader, first >> 4)?;
    let length = extended(reader, first & 0xf)?;
    let number = u32::from(last) + delta;
    let number = u16::try_from(number).map_err(|_| Error::Malformed)?;
    let value = reader.take(length as usize)?;
    Ok((number, value))
}

/// The token of a message that was parsed, or built, before; empty if there is none.
pub(super) fn token(bytes: &[u8]) -> &[u8] {
    let Some((&[first, ..], rest)) = bytes.split_first_chunk::<4>() else { return &[] };
    take_token(&mut Reader::new(rest), first & 0xf).unwrap_or_default()
}

/// Reads a token, whose length starts with `nibble`.
fn take_token<'d>(reader: &mut Reader<'d>, nibble: u8) -> Result<&'d [u8]> {
    let length = extended(reader, nibble)? as usize;
    reader.take(length)
}

fn extended(reader: &mut Reader<'_>, nibble: u8) -> Result<u32> {
    match nibble {
        0..=12 => Ok(u32::from(nibble)),
        13 => Ok(u32::from(reader.u8()?) + 13),
        14 => Ok(u32::from(reader.u16()?) + 269),
        _ => Err(Error::Malformed),
    }
}

#[cfg(test)]
mod tests;
