// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses as text: the same as the standard library, and back.
#![no_main]
use libfuzzer_sys::fuzz_target;
use mote::address::Ip;
use mote::bytes::Writer;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let expected = (text.parse::<std::net::Ipv6Addr>().map(|ip| Ip(ip.octets())))
        .or_else(|_| text.parse::<std::net::Ipv4Addr>().map(|ip| Ip::v4(ip.octets())));
    assert_eq!(Ip::parse(text).ok(), expected.ok());
    if let Ok(ip) = Ip::parse(text) {
        let mut buffer = [0; 45];
        let mut out = Writer::new(&mut buffer);
        ip.emit(&mut out).unwrap();
        assert_eq!(Ip::parse(core::str::from_utf8(out.written()).unwrap()), Ok(ip));
    }
});
