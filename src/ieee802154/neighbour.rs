// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known about the links to the neighbours.
#![forbid(unsafe_code)]

use super::LinkAddress;
use crate::time::{Instant, Stamp};

/// ETX 1 in the unit of [`Neighbour::etx`], that of RFC 6551 §4.3.2.
pub const ETX_ONE: u16 = 128;
/// The ETX from which on a link counts as useless.
pub const ETX_MAX: u16 = 16 * ETX_ONE;
/// How many transmissions a frame counts for that was never acknowledged.
const FAILURE: u32 = 12;
/// For how long a frame with the same sequence number is a repetition, in milliseconds.
const REPEAT_WINDOW: u64 = 2000;
/// After how many frames given up in a row a neighbour is no longer taken to understand generic
/// header compression.
#[cfg(feature = "ghc")]
const GENERIC_FAILURES: u8 = 2;

/// The link to one neighbour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Neighbour {
    /// Who it is; [`LinkAddress::None`] in an unused place.
    pub address: LinkAddress,
    /// The expected number of transmissions until a frame is acknowledged, times 128.
    pub etx: u16,
    /// How many unicast frames have ended, acknowledged or not; the ETX is a guess from the
    /// signal strength while this is 0.
    pub frames: u16,
    /// How many of them were given up.
    pub failures: u16,
    /// How many have been given up in a row.
    pub failures_in_row: u8,
    /// The quality indication of what was received last.
    pub lqi: u8,
    /// The smoothed signal strength of what was received, in dBm; 0 when nothing was.
    pub rssi: i8,
    /// The number of the frame that was heard last, if it had one.
    sequence: Option<u8>,
    /// When that was.
    heard: Stamp,
    /// Kept when room is needed for others: a parent, a child, a correspondent.
    pub is_pinned: bool,
    /// It has announced generic header compression (RFC 7400 §3.3).
    #[cfg(feature = "ghc")]
    pub is_generic: bool,
}

/// The neighbours, as many as the caller's memory holds.
#[derive(Debug)]
pub struct Neighbours<'m>(&'m mut [Neighbour]);

impl<'m> Neighbours<'m> {
    /// An empty table in `entries`.
    pub fn new(entries: &'m mut [Neighbour]) -> Neighbours<'m> {
        Neighbours(entries)
    }

    /// What is known about one.
    pub fn get(&self, address: LinkAddress) -> Option<&Neighbour> {
        self.0.iter().find(|entry| entry.address == address && !address.is_empty())
    }

    /// All that are known.
    pub fn iter(&self) -> impl Iterator<Item = &Neighbour> {
        self.0.iter().filter(|entry| !entry.address.is_empty())
    }

    /// Keeps a neighbour when room is needed for others, or no longer.
    pub fn pin(&mut self, address: LinkAddress, is_pinned: bool) {
        if let Some(entry) = self.entry(address, false) {
            entry.is_pinned = is_pinned;
        }
    }

    /// Whether a neighbour understands generic header compression. It is taken not to once frames
    /// to it have failed repeatedly: it may have become another (RFC 7400 §3.3).
    #[cfg(feature = "ghc")]
    pub fn set_generic(&mut self, address: LinkAddress, is_generic: bool) {
        if let Some(entry) = self.entry(address, false) {
            entry.is_generic = is_generic;
        }
    }

    /// Takes the link to a neighbour for as good as `etx`, if it was worse.
    #[cfg(any(feature = "rpl-storing", feature = "rpl-non-storing"))]
    pub(crate) fn forgive(&mut self, address: LinkAddress, etx: u16) {
        if let Some(entry) = self.entry(address, false) {
            entry.etx = entry.etx.min(etx);
        }
    }

    /// Keeps the neighbours that are `meant`, and no others.
    #[cfg(any(feature = "rpl-storing", feature = "rpl-non-storing"))]
    pub(crate) fn pin_only(&mut self, meant: impl Fn(LinkAddress) -> bool) {
        for entry in self.0.iter_mut() {
            entry.is_pinned = meant(entry.address);
        }
    }

    /// Lets go of all that were pinned.
    pub fn unpin_all(&mut self) {
        for entry in self.0.iter_mut() {
            entry.is_pinned = false;
        }
    }

    /// Forgets a neighbour.
    pub fn remove(&mut self, address: LinkAddress) {
        if let Some(entry) = self.entry(address, false) {
            *entry = Neighbour::default();
        }
    }

    /// The entry for `address`. A new one takes an unused place, or else that of the neighbour not
    /// pinned that was heard longest ago; with every place pinned there is none.
    fn entry(&mut self, address: LinkAddress, create: bool) -> Option<&mut Neighbour> {
        if !address.is_unicast() {
            return None;
        }
        // Its own, or one that is free, or the one heard longest ago.
        let (mut place, mut oldest) = (None, Instant::NEVER);
        for entry in self.0.iter_mut() {
            if entry.address == address {
                return Some(entry);
            }
            let heard =
                if entry.address.is_empty() { Instant::ZERO } else { entry.heard.get().max(Instant(1)) };
            if create && !entry.is_pinned && heard < oldest {
                (place, oldest) = (Some(entry), heard);
            }
        }
        let entry = place?;
        *entry = Neighbour { address, etx: 2 * ETX_ONE, heard: Stamp::ZERO, ..Neighbour::default() };
        Some(entry)
    }

    /// A frame from `address` was received. Says whether it is a repetition of the frame before it.
    pub(super) fn heard(
        &mut self,
        address: LinkAddress,
        sequence: Option<u8>,
        lqi: u8,
        rssi: i8,
        now: Instant,
    ) -> bool {
        let Some(entry) = self.entry(address, true) else { return false };
        let same = sequence.is_some() && entry.sequence == sequence;
        let repeated = same && now.since(entry.heard.get()) < REPEAT_WINDOW;
        entry.sequence = sequence;
        entry.rssi =
            if entry.rssi == 0 { rssi } else { ((i16::from(entry.rssi) * 7 + i16::from(rssi)) / 8) as i8 };
        entry.lqi = lqi;
        entry.heard.set(now);
        if entry.frames == 0 {
            entry.etx = guess(entry.rssi);
        }
        repeated
    }

    /// A unicast frame to `address` has ended after so many transmissions.
    pub(super) fn ended(&mut self, address: LinkAddress, attempts: u8, acknowledged: bool) {
        let Some(entry) = self.entry(address, true) else { return };
        let sample = if acknowledged { u32::from(attempts.max(1)) } else { FAILURE.max(u32::from(attempts)) };
        // A quarter for the first samples, that a wrong guess soon goes; then an eighth.
        let shift = if entry.frames < 8 { 2 } else { 3 };
        let etx = u32::from(entry.etx);
        let next = etx - (etx >> shift) + ((sample * u32::from(ETX_ONE)) >> shift);
        entry.etx = next.clamp(u32::from(ETX_ONE), u32::from(ETX_MAX)) as u16;
        entry.frames = entry.frames.saturating_add(1);
        if acknowledged {
            entry.failures_in_row = 0;
        } else {
            entry.failures = entry.failures.saturating_add(1);
            entry.failures_in_row = entry.failures_in_row.saturating_add(1);
            #[cfg(feature = "ghc")]
            {
                entry.is_generic &= entry.failures_in_row < GENERIC_FAILURES;
            }
        }
    }
}

/// The ETX to start from: 1 from -60 dBm up, growing to 3 at -90 dBm.
fn guess(rssi: i8) -> u16 {
    let weakness = (-60 - i16::from(rssi)).clamp(0, 30) as u16;
    ETX_ONE + weakness * (2 * ETX_ONE) / 30
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_etx_follows_what_happens() {
        let mut entries = [Neighbour::default(); 2];
        let mut table = Neighbours::new(&mut entries);
        let a = LinkAddress::Short(1);
        table.heard(a, None, 200, -50, Instant(5));
        assert_eq!(table.get(a).unwrap().etx, ETX_ONE);
        for _ in 0..100 {
            table.ended(a, 2, true);
        }
        assert!((250..=258).contains(&table.get(a).unwrap().etx));
        for _ in 0..100 {
            table.ended(a, 8, false);
        }
        let entry = table.get(a).unwrap();
        assert!(entry.etx > 11 * ETX_ONE && entry.failures_in_row == 100);
        table.ended(a, 1, true);
        assert_eq!(table.get(a).unwrap().failures_in_row, 0);
        table.heard(LinkAddress::Short(2), None, 1, -90, Instant(6));
        assert_eq!(table.get(LinkAddress::Short(2)).unwrap().etx, 3 * ETX_ONE);
        assert_eq!((guess(-128), guess(127)), (3 * ETX_ONE, ETX_ONE));
    }

    #[test]
    fn a_number_heard_again_within_two_seconds_is_a_repetition() {
        let mut entries = [Neighbour::default(); 2];
        let mut table = Neighbours::new(&mut entries);
        let mut heard =
            |from: u16, sequence, at| table.heard(LinkAddress::Short(from), sequence, 1, -70, Instant(at));
        assert!(!heard(1, Some(0), 0) && heard(1, Some(0), 1) && heard(1, Some(0), 1999));
        assert!(!heard(2, Some(0), 2000), "another's numbers are its own");
        assert!(heard(1, Some(0), 3998) && !heard(1, Some(0), 5998));
        assert!(!heard(1, Some(1), 5998) && !heard(1, None, 5998) && !heard(1, None, 5998));
    }

    #[test]
    fn a_full_table_forgets_whom_it_heard_longest_ago_but_none_that_is_pinned() {
        let mut entries = [Neighbour::default(); 2];
        let mut table = Neighbours::new(&mut entries);
        for (short, at) in [(1, 10), (2, 20), (3, 30)] {
            table.heard(LinkAddress::Short(short), None, 1, -70, Instant(at));
        }
        assert_eq!(table.get(LinkAddress::Short(1)), None);
        table.pin(LinkAddress::Short(2), true);
        table.heard(LinkAddress::Short(4), None, 1, -70, Instant(40));
        assert!(table.get(LinkAddress::Short(2)).is_some() && table.get(LinkAddress::Short(3)).is_none());
        table.pin(LinkAddress::Short(4), true);
        table.heard(LinkAddress::Short(5), None, 1, -70, Instant(50));
        assert_eq!(table.iter().count(), 2);
        assert_eq!(table.get(LinkAddress::Short(5)), None);
        table.unpin_all();
        table.heard(LinkAddress::Short(5), None, 1, -70, Instant(50));
        assert!(table.get(LinkAddress::Short(5)).is_some() && table.get(LinkAddress::Short(2)).is_none());
        table.remove(LinkAddress::Short(4));
        table.heard(LinkAddress::BROADCAST, None, 1, -70, Instant(50));
        assert_eq!(table.iter().count(), 1);
        assert_eq!(table.get(LinkAddress::None), None);
    }
}
