// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compression contexts: the prefixes that all nodes of a 6LoWPAN share (RFC 6282 §3.1.2).
#![forbid(unsafe_code)]

use crate::address::Ip;
use crate::status::{Error, Result};

/// How many context identifiers there are.
pub const CONTEXTS: usize = 16;

/// One shared prefix.
///
/// Its bits are kept as they stand in memory, so that nothing is swapped for comparing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The first 64 bits, those beyond the prefix zero.
    pub(super) high: u64,
    /// The last 64 bits, those beyond the prefix zero.
    pub(super) low: u64,
    /// Which bits of `low` the prefix covers.
    pub(super) low_mask: u64,
    /// The length of the prefix in bits.
    pub(super) length: u8,
    pub(super) id: u8,
    used: bool,
    /// Whether it may be used for compressing, not for decompressing alone (RFC 6775 §4.2).
    pub(super) compress: bool,
}

/// What stateless compression starts from: `fe80::/64`.
pub(super) const LINK_LOCAL: Context = Context {
    high: (0xfe80_u64 << 48).to_be(),
    low: 0,
    low_mask: 0,
    length: 64,
    id: 0,
    used: true,
    compress: true,
};

/// The contexts known here, in the caller's memory.
#[derive(Debug)]
pub struct Contexts<'m>(&'m mut [Context]);

impl<'m> Contexts<'m> {
    /// Contexts in `entries`, which holds as many as fit.
    pub const fn new(entries: &'m mut [Context]) -> Contexts<'m> {
        Contexts(entries)
    }

    /// Learns that `id` stands for the first `length` bits of `prefix`, in place of what it
    /// stood for before. With `compress` unset it is understood but not used in sending: so a
    /// context is introduced and phased out (RFC 6775 §5.4.3).
    ///
    /// # Errors
    /// [`Error::Invalid`] for an `id` over 15 or a `length` over 128; [`Error::Full`].
    pub fn set(&mut self, id: u8, prefix: Ip, length: u8, compress: bool) -> Result<()> {
        if usize::from(id) >= CONTEXTS || length > 128 {
            return Err(Error::Invalid);
        }
        let place = self.0.iter().position(|entry| entry.used && entry.id == id);
        let place = place.or_else(|| self.0.iter().position(|entry| !entry.used)).ok_or(Error::Full)?;
        let [high, low] = halves(&prefix.0);
        let low_mask = mask(length.saturating_sub(64));
        let entry = Context {
            high: high & mask(length),
            low: low & low_mask,
            low_mask,
            length,
            id,
            used: true,
            compress,
        };
        if let Some(slot) = self.0.get_mut(place) {
            *slot = entry;
        }
        Ok(())
    }

    /// Compresses with this prefix and no other from now on. The others are understood still, but make
    /// room if need be, that of the lowest `id` first.
    pub fn adopt(&mut self, id: u8, prefix: Ip, length: u8) {
        for entry in self.0.iter_mut() {
            entry.compress = false;
        }
        while self.set(id, prefix, length, true) == Err(Error::Full) {
            let Some(old) = (0..CONTEXTS as u8).find(|old| self.find(*old).is_some()) else { return };
            self.remove(old);
        }
    }

    /// Forgets what `id` stands for.
    pub fn remove(&mut self, id: u8) {
        for entry in self.0.iter_mut().filter(|entry| entry.id == id) {
            *entry = Context::default();
        }
    }

    /// The prefix that `id` stands for, its length in bits, and whether it is used in sending.
    pub fn get(&self, id: u8) -> Option<(Ip, u8, bool)> {
        let entry = self.find(id)?;
        Some((Ip(join([entry.high, entry.low])), entry.length, entry.compress))
    }

    pub(super) fn find(&self, id: u8) -> Option<&Context> {
        self.0.iter().find(|entry| entry.used && entry.id == id)
    }

    /// Those that may be used in sending.
    pub(super) fn usable(&self) -> impl Iterator<Item = &Context> {
        self.0.iter().filter(|entry| entry.used && entry.compress)
    }
}

/// The first so many bits.
#[cfg_attr(not(feature = "std"), inline(never))]
fn mask(bits: u8) -> u64 {
    u64::MAX.checked_shl(64 - u32::from(bits.min(64))).unwrap_or(0).to_be()
}

/// The two halves of an address, as they stand in memory.
pub(super) const fn halves(address: &[u8; 16]) -> [u64; 2] {
    // Compilers for large machines make two loads of this alone, those for small ones less code of the other.
    if cfg!(feature = "std")
        && let (Some(high), Some(low)) = (address.first_chunk(), address.last_chunk())
    {
        return [u64::from_ne_bytes(*high), u64::from_ne_bytes(*low)];
    }
    let [a, b, c, d, e, f, g, h, low @ ..] = *address;
    [u64::from_ne_bytes([a, b, c, d, e, f, g, h]), u64::from_ne_bytes(low)]
}

/// The address with these two halves.
pub(super) const fn join([high, low]: [u64; 2]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h] = high.to_ne_bytes();
    let [i, j, k, l, m, n, o, p] = low.to_ne_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_set_replaced_and_forgotten_in_bounded_memory() {
        let mut entries = [Context::default(); 2];
        let mut contexts = Contexts::new(&mut entries);
        let prefix = Ip::v6([0xfd00, 1, 2, 3, 4, 5, 6, 7]);
        contexts.set(3, prefix, 64, true).unwrap();
        contexts.set(0, prefix, 72, false).unwrap();
        assert_eq!(contexts.set(1, prefix, 64, true), Err(Error::Full));
        assert_eq!(contexts.set(16, prefix, 64, true), Err(Error::Invalid));
        assert_eq!(contexts.set(3, prefix, 129, true), Err(Error::Invalid));
        assert_eq!(contexts.get(3), Some((Ip::v6([0xfd00, 1, 2, 3, 0, 0, 0, 0]), 64, true)));
        assert_eq!(contexts.get(0), Some((Ip::v6([0xfd00, 1, 2, 3, 0, 0, 0, 0]), 72, false)));
        contexts.set(3, prefix, 128, true).unwrap();
        assert_eq!(contexts.get(3), Some((prefix, 128, true)));
        contexts.set(3, prefix, 0, true).unwrap();
        assert_eq!(contexts.get(3), Some((Ip::UNSPECIFIED, 0, true)));
        contexts.remove(3);
        assert_eq!(contexts.get(3), None);
        contexts.set(1, prefix, 64, true).unwrap();
    }
}
