// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tables of entries, and how an entry is found again.
#![forbid(unsafe_code)]

use super::entry::Head;
use super::pending::Pending;
use super::served::{Exchange, Observer, Transfer};
use crate::table::Handle;

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
                head.open(kind, place as u16, peer, flags);
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
