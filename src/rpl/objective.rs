// SPDX-License-Identifier: MIT OR Apache-2.0
//! The seam for objective functions: how good a path is, and which rank it gives.
#![forbid(unsafe_code)]

use super::wire::{Configuration, INFINITE_RANK};

/// Links with more expected transmissions (times 128) are not used: 4, the limit of
/// RFC 6719 §5.
pub const MAX_LINK_METRIC: u16 = 512;

/// What an objective function knows of a neighbour.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// The rank it advertises.
    pub rank: u16,
    /// Expected transmissions to it, times 128.
    pub etx: u16,
    /// The hop count of its metric container, when it advertises one.
    pub hop_count: Option<u8>,
}

/// An objective function (RFC 6550 §14).
pub trait ObjectiveFunction: Sync {
    /// The objective code point.
    fn code_point(&self) -> u16;

    /// The cost of the path through the neighbour; lower is better. `None` when the
    /// neighbour must not be used.
    fn path_cost(&self, candidate: &Candidate, configuration: &Configuration) -> Option<u32>;

    /// The rank that the path through the neighbour gives, larger than the neighbour's.
    fn rank(&self, candidate: &Candidate, cost: u32, configuration: &Configuration) -> u16;

    /// By how much another path must be cheaper to be worth a change.
    fn threshold(&self, candidate: &Candidate, configuration: &Configuration) -> u32;
}

/// The objective function with this code point, if this build has it.
pub fn objective_function(code_point: u16) -> Option<&'static dyn ObjectiveFunction> {
    const ALL: &[&dyn ObjectiveFunction] = &[
        #[cfg(feature = "mrhof")]
        &super::mrhof::Mrhof,
        #[cfg(feature = "of0")]
        &super::of0::Of0,
    ];
    ALL.iter().copied().find(|function| function.code_point() == code_point)
}

/// The rank one hop below `rank`, the least that any objective function may give.
pub(super) fn one_hop_below(rank: u16, configuration: &Configuration) -> u16 {
    rank.saturating_add(configuration.min_hop_rank_increase.max(1))
}

/// A cost as a rank; what does not fit is infinite.
pub(super) fn saturate(cost: u32) -> u16 {
    u16::try_from(cost).unwrap_or(INFINITE_RANK)
}
