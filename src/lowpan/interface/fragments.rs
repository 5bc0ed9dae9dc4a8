// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets that leave in fragments (RFC 4944 §5.3).
#![forbid(unsafe_code)]

use super::super::fragment::{Blocks, FragmentHeader, NEXT_HEADER};
use super::Interface;
use crate::bytes::{Parts, copy, part_mut};
use crate::ieee802154::LinkAddress;
use crate::ieee802154::mac::{MAX_PAYLOAD_END, Priority};
use crate::ieee802154::pool::{BLOCK, BlockId, Pool};
use crate::status::{Error, Result};
use crate::time::Instant;

/// A packet that is being sent in fragments, of which the first is in the queue.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing {
    pub(super) destination: LinkAddress,
    pub(super) priority: Priority,
    /// What follows the first fragment, each byte where it stands in the packet.
    blocks: Blocks,
    /// Where the next fragment begins in the packet.
    offset: u16,
    /// How large the packet is; 0 in an unused place.
    size: u16,
    tag: u16,
    /// When the next fragment may go.
    #[cfg(feature = "mesh-under")]
    next_at: Instant,
    pub(super) is_under_way: bool,
}

impl Outgoing {
    const fn is_used(&self) -> bool {
        self.size > 0
    }

    /// Whether its next fragment waits to go.
    pub(super) const fn is_ready(&self) -> bool {
        self.is_used() && !self.is_under_way
    }

    /// When its next fragment may go.
    pub(super) const fn next_at(&self) -> Instant {
        #[cfg(feature = "mesh-under")]
        return self.next_at;
        #[cfg(not(feature = "mesh-under"))]
        Instant::ZERO
    }

    /// Has the next fragment wait until then.
    #[cfg(feature = "mesh-under")]
    pub(super) const fn wait(&mut self, until: Instant) {
        self.next_at = until;
    }

    /// Whether all of it has gone.
    pub(super) const fn is_over(&self) -> bool {
        self.offset >= self.size
    }

    /// Writes the header of a fragment into a frame at `at`.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn put_header(&self, offset: Option<u16>, pool: &mut Pool<'_>, frame: BlockId, at: usize) {
        let header = FragmentHeader { size: self.size, tag: self.tag, offset };
        copy(part_mut(pool.get_mut(frame), at, at + header.encoded_len()), &header.bytes());
    }

    /// Writes the next fragment into the frame `draft`, behind `at`, and says where it ends there.
    fn put_fragment(&mut self, pool: &mut Pool<'_>, draft: BlockId, mut at: usize) -> Result<usize> {
        self.put_header(Some(self.offset), pool, draft, at);
        at += NEXT_HEADER;
        let room = MAX_PAYLOAD_END.saturating_sub(at);
        let left = usize::from(self.size - self.offset);
        // All but the last end at a multiple of 8.
        let part = if left <= room { left } else { room & !7 };
        let mut offset = usize::from(self.offset);
        let end = offset + part;
        while offset < end {
            let block = self.blocks.0.get(offset / BLOCK).copied().flatten().ok_or(Error::Invalid)?;
            let until = end.min((offset / BLOCK + 1) * BLOCK);
            let copied = pool.copy(block, offset % BLOCK, draft, at, until - offset);
            if copied == 0 {
                return Err(Error::Invalid);
            }
            at += copied;
            offset += copied;
        }
        self.offset = end as u16;
        self.is_under_way = true;
        Ok(at)
    }

    /// Forgets what has not gone yet: the sending ends with an error.
    pub(super) fn discard(&mut self, pool: &mut Pool<'_>) {
        self.blocks.release(pool);
    }

    pub(super) fn release(&mut self, pool: &mut Pool<'_>) {
        self.blocks.release(pool);
        *self = Outgoing::default();
    }
}

impl Interface<'_> {
    /// Keeps the `rest` of a packet that is sent in fragments. The first of these is in `first`, where its header goes to `at`;
    /// the tag with which it is to be queued comes back.
    pub(super) fn keep_rest(
        &mut self,
        first: BlockId,
        at: usize,
        size: usize,
        rest: Parts<'_>,
        (destination, priority): (LinkAddress, Priority),
    ) -> Result<u8> {
        let mut places = self.outgoing.iter_mut().zip(1..);
        let (outgoing, place) = places.find(|(it, _)| !it.is_used()).ok_or(Error::Full)?;
        let offset = size - rest.len();
        if !outgoing.blocks.put(&mut self.pool, 0, offset, rest) {
            outgoing.release(&mut self.pool);
            return Err(Error::Full);
        }
        self.tag = self.tag.wrapping_add(1);
        (outgoing.destination, outgoing.priority) = (destination, priority);
        (outgoing.size, outgoing.tag) = (size as u16, self.tag);
        outgoing.put_header(None, &mut self.pool, first, at);
        outgoing.offset = offset as u16;
        outgoing.is_under_way = true;
        #[cfg(feature = "mesh-under")]
        outgoing.wait(Instant::ZERO);
        Ok(place)
    }

    /// Queues the next fragment of the packet at `place`.
    pub(super) fn queue_fragment(&mut self, place: usize) -> Result<()> {
        let Some(&Outgoing { destination, priority, .. }) = self.outgoing.get(place) else {
            return Err(Error::NotFound);
        };
        let (draft, at) = self.begin(destination, priority)?;
        let Some(outgoing) = self.outgoing.get_mut(place) else { return Err(Error::NotFound) };
        match outgoing.put_fragment(&mut self.pool, draft.block, at) {
            Ok(len) => self.mac.enqueue(&mut self.pool, draft, len, priority, (place + 1) as u8),
            Err(error) => {
                self.mac.abandon(&mut self.pool, draft);
                Err(error)
            }
        }
    }
}
