// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which of a host's addresses to try, when, and what came of it ("happy eyeballs", RFC 8305).
#![forbid(unsafe_code)]

use crate::address::SocketAddress;
use crate::status::Error;
use crate::table::Handle;
use crate::time::Instant;

/// How many addresses of one host are considered.
pub const DIAL_ADDRESSES: usize = 6;
/// How many attempts run at once.
pub const DIAL_ATTEMPTS: usize = 3;
/// How long an attempt is given before the next begins beside it, in milliseconds (RFC 8305 §8).
pub const DIAL_STAGGER: u64 = 250;

/// The attempts to reach one host.
///
/// Addresses are tried in the order of the resolver, the families alternating (§4). The next
/// attempt begins when the last one fails, or [`DIAL_STAGGER`] after it began (§5). The first
/// connection wins.
#[derive(Debug)]
pub struct Dial {
    addresses: [SocketAddress; DIAL_ADDRESSES],
    count: usize,
    next: usize,
    attempts: [Option<Handle>; DIAL_ATTEMPTS],
    next_at: Instant,
    give_up_at: Instant,
    error: Error,
}

impl Dial {
    /// Begins at `now` to try `addresses`, for `timeout` milliseconds in all.
    pub fn new(now: Instant, addresses: &[SocketAddress], timeout: u64) -> Dial {
        // The addresses of the family whose turn it is, beginning with the first one's, and those of the other.
        let (mut these, mut those, mut family) = (0u32, 0u32, false);
        for (index, address) in addresses.iter().enumerate().take(DIAL_ADDRESSES) {
            let is_v4 = address.ip.to_v4().is_some();
            if index == 0 {
                family = is_v4;
            }
            *(if is_v4 == family { &mut these } else { &mut those }) |= 1 << index;
        }
        let (mut ordered, mut count) = ([SocketAddress::default(); DIAL_ADDRESSES], 0);
        for place in &mut ordered {
            let index = if these == 0 { those } else { these }.trailing_zeros();
            let Some(address) = addresses.get(index as usize) else { break };
            let taken = 1 << index;
            (these, those) = (those & !taken, these & !taken);
            *place = *address;
            count += 1;
        }
        Dial {
            addresses: ordered,
            count,
            next: 0,
            attempts: [None; DIAL_ATTEMPTS],
            next_at: now,
            give_up_at: now.after(timeout),
            error: Error::NotFound,
        }
    }

    /// The address to try at `now`, if it is time for an attempt. Answered by
    /// [`Dial::opened`] or [`Dial::failed`].
    pub fn next(&mut self, now: Instant) -> Option<SocketAddress> {
        if !self.next_at.is_due(now) || self.attempts.iter().all(Option::is_some) {
            return None;
        }
        let address = *self.addresses.get(..self.count)?.get(self.next)?;
        self.next += 1;
        self.next_at = now.after(DIAL_STAGGER);
        Some(address)
    }

    /// The attempt is under way.
    pub fn opened(&mut self, attempt: Handle) {
        if let Some(place) = self.attempts.iter_mut().find(|place| place.is_none()) {
            *place = Some(attempt);
        }
    }

    /// An attempt came to nothing; `None` when it could not even begin. The next is due now.
    pub fn failed(&mut self, attempt: Option<Handle>, error: Error, now: Instant) {
        if let Some(attempt) = attempt {
            self.remove(attempt);
        }
        self.error = error;
        self.next_at = now;
    }

    /// Gives the place of an attempt free.
    pub fn remove(&mut self, attempt: Handle) {
        for place in self.attempts.iter_mut().filter(|place| **place == Some(attempt)) {
            *place = None;
        }
    }

    /// The attempts that are under way now.
    pub fn attempts(&self) -> impl Iterator<Item = Handle> + use<> {
        self.attempts.into_iter().flatten()
    }

    /// Why nothing will come of it any more: the last failure when all attempts have failed,
    /// or [`Error::Timeout`].
    pub fn outcome(&self, now: Instant) -> Option<Error> {
        if self.give_up_at.is_due(now) {
            return Some(Error::Timeout);
        }
        let over = self.next >= self.count && self.attempts().next().is_none();
        over.then_some(self.error)
    }

    /// When to look again.
    pub fn next_deadline(&self) -> Instant {
        let more = self.next < self.count && self.attempts.iter().any(Option::is_none);
        if more { self.next_at.min(self.give_up_at) } else { self.give_up_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Ip;

    fn v4(last: u8) -> SocketAddress {
        SocketAddress::new(Ip::v4([10, 0, 0, last]), 1883)
    }

    fn v6(last: u16) -> SocketAddress {
        SocketAddress::new(Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, last]), 1883)
    }

    fn attempt(number: u32) -> Handle {
        Handle::from_raw(number).unwrap()
    }

    #[test]
    fn families_alternate_and_attempts_are_staggered() {
        let mut dial = Dial::new(Instant(0), &[v6(1), v6(2), v4(1), v4(2)], 10_000);
        assert_eq!(dial.next(Instant(0)), Some(v6(1)));
        dial.opened(attempt(1));
        assert_eq!(dial.next(Instant(249)), None);
        assert_eq!(dial.next_deadline(), Instant(250));
        assert_eq!(dial.next(Instant(250)), Some(v4(1)));
        dial.opened(attempt(2));
        dial.failed(Some(attempt(1)), Error::Refused, Instant(300));
        assert_eq!(dial.next(Instant(300)), Some(v6(2)));
        dial.opened(attempt(3));
        assert_eq!(dial.next(Instant(550)), Some(v4(2)));
        dial.opened(attempt(4));
        assert_eq!(dial.attempts().count(), 3);
        assert_eq!((dial.next(Instant(900)), dial.outcome(Instant(900))), (None, None));
        assert_eq!(dial.next_deadline(), Instant(10_000));
        for number in 2..=4 {
            dial.failed(Some(attempt(number)), Error::Unreachable, Instant(1000));
        }
        assert_eq!(dial.outcome(Instant(1000)), Some(Error::Unreachable));
    }

    #[test]
    fn silence_times_out_and_nothing_to_try_fails_at_once() {
        let mut dial = Dial::new(Instant(5), &[v4(1)], 1000);
        assert!(dial.next(Instant(5)).is_some());
        dial.opened(attempt(1));
        assert_eq!(dial.outcome(Instant(1004)), None);
        assert_eq!(dial.outcome(Instant(1005)), Some(Error::Timeout));
        assert_eq!(Dial::new(Instant(0), &[], 1000).outcome(Instant(0)), Some(Error::NotFound));
    }

    #[test]
    fn no_more_attempts_at_once_than_there_are_places() {
        let many = [v4(1), v4(2), v4(3), v4(4), v4(5), v4(6), v4(7)];
        let mut dial = Dial::new(Instant(0), &many, 100_000);
        for number in 1..=3 {
            assert!(dial.next(Instant(u64::from(number) * 250)).is_some());
            dial.opened(attempt(number));
        }
        assert_eq!(dial.next(Instant(5000)), None);
        dial.failed(Some(attempt(2)), Error::Refused, Instant(6000));
        assert_eq!(dial.next(Instant(6000)), Some(v4(4)));
    }
}
