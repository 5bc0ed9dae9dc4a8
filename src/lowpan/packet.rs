// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole packets: the chain of headers compressed into the front of a frame, and back.
#![forbid(unsafe_code)]

use super::DISPATCH_IPV6;
use super::context::Contexts;
#[cfg(feature = "ghc")]
use super::ghc::{self, Dictionary};
use super::iphc::{self, Ends, IPV6_HEADER, addresses};
#[cfg(feature = "ghc")]
use super::nhc::next_header::ICMPV6;
use super::nhc::next_header::{IPV6, ROUTING, UDP};
use super::nhc::{self, Extension, MAX_UDP, NHC_IPV6, UDP_HEADER};
use crate::address::Ip;
use crate::bytes::{Reader, Writer};
use crate::checksum;
use crate::status::{Error, Result};

/// How many headers of one packet are compressed, and accepted compressed.
const MAX_HEADERS: usize = 8;

/// What [`compress`] made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compressed {
    /// How many bytes the compressed headers take.
    pub len: usize,
    /// How many bytes of the packet they stand for; what follows goes out as it is.
    pub consumed: usize,
}

/// Where bytecode (RFC 7400) is written instead of what RFC 6282 has, when it is shorter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Generic {
    Nowhere,
    #[cfg(feature = "ghc")]
    Extensions,
    /// In extension headers, ICMPv6 and what UDP carries.
    #[cfg(feature = "ghc")]
    Everywhere,
}

/// A header that can be compressed.
#[derive(Clone, Copy)]
enum Next<'a> {
    #[cfg(feature = "ghc")]
    Icmpv6,
    Ipv6(&'a [u8; IPV6_HEADER]),
    Extension(Extension<'a>),
    Udp(&'a [u8; UDP_HEADER]),
}

impl<'a> Next<'a> {
    /// Looks at the header of that kind at the front of `bytes`, which reach to the packet's end.
    fn parse(kind: u8, bytes: &'a [u8], _generic: Generic) -> Option<Next<'a>> {
        match kind {
            #[cfg(feature = "ghc")]
            ICMPV6 => (_generic == Generic::Everywhere).then_some(Next::Icmpv6),
            IPV6 => {
                let header = bytes.first_chunk::<IPV6_HEADER>()?;
                let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
                // The length is elided, so it must be what the receiver will put in.
                let fits = header[0] >> 4 == 6 && length == bytes.len() - IPV6_HEADER;
                fits.then_some(Next::Ipv6(header))
            }
            UDP => {
                let header = bytes.first_chunk::<UDP_HEADER>()?;
                let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
                (length == bytes.len()).then_some(Next::Udp(header))
            }
            _ => Extension::parse(kind, bytes).map(Next::Extension),
        }
    }

    /// The most bytes that it takes compressed.
    const fn most(&self) -> usize {
        match self {
            // If it turns out to take more, everything is done again without.
            #[cfg(feature = "ghc")]
            Next::Icmpv6 => 1,
            Next::Ipv6(_) => 1 + iphc::MAX_ENCODED,
            Next::Extension(extension) => 1 + extension.encoded_len(),
            Next::Udp(_) => MAX_UDP,
        }
    }
}

/// Compresses the headers of `packet`, which goes from end to end of `ends`, into `room`.
///
/// A header that does not fit `room` whole is not compressed, as fragmentation demands
/// (RFC 6282 §2), and neither is what follows it. The UDP checksum is elided only with
/// `elide_udp_checksum`, by which the caller says that the upper layer has authorised it and
/// that another integrity check covers the frame (RFC 6282 §4.3.2).
///
/// # Errors
/// [`Error::Malformed`] when `packet` is no IPv6 packet of the length that its header says, or
/// its UDP checksum, to be elided, is wrong; [`Error::TooLarge`] when not even the IPv6 header
/// fits.
pub fn compress(
    packet: &[u8],
    ends: Ends,
    contexts: &Contexts<'_>,
    elide_udp_checksum: bool,
    room: &mut [u8],
) -> Result<Compressed> {
    compress_chain(packet, ends, contexts, elide_udp_checksum, Generic::Nowhere, room)
}

/// As [`compress`], for a neighbour that understands generic header compression (RFC 7400): extension
/// headers, ICMPv6 and what UDP carries are written in its bytecode where that is shorter and
/// the packet then fits `room`.
///
/// # Errors
/// Those of [`compress`].
#[cfg(feature = "ghc")]
pub fn compress_generic(
    packet: &[u8],
    ends: Ends,
    contexts: &Contexts<'_>,
    elide_udp_checksum: bool,
    room: &mut [u8],
) -> Result<Compressed> {
    match compress_chain(packet, ends, contexts, elide_udp_checksum, Generic::Everywhere, room) {
        Err(Error::TooLarge) => {
            compress_chain(packet, ends, contexts, elide_udp_checksum, Generic::Extensions, room)
        }
        other => other,
    }
}

fn compress_chain(
    packet: &[u8],
    mut ends: Ends,
    contexts: &Contexts<'_>,
    elide_udp_checksum: bool,
    generic: Generic,
    room: &mut [u8],
) -> Result<Compressed> {
    let mut out = Writer::new(room);
    let mut rest = packet;
    let mut current = Next::parse(IPV6, packet, generic).ok_or(Error::Malformed)?;
    let mut inner: Option<&[u8; IPV6_HEADER]> = None;
    let mut routed = false;
    for count in 1..=MAX_HEADERS {
        let may_follow = count < MAX_HEADERS;
        let (size, next) = match current {
            Next::Ipv6(header) => {
                if inner.is_some() {
                    out.u8(NHC_IPV6)?;
                }
                let after = rest.get(IPV6_HEADER..).unwrap_or_default();
                let mut next = if may_follow { Next::parse(header[6], after, generic) } else { None };
                let start = out.position();
                let written = iphc::compress(header, next.is_some(), ends, contexts, &mut out);
                if let Some(following) = next {
                    if written.is_err() || following.most() > out.remaining() {
                        next = None;
                        out.truncate(start);
                        iphc::compress(header, false, ends, contexts, &mut out)?;
                    }
                } else {
                    written?;
                }
                ends = Ends::of_ipv6(header);
                inner = Some(header);
                routed = false;
                (IPV6_HEADER, next)
            }
            Next::Extension(extension) => {
                let after = rest.get(extension.size..).unwrap_or_default();
                let room = out.remaining().saturating_sub(extension.encoded_len());
                let next = if may_follow && !extension.is_opaque {
                    Next::parse(extension.next_header, after, generic).filter(|next| next.most() <= room)
                } else {
                    None
                };
                routed |= extension.is(ROUTING);
                #[cfg(feature = "ghc")]
                let start = out.position();
                extension.emit(next.is_some(), &mut out)?;
                #[cfg(feature = "ghc")]
                if let (true, Some(inner)) = (generic != Generic::Nowhere, inner) {
                    let whole = rest.get(..extension.size).unwrap_or_default();
                    if !put_generic(start, whole, next.is_some(), &dictionary(inner), &mut out) {
                        extension.emit(next.is_some(), &mut out)?;
                    }
                }
                (extension.size, next)
            }
            Next::Udp(header) => {
                let elide = elide_udp_checksum && !routed;
                if let (true, Some(inner)) = (elide, inner) {
                    let (source, destination) = addresses(inner);
                    if checksum::transport(&Ip(*source), &Ip(*destination), UDP, rest) != 0 {
                        return Err(Error::Malformed);
                    }
                }
                #[cfg(feature = "ghc")]
                let start = out.position();
                nhc::compress_udp(header, elide, &mut out)?;
                #[cfg(feature = "ghc")]
                if let (Generic::Everywhere, Some(inner)) = (generic, inner) {
                    let payload = rest.get(UDP_HEADER..).unwrap_or_default();
                    let before = out.position();
                    let done = ghc::compress(&dictionary(inner), false, payload, &mut out).is_ok();
                    if done && out.position() - before < payload.len() {
                        if let Some(nhc) = out.written_mut().get_mut(start) {
                            *nhc = ghc::NHC_UDP | *nhc & 7;
                        }
                        rest = &[];
                        break;
                    }
                    out.truncate(before);
                }
                (UDP_HEADER, None)
            }
            #[cfg(feature = "ghc")]
            Next::Icmpv6 => {
                let start = out.position();
                out.u8(ghc::NHC_ICMPV6)?;
                let inner = inner.ok_or(Error::Malformed)?;
                ghc::compress(&dictionary(inner), false, rest, &mut out)?;
                // In line, the number of ICMPv6 takes a byte as well.
                if out.position() - start > rest.len() {
                    return Err(Error::TooLarge);
                }
                (rest.len(), None)
            }
        };
        rest = rest.get(size..).unwrap_or_default();
        match next {
            Some(next) => current = next,
            None => break,
        }
    }
    Ok(Compressed { len: out.position(), consumed: packet.len() - rest.len() })
}

/// The dictionary of what follows an IPv6 header.
#[cfg(feature = "ghc")]
fn dictionary(header: &[u8; IPV6_HEADER]) -> Dictionary {
    let (source, destination) = addresses(header);
    Dictionary::new(source, destination)
}

/// Writes the extension header `whole` as bytecode in place of what stands in `out` from `start` on,
/// if that is shorter. If not, nothing stands there any more, and it says so.
#[cfg(feature = "ghc")]
fn put_generic(
    start: usize,
    whole: &[u8],
    next_is_compressed: bool,
    dictionary: &Dictionary,
    out: &mut Writer<'_>,
) -> bool {
    let plain = out.position() - start;
    let nhc = out.written().get(start).copied().and_then(ghc::extension_of_nhc);
    out.truncate(start);
    let mut put = || -> Result<()> {
        let (next_header, content) = whole.split_first().ok_or(Error::Malformed)?;
        out.u8(nhc.ok_or(Error::Unsupported)?)?;
        if !next_is_compressed {
            out.u8(*next_header)?;
        }
        // Without the length.
        ghc::compress(dictionary, true, content.get(1..).unwrap_or_default(), out)
    };
    let shorter = put().is_ok() && out.position() - start < plain;
    if !shorter {
        out.truncate(start);
    }
    shorter
}

/// What [`decompress`] made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decompressed {
    /// How many bytes of the packet stand in the output: all of an unfragmented one, headers and
    /// first payload of a first fragment.
    pub len: usize,
    /// Where a UDP checksum that was elided is to be put once the packet is complete.
    pub missing_checksum: Option<MissingChecksum>,
    /// Whether the sender made use of generic header compression, and so understands it
    /// (RFC 7400 §3.3).
    #[cfg(feature = "ghc")]
    pub is_generic: bool,
}

/// A UDP checksum that was elided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissingChecksum {
    /// Where the IPv6 header begins whose addresses count.
    ipv6: u16,
    /// Where the UDP header begins.
    udp: u16,
}

impl MissingChecksum {
    /// The packet has moved by that much; its first IPv6 header stays in front if `keep` is set.
    #[cfg(feature = "sixlorh")]
    pub(super) fn shift(&mut self, by: usize, keep: bool) {
        self.udp += by as u16;
        if !keep || self.ipv6 > 0 {
            self.ipv6 += by as u16;
        }
    }

    /// Computes the checksum and puts it into the complete `packet`.
    pub fn fill(self, packet: &mut [u8]) {
        let Some(header) = packet.get(usize::from(self.ipv6)..).and_then(|it| it.first_chunk()) else {
            return;
        };
        let (source, destination) = addresses(header);
        let (source, destination) = (Ip(*source), Ip(*destination));
        let Some(udp) = packet.get_mut(usize::from(self.udp)..) else { return };
        let sum = match checksum::transport(&source, &destination, UDP, udp) {
            0 => 0xffff,
            sum => sum,
        };
        for (to, from) in udp.iter_mut().skip(6).zip(sum.to_be_bytes()) {
            *to = from;
        }
    }
}

/// The dictionary of what follows the IPv6 header that stands at `at` of what was written.
#[cfg(feature = "ghc")]
fn dictionary_at(out: &Writer<'_>, at: usize) -> Result<Dictionary> {
    let header = out.written().get(at..).and_then(|it| it.first_chunk()).ok_or(Error::Malformed)?;
    Ok(dictionary(header))
}

/// Writes the extension header of that kind from its bytecode behind the NHC byte; padding that was
/// left out is put back as in RFC 6282.
#[cfg(feature = "ghc")]
fn decompress_generic(
    kind: u8,
    next_is_compressed: bool,
    dictionary: &Dictionary,
    input: &mut Reader<'_>,
    out: &mut Writer<'_>,
) -> Result<()> {
    let at = out.position();
    let next_header = if next_is_compressed { 0 } else { input.u8()? };
    out.put(&[next_header, 0])?;
    ghc::decompress(dictionary, true, input, out)?;
    let units = nhc::pad_extension(kind, out.position() - at, out)?;
    if let Some(length) = out.written_mut().get_mut(at + 1) {
        *length = units;
    }
    Ok(())
}

/// Turns what a frame carries into an IPv6 packet in `out`: `payload` begins with the dispatch of
/// an IPv6 or LOWPAN_IPHC header. `total` is the size of the whole packet when this is but its
/// first fragment.
///
/// # Errors
/// [`Error::Malformed`] when the headers are cut short, contradict each other or use reserved
/// values; [`Error::Unsupported`] for other dispatches, unknown headers, more than eight of
/// them, and a UDP checksum elided behind a routing header; [`Error::NotFound`] for a context
/// not known; [`Error::TooLarge`] when `out` is too small.
pub fn decompress(
    payload: &[u8],
    mut ends: Ends,
    contexts: &Contexts<'_>,
    total: Option<usize>,
    out: &mut [u8],
) -> Result<Decompressed> {
    let mut input = Reader::new(payload);
    let mut out = Writer::new(out);
    let mut missing_checksum = None;
    if input.peek() == Some(DISPATCH_IPV6) {
        let (_, packet) = payload.split_first().ok_or(Error::Malformed)?;
        let header = packet.first_chunk::<IPV6_HEADER>().ok_or(Error::Malformed)?;
        let length = IPV6_HEADER + usize::from(u16::from_be_bytes([header[4], header[5]]));
        if header[0] >> 4 != 6 || length != total.unwrap_or(packet.len()) {
            return Err(Error::Malformed);
        }
        out.put(packet)?;
        return Ok(Decompressed {
            len: out.position(),
            missing_checksum,
            #[cfg(feature = "ghc")]
            is_generic: false,
        });
    }
    #[cfg(feature = "ghc")]
    let mut is_generic = false;
    // Where length fields wait for the size of the whole, each with what the size exceeds it by.
    let mut lengths = [(0usize, 0usize); MAX_HEADERS];
    let mut places = lengths.iter_mut();
    // Where the next header number goes that the next NHC byte tells.
    let mut next_at = None;
    let mut ipv6_at = 0;
    let mut routed = false;
    for count in 0..=MAX_HEADERS {
        let place = places.next().ok_or(Error::Unsupported)?;
        let at = out.position();
        let mut kind = IPV6;
        let mut nhc = NHC_IPV6;
        #[cfg(feature = "ghc")]
        let mut bytecode = None;
        if count > 0 {
            nhc = input.u8()?;
            #[cfg(feature = "ghc")]
            if let Some(plain) = ghc::plain_of_nhc(nhc) {
                bytecode = Some(dictionary_at(&out, ipv6_at)?);
                nhc = plain;
            }
            kind = match nhc::extension(nhc) {
                Some(kind) => kind,
                #[cfg(feature = "ghc")]
                None if nhc == ghc::NHC_ICMPV6 => {
                    bytecode = Some(dictionary_at(&out, ipv6_at)?);
                    ICMPV6
                }
                None if nhc::is_udp(nhc) => UDP,
                None => return Err(Error::Unsupported),
            };
            if let Some(slot) = next_at.and_then(|at| out.written_mut().get_mut::<usize>(at)) {
                *slot = kind;
            }
        }
        let more = match kind {
            IPV6 => {
                let header = out.reserve(IPV6_HEADER)?.first_chunk_mut().ok_or(Error::TooLarge)?;
                let next_is_compressed = iphc::decompress_into(&mut input, ends, contexts, header)?;
                ends = Ends::of_ipv6(header);
                *place = (at + 4, at + IPV6_HEADER);
                next_at = Some(at + 6);
                ipv6_at = at;
                routed = false;
                next_is_compressed
            }
            UDP => {
                let header = nhc::decompress_udp(nhc, &mut input)?;
                out.put(&header)?;
                *place = (at + 4, at);
                if nhc & 4 != 0 {
                    if routed {
                        return Err(Error::Unsupported);
                    }
                    missing_checksum = Some(MissingChecksum { ipv6: ipv6_at as u16, udp: at as u16 });
                }
                #[cfg(feature = "ghc")]
                if let Some(dictionary) = &bytecode {
                    ghc::decompress(dictionary, false, &mut input, &mut out)?;
                }
                false
            }
            #[cfg(feature = "ghc")]
            ICMPV6 => {
                if let Some(dictionary) = &bytecode {
                    ghc::decompress(dictionary, false, &mut input, &mut out)?;
                }
                false
            }
            _ => {
                let more = nhc & 1 != 0;
                #[cfg(feature = "ghc")]
                let plain = match &bytecode {
                    Some(dictionary) => {
                        decompress_generic(kind, more, dictionary, &mut input, &mut out)?;
                        false
                    }
                    None => true,
                };
                #[cfg(not(feature = "ghc"))]
                let plain = true;
                if plain {
                    nhc::decompress_extension(kind, more, &mut input, &mut out)?;
                }
                next_at = Some(at);
                routed |= kind == ROUTING;
                more
            }
        };
        #[cfg(feature = "ghc")]
        {
            is_generic |= bytecode.is_some();
        }
        if !more {
            break;
        }
    }
    let headers = out.position();
    let total = total.unwrap_or(headers + input.remaining());
    if headers > total || input.remaining() > total - headers {
        return Err(Error::Malformed);
    }
    for (at, less) in lengths {
        if less == 0 && at == 0 {
            continue;
        }
        let length = u16::try_from(total - less).map_err(|_| Error::TooLarge)?;
        for (to, from) in out.written_mut().iter_mut().skip(at).zip(length.to_be_bytes()) {
            *to = from;
        }
    }
    out.put(input.rest())?;
    Ok(Decompressed {
        len: out.position(),
        missing_checksum,
        #[cfg(feature = "ghc")]
        is_generic,
    })
}

#[cfg(test)]
mod tests {
    use super::super::context::Context;
    use super::*;
    use crate::ieee802154::LinkAddress;
    use proptest::prelude::*;

    const HERE: LinkAddress = LinkAddress::Extended([2, 0, 0, 0, 0, 0, 0, 1]);
    const THERE: LinkAddress = LinkAddress::Short(0x1234);

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
        let best =
            ipv6(UDP, &[0xf0, 0xb1, 0xf0, 0xb2, 0, 8, 1, 2], link_local(HERE), link_local(THERE), 64, 0);
        assert_eq!(sized(&best, ends()), 2 + 2 + 2);
        let global = |short| Ip::v6([0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, short]).0;
        let routed = ipv6(58, &[1; 8], global(1), global(2), 63, 0);
        assert_eq!(sized(&routed, ends()), 7 + 1);
        let solicited = ipv6(58, &[1; 8], [0; 16], Ip::v6([0xff02, 0, 0, 0, 0, 1, 0xff00, 1]).0, 255, 0);
        assert_eq!(sized(&solicited, ends()), 2 + 1 + 6);
        let all_nodes =
            ipv6(58, &[1; 8], link_local(HERE), Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 0x1a]).0, 255, 0);
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
        assert_eq!(
            decompress(&frame[..done.len + 8], ends(), &contexts, None, &mut out),
            Err(Error::NotFound)
        );
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
        let (from, to) = (
            Ip::v6([0xfd00, 0, 0, 0, 0x11, 0x22, 0x33, 9]).0,
            Ip::v6([0xfd00, 0, 0, 0, 0x11, 0x22, 0x33, 8]).0,
        );
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
}
