// SPDX-License-Identifier: MIT OR Apache-2.0
//! RPL: one engine by itself, and networks of many nodes.
#![cfg(all(feature = "rpl-storing", feature = "rpl-non-storing", feature = "of0", feature = "mrhof"))]

mod aftermath;
mod bench;
mod corners;
mod daos;
mod harness;
mod networks;
mod packets;
mod repair;
mod rules;
mod solicitations;
