// SPDX-License-Identifier: MIT OR Apache-2.0
//! SUBSCRIBE, UNSUBSCRIBE and their answers (5.0 §3.8 to §3.11).
#![forbid(unsafe_code)]

use super::answer::Answer;
use super::property::Properties;
use super::sink::{self, Sink};
use super::source::Source;
use super::{PacketType, Reason, Side, Version};
use crate::bytes::Writer;
use crate::mqtt::topic;
use crate::status::Result;

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

/// What is wrong with one entry; success when nothing is.
fn check(filter: &[u8], byte: u8, version: Version) -> Reason {
    let reserved = if version.is_v5() { 0xc0 } else { 0xfc };
    // QoS 3, Retain Handling 3, and No Local on a shared subscription [3.8.3-4].
    let bad = byte & 3 == 3 || byte & 0x30 == 0x30 || byte & 4 != 0 && topic::is_shared_bytes(filter);
    match () {
        () if byte & reserved != 0 => Reason::MALFORMED_PACKET,
        () if bad => Reason::PROTOCOL_ERROR,
        () if topic::is_filter_bytes(filter) => Reason::SUCCESS,
        () => Reason::MALFORMED_PACKET,
    }
}

impl Filter<'_> {
    /// Writes this entry; one of UNSUBSCRIBE has no options.
    pub(in crate::mqtt) fn emit(&self, packet: PacketType, version: Version, sink: &mut Sink) {
        let subscribe = packet == PacketType::Subscribe;
        let mut byte = if subscribe { self.options.to_byte() } else { 0 };
        if !version.is_v5() {
            byte &= 3;
        }
        let filter = self.filter.as_bytes();
        sink.check(check(filter, byte, version) == Reason::SUCCESS);
        sink.binary(filter);
        if subscribe {
            sink.u8(byte);
        }
    }
}

fn read_filter<'a>(source: &mut Source<'a>, packet: PacketType) -> (&'a str, u8) {
    let filter = source.text();
    (filter, if packet == PacketType::Subscribe { source.u8() } else { 0 })
}

impl<'a> Filters<'a> {
    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Filter<'a>> + use<'a> {
        let (bytes, packet, list) = match *self {
            Filters::Encoded(bytes, packet) => (bytes, packet, &[][..]),
            Filters::List(list) => (&[][..], PacketType::Subscribe, list),
        };
        let mut source = Source::new(bytes);
        let encoded = core::iter::from_fn(move || {
            if source.is_empty() {
                return None;
            }
            let (filter, byte) = read_filter(&mut source, packet);
            source.outcome().ok()?;
            Some(Filter { filter, options: SubscriptionOptions::from_byte(byte) })
        });
        list.iter().copied().chain(encoded)
    }

    fn parse(source: &mut Source<'a>, packet: PacketType, version: Version) -> Filters<'a> {
        source.check(!source.is_empty(), Reason::PROTOCOL_ERROR);
        let bytes = source.rest();
        while !source.is_empty() {
            let (filter, byte) = read_filter(source, packet);
            source.fail(check(filter.as_bytes(), byte, version));
        }
        Filters::Encoded(bytes, packet)
    }
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

            pub(super) fn body(&self, version: Version, sink: &mut Sink) {
                sink.check(self.packet_id != 0);
                sink.u16(self.packet_id);
                if version.is_v5() {
                    self.properties.emit(&[], Some(PacketType::$name), Side::Client, sink);
                }
                sink.check(self.filters.iter().next().is_some());
                for entry in self.filters.iter() {
                    entry.emit(PacketType::$name, version, sink);
                }
            }

            /// Writes the packet.
            ///
            /// # Errors
            /// [`Error::Invalid`](crate::status::Error::Invalid) when it would be malformed,
            /// [`Error::TooLarge`](crate::status::Error::TooLarge) without room.
            pub fn emit(&self, version: Version, writer: &mut Writer) -> Result<()> {
                let first = PacketType::$name.first_byte();
                sink::packet(writer, first, &|sink| self.body(version, sink), &[])
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
    let mut source = Source::new(body);
    let packet_id = source.packet_id();
    let mut properties = Properties::EMPTY;
    if version.is_v5() {
        properties = Properties::parse(&mut source, Some(packet), Side::Client);
    }
    // What came before may be wrong already.
    source.outcome()?;
    let filters = Filters::parse(&mut source, packet, version);
    source.outcome()?;
    Ok((packet_id, properties, filters))
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
        let Answer { packet_id, properties, reasons, .. } =
            Answer::parse(packet, body, version, Side::Server)?;
        Ok(Acknowledged { packet, packet_id, properties, reasons })
    }

    pub(super) fn body(&self, version: Version, sink: &mut Sink) {
        sink.check(self.packet_id != 0);
        sink.check(Answer::reasons(self.packet, self.reasons, version));
        sink.u16(self.packet_id);
        if version.is_v5() {
            self.properties.emit(&[], Some(self.packet), Side::Server, sink);
        }
        sink.put(self.reasons);
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::status::Error::Invalid) when it would be malformed,
    /// [`Error::TooLarge`](crate::status::Error::TooLarge) without room.
    pub fn emit(&self, version: Version, writer: &mut Writer) -> Result<()> {
        sink::packet(writer, self.packet.first_byte(), &|sink| self.body(version, sink), &[])
    }
}
