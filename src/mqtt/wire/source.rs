// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where decoders read: a cursor that remembers the first thing that was wrong.
//!
//! What is read after that is empty or 0, so that a decoder reads all of a packet without
//! looking, and asks once, at its end.
#![forbid(unsafe_code)]

use super::{Reason, text};

/// The input ended: malformed if there is no more to come. No Reason Code of the standard.
const SHORT: Reason = Reason(0xff);

/// The cursor.
#[derive(Clone, Copy, Debug)]
pub(in crate::mqtt) struct Source<'a> {
    rest: &'a [u8],
    /// What was wrong first; success for nothing.
    wrong: Reason,
}

impl<'a> Source<'a> {
    pub(in crate::mqtt) const fn new(bytes: &'a [u8]) -> Source<'a> {
        Source { rest: bytes, wrong: Reason::SUCCESS }
    }

    pub(in crate::mqtt) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read.
    pub(in crate::mqtt) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Notes what is wrong; success is nothing. Nothing further is read then.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(in crate::mqtt) fn fail(&mut self, reason: Reason) {
        if self.wrong == Reason::SUCCESS && reason != Reason::SUCCESS {
            (self.wrong, self.rest) = (reason, &[]);
        }
    }

    /// Demands a condition.
    pub(in crate::mqtt) fn check(&mut self, good: bool, otherwise: Reason) {
        if !good {
            self.fail(otherwise);
        }
    }

    /// What was wrong, success for nothing.
    pub(in crate::mqtt) const fn wrong(&self) -> Reason {
        if self.is_short() { Reason::MALFORMED_PACKET } else { self.wrong }
    }

    /// Whether nothing was wrong but that the input ended.
    pub(in crate::mqtt) const fn is_short(&self) -> bool {
        self.wrong.0 == SHORT.0
    }

    /// What was wrong, if anything.
    pub(in crate::mqtt) const fn outcome(&self) -> core::result::Result<(), Reason> {
        match self.wrong() {
            Reason::SUCCESS => Ok(()),
            wrong => Err(wrong),
        }
    }

    /// The packet ends here: what was wrong, or that something is left.
    pub(in crate::mqtt) fn end(&mut self) -> Reason {
        self.check(self.rest.is_empty(), Reason::MALFORMED_PACKET);
        self.wrong()
    }

    #[cfg_attr(target_os = "none", inline(never))]
    pub(in crate::mqtt) fn take(&mut self, count: usize) -> &'a [u8] {
        if let Some((head, tail)) = self.rest.split_at_checked(count) {
            self.rest = tail;
            return head;
        }
        self.fail(SHORT);
        &[]
    }

    /// All that is left.
    pub(in crate::mqtt) const fn take_rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.rest = &[];
        rest
    }

    /// A number of this many bytes, at most four.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(in crate::mqtt) fn number(&mut self, count: usize) -> u32 {
        self.take(count).iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
    }

    pub(in crate::mqtt) fn u8(&mut self) -> u8 {
        self.number(1) as u8
    }

    pub(in crate::mqtt) fn u16(&mut self) -> u16 {
        self.number(2) as u16
    }

    /// A Variable Byte Integer in no more bytes than it takes.
    pub(in crate::mqtt) fn variable(&mut self) -> u32 {
        self.length(true)
    }

    /// A Variable Byte Integer; `strict` refuses more bytes than it takes, as 5.0 demands.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(in crate::mqtt) fn length(&mut self, strict: bool) -> u32 {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.u8();
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                self.check(!strict || byte != 0 || shift == 0, Reason::MALFORMED_PACKET);
                return value;
            }
        }
        self.fail(Reason::MALFORMED_PACKET);
        0
    }

    /// Binary Data.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(in crate::mqtt) fn binary(&mut self) -> &'a [u8] {
        let length = self.number(2);
        self.take(length as usize)
    }

    /// A UTF-8 Encoded String.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(in crate::mqtt) fn text(&mut self) -> &'a str {
        text(self.binary()).unwrap_or_else(|reason| {
            self.fail(reason);
            ""
        })
    }

    /// A Packet Identifier, which is never 0 [MQTT-2.2.1-3].
    pub(in crate::mqtt) fn packet_id(&mut self) -> u16 {
        let packet_id = self.u16();
        self.check(packet_id != 0, Reason::PROTOCOL_ERROR);
        packet_id
    }
}
