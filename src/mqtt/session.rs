// SPDX-License-Identifier: MIT OR Apache-2.0
//! The session: what of it is kept in the store, in which order, and what becomes of it.
//!
//! Records of one session in the store:
//!
//! - `SESSION`: its existence and its protocol version;
//! - `OUT | operation`: a message of QoS 1 or 2 that has not ended, or, once PUBREC has come, only
//!   its header with the RELEASED flag. Operation numbers grow, so reading the records in their
//!   order gives the messages in theirs;
//! - `IN | packet identifier`: a message of QoS 2 that the application has and for which PUBREC
//!   was, or was about to be, sent.
//!
//! Each write is atomic. Why power may fail between any two of them:
//!
//! - A message is written before `publish` returns and so before it is sent; if power fails
//!   before, the application was never told that it is taken. If it fails after, the message
//!   is sent (again), with the same identifier and DUP.
//! - PUBACK and PUBCOMP remove the record before the application is told. If power fails before,
//!   the message or PUBREL is sent once more, which QoS 1 allows and QoS 2 answers with PUBCOMP.
//! - PUBREC writes the RELEASED header before PUBREL leaves. If power fails before, the PUBLISH is
//!   repeated and the server, which knows the identifier, answers PUBREC again; if the header
//!   were written after PUBREL left, a repeated PUBLISH could meet a server that has already
//!   completed the message and would take it for a new one.
//! - `IN` is written before PUBREC leaves, so that the PUBLISH which the server repeats when
//!   PUBREC was lost is known for a duplicate; and after the application has had the message,
//!   so that a failure before that brings it once more rather than never.
//! - `IN` is removed when PUBREL comes, before PUBCOMP leaves: after PUBCOMP the server may use the identifier for
//!   a new message, which a stale record would swallow. If power fails in between, the server
//!   repeats PUBREL and gets its PUBCOMP although nothing is known of it.
#![forbid(unsafe_code)]

use super::client::{Client, Context, FILTERS, STREAM, flag, kind, mark, receipt, units};
use super::log::At;
use super::wire::Reason;
use crate::status::{Error, Result};
use crate::store::Store;

const SESSION: u32 = 0;
const OUT: u32 = 0x4000_0000;
const IN: u32 = 0x8000_0000;
/// The largest operation number.
pub(super) const SEQUENCE_MAX: u32 = OUT - 1;
/// Whether this build keeps sessions in the store.
const STORE: bool = cfg!(feature = "mqtt-store");
/// The layout of the records.
const FORMAT: u8 = 1;

impl Client<'_> {
    /// Writes a message of QoS 1 or 2 as it stands in the queue, or only its header once PUBREC has come.
    pub(super) fn keep(&mut self, cx: &mut Context, at: At) -> Result<()> {
        let Some(store) = cx.store.as_deref_mut().filter(|_| STORE) else { return Ok(()) };
        let record = OUT | self.queue.key(at);
        let time = self.queue.time(at);
        let expires = time != 0 && self.queue.word(at) & kind::MASK == kind::PUBLISH;
        if expires {
            // Clocks start anew: the time left is what lasts.
            self.queue.set_time(at, time.saturating_sub(units(cx.stream.now)).max(1));
        }
        let (header, mut body) = self.queue.record(at);
        if self.queue.word(at) & flag::RELEASED != 0 {
            body = &[];
        }
        let result = store.write(self.config.store_owner, record, &[header, body]);
        self.queue.set_time(at, time);
        result
    }

    /// PUBREC has come: from now on PUBREL stands for the message, in the store and then here.
    pub(super) fn keep_released(&mut self, cx: &mut Context, at: At) -> Result<()> {
        self.queue.mark(at, 0, flag::RELEASED);
        self.keep(cx, at).inspect_err(|_| self.queue.mark(at, flag::RELEASED, 0))?;
        self.queue.strip(at);
        Ok(())
    }

    /// The application gives a message of QoS 2 up that the server may have whole, and then waits for its PUBREL with: from now on
    /// that stands for the message, here and in the store.
    pub(super) fn give_up(&mut self, cx: &mut Context, at: At) -> Result<()> {
        self.queue.mark(at, 0, kind::GIVEN_UP);
        self.keep_released(cx, at).inspect_err(|_| self.queue.mark(at, kind::GIVEN_UP, 0))
    }

    /// Removes a message from the store.
    #[inline(never)]
    pub(super) fn drop_kept(&self, cx: &mut Context, at: At) -> Result<()> {
        let word = self.queue.word(at);
        match cx.store.as_deref_mut() {
            Some(store) if STORE && word & kind::CLASS == kind::PUBLISH && word & flag::QOS != 0 => {
                store.remove(self.config.store_owner, OUT | self.queue.key(at))
            }
            _ => Ok(()),
        }
    }

    /// Notes or forgets that a received message of QoS 2 is with the application.
    #[inline(never)]
    pub(super) fn keep_receipt(&self, cx: &mut Context, at: At, keep: bool) -> Result<()> {
        let Some(store) = cx.store.as_deref_mut().filter(|_| STORE) else { return Ok(()) };
        let (owner, record) = (self.config.store_owner, IN | self.inbound.word(at) & flag::ID);
        if keep { store.write(owner, record, &[]) } else { store.remove(owner, record) }
    }

    /// Reads the session from the store before anything is queued, or removes it when a clean
    /// start is asked for.
    #[inline(never)]
    pub(super) fn restore(&mut self, cx: &mut Context) -> Result<()> {
        let Some(store) = cx.store.as_deref_mut() else { return Ok(()) };
        if !STORE {
            return Err(Error::Unsupported);
        }
        if self.has(mark::RESTORED) {
            return Ok(());
        }
        let owner = self.config.store_owner;
        let session = [FORMAT, self.config.version as u8];
        let mut found = [0; 2];
        let known = match store.read(owner, SESSION, &mut found) {
            Ok(_) if found == session => true,
            Err(Error::NotFound) => false,
            Ok(_) | Err(Error::TooLarge) if self.config.clean_start => false,
            Ok(_) | Err(Error::TooLarge) => return Err(Error::Version),
            Err(error) => return Err(error),
        };
        // What an attempt has read that failed is read again.
        self.queue.remove_all(0, 0);
        self.inbound.remove_all(0, 0);
        let mut from = OUT;
        while let Some(record) = store.next(owner, from)? {
            if self.config.clean_start {
                store.remove(owner, record)?;
            } else {
                self.adopt(store, record, units(cx.stream.now))?;
            }
            let Some(next) = record.checked_add(1) else { break };
            from = next;
        }
        if !known {
            store.write(owner, SESSION, &[&session])?;
        }
        self.marks |= mark::RESTORED;
        Ok(())
    }

    /// Takes one record of the session over.
    #[inline(never)]
    fn adopt(&mut self, store: &mut dyn Store, record: u32, now: u32) -> Result<()> {
        if record & IN != 0 {
            self.new_receipt(receipt::RECEIVED | flag::QOS_2 | record & flag::ID, Reason::SUCCESS)?;
            return Ok(());
        }
        let length = store.read(self.config.store_owner, record, self.queue.tail())?;
        let key = record & SEQUENCE_MAX;
        let at = self.queue.adopt(length, key);
        // Whether it was sent before power failed is not known: it counts as sent.
        self.queue.mark(at, flag::ENDED, flag::SENT | kind::WHOLE);
        let (word, time) = (self.queue.word(at), self.queue.time(at));
        if word & kind::MASK == kind::PUBLISH && time != 0 {
            self.queue.set_time(at, time.saturating_add(now));
        }
        self.sequence = self.sequence.max(key);
        self.last_id = word as u16;
        self.marks |= mark::WRAPPED;
        Ok(())
    }

    /// The server has no session for us: ours is void as well [MQTT-3.2.2-5]. Messages that
    /// were never sent do not belong to it.
    ///
    /// With `replay`, the rule of 3.1.1, what is unacknowledged is repeated nevertheless
    /// [MQTT-4.4.0-1 of 3.1.1].
    pub(super) fn session_lost(&mut self, cx: &mut Context, replay: bool) -> Result<()> {
        while let Some(at) = self.inbound.first(0, 0) {
            self.keep_receipt(cx, at, false)?;
            self.inbound.remove(at);
        }
        let mask = kind::CLASS | flag::SENT | flag::ENDED;
        while let Some(at) = self.queue.first(mask, flag::SENT).filter(|_| !replay) {
            let word = self.queue.word(at);
            if self.config.republish && word & flag::QOS_2 == 0 {
                self.queue.mark(at, flag::SENT | kind::REPEATED | kind::WHOLE, 0);
                continue;
            }
            self.drop_kept(cx, at)?;
            if STREAM && word & kind::GIVEN_UP != 0 {
                self.queue.remove(at);
            } else {
                self.end(at, Some(Error::SessionLost));
            }
        }
        // The subscriptions went with the session.
        let confirmed = kind::FILTER | kind::CONFIRMED;
        if FILTERS {
            self.names.mark_all(kind::ALL, confirmed, 0, kind::RENEW);
        }
        self.marks &= !mark::LOST;
        Ok(())
    }
}
