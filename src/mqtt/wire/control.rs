// SPDX-License-Identifier: MIT OR Apache-2.0
//! DISCONNECT and AUTH (5.0 §3.14 and §3.15).
#![forbid(unsafe_code)]

use super::answer::{Answer, emit_reason, foreign};
use super::property::Properties;
use super::sink::{self, Sink};
use super::{PacketType, Reason, Side, Version};
use crate::bytes::Writer;
use crate::status::Result;

/// DISCONNECT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Disconnect Reason Code; none with 3.1.1.
    pub reason: Reason,
    /// Properties; none with 3.1.1.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    /// Reads what follows the Fixed Header.
    ///
    /// # Errors
    /// The Reason Code for bad input.
    pub fn parse(
        body: &'a [u8],
        version: Version,
        side: Side,
    ) -> core::result::Result<Disconnect<'a>, Reason> {
        let Answer { reason, properties, .. } = Answer::parse(PacketType::Disconnect, body, version, side)?;
        Ok(Disconnect { reason, properties })
    }

    pub(super) fn body(&self, version: Version, side: Side, sink: &mut Sink) {
        if version.is_v5() {
            emit_reason(self.reason, &self.properties, PacketType::Disconnect, side, sink);
        }
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::status::Error::Invalid) when it would be malformed,
    /// [`Error::TooLarge`](crate::status::Error::TooLarge) without room.
    pub fn emit(&self, version: Version, side: Side, writer: &mut Writer) -> Result<()> {
        let first = PacketType::Disconnect.first_byte();
        sink::packet(writer, first, &|sink| self.body(version, side, sink), &[])
    }
}

/// AUTH, which 3.1.1 does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Authenticate Reason Code.
    pub reason: Reason,
    /// Properties. The Authentication Method is among them.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    /// Reads what follows the Fixed Header. A packet without anything is a success (§3.15.2.1).
    ///
    /// # Errors
    /// The Reason Code for bad input.
    pub fn parse(body: &'a [u8], side: Side) -> core::result::Result<Auth<'a>, Reason> {
        let Answer { reason, properties, .. } = Answer::parse(PacketType::Auth, body, Version::V5, side)?;
        Ok(Auth { reason, properties })
    }

    pub(super) fn body(&self, side: Side, sink: &mut Sink) {
        sink.check(self.reason != foreign(side));
        // A success without properties is the empty packet.
        if !self.properties.is_empty() || self.reason != Reason::SUCCESS {
            emit_reason(self.reason, &self.properties, PacketType::Auth, side, sink);
        }
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::status::Error::Invalid) when it would be malformed,
    /// [`Error::TooLarge`](crate::status::Error::TooLarge) without room.
    pub fn emit(&self, side: Side, writer: &mut Writer) -> Result<()> {
        sink::packet(writer, PacketType::Auth.first_byte(), &|sink| self.body(side, sink), &[])
    }
}
