// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way in from other threads and from interrupts.

use crate::status::{Error, Result};
use core::cell::UnsafeCell;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use portable_atomic::{AtomicU8, AtomicU32};

const FREE: u8 = 0;
const CLAIMED: u8 = 1;
const POSTED: u8 = 2;

/// One place of a [`Mailbox`].
#[derive(Debug, Default)]
pub(crate) struct Place<T> {
    state: AtomicU8,
    ticket: AtomicU32,
    letter: UnsafeCell<T>,
}

// SAFETY: the letter is touched only by whoever moved `state` out of FREE (a writer, until it is
// POSTED) or saw it POSTED (the one reader, until it is FREE).
unsafe impl<T: Send> Sync for Place<T> {}

/// A bounded queue with any number of writers and one reader.
///
/// It is lock-free: a writer that is interrupted half-way holds back its own letter alone.
/// Letters of one writer come out in the order in which they went in.
#[derive(Debug)]
pub(crate) struct Mailbox<'m, T> {
    places: &'m [Place<T>],
    tickets: AtomicU32,
}

impl<'m, T> Mailbox<'m, T> {
    pub(crate) const fn new(places: &'m [Place<T>]) -> Mailbox<'m, T> {
        Mailbox { places, tickets: AtomicU32::new(0) }
    }

    /// Adds a letter that `write` writes. Any thread, any interrupt.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub(crate) fn post(&self, write: impl FnOnce(&mut T)) -> Result<()> {
        let claim = |place: &&Place<T>| place.state.compare_exchange(FREE, CLAIMED, Acquire, Relaxed).is_ok();
        let place = self.places.iter().find(claim).ok_or(Error::Full)?;
        place.ticket.store(self.tickets.fetch_add(1, Relaxed), Relaxed);
        // SAFETY: the place was claimed here, so nobody else touches its letter.
        write(unsafe { &mut *place.letter.get() });
        place.state.store(POSTED, Release);
        Ok(())
    }

    /// Takes the oldest letter. One reader alone.
    pub(crate) fn take<R>(&self, read: impl FnOnce(&T) -> R) -> Option<R> {
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
        // SAFETY: the place is posted, so no writer touches it, and there is one reader.
        let result = read(unsafe { &*place.letter.get() });
        place.state.store(FREE, Release);
        Some(result)
    }

    fn oldest(&self) -> Option<&Place<T>> {
        let posted = self.places.iter().filter(|place| place.state.load(Acquire) == POSTED);
        posted.reduce(|oldest, place| {
            let lead = place.ticket.load(Relaxed).wrapping_sub(oldest.ticket.load(Relaxed));
            if (lead as i32) < 0 { place } else { oldest }
        })
    }

    /// How many letters can wait.
    pub(crate) const fn capacity(&self) -> usize {
        self.places.len()
    }

    /// Whether no letter waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.iter().all(|place| place.state.load(Acquire) != POSTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places<const N: usize>() -> [Place<(usize, usize)>; N] {
        core::array::from_fn(|_| Place::default())
    }

    #[test]
    fn letters_come_out_in_order_and_the_full_box_says_so() {
        let places = places::<16>();
        let mailbox = Mailbox::new(&places);
        mailbox.tickets.store(u32::MAX - 3, Relaxed);
        for round in 0..3 {
            for number in 0..16 {
                mailbox.post(|letter| *letter = (number, round)).unwrap();
            }
            assert_eq!(mailbox.post(|_| unreachable!()), Err(Error::Full));
            for number in 0..16 {
                assert_eq!(mailbox.take(|letter| *letter), Some((number, round)));
            }
            assert!(mailbox.take(|_| ()).is_none() && mailbox.is_empty());
        }
    }

    #[test]
    fn many_writers_lose_nothing_and_keep_their_order() {
        let places = places::<16>();
        let mailbox = Mailbox::new(&places);
        let mut last = [0; 4];
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let mailbox = &mailbox;
                scope.spawn(move || {
                    for number in 1..=500 {
                        while mailbox.post(|letter| *letter = (writer, number)).is_err() {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            while last != [500; 4] {
                if let Some((writer, number)) = mailbox.take(|letter| *letter) {
                    if number != last[writer] + 1 {
                        // Not an assertion: the writers would wait for ever in the scope.
                        eprintln!("writer {writer}: {number} after {}", last[writer]);
                        std::process::abort();
                    }
                    last[writer] = number;
                } else {
                    std::thread::yield_now();
                }
            }
        });
        assert!(mailbox.is_empty());
    }
}
