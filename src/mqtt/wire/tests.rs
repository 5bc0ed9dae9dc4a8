// SPDX-License-Identifier: MIT OR Apache-2.0
//! Round trips of every packet, malformed packets, and attacks on other stacks.

use super::property::id;
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

const BOTH: [Version; 2] = [Version::V311, Version::V5];

fn parse(bytes: &[u8], version: Version, side: Side) -> Result<Option<(Packet<'_>, usize)>, Reason> {
    Packet::parse(bytes, version, side)
}

fn read(bytes: &[u8], packet: Option<PacketType>, side: Side) -> Result<Properties<'_>, Reason> {
    let mut source = Source::new(bytes);
    let properties = Properties::parse(&mut source, packet, side);
    source.outcome().map(|()| properties)
}

/// What becomes of a packet that is all there and wrong.
fn refused(bytes: &[u8], version: Version, side: Side) -> Reason {
    match parse(bytes, version, side) {
        Err(reason) => reason,
        Ok(other) => panic!("{bytes:02x?} was read as {other:?}"),
    }
}

fn emitted(packet: &Packet, version: Version, side: Side) -> Vec<u8> {
    let mut buffer = vec![0; packet.encoded_len(version, side).unwrap()];
    let mut writer = Writer::new(&mut buffer);
    packet.emit(version, side, &mut writer).unwrap();
    assert_eq!(writer.remaining(), 0);
    buffer
}

/// Emits, parses, and compares; every prefix is incomplete.
fn round_trip(packet: &Packet, version: Version, side: Side) -> Vec<u8> {
    let bytes = emitted(packet, version, side);
    let (again, length) = parse(&bytes, version, side).unwrap().unwrap();
    assert_eq!((&again, length), (packet, bytes.len()));
    assert_eq!(emitted(&again, version, side), bytes);
    for cut in (0..bytes.len()).step_by(1 + bytes.len() / 50) {
        assert_eq!(parse(&bytes[..cut], version, side), Ok(None));
    }
    let mut short = vec![0; bytes.len() - 1];
    let mut writer = Writer::new(&mut short);
    assert_eq!(packet.emit(version, side, &mut writer), Err(Error::TooLarge));
    assert_eq!(writer.position(), 0);
    bytes
}

#[test]
fn the_standard_s_examples() {
    // 3.1.1 §3.1.2 figure 3.6 with a client identifier.
    let connect = Connect {
        version: Version::V311,
        clean_start: true,
        keep_alive: 10,
        client_id: "c",
        will: Some(Will { qos: 1, topic: "w", payload: b"x", ..Will::default() }),
        user_name: Some("u"),
        password: Some(b"p"),
        ..Connect::default()
    };
    let bytes = round_trip(&Packet::Connect(connect), Version::V311, Side::Client);
    let head = [0x10, 25, 0, 4, b'M', b'Q', b'T', b'T', 4, 0b1100_1110, 0, 10];
    assert_eq!(bytes[..12], head);
    // 5.0 figure 3-6: Session Expiry Interval 10.
    let properties = [Property::number(id::SESSION_EXPIRY_INTERVAL, 10)];
    let connect = Connect {
        clean_start: true,
        keep_alive: 10,
        properties: Properties::List(&properties),
        ..Connect::default()
    };
    let bytes = round_trip(&Packet::Connect(connect), Version::V5, Side::Client);
    assert_eq!(bytes, b"\x10\x12\0\x04MQTT\x05\x02\0\x0a\x05\x11\0\0\0\x0a\0\0");
    // 5.0 figure 3-24.
    let disconnect = Disconnect {
        reason: Reason::SUCCESS,
        properties: Properties::List(&[Property::number(id::SESSION_EXPIRY_INTERVAL, 0)]),
    };
    let bytes = round_trip(&Packet::Disconnect(disconnect), Version::V5, Side::Client);
    assert_eq!(bytes, b"\xe0\x07\0\x05\x11\0\0\0\0");
    // 5.0 §3.8.3: a/b with QoS 1, c/d with QoS 2.
    let qos = |qos| SubscriptionOptions { qos, ..SubscriptionOptions::default() };
    let filters = [Filter { filter: "a/b", options: qos(1) }, Filter { filter: "c/d", options: qos(2) }];
    let subscribe = Subscribe { packet_id: 10, filters: Filters::List(&filters), ..Subscribe::default() };
    let bytes = round_trip(&Packet::Subscribe(subscribe), Version::V5, Side::Client);
    assert_eq!(bytes, b"\x82\x0f\0\x0a\0\0\x03a/b\x01\0\x03c/d\x02");
    assert_eq!(emitted(&Packet::Pingreq, Version::V5, Side::Client), [0xc0, 0]);
    assert_eq!(emitted(&Packet::Pingresp, Version::V311, Side::Server), [0xd0, 0]);
}

#[test]
fn cve_2026_8686_a_property_length_past_the_packet_s_end() {
    for bytes in [
        &b"\x20\x03\0\0\x05"[..],
        b"\x20\x06\0\0\x7f\x11\0\0",
        b"\x30\x05\0\x01a\x7f\x01",
        b"\x40\x04\0\x01\0\x09",
        b"\x90\x04\0\x01\x20\0",
        b"\xe0\x02\0\x01",
        b"\xf0\x03\0\x40\x15",
    ] {
        assert_eq!(refused(bytes, Version::V5, Side::Server), Reason::MALFORMED_PACKET);
    }
}

#[test]
fn cve_2021_41036_a_remaining_length_over_the_buffer_is_only_incomplete() {
    for version in BOTH {
        assert_eq!(parse(b"\x30\xff\xff\xff\x7f\0\x01a", version, Side::Server), Ok(None));
    }
}

#[test]
fn cve_2019_17210_a_topic_length_past_the_remaining_length() {
    for version in BOTH {
        for bytes in [&b"\x30\x03\xff\xffa"[..], b"\x32\x05\0\x04a\0\x01", b"\x30\x01\0"] {
            assert_eq!(refused(bytes, version, Side::Server), Reason::MALFORMED_PACKET);
        }
    }
}

#[test]
fn cve_2024_10525_a_suback_without_reason_codes() {
    let malformed = Reason::MALFORMED_PACKET;
    assert_eq!(refused(b"\x90\x02\0\x01", Version::V311, Side::Server), malformed);
    assert_eq!(refused(b"\x90\x03\0\x01\0", Version::V5, Side::Server), malformed);
    assert_eq!(refused(b"\xb0\x03\0\x01\0", Version::V5, Side::Server), malformed);
}

#[test]
fn cve_2026_21888_a_five_byte_variable_length_integer() {
    for version in BOTH {
        let five = b"\x30\xff\xff\xff\xff\x01";
        assert_eq!(refused(five, version, Side::Server), Reason::MALFORMED_PACKET);
        assert_eq!(refused(&five[..5], version, Side::Server), Reason::MALFORMED_PACKET);
    }
    let property = b"\x30\x08\0\x01a\x80\x80\x80\x80\x01";
    assert_eq!(refused(property, Version::V5, Side::Server), Reason::MALFORMED_PACKET);
}

#[test]
fn cve_2026_5857_no_parser_state_survives_a_segment() {
    // The parser keeps nothing: the same bytes in any pieces read alike.
    let bytes = b"\x32\x09\0\x01a\0\x07\0\x01\x02\x03\x40\x02\0\x07";
    for cut in 0..11 {
        assert_eq!(parse(&bytes[..cut], Version::V5, Side::Server), Ok(None));
        let (_, first) = parse(bytes, Version::V5, Side::Server).unwrap().unwrap();
        assert_eq!(first, 11);
        assert!(parse(&bytes[first..], Version::V5, Side::Server).unwrap().is_some());
    }
}

#[test]
fn wrong_flags_types_and_directions() {
    for version in BOTH {
        for side in [Side::Client, Side::Server] {
            for first in 0..=255u8 {
                let header = FixedHeader::parse(&[first, 0], version, side);
                let kind = first >> 4;
                let flags = first & 15;
                let wrong = match kind {
                    0 => true,
                    3 => flags & 6 == 6 || flags & 14 == 8,
                    6 | 8 | 10 => flags != 2,
                    15 => flags != 0 || version == Version::V311,
                    _ => flags != 0,
                };
                let foreign = match side {
                    Side::Client => matches!(kind, 2 | 9 | 11 | 13),
                    Side::Server => {
                        matches!(kind, 1 | 8 | 10 | 12) || (kind == 14 && version == Version::V311)
                    }
                };
                match header {
                    Ok(Some(header)) => {
                        assert!(!wrong && !foreign, "{first:02x}");
                        assert_eq!(header.total(), 2);
                    }
                    Err(Reason::MALFORMED_PACKET) => assert!(wrong),
                    Err(Reason::PROTOCOL_ERROR) => assert!(foreign && !wrong),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[test]
fn malformed_strings_close() {
    for bad in
        [&b"\xed\xa0\x80"[..], b"\xed\xbf\xbf", b"a\0b", b"\xc0\x80", b"\xff", b"\xc3", b"\xf4\x90\x80\x80"]
    {
        let mut bytes = vec![0x30, 2 + bad.len() as u8, 0, bad.len() as u8];
        bytes.extend_from_slice(bad);
        let malformed = Reason::MALFORMED_PACKET;
        assert_eq!(refused(&bytes, Version::V311, Side::Server), malformed);
        // A user property whose name, then whose value, is wrong.
        let length = bad.len() as u8;
        for pair in [[&[0, length], bad, &[0, 0]].concat(), [&[0, 0, 0, length], bad].concat()] {
            let properties = pair.len() as u8 + 1;
            let mut bytes = vec![0x30, properties + 4, 0, 1, b'a', properties, id::USER_PROPERTY];
            bytes.extend_from_slice(&pair);
            assert_eq!(refused(&bytes, Version::V5, Side::Server), malformed);
        }
    }
    // A byte order mark is kept.
    let (packet, _) = parse(b"\x30\x05\0\x03\xef\xbb\xbf", Version::V311, Side::Server).unwrap().unwrap();
    let Packet::Publish(publish) = packet else { panic!() };
    assert_eq!(publish.head.topic, "\u{feff}");
}

#[test]
fn every_property_in_every_packet_and_twice() {
    const SAMPLES: [(u8, &[u8]); 27] = [
        (1, &[1]),
        (2, &[0, 0, 0, 9]),
        (3, b"\0\x01t"),
        (8, b"\0\x01t"),
        (9, b"\0\x01\xff"),
        (11, &[0x81, 0x01]),
        (17, &[0, 0, 0, 9]),
        (18, b"\0\x01c"),
        (19, &[0, 9]),
        (21, b"\0\x01m"),
        (22, b"\0\x01\xff"),
        (23, &[0]),
        (24, &[0, 0, 0, 9]),
        (25, &[1]),
        (26, b"\0\x01r"),
        (28, b"\0\x01s"),
        (31, b"\0\x01r"),
        (33, &[0, 9]),
        (34, &[0, 0]),
        (35, &[0, 9]),
        (36, &[1]),
        (37, &[0]),
        (38, b"\0\x01n\0\x01v"),
        (39, &[0, 0, 0, 9]),
        (40, &[0]),
        (41, &[0]),
        (42, &[0]),
    ];
    // Table 2-4, written out a second time: the packet types that may carry each.
    let allowed = |id: u8| -> &[u8] {
        match id {
            1 | 2 | 3 | 8 | 9 | 35 => &[3],
            11 => &[3, 8],
            17 => &[1, 2, 14],
            18 | 19 | 26 | 36 | 37 | 40..=42 => &[2],
            21 | 22 => &[1, 2, 15],
            23 | 25 => &[1],
            24 => &[],
            28 => &[2, 14],
            31 => &[2, 4, 5, 6, 7, 9, 11, 14, 15],
            33 | 34 | 39 => &[1, 2],
            38 => &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15],
            _ => unreachable!(),
        }
    };
    for packet in (1..16).filter_map(PacketType::from_number) {
        for (id, value) in SAMPLES {
            let one = [&[id], value].concat();
            let twice = [&one[..], &one].concat();
            for (properties, times) in [(&one, 1), (&twice, 2)] {
                let mut bytes = vec![properties.len() as u8];
                bytes.extend_from_slice(properties);
                // Authentication Data needs a method, AUTH always does.
                let mut method = id == 21;
                if (id == 22 || packet == PacketType::Auth) && id != 21 {
                    bytes[0] += 4;
                    bytes.extend_from_slice(&[21, 0, 1, b'm']);
                    method = true;
                }
                for side in [Side::Client, Side::Server] {
                    let result = read(&bytes, Some(packet), side);
                    let mut good = allowed(id).contains(&(packet as u8));
                    if method && !matches!(packet as u8, 1 | 2 | 15) {
                        good = false;
                    }
                    let mut expected = if good { Ok(()) } else { Err(Reason::MALFORMED_PACKET) };
                    let client = side == Side::Client;
                    let by_side = match (packet as u8, id) {
                        (14, 17) => !client,
                        (14, 28) | (3, 11) => client,
                        _ => false,
                    };
                    let repeatable = id == 38 || (id == 11 && packet as u8 == 3);
                    if good && (by_side || (times == 2 && !repeatable)) {
                        expected = Err(Reason::PROTOCOL_ERROR);
                    }
                    let context = format!("{id} x{times} in {packet:?} from {side:?}");
                    assert_eq!(result.map(|_| ()), expected, "{context}");
                }
            }
        }
        for unknown in [0u8, 4, 10, 27, 43, 0x7f, 0x80, 0xff] {
            let bytes = [2, unknown, 0];
            let result = read(&bytes, Some(packet), Side::Server);
            assert_eq!(result, Err(Reason::MALFORMED_PACKET));
        }
    }
}

#[test]
fn values_that_properties_may_not_hold() {
    let parse = |bytes: &[u8], packet| {
        let mut all = vec![bytes.len() as u8];
        all.extend_from_slice(bytes);
        read(&all, packet, Side::Server).map(|_| ())
    };
    let connack = Some(PacketType::Connack);
    let publish = Some(PacketType::Publish);
    let protocol = Err(Reason::PROTOCOL_ERROR);
    for flag in [36, 37, 40, 41, 42] {
        assert_eq!(parse(&[flag, 2], connack), protocol);
    }
    assert_eq!(parse(&[1, 2], publish), protocol);
    assert_eq!(parse(&[33, 0, 0], connack), protocol);
    assert_eq!(parse(&[39, 0, 0, 0, 0], connack), protocol);
    assert_eq!(parse(&[11, 0], publish), protocol);
    assert_eq!(parse(&[35, 0, 0], publish), Err(Reason::TOPIC_ALIAS_INVALID));
    assert_eq!(parse(b"\x08\0\x02a+", publish), protocol);
    assert_eq!(parse(b"\x08\0\0", publish), protocol);
    assert_eq!(parse(b"\x16\0\x01d", connack), protocol);
    // A value cut short.
    assert_eq!(parse(&[17, 0, 0, 0], connack), Err(Reason::MALFORMED_PACKET));
    assert_eq!(parse(&[38, 0, 1, b'n'], connack), Err(Reason::MALFORMED_PACKET));
}

#[test]
fn malformed_packets_of_each_type() {
    let (v3, v5) = (Version::V311, Version::V5);
    let (malformed, protocol) = (Reason::MALFORMED_PACKET, Reason::PROTOCOL_ERROR);
    for (bytes, version, side, reason) in [
        // CONNACK: reserved flags, unknown codes, a session with a refusal, too long, too short.
        (&b"\x20\x02\x02\0"[..], v3, Side::Server, malformed),
        (b"\x20\x02\0\x06", v3, Side::Server, protocol),
        (b"\x20\x02\x01\x01", v3, Side::Server, protocol),
        (b"\x20\x03\0\0\0", v3, Side::Server, malformed),
        (b"\x20\x01\0", v3, Side::Server, malformed),
        (b"\x20\x03\0\x01\0", v5, Side::Server, protocol),
        (b"\x20\x03\x01\x80\0", v5, Side::Server, protocol),
        (b"\x20\x02\0\0", v5, Side::Server, malformed),
        // PUBLISH: identifier 0, no topic, a wildcard in the topic.
        (b"\x32\x05\0\x01a\0\0", v3, Side::Server, protocol),
        (b"\x30\x02\0\0", v3, Side::Server, protocol),
        (b"\x30\x03\0\0\0", v5, Side::Server, protocol),
        (b"\x30\x03\0\x01+", v3, Side::Server, Reason::TOPIC_NAME_INVALID),
        (b"\x30\x05\0\x03a/#", v3, Side::Server, Reason::TOPIC_NAME_INVALID),
        // Acknowledgements: identifier 0, wrong lengths, foreign codes.
        (b"\x40\x02\0\0", v3, Side::Server, protocol),
        (b"\x40\x01\0", v3, Side::Server, malformed),
        (b"\x40\x03\0\x01\0", v3, Side::Server, malformed),
        (b"\x50\x03\0\x01\x92", v5, Side::Server, protocol),
        (b"\x62\x03\0\x01\x80", v5, Side::Server, protocol),
        (b"\x70\x05\0\x01\0\0\0", v5, Side::Server, malformed),
        // SUBACK, UNSUBACK.
        (b"\x90\x03\0\x01\x03", v3, Side::Server, protocol),
        (b"\x90\x04\0\x01\0\x05", v5, Side::Server, protocol),
        (b"\xb0\x03\0\x01\0", v3, Side::Server, malformed),
        (b"\xb0\x04\0\x01\0\x01", v5, Side::Server, protocol),
        // SUBSCRIBE, UNSUBSCRIBE: nothing asked, reserved bits, QoS 3, bad filters.
        (b"\x82\x02\0\x01", v3, Side::Client, protocol),
        (b"\x82\x06\0\x01\0\x01a\x04", v3, Side::Client, malformed),
        (b"\x82\x06\0\x01\0\x01a\x03", v3, Side::Client, protocol),
        (b"\x82\x07\0\x01\0\0\x01a\x30", v5, Side::Client, protocol),
        (b"\x82\x07\0\x01\0\0\x01a\x40", v5, Side::Client, malformed),
        (b"\x82\x10\0\x01\0\0\x0a$share/g/a\x04", v5, Side::Client, protocol),
        (b"\x82\x07\0\x01\0\x02a#\x00", v3, Side::Client, malformed),
        (b"\x82\x05\0\x01\0\0\0", v3, Side::Client, malformed),
        (b"\xa2\x02\0\x01", v3, Side::Client, protocol),
        // PING with a payload.
        (b"\xd0\x01\0", v3, Side::Server, malformed),
        (b"\xc0\x01\0", v3, Side::Client, malformed),
        // DISCONNECT, AUTH.
        (b"\xe0\x01\0", v3, Side::Client, malformed),
        (b"\xe0\x01\x10", v5, Side::Server, protocol),
        (b"\xf0\x02\x18\0", v5, Side::Server, protocol),
        (b"\xf0\x06\x19\x04\x15\0\x01m", v5, Side::Server, protocol),
        (b"\xf0\x06\0\x04\x15\0\x01m", v5, Side::Client, protocol),
        // CONNECT: flags that contradict each other, an unknown protocol.
        (b"\x10\x0c\0\x04MQTT\x04\x01\0\0\0\0", v3, Side::Client, malformed),
        (b"\x10\x0c\0\x04MQTT\x04\x0a\0\0\0\0", v3, Side::Client, malformed),
        (b"\x10\x0c\0\x04MQTT\x04\x22\0\0\0\0", v3, Side::Client, malformed),
        (b"\x10\x0c\0\x04MQTT\x04\x1e\0\0\0\0", v3, Side::Client, malformed),
        (b"\x10\x0c\0\x04MQTT\x04\x42\0\0\0\0", v3, Side::Client, malformed),
        (b"\x10\x0c\0\x04MQTT\x04\0\0\0\0\0", v3, Side::Client, Reason::CLIENT_IDENTIFIER_NOT_VALID),
        (b"\x10\x0c\0\x04MQTT\x06\x02\0\0\0\0", v3, Side::Client, Reason::UNSUPPORTED_PROTOCOL_VERSION),
        (b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\0\0", v3, Side::Client, malformed),
    ] {
        assert_eq!(refused(bytes, version, side), reason, "{bytes:02x?}");
    }
}

#[test]
fn encoders_refuse_what_would_be_malformed() {
    let refuse = |packet: Packet, version, side| {
        let mut buffer = [0; 256];
        let mut writer = Writer::new(&mut buffer);
        assert_eq!(packet.emit(version, side, &mut writer), Err(Error::Invalid), "{packet:?}");
        assert_eq!(writer.position(), 0);
    };
    fn publish(head: PublishHead<'_>) -> Packet<'_> {
        Packet::Publish(Publish { head, payload: b"" })
    }
    let good = PublishHead { topic: "a", qos: 1, packet_id: 1, ..PublishHead::default() };
    for version in BOTH {
        for head in [
            PublishHead { topic: "", ..good },
            PublishHead { topic: "a/+", ..good },
            PublishHead { topic: "a\0", ..good },
            PublishHead { qos: 3, ..good },
            PublishHead { packet_id: 0, ..good },
            PublishHead { qos: 0, ..good },
            PublishHead { qos: 0, packet_id: 0, dup: true, ..good },
        ] {
            refuse(publish(head), version, Side::Client);
        }
        refuse(Packet::Subscribe(Subscribe::default()), version, Side::Client);
        let none = Subscribe { packet_id: 1, ..Subscribe::default() };
        refuse(Packet::Subscribe(none), version, Side::Client);
        let none = Unsubscribe { packet_id: 1, ..Unsubscribe::default() };
        refuse(Packet::Unsubscribe(none), version, Side::Client);
        for filter in ["", "a#", "$share/g", "\0"] {
            let list = [Filter { filter, ..Filter::default() }];
            let filters = Filters::List(&list);
            let unsubscribe = Unsubscribe { packet_id: 1, filters, ..Unsubscribe::default() };
            refuse(Packet::Unsubscribe(unsubscribe), version, Side::Client);
        }
        let ack = Ack {
            packet: PacketType::Puback,
            packet_id: 0,
            reason: Reason::SUCCESS,
            properties: Properties::EMPTY,
        };
        refuse(Packet::Ack(ack), version, Side::Client);
    }
    for list in [
        &[Property::number(id::SUBSCRIPTION_IDENTIFIER, 1)][..],
        &[Property::number(id::TOPIC_ALIAS, 0)],
        &[Property::number(id::TOPIC_ALIAS, 0x1_0000)],
        &[Property::number(id::PAYLOAD_FORMAT_INDICATOR, 2)],
        &[Property::text(id::CONTENT_TYPE, "a"), Property::text(id::CONTENT_TYPE, "a")],
        &[Property::text(id::RESPONSE_TOPIC, "#")],
        &[Property::binary(id::CONTENT_TYPE, &[0xff])],
        &[Property::number(id::SESSION_EXPIRY_INTERVAL, 1)],
        &[Property::number(99, 1)],
        &[Property::user("a", "\0")],
    ] {
        let properties = Properties::List(list);
        refuse(publish(PublishHead { properties, ..good }), Version::V5, Side::Client);
    }
    let connect = Connect { version: Version::V311, client_id: "", ..Connect::default() };
    refuse(Packet::Connect(connect), Version::V311, Side::Client);
    let connect =
        Connect { version: Version::V311, client_id: "a", password: Some(b""), ..Connect::default() };
    refuse(Packet::Connect(connect), Version::V311, Side::Client);
    for will in [
        Will { qos: 3, topic: "a", ..Will::default() },
        Will { topic: "", ..Will::default() },
        Will { topic: "#", ..Will::default() },
    ] {
        let connect = Connect { will: Some(will), ..Connect::default() };
        refuse(Packet::Connect(connect), Version::V5, Side::Client);
    }
    let connack = Connack { session_present: true, reason: Reason(0x80), ..Connack::default() };
    refuse(Packet::Connack(connack), Version::V5, Side::Server);
    let disconnect = Disconnect { reason: Reason(0x10), ..Disconnect::default() };
    refuse(Packet::Disconnect(disconnect), Version::V5, Side::Client);
    let auth = Auth { reason: Reason::CONTINUE_AUTHENTICATION, ..Auth::default() };
    refuse(Packet::Auth(auth), Version::V5, Side::Client);
    let suback = Acknowledged {
        packet: PacketType::Suback,
        packet_id: 1,
        properties: Properties::EMPTY,
        reasons: &[],
    };
    refuse(Packet::Acknowledged(suback), Version::V5, Side::Server);
}

/// Any bytes that make a property list valid in a PUBLISH from a server.
fn publish_properties() -> impl Strategy<Value = Vec<(u8, u32, String, Vec<u8>)>> {
    let one = prop_oneof![
        Just((id::PAYLOAD_FORMAT_INDICATOR, 1)),
        any::<u32>().prop_map(|n| (id::MESSAGE_EXPIRY_INTERVAL, n)),
        Just((id::CONTENT_TYPE, 0)),
        Just((id::RESPONSE_TOPIC, 0)),
        Just((id::CORRELATION_DATA, 0)),
        (1..=VARIABLE_MAX).prop_map(|n| (id::SUBSCRIPTION_IDENTIFIER, n)),
        (1..=0xffffu32).prop_map(|n| (id::TOPIC_ALIAS, n)),
        Just((id::USER_PROPERTY, 0)),
    ];
    let full = (one, "[a-z/é]{1,8}", vec(any::<u8>(), 0..8));
    vec(full.prop_map(|((id, n), text, data)| (id, n, text, data)), 0..6).prop_map(|mut list| {
        let mut seen = std::collections::HashSet::new();
        list.retain(|item| {
            matches!(item.0, id::USER_PROPERTY | id::SUBSCRIPTION_IDENTIFIER) || seen.insert(item.0)
        });
        list
    })
}

proptest! {
    #[test]
    fn publishes_round_trip(
        topic in "[a-z/$ü ]{1,20}",
        qos in 0u8..3,
        packet_id in 1u16..,
        flags in any::<(bool, bool)>(),
        properties in publish_properties(),
        payload in vec(any::<u8>(), 0..300),
        v5 in any::<bool>(),
    ) {
        let list: Vec<_> = properties
            .iter()
            .map(|(id, number, text, data)| match *id {
                id::CORRELATION_DATA => Property::binary(*id, data),
                id::CONTENT_TYPE | id::RESPONSE_TOPIC => Property::text(*id, text),
                id::USER_PROPERTY => Property::user(text, text),
                _ => Property::number(*id, *number),
            })
            .collect();
        let head = PublishHead {
            dup: flags.0 && qos != 0,
            qos,
            retain: flags.1,
            topic: &topic,
            packet_id: if qos == 0 { 0 } else { packet_id },
            properties: if v5 { Properties::List(&list) } else { Properties::EMPTY },
        };
        let version = if v5 { Version::V5 } else { Version::V311 };
        let packet = Packet::Publish(Publish { head, payload: &payload });
        round_trip(&packet, version, Side::Server);
    }

    #[test]
    fn connects_round_trip(
        v5 in any::<bool>(),
        clean_start in any::<bool>(),
        keep_alive in any::<u16>(),
        client_id in "[a-zA-Z0-9ü]{1,23}",
        will in proptest::option::of((0u8..3, any::<bool>(), "[a-z/]{1,9}", vec(any::<u8>(), 0..20))),
        user_name in proptest::option::of("[a-z]{0,9}"),
        password in vec(any::<u8>(), 0..9),
        expiry in any::<u32>(),
    ) {
        let list = [
            Property::number(id::SESSION_EXPIRY_INTERVAL, expiry),
            Property::number(id::RECEIVE_MAXIMUM, 20),
            Property::user("a", "b"),
            Property::user("a", "c"),
        ];
        let delay = [Property::number(id::WILL_DELAY_INTERVAL, expiry)];
        let (properties, will_properties) = match v5 {
            true => (Properties::List(&list), Properties::List(&delay)),
            false => (Properties::EMPTY, Properties::EMPTY),
        };
        let connect = Connect {
            version: if v5 { Version::V5 } else { Version::V311 },
            clean_start,
            keep_alive,
            properties,
            client_id: &client_id,
            will: will.as_ref().map(|(qos, retain, topic, payload)| Will {
                qos: *qos, retain: *retain, topic, payload, properties: will_properties,
            }),
            user_name: user_name.as_deref(),
            password: user_name.as_ref().map(|_| &password[..]),
        };
        round_trip(&Packet::Connect(connect), connect.version, Side::Client);
    }

    #[test]
    fn the_other_packets_round_trip(
        packet_id in 1u16..,
        which in 0usize..4,
        code in 0usize..9,
        text in "[ -~]{0,30}",
        filters in vec(("(\\+|[a-z]{1,4})(/(\\+|[a-z]{0,4})){0,3}", 0u8..3, any::<(bool, bool)>(), 0u8..3), 1..5),
        v5 in any::<bool>(),
    ) {
        let version = if v5 { Version::V5 } else { Version::V311 };
        let packet = [PacketType::Puback, PacketType::Pubrec, PacketType::Pubrel, PacketType::Pubcomp][which];
        let reason = match which {
            0 | 1 => [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99][code],
            _ => [0, 0x92][code % 2],
        };
        let list = [Property::text(id::REASON_STRING, &text), Property::user(&text, "")];
        let list = &list[..code % 3];
        let properties = if v5 { Properties::List(list) } else { Properties::EMPTY };
        let reason = if v5 { Reason(reason) } else { Reason::SUCCESS };
        let ack = Ack { packet, packet_id, reason, properties };
        for side in [Side::Client, Side::Server] {
            round_trip(&Packet::Ack(ack), version, side);
        }
        let entries: Vec<_> = filters
            .iter()
            .map(|(filter, qos, (no_local, retain_as_published), retain_handling)| Filter {
                filter,
                options: if v5 {
                    SubscriptionOptions {
                        qos: *qos,
                        no_local: *no_local,
                        retain_as_published: *retain_as_published,
                        retain_handling: *retain_handling,
                    }
                } else {
                    SubscriptionOptions { qos: *qos, ..Default::default() }
                },
            })
            .collect();
        let number = [Property::number(id::SUBSCRIPTION_IDENTIFIER, 1 + u32::from(packet_id))];
        let properties = if v5 { Properties::List(&number) } else { Properties::EMPTY };
        let subscribe = Subscribe { packet_id, properties, filters: Filters::List(&entries) };
        round_trip(&Packet::Subscribe(subscribe), version, Side::Client);
        let bare: Vec<_> = entries.iter().map(|entry| Filter { filter: entry.filter, ..Default::default() }).collect();
        let unsubscribe =
            Unsubscribe { packet_id, properties: Properties::EMPTY, filters: Filters::List(&bare) };
        round_trip(&Packet::Unsubscribe(unsubscribe), version, Side::Client);
        let reasons: Vec<u8> = filters.iter().map(|filter| if filter.2.0 { filter.1 } else { 0x80 }).collect();
        let suback = Acknowledged { packet: PacketType::Suback, packet_id, properties: Properties::EMPTY, reasons: &reasons };
        round_trip(&Packet::Acknowledged(suback), version, Side::Server);
        let reasons: &[u8] = if v5 { &[0, 0x11, 0x87] } else { &[] };
        let unsuback = Acknowledged { packet: PacketType::Unsuback, packet_id, properties: Properties::EMPTY, reasons };
        round_trip(&Packet::Acknowledged(unsuback), version, Side::Server);
        let connack = Connack { session_present: v5, reason: Reason::SUCCESS, properties: Properties::EMPTY };
        round_trip(&Packet::Connack(connack), version, Side::Server);
        let disconnect = Disconnect { reason: if v5 { Reason(0x8e) } else { Reason(0) }, properties: Properties::EMPTY };
        if v5 {
            round_trip(&Packet::Disconnect(disconnect), version, Side::Server);
            let method = [Property::text(id::AUTHENTICATION_METHOD, &text), Property::binary(id::AUTHENTICATION_DATA, &[1])];
            let auth = Auth { reason: Reason(0x18), properties: Properties::List(&method) };
            round_trip(&Packet::Auth(auth), version, Side::Server);
            round_trip(&Packet::Auth(auth), version, Side::Client);
            round_trip(&Packet::Auth(Auth::default()), version, Side::Server);
        }
        round_trip(&Packet::Disconnect(disconnect), version, Side::Client);
    }

    /// Whatever parses is written again; where its form was canonical, byte by byte alike.
    #[test]
    fn arbitrary_bytes_never_panic(
        kind in 1u8..16,
        flags in 0u8..16,
        body in vec(prop_oneof![0u8..4, any::<u8>()], 0..60),
        v5 in any::<bool>(),
        client in any::<bool>(),
    ) {
        let version = if v5 { Version::V5 } else { Version::V311 };
        let side = if client { Side::Client } else { Side::Server };
        let mut bytes = vec![kind << 4 | flags, body.len() as u8];
        bytes.extend_from_slice(&body);
        if let Ok(Some((packet, length))) = Packet::parse(&bytes, version, side) {
            prop_assert_eq!(length, bytes.len());
            let length = packet.encoded_len(version, side).unwrap();
            let mut again = vec![0; length];
            packet.emit(version, side, &mut Writer::new(&mut again)).unwrap();
            let reread = Packet::parse(&again, version, side).unwrap().unwrap();
            prop_assert_eq!((packet, length), reread);
        }
    }
}
