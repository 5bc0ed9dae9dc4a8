// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames of IEEE 802.15.4, and packets compressed as RFC 6282 says: what is decompressed compresses and comes back.
#![no_main]
use libfuzzer_sys::fuzz_target;
use mote::address::Ip;
use mote::bytes::{Parts, Writer};
use mote::ieee802154::LinkAddress;
use mote::ieee802154::wire::Frame;
use mote::lowpan::context::{Context, Contexts};
use mote::lowpan::iphc::Ends;
use mote::lowpan::packet;

fuzz_target!(|data: &[u8]| {
    if let Ok(frame) = Frame::parse(data) {
        // Reserved bits are not kept, so what was emitted is compared with what that parses to.
        let mut buffer = [0; 4096];
        let mut out = Writer::new(&mut buffer);
        frame.emit(&mut out).expect("what parses can be emitted");
        assert_eq!(out.position(), frame.encoded_len());
        assert_eq!(Frame::parse(out.finish()), Ok(frame));
    }
    let mut entries = [Context::default(); 2];
    let mut contexts = Contexts::new(&mut entries);
    contexts.set(0, Ip([0xfd, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 64, true).unwrap();
    contexts.set(5, Ip([0xfd; 16]), 100, true).unwrap();
    let ends = Ends::of_link(LinkAddress::Extended([2, 0, 0, 0, 0, 0, 0, 1]), LinkAddress::Short(2));
    let mut plain = [0; 2048];
    let Ok(found) = packet::decompress(data, ends, &contexts, None, &mut plain) else { return };
    let length = found.len;
    if let Some(missing) = found.missing_checksum {
        missing.fill(&mut plain[..length]);
    }
    let plain = &plain[..length];
    for compress in [packet::compress, packet::compress_generic] {
        let mut small = [0; 2048];
        let Ok(compressed) = compress(Parts::whole(plain), ends, &contexts, false, &mut small) else { return };
        let mut whole = small[..compressed.len].to_vec();
        whole.extend_from_slice(&plain[compressed.consumed..]);
        let mut back = [0; 2048];
        let again =
            packet::decompress(&whole, ends, &contexts, None, &mut back).expect("what we compress decompresses");
        assert_eq!(&back[..again.len], plain);
    }
});
