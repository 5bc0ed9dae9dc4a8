// SPDX-License-Identifier: MIT OR Apache-2.0
//! The adaptation engine: IPv6 packets in, frames out, and back.
#![forbid(unsafe_code)]

use super::context::Contexts;
use super::fragment::{BLOCKS, FIRST_HEADER, FragmentHeader, FragmentStats, Key, MAX_DATAGRAM, Reassemblies};
use super::iphc::Ends;
#[cfg(feature = "mesh-under")]
use super::mesh::{MeshHeader, MeshUnder};
use super::packet;
#[cfg(feature = "sixlorh")]
use super::{sixlorh, sixlorh_send};
#[cfg(feature = "sixlorh")]
use crate::address::Ip;
use crate::bytes::{Parts, Reader, Writer};
use crate::ieee802154::LinkAddress;
use crate::ieee802154::mac::{Draft, MAX_PAYLOAD_END, Mac, MacConfig, Priority};
use crate::ieee802154::pool::{BLOCK, BlockId, Pool};
use crate::ieee802154::wire::{FrameType, Header};
use crate::memory::{Carver, Plan};
use crate::status::{Error, Result};
use crate::time::Instant;
use crate::transport::{RadioContext, RadioEvent};

/// How large the scratch memory must be that [`Interface::receive`] is lent.
pub const SCRATCH: usize = MAX_DATAGRAM;
/// The MTU of a 6LoWPAN (RFC 4944 §4).
pub const MTU: usize = 1280;

/// The capacities and the behaviour of an [`Interface`].
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The MAC's.
    pub mac: MacConfig,
    /// How many blocks of 128 bytes the frames that wait and the packets in parts share, at most
    /// 255. A packet of 1280 bytes takes ten.
    pub blocks: usize,
    /// How many packets can be put together at once.
    pub reassemblies: usize,
    /// How many packets can be sent in fragments at once.
    pub outgoing: usize,
    /// How many compression contexts are kept, at most 16.
    pub contexts: usize,
    /// For how long fragments wait for the rest, in milliseconds, at most 60,000.
    pub reassembly_timeout: u32,
    /// For how many nodes mesh-under knows the next hop; 0 turns mesh-under off, and is all that a
    /// build without the feature `mesh-under` can do.
    pub mesh_routes: usize,
    /// UDP checksums are elided, and accepted elided. Only where the upper layers have authorised
    /// it and another integrity check covers all frames (RFC 6282 §4.3.2).
    pub elide_udp_checksum: bool,
    /// Generic header compression (RFC 7400) is used towards neighbours of which it is known that
    /// they understand it.
    #[cfg(feature = "ghc")]
    pub ghc: bool,
    /// The headers of RPL are sent in their compressed form (RFC 8138), which all nodes must
    /// understand. They are understood on receipt in any case.
    #[cfg(feature = "sixlorh")]
    pub sixlorh: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            mac: MacConfig::default(),
            blocks: 26,
            reassemblies: 4,
            outgoing: 2,
            contexts: 4,
            reassembly_timeout: 8000,
            mesh_routes: 0,
            elide_udp_checksum: false,
            #[cfg(feature = "ghc")]
            ghc: false,
            #[cfg(feature = "sixlorh")]
            sixlorh: false,
        }
    }
}

/// What has been counted, besides what MAC and reassembly count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets taken for sending.
    pub sent: u32,
    /// Of these, packets sent in fragments.
    pub fragmented: u32,
    /// Packets handed up.
    pub received: u32,
    /// Frames dropped whose payload was malformed, of an unknown kind, or of an unknown context.
    pub dropped: u32,
    /// Frames forwarded by mesh-under.
    pub forwarded: u32,
}

/// A packet that is being sent in fragments: the compressed headers, then the rest as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing {
    destination: LinkAddress,
    priority: Priority,
    blocks: [Option<BlockId>; BLOCKS],
    /// How many bytes of the stream are compressed headers, and how many bytes of the packet
    /// these stand for.
    headers: u16,
    consumed: u16,
    /// How long the stream is, and how much of it has gone.
    len: u16,
    position: u16,
    size: u16,
    tag: u16,
    /// When the next fragment may go.
    next_at: Instant,
    is_used: bool,
    is_under_way: bool,
}

impl Outgoing {
    /// Whether its next fragment waits to go.
    const fn is_ready(&self) -> bool {
        self.is_used && !self.is_under_way
    }

    /// Writes the next fragment into the frame `draft`, behind `at`, and says where it ends there.
    fn put_fragment(&mut self, pool: &mut Pool<'_>, draft: BlockId, at: usize) -> Result<usize> {
        let first = self.position == 0;
        // Where the fragment begins in the packet before compression.
        let offset = (self.position + self.consumed).saturating_sub(self.headers);
        let offset = if first { None } else { Some(offset) };
        let header = FragmentHeader { size: self.size, tag: self.tag, offset };
        let frame = pool.get_mut(draft).get_mut(at..).unwrap_or_default();
        header.emit(&mut Writer::new(frame))?;
        let mut at = at + header.encoded_len();
        let room = MAX_PAYLOAD_END.saturating_sub(at);
        let left = usize::from(self.len - self.position);
        // All but the last end at a multiple of 8; the headers stand for one.
        let headers = if first { usize::from(self.headers) } else { 0 };
        let part = if left <= room { left } else { headers + (room.saturating_sub(headers) & !7) };
        let mut position = usize::from(self.position);
        let end = position + part;
        while position < end {
            let block = self.blocks.get(position / BLOCK).copied().flatten().ok_or(Error::Invalid)?;
            let until = end.min((position / BLOCK + 1) * BLOCK);
            let copied = pool.copy(block, position % BLOCK, draft, at, until - position);
            if copied == 0 {
                return Err(Error::Invalid);
            }
            at += copied;
            position += copied;
        }
        self.position = end as u16;
        self.is_under_way = true;
        Ok(at)
    }

    fn release(&mut self, pool: &mut Pool<'_>) {
        for block in self.blocks.iter_mut().filter_map(Option::take) {
            pool.give(block);
        }
        *self = Outgoing::default();
    }
}

/// A packet that came.
#[derive(Debug)]
pub struct Received<'s> {
    /// The IPv6 packet, in the scratch memory.
    pub packet: &'s mut [u8],
    /// Which node on the link it came from.
    pub source: LinkAddress,
    /// To which link-layer address it came: ours, or everyone's.
    pub destination: LinkAddress,
    /// The link quality indication of its last frame.
    pub lqi: u8,
    /// The signal strength of its last frame, in dBm.
    pub rssi: i8,
}

/// The end of a packet's sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Which neighbour it went to.
    pub destination: LinkAddress,
    /// [`Error::Timeout`] when the neighbour did not acknowledge, [`Error::WouldBlock`] when the
    /// channel never was clear, [`Error::Io`] when the radio failed.
    pub result: Result<()>,
}

/// One 6LoWPAN interface: MAC and adaptation layer over one radio.
///
/// The link to each neighbour is in [`Mac::neighbours`].
#[derive(Debug)]
pub struct Interface<'m> {
    pool: Pool<'m>,
    mac: Mac<'m>,
    contexts: Contexts<'m>,
    reassemblies: Reassemblies<'m>,
    outgoing: &'m mut [Outgoing],
    #[cfg(feature = "mesh-under")]
    mesh: MeshUnder<'m>,
    #[cfg(feature = "mesh-under")]
    own: [LinkAddress; 2],
    tag: u16,
    elide_udp_checksum: bool,
    #[cfg(feature = "ghc")]
    ghc: bool,
    #[cfg(feature = "sixlorh")]
    sixlorh: bool,
    /// The address of the DODAG's root, which 6LoRH elides.
    #[cfg(feature = "sixlorh")]
    root: Option<Ip>,
    stats: Stats,
}

impl<'m> Interface<'m> {
    /// Adds the memory it takes to `plan`.
    #[must_use]
    pub fn plan(plan: Plan, config: &Config) -> Plan {
        plan.and(|carver| Interface::carve(carver, config, 0))
    }

    /// An idle interface. `seed` sets the first sequence number and datagram tag; it should differ
    /// from one start to the next.
    ///
    /// # Errors
    /// [`Error::NoMemory`]; [`Error::Invalid`] for capacities or times out of range.
    pub fn new(carver: &mut Carver<'m>, config: &Config, seed: u16) -> Result<Interface<'m>> {
        if !Interface::is_possible(config) {
            return Err(Error::Invalid);
        }
        let interface = Interface::carve(carver, config, seed);
        carver.enough()?;
        Ok(interface)
    }

    /// Whether capacities and times are in range.
    pub(crate) const fn is_possible(config: &Config) -> bool {
        config.blocks > 0
            && config.blocks <= 255
            && config.reassembly_timeout <= 60_000
            && config.contexts <= 16
            && (config.mesh_routes == 0 || cfg!(feature = "mesh-under"))
            && Mac::is_possible(&config.mac)
    }

    /// The same for capacities that are in range, and with whatever memory there is:
    /// [`Carver::enough`] is to be asked.
    pub(crate) fn carve(carver: &mut Carver<'m>, config: &Config, seed: u16) -> Interface<'m> {
        #[cfg(feature = "mesh-under")]
        let mesh = MeshUnder::new(carver.part(config.mesh_routes));
        let mac = Mac::new(carver, &config.mac, seed as u8);
        // Packets in parts leave some blocks to the frames of others.
        let reserve = (config.blocks / 8).max(1);
        Interface {
            mac,
            pool: Pool::new(carver.part(config.blocks)),
            contexts: Contexts::new(carver.part(config.contexts)),
            reassemblies: Reassemblies::new(
                carver.part(config.reassemblies),
                config.reassembly_timeout,
                reserve,
            ),
            outgoing: carver.part(config.outgoing),
            #[cfg(feature = "mesh-under")]
            mesh,
            #[cfg(feature = "mesh-under")]
            own: [LinkAddress::Extended(config.mac.extended), LinkAddress::Short(config.mac.short)],
            tag: seed,
            elide_udp_checksum: config.elide_udp_checksum,
            #[cfg(feature = "ghc")]
            ghc: config.ghc,
            #[cfg(feature = "sixlorh")]
            sixlorh: config.sixlorh,
            #[cfg(feature = "sixlorh")]
            root: None,
            stats: Stats::default(),
        }
    }

    /// The MAC: its address, counters and neighbours.
    pub const fn mac(&self) -> &Mac<'m> {
        &self.mac
    }

    /// The MAC, to pin or forget neighbours.
    pub const fn mac_mut(&mut self) -> &mut Mac<'m> {
        &mut self.mac
    }

    /// The compression contexts.
    pub const fn contexts(&self) -> &Contexts<'m> {
        &self.contexts
    }

    /// The compression contexts, to be learnt and forgotten.
    pub const fn contexts_mut(&mut self) -> &mut Contexts<'m> {
        &mut self.contexts
    }

    /// What has been counted.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What has been counted about fragments.
    pub const fn fragment_stats(&self) -> &FragmentStats {
        &self.reassemblies.stats
    }

    /// How many blocks are free.
    pub const fn free_blocks(&self) -> usize {
        self.pool.free()
    }

    /// Takes a short address, or `0xfffe` for none, and a PAN; the radio is told. Fragments
    /// received so far are discarded, as on disassociation (RFC 4944 §5.3).
    ///
    /// # Errors
    /// Those of the radio.
    pub fn set_addresses(&mut self, cx: &mut RadioContext<'_>, short: u16, pan: u16) -> Result<()> {
        self.reassemblies.clear(&mut self.pool);
        #[cfg(feature = "mesh-under")]
        {
            self.own[1] = LinkAddress::Short(short);
        }
        self.mac.set_addresses(cx, short, pan)
    }

    /// The address of the DODAG's root, to which 6LoRH headers refer; `None` when there is none.
    #[cfg(feature = "sixlorh")]
    pub const fn set_root(&mut self, root: Option<Ip>) {
        self.root = root;
    }

    /// A neighbour has announced that it understands generic header compression (RFC 7400), or
    /// announces it no longer.
    #[cfg(feature = "ghc")]
    pub fn set_generic(&mut self, neighbour: LinkAddress, understands: bool) {
        self.mac.neighbours_mut().set_generic(neighbour, understands);
    }

    /// How the headers of packets for a node on the link are compressed.
    fn codec(&self, _destination: LinkAddress) -> Codec {
        #[cfg(feature = "ghc")]
        if self.ghc && self.mac.neighbours().get(_destination).is_some_and(|link| link.is_generic) {
            return packet::compress_generic;
        }
        packet::compress
    }

    /// Mesh-under: packets for `destination` go through the neighbour `next_hop`;
    /// [`LinkAddress::None`] ends that.
    ///
    /// # Errors
    /// [`Error::Full`].
    #[cfg(feature = "mesh-under")]
    pub fn set_mesh_route(&mut self, destination: LinkAddress, next_hop: LinkAddress) -> Result<()> {
        self.mesh.set_route(destination, next_hop)
    }

    /// Command: sends an IPv6 packet to a node on the link, or to everyone. Nothing of `packet` is
    /// kept; its end is told by [`Interface::poll`], which is to be called to make it go.
    ///
    /// # Errors
    /// [`Error::Full`] when queue or memory is full (what ends makes room), [`Error::TooLarge`] for
    /// a packet over [`MAX_DATAGRAM`] bytes, [`Error::Malformed`] for what is no IPv6 packet,
    /// [`Error::Invalid`] without destination.
    pub fn send(&mut self, packet: Parts<'_>, destination: LinkAddress, priority: Priority) -> Result<()> {
        let (draft, at) = self.begin(destination, priority)?;
        let ends = Ends::of_link(self.mac.address(), destination);
        let compress = self.codec(destination);
        let room = self.pool.get_mut(draft.block).get_mut(at..MAX_PAYLOAD_END).unwrap_or_default();
        #[cfg(any(feature = "ghc", feature = "sixlorh"))]
        let mut whole = [0; WHOLE];
        #[cfg(any(feature = "ghc", feature = "sixlorh"))]
        let packet = match whole.get_mut(..packet.len()).filter(|_| !packet.tail.is_empty()) {
            Some(whole) => {
                packet.copy(whole);
                Parts::whole(whole)
            }
            None => packet,
        };
        #[cfg(feature = "sixlorh")]
        let shorter = match (self.sixlorh, packet) {
            (true, Parts { head, tail: [] }) => {
                let (elide, root) = (self.elide_udp_checksum, self.root);
                sixlorh_send::compress(head, ends, &self.contexts, elide, root, compress, room)
            }
            _ => Err(Error::Unsupported),
        };
        #[cfg(not(feature = "sixlorh"))]
        let shorter: Result<packet::Compressed> = Err(Error::Unsupported);
        // What cannot be told in that form goes as it is.
        let compressed =
            shorter.or_else(|_| compress(packet, ends, &self.contexts, self.elide_udp_checksum, room));
        let compressed = match compressed {
            Ok(compressed) => compressed,
            Err(error) => {
                self.mac.abandon(&mut self.pool, draft);
                return Err(error);
            }
        };
        let mut rest = packet;
        rest.skip(compressed.consumed);
        let room = room.get_mut(compressed.len..).unwrap_or_default();
        if rest.len() > room.len() {
            self.mac.abandon(&mut self.pool, draft);
            self.send_in_fragments(packet, ends, destination, priority, MAX_PAYLOAD_END - at)?;
            self.stats.fragmented = self.stats.fragmented.wrapping_add(1);
        } else {
            rest.copy(room);
            let len = at + compressed.len + rest.len();
            self.mac.enqueue(&mut self.pool, draft, len, priority, 0)?;
        }
        self.stats.sent = self.stats.sent.wrapping_add(1);
        Ok(())
    }

    /// Begins a frame, with a mesh header if one is needed; and says where the payload goes.
    fn begin(&mut self, destination: LinkAddress, priority: Priority) -> Result<(Draft, usize)> {
        #[cfg(feature = "mesh-under")]
        return self.begin_meshed(destination, priority);
        #[cfg(not(feature = "mesh-under"))]
        {
            let draft = self.mac.begin(&mut self.pool, destination, priority)?;
            let at = draft.header_len;
            Ok((draft, at))
        }
    }

    #[cfg(feature = "mesh-under")]
    fn begin_meshed(&mut self, destination: LinkAddress, priority: Priority) -> Result<(Draft, usize)> {
        let mesh = self.mesh.outgoing(self.mac.address(), destination);
        let next_hop = mesh.map_or(destination, |(_, next_hop)| next_hop);
        let draft = self.mac.begin(&mut self.pool, next_hop, priority)?;
        let mut at = draft.header_len;
        if let Some((header, _)) = mesh {
            let room = self.pool.get_mut(draft.block).get_mut(at..MAX_PAYLOAD_END).unwrap_or_default();
            if let Err(error) = header.emit(&mut Writer::new(room)) {
                self.mac.abandon(&mut self.pool, draft);
                return Err(error);
            }
            at += header.encoded_len();
        }
        Ok((draft, at))
    }

    /// Takes over a packet to be sent in fragments, `room` bytes of payload in each frame.
    fn send_in_fragments(
        &mut self,
        packet: Parts<'_>,
        ends: Ends,
        destination: LinkAddress,
        priority: Priority,
        room: usize,
    ) -> Result<()> {
        if packet.len() > MAX_DATAGRAM {
            return Err(Error::TooLarge);
        }
        let compress = self.codec(destination);
        let outgoing = self.outgoing.iter_mut().find(|it| !it.is_used).ok_or(Error::Full)?;
        // One block is left for a frame to go in.
        let first = self.pool.take(1).ok_or(Error::Full)?;
        let next_at = Instant::ZERO;
        *outgoing = Outgoing { destination, priority, next_at, is_used: true, ..Outgoing::default() };
        let mut blocks = outgoing.blocks.iter_mut();
        if let Some(slot) = blocks.next() {
            *slot = Some(first);
        }
        let limit = room.saturating_sub(FIRST_HEADER);
        let block = self.pool.get_mut(first);
        let headers = block.get_mut(..limit).unwrap_or_default();
        let compressed = compress(packet, ends, &self.contexts, self.elide_udp_checksum, headers);
        let compressed = match compressed {
            Ok(compressed) => compressed,
            Err(error) => {
                outgoing.release(&mut self.pool);
                return Err(error);
            }
        };
        let mut rest = packet;
        rest.skip(compressed.consumed);
        outgoing.headers = compressed.len as u16;
        outgoing.consumed = compressed.consumed as u16;
        outgoing.len = (compressed.len + rest.len()) as u16;
        outgoing.size = packet.len() as u16;
        self.tag = self.tag.wrapping_add(1);
        outgoing.tag = self.tag;
        let copied = rest.copy(block.get_mut(compressed.len..).unwrap_or_default());
        rest.skip(copied);
        for slot in blocks {
            if rest.is_empty() {
                break;
            }
            let Some(block) = self.pool.take(1) else { break };
            *slot = Some(block);
            let copied = rest.copy(self.pool.get_mut(block));
            rest.skip(copied);
        }
        if !rest.is_empty() {
            outgoing.release(&mut self.pool);
            return Err(Error::Full);
        }
        Ok(())
    }

    /// Queues the next fragment of the packet at `place`.
    fn queue_fragment(&mut self, place: usize) -> Result<()> {
        let Some(&Outgoing { destination, priority, .. }) = self.outgoing.get(place) else {
            return Err(Error::NotFound);
        };
        let (draft, at) = self.begin(destination, priority)?;
        let Some(outgoing) = self.outgoing.get_mut(place) else { return Err(Error::NotFound) };
        match outgoing.put_fragment(&mut self.pool, draft.block, at) {
            Ok(len) => self.mac.enqueue(&mut self.pool, draft, len, priority, (place + 1) as u8),
            Err(error) => {
                self.mac.abandon(&mut self.pool, draft);
                Err(error)
            }
        }
    }

    /// Time: does what is due, until it returns `None`.
    pub fn poll(&mut self, cx: &mut RadioContext<'_>) -> Option<Sent> {
        self.reassemblies.expire(cx.now, &mut self.pool);
        loop {
            for place in 0..self.outgoing.len() {
                let ready = self.outgoing.get(place).filter(|it| it.is_ready() && it.next_at <= cx.now);
                let Some(&Outgoing { destination, priority, .. }) = ready else { continue };
                if !self.mac.has_room(&self.pool, priority) {
                    continue;
                }
                match self.queue_fragment(place) {
                    Ok(()) | Err(Error::Full) => {}
                    Err(error) => {
                        self.release(place);
                        return Some(Sent { destination, result: Err(error) });
                    }
                }
            }
            // Ends: each round takes a frame out of the queue, and its outcome ends the loop or,
            // within one packet, is followed by one frame more.
            let outcome = self.mac.poll(cx, &mut self.pool)?;
            let Some(place) = usize::from(outcome.tag).checked_sub(1) else {
                return Some(Sent { destination: outcome.destination, result: outcome.result });
            };
            let Some(outgoing) = self.outgoing.get_mut(place) else { continue };
            outgoing.is_under_way = false;
            if outcome.destination != outgoing.destination {
                outgoing.next_at = cx.now.after(FORWARDING_GAP);
            }
            if outcome.result.is_err() || outgoing.position >= outgoing.len {
                let sent = Sent { destination: outgoing.destination, result: outcome.result };
                outgoing.release(&mut self.pool);
                return Some(sent);
            }
        }
    }

    fn release(&mut self, place: usize) {
        if let Some(outgoing) = self.outgoing.get_mut(place) {
            outgoing.release(&mut self.pool);
        }
    }

    /// When to call [`Interface::poll`].
    pub fn next_deadline(&self) -> Instant {
        let mut deadline = self.mac.next_deadline();
        deadline.hasten(self.reassemblies.next_deadline());
        for outgoing in self.outgoing.iter().filter(|it| it.is_ready()) {
            if self.mac.has_room(&self.pool, outgoing.priority) {
                deadline.hasten(outgoing.next_at);
            }
        }
        deadline
    }

    /// Input: what the radio brings. A packet comes back in `scratch`, of which [`SCRATCH`] bytes
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
        let mut header = Header::default();
        let payload = self.mac.receive(cx, &mut self.pool, frame, lqi, rssi, &mut header)?;
        if header.frame_type != FrameType::Data || payload.is_empty() {
            return None;
        }
        match self.accept(cx.now, &mut header, payload, scratch) {
            Ok(len) => {
                let packet = scratch.get_mut(..len?)?;
                self.stats.received = self.stats.received.wrapping_add(1);
                let Header { source, destination, .. } = header;
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
        frame: &mut Header,
        payload: &[u8],
        scratch: &mut [u8],
    ) -> Result<Option<usize>> {
        let mut reader = Reader::new(payload);
        #[cfg(feature = "mesh-under")]
        match self.pass_mesh_header(frame.source, frame.destination, &mut reader)? {
            Some(ends) => (frame.source, frame.destination) = ends,
            None => return Ok(None),
        }
        let Header { source, destination, .. } = *frame;
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
            return sixlorh::decompress(rest, ends, &self.contexts, self.root, total, scratch);
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
        let own = self.own;
        let verdict = self.mesh.incoming(&header, |address| address.is_unicast() && own.contains(&address));
        if let Some(next_hop) = verdict.forward {
            self.forward(&header, next_hop, reader.rest())?;
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

/// How headers are compressed: [`packet::compress`] or what does more.
pub(super) type Codec = fn(Parts<'_>, Ends, &Contexts<'_>, bool, &mut [u8]) -> Result<packet::Compressed>;

/// How long a fragment for a node beyond the next hop waits for that before it to be forwarded, in
/// milliseconds, that the forwarders' queues do not overflow (RFC 8930 §5 calls for such a gap).
const FORWARDING_GAP: u64 = 20;
/// The largest packet that stands in two parts and is tried to be shortened by what wants it in one.
#[cfg(any(feature = "ghc", feature = "sixlorh"))]
const WHOLE: usize = 512;
/// The tag of frames whose end is told to nobody.
#[cfg(feature = "mesh-under")]
const FORWARDED: u8 = u8::MAX;
