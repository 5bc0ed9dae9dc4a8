// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host side of a border router: packets that wait for it.
#![forbid(unsafe_code)]

use crate::bytes::{self, Parts, copy};
use crate::status::{Error, Result};

/// The MTU of the interface on the host side: that of 6LoWPAN (RFC 4944 §4).
pub const MTU: u32 = 1280;

/// Packets one behind the other, each with its length in front.
#[derive(Debug)]
pub struct HostQueue<'m> {
    buffer: &'m mut [u8],
    used: usize,
}

impl<'m> HostQueue<'m> {
    /// An empty queue in `buffer`.
    pub const fn new(buffer: &'m mut [u8]) -> HostQueue<'m> {
        HostQueue { buffer, used: 0 }
    }

    /// Whether no packet waits.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Whether there is a host side at all.
    pub const fn is_present(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Adds a packet.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when there is no host side, [`Error::WouldBlock`] when the queue has
    /// no room now.
    pub fn push(&mut self, packet: Parts<'_>) -> Result<()> {
        if !self.is_present() {
            return Err(Error::Unreachable);
        }
        let length = u16::try_from(packet.len()).map_err(|_| Error::TooLarge)?;
        let end = self.used + 2 + packet.len();
        let room = self.buffer.get_mut(self.used..end).ok_or(Error::WouldBlock)?;
        let (head, body) = room.split_first_chunk_mut::<2>().ok_or(Error::WouldBlock)?;
        *head = length.to_be_bytes();
        packet.copy(body);
        self.used = end;
        Ok(())
    }

    /// Moves the oldest packet to `scratch`; one that does not fit is dropped.
    pub fn pop<'d>(&mut self, scratch: &'d mut [u8]) -> Option<&'d mut [u8]> {
        let waiting = self.buffer.get(..self.used)?;
        let (head, rest) = waiting.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*head));
        let packet = rest.get(..length)?;
        let fits = copy(scratch, packet) == length;
        let taken = 2 + length;
        bytes::move_to_front(self.buffer.get_mut(..self.used).unwrap_or_default(), taken);
        self.used -= taken;
        if fits { scratch.get_mut(..length) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_leave_in_order_and_a_full_queue_blocks() {
        let mut buffer = [0; 12];
        let mut queue = HostQueue::new(&mut buffer);
        queue.push(Parts::whole(b"abc")).unwrap();
        queue.push(Parts::whole(b"defg")).unwrap();
        assert_eq!(queue.push(Parts::whole(b"")), Err(Error::WouldBlock));
        let mut scratch = [0; 8];
        assert_eq!(queue.pop(&mut scratch).as_deref(), Some(&b"abc"[..]));
        queue.push(Parts::whole(b"h")).unwrap();
        assert_eq!(queue.pop(&mut scratch).as_deref(), Some(&b"defg"[..]));
        assert_eq!(queue.pop(&mut scratch).as_deref(), Some(&b"h"[..]));
        assert_eq!(queue.pop(&mut scratch), None);
        assert!(queue.is_empty());
        queue.push(Parts::whole(b"too long")).unwrap();
        assert_eq!(queue.pop(&mut [0; 3]), None);
        assert!(queue.is_empty());
        assert_eq!(HostQueue::new(&mut []).push(Parts::whole(b"x")), Err(Error::Unreachable));
    }
}
