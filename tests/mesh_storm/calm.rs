// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must be so once the storm is over.

use crate::host::{DISTINCT, Faults, address, group, node_of};
use crate::network::{Network, Room};
use mote::address::Ip;
use mote::mesh::{Role, Statistics};
use mote::sim::radio::NodeId;

/// Within so many milliseconds everybody has found a place, with twice the longest interval of trickle besides.
const SOON: u64 = 120_000;
/// For so long it takes longer where routers have no room: whom its parent refuses leaves it thrice, at once and after 10
/// and 20 seconds, to look for another for 12 seconds, and those below go without as long.
const SEARCH: u64 = 66_000;
/// Within so many everybody is reached: routes of storing mode that are out of date are found by the packets that go
/// astray (RFC 6550 §11.2.2.3), one after the other, and children asked for others once a minute at most.
const REACHED: u64 = 3 * SOON;
/// The longest pause between two attempts, in microseconds.
const PAUSE: u64 = 8_000_000;
/// How many frames a node may send in ten minutes of peace: what RPL advertises and refreshes, each passed on over some
/// hops.
const FEW: u64 = 600;

impl Network<'_> {
    /// The storm is over.
    pub(crate) fn calm(&mut self) {
        *self.air.topology_mut() = self.whole.clone();
        for id in 0..self.len() {
            let must = self.configs[id].role == Role::Root;
            if !self.is_on(id) && (must || self.once_in(2)) {
                self.start(id);
            }
            self.air.with(id, |host, cx| {
                (host.faults, host.lively, host.sleeps_until) = (Faults::default(), false, cx.now);
                (0..3).for_each(|number| host.mesh.leave_group(&group(number)));
            });
        }
        if self.room == Room::Starved {
            self.air.run_for(SOON * 1000);
        } else {
            self.converge();
        }
        self.rest();
        if self.room != Room::Starved {
            self.talk_to_all();
        }
        self.be_quiet();
        self.check_ledger();
        for (_, host) in self.air.nodes() {
            check_statistics(&host.mesh.statistics());
        }
    }

    fn role(&self, id: NodeId) -> Role {
        self.configs[id].role
    }

    /// Those that some root reaches over routers.
    fn reachable(&self) -> Vec<NodeId> {
        self.reached_from(
            (0..self.len()).filter(|id| self.is_on(*id) && self.role(*id) == Role::Root).collect(),
        )
    }

    /// Those that these reach over routers, and they themselves.
    fn reached_from(&self, mut found: Vec<NodeId>) -> Vec<NodeId> {
        let mut at = 0;
        while let Some(&id) = found.get(at) {
            at += 1;
            if matches!(self.role(id), Role::Leaf | Role::Host) {
                continue;
            }
            for (other, link) in self.whole.listeners(id) {
                if link.delivery > 0 && self.is_on(*other) && !found.contains(other) {
                    found.push(*other);
                }
            }
        }
        found
    }

    /// The root that a node has joined, if it is there.
    fn root_of(&self, id: NodeId) -> Option<NodeId> {
        let host = self.air.node(id)?;
        let dodag = host.mesh.dodags().find(|dodag| dodag.joined)?;
        let root = node_of(&dodag.dodag_id);
        let prefix = self.roots.get(root).copied().flatten()?.prefix;
        (self.is_on(root) && dodag.dodag_id == address(&prefix, root)).then_some(root)
    }

    /// Whether a node has good reason to be in a DODAG that a router has made for want of another: each root that reaches
    /// it offers one that is not grounded and no more preferred either (RFC 6550 §3.2.4, §3.2.6). Of such a router takes
    /// that with the lowest DODAGID, a leaf that with the shortest path.
    fn may_float(&self, id: NodeId) -> bool {
        let joined = |id: NodeId| self.air.node(id)?.mesh.dodags().find(|dodag| dodag.joined);
        let Some(dodag) = joined(id) else { return false };
        let at = node_of(&dodag.dodag_id);
        let is_there = joined(at).is_some_and(|own| own.root && own.dodag_id == dodag.dodag_id);
        let is_better = |(number, root): (NodeId, &mote::mesh::Root)| {
            root.grounded
                || root.preference > 0
                || (self.role(id) == Role::Router && address(&root.prefix, number) < dodag.dodag_id)
        };
        let roots = (0..self.len()).filter_map(|number| Some((number, self.roots[number].as_ref()?)));
        let mut reaching =
            roots.filter(|(number, _)| self.is_on(*number) && self.reached_from(vec![*number]).contains(&id));
        is_there && self.role(at) == Role::Router && !reaching.any(is_better)
    }

    /// The address of a node under the prefix of its root.
    fn current(&self, id: NodeId, root: NodeId) -> Ip {
        address(&self.roots[root].expect("it is a root").prefix, id)
    }

    /// Whether a root knows a way to an address, with non-storing mode one without gaps.
    fn is_routed(&self, root: NodeId, ip: &Ip) -> bool {
        let mut target = *ip;
        for _ in 0..self.len() {
            let Some(route) = self.air.node(root).unwrap().mesh.routes().find(|route| route.target == target)
            else {
                return false;
            };
            if route.via.is_link_local() || node_of(&route.via) == root {
                return true;
            }
            target = route.via;
        }
        false
    }

    /// What is not as it should be.
    fn missing(&self) -> Option<String> {
        for id in self.reachable() {
            if self.role(id) == Role::Host {
                continue;
            }
            let Some(root) = self.root_of(id) else {
                if self.may_float(id) {
                    continue;
                }
                return Some(format!("{id} has not joined"));
            };
            if self.room != Room::Ample || id == root {
                continue;
            }
            let ip = self.current(id, root);
            if !self.has(id, &ip) {
                return Some(format!("{id} has no address under {root}"));
            }
            if !self.is_routed(root, &ip) {
                return Some(format!("{root} has no route to {id}"));
            }
        }
        self.find_loop().map(|id| format!("{id} is in a loop"))
    }

    fn has(&self, id: NodeId, ip: &Ip) -> bool {
        self.air.node(id).is_some_and(|host| host.mesh.addresses().any(|address| address.ip == *ip))
    }

    fn find_loop(&self) -> Option<NodeId> {
        let parent = |id: NodeId| self.air.node(id)?.mesh.parent().map(|ip| node_of(&ip));
        (0..self.len()).find(|start| {
            let mut at = parent(*start);
            for _ in 0..self.len() {
                match at {
                    Some(next) if next == *start => return true,
                    Some(next) => at = parent(next),
                    None => return false,
                }
            }
            false
        })
    }

    /// Everybody finds a place, and keeps it.
    fn converge(&mut self) {
        let interval = |root: &mote::mesh::Root| {
            1 << (root.configuration.interval_min + root.configuration.interval_doublings)
        };
        let search = if self.room == Room::Tight { SEARCH } else { 0 };
        let most = search + SOON + 2 * self.roots.iter().flatten().map(interval).max().unwrap_or(0);
        for wait in [0, 20_000] {
            self.air.run_for(wait * 1000);
            let start = self.now();
            while let Some(missing) = self.missing() {
                if self.now() - start > most {
                    self.fail(&format!("{missing} after {most} ms"));
                }
                self.air.run_for(500_000);
            }
        }
    }

    /// Everything that was taken is given back, and every ping has ended.
    fn rest(&mut self) {
        let mut busy: Vec<NodeId> = (0..self.len()).collect();
        for _ in 0..1200 {
            busy.retain(|id| {
                let Some(host) = self.air.node(*id) else { return false };
                let blocks = usize::from(self.configs[*id].blocks);
                host.mesh.waiting() > 0 || host.mesh.free_blocks() < blocks || !host.pings.is_empty()
            });
            if busy.is_empty() {
                return;
            }
            self.air.run_for(100_000);
        }
        self.fail(&format!("never at rest: {busy:?}"));
    }

    /// Between the roots and all of their nodes, both ways, as far as there is room for routes.
    fn talk_to_all(&mut self) {
        let reachable = self.reachable();
        for id in reachable.iter().copied() {
            let other = self.anyone();
            // Whoever follows its parents into another DODAG (RFC 6550 §8.2.2.7) is to be reached there.
            for moves in 0.. {
                if moves == 8 {
                    self.fail(&format!("{id} goes from root to root"));
                }
                let root = self.root_of(id);
                self.talk_to(id, Some(other).filter(|other| reachable.contains(other)));
                if self.root_of(id) == root {
                    break;
                }
                self.converge();
            }
        }
    }

    /// Between a node and its root, and another node.
    fn talk_to(&mut self, id: NodeId, other: Option<NodeId>) {
        let Some(root) = self.root_of(id).filter(|root| *root != id) else { return };
        let (up, down) = (self.current(root, root), self.current(id, root));
        if !self.has(id, &down) {
            return;
        }
        self.deliver(id, root, &up, 60);
        if !self.is_routed(root, &down) {
            return;
        }
        for size in [60, 500, 1232] {
            if size < 1000 || self.room == Room::Ample {
                self.deliver(root, id, &down, size);
                self.deliver(id, root, &up, size);
            }
        }
        self.echo(id, root, &up);
        self.echo(root, id, &down);
        if let Some(other) = other
            && self.room == Room::Ample
            && other != id
            && self.root_of(other) == Some(root)
        {
            self.echo(id, other, &self.current(other, root));
        }
    }

    /// Whether what was to go on may be given up: where there is no room for everybody's routes, one gives way that moves.
    fn is_given_up(&self, to: NodeId) -> bool {
        let root = self.root_of(to);
        self.room == Room::Tight && !root.is_some_and(|root| self.is_routed(root, &self.current(to, root)))
    }

    /// Whether one of two has gone to the DODAG of another root: from there no way leads back into the first.
    fn are_apart(&self, one: NodeId, other: NodeId) -> bool {
        let (one, other) = (self.root_of(one), self.root_of(other));
        one.is_some() && other.is_some() && one != other
    }

    /// A datagram arrives soon, and not twice.
    fn deliver(&mut self, from: NodeId, to: NodeId, ip: &Ip, size: usize) {
        let end = self.now() + REACHED;
        let mut pause = 250_000;
        while self.now() < end && !self.are_apart(from, to) {
            let sent = self.air.with(from, |host, cx| host.send(cx, ip, size)).expect("it is on");
            self.air.run_for(pause + 250_000 + size as u64 * 1500);
            pause = PAUSE.min(2 * pause);
            let Ok(data) = sent else { continue };
            let got = self.ledger.borrow()[&data].last().expect("it was sent").got_by.len();
            assert!(got <= 1, "{from} to {to}: twice");
            if got == 1 {
                return;
            }
        }
        if !self.are_apart(from, to) && !self.is_given_up(to) {
            self.fail(&format!("{from} does not reach {to} with {size} bytes"));
        }
    }

    /// A ping is answered soon.
    fn echo(&mut self, from: NodeId, to: NodeId, ip: &Ip) {
        let end = self.now() + REACHED;
        let mut pause = 250_000;
        while self.now() < end && !self.are_apart(from, to) {
            let before = self.air.node(from).unwrap().replies;
            let sent = self.air.with(from, |host, cx| host.ping(cx, ip, 40, 2000)).expect("it is on");
            self.air.run_for(2_100_000);
            assert!(sent.is_err() || self.air.node(from).unwrap().pings.is_empty(), "a ping has not ended");
            if self.air.node(from).unwrap().replies > before {
                return;
            }
            self.air.run_for(pause);
            pause = PAUSE.min(2 * pause);
        }
        if !self.are_apart(from, to) && !self.is_given_up(to) && !self.is_given_up(from) {
            self.fail(&format!("{from} pings {to} in vain"));
        }
    }

    /// Hardly anything is said when nothing happens.
    fn be_quiet(&mut self) {
        let on = self.air.nodes().count() as u64;
        let before = self.air.stats().frames;
        self.air.run_for(600_000_000);
        let frames = self.air.stats().frames - before;
        if self.room != Room::Starved && frames > FEW * on {
            self.fail(&format!("{frames} frames of {on} nodes"));
        }
        self.rest();
    }

    /// Nobody got anything twice but by frames that were doubled, which is rare.
    fn check_ledger(&self) {
        let (mut got, mut again) = (0, 0);
        for (_, datagrams) in self.ledger.borrow().iter().filter(|(data, _)| data.len() >= DISTINCT) {
            for datagram in datagrams {
                let mut got_by = datagram.got_by.clone();
                got_by.sort_unstable();
                got_by.dedup();
                got += got_by.len();
                again += datagram.got_by.len() - got_by.len();
            }
        }
        assert!(again * 20 <= got + 40, "{again} of {got} got twice");
    }

    /// Ends the test, and says how things stand.
    fn fail(&self, what: &str) -> ! {
        for id in 0..self.len() {
            let Some(host) = self.air.node(id) else { continue };
            let mesh = &host.mesh;
            let parent = mesh.parent().map(|ip| node_of(&ip));
            let routes = mesh.routes().map(|route| (node_of(&route.target), node_of(&route.via)));
            println!("{id}: {:?} below {parent:?}, rank {}", self.role(id), mesh.rank());
            println!("   of {:?}, routes {:?}", self.root_of(id), routes.collect::<Vec<_>>());
            for dodag in mesh.dodags() {
                println!("   {dodag:?}");
            }
        }
        panic!("seed {}, {:?} room: {what}", self.seed, self.room);
    }
}

/// What was counted fits together.
fn check_statistics(statistics: &Statistics) {
    let Statistics { mac, lowpan, fragments, ipv6, .. } = statistics;
    assert!(lowpan.received <= mac.received && lowpan.fragmented <= lowpan.sent, "{statistics:?}");
    assert!(mac.sent <= mac.transmissions, "{statistics:?}");
    assert!(fragments.complete <= lowpan.received, "{statistics:?}");
    assert!(ipv6.delivered + ipv6.forwarded <= 2 * ipv6.received + ipv6.sent, "{statistics:?}");
}
