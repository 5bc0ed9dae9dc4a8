// SPDX-License-Identifier: MIT OR Apache-2.0
//! Four IPv6 headers as a mesh has them, compressed from bytes to bytes and restored from bytes to bytes.

use crate::Case;
use mote::bytes::{Reader, Writer};
use mote::ieee802154::LinkAddress;
use mote::lowpan::context::Contexts;
use mote::lowpan::iphc::{self, Ends};
use smoltcp::wire::{
    Ieee802154Address, Ipv6Packet, Ipv6Repr, SixlowpanAddressContext, SixlowpanIphcPacket, SixlowpanIphcRepr,
    SixlowpanNextHeader,
};
use std::hint::black_box;

/// The link addresses between which the packets go.
type Links = [[u8; 8]; 2];

const FROM: [u8; 8] = [0x02, 0x12, 0x4b, 0, 1, 2, 3, 4];
const TO: [u8; 8] = [0x02, 0x12, 0x4b, 0, 1, 2, 3, 5];
static LINKS: Links = [FROM, TO];
const COUNT: usize = 4;

fn address(prefix: [u8; 2], mut identifier: [u8; 8]) -> [u8; 16] {
    identifier[0] ^= 2;
    let mut address = [0; 16];
    address[..2].copy_from_slice(&prefix);
    address[8..].copy_from_slice(&identifier);
    address
}

fn header(next_header: u8, hop_limit: u8, source: [u8; 16], destination: [u8; 16]) -> [u8; 40] {
    let mut header = [0; 40];
    (header[0], header[6], header[7]) = (0x60, next_header, hop_limit);
    header[8..24].copy_from_slice(&source);
    header[24..].copy_from_slice(&destination);
    header
}

/// UDP between neighbours, routing to all of them, UDP from far away without a context, and an answer of a neighbour
/// whose address does not come from its link address.
fn headers() -> [[u8; 40]; COUNT] {
    let (local, far) = ([0xfe, 0x80], [0xfd, 0]);
    let all_nodes = {
        let mut address = [0; 16];
        (address[0], address[1], address[15]) = (0xff, 2, 0x1a);
        address
    };
    [
        header(17, 64, address(local, FROM), address(local, TO)),
        header(58, 255, address(local, FROM), all_nodes),
        header(17, 63, address(far, TO), address(far, FROM)),
        header(58, 64, address(local, [2, 0, 0, 0, 0, 0, 0, 1]), address(local, TO)),
    ]
}

fn theirs_compress(header: &[u8; 40], [from, to]: &Links, out: &mut [u8]) -> usize {
    let packet = Ipv6Packet::new_checked(header).expect("valid");
    let ipv6 = Ipv6Repr::parse(&packet).expect("valid");
    let repr = SixlowpanIphcRepr {
        src_addr: ipv6.src_addr,
        ll_src_addr: Some(Ieee802154Address::Extended(*from)),
        dst_addr: ipv6.dst_addr,
        ll_dst_addr: Some(Ieee802154Address::Extended(*to)),
        next_header: SixlowpanNextHeader::Uncompressed(ipv6.next_header),
        hop_limit: ipv6.hop_limit,
        ecn: None,
        dscp: None,
        flow_label: None,
    };
    let length = repr.buffer_len();
    repr.emit(&mut SixlowpanIphcPacket::new_unchecked(&mut out[..length]));
    length
}

fn theirs_decompress(
    input: &[u8],
    links: &Links,
    contexts: &[SixlowpanAddressContext],
    out: &mut [u8],
) -> usize {
    let packet = SixlowpanIphcPacket::new_checked(input).expect("valid");
    let [from, to] = links.map(|address| Some(Ieee802154Address::Extended(address)));
    let repr = SixlowpanIphcRepr::parse(&packet, from, to, contexts).expect("valid");
    let SixlowpanNextHeader::Uncompressed(next_header) = repr.next_header else { panic!("not compressed") };
    let ipv6 = Ipv6Repr {
        src_addr: repr.src_addr,
        dst_addr: repr.dst_addr,
        next_header,
        payload_len: 0,
        hop_limit: repr.hop_limit,
    };
    ipv6.emit(&mut Ipv6Packet::new_unchecked(&mut *out));
    out.len()
}

fn ends([from, to]: &Links) -> Ends {
    Ends::of_link(LinkAddress::Extended(*from), LinkAddress::Extended(*to))
}

fn ours_compress(header: &[u8; 40], links: &Links, contexts: &Contexts, out: &mut [u8]) -> usize {
    let mut out = Writer::new(out);
    iphc::compress(header, false, ends(links), contexts, &mut out).expect("room");
    out.position()
}

fn ours_decompress(input: &[u8], links: &Links, contexts: &Contexts, out: &mut [u8; 40]) -> usize {
    iphc::decompress_into(&mut Reader::new(input), ends(links), contexts, out).expect("valid");
    out.len()
}

/// The cases, ours and `smoltcp`'s in turn.
pub fn cases() -> Vec<Case> {
    let headers = headers();
    let contexts: &Contexts = Box::leak(Box::new(Contexts::new(&mut [])));
    let compressed = headers.map(|header| {
        let mut out = [0; 40];
        let length = ours_compress(&header, &LINKS, contexts, &mut out);
        let mut other = [0; 40];
        assert_eq!(theirs_compress(&header, &LINKS, &mut other), length, "both compress alike");
        assert_eq!(other, out);
        let mut restored = [0; 40];
        theirs_decompress(&out[..length], &LINKS, &[], &mut restored);
        assert_eq!(restored, header);
        out[..length].to_vec()
    });
    let inputs = compressed.clone();
    let mut out = [0u8; 40];
    let mut other = [0u8; 40];
    let mut restored = [0u8; 40];
    let mut ours_restored = [0u8; 40];
    // Of both, the packets, the link addresses and the contexts, of which there are none, are inputs.
    vec![
        Case::new("iphc-compress/mote", move || {
            let (links, contexts) = black_box((&LINKS, contexts));
            black_box(&headers).iter().map(|header| ours_compress(header, links, contexts, &mut out)).sum()
        }),
        Case::new("iphc-compress/smoltcp", move || {
            let links = black_box(&LINKS);
            black_box(&headers).iter().map(|header| theirs_compress(header, links, &mut other)).sum()
        }),
        Case::new("iphc-decompress/mote", move || {
            let (links, contexts) = black_box((&LINKS, contexts));
            let restore =
                |input: &Vec<u8>| ours_decompress(input, links, contexts, black_box(&mut ours_restored));
            black_box(&inputs).iter().map(restore).sum()
        }),
        Case::new("iphc-decompress/smoltcp", move || {
            let (links, contexts) = black_box((&LINKS, &[]));
            let restore =
                |input: &Vec<u8>| theirs_decompress(input, links, contexts, black_box(&mut restored));
            black_box(&compressed).iter().map(restore).sum()
        }),
    ]
}
