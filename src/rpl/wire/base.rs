// SPDX-License-Identifier: MIT OR Apache-2.0
//! The base objects of the control messages (RFC 6550 §6.2 to §6.5).
#![forbid(unsafe_code)]

use super::option::Options;
use crate::address::Ip;
use crate::bytes::{Reader, Writer};
use crate::status::Result;

/// DODAG Information Solicitation (RFC 6550 §6.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dis;

impl Dis {
    /// Bytes of the base object.
    pub const LEN: usize = 2;

    /// Reads the base object; the flags are reserved and ignored.
    ///
    /// # Errors
    /// [`Malformed`](crate::status::Error::Malformed) when it is cut short.
    pub fn parse(body: &[u8]) -> Result<(Dis, Options<'_>)> {
        let mut reader = Reader::new(body);
        reader.u16()?;
        Ok((Dis, Options::new(reader.rest())))
    }

    /// Writes the base object.
    ///
    /// # Errors
    /// [`TooLarge`](crate::status::Error::TooLarge).
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        out.u16(0)
    }
}

/// DODAG Information Object (RFC 6550 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dio {
    /// RPLInstanceID.
    pub instance: u8,
    /// DODAGVersionNumber, a lollipop counter.
    pub version: u8,
    /// The sender's rank; [`INFINITE_RANK`](super::INFINITE_RANK) poisons.
    pub rank: u16,
    /// Whether the DODAG satisfies the application's goal.
    pub grounded: bool,
    /// Mode of operation, 0 to 7.
    pub mode: u8,
    /// DODAGPreference, 0 (least) to 7.
    pub preference: u8,
    /// Destination advertisement trigger sequence number, a lollipop counter.
    pub dtsn: u8,
    /// The root's address.
    pub dodag_id: Ip,
}

impl Dio {
    /// Bytes of the base object.
    pub const LEN: usize = 24;

    /// Reads the base object; reserved fields are ignored.
    ///
    /// # Errors
    /// [`Malformed`](crate::status::Error::Malformed) when it is cut short.
    pub fn parse(body: &[u8]) -> Result<(Dio, Options<'_>)> {
        let mut reader = Reader::new(body);
        let [instance, version] = reader.array()?;
        let rank = reader.u16()?;
        let [bits, dtsn, _, _] = reader.array()?;
        let dodag_id = Ip(reader.array()?);
        let dio = Dio {
            instance,
            version,
            rank,
            grounded: bits & 0x80 != 0,
            mode: bits >> 3 & 7,
            preference: bits & 7,
            dtsn,
            dodag_id,
        };
        Ok((dio, Options::new(reader.rest())))
    }

    /// Writes the base object.
    ///
    /// # Errors
    /// [`TooLarge`](crate::status::Error::TooLarge).
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        out.put(&[self.instance, self.version])?;
        out.u16(self.rank)?;
        let bits = u8::from(self.grounded) << 7 | (self.mode & 7) << 3 | self.preference & 7;
        out.put(&[bits, self.dtsn, 0, 0])?;
        out.put(&self.dodag_id.0)
    }
}

/// Destination Advertisement Object (RFC 6550 §6.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dao {
    /// RPLInstanceID.
    pub instance: u8,
    /// Whether a DAO-ACK is wanted.
    pub acknowledge: bool,
    /// DAOSequence, which the DAO-ACK repeats.
    pub sequence: u8,
    /// The DODAG, given with a local instance.
    pub dodag_id: Option<Ip>,
}

impl Dao {
    /// Reads the base object; reserved fields are ignored.
    ///
    /// # Errors
    /// [`Malformed`](crate::status::Error::Malformed) when it is cut short.
    pub fn parse(body: &[u8]) -> Result<(Dao, Options<'_>)> {
        let mut reader = Reader::new(body);
        let [instance, bits, _, sequence] = reader.array()?;
        let dodag_id = if bits & 0x40 != 0 { Some(Ip(reader.array()?)) } else { None };
        let dao = Dao { instance, acknowledge: bits & 0x80 != 0, sequence, dodag_id };
        Ok((dao, Options::new(reader.rest())))
    }

    /// Writes the base object.
    ///
    /// # Errors
    /// [`TooLarge`](crate::status::Error::TooLarge).
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let bits = u8::from(self.acknowledge) << 7 | u8::from(self.dodag_id.is_some()) << 6;
        out.put(&[self.instance, bits, 0, self.sequence])?;
        self.dodag_id.map_or(Ok(()), |id| out.put(&id.0))
    }

    /// Bytes of the base object.
    pub const fn encoded_len(&self) -> usize {
        if self.dodag_id.is_some() { 20 } else { 4 }
    }
}

/// Destination Advertisement Object Acknowledgement (RFC 6550 §6.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaoAck {
    /// RPLInstanceID.
    pub instance: u8,
    /// The DAOSequence that is answered.
    pub sequence: u8,
    /// 0 accepts, up to 127 suggests another parent, more refuses.
    pub status: u8,
    /// The DODAG, given with a local instance.
    pub dodag_id: Option<Ip>,
}

impl DaoAck {
    /// The status that this implementation refuses with: the table is full. RFC 6550 §6.5.1
    /// leaves the choice among 128 to 255 open.
    pub const REFUSED: u8 = 128;

    /// Reads the base object; reserved fields are ignored.
    ///
    /// # Errors
    /// [`Malformed`](crate::status::Error::Malformed) when it is cut short.
    pub fn parse(body: &[u8]) -> Result<(DaoAck, Options<'_>)> {
        let mut reader = Reader::new(body);
        let [instance, bits, sequence, status] = reader.array()?;
        let dodag_id = if bits & 0x80 != 0 { Some(Ip(reader.array()?)) } else { None };
        Ok((DaoAck { instance, sequence, status, dodag_id }, Options::new(reader.rest())))
    }

    /// Writes the base object.
    ///
    /// # Errors
    /// [`TooLarge`](crate::status::Error::TooLarge).
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let bits = u8::from(self.dodag_id.is_some()) << 7;
        out.put(&[self.instance, bits, self.sequence, self.status])?;
        self.dodag_id.map_or(Ok(()), |id| out.put(&id.0))
    }

    /// Bytes of the base object.
    pub const fn encoded_len(&self) -> usize {
        if self.dodag_id.is_some() { 20 } else { 4 }
    }
}
