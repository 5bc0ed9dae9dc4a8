// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server: requests whose body comes block by block, and answers fetched block by block
//! that cannot be asked for again (RFC 7959).
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::event::Part;
use super::exchange::{self, Transfer};
use super::key;
use super::params::Config;
use super::resources::{Resource, flags};
use super::wire::{Code, Message, number};
use crate::bytes;
use crate::table::Handle;
use crate::transport::DatagramContext;

/// What a request means for the transfer that it belongs to.
pub(super) enum Step {
    /// The handler is to see this part of the body, or all of it.
    Body(Part),
    /// The block was put in its place; the next may come.
    Taken,
    /// The handler is to give the rest of an earlier answer.
    Rest,
}

impl Endpoint<'_> {
    /// Finds the transfer that a request belongs to, and its place in it.
    pub(super) fn transferred(
        &mut self,
        cx: &mut DatagramContext<'_>,
        handle: Handle,
        peer: u16,
        resource: &Resource<'_>,
        message: &Message<'_>,
    ) -> Result<Step, Code> {
        let length = message.payload.len() as u32;
        let block = message.block(number::BLOCK1).filter(|_| cfg!(feature = "coap-block"));
        let assemble = resource.flags & flags::ASSEMBLE != 0;
        let Some(block) = block else {
            if resource.max_body != 0 && length > resource.max_body {
                return Err(Code::REQUEST_ENTITY_TOO_LARGE);
            }
            let rest = message.code != Code::GET
                && length == 0
                && message.block(number::BLOCK2).is_some_and(|block| block.num > 0);
            if rest && cfg!(feature = "coap-block") {
                let transfer = self.transfer(peer, key::transfer(message), false);
                return transfer.map(|_| Step::Rest).ok_or(Code::REQUEST_ENTITY_INCOMPLETE);
            }
            return Ok(Step::Body(Part { offset: 0, more: false, total: length }));
        };
        let (offset, end) = (block.offset(), block.offset().saturating_add(length));
        if block.more && message.payload.len() != block.size() {
            return Err(Code::BAD_REQUEST);
        }
        let total = message.uint(number::SIZE1).unwrap_or(0);
        let limit = body_limit(&self.config, resource);
        if limit != 0 && (end > limit || total > limit || (block.more && end == limit)) {
            return Err(Code::REQUEST_ENTITY_TOO_LARGE);
        }
        let key = key::transfer(message);
        let mut found = self.transfer(peer, key, true);
        if block.num == 0 {
            // A transfer starts, perhaps over.
            if let Some(old) = found.take() {
                self.transfers.remove(old);
            }
            if !block.more {
                return Ok(Step::Body(Part { offset: 0, more: false, total: length }));
            }
            let fresh = Transfer { due: cx.now, key, next: 0, peer, upload: true };
            let fresh = self.transfers.insert(fresh).map_err(|_| {
                self.count_full();
                Code::SERVICE_UNAVAILABLE
            })?;
            found = Some(fresh);
        }
        let transfer = found.ok_or(Code::REQUEST_ENTITY_INCOMPLETE)?;
        let due = cx.now.after(self.config.transfer_timeout.into());
        let state = self.transfers.get_mut(transfer).ok_or(Code::REQUEST_ENTITY_INCOMPLETE)?;
        if block.more && end == state.next {
            // Sent again under another message ID, because our answer was lost.
            return Ok(Step::Taken);
        }
        if offset != state.next {
            return Err(Code::REQUEST_ENTITY_INCOMPLETE);
        }
        state.next = end;
        state.due = due;
        self.arm(due);
        let mut flag = 0;
        if assemble {
            let start = transfer.index().saturating_mul(self.config.body as usize);
            let body = self.bodies.get_mut(start..).unwrap_or_default();
            let place = body.get_mut(offset as usize..end as usize).ok_or(Code::REQUEST_ENTITY_TOO_LARGE)?;
            bytes::copy(place, message.payload);
            if block.more {
                return Ok(Step::Taken);
            }
        } else if block.more {
            flag = exchange::MORE;
        } else {
            self.transfers.remove(transfer);
        }
        if let Some(exchange) = self.exchanges.get_mut(handle) {
            exchange.flags |= flag;
            if assemble {
                exchange.transfer = Some(transfer);
            }
        }
        let part = Part {
            offset: if assemble { 0 } else { offset },
            more: block.more,
            total: if block.more { total } else { end },
        };
        Ok(Step::Body(part))
    }

    fn transfer(&self, peer: u16, key: u32, upload: bool) -> Option<Handle> {
        self.transfers
            .find(|transfer| transfer.peer == peer && transfer.key == key && transfer.upload == upload)
    }

    /// Keeps in mind that the rest of an answer may be asked for, or no longer.
    pub(super) fn keep_answer(&mut self, cx: &DatagramContext<'_>, peer: u16, key: u32, more: bool) {
        let due = cx.now.after(self.config.transfer_timeout.into());
        let known = self.transfer(peer, key, false);
        match known {
            Some(known) if !more => {
                self.transfers.remove(known);
            }
            Some(known) => {
                if let Some(transfer) = self.transfers.get_mut(known) {
                    transfer.due = due;
                }
            }
            None if more => {
                let fresh = Transfer { due, key, next: 0, peer, upload: false };
                if self.transfers.insert(fresh).is_err() {
                    self.count_full();
                }
                self.arm(due);
            }
            None => {}
        }
    }

    /// The assembled body of a request, when [`Incoming::assembled`](super::Incoming::assembled)
    /// says that there is one; until the request is answered.
    pub fn body(&self, exchange: Handle) -> Option<&[u8]> {
        let transfer = self.exchanges.get(exchange)?.transfer?;
        let length = self.transfers.get(transfer)?.next as usize;
        let start = transfer.index().saturating_mul(self.config.body as usize);
        self.bodies.get(start..)?.get(..length)
    }
}

/// The largest body that a resource takes in blocks; 0 for any.
pub(super) fn body_limit(config: &Config, resource: &Resource<'_>) -> u32 {
    if resource.flags & flags::ASSEMBLE == 0 {
        return resource.max_body;
    }
    match resource.max_body {
        0 => config.body.max(1),
        limit => limit.min(config.body),
    }
}
