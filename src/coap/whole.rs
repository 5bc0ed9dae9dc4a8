// SPDX-License-Identifier: MIT OR Apache-2.0
//! Functions whose arguments stay whole.
//!
//! What a function takes by reference and only reads, the compiler takes apart, and passes piece by piece. These
//! have many callers, and each would have to load, keep and pass the pieces of what it has been handed itself: several
//! hundred bytes in all. A function that something points to is left as it is.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::entry::Head;
use super::message;
use super::peers::Peer;
use super::stats::Stats;
use crate::status::Result;
use crate::transport::{DatagramContext, Path};

type Engine = Endpoint<'static>;

/// What points to them.
#[allow(dead_code)] // That they are there is all.
struct Whole {
    send: fn(&mut DatagramContext<'_>, &mut Stats, &Path, &[u8]) -> Result<()>,
    send_empty: fn(&mut Engine, &mut DatagramContext<'_>, &Path, u32),
    send_stored: fn(&mut Engine, &mut DatagramContext<'_>, &Head) -> Result<()>,
    send_built: fn(&mut Engine, &mut DatagramContext<'_>, u16, usize),
    limit: fn(&mut Engine, &DatagramContext<'_>, u16) -> usize,
    is_secure: fn(&mut Engine, &DatagramContext<'_>, u16) -> bool,
    peer_of: fn(&Engine, &Head) -> &'static Peer,
    #[cfg(feature = "coap-server")]
    acknowledge: fn(&mut Engine, &mut DatagramContext<'_>, &super::exchange::Exchange),
}

static WHOLE: Whole = Whole {
    send: message::send,
    send_empty: Endpoint::send_empty,
    send_stored: Endpoint::send_stored,
    send_built: Endpoint::send_built,
    limit: Endpoint::limit,
    is_secure: Endpoint::is_secure,
    peer_of: Endpoint::peer_of,
    #[cfg(feature = "coap-server")]
    acknowledge: Endpoint::acknowledge,
};

/// Lets the compiler believe that the pointers are used.
pub(super) fn keep() {
    core::hint::black_box(&WHOLE);
}
