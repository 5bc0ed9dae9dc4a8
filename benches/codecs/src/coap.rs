// SPDX-License-Identifier: MIT OR Apache-2.0
//! A request as sensors get it: confirmable GET, a token of four bytes, a path of two segments, a
//! query, Accept; and an answer of 32 bytes.

use crate::Case;
use coap_lite::{CoapOption, MessageClass, MessageType, Packet, RequestType};
use mote::coap::wire::{Code, Encoder, Message, Type, number};
use std::hint::black_box;

const TOKEN: [u8; 4] = [0xde, 0xad, 0xbe, 0xef];

fn emit(buffer: &mut [u8]) -> usize {
    let mut out = Encoder::new(black_box(buffer), Type::Con, Code::GET, 0x1234, &TOKEN).expect("room");
    out.option(number::URI_PATH, black_box(b"sensors")).expect("room");
    out.option(number::URI_PATH, black_box(b"temperature")).expect("room");
    out.option(number::URI_QUERY, black_box(b"unit=celsius")).expect("room");
    out.uint(number::ACCEPT, 60).expect("room");
    out.payload(&[0x55; 32]).expect("room");
    out.finish().len()
}

fn packet() -> Packet {
    let mut packet = Packet::new();
    packet.header.set_version(1);
    packet.header.set_type(MessageType::Confirmable);
    packet.header.code = MessageClass::Request(RequestType::Get);
    packet.header.message_id = 0x1234;
    packet.set_token(TOKEN.to_vec());
    packet.add_option(CoapOption::UriPath, b"sensors".to_vec());
    packet.add_option(CoapOption::UriPath, b"temperature".to_vec());
    packet.add_option(CoapOption::UriQuery, b"unit=celsius".to_vec());
    packet.add_option(CoapOption::Accept, vec![60]);
    packet.payload = vec![0x55; 32];
    packet
}

/// The cases, ours and `coap-lite`'s in turn.
pub fn cases() -> Vec<Case> {
    let mut buffer = [0; 128];
    let length = emit(&mut buffer);
    let message = buffer[..length].to_vec();
    assert_eq!(packet().to_bytes().expect("valid"), message, "both write the same message");
    let theirs = message.clone();
    vec![
        Case::new("coap-parse/mote", move || {
            let message = Message::parse(black_box(&message)).expect("valid");
            message.options.map(|(number, value)| usize::from(number) + value.len()).sum::<usize>()
                + message.payload.len()
        }),
        Case::new("coap-parse/coap-lite", move || {
            let packet = Packet::from_bytes(black_box(&theirs)).expect("valid");
            let options = packet
                .options()
                .flat_map(|(number, values)| values.iter().map(|v| usize::from(*number) + v.len()));
            options.sum::<usize>() + packet.payload.len()
        }),
        Case::new("coap-emit/mote", move || emit(&mut buffer)),
        Case::new("coap-emit/coap-lite", || black_box(packet()).to_bytes().expect("valid").len()),
    ]
}
