// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one rule for trying again: exponential back-off with jitter.
//!
//! CoAP retransmits by it (RFC 7252 §4.2), MQTT reconnects by it, RPL repeats its DAOs by it.
#![forbid(unsafe_code)]

use crate::random::Random;

/// How delays grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The shortest first delay, in milliseconds.
    pub initial: u32,
    /// No delay grows beyond this, in milliseconds.
    pub ceiling: u32,
    /// How often to try again after the first attempt; `u8::MAX` means without end.
    pub retries: u8,
    /// How the delays are spread.
    pub jitter: Jitter,
}

/// How delays are spread, so that many devices do not try again together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// The first delay is drawn once from `initial` to `initial × factor / 256`, and doubled
    /// from then on (CoAP, whose ACK_RANDOM_FACTOR 1.5 is 384 here).
    First(u16),
    /// Each delay is drawn from 0 to the doubled bound (reconnecting).
    Full,
}

/// One sequence of attempts under a [`Policy`]. The default one has not started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    bound: u32,
    // A byte suffices; this leaves no gap.
    retries: u32,
}

impl Backoff {
    /// Starts a sequence: the first attempt is made now.
    pub fn start(policy: &Policy, random: &mut dyn Random) -> Backoff {
        let bound = match policy.jitter {
            Jitter::First(factor) => {
                let spread = (u64::from(policy.initial) * u64::from(factor.saturating_sub(256))) >> 8;
                let spread = u32::try_from(spread).unwrap_or(u32::MAX - 1);
                policy.initial.saturating_add(random.below(spread + 1))
            }
            Jitter::Full => policy.initial,
        };
        Backoff { bound, retries: 0 }
    }

    /// How often an attempt has been repeated so far.
    pub const fn retries(&self) -> u8 {
        self.retries as u8
    }

    /// The delay to come, in milliseconds; with [`Jitter::Full`] the bound below which it is drawn.
    pub const fn bound(&self) -> u32 {
        self.bound
    }

    /// How long to wait for the outcome of the attempt just made, in milliseconds.
    pub fn delay(&self, policy: &Policy, random: &mut dyn Random) -> u32 {
        let bound = self.bound.min(policy.ceiling);
        match policy.jitter {
            Jitter::First(_) => bound,
            Jitter::Full => random.below(bound.saturating_add(1)),
        }
    }

    /// The wait is over without success. Whether to try again; if not, the sequence has failed.
    pub const fn again(&mut self, policy: &Policy) -> bool {
        self.again_within(policy.retries)
    }

    /// The same where all that is known of the policy is how often it repeats ([`u8::MAX`] for
    /// without end).
    #[inline(never)] // One copy for all engines.
    pub const fn again_within(&mut self, retries: u8) -> bool {
        if retries != u8::MAX && self.retries >= retries as u32 {
            return false;
        }
        if self.retries < u8::MAX as u32 {
            self.retries += 1;
        }
        self.bound = self.bound.saturating_mul(2);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Sequence;

    #[test]
    fn coap_doubles_from_one_draw_and_gives_up() {
        let policy = Policy { initial: 2000, ceiling: u32::MAX, retries: 4, jitter: Jitter::First(384) };
        for seed in 0..50 {
            let mut random = Sequence(seed);
            let mut backoff = Backoff::start(&policy, &mut random);
            let first = backoff.delay(&policy, &mut random);
            assert!((2000..=3000).contains(&first));
            for retry in 1..=4 {
                assert!(backoff.again(&policy));
                assert_eq!(backoff.delay(&policy, &mut random), first << retry);
            }
            assert!(!backoff.again(&policy));
            assert_eq!(backoff.retries(), 4);
        }
    }

    #[test]
    fn reconnecting_draws_below_a_growing_bound_without_end() {
        let policy = Policy { initial: 1000, ceiling: 60_000, retries: u8::MAX, jitter: Jitter::Full };
        let mut random = Sequence(3);
        let mut backoff = Backoff::start(&policy, &mut random);
        let mut largest = 0;
        for attempt in 0..2000u32 {
            let delay = backoff.delay(&policy, &mut random);
            assert!(delay <= 60_000 && delay <= 1000u32.saturating_mul(1 << attempt.min(20)));
            largest = largest.max(delay);
            assert!(backoff.again(&policy));
        }
        assert!(largest > 50_000);
    }
}
