// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reason Codes (5.0 §2.4) and which packet may carry which.
#![forbid(unsafe_code)]

use super::PacketType;
use crate::status::Error;

/// A Reason Code: below 0x80 success, from 0x80 on failure. With 3.1.1 the return codes of
/// CONNACK (0 to 5) and SUBACK are kept as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reason(pub u8);

impl Reason {
    /// Success, Normal disconnection, Granted QoS 0.
    pub const SUCCESS: Reason = Reason(0x00);
    /// Disconnect with Will Message.
    pub const DISCONNECT_WITH_WILL: Reason = Reason(0x04);
    /// No matching subscribers.
    pub const NO_MATCHING_SUBSCRIBERS: Reason = Reason(0x10);
    /// No subscription existed.
    pub const NO_SUBSCRIPTION_EXISTED: Reason = Reason(0x11);
    /// Continue authentication.
    pub const CONTINUE_AUTHENTICATION: Reason = Reason(0x18);
    /// Re-authenticate.
    pub const RE_AUTHENTICATE: Reason = Reason(0x19);
    /// Unspecified error.
    pub const UNSPECIFIED_ERROR: Reason = Reason(0x80);
    /// Malformed Packet.
    pub const MALFORMED_PACKET: Reason = Reason(0x81);
    /// Protocol Error.
    pub const PROTOCOL_ERROR: Reason = Reason(0x82);
    /// Implementation specific error.
    pub const IMPLEMENTATION_SPECIFIC_ERROR: Reason = Reason(0x83);
    /// Unsupported Protocol Version.
    pub const UNSUPPORTED_PROTOCOL_VERSION: Reason = Reason(0x84);
    /// Client Identifier not valid.
    pub const CLIENT_IDENTIFIER_NOT_VALID: Reason = Reason(0x85);
    /// Bad User Name or Password.
    pub const BAD_USER_NAME_OR_PASSWORD: Reason = Reason(0x86);
    /// Not authorized.
    pub const NOT_AUTHORIZED: Reason = Reason(0x87);
    /// Server unavailable.
    pub const SERVER_UNAVAILABLE: Reason = Reason(0x88);
    /// Server busy.
    pub const SERVER_BUSY: Reason = Reason(0x89);
    /// Server shutting down.
    pub const SERVER_SHUTTING_DOWN: Reason = Reason(0x8b);
    /// Bad authentication method.
    pub const BAD_AUTHENTICATION_METHOD: Reason = Reason(0x8c);
    /// Session taken over.
    pub const SESSION_TAKEN_OVER: Reason = Reason(0x8e);
    /// Topic Name invalid.
    pub const TOPIC_NAME_INVALID: Reason = Reason(0x90);
    /// Packet Identifier not found.
    pub const PACKET_IDENTIFIER_NOT_FOUND: Reason = Reason(0x92);
    /// Receive Maximum exceeded.
    pub const RECEIVE_MAXIMUM_EXCEEDED: Reason = Reason(0x93);
    /// Topic Alias invalid.
    pub const TOPIC_ALIAS_INVALID: Reason = Reason(0x94);
    /// Packet too large.
    pub const PACKET_TOO_LARGE: Reason = Reason(0x95);
    /// Quota exceeded.
    pub const QUOTA_EXCEEDED: Reason = Reason(0x97);
    /// QoS not supported.
    pub const QOS_NOT_SUPPORTED: Reason = Reason(0x9b);
    /// Use another server.
    pub const USE_ANOTHER_SERVER: Reason = Reason(0x9c);
    /// Server moved.
    pub const SERVER_MOVED: Reason = Reason(0x9d);

    /// Whether this is 0x80 or more.
    pub const fn is_error(self) -> bool {
        self.0 >= 0x80
    }

    /// Whether 5.0 lets `packet` carry this code (tables 3-1 to 3-11).
    pub fn fits(self, packet: PacketType) -> bool {
        let row = CODES.iter().find(|row| row.0 == self.0);
        row.is_some_and(|row| row.1 & class(packet) != 0)
    }
}

impl From<Error> for Reason {
    /// Running out of input is a Malformed Packet; a limit of ours that the input breaks is
    /// Packet too large.
    fn from(error: Error) -> Reason {
        match error {
            Error::Malformed => Reason::MALFORMED_PACKET,
            Error::TooLarge => Reason::PACKET_TOO_LARGE,
            _ => Reason::IMPLEMENTATION_SPECIFIC_ERROR,
        }
    }
}

const CONNACK: u8 = class(PacketType::Connack);
/// PUBACK and PUBREC.
const ACK: u8 = class(PacketType::Puback);
/// PUBREL and PUBCOMP.
const RELEASE: u8 = class(PacketType::Pubrel);
const SUBACK: u8 = class(PacketType::Suback);
const UNSUBACK: u8 = class(PacketType::Unsuback);
const DISCONNECT: u8 = class(PacketType::Disconnect);
const AUTH: u8 = class(PacketType::Auth);

/// A bit for the packets that may carry the same codes: two neighbours each, but for AUTH. Packets
/// without a code share one with those that have them.
const fn class(packet: PacketType) -> u8 {
    match packet {
        PacketType::Auth => 1,
        packet => 1 << (packet as u8 / 2),
    }
}

/// Table 2-6: a code and the packets that may carry it.
static CODES: [(u8, u8); 43] = [
    (0x00, CONNACK | ACK | RELEASE | SUBACK | UNSUBACK | DISCONNECT | AUTH),
    (0x01, SUBACK),
    (0x02, SUBACK),
    (0x04, DISCONNECT),
    (0x10, ACK),
    (0x11, UNSUBACK),
    (0x18, AUTH),
    (0x19, AUTH),
    (0x80, CONNACK | ACK | SUBACK | UNSUBACK | DISCONNECT),
    (0x81, CONNACK | DISCONNECT),
    (0x82, CONNACK | DISCONNECT),
    (0x83, CONNACK | ACK | SUBACK | UNSUBACK | DISCONNECT),
    (0x84, CONNACK),
    (0x85, CONNACK),
    (0x86, CONNACK),
    (0x87, CONNACK | ACK | SUBACK | UNSUBACK | DISCONNECT),
    (0x88, CONNACK),
    (0x89, CONNACK | DISCONNECT),
    (0x8a, CONNACK),
    (0x8b, DISCONNECT),
    (0x8c, CONNACK | DISCONNECT),
    (0x8d, DISCONNECT),
    (0x8e, DISCONNECT),
    (0x8f, SUBACK | UNSUBACK | DISCONNECT),
    (0x90, CONNACK | ACK | DISCONNECT),
    (0x91, ACK | SUBACK | UNSUBACK),
    (0x92, RELEASE),
    (0x93, DISCONNECT),
    (0x94, DISCONNECT),
    (0x95, CONNACK | DISCONNECT),
    (0x96, DISCONNECT),
    (0x97, CONNACK | ACK | SUBACK | DISCONNECT),
    (0x98, DISCONNECT),
    (0x99, CONNACK | ACK | DISCONNECT),
    (0x9a, CONNACK | DISCONNECT),
    (0x9b, CONNACK | DISCONNECT),
    (0x9c, CONNACK | DISCONNECT),
    (0x9d, CONNACK | DISCONNECT),
    (0x9e, SUBACK | DISCONNECT),
    (0x9f, CONNACK | DISCONNECT),
    (0xa0, DISCONNECT),
    (0xa1, SUBACK | DISCONNECT),
    (0xa2, SUBACK | DISCONNECT),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_only_its_codes_fit() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(Reason::SUCCESS.fits(PacketType::Auth));
        assert!(!Reason(0x03).fits(PacketType::Suback));
        assert!(!Reason::PACKET_IDENTIFIER_NOT_FOUND.fits(PacketType::Puback));
        assert!(Reason::PACKET_IDENTIFIER_NOT_FOUND.fits(PacketType::Pubcomp));
        assert!(Reason::SUCCESS.is_error() != Reason::UNSPECIFIED_ERROR.is_error());
    }
}
