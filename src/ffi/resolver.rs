// SPDX-License-Identifier: MIT OR Apache-2.0
//! The port's resolver, as look-ups and connections use it.

use super::arguments::{check, room};
use super::node::{Channel, NodeRef};
use crate::port::{mote_address, mote_port_resolver};
use crate::status::{Error, Result};
use crate::table::Handle;

impl NodeRef {
    /// Begins to look up `host` for `owner`: the source that becomes ready with the answer, and the port's name for the
    /// query. Closing the source ends the query.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the port has no resolver, [`Error::Full`], what the port says.
    pub(crate) fn resolve(self, owner: Handle, host: &[u8]) -> Result<(Handle, usize)> {
        let services = self.services();
        let mut room = room::<mote_port_resolver>();
        let resolver = services.service(&mut room)?;
        let start = resolver.start.ok_or(Error::Unsupported)?;
        let mut query = 0;
        let source = self.open_source(owner, |token| {
            // SAFETY: the port's contract; the name is copied before the call returns.
            check(unsafe { start(services.state, host.as_ptr(), host.len(), token, &raw mut query) })?;
            Ok(Channel::Owned { socket: query, close: resolver.cancel })
        })?;
        Ok((source, query))
    }

    /// Takes the answer to a query, and how many addresses it has. Unless that is
    /// [`Error::WouldBlock`], the query has ended, and its source is to be forgotten.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when there is none yet, what the port says.
    pub(crate) fn resolved(self, query: usize, addresses: &mut [mote_address]) -> Result<usize> {
        let mut room = room::<mote_port_resolver>();
        let take = self.services().service(&mut room)?.take.ok_or(Error::Unsupported)?;
        let mut count = 0;
        // SAFETY: the port's contract; the table has the stated capacity.
        check(unsafe {
            take(self.services().state, query, addresses.as_mut_ptr(), addresses.len(), &raw mut count)
        })?;
        Ok(count.min(addresses.len()))
    }
}
