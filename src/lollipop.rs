// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sequence counters in lollipop fashion (RFC 6550 §7.2, and RFC 8505 §5.2.1 for transaction IDs): a linear start
//! from 128 to 255, then a circle from 0 to 127.
#![forbid(unsafe_code)]

use crate::random::Random;
use core::cmp::Ordering;

/// How far apart two counters of one region may be and still be compared.
pub const SEQUENCE_WINDOW: u8 = 16;

/// Where a counter starts.
pub const START: u8 = 0u8.wrapping_sub(SEQUENCE_WINDOW);

/// Where a DTSN starts, not always at the same, so that children see by it that a router has started anew and knows
/// no routes.
pub fn fresh(random: &mut dyn Random) -> u8 {
    START + (random.below(u32::from(SEQUENCE_WINDOW)) as u8)
}

/// The counter after `counter`.
#[must_use]
#[cfg_attr(not(feature = "std"), inline(never))]
pub const fn next(counter: u8) -> u8 {
    // 255 and 127 both go to 0.
    if counter & 0x7f == 0x7f { 0 } else { counter + 1 }
}

/// Whether the counter still tells of a recent start.
pub const fn is_linear(counter: u8) -> bool {
    counter >= 128
}

/// How `a` stands to `b`; `None` when they are not comparable.
pub fn compare(a: u8, b: u8) -> Option<Ordering> {
    match (is_linear(a), is_linear(b)) {
        // b is ahead of the linear a if it comes within the window after the wrap.
        (true, false) => Some(linear_to_circular(a, b)),
        (false, true) => Some(linear_to_circular(b, a).reverse()),
        (true, true) => (a.abs_diff(b) <= SEQUENCE_WINDOW).then(|| a.cmp(&b)),
        (false, false) => {
            let ahead = a.wrapping_sub(b) & 0x7f;
            if ahead == 0 {
                Some(Ordering::Equal)
            } else if ahead <= SEQUENCE_WINDOW {
                Some(Ordering::Greater)
            } else if 128 - ahead <= SEQUENCE_WINDOW {
                Some(Ordering::Less)
            } else {
                None
            }
        }
    }
}

fn linear_to_circular(linear: u8, circular: u8) -> Ordering {
    let distance = 256 + u16::from(circular) - u16::from(linear);
    if distance <= u16::from(SEQUENCE_WINDOW) { Ordering::Less } else { Ordering::Greater }
}

/// Whether `a` is newer than `b`, as far as the two can be compared.
pub fn is_newer(a: u8, b: u8) -> bool {
    compare(a, b) == Some(Ordering::Greater)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_section_7_2() {
        assert_eq!(START, 240);
        assert_eq!(compare(240, 5), Some(Ordering::Greater));
        assert_eq!(compare(250, 5), Some(Ordering::Less));
        assert_eq!(compare(5, 250), Some(Ordering::Greater));
        assert_eq!((next(255), next(127), next(126), next(0), next(240)), (0, 0, 127, 1, 241));
        assert_eq!(compare(1, 126), Some(Ordering::Greater));
        assert_eq!(compare(0, 64), None);
        assert_eq!(compare(128, 145), None);
        assert_eq!(compare(128, 144), Some(Ordering::Less));
    }

    #[test]
    fn a_counter_is_older_than_its_successors_in_the_window() {
        let mut counter = START;
        for _ in 0..400 {
            let mut later = counter;
            assert_eq!(compare(counter, counter), Some(Ordering::Equal));
            for _ in 0..SEQUENCE_WINDOW {
                later = next(later);
                assert!(is_newer(later, counter) && !is_newer(counter, later), "{later} after {counter}");
            }
            counter = next(counter);
        }
    }

    #[test]
    fn the_examples_of_rfc_8505_section_5_2_1() {
        assert!(is_newer(240, 5) && !is_newer(5, 240), "the example of rule 3.1");
        assert!(is_newer(5, 250) && !is_newer(250, 5), "the other example");
        assert!(is_newer(1, 0) && !is_newer(0, 1) && !is_newer(7, 7));
        assert!(is_newer(3, 125), "the circular region wraps");
        assert!(!is_newer(100, 50) && !is_newer(50, 100), "too far apart");
        assert!(is_newer(250, 240) && !is_newer(240, 250));
    }

    #[test]
    fn comparison_is_antisymmetric() {
        for a in 0..=255 {
            for b in 0..=255 {
                assert_eq!(compare(a, b), compare(b, a).map(Ordering::reverse), "{a} {b}");
            }
        }
    }
}
