// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a build answers that leaves parts of MQTT out. Run with several sets of features: see `ci/steps/15-features.sh`.

mod mqtt_support;

use mote::mqtt::wire::{Packet, Publish, PublishHead, Side, Version};
use mote::mqtt::{Client, Config, Properties, Property, Publication, Reason, Token};
use mote::status::Error;
use mqtt_support::*;

const V3: bool = cfg!(feature = "mqtt-v3");
const V5: bool = cfg!(feature = "mqtt-v5");
const STORE: bool = cfg!(feature = "mqtt-store");
const ALIAS: bool = V5 && cfg!(feature = "mqtt-alias");
const AUTH: bool = V5 && cfg!(feature = "mqtt-auth");
const FILTERS: bool = cfg!(feature = "mqtt-filters");
const STREAM: bool = cfg!(feature = "mqtt-stream");
const DEFERRED: bool = cfg!(feature = "mqtt-deferred");
const REDIRECT: bool = cfg!(feature = "mqtt-redirect");

/// A configuration of a version that this build has.
fn any() -> Config<'static> {
    config(if V5 { Version::V5 } else { Version::V311 })
}

fn refusal(config: &Config<'static>) -> Option<Error> {
    Client::new(&mut [0; 9999], config).err()
}

const fn unless(has: bool) -> Option<Error> {
    if has { None } else { Some(Error::Unsupported) }
}

#[test]
fn a_version_that_is_left_out_is_refused() {
    assert_eq!(refusal(&config(Version::V311)), unless(V3));
    assert_eq!(refusal(&config(Version::V5)), unless(V5));
    let default = Config { host: "broker", client_id: "me", ..Config::default() };
    assert_eq!(refusal(&default), None);
}

#[test]
fn aliases_that_are_left_out_are_neither_promised_nor_used() {
    assert_eq!(refusal(&Config { topic_alias_maximum: 1, ..any() }), unless(ALIAS));
    if !V5 {
        return;
    }
    let mut rig = Rig::new(any());
    rig.handshake();
    rig.connack(false, &[Property::number(34, 5)]);
    rig.take();
    for _ in 0..2 {
        rig.publish("long/topic", 0, b"");
    }
    let topics =
        rig.sent().iter().filter(|packet| packet.windows(10).any(|part| part == b"long/topic")).count();
    assert_eq!(topics, if ALIAS { 1 } else { 2 });
    let list = [Property::number(35, 1)];
    let head = PublishHead { topic: "t", properties: Properties::List(&list), ..PublishHead::default() };
    rig.feed(&encode(&Packet::Publish(Publish { head, payload: b"" }), Version::V5, Side::Server));
    assert_eq!(rig.sent(), [[0xe0, 1, 0x94]], "none was allowed");
}

#[test]
fn authentication_that_is_left_out_is_refused() {
    let list: &'static [Property] = vec![Property::text(21, "SCRAM")].leak();
    let with_method = Config { properties: Properties::List(list), ..any() };
    // Properties are of 5.0, and with 3.1.1 not looked at.
    assert_eq!(refusal(&with_method), if V5 { unless(AUTH) } else { None });
    let mut rig = Rig::new(any()).connected();
    let answer = rig.with(|client, cx| client.authenticate(cx, Reason::RE_AUTHENTICATE, b""));
    assert_eq!(answer, Err(if AUTH { Error::Invalid } else { Error::Unsupported }));
    rig.feed(b"\xf0\x08\x18\x06\x15\0\x03abc");
    assert!(!rig.wire.open, "AUTH closes a connection that has not asked for it");
}

#[test]
fn a_store_that_is_left_out_is_refused_before_anything_is_kept() {
    let mut rig = Rig::with_store(any(), Memory::default());
    assert_eq!(rig.with(|client, cx| client.connect(cx)).err(), unless(STORE));
    for qos in 0..=2 {
        let publication = Publication { topic: "a", qos, ..Publication::default() };
        assert_eq!(rig.with(|client, cx| client.publish(cx, &publication)).err(), unless(STORE));
    }
    // The session and two messages.
    assert_eq!(rig.store.unwrap().records.len(), if STORE { 3 } else { 0 });
}

#[test]
fn what_the_application_cannot_acknowledge_is_acknowledged_by_itself() {
    assert_eq!(refusal(&Config { deferred: true, ..any() }), unless(DEFERRED));
    let mut rig = Rig::new(any()).connected();
    let answer = rig.with(|client, cx| client.acknowledge(cx, Token(1), Reason::SUCCESS));
    assert_eq!(answer, Err(if DEFERRED { Error::Stale } else { Error::Unsupported }));
    for qos in 1..=2u8 {
        let head = PublishHead { topic: "t", qos, packet_id: 7, ..PublishHead::default() };
        let packet = Packet::Publish(Publish { head, payload: b"" });
        rig.feed(&encode(&packet, any().version, Side::Server));
        assert_eq!(rig.sent(), [[if qos == 1 { 0x40 } else { 0x50 }, 2, 0, 7]]);
    }
}

#[test]
fn a_payload_in_parts_that_cannot_be_is_refused() {
    let mut rig = Rig::new(any()).connected();
    let publication = Publication { topic: "t", ..Publication::default() };
    let begun = rig.with(|client, cx| client.publish_begin(cx, &publication, 3));
    assert_eq!(begun.as_ref().err().copied(), unless(STREAM));
    if let Ok(operation) = begun {
        assert_eq!(rig.with(|client, cx| client.publish_chunk(cx, operation, b"abc")), Ok(3));
    }
}

#[test]
fn another_server_is_followed_to_only_where_that_is_possible() {
    // With 3.1.1 nothing refers to another server, and the field is not looked at.
    let refused = Config { follow_server_reference: true, ..any() };
    assert_eq!(refusal(&refused), if V5 { unless(REDIRECT) } else { None });
}

/// Without filters no message finds a handler, and nothing is subscribed to again.
#[test]
fn filters_are_remembered_only_where_there_is_something_to_do_it() {
    let mut rig = Rig::new(any()).connected();
    rig.subscribe("t", 0, 9);
    let sent = rig.sent();
    let [subscribe] = sent.as_slice() else { panic!("{sent:?}") };
    let mut suback = vec![0x90, 3, subscribe[2], subscribe[3]];
    if V5 {
        suback[1] = 4;
        suback.push(0);
    }
    suback.push(0);
    rig.feed(&suback);
    assert_eq!(rig.client.pending(), 0);
    assert_eq!(rig.client.is_subscribed(9), FILTERS);
    let head = PublishHead { topic: "t", ..PublishHead::default() };
    rig.feed(&encode(&Packet::Publish(Publish { head, payload: b"" }), any().version, Side::Server));
    assert_eq!(rig.client.handler(0), FILTERS.then_some(9));
}

/// What is there works without the rest.
#[test]
fn messages_go_both_ways() {
    for version in BOTH.into_iter().filter(|version| if *version == Version::V5 { V5 } else { V3 }) {
        let mut rig = Rig::new(config(version));
        let mut broker = Broker::new(version);
        for qos in 0..=2 {
            rig.publish("up", qos, &[qos]);
            // That broker gives everything an identifier, so it has nothing of QoS 0.
            broker.queue(qos.max(1), &[qos]);
        }
        rig.subscribe("down", 2, 9);
        rig.with(|client, cx| client.connect(cx)).unwrap();
        rig.poll();
        rig.tell(mote::transport::StreamEvent::Connected);
        for _ in 0..20 {
            broker.input(&std::mem::take(&mut rig.wire.out));
            broker.pump();
            rig.feed(&std::mem::take(&mut broker.out));
        }
        assert_eq!(
            (rig.messages(), broker.taken),
            (vec![vec![0], vec![1], vec![2]], vec![vec![0], vec![1], vec![2]])
        );
        assert_eq!(rig.client.pending(), 0);
    }
}

#[test]
fn requests_that_are_left_out_are_refused() {
    use core::ptr::null_mut;
    use mote::ffi::*;
    use mote::port::mote_bytes;
    const REQUESTS: bool = cfg!(feature = "mqtt-requests");

    fn text(text: &'static str) -> mote_bytes {
        mote_bytes { ptr: text.as_ptr(), len: text.len() }
    }
    // SAFETY: plain C structs of the header, for which all zeros is valid; each call passes what the function asks for.
    unsafe {
        let node_config = mote_node_config {
            size: size_of::<mote_node_config>() as u32,
            port: mote::linux::mote_port_linux(),
            ..core::mem::zeroed()
        };
        let (mut node_memory, mut memory) = (vec![0u8; 8192], vec![0u8; 16_384]);
        let (mut node, mut mqtt) = (null_mut(), null_mut());
        let made = mote_node_init(node_memory.as_mut_ptr(), 8192, &raw const node_config, &raw mut node);
        assert_eq!(made, MOTE_OK);
        let config = mote_mqtt_config {
            size: size_of::<mote_mqtt_config>() as u32,
            node,
            host: text("broker"),
            client_id: text("me"),
            version: if V5 { MOTE_MQTT_V5 } else { MOTE_MQTT_V311 },
            requests: 1,
            response_topic: text("answers/me"),
            ..core::mem::zeroed()
        };
        let made = mote_mqtt_init(memory.as_mut_ptr(), 16_384, &raw const config, &raw mut mqtt);
        let expected = match (V5, REQUESTS) {
            (false, _) => MOTE_ERR_INVALID,
            (true, false) => MOTE_ERR_UNSUPPORTED,
            (true, true) => MOTE_OK,
        };
        assert_eq!(made, expected);
        assert_eq!(mote_mqtt_close(mqtt), MOTE_OK);
        assert_eq!(mote_node_close(node), MOTE_OK);
    }
}
