// SPDX-License-Identifier: MIT OR Apache-2.0
//! TCP of the platform as a stream transport: name look-up, racing attempts, bytes.
//!
//! The object that owns a connection holds a [`TcpStream`] and an [`Inlet`] side by side. Its
//! `Driver::ready` calls [`TcpStream::ready`], and its `Driver::poll` calls
//! [`TcpStream::advance`] until that says nothing more.

#[cfg(all(test, feature = "std", target_os = "linux"))]
mod tests;

use super::arguments::{check, room};
use super::node::{Channel, NodeRef};
use crate::address::{Ip, SocketAddress};
use crate::bytes;
use crate::port::{mote_address, mote_port_tcp};
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::{DIAL_ADDRESSES, Dial, Stream, StreamEvent};
use core::ffi::c_void;

/// How long name look-up and attempts may take together, in milliseconds.
const CONNECT_TIMEOUT: u64 = 30_000;

/// What was received and not consumed yet.
pub(crate) struct Inlet {
    buffer: &'static mut [u8],
    start: usize,
    end: usize,
}

impl Inlet {
    /// Without room it is empty: the carver knows.
    pub(crate) const fn new(buffer: &'static mut [u8]) -> Inlet {
        Inlet { buffer, start: 0, end: 0 }
    }

    /// The bytes not consumed yet. They stay where they are until the next
    /// [`TcpStream::advance`], also when they are consumed meanwhile: so a callback may be lent
    /// them after [`Inlet::consume`] was called.
    pub(crate) fn bytes(&self) -> &'static [u8] {
        let bytes = self.buffer.get(self.start..self.end).unwrap_or_default();
        // SAFETY: the buffer lies in the owner's block; it is written by `advance` alone, which
        // is never called while what is lent here is used.
        unsafe { core::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) }
    }

    /// Takes `count` bytes off the front.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Room for more, after moving what is left to the front.
    fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            let held = self.buffer.get_mut(..self.end).unwrap_or_default();
            bytes::move_to_front(held, self.start);
            (self.start, self.end) = (0, self.end - self.start);
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }
}

enum State {
    Idle,
    /// Something went wrong inside `connect`; told by the next `advance`.
    Broken(Error),
    Resolving {
        source: Handle,
        query: usize,
        port: u16,
        give_up_at: Instant,
    },
    Dialing(Dial),
    Open(Handle),
    /// Open, but the peer sends no more.
    HalfOpen(Handle),
}

/// One connection of one owner.
pub(crate) struct TcpStream {
    node: NodeRef,
    owner: Handle,
    state: State,
    readable: bool,
    writable: bool,
    blocked: bool,
}

impl TcpStream {
    /// A stream that is not connected. `owner` is the attached object that polls it.
    pub(crate) const fn new(node: NodeRef, owner: Handle) -> TcpStream {
        TcpStream { node, owner, state: State::Idle, readable: false, writable: false, blocked: false }
    }

    /// Readiness from the node. Call from `Driver::ready`, which then returns `false`.
    pub(crate) fn ready(&mut self, source: Handle, readable: bool, writable: bool) {
        let current = match &self.state {
            State::Open(open) | State::HalfOpen(open) => *open == source,
            State::Resolving { .. } | State::Dialing(_) => true,
            State::Idle | State::Broken(_) => false,
        };
        if current {
            self.readable |= readable;
            // A port that does not report readiness is tried on each turn, in both directions.
            self.writable |= writable || self.node.services().alarm.reports_readiness == 0;
        }
    }

    /// When to call [`TcpStream::advance`] again if nothing becomes ready.
    pub(crate) fn next_deadline(&self) -> Instant {
        match &self.state {
            State::Broken(_) => Instant::ZERO,
            State::Resolving { give_up_at, .. } => *give_up_at,
            State::Dialing(dial) => dial.next_deadline(),
            State::Idle | State::Open(_) | State::HalfOpen(_) => Instant::NEVER,
        }
    }

    /// Does what can be done now; what came of it, or `None` when nothing did. Call until `None`.
    ///
    /// With [`StreamEvent::Received`] there are more bytes in the inlet; with [`StreamEvent::Closed`] everything
    /// that the peer sent is there.
    pub(crate) fn advance(&mut self, now: Instant, inlet: &mut Inlet) -> Option<StreamEvent<'static>> {
        match self.state {
            State::Idle => None,
            State::Broken(error) => Some(self.fail(error)),
            State::Resolving { source, query, port, give_up_at } => {
                if give_up_at.is_due(now) {
                    return Some(self.fail(Error::Timeout));
                }
                if !core::mem::take(&mut self.readable) {
                    return None;
                }
                let taken = self.take_addresses(query, port, now, give_up_at);
                if taken == Err(Error::WouldBlock) {
                    return None;
                }
                // The port ended the query with its answer: only the place is freed.
                self.node.forget_source(source);
                match taken {
                    Ok(()) => self.advance_dial(now, inlet),
                    Err(error) => {
                        self.state = State::Idle;
                        Some(StreamEvent::Failed(error))
                    }
                }
            }
            State::Dialing(_) => self.advance_dial(now, inlet),
            State::Open(source) => self.receive(source, inlet),
            State::HalfOpen(_) => self.room_again(),
        }
    }

    fn tcp(&self) -> Result<mote_port_tcp> {
        self.node.services().service(&mut room()).copied()
    }

    fn port_state(&self) -> *mut c_void {
        self.node.services().state
    }

    fn fail(&mut self, error: Error) -> StreamEvent<'static> {
        self.close();
        StreamEvent::Failed(error)
    }

    fn room_again(&mut self) -> Option<StreamEvent<'static>> {
        let writable = core::mem::take(&mut self.writable);
        (writable && core::mem::take(&mut self.blocked)).then_some(StreamEvent::Writable)
    }

    /// Takes what a name was resolved to for the addresses to try.
    #[inline(never)] // For its stack, which is not to lie below what the engine does.
    fn take_addresses(&mut self, query: usize, port: u16, now: Instant, give_up_at: Instant) -> Result<()> {
        let mut addresses = [mote_address::default(); DIAL_ADDRESSES];
        let count = self.node.resolved(query, &mut addresses)?;
        let targets = addresses.map(|address| SocketAddress { port, ..address.into() });
        let targets = targets.get(..count).unwrap_or_default();
        self.state = State::Dialing(Dial::new(now, targets, give_up_at.since(now)));
        Ok(())
    }

    /// Looks how the attempts stand, and begins what is due.
    fn advance_dial(&mut self, now: Instant, inlet: &mut Inlet) -> Option<StreamEvent<'static>> {
        (self.readable, self.writable) = (false, false);
        let State::Dialing(dial) = &mut self.state else { return None };
        if let Some(winner) = connected(self.node, dial, now) {
            // The others.
            self.close();
            self.state = State::Open(winner);
            inlet.clear();
            // Bytes may have come before this look.
            self.readable = true;
            self.node.touch(self.owner);
            return Some(StreamEvent::Connected);
        }
        while let Some(target) = dial.next(now) {
            match open(self.node, self.owner, target) {
                Ok(attempt) => dial.opened(attempt),
                Err(error) => dial.failed(None, error, now),
            }
        }
        let error = dial.outcome(now)?;
        Some(self.fail(error))
    }

    fn receive(&mut self, source: Handle, inlet: &mut Inlet) -> Option<StreamEvent<'static>> {
        if let Some(event) = self.room_again() {
            return Some(event);
        }
        if !self.readable {
            return None;
        }
        let room = inlet.room();
        if room.is_empty() {
            return None;
        }
        let mut count = 0;
        let result = self.tcp().and_then(|tcp| {
            let function = tcp.receive.ok_or(Error::Unsupported)?;
            let socket = socket(self.node, source)?;
            // SAFETY: the port's contract; `room` has the stated capacity.
            check(unsafe {
                function(self.port_state(), socket, room.as_mut_ptr(), room.len(), &raw mut count)
            })
        });
        match result {
            Ok(()) if count > 0 => {
                inlet.end = inlet.end.saturating_add(count).min(inlet.buffer.len());
                self.node.touch(self.owner);
                Some(StreamEvent::Received(inlet.bytes()))
            }
            Ok(()) | Err(Error::WouldBlock) => {
                self.readable = false;
                None
            }
            Err(Error::Closed) => {
                self.state = State::HalfOpen(source);
                Some(StreamEvent::Closed)
            }
            Err(error) => Some(self.fail(error)),
        }
    }
}

fn socket(node: NodeRef, source: Handle) -> Result<usize> {
    match node.channel(source) {
        Some(Channel::Owned { socket, .. }) => Ok(socket),
        _ => Err(Error::Transport),
    }
}

/// Asks how each attempt stands. The one that is connected is no attempt any more.
fn connected(node: NodeRef, dial: &mut Dial, now: Instant) -> Option<Handle> {
    let mut room = room::<mote_port_tcp>();
    let connected = node.services().service(&mut room).ok()?.connected?;
    for attempt in dial.attempts() {
        // SAFETY: the port's contract; the socket is open.
        let ask = |socket| check(unsafe { connected(node.services().state, socket) });
        match socket(node, attempt).and_then(ask) {
            Ok(()) => {
                dial.remove(attempt);
                return Some(attempt);
            }
            Err(Error::WouldBlock) => {}
            Err(error) => {
                node.close_source(attempt);
                dial.failed(Some(attempt), error, now);
            }
        }
    }
    None
}

fn open(node: NodeRef, owner: Handle, target: SocketAddress) -> Result<Handle> {
    let mut room = room::<mote_port_tcp>();
    let tcp = node.services().service(&mut room)?;
    let function = tcp.open.ok_or(Error::Unsupported)?;
    let remote = mote_address::from(target);
    node.open_source(owner, |token| {
        let mut socket = 0;
        // SAFETY: the port's contract.
        check(unsafe { function(node.services().state, &raw const remote, token, &raw mut socket) })?;
        Ok(Channel::Owned { socket, close: tcp.close })
    })
}

impl Stream for TcpStream {
    fn connect(&mut self, host: &str, port: u16) -> Result<()> {
        // A write that broke the connection has told its caller so already.
        if !matches!(self.state, State::Idle | State::Broken(_)) {
            return Err(Error::State);
        }
        if host.is_empty() || host.len() > 253 {
            return Err(Error::Invalid);
        }
        let now = self.node.now();
        (self.readable, self.writable, self.blocked) = (false, false, false);
        self.tcp()?;
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(ip) = Ip::parse(literal) {
            let target = SocketAddress::new(ip, port);
            self.state = State::Dialing(Dial::new(now, &[target], CONNECT_TIMEOUT));
        } else {
            let (source, query) = self.node.resolve(self.owner, host.as_bytes())?;
            self.state = State::Resolving { source, query, port, give_up_at: now.after(CONNECT_TIMEOUT) };
        }
        self.node.touch(self.owner);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let (State::Open(source) | State::HalfOpen(source)) = self.state else {
            return Err(Error::Transport);
        };
        if bytes.is_empty() {
            return Err(Error::Invalid);
        }
        let function = self.tcp()?.send.ok_or(Error::Unsupported)?;
        let socket = socket(self.node, source)?;
        let mut sent = 0;
        // SAFETY: the port's contract; `bytes` is lent for the call.
        match check(unsafe {
            function(self.port_state(), socket, bytes.as_ptr(), bytes.len(), &raw mut sent)
        }) {
            Ok(()) if sent > 0 => Ok(sent.min(bytes.len())),
            Ok(()) | Err(Error::WouldBlock) => {
                self.blocked = true;
                Err(Error::WouldBlock)
            }
            Err(error) => {
                // The owner hears of it through `advance` as well, once, whatever it does now.
                self.close();
                self.state = State::Broken(error);
                self.node.touch(self.owner);
                Err(Error::Transport)
            }
        }
    }

    fn shutdown(&mut self) {
        let (State::Open(source) | State::HalfOpen(source)) = self.state else { return };
        if let (Ok(mote_port_tcp { shutdown: Some(function), .. }), Ok(socket)) =
            (self.tcp(), socket(self.node, source))
        {
            // SAFETY: the port's contract; the socket is open.
            unsafe { function(self.port_state(), socket) };
        }
    }

    fn close(&mut self) {
        match core::mem::replace(&mut self.state, State::Idle) {
            State::Resolving { source, .. } | State::Open(source) | State::HalfOpen(source) => {
                self.node.close_source(source);
            }
            State::Dialing(dial) => {
                for attempt in dial.attempts() {
                    self.node.close_source(attempt);
                }
            }
            State::Idle | State::Broken(_) => {}
        }
    }
}
