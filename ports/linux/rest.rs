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
    /// Rests of so many microseconds while nothing is answered.
    Flooded(u32),
    /// Rests while something is answered, and whether they have brought more before.
    Tried(bool),
}

/// What came on TCP connections, and how many waits that took.
#[derive(Clone, Copy, Default)]
struct Count {
    waits: u32,
    bytes: u64,
    /// In microseconds.
    time: u64,
}

/// What has come since the last wait.
#[derive(Clone, Copy, Default)]
struct Came {
    /// On TCP connections.
    bytes: u32,
    /// One of them is answered.
    answered: bool,
    /// Something else came.
    other: bool,
}

/// What is known of the waits so far.
#[derive(Clone, Copy)]
struct State {
    phase: Phase,
    /// When the phase began, in microseconds; `None` before its first wait.
    since: Option<u64>,
    /// What its waits have brought; their time is added up in the end.
    count: Count,
    /// Something was answered in it.
    answered: bool,
    /// What the last waits without rests brought.
    before: Count,
    /// How many of those there have to be.
    needed: u32,
}

/// Whether a wait rests, and for how long.
pub(super) struct Rest {
    /// Every wait rests for so long, in microseconds; `None` to rest only while it pays, and zero not at all.
    fixed: Option<u32>,
    came: Cell<Came>,
    state: Cell<State>,
}

impl Rest {
    pub(super) const fn new(fixed: Option<u32>) -> Rest {
        let nothing = Count { waits: 0, bytes: 0, time: 0 };
        let (phase, since, answered) = (Phase::Awake, None, false);
        let state = State { phase, since, count: nothing, answered, before: nothing, needed: STREAK };
        let came = Came { bytes: 0, answered: false, other: false };
        Rest { fixed, came: Cell::new(came), state: Cell::new(state) }
    }

    /// So many bytes came on a TCP connection, after `unanswered` receptions since we sent something on it; how many
    /// those are now.
    pub(super) fn came(&self, unanswered: u32, bytes: usize) -> u32 {
        let mut came = self.came.get();
        came.bytes = came.bytes.saturating_add(bytes as u32);
        came.answered |= unanswered < STREAK;
        self.came.set(came);
        (unanswered + 1).min(STREAK)
    }

    /// Something happened that a peer, or a thread of ours, may be waiting for the outcome of.
    pub(super) fn disturb(&self) {
        self.came.set(Came { other: true, ..self.came.get() });
    }

    /// A wait begins, with nothing due yet: for how many microseconds to rest before it. `now` counts microseconds.
    pub(super) fn turn(&self, now: impl Fn() -> u64) -> u32 {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let (came, mut state) = (self.came.take(), self.state.get());
        if came.other {
            state.stop();
        } else if came.bytes == 0 {
            return 0;
        } else {
            state.wait(came, now);
        }
        self.state.set(state);
        state.phase.length()
    }
}

impl Phase {
    /// How long to rest in it, in microseconds.
    fn length(self) -> u32 {
        match self {
            Phase::Awake => 0,
            Phase::Flooded(length) => length,
            Phase::Tried(_) => FIRST,
        }
    }
}

impl State {
    /// A wait that only TCP connections have ended. The clock is read only where it matters.
    fn wait(&mut self, came: Came, now: impl Fn() -> u64) {
        let Some(since) = self.since else { return self.begin(Phase::Awake, now()) };
        self.count.waits += 1;
        self.count.bytes += u64::from(came.bytes);
        self.answered |= came.answered;
        let enough = match self.phase {
            Phase::Awake => self.needed,
            Phase::Flooded(_) => 1,
            Phase::Tried(_) => TRIAL,
        };
        if self.count.waits < enough {
            return;
        }
        if matches!(self.phase, Phase::Flooded(_)) && self.answered {
            return self.stop();
        }
        let now = now();
        self.count.time = now.saturating_sub(since);
        match self.phase {
            Phase::Awake if self.count.time > u64::from(self.count.waits) * QUICK => self.stop(),
            Phase::Awake => {
                self.before = self.count;
                self.begin(if self.answered { Phase::Tried(false) } else { Phase::Flooded(FIRST) }, now);
            }
            // A rest is over: it is to bring as much as waits at that pace would have, and more than one of them.
            Phase::Flooded(length) => {
                let wanted = self.count.time.max(2 * QUICK).saturating_mul(self.before.bytes);
                if wanted > self.count.bytes * u64::from(self.before.waits) * QUICK {
                    return self.fail();
                }
                self.go_on(Phase::Flooded((length * 2).min(LONGEST)), now);
            }
            Phase::Tried(_) if !self.answered => self.begin(Phase::Flooded(FIRST), now),
            // What the first rests bring has to be clearly more, which nothing that happens by chance is for long.
            Phase::Tried(proven) => {
                let more = self.count.bytes.saturating_mul(self.before.time);
                let less = self.before.bytes.saturating_mul(self.count.time);
                match proven {
                    true if more < less => self.stop(),
                    false if more < less.saturating_add(less / 8) => self.fail(),
                    _ => self.go_on(Phase::Tried(true), now),
                }
            }
        }
    }

    /// Counts anew.
    fn begin(&mut self, phase: Phase, now: u64) {
        (self.phase, self.since, self.count, self.answered) = (phase, Some(now), Count::default(), false);
    }

    /// Rests have brought something.
    fn go_on(&mut self, phase: Phase, now: u64) {
        self.needed = STREAK;
        self.begin(phase, now);
    }

    /// Rests have brought nothing: the next ones are tried later.
    fn fail(&mut self) {
        self.needed = (self.needed * 2).min(MOST);
        self.stop();
    }

    fn stop(&mut self) {
        self.begin(Phase::Awake, 0);
        self.since = None;
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
        assert!(scene.rest.state.get().phase != Phase::Awake);
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
        assert_eq!(scene.rest.state.get().needed, MOST);
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
            assert!(!matches!(scene.rest.state.get().phase, Phase::Flooded(_)));
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
