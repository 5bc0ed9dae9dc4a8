// SPDX-License-Identifier: MIT OR Apache-2.0
//! The entries of a server's tables: what is kept of requests of peers.
#![forbid(unsafe_code)]

use super::entry::Head;
use crate::table::Handle;
use core::cell::Cell;

/// It was acknowledged with an empty message.
pub(super) const ACKED: u16 = 4;
/// It is a notification of ours and answers no message.
pub(super) const NOTIFY: u16 = 8;
/// Doing it again does no harm.
pub(super) const IDEMPOTENT: u16 = 16;
/// More blocks of the request's body follow.
pub(super) const MORE: u16 = 32;

/// A message of a peer, from its arrival to the end of its lifetime: while the application works
/// on it, while a separate answer is on its way, and after that as the record by which duplicates
/// are told (RFC 7252 §4.5). Or a notification of ours.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub(super) head: Head,
    pub(super) resource: Cell<Option<Handle>>,
    pub(super) observer: Cell<Option<Handle>>,
    pub(super) transfer: Cell<Option<Handle>>,
    /// The peer's message ID.
    pub(super) peer_id: Cell<u16>,
    /// How many bytes came.
    pub(super) size: Cell<u16>,
}

/// Of an observer: the resource has changed since it was told.
pub(super) const DIRTY: u16 = 1;

/// A peer that is notified of a resource's changes (RFC 7641).
#[derive(Debug, Default)]
pub(super) struct Observer {
    pub(super) head: Head,
    pub(super) resource: Cell<Option<Handle>>,
    /// The notification that is being made or on its way.
    pub(super) exchange: Cell<Option<Handle>>,
}

/// Of a transfer: it is the peer's body, which is on its way; without a flag it is our answer.
pub(super) const RECEIVED: u16 = 1;
/// Of a transfer: it is the peer's body, which has come in whole.
pub(super) const ASSEMBLED: u16 = 2;

/// A block-wise transfer of a peer that needs a state of its own.
#[derive(Debug, Default)]
pub(super) struct Transfer {
    pub(super) head: Head,
    /// A fingerprint of what its requests have in common.
    pub(super) key: Cell<u32>,
    /// Where the next block starts.
    pub(super) next: Cell<u32>,
}
