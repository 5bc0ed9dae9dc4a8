// SPDX-License-Identifier: MIT OR Apache-2.0
//! RPL, the routing protocol for low-power and lossy networks (RFC 6550), as an engine.
//!
//! | file | what it holds |
//! |---|---|
//! | [`wire`] | messages, options, metrics, the RPL option, source routes |
//! | [`lollipop`], [`trickle`] | sequence counters and the DIO timer |
//! | [`objective`], `of0`, `mrhof`, over `path` | how good a path is |
//! | `dodag`, `neighbours`, `routes` | the tables |
//! | `solicit`, `dio`, `parents` | upward: discovery, parent selection, repair |
//! | `dao`, `learn`, `storing`, `non_storing` | downward: advertising and learning of targets |
//! | `root` | commands of a root |
//! | `forward` | the [`Routing`](crate::ipv6::routing::Routing) seam: next hops, packet information, source routes |
//!
//! A node is a router or a leaf of every instance that it hears, or the root of a DODAG. It
//! joins by itself, tells of what happened in [`Event`]s, and sends through
//! [`ControlPlane`].
#![forbid(unsafe_code)]

#[cfg(feature = "mrhof")]
mod mrhof;
pub mod objective;
#[cfg(feature = "of0")]
mod of0;
pub mod trickle;
pub mod wire;

mod dao;
mod dio;
mod dodag;
mod forward;
mod learn;
mod neighbours;
mod non_storing;
mod parents;
mod path;
mod root;
mod routes;
mod solicit;
mod storing;
mod tables;

pub use root::RootConfig;
pub use tables::{DodagView, NeighbourView, RouteView};

use crate::address::Ip;
use crate::ipv6::link::LinkAddress;
use crate::ipv6::routing::{ControlMessage, ControlPlane};
use crate::lollipop;
use crate::memory::{Carver, Plan};
use crate::status::{Error, Result};
use crate::time::{Instant, SECOND, whole};
use crate::transport::Context;
pub(crate) use dodag::tell;
use dodag::{Dodag, FORGET, HOLD};
use neighbours::Neighbour;
use routes::{FOREVER, Route, mark};
use wire::{Base, PrefixInformation};

/// What the engine is lent for a call.
pub type RplContext<'a> = Context<'a, dyn ControlPlane + 'a>;

/// `ff02::1a`, all RPL nodes of the link (RFC 6550 §20.19).
pub const ALL_RPL_NODES: Ip = Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 0x1a]);

/// Room for the largest message that this engine sends: a DAO of a local instance with four targets and their parents.
const MAX_BODY: usize = 4 + 16 + 4 * (20 + 22);

/// Mode of operation of a DODAG (RFC 6550 §6.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// No downward routes.
    NoDownwardRoutes = 0,
    /// Downward routes at the root, packets are source-routed.
    #[default]
    NonStoring = 1,
    /// Downward routes in every router, without multicast.
    Storing = 2,
}

/// Capacities and role of an engine. A zero capacity means the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Config {
    /// How many neighbours, 16 by default.
    pub neighbours: u16,
    /// How many downward routes, 16 by default. At a root of non-storing mode this is the
    /// number of nodes of the network.
    pub routes: u16,
    /// How many DODAGs are remembered, 3 by default.
    pub dodags: u8,
    /// How many own addresses and prefixes are advertised, 2 by default, at most 4.
    pub targets: u8,
    /// Never to be a router.
    pub leaf: bool,
    /// A router that has been without any DODAG for a minute becomes the root of a floating
    /// one (RFC 6550 §3.2.4), so that the nodes that are cut off reach each other. It gives that up
    /// for a grounded one, and floating ones merge into the one of the highest preference, of several into that with the
    /// lowest DODAGID. Its own has the least preference.
    pub floating: bool,
    /// The only instance whose DODAGs are joined (RFC 6550 §18.2.3); all that are heard if there is none.
    pub instance: Option<u8>,
}

impl Config {
    fn resolved(&self) -> (usize, usize, usize, usize) {
        let or = |value: u16, default: u16| usize::from(if value == 0 { default } else { value });
        // The two highest indices mean other things.
        (
            or(self.neighbours, 16).min(0xfff0),
            or(self.routes, 16).min(0x7ff0),
            or(u16::from(self.dodags), 3).min(254),
            or(u16::from(self.targets), 2).min(4),
        )
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// This node has become a member of a DODAG.
    Joined {
        /// RPLInstanceID.
        instance: u8,
        /// DODAGID.
        dodag_id: Ip,
    },
    /// There is another preferred parent.
    ParentChanged {
        /// RPLInstanceID.
        instance: u8,
        /// Its link-local address.
        parent: Ip,
    },
    /// The last parent is lost; the node looks for another.
    Lost {
        /// RPLInstanceID.
        instance: u8,
    },
    /// The DODAG announces a prefix: the application forms an address from it if `autonomous`
    /// is set and hands it to [`Rpl::add_target`]. One whose lifetimes end is announced again with each DIO of the
    /// parent, which renews them.
    Prefix {
        /// RPLInstanceID.
        instance: u8,
        /// The prefix.
        prefix: PrefixInformation,
    },
    /// The parent or root does not hold our routes: its table is full, or it has not answered
    /// for long. Upward routes work; it will be asked again.
    Refused {
        /// RPLInstanceID.
        instance: u8,
    },
    /// A downward route was learned.
    RouteAdded {
        /// The destination.
        target: Ip,
        /// How many of its bits count.
        prefix_len: u8,
    },
    /// A downward route ended.
    RouteRemoved {
        /// The destination.
        target: Ip,
        /// How many of its bits count.
        prefix_len: u8,
    },
}

/// An event as the engines keep it: which, as a number of [`tell`]; the instance, or a prefix length; and the DODAGID,
/// the parent or the target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) what: u8,
    pub(crate) number: u8,
    pub(crate) ip: Ip,
}

/// Counters. They wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// DIOs sent.
    pub dio_sent: u32,
    /// DIOs received.
    pub dio_received: u32,
    /// DISs sent.
    pub dis_sent: u32,
    /// DAOs sent, No-Paths and repetitions included.
    pub dao_sent: u32,
    /// DAOs received.
    pub dao_received: u32,
    /// Malformed or unexpected messages.
    pub malformed: u16,
    /// Secured messages, which are refused.
    pub secured: u16,
    /// Targets or neighbours refused since a table is full.
    pub table_full: u16,
    /// Changes of the preferred parent.
    pub parent_switches: u16,
    /// Packets whose direction contradicted the ranks.
    pub rank_errors: u16,
    /// Packets sent back for want of a route.
    pub forwarding_errors: u16,
    /// Loops seen through a DAO from the own parent.
    pub loops: u16,
    /// DAO-ACKs sent.
    pub dao_ack_sent: u16,
}

/// An own address or prefix that is advertised downward.
#[derive(Clone, Copy, Debug, Default)]
struct OwnTarget {
    target: wire::Target,
    used: bool,
    external: bool,
    /// It is reached here no longer; its place is kept until that has been told by a No-Path.
    withdrawn: bool,
}

impl OwnTarget {
    /// Whether it is here.
    fn is_here(&self) -> bool {
        self.used && !self.withdrawn
    }
}

/// The RPL engine of one interface.
#[derive(Debug)]
#[repr(C)]
pub struct Rpl<'m> {
    dodags: &'m mut [Dodag],
    node: Node<'m>,
}

/// All that is no DODAG's own: apart from them, so that one of them can be held meanwhile.
#[derive(Debug)]
#[repr(C)]
struct Node<'m> {
    neighbours: &'m mut [Neighbour],
    routes: &'m mut [Route],
    targets: &'m mut [OwnTarget],
    leaf: bool,
    floating: bool,
    instance: Option<u8>,
    /// Parents have to be selected again.
    reselect: bool,
    /// The second in which the engine was called last.
    now: u32,
    /// Interface identifier of the own link-local address.
    iid: [u8; 8],
    /// When to send the next DIS.
    solicit_at: Instant,
    /// The interval to the DIS after it, in milliseconds.
    solicit_interval: u32,
    /// When to look for what has ended.
    sweep_at: Instant,
    statistics: Statistics,
}

/// Where the DODAG or neighbour with this [`owner`](Dodag::owner) mark is in the table.
fn place(owner: u8) -> usize {
    usize::from(owner).wrapping_sub(1)
}

impl<'m> Rpl<'m> {
    /// How much memory an engine with this configuration takes.
    pub fn plan(config: &Config) -> Plan {
        Plan::of(|carver| Rpl::carve(carver, config, &Ip::UNSPECIFIED))
    }

    /// An engine in the caller's `block` whose link-local address is `link_local`. It is idle
    /// until [`start`](Rpl::start) or [`start_root`](Rpl::start_root).
    ///
    /// # Errors
    /// [`Error::NoMemory`]; [`Error::Invalid`] when the address is not link-local.
    pub fn new(block: &'m mut [u8], config: &Config, link_local: &Ip) -> Result<Rpl<'m>> {
        if !link_local.is_link_local() {
            return Err(Error::Invalid);
        }
        let mut carver = Carver::new(block);
        let engine = Rpl::carve(&mut carver, config, link_local);
        carver.enough()?;
        Ok(engine)
    }

    /// The same for a link-local address that is one, with the memory of an object that contains an engine, as much
    /// as there is: [`Carver::enough`] is to be asked.
    pub(crate) fn carve(carver: &mut Carver<'m>, config: &Config, link_local: &Ip) -> Rpl<'m> {
        let (neighbours, routes, dodags, targets) = config.resolved();
        let dodags: &mut [Dodag] = carver.part(dodags);
        for (dodag, owner) in dodags.iter_mut().zip(1..) {
            dodag.owner = owner;
        }
        let node = Node {
            neighbours: carver.part(neighbours),
            routes: carver.part(routes),
            targets: carver.part(targets),
            iid: neighbours::interface_identifier(link_local),
            leaf: config.leaf,
            floating: config.floating && !config.leaf,
            instance: config.instance,
            reselect: false,
            now: 0,
            solicit_at: Instant::NEVER,
            solicit_interval: 0,
            sweep_at: Instant::NEVER,
            statistics: Statistics::default(),
        };
        Rpl { dodags, node }
    }

    /// Starts looking for a DODAG: solicits and joins by itself.
    pub fn start(&mut self, cx: &mut RplContext<'_>) {
        self.node.solicit_soon(cx);
    }

    /// Advertises an own address or prefix in every DODAG, so that downward routes lead here.
    /// The first one is the source of this node's messages in non-storing mode. `external`
    /// marks one that belongs to a node which does not run RPL.
    ///
    /// # Errors
    /// [`Error::Full`]; [`Error::Invalid`] for a multicast or link-local address.
    pub fn add_target(
        &mut self,
        cx: &mut RplContext<'_>,
        address: &Ip,
        prefix_len: u8,
        external: bool,
    ) -> Result<()> {
        self.change_target(cx, address, prefix_len, Some(external))
    }

    /// Stops advertising an own address or prefix, by a No-Path. Its place is free once that has been
    /// acknowledged, or at the next [`poll`](Rpl::poll) when nobody is to hear of it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn remove_target(&mut self, cx: &mut RplContext<'_>, address: &Ip, prefix_len: u8) -> Result<()> {
        self.change_target(cx, address, prefix_len, None)
    }

    /// Advertises an address or prefix, which is `external` or not, or no longer.
    #[inline(never)]
    pub(crate) fn change_target(
        &mut self,
        cx: &mut RplContext<'_>,
        address: &Ip,
        prefix_len: u8,
        external: Option<bool>,
    ) -> Result<()> {
        if external.is_some() && (address.is_multicast() || address.is_link_local() || prefix_len > 128) {
            return Err(Error::Invalid);
        }
        let target = wire::Target::new(address, prefix_len);
        let mut place = None;
        for own in self.node.targets.iter_mut() {
            if own.used && own.target == target {
                place = Some(own);
                break;
            }
            if !own.used && external.is_some() && place.is_none() {
                place = Some(own);
            }
        }
        let entry = place.ok_or(if external.is_some() { Error::Full } else { Error::NotFound })?;
        if entry.is_here() && external == Some(entry.external) {
            return Ok(());
        }
        entry.withdrawn = external.is_none();
        if let Some(external) = external {
            (entry.target, entry.used, entry.external) = (target, true, external);
        }
        for dodag in self.dodags.iter_mut() {
            self.node.advertise_own(cx, dodag);
        }
        self.node.sweep_at.hasten(cx.now);
        Ok(())
    }

    /// What the link layer found out about the link to a neighbour: `etx` is its expected
    /// transmission count times 128. To be called after each unicast transmission.
    pub fn link_metric(&mut self, now: Instant, neighbour: LinkAddress, etx: u16) {
        self.note_link(now, neighbour, etx, false, false);
    }

    /// What the link layer guesses of a link that nothing was sent over yet: it counts for as
    /// long as nothing is measured.
    pub fn link_guess(&mut self, now: Instant, neighbour: LinkAddress, etx: u16) {
        self.note_link(now, neighbour, etx, true, false);
    }

    /// The link layer gave up on handing a message to this neighbour.
    pub fn link_failed(&mut self, now: Instant, neighbour: LinkAddress) {
        self.note_link(now, neighbour, 0, false, true);
    }

    /// All of that: the ETX of a link, 0 if it is not known, whether it is a guess, and whether a message was
    /// `lost` on it.
    #[inline(never)]
    pub(crate) fn note_link(
        &mut self,
        now: Instant,
        neighbour: LinkAddress,
        etx: u16,
        guess: bool,
        lost: bool,
    ) {
        let Rpl { dodags, node } = self;
        let (iid, second) = (neighbour.interface_identifier(), seconds(now));
        node.now = second;
        for slot in 0..node.neighbours.len() {
            let entry = node.neighbours.get_mut(slot).filter(|entry| entry.owner != 0 && entry.iid == iid);
            let Some(entry) = entry else { continue };
            if etx != 0 && !(guess && entry.etx == etx) {
                entry.measure(etx, second);
                node.reselect = true;
            }
            if lost && entry.fail(second) {
                node.reselect = true;
                // Routes are those of the DODAG that we are in, whichever it spoke of last.
                if let Some(dodag) = dodag_of(dodags, entry.instance, None) {
                    node.lose_child(now, dodag, slot as u16);
                }
            }
        }
    }

    /// Counters since the start.
    pub fn statistics(&self) -> &Statistics {
        &self.node.statistics
    }

    /// An RPL message came: ICMPv6 of type 155 with this code, and `body` behind the checksum.
    /// `from` and `to` are the addresses in the IPv6 header. What cannot be used is counted
    /// and dropped.
    pub fn receive(
        &mut self,
        cx: &mut RplContext<'_>,
        from: &Ip,
        to: &Ip,
        code: u8,
        body: &[u8],
    ) -> Option<Event> {
        let told = self.take_in(cx, from, to, code, body)?;
        self.event(&told)
    }

    /// The same, with the outcome as it is kept.
    #[inline(never)] // Its frame is not to lie below that of forwarding.
    pub(crate) fn take_in(
        &mut self,
        cx: &mut RplContext<'_>,
        from: &Ip,
        to: &Ip,
        code: u8,
        body: &[u8],
    ) -> Option<Told> {
        self.node.now = seconds(cx.now);
        match self.dispatch(cx, from, to, code, body) {
            Ok(()) => {}
            Err(Error::Security) => count(&mut self.node.statistics.secured),
            Err(_) => count(&mut self.node.statistics.malformed),
        }
        self.settle(cx);
        self.next_told()
    }

    fn dispatch(&mut self, cx: &mut RplContext<'_>, from: &Ip, to: &Ip, code: u8, body: &[u8]) -> Result<()> {
        let (base, options) = wire::split(code, body)?;
        let carried = &options.checked()?;
        let Rpl { dodags, node } = self;
        match base {
            Base::Dis => self.receive_dis(cx, from, to, carried.solicited),
            Base::Dio(dio) => return self.receive_dio(cx, from, dio, carried),
            Base::Dao(dao) => {
                node.statistics.dao_received = node.statistics.dao_received.wrapping_add(1);
                if wire::is_local_instance(dao.instance) && dao.dodag_id.is_none() {
                    return Ok(());
                }
                if let Some(dodag) = dodag_of(dodags, dao.instance, dao.dodag_id) {
                    return node.receive_dao(cx, dodag, from, to, &dao, options);
                }
            }
            Base::DaoAck(ack) => {
                if let Some(dodag) = dodag_of(dodags, ack.instance, ack.dodag_id) {
                    node.receive_dao_ack(cx, dodag, from, &ack);
                }
            }
        }
        Ok(())
    }

    /// Does what is due. To be called until it returns `None`.
    pub fn poll(&mut self, cx: &mut RplContext<'_>) -> Option<Event> {
        let told = self.advance(cx)?;
        self.event(&told)
    }

    /// The same, with the outcome as it is kept.
    pub(crate) fn advance(&mut self, cx: &mut RplContext<'_>) -> Option<Told> {
        self.node.now = seconds(cx.now);
        for dodag in self.dodags.iter_mut().filter(|dodag| dodag.is_member()) {
            self.node.poll_choice(cx, dodag);
        }
        self.settle(cx);
        for dodag in self.dodags.iter_mut().filter(|dodag| dodag.is_member()) {
            self.node.poll_dodag(cx, dodag);
        }
        if self.node.solicit_at.is_due(cx.now) {
            self.solicit(cx);
        }
        self.next_told()
    }

    /// Selects parents, if something has changed that the choice depends on.
    #[inline(never)]
    fn settle(&mut self, cx: &mut RplContext<'_>) {
        if !core::mem::take(&mut self.node.reselect) {
            return;
        }
        let mut place = 0;
        while let Some(instance) = self.dodags.get(place).map(|dodag| dodag.instance) {
            place += 1;
            // Once for each DODAG of an instance is too often, but does no harm.
            self.select(cx, instance);
        }
    }

    /// When [`poll`](Rpl::poll) has something to do.
    pub fn next_deadline(&self) -> Instant {
        let node = &self.node;
        let mut deadline = if node.reselect { Instant::ZERO } else { node.solicit_at };
        deadline.hasten(node.sweep_at);
        for dodag in self.dodags.iter() {
            if dodag.tell != 0 || (dodag.inconsistent && dodag.is_member()) {
                return Instant::ZERO;
            }
            if !dodag.is_member() {
                continue;
            }
            deadline.hasten(dodag.trickle.next_deadline());
            for timer in &dodag.timers {
                deadline.hasten(*timer);
            }
        }
        deadline
    }

    /// The next thing to tell of.
    #[inline(never)]
    fn next_told(&mut self) -> Option<Told> {
        for dodag in self.dodags.iter_mut() {
            while dodag.tell != 0 {
                let what = dodag.tell & dodag.tell.wrapping_neg();
                dodag.tell &= !what;
                let mut ip = dodag.id;
                if what == tell::PARENT {
                    let Some(parent) = self.node.parent(dodag) else { continue };
                    ip = parent.link_local();
                }
                return Some(Told { what, number: dodag.instance, ip });
            }
        }
        self.sweep()
    }

    /// What the application is told.
    fn event(&self, told: &Told) -> Option<Event> {
        let (instance, prefix_len) = (told.number, told.number);
        Some(match told.what {
            tell::JOINED => Event::Joined { instance, dodag_id: told.ip },
            tell::PARENT => Event::ParentChanged { instance, parent: told.ip },
            tell::LOST => Event::Lost { instance },
            tell::PREFIX => Event::Prefix { instance, prefix: *self.prefix(told)? },
            tell::REFUSED => Event::Refused { instance },
            tell::ROUTE_ADDED => Event::RouteAdded { target: told.ip, prefix_len },
            _ => Event::RouteRemoved { target: told.ip, prefix_len },
        })
    }

    /// The prefix that [`tell::PREFIX`] is about.
    pub(crate) fn prefix(&self, told: &Told) -> Option<&PrefixInformation> {
        let dodag = self.dodags.iter().find(|dodag| dodag.is_meant(told.number, Some(&told.ip)));
        dodag.map(|dodag| &dodag.prefix)
    }

    /// Frees what has ended, and tells of routes: those, and new ones.
    fn sweep(&mut self) -> Option<Told> {
        let node = &mut self.node;
        let now = node.now;
        if node.sweep_at == Instant::NEVER || node.sweep_at.0 > u64::from(now) * 1000 + 999 {
            return None;
        }
        node.forget_withdrawn(self.dodags);
        let mut next = FOREVER;
        for index in 0..node.routes.len() {
            let Some(route) = node.routes.get_mut(index) else { break };
            if route.owner == 0 {
                continue;
            }
            let mut told = Told { what: tell::ROUTE_ADDED, number: route.prefix_len, ip: Ip(route.target) };
            if route.is(mark::NEW) {
                route.marks &= !mark::NEW;
                return Some(told);
            }
            if route.expiry > now {
                next = next.min(route.expiry);
                continue;
            }
            // In non-storing mode one must stay though it has ended, as long as others hang below it.
            let needed = routes::any_through(node.routes, index | usize::from(routes::PARENT));
            let Some(route) = node.routes.get_mut(index) else { break };
            let silent = route.via == routes::NOWHERE;
            if route.is(mark::CROWDED)
                && !route.is(mark::NO_PATH)
                && let Some(dodag) = self.dodags.get_mut(place(route.owner))
            {
                // Others may know the way.
                dodag.ask_children(now);
            }
            if needed {
                route.via = routes::NOWHERE;
                next = next.min(now.saturating_add(30));
                continue;
            }
            *route = Route::default();
            if !silent {
                told.what = tell::ROUTE_REMOVED;
                return Some(told);
            }
        }
        node.sweep_at = at_second(next);
        None
    }
}

impl Node<'_> {
    /// What became due that the choice of a parent depends on.
    fn poll_choice(&mut self, cx: &mut RplContext<'_>, dodag: &mut Dodag) {
        if dodag.expired(HOLD, cx) {
            dodag.inconsistent = true;
            self.reselect = true;
        }
        if dodag.is_due(FORGET, cx) {
            // Whoever was below has had time to leave: the old rank no longer binds.
            dodag.lowest = wire::INFINITE_RANK;
            self.reselect = true;
        }
        self.poll_solicited(cx, dodag);
        self.poll_unanswered(cx, dodag);
    }

    fn poll_dodag(&mut self, cx: &mut RplContext<'_>, dodag: &mut Dodag) {
        if dodag.expired(FORGET, cx) && self.floating {
            self.float(dodag);
        }
        dodag.poll_asking(cx, self.now);
        let parameters = dodag.parameters();
        let inconsistent = core::mem::take(&mut dodag.inconsistent);
        if inconsistent && !dodag.leaf {
            dodag.reset_trickle(cx);
        }
        // A leaf speaks when it is spoken to, or when packets come that take it for a router (RFC 6550 §8.5).
        if dodag.trickle.poll(cx.now, parameters, cx.random) && !dodag.leaf || inconsistent && dodag.leaf {
            self.send_dio(cx, dodag, &ALL_RPL_NODES);
        }
        self.probe_parent(cx, dodag);
        self.poll_dao(cx, dodag);
    }

    /// Gives the places of withdrawn targets back, once all have heard of it who are to.
    fn forget_withdrawn(&mut self, dodags: &[Dodag]) {
        if dodags.iter().any(Dodag::owes_news) {
            return;
        }
        for target in self.targets.iter_mut().filter(|target| target.withdrawn) {
            *target = OwnTarget::default();
        }
    }

    /// Has the routes looked through not later than at `second`.
    #[inline(never)]
    fn sweep_by(&mut self, second: u32) {
        self.sweep_at.hasten(at_second(second));
    }
}

/// The DODAG of an instance with this DODAGID, or without one the first that this node is a member of.
#[inline(never)]
fn dodag_of<'a>(dodags: &'a mut [Dodag], instance: u8, id: Option<&Ip>) -> Option<&'a mut Dodag> {
    dodags.iter_mut().find(|dodag| dodag.is_meant(instance, id))
}

/// Sends a message on the link. Whether it was taken.
fn transmit(cx: &mut RplContext<'_>, destination: &Ip, code: u8, body: &[u8]) -> bool {
    let message =
        ControlMessage { now: cx.now, source: None, destination, code, body, route: None, headers: &[] };
    cx.transport.send(&message).is_ok()
}

/// Whole seconds of an instant, for tables that need no finer time.
#[inline(never)]
fn seconds(now: Instant) -> u32 {
    whole(now.0, SECOND).min(u32::MAX - 1)
}

/// The start of a second; [`FOREVER`] never comes.
#[inline(never)]
fn at_second(second: u32) -> Instant {
    if second == FOREVER { Instant::NEVER } else { Instant(u64::from(second) * 1000) }
}

#[inline(never)]
fn count(counter: &mut u16) {
    *counter = counter.wrapping_add(1);
}
