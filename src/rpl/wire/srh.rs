// SPDX-License-Identifier: MIT OR Apache-2.0
//! The source routing header, routing type 3 (RFC 6554).
#![forbid(unsafe_code)]

use crate::address::Ip;
use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// Routing type of this header.
pub(super) const ROUTING_TYPE: u8 = 3;

/// How the addresses of a header are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// CmprI: prefix bytes left out of all addresses but the last, 0 to 15.
    pub compressed: u8,
    /// CmprE: prefix bytes left out of the last address, 0 to 15.
    pub compressed_last: u8,
    /// Number of addresses, at least 1.
    pub count: u8,
}

impl Shape {
    /// Bytes of a whole header of this shape, padding included; `None` when it is too long.
    pub fn encoded_len(self) -> Option<usize> {
        let payload = self.payload()?;
        let length = 8 + payload + usize::from(pad(payload));
        (length <= 8 * 256).then_some(length)
    }

    fn payload(self) -> Option<usize> {
        let each = 16usize.checked_sub(usize::from(self.compressed))?;
        let last = 16usize.checked_sub(usize::from(self.compressed_last))?;
        Some(usize::from(self.count.checked_sub(1)?) * each + last)
    }

    /// Writes the header's first eight bytes; the addresses and then the padding follow.
    /// Returns how many bytes of padding that takes.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn emit(self, next_header: u8, segments_left: u8, out: &mut Writer<'_>) -> Result<u8> {
        let payload = self.payload().ok_or(Error::TooLarge)?;
        let pad = pad(payload);
        let units = u8::try_from(payload.div_ceil(8)).map_err(|_| Error::TooLarge)?;
        let compression = (self.compressed & 15) << 4 | self.compressed_last & 15;
        out.put(&[next_header, units, ROUTING_TYPE, segments_left, compression, pad << 4, 0, 0])?;
        Ok(pad)
    }
}

/// Bytes of padding behind so many of addresses.
const fn pad(payload: usize) -> u8 {
    payload.wrapping_neg() as u8 & 7
}

/// Where the addresses of a header stand.
struct Layout<'a> {
    /// Bytes of each but the last.
    each: usize,
    /// Where the last one begins.
    last_at: usize,
    /// All of them, without the padding.
    addresses: &'a [u8],
}

impl<'a> Layout<'a> {
    /// From the fields for compression and padding, and what is behind the header's first eight bytes.
    fn of(compression: u8, pad: u8, body: &'a [u8]) -> Option<Layout<'a>> {
        let (each, last) = (usize::from(16 - (compression >> 4)), usize::from(16 - (compression & 15)));
        // n = (((Hdr Ext Len * 8) - Pad - (16 - CmprE)) / (16 - CmprI)) + 1
        let addresses = body.get(..body.len().checked_sub(usize::from(pad >> 4))?)?;
        let last_at = addresses.len().checked_sub(last)?;
        let fits = last_at.checked_rem(each) == Some(0) && (compression != 0 || pad >> 4 == 0);
        fits.then_some(Layout { each, last_at, addresses })
    }
}

/// Replaces the last `length` bytes of an address by those that `bytes` begins with.
fn fill(address: &mut Ip, length: usize, bytes: Option<&[u8]>) {
    let tail = address.0.get_mut(16usize.saturating_sub(length)..);
    crate::bytes::copy(tail.unwrap_or_default(), bytes.unwrap_or_default());
}

/// A checked view of a source routing header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceRoute<'a> {
    /// What follows the header.
    pub next_header: u8,
    /// How many addresses are still to be visited, at most the number of addresses.
    pub segments_left: u8,
    /// How the addresses are packed.
    pub shape: Shape,
    addresses: &'a [u8],
}

impl<'a> SourceRoute<'a> {
    /// Reads the whole header, from its next-header field on; bytes behind it are ignored.
    /// Anything but a routing type of 3, and a length that does not suit the compression and
    /// padding, is refused. Whether `segments_left` exceeds the number of addresses is for
    /// [`advance`] to say, since it has a reply of its own.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Unsupported`] for another routing type.
    pub fn parse(header: &'a [u8]) -> Result<SourceRoute<'a>> {
        let mut reader = Reader::new(header);
        let [next_header, units, kind, segments_left, compression, pad, _, _] = reader.array()?;
        if kind != ROUTING_TYPE {
            return Err(Error::Unsupported);
        }
        let body = reader.take(usize::from(units) * 8)?;
        let layout = Layout::of(compression, pad, body).ok_or(Error::Malformed)?;
        let count = u8::try_from(layout.last_at.checked_div(layout.each).unwrap_or(0) + 1);
        let (compressed, compressed_last) = (compression >> 4, compression & 15);
        let shape = Shape { compressed, compressed_last, count: count.map_err(|_| Error::Malformed)? };
        Ok(SourceRoute { next_header, segments_left, shape, addresses: layout.addresses })
    }

    /// The addresses in order, completed with the prefix of the IPv6 destination.
    pub fn addresses(&self, destination: &Ip) -> Addresses<'a> {
        Addresses { reader: Reader::new(self.addresses), shape: self.shape, prefix: *destination }
    }
}

/// The addresses of a source routing header.
#[derive(Clone, Copy, Debug)]
pub struct Addresses<'a> {
    reader: Reader<'a>,
    shape: Shape,
    prefix: Ip,
}

impl Iterator for Addresses<'_> {
    type Item = Ip;

    fn next(&mut self) -> Option<Ip> {
        self.shape.count = self.shape.count.checked_sub(1)?;
        let elided = if self.shape.count == 0 { self.shape.compressed_last } else { self.shape.compressed };
        let mut address = self.prefix;
        let tail = address.0.get_mut(usize::from(elided)..)?;
        let bytes = self.reader.take(tail.len()).ok()?;
        crate::bytes::copy(tail, bytes);
        Some(address)
    }
}

/// Why a router does not follow a source route (RFC 6554 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The header is malformed, or names a multicast address: drop silently.
    Drop,
    /// Parameter Problem, code 0, whose pointer is this many bytes into the header.
    ParameterProblem(u8),
}

/// The step that a router makes which finds its own address as the destination of a packet
/// with a source routing header: swaps the destination with the next address and counts
/// `segments_left` down, in place. `is_own` says which addresses are this node's.
///
/// `Ok(true)` means that the packet is to be forwarded to the new destination; `Ok(false)`
/// that the route is used up and the next header is this node's to process.
///
/// # Errors
/// [`Refusal`], with packet and destination unchanged.
pub fn advance(
    header: &mut [u8],
    destination: &mut Ip,
    is_own: &dyn Fn(&Ip) -> bool,
) -> core::result::Result<bool, Refusal> {
    let [_, units, ROUTING_TYPE, segments_left, compression, pad, _, _, body @ ..] = header else {
        return Err(Refusal::Drop);
    };
    let left = usize::from(*segments_left);
    let body = body.get_mut(..usize::from(*units) * 8).ok_or(Refusal::Drop)?;
    let Layout { each, last_at, addresses } = Layout::of(*compression, *pad, body).ok_or(Refusal::Drop)?;
    let Some(behind) = left.checked_sub(1) else { return Ok(false) };
    // The pointers are to Segments Left, and to the address vector.
    let next_at = last_at.checked_sub(behind * each).ok_or(Refusal::ParameterProblem(3))?;
    let mut next = *destination;
    let (mut seen_own, mut apart) = (false, false);
    let mut at = 0;
    while at <= last_at {
        let mut address = *destination;
        fill(&mut address, if at == last_at { addresses.len() - last_at } else { each }, addresses.get(at..));
        if at == next_at {
            next = address;
        }
        if !is_own(&address) {
            apart = seen_own;
        } else if apart {
            return Err(Refusal::ParameterProblem(8));
        } else {
            seen_own = true;
        }
        at += each;
    }
    if next.is_multicast() || destination.is_multicast() {
        return Err(Refusal::Drop);
    }
    let room = body.get_mut(next_at..).unwrap_or_default();
    let length = if behind == 0 { 16 - usize::from(*compression & 15) } else { each };
    let own = destination.0.get(16 - length..).unwrap_or_default();
    crate::bytes::copy(room, own);
    *segments_left -= 1;
    *destination = next;
    Ok(true)
}
