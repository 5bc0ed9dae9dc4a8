// SPDX-License-Identifier: MIT OR Apache-2.0
//! The datagram seam.
#![forbid(unsafe_code)]

use crate::address::{Ip, SocketAddress};
use crate::status::{Error, Result};

/// The two ends of a datagram, seen from here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path {
    /// The peer, or a group of peers.
    pub remote: SocketAddress,
    /// The own address: where a datagram came to (perhaps a group), or where a reply is to
    /// leave from. Unspecified leaves the choice to the transport.
    pub local: Ip,
}

impl Path {
    /// The path to `remote` from whatever own address suits.
    pub const fn to(remote: SocketAddress) -> Path {
        Path { remote, local: Ip::UNSPECIFIED }
    }

    /// Whether a datagram that came along this path was sent to a group.
    pub const fn is_multicast(&self) -> bool {
        self.local.is_multicast()
    }

    /// The path along which a reply goes: from the address that was asked, unless that was a
    /// group, which can never be a source.
    #[must_use]
    pub const fn reply(&self) -> Path {
        let local = if self.is_multicast() { Ip::UNSPECIFIED } else { self.local };
        Path { remote: self.remote, local }
    }
}

/// Where an engine sends datagrams.
pub trait Datagram {
    /// Sends one datagram, or refuses it whole. Never blocks.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when there is no room now (an event
    /// [`Writable`](DatagramEvent::Writable) follows), [`Error::TooLarge`],
    /// [`Error::Unreachable`], [`Error::Transport`].
    fn send(&mut self, path: &Path, datagram: &[u8]) -> Result<()>;

    /// The largest datagram that goes to this peer without being refused, in bytes.
    fn max_size(&self, path: &Path) -> usize;

    /// Whether the path protects what it carries, so that peers are who they claim to be.
    fn is_secure(&self, _path: &Path) -> bool {
        false
    }
}

/// What a datagram transport brings.
#[derive(Clone, Copy, Debug)]
pub enum DatagramEvent<'d> {
    /// A datagram came.
    Received {
        /// From whom, and to which of our addresses.
        path: Path,
        /// What came.
        data: &'d [u8],
    },
    /// After [`Error::WouldBlock`]: there is room again.
    Writable,
    /// A handshake with this peer is complete (secured transports only).
    Connected {
        /// The peer.
        path: Path,
    },
    /// Nothing can be sent to this peer: unreachable, handshake failed, association lost.
    Failed {
        /// The peer.
        path: Path,
        /// Why.
        error: Error,
    },
    /// The network says that a datagram of ours could not be delivered. Whoever forwards, or guesses, may
    /// say so: it is to be heeded only for what is known to be under way.
    Undelivered {
        /// The peer that it was sent to.
        path: Path,
        /// The start of what was sent.
        data: &'d [u8],
        /// [`Error::Refused`] when nobody listens there, [`Error::Unreachable`] when no way leads there. Any
        /// other says nothing of the peer.
        error: Error,
    },
    /// The transport as a whole is gone; nothing will come any more.
    Closed,
}
