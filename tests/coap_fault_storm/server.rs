// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a device answers others.
#![allow(unreachable_pub)]

use crate::device::{Device, SHARED, STATE};
use crate::world::{List, body, number_of};
use mote::address::SocketAddress;
use mote::coap::wire::{Code, number};
use mote::coap::{Cause, Incoming, Response};
use mote::random::Random;
use mote::status::Error;
use mote::table::Handle;
use mote::transport::DatagramContext;

/// What is to be answered.
#[derive(Clone, Copy)]
pub enum What {
    /// The present state of a resource.
    State(usize),
    /// That this was done, in a few bytes.
    Done(Code, u32),
    /// A body of its own.
    Body(u32),
    Plain(Code),
}

pub struct Job {
    exchange: Handle,
    what: What,
    offset: u32,
    size: u16,
    notify: bool,
}

/// By what the application tells the uploads and answers of its peers apart.
pub type Key = (SocketAddress, u8, Vec<(u16, Vec<u8>)>);

impl Device<'_> {
    /// A peer asks.
    pub fn serve(&mut self, cx: &mut DatagramContext<'_>, incoming: &Incoming<'_>) {
        let message = &incoming.message;
        let corrupt = self.shared.borrow().corrupt;
        let Some(which) = self.resources.iter().position(|handle| *handle == incoming.resource) else {
            panic!("a request for a resource that is gone");
        };
        let block = |number: u16| {
            matches!(number, number::BLOCK1 | number::BLOCK2) || number::is_no_cache_key(number)
        };
        let options = message.options.filter(|(number, _)| !block(*number));
        let key: Key =
            (incoming.path.remote, message.code.0, options.map(|(n, v)| (n, v.to_vec())).collect());
        let job = |what| Job {
            exchange: incoming.exchange,
            what,
            offset: incoming.offset,
            size: incoming.size,
            notify: incoming.cause == Cause::Notify,
        };
        if incoming.cause == Cause::Continue {
            let what = match self.answers.get(&key) {
                Some(number) => What::Body(*number),
                None if matches!(which, STATE | SHARED) => What::State(which),
                None => What::Plain(Code::REQUEST_ENTITY_INCOMPLETE),
            };
            return self.answer(cx, job(what));
        }
        let whole = if incoming.assembled {
            self.endpoint.body(incoming.exchange).expect("a body").to_vec()
        } else if incoming.cause == Cause::Notify || (incoming.part.offset == 0 && !incoming.part.more) {
            message.payload.to_vec()
        } else {
            let parts = self.parts.entry(key.clone()).or_default();
            if incoming.part.offset == 0 {
                parts.clear();
            }
            assert!(corrupt || parts.len() == incoming.part.offset as usize, "a gap in a body");
            parts.extend_from_slice(message.payload);
            if incoming.part.more {
                if self.chance(100) {
                    self.answer(cx, job(What::Plain(Code::INTERNAL_SERVER_ERROR)));
                }
                return;
            }
            self.parts.remove(&key).unwrap_or_default()
        };
        let asked = if whole.len() == 4 {
            Some(u32::from_be_bytes(whole[..].try_into().unwrap()))
        } else {
            number_of(&whole)
        };
        let bodiless = matches!(message.code, Code::GET | Code::DELETE);
        assert!(corrupt || bodiless == whole.is_empty(), "{message:?}");
        assert!(corrupt || bodiless || asked.is_some(), "a mixed body came: {message:?} {}", whole.len());
        let number = asked.unwrap_or(0);
        let what = match message.code {
            Code::GET | Code::FETCH => What::State(which),
            Code::DELETE => What::Done(Code::DELETED, 0),
            Code::PUT if which == STATE => {
                if incoming.precondition_holds(true, &self.state[which].to_be_bytes()) {
                    self.shared.borrow_mut().adopt(number, self.index, which);
                    self.state[which] = number;
                    self.told(which);
                    What::Done(Code::CHANGED, number)
                } else {
                    What::Plain(Code::PRECONDITION_FAILED)
                }
            }
            _ => {
                let forgets = self.endpoint.stats().forgotten != 0 || self.lost_peers || corrupt;
                let idempotent = message.code.is_idempotent();
                self.shared.borrow_mut().apply(self.index, self.life, number, forgets || idempotent);
                if number % 4 == 0 {
                    self.answers.insert(key, number);
                    What::Body(number)
                } else {
                    What::Done(Code::CHANGED, number)
                }
            }
        };
        match if self.calm { 99 } else { self.dice.below(20) } {
            0 => {} // Never.
            1..=5 => self.jobs.push(job(what)),
            6 => self.answer(cx, job(What::Plain(Code::INTERNAL_SERVER_ERROR))),
            7 if which == STATE => {
                self.change(which);
                self.answer(cx, job(what));
            }
            _ => self.answer(cx, job(what)),
        }
    }

    pub fn answer(&mut self, cx: &mut DatagramContext<'_>, job: Job) {
        let (number, code) = match job.what {
            What::State(which) => (self.state[which], Code::CONTENT),
            What::Done(code, number) => (number, code),
            What::Body(number) => (number, Code::CHANGED),
            What::Plain(code) => (0, code),
        };
        let whole = match job.what {
            What::State(_) | What::Body(_) => body(number),
            What::Done(Code::DELETED, _) | What::Plain(_) => Vec::new(),
            What::Done(..) => number.to_be_bytes().to_vec(),
        };
        let etag = number.to_be_bytes();
        let age = [20];
        let mut options: Vec<(u16, &[u8])> = Vec::new();
        let confirmable = self.calm || self.dice.below(3) == 0;
        let mut response = Response { payload: &whole, confirmable, ..Response::new(code) };
        if matches!(job.what, What::State(_)) {
            options.push((number::MAX_AGE, &age));
        }
        if matches!(job.what, What::State(_) | What::Body(_)) && number % 2 == 0 {
            // From a reader, which gives what is asked for and perhaps some more.
            options.push((number::ETAG, &etag));
            let start = whole.len().min(job.offset as usize);
            let end = whole.len().min(start + usize::from(job.size) + self.dice.below(50) as usize);
            response.payload = &whole[start..end];
            response.offset = start as u32;
            response.more = end < whole.len();
            response.total = whole.len() as u32;
        }
        let options = List(&options);
        response.options = &options;
        match self.endpoint.respond(cx, job.exchange, &response) {
            Ok(()) | Err(Error::Stale) => {}
            Err(Error::Full) if !self.calm && !job.notify => self.jobs.push(job),
            Err(error) => {
                assert!(matches!(error, Error::TooLarge | Error::Full), "{error:?}");
                // Unless it is a notification that is asked for anew.
                let refused = Response::new(Code::INTERNAL_SERVER_ERROR);
                let _ = self.endpoint.respond(cx, job.exchange, &refused);
            }
        }
    }
}
