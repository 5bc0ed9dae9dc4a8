// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the application is told of its requests.

use super::options::{Shown, ShowsMessage, mote_coap_options};
use crate::ffi::opaque::mote_coap;
use crate::port::{mote_address, mote_bytes, mote_status};
use core::ffi::c_void;
use core::mem::offset_of;

/// Names a request of ours until it has ended; never 0. Once it has ended the name is stale.
pub type mote_coap_request = u32;

/// Event kind: a response, a block of one, or a notification came.
pub const MOTE_COAP_RESPONSE: u32 = 1;
/// Event kind: the next block of the request's body is wanted; see `mote_coap_supply`.
pub const MOTE_COAP_NEED_BLOCK: u32 = 2;
/// Event kind: the request ended without a (further) response; `status` says why.
pub const MOTE_COAP_ENDED: u32 = 3;

/// What a request brings. All of it is lent until the callback returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_coap_event {
    /// One of `MOTE_COAP_RESPONSE`, `MOTE_COAP_NEED_BLOCK`, `MOTE_COAP_ENDED`.
    pub kind: u32,
    /// For `MOTE_COAP_ENDED` the outcome: success when no response was wanted (a ping was
    /// answered, the answers of a group have been gathered, No-Response was asked for),
    /// `MOTE_ERR_TIMEOUT`, `MOTE_ERR_REFUSED` and `MOTE_ERR_UNREACHABLE` when the network says that the
    /// request could not be delivered (RFC 7252 section 4.2), `MOTE_ERR_RESET`, `MOTE_ERR_CANCELLED`, `MOTE_ERR_PROTOCOL` for a
    /// response that broke the rules, `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_SESSION_LOST` when the body
    /// changed while it was fetched, `MOTE_ERR_CLOSED` when the endpoint is being closed, or what
    /// the transport said. Otherwise success.
    pub status: mote_status,
    /// The endpoint.
    pub coap: *mut mote_coap,
    /// The request.
    pub request: mote_coap_request,
    /// The response code, such as `MOTE_COAP_CONTENT`; 0 without a response.
    pub code: u8,
    /// 1 in exactly one event of every request, its last. `request` is stale then.
    pub last: u8,
    /// 1 when the body goes on after this payload.
    pub more: u8,
    /// The type of the message: `MOTE_COAP_CON`, `MOTE_COAP_NON` or `MOTE_COAP_ACK`.
    pub message_type: u8,
    /// Where in its body the payload starts, or where the block that is wanted does.
    pub offset: u32,
    /// The length of the whole body if the peer told (Size2), else 0.
    pub total: u32,
    /// How many bytes are wanted (`MOTE_COAP_NEED_BLOCK`), fewer only at the end of the body.
    pub length: u32,
    /// The message ID of the response.
    pub message_id: u16,
    /// 0.
    pub reserved: u16,
    /// Who answered.
    pub remote: mote_address,
    /// The own address that the answer came to; its port is 0.
    pub local: mote_address,
    /// The token.
    pub token: mote_bytes,
    /// The payload, or this part of it.
    pub payload: mote_bytes,
    /// The options of the response.
    pub options: mote_coap_options,
}

/// Is told what becomes of a request, by the thread that drives the node. It may call anything,
/// `mote_coap_close` included. Exactly one call has `event->last` set; none comes after it.
pub type mote_coap_callback = Option<unsafe extern "C" fn(user: *mut c_void, event: *const mote_coap_event)>;

const _: () = assert!(
    Shown::ends::<mote_coap_event>(
        offset_of!(mote_coap_event, remote),
        offset_of!(mote_coap_event, payload),
        offset_of!(mote_coap_event, options),
    ),
    "an answer is shown like a request",
);

// SAFETY: as asserted above.
unsafe impl ShowsMessage for mote_coap_event {}
