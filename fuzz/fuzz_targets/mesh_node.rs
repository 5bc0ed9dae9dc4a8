// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole node of the mesh, fed with arbitrary frames and packets, and time.
//!
//! The input is a list: a byte that says what comes, one that says how long it takes and from whom, a length, and so
//! many bytes. ICMPv6 messages get their right checksum, so that what lies behind it is reached.
#![no_main]
use libfuzzer_sys::fuzz_target;
use mote::bytes::{Reader, Writer};
use mote::ieee802154::LinkAddress;
use mote::ieee802154::wire::Header;
use mote::ipv6::wire::Header as Ipv6Header;
use mote::ipv6::wire::icmpv6::Icmpv6;
use mote::mesh::{Config, Mesh, Role, Root, SCRATCH};
use mote::random::Sequence;
use mote::rpl::Mode;
use mote::status::Result;
use mote::time::Instant;
use mote::transport::{Radio, RadioAddresses, RadioCapabilities, RadioContext, RadioEvent, TransmitStatus};

struct Sink(bool);

impl Radio for Sink {
    fn capabilities(&self) -> RadioCapabilities {
        RadioCapabilities::ACK.with(RadioCapabilities::CSMA)
    }
    fn transmit(&mut self, _: &[u8]) -> Result<()> {
        self.0 = true;
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

fn eui64(id: u8) -> [u8; 8] {
    [2, 0, 0, 0, 0, 1, 0, id]
}

/// A data frame to the node, or to everybody.
fn frame(from: u8, sequence: u8, payload: &[u8]) -> Vec<u8> {
    let to = if from & 8 == 0 { LinkAddress::Extended(eui64(1)) } else { LinkAddress::BROADCAST };
    let source = LinkAddress::Extended(eui64(2 + from % 3));
    let mut bytes = vec![0; 300];
    let mut out = Writer::new(&mut bytes);
    if Header::data(0xabcd, to, source, sequence).emit(false, false, &mut out).is_ok() {
        let _ = out.put(payload);
    }
    let length = out.position().min(125);
    bytes.truncate(length);
    bytes
}

/// An uncompressed ICMPv6 message from a neighbour.
fn message(from: u8, kind: u8, code: u8, body: &[u8]) -> Vec<u8> {
    let local = |id: u8| LinkAddress::Extended(eui64(id)).interface_identifier();
    let ip = |identifier: [u8; 8]| {
        let mut ip = [0; 16];
        ip[..2].copy_from_slice(&[0xfe, 0x80]);
        ip[8..].copy_from_slice(&identifier);
        mote::address::Ip(ip)
    };
    let (source, destination) = (ip(local(2 + from % 3)), ip(local(1)));
    let mut bytes = vec![0x41];
    bytes.resize(300, 0);
    let mut out = Writer::new(&mut bytes[1..]);
    let header = Ipv6Header {
        payload_length: body.len() as u16 + 4,
        next_header: 58,
        hop_limit: 255,
        source,
        destination,
        ..Ipv6Header::default()
    };
    let written = header.emit(&mut out).and_then(|()| Icmpv6 { kind, code, body }.emit(&source, &destination, &mut out));
    let length = 1 + out.position();
    bytes.truncate(if written.is_ok() { length } else { 0 });
    bytes
}

fuzz_target!(|data: &[u8]| {
    let mut reader = Reader::new(data);
    let Ok(first) = reader.u8() else { return };
    let role = [Role::Router, Role::Leaf, Role::Root, Role::Host][usize::from(first & 3)];
    let config = Config {
        eui64: eui64(1),
        role,
        host_queue: 2048,
        registry: 4,
        border_routers: 2,
        ghc: first & 8 != 0,
        sixlorh: first & 16 != 0,
        ip_reassemblies: first >> 5 & 1,
        ..Config::default()
    };
    let mut memory = vec![0; Mesh::plan(&config).bytes()];
    let mut random = Sequence(4);
    let Ok(mut mesh) = Mesh::new(&mut memory, &config, Instant(0), &mut random) else { return };
    let mut radio = Sink(false);
    let mut scratch = vec![0; SCRATCH];
    let mut cx = RadioContext { now: Instant(0), transport: &mut radio, random: &mut random };
    let mode = if first & 4 == 0 { Mode::NonStoring } else { Mode::Storing };
    let started = match role {
        Role::Root => mesh.start_root(&mut cx, &Root { mode, ..Root::default() }),
        _ => mesh.join(&mut cx),
    };
    assert!(started.is_ok());
    let mut sequence = 0;
    while let (Ok([what, wait, length]), true) = (reader.array(), sequence < 200) {
        let bytes = reader.take(usize::from(length).min(reader.remaining())).unwrap_or_default();
        sequence += 1;
        cx.now = cx.now.after(1 << (wait & 15));
        let from = wait >> 4;
        match what & 7 {
            0 => {
                let mut packet = bytes.to_vec();
                let _ = mesh.receive_from_host(&mut cx, &mut packet);
            }
            1 => {
                let _ = mesh.receive(&mut cx, RadioEvent::Received { frame: bytes, lqi: 1, rssi: -1 }, &mut scratch);
            }
            2..=4 => {
                let (code, body) = bytes.split_first().map_or((0, bytes), |(code, body)| (code & 7, body));
                let kinds = [155, 155, 133, 134, 135, 136, 157, 158, 128, 129, 1, 2, 3, 4, 137, 130];
                let packet = message(from, kinds[usize::from(what >> 4)], code, body);
                let bytes = frame(from, sequence, &packet);
                let _ = mesh.receive(&mut cx, RadioEvent::Received { frame: &bytes, lqi: 200, rssi: -50 }, &mut scratch);
            }
            _ => {
                let bytes = frame(from, sequence, bytes);
                let _ = mesh.receive(&mut cx, RadioEvent::Received { frame: &bytes, lqi: 200, rssi: -50 }, &mut scratch);
            }
        }
        for turn in 0..1000 {
            assert!(turn < 999, "poll without end");
            let told = mesh.poll(&mut cx, &mut scratch).is_some();
            let status = if what & 8 == 0 { TransmitStatus::Sent } else { TransmitStatus::NoAck };
            let _ = mesh.receive(&mut cx, RadioEvent::Transmitted { status, attempts: 1 }, &mut scratch);
            if !told && mesh.next_deadline() > cx.now {
                break;
            }
        }
        assert!(mesh.routes().count() <= 16 && mesh.neighbours().count() <= 16);
    }
});
