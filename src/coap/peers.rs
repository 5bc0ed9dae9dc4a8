// SPDX-License-Identifier: MIT OR Apache-2.0
//! The peers: what is remembered of each, so that other tables need a number only.
#![forbid(unsafe_code)]

use crate::random::Random;
use crate::time::Instant;
use crate::transport::Path;

/// How many message IDs new requests may take within one lifetime. Together with those that
/// blocks and answers take, two lifetimes stay below the 65,536 there are.
const IDS_PER_LIFETIME: u16 = 28_000;

/// How far apart unconfirmed notifications are while the round-trip time is not known, in
/// milliseconds (RFC 7641 §4.5.1).
const PACE: u16 = 3000;

/// One peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Peer {
    pub(super) path: Path,
    /// When something was last sent to it or came from it.
    pub(super) used: Instant,
    /// Until when it is left alone because it does not answer (PROBING_RATE).
    pub(super) quiet_until: Instant,
    /// When the next notification may start (RFC 7641 §4.5.1).
    pub(super) notify_from: Instant,
    /// Until when a record is kept by which a duplicate of something that must not be done twice
    /// is told.
    pub(super) remembered: Instant,
    /// When counting of `ids` began.
    window: Instant,
    /// What it is to send back in an Echo option to show that it is there.
    pub(super) echo: [u8; 8],
    /// The next message ID.
    next_id: u16,
    /// How many message IDs were taken since `window`.
    ids: u16,
    /// The round-trip time in milliseconds, smoothed; 0 when nothing was acknowledged yet.
    rtt: u16,
    /// How many entries of other tables depend on it.
    pub(super) pins: u16,
    /// How many requests are outstanding at it (NSTART).
    pub(super) outstanding: u8,
    /// How many notifications are being made for it or on their way to it (RFC 7641 §4.5.1).
    pub(super) notifying: u8,
    /// Whether it has shown that it is where it says.
    pub(super) verified: bool,
    live: bool,
}

impl Peer {
    /// Takes a message ID for a message that starts now.
    pub(super) fn take_id(&mut self, now: Instant, lifetime: u32) -> u16 {
        if now.since(self.window) >= lifetime.into() {
            self.window = now;
            self.ids = 0;
        }
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        self.ids = self.ids.saturating_add(1);
        id
    }

    /// Whether so many message IDs are taken that a new request has to wait.
    pub(super) fn is_exhausted(&self, now: Instant, lifetime: u32) -> bool {
        self.ids >= IDS_PER_LIFETIME && now.since(self.window) < lifetime.into()
    }

    /// It acknowledged a message so long after it was sent for the first and only time.
    pub(super) fn acknowledged(&mut self, after: u64) {
        let sample = u16::try_from(after).unwrap_or(u16::MAX).max(1);
        // A quarter of the new, once there is an old.
        let old = if self.rtt == 0 { sample } else { self.rtt };
        self.rtt = old - old / 4 + sample / 4;
    }

    /// A notification that nothing acknowledges is sent: the next has to wait.
    pub(super) fn pace(&mut self, now: Instant) {
        let pause = if self.rtt == 0 { PACE } else { self.rtt };
        self.notify_from = now.after(pause.into());
    }

    /// Whether it may be forgotten without a message ID being used twice within its lifetime.
    fn is_forgettable(&self, now: Instant, lifetime: u32) -> bool {
        self.ids == 0 || now.since(self.window) >= u64::from(lifetime) * 2
    }
}

/// All peers.
#[derive(Debug)]
pub(super) struct Peers<'m> {
    slots: &'m mut [Peer],
}

impl<'m> Peers<'m> {
    pub(super) const fn new(slots: &'m mut [Peer]) -> Peers<'m> {
        Peers { slots }
    }

    /// The peer at the other end of `path`. Where either side leaves the own address open, any suits.
    pub(super) fn find(&self, path: &Path) -> Option<u16> {
        let same = |peer: &Peer| {
            peer.live
                && peer.path.remote == path.remote
                && (peer.path.local == path.local
                    || path.local.is_unspecified()
                    || peer.path.local.is_unspecified())
        };
        self.slots.iter().position(same).map(|index| index as u16)
    }

    pub(super) fn get(&self, index: u16) -> Option<&Peer> {
        self.slots.get(usize::from(index))
    }

    pub(super) fn get_mut(&mut self, index: u16) -> Option<&mut Peer> {
        self.slots.get_mut(usize::from(index))
    }

    /// The place that a new peer may take: a free one, else that of a peer with which the least
    /// is lost, and of those the one that was idle for longest. `strictly` spares those whose
    /// message IDs may still be remembered.
    pub(super) fn place(&self, now: Instant, lifetime: u32, strictly: bool) -> Option<u16> {
        let (mut place, mut least) = (None, u64::MAX);
        for (index, peer) in self.slots.iter().enumerate() {
            let fresh = !peer.is_forgettable(now, lifetime);
            // What would be lost with it: the records of what must not be done twice count most,
            // then the message IDs that it may remember.
            let lost = u64::from(peer.remembered > now) * 2 + u64::from(fresh);
            let cost = match peer.live {
                false => 0,
                true if peer.pins != 0 || (strictly && fresh) => continue,
                // Times are far below 2^62 milliseconds.
                true => lost << 62 | (peer.used.0 & (u64::MAX >> 2)),
            };
            if cost < least {
                (place, least) = (Some(index as u16), cost);
            }
        }
        place
    }

    /// Puts a new peer in its place.
    pub(super) fn settle(&mut self, index: u16, path: &Path, now: Instant, random: &mut dyn Random) {
        if let Some(peer) = self.get_mut(index) {
            *peer = Peer {
                path: *path,
                used: now,
                quiet_until: Instant::ZERO,
                notify_from: Instant::ZERO,
                remembered: Instant::ZERO,
                window: now,
                live: true,
                ..Peer::default()
            };
            peer.next_id = random.u32() as u16;
            random.fill(&mut peer.echo);
        }
    }

    pub(super) fn pin(&mut self, index: u16) {
        if let Some(peer) = self.get_mut(index) {
            peer.pins = peer.pins.saturating_add(1);
        }
    }

    pub(super) fn unpin(&mut self, index: u16) {
        if let Some(peer) = self.get_mut(index) {
            peer.pins = peer.pins.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Sequence;
    use std::collections::BTreeMap;

    /// However fast requests are made, no message ID comes again within its lifetime.
    #[test]
    fn no_message_id_is_used_twice_within_its_lifetime() {
        const LIFETIME: u32 = 1000;
        let mut slots = [Peer::default(); 1];
        let mut peers = Peers::new(&mut slots);
        peers.settle(0, &Path::default(), Instant(5), &mut Sequence(1));
        let peer = peers.get_mut(0).unwrap();
        let mut last: BTreeMap<u16, u64> = BTreeMap::new();
        let mut refused = 0;
        for step in 0..400_000u64 {
            let now = Instant(5 + step / 50);
            if peer.is_exhausted(now, LIFETIME) {
                refused += 1;
                continue;
            }
            let before = last.insert(peer.take_id(now, LIFETIME), now.0);
            assert!(before.is_none_or(|before| now.0 - before >= LIFETIME.into()));
        }
        assert!(refused > 0);
    }

    #[test]
    fn the_peer_that_was_idle_for_longest_makes_room() {
        let mut slots = [Peer::default(); 3];
        let mut peers = Peers::new(&mut slots);
        let path = |port| Path::to(crate::address::SocketAddress::new(crate::address::Ip::LOOPBACK, port));
        for port in 0..3 {
            let place = peers.place(Instant(0), 1000, true).unwrap();
            peers.settle(place, &path(port), Instant(10 - u64::from(port)), &mut Sequence(1));
        }
        assert_eq!(peers.find(&path(1)), Some(1));
        assert_eq!(peers.place(Instant(20), 1000, true), Some(2));
        peers.pin(2);
        assert_eq!(peers.place(Instant(20), 1000, true), Some(1));
        // One whose message IDs are fresh is spared, and by requests of ours never taken.
        for index in [0, 1] {
            peers.get_mut(index).unwrap().take_id(Instant(20), 1000);
        }
        assert_eq!(peers.place(Instant(20), 1000, true), None);
        assert_eq!(peers.place(Instant(20), 1000, false), Some(1));
        assert_eq!(peers.place(Instant(3000), 1000, true), Some(1));
        // One whose duplicates would do harm goes last, until its records have expired.
        peers.get_mut(1).unwrap().remembered = Instant(4000);
        assert_eq!(peers.place(Instant(3000), 1000, true), Some(0));
        assert_eq!(peers.place(Instant(4000), 1000, true), Some(1));
    }

    #[test]
    fn the_round_trip_time_is_smoothed() {
        let mut peer = Peer::default();
        peer.pace(Instant(10));
        assert_eq!(peer.notify_from, Instant(3010));
        for (sample, smoothed) in [(400, 400), (800, 500), (0, 375)] {
            peer.acknowledged(sample);
            peer.pace(Instant(10));
            assert_eq!(peer.notify_from, Instant(10 + smoothed));
        }
        peer.acknowledged(u64::MAX);
        assert!(peer.rtt > 16_000);
        let mut near = Peer::default();
        near.acknowledged(0);
        assert_eq!(near.rtt, 1);
    }
}
