// SPDX-License-Identifier: MIT OR Apache-2.0
//! The trickle timer (RFC 6206): talk often while things change, hardly ever else, and stay
//! silent when the neighbours have said it already.
#![forbid(unsafe_code)]

use crate::random::Random;
use crate::time::Instant;

/// Parameters of a trickle timer, as a DODAG configuration gives them (RFC 6550 §8.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Imin is 2 to this power, in milliseconds.
    pub interval_min: u8,
    /// Imax is Imin doubled that often.
    pub doublings: u8,
    /// k: how many consistent messages in an interval silence us; 0 for none.
    pub redundancy: u8,
}

/// Imin and Imax are kept in these bounds, whatever a peer has configured: 8 ms, the default
/// of RFC 6550 §17, and 4 s, so that nobody can make a node transmit without pause.
const SHORTEST_MIN: u8 = 3;
const SHORTEST_MAX: u8 = 12;
/// 2^31 ms are 25 days.
const LONGEST: u8 = 31;

impl Parameters {
    // `clamp` would panic on bounds in the wrong order, and the linker cannot see that these are not.
    #[allow(clippy::manual_clamp)]
    #[inline(never)]
    fn min_exponent(self) -> u8 {
        self.interval_min.max(SHORTEST_MIN).min(LONGEST)
    }

    #[allow(clippy::manual_clamp)]
    fn max_exponent(self) -> u8 {
        let exponent = self.min_exponent().saturating_add(self.doublings);
        exponent.max(SHORTEST_MAX).min(LONGEST)
    }

    /// Imin, in milliseconds.
    pub fn min(self) -> u32 {
        1 << self.min_exponent()
    }
}

/// A trickle timer. It does not run before [`reset`](Trickle::reset).
#[derive(Clone, Copy, Debug, Default)]
pub struct Trickle {
    /// When to transmit, or when the interval ends once that is done.
    due: Instant,
    /// Milliseconds from `due` to the end of the interval; 0 once transmission is done.
    remainder: u32,
    /// I is 2 to this power; 0 while the timer does not run.
    exponent: u8,
    /// c, the number of consistent messages heard.
    heard: u8,
}

impl Trickle {
    /// All zeros, for what is not used before it is stopped or reset.
    pub(super) const ZERO: Trickle = Trickle { due: Instant::ZERO, remainder: 0, exponent: 0, heard: 0 };

    /// When [`poll`](Trickle::poll) has something to do.
    pub const fn next_deadline(&self) -> Instant {
        self.due
    }

    /// An inconsistency: back to the shortest interval, unless it is that already.
    pub fn reset(&mut self, now: Instant, parameters: Parameters, random: &mut dyn Random) {
        let exponent = parameters.min_exponent();
        if self.exponent != exponent {
            self.begin(now, exponent, random);
        }
    }

    /// Stops the timer.
    #[inline(never)]
    pub fn stop(&mut self) {
        *self = Trickle::default();
    }

    /// A consistent message was heard.
    pub fn hear(&mut self) {
        self.heard = self.heard.saturating_add(1);
    }

    /// Whether it is time to transmit. Afterwards the deadline lies in the future: an interval
    /// that ended long ago is followed by one that begins now.
    pub fn poll(&mut self, now: Instant, parameters: Parameters, random: &mut dyn Random) -> bool {
        if !self.due.is_due(now) {
            return false;
        }
        if self.remainder > 0 {
            self.due = self.due.after(u64::from(self.remainder)).max(now.after(1));
            self.remainder = 0;
            return parameters.redundancy == 0 || self.heard < parameters.redundancy;
        }
        let exponent = (self.exponent + 1).max(parameters.min_exponent()).min(parameters.max_exponent());
        self.begin(now, exponent, random);
        false
    }

    fn begin(&mut self, now: Instant, exponent: u8, random: &mut dyn Random) {
        let half = (1u32 << exponent) >> 1;
        let offset = random.below(half);
        self.exponent = exponent;
        self.heard = 0;
        self.due = now.after(u64::from(half) + u64::from(offset));
        self.remainder = half - offset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Sequence;

    const PARAMETERS: Parameters = Parameters { interval_min: 12, doublings: 8, redundancy: 10 };

    /// Times of transmission up to `until` ms, hearing `heard` messages before each.
    fn run(parameters: Parameters, until: u64, heard: u8, seed: u64) -> Vec<u64> {
        let (mut trickle, mut random, mut sent) = (Trickle::default(), Sequence(seed), Vec::new());
        trickle.reset(Instant(0), parameters, &mut random);
        while trickle.next_deadline().0 <= until {
            for _ in 0..heard {
                trickle.hear();
            }
            let now = trickle.next_deadline();
            if trickle.poll(now, parameters, &mut random) {
                sent.push(now.0);
            }
        }
        sent
    }

    #[test]
    fn intervals_double_and_each_transmits_in_its_second_half() {
        for seed in 0..20 {
            let sent = run(PARAMETERS, 3_600_000, 0, seed);
            let (mut start, mut length) = (0, 4096);
            for at in sent {
                assert!((start + length / 2..start + length).contains(&at), "{at} in {start}+{length}");
                start += length;
                length = (length * 2).min(4096 << 8);
            }
        }
    }

    #[test]
    fn k_messages_suppress_and_k_of_zero_never_does() {
        assert!(run(PARAMETERS, 3_600_000, 10, 1).is_empty());
        assert!(!run(PARAMETERS, 3_600_000, 9, 1).is_empty());
        assert!(!run(Parameters { redundancy: 0, ..PARAMETERS }, 3_600_000, 255, 1).is_empty());
    }

    #[test]
    fn a_reset_restarts_only_an_interval_that_has_grown() {
        let (mut trickle, mut random) = (Trickle::default(), Sequence(4));
        assert_eq!(trickle.next_deadline(), Instant::NEVER);
        trickle.reset(Instant(0), PARAMETERS, &mut random);
        let first = trickle.next_deadline();
        trickle.reset(Instant(1), PARAMETERS, &mut random);
        assert_eq!(trickle.next_deadline(), first);
        for _ in 0..9 {
            let now = trickle.next_deadline();
            trickle.poll(now, PARAMETERS, &mut random);
        }
        let now = trickle.next_deadline();
        trickle.reset(now, PARAMETERS, &mut random);
        assert!(trickle.next_deadline().since(now) < 4096);
    }

    #[test]
    fn after_a_long_pause_the_deadline_lies_in_the_future() {
        for seed in 0..20 {
            let (mut trickle, mut random) = (Trickle::default(), Sequence(seed));
            trickle.reset(Instant(0), PARAMETERS, &mut random);
            // First before it has transmitted, then behind that.
            for day in 1..4 {
                let now = Instant(day * 86_400_000);
                trickle.poll(now, PARAMETERS, &mut random);
                assert!(trickle.next_deadline() > now, "{seed} {day}");
                assert!(!trickle.poll(now, PARAMETERS, &mut random));
            }
        }
    }

    #[test]
    fn hostile_parameters_cannot_make_it_flood() {
        for (interval_min, doublings) in [(0, 0), (0, 255), (255, 255), (3, 0), (31, 1)] {
            let parameters = Parameters { interval_min, doublings, redundancy: 0 };
            assert!(run(parameters, 60_000, 0, 7).len() < 40);
        }
    }
}
