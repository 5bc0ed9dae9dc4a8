// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sleeping for a while before listening, where one TCP connection floods us.
//!
//! Being woken for each small message takes more processor time than the message, and about as much again from
//! whoever sends it on the same machine. Who is sent message after message without ever answering on that connection
//! keeps nobody waiting by listening later: what comes meanwhile is taken together. So a wait rests
//!
//! - when input on such connections, and nothing else, ended the last ones, at more than one in [`QUICK`];
//! - for as short a time as brings several of those messages at a time, and never longer than [`LONGEST`];
//! - until it brings less than that pace, or something else happens.
//!
//! A message on a connection that was silent, or that is answered, never meets a rest of this kind.

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

/// Whether a wait rests, and for how long.
pub(super) struct Rest {
    /// Every wait rests for so long, in microseconds; `None` to rest only while flooded, and zero not at all.
    fixed: Option<u32>,
    /// What came since the last wait on connections that do not answer, in bytes.
    bytes: Cell<u32>,
    /// Something else came.
    other: Cell<bool>,
    /// How many waits in a row only the flood has ended, and what came with them.
    waits: Cell<u32>,
    taken: Cell<u64>,
    /// The beginning of the streak, or of the last rest, in microseconds.
    since: Cell<u64>,
    /// How long a streak has to be.
    needed: Cell<u32>,
    /// How long to rest now, in microseconds.
    length: Cell<u32>,
}

impl Rest {
    pub(super) const fn new(fixed: Option<u32>) -> Rest {
        Rest {
            fixed,
            bytes: Cell::new(0),
            other: Cell::new(false),
            waits: Cell::new(0),
            taken: Cell::new(0),
            since: Cell::new(0),
            needed: Cell::new(STREAK),
            length: Cell::new(0),
        }
    }

    /// So many bytes came on a TCP connection, after `unanswered` receptions since we sent something on it; how many
    /// those are now.
    pub(super) fn came(&self, unanswered: u32, bytes: usize) -> u32 {
        if unanswered < STREAK {
            self.disturb();
            return unanswered + 1;
        }
        self.bytes.set(self.bytes.get().saturating_add(bytes as u32));
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
            self.stop();
            return 0;
        }
        if bytes == 0 {
            return 0;
        }
        let length = self.length.get();
        if length == 0 {
            let waits = self.waits.get();
            if waits == 0 {
                self.since.set(now());
            } else {
                self.taken.set(self.taken.get() + bytes);
            }
            self.waits.set(waits + 1);
            if waits < self.needed.get() {
                return 0;
            }
            let now = now();
            let quick = now.saturating_sub(self.since.get()) <= u64::from(waits) * QUICK;
            self.since.set(now);
            if !quick {
                self.stop();
                return 0;
            }
            self.length.set(FIRST);
            return FIRST;
        }
        // A rest is over: it is to bring as much as waits at that pace would have, and more than one of them.
        let now = now();
        let spent = now.saturating_sub(self.since.replace(now)).max(2 * QUICK);
        let (waits, taken) = (u64::from(self.waits.get() - 1), self.taken.get());
        if spent * taken > bytes * waits * QUICK {
            self.stop();
            self.needed.set((self.needed.get() * 2).min(MOST));
            return 0;
        }
        self.needed.set(STREAK);
        self.length.set((length * 2).min(LONGEST));
        self.length.get()
    }

    fn stop(&self) {
        self.waits.set(0);
        self.taken.set(0);
        self.length.set(0);
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
    fn who_is_answered_and_who_comes_seldom_meets_no_rest() {
        for (pace, answer) in [(10, true), (25, true), (51, false), (100, false), (10_000, false)] {
            let mut scene = Scene::new();
            for _ in 0..10_000 {
                scene.wait(pace, answer);
            }
            assert_eq!(scene.rests, 0, "{pace} {answer}");
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
        assert!((1..=15).contains(&scene.rests), "{}", scene.rests);
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
        // Another connection that is answered is something else.
        for _ in 0..1000 {
            scene.wait(10, false);
            assert_eq!(scene.rest.came(0, 4), 1);
        }
        assert_eq!(scene.rests, rests);
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
