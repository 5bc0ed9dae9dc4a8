// SPDX-License-Identifier: MIT OR Apache-2.0
//! The seams that engines send through, and the events that come back.
//!
//! An engine is handed a [`Context`] with each call and keeps nothing of it. What is below —
//! a socket of the platform, UDP over the mesh, DTLS, TLS, WebSocket — is not its business:
//! the state of a connection and the failure of a handshake are events of the seam.
#![forbid(unsafe_code)]

mod datagram;
mod dial;
mod radio;
mod stream;

pub use datagram::{Datagram, DatagramEvent, Path};
pub use dial::{DIAL_ADDRESSES, DIAL_ATTEMPTS, DIAL_STAGGER, Dial};
pub use radio::{Radio, RadioAddresses, RadioCapabilities, RadioContext, RadioEvent, TransmitStatus};
pub use stream::{Stream, StreamEvent};

use crate::random::Random;
use crate::time::Instant;

/// What an engine is lent for the length of one call.
pub struct Context<'a, T: ?Sized> {
    /// The time now. Never earlier than in the call before.
    pub now: Instant,
    /// Where to send.
    pub transport: &'a mut T,
    /// Randomness.
    pub random: &'a mut dyn Random,
}

/// The context of an engine over datagrams.
pub type DatagramContext<'a> = Context<'a, dyn Datagram + 'a>;

/// The context of an engine over a stream.
pub type StreamContext<'a> = Context<'a, dyn Stream + 'a>;
