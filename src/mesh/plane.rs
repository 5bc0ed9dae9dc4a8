// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the layers reach each other.
#![forbid(unsafe_code)]

use super::host::HostQueue;
use crate::bytes::Parts;
use crate::ieee802154::mac::Priority;
use crate::ipv6::link::{Link, LinkAddress, LinkDestination};
use crate::ipv6::routing::{ControlMessage, ControlPlane, NoRouting};
use crate::ipv6::wire::{Header, protocol};
use crate::ipv6::{self, Ipv6};
use crate::lowpan::fragment::MAX_DATAGRAM;
use crate::lowpan::interface::Interface;
use crate::random::Random;
use crate::status::{Error, Result};

/// 6LoWPAN and the host side, as IPv6 sees them.
pub(super) struct Air<'m> {
    pub(super) interface: Interface<'m>,
    pub(super) host: HostQueue<'m>,
}

/// Whether a packet that begins so keeps the network together: routing and neighbour discovery.
fn is_control(packet: &[u8]) -> bool {
    let next = packet.get(6).copied();
    let at = match (next, packet.get(Header::LEN).copied()) {
        (Some(protocol::ICMPV6), _) => Header::LEN,
        // Behind the packet information of RPL.
        (Some(protocol::HOP_BY_HOP), Some(protocol::ICMPV6)) => Header::LEN + 8,
        _ => return false,
    };
    packet.get(at).is_some_and(|kind| matches!(kind, 133..=137 | 155..=158))
}

impl Link for Air<'_> {
    fn send(&mut self, packet: Parts<'_>, to: LinkDestination) -> Result<()> {
        let destination = match to {
            LinkDestination::Unicast(address) => address,
            LinkDestination::Multicast(_) => LinkAddress::BROADCAST,
        };
        let priority = if is_control(packet.head) { Priority::Control } else { Priority::Normal };
        self.interface.send(packet, destination, priority)
    }

    // What goes into a tunnel may exceed the 1280 bytes of RFC 4944 §4: 6LoWPAN carries it, and
    // all ends of tunnels are nodes of ours or of a kind that says by errors what it cannot take.
    fn mtu(&self) -> usize {
        MAX_DATAGRAM
    }

    #[cfg(feature = "ghc")]
    fn understands_ghc(&mut self, neighbour: LinkAddress, understands: bool) {
        self.interface.set_generic(neighbour, understands);
    }

    fn send_outside(&mut self, packet: Parts<'_>) -> Result<()> {
        self.host.push(packet)
    }
}

/// IPv6 as RPL sees it.
pub(super) struct Plane<'m> {
    pub(super) ipv6: Ipv6<'m>,
    pub(super) air: Air<'m>,
}

/// For what needs no randomness.
struct NoRandom;

impl Random for NoRandom {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0);
    }
}

impl ControlPlane for Plane<'_> {
    fn send(&mut self, message: &ControlMessage<'_>) -> Result<()> {
        // The way is decided already, so neither routing nor randomness is asked for.
        let mut context = ipv6::Context {
            now: message.now,
            random: &mut NoRandom,
            link: &mut self.air,
            routing: &mut NoRouting,
        };
        match self.ipv6.send_control(&mut context, message) {
            // For RPL a queue that is full and one that has no room now are the same.
            Err(Error::WouldBlock) => Err(Error::Full),
            other => other,
        }
    }
}
