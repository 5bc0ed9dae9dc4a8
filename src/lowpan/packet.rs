// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole packets: the chain of headers compressed into the front of a frame, and back.
#![forbid(unsafe_code)]

use super::DISPATCH_IPV6;
use super::context::Contexts;
use super::iphc::{self, Ends, IPV6_HEADER, addresses};
use super::nhc::next_header::{ICMPV6, IPV6, NO_NEXT_HEADER, ROUTING, UDP};
use super::nhc::{self, NHC_IPV6, UDP_HEADER};
use crate::address::Ip;
use crate::bytes::{Parts, Reader, Writer};
use crate::checksum;
use crate::status::{Error, Result};

#[cfg(feature = "udp-elision")]
mod elided;
#[cfg(not(feature = "udp-elision"))]
#[path = "packet/never_elided.rs"]
mod elided;
#[cfg(feature = "ghc")]
mod generic;
#[cfg(not(feature = "ghc"))]
#[path = "packet/never_generic.rs"]
mod generic;

pub use elided::MissingChecksum;
#[cfg(feature = "ghc")]
pub use generic::compress_generic;
use generic::{Bytecode, Generic};

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

/// Compresses the headers of `packet`, which goes from end to end of `ends`, into `room`. No header
/// stands in both parts of it.
///
/// A header that does not fit `room` whole is not compressed, as fragmentation demands
/// (RFC 6282 §2), and neither is what follows it. The UDP checksum is elided only with
/// `elide_udp_checksum`, by which the caller says that the upper layer has authorised it and
/// that another integrity check covers the frame (RFC 6282 §4.3.2), in a build with the feature `udp-elision`.
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
    compress_chain(packet, ends, contexts, elide_udp_checksum, Generic::NOWHERE, room)
}

fn compress_chain(
    packet: Parts<'_>,
    ends: Ends,
    contexts: &Contexts<'_>,
    elide_udp_checksum: bool,
    generic: Generic,
    room: &mut [u8],
) -> Result<Compressed> {
    let mut chain = Chain {
        rest: packet,
        kind: IPV6,
        encoding_at: 0,
        inner: None,
        routed: false,
        ends,
        contexts,
        elide_udp_checksum,
        generic,
        out: Writer::new(room),
    };
    for left in 0..MAX_HEADERS {
        let Chain { encoding_at: before, .. } = chain;
        let start = chain.out.position();
        match chain.put() {
            Ok(()) if left == 0 => {}
            Ok(()) => {
                elide_number(before, &mut chain.out);
                chain.encoding_at -= 1;
            }
            // What is unknown at the front is no IPv6 packet; further back it goes as it is.
            Err(Error::Unsupported) if left == 0 => return Err(Error::Malformed),
            Err(error) if left == 0 || error == Error::Malformed => return Err(error),
            Err(_) => {
                chain.out.truncate(start);
                break;
            }
        }
    }
    Ok(Compressed { len: chain.out.position(), consumed: packet.len() - chain.rest.len() })
}

/// The chain of headers on its way into a frame.
struct Chain<'a, 'c> {
    /// What has not been compressed, and the number of the header at its front.
    rest: Parts<'a>,
    kind: u8,
    /// Where the encoding of the header before begins, which holds that number in line.
    encoding_at: usize,
    /// The IPv6 header before.
    inner: Option<&'a [u8; IPV6_HEADER]>,
    /// Whether a routing header came behind that.
    routed: bool,
    ends: Ends,
    contexts: &'c Contexts<'c>,
    elide_udp_checksum: bool,
    generic: Generic,
    out: Writer<'c>,
}

impl Chain<'_, '_> {
    /// Writes the header at the front of `rest`, the next header's number in line.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when it cannot be compressed, [`Error::TooLarge`] when it does not fit whole;
    /// `out` is to be truncated then. [`Error::Malformed`] for a wrong checksum that is to be elided.
    fn put(&mut self) -> Result<()> {
        let Chain { rest: whole, kind, .. } = *self;
        let bytes = whole.head;
        let out = &mut self.out;
        let start = out.position();
        let mut size = UDP_HEADER;
        self.kind = NO_NEXT_HEADER;
        self.encoding_at = start;
        match (kind, bytes) {
            (IPV6, [v, _, _, _, l, m, next, _, ..]) => {
                let header = bytes.first_chunk::<IPV6_HEADER>().ok_or(Error::Unsupported)?;
                size = IPV6_HEADER;
                // The length is elided, so it must be what the receiver will put in.
                if v >> 4 != 6 || usize::from(u16::from_be_bytes([*l, *m])) != whole.len() - size {
                    return Err(Error::Unsupported);
                }
                if self.inner.is_some() {
                    out.u8(NHC_IPV6)?;
                    self.encoding_at += 1;
                }
                iphc::compress(header, false, self.ends, self.contexts, out)?;
                self.ends = Ends::of_ipv6(header);
                self.inner = Some(header);
                self.routed = false;
                self.kind = *next;
            }
            (UDP, [_, _, _, _, l, m, _, _, ..]) => {
                if usize::from(u16::from_be_bytes([*l, *m])) != whole.len() {
                    return Err(Error::Unsupported);
                }
                let elide = elided::IS_KNOWN && self.elide_udp_checksum && !self.routed;
                if let (true, Some(inner)) = (elide, self.inner) {
                    let (source, destination) = addresses(inner);
                    if checksum::of_parts(Ip::of(source), Ip::of(destination), UDP, whole) != 0 {
                        return Err(Error::Malformed);
                    }
                }
                nhc::compress_udp(bytes.first_chunk().ok_or(Error::Unsupported)?, elide, out)?;
                if let (true, Some(inner)) = (self.generic.takes(&whole), self.inner) {
                    let payload = bytes.get(UDP_HEADER..).unwrap_or_default();
                    if self.generic.udp_payload(inner, payload, start, out) {
                        size = whole.len();
                    }
                }
            }
            (ICMPV6, _) if self.generic.takes(&whole) => {
                self.generic.icmpv6(self.inner.ok_or(Error::Unsupported)?, bytes, out)?;
                size = whole.len();
            }
            _ => {
                size = nhc::compress_extension(kind, bytes, out)?;
                if let Some(inner) = self.inner {
                    let header = bytes.get(..size).unwrap_or_default();
                    self.generic.extension(inner, kind, header, start, out)?;
                }
                self.routed |= kind == ROUTING;
                if !nhc::is_middle(kind, bytes) {
                    self.kind = bytes.first().copied().unwrap_or(NO_NEXT_HEADER);
                }
            }
        }
        self.rest.skip(size);
        Ok(())
    }
}

/// Takes out the next header's number that stands in line in the encoding at `at`: a LOWPAN_NHC byte
/// stands behind that instead.
fn elide_number(at: usize, out: &mut Writer<'_>) {
    let Some(encoding) = out.written_mut().get_mut(at..) else { return };
    let [first, second, ..] = encoding else { return };
    let (flag, number_at) =
        if *first >> 5 == 3 { (4, iphc::next_header_at([*first, *second])) } else { (1, 1) };
    *first |= flag;
    let mut behind = 0;
    for byte in encoding.get_mut(number_at..).unwrap_or_default().iter_mut().rev() {
        core::mem::swap(byte, &mut behind);
    }
    out.truncate(out.position() - 1);
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
    /// (RFC 7400 §3.3): never in a build without the feature `ghc`.
    pub is_generic: bool,
}

/// Turns what a frame carries into an IPv6 packet in `out`: `payload` begins with the dispatch of
/// an IPv6 or LOWPAN_IPHC header. `total` is the size of the whole packet when this is but its
/// first fragment.
///
/// # Errors
/// [`Error::Malformed`] when the headers are cut short, contradict each other or use reserved
/// values; [`Error::Unsupported`] for other dispatches, unknown headers, more than eight of
/// them, and a UDP checksum elided behind a routing header; [`Error::NotFound`] for a context
/// not known; [`Error::TooLarge`] when `out` is too small; [`Error::Security`] for an elided UDP checksum in a
/// build without the feature `udp-elision`.
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
        return Ok(Decompressed { len: out.position(), missing_checksum, is_generic: false });
    }
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
        let mut bytecode = Bytecode::NONE;
        if next_at > 0 {
            nhc = input.u8()?;
            bytecode = Bytecode::of(&mut nhc, &out, ipv6_at)?;
            is_generic |= bytecode.is_used();
            kind = match nhc::extension(nhc) {
                Some(kind) => kind,
                None if generic::is_icmpv6(nhc) => ICMPV6,
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
                    missing_checksum = Some(MissingChecksum::new(ipv6_at, at)?);
                }
                bytecode.payload(&mut input, &mut out)?;
                false
            }
            ICMPV6 if generic::IS_KNOWN => {
                bytecode.payload(&mut input, &mut out)?;
                false
            }
            _ => {
                let more = nhc & 1 != 0;
                bytecode.extension(kind, more, &mut input, &mut out)?;
                next_at = at;
                routed |= kind == ROUTING;
                more
            }
        };
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
    Ok(Decompressed { len: out.position(), missing_checksum, is_generic })
}

#[cfg(test)]
mod tests;
