// SPDX-License-Identifier: MIT OR Apache-2.0
//! The link below IPv6: its addresses, and the seam through which packets leave.
#![forbid(unsafe_code)]

use crate::address::Ip;
use crate::bytes::Parts;
use crate::status::{Error, Result};

pub use crate::link_address::{LinkAddress, with_prefix};

/// The smallest MTU of any link (RFC 8200 §5).
pub(super) const MIN_MTU: usize = 1280;

/// To whom on the link a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkDestination {
    /// One neighbour.
    Unicast(LinkAddress),
    /// All that hear it. The group is given for links that filter (Ethernet's 33:33:…).
    Multicast(Ip),
}

/// Where IPv6 sends packets.
pub trait Link {
    /// Sends one whole IPv6 packet, or refuses it whole. Never blocks, and keeps nothing of
    /// `packet` after it returns.
    ///
    /// # Errors
    /// [`WouldBlock`](Error::WouldBlock) or [`Full`](Error::Full) when the queue has no room,
    /// [`TooLarge`](Error::TooLarge).
    fn send(&mut self, packet: Parts<'_>, to: LinkDestination) -> Result<()>;

    /// The largest packet that the link carries, at least 1280.
    fn mtu(&self) -> usize;

    /// Sends one whole packet out of the routing domain, to the host side of a border router.
    ///
    /// # Errors
    /// [`Unreachable`](Error::Unreachable) when there is no such side,
    /// [`WouldBlock`](Error::WouldBlock) when it has no room.
    fn send_outside(&mut self, _packet: Parts<'_>) -> Result<()> {
        Err(Error::Unreachable)
    }

    /// A neighbour has announced that it understands generic header compression (RFC 7400), or
    /// that it does not announce it.
    #[cfg(feature = "ghc")]
    fn understands_ghc(&mut self, _neighbour: LinkAddress, _understands: bool) {}
}
