// SPDX-License-Identifier: MIT OR Apache-2.0
//! A node that is fed arbitrary frames and time.

use crate::harness::eui64;
use mote::bytes::Writer;
use mote::ieee802154::LinkAddress;
use mote::ieee802154::wire::Header;
use mote::mesh::{Config, Mesh, Role, Root, SCRATCH};
use mote::random::Sequence;
use mote::status::Result;
use mote::time::Instant;
use mote::transport::{Radio, RadioAddresses, RadioCapabilities, RadioContext, RadioEvent, TransmitStatus};
use proptest::prelude::*;

/// A radio that takes everything.
struct Sink;

impl Radio for Sink {
    fn capabilities(&self) -> RadioCapabilities {
        RadioCapabilities::ACK.with(RadioCapabilities::CSMA)
    }
    fn transmit(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }
    fn channel_is_clear(&mut self) -> bool {
        true
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

/// A frame for the node, from one of a few others, with this payload.
fn frame(from: u8, broadcast: bool, sequence: u8, payload: &[u8]) -> Vec<u8> {
    let to = if broadcast { LinkAddress::BROADCAST } else { LinkAddress::Extended(eui64(1)) };
    let source = LinkAddress::Extended(eui64(usize::from(from)));
    let mut bytes = vec![0; 160];
    let mut out = Writer::new(&mut bytes);
    Header::data(0xabcd, to, source, sequence).emit(false, false, &mut out).unwrap();
    out.put(payload).unwrap();
    let length = out.position().min(125);
    bytes.truncate(length);
    bytes
}

/// Payloads that get past the first checks: uncompressed packets, fragments, IPHC.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..100);
    (0u8..5, bytes).prop_map(|(kind, mut bytes)| {
        match kind {
            0 => bytes.insert(0, 0x41),
            1 => bytes.splice(0..0, [0x60 | 0x1b, 0x33]).for_each(drop),
            2 => bytes.splice(0..0, [0xc0, 100, 0, 1, 0x41]).for_each(drop),
            3 => bytes.splice(0..0, [0xe0, 100, 0, 1, 5]).for_each(drop),
            _ => {}
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn arbitrary_frames_and_time_are_survived(
        frames in proptest::collection::vec((payload(), 2u8..5, any::<bool>(), 0u32..100_000), 1..40),
        role in 0u8..4,
    ) {
        let role = [Role::Router, Role::Leaf, Role::Root, Role::Host][usize::from(role)];
        let config = Config { eui64: eui64(1), role, host_queue: 2048, ..Config::default() };
        let mut memory = vec![0; Mesh::plan(&config).bytes()];
        let mut random = Sequence(4);
        let mut mesh = Mesh::new(&mut memory, &config, Instant(0), &mut random).unwrap();
        let mut radio = Sink;
        let mut scratch = vec![0; SCRATCH];
        let mut now = 0;
        let mut cx = RadioContext { now: Instant(0), transport: &mut radio, random: &mut random };
        match role {
            Role::Root => mesh.start_root(&mut cx, &Root::default()).unwrap(),
            _ => mesh.join(&mut cx).unwrap(),
        }
        for (index, (payload, from, broadcast, wait)) in frames.iter().enumerate() {
            now += u64::from(*wait);
            cx.now = Instant(now);
            let bytes = frame(*from, *broadcast, index as u8, payload);
            let _ = mesh.receive(&mut cx, RadioEvent::Received { frame: &bytes, lqi: 200, rssi: -50 }, &mut scratch);
            for _ in 0..50 {
                let told = mesh.poll(&mut cx, &mut scratch).is_some();
                let sent = RadioEvent::Transmitted { status: TransmitStatus::NoAck, attempts: 1 };
                let _ = mesh.receive(&mut cx, sent, &mut scratch);
                if !told && mesh.next_deadline() > cx.now {
                    break;
                }
            }
            prop_assert!(mesh.neighbours().count() <= 16 && mesh.routes().count() <= 16);
        }
    }
}
