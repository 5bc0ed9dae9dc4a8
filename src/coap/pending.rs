// SPDX-License-Identifier: MIT OR Apache-2.0
//! The entries of a client's table: requests under way.
#![forbid(unsafe_code)]

use super::entry::{CON, Head};
use crate::status::Error;
use crate::table::Handle;
use core::cell::Cell;

/// A ping.
pub(super) const PING: u16 = 4;
/// An observation.
pub(super) const OBSERVE: u16 = 8;
/// Its body goes block by block, and there is more of it.
pub(super) const UPLOAD: u16 = 16;
/// One block of the answer is enough.
pub(super) const ONE_BLOCK: u16 = 32;
/// An Echo option has been sent back.
pub(super) const ECHOED: u16 = 64;
/// It counts as outstanding at its peer.
pub(super) const OUTSTANDING: u16 = 128;
/// It fetches the body of an observation's notification.
pub(super) const CHILD: u16 = 256;

/// A request of ours.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) head: Head,
    /// How long to wait for a response, in milliseconds.
    pub(super) timeout: Cell<u32>,
    /// Where the current block starts: of the body that is sent while [`UPLOAD`] is set, then of
    /// that which is fetched.
    pub(super) offset: Cell<u32>,
    /// The entity-tag of the body that is fetched, hashed; 0 for none. Of an observation, the
    /// number of the freshest notification. At its end, why it ended.
    pub(super) known: Cell<u32>,
    /// Of an observation: when the freshest notification came, in milliseconds, wrapped. Of a
    /// [`CHILD`]: the handle of its observation.
    pub(super) heard: Cell<u32>,
    pub(super) order: Cell<u16>,
    pub(super) szx: Cell<u8>,
}

impl Pending {
    /// The observation that this fetches a body for.
    pub(super) fn parent(&self) -> Option<Handle> {
        if self.head.is(CHILD) && cfg!(feature = "coap-observe") {
            Handle::from_raw(self.heard.get())
        } else {
            None
        }
    }

    /// Why it ended.
    pub(super) fn error(&self) -> Option<Error> {
        Error::from_code(0i32.wrapping_sub(self.known.get() as i32))
    }

    /// Takes over what a request that goes on for `parent` has in common with it.
    pub(super) fn inherit(&self, parent: &Pending) {
        self.head.flags.set(parent.head.flags.get() & CON | CHILD);
        self.head.delay.set(parent.head.delay.get());
        self.head.peer.set(parent.head.peer.get());
        self.heard.set(parent.head.handle().map_or(0, Handle::raw));
        self.timeout.set(parent.timeout.get());
        self.head.count.set(parent.head.count.get());
    }
}
