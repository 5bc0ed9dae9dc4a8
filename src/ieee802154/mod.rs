// SPDX-License-Identifier: MIT OR Apache-2.0
//! IEEE 802.15.4: frames, and a MAC for radios that leave it to software.
#![forbid(unsafe_code)]

mod address;

pub use address::LinkAddress;
