// SPDX-License-Identifier: MIT OR Apache-2.0
//! In place of `elided` in a build without the feature `udp-elision`: every UDP checksum is sent, and what comes
//! without one is dropped, as nothing is known of another integrity check (RFC 6282 §4.3.2).
#![forbid(unsafe_code)]

use crate::status::{Error, Result};

/// Whether this build can do it.
pub(super) const IS_KNOWN: bool = false;

/// A UDP checksum that was elided: there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingChecksum {}

impl MissingChecksum {
    /// There never is.
    pub(super) const fn new(_: usize, _: usize) -> Result<MissingChecksum> {
        Err(Error::Security)
    }

    #[cfg(feature = "sixlorh")]
    pub(in crate::lowpan) const fn shift(&mut self, _: usize, _: bool) {
        match *self {}
    }

    /// As there is none, nothing is done.
    pub const fn fill(self, _: &mut [u8]) {
        match self {}
    }
}
