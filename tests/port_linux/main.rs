// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Linux port, called through its tables as a node would.
#![cfg(all(feature = "std", target_os = "linux"))]
#![allow(unsafe_code, unreachable_pub, missing_docs)]

mod fixture;
mod resolver;
mod store;
mod tap;
mod tcp;
mod tun;
mod udp;
mod udp_errors;
mod waiting;
