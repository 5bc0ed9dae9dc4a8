// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections between pairs of simulated ends.
//!
//! A [`Streams`] holds any number of pairs under one clock: an end that connects and an end that
//! accepts, hosts `2 × pair` and `2 × pair + 1` of the slice given to [`run`](Streams::run). A pair
//! carries one connection at a time and may be connected again after the last one ended.
//!
//! What a [`Pipe`] does to the bytes of one direction is scripted: how they are cut into chunks,
//! how long they take, how much may be under way before a write is refused, and after how many
//! bytes the connection breaks.
#![forbid(unsafe_code)]

mod medium;
mod pipe;

pub use pipe::{Listen, PairId, Pipe};

use super::SPIN_LIMIT;
use super::pcap::{self, Pcap};
use crate::random::{Random, Sequence};
use crate::status::Error;
use crate::time::Instant;
use crate::transport::{StreamContext, StreamEvent};
use medium::{Due, End, Happening, Medium, Side, State};

/// An engine over a stream, or a scripted peer of one.
pub trait StreamHost {
    /// Takes what the connection brings. For [`StreamEvent::Received`] says how many bytes it
    /// consumed; what is left is offered again with what follows. Otherwise the value is ignored.
    fn receive(&mut self, cx: &mut StreamContext<'_>, event: StreamEvent<'_>) -> usize;

    /// Does all that is due now. Called after every `receive`, and when the deadline is due.
    fn poll(&mut self, cx: &mut StreamContext<'_>);

    /// When `poll` is wanted without input; [`Instant::NEVER`] when it is not.
    fn next_deadline(&self) -> Instant;
}

/// A peer that keeps all bytes that come and the events in words, and does nothing of its own.
#[derive(Clone, Debug, Default)]
pub struct StreamRecorder {
    /// Everything received, over all connections.
    pub received: Vec<u8>,
    /// Names of the events, in order, without those that brought bytes.
    pub events: Vec<&'static str>,
}

impl StreamHost for StreamRecorder {
    fn receive(&mut self, _cx: &mut StreamContext<'_>, event: StreamEvent<'_>) -> usize {
        let name = match event {
            StreamEvent::Received(bytes) => {
                self.received.extend_from_slice(bytes);
                return bytes.len();
            }
            StreamEvent::Connected => "connected",
            StreamEvent::Writable => "writable",
            StreamEvent::Closed => "closed",
            StreamEvent::Failed(_) => "failed",
        };
        self.events.push(name);
        0
    }

    fn poll(&mut self, _cx: &mut StreamContext<'_>) {}

    fn next_deadline(&self) -> Instant {
        Instant::NEVER
    }
}

/// Pairs of ends under one virtual clock.
pub struct Streams {
    medium: Medium,
    randoms: Vec<Sequence>,
    seed: u64,
    spins: u32,
}

impl Streams {
    /// No pairs yet, at time 0. The seed decides every chance.
    pub fn new(seed: u64) -> Streams {
        Streams { medium: Medium::new(seed), randoms: Vec::new(), seed, spins: 0 }
    }

    /// Adds a pair whose two directions are perfect.
    pub fn pair(&mut self) -> PairId {
        let id = PairId(self.medium.epochs.len());
        self.medium.epochs.push(0);
        self.medium.listens.push(Listen::Accept);
        self.medium.targets.push(None);
        for index in [id.client(), id.server()] {
            self.medium.ends.push(End {
                pipe: Pipe::default(),
                state: State::Idle,
                written: 0,
                delivered: 0,
                last_arrival: Instant::ZERO,
                refused: false,
                shut: false,
                blocked: false,
                inbox: Vec::new(),
                peer_ended: false,
            });
            self.randoms.push(Sequence(self.seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9)));
        }
        id
    }

    /// Sets how the bytes written by the end at this place are carried.
    pub fn pipe(&mut self, writer: usize, pipe: Pipe) {
        self.medium.ends[writer].pipe = pipe;
    }

    /// Sets both directions of a pair.
    pub fn pipes(&mut self, pair: PairId, pipe: &Pipe) {
        self.pipe(pair.client(), pipe.clone());
        self.pipe(pair.server(), pipe.clone());
    }

    /// Sets what becomes of attempts to connect from now on.
    pub fn listen(&mut self, pair: PairId, listen: Listen) {
        self.medium.listens[pair.0] = listen;
    }

    /// Breaks the connection now: everything under way is lost, and both ends are told
    /// [`StreamEvent::Failed`] with [`Error::Reset`].
    pub fn cut(&mut self, pair: PairId) {
        self.medium.cut(pair);
    }

    /// The host and port of the last attempt to connect.
    pub fn target(&self, pair: PairId) -> Option<(&str, u16)> {
        self.medium.targets[pair.0].as_ref().map(|(host, port)| (host.as_str(), *port))
    }

    /// How many connections have been opened or refused on this pair.
    pub fn attempts(&self, pair: PairId) -> u32 {
        self.medium.epochs[pair.0]
    }

    /// Whether a connection is open at the end at this place.
    pub fn is_open(&self, end: usize) -> bool {
        self.medium.ends[end].state == State::Open
    }

    /// Starts to capture what is carried, as TCP segments as they are written.
    pub fn capture(&mut self) {
        self.medium.capture = Pcap::new(Vec::new(), pcap::RAW_IP).ok();
    }

    /// The capture file so far; empty when none was started.
    pub fn captured(&self) -> &[u8] {
        self.medium.capture.as_ref().map_or(&[], |capture| capture.get_ref())
    }

    /// The virtual time.
    pub const fn now(&self) -> Instant {
        self.medium.now
    }

    /// Lends the context of an end, so that a test can give its engine a command.
    pub fn with<R>(&mut self, end: usize, act: impl FnOnce(&mut StreamContext<'_>) -> R) -> R {
        let now = self.medium.now;
        let mut side = Side { medium: &mut self.medium, end };
        let random: &mut dyn Random = &mut self.randoms[end];
        act(&mut StreamContext { now, transport: &mut side, random })
    }

    /// Delivers and polls in the order of virtual time, until nothing is left to happen before or
    /// at `until`; the clock then stands at `until`.
    ///
    /// # Panics
    /// When a host spins, or consumes more than it was offered.
    pub fn run(&mut self, hosts: &mut [&mut dyn StreamHost], until: Instant) {
        for (index, host) in hosts.iter_mut().enumerate() {
            self.with(index, |cx| host.poll(cx));
        }
        while self.step(hosts, until) {}
    }

    /// Lets the next single thing happen; `false` when nothing is left before or at `until`.
    ///
    /// # Panics
    /// As [`run`](Streams::run).
    pub fn step(&mut self, hosts: &mut [&mut dyn StreamHost], until: Instant) -> bool {
        let deadline = hosts.iter().map(|host| host.next_deadline()).min().unwrap_or(Instant::NEVER);
        let arrival = self.medium.queue.keys().next().map_or(Instant::NEVER, |(at, _)| *at);
        let next = deadline.min(arrival);
        if next > until || next == Instant::NEVER {
            self.medium.now = self.medium.now.max(until);
            return false;
        }
        self.spins = if next > self.now() { 0 } else { self.spins + 1 };
        assert!(self.spins < SPIN_LIMIT, "a host spins at {:?}", self.now());
        self.medium.now = self.medium.now.max(next);
        if arrival.is_due(self.now()) {
            if let Some((_, due)) = self.medium.queue.pop_first() {
                self.deliver(hosts, due);
            }
            return true;
        }
        for (index, host) in hosts.iter_mut().enumerate() {
            if host.next_deadline().is_due(self.now()) {
                self.with(index, |cx| host.poll(cx));
                self.offer(*host, index);
            }
        }
        true
    }

    fn deliver(&mut self, hosts: &mut [&mut dyn StreamHost], (to, epoch, happening): Due) {
        let Some(host) = hosts.get_mut(to) else { return };
        let end = &mut self.medium.ends[to];
        // A new connection has begun meanwhile, or this end has closed.
        let stale = self.medium.epochs[to / 2] != epoch || end.state == State::Idle;
        match happening {
            // The accepting end is idle until it learns of the connection.
            Happening::Opened if self.medium.epochs[to / 2] == epoch => {
                if to & 1 == 0 && end.state != State::Connecting {
                    return;
                }
                end.state = State::Open;
                self.tell(*host, to, StreamEvent::Connected);
                self.offer(*host, to);
            }
            _ if stale => {}
            Happening::Opened => {}
            Happening::Refused => {
                end.state = State::Idle;
                self.tell(*host, to, StreamEvent::Failed(Error::Refused));
            }
            Happening::Broken(error) => {
                end.state = State::Idle;
                self.tell(*host, to, StreamEvent::Failed(error));
            }
            Happening::Writable => self.tell(*host, to, StreamEvent::Writable),
            Happening::Ended => {
                end.peer_ended = true;
                self.tell(*host, to, StreamEvent::Closed);
            }
            Happening::Bytes(bytes) => {
                end.inbox.extend_from_slice(&bytes);
                self.medium.arrived(to, bytes.len());
                self.offer(*host, to);
            }
        }
    }

    fn tell(&mut self, host: &mut dyn StreamHost, end: usize, event: StreamEvent<'_>) {
        self.with(end, |cx| {
            host.receive(cx, event);
            host.poll(cx);
        });
    }

    /// Offers all unconsumed bytes, as long as the host consumes some.
    fn offer(&mut self, host: &mut dyn StreamHost, end: usize) {
        loop {
            let inbox = core::mem::take(&mut self.medium.ends[end].inbox);
            let room = self.medium.ends[end ^ 1].pipe.receive_buffer;
            let offered = &inbox[..inbox.len().min(room)];
            let epoch = self.medium.epochs[end / 2];
            if offered.is_empty() || self.medium.ends[end].state != State::Open {
                return;
            }
            let consumed = self.with(end, |cx| {
                let consumed = host.receive(cx, StreamEvent::Received(offered));
                host.poll(cx);
                consumed
            });
            assert!(consumed <= offered.len(), "consumed {consumed} of {} bytes", offered.len());
            // Closing inside the call drops what was left.
            if self.medium.epochs[end / 2] == epoch && self.medium.ends[end].state == State::Open {
                self.medium.ends[end].inbox = inbox[consumed..].to_vec();
            }
            if consumed == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: Instant = Instant(100_000);

    fn opened(seed: u64, pipe: &Pipe) -> (Streams, PairId, StreamRecorder, StreamRecorder) {
        let mut streams = Streams::new(seed);
        let pair = streams.pair();
        streams.pipes(pair, pipe);
        let (mut client, mut server) = (StreamRecorder::default(), StreamRecorder::default());
        streams.with(pair.client(), |cx| cx.transport.connect("broker", 1883)).unwrap();
        let until = streams.now().after(10);
        streams.run(&mut [&mut client, &mut server], until);
        assert_eq!((&client.events[..], &server.events[..]), (&["connected"][..], &["connected"][..]));
        (streams, pair, client, server)
    }

    #[test]
    fn bytes_come_whole_and_in_order_however_they_are_cut() {
        let pipe = Pipe { chunk: 7, ragged: true, jitter: 30, ..Pipe::default() };
        let run = |seed| {
            let (mut streams, pair, mut client, mut server) = opened(seed, &pipe);
            streams.capture();
            let text: Vec<u8> = (0..=255).collect();
            assert_eq!(streams.with(pair.client(), |cx| cx.transport.write(&text)), Ok(256));
            assert_eq!(streams.with(pair.server(), |cx| cx.transport.write(b"hello")), Ok(5));
            streams.with(pair.client(), |cx| cx.transport.shutdown());
            assert_eq!(streams.with(pair.client(), |cx| cx.transport.write(b"x")), Err(Error::Closed));
            streams.run(&mut [&mut client, &mut server], END);
            assert_eq!((&server.received, &client.received[..]), (&text, &b"hello"[..]));
            assert_eq!(server.events, ["connected", "closed"]);
            assert_eq!(streams.with(pair.server(), |cx| cx.transport.write(b"x")), Ok(1));
            streams.captured().to_vec()
        };
        assert_eq!(run(3), run(3));
    }

    #[test]
    fn a_full_window_pushes_back_until_there_is_room() {
        let (mut streams, pair, mut client, mut server) = opened(1, &Pipe { window: 10, ..Pipe::default() });
        assert_eq!(streams.with(pair.client(), |cx| cx.transport.write(&[1; 25])), Ok(10));
        assert_eq!(streams.with(pair.client(), |cx| cx.transport.write(&[1])), Err(Error::WouldBlock));
        streams.run(&mut [&mut client, &mut server], END);
        assert_eq!(client.events, ["connected", "writable"]);
        assert_eq!(streams.with(pair.client(), |cx| cx.transport.write(&[1; 25])), Ok(10));
    }

    #[test]
    fn a_cut_after_so_many_bytes_loses_the_rest_and_both_learn_of_it() {
        let pipe = Pipe { cut_after: Some(12), chunk: 5, ..Pipe::default() };
        let (mut streams, pair, mut client, mut server) = opened(1, &pipe);
        assert_eq!(streams.with(pair.client(), |cx| cx.transport.write(&[9; 40])), Ok(40));
        streams.run(&mut [&mut client, &mut server], END);
        assert_eq!(server.received.len(), 12);
        assert_eq!(
            (client.events, server.events),
            (vec!["connected", "failed"], vec!["connected", "failed"])
        );
        assert!(!streams.is_open(pair.client()) && !streams.is_open(pair.server()));

        let (mut client, mut server) = (StreamRecorder::default(), StreamRecorder::default());
        streams.with(pair.client(), |cx| cx.transport.connect("again", 1)).unwrap();
        streams.run(&mut [&mut client, &mut server], END.after(10));
        assert_eq!(streams.with(pair.client(), |cx| cx.transport.write(&[9; 11])), Ok(11));
        streams.run(&mut [&mut client, &mut server], END.after(20));
        assert_eq!(server.received.len(), 11);
        assert_eq!((streams.attempts(pair), streams.target(pair)), (2, Some(("again", 1))));
    }

    #[test]
    fn connecting_can_be_refused_or_come_to_nothing() {
        let mut streams = Streams::new(1);
        let pair = streams.pair();
        let mut client = StreamRecorder::default();
        streams.listen(pair, Listen::Refuse);
        let connect = |streams: &mut Streams| streams.with(0, |cx| cx.transport.connect("h", 1));
        assert_eq!(connect(&mut streams), Ok(()));
        assert_eq!(connect(&mut streams), Err(Error::State));
        streams.run(&mut [&mut client], END);
        assert_eq!(client.events, ["failed"]);
        streams.listen(pair, Listen::Silent);
        assert_eq!(connect(&mut streams), Ok(()));
        streams.run(&mut [&mut client], END.after(100_000));
        assert_eq!(client.events, ["failed"]);
        streams.with(0, |cx| cx.transport.close());
        assert_eq!(connect(&mut streams), Ok(()));
    }

    /// Consumes in units of four bytes only, and closes after the second.
    struct Units(Vec<[u8; 4]>);

    impl StreamHost for Units {
        fn receive(&mut self, cx: &mut StreamContext<'_>, event: StreamEvent<'_>) -> usize {
            let StreamEvent::Received(bytes) = event else { return 0 };
            let Some((unit, _)) = bytes.split_first_chunk::<4>() else { return 0 };
            self.0.push(*unit);
            if self.0.len() == 2 {
                cx.transport.close();
            }
            4
        }
        fn poll(&mut self, _: &mut StreamContext<'_>) {}
        fn next_deadline(&self) -> Instant {
            Instant::NEVER
        }
    }

    #[test]
    fn what_is_not_consumed_is_offered_again_and_a_close_ends_it() {
        let (mut streams, pair, mut client, _) = opened(1, &Pipe { chunk: 3, ..Pipe::default() });
        let mut units = Units(Vec::new());
        assert_eq!(streams.with(pair.client(), |cx| cx.transport.write(b"aaaabbbbcccc")), Ok(12));
        streams.run(&mut [&mut client, &mut units], END);
        assert_eq!(units.0, [*b"aaaa", *b"bbbb"]);
        assert_eq!(client.events, ["connected", "closed"]);
    }
}
