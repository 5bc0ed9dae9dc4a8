// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connecting, keep-alive, subscriptions, aliases, limits, authentication, and bad input.

mod mqtt_support;

use mote::mqtt::wire::{
    Auth, Connack, Connect, Disconnect, Packet, PacketType, Publish, PublishHead, Side, Version, Will,
};
use mote::mqtt::{Client, Config, Filter, Properties, Property, Publication, Reason, Subscription};
use mote::status::Error;
use mote::time::Instant;
use mote::transport::StreamEvent;
use mqtt_support::*;

fn connect_of(bytes: &[u8]) -> Connect<'_> {
    match Packet::parse(bytes, Version::V5, Side::Client) {
        Ok(Some((Packet::Connect(connect), _))) => connect,
        other => panic!("{other:?}"),
    }
}

fn disconnected(error: Error, reason: u8, retry: bool) -> Seen {
    Seen::Disconnected { error, reason, retry }
}

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
    assert!(size_of::<Client>() <= 272, "{}", size_of::<Client>());
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

    let mut rig = Rig::new(config(Version::V5));
    rig.handshake();
    refer(&mut rig, "other");
    rig.until_due();
    assert_eq!(rig.wire.targets[1], ("broker".to_owned(), 1883));
}

#[test]
fn an_assigned_client_identifier_is_used_again() {
    let mut rig = Rig::new(Config { client_id: "", ..config(Version::V5) });
    rig.handshake();
    rig.connack(false, &[Property::text(18, "auto-7")]);
    assert_eq!(rig.client.client_id(), "auto-7");
    assert_eq!(connect_of(&rig.reconnect()).client_id, "auto-7");
}

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
    let (_, event) = rig.with(|client, cx| client.receive(cx, StreamEvent::Received(&bytes)));
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
        (V5, b"\xb0\x04\0\x01\0\x8f\x00", 0x81),
        (V3, b"\x90\x03\0\0\x00", 0x82),
        // DISCONNECT: codes and properties that a server may not send.
        (V5, b"\xe0\x01\x04\x00", 0x82),
        (V5, b"\xe0\x01\x11", 0x82),
        (V5, b"\xe0\x07\0\x05\x11\0\0\0\0", 0x82),
        // AUTH without a method, or out of order.
        (V5, b"\xf0\x02\x18\0", 0x82),
        (V5, b"\xf0\x06\x19\x04\x15\0\x01m", 0x82),
    ];
    for (versions, bytes, reason) in cases {
        for (version, wanted) in BOTH.into_iter().zip(versions) {
            if !wanted || (bytes[..2] == *b"\xb0\x04" || bytes[..2] == *b"\xe0\x01" && bytes[2] == 4) {
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
