// SPDX-License-Identifier: MIT OR Apache-2.0
//! Subscribing, renewing, and who takes a message.

use super::*;

#[test]
fn subscribing_and_unsubscribing() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        let subscription = |filter, qos, cookie| {
            let mut subscription = Subscription { cookie, ..Subscription::default() };
            subscription.filter.filter = filter;
            subscription.filter.options.qos = qos;
            subscription
        };
        let list = [subscription("a/+", 1, 11), subscription("b/#", 2, 22), subscription("c", 0, 33)];
        let operation = rig.with(|client, cx| client.subscribe(cx, &list, Properties::EMPTY)).unwrap();
        rig.poll();
        let sent = rig.sent();
        let Packet::Subscribe(subscribe) = Packet::parse(&sent[0], version, Side::Client).unwrap().unwrap().0
        else {
            panic!()
        };
        let filters: Vec<_> =
            subscribe.filters.iter().map(|f| (f.filter.to_owned(), f.options.qos)).collect();
        assert_eq!(filters, [("a/+".into(), 1), ("b/#".into(), 2), ("c".into(), 0)]);
        rig.feed(&suback(version, PacketType::Suback, 1, &[1, 2, 0x80]));
        let reasons = vec![1, 2, 0x80];
        let expected = Seen::Ended { operation: operation.raw(), error: None, reason: 1, reasons };
        assert_eq!(rig.take(), [expected]);
        for (topic, cookie) in [("a/x", Some(11)), ("b", Some(22)), ("c", None), ("z", None)] {
            rig.deliver(topic, 0, 0, false, b"");
            assert!(
                matches!(&rig.take()[..], [Seen::Message(message)] if message.cookie == cookie),
                "{topic}"
            );
        }
        let filter = Filter { filter: "a/+", ..Filter::default() };
        let filter = Subscription { filter, cookie: 0 };
        let operation = rig.with(|client, cx| client.unsubscribe(cx, &[filter], Properties::EMPTY)).unwrap();
        rig.poll();
        assert_eq!(types(&rig.sent()), [10]);
        let reasons: &[u8] = if version == Version::V5 { &[0] } else { &[] };
        rig.feed(&suback(version, PacketType::Unsuback, 2, reasons));
        let reasons = reasons.to_vec();
        assert_eq!(rig.take(), [Seen::Ended { operation: operation.raw(), error: None, reason: 0, reasons }]);
        rig.deliver("a/x", 0, 0, false, b"");
        assert!(matches!(&rig.take()[..], [Seen::Message(message)] if message.cookie.is_none()));
    }
}

#[test]
fn a_refused_subscription_and_one_without_an_answer() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        let operation = rig.subscribe("a", 1, 5).raw();
        rig.feed(&suback(version, PacketType::Suback, 1, &[0x80]));
        let error = Some(Error::Refused);
        assert_eq!(rig.take(), [Seen::Ended { operation, error, reason: 0x80, reasons: vec![0x80] }]);
        let operation = rig.subscribe("b", 1, 5).raw();
        rig.later(25_000);
        let error = Some(Error::Timeout);
        assert_eq!(rig.take(), [Seen::Ended { operation, error, reason: 0, reasons: vec![] }]);
        // The answer comes too late to matter.
        rig.feed(&suback(version, PacketType::Suback, 2, &[1]));
        assert_eq!(rig.take(), []);
        // Nobody is told of messages by it, and in a new session it is not made again.
        rig.deliver("b", 0, 0, false, b"");
        assert!(matches!(&rig.take()[..], [Seen::Message(message)] if message.cookie.is_none()));
        rig.sent();
        rig.reconnect();
        rig.connack(false, &[]);
        assert!(rig.sent().is_empty());
    }
}

#[test]
fn several_filters_are_unsubscribed_at_once() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        for (filter, cookie) in [("a", 1), ("b", 2), ("c", 3)] {
            granted(&mut rig, filter, 0, cookie);
        }
        let filters = ["a", "b"].map(|filter| {
            let mut subscription = Subscription::default();
            subscription.filter.filter = filter;
            subscription
        });
        let operation = rig.with(|client, cx| client.unsubscribe(cx, &filters, Properties::EMPTY)).unwrap();
        rig.poll();
        rig.sent();
        // One was there, and of the other the server knows nothing.
        let reasons: &[u8] = if version == Version::V5 { &[0, 0x11] } else { &[] };
        rig.feed(&suback(version, PacketType::Unsuback, 4, reasons));
        let reasons = reasons.to_vec();
        assert_eq!(rig.take(), [Seen::Ended { operation: operation.raw(), error: None, reason: 0, reasons }]);
        let cookies = [1, 2, 3].map(|cookie| rig.client.is_subscribed(cookie));
        assert_eq!(cookies, [false, false, true]);
    }
}

#[test]
fn a_request_without_filters_is_refused() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        let none = rig.with(|client, cx| client.subscribe(cx, &[], Properties::EMPTY));
        assert_eq!(none, Err(Error::Invalid));
        let none = rig.with(|client, cx| client.unsubscribe(cx, &[], Properties::EMPTY));
        assert_eq!((none, rig.client.pending()), (Err(Error::Invalid), 0));
    }
}

/// Without room for all of its filters nothing is left of a SUBSCRIBE, but what was there before.
#[test]
fn a_subscribe_that_finds_no_room_leaves_nothing_behind() {
    for version in BOTH {
        let mut rig = Rig::new(Config { names_bytes: 80, ..config(version) }).connected();
        granted(&mut rig, "old", 0, 1);
        let subscription = |filter, cookie| {
            let mut subscription = Subscription { cookie, ..Subscription::default() };
            subscription.filter.filter = filter;
            subscription
        };
        let long = "x".repeat(60);
        for _ in 0..5 {
            let list = [subscription("new", 2), subscription(&long, 2)];
            let result = rig.with(|client, cx| client.subscribe(cx, &list, Properties::EMPTY));
            assert_eq!(result, Err(Error::Full));
            rig.poll();
            assert_eq!((rig.sent().len(), rig.client.pending(), rig.client.is_subscribed(2)), (0, 0, false));
        }
        assert_eq!(takers(&mut rig, "new", &[]), []);
        assert_eq!(takers(&mut rig, "old", &[]), [1]);
        granted(&mut rig, "new", 0, 2);
        assert_eq!(takers(&mut rig, "new", &[]), [2]);
    }
}

#[test]
fn a_suback_with_the_wrong_number_of_codes_closes() {
    let mut rig = Rig::new(config(Version::V5)).connected();
    rig.subscribe("a", 1, 5);
    rig.sent();
    rig.feed(&suback(Version::V5, PacketType::Suback, 1, &[1, 1]));
    assert_eq!(rig.sent(), [[0xe0, 1, 0x82]]);
}

#[test]
fn subscriptions_are_made_again_in_a_new_session_only() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        rig.subscribe("a/#", 1, 5);
        rig.feed(&suback(version, PacketType::Suback, 1, &[1]));
        rig.subscribe("b", 2, 6);
        rig.feed(&suback(version, PacketType::Suback, 2, &[2]));
        rig.sent();
        rig.reconnect();
        rig.connack(true, &[]);
        assert!(rig.sent().is_empty());
        rig.reconnect();
        rig.take();
        rig.connack(false, &[]);
        let sent = rig.sent();
        assert_eq!(types(&sent), [8, 8]);
        let id = |packet: &Vec<u8>| u16::from_be_bytes([packet[2], packet[3]]);
        rig.feed(&suback(version, PacketType::Suback, id(&sent[0]), &[1]));
        rig.feed(&suback(version, PacketType::Suback, id(&sent[1]), &[0x80]));
        assert_eq!(rig.take(), [Seen::Connected(false), Seen::Unsubscribed { cookie: 6, reason: 0x80 }]);
        rig.deliver("a/b", 0, 0, false, b"");
        assert!(matches!(&rig.take()[..], [Seen::Message(message)] if message.cookie == Some(5)));
    }
}

/// A connection breaks between a subscription that is made again and its answer: nobody knows whether it is there.
#[test]
fn a_renewal_without_an_answer_is_made_again() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        rig.subscribe("a/#", 1, 5);
        rig.feed(&suback(version, PacketType::Suback, 1, &[1]));
        rig.sent();
        for session_present in [false, true, false] {
            rig.reconnect();
            rig.take();
            rig.connack(session_present, &[]);
            assert_eq!(types(&rig.sent()), [8], "session present: {session_present}");
        }
        // While it waits for its answer, its identifier is in use.
        assert_eq!(rig.client.pending(), 0);
        let rounds = if version == Version::V311 { 66_000u32 } else { 0 };
        for number in 0..rounds {
            rig.publish("a", 1, b"");
            let bytes = std::mem::take(&mut rig.wire.out);
            let id = u16::from_be_bytes([bytes[bytes.len() - 2], bytes[bytes.len() - 1]]);
            assert_ne!(id, 4, "the identifier of the SUBSCRIBE");
            assert!(number < 65_534 || id < 1000, "they come round");
            rig.ack(PacketType::Puback, id, 0);
            rig.seen.clear();
        }
        rig.feed(&suback(version, PacketType::Suback, 4, &[1]));
        rig.reconnect();
        rig.connack(true, &[]);
        assert!(rig.sent().is_empty(), "granted");
    }
}

#[test]
fn a_request_is_made_again_after_a_lost_connection() {
    let mut rig = Rig::new(config(Version::V5)).connected();
    let operation = rig.subscribe("a", 1, 5).raw();
    assert_eq!(types(&rig.sent()), [8]);
    rig.reconnect();
    rig.connack(true, &[]);
    assert_eq!(types(&rig.sent()), [8]);
    rig.take();
    rig.feed(&suback(Version::V5, PacketType::Suback, 1, &[1]));
    assert_eq!(rig.take(), [Seen::Ended { operation, error: None, reason: 1, reasons: vec![1] }]);
}

#[test]
fn subscription_options_and_identifiers() {
    let mut rig = Rig::new(config(Version::V5)).connected();
    let mut subscription = Subscription { cookie: 1, ..Subscription::default() };
    subscription.filter.filter = "$share/g/a";
    subscription.filter.options.retain_as_published = true;
    subscription.filter.options.retain_handling = 2;
    let list = [Property::number(11, 300)];
    let properties = Properties::List(&list);
    rig.with(|client, cx| client.subscribe(cx, &[subscription], properties)).unwrap();
    rig.poll();
    assert_eq!(rig.sent(), [b"\x82\x13\0\x01\x03\x0b\xac\x02\0\x0a$share/g/a\x28".to_vec()]);
    rig.feed(&suback(Version::V5, PacketType::Suback, 1, &[0]));
    // Made again, it is the same.
    rig.reconnect();
    rig.connack(false, &[]);
    assert_eq!(rig.sent(), [b"\x82\x13\0\x02\x03\x0b\xac\x02\0\x0a$share/g/a\x28".to_vec()]);
    subscription.filter.options.no_local = true;
    let wrong = rig.with(|client, cx| client.subscribe(cx, &[subscription], Properties::EMPTY));
    assert_eq!(wrong, Err(Error::Invalid));
}

/// A subscription that is made once more takes the room of the one before, also when there is no other room.
#[test]
fn a_filter_of_before_makes_room_for_its_like() {
    for version in BOTH {
        let mut rig = Rig::new(Config { names_bytes: 2 * (16 + 10), ..config(version) }).connected();
        granted(&mut rig, "0123456789", 0, 1);
        granted(&mut rig, "abcdefghij", 0, 2);
        for cookie in 3..9 {
            granted(&mut rig, "0123456789", 0, cookie);
            assert_eq!(takers(&mut rig, "0123456789", &[]), [cookie]);
        }
        let subscription =
            Subscription { filter: Filter { filter: "0123456789", ..Filter::default() }, cookie: 9 };
        if version == Version::V5 {
            // With properties it is larger: there is no room, and the old one stands.
            let list = [Property::user("", "")];
            let result =
                rig.with(|client, cx| client.subscribe(cx, &[subscription], Properties::List(&list)));
            assert_eq!(result, Err(Error::Full));
        }
        assert_eq!(takers(&mut rig, "0123456789", &[]), [8]);
        assert_eq!(takers(&mut rig, "abcdefghij", &[]), [2]);
    }
}

/// The properties of a SUBSCRIBE belong to each of its filters, for as long as that stands: those of the last one.
#[test]
fn a_subscription_made_again_has_its_user_properties() {
    let mut rig = Rig::new(config(Version::V5)).connected();
    let subscription = |filter, cookie| {
        let mut subscription = Subscription { cookie, ..Subscription::default() };
        subscription.filter.filter = filter;
        subscription
    };
    let list = [Property::user("k", "v"), Property::number(11, 7), Property::user("k", "")];
    let grant = |rig: &mut Rig, list: &[Subscription], properties: &[Property]| {
        rig.with(|client, cx| client.subscribe(cx, list, Properties::List(properties))).unwrap();
        rig.poll();
        let sent = rig.sent().remove(0);
        let id = u16::from_be_bytes([sent[2], sent[3]]);
        rig.feed(&suback(Version::V5, PacketType::Suback, id, &[0, 0][..list.len()]));
        sent
    };
    let made = grant(&mut rig, &[subscription("a/+", 1), subscription("b", 2)], &list);
    grant(&mut rig, &[subscription("c", 3)], &[]);
    // What stands behind the length, the identifier and the length of the properties is the same.
    let again = |rig: &mut Rig| {
        rig.reconnect();
        rig.connack(false, &[]);
        let mut sent = rig.sent();
        for packet in &mut sent {
            packet.drain(..4);
        }
        sent
    };
    let properties = &made[4..made.len() - 6 - 4];
    let of = |properties: &[u8], filter: &[u8]| [properties, &[0, filter.len() as u8], filter, &[0]].concat();
    assert_eq!(properties[0] as usize, properties.len() - 1);
    let first = [of(properties, b"a/+"), of(properties, b"b"), of(&[0], b"c")];
    assert_eq!(again(&mut rig), first);
    // Not answered, they are made again once more.
    assert_eq!(again(&mut rig), first);
    // Messages find it by its name, though something stands behind that.
    rig.take();
    rig.deliver("a/x", 0, 0, false, b"");
    assert!(matches!(&rig.take()[..], [Seen::Message(message)] if message.cookie == Some(1)));
    // Other properties, and none, take the place of those of earlier, and one filter remains one, where it was.
    grant(&mut rig, &[subscription("a/+", 4)], &[]);
    grant(&mut rig, &[subscription("c", 5)], &[Property::user("new", "one")]);
    let one = [&[11, 0x26, 0, 3][..], b"new", &[0, 3], b"one"].concat();
    assert_eq!(again(&mut rig), [of(&[0], b"a/+"), of(properties, b"b"), of(&one, b"c")]);
    rig.take();
    rig.deliver("a/x", 0, 0, false, b"");
    assert!(matches!(&rig.take()[..], [Seen::Message(message)] if message.cookie == Some(4)));
    // And it is unsubscribed by its name.
    let ending = [subscription("b", 0), subscription("c", 0)];
    rig.with(|client, cx| client.unsubscribe(cx, &ending, Properties::EMPTY)).unwrap();
    rig.poll();
    let sent = rig.sent().pop().unwrap();
    rig.feed(&suback(Version::V5, PacketType::Unsuback, u16::from_be_bytes([sent[2], sent[3]]), &[0, 0]));
    assert_eq!(again(&mut rig), [of(&[0], b"a/+")]);
}

#[test]
fn what_the_server_does_not_offer_is_not_sent() {
    let without = |properties: &[Property], act: &dyn Fn(&mut Rig)| {
        let mut rig = Rig::new(config(Version::V5));
        rig.handshake();
        rig.connack(false, properties);
        rig.take();
        act(&mut rig);
        assert!(rig.sent().is_empty());
        match rig.take().pop() {
            Some(Seen::Ended { error, .. }) => error.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let publish = |qos| move |rig: &mut Rig| _ = rig.publish("a", qos, &[0; 50]);
    assert_eq!(without(&[Property::number(36, 1)], &publish(2)), Error::Unsupported);
    assert_eq!(without(&[Property::number(36, 0)], &publish(1)), Error::Unsupported);
    assert_eq!(without(&[Property::number(39, 50)], &publish(1)), Error::TooLarge);
    let retain = |rig: &mut Rig| {
        let publication = Publication { topic: "a", qos: 1, retain: true, ..Publication::default() };
        rig.with(|client, cx| client.publish(cx, &publication)).unwrap();
        rig.poll();
    };
    assert_eq!(without(&[Property::number(37, 0)], &retain), Error::Unsupported);
    let subscribe = |filter: &'static str| move |rig: &mut Rig| _ = rig.subscribe(filter, 0, 0);
    assert_eq!(without(&[Property::number(40, 0)], &subscribe("a/#")), Error::Unsupported);
    assert_eq!(without(&[Property::number(42, 0)], &subscribe("$share/g/a")), Error::Unsupported);
    let identified = |rig: &mut Rig| {
        let mut subscription = Subscription::default();
        subscription.filter.filter = "a";
        let list = [Property::number(11, 3)];
        rig.with(|client, cx| client.subscribe(cx, &[subscription], Properties::List(&list))).unwrap();
        rig.poll();
    };
    assert_eq!(without(&[Property::number(41, 0)], &identified), Error::Unsupported);
}

/// It would be a Protocol Error, after which the next connection would begin with the same.
#[test]
fn a_subscription_that_this_server_does_not_take_is_not_renewed() {
    for (property, size) in [(40, 0), (42, 0), (41, 0), (39, 9)] {
        let mut rig = Rig::new(config(Version::V5)).connected();
        let list = [Property::number(11, 3)];
        let subscription =
            Subscription { filter: Filter { filter: "$share/g/a/#", ..Filter::default() }, cookie: 7 };
        rig.with(|client, cx| client.subscribe(cx, &[subscription], Properties::List(&list))).unwrap();
        rig.poll();
        let sent = rig.sent();
        rig.feed(&suback(
            Version::V5,
            PacketType::Suback,
            u16::from_be_bytes([sent[0][2], sent[0][3]]),
            &[0],
        ));
        rig.reconnect();
        rig.take();
        rig.connack(false, &[Property::number(property, size)]);
        assert_eq!(rig.sent().len(), 0, "{property}");
        let seen = rig.take();
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(matches!(seen[1], Seen::Unsubscribed { cookie: 7, .. }), "{seen:?}");
        assert!(!rig.client.is_subscribed(7));
    }
}

/// Whether the filter was granted, or its renewal in a new session was not answered yet.
#[test]
fn a_filter_unsubscribed_and_subscribed_again_at_once_has_its_new_handler() {
    for (version, renewing) in BOTH.into_iter().flat_map(|version| [(version, false), (version, true)]) {
        let mut rig = Rig::new(config(version)).connected();
        granted(&mut rig, "a", 0, 1);
        if renewing {
            rig.reconnect();
            rig.connack(false, &[]);
            rig.sent();
        }
        let list = [Subscription { filter: Filter { filter: "a", ..Filter::default() }, cookie: 0 }];
        rig.with(|client, cx| client.unsubscribe(cx, &list, Properties::EMPTY)).unwrap();
        rig.poll();
        rig.subscribe("a", 0, 2);
        let sent = rig.sent();
        assert_eq!(types(&sent), [10, 8]);
        let id = |packet: &[u8]| u16::from_be_bytes([packet[2], packet[3]]);
        let codes: &[u8] = if version == Version::V5 { &[0] } else { &[] };
        rig.feed(&suback(version, PacketType::Unsuback, id(&sent[0]), codes));
        rig.feed(&suback(version, PacketType::Suback, id(&sent[1]), &[0]));
        rig.take();
        assert_eq!(takers(&mut rig, "a", &[]), [2], "{version:?}");
    }
}

/// What the server granted stands when nothing comes of another SUBSCRIBE for it.
#[test]
fn a_granted_subscription_outlasts_one_without_an_answer() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        granted(&mut rig, "a", 0, 1);
        rig.subscribe("a", 0, 2);
        rig.later(25_000);
        assert!(matches!(rig.take()[..], [Seen::Ended { error: Some(Error::Timeout), .. }]));
        assert_eq!(takers(&mut rig, "a", &[]), [2]);
        rig.sent();
        rig.reconnect();
        rig.connack(false, &[]);
        assert_eq!(types(&rig.sent()), [8], "made again");
    }
}

#[test]
fn a_subscribe_that_finds_no_room_leaves_one_under_way_as_it_is() {
    for version in BOTH {
        let mut rig = Rig::new(Config { names_bytes: 80, ..config(version) }).connected();
        rig.subscribe("a", 0, 1);
        let sent = rig.sent();
        let long = "x".repeat(60);
        let list = [("a", 2), (&long[..], 2)]
            .map(|(filter, cookie)| Subscription { filter: Filter { filter, ..Filter::default() }, cookie });
        let result = rig.with(|client, cx| client.subscribe(cx, &list, Properties::EMPTY));
        assert_eq!(result, Err(Error::Full));
        assert!(rig.client.is_subscribed(1), "{version:?}");
        rig.feed(&suback(version, PacketType::Suback, u16::from_be_bytes([sent[0][2], sent[0][3]]), &[0]));
        assert!(rig.client.is_subscribed(1), "{version:?}");
    }
}

/// Subscribes with a Subscription Identifier, 0 for none, and has it granted.
fn granted(rig: &mut Rig, filter: &str, identifier: u32, cookie: u32) {
    let mut subscription = Subscription { cookie, ..Subscription::default() };
    subscription.filter.filter = filter;
    let list = [Property::number(11, identifier)];
    let list = if identifier == 0 { &[][..] } else { &list[..] };
    let properties = Properties::List(list);
    rig.with(|client, cx| client.subscribe(cx, &[subscription], properties)).unwrap();
    rig.poll();
    let sent = rig.sent();
    let id = u16::from_be_bytes([sent[0][2], sent[0][3]]);
    rig.feed(&suback(rig.version, PacketType::Suback, id, &[0]));
    rig.take();
}

/// A message with these Subscription Identifiers, and who took it.
fn takers(rig: &mut Rig, topic: &str, identifiers: &[u32]) -> Vec<u32> {
    let properties: Vec<_> = identifiers.iter().map(|number| Property::number(11, *number)).collect();
    let head = PublishHead { topic, properties: Properties::List(&properties), ..PublishHead::default() };
    rig.feed(&encode(&Packet::Publish(Publish { head, payload: b"" }), rig.version, Side::Server));
    let takers: Vec<_> = (0..).map_while(|number| rig.client.handler(number)).collect();
    let seen = rig.take();
    let [Seen::Message(message)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(message.cookie, takers.first().copied());
    takers
}

#[test]
fn every_subscription_that_matches_takes_the_message() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        granted(&mut rig, "a/#", 0, 1);
        granted(&mut rig, "b", 0, 2);
        granted(&mut rig, "a/+", 0, 3);
        // One that was made with the same cookie is not told twice.
        granted(&mut rig, "+/x", 0, 1);
        assert_eq!(takers(&mut rig, "a/x", &[]), [1, 3]);
        assert_eq!(takers(&mut rig, "b", &[]), [2]);
        assert_eq!(takers(&mut rig, "c/x", &[]), [1]);
        assert_eq!(takers(&mut rig, "c", &[]), []);
    }
}

#[test]
fn subscription_identifiers_say_who_takes_the_message() {
    let mut rig = Rig::new(config(Version::V5)).connected();
    granted(&mut rig, "a/#", 7, 1);
    granted(&mut rig, "a/+", 9, 2);
    granted(&mut rig, "a/x", 0, 3);
    // One copy for all, and one for each.
    assert_eq!(takers(&mut rig, "a/x", &[7, 9]), [1, 2, 3]);
    assert_eq!(takers(&mut rig, "a/y", &[7]), [1]);
    assert_eq!(takers(&mut rig, "a/y", &[9]), [2]);
    assert_eq!(takers(&mut rig, "a/x", &[]), [3]);
    // An identifier that nobody has, and none where there should be one: by the filters.
    assert_eq!(takers(&mut rig, "a/y", &[5]), [1, 2]);
    assert_eq!(takers(&mut rig, "a/y", &[]), [1, 2]);
    assert_eq!(takers(&mut rig, "b", &[5]), []);
}

#[test]
fn all_parts_of_a_message_have_the_same_takers() {
    let mut rig = Rig::new(Config { receive_bytes: 32, ..config(Version::V311) }).connected();
    granted(&mut rig, "a", 0, 1);
    granted(&mut rig, "#", 0, 2);
    let payload = [7; 100];
    let bytes = publish(Version::V311, "a", 0, 0, false, &payload);
    rig.feed(&bytes[..60]);
    let parts = rig.take().len();
    assert!(parts >= 2);
    assert_eq!((0..).map_while(|number| rig.client.handler(number)).collect::<Vec<_>>(), [1, 2]);
    // Cut off in its midst: who had the beginning is told.
    rig.tell(StreamEvent::Closed);
    assert!(rig.take().contains(&Seen::Aborted));
    assert_eq!((0..).map_while(|number| rig.client.handler(number)).collect::<Vec<_>>(), [1, 2]);
}
