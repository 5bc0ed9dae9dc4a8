// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server: requests whose body comes block by block, and answers fetched block by block
//! that cannot be asked for again (RFC 7959).
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::entry::Head;
use super::event::Part;
use super::key;
use super::params::Config;
use super::resources::flags;
use super::served::{ASSEMBLED, Exchange, MORE, RECEIVED, Transfer};
use super::server::Asked;
use super::tables::{self, TRANSFER};
use super::wire::{Code, Message, number};
use crate::bytes;
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::DatagramContext;

impl<'m> Endpoint<'m> {
    /// Finds the transfer that a request belongs to, and its place in it: the part of the body
    /// that the handler is to see, or the code to answer with at once. A request for the rest of an
    /// earlier answer has no part.
    pub(super) fn transferred(
        &mut self,
        cx: &mut DatagramContext<'_>,
        exchange: &Exchange,
        resource: Asked,
        message: &Message<'_>,
        part: &mut Part,
    ) -> Result<bool, Code> {
        let peer = exchange.head.peer.get();
        let length = message.payload.len() as u32;
        part.total = length;
        let block = message.bits(number::BLOCK1);
        let Some(block) = block else {
            if resource.max_body != 0 && length > resource.max_body {
                return Err(Code::REQUEST_ENTITY_TOO_LARGE);
            }
            if cfg!(feature = "coap-block")
                && message.code != Code::GET
                && length == 0
                && message.bits(number::BLOCK2).is_some_and(|block| !block.is_first())
            {
                let known = self.transfer(peer, message, 0);
                part.total = 0;
                return known.map(|_| false).ok_or(Code::REQUEST_ENTITY_INCOMPLETE);
            }
            return Ok(true);
        };
        if block.more() && message.payload.len() != block.size() {
            return Err(Code::BAD_REQUEST);
        }
        let (offset, end) = (block.offset(), block.offset().saturating_add(length));
        let total = message.uint_or(number::SIZE1, 0);
        let limit = body_limit(&self.config, resource.flags, resource.max_body);
        if limit != 0 && (end.max(total) > limit || (block.more() && end == limit)) {
            return Err(Code::REQUEST_ENTITY_TOO_LARGE);
        }
        let mut found = self.transfer(peer, message, RECEIVED);
        if block.is_first() {
            // A transfer starts, perhaps over.
            if let Some(old) = found {
                self.free(&old.head);
            }
            if !block.more() {
                return Ok(true);
            }
            found = self.open_transfer(cx, peer, RECEIVED);
            let Some(fresh) = found else { return Err(Code::SERVICE_UNAVAILABLE) };
            fresh.key.set(fresh.key_of(message));
        }
        let transfer = found.ok_or(Code::REQUEST_ENTITY_INCOMPLETE)?;
        if block.more() && end == transfer.next.get() {
            // Sent again under another message ID, because our answer was lost.
            return Err(Code::CONTINUE);
        }
        if offset != transfer.next.get() {
            return Err(Code::REQUEST_ENTITY_INCOMPLETE);
        }
        transfer.next.set(end);
        self.wait(&transfer.head, self.config.transfer_timeout);
        (part.offset, part.more, part.total) = (offset, block.more(), if block.more() { total } else { end });
        if resource.flags & flags::ASSEMBLE != 0 {
            // No more than the limit, so that it ends before the next one's place.
            let start = start_of(&self.config, transfer);
            let place = start.wrapping_add(offset as usize)..start.wrapping_add(end as usize);
            let place = self.bodies.get_mut(place).ok_or(Code::REQUEST_ENTITY_TOO_LARGE)?;
            bytes::copy(place, message.payload);
            if block.more() {
                return Err(Code::CONTINUE);
            }
            exchange.transfer.set(transfer.head.handle());
            // It ends with the exchange, and nothing that comes goes on with it.
            transfer.head.due.set(Instant::NEVER);
            transfer.head.flags.set(ASSEMBLED);
            part.offset = 0;
        } else if block.more() {
            exchange.head.set(MORE);
        } else {
            self.free(&transfer.head);
        }
        Ok(true)
    }

    fn transfer(&self, peer: u16, message: &Message<'_>, flags: u16) -> Option<&'m Transfer> {
        self.tables.transfers.iter().find(|transfer| {
            let head = &transfer.head;
            head.is_of(peer) && head.flags.get() == flags && transfer.key.get() == transfer.key_of(message)
        })
    }

    /// A new transfer, whose key is still to be set.
    fn open_transfer(&mut self, cx: &mut DatagramContext<'_>, peer: u16, flags: u16) -> Option<&'m Transfer> {
        let place = self.tables.take(TRANSFER, self.freed, peer, flags);
        let Some(transfer) = place.and_then(|place| self.tables.transfers.get(place)) else {
            self.count_full();
            return None;
        };
        transfer.head.delay.set(cx.random.u32());
        transfer.next.set(0);
        self.wait(&transfer.head, self.config.transfer_timeout);
        Some(transfer)
    }

    /// Keeps in mind that the rest of an answer, to the request that is kept for `asked`, may be asked for, or no longer.
    pub(super) fn keep_answer(&mut self, cx: &mut DatagramContext<'_>, asked: &Head, more: bool) {
        let peer = asked.peer.get();
        if let Some(known) = self.transfer(peer, &self.pool.message(asked), 0) {
            self.free(&known.head);
        }
        if let Some(fresh) = more.then(|| self.open_transfer(cx, peer, 0)).flatten() {
            fresh.key.set(fresh.key_of(&self.pool.message(asked)));
        }
    }

    /// The assembled body of a request, when [`Incoming::assembled`](super::Incoming::assembled)
    /// says that there is one; until the request is answered.
    pub fn body(&self, exchange: Handle) -> Option<&[u8]> {
        let transfer = self.tables.transfer(self.tables.exchange(exchange)?.transfer.get())?;
        self.bodies.get(start_of(&self.config, transfer)..)?.get(..transfer.next.get() as usize)
    }
}

impl Transfer {
    /// What it would have for a key if this were one of its requests.
    fn key_of(&self, message: &Message<'_>) -> u32 {
        key::transfer(message, self.head.delay.get())
    }
}

/// Where a transfer is assembled.
fn start_of(config: &Config, transfer: &Transfer) -> usize {
    // There are so many places.
    tables::index(transfer.head.key()).wrapping_mul(config.body as usize)
}

/// The largest body that a resource takes in blocks; 0 for any.
pub(super) fn body_limit(config: &Config, flags: u8, max_body: u32) -> u32 {
    if flags & flags::ASSEMBLE == 0 {
        return max_body;
    }
    match max_body {
        0 => config.body.max(1),
        limit => limit.min(config.body),
    }
}
