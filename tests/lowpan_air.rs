// SPDX-License-Identifier: MIT OR Apache-2.0
//! The 6LoWPAN interface over simulated radios: whole packets between nodes, whatever the radio
//! does by itself and whatever the air loses.

use mote::address::Ip;
use mote::bytes::{Parts, Reader, Writer};
use mote::ieee802154::LinkAddress;
use mote::ieee802154::mac::Priority;
use mote::ieee802154::wire::{Frame, Header, Version};
use mote::lowpan::fragment::FragmentHeader;
use mote::lowpan::interface::{Config, Interface, SCRATCH, Sent};
use mote::lowpan::mesh::MeshHeader;
use mote::lowpan::sixlorh::Dodag;
use mote::memory::{Carver, Plan};
use mote::random::{Random, Sequence};
use mote::sim::radio::{Air, Node, NodeId, Placement, Propagation, RadioLink, Setup, Topology};
use mote::status::Error;
use mote::time::Instant;
use mote::transport::{RadioCapabilities, RadioContext, RadioEvent};

const NOTHING: RadioCapabilities = RadioCapabilities(0);

/// An interface that keeps what comes and what has ended.
struct Host {
    interface: Interface<'static>,
    received: Vec<(LinkAddress, Vec<u8>)>,
    sent: Vec<Sent>,
}

fn address(id: NodeId) -> LinkAddress {
    LinkAddress::Extended([2, 0, 0, 0, 0, 0, 1, id as u8])
}

impl Host {
    fn new(id: NodeId, config: &Config) -> Host {
        Host::seeded(id, config, id as u16)
    }

    fn seeded(id: NodeId, config: &Config, seed: u16) -> Host {
        let LinkAddress::Extended(extended) = address(id) else { unreachable!() };
        let mut config = *config;
        config.mac.extended = extended;
        let memory = vec![0; Interface::plan(Plan::new(), &config).bytes()].leak();
        let interface = Interface::new(&mut Carver::new(memory), &config, seed).unwrap();
        Host { interface, received: Vec::new(), sent: Vec::new() }
    }
}

impl Node for Host {
    fn start(&mut self, cx: &mut RadioContext<'_>) {
        self.interface.set_addresses(cx, 0xfffe, 0xabcd).unwrap();
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

type Network = Air<Host, Vec<u8>>;

fn network(topology: Topology, setup: &Setup, config: &Config) -> Network {
    let mut air = Air::new(topology, setup);
    for id in 0..air.topology().len() {
        air.start(id, Host::new(id, config));
    }
    air
}

fn pair(delivery: u16, capabilities: RadioCapabilities) -> Network {
    let mut topology = Topology::unlinked(2);
    topology.set_both(0, 1, Some(RadioLink { delivery, rssi: -60 }));
    network(topology, &Setup { seed: 5, capabilities }, &Config::default())
}

/// A UDP packet of `size` bytes between two nodes.
fn packet(from: NodeId, to: NodeId, size: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; size];
    Sequence(seed).fill(&mut bytes);
    bytes[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, 0, 17, 64]);
    bytes[4..6].copy_from_slice(&(size as u16 - 40).to_be_bytes());
    for (at, id) in [(8, from), (24, to)] {
        bytes[at..at + 8].copy_from_slice(&Ip::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0]).0[..8]);
        bytes[at + 8..at + 16].copy_from_slice(&address(id).interface_identifier());
    }
    bytes[44..46].copy_from_slice(&(size as u16 - 40).to_be_bytes());
    bytes
}

fn send(air: &mut Network, from: NodeId, to: LinkAddress, packet: &[u8]) -> Result<(), Error> {
    // In two parts or in one.
    let (head, tail) = packet.split_at(if packet.len().is_multiple_of(2) { 48 } else { packet.len() });
    air.with(from, |host, _| host.interface.send(Parts { head, tail }, to, Priority::Normal)).unwrap()
}

#[test]
fn packets_of_every_size_cross_over_every_kind_of_radio() {
    let (ack, csma) = (RadioCapabilities::ACK, RadioCapabilities::CSMA);
    for capabilities in [ack.with(csma).with(RadioCapabilities::FILTER), ack, csma, NOTHING] {
        let mut air = pair(1000, capabilities);
        let sizes: Vec<usize> = (48..1500).step_by(41).chain([1280, 1536]).collect();
        for (index, size) in sizes.iter().enumerate() {
            let bytes = packet(0, 1, *size, index as u64);
            send(&mut air, 0, address(1), &bytes).unwrap();
            air.run_for(500_000);
            let received = &air.node(1).unwrap().received;
            assert!(received.last() == Some(&(address(0), bytes)), "{size} {capabilities:?}");
            let end = Sent { destination: address(1), result: Ok(()) };
            assert_eq!(air.node(0).unwrap().sent.last(), Some(&end));
        }
        assert_eq!(air.node(1).unwrap().received.len(), sizes.len());
        assert_eq!(air.node(0).unwrap().interface.free_blocks(), Config::default().blocks);
        assert_eq!(air.node(1).unwrap().interface.free_blocks(), Config::default().blocks);
    }
}

/// The data frames of a capture, without their checks.
fn data_frames(capture: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut frames) = (&capture[24..], Vec::new());
    while let Some((record, behind)) = rest.split_first_chunk::<16>() {
        let length = u32::from_le_bytes(record[8..12].try_into().unwrap()) as usize;
        let (frame, behind) = behind.split_at(length);
        if frame[0] & 7 == 1 {
            frames.push(frame[..length - 2].to_vec());
        }
        rest = behind;
    }
    frames
}

/// RFC 4944 §5.3: as many multiples of eight, the size and the place of what was not compressed, a tag for each packet.
#[test]
fn fragments_tell_size_tag_and_offset_as_before_compression() {
    let mut air = pair(1000, Setup::default().capabilities);
    let mut config = Config::default();
    let LinkAddress::Extended(extended) = address(0) else { unreachable!() };
    config.mac.extended = extended;
    let memory = vec![0; Interface::plan(Plan::new(), &config).bytes()].leak();
    // The tag before the last, so that the second packet's is the first again.
    let interface = Interface::new(&mut Carver::new(memory), &config, 0xfffe).unwrap();
    air.stop(0);
    air.start(0, Host { interface, received: Vec::new(), sent: Vec::new() });
    air.capture(Vec::new()).unwrap();
    let sizes = [300usize, 1000];
    for size in sizes {
        send(&mut air, 0, address(1), &packet(0, 1, size, 3)).unwrap();
        air.run_for(500_000);
    }
    let frames = data_frames(&air.end_capture().unwrap());
    // Extended addresses, one PAN.
    let mut frames = frames.iter().map(|frame| &frame[21..]);
    for (size, tag) in sizes.into_iter().zip([0xffff, 0]) {
        let first = FragmentHeader::parse(&mut Reader::new(frames.next().unwrap())).unwrap();
        assert_eq!(first, FragmentHeader { size: size as u16, tag, offset: None });
        let mut end = 0;
        while end < size {
            let mut reader = Reader::new(frames.next().unwrap());
            let header = FragmentHeader::parse(&mut reader).unwrap();
            let offset = usize::from(header.offset.unwrap());
            assert_eq!((usize::from(header.size), header.tag), (size, tag));
            assert!(if end == 0 { offset > 88 && offset % 8 == 0 } else { offset == end });
            end = offset + reader.remaining();
        }
        assert_eq!(end, size);
    }
    assert!(frames.next().is_none());
    assert_eq!(air.node(1).unwrap().received.len(), 2);
}

/// RFC 4944 §3: to the broadcast address, in the PAN of the link.
#[test]
fn multicast_goes_out_as_broadcast_of_the_own_pan() {
    let mut air = pair(1000, Setup::default().capabilities);
    air.capture(Vec::new()).unwrap();
    let mut all = packet(0, 1, 60, 4);
    all[24..40].copy_from_slice(&Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 1]).0);
    send(&mut air, 0, LinkAddress::BROADCAST, &all).unwrap();
    air.run_for(500_000);
    let frames = data_frames(&air.end_capture().unwrap());
    let [frame] = &frames[..] else { panic!("{}", frames.len()) };
    assert_eq!(frame[1] >> 2 & 3, 2, "a short destination address");
    assert_eq!(frame[3..7], [0xcd, 0xab, 0xff, 0xff]);
    assert_eq!(frame[0] & 0x20, 0, "that nobody acknowledges");
    assert_eq!(air.node(1).unwrap().received, [(address(0), all)]);
}

/// RFC 4944 §5.3: on both sides.
#[test]
fn a_change_of_addresses_discards_packets_that_are_in_fragments() {
    for who in [0, 1] {
        let mut air = pair(1000, Setup::default().capabilities);
        send(&mut air, 0, address(1), &packet(0, 1, 1280, 6)).unwrap();
        air.run_for(20_000);
        assert!(air.node(0).unwrap().sent.is_empty());
        assert!(air.node(1).unwrap().interface.free_blocks() < Config::default().blocks);
        air.with(who, |host, cx| host.interface.set_addresses(cx, 0xfffe, 0xabcd)).unwrap().unwrap();
        air.run_for(10_000_000);
        assert!(air.node(1).unwrap().received.is_empty());
        let result = if who == 0 { Err(Error::Invalid) } else { Ok(()) };
        assert_eq!(air.node(0).unwrap().sent, [Sent { destination: address(1), result }]);
        for id in [0, 1] {
            assert_eq!(air.node(id).unwrap().interface.free_blocks(), Config::default().blocks);
        }
        // What comes afterwards is taken.
        send(&mut air, 0, address(1), &packet(0, 1, 1280, 7)).unwrap();
        air.run_for(500_000);
        assert_eq!(air.node(1).unwrap().received.len(), 1);
    }
}

/// RFC 4944 §2: both ends are told; and neither everyone nor who has no address is a sender.
#[test]
fn frames_that_come_from_no_node_are_dropped_and_counted() {
    let config = Config { mesh_routes: 4, ..Config::default() };
    let mut topology = Topology::unlinked(2);
    topology.set_both(0, 1, Some(RadioLink::PERFECT));
    let mut air = network(topology, &Setup::default(), &config);
    air.capture(Vec::new()).unwrap();
    let bytes = packet(0, 1, 60, 1);
    let whole = [&[0x41][..], &bytes].concat();
    let fragment = [&[0xe0, 64, 0, 7, 0][..], &bytes].concat();
    let to = address(1);
    let mesh =
        |originator, destination| MeshHeader { hops_left: 3, originator, destination, broadcast: None };
    let mut number = 0;
    let mut hear = |source: LinkAddress, mesh: Option<MeshHeader>, behind: &[u8]| {
        number += 1;
        let mut buffer = [0; 127];
        let mut out = Writer::new(&mut buffer);
        let header = match source {
            LinkAddress::None => Header {
                version: Version::V2006,
                pan_id_compression: false,
                destination_pan: Some(0xabcd),
                destination: to,
                sequence: Some(number),
                ..Header::default()
            },
            _ => Header::data(0xabcd, to, source, number),
        };
        let mut inner = [0; 100];
        let mut payload = Writer::new(&mut inner);
        mesh.map_or(Ok(()), |header| header.emit(&mut payload)).unwrap();
        payload.put(behind).unwrap();
        Frame { header, payload: payload.written(), ..Frame::default() }.emit(&mut out).unwrap();
        let frame = out.written();
        air.with(1, |host, cx| {
            let event = RadioEvent::Received { frame, lqi: 255, rssi: -60 };
            let taken = host.interface.receive(cx, event, &mut [0; SCRATCH]).is_some();
            assert_eq!(host.interface.fragment_stats().received, 0);
            (taken, host.interface.stats().dropped)
        })
        .unwrap()
    };
    let mut dropped = 0;
    for nobody in [LinkAddress::BROADCAST, LinkAddress::Short(0xfffe), LinkAddress::None] {
        for behind in [&whole, &fragment] {
            dropped += 1;
            assert_eq!(hear(nobody, None, behind), (false, dropped), "{nobody:?}");
        }
        if !nobody.is_empty() {
            for destination in [to, address(2)] {
                dropped += 1;
                let header = mesh(nobody, destination);
                assert_eq!(hear(address(0), Some(header), &whole), (false, dropped), "{nobody:?}");
            }
        }
    }
    assert_eq!(hear(address(0), None, &whole), (true, dropped));
    assert_eq!(hear(address(0), Some(mesh(address(0), to)), &whole), (true, dropped));
    assert_eq!(air.node(1).unwrap().interface.stats().forwarded, 0);
}

/// RFC 8138 §A.1: behind the header of the first fragment, and of a size that the receiver comes to as well.
#[test]
fn headers_of_rpl_are_compressed_in_the_first_fragment() {
    let node = |last| Ip::v6([0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, last]).0;
    let ipv6 = |next, to, payload: &[u8]| {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 0, next, 64];
        bytes[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
        bytes.extend(node(1));
        bytes.extend(to);
        bytes.extend(payload);
        bytes
    };
    // The packet information, and a source route of four hops with so many bytes of each, of which two were visited.
    let tunnel = |len: usize, from: usize, inner: &[u8]| {
        let hops: Vec<u8> = (from..5).flat_map(|hop| node(10 + hop as u16)[16 - len..].to_vec()).collect();
        let shared = (16 - len) as u8;
        let mut bytes = vec![43, 0, 0x63, 4, 0x80, 0, 1, 0];
        bytes.extend([41, (hops.len() / 8) as u8, 3, 2, shared << 4 | shared, 0, 0, 0]);
        bytes.extend(hops);
        bytes.extend(inner);
        ipv6(0, node(12), &bytes)
    };
    let config = Config { sixlorh: true, ..Config::default() };
    let mut topology = Topology::unlinked(2);
    topology.set_both(0, 1, Some(RadioLink::PERFECT));
    for sixlorh in [true, false] {
        let mut air: Network = Air::new(topology.clone(), &Setup::default());
        air.start(0, Host::new(0, &Config { sixlorh, ..config }));
        air.start(1, Host::new(1, &config));
        for id in [0, 1] {
            let dodag = Dodag { root: Some(Ip(node(1))), option_0x23: false };
            air.with(id, |host, _| host.interface.set_dodag(dodag, false));
        }
        for size in (0..1300).step_by(37).chain([1024, 1025, 1384]) {
            let mut inner = ipv6(17, node(99), &packet(0, 1, 40 + 8 + size, 7)[40..]);
            inner[40..48].copy_from_slice(&[0x16, 0x33, 0x16, 0x33, 0, 0, 1, 2]);
            inner[44..46].copy_from_slice(&(8 + size as u16).to_be_bytes());
            let sent = tunnel(8, 1, &inner);
            let expanded = tunnel(16, 3, &inner);
            assert_eq!(sent.len(), expanded.len());
            air.capture(Vec::new()).unwrap();
            // As a whole, and in two parts behind the headers of RPL or behind all.
            let (head, tail) = sent.split_at([sent.len(), 88, 136][size % 3]);
            let parts = Parts { head, tail };
            air.with(0, |host, _| host.interface.send(parts, address(1), Priority::Normal)).unwrap().unwrap();
            air.run_for(500_000);
            let frames = data_frames(&air.end_capture().unwrap());
            let first = &frames[0][21..];
            let behind = if frames.len() > 1 { &first[4..] } else { first };
            assert_eq!(behind[0] == 0xf1, sixlorh, "{size}");
            let expected = if sixlorh { expanded } else { sent };
            let received = &air.node(1).unwrap().received;
            assert!(received.last() == Some(&(address(0), expected)), "{size}");
        }
    }
}

/// RFC 6282 §4.3.2: whole and in fragments, by whom it was agreed on and by whom it was not.
#[test]
fn an_elided_checksum_is_dropped_where_nothing_else_protects_it() {
    for agreed in [true, false] {
        let mut topology = Topology::unlinked(2);
        topology.set_both(0, 1, Some(RadioLink { delivery: 1000, rssi: -60 }));
        let elide = Config { elide_udp_checksum: true, ..Config::default() };
        let other = Config { elide_udp_checksum: agreed, ..elide };
        let mut air: Network = Air::new(topology, &Setup { seed: 5, ..Setup::default() });
        air.start(0, Host::new(0, &elide));
        air.start(1, Host::new(1, &other));
        for size in [60, 400] {
            let mut bytes = packet(0, 1, size, 8);
            let wrong = send(&mut air, 0, address(1), &bytes);
            assert_eq!(wrong, Err(Error::Malformed), "a wrong one is not elided but refused");
            bytes[46..48].fill(0);
            let (source, to) = (bytes[8..24].try_into().unwrap(), bytes[24..40].try_into().unwrap());
            let sum = mote::checksum::transport(&Ip(source), &Ip(to), 17, &bytes[40..]);
            bytes[46..48].copy_from_slice(&sum.to_be_bytes());
            send(&mut air, 0, address(1), &bytes).unwrap();
            air.run_for(500_000);
            let host = air.with(1, |host, _| core::mem::take(&mut host.received)).unwrap();
            assert_eq!(host, if agreed { vec![(address(0), bytes)] } else { Vec::new() });
        }
        let dropped = air.node(1).unwrap().interface.stats().dropped;
        assert_eq!(dropped, if agreed { 0 } else { 2 });
    }
}

#[test]
fn retries_carry_packets_over_a_bad_link_once_each() {
    for capabilities in [RadioCapabilities::ACK.with(RadioCapabilities::CSMA), NOTHING] {
        let mut air = pair(700, capabilities);
        let count = 200;
        for index in 0..count {
            send(&mut air, 0, address(1), &packet(0, 1, 300, index)).unwrap();
            air.run_for(1_000_000);
        }
        let received = &air.node(1).unwrap().received;
        assert!(received.len() as u64 >= count * 99 / 100, "{} of {count}", received.len());
        for pair in received.windows(2) {
            assert_ne!(pair[0], pair[1]);
        }
        let host = air.node(0).unwrap();
        assert_eq!(host.sent.len() as u64, count);
        // Both directions must do: 1 / 0.49 transmissions.
        let etx = host.interface.mac().neighbours().get(address(1)).unwrap().etx;
        assert!((190..=380).contains(&etx), "{etx}");
        assert!(air.node(1).unwrap().interface.mac().stats().duplicates > 50);
    }
}

#[test]
fn a_neighbour_that_is_gone_is_told_and_memory_comes_back() {
    let mut air = pair(1000, Setup::default().capabilities);
    air.stop(1);
    send(&mut air, 0, address(1), &packet(0, 1, 100, 1)).unwrap();
    send(&mut air, 0, address(1), &packet(0, 1, 1280, 2)).unwrap();
    air.run_for(2_000_000);
    let host = air.node(0).unwrap();
    let end = Sent { destination: address(1), result: Err(Error::Timeout) };
    assert_eq!(host.sent, [end, end]);
    assert_eq!(host.interface.free_blocks(), Config::default().blocks);
    assert_eq!(host.interface.mac().neighbours().get(address(1)).unwrap().failures_in_row, 2);
}

#[test]
fn a_full_queue_refuses_and_keeps_room_for_control() {
    let mut air = pair(1000, Setup::default().capabilities);
    let bytes = packet(0, 1, 80, 1);
    let (taken, control) = air
        .with(0, |host, _| {
            let taken = (0..20)
                .filter(|_| host.interface.send(Parts::whole(&bytes), address(1), Priority::Normal).is_ok())
                .count();
            let control = (0..20)
                .filter(|_| host.interface.send(Parts::whole(&bytes), address(1), Priority::Control).is_ok())
                .count();
            (taken, control)
        })
        .unwrap();
    assert_eq!((taken, control), (6, 2));
    air.run_for(1_000_000);
    assert_eq!(air.node(1).unwrap().received.len(), 8);
    assert_eq!(air.node(0).unwrap().interface.mac().stats().queue_full, 32);
    // Fragmented packets: as many as there are places, the rest is refused.
    let large = packet(0, 1, 1200, 1);
    let taken = (0..5).filter(|_| send(&mut air, 0, address(1), &large).is_ok()).count();
    assert_eq!(taken, 2);
    assert_eq!(send(&mut air, 0, address(1), &packet(0, 1, 1537, 1)), Err(Error::TooLarge));
    air.run_for(1_000_000);
    assert_eq!(air.node(1).unwrap().received.len(), 10);
}

/// A source route of 30 hops is longer than a first fragment: it goes uncompressed
/// (RFC 6282 §2) and still arrives as it was.
#[test]
fn a_source_route_longer_than_the_first_fragment_arrives_whole() {
    let mut air = pair(1000, Setup::default().capabilities);
    for hops in [2usize, 8, 9, 10, 12, 20, 30, 60] {
        let mut bytes = packet(0, 1, 1000, hops as u64);
        let route = 8 + hops * 8;
        let mut header = vec![17, (hops) as u8, 3, hops as u8, 0x88, 0, 0, 0];
        header.extend((0..hops * 8).map(|byte| byte as u8));
        bytes[6] = 43;
        bytes.splice(40..40, header);
        let length = bytes.len() as u16 - 40;
        bytes[4..6].copy_from_slice(&length.to_be_bytes());
        assert_eq!(bytes.len(), 1000 + route);
        send(&mut air, 0, address(1), &bytes).unwrap();
        air.run_for(1_000_000);
        assert!(air.node(1).unwrap().received.last() == Some(&(address(0), bytes)), "{hops} hops");
    }
}

#[test]
fn hidden_senders_and_a_crowd_get_through() {
    // 0 and 2 do not hear each other and both send to 1.
    let mut topology = Topology::unlinked(3);
    topology.set_both(0, 1, Some(RadioLink::PERFECT));
    topology.set_both(1, 2, Some(RadioLink::PERFECT));
    for capabilities in [Setup::default().capabilities, NOTHING] {
        let mut air = network(topology.clone(), &Setup { seed: 3, capabilities }, &Config::default());
        for round in 0..50 {
            for from in [0, 2] {
                send(&mut air, from, address(1), &packet(from, 1, 400, round)).unwrap();
            }
            air.run_for(1_000_000);
        }
        assert!(air.stats().collisions > 10);
        let received = air.node(1).unwrap().received.len();
        assert!(received >= 97, "{received}");
    }
    // Twenty that all hear each other send to the first, at the same time.
    let mut crowd = Topology::unlinked(20);
    for a in 0..20 {
        for b in 0..a {
            crowd.set_both(a, b, Some(RadioLink::PERFECT));
        }
    }
    let config = Config { reassemblies: 20, blocks: 60, ..Config::default() };
    let mut air = network(crowd, &Setup::default(), &config);
    for from in 1..20 {
        send(&mut air, from, address(0), &packet(from, 0, 200, 1)).unwrap();
    }
    air.run_for(3_000_000);
    assert_eq!(air.node(0).unwrap().received.len(), 19);
}

#[test]
fn mesh_under_forwards_fragments_and_floods_broadcasts_once() {
    let topology =
        Topology::new(5, Placement::Line, &Propagation { range: 12.0, ..Propagation::default() }, 1);
    let config = Config { mesh_routes: 8, ..Config::default() };
    let mut air = network(topology, &Setup::default(), &config);
    for id in 0..5 {
        for other in 0..5usize {
            let next = if other > id { id + 1 } else { id.wrapping_sub(1) };
            if other != id {
                let (other, next) = (address(other), address(next));
                air.with(id, |host, _| host.interface.set_mesh_route(other, next)).unwrap().unwrap();
            }
        }
    }
    let bytes = packet(0, 4, 700, 9);
    send(&mut air, 0, address(4), &bytes).unwrap();
    air.run_for(2_000_000);
    assert!(air.node(4).unwrap().received == [(address(0), bytes)]);
    assert!(air.node(2).unwrap().interface.stats().forwarded >= 7);
    assert!(air.node(2).unwrap().received.is_empty());
    let mut all = packet(2, 0, 90, 3);
    all[24..40].copy_from_slice(&Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 1]).0);
    send(&mut air, 2, LinkAddress::BROADCAST, &all).unwrap();
    air.run_for(2_000_000);
    for id in [0, 1, 3, 4] {
        assert_eq!(air.node(id).unwrap().received.last(), Some(&(address(2), all.clone())));
        assert_eq!(air.node(id).unwrap().received.len(), if id == 4 { 2 } else { 1 });
    }
    assert!(air.node(2).unwrap().received.is_empty());
}

/// RFC 4944 §11.1: a node that has no room to repeat a broadcast still heeds it.
#[test]
fn a_broadcast_is_taken_where_there_is_no_room_to_repeat_it() {
    let config = Config { mesh_routes: 4, ..Config::default() };
    let mut topology = Topology::unlinked(3);
    topology.set_both(0, 1, Some(RadioLink::PERFECT));
    let mut air = network(topology, &Setup::default(), &config);
    let mut all = packet(0, 0, 60, 3);
    all[24..40].copy_from_slice(&Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 1]).0);
    let mut buffer = [0; 127];
    let mut frame = Writer::new(&mut buffer);
    let header = Header::data(0xabcd, LinkAddress::BROADCAST, address(0), 1);
    let (originator, destination) = (address(0), LinkAddress::BROADCAST);
    let mesh = MeshHeader { hops_left: 3, originator, destination, broadcast: Some(9) };
    header.emit(false, false, &mut frame).unwrap();
    mesh.emit(&mut frame).unwrap();
    frame.u8(0x41).unwrap();
    frame.put(&all).unwrap();
    let frame = frame.written();
    air.with(1, |host, cx| {
        let filler = packet(1, 2, 80, 1);
        while host.interface.send(Parts::whole(&filler), address(2), Priority::Control).is_ok() {}
        let event = RadioEvent::Received { frame, lqi: 255, rssi: -60 };
        let mut scratch = [0; SCRATCH];
        let received = host.interface.receive(cx, event, &mut scratch).expect("it is for us too");
        assert_eq!(received.packet, all);
        assert_eq!(host.interface.stats().forwarded, 0);
        assert_eq!(host.interface.mac().stats().queue_full, 2);
    });
}

/// RFC 4944 §11.1: its neighbours remember what it sent before, for as long as nobody else sends.
#[test]
fn a_restarted_node_s_broadcasts_are_new() {
    let config = Config { mesh_routes: 1, ..Config::default() };
    let mut topology = Topology::unlinked(2);
    topology.set_both(0, 1, Some(RadioLink::PERFECT));
    let mut air = network(topology, &Setup::default(), &config);
    let mut all = packet(0, 0, 90, 3);
    all[24..40].copy_from_slice(&Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 1]).0);
    for life in 1..4 {
        air.start(0, Host::seeded(0, &config, 0x51 * life));
        send(&mut air, 0, LinkAddress::BROADCAST, &all).unwrap();
        air.run_for(5_000_000);
        assert_eq!(air.node(1).unwrap().received.len(), usize::from(life));
    }
}

/// RIOT PR 22504: a fragment shorter than its header; smoltcp PR 997: one of a packet shorter than its own.
#[test]
fn attack_fragments_shorter_than_their_headers() {
    let mut air = pair(1000, Setup::default().capabilities);
    let header = Header::data(0xabcd, address(1), address(0), 0);
    let mut number = 0;
    let mut hear = |payload: &[u8]| {
        number += 1;
        let mut buffer = [0; 127];
        let mut out = Writer::new(&mut buffer);
        let header = Header { sequence: Some(number), ..header };
        Frame { header, payload, ..Frame::default() }.emit(&mut out).unwrap();
        let frame = out.written();
        air.with(1, |host, cx| {
            let event = RadioEvent::Received { frame, lqi: 255, rssi: -60 };
            let taken = host.interface.receive(cx, event, &mut [0; SCRATCH]).is_some();
            assert_eq!(host.interface.free_blocks(), Config::default().blocks);
            let dropped = host.interface.stats().dropped;
            (taken, u32::from(number) - dropped, host.interface.fragment_stats().malformed)
        })
        .unwrap()
    };
    let first = [0xc0, 64, 0, 7];
    let later = [0xe0, 64, 0, 7, 1];
    for header in [&first[..], &later] {
        for len in 1..header.len() {
            assert_eq!(hear(&header[..len]), (false, 0, 0));
        }
    }
    assert_eq!(hear(&first), (false, 0, 0));
    // Nothing behind the header; then all of a packet that is none.
    assert_eq!(hear(&later), (false, 1, 1));
    for (malformed, size) in (2..).zip([8, 16, 32, 39]) {
        let mut packet = vec![0xe0, size, 0, 7, 0];
        packet.resize(5 + usize::from(size), 0x60);
        assert_eq!(hear(&packet), (false, malformed, malformed), "{size}");
    }
}

#[test]
fn exactly_the_planned_bytes_suffice() {
    let config = Config { mesh_routes: 3, ..Config::default() };
    let bytes = Interface::plan(Plan::new(), &config).bytes();
    let mut memory = vec![0; bytes + 8];
    for offset in 0..8 {
        let block = &mut memory[offset..offset + bytes];
        assert!(Interface::new(&mut Carver::new(block), &config, 1).is_ok());
    }
    let aligned = memory.as_ptr().align_offset(8);
    let exact = bytes - 7;
    let block = &mut memory[aligned..aligned + exact];
    assert!(Interface::new(&mut Carver::new(block), &config, 1).is_ok());
    let block = &mut memory[aligned..aligned + exact - 1];
    assert_eq!(Interface::new(&mut Carver::new(block), &config, 1).unwrap_err(), Error::NoMemory);
    for wrong in [Config { contexts: 17, ..config }, Config { outgoing: 255, ..config }] {
        assert_eq!(Interface::new(&mut Carver::new(&mut memory), &wrong, 1).unwrap_err(), Error::Invalid);
    }
}

#[test]
fn the_same_seed_gives_the_same_run_to_the_byte() {
    let run = |seed| {
        let propagation = Propagation { loss: 200, asymmetry: 50, ..Propagation::default() };
        let topology = Topology::new(9, Placement::Grid, &propagation, seed);
        let mut air = network(topology, &Setup { seed, capabilities: NOTHING }, &Config::default());
        air.capture(Vec::new()).unwrap();
        for round in 0..10 {
            for from in 1..9 {
                let _ = send(&mut air, from, address(4), &packet(from, 4, 150, round));
            }
            air.run_for(300_000);
        }
        air.end_capture().unwrap()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn energy_is_accounted_for_by_state() {
    let mut air = pair(1000, Setup::default().capabilities);
    send(&mut air, 0, address(1), &packet(0, 1, 1280, 1)).unwrap();
    air.run_for(10_000_000);
    air.stop(1);
    air.run_for(10_000_000);
    let (sender, receiver) = (air.energy(0), air.energy(1));
    assert_eq!(sender.transmit + sender.receive, 20_000_000);
    assert!((40_000..60_000).contains(&sender.transmit), "{}", sender.transmit);
    assert_eq!((receiver.transmit + receiver.receive, receiver.sleep), (10_000_000, 10_000_000));
    assert_eq!(receiver.duty_cycle(), 500_000);
}
