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
use crate::bytes::{Parts, Reader, Writer};
use crate::checksum;
use crate::status::{Error, Result};
use core::num::NonZeroU16;

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
    /// Looks at the header of that kind at the front of `rest`, which reaches to the packet's end.
    fn parse(kind: u8, rest: &Parts<'a>, _generic: Generic) -> Option<Next<'a>> {
        let bytes = rest.head;
        match kind {
            #[cfg(feature = "ghc")]
            ICMPV6 => (_generic == Generic::Everywhere).then_some(Next::Icmpv6),
            IPV6 => {
                let header = bytes.first_chunk::<IPV6_HEADER>()?;
                let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
                // The length is elided, so it must be what the receiver will put in.
                let fits = header[0] >> 4 == 6 && length == rest.len() - IPV6_HEADER;
                fits.then_some(Next::Ipv6(header))
            }
            UDP => {
                let header = bytes.first_chunk::<UDP_HEADER>()?;
                let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
                (length == rest.len()).then_some(Next::Udp(header))
            }
            _ => Extension::parse(kind, bytes).map(Next::Extension),
        }
    }

    /// How many bytes of `_rest`, at whose front it stands, it takes.
    const fn size(&self, _rest: &Parts<'_>) -> usize {
        match self {
            #[cfg(feature = "ghc")]
            Next::Icmpv6 => _rest.len(),
            Next::Ipv6(_) => IPV6_HEADER,
            Next::Extension(extension) => extension.size,
            Next::Udp(_) => UDP_HEADER,
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

/// Compresses the headers of `packet`, which goes from end to end of `ends`, into `room`. No header
/// stands in both parts of it.
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
    packet: Parts<'_>,
    ends: Ends,
    contexts: &Contexts<'_>,
    elide_udp_checksum: bool,
    room: &mut [u8],
) -> Result<Compressed> {
    compress_chain(packet, ends, contexts, elide_udp_checksum, Generic::Nowhere, room)
}

/// As [`compress`], for a neighbour that understands generic header compression (RFC 7400): extension
/// headers, ICMPv6 and what UDP carries are written in its bytecode where that is shorter and
/// the packet then fits `room`; of a packet in two parts, extension headers alone.
///
/// # Errors
/// Those of [`compress`].
#[cfg(feature = "ghc")]
pub fn compress_generic(
    packet: Parts<'_>,
    ends: Ends,
    contexts: &Contexts<'_>,
    elide_udp_checksum: bool,
    room: &mut [u8],
) -> Result<Compressed> {
    if !packet.tail.is_empty() {
        return compress_chain(packet, ends, contexts, elide_udp_checksum, Generic::Extensions, room);
    }
    match compress_chain(packet, ends, contexts, elide_udp_checksum, Generic::Everywhere, room) {
        Err(Error::TooLarge) => {
            compress_chain(packet, ends, contexts, elide_udp_checksum, Generic::Extensions, room)
        }
        other => other,
    }
}

fn compress_chain(
    packet: Parts<'_>,
    mut ends: Ends,
    contexts: &Contexts<'_>,
    elide_udp_checksum: bool,
    generic: Generic,
    room: &mut [u8],
) -> Result<Compressed> {
    let mut out = Writer::new(room);
    let mut rest = packet;
    let mut current = Next::parse(IPV6, &rest, generic).ok_or(Error::Malformed)?;
    let mut inner: Option<&[u8; IPV6_HEADER]> = None;
    let mut routed = false;
    for left in (0..MAX_HEADERS).rev() {
        let may_follow = left > 0;
        let whole = rest;
        rest.skip(current.size(&whole));
        let next = match current {
            Next::Ipv6(header) => {
                if inner.is_some() {
                    out.u8(NHC_IPV6)?;
                }
                let mut next = if may_follow { Next::parse(header[6], &rest, generic) } else { None };
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
                next
            }
            Next::Extension(extension) => {
                let room = out.remaining().saturating_sub(extension.encoded_len());
                let next = if may_follow && !extension.is_opaque {
                    Next::parse(extension.next_header, &rest, generic).filter(|next| next.most() <= room)
                } else {
                    None
                };
                routed |= extension.is(ROUTING);
                #[cfg(feature = "ghc")]
                let start = out.position();
                extension.emit(next.is_some(), &mut out)?;
                #[cfg(feature = "ghc")]
                if let (true, Some(inner)) = (generic != Generic::Nowhere, inner) {
                    let whole = whole.head.get(..extension.size).unwrap_or_default();
                    if !put_generic(start, whole, next.is_some(), &dictionary(inner), &mut out) {
                        extension.emit(next.is_some(), &mut out)?;
                    }
                }
                next
            }
            Next::Udp(header) => {
                let elide = elide_udp_checksum && !routed;
                if let (true, Some(inner)) = (elide, inner) {
                    let (source, destination) = addresses(inner);
                    if checksum::of_parts(Ip::of(source), Ip::of(destination), UDP, whole) != 0 {
                        return Err(Error::Malformed);
                    }
                }
                #[cfg(feature = "ghc")]
                let start = out.position();
                nhc::compress_udp(header, elide, &mut out)?;
                #[cfg(feature = "ghc")]
                if let (Generic::Everywhere, Some(inner)) = (generic, inner) {
                    let payload = rest.head;
                    let before = out.position();
                    let done = ghc::compress(&dictionary(inner), false, payload, &mut out).is_ok();
                    if done && out.position() - before < payload.len() {
                        if let Some(nhc) = out.written_mut().get_mut(start) {
                            *nhc = ghc::NHC_UDP | *nhc & 7;
                        }
                        rest = Parts::default();
                        break;
                    }
                    out.truncate(before);
                }
                None
            }
            #[cfg(feature = "ghc")]
            Next::Icmpv6 => {
                let start = out.position();
                out.u8(ghc::NHC_ICMPV6)?;
                let inner = inner.ok_or(Error::Malformed)?;
                ghc::compress(&dictionary(inner), false, whole.head, &mut out)?;
                // In line, the number of ICMPv6 takes a byte as well.
                if out.position() - start > whole.len() {
                    return Err(Error::TooLarge);
                }
                None
            }
        };
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingChecksum {
    /// Where the IPv6 header begins whose addresses count.
    ipv6: u16,
    /// Where the UDP header begins: never at the start.
    udp: NonZeroU16,
}

impl MissingChecksum {
    /// The packet has moved by that much; its first IPv6 header stays in front if `keep` is set.
    #[cfg(feature = "sixlorh")]
    pub(super) fn shift(&mut self, by: usize, keep: bool) {
        self.udp = self.udp.saturating_add(by as u16);
        if !keep || self.ipv6 > 0 {
            self.ipv6 += by as u16;
        }
    }

    /// Computes the checksum and puts it into the complete `packet`.
    pub fn fill(self, packet: &mut [u8]) {
        let Some((front, udp)) = packet.split_at_mut_checked(usize::from(self.udp.get())) else { return };
        let header = front.get(usize::from(self.ipv6)..).and_then(|it| it.first_chunk());
        let Some((source, destination)) = header.map(addresses) else { return };
        let sum = match checksum::transport(Ip::of(source), Ip::of(destination), UDP, udp) {
            0 => 0xffff,
            sum => sum,
        };
        if let Some(place) = udp.get_mut(6..).and_then(|rest| rest.first_chunk_mut()) {
            *place = sum.to_be_bytes();
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
    // Where length fields wait for the size of the whole; they hold what it exceeds them by.
    let mut lengths = [0u16; MAX_HEADERS];
    // Where the next header number goes that the next NHC byte tells; 0 before the first header.
    let mut next_at = 0;
    let mut ipv6_at = 0;
    let mut routed = false;
    let mut more = true;
    for place in &mut lengths {
        let at = out.position();
        let mut kind = IPV6;
        let mut nhc = NHC_IPV6;
        #[cfg(feature = "ghc")]
        let mut bytecode = None;
        if next_at > 0 {
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
            if let Some(slot) = out.written_mut().get_mut(next_at) {
                *slot = kind;
            }
        }
        more = match kind {
            IPV6 => {
                let header = out.reserve(IPV6_HEADER)?.first_chunk_mut().ok_or(Error::TooLarge)?;
                let next_is_compressed = iphc::decompress_into(&mut input, ends, contexts, header)?;
                ends = Ends::of_ipv6(header);
                [header[4], header[5]] = ((at + IPV6_HEADER) as u16).to_be_bytes();
                *place = (at + 4) as u16;
                next_at = at + 6;
                ipv6_at = at;
                routed = false;
                next_is_compressed
            }
            UDP => {
                let mut header = nhc::decompress_udp(nhc, &mut input)?;
                [header[4], header[5]] = (at as u16).to_be_bytes();
                out.put(&header)?;
                *place = (at + 4) as u16;
                if nhc & 4 != 0 {
                    if routed {
                        return Err(Error::Unsupported);
                    }
                    let udp = NonZeroU16::new(at as u16);
                    missing_checksum = udp.map(|udp| MissingChecksum { ipv6: ipv6_at as u16, udp });
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
                next_at = at;
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
    if more {
        return Err(Error::Unsupported);
    }
    let headers = out.position();
    let total = total.unwrap_or(headers + input.remaining());
    if headers > total || input.remaining() > total - headers {
        return Err(Error::Malformed);
    }
    if total > IPV6_HEADER + usize::from(u16::MAX) {
        return Err(Error::TooLarge);
    }
    for at in lengths.iter().map(|at| usize::from(*at)) {
        let place = out.written_mut().get_mut(at..).and_then(|it| it.first_chunk_mut::<2>());
        if let (Some(place), true) = (place, at != 0) {
            *place = (total as u16).wrapping_sub(u16::from_be_bytes(*place)).to_be_bytes();
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
mod tests;
