// SPDX-License-Identifier: MIT OR Apache-2.0
//! CONNECT and CONNACK (5.0 §3.1 and §3.2).
#![forbid(unsafe_code)]

use super::answer::Answer;
use super::property::Properties;
use super::sink::{self, Sink};
use super::source::Source;
use super::{PacketType, Reason, Side, Version};
use crate::bytes::Writer;
use crate::mqtt::topic;
use crate::status::Result;

const CLEAN: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_RETAIN: u8 = 0x20;
const PASSWORD: u8 = 0x40;
const USER_NAME: u8 = 0x80;

/// The Will Message (5.0 §3.1.2.5 and §3.1.3.2 to §3.1.3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Will<'a> {
    /// Will QoS, 0 to 2.
    pub qos: u8,
    /// Will Retain.
    pub retain: bool,
    /// Will Topic.
    pub topic: &'a str,
    /// Will Payload, at most 65,535 bytes.
    pub payload: &'a [u8],
    /// Will Properties; left out with 3.1.1.
    pub properties: Properties<'a>,
}

/// CONNECT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connect<'a> {
    /// Protocol Version.
    pub version: Version,
    /// Clean Start; with 3.1.1 Clean Session.
    pub clean_start: bool,
    /// Keep Alive in seconds, 0 for none.
    pub keep_alive: u16,
    /// Properties; left out with 3.1.1.
    pub properties: Properties<'a>,
    /// Client Identifier. With 3.1.1 it may be empty only with a clean session.
    pub client_id: &'a str,
    /// Will Message.
    pub will: Option<Will<'a>>,
    /// User Name.
    pub user_name: Option<&'a str>,
    /// Password. 3.1.1 allows one only with a User Name.
    pub password: Option<&'a [u8]>,
}

impl<'a> Connect<'a> {
    /// Reads what follows the Fixed Header.
    ///
    /// # Errors
    /// [`Reason::UNSUPPORTED_PROTOCOL_VERSION`] for a protocol name or level that is neither
    /// 3.1.1 nor 5.0, [`Reason::CLIENT_IDENTIFIER_NOT_VALID`] for an empty identifier without
    /// a clean session in 3.1.1, else the Reason Code for bad input.
    pub fn parse(body: &'a [u8]) -> core::result::Result<Connect<'a>, Reason> {
        let mut source = Source::new(body);
        let (name, level) = (source.binary(), source.u8());
        source.outcome()?;
        let version = match (name, level) {
            (b"MQTT", 4) => Version::V311,
            (b"MQTT", 5) => Version::V5,
            _ => return Err(Reason::UNSUPPORTED_PROTOCOL_VERSION),
        };
        let flags = source.u8();
        let v5 = version == Version::V5;
        let qos = flags >> 3 & 3;
        // The reserved flag, QoS 3, will flags without a will, a password without a name.
        if flags & 1 != 0
            || qos == 3
            || (flags & WILL == 0 && flags & (WILL_RETAIN | 0x18) != 0)
            || (!v5 && flags & (USER_NAME | PASSWORD) == PASSWORD)
        {
            return Err(Reason::MALFORMED_PACKET);
        }
        let keep_alive = source.u16();
        let mut properties = Properties::EMPTY;
        if v5 {
            properties = Properties::parse(&mut source, Some(PacketType::Connect), Side::Client);
        }
        let client_id = source.text();
        let mut will = None;
        if flags & WILL != 0 {
            let mut properties = Properties::EMPTY;
            if v5 {
                properties = Properties::parse(&mut source, None, Side::Client);
            }
            let topic = source.text();
            source.check(topic::is_name(topic), Reason::TOPIC_NAME_INVALID);
            let payload = source.binary();
            let retain = flags & WILL_RETAIN != 0;
            will = Some(Will { qos, retain, topic, payload, properties });
        }
        let user_name = if flags & USER_NAME != 0 { Some(source.text()) } else { None };
        let password = if flags & PASSWORD != 0 { Some(source.binary()) } else { None };
        source.end();
        source.outcome()?;
        let clean_start = flags & CLEAN != 0;
        if !v5 && client_id.is_empty() && !clean_start {
            return Err(Reason::CLIENT_IDENTIFIER_NOT_VALID);
        }
        Ok(Connect { version, clean_start, keep_alive, properties, client_id, will, user_name, password })
    }

    pub(super) fn body(&self, sink: &mut Sink) {
        let start = (self.version, self.clean_start, self.keep_alive);
        let login = (self.user_name, self.password);
        emit_connect(
            start,
            (&self.properties, &[]),
            self.client_id.as_bytes(),
            self.will.as_ref(),
            login,
            sink,
        );
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::status::Error::Invalid) when it would be malformed,
    /// [`Error::TooLarge`](crate::status::Error::TooLarge) without room.
    pub fn emit(&self, writer: &mut Writer) -> Result<()> {
        sink::packet(writer, PacketType::Connect.first_byte(), &|sink| self.body(sink), &[])
    }
}

/// Writes CONNECT but for its fixed header, from where its parts lie: properties, and numbers
/// that are properties too; User Name and Password.
pub(in crate::mqtt) fn emit_connect(
    (version, clean_start, keep_alive): (Version, bool, u16),
    (properties, more): (&Properties, &[(u8, u32)]),
    client_id: &[u8],
    will: Option<&Will>,
    (user_name, password): (Option<&str>, Option<&[u8]>),
    sink: &mut Sink,
) {
    let v5 = version.is_v5();
    let mut flags = if clean_start { CLEAN } else { 0 };
    if let Some(will) = will {
        sink.check(will.qos <= 2 && topic::is_name(will.topic));
        flags |= WILL | will.qos << 3 | if will.retain { WILL_RETAIN } else { 0 };
    }
    flags |= if password.is_some() { PASSWORD } else { 0 };
    flags |= if user_name.is_some() { USER_NAME } else { 0 };
    sink.put(&[0, 4, b'M', b'Q', b'T', b'T', version as u8, flags]);
    sink.u16(keep_alive);
    if v5 {
        properties.emit(more, Some(PacketType::Connect), Side::Client, sink);
    } else {
        sink.check(clean_start || !client_id.is_empty());
        sink.check(flags & (USER_NAME | PASSWORD) != PASSWORD);
    }
    sink.string(client_id);
    if let Some(will) = will {
        if v5 {
            will.properties.emit(&[], None, Side::Client, sink);
        }
        sink.binary(will.topic.as_bytes());
        sink.binary(will.payload);
    }
    if let Some(user_name) = user_name {
        sink.string(user_name.as_bytes());
    }
    if let Some(password) = password {
        sink.binary(password);
    }
}

/// CONNACK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connack<'a> {
    /// Session Present.
    pub session_present: bool,
    /// Connect Reason Code; with 3.1.1 the return code, 0 to 5.
    pub reason: Reason,
    /// Properties; none with 3.1.1.
    pub properties: Properties<'a>,
}

impl<'a> Connack<'a> {
    /// Reads what follows the Fixed Header.
    ///
    /// # Errors
    /// The Reason Code for bad input.
    pub fn parse(body: &'a [u8], version: Version) -> core::result::Result<Connack<'a>, Reason> {
        let Answer { session_present, reason, properties, .. } =
            Answer::parse(PacketType::Connack, body, version, Side::Server)?;
        Ok(Connack { session_present, reason, properties })
    }

    pub(super) fn body(&self, version: Version, sink: &mut Sink) {
        sink.check(Answer::connack(self.session_present, self.reason, version));
        sink.put(&[u8::from(self.session_present), self.reason.0]);
        if version.is_v5() {
            self.properties.emit(&[], Some(PacketType::Connack), Side::Server, sink);
        }
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::status::Error::Invalid) when it would be malformed,
    /// [`Error::TooLarge`](crate::status::Error::TooLarge) without room.
    pub fn emit(&self, version: Version, writer: &mut Writer) -> Result<()> {
        sink::packet(writer, PacketType::Connack.first_byte(), &|sink| self.body(version, sink), &[])
    }
}
