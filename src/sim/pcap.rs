// SPDX-License-Identifier: MIT OR Apache-2.0
//! Capture files in the classic pcap format, and the headers that make payloads dissect.
#![forbid(unsafe_code)]

use crate::address::{Ip, SocketAddress};
use std::io::{self, Write};

/// Raw IP: each record starts with an IPv4 or IPv6 header.
pub const RAW_IP: u32 = 101;
/// IEEE 802.15.4 frames that end with their check sequence.
pub const IEEE802154_WITH_FCS: u32 = 195;
/// IEEE 802.15.4 frames without check sequence.
pub const IEEE802154_NO_FCS: u32 = 230;

/// Writes one capture file.
#[derive(Debug)]
pub struct Pcap<W> {
    out: W,
}

impl<W: Write> Pcap<W> {
    /// Starts a capture of frames of this link type (a `LINKTYPE_` number of the tcpdump list).
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn new(mut out: W, link_type: u32) -> io::Result<Pcap<W>> {
        out.write_all(&0xa1b2_c3d4_u32.to_le_bytes())?;
        out.write_all(&[2, 0, 4, 0])?;
        out.write_all(&[0; 8])?;
        out.write_all(&65_535_u32.to_le_bytes())?;
        out.write_all(&link_type.to_le_bytes())?;
        Ok(Pcap { out })
    }

    /// Adds one frame that passed `microseconds` after the start.
    ///
    /// # Errors
    /// What the output fails with.
    pub fn frame(&mut self, microseconds: u64, frame: &[u8]) -> io::Result<()> {
        let seconds = (microseconds / 1_000_000) as u32;
        let length = (frame.len() as u32).to_le_bytes();
        self.out.write_all(&seconds.to_le_bytes())?;
        self.out.write_all(&((microseconds % 1_000_000) as u32).to_le_bytes())?;
        self.out.write_all(&length)?;
        self.out.write_all(&length)?;
        self.out.write_all(frame)
    }

    /// What has been written so far.
    pub const fn get_ref(&self) -> &W {
        &self.out
    }

    /// Ends the capture.
    pub fn into_inner(self) -> W {
        self.out
    }
}

/// An IP packet that holds one UDP datagram. IPv4 when both ends are IPv4 addresses.
pub fn udp(from: SocketAddress, to: SocketAddress, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    let mut segment = Vec::with_capacity(8 + payload.len());
    segment.extend_from_slice(&from.port.to_be_bytes());
    segment.extend_from_slice(&to.port.to_be_bytes());
    segment.extend_from_slice(&length.to_be_bytes());
    segment.extend_from_slice(&[0; 2]);
    segment.extend_from_slice(payload);
    let sum = match pseudo_checksum(from.ip, to.ip, 17, &segment) {
        0 => 0xffff, // 0 would mean "no checksum" (RFC 768).
        sum => sum,
    };
    segment[6..8].copy_from_slice(&sum.to_be_bytes());
    ip(from.ip, to.ip, 17, &segment)
}

/// The flag bits of [`Segment::flags`].
pub mod tcp_flags {
    /// No more will be sent.
    pub const FIN: u8 = 0x01;
    /// Opens a connection.
    pub const SYN: u8 = 0x02;
    /// Breaks a connection.
    pub const RST: u8 = 0x04;
    /// Hand the bytes on at once.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement number counts.
    pub const ACK: u8 = 0x10;
}

/// What a TCP header says besides the ports.
#[derive(Clone, Copy, Debug, Default)]
pub struct Segment {
    /// Number of the first byte.
    pub sequence: u32,
    /// Number of the next byte expected.
    pub acknowledgement: u32,
    /// Bits of [`tcp_flags`].
    pub flags: u8,
}

/// An IP packet that holds one TCP segment.
pub fn tcp(from: SocketAddress, to: SocketAddress, header: Segment, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::with_capacity(20 + payload.len());
    segment.extend_from_slice(&from.port.to_be_bytes());
    segment.extend_from_slice(&to.port.to_be_bytes());
    segment.extend_from_slice(&header.sequence.to_be_bytes());
    segment.extend_from_slice(&header.acknowledgement.to_be_bytes());
    segment.extend_from_slice(&[0x50, header.flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend_from_slice(payload);
    let sum = pseudo_checksum(from.ip, to.ip, 6, &segment);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    ip(from.ip, to.ip, 6, &segment)
}

fn ip(from: Ip, to: Ip, protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(40 + body.len());
    if let (Some(from), Some(to)) = (from.to_v4(), to.to_v4()) {
        packet.extend_from_slice(&[0x45, 0]);
        packet.extend_from_slice(&((20 + body.len()) as u16).to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0x40, 0, 64, protocol, 0, 0]);
        packet.extend_from_slice(&from);
        packet.extend_from_slice(&to);
        let sum = fold(sum(0, &packet));
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    } else {
        packet.extend_from_slice(&[0x60, 0, 0, 0]);
        packet.extend_from_slice(&(body.len() as u16).to_be_bytes());
        packet.extend_from_slice(&[protocol, 64]);
        packet.extend_from_slice(&from.0);
        packet.extend_from_slice(&to.0);
    }
    packet.extend_from_slice(body);
    packet
}

/// The Internet checksum over pseudo-header and segment (RFC 768, RFC 8200 §8.1).
fn pseudo_checksum(from: Ip, to: Ip, protocol: u8, segment: &[u8]) -> u16 {
    let mut total = u64::from(protocol) + segment.len() as u64;
    match (from.to_v4(), to.to_v4()) {
        (Some(from), Some(to)) => total = sum(sum(total, &from), &to),
        _ => total = sum(sum(total, &from.0), &to.0),
    }
    fold(sum(total, segment))
}

fn sum(start: u64, bytes: &[u8]) -> u64 {
    bytes.chunks(2).fold(start, |total, pair| {
        let high = u64::from(pair.first().copied().unwrap_or(0));
        let low = u64::from(pair.get(1).copied().unwrap_or(0));
        total + (high << 8 | low)
    })
}

fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_sums_to_zero_with_its_checksums() {
        let from = SocketAddress::new(Ip::v4([192, 0, 2, 1]), 5683);
        let to = SocketAddress::new(Ip::v4([192, 0, 2, 2]), 40_000);
        let packet = udp(from, to, b"odd");
        assert_eq!(packet.len(), 31);
        assert_eq!(fold(sum(0, &packet[..20])), 0);
        assert_eq!(pseudo_checksum(from.ip, to.ip, 17, &packet[20..]), 0);

        let from = SocketAddress::new(Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 1]), 1);
        let to = SocketAddress::new(Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 0xfd]), 2);
        let packet = udp(from, to, b"even");
        assert_eq!(&packet[..8], &[0x60, 0, 0, 0, 0, 12, 17, 64]);
        assert_eq!(pseudo_checksum(from.ip, to.ip, 17, &packet[40..]), 0);
        let packet = tcp(from, to, Segment { flags: tcp_flags::SYN, ..Segment::default() }, b"");
        assert_eq!(pseudo_checksum(from.ip, to.ip, 6, &packet[40..]), 0);
    }

    #[test]
    fn a_file_has_one_header_and_then_records() {
        let mut pcap = Pcap::new(Vec::new(), IEEE802154_WITH_FCS).unwrap();
        pcap.frame(1_500_000, &[1, 2, 3]).unwrap();
        let bytes = pcap.into_inner();
        assert_eq!(&bytes[20..24], &[195, 0, 0, 0]);
        assert_eq!(&bytes[24..], &[1, 0, 0, 0, 0x20, 0xa1, 7, 0, 3, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3]);
    }
}
