// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP: what the network says of datagrams that it could not deliver.

use crate::fixture::{Port, WOULD_BLOCK, address, datagram, to};
use mote::port::*;

/// An address at which nobody listens.
fn nobody(port: &Port, at: &str) -> mote_address {
    let gone = port.udp_open(address(at, 0), 0, 9).unwrap();
    let number = port.udp_port(gone);
    port.udp_close(gone);
    address(at, number)
}

const READABLE: mote_port_ready = mote_port_ready { token: 1, flags: MOTE_READY_READABLE };

#[test]
fn what_was_refused_comes_back_once() {
    for (own, there) in [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("::", "127.0.0.1"),
    ] {
        let port = Port::new();
        let nobody = nobody(&port, there);
        let socket = port.udp_open(address(own, 0), 0, 1).unwrap();
        assert_eq!(port.udp_send(socket, &[to(nobody, b"is anyone there?")]), Ok(1));
        assert_eq!(port.wait(60_000), [READABLE]);
        let mut buffer = [0; 64];
        let mut entries = [datagram(&mut buffer), datagram(&mut []), datagram(&mut [])];
        assert_eq!(port.udp_receive(socket, &mut entries), Ok(1));
        assert_eq!((entries[0].flags, entries[0].remote), (MOTE_UDP_REFUSED, nobody), "{own} {there}");
        assert_eq!(&buffer[..entries[0].len], b"is anyone there?");
        assert_eq!(port.udp_receive(socket, &mut [datagram(&mut buffer)]), Err(WOULD_BLOCK));
        assert_eq!(port.wait(20), []);
    }
}

/// More than the buffer holds is no error: its start is what matters.
#[test]
fn of_a_long_datagram_the_start_comes_back() {
    let port = Port::new();
    let nobody = nobody(&port, "127.0.0.1");
    let socket = port.udp_open(address("127.0.0.1", 0), 0, 1).unwrap();
    assert_eq!(port.udp_send(socket, &[to(nobody, &[7; 1000])]), Ok(1));
    assert_eq!(port.wait(60_000), [READABLE]);
    let mut buffer = [0; 16];
    let mut entry = [datagram(&mut buffer)];
    assert_eq!(port.udp_receive(socket, &mut entry), Ok(1));
    assert_eq!((entry[0].flags, entry[0].len, buffer), (MOTE_UDP_REFUSED, 16, [7; 16]));
}

/// A report that nobody fetches neither makes the loop turn over and over nor fails what goes to others.
#[test]
fn what_was_refused_disturbs_nobody_else() {
    let port = Port::new();
    let nobody = nobody(&port, "::1");
    let socket = port.udp_open(address("::1", 0), 0, 1).unwrap();
    let own = address("::1", port.udp_port(socket));
    assert_eq!(port.udp_send(socket, &[to(nobody, b"?")]), Ok(1));
    assert_eq!(port.wait(60_000), [READABLE]);
    assert_eq!(port.wait(20), []);
    let mut buffers = [[0u8; 4]; 8];
    let (mut arrived, mut refused) = (0, 0);
    for round in 0..40 {
        // By itself and among others, before anything was fetched.
        assert_eq!(port.udp_send(socket, &[to(nobody, b"?")]), Ok(1));
        assert_eq!(port.udp_send(socket, &[to(own, b"!")]), Ok(1));
        let mut rest = &[to(nobody, b"?"), to(own, b"!"), to(own, b"!!")][..];
        while !rest.is_empty() {
            // A batch may stop where the report comes in between, and goes on.
            rest = &rest[port.udp_send(socket, rest).unwrap()..];
        }
        if round % 4 != 3 {
            continue;
        }
        while !port.wait(20).is_empty() {
            let mut entries = buffers.each_mut().map(|buffer| datagram(buffer));
            while let Ok(count) = port.udp_receive(socket, &mut entries) {
                for entry in &entries[..count] {
                    assert_eq!(entry.remote, if entry.flags == 0 { own } else { nobody });
                    *if entry.flags == 0 { &mut arrived } else { &mut refused } += 1;
                }
                entries = buffers.each_mut().map(|buffer| datagram(buffer));
            }
        }
    }
    assert_eq!(arrived, 120);
    // The system says so of a thousand in a second at most.
    assert!((1..=81).contains(&refused), "{refused}");
    assert_eq!(port.wait(20), []);
}
