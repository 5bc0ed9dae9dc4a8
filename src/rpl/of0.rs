// SPDX-License-Identifier: MIT OR Apache-2.0
//! Objective Function Zero (RFC 6552), with rank factor 1 and no stretch, its step of rank taken
//! from the ETX.
#![forbid(unsafe_code)]

use super::path::{Assessment, Candidate, saturate};
use super::wire::Configuration;

/// Bounds of the step of rank (§6.3).
const MINIMUM_STEP_OF_RANK: u32 = 1;
const MAXIMUM_STEP_OF_RANK: u32 = 9;

/// Sp = 3 × ETX − 2, as RFC 8180 §5.1.1 has it, from an ETX times 128: 1 for a perfect link.
fn step_of_rank(etx: u16) -> u32 {
    let step = (3 * u32::from(etx)).saturating_sub(256 - 64) >> 7;
    step.clamp(MINIMUM_STEP_OF_RANK, MAXIMUM_STEP_OF_RANK)
}

/// The path through a neighbour. A step of rank is coarse: a whole step less is worth a change, and
/// noise below it causes none.
pub(super) fn assess(candidate: &Candidate, configuration: &Configuration) -> Assessment {
    let unit = u32::from(configuration.min_hop_rank_increase.max(1));
    let cost = u32::from(candidate.rank) + step_of_rank(candidate.etx) * unit;
    Assessment { cost, rank: saturate(cost), threshold: unit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_is_one_for_a_perfect_link_and_stays_in_its_bounds() {
        assert_eq!([128, 171, 256, 384, 512].map(step_of_rank), [1, 2, 4, 7, 9]);
        assert!((0..=u16::MAX).all(|etx| (1..=9).contains(&step_of_rank(etx))));
    }

    #[test]
    fn rank_grows_by_steps_of_min_hop_rank_increase() {
        let configuration = Configuration { min_hop_rank_increase: 100, ..Configuration::default() };
        let candidate = Candidate { rank: 100, etx: 128, metric: 7, path: u32::MAX };
        assert_eq!(assess(&candidate, &configuration).rank, 200);
        let far = Candidate { rank: 65_500, ..candidate };
        assert_eq!(assess(&far, &configuration).rank, 0xffff);
    }
}
