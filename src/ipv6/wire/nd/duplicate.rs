// SPDX-License-Identifier: MIT OR Apache-2.0
//! Duplicate Address Request and Confirmation (RFC 6775 §4.4), plain and extended
//! (RFC 8505 §4.2).
#![forbid(unsafe_code)]

use crate::address::Ip;
use crate::bytes::Writer;
use crate::status::{Error, Result};

/// The body of a Duplicate Address Request or Confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuplicateAddress<'p> {
    /// The outcome; 0 in a request.
    pub status: u8,
    /// The transaction ID of the extended form; `None` makes the plain form (code 0).
    pub tid: Option<u8>,
    /// For how many minutes the address is registered; 0 ends the registration.
    pub lifetime: u16,
    /// Who owns the address: an EUI-64, or 16, 24 or 32 bytes in the extended form.
    pub rovr: &'p [u8],
    /// The address.
    pub address: &'p Ip,
}

impl<'p> DuplicateAddress<'p> {
    /// Reads the body of a message whose ICMPv6 code is `code`.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is cut short, the code suffix is not known or the address
    /// is multicast (RFC 6775 §8.2.1).
    pub fn parse(code: u8, body: &'p [u8]) -> Result<DuplicateAddress<'p>> {
        let suffix = usize::from(code & 0xf);
        if suffix > 4 {
            return Err(Error::Malformed);
        }
        let (&[status, tid, high, low], rest) = body.split_first_chunk().ok_or(Error::Malformed)?;
        let (rovr, rest) = rest.split_at_checked(8 * suffix.max(1)).ok_or(Error::Malformed)?;
        let message = DuplicateAddress {
            status,
            tid: if suffix == 0 { None } else { Some(tid) },
            lifetime: u16::from_be_bytes([high, low]),
            rovr,
            address: Ip::of(rest.first_chunk().ok_or(Error::Malformed)?),
        };
        if message.address.is_multicast() { Err(Error::Malformed) } else { Ok(message) }
    }

    /// The ICMPv6 code that goes with this body.
    pub const fn code(&self) -> u8 {
        if self.tid.is_none() { 0 } else { (self.rovr.len() >> 3) as u8 & 0xf }
    }

    /// Writes the body.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let [high, low] = self.lifetime.to_be_bytes();
        out.put(&[self.status, self.tid.unwrap_or(0), high, low])?;
        out.put(self.rovr)?;
        out.put(&self.address.0)
    }

    /// How many bytes the body takes.
    pub const fn encoded_len(&self) -> usize {
        20 + self.rovr.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bodies_round_trip(code in 0u8..5, mut body in proptest::collection::vec(any::<u8>(), 52)) {
            body.truncate(20 + 8 * usize::from(code.max(1)));
            let address = body.len() - 16;
            body[address] &= 0x7f;
            if code == 0 {
                body[1] = 0;
            }
            let message = DuplicateAddress::parse(code, &body).unwrap();
            prop_assert_eq!(message.code(), code);
            prop_assert_eq!(message.encoded_len(), body.len());
            let mut buffer = [0; 60];
            let mut out = Writer::new(&mut buffer);
            message.emit(&mut out).unwrap();
            prop_assert_eq!(out.written(), &body[..]);
            prop_assert!(DuplicateAddress::parse(code, &body[1..]).is_err());
            body[address] = 0xff;
            prop_assert!(DuplicateAddress::parse(code, &body).is_err());
        }
    }

    #[test]
    fn code_suffixes_beyond_four_are_not_known() {
        assert_eq!(DuplicateAddress::parse(5, &[0; 80]), Err(Error::Malformed));
        // The code prefix is ignored (RFC 8505 §4.2).
        assert!(DuplicateAddress::parse(0x21, &[0; 28]).is_ok());
    }
}
