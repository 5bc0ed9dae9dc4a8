// SPDX-License-Identifier: MIT OR Apache-2.0
//! A device of the storm: an endpoint, and an application that does anything in any callback.
#![allow(unreachable_pub)]

use crate::client::Open;
use crate::server::{Job, Key};
use crate::transport::{Faulty, Tally};
use crate::wire::Wire;
use crate::world::Shared;
use mote::coap::wire::{Code, number};
use mote::coap::{Config, Endpoint, Event, Resource, flags, methods};
use mote::random::{Random, Sequence};
use mote::sim::net::Host;
use mote::status::Error;
use mote::table::Handle;
use mote::time::Instant;
use mote::transport::{DatagramContext, DatagramEvent, Path};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

pub const STATE: usize = 0;
pub const SHARED: usize = 1;
pub const COUNT: usize = 2;
pub const UPLOAD: usize = 3;
pub const EXTRA: usize = 4;
pub const NAMES: [&str; 5] = ["state", "shared", "count", "upload", "extra"];

pub struct Device<'m> {
    pub index: usize,
    pub endpoint: Endpoint<'m>,
    pub config: Config,
    pub spare: Vec<&'m mut [u8]>,
    pub tally: Rc<Tally>,
    pub received: u32,
    pub dice: Sequence,
    pub shared: Rc<RefCell<Shared>>,
    pub wire: Rc<RefCell<Wire>>,
    pub life: usize,
    pub resources: Vec<Handle>,
    /// Nobody heeds what is due before this.
    pub asleep_until: Instant,
    pub inbox: VecDeque<(Path, Vec<u8>)>,
    pub open: BTreeMap<u32, Open>,
    pub wanted: Vec<(Handle, u32, u16)>,
    pub jobs: Vec<Job>,
    pub state: [u32; 5],
    pub parts: BTreeMap<Key, Vec<u8>>,
    pub answers: BTreeMap<Key, u32>,
    /// All is well: answers come at once, and rightly.
    pub calm: bool,
    pub may_observe: bool,
    pub lost_peers: bool,
    pub fed: bool,
    pub polls: (u64, u32),
    pub scratch: Vec<u8>,
}

impl<'m> Device<'m> {
    pub fn new(
        index: usize,
        config: Config,
        mut spare: Vec<&'m mut [u8]>,
        seed: u64,
        shared: Rc<RefCell<Shared>>,
        wire: Rc<RefCell<Wire>>,
    ) -> Device<'m> {
        let block = spare.pop().unwrap();
        let mut device = Device {
            index,
            endpoint: Endpoint::new(block, &config).unwrap(),
            config,
            spare,
            tally: Rc::default(),
            received: 0,
            dice: Sequence(seed),
            shared,
            wire,
            life: 0,
            resources: Vec::new(),
            asleep_until: Instant::ZERO,
            inbox: VecDeque::new(),
            open: BTreeMap::new(),
            wanted: Vec::new(),
            jobs: Vec::new(),
            state: [0; 5],
            parts: BTreeMap::new(),
            answers: BTreeMap::new(),
            calm: false,
            may_observe: true,
            lost_peers: false,
            fed: false,
            polls: (0, 0),
            scratch: vec![0; usize::from(config.message_size)],
        };
        device.may_observe = device.dice.below(3) != 0;
        device.set_up();
        device
    }

    fn set_up(&mut self) {
        let state = Resource {
            flags: flags::OBSERVABLE | flags::MULTICAST | flags::CONDITIONAL | flags::ASSEMBLE,
            attributes: ";rt=\"x\"",
            ..Resource::new("/state", methods::GET | methods::PUT | methods::FETCH)
        };
        let shared = Resource {
            flags: flags::OBSERVABLE | flags::SHARED,
            ..Resource::new("/shared", methods::GET | methods::FETCH)
        };
        let changes = methods::POST | methods::PUT | methods::PATCH | methods::IPATCH;
        let count = Resource {
            flags: flags::ASSEMBLE,
            max_body: 2000,
            ..Resource::new("/count", changes | methods::DELETE)
        };
        let upload = Resource::new("/upload", changes);
        let extra = Resource { flags: flags::OBSERVABLE, ..Resource::new("/extra", methods::GET) };
        self.resources.clear();
        for resource in [state, shared, count, upload, extra] {
            self.resources.push(self.endpoint.add_resource(resource).unwrap());
        }
        for which in [STATE, SHARED, EXTRA] {
            self.state[which] = self.shared.borrow_mut().version(self.index, which);
        }
    }

    /// It loses its power. `false` if it never comes back.
    pub fn reboot(&mut self) -> bool {
        let Some(block) = self.spare.pop() else { return false };
        self.check_stats();
        self.endpoint = Endpoint::new(block, &self.config).unwrap();
        self.tally = Rc::default();
        self.received = 0;
        self.life += 1;
        self.asleep_until = Instant::ZERO;
        self.inbox.clear();
        self.open.clear();
        self.wanted.clear();
        self.jobs.clear();
        self.parts.clear();
        self.answers.clear();
        self.lost_peers = false;
        self.wire.borrow_mut().forget(self.index);
        self.set_up();
        true
    }

    /// Lends its endpoint and transport.
    pub fn with<R>(
        &mut self,
        cx: &mut DatagramContext<'_>,
        act: impl FnOnce(&mut Self, &mut DatagramContext<'_>) -> R,
    ) -> R {
        let tally = self.tally.clone();
        let mut transport = Faulty { below: cx.transport, tally: &tally };
        act(self, &mut DatagramContext { now: cx.now, transport: &mut transport, random: cx.random })
    }

    /// Does something, as from outside of any callback.
    pub fn command(&mut self, cx: &mut DatagramContext<'_>) {
        self.with(cx, |this, cx| this.whim(cx));
    }

    pub fn chance(&mut self, one_in: u32) -> bool {
        !self.calm && self.dice.below(one_in) == 0
    }

    /// Whatever an application may call at any time.
    pub fn whim(&mut self, cx: &mut DatagramContext<'_>) {
        match self.dice.below(20) {
            0..=7 => self.ask(cx),
            8 => {
                let to = self.someone();
                let path = Path::to(self.shared.borrow().address(to));
                if let Ok(handle) = self.endpoint.ping(cx, &path) {
                    self.opened(handle, Open::new(to, STATE, Code::EMPTY));
                }
            }
            9..=11 => {
                let which = [STATE, SHARED, EXTRA][self.dice.below(3) as usize];
                self.change(which);
            }
            12..=13 => self.cancel(cx),
            14..=16 if !self.jobs.is_empty() => {
                let job = self.jobs.remove(self.dice.below(self.jobs.len() as u32) as usize);
                self.answer(cx, job);
            }
            17..=18 if !self.wanted.is_empty() => {
                let wanted = self.wanted.remove(self.dice.below(self.wanted.len() as u32) as usize);
                self.supply(cx, wanted);
            }
            19 => self.come_and_go(cx),
            _ => {}
        }
    }

    /// A resource is removed, or is there again.
    pub fn come_and_go(&mut self, cx: &mut DatagramContext<'_>) {
        if self.endpoint.remove_resource(cx, self.resources[EXTRA]) == Err(Error::Stale) {
            let extra = Resource { flags: flags::OBSERVABLE, ..Resource::new("/extra", methods::GET) };
            self.resources[EXTRA] = self.endpoint.add_resource(extra).unwrap();
        }
    }

    /// A resource has a new state.
    pub fn change(&mut self, which: usize) {
        self.state[which] = self.shared.borrow_mut().version(self.index, which);
        self.told(which);
    }

    pub fn told(&mut self, which: usize) {
        let told = self.endpoint.notify(self.resources[which]);
        assert!(told.is_ok() || which == EXTRA, "{told:?}");
    }

    /// Does at once what it has put off.
    pub fn catch_up(&mut self, cx: &mut DatagramContext<'_>) {
        self.with(cx, |this, cx| {
            for job in std::mem::take(&mut this.jobs) {
                this.answer(cx, job);
            }
            for wanted in std::mem::take(&mut this.wanted) {
                this.supply(cx, wanted);
            }
        });
    }

    pub fn act(&mut self, cx: &mut DatagramContext<'_>, event: Event<'_>) {
        match event {
            Event::Response { request, path, message, part, last } => {
                self.wire.borrow_mut().answered(self.index, &path, message.token);
                let options: Vec<(u16, &[u8])> = message.options.collect();
                let etag = options.iter().find(|option| option.0 == number::ETAG).map(|option| option.1);
                self.hear(request, &path, message.code, message.payload, etag, part, last);
            }
            Event::Ended { request, result } => {
                let open = self.open.remove(&request.raw()).expect("only what is open ends");
                self.wire.borrow_mut().ended(self.index, open.to);
                self.check_end(&open, result);
            }
            Event::NeedBlock { request, offset, length } => {
                let open = &self.open[&request.raw()];
                assert!((offset as usize) < open.sent.len(), "beyond the end of {open:?}");
                if self.chance(4) {
                    self.wanted.push((request, offset, length));
                } else {
                    self.supply(cx, (request, offset, length));
                }
            }
            Event::Request(incoming) => {
                self.serve(cx, &incoming);
                if self.chance(6) {
                    self.whim(cx);
                }
                self.endpoint.handler_returned(cx, incoming.exchange);
            }
        }
        if self.chance(12) {
            self.whim(cx);
        }
    }

    fn take(&mut self, cx: &mut DatagramContext<'_>, event: DatagramEvent<'_>) {
        match &event {
            DatagramEvent::Received { path, data } => {
                self.received += 1;
                self.wire.borrow_mut().heard(self.index, path, data);
            }
            DatagramEvent::Failed { .. } | DatagramEvent::Closed => self.lost_peers = true,
            _ => {}
        }
        self.fed = true;
        if let Some(event) = self.endpoint.receive(cx, event) {
            self.act(cx, event);
        }
    }

    pub fn check_stats(&self) {
        let stats = self.endpoint.stats();
        assert_eq!(
            (stats.received, stats.sent, stats.send_failed),
            (self.received, self.tally.sent.get(), self.tally.failed.get())
        );
    }

    /// Polled for the sake of a deadline only: neither much at one time, nor much in a second.
    fn count_poll(&mut self, now: u64) {
        if std::mem::take(&mut self.fed) || !self.endpoint.next_deadline().is_due(Instant(now)) {
            return;
        }
        let (second, count) = self.polls;
        self.polls = if second == now / 1000 { (second, count + 1) } else { (now / 1000, 1) };
        assert!(self.polls.1 < 1200, "it spins");
    }
}

impl Host for Device<'_> {
    fn receive(&mut self, cx: &mut DatagramContext<'_>, event: DatagramEvent<'_>) {
        if !self.asleep_until.is_due(cx.now) {
            if let DatagramEvent::Received { path, data } = event {
                self.inbox.push_back((path, data.to_vec()));
            }
            return;
        }
        self.with(cx, |this, cx| this.take(cx, event));
    }

    fn poll(&mut self, cx: &mut DatagramContext<'_>) {
        if !self.asleep_until.is_due(cx.now) {
            return;
        }
        self.asleep_until = Instant::ZERO;
        self.count_poll(cx.now.0);
        self.with(cx, |this, cx| {
            let mut scratch = std::mem::take(&mut this.scratch);
            loop {
                let mut events = 0;
                while let Some(event) = this.endpoint.poll(cx, &mut scratch) {
                    events += 1;
                    assert!(events < 1000, "events without end");
                    this.act(cx, event);
                }
                let Some((path, data)) = this.inbox.pop_front() else { break };
                this.take(cx, DatagramEvent::Received { path, data: &data });
            }
            this.scratch = scratch;
        });
        let next = self.endpoint.next_deadline();
        assert!(next > cx.now, "a deadline in the past after all was done");
        let working = self.endpoint.requests() != 0;
        assert!(!working || next != Instant::NEVER, "requests that nobody will end");
        assert!(self.endpoint.requests() >= self.open.len(), "an end that was not told");
    }

    fn next_deadline(&self) -> Instant {
        if self.asleep_until == Instant::ZERO { self.endpoint.next_deadline() } else { self.asleep_until }
    }
}
