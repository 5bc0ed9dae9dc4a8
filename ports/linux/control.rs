// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ancillary data: what the system tells beside a datagram, and what it is told.

use core::ffi::c_int;
use core::mem::MaybeUninit;

/// Room for what goes with one datagram, a packet info of either family and a length, aligned for its headers.
pub(super) type Control = [u64; 8];

/// The first control message of this kind, if it is there whole.
///
/// # Safety
/// The system filled the control buffer that the header describes; any bytes are a value of `T`.
pub(super) unsafe fn find<T: Copy>(header: &libc::msghdr, level: c_int, kind: c_int) -> Option<T> {
    // SAFETY: the header macros stay inside what the system filled; the payload is read unaligned, and is there by its
    // length.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(head) = control.as_ref() {
            // Not of the same type in every C library.
            #[allow(clippy::unnecessary_cast)]
            let whole = head.cmsg_len as usize >= libc::CMSG_LEN(size_of::<T>() as u32) as usize;
            if whole && (head.cmsg_level, head.cmsg_type) == (level, kind) {
                return Some(libc::CMSG_DATA(head).cast::<T>().read_unaligned());
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}

/// Adds a control message.
pub(super) fn put<T>(
    header: &mut libc::msghdr,
    control: &mut MaybeUninit<Control>,
    level: c_int,
    kind: c_int,
    info: T,
) {
    // Not of the same type in every C library.
    #[allow(clippy::unnecessary_cast)]
    let before = header.msg_controllen as usize;
    // SAFETY: plain computation.
    let space = unsafe { libc::CMSG_SPACE(size_of::<T>() as u32) };
    let space = space as usize;
    if before == 0 {
        // The system takes its padding, too.
        header.msg_control = control.write(Control::default()).as_mut_ptr().cast();
    }
    if before + space > size_of::<Control>() {
        return;
    }
    header.msg_controllen = (before + space) as _;
    // SAFETY: the control buffer has room for a header and `T` behind what is there, aligned for a header as all
    // spaces are; the payload is written unaligned.
    unsafe {
        let head = header.msg_control.cast::<u8>().add(before).cast::<libc::cmsghdr>();
        (*head).cmsg_level = level;
        (*head).cmsg_type = kind;
        (*head).cmsg_len = libc::CMSG_LEN(size_of::<T>() as u32) as _;
        libc::CMSG_DATA(head).cast::<T>().write_unaligned(info);
    }
}
