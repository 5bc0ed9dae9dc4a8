// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an endpoint is asked to do, and what it reports.
#![forbid(unsafe_code)]

use super::params::Params;
use super::wire::{Code, Encoder, Message, Options, number};
use crate::status::Result;
use crate::table::Handle;
use crate::transport::Path;

/// A thing that adds its options to a message. They may come in any order.
pub trait OptionList {
    /// Adds each option to `out`.
    ///
    /// # Errors
    /// Those of [`Encoder::option`].
    fn put(&self, out: &mut Encoder<'_>) -> Result<()>;
}

/// Numbers and values, in any order.
impl OptionList for [(u16, &[u8])] {
    fn put(&self, out: &mut Encoder<'_>) -> Result<()> {
        self.iter().try_for_each(|(number, value)| out.option(*number, value))
    }
}

impl<const N: usize> OptionList for [(u16, &[u8]); N] {
    fn put(&self, out: &mut Encoder<'_>) -> Result<()> {
        self[..].put(out)
    }
}

impl OptionList for Options<'_> {
    fn put(&self, out: &mut Encoder<'_>) -> Result<()> {
        let mut all = *self;
        all.try_for_each(|(number, value)| out.option(number, value))
    }
}

/// A request of ours. All of it is copied before the call returns.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The peer, or a group of peers.
    pub path: Path,
    /// The method.
    pub method: Code,
    /// The options. Block1, Block2, Observe and Size1 are the endpoint's business, unless given here.
    pub options: &'a dyn OptionList,
    /// The body, or its beginning: at least its first block if it is longer.
    pub payload: &'a [u8],
    /// Whether the body goes on after `payload`. It is then, like everything of `payload` that
    /// does not fit in the first message, asked for by [`Event::NeedBlock`].
    pub more: bool,
    /// The length of the whole body if it is known, told to the peer in Size1; 0 if not.
    pub total: u32,
    /// Whether to send it confirmably. To a group it is never.
    pub confirmable: bool,
    /// Whether to register as an observer (RFC 7641): every notification is an
    /// [`Event::Response`], until cancelled. The rest of one that takes several messages does not come when a newer one
    /// has come, when the state changes meanwhile, or when there is no room for fetching it.
    pub observe: bool,
    /// Where in the body of the answer to begin, in bytes: a multiple of the block size.
    pub offset: u32,
    /// Whether to fetch that one block only, and not the rest of the body.
    pub one_block: bool,
    /// The largest block to use in either direction, as size exponent 0 to 6.
    pub szx: u8,
    /// The token; drawn at random, as it should be, if `None`. One of more than 8 bytes goes with the first message of a
    /// confirmable request only, and a peer that does not understand it (RFC 8974) answers with a Reset.
    pub token: Option<&'a [u8]>,
    /// How long to wait for a response once the request need not be sent again, in
    /// milliseconds; 0 for what the transmission parameters say. For a group: how long to gather.
    pub timeout: u32,
    /// Transmission parameters other than the endpoint's.
    pub params: Option<&'a Params>,
}

impl<'a> Request<'a> {
    /// A confirmable request without payload and options.
    pub const fn new(path: Path, method: Code) -> Request<'a> {
        Request {
            path,
            method,
            options: &Options::NONE,
            payload: &[],
            more: false,
            total: 0,
            confirmable: true,
            observe: false,
            offset: 0,
            one_block: false,
            szx: 6,
            token: None,
            timeout: 0,
            params: None,
        }
    }
}

/// An answer of ours. All of it is copied before the call returns.
///
/// The simplest answer gives the whole body each time it is asked, whatever its size: the endpoint
/// cuts out the block that was asked for. A body larger than memory is read from
/// [`Incoming::offset`] on instead, and given with `offset` and `more`.
#[derive(Clone, Copy)]
pub struct Response<'a> {
    /// The response code.
    pub code: Code,
    /// The options. Block1, Block2, Size2 and Observe are added by the endpoint.
    pub options: &'a dyn OptionList,
    /// The body, or a part of it that holds all of the block that was asked for.
    pub payload: &'a [u8],
    /// Where `payload` starts in the body.
    pub offset: u32,
    /// Whether the body goes on after `payload`. If so, give an ETag option, so that the peer
    /// does not mix blocks of different states.
    pub more: bool,
    /// The length of the whole body if it is known and not given in whole, else 0.
    pub total: u32,
    /// Whether a notification or an answer to a NON is to be sent confirmably.
    pub confirmable: bool,
}

impl<'a> Response<'a> {
    /// A response without payload and options.
    pub const fn new(code: Code) -> Response<'a> {
        Response {
            code,
            options: &Options::NONE,
            payload: &[],
            offset: 0,
            more: false,
            total: 0,
            confirmable: false,
        }
    }
}

/// The place of a payload in its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Where it starts, in bytes.
    pub offset: u32,
    /// Whether more follows.
    pub more: bool,
    /// The length of the whole body, if the peer told (Size1, Size2), else 0.
    pub total: u32,
}

/// Why a handler is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A peer sent this request.
    Request,
    /// A peer sent this request and is now on the list of observers, unless the answer is an error.
    Register,
    /// The resource changed, and this observer, whose registration is shown again, is to be
    /// notified: answer with the present state.
    Notify,
    /// A peer fetches the rest of the answer to an earlier request with a method other than
    /// GET: answer with the body from [`Incoming::offset`] on, and do nothing else.
    Continue,
}

/// A request of a peer for one of our resources.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'d> {
    /// What to answer with: [`Endpoint::respond`](super::Endpoint::respond).
    pub exchange: Handle,
    /// The resource.
    pub resource: Handle,
    /// Who asks, and along which address of ours.
    pub path: Path,
    /// The whole message.
    pub message: Message<'d>,
    /// Why the handler is asked.
    pub cause: Cause,
    /// Which part of the request's body the payload is. When `more` is set the handler need not
    /// answer: the endpoint asks for the next block once the handler has returned.
    pub part: Part,
    /// Whether the body was assembled: it is read with
    /// [`Endpoint::body`](super::Endpoint::body), and is not in the payload.
    pub assembled: bool,
    /// Where in the body of the answer the block starts that is asked for.
    pub offset: u32,
    /// The size of that block.
    pub size: u16,
}

impl Incoming<'_> {
    /// Whether If-Match and If-None-Match let the request go on (RFC 7252 §5.10.8), for a
    /// resource that does or does not exist and has this entity-tag. If not, answer 4.12.
    pub fn precondition_holds(&self, exists: bool, etag: &[u8]) -> bool {
        let mut wanted = self.message.options.all(number::IF_MATCH).peekable();
        let matches = wanted.peek().is_none() || (exists && wanted.any(|tag| tag.is_empty() || tag == etag));
        matches && !(exists && self.message.option(number::IF_NONE_MATCH).is_some())
    }
}

/// What an endpoint reports. It borrows what was received, or the scratch memory of
/// [`poll`](super::Endpoint::poll), never the endpoint.
#[derive(Clone, Copy, Debug)]
pub enum Event<'d> {
    /// A response to a request of ours came, or one block of it, or a notification.
    Response {
        /// The request.
        request: Handle,
        /// Who answered.
        path: Path,
        /// The whole message.
        message: Message<'d>,
        /// Which part of the body the payload is.
        part: Part,
        /// Whether the request has ended with this. If so the handle is stale.
        last: bool,
    },
    /// A request of ours ended without a (further) response. The handle is stale.
    Ended {
        /// The request.
        request: Handle,
        /// `Ok` when none was wanted: a ping was answered, the answers of a group have been
        /// gathered, No-Response was asked for. Otherwise why:
        /// [`Timeout`](crate::status::Error::Timeout), [`Reset`](crate::status::Error::Reset),
        /// [`Cancelled`](crate::status::Error::Cancelled),
        /// [`Protocol`](crate::status::Error::Protocol) for a response that broke the rules,
        /// [`TooLarge`](crate::status::Error::TooLarge),
        /// [`SessionLost`](crate::status::Error::SessionLost) when the body changed while it was
        /// fetched, or the transport's own error.
        result: Result<()>,
    },
    /// The next block of a request's body is wanted: call
    /// [`Endpoint::supply`](super::Endpoint::supply), now or later.
    NeedBlock {
        /// The request.
        request: Handle,
        /// Where in the body.
        offset: u32,
        /// How many bytes, fewer only at the end of the body.
        length: u16,
    },
    /// A peer asks for one of our resources.
    Request(Incoming<'d>),
}

impl Event<'_> {
    /// The request of ours that ends with this event.
    pub const fn terminates(&self) -> Option<Handle> {
        match self {
            Event::Response { request, last: true, .. } | Event::Ended { request, .. } => Some(*request),
            _ => None,
        }
    }
}
