// SPDX-License-Identifier: MIT OR Apache-2.0
//! 6LoRH on sending: what RPL puts in front of a packet, in the form of RFC 8138.
//!
//! The packet information becomes an RPI-6LoRH, the hops that are left of a source route become SRH-6LoRH
//! headers, a tunnel becomes an IP-in-IP-6LoRH. What takes fragments is told as large as the receiver makes it
//! (RFC 4944 §5.3), whose source route has only the hops left, each in full.
#![forbid(unsafe_code)]

use super::context::Contexts;
use super::fragment::MAX_DATAGRAM;
use super::interface::Codec;
use super::iphc::{Ends, IPV6_HEADER, addresses, put_addresses};
use super::nhc::next_header::{HOP_BY_HOP, IPV6, ROUTING};
use super::packet::Compressed;
use super::sixlorh::{Dodag, MAX_HOPS, PAGE_1, TYPE_IP_IN_IP, TYPE_RPI, address_len, coalesce};
use crate::bytes::{Parts, Writer};
use crate::status::{Error, Result};

/// The most that stands in one part of a packet, headers of RPL aside, beside another part.
const MOST: usize = 128;
/// How many addresses one SRH-6LoRH holds.
const PER_HEADER: usize = 32;

/// The hops that are left of a routing header of type 3 (RFC 6554), behind the destination.
#[derive(Clone, Copy, Default)]
struct Route<'a> {
    addresses: &'a [u8],
    /// How many bytes of each are the destination's, and of the last.
    shared: [usize; 2],
    /// How many addresses were visited, and how many there are in all.
    from: usize,
    count: usize,
}

impl<'a> Route<'a> {
    fn parse(header: &'a [u8]) -> Option<Route<'a>> {
        let (&[_, _, 3, left, shared, pad, _, _], rest) = header.split_first_chunk()? else { return None };
        let shared = [usize::from(shared >> 4), usize::from(shared & 15)];
        let addresses = rest.get(..rest.len().checked_sub(usize::from(pad >> 4))?)?;
        let mut before_last = addresses.len().checked_sub(16 - shared[1])?;
        let mut count = 1usize;
        while before_last > 0 {
            before_last = before_last.checked_sub(16 - shared[0])?;
            count += 1;
        }
        let from = count.checked_sub(usize::from(left))?;
        (count < MAX_HOPS).then_some(Route { addresses, shared, from, count })
    }

    /// The address at `index`; what is left out of it is the destination's.
    fn at(&self, index: usize, destination: &[u8; 16]) -> [u8; 16] {
        let is_last = index + 1 == self.count;
        let shared = self.shared[usize::from(is_last)];
        let start = index * (16 - self.shared[0]);
        let mut address = *destination;
        coalesce(&mut address, self.addresses.get(start..start + 16 - shared).unwrap_or_default());
        address
    }
}

/// How the headers of RPL at the front of a packet are told.
struct Front<'a> {
    rpi: Option<[u8; 4]>,
    route: Route<'a>,
    /// The next header behind them, and where it begins.
    next: u8,
    size: usize,
}

impl<'a> Front<'a> {
    fn parse(packet: &'a [u8], header: &[u8; IPV6_HEADER], option_type: u8) -> Option<Front<'a>> {
        let mut front = Front { rpi: None, route: Route::default(), next: header[6], size: IPV6_HEADER };
        if front.next == HOP_BY_HOP {
            let options = packet.get(front.size..)?.first_chunk::<8>()?;
            // Alone, with the type that the receiver puts in, and without reserved flags.
            let [next, 0, kind, 4, flags, instance, high, low] = *options else { return None };
            if kind != option_type || flags & 0x1f != 0 {
                return None;
            }
            (front.rpi, front.next) = (Some([flags, instance, high, low]), next);
            front.size += 8;
        }
        if front.next == ROUTING {
            let [next, units, ..] = *packet.get(front.size..)? else { return None };
            let size = 8 + 8 * usize::from(units);
            front.route = Route::parse(packet.get(front.size..front.size + size)?)?;
            front.next = next;
            front.size += size;
        }
        Some(front)
    }

    /// How long the receiver makes these headers, that of IPv6 included.
    fn expanded_len(&self) -> usize {
        let options = if self.rpi.is_some() { 8 } else { 0 };
        let hops = self.route.count - self.route.from;
        IPV6_HEADER + options + if hops > 0 { 8 + 16 * hops } else { 0 }
    }

    /// The type of SRH-6LoRH that suffices for `hops` hops, the first after `reference`, each
    /// other after that before it.
    fn kind(&self, hops: usize, reference: [u8; 16], destination: &[u8; 16]) -> u8 {
        let mut before = reference;
        let mut kind = 0;
        for hop in 0..hops {
            let address = self.hop(hop, destination);
            while kind < 4 && !coalesces(&before, &address, address_len(kind)) {
                kind += 1;
            }
            before = address;
        }
        kind
    }

    /// The hop of that number; the first is the packet's destination.
    fn hop(&self, hop: usize, destination: &[u8; 16]) -> [u8; 16] {
        match hop.checked_sub(1) {
            None => *destination,
            Some(hop) => self.route.at(self.route.from + hop, destination),
        }
    }
}

/// Whether the last `len` bytes are all in which the two differ.
fn coalesces(before: &[u8; 16], after: &[u8; 16], len: usize) -> bool {
    before.get(..16 - len) == after.get(..16 - len)
}

/// Compresses the headers of `packet`, those of RPL included, into `room`; `compress` is how what is behind
/// these is compressed. The address of the DODAG's root is left out where it is known. Besides, says how large the
/// packet is that the receiver makes of it.
///
/// # Errors
/// [`Error::Unsupported`] for a packet without such headers, or whose headers hold what 6LoRH cannot
/// tell; [`Error::TooLarge`] when they do not fit, or the receiver's packet would be too large; those of `compress`.
pub(super) fn compress(
    packet: Parts<'_>,
    ends: Ends,
    contexts: &Contexts<'_>,
    elide_udp_checksum: bool,
    dodag: &Dodag,
    compress: Codec,
    room: &mut [u8],
) -> Result<(Compressed, usize)> {
    let header = packet.head.first_chunk::<IPV6_HEADER>().ok_or(Error::Malformed)?;
    let front = Front::parse(packet.head, header, dodag.option_type()).ok_or(Error::Unsupported)?;
    // Which root is meant where its address is left out tells the instance, unless that is a local one
    // (RFC 8138 §4.3.2).
    let root = match front.rpi {
        Some([_, 0..=0x7f, ..]) => dodag.root,
        _ => None,
    };
    let tunnel = front.next == IPV6;
    if front.size == IPV6_HEADER && !tunnel {
        return Err(Error::Unsupported);
    }
    let (source, destination) = (*addresses(header).0, *addresses(header).1);
    let listed = front.route.count - front.route.from;
    let mut behind = packet;
    behind.skip(front.size);
    let mut out = Writer::new(room);
    out.u8(PAGE_1)?;
    let mut hops = if tunnel { listed + 1 } else { listed };
    if tunnel {
        // The outer header is rebuilt without class and label.
        if header[..4] != [0x60, 0, 0, 0] {
            return Err(Error::Unsupported);
        }
        // Upwards the root is meant where no hop is told. Downwards it would be the inner destination, which is
        // told in terms of the outer one itself: so the hop is told.
        let down = front.rpi.is_some_and(|[flags, ..]| flags & 0x80 != 0);
        if listed == 0 && !down && root.map(|root| root.0) == Some(destination) {
            hops = 0;
        }
    }
    // A node that knows no root takes the addresses from nothing.
    put_route(&front, hops, source, &destination, &mut out)?;
    if let Some([flags, instance, high, low]) = front.rpi {
        let short = [u8::from(instance == 0) << 1, u8::from(low == 0)];
        out.put(&[0x80 | flags >> 3 | short[0] | short[1], TYPE_RPI])?;
        if instance != 0 {
            out.u8(instance)?;
        }
        out.u8(high)?;
        if low != 0 {
            out.u8(low)?;
        }
    }
    let mut bytes = [0; MOST];
    let mut inner = behind;
    let mut ends = ends;
    if tunnel {
        let reference = root.map_or([0; 16], |root| root.0);
        // The root's own address takes nothing; all 16 bytes are understood by those without a root.
        let len = [0usize, 1, 2, 4, 8]
            .into_iter()
            .find(|len| root.is_some() && coalesces(&reference, &source, *len));
        let len = len.unwrap_or(16);
        out.put(&[0xa0 | (1 + len) as u8, TYPE_IP_IN_IP, header[7]])?;
        out.put(source.get(16 - len..).unwrap_or_default())?;
        let end = if hops > 0 { front.hop(hops - 1, &destination) } else { destination };
        ends = Ends::of_addresses(&source, &end);
    } else {
        // Without the headers that went before; the last hop is where it goes.
        let mut header = *header;
        let last = if listed > 0 { front.hop(listed, &destination) } else { destination };
        put_addresses(&mut header, &source, &last);
        header[6] = front.next;
        let length = u16::try_from(behind.len()).map_err(|_| Error::TooLarge)?;
        [header[4], header[5]] = length.to_be_bytes();
        let mut stripped = Writer::new(&mut bytes);
        stripped.put(&header)?;
        inner.tail = behind.head;
        if !behind.tail.is_empty() {
            stripped.put(behind.head)?;
            inner.tail = behind.tail;
        }
        inner.head = stripped.finish();
    }
    let at = out.position();
    // Behind a source route the checksum of UDP stays (RFC 6282 §4.3.2), as it is not over that packet's destination.
    let elide = elide_udp_checksum && (tunnel || hops == 0);
    let compressed = compress(inner, ends, contexts, elide, out.room())?;
    let rest = inner.len() - compressed.consumed;
    let size = front.expanded_len() + behind.len();
    if size > MAX_DATAGRAM {
        return Err(Error::TooLarge);
    }
    Ok((Compressed { len: at + compressed.len, consumed: packet.len() - rest }, size))
}

/// Writes the hops as SRH-6LoRH headers of one type.
fn put_route(
    front: &Front<'_>,
    hops: usize,
    reference: [u8; 16],
    destination: &[u8; 16],
    out: &mut Writer<'_>,
) -> Result<()> {
    let kind = front.kind(hops, reference, destination);
    let len = address_len(kind);
    for hop in 0..hops {
        if hop % PER_HEADER == 0 {
            out.put(&[0x80 | ((hops - hop).min(PER_HEADER) as u8 - 1), kind])?;
        }
        let address = front.hop(hop, destination);
        out.put(address.get(16 - len..).unwrap_or_default())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::context::Context;
    use super::super::{packet, sixlorh};
    use super::*;
    use crate::address::Ip;
    use crate::ieee802154::LinkAddress;
    use proptest::prelude::*;

    const ROOT: Ip = Ip::v6([0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, 1]);

    fn node(last: u16) -> [u8; 16] {
        Ip::v6([0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, last]).0
    }

    fn ipv6(next: u8, hop_limit: u8, from: [u8; 16], to: [u8; 16], payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 0, next, hop_limit];
        bytes[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
        bytes.extend(from);
        bytes.extend(to);
        bytes.extend(payload);
        bytes
    }

    /// A routing header of type 3 with the addresses behind the destination, of which `left` are
    /// still to be visited, without the first bytes that all share.
    fn route(next: u8, addresses: &[[u8; 16]], left: usize, shared: [usize; 2]) -> Vec<u8> {
        let (last, others) = addresses.split_last().unwrap();
        let mut body: Vec<u8> = others.iter().flat_map(|address| address[shared[0]..].to_vec()).collect();
        body.extend(&last[shared[1]..]);
        let pad = (8 - body.len() % 8) % 8;
        body.extend(vec![0; pad]);
        let cmpr = (shared[0] << 4 | shared[1]) as u8;
        let mut bytes = vec![next, (body.len() / 8) as u8, 3, left as u8, cmpr, (pad << 4) as u8, 0, 0];
        bytes.extend(body);
        bytes
    }

    fn shrink(packet: &[u8], root: Option<Ip>, room: usize) -> Result<Vec<u8>> {
        let mut entries = [Context::default(); 1];
        let mut contexts = Contexts::new(&mut entries);
        contexts.set(0, ROOT, 64, true).unwrap();
        let ends = Ends::of_link(LinkAddress::Short(1), LinkAddress::Short(0xa));
        let mut out = [0; 127];
        let dodag = Dodag { root, ..Dodag::NONE };
        let whole = Parts::whole(packet);
        let (done, size) =
            compress(whole, ends, &contexts, false, &dodag, packet::compress, &mut out[..room])?;
        let rest = &packet[done.consumed..];
        let small = [&out[..done.len], rest].concat();
        // The size that is told is that of what comes out.
        assert_eq!(expand(&small, root).len(), size);
        assert_eq!((size - rest.len()) % 8, 0);
        // In two parts, as the engine makes them.
        for cut in [done.consumed, packet.len() - rest.len() / 2] {
            let (head, tail) = packet.split_at(cut);
            if head.len() <= MOST {
                let mut other = [0; 127];
                let parts = Parts { head, tail };
                let again =
                    compress(parts, ends, &contexts, false, &dodag, packet::compress, &mut other[..room]);
                assert_eq!((again, &other[..done.len]), (Ok((done, size)), &out[..done.len]));
            }
        }
        if small.len() > room { Err(Error::TooLarge) } else { Ok(small) }
    }

    fn expand(payload: &[u8], root: Option<Ip>) -> Vec<u8> {
        let mut entries = [Context::default(); 1];
        let mut contexts = Contexts::new(&mut entries);
        contexts.set(0, ROOT, 64, true).unwrap();
        let ends = Ends::of_link(LinkAddress::Short(1), LinkAddress::Short(0xa));
        let mut out = [0; 2048];
        assert_eq!(payload[0], PAGE_1);
        let dodag = Dodag { root, ..Dodag::NONE };
        let done = sixlorh::decompress(&payload[1..], ends, &contexts, &dodag, None, &mut out).unwrap();
        out[..done.len].to_vec()
    }

    const RPI: [u8; 4] = [0x80, 0, 1, 0];

    fn options(next: u8, [a, b, c, d]: [u8; 4]) -> Vec<u8> {
        vec![next, 0, 0x63, 4, a, b, c, d]
    }

    /// RFC 8138 figures 16, 19 and 20: the forms that its examples have.
    #[test]
    fn the_forms_of_the_rfc_are_written() {
        let echo = [128, 0, 1, 2];
        let plain = [options(58, [0xc0, 0, 3, 0]), echo.to_vec()].concat();
        let small = shrink(&ipv6(0, 64, node(2), node(1), &plain), None, 127).unwrap();
        assert_eq!(small[..4], [PAGE_1, 0x9b, 5, 3]);
        let full = [options(58, [0, 0x1e, 3, 1]), echo.to_vec()].concat();
        let small = shrink(&ipv6(0, 64, node(2), node(1), &full), None, 127).unwrap();
        assert_eq!(small[..6], [PAGE_1, 0x80, 5, 0x1e, 3, 1]);
        // A tunnel of the root, in storing mode, and along a route.
        let inner = ipv6(58, 64, node(9), node(0xd), &echo);
        let outer = ipv6(0, 63, ROOT.0, node(0xd), &[options(41, RPI), inner.clone()].concat());
        let small = shrink(&outer, Some(ROOT), 127).unwrap();
        assert_eq!(small[..10], [PAGE_1, 0x80, 0, 0xd, 0x93, 5, 1, 0xa1, 6, 63]);
        let hops = route(41, &[node(0xb), node(0xc)], 2, [14, 14]);
        let outer = ipv6(0, 63, ROOT.0, node(0xa), &[options(43, RPI), hops, inner].concat());
        let small = shrink(&outer, Some(ROOT), 127).unwrap();
        assert_eq!(small[..12], [PAGE_1, 0x82, 0, 0xa, 0xb, 0xc, 0x93, 5, 1, 0xa1, 6, 63]);
    }

    /// RFC 8138 §5.1: a header holds 32 hops.
    #[test]
    fn a_route_of_more_hops_than_a_header_holds_takes_several() {
        let hops: Vec<[u8; 16]> = (0x10..0x38).map(node).collect();
        let inner = ipv6(58, 64, node(9), node(0x37), &[128, 0, 1, 2]);
        let route = route(41, &hops[1..], 39, [0, 0]);
        let packet = ipv6(0, 63, ROOT.0, hops[0], &[options(43, RPI), route, inner].concat());
        let small = shrink(&packet, Some(ROOT), 127).unwrap();
        assert_eq!((&small[..4], &small[35..38]), (&[PAGE_1, 0x9f, 0, 0x10][..], &[0x87, 0, 0x30][..]));
        assert_eq!(expand(&small, Some(ROOT)), packet);
    }

    /// RFC 8138 §4.3.2: without packet information, or with that of a local instance, nobody knows which root.
    #[test]
    fn the_roots_address_is_left_out_only_where_an_instance_tells_which() {
        let inner = ipv6(58, 64, node(9), node(0xd), &[128, 0, 1, 2]);
        for rpi in [None, Some([0, 0x80, 1, 0]), Some([0x80, 0xc1, 1, 0])] {
            let front = rpi.map_or(Vec::new(), |rpi| options(41, rpi));
            let first = if front.is_empty() { 41 } else { 0 };
            for (from, to) in [(ROOT.0, node(0xd)), (node(0xd), ROOT.0)] {
                let packet = ipv6(first, 63, from, to, &[front.clone(), inner.clone()].concat());
                let small = shrink(&packet, Some(ROOT), 127).unwrap();
                assert!(small.windows(16).any(|bytes| bytes == from), "the encapsulator in full");
                assert!(small[1] >> 5 == 0b100 && small[2] < 5, "and the destination as a hop");
                assert_eq!(expand(&small, Some(ROOT)), packet);
            }
        }
    }

    #[test]
    fn what_it_cannot_tell_is_left_to_others() {
        let echo = [128, 0, 1, 2];
        let refused = |packet: &[u8]| shrink(packet, Some(ROOT), 127).unwrap_err();
        assert_eq!(refused(&ipv6(58, 64, node(1), node(2), &echo)), Error::Unsupported);
        // The other type of the option, other options, reserved flags; another kind of route, more
        // left of it than there is, and one longer than is understood.
        for options in [[58, 0, 0x23, 4, 0, 0, 1, 0], [58, 0, 1, 4, 0, 0, 0, 0], [58, 0, 0x63, 4, 1, 0, 1, 0]]
        {
            assert_eq!(
                refused(&ipv6(0, 64, node(1), node(2), &[&options[..], &echo].concat())),
                Error::Unsupported
            );
        }
        let mut other = route(58, &[node(3), node(4)], 2, [0, 0]);
        other.extend(echo);
        for (at, value) in [(2, 0), (3, 3), (5, 0xf0), (1, 5)] {
            let mut bad = other.clone();
            bad[at] = value;
            assert_eq!(refused(&ipv6(43, 64, node(1), node(2), &bad)), Error::Unsupported, "{at}");
        }
        let long: Vec<[u8; 16]> = (0..MAX_HOPS as u16).map(node).collect();
        assert_eq!(
            refused(&ipv6(43, 64, node(1), node(2), &route(58, &long, 64, [14, 14]))),
            Error::Unsupported
        );
        // An outer header with a traffic class.
        let mut outer = ipv6(41, 63, ROOT.0, node(0xd), &ipv6(58, 64, node(9), node(0xd), &echo));
        outer[0] = 0x61;
        assert_eq!(refused(&outer), Error::Unsupported);
        // Too long for a frame.
        let long = [options(58, RPI), vec![7; 150]].concat();
        assert_eq!(refused(&ipv6(0, 64, node(2), node(1), &long)), Error::TooLarge);
        let longer = [options(58, RPI), vec![7; 1200]].concat();
        assert_eq!(refused(&ipv6(0, 64, node(2), node(1), &longer)), Error::TooLarge);
    }

    /// RFC 6282 §4.3.2: UDP checksums that are elided behind headers of RPL come back; behind a source route they stay.
    #[cfg(feature = "udp-elision")]
    #[test]
    fn checksums_are_elided_but_behind_a_source_route() {
        let contexts = Contexts::new(&mut []);
        let ends = Ends::of_link(LinkAddress::Short(1), LinkAddress::Short(0xa));
        let dodag = Dodag { root: Some(ROOT), ..Dodag::NONE };
        let mut udp = vec![0x16, 0x33, 0x16, 0x34, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        let sum = crate::checksum::transport(&Ip(node(9)), &Ip(node(0xd)), 17, &udp);
        udp[6..8].copy_from_slice(&sum.to_be_bytes());
        for (tunnel, routed) in [(false, false), (false, true), (true, false), (true, true)] {
            let (next, behind) =
                if tunnel { (41, ipv6(17, 64, node(9), node(0xd), &udp)) } else { (17, udp.clone()) };
            let last = if tunnel { node(0xc) } else { node(0xd) };
            let route = if routed { route(next, &[node(0xb), last], 2, [0, 0]) } else { Vec::new() };
            let (after, to) =
                if routed { (43, node(0xa)) } else { (next, if tunnel { ROOT.0 } else { node(0xd) }) };
            let from = if tunnel { ROOT.0 } else { node(9) };
            let mut packet = ipv6(0, 63, from, to, &[options(after, RPI), route, behind].concat());
            let mut frame = [0; 127];
            let mut shrink = |packet: &[u8], elide| -> Result<Vec<u8>> {
                let whole = Parts::whole(packet);
                let done = compress(whole, ends, &contexts, elide, &dodag, packet::compress, &mut frame)?.0;
                Ok([&frame[..done.len], &packet[done.consumed..]].concat())
            };
            let (plain, small) = (shrink(&packet, false).unwrap(), shrink(&packet, true).unwrap());
            assert_eq!(plain.len() - small.len(), if routed && !tunnel { 0 } else { 2 }, "{tunnel} {routed}");
            let mut out = [0; 400];
            let done = sixlorh::decompress(&small[1..], ends, &contexts, &dodag, None, &mut out).unwrap();
            if let Some(missing) = done.missing_checksum {
                missing.fill(&mut out[..done.len]);
            }
            assert_eq!(out[..done.len], packet, "{tunnel} {routed}");
            // One that is wrong is not elided.
            *packet.last_mut().unwrap() ^= 1;
            assert_eq!(shrink(&packet, true).is_err(), tunnel || !routed);
        }
    }

    /// Of the source route the receiver writes every address in full.
    #[test]
    fn what_the_receiver_has_no_room_for_is_left_to_others() {
        let hops: Vec<[u8; 16]> = (0x10..0x38).map(node).collect();
        let contexts = Contexts::new(&mut []);
        let ends = Ends::of_link(LinkAddress::Short(1), LinkAddress::Short(0xa));
        for (payload, size) in [(840, Ok(MAX_DATAGRAM)), (841, Err(Error::TooLarge))] {
            let route = route(58, &hops, 40, [14, 14]);
            let body = [options(43, RPI), route, vec![7; payload]].concat();
            let packet = ipv6(0, 64, node(1), node(2), &body);
            let whole = Parts::whole(&packet);
            let done = compress(whole, ends, &contexts, false, &Dodag::NONE, packet::compress, &mut [0; 127]);
            assert_eq!(done.map(|(_, size)| size), size);
        }
    }

    fn address() -> impl Strategy<Value = [u8; 16]> {
        prop_oneof![
            3 => (1u16..30).prop_map(node),
            1 => any::<[u8; 8]>().prop_map(|low| [&ROOT.0[..8], &low].concat().try_into().unwrap()),
        ]
    }

    /// Downwards to the destination itself, which neither end of the link is.
    #[test]
    fn a_tunnel_that_ends_where_its_packet_does_comes_back() {
        let inner = ipv6(58, 64, node(0x13), node(0x13), &[]);
        let packet = ipv6(0, 63, ROOT.0, node(0x13), &[options(41, RPI), inner].concat());
        for root in [None, Some(ROOT)] {
            assert_eq!(expand(&shrink(&packet, root, 127).unwrap(), root), packet);
        }
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back_without_the_hops_behind(
            rpi in proptest::option::of((0u8..8, any::<[u8; 3]>())), tunnel: bool, known: bool,
            (from, to, end) in (address(), address(), address()), hops in proptest::collection::vec(address(), 0..8),
            left in 0usize..9, shared in (0usize..9, 0usize..9), payload in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let rpi = rpi.map(|(flags, [a, b, c])| [flags << 5, a, b, c]);
            let left = left.min(hops.len());
            let inner = if tunnel { ipv6(58, 64, to, end, &payload) } else { payload };
            let next = if tunnel { 41 } else { 58 };
            let with = |route: Vec<u8>, to: [u8; 16]| {
                let after = if route.is_empty() { next } else { 43 };
                let front = rpi.map_or(Vec::new(), |rpi| options(after, rpi));
                let first = if front.is_empty() { after } else { 0 };
                ipv6(first, 63, from, to, &[front, route, inner.clone()].concat())
            };
            let packet = match hops.is_empty() {
                true => with(Vec::new(), to),
                false => with(route(next, &hops, left, [shared.0, shared.1]), to),
            };
            let root = known.then_some(ROOT);
            match shrink(&packet, root, 127) {
                Ok(small) => {
                    let rest = &hops[hops.len() - left..];
                    let expected = match rest.is_empty() {
                        true => with(Vec::new(), to),
                        false => with(route(next, rest, left, [0, 0]), to),
                    };
                    prop_assert_eq!(expand(&small, root), expected);
                }
                Err(Error::TooLarge) => prop_assert!(packet.len() > 90),
                Err(error) => prop_assert!(error == Error::Unsupported && rpi.is_none() && hops.is_empty() && !tunnel),
            }
        }

        #[test]
        fn arbitrary_packets_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), next in prop_oneof![Just(0u8), Just(43), Just(41)], room in 0usize..127) {
            if let Some(kind) = bytes.get_mut(6) {
                *kind = next;
            }
            let _ = shrink(&bytes, Some(ROOT), room);
        }
    }
}
