// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests to hosts that are named.

use super::object::{CoapRef, mote_coap};
use super::request::{
    MOTE_COAP_ENDED, mote_coap_event, mote_coap_request, mote_coap_request_config, mote_coap_start,
};
use crate::address::Ip;
use crate::bytes::Writer;
use crate::coap::uri::{Encoded, Host, Uri};
use crate::ffi::arguments::{self, block, outcome, slice};
use crate::ffi::lookup::{MOTE_LOOKUP_MEM, mote_lookup, mote_lookup_start};
use crate::ffi::node::NodeRef;
use crate::ffi::status::MOTE_OK;
use crate::memory::Carver;
use crate::port::{mote_address, mote_bytes, mote_status};
use crate::status::{Error, Result};
use core::ffi::c_void;

/// A block of this many bytes holds what `mote_coap_start_by_name` needs.
pub const MOTE_COAP_NAME_MEM: usize = 512;

/// A request whose host is being looked up.
struct Named {
    coap: *mut mote_coap,
    config: mote_coap_request_config,
    request: *mut mote_coap_request,
}

const _: () = assert!(
    size_of::<Named>() + align_of::<Named>() + MOTE_LOOKUP_MEM <= MOTE_COAP_NAME_MEM,
    "MOTE_COAP_NAME_MEM must hold a request and its look-up",
);

/// Starts a request like `mote_coap_start`, to a URI whose host may be a name: that is looked up first.
///
/// ```c
/// static uint8_t memory[MOTE_COAP_NAME_MEM];
/// mote_coap_request_config config = { MOTE_COAP_REQUEST_CONFIG_INIT, .callback = on_data };
/// config.uri = (mote_bytes)MOTE_STR("coap://localhost/data");
/// mote_status status = mote_coap_start_by_name(memory, sizeof memory, coap, &config, NULL, NULL);
/// ```
///
/// `memory` has `memory_size` bytes. It is the look-up's, and what `config` points to must stay
/// as it is, until the look-up has ended: until `request` is written, the callback is called or
/// the look-up is cancelled. `config` itself is copied.
///
/// `request` is set to 0, and to the request's name once that is started; it may be NULL.
/// `lookup` is set to what `mote_lookup_cancel` takes before that, after which no callback is
/// called, or to NULL when none is needed because the host is a literal or `config->remote` says
/// where to; it may be NULL, too. Cancel the look-up before the endpoint's memory is used for
/// something else.
///
/// When the look-up or the request's start fails later, the callback gets its one last event,
/// `MOTE_COAP_ENDED`, with the reason: `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_TIMEOUT`, what
/// `mote_coap_start` says, `MOTE_ERR_CLOSED` when the endpoint was closed meanwhile.
///
/// The statuses of `mote_coap_start` and `mote_lookup_start`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_start_by_name(
    memory: *mut u8,
    memory_size: usize,
    coap: *mut mote_coap,
    config: *const mote_coap_request_config,
    request: *mut mote_coap_request,
    lookup: *mut *mut mote_lookup,
) -> mote_status {
    let begin = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (block, node) = unsafe { (block(memory, memory_size)?, CoapRef::new(coap)?.node()) };
        let mut room = arguments::room();
        // SAFETY: passed on to the caller of this function.
        let given = unsafe { arguments::config(config, &mut room) }?;
        // SAFETY: passed on to the caller of this function.
        let (out, cancel) = unsafe { (request.as_mut(), lookup.as_mut()) };
        // SAFETY: passed on to the caller of this function.
        let text = crate::text::parse(unsafe { slice(given.uri) }?).ok_or(Error::Malformed)?;
        if let Some(out) = out {
            *out = 0;
        }
        if let Some(cancel) = cancel {
            *cancel = core::ptr::null_mut();
        }
        let name = match given.remote.ip == Ip::UNSPECIFIED.0 && !text.is_empty() {
            true => Uri::parse(text)?.host,
            false => Host::Address { ip: Ip::UNSPECIFIED, zone: "" },
        };
        let Host::Name(name) = name else {
            // SAFETY: passed on to the caller of this function.
            return arguments::check(unsafe { mote_coap_start(coap, config, request) });
        };
        // SAFETY: passed on to the caller of this function.
        unsafe { look_up(block, node, &name, Named { coap, config: *given, request }, lookup) }
    };
    outcome(begin())
}

/// # Safety
/// As `mote_coap_start_by_name` describes.
#[inline(never)] // So that a request that needs none of this has its stack.
unsafe fn look_up(
    block: &'static mut [u8],
    node: NodeRef,
    name: &Encoded<'_>,
    request: Named,
    lookup: *mut *mut mote_lookup,
) -> Result<()> {
    let mut buffer = [0; 255];
    let mut host = Writer::new(&mut buffer);
    name.decode(&mut host)?;
    let host = host.written();
    let mut carver = Carver::new(block);
    let named: *mut Named = carver.place(request)?;
    let rest = carver.table::<u8>(MOTE_LOOKUP_MEM)?;
    let host = mote_bytes { ptr: host.as_ptr(), len: host.len() };
    let (memory, size, user) = (rest.as_mut_ptr(), rest.len(), named.cast());
    // SAFETY: the rest of the block and the buffer are good for the call, and the block for as long as the
    // look-up lasts.
    arguments::check(unsafe {
        mote_lookup_start(memory, size, node.pointer(), host, 0, Some(found), user, lookup)
    })
}

/// The look-up has ended: the request starts, or ends without having started.
unsafe extern "C" fn found(
    user: *mut c_void,
    status: mote_status,
    addresses: *const mote_address,
    count: usize,
) {
    // SAFETY: placed above; the memory is the application's again when this returns.
    let Named { coap, mut config, request } = unsafe { user.cast::<Named>().read() };
    let mut status = if status == MOTE_OK && count == 0 { Error::NotFound.code() } else { status };
    if status == MOTE_OK {
        // SAFETY: there are `count` addresses. The port stays 0, and so that of the URI is taken.
        config.remote = unsafe { addresses.read() };
        // SAFETY: the application keeps what the config points to.
        status = unsafe { mote_coap_start(coap, &raw const config, request) };
    }
    if status == Error::Stale.code() {
        status = Error::Closed.code();
    }
    if let Some(callback) = config.callback.filter(|_| status != MOTE_OK) {
        // SAFETY: integers and pointers; all zero is a value of each.
        let mut event: mote_coap_event = unsafe { core::mem::zeroed() };
        (event.kind, event.status, event.coap, event.last) = (MOTE_COAP_ENDED, status, coap, 1);
        // SAFETY: the application's function, as `mote_coap_request_config` describes it.
        unsafe { callback(config.user, &raw const event) }
    }
}
