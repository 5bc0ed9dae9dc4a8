// SPDX-License-Identifier: MIT OR Apache-2.0
//! The MQTT wire format, both versions and both directions.
//!
//! Every Control Packet is a plain struct with `parse`, `emit` and `encoded_len` that borrows
//! what it carries. Parsers answer bad input with the Reason Code that the standard prescribes;
//! encoders refuse to write a packet that would be malformed.
#![forbid(unsafe_code)]

mod answer;
mod connect;
mod control;
pub mod property;
mod publish;
mod reason;
mod sink;
mod source;
mod subscribe;
#[cfg(test)]
mod tests;

pub(super) use answer::{Answer, emit_reason};
pub(super) use connect::emit_connect;
pub use connect::{Connack, Connect, Will};
pub use control::{Auth, Disconnect};
pub use property::{Properties, Property};
pub use publish::{Ack, Publish, PublishHead};
pub use reason::Reason;
pub(super) use sink::{INVALID, Sink};
pub use sink::{VARIABLE_MAX, read_variable, variable};
pub(super) use source::Source;
pub use subscribe::{Acknowledged, Filter, Filters, Subscribe, SubscriptionOptions, Unsubscribe};

use crate::bytes::Writer;
use crate::status::Error;

/// Whether this build speaks 5.0: without it there are no properties and no Reason Codes.
pub(super) const V5: bool = cfg!(feature = "mqtt-v5");

/// The protocol version. The discriminant is the Protocol Level of CONNECT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Version {
    /// 3.1.1.
    V311 = 4,
    /// 5.0.
    #[default]
    V5 = 5,
}

impl Version {
    /// Whether this is 5.0. A build with one version alone answers without looking.
    pub const fn is_v5(self) -> bool {
        V5 && (!cfg!(feature = "mqtt-v3") || matches!(self, Version::V5))
    }

    /// Whether this build speaks the version.
    pub const fn is_supported(self) -> bool {
        match self {
            Version::V311 => cfg!(feature = "mqtt-v3"),
            Version::V5 => cfg!(feature = "mqtt-v5"),
        }
    }
}

/// Who sent a packet: some may be sent by one side only, some differ by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// MQTT Control Packet types (5.0 §2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the standard's names say it")]
pub enum PacketType {
    Connect = 1,
    Connack,
    Publish,
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
    Subscribe,
    Suback,
    Unsubscribe,
    Unsuback,
    Pingreq,
    Pingresp,
    Disconnect,
    Auth,
}

impl PacketType {
    const fn from_number(number: u8) -> Option<PacketType> {
        Some(match number {
            1 => PacketType::Connect,
            2 => PacketType::Connack,
            3 => PacketType::Publish,
            4 => PacketType::Puback,
            5 => PacketType::Pubrec,
            6 => PacketType::Pubrel,
            7 => PacketType::Pubcomp,
            8 => PacketType::Subscribe,
            9 => PacketType::Suback,
            10 => PacketType::Unsubscribe,
            11 => PacketType::Unsuback,
            12 => PacketType::Pingreq,
            13 => PacketType::Pingresp,
            14 => PacketType::Disconnect,
            15 => PacketType::Auth,
            _ => return None,
        })
    }

    /// One bit per type, for tables of which packet may carry what.
    pub(super) const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The first byte of the packet with the flags that the standard fixes (§2.1.3).
    pub const fn first_byte(self) -> u8 {
        let fixed = PacketType::Pubrel.bit() | PacketType::Subscribe.bit() | PacketType::Unsubscribe.bit();
        (self as u8) << 4 | if self.bit() & fixed != 0 { 2 } else { 0 }
    }
}

/// What either side may send, with 3.1.1 and 5.0 alike but for DISCONNECT and AUTH.
const FROM_CLIENT: u16 = PacketType::Connect.bit()
    | PacketType::Subscribe.bit()
    | PacketType::Unsubscribe.bit()
    | PacketType::Pingreq.bit();
const FROM_SERVER: u16 = PacketType::Connack.bit()
    | PacketType::Suback.bit()
    | PacketType::Unsuback.bit()
    | PacketType::Pingresp.bit();

impl Side {
    /// The types of the packets that this side may not send.
    pub(super) const fn never_sends(self, version: Version) -> u16 {
        match self {
            Side::Client => FROM_SERVER,
            Side::Server if version.is_v5() => FROM_CLIENT,
            Side::Server => FROM_CLIENT | PacketType::Disconnect.bit(),
        }
    }
}

/// The Fixed Header (5.0 §2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedHeader {
    /// The packet type.
    pub packet: PacketType,
    /// The lower four bits of the first byte.
    pub flags: u8,
    /// How many bytes follow the Fixed Header.
    pub remaining: u32,
    /// How many bytes the Fixed Header itself takes, 2 to 5.
    pub length: u8,
}

impl FixedHeader {
    /// Reads the Fixed Header at the front of `bytes`; `None` when it is not all there yet.
    /// What comes behind it need not be there.
    ///
    /// # Errors
    /// [`Reason::MALFORMED_PACKET`] for a reserved type, wrong flags or an overlong length,
    /// [`Reason::PROTOCOL_ERROR`] for a packet that `side` may not send.
    pub fn parse(bytes: &[u8], version: Version, side: Side) -> Result<Option<FixedHeader>, Reason> {
        let (header, source) = FixedHeader::read(bytes, version, side.never_sends(version));
        if source.is_short() {
            return Ok(None);
        }
        source.outcome().map(|()| Some(header))
    }

    /// The same, where packets of the types in `barred` may not come; what is wrong, or that it is not
    /// all there, stands in the cursor, which is left behind it.
    pub(super) fn read(bytes: &[u8], version: Version, barred: u16) -> (FixedHeader, Source<'_>) {
        let mut source = Source::new(bytes);
        let first = source.u8();
        let remaining = source.length(version.is_v5());
        let (flags, length) = (first & 0x0f, (bytes.len() - source.rest().len()) as u8);
        // Whatever the reserved type is taken for, its first byte is another.
        let packet = PacketType::from_number(first >> 4).unwrap_or(PacketType::Auth);
        let good = if packet == PacketType::Publish {
            // QoS 3 [3.3.1-4], and DUP with QoS 0 [3.3.1-2].
            flags & 6 != 6 && flags & 14 != 8
        } else {
            first == packet.first_byte() && (packet != PacketType::Auth || version.is_v5())
        };
        source.fail(match () {
            () if !good => Reason::MALFORMED_PACKET,
            () if packet.bit() & barred != 0 => Reason::PROTOCOL_ERROR,
            () => Reason::SUCCESS,
        });
        (FixedHeader { packet, flags, remaining, length }, source)
    }

    /// The whole packet's length in bytes.
    pub const fn total(&self) -> u32 {
        self.remaining + self.length as u32
    }
}

/// Checks a UTF-8 Encoded String without its length: well formed (which leaves out
/// surrogates) and without U+0000 [MQTT-1.5.4-1, MQTT-1.5.4-2]. A byte order mark is text like
/// any other [MQTT-1.5.4-3].
///
/// # Errors
/// [`Reason::MALFORMED_PACKET`].
pub fn text(bytes: &[u8]) -> Result<&str, Reason> {
    match crate::text::parse(bytes) {
        Some(text) if super::topic::without(bytes, |byte| byte == 0) => Ok(text),
        _ => Err(Reason::MALFORMED_PACKET),
    }
}

/// Any Control Packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the standard's names say it")]
pub enum Packet<'a> {
    Connect(Connect<'a>),
    Connack(Connack<'a>),
    Publish(Publish<'a>),
    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    Ack(Ack<'a>),
    Subscribe(Subscribe<'a>),
    /// SUBACK or UNSUBACK.
    Acknowledged(Acknowledged<'a>),
    Unsubscribe(Unsubscribe<'a>),
    Pingreq,
    Pingresp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

impl<'a> Packet<'a> {
    /// Reads the packet at the front of `bytes`, sent by `side`, and says how long it is;
    /// `None` when it is not all there yet.
    ///
    /// # Errors
    /// The Reason Code with which the standard answers such a packet.
    pub fn parse(
        bytes: &'a [u8],
        version: Version,
        side: Side,
    ) -> Result<Option<(Packet<'a>, usize)>, Reason> {
        let Some(header) = FixedHeader::parse(bytes, version, side)? else { return Ok(None) };
        let total = header.total() as usize;
        let Some(body) = bytes.get(usize::from(header.length)..total) else { return Ok(None) };
        Ok(Some((Packet::parse_body(&header, body, version, side)?, total)))
    }

    /// Reads what follows the Fixed Header.
    ///
    /// # Errors
    /// As [`Packet::parse`].
    pub fn parse_body(
        header: &FixedHeader,
        body: &'a [u8],
        version: Version,
        side: Side,
    ) -> Result<Packet<'a>, Reason> {
        Ok(match header.packet {
            PacketType::Connect => Packet::Connect(Connect::parse(body)?),
            PacketType::Connack => Packet::Connack(Connack::parse(body, version)?),
            PacketType::Publish => Packet::Publish(Publish::parse(header.flags, body, version, side)?),
            PacketType::Puback | PacketType::Pubrec | PacketType::Pubrel | PacketType::Pubcomp => {
                Packet::Ack(Ack::parse(header.packet, body, version, side)?)
            }
            PacketType::Subscribe => Packet::Subscribe(Subscribe::parse(body, version)?),
            PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe::parse(body, version)?),
            PacketType::Suback | PacketType::Unsuback => {
                Packet::Acknowledged(Acknowledged::parse(header.packet, body, version)?)
            }
            PacketType::Pingreq | PacketType::Pingresp => {
                if !body.is_empty() {
                    return Err(Reason::MALFORMED_PACKET);
                }
                if header.packet == PacketType::Pingreq { Packet::Pingreq } else { Packet::Pingresp }
            }
            PacketType::Disconnect => Packet::Disconnect(Disconnect::parse(body, version, side)?),
            PacketType::Auth => Packet::Auth(Auth::parse(body, side)?),
        })
    }

    /// Writes the packet, sent by `side`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `writer` has no room, [`Error::Invalid`] when the packet would
    /// be malformed; nothing has been written then.
    pub fn emit(&self, version: Version, side: Side, writer: &mut Writer) -> Result<(), Error> {
        match self {
            Packet::Connect(packet) => packet.emit(writer),
            Packet::Connack(packet) => packet.emit(version, writer),
            Packet::Publish(packet) => packet.emit(version, side, writer),
            Packet::Ack(packet) => packet.emit(version, side, writer),
            Packet::Subscribe(packet) => packet.emit(version, writer),
            Packet::Unsubscribe(packet) => packet.emit(version, writer),
            Packet::Acknowledged(packet) => packet.emit(version, writer),
            Packet::Pingreq => writer.put(&[0xc0, 0]),
            Packet::Pingresp => writer.put(&[0xd0, 0]),
            Packet::Disconnect(packet) => packet.emit(version, side, writer),
            Packet::Auth(packet) => packet.emit(side, writer),
        }
    }

    /// How many bytes [`Packet::emit`] writes.
    ///
    /// # Errors
    /// As [`Packet::emit`], room aside.
    pub fn encoded_len(&self, version: Version, side: Side) -> Result<usize, Error> {
        let body = sink::count;
        match self {
            Packet::Connect(packet) => body(&|sink| packet.body(sink)),
            Packet::Connack(packet) => body(&|sink| packet.body(version, sink)),
            Packet::Publish(packet) => body(&|sink| packet.body(version, side, sink)),
            Packet::Ack(packet) => body(&|sink| packet.body(version, side, sink)),
            Packet::Subscribe(packet) => body(&|sink| packet.body(version, sink)),
            Packet::Unsubscribe(packet) => body(&|sink| packet.body(version, sink)),
            Packet::Acknowledged(packet) => body(&|sink| packet.body(version, sink)),
            Packet::Pingreq | Packet::Pingresp => Ok(2),
            Packet::Disconnect(packet) => body(&|sink| packet.body(version, side, sink)),
            Packet::Auth(packet) => body(&|sink| packet.body(side, sink)),
        }
    }
}
