// SPDX-License-Identifier: MIT OR Apache-2.0
//! Monotonic time in milliseconds. Engines never read a clock: time is an argument.
#![forbid(unsafe_code)]

use core::num::{NonZeroU16, NonZeroU32};

/// A point in monotonic time, in milliseconds since an arbitrary start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// No deadline.
    pub const NEVER: Instant = Instant(u64::MAX);
    /// The start of time: earlier than, or equal to, any other instant.
    pub const ZERO: Instant = Instant(0);

    /// This instant moved `ms` milliseconds later; stays [`Instant::NEVER`] once there.
    #[must_use]
    #[inline(never)] // It is everywhere, and 64-bit saturation takes more code than a call.
    pub const fn after(self, ms: u64) -> Instant {
        Instant(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this instant, 0 when `earlier` lies later.
    #[inline(never)]
    pub const fn since(self, earlier: Instant) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Becomes `other` if that is earlier.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub const fn hasten(&mut self, other: Instant) {
        if other.0 < self.0 {
            *self = other;
        }
    }

    /// Whether a deadline at this instant is due at `now`. [`Instant::NEVER`] never is.
    #[inline(never)]
    pub const fn is_due(self, now: Instant) -> bool {
        self.0 <= now.0 && self.0 != u64::MAX
    }
}

/// A second, in milliseconds.
pub const SECOND: NonZeroU16 = NonZeroU16::new(1000).unwrap();

/// How many whole `unit`s of milliseconds a duration has, at most `u32::MAX`.
#[inline(never)]
pub fn whole(duration: u64, unit: NonZeroU16) -> u32 {
    let quotient = if cfg!(target_pointer_width = "64") {
        duration / u64::from(unit.get())
    } else {
        long_division(duration, unit)
    };
    u32::try_from(quotient).unwrap_or(u32::MAX)
}

/// Division by digits of 16 bits, for processors that divide but 32: what compilers bring for 64 bits is ten times as long.
fn long_division(dividend: u64, divisor: NonZeroU16) -> u64 {
    let (mut rest, mut quotient) = (dividend, 0);
    let mut remainder = 0;
    for _ in 0..4 {
        remainder = remainder << 16 | (rest >> 48) as u32;
        rest <<= 16;
        quotient = quotient << 16 | u64::from(remainder / NonZeroU32::from(divisor));
        remainder %= NonZeroU32::from(divisor);
    }
    quotient
}

impl Default for Instant {
    fn default() -> Instant {
        Instant::NEVER
    }
}

/// An instant in six bytes, for tables of many: as exact, and good for 8,900 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed(2))]
pub struct Stamp {
    low: u32,
    high: u16,
}

impl Stamp {
    /// No deadline.
    pub const NEVER: Stamp = Stamp { low: u32::MAX, high: u16::MAX };
    /// The start of time.
    pub const ZERO: Stamp = Stamp { low: 0, high: 0 };

    /// Keeps `instant`.
    #[inline(never)]
    pub const fn set(&mut self, Instant(ms): Instant) {
        *self = Stamp { low: ms as u32, high: (ms >> 32) as u16 };
    }

    /// What was kept.
    #[inline(never)]
    pub const fn get(&self) -> Instant {
        match *self {
            Stamp::NEVER => Instant::NEVER,
            Stamp { low, high } => Instant(low as u64 | (high as u64) << 32),
        }
    }
}

impl From<Instant> for Stamp {
    fn from(instant: Instant) -> Stamp {
        let mut stamp = Stamp::ZERO;
        stamp.set(instant);
        stamp
    }
}

impl Default for Stamp {
    fn default() -> Stamp {
        Stamp::NEVER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_division_divides() {
        for divisor in [1u16, 7, 100, 1000, 60_000, u16::MAX] {
            let unit = NonZeroU16::new(divisor).unwrap();
            for dividend in [0, 1, 99, 1000, 65_535, 65_536, 1 << 42, u64::MAX / 3, u64::MAX] {
                assert_eq!(
                    long_division(dividend, unit),
                    dividend / u64::from(divisor),
                    "{dividend} {divisor}"
                );
            }
        }
        assert_eq!(whole(u64::MAX, NonZeroU16::MAX), u32::MAX);
        assert_eq!(whole(1_999, NonZeroU16::new(1000).unwrap()), 1);
    }

    #[test]
    fn never_stays_never_and_is_not_due() {
        assert_eq!(Instant::NEVER.after(5), Instant::NEVER);
        assert!(!Instant::NEVER.is_due(Instant::NEVER));
        assert!(Instant(3).is_due(Instant(3)));
        assert!(!Instant(4).is_due(Instant(3)));
        assert_eq!(Instant(3).since(Instant(9)), 0);
        let mut deadline = Instant::NEVER;
        for (other, earliest) in [(5, 5), (7, 5), (3, 3)] {
            deadline.hasten(Instant(other));
            assert_eq!(deadline, Instant(earliest));
        }
    }

    #[test]
    fn stamps_keep_instants_as_they_are() {
        for instant in [Instant::ZERO, Instant(0x1234_5678_9abc), Instant(0xffff_ffff_fffe), Instant::NEVER] {
            assert_eq!(Stamp::from(instant).get(), instant);
        }
        assert_eq!(Stamp::default().get(), Instant::NEVER);
    }
}
