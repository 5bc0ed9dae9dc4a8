// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames of IEEE 802.15.4 and compressed headers in them.

use crate::{block, bytes};
use mote::bytes::Writer;
use mote::ieee802154::wire::{Frame, fcs};
use mote::lowpan::context::{Context, Contexts};
use mote::lowpan::iphc::Ends;
use mote::lowpan::packet;
use mote::status::{Error, Result};

/// # Safety
/// Both ranges are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_lowpan_frame(from: *const u8, length: usize, to: *mut u8, room: usize) -> i32 {
    // SAFETY: as the caller promises.
    let (from, to) = unsafe { (bytes(from, length), block(to, room)) };
    fn run(from: &[u8], to: &mut [u8]) -> Result<usize> {
        let frame = Frame::parse(from)?;
        let mut out = Writer::new(to);
        frame.emit(&mut out)?;
        out.u16(fcs(frame.payload))?;
        Ok(out.finish().len() + frame.encoded_len())
    }
    run(from, to).map_or_else(Error::code, |count| count as i32)
}

/// # Safety
/// All ranges are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_lowpan_packet(
    from: *const u8,
    length: usize,
    to: *mut u8,
    room: usize,
    entries: *mut Context,
    count: usize,
    ends: &Ends,
    total: usize,
) -> i32 {
    // SAFETY: as the caller promises.
    let (from, to, entries) =
        unsafe { (bytes(from, length), block(to, room), core::slice::from_raw_parts_mut(entries, count)) };
    fn run(from: &[u8], to: &mut [u8], contexts: &Contexts<'_>, ends: Ends, total: usize) -> Result<usize> {
        let compressed = packet::compress(from, ends, contexts, total == 7, to)?;
        let rest = from.get(compressed.consumed..).unwrap_or_default();
        packet::decompress(rest, ends, contexts, (total != 9).then_some(total), to)?;
        Ok(compressed.len)
    }
    run(from, to, &Contexts::new(entries), *ends, total).map_or_else(Error::code, |count| count as i32)
}
