// SPDX-License-Identifier: MIT OR Apache-2.0
//! ICMPv6 (RFC 4443): the common header, echo and the error messages.
#![forbid(unsafe_code)]

use super::protocol;
use crate::address::Ip;
use crate::bytes::Writer;
use crate::checksum;
use crate::status::{Error, Result};

/// ICMPv6 types.
pub mod kind {
    /// Destination Unreachable (RFC 4443 §3.1).
    pub const DESTINATION_UNREACHABLE: u8 = 1;
    /// Packet Too Big (RFC 4443 §3.2).
    pub const PACKET_TOO_BIG: u8 = 2;
    /// Time Exceeded (RFC 4443 §3.3).
    pub const TIME_EXCEEDED: u8 = 3;
    /// Parameter Problem (RFC 4443 §3.4).
    pub const PARAMETER_PROBLEM: u8 = 4;
    /// Echo Request (RFC 4443 §4.1).
    pub const ECHO_REQUEST: u8 = 128;
    /// Echo Reply (RFC 4443 §4.2).
    pub const ECHO_REPLY: u8 = 129;
    /// Multicast Listener Query (RFC 3810 §5.1).
    pub const MULTICAST_LISTENER_QUERY: u8 = 130;
    /// Multicast Listener Report of MLDv1 (RFC 2710 §3).
    pub const MULTICAST_LISTENER_REPORT: u8 = 131;
    /// Multicast Listener Done of MLDv1 (RFC 2710 §3).
    pub const MULTICAST_LISTENER_DONE: u8 = 132;
    /// Router Solicitation (RFC 4861 §4.1).
    pub const ROUTER_SOLICITATION: u8 = 133;
    /// Router Advertisement (RFC 4861 §4.2).
    pub const ROUTER_ADVERTISEMENT: u8 = 134;
    /// Neighbor Solicitation (RFC 4861 §4.3).
    pub const NEIGHBOR_SOLICITATION: u8 = 135;
    /// Neighbor Advertisement (RFC 4861 §4.4).
    pub const NEIGHBOR_ADVERTISEMENT: u8 = 136;
    /// Redirect (RFC 4861 §4.5).
    pub const REDIRECT: u8 = 137;
    /// Version 2 Multicast Listener Report (RFC 3810 §5.2).
    pub const MULTICAST_LISTENER_REPORT_V2: u8 = 143;
    /// RPL control message (RFC 6550 §6).
    pub const RPL_CONTROL: u8 = 155;
    /// Duplicate Address Request (RFC 6775 §4.4).
    pub const DUPLICATE_ADDRESS_REQUEST: u8 = 157;
    /// Duplicate Address Confirmation (RFC 6775 §4.4).
    pub const DUPLICATE_ADDRESS_CONFIRMATION: u8 = 158;
}

/// Codes of Destination Unreachable (RFC 4443 §3.1, RFC 6550 §20.14).
pub mod unreachable {
    /// No route to the destination.
    pub const NO_ROUTE: u8 = 0;
    /// Communication is administratively prohibited.
    pub const PROHIBITED: u8 = 1;
    /// Beyond the scope of the source address.
    pub const BEYOND_SCOPE: u8 = 2;
    /// The address cannot be reached.
    pub const ADDRESS: u8 = 3;
    /// Nobody listens on the port.
    pub const PORT: u8 = 4;
    /// Error in the source routing header.
    pub const SOURCE_ROUTE: u8 = 7;
}

/// Codes of Time Exceeded.
pub mod time_exceeded {
    /// The hop limit ran out.
    pub const HOP_LIMIT: u8 = 0;
    /// Reassembly took too long.
    pub const REASSEMBLY: u8 = 1;
}

/// Codes of Parameter Problem.
pub mod parameter {
    /// A header field is wrong.
    pub const FIELD: u8 = 0;
    /// The next header is not known.
    pub const NEXT_HEADER: u8 = 1;
    /// An option is not known.
    pub const OPTION: u8 = 2;
    /// A first fragment ends before the upper-layer header (RFC 7112).
    pub const FIRST_FRAGMENT: u8 = 3;
}

/// An ICMPv6 message: type, code, and what stands behind the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmpv6<'p> {
    /// The type, see [`kind`].
    pub kind: u8,
    /// The code.
    pub code: u8,
    /// The message body, behind the checksum.
    pub body: &'p [u8],
}

impl<'p> Icmpv6<'p> {
    /// The bytes in front of the body.
    pub const HEADER: usize = 4;

    /// Reads a message and checks its checksum.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is cut short or the checksum is wrong.
    pub fn parse(source: &Ip, destination: &Ip, bytes: &'p [u8]) -> Result<Icmpv6<'p>> {
        let (&[kind, code, _, _], body) = bytes.split_first_chunk().ok_or(Error::Malformed)?;
        if checksum::transport(source, destination, protocol::ICMPV6, bytes) != 0 {
            return Err(Error::Malformed);
        }
        Ok(Icmpv6 { kind, code, body })
    }

    /// Writes the message with its checksum.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room.
    pub fn emit(&self, source: &Ip, destination: &Ip, out: &mut Writer<'_>) -> Result<()> {
        let start = out.position();
        out.put(&[self.kind, self.code, 0, 0])?;
        out.put(self.body)?;
        seal(source, destination, out, start);
        Ok(())
    }

    /// How many bytes [`Icmpv6::emit`] writes.
    pub const fn encoded_len(&self) -> usize {
        Icmpv6::HEADER + self.body.len()
    }

    /// Whether this is an error message, about which no error is ever sent (RFC 4443 §2.1).
    pub const fn is_error(&self) -> bool {
        self.kind < 128
    }
}

/// Fills in the checksum of the message that began at `start` of what `out` has written with a
/// checksum of zero.
fn seal(source: &Ip, destination: &Ip, out: &mut Writer<'_>, start: usize) {
    let message = out.written_mut().get_mut(start..).unwrap_or_default();
    super::seal(source, destination, protocol::ICMPV6, message, &[]);
}

/// The body of an echo request or reply (RFC 4443 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo<'p> {
    /// Chosen by who asks.
    pub identifier: u16,
    /// Chosen by who asks.
    pub sequence: u16,
    /// Anything; comes back unchanged.
    pub data: &'p [u8],
}

impl<'p> Echo<'p> {
    /// Reads the body of an echo request or reply.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is cut short.
    pub fn parse(body: &'p [u8]) -> Result<Echo<'p>> {
        let (&[a, b, c, d], data) = body.split_first_chunk().ok_or(Error::Malformed)?;
        Ok(Echo { identifier: u16::from_be_bytes([a, b]), sequence: u16::from_be_bytes([c, d]), data })
    }

    /// Writes the body.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        out.u16(self.identifier)?;
        out.u16(self.sequence)?;
        out.put(self.data)
    }

    /// How many bytes [`Echo::emit`] writes.
    pub const fn encoded_len(&self) -> usize {
        4 + self.data.len()
    }
}

/// An error message (RFC 4443 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorMessage<'p> {
    /// The type, below 128.
    pub kind: u8,
    /// The code.
    pub code: u8,
    /// The MTU of Packet Too Big, the pointer of Parameter Problem, otherwise unused.
    pub parameter: u32,
    /// As much of the packet in question as was sent along.
    pub invoking: &'p [u8],
}

impl<'p> ErrorMessage<'p> {
    /// Reads an error message.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is cut short, or no error message.
    pub fn parse(message: &Icmpv6<'p>) -> Result<ErrorMessage<'p>> {
        if !message.is_error() {
            return Err(Error::Malformed);
        }
        let (parameter, invoking) = message.body.split_first_chunk().ok_or(Error::Malformed)?;
        let parameter = u32::from_be_bytes(*parameter);
        Ok(ErrorMessage { kind: message.kind, code: message.code, parameter, invoking })
    }

    /// Writes the whole ICMPv6 message with its checksum. Of the packet in question goes along
    /// what fits into `room` bytes (RFC 4443 §2.4 (c): the minimum MTU less the headers).
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room.
    pub fn emit(&self, source: &Ip, destination: &Ip, room: usize, out: &mut Writer<'_>) -> Result<()> {
        let start = out.position();
        out.put(&[self.kind, self.code, 0, 0])?;
        out.u32(self.parameter)?;
        let fits = self.invoking.len().min(room.saturating_sub(8));
        out.put(self.invoking.get(..fits).unwrap_or_default())?;
        seal(source, destination, out, start);
        Ok(())
    }

    /// How many bytes [`ErrorMessage::emit`] writes, given room enough.
    pub const fn encoded_len(&self) -> usize {
        8 + self.invoking.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn messages_round_trip(
            source: [u8; 16], destination: [u8; 16], kind: u8, code: u8,
            body in proptest::collection::vec(any::<u8>(), 0..80), flip in 0usize..32,
        ) {
            let (source, destination) = (Ip(source), Ip(destination));
            let message = Icmpv6 { kind, code, body: &body };
            let mut buffer = [0; 84];
            let mut out = Writer::new(&mut buffer);
            message.emit(&source, &destination, &mut out).unwrap();
            prop_assert_eq!(out.position(), message.encoded_len());
            let bytes = out.finish();
            prop_assert_eq!(Icmpv6::parse(&source, &destination, bytes), Ok(message));
            bytes[flip / 8] ^= 1 << (flip % 8);
            prop_assert!(Icmpv6::parse(&source, &destination, bytes).is_err());
            if let Ok(echo) = Echo::parse(&body) {
                let mut buffer = [0; 84];
                let mut out = Writer::new(&mut buffer);
                echo.emit(&mut out).unwrap();
                prop_assert_eq!(out.written(), &body[..]);
            }
        }

        #[test]
        fn errors_round_trip_and_fit(
            kind in 0u8..128, code: u8, parameter: u32,
            invoking in proptest::collection::vec(any::<u8>(), 0..80), room in 8usize..100,
        ) {
            let error = ErrorMessage { kind, code, parameter, invoking: &invoking };
            let mut buffer = [0; 100];
            let mut out = Writer::new(&mut buffer);
            error.emit(&Ip::LOOPBACK, &Ip::LOOPBACK, room, &mut out).unwrap();
            prop_assert_eq!(out.position(), error.encoded_len().min(room));
            let message = Icmpv6::parse(&Ip::LOOPBACK, &Ip::LOOPBACK, out.written()).unwrap();
            let parsed = ErrorMessage::parse(&message).unwrap();
            prop_assert!(invoking.starts_with(parsed.invoking));
            prop_assert_eq!((parsed.kind, parsed.code, parsed.parameter), (kind, code, parameter));
        }
    }

    #[test]
    fn an_echo_request_is_no_error() {
        assert_eq!(ErrorMessage::parse(&Icmpv6 { kind: 128, code: 0, body: &[0; 8] }), Err(Error::Malformed));
        assert_eq!(Icmpv6::parse(&Ip::LOOPBACK, &Ip::LOOPBACK, &[128, 0, 0]), Err(Error::Malformed));
    }
}
