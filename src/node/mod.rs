// SPDX-License-Identifier: MIT OR Apache-2.0
//! The event loop, without the events: which engine is due, which socket is ready, what comes
//! next, and when to wake.
//!
//! [`Schedule`] decides, and whoever runs the node (the C ABI does) carries out one piece of
//! [`Work`] after the other while nothing is borrowed. [`Pool`] stretches the port's entropy.
#![forbid(unsafe_code)]

mod pool;
mod schedule;

pub use pool::Pool;
pub use schedule::{Attached, Schedule, Source, Work};
