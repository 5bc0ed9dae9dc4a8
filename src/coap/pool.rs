// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one place where messages are kept: variable in length, packed without gaps.
#![forbid(unsafe_code)]

use crate::bytes::{self, Reader};
use crate::status::{Error, Result};

/// Whose message it is: the kind of owner and the place in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u16);

impl Key {
    /// How many owners of one kind can be told apart.
    pub(super) const LIMIT: u16 = 1 << 14;

    pub(super) const fn request(index: usize) -> Key {
        Key(index as u16 & (Key::LIMIT - 1))
    }

    pub(super) const fn exchange(index: usize) -> Key {
        Key(Key::request(index).0 | 1 << 14)
    }

    pub(super) const fn observer(index: usize) -> Key {
        Key(Key::request(index).0 | 2 << 14)
    }

    const fn observer_index(self) -> Option<usize> {
        if self.0 >> 14 == 2 { Some((self.0 & (Key::LIMIT - 1)) as usize) } else { None }
    }
}

/// Key and length in front of each message.
const HEAD: usize = 4;

/// Messages in one block of memory. Removing one moves those behind it, so they are always
/// found by their key.
#[derive(Debug)]
pub(super) struct Pool<'m> {
    bytes: &'m mut [u8],
    used: usize,
}

impl<'m> Pool<'m> {
    pub(super) const fn new(bytes: &'m mut [u8]) -> Pool<'m> {
        Pool { bytes, used: 0 }
    }

    /// Where the bytes of the first message lie that `wanted` accepts, and whose it is.
    fn search(&self, mut wanted: impl FnMut(Key, &[u8]) -> bool) -> Option<(Key, usize, usize)> {
        let mut reader = Reader::new(self.bytes.get(..self.used)?);
        while let Ok(key) = reader.u16() {
            let length = usize::from(reader.u16().ok()?);
            let start = reader.position();
            if wanted(Key(key), reader.take(length).ok()?) {
                return Some((Key(key), start, length));
            }
        }
        None
    }

    /// Where the message's bytes lie.
    fn find(&self, key: Key) -> Option<(usize, usize)> {
        self.search(|found, _| found == key).map(|(_, start, length)| (start, length))
    }

    /// The place in the table of observers of the first whose message `wanted` accepts.
    pub(super) fn find_observer(&self, mut wanted: impl FnMut(usize, &[u8]) -> bool) -> Option<usize> {
        let found =
            self.search(|key, message| key.observer_index().is_some_and(|index| wanted(index, message)));
        found.and_then(|(key, ..)| key.observer_index())
    }

    pub(super) fn get(&self, key: Key) -> Option<&[u8]> {
        let (start, length) = self.find(key)?;
        self.bytes.get(start..)?.get(..length)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut [u8]> {
        let (start, length) = self.find(key)?;
        self.bytes.get_mut(start..)?.get_mut(..length)
    }

    /// Keeps a copy of `message` in place of what was kept under this key before.
    ///
    /// With [`Error::Full`] the old message stays.
    pub(super) fn put(&mut self, key: Key, message: &[u8]) -> Result<()> {
        let old = self.find(key);
        let freed = old.map_or(0, |(_, length)| length + HEAD);
        let length = u16::try_from(message.len()).map_err(|_| Error::TooLarge)?;
        if message.len() + HEAD > self.bytes.len() - self.used + freed {
            return Err(Error::Full);
        }
        self.remove(key);
        let room = self.bytes.get_mut(self.used..).unwrap_or_default();
        let mut out = bytes::Writer::new(room);
        out.u16(key.0)?;
        out.u16(length)?;
        out.put(message)?;
        self.used += HEAD + message.len();
        Ok(())
    }

    pub(super) fn remove(&mut self, key: Key) {
        let Some((start, length)) = self.find(key) else { return };
        let gone = length + HEAD;
        let tail = self.bytes.get_mut(start - HEAD..self.used).unwrap_or_default();
        if gone <= tail.len() {
            tail.copy_within(gone.., 0);
        }
        self.used -= gone;
    }

    /// Whether a message of that length could ever be kept.
    pub(super) const fn could_hold(&self, length: usize) -> bool {
        length + HEAD <= self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_keeps_what_a_map_would_keep(steps in proptest::collection::vec((0usize..6, 0usize..24, any::<u8>()), 0..60)) {
            let mut memory = [0; 64];
            let mut pool = Pool::new(&mut memory);
            let mut model = BTreeMap::new();
            for (index, length, byte) in steps {
                let key = if byte & 1 == 0 { Key::exchange(index) } else { Key::observer(index) };
                let name = (index, byte & 1);
                if length < 4 {
                    pool.remove(key);
                    model.remove(&name);
                } else {
                    let message = vec![byte; length];
                    let others: usize =
                        model.iter().filter(|(k, _)| **k != name).map(|(_, m): (_, &Vec<u8>)| m.len() + HEAD).sum();
                    let fits = others + length + HEAD <= 64;
                    prop_assert_eq!(pool.put(key, &message).is_ok(), fits);
                    if fits {
                        model.insert(name, message);
                    }
                }
                for index in 0..6 {
                    prop_assert_eq!(pool.get(Key::exchange(index)), model.get(&(index, 0)).map(|m| &m[..]));
                    prop_assert_eq!(pool.get(Key::observer(index)), model.get(&(index, 1)).map(|m| &m[..]));
                    prop_assert_eq!(pool.get(Key::request(index)), None);
                }
            }
        }
    }
}
