// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mesh-under: the mesh addressing header, the broadcast header, and forwarding by them
//! (RFC 4944 §5.2 and §11).
#![forbid(unsafe_code)]

use crate::bytes::{Reader, Writer};
use crate::ieee802154::LinkAddress;
use crate::status::{Error, Result};

/// The dispatch byte of the broadcast header.
const DISPATCH_BC0: u8 = 0x50;
/// How far what is sent from here may travel.
const HOPS: u8 = 14;
/// How many broadcasts are remembered, so that each is repeated once.
const REMEMBERED: usize = 8;

/// The mesh addressing header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeshHeader {
    /// How many hops are left.
    pub hops_left: u8,
    /// Who sent the packet first.
    pub originator: LinkAddress,
    /// For whom it is.
    pub destination: LinkAddress,
    /// The sequence number of the broadcast header, when one follows.
    pub broadcast: Option<u8>,
}

impl MeshHeader {
    /// Whether a frame's payload that begins with this byte has such a header.
    pub const fn is_dispatch(byte: u8) -> bool {
        byte >> 6 == 0b10
    }

    /// Reads the header, with the broadcast header if it follows.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is cut short or is none.
    pub fn parse(reader: &mut Reader<'_>) -> Result<MeshHeader> {
        let first = reader.u8()?;
        if !MeshHeader::is_dispatch(first) {
            return Err(Error::Malformed);
        }
        let hops_left = if first & 0xf == 0xf { reader.u8()? } else { first & 0xf };
        let originator = address(first & 0x20 != 0, reader)?;
        let destination = address(first & 0x10 != 0, reader)?;
        let broadcast =
            if reader.peek() == Some(DISPATCH_BC0) { Some(reader.array::<2>()?[1]) } else { None };
        Ok(MeshHeader { hops_left, originator, destination, broadcast })
    }

    /// How many bytes the header takes.
    pub const fn encoded_len(&self) -> usize {
        1 + (self.hops_left >= 0xf) as usize
            + self.originator.len()
            + self.destination.len()
            + if self.broadcast.is_some() { 2 } else { 0 }
    }

    /// Writes the header.
    ///
    /// # Errors
    /// [`Error::TooLarge`] without room; [`Error::Invalid`] when an address lacks.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let short = |address| matches!(address, LinkAddress::Short(_));
        let kinds = u8::from(short(self.originator)) << 5 | u8::from(short(self.destination)) << 4;
        out.u8(0x80 | kinds | self.hops_left.min(0xf))?;
        if self.hops_left >= 0xf {
            out.u8(self.hops_left)?;
        }
        for address in [self.originator, self.destination] {
            match address {
                LinkAddress::Short(short) => out.u16(short)?,
                LinkAddress::Extended(extended) => out.put(&extended)?,
                _ => return Err(Error::Invalid),
            }
        }
        self.broadcast.map_or(Ok(()), |sequence| out.put(&[DISPATCH_BC0, sequence]))
    }
}

fn address(short: bool, reader: &mut Reader<'_>) -> Result<LinkAddress> {
    if short { reader.u16().map(LinkAddress::Short) } else { reader.array().map(LinkAddress::Extended) }
}

/// Which neighbour leads to a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeshRoute {
    /// The node; [`LinkAddress::None`] in an unused place.
    pub destination: LinkAddress,
    /// The neighbour.
    pub next_hop: LinkAddress,
}

/// What happens to a packet that came with a mesh header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// It is for us too.
    pub(super) deliver: bool,
    /// It goes on to this neighbour with one hop less.
    pub(super) forward: Option<LinkAddress>,
}

/// Forwarding by link-layer addresses.
#[derive(Debug)]
pub(super) struct MeshUnder<'m> {
    routes: &'m mut [MeshRoute],
    /// Originators and sequence numbers of the broadcasts seen last.
    seen: [(LinkAddress, u8); REMEMBERED],
    next_seen: usize,
    sequence: u8,
}

impl<'m> MeshUnder<'m> {
    /// Broadcasts are numbered from `sequence` on, which should differ from one start to the next: others may still
    /// remember what was sent before.
    pub(super) fn new(routes: &'m mut [MeshRoute], sequence: u8) -> MeshUnder<'m> {
        MeshUnder { routes, seen: [(LinkAddress::None, 0); REMEMBERED], next_seen: 0, sequence }
    }

    const fn is_on(&self) -> bool {
        !self.routes.is_empty()
    }

    pub(super) fn set_route(&mut self, destination: LinkAddress, next_hop: LinkAddress) -> Result<()> {
        let known = self.routes.iter().position(|route| route.destination == destination);
        let place = known.or_else(|| self.routes.iter().position(|route| route.destination.is_empty()));
        let slot = place.and_then(|place| self.routes.get_mut(place)).ok_or(Error::Full)?;
        let destination = if next_hop.is_empty() { LinkAddress::None } else { destination };
        *slot = MeshRoute { destination, next_hop };
        Ok(())
    }

    fn next_hop(&self, destination: LinkAddress) -> Option<LinkAddress> {
        self.routes.iter().find(|it| it.destination == destination).map(|it| it.next_hop)
    }

    /// The header for a packet of our own and the neighbour that it goes to; `None` when it goes
    /// straight to its destination.
    pub(super) fn outgoing(
        &mut self,
        own: LinkAddress,
        destination: LinkAddress,
    ) -> Option<(MeshHeader, LinkAddress)> {
        if !self.is_on() {
            return None;
        }
        let header = MeshHeader { hops_left: HOPS, originator: own, destination, broadcast: None };
        if destination.is_broadcast() {
            self.sequence = self.sequence.wrapping_add(1);
            self.is_new(own, self.sequence);
            return Some((MeshHeader { broadcast: Some(self.sequence), ..header }, destination));
        }
        self.next_hop(destination).map(|next_hop| (header, next_hop))
    }

    /// What to do with a packet that came with `header`; `is_own` says whether an address is ours.
    pub(super) fn incoming(&mut self, header: &MeshHeader, is_own: impl Fn(LinkAddress) -> bool) -> Verdict {
        let nothing = Verdict { deliver: false, forward: None };
        let goes_on = self.is_on() && header.hops_left > 1;
        if header.destination.is_broadcast() {
            let new = match header.broadcast {
                Some(sequence) => !is_own(header.originator) && self.is_new(header.originator, sequence),
                None => false,
            };
            // Without sequence number it cannot be told from its own echo, so it goes no further.
            let deliver = new || header.broadcast.is_none();
            return Verdict { deliver, forward: (new && goes_on).then_some(LinkAddress::BROADCAST) };
        }
        if is_own(header.destination) {
            return Verdict { deliver: true, ..nothing };
        }
        if !goes_on || is_own(header.originator) {
            return nothing;
        }
        Verdict { forward: Some(self.next_hop(header.destination).unwrap_or(header.destination)), ..nothing }
    }

    /// Whether a broadcast has not been seen before. It has been from now on.
    fn is_new(&mut self, originator: LinkAddress, sequence: u8) -> bool {
        if self.seen.contains(&(originator, sequence)) {
            return false;
        }
        if let Some(slot) = self.seen.get_mut(self.next_seen) {
            *slot = (originator, sequence);
        }
        self.next_seen = (self.next_seen + 1) % REMEMBERED;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link_address() -> impl Strategy<Value = LinkAddress> {
        prop_oneof![
            any::<u16>().prop_map(LinkAddress::Short),
            any::<[u8; 8]>().prop_map(LinkAddress::Extended)
        ]
    }

    proptest! {
        #[test]
        fn headers_round_trip(
            originator in link_address(), destination in link_address(), hops_left: u8, broadcast: Option<u8>
        ) {
            let header = MeshHeader { hops_left, originator, destination, broadcast };
            let mut buffer = [0; 24];
            let mut out = Writer::new(&mut buffer);
            header.emit(&mut out).unwrap();
            prop_assert_eq!(out.position(), header.encoded_len());
            prop_assert_eq!(MeshHeader::parse(&mut Reader::new(out.written())), Ok(header));
        }
    }

    /// RFC 4944 figures 3 and 11: V, then F, then the hops; the number of hops that needs a byte of its own; LOWPAN_BC0.
    #[test]
    fn a_mesh_header_has_the_bits_of_figure_3() {
        let (short, long) = (LinkAddress::Short(0x0102), LinkAddress::Extended([3, 4, 5, 6, 7, 8, 9, 10]));
        let bytes = |originator, destination, hops_left, broadcast| {
            let mut buffer = [0; 24];
            let mut out = Writer::new(&mut buffer);
            MeshHeader { hops_left, originator, destination, broadcast }.emit(&mut out).unwrap();
            out.finish().to_vec()
        };
        assert_eq!(bytes(short, long, 5, None), [0xa5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(bytes(long, short, 14, None), [0x9e, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2]);
        assert_eq!(bytes(short, short, 15, None), [0xbf, 15, 1, 2, 1, 2]);
        let everyone = LinkAddress::BROADCAST;
        assert_eq!(bytes(short, everyone, 1, Some(7)), [0xb1, 1, 2, 0xff, 0xff, 0x50, 7]);
    }

    #[test]
    fn hops_left_are_counted_and_broadcasts_repeated_once() {
        let mut routes = [MeshRoute::default(); 2];
        let mut mesh = MeshUnder::new(&mut routes, 0);
        let [own, far, near, other] = [1, 2, 3, 4].map(LinkAddress::Short);
        mesh.set_route(far, near).unwrap();
        mesh.set_route(other, near).unwrap();
        assert_eq!(mesh.set_route(near, near), Err(Error::Full));
        mesh.set_route(other, LinkAddress::None).unwrap();
        let is_own = |address| address == own;
        assert_eq!(mesh.outgoing(own, far).unwrap().1, near);
        assert_eq!(mesh.outgoing(own, near), None);
        let header = MeshHeader { hops_left: 2, originator: other, destination: far, broadcast: None };
        assert_eq!(mesh.incoming(&header, is_own).forward, Some(near));
        let astray = MeshHeader { originator: own, ..header };
        assert_eq!(mesh.incoming(&astray, is_own), Verdict { deliver: false, forward: None });
        let last = MeshHeader { hops_left: 1, ..header };
        assert_eq!(mesh.incoming(&last, is_own), Verdict { deliver: false, forward: None });
        let ours = MeshHeader { destination: own, ..last };
        assert!(mesh.incoming(&ours, is_own).deliver);
        let everyone = MeshHeader {
            hops_left: 3,
            originator: other,
            destination: LinkAddress::BROADCAST,
            broadcast: Some(9),
        };
        let all = Verdict { deliver: true, forward: Some(LinkAddress::BROADCAST) };
        assert_eq!(mesh.incoming(&everyone, is_own), all);
        assert_eq!(mesh.incoming(&everyone, is_own), Verdict { deliver: false, forward: None });
        let echo = mesh.outgoing(own, LinkAddress::BROADCAST).unwrap().0;
        assert!(!mesh.incoming(&echo, is_own).deliver);
    }
}
