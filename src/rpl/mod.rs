// SPDX-License-Identifier: MIT OR Apache-2.0
//! RPL, the routing protocol for low-power and lossy networks (RFC 6550).
#![forbid(unsafe_code)]

pub mod wire;
