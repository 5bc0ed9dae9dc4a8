// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one place where messages are kept, each as long as it is.
#![forbid(unsafe_code)]

use super::entry::Head;
use super::tables::{TRANSFER, Tables};
use super::wire::Message;
use crate::bytes::{self, Writer};
use crate::status::{Error, Result};

/// The owner's key and the length in front of each message.
const HEAD: usize = 4;
/// The key of a message that was removed: transfers have none.
const REMOVED: u16 = TRANSFER;
/// The place of a message that is not there.
const NOWHERE: u32 = 0;

/// Messages in one block of memory, one after the other. What is removed leaves a gap, and the
/// gaps are closed when room runs out.
#[derive(Debug)]
pub(super) struct Pool<'m> {
    bytes: &'m mut [u8],
    used: usize,
    /// How much of what is used are gaps.
    gaps: usize,
}

impl<'m> Pool<'m> {
    pub(super) const fn new(bytes: &'m mut [u8]) -> Pool<'m> {
        Pool { bytes, used: 0, gaps: 0 }
    }

    /// What stands in front of the message that starts at `start`: its owner's key, and its length in the lower half.
    #[inline(never)] // One copy.
    fn block(&self, start: usize) -> Option<u32> {
        let head = self.bytes.get(start.checked_sub(HEAD)?..self.used)?.first_chunk::<HEAD>()?;
        Some(u32::from_be_bytes(*head))
    }

    /// Where the owner's message starts, and where it ends. An empty range if there is none.
    #[inline(never)]
    fn range(&self, owner: &Head) -> (usize, usize) {
        let start = owner.place.get() as usize;
        self.block(start).map_or((0, 0), |head| (start, start + usize::from(head as u16)))
    }

    /// The owner's message; empty if there is none.
    #[inline(never)]
    pub(super) fn get(&self, owner: &Head) -> &[u8] {
        let (start, end) = self.range(owner);
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The owner's message, taken apart; an empty one if there is none, which there is while it is needed.
    #[inline(never)] // One copy.
    pub(super) fn message(&self, owner: &Head) -> Message<'_> {
        Message::parse(self.get(owner)).unwrap_or(Message::NONE)
    }

    /// The same, to be changed in place.
    pub(super) fn get_mut(&mut self, owner: &Head) -> &mut [u8] {
        let (start, end) = self.range(owner);
        self.bytes.get_mut(start..end).unwrap_or_default()
    }

    /// Keeps a copy of `message` in place of what was kept for this owner before.
    ///
    /// With [`Error::Full`] the old message stays.
    pub(super) fn put(&mut self, tables: &Tables<'_>, owner: &Head, message: &[u8]) -> Result<()> {
        let length = u16::try_from(message.len()).map_err(|_| Error::TooLarge)?;
        let needed = message.len() + HEAD;
        let (start, end) = self.range(owner);
        let freed = if start == 0 { 0 } else { end - start + HEAD };
        let free = self.bytes.len() - self.used;
        if needed > free + self.gaps + freed {
            return Err(Error::Full);
        }
        self.remove(owner);
        if needed > self.bytes.len() - self.used {
            self.close_gaps(tables);
        }
        let mut out = Writer::new(self.bytes.get_mut(self.used..).unwrap_or_default());
        out.u32(u32::from(owner.key()) << 16 | u32::from(length))?;
        out.put(message)?;
        owner.place.set((self.used + HEAD) as u32);
        self.used += needed;
        Ok(())
    }

    #[inline(never)]
    pub(super) fn remove(&mut self, owner: &Head) {
        let (start, end) = self.range(owner);
        owner.place.set(NOWHERE);
        if start == 0 {
            return;
        }
        if end == self.used {
            self.used = start - HEAD;
        } else {
            self.gaps += end - start + HEAD;
            let [high, low] = REMOVED.to_be_bytes();
            if let Some([first, second, ..]) = self.bytes.get_mut(start - HEAD..) {
                (*first, *second) = (high, low);
            }
        }
    }

    /// Moves all messages to the front.
    fn close_gaps(&mut self, tables: &Tables<'_>) {
        let (mut from, mut to) = (0, 0);
        while let Some(head) = self.block(from + HEAD) {
            let key = (head >> 16) as u16;
            let whole = HEAD + usize::from(head as u16);
            if key != REMOVED {
                let room = self.bytes.get_mut(to..from + whole).unwrap_or_default();
                bytes::move_to_front(room, from - to);
                if let Some(owner) = tables.named(key) {
                    owner.place.set((to + HEAD) as u32);
                }
                to += whole;
            }
            from += whole;
        }
        self.used = to;
        self.gaps = 0;
    }

    /// Whether a message of that length could ever be kept.
    pub(super) const fn could_hold(&self, length: usize) -> bool {
        length + HEAD <= self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::served::{Exchange, Observer};
    use super::super::tables::{EXCHANGE, OBSERVER};
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_keeps_what_a_map_would_keep(steps in proptest::collection::vec((0usize..6, 0usize..24, any::<u8>()), 0..60)) {
            let mut memory = [0; 64];
            let (exchanges, observers) = Default::default();
            let (exchanges, observers): (&[Exchange; 6], &[Observer; 6]) = (&exchanges, &observers);
            let tables = Tables { requests: &[], exchanges, transfers: &[], observers };
            for kind in [EXCHANGE, OBSERVER] {
                while tables.take(kind, 0, 0, 0).is_some() {}
            }
            let mut pool = Pool::new(&mut memory);
            let mut model = BTreeMap::new();
            for (index, length, byte) in steps {
                let owner = |index, kind| tables.head(if kind & 1 == 0 { EXCHANGE } else { OBSERVER }, index).unwrap();
                let key = owner(index, byte);
                let name = (index, byte & 1);
                if length < 4 {
                    pool.remove(key);
                    model.remove(&name);
                } else {
                    let message = vec![byte; length];
                    let others: usize =
                        model.iter().filter(|(k, _)| **k != name).map(|(_, m): (_, &Vec<u8>)| m.len() + HEAD).sum();
                    let fits = others + length + HEAD <= 64;
                    prop_assert_eq!(pool.put(&tables, key, &message).is_ok(), fits);
                    if fits {
                        model.insert(name, message);
                    }
                }
                for index in 0..6 {
                    for kind in 0..2 {
                        let expected = model.get(&(index, kind)).map_or(&[][..], |message| &message[..]);
                        prop_assert_eq!(pool.get(owner(index, kind)), expected);
                    }
                }
            }
        }
    }
}
