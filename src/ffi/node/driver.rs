// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the node drives an attached object without knowing its kind.

use crate::port::mote_address;
use crate::status::Result;
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::{DatagramEvent, Path};
use core::ffi::c_void;

/// What the node calls on an attached object.
///
/// Each of these lets go of the object before it runs a callback of the application, and touches
/// nothing of the object after it, unless it knows that the object is still there: the callback may
/// have closed it and given its memory away.
pub(crate) struct Driver {
    /// Does one thing that is due; whether there may be more at once. `true` after a callback.
    pub(crate) poll: unsafe fn(object: *mut c_void) -> bool,
    /// When to poll next if nothing comes in.
    pub(crate) deadline: unsafe fn(object: *const c_void) -> Instant,
    /// A datagram source of the object has an event.
    pub(crate) datagram: unsafe fn(object: *mut c_void, source: Handle, event: DatagramEvent<'_>),
    /// A source of another kind became ready: readable or closed, writable. Whether there may
    /// be more to take from it; it is offered again then. `true` after a callback.
    pub(crate) ready: unsafe fn(object: *mut c_void, source: Handle, readable: bool, writable: bool) -> bool,
}

impl Driver {
    /// For objects without datagrams.
    pub(crate) const NO_DATAGRAM: unsafe fn(*mut c_void, Handle, DatagramEvent<'_>) = no_datagram;
    /// For objects without other sources.
    pub(crate) const NOT_READY: unsafe fn(*mut c_void, Handle, bool, bool) -> bool = not_ready;
}

unsafe fn no_datagram(_object: *mut c_void, _source: Handle, _event: DatagramEvent<'_>) {}

unsafe fn not_ready(_object: *mut c_void, _source: Handle, _readable: bool, _writable: bool) -> bool {
    false
}

/// What an object does that provides datagram transports to others.
///
/// Each function may be called while the consumer is borrowed, so none calls back.
pub(crate) struct Provider {
    /// As [`Datagram::send`](crate::transport::Datagram::send).
    pub(crate) send: unsafe fn(object: *mut c_void, id: u32, path: &Path, datagram: &[u8]) -> Result<()>,
    /// As [`Datagram::max_size`](crate::transport::Datagram::max_size).
    pub(crate) max_size: unsafe fn(object: *mut c_void, id: u32, path: &Path) -> usize,
    /// As [`Datagram::is_secure`](crate::transport::Datagram::is_secure).
    pub(crate) is_secure: unsafe fn(object: *mut c_void, id: u32, path: &Path) -> bool,
    /// Joins or leaves a group.
    pub(crate) group: unsafe fn(object: *mut c_void, id: u32, group: &mote_address, join: bool) -> Result<()>,
    /// The own address, as far as it is one.
    pub(crate) address: unsafe fn(object: *mut c_void, id: u32) -> mote_address,
    /// The consumer needs the transport no more.
    pub(crate) close: unsafe fn(object: *mut c_void, id: u32),
}

/// An object in the node's schedule.
#[derive(Clone, Copy)]
pub(crate) struct Attachment {
    pub(crate) object: *mut c_void,
    pub(crate) driver: &'static Driver,
}
