// SPDX-License-Identifier: MIT OR Apache-2.0
//! RPL: control messages with their options, the RPL option, and source routing headers.
#![no_main]
use libfuzzer_sys::fuzz_target;
use mote::address::Ip;
use mote::bytes::Writer;
use mote::rpl::wire::{Message, PacketInformation, SourceRoute, advance};

fuzz_target!(|data: &[u8]| {
    let Some((&code, body)) = data.split_first() else { return };
    if let Ok(message) = Message::parse(code, body) {
        let options = match message {
            Message::Dis(_, options)
            | Message::Dio(_, options)
            | Message::Dao(_, options)
            | Message::DaoAck(_, options) => options,
        };
        let mut buffer = [0; 1024];
        for option in options {
            let _ = option.expect("parse walked all options").emit(&mut Writer::new(&mut buffer));
        }
    }
    let _ = PacketInformation::parse(body);
    let mut destination = Ip([code; 16]);
    if let Ok(route) = SourceRoute::parse(body) {
        assert_eq!(route.addresses(&destination).count(), usize::from(route.shape.count));
    }
    let mut header = body.to_vec();
    let before = (header.clone(), destination);
    if advance(&mut header, &mut destination, &|ip| ip.0[15] == 7).is_err() {
        assert_eq!(before, (header, destination));
    }
});
