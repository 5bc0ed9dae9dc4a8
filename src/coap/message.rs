// SPDX-License-Identifier: MIT OR Apache-2.0
//! The message layer: sending, sending again, and message IDs.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::entry::Head;
use super::peers::Peer;
use super::served::{ACKED, Exchange};
use super::stats::Stats;
use super::wire::{Type, empty};
use crate::bytes;
use crate::status::{Error, Result};
use crate::time::Instant;
use crate::transport::{DatagramContext, Path};

/// Hands a datagram to the transport and counts it.
#[inline(never)] // One copy.
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

impl<'m> Endpoint<'m> {
    /// Sends an empty message along a path. Should it be lost, the peer's next retransmission brings it anew.
    #[inline(never)]
    pub(super) fn send_empty(&mut self, cx: &mut DatagramContext<'_>, path: &Path, message: u32) {
        let _ = send(cx, &mut self.stats, path, &message.to_be_bytes());
    }

    /// Acknowledges a message of a peer.
    #[inline(never)]
    pub(super) fn acknowledge(&mut self, cx: &mut DatagramContext<'_>, exchange: &Exchange) {
        exchange.head.set(ACKED);
        let length = self.build_empty(Type::Ack, exchange.peer_id.get());
        let _ = self.send_to(cx, &exchange.head, length);
    }

    /// Builds an empty message in the scratch buffer.
    pub(super) fn build_empty(&mut self, kind: Type, id: u16) -> usize {
        bytes::copy(self.scratch, &empty(kind, id).to_be_bytes())
    }

    /// Sends the message that is kept for an entry to its peer.
    pub(super) fn send_stored(&mut self, cx: &mut DatagramContext<'_>, owner: &Head) -> Result<()> {
        self.send_to(cx, owner, 0)
    }

    /// Sends the first `built` bytes of the scratch buffer, or if there are none the message that is kept for an
    /// entry, to its peer.
    #[inline(never)]
    pub(super) fn send_to(&mut self, cx: &mut DatagramContext<'_>, owner: &Head, built: usize) -> Result<()> {
        let message = match built {
            0 => self.pool.get(owner),
            length => self.scratch.get(..length).unwrap_or_default(),
        };
        match self.peers.path(owner.peer.get()) {
            Some(path) if !message.is_empty() => send(cx, &mut self.stats, path, message),
            _ => Err(Error::Stale),
        }
    }

    /// No acknowledgement came: sends an entry's message again, unless that was done often enough.
    ///
    /// Whoever slept through the time for it, and as much again as before the first, misses it, and sooner where it would
    /// not lie within MAX_TRANSMIT_SPAN (RFC 7252 §4.2); but a request may have slower parameters than the endpoint. After
    /// the last there is still time for what came meanwhile.
    #[inline(never)]
    pub(super) fn send_again(&mut self, cx: &mut DatagramContext<'_>, owner: &Head, retries: u8) -> bool {
        let delay = owner.delay.get();
        let span = self.non_lifetime.saturating_sub(self.config.params.max_latency);
        let mut late = (self.now.0 as u32).wrapping_sub(owner.due.get().0 as u32);
        while owner.again(retries) {
            let patience = owner.patience();
            let left = span.checked_sub(patience.saturating_sub(delay));
            if late <= left.map_or(delay, |left| left.min(delay)) {
                self.stats.retransmitted = self.stats.retransmitted.wrapping_add(1);
                let _ = self.send_stored(cx, owner);
            }
            if late <= patience || owner.tries.get() == retries {
                self.wait(owner, patience.checked_sub(late).unwrap_or(delay));
                return true;
            }
            late -= patience;
        }
        false
    }

    /// An entry becomes due in so many milliseconds.
    #[inline(never)] // For its size: it is called from everywhere.
    pub(super) fn wait(&mut self, entry: &Head, ms: u32) {
        self.wait_until(entry, self.now.after(ms.into()));
    }

    /// An entry becomes due when what was sent last is to be sent again.
    #[inline(never)] // One copy.
    pub(super) fn wait_for_answer(&mut self, entry: &Head) {
        self.wait(entry, entry.patience());
    }

    /// An entry becomes due at `at`.
    #[inline(never)]
    pub(super) fn wait_until(&mut self, entry: &Head, at: Instant) {
        entry.due.set(at);
        self.next = self.next.min(at);
    }

    /// The peer of an entry.
    #[inline(never)] // It is called from everywhere.
    pub(super) fn peer_of(&self, entry: &Head) -> &'m Peer {
        self.peers.get(entry.peer.get())
    }

    /// A fresh message ID for this peer.
    #[inline(never)]
    pub(super) fn take_id(&self, peer: u16) -> u16 {
        let peer = self.peers.get(peer);
        peer.used.set(self.now);
        peer.take_id(self.now, self.lifetime)
    }

    /// How long a message to this peer may be.
    #[inline(never)]
    pub(super) fn limit(&mut self, cx: &DatagramContext<'_>, peer: u16) -> usize {
        let most = self.peers.path(peer).map_or(0, |path| cx.transport.max_size(path));
        most.min(self.scratch.len())
    }

    /// Whether what goes to this peer is protected.
    #[inline(never)]
    pub(super) fn is_secure(&mut self, cx: &DatagramContext<'_>, peer: u16) -> bool {
        self.peers.path(peer).is_some_and(|path| cx.transport.is_secure(path))
    }
}
