// SPDX-License-Identifier: MIT OR Apache-2.0
//! IPv6 packets: headers, their options, ICMPv6, neighbour discovery and UDP.
#![no_main]
use libfuzzer_sys::fuzz_target;
use mote::ipv6::wire::exthdr::{Extension, Fragment, MAX_EXTENSION_HEADERS, Routing, is_extension};
use mote::ipv6::wire::icmpv6::{Echo, ErrorMessage, Icmpv6};
use mote::ipv6::wire::nd::{DuplicateAddress, Neighbor, Options, Redirect, RouterAdvertisement};
use mote::ipv6::wire::udp::Udp;
use mote::ipv6::wire::{Header, protocol};

fuzz_target!(|data: &[u8]| {
    let Ok((header, mut payload)) = Header::parse(data) else { return };
    let mut next = header.next_header;
    for _ in 0..MAX_EXTENSION_HEADERS {
        if !is_extension(next) {
            break;
        }
        let Ok(extension) = Extension::parse(next, payload) else { return };
        match next {
            protocol::ROUTING => drop(Routing::parse(extension.bytes)),
            protocol::FRAGMENT => drop(Fragment::parse(extension.bytes)),
            _ => assert!(extension.options().count() <= extension.bytes.len()),
        }
        next = extension.next_header;
        payload = payload.get(extension.bytes.len()..).expect("an extension header lies in its packet");
    }
    let _ = Udp::parse(&header.source, &header.destination, payload);
    if let Ok(message) = Icmpv6::parse(&header.source, &header.destination, payload) {
        let _ = (Echo::parse(message.body), ErrorMessage::parse(&message));
    }
    // Behind the checksum, which a fuzzer does not guess.
    let body = payload.get(4..).unwrap_or_default();
    if let Ok((_, options)) = RouterAdvertisement::parse(body) {
        walk(options);
    }
    if let Ok((_, options)) = Neighbor::parse(body) {
        walk(options);
    }
    if let Ok((_, options)) = Redirect::parse(body) {
        walk(options);
    }
    let _ = DuplicateAddress::parse(data[0], body);
});

fn walk(options: Options<'_>) {
    let valid = options.are_valid();
    let mut buffer = [0; 4096];
    for option in options {
        assert!(option.is_ok() || !valid);
        if let Ok(option) = option {
            let _ = option.emit(&mut mote::bytes::Writer::new(&mut buffer));
        }
    }
}
