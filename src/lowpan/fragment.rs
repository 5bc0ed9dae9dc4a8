// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fragments: their headers, and packets put together again (RFC 4944 §5.3).
#![forbid(unsafe_code)]

use super::iphc::IPV6_HEADER;
use super::packet::MissingChecksum;
use crate::bytes::{Parts, Reader, Writer, copy, part_mut};
use crate::ieee802154::LinkAddress;
use crate::ieee802154::pool::{BLOCK, BlockId, Pool};
use crate::status::{Error, Result};
use crate::time::{Instant, Stamp};

/// How many bytes the header of a first fragment takes.
pub const FIRST_HEADER: usize = 4;
/// How many bytes the header of a later fragment takes.
pub const NEXT_HEADER: usize = 5;

/// How many blocks a packet may take.
pub(super) const BLOCKS: usize = 12;
/// The largest packet in fragments: more than the MTU of 1280, for what a source route adds on
/// the way.
pub const MAX_DATAGRAM: usize = BLOCKS * BLOCK;

/// The header of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentHeader {
    /// The size of the whole IPv6 packet before compression, below 2048.
    pub size: u16,
    /// Which packet of the sender's it is.
    pub tag: u16,
    /// Where the fragment begins in the packet before compression, in bytes and a multiple of
    /// 8; `None` for the first, which carries no offset.
    pub offset: Option<u16>,
}

impl FragmentHeader {
    /// Whether that is the first byte of a fragment.
    pub const fn is_dispatch(byte: u8) -> bool {
        matches!(byte >> 3, 0b11000 | 0b11100)
    }

    /// Reads the header.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is cut short or is none.
    pub fn parse(reader: &mut Reader<'_>) -> Result<FragmentHeader> {
        let first = reader.u16()?;
        let (size, tag) = (first & 0x7ff, reader.u16()?);
        let offset = match first >> 11 {
            0b11000 => None,
            0b11100 => Some(u16::from(reader.u8()?) * 8),
            _ => return Err(Error::Malformed),
        };
        Ok(FragmentHeader { size, tag, offset })
    }

    /// How many bytes the header takes.
    pub const fn encoded_len(&self) -> usize {
        if self.offset.is_some() { NEXT_HEADER } else { FIRST_HEADER }
    }

    /// Writes the header.
    ///
    /// # Errors
    /// [`Error::TooLarge`] without room; [`Error::Invalid`] for a size or an offset that it cannot
    /// express.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let offset = self.offset.unwrap_or(0);
        if self.size > 0x7ff || !offset.is_multiple_of(8) || offset > 255 * 8 {
            return Err(Error::Invalid);
        }
        out.put(self.bytes().get(..self.encoded_len()).unwrap_or_default())
    }

    /// The bytes of the header, the last of which is one of a later fragment's alone.
    pub(super) const fn bytes(&self) -> [u8; NEXT_HEADER] {
        let (kind, offset) = match self.offset {
            None => (0b11000, 0),
            Some(offset) => (0b11100, offset),
        };
        let [size, low_size] = (kind << 11 | self.size).to_be_bytes();
        let [tag, low_tag] = self.tag.to_be_bytes();
        [size, low_size, tag, low_tag, (offset / 8) as u8]
    }
}

/// A packet's bytes in blocks, each taken when something first goes there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Blocks(pub(super) [Option<BlockId>; BLOCKS]);

impl Blocks {
    /// Puts `bytes` at `at`, and says whether there were blocks enough, of which `reserve` remain free; what it could
    /// put stands there in any case.
    pub(super) fn put(
        &mut self,
        pool: &mut Pool<'_>,
        reserve: usize,
        mut at: usize,
        mut bytes: Parts<'_>,
    ) -> bool {
        while !bytes.is_empty() {
            let Some(slot) = self.0.get_mut(at / BLOCK) else { return false };
            let Some(block) = slot.or_else(|| pool.take(reserve)) else { return false };
            *slot = Some(block);
            let copied = bytes.copy(part_mut(pool.get_mut(block), at % BLOCK, BLOCK));
            at += copied;
            bytes.skip(copied);
        }
        true
    }

    /// Gives all blocks back.
    pub(super) fn release(&mut self, pool: &mut Pool<'_>) {
        for block in self.0.iter_mut().filter_map(Option::take) {
            pool.give(block);
        }
    }
}

/// Which units of 8 bytes of a packet have some property.
type Units = [u32; BLOCKS * BLOCK / 8 / 32];

/// Whether that unit has it.
#[cfg_attr(not(feature = "std"), inline(never))]
fn has(units: &Units, at: usize) -> bool {
    units.get(at / 32).is_some_and(|word| word >> (at % 32) & 1 == 1)
}

fn mark(units: &mut Units, at: usize) {
    if let Some(word) = units.get_mut(at / 32) {
        *word |= 1 << (at % 32);
    }
}

/// What says which packet a fragment belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) source: LinkAddress,
    pub(super) destination: LinkAddress,
    pub(super) size: u16,
    pub(super) tag: u16,
}

/// A packet of which some fragments have come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reassembly {
    key: Key,
    expires: Stamp,
    /// When something came last.
    progress: Stamp,
    blocks: Blocks,
    received: Units,
    starts: Units,
    missing_checksum: Option<MissingChecksum>,
    used: bool,
}

impl Reassembly {
    /// How a fragment of these units relates to what is there already.
    fn relation(&self, first: usize, end: usize) -> Relation {
        let mut none = true;
        // One fragment, which begins there, and does not go on beyond.
        let mut single = has(&self.received, end) == has(&self.starts, end);
        for at in first..end {
            let there = has(&self.received, at);
            none &= !there;
            single &= there && has(&self.starts, at) == (at == first);
        }
        match (none, single) {
            (true, _) => Relation::New,
            (_, true) => Relation::Same,
            _ => Relation::Conflict,
        }
    }

    fn is_complete(&self) -> bool {
        (0..usize::from(self.key.size).div_ceil(8)).all(|at| has(&self.received, at))
    }

    fn release(&mut self, pool: &mut Pool<'_>) {
        self.blocks.release(pool);
        *self = Reassembly::default();
    }
}

enum Relation {
    New,
    Same,
    Conflict,
}

/// What has been counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentStats {
    /// Fragments received.
    pub received: u32,
    /// Packets put together.
    pub complete: u32,
    /// Packets given up as they did not complete in time.
    pub timed_out: u32,
    /// Packets given up for others, as places or memory were short.
    pub evicted: u32,
    /// Packets given up as fragments overlapped that differ.
    pub overlapped: u32,
    /// Fragments dropped as malformed, or of packets too large or shorter than a header.
    pub malformed: u32,
    /// Fragments dropped as no place or memory could be found.
    pub no_memory: u32,
}

/// The packets that are being put together.
#[derive(Debug)]
pub(super) struct Reassemblies<'m> {
    entries: &'m mut [Reassembly],
    pub(super) stats: FragmentStats,
    /// For how long fragments are kept, in milliseconds.
    timeout: u32,
    /// How many blocks are left to frames.
    reserve: usize,
}

impl<'m> Reassemblies<'m> {
    pub(super) fn new(entries: &'m mut [Reassembly], timeout: u32, reserve: usize) -> Reassemblies<'m> {
        Reassemblies { entries, stats: FragmentStats::default(), timeout, reserve }
    }

    pub(super) fn next_deadline(&self) -> Instant {
        let mut deadline = Instant::NEVER;
        for entry in self.entries.iter().filter(|entry| entry.used) {
            deadline.hasten(entry.expires.get());
        }
        deadline
    }

    /// Gives up what has not completed in time.
    pub(super) fn expire(&mut self, now: Instant, pool: &mut Pool<'_>) {
        for entry in self.entries.iter_mut().filter(|entry| entry.used && entry.expires.get().is_due(now)) {
            entry.release(pool);
            self.stats.timed_out = self.stats.timed_out.wrapping_add(1);
        }
    }

    /// Gives up everything, as on disassociation.
    pub(super) fn clear(&mut self, pool: &mut Pool<'_>) {
        for entry in self.entries.iter_mut() {
            entry.release(pool);
        }
    }

    /// Takes the part of a packet that begins at `offset`, uncompressed. The place of the
    /// packet when it is complete now.
    pub(super) fn add(
        &mut self,
        now: Instant,
        pool: &mut Pool<'_>,
        key: Key,
        offset: usize,
        data: &[u8],
        missing_checksum: Option<MissingChecksum>,
    ) -> Option<usize> {
        let size = usize::from(key.size);
        let end = offset + data.len();
        let in_units = (data.len().is_multiple_of(8) || end == size) && offset.is_multiple_of(8);
        if size < IPV6_HEADER || data.is_empty() || end > size || size > MAX_DATAGRAM || !in_units {
            self.stats.malformed = self.stats.malformed.wrapping_add(1);
            return None;
        }
        self.stats.received = self.stats.received.wrapping_add(1);
        let (first_unit, end_unit) = (offset / 8, end.div_ceil(8));
        let mut place = self.entries.iter().position(|entry| entry.used && entry.key == key);
        if let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) {
            match entry.relation(first_unit, end_unit) {
                Relation::New => {}
                Relation::Same => return None,
                Relation::Conflict => {
                    entry.release(pool);
                    self.stats.overlapped = self.stats.overlapped.wrapping_add(1);
                    place = None;
                }
            }
        }
        let place = match place {
            Some(place) => place,
            None => {
                let Some(place) = self.new_place(offset, pool) else {
                    self.stats.no_memory = self.stats.no_memory.wrapping_add(1);
                    return None;
                };
                let expires = now.after(u64::from(self.timeout));
                if let Some(entry) = self.entries.get_mut(place) {
                    // One that is not in use is as it was made.
                    (entry.key, entry.used) = (key, true);
                    entry.expires.set(expires);
                }
                place
            }
        };
        if !self.store(place, pool, offset, data) {
            self.stats.no_memory = self.stats.no_memory.wrapping_add(1);
            self.evict(place, pool);
            return None;
        }
        let entry = self.entries.get_mut(place)?;
        entry.progress.set(now);
        entry.missing_checksum = entry.missing_checksum.or(missing_checksum);
        mark(&mut entry.starts, first_unit);
        for unit in first_unit..end_unit {
            mark(&mut entry.received, unit);
        }
        entry.is_complete().then_some(place)
    }

    /// The packet that has stalled longest, other than that at `except`.
    fn stalest(&self, except: Option<usize>) -> Option<usize> {
        let (mut found, mut oldest) = (None, Instant::NEVER);
        for (place, entry) in self.entries.iter().enumerate() {
            let progress = entry.progress.get();
            if entry.used && Some(place) != except && progress < oldest {
                (found, oldest) = (Some(place), progress);
            }
        }
        found
    }

    fn evict(&mut self, place: usize, pool: &mut Pool<'_>) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.release(pool);
            self.stats.evicted = self.stats.evicted.wrapping_add(1);
        }
    }

    /// A place for a packet of which the part at `offset` has come. The start of one may take that of another; what
    /// comes without its start was most likely given up before, and would take places in vain.
    fn new_place(&mut self, offset: usize, pool: &mut Pool<'_>) -> Option<usize> {
        let free = self.entries.iter().position(|entry| !entry.used);
        if free.is_some() || offset > 0 {
            return free;
        }
        let stalest = self.stalest(None)?;
        self.evict(stalest, pool);
        Some(stalest)
    }

    /// Copies `data` into the packet's blocks; takes blocks, if need be and its start is there from others.
    fn store(&mut self, place: usize, pool: &mut Pool<'_>, offset: usize, data: &[u8]) -> bool {
        // Each round gives up one packet, so there are as many rounds as entries.
        while let Some(entry) = self.entries.get_mut(place) {
            if entry.blocks.put(pool, self.reserve, offset, Parts::whole(data)) {
                return true;
            }
            if offset > 0 && !has(&entry.received, 0) {
                break;
            }
            let Some(other) = self.stalest(Some(place)) else { break };
            self.evict(other, pool);
        }
        false
    }

    /// Takes a complete packet out into `out` and says how long it is.
    pub(super) fn take(&mut self, place: usize, pool: &mut Pool<'_>, out: &mut [u8]) -> Result<usize> {
        let entry = self.entries.get_mut(place).ok_or(Error::NotFound)?;
        let size = usize::from(entry.key.size);
        let missing_checksum = entry.missing_checksum;
        let mut result = Err(Error::TooLarge);
        if let Some(out) = out.get_mut(..size) {
            for (to, block) in out.chunks_mut(BLOCK).zip(&entry.blocks.0) {
                copy(to, block.map_or(&[][..], |block| pool.get(block)));
            }
            if let Some(missing) = missing_checksum {
                missing.fill(out);
            }
            result = Ok(size);
        }
        entry.release(pool);
        self.stats.complete = self.stats.complete.wrapping_add(1);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ieee802154::pool::Block;
    use crate::random::{Random, Sequence};
    use proptest::prelude::*;

    const A: LinkAddress = LinkAddress::Short(1);

    fn key(source: u16, size: usize, tag: u16) -> Key {
        Key { source: LinkAddress::Short(source), destination: A, size: size as u16, tag }
    }

    fn packet(size: usize, seed: u64) -> Vec<u8> {
        let mut bytes = vec![0; size];
        Sequence(seed).fill(&mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn headers_round_trip(size in 0u16..2048, tag: u16, offset: Option<u8>) {
            let header = FragmentHeader { size, tag, offset: offset.map(|it| u16::from(it) * 8) };
            let mut buffer = [0; 5];
            let mut out = Writer::new(&mut buffer);
            header.emit(&mut out).unwrap();
            prop_assert_eq!(out.position(), header.encoded_len());
            prop_assert!(FragmentHeader::is_dispatch(out.written()[0]));
            prop_assert_eq!(FragmentHeader::parse(&mut Reader::new(out.written())), Ok(header));
        }

        #[test]
        fn fragments_in_any_order_and_repeated_make_the_packet(
            size in 41usize..1500, step in 1usize..13, seed: u64, order in proptest::collection::vec(any::<usize>(), 64)
        ) {
            let (mut blocks, mut entries) = ([Block::default(); 14], [Reassembly::default(); 2]);
            let mut pool = Pool::new(&mut blocks);
            let mut table = Reassemblies::new(&mut entries, 8000, 1);
            let bytes = packet(size, seed);
            let mut parts: Vec<(usize, &[u8])> =
                bytes.chunks(8 * step).enumerate().map(|(index, part)| (index * 8 * step, part)).collect();
            let count = parts.len();
            for (index, other) in order.into_iter().enumerate() {
                parts.swap(index % count, other % count);
            }
            let mut done = None;
            for (index, (offset, part)) in parts.iter().enumerate() {
                prop_assert_eq!(done, None);
                done = table.add(Instant(1), &mut pool, key(2, size, 7), *offset, part, None);
                if index + 1 < count {
                    prop_assert_eq!(table.add(Instant(1), &mut pool, key(2, size, 7), *offset, part, None), None);
                }
            }
            let mut out = [0; 1536];
            let len = table.take(done.unwrap(), &mut pool, &mut out).unwrap();
            prop_assert_eq!(&out[..len], &bytes[..]);
            prop_assert_eq!(pool.free(), 14);
            prop_assert_eq!(table.stats.overlapped, 0);
        }

        #[test]
        fn arbitrary_fragments_never_panic_nor_leak(
            parts in proptest::collection::vec((0u16..3, 0u16..2048, 0usize..2048, 0usize..128), 0..60)
        ) {
            let (mut blocks, mut entries) = ([Block::default(); 8], [Reassembly::default(); 2]);
            let mut pool = Pool::new(&mut blocks);
            let mut table = Reassemblies::new(&mut entries, 8000, 1);
            for (source, size, offset, len) in parts {
                let done = table.add(Instant(1), &mut pool, key(source, size.into(), 1), offset & !7, &[7; 128][..len], None);
                if let Some(place) = done {
                    let _ = table.take(place, &mut pool, &mut [0; 1536]);
                }
            }
            table.expire(Instant(8001), &mut pool);
            prop_assert_eq!(pool.free(), 8);
            prop_assert_eq!(table.next_deadline(), Instant::NEVER);
        }
    }

    /// RFC 4944 §5.3: an overlap that differs in size or offset discards what was there, and the
    /// fragment that came last may begin anew.
    #[test]
    fn a_conflicting_overlap_discards_all_and_begins_anew() {
        let (mut blocks, mut entries) = ([Block::default(); 14], [Reassembly::default(); 2]);
        let mut pool = Pool::new(&mut blocks);
        let mut table = Reassemblies::new(&mut entries, 8000, 0);
        let bytes = packet(64, 1);
        let mut add = |offset: usize, end: usize| {
            let part = &bytes[offset..end];
            (
                table.add(Instant(1), &mut pool, key(2, 64, 7), offset, part, None).is_some(),
                table.stats.overlapped,
            )
        };
        assert_eq!(add(0, 32), (false, 0));
        // Smaller, at the same offset; larger; shifted: each throws away what there was.
        assert_eq!(add(0, 16), (false, 1));
        assert_eq!(add(0, 24), (false, 2));
        assert_eq!(add(16, 40), (false, 3));
        assert_eq!(add(40, 64), (false, 3));
        assert_eq!(add(40, 64), (false, 3));
        assert_eq!(add(0, 16), (true, 3));
    }

    /// Contiki-NG's complaint: a packet whose fragment was lost holds the only buffer.
    #[test]
    fn a_lost_fragment_never_starves_others() {
        let (mut blocks, mut entries) = ([Block::default(); 11], [Reassembly::default(); 2]);
        let mut pool = Pool::new(&mut blocks);
        let mut table = Reassemblies::new(&mut entries, 8000, 1);
        // Senders that each lose their last fragment, and one at the end that does not.
        for source in 2..50 {
            assert_eq!(
                table.add(Instant(source.into()), &mut pool, key(source, 1280, 1), 0, &[0; 96], None),
                None
            );
            assert_eq!(
                table.add(Instant(source.into()), &mut pool, key(source, 1280, 1), 96, &[0; 96], None),
                None
            );
        }
        let bytes = packet(1280, 5);
        let mut done = None;
        for (index, part) in bytes.chunks(96).enumerate() {
            done = table.add(Instant(60), &mut pool, key(50, 1280, 1), index * 96, part, None);
        }
        let mut out = [0; 1280];
        assert_eq!(table.take(done.unwrap(), &mut pool, &mut out), Ok(1280));
        assert_eq!(&out[..], &bytes[..]);
        assert!(table.stats.evicted > 40);
        table.expire(Instant(9000), &mut pool);
        assert_eq!((pool.free(), table.stats.timed_out), (11, 0));
    }

    /// More senders in turn than there are places, or memory: what has lost its first fragment takes nothing from those
    /// that have not.
    #[test]
    fn senders_in_turn_never_all_lose() {
        for (places, count) in [(2, 40), (4, 11)] {
            let (mut blocks, mut entries) = ([Block::default(); 40], [Reassembly::default(); 4]);
            let mut pool = Pool::new(&mut blocks[..count]);
            let mut table = Reassemblies::new(&mut entries[..places], 8000, 1);
            let bytes = packet(1280, 5);
            let mut whole = 0;
            for (index, part) in bytes.chunks(96).enumerate() {
                for source in 2..5 {
                    let now = Instant(3 * index as u64 + u64::from(source));
                    let done = table.add(now, &mut pool, key(source, 1280, 1), index * 96, part, None);
                    let mut out = [0; 1280];
                    whole += done.map_or(0, |place| table.take(place, &mut pool, &mut out).unwrap() / 1280);
                }
            }
            assert_eq!(whole, if places == 2 { 2 } else { 1 }, "{:?}", table.stats);
        }
    }

    #[test]
    fn fragments_are_given_up_in_time() {
        let (mut blocks, mut entries) = ([Block::default(); 3], [Reassembly::default(); 2]);
        let mut pool = Pool::new(&mut blocks);
        let mut table = Reassemblies::new(&mut entries, 60_000, 1);
        assert_eq!(table.next_deadline(), Instant::NEVER);
        table.add(Instant(5), &mut pool, key(2, 200, 7), 0, &[0; 96], None);
        assert_eq!(table.next_deadline(), Instant(60_005));
        table.expire(Instant(60_004), &mut pool);
        assert_eq!(pool.free(), 2);
        table.expire(Instant(60_005), &mut pool);
        assert_eq!((pool.free(), table.stats.timed_out), (3, 1));
        // More than there is memory for is refused and leaves nothing behind.
        table.add(Instant(5), &mut pool, key(2, 1000, 7), 0, &[0; 384], None);
        assert_eq!((pool.free(), table.stats.no_memory), (3, 1));
    }
}
