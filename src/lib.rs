// SPDX-License-Identifier: MIT OR Apache-2.0
//! `mote`: one embeddable library between a constrained device's radio and its application.
//!
//! | room | what it holds |
//! |---|---|
//! | [`status`], [`time`], [`bytes`], [`memory`], [`address`], [`table`], `row`, [`text`], [`backoff`], [`random`] | the shared parts |
//! | [`link_address`] | addresses of IEEE 802.15.4 and Ethernet |
//! | [`lollipop`] | sequence counters of RPL and of neighbour discovery |
//! | [`port`] | the porting layer as the core sees it, one file per service |
//! | [`linux`] | the ready-made port to Linux (`ports/linux`) |
//! | [`transport`] | the datagram and stream seams that engines send through |
//! | [`node`] | the event loop's schedule: which engine is due, which socket is ready |
//! | [`sim`] | deterministic networks under a virtual clock, for tests (`std`) |
//! | [`ffi`] | the C ABI, one file per section of the header |
//! | [`coap`] | CoAP client and server |
//! | [`ieee802154`], [`lowpan`] | the mesh's frames and MAC, and IPv6 in them |
//! | [`ipv6`] | IPv6 host and router |
//! | [`mesh`] | a node of the mesh: MAC, 6LoWPAN, IPv6 and RPL as one |
//! | [`mqtt`] | MQTT 3.1.1 and 5.0 client |
//!
//! Engines do no I/O: they own no socket, no thread and no clock. Their methods fall into
//! four families, named alike everywhere: getters, commands, input (`receive…`) and time
//! (`poll`, `next_deadline`). See `docs/engines.md` for the pattern.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)]

pub mod address;
pub mod backoff;
pub mod bytes;
pub mod checksum;
#[cfg(any(feature = "coap-client", feature = "coap-server"))]
pub mod coap;
pub mod ffi;
#[cfg(feature = "ieee802154")]
pub mod ieee802154;
#[cfg(feature = "ipv6")]
pub mod ipv6;
#[cfg(any(feature = "ieee802154", feature = "ipv6"))]
pub mod link_address;
#[cfg(all(feature = "std", target_os = "linux"))]
#[path = "../ports/linux/mod.rs"]
pub mod linux;
#[cfg(feature = "ipv6")]
pub mod lollipop;
#[cfg(feature = "lowpan")]
pub mod lowpan;
pub mod memory;
#[cfg(any(feature = "rpl-storing", feature = "rpl-non-storing"))]
pub mod mesh;
#[cfg(any(feature = "mqtt-v3", feature = "mqtt-v5"))]
pub mod mqtt;
pub mod node;
#[cfg(all(feature = "panic-handler", not(feature = "std")))]
mod panic;
pub mod port;
pub mod random;
mod row;
#[cfg(feature = "rpl")]
pub mod rpl;
#[cfg(feature = "std")]
pub mod sim;
pub mod status;
pub mod store;
pub mod table;
pub mod text;
pub mod time;
pub mod transport;
