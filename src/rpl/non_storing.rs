// SPDX-License-Identifier: MIT OR Apache-2.0
//! The root of non-storing mode: source routes through the graph of who is whose child (RFC 6550 §9.7, RFC 6554).
#![forbid(unsafe_code)]

use super::Node;
use super::dodag::Dodag;
use super::routes::{self, PARENT, ROOT, Route, mark};
use super::wire::Shape;
use crate::address::Ip;
use crate::bytes::Writer;
use crate::status::{Error, Result};

/// Hops of the longest source route.
pub(super) const MAX_HOPS: usize = 64;

impl Node<'_> {
    /// The path to an address, by the routes' indices in `room`, if every link of it is known.
    pub(super) fn find_path<'p>(
        &self,
        dodag: &Dodag,
        address: &Ip,
        room: &'p mut [u16; MAX_HOPS],
    ) -> Option<&'p [u16]> {
        let mut next = routes::lookup(self.routes, dodag.owner, address, self.now)?;
        let mut start = room.len();
        loop {
            let route = self.routes.get(next).filter(|route| route.is_live(self.now))?;
            // A ring of links ends here, as does a path too long.
            start = start.checked_sub(1)?;
            *room.get_mut(start)? = next as u16;
            if route.via == ROOT {
                return room.get(start..);
            }
            next = usize::from(route.via ^ PARENT);
        }
    }

    /// The parent that a route was advertised with.
    pub(super) fn parent_of<'a>(&'a self, dodag: &'a Dodag, route: &Route) -> &'a Ip {
        self.routes.get(usize::from(route.via ^ PARENT)).map_or(&dodag.id, |parent| Ip::of(&parent.target))
    }

    /// Whether the last hop of the path is no RPL node, so that its parent is the last one
    /// that a source route can name.
    pub(super) fn ends_outside(&self, path: &[u16]) -> bool {
        let last = path.last().and_then(|last| self.routes.get(usize::from(*last)));
        last.is_some_and(|last| last.is(mark::EXTERNAL) || last.prefix_len < 128)
    }

    /// The address of a hop, counted from 0.
    #[inline(never)]
    pub(super) fn hop_address(&self, path: &[u16], position: usize) -> Option<&Ip> {
        let route = self.routes.get(usize::from(*path.get(position)?))?;
        Some(Ip::of(&route.target))
    }

    /// Writes the source route over the hops of a path, at least two; the first of them is the IPv6 destination.
    pub(super) fn write_source_route(&self, path: &[u16], out: &mut Writer<'_>) -> Result<()> {
        let first = self.hop_address(path, 0).ok_or(Error::NotFound)?;
        let count = path.len();
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
