// SPDX-License-Identifier: MIT OR Apache-2.0
//! The IPv6 header (RFC 8200 §3).
#![forbid(unsafe_code)]

use crate::address::Ip;
use crate::bytes::Writer;
use crate::status::{Error, Result};

/// The IPv6 header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Differentiated services and ECN.
    pub traffic_class: u8,
    /// 20 bits.
    pub flow_label: u32,
    /// How many bytes follow the header.
    pub payload_length: u16,
    /// What follows the header, see [`protocol`](super::protocol).
    pub next_header: u8,
    /// How many more hops the packet may take.
    pub hop_limit: u8,
    /// The source address.
    pub source: Ip,
    /// The destination address.
    pub destination: Ip,
}

impl Header {
    /// The length of the header in bytes.
    pub const LEN: usize = 40;

    /// Reads the header and hands out exactly the payload that it announces; what a link layer
    /// padded behind it is left out.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another version than 6 and for a packet that was cut short.
    pub fn parse(packet: &[u8]) -> Result<(Header, &[u8])> {
        let mut header = Header::default();
        let payload = header.read(packet)?;
        Ok((header, payload))
    }

    /// The same into a header that there is.
    ///
    /// # Errors
    /// As [`Header::parse`]; what the header then holds does not matter.
    pub(in crate::ipv6) fn read<'p>(&mut self, packet: &'p [u8]) -> Result<&'p [u8]> {
        let (head, rest) = packet.split_first_chunk::<{ Header::LEN }>().ok_or(Error::Malformed)?;
        let [a, b, c, d, e, f, next_header, hop_limit, ..] = *head;
        let first = u32::from_be_bytes([a, b, c, d]);
        if first >> 28 != 6 {
            return Err(Error::Malformed);
        }
        self.traffic_class = (first >> 20) as u8;
        self.flow_label = first & 0xf_ffff;
        self.payload_length = u16::from_be_bytes([e, f]);
        self.next_header = next_header;
        self.hop_limit = hop_limit;
        let (source, destination) = ends(head);
        self.source = *source;
        self.destination = *destination;
        rest.get(..usize::from(self.payload_length)).ok_or(Error::Malformed)
    }

    /// Reads what the engine needs of a header: next header, hop limit and addresses. How long the packet is.
    ///
    /// # Errors
    /// As [`Header::parse`].
    pub(in crate::ipv6) fn read_ends(&mut self, packet: &[u8]) -> Result<usize> {
        let head = packet.first_chunk::<{ Header::LEN }>().ok_or(Error::Malformed)?;
        let length = Header::LEN + usize::from(u16::from_be_bytes([head[4], head[5]]));
        if head[0] >> 4 != 6 || length > packet.len() {
            return Err(Error::Malformed);
        }
        [self.next_header, self.hop_limit] = [head[6], head[7]];
        let (source, destination) = ends(head);
        (self.source, self.destination) = (*source, *destination);
        Ok(length)
    }

    /// Writes the header.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        out.u32(6 << 28 | u32::from(self.traffic_class) << 20 | self.flow_label & 0xf_ffff)?;
        out.u16(self.payload_length)?;
        out.u8(self.next_header)?;
        out.u8(self.hop_limit)?;
        out.put(&self.source.0)?;
        out.put(&self.destination.0)
    }

    /// The length of the header in bytes.
    pub const fn encoded_len(&self) -> usize {
        Header::LEN
    }
}

/// Source and destination in a header, where they stand.
pub(in crate::ipv6) const fn ends(header: &[u8; Header::LEN]) -> (&Ip, &Ip) {
    let [_, _, _, _, _, _, _, _, rest @ ..] = header;
    let [source @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = rest;
    let [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, destination @ ..] = rest;
    (Ip::of(source), Ip::of(destination))
}

/// Whether no packet on a link goes there: to nobody, to the node itself, or to a group within it (RFC 4291 §2.5.2,
/// §2.5.3, §2.7).
pub(in crate::ipv6) fn never_leaves(destination: &Ip) -> bool {
    u128::from_be_bytes(destination.0) <= 1 || matches!(destination.0, [0xff, scope, ..] if scope & 0xf <= 1)
}

/// A header in place, whose fields can be changed.
#[derive(Debug)]
pub struct HeaderMut<'p>(&'p mut [u8; Header::LEN]);

impl<'p> HeaderMut<'p> {
    /// The header at the front of `packet`, if that is long enough.
    pub fn new(packet: &'p mut [u8]) -> Option<HeaderMut<'p>> {
        packet.first_chunk_mut().map(HeaderMut)
    }

    /// Changes the payload length.
    pub const fn set_payload_length(&mut self, length: u16) {
        let [high, low] = length.to_be_bytes();
        self.0[4] = high;
        self.0[5] = low;
    }

    /// Changes the next header.
    pub const fn set_next_header(&mut self, next_header: u8) {
        self.0[6] = next_header;
    }

    /// Changes the hop limit.
    pub const fn set_hop_limit(&mut self, hop_limit: u8) {
        self.0[7] = hop_limit;
    }

    /// Changes the destination.
    pub fn set_destination(&mut self, destination: &Ip) {
        if let Some(field) = self.0.last_chunk_mut::<16>() {
            *field = destination.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_parsed_is_emitted_again(mut packet in proptest::collection::vec(any::<u8>(), 40..90)) {
            packet[0] = 0x60 | packet[0] & 0xf;
            packet[4] = 0;
            packet[5] = (packet.len() - 40) as u8;
            let (header, payload) = Header::parse(&packet).unwrap();
            let mut buffer = [0; 40];
            let mut out = Writer::new(&mut buffer);
            header.emit(&mut out).unwrap();
            prop_assert_eq!(out.written(), &packet[..40]);
            prop_assert_eq!(payload, &packet[40..]);
            prop_assert_eq!(header.encoded_len(), 40);
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(packet in proptest::collection::vec(any::<u8>(), 0..90)) {
            if let Ok((header, payload)) = Header::parse(&packet) {
                prop_assert_eq!(usize::from(header.payload_length), payload.len());
                prop_assert!(payload.len() + 40 <= packet.len());
            }
        }
    }

    #[test]
    fn version_length_and_padding() {
        let header = Header { payload_length: 2, next_header: 59, hop_limit: 1, ..Header::default() };
        let mut packet = [0u8; 44];
        header.emit(&mut Writer::new(&mut packet)).unwrap();
        assert_eq!(Header::parse(&packet).unwrap(), (header, &[0u8, 0][..]));
        assert_eq!(Header::parse(&packet[..41]), Err(Error::Malformed));
        HeaderMut::new(&mut packet).unwrap().set_payload_length(4);
        HeaderMut::new(&mut packet).unwrap().set_hop_limit(9);
        HeaderMut::new(&mut packet).unwrap().set_destination(&Ip::LOOPBACK);
        HeaderMut::new(&mut packet).unwrap().set_next_header(17);
        let (changed, payload) = Header::parse(&packet).unwrap();
        assert_eq!((changed.payload_length, payload.len()), (4, 4));
        assert_eq!((changed.hop_limit, changed.destination, changed.next_header), (9, Ip::LOOPBACK, 17));
        packet[0] = 0x45;
        assert_eq!(Header::parse(&packet), Err(Error::Malformed));
        assert!(HeaderMut::new(&mut packet[..39]).is_none());
    }
}
