// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generic header compression in the chain of headers (RFC 7400 §3): extension headers, ICMPv6 and what UDP carries,
//! in bytecode.
#![forbid(unsafe_code)]

use super::{Compressed, compress_chain};
use crate::bytes::{Parts, Reader, Writer};
use crate::lowpan::context::Contexts;
use crate::lowpan::ghc::{self, Dictionary};
use crate::lowpan::iphc::{Ends, IPV6_HEADER, addresses};
use crate::lowpan::nhc;
use crate::status::{Error, Result};

/// Whether this build can do it.
pub(super) const IS_KNOWN: bool = true;

/// As [`compress`](super::compress), for a neighbour that understands generic header compression (RFC 7400): extension
/// headers, ICMPv6 and what UDP carries are written in its bytecode where that is shorter and
/// the packet then fits `room`; the latter two where they stand in one part.
///
/// # Errors
/// Those of [`compress`](super::compress).
pub fn compress_generic(
    packet: Parts<'_>,
    ends: Ends,
    contexts: &Contexts<'_>,
    elide_udp_checksum: bool,
    room: &mut [u8],
) -> Result<Compressed> {
    compress_chain(packet, ends, contexts, elide_udp_checksum, Generic(true), room)
}

/// The dictionary of what follows an IPv6 header.
fn dictionary(header: &[u8; IPV6_HEADER]) -> Dictionary {
    let (source, destination) = addresses(header);
    Dictionary::new(source, destination)
}

/// Whether bytecode is written instead of what RFC 6282 has, when it is shorter.
#[derive(Clone, Copy)]
pub(super) struct Generic(bool);

impl Generic {
    /// It is not.
    pub(super) const NOWHERE: Generic = Generic(false);

    /// Whether it is of what stands at the front of `rest` up to the end.
    pub(super) const fn takes(self, rest: &Parts<'_>) -> bool {
        self.0 && rest.tail.is_empty()
    }

    /// Writes what UDP carries, whose header stands in `out` from `start` on, and says whether it has: it is left
    /// alone where nothing is gained.
    pub(super) fn udp_payload(
        self,
        inner: &[u8; IPV6_HEADER],
        payload: &[u8],
        start: usize,
        out: &mut Writer<'_>,
    ) -> bool {
        let before = out.position();
        let done = ghc::compress(&dictionary(inner), false, payload, out).is_ok();
        let shorter = done && out.position() - before < payload.len();
        if !shorter {
            out.truncate(before);
        } else if let Some(nhc) = out.written_mut().get_mut(start) {
            *nhc = ghc::NHC_UDP | *nhc & 7;
        }
        shorter
    }

    /// Writes an ICMPv6 message.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where nothing is gained, or it does not fit.
    pub(super) fn icmpv6(
        self,
        inner: &[u8; IPV6_HEADER],
        message: &[u8],
        out: &mut Writer<'_>,
    ) -> Result<()> {
        let start = out.position();
        out.u8(ghc::NHC_ICMPV6)?;
        ghc::compress(&dictionary(inner), false, message, out)?;
        // In line, the number of ICMPv6 takes a byte as well.
        if out.position() - start > message.len() { Err(Error::TooLarge) } else { Ok(()) }
    }

    /// Writes the extension header `whole` of that kind in place of what stands in `out` from `start` on, if that is
    /// shorter.
    pub(super) fn extension(
        self,
        inner: &[u8; IPV6_HEADER],
        kind: u8,
        whole: &[u8],
        start: usize,
        out: &mut Writer<'_>,
    ) -> Result<()> {
        let plain = out.position() - start;
        let nhc = out.written().get(start).copied().and_then(ghc::extension_of_nhc);
        let (true, Some(nhc)) = (self.0, nhc) else { return Ok(()) };
        out.truncate(start);
        let done = put_extension(nhc, &dictionary(inner), whole, out);
        if done.is_err() || out.position() - start >= plain {
            out.truncate(start);
            nhc::compress_extension(kind, whole, out)?;
        }
        Ok(())
    }
}

/// Writes an extension header, the next header's number in line and its length left out.
fn put_extension(nhc: u8, dictionary: &Dictionary, whole: &[u8], out: &mut Writer<'_>) -> Result<()> {
    let [next_header, _, content @ ..] = whole else { return Err(Error::Malformed) };
    out.put(&[nhc, *next_header])?;
    ghc::compress(dictionary, true, content, out)
}

/// Whether an NHC byte stands for ICMPv6 in bytecode.
pub(super) const fn is_icmpv6(nhc: u8) -> bool {
    nhc == ghc::NHC_ICMPV6
}

/// Whether a header that came is in bytecode, and the dictionary of that.
pub(super) struct Bytecode(Option<Dictionary>);

impl Bytecode {
    /// It is not.
    pub(super) const NONE: Bytecode = Bytecode(None);

    /// Of the header with that NHC byte, behind the IPv6 header that stands at `ipv6_at` of what was written. The byte
    /// becomes that of RFC 6282 for the same header, if there is one.
    pub(super) fn of(nhc: &mut u8, out: &Writer<'_>, ipv6_at: usize) -> Result<Bytecode> {
        match ghc::plain_of_nhc(*nhc) {
            Some(plain) => *nhc = plain,
            None if is_icmpv6(*nhc) => {}
            None => return Ok(Bytecode::NONE),
        }
        let header = out.written().get(ipv6_at..).and_then(|it| it.first_chunk()).ok_or(Error::Malformed)?;
        Ok(Bytecode(Some(dictionary(header))))
    }

    /// Whether it is.
    pub(super) const fn is_used(&self) -> bool {
        self.0.is_some()
    }

    /// Writes what a header carries, if that is in bytecode.
    pub(super) fn payload(&self, input: &mut Reader<'_>, out: &mut Writer<'_>) -> Result<()> {
        match &self.0 {
            Some(dictionary) => ghc::decompress(dictionary, false, input, out),
            None => Ok(()),
        }
    }

    /// Writes the extension header of that kind from what stands behind the NHC byte; padding that was left out of
    /// bytecode is put back as in RFC 6282.
    pub(super) fn extension(
        &self,
        kind: u8,
        next_is_compressed: bool,
        input: &mut Reader<'_>,
        out: &mut Writer<'_>,
    ) -> Result<()> {
        let Some(dictionary) = &self.0 else {
            return nhc::decompress_extension(kind, next_is_compressed, input, out);
        };
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
}
