// SPDX-License-Identifier: MIT OR Apache-2.0
//! What neighbour discovery knows for a time: border routers, default routers, prefixes and compression contexts, in
//! one table with places for so many of each.
#![forbid(unsafe_code)]

use super::{SEVERAL, border_routers};
use crate::address::Ip;
use crate::ipv6::Config;
use crate::ipv6::source_selection::in_prefix;
use crate::memory::Carver;
use crate::time::{Instant, Stamp};

/// What an [`Entry`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A border router that prefixes and contexts come from (RFC 6775 §4.3). Those of each are kept and passed on
    /// apart from those of the others.
    BorderRouter,
    /// A default router, by its link-local address.
    Router,
    /// A prefix that is known or, on a router, advertised.
    Prefix,
    /// A compression context that is known or, on a router, advertised (RFC 6775 §5.4.2).
    Context,
}

/// What there is in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Nothing.
    Unused,
    /// Something.
    Known,
    /// Something that the application still has to be told of.
    News,
}

/// Something that is known for a time.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The address, or the prefix.
    pub ip: Ip,
    /// Until when it is valid; [`Instant::ZERO`] when it is gone.
    pub until: Instant,
    /// Of a border router: the version of its information.
    pub version: u32,
    /// Of a prefix: until when its addresses are preferred.
    pub preferred_until: Stamp,
    /// How many bits of the prefix count.
    pub prefix_len: u8,
    /// As their options have them: of a prefix the flags, of a context its identifier and [`Entry::COMPRESS`], beside
    /// [`Entry::OVER`]; of a router [`Entry::EXTENDED`] and [`Entry::REFUSED`].
    pub flags: u8,
    /// From which border router a prefix or a context comes, by its place in the table; see [`Entry::NOBODY`].
    pub border: u8,
    pub(super) kind: Kind,
    pub(super) status: Status,
}

impl Default for Entry {
    fn default() -> Entry {
        let mut unused = Entry::new(Kind::Prefix, &Ip::UNSPECIFIED, Instant::NEVER);
        unused.status = Status::Unused;
        unused
    }
}

impl Entry {
    /// In place of a border router's place: what did not come with the name of one.
    pub const NOBODY: u8 = u8::MAX;
    /// The router understands the extended registration option (RFC 8505 §6.1).
    pub const EXTENDED: u8 = 1;
    /// The router has no room for our addresses (RFC 6775 §5.5.3).
    pub const REFUSED: u8 = 2;
    /// The context may be used to compress, beside decompressing.
    pub const COMPRESS: u8 = 0x10;
    /// The lifetime of the context has ended: it is kept a while to decompress (RFC 6775 §5.4.3).
    pub const OVER: u8 = 0x20;

    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(super) const fn new(kind: Kind, ip: &Ip, until: Instant) -> Entry {
        Entry {
            ip: *ip,
            until,
            version: 0,
            preferred_until: Stamp::NEVER,
            prefix_len: 128,
            flags: 0,
            border: Entry::NOBODY,
            kind,
            status: Status::Known,
        }
    }

    /// A context's identifier, 0 to 15.
    pub const fn id(&self) -> u8 {
        self.flags & 0xf
    }

    /// Whether a context may be used to compress, beside decompressing.
    pub const fn compresses(&self) -> bool {
        self.flags & Entry::COMPRESS != 0
    }

    /// Whether it is valid no more.
    pub fn is_gone(&self) -> bool {
        self.until == Instant::ZERO
    }

    /// Its time is over; a context is still good for decompression until then, and the application is to be told.
    pub(super) fn end(&mut self, until: Instant) {
        self.until = until;
        self.flags = self.flags & !Entry::COMPRESS | Entry::OVER;
        self.status = if self.kind == Kind::Context { Status::News } else { Status::Unused };
    }

    /// Whether it comes from that border router: always, where there is but one.
    pub(super) const fn is_of(&self, border: u8) -> bool {
        !SEVERAL || self.border == border
    }

    /// Whether the other, of the same kind, is about the same.
    fn is_same(&self, other: &Entry) -> bool {
        self.is_of(other.border)
            && if self.kind == Kind::Context {
                self.id() == other.id()
            } else {
                self.prefix_len == other.prefix_len && in_prefix(&self.ip, &other.ip, other.prefix_len)
            }
    }
}

/// The table.
#[derive(Default)]
pub(super) struct Known<'m>(&'m mut [Entry]);

impl<'m> Known<'m> {
    pub(super) fn carve(carver: &mut Carver<'m>, config: &Config) -> Known<'m> {
        // How many places are of the kinds before a kind, and of it.
        let routers = border_routers(config) + usize::from(config.routers);
        let prefixes = routers + usize::from(config.prefixes);
        let contexts = prefixes + usize::from(config.contexts);
        let table = carver.part::<Entry>(contexts);
        for (place, entry) in table.iter_mut().enumerate() {
            entry.kind = match place {
                _ if place >= prefixes => Kind::Context,
                _ if place >= routers => Kind::Prefix,
                _ if place >= border_routers(config) => Kind::Router,
                _ => Kind::BorderRouter,
            };
        }
        Known(table)
    }

    /// All there is.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().filter(|entry| entry.status != Status::Unused)
    }

    /// All there is, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.0.iter_mut().filter(|entry| entry.status != Status::Unused)
    }

    /// All there is of one kind.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Entry> {
        self.iter().filter(move |entry| entry.kind == kind)
    }

    /// The place of the first of one kind whose time is not over.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(super) fn place_of(&self, kind: Kind, now: Instant) -> Option<usize> {
        self.0.iter().position(|entry| {
            entry.kind == kind && entry.status != Status::Unused && !entry.until.is_due(now)
        })
    }

    /// The first of one kind whose time is not over.
    pub(super) fn first(&self, kind: Kind, now: Instant) -> Option<&Entry> {
        self.0.get(self.place_of(kind, now)?)
    }

    /// How many places there are.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// What is in a place.
    pub(super) fn get(&self, place: usize) -> Option<&Entry> {
        self.0.get(place).filter(|entry| entry.status != Status::Unused)
    }

    /// A place, whatever is in it.
    pub(super) fn place_mut(&mut self, place: usize) -> Option<&mut Entry> {
        self.0.get_mut(place)
    }

    /// The place of what is the same as `new`, or else a free one.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(super) fn place(&self, new: &Entry) -> Option<usize> {
        let mut free = None;
        for (place, entry) in self.0.iter().enumerate().filter(|(_, entry)| entry.kind == new.kind) {
            if entry.status == Status::Unused {
                free = free.or(Some(place));
            } else if entry.is_same(new) {
                return Some(place);
            }
        }
        free
    }

    /// Enters `new`, or takes out what is the same when its time is over already (a router with the next poll); whether
    /// it is there now. When there is no room, those known stay (they serve already). The application is told of what
    /// changes for it of a context, not of a longer life.
    pub(super) fn store(&mut self, now: Instant, new: &Entry) -> bool {
        let Some(entry) = self.place(new).and_then(|place| self.place_mut(place)) else { return false };
        let lasts = !new.until.is_due(now);
        if !lasts && entry.status == Status::Unused {
            return false;
        }
        let same = new.kind != Kind::Context
            || entry.status == Status::Known
                && entry.ip == new.ip
                && entry.prefix_len == new.prefix_len
                && entry.flags == new.flags;
        *entry = *new;
        if !same {
            entry.status = Status::News;
        }
        if !lasts && new.kind != Kind::Router {
            entry.end(Instant::ZERO);
        }
        lasts
    }
}
