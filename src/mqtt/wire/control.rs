// SPDX-License-Identifier: MIT OR Apache-2.0
//! DISCONNECT and AUTH (5.0 §3.14 and §3.15).
#![forbid(unsafe_code)]

use super::property::Properties;
use super::publish::{emit_reason, read_reason};
use super::sink::{self, Sink};
use super::{PacketType, Reason, Side, Version, at_end};
use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

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
        let mut reader = Reader::new(body);
        let mut packet = Disconnect::default();
        if version.is_v5() {
            (packet.reason, packet.properties) = read_reason(&mut reader, PacketType::Disconnect, side)?;
        }
        at_end(&reader)?;
        Ok(packet)
    }

    pub(super) fn body(&self, version: Version, side: Side, sink: &mut Sink) -> Result<()> {
        if !version.is_v5() {
            return Ok(());
        }
        emit_reason(self.reason, &self.properties, PacketType::Disconnect, side, sink)
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it would be malformed, [`Error::TooLarge`] without room.
    pub fn emit(&self, version: Version, side: Side, writer: &mut Writer) -> Result<()> {
        let first = PacketType::Disconnect.first_byte();
        sink::packet(writer, first, &|sink| self.body(version, side, sink))
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
        let mut reader = Reader::new(body);
        let (reason, properties) = read_reason(&mut reader, PacketType::Auth, side)?;
        at_end(&reader)?;
        // Only a server says Success, only a client Re-authenticate (table 3-11).
        if (!body.is_empty() && properties.is_empty()) || reason == Auth::foreign(side) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        Ok(Auth { reason, properties })
    }

    /// The Reason Code that this side may not send.
    const fn foreign(side: Side) -> Reason {
        match side {
            Side::Client => Reason::SUCCESS,
            Side::Server => Reason::RE_AUTHENTICATE,
        }
    }

    pub(super) fn body(&self, side: Side, sink: &mut Sink) -> Result<()> {
        if self.reason == Auth::foreign(side) {
            return Err(Error::Invalid);
        }
        // A success without properties is the empty packet.
        if self.properties.is_empty() && self.reason == Reason::SUCCESS {
            return Ok(());
        }
        emit_reason(self.reason, &self.properties, PacketType::Auth, side, sink)
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it would be malformed, [`Error::TooLarge`] without room.
    pub fn emit(&self, side: Side, writer: &mut Writer) -> Result<()> {
        sink::packet(writer, PacketType::Auth.first_byte(), &|sink| self.body(side, sink))
    }
}
