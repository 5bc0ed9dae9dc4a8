// SPDX-License-Identifier: MIT OR Apache-2.0
//! A simulated IEEE 802.15.4 channel and the radios on it.
//!
//! Virtual time runs in microseconds; the nodes see it in milliseconds, each with a phase of its
//! own. Frames take their time on the air at 250 kbit/s; a receiver that hears two at once loses
//! both unless one is much stronger; carrier sense, turnaround times and acknowledgements are
//! those of the standard. What the radios do by themselves is set by [`Setup::capabilities`];
//! the rest is left to the nodes, which run the real stack.
//!
//! The same seed and the same calls give the same run to the byte.
#![forbid(unsafe_code)]

mod energy;
mod medium;
mod topology;
mod tuner;

pub use energy::{Energy, EnergyModel};
pub use medium::{Air, AirStats, Node, NodeId, Setup};
pub use topology::{Placement, Propagation, RadioLink, Topology};
pub use tuner::Tuner;
