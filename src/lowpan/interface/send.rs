// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sending: packets compressed into frames, and what becomes of these.
#![forbid(unsafe_code)]

use super::super::context::Contexts;
use super::super::fragment::{FIRST_HEADER, MAX_DATAGRAM};
use super::super::iphc::Ends;
use super::super::packet;
#[cfg(feature = "sixlorh")]
use super::super::sixlorh_send;
use super::{Interface, Sent};
#[cfg(feature = "mesh-under")]
use crate::bytes::Writer;
use crate::bytes::{Parts, part_mut};
use crate::ieee802154::LinkAddress;
use crate::ieee802154::mac::{Draft, MAX_PAYLOAD_END, Priority};
use crate::ieee802154::pool::BlockId;
use crate::status::{Error, Result};
use crate::time::Instant;
use crate::transport::RadioContext;

/// How headers are compressed: [`packet::compress`] or what does more.
pub(in crate::lowpan) type Codec =
    fn(Parts<'_>, Ends, &Contexts<'_>, bool, &mut [u8]) -> Result<packet::Compressed>;
/// How long a fragment for a node beyond the next hop waits for that before it to be forwarded, in
/// milliseconds, that the forwarders' queues do not overflow (RFC 8930 §5 calls for such a gap).
#[cfg(feature = "mesh-under")]
const FORWARDING_GAP: u64 = 20;
/// The largest packet that stands in two parts and is tried to be shortened by what wants it in one.
#[cfg(feature = "ghc")]
const WHOLE: usize = 512;

impl Interface<'_> {
    /// How the headers of packets for a node on the link are compressed.
    pub(super) fn codec(&self, _destination: LinkAddress) -> Codec {
        #[cfg(feature = "ghc")]
        if self.ghc && self.mac.neighbours().get(_destination).is_some_and(|link| link.is_generic) {
            return packet::compress_generic;
        }
        packet::compress
    }

    /// Command: sends an IPv6 packet to a node on the link, or to everyone. Nothing of `packet` is
    /// kept; its end is told by [`Interface::poll`], which is to be called to make it go.
    ///
    /// # Errors
    /// [`Error::Full`] when queue or memory is full (what ends makes room), [`Error::TooLarge`] for
    /// a packet over [`MAX_DATAGRAM`] bytes, [`Error::Malformed`] for what is no IPv6 packet,
    /// [`Error::Invalid`] without destination.
    pub fn send(&mut self, packet: Parts<'_>, destination: LinkAddress, priority: Priority) -> Result<()> {
        if packet.len() > MAX_DATAGRAM {
            return Err(Error::TooLarge);
        }
        let (draft, at) = self.begin(destination, priority)?;
        match self.fill(draft.block, at, packet, (destination, priority)) {
            Ok((len, tag)) => {
                self.stats.sent = self.stats.sent.wrapping_add(1);
                self.stats.fragmented = self.stats.fragmented.wrapping_add(u32::from(tag != 0));
                self.mac.enqueue(&mut self.pool, draft, len, priority, tag)
            }
            Err(error) => {
                self.mac.abandon(&mut self.pool, draft);
                Err(error)
            }
        }
    }

    /// Writes a packet, or its first fragment, into a frame behind `at`; says where it ends there, and the tag with
    /// which it is to be queued.
    fn fill(
        &mut self,
        frame: BlockId,
        at: usize,
        packet: Parts<'_>,
        to: (LinkAddress, Priority),
    ) -> Result<(usize, u8)> {
        let ends = Ends::of_link(self.mac.address(), to.0);
        let compress = self.codec(to.0);
        #[cfg(feature = "ghc")]
        let mut whole = [0; WHOLE];
        #[cfg(feature = "ghc")]
        let packet = match whole.get_mut(..packet.len()).filter(|_| !packet.tail.is_empty()) {
            Some(whole) => {
                packet.copy(whole);
                Parts::whole(whole)
            }
            None => packet,
        };
        // If it takes fragments, the header of the first stands before it.
        let mut start = at;
        loop {
            let room = part_mut(self.pool.get_mut(frame), start, MAX_PAYLOAD_END);
            let (contexts, elide) = (&self.contexts, self.elide_udp_checksum);
            #[cfg(feature = "sixlorh")]
            let shorter = if self.sixlorh || self.compressed {
                sixlorh_send::compress(packet, ends, contexts, elide, &self.dodag, compress, room)
            } else {
                Err(Error::Unsupported)
            };
            #[cfg(not(feature = "sixlorh"))]
            let shorter: Result<(packet::Compressed, usize)> = Err(Error::Unsupported);
            // What cannot be told in that form goes as it is.
            let (compressed, size) = match shorter {
                Ok(shorter) => shorter,
                Err(_) => (compress(packet, ends, contexts, elide, room)?, packet.len()),
            };
            let mut rest = packet;
            rest.skip(compressed.consumed);
            let room = room.get_mut(compressed.len..).unwrap_or_default();
            let mut part = room.len();
            if rest.len() > part || start > at {
                if start == at {
                    start += FIRST_HEADER;
                    continue;
                }
                // The headers stand for a multiple of 8.
                part &= !7;
            }
            let copied = rest.copy(part_mut(room, 0, part));
            rest.skip(copied);
            let tag = if start == at { 0 } else { self.keep_rest(frame, at, size, rest, to)? };
            return Ok((start + compressed.len + copied, tag));
        }
    }

    /// Begins a frame, with a mesh header if one is needed; and says where the payload goes.
    pub(super) fn begin(&mut self, destination: LinkAddress, priority: Priority) -> Result<(Draft, usize)> {
        #[cfg(feature = "mesh-under")]
        return self.begin_meshed(destination, priority);
        #[cfg(not(feature = "mesh-under"))]
        {
            let draft = self.mac.begin(&mut self.pool, destination, priority)?;
            let at = draft.header_len;
            Ok((draft, at))
        }
    }

    #[cfg(feature = "mesh-under")]
    fn begin_meshed(&mut self, destination: LinkAddress, priority: Priority) -> Result<(Draft, usize)> {
        let mesh = self.mesh.outgoing(self.mac.address(), destination);
        let next_hop = mesh.map_or(destination, |(_, next_hop)| next_hop);
        let draft = self.mac.begin(&mut self.pool, next_hop, priority)?;
        let mut at = draft.header_len;
        if let Some((header, _)) = mesh {
            let room = self.pool.get_mut(draft.block).get_mut(at..MAX_PAYLOAD_END).unwrap_or_default();
            if let Err(error) = header.emit(&mut Writer::new(room)) {
                self.mac.abandon(&mut self.pool, draft);
                return Err(error);
            }
            at += header.encoded_len();
        }
        Ok((draft, at))
    }

    /// Time: does what is due, until it returns `None`.
    pub fn poll(&mut self, cx: &mut RadioContext<'_>) -> Option<Sent> {
        self.reassemblies.expire(cx.now, &mut self.pool);
        loop {
            for place in 0..self.outgoing.len() {
                let ready = self.outgoing.get(place).filter(|it| it.is_ready() && it.next_at() <= cx.now);
                if !ready.is_some_and(|it| self.mac.has_room(&self.pool, it.priority)) {
                    continue;
                }
                match self.queue_fragment(place) {
                    Ok(()) | Err(Error::Full) => {}
                    failed => return self.end(place, failed),
                }
            }
            // Ends: each round takes a frame out of the queue, and its outcome ends the loop or,
            // within one packet, is followed by one frame more.
            let outcome = self.mac.poll(cx, &mut self.pool)?;
            let Some(place) = usize::from(outcome.tag).checked_sub(1) else {
                return Some(Sent { destination: outcome.destination, result: outcome.result });
            };
            let Some(outgoing) = self.outgoing.get_mut(place) else { continue };
            outgoing.is_under_way = false;
            #[cfg(feature = "mesh-under")]
            if outcome.destination != outgoing.destination {
                outgoing.wait(cx.now.after(FORWARDING_GAP));
            }
            if outcome.result.is_err() || outgoing.is_over() {
                return self.end(place, outcome.result);
            }
        }
    }

    /// The sending in fragments of the packet at `place` is over.
    fn end(&mut self, place: usize, result: Result<()>) -> Option<Sent> {
        let outgoing = self.outgoing.get_mut(place)?;
        let sent = Sent { destination: outgoing.destination, result };
        outgoing.release(&mut self.pool);
        Some(sent)
    }

    /// When to call [`Interface::poll`].
    pub fn next_deadline(&self) -> Instant {
        let mut deadline = self.mac.next_deadline();
        deadline.hasten(self.reassemblies.next_deadline());
        for outgoing in self.outgoing.iter().filter(|it| it.is_ready()) {
            if self.mac.has_room(&self.pool, outgoing.priority) {
                deadline.hasten(outgoing.next_at());
            }
        }
        deadline
    }
}
