// SPDX-License-Identifier: MIT OR Apache-2.0
//! Short fingerprints: of what the requests of one transfer have in common, and of
//! representations. Not for secrets; a collision harms only the peer that made it.
#![forbid(unsafe_code)]

use super::wire::{Message, number};
use crate::address::SocketAddress;

/// The state of an empty FNV-1a hash.
pub(super) const EMPTY: u32 = 0x811c_9dc5;

/// Takes more bytes into a hash.
#[inline(never)] // One copy.
pub(super) fn hash(state: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(state, |state, byte| (state ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Who answers for a group.
pub(super) fn sender(address: &SocketAddress) -> u32 {
    hash(hash(EMPTY, &address.ip.0), &address.port.to_be_bytes())
}

/// What the requests of one block-wise transfer have in common: method and cache key, with
/// the Request-Tag but without the block options (RFC 7959 §2, RFC 9175 §3.3), and without
/// If-None-Match, which only the first may carry (RFC 7959 §2.10), and ETag, which says what the
/// client knew before there was an answer to go on with.
pub(super) fn transfer(message: &Message<'_>) -> u32 {
    let mut state = hash(EMPTY, &[message.code.0]);
    for (number, value) in message.options {
        let varies = matches!(
            number,
            number::BLOCK1 | number::BLOCK2 | number::OBSERVE | number::IF_NONE_MATCH | number::ETAG
        );
        if !varies && !number::is_no_cache_key(number) {
            let head = u32::from(number) << 16 | u32::from(value.len() as u16);
            state = hash(hash(state, &head.to_be_bytes()), value);
        }
    }
    state
}

/// The entity-tag of a message; 0 if it has none.
pub(super) fn etag(message: &Message<'_>) -> u32 {
    message.option(number::ETAG).map_or(0, |tag| hash(EMPTY, tag) | 1)
}
