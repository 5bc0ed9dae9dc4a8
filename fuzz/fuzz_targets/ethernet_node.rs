// SPDX-License-Identifier: MIT OR Apache-2.0
//! The IPv6 engine on an Ethernet-like link, fed with arbitrary packets, commands and time.
//!
//! The input is a byte for the configuration and then a list: a byte that says what comes, one that says how long it takes
//! and from whom, a length, and so many bytes. Checksums are made right, so that what lies behind them is reached.
#![no_main]
use libfuzzer_sys::fuzz_target;
use mote::address::{Ip, SocketAddress};
use mote::bytes::{Parts, Reader, Writer};
use mote::ipv6::link::{Link, LinkAddress, LinkDestination};
use mote::ipv6::routing::NoRouting;
use mote::ipv6::wire::icmpv6::{Echo, Icmpv6};
use mote::ipv6::wire::nd::Medium;
use mote::ipv6::wire::udp::Udp;
use mote::ipv6::wire::{Header, protocol};
use mote::ipv6::{Arrival, Config, Context, Ipv6, Role, reassembly};
use mote::random::Sequence;
use mote::status::{Error, Result};
use mote::time::Instant;
use mote::transport::Path;

const MTU: usize = 1500;

/// Looks at what is sent.
#[derive(Default)]
struct Wire {
    is_full: bool,
}

impl Link for Wire {
    fn send(&mut self, packet: Parts<'_>, to: LinkDestination) -> Result<()> {
        if self.is_full {
            return Err(Error::Full);
        }
        assert!(packet.len() <= MTU);
        let bytes = [packet.head, packet.tail].concat();
        let (header, payload) = Header::parse(&bytes).expect("whole packets are sent");
        assert_eq!(payload.len() + Header::LEN, bytes.len());
        assert!(!header.source.is_multicast() && !header.destination.is_unspecified());
        match to {
            LinkDestination::Unicast(link) => assert!(link.is_some()),
            LinkDestination::Multicast(group) => assert!(group.is_multicast() && group == header.destination),
        }
        // Solicitations and their kind never come from afar.
        if header.next_header == protocol::ICMPV6
            && (133..=137).contains(&payload[0])
            && own(1) == header.source
        {
            assert_eq!(header.hop_limit, 255);
            assert!(Icmpv6::parse(&header.source, &header.destination, payload).is_ok());
        }
        Ok(())
    }

    fn mtu(&self) -> usize {
        MTU
    }
}

fn link(id: u8) -> LinkAddress {
    LinkAddress::Ethernet([2, 0, 0, 0, 0, id])
}

fn own(id: u8) -> Ip {
    link(id).link_local()
}

/// Addresses that mean something to the node.
fn address(which: u8) -> Ip {
    let global = |last| Ip::v6([0x2001, 0xdb8, 0, 0, 0, 0xff, 0xfe00, last]);
    match which & 15 {
        0 => own(1),
        which @ 1..=4 => own(which + 1),
        5 => Ip::UNSPECIFIED,
        6 => global(1),
        which @ 7..=9 => global(u16::from(which)),
        10 => Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 1]),
        11 => Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 2]),
        12 => Ip::v6([0xff02, 0, 0, 0, 0, 1, 0xff00, 1]),
        13 => Ip::v6([0x2001, 0xdb8, 9, 0, 0, 0, 0, 1]),
        14 => Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 0x1a]),
        _ => Ip::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]),
    }
}

/// A packet whose checksum is right: of ICMPv6, with the Router Alert option where the hop limit is 1, or of UDP.
fn packet(ends: u8, hop_limit: u8, mut next_header: u8, upper: &[u8]) -> Vec<u8> {
    let (source, destination) = (address(ends >> 4), address(ends));
    let mut bytes = vec![0; 400];
    let mut out = Writer::new(&mut bytes[Header::LEN..]);
    let alert = hop_limit == 1 && next_header == protocol::ICMPV6;
    if alert {
        let _ = out.put(&[protocol::ICMPV6, 0, 5, 2, 0, 0, 1, 0]);
    }
    match (next_header, upper) {
        (protocol::ICMPV6, [kind, code, body @ ..]) => {
            let _ = Icmpv6 { kind: *kind, code: *code, body }.emit(&source, &destination, &mut out);
        }
        (protocol::UDP, _) => {
            let _ =
                Udp { source_port: 7, destination_port: 5683 }.emit(&source, &destination, upper, &mut out);
        }
        _ => drop(out.put(upper)),
    }
    if alert {
        next_header = protocol::HOP_BY_HOP;
    }
    let length = out.position();
    let payload_length = length as u16;
    let header = Header { payload_length, next_header, hop_limit, source, destination, ..Header::default() };
    let _ = header.emit(&mut Writer::new(&mut bytes));
    bytes.truncate(Header::LEN + length);
    bytes
}

fn until(now: Instant, byte: u8) -> Instant {
    if byte == 255 { Instant::NEVER } else { now.after(u64::from(byte) * 1000) }
}

/// What the application does.
fn command(engine: &mut Ipv6<'_>, cx: &mut Context<'_>, bytes: &[u8]) {
    let [what, which, byte] = [0, 1, 2].map(|at| bytes.get(at).copied().unwrap_or(0));
    let ip = address(which);
    let (now, until) = (cx.now, until(cx.now, byte));
    match what & 15 {
        0 => engine.solicit_routers(cx),
        1 => drop(engine.add_address(now, ip, 64, until, until)),
        2 => drop(engine.remove_address(cx, &ip)),
        3 => drop(engine.advertise_prefix(now, ip, 64, until, until)),
        4 => engine.set_role(if byte & 1 == 0 { Role::Host } else { Role::Router }),
        5 => drop(engine.join_group(ip)),
        6 => engine.leave_group(&ip),
        7 => drop(engine.note_neighbour(now, &ip, link(2 + byte % 3), byte & 8 != 0)),
        8 => drop(engine.udp_open(ip, 5683)),
        9 => {
            let data = vec![7; usize::from(byte) * 6];
            let socket = engine.udp_find(5683);
            let path = Path::to(SocketAddress { ip, scope: 0, port: 9 });
            socket.into_iter().for_each(|socket| drop(engine.udp_send(cx, socket, &path, &data)));
        }
        10 => socket_close(engine),
        _ => {
            let data = vec![8; usize::from(byte) * 6];
            drop(engine.ping(cx, &ip, None, &Echo { identifier: 1, sequence: 2, data: &data }));
        }
    }
}

fn socket_close(engine: &mut Ipv6<'_>) {
    if let Some(socket) = engine.udp_find(5683) {
        assert!(engine.udp_close(socket).is_ok());
    }
}

fuzz_target!(|data: &[u8]| {
    let mut reader = Reader::new(data);
    let Ok(first) = reader.u8() else { return };
    let config = Config {
        link_address: link(1),
        medium: Medium::Ethernet,
        role: [Role::Host, Role::Router, Role::Host, Role::BorderRouter][usize::from(first & 3)],
        neighbours: 4,
        held: [0, 200, 1280, 3000][usize::from(first >> 2 & 3)],
        packet: if first & 16 == 0 { 1280 } else { 1500 },
        reassemblies: first >> 5 & 1,
        registry: 2,
        ..Config::default()
    };
    let mut memory = vec![0; Ipv6::plan(&config).bytes()];
    let Ok(mut engine) = Ipv6::new(&mut memory, &config, Instant(0)) else { return };
    let (mut wire, mut routing, mut random) = (Wire::default(), NoRouting, Sequence(4));
    let mut cx = Context { now: Instant(0), random: &mut random, link: &mut wire, routing: &mut routing };
    let mut scratch = [0; reassembly::LARGEST];
    let mut steps = 0;
    while let (Ok([what, wait, length]), true) = (reader.array(), steps < 200) {
        let bytes = reader.take(usize::from(length).min(reader.remaining())).unwrap_or_default();
        steps += 1;
        cx.now = cx.now.after(1 << (wait & 15));
        let arrival =
            Arrival { from: link(2 + (wait >> 4 & 3)), multicast: wait & 0x40 != 0, ..Arrival::default() };
        let (ends, rest) = bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest));
        let hop_limit = if wait & 0x80 == 0 { 255 } else { what };
        let mut packet = match what & 7 {
            0 => bytes.to_vec(),
            1 => packet(ends, hop_limit, protocol::UDP, rest),
            2 => packet(ends, hop_limit, what >> 3, rest),
            3 => {
                command(&mut engine, &mut cx, bytes);
                Vec::new()
            }
            kind => {
                const KINDS: [u8; 16] =
                    [133, 134, 134, 135, 135, 136, 136, 137, 137, 130, 131, 143, 1, 2, 128, 129];
                let hop_limit = if kind == 5 { 1 } else { hop_limit };
                packet(
                    ends,
                    hop_limit,
                    protocol::ICMPV6,
                    &[&[KINDS[usize::from(what >> 4)], 0], rest].concat(),
                )
            }
        };
        if !packet.is_empty() {
            let _ = engine.receive(&mut cx, arrival, &mut packet);
        }
        for turn in 0..1000 {
            assert!(turn < 999, "poll without end");
            if engine.poll(&mut cx).is_some() {
                continue;
            }
            match engine.reassembled(&mut scratch) {
                Some((arrival, length)) => drop(engine.receive(&mut cx, arrival, &mut scratch[..length])),
                None if engine.next_deadline() > cx.now => break,
                None => {}
            }
        }
        assert!(engine.neighbours.iter().count() <= 4 && engine.routers().count() <= 2);
        let sent = engine.statistics().errors_sent;
        assert!(u64::from(sent) <= 10 + cx.now.0 / 100, "errors beyond their rate");
    }
});
