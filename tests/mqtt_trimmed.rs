// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a build answers that leaves parts of MQTT out. Run with several sets of features: see `ci/steps/15-features.sh`.

mod mqtt_support;

use mote::mqtt::wire::{Packet, Publish, PublishHead, Side, Version};
use mote::mqtt::{Client, Config, Properties, Property, Publication, Reason};
use mote::status::Error;
use mqtt_support::*;

const V3: bool = cfg!(feature = "mqtt-v3");
const V5: bool = cfg!(feature = "mqtt-v5");
const STORE: bool = cfg!(feature = "mqtt-store");
const ALIAS: bool = V5 && cfg!(feature = "mqtt-alias");
const AUTH: bool = V5 && cfg!(feature = "mqtt-auth");

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
