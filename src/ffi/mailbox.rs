// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way in from other threads and from interrupts.

use crate::row::Row;
use crate::status::{Error, Result};
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use portable_atomic::{AtomicU8, AtomicU32};

const FREE: u8 = 0;
const CLAIMED: u8 = 1;
const POSTED: u8 = 2;

/// How a place stands, whatever it holds.
#[derive(Debug, Default)]
struct Stamp {
    state: AtomicU8,
    ticket: AtomicU32,
}

/// One place of a [`Mailbox`].
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Place<T> {
    stamp: Stamp,
    letter: UnsafeCell<T>,
}

// SAFETY: the letter is touched only by whoever moved `state` out of FREE (a writer, until it is
// POSTED) or saw it POSTED (the one reader, until it is FREE).
unsafe impl<T: Send> Sync for Place<T> {}

/// A mailbox, whatever its letters are: one copy of the code serves all.
#[derive(Debug)]
struct Stamps {
    row: Row<Stamp>,
    /// How many letters were begun.
    tickets: AtomicU32,
    /// How many were taken; the reader's alone.
    taken: AtomicU32,
}

impl Stamps {
    /// Takes a free place for a writer.
    #[inline(never)]
    fn claim(&self) -> Option<NonNull<Stamp>> {
        for index in 0..self.row.count() {
            // SAFETY: there are `count` places, which the mailbox borrows.
            let place = unsafe { self.row.at(index) };
            // SAFETY: a stamp, of which only shared references are ever made.
            let stamp = unsafe { place.as_ref() };
            if stamp.state.compare_exchange(FREE, CLAIMED, Acquire, Relaxed).is_ok() {
                stamp.ticket.store(self.tickets.fetch_add(1, Relaxed), Relaxed);
                return Some(place);
            }
        }
        None
    }

    /// How many letters were begun and not taken yet.
    fn begun(&self) -> u32 {
        self.tickets.load(Relaxed).wrapping_sub(self.taken.load(Relaxed))
    }

    /// The place whose letter was posted first, as far as one look can tell.
    #[inline(never)]
    fn oldest(&self) -> Option<NonNull<Stamp>> {
        // All that was begun has been taken, as it nearly always is: spares the look at the places.
        if self.begun() == 0 {
            return None;
        }
        let mut found: Option<(NonNull<Stamp>, u32)> = None;
        for index in 0..self.row.count() {
            // SAFETY: as in `claim`.
            let place = unsafe { self.row.at(index) };
            // SAFETY: as in `claim`.
            let stamp = unsafe { place.as_ref() };
            if stamp.state.load(Acquire) != POSTED {
                continue;
            }
            let ticket = stamp.ticket.load(Relaxed);
            if found.is_none_or(|(_, oldest)| (ticket.wrapping_sub(oldest) as i32) < 0) {
                found = Some((place, ticket));
            }
        }
        found.map(|(place, _)| place)
    }

    /// The place whose letter was posted first.
    #[inline(never)]
    fn next(&self) -> Option<NonNull<Stamp>> {
        let mut place = self.oldest()?;
        // A writer may have posted twice behind the back of one look, the second time into a
        // place that was still ahead: only what two looks agree on is the oldest.
        loop {
            let again = self.oldest()?;
            if place == again {
                return Some(place);
            }
            place = again;
        }
    }

    /// Gives the place of a letter that was read back to the writers.
    #[inline(never)]
    fn release(&self, place: NonNull<Stamp>) {
        // SAFETY: as in `claim`.
        unsafe { place.as_ref() }.state.store(FREE, Release);
        self.taken.store(self.taken.load(Relaxed).wrapping_add(1), Relaxed);
    }
}

/// A bounded queue with any number of writers and one reader.
///
/// It is lock-free: a writer that is interrupted half-way holds back its own letter alone.
/// Letters of one writer come out in the order in which they went in.
#[derive(Debug)]
pub(crate) struct Mailbox<'m, T> {
    stamps: Stamps,
    places: PhantomData<&'m [Place<T>]>,
}

// SAFETY: the places are shared between threads as they ask, and all else is atomic.
unsafe impl<T: Send> Sync for Mailbox<'_, T> {}

impl<'m, T> Mailbox<'m, T> {
    /// At most 65,535 of the places are used.
    pub(crate) fn new(places: &'m [Place<T>]) -> Mailbox<'m, T> {
        let (tickets, taken) = (AtomicU32::new(0), AtomicU32::new(0));
        // SAFETY: a place begins with its stamp.
        let row = unsafe { Row::of(NonNull::from(places)) };
        Mailbox { stamps: Stamps { row, tickets, taken }, places: PhantomData }
    }

    /// Adds a letter that `write` writes. Any thread, any interrupt.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub(crate) fn post(&self, write: impl FnOnce(&mut T)) -> Result<()> {
        let stamp = self.stamps.claim().ok_or(Error::Full)?;
        // SAFETY: one of the places, and it was claimed here, so nobody else touches its letter.
        let place = unsafe { stamp.cast::<Place<T>>().as_ref() };
        // SAFETY: as above.
        write(unsafe { &mut *place.letter.get() });
        place.stamp.state.store(POSTED, Release);
        Ok(())
    }

    /// How many letters there are, counting those that are being written.
    pub(crate) fn count(&self) -> u32 {
        self.stamps.begun()
    }

    /// Takes the oldest letter. One reader alone.
    pub(crate) fn take<R>(&self, read: impl FnOnce(&T) -> R) -> Option<R> {
        let stamp = self.stamps.next()?;
        // SAFETY: one of the places. It is posted, so no writer touches it, and there is one reader.
        let result = read(unsafe { &*stamp.cast::<Place<T>>().as_ref().letter.get() });
        self.stamps.release(stamp);
        Some(result)
    }

    /// How many letters can wait.
    pub(crate) const fn capacity(&self) -> usize {
        self.stamps.row.count() as usize
    }

    /// Whether no letter waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.stamps.oldest().is_none()
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
        mailbox.stamps.tickets.store(u32::MAX - 3, Relaxed);
        mailbox.stamps.taken.store(u32::MAX - 3, Relaxed);
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
