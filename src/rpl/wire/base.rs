// SPDX-License-Identifier: MIT OR Apache-2.0
//! The base objects of the control messages (RFC 6550 §6.2 to §6.5).
#![forbid(unsafe_code)]

use super::option::Options;
use crate::address::Ip;
use crate::bytes::Writer;
use crate::status::{Error, Result};

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
        let (_, options) = body.split_first_chunk::<{ Dis::LEN }>().ok_or(Error::Malformed)?;
        Ok((Dis, Options::new(options)))
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
        let (view, options) = DioView::split(body)?;
        let dio = Dio {
            instance: view.instance(),
            version: view.version(),
            rank: view.rank(),
            grounded: view.grounded(),
            mode: view.mode(),
            preference: view.preference(),
            dtsn: view.dtsn(),
            dodag_id: *view.dodag_id(),
        };
        Ok((dio, options))
    }

    /// Writes the base object.
    ///
    /// # Errors
    /// [`TooLarge`](crate::status::Error::TooLarge).
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        self.emit_about(&self.dodag_id, out)
    }

    /// The same with a DODAGID that stands elsewhere.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub(crate) fn emit_about(&self, dodag_id: &Ip, out: &mut Writer<'_>) -> Result<()> {
        let bits = u8::from(self.grounded) << 7 | (self.mode & 7) << 3 | self.preference & 7;
        let [high, low] = self.rank.to_be_bytes();
        out.put(&[self.instance, self.version, high, low, bits, self.dtsn, 0, 0])?;
        out.put(&dodag_id.0)
    }
}

/// The base object of a DIO where it stands: what [`Dio`] is a copy of.
#[derive(Clone, Copy)]
pub(crate) struct DioView<'a>(&'a [u8; Dio::LEN]);

impl<'a> DioView<'a> {
    /// The base object and the options behind it.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is cut short.
    pub(crate) fn split(body: &'a [u8]) -> Result<(DioView<'a>, Options<'a>)> {
        let (base, options) = body.split_first_chunk().ok_or(Error::Malformed)?;
        Ok((DioView(base), Options::new(options)))
    }

    pub(crate) const fn instance(self) -> u8 {
        self.0[0]
    }

    pub(crate) const fn version(self) -> u8 {
        self.0[1]
    }

    pub(crate) const fn rank(self) -> u16 {
        u16::from_be_bytes([self.0[2], self.0[3]])
    }

    pub(crate) const fn grounded(self) -> bool {
        self.0[4] & 0x80 != 0
    }

    pub(crate) const fn mode(self) -> u8 {
        self.0[4] >> 3 & 7
    }

    pub(crate) const fn preference(self) -> u8 {
        self.0[4] & 7
    }

    pub(crate) const fn dtsn(self) -> u8 {
        self.0[5]
    }

    pub(crate) const fn dodag_id(self) -> &'a Ip {
        let [_, _, _, _, _, _, _, _, id @ ..] = self.0;
        Ip::of(id)
    }
}

/// The base object of a DAO or DAO-ACK: four bytes, and the DODAGID if `flag` in the second says so.
fn split_base(body: &[u8], flag: u8) -> Result<(&[u8; 4], Option<&Ip>, Options<'_>)> {
    let (base, rest) = body.split_first_chunk::<4>().ok_or(Error::Malformed)?;
    if base[1] & flag == 0 {
        return Ok((base, None, Options::new(rest)));
    }
    let (id, rest) = rest.split_first_chunk().ok_or(Error::Malformed)?;
    Ok((base, Some(Ip::of(id)), Options::new(rest)))
}

fn put_base(base: &[u8; 4], dodag_id: Option<&Ip>, out: &mut Writer<'_>) -> Result<()> {
    out.put(base)?;
    out.put(dodag_id.map_or(&[], |id| &id.0))
}

/// Destination Advertisement Object (RFC 6550 §6.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dao<'a> {
    /// RPLInstanceID.
    pub instance: u8,
    /// Whether a DAO-ACK is wanted.
    pub acknowledge: bool,
    /// DAOSequence, which the DAO-ACK repeats.
    pub sequence: u8,
    /// The DODAG, given with a local instance.
    pub dodag_id: Option<&'a Ip>,
}

impl<'a> Dao<'a> {
    /// Reads the base object; reserved fields are ignored.
    ///
    /// # Errors
    /// [`Malformed`](crate::status::Error::Malformed) when it is cut short.
    pub fn parse(body: &'a [u8]) -> Result<(Dao<'a>, Options<'a>)> {
        let (&[instance, bits, _, sequence], dodag_id, options) = split_base(body, 0x40)?;
        Ok((Dao { instance, acknowledge: bits & 0x80 != 0, sequence, dodag_id }, options))
    }

    /// Writes the base object.
    ///
    /// # Errors
    /// [`TooLarge`](crate::status::Error::TooLarge).
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let bits = u8::from(self.acknowledge) << 7 | u8::from(self.dodag_id.is_some()) << 6;
        put_base(&[self.instance, bits, 0, self.sequence], self.dodag_id, out)
    }

    /// Bytes of the base object.
    pub const fn encoded_len(&self) -> usize {
        if self.dodag_id.is_some() { 20 } else { 4 }
    }
}

/// Destination Advertisement Object Acknowledgement (RFC 6550 §6.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaoAck<'a> {
    /// RPLInstanceID.
    pub instance: u8,
    /// The DAOSequence that is answered.
    pub sequence: u8,
    /// 0 accepts, up to 127 suggests another parent, more refuses.
    pub status: u8,
    /// The DODAG, given with a local instance.
    pub dodag_id: Option<&'a Ip>,
}

impl<'a> DaoAck<'a> {
    /// The status that this implementation refuses with: the table is full. RFC 6550 §6.5.1
    /// leaves the choice among 128 to 255 open.
    pub const REFUSED: u8 = 128;

    /// Reads the base object; reserved fields are ignored.
    ///
    /// # Errors
    /// [`Malformed`](crate::status::Error::Malformed) when it is cut short.
    pub fn parse(body: &'a [u8]) -> Result<(DaoAck<'a>, Options<'a>)> {
        let (&[instance, _, sequence, status], dodag_id, options) = split_base(body, 0x80)?;
        Ok((DaoAck { instance, sequence, status, dodag_id }, options))
    }

    /// Writes the base object.
    ///
    /// # Errors
    /// [`TooLarge`](crate::status::Error::TooLarge).
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let bits = u8::from(self.dodag_id.is_some()) << 7;
        put_base(&[self.instance, bits, self.sequence, self.status], self.dodag_id, out)
    }

    /// Bytes of the base object.
    pub const fn encoded_len(&self) -> usize {
        if self.dodag_id.is_some() { 20 } else { 4 }
    }
}
