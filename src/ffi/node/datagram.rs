// SPDX-License-Identifier: MIT OR Apache-2.0
//! Datagram transports as the engines see them: sockets of the platform, and what other objects provide.

use super::core::{Channel, NodeRef};
use super::parcels::{Parcel, outgoing};
use super::udp::{flush, local_address, send};
use crate::ffi::arguments::check;
use crate::port::mote_address;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::{Datagram, DatagramContext, Path};

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
