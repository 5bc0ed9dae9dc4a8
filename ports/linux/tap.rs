// SPDX-License-Identifier: MIT OR Apache-2.0
//! Captures in the pcapng format, which holds datagrams and radio frames in one file.
//!
//! UDP datagrams get the IP and UDP headers that they are given here, with true addresses, ports and
//! checksums, since what the system really sent is not seen by an application.

use super::sys::{self, Fd};
use super::{State, basics, options};
use crate::address::{Ip, SocketAddress};
use crate::port::{
    MOTE_LOG_WARNING, MOTE_TAP_FRAME, MOTE_TAP_UDP, mote_address, mote_bytes, mote_port_tap, mote_status,
};
use crate::sim::pcap;
use crate::status::Error;
use core::ffi::c_void;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) static TAP: mote_port_tap = mote_port_tap {
    size: size_of::<mote_port_tap>() as u32,
    reserved: 0,
    pass: Some(pass),
    active: Some(active),
};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

/// The numbers of the interfaces, in the order of their descriptions.
const IP_INTERFACE: u32 = 0;
const RADIO_INTERFACE: u32 = 1;

/// Opens the capture file and writes its front; `None` for an empty path.
pub(super) fn open(path: mote_bytes) -> Result<Option<Fd>, mote_status> {
    let Some(path) = options::path(path)? else { return Ok(None) };
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | libc::O_CLOEXEC;
    // SAFETY: the path ends with a NUL.
    let file = Fd::new(unsafe { libc::open(path.as_ptr(), flags, 0o644) }).map_err(|_| Error::Io.code())?;
    let mut front = Vec::with_capacity(128);
    // Byte order, version 1.0, length not known.
    let (order, major) = (0x1a2b_3c4d_u32.to_ne_bytes(), 1u16.to_ne_bytes());
    put_block(&mut front, SECTION_HEADER, &[&order, &major, &[0; 2], &[0xff; 8]]);
    for link_type in [pcap::RAW_IP, pcap::IEEE802154_NO_FCS] {
        // The type in two bytes, two reserved ones, and no limit to the length of a packet.
        let link_type = (link_type as u16).to_ne_bytes();
        put_block(&mut front, INTERFACE_DESCRIPTION, &[&link_type, &[0; 2], &[0; 4]]);
    }
    if write(&file, &front) { Ok(Some(file)) } else { Err(Error::Io.code()) }
}

/// Appends one block: type, length, the parts filled up to whole words, and the length again.
fn put_block(out: &mut Vec<u8>, kind: u32, parts: &[&[u8]]) {
    let body: usize = parts.iter().map(|part| part.len()).sum();
    let padded = body.next_multiple_of(4);
    let length = (padded as u32 + 12).to_ne_bytes();
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&length);
    for part in parts {
        out.extend_from_slice(part);
    }
    out.resize(out.len() + padded - body, 0);
    out.extend_from_slice(&length);
}

/// In one call, so that a block is whole or missing.
fn write(file: &Fd, bytes: &[u8]) -> bool {
    // SAFETY: the bytes are readable for their length.
    let write = || unsafe { libc::write(file.raw(), bytes.as_ptr().cast(), bytes.len()) };
    sys::moved(write) == Ok(bytes.len())
}

unsafe extern "C" fn active(state: *mut c_void) -> u8 {
    // SAFETY: the state is the node's, by the service's contract.
    unsafe { State::of(state) }.is_ok_and(|state| state.capture.is_some()).into()
}

unsafe extern "C" fn pass(
    state: *mut c_void,
    kind: u32,
    source: *const mote_address,
    destination: *const mote_address,
    data: mote_bytes,
) {
    // SAFETY: the state is the node's, by the service's contract.
    let Ok(state) = (unsafe { State::of(state) }) else { return };
    let Some(file) = state.capture.as_ref().filter(|_| !state.capture_failed.get()) else { return };
    // SAFETY: data and addresses are lent for the call, by the service's contract.
    let (data, source, destination) =
        match unsafe { (crate::ffi::arguments::slice(data), source.as_ref(), destination.as_ref()) } {
            (Ok(data), source, destination) => (data, source, destination),
            _ => return,
        };
    let mut block = Vec::with_capacity(data.len() + 96);
    match (kind, source, destination) {
        (MOTE_TAP_UDP, Some(source), Some(destination)) => {
            let (source, destination) = same_family((*source).into(), (*destination).into());
            put_packet(&mut block, IP_INTERFACE, &pcap::udp(source, destination, data));
        }
        (MOTE_TAP_FRAME, ..) => put_packet(&mut block, RADIO_INTERFACE, data),
        _ => return,
    }
    if !write(file, &block) {
        // What would follow half a block could not be read: the capture ends here.
        state.capture_failed.set(true);
        basics::say(state, MOTE_LOG_WARNING, b"the capture ends here: it cannot be written");
    }
}

fn put_packet(out: &mut Vec<u8>, interface: u32, packet: &[u8]) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as u64);
    let length = (packet.len() as u32).to_ne_bytes();
    let high = ((now >> 32) as u32).to_ne_bytes();
    let low = (now as u32).to_ne_bytes();
    put_block(out, ENHANCED_PACKET, &[&interface.to_ne_bytes(), &high, &low, &length, &length, packet]);
}

/// An own address that is not known takes the family of the other.
fn same_family(mut source: SocketAddress, mut destination: SocketAddress) -> (SocketAddress, SocketAddress) {
    let fit = |ip: Ip, other: Ip| {
        if ip == Ip::UNSPECIFIED && other.to_v4().is_some() { Ip::v4([0; 4]) } else { ip }
    };
    source.ip = fit(source.ip, destination.ip);
    destination.ip = fit(destination.ip, source.ip);
    (source, destination)
}
