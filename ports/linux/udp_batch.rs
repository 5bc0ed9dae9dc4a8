// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one `recvmmsg` or `sendmmsg` works on, and receiving by it.

use super::State;
use super::control::{self, Control};
use super::socket::Socket;
use super::sys::{SocketName, errno};
use crate::address::Ip;
use crate::port::mote_address;
use crate::status::Error;
use core::mem::{MaybeUninit, zeroed};
use core::ptr;

/// How many datagrams go through one system call.
pub(super) const BATCH: usize = 64;

/// How many errors about earlier datagrams are passed over at once.
pub(super) const PASSED_OVER: usize = 16;

/// Messages, and the buffers that they consist of. Only the front in use is ever initialised or looked at.
pub(super) struct Batch {
    pub(super) messages: [MaybeUninit<libc::mmsghdr>; BATCH],
    names: [MaybeUninit<SocketName>; BATCH],
    buffers: [MaybeUninit<libc::iovec>; BATCH],
    controls: [MaybeUninit<Control>; BATCH],
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
    ) -> (&mut libc::msghdr, &mut MaybeUninit<Control>) {
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

    /// Receives into the first `limit` messages, which have been put: how many came, at least one.
    pub(super) fn receive(&mut self, state: &State, socket: &Socket, limit: usize) -> Result<usize, Error> {
        for _ in 0..PASSED_OVER {
            // SAFETY: the first `limit` messages point at the caller's buffers and at parts of the batch, which does
            // not move meanwhile.
            let received = unsafe {
                libc::recvmmsg(
                    socket.fd.raw(),
                    self.messages.as_mut_ptr().cast(),
                    limit as _,
                    libc::MSG_DONTWAIT as _,
                    ptr::null_mut(),
                )
            };
            match usize::try_from(received) {
                Ok(0) => {}
                Ok(received) => return Ok(received.min(limit)),
                Err(_) => match errno() {
                    libc::EAGAIN => {
                        socket.drained();
                        return Err(Error::WouldBlock);
                    }
                    libc::EBADF | libc::ENOTSOCK | libc::EFAULT | libc::EINVAL => return Err(Error::Io),
                    libc::EINTR => {}
                    // What the network said about an earlier datagram.
                    _ => socket.reports.set(true),
                },
            }
        }
        // Let the node do something else first.
        socket.leave_behind(state);
        Err(Error::WouldBlock)
    }
}

/// The own address that a datagram was sent to.
///
/// # Safety
/// The system filled the header in, receiving it.
pub(super) unsafe fn arrival_address(header: &libc::msghdr) -> mote_address {
    let mut address = mote_address::default();
    // SAFETY: filled, by the contract above; both are integers.
    unsafe {
        if let Some(info) = control::find::<libc::in6_pktinfo>(header, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO)
        {
            address.ip = info.ipi6_addr.s6_addr;
            // Not of the same type in every C library.
            #[allow(clippy::unnecessary_cast)]
            let scope = info.ipi6_ifindex as u32;
            address.scope = scope;
        } else if let Some(info) =
            control::find::<libc::in_pktinfo>(header, libc::IPPROTO_IP, libc::IP_PKTINFO)
        {
            address.ip = Ip::v4(info.ipi_addr.s_addr.to_ne_bytes()).0;
            address.scope = info.ipi_ifindex as u32;
        }
    }
    as_arrival(address)
}

/// An address as that of an arrival: without a port, and with a scope only where it means something.
pub(super) fn as_arrival(mut address: mote_address) -> mote_address {
    address.port = 0;
    if !Ip(address.ip).is_link_local() && !Ip(address.ip).is_multicast() {
        address.scope = 0;
    }
    address
}
