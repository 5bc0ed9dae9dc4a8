// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Internet checksum (RFC 1071) over the IPv6 pseudo-header (RFC 8200 §8.1).
#![forbid(unsafe_code)]

use crate::address::Ip;
use crate::bytes::Parts;

/// Adds `bytes` to a running one's complement sum. Only the last run may have an odd length.
fn add(mut sum: u32, bytes: &[u8]) -> u32 {
    let mut pairs = bytes.chunks_exact(2);
    for pair in &mut pairs {
        if let [high, low] = pair {
            sum = sum.wrapping_add(u32::from(u16::from_be_bytes([*high, *low])));
        }
    }
    if let [last] = pairs.remainder() {
        sum = sum.wrapping_add(u32::from(*last) << 8);
    }
    // Folded here, so that no number of runs below 64 KiB each can overflow.
    (sum & 0xffff) + (sum >> 16)
}

/// The checksum of an upper-layer packet: what goes into its checksum field when that field is
/// zero in `payload`, and 0 when `payload` carries the right checksum already.
///
/// `destination` is the final one, behind any routing header.
pub fn transport(source: &Ip, destination: &Ip, next_header: u8, payload: &[u8]) -> u16 {
    of_parts(source, destination, next_header, Parts::whole(payload))
}

/// The same of a packet in two parts, the first of which has an even length.
pub fn of_parts(source: &Ip, destination: &Ip, next_header: u8, payload: Parts<'_>) -> u16 {
    let mut sum = add(0, &source.0);
    sum = add(sum, &destination.0);
    sum = add(sum, &(payload.len() as u32).to_be_bytes());
    sum = sum.wrapping_add(u32::from(next_header));
    sum = add(sum, payload.head);
    sum = add(sum, payload.tail);
    sum = (sum & 0xffff) + (sum >> 16);
    !(((sum & 0xffff) + (sum >> 16)) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_rfc_1071_section_3() {
        // 00 01 f2 03 f4 f5 f6 f7 sums to ddf2 (RFC 1071 §3, in "normal" order).
        let sum = add(0, &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xddf2);
    }

    proptest! {
        #[test]
        fn a_packet_with_its_checksum_in_place_sums_to_zero(
            source: [u8; 16], destination: [u8; 16], mut payload in proptest::collection::vec(any::<u8>(), 2..300),
        ) {
            let (source, destination) = (Ip(source), Ip(destination));
            payload[0] = 0;
            payload[1] = 0;
            let sum = transport(&source, &destination, 58, &payload);
            payload[..2].copy_from_slice(&sum.to_be_bytes());
            prop_assert_eq!(transport(&source, &destination, 58, &payload), 0);
            let (head, tail) = payload.split_at(payload.len() / 4 * 2);
            prop_assert_eq!(of_parts(&source, &destination, 58, Parts { head, tail }), 0);
            payload[1] ^= 1;
            prop_assert_ne!(transport(&source, &destination, 58, &payload), 0);
        }
    }
}
