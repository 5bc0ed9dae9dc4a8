// SPDX-License-Identifier: MIT OR Apache-2.0
//! The auxiliary security header of a frame (2015 §9.4).
#![forbid(unsafe_code)]

use super::control::Version;
use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// Which key secures a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyIdentifier {
    /// The one that both ends know from the addresses.
    Implicit,
    /// The one with this index of the default key source.
    Index(u8),
    /// The one with this index of a 4-byte key source.
    Source4([u8; 4], u8),
    /// The one with this index of an 8-byte key source.
    Source8([u8; 8], u8),
}

/// The auxiliary security header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Security {
    /// The security level, 0 to 7: the low two bits say how long the message integrity code is,
    /// the third whether the payload is encrypted.
    pub level: u8,
    /// Which key.
    pub key: KeyIdentifier,
    /// The frame counter; only a 2015 frame may lack it.
    pub frame_counter: Option<u32>,
    /// The nonce is made with the absolute slot number (2015 frames only).
    pub asn_in_nonce: bool,
}

/// How many bytes the message integrity code of a security level has (2015 table 9-6).
pub(super) const fn mic_len(level: u8) -> usize {
    match level & 3 {
        0 => 0,
        1 => 4,
        2 => 8,
        _ => 16,
    }
}

/// Passes over the header, and says which security level it names.
pub(super) fn check(reader: &mut Reader<'_>, version: Version) -> Result<u8> {
    if version == Version::V2003 {
        return Err(Error::Unsupported);
    }
    let control = reader.u8()?;
    let counter = if version == Version::V2015 && control & 0x20 != 0 { 0 } else { 4 };
    let key = match control >> 3 & 3 {
        0 => 0,
        1 => 1,
        2 => 5,
        _ => 9,
    };
    reader.take(counter + key)?;
    let level = control & 7;
    if reader.remaining() < mic_len(level) { Err(Error::Malformed) } else { Ok(level) }
}

impl Security {
    /// How many bytes of message integrity code end the payload: 0, 4, 8 or 16.
    pub const fn mic_len(&self) -> usize {
        mic_len(self.level)
    }

    /// Whether the payload, payload IEs included, is encrypted.
    pub const fn is_encrypted(&self) -> bool {
        self.level & 4 != 0
    }

    /// How many bytes the header takes.
    pub const fn encoded_len(&self) -> usize {
        let key = match self.key {
            KeyIdentifier::Implicit => 0,
            KeyIdentifier::Index(_) => 1,
            KeyIdentifier::Source4(..) => 5,
            KeyIdentifier::Source8(..) => 9,
        };
        1 + if self.frame_counter.is_some() { 4 } else { 0 } + key
    }

    pub(super) fn parse(reader: &mut Reader<'_>, version: Version) -> Result<Security> {
        check(&mut reader.clone(), version)?;
        let control = reader.u8()?;
        let modern = version == Version::V2015;
        let counted = !(modern && control & 0x20 != 0);
        let frame_counter = if counted { Some(u32::from_le_bytes(reader.array()?)) } else { None };
        let key = match control >> 3 & 3 {
            0 => KeyIdentifier::Implicit,
            1 => KeyIdentifier::Index(reader.u8()?),
            2 => KeyIdentifier::Source4(reader.array()?, reader.u8()?),
            _ => KeyIdentifier::Source8(reader.array()?, reader.u8()?),
        };
        Ok(Security { level: control & 7, key, frame_counter, asn_in_nonce: modern && control & 0x40 != 0 })
    }

    /// Writes the header.
    ///
    /// # Errors
    /// [`Error::TooLarge`] without room; [`Error::Invalid`] for a level over 7, or what only a
    /// 2015 frame can say.
    pub(super) fn emit(&self, version: Version, out: &mut Writer<'_>) -> Result<()> {
        let uncounted = self.frame_counter.is_none();
        if self.level > 7 || version != Version::V2015 && (uncounted || self.asn_in_nonce) {
            return Err(Error::Invalid);
        }
        let mode = match self.key {
            KeyIdentifier::Implicit => 0,
            KeyIdentifier::Index(_) => 1,
            KeyIdentifier::Source4(..) => 2,
            KeyIdentifier::Source8(..) => 3,
        };
        out.u8(self.level | mode << 3 | u8::from(uncounted) << 5 | u8::from(self.asn_in_nonce) << 6)?;
        if let Some(counter) = self.frame_counter {
            out.put(&counter.to_le_bytes())?;
        }
        match self.key {
            KeyIdentifier::Implicit => Ok(()),
            KeyIdentifier::Index(index) => out.u8(index),
            KeyIdentifier::Source4(source, index) => {
                out.put(&source)?;
                out.u8(index)
            }
            KeyIdentifier::Source8(source, index) => {
                out.put(&source)?;
                out.u8(index)
            }
        }
    }
}
