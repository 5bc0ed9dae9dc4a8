// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reading as sensors publish it: QoS 1, a topic of 27 bytes, 32 bytes of payload, 3.1.1; beside `rumqttc`.

use crate::Case;
use mote::bytes::Writer;
use mote::mqtt::wire::{Packet, Publish, PublishHead, Side, Version};
use rumqttc::mqttbytes::{QoS, v4};
use std::hint::black_box;

const TOPIC: &str = "building/3/room/12/humidity";
const PAYLOAD: [u8; 32] = [0x55; 32];

fn emit(buffer: &mut [u8]) -> usize {
    let head = PublishHead { qos: 1, topic: black_box(TOPIC), packet_id: 7, ..PublishHead::default() };
    let packet = Packet::Publish(Publish { head, payload: black_box(&PAYLOAD) });
    let mut out = Writer::new(buffer);
    packet.emit(Version::V311, Side::Client, &mut out).expect("room");
    out.position()
}

fn theirs(into: &mut bytes::BytesMut) -> usize {
    into.clear();
    let mut publish = v4::Publish::new(black_box(TOPIC), QoS::AtLeastOnce, black_box(&PAYLOAD[..]));
    publish.pkid = 7;
    publish.write(into).expect("valid");
    into.len()
}

/// The cases, ours and `rumqttc`'s in turn.
pub fn cases() -> Vec<Case> {
    let mut buffer = [0; 128];
    let length = emit(&mut buffer);
    let packet = buffer[..length].to_vec();
    let mut written = bytes::BytesMut::with_capacity(128);
    theirs(&mut written);
    assert_eq!(packet, written, "both write the same packet");
    let whole = packet.clone();
    let mut stream = bytes::BytesMut::with_capacity(128);
    vec![
        Case::new("mqtt-decode/mote", move || {
            match Packet::parse(black_box(&packet), Version::V311, Side::Server) {
                Ok(Some((Packet::Publish(publish), _))) => publish.head.topic.len() + publish.payload.len(),
                other => panic!("{other:?}"),
            }
        }),
        Case::new("mqtt-decode/rumqttc", move || {
            stream.clear();
            stream.extend_from_slice(black_box(&whole));
            match v4::Packet::read(&mut stream, 1024) {
                Ok(v4::Packet::Publish(publish)) => publish.topic.len() + publish.payload.len(),
                other => panic!("{other:?}"),
            }
        }),
        Case::new("mqtt-encode/mote", move || emit(&mut buffer)),
        Case::new("mqtt-encode/rumqttc", move || theirs(&mut written)),
    ]
}
