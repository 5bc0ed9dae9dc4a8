// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything at once, by seed: a network that loses, doubles, delays, reorders and breaks, transports that refuse, ICMP
//! errors, devices that oversleep, restart or vanish, tables that are full, and an application that asks, answers, cancels and
//! changes its state at any time. When the storm is over each request has ended exactly once and rightly, nothing was
//! done twice, no body was mixed, who observes knows the newest state, and nothing is left over.
#![cfg(all(feature = "std", feature = "coap"))]

mod client;
mod device;
mod server;
mod transport;
mod wire;
mod world;

use device::{Device, EXTRA, SHARED, STATE};
use mote::coap::wire::{Code, Encoder, Type, number};
use mote::coap::{Config, Endpoint, Event, Params, Request, Resource, methods};
use mote::random::{Random, Sequence};
use mote::sim::net::{Host, HostId, Link, Net};
use mote::status::Error;
use mote::time::Instant;
use mote::transport::{DatagramContext, DatagramEvent, Path};
use std::cell::RefCell;
use std::rc::Rc;
use wire::{LIFETIME, Wire};
use world::Shared;

/// How often a device can be restarted.
const LIVES: usize = 4;

struct Storm<'m> {
    net: Net,
    devices: Vec<Device<'m>>,
    configs: Vec<Config>,
    dice: Sequence,
    shared: Rc<RefCell<Shared>>,
    wire: Rc<RefCell<Wire>>,
}

/// The capacities of a device: plenty, or hardly any.
fn config(dice: &mut Sequence, plenty: bool) -> Config {
    let mut up_to = |most: u32| dice.below(most + 1);
    let params = Params { nstart: 1 + up_to(2) as u8, ..Params::DEFAULT };
    let config = Config {
        resources: 5,
        message_size: [64, 100, 300, 1152][up_to(3) as usize],
        ack_delay: up_to(1500),
        transfer_timeout: 5000 + up_to(60_000),
        amplification_limit: up_to(2) == 0,
        params,
        ..Config::DEFAULT
    };
    if plenty {
        return Config {
            peers: 12,
            requests: 12,
            exchanges: 500,
            observers: 24,
            transfers: 12,
            pool: 60_000,
            body: 3000,
            ..config
        };
    }
    // What observers registered with stays in the pool, and besides that there has to be room for what they are told.
    let observers = up_to(5);
    Config {
        peers: 1 + up_to(5) as u16,
        requests: 1 + up_to(5) as u16,
        exchanges: 1 + up_to(12) as u16,
        observers: observers as u16,
        transfers: up_to(3) as u16,
        pool: (observers + 2) * u32::from(config.message_size) + up_to(1000),
        body: [0, 100, 3000][up_to(2) as usize],
        ..config
    }
}

impl<'m> Storm<'m> {
    fn new(seed: u64, mut dice: Sequence, configs: Vec<Config>, memory: &'m mut [Vec<u8>]) -> Storm<'m> {
        let shared = Rc::new(RefCell::new(Shared::default()));
        let wire = Rc::new(RefCell::new(Wire::default()));
        shared.borrow_mut().devices = configs.len();
        shared.borrow_mut().corrupt = dice.below(5) == 0;
        shared.borrow_mut().strict = configs.iter().all(|config| config.exchanges == 500);
        let mut net = Net::new(seed);
        let mut devices = Vec::new();
        for (index, (config, memory)) in configs.iter().zip(memory.chunks_mut(LIVES)).enumerate() {
            let host = net.host(shared.borrow().address(index));
            net.join(host, shared.borrow().group().ip);
            let spare = memory.iter_mut().map(|block| &mut block[..]).collect();
            let device = Device::new(index, *config, spare, dice.next(), shared.clone(), wire.clone());
            let nstart = usize::from(config.params.nstart);
            wire.borrow_mut().nstart.push(Some(nstart).filter(|_| !device.may_observe));
            wire.borrow_mut().remembers.push(config.peers == 12);
            devices.push(device);
        }
        let watched = wire.clone();
        net.rule(move |passing| watched.borrow_mut().pass(passing));
        let mut storm = Storm { net, devices, configs, dice, shared, wire };
        storm.weather();
        storm
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.dice.below(bound)
    }

    fn any(&mut self) -> usize {
        self.below(self.devices.len() as u32) as usize
    }

    /// How all links are from now on.
    fn weather(&mut self) {
        let bad = self.below(400) as u16;
        let corrupt = if self.shared.borrow().corrupt { self.below(100) as u16 } else { 0 };
        let link = Link {
            loss: bad,
            duplicate: self.below(300) as u16,
            reorder: self.below(300) as u16,
            reorder_by: [100, 4000, 40_000][self.below(3) as usize],
            corrupt,
            delay: [1, 20, 1500][self.below(3) as usize],
            jitter: self.below(2000),
            max_size: if self.below(8) == 0 { 200 } else { 1232 },
        };
        self.net.every(link);
    }

    fn run(&mut self, ms: u64) {
        let until = self.net.now().after(ms);
        let mut hosts: Vec<&mut dyn Host> =
            self.devices.iter_mut().map(|host| host as &mut dyn Host).collect();
        self.net.run(&mut hosts, until);
    }

    fn with<R>(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut Device<'m>, &mut DatagramContext<'_>) -> R,
    ) -> R {
        let device = &mut self.devices[index];
        self.net.with(HostId(index), |cx| act(device, cx))
    }

    /// The transport of a device has something to say.
    fn tell(&mut self, index: usize, event: DatagramEvent<'_>) {
        self.with(index, |device, cx| {
            device.receive(cx, event);
            device.poll(cx);
        });
    }

    fn step(&mut self) {
        let index = self.any();
        match self.below(40) {
            0..=14 => self.with(index, |device, cx| device.command(cx)),
            15 => {
                let until = self.net.now().after(u64::from(self.below(25_000)));
                self.devices[index].asleep_until = until;
            }
            16..=17 => self.devices[index].tally.blocked.set(true),
            18..=20 => self.unblock(index),
            21 => {
                let errors = [Error::WouldBlock, Error::Unreachable, Error::TooLarge, Error::Transport];
                let error = errors[self.below(4) as usize];
                self.devices[index].tally.next_error.set(Some(error));
            }
            22 => {
                let last = self.devices[index].tally.last.borrow().clone();
                let Some((path, data)) = last else { return };
                let length = data.len().min(4 + self.below(100) as usize);
                let error = [Error::Refused, Error::Unreachable, Error::TooLarge][self.below(3) as usize];
                self.tell(index, DatagramEvent::Undelivered { path, data: &data[..length], error });
            }
            23 if self.below(4) == 0 => {
                self.devices[index].reboot();
            }
            24 => self.weather(),
            25 => {
                let (from, to) = (index, self.any());
                self.wire.borrow_mut().broken.insert((from, to));
            }
            26..=27 => {
                self.wire.borrow_mut().broken.pop_first();
            }
            28 if self.below(6) == 0 => {
                let to = self.any();
                let path = Path::to(self.shared.borrow().address(to));
                let error = [Error::Unreachable, Error::Security][self.below(2) as usize];
                self.tell(index, DatagramEvent::Failed { path, error });
            }
            29 if self.below(10) == 0 => self.tell(index, DatagramEvent::Closed),
            30 => {
                let long = u64::from(self.below(120_000));
                self.run(long);
            }
            _ => {
                let short = u64::from(self.below(2500));
                self.run(short);
            }
        }
    }

    fn unblock(&mut self, index: usize) {
        if self.devices[index].tally.blocked.replace(false) {
            self.tell(index, DatagramEvent::Writable);
        }
    }

    /// Nothing goes wrong any more, but for those that have vanished.
    fn calm(&mut self) {
        self.net.every(Link::default());
        self.wire.borrow_mut().broken.clear();
        if self.below(3) == 0 {
            let vanished = self.any();
            self.wire.borrow_mut().gone.insert(vanished);
        }
        for index in 0..self.devices.len() {
            self.devices[index].calm = true;
            self.devices[index].asleep_until = Instant::ZERO;
            self.devices[index].tally.next_error.set(None);
            self.unblock(index);
        }
        // What is still under way, one after the other, also with whoever has vanished or is left alone (PROBING_RATE).
        for _ in 0..300 {
            self.run(50_000);
            for index in 0..self.devices.len() {
                self.with(index, |device, cx| device.catch_up(cx));
            }
            if self.devices.iter().all(|device| device.open.values().all(|open| open.observe)) {
                break;
            }
        }
        for device in &self.devices {
            let left: Vec<_> = device.open.values().filter(|open| !open.observe).collect();
            assert!(left.is_empty(), "it never ends: {left:?}");
        }
    }

    /// Who observes knows the newest state, and who does not is not told.
    fn check_observations(&mut self) {
        // A long request that was not answered in the storm takes as many seconds as it has bytes (PROBING_RATE).
        self.run(1_300_000);
        for device in &mut self.devices {
            for which in [STATE, SHARED, EXTRA] {
                device.change(which);
            }
        }
        self.run(400_000);
        for index in 0..self.devices.len() {
            self.check_observed(index);
        }
    }

    fn check_observed(&self, index: usize) {
        let gone = |index: usize| self.wire.borrow().gone.contains(&index);
        let device = &self.devices[index];
        let mut observers = 0;
        for (client, other) in self.devices.iter().enumerate() {
            for open in other.open.values().filter(|open| open.to == index && open.observe) {
                if gone(client) || gone(index) {
                    continue;
                }
                observers += 1;
                if !self.shared.borrow().corrupt && self.configs[client].requests == 12 {
                    assert_eq!(open.newest, Some(device.state[open.which]), "not the newest state: {open:?}");
                }
            }
        }
        if !gone(index) && !self.shared.borrow().corrupt {
            assert_eq!(device.endpoint.observers(), observers, "observers of {index}, and who observes");
        }
    }

    /// Nothing is left over.
    fn check_empty(&mut self) {
        for index in 0..self.devices.len() {
            self.with(index, |device, cx| device.stop_observing(cx));
        }
        self.run(2000);
        for device in &mut self.devices {
            for which in [STATE, SHARED, EXTRA] {
                device.change(which);
            }
        }
        self.run(2 * LIFETIME + 200_000);
        for device in &self.devices {
            device.check_stats();
            assert_eq!(device.endpoint.requests(), 0);
            assert_eq!(device.endpoint.observers(), 0);
            assert!(device.open.is_empty());
            assert_eq!(device.endpoint.next_deadline(), Instant::NEVER);
        }
        // Who is still there answers at once.
        let count = self.devices.len();
        for index in 0..count {
            let to = (index + 1) % count;
            let gone = |index| self.wire.borrow().gone.contains(&index);
            if gone(index) || gone(to) {
                continue;
            }
            for method in [Code::GET, Code::POST] {
                self.with(index, |device, cx| device.ask_plainly(cx, to, method));
                self.run(3000);
                assert!(self.devices[index].open.is_empty(), "{method:?} is not answered at once");
                self.run(2 * LIFETIME + 1000);
            }
        }
        for index in 0..count {
            let mut memory = vec![0; Endpoint::plan(&self.configs[index]).bytes()];
            let mut fresh = Endpoint::new(&mut memory, &self.configs[index]).unwrap();
            fresh.add_resource(Resource::new("/upload", methods::POST)).unwrap();
            let whole = self.net.with(HostId(index), |cx| room(&mut fresh, cx));
            let left = self.with(index, |device, cx| room(&mut device.endpoint, cx));
            assert_eq!(left, whole, "less room than before the storm");
        }
    }
}

/// How many uploads, how many unanswered requests and how many requests of its own an endpoint has room for.
fn room(endpoint: &mut Endpoint<'_>, cx: &mut DatagramContext<'_>) -> [usize; 3] {
    let [uploads, requests] = [true, false].map(|in_blocks| {
        let taken = (0..600).take_while(|id| is_shown(endpoint, cx, in_blocks, *id));
        taken.count()
    });
    let started = (0..100).take_while(|other| {
        let path = Path::to(Shared::default().address(100 + other));
        let request = Request { payload: &[0; 20], ..Request::new(path, Code::POST) };
        endpoint.request(cx, &request).is_ok()
    });
    [uploads, requests, started.count()]
}

/// Whether there is room for a request, or for the first block of one, so that the application sees it.
fn is_shown(endpoint: &mut Endpoint<'_>, cx: &mut DatagramContext<'_>, in_blocks: bool, id: u16) -> bool {
    let path = Path::to(Shared::default().address(99));
    let mut buffer = [0; 64];
    let mut out =
        Encoder::new(&mut buffer, Type::Con, Code::POST, id | u16::from(in_blocks) << 15, b"t").unwrap();
    out.option(number::URI_PATH, b"upload").unwrap();
    out.option(number::URI_QUERY, &[in_blocks.into(), (id >> 8) as u8, id as u8]).unwrap();
    if in_blocks {
        out.uint(number::BLOCK1, 8).unwrap();
    }
    out.payload(&[1; 16]).unwrap();
    let event = endpoint.receive(cx, DatagramEvent::Received { path, data: out.finish() });
    let Some(Event::Request(incoming)) = event else { return false };
    if in_blocks {
        endpoint.handler_returned(cx, incoming.exchange);
    }
    true
}

fn storm(seed: u64, steps: usize) {
    // Shown when something panics in the midst of it.
    println!("seed {seed}");
    let mut dice = Sequence(seed);
    let count = 2 + dice.below(3) as usize;
    let plenty = dice.below(2) == 0;
    let configs: Vec<Config> = (0..count).map(|_| config(&mut dice, plenty)).collect();
    let blocks = configs.iter().flat_map(|config| [Endpoint::plan(config).bytes(); LIVES]);
    let mut memory: Vec<Vec<u8>> = blocks.map(|bytes| vec![0; bytes]).collect();
    let mut storm = Storm::new(seed, dice, configs, &mut memory);
    for _ in 0..steps {
        storm.step();
    }
    storm.calm();
    storm.check_observations();
    storm.check_empty();
}

#[test]
fn a_storm_of_faults_ends_every_request_once_and_leaves_nothing() {
    for seed in 0..40 {
        storm(seed, 120);
    }
}

#[test]
#[ignore = "takes minutes in release"]
fn twenty_thousand_storms() {
    let first = std::env::var("SEED").map_or(0, |seed| seed.parse().unwrap());
    let count = std::env::var("COUNT").map_or(20_000, |count| count.parse().unwrap());
    for seed in first..first + count {
        storm(seed, 300);
    }
}
