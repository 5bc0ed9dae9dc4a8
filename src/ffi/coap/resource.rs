// SPDX-License-Identifier: MIT OR Apache-2.0
//! Resources of ours, and the requests of peers as their handlers see them.

use super::options::{Shown, ShowsMessage, mote_coap_options};
use crate::ffi::arguments::Config;
use crate::ffi::opaque::mote_coap;
use crate::port::{mote_address, mote_bytes};
use core::ffi::c_void;
use core::mem::offset_of;

/// Names a resource of an endpoint until it is removed; never 0.
pub type mote_coap_resource = u32;
/// Names a request of a peer until it has been answered; never 0.
pub type mote_coap_exchange = u32;

/// Resource flag: it may be observed (RFC 7641).
pub const MOTE_COAP_OBSERVABLE: u32 = 1;
/// Resource flag: a body in several blocks is assembled before the handler sees it.
pub const MOTE_COAP_ASSEMBLE: u32 = 2;
/// Resource flag: it is left out of `/.well-known/core`.
pub const MOTE_COAP_HIDDEN: u32 = 4;
/// Resource flag: it answers requests to groups.
pub const MOTE_COAP_MULTICAST: u32 = 8;
/// Resource flag: its handlers heed If-Match and If-None-Match; without this they get 4.02.
pub const MOTE_COAP_CONDITIONAL: u32 = 16;
/// Resource flag: what its handlers give depends on its state and the options of the request
/// alone, not on who asks. One answer to `MOTE_COAP_CAUSE_NOTIFY` goes to all observers that asked
/// with the same options and can be told now; without this each is asked for.
pub const MOTE_COAP_SHARED: u32 = 32;

/// Cause: a peer sent this request.
pub const MOTE_COAP_CAUSE_REQUEST: u8 = 0;
/// Cause: a peer sent this request and observes the resource from now on, unless the answer is an error.
pub const MOTE_COAP_CAUSE_REGISTER: u8 = 1;
/// Cause: the resource changed, and this observer is to be told its present state.
pub const MOTE_COAP_CAUSE_NOTIFY: u8 = 2;
/// Cause: a peer fetches the rest of an answer. Give the body from `answer_offset` on and do
/// nothing else.
pub const MOTE_COAP_CAUSE_CONTINUE: u8 = 3;

/// A request of a peer. All of it is lent until the handler returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_coap_incoming {
    /// The endpoint.
    pub coap: *mut mote_coap,
    /// What to answer with: `mote_coap_respond`, in the handler or later.
    pub exchange: mote_coap_exchange,
    /// The resource.
    pub resource: mote_coap_resource,
    /// The method, such as `MOTE_COAP_GET`.
    pub method: u8,
    /// Why the handler is asked: one of `MOTE_COAP_CAUSE_…`.
    pub cause: u8,
    /// 1 when the request's body goes on after this payload. The handler need not answer then:
    /// the next block is asked for once it has returned.
    pub more: u8,
    /// `MOTE_COAP_CON` or `MOTE_COAP_NON`.
    pub message_type: u8,
    /// Where in the request's body the payload starts.
    pub offset: u32,
    /// The length of that body if the peer told (Size1), else 0.
    pub total: u32,
    /// Where in the body of the answer the block starts that is asked for.
    pub answer_offset: u32,
    /// The size of that block in bytes.
    pub answer_size: u32,
    /// The message ID.
    pub message_id: u16,
    /// 0.
    pub reserved: u16,
    /// Who asks.
    pub remote: mote_address,
    /// Which of our addresses, or which group, was asked; its port is 0.
    pub local: mote_address,
    /// The token.
    pub token: mote_bytes,
    /// The payload. An assembled body is lent only until the request is answered.
    pub payload: mote_bytes,
    /// The options of the request.
    pub options: mote_coap_options,
}

/// Handles a request, in the thread that drives the node: answers it with `mote_coap_respond`, or
/// notes `exchange` and answers later. It may call anything, `mote_coap_close` included.
pub type mote_coap_handler =
    Option<unsafe extern "C" fn(user: *mut c_void, incoming: *const mote_coap_incoming)>;

/// A resource, or a sub-tree of them. It and all that it points to must stay as it is until the
/// resource is removed or the endpoint closed: a `static const` is best.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_coap_resource_config {
    /// `sizeof(mote_coap_resource_config)`, by `MOTE_COAP_RESOURCE_CONFIG_INIT`.
    pub size: u32,
    /// Which of the resource flags.
    pub flags: u32,
    /// The path, not percent-encoded, with a `/` before each segment: `/sensors/1`; `/` is the
    /// root. A last segment of `*` stands for one or more segments of any kind.
    pub path: mote_bytes,
    /// What handles GET, or NULL: a method without handler gets 4.05.
    pub get: mote_coap_handler,
    /// What handles POST.
    pub post: mote_coap_handler,
    /// What handles PUT.
    pub put: mote_coap_handler,
    /// What handles DELETE.
    pub delete_: mote_coap_handler,
    /// What handles FETCH.
    pub fetch: mote_coap_handler,
    /// What handles PATCH.
    pub patch: mote_coap_handler,
    /// What handles iPATCH.
    pub ipatch: mote_coap_handler,
    /// Attributes for `/.well-known/core` in link format (RFC 6690), each with its semicolon:
    /// `;rt="temperature";ct=0`. `obs` is added by itself.
    pub attributes: mote_bytes,
    /// The content formats that it can give; NULL for any. A request that accepts none of them
    /// gets 4.06.
    pub produces: *const u16,
    /// How many, up to 256.
    pub produces_count: usize,
    /// The content formats that it takes; NULL for any. Others get 4.15.
    pub consumes: *const u16,
    /// How many, up to 256.
    pub consumes_count: usize,
    /// The largest body of a request, in bytes; 0 for no limit. Larger ones get 4.13.
    pub max_body: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `size` first, integers, pointers and optional functions.
unsafe impl Config for mote_coap_resource_config {}

/// How many methods there are.
const METHODS: usize = 7;

const _: () = assert!(
    offset_of!(mote_coap_resource_config, ipatch) - offset_of!(mote_coap_resource_config, get)
        == (METHODS - 1) * size_of::<mote_coap_handler>(),
    "handlers stand in a row",
);

/// The handler of the method with this code, read where it stands: no config is copied below what the handler does.
///
/// # Safety
/// `config` was taken for a resource, and has stayed as it was.
pub(super) unsafe fn handler(config: *const mote_coap_resource_config, method: u8) -> mote_coap_handler {
    let index = usize::from(method).checked_sub(1).filter(|index| *index < METHODS)?;
    let at = offset_of!(mote_coap_resource_config, get) + index * size_of::<mote_coap_handler>();
    // SAFETY: passed on to the caller. What an older header does not have is not read.
    unsafe {
        let size = config.cast::<u32>().read_unaligned() as usize;
        if at + size_of::<mote_coap_handler>() <= size {
            config.byte_add(at).cast::<mote_coap_handler>().read_unaligned()
        } else {
            None
        }
    }
}

/// The handlers, in the order of their methods' codes.
pub(super) const fn handlers(config: &mote_coap_resource_config) -> &[mote_coap_handler; METHODS] {
    // SAFETY: as many stand in a row.
    unsafe { &*core::ptr::from_ref(config).byte_add(offset_of!(mote_coap_resource_config, get)).cast() }
}

const _: () = assert!(
    Shown::ends::<mote_coap_incoming>(
        offset_of!(mote_coap_incoming, remote),
        offset_of!(mote_coap_incoming, payload),
        offset_of!(mote_coap_incoming, options),
    ),
    "a request is shown like an answer",
);

// SAFETY: as asserted above.
unsafe impl ShowsMessage for mote_coap_incoming {}
