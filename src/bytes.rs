// SPDX-License-Identifier: MIT OR Apache-2.0
//! Byte cursors: the one way in which wire formats are read and written.
//!
//! Neither cursor can panic, and neither reads or writes past its end.
#![forbid(unsafe_code)]

use crate::status::{Error, Result};

/// Reads network-order integers and byte runs from the front of a slice.
///
/// Running out of input is [`Error::Malformed`]: a peer promised more than it sent.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes, length: bytes.len() }
    }

    /// What has not been read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes have not been read yet.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes have been read.
    pub const fn position(&self) -> usize {
        self.length - self.rest.len()
    }

    /// The next byte, left in place.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(count).ok_or(Error::Malformed)?;
        self.rest = tail;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    #[inline(always)]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.chunk().copied().ok_or(Error::Malformed)
    }

    /// The one copy for a length of [`array`](Reader::array): it is everywhere, and takes more code than a call.
    /// An option of a reference is returned in a register, as a result of an array is not.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn chunk<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (head, tail) = self.rest.split_first_chunk::<N>()?;
        self.rest = tail;
        Some(head)
    }

    /// All that is left.
    pub fn take_rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    /// One byte.
    #[inline(always)]
    pub fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A big-endian 16-bit integer.
    #[inline(always)]
    pub fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// A big-endian 32-bit integer.
    #[inline(always)]
    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A big-endian 64-bit integer.
    #[inline(always)]
    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }
}

/// Writes network-order integers and byte runs into a slice.
///
/// Running out of room is [`Error::TooLarge`] and leaves what was written before in place.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    position: usize,
}

impl<'a> Writer<'a> {
    /// A cursor at the start of `buffer`.
    pub const fn new(buffer: &'a mut [u8]) -> Writer<'a> {
        Writer { buffer, position: 0 }
    }

    /// How many bytes have been written.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// How many bytes still fit.
    pub const fn remaining(&self) -> usize {
        self.buffer.len() - self.position
    }

    /// What has been written so far.
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.position).unwrap_or_default()
    }

    /// What has been written so far, to be patched in place.
    pub fn written_mut(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.position).unwrap_or_default()
    }

    /// Ends the writing and hands out what was written.
    pub fn finish(self) -> &'a mut [u8] {
        self.buffer.get_mut(..self.position).unwrap_or_default()
    }

    /// Forgets everything written after `position`; a later position is ignored.
    pub fn truncate(&mut self, position: usize) {
        self.position = self.position.min(position);
    }

    /// Sets aside `count` zeroed bytes and lends them for filling in.
    #[inline(always)]
    pub fn reserve(&mut self, count: usize) -> Result<&mut [u8]> {
        self.reserved(count).ok_or(Error::TooLarge)
    }

    /// The same for a number of bytes that is known beforehand.
    #[inline(always)]
    pub fn reserve_chunk<const N: usize>(&mut self) -> Result<&mut [u8; N]> {
        self.reserve(N)?.first_chunk_mut().ok_or(Error::TooLarge)
    }

    /// The one copy of [`reserve`](Writer::reserve). An option of a slice is returned in registers, as a result of
    /// one is not.
    #[inline(never)]
    fn reserved(&mut self, count: usize) -> Option<&mut [u8]> {
        let end = self.position.checked_add(count)?;
        let room = self.buffer.get_mut(self.position..end)?;
        room.fill(0);
        self.position = end;
        Some(room)
    }

    /// The room that is left, for those who know only afterwards how much of it they take; then
    /// [`advance`](Writer::advance).
    pub fn room(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.position..).unwrap_or_default()
    }

    /// Counts `count` bytes of [`room`](Writer::room) as written.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more than there are; nothing is counted then.
    pub const fn advance(&mut self, count: usize) -> Result<()> {
        if count > self.remaining() {
            return Err(Error::TooLarge);
        }
        self.position += count;
        Ok(())
    }

    /// Appends `bytes`.
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let end = self.position.checked_add(bytes.len()).ok_or(Error::TooLarge)?;
        let room = self.buffer.get_mut(self.position..end).ok_or(Error::TooLarge)?;
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.position = end;
        Ok(())
    }

    /// Appends the first `count` bytes, at most eight, of a big-endian word. Bytes behind them, as far
    /// as there is room, may have changed afterwards.
    pub fn top(&mut self, word: u64, count: u32) -> Result<()> {
        let end = self.position + count as usize;
        let bytes = word.to_be_bytes();
        match self.buffer.get_mut(self.position..).and_then(|room| room.first_chunk_mut::<8>()) {
            Some(room) => *room = bytes,
            None => return self.put(bytes.get(..count as usize).unwrap_or_default()),
        }
        self.position = end;
        Ok(())
    }

    /// Appends one byte.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn u8(&mut self, value: u8) -> Result<()> {
        self.put(&[value])
    }

    /// Appends a big-endian 16-bit integer.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn u16(&mut self, value: u16) -> Result<()> {
        self.put(&value.to_be_bytes())
    }

    /// Appends a big-endian 32-bit integer.
    pub fn u32(&mut self, value: u32) -> Result<()> {
        self.put(&value.to_be_bytes())
    }

    /// Appends a big-endian 64-bit integer.
    pub fn u64(&mut self, value: u64) -> Result<()> {
        self.put(&value.to_be_bytes())
    }
}

/// Bytes that stand in two places, those of `head` before those of `tail`: headers that were made, and
/// what they are put in front of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts<'a> {
    /// What comes first. It is empty only when `tail` is.
    pub head: &'a [u8],
    /// What comes behind it.
    pub tail: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Bytes that stand in one place.
    pub const fn whole(bytes: &'a [u8]) -> Parts<'a> {
        Parts { head: bytes, tail: &[] }
    }

    /// How many bytes there are.
    pub const fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Leaves out the first `count` bytes.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn skip(&mut self, count: usize) {
        match self.head.get(count..) {
            Some(head) if !head.is_empty() => self.head = head,
            _ => {
                let count = count.saturating_sub(self.head.len());
                *self = Parts::whole(self.tail.get(count..).unwrap_or_default());
            }
        }
    }

    /// Copies as much as fits to the front of `to` and says how many bytes that was.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn copy(&self, to: &mut [u8]) -> usize {
        let count = copy(to, self.head);
        count + copy(to.get_mut(count..).unwrap_or_default(), self.tail)
    }
}

/// Copies as much of `from` as fits to the front of `to` and says how many bytes that was.
pub fn copy(to: &mut [u8], from: &[u8]) -> usize {
    let count = to.len().min(from.len());
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    count
}

/// The bytes from one position up to another; none where there are not so many.
#[cfg_attr(target_os = "none", inline(never))]
pub fn part(bytes: &[u8], from: usize, to: usize) -> &[u8] {
    bytes.get(from..to).unwrap_or_default()
}

/// The same, to be written.
#[cfg_attr(target_os = "none", inline(never))]
pub fn part_mut(bytes: &mut [u8], from: usize, to: usize) -> &mut [u8] {
    bytes.get_mut(from..to).unwrap_or_default()
}

/// Moves what starts at `from` to the front; what was behind it stays as it was. Unlike
/// `copy_within` this can never panic, which on a microcontroller is seen by the linker.
pub fn move_to_front(bytes: &mut [u8], from: usize) {
    #[cfg(not(target_os = "none"))]
    if from < bytes.len() {
        return bytes.copy_within(from.., 0);
    }
    let cells = core::cell::Cell::from_mut(bytes).as_slice_of_cells();
    for (to, from) in cells.iter().zip(cells.iter().skip(from)) {
        to.set(from.get());
    }
}

/// Moves what is at the front `count` bytes back, over as many at the end; what it leaves stays as it was.
pub fn move_back(bytes: &mut [u8], count: usize) {
    #[cfg(not(target_os = "none"))]
    if let Some(length) = bytes.len().checked_sub(count) {
        return bytes.copy_within(..length, count);
    }
    let cells = core::cell::Cell::from_mut(bytes).as_slice_of_cells();
    for (to, from) in cells.iter().rev().zip(cells.iter().rev().skip(count)) {
        to.set(from.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_written() {
        let mut buffer = [0; 18];
        let mut writer = Writer::new(&mut buffer);
        writer.u8(1).unwrap();
        writer.u16(0x0203).unwrap();
        writer.u32(0x0405_0607).unwrap();
        writer.u64(0x0809_0a0b_0c0d_0e0f).unwrap();
        writer.top(0x1011_dead_dead_dead, 2).unwrap();
        assert_eq!(writer.top(0x1112_1300_0000_0000, 3), Err(Error::TooLarge));
        assert_eq!(writer.remaining(), 1);
        assert_eq!(writer.put(&[1, 2]), Err(Error::TooLarge));
        assert_eq!(writer.position(), 17);
        let expected: Vec<u8> = (1..=17).collect();
        assert_eq!(writer.written(), &expected[..]);

        let mut reader = Reader::new(&expected);
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.u16(), Ok(0x0203));
        assert_eq!(reader.u32(), Ok(0x0405_0607));
        assert_eq!(reader.u64(), Ok(0x0809_0a0b_0c0d_0e0f));
        assert_eq!(reader.position(), 15);
        assert_eq!(reader.u32(), Err(Error::Malformed));
        assert_eq!(reader.take_rest(), &[16, 17]);
        assert!(reader.is_empty());
    }

    #[test]
    fn reserve_patch_and_truncate() {
        let mut buffer = [0xff; 6];
        let mut writer = Writer::new(&mut buffer);
        writer.reserve(2).unwrap()[1] = 7;
        writer.u8(9).unwrap();
        writer.written_mut()[0] = 3;
        assert_eq!(writer.written(), &[3, 7, 9]);
        writer.truncate(9);
        writer.truncate(1);
        assert_eq!(writer.finish(), &[3]);
        assert!(Writer::new(&mut [0; 2]).reserve(usize::MAX).is_err());
    }

    #[test]
    fn parts_are_as_good_as_what_they_make_up() {
        let whole = [1, 2, 3, 4, 5];
        for cut in 0..=5 {
            let parts = Parts { head: &whole[..cut], tail: &whole[cut..] };
            assert_eq!(parts.len(), 5);
            for count in 0..7 {
                let mut rest = parts;
                rest.skip(count);
                let mut room = [0; 5];
                let expected = &whole[count.min(5)..];
                assert_eq!(rest.copy(&mut room), expected.len());
                assert_eq!(&room[..expected.len()], expected);
                assert_eq!(rest.is_empty(), expected.is_empty());
                assert!(!rest.head.is_empty() || rest.tail.is_empty() || count == 0);
                assert_eq!(rest.copy(&mut room[..1]), expected.len().min(1));
            }
        }
    }

    #[test]
    fn what_is_moved_to_the_front_overlaps() {
        let mut bytes = [1, 2, 3, 4, 5];
        move_to_front(&mut bytes, 2);
        assert_eq!(bytes, [3, 4, 5, 4, 5]);
        move_to_front(&mut bytes, 9);
        assert_eq!(bytes, [3, 4, 5, 4, 5]);
    }
}
