// SPDX-License-Identifier: MIT OR Apache-2.0
//! LOWPAN_NHC: the compressed headers behind the IPv6 header (RFC 6282 §4).
#![forbid(unsafe_code)]

use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// Next header numbers that matter here (IANA).
pub(super) mod next_header {
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const IPV6: u8 = 41;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const ICMPV6: u8 = 58;
    pub(crate) const NO_NEXT_HEADER: u8 = 59;
    pub(crate) const DESTINATION: u8 = 60;
    pub(crate) const MOBILITY: u8 = 135;
}
use next_header::{DESTINATION, FRAGMENT, HOP_BY_HOP, IPV6, MOBILITY, ROUTING, UDP};

/// How many bytes a UDP header takes.
pub(super) const UDP_HEADER: usize = 8;
/// The NHC byte of an IPv6 header, behind which LOWPAN_IPHC follows.
pub(super) const NHC_IPV6: u8 = 0xee;

/// The next header numbers of the identifiers in the NHC byte; that of UDP stands for none.
const KINDS: [u8; 8] = [HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION, MOBILITY, UDP, UDP, IPV6];

/// The next header number that an extension header's NHC byte stands for; 41 where LOWPAN_IPHC
/// follows instead.
pub(super) fn extension(nhc: u8) -> Option<u8> {
    let kind = *KINDS.get(usize::from(nhc >> 1 & 7))?;
    (nhc >> 4 == 0xe && kind != UDP).then_some(kind)
}

/// Whether an NHC byte stands for UDP.
pub(super) const fn is_udp(nhc: u8) -> bool {
    nhc >> 3 == 0x1e
}

/// Writes the extension header of that kind at the front of `bytes` compressed, the next header's number in
/// line, padding at the end left out where it can be; and says how many bytes it takes uncompressed.
///
/// # Errors
/// [`Error::Unsupported`] for other kinds, and what NHC cannot tell; [`Error::TooLarge`].
pub(super) fn compress_extension(kind: u8, bytes: &[u8], out: &mut Writer<'_>) -> Result<usize> {
    let identifier = KINDS.iter().position(|known| *known == kind && kind != UDP);
    let (Some(identifier), [next_header, units, ..]) = (identifier, bytes) else {
        return Err(Error::Unsupported);
    };
    let size = 8 + 8 * usize::from(*units);
    let mut kept = bytes.get(2..size).unwrap_or_default();
    if matches!(kind, HOP_BY_HOP | DESTINATION) {
        kept = kept.get(..kept.len() - trailing_padding(kept)).unwrap_or_default();
    }
    // A fragment header has a reserved byte in place of the length, which NHC would not keep.
    if bytes.len() < size || kept.len() > 255 || kind == FRAGMENT && *units != 0 {
        return Err(Error::Unsupported);
    }
    out.put(&[0xe0 | (identifier as u8) << 1, *next_header, kept.len() as u8])?;
    out.put(kept)?;
    Ok(size)
}

/// Whether what follows the extension header of that kind at the front of `bytes` is no header but the
/// middle of a packet that IPv6 has fragmented.
pub(super) fn is_middle(kind: u8, bytes: &[u8]) -> bool {
    matches!(bytes, [_, _, high, low, ..] if kind == FRAGMENT && u16::from_be_bytes([*high, *low]) >> 3 != 0)
}

/// How many bytes of padding at the end of `options` the receiver will put back as they were: a
/// last option Pad1, or PadN of at most 7 bytes, all zero.
fn trailing_padding(options: &[u8]) -> usize {
    let mut reader = Reader::new(options);
    let mut last = 0;
    while let Ok(kind) = reader.u8() {
        last = 1;
        if kind == 0 {
            continue;
        }
        let Ok(length) = reader.u8() else { return 0 };
        let Ok(content) = reader.take(usize::from(length)) else { return 0 };
        let plain = kind == 1 && content.len() <= 5 && content.iter().all(|byte| *byte == 0);
        last = if plain { 2 + content.len() } else { 0 };
    }
    last
}

/// Writes the extension header of that kind from its compressed form behind the NHC byte. The
/// next header field is 0 when it is compressed.
pub(super) fn decompress_extension(
    kind: u8,
    next_is_compressed: bool,
    input: &mut Reader<'_>,
    out: &mut Writer<'_>,
) -> Result<()> {
    let next_header = if next_is_compressed { 0 } else { input.u8()? };
    let length = input.u8()?;
    let kept = input.take(usize::from(length))?;
    let units_at = out.position() + 1;
    out.put(&[next_header, 0])?;
    out.put(kept)?;
    let units = pad_extension(kind, 2 + kept.len(), out)?;
    if let Some(at) = out.written_mut().get_mut(units_at) {
        *at = units;
    }
    Ok(())
}

/// Pads an extension header of which `len` bytes have been written, and says what its length field
/// is to hold.
///
/// # Errors
/// [`Error::Malformed`] when its kind cannot be padded, or its length cannot be told;
/// [`Error::TooLarge`].
pub(super) fn pad_extension(kind: u8, len: usize, out: &mut Writer<'_>) -> Result<u8> {
    let padding = (8 - len % 8) % 8;
    if padding != 0 && !matches!(kind, HOP_BY_HOP | DESTINATION) || kind == FRAGMENT && len != 8 {
        return Err(Error::Malformed);
    }
    match padding {
        0 => {}
        1 => out.u8(0)?,
        _ => {
            out.put(&[1, padding as u8 - 2])?;
            out.reserve(padding - 2)?;
        }
    }
    u8::try_from((len + padding) / 8 - 1).map_err(|_| Error::Malformed)
}

/// Writes a UDP header compressed (RFC 6282 §4.3).
pub(super) fn compress_udp(
    header: &[u8; UDP_HEADER],
    elide_checksum: bool,
    out: &mut Writer<'_>,
) -> Result<()> {
    let [ports @ .., _, _, _, _] = header;
    let checksum = header.last_chunk::<2>().unwrap_or(&[0; 2]);
    let [a, b, c, d] = ports;
    let [_, low_source @ ..] = ports;
    let (low_destination, nibbles) = ([*a, *b, *d], [b << 4 | d & 0xf]);
    let (form, ports): (u8, &[u8]) = match (*a, *c) {
        (0xf0, 0xf0) if b >> 4 == 0xb && d >> 4 == 0xb => (3, &nibbles),
        (0xf0, _) => (2, low_source),
        (_, 0xf0) => (1, &low_destination),
        _ => (0, ports),
    };
    out.u8(0xf0 | u8::from(elide_checksum) << 2 | form)?;
    out.put(ports)?;
    if elide_checksum { Ok(()) } else { out.put(checksum) }
}

/// Reads a UDP header off `input`, behind its NHC byte. The length is 0, and so is the checksum
/// when it is elided.
pub(super) fn decompress_udp(nhc: u8, input: &mut Reader<'_>) -> Result<[u8; UDP_HEADER]> {
    let (source, destination) = if nhc & 3 == 3 {
        let both = u16::from(input.u8()?);
        (0xf0b0 | both >> 4, 0xf0b0 | both & 0xf)
    } else {
        let mut port = |short| {
            if nhc & short == 0 { input.u16() } else { input.u8().map(|low| 0xf000 | u16::from(low)) }
        };
        (port(2)?, port(1)?)
    };
    let [a, b] = source.to_be_bytes();
    let [c, d] = destination.to_be_bytes();
    let [e, f] = if nhc & 4 != 0 { [0; 2] } else { input.array()? };
    Ok([a, b, c, d, 0, 0, e, f])
}
