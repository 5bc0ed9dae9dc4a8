// SPDX-License-Identifier: MIT OR Apache-2.0
//! The channel: what is on the air, who hears it, and when.
#![forbid(unsafe_code)]

use super::energy::Energy;
use super::topology::{RadioLink, Topology};
use super::tuner::{Phase, Reception, Tuner};
use crate::ieee802154::wire::{FCS_LEN, Frame, MAX_FRAME, Version, fcs, immediate_ack};
use crate::random::{Random, Sequence};
use crate::sim::SPIN_LIMIT;
use crate::sim::pcap::{IEEE802154_WITH_FCS, Pcap};
use crate::time::Instant;
use crate::transport::{RadioCapabilities, RadioContext, RadioEvent, TransmitStatus};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Microseconds for one byte at 250 kbit/s.
const BYTE: u64 = 32;
/// Preamble, start of frame and length, in bytes.
const PHY_HEADER: u64 = 6;
/// From receiving to sending and back, in microseconds.
const TURNAROUND: u64 = 192;
/// Carrier sense takes this long, in microseconds.
const CCA: u64 = 128;
/// A back-off period, in microseconds.
const BACKOFF_PERIOD: u64 = 320;
/// How long an acknowledgement is waited for, in microseconds: macAckWaitDuration.
const ACK_WAIT: u64 = 864;
/// By how much a signal must be stronger than another to be received all the same, in dB.
const CAPTURE: i16 = 6;

/// Names a node: its number in the [`Topology`].
pub type NodeId = usize;

/// What runs on a simulated radio.
pub trait Node {
    /// The node has been switched on.
    fn start(&mut self, cx: &mut RadioContext<'_>);
    /// Input: what the radio brings.
    fn receive(&mut self, cx: &mut RadioContext<'_>, event: RadioEvent<'_>);
    /// Time: does all that is due.
    fn poll(&mut self, cx: &mut RadioContext<'_>);
    /// When to call [`Node::poll`].
    fn next_deadline(&self) -> Instant;
}

/// How the radios and the clocks behave.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The seed of everything that is drawn.
    pub seed: u64,
    /// What the radios do by themselves.
    pub capabilities: RadioCapabilities,
}

impl Default for Setup {
    /// Radios that acknowledge, filter and wait for a clear channel, as most do.
    fn default() -> Setup {
        let capabilities =
            RadioCapabilities::ACK.with(RadioCapabilities::FILTER).with(RadioCapabilities::CSMA);
        Setup { seed: 1, capabilities }
    }
}

/// What has happened on the air.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AirStats {
    /// Frames sent, acknowledgements not counted.
    pub frames: u64,
    /// Acknowledgements sent.
    pub acks: u64,
    /// The time taken on the air, in microseconds.
    pub airtime: u64,
    /// Receptions spoilt by another frame.
    pub collisions: u64,
    /// Receptions lost to a bad link.
    pub losses: u64,
    /// Receptions handed to a radio.
    pub receptions: u64,
}

/// A frame on the air.
#[derive(Debug)]
struct Flight {
    from: NodeId,
    channel: u8,
    bytes: [u8; MAX_FRAME],
    len: usize,
    is_ack: bool,
    /// Who heard its carrier rise, and has to hear it fall.
    heard_by: Vec<NodeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Wake(NodeId),
    /// Sense the carrier.
    Sense(NodeId, u32),
    /// The frame begins, after the turnaround.
    Begin(NodeId, u32),
    End(usize),
    BeginAck(NodeId, u8, u32),
    AckTimeout(NodeId, u32),
}

struct Station<N> {
    node: Option<N>,
    tuner: Tuner,
    random: Sequence,
    /// How far the node's clock is ahead, below a millisecond.
    phase: u64,
    /// When it is to be woken, in microseconds.
    wake: u64,
    /// When the earliest event comes that looks after that: not later, so that a deadline which moves away costs none.
    queued: u64,
    /// Which of its lives this is.
    life: u32,
}

/// The channel with all radios and the nodes on them.
pub struct Air<N, W = std::io::Sink> {
    topology: Topology,
    stations: Vec<Station<N>>,
    events: BinaryHeap<Reverse<(u64, u64, What)>>,
    flights: Vec<Flight>,
    free_flights: Vec<usize>,
    random: Sequence,
    capabilities: RadioCapabilities,
    now: u64,
    order: u64,
    stats: AirStats,
    capture: Option<Pcap<W>>,
}

impl<N: Node, W: std::io::Write> Air<N, W> {
    /// A channel with one radio for each node of `topology`, all switched off.
    pub fn new(topology: Topology, setup: &Setup) -> Air<N, W> {
        let mut random = Sequence(setup.seed);
        let stations = (0..topology.len())
            .map(|_| Station {
                node: None,
                tuner: Tuner::new(setup.capabilities),
                random: Sequence(random.next()),
                phase: u64::from(random.below(1000)),
                wake: u64::MAX,
                queued: u64::MAX,
                life: 0,
            })
            .collect();
        Air {
            topology,
            stations,
            events: BinaryHeap::new(),
            flights: Vec::new(),
            free_flights: Vec::new(),
            random,
            capabilities: setup.capabilities,
            now: 0,
            order: 0,
            stats: AirStats::default(),
            capture: None,
        }
    }

    /// Captures everything that is sent from now on into `out`, with check sequences.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn capture(&mut self, out: W) -> std::io::Result<()> {
        self.capture = Some(Pcap::new(out, IEEE802154_WITH_FCS)?);
        Ok(())
    }

    /// Ends the capture.
    pub fn end_capture(&mut self) -> Option<W> {
        self.capture.take().map(Pcap::into_inner)
    }

    /// The virtual time, in microseconds.
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// What has happened on the air.
    pub const fn stats(&self) -> &AirStats {
        &self.stats
    }

    /// Who hears whom.
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Who hears whom, to let links come and go.
    pub const fn topology_mut(&mut self) -> &mut Topology {
        &mut self.topology
    }

    /// A node, if it is switched on.
    pub fn node(&self, id: NodeId) -> Option<&N> {
        self.stations[id].node.as_ref()
    }

    /// All nodes that are switched on.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &N)> {
        self.stations.iter().enumerate().filter_map(|(id, station)| Some((id, station.node.as_ref()?)))
    }

    /// What the radio of a node has spent.
    pub fn energy(&self, id: NodeId) -> Energy {
        let tuner = &self.stations[id].tuner;
        let mut energy = tuner.energy;
        let spent = self.now - tuner.changed;
        if tuner.is_on {
            energy.receive += spent
        } else {
            energy.sleep += spent
        }
        // Sending is counted as listening first.
        energy.receive -= energy.transmit.min(energy.receive);
        energy
    }

    /// Switches a node on; one that was on there before is lost, as in a reboot.
    pub fn start(&mut self, id: NodeId, node: N) {
        self.stop(id);
        self.stations[id].node = Some(node);
        self.with(id, |node, cx| {
            let _ = cx.transport.enable(true);
            node.start(cx);
        });
    }

    /// Switches a node off and hands it back.
    pub fn stop(&mut self, id: NodeId) -> Option<N> {
        let station = &mut self.stations[id];
        station.life += 1;
        station.wake = u64::MAX;
        let tuner = &mut station.tuner;
        tuner.account(self.now);
        // What is on the air from it stays there until its end, and is heard no more.
        for flight in self.flights.iter_mut().filter(|flight| flight.from == id) {
            flight.len = 0;
        }
        let (energy, carriers) = (tuner.energy, core::mem::take(&mut tuner.carriers));
        let generation = tuner.generation.wrapping_add(1);
        *tuner = Tuner::new(self.capabilities);
        (tuner.energy, tuner.carriers) = (energy, carriers);
        (tuner.generation, tuner.changed, tuner.now) = (generation, self.now, self.now);
        station.node.take()
    }

    /// Calls a node that is switched on, as an application does, and lets it do what follows.
    pub fn with<R>(
        &mut self,
        id: NodeId,
        call: impl FnOnce(&mut N, &mut RadioContext<'_>) -> R,
    ) -> Option<R> {
        let station = &mut self.stations[id];
        let node = station.node.as_mut()?;
        station.tuner.now = self.now;
        let now = Instant((self.now + station.phase) / 1000);
        let mut cx = RadioContext { now, transport: &mut station.tuner, random: &mut station.random };
        let result = call(node, &mut cx);
        for spin in 0.. {
            assert!(spin < SPIN_LIMIT, "node {id} is due for ever at {now:?}");
            if node.next_deadline() > now {
                break;
            }
            node.poll(&mut cx);
        }
        let deadline = node.next_deadline();
        station.wake = match deadline {
            Instant::NEVER => u64::MAX,
            Instant(ms) => ms.saturating_mul(1000).saturating_sub(station.phase).max(self.now),
        };
        let loaded = station.tuner.is_loaded;
        self.see_to_waking(id);
        if loaded {
            self.begin_transmission(id);
        }
        Some(result)
    }

    fn see_to_waking(&mut self, id: NodeId) {
        let station = &mut self.stations[id];
        let wake = station.wake;
        if wake < station.queued {
            station.queued = wake;
            self.schedule(wake, What::Wake(id));
        }
    }

    /// The time has come that a node wanted to be woken at, be it that it wants something else by now.
    fn wake(&mut self, id: NodeId) {
        let station = &mut self.stations[id];
        if station.queued != self.now {
            // An earlier one has taken its place.
            return;
        }
        station.queued = u64::MAX;
        if station.wake > self.now {
            self.see_to_waking(id);
        } else {
            self.with(id, |_, _| ());
        }
    }

    /// Runs until that much virtual time has passed, in microseconds.
    pub fn run_for(&mut self, microseconds: u64) {
        self.run_until(self.now.saturating_add(microseconds));
    }

    /// Runs until the virtual time is `until`, in microseconds.
    pub fn run_until(&mut self, until: u64) {
        while let Some(&Reverse((at, _, what))) = self.events.peek() {
            if at > until {
                break;
            }
            self.events.pop();
            self.now = at;
            self.happen(what);
        }
        self.now = self.now.max(until);
    }

    fn schedule(&mut self, at: u64, what: What) {
        self.order += 1;
        self.events.push(Reverse((at, self.order, what)));
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Wake(id) => self.wake(id),
            What::Sense(id, generation) if self.is_current(id, generation) => self.sense(id),
            What::Begin(id, generation) if self.is_current(id, generation) => self.begin(id),
            What::AckTimeout(id, generation) if self.is_current(id, generation) => {
                if matches!(self.stations[id].tuner.phase, Phase::AwaitingAck(_)) {
                    self.transmitted(id, TransmitStatus::NoAck);
                }
            }
            What::BeginAck(id, sequence, life)
                if self.stations[id].life == life && self.stations[id].tuner.is_acknowledging =>
            {
                self.take_off(id, &immediate_ack(sequence, false), true);
            }
            What::End(flight) => self.land(flight),
            _ => {}
        }
    }

    fn is_current(&self, id: NodeId, generation: u32) -> bool {
        self.stations[id].tuner.generation == generation
    }

    /// The node has handed a frame to its radio.
    fn begin_transmission(&mut self, id: NodeId) {
        let tuner = &mut self.stations[id].tuner;
        tuner.is_loaded = false;
        tuner.generation = tuner.generation.wrapping_add(1);
        let is_ack = tuner.frame[0] & 7 == 2;
        if tuner.capabilities.has(RadioCapabilities::CSMA) && !is_ack {
            self.back_off(id, 0, 3);
        } else {
            tuner.phase = Phase::Sending;
            let generation = tuner.generation;
            self.schedule(self.now + TURNAROUND, What::Begin(id, generation));
        }
    }

    fn back_off(&mut self, id: NodeId, attempt: u8, exponent: u8) {
        let tuner = &mut self.stations[id].tuner;
        tuner.phase = Phase::Backoff { attempt, exponent };
        let generation = tuner.generation;
        let wait = u64::from(self.random.below(1 << exponent)) * BACKOFF_PERIOD + CCA;
        self.schedule(self.now + wait, What::Sense(id, generation));
    }

    fn sense(&mut self, id: NodeId) {
        let tuner = &mut self.stations[id].tuner;
        let Phase::Backoff { attempt, exponent } = tuner.phase else { return };
        if tuner.carriers.is_empty() && !tuner.is_acknowledging {
            tuner.phase = Phase::Sending;
            let generation = tuner.generation;
            self.schedule(self.now + TURNAROUND, What::Begin(id, generation));
        } else if attempt < 4 {
            self.back_off(id, attempt + 1, (exponent + 1).min(5));
        } else {
            self.transmitted(id, TransmitStatus::ChannelBusy);
        }
    }

    fn begin(&mut self, id: NodeId) {
        let tuner = &self.stations[id].tuner;
        let (bytes, len) = (tuner.frame, tuner.len);
        self.take_off(id, &bytes[..len], false);
    }

    /// A frame begins to be on the air.
    fn take_off(&mut self, from: NodeId, frame: &[u8], is_ack: bool) {
        let duration = (PHY_HEADER + (frame.len() + FCS_LEN) as u64) * BYTE;
        if let Some(capture) = &mut self.capture {
            let mut bytes = frame.to_vec();
            bytes.extend(fcs(frame).to_le_bytes());
            capture.frame(self.now, &bytes).expect("the capture can be written");
        }
        let counter = if is_ack { &mut self.stats.acks } else { &mut self.stats.frames };
        *counter += 1;
        self.stats.airtime += duration;
        let tuner = &mut self.stations[from].tuner;
        tuner.energy.transmit += duration;
        // Half duplex: what was being received is lost.
        tuner.reception = None;
        let channel = tuner.channel;
        let index = self.free_flights.pop().unwrap_or_else(|| {
            let heard_by = Vec::new();
            self.flights.push(Flight { from, channel, bytes: [0; MAX_FRAME], len: 0, is_ack, heard_by });
            self.flights.len() - 1
        });
        let flight = &mut self.flights[index];
        (flight.from, flight.channel, flight.len, flight.is_ack) = (from, channel, frame.len(), is_ack);
        flight.bytes[..frame.len()].copy_from_slice(frame);
        for (to, link) in self.topology.listeners(from) {
            let tuner = &mut self.stations[*to].tuner;
            if tuner.channel != channel {
                continue;
            }
            flight.heard_by.push(*to);
            tuner.carriers.push((index, link.rssi));
            if !tuner.is_on || tuner.is_sending() {
                continue;
            }
            let strength = i16::from(link.rssi);
            let drowned = |it: &(usize, i8)| it.0 != index && strength - i16::from(it.1) < CAPTURE;
            let is_spoilt = tuner.carriers.iter().any(drowned);
            let fresh = Reception { flight: index, link: *link, is_spoilt };
            match &mut tuner.reception {
                // A signal too weak to be received is not locked on to.
                slot @ None if link.delivery > 0 => *slot = Some(fresh),
                Some(reception) if !is_spoilt && link.delivery > 0 => {
                    self.stats.collisions += u64::from(!reception.is_spoilt);
                    *reception = fresh;
                }
                Some(reception) => {
                    reception.is_spoilt |= i16::from(reception.link.rssi) - strength < CAPTURE;
                }
                None => {}
            }
        }
        self.schedule(self.now + duration, What::End(index));
    }

    /// A frame's end.
    fn land(&mut self, index: usize) {
        let flight = &mut self.flights[index];
        let (from, len, is_ack, bytes) = (flight.from, flight.len, flight.is_ack, flight.bytes);
        let mut heard_by = core::mem::take(&mut flight.heard_by);
        let frame = &bytes[..len];
        if len > 0 {
            self.leave(from, frame, is_ack);
        }
        for to in &heard_by {
            let tuner = &mut self.stations[*to].tuner;
            tuner.carriers.retain(|(flight, _)| *flight != index);
            let Some(reception) = tuner.reception.filter(|reception| reception.flight == index) else {
                continue;
            };
            tuner.reception = None;
            if len == 0 {
                continue;
            }
            if reception.is_spoilt {
                self.stats.collisions += 1;
            } else if self.random.below(1000) >= u32::from(reception.link.delivery) {
                self.stats.losses += 1;
            } else {
                self.stats.receptions += 1;
                self.arrive(*to, frame, reception.link);
            }
        }
        heard_by.clear();
        self.flights[index].heard_by = heard_by;
        self.free_flights.push(index);
    }

    /// The sender's side of a frame's end.
    fn leave(&mut self, from: NodeId, frame: &[u8], is_ack: bool) {
        let tuner = &mut self.stations[from].tuner;
        if is_ack {
            tuner.is_acknowledging = false;
            return;
        }
        if tuner.phase != Phase::Sending {
            // It was switched off meanwhile.
            return;
        }
        let asks = frame.first().is_some_and(|control| control & 0x20 != 0);
        match frame.get(2) {
            Some(sequence) if asks && tuner.capabilities.has(RadioCapabilities::ACK) => {
                tuner.phase = Phase::AwaitingAck(*sequence);
                let generation = tuner.generation;
                self.schedule(self.now + ACK_WAIT, What::AckTimeout(from, generation));
            }
            _ => self.transmitted(from, TransmitStatus::Sent),
        }
    }

    fn transmitted(&mut self, id: NodeId, status: TransmitStatus) {
        self.stations[id].tuner.phase = Phase::Idle;
        let attempts = u8::from(status != TransmitStatus::ChannelBusy);
        self.with(id, |node, cx| node.receive(cx, RadioEvent::Transmitted { status, attempts }));
    }

    /// The receiver's side of a frame's end.
    fn arrive(&mut self, to: NodeId, bytes: &[u8], link: RadioLink) {
        let station = &mut self.stations[to];
        let tuner = &mut station.tuner;
        if let [control, _, sequence] = bytes
            && control & 7 == 2
            && tuner.capabilities.has(RadioCapabilities::ACK)
        {
            if tuner.phase == Phase::AwaitingAck(*sequence) {
                self.transmitted(to, TransmitStatus::Sent);
            }
            return;
        }
        if let Ok(frame) = Frame::parse(bytes) {
            if tuner.capabilities.has(RadioCapabilities::FILTER) && !tuner.wants(&frame) {
                return;
            }
            let old = frame.header.version != Version::V2015;
            let acknowledges =
                tuner.capabilities.has(RadioCapabilities::ACK) && tuner.is_named(&frame) && old;
            if let (true, Some(sequence)) = (acknowledges && frame.header.ack_request, frame.header.sequence)
                && !tuner.is_sending()
            {
                tuner.is_acknowledging = true;
                let life = station.life;
                self.schedule(self.now + TURNAROUND, What::BeginAck(to, sequence, life));
            }
        }
        let event = RadioEvent::Received { frame: bytes, lqi: link.lqi(), rssi: link.rssi };
        self.with(to, |node, cx| node.receive(cx, event));
    }
}
