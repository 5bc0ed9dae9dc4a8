// SPDX-License-Identifier: MIT OR Apache-2.0
//! CoAP: the Constrained Application Protocol (RFC 7252) with its extensions.
//!
//! | file | what it holds |
//! |---|---|
//! | [`link`] | the CoRE link format: read, filter, write |
//! | [`problem`] | concise problem details |
//! | [`uri`] | URIs to options and back |
//! | [`wire`] | the message format: codes, options in any order, block values |
//! | `endpoint` | the [`Endpoint`]: client and server in one; what comes in, and time |
//! | `message` | the message layer: sending, and sending again |
//! | `client`, `response` | requests of ours, and what responses do to them |
//! | `server`, `reply` | requests of peers, and building the answers |
//! | `exchange` | how exchanges come and go, and de-duplication |
//! | `transfer` | block-wise bodies at the server |
//! | `observe` | observers at the server |
//! | `listing` | `/.well-known/core` |
//! | `tables`, `entry` | the tables, and what their entries have in common |
//! | `pending`, `served` | the entries: requests of ours, and what is kept of requests of peers |
//! | `pool`, `peers` | where messages are kept, and what is known of each peer |
//! | `owed`, `key` | the Echo value to send back; fingerprints |
//! | `event` | what is asked of it ([`Request`], [`Response`]) and what it reports ([`Event`]) |
//! | `resources` | the [`Resource`]s of a server, and how a request finds its own |
//! | `params` | the [`Params`] of transmission and the capacities ([`Config`]) |
//! | `stats` | the counters |
#![forbid(unsafe_code)]

mod cbor;
mod client;
mod endpoint;
mod entry;
mod event;
mod exchange;
mod key;
pub mod link;
mod listing;
mod message;
mod observe;
mod owed;
mod params;
mod peers;
mod pending;
mod pool;
pub mod problem;
mod reply;
mod resources;
mod response;
mod served;
mod server;
mod stats;
mod tables;
mod transfer;
pub mod uri;
pub mod wire;

pub use endpoint::Endpoint;
pub use event::{Cause, Event, Incoming, OptionList, Part, Request, Response};
pub use params::{Config, Params};
pub use resources::{Resource, flags, method_bit, methods};
pub use stats::Stats;
