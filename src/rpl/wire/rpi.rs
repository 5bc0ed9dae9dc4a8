// SPDX-License-Identifier: MIT OR Apache-2.0
//! The RPL option, which carries the RPL Packet Information in a hop-by-hop header
//! (RFC 6550 §11.2, RFC 6553 §3, RFC 9008 §4.2).
#![forbid(unsafe_code)]

use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// RPL Packet Information: what a router checks to detect loops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketInformation {
    /// O: the packet is expected to go down.
    pub down: bool,
    /// R: some router before saw a mismatch of ranks.
    pub rank_error: bool,
    /// F: a child had no route and sent the packet back.
    pub forwarding_error: bool,
    /// RPLInstanceID.
    pub instance: u8,
    /// DAGRank of the router before, 0 from the source.
    pub sender_rank: u16,
}

impl PacketInformation {
    /// Option type of RFC 6553: a node that does not know it drops the packet.
    pub const TYPE: u8 = 0x63;
    /// Option type of RFC 9008: a node that does not know it skips the option.
    pub const TYPE_SKIPPED: u8 = 0x23;
    /// Bytes of the option data.
    pub const DATA_LEN: usize = 4;

    /// The bit O in the first byte of the data.
    pub(crate) const DOWN: u8 = 0x80;
    /// The bit R.
    pub(crate) const RANK_ERROR: u8 = 0x40;
    /// The bit F.
    pub(crate) const FORWARDING_ERROR: u8 = 0x20;

    /// Whether an option type is one of the two.
    pub const fn is_type(kind: u8) -> bool {
        kind == Self::TYPE || kind == Self::TYPE_SKIPPED
    }

    /// Reads the option data, behind type and length. Sub-TLVs are skipped.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is cut short.
    pub fn parse(data: &[u8]) -> Result<PacketInformation> {
        let mut reader = Reader::new(data);
        let [bits, instance] = reader.array()?;
        Ok(PacketInformation {
            down: bits & 0x80 != 0,
            rank_error: bits & 0x40 != 0,
            forwarding_error: bits & 0x20 != 0,
            instance,
            sender_rank: reader.u16()?,
        })
    }

    /// The option data.
    pub const fn data(&self) -> [u8; 4] {
        let bits = (self.down as u8) << 7 | (self.rank_error as u8) << 6 | (self.forwarding_error as u8) << 5;
        let [high, low] = self.sender_rank.to_be_bytes();
        [bits, self.instance, high, low]
    }

    /// Writes the whole option with the type that the DODAG uses.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn emit(&self, kind: u8, out: &mut Writer<'_>) -> Result<()> {
        out.put(&[kind, 4])?;
        out.put(&self.data())
    }

    /// Rewrites the data of a received option in place, leaving its type and sub-TLVs.
    ///
    /// # Errors
    /// [`Error::Malformed`] when there are less than four bytes.
    pub fn update(&self, data: &mut [u8]) -> Result<()> {
        *data.first_chunk_mut().ok_or(Error::Malformed)? = self.data();
        Ok(())
    }
}
