// SPDX-License-Identifier: MIT OR Apache-2.0
//! Short fingerprints: of what the requests of one transfer have in common, and of
//! representations.
#![forbid(unsafe_code)]

use super::wire::{Message, number};
use crate::address::SocketAddress;

/// The state of an empty FNV-1a hash.
pub(super) const EMPTY: u32 = 0x811c_9dc5;

/// Takes more bytes into a hash. Whoever wants a collision finds one, and harms nobody else by it.
#[inline(never)] // One copy.
pub(super) fn hash(state: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(state, |state, byte| (state ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The prime 2^31 - 1.
const PRIME: u64 = 0x7fff_ffff;

/// Takes more bytes, the coefficients of a polynomial, into its value at `secret` modulo [`PRIME`], which may come out as up to two more.
#[inline(never)] // One copy.
fn keyed(secret: u32, state: u32, bytes: &[u8]) -> u32 {
    let fold = |wide: u64| (wide & PRIME) + (wide >> 31);
    bytes.iter().fold(state, |state, byte| {
        fold(fold(u64::from(state) * (u64::from(secret) & PRIME) + u64::from(*byte))) as u32
    })
}

/// Who answers for a group.
pub(super) fn sender(address: &SocketAddress) -> u32 {
    hash(hash(EMPTY, &address.ip.0), &address.port.to_be_bytes())
}

/// What the requests of one block-wise transfer have in common: method and cache key, with
/// the Request-Tag but without the block options (RFC 7959 §2, RFC 9175 §3.3), and without
/// If-None-Match, which only the first may carry (RFC 7959 §2.10), and ETag, which says what the
/// client knew before there was an answer to go on with.
///
/// Clients behind one proxy are one peer, so nobody may find requests that look alike: of any two the chance
/// is their length in 2^31, over all secrets.
pub(super) fn transfer(message: &Message<'_>, secret: u32) -> u32 {
    let mut state = keyed(secret, 1, &[message.code.0]);
    for (number, value) in message.options {
        let varies = matches!(
            number,
            number::BLOCK1 | number::BLOCK2 | number::OBSERVE | number::IF_NONE_MATCH | number::ETAG
        );
        if !varies && !number::is_no_cache_key(number) {
            let head = u32::from(number) << 16 | u32::from(value.len() as u16);
            state = keyed(secret, keyed(secret, state, &head.to_be_bytes()), value);
        }
    }
    state
}

/// The entity-tag of a message; 0 if it has none.
pub(super) fn etag(message: &Message<'_>) -> u32 {
    message.option(number::ETAG).map_or(0, |tag| hash(EMPTY, tag) | 1)
}
