// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paths through a neighbour: what is known of them, and what all objective functions reckon alike.
#![forbid(unsafe_code)]

use super::wire::{Configuration, INFINITE_RANK, NO_VALUE, PathMetric};

pub(super) const HOP_COUNT: u8 = PathMetric::HopCount as u8;
pub(super) const LATENCY: u8 = PathMetric::Latency as u8;

/// Links with more expected transmissions (times 128) are not used: 4, the limit of
/// RFC 6719 §5.
pub const MAX_LINK_METRIC: u16 = 512;

/// What an objective function knows of a neighbour.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// The rank it advertises.
    pub rank: u16,
    /// Expected transmissions to it, times 128; at most [`MAX_LINK_METRIC`].
    pub etx: u16,
    /// The metric of the DODAG, as the type of its object: a [`PathMetric`].
    pub metric: u8,
    /// How long the path is that it advertises, `u32::MAX` when it advertises none.
    pub path: u32,
}

/// What an objective function makes of the path through a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// Lower is better.
    pub cost: u32,
    /// The rank that it gives, larger than the neighbour's.
    pub rank: u16,
    /// By how much another path must be cheaper to be worth a change.
    pub threshold: u32,
}

/// The expected transmissions of a path whose rank stands for those before the last hop.
pub(super) fn path_etx(candidate: &Candidate) -> u32 {
    u32::from(candidate.rank) + u32::from(candidate.etx)
}

/// A transmission is taken to last for 8.2 ms: a full frame of IEEE 802.15.4, its acknowledgement and the waiting
/// for a free channel; that is 2 to this power microseconds for each 128th of a transmission.
pub(super) const LATENCY_SHIFT: u32 = 6;

/// How long a path is, by a metric, with a link of this ETX more.
pub(super) fn one_hop_longer(path: u32, metric: u8, etx: u16) -> u32 {
    let link = match metric {
        HOP_COUNT => 1,
        LATENCY => u32::from(etx) << LATENCY_SHIFT,
        _ => NO_VALUE,
    };
    path.saturating_add(link)
}

/// The rank one hop below `rank`, the least that any objective function may give.
pub(super) fn one_hop_below(rank: u16, configuration: &Configuration) -> u16 {
    rank.saturating_add(configuration.min_hop_rank_increase.max(1))
}

/// A cost as a rank; what does not fit is infinite.
#[cfg(any(feature = "of0", feature = "mrhof"))]
pub(super) fn saturate(cost: u32) -> u16 {
    u16::try_from(cost).unwrap_or(INFINITE_RANK)
}
