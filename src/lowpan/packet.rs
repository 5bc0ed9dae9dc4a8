// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole packets: the chain of headers compressed into the front of a frame, and back.
#![forbid(unsafe_code)]

use super::DISPATCH_IPV6;
use super::context::Contexts;
use super::iphc::{self, Ends, IPV6_HEADER, addresses};
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

/// A header that can be compressed.
#[derive(Clone, Copy)]
enum Next<'a> {
    Ipv6(&'a [u8; IPV6_HEADER]),
    Extension(Extension<'a>),
    Udp(&'a [u8; UDP_HEADER]),
}

impl<'a> Next<'a> {
    /// Looks at the header of that kind at the front of `bytes`, which reach to the packet's end.
    fn parse(kind: u8, bytes: &'a [u8]) -> Option<Next<'a>> {
        match kind {
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
    mut ends: Ends,
    contexts: &Contexts<'_>,
    elide_udp_checksum: bool,
    room: &mut [u8],
) -> Result<Compressed> {
    let mut out = Writer::new(room);
    let mut rest = packet;
    let mut current = Next::parse(IPV6, packet).ok_or(Error::Malformed)?;
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
                let mut next = if may_follow { Next::parse(header[6], after) } else { None };
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
                    Next::parse(extension.next_header, after).filter(|next| next.most() <= room)
                } else {
                    None
                };
                routed |= extension.is(ROUTING);
                extension.emit(next.is_some(), &mut out)?;
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
                nhc::compress_udp(header, elide, &mut out)?;
                (UDP_HEADER, None)
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

/// What [`decompress`] made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decompressed {
    /// How many bytes of the packet stand in the output: all of an unfragmented one, headers and
    /// first payload of a first fragment.
    pub len: usize,
    /// Where a UDP checksum that was elided is to be put once the packet is complete.
    pub missing_checksum: Option<MissingChecksum>,
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
        return Ok(Decompressed { len: out.position(), missing_checksum });
    }
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
        if count > 0 {
            nhc = input.u8()?;
            kind = match nhc::extension(nhc) {
                Some(kind) => kind,
                None if nhc::is_udp(nhc) => UDP,
                None => return Err(Error::Unsupported),
            };
            if let Some(slot) = next_at.and_then(|at| out.written_mut().get_mut::<usize>(at)) {
                *slot = kind;
            }
        }
        let more = match kind {
            IPV6 => {
                let inner = iphc::decompress(&mut input, ends, contexts)?;
                out.put(&inner.header)?;
                ends = Ends::of_ipv6(&inner.header);
                *place = (at + 4, at + IPV6_HEADER);
                next_at = Some(at + 6);
                ipv6_at = at;
                routed = false;
                inner.next_is_compressed
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
                false
            }
            _ => {
                let more = nhc & 1 != 0;
                nhc::decompress_extension(kind, more, &mut input, &mut out)?;
                next_at = Some(at);
                routed |= kind == ROUTING;
                more
            }
        };
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
    Ok(Decompressed { len: out.position(), missing_checksum })
}
