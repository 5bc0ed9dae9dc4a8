// SPDX-License-Identifier: MIT OR Apache-2.0
//! Receiving: frames made into packets again, and sent on where the mesh header says so.
#![forbid(unsafe_code)]

use super::super::fragment::{FragmentHeader, Key};
use super::super::iphc::Ends;
#[cfg(feature = "mesh-under")]
use super::super::mesh::MeshHeader;
use super::super::packet;
#[cfg(feature = "sixlorh")]
use super::super::sixlorh;
use super::{Interface, Received};
use crate::bytes::Reader;
#[cfg(feature = "mesh-under")]
use crate::bytes::Writer;
use crate::ieee802154::LinkAddress;
use crate::ieee802154::fields::Fields;
#[cfg(feature = "mesh-under")]
use crate::ieee802154::mac::{MAX_PAYLOAD_END, Priority};
use crate::ieee802154::wire::FrameType;
use crate::status::{Error, Result};
use crate::time::Instant;
use crate::transport::{RadioContext, RadioEvent};

/// The tag of frames whose end is told to nobody.
#[cfg(feature = "mesh-under")]
const FORWARDED: u8 = u8::MAX;

impl Interface<'_> {
    /// Input: what the radio brings. A packet comes back in `scratch`, of which [`SCRATCH`](super::SCRATCH) bytes
    /// always suffice. Call [`Interface::poll`] afterwards.
    #[inline(never)] // Its frame is not to lie below that of what the packet is handed to.
    pub fn receive<'s>(
        &mut self,
        cx: &mut RadioContext<'_>,
        event: RadioEvent<'_>,
        scratch: &'s mut [u8],
    ) -> Option<Received<'s>> {
        let (frame, lqi, rssi) = match event {
            RadioEvent::Received { frame, lqi, rssi } => (frame, lqi, rssi),
            RadioEvent::Transmitted { status, attempts } => {
                self.mac.transmitted(cx, &mut self.pool, status, attempts);
                return None;
            }
        };
        let mut header = Fields::default();
        let payload = self.mac.receive(cx, &mut self.pool, frame, lqi, rssi, &mut header)?;
        if header.frame_type() != FrameType::Data || payload.is_empty() {
            return None;
        }
        match self.accept(cx.now, &mut header, payload, scratch) {
            Ok(len) => {
                let packet = scratch.get_mut(..len?)?;
                self.stats.received = self.stats.received.wrapping_add(1);
                let (source, destination) = (*header.source(), *header.destination());
                Some(Received { packet, source, destination, lqi, rssi })
            }
            Err(_) => {
                self.stats.dropped = self.stats.dropped.wrapping_add(1);
                None
            }
        }
    }

    /// Takes a frame's payload. When it makes a packet: its length, and in `frame` between whom on the
    /// link it goes.
    fn accept(
        &mut self,
        now: Instant,
        frame: &mut Fields,
        payload: &[u8],
        scratch: &mut [u8],
    ) -> Result<Option<usize>> {
        let mut reader = Reader::new(payload);
        #[cfg(feature = "mesh-under")]
        match self.pass_mesh_header(*frame.source(), *frame.destination(), &mut reader)? {
            Some((source, destination)) => {
                frame.ends[0].address = destination;
                frame.ends[1].address = source;
            }
            None => return Ok(None),
        }
        let (source, destination) = (*frame.source(), *frame.destination());
        // Both ends are told (RFC 4944 §2), and nothing comes from everyone.
        if !source.is_unicast() {
            return Err(Error::Malformed);
        }
        let mut fragment = None;
        if reader.peek().is_some_and(FragmentHeader::is_dispatch) {
            fragment = Some(FragmentHeader::parse(&mut reader)?);
        }
        let (mut offset, mut data, mut missing) = (0, reader.rest(), None);
        if let Some(at) = fragment.and_then(|fragment| fragment.offset) {
            offset = usize::from(at);
        } else {
            let total = fragment.map(|fragment| usize::from(fragment.size));
            let packet = self.decompress(data, Ends::of_link(source, destination), total, scratch)?;
            self.notice(source, &packet);
            missing = packet.missing_checksum;
            if missing.is_some() {
                self.check_elision()?;
            }
            let made = scratch.get_mut(..packet.len).unwrap_or_default();
            if fragment.is_none() {
                if let Some(missing) = missing {
                    missing.fill(made);
                }
                return Ok(Some(packet.len));
            }
            data = made;
        }
        let Some(fragment) = fragment else { return Ok(None) };
        let key = Key { source, destination, size: fragment.size, tag: fragment.tag };
        match self.reassemblies.add(now, &mut self.pool, key, offset, data, missing) {
            Some(place) => self.reassemblies.take(place, &mut self.pool, scratch).map(Some),
            None => Ok(None),
        }
    }

    fn decompress(
        &self,
        payload: &[u8],
        ends: Ends,
        total: Option<usize>,
        scratch: &mut [u8],
    ) -> Result<packet::Decompressed> {
        #[cfg(feature = "sixlorh")]
        if let Some((&sixlorh::PAGE_1, rest)) = payload.split_first() {
            return sixlorh::decompress(rest, ends, &self.contexts, &self.dodag, total, scratch);
        }
        packet::decompress(payload, ends, &self.contexts, total, scratch)
    }

    /// Who makes use of generic header compression understands it (RFC 7400 §3.3).
    fn notice(&mut self, _source: LinkAddress, _packet: &packet::Decompressed) {
        #[cfg(feature = "ghc")]
        if _packet.is_generic {
            self.set_generic(_source, true);
        }
    }

    /// Without a promise that another integrity check covers it, a packet whose checksum was elided
    /// is dropped (RFC 6282 §4.3.2).
    const fn check_elision(&self) -> Result<()> {
        if self.elide_udp_checksum { Ok(()) } else { Err(Error::Security) }
    }

    /// Takes off a mesh header, if there is one, and says between whom the payload goes then; `None`
    /// when it is not for us. It has been sent on as far as it must be.
    #[cfg(feature = "mesh-under")]
    fn pass_mesh_header(
        &mut self,
        source: LinkAddress,
        destination: LinkAddress,
        reader: &mut Reader<'_>,
    ) -> Result<Option<(LinkAddress, LinkAddress)>> {
        if !reader.peek().is_some_and(MeshHeader::is_dispatch) {
            return Ok(Some((source, destination)));
        }
        let header = MeshHeader::parse(reader)?;
        if !header.originator.is_unicast() {
            return Err(Error::Malformed);
        }
        let own = self.own;
        let verdict = self.mesh.incoming(&header, |address| address.is_unicast() && own.contains(&address));
        if let Some(next_hop) = verdict.forward {
            let forwarded = self.forward(&header, next_hop, reader.rest());
            // What is for us too is taken even where there is no room to send it on.
            if !verdict.deliver {
                forwarded?;
            }
        }
        Ok(verdict.deliver.then_some((header.originator, header.destination)))
    }

    /// Sends on what came with a mesh header, with one hop less.
    #[cfg(feature = "mesh-under")]
    fn forward(&mut self, header: &MeshHeader, next_hop: LinkAddress, rest: &[u8]) -> Result<()> {
        let header = MeshHeader { hops_left: header.hops_left.saturating_sub(1), ..*header };
        let draft = self.mac.begin(&mut self.pool, next_hop, Priority::Normal)?;
        let at = draft.header_len;
        let room = self.pool.get_mut(draft.block).get_mut(at..MAX_PAYLOAD_END).unwrap_or_default();
        let mut out = Writer::new(room);
        if header.emit(&mut out).and_then(|()| out.put(rest)).is_err() {
            self.mac.abandon(&mut self.pool, draft);
            return Err(Error::TooLarge);
        }
        let len = at + out.position();
        self.mac.enqueue(&mut self.pool, draft, len, Priority::Normal, FORWARDED)?;
        self.stats.forwarded = self.stats.forwarded.wrapping_add(1);
        Ok(())
    }
}
