// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Minimum Rank with Hysteresis Objective Function (RFC 6719), by ETX or by hop count.
#![forbid(unsafe_code)]

use super::objective::{Candidate, MAX_LINK_METRIC, ObjectiveFunction, one_hop_below, saturate};
use super::wire::Configuration;

/// Paths of more expected transmissions (times 128) are not used (§5).
const MAX_PATH_COST: u32 = 32_768;

/// How much cheaper another path must be (§5): 1.5 transmissions.
const PARENT_SWITCH_THRESHOLD: u32 = 192;

/// MRHOF with the parameters that §5 recommends, and a parent set of the preferred parent, so
/// that the other members' ranks do not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mrhof;

impl ObjectiveFunction for Mrhof {
    fn code_point(&self) -> u16 {
        1
    }

    fn path_cost(&self, candidate: &Candidate, _: &Configuration) -> Option<u32> {
        if candidate.etx > MAX_LINK_METRIC {
            return None;
        }
        match candidate.hop_count {
            Some(hops) => hops.checked_add(1).map(u32::from),
            // Without a metric container the rank stands for the path's ETX (§3.5).
            None => {
                let cost = u32::from(candidate.rank) + u32::from(candidate.etx);
                (cost <= MAX_PATH_COST).then_some(cost)
            }
        }
    }

    fn rank(&self, candidate: &Candidate, cost: u32, configuration: &Configuration) -> u16 {
        saturate(cost).max(one_hop_below(candidate.rank, configuration))
    }

    fn threshold(&self, candidate: &Candidate, _: &Configuration) -> u32 {
        if candidate.hop_count.is_some() { 1 } else { PARENT_SWITCH_THRESHOLD }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_rank_plus_etx_and_rank_at_least_one_hop_more() {
        let configuration = Configuration { min_hop_rank_increase: 256, ..Configuration::default() };
        let candidate = Candidate { rank: 256, etx: 128, hop_count: None };
        assert_eq!(Mrhof.path_cost(&candidate, &configuration), Some(384));
        assert_eq!(Mrhof.rank(&candidate, 384, &configuration), 512);
        let poor = Candidate { etx: 500, ..candidate };
        assert_eq!(Mrhof.rank(&poor, 756, &configuration), 756);
        assert_eq!(Mrhof.path_cost(&Candidate { etx: 513, ..candidate }, &configuration), None);
        assert_eq!(Mrhof.path_cost(&Candidate { rank: 32_700, ..candidate }, &configuration), None);
    }

    #[test]
    fn a_container_with_a_hop_count_replaces_the_etx() {
        let configuration = Configuration { min_hop_rank_increase: 256, ..Configuration::default() };
        let candidate = Candidate { rank: 512, etx: 500, hop_count: Some(1) };
        assert_eq!(Mrhof.path_cost(&candidate, &configuration), Some(2));
        assert_eq!(Mrhof.rank(&candidate, 2, &configuration), 768);
        assert_eq!(Mrhof.threshold(&candidate, &configuration), 1);
        assert_eq!(Mrhof.path_cost(&Candidate { hop_count: Some(255), ..candidate }, &configuration), None);
    }
}
