// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the entries of all tables have in common.
//!
//! An entry stays in its place and is shared while it is worked on: what changes in it are
//! cells. So a method that has found an entry hands it on by reference, and it need not be found
//! again, nor copied, after each step.
#![forbid(unsafe_code)]

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
    /// How long to wait, in milliseconds, before its message is sent again for the first time. Of a transfer, which has no
    /// message, the secret of its key.
    pub(super) delay: Cell<u32>,
    pub(super) peer: Cell<u16>,
    /// Its table and its place there.
    key: Cell<u16>,
    /// The message ID of our message that was sent last, or is on its way; 0 before the first.
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
    /// It is in use from now on, for this peer, in this place of the table that `kind` names.
    pub(super) fn open(&self, kind: u16, place: u16, peer: u16, flags: u16) {
        // Generation 0 is left out, so that no handle is ever 0.
        let taken = self.handle().map_or(0, Handle::generation);
        self.handle.set(Handle::new(place, taken.checked_add(1).unwrap_or(1)));
        self.key.set(kind | place);
        self.stage.set(Stage::Open);
        self.peer.set(peer);
        self.flags.set(flags);
        self.message_id.set(0);
        self.count.set(0);
        self.tries.set(0);
    }

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
    /// empty ACK only the RST of a peer that changed its mind could come, and it is heeded too. 0 is for groups: an
    /// observer that was not notified yet awaits nothing by it.
    #[inline(never)] // One copy.
    pub(super) fn awaits(&self, peer: u16, message_id: u16) -> bool {
        message_id != 0
            && self.is_named(peer, message_id)
            && matches!(self.stage.get(), Stage::Ack | Stage::Response | Stage::Sending | Stage::Observing)
            && !self.is(GROUP)
    }
}
