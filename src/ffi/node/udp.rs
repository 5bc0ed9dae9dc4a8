// SPDX-License-Identifier: MIT OR Apache-2.0
//! Datagram transports as the engines see them; UDP of the platform in batches.

use super::core::{Channel, NodeRef};
use super::services::Services;
use super::turn::deliver;
use crate::address::{Ip, SocketAddress};
use crate::bytes;
use crate::ffi::arguments::check;
use crate::port::{MOTE_TAP_UDP, mote_address, mote_port_datagram};
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::{Datagram, DatagramContext, DatagramEvent, Path};

/// A datagram of the port's, in a table.
#[derive(Clone, Copy)]
pub(super) struct Parcel(pub(super) mote_port_datagram);

impl Parcel {
    #[inline(never)] // For its size.
    pub(super) fn path(&self) -> Path {
        Path { remote: self.0.remote.into(), local: Ip(self.0.local.ip) }
    }

    /// The bytes, in the buffer that the node gave this parcel.
    pub(super) fn data(&self) -> &'static [u8] {
        // SAFETY: `data` points into the node's block, which outlives every use inside a turn,
        // and `len` was checked against the buffer's size.
        unsafe { core::slice::from_raw_parts(self.0.data, self.0.len) }
    }
}

/// How many datagrams are asked for at least, where there is room for as many.
const FEWEST: usize = 2;

/// Buffers into which the port receives.
pub(super) struct Receiver {
    pub(super) parcels: &'static mut [Parcel],
    buffers: *mut u8,
    pub(super) size: usize,
    /// How many datagrams are asked for next: twice as many as came last. Each costs some
    /// preparation, here and in the port, whether it comes or not.
    asked: usize,
}

impl Receiver {
    /// `buffers` points to a run of `size` bytes for each parcel.
    pub(super) const fn new(parcels: &'static mut [Parcel], buffers: *mut u8, size: usize) -> Receiver {
        Receiver { parcels, buffers, size, asked: FEWEST }
    }

    /// Makes buffers ready for the port, and says how many.
    pub(super) fn prepare(&mut self) -> usize {
        let count = self.asked.min(self.parcels.len());
        for (index, parcel) in self.parcels.iter_mut().take(count).enumerate() {
            // `index * size` stays inside the table of `batch * size` bytes.
            let data = self.buffers.wrapping_add(index * self.size);
            parcel.0 = outgoing(&Path::to(SocketAddress::default()), data, self.size);
        }
        count
    }

    /// So many came.
    pub(super) fn received(&mut self, count: usize) {
        self.asked = count.saturating_mul(2).max(FEWEST);
    }
}

/// Outgoing datagrams that wait to be handed to the port together: those of one source at a time.
pub(super) struct Outbox {
    parcels: &'static mut [Parcel],
    source: Option<Handle>,
    buffers: *mut u8,
    size: usize,
    start: usize,
    end: usize,
}

impl Outbox {
    /// `buffers` points to a run of `size` bytes for each parcel.
    pub(super) const fn new(parcels: &'static mut [Parcel], buffers: *mut u8, size: usize) -> Outbox {
        Outbox { parcels, source: None, buffers, size, start: 0, end: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    fn takes(&self, size: usize) -> bool {
        size <= self.size && !self.parcels.is_empty()
    }

    /// Adds a datagram; whether there was room for one of this source.
    fn push(&mut self, source: Handle, path: &Path, datagram: &[u8]) -> bool {
        let index = self.end;
        if index > 0 && self.source != Some(source) {
            return false;
        }
        let Some(parcel) = self.parcels.get_mut(index) else { return false };
        // SAFETY: the buffers hold one run of `size` bytes for each parcel.
        let buffer =
            unsafe { core::slice::from_raw_parts_mut(self.buffers.add(index * self.size), self.size) };
        parcel.0 = outgoing(path, buffer.as_mut_ptr(), bytes::copy(buffer, datagram));
        self.source = Some(source);
        self.end += 1;
        true
    }

    /// What waits.
    fn front(&self) -> Option<(Handle, &[Parcel])> {
        let waiting = self.parcels.get(self.start..self.end)?;
        if waiting.is_empty() { None } else { Some((self.source?, waiting)) }
    }

    fn pop(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }
}

fn outgoing(path: &Path, data: *mut u8, len: usize) -> mote_port_datagram {
    let local = SocketAddress::new(path.local, 0);
    mote_port_datagram { remote: path.remote.into(), local: local.into(), data, len, flags: 0, reserved: 0 }
}

/// Hands over what waits, as far as there is room now. What the port refuses for good is taken out;
/// with `tells`, its owner is told, and nothing may be borrowed then.
#[inline(never)] // For its size.
pub(super) fn flush(node: NodeRef, tells: bool) {
    loop {
        let front =
            node.with(|core| core.outbox.front().map(|(source, run)| (source, core::ptr::from_ref(run))));
        let Some((source, parcels)) = front else { return };
        // SAFETY: the parcels lie in the node's block; the port's functions do not come back here.
        let parcels = unsafe { &*parcels };
        let result = match node.channel(source) {
            Some(Channel::Udp { socket }) => send(node.services(), socket, parcels),
            // The source was closed meanwhile.
            _ => return node.with(|core| core.outbox.pop(usize::MAX)),
        };
        match result {
            Ok(count) => node.with(|core| {
                core.outbox.pop(count);
                core.statistics.sent = core.statistics.sent.wrapping_add(count as u32);
            }),
            Err(Error::WouldBlock) => return,
            Err(error) => {
                node.with(|core| {
                    core.outbox.pop(1);
                    core.statistics.unsent = core.statistics.unsent.wrapping_add(1);
                });
                if let (true, Some(parcel)) = (tells, parcels.first()) {
                    deliver(node, source, DatagramEvent::Failed { path: parcel.path(), error });
                }
            }
        }
    }
}

fn send(services: &Services, socket: usize, parcels: &[Parcel]) -> Result<usize> {
    let function = services.udp.send.ok_or(Error::Unsupported)?;
    let mut sent = 0;
    // SAFETY: the port's contract; a `Parcel` is a `mote_port_datagram`, see below.
    check(unsafe {
        function(services.state, socket, parcels.as_ptr().cast(), parcels.len(), &raw mut sent)
    })?;
    let sent = sent.min(parcels.len());
    if services.has_tap() {
        parcels.iter().take(sent).for_each(|parcel| tap(services, socket, parcel, true));
    }
    if sent == 0 { Err(Error::WouldBlock) } else { Ok(sent) }
}

const _: () = assert!(size_of::<Parcel>() == size_of::<mote_port_datagram>());

/// Shows a datagram that was sent or received to the tap.
#[cold]
#[inline(never)]
pub(super) fn tap(services: &Services, socket: usize, parcel: &Parcel, sent: bool) {
    let mut here = local_address(services, socket);
    if parcel.0.local.ip != [0; 16] {
        here.ip = parcel.0.local.ip;
    }
    let remote = &parcel.0.remote;
    let ends = if sent { (&here, remote) } else { (remote, &here) };
    services.tap(MOTE_TAP_UDP, Some(ends), parcel.data());
}

/// Where a socket is bound, as far as the port knows.
pub(super) fn local_address(services: &Services, socket: usize) -> mote_address {
    let mut local = SocketAddress::default().into();
    if let Some(function) = services.udp.local_address {
        // SAFETY: the port's contract.
        let _unknown_stays_zero = unsafe { function(services.state, socket, &raw mut local) };
    }
    local
}

/// The datagram transport behind one source, as the engines see it.
pub(crate) struct Sender {
    node: NodeRef,
    source: Handle,
}

impl Datagram for Sender {
    fn send(&mut self, path: &Path, datagram: &[u8]) -> Result<()> {
        let node = self.node;
        let socket = match node.channel(self.source) {
            // SAFETY: the provider is attached, so it is alive; it does not call back.
            Some(Channel::Provided { object, id, provider }) => unsafe {
                return (provider.send)(object, id, path, datagram);
            },
            Some(Channel::Udp { socket }) => socket,
            _ => return Err(Error::Transport),
        };
        if node.with(|core| core.outbox.takes(datagram.len())) {
            if node.with(|core| core.outbox.push(self.source, path, datagram)) {
                return Ok(());
            }
            // Full, or of another source: what goes now makes room. A refusal is this transport's loss of a datagram,
            // like any on the way; its sender repeats what matters.
            flush(node, false);
            if node.with(|core| core.outbox.push(self.source, path, datagram)) {
                return Ok(());
            }
            // It made none. So the socket is asked itself, which tells of room once it has said that there is none.
        }
        let parcel = Parcel(outgoing(path, datagram.as_ptr().cast_mut(), datagram.len()));
        send(node.services(), socket, &[parcel])?;
        node.with(|core| core.statistics.sent = core.statistics.sent.wrapping_add(1));
        Ok(())
    }

    fn max_size(&self, path: &Path) -> usize {
        if let Some(Channel::Provided { object, id, provider }) = self.node.channel(self.source) {
            // SAFETY: as in `send`.
            return unsafe { (provider.max_size)(object, id, path) };
        }
        // RFC 7252 §4.6: without knowledge of the path, 1280 bytes of IPv6 packet are safe.
        1280 - 40 - 8
    }

    fn is_secure(&self, path: &Path) -> bool {
        match self.node.channel(self.source) {
            // SAFETY: as in `send`.
            Some(Channel::Provided { object, id, provider }) => unsafe {
                (provider.is_secure)(object, id, path)
            },
            _ => false,
        }
    }
}

impl NodeRef {
    /// Opens a UDP socket for an attached object. `options` are `MOTE_UDP_…`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] without UDP in the port, [`Error::Full`], what the port says.
    pub(crate) fn open_udp(self, owner: Handle, local: &mote_address, options: u32) -> Result<Handle> {
        let services = self.services();
        let open = services.udp.open.ok_or(Error::Unsupported)?;
        self.open_source(owner, |token| {
            let mut socket = 0;
            // SAFETY: the port's contract.
            check(unsafe { open(services.state, local, options, token, &raw mut socket) })?;
            Ok(Channel::Udp { socket })
        })
    }

    /// The own address of a datagram source.
    ///
    /// # Errors
    /// [`Error::Stale`] when it is closed.
    pub(crate) fn datagram_address(self, source: Handle) -> Result<mote_address> {
        match self.channel(source) {
            // SAFETY: the provider is attached, so it is alive; it does not call back.
            Some(Channel::Provided { object, id, provider }) => Ok(unsafe { (provider.address)(object, id) }),
            Some(Channel::Udp { socket }) => Ok(local_address(self.services(), socket)),
            _ => Err(Error::Stale),
        }
    }

    /// Joins or leaves a group on a datagram source.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::Unsupported`], what the port says.
    pub(crate) fn datagram_group(self, source: Handle, group: &mote_address, join: bool) -> Result<()> {
        let socket = match self.channel(source) {
            // SAFETY: the provider is attached, so it is alive; it does not call back.
            Some(Channel::Provided { object, id, provider }) => unsafe {
                return (provider.group)(object, id, group, join);
            },
            Some(Channel::Udp { socket }) => socket,
            _ => return Err(Error::Stale),
        };
        let udp = &self.services().udp;
        let function = if join { udp.join } else { udp.leave }.ok_or(Error::Unsupported)?;
        // SAFETY: the port's contract.
        check(unsafe { function(self.services().state, socket, group) })
    }
}

/// What an engine needs to send datagrams from one source.
pub(crate) struct Lent {
    sender: Sender,
    random: NodeRef,
    now: Instant,
}

impl Lent {
    pub(crate) fn of(node: NodeRef, source: Handle) -> Lent {
        Lent { sender: Sender { node, source }, random: node, now: node.now() }
    }

    pub(crate) fn context(&mut self) -> DatagramContext<'_> {
        DatagramContext { now: self.now, transport: &mut self.sender, random: &mut self.random }
    }
}
