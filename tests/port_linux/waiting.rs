// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clock, entropy, log, waiting and waking.

use crate::fixture::{Port, WOULD_BLOCK, address, datagram, to};
use crate::tcp::{Tcp, connected};
use mote::port::*;
use mote::status::Error;
use std::io::Read;
use std::time::{Duration, Instant};

/// Whether the descriptor polls readable within `ms` milliseconds.
fn polls(descriptor: i32, ms: i32) -> bool {
    let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, writable.
    unsafe { libc::poll(&mut poll, 1, ms) == 1 }
}

/// Milliseconds after which something hangs. That a thing happens soon is not checked by time, of which a busy machine takes any amount.
const HANG: u64 = 30_000;

/// How often this thread has given up the processor of its own accord.
fn given_up() -> i64 {
    // SAFETY: integers, and writable.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &mut usage), 0);
        usage.ru_nvcsw
    }
}

fn descriptor(port: &Port) -> i32 {
    let mut descriptor = -1;
    // SAFETY: the port is open.
    assert_eq!(unsafe { port.alarm().descriptor.unwrap()(port.state(), &mut descriptor) }, 0);
    descriptor
}

fn arm(port: &Port, deadline: u64) {
    // SAFETY: the port is open.
    assert_eq!(unsafe { port.alarm().arm.unwrap()(port.state(), deadline) }, 0);
}

#[test]
fn a_wait_ends_at_its_deadline_and_not_before() {
    let port = Port::new();
    // A first, longer deadline must not hide a shorter one, nor a shorter one end a longer.
    for ms in [30, 5, 20] {
        let until = port.now() + ms;
        assert_eq!(port.wait(ms), []);
        let now = port.now();
        assert!(now >= until, "{now} < {until}");
        assert!(now < until + HANG);
    }
    assert_eq!(port.wait(0), []);
}

/// Resting puts off what comes, and loses none of it; what is due already does not wait.
#[test]
fn a_wait_may_rest_before_it_listens() {
    // SAFETY: integers and pointers; all zero is a value of each.
    let mut options: mote::linux::mote_linux_options = unsafe { std::mem::zeroed() };
    options.size = size_of_val(&options) as u32;
    // More than is allowed: a millisecond is.
    options.rest_us = 5_000_000;
    let port = Port::with(&mut options).unwrap();
    let socket = port.udp_open(address("::1", 0), 0, 7).unwrap();
    let own = address("::1", port.udp_port(socket));
    let ready = mote_port_ready { token: 7, flags: MOTE_READY_READABLE };
    let start = Instant::now();
    for round in 1..=20u32 {
        assert_eq!(port.udp_send(socket, &[to(own, b"x")]), Ok(1));
        assert_eq!(port.wait(60_000), [ready]);
        assert!(start.elapsed() >= Duration::from_millis(1) * round);
        assert_eq!(port.udp_receive(socket, &mut [datagram(&mut [0; 4])]), Ok(1));
    }
    // For each rest the processor would be given up once.
    let before = given_up();
    for _ in 0..2000 {
        assert_eq!(port.wait(0), []);
    }
    assert!(given_up() < before + 1000);
    let until = port.now() + 30;
    assert_eq!(port.wait(30), []);
    assert!(port.now() >= until && port.now() < until + HANG);
    // SAFETY: the port is open.
    unsafe { port.alarm().wake.unwrap()(port.state()) };
    assert_eq!(port.wait(60_000), []);
}

/// Spinning changes neither what a wait tells nor when it ends.
#[test]
fn a_wait_may_spin_before_it_sleeps() {
    // SAFETY: integers and pointers; all zero is a value of each.
    let mut options: mote::linux::mote_linux_options = unsafe { std::mem::zeroed() };
    options.size = size_of_val(&options) as u32;
    // More than is allowed, so that it ends in sleep.
    options.spin_us = u32::MAX;
    let port = Port::with(&mut options).unwrap();
    let until = port.now() + 30;
    assert_eq!(port.wait(30), []);
    assert!(port.now() >= until && port.now() < until + HANG);
    assert_eq!(port.wait(0), []);
    let socket = port.udp_open(address("::1", 0), 0, 7).unwrap();
    let own = address("::1", port.udp_port(socket));
    assert_eq!(port.udp_send(socket, &[to(own, b"x")]), Ok(1));
    let ready = mote_port_ready { token: 7, flags: MOTE_READY_READABLE };
    assert_eq!(port.wait(60_000), [ready]);
    // SAFETY: the port is open.
    unsafe { port.alarm().wake.unwrap()(port.state()) };
    assert_eq!(port.wait(60_000), []);
}

#[test]
fn another_thread_wakes_the_node() {
    let port = Port::new();
    let wake = port.alarm().wake.unwrap();
    // Before the sleep begins …
    // SAFETY: the port is open.
    unsafe { wake(port.state()) };
    let start = Instant::now();
    assert_eq!(port.wait(60_000), []);
    // … and during it. Two wakes may end one wait.
    let state = port.state() as usize;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            // SAFETY: the port stays open until the scope ends.
            unsafe { wake(state as *mut _) };
        });
        let mut count = usize::MAX;
        // SAFETY: the port is open; no room for entries is asked for.
        let status = unsafe {
            port.alarm().wait.unwrap()(port.state(), u64::MAX, std::ptr::null_mut(), 0, &mut count)
        };
        assert_eq!((status, count), (0, 0));
    });
    assert!(start.elapsed() < Duration::from_millis(HANG));
}

#[test]
fn the_descriptor_polls_for_time_sockets_and_wakes() {
    let port = Port::new();
    let descriptor = descriptor(&port);
    assert!(!polls(descriptor, 0));
    arm(&port, port.now() + 600_000);
    assert!(!polls(descriptor, 0));
    arm(&port, port.now() + 10);
    assert!(polls(descriptor, 60_000));
    // It stays readable until the node has looked.
    assert!(polls(descriptor, 0));
    assert_eq!(port.wait(0), []);
    assert!(!polls(descriptor, 0));
    arm(&port, 0);
    assert!(polls(descriptor, 60_000));
    assert_eq!(port.wait(0), []);
    arm(&port, port.now() + 5);
    arm(&port, u64::MAX);
    assert!(!polls(descriptor, 30));

    let socket = port.udp_open(address("::1", 0), 0, 4).unwrap();
    let own = address("::1", port.udp_port(socket));
    assert!(!polls(descriptor, 0));
    assert_eq!(port.udp_send(socket, &[to(own, b"x")]), Ok(1));
    assert!(polls(descriptor, 60_000));
    assert_eq!(port.wait(0).len(), 1);
    assert!(!polls(descriptor, 0));

    // SAFETY: the port is open.
    unsafe { port.alarm().wake.unwrap()(port.state()) };
    assert!(polls(descriptor, 60_000));
    assert_eq!(port.wait(0), []);
    assert!(!polls(descriptor, 0));
}

#[test]
fn more_ready_sockets_than_entries_are_all_reported() {
    let port = Port::new();
    let sockets: Vec<_> =
        (0..20).map(|token| port.udp_open(address("127.0.0.1", 0), 0, token).unwrap()).collect();
    for socket in &sockets {
        let own = address("127.0.0.1", port.udp_port(*socket));
        assert_eq!(port.udp_send(*socket, &[to(own, b"x")]), Ok(1));
    }
    let mut tokens: Vec<u32> = Vec::new();
    while tokens.len() < 20 {
        // The fixture has room for eight.
        let ready = port.wait(60_000);
        assert!(!ready.is_empty());
        tokens.extend(ready.iter().map(|ready| ready.token));
    }
    tokens.sort_unstable();
    assert!(tokens.into_iter().eq(0..20));
    // Nowhere to report to: nothing is lost.
    let own = address("127.0.0.1", port.udp_port(sockets[3]));
    assert_eq!(port.udp_send(sockets[0], &[to(own, b"x")]), Ok(1));
    let mut count = usize::MAX;
    // SAFETY: the port is open.
    unsafe {
        let wait = port.alarm().wait.unwrap();
        assert_eq!(wait(port.state(), u64::MAX, std::ptr::null_mut(), 0, &mut count), 0);
        assert_eq!(wait(port.state(), 0, std::ptr::null_mut(), 1, &mut count), Error::Invalid.code());
    }
    assert_eq!(port.wait(60_000), [mote_port_ready { token: 3, flags: MOTE_READY_READABLE }]);
}

/// Opens a socket, and leaves behind some of what came to it in one go: with the system, or with the port where it came joined.
fn with_something_left(port: &Port, token: u32) -> usize {
    let socket = port.udp_open(address("::1", 0), 0, token).unwrap();
    let peer = port.udp_open(address("::1", 0), 0, 99).unwrap();
    let there = address("::1", port.udp_port(socket));
    // Whoever asks for many may be given what comes joined.
    assert_eq!(take(port, socket, 20), Err(WOULD_BLOCK));
    assert_eq!(port.udp_send(peer, &[to(there, b"x"); 40]), Ok(40));
    port.udp_close(peer);
    assert_eq!(take(port, socket, 20), Ok(20));
    socket
}

/// Receives into so many buffers.
fn take(port: &Port, socket: usize, capacity: usize) -> Result<usize, i32> {
    let mut buffers = vec![[0; 4]; capacity];
    let mut entries: Vec<_> = buffers.iter_mut().map(|buffer| datagram(buffer)).collect();
    port.udp_receive(socket, &mut entries)
}

#[test]
fn the_descriptor_polls_for_what_was_left_behind() {
    let port = Port::new();
    let descriptor = descriptor(&port);
    let socket = with_something_left(&port, 4);
    arm(&port, u64::MAX);
    assert!(polls(descriptor, 60_000));
    assert_eq!(port.wait(0), [mote_port_ready { token: 4, flags: MOTE_READY_READABLE }]);
    assert_eq!(take(&port, socket, 64), Ok(20));
    arm(&port, u64::MAX);
    assert_eq!(port.wait(0), []);
    assert!(!polls(descriptor, 0));
}

#[test]
fn what_was_left_with_the_system_and_with_the_port_is_reported_together() {
    let port = Port::new();
    let socket = port.udp_open(address("::1", 0), 0, 3).unwrap();
    let own = address("::1", port.udp_port(socket));
    assert_eq!(port.udp_send(socket, &[to(own, b"x"), to(own, b"y")]), Ok(2));
    assert_eq!(take(&port, socket, 1), Ok(1));
    with_something_left(&port, 4);
    let mut tokens: Vec<u32> = port.wait(60_000).iter().map(|ready| ready.token).collect();
    tokens.sort_unstable();
    assert_eq!(tokens, [3, 4]);
}

/// One entry, and two that have something to tell: each is heard, that there is room to send too.
#[test]
fn what_finds_no_entry_is_reported_next_time() {
    let port = Port::new();
    let wait = || {
        let mut ready = [mote_port_ready::default()];
        let mut count = usize::MAX;
        let deadline = port.now() + HANG;
        // SAFETY: the port is open.
        let status = unsafe {
            port.alarm().wait.unwrap()(port.state(), deadline, ready.as_mut_ptr(), ready.len(), &mut count)
        };
        assert_eq!((status, count), (0, 1));
        ready[0]
    };
    let tcp = Tcp(&port);
    let (pipe, mut peer) = connected(&tcp, "127.0.0.1", 5);
    let mut filled = 0;
    while let Ok(count) = tcp.send(pipe, &[0; 65536]) {
        filled += count;
    }
    let sockets = [6, 7].map(|token| with_something_left(&port, token));
    peer.read_exact(&mut vec![0; filled]).unwrap();
    // The system tells that there is room before it tells of these.
    let mut polled = libc::pollfd { fd: descriptor(&port), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, writable.
    assert_eq!(unsafe { libc::poll(&mut polled, 1, 60_000) }, 1);
    let (mut heard, mut writable) = ([0; 8], false);
    while heard[6] != 20 || heard[7] != 20 || !writable {
        let ready = wait();
        match ready.token {
            5 => writable |= ready.flags & MOTE_READY_WRITABLE != 0,
            token => heard[token as usize] += take(&port, sockets[token as usize - 6], 20).unwrap_or(0),
        }
    }
}

#[test]
fn a_closed_socket_is_not_reported() {
    let port = Port::new();
    let socket = port.udp_open(address("::1", 0), 0, 4).unwrap();
    let own = address("::1", port.udp_port(socket));
    assert_eq!(port.udp_send(socket, &[to(own, b"x")]), Ok(1));
    port.udp_close(socket);
    assert_eq!(port.wait(10), []);
    // Nor are those among others in which a receive left something behind.
    let sockets = [5, 6, 7].map(|token| port.udp_open(address("::1", 0), 0, token).unwrap());
    for socket in sockets {
        let own = address("::1", port.udp_port(socket));
        assert_eq!(port.udp_send(socket, &[to(own, b"x"), to(own, b"y")]), Ok(2));
        assert_eq!(port.udp_receive(socket, &mut [datagram(&mut [0; 4])]), Ok(1));
    }
    assert_eq!(port.wait(0).len(), 3);
    for socket in sockets {
        let own = address("::1", port.udp_port(socket));
        assert_eq!(port.udp_send(socket, &[to(own, b"z")]), Ok(1));
        assert_eq!(port.udp_receive(socket, &mut [datagram(&mut [0; 4])]), Ok(1));
    }
    port.udp_close(sockets[1]);
    let mut tokens: Vec<u32> = port.wait(0).iter().map(|ready| ready.token).collect();
    tokens.sort_unstable();
    assert_eq!(tokens, [5, 7]);
}

#[test]
fn closing_a_node_closes_its_descriptors() {
    let port = Port::new();
    let descriptor = descriptor(&port);
    for token in 0..3 {
        port.udp_open(address("::1", 0), 0, token).unwrap();
    }
    // SAFETY: asks for flags only.
    let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
    assert_eq!(flags, libc::FD_CLOEXEC);
    drop(port);
    // That another test has not opened the number again meanwhile cannot be known; sockets are counted
    // in `sockets_do_not_pile_up`.
}

#[test]
fn sockets_do_not_pile_up() {
    // Far more than the system lets be open at a time, in open nodes and in closed ones.
    for _ in 0..40 {
        let port = Port::new();
        for token in 0..100 {
            let socket = port.udp_open(address("::1", 0), 0, token).unwrap();
            if token % 2 == 0 {
                port.udp_close(socket);
            }
        }
    }
}

#[test]
fn the_clock_goes_on() {
    let port = Port::new();
    let start = Instant::now();
    let before = port.now();
    std::thread::sleep(Duration::from_millis(5));
    let passed = u128::from(port.now() - before);
    assert!((4..=start.elapsed().as_millis() + 1).contains(&passed), "{passed}");
}

#[test]
fn entropy_fills_all() {
    let port = Port::new();
    let mut bytes = [0u8; 1000];
    // SAFETY: the table is complete, and the buffer writable.
    unsafe {
        let fill = (*port.table.entropy).fill.unwrap();
        assert_eq!(fill(port.state(), bytes.as_mut_ptr(), bytes.len()), 0);
        assert_eq!(fill(port.state(), std::ptr::null_mut(), 1), Error::Invalid.code());
        assert_eq!(fill(port.state(), std::ptr::null_mut(), 0), 0);
    }
    // Sixteen zero bytes in a row would be an unfilled part.
    assert!(bytes.windows(16).all(|run| run.iter().any(|byte| *byte != 0)));
}

#[test]
fn a_log_line_may_be_anything() {
    let port = Port::new();
    // SAFETY: the table is complete, and the texts readable.
    unsafe {
        let write = (*port.table.log).write.unwrap();
        write(port.state(), MOTE_LOG_DEBUG, mote_bytes { ptr: b"hidden".as_ptr(), len: 6 });
        write(port.state(), MOTE_LOG_WARNING, mote_bytes { ptr: std::ptr::null(), len: 0 });
        write(port.state(), MOTE_LOG_WARNING, mote_bytes { ptr: std::ptr::null(), len: 5 });
    }
}
