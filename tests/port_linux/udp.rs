// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP.

use crate::fixture::{Port, WOULD_BLOCK, address, datagram, to};
use mote::address::Ip;
use mote::port::*;
use mote::status::Error;

const LOOPBACK_INTERFACE: u32 = 1;

fn receive_one(port: &Port, socket: usize, buffer: &mut [u8]) -> mote_port_datagram {
    let mut datagrams = [datagram(buffer)];
    assert_eq!(port.udp_receive(socket, &mut datagrams), Ok(1));
    datagrams[0]
}

/// Sends three datagrams from a client at `client` to a server at `any` and asks where they came from and to.
fn batches(any: mote_address, server_at: &str, client: mote_address) {
    let port = Port::new();
    let server = port.udp_open(any, 0, 7).unwrap();
    let client = port.udp_open(client, 0, 8).unwrap();
    let remote = address(server_at, port.udp_port(server));
    assert_eq!(port.udp_receive(server, &mut [datagram(&mut [0; 16])]), Err(WOULD_BLOCK));
    assert_eq!(port.wait(0), []);

    let sent = [to(remote, b"one"), to(remote, b""), to(remote, b"three")];
    assert_eq!(port.udp_send(client, &sent), Ok(3));
    assert_eq!(port.wait(60_000), [mote_port_ready { token: 7, flags: MOTE_READY_READABLE }]);

    let mut buffers = [[0u8; 4]; 4];
    let mut datagrams = buffers.each_mut().map(|buffer| datagram(buffer));
    assert_eq!(port.udp_receive(server, &mut datagrams), Ok(3));
    let expected: [(&[u8], u32); 3] = [(b"one", 0), (b"", 0), (b"thre", MOTE_UDP_TRUNCATED)];
    for (index, (data, flags)) in expected.into_iter().enumerate() {
        let datagram = &datagrams[index];
        assert_eq!(&buffers[index][..datagram.len], data);
        assert_eq!(datagram.flags, flags);
        assert_eq!(datagram.remote, address(server_at, port.udp_port(client)));
        assert_eq!(datagram.local, address(server_at, 0));
    }
    assert_eq!(port.udp_receive(server, &mut datagrams), Err(WOULD_BLOCK));

    // Back along the same path.
    let mut reply = to(datagrams[0].remote, b"reply");
    reply.local = datagrams[0].local;
    assert_eq!(port.udp_send(server, &[reply]), Ok(1));
    assert_eq!(port.wait(60_000), [mote_port_ready { token: 8, flags: MOTE_READY_READABLE }]);
    let mut buffer = [0; 16];
    let got = receive_one(&port, client, &mut buffer);
    assert_eq!((&buffer[..got.len], got.remote), (&b"reply"[..], remote));
}

#[test]
fn batches_over_ipv4() {
    batches(address("0.0.0.0", 0), "127.0.0.1", address("127.0.0.1", 0));
}

#[test]
fn batches_over_ipv6() {
    batches(address("::", 0), "::1", address("::1", 0));
}

#[test]
fn batches_over_ipv4_through_a_dual_stack_socket() {
    batches(address("::", 0), "127.0.0.1", address("127.0.0.1", 0));
    batches(address("0.0.0.0", 0), "127.0.0.1", address("::", 0));
}

#[test]
fn a_reply_leaves_from_the_address_that_was_asked() {
    for any in ["::", "0.0.0.0"] {
        let port = Port::new();
        let server = port.udp_open(address(any, 0), 0, 1).unwrap();
        let client = port.udp_open(address("127.0.0.1", 0), 0, 2).unwrap();
        let remote = address("127.0.0.2", port.udp_port(server));
        assert_eq!(port.udp_send(client, &[to(remote, b"?")]), Ok(1));
        let mut buffer = [0; 4];
        let got = receive_one(&port, server, &mut buffer);
        assert_eq!(got.local, address("127.0.0.2", 0));
        let mut reply = to(got.remote, b"!");
        reply.local = got.local;
        assert_eq!(port.udp_send(server, &[reply]), Ok(1));
        assert_eq!(receive_one(&port, client, &mut buffer).remote, remote);
    }
}

#[test]
fn what_a_small_batch_leaves_behind_is_reported_again() {
    let port = Port::new();
    let server = port.udp_open(address("::1", 0), 0, 1).unwrap();
    let client = port.udp_open(address("::1", 0), 0, 2).unwrap();
    let remote = address("::1", port.udp_port(server));
    assert_eq!(port.udp_send(client, &[to(remote, b"a"), to(remote, b"b"), to(remote, b"c")]), Ok(3));
    let mut buffer = [0; 4];
    for expected in [b'a', b'b', b'c'] {
        assert_eq!(port.wait(60_000), [mote_port_ready { token: 1, flags: MOTE_READY_READABLE }]);
        // Who does not fetch is not told twice.
        assert_eq!(port.wait(0), []);
        receive_one(&port, server, &mut buffer);
        assert_eq!(buffer[0], expected);
    }
}

#[test]
fn more_than_one_system_call_takes_goes_through_in_order() {
    let port = Port::new();
    let server = port.udp_open(address("::1", 0), 0, 1).unwrap();
    let client = port.udp_open(address("::", 0), 0, 2).unwrap();
    let remote = address("::1", port.udp_port(server));
    let payloads: Vec<[u8; 1]> = (0..100).map(|number| [number]).collect();
    let datagrams: Vec<_> = payloads.iter().map(|payload| to(remote, payload)).collect();
    assert_eq!(port.udp_send(client, &datagrams), Ok(100));
    let mut seen = Vec::new();
    while seen.len() < 100 {
        assert_eq!(port.wait(60_000).len(), 1);
        let mut buffers = [[0u8; 4]; 48];
        let mut datagrams = buffers.each_mut().map(|buffer| datagram(buffer));
        let count = port.udp_receive(server, &mut datagrams).unwrap();
        seen.extend(buffers[..count].iter().map(|buffer| buffer[0]));
    }
    assert!(seen.into_iter().eq(0..100));
}

/// What is handed over joined comes apart at the same places, for whomever else something lies between.
fn neighbours(any: &str, server_at: &str, own: &str) {
    let port = Port::new();
    let servers = [1, 2].map(|token| port.udp_open(address(server_at, 0), 0, token).unwrap());
    let remotes = servers.map(|server| address(server_at, port.udp_port(server)));
    let client = port.udp_open(address(any, 0), 0, 3).unwrap();
    // Alike; the last shorter; longer; empty; beyond what is joined; to another peer; from where it is told.
    let lengths = [9, 9, 9, 4, 4, 30, 0, 7, 7, 7, 1, 1300, 1300, 1300, 9, 9, 9, 9, 9, 1232, 1232, 1];
    let payloads: Vec<Vec<u8>> =
        lengths.iter().enumerate().map(|(index, length)| vec![index as u8; *length]).collect();
    let datagrams: Vec<_> = payloads
        .iter()
        .enumerate()
        .map(|(index, payload)| mote_port_datagram {
            local: if index % 2 < index / 8 { address(own, 0) } else { mote_address::default() },
            ..to(remotes[usize::from(index == 16)], payload)
        })
        .collect();
    assert_eq!(port.udp_send(client, &datagrams), Ok(lengths.len()));
    let mut seen = Vec::new();
    for server in servers {
        let mut buffers = [[0u8; 1500]; 32];
        let mut datagrams = buffers.each_mut().map(|buffer| datagram(buffer));
        let count = port.udp_receive(server, &mut datagrams).unwrap();
        for (datagram, buffer) in datagrams.iter().zip(&buffers).take(count) {
            assert_eq!(datagram.remote, address(own, port.udp_port(client)));
            assert_eq!(datagram.local, address(server_at, 0));
            seen.push(buffer[..datagram.len].to_vec());
        }
    }
    let other = seen.pop().unwrap();
    seen.insert(16, other);
    assert_eq!(seen, payloads);
}

#[test]
fn datagrams_that_leave_together_arrive_apart() {
    neighbours("::1", "::1", "::1");
    neighbours("::", "::1", "::1");
    neighbours("::", "127.0.0.2", "127.0.0.1");
    neighbours("127.0.0.1", "127.0.0.1", "127.0.0.1");
}

/// An interface with a link-local address, whose multicast comes back to us. The loopback has no route for
/// IPv6 multicast unless somebody adds one.
fn ipv6_interface() -> Option<u32> {
    let table = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    table.lines().filter(|line| line.starts_with("fe80")).find_map(|line| {
        let index = line.split_whitespace().nth(1)?;
        u32::from_str_radix(index, 16).ok()
    })
}

fn multicast(any: &str, group: &str, scope: u32) {
    let port = Port::new();
    let group_at = |port| mote_address { scope, ..address(group, port) };
    let member = port.udp_open(address(any, 0), MOTE_UDP_REUSE, 1).unwrap();
    let number = port.udp_port(member);
    let other = port.udp_open(address(any, number), MOTE_UDP_REUSE, 2).unwrap();
    let sender = port.udp_open(address(any, 0), 0, 3).unwrap();
    assert_eq!(port.udp_group(member, group_at(0), true), 0);
    assert_eq!(port.udp_group(member, group_at(0), true), 0, "joining twice is no error");

    assert_eq!(port.udp_send(sender, &[to(group_at(number), b"all")]), Ok(1));
    assert_eq!(port.wait(60_000), [mote_port_ready { token: 1, flags: MOTE_READY_READABLE }]);
    let mut buffer = [0; 4];
    let got = receive_one(&port, member, &mut buffer);
    assert_eq!(got.local, group_at(0));
    assert_eq!(port.udp_receive(other, &mut [datagram(&mut [0; 4])]), Err(WOULD_BLOCK));
    // The sender is reached from a unicast address.
    assert_eq!(port.udp_send(member, &[to(got.remote, b"me")]), Ok(1));
    let got = receive_one(&port, sender, &mut buffer);
    assert!(!Ip(got.local.ip).is_multicast());

    assert_eq!(port.udp_group(member, group_at(0), false), 0);
    assert_eq!(port.udp_group(member, group_at(0), false), Error::NotFound.code());
    assert_eq!(port.udp_send(sender, &[to(group_at(number), b"all")]), Ok(1));
    assert_eq!(port.udp_receive(member, &mut [datagram(&mut [0; 4])]), Err(WOULD_BLOCK));
    assert_eq!(port.udp_group(member, address("::1", 0), true), Error::Invalid.code());

    // On all interfaces, the loopback among them.
    assert_eq!(port.udp_group(other, address(group, 0), true), 0);
    assert_eq!(port.udp_send(sender, &[to(group_at(number), b"all")]), Ok(1));
    assert_eq!(receive_one(&port, other, &mut buffer).local, group_at(0));
    assert_eq!(port.udp_group(other, address(group, 0), false), 0);
}

#[test]
fn multicast_over_ipv6() {
    let Some(interface) = ipv6_interface() else {
        eprintln!("no interface with IPv6 multicast: not tried");
        return;
    };
    multicast("::", "ff02::fd", interface);
    multicast("::", "ff05::fd", interface);
}

#[test]
fn multicast_over_ipv4() {
    multicast("0.0.0.0", "224.0.1.187", LOOPBACK_INTERFACE);
}

#[test]
fn multicast_over_ipv4_through_dual_stack_sockets() {
    multicast("::", "224.0.1.187", LOOPBACK_INTERFACE);
}

/// What a peer sends in one go may come up the system as one, once many are asked for: they come out as they went in,
/// whatever room there is for them.
#[test]
fn joined_datagrams_come_out_one_by_one() {
    for any in ["::1", "::"] {
        let port = Port::new();
        let socket = port.udp_open(address(any, 0), 0, 1).unwrap();
        let peers = [2, 3].map(|token| port.udp_open(address("::1", 0), 0, token).unwrap());
        let there = address("::1", port.udp_port(socket));
        let froms = peers.map(|peer| address("::1", port.udp_port(peer)));
        let ready = mote_port_ready { token: 1, flags: MOTE_READY_READABLE };
        for (capacity, length) in [(64, 20), (16, 20), (5, 20), (1, 20), (64, 900), (7, 1200)] {
            let payloads: Vec<Vec<u8>> = (0..50u8).map(|number| vec![number; length]).collect();
            let mut sent: Vec<_> = payloads.iter().map(|payload| to(there, payload)).collect();
            // A shorter one ends what goes together; one without anything goes by itself.
            sent[20].len = 3;
            sent[21].len = 0;
            for peer in peers {
                let mut rest = &sent[..];
                while !rest.is_empty() {
                    rest = &rest[port.udp_send(peer, rest).unwrap()..];
                }
            }
            let mut arrived = [0; 2];
            let mut buffers = vec![[0u8; 1300]; capacity];
            while arrived != [50; 2] {
                // Whatever was left behind is reported.
                assert_eq!(port.wait(60_000), [ready], "{capacity} {length} {arrived:?}");
                let mut entries: Vec<_> = buffers.iter_mut().map(|buffer| datagram(buffer)).collect();
                let count = port.udp_receive(socket, &mut entries).unwrap();
                for (entry, buffer) in entries.iter().zip(&buffers).take(count) {
                    let from = froms.iter().position(|from| *from == entry.remote).unwrap();
                    let expected = &payloads[arrived[from]][..sent[arrived[from]].len];
                    assert_eq!((&buffer[..entry.len], entry.flags), (expected, 0));
                    assert_eq!(entry.local, address("::1", 0));
                    arrived[from] += 1;
                }
            }
            assert_eq!(port.udp_receive(socket, &mut [datagram(&mut [0; 1300])]), Err(WOULD_BLOCK));
            assert_eq!(port.wait(0), []);
        }
        // One that is longer than its buffer is cut, and no other.
        let sent = [to(there, &[1; 30]), to(there, &[2; 30]), to(there, &[3; 30])];
        assert_eq!(port.udp_send(peers[0], &sent), Ok(3));
        assert_eq!(port.wait(60_000), [ready]);
        let (mut short, mut long) = ([0; 8], [[0; 40]; 2]);
        let [first, second] = &mut long;
        let mut entries = [datagram(first), datagram(&mut short), datagram(second)];
        assert_eq!(port.udp_receive(socket, &mut entries), Ok(3));
        assert_eq!(
            entries.map(|entry| (entry.len, entry.flags)),
            [(30, 0), (8, MOTE_UDP_TRUNCATED), (30, 0)]
        );
        assert_eq!((short, long[1][..30].to_vec()), ([2; 8], vec![3; 30]));
    }
}

#[test]
fn errors_of_sending_have_their_names() {
    let port = Port::new();
    let v4 = port.udp_open(address("127.0.0.1", 0), 0, 1).unwrap();
    let both = port.udp_open(address("::", 0), 0, 2).unwrap();
    let v6 = port.udp_open(address("::1", 0), 0, 3).unwrap();
    let own = address("127.0.0.1", port.udp_port(v4));
    assert_eq!(port.udp_send(v4, &[to(address("::1", 9), b"x")]), Err(Error::Unreachable.code()));
    assert_eq!(port.udp_send(v6, &[to(own, b"x")]), Err(Error::Unreachable.code()));
    assert_eq!(port.udp_send(v4, &[to(own, &[0; 70_000])]), Err(Error::TooLarge.code()));
    // The first is taken; why the second was not is told when it comes first.
    assert_eq!(port.udp_send(v4, &[to(own, b"x"), to(address("::1", 9), b"x")]), Ok(1));
    assert_eq!(port.udp_send(both, &[to(own, b"x"), to(own, &[0; 70_000])]), Ok(1));
    // An address of another family, and one that is not ours.
    for local in ["::1", "192.0.2.77"] {
        let mut datagram = to(own, b"x");
        datagram.local = address(local, 0);
        assert_eq!(port.udp_send(both, &[datagram]), Err(Error::Unreachable.code()));
    }
}

#[test]
fn an_address_in_use_is_told() {
    let port = Port::new();
    let first = port.udp_open(address("::", 0), 0, 1).unwrap();
    let number = port.udp_port(first);
    assert_eq!(port.udp_open(address("::", number), 0, 2), Err(Error::AddressInUse.code()));
    assert_eq!(port.udp_open(address("::", number), MOTE_UDP_REUSE, 2), Err(Error::AddressInUse.code()));
    assert_eq!(port.udp_open(address("192.0.2.77", 0), 0, 2), Err(Error::NotFound.code()));
    assert_eq!(port.udp_open(address("::", 0), 1 << 31, 2), Err(Error::Unsupported.code()));
    port.udp_close(first);
    assert!(port.udp_open(address("::", number), 0, 2).is_ok());
}

#[test]
fn nothing_missing_is_dereferenced() {
    let port = Port::new();
    let socket = port.udp_open(address("::1", 0), 0, 1).unwrap();
    let (udp, state, invalid) = (port.udp(), port.state(), Error::Invalid.code());
    let (mut out, null) = (0usize, std::ptr::null_mut());
    let mut datagram = datagram(&mut []);
    // SAFETY: NULL is what is tested; all else is valid.
    unsafe {
        assert_eq!(udp.open.unwrap()(state, std::ptr::null(), 0, 1, &mut out), invalid);
        assert_eq!(udp.open.unwrap()(std::ptr::null_mut(), &address("::", 0), 0, 1, &mut out), invalid);
        assert_eq!(udp.receive.unwrap()(state, 0, &mut datagram, 1, &mut out), invalid);
        assert_eq!(udp.receive.unwrap()(state, socket, null, 1, &mut out), invalid);
        assert_eq!(udp.receive.unwrap()(state, socket, &mut datagram, 0, &mut out), invalid);
        assert_eq!(udp.send.unwrap()(state, socket, &datagram, 1, std::ptr::null_mut()), invalid);
        assert_eq!(udp.join.unwrap()(state, socket, std::ptr::null()), invalid);
        assert_eq!(udp.local_address.unwrap()(state, socket, std::ptr::null_mut()), invalid);
        udp.close.unwrap()(state, 0);
    }
}
