// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looking for input for a while before sleeping, as long as that pays.
//!
//! Where whoever sends next runs on another processor, the answer to what was sent last is often there before
//! this one could fall asleep and be woken. Where it has to share this one, looking keeps it from sending. So after
//! a look in vain the next ones are left out, ever more of them, and after one that found something ever fewer.

use core::cell::Cell;

/// How many waits are left out at most between two looks.
const MOST: u32 = 1023;

/// For how long to look, and whether to.
pub(super) struct Spin {
    /// In microseconds; 0 for never.
    limit: u32,
    /// How many waits are still to be left out.
    skip: Cell<u32>,
    /// How many were left out last.
    skipped: Cell<u32>,
}

impl Spin {
    pub(super) const fn new(limit: u32) -> Spin {
        Spin { limit, skip: Cell::new(0), skipped: Cell::new(0) }
    }

    /// For how many microseconds to look in this wait; 0 for not at all.
    pub(super) fn turn(&self) -> u32 {
        match self.skip.get().checked_sub(1) {
            Some(left) => {
                self.skip.set(left);
                0
            }
            None => self.limit,
        }
    }

    /// A look has ended.
    pub(super) fn ended(&self, found: bool) {
        let skipped = self.skipped.get();
        let skip = if found { skipped / 2 } else { (skipped * 2 + 1).min(MOST) };
        self.skipped.set(skip);
        self.skip.set(if found { 0 } else { skip });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_in_vain_become_rare_and_successful_ones_go_on() {
        assert_eq!(Spin::new(0).turn(), 0);
        let spin = Spin::new(50);
        for _ in 0..10 {
            assert_eq!(spin.turn(), 50);
            spin.ended(true);
        }
        let mut looks = 0;
        for _ in 0..100_000 {
            if spin.turn() > 0 {
                looks += 1;
                spin.ended(false);
            }
        }
        assert!((90..120).contains(&looks), "{looks}");
        // Once it pays again, all is forgotten after a few.
        while spin.turn() == 0 {}
        for _ in 0..10 {
            spin.ended(true);
            assert_eq!(spin.turn(), 50);
        }
        spin.ended(false);
        assert_eq!([spin.turn(), spin.turn()], [0, 50]);
    }
}
