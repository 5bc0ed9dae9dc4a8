// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits, bad input, and every split of the stream.

use super::*;

#[test]
fn more_than_the_receive_maximum_closes_with_its_reason() {
    let two = Config { receive_maximum: 2, deferred: true, ..config(Version::V5) };
    let mut rig = Rig::new(two).connected();
    for id in 1..=3 {
        rig.deliver("t", 1, id, false, b"");
    }
    assert_eq!(rig.sent(), [[0xe0, 1, 0x93]]);
    assert_eq!(rig.take().last(), Some(&disconnected(Error::Protocol, 0x93, true)));
    // Acknowledged at once they may go on for ever.
    let mut rig = Rig::new(Config { receive_maximum: 1, ..config(Version::V5) }).connected();
    for id in 1..=30 {
        rig.deliver("t", 1, id, false, b"");
    }
    assert_eq!(rig.messages().len(), 30);
}

#[test]
fn with_3_1_1_further_messages_wait_unread() {
    let two = Config { receive_maximum: 2, deferred: true, ..config(Version::V311) };
    let mut rig = Rig::new(two).connected();
    for id in 1..=5 {
        rig.deliver("t", 1, id, false, &[id as u8]);
    }
    let mut got = 0;
    while got < 5 {
        let seen = rig.take();
        assert!(!seen.is_empty(), "stuck after {got}");
        for seen in seen {
            let Seen::Message(message) = seen else { panic!("{seen:?}") };
            got += 1;
            let token = message.token.unwrap();
            rig.with(|client, cx| client.acknowledge(cx, token, Reason::SUCCESS)).unwrap();
        }
        rig.poll();
        rig.offer();
    }
    assert_eq!(rig.sent().len(), 5);
}

/// A connection that ends an exchange of QoS 2 was good for something, though it brought no message: the delay before
/// the next stays what it is for the first.
#[test]
fn connections_that_bring_pubrel_alone_do_not_grow_the_delay() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        for id in 1..=12 {
            rig.deliver("t", 2, id, false, b"x");
        }
        for id in 1..=12 {
            let before = rig.now;
            rig.reconnect();
            assert!(rig.now.since(before) <= 1000, "{} ms before the connection {id}", rig.now.since(before));
            rig.connack(true, &[]);
            rig.ack(PacketType::Pubrel, id, 0);
        }
        assert_eq!(rig.messages().len(), 12);
    }
}

#[test]
fn with_3_1_1_too_many_qos_2_at_once_come_again_over_the_next_connection() {
    let mut rig = Rig::new(Config { receive_maximum: 2, ..config(Version::V311) }).connected();
    let mut burst = Vec::new();
    for id in 1..=4 {
        burst.extend(publish(Version::V311, "t", 2, id, false, &[id as u8]));
    }
    burst.extend(publish(Version::V311, "t", 1, 5, false, &[5]));
    rig.feed(&burst);
    assert_eq!(rig.messages(), [[1], [2]]);
    assert_eq!(rig.sent(), [[0x50, 2, 0, 1], [0x50, 2, 0, 2]]);
    rig.ack(PacketType::Pubrel, 1, 0);
    rig.deliver("t", 2, 6, false, &[6]);
    assert!(rig.wire.open, "the second one is still under way");
    rig.ack(PacketType::Pubrel, 2, 0);
    assert!(!rig.wire.open);
    assert_eq!(rig.seen.pop(), Some(disconnected(Error::Full, 0, true)));
    rig.wire.out.clear();
    rig.until_due();
    rig.handshake();
    rig.connack(true, &[]);
    for id in 3..=4 {
        rig.deliver("t", 2, id, true, &[id as u8]);
        rig.ack(PacketType::Pubrel, id, 0);
    }
    rig.deliver("t", 1, 5, true, &[5]);
    assert_eq!(rig.messages(), [[1], [2], [3], [4], [5]]);
}

/// mosquitto 2.0.11 goes on after a restart with messages that we have no room for, and would have PUBREC for them before PUBREL
/// for those that we hold: each side waited for the other.
#[test]
fn a_server_that_wants_what_was_passed_over_answered_first_is_not_waited_for() {
    let two = Config { receive_maximum: 2, ..config(Version::V311) };
    let mut rig = Rig::new(two).connected();
    for id in 1..=2 {
        rig.deliver("t", 2, id, false, &[id as u8]);
    }
    rig.reconnect();
    rig.connack(true, &[]);
    let mut burst = publish(Version::V311, "t", 2, 3, true, &[3]);
    burst.extend(ack(Version::V311, Side::Server, PacketType::Pubrel, 1, 0));
    rig.feed(&burst);
    assert_eq!(types(&rig.sent()), [7], "PUBCOMP, and nothing for what found no room");
    rig.take();
    rig.until_due();
    assert_eq!(rig.take(), [disconnected(Error::Full, 0, true)]);
    rig.until_due();
    rig.handshake();
    rig.connack(true, &[]);
    rig.deliver("t", 2, 3, true, &[3]);
    rig.ack(PacketType::Pubrel, 3, 0);
    rig.deliver("t", 2, 2, true, &[2]);
    rig.ack(PacketType::Pubrel, 2, 0);
    assert_eq!(types(&rig.sent()), [5, 7, 5, 7]);
    assert_eq!(rig.messages(), [[3]], "the second was handed over before");
    rig.later(30_000);
    assert!(rig.wire.open, "that deadline went with its connection");
}

#[test]
fn a_packet_over_our_maximum_closes_with_its_reason() {
    let small = Config { maximum_packet_size: 40, ..config(Version::V5) };
    let mut rig = Rig::new(small).connected();
    rig.feed(&publish(Version::V5, "t", 0, 0, false, &[0; 50])[..4]);
    assert_eq!(rig.sent(), [[0xe0, 1, 0x95]]);
    assert_eq!(rig.take(), [disconnected(Error::TooLarge, 0x95, true)]);
    // A head that the buffer can never hold.
    let mut rig = Rig::new(Config { receive_bytes: 64, ..config(Version::V5) }).connected();
    rig.feed(&publish(Version::V5, &"t".repeat(100), 0, 0, false, b""));
    assert_eq!(rig.sent(), [[0xe0, 1, 0x95]]);
    let mut rig = Rig::new(Config { receive_bytes: 64, ..config(Version::V311) }).connected();
    rig.feed(b"\x90\xff\x7f");
    assert_eq!(rig.take(), [disconnected(Error::TooLarge, 0x95, true)]);
    assert!(rig.sent().is_empty(), "3.1.1 has no reasons to give");
}

/// Malformed packets and protocol errors, with the reason that 5.0 gives for each.
#[test]
fn bad_input_closes_with_the_reason_that_the_standard_gives() {
    const ANY: [bool; 2] = [true, true];
    const V3: [bool; 2] = [true, false];
    const V5: [bool; 2] = [false, true];
    let cases: &[([bool; 2], &[u8], u8)] = &[
        // Reserved types and flags, packets of the wrong side.
        (ANY, b"\x00\x00", 0x81),
        (V3, b"\xf0\x00", 0x81),
        (ANY, b"\x41\x02\0\x01", 0x81),
        (ANY, b"\x60\x02\0\x01", 0x81),
        (ANY, b"\x91\x03\0\x01\0", 0x81),
        (ANY, b"\xd1\x00", 0x81),
        (ANY, b"\xe1\x00", 0x81),
        (ANY, b"\x10\x00", 0x82),
        (ANY, b"\x82\x05\0\x01\0\0\0", 0x82),
        (ANY, b"\xa2\x04\0\x01\0\0", 0x82),
        (ANY, b"\xc0\x00", 0x82),
        (V3, b"\xe0\x00", 0x82),
        // A second CONNACK.
        (V3, b"\x20\x02\0\0", 0x82),
        (V5, b"\x20\x03\0\0\0", 0x82),
        // Lengths.
        (ANY, b"\x30\xff\xff\xff\xff\x01", 0x81),
        (V5, b"\x40\x82\x00\0\x01", 0x81),
        (ANY, b"\xd0\x01\0", 0x81),
        (ANY, b"\x40\x01\0", 0x81),
        (V3, b"\x40\x03\0\x01\0", 0x81),
        // PUBLISH: QoS 3, DUP with QoS 0, identifier 0, wildcards, no topic, U+0000, surrogates.
        (ANY, b"\x36\x05\0\x01a\0\x01", 0x81),
        (ANY, b"\x38\x04\0\x01a\0", 0x81),
        (V3, b"\x32\x05\0\x01a\0\0", 0x82),
        (V5, b"\x32\x06\0\x01a\0\0\0", 0x82),
        (V3, b"\x30\x04\0\x02a#", 0x90),
        (V5, b"\x30\x05\0\x02a+\0", 0x90),
        (V5, b"\x30\x03\0\0\0", 0x82),
        (V3, b"\x30\x04\0\x02a\0", 0x81),
        (V5, b"\x30\x06\0\x03\xed\xa0\x80\0", 0x81),
        (ANY, b"\x30\x03\0\x09a", 0x81),
        // Properties: unknown, of another packet, twice, cut off, out of range, too long.
        (V5, b"\x30\x06\0\x01a\x02\x7f\0", 0x81),
        (V5, b"\x30\x07\0\x01a\x03\x13\0\0", 0x81),
        (V5, b"\x30\x08\0\x01a\x04\x01\x01\x01\x01", 0x82),
        (V5, b"\x30\x06\0\x01a\x02\x02\0", 0x81),
        (V5, b"\x30\x06\0\x01a\x02\x01\x02", 0x82),
        (V5, b"\x30\x07\0\x01a\x03\x23\0\0", 0x94),
        (V5, b"\x30\x06\0\x01a\x02\x0b\0", 0x82),
        (V5, b"\x30\x05\0\x01a\x7f\0", 0x81),
        (V5, b"\x30\x0a\0\x01a\x06\x08\0\x03a/+", 0x82),
        // Acknowledgements: identifier 0, codes of other packets.
        (ANY, b"\x40\x02\0\0", 0x82),
        (V5, b"\x40\x03\0\x01\x92", 0x82),
        (V5, b"\x50\x03\0\x01\x01", 0x82),
        (V5, b"\x62\x03\0\x01\x87", 0x82),
        (V5, b"\x70\x03\0\x01\x10", 0x82),
        // SUBACK and UNSUBACK: no codes, codes that are none, identifier 0.
        (V3, b"\x90\x02\0\x01", 0x81),
        (V5, b"\x90\x03\0\x01\0", 0x81),
        (V3, b"\x90\x03\0\x01\x03", 0x82),
        (V5, b"\x90\x04\0\x01\0\x03", 0x82),
        (V5, b"\xb0\x03\0\x01\0", 0x81),
        (V5, b"\xb0\x04\0\x01\0\x01", 0x82),
        (V3, b"\x90\x03\0\0\x00", 0x82),
        // DISCONNECT: codes and properties that a server may not send.
        (V5, b"\xe0\x01\x11", 0x82),
        (V5, b"\xe0\x07\0\x05\x11\0\0\0\0", 0x82),
        // AUTH without a method, or out of order.
        (V5, b"\xf0\x02\x18\0", 0x82),
        (V5, b"\xf0\x06\x19\x04\x15\0\x01m", 0x82),
    ];
    for (versions, bytes, reason) in cases {
        for (version, wanted) in BOTH.into_iter().zip(versions) {
            if !wanted {
                continue;
            }
            for drip in [false, true] {
                let mut rig = Rig::new(config(version)).connected();
                rig.publish("a", 1, b"");
                rig.sent();
                if drip {
                    rig.drip(bytes)
                } else {
                    rig.feed(bytes)
                }
                let context = format!("{version:?} {bytes:02x?}");
                assert!(!rig.wire.open, "{context}");
                match (&rig.take()[..], version) {
                    ([Seen::Disconnected { reason: got, retry: true, .. }], _) => {
                        assert_eq!(got, reason, "{context}");
                    }
                    (other, _) => panic!("{context}: {other:?}"),
                }
                let expected = if version == Version::V5 { vec![vec![0xe0, 1, *reason]] } else { vec![] };
                assert_eq!(rig.sent(), expected, "{context}");
                // The client works on.
                rig.until_due();
                rig.handshake();
                rig.connack(true, &[]);
                assert_eq!(types(&rig.sent()), [3], "{context}");
            }
        }
    }
}

#[test]
fn anything_but_connack_before_connack_closes() {
    for version in BOTH {
        let early: &[&[u8]] =
            &[b"\x30\x04\0\x01a\0", b"\x40\x02\0\x01", b"\xd0\0", b"\x90\x03\0\x01\0", b"\xe0\0"];
        for bytes in early {
            let mut rig = Rig::new(config(version));
            rig.handshake();
            rig.feed(bytes);
            assert!(!rig.wire.open, "{bytes:02x?}");
            assert_eq!(rig.take(), [disconnected(Error::Protocol, 0x82, true)]);
        }
        for bytes in [&b"\x20\x02\x02\0\0"[..], b"\x20\x00", b"\x20\x03\x00\x00\x7f"] {
            let mut rig = Rig::new(config(version));
            rig.handshake();
            rig.feed(bytes);
            assert!(!rig.wire.open, "{bytes:02x?}");
            assert!(matches!(rig.take()[..], [Seen::Disconnected { reason: 0x81 | 0x82, .. }]));
        }
    }
}

/// A message that has room in the driver's buffer is one event, however its bytes come; a larger one is not waited for.
#[test]
fn what_fits_the_buffer_comes_in_one_piece() {
    for version in BOTH {
        let head = if version == Version::V5 { 6 } else { 5 };
        for (room, pieces) in [(head + 100, 1), (head + 99, 2)] {
            let mut rig = Rig::new(Config { receive_bytes: room, ..config(version) }).connected();
            let bytes = publish(version, "t", 0, 0, false, &[7; 100]);
            assert_eq!(bytes.len(), head + 100);
            rig.feed(&bytes[..50]);
            assert_eq!(rig.seen.len(), pieces - 1);
            rig.feed(&bytes[50..]);
            assert_eq!(rig.seen.len(), pieces);
        }
    }
}

#[test]
fn every_split_of_the_stream_reads_alike() {
    for version in BOTH {
        let mut stream = publish(version, "t/u", 1, 3, false, b"one");
        stream.extend(publish(version, "t/v", 2, 4, false, b"two"));
        stream.extend(ack(version, Side::Server, PacketType::Pubrel, 4, 0));
        stream.extend([0xd0, 0]);
        stream.extend(publish(version, "t/w", 0, 0, false, &[9; 300]));
        let run = |pieces: &[&[u8]]| {
            let mut rig = Rig::new(Config { receive_bytes: 128, ..config(version) }).connected();
            for piece in pieces {
                rig.feed(piece);
            }
            let mut payload = Vec::new();
            let mut topics = Vec::new();
            for seen in rig.take() {
                match seen {
                    Seen::Message(message) => {
                        topics.push(message.topic);
                        payload.extend(message.payload);
                    }
                    Seen::Payload { data, .. } => payload.extend(data),
                    other => panic!("{other:?}"),
                }
            }
            (topics, payload, rig.sent())
        };
        let whole = run(&[&stream]);
        assert_eq!(whole.0, ["t/u", "t/v", "t/w"]);
        for cut in 1..stream.len() {
            let (front, back) = stream.split_at(cut);
            assert_eq!(run(&[front, back]), whole, "{cut}");
        }
        let single: Vec<_> = stream.chunks(1).collect();
        assert_eq!(run(&single), whole);
    }
}

/// A server that takes no PUBACK gets none [MQTT-3.2.2-15].
#[test]
fn no_packet_is_larger_than_the_server_takes() {
    for (maximum, acknowledged) in [(4, true), (3, false)] {
        let mut rig = Rig::new(config(Version::V5));
        rig.handshake();
        rig.connack(false, &[Property::number(39, maximum)]);
        rig.publish("a", 0, b"");
        rig.subscribe("a", 0, 0);
        rig.deliver("t", 1, 7, false, b"");
        let expected = if acknowledged { vec![vec![0x40, 2, 0, 7]] } else { vec![] };
        assert_eq!(rig.sent(), expected);
    }
}

#[test]
fn disconnect_larger_than_the_server_takes_is_refused() {
    let mut rig = Rig::new(config(Version::V5));
    rig.handshake();
    rig.connack(false, &[Property::number(39, 20)]);
    let list = [Property::text(31, "a reason that is far too long")];
    let result = rig.with(|client, cx| client.disconnect(cx, Reason::SUCCESS, Properties::List(&list)));
    assert_eq!(result, Err(Error::TooLarge));
    assert!(rig.client.is_connected());
    rig.with(|client, cx| client.disconnect(cx, Reason::SUCCESS, Properties::EMPTY)).unwrap();
    rig.poll();
    assert_eq!(rig.sent(), [[0xe0, 0]]);
}
