// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where encoders write: a cursor that counts what it has no room for, and remembers when
//! something may not be written at all.
//!
//! So an encoder writes all of a packet without looking, and asks once, at its end; and over no
//! room at all it learns how long the packet is.
#![forbid(unsafe_code)]

use super::Reason;
use super::source::Source;
use crate::bytes::{self, Reader, Writer};
use crate::mqtt::topic;
use crate::status::{Error, Result};

/// The largest Variable Byte Integer (5.0 §1.5.5).
pub const VARIABLE_MAX: u32 = 268_435_455;

/// The size of what may not be written.
pub(in crate::mqtt) const INVALID: usize = usize::MAX;

/// The cursor.
#[derive(Debug)]
pub(in crate::mqtt) struct Sink<'a> {
    room: &'a mut [u8],
    position: usize,
    invalid: bool,
}

impl<'a> Sink<'a> {
    pub(in crate::mqtt) const fn new(room: &'a mut [u8]) -> Sink<'a> {
        Sink { room, position: 0, invalid: false }
    }

    /// Raw bytes without a length.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(in crate::mqtt) fn put(&mut self, bytes: &[u8]) {
        let end = self.position.saturating_add(bytes.len());
        bytes::copy(bytes::part_mut(self.room, self.position, end), bytes);
        self.position = end;
    }

    /// Demands a condition without which the packet would be malformed.
    pub(in crate::mqtt) const fn check(&mut self, good: bool) {
        self.invalid |= !good;
    }

    /// A number of this many bytes, at most four.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(in crate::mqtt) fn number(&mut self, number: u32, count: usize) {
        let bytes = number.to_be_bytes();
        self.put(bytes.get(4 - count.min(4)..).unwrap_or_default());
    }

    pub(in crate::mqtt) fn u8(&mut self, value: u8) {
        self.number(u32::from(value), 1);
    }

    pub(in crate::mqtt) fn u16(&mut self, value: u16) {
        self.number(u32::from(value), 2);
    }

    /// A Variable Byte Integer in as few bytes as it takes.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(in crate::mqtt) fn variable(&mut self, value: u32) {
        match variable(value) {
            Ok((bytes, count)) => self.put(bytes.get(..count).unwrap_or_default()),
            Err(_) => self.position = usize::MAX,
        }
    }

    /// Binary Data: two bytes of length in front.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(in crate::mqtt) fn binary(&mut self, bytes: &[u8]) {
        if bytes.len() > 0xffff {
            self.position = usize::MAX;
        }
        self.u16(bytes.len() as u16);
        self.put(bytes);
    }

    /// A UTF-8 Encoded String, of bytes that are text.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(in crate::mqtt) fn string(&mut self, text: &[u8]) {
        self.check(topic::without(text, |byte| byte == 0));
        self.binary(text);
    }

    /// Leaves a byte for the length of what follows, until [`Sink::close`]: so nothing has to be
    /// counted before it is written.
    pub(in crate::mqtt) fn open(&mut self) -> usize {
        let from = self.position;
        self.u8(0);
        from
    }

    /// Writes the length of what followed [`Sink::open`], and of so many bytes that are to come.
    #[inline(never)]
    pub(in crate::mqtt) fn close(&mut self, from: usize, behind: usize) {
        let (mut at, mut end) = (from, from.wrapping_add(1));
        let mut length = self.position.wrapping_sub(end).saturating_add(behind);
        if length > VARIABLE_MAX as usize {
            self.position = usize::MAX;
            return;
        }
        loop {
            let mut byte = length as u8 | 0x80;
            length >>= 7;
            if length == 0 {
                byte &= 0x7f;
            }
            // Beyond the first byte what follows is pushed back.
            for place in bytes::part_mut(self.room, at, end) {
                core::mem::swap(place, &mut byte);
            }
            if length == 0 {
                return;
            }
            at += 1;
            self.position += 1;
            end = self.position;
        }
    }

    /// At the front of a packet, with its first byte written and the place for its length left.
    pub(in crate::mqtt) fn begin(room: &'a mut [u8], first: u8) -> Sink<'a> {
        let mut sink = Sink::new(room);
        sink.put(&[first, 0]);
        sink
    }

    /// Ends a packet: says how many bytes it takes, as [`Sink::size`].
    pub(in crate::mqtt) fn end(&mut self) -> usize {
        self.close(1, 0);
        self.size()
    }

    /// A whole packet, which `body` writes but for its fixed header and for what comes `behind`.
    fn packet(room: &'a mut [u8], first: u8, body: Body, behind: &[u8]) -> Sink<'a> {
        let mut sink = Sink::begin(room, first);
        body(&mut sink);
        sink.close(1, behind.len());
        sink.put(behind);
        sink
    }

    /// What was written, if there was room for it.
    pub(in crate::mqtt) fn written(&self) -> &[u8] {
        bytes::part(self.room, 0, self.position)
    }

    /// Whether there was room for all that was written.
    pub(in crate::mqtt) const fn fits(&self) -> bool {
        self.position <= self.room.len()
    }

    /// How many bytes were written, or would have been with room for them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what may not be written, [`Error::TooLarge`] for more than a packet
    /// can hold.
    pub(super) fn count(&self) -> Result<usize> {
        match self.size() {
            INVALID => Err(Error::Invalid),
            count if count > VARIABLE_MAX as usize + 5 => Err(Error::TooLarge),
            count => Ok(count),
        }
    }

    /// How many bytes were written, or would have been with room for them; more than any packet can hold when that is
    /// too many, and [`INVALID`] for what may not be written.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(in crate::mqtt) fn size(&self) -> usize {
        if self.invalid { INVALID } else { self.position.min(INVALID - 1) }
    }
}

/// What a packet is written by, but for its fixed header and what comes at its end as it is.
pub(super) type Body<'b> = &'b dyn Fn(&mut Sink);

/// How many bytes a packet takes, and whether it may be written at all.
pub(super) fn count(body: Body) -> Result<usize> {
    Sink::packet(&mut [], 0, body, &[]).count()
}

/// Writes a whole packet, which ends in `behind`; either all of it or nothing.
pub(super) fn packet(writer: &mut Writer, first: u8, body: Body, behind: &[u8]) -> Result<()> {
    let count = Sink::packet(writer.room(), first, body, behind).count()?;
    writer.advance(count)
}

/// A Variable Byte Integer and how many of the bytes it takes (5.0 §1.5.5).
///
/// # Errors
/// [`Error::TooLarge`] above [`VARIABLE_MAX`].
pub fn variable(mut value: u32) -> Result<([u8; 4], usize)> {
    let mut bytes = [0; 4];
    let mut count = 0;
    for byte in &mut bytes {
        count += 1;
        *byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return Ok((bytes, count));
        }
        *byte |= 0x80;
    }
    Err(Error::TooLarge)
}

/// Reads a Variable Byte Integer. `strict` refuses more bytes than needed, as 5.0 demands.
///
/// # Errors
/// [`Reason::MALFORMED_PACKET`] for a fifth byte or needless ones; `None` when the input
/// ends within it.
pub fn read_variable(reader: &mut Reader, strict: bool) -> core::result::Result<Option<u32>, Reason> {
    let mut source = Source::new(reader.rest());
    let value = source.length(strict);
    if source.is_short() {
        return Ok(None);
    }
    source.outcome()?;
    let _ = reader.take(reader.remaining() - source.rest().len());
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_byte_integers_at_every_border() {
        let cases: [(u32, &[u8]); 8] = [
            (0, &[0]),
            (127, &[0x7f]),
            (128, &[0x80, 0x01]),
            (16_383, &[0xff, 0x7f]),
            (16_384, &[0x80, 0x80, 0x01]),
            (2_097_151, &[0xff, 0xff, 0x7f]),
            (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
            (VARIABLE_MAX, &[0xff, 0xff, 0xff, 0x7f]),
        ];
        for (value, expected) in cases {
            let (bytes, count) = variable(value).unwrap();
            assert_eq!(&bytes[..count], expected);
            assert_eq!(read_variable(&mut Reader::new(expected), true), Ok(Some(value)));
            for cut in 0..expected.len() {
                assert_eq!(read_variable(&mut Reader::new(&expected[..cut]), true), Ok(None));
            }
        }
        assert_eq!(variable(VARIABLE_MAX + 1), Err(Error::TooLarge));
    }

    #[test]
    fn a_needless_or_fifth_byte_is_malformed() {
        let malformed = Err(Reason::MALFORMED_PACKET);
        assert_eq!(read_variable(&mut Reader::new(&[0x80, 0x00]), true), malformed);
        assert_eq!(read_variable(&mut Reader::new(&[0x80, 0x00]), false), Ok(Some(0)));
        let five = [0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(read_variable(&mut Reader::new(&five), false), malformed);
    }
}
