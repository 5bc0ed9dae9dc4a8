// SPDX-License-Identifier: MIT OR Apache-2.0
//! The peers: what is remembered of each, so that other tables need a number only.
#![forbid(unsafe_code)]

use super::entry::Moment;
use crate::address::Ip;
use crate::random::Random;
use crate::time::Instant;
use crate::transport::Path;
use core::cell::Cell;

/// The message IDs below are for groups, those from here on for anybody else: a member that does not know that it
/// was asked as one may answer with a Reset, which then hits no other message (RFC 7252 §8.1).
const FIRST_ID: u16 = 1 << 12;

/// How many message IDs requests, and their blocks, may take within one lifetime. Together with those that
/// answers take, two lifetimes stay below the 61,440 there are for one peer.
const IDS_PER_LIFETIME: u16 = 27_000;
/// The same for a group, of the 4,096 there are for it.
const GROUP_IDS_PER_LIFETIME: u16 = 2000;

/// How far apart unconfirmed notifications are while the round-trip time is not known, in
/// milliseconds (RFC 7641 §4.5.1).
const PACE: u16 = 3000;

/// There are records of its messages by which a duplicate of something that must not be done twice is told, or it is in the midst of a
/// transfer block by block.
pub(super) const RECORDED: u8 = 2;
/// Something is under way with it.
pub(super) const NEEDED: u8 = 8;

/// A time that is over, but not 0.
pub(super) const UNHEARD: Instant = Instant(1);

/// One peer.
#[derive(Debug, Default)]
pub(super) struct Peer {
    /// When something was last sent to it or came from it.
    pub(super) used: Moment,
    /// Until when it is left alone because it does not answer (PROBING_RATE): 0 once it is heard, and [`UNHEARD`] from
    /// when it was sent what nothing acknowledges.
    pub(super) quiet_until: Moment,
    /// When the next notification may start (RFC 7641 §4.5.1).
    pub(super) notify_from: Moment,
    /// When counting of `ids` began.
    window: Moment,
    /// What it is to send back in an Echo option to show that it is there.
    pub(super) echo: Cell<[u8; 8]>,
    /// The next message ID.
    next_id: Cell<u16>,
    /// How many message IDs were taken since `window`.
    ids: Cell<u16>,
    /// The round-trip time in milliseconds, smoothed; 0 when nothing was acknowledged yet.
    rtt: Cell<u16>,
    /// What would be lost with it: [`NEEDED`], [`RECORDED`]; only while a place is looked for.
    pub(super) loss: Cell<u8>,
    /// How many notifications are being made for it or on their way to it (RFC 7641 §4.5.1).
    pub(super) notifying: Cell<u8>,
    /// Whether it has shown that it is where it says.
    pub(super) verified: Cell<bool>,
    live: Cell<bool>,
}

/// Counts one more.
pub(super) fn more(counter: &Cell<u8>) {
    counter.set(counter.get().saturating_add(1));
}

/// Counts one less.
pub(super) fn less(counter: &Cell<u8>) {
    counter.set(counter.get().saturating_sub(1));
}

impl Peer {
    /// Takes a message ID for a message that starts now.
    pub(super) fn take_id(&self, now: Instant, lifetime: u32) -> u16 {
        if self.is_over(now, lifetime.into()) {
            self.window.set(now);
            self.ids.set(0);
        }
        let id = self.next_id.get();
        // Each kind begins anew at its own first.
        self.next_id.set(if self.is_group() {
            (id + 1) % FIRST_ID
        } else {
            id.checked_add(1).unwrap_or(FIRST_ID)
        });
        self.ids.set(self.ids.get().saturating_add(1));
        id
    }

    /// Whether it is a group.
    fn is_group(&self) -> bool {
        self.next_id.get() < FIRST_ID
    }

    /// Whether counting began at least so long ago.
    #[inline(never)]
    fn is_over(&self, now: Instant, lifetime: u64) -> bool {
        self.window.get().after(lifetime) <= now
    }

    /// From when on there are message IDs for requests: not before counting begins anew, if as many were taken as may
    /// be within one lifetime.
    #[inline(never)] // One copy.
    pub(super) fn has_ids_from(&self, lifetime: u32) -> Instant {
        let most = if self.is_group() { GROUP_IDS_PER_LIFETIME } else { IDS_PER_LIFETIME };
        if self.ids.get() < most { Instant::ZERO } else { self.window.get().after(lifetime.into()) }
    }

    /// It acknowledged a message so long after it was sent for the first and only time.
    pub(super) fn acknowledged(&self, after: u64) {
        let sample = u16::try_from(after).unwrap_or(u16::MAX).max(1);
        // A quarter of the new, once there is an old.
        let old = if self.rtt.get() == 0 { sample } else { self.rtt.get() };
        self.rtt.set(old - old / 4 + sample / 4);
    }

    /// A notification that nothing acknowledges is sent: the next has to wait.
    pub(super) fn pace(&self, now: Instant) {
        let pause = if self.rtt.get() == 0 { PACE } else { self.rtt.get() };
        self.notify_from.set(now.after(pause.into()));
    }

    /// Whether it may be forgotten without a message ID being used twice within its lifetime.
    fn is_forgettable(&self, now: Instant, lifetime: u32) -> bool {
        self.ids.get() == 0 || self.is_over(now, u64::from(lifetime) * 2)
    }
}

/// All peers.
#[derive(Debug)]
pub(super) struct Peers<'m> {
    paths: &'m mut [Path],
    slots: &'m [Peer],
    /// Stands for any that is not there, which there never is.
    none: &'m Peer,
}

impl<'m> Peers<'m> {
    /// Peers in these places; `None` if there are no places.
    pub(super) fn new(slots: &'m [Peer], paths: &'m mut [Path]) -> Option<Peers<'m>> {
        let none = slots.first()?;
        Some(Peers { paths, slots, none })
    }

    /// The peer at the other end of `path`. Where either side leaves the own address open, as a
    /// group's does, any suits; one that is left open here is open no longer.
    pub(super) fn find(&mut self, path: &Path) -> Option<u16> {
        let open = path.local.is_unspecified() || path.is_multicast();
        for (index, (peer, known)) in self.slots.iter().zip(self.paths.iter_mut()).enumerate() {
            if !peer.live.get() || known.remote != path.remote {
                continue;
            }
            let learns = known.local.is_unspecified();
            if learns && !open {
                known.local = path.local;
            }
            if learns || open || known.local == path.local {
                return Some(index as u16);
            }
        }
        None
    }

    #[inline(never)] // It is called from everywhere.
    pub(super) fn get(&self, index: u16) -> &'m Peer {
        self.slots.get(usize::from(index)).unwrap_or(self.none)
    }

    /// The path to a peer.
    pub(super) fn path(&mut self, index: u16) -> Option<&mut Path> {
        self.paths.get_mut(usize::from(index))
    }

    /// The place that a new peer may take: a free one, else that of a peer with which the least
    /// is lost, which is noted of each, and of those the one that was idle for longest. `strictly`
    /// spares those whose message IDs may still be remembered.
    pub(super) fn place(&self, now: Instant, lifetime: u32, strictly: bool) -> Option<u16> {
        let (mut place, mut least) = (None, u64::MAX);
        for (index, peer) in self.slots.iter().enumerate() {
            let fresh = u8::from(!peer.is_forgettable(now, lifetime));
            // The records of what must not be done twice count most, then the message IDs that it may remember.
            let cost = peer.loss.take() + fresh + u8::from(peer.live.get());
            if cost >= NEEDED || (strictly && fresh != 0) {
                continue;
            }
            // Of a time, the upper byte is never needed.
            let cost = u64::from(cost) << 56 | peer.used.get().0;
            if cost < least {
                (place, least) = (Some(index as u16), cost);
            }
        }
        place
    }

    /// Puts a new peer in its place.
    pub(super) fn settle(&mut self, index: u16, path: &Path, now: Instant, random: &mut dyn Random) {
        if let Some(place) = self.path(index) {
            *place = *path;
            if path.is_multicast() {
                place.local = Ip::UNSPECIFIED;
            }
        }
        let peer = self.get(index);
        peer.quiet_until.set(Instant::ZERO);
        peer.notify_from.set(Instant::ZERO);
        peer.used.set(now);
        peer.window.set(now);
        peer.ids.set(0);
        peer.rtt.set(0);
        peer.verified.set(false);
        peer.live.set(true);
        let id = random.u32() as u16;
        let group = path.remote.ip.is_multicast();
        peer.next_id.set(if group { id % FIRST_ID } else { id.max(FIRST_ID) });
        let mut echo = [0; 8];
        random.fill(&mut echo);
        peer.echo.set(echo);
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
        let (slots, mut paths) = ([Peer::default()], [Path::default()]);
        let mut peers = Peers::new(&slots, &mut paths).unwrap();
        let group = Path::to(crate::address::SocketAddress::new(Ip::parse("ff02::fd").unwrap(), 5683));
        let mut taken = Vec::new();
        for path in [Path::default(), group] {
            peers.settle(0, &path, Instant(5), &mut Sequence(1));
            let peer = peers.get(0);
            let mut last: BTreeMap<u16, u64> = BTreeMap::new();
            let mut refused = 0;
            for step in 0..400_000u64 {
                let now = Instant(5 + step / 50);
                if peer.has_ids_from(LIFETIME) > now {
                    refused += 1;
                    continue;
                }
                let before = last.insert(peer.take_id(now, LIFETIME), now.0);
                assert!(before.is_none_or(|before| now.0 - before >= LIFETIME.into()));
            }
            assert!(refused > 0);
            taken.push(last);
        }
        // A group's are nobody else's (RFC 7252 §8.1).
        assert!(taken[1].keys().all(|id| !taken[0].contains_key(id)));
        assert!(taken[0].len() > 60_000 && taken[1].len() == 4096);
    }

    #[test]
    fn the_peer_that_was_idle_for_longest_makes_room() {
        let slots: [Peer; 3] = Default::default();
        let mut paths = [Path::default(); 3];
        let mut peers = Peers::new(&slots, &mut paths).unwrap();
        let path = |port| Path::to(crate::address::SocketAddress::new(crate::address::Ip::LOOPBACK, port));
        for port in 0..3 {
            let place = peers.place(Instant(0), 1000, true).unwrap();
            peers.settle(place, &path(port), Instant(10 - u64::from(port)), &mut Sequence(1));
        }
        assert_eq!(peers.find(&path(1)), Some(1));
        assert_eq!(peers.place(Instant(20), 1000, true), Some(2));
        // One that is needed stays.
        let place = |peers: &Peers<'_>, losses: [u8; 3], now, strictly| {
            for (peer, loss) in slots.iter().zip(losses) {
                peer.loss.set(loss);
            }
            peers.place(Instant(now), 1000, strictly)
        };
        assert_eq!(place(&peers, [0, 0, NEEDED], 20, true), Some(1));
        // One whose message IDs are fresh is spared, and by requests of ours never taken.
        for index in [0, 1] {
            peers.get(index).take_id(Instant(20), 1000);
        }
        assert_eq!(place(&peers, [0, 0, NEEDED], 20, true), None);
        assert_eq!(place(&peers, [0, 0, NEEDED], 20, false), Some(1));
        assert_eq!(place(&peers, [0, 0, NEEDED], 3000, true), Some(1));
        // One whose duplicates would do harm goes last.
        assert_eq!(place(&peers, [0, RECORDED, NEEDED], 3000, true), Some(0));
        assert_eq!(place(&peers, [NEEDED, RECORDED, NEEDED | RECORDED], 20, false), Some(1));
        assert_eq!(place(&peers, [NEEDED; 3], 3000, false), None);
        // What was noted is used up.
        assert_eq!(peers.place(Instant(3000), 1000, true), Some(2));
    }

    #[test]
    fn the_round_trip_time_is_smoothed() {
        let peer = Peer::default();
        peer.pace(Instant(10));
        assert_eq!(peer.notify_from.get(), Instant(3010));
        for (sample, smoothed) in [(400, 400), (800, 500), (0, 375)] {
            peer.acknowledged(sample);
            peer.pace(Instant(10));
            assert_eq!(peer.notify_from.get(), Instant(10 + smoothed));
        }
        peer.acknowledged(u64::MAX);
        assert!(peer.rtt.get() > 16_000);
        let near = Peer::default();
        near.acknowledged(0);
        assert_eq!(near.rtt.get(), 1);
    }
}
