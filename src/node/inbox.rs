// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way in from other threads and from interrupts.
#![forbid(unsafe_code)]

use crate::status::{Error, Result};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use portable_atomic::{AtomicPtr, AtomicU8, AtomicU32};

/// How many posts can wait.
pub const INBOX_CAPACITY: usize = 16;

const FREE: u8 = 0;
const CLAIMED: u8 = 1;
const POSTED: u8 = 2;

#[derive(Debug, Default)]
struct Place {
    state: AtomicU8,
    ticket: AtomicU32,
    what: AtomicPtr<()>,
    whom: AtomicPtr<()>,
}

/// A bounded queue of pairs of pointers with any number of writers and one reader.
///
/// It is lock-free: a writer that is interrupted half-way holds back its own post alone.
/// Posts of one thread come out in the order in which they went in.
#[derive(Debug, Default)]
pub struct Inbox {
    places: [Place; INBOX_CAPACITY],
    tickets: AtomicU32,
}

impl Inbox {
    /// Adds a post. Any thread, any interrupt.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub fn post(&self, what: *mut (), whom: *mut ()) -> Result<()> {
        let claim = |place: &&Place| place.state.compare_exchange(FREE, CLAIMED, Acquire, Relaxed).is_ok();
        let place = self.places.iter().find(claim).ok_or(Error::Full)?;
        place.ticket.store(self.tickets.fetch_add(1, Relaxed), Relaxed);
        place.what.store(what, Relaxed);
        place.whom.store(whom, Relaxed);
        place.state.store(POSTED, Release);
        Ok(())
    }

    /// Takes the oldest post. The node's thread alone.
    pub fn take(&self) -> Option<(*mut (), *mut ())> {
        let mut place = self.oldest()?;
        // A writer may have posted twice behind the back of one look, the second time into a
        // place that was still ahead: only what two looks agree on is the oldest.
        loop {
            let again = self.oldest()?;
            if core::ptr::eq(place, again) {
                break;
            }
            place = again;
        }
        let post = (place.what.load(Relaxed), place.whom.load(Relaxed));
        place.state.store(FREE, Release);
        Some(post)
    }

    fn oldest(&self) -> Option<&Place> {
        let posted = self.places.iter().filter(|place| place.state.load(Acquire) == POSTED);
        posted.reduce(|oldest, place| {
            let lead = place.ticket.load(Relaxed).wrapping_sub(oldest.ticket.load(Relaxed));
            if (lead as i32) < 0 { place } else { oldest }
        })
    }

    /// Whether a post waits.
    pub fn is_empty(&self) -> bool {
        self.places.iter().all(|place| place.state.load(Acquire) != POSTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr::without_provenance_mut;

    #[test]
    fn posts_come_out_in_order_and_the_full_inbox_says_so() {
        let inbox = Inbox::default();
        inbox.tickets.store(u32::MAX - 3, Relaxed);
        for round in 0..3 {
            for number in 0..INBOX_CAPACITY {
                inbox.post(without_provenance_mut(number), without_provenance_mut(round)).unwrap();
            }
            assert_eq!(inbox.post(core::ptr::null_mut(), core::ptr::null_mut()), Err(Error::Full));
            for number in 0..INBOX_CAPACITY {
                assert_eq!(
                    inbox.take(),
                    Some((without_provenance_mut(number), without_provenance_mut(round)))
                );
            }
            assert!(inbox.take().is_none() && inbox.is_empty());
        }
    }

    #[test]
    fn many_writers_lose_nothing_and_keep_their_order() {
        let inbox = Inbox::default();
        let mut last = [0; 4];
        std::thread::scope(|scope| {
            for writer in 0..4usize {
                let inbox = &inbox;
                scope.spawn(move || {
                    for number in 1..=500usize {
                        let (what, whom) = (without_provenance_mut(writer), without_provenance_mut(number));
                        while inbox.post(what, whom).is_err() {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            while last != [500; 4] {
                if let Some((writer, number)) = inbox.take() {
                    assert_eq!(number.addr(), last[writer.addr()] + 1);
                    last[writer.addr()] = number.addr();
                } else {
                    std::thread::yield_now();
                }
            }
        });
        assert!(inbox.is_empty());
    }
}
