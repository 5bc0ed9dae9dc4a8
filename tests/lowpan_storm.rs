// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything at once at a few 6LoWPAN interfaces: packets of all kinds and sizes, lost frames, garbage, nodes that
//! start anew and change their addresses, queues and memory that are full. Every packet ends once, what comes is what was
//! sent, and afterwards all memory is free and packets pass again.

use mote::address::Ip;
use mote::bytes::{Parts, Writer};
use mote::ieee802154::LinkAddress;
use mote::ieee802154::mac::Priority;
use mote::ieee802154::wire::Header;
use mote::lowpan::interface::{Config, Interface, SCRATCH, Sent};
use mote::lowpan::sixlorh::Dodag;
use mote::memory::{Carver, Plan};
use mote::random::{Random, Sequence};
use mote::sim::radio::{Air, Node, NodeId, RadioLink, Setup, Topology};
use mote::time::Instant;
use mote::transport::{RadioCapabilities, RadioContext, RadioEvent};
use std::collections::HashSet;

const PAN: u16 = 0xabcd;
const NODES: usize = 5;
const SEEDS: u64 = 24;
/// Who sends nothing but garbage.
const STRANGER: NodeId = 99;

struct Host {
    interface: Interface<'static>,
    config: Config,
    /// How many packets were taken for sending.
    taken: usize,
    sent: Vec<Sent>,
    received: Vec<(LinkAddress, Vec<u8>)>,
}

fn address(id: NodeId) -> LinkAddress {
    LinkAddress::Extended([2, 0, 0, 0, 0, 0, 1, id as u8])
}

fn prefix() -> Ip {
    Ip::v6([0xfd00, 0, 0, 1, 0, 0, 0, 0])
}

impl Host {
    fn new(id: NodeId, config: &Config, seed: u16) -> Host {
        let LinkAddress::Extended(extended) = address(id) else { unreachable!() };
        let mut config = *config;
        config.mac.extended = extended;
        let memory = vec![0; Interface::plan(Plan::new(), &config).bytes()].leak();
        let mut interface = Interface::new(&mut Carver::new(memory), &config, seed).unwrap();
        interface.contexts_mut().set(3, prefix(), 64, true).unwrap();
        interface.set_dodag(Dodag { root: Some(prefix()), option_0x23: false }, false);
        for other in (0..NODES).filter(|other| *other != id && config.mesh_routes > 0) {
            let next = if other > id { id + 1 } else { id - 1 };
            interface.set_mesh_route(address(other), address(next)).unwrap();
        }
        Host { interface, config, taken: 0, sent: Vec::new(), received: Vec::new() }
    }

    fn send(&mut self, packet: &[u8], cut: usize, to: LinkAddress, priority: Priority) -> bool {
        let (head, tail) = packet.split_at(cut.min(packet.len()));
        let taken = self.interface.send(Parts { head, tail }, to, priority).is_ok();
        self.taken += usize::from(taken);
        taken
    }
}

impl Node for Host {
    fn start(&mut self, cx: &mut RadioContext<'_>) {
        self.interface.set_addresses(cx, 0xfffe, PAN).unwrap();
    }

    fn receive(&mut self, cx: &mut RadioContext<'_>, event: RadioEvent<'_>) {
        let mut scratch = [0; SCRATCH];
        if let Some(received) = self.interface.receive(cx, event, &mut scratch) {
            self.received.push((received.source, received.packet.to_vec()));
        }
    }

    fn poll(&mut self, cx: &mut RadioContext<'_>) {
        while let Some(sent) = self.interface.poll(cx) {
            self.sent.push(sent);
        }
    }

    fn next_deadline(&self) -> Instant {
        self.interface.next_deadline()
    }
}

/// A packet of one of several kinds, with `size` bytes behind its headers, and how long these are.
fn packet(random: &mut Sequence, from: NodeId, to: NodeId, size: usize) -> (Vec<u8>, usize) {
    let front: [u8; 8] = if random.below(2) == 0 {
        [0xfe, 0x80, 0, 0, 0, 0, 0, 0]
    } else {
        *prefix().0.first_chunk().unwrap()
    };
    let options = random.below(2) * 8;
    let next = if random.below(2) == 0 { 17 } else { 58 };
    let mut bytes = vec![0x60, 0, 0, 0, 0, 0, if options > 0 { 0 } else { next }, 64];
    for id in [from, to] {
        bytes.extend(front);
        bytes.extend(address(id).interface_identifier());
    }
    if options > 0 {
        bytes.extend([next, 0, 0x63, 4, 0, 0, 2, random.below(4) as u8]);
    }
    let headers = bytes.len() + 8;
    bytes.extend([0x16, 0x33, 0x16, 0x34, 0, 0, 1, 2]);
    bytes.resize(headers + size, 0);
    // What repeats, which bytecode shortens, or not; each packet differs from all others.
    if random.below(2) == 0 {
        random.fill(&mut bytes[headers..]);
    }
    if size >= 8 {
        random.fill(&mut bytes[headers..headers + 8]);
    }
    let upper = (8 + size) as u16;
    if next == 17 {
        bytes[headers - 4..headers - 2].copy_from_slice(&upper.to_be_bytes());
    }
    bytes[4..6].copy_from_slice(&(upper + options as u16).to_be_bytes());
    (bytes, headers)
}

fn garbage(random: &mut Sequence, to: LinkAddress) -> Vec<u8> {
    let mut payload = vec![0; random.below(100) as usize + 1];
    random.fill(&mut payload);
    // What begins like something.
    let likely = [0xc0, 0xe0, 0x7a, 0xf1, 0x8f, 0xbf, 0x41, 0x50];
    if random.below(4) > 0 {
        payload[0] = likely[random.below(8) as usize] | (random.below(2) as u8);
    }
    let mut frame = [0; 160];
    let mut out = Writer::new(&mut frame);
    let header = Header::data(PAN, to, address(STRANGER), random.below(256) as u8);
    header.emit(false, false, &mut out).unwrap();
    out.put(&payload).unwrap();
    out.finish().to_vec()
}

/// What a node got in its life is what others sent, each packet once; and how many these were.
fn check(host: &Host, sent: &HashSet<(LinkAddress, Vec<u8>)>, who: (u64, NodeId)) -> usize {
    let mut seen = HashSet::new();
    for it in host.received.iter().filter(|it| it.0 != address(STRANGER)) {
        assert!(sent.contains(it), "{who:?} got what was not sent");
        let again = !seen.insert(it);
        // A forwarder that starts anew does not know what it has passed on, and the smallest packets are alike.
        assert!(!again || host.config.mesh_routes > 0 || it.1.len() < 64, "{who:?} got it twice");
    }
    seen.len()
}

/// Runs it, and says how many packets were delivered of how many.
fn storm(seed: u64) -> [usize; 2] {
    let mut random = Sequence(seed);
    let (ack, csma) = (RadioCapabilities::ACK, RadioCapabilities::CSMA);
    let capabilities = [RadioCapabilities(0), ack, csma, ack.with(csma)][random.below(4) as usize];
    let mut config = Config {
        blocks: 8 + random.below(20) as usize,
        reassemblies: 1 + random.below(4) as usize,
        outgoing: 1 + random.below(3) as usize,
        contexts: 1,
        mesh_routes: random.below(2) as usize * 8,
        ghc: random.below(2) == 0,
        sixlorh: random.below(2) == 0,
        ..Config::default()
    };
    config.mac.queue = 2 + random.below(8) as usize;
    let mut topology = Topology::unlinked(NODES);
    for id in 1..NODES {
        let delivery = 700 + random.below(301) as u16;
        topology.set_both(id - 1, id, Some(RadioLink { delivery, rssi: -60 }));
    }
    let mut air: Air<Host, Vec<u8>> = Air::new(topology, &Setup { seed, capabilities });
    for id in 0..NODES {
        air.start(id, Host::new(id, &config, random.u32() as u16));
    }
    let (mut sent, mut delivered) = (HashSet::new(), 0);
    let pace = [30, 100, 300][random.below(3) as usize];
    for _ in 0..300 {
        let id = random.below(NODES as u32) as usize;
        let neighbour = if id > 0 && random.below(2) == 0 || id + 1 == NODES { id - 1 } else { id + 1 };
        match random.below(32) {
            0 => {
                delivered += air.node(id).map_or(0, |host| check(host, &sent, (seed, id)));
                air.stop(id);
                if random.below(4) > 0 {
                    air.start(id, Host::new(id, &config, random.u32() as u16));
                }
            }
            1 => {
                air.with(id, |host, cx| host.interface.set_addresses(cx, 0xfffe, PAN)).transpose().unwrap();
            }
            2..=7 => {
                let to = if random.below(2) == 0 { address(id) } else { LinkAddress::BROADCAST };
                let frame = garbage(&mut random, to);
                air.with(id, |host, cx| {
                    host.receive(cx, RadioEvent::Received { frame: &frame, lqi: 200, rssi: -60 });
                    host.poll(cx);
                });
            }
            _ => {
                let far = config.mesh_routes > 0 && random.below(2) == 0;
                let to = if far { random.below(NODES as u32) as usize } else { neighbour };
                let most = [20, 120, 600, 1480][random.below(4) as usize];
                let size = random.below(most) as usize;
                let (bytes, headers) = packet(&mut random, id, to, size);
                let to = if random.below(6) == 0 { LinkAddress::BROADCAST } else { address(to) };
                let priority = if random.below(4) == 0 { Priority::Control } else { Priority::Normal };
                let cut = if random.below(2) == 0 { headers } else { bytes.len() };
                if to != address(id)
                    && air.with(id, |host, _| host.send(&bytes, cut, to, priority)).unwrap_or(false)
                {
                    sent.insert((address(id), bytes));
                }
            }
        }
        air.run_for(u64::from(random.below(pace)) * 1000);
    }
    // The air is quiet until all has ended, or been given up.
    air.run_for(30_000_000);
    for id in 0..NODES {
        let Some(host) = air.node(id) else { continue };
        assert_eq!(host.sent.len(), host.taken, "{seed}: each packet of {id} ends once");
        assert_eq!(host.interface.free_blocks(), host.config.blocks, "{seed}: the memory of {id} is free");
        assert_eq!(host.interface.mac().waiting(), 0);
        assert_eq!(host.next_deadline(), Instant::NEVER, "{seed}: {id} waits for nothing");
        delivered += check(host, &sent, (seed, id));
    }
    // Packets in fragments pass over each link again.
    for id in 0..NODES {
        if air.node(id).is_none() {
            air.start(id, Host::new(id, &config, random.u32() as u16));
        }
    }
    for (from, to) in (1..NODES).flat_map(|id| [(id - 1, id), (id, id - 1)]) {
        let passed = (0..5).any(|_| {
            let (bytes, headers) = packet(&mut random, from, to, 300);
            let taken = air.with(from, |host, _| host.send(&bytes, headers, address(to), Priority::Normal));
            assert!(taken.unwrap(), "{seed}: there is room");
            air.run_for(3_000_000);
            air.node(to).unwrap().received.last() == Some(&(address(from), bytes))
        });
        assert!(passed, "{seed}: from {from} to {to}");
    }
    [delivered, sent.len()]
}

#[test]
fn a_storm_of_all_faults_leaves_nothing_behind() {
    let mut all = [0, 0];
    for seed in 0..SEEDS {
        let [delivered, sent] = storm(seed);
        all = [all[0] + delivered, all[1] + sent];
    }
    assert!(all[0] * 2 > all[1], "{} of {} were delivered", all[0], all[1]);
}
