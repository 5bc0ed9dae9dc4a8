// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one `recvmmsg` or `sendmmsg` works on.

use super::sys::SocketName;
use core::mem::{MaybeUninit, zeroed};
use core::ptr;

/// How many datagrams go through one system call.
pub(super) const BATCH: usize = 64;

/// How many errors about earlier datagrams are passed over at once.
pub(super) const PASSED_OVER: usize = 16;

/// Room for the ancillary data of one message, a packet info of either family and a length, aligned for its headers.
pub(super) const CONTROL: usize = 8;

/// Messages, and the buffers that they consist of. Only the front in use is ever initialised or looked at.
pub(super) struct Batch {
    pub(super) messages: [MaybeUninit<libc::mmsghdr>; BATCH],
    names: [MaybeUninit<SocketName>; BATCH],
    buffers: [MaybeUninit<libc::iovec>; BATCH],
    controls: [MaybeUninit<[u64; CONTROL]>; BATCH],
}

impl Batch {
    pub(super) const fn empty() -> Batch {
        Batch {
            messages: [const { MaybeUninit::uninit() }; BATCH],
            names: [const { MaybeUninit::uninit() }; BATCH],
            buffers: [const { MaybeUninit::uninit() }; BATCH],
            controls: [const { MaybeUninit::uninit() }; BATCH],
        }
    }

    /// Initialises buffer `index`.
    pub(super) fn buffer(&mut self, index: usize, data: *mut u8, len: usize) {
        self.buffers[index].write(libc::iovec { iov_base: data.cast(), iov_len: len });
    }

    /// Initialises message `index`, which consists of `count` buffers from `first` on, and gives its header and its
    /// control buffer, which is not initialised. The pointers in it hold until the batch moves.
    pub(super) fn put(
        &mut self,
        index: usize,
        name: SocketName,
        first: usize,
        count: usize,
    ) -> (&mut libc::msghdr, &mut MaybeUninit<[u64; CONTROL]>) {
        let name = self.names[index].write(name);
        // SAFETY: integers and pointers; all zero is a value of each.
        let message = self.messages[index].write(unsafe { zeroed() });
        let header = &mut message.msg_hdr;
        header.msg_namelen = name.len();
        header.msg_name = ptr::from_mut(name).cast();
        header.msg_iov = self.buffers[first..first + count].as_mut_ptr().cast();
        header.msg_iovlen = count as _;
        (header, &mut self.controls[index])
    }

    /// The message and the name at `index`.
    ///
    /// # Safety
    /// They have been put.
    pub(super) unsafe fn get(&self, index: usize) -> (&libc::mmsghdr, &SocketName) {
        // SAFETY: by the contract above.
        unsafe { (self.messages[index].assume_init_ref(), self.names[index].assume_init_ref()) }
    }

    /// Of how many buffers message `index` consists.
    ///
    /// # Safety
    /// It has been put.
    pub(super) unsafe fn buffers_of(&self, index: usize) -> usize {
        // SAFETY: by the contract above. Not of the same type in every C library.
        #[allow(clippy::unnecessary_cast)]
        unsafe {
            self.get(index).0.msg_hdr.msg_iovlen as usize
        }
    }
}
