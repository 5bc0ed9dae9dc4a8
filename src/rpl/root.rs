// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands of a DODAG root (RFC 6550 §8.2.2.2).
#![forbid(unsafe_code)]

use super::dodag::{Dodag, Membership};
use super::wire::{Configuration, PathMetric, PrefixInformation, instance_of};
use super::{ALL_RPL_NODES, Mode, Rpl, RplContext, lollipop, seconds};
use crate::address::Ip;
use crate::status::{Error, Result};
use crate::time::Instant;

/// What a root announces.
#[derive(Clone, Copy, Debug)]
pub struct RootConfig {
    /// RPLInstanceID: 0 to 127 for a global instance, or a local one.
    pub instance: u8,
    /// DODAGID: a routable address of this node.
    pub dodag_id: Ip,
    /// Mode of operation.
    pub mode: Mode,
    /// DODAGPreference, 0 (least) to 7.
    pub preference: u8,
    /// Whether the DODAG satisfies the application's goal, such as a way to the Internet.
    pub grounded: bool,
    /// Parameters of the DODAG.
    pub configuration: Configuration,
    /// The prefix that nodes form their addresses from, if any.
    pub prefix: Option<PrefixInformation>,
    /// What MRHOF minimises.
    pub metric: PathMetric,
}

impl Rpl<'_> {
    /// Becomes the root of a DODAG. At first it listens, for Imin or a little longer, whether the DODAG exists
    /// already, since before a restart of this node; if so, it goes on with the next version, so that every
    /// route is learned again at once. The version that it starts with is drawn, so that those who are not heard
    /// mostly see by it that there is a new one.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the DODAGID is not routable, MinHopRankIncrease is 0 or
    /// infinite, the flag D is set in a local instance, or this build has not the mode; [`Error::State`] when the node is a member of
    /// the instance; [`Error::Full`].
    pub fn start_root(&mut self, cx: &mut RplContext<'_>, config: &RootConfig) -> Result<()> {
        let id = config.dodag_id;
        let unit = config.configuration.min_hop_rank_increase;
        let instance = config.instance;
        if !id.is_routable()
            || unit == 0
            || unit == u16::MAX
            || self.node.leaf
            || instance_of(instance) != instance
        {
            return Err(Error::Invalid);
        }
        let member = |dodag: &Dodag| dodag.is_meant(instance, None);
        if self.dodags.iter().any(member) {
            return Err(Error::State);
        }
        let free =
            |dodag: &Dodag| dodag.membership == Membership::None || dodag.is_meant(instance, Some(&id));
        let index = self.dodags.iter().position(free).ok_or(Error::Full)?;
        let entry = self.dodags.get_mut(index).ok_or(Error::Full)?;
        entry.clear();
        entry.mode = config.mode as u8;
        entry.configuration = config.configuration;
        entry.metric = config.metric as u8;
        if !entry.can_route() {
            return Err(Error::Invalid);
        }
        entry.take_root(&id);
        entry.version = lollipop::fresh(cx.random);
        entry.instance = instance;
        entry.preference = config.preference & 7;
        entry.grounded = config.grounded;
        entry.configured = true;
        entry.dtsn = lollipop::fresh(cx.random);
        entry.prefix = config.prefix.unwrap_or_default();
        let parameters = entry.parameters();
        entry.trickle.reset(cx.now.after(u64::from(parameters.min() / 2)), parameters, cx.random);
        self.node.send_dis(cx, &ALL_RPL_NODES, false);
        Ok(())
    }

    /// Global repair: a new version, in which every node chooses its place anew.
    ///
    /// # Errors
    /// [`Error::State`] when this node is not the root of the instance.
    pub fn global_repair(&mut self, instance: u8) -> Result<()> {
        let dodag = self.rooted(instance)?;
        dodag.version = lollipop::next(dodag.version);
        dodag.lowest = dodag.rank;
        dodag.inconsistent = true;
        Ok(())
    }

    /// Asks for all routes again (RFC 6550 §9.6), without a new version.
    ///
    /// # Errors
    /// [`Error::State`] when this node is not the root of the instance.
    pub fn refresh_routes(&mut self, instance: u8) -> Result<()> {
        let dodag = self.rooted(instance)?;
        dodag.dtsn = lollipop::next(dodag.dtsn);
        dodag.inconsistent = true;
        Ok(())
    }

    /// Replaces the prefix that nodes form their addresses from.
    ///
    /// # Errors
    /// [`Error::State`] when this node is not the root of the instance.
    pub fn set_prefix(&mut self, instance: u8, prefix: &PrefixInformation) -> Result<()> {
        let dodag = self.rooted(instance)?;
        dodag.prefix = *prefix;
        dodag.inconsistent = true;
        Ok(())
    }

    fn rooted(&mut self, instance: u8) -> Result<&mut Dodag> {
        let root = |dodag: &&mut Dodag| dodag.instance == instance && dodag.is_root();
        self.dodags.iter_mut().find(root).ok_or(Error::State)
    }

    /// A packet failed on its source route. A few failures mean that the graph is out of date: routes are asked for.
    pub(super) fn source_route_failed(&mut self, now: Instant, unreachable: &Ip) {
        const FAILURES: u8 = 3;
        let target = super::wire::Target { prefix_len: 128, prefix: *unreachable };
        let routes = &*self.node.routes;
        let about = |dodag: &&mut Dodag| super::routes::find(routes, dodag.owner, &target).is_some();
        let Some(dodag) = self.dodags.iter_mut().find(about).filter(|dodag| dodag.is_root()) else { return };
        dodag.route_errors += 1;
        if dodag.route_errors >= FAILURES {
            dodag.route_errors = 0;
            dodag.ask_children(seconds(now));
        }
    }
}
