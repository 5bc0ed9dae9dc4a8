// SPDX-License-Identifier: MIT OR Apache-2.0
//! What beacons and MAC commands carry in their payload (2015 §7.3.1 and §7.5).
#![forbid(unsafe_code)]

use super::LinkAddress;
use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// A MAC command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Association request with the capability information.
    AssociationRequest(u8),
    /// Association response: the short address given, and the status (0 is success).
    AssociationResponse {
        /// The address given; `0xffff` when refused, `0xfffe` when the EUI-64 is to be used.
        short: u16,
        /// 0 is success.
        status: u8,
    },
    /// Disassociation notification with the reason.
    Disassociation(u8),
    /// A sleepy device asks for what is held for it.
    DataRequest,
    /// Two coordinators use the same PAN ID.
    PanIdConflict,
    /// A device has lost its coordinator.
    OrphanNotification,
    /// Whoever hears this is to send a beacon.
    BeaconRequest,
    /// The coordinator's present state.
    CoordinatorRealignment {
        /// The PAN.
        pan: u16,
        /// The coordinator's short address.
        coordinator: u16,
        /// The channel.
        channel: u8,
        /// The short address of the device spoken to, `0xffff` when it is for all.
        short: u16,
    },
    /// Guaranteed time slot request with its characteristics.
    GtsRequest(u8),
}

impl Command {
    /// Reads the payload of a MAC command frame. What a later edition appends is left aside.
    ///
    /// # Errors
    /// [`Error::Malformed`] when cut short, [`Error::Unsupported`] for other commands.
    pub fn parse(payload: &[u8]) -> Result<Command> {
        let mut reader = Reader::new(payload);
        Ok(match reader.u8()? {
            1 => Command::AssociationRequest(reader.u8()?),
            2 => Command::AssociationResponse {
                short: u16::from_le_bytes(reader.array()?),
                status: reader.u8()?,
            },
            3 => Command::Disassociation(reader.u8()?),
            4 => Command::DataRequest,
            5 => Command::PanIdConflict,
            6 => Command::OrphanNotification,
            7 => Command::BeaconRequest,
            8 => Command::CoordinatorRealignment {
                pan: u16::from_le_bytes(reader.array()?),
                coordinator: u16::from_le_bytes(reader.array()?),
                channel: reader.u8()?,
                short: u16::from_le_bytes(reader.array()?),
            },
            9 => Command::GtsRequest(reader.u8()?),
            _ => return Err(Error::Unsupported),
        })
    }

    /// How many bytes the command takes.
    pub const fn encoded_len(&self) -> usize {
        match self {
            Command::AssociationRequest(_) | Command::Disassociation(_) | Command::GtsRequest(_) => 2,
            Command::AssociationResponse { .. } => 4,
            Command::CoordinatorRealignment { .. } => 8,
            _ => 1,
        }
    }

    /// Writes the payload of a MAC command frame.
    ///
    /// # Errors
    /// [`Error::TooLarge`] without room.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        match *self {
            Command::AssociationRequest(capability) => out.put(&[1, capability]),
            Command::AssociationResponse { short, status } => {
                out.u8(2)?;
                out.put(&short.to_le_bytes())?;
                out.u8(status)
            }
            Command::Disassociation(reason) => out.put(&[3, reason]),
            Command::DataRequest => out.u8(4),
            Command::PanIdConflict => out.u8(5),
            Command::OrphanNotification => out.u8(6),
            Command::BeaconRequest => out.u8(7),
            Command::CoordinatorRealignment { pan, coordinator, channel, short } => {
                out.u8(8)?;
                out.put(&pan.to_le_bytes())?;
                out.put(&coordinator.to_le_bytes())?;
                out.u8(channel)?;
                out.put(&short.to_le_bytes())
            }
            Command::GtsRequest(characteristics) => out.put(&[9, characteristics]),
        }
    }
}

/// What a beacon of the 2003 and 2006 editions carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beacon<'a> {
    /// The superframe specification: beacon order, superframe order, final CAP slot, and bits.
    pub superframe: u16,
    /// GTS specification, directions and list, as they stand.
    pub gts: &'a [u8],
    /// The pending addresses: their specification and the list, as they stand.
    pending: &'a [u8],
    /// The beacon payload.
    pub payload: &'a [u8],
}

impl<'a> Beacon<'a> {
    /// Whether the sender is the PAN's coordinator.
    pub const fn is_pan_coordinator(&self) -> bool {
        self.superframe & 0x4000 != 0
    }

    /// Whether the sender lets devices associate.
    pub const fn permits_association(&self) -> bool {
        self.superframe & 0x8000 != 0
    }

    /// For whom the sender holds frames.
    pub fn pending(&self) -> impl Iterator<Item = LinkAddress> + 'a {
        let (counts, list) = self.pending.split_first().unwrap_or((&0, &[]));
        let shorts = usize::from(counts & 7);
        let (shorts, extended) = list.split_at_checked(2 * shorts).unwrap_or((list, &[]));
        let extended = extended.chunks_exact(8).filter_map(|bytes| {
            let bytes: [u8; 8] = bytes.try_into().ok()?;
            Some(LinkAddress::Extended(u64::from_le_bytes(bytes).to_be_bytes()))
        });
        let shorts = shorts
            .chunks_exact(2)
            .filter_map(|bytes| Some(LinkAddress::Short(u16::from_le_bytes(bytes.try_into().ok()?))));
        shorts.chain(extended)
    }

    /// Reads the payload of a beacon frame.
    ///
    /// # Errors
    /// [`Error::Malformed`] when cut short.
    pub fn parse(payload: &'a [u8]) -> Result<Beacon<'a>> {
        let mut reader = Reader::new(payload);
        let superframe = u16::from_le_bytes(reader.array()?);
        let rest = reader.rest();
        let slots = usize::from(reader.u8()? & 7);
        let gts = if slots == 0 { 1 } else { 2 + 3 * slots };
        let (gts, rest) = rest.split_at_checked(gts).ok_or(Error::Malformed)?;
        let counts = usize::from(*rest.first().ok_or(Error::Malformed)?);
        let pending = 1 + 2 * (counts & 7) + 8 * (counts >> 4 & 7);
        let (pending, payload) = rest.split_at_checked(pending).ok_or(Error::Malformed)?;
        Ok(Beacon { superframe, gts, pending, payload })
    }

    /// How many bytes the beacon takes.
    pub const fn encoded_len(&self) -> usize {
        2 + self.gts.len() + self.pending.len() + self.payload.len()
    }

    /// Writes the payload of a beacon frame.
    ///
    /// # Errors
    /// [`Error::TooLarge`] without room.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        out.put(&self.superframe.to_le_bytes())?;
        out.put(self.gts)?;
        out.put(self.pending)?;
        out.put(self.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn commands_and_beacons_that_parse_emit_the_same_bytes(
            bytes in proptest::collection::vec(any::<u8>(), 0..40), code in 0u8..12
        ) {
            let mut buffer = [0; 48];
            if let Ok(beacon) = Beacon::parse(&bytes) {
                let mut out = Writer::new(&mut buffer);
                beacon.emit(&mut out).unwrap();
                prop_assert_eq!(out.position(), beacon.encoded_len());
                prop_assert_eq!(out.written(), &bytes[..]);
                prop_assert!(beacon.pending().count() <= 14);
            }
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = code;
            }
            if let Ok(command) = Command::parse(&bytes) {
                let mut out = Writer::new(&mut buffer);
                command.emit(&mut out).unwrap();
                prop_assert_eq!(out.position(), command.encoded_len());
                prop_assert_eq!(out.written(), &bytes[..command.encoded_len()]);
            }
        }
    }

    #[test]
    fn a_beacon_lists_for_whom_frames_are_held() {
        let beacon = [0xff, 0xcf, 0x00, 0x12, 0x34, 0x12, 0x78, 0x56, 1, 0, 0, 0, 0, 0, 0, 2, 9];
        let beacon = Beacon::parse(&beacon).unwrap();
        assert!(beacon.is_pan_coordinator() && beacon.permits_association());
        let pending: Vec<_> = beacon.pending().collect();
        let extended = LinkAddress::Extended([2, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(pending, [LinkAddress::Short(0x1234), LinkAddress::Short(0x5678), extended]);
        assert_eq!(beacon.payload, [9]);
    }
}
