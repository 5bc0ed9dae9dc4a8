// SPDX-License-Identifier: MIT OR Apache-2.0
//! Objective functions (RFC 6550 §14): how good a path is, and which rank it gives.
#![forbid(unsafe_code)]

pub use super::path::{Assessment, Candidate, MAX_LINK_METRIC};

use super::path::{one_hop_below, path_etx};
use super::wire::Configuration;

/// Whether this build has the objective function with this code point.
pub const fn is_known(code_point: u16) -> bool {
    (code_point == 0 && cfg!(feature = "of0")) || (code_point == 1 && cfg!(feature = "mrhof"))
}

/// The path through a neighbour by the objective function with this code point; for one that this
/// build has not, by that of a leaf, which attaches to the nearest router.
pub fn assess(code_point: u16, candidate: &Candidate, configuration: &Configuration) -> Assessment {
    match code_point {
        #[cfg(feature = "of0")]
        0 => super::of0::assess(candidate, configuration),
        #[cfg(feature = "mrhof")]
        1 => super::mrhof::assess(candidate, configuration),
        _ => Assessment {
            cost: path_etx(candidate),
            rank: one_hop_below(candidate.rank, configuration),
            threshold: u32::from(candidate.etx),
        },
    }
}
