// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the application asks for.
#![forbid(unsafe_code)]

use super::event::{Event, PingFailure};
use super::plane::Plane;
use super::{Mesh, Role, Root};
use crate::address::Ip;
use crate::ipv6::link::{LinkAddress, with_prefix};
use crate::ipv6::wire::icmpv6::Echo;
use crate::ipv6::{self, Ipv6};
use crate::rpl::wire::PrefixInformation;
use crate::rpl::{ALL_RPL_NODES, RootConfig};
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::{Datagram, Path, RadioContext};

/// A ping that waits for its reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ping {
    pub(super) identifier: u16,
    pub(super) sent: Instant,
    pub(super) until: Instant,
    /// Cancelled by the application: told of by the next poll.
    pub(super) cancelled: bool,
}

impl Mesh<'_> {
    /// Turns the radio on.
    fn start_radio(&mut self, cx: &mut RadioContext<'_>) -> Result<()> {
        if self.started {
            return Err(Error::State);
        }
        cx.transport.set_channel(self.config.channel)?;
        self.plane.air.interface.set_addresses(cx, 0xfffe, self.config.pan)?;
        cx.transport.enable(true)?;
        if self.config.role != Role::Host {
            self.plane.ipv6.join_group(ALL_RPL_NODES)?;
        }
        self.started = true;
        Ok(())
    }

    /// Becomes the root of a DODAG with the prefix of `root`; the first step of a border router.
    /// Ends in [`Event::Joined`].
    ///
    /// # Errors
    /// [`Error::State`] when the node was started already or its role is another,
    /// [`Error::Invalid`] for a prefix that is none or what RPL says of the parameters,
    /// [`Error::Full`], those of the radio.
    pub fn start_root(&mut self, cx: &mut RadioContext<'_>, root: &Root) -> Result<()> {
        if self.config.role != Role::Root {
            return Err(Error::State);
        }
        let bits = root.prefix.0.first_chunk::<8>().ok_or(Error::Invalid)?;
        if !root.prefix.is_routable() {
            return Err(Error::Invalid);
        }
        self.start_radio(cx)?;
        let identifier = LinkAddress::Extended(self.config.eui64).interface_identifier();
        let own = with_prefix(bits, identifier);
        let prefix = PrefixInformation {
            prefix_len: 64,
            on_link: false,
            autonomous: true,
            router_address: false,
            valid_lifetime: u32::MAX,
            preferred_lifetime: u32::MAX,
            prefix: with_prefix(bits, [0; 8]),
        };
        let config = RootConfig {
            instance: root.instance,
            dodag_id: own,
            mode: root.mode,
            preference: root.preference,
            grounded: root.grounded,
            configuration: root.configuration,
            prefix: Some(prefix),
            metric: root.metric,
        };
        self.plane.ipv6.set_authority(own, 0);
        self.with_rpl(cx, |rpl, cx| rpl.start_root(cx, &config))?;
        #[cfg(feature = "sixlorh")]
        self.follow_dodag();
        self.use_prefix(cx, &prefix)
    }

    /// Looks for a DODAG (or, as a host without RPL, for a router) and joins it. Ends in
    /// [`Event::Joined`] and [`Event::AddressReady`], for a host [`Event::RouterFound`].
    ///
    /// # Errors
    /// [`Error::State`] when the node was started already or is to be a root; those of the
    /// radio.
    pub fn join(&mut self, cx: &mut RadioContext<'_>) -> Result<()> {
        if self.config.role == Role::Root {
            return Err(Error::State);
        }
        self.start_radio(cx)?;
        if self.config.role == Role::Host {
            self.with_ipv6(cx, |ipv6, cx| ipv6.solicit_routers(cx));
        } else {
            self.with_rpl(cx, |rpl, cx| rpl.start(cx));
        }
        Ok(())
    }

    /// As a root: has every node choose its place anew (RFC 6550 §3.2.2).
    ///
    /// # Errors
    /// [`Error::State`] when this node is not the root of the instance.
    pub fn global_repair(&mut self, instance: u8) -> Result<()> {
        self.rpl.global_repair(instance)
    }

    pub(super) fn with_ipv6<T>(
        &mut self,
        cx: &mut RadioContext<'_>,
        act: impl FnOnce(&mut Ipv6<'_>, &mut ipv6::Context<'_>) -> T,
    ) -> T {
        let Plane { ipv6, air } = &mut self.plane;
        act(ipv6, &mut ipv6::Context { now: cx.now, random: cx.random, link: air, routing: &mut self.rpl })
    }

    /// Sends an echo request with `data`. Ends in [`Event::PingReply`] or
    /// [`Event::PingFailed`]; the latter after `timeout` milliseconds at the latest. A
    /// `hop_limit` of 0 means the default.
    ///
    /// # Errors
    /// [`Error::Full`] when as many pings as configured are under way or the queue is full,
    /// [`Error::Unreachable`], [`Error::TooLarge`].
    pub fn ping(
        &mut self,
        cx: &mut RadioContext<'_>,
        destination: &Ip,
        hop_limit: u8,
        timeout: u32,
        data: &[u8],
    ) -> Result<Handle> {
        self.next_identifier = self.next_identifier.wrapping_add(1);
        let identifier = self.next_identifier;
        let ping =
            Ping { identifier, sent: cx.now, until: cx.now.after(u64::from(timeout)), cancelled: false };
        let handle = self.pings.insert(ping)?;
        let hop_limit = if hop_limit == 0 { None } else { Some(hop_limit) };
        let echo = Echo { identifier, sequence: 1, data };
        let sent = self.with_ipv6(cx, |ipv6, cx| ipv6.ping(cx, destination, hop_limit, &echo));
        match sent {
            Ok(()) => Ok(handle),
            Err(error) => {
                self.pings.discard(handle);
                Err(error)
            }
        }
    }

    /// Gives up a ping; it ends in [`Event::PingFailed`] with [`Error::Cancelled`].
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub fn ping_cancel(&mut self, ping: Handle) -> Result<()> {
        let ping = self.pings.get_mut(ping).ok_or(Error::Stale)?;
        ping.cancelled = true;
        ping.until = Instant::ZERO;
        Ok(())
    }

    /// Takes out the ping with this identifier, without one the first whose time is over.
    #[inline(never)]
    pub(super) fn end_ping(&mut self, identifier: Option<u16>, now: Instant) -> Option<(Handle, Ping)> {
        let handle = self.pings.find(|ping| {
            identifier.map_or_else(|| ping.until.is_due(now), |identifier| ping.identifier == identifier)
        })?;
        Some((handle, self.pings.remove(handle)?))
    }

    /// Takes out a ping that has not ended, for whoever is about to give the node of the mesh up.
    pub(crate) fn abandon_ping(&mut self) -> Option<Handle> {
        let handle = self.pings.find(|_| true)?;
        self.pings.discard(handle);
        Some(handle)
    }

    pub(super) fn poll_pings(&mut self, now: Instant) -> Option<Event<'static>> {
        let (handle, ping) = self.end_ping(None, now)?;
        let error = if ping.cancelled { Error::Cancelled } else { Error::Timeout };
        Some(Event::PingFailed { ping: handle, failure: PingFailure::Local(error) })
    }

    /// Opens a UDP socket on `port`, or on a free one if that is 0; `local` unspecified means
    /// all own addresses and groups.
    ///
    /// # Errors
    /// [`Error::AddressInUse`], [`Error::Full`].
    pub fn udp_open(&mut self, local: Ip, port: u16) -> Result<Handle> {
        self.plane.ipv6.udp_open(local, port)
    }

    /// Closes a UDP socket.
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub fn udp_close(&mut self, socket: Handle) -> Result<()> {
        self.plane.ipv6.udp_close(socket)
    }

    /// Sends a UDP datagram.
    ///
    /// # Errors
    /// [`Error::Stale`]; [`Error::Full`] or [`Error::WouldBlock`] when the queue is full;
    /// [`Error::Unreachable`], [`Error::TooLarge`].
    pub fn udp_send(
        &mut self,
        cx: &mut RadioContext<'_>,
        socket: Handle,
        path: &Path,
        data: &[u8],
    ) -> Result<()> {
        self.with_ipv6(cx, |ipv6, cx| ipv6.udp_send(cx, socket, path, data))
    }

    /// Listens to a multicast group.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is none, [`Error::Full`].
    pub fn join_group(&mut self, group: Ip) -> Result<()> {
        self.plane.ipv6.join_group(group)
    }

    /// No longer listens to a multicast group.
    pub fn leave_group(&mut self, group: &Ip) {
        self.plane.ipv6.leave_group(group);
    }
}

/// A UDP socket of the mesh as a transport that engines send through. See [`Datagram`].
pub struct MeshTransport<'a, 'm> {
    /// The mesh.
    pub mesh: &'a mut Mesh<'m>,
    /// What it is lent.
    pub cx: RadioContext<'a>,
    /// The socket.
    pub socket: Handle,
}

impl Datagram for MeshTransport<'_, '_> {
    fn send(&mut self, path: &Path, datagram: &[u8]) -> Result<()> {
        match self.mesh.udp_send(&mut self.cx, self.socket, path, datagram) {
            Err(Error::Full) => Err(Error::WouldBlock),
            other => other,
        }
    }

    fn max_size(&self, _path: &Path) -> usize {
        self.mesh.udp_max_size()
    }
}
