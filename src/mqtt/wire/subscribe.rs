// SPDX-License-Identifier: MIT OR Apache-2.0
//! SUBSCRIBE, UNSUBSCRIBE and their answers (5.0 §3.8 to §3.11).
#![forbid(unsafe_code)]

use super::property::Properties;
use super::sink::{self, Sink};
use super::{PacketType, Reason, Side, Version, at_end, read_packet_id, read_text};
use crate::bytes::{Reader, Writer};
use crate::mqtt::topic;
use crate::status::{Error, Result};

/// Subscription Options (5.0 §3.8.3.1); 3.1.1 knows the QoS alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// Maximum QoS, 0 to 2.
    pub qos: u8,
    /// Do not send me what I publish. Not with a shared subscription.
    pub no_local: bool,
    /// Leave RETAIN as it was published.
    pub retain_as_published: bool,
    /// Retained messages: 0 send, 1 send if the subscription is new, 2 do not send.
    pub retain_handling: u8,
}

impl SubscriptionOptions {
    /// The byte on the wire.
    pub const fn to_byte(self) -> u8 {
        self.qos
            | (self.no_local as u8) << 2
            | (self.retain_as_published as u8) << 3
            | self.retain_handling << 4
    }

    /// What the byte on the wire says.
    pub const fn from_byte(byte: u8) -> SubscriptionOptions {
        SubscriptionOptions {
            qos: byte & 3,
            no_local: byte & 4 != 0,
            retain_as_published: byte & 8 != 0,
            retain_handling: byte >> 4 & 3,
        }
    }
}

/// One entry of SUBSCRIBE, or of UNSUBSCRIBE, which has no options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter<'a> {
    /// Topic Filter.
    pub filter: &'a str,
    /// Subscription Options, left out in UNSUBSCRIBE.
    pub options: SubscriptionOptions,
}

/// The payload of SUBSCRIBE or UNSUBSCRIBE, as it came or as a list to be sent.
#[derive(Clone, Copy, Debug)]
pub enum Filters<'a> {
    /// As on the wire; with options after each filter in SUBSCRIBE.
    Encoded(&'a [u8], PacketType),
    /// One by one.
    List(&'a [Filter<'a>]),
}

impl Default for Filters<'_> {
    fn default() -> Self {
        Filters::List(&[])
    }
}

impl PartialEq for Filters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Filters<'_> {}

/// What is wrong with one entry, if anything.
fn check(entry: &Filter, byte: u8, version: Version) -> core::result::Result<(), Reason> {
    let reserved = if version.is_v5() { 0xc0 } else { 0xfc };
    if byte & reserved != 0 {
        return Err(Reason::MALFORMED_PACKET);
    }
    // QoS 3, Retain Handling 3, and No Local on a shared subscription [3.8.3-4].
    let bad = byte & 3 == 3 || byte & 0x30 == 0x30 || byte & 4 != 0 && topic::is_shared(entry.filter);
    if bad {
        return Err(Reason::PROTOCOL_ERROR);
    }
    if topic::is_filter(entry.filter) { Ok(()) } else { Err(Reason::MALFORMED_PACKET) }
}

fn read_filter<'a>(
    reader: &mut Reader<'a>,
    packet: PacketType,
) -> core::result::Result<(Filter<'a>, u8), Reason> {
    let filter = read_text(reader)?;
    let byte = if packet == PacketType::Subscribe { reader.u8()? } else { 0 };
    Ok((Filter { filter, options: SubscriptionOptions::from_byte(byte) }, byte))
}

impl<'a> Filters<'a> {
    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Filter<'a>> + use<'a> {
        let (bytes, packet, list) = match *self {
            Filters::Encoded(bytes, packet) => (bytes, packet, &[][..]),
            Filters::List(list) => (&[][..], PacketType::Subscribe, list),
        };
        let mut reader = Reader::new(bytes);
        let encoded = core::iter::from_fn(move || Some(read_filter(&mut reader, packet).ok()?.0));
        list.iter().copied().chain(encoded)
    }

    fn parse(
        reader: &mut Reader<'a>,
        packet: PacketType,
        version: Version,
    ) -> core::result::Result<Filters<'a>, Reason> {
        let bytes = reader.take_rest();
        if bytes.is_empty() {
            return Err(Reason::PROTOCOL_ERROR);
        }
        let mut rest = Reader::new(bytes);
        while !rest.is_empty() {
            let (entry, byte) = read_filter(&mut rest, packet)?;
            check(&entry, byte, version)?;
        }
        Ok(Filters::Encoded(bytes, packet))
    }

    fn emit(&self, packet: PacketType, version: Version, sink: &mut Sink) -> Result<()> {
        let mut count = 0usize;
        for entry in self.iter() {
            count += 1;
            let mut options = entry.options;
            if !version.is_v5() {
                options = SubscriptionOptions { qos: options.qos, ..Default::default() };
            }
            let byte = if packet == PacketType::Subscribe { options.to_byte() } else { 0 };
            check(&entry, byte, version).map_err(|_| Error::Invalid)?;
            sink.string(entry.filter.as_bytes())?;
            if packet == PacketType::Subscribe {
                sink.u8(byte)?;
            }
        }
        if count == 0 { Err(Error::Invalid) } else { Ok(()) }
    }
}

/// Writes what follows the Packet Identifier of a SUBSCRIBE or UNSUBSCRIBE, or, without a
/// writer, counts it.
///
/// # Errors
/// [`Error::Invalid`] when the packet would be malformed, [`Error::TooLarge`] without room.
pub fn subscription_body(
    packet: PacketType,
    properties: &Properties,
    filters: &Filters,
    version: Version,
    writer: Option<&mut Writer>,
) -> Result<usize> {
    let body = |sink: &mut Sink| payload(packet, properties, filters, version, sink);
    match writer {
        None => Ok(sink::count(&body)? as usize),
        Some(writer) => sink::write(writer, &body).map(|()| 0),
    }
}

fn payload(
    packet: PacketType,
    properties: &Properties,
    filters: &Filters,
    version: Version,
    sink: &mut Sink,
) -> Result<()> {
    if version.is_v5() {
        properties.check(Some(packet), Side::Client)?;
        properties.emit(sink)?;
    }
    filters.emit(packet, version, sink)
}

/// Declares SUBSCRIBE and UNSUBSCRIBE, which differ in type alone.
macro_rules! request {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name<'a> {
            /// Packet Identifier.
            pub packet_id: u16,
            /// Properties; none with 3.1.1.
            pub properties: Properties<'a>,
            /// At least one Topic Filter.
            pub filters: Filters<'a>,
        }

        impl<'a> $name<'a> {
            /// Reads what follows the Fixed Header.
            ///
            /// # Errors
            /// The Reason Code for bad input.
            pub fn parse(body: &'a [u8], version: Version) -> core::result::Result<$name<'a>, Reason> {
                let (packet_id, properties, filters) = parse_request(PacketType::$name, body, version)?;
                Ok($name { packet_id, properties, filters })
            }

            pub(super) fn body(&self, version: Version, sink: &mut Sink) -> Result<()> {
                if self.packet_id == 0 {
                    return Err(Error::Invalid);
                }
                sink.u16(self.packet_id)?;
                payload(PacketType::$name, &self.properties, &self.filters, version, sink)
            }

            /// Writes the packet.
            ///
            /// # Errors
            /// [`Error::Invalid`] when it would be malformed, [`Error::TooLarge`] without room.
            pub fn emit(&self, version: Version, writer: &mut Writer) -> Result<()> {
                let first = PacketType::$name.first_byte();
                sink::packet(writer, first, &|sink| self.body(version, sink))
            }
        }
    };
}

request!(Subscribe, "SUBSCRIBE.");
request!(Unsubscribe, "UNSUBSCRIBE.");

fn parse_request(
    packet: PacketType,
    body: &[u8],
    version: Version,
) -> core::result::Result<(u16, Properties<'_>, Filters<'_>), Reason> {
    let mut reader = Reader::new(body);
    let packet_id = read_packet_id(&mut reader)?;
    let mut properties = Properties::EMPTY;
    if version.is_v5() {
        properties = Properties::parse(&mut reader, Some(packet), Side::Client)?;
    }
    Ok((packet_id, properties, Filters::parse(&mut reader, packet, version)?))
}

/// SUBACK or UNSUBACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged<'a> {
    /// Which of the two.
    pub packet: PacketType,
    /// Packet Identifier of the request.
    pub packet_id: u16,
    /// Properties; none with 3.1.1.
    pub properties: Properties<'a>,
    /// One Reason Code per Topic Filter, in their order. UNSUBACK of 3.1.1 has none.
    pub reasons: &'a [u8],
}

impl<'a> Acknowledged<'a> {
    /// Reads what follows the Fixed Header of a packet of this type.
    ///
    /// # Errors
    /// The Reason Code for bad input.
    pub fn parse(
        packet: PacketType,
        body: &'a [u8],
        version: Version,
    ) -> core::result::Result<Acknowledged<'a>, Reason> {
        let mut reader = Reader::new(body);
        let packet_id = read_packet_id(&mut reader)?;
        let mut properties = Properties::EMPTY;
        if version.is_v5() {
            properties = Properties::parse(&mut reader, Some(packet), Side::Server)?;
        } else if packet == PacketType::Unsuback {
            at_end(&reader)?;
        }
        let acknowledged = Acknowledged { packet, packet_id, properties, reasons: reader.take_rest() };
        acknowledged.check(version)?;
        Ok(acknowledged)
    }

    fn check(&self, version: Version) -> core::result::Result<(), Reason> {
        if !version.is_v5() {
            let known = |reason: &u8| matches!(reason, 0..=2 | 0x80);
            let suback = self.packet == PacketType::Suback;
            return match self.reasons.is_empty() {
                true if suback => Err(Reason::MALFORMED_PACKET),
                false if !suback || !self.reasons.iter().all(known) => Err(Reason::PROTOCOL_ERROR),
                _ => Ok(()),
            };
        }
        if self.reasons.is_empty() {
            return Err(Reason::MALFORMED_PACKET);
        }
        match self.reasons.iter().all(|reason| Reason(*reason).fits(self.packet)) {
            true => Ok(()),
            false => Err(Reason::PROTOCOL_ERROR),
        }
    }

    pub(super) fn body(&self, version: Version, sink: &mut Sink) -> Result<()> {
        if self.packet_id == 0 || self.check(version).is_err() {
            return Err(Error::Invalid);
        }
        sink.u16(self.packet_id)?;
        if version.is_v5() {
            self.properties.check(Some(self.packet), Side::Server)?;
            self.properties.emit(sink)?;
        }
        sink.raw(self.reasons)
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it would be malformed, [`Error::TooLarge`] without room.
    pub fn emit(&self, version: Version, writer: &mut Writer) -> Result<()> {
        sink::packet(writer, self.packet.first_byte(), &|sink| self.body(version, sink))
    }
}
