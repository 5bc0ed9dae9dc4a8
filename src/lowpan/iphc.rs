// SPDX-License-Identifier: MIT OR Apache-2.0
//! LOWPAN_IPHC: the compressed IPv6 header (RFC 6282 §3).
#![forbid(unsafe_code)]

use super::context::{Context, Contexts, LINK_LOCAL, halves, join};
use crate::bytes::{Reader, Writer, copy};
use crate::ieee802154::LinkAddress;
use crate::status::{Error, Result};

/// How many bytes an IPv6 header takes.
pub const IPV6_HEADER: usize = 40;
/// The longest a compressed header gets: the encoding, one context byte, and everything in line.
pub const MAX_ENCODED: usize = 3 + 4 + 1 + 1 + 16 + 16;

/// The interface identifiers that follow from the encapsulating header (RFC 6282 §3.2.2): the
/// frame's addresses, the mesh header's, or those of an outer IPv6 header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    // As they stand in memory, so that nothing is swapped for comparing.
    pub(super) source: u64,
    pub(super) destination: u64,
}

impl Ends {
    /// The ends that a frame or a mesh header names.
    pub const fn of_link(source: LinkAddress, destination: LinkAddress) -> Ends {
        Ends { source: source.identifier().to_be(), destination: destination.identifier().to_be() }
    }

    /// The ends that an IPv6 header names.
    pub fn of_ipv6(header: &[u8; IPV6_HEADER]) -> Ends {
        let (source, destination) = addresses(header);
        Ends { source: halves(source)[1], destination: halves(destination)[1] }
    }
}

#[cfg(feature = "sixlorh")]
impl Ends {
    pub(super) fn of_addresses(source: &[u8; 16], destination: &[u8; 16]) -> Ends {
        Ends { source: halves(source)[1], destination: halves(destination)[1] }
    }
}

/// Puts source and destination into an IPv6 header.
#[cfg(feature = "sixlorh")]
pub(super) fn put_addresses(header: &mut [u8; IPV6_HEADER], source: &[u8; 16], destination: &[u8; 16]) {
    header[8..24].copy_from_slice(source);
    header[24..].copy_from_slice(destination);
}

/// Source and destination of an IPv6 header.
pub(super) fn addresses(header: &[u8; IPV6_HEADER]) -> (&[u8; 16], &[u8; 16]) {
    const NOWHERE: &[u8; 16] = &[0; 16];
    let [_, _, _, _, _, _, _, _, rest @ ..] = header;
    let rest: &[u8; 32] = rest;
    let source = rest.first_chunk().unwrap_or(NOWHERE);
    (source, rest.last_chunk().unwrap_or(NOWHERE))
}

/// The form `0000:00ff:fe00:XXXX`, and where it takes its last two bytes.
const SHORT: u64 = u64::from_ne_bytes([0, 0, 0, 0xff, 0xfe, 0, 0, 0]);
const SHORT_REST: u64 = u64::from_ne_bytes([0, 0, 0, 0, 0, 0, 0xff, 0xff]);
/// The byte at the front of an address, by which a group is told.
const FIRST_BYTE: u64 = u64::from_ne_bytes([0xff, 0, 0, 0, 0, 0, 0, 0]);

/// How an address goes out: the bits SAC and SAM, or M, DAC and DAM; in the third byte, the context identifier.
#[derive(Clone, Copy)]
struct Form(u32);

/// The bit that says that a context is used.
const STATEFUL: u32 = 4;
/// The bit that says that the destination is a multicast address.
const MULTICAST: u32 = 8;

/// What stands in line of an address in each form: so many bytes behind the first, and so many at the end.
const IN_LINE: [(u8, u8); 16] = {
    let mut table = [(0, 0); 16];
    (table[0], table[1], table[2]) = ((0, 16), (0, 8), (0, 2));
    (table[5], table[6]) = (table[1], table[2]);
    (table[8], table[9], table[10], table[11], table[12]) = ((0, 16), (1, 5), (1, 3), (0, 1), (2, 4));
    table
};

/// How many bytes of an address in that form stand in line behind the first, and at the end.
fn in_line(form: u32) -> (usize, usize) {
    let (head, tail) = IN_LINE.get(form as usize & 15).copied().unwrap_or_default();
    (head.into(), tail.into())
}

impl Form {
    /// Of a source, or of a destination.
    #[cfg_attr(not(feature = "std"), inline(never))]
    #[cfg_attr(feature = "std", inline(always))]
    fn of(address: &[u8; 16], elided: u64, is_source: bool, contexts: &Contexts<'_>) -> Form {
        let [high, low] = halves(address);
        let mut form = mode_under(&LINK_LOCAL, [high, low], elided);
        if form != 0 {
            return Form(form);
        }
        if is_source && high | low == 0 {
            return Form(STATEFUL);
        }
        if !is_source && high & FIRST_BYTE == FIRST_BYTE {
            return Form::multicast([high, low], contexts);
        }
        for context in contexts.usable() {
            let mode = mode_under(context, [high, low], elided);
            // Context 0 saves a byte where it does as well.
            if mode != 0 && (STATEFUL | mode > form & 7 || STATEFUL | mode == form & 7 && context.id == 0) {
                form = STATEFUL | mode | u32::from(context.id) << 16;
            }
        }
        Form(form)
    }

    fn multicast(address: [u64; 2], contexts: &Contexts<'_>) -> Form {
        let [high, low] = address.map(u64::from_be);
        if high == 0xff02 << 48 && low <= 0xff {
            return Form(MULTICAST | 3);
        }
        // The group alone differs from ffXX::; the bytes in line are flags and group.
        if high << 16 == 0 && low >> 40 == 0 {
            return Form(if low >> 24 == 0 { MULTICAST | 2 } else { MULTICAST | 1 });
        }
        // With a prefix: reserved bits, its length and itself, then the group.
        let (length, prefix) = ((high >> 32) as u8, (high << 32 | low >> 32).to_be());
        let fits = |it: &&Context| it.length == length && it.length <= 64 && it.high == prefix;
        match contexts.usable().find(fits) {
            Some(context) => Form(MULTICAST | STATEFUL | u32::from(context.id) << 16),
            None => Form(MULTICAST),
        }
    }
}

/// Writes what stands in line of an address.
#[cfg_attr(feature = "std", inline(always))]
fn put(Form(form): Form, address: &[u8; 16], out: &mut Writer<'_>) -> Result<()> {
    if cfg!(feature = "std") {
        // The usual forms, which come out below as well, where they take longer.
        let [.., a, b, c, d, e, f, g, h] = *address;
        if form == 3 {
            return Ok(());
        }
        if form & 7 == 0 {
            return out.put(address);
        }
        if form & 0b1011 == 1 {
            return out.put(&[a, b, c, d, e, f, g, h]);
        }
        if form & 7 == 3 {
            return out.put(&[h]);
        }
    }
    let (head, tail) = in_line(form);
    for (at, byte) in address.iter().enumerate() {
        if (1..=head).contains(&at) || at >= 16 - tail {
            out.u8(*byte)?;
        }
    }
    Ok(())
}

/// Which mode says the rest of the address, once `context` has said its part; 0 when the
/// context does not fit.
#[inline]
const fn mode_under(context: &Context, [high, low]: [u64; 2], elided: u64) -> u32 {
    let rest = !context.low_mask;
    if high != context.high || low & context.low_mask != context.low {
        0
    } else if (low ^ elided) & rest == 0 {
        3
    } else if (low ^ SHORT) & rest & !SHORT_REST == 0 {
        2
    } else {
        1
    }
}

/// Writes the encoding, context identifiers, and what stands in line of traffic class and flow label, for a header
/// that begins with `word`.
#[inline]
fn put_encoding(mut base: u32, word: u32, out: &mut Writer<'_>) -> Result<()> {
    if cfg!(feature = "std") && base <= 0xffff && word == 0x6000_0000 {
        // The usual case, which comes out below as well, where it takes longer.
        return out.u16(base as u16 | 0x1800);
    }
    let class_and_label = word ^ 0x6000_0000;
    if class_and_label >> 28 != 0 {
        return Err(Error::Invalid);
    }
    let ids = base >> 16;
    // The traffic class, rotated, and the label, from the top down; and how many bytes that takes.
    let (mut line, mut count) = (0, 0);
    if class_and_label == 0 {
        base |= 0x1800;
    } else {
        let class = u32::from(((class_and_label >> 20) as u8).rotate_right(2)) << 24;
        let label = class_and_label & 0xf_ffff;
        let form;
        (form, line, count) = match (class & 0x3f00_0000, label) {
            (_, 0) => (0x1000, class, 1),
            (0, _) => (0x800, class | label << 8, 3),
            _ => (0, class | label, 4),
        };
        base |= form;
    }
    if ids != 0 {
        base |= 0x80;
    }
    out.u16(base as u16)?;
    if ids != 0 {
        out.u8(ids as u8)?;
    }
    for _ in 0..count {
        out.u8((line >> 24) as u8)?;
        line <<= 8;
    }
    Ok(())
}

/// Writes `header` compressed. With `next_is_compressed` the next header field is elided, and a
/// LOWPAN_NHC header must follow. The payload length is elided always.
///
/// # Errors
/// [`Error::TooLarge`] without room ([`MAX_ENCODED`] always suffice); what was written is left
/// for the caller to truncate. [`Error::Invalid`] when the version is not 6.
#[cfg_attr(feature = "std", inline(always))]
pub fn compress(
    header: &[u8; IPV6_HEADER],
    next_is_compressed: bool,
    ends: Ends,
    contexts: &Contexts<'_>,
    out: &mut Writer<'_>,
) -> Result<()> {
    let (source, destination) = addresses(header);
    let from = Form::of(source, ends.source, true, contexts);
    let to = Form::of(destination, ends.destination, false, contexts);
    // The two bytes of the encoding, and the context identifiers above them.
    let mut base = 0x6000 | u32::from(next_is_compressed) << 10 | from.0 << 4 | to.0;
    let hop_limit = header[7];
    base |= match u32::from(hop_limit) {
        1 => 0x100,
        64 => 0x200,
        255 => 0x300,
        _ => 0,
    };
    let [v, t, f, l, ..] = *header;
    put_encoding(base, u32::from_be_bytes([v, t, f, l]), out)?;
    if !next_is_compressed {
        out.u8(header[6])?;
    }
    if base & 0x300 == 0 {
        out.u8(hop_limit)?;
    }
    put(from, source, out)?;
    put(to, destination, out)
}

/// Where the next header number stands in line in the compressed header that begins with `first` and `second`.
pub(super) const fn next_header_at([first, second]: [u8; 2]) -> usize {
    let class_and_label = 0x0134 >> (first >> 1 & 0xc) & 0xf;
    2 + (second >> 7) as usize + class_and_label
}

fn context<'c>(stateful: bool, id: u8, contexts: &'c Contexts<'_>) -> Result<&'c Context> {
    if stateful { contexts.find(id).ok_or(Error::NotFound) } else { Ok(&LINK_LOCAL) }
}

/// Reads an address into place; `form` has the bits SAC and SAM, or M, DAC and DAM.
#[cfg_attr(feature = "std", inline(always))]
fn take(
    form: u32,
    id: u8,
    elided: u64,
    contexts: &Contexts<'_>,
    input: &mut Reader<'_>,
    address: &mut [u8; 16],
) -> Result<()> {
    let identifier = match form {
        0 | 8 => {
            *address = input.array()?;
            // Of a group, all of whose address stands there.
            return if form == 0 || address[0] == 0xff { Ok(()) } else { Err(Error::Malformed) };
        }
        9..=12 => return take_group(form, id, contexts, input, address),
        1 | 5 => u64::from_ne_bytes(input.array()?),
        2 | 6 => u64::from(input.u16()?).to_be() | SHORT,
        3 | 7 => elided,
        // Reserved: 4 has another meaning for the source alone.
        _ => return Err(Error::Malformed),
    };
    let context = context(form & STATEFUL != 0, id, contexts)?;
    *address = join([context.high, context.low | identifier & !context.low_mask]);
    Ok(())
}

/// Reads the address of a group that does not stand there whole.
#[cfg_attr(feature = "std", inline(always))]
fn take_group(
    form: u32,
    id: u8,
    contexts: &Contexts<'_>,
    input: &mut Reader<'_>,
    address: &mut [u8; 16],
) -> Result<()> {
    *address = [0; 16];
    (address[0], address[1]) = (0xff, 2);
    if form == MULTICAST | 3 {
        address[15] = input.u8()?;
        return Ok(());
    }
    let (head, tail) = in_line(form);
    let [_, flags @ ..] = address;
    copy(flags, input.take(head)?);
    copy(address.get_mut(16 - tail..).unwrap_or_default(), input.take(tail)?);
    if form & STATEFUL != 0 {
        let context = context(true, id, contexts)?;
        if context.length > 64 {
            return Err(Error::Malformed);
        }
        let [_, _, _, length, prefix @ .., _, _, _, _] = address;
        (*length, *prefix) = (context.length, context.high.to_ne_bytes());
    }
    Ok(())
}

/// What a compressed header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decompressed {
    /// The IPv6 header. Its payload length is 0, as the frame does not say it; so is its next
    /// header when that is compressed.
    pub header: [u8; IPV6_HEADER],
    /// Whether a LOWPAN_NHC header follows.
    pub next_is_compressed: bool,
}

/// Reads a compressed header off `input`.
///
/// # Errors
/// [`Error::Malformed`] when it is cut short, is no LOWPAN_IPHC or uses a reserved mode;
/// [`Error::NotFound`] when it refers to a context not known here.
pub fn decompress(input: &mut Reader<'_>, ends: Ends, contexts: &Contexts<'_>) -> Result<Decompressed> {
    let mut header = [0; IPV6_HEADER];
    let next_is_compressed = decompress_into(input, ends, contexts, &mut header)?;
    Ok(Decompressed { header, next_is_compressed })
}

/// The same, into place. The header's length stays as it is, and its next header if the next header
/// is compressed, which is told.
///
/// # Errors
/// As [`decompress`]; `header` holds a part of what was read then.
#[inline]
pub fn decompress_into(
    input: &mut Reader<'_>,
    ends: Ends,
    contexts: &Contexts<'_>,
    header: &mut [u8; IPV6_HEADER],
) -> Result<bool> {
    let [first, second] = input.array()?;
    if first >> 5 != 3 {
        return Err(Error::Malformed);
    }
    let ids = if second & 0x80 != 0 { input.u8()? } else { 0 };
    let mut word = 0x6000_0000;
    if first >> 3 & 3 != 3 {
        // The traffic class, rotated, then the flow label.
        let [rotated, a, b, c] = match first >> 3 & 3 {
            0 => input.array()?,
            1 => {
                let [a, b, c] = input.array()?;
                [a & 0xc0, a, b, c]
            }
            _ => [input.u8()?, 0, 0, 0],
        };
        word |= u32::from(rotated.rotate_left(2)) << 20 | u32::from_be_bytes([0, a & 0xf, b, c]);
    }
    let [v, t, f, l, _, _, next_header, hop_limit, addresses @ ..] = header;
    [*v, *t, *f, *l] = word.to_be_bytes();
    let next_is_compressed = first & 4 != 0;
    if !next_is_compressed {
        *next_header = input.u8()?;
    }
    *hop_limit = match first & 3 {
        0 => input.u8()?,
        1 => 1,
        2 => 64,
        _ => 255,
    };
    let addresses: &mut [u8; 32] = addresses;
    let (source, rest) = addresses.split_first_chunk_mut::<16>().ok_or(Error::Malformed)?;
    let destination = rest.first_chunk_mut::<16>().ok_or(Error::Malformed)?;
    let second = u32::from(second);
    match second >> 4 & 7 {
        4 => *source = [0; 16],
        form => take(form, ids >> 4, ends.source, contexts, input, source)?,
    }
    take(second & 0xf, ids & 0xf, ends.destination, contexts, input, destination)?;
    Ok(next_is_compressed)
}
