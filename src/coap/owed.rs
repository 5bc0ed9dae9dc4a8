// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Echo value that came with an answer other than a challenge: it goes with the next request (RFC 9175 §2.3).
#![forbid(unsafe_code)]

use super::wire::{Encoder, number};
use crate::bytes;

/// The longest Echo value (RFC 9175 §2.2.1).
const LONGEST: usize = 40;

/// One value, the latest that came: its server lives without the others.
#[derive(Debug)]
pub(super) struct Owed {
    /// To which peer; to nobody unless there is a value.
    peer: u16,
    length: u8,
    value: [u8; LONGEST],
}

impl Default for Owed {
    fn default() -> Owed {
        Owed { peer: 0, length: 0, value: [0; LONGEST] }
    }
}

impl Owed {
    /// A value came from this peer.
    pub(super) fn keep(&mut self, peer: u16, echo: &[u8]) {
        (self.peer, self.length) = (peer, 0);
        if echo.len() <= LONGEST {
            self.length = bytes::copy(&mut self.value, echo) as u8;
        }
    }

    /// Somebody else is behind the number of this peer from now on.
    pub(super) fn forget(&mut self, peer: u16) {
        if self.peer == peer {
            self.length = 0;
        }
    }

    /// Adds the value to a request to this peer, unless one is there or it leaves no room for `payload` bytes.
    #[inline(never)] // One copy.
    pub(super) fn put(&mut self, peer: u16, out: &mut Encoder<'_>, payload: usize) {
        let Some(value) = self.value.get(..self.length.into()) else { return };
        // In front of the value go up to three bytes.
        let fits = payload + value.len() + 3 <= out.room();
        if self.peer == peer && !value.is_empty() && fits && !out.has(number::ECHO) {
            let _ = out.option(number::ECHO, value);
            self.length = 0;
        }
    }
}
