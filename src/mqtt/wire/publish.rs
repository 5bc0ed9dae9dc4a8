// SPDX-License-Identifier: MIT OR Apache-2.0
//! PUBLISH and its four acknowledgements (5.0 §3.3 to §3.7).
#![forbid(unsafe_code)]

use super::answer::{Answer, emit_reason};
use super::property::{Properties, id};
use super::sink::{self, Sink};
use super::source::Source;
use super::{PacketType, Reason, Side, Version};
use crate::bytes::Writer;
use crate::mqtt::topic;
use crate::status::Result;

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

impl<'a> PublishHead<'a> {
    /// Reads what comes before the payload behind a Fixed Header with these flags.
    #[cfg_attr(all(target_os = "none", feature = "mqtt-v5"), inline(never))]
    pub(in crate::mqtt) fn read(
        flags: u8,
        source: &mut Source<'a>,
        version: Version,
        side: Side,
    ) -> PublishHead<'a> {
        let topic = source.text();
        let qos = flags >> 1 & 3;
        let packet_id = if qos == 0 { 0 } else { source.packet_id() };
        let mut properties = Properties::EMPTY;
        if version.is_v5() {
            properties = Properties::parse(source, Some(PacketType::Publish), side);
        }
        if topic.is_empty() {
            // Only an alias can stand for the topic.
            source.check(properties.number(id::TOPIC_ALIAS).is_some(), Reason::PROTOCOL_ERROR);
        } else {
            source.check(topic::is_name(topic), Reason::TOPIC_NAME_INVALID);
        }
        let (dup, retain) = (flags & 8 != 0, flags & 1 != 0);
        PublishHead { dup, qos, retain, topic, packet_id, properties }
    }

    /// The first byte of the packet.
    pub const fn first_byte(&self) -> u8 {
        0x30 | (self.dup as u8) << 3 | self.qos << 1 | self.retain as u8
    }

    fn body(&self, version: Version, side: Side, sink: &mut Sink) {
        let alias =
            version.is_v5() && self.topic.is_empty() && self.properties.number(id::TOPIC_ALIAS).is_some();
        sink.check(self.qos <= 2 && (self.qos == 0) == (self.packet_id == 0));
        sink.check(!(self.dup && self.qos == 0) && (alias || topic::is_name(self.topic)));
        // A topic name is text without U+0000.
        sink.binary(self.topic.as_bytes());
        if self.qos != 0 {
            sink.u16(self.packet_id);
        }
        if version.is_v5() {
            self.properties.emit(&[], Some(PacketType::Publish), side, sink);
        }
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
        let mut source = Source::new(body);
        let head = PublishHead::read(flags, &mut source, version, side);
        source.outcome()?;
        Ok(Publish { head, payload: source.rest() })
    }

    pub(super) fn body(&self, version: Version, side: Side, sink: &mut Sink) {
        self.head.body(version, side, sink);
        sink.put(self.payload);
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::status::Error::Invalid) when it would be malformed,
    /// [`Error::TooLarge`](crate::status::Error::TooLarge) without room.
    pub fn emit(&self, version: Version, side: Side, writer: &mut Writer) -> Result<()> {
        let head = |sink: &mut Sink| self.head.body(version, side, sink);
        sink::packet(writer, self.head.first_byte(), &head, self.payload)
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
        let Answer { packet_id, reason, properties, .. } = Answer::parse(packet, body, version, side)?;
        Ok(Ack { packet, packet_id, reason, properties })
    }

    pub(super) fn body(&self, version: Version, side: Side, sink: &mut Sink) {
        sink.check(self.packet_id != 0);
        sink.u16(self.packet_id);
        if version.is_v5() {
            emit_reason(self.reason, &self.properties, self.packet, side, sink);
        }
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::status::Error::Invalid) when it would be malformed,
    /// [`Error::TooLarge`](crate::status::Error::TooLarge) without room.
    pub fn emit(&self, version: Version, side: Side, writer: &mut Writer) -> Result<()> {
        let first = self.packet.first_byte();
        sink::packet(writer, first, &|sink| self.body(version, side, sink), &[])
    }
}
