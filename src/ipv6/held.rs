// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets that wait for the link address of their next hop (RFC 4861 §7.2.2): for each neighbour the newest.
//!
//! They stand one behind the other, in the order in which they came. Where there is no room for another, those that have
//! waited longest give way.
#![forbid(unsafe_code)]

use super::wire::Header;
use crate::address::Ip;
use crate::bytes::{Parts, copy, move_to_front, part, part_mut};
use crate::memory::Carver;
use crate::status::{Error, Result};

/// In front of each packet stands the address of its next hop. How long the packet is it says itself.
const FRONT: usize = 16;

/// The packets that wait.
#[derive(Debug, Default)]
pub(super) struct Held<'m> {
    buffer: &'m mut [u8],
    length: usize,
}

impl<'m> Held<'m> {
    /// With room for one packet of so many bytes, or for several that are smaller.
    pub(super) fn carve(carver: &mut Carver<'m>, bytes: u16) -> Held<'m> {
        let room = if bytes == 0 { 0 } else { FRONT + usize::from(bytes) };
        Held { buffer: carver.part(room), length: 0 }
    }

    /// Where what begins at `at` ends; `None` when nothing does.
    fn end(&self, at: usize) -> Option<usize> {
        let packet = self.buffer.get(at + FRONT..self.length)?;
        let &[_, _, _, _, high, low] = packet.first_chunk()?;
        Some(at + FRONT + Header::LEN + usize::from(u16::from_be_bytes([high, low])))
    }

    /// Where the packet for a neighbour begins and ends, with what stands in front of it.
    fn find(&self, next_hop: &Ip) -> Option<(usize, usize)> {
        let mut at = 0;
        loop {
            let end = self.end(at)?;
            if self.buffer.get(at..)?.starts_with(&next_hop.0) {
                return Some((at, end));
            }
            at = end;
        }
    }

    fn cut(&mut self, (start, end): (usize, usize)) {
        move_to_front(part_mut(self.buffer, start, self.length), end - start);
        self.length = self.length.saturating_sub(end - start);
    }

    /// The packet that waits for a neighbour.
    pub(super) fn packet(&self, next_hop: &Ip) -> Option<&[u8]> {
        self.find(next_hop).map(|(start, end)| part(self.buffer, start + FRONT, end))
    }

    /// Forgets the packet that waits for a neighbour.
    pub(super) fn remove(&mut self, next_hop: &Ip) {
        if let Some(place) = self.find(next_hop) {
            self.cut(place);
        }
    }

    /// Keeps a whole packet, in place of the one that waited for this neighbour before.
    ///
    /// # Errors
    /// [`Error::Unreachable`] for one that there is never room for.
    pub(super) fn keep(&mut self, next_hop: &Ip, packet: Parts<'_>) -> Result<()> {
        self.remove(next_hop);
        let room = FRONT + packet.len();
        if room > self.buffer.len() {
            return Err(Error::Unreachable);
        }
        // Ends: at the latest when nothing is left.
        while self.buffer.len() - self.length < room {
            self.cut((0, self.end(0).unwrap_or(self.length)));
        }
        let end = self.length + room;
        let place = part_mut(self.buffer, self.length, end);
        copy(place, &next_hop.0);
        packet.copy(part_mut(place, FRONT, room));
        self.length = end;
        Ok(())
    }
}
