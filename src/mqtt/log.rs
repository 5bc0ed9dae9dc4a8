// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records of any length, one behind the other in one block, in the order in which they came.
//!
//! The client keeps its outgoing messages in one log and its topic filters and aliases in
//! another. Records are removed anywhere, and what is behind them moves up at once; only at the front, where most
//! are removed, a gap is left until room is wanted at the end.
//!
//! What is known of a record besides its body stays where it lies and is read and written in
//! place: copying it about would take more code than all that is done with it.
#![forbid(unsafe_code)]

use core::num::NonZeroU32;

use super::wire::V5;
use crate::bytes;
use crate::status::{Error, Result};

/// Bytes of a record beyond its body: its length, its key, its time, and its word, which
/// holds an identifier in the lower half, flags above and its kind in the highest byte. But for
/// the length, their meaning is the owner's.
pub(super) const HEADER: usize = 16;

// Where the numbers of a record stand, before its body.
const LENGTH: u32 = 16;
const KEY: u32 = 12;
const TIME: u32 = 8;
const WORD: u32 = 4;

/// Where the body of the first record begins.
const FRONT: u32 = HEADER as u32;

/// Names a record until the next [`Log::make_room`], or until one before it is removed or stripped: where its body
/// begins. That is never 0, for its header comes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At(NonZeroU32);

impl At {
    fn new(position: u32) -> At {
        At(NonZeroU32::new(position).unwrap_or(NonZeroU32::MIN))
    }

    /// As a number, to be compared with the cursor.
    pub(super) const fn get(self) -> u32 {
        self.0.get()
    }
}

/// The log.
#[derive(Debug)]
pub(super) struct Log<'m> {
    bytes: &'m mut [u8],
    // These three lie where the body of a record begins or would begin.
    start: u32,
    end: u32,
    /// Follows its record when that moves: the owner's place in the log.
    pub(super) cursor: u32,
}

impl<'m> Log<'m> {
    pub(super) const fn new(bytes: &'m mut [u8]) -> Log<'m> {
        Log { bytes, start: FRONT, end: FRONT, cursor: 0 }
    }

    /// One of the four numbers of a record; 0 where there is none.
    // That nothing lies behind the end is known; to say so keeps the compiler from passing the two parts of `bytes` in
    // place of `self`, which takes more code at every call.
    #[cfg_attr(target_os = "none", inline(never))]
    fn number(&self, at: u32) -> u32 {
        let bytes = self.bytes.get(at.min(self.end) as usize..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    #[cfg_attr(target_os = "none", inline(never))]
    fn set(&mut self, at: u32, number: u32) {
        if let Some(place) =
            self.bytes.get_mut(at.min(self.end) as usize..).and_then(|rest| rest.first_chunk_mut())
        {
            *place = number.to_le_bytes();
        }
    }

    /// The length of the body as it lies here.
    fn length(&self, at: At) -> u32 {
        self.number(at.get().wrapping_sub(LENGTH))
    }

    fn set_length(&mut self, at: At, length: usize) {
        self.set(at.get().wrapping_sub(LENGTH), length as u32);
    }

    pub(super) fn key(&self, at: At) -> u32 {
        self.number(at.get().wrapping_sub(KEY))
    }

    pub(super) fn set_key(&mut self, at: At, key: u32) {
        self.set(at.get().wrapping_sub(KEY), key);
    }

    pub(super) fn time(&self, at: At) -> u32 {
        self.number(at.get().wrapping_sub(TIME))
    }

    pub(super) fn set_time(&mut self, at: At, time: u32) {
        self.set(at.get().wrapping_sub(TIME), time);
    }

    pub(super) fn word(&self, at: At) -> u32 {
        self.number(at.get().wrapping_sub(WORD))
    }

    /// Changes the word: first some bits go, then some come.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn mark(&mut self, at: At, clear: u32, set: u32) {
        let word = self.word(at) & !clear | set;
        self.set(at.get().wrapping_sub(WORD), word);
    }

    /// How many bytes a record takes.
    pub(super) fn size(&self, at: At) -> usize {
        HEADER.wrapping_add(self.length(at) as usize)
    }

    /// The position behind a record.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn behind(&self, at: At) -> u32 {
        at.get().wrapping_add(self.length(at)).wrapping_add(FRONT)
    }

    /// The first record at or behind a position whose word is `wanted` in the bits of `mask`.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn find(&self, from: u32, mask: u32, wanted: u32) -> Option<At> {
        let mut position = from.max(self.start);
        while position < self.end {
            let at = At::new(position);
            if self.word(at) & mask == wanted {
                return Some(at);
            }
            position = self.behind(at);
        }
        None
    }

    /// The record under the cursor.
    pub(super) fn under_cursor(&self) -> Option<At> {
        self.find(self.cursor, 0, 0)
    }

    /// Puts the cursor in front of all records.
    pub(super) const fn rewind(&mut self) {
        self.cursor = 0;
    }

    /// The first such record of all.
    pub(super) fn first(&self, mask: u32, wanted: u32) -> Option<At> {
        self.next(None, mask, wanted)
    }

    /// The next such record behind the one `last` found; the first if none was.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn next(&self, last: Option<At>, mask: u32, wanted: u32) -> Option<At> {
        self.find(last.map_or(0, |at| self.behind(at)), mask, wanted)
    }

    /// Changes the word of every such record.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn mark_all(&mut self, mask: u32, wanted: u32, clear: u32, set: u32) {
        let mut last = None;
        while let Some(at) = self.next(last, mask, wanted) {
            last = Some(at);
            self.mark(at, clear, set);
        }
    }

    /// The first such record that has this name.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn named(&self, mask: u32, wanted: u32, name: &[u8]) -> Option<At> {
        let mut found = self.first(mask, wanted);
        while let Some(at) = found
            && self.name(at) != name
        {
            found = self.next(found, mask, wanted);
        }
        found
    }

    /// The first such record that has this key.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn with_key(&self, mask: u32, wanted: u32, key: u32) -> Option<At> {
        let mut found = self.first(mask, wanted);
        while let Some(at) = found
            && self.key(at) != key
        {
            found = self.next(found, mask, wanted);
        }
        found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    fn end_of(&self, at: At) -> usize {
        at.get().wrapping_add(self.length(at)) as usize
    }

    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn body(&self, at: At) -> &[u8] {
        bytes::part(self.bytes, at.get() as usize, self.end_of(at))
    }

    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn body_mut(&mut self, at: At) -> &mut [u8] {
        let end = self.end_of(at);
        bytes::part_mut(self.bytes, at.get() as usize, end)
    }

    /// The body up to U+0000, which no name has in it: what stands behind that belongs to the name.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn name(&self, at: At) -> &[u8] {
        if !V5 {
            return self.body(at);
        }
        self.body(at).split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// A record as it lies here: its header and its body.
    pub(super) fn record(&self, at: At) -> (&[u8], &[u8]) {
        let end = at.get() as usize;
        (bytes::part(self.bytes, end.wrapping_sub(HEADER), end), self.body(at))
    }

    /// Lets go of a record's body.
    pub(super) fn strip(&mut self, at: At) {
        let length = self.length(at);
        self.set_length(at, 0);
        self.cut(at.get(), length);
    }

    /// Gives a record a body of another length, which is yet to be written, and for which room was made. Not for a log
    /// whose cursor is in use.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn resize(&mut self, at: At, length: usize) {
        self.strip(at);
        self.end = self.end.wrapping_add(length as u32);
        let end = self.end.wrapping_sub(FRONT) as usize;
        bytes::move_back(bytes::part_mut(self.bytes, at.get() as usize, end), length);
        self.set_length(at, length);
    }

    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn remove(&mut self, at: At) {
        let behind = self.behind(at);
        if at.get() > self.start {
            self.cut(at.get() - FRONT, behind - at.get());
            return;
        }
        // The common case costs no copying.
        self.start = behind;
        if self.is_empty() {
            (self.start, self.end, self.cursor) = (FRONT, FRONT, FRONT);
        }
        self.cursor = self.cursor.max(self.start);
    }

    /// Removes every such record.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn remove_all(&mut self, mask: u32, wanted: u32) {
        while let Some(at) = self.first(mask, wanted) {
            self.remove(at);
        }
    }

    /// Moves what lies behind `count` bytes from `place` on up to there.
    #[cfg_attr(target_os = "none", inline(never))]
    fn cut(&mut self, place: u32, count: u32) {
        let end = self.end.wrapping_sub(FRONT) as usize;
        bytes::move_to_front(bytes::part_mut(self.bytes, place as usize, end), count as usize);
        self.end = self.end.wrapping_sub(count);
        if self.cursor > place.wrapping_add(FRONT) {
            self.cursor -= count;
        }
    }

    /// The room for the body of a further record.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let length = self.bytes.len();
        bytes::part_mut(self.bytes, self.end as usize, length)
    }

    /// The same with the room for its header in front.
    pub(super) fn tail(&mut self) -> &mut [u8] {
        let length = self.bytes.len();
        bytes::part_mut(self.bytes, self.end.wrapping_sub(FRONT) as usize, length)
    }

    /// Makes room for `count` bytes, headers included. Every position is void then, but for the cursor, which is moved
    /// along.
    ///
    /// # Errors
    /// [`Error::Full`].
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn make_room(&mut self, count: usize) -> Result<()> {
        if !self.has_room(count) {
            let gap = self.start - FRONT;
            self.start = FRONT;
            self.cut(0, gap);
        }
        if self.has_room(count) { Ok(()) } else { Err(Error::Full) }
    }

    fn has_room(&self, count: usize) -> bool {
        (self.end.wrapping_sub(FRONT) as usize).saturating_add(count) <= self.bytes.len()
    }

    /// Adds a record for whose body of `length` bytes room was made; it may lie there already.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn push(&mut self, word: u32, key: u32, time: u32, length: usize) -> At {
        let at = At::new(self.end);
        self.set_length(at, length);
        self.set_key(at, key);
        self.set_time(at, time);
        self.mark(at, u32::MAX, word);
        self.end = self.behind(at);
        at
    }

    /// Adds a record that has a body.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub(super) fn add(&mut self, word: u32, key: u32, time: u32, body: &[u8]) -> Result<At> {
        self.make_room(HEADER.saturating_add(body.len()))?;
        bytes::copy(self.room(), body);
        Ok(self.push(word, key, time, body.len()))
    }

    /// Adds a record that lies complete, header included, in the first `length` bytes of
    /// [`Log::tail`], in place of whatever key it had.
    pub(super) fn adopt(&mut self, length: usize, key: u32) -> At {
        let at = At::new(self.end);
        // One that is shorter than its header was never written by us.
        self.set_length(at, length.saturating_sub(HEADER));
        self.set_key(at, key);
        self.end = self.behind(at).min((self.bytes.len() + HEADER) as u32);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_record_of_another_length_stays_in_its_place() {
        for (place, length) in [(0usize, 20), (2, 9), (3, 14), (1, 2), (2, 0), (0, 3)] {
            let mut room = [0; 16 * 4 + 3 + 4 + 5 + 6 + 17];
            let mut log = Log::new(&mut room);
            let mut wanted: Vec<_> = (0..4).map(|key| (key, vec![key as u8; key as usize + 3])).collect();
            for (key, body) in &wanted {
                log.add(0, *key, 0, body).unwrap();
            }
            let at = log.with_key(0, 0, place as u32).unwrap();
            assert_eq!(log.make_room(18), Err(Error::Full));
            log.make_room(17).unwrap();
            log.resize(at, length);
            log.body_mut(at).fill(9);
            wanted[place].1 = vec![9; length];
            let (mut got, mut at) = (Vec::new(), None);
            while let Some(next) = log.next(at, 0, 0) {
                at = Some(next);
                got.push((log.key(next), log.body(next).to_vec()));
            }
            assert_eq!(got, wanted);
        }
    }

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
                        match log.add(0, key, 0, &vec![key as u8; size]) {
                            Ok(_) => {
                                list.push((key, vec![key as u8; size]));
                                cursor = cursor.or(Some(key));
                            }
                            Err(_) => prop_assert!(used + HEADER + size > 300),
                        }
                    }
                    2 => if let Some(index) = pick(&list) {
                        let (key, _) = list.remove(index);
                        let position = log.with_key(0, 0, key).unwrap();
                        log.remove(position);
                        if cursor == Some(key) {
                            cursor = list.get(index).map(|(key, _)| *key);
                        }
                    },
                    3 => if let Some(index) = pick(&list) {
                        let key = list[index].0;
                        list[index].1.clear();
                        let position = log.with_key(0, 0, key).unwrap();
                        log.strip(position);
                    },
                    _ => if let Some(index) = pick(&list) {
                        let position = log.with_key(0, 0, list[index].0).unwrap();
                        log.cursor = position.get();
                        cursor = Some(list[index].0);
                    },
                }
                let (mut got, mut last) = (Vec::new(), None);
                while let Some(position) = log.next(last, 0, 0) {
                    last = Some(position);
                    got.push((log.key(position), log.body(position).to_vec()));
                }
                prop_assert_eq!(&got, &list);
                prop_assert_eq!(log.find(log.cursor, 0, 0).map(|position| log.key(position)), cursor);
            }
        }
    }
}
