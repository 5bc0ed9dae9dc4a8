// SPDX-License-Identifier: MIT OR Apache-2.0
//! What waits to be written to the stream.
//!
//! Small packets are gathered, so that many of them leave in one write. Long payloads pass by.
#![forbid(unsafe_code)]

use super::wire::{INVALID, PacketType, Sink};
use crate::bytes;
use crate::status::{Error, Result};
use crate::time::Instant;
use crate::transport::StreamContext;

#[derive(Debug)]
pub(super) struct Output<'m> {
    buffer: &'m mut [u8],
    /// How much of it waits.
    end: u32,
    /// When the stream last took something.
    pub(super) last_sent: Instant,
    /// What the stream refused for, or something else that ends the connection. [`Error::WouldBlock`] is for now: it
    /// will say when it has room.
    pub(super) refused: Option<Error>,
}

impl<'m> Output<'m> {
    pub(super) const fn new(buffer: &'m mut [u8]) -> Output<'m> {
        let last_sent = Instant::ZERO;
        Output { buffer, end: 0, last_sent, refused: None }
    }

    /// Forgets everything: the connection is gone.
    pub(super) const fn clear(&mut self) {
        (self.end, self.refused) = (0, None);
    }

    /// Whether the stream has no room.
    pub(super) fn is_blocked(&self) -> bool {
        self.refused == Some(Error::WouldBlock)
    }

    /// What ends the connection.
    pub(super) fn failure(&self) -> Option<Error> {
        self.refused.filter(|error| *error != Error::WouldBlock)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// Whether neither the buffer nor the stream has room for a single byte.
    pub(super) fn is_full(&mut self, cx: &mut StreamContext) -> bool {
        self.room(cx, 1).is_empty()
    }

    /// The largest packet that can be gathered whole.
    pub(super) const fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// Writes as much as the stream takes.
    fn write(&mut self, cx: &mut StreamContext, from: Option<&[u8]>) -> usize {
        if self.refused.is_some() {
            return 0;
        }
        let gathered = bytes::part(self.buffer, 0, self.end as usize);
        match cx.transport.write(from.unwrap_or(gathered)) {
            Ok(count) => {
                self.last_sent = cx.now;
                return count;
            }
            Err(error) => self.refused = Some(error),
        }
        0
    }

    /// Writes what has been gathered, as far as the stream takes it.
    #[inline(never)]
    pub(super) fn flush(&mut self, cx: &mut StreamContext) {
        while self.end != 0 {
            let count = self.write(cx, None);
            if count == 0 {
                return;
            }
            bytes::move_to_front(bytes::part_mut(self.buffer, 0, self.end as usize), count);
            self.end = self.end.saturating_sub(count as u32);
        }
    }

    /// Makes room for `count` bytes, if it can, and lends all there is.
    #[cfg_attr(target_os = "none", inline(never))]
    fn room(&mut self, cx: &mut StreamContext, count: usize) -> &mut [u8] {
        if self.buffer.len().wrapping_sub(self.end as usize) < count {
            self.flush(cx);
        }
        let length = self.buffer.len();
        bytes::part_mut(self.buffer, self.end as usize, length)
    }

    /// Begins a packet of up to `count` bytes, or as many as there can be room for now. [`Output::finish`] is to be told
    /// its size.
    #[inline(never)]
    pub(super) fn begin(&mut self, cx: &mut StreamContext, packet: PacketType, count: usize) -> Sink<'_> {
        Sink::begin(self.room(cx, count), packet.first_byte())
    }

    /// Gathers the packet begun last; all of it or nothing.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] without room now, [`Error::TooLarge`] when there never is or beyond
    /// `maximum`, [`Error::Invalid`] when that is its size.
    #[inline(never)]
    pub(super) fn finish(&mut self, size: usize, maximum: u32) -> Result<()> {
        if size == INVALID {
            return Err(Error::Invalid);
        }
        if size > self.buffer.len() || size > maximum as usize {
            return Err(Error::TooLarge);
        }
        if size > self.buffer.len().wrapping_sub(self.end as usize) {
            return Err(Error::WouldBlock);
        }
        self.commit(size);
        Ok(())
    }

    const fn commit(&mut self, count: usize) {
        self.end = self.end.wrapping_add(count as u32);
    }

    /// Takes as much of `from` as there is room for, in the buffer or in the stream.
    pub(super) fn take(&mut self, cx: &mut StreamContext, from: &[u8]) -> usize {
        let mut done = 0;
        while let Some(rest) = from.get(done..).filter(|rest| !rest.is_empty()) {
            let mut count = 0;
            if rest.len() >= self.buffer.len() {
                self.flush(cx);
                if self.is_empty() {
                    count = self.write(cx, Some(rest));
                }
            } else {
                count = bytes::copy(self.room(cx, 1), rest);
                self.commit(count);
            }
            if count == 0 {
                break;
            }
            done += count;
        }
        done
    }
}
