// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connecting, keep-alive, reconnecting, disconnecting.

use super::*;

#[test]
fn connect_is_first_and_says_what_is_configured() {
    for version in BOTH {
        let will_properties = [Property::number(24, 5), Property::user("a", "b")];
        let full = Config {
            user_name: Some("user"),
            password: Some(b"secret"),
            keep_alive: 33,
            topic_alias_maximum: 4,
            maximum_packet_size: 5000,
            will: Some(Will {
                qos: 1,
                retain: true,
                topic: "gone",
                payload: b"bye",
                properties: Properties::List(will_properties.to_vec().leak()),
            }),
            ..config(version)
        };
        let mut rig = Rig::new(full);
        let bytes = rig.handshake();
        let connect = connect_of(&bytes);
        assert_eq!((connect.version, connect.client_id, connect.keep_alive), (version, "me", 33));
        assert_eq!((connect.user_name, connect.password), (Some("user"), Some(&b"secret"[..])));
        let will = connect.will.unwrap();
        assert_eq!((will.qos, will.retain, will.topic, will.payload), (1, true, "gone", &b"bye"[..]));
        if version == Version::V5 {
            let numbers = [17, 33, 34, 39].map(|id| connect.properties.number(id).unwrap());
            assert_eq!(numbers, [1000, 20, 4, 5000]);
            assert_eq!(will.properties.number(24), Some(5));
        }
        assert_eq!(rig.wire.targets, [("broker".to_owned(), 1883)]);
        // Nothing but CONNECT before CONNACK.
        rig.publish("a", 0, b"x");
        rig.subscribe("a", 0, 0);
        assert!(rig.sent().is_empty());
    }
}

#[test]
fn an_empty_client_identifier_needs_a_clean_session_with_3_1_1() {
    let nameless = Config { client_id: "", ..config(Version::V311) };
    assert!(matches!(Client::new(&mut [0; 9999], &nameless), Err(Error::Invalid)));
    let clean = Config { clean_start: true, ..nameless };
    assert!(Client::new(&mut [0; 9999], &clean).is_ok());
}

/// What can never be sent is refused when it is asked for, and not tried again and again.
#[test]
fn what_no_connect_can_say_is_refused_at_once() {
    let will = |topic, qos, properties: &[Property<'static>]| Will {
        qos,
        topic,
        properties: Properties::List(properties.to_vec().leak()),
        ..Will::default()
    };
    for version in BOTH {
        let base = config(version);
        let refused = |config: Config<'static>| {
            let mut rig = Rig::new(config);
            let error = rig.with(|client, cx| client.connect(cx)).err();
            rig.poll();
            assert!(
                rig.client.is_idle() == error.is_some()
                    && rig.wire.targets.len() == usize::from(error.is_none())
            );
            error
        };
        assert_eq!(refused(base), None);
        assert_eq!(refused(Config { will: Some(will("gone", 2, &[])), ..base }), None);
        assert_eq!(refused(Config { will: Some(will("go/+", 0, &[])), ..base }), Some(Error::Invalid));
        assert_eq!(refused(Config { will: Some(will("", 0, &[])), ..base }), Some(Error::Invalid));
        assert_eq!(refused(Config { will: Some(will("gone", 3, &[])), ..base }), Some(Error::Invalid));
        assert_eq!(refused(Config { output_bytes: 15, ..base }), Some(Error::TooLarge));
        // A password alone is for 5.0 [MQTT-3.1.2-22 of 3.1.1], and so are properties.
        let v5 = version == Version::V5;
        let bare = Config { password: Some(b"secret"), ..base };
        assert_eq!(refused(bare), (!v5).then_some(Error::Invalid));
        let wrong: &'static [Property] = vec![Property::number(2, 1)].leak();
        let wrong = Config { properties: Properties::List(wrong), ..base };
        assert_eq!(refused(wrong), v5.then_some(Error::Invalid));
        let wrong = Config { will: Some(will("gone", 0, &[Property::number(19, 1)])), ..base };
        assert_eq!(refused(wrong), v5.then_some(Error::Invalid));
    }
}

#[test]
fn exactly_the_planned_memory_suffices() {
    let config = config(Version::V5);
    let bytes = Client::plan(&config).bytes();
    let mut block = vec![0; bytes + 8];
    assert!(Client::new(&mut block[1..=bytes], &config).is_ok());
    // One byte less, at the worst alignment.
    let least = (0..8).map(|offset| Client::new(&mut block[offset..offset + bytes - 8], &config).is_err());
    assert!(least.into_iter().all(|failed| failed));
}

#[test]
fn the_context_is_small() {
    // Without buffers at most 256 bytes where pointers are largest; ci/no-panic/src/mqtt_client.rs holds a
    // 32-bit target to what it takes there.
    assert!(size_of::<Client>() <= 256, "{}", size_of::<Client>());
}

#[test]
fn a_message_in_flight_takes_16_bytes_beyond_its_own() {
    for version in BOTH {
        // A byte for the topic, two for its length, with 5.0 one for the absent properties, and the payload.
        let own = 3 + usize::from(version == Version::V5) + 4;
        let count = 10;
        let exact = Config { queue_bytes: count * (own + 16), ..config(version) };
        let mut rig = Rig::new(exact).connected();
        for _ in 0..count {
            rig.publish("t", 2, b"four");
        }
        assert_eq!(rig.sent().len(), count);
        assert_eq!(rig.try_publish("t", 2, b""), Err(Error::Full));
    }
    // Those on their way to us take what grows with the Receive Maximum.
    let plan = |receive_maximum| Client::plan(&Config { receive_maximum, ..Config::default() }).bytes();
    assert!(plan(101) - plan(100) <= 16);
}

#[test]
fn refusals_of_connack() {
    for (version, reason, retry) in [
        (Version::V311, 1, false),
        (Version::V311, 2, false),
        (Version::V311, 3, true),
        (Version::V311, 4, false),
        (Version::V311, 5, false),
        (Version::V5, 0x80, true),
        (Version::V5, 0x84, false),
        (Version::V5, 0x86, false),
        (Version::V5, 0x87, false),
        (Version::V5, 0x88, true),
        (Version::V5, 0x89, true),
        (Version::V5, 0x8c, false),
        (Version::V5, 0x9c, true),
    ] {
        let mut rig = Rig::new(config(version));
        rig.handshake();
        let connack = Connack { reason: Reason(reason), ..Connack::default() };
        rig.feed(&encode(&Packet::Connack(connack), version, Side::Server));
        assert_eq!(rig.take(), [disconnected(Error::Refused, reason, retry)]);
        assert!(!rig.wire.open);
        assert_eq!(rig.client.is_idle(), !retry);
    }
}

#[test]
fn a_session_that_was_not_wanted_closes() {
    for version in BOTH {
        let mut rig = Rig::new(Config { clean_start: true, ..config(version) });
        rig.handshake();
        rig.connack(true, &[]);
        assert_eq!(rig.take(), [disconnected(Error::Protocol, 0x82, true)]);
        assert!(!rig.wire.open);
    }
}

#[test]
fn clean_start_holds_for_the_first_connection_only() {
    let mut rig = Rig::new(Config { clean_start: true, ..config(Version::V5) });
    assert!(connect_of(&rig.handshake()).clean_start);
    rig.connack(false, &[]);
    assert!(!connect_of(&rig.reconnect()).clean_start);
    rig.connack(true, &[]);
    rig.with(|client, cx| client.disconnect(cx, Reason::SUCCESS, Properties::EMPTY)).unwrap();
    rig.poll();
    rig.sent();
    rig.tell(StreamEvent::Closed);
    assert!(connect_of(&rig.handshake()).clean_start, "asked for anew");
}

#[test]
fn keep_alive_pings_after_silence_and_only_once() {
    for version in BOTH {
        let mut rig = Rig::new(Config { keep_alive: 10, ..config(version) }).connected();
        let start = rig.now;
        rig.until_due();
        assert_eq!(rig.now.since(start), 10_000);
        assert_eq!(rig.sent(), [[0xc0, 0]]);
        for _ in 0..5 {
            rig.later(1000);
        }
        assert!(rig.sent().is_empty(), "no second PINGREQ");
        rig.feed(&[0xd0, 0]);
        // Whatever is sent puts the next one off.
        rig.later(1000);
        rig.publish("a", 0, b"x");
        rig.sent();
        let start = rig.now;
        rig.until_due();
        assert_eq!((rig.now.since(start), rig.sent()), (10_000, vec![vec![0xc0, 0]]));
        // What is received does not.
        rig.feed(&[0xd0, 0]);
        let start = rig.now;
        rig.later(5000);
        rig.deliver("t", 0, 0, false, b"");
        rig.until_due();
        assert_eq!((rig.now.since(start), rig.sent().len()), (10_000, 1));
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let mut rig = Rig::new(Config { keep_alive: 10, ..config(Version::V5) }).connected();
    rig.until_due();
    // A long message on its way shows that the server is there.
    for _ in 0..10 {
        rig.later(15_000);
        rig.deliver("t", 0, 0, false, b"");
    }
    assert!(rig.wire.open);
    rig.take();
    rig.until_due();
    assert_eq!(rig.take(), [disconnected(Error::Timeout, 0, true)]);
    assert!(!rig.wire.open);
}

#[test]
fn keep_alive_0_never_pings_and_the_server_s_keep_alive_rules() {
    let rig = Rig::new(Config { keep_alive: 0, ..config(Version::V5) }).connected();
    assert_eq!(rig.client.next_deadline(), Instant::NEVER);
    let mut rig = Rig::new(Config { keep_alive: 0, ..config(Version::V5) });
    rig.handshake();
    rig.connack(false, &[Property::number(19, 7)]);
    let start = rig.now;
    rig.until_due();
    assert_eq!((rig.now.since(start), rig.sent()), (7000, vec![vec![0xc0, 0]]));
}

#[test]
fn a_blocked_stream_that_never_clears_is_given_up() {
    let mut rig = Rig::new(Config { keep_alive: 10, ..config(Version::V5) }).connected();
    rig.wire.window = 0;
    rig.publish("a", 0, b"x");
    rig.until_due();
    rig.until_due();
    assert_eq!(rig.take().last(), Some(&disconnected(Error::Timeout, 0, true)));
    // There is no room for PINGREQ either: topic and payload fill the output to its last byte.
    let mut rig = Rig::new(Config { keep_alive: 10, output_bytes: 64, ..config(Version::V5) }).connected();
    rig.wire.window = 0;
    rig.publish("a", 0, &[0; 58]);
    let start = rig.now;
    rig.until_due();
    rig.until_due();
    assert_eq!(rig.now.since(start), 30_000);
    assert_eq!(rig.take().last(), Some(&disconnected(Error::Timeout, 0, true)));
}

/// The server reads the beginning of a message and no more: PINGREQ cannot ask whether it is there.
#[test]
fn a_message_that_gets_stuck_is_given_up() {
    let keep = Config { keep_alive: 10, output_bytes: 64, ..config(Version::V5) };
    let mut rig = Rig::new(keep).connected();
    rig.wire.window = 50;
    rig.publish("a", 1, &[0; 500]);
    // As long as it gets on, it may take its time.
    for _ in 0..4 {
        rig.later(25_000);
        rig.wire.window = 50;
        rig.tell(StreamEvent::Writable);
    }
    let start = rig.now;
    assert!(rig.wire.open);
    rig.until_due();
    assert_eq!(rig.now.since(start), 30_000);
    assert_eq!(rig.take(), [disconnected(Error::Timeout, 0, true)]);
    // An application that does not give the next part is waited for.
    let mut rig = Rig::new(keep).connected();
    let publication = Publication { topic: "a", ..Publication::default() };
    rig.with(|client, cx| client.publish_begin(cx, &publication, 1000)).unwrap();
    rig.poll();
    assert_eq!(rig.client.next_deadline(), Instant::NEVER);
}

/// Half a message cannot be taken back, whatever its QoS: the next one would go on in its midst.
#[test]
fn a_message_of_qos_0_is_not_given_up_in_its_midst() {
    let mut rig = Rig::new(Config { output_bytes: 64, ..config(Version::V5) }).connected();
    rig.wire.window = 50;
    let list = [Property::number(2, 10)];
    let properties = Properties::List(&list);
    let publication = Publication { topic: "a", payload: &[1; 500], properties, ..Publication::default() };
    let first = rig.with(|client, cx| client.publish(cx, &publication)).unwrap().unwrap();
    rig.publish("b", 0, b"x");
    assert_eq!(rig.with(|client, cx| client.cancel(cx, first)), Err(Error::State));
    rig.later(20_000);
    rig.wire.window = 5000;
    rig.tell(StreamEvent::Writable);
    assert_eq!(rig.sent().iter().map(Vec::len).collect::<Vec<_>>(), [3 + 3 + 6 + 500, 2 + 3 + 1 + 1]);
    assert!(rig.wire.open);
    // One in parts breaks the connection, and is sent anew over no other.
    let publication = Publication { topic: "a", ..Publication::default() };
    let parts = rig.with(|client, cx| client.publish_begin(cx, &publication, 1000)).unwrap();
    rig.poll();
    rig.take();
    rig.with(|client, cx| client.cancel(cx, parts)).unwrap();
    rig.poll();
    assert!(!rig.wire.open);
    assert!(rig.take().contains(&disconnected(Error::Cancelled, 0, true)));
    // What was half sent when the connection broke is no part of a session: it is sent whole.
    let mut rig = Rig::new(Config { output_bytes: 64, ..config(Version::V5) }).connected();
    rig.wire.window = 50;
    rig.publish("a", 0, &[1; 500]);
    rig.wire.window = 5000;
    rig.reconnect();
    rig.connack(false, &[]);
    assert_eq!(rig.sent().iter().map(Vec::len).collect::<Vec<_>>(), [3 + 3 + 1 + 500]);
}

#[test]
fn connecting_gives_up_after_its_time() {
    let mut rig = Rig::new(config(Version::V5));
    rig.with(|client, cx| client.connect(cx)).unwrap();
    rig.poll();
    let start = rig.now;
    rig.until_due();
    assert_eq!(rig.now.since(start), 30_000);
    assert_eq!(rig.take(), [disconnected(Error::Timeout, 0, true)]);
    rig.until_due();
    rig.tell(StreamEvent::Connected);
    rig.until_due();
    assert_eq!(rig.take(), [disconnected(Error::Timeout, 0, true)]);
}

#[test]
fn reconnecting_backs_off_with_full_jitter() {
    let mut rig = Rig::new(config(Version::V5));
    rig.with(|client, cx| client.connect(cx)).unwrap();
    rig.poll();
    let mut largest = 0;
    let mut delays = Vec::new();
    for attempt in 0..40u32 {
        rig.tell(StreamEvent::Failed(Error::Refused));
        let start = rig.now;
        rig.until_due();
        let delay = rig.now.since(start);
        assert!(delay <= 60_000.min(1000 << attempt.min(16)), "{attempt}: {delay}");
        largest = largest.max(delay);
        delays.push(delay);
    }
    assert!(largest > 30_000);
    delays.dedup();
    assert!(delays.len() > 30, "drawn, not fixed");
    // A connection that lasts makes the delays short again.
    rig.tell(StreamEvent::Connected);
    rig.connack(false, &[]);
    rig.later(6000);
    rig.tell(StreamEvent::Failed(Error::Reset));
    assert!(rig.client.next_deadline().since(rig.now) <= 1000);
}

#[test]
fn attempts_end_after_as_many_as_were_asked_for() {
    for retries in [0, 1, 3] {
        let policy = Some(mote::backoff::Policy { retries, ..mote::mqtt::RECONNECT });
        let mut rig = Rig::new(Config { reconnect: policy, ..config(Version::V5) }).connected();
        // The first attempt to connect again is none of them. Each time a connection was good for something, the count begins anew.
        for _ in 0..2 {
            rig.later(6000);
            rig.tell(StreamEvent::Failed(Error::Reset));
            for left in (0..=retries).rev() {
                rig.until_due();
                rig.tell(StreamEvent::Failed(Error::Refused));
                assert_eq!(rig.take().pop(), Some(disconnected(Error::Refused, 0, left != 0)), "{left}");
            }
            assert!(rig.client.is_idle());
            rig.handshake();
            rig.connack(true, &[]);
        }
    }
}

#[test]
fn without_reconnection_requests_end_and_messages_wait() {
    let mut rig = Rig::new(Config { reconnect: None, ..config(Version::V5) }).connected();
    let request = rig.subscribe("a", 0, 0);
    let message = rig.publish("a", 1, b"x");
    rig.sent();
    rig.tell(StreamEvent::Failed(Error::Reset));
    let error = Some(Error::Transport);
    let ended_request = Seen::Ended { operation: request.raw(), error, reason: 0, reasons: vec![] };
    assert_eq!(rig.take(), [disconnected(Error::Reset, 0, false), ended_request]);
    assert!(rig.client.is_idle());
    rig.handshake();
    rig.connack(true, &[]);
    assert_eq!(types(&rig.sent()), [3]);
    rig.ack(PacketType::Puback, 2, 0);
    assert!(rig.take().contains(&ended(message)));
}

#[test]
fn disconnect_is_the_last_packet_and_the_connection_is_closed() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        rig.publish("a", 0, b"x");
        rig.with(|client, cx| client.disconnect(cx, Reason::SUCCESS, Properties::EMPTY)).unwrap();
        rig.poll();
        assert_eq!(types(&rig.sent()), [3, 14]);
        assert!(rig.wire.shut);
        rig.deliver("t", 1, 1, false, b"late");
        rig.publish("a", 0, b"later");
        assert!(rig.sent().is_empty());
        rig.until_due();
        assert_eq!(rig.take(), [disconnected(Error::Closed, 0, false)]);
        assert!(!rig.wire.open && rig.client.is_idle());
        let again = rig.with(|client, cx| client.disconnect(cx, Reason::SUCCESS, Properties::EMPTY));
        assert_eq!(again, Err(Error::State));
    }
}

#[test]
fn disconnect_with_the_will_and_a_session_expiry() {
    let mut rig = Rig::new(config(Version::V5)).connected();
    let list = [Property::number(17, 60)];
    let properties = Properties::List(&list);
    let wrong = rig.with(|client, cx| client.disconnect(cx, Reason(0x10), properties));
    assert_eq!(wrong, Err(Error::Invalid));
    rig.with(|client, cx| client.disconnect(cx, Reason::DISCONNECT_WITH_WILL, properties)).unwrap();
    rig.poll();
    assert_eq!(rig.sent(), [[0xe0, 7, 4, 5, 17, 0, 0, 0, 60]]);
    rig.tell(StreamEvent::Closed);
    assert_eq!(rig.take(), [disconnected(Error::Closed, 0, false)]);
}

/// 5.0 §3.14.2.2.2: a Protocol Error.
#[test]
fn disconnect_prolongs_no_session_that_connect_had_end() {
    let mut rig = Rig::new(Config { session_expiry: 0, ..config(Version::V5) }).connected();
    for (number, expected) in [(60, Err(Error::Invalid)), (0, Ok(()))] {
        let list = [Property::number(17, number)];
        let properties = Properties::List(&list);
        assert_eq!(rig.with(|client, cx| client.disconnect(cx, Reason::SUCCESS, properties)), expected);
    }
}

#[test]
fn disconnecting_before_the_connection_stands() {
    let mut rig = Rig::new(config(Version::V5));
    rig.with(|client, cx| client.connect(cx)).unwrap();
    rig.poll();
    rig.with(|client, cx| client.disconnect(cx, Reason::SUCCESS, Properties::EMPTY)).unwrap();
    rig.poll();
    assert_eq!(rig.take(), [disconnected(Error::Closed, 0, false)]);
    assert!(rig.client.is_idle() && !rig.wire.open);
}

#[test]
fn a_server_s_disconnect_ends_the_connection() {
    for (reason, retry) in [(0x8b, true), (0x8e, false), (0x87, false), (0x89, true), (0x00, true)] {
        let mut rig = Rig::new(config(Version::V5)).connected();
        let packet = Disconnect { reason: Reason(reason), properties: Properties::EMPTY };
        rig.feed(&encode(&Packet::Disconnect(packet), Version::V5, Side::Server));
        assert_eq!(rig.take(), [disconnected(Error::Closed, reason, retry)]);
        assert!(!rig.wire.open && rig.sent().is_empty());
    }
}

#[test]
fn a_server_reference_is_followed_when_told_to() {
    let refer = |rig: &mut Rig, reference: &str| {
        let list = [Property::text(28, reference)];
        let connack =
            Connack { reason: Reason(0x9d), properties: Properties::List(&list), ..Connack::default() };
        rig.feed(&encode(&Packet::Connack(connack), Version::V5, Side::Server));
    };
    let mut rig = Rig::new(Config { follow_server_reference: true, ..config(Version::V5) });
    rig.handshake();
    refer(&mut rig, "other:99");
    assert_eq!(rig.wire.targets.last(), Some(&("other".to_owned(), 99)));
    // Round and round they go, but not for ever.
    for _ in 0..10 {
        if !rig.wire.open {
            break;
        }
        rig.tell(StreamEvent::Connected);
        rig.wire.out.clear();
        refer(&mut rig, "broker:1883");
    }
    assert!(!rig.wire.open);
    assert!(rig.wire.targets.len() <= 6, "{:?}", rig.wire.targets);

    // A connection that was good for something starts the count anew.
    let mut rig = Rig::new(Config { follow_server_reference: true, ..config(Version::V5) }).connected();
    for number in 0..10u16 {
        rig.later(6000);
        let reference = format!("server-{number}:{}", 2000 + number);
        let list = [Property::text(28, &reference)];
        let moved = Disconnect { reason: Reason(0x9d), properties: Properties::List(&list) };
        rig.feed(&encode(&Packet::Disconnect(moved), Version::V5, Side::Server));
        assert_eq!(rig.wire.targets.last(), Some(&(format!("server-{number}"), 2000 + number)));
        rig.handshake();
        rig.connack(false, &[]);
    }

    let mut rig = Rig::new(config(Version::V5));
    rig.handshake();
    refer(&mut rig, "other");
    rig.until_due();
    assert_eq!(rig.wire.targets[1], ("broker".to_owned(), 1883));
}

#[test]
fn a_server_that_stands_in_for_another_is_left_when_it_cannot_be_reached() {
    let refer = |code: u8| {
        let mut rig = Rig::new(Config { follow_server_reference: true, ..config(Version::V5) });
        rig.handshake();
        let list = [Property::text(28, "other:99")];
        let properties = Properties::List(&list);
        let connack = Connack { reason: Reason(code), properties, ..Connack::default() };
        rig.feed(&encode(&Packet::Connack(connack), Version::V5, Side::Server));
        rig
    };
    let (configured, other) = (("broker".to_owned(), 1883), ("other".to_owned(), 99));
    // It stands in as long as it can be reached; one that the server has moved to is where it is.
    for (code, expected) in [(0x9c, &configured), (0x9d, &other)] {
        let mut rig = refer(code);
        rig.handshake();
        rig.connack(false, &[]);
        rig.tell(StreamEvent::Failed(Error::Reset));
        rig.until_due();
        assert_eq!(rig.wire.targets.last(), Some(&other));
        rig.tell(StreamEvent::Failed(Error::Refused));
        rig.until_due();
        assert_eq!(rig.wire.targets.last(), Some(expected));
    }
}

#[test]
fn an_assigned_client_identifier_is_used_again() {
    let mut rig = Rig::new(Config { client_id: "", ..config(Version::V5) });
    rig.handshake();
    rig.connack(false, &[Property::text(18, "auto-7")]);
    assert_eq!(rig.client.client_id(), "auto-7");
    assert_eq!(connect_of(&rig.reconnect()).client_id, "auto-7");
}

/// Half a packet, and then nothing: that it is offered again at every turn is no sign of life.
#[test]
fn a_server_that_falls_silent_in_the_midst_of_a_packet_is_given_up() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        rig.feed(&[0x30, 9, 0]);
        for _ in 0..3 {
            let deadline = rig.client.next_deadline();
            rig.now = rig.now.max(deadline);
            rig.offer();
            if !rig.wire.open {
                break;
            }
        }
        assert_eq!(rig.take(), [disconnected(Error::Timeout, 0, true)], "{version:?}");
    }
}

/// With 3.1.1 messages may wait unread for the application, and PINGRESP behind them.
#[test]
fn a_server_whose_messages_wait_for_the_application_is_not_given_up() {
    let config = Config { deferred: true, receive_maximum: 1, ..config(Version::V311) };
    let mut rig = Rig::new(config).connected();
    rig.deliver("t", 1, 1, false, b"held");
    rig.deliver("t", 1, 2, false, b"waits");
    for _ in 0..10 {
        let deadline = rig.client.next_deadline();
        rig.now = rig.now.max(deadline);
        rig.offer();
    }
    assert!(rig.wire.open);
    let Seen::Message(held) = rig.take().remove(0) else { panic!() };
    rig.with(|client, cx| client.acknowledge(cx, held.token.unwrap(), Reason::SUCCESS)).unwrap();
    rig.poll();
    rig.offer();
    assert_eq!(rig.messages(), [b"waits"]);
}
