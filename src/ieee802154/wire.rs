// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames of IEEE 802.15.4: the 2003, 2006 and 2015 formats, without the FCS.
//!
//! Multi-byte fields go least significant byte first. An EUI-64 is kept most significant byte
//! first, as [`LinkAddress`] has it, and turned round on the air.
#![forbid(unsafe_code)]

use super::LinkAddress;
use super::control::{NONE, mode, pan_ids};
use super::element;
use super::fields::{Fields, put_address, put_start};
use super::security::Security;
use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

pub use super::control::{FrameType, Version};

/// The largest frame with its FCS (aMaxPHYPacketSize).
pub const MAX_FRAME: usize = 127;
/// How many bytes the FCS takes.
pub const FCS_LEN: usize = 2;
/// The PAN ID that stands for every PAN.
pub const BROADCAST_PAN: u16 = 0xffff;

/// The MAC header up to the addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// What the frame is.
    pub frame_type: FrameType,
    /// Which edition's rules it follows.
    pub version: Version,
    /// The sender holds more for the receiver.
    pub frame_pending: bool,
    /// The sender asks for an acknowledgement.
    pub ack_request: bool,
    /// The PAN ID compression bit. Together with the addressing modes it says which of the PAN
    /// IDs are in the frame.
    pub pan_id_compression: bool,
    /// The sequence number; only a 2015 frame may lack it.
    pub sequence: Option<u8>,
    /// The destination PAN ID, when the frame carries one.
    pub destination_pan: Option<u16>,
    /// For whom the frame is.
    pub destination: LinkAddress,
    /// The source PAN ID, when the frame carries one.
    pub source_pan: Option<u16>,
    /// From whom the frame is.
    pub source: LinkAddress,
}

/// A whole frame without its FCS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The header.
    pub header: Header,
    /// The auxiliary security header; `None` when the frame is not secured.
    pub security: Option<Security>,
    /// The header IEs with their terminator, as they stand in the frame; empty when there are
    /// none. [`element::Elements`] walks them.
    pub header_elements: &'a [u8],
    /// The payload IEs with their terminator. Empty when there are none, and when the frame is
    /// encrypted: they are part of the payload then.
    pub payload_elements: &'a [u8],
    /// The payload; in a secured frame with the message integrity code at its end.
    pub payload: &'a [u8],
}

impl Header {
    /// The header of a data frame within one PAN, both addresses given, with the PAN ID once.
    pub const fn data(pan: u16, destination: LinkAddress, source: LinkAddress, sequence: u8) -> Header {
        Header {
            frame_type: FrameType::Data,
            version: Version::V2006,
            frame_pending: false,
            ack_request: destination.is_unicast(),
            pan_id_compression: true,
            sequence: Some(sequence),
            destination_pan: Some(pan),
            destination,
            source_pan: None,
            source,
        }
    }

    /// The PAN that the frame comes from, as far as it says: the source PAN ID, or the
    /// destination's where one stands for both.
    pub const fn origin_pan(&self) -> Option<u16> {
        match self.source_pan {
            Some(pan) => Some(pan),
            None => self.destination_pan,
        }
    }

    /// How many bytes the header takes.
    pub const fn encoded_len(&self) -> usize {
        let sequence = self.sequence.is_some() as usize;
        let pans = self.destination_pan.is_some() as usize + self.source_pan.is_some() as usize;
        2 + sequence + 2 * pans + self.destination.len() + self.source.len()
    }

    /// Writes the header; `secured` and `elements` say whether an auxiliary security header and
    /// IEs follow.
    ///
    /// # Errors
    /// [`Error::TooLarge`] without room; [`Error::Invalid`] when the PAN IDs given are not those
    /// that the addressing modes and the compression bit call for, when a sequence number lacks
    /// or IEs follow before the 2015 edition, or a 2003 frame is to be secured.
    pub fn emit(&self, secured: bool, elements: bool, out: &mut Writer<'_>) -> Result<()> {
        let modern = self.version == Version::V2015;
        let (to, from) = (mode(self.destination), mode(self.source));
        let pans = (self.destination_pan.is_some(), self.source_pan.is_some());
        let alone = !modern && self.pan_id_compression && (to == NONE || from == NONE);
        if pans != pan_ids(self.version, to, from, self.pan_id_compression)
            || alone
            || !modern && (self.sequence.is_none() || elements)
            || secured && self.version == Version::V2003
        {
            return Err(Error::Invalid);
        }
        let control = self.frame_type as u16
            | u16::from(secured) << 3
            | u16::from(self.frame_pending) << 4
            | u16::from(self.ack_request) << 5
            | u16::from(self.pan_id_compression) << 6
            | u16::from(self.sequence.is_none()) << 8
            | u16::from(elements) << 9
            | to << 10
            | (self.version as u16) << 12
            | from << 14;
        put_start(control, self.sequence, out)?;
        for (pan, address) in [(self.destination_pan, self.destination), (self.source_pan, self.source)] {
            if let Some(pan) = pan {
                out.put(&pan.to_le_bytes())?;
            }
            put_address(address, out)?;
        }
        Ok(())
    }
}

impl Fields {
    /// The same, field by field.
    pub const fn header(&self) -> Header {
        let [to, from] = self.ends;
        Header {
            frame_type: self.frame_type(),
            version: self.version(),
            frame_pending: self.control & 0x10 != 0,
            ack_request: self.asks_for_ack(),
            pan_id_compression: self.control & 0x40 != 0,
            sequence: self.sequence,
            destination_pan: to.pan,
            destination: to.address,
            source_pan: from.pan,
            source: from.address,
        }
    }
}

impl<'a> Frame<'a> {
    /// Reads a frame whose FCS has been checked and taken off.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the frame is shorter than its own fields say or uses reserved
    /// values; [`Error::Unsupported`] for the frame types and versions that are not in
    /// [`FrameType`] and [`Version`], and for the security of the 2003 edition.
    pub fn parse(bytes: &'a [u8]) -> Result<Frame<'a>> {
        let mut reader = Reader::new(bytes);
        let mut fields = Fields::default();
        fields.read(&mut reader)?;
        let (control, header) = (fields.control, fields.header());
        let mut security = None;
        if control & 8 != 0 {
            let parsed = Security::parse(&mut reader, header.version)?;
            security = Some(parsed);
        }
        let mut frame = Frame { header, security, ..Frame::default() };
        if header.version == Version::V2015 && control & 0x200 != 0 {
            let mic = security.map_or(0, |security| security.mic_len());
            let (elements, rest) = element::split_header(reader.take_rest(), mic)?;
            frame.header_elements = elements.bytes;
            reader = Reader::new(rest);
            if elements.payload_elements_follow && !security.is_some_and(|it| it.is_encrypted()) {
                (frame.payload_elements, frame.payload) = element::split_payload(rest, mic)?;
                return Ok(frame);
            }
        }
        frame.payload = reader.take_rest();
        Ok(frame)
    }

    /// How many bytes the frame takes.
    pub fn encoded_len(&self) -> usize {
        self.header.encoded_len()
            + self.security.map_or(0, |security| security.encoded_len())
            + self.header_elements.len()
            + self.payload_elements.len()
            + self.payload.len()
    }

    /// Writes the frame without FCS. IEs and message integrity code go out as they are given.
    ///
    /// # Errors
    /// As [`Header::emit`].
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let elements = !self.header_elements.is_empty();
        self.header.emit(self.security.is_some(), elements, out)?;
        if let Some(security) = &self.security {
            security.emit(self.header.version, out)?;
        }
        out.put(self.header_elements)?;
        out.put(self.payload_elements)?;
        out.put(self.payload)
    }
}

/// The immediate acknowledgement of the frame with that sequence number.
pub const fn immediate_ack(sequence: u8, frame_pending: bool) -> [u8; 3] {
    [if frame_pending { 0x12 } else { 0x02 }, 0, sequence]
}

/// The FCS of a frame: CRC-16 with the reflected polynomial 0x8408, sent low byte first.
pub fn fcs(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    for byte in bytes {
        // The eight rounds of the bitwise form, folded into shifts.
        let low = (crc as u8) ^ byte;
        let mixed = u16::from(low ^ low << 4);
        crc = (mixed << 8 | crc >> 8) ^ mixed >> 4 ^ mixed << 3;
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ieee802154::fields::{self, End, asks_for_ack, put_data};
    use crate::ieee802154::security::KeyIdentifier;
    use proptest::prelude::*;

    fn link_address() -> impl Strategy<Value = LinkAddress> {
        prop_oneof![
            Just(LinkAddress::None),
            any::<u16>().prop_map(LinkAddress::Short),
            any::<[u8; 8]>().prop_map(LinkAddress::Extended)
        ]
    }

    fn security() -> impl Strategy<Value = Option<Security>> {
        let key = prop_oneof![
            Just(KeyIdentifier::Implicit),
            any::<u8>().prop_map(KeyIdentifier::Index),
            any::<([u8; 4], u8)>().prop_map(|(source, index)| KeyIdentifier::Source4(source, index)),
            any::<([u8; 8], u8)>().prop_map(|(source, index)| KeyIdentifier::Source8(source, index)),
        ];
        proptest::option::of((0u8..8, key, any::<u32>()).prop_map(|(level, key, counter)| Security {
            level,
            key,
            frame_counter: Some(counter),
            asn_in_nonce: false,
        }))
    }

    proptest! {
        #[test]
        fn what_is_emitted_parses_to_the_same_frame(
            kind in 0u16..4, version in 0u16..3, flags: [bool; 4], sequence: Option<u8>, ids: [u16; 2],
            destination in link_address(), source in link_address(), secured in security(),
            payload in proptest::collection::vec(any::<u8>(), 16..80),
        ) {
            let version = [Version::V2003, Version::V2006, Version::V2015][usize::from(version)];
            let modern = version == Version::V2015;
            let both = !destination.is_empty() && !source.is_empty();
            let compression = flags[2] && (modern || both);
            let (to, from) = pan_ids(version, mode(destination), mode(source), compression);
            let header = Header {
                frame_type: [FrameType::Beacon, FrameType::Data, FrameType::Ack, FrameType::Command]
                    [usize::from(kind)],
                version,
                frame_pending: flags[0],
                ack_request: flags[1],
                pan_id_compression: compression,
                sequence: if modern { sequence } else { Some(sequence.unwrap_or(1)) },
                destination_pan: to.then_some(ids[0]),
                destination,
                source_pan: from.then_some(ids[1]),
                source,
            };
            let security = if version == Version::V2003 { None } else { secured };
            // A CSL IE, then a terminator; with it payload IEs where they can be seen.
            let visible = !security.is_some_and(|it| it.is_encrypted());
            let (header_elements, payload_elements): (&[u8], &[u8]) = match (modern && flags[3], visible) {
                (false, _) => (&[], &[]),
                (true, true) => (&[2, 0x0d, 7, 8, 0x00, 0x3f], &[1, 0xa8, 9, 0x00, 0xf8]),
                (true, false) => (&[2, 0x0d, 7, 8, 0x80, 0x3f], &[]),
            };
            let frame = Frame { header, security, header_elements, payload_elements, payload: &payload };
            let mut buffer = [0; 160];
            let mut out = Writer::new(&mut buffer);
            frame.emit(&mut out).unwrap();
            prop_assert_eq!(out.position(), frame.encoded_len());
            let emitted = out.finish();
            prop_assert_eq!(Frame::parse(emitted).unwrap(), frame);
            let mut opened = Fields::default();
            prop_assert_eq!(opened.open(emitted), Ok(security.is_none().then_some(&payload[..])));
            prop_assert_eq!(opened.header(), header);
        }

        #[test]
        fn what_the_mac_writes_and_reads_is_what_the_codec_does(
            bytes in proptest::collection::vec(any::<u8>(), 0..127), control: [u8; 2], numbers: [u16; 2], sequence: Option<u8>,
            destination in link_address(), source in link_address(), with_pan: bool,
        ) {
            let bytes = [&control[..], &bytes[..]].concat();
            let parsed = Frame::parse(&bytes);
            let opened = parsed.map(|it| (it.header, it.security.is_none().then_some(it.payload)));
            let mut fields = Fields::default();
            prop_assert_eq!(fields.open(&bytes).map(|payload| (fields.header(), payload)), opened);

            let (mut one, mut other) = ([0; 64], [0; 64]);
            let (mut one, mut other) = (Writer::new(&mut one), Writer::new(&mut other));
            if !destination.is_empty() && !source.is_empty() {
                put_data(numbers[0], destination, source, control[0], &mut one).unwrap();
                Header::data(numbers[0], destination, source, control[0]).emit(false, false, &mut other).unwrap();
                prop_assert_eq!(one.written(), other.written());
                prop_assert_eq!(fields::destination(one.written()), destination);
                prop_assert_eq!(asks_for_ack(one.written()), destination.is_unicast());
            }
            one.truncate(0);
            other.truncate(0);
            let pan = with_pan.then_some(numbers[1]);
            let ends = [End { pan, address: LinkAddress::None }, End { pan: None, address: source }];
            let heard = Fields { control: 0x2000, sequence, ends };
            let ack = Header {
                frame_type: FrameType::Ack,
                version: Version::V2015,
                sequence,
                destination_pan: pan,
                pan_id_compression: pan.is_none(),
                destination: source,
                ..Header::default()
            };
            prop_assert_eq!(heard.put_ack(&mut one), ack.emit(false, false, &mut other));
            prop_assert_eq!(one.written(), other.written());
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_what_parses_emits_the_same_bytes(
            bytes in proptest::collection::vec(any::<u8>(), 0..127)
        ) {
            let mut expected = bytes.clone();
            let mut buffer = [0; 160];
            if let Ok(frame) = Frame::parse(&bytes) {
                let mut out = Writer::new(&mut buffer);
                if frame.emit(&mut out).is_ok() {
                    let emitted = out.finish();
                    // Reserved bits are not kept, nor an IE bit without any IE.
                    expected[0] &= 0x7f;
                    expected[1] = emitted[1];
                    if let Some(security) = &frame.security {
                        let at = frame.header.encoded_len();
                        expected[at] = emitted[at];
                        prop_assert!(security.level < 8);
                    }
                    prop_assert_eq!(&expected[..], &*emitted);
                }
            }
        }

        #[test]
        fn the_folded_fcs_is_the_bitwise_one(bytes in proptest::collection::vec(any::<u8>(), 0..127)) {
            let mut crc = 0u16;
            for byte in &bytes {
                crc ^= u16::from(*byte);
                for _ in 0..8 {
                    crc = if crc & 1 == 1 { crc >> 1 ^ 0x8408 } else { crc >> 1 };
                }
            }
            prop_assert_eq!(fcs(&bytes), crc);
        }
    }

    #[test]
    fn the_fcs_has_its_check_value() {
        assert_eq!(fcs(b"123456789"), 0x2189);
    }

    #[test]
    fn known_control_fields_go_out_as_they_are_seen_on_the_air() {
        let short = LinkAddress::Short(0x0102);
        let mut buffer = [0; 32];
        let mut out = Writer::new(&mut buffer);
        Header::data(0xabcd, short, LinkAddress::Short(0x0304), 7).emit(false, false, &mut out).unwrap();
        assert_eq!(out.written(), &[0x61, 0x98, 7, 0xcd, 0xab, 0x02, 0x01, 0x04, 0x03]);
        out.truncate(0);
        let extended = LinkAddress::Extended([2, 0, 0, 0, 0, 0, 0, 1]);
        Header::data(0xabcd, extended, extended, 7).emit(false, false, &mut out).unwrap();
        assert_eq!(out.written()[..6], [0x61, 0xdc, 7, 0xcd, 0xab, 0x01]);
        out.truncate(0);
        let modern = Header {
            version: Version::V2015,
            ack_request: false,
            pan_id_compression: false,
            ..Header::data(0xabcd, extended, extended, 7)
        };
        modern.emit(false, false, &mut out).unwrap();
        assert_eq!(out.written()[..2], [0x01, 0xec]);
        assert_eq!(Frame::parse(&immediate_ack(9, true)).unwrap().header.sequence, Some(9));
        assert!(Frame::parse(&immediate_ack(9, true)).unwrap().header.frame_pending);
    }

    #[test]
    fn contradictions_are_refused() {
        let header = Header::data(1, LinkAddress::Short(1), LinkAddress::Short(2), 3);
        let mut buffer = [0; 32];
        let mut out = Writer::new(&mut buffer);
        let without = Header { destination_pan: None, ..header };
        assert_eq!(without.emit(false, false, &mut out), Err(Error::Invalid));
        let unnumbered = Header { sequence: None, ..header };
        assert_eq!(unnumbered.emit(false, false, &mut out), Err(Error::Invalid));
        assert_eq!(header.emit(false, true, &mut out), Err(Error::Invalid));
        assert_eq!(out.position(), 0);
        // Compression without a source, reserved addressing mode, reserved type and version.
        assert_eq!(Frame::parse(&[0x41, 0x18, 1, 1, 0, 2, 0]), Err(Error::Malformed));
        assert_eq!(Frame::parse(&[0x01, 0x14, 1, 1, 0, 2, 0]), Err(Error::Malformed));
        assert_eq!(Frame::parse(&[0x05, 0x00, 1]), Err(Error::Unsupported));
        assert_eq!(Frame::parse(&[0x01, 0x30, 1]), Err(Error::Unsupported));
    }
}
