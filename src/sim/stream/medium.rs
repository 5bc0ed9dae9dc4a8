// SPDX-License-Identifier: MIT OR Apache-2.0
//! The medium between the ends: what is under way, and what becomes of it.
#![forbid(unsafe_code)]

use super::pipe::{Listen, PairId, Pipe};
use crate::address::{Ip, SocketAddress};
use crate::random::{Random, Sequence};
use crate::sim::pcap::{self, Pcap, Segment, tcp_flags};
use crate::status::{Error, Result};
use crate::time::Instant;
use crate::transport::Stream;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Idle,
    Connecting,
    Open,
}

/// One end of a pair.
pub(super) struct End {
    pub(super) pipe: Pipe,
    pub(super) state: State,
    /// Bytes written in this connection, delivered, and when the last of them arrives.
    pub(super) written: u64,
    pub(super) delivered: u64,
    pub(super) last_arrival: Instant,
    pub(super) refused: bool,
    pub(super) shut: bool,
    pub(super) blocked: bool,
    /// Received and not consumed.
    pub(super) inbox: Vec<u8>,
    pub(super) peer_ended: bool,
}

#[derive(Debug)]
pub(super) enum Happening {
    Opened,
    Refused,
    Bytes(Vec<u8>),
    Ended,
    Writable,
    Broken(Error),
}

/// A happening, with the connection that it belongs to: those of a former one are dropped.
pub(super) type Due = (usize, u32, Happening);

/// What is under way, and what becomes of it.
pub(super) struct Medium {
    pub(super) now: Instant,
    pub(super) random: Sequence,
    pub(super) ends: Vec<End>,
    /// One per pair: counts connections, so that late bytes of a former one are recognised.
    pub(super) epochs: Vec<u32>,
    pub(super) listens: Vec<Listen>,
    pub(super) targets: Vec<Option<(String, u16)>>,
    pub(super) queue: BTreeMap<(Instant, u64), Due>,
    pub(super) tickets: u64,
    pub(super) capture: Option<Pcap<Vec<u8>>>,
}

/// One end's way into the medium.
pub(super) struct Side<'a> {
    pub(super) medium: &'a mut Medium,
    pub(super) end: usize,
}

impl Stream for Side<'_> {
    fn connect(&mut self, host: &str, port: u16) -> Result<()> {
        self.medium.connect(self.end, host, port)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.medium.write(self.end, bytes)
    }

    fn shutdown(&mut self) {
        self.medium.shutdown(self.end);
    }

    fn close(&mut self) {
        self.medium.close(self.end);
    }
}

impl Medium {
    /// A medium without ends at time 0.
    pub(super) fn new(seed: u64) -> Medium {
        Medium {
            now: Instant::ZERO,
            random: Sequence(seed),
            ends: Vec::new(),
            epochs: Vec::new(),
            listens: Vec::new(),
            targets: Vec::new(),
            queue: BTreeMap::new(),
            tickets: 0,
            capture: None,
        }
    }

    pub(super) fn schedule(&mut self, at: Instant, to: usize, happening: Happening) {
        self.tickets += 1;
        self.queue.insert((at, self.tickets), (to, self.epochs[to / 2], happening));
    }

    fn connect(&mut self, client: usize, host: &str, port: u16) -> Result<()> {
        let pair = client / 2;
        if client & 1 != 0 || self.ends[client].state != State::Idle {
            return Err(Error::State);
        }
        if host.is_empty() {
            return Err(Error::Invalid);
        }
        // An accepting end that still holds the former connection learns that it is gone.
        self.epochs[pair] = self.epochs[pair].wrapping_add(1);
        if self.ends[client + 1].state == State::Open {
            self.schedule(self.now, client + 1, Happening::Broken(Error::Reset));
        }
        self.targets[pair] = Some((host.to_owned(), port));
        for end in [client, client + 1] {
            let end = &mut self.ends[end];
            (end.written, end.delivered, end.last_arrival) = (0, 0, Instant::ZERO);
            (end.refused, end.shut, end.blocked, end.peer_ended) = (false, false, false, false);
            end.inbox.clear();
        }
        self.ends[client].state = State::Connecting;
        let there = u64::from(self.ends[client].pipe.delay);
        let back = there + u64::from(self.ends[client + 1].pipe.delay);
        match self.listens[pair] {
            Listen::Accept => {
                self.schedule(self.now.after(there), client + 1, Happening::Opened);
                self.schedule(self.now.after(back), client, Happening::Opened);
                self.record(client, tcp_flags::SYN, &[]);
                self.record(client + 1, tcp_flags::SYN | tcp_flags::ACK, &[]);
                self.record(client, tcp_flags::ACK, &[]);
            }
            Listen::Refuse => self.schedule(self.now.after(back), client, Happening::Refused),
            Listen::Silent => {}
        }
        Ok(())
    }

    fn write(&mut self, from: usize, bytes: &[u8]) -> Result<usize> {
        let end = &self.ends[from];
        if end.state != State::Open || end.shut {
            return Err(Error::Closed);
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        let under_way = end.written.saturating_sub(end.delivered) as usize;
        let taken = bytes.len().min(end.pipe.window.saturating_sub(under_way));
        if taken == 0 {
            self.ends[from].blocked = true;
            return Err(Error::WouldBlock);
        }
        let bytes = &bytes[..taken];
        self.record(from, tcp_flags::PSH | tcp_flags::ACK, bytes);
        self.ends[from].written += taken as u64;
        let pipe = self.ends[from].pipe.clone();
        let mut rest = bytes;
        while !rest.is_empty() {
            let largest = if pipe.chunk == 0 { rest.len() } else { pipe.chunk };
            let size = if pipe.ragged { 1 + self.random.below(largest as u32) as usize } else { largest };
            let (chunk, tail) = rest.split_at(size.min(rest.len()));
            rest = tail;
            let at = self.arrival(from);
            self.schedule(at, from ^ 1, Happening::Bytes(chunk.to_vec()));
        }
        Ok(taken)
    }

    /// When the next thing written by `from` arrives: never before what was written earlier.
    fn arrival(&mut self, from: usize) -> Instant {
        let (delay, jitter) = (self.ends[from].pipe.delay, self.ends[from].pipe.jitter);
        let jitter = self.random.below(jitter.saturating_add(1));
        let at = self.now.after(u64::from(delay) + u64::from(jitter)).max(self.ends[from].last_arrival);
        self.ends[from].last_arrival = at;
        at
    }

    /// Bytes have reached `to`: the writer has room again, or the connection breaks here.
    pub(super) fn arrived(&mut self, to: usize, count: usize) {
        let from = to ^ 1;
        let now = self.now;
        let end = &mut self.ends[from];
        end.delivered += count as u64;
        if end.pipe.cut_after.is_some_and(|limit| end.delivered >= limit) {
            let excess = end.delivered.saturating_sub(end.pipe.cut_after.unwrap_or(0)) as usize;
            end.pipe.cut_after = None;
            let kept = self.ends[to].inbox.len().saturating_sub(excess);
            self.ends[to].inbox.truncate(kept);
            self.cut(PairId(to / 2));
        } else if core::mem::take(&mut end.blocked) {
            self.schedule(now, from, Happening::Writable);
        }
    }

    pub(super) fn cut(&mut self, pair: PairId) {
        let epoch = self.epochs[pair.0];
        self.queue.retain(|_, (to, of, _)| *to / 2 != pair.0 || *of != epoch);
        self.record(pair.client(), tcp_flags::RST | tcp_flags::ACK, &[]);
        for end in [pair.client(), pair.server()] {
            if self.ends[end].state != State::Idle {
                self.schedule(self.now, end, Happening::Broken(Error::Reset));
            }
        }
    }

    fn shutdown(&mut self, from: usize) {
        if self.ends[from].state == State::Open && !self.ends[from].shut {
            self.record(from, tcp_flags::FIN | tcp_flags::ACK, &[]);
            self.ends[from].shut = true;
            let at = self.arrival(from);
            self.schedule(at, from ^ 1, Happening::Ended);
        }
    }

    fn close(&mut self, from: usize) {
        let state = core::mem::replace(&mut self.ends[from].state, State::Idle);
        self.ends[from].inbox.clear();
        if state == State::Open {
            if !self.ends[from].shut {
                // What was written before still arrives, then the end.
                self.record(from, tcp_flags::FIN | tcp_flags::ACK, &[]);
                let at = self.arrival(from);
                self.schedule(at, from ^ 1, Happening::Ended);
            }
            self.ends[from].shut = true;
        } else if state == State::Connecting {
            let epoch = self.epochs[from / 2];
            self.queue.retain(|_, (to, of, _)| *to != from || *of != epoch);
        }
    }

    fn record(&mut self, from: usize, flags: u8, bytes: &[u8]) {
        let Some(capture) = &mut self.capture else { return };
        let pair = from / 2;
        let port = 49_152 + (self.epochs[pair] & 0x3fff) as u16;
        let client = SocketAddress::new(Ip::v6([0xfd00, 0, 0, 0, 0, 0, 1, pair as u16]), port);
        let listening = self.targets[pair].as_ref().map_or(0, |(_, port)| *port);
        let server = SocketAddress::new(Ip::v6([0xfd00, 0, 0, 0, 0, 0, 2, pair as u16]), listening);
        let (own, peer) = if from & 1 == 0 { (client, server) } else { (server, client) };
        // A SYN and a FIN take a number each.
        let number = |end: &End, syn: u8| {
            end.written as u32 + u32::from(flags & tcp_flags::SYN == 0 || syn == 1) + u32::from(end.shut)
        };
        let sequence = number(&self.ends[from], 0);
        let acknowledgement = if flags & tcp_flags::ACK == 0 { 0 } else { number(&self.ends[from ^ 1], 1) };
        let frame = pcap::tcp(own, peer, Segment { sequence, acknowledgement, flags }, bytes);
        // Writing to a vector cannot fail.
        let _ = capture.frame(self.now.0.saturating_mul(1000), &frame);
    }
}
