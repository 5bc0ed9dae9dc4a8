// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host side of a border router. Needs the right to make interfaces; without it, only that it says so.

use crate::fixture::{Port, WOULD_BLOCK, address};
use mote::port::*;
use mote::status::Error;
use std::net::UdpSocket;
use std::time::Duration;

fn table(port: &Port) -> mote_port_tun {
    // SAFETY: the table is complete, here and below.
    unsafe { *port.table.tun }
}

fn open(port: &Port, name: &str, mtu: u32) -> Result<usize, i32> {
    let mut tun = 0;
    let name = mote_bytes { ptr: name.as_ptr(), len: name.len() };
    // SAFETY: as above.
    match unsafe { table(port).open.unwrap()(port.state(), name, mtu, 3, &mut tun) } {
        0 => Ok(tun),
        status => Err(status),
    }
}

fn receive(port: &Port, tun: usize, capacity: usize) -> Result<Vec<u8>, i32> {
    let mut packet = vec![0; capacity];
    let mut count = usize::MAX;
    // SAFETY: as above.
    match unsafe {
        table(port).receive.unwrap()(port.state(), tun, packet.as_mut_ptr(), capacity, &mut count)
    } {
        0 => {
            packet.truncate(count);
            Ok(packet)
        }
        status => Err(status),
    }
}

/// A UDP datagram of IPv6 as the other side sends it.
fn datagram(from: [u8; 16], to: [u8; 16], source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let socket = |ip, port| mote::address::SocketAddress::new(mote::address::Ip(ip), port);
    mote::sim::pcap::udp(socket(from, source), socket(to, destination), payload)
}

#[test]
fn packets_go_to_the_host_and_come_from_it() {
    let port = Port::new();
    let name = format!("mt{}", std::process::id());
    let tun = match open(&port, &name, 1280) {
        Err(status) if status == Error::Unsupported.code() => {
            eprintln!("not allowed to make interfaces: not tried");
            return;
        }
        outcome => outcome.unwrap(),
    };
    assert_eq!(open(&port, &name, 1280), Err(Error::AddressInUse.code()));
    // Networks of this process alone, in which another run of the test on this machine has no part.
    let run = std::process::id() & 0xffff;
    let (ours, theirs) = (format!("fdaa:aaaa:{run:x}::1"), format!("fdbb:bbbb:{run:x}::7"));
    let (host, mesh) = (address(&ours, 0), address(&theirs, 0));
    let t = table(&port);
    // SAFETY: as above.
    unsafe {
        assert_eq!(t.add_address.unwrap()(port.state(), tun, &host, 64), 0);
        assert_eq!(t.add_address.unwrap()(port.state(), tun, &host, 64), 0);
        assert_eq!(t.add_route.unwrap()(port.state(), tun, &mesh, 64), 0);
        assert_eq!(t.add_route.unwrap()(port.state(), tun, &mesh, 64), 0);
        assert_eq!(t.add_route.unwrap()(port.state(), tun, &mesh, 129), Error::Invalid.code());
    }
    // Out of the host. It says other things too, about routers and groups.
    // The kernel makes a new address usable a moment later.
    let mut socket = UdpSocket::bind((ours.as_str(), 0));
    for _ in 0..6000 {
        if socket.is_err() {
            std::thread::sleep(Duration::from_millis(10));
            socket = UdpSocket::bind((ours.as_str(), 0));
        }
    }
    let socket = socket.unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let number = socket.local_addr().unwrap().port();
    socket.send_to(b"to the mesh", (theirs.as_str(), 5683)).unwrap();
    let expected = datagram(host.ip, mesh.ip, number, 5683, b"to the mesh");
    let mut found = false;
    for _ in 0..200 {
        match receive(&port, tun, 1280) {
            // The flow label is the host's choice.
            Ok(packet) if packet.len() == expected.len() && packet[4..] == expected[4..] => found = true,
            Ok(packet) => assert_eq!(packet[0] >> 4, 6),
            Err(status) => {
                assert_eq!(status, WOULD_BLOCK);
                if found {
                    break;
                }
                assert_eq!(port.wait(60_000), [mote_port_ready { token: 3, flags: MOTE_READY_READABLE }]);
            }
        }
    }
    assert!(found);
    // What does not fit is told and gone.
    socket.send_to(&[0; 500], (theirs.as_str(), 5683)).unwrap();
    assert_eq!(receive(&port, tun, 40), Err(Error::TooLarge.code()));
    // And into the host.
    let packet = datagram(mesh.ip, host.ip, 5683, number, b"from the mesh");
    // SAFETY: as above.
    let send = |packet: &[u8]| unsafe { t.send.unwrap()(port.state(), tun, packet.as_ptr(), packet.len()) };
    assert_eq!(send(&packet), 0);
    let mut buffer = [0; 64];
    let (count, from) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..count], from.port()), (&b"from the mesh"[..], 5683));
    assert_eq!(send(&[0x12]), Error::Invalid.code());
    // SAFETY: as above.
    unsafe { t.close.unwrap()(port.state(), tun) };
    while !port.wait(0).is_empty() {}
    // The interface is gone with it.
    assert!(!std::path::Path::new(&format!("/sys/class/net/{name}")).exists());
}

#[test]
fn bad_arguments_are_refused() {
    let port = Port::new();
    let invalid = Error::Invalid.code();
    for (name, mtu) in [("mote0", 1279), ("mote0", 70_000), ("a-name-that-is-too-long", 1280), ("a/b", 1280)]
    {
        assert_eq!(open(&port, name, mtu), Err(invalid));
    }
    let udp = port.udp_open(address("::1", 0), 0, 1).unwrap();
    assert_eq!(receive(&port, udp, 10), Err(invalid));
}
