// SPDX-License-Identifier: MIT OR Apache-2.0
//! Randomness as the engines see it.
#![forbid(unsafe_code)]

/// A source of random bytes. On a device it is fed by the port's entropy service; in a test
/// it is a [`Sequence`], so that the same seed gives the same run.
pub trait Random {
    /// Fills `out` with random bytes.
    fn fill(&mut self, out: &mut [u8]);

    /// 32 random bits.
    fn u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        u32::from_ne_bytes(bytes)
    }

    /// A number from 0 to `bound - 1`, each alike likely but for a bias below `bound` in 2^32;
    /// 0 when `bound` is 0.
    fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.u32()) * u64::from(bound)) >> 32) as u32
    }
}

/// A repeatable sequence (SplitMix64) for tests, the simulator and jitter. Not for secrets.
#[derive(Clone, Debug)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Random for Sequence {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            for (to, from) in chunk.iter_mut().zip(self.next().to_ne_bytes()) {
                *to = from;
            }
        }
    }
}

/// Replaces what random bytes were left by a sequence that they seed (Marsaglia's xorshift). Not for secrets.
///
/// Devices have it for when their entropy fails: of 32 bits, as the 64-bit products of a [`Sequence`] take three times the
/// code there.
pub(crate) fn stretch(bytes: &mut [u8]) {
    // The state of a xorshift is never 0.
    let mut state = bytes.iter().fold(0u32, |seed, byte| seed.rotate_left(9) ^ u32::from(*byte)) | 1;
    for byte in bytes {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *byte = (state >> 24) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        let mut random = Sequence(1);
        let seen: std::collections::BTreeSet<u32> = (0..200).map(|_| random.below(5)).collect();
        assert_eq!(seen, (0..5).collect());
        assert_eq!(random.below(0), 0);
        assert_eq!(Sequence(7).next(), Sequence(7).next());
    }
}
