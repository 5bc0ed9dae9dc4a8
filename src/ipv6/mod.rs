// SPDX-License-Identifier: MIT OR Apache-2.0
//! IPv6 host and router: forwarding, ICMPv6, neighbour discovery, UDP.
#![forbid(unsafe_code)]

pub mod link;
pub mod routing;
pub mod wire;
