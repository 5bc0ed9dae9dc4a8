// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Minimum Rank with Hysteresis Objective Function (RFC 6719), by ETX or by hop count. It has the
//! parameters that §5 recommends, and a parent set of the preferred parent, so that the other
//! members' ranks do not count.
#![forbid(unsafe_code)]

use super::objective::{Assessment, Candidate, one_hop_below, path_etx, saturate};
use super::wire::{Configuration, INFINITE_RANK};

/// Paths of more expected transmissions (times 128) are not used (§5).
const MAX_PATH_COST: u32 = 32_768;

/// How much cheaper another path must be (§5): 1.5 transmissions.
const PARENT_SWITCH_THRESHOLD: u32 = 192;

/// The path through a neighbour; its rank is infinite when it costs more than a path may.
pub(super) fn assess(candidate: &Candidate, configuration: &Configuration) -> Assessment {
    let least = one_hop_below(candidate.rank, configuration);
    if candidate.hop_count != u8::MAX {
        return Assessment { cost: u32::from(candidate.hop_count) + 1, rank: least, threshold: 1 };
    }
    // Without a metric container the rank stands for the path's ETX (§3.5).
    let cost = path_etx(candidate);
    let rank = if cost > MAX_PATH_COST { INFINITE_RANK } else { saturate(cost).max(least) };
    Assessment { cost, rank, threshold: PARENT_SWITCH_THRESHOLD }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_rank_plus_etx_and_rank_at_least_one_hop_more() {
        let configuration = Configuration { min_hop_rank_increase: 256, ..Configuration::default() };
        let candidate = Candidate { rank: 256, etx: 128, hop_count: u8::MAX };
        let near = assess(&candidate, &configuration);
        assert_eq!((near.cost, near.rank), (384, 512));
        let poor = Candidate { etx: 500, ..candidate };
        assert_eq!(assess(&poor, &configuration).rank, 756);
        let far = Candidate { rank: 32_700, ..candidate };
        assert_eq!(assess(&far, &configuration).rank, INFINITE_RANK);
    }

    #[test]
    fn a_container_with_a_hop_count_replaces_the_etx() {
        let configuration = Configuration { min_hop_rank_increase: 256, ..Configuration::default() };
        let candidate = Candidate { rank: 512, etx: 500, hop_count: 1 };
        assert_eq!(assess(&candidate, &configuration), Assessment { cost: 2, rank: 768, threshold: 1 });
    }
}
