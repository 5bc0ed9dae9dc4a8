// SPDX-License-Identifier: MIT OR Apache-2.0
//! Headers of secured messages (RFC 6550 §6.1, §6.6). They are recognised and shown, not
//! processed: this build holds no RPL keys.
#![forbid(unsafe_code)]

use crate::address::Ip;
use crate::bytes::{Reader, Writer};
use crate::status::Result;

/// The security section, which precedes the base object of a secured message (§6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Security {
    /// T: the counter is a time.
    pub time: bool,
    /// Algorithm; 0 is CCM with AES-128 and RSA with SHA-256.
    pub algorithm: u8,
    /// Key identifier mode, 0 to 3.
    pub key_mode: u8,
    /// Security level, 0 to 7.
    pub level: u8,
    /// The counter.
    pub counter: u32,
    /// Who issued the key, when the mode says so.
    pub key_source: Option<[u8; 8]>,
    /// Which key, when the mode says so.
    pub key_index: Option<u8>,
}

impl Security {
    /// Reads the section from the front of a secured message.
    ///
    /// # Errors
    /// [`Malformed`](crate::status::Error::Malformed) when it is cut short.
    pub fn parse(reader: &mut Reader<'_>) -> Result<Security> {
        let [time, algorithm, modes, _] = reader.array()?;
        let counter = reader.u32()?;
        let (key_mode, level) = (modes >> 6, modes & 7);
        let (source, index) = key_fields(key_mode, level);
        let key_source = if source { Some(reader.array()?) } else { None };
        let key_index = if index { Some(reader.u8()?) } else { None };
        Ok(Security { time: time & 0x80 != 0, algorithm, key_mode, level, counter, key_source, key_index })
    }

    /// Writes the section.
    ///
    /// # Errors
    /// [`TooLarge`](crate::status::Error::TooLarge).
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let modes = (self.key_mode & 3) << 6 | self.level & 7;
        out.put(&[u8::from(self.time) << 7, self.algorithm, modes, 0])?;
        out.u32(self.counter)?;
        let (source, index) = key_fields(self.key_mode & 3, self.level & 7);
        if source {
            out.put(&self.key_source.unwrap_or_default())?;
        }
        if index { out.u8(self.key_index.unwrap_or_default()) } else { Ok(()) }
    }

    /// Bytes of the section.
    pub const fn encoded_len(&self) -> usize {
        let (source, index) = key_fields(self.key_mode & 3, self.level & 7);
        8 + if source { 8 } else { 0 } + index as usize
    }
}

/// Whether key source and key index are there: by mode, and in mode 3 only with encryption,
/// which the odd levels have.
const fn key_fields(key_mode: u8, level: u8) -> (bool, bool) {
    match key_mode {
        0 => (false, true),
        1 => (false, false),
        2 => (true, true),
        _ => (level & 1 != 0, level & 1 != 0),
    }
}

/// Consistency Check (§6.6), the base object behind the security section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsistencyCheck {
    /// RPLInstanceID.
    pub instance: u8,
    /// R: this is a response.
    pub response: bool,
    /// The nonce that a response repeats.
    pub nonce: u16,
    /// The DODAG.
    pub dodag_id: Ip,
    /// The sender's estimate of the destination's counter, 0 when it has none.
    pub destination_counter: u32,
}

impl ConsistencyCheck {
    /// Bytes of the base object.
    pub const LEN: usize = 24;

    /// Reads the base object.
    ///
    /// # Errors
    /// [`Malformed`](crate::status::Error::Malformed) when it is cut short.
    pub fn parse(reader: &mut Reader<'_>) -> Result<ConsistencyCheck> {
        let [instance, flags] = reader.array()?;
        Ok(ConsistencyCheck {
            instance,
            response: flags & 0x80 != 0,
            nonce: reader.u16()?,
            dodag_id: Ip(reader.array()?),
            destination_counter: reader.u32()?,
        })
    }

    /// Writes the base object.
    ///
    /// # Errors
    /// [`TooLarge`](crate::status::Error::TooLarge).
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        out.put(&[self.instance, u8::from(self.response) << 7])?;
        out.u16(self.nonce)?;
        out.put(&self.dodag_id.0)?;
        out.u32(self.destination_counter)
    }
}
