// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole node, root or router, fed with arbitrary frames and time: it never panics and never spins.

use mote::bytes::Writer;
use mote::ieee802154::LinkAddress;
use mote::ieee802154::wire::Header;
use mote::mesh::{Config, Mesh, Role, Root, SCRATCH};
use mote::random::Sequence;
use mote::rpl::Mode;
use mote::status::{Error, Result};
use mote::time::Instant;
use mote::transport::{Radio, RadioAddresses, RadioCapabilities, RadioContext, RadioEvent, TransmitStatus};
use proptest::prelude::*;

const OWN: [u8; 8] = [2, 0, 0, 0, 0, 0, 0, 1];

/// A radio that takes one frame at a time.
struct Antenna {
    capabilities: u32,
    busy: bool,
}

impl Radio for Antenna {
    fn capabilities(&self) -> RadioCapabilities {
        RadioCapabilities(self.capabilities)
    }
    fn transmit(&mut self, frame: &[u8]) -> Result<()> {
        assert!(frame.len() <= 125);
        if std::mem::replace(&mut self.busy, true) { Err(Error::WouldBlock) } else { Ok(()) }
    }
    fn channel_is_clear(&mut self) -> bool {
        !self.busy
    }
    fn set_addresses(&mut self, _: &RadioAddresses) -> Result<()> {
        Ok(())
    }
    fn set_channel(&mut self, _: u8) -> Result<()> {
        Ok(())
    }
    fn enable(&mut self, _: bool) -> Result<()> {
        Ok(())
    }
}

fn run(mut data: &[u8]) {
    let Some((&[kind, capabilities], rest)) = data.split_first_chunk::<2>() else { return };
    data = rest;
    let role = [Role::Router, Role::Root, Role::Leaf, Role::Host][usize::from(kind & 3)];
    let config = Config {
        eui64: OWN,
        role,
        neighbours: 4,
        routes: 4,
        blocks: 12,
        host_queue: if kind & 8 == 0 { 0 } else { 2048 },
        #[cfg(feature = "reassembly")]
        ip_reassemblies: kind >> 4 & 1,
        ..Config::default()
    };
    let mut memory = vec![0; Mesh::plan(&config).bytes()];
    let mut random = Sequence(u64::from(kind));
    let mut antenna = Antenna { capabilities: u32::from(capabilities & 15), busy: false };
    let mut now = Instant(1000);
    let mut mesh = Mesh::new(&mut memory, &config, now, &mut random).expect("the memory is as planned");
    let mut scratch = [0; SCRATCH];
    let mut cx = RadioContext { now, transport: &mut antenna, random: &mut random };
    let mode = if kind & 4 == 0 { Mode::NonStoring } else { Mode::Storing };
    match role {
        Role::Root => mesh.start_root(&mut cx, &Root { mode, ..Root::default() }).expect("it starts"),
        _ => mesh.join(&mut cx).expect("it joins"),
    }
    // Each step: what, and how much of the input belongs to it.
    while let Some((&[what, length], rest)) = data.split_first_chunk::<2>() {
        let (piece, rest) = rest.split_at(usize::from(length).min(rest.len()));
        data = rest;
        now = now.after(u64::from(what >> 3) * u64::from(what >> 3));
        let mut cx = RadioContext { now, transport: &mut antenna, random: &mut random };
        let mut frame = [0; 160];
        let mut out = Writer::new(&mut frame);
        match what & 7 {
            // A frame as it comes, or one to us or to all from one of a few neighbours.
            0 => {
                mesh.receive(
                    &mut cx,
                    RadioEvent::Received { frame: piece, lqi: 200, rssi: -60 },
                    &mut scratch,
                );
            }
            1..=4 => {
                let source = LinkAddress::Extended([2, 0, 0, 0, 0, 0, 0, 2 + (length & 7)]);
                let to = if what & 1 == 0 { LinkAddress::Extended(OWN) } else { LinkAddress::BROADCAST };
                let header = Header::data(0xabcd, to, source, now.0 as u8);
                header.emit(false, false, &mut out).expect("room");
                out.put(&piece[..piece.len().min(100)]).expect("room");
                let frame = out.finish();
                mesh.receive(&mut cx, RadioEvent::Received { frame, lqi: 200, rssi: -60 }, &mut scratch);
            }
            5 => {
                let status = match length & 3 {
                    0 => TransmitStatus::Sent,
                    1 => TransmitStatus::NoAck,
                    2 => TransmitStatus::ChannelBusy,
                    _ => TransmitStatus::Failed,
                };
                antenna.busy = false;
                let mut cx = RadioContext { now, transport: &mut antenna, random: &mut random };
                mesh.receive(
                    &mut cx,
                    RadioEvent::Transmitted { status, attempts: length >> 2 },
                    &mut scratch,
                );
            }
            6 => {
                let mut packet = piece.to_vec();
                mesh.receive_from_host(&mut cx, &mut packet);
            }
            _ => now = now.after(u64::from(length) * 1000),
        }
        let mut cx = RadioContext { now, transport: &mut antenna, random: &mut random };
        for spin in 0.. {
            assert!(spin < 10_000, "due for ever");
            // A timer late by several intervals may take as many polls.
            if mesh.poll(&mut cx, &mut scratch).is_none() && mesh.next_deadline() > now {
                break;
            }
        }
        assert!(mesh.neighbours().count() <= 4 && mesh.routes().count() <= 4);
    }
}

proptest! {
    #[test]
    fn a_node_fed_with_anything_goes_on(data in proptest::collection::vec(any::<u8>(), 0..1500)) {
        run(&data);
    }

    /// Steps that look like traffic: dispatches of 6LoWPAN, and what a radio says afterwards.
    #[test]
    fn a_node_fed_with_near_traffic_goes_on(
        kind: u8, capabilities: u8,
        steps in proptest::collection::vec((any::<u8>(), 0u8..100, any::<[u8; 6]>(), any::<[u8; 32]>()), 0..60)
    ) {
        let mut data = vec![kind, capabilities];
        for (what, length, [form, addresses, code, ..], fill) in steps {
            let mut piece = vec![0x60 | form & 0x1f, addresses & 0x7f, 58, 155 + (form >> 5) % 4, code & 3];
            piece.extend(fill.iter().cycle().take(usize::from(length)));
            data.extend([what, piece.len() as u8]);
            data.extend(piece);
        }
        run(&data);
    }
}
