// SPDX-License-Identifier: MIT OR Apache-2.0
//! What answers to something: CONNACK, the acknowledgements, DISCONNECT and AUTH are parts
//! of one pattern, read here for all of them.
#![forbid(unsafe_code)]

use super::property::Properties;
use super::sink::Sink;
use super::source::Source;
use super::{PacketType, Reason, Side, Version};

/// What a packet of these types says; what its type does not have is empty.
#[derive(Clone, Copy, Debug)]
pub(in crate::mqtt) struct Answer<'a> {
    /// CONNACK alone.
    pub(in crate::mqtt) session_present: bool,
    pub(in crate::mqtt) packet_id: u16,
    pub(in crate::mqtt) reason: Reason,
    /// Those of SUBACK and UNSUBACK, the first of which is the reason.
    pub(in crate::mqtt) reasons: &'a [u8],
    pub(in crate::mqtt) properties: Properties<'a>,
}

/// Packets without a Packet Identifier.
const NAMELESS: u16 = PacketType::Connack.bit() | PacketType::Disconnect.bit() | PacketType::Auth.bit();
/// Packets that end in a list of Reason Codes.
const LISTS: u16 = PacketType::Suback.bit() | PacketType::Unsuback.bit();

impl<'a> Answer<'a> {
    /// Says nothing.
    pub(in crate::mqtt) const NOTHING: Answer<'static> = Answer {
        session_present: false,
        packet_id: 0,
        reason: Reason::SUCCESS,
        reasons: &[],
        properties: Properties::EMPTY,
    };

    /// Reads what follows the Fixed Header.
    ///
    /// # Errors
    /// The Reason Code for bad input.
    pub(super) fn parse(
        packet: PacketType,
        body: &'a [u8],
        version: Version,
        side: Side,
    ) -> core::result::Result<Answer<'a>, Reason> {
        let mut source = Source::new(body);
        let answer = Answer::read(packet, &mut source, version, side);
        source.outcome().map(|()| answer)
    }

    /// The same, from a cursor that covers all of it and knows afterwards what was wrong.
    pub(in crate::mqtt) fn read(
        packet: PacketType,
        source: &mut Source<'a>,
        version: Version,
        side: Side,
    ) -> Answer<'a> {
        let bare = source.is_empty();
        let (bit, v5) = (packet.bit(), version.is_v5());
        let connack = packet == PacketType::Connack;
        // UNSUBACK of 3.1.1 has no codes.
        let list = bit & LISTS != 0 && (v5 || packet == PacketType::Suback);
        let mut answer = Answer::NOTHING;
        if connack {
            let flags = source.u8();
            answer.session_present = flags != 0;
            source.check(flags <= 1, Reason::MALFORMED_PACKET);
        } else if bit & NAMELESS == 0 {
            answer.packet_id = source.packet_id();
        }
        // Either of these may be left out when it says nothing (5.0 §3.4.2.1, §3.14.2.1), but for
        // the code of CONNACK, and the properties of that and of what ends in a list.
        let mut codes: &[u8] = &[];
        if connack || (v5 && !list && !source.is_empty()) {
            codes = source.take(1);
        }
        if v5 && (connack || list || !source.is_empty()) {
            answer.properties = Properties::parse(source, Some(packet), side);
        }
        if list {
            source.check(!source.is_empty(), Reason::MALFORMED_PACKET);
            codes = source.take_rest();
            answer.reasons = codes;
        }
        if let Some(first) = codes.first() {
            answer.reason = Reason(*first);
        }
        source.end();
        let good = Answer::are_known(codes, packet, version)
            && !(answer.session_present && answer.reason != Reason::SUCCESS);
        source.check(good, Reason::PROTOCOL_ERROR);
        // Only a server says Success, only a client Re-authenticate (table 3-11); a packet
        // without anything is a success (§3.15.2.1).
        if packet == PacketType::Auth {
            let bad = !bare && answer.properties.is_empty();
            source.check(!bad && answer.reason != foreign(side), Reason::PROTOCOL_ERROR);
        }
        answer
    }

    /// Whether this packet may have these codes.
    fn are_known(codes: &[u8], packet: PacketType, version: Version) -> bool {
        codes.iter().all(|code| match packet {
            packet if version.is_v5() => Reason(*code).fits(packet),
            PacketType::Connack => *code <= 5,
            _ => matches!(code, 0..=2 | 0x80),
        })
    }

    /// A CONNACK has a known code, and no session with a refusal [MQTT-3.2.2-6].
    pub(super) fn connack(session_present: bool, reason: Reason, version: Version) -> bool {
        Answer::are_known(&[reason.0], PacketType::Connack, version) && !(session_present && reason.0 != 0)
    }

    /// Whether these may be the codes of SUBACK or UNSUBACK.
    pub(super) fn reasons(packet: PacketType, reasons: &[u8], version: Version) -> bool {
        let bare = !version.is_v5() && packet == PacketType::Unsuback;
        reasons.is_empty() == bare && Answer::are_known(reasons, packet, version)
    }
}

/// The Reason Code of AUTH that this side may not send.
pub(super) const fn foreign(side: Side) -> Reason {
    match side {
        Side::Client => Reason::SUCCESS,
        Side::Server => Reason::RE_AUTHENTICATE,
    }
}

/// Writes a Reason Code and properties as far as they say something.
pub(in crate::mqtt) fn emit_reason(
    reason: Reason,
    properties: &Properties,
    packet: PacketType,
    side: Side,
    sink: &mut Sink,
) {
    let empty = properties.is_empty();
    if reason.0 != 0 || !empty {
        sink.check(reason.fits(packet));
        sink.u8(reason.0);
    }
    // AUTH has properties, which are checked even if there are none.
    if !empty || packet == PacketType::Auth {
        properties.emit(&[], Some(packet), side, sink);
    }
}
