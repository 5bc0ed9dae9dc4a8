// SPDX-License-Identifier: MIT OR Apache-2.0
//! The root of non-storing mode: source routes through the graph of who is whose child (RFC 6550 §9.7, RFC 6554).
#![forbid(unsafe_code)]

use super::Node;
use super::dodag::Dodag;
use super::routes::{self, NOWHERE, ROOT, mark};
use super::wire::Shape;
use crate::address::Ip;
use crate::bytes::Writer;
use crate::status::{Error, Result};

/// Hops of the longest source route.
pub(super) const MAX_HOPS: usize = 64;

/// A path downward, by the routes' indices, the last hop first.
pub(super) struct Path {
    hops: [u16; MAX_HOPS],
    length: usize,
    /// How many hops are left out at the end.
    omitted: usize,
}

impl Path {
    /// No hops.
    pub(super) const EMPTY: Path = Path { hops: [0; MAX_HOPS], length: 0, omitted: 0 };

    /// How many hops it has, the last included.
    pub(super) const fn len(&self) -> usize {
        self.length.saturating_sub(self.omitted)
    }

    /// Leaves out the last hop, which is no router.
    pub(super) const fn omit_last(&mut self) {
        self.omitted = 1;
    }

    /// The hop at a position, from 0.
    fn hop(&self, position: usize) -> Option<usize> {
        let index = self.length.checked_sub(position)?.checked_sub(1)?;
        self.hops.get(index).map(|hop| usize::from(*hop))
    }
}

impl Node<'_> {
    /// Whether an entry of non-storing mode must stay though it has ended, since others hang below it.
    pub(super) fn keeps_expired(&mut self, owner: u8, entry: usize) -> bool {
        let needed = self.routes.iter().any(|other| other.owner == owner && usize::from(other.via) == entry);
        if let Some(route) = self.routes.get_mut(entry).filter(|_| needed) {
            route.via = NOWHERE;
        }
        needed
    }

    /// Appends the path to an address to an empty one, if every link of it is known.
    pub(super) fn find_path(&self, dodag: &Dodag, address: &Ip, path: &mut Path) -> Option<()> {
        let mut next = routes::lookup(self.routes, dodag.owner, address, self.now)?;
        loop {
            let route = self.routes.get(next).filter(|route| route.is_live(self.now))?;
            // A ring of links ends here, as does a path too long.
            *path.hops.get_mut(path.length)? = next as u16;
            path.length += 1;
            if route.via == ROOT {
                return Some(());
            }
            next = usize::from(route.via);
        }
    }

    /// Whether the last hop of the path is no RPL node, so that its parent is the last one
    /// that a source route can name.
    pub(super) fn ends_outside(&self, path: &Path) -> bool {
        let last = path.hops.first().and_then(|last| self.routes.get(usize::from(*last)));
        last.is_some_and(|last| last.is(mark::EXTERNAL) || last.prefix_len < 128)
    }

    /// The address of a hop, counted from 0.
    #[inline(never)]
    pub(super) fn hop_address(&self, path: &Path, position: usize) -> Option<&Ip> {
        path.hop(position).and_then(|hop| self.routes.get(hop)).map(|route| Ip::of(&route.target))
    }

    /// Writes the source route over the first `count` hops, at least two; the first of them
    /// is the IPv6 destination.
    pub(super) fn write_source_route(&self, path: &Path, count: usize, out: &mut Writer<'_>) -> Result<()> {
        let first = self.hop_address(path, 0).ok_or(Error::NotFound)?;
        let segments = count.checked_sub(1).and_then(|left| u8::try_from(left).ok()).ok_or(Error::Invalid)?;
        let (mut compressed, mut compressed_last) = (15, 15);
        for position in 1..count {
            let address = self.hop_address(path, position).ok_or(Error::NotFound)?;
            let differs = first.0.iter().zip(&address.0).position(|(a, b)| a != b);
            // Each address is completed from the one before it, which the last shares no more with
            // than all share.
            compressed_last = (differs.unwrap_or(15) as u8).min(compressed);
            if position + 1 < count {
                compressed = compressed_last;
            }
        }
        let shape = Shape { compressed, compressed_last, count: segments };
        let pad = shape.emit(0, segments, out)?;
        for position in 1..count {
            let elided = if position + 1 == count { compressed_last } else { compressed };
            let address = self.hop_address(path, position).ok_or(Error::NotFound)?;
            out.put(address.0.get(usize::from(elided)..).unwrap_or_default())?;
        }
        out.reserve(usize::from(pad)).map(|_| ())
    }
}
