// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an endpoint counts. Every counter wraps.
#![forbid(unsafe_code)]

/// Counters since the endpoint was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams received.
    pub received: u32,
    /// Datagrams handed to the transport.
    pub sent: u32,
    /// Messages sent again because no acknowledgement came.
    pub retransmitted: u32,
    /// Messages recognised as duplicates.
    pub duplicates: u32,
    /// Messages that broke the format or could not be acted upon.
    pub rejected: u32,
    /// Messages sent by us that the transport did not take.
    pub send_failed: u32,
    /// Requests and observers refused, or replies not kept, because a table or the pool was full.
    pub full: u32,
    /// Records of answered exchanges forgotten early, to make room for others or for a new peer.
    pub forgotten: u32,
    /// Requests and confirmable messages of ours that nobody answered, and requests of peers
    /// that the application never answered.
    pub timeouts: u32,
}
