// SPDX-License-Identifier: MIT OR Apache-2.0
//! IEEE 802.15.4: frames, and a MAC for radios that leave it to software.
//!
//! | file | what it holds |
//! |---|---|
//! | [`mac`], [`neighbour`], [`pool`] | sending and receiving frames, the links, the memory for frames |
//! | [`wire`], `control`, [`security`], [`element`], [`command`] | frames and what is in them |
//! | [`fields`] | frames as the MAC reads and writes them |
#![forbid(unsafe_code)]

pub mod command;
mod control;
pub mod element;
pub mod fields;
pub mod mac;
pub mod neighbour;
pub mod pool;
pub mod security;
pub mod wire;

pub use crate::link_address::LinkAddress;
