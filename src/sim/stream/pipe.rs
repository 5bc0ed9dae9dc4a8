// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be set about a simulated connection.
#![forbid(unsafe_code)]

/// How the bytes of one direction are carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// How long bytes take, in milliseconds.
    pub delay: u32,
    /// How much longer a chunk takes at most, in milliseconds. Chunks never overtake each other.
    pub jitter: u32,
    /// The largest chunk in which bytes arrive, in bytes; 0 for as they were written.
    pub chunk: usize,
    /// Whether chunk sizes are drawn from 1 to `chunk` instead of being `chunk`.
    pub ragged: bool,
    /// How many bytes may be under way before a write is refused with [`WouldBlock`](crate::status::Error::WouldBlock).
    pub window: usize,
    /// Break the connection once so many bytes of this direction have been delivered since it
    /// was opened. Both ends are told [`StreamEvent::Failed`](crate::transport::StreamEvent::Failed). Applies to one connection.
    pub cut_after: Option<u64>,
    /// How many unconsumed bytes the driver of the receiving end has room for.
    pub receive_buffer: usize,
}

impl Default for Pipe {
    /// One millisecond, whole writes, 64 KiB under way, no cut.
    fn default() -> Pipe {
        Pipe {
            delay: 1,
            jitter: 0,
            chunk: 0,
            ragged: false,
            window: 65_536,
            cut_after: None,
            receive_buffer: 65_536,
        }
    }
}

/// What becomes of the next attempts to connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listen {
    /// They succeed.
    #[default]
    Accept,
    /// They fail after the delay, with [`Refused`](crate::status::Error::Refused).
    Refuse,
    /// Nothing ever comes back.
    Silent,
}

/// Names a pair of ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairId(pub usize);

impl PairId {
    /// The place of the end that connects.
    pub const fn client(self) -> usize {
        self.0 * 2
    }

    /// The place of the end that accepts.
    pub const fn server(self) -> usize {
        self.0 * 2 + 1
    }
}
