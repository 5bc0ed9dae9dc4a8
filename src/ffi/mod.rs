// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C ABI, thin: one file per section of the header.
//!
//! # How the files here are written
//!
//! An object of the C API is a Rust struct in the caller's block. Its functions turn the raw
//! pointer into a reference for a few lines at a time and never hold one while a callback of
//! the application runs: the engine is asked for an event, let go of, and only then is the
//! callback called. So a callback may call every function of the object, closing it included.
//! After a callback nothing of the object is touched any more; the node learns from its
//! schedule whether the object is still there.
#![allow(unsafe_code, non_camel_case_types)]
// A build with fewer protocols leaves parts of the frame unused; one with all must use everything.
#![cfg_attr(not(all(feature = "coap", feature = "mqtt", feature = "mesh")), allow(dead_code, unused_imports))]

mod address;
#[cfg(all(feature = "std", any(feature = "rpl-storing", feature = "rpl-non-storing")))]
mod air;
pub(crate) mod arguments;
#[cfg(any(feature = "coap-client", feature = "coap-server"))]
mod coap;
mod lookup;
mod mailbox;
mod members;
#[cfg(any(feature = "rpl-storing", feature = "rpl-non-storing"))]
mod mesh;
#[cfg(any(feature = "mqtt-v3", feature = "mqtt-v5"))]
mod mqtt;
mod node;
mod object;
mod opaque;
#[cfg(feature = "ieee802154")]
mod port_radio;
mod radio;
mod resolver;
#[cfg(feature = "std")]
mod sim;
mod status;
mod store;
mod tcp;

pub use address::*;
#[cfg(all(feature = "std", any(feature = "rpl-storing", feature = "rpl-non-storing")))]
pub use air::*;
#[cfg(any(feature = "coap-client", feature = "coap-server"))]
pub use coap::*;
pub use lookup::*;
#[cfg(any(feature = "rpl-storing", feature = "rpl-non-storing"))]
pub use mesh::*;
#[cfg(any(feature = "mqtt-v3", feature = "mqtt-v5"))]
pub use mqtt::*;
pub use node::*;
pub use opaque::*;
#[cfg(feature = "ieee802154")]
pub(crate) use port_radio::PortRadio;
pub use radio::*;
#[cfg(feature = "std")]
pub use sim::*;
pub use status::*;
