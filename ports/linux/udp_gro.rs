// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP: datagrams that come joined (UDP generic receive offload, Linux since 5.0).
//!
//! What a peer sent in one go, one length and all, comes up the system's stack as one, and is cut apart here: for many
//! short requests from one peer that is a good part of the work saved. It takes a large buffer for each message,
//! so it begins with the first receive that asks for many, which is one under load.

use super::State;
use super::control;
use super::socket::Socket;
use super::sys::{Fd, SocketName, set_option};
use super::udp_batch::{Batch, arrival_address};
use super::udp_stage::{LONGEST, MESSAGES, Stage};
use crate::address::Ip;
use crate::port::mote_port_datagram;
use crate::status::Error;
use core::ffi::c_int;

/// Not in every C library's headers.
const UDP_GRO: c_int = 104;

/// A receive that asks for at least so many is one under load.
const MANY: usize = 16;

/// Receives datagrams that may come joined: fewer than there is room for were all there were. `None` where they come
/// one by one: before many were asked for, and where the system does not join them.
pub(super) fn receive(
    state: &State,
    socket: &Socket,
    datagrams: &mut [mote_port_datagram],
) -> Option<Result<usize, Error>> {
    if datagrams.len() >= MANY && !socket.joins.replace(true) {
        socket.stage.set(make(&socket.fd));
    }
    let mut stage = socket.stage.take()?;
    let received = hand_out(&mut stage, state, socket, datagrams);
    socket.stage.set(Some(stage));
    Some(received)
}

fn make(fd: &Fd) -> Option<Box<Stage>> {
    let stage = Stage::new()?;
    set_option(fd.raw(), libc::IPPROTO_UDP, UDP_GRO, &1 as &c_int).ok()?;
    Some(stage)
}

fn hand_out(
    stage: &mut Stage,
    state: &State,
    socket: &Socket,
    datagrams: &mut [mote_port_datagram],
) -> Result<usize, Error> {
    let mut given = stage.give(datagrams);
    // Each turn but the last gives at least one.
    while given < datagrams.len() {
        match fill(stage, state, socket, datagrams.len() - given) {
            Ok(all) => {
                given += stage.give(&mut datagrams[given..]);
                if all {
                    break;
                }
            }
            Err(_) if given > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(given)
}

/// Receives at most so many messages; whether those were all.
fn fill(stage: &mut Stage, state: &State, socket: &Socket, wanted: usize) -> Result<bool, Error> {
    let limit = wanted.min(MESSAGES);
    let here = socket.here.get();
    let alone = !Ip(here.ip).is_unspecified();
    let (messages, places) = stage.places();
    let mut batch = Batch::empty();
    for (index, bytes) in places.iter_mut().enumerate().take(limit) {
        batch.buffer(index, bytes.as_mut_ptr(), LONGEST);
        let (header, control) = batch.put(index, SocketName::empty(), index, 1);
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = size_of_val(control) as _;
    }
    let received = batch.receive(state, socket, limit)?;
    for (message, index) in messages.iter_mut().zip(0..received) {
        // SAFETY: put above; the system has filled in as many as it received.
        let (filled, name) = unsafe { batch.get(index) };
        let header = &filled.msg_hdr;
        message.remote = name.address();
        // SAFETY: just received.
        message.local = if alone { here } else { unsafe { arrival_address(header) } };
        message.len = (filled.msg_len as usize).min(LONGEST);
        // SAFETY: just received; a length is an integer.
        let segment = unsafe { control::find::<c_int>(header, libc::IPPROTO_UDP, UDP_GRO) };
        // One that came by itself says no length.
        let segment = segment.and_then(|length| usize::try_from(length).ok());
        message.segment = segment.filter(|length| *length > 0).unwrap_or(message.len);
    }
    stage.filled(received);
    if received < limit {
        socket.drained();
    }
    Ok(received < limit)
}
