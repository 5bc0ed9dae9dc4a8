// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP checksums that are not sent, as another integrity check covers the frame (RFC 6282 §4.3.2).
#![forbid(unsafe_code)]

use super::addresses;
use crate::address::Ip;
use crate::checksum;
use crate::lowpan::nhc::next_header::UDP;
use crate::status::{Error, Result};
use core::num::NonZeroU16;

/// Whether this build can do it.
pub(super) const IS_KNOWN: bool = true;

/// A UDP checksum that was elided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingChecksum {
    /// Where the IPv6 header begins whose addresses count.
    ipv6: u16,
    /// Where the UDP header begins: never at the start.
    udp: NonZeroU16,
}

impl MissingChecksum {
    /// Of the UDP header at `udp`, behind the IPv6 header at `ipv6`.
    pub(super) fn new(ipv6: usize, udp: usize) -> Result<MissingChecksum> {
        let udp = NonZeroU16::new(udp as u16).ok_or(Error::Malformed)?;
        Ok(MissingChecksum { ipv6: ipv6 as u16, udp })
    }

    /// The packet has moved by that much; its first IPv6 header stays in front if `keep` is set.
    #[cfg(feature = "sixlorh")]
    pub(in crate::lowpan) fn shift(&mut self, by: usize, keep: bool) {
        self.udp = self.udp.saturating_add(by as u16);
        if !keep || self.ipv6 > 0 {
            self.ipv6 += by as u16;
        }
    }

    /// Computes the checksum and puts it into the complete `packet`.
    pub fn fill(self, packet: &mut [u8]) {
        let Some((front, udp)) = packet.split_at_mut_checked(usize::from(self.udp.get())) else { return };
        let header = front.get(usize::from(self.ipv6)..).and_then(|it| it.first_chunk());
        let Some((source, destination)) = header.map(addresses) else { return };
        let sum = match checksum::transport(Ip::of(source), Ip::of(destination), UDP, udp) {
            0 => 0xffff,
            sum => sum,
        };
        if let Some(place) = udp.get_mut(6..).and_then(|rest| rest.first_chunk_mut()) {
            *place = sum.to_be_bytes();
        }
    }
}
