// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the node does next.
#![forbid(unsafe_code)]

use crate::status::Result;
use crate::table::{Handle, Slot, Table};
use crate::time::Instant;

/// An engine attached to the node.
#[derive(Clone, Copy, Debug)]
pub struct Attached<A> {
    what: A,
    deadline: Instant,
    touched: bool,
}

/// Something that can become ready: a socket, a radio, a query.
#[derive(Clone, Copy, Debug)]
pub struct Source<S> {
    /// What it is.
    pub what: S,
    /// The engine that it belongs to.
    pub owner: Handle,
    readable: bool,
    writable: bool,
}

impl<A> Attached<A> {
    /// When it is to be polled.
    fn due(&self) -> Instant {
        if self.touched { Instant::ZERO } else { self.deadline }
    }
}

impl<S> Source<S> {
    const fn is_ready(&self) -> bool {
        self.readable || self.writable
    }
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Take what this source brings. Ends with [`Schedule::drained`].
    Receive(Handle),
    /// Tell the owner of this source that there is room to send again.
    Writable(Handle),
    /// Poll this engine once. Ends with [`Schedule::polled`].
    Poll(Handle),
}

/// Everything attached to a node, and what of it is due.
///
/// No engine and no source starves another: both are served in turn, one piece of work each.
#[derive(Debug)]
pub struct Schedule<'m, A, S> {
    attached: Table<'m, Attached<A>>,
    sources: Table<'m, Source<S>>,
    next_attached: usize,
    next_source: usize,
    sources_first: bool,
    /// A source may be ready: none is when this is not set.
    any_ready: bool,
}

impl<'m, A: Copy, S: Copy> Schedule<'m, A, S> {
    /// A schedule over the given tables.
    pub fn new(
        attached: &'m mut [Slot<Attached<A>>],
        sources: &'m mut [Slot<Source<S>>],
    ) -> Schedule<'m, A, S> {
        Schedule {
            attached: Table::new(attached),
            sources: Table::new(sources),
            next_attached: 0,
            next_source: 0,
            sources_first: true,
            any_ready: false,
        }
    }

    /// Adds an engine. It is polled at the next turn.
    ///
    /// # Errors
    /// [`Full`](crate::status::Error::Full).
    pub fn attach(&mut self, what: A) -> Result<Handle> {
        self.attached.insert(Attached { what, deadline: Instant::NEVER, touched: true })
    }

    /// Removes an engine. Its sources are closed first: see [`Schedule::first_of`].
    pub fn detach(&mut self, engine: Handle) {
        self.attached.discard(engine);
    }

    /// A source that belongs to this engine, if one is left.
    pub fn first_of(&self, engine: Handle) -> Option<Handle> {
        self.sources.find(|source| source.owner == engine)
    }

    /// The engine, if it is still attached.
    pub fn attached(&self, engine: Handle) -> Option<A> {
        self.attached.get(engine).map(|entry| entry.what)
    }

    /// Whether no engine is attached.
    pub fn is_empty(&self) -> bool {
        self.attached.is_empty()
    }

    /// Something changed in the engine from outside: poll it at the next turn.
    pub fn touch(&mut self, engine: Handle) {
        if let Some(entry) = self.attached.get_mut(engine) {
            entry.touched = true;
        }
    }

    /// Adds a source. Its handle is the token by which readiness is reported.
    ///
    /// # Errors
    /// [`Full`](crate::status::Error::Full).
    pub fn open(&mut self, owner: Handle, what: S) -> Result<Handle> {
        self.sources.insert(Source { what, owner, readable: false, writable: false })
    }

    /// The source, if it is still open.
    pub fn source(&self, source: Handle) -> Option<&Source<S>> {
        self.sources.get(source)
    }

    /// The source, if it is still open.
    pub fn source_mut(&mut self, source: Handle) -> Option<&mut Source<S>> {
        self.sources.get_mut(source)
    }

    /// The first open source that `wanted` accepts.
    pub fn find(&self, mut wanted: impl FnMut(&S) -> bool) -> Option<Handle> {
        self.sources.find(|source| wanted(&source.what))
    }

    /// Removes a source.
    pub fn close(&mut self, source: Handle) {
        self.sources.discard(source);
    }

    /// The source has something to bring, or room to send.
    pub fn ready(&mut self, source: Handle, readable: bool, writable: bool) {
        if let Some(source) = self.sources.get_mut(source) {
            source.readable |= readable;
            source.writable |= writable;
            self.any_ready = true;
        }
    }

    /// Takes every source for readable: the port cannot tell.
    pub fn all_ready(&mut self) {
        self.any_ready = true;
        for (_, source) in self.sources.iter_mut() {
            source.readable = true;
        }
    }

    /// The source brings nothing more for now.
    pub fn drained(&mut self, source: Handle) {
        if let Some(source) = self.sources.get_mut(source) {
            source.readable = false;
        }
    }

    /// The engine was polled: whether it has `more` to say at once, and if not, when next.
    pub fn polled(&mut self, engine: Handle, more: bool, deadline: Instant) {
        if let Some(entry) = self.attached.get_mut(engine) {
            entry.touched |= more;
            entry.deadline = deadline;
        }
    }

    /// The next thing to do at `now`, or `None` when all is done until [`Schedule::deadline`].
    ///
    /// Sources and engines take turns.
    pub fn next(&mut self, now: Instant) -> Option<Work> {
        self.sources_first = !self.sources_first;
        if self.sources_first {
            self.next_source().or_else(|| self.next_engine(now))
        } else {
            self.next_engine(now).or_else(|| self.next_source())
        }
    }

    fn next_source(&mut self) -> Option<Work> {
        if !self.any_ready {
            return None;
        }
        let ready = next_after(&mut self.sources, self.next_source, Source::is_ready);
        self.any_ready = ready.is_some();
        let handle = ready?;
        self.next_source = handle.index() + 1;
        let source = self.sources.get_mut(handle)?;
        if source.writable {
            source.writable = false;
            return Some(Work::Writable(handle));
        }
        Some(Work::Receive(handle))
    }

    fn next_engine(&mut self, now: Instant) -> Option<Work> {
        let due = |entry: &Attached<A>| entry.due().is_due(now);
        let handle = next_after(&mut self.attached, self.next_attached, due)?;
        self.next_attached = handle.index() + 1;
        self.attached.get_mut(handle)?.touched = false;
        Some(Work::Poll(handle))
    }

    /// When there is something to do if nothing comes in: [`Instant::ZERO`] for "now", until
    /// [`next`](Schedule::next) has said that there is nothing.
    pub fn deadline(&self) -> Instant {
        if self.any_ready {
            return Instant::ZERO;
        }
        let due = self.attached.iter().map(|(_, entry)| entry.due());
        due.fold(Instant::NEVER, Instant::min)
    }
}

/// The first entry that `wanted` accepts, looking from slot `start` on and around.
fn next_after<T>(table: &mut Table<'_, T>, start: usize, wanted: impl Fn(&T) -> bool) -> Option<Handle> {
    let mut first = None;
    for (handle, entry) in table.iter() {
        if wanted(entry) {
            if handle.index() >= start {
                return Some(handle);
            }
            first = first.or(Some(handle));
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    type Test = Schedule<'static, char, u8>;

    fn schedule() -> Test {
        let attached = Box::leak(Box::new([Slot::default(); 3]));
        let sources = Box::leak(Box::new([Slot::default(); 3]));
        Schedule::new(attached, sources)
    }

    #[test]
    fn a_fresh_engine_is_polled_once_and_then_at_its_deadline() {
        let mut schedule = schedule();
        let engine = schedule.attach('a').unwrap();
        assert_eq!(schedule.deadline(), Instant::ZERO);
        assert_eq!(schedule.next(Instant(5)), Some(Work::Poll(engine)));
        schedule.polled(engine, false, Instant(9));
        assert_eq!(schedule.next(Instant(8)), None);
        assert_eq!(schedule.deadline(), Instant(9));
        assert_eq!(schedule.next(Instant(9)), Some(Work::Poll(engine)));
        schedule.polled(engine, true, Instant::NEVER);
        assert_eq!(schedule.next(Instant(9)), Some(Work::Poll(engine)));
        schedule.polled(engine, false, Instant::NEVER);
        assert_eq!(schedule.next(Instant(u64::MAX)), None);
    }

    #[test]
    fn everyone_gets_a_turn() {
        let mut schedule = schedule();
        let engines = ['a', 'b', 'c'].map(|name| schedule.attach(name).unwrap());
        let sources = [1, 2].map(|number| schedule.open(engines[0], number).unwrap());
        schedule.all_ready();
        let mut seen = Vec::new();
        for _ in 0..12 {
            let work = schedule.next(Instant(1)).unwrap();
            if let Work::Poll(engine) = work {
                schedule.polled(engine, true, Instant::NEVER);
            }
            seen.push(work);
        }
        for engine in engines {
            assert_eq!(seen.iter().filter(|work| **work == Work::Poll(engine)).count(), 2);
        }
        for source in sources {
            assert_eq!(seen.iter().filter(|work| **work == Work::Receive(source)).count(), 3);
        }
    }

    #[test]
    fn a_detached_engine_and_its_sources_are_forgotten() {
        let mut schedule = schedule();
        let (one, two) = (schedule.attach('a').unwrap(), schedule.attach('b').unwrap());
        let kept = schedule.open(two, 7).unwrap();
        let gone = schedule.open(one, 8).unwrap();
        schedule.ready(gone, true, true);
        while let Some(source) = schedule.first_of(one) {
            assert_eq!(schedule.source(source).map(|source| source.what), Some(8));
            schedule.close(source);
        }
        schedule.detach(one);
        assert!(schedule.source(gone).is_none() && schedule.source(kept).is_some());
        assert_eq!(schedule.attached(one), None);
        schedule.touch(one);
        schedule.ready(gone, true, false);
        assert_eq!(schedule.next(Instant(1)), Some(Work::Poll(two)));
        schedule.polled(two, false, Instant::NEVER);
        schedule.ready(kept, true, true);
        assert_eq!(schedule.next(Instant(1)), Some(Work::Writable(kept)));
        assert_eq!(schedule.next(Instant(1)), Some(Work::Receive(kept)));
        schedule.drained(kept);
        assert_eq!(schedule.next(Instant(1)), None);
        assert_eq!(schedule.deadline(), Instant::NEVER);
    }
}
