// SPDX-License-Identifier: MIT OR Apache-2.0
//! TCP connections, against the standard library's sockets.

use crate::fixture::{Port, WOULD_BLOCK, address};
use mote::port::*;
use mote::status::Error;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

/// The connections of one port.
pub struct Tcp<'a>(pub &'a Port);

impl Tcp<'_> {
    fn table(&self) -> mote_port_tcp {
        // SAFETY: the table is complete, here and below; the handles are open.
        unsafe { *self.0.table.tcp }
    }

    fn open(&self, remote: mote_address, token: u32) -> Result<usize, i32> {
        let mut socket = 0;
        // SAFETY: as above.
        match unsafe { self.table().open.unwrap()(self.0.state(), &remote, token, &mut socket) } {
            0 => Ok(socket),
            status => Err(status),
        }
    }

    fn connected(&self, socket: usize) -> i32 {
        // SAFETY: as above.
        unsafe { self.table().connected.unwrap()(self.0.state(), socket) }
    }

    fn receive(&self, socket: usize, capacity: usize) -> Result<Vec<u8>, i32> {
        let mut bytes = vec![0; capacity];
        let mut count = usize::MAX;
        // SAFETY: as above.
        let status = unsafe {
            self.table().receive.unwrap()(self.0.state(), socket, bytes.as_mut_ptr(), capacity, &mut count)
        };
        assert_eq!(status == 0, count != usize::MAX, "outputs are written on success only");
        if status != 0 {
            return Err(status);
        }
        assert!(count > 0, "zero is never a count");
        bytes.truncate(count);
        Ok(bytes)
    }

    pub fn send(&self, socket: usize, bytes: &[u8]) -> Result<usize, i32> {
        let mut count = usize::MAX;
        // SAFETY: as above.
        let status = unsafe {
            self.table().send.unwrap()(self.0.state(), socket, bytes.as_ptr(), bytes.len(), &mut count)
        };
        assert_eq!(status == 0, count != usize::MAX, "outputs are written on success only");
        if status == 0 { Ok(count) } else { Err(status) }
    }

    fn shutdown(&self, socket: usize) {
        // SAFETY: as above.
        unsafe { self.table().shutdown.unwrap()(self.0.state(), socket) }
    }

    fn close(&self, socket: usize) {
        // SAFETY: as above.
        unsafe { self.table().close.unwrap()(self.0.state(), socket) }
    }
}

fn own(address_of: SocketAddr) -> mote_address {
    address(&address_of.ip().to_string(), address_of.port())
}

/// A connection and its other end.
pub fn connected(tcp: &Tcp, host: &str, token: u32) -> (usize, TcpStream) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let socket = tcp.open(own(listener.local_addr().unwrap()), token).unwrap();
    let ready = tcp.0.wait(60_000);
    assert_eq!((ready.len(), ready[0].token, ready[0].flags & MOTE_READY_READABLE), (1, token, 1));
    assert_eq!(tcp.connected(socket), 0);
    assert_eq!(tcp.connected(socket), 0);
    (socket, listener.accept().unwrap().0)
}

#[test]
fn bytes_go_both_ways_over_both_families() {
    for host in ["127.0.0.1", "::1"] {
        let port = Port::new();
        let tcp = Tcp(&port);
        let (socket, mut peer) = connected(&tcp, host, 5);
        assert_eq!(tcp.receive(socket, 8), Err(WOULD_BLOCK));
        assert_eq!(port.wait(0), []);
        assert_eq!(tcp.send(socket, b"question"), Ok(8));
        let mut question = [0; 8];
        peer.read_exact(&mut question).unwrap();
        assert_eq!(&question, b"question");
        peer.write_all(b"an answer").unwrap();
        assert_eq!(port.wait(60_000), [mote_port_ready { token: 5, flags: MOTE_READY_READABLE }]);
        // What a small buffer leaves behind is reported again.
        assert_eq!(tcp.receive(socket, 3), Ok(b"an ".to_vec()));
        assert_eq!(port.wait(60_000), [mote_port_ready { token: 5, flags: MOTE_READY_READABLE }]);
        assert_eq!(port.wait(0), []);
        assert_eq!(tcp.receive(socket, 30), Ok(b"answer".to_vec()));
        assert_eq!(tcp.receive(socket, 30), Err(WOULD_BLOCK));
        tcp.close(socket);
        assert_eq!(port.wait(5), []);
    }
}

/// Waits rest while a connection is flooded that nothing is sent on: nothing is lost or comes out of its order, and the last bytes come too.
#[test]
fn a_flood_comes_whole() {
    let port = Port::new();
    let tcp = Tcp(&port);
    let (socket, mut peer) = connected(&tcp, "127.0.0.1", 5);
    peer.set_nodelay(true).unwrap();
    const COUNT: u32 = 20_000;
    let flood = std::thread::spawn(move || {
        for number in 0..COUNT {
            peer.write_all(&number.to_be_bytes()).unwrap();
        }
        peer
    });
    let mut came = Vec::new();
    while came.len() < COUNT as usize * 4 {
        assert_eq!(port.wait(60_000), [mote_port_ready { token: 5, flags: MOTE_READY_READABLE }]);
        came.extend(tcp.receive(socket, 65536).unwrap());
    }
    for (number, bytes) in came.chunks(4).enumerate() {
        assert_eq!(bytes, (number as u32).to_be_bytes());
    }
    let mut peer = flood.join().unwrap();
    // Answered from here on.
    for _ in 0..100 {
        assert_eq!(tcp.send(socket, b"?"), Ok(1));
        peer.write_all(b"!").unwrap();
        assert_eq!(port.wait(60_000), [mote_port_ready { token: 5, flags: MOTE_READY_READABLE }]);
        assert_eq!(tcp.receive(socket, 30), Ok(b"!".to_vec()));
    }
}

#[test]
fn what_comes_after_a_receive_that_took_all_is_reported_and_so_is_the_end() {
    let port = Port::new();
    let tcp = Tcp(&port);
    let (socket, mut peer) = connected(&tcp, "127.0.0.1", 5);
    for text in [b"one", b"two", b"six"] {
        peer.write_all(text).unwrap();
        assert_eq!(port.wait(60_000), [mote_port_ready { token: 5, flags: MOTE_READY_READABLE }]);
        assert_eq!(tcp.receive(socket, 30), Ok(text.to_vec()));
        // Whether or not it is asked once more than it need be.
        if text != b"two" {
            assert_eq!(tcp.receive(socket, 30), Err(WOULD_BLOCK));
        }
    }
    // The last bytes together with the end.
    peer.write_all(b"end").unwrap();
    drop(peer);
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(port.wait(60_000)[0].flags, MOTE_READY_READABLE | MOTE_READY_CLOSED);
    assert_eq!(tcp.receive(socket, 30), Ok(b"end".to_vec()));
    assert_eq!(tcp.receive(socket, 30), Err(Error::Closed.code()));
    tcp.close(socket);
    // The end alone, after all has been taken.
    let (socket, mut peer) = connected(&tcp, "127.0.0.1", 6);
    peer.write_all(b"all").unwrap();
    assert_eq!(port.wait(60_000).len(), 1);
    assert_eq!(tcp.receive(socket, 30), Ok(b"all".to_vec()));
    drop(peer);
    assert_eq!(port.wait(60_000)[0].flags, MOTE_READY_READABLE | MOTE_READY_CLOSED);
    assert_eq!(tcp.receive(socket, 30), Err(Error::Closed.code()));
}

#[test]
fn a_full_pipe_blocks_and_tells_when_there_is_room() {
    let port = Port::new();
    let tcp = Tcp(&port);
    let (socket, mut peer) = connected(&tcp, "127.0.0.1", 5);
    let data: Vec<u8> = (0..8_000_000u32).map(|index| (index % 251) as u8).collect();
    // It reads once the pipe is full.
    let (full, until_full) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        until_full.recv().unwrap();
        let mut all = Vec::new();
        peer.read_to_end(&mut all).map(|_| all)
    });
    let (mut sent, mut blocked, mut waits) = (0, 0, 0);
    while sent < data.len() {
        match tcp.send(socket, &data[sent..]) {
            Ok(count) => sent += count,
            Err(status) => {
                assert_eq!(status, WOULD_BLOCK);
                blocked += 1;
                let _ = full.send(());
                loop {
                    let ready = port.wait(60_000);
                    waits += 1;
                    assert!(!ready.is_empty(), "no room within a minute");
                    if ready[0].flags & MOTE_READY_WRITABLE != 0 {
                        break;
                    }
                }
            }
        }
    }
    assert!(blocked > 0, "the pipe never was full");
    assert!(waits <= 2 * blocked, "{waits} waits for {blocked} blocks");
    // Everything taken arrives, although we end our direction at once.
    tcp.shutdown(socket);
    assert!(reader.join().unwrap().unwrap() == data);
    // The reader has gone: that is an end, fetched once, and no reason to spin.
    assert_eq!(port.wait(60_000).len(), 1);
    assert_eq!(tcp.receive(socket, 9), Err(Error::Closed.code()));
    assert_eq!(port.wait(20), []);
}

#[test]
fn a_peer_that_ends_its_direction_is_still_heard_to_the_end_and_can_be_spoken_to() {
    let port = Port::new();
    let tcp = Tcp(&port);
    let (socket, mut peer) = connected(&tcp, "::1", 5);
    peer.write_all(b"last words").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    let mut waits = 0;
    let end = loop {
        let ready = port.wait(60_000);
        assert_eq!(ready.len(), 1, "neither bytes nor the end may be missed");
        waits += 1;
        // One receive for each report, as a frugal node would do.
        match tcp.receive(socket, 4) {
            Ok(bytes) => heard.extend(bytes),
            Err(status) if status == WOULD_BLOCK => {}
            Err(status) => break status,
        }
    };
    assert_eq!((&heard[..], end), (&b"last words"[..], Error::Closed.code()));
    assert!(waits <= 6);
    assert_eq!(tcp.receive(socket, 4), Err(Error::Closed.code()));
    assert_eq!(port.wait(20), [], "an end that was fetched is not reported again");
    assert_eq!(tcp.send(socket, b"thanks"), Ok(6));
    tcp.shutdown(socket);
    let mut thanks = Vec::new();
    peer.read_to_end(&mut thanks).unwrap();
    assert_eq!(thanks, b"thanks");
}

#[test]
fn a_connection_that_breaks_says_reset_and_no_signal_kills() {
    let port = Port::new();
    let tcp = Tcp(&port);
    let (socket, peer) = connected(&tcp, "127.0.0.1", 5);
    // Closing with unread bytes resets the connection.
    assert_eq!(tcp.send(socket, b"unread"), Ok(6));
    let mut byte = [0];
    peer.peek(&mut byte).unwrap();
    drop(peer);
    let ready = port.wait(60_000);
    assert_eq!(ready.len(), 1);
    assert_ne!(ready[0].flags & MOTE_READY_CLOSED, 0);
    assert_eq!(port.wait(20), [], "an error that nobody fetches is reported once");
    assert_eq!(tcp.receive(socket, 4), Err(Error::Reset.code()));
    assert_eq!(tcp.receive(socket, 4), Err(Error::Reset.code()));
    for _ in 0..2 {
        assert_eq!(tcp.send(socket, b"x"), Err(Error::Reset.code()));
    }
    assert_eq!(port.wait(20), []);
}

#[test]
fn refusal_is_told_and_not_repeated() {
    let port = Port::new();
    let tcp = Tcp(&port);
    for host in ["127.0.0.1", "::1"] {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let nobody = own(listener.local_addr().unwrap());
        drop(listener);
        let socket = tcp.open(nobody, 6).unwrap();
        assert_eq!(port.wait(60_000).len(), 1);
        assert_eq!(tcp.connected(socket), Error::Refused.code());
        assert_eq!(tcp.connected(socket), Error::Refused.code());
        assert_eq!(port.wait(20), []);
        tcp.close(socket);
    }
}

#[test]
fn where_no_connection_can_go_is_unreachable() {
    let port = Port::new();
    let tcp = Tcp(&port);
    for nowhere in ["255.255.255.255", "224.0.1.187"] {
        assert_eq!(tcp.open(address(nowhere, 9), 6), Err(Error::Unreachable.code()), "{nowhere}");
    }
    assert_eq!(port.wait(0), []);
}

#[test]
fn an_attempt_under_way_neither_receives_nor_sends() {
    let port = Port::new();
    let tcp = Tcp(&port);
    // A listener whose queue is full leaves the attempt hanging.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: a plain system call on an open socket.
    unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 0) };
    let remote = own(listener.local_addr().unwrap());
    let sockets: Vec<usize> = (0..4).map(|token| tcp.open(remote, token).unwrap()).collect();
    port.wait(50);
    let hanging = *sockets.last().unwrap();
    assert_eq!(tcp.connected(hanging), WOULD_BLOCK);
    assert_eq!(tcp.receive(hanging, 1), Err(WOULD_BLOCK));
    assert_eq!(tcp.send(hanging, b"x"), Err(WOULD_BLOCK));
    tcp.close(hanging);
}

#[test]
fn handles_of_the_other_kind_are_refused() {
    let port = Port::new();
    let tcp = Tcp(&port);
    let udp = port.udp_open(address("::1", 0), 0, 1).unwrap();
    let invalid = Error::Invalid.code();
    assert_eq!(tcp.connected(udp), invalid);
    assert_eq!(tcp.connected(0), invalid);
    assert_eq!(tcp.receive(udp, 1), Err(invalid));
    tcp.close(udp);
    assert_ne!(port.udp_port(udp), 0);
}
