// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shared parts.

use crate::{Dice, block, bytes};
use mote::address::Ip;
use mote::backoff::{Backoff, Policy};
use mote::bytes::{Reader, Writer};
use mote::memory::{Carver, Plan};
use mote::random::Random;
use mote::status::{Error, Result};
use mote::table::{Handle, Slot, Table};

/// # Safety
/// Both ranges are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_shared_bytes(from: *const u8, length: usize, to: *mut u8, room: usize) -> i32 {
    // SAFETY: as the caller promises.
    let (from, to) = unsafe { (bytes(from, length), block(to, room)) };
    fn run(from: &[u8], to: &mut [u8]) -> Result<usize> {
        let mut reader = Reader::new(from);
        let mut writer = Writer::new(to);
        writer.u64(reader.u64()?)?;
        writer.u16(reader.u16()?)?;
        let count = reader.u32()? as usize;
        writer.put(reader.take(count)?)?;
        mote::bytes::copy(writer.reserve(count)?, reader.take_rest());
        let text = core::str::from_utf8(writer.written()).map_err(|_| Error::Malformed)?;
        let address = Ip::parse(text)?;
        address.emit(&mut writer)?;
        writer.truncate(reader.position());
        Ok(writer.finish().len())
    }
    run(from, to).map_or_else(Error::code, |count| count as i32)
}

/// # Safety
/// The block is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_shared_memory(start: *mut u8, length: usize, count: usize, raw: u32) -> i32 {
    // SAFETY: as the caller promises.
    let block = unsafe { block(start, length) };
    fn run(block: &mut [u8], count: usize, raw: u32) -> Result<u32> {
        if Plan::new().table::<Slot<u64>>(count).bytes() > block.len() {
            return Err(Error::NoMemory);
        }
        let mut carver = Carver::new(block);
        let mut table = Table::new(carver.table::<Slot<u64>>(count)?);
        let handle = Handle::from_raw(raw).ok_or(Error::Stale)?;
        *table.get_mut(handle).ok_or(Error::Stale)? += 1;
        let found = table.find(|value| *value == 7);
        table.remove(handle);
        found.map(Handle::raw).ok_or(Error::NotFound)
    }
    run(block, count, raw).map_or_else(Error::code, |raw| raw as i32)
}

/// # Safety
/// The policy is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_shared_backoff(policy: &Policy, number: extern "C" fn() -> u32) -> u32 {
    let mut dice = Dice(number);
    let mut backoff = Backoff::start(policy, &mut dice);
    while backoff.again(policy) && dice.below(9) > 0 {}
    backoff.delay(policy, &mut dice)
}
