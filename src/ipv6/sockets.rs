// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP sockets, and the datagram transport over them.
#![forbid(unsafe_code)]

use super::output::Outgoing;
use super::wire::protocol;
use super::wire::udp::Udp;
use super::{Context, Ipv6};
use crate::address::Ip;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::transport::{Datagram, Path};

/// Ports for sockets that do not care begin here (RFC 6335 §6).
const EPHEMERAL: u16 = 49152;

/// A UDP socket.
#[derive(Clone, Copy, Debug)]
pub struct Socket {
    /// The own address that it is bound to; unspecified means all of them.
    pub local: Ip,
    /// The own port.
    pub port: u16,
}

impl<'m> Ipv6<'m> {
    /// Opens a socket. `port` 0 picks a free one; `local` unspecified receives on all addresses
    /// and groups.
    ///
    /// # Errors
    /// [`Error::AddressInUse`], [`Error::Full`].
    pub fn udp_open(&mut self, local: Ip, port: u16) -> Result<Handle> {
        let mut wanted = port;
        // There are more ports than sockets, so one of the next few is free.
        while wanted == 0 || port == 0 && self.udp_find(wanted).is_some() {
            wanted = EPHEMERAL | self.next_port;
            self.next_port = self.next_port.wrapping_add(1);
        }
        let clash = |other: &Socket| {
            other.port == wanted
                && (other.local == local || other.local.is_unspecified() || local.is_unspecified())
        };
        if self.sockets.find(clash).is_some() {
            return Err(Error::AddressInUse);
        }
        self.sockets.insert(Socket { local, port: wanted })
    }

    /// Closes a socket.
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub fn udp_close(&mut self, socket: Handle) -> Result<()> {
        if self.sockets.discard(socket) { Ok(()) } else { Err(Error::Stale) }
    }

    /// A socket.
    pub fn udp_socket(&self, socket: Handle) -> Option<&Socket> {
        self.sockets.get(socket)
    }

    /// The socket that sends from this port.
    pub fn udp_find(&self, port: u16) -> Option<Handle> {
        self.sockets.find(|socket| socket.port == port)
    }

    /// Which socket a datagram to this address and port is for.
    pub(super) fn socket_for(&self, local: &Ip, port: u16) -> Option<Handle> {
        let mut any = None;
        for (handle, socket) in self.sockets.iter().filter(|(_, socket)| socket.port == port) {
            if socket.local == *local {
                return Some(handle);
            }
            if socket.local.is_unspecified() {
                any = Some(handle);
            }
        }
        any
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::AddressInUse`] when the own address of `path`, or of the socket, is not ours now,
    /// [`Error::Unreachable`], also for a destination that is ours, [`Error::TooLarge`], and what the link says.
    pub fn udp_send(
        &mut self,
        cx: &mut Context<'_>,
        socket: Handle,
        path: &Path,
        datagram: &[u8],
    ) -> Result<()> {
        let socket = *self.sockets.get(socket).ok_or(Error::Stale)?;
        let local = if path.local.is_unspecified() { &socket.local } else { &path.local };
        let bound = !local.is_unspecified();
        if bound && !self.addresses.is_own(local) {
            return Err(Error::AddressInUse);
        }
        let udp = Udp { source_port: socket.port, destination_port: path.remote.port };
        let header = udp.header(datagram)?;
        let outgoing = Outgoing {
            destination: &path.remote.ip,
            hop_limit: self.config.hop_limit,
            protocol: protocol::UDP,
            upper: &header,
            body: datagram,
        };
        self.send_upper(cx, if bound { Some(local) } else { None }, &outgoing)
    }

    /// The largest datagram that any peer can be sent, in bytes: what the largest packet
    /// holds behind the headers, and the minimum MTU of links on the way (RFC 8200 §5).
    pub fn udp_max_size(&self) -> usize {
        usize::from(self.config.packet).min(1280).saturating_sub(48)
    }
}

/// A socket as a transport that engines send through. See [`Datagram`].
pub struct UdpTransport<'a, 'm> {
    /// The IPv6 engine.
    pub ipv6: &'a mut Ipv6<'m>,
    /// What it is lent.
    pub cx: Context<'a>,
    /// The socket.
    pub socket: Handle,
}

impl Datagram for UdpTransport<'_, '_> {
    fn send(&mut self, path: &Path, datagram: &[u8]) -> Result<()> {
        self.ipv6.udp_send(&mut self.cx, self.socket, path, datagram)
    }

    fn max_size(&self, _path: &Path) -> usize {
        self.ipv6.udp_max_size()
    }
}
