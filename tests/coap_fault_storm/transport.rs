// SPDX-License-Identifier: MIT OR Apache-2.0
//! A transport of a device that refuses to send when it is told to.
#![allow(unreachable_pub)]

use mote::status::{Error, Result};
use mote::transport::{Datagram, Path};
use std::cell::{Cell, RefCell};

/// What is set of the transport below, and what it counts.
#[derive(Default)]
pub struct Tally {
    pub sent: Cell<u32>,
    pub failed: Cell<u32>,
    pub blocked: Cell<bool>,
    pub next_error: Cell<Option<Error>>,
    pub last: RefCell<Option<(Path, Vec<u8>)>>,
}

pub struct Faulty<'a> {
    pub below: &'a mut dyn Datagram,
    pub tally: &'a Tally,
}

impl Datagram for Faulty<'_> {
    fn send(&mut self, path: &Path, datagram: &[u8]) -> Result<()> {
        let blocked = if self.tally.blocked.get() { Some(Error::WouldBlock) } else { None };
        let sent = match blocked.or(self.tally.next_error.take()) {
            Some(error) => Err(error),
            None => self.below.send(path, datagram),
        };
        let counter = if sent.is_ok() { &self.tally.sent } else { &self.tally.failed };
        counter.set(counter.get() + 1);
        *self.tally.last.borrow_mut() = Some((*path, datagram.to_vec()));
        sent
    }

    fn max_size(&self, path: &Path) -> usize {
        self.below.max_size(path)
    }
}
