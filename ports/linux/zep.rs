// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ZigBee Encapsulation Protocol, version 2: frames of IEEE 802.15.4 in UDP datagrams, as Wireshark
//! dissects them on port 17754.
#![forbid(unsafe_code)]

use crate::bytes::{Reader, Writer};
use crate::ieee802154::wire::{FCS_LEN, MAX_FRAME, fcs};
use crate::status::Result;
use core::time::Duration;

/// The UDP port.
pub(super) const PORT: u16 = 17754;
/// The header of a data packet.
const HEADER: usize = 32;
/// The largest packet.
pub(super) const LARGEST: usize = HEADER + MAX_FRAME;

const PREAMBLE: [u8; 2] = *b"EX";
const VERSION: u8 = 2;
const DATA: u8 = 1;
/// Tells a dispatcher who is there, before the first frame.
const HELLO: u8 = 255;
/// The quality field holds the link quality, not the last bytes of the FCS.
const QUALITY_IS_LQI: u8 = 1;
/// From the epoch of NTP, 1900, to that of Unix, in seconds (RFC 5905 §6).
const NTP_EPOCH: u64 = 2_208_988_800;

/// What a data packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    /// The radio channel.
    pub(super) channel: u8,
    /// The link quality, 255 when the packet does not say.
    pub(super) lqi: u8,
    /// The frame, without its FCS, which was right.
    pub(super) frame: &'a [u8],
}

/// Who sends, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) channel: u8,
    /// The sender, as a number of its own choosing.
    pub(super) device: u16,
    pub(super) sequence: u32,
    /// Since the start of 1970.
    pub(super) time: Duration,
}

/// Writes a data packet with `frame`, to which the FCS is appended.
///
/// # Errors
/// `TooLarge` for a frame of more than 125 bytes.
pub(super) fn emit<'a>(out: &'a mut [u8; LARGEST], stamp: &Stamp, frame: &[u8]) -> Result<&'a [u8]> {
    let mut out = Writer::new(out);
    put_header(&mut out, DATA, stamp, &[0; 10], frame.len() + FCS_LEN)?;
    out.put(frame)?;
    out.put(&fcs(frame).to_le_bytes())?;
    Ok(out.finish())
}

/// Writes the packet that tells a dispatcher our address.
///
/// # Errors
/// None: there is room.
pub(super) fn emit_hello<'a>(out: &'a mut [u8; LARGEST], stamp: &Stamp, eui64: &[u8; 8]) -> Result<&'a [u8]> {
    let mut out = Writer::new(out);
    put_header(&mut out, HELLO, stamp, b"HELLO\0\0\0\0\0", eui64.len())?;
    out.put(eui64)?;
    Ok(out.finish())
}

fn put_header(out: &mut Writer<'_>, kind: u8, stamp: &Stamp, reserved: &[u8; 10], len: usize) -> Result<()> {
    out.put(&PREAMBLE)?;
    out.put(&[VERSION, kind, stamp.channel])?;
    out.u16(stamp.device)?;
    out.put(&[QUALITY_IS_LQI, 0xff])?;
    // The era of NTP that began in 1900 ends in 2036; the number wraps then, as it should.
    out.u32((stamp.time.as_secs() + NTP_EPOCH) as u32)?;
    out.u32(((u64::from(stamp.time.subsec_nanos()) << 32) / 1_000_000_000) as u32)?;
    out.u32(stamp.sequence)?;
    out.put(reserved)?;
    out.u8(len as u8)
}

/// Reads a packet; `None` for anything but a data packet with a whole frame.
pub(super) fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    let mut reader = Reader::new(bytes);
    let start = [PREAMBLE[0], PREAMBLE[1], VERSION, DATA];
    if reader.array::<4>().ok()? != start {
        return None;
    }
    let [channel, _, _, quality_mode, quality] = reader.array::<5>().ok()?;
    reader.take(HEADER - 10).ok()?;
    let len = usize::from(reader.u8().ok()?);
    let (frame, check) = reader.take_rest().split_at_checked(len.checked_sub(FCS_LEN)?)?;
    if len > MAX_FRAME || check != fcs(frame).to_le_bytes() {
        return None;
    }
    Some(Packet { channel, lqi: if quality_mode == QUALITY_IS_LQI { quality } else { 0xff }, frame })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STAMP: Stamp =
        Stamp { channel: 26, device: 0x1234, sequence: 7, time: Duration::new(1_000_000_000, 500_000_000) };

    #[test]
    fn a_packet_has_the_known_layout() {
        let mut out = [0; LARGEST];
        // An acknowledgement, whose FCS is an example of the standard's algorithm (CRC-16/KERMIT).
        let packet = emit(&mut out, &STAMP, &[2, 0, 0x56]).unwrap();
        let expected =
            [b'E', b'X', 2, 1, 26, 0x12, 0x34, 1, 0xff, 0xbf, 0x45, 0x48, 0x80, 0x80, 0, 0, 0, 0, 0, 0, 7];
        assert_eq!(&packet[..21], &expected);
        assert_eq!(&packet[21..35], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0, 0x56]);
        assert_eq!(packet.len(), 37);
        assert_eq!(fcs(b"123456789"), 0x2189);
        let hello = emit_hello(&mut out, &STAMP, &[2, 0, 0, 0, 0, 0, 0, 9]).unwrap();
        assert_eq!((&hello[..4], &hello[21..26]), (&b"EX\x02\xff"[..], &b"HELLO"[..]));
        assert_eq!(&hello[31..], &[8, 2, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(parse(hello), None);
    }

    proptest! {
        #[test]
        fn frames_come_back(frame in proptest::collection::vec(any::<u8>(), 0..=125), cut in 0..160usize) {
            let mut out = [0; LARGEST];
            let packet = emit(&mut out, &STAMP, &frame).unwrap().to_vec();
            let back = parse(&packet).unwrap();
            prop_assert_eq!((back.frame, back.channel, back.lqi), (&frame[..], 26, 255));
            if cut < packet.len() {
                prop_assert_eq!(parse(&packet[..cut]), None);
            }
            let mut bad = packet;
            let last = bad.len() - 1;
            bad[last] ^= 1;
            prop_assert_eq!(parse(&bad), None);
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
            let mut data = b"EX\x02\x01".to_vec();
            data.extend(&bytes);
            let _ = parse(&data);
        }
    }

    #[test]
    fn frames_that_are_too_long_are_refused() {
        assert!(emit(&mut [0; LARGEST], &STAMP, &[0; 126]).is_err());
    }
}
