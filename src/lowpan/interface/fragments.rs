// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets that leave in fragments (RFC 4944 §5.3).
#![forbid(unsafe_code)]

use super::super::fragment::{Blocks, FragmentHeader};
use super::super::packet::Compressed;
use super::Interface;
use crate::bytes::{Parts, Writer};
use crate::ieee802154::LinkAddress;
use crate::ieee802154::mac::{MAX_PAYLOAD_END, Priority};
use crate::ieee802154::pool::{BLOCK, BlockId, Pool};
use crate::status::{Error, Result};
use crate::time::Instant;

/// A packet that is being sent in fragments: the compressed headers, then the rest as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing {
    pub(super) destination: LinkAddress,
    pub(super) priority: Priority,
    blocks: Blocks,
    /// How many bytes of the stream are compressed headers, and how many bytes of the packet
    /// these stand for.
    headers: u16,
    consumed: u16,
    /// How long the stream is, and how much of it has gone.
    pub(super) len: u16,
    pub(super) position: u16,
    size: u16,
    tag: u16,
    /// When the next fragment may go.
    pub(super) next_at: Instant,
    pub(super) is_used: bool,
    pub(super) is_under_way: bool,
}

impl Outgoing {
    /// Whether its next fragment waits to go.
    pub(super) const fn is_ready(&self) -> bool {
        self.is_used && !self.is_under_way
    }

    /// Writes the next fragment into the frame `draft`, behind `at`, and says where it ends there.
    fn put_fragment(&mut self, pool: &mut Pool<'_>, draft: BlockId, at: usize) -> Result<usize> {
        let first = self.position == 0;
        // Where the fragment begins in the packet before compression.
        let offset = (self.position + self.consumed).saturating_sub(self.headers);
        let offset = if first { None } else { Some(offset) };
        let header = FragmentHeader { size: self.size, tag: self.tag, offset };
        let frame = pool.get_mut(draft).get_mut(at..).unwrap_or_default();
        header.emit(&mut Writer::new(frame))?;
        let mut at = at + header.encoded_len();
        let room = MAX_PAYLOAD_END.saturating_sub(at);
        let left = usize::from(self.len - self.position);
        // All but the last end at a multiple of 8; the headers stand for one.
        let headers = if first { usize::from(self.headers) } else { 0 };
        let part = if left <= room { left } else { headers + (room.saturating_sub(headers) & !7) };
        let mut position = usize::from(self.position);
        let end = position + part;
        while position < end {
            let block = self.blocks.0.get(position / BLOCK).copied().flatten().ok_or(Error::Invalid)?;
            let until = end.min((position / BLOCK + 1) * BLOCK);
            let copied = pool.copy(block, position % BLOCK, draft, at, until - position);
            if copied == 0 {
                return Err(Error::Invalid);
            }
            at += copied;
            position += copied;
        }
        self.position = end as u16;
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
    /// Takes over a packet to be sent in fragments: `first` holds its headers compressed, `rest` goes as it is.
    pub(super) fn send_in_fragments(
        &mut self,
        first: BlockId,
        packet: Parts<'_>,
        Compressed { len, consumed }: Compressed,
        rest: Parts<'_>,
        (destination, priority): (LinkAddress, Priority),
    ) -> Result<()> {
        let Some(outgoing) = self.outgoing.iter_mut().find(|it| !it.is_used) else {
            self.pool.give(first);
            return Err(Error::Full);
        };
        // One that is not in use is as it was made.
        (outgoing.destination, outgoing.priority, outgoing.is_used) = (destination, priority, true);
        outgoing.next_at = Instant::ZERO;
        outgoing.headers = len as u16;
        outgoing.consumed = consumed as u16;
        outgoing.len = (len + rest.len()) as u16;
        outgoing.size = packet.len() as u16;
        self.tag = self.tag.wrapping_add(1);
        outgoing.tag = self.tag;
        let blocks = &mut outgoing.blocks;
        blocks.0[0] = Some(first);
        // One block is left for a frame to go in.
        if self.pool.free() == 0
            || !blocks.put(&mut self.pool, 1, len, rest.head)
            || !blocks.put(&mut self.pool, 1, len + rest.head.len(), rest.tail)
        {
            outgoing.release(&mut self.pool);
            return Err(Error::Full);
        }
        Ok(())
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
