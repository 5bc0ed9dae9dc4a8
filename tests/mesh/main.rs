// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mesh as a whole: nodes that join, ping and talk over a simulated radio channel.
#![cfg(all(feature = "std", feature = "mesh"))]

mod anything;
mod behaviour;
mod border;
#[cfg(feature = "ghc")]
mod ghc;
mod harness;
mod networks;
mod scale;
#[cfg(feature = "sixlorh")]
mod sixlorh;
