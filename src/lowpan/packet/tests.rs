// SPDX-License-Identifier: MIT OR Apache-2.0
use super::super::context::Context;
use super::*;
use crate::ieee802154::LinkAddress;
use proptest::prelude::*;

const HERE: LinkAddress = LinkAddress::Extended([2, 0, 0, 0, 0, 0, 0, 1]);
const THERE: LinkAddress = LinkAddress::Short(0x1234);

fn compress(
    packet: &[u8],
    ends: Ends,
    contexts: &Contexts<'_>,
    elide: bool,
    room: &mut [u8],
) -> Result<Compressed> {
    super::compress(Parts::whole(packet), ends, contexts, elide, room)
}

#[cfg(feature = "ghc")]
fn compress_generic(
    packet: &[u8],
    ends: Ends,
    contexts: &Contexts<'_>,
    elide: bool,
    room: &mut [u8],
) -> Result<Compressed> {
    super::compress_generic(Parts::whole(packet), ends, contexts, elide, room)
}

fn ends() -> Ends {
    Ends::of_link(HERE, THERE)
}

fn contexts(entries: &mut [Context; 16]) -> Contexts<'_> {
    let mut contexts = Contexts::new(entries);
    contexts.set(0, Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 0]), 64, true).unwrap();
    contexts.set(1, Ip::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]), 48, true).unwrap();
    contexts.set(2, Ip::v6([0x2001, 0xdb8, 1, 2, 0, 0xff, 0xfe00, 0]), 112, true).unwrap();
    contexts.set(7, Ip::v6([0xfd00, 7, 7, 7, 0, 0, 0, 1]), 128, true).unwrap();
    contexts.set(15, Ip::v6([0xfd00, 0xf, 0, 0, 0, 0, 0, 0]), 64, false).unwrap();
    contexts
}

fn unicast() -> impl Strategy<Value = [u8; 16]> {
    let high = prop_oneof![
        Just([0xfe80u16, 0, 0, 0]),
        Just([0xfd00, 0, 0, 0]),
        Just([0x2001, 0xdb8, 0, 0]),
        Just([0x2001, 0xdb8, 1, 2]),
        Just([0xfd00, 7, 7, 7]),
        Just([0xfd00, 0xf, 0, 0]),
        any::<[u16; 4]>().prop_map(|[a, b, c, d]| [a & 0x7fff, b, c, d]),
    ];
    let low = prop_oneof![
        Just(HERE.interface_identifier()),
        Just(THERE.interface_identifier()),
        any::<u16>().prop_map(|short| LinkAddress::Short(short).interface_identifier()),
        Just([0, 0, 0, 0, 0, 0, 0, 1]),
        any::<[u8; 8]>(),
    ];
    (high, low).prop_map(|([a, b, c, d], low)| {
        let mut bytes = Ip::v6([a, b, c, d, 0, 0, 0, 0]).0;
        bytes[8..].copy_from_slice(&low);
        bytes
    })
}

fn destination() -> impl Strategy<Value = [u8; 16]> {
    let group = (any::<u8>(), any::<[u8; 5]>(), 0usize..6).prop_map(|(flags, tail, keep)| {
        let mut bytes = [0; 16];
        bytes[0] = 0xff;
        bytes[1] = if keep == 1 { 2 } else { flags };
        bytes[16 - keep..].copy_from_slice(&tail[..keep]);
        bytes
    });
    let prefixed = any::<[u8; 6]>()
        .prop_map(|[a, b, c, d, e, f]| [0xff, a, b, 64, 0xfd, 0, 0, 0, 0, 0, 0, 0, c, d, e, f]);
    prop_oneof![3 => unicast(), 2 => group, 1 => prefixed, 1 => any::<[u8; 16]>()]
}

/// Headers behind the IPv6 header, from the last to the first: kind and bytes.
fn chain() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let payload = proptest::collection::vec(any::<u8>(), 0..60);
    let port = prop_oneof![any::<u16>(), 0xf000u16..0xf100, 0xf0b0u16..0xf0c0];
    let udp = (port.clone(), port, any::<u16>(), payload.clone()).prop_map(|(from, to, sum, payload)| {
        let mut bytes = [from.to_be_bytes(), to.to_be_bytes()].concat();
        bytes.extend((payload.len() as u16 + 8).to_be_bytes());
        bytes.extend(sum.to_be_bytes());
        bytes.extend(payload);
        (UDP, bytes)
    });
    let end = prop_oneof![udp, (any::<u8>(), payload)];
    let option = (2u8..9, proptest::collection::vec(any::<u8>(), 0..12));
    let extension = (0usize..5, proptest::collection::vec(option, 0..4), any::<bool>(), any::<[u8; 7]>());
    let inner = (unicast(), destination(), any::<u8>());
    let header = prop_oneof![extension.prop_map(Ok), inner.prop_map(Err)];
    (end, proptest::collection::vec(header, 0..4)).prop_map(|((mut kind, mut bytes), headers)| {
        for header in headers {
            match header {
                Ok((which, options, plain, fixed)) => {
                    let this = [0, ROUTING, 44, 60, 135][which];
                    let mut front = vec![kind, 0];
                    if this == 0 || this == 60 {
                        for (kind, content) in options {
                            front.extend([kind, content.len() as u8]);
                            front.extend(content);
                        }
                        let padding = (8 - front.len() % 8) % 8;
                        match padding {
                            0 => {}
                            1 => front.push(0),
                            _ => {
                                front.extend([1, padding as u8 - 2]);
                                let fill = if plain { 0 } else { fixed[0] };
                                front.extend(std::iter::repeat_n(fill, padding - 2));
                            }
                        }
                    } else {
                        front.extend(&fixed[..6]);
                        if this != 44 && plain {
                            front.extend(fixed);
                            front.push(0);
                        }
                    }
                    front[1] = (front.len() / 8 - 1) as u8;
                    front.extend(&bytes);
                    (kind, bytes) = (this, front);
                }
                Err((source, destination, hop_limit)) => {
                    bytes = ipv6(kind, &bytes, source, destination, hop_limit, 0);
                    kind = IPV6;
                }
            }
        }
        (kind, bytes)
    })
}

fn ipv6(kind: u8, payload: &[u8], source: [u8; 16], to: [u8; 16], hop_limit: u8, class: u32) -> Vec<u8> {
    let mut packet = (6 << 28 | class & 0x0fff_ffff).to_be_bytes().to_vec();
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([kind, hop_limit]);
    packet.extend(source);
    packet.extend(to);
    packet.extend(payload);
    packet
}

proptest! {
    #[test]
    fn every_packet_comes_back_as_it_was(
        (kind, payload) in chain(), source in unicast(), to in destination(),
        class in prop_oneof![Just(0u32), 0u32..1 << 20, Just(0x0c00_0000_u32), any::<u32>()],
        hop_limit in prop_oneof![Just(1u8), Just(64), Just(255), any::<u8>()],
        anonymous: bool, room in 41usize..120,
    ) {
        let mut entries = [Context::default(); 16];
        let contexts = contexts(&mut entries);
        let source = if anonymous { [0; 16] } else { source };
        let packet = ipv6(kind, &payload, source, to, hop_limit, class);
        let mut frame = [0; 1400];
        let done = compress(&packet, ends(), &contexts, false, &mut frame[..room]).unwrap();
        prop_assert!(done.consumed >= 40 && done.len <= room);
        prop_assert_eq!(done.consumed % 8, 0);
        // In two parts, cut behind what is compressed or behind the first header.
        for cut in [done.consumed, IPV6_HEADER] {
            let mut other = [0; 1400];
            let (head, tail) = packet.split_at(cut);
            let parts = Parts { head, tail };
            prop_assert_eq!(super::compress(parts, ends(), &contexts, false, &mut other[..room]), Ok(done));
            prop_assert_eq!(&other[..done.len], &frame[..done.len]);
        }
        let rest = &packet[done.consumed..];
        frame[done.len..done.len + rest.len()].copy_from_slice(rest);
        let frame = &frame[..done.len + rest.len()];
        let mut out = [0; 1400];
        let back = decompress(frame, ends(), &contexts, None, &mut out).unwrap();
        prop_assert_eq!(&out[..back.len], &packet[..]);
        // And as a first fragment, with the size told.
        let cut = &frame[..done.len + rest.len() / 2];
        let back = decompress(cut, ends(), &contexts, Some(packet.len()), &mut out).unwrap();
        prop_assert_eq!(&out[..back.len], &packet[..done.consumed + rest.len() / 2]);
        #[cfg(feature = "ghc")]
        {
            let mut shorter = [0; 1400];
            let generic = compress_generic(&packet, ends(), &contexts, false, &mut shorter[..room]).unwrap();
            let rest = &packet[generic.consumed..];
            prop_assert!(generic.len <= room && generic.len + rest.len() <= frame.len());
            shorter[generic.len..generic.len + rest.len()].copy_from_slice(rest);
            let shorter = &shorter[..generic.len + rest.len()];
            let back = decompress(shorter, ends(), &contexts, None, &mut out).unwrap();
            prop_assert_eq!(&out[..back.len], &packet[..]);
            prop_assert!(back.is_generic || shorter == frame);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..127), total: Option<u16>, iphc: bool
    ) {
        let mut entries = [Context::default(); 16];
        let contexts = contexts(&mut entries);
        if let (true, Some(first)) = (iphc, bytes.first_mut()) {
            *first = 0x60 | *first & 0x1f;
        }
        let mut out = [0; 1280];
        let _ = decompress(&bytes, ends(), &contexts, total.map(usize::from), &mut out);
        let _ = compress(&bytes, ends(), &contexts, true, &mut out);
    }

    #[test]
    fn an_elided_checksum_is_rebuilt(payload in proptest::collection::vec(any::<u8>(), 0..80), to in unicast()) {
        let mut entries = [Context::default(); 16];
        let contexts = contexts(&mut entries);
        let mut udp = vec![0x16, 0x33, 0xf0, 0xb1];
        udp.extend((8 + payload.len() as u16).to_be_bytes());
        udp.extend([0, 0]);
        udp.extend(&payload);
        let source = ipv6(UDP, &[], [0xfd; 16], to, 64, 0)[8..24].try_into().unwrap();
        let sum = checksum::transport(&Ip(source), &Ip(to), UDP, &udp);
        udp[6..8].copy_from_slice(&if sum == 0 { 0xffff } else { sum }.to_be_bytes());
        let mut packet = ipv6(UDP, &udp, source, to, 64, 0);
        let mut frame = [0; 1400];
        let plain = compress(&packet, ends(), &contexts, false, &mut frame).unwrap();
        let done = compress(&packet, ends(), &contexts, true, &mut frame).unwrap();
        prop_assert_eq!(done.len + 2, plain.len);
        frame[done.len..done.len + payload.len()].copy_from_slice(&payload);
        let mut out = [0; 1400];
        let back = decompress(&frame[..done.len + payload.len()], ends(), &contexts, None, &mut out).unwrap();
        back.missing_checksum.unwrap().fill(&mut out[..back.len]);
        prop_assert_eq!(&out[..back.len], &packet[..]);
        packet[47] ^= 1;
        prop_assert_eq!(compress(&packet, ends(), &contexts, true, &mut frame), Err(Error::Malformed));
    }
}

fn sized(packet: &[u8], ends: Ends) -> usize {
    let mut entries = [Context::default(); 16];
    compress(packet, ends, &contexts(&mut entries), false, &mut [0; 200]).unwrap().len
}

/// RFC 6282 §3: two bytes for link-local traffic, seven across hops, six for NHC UDP with
/// both ports in the short range... each address mode at its size.
#[test]
fn headers_shrink_to_the_sizes_that_the_rfc_states() {
    let link_local = |address: LinkAddress| {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&[0xfe, 0x80]);
        bytes[8..].copy_from_slice(&address.interface_identifier());
        bytes
    };
    let best = ipv6(UDP, &[0xf0, 0xb1, 0xf0, 0xb2, 0, 8, 1, 2], link_local(HERE), link_local(THERE), 64, 0);
    assert_eq!(sized(&best, ends()), 2 + 2 + 2);
    let global = |short| Ip::v6([0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, short]).0;
    let routed = ipv6(58, &[1; 8], global(1), global(2), 63, 0);
    assert_eq!(sized(&routed, ends()), 7 + 1);
    let solicited = ipv6(58, &[1; 8], [0; 16], Ip::v6([0xff02, 0, 0, 0, 0, 1, 0xff00, 1]).0, 255, 0);
    assert_eq!(sized(&solicited, ends()), 2 + 1 + 6);
    let all_nodes = ipv6(58, &[1; 8], link_local(HERE), Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 0x1a]).0, 255, 0);
    assert_eq!(sized(&all_nodes, ends()), 2 + 1 + 1);
}

#[test]
fn a_context_not_to_be_used_is_understood_but_not_used() {
    let mut entries = [Context::default(); 16];
    let mut contexts = contexts(&mut entries);
    let address = Ip::v6([0xfd00, 0xf, 0, 0, 0, 0xff, 0xfe00, 9]).0;
    let packet = ipv6(58, &[1; 8], address, address, 64, 0);
    let mut frame = [0; 100];
    let plain = compress(&packet, ends(), &contexts, false, &mut frame).unwrap();
    assert_eq!(plain.len, 2 + 1 + 32);
    contexts.set(15, Ip(address), 64, true).unwrap();
    let done = compress(&packet, ends(), &contexts, false, &mut frame).unwrap();
    assert_eq!(done.len, 3 + 1 + 4);
    contexts.set(15, Ip(address), 64, false).unwrap();
    let mut out = [0; 100];
    frame[done.len..done.len + 8].copy_from_slice(&[1; 8]);
    let back = decompress(&frame[..done.len + 8], ends(), &contexts, None, &mut out).unwrap();
    assert_eq!(&out[..back.len], &packet[..]);
    contexts.remove(15);
    assert_eq!(decompress(&frame[..done.len + 8], ends(), &contexts, None, &mut out), Err(Error::NotFound));
}

fn refused(frame: &[u8], total: Option<usize>, out: usize) -> Error {
    let mut entries = [Context::default(); 16];
    decompress(frame, ends(), &contexts(&mut entries), total, &mut [0; 1280][..out]).unwrap_err()
}

#[cfg(feature = "ghc")]
#[test]
fn icmpv6_udp_and_extension_headers_shrink_as_bytecode() {
    let mut entries = [Context::default(); 16];
    let contexts = contexts(&mut entries);
    let both = |packet: &[u8]| {
        let (mut frame, mut out) = ([0; 200], [0; 200]);
        let done = compress_generic(packet, ends(), &contexts, false, &mut frame).unwrap();
        assert_eq!(done.consumed, packet.len());
        let back = decompress(&frame[..done.len], ends(), &contexts, None, &mut out).unwrap();
        assert!(back.is_generic);
        assert_eq!(&out[..back.len], packet);
        let plain = compress(packet, ends(), &contexts, false, &mut [0; 200]).unwrap();
        (done.len, plain.len + packet.len() - plain.consumed)
    };
    let source = Ip::v6([0xfe80, 0, 0, 0, 0x21c, 0xdaff, 0xfe00, 0x3023]).0;
    let all = Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 0x1a]).0;
    let mut dio = vec![0x9b, 1, 0x7a, 0x5f, 0, 0xf0, 1, 0, 0x88, 0, 0, 0];
    dio.extend([0x20, 2, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0xfa, 0xce]);
    dio.extend([8, 0x1e, 0x80, 0x20, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]);
    dio.extend([0x20, 2, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0xfa, 0xce]);
    let (len, plain) = both(&ipv6(58, &dio, source, all, 255, 0));
    assert!(len + 20 < plain, "{len} of {plain}");
    // A source route of three, whose addresses are alike; then UDP with a text of repeats.
    let mut routed = vec![UDP, 6, 3, 3, 0, 0, 0, 0];
    for hop in 1..=3 {
        routed.extend(Ip::v6([0xfd00, 0, 0, 0, 0x11, 0x22, 0x33, hop]).0);
    }
    routed.extend([0x16, 0x33, 0x16, 0x33, 0, 24, 1, 2]);
    routed.extend(b"abcdabcdabcdabcd");
    let (from, to) =
        (Ip::v6([0xfd00, 0, 0, 0, 0x11, 0x22, 0x33, 9]).0, Ip::v6([0xfd00, 0, 0, 0, 0x11, 0x22, 0x33, 8]).0);
    let (len, plain) = both(&ipv6(ROUTING, &routed, from, to, 64, 0));
    assert!(len + 40 < plain, "{len} of {plain}");
}

/// Without anything to gain, and where the payload goes on in further fragments.
#[cfg(feature = "ghc")]
#[test]
fn what_does_not_shrink_is_left_alone() {
    let mut entries = [Context::default(); 16];
    let contexts = contexts(&mut entries);
    let noise: Vec<u8> = (1..=40u8).map(|i| i.wrapping_mul(167) ^ i >> 1).collect();
    let long: Vec<u8> = (0..1200u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for payload in [&noise[..], &long[..]] {
        let packet = ipv6(58, payload, [1; 16], [2; 16], 64, 0);
        let (mut one, mut other) = ([0; 102], [0; 102]);
        let plain = compress(&packet, ends(), &contexts, false, &mut one).unwrap();
        assert_eq!(compress_generic(&packet, ends(), &contexts, false, &mut other), Ok(plain));
        assert_eq!(one[..plain.len], other[..plain.len]);
    }
}

/// RFC 6282 §2 leaves the compression of RFC 4944 §10 out; what is no frame of a 6LoWPAN begins with two zero bits.
#[test]
fn other_dispatches_are_refused() {
    let mut frame = [0x33; 100];
    for first in (0..=255u8).filter(|first| *first != 0x41 && first >> 5 != 3) {
        frame[0] = first;
        assert_eq!(refused(&frame, None, 1280), Error::Malformed, "{first:#x}");
    }
}

/// RFC 6282 §4.2: 255 bytes behind the length at most.
#[test]
fn an_extension_header_over_255_bytes_goes_as_it_is() {
    let mut entries = [Context::default(); 16];
    let contexts = contexts(&mut entries);
    for (units, compressed) in [(31u8, true), (32, false)] {
        let mut bytes = vec![58, units, 3, 0];
        bytes.resize(8 + 8 * usize::from(units), 1);
        let size = bytes.len();
        let packet = ipv6(ROUTING, &bytes, [1; 16], [2; 16], 64, 0);
        let mut frame = [0; 400];
        let done = compress(&packet, ends(), &contexts, false, &mut frame).unwrap();
        assert_eq!(done.consumed, IPV6_HEADER + if compressed { size } else { 0 }, "{units}");
    }
}

/// CVE-2021-21280: a chain of extension headers longer than the output.
#[test]
fn attack_extension_header_chain_over_the_output() {
    let mut frame = vec![0x7e, 0x33];
    for _ in 0..5 {
        frame.extend([0xe1, 6, 1, 4, 0, 0, 0, 0]);
    }
    frame.extend([0xe0, 58, 6, 1, 4, 0, 0, 0, 0]);
    assert_eq!(refused(&frame, None, 60), Error::TooLarge);
    // More headers than any packet has use for, each the shortest.
    let mut frame = vec![0x7e, 0x33];
    frame.extend([0xe1, 0].repeat(40));
    assert_eq!(refused(&frame, None, 1280), Error::Unsupported);
}

/// CVE-2022-36052: a UDP header cut in the middle, with each form of ports.
#[test]
fn attack_udp_header_cut_in_the_middle() {
    for nhc in 0xf0..=0xf7u8 {
        let whole = [4, 3, 3, 1][usize::from(nhc & 3)] + if nhc & 4 == 0 { 2 } else { 0 };
        for len in 0..whole {
            let mut frame = vec![0x7e, 0x33, nhc];
            frame.extend(vec![1; len]);
            assert_eq!(refused(&frame, None, 1280), Error::Malformed);
        }
    }
}

/// CVE-2021-3323: a compressed header shorter than its own flags imply, for all flags.
#[test]
fn attack_iphc_shorter_than_its_flags() {
    for first in 0x60..=0x7fu8 {
        for second in 0..=255u8 {
            let whole = [first, second].into_iter().chain([0xff; 60]).collect::<Vec<u8>>();
            let mut entries = [Context::default(); 16];
            let contexts = contexts(&mut entries);
            let mut reader = Reader::new(&whole);
            if iphc::decompress(&mut reader, ends(), &contexts).is_ok() {
                for len in 0..reader.position() {
                    assert_eq!(refused(&whole[..len], None, 1280), Error::Malformed);
                }
            }
        }
    }
}

/// CVE-2020-13986 and CVE-2023-29001: extension headers of length 0, and nested for ever.
#[test]
fn attack_extension_header_of_length_zero() {
    let mut entries = [Context::default(); 16];
    let contexts = contexts(&mut entries);
    let mut out = [0; 100];
    let back = decompress(&[0x7e, 0x33, 0xe0, 58, 0], ends(), &contexts, None, &mut out).unwrap();
    assert_eq!(back.len, 48);
    assert_eq!(out[40..48], [58, 0, 1, 4, 0, 0, 0, 0]);
    let nested = [0x7e, 0x33].into_iter().chain([0xee, 0x7e, 0x33].repeat(20)).collect::<Vec<u8>>();
    assert_eq!(refused(&nested, None, 1280), Error::Unsupported);
    assert_eq!(refused(&[0x7e, 0x33, 0xe3, 0], None, 1280), Error::Malformed);
}

/// smoltcp PR 997: a datagram size under that of the headers.
#[test]
fn attack_datagram_size_under_the_headers() {
    let frame = [0x7e, 0x33, 0xf3, 0x12, 1, 2, 7, 7, 7];
    for total in 0..51 {
        assert_eq!(refused(&frame, Some(total), 1280), Error::Malformed);
    }
    let mut plain = vec![0x41];
    plain.extend(ipv6(58, &[1; 8], [1; 16], [2; 16], 64, 0));
    assert_eq!(refused(&plain, Some(39), 1280), Error::Malformed);
    assert_eq!(refused(&plain[..30], None, 1280), Error::Malformed);
}

#[test]
fn a_fragmented_ipv6_packet_keeps_what_is_no_header() {
    // Offset 8: what follows is the middle of a UDP datagram, though it looks like a header.
    let mut bytes = vec![UDP, 0, 0, 8, 0, 0, 0, 1];
    bytes.extend([0xf0, 0xb1, 0xf0, 0xb2, 0, 12, 1, 2, 3, 4, 5, 6]);
    let packet = ipv6(44, &bytes, [1; 16], [2; 16], 64, 0);
    let mut entries = [Context::default(); 16];
    let done = compress(&packet, ends(), &contexts(&mut entries), false, &mut [0; 200]).unwrap();
    assert_eq!(done.consumed, 48);
}
