// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames as the MAC reads and writes them: the fields of the header as they stand, without the other forms of
//! [`Frame`](super::wire::Frame) that no frame of the MAC's own has.
#![forbid(unsafe_code)]

use super::LinkAddress;
use super::control::{EXTENDED, FrameType, NONE, SHORT, Version, mode, pan_ids};
use super::element;
use super::security::{self, mic_len};
use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// One end of a frame's way.
#[derive(Clone, Copy, Debug, Default)]
pub struct End {
    /// The PAN ID, when the frame carries one.
    pub pan: Option<u16>,
    /// The address.
    pub address: LinkAddress,
}

/// The fields of a header.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields {
    /// The frame control field.
    pub(super) control: u16,
    /// The sequence number; only a 2015 frame may lack it.
    pub(super) sequence: Option<u8>,
    /// The destination, then the source.
    pub ends: [End; 2],
}

/// There is a destination PAN ID.
const TO: u8 = 1;
/// There is a source PAN ID.
const FROM: u8 = 2;
/// There can be no such frame.
const CONTRADICTION: u8 = 4;

/// Which PAN IDs a frame carries, for its edition (2015, or before), addressing modes and PAN ID compression: in the
/// low half of a byte without compression, in the high half with it.
const PANS: [u8; 32] = {
    let mut table = [0; 32];
    let mut index = 0;
    while index < 64 {
        let (modern, to, from) = (index & 32 != 0, index >> 3 & 3, index >> 1 & 3);
        let compression = index & 1 != 0;
        let version = if modern { Version::V2015 } else { Version::V2006 };
        let pans = pan_ids(version, to as u16, from as u16, compression);
        let mut bits = if pans.0 { TO } else { 0 } | if pans.1 { FROM } else { 0 };
        if !modern && compression && (to as u16 == NONE || from as u16 == NONE) {
            bits = CONTRADICTION;
        }
        table[index >> 1] |= bits << if compression { 4 } else { 0 };
        index += 1;
    }
    table
};

impl Fields {
    /// Whether the frame follows the rules of the 2015 edition.
    const fn is_modern(&self) -> bool {
        self.control & 0x2000 != 0
    }

    /// What the frame is.
    pub const fn frame_type(&self) -> FrameType {
        match self.control & 3 {
            0 => FrameType::Beacon,
            1 => FrameType::Data,
            2 => FrameType::Ack,
            _ => FrameType::Command,
        }
    }

    pub(super) const fn version(&self) -> Version {
        match self.control >> 12 & 3 {
            0 => Version::V2003,
            1 => Version::V2006,
            _ => Version::V2015,
        }
    }

    /// Whether the sender asks for an acknowledgement.
    pub(super) const fn asks_for_ack(&self) -> bool {
        self.control & 0x20 != 0
    }

    /// For whom the frame is.
    pub const fn destination(&self) -> &LinkAddress {
        &self.ends[0].address
    }

    /// From whom the frame is.
    pub const fn source(&self) -> &LinkAddress {
        &self.ends[1].address
    }

    /// Reads the header, into fields that are empty.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let control = u16::from_le_bytes(reader.array()?);
        if control & 4 != 0 || control >> 12 & 3 == 3 {
            return Err(Error::Unsupported);
        }
        self.control = control;
        if !self.is_modern() || control & 0x100 == 0 {
            self.sequence = Some(reader.u8()?);
        }
        let place = control >> 9 & 0x10 | control >> 8 & 0xc | control >> 14;
        let both = PANS.get(usize::from(place)).copied().unwrap_or(0);
        let mut pans = if control & 0x40 != 0 { both >> 4 } else { both };
        if pans & CONTRADICTION != 0 {
            return Err(Error::Malformed);
        }
        let mut modes = control >> 10;
        for end in &mut self.ends {
            if pans & TO != 0 {
                end.pan = Some(u16::from_le_bytes(reader.array()?));
            }
            read_address(modes & 3, reader, &mut end.address)?;
            (pans, modes) = (pans >> 1, modes >> 4);
        }
        Ok(())
    }

    /// Reads a frame, checked as [`Frame::parse`](super::wire::Frame::parse) does it, into fields that are empty:
    /// its payload, unless it is secured.
    pub(super) fn open<'d>(&mut self, bytes: &'d [u8]) -> Result<Option<&'d [u8]>> {
        let mut reader = Reader::new(bytes);
        self.read(&mut reader)?;
        let secured = self.control & 8 != 0;
        let level = if secured { security::check(&mut reader, self.version())? } else { 0 };
        let mut payload = reader.rest();
        if self.is_modern() && self.control & 0x200 != 0 {
            let mic = mic_len(level);
            let (elements, rest) = element::split_header(payload, mic)?;
            payload = rest;
            if elements.payload_elements_follow && level & 4 == 0 {
                (_, payload) = element::split_payload(rest, mic)?;
            }
        }
        Ok(if secured { None } else { Some(payload) })
    }

    /// Writes the acknowledgement of this frame: an enhanced one for a 2015 frame (2015 §7.3.3), else an immediate
    /// one.
    pub(super) fn put_ack(&self, out: &mut Writer<'_>) -> Result<()> {
        if !self.is_modern() {
            return put_start(2, self.sequence, out);
        }
        let [End { pan, .. }, End { address: to, .. }] = &self.ends;
        if to.is_empty() {
            return Err(Error::Invalid);
        }
        let compression = if pan.is_none() { 0x40 } else { 0 };
        let suppressed = if self.sequence.is_none() { 0x100 } else { 0 };
        put_start(0x2002 | compression | suppressed | mode(*to) << 10, self.sequence, out)?;
        if let Some(pan) = pan {
            out.put(&pan.to_le_bytes())?;
        }
        put_address(*to, out)
    }
}

fn read_address(mode: u16, reader: &mut Reader<'_>, address: &mut LinkAddress) -> Result<()> {
    match mode {
        NONE => {}
        SHORT => *address = LinkAddress::Short(u16::from_le_bytes(reader.array()?)),
        EXTENDED => *address = LinkAddress::Extended(u64::from_le_bytes(reader.array()?).to_be_bytes()),
        _ => return Err(Error::Malformed),
    }
    Ok(())
}

pub(super) fn put_start(control: u16, sequence: Option<u8>, out: &mut Writer<'_>) -> Result<()> {
    out.put(&control.to_le_bytes())?;
    sequence.map_or(Ok(()), |sequence| out.u8(sequence))
}

pub(super) fn put_address(address: LinkAddress, out: &mut Writer<'_>) -> Result<()> {
    match address {
        LinkAddress::Short(short) => out.put(&short.to_le_bytes()),
        LinkAddress::Extended(extended) => out.put(&u64::from_be_bytes(extended).to_le_bytes()),
        _ => Ok(()),
    }
}

/// Writes the header that [`Header::data`](super::wire::Header::data) describes.
pub(super) fn put_data(
    pan: u16,
    destination: LinkAddress,
    source: LinkAddress,
    sequence: u8,
    out: &mut Writer<'_>,
) -> Result<()> {
    let ack_request = if destination.is_unicast() { 0x20 } else { 0 };
    let control = 0x1041 | ack_request | mode(destination) << 10 | mode(source) << 14;
    put_start(control, Some(sequence), out)?;
    out.put(&pan.to_le_bytes())?;
    put_address(destination, out)?;
    put_address(source, out)
}

/// Whether a frame that begins with such a header asks for an acknowledgement.
pub(super) fn asks_for_ack(frame: &[u8]) -> bool {
    frame.first().is_some_and(|control| control & 0x20 != 0)
}

/// The destination of a frame that begins with such a header.
pub(super) fn destination(frame: &[u8]) -> LinkAddress {
    let mut address = LinkAddress::None;
    if let [_, control, _, _, _, rest @ ..] = frame {
        // What was written is whole.
        let _ = read_address(u16::from(control >> 2 & 3), &mut Reader::new(rest), &mut address);
    }
    address
}
