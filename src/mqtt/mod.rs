// SPDX-License-Identifier: MIT OR Apache-2.0
//! MQTT 3.1.1 and 5.0: one client, the version being one field of its configuration.
//!
//! [`wire`] is the codec of every packet in both directions, [`topic`] validates and matches
//! topics, and the engine above them does no I/O of its own (`docs/engines.md`).
#![forbid(unsafe_code)]

pub mod topic;
pub mod wire;
