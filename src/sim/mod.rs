// SPDX-License-Identifier: MIT OR Apache-2.0
//! Deterministic networks under a virtual clock: the test harness that all protocols share.
//!
//! * [`net`]: datagrams between any number of hosts, with scripted loss, duplication,
//!   reordering, delay and corruption.
//! * [`stream`]: connections between pairs of ends, with scripted chunks, delay, back-pressure, cuts.
//! * [`radio`]: an IEEE 802.15.4 channel with any number of radios on it.
//! * [`pcap`]: captures of what was sent, for tshark and Wireshark.
//!
//! The same seed and the same calls give the same run to the byte. This is hosted code: it
//! allocates, and it panics when an engine breaks the pattern of `docs/engines.md`.
#![forbid(unsafe_code)]

#[cfg(feature = "mesh")]
pub mod mesh;
pub mod net;
pub mod pcap;
#[cfg(feature = "ieee802154")]
pub mod radio;
pub mod stream;

/// How often an engine may ask to be polled again at the very same instant before the harness
/// calls it a spin.
const SPIN_LIMIT: u32 = 10_000;
