// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections over the Linux port, to sockets of the standard library.

use super::*;
use crate::ffi::node::{Driver, mote_node_config, mote_node_init, mote_node_run};
use crate::ffi::opaque::mote_node;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener};

struct Owner {
    stream: TcpStream,
    inlet: Inlet,
    events: Vec<StreamEvent<'static>>,
    received: Vec<u8>,
    consume: bool,
}

static OWNER: Driver = Driver { poll, deadline, datagram: Driver::NO_DATAGRAM, ready };

unsafe fn owner<'a>(object: *mut c_void) -> &'a mut Owner {
    // SAFETY: attached by `Client::new`, and leaked.
    unsafe { &mut *object.cast::<Owner>() }
}

unsafe fn poll(object: *mut c_void) -> bool {
    // SAFETY: as in `owner`.
    let owner = unsafe { owner(object) };
    let now = owner.stream.node.now();
    let Some(event) = owner.stream.advance(now, &mut owner.inlet) else { return false };
    // The bytes stay in place until the next `advance` alone.
    owner.events.push(if let StreamEvent::Received(_) = event { StreamEvent::Received(&[]) } else { event });
    if owner.consume {
        let bytes = owner.inlet.bytes();
        owner.received.extend_from_slice(bytes);
        owner.inlet.consume(bytes.len());
    }
    true
}

unsafe fn deadline(object: *const c_void) -> Instant {
    // SAFETY: as in `owner`.
    unsafe { &*object.cast::<Owner>() }.stream.next_deadline()
}

unsafe fn ready(object: *mut c_void, source: Handle, readable: bool, writable: bool) -> bool {
    // SAFETY: as in `owner`.
    unsafe { owner(object) }.stream.ready(source, readable, writable);
    false
}

struct Client {
    node: *mut mote_node,
    owner: &'static mut Owner,
}

impl Client {
    fn new() -> Client {
        let port = crate::linux::mote_port_linux();
        // SAFETY: all zeros is the default config.
        let mut config: mote_node_config = unsafe { core::mem::zeroed() };
        config.size = size_of::<mote_node_config>() as u32;
        config.port = port;
        let memory = vec![0u8; 64 * 1024].leak();
        let mut node = core::ptr::null_mut();
        // SAFETY: everything is valid and leaked.
        let status =
            unsafe { mote_node_init(memory.as_mut_ptr(), memory.len(), &raw const config, &raw mut node) };
        assert_eq!(status, 0);
        // SAFETY: just made.
        let reference = unsafe { NodeRef::new(node) }.unwrap();
        let nobody = Handle::from_raw(1).unwrap();
        let owner = Box::leak(Box::new(Owner {
            stream: TcpStream::new(reference, nobody),
            inlet: Inlet::new(vec![0u8; 256].leak()),
            events: Vec::new(),
            received: Vec::new(),
            consume: true,
        }));
        let handle = reference.attach((&raw mut *owner).cast(), &OWNER).unwrap();
        owner.stream.owner = handle;
        Client { node, owner }
    }

    /// Runs until `done`, or for so many turns that something must be wrong.
    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Owner) -> bool) {
        for _ in 0..3000 {
            if done(self.owner) {
                return;
            }
            // SAFETY: a node made by `new`.
            assert_eq!(unsafe { mote_node_run(self.node, 20) }, 0);
        }
        panic!("{what} never came; events: {:?}", self.owner.events);
    }

    fn until_event(&mut self, event: StreamEvent<'_>) {
        self.until(&format!("{event:?}"), |owner| owner.events.contains(&event));
    }
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn bytes_go_both_ways_and_each_direction_ends_apart() {
    let (listener, port) = listener();
    let mut client = Client::new();
    client.owner.stream.connect("127.0.0.1", port).unwrap();
    assert_eq!(client.owner.stream.connect("127.0.0.1", port), Err(Error::State));
    client.until_event(StreamEvent::Connected);
    let (mut peer, _) = listener.accept().unwrap();

    // More than the inlet holds arrives in pieces and in order.
    let sent: Vec<u8> = (0..5000u32).map(|number| number as u8).collect();
    peer.write_all(&sent).unwrap();
    client.until("all bytes", |owner| owner.received.len() >= sent.len());
    assert_eq!(client.owner.received, sent);

    peer.shutdown(Shutdown::Write).unwrap();
    client.until_event(StreamEvent::Closed);
    assert_eq!(client.owner.stream.write(b"still open"), Ok(10));
    client.owner.stream.shutdown();
    let mut rest = String::new();
    peer.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "still open");
    client.owner.stream.close();
    assert_eq!(client.owner.stream.write(b"x"), Err(Error::Transport));
}

#[test]
fn a_full_inlet_holds_the_peer_back_without_spinning() {
    let (listener, port) = listener();
    let mut client = Client::new();
    client.owner.consume = false;
    client.owner.stream.connect("127.0.0.1", port).unwrap();
    client.until_event(StreamEvent::Connected);
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(&[7; 1000]).unwrap();
    client.until("a full inlet", |owner| owner.inlet.bytes().len() == 256);
    let events = client.owner.events.len();
    for _ in 0..5 {
        // SAFETY: a node made by `new`.
        assert_eq!(unsafe { mote_node_run(client.node, 10) }, 0);
    }
    assert_eq!(client.owner.events.len(), events);
    client.owner.consume = true;
    client.owner.received = client.owner.inlet.bytes().to_vec();
    client.owner.inlet.consume(256);
    client.owner.stream.node.touch(client.owner.stream.owner);
    client.until("the rest", |owner| owner.received.len() == 1000);
}

#[test]
fn a_peer_that_does_not_read_is_back_pressure_and_then_room() {
    let (listener, port) = listener();
    let mut client = Client::new();
    client.owner.stream.connect("localhost", port).unwrap();
    client.until_event(StreamEvent::Connected);
    let (mut peer, _) = listener.accept().unwrap();
    let chunk = [3; 65536];
    let mut written = 0;
    loop {
        match client.owner.stream.write(&chunk) {
            Ok(count) => written += count,
            Err(error) => {
                assert_eq!(error, Error::WouldBlock);
                break;
            }
        }
        assert!(written < 100 << 20, "the peer's window has no end");
    }
    let mut read = 0;
    let mut buffer = vec![0; 65536];
    while read < written {
        read += peer.read(&mut buffer).unwrap();
    }
    assert_eq!(read, written);
    client.until_event(StreamEvent::Writable);
}

#[test]
fn nobody_there_an_unknown_name_and_a_broken_connection_are_failures() {
    let (nobody, port) = listener();
    drop(nobody);
    let mut client = Client::new();
    client.owner.stream.connect("127.0.0.1", port).unwrap();
    client.until_event(StreamEvent::Failed(Error::Refused));

    assert_eq!(client.owner.stream.connect("", port), Err(Error::Invalid));
    client.owner.stream.connect("no-such-host.invalid", port).unwrap();
    client.until("a failed look-up", |owner| {
        owner.events.iter().any(|event| matches!(event, StreamEvent::Failed(Error::NotFound | Error::Io)))
    });

    client.owner.events.clear();
    let (listener, port) = listener();
    client.owner.stream.connect("[127.0.0.1]", port).unwrap();
    client.until_event(StreamEvent::Connected);
    let (peer, _) = listener.accept().unwrap();
    // Closing with unread bytes resets the connection.
    client.owner.stream.write(b"unread").unwrap();
    peer.peek(&mut [0]).unwrap();
    drop(peer);
    client.until("a reset", |owner| {
        owner.events.iter().any(|event| matches!(event, StreamEvent::Failed(_) | StreamEvent::Closed))
    });
    assert_eq!(client.owner.events.last(), Some(&StreamEvent::Failed(Error::Reset)));
}
