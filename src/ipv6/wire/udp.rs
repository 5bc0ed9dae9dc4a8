// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP (RFC 768) over IPv6 (RFC 8200 §8.1).
#![forbid(unsafe_code)]

use super::protocol;
use crate::address::Ip;
use crate::bytes::Writer;
use crate::checksum;
use crate::status::{Error, Result};

/// A UDP header; length and checksum follow from the payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Udp {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
}

impl Udp {
    /// The length of the header in bytes.
    pub const LEN: usize = 8;

    /// Reads a datagram and hands out its payload.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the length field disagrees with the packet, and when the
    /// checksum is wrong or zero, which IPv6 does not allow.
    pub fn parse<'p>(source: &Ip, destination: &Ip, bytes: &'p [u8]) -> Result<(Udp, &'p [u8])> {
        let &[a, b, c, d, e, f, sum @ ..] = bytes.first_chunk::<{ Udp::LEN }>().ok_or(Error::Malformed)?;
        let udp =
            Udp { source_port: u16::from_be_bytes([a, b]), destination_port: u16::from_be_bytes([c, d]) };
        let length = usize::from(u16::from_be_bytes([e, f]));
        let datagram = bytes.get(..length).ok_or(Error::Malformed)?;
        let payload = datagram.get(Udp::LEN..).ok_or(Error::Malformed)?;
        if sum == [0; 2] || checksum::transport(source, destination, protocol::UDP, datagram) != 0 {
            return Err(Error::Malformed);
        }
        Ok((udp, payload))
    }

    /// Writes the header and `payload`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room or the datagram exceeds 65,535 bytes.
    pub fn emit(&self, source: &Ip, destination: &Ip, payload: &[u8], out: &mut Writer<'_>) -> Result<()> {
        let start = out.position();
        out.put(&self.header(payload)?)?;
        out.put(payload)?;
        let datagram = out.written_mut().get_mut(start..).unwrap_or_default();
        super::seal(source, destination, protocol::UDP, datagram, &[]);
        Ok(())
    }

    /// The header in front of `payload`, with zero for its checksum.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when the datagram exceeds 65,535 bytes.
    pub(in crate::ipv6) fn header(&self, payload: &[u8]) -> Result<[u8; Udp::LEN]> {
        let length = u16::try_from(payload.len() + Udp::LEN).map_err(|_| Error::TooLarge)?;
        let ([a, b], [c, d]) = (self.source_port.to_be_bytes(), self.destination_port.to_be_bytes());
        let [e, f] = length.to_be_bytes();
        Ok([a, b, c, d, e, f, 0, 0])
    }

    /// How many bytes the header and `payload` take.
    pub const fn encoded_len(&self, payload: &[u8]) -> usize {
        Udp::LEN + payload.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn datagrams_round_trip(
            source: [u8; 16], destination: [u8; 16], source_port: u16, destination_port: u16,
            payload in proptest::collection::vec(any::<u8>(), 0..100), flip in 0usize..64,
        ) {
            let (source, destination) = (Ip(source), Ip(destination));
            let udp = Udp { source_port, destination_port };
            let mut buffer = [0; 108];
            let mut out = Writer::new(&mut buffer);
            udp.emit(&source, &destination, &payload, &mut out).unwrap();
            prop_assert_eq!(out.position(), udp.encoded_len(&payload));
            let bytes = out.finish();
            prop_assert_eq!(Udp::parse(&source, &destination, bytes), Ok((udp, &payload[..])));
            prop_assert_eq!(Udp::parse(&source, &destination, &bytes[..bytes.len() - 1]), Err(Error::Malformed));
            bytes[flip / 8] ^= 1 << (flip % 8);
            prop_assert!(Udp::parse(&source, &destination, bytes).is_err());
        }
    }

    #[test]
    fn a_zero_checksum_is_refused() {
        let bytes = [0, 1, 0, 2, 0, 8, 0, 0];
        assert_eq!(Udp::parse(&Ip::LOOPBACK, &Ip::LOOPBACK, &bytes), Err(Error::Malformed));
    }

    #[test]
    fn a_length_below_the_header_is_refused() {
        for length in 0..8u8 {
            let bytes = [0, 1, 0, 2, 0, length, 1, 1, 1];
            assert_eq!(Udp::parse(&Ip::LOOPBACK, &Ip::LOOPBACK, &bytes), Err(Error::Malformed));
        }
    }
}
