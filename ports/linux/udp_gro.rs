// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP: datagrams that come joined (UDP generic receive offload, Linux since 5.0).
//!
//! What a peer sent in one go, one length and all, comes up the system's stack as one, and is cut apart here: for many
//! short requests from one peer that is a good part of the work saved. It takes a large buffer for each message,
//! so it begins with the first receive that asks for many, which is one under load.

use super::State;
use super::socket::Socket;
use super::sys::{Fd, SocketName, set_option};
use super::udp::{arrival_address, receive_messages};
use super::udp_batch::{Batch, CONTROL};
use crate::address::Ip;
use crate::port::{MOTE_UDP_TRUNCATED, mote_address, mote_port_datagram};
use crate::status::Error;
use core::ffi::c_int;
use std::alloc::{Layout, alloc_zeroed};

/// Not in every C library's headers.
const UDP_GRO: c_int = 104;

/// A receive that asks for at least so many is one under load.
const MANY: usize = 16;

/// How many messages go through one system call, and the longest of them.
const MESSAGES: usize = 32;
const LONGEST: usize = 1 << 16;

/// A message: datagrams of one length, but for the last, which may be shorter.
#[derive(Clone, Copy)]
struct Message {
    remote: mote_address,
    local: mote_address,
    len: usize,
    /// How long each datagram is.
    segment: usize,
}

/// Where messages are received, and what of them has not been handed out yet. The memory of what is never received
/// is never touched, so that the system need not provide it.
pub(super) struct Stage {
    messages: [Message; MESSAGES],
    count: usize,
    /// The message that is being handed out, and where in it.
    next: usize,
    offset: usize,
    bytes: [[u8; LONGEST]; MESSAGES],
}

/// Receives datagrams that may come joined: fewer than there is room for were all there were. `None` where they come
/// one by one: before many were asked for, and where the system does not join them.
pub(super) fn receive(
    state: &State,
    socket: &Socket,
    datagrams: &mut [mote_port_datagram],
) -> Option<Result<usize, Error>> {
    if datagrams.len() >= MANY && !socket.joins.replace(true) {
        socket.stage.set(make(&socket.fd));
    }
    let mut stage = socket.stage.take()?;
    let received = stage.receive(state, socket, datagrams);
    socket.stage.set(Some(stage));
    Some(received)
}

/// Whether a socket has something that was received and not handed out.
pub(super) fn holds(socket: &Socket) -> bool {
    let stage = socket.stage.take();
    let holds = stage.as_ref().is_some_and(|stage| stage.holds());
    socket.stage.set(stage);
    holds
}

fn make(fd: &Fd) -> Option<Box<Stage>> {
    // SAFETY: not empty. All zero is a value of the integers that a stage consists of.
    let stage = unsafe {
        let place = alloc_zeroed(Layout::new::<Stage>()).cast::<Stage>();
        if place.is_null() {
            return None;
        }
        Box::from_raw(place)
    };
    set_option(fd.raw(), libc::IPPROTO_UDP, UDP_GRO, &1 as &c_int).is_ok().then_some(stage)
}

impl Stage {
    /// Whether something waits to be handed out.
    fn holds(&self) -> bool {
        self.next < self.count
    }

    /// Hands out what there is room for; how many datagrams.
    fn give(&mut self, datagrams: &mut [mote_port_datagram]) -> usize {
        let mut given = 0;
        while let (true, Some(datagram)) = (self.holds(), datagrams.get_mut(given)) {
            let message = self.messages[self.next];
            let end = message.len.min(self.offset + message.segment);
            let bytes = &self.bytes[self.next][self.offset..end];
            let fits = bytes.len().min(datagram.len);
            // SAFETY: the caller's buffer is writable for its length, by the service's contract.
            unsafe { datagram.data.copy_from_nonoverlapping(bytes.as_ptr(), fits) };
            datagram.remote = message.remote;
            datagram.local = message.local;
            datagram.flags = if fits < bytes.len() { MOTE_UDP_TRUNCATED } else { 0 };
            datagram.len = fits;
            datagram.reserved = 0;
            given += 1;
            self.offset = end;
            if end >= message.len {
                (self.next, self.offset) = (self.next + 1, 0);
            }
        }
        given
    }

    /// Receives at most so many messages; whether those were all.
    fn fill(&mut self, state: &State, socket: &Socket, wanted: usize) -> Result<bool, Error> {
        let limit = wanted.min(MESSAGES);
        let here = socket.here.get();
        let alone = !Ip(here.ip).is_unspecified();
        let mut batch = Batch::empty();
        for (index, bytes) in self.bytes.iter_mut().enumerate().take(limit) {
            batch.buffer(index, bytes.as_mut_ptr(), LONGEST);
            let (header, control) = batch.put(index, SocketName::empty(), index, 1);
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = size_of::<[u64; CONTROL]>() as _;
        }
        let received = receive_messages(state, socket, &mut batch, limit)?;
        for (message, index) in self.messages.iter_mut().zip(0..received) {
            // SAFETY: put above; the system has filled in as many as it received.
            let (header, name) = unsafe { batch.get(index) };
            message.remote = name.address();
            message.local = if alone { here } else { arrival_address(&header.msg_hdr) };
            message.len = (header.msg_len as usize).min(LONGEST);
            message.segment = segment(&header.msg_hdr).unwrap_or(message.len);
        }
        (self.count, self.next, self.offset) = (received, 0, 0);
        if received < limit {
            socket.drained();
        }
        Ok(received < limit)
    }

    fn receive(
        &mut self,
        state: &State,
        socket: &Socket,
        datagrams: &mut [mote_port_datagram],
    ) -> Result<usize, Error> {
        let mut given = self.give(datagrams);
        // Each turn but the last gives at least one.
        while given < datagrams.len() {
            match self.fill(state, socket, datagrams.len() - given) {
                Ok(all) => {
                    given += self.give(&mut datagrams[given..]);
                    if all {
                        break;
                    }
                }
                Err(Error::WouldBlock) if given > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(given)
    }
}

/// How long the datagrams of a message are, if it is a joined one.
fn segment(header: &libc::msghdr) -> Option<usize> {
    // SAFETY: the system filled the control buffer that the header describes, and the header macros stay inside it;
    // the payload is read unaligned, and is there by its length.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(head) = control.as_ref() {
            // Not of the same type in every C library.
            #[allow(clippy::unnecessary_cast)]
            let len = head.cmsg_len as usize;
            if (head.cmsg_level, head.cmsg_type) == (libc::IPPROTO_UDP, UDP_GRO)
                && len >= libc::CMSG_LEN(size_of::<c_int>() as u32) as usize
            {
                let length = libc::CMSG_DATA(head).cast::<c_int>().read_unaligned();
                return usize::try_from(length).ok().filter(|length| *length > 0);
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}
