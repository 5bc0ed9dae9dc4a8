// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nodes with radios over UDP, on loopback.

use super::*;
use crate::address::Ip;
use crate::ffi::{NodeRef, PortRadio, mote_node_close, mote_node_config, mote_node_init};
use crate::linux::mote_linux_options;
use crate::port::{mote_address, mote_bytes, mote_port};
use crate::transport::{Radio as _, RadioAddresses, RadioEvent, TransmitStatus};
use core::cell::Cell;
use core::mem::zeroed;
use core::sync::atomic::{AtomicU16, Ordering};
use std::net::UdpSocket;

const PAN: u16 = 0xabcd;
/// After which time something hangs.
const HANG: Duration = Duration::from_secs(60);

std::thread_local! {
    /// How long the stations of a test wait for an acknowledgement: for ever, unless none is to come, for a
    /// busy machine takes any time.
    static ACK_WAIT: Cell<Duration> = const { Cell::new(HANG) };
}

pub(super) fn ack_wait() -> Duration {
    ACK_WAIT.get()
}

fn no_acknowledgement_is_to_come() {
    ACK_WAIT.set(Duration::from_millis(20));
}

/// What a node heard, in a form to compare.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Frame(Vec<u8>),
    Sent(TransmitStatus),
}

struct Station {
    port: u16,
    node: *mut mote_node,
    radio: PortRadio,
    _block: Vec<u64>,
    _port: Box<mote_port>,
}

fn eui64(number: u8) -> [u8; 8] {
    [2, 0, 0, 0, 0, 0, 0, number]
}

fn at(port: u16) -> mote_address {
    mote_address { ip: Ip::v4([127, 0, 0, 1]).0, scope: 0, port, reserved: 0 }
}

/// A free port of UDP, below those that the system gives to others meanwhile.
fn free_port() -> u16 {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    loop {
        let count = u32::from(COUNT.fetch_add(1, Ordering::Relaxed));
        let port = (10_000 + (std::process::id() * 31 + count) % 20_000) as u16;
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Station {
    fn new(number: u8, local: u16, peers: &[u16]) -> Station {
        Station::with(number, local, peers, "")
    }

    fn with(number: u8, local: u16, peers: &[u16], capture: &str) -> Station {
        let peers: Vec<mote_address> = peers.iter().copied().map(at).collect();
        // SAFETY: all zero is a value of each.
        let mut options: mote_linux_options = unsafe { zeroed() };
        options.size = size_of_val(&options) as u32;
        options.zep_peers = peers.as_ptr();
        options.zep_peer_count = peers.len();
        options.zep_local = at(local);
        options.capture_path = mote_bytes { ptr: capture.as_ptr(), len: capture.len() };
        // SAFETY: never NULL.
        let mut port = Box::new(unsafe { *crate::linux::mote_port_linux() });
        port.user = ptr::from_mut(&mut options).cast();
        // SAFETY: all zero is a value.
        let mut config: mote_node_config = unsafe { zeroed() };
        config.size = size_of_val(&config) as u32;
        config.port = &*port;
        config.radio_frames = 4;
        let mut block = vec![0u64; 2048];
        let mut node = ptr::null_mut();
        // SAFETY: the block is large enough for a node, and lives as long.
        let (status, node) = unsafe {
            let status = mote_node_init(block.as_mut_ptr().cast(), 8 * block.len(), &config, &mut node);
            (status, node)
        };
        assert_eq!(status, 0);
        // SAFETY: just made.
        let mut radio = PortRadio::open(unsafe { NodeRef::new(node) }.unwrap()).unwrap();
        radio.set_channel(26).unwrap();
        radio.set_addresses(&RadioAddresses { extended: eui64(number), short: 0xffff, pan: PAN }).unwrap();
        radio.enable(true).unwrap();
        Station { port: local, node, radio, _block: block, _port: port }
    }

    /// What comes next.
    fn hear(&self) -> Option<Heard> {
        let until = Instant::now() + 2 * HANG;
        while Instant::now() < until {
            if let Some(heard) = self.heard() {
                return Some(heard);
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        None
    }

    fn heard(&self) -> Option<Heard> {
        let mut buffer = [0; 125];
        // SAFETY: the node is open.
        match unsafe { NodeRef::new(self.node) }.unwrap().take_radio_event(&mut buffer)? {
            RadioEvent::Received { frame, .. } => Some(Heard::Frame(frame.to_vec())),
            RadioEvent::Transmitted { status, attempts } => {
                assert_eq!(attempts, 1);
                Some(Heard::Sent(status))
            }
        }
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        // SAFETY: open.
        assert_eq!(unsafe { mote_node_close(self.node) }, 0);
    }
}

fn frame(from: u8, to: LinkAddress, sequence: u8, payload: &[u8]) -> Vec<u8> {
    let header = Header::data(PAN, to, LinkAddress::Extended(eui64(from)), sequence);
    let mut out = [0; 125];
    let mut writer = crate::bytes::Writer::new(&mut out);
    Frame { header, payload, ..Frame::default() }.emit(&mut writer).unwrap();
    writer.finish().to_vec()
}

fn pair() -> (Station, Station) {
    let (one, two) = (free_port(), free_port());
    (Station::new(1, one, &[two]), Station::new(2, two, &[one]))
}

#[test]
fn a_frame_arrives_and_is_acknowledged_while_the_application_sleeps() {
    let (mut one, two) = pair();
    let sent = frame(1, LinkAddress::Extended(eui64(2)), 9, b"hello");
    one.radio.transmit(&sent).unwrap();
    // Nobody drives node two: its radio acknowledges by itself.
    assert_eq!(one.hear(), Some(Heard::Sent(TransmitStatus::Sent)));
    assert_eq!(two.hear(), Some(Heard::Frame(sent)));
    let everyone = frame(1, LinkAddress::BROADCAST, 10, b"all");
    one.radio.transmit(&everyone).unwrap();
    assert_eq!(one.hear(), Some(Heard::Sent(TransmitStatus::Sent)));
    assert_eq!(two.hear(), Some(Heard::Frame(everyone)));
    assert_eq!(one.heard(), None);
}

#[test]
fn frames_for_others_and_of_other_channels_are_neither_heard_nor_acknowledged() {
    let for_three = frame(1, LinkAddress::Extended(eui64(3)), 1, b"");
    let (mut one, _two) = pair();
    one.radio.transmit(&for_three).unwrap();
    assert_eq!(one.radio.transmit(&for_three), Err(Error::WouldBlock));
    no_acknowledgement_is_to_come();
    let for_two = frame(1, LinkAddress::Extended(eui64(2)), 2, b"");
    // Each to a node that stays as it is, for it may come to the frame late.
    for (sent, channel, on) in [(&for_three, 26, true), (&for_two, 11, true), (&for_two, 26, false)] {
        let (mut one, mut two) = pair();
        two.radio.set_channel(channel).unwrap();
        two.radio.enable(on).unwrap();
        one.radio.transmit(sent).unwrap();
        assert_eq!(one.hear(), Some(Heard::Sent(TransmitStatus::NoAck)));
        if !on {
            assert_eq!(two.radio.transmit(&for_two), Err(Error::State));
        }
        assert_eq!(two.heard(), None);
    }
}

#[test]
fn a_node_without_room_does_not_acknowledge_and_hears_of_its_own_frame_later() {
    let (mut one, mut two) = pair();
    for sequence in 0..4 {
        one.radio.transmit(&frame(1, LinkAddress::Extended(eui64(2)), sequence, b"")).unwrap();
        assert_eq!(one.hear(), Some(Heard::Sent(TransmitStatus::Sent)));
    }
    no_acknowledgement_is_to_come();
    one.radio.transmit(&frame(1, LinkAddress::Extended(eui64(2)), 4, b"")).unwrap();
    assert_eq!(one.hear(), Some(Heard::Sent(TransmitStatus::NoAck)));
    two.radio.transmit(&frame(2, LinkAddress::BROADCAST, 7, b"")).unwrap();
    for sequence in 0..4 {
        assert_eq!(two.hear(), Some(Heard::Frame(frame(1, LinkAddress::Extended(eui64(2)), sequence, b""))));
    }
    // The last one may lie in its socket until there is room.
    let mut next = two.hear();
    if matches!(next, Some(Heard::Frame(_))) {
        next = two.hear();
    }
    assert_eq!(next, Some(Heard::Sent(TransmitStatus::Sent)));
}

#[test]
fn a_dispatcher_is_told_who_is_there_and_acknowledgements_go_back_to_it() {
    let dispatcher = UdpSocket::bind("127.0.0.1:0").unwrap();
    dispatcher.set_read_timeout(Some(HANG)).unwrap();
    let station = Station::new(5, 0, &[dispatcher.local_addr().unwrap().port()]);
    let mut buffer = [0; 256];
    let (count, from) = dispatcher.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..4], &buffer[32..count]), (&b"EX\x02\xff"[..], &eui64(5)[..]));
    let incoming = frame(9, LinkAddress::Extended(eui64(5)), 77, b"x");
    let stamp = zep::Stamp { channel: 26, device: 1, sequence: 1, time: Duration::ZERO };
    let mut out = [0; zep::LARGEST];
    let packet = zep::emit(&mut out, &stamp, &incoming).unwrap();
    dispatcher.send_to(packet, from).unwrap();
    let (count, _) = dispatcher.recv_from(&mut buffer).unwrap();
    assert_eq!(zep::parse(&buffer[..count]).unwrap().frame, immediate_ack(77, false));
    assert_eq!(station.hear(), Some(Heard::Frame(incoming)));
    // What is no packet does no harm.
    dispatcher.send_to(b"EX\x02\x01", from).unwrap();
    dispatcher.send_to(&[], from).unwrap();
}

/// What both sides of the air sent and heard is in their captures, frame by frame.
#[test]
fn frames_that_are_sent_and_heard_are_captured() {
    let path = std::env::temp_dir().join(format!("mote-radio-{}.pcapng", std::process::id()));
    let (one, two) = (free_port(), free_port());
    let mut one = Station::with(1, one, &[two], path.to_str().unwrap());
    let mut two = Station::new(2, two, &[one.port]);
    let sent = frame(1, LinkAddress::Extended(eui64(2)), 9, b"there");
    one.radio.transmit(&sent).unwrap();
    assert_eq!(one.hear(), Some(Heard::Sent(TransmitStatus::Sent)));
    let back = frame(2, LinkAddress::Extended(eui64(1)), 3, b"and back");
    two.radio.transmit(&back).unwrap();
    assert_eq!(one.hear(), Some(Heard::Frame(back.clone())));
    let capture = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let find = |frame: &[u8]| capture.windows(frame.len()).position(|bytes| bytes == frame);
    assert!(find(&sent).is_some() && find(&sent) < find(&back));
}

/// Emulated radios wait for less than a millisecond. It is printed how long it takes there and back, through
/// the system twice, with an application that sleeps; each frame differs from that before it, and comes once.
#[test]
fn every_frame_is_acknowledged_and_comes_once() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(HANG)).unwrap();
    let station = Station::new(5, 0, &[peer.local_addr().unwrap().port()]);
    let mut buffer = [0; 256];
    let (_, to) = peer.recv_from(&mut buffer).unwrap();
    let mut taken = Vec::new();
    for sequence in 0..101 {
        let incoming = frame(9, LinkAddress::Extended(eui64(5)), sequence, b"x");
        let stamp = zep::Stamp { channel: 26, device: 1, sequence: sequence.into(), time: Duration::ZERO };
        let mut out = [0; zep::LARGEST];
        let packet = zep::emit(&mut out, &stamp, &incoming).unwrap();
        let begun = Instant::now();
        peer.send_to(packet, to).unwrap();
        peer.recv_from(&mut buffer).unwrap();
        taken.push(begun.elapsed());
        assert_eq!(station.hear(), Some(Heard::Frame(incoming)));
    }
    taken.sort();
    assert_eq!(station.heard(), None);
    println!("{:?} in the middle, {:?} at worst", taken[50], taken[100]);
}

#[test]
fn without_peers_there_is_no_radio() {
    // SAFETY: never NULL, and the table is complete.
    let (table, radio) = unsafe {
        let table = *crate::linux::mote_port_linux();
        (table, *table.radio)
    };
    let mut block = vec![0u128; 32];
    let state: *mut c_void = block.as_mut_ptr().cast();
    // SAFETY: the state is large enough, aligned and zeroed.
    unsafe {
        assert_eq!(table.open.unwrap()(state, ptr::null_mut()), 0);
        assert_eq!(radio.start.unwrap()(state, state), Error::Unsupported.code());
        assert_eq!(radio.transmit.unwrap()(state, [1u8].as_ptr(), 1), Error::Unsupported.code());
        table.close.unwrap()(state);
    }
}
