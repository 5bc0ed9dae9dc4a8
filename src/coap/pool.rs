// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one place where messages are kept, each as long as it is.
#![forbid(unsafe_code)]

use crate::bytes::{self, Writer};
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
}

/// Key and length in front of each message.
const HEAD: usize = 4;
/// The key of a message that was removed.
const REMOVED: Key = Key(u16::MAX);
/// The place of a message that is not there.
const NOWHERE: u32 = 0;

/// Where an owner's message lies, counted from 1.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place(u32);

/// Messages in one block of memory, one after the other. What is removed leaves a gap, and the
/// gaps are closed when room runs out.
#[derive(Debug)]
pub(super) struct Pool<'m> {
    bytes: &'m mut [u8],
    /// One for each owner: requests, then exchanges, then observers.
    places: &'m mut [Place],
    /// Where the places of exchanges and of observers start.
    starts: (u16, u16),
    used: usize,
    /// How much of what is used are gaps.
    gaps: usize,
}

impl<'m> Pool<'m> {
    /// A pool for so many requests and exchanges; the other places are for observers.
    pub(super) const fn new(
        bytes: &'m mut [u8],
        places: &'m mut [Place],
        requests: u16,
        exchanges: u16,
    ) -> Pool<'m> {
        let starts = (requests, requests.saturating_add(exchanges));
        Pool { bytes, places, starts, used: 0, gaps: 0 }
    }

    fn place(&mut self, key: Key) -> Option<&mut Place> {
        let index = self.index(key);
        self.places.get_mut(index)
    }

    fn index(&self, key: Key) -> usize {
        let start = match key.0 >> 14 {
            0 => 0,
            1 => self.starts.0,
            _ => self.starts.1,
        };
        usize::from(start) + usize::from(key.0 & (Key::LIMIT - 1))
    }

    /// Where the message starts, its head not counted.
    fn find(&self, key: Key) -> Option<usize> {
        let place = self.places.get(self.index(key))?.0;
        if place == NOWHERE { None } else { Some(place as usize - 1 + HEAD) }
    }

    /// The key and the length of the message whose head is at `at`.
    fn head(&self, at: usize) -> Option<(Key, usize)> {
        let [a, b, c, d] = *self.bytes.get(at..self.used)?.first_chunk::<HEAD>()?;
        Some((Key(u16::from_be_bytes([a, b])), usize::from(u16::from_be_bytes([c, d]))))
    }

    pub(super) fn get(&self, key: Key) -> Option<&[u8]> {
        let start = self.find(key)?;
        let (_, length) = self.head(start - HEAD)?;
        self.bytes.get(start..)?.get(..length)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut [u8]> {
        let start = self.find(key)?;
        let (_, length) = self.head(start - HEAD)?;
        self.bytes.get_mut(start..)?.get_mut(..length)
    }

    /// The place in the table of observers of the first whose message `wanted` accepts.
    pub(super) fn find_observer(&self, wanted: &mut dyn FnMut(usize, &[u8]) -> bool) -> Option<usize> {
        let mut at = 0;
        while let Some((key, length)) = self.head(at) {
            let message = self.bytes.get(at + HEAD..)?.get(..length)?;
            let index = usize::from(key.0 & (Key::LIMIT - 1));
            if key.0 >> 14 == 2 && wanted(index, message) {
                return Some(index);
            }
            at += HEAD + length;
        }
        None
    }

    /// Keeps a copy of `message` in place of what was kept under this key before.
    ///
    /// With [`Error::Full`] the old message stays.
    pub(super) fn put(&mut self, key: Key, message: &[u8]) -> Result<()> {
        let length = u16::try_from(message.len()).map_err(|_| Error::TooLarge)?;
        let needed = message.len() + HEAD;
        let freed = self.get(key).map_or(0, |old| old.len() + HEAD);
        if needed > self.bytes.len() - self.used + self.gaps + freed {
            return Err(Error::Full);
        }
        self.remove(key);
        if needed > self.bytes.len() - self.used {
            self.close_gaps();
        }
        let at = self.used;
        let mut out = Writer::new(self.bytes.get_mut(at..).unwrap_or_default());
        out.u16(key.0)?;
        out.u16(length)?;
        out.put(message)?;
        if let Some(place) = self.place(key) {
            place.0 = at as u32 + 1;
        }
        self.used += needed;
        Ok(())
    }

    pub(super) fn remove(&mut self, key: Key) {
        let Some(start) = self.find(key) else { return };
        let Some((_, length)) = self.head(start - HEAD) else { return };
        if start + length == self.used {
            self.used = start - HEAD;
        } else {
            self.gaps += length + HEAD;
            self.set_key(start - HEAD, REMOVED);
        }
        if let Some(place) = self.place(key) {
            place.0 = NOWHERE;
        }
    }

    fn set_key(&mut self, at: usize, key: Key) {
        let [high, low] = key.0.to_be_bytes();
        if let Some([first, second, ..]) = self.bytes.get_mut(at..) {
            (*first, *second) = (high, low);
        }
    }

    /// Moves all messages to the front.
    fn close_gaps(&mut self) {
        let (mut from, mut to) = (0, 0);
        while let Some((key, length)) = self.head(from) {
            let whole = HEAD + length;
            if key != REMOVED {
                let room = self.bytes.get_mut(to..from + whole).unwrap_or_default();
                let shift = from - to;
                bytes::move_to_front(room, shift);
                if let Some(place) = self.place(key) {
                    place.0 = to as u32 + 1;
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
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_keeps_what_a_map_would_keep(steps in proptest::collection::vec((0usize..6, 0usize..24, any::<u8>()), 0..60)) {
            let mut memory = [0; 64];
            let mut places = [Place::default(); 18];
            let mut pool = Pool::new(&mut memory, &mut places, 6, 6);
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
                    let found = pool.find_observer(&mut |at, _| at == index);
                    prop_assert_eq!(found.is_some(), model.contains_key(&(index, 1)));
                }
            }
        }
    }
}
