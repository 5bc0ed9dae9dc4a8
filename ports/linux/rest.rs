// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sleeping for a while before listening, where TCP connections are busy enough for it to pay.
//!
//! Being woken for each small message takes more processor time than the message, and about as much again from
//! whoever sends it on the same machine. What comes while nobody listens is taken together. So once input on TCP connections,
//! and nothing else, has ended some waits in a row, at more than one in [`QUICK`], a wait rests:
//!
//! - where nothing is ever answered on these connections, nobody waits for us: for as short a time as brings several of those
//!   messages at a time, never longer than [`LONGEST`], and until it brings less than that pace;
//! - where something is, a peer with a window may be waiting: for [`FIRST`], and only as long as more bytes pass in the
//!   same time than without. One that sends a message at a time and waits for its answer gets less through, so there it is tried ever more
//!   seldom.
//!
//! A message on a connection that was silent meets no rest of this kind.

use core::cell::Cell;

/// After so many receptions without an answer a peer is not waiting for one, and after so many quick waits it is time to rest.
const STREAK: u32 = 16;
/// The streak that is asked for at most, after rests that brought nothing.
const MOST: u32 = STREAK << 10;
/// How long such a wait takes at most, in microseconds: below that pace waking costs little.
const QUICK: u64 = 50;
/// The first rest, and the longest, in microseconds.
const FIRST: u32 = 50;
const LONGEST: u32 = 500;
/// After so many rests where something is answered it is asked what they have brought.
const TRIAL: u32 = 8;

/// What a wait meets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No rests: what comes without them is counted.
    Awake,
    /// Rests while nothing is answered.
    Flooded,
    /// Rests while something is answered, and whether they have brought more before.
    Tried(bool),
}

/// Whether a wait rests, and for how long.
pub(super) struct Rest {
    /// Every wait rests for so long, in microseconds; `None` to rest only while it pays, and zero not at all.
    fixed: Option<u32>,
    /// What came since the last wait on TCP connections, in bytes, and whether one of them is answered.
    bytes: Cell<u32>,
    answered: Cell<bool>,
    /// Something else came.
    other: Cell<bool>,
    phase: Cell<Phase>,
    /// How many waits of this phase only these connections have ended, what came with them, and since when, in microseconds.
    waits: Cell<u32>,
    taken: Cell<u64>,
    since: Cell<u64>,
    /// The bytes and microseconds of the waits without rests, and how many those were.
    before: Cell<(u64, u64, u32)>,
    /// How many waits without rests there have to be.
    needed: Cell<u32>,
    /// How long to rest now, in microseconds.
    length: Cell<u32>,
}

impl Rest {
    pub(super) const fn new(fixed: Option<u32>) -> Rest {
        Rest {
            fixed,
            bytes: Cell::new(0),
            answered: Cell::new(false),
            other: Cell::new(false),
            phase: Cell::new(Phase::Awake),
            waits: Cell::new(0),
            taken: Cell::new(0),
            since: Cell::new(0),
            before: Cell::new((0, 0, 0)),
            needed: Cell::new(STREAK),
            length: Cell::new(0),
        }
    }

    /// So many bytes came on a TCP connection, after `unanswered` receptions since we sent something on it; how many
    /// those are now.
    pub(super) fn came(&self, unanswered: u32, bytes: usize) -> u32 {
        self.bytes.set(self.bytes.get().saturating_add(bytes as u32));
        if unanswered < STREAK {
            self.answered.set(true);
            return unanswered + 1;
        }
        unanswered
    }

    /// Something happened that a peer, or a thread of ours, may be waiting for the outcome of.
    pub(super) fn disturb(&self) {
        self.other.set(true);
    }

    /// A wait begins, with nothing due yet: for how many microseconds to rest before it. `now` counts microseconds.
    pub(super) fn turn(&self, now: impl Fn() -> u64) -> u32 {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let bytes = u64::from(self.bytes.take());
        if self.other.take() {
            return self.stop();
        }
        if bytes == 0 {
            return 0;
        }
        let waits = self.waits.get();
        if self.phase.get() == Phase::Awake && waits == 0 {
            self.begin(Phase::Awake, now());
            self.waits.set(1);
            self.answered.set(false);
            return 0;
        }
        self.taken.set(self.taken.get() + bytes);
        self.waits.set(waits + 1);
        match self.phase.get() {
            Phase::Awake if waits < self.needed.get() => 0,
            Phase::Awake => {
                let now = now();
                let spent = now.saturating_sub(self.since.get());
                if spent > u64::from(waits) * QUICK {
                    return self.stop();
                }
                self.before.set((self.taken.get(), spent, waits));
                self.length.set(FIRST);
                self.begin(if self.answered.take() { Phase::Tried(false) } else { Phase::Flooded }, now)
            }
            Phase::Flooded if self.answered.take() => self.stop(),
            // A rest is over: it is to bring as much as waits at that pace would have, and more than one of them.
            Phase::Flooded => {
                let now = now();
                let (taken, _, waits) = self.before.get();
                let spent = now.saturating_sub(self.since.get()).max(2 * QUICK);
                if spent.saturating_mul(taken) > bytes * u64::from(waits) * QUICK {
                    return self.fail();
                }
                self.needed.set(STREAK);
                self.length.set((self.length.get() * 2).min(LONGEST));
                self.begin(Phase::Flooded, now)
            }
            Phase::Tried(_) if waits + 1 < TRIAL => FIRST,
            // What the first rests bring has to be clearly more, which nothing that happens by chance is for long.
            Phase::Tried(proven) => {
                let now = now();
                if !self.answered.take() {
                    return self.begin(Phase::Flooded, now);
                }
                let (taken, time, _) = self.before.get();
                let spent = now.saturating_sub(self.since.get());
                let (more, less) = (self.taken.get().saturating_mul(time), taken.saturating_mul(spent));
                let least = if proven { less } else { less.saturating_add(less / 8) };
                if more < least {
                    return if proven { self.stop() } else { self.fail() };
                }
                self.needed.set(STREAK);
                self.begin(Phase::Tried(true), now)
            }
        }
    }

    /// Counts anew, and rests as long as is said.
    fn begin(&self, phase: Phase, now: u64) -> u32 {
        self.phase.set(phase);
        self.waits.set(0);
        self.taken.set(0);
        self.since.set(now);
        self.length.get()
    }

    /// Rests have brought nothing: the next ones are tried later.
    fn fail(&self) -> u32 {
        self.needed.set((self.needed.get() * 2).min(MOST));
        self.stop()
    }

    fn stop(&self) -> u32 {
        self.length.set(0);
        self.answered.set(false);
        self.begin(Phase::Awake, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection on which `bytes` come each time, every `pace` microseconds, and how often and how long a wait rested for them.
    struct Scene {
        rest: Rest,
        now: u64,
        unanswered: u32,
        rests: u32,
        longest: u32,
        waits: u32,
    }

    impl Scene {
        fn new() -> Scene {
            Scene { rest: Rest::new(None), now: 1, unanswered: 0, rests: 0, longest: 0, waits: 0 }
        }

        /// A wait: `length` is slept, then input after `pace` more. What came during the sleep comes with it.
        fn wait(&mut self, pace: u64, answer: bool) -> u32 {
            let now = self.now;
            let length = self.rest.turn(|| now);
            self.waits += 1;
            self.rests += u32::from(length != 0);
            self.longest = self.longest.max(length);
            let messages = 1 + u64::from(length) / pace;
            self.now += u64::from(length) + pace;
            self.unanswered = self.rest.came(self.unanswered, messages as usize * 70);
            if answer {
                self.unanswered = 0;
            }
            messages as u32
        }
    }

    #[test]
    fn a_flood_is_taken_together() {
        let mut scene = Scene::new();
        let mut messages = 0;
        while messages < 10_000 {
            messages += scene.wait(10, false);
        }
        assert_eq!(scene.longest, LONGEST);
        // Each without a rest would be a wait of its own.
        assert!(scene.waits < 10_000 / 20, "{}", scene.waits);
    }

    #[test]
    fn who_comes_seldom_meets_no_rest() {
        for (pace, answer) in [(51, false), (100, false), (10_000, false), (51, true), (10_000, true)] {
            let mut scene = Scene::new();
            for _ in 0..10_000 {
                scene.wait(pace, answer);
            }
            assert_eq!(scene.rests, 0, "{pace} {answer}");
        }
    }

    /// A peer sends one message, and the next one when it has our answer; or so many at a time, of which each wakes us where nobody rests.
    #[test]
    fn where_something_is_answered_rests_have_to_bring_more() {
        for (window, pace) in [(1, 10), (1, 25), (1, 49), (2, 20), (3, 20)] {
            let (mut rest, mut now, mut rests) = (Rest::new(None), 1, 0);
            for _ in 0..100_000 {
                let length = rest.turn(|| now);
                rests += u32::from(length != 0);
                now += u64::from(length) + pace;
                rest.came(0, window * 70);
            }
            assert!(rests <= 17 * TRIAL, "window {window}: {rests} rests");
            rest = Rest::new(None);
            (now, rests) = (1, 0);
            let mut longest = 0;
            for _ in 0..10_000 {
                let length = rest.turn(|| now);
                rests += u32::from(length != 0);
                longest = longest.max(length);
                now += u64::from(length) + 10;
                rest.came(0, if length == 0 { 70 } else { 10 * 70 });
            }
            assert!(rests > 9_900 && longest == FIRST, "{rests}, {longest}");
            // It gets slower: no rest is needed any more.
            rests = 0;
            for _ in 0..10_000 {
                let length = rest.turn(|| now);
                rests += u32::from(length != 0);
                now += 1000;
                rest.came(0, 70);
            }
            assert!(rests <= TRIAL, "{rests}");
        }
    }

    /// After any time in which nothing came, the rests end.
    #[test]
    fn a_long_silence_ends_the_rests() {
        for unanswered in [0, STREAK] {
            let (rest, mut now, mut length) = (Rest::new(None), 1, 0);
            for _ in 0..1000 {
                now += u64::from(length) + 10;
                rest.came(unanswered, if length == 0 { 70 } else { 70 * length as usize });
                length = rest.turn(|| now);
            }
            assert_ne!(length, 0);
            for _ in 0..TRIAL {
                rest.came(unanswered, usize::MAX);
                length = rest.turn(|| u64::MAX);
            }
            assert_eq!(length, 0);
        }
    }

    /// The flood ends, and a single message comes later.
    #[test]
    fn a_single_message_after_a_flood_meets_no_rest() {
        let mut scene = Scene::new();
        for _ in 0..100 {
            scene.wait(10, false);
        }
        assert_ne!(scene.rest.length.get(), 0);
        // The rest before this one's arrival was over long ago.
        scene.wait(100_000, false);
        let rests = scene.rests;
        for _ in 0..10 {
            scene.wait(100_000, false);
        }
        assert_eq!(scene.rests, rests);
    }

    /// The application answers over another connection, one message at a time: a rest brings no more than one.
    #[test]
    fn rests_that_bring_nothing_become_rare() {
        let mut scene = Scene::new();
        for _ in 0..100_000 {
            let now = scene.now;
            let length = scene.rest.turn(|| now);
            scene.rests += u32::from(length != 0);
            scene.now += u64::from(length) + 20;
            scene.unanswered = scene.rest.came(scene.unanswered, 70);
        }
        assert!((1..=15 + TRIAL).contains(&scene.rests), "{}", scene.rests);
        assert_eq!(scene.rest.needed.get(), MOST);
    }

    #[test]
    fn anything_else_ends_the_rest() {
        let mut scene = Scene::new();
        for _ in 0..100 {
            scene.wait(10, false);
        }
        scene.rest.disturb();
        assert_eq!(scene.rest.turn(|| 0), 0);
        let rests = scene.rests;
        for _ in 0..STREAK {
            scene.wait(10, false);
        }
        assert_eq!(scene.rests, rests);
        // Where another connection is answered as well, it may be waiting for us.
        for _ in 0..1000 {
            scene.wait(10, false);
            assert_eq!(scene.rest.came(0, 4), 1);
            assert!(scene.rest.phase.get() != Phase::Flooded);
        }
    }

    #[test]
    fn what_the_application_chose_is_kept() {
        let fixed = Rest::new(Some(300));
        fixed.disturb();
        assert_eq!(fixed.turn(|| 0), 300);
        let mut never = Scene { rest: Rest::new(Some(0)), ..Scene::new() };
        for _ in 0..1000 {
            never.wait(10, false);
        }
        assert_eq!(never.rests, 0);
    }
}
