// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CoAP message codec: what parses can be emitted, and then stays as it is.
#![no_main]
use libfuzzer_sys::fuzz_target;
use mote::coap::wire::Message;

fuzz_target!(|data: &[u8]| {
    let Ok(message) = Message::parse(data) else { return };
    let mut buffer = vec![0; message.encoded_len()];
    let emitted = message.emit(&mut buffer).expect("encoded_len is enough").to_vec();
    assert_eq!(emitted.len(), message.encoded_len());
    let again = Message::parse(&emitted).expect("what is emitted parses");
    assert_eq!((again.kind, again.code, again.message_id), (message.kind, message.code, message.message_id));
    assert_eq!((again.token, again.payload), (message.token, message.payload));
    assert!(again.options.into_iter().eq(message.options));
    for (number, _) in message.options {
        let _ = (message.uint(number), message.block(number));
    }
});
