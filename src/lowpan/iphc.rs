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

/// How a unicast address goes out: context bit, mode, context identifier.
#[derive(Clone, Copy, Default)]
struct Form {
    stateful: bool,
    mode: u8,
    id: u8,
}

/// Which mode says the rest of the address, once `context` has said its part; 0 when the
/// context does not fit.
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

fn unicast_form(address: [u64; 2], elided: u64, contexts: &Contexts<'_>) -> Form {
    let mode = mode_under(&LINK_LOCAL, address, elided);
    let mut best = Form { stateful: false, mode, id: 0 };
    if mode != 0 {
        return best;
    }
    for context in contexts.usable() {
        let mode = mode_under(context, address, elided);
        // Context 0 saves a byte where it does as well.
        if mode > best.mode || mode != 0 && mode == best.mode && context.id == 0 {
            best = Form { stateful: true, mode, id: context.id };
        }
    }
    best
}

fn put_unicast(mode: u8, address: &[u8; 16], out: &mut Writer<'_>) -> Result<()> {
    let [.., a, b] = *address;
    match mode {
        0 => out.put(address),
        1 => out.put(address.last_chunk::<8>().unwrap_or(&[0; 8])),
        2 => out.put(&[a, b]),
        _ => Ok(()),
    }
}

fn put_multicast(address: &[u8; 16], contexts: &Contexts<'_>, out: &mut Writer<'_>) -> Result<Form> {
    let [high, low] = halves(address);
    let [_, flags, reserved, length, .., m, n, o, p] = *address;
    let middle_is_zero = high << 16 == 0;
    let short = Form { stateful: false, mode: 0, id: 0 };
    if middle_is_zero && flags == 2 && low < 0x100 {
        out.u8(p)?;
        return Ok(Form { mode: 3, ..short });
    }
    if middle_is_zero && low < 0x100_0000 {
        out.put(&[flags, n, o, p])?;
        return Ok(Form { mode: 2, ..short });
    }
    if middle_is_zero && low >> 40 == 0 {
        out.put(&[flags, (low >> 32) as u8, m, n, o, p])?;
        return Ok(Form { mode: 1, ..short });
    }
    let prefix = high << 32 | low >> 32;
    let fits = |it: &&Context| it.length == length && it.length <= 64 && it.high == prefix;
    if let Some(context) = contexts.usable().find(fits) {
        out.put(&[flags, reserved, m, n, o, p])?;
        return Ok(Form { stateful: true, mode: 0, id: context.id });
    }
    out.put(address)?;
    Ok(short)
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
    let mut first = 0x60u8;
    let source_form = if from == [0, 0] {
        Form { stateful: true, mode: 0, id: 0 }
    } else {
        unicast_form(from, ends.source, contexts)
    };
    // Whether the context byte is there has to be known first, so the destination is written
    // aside.
    let mut aside = [0; 16];
    let mut tail = Writer::new(&mut aside);
    let multicast = destination[0] == 0xff;
    let destination_form = if multicast {
        put_multicast(destination, contexts, &mut tail)?
    } else {
        let form = unicast_form(halves(destination), ends.destination, contexts);
        put_unicast(form.mode, destination, &mut tail)?;
        form
    };
    let second = u8::from(source_form.stateful) << 6
        | source_form.mode << 4
        | u8::from(multicast) << 3
        | u8::from(destination_form.stateful) << 2
        | destination_form.mode;
    let at = out.position();
    out.u8(0)?;
    let ids = source_form.id << 4 | destination_form.id;
    if ids == 0 {
        out.u8(second)?;
    } else {
        out.put(&[second | 0x80, ids])?;
    }
    let traffic_class = v << 4 | t >> 4;
    let rotated = traffic_class.rotate_right(2);
    let flow = [t & 0xf, f, l];
    if flow != [0; 3] {
        if rotated & 0x3f == 0 {
            first |= 0x08;
            out.u8(rotated | flow[0])?;
        } else {
            out.put(&[rotated, flow[0]])?;
        }
        out.put(&[f, l])?;
    } else if rotated != 0 {
        first |= 0x10;
        out.u8(rotated)?;
    } else {
        first |= 0x18;
    }
    if next_is_compressed {
        first |= 0x04;
    } else {
        out.u8(next_header)?;
    }
    match hop_limit {
        1 => first |= 1,
        64 => first |= 2,
        255 => first |= 3,
        _ => out.u8(hop_limit)?,
    }
    if !(source_form.stateful && source_form.mode == 0) {
        put_unicast(source_form.mode, source, out)?;
    }
    out.put(tail.written())?;
    if let Some(byte) = out.written_mut().get_mut(at) {
        *byte = first;
    }
    Ok(())
}

fn context<'c>(stateful: bool, id: u8, contexts: &'c Contexts<'_>) -> Result<&'c Context> {
    if stateful { contexts.find(id).ok_or(Error::NotFound) } else { Ok(&LINK_LOCAL) }
}

fn take_unicast(mode: u8, context: &Context, elided: u64, input: &mut Reader<'_>) -> Result<[u8; 16]> {
    let identifier = match mode {
        1 => input.u64()?,
        2 => short_identifier(u64::from(input.u16()?)),
        _ => elided,
    };
    Ok(join(context.high, context.low | identifier & !context.low_mask))
}

fn take_multicast(
    stateful: bool,
    mode: u8,
    id: u8,
    contexts: &Contexts<'_>,
    input: &mut Reader<'_>,
) -> Result<[u8; 16]> {
    if stateful {
        let context = context(true, id, contexts)?;
        if mode != 0 || context.length > 64 {
            return Err(Error::Malformed);
        }
        let [flags, reserved, m, n, o, p] = input.array()?;
        let head = u32::from_be_bytes([0xff, flags, reserved, context.length]);
        let group = u32::from_be_bytes([m, n, o, p]);
        let high = u64::from(head) << 32 | context.high >> 32;
        return Ok(join(high, context.high << 32 | u64::from(group)));
    }
    let (flags, group) = match mode {
        0 => {
            let address = input.array::<16>()?;
            return if address[0] == 0xff { Ok(address) } else { Err(Error::Malformed) };
        }
        1 => {
            let [flags, l, m, n, o, p] = input.array()?;
            (flags, [0, 0, 0, l, m, n, o, p])
        }
        2 => {
            let [flags, n, o, p] = input.array()?;
            (flags, [0, 0, 0, 0, 0, n, o, p])
        }
        _ => (2, [0, 0, 0, 0, 0, 0, 0, input.u8()?]),
    };
    Ok(join(0xff << 56 | u64::from(flags) << 48, u64::from_be_bytes(group)))
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
    let next_is_compressed = first & 4 != 0;
    let next_header = if next_is_compressed { 0 } else { input.u8()? };
    let hop_limit = match first & 3 {
        0 => input.u8()?,
        1 => 1,
        2 => 64,
        _ => 255,
    };
    let mut header = [0; IPV6_HEADER];
    let mut out = Writer::new(&mut header);
    out.put(&[0x60 | traffic_class >> 4, traffic_class << 4 | a, b, c, 0, 0, next_header, hop_limit])?;
    let (stateful, mode) = (second & 0x40 != 0, second >> 4 & 3);
    let source = match (stateful, mode) {
        (true, 0) => [0; 16],
        (false, 0) => input.array()?,
        _ => take_unicast(mode, context(stateful, ids >> 4, contexts)?, ends.source, input)?,
    };
    out.put(&source)?;
    let (stateful, mode) = (second & 4 != 0, second & 3);
    let destination = match (second & 8 != 0, stateful, mode) {
        (true, ..) => take_multicast(stateful, mode, ids & 0xf, contexts, input)?,
        (false, true, 0) => return Err(Error::Malformed),
        (false, false, 0) => input.array()?,
        _ => take_unicast(mode, context(stateful, ids & 0xf, contexts)?, ends.destination, input)?,
    };
    out.put(&destination)?;
    Ok(Decompressed { header, next_is_compressed })
}
