// SPDX-License-Identifier: MIT OR Apache-2.0
//! 6LoWPAN: IPv6 in the frames of IEEE 802.15.4.
//!
//! | file | what it holds |
//! |---|---|
//! | [`context`] | the prefixes that sender and receiver share |
//! | [`iphc`] | the compressed IPv6 header (RFC 6282 §3) |
//! | [`nhc`] | the compressed headers behind it (RFC 6282 §4), of extensions and UDP |
//! | [`packet`] | both, for whole packets |
//! | `ghc` | bytecode for headers and payloads (RFC 7400) |
//! | [`fragment`] | fragmentation and reassembly (RFC 4944 §5.3) |
//! | `mesh` | mesh-under (RFC 4944 §5.2, §11) |
//! | `sixlorh`, `sixlorh_send` | RPL's headers compressed (RFC 8138), received and sent |
//! | [`interface`] | the engine: packets in, frames out, and back |
#![forbid(unsafe_code)]

pub mod context;
pub mod fragment;
#[cfg(feature = "ghc")]
mod ghc;
pub mod interface;
pub mod iphc;
#[cfg(feature = "mesh-under")]
pub mod mesh;
pub mod nhc;
pub mod packet;
#[cfg(feature = "sixlorh")]
pub mod sixlorh;
#[cfg(feature = "sixlorh")]
mod sixlorh_send;

/// Dispatch byte of an IPv6 packet as it is (RFC 4944 §5.1).
pub const DISPATCH_IPV6: u8 = 0x41;
