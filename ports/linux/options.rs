// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an application may choose.

use crate::port::{MOTE_LOG_WARNING, mote_status};
use crate::status::Error;
use core::mem::{offset_of, zeroed};
use core::ptr;

/// Options of the Linux port, behind `mote_port.user`. All zero means the defaults; NULL in place of
/// the options means them too. Read while the node is initialised, and not needed afterwards.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_linux_options {
    /// `sizeof(mote_linux_options)`.
    pub size: u32,
    /// Messages above this `MOTE_LOG_…` level are not written to standard error; 0 for
    /// `MOTE_LOG_WARNING`.
    pub log_level: u32,
}

impl mote_linux_options {
    /// Copies the options. A shorter struct, of an older header, is continued with zeros; a longer
    /// one is taken when what this build does not know is zero.
    ///
    /// # Safety
    /// `options` is NULL or points to as many readable bytes as its `size` says.
    pub(super) unsafe fn read(options: *const mote_linux_options) -> Result<mote_linux_options, mote_status> {
        const KNOWN: usize = size_of::<mote_linux_options>();
        // SAFETY: integers and pointers; all zero is a value of each.
        let mut copy: mote_linux_options = unsafe { zeroed() };
        if options.is_null() {
            return Ok(copy);
        }
        // SAFETY: `size` comes first and is always there.
        let size = unsafe { ptr::addr_of!((*options).size).read() } as usize;
        if size < offset_of!(mote_linux_options, log_level) {
            return Err(Error::Invalid.code());
        }
        let given = options.cast::<u8>();
        for index in KNOWN..size {
            // SAFETY: below `size`.
            if unsafe { given.add(index).read() } != 0 {
                return Err(Error::Version.code());
            }
        }
        // SAFETY: both are at least that long, and do not overlap.
        unsafe { ptr::copy_nonoverlapping(given, ptr::from_mut(&mut copy).cast::<u8>(), size.min(KNOWN)) };
        Ok(copy)
    }

    /// The log level with its default.
    pub(super) fn log_level(&self) -> u32 {
        if self.log_level == 0 { MOTE_LOG_WARNING } else { self.log_level }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_other_versions_are_understood() {
        // A longer struct of a newer header.
        let mut longer = [0u64; 64];
        let bytes = longer.as_mut_ptr().cast::<u8>();
        // SAFETY: inside the array.
        unsafe {
            bytes.cast::<u32>().write(512);
            bytes.cast::<u32>().add(1).write(4);
            assert_eq!(mote_linux_options::read(bytes.cast()).map(|options| options.log_level), Ok(4));
            bytes.add(511).write(1);
            assert_eq!(mote_linux_options::read(bytes.cast()).err(), Some(Error::Version.code()));
            // A shorter one, of an older header, and one that has not even a size.
            bytes.cast::<u32>().write(4);
            assert_eq!(
                mote_linux_options::read(bytes.cast()).map(|options| options.log_level()),
                Ok(MOTE_LOG_WARNING)
            );
            bytes.cast::<u32>().write(0);
            assert_eq!(mote_linux_options::read(bytes.cast()).err(), Some(Error::Invalid.code()));
            assert!(mote_linux_options::read(ptr::null()).is_ok());
        }
    }
}
