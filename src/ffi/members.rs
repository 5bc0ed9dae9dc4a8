// SPDX-License-Identifier: MIT OR Apache-2.0
//! Members of configs that go over to an engine's as they stand, told by tables.

use super::arguments::NONE;
use crate::status::{Error, Result};

/// One member: where it stands, where it goes, and how.
#[derive(Clone, Copy)]
pub(crate) struct Member {
    from: u8,
    to: u8,
    how: u8,
}

/// A `u16` for a `u16`, [`NONE`] for 0.
const HALF: u8 = 0;
/// A `u32` for a `u32`.
const WORD: u8 = 1;

impl Member {
    /// A `u16` that becomes a `u16`; [`NONE`] stands for 0.
    pub(crate) const fn half(from: usize, to: usize) -> Member {
        Member::new(from, to, HALF)
    }

    /// A `u32` that becomes a `u32`.
    pub(crate) const fn word(from: usize, to: usize) -> Member {
        Member::new(from, to, WORD)
    }

    /// A `u16` that becomes a `u8`, and is at most `most`, which is more than 1; [`NONE`] stands for 0.
    pub(crate) const fn byte(from: usize, to: usize, most: u8) -> Member {
        assert!(most > WORD);
        Member::new(from, to, most)
    }

    const fn new(from: usize, to: usize, how: u8) -> Member {
        assert!(from < 256 && to < 256);
        Member { from: from as u8, to: to as u8, how }
    }
}

/// Takes members of `given` over into `wanted`, unless they are 0.
///
/// # Errors
/// [`Error::Invalid`] for one that is too large.
///
/// # Safety
/// The members are where their table says, in both.
pub(crate) unsafe fn take_over<G, W>(given: &G, wanted: &mut W, members: &[Member]) -> Result<()> {
    // SAFETY: passed on to the caller.
    unsafe { take_all(core::ptr::from_ref(given).cast(), core::ptr::from_mut(wanted).cast(), members) }
}

/// The one copy of [`take_over`].
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn take_all(given: *const u8, wanted: *mut u8, members: &[Member]) -> Result<()> {
    for member in members {
        // SAFETY: passed on to the caller; members are aligned.
        unsafe {
            let (from, to) = (given.add(member.from.into()), wanted.add(member.to.into()));
            if member.how == WORD {
                let value = from.cast::<u32>().read();
                if value != 0 {
                    to.cast::<u32>().write(value);
                }
                continue;
            }
            let value = match from.cast::<u16>().read() {
                0 => continue,
                NONE => 0,
                value => value,
            };
            match member.how {
                HALF => to.cast::<u16>().write(value),
                most if value <= most.into() => to.write(value as u8),
                _ => return Err(Error::Invalid),
            }
        }
    }
    Ok(())
}
