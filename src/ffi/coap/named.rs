// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests to hosts that are named.

use super::event::{MOTE_COAP_ENDED, mote_coap_event, mote_coap_request};
use super::object::CoapRef;
use super::request::{mote_coap_request_config, mote_coap_start};
use crate::address::Ip;
use crate::bytes::Writer;
use crate::coap::uri::{Encoded, Host, Uri};
use crate::coap::wire::Code;
use crate::ffi::arguments::{self, block, lend, outcome, text};
use crate::ffi::lookup::{ADDRESSES, MOTE_LOOKUP_MEM, mote_lookup_start};
use crate::ffi::node::NodeRef;
use crate::ffi::opaque::{mote_coap, mote_lookup};
use crate::ffi::status::MOTE_OK;
use crate::memory::Carver;
use crate::port::{mote_address, mote_status};
use crate::status::{Error, Result};
use crate::time::Instant;
use core::ffi::c_void;

/// A block of this many bytes holds what `mote_coap_start_by_name` needs.
pub const MOTE_COAP_NAME_MEM: usize = 512;

/// A request to a host that is named, from the look-up to its last event.
struct Named {
    coap: *mut mote_coap,
    config: mote_coap_request_config,
    request: *mut mote_coap_request,
    /// Where to try, in this order.
    addresses: [mote_address; ADDRESSES],
    count: usize,
    /// How many were tried.
    tried: usize,
    /// No other address is tried from then on.
    give_up_at: Instant,
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
/// `memory` has `memory_size` bytes. It is the request's, and what `config` points to must stay
/// as it is, until the callback gets the last event or the look-up is cancelled. `config` itself is copied.
///
/// Where the name stands for several addresses the first is asked, and the next when no answer came from there
/// because no way leads to it, nobody listens there, or, for a method that may be done twice (all but POST and PATCH), in time; as long
/// as less than `timeout` of `config` (EXCHANGE_LIFETIME, if that is not given) has passed since the first was
/// asked. The callback is told of the last alone.
///
/// `request` is set to 0, and to the request's name once that is started, for each address anew, until the last
/// event; it may be NULL.
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
        let uri = unsafe { text(given.uri) }?;
        let name = match given.remote.ip == Ip::UNSPECIFIED.0 && !uri.is_empty() {
            true => Uri::parse(uri)?.host,
            false => Host::Address { ip: Ip::UNSPECIFIED, zone: "" },
        };
        let Host::Name(name) = name else {
            // SAFETY: passed on to the caller of this function.
            unsafe {
                arguments::check(mote_coap_start(coap, config, request))?;
                if let Some(cancel) = lookup.as_mut() {
                    *cancel = core::ptr::null_mut();
                }
            }
            return Ok(());
        };
        let named = Named {
            coap,
            config: *given,
            request,
            addresses: Default::default(),
            count: 0,
            tried: 0,
            give_up_at: Instant::NEVER,
        };
        // SAFETY: passed on to the caller of this function.
        unsafe {
            look_up(block, node, &name, named, lookup)?;
            if let Some(out) = request.as_mut() {
                *out = 0;
            }
        }
        Ok(())
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
    let host = lend(host);
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
    // SAFETY: placed above, and the library's until the last event.
    let named = unsafe { &mut *user.cast::<Named>() };
    let mut status = if status == MOTE_OK { Error::NotFound.code() } else { status };
    for (place, index) in named.addresses.iter_mut().zip(0..count) {
        // SAFETY: there are `count` addresses.
        *place = unsafe { addresses.add(index).read() };
        named.count = index + 1;
    }
    if named.count > 0 {
        status = try_next(named, user, status);
    }
    if status == Error::Stale.code() {
        status = Error::Closed.code();
    }
    let Named { coap, config, .. } = *named;
    if let Some(callback) = config.callback.filter(|_| status != MOTE_OK) {
        // SAFETY: integers and pointers; all zero is a value of each.
        let mut event: mote_coap_event = unsafe { core::mem::zeroed() };
        (event.kind, event.status, event.coap, event.last) = (MOTE_COAP_ENDED, status, coap, 1);
        // SAFETY: the application's function, as `mote_coap_request_config` describes it.
        unsafe { callback(config.user, &raw const event) }
    }
}

/// Starts the request to the next address to which it can start. Otherwise why it cannot; `status` when
/// there is none left, or no time. `user` is where `named` lies, as [`told`] gets it.
fn try_next(named: &mut Named, user: *mut c_void, mut status: mote_status) -> mote_status {
    // SAFETY: the endpoint's pointer, which the application keeps.
    let Ok(coap) = (unsafe { CoapRef::new(named.coap) }) else { return Error::Closed.code() };
    let now = coap.node().now();
    if named.tried == 0 {
        let lifetime = coap.with(|core| core.endpoint.config().params.exchange_lifetime());
        let budget = if named.config.timeout == 0 { lifetime } else { named.config.timeout };
        named.give_up_at = now.after(budget.into());
    }
    while let Some(address) = named.addresses.get(named.tried..named.count).and_then(<[_]>::first) {
        if named.give_up_at.is_due(now) {
            break;
        }
        // The port stays 0, and so that of the URI is taken.
        let mut config = named.config;
        config.remote = *address;
        config.callback = Some(told);
        config.user = user;
        named.tried += 1;
        // SAFETY: the application keeps what the config points to.
        status = unsafe { mote_coap_start(named.coap, &raw const config, named.request) };
        if status != Error::Unreachable.code() {
            break;
        }
    }
    status
}

/// Passes on what becomes of the request, unless another address is asked in its place.
unsafe extern "C" fn told(user: *mut c_void, event: *const mote_coap_event) {
    // SAFETY: the callback of `try_next`, whose request has not had its last event.
    let (named, shown) = unsafe { (&mut *user.cast::<Named>(), &*event) };
    let method = named.config.method;
    let again = match Error::from_code(shown.status) {
        Some(Error::Refused | Error::Unreachable) => true,
        Some(Error::Timeout) => method == 0 || Code(method).is_idempotent(),
        _ => false,
    };
    if shown.last == 0 || shown.status == MOTE_OK {
        // Somebody is there: no other address is for this request.
        named.count = 0;
    } else if again && try_next(named, user, shown.status) == MOTE_OK {
        return;
    }
    let mote_coap_request_config { callback, user, .. } = named.config;
    if let Some(callback) = callback {
        // SAFETY: the application's function, as `mote_coap_request_config` describes it. It may use the memory.
        unsafe { callback(user, event) }
    }
}
