// SPDX-License-Identifier: MIT OR Apache-2.0
//! Datagrams of the platform on their way in and out, in batches.

use crate::address::{Ip, SocketAddress};
use crate::bytes;
use crate::port::mote_port_datagram;
use crate::table::Handle;
use crate::transport::Path;

/// A datagram of the port's, in a table.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Parcel(pub(super) mote_port_datagram);

impl Parcel {
    #[inline(never)] // For its size.
    pub(super) fn path(&self) -> Path {
        Path { remote: self.0.remote.into(), local: Ip(self.0.local.ip) }
    }

    /// The bytes: what is to be sent, or what was received and found to fit its buffer.
    pub(super) fn data(&self) -> &[u8] {
        // SAFETY: a parcel is made with a buffer that outlives it, and is at most as long.
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

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether a datagram of this size is ever gathered.
    pub(super) fn takes(&self, size: usize) -> bool {
        size <= self.size && !self.parcels.is_empty()
    }

    /// Adds a datagram; whether there was room for one of this source.
    pub(super) fn push(&mut self, source: Handle, path: &Path, datagram: &[u8]) -> bool {
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
    pub(super) fn front(&self) -> Option<(Handle, &[Parcel])> {
        let waiting = self.parcels.get(self.start..self.end)?;
        if waiting.is_empty() { None } else { Some((self.source?, waiting)) }
    }

    /// Takes out the first `count` of what waits, all of it if that is less.
    pub(super) fn pop(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }
}

/// A datagram to be handed over, or a buffer to be filled.
pub(super) fn outgoing(path: &Path, data: *mut u8, len: usize) -> mote_port_datagram {
    let local = SocketAddress::new(path.local, 0);
    mote_port_datagram { remote: path.remote.into(), local: local.into(), data, len, flags: 0, reserved: 0 }
}
