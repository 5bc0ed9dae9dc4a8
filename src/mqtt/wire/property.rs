// SPDX-License-Identifier: MIT OR Apache-2.0
//! Properties of 5.0 (§2.2.2): one table says where each may stand and what it holds.
#![forbid(unsafe_code)]

use super::sink::Sink;
use super::source::Source;
use super::{PacketType, Reason, Side, V5, text};
use crate::mqtt::topic;
use crate::status::Result;

/// Property Identifiers (5.0 §2.2.2.2).
pub mod id {
    /// Payload Format Indicator: a byte, 1 for UTF-8 text.
    pub const PAYLOAD_FORMAT_INDICATOR: u8 = 1;
    /// Message Expiry Interval in seconds.
    pub const MESSAGE_EXPIRY_INTERVAL: u8 = 2;
    /// Content Type: a string.
    pub const CONTENT_TYPE: u8 = 3;
    /// Response Topic: a string without wildcards.
    pub const RESPONSE_TOPIC: u8 = 8;
    /// Correlation Data: binary.
    pub const CORRELATION_DATA: u8 = 9;
    /// Subscription Identifier: 1 to 268,435,455.
    pub const SUBSCRIPTION_IDENTIFIER: u8 = 11;
    /// Session Expiry Interval in seconds.
    pub const SESSION_EXPIRY_INTERVAL: u8 = 17;
    /// Assigned Client Identifier: a string.
    pub const ASSIGNED_CLIENT_IDENTIFIER: u8 = 18;
    /// Server Keep Alive in seconds.
    pub const SERVER_KEEP_ALIVE: u8 = 19;
    /// Authentication Method: a string.
    pub const AUTHENTICATION_METHOD: u8 = 21;
    /// Authentication Data: binary.
    pub const AUTHENTICATION_DATA: u8 = 22;
    /// Request Problem Information: a byte.
    pub const REQUEST_PROBLEM_INFORMATION: u8 = 23;
    /// Will Delay Interval in seconds.
    pub const WILL_DELAY_INTERVAL: u8 = 24;
    /// Request Response Information: a byte.
    pub const REQUEST_RESPONSE_INFORMATION: u8 = 25;
    /// Response Information: a string.
    pub const RESPONSE_INFORMATION: u8 = 26;
    /// Server Reference: a string.
    pub const SERVER_REFERENCE: u8 = 28;
    /// Reason String: a string.
    pub const REASON_STRING: u8 = 31;
    /// Receive Maximum: 1 to 65,535.
    pub const RECEIVE_MAXIMUM: u8 = 33;
    /// Topic Alias Maximum.
    pub const TOPIC_ALIAS_MAXIMUM: u8 = 34;
    /// Topic Alias: 1 to 65,535.
    pub const TOPIC_ALIAS: u8 = 35;
    /// Maximum QoS: a byte.
    pub const MAXIMUM_QOS: u8 = 36;
    /// Retain Available: a byte.
    pub const RETAIN_AVAILABLE: u8 = 37;
    /// User Property: a pair of strings, as often as wanted.
    pub const USER_PROPERTY: u8 = 38;
    /// Maximum Packet Size in bytes, not 0.
    pub const MAXIMUM_PACKET_SIZE: u8 = 39;
    /// Wildcard Subscription Available: a byte.
    pub const WILDCARD_SUBSCRIPTION_AVAILABLE: u8 = 40;
    /// Subscription Identifier Available: a byte.
    pub const SUBSCRIPTION_IDENTIFIER_AVAILABLE: u8 = 41;
    /// Shared Subscription Available: a byte.
    pub const SHARED_SUBSCRIPTION_AVAILABLE: u8 = 42;
}

/// What a property holds: in the lower three bits a number of so many bytes or one of the other
/// forms, above them how much smaller than a `u32` the largest number is, in bits. Every byte in
/// 5.0 is a yes or no.
mod form {
    pub(super) const MASK: u8 = 7;
    pub(super) const FLAG: u8 = 31 << 3 | 1;
    pub(super) const SHORT: u8 = 16 << 3 | 2;
    pub(super) const VARIABLE: u8 = 4 << 3 | 3;
    pub(super) const LONG: u8 = 4;
    // No numbers.
    pub(super) const TEXT: u8 = 5;
    pub(super) const BINARY: u8 = 6;
    pub(super) const PAIR: u8 = 7;
}

/// One row of table 2-4: the identifier, what it holds, and a bit per packet type that may
/// carry it. Bit 0, which is no packet type, stands for the Will Properties; that of PINGREQ,
/// which has none, for a number that must not be 0.
struct Row(u8, u8, u16);

const NOT_ZERO: u16 = PacketType::Pingreq.bit();
const WILL: u16 = 1;
const CONNECT: u16 = PacketType::Connect.bit();
const CONNACK: u16 = PacketType::Connack.bit();
const PUBLISH: u16 = PacketType::Publish.bit();
const SUBSCRIBE: u16 = PacketType::Subscribe.bit();
const DISCONNECT: u16 = PacketType::Disconnect.bit();
const AUTH: u16 = PacketType::Auth.bit();
const ANSWERS: u16 = CONNACK
    | PacketType::Puback.bit()
    | PacketType::Pubrec.bit()
    | PacketType::Pubrel.bit()
    | PacketType::Pubcomp.bit()
    | PacketType::Suback.bit()
    | PacketType::Unsuback.bit()
    | DISCONNECT
    | AUTH;

static TABLE: [Row; 28] = [
    Row(id::PAYLOAD_FORMAT_INDICATOR, form::FLAG, PUBLISH | WILL),
    Row(id::MESSAGE_EXPIRY_INTERVAL, form::LONG, PUBLISH | WILL),
    Row(id::CONTENT_TYPE, form::TEXT, PUBLISH | WILL),
    Row(id::RESPONSE_TOPIC, form::TEXT, PUBLISH | WILL),
    Row(id::CORRELATION_DATA, form::BINARY, PUBLISH | WILL),
    Row(id::SUBSCRIPTION_IDENTIFIER, form::VARIABLE, NOT_ZERO | PUBLISH | SUBSCRIBE),
    Row(id::SESSION_EXPIRY_INTERVAL, form::LONG, CONNECT | CONNACK | DISCONNECT),
    Row(id::ASSIGNED_CLIENT_IDENTIFIER, form::TEXT, CONNACK),
    Row(id::SERVER_KEEP_ALIVE, form::SHORT, CONNACK),
    Row(id::AUTHENTICATION_METHOD, form::TEXT, CONNECT | CONNACK | AUTH),
    Row(id::AUTHENTICATION_DATA, form::BINARY, CONNECT | CONNACK | AUTH),
    Row(id::REQUEST_PROBLEM_INFORMATION, form::FLAG, CONNECT),
    Row(id::WILL_DELAY_INTERVAL, form::LONG, WILL),
    Row(id::REQUEST_RESPONSE_INFORMATION, form::FLAG, CONNECT),
    Row(id::RESPONSE_INFORMATION, form::TEXT, CONNACK),
    Row(id::SERVER_REFERENCE, form::TEXT, CONNACK | DISCONNECT),
    Row(id::REASON_STRING, form::TEXT, ANSWERS),
    Row(id::RECEIVE_MAXIMUM, form::SHORT, NOT_ZERO | CONNECT | CONNACK),
    Row(id::TOPIC_ALIAS_MAXIMUM, form::SHORT, CONNECT | CONNACK),
    Row(id::TOPIC_ALIAS, form::SHORT, NOT_ZERO | PUBLISH),
    Row(id::MAXIMUM_QOS, form::FLAG, CONNACK),
    Row(id::RETAIN_AVAILABLE, form::FLAG, CONNACK),
    Row(
        id::USER_PROPERTY,
        form::PAIR,
        WILL | CONNECT | PUBLISH | SUBSCRIBE | PacketType::Unsubscribe.bit() | ANSWERS,
    ),
    Row(id::MAXIMUM_PACKET_SIZE, form::LONG, NOT_ZERO | CONNECT | CONNACK),
    Row(id::WILDCARD_SUBSCRIPTION_AVAILABLE, form::FLAG, CONNACK),
    Row(id::SUBSCRIPTION_IDENTIFIER_AVAILABLE, form::FLAG, CONNACK),
    Row(id::SHARED_SUBSCRIPTION_AVAILABLE, form::FLAG, CONNACK),
    NOTHING,
];

/// Stands behind the others, for what is none of them.
const NOTHING: Row = Row(0, 0, 0);

/// The row of a property, and which it is.
#[inline(never)]
fn row(id: u8) -> (usize, &'static Row) {
    let mut rows = TABLE.iter().enumerate();
    rows.find(|(_, row)| row.0 == id).unwrap_or((27, &NOTHING))
}

/// One property. What it holds follows from its identifier: a number, a string or binary
/// data, or (User Property alone) a name and a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Property<'a> {
    /// One of [`id`].
    pub id: u8,
    /// The value, where it is a number.
    pub number: u32,
    /// The value, where it is a string or binary data; the name of a User Property.
    pub data: &'a [u8],
    /// The value of a User Property.
    pub value: &'a [u8],
}

impl<'a> Property<'a> {
    /// A property that holds a number.
    pub const fn number(id: u8, number: u32) -> Property<'a> {
        Property { id, number, data: &[], value: &[] }
    }

    /// A property that holds a string.
    pub const fn text(id: u8, text: &'a str) -> Property<'a> {
        Property { id, number: 0, data: text.as_bytes(), value: &[] }
    }

    /// A property that holds binary data.
    pub const fn binary(id: u8, data: &'a [u8]) -> Property<'a> {
        Property { id, number: 0, data, value: &[] }
    }

    /// A User Property.
    pub const fn user(name: &'a str, value: &'a str) -> Property<'a> {
        let (data, value) = (name.as_bytes(), value.as_bytes());
        Property { id: id::USER_PROPERTY, number: 0, data, value }
    }

    /// The string that it holds; empty where it holds none.
    pub fn as_str(&self) -> &'a str {
        crate::text::parse(self.data).unwrap_or_default()
    }

    pub(in crate::mqtt) fn read(source: &mut Source<'a>) -> Property<'a> {
        // Identifiers are Variable Byte Integers, but all that exist take one byte.
        let mut property = Property { id: source.u8(), ..Property::default() };
        let (_, Row(_, form, _)) = row(property.id);
        match form & form::MASK {
            0 => source.fail(Reason::MALFORMED_PACKET),
            3 => property.number = source.variable(),
            count @ 1..form::TEXT => property.number = source.number(usize::from(count)),
            form => {
                property.data = source.binary();
                if form == form::PAIR {
                    property.value = source.binary();
                }
            }
        }
        property
    }

    fn emit(&self, sink: &mut Sink) {
        sink.u8(self.id);
        let (_, Row(_, form, _)) = row(self.id);
        match form & form::MASK {
            0 => sink.check(false),
            3 => sink.variable(self.number),
            count @ 1..form::TEXT => sink.number(self.number, usize::from(count)),
            form => {
                sink.binary(self.data);
                if form == form::PAIR {
                    sink.binary(self.value);
                }
            }
        }
    }

    /// The rules for this property alone; success when it keeps them.
    fn check(&self, Row(id, form, scopes): &Row) -> Reason {
        let number = self.number;
        let good = match form & form::MASK {
            form::BINARY => true,
            form::TEXT.. => {
                if text(self.data).is_err() || text(self.value).is_err() {
                    return Reason::MALFORMED_PACKET;
                }
                *id != id::RESPONSE_TOPIC || topic::is_name_bytes(self.data)
            }
            _ if number == 0 && scopes & NOT_ZERO != 0 => {
                let alias = *id == id::TOPIC_ALIAS;
                return if alias { Reason::TOPIC_ALIAS_INVALID } else { Reason::PROTOCOL_ERROR };
            }
            _ => number <= u32::MAX >> (form >> 3),
        };
        if good { Reason::SUCCESS } else { Reason::PROTOCOL_ERROR }
    }
}

/// The properties of one packet, as they came or as a list to be sent.
#[derive(Clone, Copy, Debug)]
pub enum Properties<'a> {
    /// As on the wire, without the length in front.
    Encoded(&'a [u8]),
    /// One by one.
    List(&'a [Property<'a>]),
}

impl Default for Properties<'_> {
    fn default() -> Self {
        Properties::EMPTY
    }
}

impl PartialEq for Properties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Properties<'_> {}

impl<'a> Properties<'a> {
    /// No properties.
    pub const EMPTY: Properties<'static> = Properties::List(&[]);

    /// One after the other, in their order.
    pub const fn iter(&self) -> PropertyIter<'a> {
        PropertyIter(*self)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        match self {
            _ if !V5 => true,
            Properties::Encoded(bytes) => bytes.is_empty(),
            Properties::List(list) => list.is_empty(),
        }
    }

    /// The first property with that identifier.
    pub fn get(&self, id: u8) -> Option<Property<'a>> {
        if V5 { self.iter().find(|property| property.id == id) } else { None }
    }

    /// The number that the property with that identifier holds.
    pub fn number(&self, id: u8) -> Option<u32> {
        Some(self.get(id)?.number)
    }

    /// The string or binary data that the property with that identifier holds.
    pub(in crate::mqtt) fn data(&self, id: u8) -> Option<&'a [u8]> {
        Some(self.get(id)?.data)
    }

    /// The string that the property with that identifier holds.
    pub fn text(&self, id: u8) -> Option<&'a str> {
        Some(self.get(id)?.as_str())
    }

    /// Reads a property length and that many bytes of properties, and checks them against
    /// the rules for `packet` (`None`: the Will Properties) sent by `side`.
    pub(in crate::mqtt) fn parse(
        source: &mut Source<'a>,
        packet: Option<PacketType>,
        side: Side,
    ) -> Properties<'a> {
        let length = source.variable();
        let bytes = source.take(length as usize);
        let mut inside = Source::new(bytes);
        let mut rules = Rules::new(packet, side);
        while !inside.is_empty() {
            let property = Property::read(&mut inside);
            inside.fail(rules.next(&property));
        }
        inside.fail(rules.end());
        source.fail(inside.wrong());
        Properties::Encoded(bytes)
    }

    /// Writes properties of a packet (`None`: the Will Properties), and `more` numbers by their
    /// identifiers behind them, but for those that are 0, with their length in front. What breaks a
    /// rule is invalid.
    #[inline(never)]
    pub(in crate::mqtt) fn emit(
        &self,
        more: &[(u8, u32)],
        packet: Option<PacketType>,
        side: Side,
        sink: &mut Sink,
    ) {
        let mut rules = Rules::new(packet, side);
        let from = sink.open();
        for property in self.iter() {
            rules.emit(&property, sink);
        }
        for (id, number) in more.iter().filter(|(_, number)| *number != 0) {
            rules.emit(&Property::number(*id, *number), sink);
        }
        sink.check(rules.end() == Reason::SUCCESS);
        sink.close(from, 0);
    }

    /// How many bytes the properties take, without their length in front. Only what they are is
    /// checked, not whether they may stand together.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::status::Error::TooLarge),
    /// [`Error::Invalid`](crate::status::Error::Invalid) for an unknown property.
    pub fn content_len(&self) -> Result<u32> {
        let mut sink = Sink::new(&mut []);
        self.iter().for_each(|property| property.emit(&mut sink));
        sink.count().map(|count| count as u32)
    }

    /// Writes the properties with their length in front, as [`content_len`](Self::content_len)
    /// counts them.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::status::Error::TooLarge) when `writer` has no room.
    pub fn write(&self, writer: &mut crate::bytes::Writer) -> Result<()> {
        let mut sink = Sink::new(writer.room());
        let from = sink.open();
        self.iter().for_each(|property| property.emit(&mut sink));
        sink.close(from, 0);
        let count = sink.count()?;
        writer.advance(count)
    }
}

/// What has been seen of the properties of one packet.
#[derive(Clone, Copy)]
struct Rules {
    scope: u16,
    side: Side,
    /// A bit for each row of the table.
    seen: u32,
}

impl Rules {
    fn new(packet: Option<PacketType>, side: Side) -> Rules {
        Rules { scope: packet.map_or(WILL, PacketType::bit), side, seen: 0 }
    }

    /// What is wrong with the next property, or success.
    fn next(&mut self, property: &Property) -> Reason {
        let (index, row) = row(property.id);
        let Row(id, _, scopes) = row;
        if scopes & self.scope & !NOT_ZERO == 0 {
            return Reason::MALFORMED_PACKET;
        }
        let bit = 1u32 << (index & 31);
        // A server gives no session expiry on DISCONNECT [3.14.2-2] and only it refers to
        // another server; a client puts no subscription identifier on PUBLISH [3.3.4-6].
        let barred = match (self.scope, *id) {
            (DISCONNECT, id::SESSION_EXPIRY_INTERVAL) => self.side == Side::Server,
            (DISCONNECT, id::SERVER_REFERENCE) | (PUBLISH, id::SUBSCRIPTION_IDENTIFIER) => {
                self.side == Side::Client
            }
            _ => false,
        };
        if barred {
            return Reason::PROTOCOL_ERROR;
        }
        let wrong = property.check(row);
        let repeatable =
            *id == id::USER_PROPERTY || (*id == id::SUBSCRIPTION_IDENTIFIER && self.scope == PUBLISH);
        if wrong == Reason::SUCCESS && self.seen & bit != 0 && !repeatable {
            return Reason::PROTOCOL_ERROR;
        }
        self.seen |= bit;
        wrong
    }

    /// Writes the next property, which is invalid when anything is wrong with it.
    #[inline(never)]
    fn emit(&mut self, property: &Property, sink: &mut Sink) {
        sink.check(self.next(property) == Reason::SUCCESS);
        property.emit(sink);
    }

    /// What is wrong with all of them together, or success.
    fn end(&self) -> Reason {
        let method = self.seen & METHOD != 0;
        let data = self.seen & DATA != 0;
        if (data || self.scope == AUTH) && !method { Reason::PROTOCOL_ERROR } else { Reason::SUCCESS }
    }
}

/// Where Authentication Method and Authentication Data stand in the table.
const METHOD: u32 = 1 << 9;
const DATA: u32 = 1 << 10;
const _: () = assert!(TABLE[9].0 == id::AUTHENTICATION_METHOD && TABLE[10].0 == id::AUTHENTICATION_DATA);

/// Iterates over [`Properties`].
#[derive(Clone, Debug)]
pub struct PropertyIter<'a>(Properties<'a>);

impl<'a> PropertyIter<'a> {
    /// What has not been looked at of encoded properties.
    pub const fn rest(&self) -> &'a [u8] {
        match self.0 {
            Properties::Encoded(bytes) => bytes,
            Properties::List(_) => &[],
        }
    }

    #[inline(never)]
    fn step(&mut self) -> Option<Property<'a>> {
        match &mut self.0 {
            Properties::List(list) => {
                let (first, rest) = list.split_first()?;
                *list = rest;
                Some(*first)
            }
            Properties::Encoded(bytes) => {
                let mut source = Source::new(bytes);
                let property = Property::read(&mut source);
                *bytes = source.rest();
                (source.wrong() == Reason::SUCCESS).then_some(property)
            }
        }
    }
}

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        if V5 { self.step() } else { None }
    }
}
