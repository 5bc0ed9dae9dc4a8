// SPDX-License-Identifier: MIT OR Apache-2.0
//! The endpoint: its tables, and the four families of its methods.
#![forbid(unsafe_code)]

use super::event::{Event, Request, Response};
use super::params::Config;
use super::resources::Resource;
use super::stats::Stats;
use crate::memory::{Carver, Plan};
use crate::status::{Error, Result};
use crate::table::{Handle, Slot, Table};
use crate::time::Instant;
use crate::transport::{DatagramContext, DatagramEvent, Path};

/// A CoAP client and server in one, over datagrams.
#[derive(Debug)]
pub struct Endpoint<'m> {
    config: Config,
    resources: Table<'m, Resource<'m>>,
    scratch: &'m mut [u8],
    stats: Stats,
}

impl<'m> Endpoint<'m> {
    /// How many bytes an endpoint of these capacities takes.
    pub fn plan(config: &Config) -> Plan {
        Plan::new()
            .table::<Slot<Resource<'m>>>(config.resources.into())
            .table::<u8>(config.message_size.into())
    }

    /// An endpoint in `block`.
    ///
    /// # Errors
    /// [`Error::NoMemory`] when the block is smaller than [`plan`](Endpoint::plan) says;
    /// [`Error::Invalid`] for a message size below 64.
    pub fn new(block: &'m mut [u8], config: &Config) -> Result<Endpoint<'m>> {
        if config.message_size < 64 {
            return Err(Error::Invalid);
        }
        let mut carver = Carver::new(block);
        Ok(Endpoint {
            config: *config,
            resources: Table::new(carver.table(config.resources.into())?),
            scratch: carver.table(config.message_size.into())?,
            stats: Stats::default(),
        })
    }

    /// The configuration that it was made with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What it has counted so far.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The assembled body of a request, when [`Incoming::assembled`](super::Incoming::assembled)
    /// says that there is one; until the request is answered.
    pub fn body(&self, _exchange: Handle) -> Option<&[u8]> {
        None
    }

    /// Starts a request. Exactly one terminal event follows ([`Event::terminates`]).
    ///
    /// When NSTART requests are outstanding at the peer it waits for its turn.
    ///
    /// # Errors
    /// [`Error::Full`] when a table or the message pool is full, [`Error::TooLarge`] when options
    /// leave no room in a message, [`Error::Invalid`] for a code that is no method or a token
    /// too long, and what the transport says. No event follows an error.
    pub fn request(&mut self, _cx: &mut DatagramContext<'_>, _request: &Request<'_>) -> Result<Handle> {
        Err(Error::Unsupported)
    }

    /// Asks whether the peer is there (RFC 7252 §4.3, "CoAP ping"). Ends with
    /// [`Event::Ended`]: `Ok` if it is.
    ///
    /// # Errors
    /// As [`request`](Endpoint::request).
    pub fn ping(&mut self, _cx: &mut DatagramContext<'_>, _path: &Path) -> Result<Handle> {
        Err(Error::Unsupported)
    }

    /// Gives the block that [`Event::NeedBlock`] asked for; `more` says whether the body goes on.
    ///
    /// # Errors
    /// [`Error::Stale`]; [`Error::State`] when no block is wanted; [`Error::Invalid`] when more
    /// is to follow but the block is not as long as was asked; [`Error::Full`].
    pub fn supply(
        &mut self,
        _cx: &mut DatagramContext<'_>,
        _request: Handle,
        _bytes: &[u8],
        _more: bool,
    ) -> Result<()> {
        Err(Error::Unsupported)
    }

    /// Ends a request of ours. An observation is deregistered at the peer. The terminal event,
    /// with [`Error::Cancelled`], comes from the next [`poll`](Endpoint::poll).
    ///
    /// # Errors
    /// [`Error::Stale`] when it has ended already.
    pub fn cancel(&mut self, _cx: &mut DatagramContext<'_>, _request: Handle) -> Result<()> {
        Err(Error::Unsupported)
    }

    /// Adds a resource. What it borrows must live as long as the endpoint.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub fn add_resource(&mut self, resource: Resource<'m>) -> Result<Handle> {
        self.resources.insert(resource)
    }

    /// Removes a resource. Its observers are told 4.04 (RFC 7641 §4.2); requests under way may
    /// still be answered.
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub fn remove_resource(&mut self, _cx: &mut DatagramContext<'_>, resource: Handle) -> Result<()> {
        self.resources.remove(resource).map(|_| ()).ok_or(Error::Stale)
    }

    /// Answers a request of a peer, during its event or later.
    ///
    /// # Errors
    /// [`Error::Stale`] when it was answered already or nobody waits any more,
    /// [`Error::TooLarge`] when the options leave no room, [`Error::Full`] when a confirmable
    /// answer finds no room in the pool, [`Error::Invalid`] for a code that is no response or a
    /// payload that does not hold what was asked for.
    /// After an error the request may be answered again.
    pub fn respond(
        &mut self,
        _cx: &mut DatagramContext<'_>,
        _exchange: Handle,
        _response: &Response<'_>,
    ) -> Result<()> {
        Err(Error::Unsupported)
    }

    /// Tells that the handler of an [`Event::Request`] has returned, answer or not. Drivers call
    /// it after each: a block that was not refused is acknowledged with 2.31 by this.
    pub fn handler_returned(&mut self, _cx: &mut DatagramContext<'_>, _exchange: Handle) {}

    /// Tells that the state of a resource has changed: each observer is to be notified. The
    /// handler is asked for the state once per observer, with
    /// [`Cause::Notify`](super::Cause::Notify), when it is that observer's turn; changes in
    /// between coalesce.
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub fn notify(&mut self, _resource: Handle) -> Result<()> {
        Err(Error::Unsupported)
    }

    /// Takes in what the transport brings. At most one event comes of it directly; call
    /// [`poll`](Endpoint::poll) for what else may be due.
    pub fn receive<'d>(
        &mut self,
        _cx: &mut DatagramContext<'_>,
        _event: DatagramEvent<'d>,
    ) -> Option<Event<'d>> {
        None
    }

    /// Does what is due, and reports it; to be called until it returns `None`. `scratch` holds
    /// what events lend, and should be as large as the largest message
    /// ([`Config::message_size`]).
    pub fn poll<'d>(&mut self, _cx: &mut DatagramContext<'_>, _scratch: &'d mut [u8]) -> Option<Event<'d>> {
        None
    }

    /// When [`poll`](Endpoint::poll) is to be called next.
    pub fn next_deadline(&self) -> Instant {
        Instant::NEVER
    }
}
