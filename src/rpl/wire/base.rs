// SPDX-License-Identifier: MIT OR Apache-2.0
//! The base objects of the control messages (RFC 6550 §6.2 to §6.5).
#![forbid(unsafe_code)]

use super::code;
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
        split(code::DIS, body).map(|(_, options)| (Dis, options))
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
        match split(code::DIO, body)? {
            (Base::Dio(view), options) => Ok((view.into(), options)),
            _ => Err(Error::Malformed),
        }
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

impl From<DioView<'_>> for Dio {
    fn from(view: DioView<'_>) -> Dio {
        Dio {
            instance: view.instance(),
            version: view.version(),
            rank: view.rank(),
            grounded: view.grounded(),
            mode: view.mode(),
            preference: view.preference(),
            dtsn: view.dtsn(),
            dodag_id: *view.dodag_id(),
        }
    }
}

/// The base object of a message.
pub(crate) enum Base<'a> {
    Dis,
    Dio(DioView<'a>),
    Dao(Dao<'a>),
    DaoAck(DaoAck<'a>),
}

/// The base object of a message and the options behind it, which are not looked at.
///
/// # Errors
/// [`Error::Malformed`] when it is cut short; [`Error::Security`] for a secured message, [`Error::Unsupported`] for
/// any other code.
pub(crate) fn split(code: u8, body: &[u8]) -> Result<(Base<'_>, Options<'_>)> {
    // The DODAGID is in a DAO or DAO-ACK if its flag says so.
    let flags = body.get(1).copied().unwrap_or(0);
    let length = match code {
        code::DIS => Dis::LEN,
        code::DIO => Dio::LEN,
        code::DAO => 4 + usize::from(flags & 0x40) / 4,
        code::DAO_ACK => 4 + usize::from(flags & 0x80) / 8,
        0x80..=0x83 | code::CONSISTENCY_CHECK => return Err(Error::Security),
        _ => return Err(Error::Unsupported),
    };
    let (base, options) = body.split_at_checked(length).ok_or(Error::Malformed)?;
    let base = match (code, base) {
        (code::DIS, _) => Base::Dis,
        (code::DIO, base) => Base::Dio(DioView(base.try_into().map_err(|_| Error::Malformed)?)),
        (code, &[instance, flags, third, fourth, ref id @ ..]) => {
            let dodag_id = id.first_chunk().map(Ip::of);
            if code == code::DAO {
                Base::Dao(Dao { instance, acknowledge: flags & 0x80 != 0, sequence: fourth, dodag_id })
            } else {
                Base::DaoAck(DaoAck { instance, sequence: third, status: fourth, dodag_id })
            }
        }
        _ => return Err(Error::Malformed),
    };
    Ok((base, Options::new(options)))
}

/// The base object of a DIO where it stands: what [`Dio`] is a copy of.
#[derive(Clone, Copy)]
pub(crate) struct DioView<'a>(&'a [u8; Dio::LEN]);

impl<'a> DioView<'a> {
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
        match split(code::DAO, body)? {
            (Base::Dao(dao), options) => Ok((dao, options)),
            _ => Err(Error::Malformed),
        }
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
        match split(code::DAO_ACK, body)? {
            (Base::DaoAck(ack), options) => Ok((ack, options)),
            _ => Err(Error::Malformed),
        }
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
