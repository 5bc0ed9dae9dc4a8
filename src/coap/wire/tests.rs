// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

fn bytes(length: impl Strategy<Value = usize>) -> impl Strategy<Value = Vec<u8>> {
    length.prop_flat_map(|length| proptest::collection::vec(any::<u8>(), length))
}

fn options() -> impl Strategy<Value = Vec<(u16, Vec<u8>)>> {
    let number = prop_oneof![0u16..40, 250u16..300, any::<u16>()];
    let value = bytes(prop_oneof![0usize..20, 260usize..280]);
    proptest::collection::vec((number, value), 0..8)
}

proptest! {
    #[test]
    fn options_in_any_order_come_out_sorted(
        options in options(),
        token in bytes(prop_oneof![0usize..14, 265usize..275]),
        payload in proptest::collection::vec(any::<u8>(), 0..30),
        kind in 0u8..4, code in 1u8.., id: u16,
    ) {
        let mut buffer = vec![0; 4096];
        let mut out = Encoder::new(&mut buffer, Type::from_bits(kind), Code(code), id, &token).unwrap();
        for (number, value) in &options {
            out.option(*number, value).unwrap();
        }
        out.payload(&payload).unwrap();
        let bytes = out.finish().to_vec();
        let message = Message::parse(&bytes).unwrap();
        let mut sorted = options.clone();
        sorted.sort_by_key(|(number, _)| *number);
        let seen: Vec<(u16, Vec<u8>)> = message.options.map(|(n, v)| (n, v.to_vec())).collect();
        prop_assert_eq!(seen, sorted);
        prop_assert_eq!(message.token, &token[..]);
        prop_assert_eq!(message.payload, &payload[..]);
        prop_assert_eq!((message.kind, message.code, message.message_id), (Type::from_bits(kind), Code(code), id));
        prop_assert_eq!(message.encoded_len(), bytes.len());
        let mut again = vec![0; bytes.len()];
        prop_assert_eq!(&message.emit(&mut again).unwrap()[..], &bytes[..]);
    }

    #[test]
    fn arbitrary_bytes_parse_to_what_is_emitted_again(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = *first & 0x3f | 0x40;
        }
        if let Ok(message) = Message::parse(&bytes) {
            let mut buffer = vec![0; bytes.len()];
            // Longer forms of short deltas are not canonical, so emitting may only shorten.
            let emitted = message.emit(&mut buffer).unwrap().to_vec();
            prop_assert_eq!(emitted.len(), message.encoded_len());
            let again = Message::parse(&emitted).unwrap();
            prop_assert!(again.options.eq(message.options));
            prop_assert_eq!(again.payload, message.payload);
        }
    }

    #[test]
    fn a_failed_option_leaves_the_message_as_it_was(options in options(), room in 4usize..200) {
        let mut buffer = vec![0; room];
        let mut out = Encoder::new(&mut buffer, Type::Con, Code::GET, 1, &[]).unwrap();
        let mut taken = Vec::new();
        for (number, value) in options {
            if out.option(number, &value).is_ok() {
                taken.push((number, value));
            }
        }
        taken.sort_by_key(|(number, _)| *number);
        let bytes = out.finish().to_vec();
        let seen: Vec<(u16, Vec<u8>)> =
            Message::parse(&bytes).unwrap().options.map(|(n, v)| (n, v.to_vec())).collect();
        prop_assert_eq!(seen, taken);
    }

    #[test]
    fn block_values_round_trip(bits in 0u32..0x100_0000) {
        let mut bytes = [0; 4];
        let value = uint_bytes(bits, &mut bytes);
        match Block::parse(value) {
            Ok(block) => {
                prop_assert_eq!(block.bits(), bits);
                prop_assert_eq!(Block::at(block.offset(), block.more, block.szx), Ok(block));
            }
            Err(_) => prop_assert_eq!(bits & 7, 7),
        }
    }
}

// RFC 7252 appendix A, figure 16: a piggybacked exchange.
#[test]
fn the_example_of_rfc_7252_appendix_a() {
    let request = hex("44017d34 deadbeef bb74656d7065726174757265");
    let message = Message::parse(&hex("40017d34bb74656d7065726174757265")).map(|m| m.message_id);
    assert_eq!(message, Ok(0x7d34));
    let message = Message::parse(&request).unwrap();
    assert_eq!(message.option(number::URI_PATH), Some(&b"temperature"[..]));
    assert_eq!((message.kind, message.code, message.token), (Type::Con, Code::GET, &hex("deadbeef")[..]));
    let bytes = hex("60457d34 ff32322e332043");
    let response = Message::parse(&bytes).unwrap();
    assert_eq!((response.kind, response.code, response.payload), (Type::Ack, Code::CONTENT, &b"22.3 C"[..]));
}

#[test]
fn breaks_of_the_format_are_told_from_what_is_ignored() {
    assert_eq!(Message::parse(&hex("400100")), Err(Error::Malformed));
    assert_eq!(Header::parse(&hex("80010001")), Err(Error::Version));
    for text in [
        "4f010001",               // TKL 15
        "44010001aabb",           // token cut
        "4d010001",               // extended token length cut
        "4d0100010000",           // extended token cut
        "40000001ff",             // empty message with more than four bytes
        "4100000101",             // empty message with a token
        "40010001ff",             // payload marker, no payload
        "40010001f0",             // delta 15
        "400100010f",             // length 15
        "40010001e0ffffe0ffff",   // option number beyond 65,535
        "40010001e0fef400e0fef4", // the same, 65,269 + 269 + 65,269 + …
    ] {
        assert!(Header::parse(&hex(text)).is_ok(), "{text}");
        assert_eq!(Message::parse(&hex(text)), Err(Error::Malformed), "{text}");
    }
    // The largest number there is.
    let bytes = hex("40010001e0fef2");
    assert_eq!(Message::parse(&bytes).unwrap().options.next(), Some((65_535, &[][..])));
}

#[test]
fn replayed_attacks_on_other_parsers() {
    // libcoap #1642: the token nibble says 4, options run past the end.
    let mut bytes = hex("440325b9bc306ac4bd03");
    bytes.extend_from_slice(b"test-bug-trigger");
    bytes.extend_from_slice(&hex("d303000008ff"));
    bytes.extend_from_slice(b"0123456789abcdef");
    let _ = Message::parse(&bytes).map(|message| message.options.count());
    // Contiki-NG #2238.
    for text in ["5151510080515151514e515151515151", "51f506"] {
        let bytes = hex(text);
        let _ = Message::parse(&bytes).map(|message| message.options.count());
    }
    // RIOT #10753: more options than any table would hold.
    let mut bytes = hex("40011247b0");
    bytes.extend_from_slice(&[0; 41]);
    assert_eq!(Message::parse(&bytes).unwrap().options.count(), 42);
    // CVE-2020-12883: a cut option extension.
    assert_eq!(Message::parse(&hex("4001123cd0")), Err(Error::Malformed));
    // microcoap #48: an option length over 65,266 must not wrap.
    let mut bytes = hex("400112 34 0e ffff");
    bytes.resize(7 + 10, 0);
    assert_eq!(Message::parse(&bytes), Err(Error::Malformed));
    bytes.resize(7 + 65_804, 0);
    assert_eq!(Message::parse(&bytes).unwrap().options.next().unwrap().1.len(), 65_804);
    // FreeCoAP #53: 0 is a message ID.
    assert_eq!(Message::parse(&hex("40010000")).unwrap().message_id, 0);
}

#[test]
fn the_rules_are_in_order_and_agree_with_the_bits_of_the_numbers() {
    let known: Vec<u16> = (0..=u16::MAX).filter(|number| rule(*number).is_some()).collect();
    assert_eq!(known.len(), 23);
    // RFC 7252 table 4.
    let critical: Vec<u16> = known.iter().copied().filter(|n| number::is_critical(*n)).collect();
    assert_eq!(critical, [1, 3, 5, 7, 11, 15, 17, 23, 27, 35, 39]);
    let unsafe_: Vec<u16> = known.iter().copied().filter(|n| number::is_unsafe(*n)).collect();
    assert_eq!(unsafe_, [3, 6, 7, 11, 14, 15, 23, 27, 35, 39, 258]);
    let keyless: Vec<u16> = known.iter().copied().filter(|n| number::is_no_cache_key(*n)).collect();
    assert_eq!(keyless, [28, 60, 252]);
}

#[test]
fn block_sizes_and_places() {
    let block = Block { num: 3, more: true, szx: 2 };
    assert_eq!((block.size(), block.offset(), block.bits()), (64, 192, 0x3a));
    assert_eq!(Block::at(192, false, 4), Err(Error::Invalid));
    assert_eq!(Block::at(0x0100_0000 * 16, false, 0), Err(Error::TooLarge));
    assert_eq!([0, 16, 31, 32, 1023, 1024, 9999].map(Block::szx_for), [0, 0, 0, 1, 5, 6, 6]);
    assert!(Block::parse(&[7]).is_err() && Block::parse(&[0, 0, 0, 1]).is_err());
}
