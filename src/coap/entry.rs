// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the entries of all tables have in common, and the tables themselves.
//!
//! An entry stays in its place and is shared while it is worked on: what changes in it are
//! cells. So a method that has found an entry hands it on by reference, and it need not be found
//! again, nor copied, after each step.
#![forbid(unsafe_code)]

use super::exchange::{Exchange, Observer, Transfer};
use super::pending::Pending;
use crate::table::Handle;
use crate::time::Instant;
use core::cell::Cell;

/// A point in time in a table. It takes no more alignment than the other members.
#[derive(Debug, Default)]
pub(super) struct Moment(Cell<[u32; 2]>);

impl Moment {
    pub(super) fn get(&self) -> Instant {
        let [low, high] = self.0.get();
        Instant(u64::from(high) << 32 | u64::from(low))
    }

    pub(super) fn set(&self, at: Instant) {
        self.0.set([at.0 as u32, (at.0 >> 32) as u32]);
    }
}

/// What an entry waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Stage {
    /// Nothing: its place is free.
    #[default]
    Free,
    /// Nothing: a transfer, or what is being made.
    Open,
    /// Nothing: an observer.
    Observing,
    /// A request of ours: its turn (NSTART), or room in the transport.
    Turn,
    /// A request of ours: an acknowledgement or a response.
    Ack,
    /// A request of ours: a response; nothing is sent again.
    Response,
    /// A request of ours: the next block from the application.
    Block,
    /// A request of ours: the next notification.
    Notification,
    /// A request of ours: its terminal event to be taken.
    End,
    /// A request of a peer: the application's answer.
    Working,
    /// A request of a peer: the leisure to pass, before the answer goes to whoever asked a group.
    Leisure,
    /// A request of a peer: the acknowledgement of our confirmable answer.
    Sending,
    /// A request of a peer: the end of its lifetime.
    Done,
}

/// It was, or is to be, sent confirmably.
pub(super) const CON: u16 = 1;
/// It goes, or came, to a group.
pub(super) const GROUP: u16 = 2;
/// What all entries have in common.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// When something is to be done about it; of an observer, when it last acknowledged a
    /// notification, or registered.
    pub(super) due: Moment,
    /// What names it to others: its place in its table, and how often that was taken.
    handle: Cell<Option<Handle>>,
    /// Where its message lies in the pool, counted from 1.
    pub(super) place: Cell<u32>,
    /// How long to wait, in milliseconds, before its message is sent again for the first time.
    pub(super) delay: Cell<u32>,
    pub(super) peer: Cell<u16>,
    /// Its table and its place there.
    key: Cell<u16>,
    /// The message ID of our message that was sent last, or is on its way.
    pub(super) message_id: Cell<u16>,
    pub(super) flags: Cell<u16>,
    pub(super) stage: Cell<Stage>,
    /// Of a request of ours, how often it is sent again (MAX_RETRANSMIT). Of an observer, how many
    /// notifications went out, since it last acknowledged one, without being confirmable.
    pub(super) count: Cell<u8>,
    /// How often its message was sent again.
    pub(super) tries: Cell<u8>,
}

impl Head {
    pub(super) fn is(&self, flags: u16) -> bool {
        self.flags.get() & flags != 0
    }

    pub(super) fn set(&self, flags: u16) {
        self.flags.set(self.flags.get() | flags);
    }

    pub(super) fn unset(&self, flags: u16) {
        self.flags.set(self.flags.get() & !flags);
    }

    pub(super) fn at(&self, stage: Stage) -> bool {
        self.stage.get() == stage
    }

    pub(super) fn is_used(&self) -> bool {
        !self.at(Stage::Free)
    }

    /// How long to wait for an answer to what was sent last, in milliseconds: each time twice as long as
    /// before (RFC 7252 §4.2).
    #[inline(never)] // One copy.
    pub(super) fn patience(&self) -> u32 {
        let factor = 1u32.checked_shl(self.tries.get().into()).unwrap_or(u32::MAX);
        self.delay.get().saturating_mul(factor)
    }

    /// Whether to try once more, which is done at most so often.
    #[inline(never)] // One copy.
    pub(super) fn again(&self, most: u8) -> bool {
        let tries = self.tries.get();
        let again = tries < most;
        self.tries.set(tries.wrapping_add(again.into()));
        again
    }

    /// Its table and its place there.
    pub(super) fn key(&self) -> u16 {
        self.key.get()
    }

    pub(super) fn handle(&self) -> Option<Handle> {
        self.handle.get()
    }

    /// Whether it is one of this peer's.
    pub(super) fn is_of(&self, peer: u16) -> bool {
        self.is_used() && self.peer.get() == peer
    }

    /// Whether our message to this peer had this message ID.
    pub(super) fn is_named(&self, peer: u16, message_id: u16) -> bool {
        self.message_id.get() == message_id && self.is_of(peer)
    }

    /// Whether a message of ours with this ID is on its way to this peer, or was not confirmable. After an
    /// empty ACK only the RST of a peer that changed its mind could come, and it is heeded too.
    #[inline(never)] // One copy.
    pub(super) fn awaits(&self, peer: u16, message_id: u16) -> bool {
        self.is_named(peer, message_id)
            && matches!(self.stage.get(), Stage::Ack | Stage::Response | Stage::Sending | Stage::Observing)
            && !self.is(GROUP)
    }
}

/// How many entries of one kind can be told apart.
pub(super) const LIMIT: u16 = 1 << 14;

/// Names a table in the upper two bits of a [`Head::key`].
pub(super) type Kind = u16;
/// Requests of ours.
pub(super) const REQUEST: Kind = 0;
/// Messages of peers, and notifications of ours.
pub(super) const EXCHANGE: Kind = 1 << 14;
/// Transfers of peers.
pub(super) const TRANSFER: Kind = 2 << 14;
/// Observers.
pub(super) const OBSERVER: Kind = 3 << 14;

/// All the tables that have heads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tables<'m> {
    pub(super) requests: &'m [Pending],
    pub(super) exchanges: &'m [Exchange],
    pub(super) transfers: &'m [Transfer],
    pub(super) observers: &'m [Observer],
}

impl<'m> Tables<'m> {
    /// The head in a place of a table, if there is such a place.
    #[inline(never)] // One copy.
    pub(super) fn head(&self, kind: Kind, index: usize) -> Option<&'m Head> {
        Some(match kind {
            REQUEST => &self.requests.get(index)?.head,
            EXCHANGE => &self.exchanges.get(index)?.head,
            TRANSFER => &self.transfers.get(index)?.head,
            _ => &self.observers.get(index)?.head,
        })
    }

    /// The head that a key names.
    pub(super) fn named(&self, key: u16) -> Option<&'m Head> {
        self.head(key & !(LIMIT - 1), index(key))
    }

    /// The head of the next entry in use, of whatever table: of requests first, then of exchanges, transfers and
    /// observers. `cursor` is 0 before the first.
    #[inline(never)] // One copy.
    pub(super) fn next(&self, cursor: &mut u32) -> Option<&'m Head> {
        loop {
            match self.named(u16::try_from(*cursor).ok()?) {
                Some(head) => {
                    *cursor += 1;
                    if head.is_used() {
                        return Some(head);
                    }
                }
                // On to the next table.
                None => *cursor = (*cursor | u32::from(LIMIT - 1)) + 1,
            }
        }
    }

    /// What the entry is that has this head.
    #[inline(never)]
    pub(super) fn entry<'a>(&self, head: &'a Head) -> Entry<'a>
    where
        'm: 'a,
    {
        let (key, place) = (head.key(), index(head.key()));
        match key & !(LIMIT - 1) {
            REQUEST if cfg!(feature = "coap-client") => {
                self.requests.get(place).map_or(Entry::Other(head), Entry::Request)
            }
            EXCHANGE => self.exchanges.get(place).map_or(Entry::Other(head), Entry::Exchange),
            _ => Entry::Other(head),
        }
    }

    /// A free place of a table, which is in use from now on, for this peer. `freed` names the place to look at first.
    #[inline(never)]
    pub(super) fn take(&self, kind: Kind, freed: u16, peer: u16, flags: u16) -> Option<usize> {
        let mut place = if freed & !(LIMIT - 1) == kind { index(freed) } else { 0 };
        if self.head(kind, place).is_none_or(Head::is_used) {
            place = 0;
        }
        loop {
            let head = self.head(kind, place)?;
            if !head.is_used() {
                // Generation 0 is left out, so that no handle is ever 0.
                let taken = head.handle().map_or(0, Handle::generation);
                head.handle.set(Handle::new(place as u16, taken.checked_add(1).unwrap_or(1)));
                head.key.set(kind | place as u16);
                head.stage.set(Stage::Open);
                head.peer.set(peer);
                head.flags.set(flags);
                head.message_id.set(0);
                head.count.set(0);
                head.tries.set(0);
                return Some(place);
            }
            place += 1;
        }
    }

    /// The place in its table of the entry that `handle` names, if it is still there.
    #[inline(never)]
    fn find(&self, kind: Kind, handle: Handle) -> Option<usize> {
        let place = handle.index();
        let head = self.head(kind, place)?;
        if raw(head.handle()) == handle.raw() && head.is_used() { Some(place) } else { None }
    }

    /// Whose message of ours, with this message ID, this peer has yet to acknowledge or reset.
    #[inline(never)]
    pub(super) fn awaiting(&self, peer: u16, message_id: u16) -> Option<&'m Head> {
        let mut cursor = 0;
        loop {
            let head = self.next(&mut cursor)?;
            if head.awaits(peer, message_id) {
                return Some(head);
            }
        }
    }

    pub(super) fn request(&self, handle: Handle) -> Option<&'m Pending> {
        self.requests.get(self.find(REQUEST, handle)?)
    }

    pub(super) fn exchange(&self, handle: Handle) -> Option<&'m Exchange> {
        self.exchanges.get(self.find(EXCHANGE, handle)?)
    }

    pub(super) fn transfer(&self, handle: Option<Handle>) -> Option<&'m Transfer> {
        self.transfers.get(self.find(TRANSFER, handle?)?)
    }

    pub(super) fn observer(&self, handle: Option<Handle>) -> Option<&'m Observer> {
        self.observers.get(self.find(OBSERVER, handle?)?)
    }
}

/// An entry, by its table.
#[derive(Clone, Copy)]
pub(super) enum Entry<'m> {
    /// A request of ours.
    Request(&'m Pending),
    /// A message of a peer, or a notification of ours.
    Exchange(&'m Exchange),
    /// An observer, or a transfer.
    Other(&'m Head),
}

/// A handle as a number, 0 for none: two of these compare in one step.
pub(super) fn raw(handle: Option<Handle>) -> u32 {
    handle.map_or(0, Handle::raw)
}

/// The place in its table that a key names.
pub(super) const fn index(key: u16) -> usize {
    (key & (LIMIT - 1)) as usize
}
