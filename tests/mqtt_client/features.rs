// SPDX-License-Identifier: MIT OR Apache-2.0
//! What 5.0 adds: aliases, expiry, requests and responses, authentication.

use super::*;

#[test]
fn outgoing_topics_become_aliases() {
    let mut rig = Rig::new(config(Version::V5));
    rig.handshake();
    rig.connack(false, &[Property::number(34, 1)]);
    rig.publish("long/topic", 1, b"1");
    rig.publish("long/topic", 1, b"2");
    rig.publish("other", 1, b"3");
    let heads = |sent: &[Vec<u8>]| -> Vec<(String, Option<u32>, u16, bool)> {
        let head = |packet: &Vec<u8>| match Packet::parse(packet, Version::V5, Side::Client) {
            Ok(Some((Packet::Publish(Publish { head, .. }), _))) => {
                (head.topic.to_owned(), head.properties.number(35), head.packet_id, head.dup)
            }
            other => panic!("{other:?}"),
        };
        sent.iter().map(head).collect()
    };
    let sent = heads(&rig.sent());
    let expected = [
        ("long/topic".to_owned(), Some(1), 1, false),
        (String::new(), Some(1), 2, false),
        ("other".to_owned(), None, 3, false),
    ];
    assert_eq!(sent, expected);
    // Aliases do not outlive a connection: what is repeated names its topic.
    rig.reconnect();
    rig.connack(true, &[]);
    let again = heads(&rig.sent());
    let topics: Vec<_> = again.iter().map(|head| (&head.0[..], head.1, head.3)).collect();
    assert_eq!(topics, [("long/topic", None, true), ("long/topic", None, true), ("other", None, true)]);
}

/// The output may be full to the last byte when it is the turn of a message with a new alias.
#[test]
fn an_alias_is_not_used_before_the_server_knows_it() {
    for size in 1..60 {
        let mut rig = Rig::new(Config { output_bytes: 64, ..config(Version::V5) });
        rig.handshake();
        rig.connack(false, &[Property::number(34, 10)]);
        rig.sent();
        rig.wire.window = 0;
        rig.publish("first", 0, &vec![b'x'; size]);
        rig.publish("second", 0, b"y");
        rig.publish("second", 0, b"z");
        rig.wire.window = usize::MAX;
        rig.tell(StreamEvent::Writable);
        let sent = rig.sent();
        assert_eq!(sent.len(), 3);
        assert_eq!(sent[1][2..10], *b"\0\x06second", "{size}: {:02x?}", sent[1]);
        assert_eq!(sent[2][2..4], *b"\0\0", "{size}: {:02x?}", sent[1]);
    }
}

/// How many aliases the server takes is nothing that the application could count in.
#[test]
fn our_aliases_give_way_to_what_needs_the_room() {
    let mut rig = Rig::new(Config { names_bytes: 60, topic_alias_maximum: 1, ..config(Version::V5) });
    rig.handshake();
    rig.connack(false, &[Property::number(34, 10)]);
    let topics = |rig: &mut Rig| {
        rig.publish("first/topic", 0, b"");
        rig.publish("other/topic", 0, b"");
        let alias = |packet: &Vec<u8>| (packet[3], packet[packet.len() - 1]);
        rig.sent().iter().map(alias).collect::<Vec<_>>()
    };
    // The length of the topic, and its alias.
    assert_eq!(topics(&mut rig), [(11, 1), (11, 2)]);
    assert_eq!(topics(&mut rig), [(0, 1), (0, 2)]);
    rig.subscribe("filter", 0, 7);
    rig.sent();
    // What is left of room and numbers is used, and the server learns of each alias before it is.
    assert_eq!(topics(&mut rig), [(11, 3), (11, 0)]);
    assert_eq!(topics(&mut rig)[0], (0, 3));
    rig.feed(&aliased("filter", 1));
    assert!(rig.client.is_connected());
    assert_eq!(topics(&mut rig)[0].0, 11);
    rig.feed(&aliased("", 1));
    let last = rig.take().pop();
    assert!(
        matches!(&last, Some(Seen::Message(m)) if m.topic == "filter" && m.cookie == Some(7)),
        "{last:?}"
    );
}

/// A packet that is as long as the server takes has no room for an alias.
#[test]
fn an_alias_does_not_make_a_message_too_long() {
    let mut rig = Rig::new(config(Version::V5));
    rig.handshake();
    rig.connack(false, &[Property::number(34, 5), Property::number(39, 60)]);
    let lengths = |rig: &mut Rig, topic: &str, payloads: [usize; 3]| -> Vec<usize> {
        for length in payloads {
            rig.publish(topic, 0, &vec![0; length]);
        }
        rig.sent().iter().map(Vec::len).collect()
    };
    // The second brings the alias, the third is shorter by the topic and longer by the alias.
    assert_eq!(lengths(&mut rig, "topic", [50, 0, 50]), [60, 13, 58]);
    // An alias that is longer than its topic helps nobody.
    assert_eq!(lengths(&mut rig, "t", [54, 0, 54]), [60, 6, 60]);
}

fn aliased(topic: &str, alias: u32) -> Vec<u8> {
    let list = [Property::number(35, alias)];
    let head = PublishHead { topic, properties: Properties::List(&list), ..PublishHead::default() };
    encode(&Packet::Publish(Publish { head, payload: b"" }), Version::V5, Side::Server)
}

#[test]
fn incoming_aliases_stand_for_their_topics() {
    let aliases = Config { topic_alias_maximum: 2, ..config(Version::V5) };
    let mut rig = Rig::new(aliases).connected();
    rig.subscribe("two", 0, 22);
    let mut topics = Vec::new();
    for bytes in [
        aliased("one", 1),
        aliased("two", 2),
        aliased("", 1),
        aliased("new", 1),
        aliased("", 1),
        aliased("", 2),
    ] {
        rig.feed(&bytes);
    }
    for seen in rig.take() {
        if let Seen::Message(message) = seen {
            topics.push((message.topic, message.cookie));
        }
    }
    let names: Vec<_> = topics.iter().map(|(topic, _)| &topic[..]).collect();
    assert_eq!(names, ["one", "two", "one", "new", "new", "two"]);
    assert_eq!(topics[5].1, Some(22));
    // A new connection knows none of them.
    rig.reconnect();
    rig.connack(true, &[]);
    rig.feed(&aliased("", 1));
    assert_eq!(rig.sent().pop().unwrap(), [0xe0, 1, 0x82]);
    let mut rig = Rig::new(aliases).connected();
    rig.feed(&aliased("one", 3));
    assert_eq!(rig.sent(), [[0xe0, 1, 0x94]]);
    // Topics that do not fit in the room for names.
    let mut rig = Rig::new(Config { names_bytes: 32, ..aliases }).connected();
    rig.feed(&aliased(&"x".repeat(40), 1));
    assert_eq!(rig.sent(), [[0xe0, 1, 0x97]]);
}

#[test]
fn message_expiry_counts_the_time_in_the_queue() {
    let mut rig = Rig::new(config(Version::V5));
    let list = [Property::user("k", "v"), Property::number(2, 60), Property::text(3, "t")];
    let properties = Properties::List(&list);
    let publication = Publication { topic: "a", qos: 1, payload: b"x", properties, ..Publication::default() };
    rig.with(|client, cx| client.publish(cx, &publication)).unwrap();
    rig.later(45_000);
    rig.handshake();
    rig.connack(false, &[]);
    let sent = rig.sent();
    let Packet::Publish(publish) = Packet::parse(&sent[0], Version::V5, Side::Client).unwrap().unwrap().0
    else {
        panic!()
    };
    let left = publish.head.properties.number(2).unwrap();
    assert!((14..=17).contains(&left), "{left}");
    assert_eq!((publish.head.properties.text(3), publish.payload), (Some("t"), &b"x"[..]));
    // Once sent it does not expire [MQTT-4.3.3-7].
    rig.later(100_000);
    assert_eq!(rig.client.pending(), 1);

    let mut rig = Rig::new(config(Version::V5));
    let operation = rig.with(|client, cx| client.publish(cx, &publication)).unwrap().unwrap().raw();
    rig.poll();
    rig.until_due();
    let error = Some(Error::Timeout);
    assert_eq!(rig.take(), [Seen::Ended { operation, error, reason: 0, reasons: vec![] }]);
    assert!((60_000..63_000).contains(&rig.now.since(Instant(1000))));
}

/// Of a message in parts the server alone counts the interval.
#[test]
fn a_message_in_parts_does_not_expire_in_the_queue() {
    let mut rig = Rig::new(config(Version::V5));
    let list = [Property::number(2, 60)];
    let publication =
        Publication { topic: "a", qos: 1, properties: Properties::List(&list), ..Publication::default() };
    rig.with(|client, cx| client.publish_begin(cx, &publication, 3)).unwrap();
    let whole = Publication { topic: "b", ..publication };
    rig.with(|client, cx| client.publish(cx, &whole)).unwrap();
    rig.later(100_000);
    assert!(matches!(rig.take()[..], [Seen::Ended { error: Some(Error::Timeout), .. }]), "the whole one");
    assert_eq!(rig.client.pending(), 1);
    rig.handshake();
    rig.connack(false, &[]);
    assert!(matches!(rig.take()[..], [Seen::Connected(false), Seen::Wanted { offset: 0, .. }]));
}

#[test]
fn requests_and_responses() {
    let mut rig = Rig::new(config(Version::V5)).connected();
    let request = Publication { topic: "service", payload: b"?", ..Publication::default() };
    rig.with(|client, cx| client.request_response(cx, &request, "me/answers", b"17")).unwrap();
    rig.poll();
    let sent = rig.sent();
    // The server passes it on, here to the same client.
    let list = [Property::text(8, "me/answers"), Property::binary(9, b"17")];
    let head =
        PublishHead { topic: "service", properties: Properties::List(&list), ..PublishHead::default() };
    let bytes = encode(&Packet::Publish(Publish { head, payload: b"?" }), Version::V5, Side::Server);
    assert_eq!(sent, std::slice::from_ref(&bytes));
    let mut event = None;
    rig.with(|client, cx| client.receive(cx, StreamEvent::Received(&bytes), &mut event));
    let Some(mote::mqtt::Event::Message(message)) = event else { panic!() };
    assert_eq!(message.correlation_data(), Some(&b"17"[..]));
    rig.with(|client, cx| client.respond(cx, &message, 0, b"!")).unwrap();
    rig.poll();
    let sent = rig.sent();
    let Packet::Publish(response) = Packet::parse(&sent[0], Version::V5, Side::Client).unwrap().unwrap().0
    else {
        panic!()
    };
    assert_eq!((response.head.topic, response.payload), ("me/answers", &b"!"[..]));
    assert_eq!(response.head.properties.get(9).unwrap().data, b"17");
}

fn auth(reason: Reason, method: &str, data: &[u8]) -> Vec<u8> {
    let list = [Property::text(21, method), Property::binary(22, data)];
    let packet = Auth { reason, properties: Properties::List(&list) };
    encode(&Packet::Auth(packet), Version::V5, Side::Server)
}

#[test]
fn enhanced_authentication_and_again() {
    let list: &'static [Property] = vec![Property::text(21, "SCRAM"), Property::binary(22, b"first")].leak();
    let with_method = Config { properties: Properties::List(list), ..config(Version::V5) };
    let mut rig = Rig::new(with_method);
    let bytes = rig.handshake();
    assert_eq!(connect_of(&bytes).properties.get(22).unwrap().data, b"first");
    rig.feed(&auth(Reason::CONTINUE_AUTHENTICATION, "SCRAM", b"challenge"));
    assert_eq!(rig.take(), [Seen::Authentication { reason: 0x18, data: b"challenge".to_vec() }]);
    // Nothing but AUTH and DISCONNECT before CONNACK [MQTT-3.1.2-30].
    rig.publish("a", 1, b"x");
    assert!(rig.sent().is_empty());
    let answer = |rig: &mut Rig, reason, data: &[u8]| {
        let result = rig.with(|client, cx| client.authenticate(cx, reason, data));
        rig.poll();
        result
    };
    assert_eq!(answer(&mut rig, Reason::RE_AUTHENTICATE, b""), Err(Error::State));
    answer(&mut rig, Reason::CONTINUE_AUTHENTICATION, b"proof").unwrap();
    let sent = rig.sent();
    let Packet::Auth(packet) = Packet::parse(&sent[0], Version::V5, Side::Client).unwrap().unwrap().0 else {
        panic!()
    };
    assert_eq!((packet.reason, packet.properties.text(21)), (Reason::CONTINUE_AUTHENTICATION, Some("SCRAM")));
    rig.connack(false, &[Property::text(21, "SCRAM"), Property::binary(22, b"ok")]);
    assert_eq!(rig.take(), [Seen::Connected(false)]);
    assert_eq!(types(&rig.sent()), [3]);
    answer(&mut rig, Reason::RE_AUTHENTICATE, b"again").unwrap();
    assert_eq!(rig.sent()[0][2], 0x19);
    rig.feed(&[0xf0, 0]);
    assert_eq!(rig.take(), [Seen::Authentication { reason: 0, data: vec![] }]);
    // Another method is a protocol error.
    rig.feed(&auth(Reason::CONTINUE_AUTHENTICATION, "PLAIN", b""));
    assert_eq!(rig.take(), [disconnected(Error::Protocol, 0x82, true)]);
}

/// Before CONNACK the server can only go on: success is CONNACK itself (§4.12).
#[test]
fn authentication_does_not_succeed_before_connack() {
    let list: &'static [Property] = vec![Property::text(21, "SCRAM")].leak();
    for reason in [Reason::SUCCESS, Reason::RE_AUTHENTICATE] {
        let mut rig = Rig::new(Config { properties: Properties::List(list), ..config(Version::V5) });
        rig.handshake();
        rig.feed(&[&[0xf0, 10, reason.0, 8, 21, 0, 5][..], b"SCRAM"].concat());
        assert_eq!(rig.take(), [disconnected(Error::Protocol, 0x82, true)]);
    }
}

#[test]
fn authentication_that_was_not_asked_for_closes() {
    let mut rig = Rig::new(config(Version::V5)).connected();
    let none = rig.with(|client, cx| client.authenticate(cx, Reason::RE_AUTHENTICATE, b""));
    assert_eq!(none, Err(Error::Invalid));
    rig.feed(&auth(Reason::CONTINUE_AUTHENTICATION, "SCRAM", b""));
    assert_eq!(rig.take(), [disconnected(Error::Protocol, 0x82, true)]);
    let mut rig = Rig::new(config(Version::V5));
    rig.handshake();
    rig.connack(false, &[Property::text(21, "SCRAM")]);
    assert_eq!(rig.take(), [disconnected(Error::Protocol, 0x82, true)]);
}

#[test]
fn problem_information_that_was_not_asked_for_closes() {
    let list: &'static [Property] = vec![Property::number(23, 0)].leak();
    let mut rig = Rig::new(Config { properties: Properties::List(list), ..config(Version::V5) }).connected();
    rig.publish("a", 1, b"");
    rig.sent();
    rig.feed(b"\x40\x08\0\x01\0\x04\x1f\0\x01r");
    assert_eq!(rig.sent(), [[0xe0, 1, 0x82]]);
    // Where it was not refused, it is welcome.
    let mut rig = Rig::new(config(Version::V5)).connected();
    let operation = rig.publish("a", 1, b"");
    rig.feed(b"\x40\x08\0\x01\0\x04\x1f\0\x01r");
    assert_eq!(rig.take(), [ended(operation)]);
}
