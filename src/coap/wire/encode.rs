// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing a message, options in any order.
#![forbid(unsafe_code)]

use super::{Code, Options, Type, extension, next_option, uint_bytes};
use crate::bytes::{self, Reader, Writer};
use crate::status::{Error, Result};

/// Builds a message in a buffer.
///
/// Options may be added in any order: each goes to its place, after those with the same number.
#[derive(Debug)]
pub struct Encoder<'b> {
    out: Writer<'b>,
    /// Where the options start.
    start: usize,
    /// Something did not fit.
    failed: bool,
}

impl<'b> Encoder<'b> {
    /// Starts a message. Tokens longer than 12 bytes take the form of RFC 8974.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when the buffer has no room, or for a token beyond 65,804 bytes.
    pub fn new(
        buffer: &'b mut [u8],
        kind: Type,
        code: Code,
        message_id: u16,
        token: &[u8],
    ) -> Result<Encoder<'b>> {
        let encoder = Encoder::start(buffer, head(kind, code, message_id), token);
        if encoder.failed { Err(Error::TooLarge) } else { Ok(encoder) }
    }

    /// The same, where it is the [`end`](Encoder::end) that tells whether there was room.
    pub(in crate::coap) fn start(buffer: &'b mut [u8], head: u32, token: &[u8]) -> Encoder<'b> {
        let mut encoder = Encoder { out: Writer::new(buffer), start: 0, failed: false };
        encoder.failed = encoder.head(head, token).is_err();
        encoder.start = encoder.out.position();
        encoder
    }

    fn head(&mut self, head: u32, token: &[u8]) -> Result<()> {
        if token.len() > LONGEST_TOKEN {
            return Err(Error::TooLarge);
        }
        let (nibble, rest) = split(token.len());
        self.out.u32(head | u32::from(nibble) << 24)?;
        put_extension(&mut self.out, nibble, rest)?;
        self.out.put(token)
    }

    /// Adds an option.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when it does not fit; the message is as before then.
    pub fn option(&mut self, number: u16, value: &[u8]) -> Result<()> {
        let added = self.insert(number, value);
        self.failed |= added.is_err();
        added
    }

    fn insert(&mut self, number: u16, value: &[u8]) -> Result<()> {
        // Find the place: after `last`, before the option at `place`, if there is one.
        let written = self.out.written().get(self.start..).unwrap_or_default();
        let mut reader = Reader::new(written);
        let (mut last, mut place) = (0, 0);
        let mut follower = None;
        while let Ok((found, value)) = next_option(&mut reader, last) {
            if found > number {
                follower = Some((found, value.len(), reader.position() - value.len() - place));
                break;
            }
            last = found;
            place = reader.position();
        }
        let place = self.start + place;
        // The one that follows now counts from us, so its head may shrink, never grow.
        if value.len() > usize::from(u16::MAX) {
            return Err(Error::TooLarge);
        }
        let needed = option_len(number - last, value.len());
        let (heads, dropped) = match follower {
            Some((next, length, head)) => (needed + option_len(next - number, length) - length, head),
            None => (needed, 0),
        };
        let end = self.out.position();
        let grow = heads - dropped;
        self.out.reserve(grow)?;
        let room = self.out.written_mut().get_mut(place..).unwrap_or_default();
        let moved = end - place - dropped;
        shift(room, dropped, heads, moved);
        let mut head = Writer::new(room);
        put_head(&mut head, number - last, value.len())?;
        head.put(value)?;
        if let Some((next, length, _)) = follower {
            put_head(&mut head, next - number, length)?;
        }
        Ok(())
    }

    /// Adds an option whose value is an integer, in its shortest form.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when it does not fit.
    pub fn uint(&mut self, number: u16, value: u32) -> Result<()> {
        self.option(number, uint_bytes(value, &mut [0; 4]))
    }

    /// The same, where it is the [`end`](Encoder::end) that tells whether there was room.
    pub(in crate::coap) fn add(&mut self, number: u16, value: u32) {
        let _ = self.uint(number, value);
    }

    /// The same, unless there is one with this number.
    pub(in crate::coap) fn add_once(&mut self, number: u16, value: u32) {
        if !self.has(number) {
            self.add(number, value);
        }
    }

    /// The value of the first option with this number that was added.
    pub fn value(&self, number: u16) -> Option<&[u8]> {
        let added = Options::resume(self.out.written().get(self.start..)?, 0);
        added.first(number)
    }

    /// Whether an option with this number was added.
    pub fn has(&self, number: u16) -> bool {
        self.value(number).is_some()
    }

    /// Changes the code.
    pub fn code(&mut self, code: Code) {
        if let Some(byte) = self.out.written_mut().get_mut(1) {
            *byte = code.0;
        }
    }

    /// Forgets everything written after `position`, which must have come from
    /// [`position`](Encoder::position) before the last options were added at the end.
    pub fn truncate(&mut self, position: usize) {
        self.out.truncate(position.max(self.start));
    }

    /// How many bytes of payload still fit, the marker left out.
    pub const fn room(&self) -> usize {
        self.out.remaining().saturating_sub(1)
    }

    /// How many bytes have been written.
    pub const fn position(&self) -> usize {
        self.out.position()
    }

    /// Adds the payload. Nothing may be added to the message after that. An empty payload is none.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when it does not fit.
    pub fn payload(&mut self, payload: &[u8]) -> Result<()> {
        self.payload_with(payload.len(), |room| bytes::copy(room, payload))
    }

    /// Adds a payload of `length` bytes that `fill` writes in place. None if `length` is 0.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when it does not fit.
    pub fn payload_with<R>(&mut self, length: usize, fill: impl FnOnce(&mut [u8]) -> R) -> Result<()> {
        if length > 0 {
            fill(self.payload_room(length).ok_or(Error::TooLarge)?);
        }
        Ok(())
    }

    fn payload_room(&mut self, length: usize) -> Option<&mut [u8]> {
        if length > self.room() {
            self.failed = true;
            return None;
        }
        self.out.u8(0xff).ok()?;
        self.out.reserve(length).ok()
    }

    /// The length of the message; [`Error::TooLarge`] when something was not added for lack of room.
    pub(in crate::coap) fn end(self) -> Result<usize> {
        if self.failed { Err(Error::TooLarge) } else { Ok(self.out.position()) }
    }

    /// The message.
    pub fn finish(self) -> &'b mut [u8] {
        self.out.finish()
    }
}

/// The first four bytes of a message as a number, in network order, but for the length of the token.
pub(in crate::coap) const fn head(kind: Type, code: Code, message_id: u16) -> u32 {
    (0x40 | (kind as u32) << 4) << 24 | (code.0 as u32) << 16 | message_id as u32
}

/// An empty message, as such a number.
pub(in crate::coap) const fn empty(kind: Type, id: u16) -> u32 {
    head(kind, Code::EMPTY, id)
}

/// Writes the message ID into a message.
pub(in crate::coap) fn stamp(message: &mut [u8], id: u16) {
    let [high, low] = id.to_be_bytes();
    if let [_, _, first, second, ..] = message {
        (*first, *second) = (high, low);
    }
}

/// How many bytes an option takes.
pub(super) const fn option_len(delta: u16, length: usize) -> usize {
    1 + extension(delta as usize) + extension(length) + length
}

fn put_head(out: &mut Writer<'_>, delta: u16, length: usize) -> Result<()> {
    let (high, first) = split(usize::from(delta));
    let (low, second) = split(length);
    out.u8(high << 4 | low)?;
    put_extension(out, high, first)?;
    put_extension(out, low, second)
}

/// The longest token that RFC 8974 §2.1 can express.
const LONGEST_TOKEN: usize = 65_804;

/// The nibble that stands for `value`, and what extends it.
const fn split(value: usize) -> (u8, u16) {
    match value {
        0..=12 => (value as u8, 0),
        13..=268 => (13, value as u16 - 13),
        _ => (14, (value - 269) as u16),
    }
}

fn put_extension(out: &mut Writer<'_>, nibble: u8, rest: u16) -> Result<()> {
    match nibble {
        13 => out.u8(rest as u8),
        14 => out.u16(rest),
        _ => Ok(()),
    }
}

/// Moves `count` bytes from `from` to the place `to`, which is not before it.
fn shift(room: &mut [u8], from: usize, to: usize, count: usize) {
    for index in (0..count).rev() {
        let Some(byte) = room.get(from + index).copied() else { return };
        if let Some(place) = room.get_mut(to + index) {
            *place = byte;
        }
    }
}
