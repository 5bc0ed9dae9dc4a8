// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages of every QoS both ways, over one connection and over several.

mod mqtt_support;

use mote::mqtt::wire::{Packet, PacketType, Side, Version};
use mote::mqtt::{Config, Publication, Reason};
use mote::status::Error;
use mqtt_support::*;

#[test]
fn qos_0_is_passed_on_and_forgotten() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        assert_eq!(rig.publish("a/b", 0, b"hello"), None);
        let sent = rig.sent();
        let Packet::Publish(publish) = Packet::parse(&sent[0], version, Side::Client).unwrap().unwrap().0
        else {
            panic!()
        };
        assert_eq!((publish.head.topic, publish.payload, publish.head.dup), ("a/b", &b"hello"[..], false));
        assert_eq!((rig.take(), rig.client.pending()), (vec![], 0));
    }
}

#[test]
fn qos_1_ends_with_puback() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        let operation = rig.publish("a", 1, b"x");
        let sent = rig.sent();
        assert_eq!(sent[0][0], 0x32);
        // Time alone has nothing sent again [MQTT-4.4.0-1].
        rig.later(59_000);
        assert_eq!((rig.take(), rig.sent()), (vec![], vec![]));
        rig.ack(PacketType::Puback, 1, 0);
        assert_eq!(rig.take(), [ended(operation)]);
        // A second PUBACK says nothing new.
        rig.ack(PacketType::Puback, 1, 0);
        assert_eq!((rig.take(), rig.client.pending()), (vec![], 0));
    }
}

#[test]
fn qos_2_ends_with_pubcomp() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        let operation = rig.publish("a", 2, b"x");
        assert_eq!(rig.sent()[0][0], 0x34);
        rig.ack(PacketType::Pubrec, 1, 0);
        assert_eq!(rig.sent(), [vec![0x62, 2, 0, 1]]);
        // PUBREC again is answered again.
        rig.ack(PacketType::Pubrec, 1, 0);
        assert_eq!(rig.sent(), [vec![0x62, 2, 0, 1]]);
        assert_eq!(rig.take(), []);
        rig.ack(PacketType::Pubcomp, 1, 0);
        assert_eq!(rig.take(), [ended(operation)]);
    }
}

#[test]
fn a_refusal_ends_the_flow() {
    for (qos, packet) in [(1, PacketType::Puback), (2, PacketType::Pubrec)] {
        let mut rig = Rig::new(config(Version::V5)).connected();
        let operation = rig.publish("a", qos, b"x").unwrap();
        rig.sent();
        rig.ack(packet, 1, 0x87);
        let refused = Some(Error::Refused);
        let expected =
            Seen::Ended { operation: operation.raw(), error: refused, reason: 0x87, reasons: vec![] };
        assert_eq!(rig.take(), [expected]);
        assert!(rig.sent().is_empty());
        rig.reconnect();
        rig.connack(true, &[]);
        assert!(rig.sent().is_empty(), "nothing is left to be repeated");
    }
}

/// The server had completed the message, and PUBCOMP was lost: when PUBREL is repeated, it does not know it any more.
#[test]
fn a_message_that_was_completed_before_the_connection_broke_has_not_failed() {
    let mut rig = Rig::new(config(Version::V5)).connected();
    let operation = rig.publish("a", 2, b"x").unwrap().raw();
    rig.ack(PacketType::Pubrec, 1, 0);
    rig.reconnect();
    rig.connack(true, &[]);
    assert_eq!(rig.sent(), [[0x62, 2, 0, 1]]);
    rig.take();
    rig.ack(PacketType::Pubcomp, 1, 0x92);
    assert_eq!(rig.take(), [Seen::Ended { operation, error: None, reason: 0x92, reasons: vec![] }]);
    assert_eq!(rig.client.pending(), 0);
}

#[test]
fn an_unknown_pubrec_is_answered() {
    let mut rig = Rig::new(config(Version::V5)).connected();
    rig.ack(PacketType::Pubrec, 9, 0);
    assert_eq!(rig.sent(), [vec![0x62, 3, 0, 9, 0x92]]);
    let mut rig = Rig::new(config(Version::V311)).connected();
    rig.ack(PacketType::Pubrec, 9, 0);
    assert_eq!(rig.sent(), [vec![0x62, 2, 0, 9]]);
}

#[test]
fn acknowledgements_of_the_wrong_flow_are_protocol_errors() {
    for (qos, packet) in
        [(1, PacketType::Pubrec), (2, PacketType::Puback), (2, PacketType::Pubcomp), (1, PacketType::Pubcomp)]
    {
        let mut rig = Rig::new(config(Version::V5)).connected();
        rig.publish("a", qos, b"x");
        rig.sent();
        rig.ack(packet, 1, 0);
        assert_eq!(rig.sent(), [vec![0xe0, 1, 0x82]]);
        assert!(!rig.wire.open);
        assert_eq!(rig.take(), [Seen::Disconnected { error: Error::Protocol, reason: 0x82, retry: true }]);
    }
}

#[test]
fn received_messages_are_acknowledged_by_qos() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        rig.deliver("t", 0, 0, false, b"0");
        assert!(rig.sent().is_empty());
        rig.deliver("t", 1, 5, false, b"1");
        assert_eq!(rig.sent(), [vec![0x40, 2, 0, 5]]);
        rig.deliver("t", 2, 6, false, b"2");
        assert_eq!(rig.sent(), [vec![0x50, 2, 0, 6]]);
        rig.ack(PacketType::Pubrel, 6, 0);
        assert_eq!(rig.sent(), [vec![0x70, 2, 0, 6]]);
        assert_eq!(rig.messages(), [b"0", b"1", b"2"]);
    }
}

#[test]
fn qos_2_is_delivered_once_until_pubrel_and_anew_after() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        rig.deliver("t", 2, 6, false, b"2");
        rig.deliver("t", 2, 6, true, b"2");
        assert_eq!(rig.sent(), [[0x50, 2, 0, 6], [0x50, 2, 0, 6]]);
        rig.reconnect();
        rig.connack(true, &[]);
        rig.deliver("t", 2, 6, true, b"2");
        assert_eq!(rig.sent(), [[0x50, 2, 0, 6]]);
        assert_eq!(rig.messages().len(), 1);
        rig.ack(PacketType::Pubrel, 6, 0);
        rig.deliver("t", 2, 6, false, b"new");
        assert_eq!(rig.messages(), [&b"2"[..], b"new"]);
    }
}

#[test]
fn qos_1_with_the_same_identifier_is_a_new_message_after_puback() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        rig.deliver("t", 1, 6, false, b"a");
        rig.deliver("t", 1, 6, true, b"a");
        assert_eq!((rig.messages().len(), rig.sent().len()), (2, 2));
    }
}

#[test]
fn an_unknown_pubrel_is_completed() {
    let mut rig = Rig::new(config(Version::V5)).connected();
    rig.ack(PacketType::Pubrel, 9, 0);
    assert_eq!(rig.sent(), [vec![0x70, 3, 0, 9, 0x92]]);
    let mut rig = Rig::new(config(Version::V311)).connected();
    rig.ack(PacketType::Pubrel, 9, 0);
    assert_eq!(rig.sent(), [vec![0x70, 2, 0, 9]]);
}

#[test]
fn a_resumed_session_repeats_in_order_with_dup_and_the_same_identifiers() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        let first = rig.publish("a", 1, b"1");
        rig.publish("a", 2, b"2");
        rig.publish("a", 2, b"3");
        let before = rig.sent();
        rig.ack(PacketType::Pubrec, 2, 0);
        assert_eq!(rig.sent(), [[0x62, 2, 0, 2]]);
        rig.reconnect();
        let late = rig.publish("a", 1, b"4");
        rig.connack(true, &[]);
        let again = rig.sent();
        assert_eq!(types(&again), [3, 6, 3, 3]);
        for (index, packet) in [(0, &again[0]), (2, &again[2])] {
            assert_eq!(packet[0], before[index][0] | 8, "DUP");
            assert_eq!(packet[1..], before[index][1..]);
        }
        assert_eq!(again[1], [0x62, 2, 0, 2], "PUBREL is repeated as it was");
        assert_eq!(again[3][0], 0x32, "a new message has no DUP");
        rig.take();
        rig.ack(PacketType::Puback, 1, 0);
        rig.ack(PacketType::Pubcomp, 2, 0);
        rig.ack(PacketType::Puback, 4, 0);
        let seen = rig.take();
        assert_eq!((&seen[0], &seen[2]), (&ended(first), &ended(late)));
        assert_eq!(rig.client.statistics().repeated, 2);
    }
}

#[test]
fn version_5_discards_its_session_when_the_server_has_none() {
    let mut rig = Rig::new(Config { republish: false, ..config(Version::V5) }).connected();
    let lost: Vec<_> = [1, 2, 2].map(|qos| rig.publish("a", qos, b"x").unwrap().raw()).into();
    rig.ack(PacketType::Pubrec, 3, 0);
    rig.deliver("t", 2, 6, false, b"2");
    rig.reconnect();
    let unsent = rig.publish("a", 1, b"new");
    rig.take();
    rig.connack(false, &[]);
    let seen = rig.take();
    assert_eq!(seen[0], Seen::Connected(false));
    for (seen, operation) in seen[1..].iter().zip(lost) {
        let error = Some(Error::SessionLost);
        assert_eq!(*seen, Seen::Ended { operation, error, reason: 0, reasons: vec![] });
    }
    assert_eq!(seen.len(), 4);
    let sent = rig.sent();
    assert_eq!((types(&sent), sent[0][0]), (vec![3], 0x32), "only what was never sent");
    // The identifiers of received messages are void as well.
    rig.deliver("t", 2, 6, false, b"other");
    assert_eq!(rig.messages(), [b"other"]);
    rig.ack(PacketType::Puback, 4, 0);
    assert!(rig.take().contains(&ended(unsent)));
}

#[test]
fn qos_1_is_published_anew_when_told_so() {
    let mut rig = Rig::new(config(Version::V5)).connected();
    let operation = rig.publish("a", 1, b"x");
    rig.sent();
    rig.reconnect();
    rig.connack(false, &[]);
    assert_eq!(rig.sent()[0][0], 0x32, "a new message: no DUP");
    rig.ack(PacketType::Puback, 1, 0);
    assert!(rig.take().contains(&ended(operation)));
}

#[test]
fn version_3_1_1_repeats_even_when_the_server_has_no_session() {
    let mut rig = Rig::new(config(Version::V311)).connected();
    rig.publish("a", 1, b"x");
    rig.publish("a", 2, b"y");
    rig.ack(PacketType::Pubrec, 2, 0);
    rig.sent();
    rig.reconnect();
    rig.connack(false, &[]);
    let sent = rig.sent();
    assert_eq!((sent[0][0], &sent[1][..]), (0x3a, &[0x62, 2, 0, 2][..]));
}

#[test]
fn a_clean_session_of_3_1_1_ends_with_its_connection() {
    let clean = Config { clean_start: true, republish: false, ..config(Version::V311) };
    let mut rig = Rig::new(clean).connected();
    let operation = rig.publish("a", 1, b"x").unwrap().raw();
    rig.sent();
    let connect = rig.reconnect();
    assert_eq!(connect[9] & 2, 2, "clean session again");
    rig.take();
    rig.connack(false, &[]);
    assert!(rig.sent().is_empty());
    let error = Some(Error::SessionLost);
    assert!(rig.take().contains(&Seen::Ended { operation, error, reason: 0, reasons: vec![] }));
}

#[test]
fn messages_leave_in_the_order_in_which_they_were_published() {
    let mut rig = Rig::new(Config { queue_bytes: 16384, send_maximum: 100, ..config(Version::V5) });
    let mut expected = Vec::new();
    for number in 0..100u8 {
        rig.publish("a", number % 3, &[number]);
        expected.push(vec![number]);
    }
    rig.handshake();
    rig.connack(false, &[]);
    let payload = |packet: &Vec<u8>| match Packet::parse(packet, Version::V5, Side::Client) {
        Ok(Some((Packet::Publish(publish), _))) => publish.payload.to_vec(),
        other => panic!("{other:?}"),
    };
    let sent: Vec<_> = rig.sent().iter().map(payload).collect();
    assert_eq!(sent, expected);
    // Messages of QoS 0 that were queued have ended.
    let ends = rig.take().iter().filter(|seen| matches!(seen, Seen::Ended { error: None, .. })).count();
    assert_eq!(ends, 34);
}

#[test]
fn identifiers_in_use_are_not_given_again() {
    let mut rig =
        Rig::new(Config { queue_bytes: 4096, send_maximum: 100, ..config(Version::V311) }).connected();
    // One message stays unacknowledged while identifiers come round.
    rig.publish("a", 1, b"straggler");
    let mut open = vec![1u16];
    for _ in 0..66_000u32 {
        rig.publish("a", 1, b"");
        let bytes = std::mem::take(&mut rig.wire.out);
        let id = u16::from_be_bytes([bytes[bytes.len() - 2], bytes[bytes.len() - 1]]);
        assert!(id != 0 && (!open.contains(&id) || bytes.len() > 10), "{id}");
        open.push(id);
        if open.len() > 20 {
            let id = open.remove(1);
            rig.ack(PacketType::Puback, id, 0);
            rig.seen.clear();
        }
    }
    assert_eq!(open[0], 1);
}

#[test]
fn deferred_acknowledgements_leave_in_the_order_of_receipt() {
    for version in BOTH {
        let deferred = Config { deferred: true, ..config(version) };
        let mut rig = Rig::new(deferred).connected();
        for id in 1..=3 {
            rig.deliver("t", 1, id, false, b"1");
        }
        rig.deliver("t", 2, 4, false, b"2");
        let tokens: Vec<_> = rig
            .take()
            .iter()
            .map(|seen| match seen {
                Seen::Message(message) => message.token.unwrap(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(rig.sent().is_empty());
        let mut acknowledge = |token| {
            let result = rig.with(|client, cx| client.acknowledge(cx, token, Reason::SUCCESS));
            rig.poll();
            (result, rig.sent())
        };
        assert_eq!(acknowledge(tokens[2]), (Ok(()), vec![]));
        // QoS 2 has an order of its own.
        assert_eq!(acknowledge(tokens[3]), (Ok(()), vec![vec![0x50, 2, 0, 4]]));
        assert_eq!(acknowledge(tokens[0]), (Ok(()), vec![vec![0x40, 2, 0, 1]]));
        assert_eq!(acknowledge(tokens[0]), (Err(Error::Stale), vec![]));
        assert_eq!(acknowledge(tokens[3]), (Err(Error::Stale), vec![]), "PUBREL is awaited");
        assert_eq!(acknowledge(tokens[1]), (Ok(()), vec![vec![0x40, 2, 0, 2], vec![0x40, 2, 0, 3]]));
    }
}

#[test]
fn a_deferred_refusal_carries_its_reason() {
    let mut rig = Rig::new(Config { deferred: true, ..config(Version::V5) }).connected();
    rig.deliver("t", 2, 4, false, b"2");
    let Some(Seen::Message(message)) = rig.take().pop() else { panic!() };
    let token = message.token.unwrap();
    let wrong = rig.with(|client, cx| client.acknowledge(cx, token, Reason(0x92)));
    assert_eq!(wrong, Err(Error::Invalid));
    rig.with(|client, cx| client.acknowledge(cx, token, Reason::QUOTA_EXCEEDED)).unwrap();
    rig.poll();
    assert_eq!(rig.sent(), [vec![0x50, 3, 0, 4, 0x97]]);
    // The flow is over: the identifier names a new message.
    rig.deliver("t", 2, 4, false, b"new");
    assert_eq!(rig.messages(), [b"new"]);
}

#[test]
fn a_message_held_over_a_reconnection_is_not_delivered_twice_with_qos_2() {
    let mut rig = Rig::new(Config { deferred: true, ..config(Version::V5) }).connected();
    rig.deliver("t", 1, 3, false, b"1");
    rig.deliver("t", 2, 4, false, b"2");
    let tokens: Vec<_> = rig
        .take()
        .into_iter()
        .map(|seen| match seen {
            Seen::Message(message) => message.token.unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    rig.reconnect();
    rig.take();
    rig.connack(true, &[]);
    rig.deliver("t", 1, 3, true, b"1");
    rig.deliver("t", 2, 4, true, b"2");
    assert_eq!(rig.messages(), [b"1"]);
    let late = rig.with(|client, cx| client.acknowledge(cx, tokens[0], Reason::SUCCESS));
    assert_eq!(late, Err(Error::Stale), "of the former connection");
    rig.with(|client, cx| client.acknowledge(cx, tokens[1], Reason::SUCCESS)).unwrap();
    rig.poll();
    assert_eq!(rig.sent(), [[0x50, 2, 0, 4]]);
}

#[test]
fn only_so_many_messages_are_on_their_way_as_the_server_takes() {
    use mote::mqtt::Property;
    let mut rig = Rig::new(config(Version::V5));
    rig.handshake();
    rig.connack(false, &[Property::number(33, 2)]);
    for _ in 0..4 {
        rig.publish("a", 1, b"x");
    }
    rig.publish("a", 2, b"y");
    assert_eq!(rig.sent().len(), 2);
    // Requests and acknowledgements do not wait.
    rig.subscribe("f", 0, 0);
    rig.deliver("t", 1, 9, false, b"");
    assert_eq!(types(&rig.sent()), [8, 4]);
    rig.ack(PacketType::Puback, 1, 0);
    assert_eq!(types(&rig.sent()), [3]);
    rig.ack(PacketType::Puback, 2, 0x97);
    rig.ack(PacketType::Puback, 3, 0);
    assert_eq!(types(&rig.sent()), [3, 3]);
    rig.publish("a", 1, b"last");
    rig.ack(PacketType::Puback, 4, 0);
    assert_eq!(types(&rig.sent()), [3]);
    // PUBREC alone makes no room, PUBCOMP does.
    rig.publish("a", 1, b"after");
    rig.ack(PacketType::Pubrec, 5, 0);
    assert_eq!(types(&rig.sent()), [6]);
    rig.ack(PacketType::Pubcomp, 5, 0);
    assert_eq!(types(&rig.sent()), [3]);
}

#[test]
fn with_3_1_1_the_own_limit_holds() {
    let mut rig = Rig::new(Config { send_maximum: 2, ..config(Version::V311) }).connected();
    for _ in 0..4 {
        rig.publish("a", 2, b"x");
    }
    assert_eq!(rig.sent().len(), 2);
    rig.reconnect();
    rig.connack(true, &[]);
    assert_eq!(types(&rig.sent()), [3, 3]);
    rig.ack(PacketType::Pubrec, 1, 0);
    rig.ack(PacketType::Pubcomp, 1, 0);
    assert_eq!(types(&rig.sent()), [6, 3]);
}

#[test]
fn repeated_pubrels_let_no_more_be_under_way() {
    for version in BOTH {
        let mut rig = Rig::new(Config { send_maximum: 4, ..config(version) }).connected();
        for _ in 0..8 {
            rig.publish("a", 2, b"x");
        }
        rig.ack(PacketType::Pubrec, 1, 0);
        rig.ack(PacketType::Pubrec, 2, 0);
        assert_eq!(types(&rig.sent()), [3, 3, 3, 3, 6, 6]);
        rig.reconnect();
        rig.connack(true, &[]);
        assert_eq!(types(&rig.sent()), [6, 6, 3, 3]);
        rig.ack(PacketType::Pubcomp, 1, 0);
        rig.ack(PacketType::Pubcomp, 2, 0);
        assert_eq!(types(&rig.sent()), [3, 3], "one for each");
    }
}

#[test]
fn an_answer_to_half_a_message_is_a_protocol_error() {
    for (qos, packet) in [(1, PacketType::Puback), (2, PacketType::Pubrec)] {
        let mut rig = Rig::new(Config { output_bytes: 64, ..config(Version::V5) }).connected();
        rig.wire.window = 100;
        rig.publish("a", qos, &[0; 500]);
        rig.ack(packet, 1, 0);
        assert_eq!(rig.take(), [Seen::Disconnected { error: Error::Protocol, reason: 0x82, retry: true }]);
    }
}

/// What gives way in a full queue is never the message whose beginning has been sent.
#[test]
fn half_a_message_is_not_given_up_for_a_newer_one() {
    let full = Config { output_bytes: 64, queue_bytes: 700, drop_oldest: true, ..config(Version::V5) };
    let mut rig = Rig::new(full).connected();
    rig.wire.window = 100;
    let mut numbers = vec![rig.publish("a", 0, &[0; 300]).unwrap().raw()];
    for number in 1..9u8 {
        numbers.push(rig.publish("a", 0, &[number; 100]).unwrap().raw());
    }
    rig.wire.window = usize::MAX;
    rig.tell(mote::transport::StreamEvent::Writable);
    let payloads: Vec<u8> = rig.sent().iter().map(|packet| packet[packet.len() - 1]).collect();
    assert_eq!(payloads, [0, 6, 7, 8]);
    let mut given_up = Vec::new();
    for seen in rig.take() {
        if let Seen::Ended { operation, error: Some(Error::Full), .. } = seen {
            given_up.push(operation);
        }
    }
    assert_eq!(given_up, numbers[1..6]);
}

/// PUBREL finds no room, and the connection breaks before there is some.
#[test]
fn a_pubrel_that_had_no_room_is_sent_over_the_next_connection() {
    for version in BOTH {
        let mut rig = Rig::new(Config { output_bytes: 64, ..config(version) }).connected();
        let operation = rig.publish("a", 2, b"x");
        rig.sent();
        rig.wire.window = 0;
        for _ in 0..3 {
            rig.publish("a", 0, &[0; 40]);
        }
        rig.ack(PacketType::Pubrec, 1, 0);
        assert!(rig.sent().is_empty());
        rig.wire.window = usize::MAX;
        rig.reconnect();
        rig.connack(true, &[]);
        assert_eq!(rig.sent()[0], [0x62, 2, 0, 1]);
        rig.take();
        rig.ack(PacketType::Pubcomp, 1, 0);
        assert!(rig.take().contains(&ended(operation)));
    }
}

#[test]
fn cancelling_ends_what_has_not_been_sent() {
    let mut rig = Rig::new(config(Version::V5));
    let unsent = rig.publish("a", 1, b"x").unwrap();
    rig.with(|client, cx| client.cancel(cx, unsent)).unwrap();
    rig.poll();
    let error = Some(Error::Cancelled);
    let operation = unsent.raw();
    assert_eq!(rig.take(), [Seen::Ended { operation, error, reason: 0, reasons: vec![] }]);
    assert_eq!(rig.with(|client, cx| client.cancel(cx, unsent)), Err(Error::Stale));
    let mut rig = rig.connected();
    assert!(rig.sent().is_empty());
    let sent = rig.publish("a", 1, b"x").unwrap();
    assert_eq!(rig.with(|client, cx| client.cancel(cx, sent)), Err(Error::State));
}

#[test]
fn a_full_queue_refuses_or_gives_up_its_oldest_qos_0() {
    let small = Config { queue_bytes: 200, ..config(Version::V5) };
    let mut rig = Rig::new(small);
    let mut taken = 0;
    while rig.try_publish("topic", 0, &[0; 20]).is_ok() {
        taken += 1;
    }
    assert!((3..6).contains(&taken));
    assert_eq!(rig.try_publish("topic", 1, &[0; 20]), Err(Error::Full));
    assert_eq!(rig.take(), []);

    let mut rig = Rig::new(Config { drop_oldest: true, ..small });
    let first = rig.publish("topic", 0, &[0; 20]).unwrap();
    for number in 1..taken {
        rig.publish("topic", 0, &[number as u8; 20]);
    }
    rig.publish("topic", 1, &[1; 20]);
    let (operation, error) = (first.raw(), Some(Error::Full));
    assert_eq!(rig.take()[0], Seen::Ended { operation, error, reason: 0, reasons: vec![] });
    // QoS 1 is never given up.
    let mut full = 0;
    for _ in 0..20 {
        full += usize::from(rig.try_publish("topic", 1, &[2; 20]) == Err(Error::Full));
    }
    assert!(full > 10);
    rig.handshake();
    rig.connack(false, &[]);
    assert!(rig.sent().iter().all(|packet| packet[0] == 0x32));
}

/// What would find no room even without them costs no message of QoS 0.
#[test]
fn nothing_is_given_up_for_what_is_refused_all_the_same() {
    let small = Config { queue_bytes: 200, drop_oldest: true, ..config(Version::V5) };
    let mut rig = Rig::new(small);
    rig.publish("topic", 1, &[1; 20]);
    for _ in 0..3 {
        rig.publish("topic", 0, &[0; 20]);
    }
    // More than the queue, more than is beside the message of QoS 1, and more than that when those given up are yet to be reported.
    for size in [1000, 140, 100] {
        assert_eq!(rig.try_publish("topic", 0, &vec![2; size]), Err(Error::Full), "{size}");
        assert_eq!(rig.take(), [], "{size}");
    }
    rig.publish("topic", 0, &[2; 84]);
    assert_eq!(rig.take().len(), 3);
}

#[test]
fn a_blocked_stream_loses_nothing() {
    for version in BOTH {
        for step in [1, 3, 7] {
            let tight = Config { output_bytes: 64, queue_bytes: 4096, ..config(version) };
            let mut rig = Rig::new(tight).connected();
            rig.wire.window = 0;
            let mut expected = Vec::new();
            for number in 0..10u8 {
                rig.publish("some/topic", number % 3, &vec![number; usize::from(number) * 20]);
                expected.push(number);
            }
            for id in 1..=3 {
                rig.deliver("t", 1, id, false, b"1");
            }
            for _ in 0..5000 {
                rig.wire.window = step;
                rig.tell(mote::transport::StreamEvent::Writable);
            }
            let mut got = Vec::new();
            let mut acks = 0;
            for packet in rig.sent() {
                match Packet::parse(&packet, version, Side::Client).unwrap().unwrap().0 {
                    Packet::Publish(publish) => {
                        got.push((publish.payload.len() / 20) as u8);
                        assert!(publish.payload.iter().all(|byte| *byte == *got.last().unwrap()));
                    }
                    Packet::Ack(ack) => {
                        acks += 1;
                        assert_eq!((ack.packet, ack.packet_id), (PacketType::Puback, acks));
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!((got, acks), (expected, 3));
        }
    }
}

#[test]
fn a_payload_larger_than_memory_is_streamed_out_and_repeated_after_a_reconnection() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        let publication = Publication { topic: "big", qos: 1, ..Publication::default() };
        let total = 100_000;
        let operation = rig.with(|client, cx| client.publish_begin(cx, &publication, total)).unwrap();
        rig.poll();
        let early = rig.publish("small", 1, b"waits");
        assert_eq!(rig.take(), [Seen::Wanted { operation, offset: 0 }]);
        let chunk = [7; 1000];
        for round in 0..2 {
            let rounds = if round == 0 { 50 } else { 100 };
            for number in 0..rounds {
                let taken = rig.with(|client, cx| client.publish_chunk(cx, operation, &chunk));
                assert_eq!(taken, Ok(1000));
                rig.poll();
                let seen = rig.take();
                if number < 99 {
                    let offset = (number + 1) * 1000;
                    assert_eq!(seen, [Seen::Wanted { operation, offset }]);
                }
            }
            if round == 0 {
                rig.reconnect();
                rig.take();
                rig.connack(true, &[]);
                assert_eq!(rig.take(), [Seen::Connected(true), Seen::Wanted { operation, offset: 0 }]);
            }
        }
        let sent = rig.sent();
        assert_eq!(types(&sent), [3, 3]);
        assert_eq!((sent[0][0], sent[1][0]), (0x3a, 0x32), "DUP the second time");
        assert!(sent[0].len() > 100_000);
        rig.ack(PacketType::Puback, 1, 0);
        rig.ack(PacketType::Puback, 2, 0);
        assert_eq!(rig.take(), [ended(Some(operation)), ended(early)]);
        let over = rig.with(|client, cx| client.publish_chunk(cx, operation, &chunk));
        assert_eq!(over, Err(Error::State));
    }
}

#[test]
fn a_payload_larger_than_the_buffer_is_received_in_parts() {
    for version in BOTH {
        for qos in [0, 1, 2] {
            let mut rig = Rig::new(Config { receive_bytes: 256, ..config(version) }).connected();
            let payload: Vec<u8> = (0..5000u32).map(|number| number as u8).collect();
            rig.deliver("big", qos, u16::from(qos != 0), false, &payload);
            let mut got = Vec::new();
            for seen in rig.take() {
                match seen {
                    Seen::Message(message) => {
                        assert_eq!((message.total, &message.topic[..]), (5000, "big"));
                        got.extend(message.payload);
                    }
                    Seen::Payload { data, offset, total, .. } => {
                        assert_eq!((offset as usize, total), (got.len(), 5000));
                        got.extend(data);
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(got, payload);
            let acks: &[u8] = [&[][..], &[4], &[5]][usize::from(qos)];
            assert_eq!(types(&rig.sent()), acks);
            // A second message finds the client ready.
            rig.deliver("t", 0, 0, false, b"next");
            assert_eq!(rig.messages(), [b"next"]);
        }
    }
}

#[test]
fn a_message_cut_in_its_midst_is_aborted_and_comes_again() {
    for version in BOTH {
        let mut rig = Rig::new(Config { receive_bytes: 256, ..config(version) }).connected();
        let bytes = publish(version, "big", 2, 5, false, &[1; 1000]);
        rig.feed(&bytes[..700]);
        rig.take();
        rig.reconnect();
        assert!(rig.take().contains(&Seen::Aborted));
        rig.connack(true, &[]);
        let bytes = publish(version, "big", 2, 5, true, &[1; 1000]);
        rig.feed(&bytes);
        let seen = rig.take();
        assert!(matches!(&seen[1], Seen::Message(message) if message.total == 1000));
        assert_eq!(types(&rig.sent()), [5]);
    }
}
