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
        Ends {
            source: u64::from_be_bytes(source.interface_identifier()),
            destination: u64::from_be_bytes(destination.interface_identifier()),
        }
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

/// How an address goes out: context bit, mode, context identifier, and what stands in line.
#[derive(Clone, Copy, Default)]
struct Form {
    stateful: bool,
    mode: u8,
    id: u8,
    in_line: Bytes,
}

/// Up to eight bytes, or all sixteen of an address.
#[derive(Clone, Copy, Default)]
struct Bytes {
    value: u64,
    len: u8,
}

impl Bytes {
    const ALL: Bytes = Bytes { value: 0, len: 16 };

    /// The last `len` bytes of `value`.
    const fn of(value: u64, len: u8) -> Bytes {
        Bytes { value, len }
    }

    const fn push(&mut self, byte: u8) {
        self.value = self.value << 8 | byte as u64;
        self.len += 1;
    }

    fn put(self, address: &[u8; 16], out: &mut Writer<'_>) -> Result<()> {
        if self.len == 0 {
            return Ok(());
        }
        let bytes = self.value.to_be_bytes();
        match 8usize.checked_sub(usize::from(self.len)) {
            Some(skip) => out.put(bytes.get(skip..).unwrap_or_default()),
            None => out.put(address),
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

#[inline]
fn unicast_form(address: [u64; 2], elided: u64, contexts: &Contexts<'_>) -> Form {
    let mut best = Form { mode: mode_under(&LINK_LOCAL, address, elided), ..Form::default() };
    if best.mode == 0 {
        for context in contexts.usable() {
            let mode = mode_under(context, address, elided);
            // Context 0 saves a byte where it does as well.
            if mode > best.mode || mode != 0 && mode == best.mode && context.id == 0 {
                best = Form { stateful: true, mode, id: context.id, ..best };
            }
        }
    }
    best.in_line = match best.mode {
        0 => Bytes::ALL,
        1 => Bytes::of(address[1], 8),
        2 => Bytes::of(address[1], 2),
        _ => Bytes::default(),
    };
    best
}

fn multicast_form([high, low]: [u64; 2], contexts: &Contexts<'_>) -> Form {
    let flags = high >> 48 & 0xff;
    let stateless = |mode, in_line| Form { stateful: false, mode, id: 0, in_line };
    // The group alone differs from ffXX::; the bytes in line are flags and group.
    if high << 16 == 0 && low >> 40 == 0 {
        if flags == 2 && low < 1 << 8 {
            return stateless(3, Bytes::of(low, 1));
        }
        if low < 1 << 24 {
            return stateless(2, Bytes::of(flags << 24 | low, 4));
        }
        return stateless(1, Bytes::of(flags << 40 | low, 6));
    }
    let (length, prefix) = ((high >> 32) as u8, high << 32 | low >> 32);
    let fits = |it: &&Context| it.length == length && it.length <= 64 && it.high == prefix;
    match contexts.usable().find(fits) {
        Some(context) => {
            let in_line = Bytes::of(high >> 40 << 32 | low & 0xffff_ffff, 6);
            Form { stateful: true, mode: 0, id: context.id, in_line }
        }
        None => stateless(0, Bytes::ALL),
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
    let from = halves(source);
    let from = if from == [0, 0] {
        Form { stateful: true, ..Form::default() }
    } else {
        unicast_form(from, ends.source, contexts)
    };
    let multicast = destination[0] == 0xff;
    let to = halves(destination);
    let to =
        if multicast { multicast_form(to, contexts) } else { unicast_form(to, ends.destination, contexts) };
    let mut first = 0x60;
    let mut second = u8::from(from.stateful) << 6
        | from.mode << 4
        | u8::from(multicast) << 3
        | u8::from(to.stateful) << 2
        | to.mode;
    let mut fields = Bytes::default();
    let ids = from.id << 4 | to.id;
    if ids != 0 {
        second |= 0x80;
        fields.push(ids);
    }
    let rotated = (v << 4 | t >> 4).rotate_right(2);
    let high = t & 0xf;
    if high | f | l != 0 {
        if rotated & 0x3f == 0 {
            first |= 0x08;
            fields.push(rotated | high);
        } else {
            fields.push(rotated);
            fields.push(high);
        }
        fields.push(f);
        fields.push(l);
    } else if rotated != 0 {
        first |= 0x10;
        fields.push(rotated);
    } else {
        first |= 0x18;
    }
    if next_is_compressed {
        first |= 0x04;
    } else {
        fields.push(next_header);
    }
    match hop_limit {
        1 => first |= 1,
        64 => first |= 2,
        255 => first |= 3,
        _ => fields.push(hop_limit),
    }
    out.put(&[first, second])?;
    fields.put(source, out)?;
    from.in_line.put(source, out)?;
    to.in_line.put(destination, out)
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
#[inline]
pub(super) fn decompress_into(
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
    let (rotated, [a, b, c]) = match first >> 3 & 3 {
        0 => {
            let [rotated, a, b, c] = input.array()?;
            (rotated, [a & 0xf, b, c])
        }
        1 => {
            let [a, b, c] = input.array()?;
            (a & 0xc0, [a & 0xf, b, c])
        }
        2 => (input.u8()?, [0; 3]),
        _ => (0, [0; 3]),
    };
    let traffic_class = rotated.rotate_left(2);
    let [v, t, f, l, _, _, next_header, hop_limit, addresses @ ..] = header;
    *v = 0x60 | traffic_class >> 4;
    *t = traffic_class << 4 | a;
    *f = b;
    *l = c;
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
