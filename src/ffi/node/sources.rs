// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opening, handing over and closing what can become ready: sockets, queries, transports of other objects.

use super::core::{Channel, NodeRef};
use super::services::Services;
use super::udp;
use crate::status::{Error, Result};
use crate::table::Handle;

impl NodeRef {
    /// Adds a source that its owner handles by itself (see [`Channel::Owned`]): `open` is given
    /// the token and opens it.
    ///
    /// # Errors
    /// [`Error::Full`], or what `open` says.
    pub(crate) fn open_source(
        self,
        owner: Handle,
        open: impl FnOnce(u32) -> Result<Channel>,
    ) -> Result<Handle> {
        let pending = Channel::Owned { socket: 0, close: None };
        let source = self.add_source(owner, pending)?;
        match open(source.raw()) {
            Ok(channel) => {
                self.with(|core| {
                    if let Some(entry) = core.schedule.source_mut(source) {
                        entry.what = channel;
                    }
                });
                Ok(source)
            }
            Err(error) => {
                self.forget_source(source);
                Err(error)
            }
        }
    }

    /// Makes a provided transport the affair of another object.
    ///
    /// # Errors
    /// [`Error::Stale`] when it is closed, [`Error::State`] when it is no provided transport or
    /// somebody has claimed it already.
    pub(crate) fn claim(self, source: Handle, consumer: Handle) -> Result<()> {
        self.with(|core| {
            let entry = core.schedule.source(source).ok_or(Error::Stale)?;
            let Channel::Provided { object, .. } = entry.what else { return Err(Error::State) };
            let owner = core.schedule.attached(entry.owner).ok_or(Error::Stale)?;
            if owner.object != object {
                return Err(Error::State);
            }
            let entry = core.schedule.source_mut(source).ok_or(Error::Stale)?;
            entry.owner = consumer;
            Ok(())
        })
    }

    /// Closes a source. One that is closed already is no error.
    pub(crate) fn close_source(self, source: Handle) {
        // What its owner sent last goes out first.
        udp::flush(self, false);
        if let Some(channel) = self.channel(source) {
            self.forget_source(source);
            channel.close(self.services());
        }
    }

    /// Removes an object and closes its sources.
    pub(crate) fn detach(self, object: Handle) {
        // One by one and with nothing borrowed: a provider's `close` may come back here.
        while let Some(source) = self.with(|core| core.schedule.first_of(object)) {
            self.close_source(source);
        }
        self.with(|core| core.schedule.detach(object));
    }
}

impl Channel {
    fn close(self, services: &Services) {
        let (socket, close) = match self {
            Channel::Udp { socket } => (socket, services.udp.close),
            Channel::Owned { socket, close } => (socket, close),
            Channel::Radio => return,
            Channel::Provided { object, id, provider } => {
                // SAFETY: the provider is attached, so it is alive: it withdraws what it
                // provides before it is detached.
                return unsafe { (provider.close)(object, id) };
            }
        };
        if let Some(close) = close {
            // SAFETY: the port's contract; the socket was opened by it and is closed once.
            unsafe { close(services.state, socket) };
        }
    }
}
