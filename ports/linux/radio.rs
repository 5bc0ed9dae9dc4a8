// SPDX-License-Identifier: MIT OR Apache-2.0
//! A radio over UDP: every peer, or one dispatcher, gets every frame.
//!
//! A thread does what a radio's hardware does: it filters by address, acknowledges at once whatever
//! the application is busy with, and waits for the acknowledgements of our own frames. There is no
//! medium that could be busy, so sending begins at once.

use super::sys::{self, Fd, SocketName, errno};
use super::{State, options, status, udp, zep};
use crate::ffi::{
    MOTE_ERR_FULL, MOTE_RADIO_NO_ACK, MOTE_RADIO_SENT, mote_node, mote_radio_received, mote_radio_sent,
};
use crate::ieee802154::LinkAddress;
use crate::ieee802154::wire::{BROADCAST_PAN, Frame, FrameType, Header, immediate_ack};
use crate::port::{
    MOTE_RADIO_ACK, MOTE_RADIO_CSMA, MOTE_RADIO_FILTER, mote_bytes, mote_port_radio, mote_radio_addresses,
    mote_status,
};
use crate::status::Error;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(super) static RADIO: mote_port_radio = mote_port_radio {
    size: size_of::<mote_port_radio>() as u32,
    capabilities: MOTE_RADIO_CSMA | MOTE_RADIO_ACK | MOTE_RADIO_FILTER,
    start: Some(start),
    enable: Some(enable),
    set_channel: Some(set_channel),
    set_addresses: Some(set_addresses),
    transmit: Some(transmit),
    channel_clear: None,
};

/// How long an acknowledgement is waited for. A radio would wait for less than a millisecond; here the
/// other side is a process, which a busy machine may keep from its turn for some tens of them.
#[cfg(not(test))]
fn ack_wait() -> Duration {
    Duration::from_millis(50)
}
#[cfg(test)]
use tests::ack_wait;

/// How soon the node is tried again when it had no room for what it must hear.
const TRY_AGAIN: Duration = Duration::from_millis(1);
/// How often a dispatcher, which may have been started anew, is told that we are there.
const HELLO_EVERY: Duration = Duration::from_secs(10);
/// How many packets are taken before the rest of the work is looked at.
const BATCH: usize = 32;
/// More peers than this are a mistake.
const MOST_PEERS: usize = 1024;

/// The transmission under way.
#[derive(Clone, Copy)]
enum Pending {
    None,
    /// The acknowledgement with this sequence number is waited for.
    Ack(u8, Instant),
    /// The node has to be told how it ended.
    Ended(u32),
}

/// What the node's thread and the radio's thread share.
struct Air {
    stop: bool,
    on: bool,
    channel: u8,
    addresses: mote_radio_addresses,
    /// A `*mut mote_node`.
    node: usize,
    sequence: u32,
    pending: Pending,
    hello_at: Option<Instant>,
}

struct Shared {
    socket: Fd,
    peers: Vec<SocketName>,
    device: u16,
    /// Wakes the radio's thread.
    event: Fd,
    air: Mutex<Air>,
}

/// The radio of one node.
pub(super) struct Radio {
    shared: Arc<Shared>,
    thread: Cell<Option<JoinHandle<()>>>,
}

impl Drop for Radio {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.event.signal();
        if let Some(thread) = self.thread.take() {
            // It ends soon: it never blocks but in its wait. After that nothing is told to the node.
            let _ = thread.join();
        }
    }
}

/// Opens the radio that the options ask for, if they do.
pub(super) fn open(options: &options::mote_linux_options) -> Result<Option<Radio>, mote_status> {
    if options.zep_peer_count == 0 {
        return Ok(None);
    }
    if options.zep_peers.is_null() || options.zep_peer_count > MOST_PEERS {
        return Err(Error::Invalid.code());
    }
    let (socket, family) = udp::open_socket(&options.zep_local, 0)?;
    // SAFETY: readable for the stated number, by the contract of the options.
    let peers = unsafe { core::slice::from_raw_parts(options.zep_peers, options.zep_peer_count) };
    let peers: Option<Vec<SocketName>> = peers
        .iter()
        .map(|peer| {
            let mut peer = *peer;
            if peer.port == 0 {
                peer.port = zep::PORT;
            }
            SocketName::new(&peer, family)
        })
        .collect();
    let peers = peers.ok_or(Error::Unreachable.code())?;
    // SAFETY: a plain system call.
    let event = Fd::new(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })
        .map_err(sys::open_failure)?;
    let air = Air {
        stop: false,
        on: false,
        channel: 26,
        addresses: mote_radio_addresses { short_address: 0xffff, ..mote_radio_addresses::default() },
        node: 0,
        sequence: 0,
        pending: Pending::None,
        hello_at: None,
    };
    let device = std::process::id() as u16 ^ socket.raw() as u16;
    let shared = Arc::new(Shared { socket, peers, device, event, air: Mutex::new(air) });
    Ok(Some(Radio { shared, thread: Cell::new(None) }))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Air> {
        self.air.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stamp(&self, air: &mut Air) -> zep::Stamp {
        air.sequence = air.sequence.wrapping_add(1);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        zep::Stamp { channel: air.channel, device: self.device, sequence: air.sequence, time }
    }

    /// Sends a packet. One that cannot be sent is lost, as frames are.
    fn send(&self, packet: &[u8], to: &SocketName) {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: packet and name are readable for their lengths.
        unsafe {
            libc::sendto(
                self.socket.raw(),
                packet.as_ptr().cast(),
                packet.len(),
                flags,
                to.as_ptr(),
                to.len(),
            );
        }
    }

    fn broadcast(&self, packet: &[u8]) {
        for peer in &self.peers {
            self.send(packet, peer);
        }
    }

    fn say_hello(&self, air: &mut Air) {
        let mut out = [0; zep::LARGEST];
        let stamp = self.stamp(air);
        if let Ok(packet) = zep::emit_hello(&mut out, &stamp, &air.addresses.extended) {
            self.broadcast(packet);
        }
        air.hello_at = Some(Instant::now() + HELLO_EVERY);
    }

    /// Tells the node how the transmission ended, or leaves that to the thread when there is no room.
    fn tell(&self, air: &mut Air, result: u32) {
        // SAFETY: the node lives until the port is closed, which ends this radio first.
        let told = unsafe { mote_radio_sent(air.node as *mut mote_node, result, 1) };
        air.pending = if told == MOTE_ERR_FULL { Pending::Ended(result) } else { Pending::None };
    }

    fn receive(&self, air: &mut Air, packet: &zep::Packet<'_>, from: &SocketName) {
        if !air.on || packet.channel != air.channel {
            return;
        }
        let Ok(frame) = Frame::parse(packet.frame) else { return };
        let header = &frame.header;
        if header.frame_type == FrameType::Ack {
            if let Pending::Ack(sequence, _) = air.pending
                && header.sequence == Some(sequence)
            {
                self.tell(air, MOTE_RADIO_SENT);
            }
            return;
        }
        if !is_for(header, &air.addresses) {
            return;
        }
        let bytes = mote_bytes { ptr: packet.frame.as_ptr(), len: packet.frame.len() };
        // Strength is no more than a picture of quality here.
        let rssi = (i16::from(packet.lqi) / 4 - 91) as i8;
        // SAFETY: the node lives until the port is closed; the frame is lent for the call.
        let taken = unsafe { mote_radio_received(air.node as *mut mote_node, bytes, packet.lqi, rssi) };
        // What the node had no room for is not acknowledged: the sender repeats it.
        if let (0, true, Some(sequence)) =
            (taken, header.ack_request && header.destination.is_unicast(), header.sequence)
        {
            let mut out = [0; zep::LARGEST];
            let stamp = self.stamp(air);
            if let Ok(packet) = zep::emit(&mut out, &stamp, &immediate_ack(sequence, false)) {
                self.send(packet, from);
            }
        }
    }
}

/// Whether a frame passes the radio's filter (2015 §6.7.2).
fn is_for(header: &Header, addresses: &mote_radio_addresses) -> bool {
    let pan = header.destination_pan.or(header.source_pan);
    if pan.is_some_and(|pan| pan != addresses.pan_id && pan != BROADCAST_PAN) {
        return false;
    }
    match header.destination {
        LinkAddress::Short(short) => short == 0xffff || short == addresses.short_address,
        LinkAddress::Extended(extended) => extended == addresses.extended,
        _ => true,
    }
}

/// The radio's thread.
fn run(shared: &Shared) {
    let mut timeout = Some(Duration::ZERO);
    loop {
        let mut polls = [shared.socket.raw(), shared.event.raw()].map(|fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        });
        let wait = timeout.map(|timeout| libc::timespec {
            tv_sec: timeout.as_secs() as _,
            tv_nsec: timeout.subsec_nanos() as libc::c_long,
        });
        let wait = wait.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: the array is writable, the time readable or NULL; signals are blocked anyway.
        unsafe { libc::ppoll(polls.as_mut_ptr(), 2, wait, ptr::null()) };
        shared.event.drain();
        take_packets(shared);
        let mut air = shared.lock();
        if air.stop {
            return;
        }
        timeout = look_at_time(shared, &mut air);
    }
}

fn take_packets(shared: &Shared) {
    for _ in 0..BATCH {
        let mut buffer = [0u8; zep::LARGEST];
        let mut from = SocketName::empty();
        let mut len = size_of::<SocketName>() as libc::socklen_t;
        // SAFETY: buffer and name are writable for their lengths.
        let count = unsafe {
            libc::recvfrom(
                shared.socket.raw(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                libc::MSG_DONTWAIT,
                from.as_mut_ptr(),
                &mut len,
            )
        };
        let Ok(count) = usize::try_from(count) else {
            if errno() == libc::EAGAIN {
                return;
            }
            continue;
        };
        if let Some(packet) = zep::parse(buffer.get(..count).unwrap_or_default()) {
            shared.receive(&mut shared.lock(), &packet, &from);
        }
    }
}

/// Does what is due; how long until something is due again.
fn look_at_time(shared: &Shared, air: &mut Air) -> Option<Duration> {
    let now = Instant::now();
    match air.pending {
        Pending::Ack(_, until) if until <= now => shared.tell(air, MOTE_RADIO_NO_ACK),
        Pending::Ended(result) => shared.tell(air, result),
        _ => {}
    }
    if air.on && air.hello_at.is_some_and(|at| at <= now) {
        shared.say_hello(air);
    }
    let pending = match air.pending {
        Pending::None => None,
        Pending::Ack(_, until) => Some(until),
        Pending::Ended(_) => Some(now + TRY_AGAIN),
    };
    let hello = air.hello_at.filter(|_| air.on);
    let next = [pending, hello].into_iter().flatten().min()?;
    Some(next.saturating_duration_since(now))
}

/// The radio behind a service's state.
///
/// # Safety
/// The state is NULL or the node's.
unsafe fn of<'a>(state: *mut c_void) -> Result<&'a Radio, mote_status> {
    // SAFETY: passed on.
    unsafe { State::of(state) }?.radio.as_ref().ok_or(Error::Unsupported.code())
}

unsafe extern "C" fn start(state: *mut c_void, node: *mut c_void) -> mote_status {
    // SAFETY: the state is the node's, by the service's contract.
    status(unsafe { of(state) }.and_then(|radio| {
        if node.is_null() {
            return Err(Error::Invalid.code());
        }
        let running = radio.thread.take();
        let is_running = running.is_some();
        radio.thread.set(running);
        radio.shared.lock().node = node as usize;
        if !is_running {
            let shared = Arc::clone(&radio.shared);
            let thread = sys::spawn("mote-radio", move || run(&shared)).map_err(Error::code)?;
            radio.thread.set(Some(thread));
        }
        Ok(())
    }))
}

unsafe extern "C" fn enable(state: *mut c_void, on: u8) -> mote_status {
    // SAFETY: the state is the node's, by the service's contract.
    status(unsafe { of(state) }.map(|radio| {
        let mut air = radio.shared.lock();
        air.on = on != 0;
        if air.on {
            radio.shared.say_hello(&mut air);
        }
        radio.shared.event.signal();
    }))
}

unsafe extern "C" fn set_channel(state: *mut c_void, channel: u8) -> mote_status {
    if !(11..=26).contains(&channel) {
        return Error::Invalid.code();
    }
    // SAFETY: the state is the node's, by the service's contract.
    status(unsafe { of(state) }.map(|radio| radio.shared.lock().channel = channel))
}

unsafe extern "C" fn set_addresses(
    state: *mut c_void,
    addresses: *const mote_radio_addresses,
) -> mote_status {
    // SAFETY: the state is the node's and the addresses readable or NULL, by the service's contract.
    match unsafe { (of(state), addresses.as_ref()) } {
        (Ok(radio), Some(addresses)) => {
            radio.shared.lock().addresses = *addresses;
            0
        }
        (Err(status), _) => status,
        _ => Error::Invalid.code(),
    }
}

unsafe extern "C" fn transmit(state: *mut c_void, frame: *const u8, len: usize) -> mote_status {
    // SAFETY: the state is the node's and the frame lent for the call, by the service's contract.
    let frame = unsafe { crate::ffi::arguments::slice(mote_bytes { ptr: frame, len }) };
    // SAFETY: as above.
    match (unsafe { of(state) }, frame) {
        (Ok(radio), Ok(frame)) => status(begin(&radio.shared, frame)),
        (Err(status), _) => status,
        (_, Err(error)) => error.code(),
    }
}

fn begin(shared: &Shared, frame: &[u8]) -> Result<(), mote_status> {
    let mut air = shared.lock();
    if !matches!(air.pending, Pending::None) {
        return Err(Error::WouldBlock.code());
    }
    if !air.on || air.node == 0 {
        return Err(Error::State.code());
    }
    let mut out = [0; zep::LARGEST];
    let stamp = shared.stamp(&mut air);
    let packet = zep::emit(&mut out, &stamp, frame).map_err(Error::code)?;
    shared.broadcast(packet);
    // Whoever asks for an acknowledgement says so in the frame control field (2015 §7.2.2.4).
    let awaited = frame.first().is_some_and(|control| control & 0x20 != 0);
    match frame.get(2).filter(|_| awaited) {
        Some(sequence) => air.pending = Pending::Ack(*sequence, Instant::now() + ack_wait()),
        None => shared.tell(&mut air, MOTE_RADIO_SENT),
    }
    if !matches!(air.pending, Pending::None) {
        shared.event.signal();
    }
    Ok(())
}

#[cfg(test)]
#[path = "radio_tests.rs"]
mod tests;
