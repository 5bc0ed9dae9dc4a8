// SPDX-License-Identifier: MIT OR Apache-2.0
//! The entries of a client's table: requests under way.
#![forbid(unsafe_code)]

use crate::backoff::Backoff;
use crate::status::Error;
use crate::table::Handle;
use crate::time::Instant;

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Wait {
    /// Its turn (NSTART), or room in the transport.
    Turn,
    /// An acknowledgement or a response.
    Ack,
    /// A response; nothing is sent again.
    Response,
    /// The next block from the application.
    Block,
    /// The next notification.
    Notification,
    /// Its terminal event to be taken.
    End,
}

/// Sent confirmably.
pub(super) const CON: u16 = 1;
/// Sent to a group.
pub(super) const GROUP: u16 = 2;
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

/// A request of ours. Packed, since there may be many.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(4))]
pub(super) struct Pending {
    pub(super) due: Instant,
    pub(super) token: [u8; 8],
    pub(super) backoff: Backoff,
    /// How long to wait for a response, in milliseconds.
    pub(super) timeout: u32,
    /// Where the current block starts: of the body that is sent while [`UPLOAD`] is set, then of
    /// that which is fetched.
    pub(super) offset: u32,
    /// The entity-tag of the body that is fetched, hashed; 0 for none.
    pub(super) etag: u32,
    /// Of an observation: when the freshest notification came, in milliseconds, wrapped. Of a
    /// [`CHILD`]: the handle of its observation.
    pub(super) other: u32,
    pub(super) peer: u16,
    pub(super) message_id: u16,
    pub(super) order: u16,
    pub(super) flags: u16,
    pub(super) wait: Wait,
    pub(super) token_length: u8,
    pub(super) szx: u8,
    /// MAX_RETRANSMIT.
    pub(super) retries: u8,
}

impl Pending {
    pub(super) const fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// The observation that this fetches a body for.
    pub(super) const fn parent(&self) -> Option<Handle> {
        if self.is(CHILD) { Handle::from_raw(self.other) } else { None }
    }

    pub(super) fn token(&self) -> &[u8] {
        self.token.get(..self.token_length.into()).unwrap_or_default()
    }

    /// Whether an ACK or RST with this message ID may answer it. After an empty ACK only the RST
    /// of a peer that changed its mind could come, and it is heeded too.
    pub(super) fn awaits(&self, peer: u16, message_id: u16) -> bool {
        self.peer == peer
            && self.message_id == message_id
            && matches!(self.wait, Wait::Ack | Wait::Response)
            && !self.is(GROUP)
    }

    /// Whether it waits for room in the transport, or its turn.
    pub(super) fn is_blocked(&self) -> bool {
        self.wait == Wait::Turn
    }

    /// The terminal event is to be taken.
    pub(super) fn end(&mut self, now: Instant, error: Error) {
        self.wait = Wait::End;
        self.etag = error.code().unsigned_abs();
        self.due = now;
    }

    /// Why it ended.
    pub(super) fn error(&self) -> Option<Error> {
        Error::from_code(0i32.wrapping_sub(self.etag as i32))
    }
}
