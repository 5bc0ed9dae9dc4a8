// SPDX-License-Identifier: MIT OR Apache-2.0
//! The message layer: sending, and message IDs.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::pool::Key;
use super::stats::Stats;
use super::wire::Type;
use crate::status::Result;
use crate::transport::{DatagramContext, Path};

/// Writes the message ID into a message.
pub(super) fn stamp(message: &mut [u8], id: u16) {
    let [high, low] = id.to_be_bytes();
    if let [_, _, first, second, ..] = message {
        (*first, *second) = (high, low);
    }
}

/// Hands a datagram to the transport and counts it.
pub(super) fn send(
    cx: &mut DatagramContext<'_>,
    stats: &mut Stats,
    path: &Path,
    datagram: &[u8],
) -> Result<()> {
    let sent = cx.transport.send(path, datagram);
    let counter = if sent.is_ok() { &mut stats.sent } else { &mut stats.send_failed };
    *counter = counter.wrapping_add(1);
    sent
}

impl Endpoint<'_> {
    /// Sends an empty message back along a path. Should it be lost, the peer's next retransmission brings it anew.
    pub(super) fn send_empty(&mut self, cx: &mut DatagramContext<'_>, path: &Path, kind: Type, id: u16) {
        let [high, low] = id.to_be_bytes();
        let _ = send(cx, &mut self.stats, &path.reply(), &[0x40 | (kind as u8) << 4, 0, high, low]);
    }

    /// Sends a message of the pool to a peer, if both are there.
    pub(super) fn send_stored(&mut self, cx: &mut DatagramContext<'_>, peer: u16, key: Key) {
        if let (Some(peer), Some(message)) = (self.peers.get(peer), self.pool.get(key)) {
            let _ = send(cx, &mut self.stats, &peer.path, message);
        }
    }

    /// A fresh message ID for this peer.
    pub(super) fn take_id(&mut self, cx: &DatagramContext<'_>, peer: u16) -> u16 {
        let lifetime = self.lifetime;
        self.peers.get_mut(peer).map_or(0, |peer| {
            peer.used = cx.now;
            peer.take_id(cx.now, lifetime)
        })
    }
}
