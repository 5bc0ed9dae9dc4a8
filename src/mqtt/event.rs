// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a client tells the application.
#![forbid(unsafe_code)]

use super::wire::{Properties, Reason, property::id};
use crate::status::Error;

/// Names something that the application started. Numbers grow with each operation of a session
/// and outlive a restart with the store; 0 is none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation(pub(super) core::num::NonZeroU32);

impl Operation {
    /// The number that stands for it in C.
    pub const fn raw(self) -> u32 {
        self.0.get()
    }

    /// What a number from C stands for.
    pub const fn from_raw(raw: u32) -> Option<Operation> {
        match core::num::NonZeroU32::new(raw) {
            Some(number) => Some(Operation(number)),
            None => None,
        }
    }
}

/// Names a received message until it has been acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Token(pub u32);

impl Token {
    /// What stands for it among what is being received, where 0 is none.
    pub(super) fn new(number: u32) -> Option<Token> {
        if number == 0 { None } else { Some(Token(number)) }
    }
}

/// A received message, or its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'d> {
    /// Topic Name. Empty when the server sent an alias instead: see
    /// [`topic`](super::Client::topic).
    pub topic: &'d str,
    /// Topic Alias, 0 for none.
    pub alias: u16,
    /// QoS.
    pub qos: u8,
    /// DUP.
    pub dup: bool,
    /// RETAIN.
    pub retain: bool,
    /// Properties.
    pub properties: Properties<'d>,
    /// The payload, or its first part.
    pub payload: &'d [u8],
    /// How long the whole payload is, in bytes. If longer than `payload`, the rest follows in
    /// [`Event::Payload`].
    pub total: u32,
    /// What the first of the subscriptions that take it was made with; `None` when none does.
    /// [`handler`](super::Client::handler) names all.
    pub cookie: Option<u32>,
    /// For [`acknowledge`](super::Client::acknowledge). `None` with QoS 0.
    pub token: Option<Token>,
}

impl<'d> Message<'d> {
    /// Where the sender wants a response (5.0 §4.10).
    pub fn response_topic(&self) -> Option<&'d str> {
        self.properties.text(id::RESPONSE_TOPIC)
    }

    /// What a response is to be told apart by.
    pub fn correlation_data(&self) -> Option<&'d [u8]> {
        Some(self.properties.get(id::CORRELATION_DATA)?.data)
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'d> {
    /// CONNACK has accepted us. Ends a `connect`.
    Connected {
        /// The server still has our session.
        session_present: bool,
        /// Properties of CONNACK.
        properties: Properties<'d>,
    },
    /// There is no connection any more, or none came about. Ends a `connect` or `disconnect`
    /// unless it is tried again.
    Disconnected {
        /// Why. [`Error::Closed`] after `disconnect`.
        error: Error,
        /// The Reason Code of the CONNACK or DISCONNECT that came or was sent; success for none.
        reason: Reason,
        /// When the next attempt is made, in milliseconds from now; `None` for none.
        retry_after: Option<u32>,
        /// Properties of the CONNACK or DISCONNECT that came.
        properties: Properties<'d>,
    },
    /// A message, or its beginning.
    Message(Message<'d>),
    /// A further part of the message under way.
    Payload {
        /// The part.
        data: &'d [u8],
        /// Where in the payload it begins.
        offset: u32,
        /// How long the whole payload is.
        total: u32,
        /// As in the [`Message`].
        cookie: Option<u32>,
        /// As in the [`Message`].
        token: Option<Token>,
    },
    /// The rest of the message under way will not come.
    Aborted {
        /// As in the [`Message`].
        cookie: Option<u32>,
    },
    /// An operation has ended.
    Ended {
        /// Which.
        operation: Operation,
        /// Why it failed: [`Error::Refused`] by the server, [`Error::Timeout`] without an answer
        /// or by message expiry, [`Error::Cancelled`], [`Error::SessionLost`],
        /// [`Error::Full`] given up for a newer message, [`Error::Unsupported`] by this
        /// server, [`Error::TooLarge`] for it, [`Error::Transport`].
        error: Option<Error>,
        /// The Reason Code; the first of several.
        reason: Reason,
        /// For SUBSCRIBE and UNSUBSCRIBE of 5.0, one Reason Code for each filter.
        reasons: &'d [u8],
        /// Properties of the acknowledgement.
        properties: Properties<'d>,
    },
    /// It is the turn of a message published in parts:
    /// [`publish_chunk`](super::Client::publish_chunk) is wanted.
    Wanted {
        /// Which.
        operation: Operation,
        /// From where in its payload. 0 again after a reconnection.
        offset: u32,
    },
    /// The server refused to renew a subscription in a new session, or had said before that it takes no such one; it is
    /// forgotten.
    Unsubscribed {
        /// What the subscription was made with.
        cookie: u32,
        /// Why; Unspecified error where it was not asked.
        reason: Reason,
    },
    /// The server's part of enhanced authentication (5.0 §4.12): answer with
    /// [`authenticate`](super::Client::authenticate) if it is to be continued.
    Authentication {
        /// Continue authentication, or success.
        reason: Reason,
        /// Properties, the Authentication Data among them.
        properties: Properties<'d>,
    },
}
