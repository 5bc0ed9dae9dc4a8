// SPDX-License-Identifier: MIT OR Apache-2.0
//! PUBLISH and its four acknowledgements (5.0 §3.3 to §3.7).
#![forbid(unsafe_code)]

use super::property::{Properties, id};
use super::sink::{self, Sink, read_variable};
use super::{PacketType, Reason, Side, Version, at_end, read_packet_id, read_text};
use crate::bytes::{Reader, Writer};
use crate::mqtt::topic;
use crate::status::{Error, Result};

/// PUBLISH without its payload, which may be longer than any buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishHead<'a> {
    /// DUP: perhaps sent before.
    pub dup: bool,
    /// QoS, 0 to 2.
    pub qos: u8,
    /// RETAIN.
    pub retain: bool,
    /// Topic Name; empty where a Topic Alias stands for it.
    pub topic: &'a str,
    /// Packet Identifier; 0 (none) with QoS 0.
    pub packet_id: u16,
    /// Properties; none with 3.1.1.
    pub properties: Properties<'a>,
}

/// How many bytes of a PUBLISH come between its Fixed Header and its payload, as far as the
/// front of its body tells; `None` when more of it is needed.
///
/// # Errors
/// [`Reason::MALFORMED_PACKET`] when they would be more than `remaining`.
pub fn publish_head_len(
    flags: u8,
    remaining: u32,
    front: &[u8],
    version: Version,
) -> core::result::Result<Option<usize>, Reason> {
    let remaining = remaining as usize;
    let bounded = |length: usize| match length <= remaining {
        true => Ok(length),
        false => Err(Reason::MALFORMED_PACKET),
    };
    let mut reader = Reader::new(front);
    let Ok(topic) = reader.u16() else { return bounded(2).map(|_| None) };
    let packet_id = if flags & 6 == 0 { 0 } else { 2 };
    let fixed = bounded(2 + usize::from(topic) + packet_id)?;
    if !version.is_v5() {
        return Ok(Some(fixed));
    }
    bounded(fixed + 1)?;
    let Some(rest) = front.get(fixed..front.len().min(remaining)) else { return Ok(None) };
    let mut reader = Reader::new(rest);
    let Some(properties) = read_variable(&mut reader, true)? else {
        // The length field itself must not reach past the packet's end.
        return if front.len() < remaining { Ok(None) } else { Err(Reason::MALFORMED_PACKET) };
    };
    Ok(Some(bounded(fixed + reader.position() + properties as usize)?))
}

impl<'a> PublishHead<'a> {
    /// Reads the [`publish_head_len`] bytes that follow the Fixed Header with these flags.
    ///
    /// # Errors
    /// The Reason Code for bad input.
    pub fn parse(
        flags: u8,
        head: &'a [u8],
        version: Version,
        side: Side,
    ) -> core::result::Result<PublishHead<'a>, Reason> {
        let mut reader = Reader::new(head);
        let topic = read_text(&mut reader)?;
        let qos = flags >> 1 & 3;
        let packet_id = if qos == 0 { 0 } else { read_packet_id(&mut reader)? };
        let mut properties = Properties::EMPTY;
        if version.is_v5() {
            properties = Properties::parse(&mut reader, Some(PacketType::Publish), side)?;
        }
        at_end(&reader)?;
        if topic.is_empty() {
            // Only an alias can stand for the topic.
            if properties.get(id::TOPIC_ALIAS).is_none() {
                return Err(Reason::PROTOCOL_ERROR);
            }
        } else if !topic::is_name(topic) {
            return Err(Reason::TOPIC_NAME_INVALID);
        }
        let (dup, retain) = (flags & 8 != 0, flags & 1 != 0);
        Ok(PublishHead { dup, qos, retain, topic, packet_id, properties })
    }

    /// The first byte of the packet.
    pub const fn first_byte(&self) -> u8 {
        0x30 | (self.dup as u8) << 3 | self.qos << 1 | self.retain as u8
    }

    /// Checks what is about to be sent by `side`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the packet would be malformed.
    pub fn check(&self, version: Version, side: Side) -> Result<()> {
        let mut alias = false;
        if version.is_v5() {
            self.properties.check(Some(PacketType::Publish), side)?;
            alias = self.topic.is_empty() && self.properties.get(id::TOPIC_ALIAS).is_some();
        }
        let bad = self.qos > 2
            || (self.qos == 0) != (self.packet_id == 0)
            || (self.dup && self.qos == 0)
            || !(alias || topic::is_name(self.topic));
        if bad { Err(Error::Invalid) } else { Ok(()) }
    }

    fn body(&self, version: Version, sink: &mut Sink) -> Result<()> {
        sink.string(self.topic.as_bytes())?;
        if self.qos != 0 {
            sink.u16(self.packet_id)?;
        }
        if version.is_v5() { self.properties.emit(sink) } else { Ok(()) }
    }
}

/// PUBLISH, all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Publish<'a> {
    /// What comes before the payload.
    pub head: PublishHead<'a>,
    /// The Application Message.
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    /// Reads what follows the Fixed Header with these flags.
    ///
    /// # Errors
    /// The Reason Code for bad input.
    pub fn parse(
        flags: u8,
        body: &'a [u8],
        version: Version,
        side: Side,
    ) -> core::result::Result<Publish<'a>, Reason> {
        let length = publish_head_len(flags, body.len() as u32, body, version)?;
        let (head, payload) =
            length.and_then(|length| body.split_at_checked(length)).ok_or(Reason::MALFORMED_PACKET)?;
        Ok(Publish { head: PublishHead::parse(flags, head, version, side)?, payload })
    }

    pub(super) fn body(&self, version: Version, side: Side, sink: &mut Sink) -> Result<()> {
        self.head.check(version, side)?;
        self.head.body(version, sink)?;
        sink.raw(self.payload)
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it would be malformed, [`Error::TooLarge`] without room.
    pub fn emit(&self, version: Version, side: Side, writer: &mut Writer) -> Result<()> {
        sink::packet(writer, self.head.first_byte(), &|sink| self.body(version, side, sink))
    }
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// Which of the four.
    pub packet: PacketType,
    /// Packet Identifier of the PUBLISH.
    pub packet_id: u16,
    /// Reason Code; always success with 3.1.1.
    pub reason: Reason,
    /// Properties; none with 3.1.1.
    pub properties: Properties<'a>,
}

impl<'a> Ack<'a> {
    /// Reads what follows the Fixed Header of a packet of this type.
    ///
    /// # Errors
    /// The Reason Code for bad input.
    pub fn parse(
        packet: PacketType,
        body: &'a [u8],
        version: Version,
        side: Side,
    ) -> core::result::Result<Ack<'a>, Reason> {
        let mut reader = Reader::new(body);
        let packet_id = read_packet_id(&mut reader)?;
        let mut ack = Ack { packet, packet_id, reason: Reason::SUCCESS, properties: Properties::EMPTY };
        if version.is_v5() {
            (ack.reason, ack.properties) = read_reason(&mut reader, packet, side)?;
        }
        at_end(&reader)?;
        Ok(ack)
    }

    pub(super) fn body(&self, version: Version, side: Side, sink: &mut Sink) -> Result<()> {
        if self.packet_id == 0 {
            return Err(Error::Invalid);
        }
        sink.u16(self.packet_id)?;
        if version.is_v5() {
            return emit_reason(self.reason, &self.properties, self.packet, side, sink);
        }
        Ok(())
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it would be malformed, [`Error::TooLarge`] without room.
    pub fn emit(&self, version: Version, side: Side, writer: &mut Writer) -> Result<()> {
        let first = self.packet.first_byte();
        sink::packet(writer, first, &|sink| self.body(version, side, sink))
    }
}

/// The Reason Code and properties at the end of acknowledgements and of DISCONNECT: either
/// may be left out when it says nothing (5.0 §3.4.2.1, §3.14.2.1).
pub(super) fn read_reason<'a>(
    reader: &mut Reader<'a>,
    packet: PacketType,
    side: Side,
) -> core::result::Result<(Reason, Properties<'a>), Reason> {
    let mut reason = Reason::SUCCESS;
    let mut properties = Properties::EMPTY;
    if !reader.is_empty() {
        reason = Reason(reader.u8()?);
    }
    if !reader.is_empty() {
        properties = Properties::parse(reader, Some(packet), side)?;
    }
    if reason.fits(packet) { Ok((reason, properties)) } else { Err(Reason::PROTOCOL_ERROR) }
}

pub(super) fn emit_reason(
    reason: Reason,
    properties: &Properties,
    packet: PacketType,
    side: Side,
    sink: &mut Sink,
) -> Result<()> {
    if !reason.fits(packet) {
        return Err(Error::Invalid);
    }
    properties.check(Some(packet), side)?;
    if reason.0 != 0 || !properties.is_empty() {
        sink.u8(reason.0)?;
    }
    if properties.is_empty() { Ok(()) } else { properties.emit(sink) }
}
