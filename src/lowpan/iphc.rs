// SPDX-License-Identifier: MIT OR Apache-2.0
//! LOWPAN_IPHC: the compressed IPv6 header (RFC 6282 §3).
#![forbid(unsafe_code)]

use super::context::{Context, Contexts, LINK_LOCAL, halves, join};
use crate::bytes::{Reader, Writer};
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
    pub(super) source: u64,
    pub(super) destination: u64,
}

impl Ends {
    /// The ends that a frame or a mesh header names.
    pub const fn of_link(source: LinkAddress, destination: LinkAddress) -> Ends {
        Ends { source: source.identifier(), destination: destination.identifier() }
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

/// The form `0000:00ff:fe00:XXXX`.
const fn short_identifier(short: u64) -> u64 {
    0x0000_00ff_fe00_0000 | short & 0xffff
}

/// How an address goes out: the bits SAC and SAM, or M, DAC and DAM; and the context identifier above them.
#[derive(Clone, Copy)]
struct Form(u8);

/// The bit that says that a context is used.
const STATEFUL: u8 = 4;
/// The bit that says that the destination is a multicast address.
const MULTICAST: u8 = 8;

/// What stands in line of an address in each form: so many bytes behind the first, and so many at the end.
const IN_LINE: [(u8, u8); 16] = {
    let mut table = [(0, 0); 16];
    (table[0], table[1], table[2]) = ((0, 16), (0, 8), (0, 2));
    (table[5], table[6]) = (table[1], table[2]);
    (table[8], table[9], table[10], table[11], table[12]) = ((0, 16), (1, 5), (1, 3), (0, 1), (2, 4));
    table
};

impl Form {
    /// An address that follows from the link.
    const ELIDED: Form = Form(3);

    /// Of a source, or of a destination.
    #[inline]
    fn of(address: &[u8; 16], elided: u64, is_source: bool, contexts: &Contexts<'_>) -> Form {
        match halves(address) {
            halves if halves == [LINK_LOCAL.high, elided] => Form::ELIDED,
            halves => Form::in_line(halves, elided, is_source, contexts),
        }
    }

    #[cfg_attr(not(feature = "std"), inline(never))]
    fn in_line([high, low]: [u64; 2], elided: u64, is_source: bool, contexts: &Contexts<'_>) -> Form {
        if is_source && high | low == 0 {
            return Form(STATEFUL);
        }
        if !is_source && high >> 56 == 0xff {
            return Form::multicast(high, low, contexts);
        }
        let mut form = mode_under(&LINK_LOCAL, [high, low], elided);
        if form == 0 {
            for context in contexts.usable() {
                let mode = mode_under(context, [high, low], elided);
                // Context 0 saves a byte where it does as well.
                if mode != 0 && (STATEFUL | mode > form & 7 || STATEFUL | mode == form & 7 && context.id == 0)
                {
                    form = STATEFUL | mode | context.id << 4;
                }
            }
        }
        Form(form)
    }

    fn multicast(high: u64, low: u64, contexts: &Contexts<'_>) -> Form {
        // The group alone differs from ffXX::; the bytes in line are flags and group.
        if high << 16 == 0 && low >> 40 == 0 {
            return Form(match low {
                0..=0xff if high == 0xff02 << 48 => MULTICAST | 3,
                0..=0xff_ffff => MULTICAST | 2,
                _ => MULTICAST | 1,
            });
        }
        let (length, prefix) = ((high >> 32) as u8, high << 32 | low >> 32);
        let fits = |it: &&Context| it.length == length && it.length <= 64 && it.high == prefix;
        match contexts.usable().find(fits) {
            Some(context) => Form(MULTICAST | STATEFUL | context.id << 4),
            None => Form(MULTICAST),
        }
    }

    /// Writes what stands in line.
    #[cfg_attr(feature = "std", inline(always))]
    fn put(self, address: &[u8; 16], out: &mut Writer<'_>) -> Result<()> {
        let (head, tail) = IN_LINE.get(usize::from(self.0 & 15)).copied().unwrap_or_default();
        let [high, low] = halves(address);
        if head != 0 {
            out.top(high << 8, head.into())?;
        }
        match tail {
            0 => Ok(()),
            16 => out.put(address),
            _ => out.top(low << ((64 - 8 * tail) & 63), tail.into()),
        }
    }
}

/// Which mode says the rest of the address, once `context` has said its part; 0 when the
/// context does not fit.
#[inline]
const fn mode_under(context: &Context, [high, low]: [u64; 2], elided: u64) -> u8 {
    let rest = !context.low_mask;
    if high != context.high || low & context.low_mask != context.low {
        0
    } else if (low ^ elided) & rest == 0 {
        3
    } else if (low ^ short_identifier(low)) & rest == 0 {
        2
    } else {
        1
    }
}

/// Writes `header` compressed. With `next_is_compressed` the next header field is elided, and a
/// LOWPAN_NHC header must follow. The payload length is elided always.
///
/// # Errors
/// [`Error::TooLarge`] without room ([`MAX_ENCODED`] always suffice); what was written is left
/// for the caller to truncate. [`Error::Invalid`] when the version is not 6.
pub fn compress(
    header: &[u8; IPV6_HEADER],
    next_is_compressed: bool,
    ends: Ends,
    contexts: &Contexts<'_>,
    out: &mut Writer<'_>,
) -> Result<()> {
    let [v, t, f, l, _, _, next_header, hop_limit, ..] = *header;
    if v >> 4 != 6 {
        return Err(Error::Invalid);
    }
    let (source, destination) = addresses(header);
    let from = Form::of(source, ends.source, true, contexts);
    let to = Form::of(destination, ends.destination, false, contexts);
    // The two bytes in front, then the fields in line, from the top of the word down to `free`.
    let mut word = 0x60 << 56 | u64::from(from.0 & 0xf) << 52 | u64::from(to.0 & 0xf) << 48;
    let mut free = 48u32;
    if (from.0 | to.0) & 0xf0 != 0 {
        free = 40;
        word |= 0x80 << 48 | u64::from(from.0 & 0xf0) << 40 | u64::from(to.0 >> 4) << 40;
    }
    let class_and_label = u32::from_be_bytes([v, t, f, l]) << 4;
    if class_and_label == 0 {
        word |= 0x18 << 56;
    } else {
        let rotated = u32::from(((class_and_label >> 24) as u8).rotate_right(2));
        let label = class_and_label << 8 >> 12;
        let (bits, value, count) = match (label, rotated & 0x3f) {
            (0, _) => (0x10, rotated, 8),
            (_, 0) => (0x08, rotated << 16 | label, 24),
            _ => (0, rotated << 24 | label, 32),
        };
        free -= count;
        word |= bits << 56 | u64::from(value) << free;
    }
    if next_is_compressed {
        word |= 0x04 << 56;
    } else {
        free = free.wrapping_sub(8);
        word |= u64::from(next_header) << (free & 63);
    }
    match hop_limit {
        1 => word |= 0x01 << 56,
        64 => word |= 0x02 << 56,
        255 => word |= 0x03 << 56,
        _ => {
            if free == 0 {
                out.u64(word)?;
                (word, free) = (0, 64);
            }
            free -= 8;
            word |= u64::from(hop_limit) << (free & 63);
        }
    }
    out.top(word, 8 - free / 8)?;
    // Nothing stands in line of addresses that follow from the link: the usual case.
    if (from.0 & 3, to.0 & (MULTICAST | 3)) == (3, 3) {
        return Ok(());
    }
    from.put(source, out)?;
    to.put(destination, out)
}

fn context<'c>(stateful: bool, id: u8, contexts: &'c Contexts<'_>) -> Result<&'c Context> {
    if stateful { contexts.find(id).ok_or(Error::NotFound) } else { Ok(&LINK_LOCAL) }
}

/// Reads a unicast address into `address`; `form` has the bits SAC and SAM, or DAC and DAM.
#[inline]
fn take_unicast(
    form: u8,
    id: u8,
    elided: u64,
    contexts: &Contexts<'_>,
    input: &mut Reader<'_>,
    address: &mut [u8; 16],
) -> Result<()> {
    let identifier = match form & 3 {
        3 if form == 3 => {
            *address = join(LINK_LOCAL.high, elided);
            return Ok(());
        }
        0 if form == 0 => {
            *address = input.array()?;
            return Ok(());
        }
        // Reserved; it has another meaning for the source alone.
        0 => return Err(Error::Malformed),
        1 => input.u64()?,
        2 => short_identifier(u64::from(input.u16()?)),
        _ => elided,
    };
    let context = context(form & 4 != 0, id, contexts)?;
    *address = join(context.high, context.low | identifier & !context.low_mask);
    Ok(())
}

#[inline]
fn take_multicast(
    form: u8,
    id: u8,
    contexts: &Contexts<'_>,
    input: &mut Reader<'_>,
    address: &mut [u8; 16],
) -> Result<()> {
    let (flags, group) = match form {
        0 => {
            *address = input.array()?;
            return if address[0] == 0xff { Ok(()) } else { Err(Error::Malformed) };
        }
        1 => {
            let [flags, l, m, n, o, p] = input.array()?;
            (flags, [0, 0, 0, l, m, n, o, p])
        }
        2 => {
            let [flags, n, o, p] = input.array()?;
            (flags, [0, 0, 0, 0, 0, n, o, p])
        }
        3 => (2, [0, 0, 0, 0, 0, 0, 0, input.u8()?]),
        _ => {
            let context = context(true, id, contexts)?;
            if form != 4 || context.length > 64 {
                return Err(Error::Malformed);
            }
            let [flags, reserved, m, n, o, p] = input.array()?;
            let head = u32::from_be_bytes([0xff, flags, reserved, context.length]);
            let group = u32::from_be_bytes([m, n, o, p]);
            let high = u64::from(head) << 32 | context.high >> 32;
            *address = join(high, context.high << 32 | u64::from(group));
            return Ok(());
        }
    };
    *address = join(0xff << 56 | u64::from(flags) << 48, u64::from_be_bytes(group));
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
    match second >> 4 & 7 {
        4 => *source = [0; 16],
        form => take_unicast(form, ids >> 4, ends.source, contexts, input, source)?,
    }
    let (form, id) = (second & 7, ids & 0xf);
    if second & 8 != 0 {
        take_multicast(form, id, contexts, input, destination)?;
    } else {
        take_unicast(form, id, ends.destination, contexts, input, destination)?;
    }
    Ok(next_is_compressed)
}
