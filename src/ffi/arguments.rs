// SPDX-License-Identifier: MIT OR Apache-2.0
//! From what C passes to what Rust can trust.

use super::status::{MOTE_OK, mote_status};
use crate::port::mote_bytes;
use crate::status::{Error, Result};
use core::ffi::c_void;
use core::mem::{MaybeUninit, size_of};

/// A plain C struct whose first member is its `uint32_t size`.
///
/// # Safety
/// `repr(C)`, begins with a `u32`, and every bit pattern that a C caller can write is valid;
/// all zeros in particular.
pub(crate) unsafe trait Config: Copy {}

/// No config grows beyond this, so that a garbage `size` is not followed far.
const CONFIG_LIMIT: usize = 1024;

/// Where a copy of a config is to lie; see [`config`].
pub(crate) const fn room<T: Config>() -> MaybeUninit<T> {
    MaybeUninit::uninit()
}

/// Reads a config as the growth rule demands: a shorter one, of an older header, is extended
/// by zeros; a longer one, of a newer header, is accepted when what we do not know is zero. Its `size` is
/// that of the copy.
///
/// The copy lies in `room`, which the caller has, so that it is made once and moved nowhere.
///
/// # Safety
/// `config` is NULL or points to as many readable bytes as its first member says.
pub(crate) unsafe fn config<T: Config>(config: *const T, room: &mut MaybeUninit<T>) -> Result<&T> {
    // SAFETY: passed on to the caller; a `Config` is valid when all of what was not copied is zero.
    unsafe {
        copy_config(config.cast(), room.as_mut_ptr().cast(), size_of::<T>())?;
        Ok(room.assume_init_ref())
    }
}

/// The one copy of what [`config`] does for every type.
///
/// # Safety
/// `config` as there; `copy` has room for `known` bytes, all of which are written on success.
pub(super) unsafe fn copy_config(config: *const u8, copy: *mut u8, known: usize) -> Result<()> {
    // SAFETY: passed on to the caller. The copy is made byte by byte since nothing is known of the
    // caller's alignment.
    unsafe {
        let size = stated_size(config)?;
        for index in known..size {
            if config.add(index).read() != 0 {
                return Err(Error::Version);
            }
        }
        copy.write_bytes(0, known);
        config.copy_to_nonoverlapping(copy, size.min(known));
        // The copy may be read as a config again.
        copy.cast::<u32>().write_unaligned(known as u32);
    }
    Ok(())
}

/// What the first member of a config says, when that can be.
///
/// # Safety
/// `config` is NULL or points to at least four readable bytes.
unsafe fn stated_size(config: *const u8) -> Result<usize> {
    if config.is_null() {
        return Err(Error::Invalid);
    }
    // SAFETY: passed on to the caller.
    let size = unsafe { config.cast::<u32>().read_unaligned() } as usize;
    if (size_of::<u32>()..=CONFIG_LIMIT).contains(&size) { Ok(size) } else { Err(Error::Invalid) }
}

/// Copies `value` out, as much of it as the caller's header knows: the caller set the first
/// member, `size`, before the call, and it stays as it is.
///
/// # Safety
/// `out` is NULL or points to as many writable bytes as its first member says.
pub(crate) unsafe fn fill<T: Config>(out: *mut T, value: &T) -> Result<()> {
    // SAFETY: passed on to the caller; `value` is as long as its type.
    unsafe { copy_out(out.cast(), core::ptr::from_ref(value).cast(), size_of::<T>()) }
}

/// The one copy of what [`fill`] does for every type.
///
/// # Safety
/// `out` as there; `value` has `known` bytes.
unsafe fn copy_out(out: *mut u8, value: *const u8, known: usize) -> Result<()> {
    // SAFETY: the caller vouches for `size` bytes; no more are written.
    unsafe {
        let size = stated_size(out)?;
        let head = size_of::<u32>();
        value.add(head).copy_to_nonoverlapping(out.add(head), size.min(known) - head);
    }
    Ok(())
}

/// Whether a pointer from C is to an object that was made and not closed since.
///
/// # Errors
/// [`Error::Invalid`] for what can be none, [`Error::Stale`] for one that is closed.
///
/// # Safety
/// `object` is NULL or came from an `init` of objects with this alignment, all of which begin with this
/// number while they are alive, and its block has not been reused.
pub(super) unsafe fn alive(object: *const c_void, align: usize, magic: u32) -> Result<()> {
    if object.is_null() || object.addr() & (align - 1) != 0 {
        return Err(Error::Invalid);
    }
    // SAFETY: the caller vouches that this is, or was, such an object.
    if unsafe { object.cast::<u32>().read() } == magic { Ok(()) } else { Err(Error::Stale) }
}

/// The bytes that C lends.
///
/// # Safety
/// `bytes.ptr` points to `bytes.len` bytes that live and stay unchanged for `'a`, or `len` is 0.
#[inline(always)] // For its size: its caller needs no place for the result.
pub(crate) unsafe fn slice<'a>(bytes: mote_bytes) -> Result<&'a [u8]> {
    // SAFETY: passed on to the caller.
    unsafe { lent(bytes) }.ok_or(Error::Invalid)
}

/// The one copy of [`slice`]. An option of a slice is returned in registers, as a result of one is not.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn lent<'a>(bytes: mote_bytes) -> Option<&'a [u8]> {
    if bytes.len == 0 {
        return Some(&[]);
    }
    if bytes.ptr.is_null() || bytes.len > isize::MAX as usize {
        return None;
    }
    // SAFETY: not NULL, and the caller vouches for the rest.
    Some(unsafe { core::slice::from_raw_parts(bytes.ptr, bytes.len) })
}

/// Bytes as C sees them.
pub(crate) const fn lend(bytes: &[u8]) -> mote_bytes {
    mote_bytes { ptr: bytes.as_ptr(), len: bytes.len() }
}

/// The text that C lends, checked.
///
/// # Safety
/// As [`slice`].
#[inline(never)]
pub(crate) unsafe fn text<'a>(bytes: mote_bytes) -> Result<&'a str> {
    // SAFETY: passed on to the caller.
    crate::text::parse(unsafe { slice(bytes) }?).ok_or(Error::Malformed)
}

/// The block of memory that C hands over.
///
/// # Safety
/// `memory` points to `size` bytes that nobody else uses for `'a`.
pub(crate) unsafe fn block<'a>(memory: *mut u8, size: usize) -> Result<&'a mut [u8]> {
    if memory.is_null() || size > isize::MAX as usize {
        return Err(Error::Invalid);
    }
    // SAFETY: not NULL, and the caller vouches for the rest.
    Ok(unsafe { core::slice::from_raw_parts_mut(memory, size) })
}

/// The place for an output, checked before anything is done.
///
/// # Safety
/// `out` is NULL or points to room for a `T`.
pub(crate) unsafe fn output<'a, T>(out: *mut T) -> Result<&'a mut MaybeUninit<T>> {
    // SAFETY: uninitialised contents are fine for `MaybeUninit`; alignment is C's duty.
    unsafe { out.cast::<MaybeUninit<T>>().as_mut() }.ok_or(Error::Invalid)
}

/// In place of a number in a config: none at all, since 0 means the default.
pub(crate) const NONE: u16 = 0xffff;

/// Takes a member of a config over, unless it is 0.
pub(crate) fn set<T: Copy + Default + PartialEq>(to: &mut T, given: T) {
    if given != T::default() {
        *to = given;
    }
}

/// As [`set`], with [`NONE`] for 0.
#[inline(never)]
pub(crate) fn set_or_none(to: &mut u16, given: u16) {
    match given {
        0 => {}
        NONE => *to = 0,
        given => *to = given,
    }
}

/// What a reading came to, left where it is: a config is large to be moved.
pub(crate) fn in_place<T>(read: &Result<T>) -> Result<&T> {
    read.as_ref().map_err(|error| *error)
}

/// The status that C gets.
pub(crate) fn outcome(result: Result<()>) -> mote_status {
    match result {
        Ok(()) => MOTE_OK,
        Err(error) => error.code(),
    }
}

/// Turns what C returned into a result; an unknown number is [`Error::Io`].
#[inline(never)] // For its size.
pub(crate) fn check(status: mote_status) -> Result<()> {
    if status == MOTE_OK { Ok(()) } else { Err(Error::from_code(status).unwrap_or(Error::Io)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Newer {
        size: u32,
        a: u32,
        b: u64,
    }
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Older {
        size: u32,
        a: u32,
    }
    // SAFETY: plain integers, `size` first.
    unsafe impl Config for Newer {}
    // SAFETY: plain integers, `size` first.
    unsafe impl Config for Older {}

    #[test]
    fn configs_grow_in_both_directions() {
        let older = Older { size: 8, a: 7 };
        // SAFETY: `size` tells the truth in each call.
        unsafe {
            let mut room = super::room::<Newer>();
            let read = config((&raw const older).cast(), &mut room).unwrap();
            assert_eq!((read.size, read.a, read.b), (16, 7, 0));
            let mut newer = Newer { size: 16, a: 9, b: 0 };
            let mut small = super::room::<Older>();
            let read = config((&raw const newer).cast(), &mut small).unwrap();
            assert_eq!((read.size, read.a), (8, 9));
            newer.b = 1 << 63;
            assert_eq!(config((&raw const newer).cast(), &mut small).err(), Some(Error::Version));
            newer.size = 3;
            assert_eq!(config(&raw const newer, &mut room).err(), Some(Error::Invalid));
            newer.size = 1 << 30;
            assert_eq!(config(&raw const newer, &mut room).err(), Some(Error::Invalid));
            assert_eq!(config(core::ptr::null(), &mut room).err(), Some(Error::Invalid));
        }
    }
}
