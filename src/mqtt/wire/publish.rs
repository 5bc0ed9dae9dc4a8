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
    let mut wrong = Reason::SUCCESS;
    match head_len(flags, remaining, front, version, &mut wrong) {
        _ if wrong != Reason::SUCCESS => Err(wrong),
        0 => Ok(None),
        length => Ok(Some(length)),
    }
}

/// The same, 0 when more of it is needed.
pub(in crate::mqtt) fn head_len(
    flags: u8,
    remaining: u32,
    front: &[u8],
    version: Version,
    wrong: &mut Reason,
) -> usize {
    let remaining = remaining as usize;
    let front = front.get(..remaining).unwrap_or(front);
    let v5 = version.is_v5();
    let mut source = Source::new(front);
    let mut needed = 2 + source.number(2) as usize;
    let mut incomplete = source.is_short();
    if !incomplete {
        needed += if flags & 6 == 0 { 0 } else { 2 };
        if v5 {
            let rest = front.get(needed..).unwrap_or_default();
            let mut source = Source::new(rest);
            let properties = source.variable();
            incomplete = source.is_short();
            needed += if incomplete { 1 } else { rest.len() - source.rest().len() + properties as usize };
            if !incomplete {
                *wrong = source.wrong();
            }
        }
    }
    // What is missing must not reach past the packet's end.
    if needed > remaining || (incomplete && front.len() == remaining) {
        *wrong = Reason::MALFORMED_PACKET;
    }
    if incomplete { 0 } else { needed }
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
        let (head, wrong) = PublishHead::read(flags, head, version, side);
        if wrong == Reason::SUCCESS { Ok(head) } else { Err(wrong) }
    }

    /// The same, with what is wrong or success.
    pub(in crate::mqtt) fn read(
        flags: u8,
        head: &'a [u8],
        version: Version,
        side: Side,
    ) -> (PublishHead<'a>, Reason) {
        let mut source = Source::new(head);
        let topic = source.text();
        let qos = flags >> 1 & 3;
        let packet_id = if qos == 0 { 0 } else { source.packet_id() };
        let mut properties = Properties::EMPTY;
        if version.is_v5() {
            properties = Properties::parse(&mut source, Some(PacketType::Publish), side);
        }
        source.end();
        if topic.is_empty() {
            // Only an alias can stand for the topic.
            source.check(properties.number(id::TOPIC_ALIAS).is_some(), Reason::PROTOCOL_ERROR);
        } else {
            source.check(topic::is_name(topic), Reason::TOPIC_NAME_INVALID);
        }
        let (dup, retain) = (flags & 8 != 0, flags & 1 != 0);
        (PublishHead { dup, qos, retain, topic, packet_id, properties }, source.wrong())
    }

    /// The first byte of the packet.
    pub const fn first_byte(&self) -> u8 {
        0x30 | (self.dup as u8) << 3 | self.qos << 1 | self.retain as u8
    }

    fn body(&self, version: Version, side: Side, sink: &mut Sink) {
        let alias =
            version.is_v5() && self.topic.is_empty() && self.properties.get(id::TOPIC_ALIAS).is_some();
        sink.check(self.qos <= 2 && (self.qos == 0) == (self.packet_id == 0));
        sink.check(!(self.dup && self.qos == 0) && (alias || topic::is_name(self.topic)));
        sink.string(self.topic.as_bytes());
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
        let length = publish_head_len(flags, body.len() as u32, body, version)?;
        let (head, payload) =
            length.and_then(|length| body.split_at_checked(length)).ok_or(Reason::MALFORMED_PACKET)?;
        Ok(Publish { head: PublishHead::parse(flags, head, version, side)?, payload })
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
        sink::packet(writer, first, &|sink| self.body(version, side, sink))
    }
}
