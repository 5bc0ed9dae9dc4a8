// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was subscribed to: the filters among the names, from SUBSCRIBE to UNSUBACK, and the room for them.
#![forbid(unsafe_code)]

use super::client::{ALIASES, Client, FILTERS, flag, kind};
use super::event::Event;
use super::log::{At, HEADER, Log};
use super::send::Request;
use super::wire::property::id;
use super::wire::{Filter, Properties, Reason, Sink, V5};
use crate::status::Result;

/// One subscription to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subscription<'a> {
    /// Topic Filter and Subscription Options.
    pub filter: Filter<'a>,
    /// Comes back with each message that the filter matches.
    pub cookie: u32,
}

impl Client<'_> {
    /// Concludes the filters of a SUBSCRIBE or UNSUBSCRIBE as the codes say that answer it, or without codes one that came
    /// to nothing, and says whether all were refused. A filter that was subscribed to once more since then stays as it
    /// is, and one that was granted earlier is not forgotten because nothing came of another SUBSCRIBE.
    #[inline(never)]
    pub(super) fn conclude(&mut self, at: At, codes: Option<&[u8]>) -> bool {
        let word = self.queue.word(at);
        let subscribe = word & kind::MASK == kind::SUBSCRIBE;
        let mut request = Request::new(self.queue.body(at), self.is_v5(), word);
        let mut refused = true;
        let mut left = codes.unwrap_or_default().iter();
        while let Some((filter, _)) = request.next() {
            let error = left.next().map_or(codes.is_none(), |code| Reason(*code).is_error());
            refused &= error;
            if !FILTERS {
                continue;
            }
            let Some(name) = self.names.named(kind::MASK, kind::FILTER, filter) else { continue };
            let noted = self.names.word(name);
            let later = noted & flag::ID;
            if noted & kind::ASKED == 0 && later != 0 && later != word & flag::ID {
                continue;
            }
            self.names.mark(name, kind::ASKED | flag::ID, if error { 0 } else { kind::CONFIRMED });
            if subscribe == error && (codes.is_some() || noted & kind::CONFIRMED == 0) {
                self.names.remove(name);
            }
        }
        refused
    }

    /// A subscription could not be renewed.
    #[inline(never)]
    pub(super) fn unsubscribed(&mut self, at: At, reason: Reason, out: &mut Option<Event<'_>>) {
        *out = Some(Event::Unsubscribed { cookie: self.names.key(at), reason });
        self.names.remove(at);
    }
}

/// Makes room among the names, if need be at the cost of our own topic aliases, which only save bytes.
///
/// # Errors
/// [`Error::Full`].
#[inline(never)]
pub(super) fn make_room(names: &mut Log, count: usize) -> Result<()> {
    if ALIASES && names.make_room(count).is_err() {
        names.remove_all(kind::MASK, kind::ALIAS_OUT);
    }
    names.make_room(count)
}

/// Notes the filters of a SUBSCRIBE among the names, each with its properties and its identifier: all of them, or none
/// without room. One that is there already changes in its place, for handlers are told in this order, perhaps just now.
///
/// # Errors
/// [`Error::Full`].
pub(super) fn remember(
    names: &mut Log,
    mut request: Request,
    list: &[Subscription],
    packet_id: u32,
) -> Result<()> {
    let properties = request.properties;
    // Without properties the record ends with the filter.
    let behind = if properties.is_empty() { 0 } else { 1 + properties.len() };
    let named = |names: &Log, filter| names.named(kind::MASK, kind::FILTER, filter);
    let mut room = 0;
    for Subscription { filter, .. } in list {
        let filter = filter.filter.as_bytes();
        let there = named(names, filter).map_or(0, |name| names.size(name));
        room += (HEADER + filter.len() + behind).saturating_sub(there);
    }
    make_room(names, room)?;
    let identifier = Properties::Encoded(properties).number(id::SUBSCRIPTION_IDENTIFIER).unwrap_or(0);
    for Subscription { cookie, .. } in list {
        let Some((filter, options)) = request.next() else { break };
        let name = named(names, filter).unwrap_or_else(|| names.push(kind::FILTER, 0, 0, 0));
        names.resize(name, filter.len() + behind);
        let mut sink = Sink::new(names.body_mut(name));
        sink.put(filter);
        if V5 {
            sink.u8(0);
            sink.put(properties);
        }
        let clear = kind::ASKED | flag::OPTIONS | flag::ID;
        names.mark(name, clear, u32::from(options) << flag::SHIFT | packet_id);
        names.set_key(name, *cookie);
        names.set_time(name, identifier);
    }
    Ok(())
}
