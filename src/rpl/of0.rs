// SPDX-License-Identifier: MIT OR Apache-2.0
//! Objective Function Zero (RFC 6552).
#![forbid(unsafe_code)]

use super::objective::{Candidate, MAX_LINK_METRIC, ObjectiveFunction, saturate};
use super::wire::Configuration;

/// Bounds of the step of rank (§6.3).
const MINIMUM_STEP_OF_RANK: u32 = 1;
const MAXIMUM_STEP_OF_RANK: u32 = 9;

/// OF0 with rank factor 1 and no stretch, its step of rank taken from the ETX.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of0;

/// Sp = 3 × ETX − 2, as RFC 8180 §5.1.1 has it, from an ETX times 128: 1 for a perfect link.
fn step_of_rank(etx: u16) -> u32 {
    let step = (3 * u32::from(etx)).saturating_sub(256 - 64) >> 7;
    step.clamp(MINIMUM_STEP_OF_RANK, MAXIMUM_STEP_OF_RANK)
}

impl ObjectiveFunction for Of0 {
    fn code_point(&self) -> u16 {
        0
    }

    fn path_cost(&self, candidate: &Candidate, configuration: &Configuration) -> Option<u32> {
        if candidate.etx > MAX_LINK_METRIC {
            return None;
        }
        let increase = step_of_rank(candidate.etx) * u32::from(configuration.min_hop_rank_increase.max(1));
        Some(u32::from(candidate.rank) + increase)
    }

    fn rank(&self, _: &Candidate, cost: u32, _: &Configuration) -> u16 {
        saturate(cost)
    }

    /// A step of rank is coarse: a whole step less is worth a change, and noise below it
    /// causes none.
    fn threshold(&self, _: &Candidate, configuration: &Configuration) -> u32 {
        u32::from(configuration.min_hop_rank_increase.max(1))
    }
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
        let candidate = Candidate { rank: 100, etx: 128, hop_count: None };
        let cost = Of0.path_cost(&candidate, &configuration).unwrap();
        assert_eq!(Of0.rank(&candidate, cost, &configuration), 200);
        assert_eq!(Of0.path_cost(&Candidate { etx: 513, ..candidate }, &configuration), None);
        let far = Candidate { rank: 65_500, ..candidate };
        assert_eq!(Of0.rank(&far, Of0.path_cost(&far, &configuration).unwrap(), &configuration), 0xffff);
    }
}
