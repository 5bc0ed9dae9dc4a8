// SPDX-License-Identifier: MIT OR Apache-2.0
//! Captures.

use crate::fixture::{Port, address};
use mote::port::*;
use mote::status::Error;

fn with_capture(path: &str) -> Result<Port, i32> {
    // SAFETY: integers and pointers; all zero is a value of each.
    let mut options: mote::linux::mote_linux_options = unsafe { std::mem::zeroed() };
    options.size = size_of_val(&options) as u32;
    options.capture_path = mote_bytes { ptr: path.as_ptr(), len: path.len() };
    Port::with(&mut options)
}

fn pass(port: &Port, kind: u32, ends: Option<(&mote_address, &mote_address)>, data: &[u8]) {
    let (source, destination) = ends
        .map_or((std::ptr::null(), std::ptr::null()), |(source, to)| (&raw const *source, &raw const *to));
    // SAFETY: the table is complete, and all is readable.
    unsafe {
        let pass = (*port.table.tap).pass.unwrap();
        pass(port.state(), kind, source, destination, mote_bytes { ptr: data.as_ptr(), len: data.len() });
    }
}

fn active(port: &Port) -> u8 {
    // SAFETY: the table is complete.
    unsafe { (*port.table.tap).active.unwrap()(port.state()) }
}

/// The blocks of a capture: type and body.
fn blocks(mut bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let word = |bytes: &[u8]| u32::from_ne_bytes(bytes[..4].try_into().unwrap());
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        let length = word(&bytes[4..]) as usize;
        assert_eq!((length % 4, word(&bytes[length - 4..]) as usize), (0, length));
        blocks.push((word(bytes), bytes[8..length - 4].to_vec()));
        bytes = &bytes[length..];
    }
    blocks
}

#[test]
fn a_capture_holds_datagrams_and_frames() {
    let path = std::env::temp_dir().join(format!("mote-tap-{}.pcapng", std::process::id()));
    let port = with_capture(path.to_str().unwrap()).unwrap();
    assert_eq!(active(&port), 1);
    let (v4, v6) = (address("192.0.2.1", 5683), address("2001:db8::1", 7));
    pass(&port, MOTE_TAP_UDP, Some((&address("::", 9), &v4)), b"hello");
    pass(&port, MOTE_TAP_UDP, Some((&v6, &v6)), b"");
    pass(&port, MOTE_TAP_FRAME, None, &[2, 0, 7]);
    // Neither a datagram without ends nor an unknown kind is written.
    pass(&port, MOTE_TAP_UDP, None, b"x");
    pass(&port, 99, None, b"x");
    drop(port);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let blocks = blocks(&bytes);
    assert_eq!(blocks.iter().map(|block| block.0).collect::<Vec<_>>(), [0x0a0d_0d0a, 1, 1, 6, 6, 6]);
    let link_types: Vec<u8> = blocks[1..3].iter().map(|block| block.1[0]).collect();
    assert_eq!(link_types, [101, 230]);
    let packets: Vec<(u8, usize, &[u8])> = blocks[3..]
        .iter()
        .map(|(_, body)| {
            let length = u32::from_ne_bytes(body[12..16].try_into().unwrap()) as usize;
            (body[0], length, &body[20..20 + length])
        })
        .collect();
    // IPv4 from 0.0.0.0:9 to 192.0.2.1:5683 with five bytes.
    let (interface, length, packet) = packets[0];
    assert_eq!(
        (interface, length, packet[0], &packet[12..20]),
        (0, 33, 0x45, &[0, 0, 0, 0, 192, 0, 2, 1][..])
    );
    assert_eq!((&packet[20..26], &packet[28..]), (&[0, 9, 0x16, 0x33, 0, 13][..], &b"hello"[..]));
    assert_eq!((packets[1].0, packets[1].1, packets[1].2[0]), (0, 48, 0x60));
    assert_eq!(packets[2], (1, 3, &[2u8, 0, 7][..]));
}

#[test]
fn without_a_path_nobody_looks() {
    let port = Port::new();
    assert_eq!(active(&port), 0);
    pass(&port, MOTE_TAP_FRAME, None, b"x");
}

#[test]
fn a_path_that_cannot_be_opened_fails_the_node() {
    assert_eq!(with_capture("/nowhere/to/be/found").err(), Some(Error::Io.code()));
}
