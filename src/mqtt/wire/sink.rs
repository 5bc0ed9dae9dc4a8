// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where encoders write: into a buffer, or nowhere to learn the length first.
//!
//! A packet starts with its length, so each encoder runs twice over one body function. The
//! counting run also validates, and so nothing is written of a packet that would be malformed.
#![forbid(unsafe_code)]

use super::{Reason, text};
use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// The largest Variable Byte Integer (5.0 §1.5.5).
pub const VARIABLE_MAX: u32 = 268_435_455;

/// The target of an encoder.
#[derive(Debug)]
pub(super) struct Sink<'w, 'a> {
    writer: Option<&'w mut Writer<'a>>,
    position: usize,
}

impl<'w, 'a> Sink<'w, 'a> {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.position = self.position.saturating_add(bytes.len());
        match &mut self.writer {
            Some(writer) => writer.put(bytes),
            None => Ok(()),
        }
    }

    /// Raw bytes without a length.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.put(bytes)
    }

    pub(super) fn u8(&mut self, value: u8) -> Result<()> {
        self.put(&[value])
    }

    pub(super) fn u16(&mut self, value: u16) -> Result<()> {
        self.put(&value.to_be_bytes())
    }

    pub(super) fn u32(&mut self, value: u32) -> Result<()> {
        self.put(&value.to_be_bytes())
    }

    /// A Variable Byte Integer in as few bytes as it takes.
    pub(super) fn variable(&mut self, value: u32) -> Result<()> {
        let (bytes, count) = variable(value)?;
        self.put(bytes.get(..count).unwrap_or_default())
    }

    /// Binary Data: two bytes of length in front.
    pub(super) fn binary(&mut self, bytes: &[u8]) -> Result<()> {
        self.u16(u16::try_from(bytes.len()).map_err(|_| Error::TooLarge)?)?;
        self.put(bytes)
    }

    /// A UTF-8 Encoded String.
    pub(super) fn string(&mut self, bytes: &[u8]) -> Result<()> {
        if self.writer.is_none() {
            text(bytes).map_err(|_| Error::Invalid)?;
        }
        self.binary(bytes)
    }
}

/// A body function of an encoder.
pub(super) type Body<'b> = &'b dyn Fn(&mut Sink) -> Result<()>;

/// How many bytes `body` writes, and whether it may be written at all.
pub(super) fn count(body: Body) -> Result<u32> {
    let mut sink = Sink { writer: None, position: 0 };
    body(&mut sink)?;
    match u32::try_from(sink.position) {
        Ok(length) if length <= VARIABLE_MAX => Ok(length),
        _ => Err(Error::TooLarge),
    }
}

/// Writes what `body` writes, behind nothing.
pub(super) fn write(writer: &mut Writer, body: Body) -> Result<()> {
    body(&mut Sink { writer: Some(writer), position: 0 })
}

/// Writes a whole packet; either all of it or nothing.
pub(super) fn packet(writer: &mut Writer, first: u8, body: Body) -> Result<()> {
    let length = count(body)?;
    let (prefix, size) = variable(length)?;
    if writer.remaining() < 1 + size + length as usize {
        return Err(Error::TooLarge);
    }
    writer.u8(first)?;
    writer.put(prefix.get(..size).unwrap_or_default())?;
    write(writer, body)
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
    let mut value = 0u32;
    for shift in [0, 7, 14, 21] {
        let Ok(byte) = reader.u8() else { return Ok(None) };
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let needless = strict && byte == 0 && shift != 0;
            return if needless { Err(Reason::MALFORMED_PACKET) } else { Ok(Some(value)) };
        }
    }
    Err(Reason::MALFORMED_PACKET)
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
