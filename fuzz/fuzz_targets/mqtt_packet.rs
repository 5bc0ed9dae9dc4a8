// SPDX-License-Identifier: MIT OR Apache-2.0
//! The MQTT packet codec, both versions and sides: what parses can be emitted, and parses to the same.
#![no_main]
use libfuzzer_sys::fuzz_target;
use mote::bytes::Writer;
use mote::mqtt::topic;
use mote::mqtt::wire::{Packet, Side, Version};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, bytes)) = data.split_first() else { return };
    let version = if choice & 1 == 0 { Version::V311 } else { Version::V5 };
    let side = if choice & 2 == 0 { Side::Client } else { Side::Server };
    if let Ok(text) = core::str::from_utf8(bytes)
        && let Some((filter, name)) = text.split_once('\n')
    {
        let _ = (topic::is_name(name), topic::is_filter(filter), topic::without_share(filter));
        let _ = topic::matches(filter, name);
    }
    let Ok(Some((packet, total))) = Packet::parse(bytes, version, side) else { return };
    assert!(total <= bytes.len());
    let Ok(length) = packet.encoded_len(version, side) else {
        panic!("what parses is not malformed: {packet:?}")
    };
    let mut buffer = vec![0; length];
    let mut out = Writer::new(&mut buffer);
    packet.emit(version, side, &mut out).expect("encoded_len is enough");
    assert_eq!(out.position(), length);
    let emitted = out.finish().to_vec();
    let (again, whole) =
        Packet::parse(&emitted, version, side).expect("what is emitted parses").expect("and is whole");
    assert_eq!(whole, emitted.len());
    let mut twice = vec![0; length];
    let mut out = Writer::new(&mut twice);
    again.emit(version, side, &mut out).unwrap();
    assert_eq!(out.finish(), emitted);
});
