// SPDX-License-Identifier: MIT OR Apache-2.0
//! CoAP: the Constrained Application Protocol (RFC 7252) with its extensions.
//!
//! | file | what it holds |
//! |---|---|
//! | [`wire`] | the message format: codes, options in any order, block values |
#![forbid(unsafe_code)]

pub mod wire;
