// SPDX-License-Identifier: MIT OR Apache-2.0
//! The MAC: a queue of frames with priorities, unslotted CSMA-CA, acknowledgements, retries and
//! duplicate rejection, as far as the radio leaves them to software (2015 §6.2.5.1, §6.7).
//!
//! Time has a resolution of a millisecond here. Back-off periods of 320 µs are rounded at random,
//! so that their mean is kept, and acknowledgements are waited for [`ACK_WAIT`].
#![forbid(unsafe_code)]

use super::LinkAddress;
use super::control::FrameType;
use super::fields::{self, Fields};
use super::neighbour::Neighbours;
use super::pool::{BlockId, Pool};
use super::wire::{BROADCAST_PAN, FCS_LEN, MAX_FRAME};
use crate::bytes::Writer;
use crate::memory::Carver;
use crate::status::{Error, Result};
use crate::time::Instant;
use crate::transport::{RadioAddresses, RadioCapabilities, RadioContext, TransmitStatus};

/// How long a software MAC waits for an acknowledgement, in milliseconds: 864 µs
/// (macAckWaitDuration) on a clock that may be read anywhere within its tick.
pub const ACK_WAIT: u64 = 2;
/// How long the radio may take for one transmission, in milliseconds, before it counts as failed.
const STUCK: u64 = 1000;
/// How long the radio may take for an acknowledgement of ours, in milliseconds.
const ACK_TIME: u64 = 5;

/// Which of two waiting frames goes first. Frames of the same priority keep their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Everything else.
    #[default]
    Normal,
    /// What keeps the network together. A quarter of the queue is kept for it.
    Control,
}

/// How the MAC behaves.
#[derive(Clone, Copy, Debug)]
pub struct MacConfig {
    /// The EUI-64, most significant byte first.
    pub extended: [u8; 8],
    /// The short address; `0xfffe` for none. Frames leave under it when there is one.
    pub short: u16,
    /// The PAN ID.
    pub pan: u16,
    /// How many frames can wait.
    pub queue: usize,
    /// For how many neighbours the link is known.
    pub neighbours: usize,
    /// macMinBE, the standard's default is 3.
    pub min_be: u8,
    /// macMaxBE, the standard's default is 5.
    pub max_be: u8,
    /// macMaxCSMABackoffs, the standard's default is 4.
    pub max_csma_backoffs: u8,
    /// macMaxFrameRetries; the standard's default is 3, its greatest value 7.
    pub max_frame_retries: u8,
}

impl Default for MacConfig {
    /// Seven retries instead of the standard's three, as a mesh pays for a lost frame with all the
    /// hops before it.
    fn default() -> MacConfig {
        MacConfig {
            extended: [0; 8],
            short: 0xfffe,
            pan: 0xabcd,
            queue: 8,
            neighbours: 16,
            min_be: 3,
            max_be: 5,
            max_csma_backoffs: 4,
            max_frame_retries: 7,
        }
    }
}

/// What has been counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MacStats {
    /// Frames put on the air, repetitions included, acknowledgements not.
    pub transmissions: u32,
    /// Frames that ended well: acknowledged, or sent when no acknowledgement was asked for.
    pub sent: u32,
    /// Unicast frames given up without acknowledgement.
    pub no_ack: u32,
    /// Frames given up as the channel never was clear.
    pub channel_busy: u32,
    /// Frames given up as the radio failed.
    pub radio_failed: u32,
    /// Frames refused as the queue or the pool was full.
    pub queue_full: u32,
    /// Frames received for us, repetitions not counted.
    pub received: u32,
    /// Repetitions dropped.
    pub duplicates: u32,
    /// Frames dropped as they were for others.
    pub filtered: u32,
    /// Frames dropped as malformed or of a kind not supported.
    pub malformed: u32,
    /// Frames dropped as they were secured, for which there is no key.
    pub secured: u32,
}

/// A frame in the queue. Its number and its destination are in its header.
#[derive(Clone, Copy, Debug)]
pub struct Queued {
    block: BlockId,
    len: u8,
    priority: Priority,
    order: u8,
    tag: u8,
}

/// A frame begun: its header is written.
#[derive(Debug)]
pub struct Draft {
    /// The block that holds the frame.
    pub block: BlockId,
    /// How many bytes the header took; the payload goes behind it, up to [`MAX_PAYLOAD_END`].
    pub header_len: usize,
}

/// Where a frame's payload ends at the latest: the FCS is the radio's.
pub const MAX_PAYLOAD_END: usize = MAX_FRAME - FCS_LEN;

/// How a frame ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What [`Mac::enqueue`] was given.
    pub tag: u8,
    /// To whom it went.
    pub destination: LinkAddress,
    /// [`Error::Timeout`] without acknowledgement, [`Error::WouldBlock`] when the channel never
    /// was clear, [`Error::Io`] when the radio failed.
    pub result: Result<()>,
}

/// What the frame under way waits for, until [`Mac::until`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// The end of a back-off.
    Backoff,
    /// The radio to have sent; should it never say so, it has failed then.
    Transmitting,
    /// An acknowledgement.
    AwaitingAck,
}

/// The MAC. See the [module](self).
#[derive(Debug)]
pub struct Mac<'m> {
    config: MacConfig,
    queue: &'m mut [Option<Queued>],
    neighbours: Neighbours<'m>,
    stats: MacStats,
    state: State,
    until: Instant,
    /// The queue's place whose frame is under way.
    current: usize,
    /// How often it has been on the air.
    attempts: u8,
    /// How often CSMA-CA gave up.
    refusals: u8,
    backoffs: u8,
    sequence: u8,
    order: u8,
    finished: Option<Outcome>,
    /// Until then the radio sends an acknowledgement of ours, whose end is of no interest.
    acknowledging: Instant,
}

impl<'m> Mac<'m> {
    /// A MAC with an empty queue, with whatever memory there is: [`Carver::enough`] is to be asked. `seed` sets
    /// the first sequence number; it should differ from one start to the next.
    pub fn new(carver: &mut Carver<'m>, config: &MacConfig, seed: u8) -> Mac<'m> {
        Mac {
            queue: carver.part(config.queue),
            neighbours: Neighbours::new(carver.part(config.neighbours)),
            config: *config,
            stats: MacStats::default(),
            state: State::Idle,
            until: Instant::NEVER,
            current: 0,
            attempts: 0,
            refusals: 0,
            backoffs: 0,
            sequence: seed,
            order: 0,
            finished: None,
            acknowledging: Instant::ZERO,
        }
    }

    /// Whether there can be a MAC with this configuration: it has a queue, and exponents in order.
    pub const fn is_possible(config: &MacConfig) -> bool {
        config.queue > 0 && config.min_be <= config.max_be && config.max_be <= 8
    }

    /// What has been counted.
    pub const fn stats(&self) -> &MacStats {
        &self.stats
    }

    /// The links to the neighbours.
    pub const fn neighbours(&self) -> &Neighbours<'m> {
        &self.neighbours
    }

    /// The links to the neighbours, to pin or to forget them.
    pub const fn neighbours_mut(&mut self) -> &mut Neighbours<'m> {
        &mut self.neighbours
    }

    /// The address under which frames leave.
    pub const fn address(&self) -> LinkAddress {
        match self.config.short {
            0xfffe | 0xffff => LinkAddress::Extended(self.config.extended),
            short => LinkAddress::Short(short),
        }
    }

    /// The PAN.
    pub const fn pan(&self) -> u16 {
        self.config.pan
    }

    /// How many frames wait or are under way.
    pub fn waiting(&self) -> usize {
        self.queue.iter().flatten().count()
    }

    /// Takes another short address, or `0xfffe` for none, and another PAN; the radio is told.
    ///
    /// # Errors
    /// Those of the radio.
    pub fn set_addresses(&mut self, cx: &mut RadioContext<'_>, short: u16, pan: u16) -> Result<()> {
        self.config.short = short;
        self.config.pan = pan;
        let short = if short == 0xfffe { 0xffff } else { short };
        cx.transport.set_addresses(&RadioAddresses { extended: self.config.extended, short, pan })
    }

    /// Whether a further frame of that priority would be taken.
    pub fn has_room(&self, pool: &Pool<'_>, priority: Priority) -> bool {
        let kept = if priority == Priority::Control { 0 } else { self.queue.len() / 4 };
        pool.free() > 0 && self.queue.len() - self.waiting() > kept
    }

    /// Takes a block and writes the header of a data frame into it.
    ///
    /// # Errors
    /// [`Error::Full`] when the queue or the pool is; [`Error::Invalid`] without destination.
    pub fn begin(
        &mut self,
        pool: &mut Pool<'_>,
        destination: LinkAddress,
        priority: Priority,
    ) -> Result<Draft> {
        if !matches!(destination, LinkAddress::Short(_) | LinkAddress::Extended(_)) {
            return Err(Error::Invalid);
        }
        if !self.has_room(pool, priority) {
            self.stats.queue_full = self.stats.queue_full.wrapping_add(1);
            return Err(Error::Full);
        }
        let block = pool.take(0).ok_or(Error::Full)?;
        self.sequence = self.sequence.wrapping_add(1);
        let mut out = Writer::new(pool.get_mut(block));
        match fields::put_data(self.config.pan, destination, self.address(), self.sequence, &mut out) {
            Ok(()) => Ok(Draft { block, header_len: out.position() }),
            Err(error) => {
                pool.give(block);
                Err(error)
            }
        }
    }

    /// How many bytes the payload of a frame to `destination` may have.
    pub const fn room(&self, destination: LinkAddress) -> usize {
        MAX_PAYLOAD_END - (5 + destination.len() + self.address().len())
    }

    /// Queues a frame of `len` bytes, header included. It ends with an [`Outcome`] with `tag`, for
    /// which [`Mac::poll`] is to be called.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Full`]; the block is given back.
    pub fn enqueue(
        &mut self,
        pool: &mut Pool<'_>,
        draft: Draft,
        len: usize,
        priority: Priority,
        tag: u8,
    ) -> Result<()> {
        let slot = self.queue.iter_mut().find(|slot| slot.is_none());
        let (Some(slot), true) = (slot, len <= MAX_PAYLOAD_END) else {
            pool.give(draft.block);
            return Err(if len > MAX_PAYLOAD_END { Error::TooLarge } else { Error::Full });
        };
        *slot = Some(Queued { block: draft.block, len: len as u8, priority, order: self.order, tag });
        self.order = self.order.wrapping_add(1);
        Ok(())
    }

    /// Gives up a frame begun.
    pub fn abandon(&mut self, pool: &mut Pool<'_>, draft: Draft) {
        pool.give(draft.block);
    }

    /// Does what is due. `None` until the next deadline or input.
    pub fn poll(&mut self, cx: &mut RadioContext<'_>, pool: &mut Pool<'_>) -> Option<Outcome> {
        // Each round changes the state, and none but those that end a frame returns to `Idle`.
        for _ in 0..4 {
            if let Some(outcome) = self.finished.take() {
                return Some(outcome);
            }
            if self.state != State::Idle && !self.until.is_due(cx.now) {
                return None;
            }
            match self.state {
                State::Idle => {
                    self.current = self.next_frame()?;
                    self.attempts = 0;
                    self.refusals = 0;
                    self.start_attempt(cx);
                }
                State::Backoff => self.after_backoff(cx, pool),
                State::AwaitingAck => self.failed_attempt(cx, pool),
                State::Transmitting => self.finish(pool, TransmitStatus::Failed),
            }
        }
        None
    }

    /// When to call [`Mac::poll`].
    pub fn next_deadline(&self) -> Instant {
        if self.finished.is_some() {
            return Instant::ZERO;
        }
        match self.state {
            State::Idle if self.waiting() > 0 => Instant::ZERO,
            State::Idle => Instant::NEVER,
            _ => self.until,
        }
    }

    /// The frame to send next: the oldest of the highest priority.
    fn next_frame(&self) -> Option<usize> {
        let (mut found, mut most) = (None, 0);
        for (place, slot) in self.queue.iter().enumerate() {
            let Some(frame) = slot else { continue };
            let age = u32::from(self.order.wrapping_sub(frame.order));
            let rank = (frame.priority as u32 + 1) << 8 | age;
            if rank > most {
                (found, most) = (Some(place), rank);
            }
        }
        found
    }

    fn frame(&self) -> Option<&Queued> {
        self.queue.get(self.current)?.as_ref()
    }

    /// Begins CSMA-CA for a transmission, or leaves it to the radio.
    ///
    /// A repetition waits besides, for up to 4, 8, 16, 32, then 64 ms: two senders that do not hear
    /// each other would collide again and again within the few milliseconds of CSMA-CA, which are
    /// less than a frame takes.
    fn start_attempt(&mut self, cx: &mut RadioContext<'_>) {
        self.backoffs = 0;
        self.back_off(cx);
        let before = self.attempts.saturating_add(self.refusals);
        if before > 0 {
            let spread = 2 << before.min(5);
            self.until = self.until.after(u64::from(cx.random.below(spread)));
        }
    }

    fn back_off(&mut self, cx: &mut RadioContext<'_>) {
        let mut wait = 0;
        if !cx.transport.capabilities().has(RadioCapabilities::CSMA) {
            let exponent = self.config.max_be.min(self.config.min_be.saturating_add(self.backoffs));
            let periods = cx.random.below(1 << exponent);
            // 320 µs each; what is left of a millisecond is rounded up as often as it is large.
            wait = (periods * 320 + cx.random.below(1000)) / 1000;
        }
        self.wait(State::Backoff, cx.now, u64::from(wait));
    }

    fn wait(&mut self, state: State, now: Instant, ms: u64) {
        self.state = state;
        self.until = now.after(ms);
    }

    fn after_backoff(&mut self, cx: &mut RadioContext<'_>, pool: &mut Pool<'_>) {
        let Some(&Queued { block, len, .. }) = self.frame() else {
            self.state = State::Idle;
            return;
        };
        let csma = cx.transport.capabilities().has(RadioCapabilities::CSMA);
        if self.acknowledging > cx.now || !csma && !cx.transport.channel_is_clear() {
            self.busy(cx, pool);
            return;
        }
        let frame = pool.get(block).get(..usize::from(len)).unwrap_or_default();
        match cx.transport.transmit(frame) {
            Ok(()) => {
                self.attempts = self.attempts.saturating_add(1);
                self.wait(State::Transmitting, cx.now, STUCK);
            }
            Err(Error::WouldBlock) => self.busy(cx, pool),
            Err(_) => self.finish(pool, TransmitStatus::Failed),
        }
    }

    fn busy(&mut self, cx: &mut RadioContext<'_>, pool: &mut Pool<'_>) {
        self.backoffs = self.backoffs.saturating_add(1);
        if self.backoffs <= self.config.max_csma_backoffs {
            // Never at once again: a channel that is busy now is not worth a second look now.
            self.back_off(cx);
            self.until = self.until.max(cx.now.after(1));
            return;
        }
        self.refused(cx, pool);
    }

    /// CSMA-CA has given up. A busy moment should not lose the frame, so it is begun again as
    /// often as a frame may be repeated.
    fn refused(&mut self, cx: &mut RadioContext<'_>, pool: &mut Pool<'_>) {
        self.refusals = self.refusals.saturating_add(1);
        self.repeat(cx, pool, self.refusals, TransmitStatus::ChannelBusy);
    }

    fn failed_attempt(&mut self, cx: &mut RadioContext<'_>, pool: &mut Pool<'_>) {
        self.repeat(cx, pool, self.attempts, TransmitStatus::NoAck);
    }

    /// Begins again what was tried in vain so many times, or gives it up.
    fn repeat(&mut self, cx: &mut RadioContext<'_>, pool: &mut Pool<'_>, times: u8, status: TransmitStatus) {
        if times > self.config.max_frame_retries {
            self.finish(pool, status);
        } else {
            self.start_attempt(cx);
        }
    }

    /// The frame under way has ended.
    fn finish(&mut self, pool: &mut Pool<'_>, status: TransmitStatus) {
        self.state = State::Idle;
        let Some(place) = self.queue.get_mut(self.current) else { return };
        let Some(frame) = *place else { return };
        *place = None;
        let destination = fields::destination(pool.get(frame.block));
        pool.give(frame.block);
        let (counter, result) = match status {
            TransmitStatus::Sent => (&mut self.stats.sent, Ok(())),
            TransmitStatus::NoAck => (&mut self.stats.no_ack, Err(Error::Timeout)),
            TransmitStatus::ChannelBusy => (&mut self.stats.channel_busy, Err(Error::WouldBlock)),
            TransmitStatus::Failed => (&mut self.stats.radio_failed, Err(Error::Io)),
        };
        *counter = counter.wrapping_add(1);
        if destination.is_unicast() && matches!(status, TransmitStatus::Sent | TransmitStatus::NoAck) {
            self.neighbours.ended(destination, self.attempts, status == TransmitStatus::Sent);
        }
        self.finished = Some(Outcome { tag: frame.tag, destination, result });
    }

    /// Input: a transmission is over.
    pub fn transmitted(
        &mut self,
        cx: &mut RadioContext<'_>,
        pool: &mut Pool<'_>,
        status: TransmitStatus,
        attempts: u8,
    ) {
        let own_frame = self.state == State::Transmitting;
        if core::mem::replace(&mut self.acknowledging, Instant::ZERO) > cx.now || !own_frame {
            return;
        }
        let on_air = if status == TransmitStatus::ChannelBusy { attempts } else { attempts.max(1) };
        self.stats.transmissions = self.stats.transmissions.wrapping_add(u32::from(on_air));
        let capabilities = cx.transport.capabilities();
        let unicast = self.frame().is_some_and(|frame| fields::asks_for_ack(pool.get(frame.block)));
        let repeated = capabilities.has(RadioCapabilities::RETRY);
        if repeated {
            self.attempts = on_air;
        }
        match status {
            TransmitStatus::Sent if unicast && !capabilities.has(RadioCapabilities::ACK) => {
                return self.wait(State::AwaitingAck, cx.now, ACK_WAIT);
            }
            TransmitStatus::NoAck if !repeated => return self.failed_attempt(cx, pool),
            TransmitStatus::ChannelBusy => {
                self.attempts = self.attempts.saturating_sub(u8::from(!repeated));
                return self.refused(cx, pool);
            }
            _ => {}
        }
        self.finish(pool, status);
    }

    /// Input: a frame was received. Its payload comes back, and its header in `header`, when it is for us,
    /// no repetition, and not an acknowledgement; it has been acknowledged then, unless the radio does that.
    pub fn receive<'d>(
        &mut self,
        cx: &mut RadioContext<'_>,
        pool: &mut Pool<'_>,
        bytes: &'d [u8],
        lqi: u8,
        rssi: i8,
        header: &mut Fields,
    ) -> Option<&'d [u8]> {
        let Ok(payload) = header.open(bytes) else {
            self.stats.malformed = self.stats.malformed.wrapping_add(1);
            return None;
        };
        if header.frame_type() == FrameType::Ack {
            let expected = self.frame().and_then(|frame| pool.get(frame.block).get(2));
            if self.state == State::AwaitingAck && header.sequence.as_ref() == expected {
                self.finish(pool, TransmitStatus::Sent);
            }
            return None;
        }
        if !self.is_for_us(header) {
            self.stats.filtered = self.stats.filtered.wrapping_add(1);
            return None;
        }
        let own_ack = !cx.transport.capabilities().has(RadioCapabilities::ACK);
        if header.asks_for_ack() && header.destination().is_unicast() && own_ack {
            self.acknowledge(cx, header);
        }
        let Some(payload) = payload else {
            self.stats.secured = self.stats.secured.wrapping_add(1);
            return None;
        };
        if self.neighbours.heard(*header.source(), header.sequence, lqi, rssi, cx.now) {
            self.stats.duplicates = self.stats.duplicates.wrapping_add(1);
            return None;
        }
        self.stats.received = self.stats.received.wrapping_add(1);
        Some(payload)
    }

    fn is_for_us(&self, header: &Fields) -> bool {
        let [to, from] = &header.ends;
        let pan = to.pan.or(from.pan).unwrap_or(BROADCAST_PAN);
        if pan != self.config.pan && pan != BROADCAST_PAN {
            return false;
        }
        match to.address {
            LinkAddress::Short(0xffff) => true,
            LinkAddress::Short(short) => short == self.config.short && short != 0xfffe,
            LinkAddress::Extended(extended) => extended == self.config.extended,
            _ => header.frame_type() == FrameType::Beacon,
        }
    }

    fn acknowledge(&mut self, cx: &mut RadioContext<'_>, header: &Fields) {
        let mut bytes = [0; 16];
        let mut out = Writer::new(&mut bytes);
        if header.put_ack(&mut out).is_ok() && cx.transport.transmit(out.written()).is_ok() {
            self.acknowledging = cx.now.after(ACK_TIME);
        }
    }
}

#[cfg(test)]
mod tests;
