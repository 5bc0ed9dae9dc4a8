// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records of any length, one behind the other in one block, in the order in which they came.
//!
//! The client keeps its outgoing messages in one log and its topic filters and aliases in
//! another. Records are removed anywhere; the gaps are closed when room is wanted at the end.
#![forbid(unsafe_code)]

use crate::bytes;
use crate::status::{Error, Result};

/// Bytes of a record beyond its body.
pub(super) const HEADER: usize = 16;

/// The record is gone; its room has not been reclaimed yet.
const DEAD: u8 = 0x80;
/// The body is wanted no more; its room has not been reclaimed yet.
const BARE: u8 = 0x40;

/// What is known of a record besides its body. The meaning is its owner's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) length: u32,
    pub(super) key: u32,
    pub(super) time: u32,
    pub(super) id: u16,
    /// The two highest bits are the log's own.
    pub(super) flags: u8,
    pub(super) kind: u8,
}

impl Meta {
    pub(super) fn to_bytes(self) -> [u8; HEADER] {
        let [l0, l1, l2, l3] = self.length.to_le_bytes();
        let [k0, k1, k2, k3] = self.key.to_le_bytes();
        let [t0, t1, t2, t3] = self.time.to_le_bytes();
        let [i0, i1] = self.id.to_le_bytes();
        [l0, l1, l2, l3, k0, k1, k2, k3, t0, t1, t2, t3, i0, i1, self.flags, self.kind]
    }

    pub(super) fn from_bytes(bytes: &[u8; HEADER]) -> Meta {
        let [l0, l1, l2, l3, k0, k1, k2, k3, t0, t1, t2, t3, i0, i1, flags, kind] = *bytes;
        Meta {
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            key: u32::from_le_bytes([k0, k1, k2, k3]),
            time: u32::from_le_bytes([t0, t1, t2, t3]),
            id: u16::from_le_bytes([i0, i1]),
            flags,
            kind,
        }
    }

    /// The kind of the record, without the marks in the upper half of `kind`.
    pub(super) const fn what(&self) -> u8 {
        self.kind & 0x0f
    }

    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// How many bytes the body has.
    pub(super) const fn body_len(&self) -> usize {
        if self.flags & BARE != 0 { 0 } else { self.length as usize }
    }
}

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

    /// The first record at or behind a position.
    pub(super) fn at(&self, mut position: u32) -> Option<(u32, Meta)> {
        position = position.max(self.start);
        while position < self.end {
            let meta = self.meta(position)?;
            if !meta.has(DEAD) {
                return Some((position, meta));
            }
            position = Log::behind(position, &meta);
        }
        None
    }

    /// The position behind a record.
    pub(super) const fn behind(position: u32, meta: &Meta) -> u32 {
        position.saturating_add(HEADER as u32).saturating_add(meta.length)
    }

    /// Every record from a position on.
    pub(super) fn from(&self, position: u32) -> Records<'_, 'm> {
        Records { log: self, position }
    }

    /// The first record that `wanted` accepts.
    pub(super) fn find(&self, wanted: &dyn Fn(&Meta) -> bool) -> Option<(u32, Meta)> {
        self.search(&|_, meta| wanted(meta))
    }

    /// The first record that `wanted` accepts by its position as well.
    pub(super) fn search(&self, wanted: &dyn Fn(u32, &Meta) -> bool) -> Option<(u32, Meta)> {
        let mut next = 0;
        while let Some((position, meta)) = self.at(next) {
            if wanted(position, &meta) {
                return Some((position, meta));
            }
            next = Log::behind(position, &meta);
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    fn meta(&self, position: u32) -> Option<Meta> {
        let header = self.bytes.get(position as usize..)?.first_chunk()?;
        Some(Meta::from_bytes(header))
    }

    /// Writes back what is known of the record; its length stays.
    pub(super) fn set(&mut self, position: u32, meta: &Meta) {
        if let Some(header) = self.bytes.get_mut(position as usize..) {
            bytes::copy(header, &meta.to_bytes());
        }
    }

    pub(super) fn body(&self, position: u32) -> &[u8] {
        let length = self.meta(position).map_or(0, |meta| meta.body_len());
        let start = position as usize + HEADER;
        self.bytes.get(start..start + length).unwrap_or_default()
    }

    pub(super) fn body_mut(&mut self, position: u32) -> &mut [u8] {
        let length = self.meta(position).map_or(0, |meta| meta.body_len());
        let start = position as usize + HEADER;
        self.bytes.get_mut(start..start + length).unwrap_or_default()
    }

    /// Lets go of a record's body.
    pub(super) fn strip(&mut self, position: u32, meta: &mut Meta) {
        meta.flags |= BARE;
        self.set(position, meta);
    }

    pub(super) fn remove(&mut self, position: u32) {
        if let Some(mut meta) = self.meta(position) {
            meta.flags |= DEAD;
            self.set(position, &meta);
        }
        // What is dead at the front is gone at once: the common case costs no copying.
        self.start = self.at(0).map_or(self.end, |(position, _)| position);
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
    pub(super) fn reserve(&mut self, meta: Meta, length: usize) -> Result<u32> {
        let room = self.room(length)?;
        let length = u32::try_from(length).map_err(|_| Error::Full)?;
        self.set(room, &Meta { length, ..meta });
        self.end = Log::behind(room, &Meta { length, ..meta });
        Ok(room)
    }

    /// Adds a record that lies complete, header included, in the first `length` bytes of
    /// [`Log::tail`].
    pub(super) fn adopt(&mut self, length: usize) -> Option<(u32, Meta)> {
        let position = self.end;
        let mut meta = self.meta(position)?;
        meta.length = u32::try_from(length.checked_sub(HEADER)?).ok()?;
        self.set(position, &meta);
        self.end = Log::behind(position, &meta);
        Some((position, meta))
    }

    /// The room behind the last record.
    pub(super) fn tail(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.end as usize..).unwrap_or_default()
    }

    fn room(&mut self, length: usize) -> Result<u32> {
        let needed = length.checked_add(HEADER).ok_or(Error::Full)?;
        for attempt in [false, true] {
            if attempt {
                self.compact();
            }
            if self.bytes.len().saturating_sub(self.end as usize) >= needed {
                return Ok(self.end);
            }
        }
        Err(Error::Full)
    }

    fn compact(&mut self) {
        let (mut from, mut to) = (self.start, 0);
        let mut cursor = None;
        while from < self.end {
            let Some(mut meta) = self.meta(from) else { break };
            let next = Log::behind(from, &meta);
            if from >= self.cursor && cursor.is_none() {
                cursor = Some(to);
            }
            if !meta.has(DEAD) {
                meta.length = meta.body_len() as u32;
                meta.flags &= !BARE;
                self.set(from, &meta);
                let size = HEADER + meta.length as usize;
                shift(self.bytes, from as usize, to as usize, size);
                to = Log::behind(to, &meta);
            }
            from = next;
        }
        (self.start, self.end) = (0, to);
        self.cursor = cursor.unwrap_or(to);
    }
}

/// Moves `length` bytes towards the front, in steps that do not overlap. Records are at least
/// [`HEADER`] bytes apart, so that there are few.
fn shift(bytes: &mut [u8], from: usize, to: usize, length: usize) {
    let Some(step) = from.checked_sub(to) else { return };
    let mut done = 0;
    while step != 0 && done < length {
        let count = step.min(length - done);
        if let Some((front, back)) = bytes.split_at_mut_checked(from + done) {
            let target = front.get_mut(to + done..).unwrap_or_default();
            bytes::copy(target, back.get(..count).unwrap_or_default());
        }
        done += count;
    }
}

/// Iterates over the live records.
#[derive(Debug)]
pub(super) struct Records<'l, 'm> {
    log: &'l Log<'m>,
    position: u32,
}

impl Iterator for Records<'_, '_> {
    type Item = (u32, Meta);

    fn next(&mut self) -> Option<(u32, Meta)> {
        let (position, meta) = self.log.at(self.position)?;
        self.position = Log::behind(position, &meta);
        Some((position, meta))
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
                        match log.reserve(Meta { key, ..Meta::default() }, size) {
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
                        let (position, _) = log.find(&|meta| meta.key == key).unwrap();
                        log.remove(position);
                        if cursor == Some(key) {
                            cursor = list.get(index).map(|(key, _)| *key);
                        }
                    },
                    3 => if let Some(index) = pick(&list) {
                        let key = list[index].0;
                        list[index].1.clear();
                        let (position, mut meta) = log.find(&|meta| meta.key == key).unwrap();
                        log.strip(position, &mut meta);
                    },
                    _ => if let Some(index) = pick(&list) {
                        let (position, _) = log.find(&|meta| meta.key == list[index].0).unwrap();
                        log.cursor = position;
                        cursor = Some(list[index].0);
                    },
                }
                let got: Vec<_> = log
                    .from(0)
                    .map(|(position, meta)| (meta.key, log.body(position).to_vec()))
                    .collect();
                prop_assert_eq!(&got, &list);
                prop_assert_eq!(log.at(log.cursor).map(|(_, meta)| meta.key), cursor);
            }
        }
    }
}
