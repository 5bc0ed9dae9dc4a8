// SPDX-License-Identifier: MIT OR Apache-2.0
//! Behaviour of RPL in networks of many nodes.
#![cfg(all(feature = "rpl-storing", feature = "rpl-non-storing", feature = "of0", feature = "mrhof"))]

mod harness;
mod networks;
mod packets;
