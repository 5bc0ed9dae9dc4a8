// SPDX-License-Identifier: MIT OR Apache-2.0
//! The test descriptions of the ETSI CoAP plugtests, each as a test of its own name: our client
//! against our server, with the messages on the wire held against the description.
//!
//! CORE_30 is in none of the public descriptions. CORE_24 to CORE_29 put a reverse proxy between
//! client and server: the library is none, so the tests bring one, built on the library, in
//! `proxy.rs`.
#![cfg(all(feature = "std", feature = "coap"))]

#[path = "../coap_support/mod.rs"]
mod coap_support;

mod block;
mod core;
mod link;
mod observe;
mod proxy;
mod world;
