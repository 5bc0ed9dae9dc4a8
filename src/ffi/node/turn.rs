// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loop: carries out what the schedule says, with nothing borrowed.

use super::core::{Channel, NodeRef};
use super::drive::{self, deliver};
use super::letters::Post;
use super::udp;
use crate::ffi::arguments::check;
use crate::node::Work;
use crate::port::{
    MOTE_LOG_ERROR, MOTE_LOG_WARNING, MOTE_READY_CLOSED, MOTE_READY_READABLE, MOTE_READY_WRITABLE,
    MOTE_UDP_REFUSED, MOTE_UDP_TRUNCATED, MOTE_UDP_UNREACHABLE,
};
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::DatagramEvent;

/// How many pieces of work one turn does at most, so that a flood of input cannot keep the
/// application from its own loop.
const WORK_PER_TURN: usize = 256;

/// See `mote_node_run`.
pub(super) fn run(node: NodeRef, timeout: u64) -> Result<()> {
    once(node, Some(timeout))
}

/// See `mote_node_poll`.
pub(super) fn poll(node: NodeRef) -> Result<()> {
    let can_wait = node.services().alarm.wait.is_some();
    once(node, can_wait.then_some(0))
}

/// Waits, unless `timeout` is `None`, and does what is due.
fn once(node: NodeRef, timeout: Option<u64>) -> Result<()> {
    if node.with(|core| core::mem::replace(&mut core.running, true)) {
        return Err(Error::State);
    }
    let waited = timeout.map_or(Ok(()), |timeout| wait(node, timeout));
    let result = waited.and_then(|()| turn(node));
    node.with(|core| core.running = false);
    if node.with(|core| core.watched) {
        // Datagrams that found no room wait for the socket, not for the clock.
        arm(node, due(node))?;
    }
    result
}

/// Has the descriptor become readable at a deadline, where the port has one.
fn arm(node: NodeRef, Instant(deadline): Instant) -> Result<()> {
    let services = node.services();
    let Some(arm) = services.alarm.arm else { return Ok(()) };
    // SAFETY: the port's contract.
    check(unsafe { arm(services.state, deadline) })?;
    node.with(|core| core.armed = true);
    Ok(())
}

/// See `mote_node_next_deadline`.
pub(super) fn deadline(node: NodeRef) -> Instant {
    if node.with(|core| !core.outbox.is_empty()) { Instant::ZERO } else { due(node) }
}

/// When there is something to do besides handing over what waits for its socket.
fn due(node: NodeRef) -> Instant {
    if node.has_letters() { Instant::ZERO } else { node.with(|core| core.schedule.deadline()) }
}

/// See `mote_node_descriptor`.
pub(super) fn descriptor(node: NodeRef) -> Result<i32> {
    let alarm = &node.services().alarm;
    let (Some(function), Some(_)) = (alarm.descriptor, alarm.arm) else { return Err(Error::Unsupported) };
    let mut descriptor = -1;
    // SAFETY: the port's contract.
    check(unsafe { function(node.services().state, &raw mut descriptor) })?;
    node.with(|core| core.watched = true);
    arm(node, deadline(node))?;
    Ok(descriptor)
}

/// Sleeps until something is due, but not longer than `timeout`, and notes what became ready.
fn wait(node: NodeRef, timeout: u64) -> Result<()> {
    let services = node.services();
    let alarm = &services.alarm;
    let function = alarm.wait.ok_or(Error::Unsupported)?;
    let now = node.tick();
    // Datagrams that found no room wait for the socket, not for the clock.
    let Instant(until) = due(node).min(now.after(timeout));
    let (ready, capacity) = node.with(|core| (core.ready.as_mut_ptr(), core.ready.len()));
    let mut count = 0;
    // SAFETY: the port's contract; the table lies in the node's block.
    check(unsafe { function(services.state, until, ready, capacity, &raw mut count) })?;
    node.with(|core| {
        for entry in core.ready.iter().take(count) {
            if let Some(source) = Handle::from_raw(entry.token) {
                let readable = entry.flags & (MOTE_READY_READABLE | MOTE_READY_CLOSED) != 0;
                core.schedule.ready(source, readable, entry.flags & MOTE_READY_WRITABLE != 0);
            }
        }
    });
    Ok(())
}

/// Does what is due.
fn turn(node: NodeRef) -> Result<()> {
    let now = node.tick();
    let tells = node.services().alarm.reports_readiness != 0;
    node.with(|core| {
        core.statistics.turns = core.statistics.turns.wrapping_add(1);
        if !tells {
            core.schedule.all_ready();
        }
    });
    if node.has_radio_letters() {
        match node.radio() {
            Some(radio) => node.with(|core| core.schedule.ready(radio, true, false)),
            // Nobody listens any more: what the radio told last is dropped.
            None => while node.take_radio_letter(|_| ()).is_some() {},
        }
    }
    // Those that wait come before the rest; what is posted meanwhile keeps the node awake for another turn.
    let mut posts = node.posts();
    for _ in 0..WORK_PER_TURN {
        if posts > 0 {
            posts -= 1;
            if let Some(Post { function: Some(function), user }) = node.take_post() {
                // SAFETY: posted by the application, with its argument, to be called here.
                unsafe { function(node.pointer(), user) };
            }
            continue;
        }
        match node.with(|core| core.schedule.next(now)) {
            Some(Work::Poll(object)) => drive::poll(node, object),
            Some(Work::Receive(source)) => serve(node, source, false),
            Some(Work::Writable(source)) => serve(node, source, true),
            None => break,
        }
    }
    udp::flush(node, true);
    Ok(())
}

/// Takes what a source brings, or tells its owner that there is room to send again.
fn serve(node: NodeRef, source: Handle, writable: bool) {
    let more = match node.channel(source) {
        None => return,
        Some(Channel::Udp { socket }) if !writable => return receive_datagrams(node, source, socket),
        Some(Channel::Owned { .. } | Channel::Radio) => drive::ready(node, source, writable),
        Some(Channel::Udp { .. } | Channel::Provided { .. }) => {
            // A provider delivers by itself: there is nothing to fetch.
            if writable {
                udp::flush(node, true);
                deliver(node, source, DatagramEvent::Writable);
            }
            false
        }
    };
    if !more && !writable {
        node.with(|core| core.schedule.drained(source));
    }
}

/// Takes one batch and brings it to the owner. A socket that is broken for good is closed, so
/// that the loop never spins on it.
fn receive_datagrams(node: NodeRef, source: Handle, socket: usize) {
    let services = node.services();
    let Some(function) = services.udp.receive else {
        return node.with(|core| core.schedule.drained(source));
    };
    let (parcels, capacity, size) = node.with(|core| {
        let capacity = core.receiver.prepare();
        (core.receiver.parcels.as_mut_ptr(), capacity, core.receiver.size)
    });
    let mut count = 0;
    // SAFETY: the port's contract; the parcels and their buffers lie in the node's block.
    match check(unsafe { function(services.state, socket, parcels.cast(), capacity, &raw mut count) }) {
        Ok(()) if count > 0 => {}
        Ok(()) | Err(Error::WouldBlock) => return node.with(|core| core.schedule.drained(source)),
        Err(_) => {
            node.with(|core| {
                core.statistics.broken = core.statistics.broken.wrapping_add(1);
                core.schedule.drained(source);
            });
            services.log(MOTE_LOG_ERROR, "a UDP socket broke and was closed");
            deliver(node, source, DatagramEvent::Closed);
            return node.close_source(source);
        }
    }
    node.with(|core| core.receiver.received(count));
    if count < capacity {
        // That was all: asking once more would only be told so.
        node.with(|core| core.schedule.drained(source));
    }
    for index in 0..count.min(capacity) {
        let parcel = node.with(|core| core.receiver.parcels.get(index).map(core::ptr::from_ref));
        let Some(parcel) = parcel else { break };
        // SAFETY: it lies in the node's block, and is not written before the next batch.
        let parcel = unsafe { &*parcel };
        if parcel.0.flags & MOTE_UDP_TRUNCATED != 0 || parcel.0.len > size {
            node.with(|core| core.statistics.truncated = core.statistics.truncated.wrapping_add(1));
            services.log(MOTE_LOG_WARNING, "a datagram longer than receive_size was dropped");
            continue;
        }
        let (path, data) = (parcel.path(), parcel.data());
        let undelivered = parcel.0.flags & (MOTE_UDP_REFUSED | MOTE_UDP_UNREACHABLE);
        // The owner may have closed the socket with one that came before.
        if undelivered == 0 && services.has_tap() && node.channel(source).is_some() {
            udp::tap(services, socket, parcel, false);
        }
        let event = match undelivered {
            0 => DatagramEvent::Received { path, data },
            MOTE_UDP_UNREACHABLE => DatagramEvent::Undelivered { path, data, error: Error::Unreachable },
            _ => DatagramEvent::Undelivered { path, data, error: Error::Refused },
        };
        let delivered = deliver(node, source, event);
        if undelivered == 0 {
            node.with(|core| {
                let counter =
                    if delivered { &mut core.statistics.received } else { &mut core.statistics.orphaned };
                *counter = counter.wrapping_add(1);
            });
        }
    }
}
