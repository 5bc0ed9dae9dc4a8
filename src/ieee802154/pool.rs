// SPDX-License-Identifier: MIT OR Apache-2.0
//! The blocks that frames waiting to be sent and packets in parts share.
#![forbid(unsafe_code)]

use crate::bytes::copy;
use core::num::NonZeroU8;

/// The size of a block: one frame.
pub const BLOCK: usize = 128;

/// One block of the caller's memory.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    bytes: [u8; BLOCK],
    used: bool,
}

impl Default for Block {
    fn default() -> Block {
        Block { bytes: [0; BLOCK], used: false }
    }
}

/// Names a block that has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockId(NonZeroU8);

impl BlockId {
    fn place(self) -> usize {
        usize::from(self.0.get()) - 1
    }
}

/// The blocks, at most 255.
#[derive(Debug)]
pub struct Pool<'m> {
    blocks: &'m mut [Block],
    free: usize,
}

impl<'m> Pool<'m> {
    /// A pool of these blocks, none of which is taken yet.
    pub fn new(blocks: &'m mut [Block]) -> Pool<'m> {
        let count = blocks.len().min(255);
        let blocks = blocks.get_mut(..count).unwrap_or_default();
        Pool { blocks, free: count }
    }

    /// How many blocks are free.
    pub const fn free(&self) -> usize {
        self.free
    }

    /// Takes a block, if then at least `reserve` remain free.
    pub fn take(&mut self, reserve: usize) -> Option<BlockId> {
        if self.free <= reserve {
            return None;
        }
        let index = self.blocks.iter().position(|block| !block.used)?;
        let id = NonZeroU8::new((index + 1) as u8)?;
        self.blocks.get_mut(index)?.used = true;
        self.free -= 1;
        Some(BlockId(id))
    }

    /// Gives a block back.
    pub fn give(&mut self, id: BlockId) {
        if let Some(block) = self.blocks.get_mut(id.place())
            && block.used
        {
            block.used = false;
            self.free += 1;
        }
    }

    /// What is in a block.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn get(&self, id: BlockId) -> &[u8] {
        self.blocks.get(id.place()).map_or(&[], |block| &block.bytes)
    }

    /// Copies up to `count` bytes at `from_at` of one block to `to_at` of another, as far as both reach,
    /// and says how many that was.
    pub fn copy(&mut self, from: BlockId, from_at: usize, to: BlockId, to_at: usize, count: usize) -> usize {
        let (from, to) = (from.place(), to.place());
        // The two blocks, that with the higher number being the first of its part.
        let Some((low, high)) = self.blocks.split_at_mut_checked(from.max(to)) else { return 0 };
        let (Some(low), Some(high)) = (low.get_mut(from.min(to)), high.first_mut()) else { return 0 };
        let (from, to) = if from < to { (low, high) } else { (high, low) };
        let from = from.bytes.get(from_at..).unwrap_or_default();
        copy(to.bytes.get_mut(to_at..).unwrap_or_default(), from.get(..count).unwrap_or(from))
    }

    /// What is in a block, to be changed.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn get_mut(&mut self, id: BlockId) -> &mut [u8] {
        self.blocks.get_mut(id.place()).map_or(&mut [], |block| &mut block.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_taken_kept_in_reserve_and_given_back_once() {
        let mut blocks = [Block::default(); 3];
        let mut pool = Pool::new(&mut blocks);
        let first = pool.take(0).unwrap();
        let second = pool.take(1).unwrap();
        assert_ne!(first, second);
        assert_eq!(pool.take(1), None);
        pool.get_mut(first).fill(1);
        pool.get_mut(second).fill(2);
        assert_eq!(pool.get(first), &[1; BLOCK]);
        assert!(pool.take(0).is_some());
        assert_eq!(pool.take(0), None);
        assert_eq!(pool.copy(first, 126, second, 0, 9), 2);
        assert_eq!(pool.copy(first, 0, second, 127, 9), 1);
        assert_eq!(pool.get(second)[..3], [1, 1, 2]);
        assert_eq!((pool.get(second)[126], pool.get(second)[127]), (2, 1));
        assert_eq!((pool.copy(first, 0, first, 1, 1), pool.copy(first, 200, second, 0, 1)), (0, 0));
        pool.give(first);
        pool.give(first);
        assert_eq!(pool.free(), 1);
        assert_eq!(pool.take(0), Some(first));
    }
}
