// SPDX-License-Identifier: MIT OR Apache-2.0
//! CoAP: the Constrained Application Protocol (RFC 7252) with its extensions.
//!
//! | file | what it holds |
//! |---|---|
//! | [`link`] | the CoRE link format: read, filter, write |
//! | [`problem`] | concise problem details |
//! | [`uri`] | URIs to options and back |
//! | [`wire`] | the message format: codes, options in any order, block values |
//! | `endpoint` | the [`Endpoint`]: client and server in one, its tables and its methods |
//! | `event` | what is asked of it ([`Request`], [`Response`]) and what it reports ([`Event`]) |
//! | `resources` | the [`Resource`]s of a server, and how a request finds its own |
//! | `params` | the [`Params`] of transmission and the capacities ([`Config`]) |
//! | `stats` | the counters |
#![forbid(unsafe_code)]
#![allow(dead_code)] // The behaviour follows the interface.

mod cbor;
mod endpoint;
mod event;
pub mod link;
mod params;
pub mod problem;
mod resources;
mod stats;
pub mod uri;
pub mod wire;

pub use endpoint::Endpoint;
pub use event::{Cause, Event, Incoming, OptionList, Part, Request, Response};
pub use params::{Config, Params};
pub use resources::{Resource, flags, method_bit, methods};
pub use stats::Stats;
