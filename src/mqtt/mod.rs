// SPDX-License-Identifier: MIT OR Apache-2.0
//! MQTT 3.1.1 and 5.0: one client, the version being one field of its configuration.
//!
//! | room | what it holds |
//! |---|---|
//! | [`wire`] | the codec of every packet, both versions, both directions |
//! | [`topic`] | validation and matching of topics |
//! | `client`, `config`, `event` | the client's parts, its getters, what it is told and tells |
//! | `command` | what the application asks |
//! | `receive` | what the server sends |
//! | `send`, `output` | what is sent, in which order |
//! | `names` | what was subscribed to |
//! | `connection` | attempts, CONNACK, keep-alive, deadlines |
//! | `session`, `log` | what outlives a connection and a restart |
//!
//! The client does no I/O of its own (`docs/engines.md`).
#![forbid(unsafe_code)]

mod client;
mod command;
mod config;
mod connection;
mod event;
mod log;
mod names;
mod output;
mod receive;
mod send;
mod session;
pub mod topic;
pub mod wire;

pub use client::{Client, Context, Statistics};
pub use command::Publication;
pub use config::{Config, RECONNECT};
pub use event::{Event, Message, Operation, Token};
pub use names::Subscription;
pub use wire::{Filter, Properties, Property, Reason, SubscriptionOptions, Version, Will};
