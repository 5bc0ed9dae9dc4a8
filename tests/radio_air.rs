// SPDX-License-Identifier: MIT OR Apache-2.0
//! The simulated channel by itself: air time, acknowledgements, carrier sense, collisions, capture, energy.

use mote::random::{Random, Sequence};
use mote::sim::radio::{Air, Node, NodeId, Placement, Propagation, RadioLink, Setup, Topology};
use mote::time::Instant;
use mote::transport::{RadioAddresses, RadioCapabilities, RadioContext, RadioEvent, TransmitStatus};

/// Bytes in front of a frame, and microseconds for each.
const HEAD: u64 = 6;
const BYTE: u64 = 32;
const TURNAROUND: u64 = 192;
const BARE: RadioCapabilities = RadioCapabilities(0);

/// A radio with nobody at it.
#[derive(Default)]
struct Ear {
    id: u16,
    heard: Vec<Vec<u8>>,
    ended: Vec<TransmitStatus>,
}

impl Node for Ear {
    fn start(&mut self, cx: &mut RadioContext<'_>) {
        cx.transport.set_channel(20).unwrap();
        let addresses = RadioAddresses { extended: [0; 8], short: self.id, pan: 0xabcd };
        cx.transport.set_addresses(&addresses).unwrap();
    }

    fn receive(&mut self, _: &mut RadioContext<'_>, event: RadioEvent<'_>) {
        match event {
            RadioEvent::Received { frame, .. } => self.heard.push(frame.to_vec()),
            RadioEvent::Transmitted { status, .. } => self.ended.push(status),
        }
    }

    fn poll(&mut self, _: &mut RadioContext<'_>) {}

    fn next_deadline(&self) -> Instant {
        Instant::NEVER
    }
}

type Channel = Air<Ear, Vec<u8>>;

fn channel(links: &[(NodeId, NodeId, u16, i8)], capabilities: RadioCapabilities, seed: u64) -> Channel {
    let mut topology = Topology::unlinked(4);
    for (from, to, delivery, rssi) in links {
        topology.set(*from, *to, Some(RadioLink { delivery: *delivery, rssi: *rssi }));
    }
    let mut air = Air::new(topology, &Setup { seed, capabilities });
    air.capture(Vec::new()).unwrap();
    for id in 0..4 {
        air.start(id, Ear { id: id as u16, ..Ear::default() });
    }
    air
}

/// A data frame of `length` bytes, check sequence included.
fn frame(from: NodeId, to: NodeId, ack: bool, length: usize) -> Vec<u8> {
    let control = if ack { 0x61 } else { 0x41 };
    let mut frame = vec![control, 0x88, from as u8, 0xcd, 0xab, to as u8, 0, from as u8, 0];
    frame.resize(length - 2, 0x55);
    frame
}

fn send(air: &mut Channel, frame: &[u8]) {
    let from = usize::from(frame[7]);
    air.with(from, |_, cx| cx.transport.transmit(frame)).unwrap().unwrap();
}

fn heard(air: &Channel, id: NodeId) -> usize {
    air.node(id).unwrap().heard.len()
}

/// When each frame began, in microseconds, how long it is on the air, and who sent it; 255 for an acknowledgement.
fn seen(air: &mut Channel) -> Vec<(u64, u64, u8)> {
    let capture = air.end_capture().unwrap();
    let (mut rest, mut seen) = (&capture[24..], Vec::new());
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let (at, length) = (u64::from(word(0)) * 1_000_000 + u64::from(word(4)), word(8) as usize);
        let from = if length > 7 { rest[16 + 7] } else { 255 };
        seen.push((at, (HEAD + length as u64) * BYTE, from));
        rest = &rest[16 + length..];
    }
    seen
}

#[test]
fn frames_and_acknowledgements_take_their_time() {
    let mut air = channel(&[(0, 1, 1000, -60), (1, 0, 1000, -60)], RadioCapabilities::ACK, 1);
    send(&mut air, &frame(0, 1, true, 100));
    let end = TURNAROUND + (HEAD + 100) * BYTE;
    let acknowledged = end + TURNAROUND + (HEAD + 5) * BYTE;
    air.run_until(end - 1);
    assert_eq!(heard(&air, 1), 0);
    air.run_until(end);
    assert_eq!(heard(&air, 1), 1);
    air.run_until(acknowledged - 1);
    assert!(air.node(0).unwrap().ended.is_empty());
    air.run_until(acknowledged);
    assert_eq!(air.node(0).unwrap().ended, [TransmitStatus::Sent]);
    assert_eq!(heard(&air, 0), 0, "the radio keeps acknowledgements to itself");
    assert_eq!((air.stats().frames, air.stats().acks), (1, 1));
    let (data, ack) = ((TURNAROUND, (HEAD + 100) * BYTE, 0), (end + TURNAROUND, (HEAD + 5) * BYTE, 255));
    assert_eq!(seen(&mut air), [data, ack]);
}

#[test]
fn who_is_not_there_acknowledges_nothing() {
    let mut air = channel(&[(0, 1, 1000, -60), (1, 0, 1000, -60)], RadioCapabilities::ACK, 1);
    send(&mut air, &frame(0, 3, true, 40));
    // macAckWaitDuration: 54 symbols.
    let given_up = TURNAROUND + (HEAD + 40) * BYTE + 54 * 16;
    air.run_until(given_up - 1);
    assert!(air.node(0).unwrap().ended.is_empty());
    air.run_until(given_up);
    assert_eq!(air.node(0).unwrap().ended, [TransmitStatus::NoAck]);
}

#[test]
fn senders_that_do_not_hear_each_other_collide() {
    let mut air = channel(&[(0, 1, 1000, -60), (2, 1, 1000, -60)], BARE, 1);
    send(&mut air, &frame(0, 1, false, 100));
    air.run_for(1_000);
    send(&mut air, &frame(2, 1, false, 100));
    air.run_for(100_000);
    assert_eq!((heard(&air, 1), air.stats().collisions, air.stats().receptions), (0, 1, 0));
    // One after the other both arrive.
    send(&mut air, &frame(0, 1, false, 100));
    air.run_for(TURNAROUND + (HEAD + 100) * BYTE);
    send(&mut air, &frame(2, 1, false, 100));
    air.run_for(100_000);
    assert_eq!((heard(&air, 1), air.stats().collisions), (2, 1));
}

#[test]
fn the_stronger_signal_is_received_if_it_is_strong_enough() {
    // By how much 0 is stronger than 2, which of them begins, and who is heard.
    for (more, first, winner) in
        [(6, 0, Some(0)), (6, 2, Some(0)), (5, 0, None), (5, 2, None), (-6, 0, Some(2))]
    {
        let mut air = channel(&[(0, 1, 1000, -60 + more), (2, 1, 1000, -60)], BARE, 1);
        send(&mut air, &frame(first, 1, false, 100));
        air.run_for(1_000);
        send(&mut air, &frame(2 - first, 1, false, 100));
        air.run_for(100_000);
        let heard: Vec<_> = air.node(1).unwrap().heard.iter().map(|frame| usize::from(frame[7])).collect();
        assert_eq!(heard, Vec::from_iter(winner), "{more} {first}");
        assert_eq!(air.stats().collisions, if winner == Some(first) { 0 } else { 1 }, "{more} {first}");
    }
    // What is only sensed spoils as well.
    let mut air = channel(&[(0, 1, 1000, -60), (2, 1, 0, -62)], BARE, 1);
    send(&mut air, &frame(0, 1, false, 100));
    send(&mut air, &frame(2, 1, false, 100));
    air.run_for(100_000);
    assert_eq!((heard(&air, 1), air.stats().collisions), (0, 1));
}

#[test]
fn carrier_sense_waits_for_whoever_is_heard_and_gives_up_after_five_times() {
    // 2 senses 0 and 3, which do not hear each other and are seldom both silent.
    let links = [(0, 2, 0, -90), (3, 2, 0, -90)];
    let mut outcomes = Vec::new();
    for seed in 0..40 {
        let mut air = channel(&links, RadioCapabilities::CSMA, seed);
        let mut loaded = false;
        while air.now() < 60_000 {
            for id in [0, 3] {
                let _ = air.with(id, |_, cx| cx.transport.transmit(&frame(id, 1, false, 127)));
            }
            if air.now() >= 10_000 && !loaded {
                send(&mut air, &frame(2, 1, false, 127));
                loaded = true;
            }
            air.run_for(BYTE);
        }
        let outcome = air.node(2).unwrap().ended[0];
        let frames = seen(&mut air);
        let own: Vec<_> = frames.iter().filter(|frame| frame.2 == 2).collect();
        assert_eq!(own.len(), usize::from(outcome == TransmitStatus::Sent));
        for (begin, _, _) in own {
            // Whoever was on the air when the channel was sensed would have been heard.
            let sensed = begin - TURNAROUND;
            assert!(
                frames.iter().all(|(at, lasts, from)| *from == 2 || *at >= sensed || at + lasts <= sensed)
            );
        }
        assert!(frames[0].0 >= 128 + TURNAROUND, "a clear channel is sensed first");
        outcomes.push(outcome);
    }
    let busy = outcomes.iter().filter(|outcome| **outcome == TransmitStatus::ChannelBusy).count();
    assert!((10..40).contains(&busy), "{busy}");
}

#[test]
fn who_sends_hears_nothing() {
    let mut air = channel(&[(0, 1, 1000, -60), (1, 0, 1000, -60)], BARE, 1);
    send(&mut air, &frame(0, 1, false, 100));
    send(&mut air, &frame(1, 0, false, 60));
    air.run_for(100_000);
    assert_eq!((heard(&air, 0), heard(&air, 1)), (0, 0));
}

#[test]
fn a_link_loses_its_share() {
    let mut air = channel(&[(0, 1, 700, -60)], BARE, 5);
    for _ in 0..2_000 {
        send(&mut air, &frame(0, 1, false, 20));
        air.run_for(2_000);
    }
    let arrived = heard(&air, 1) as u64;
    assert!((1_330..=1_470).contains(&arrived), "{arrived}");
    assert_eq!((air.stats().receptions, air.stats().losses), (arrived, 2_000 - arrived));
}

#[test]
fn energy_is_the_time_in_each_state() {
    let mut air = channel(&[(0, 1, 1000, -60), (1, 0, 1000, -60)], RadioCapabilities::ACK, 1);
    send(&mut air, &frame(0, 1, true, 100));
    air.run_until(10_000);
    air.with(2, |_, cx| cx.transport.enable(false)).unwrap().unwrap();
    air.stop(3);
    air.run_until(1_000_000);
    let spent = |id| (air.energy(id).transmit, air.energy(id).receive, air.energy(id).sleep);
    let (sent, acknowledged) = ((HEAD + 100) * BYTE, (HEAD + 5) * BYTE);
    assert_eq!(spent(0), (sent, 1_000_000 - sent, 0));
    assert_eq!(spent(1), (acknowledged, 1_000_000 - acknowledged, 0));
    assert_eq!([spent(2), spent(3)], [(0, 10_000, 990_000); 2]);
    assert_eq!(air.stats().airtime, sent + acknowledged);
}

#[test]
fn a_radio_that_is_off_sends_nothing_more_and_hears_nothing() {
    let capabilities = RadioCapabilities::ACK.with(RadioCapabilities::CSMA);
    let both = [(0, 1, 1000, -60), (1, 0, 1000, -60)];
    let mut air = channel(&both, capabilities, 1);
    // While it waits for the channel.
    send(&mut air, &frame(0, 1, true, 100));
    air.with(0, |_, cx| cx.transport.enable(false)).unwrap().unwrap();
    air.run_for(100_000);
    assert_eq!((air.stats().frames, heard(&air, 1)), (0, 0));
    assert!(air.node(0).unwrap().ended.is_empty());
    // On again it works as before.
    air.with(0, |_, cx| cx.transport.enable(true)).unwrap().unwrap();
    send(&mut air, &frame(0, 1, true, 100));
    air.run_for(100_000);
    assert_eq!(air.node(0).unwrap().ended, [TransmitStatus::Sent]);
    // Before its acknowledgement.
    let mut air = channel(&both, RadioCapabilities::ACK, 1);
    send(&mut air, &frame(0, 1, true, 100));
    air.run_until(TURNAROUND + (HEAD + 100) * BYTE + 1);
    assert_eq!(heard(&air, 1), 1);
    air.with(1, |_, cx| cx.transport.enable(false)).unwrap().unwrap();
    air.run_for(100_000);
    assert_eq!((air.stats().acks, air.node(0).unwrap().ended[..].first()), (0, Some(&TransmitStatus::NoAck)));
}

#[test]
fn a_node_that_stops_takes_its_frame_along() {
    let mut air = channel(&[(0, 1, 1000, -60), (2, 1, 1000, -60)], BARE, 1);
    send(&mut air, &frame(0, 1, false, 100));
    air.run_for(1_000);
    air.stop(0);
    air.start(0, Ear::default());
    air.run_for(100_000);
    assert_eq!(heard(&air, 1), 0);
    assert!(air.node(0).unwrap().ended.is_empty());
    send(&mut air, &frame(0, 1, false, 100));
    air.run_for(100_000);
    assert_eq!(heard(&air, 1), 1);
}

#[test]
fn the_same_seed_gives_the_same_air() {
    let run = |seed: u64| {
        let propagation = Propagation { loss: 200, ..Propagation::default() };
        let topology = Topology::new(9, Placement::Grid, &propagation, 3);
        let capabilities = RadioCapabilities::ACK.with(RadioCapabilities::CSMA);
        let mut air: Channel = Air::new(topology, &Setup { seed, capabilities });
        air.capture(Vec::new()).unwrap();
        for id in 0..9 {
            air.start(id, Ear { id: id as u16, ..Ear::default() });
        }
        let mut random = Sequence(7);
        for _ in 0..200 {
            let (from, to) = (random.below(9) as usize, random.below(9) as usize);
            let frame = frame(from, to, true, 50);
            let _ = air.with(from, |_, cx| cx.transport.transmit(&frame));
            air.run_for(3_000);
        }
        air.end_capture().unwrap()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
