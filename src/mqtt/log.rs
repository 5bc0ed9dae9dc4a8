// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records of any length, one behind the other in one block, in the order in which they came.
//!
//! The client keeps its outgoing messages in one log and its topic filters and aliases in
//! another. Records are removed anywhere; the gaps are closed when room is wanted at the end.
//!
//! What is known of a record besides its body stays where it lies and is read and written in
//! place: copying it about would take more code than all that is done with it.
#![forbid(unsafe_code)]

use crate::bytes;
use crate::status::{Error, Result};

/// Bytes of a record beyond its body: its length, its key, its time, and its word, which
/// holds an identifier in the lower half, flags above and its kind in the highest byte. But for
/// the length, their meaning is the owner's.
pub(super) const HEADER: usize = 16;

/// The record is gone; its room has not been reclaimed yet.
const DEAD: u32 = 0x80_0000;
/// The body is wanted no more; its room has not been reclaimed yet.
const BARE: u32 = 0x40_0000;

const KEY: u32 = 4;
const TIME: u32 = 8;
const WORD: u32 = 12;

/// The log. Positions name records until the next [`Log::reserve`].
#[derive(Debug)]
pub(super) struct Log<'m> {
    bytes: &'m mut [u8],
    start: u32,
    end: u32,
    /// Follows its record when gaps are closed: the owner's place in the log.
    pub(super) cursor: u32,
}

impl<'m> Log<'m> {
    pub(super) const fn new(bytes: &'m mut [u8]) -> Log<'m> {
        Log { bytes, start: 0, end: 0, cursor: 0 }
    }

    /// One of the four numbers of a record; 0 where there is none.
    #[cfg_attr(target_os = "none", inline(never))]
    fn number(&self, at: u32) -> u32 {
        let bytes = self.bytes.get(at.max(self.start) as usize..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    #[cfg_attr(target_os = "none", inline(never))]
    fn set(&mut self, at: u32, number: u32) {
        if let Some(place) =
            self.bytes.get_mut(at.max(self.start) as usize..).and_then(|rest| rest.first_chunk_mut())
        {
            *place = number.to_le_bytes();
        }
    }

    pub(super) fn key(&self, position: u32) -> u32 {
        self.number(position.wrapping_add(KEY))
    }

    pub(super) fn set_key(&mut self, position: u32, key: u32) {
        self.set(position.wrapping_add(KEY), key);
    }

    pub(super) fn time(&self, position: u32) -> u32 {
        self.number(position.wrapping_add(TIME))
    }

    pub(super) fn set_time(&mut self, position: u32, time: u32) {
        self.set(position.wrapping_add(TIME), time);
    }

    pub(super) fn word(&self, position: u32) -> u32 {
        self.number(position.wrapping_add(WORD))
    }

    /// Changes the word: first some bits go, then some come.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn mark(&mut self, position: u32, clear: u32, set: u32) {
        let word = self.word(position) & !clear | set;
        self.set(position.wrapping_add(WORD), word);
    }

    /// The position behind a record.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn behind(&self, position: u32) -> u32 {
        position.saturating_add(HEADER as u32).saturating_add(self.number(position))
    }

    /// The first record at or behind a position whose word is `wanted` in the bits of `mask`.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn find(&self, from: u32, mask: u32, wanted: u32) -> Option<u32> {
        let mut position = from.max(self.start);
        while position < self.end {
            if self.word(position) & (mask | DEAD) == wanted {
                return Some(position);
            }
            position = self.behind(position);
        }
        None
    }

    /// Changes the word of every such record; whether there was one.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn mark_all(&mut self, mask: u32, wanted: u32, clear: u32, set: u32) -> bool {
        let mut next = 0;
        while let Some(position) = self.find(next, mask, wanted) {
            self.mark(position, clear, set);
            next = self.behind(position);
        }
        next != 0
    }

    /// The first such record that has this body.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn named(&self, mask: u32, wanted: u32, body: &[u8]) -> Option<u32> {
        let mut next = 0;
        while let Some(position) = self.find(next, mask, wanted) {
            if self.body(position) == body {
                return Some(position);
            }
            next = self.behind(position);
        }
        None
    }

    /// The record with this key.
    pub(super) fn with_key(&self, key: u32) -> Option<u32> {
        let mut next = 0;
        while let Some(position) = self.find(next, 0, 0) {
            if self.key(position) == key {
                return Some(position);
            }
            next = self.behind(position);
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    fn body_len(&self, position: u32) -> usize {
        if self.word(position) & BARE != 0 { 0 } else { self.number(position) as usize }
    }

    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn body(&self, position: u32) -> &[u8] {
        let (start, length) = (position as usize + HEADER, self.body_len(position));
        self.bytes.get(start..start + length).unwrap_or_default()
    }

    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn body_mut(&mut self, position: u32) -> &mut [u8] {
        let (start, length) = (position as usize + HEADER, self.body_len(position));
        self.bytes.get_mut(start..start + length).unwrap_or_default()
    }

    /// A record as it lies here: its header and its body.
    pub(super) fn record(&self, position: u32) -> (&[u8], &[u8]) {
        let header = self.bytes.get(position as usize..position as usize + HEADER);
        (header.unwrap_or_default(), self.body(position))
    }

    /// Lets go of a record's body.
    pub(super) fn strip(&mut self, position: u32) {
        self.mark(position, 0, BARE);
    }

    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn remove(&mut self, position: u32) {
        self.mark(position, 0, DEAD);
        // What is dead at the front is gone at once: the common case costs no copying.
        self.start = self.find(0, 0, 0).unwrap_or(self.end);
        if self.is_empty() {
            (self.start, self.end, self.cursor) = (0, 0, 0);
        }
        self.cursor = self.cursor.max(self.start);
    }

    /// Takes back the record last added.
    pub(super) fn truncate(&mut self, position: u32) {
        self.end = self.end.min(position);
        self.remove(self.end);
    }

    /// Adds a record with room for a body of `length` bytes. Every position is void then, but
    /// for the cursor, which is moved along.
    ///
    /// # Errors
    /// [`Error::Full`].
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn reserve(&mut self, word: u32, key: u32, time: u32, length: usize) -> Result<u32> {
        let needed = length.saturating_add(HEADER);
        if self.tail().len() < needed {
            self.compact();
            if self.tail().len() < needed {
                return Err(Error::Full);
            }
        }
        let position = self.end;
        self.set(position, length as u32);
        self.set_key(position, key);
        self.set_time(position, time);
        self.mark(position, u32::MAX, word);
        self.end = self.behind(position);
        Ok(position)
    }

    /// Adds a record that has a body.
    pub(super) fn add(&mut self, word: u32, key: u32, time: u32, body: &[u8]) -> Result<u32> {
        let position = self.reserve(word, key, time, body.len())?;
        bytes::copy(self.body_mut(position), body);
        Ok(position)
    }

    /// Adds a record that lies complete, header included, in the first `length` bytes of
    /// [`Log::tail`], in place of whatever key it had.
    pub(super) fn adopt(&mut self, length: usize, key: u32) -> u32 {
        let position = self.end;
        // One that is shorter than its header was never written by us.
        self.set(position, length.saturating_sub(HEADER) as u32);
        self.set(position.wrapping_add(KEY), key);
        self.end = self.behind(position).min(self.bytes.len() as u32);
        position
    }

    /// The room behind the last record.
    pub(super) fn tail(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.end as usize..).unwrap_or_default()
    }

    fn compact(&mut self) {
        let (mut from, mut to) = (core::mem::take(&mut self.start), 0);
        let mut cursor = None;
        while from < self.end {
            let next = self.behind(from);
            if from >= self.cursor && cursor.is_none() {
                cursor = Some(to);
            }
            if self.word(from) & DEAD == 0 {
                let length = self.body_len(from);
                self.set(from, length as u32);
                self.mark(from, BARE, 0);
                let end = from as usize + HEADER + length;
                let moved = self.bytes.get_mut(to as usize..end).unwrap_or_default();
                bytes::move_to_front(moved, (from - to) as usize);
                to = self.behind(to);
            }
            from = next;
        }
        self.end = to;
        self.cursor = cursor.unwrap_or(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The log against a list of vectors.
        #[test]
        fn behaves_like_a_list(steps in proptest::collection::vec((0u8..5, 0usize..40), 1..200)) {
            let mut block = [0; 300];
            let mut log = Log::new(&mut block);
            let mut list: Vec<(u32, Vec<u8>)> = Vec::new();
            // The key of the record under the cursor; `None` at the end.
            let mut cursor: Option<u32> = None;
            for (number, (step, size)) in steps.into_iter().enumerate() {
                let key = number as u32 + 1;
                let pick = |list: &Vec<(u32, Vec<u8>)>| match list.len() {
                    0 => None,
                    length => Some(size % length),
                };
                match step {
                    0 | 1 => {
                        let used: usize = list.iter().map(|(_, body)| HEADER + body.len()).sum();
                        match log.reserve(0, key, 0, size) {
                            Ok(position) => {
                                log.body_mut(position).fill(key as u8);
                                list.push((key, vec![key as u8; size]));
                                cursor = cursor.or(Some(key));
                            }
                            Err(_) => prop_assert!(used + HEADER + size > 300),
                        }
                    }
                    2 => if let Some(index) = pick(&list) {
                        let (key, _) = list.remove(index);
                        let position = log.with_key(key).unwrap();
                        log.remove(position);
                        if cursor == Some(key) {
                            cursor = list.get(index).map(|(key, _)| *key);
                        }
                    },
                    3 => if let Some(index) = pick(&list) {
                        let key = list[index].0;
                        list[index].1.clear();
                        let position = log.with_key(key).unwrap();
                        log.strip(position);
                    },
                    _ => if let Some(index) = pick(&list) {
                        let position = log.with_key(list[index].0).unwrap();
                        log.cursor = position;
                        cursor = Some(list[index].0);
                    },
                }
                let (mut got, mut next) = (Vec::new(), 0);
                while let Some(position) = log.find(next, 0, 0) {
                    next = log.behind(position);
                    got.push((log.key(position), log.body(position).to_vec()));
                }
                prop_assert_eq!(&got, &list);
                prop_assert_eq!(log.find(log.cursor, 0, 0).map(|position| log.key(position)), cursor);
            }
        }
    }
}
