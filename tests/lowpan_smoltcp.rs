// SPDX-License-Identifier: MIT OR Apache-2.0
//! Header compression agrees with that of the crate `smoltcp`, both ways.
//!
//! Left out is what version 0.12 does not do or does otherwise than RFC 6282. When compressing: traffic
//! class, flow label, contexts, whole multicast addresses (it sets DAM to 11), two ports of four bits (it
//! joins them by `&`). When restoring: context 0 without the context byte, 16 bits in line under a context
//! (it leaves `0000:00ff:fe00` out), and multicast addresses under a context.

use mote::address::Ip;
use mote::bytes::{Parts, Reader, Writer};
use mote::ieee802154::LinkAddress;
use mote::lowpan::context::{Context, Contexts};
use mote::lowpan::iphc::{self, Ends};
use mote::lowpan::packet;
use proptest::prelude::*;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    Ieee802154Address, IpProtocol, Ipv6Address, SixlowpanAddressContext, SixlowpanIphcPacket,
    SixlowpanIphcRepr, SixlowpanNextHeader, SixlowpanUdpNhcPacket, SixlowpanUdpNhcRepr, UdpRepr,
};

const PREFIX: [u8; 8] = [0xfd, 0, 0, 0, 0, 0, 0, 7];

fn link_address() -> impl Strategy<Value = LinkAddress> {
    prop_oneof![any::<u16>().prop_map(LinkAddress::Short), any::<[u8; 8]>().prop_map(LinkAddress::Extended)]
}

fn theirs(address: LinkAddress) -> Ieee802154Address {
    match address {
        LinkAddress::Short(short) => Ieee802154Address::Short(short.to_be_bytes()),
        LinkAddress::Extended(extended) => Ieee802154Address::Extended(extended),
        _ => Ieee802154Address::Absent,
    }
}

/// Link-local from the link-layer address or not, global, or in the context.
fn unicast(kind: u8, link: LinkAddress, random: [u8; 16]) -> [u8; 16] {
    let mut address = random;
    address[0] = 0x20;
    let link_local = [0xfe, 0x80, 0, 0, 0, 0, 0, 0];
    match kind % 6 {
        0 => {
            address[..8].copy_from_slice(&link_local);
            address[8..].copy_from_slice(&link.interface_identifier());
        }
        1 => address[..8].copy_from_slice(&link_local),
        2 => {
            address[..8].copy_from_slice(&link_local);
            address[8..14].copy_from_slice(&[0, 0, 0, 0xff, 0xfe, 0]);
        }
        3 => {
            address[..8].copy_from_slice(&PREFIX);
            address[8..].copy_from_slice(&link.interface_identifier());
        }
        4 => address[..8].copy_from_slice(&PREFIX),
        _ => {}
    }
    address
}

fn multicast(kind: u8, random: [u8; 16]) -> [u8; 16] {
    let keep = [1, 3, 5, 14][usize::from(kind % 4)];
    let mut address = [0; 16];
    address[0] = 0xff;
    address[1] = if keep == 1 { 2 } else { random[1] };
    address[16 - keep..].copy_from_slice(&random[..keep]);
    address
}

fn header(source: [u8; 16], destination: [u8; 16], next_header: u8, hop_limit: u8) -> [u8; 40] {
    let mut header = [0; 40];
    header[0] = 0x60;
    (header[6], header[7]) = (next_header, hop_limit);
    header[8..24].copy_from_slice(&source);
    header[24..].copy_from_slice(&destination);
    header
}

fn hop_limit() -> impl Strategy<Value = u8> {
    prop_oneof![Just(1), Just(64), Just(255), any::<u8>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_smoltcp_compresses_we_restore_and_would_compress_to_the_same_bytes(
        from in link_address(), to in link_address(), kinds: [u8; 3], random: [[u8; 16]; 2], hop_limit in hop_limit(),
    ) {
        let source = unicast(kinds[0], from, random[0]);
        let destination =
            if kinds[2] % 2 == 0 { unicast(kinds[1], to, random[1]) } else { multicast(kinds[1], random[1]) };
        prop_assume!(kinds[2] % 2 == 0 || kinds[1] % 4 != 3);
        let repr = SixlowpanIphcRepr {
            src_addr: Ipv6Address::from(source),
            ll_src_addr: Some(theirs(from)),
            dst_addr: Ipv6Address::from(destination),
            ll_dst_addr: Some(theirs(to)),
            next_header: SixlowpanNextHeader::Uncompressed(IpProtocol::Icmpv6),
            hop_limit,
            ecn: None,
            dscp: None,
            flow_label: None,
        };
        let mut emitted = vec![0; repr.buffer_len()];
        repr.emit(&mut SixlowpanIphcPacket::new_unchecked(&mut emitted[..]));
        let mut none: [Context; 0] = [];
        let contexts = Contexts::new(&mut none);
        let ends = Ends::of_link(from, to);
        let expected = header(source, destination, 58, hop_limit);
        let mut input = Reader::new(&emitted);
        prop_assert_eq!(iphc::decompress(&mut input, ends, &contexts).unwrap().header, expected);
        prop_assert!(input.is_empty());
        let mut buffer = [0; 64];
        let mut out = Writer::new(&mut buffer);
        iphc::compress(&expected, false, ends, &contexts, &mut out).unwrap();
        prop_assert_eq!(out.written(), &emitted[..]);
    }

    #[test]
    fn what_we_compress_smoltcp_restores(
        from in link_address(), to in link_address(), kinds: [u8; 3], random: [[u8; 16]; 2], hop_limit in hop_limit(),
        class: [u8; 4], plain: bool,
    ) {
        let source = unicast(kinds[0], from, random[0]);
        let destination =
            if kinds[2] % 2 == 0 { unicast(kinds[1], to, random[1]) } else { multicast(kinds[1], random[1]) };
        let mut header = header(source, destination, 58, hop_limit);
        if !plain {
            header[1..4].copy_from_slice(&class[1..]);
            header[0] |= class[0] & 0xf;
        }
        let mut entries = [Context::default(); 1];
        let mut contexts = Contexts::new(&mut entries);
        let mut prefix = [0; 16];
        prefix[..8].copy_from_slice(&PREFIX);
        contexts.set(1, Ip(prefix), 64, true).unwrap();
        let mut buffer = [0; 64];
        let mut out = Writer::new(&mut buffer);
        iphc::compress(&header, false, Ends::of_link(from, to), &contexts, &mut out).unwrap();
        let written = out.finish();
        // 16 bits under a context are left out, as said above.
        prop_assume!(written[1] & 0x70 != 0x60 && written[1] & 0x0f != 0x06);
        let context = SixlowpanAddressContext(PREFIX);
        let parsed = SixlowpanIphcRepr::parse(
            &SixlowpanIphcPacket::new_checked(&*written).unwrap(),
            Some(theirs(from)),
            Some(theirs(to)),
            &[context, context],
        );
        prop_assert!(parsed.is_ok(), "{written:02x?}");
        let parsed = parsed.unwrap();
        prop_assert_eq!(parsed.src_addr.octets(), source);
        prop_assert_eq!(parsed.dst_addr.octets(), destination);
        prop_assert_eq!(parsed.hop_limit, hop_limit);
        prop_assert_eq!(parsed.next_header, SixlowpanNextHeader::Uncompressed(IpProtocol::Icmpv6));
    }

    #[test]
    fn udp_headers_that_smoltcp_compresses_we_restore_and_compress_to_the_same_bytes(
        ports: [u16; 2], short: [u8; 2], payload in proptest::collection::vec(any::<u8>(), 0..60), random: [[u8; 16]; 2],
    ) {
        let port = |port: u16, kind: u8| match kind % 3 {
            0 => port,
            1 => 0xf000 | port & 0xff,
            _ => 0xf0b0 | port & 0xf,
        };
        let (source, destination) = (unicast(5, LinkAddress::None, random[0]), unicast(5, LinkAddress::None, random[1]));
        let repr = SixlowpanUdpNhcRepr(UdpRepr { src_port: port(ports[0], short[0]), dst_port: port(ports[1], short[1]) });
        let four_bits = |port| port & 0xfff0 == 0xf0b0;
        prop_assume!(!four_bits(repr.0.src_port) || !four_bits(repr.0.dst_port));
        let mut emitted = vec![0; repr.header_len() + payload.len()];
        repr.emit(
            &mut SixlowpanUdpNhcPacket::new_unchecked(&mut emitted[..]),
            &Ipv6Address::from(source),
            &Ipv6Address::from(destination),
            payload.len(),
            |room| room.copy_from_slice(&payload),
            &ChecksumCapabilities::default(),
        );
        // Behind an IPv6 header that is as it is, both make the same packet of it.
        let mut frame = vec![0x7e, 0x00];
        frame.extend(source);
        frame.extend(destination);
        frame.extend(&emitted);
        let mut none: [Context; 0] = [];
        let contexts = Contexts::new(&mut none);
        let ends = Ends::default();
        let mut out = [0; 200];
        let len = packet::decompress(&frame, ends, &contexts, None, &mut out).unwrap().len;
        let whole = &out[..len];
        prop_assert_eq!(u16::from_be_bytes([whole[40], whole[41]]), repr.0.src_port);
        prop_assert_eq!(u16::from_be_bytes([whole[42], whole[43]]), repr.0.dst_port);
        let udp = &whole[40..];
        prop_assert_eq!(mote::checksum::transport(&Ip(source), &Ip(destination), 17, udp), 0);
        let mut back = [0; 200];
        let compressed = packet::compress(Parts::whole(whole), ends, &contexts, false, &mut back).unwrap();
        prop_assert_eq!(&back[..compressed.len], &frame[..frame.len() - payload.len()]);
    }
}
