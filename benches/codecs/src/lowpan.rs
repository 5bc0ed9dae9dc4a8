// SPDX-License-Identifier: MIT OR Apache-2.0
//! An IPv6 header of a node's neighbour, link-local addresses from EUI-64s, compressed from bytes
//! to bytes and restored from bytes to bytes.

use crate::Case;
use mote::bytes::{Reader, Writer};
use mote::ieee802154::LinkAddress;
use mote::lowpan::context::{Context, Contexts};
use mote::lowpan::iphc::{self, Ends};
use smoltcp::wire::{
    Ieee802154Address, IpProtocol, Ipv6Packet, Ipv6Repr, SixlowpanIphcPacket, SixlowpanIphcRepr,
    SixlowpanNextHeader,
};
use std::hint::black_box;

const FROM: [u8; 8] = [0x02, 0x12, 0x4b, 0, 1, 2, 3, 4];
const TO: [u8; 8] = [0x02, 0x12, 0x4b, 0, 1, 2, 3, 5];

fn header() -> [u8; 40] {
    let mut header = [0; 40];
    header[0] = 0x60;
    header[6] = 17;
    header[7] = 64;
    for (at, identifier) in [(8, FROM), (24, TO)] {
        header[at..at + 2].copy_from_slice(&[0xfe, 0x80]);
        header[at + 8..at + 16].copy_from_slice(&identifier);
        header[at + 8] ^= 2;
    }
    header
}

fn theirs_compress(header: &[u8], out: &mut [u8]) -> usize {
    let packet = Ipv6Packet::new_checked(header).expect("valid");
    let ipv6 = Ipv6Repr::parse(&packet).expect("valid");
    let repr = SixlowpanIphcRepr {
        src_addr: ipv6.src_addr,
        ll_src_addr: Some(Ieee802154Address::Extended(FROM)),
        dst_addr: ipv6.dst_addr,
        ll_dst_addr: Some(Ieee802154Address::Extended(TO)),
        next_header: SixlowpanNextHeader::Uncompressed(IpProtocol::Udp),
        hop_limit: ipv6.hop_limit,
        ecn: None,
        dscp: None,
        flow_label: None,
    };
    let length = repr.buffer_len();
    repr.emit(&mut SixlowpanIphcPacket::new_unchecked(&mut out[..length]));
    length
}

fn theirs_decompress(input: &[u8], out: &mut [u8]) -> usize {
    let packet = SixlowpanIphcPacket::new_checked(input).expect("valid");
    let from = Some(Ieee802154Address::Extended(FROM));
    let to = Some(Ieee802154Address::Extended(TO));
    let repr = SixlowpanIphcRepr::parse(&packet, from, to, &[]).expect("valid");
    let ipv6 = Ipv6Repr {
        src_addr: repr.src_addr,
        dst_addr: repr.dst_addr,
        next_header: IpProtocol::Udp,
        payload_len: 0,
        hop_limit: repr.hop_limit,
    };
    ipv6.emit(&mut Ipv6Packet::new_unchecked(&mut *out));
    out.len()
}

/// The cases, ours and `smoltcp`'s in turn.
pub fn cases() -> Vec<Case> {
    let ends = Ends::of_link(LinkAddress::Extended(FROM), LinkAddress::Extended(TO));
    let header = header();
    let ours = move |out: &mut [u8]| {
        let mut none: [Context; 0] = [];
        let mut out = Writer::new(out);
        iphc::compress(black_box(&header), false, black_box(ends), &Contexts::new(&mut none), &mut out)
            .expect("room");
        out.position()
    };
    let mut compressed = [0; 40];
    let mut length = ours(&mut compressed);
    let mut other = [0; 40];
    assert_eq!(theirs_compress(&header, &mut other), length, "both compress alike");
    assert_eq!(other, compressed);
    let (mut out, mut restored) = ([0u8; 40], [0u8; 40]);
    theirs_decompress(&compressed[..length], &mut restored);
    assert_eq!(restored, header);
    let mut ours_restored = [0u8; 40];
    length = black_box(length);
    vec![
        Case::new("iphc-compress/mote", move || ours(&mut out)),
        Case::new("iphc-compress/smoltcp", move || theirs_compress(black_box(&header), &mut other)),
        Case::new("iphc-decompress/mote", move || {
            let mut none: [Context; 0] = [];
            let mut input = Reader::new(black_box(&compressed[..length]));
            iphc::decompress_into(&mut input, black_box(ends), &Contexts::new(&mut none), &mut ours_restored)
                .expect("valid");
            usize::from(black_box(&ours_restored)[39])
        }),
        Case::new("iphc-decompress/smoltcp", move || {
            theirs_decompress(black_box(&compressed[..length]), &mut restored);
            usize::from(black_box(&restored)[39])
        }),
    ]
}
