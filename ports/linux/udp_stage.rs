// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP: datagrams that came joined and wait to be handed out one by one.

use crate::port::{MOTE_UDP_TRUNCATED, mote_address, mote_port_datagram};
use std::alloc::{Layout, alloc_zeroed};

/// How many messages go through one system call, and the longest of them.
pub(super) const MESSAGES: usize = 32;
pub(super) const LONGEST: usize = 1 << 16;

/// A message: datagrams of one length, but for the last, which may be shorter.
#[derive(Clone, Copy)]
pub(super) struct Message {
    pub(super) remote: mote_address,
    pub(super) local: mote_address,
    pub(super) len: usize,
    /// How long each datagram is.
    pub(super) segment: usize,
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

impl Stage {
    /// An empty one; `None` when there is no memory for it.
    pub(super) fn new() -> Option<Box<Stage>> {
        // SAFETY: not empty. All zero is a value of the integers that a stage consists of.
        unsafe {
            let place = alloc_zeroed(Layout::new::<Stage>()).cast::<Stage>();
            if place.is_null() { None } else { Some(Box::from_raw(place)) }
        }
    }

    /// Where to receive: what each message is, and its bytes. What was there before is given up.
    pub(super) fn places(&mut self) -> (&mut [Message; MESSAGES], &mut [[u8; LONGEST]; MESSAGES]) {
        self.filled(0);
        (&mut self.messages, &mut self.bytes)
    }

    /// So many messages have been received, and none handed out.
    pub(super) fn filled(&mut self, count: usize) {
        (self.count, self.next, self.offset) = (count, 0, 0);
    }

    /// Whether something waits to be handed out.
    pub(super) fn holds(&self) -> bool {
        self.next < self.count
    }

    /// Hands out what there is room for; how many datagrams.
    pub(super) fn give(&mut self, datagrams: &mut [mote_port_datagram]) -> usize {
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
}
