// SPDX-License-Identifier: MIT OR Apache-2.0
//! Entropy fetched in portions.
#![forbid(unsafe_code)]

use crate::random::stretch;
use crate::status::Result;

const PORTION: usize = 64;

/// Hands out the port's entropy, fetched 64 bytes at a time so that a token does not cost a
/// call into the system.
#[derive(Debug)]
pub struct Pool {
    bytes: [u8; PORTION],
    used: usize,
}

impl Default for Pool {
    fn default() -> Pool {
        Pool { bytes: [0; PORTION], used: PORTION }
    }
}

impl Pool {
    /// Fills `out`, fetching through `source` when the pool is used up.
    ///
    /// A source that fails later than at the first portion is stretched: the last portion seeds
    /// a sequence that serves until the source is back. That keeps retransmission jitter and
    /// identifiers going; keys are never drawn from here.
    pub fn fill(&mut self, out: &mut [u8], mut source: impl FnMut(&mut [u8]) -> Result<()>) {
        for byte in out {
            if self.used >= PORTION {
                self.refill(&mut source);
            }
            *byte = self.bytes.get(self.used).copied().unwrap_or_default();
            self.used += 1;
        }
    }

    /// Fetches a portion at once; whether the source works.
    ///
    /// # Errors
    /// What `source` says.
    pub fn prime(&mut self, mut source: impl FnMut(&mut [u8]) -> Result<()>) -> Result<()> {
        source(&mut self.bytes)?;
        self.used = 0;
        Ok(())
    }

    fn refill(&mut self, source: &mut impl FnMut(&mut [u8]) -> Result<()>) {
        if self.prime(&mut *source).is_err() {
            stretch(&mut self.bytes);
            self.used = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Error;

    #[test]
    fn portions_are_handed_out_in_order_and_once() {
        let mut pool = Pool::default();
        let mut next = 0u8;
        let mut calls = 0;
        let mut seen = Vec::new();
        for length in [1, 63, 64, 100, 0, 28] {
            let mut out = vec![0; length];
            pool.fill(&mut out, |bytes| {
                calls += 1;
                for byte in bytes {
                    *byte = next;
                    next = next.wrapping_add(1);
                }
                Ok(())
            });
            seen.extend(out);
        }
        let expected: Vec<u8> = (0..=255).collect();
        assert_eq!(seen, expected);
        assert_eq!(calls, 4);
    }

    #[test]
    fn a_failing_source_is_stretched_and_never_repeats_a_portion() {
        let mut pool = Pool::default();
        pool.prime(|bytes| {
            bytes.fill(1);
            Ok(())
        })
        .unwrap();
        let mut out = [0; 192];
        pool.fill(&mut out, |_| Err(Error::Io));
        assert_ne!(out[..64], out[64..128]);
        assert_ne!(out[64..128], out[128..]);
        assert_eq!(pool.prime(|_| Err(Error::Io)), Err(Error::Io));
    }
}
