// SPDX-License-Identifier: MIT OR Apache-2.0
//! 6LoRH: RPL's headers in their compressed form, understood on receipt (RFC 8138).
//!
//! What comes is expanded into the IPv6 packet that it stands for: the RPI into a hop-by-hop
//! header, the source route into a routing header, the encapsulation into an outer IPv6 header.
#![forbid(unsafe_code)]

use super::context::Contexts;
use super::iphc::{self, Ends, IPV6_HEADER, addresses, put_addresses};
use super::nhc::next_header::{HOP_BY_HOP, IPV6, ROUTING};
use super::packet::{self, Decompressed};
use crate::address::Ip;
use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// The dispatch byte that switches to page 1 (RFC 8025), where 6LoRH headers are.
pub(super) const PAGE_1: u8 = 0xf1;

pub(super) const TYPE_RPI: u8 = 5;
pub(super) const TYPE_IP_IN_IP: u8 = 6;
/// The longest source route that is taken.
pub(super) const MAX_HOPS: usize = 64;

/// What 6LoRH headers leave out, since all nodes of a DODAG know it.
#[derive(Clone, Copy, Debug)]
pub struct Dodag {
    /// The address of the root; `None` when it is not known.
    pub root: Option<Ip>,
    /// Whether the RPL option has type 0x23, not 0x63 (RFC 9008 §4.3).
    pub option_0x23: bool,
}

impl Dodag {
    /// Outside of any.
    pub(super) const NONE: Dodag = Dodag { root: None, option_0x23: false };

    /// The type of the RPL option.
    pub(super) const fn option_type(&self) -> u8 {
        if self.option_0x23 { 0x23 } else { 0x63 }
    }
}

/// The 6LoRH headers of a packet.
#[derive(Clone, Copy, Debug, Default)]
struct Headers<'a> {
    /// The SRH-6LoRH headers, one behind the other.
    route: &'a [u8],
    /// Flags, instance and rank as in the RPL option (RFC 6553 §3).
    rpi: Option<[u8; 4]>,
    /// Hop limit and what is told of the encapsulator's address.
    encapsulation: Option<(u8, &'a [u8])>,
}

/// How long an address in an SRH-6LoRH of that type is.
pub(super) const fn address_len(kind: u8) -> usize {
    1 << kind
}

impl<'a> Headers<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Headers<'a>> {
        let mut headers = Headers::default();
        let mut route: Option<(&'a [u8], usize)> = None;
        // Every round takes at least two bytes.
        while reader.peek().is_some_and(|first| first >> 6 == 0b10) {
            let start = reader.rest();
            let [first, kind] = reader.array()?;
            let size = usize::from(first & 0x1f);
            let elective = first & 0x20 != 0;
            // What stands behind an encapsulation belongs to the packet within (RFC 8138 §3.2.2), whose headers
            // are taken as they are.
            if headers.encapsulation.is_some() && (!elective || kind == TYPE_IP_IN_IP) {
                return Err(Error::Unsupported);
            }
            match (elective, kind) {
                (false, 0..=4) => {
                    reader.take((size + 1) * address_len(kind))?;
                    let len = start.len() - reader.remaining();
                    // They stand together.
                    route = match route {
                        None => Some((start, len)),
                        Some((from, before)) if from.len() - before == start.len() => {
                            Some((from, before + len))
                        }
                        Some(_) => return Err(Error::Malformed),
                    };
                }
                (false, TYPE_RPI) => {
                    let instance = if first & 2 != 0 { 0 } else { reader.u8()? };
                    let [high, low] = if first & 1 != 0 { [reader.u8()?, 0] } else { reader.array()? };
                    headers.rpi = Some([(first & 0x1c) << 3, instance, high, low]);
                }
                // What is critical and unknown forbids to take the packet.
                (false, _) => return Err(Error::Unsupported),
                (true, TYPE_IP_IN_IP) => {
                    let (hop_limit, address) = reader.take(size)?.split_first().ok_or(Error::Malformed)?;
                    headers.encapsulation = Some((*hop_limit, address));
                }
                (true, _) => {
                    reader.take(size)?;
                }
            }
        }
        if let Some((from, len)) = route {
            headers.route = from.get(..len).unwrap_or_default();
        }
        Ok(headers)
    }

    /// How many hops the source route has.
    fn hops(&self) -> usize {
        let mut reader = Reader::new(self.route);
        let mut hops = 0;
        while let Ok([first, kind]) = reader.array() {
            let count = usize::from(first & 0x1f) + 1;
            let _ = reader.take(count * address_len(kind.min(4)));
            hops += count;
        }
        hops
    }

    /// Tells each address of the source route in turn, the first completed from `reference`, each
    /// other from that before it (RFC 8138 §5.4).
    fn each_hop(
        &self,
        reference: [u8; 16],
        mut tell: impl FnMut(usize, &[u8; 16]) -> Result<()>,
    ) -> Result<()> {
        let mut reader = Reader::new(self.route);
        let mut address = reference;
        let mut index = 0;
        while !reader.is_empty() {
            let [first, kind] = reader.array()?;
            for _ in 0..=first & 0x1f {
                coalesce(&mut address, reader.take(address_len(kind.min(4)))?);
                tell(index, &address)?;
                index += 1;
            }
        }
        Ok(())
    }
}

/// Overrides the last bytes of an address (RFC 8138 §4.3.1).
pub(super) fn coalesce(address: &mut [u8; 16], last: &[u8]) {
    for (to, from) in address.iter_mut().rev().zip(last.iter().rev()) {
        *to = *from;
    }
}

/// Expands what follows the page switch, with what is known of the DODAG; the rest is as with [`packet::decompress`]. For a first fragment, `total` is the size of
/// the expanded packet.
///
/// # Errors
/// Those of [`packet::decompress`]; [`Error::Unsupported`] for an unknown critical header, one behind an
/// encapsulation, more than 64 hops, and a UDP checksum elided behind a source route; [`Error::NotFound`] when the
/// root's address is needed and not known.
pub(super) fn decompress(
    payload: &[u8],
    mut ends: Ends,
    contexts: &Contexts<'_>,
    dodag: &Dodag,
    total: Option<usize>,
    out: &mut [u8],
) -> Result<Decompressed> {
    let mut reader = Reader::new(payload);
    let headers = Headers::parse(&mut reader)?;
    let rest = reader.rest();
    let hops = headers.hops();
    if hops > MAX_HOPS {
        return Err(Error::Unsupported);
    }
    let inner = iphc::decompress(&mut reader, ends, contexts)?.header;
    let (mut source, mut destination) = (*addresses(&inner).0, *addresses(&inner).1);
    // The hops that the routing header holds: all but the first, which is the destination; and
    // without encapsulation, the final destination.
    let tunnel = headers.encapsulation;
    let listed = if tunnel.is_some() { hops.saturating_sub(1) } else { hops };
    let route_len = if listed == 0 { 0 } else { 8 + 16 * listed };
    let rpi_len = if headers.rpi.is_some() { 8 } else { 0 };
    let outer_len = if tunnel.is_some() { IPV6_HEADER } else { 0 };
    let shift = outer_len + rpi_len + route_len;
    if let Some((_, encapsulator)) = tunnel {
        let known = dodag.root.map(|root| root.0);
        let full = encapsulator.len() == 16;
        source = known.or(full.then_some([0; 16])).ok_or(Error::NotFound)?;
        coalesce(&mut source, encapsulator);
        let down = headers.rpi.is_some_and(|[flags, ..]| flags & 0x80 != 0);
        if hops == 0 && !down {
            destination = known.ok_or(Error::NotFound)?;
        }
    }
    let last = destination;
    // Who ends the encapsulation: the last hop.
    let mut tunnel_end = destination;
    headers.each_hop(source, |index, hop| {
        if index == 0 {
            destination = *hop;
        }
        tunnel_end = *hop;
        Ok(())
    })?;
    if tunnel.is_some() {
        ends = Ends::of_addresses(&source, &tunnel_end);
    }
    let room = out.get_mut(shift..).ok_or(Error::TooLarge)?;
    let total = match total {
        Some(total) => Some(total.checked_sub(shift).ok_or(Error::Malformed)?),
        None => None,
    };
    let mut result = packet::decompress(rest, ends, contexts, total, room)?;
    if let Some(missing) = &mut result.missing_checksum {
        if listed > 0 && tunnel.is_none() {
            return Err(Error::Unsupported);
        }
        missing.shift(shift, tunnel.is_none());
    }
    result.len += shift;

    // The front: the outer header or the packet's own, then the options, then the route.
    let mut header = *room.first_chunk::<IPV6_HEADER>().ok_or(Error::Malformed)?;
    let next = if tunnel.is_some() { IPV6 } else { header[6] };
    let length = usize::from(u16::from_be_bytes([header[4], header[5]])) + shift;
    if let Some((hop_limit, _)) = tunnel {
        header = [0; IPV6_HEADER];
        header[0] = 0x60;
        header[7] = hop_limit;
    }
    [header[4], header[5]] = u16::try_from(length).map_err(|_| Error::TooLarge)?.to_be_bytes();
    put_addresses(&mut header, &source, &destination);
    let after_options = if route_len > 0 { ROUTING } else { next };
    header[6] = if rpi_len > 0 { HOP_BY_HOP } else { after_options };
    let mut front = Writer::new(out);
    front.put(&header)?;
    if let Some([flags, instance, high, low]) = headers.rpi {
        front.put(&[after_options, 0, dodag.option_type(), 4, flags, instance, high, low])?;
    }
    if route_len > 0 {
        // Type 3, all addresses in full.
        front.put(&[next, (2 * listed) as u8, 3, listed as u8, 0, 0, 0, 0])?;
        headers.each_hop(source, |index, hop| if index > 0 { front.put(hop) } else { Ok(()) })?;
        if tunnel.is_none() {
            front.put(&last)?;
        }
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::super::context::Context;
    use super::*;
    use crate::ieee802154::LinkAddress;
    use proptest::prelude::*;

    const ROOT: Ip = Ip::v6([0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, 1]);

    fn node(last: u16) -> [u8; 16] {
        Ip::v6([0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, last]).0
    }

    fn expand(payload: &[u8], root: Option<Ip>) -> Result<Vec<u8>> {
        expand_in(&Dodag { root, ..Dodag::NONE }, payload)
    }

    fn expand_in(dodag: &Dodag, payload: &[u8]) -> Result<Vec<u8>> {
        let mut entries = [Context::default(); 1];
        let mut contexts = Contexts::new(&mut entries);
        contexts.set(0, ROOT, 64, true).unwrap();
        let ends = Ends::of_link(LinkAddress::Short(1), LinkAddress::Short(0xa));
        let mut out = [0; 400];
        let done = decompress(payload, ends, &contexts, dodag, None, &mut out)?;
        if let Some(missing) = done.missing_checksum {
            missing.fill(&mut out[..done.len]);
        }
        Ok(out[..done.len].to_vec())
    }

    /// LOWPAN_IPHC of an ICMPv6 packet between two nodes, hop limit 64, 16-bit addresses under
    /// context 0, with a payload of four bytes.
    fn inner(from: u16, to: u16) -> Vec<u8> {
        let mut bytes = vec![0x7a, 0x66, 58];
        bytes.extend(from.to_be_bytes());
        bytes.extend(to.to_be_bytes());
        bytes.extend([128, 0, 1, 2]);
        bytes
    }

    fn ipv6(next: u8, hop_limit: u8, from: [u8; 16], to: [u8; 16], payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x60, 0, 0, 0, 0, payload.len() as u8, next, hop_limit];
        bytes.extend(from);
        bytes.extend(to);
        bytes.extend(payload);
        bytes
    }

    /// RFC 8138 figure 16: an RPI alone becomes a hop-by-hop header, in each of its four lengths.
    #[test]
    fn an_rpi_alone_becomes_a_hop_by_hop_header() {
        for (rpi, option) in [
            (&[0x9b, 5, 3][..], [0xc0, 0, 3, 0]),
            (&[0x92, 5, 3, 1], [0x80, 0, 3, 1]),
            (&[0x85, 5, 0x1e, 3], [0x20, 0x1e, 3, 0]),
            (&[0x80, 5, 0x1e, 3, 1], [0, 0x1e, 3, 1]),
        ] {
            let payload = [rpi, &inner(2, 1)].concat();
            let mut rest = vec![58, 0, 0x63, 4];
            rest.extend(option);
            rest.extend([128, 0, 1, 2]);
            assert_eq!(expand(&payload, None), Ok(ipv6(0, 64, node(2), node(1), &rest)));
            // RFC 9008 §4.3: the type that the DODAG has.
            rest[2] = 0x23;
            let dodag = Dodag { option_0x23: true, ..Dodag::NONE };
            assert_eq!(expand_in(&dodag, &payload), Ok(ipv6(0, 64, node(2), node(1), &rest)));
        }
    }

    /// RFC 8138 figure 19: the root encapsulates; its address is elided.
    #[test]
    fn an_encapsulation_without_address_is_the_roots() {
        // Down (O set): to where the inner packet goes, in storing mode.
        let payload = [&[0x93, 5, 1, 0xa1, 6, 63][..], &inner(9, 0xa)].concat();
        let packet = ipv6(58, 64, node(9), node(0xa), &[128, 0, 1, 2]);
        let rest = [&[41, 0, 0x63, 4, 0x80, 0, 1, 0][..], &packet].concat();
        assert_eq!(expand(&payload, Some(ROOT)), Ok(ipv6(0, 63, ROOT.0, node(0xa), &rest)));
        assert_eq!(expand(&payload, None), Err(Error::NotFound));
        // Up, from an encapsulator told by two bytes: to the root.
        let payload = [&[0x83, 5, 1, 0xa3, 6, 63, 0, 9][..], &inner(9, 0xa)].concat();
        let rest = [&[41, 0, 0x63, 4, 0, 0, 1, 0][..], &packet].concat();
        assert_eq!(expand(&payload, Some(ROOT)), Ok(ipv6(0, 63, node(9), ROOT.0, &rest)));
    }

    /// RFC 8138 §3.2.2: they are those of the packet within, and none of the outer one's.
    #[test]
    fn headers_behind_an_encapsulation_are_not_taken_for_those_before_it() {
        let (tunnel, rpi, route) = ([0xa1, 6, 63], [0x93, 5, 1], [0x80, 0, 0xb]);
        for behind in [&rpi[..], &route, &tunnel] {
            let payload = [&tunnel, behind, &inner(9, 0xd)].concat();
            assert_eq!(expand(&payload, Some(ROOT)), Err(Error::Unsupported));
        }
        let skipped = [&rpi[..], &tunnel, &[0xa1, 99, 1], &inner(9, 0xa)].concat();
        assert!(expand(&skipped, Some(ROOT)).is_ok());
    }

    /// RFC 8138 §3.2.1: behind a fragment's header, whose size is that of the packet expanded.
    #[test]
    fn a_first_fragment_with_headers_tells_the_size_of_what_they_stand_for() {
        let payload = [&[0x93, 5, 1][..], &inner(2, 1)].concat();
        let whole = expand(&payload, None).unwrap();
        let mut entries = [Context::default(); 1];
        let mut contexts = Contexts::new(&mut entries);
        contexts.set(0, ROOT, 64, true).unwrap();
        let ends = Ends::of_link(LinkAddress::Short(1), LinkAddress::Short(0xa));
        let mut out = [0; 200];
        let total = whole.len() + 600;
        let done = decompress(&payload, ends, &contexts, &Dodag::NONE, Some(total), &mut out).unwrap();
        assert_eq!((done.len, u16::from_be_bytes([out[4], out[5]])), (whole.len(), total as u16 - 40));
        assert_eq!((&out[..4], &out[6..done.len]), (&whole[..4], &whole[6..]));
        let refused = decompress(&payload, ends, &contexts, &Dodag::NONE, Some(7), &mut out);
        assert_eq!(refused, Err(Error::Malformed));
    }

    /// RFC 8138 figure 20: a source route in an encapsulation by the root.
    #[test]
    fn a_source_route_in_an_encapsulation_becomes_a_routing_header() {
        let route = [0x82, 1, 0, 0xa, 0, 0xb, 0, 0xc];
        let payload = [&route[..], &[0x93, 5, 1, 0xa1, 6, 63], &inner(9, 0xd)].concat();
        let packet = ipv6(58, 64, node(9), node(0xd), &[128, 0, 1, 2]);
        let mut rest = vec![43, 0, 0x63, 4, 0x80, 0, 1, 0, 41, 4, 3, 2, 0, 0, 0, 0];
        rest.extend(node(0xb));
        rest.extend(node(0xc));
        rest.extend(packet);
        assert_eq!(expand(&payload, Some(ROOT)), Ok(ipv6(0, 63, ROOT.0, node(0xa), &rest)));
    }

    /// RFC 8138 figure 21 and the life cycle of §A.3: without encapsulation the source is the
    /// reference, each hop that of the next, and the packet's destination comes last.
    #[test]
    fn a_source_route_alone_ends_at_the_packets_destination() {
        let a = [0, 0, 0, 0xff, 0xfe, 0, 0xaa, 0xaa];
        let mut payload = vec![0x80, 3];
        payload.extend(a);
        payload.extend([0x80, 1, 0xbb, 0xbb, 0x81, 2, 0xfe, 0, 0xcc, 0xcc, 0xfe, 0, 0xdd, 0xdd]);
        payload.extend(inner(1, 0xe));
        let mut rest = vec![58, 8, 3, 4, 0, 0, 0, 0];
        for hop in [0xbbbb, 0xcccc, 0xdddd, 0xe] {
            rest.extend(node(hop));
        }
        rest.extend([128, 0, 1, 2]);
        assert_eq!(expand(&payload, None), Ok(ipv6(43, 64, node(1), node(0xaaaa), &rest)));
    }

    #[test]
    fn the_critical_unknown_is_refused_and_the_elective_skipped() {
        assert_eq!(expand(&[&[0x80, 7][..], &inner(1, 2)].concat(), None), Err(Error::Unsupported));
        let skipped = [&[0xa2, 99, 1, 2][..], &inner(1, 2)].concat();
        assert_eq!(expand(&skipped, None), Ok(ipv6(58, 64, node(1), node(2), &[128, 0, 1, 2])));
        // Two runs of a route apart from each other; an encapsulation without hop limit.
        let apart = [&[0x80, 0, 1, 0x83, 5, 1, 0x80, 0, 2][..], &inner(1, 2)].concat();
        assert_eq!(expand(&apart, None), Err(Error::Malformed));
        assert_eq!(expand(&[&[0xa0, 6][..], &inner(1, 2)].concat(), Some(ROOT)), Err(Error::Malformed));
        let long = [&[0x9f, 0][..], &[1; 32], &[0x9f, 0], &[1; 32], &[0x80, 0, 1], &inner(1, 2)].concat();
        assert_eq!(expand(&long, None), Err(Error::Unsupported));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), known: bool) {
            let _ = expand(&bytes, known.then_some(ROOT));
        }

        #[test]
        fn headers_before_a_packet_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..40), first in 0x80u8..0xc0, kind in 0u8..8
        ) {
            let payload = [&[first, kind][..], &bytes, &inner(1, 2)].concat();
            let _ = expand(&payload, Some(ROOT));
        }
    }
}
