// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Minimum Rank with Hysteresis Objective Function (RFC 6719), by ETX, hop count or latency. It has the
//! parameters that §5 recommends, and a parent set of the preferred parent, so that the other
//! members' ranks do not count.
#![forbid(unsafe_code)]

use super::path::{
    Assessment, Candidate, HOP_COUNT, LATENCY, LATENCY_SHIFT, one_hop_below, one_hop_longer, path_etx,
    saturate,
};
use super::wire::{Configuration, INFINITE_RANK};

/// Paths of more expected transmissions (times 128) are not used (§5).
const MAX_PATH_COST: u32 = 32_768;

/// How much cheaper another path must be (§5): 1.5 transmissions.
const PARENT_SWITCH_THRESHOLD: u32 = 192;

/// The path through a neighbour; its rank is infinite when it costs more than a path may.
pub(super) fn assess(candidate: &Candidate, configuration: &Configuration) -> Assessment {
    let least = one_hop_below(candidate.rank, configuration);
    let longer = one_hop_longer(candidate.path, candidate.metric, candidate.etx);
    let (cost, rank, threshold) = match candidate.metric {
        HOP_COUNT => (longer, saturate(longer), 1),
        // In the unit of an ETX, so that the threshold is the same.
        LATENCY => (longer >> LATENCY_SHIFT, (longer >> 16) as u16, PARENT_SWITCH_THRESHOLD),
        _ => {
            // Without a metric container the rank stands for the path's ETX (§3.5).
            let cost = path_etx(candidate);
            let rank = if cost > MAX_PATH_COST { INFINITE_RANK } else { saturate(cost) };
            (cost, rank, PARENT_SWITCH_THRESHOLD)
        }
    };
    // A neighbour that does not say how long its path is comes out as infinitely far.
    Assessment { cost, rank: rank.max(least), threshold }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpl::wire::NO_VALUE;

    #[test]
    fn cost_is_rank_plus_etx_and_rank_at_least_one_hop_more() {
        let configuration = Configuration { min_hop_rank_increase: 256, ..Configuration::default() };
        let candidate = Candidate { rank: 256, etx: 128, metric: 7, path: NO_VALUE };
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
        let candidate = Candidate { rank: 512, etx: 500, metric: HOP_COUNT, path: 1 };
        assert_eq!(assess(&candidate, &configuration), Assessment { cost: 2, rank: 768, threshold: 1 });
        let silent = Candidate { path: NO_VALUE, ..candidate };
        assert_eq!(assess(&silent, &configuration).rank, INFINITE_RANK);
    }

    #[test]
    fn latency_makes_a_rank_of_its_65536th() {
        let configuration = Configuration { min_hop_rank_increase: 2, ..Configuration::default() };
        // The root's, and 1.5 transmissions to it.
        let candidate = Candidate { rank: 2, etx: 192, metric: LATENCY, path: 2 << 16 };
        let near = assess(&candidate, &configuration);
        assert_eq!((near.cost, near.rank), ((2 << 10) + 192, 4));
        let far = Candidate { path: 700 << 16, ..candidate };
        assert_eq!(assess(&far, &configuration).rank, 700);
        let silent = Candidate { path: NO_VALUE, ..candidate };
        assert_eq!(assess(&silent, &configuration).rank, INFINITE_RANK);
    }
}
