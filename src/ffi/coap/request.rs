// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests of ours.

use super::config::{self, mote_coap_params};
use super::event::{
    MOTE_COAP_ENDED, MOTE_COAP_NEED_BLOCK, MOTE_COAP_RESPONSE, mote_coap_callback, mote_coap_event,
    mote_coap_request,
};
use super::object::{Caller, CoapRef, Core, act};
use super::options::{Given, ShowsMessage, mote_coap_option};
use crate::address::{Ip, SocketAddress};
use crate::bytes::Writer;
use crate::coap::uri::{Host, Scheme, Uri, decimal};
use crate::coap::wire::{Code, Encoder};
use crate::coap::{Event, OptionList, Request};
use crate::ffi::arguments::{self, Config, lend, outcome, slice, text};
use crate::ffi::opaque::mote_coap;
use crate::port::{mote_address, mote_bytes, mote_status};
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::transport::{DatagramContext, Path};
use core::ffi::c_void;

/// A request. Zero means the default; everything is copied before the call returns, but for
/// what `payload_stays` says.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_coap_request_config {
    /// `sizeof(mote_coap_request_config)`, by `MOTE_COAP_REQUEST_CONFIG_INIT`.
    pub size: u32,
    /// `MOTE_COAP_GET` and so on. Default GET.
    pub method: u8,
    /// 1: send it non-confirmably. To a group it always is.
    pub non_confirmable: u8,
    /// 1: register as an observer (RFC 7641); each notification is a `MOTE_COAP_RESPONSE`,
    /// until cancelled. Needs a build with the feature `coap-observe`.
    pub observe: u8,
    /// 1: fetch only the one block at `offset`, not the rest of the body. Needs a build with the feature
    /// `coap-block`, as do `more` and `offset`.
    pub one_block: u8,
    /// What to ask: the URI is taken apart as RFC 7252 §6.4 says. May be empty when `remote` and
    /// `options` say it all. Needs a build with the feature `coap-uri`.
    pub uri: mote_bytes,
    /// Where to send it. Default: the address and port of `uri`, which must then hold a literal.
    pub remote: mote_address,
    /// From which of the own addresses. Default: whichever suits.
    pub local: mote_address,
    /// Further options, in any order. Block1, Block2, Observe, Size1 and Size2 are the
    /// library's business, unless given here.
    pub options: *const mote_coap_option,
    /// How many, up to 1024.
    pub option_count: usize,
    /// The body, or its beginning: at least its first block if it is longer. What does not fit
    /// in the first message is asked for by `MOTE_COAP_NEED_BLOCK`.
    pub payload: mote_bytes,
    /// 1: `payload` is the whole body and stays as it is until the last event, so that the
    /// library takes the blocks from there; `MOTE_COAP_NEED_BLOCK` comes only when a block finds
    /// no room, and may then be answered later.
    pub payload_stays: u16,
    /// 1: the body goes on after `payload`.
    pub more: u16,
    /// The length of the whole body if it is known and larger than `payload`.
    pub total: u32,
    /// Where in the body of the answer to begin, in bytes; a multiple of the block size.
    pub offset: u32,
    /// The largest block in either direction, in bytes: 16, 32, … 1024. Default 1024.
    pub block_size: u32,
    /// How long to wait for the response once the request need not be sent again, in
    /// milliseconds; for a group, how long to gather answers. Default: as RFC 7252 says.
    pub timeout: u32,
    /// Must be 0.
    pub reserved: u32,
    /// The token. Default, and better: drawn at random. One of more than 8 bytes (RFC 8974) goes with the first message of
    /// a confirmable request only: it is refused with `MOTE_ERR_INVALID` otherwise, and a server that does not
    /// understand it answers with a Reset, which ends the request with `MOTE_ERR_RESET`.
    pub token: mote_bytes,
    /// Transmission parameters of this request alone. Default NULL: those of the endpoint.
    pub params: *const mote_coap_params,
    /// Is told what becomes of it. May be NULL.
    pub callback: mote_coap_callback,
    /// Handed to the callback.
    pub user: *mut c_void,
}

// SAFETY: `repr(C)`, `size` first, integers, pointers and an optional function.
unsafe impl Config for mote_coap_request_config {}

/// Calls the callback of the request that an event is about.
pub(super) fn tell(coap: CoapRef, event: &Event<'_>) {
    // SAFETY: integers, pointers and lengths, for which zeros are valid.
    let mut shown: mote_coap_event = unsafe { core::mem::zeroed() };
    let handle = match event {
        Event::Response { request, path, message, part, last } => {
            shown.message().fill(path, message);
            shown.kind = MOTE_COAP_RESPONSE;
            shown.code = message.code.0;
            shown.message_type = message.kind as u8;
            shown.message_id = message.message_id;
            (shown.last, shown.more) = (u8::from(*last), u8::from(part.more));
            (shown.offset, shown.total) = (part.offset, part.total);
            *request
        }
        Event::NeedBlock { request, offset, length } if cfg!(feature = "coap-block") => {
            if supply_from_body(coap, *request, *offset, *length) {
                return;
            }
            shown.kind = MOTE_COAP_NEED_BLOCK;
            (shown.offset, shown.length) = (*offset, u32::from(*length));
            *request
        }
        Event::Ended { request, result } => {
            (shown.kind, shown.status, shown.last) = (MOTE_COAP_ENDED, outcome(*result), 1);
            *request
        }
        _ => return,
    };
    (shown.coap, shown.request) = (coap.pointer(), handle.raw());
    let told = coap.with(|core| {
        let caller = core.callers.get_mut(handle.index()).filter(|caller| caller.handle == handle.raw())?;
        if shown.last != 0 {
            caller.handle = 0;
        }
        Some((caller.callback?, caller.user))
    });
    if let Some((callback, user)) = told {
        // SAFETY: the application's function, as `mote_coap_request_config` describes it;
        // nothing of the object is borrowed.
        unsafe { callback(user, &raw const shown) }
    }
}

/// Gives the next block out of the body that the application keeps; whether there is one.
fn supply_from_body(coap: CoapRef, handle: Handle, offset: u32, length: u16) -> bool {
    let caller = coap.with(|core| core.callers.get(handle.index()).copied());
    let body = match caller {
        // SAFETY: the application promised to keep it until the last event.
        Some(caller) if caller.handle == handle.raw() => unsafe { slice(caller.body) }.unwrap_or_default(),
        _ => &[],
    };
    let Some(rest) = body.get(offset as usize..).filter(|rest| !rest.is_empty()) else { return false };
    let length = rest.len().min(length.into());
    let block = rest.get(..length).unwrap_or_default();
    let more = rest.len() > length;
    coap.command(|core, cx| core.endpoint.supply(cx, handle, block, more)).is_ok()
}

/// Has the engine cancel every request, so that observations are deregistered. No callback is called.
pub(super) fn cancel_all(coap: CoapRef) {
    for index in 0..coap.with(|core| core.callers.len()) {
        // Without a socket there is nobody to tell.
        let _gone = coap.engine(|core, cx| {
            let handle = core.callers.get(index).and_then(|caller| Handle::from_raw(caller.handle));
            handle.map(|handle| core.endpoint.cancel(cx, handle))
        });
    }
}

/// Ends every request with `MOTE_ERR_CLOSED`. The endpoint is stale already.
pub(super) fn end_all(coap: CoapRef) {
    for index in 0..coap.with(|core| core.callers.len()) {
        let caller = coap.with(|core| core.callers.get(index).map_or(0, |caller| caller.handle));
        if let Some(request) = Handle::from_raw(caller) {
            // The block is the endpoint's until `mote_coap_close` returns.
            tell(coap, &Event::Ended { request, result: Err(Error::Closed) });
        }
    }
}

/// Whether this build takes URIs apart.
const URIS: bool = cfg!(feature = "coap-uri");

/// The options of a URI.
struct UriOptions<'a> {
    uri: Option<&'a Uri<'a>>,
    destination: SocketAddress,
}

impl OptionList for UriOptions<'_> {
    fn put(&self, out: &mut Encoder<'_>) -> Result<()> {
        let Some(uri) = self.uri.filter(|_| URIS) else { return Ok(()) };
        let mut buffer = [0; 255];
        uri.options(Some(&self.destination)).try_for_each(|part| {
            let mut value = Writer::new(&mut buffer);
            part.decode(&mut value)?;
            out.option(part.number, value.written())
        })
    }
}

/// Where a request goes, without a name look-up.
fn destination(remote: &mote_address, uri: Option<&Uri<'_>>) -> Result<SocketAddress> {
    let mut to = SocketAddress::from(*remote);
    let port = uri.map_or(Scheme::Coap.default_port(), |uri| uri.port);
    if to.ip == Ip::UNSPECIFIED {
        let Host::Address { ip, zone } = uri.ok_or(Error::Invalid)?.host else { return Err(Error::NotFound) };
        to = SocketAddress { ip, scope: decimal(zone.as_bytes()).ok_or(Error::NotFound)?, port };
    } else if to.port == 0 {
        to.port = port;
    }
    if !to.ip.is_link_local() && !to.ip.is_multicast() {
        // Answers come without one where it means nothing.
        to.scope = 0;
    }
    Ok(to)
}

/// # Safety
/// What `given` points to is valid.
unsafe fn start(
    core: &mut Core,
    cx: &mut DatagramContext<'_>,
    given: &mote_coap_request_config,
) -> Result<Caller> {
    // SAFETY: passed on to the caller.
    let (words, payload, token) = unsafe { (text(given.uri)?, slice(given.payload)?, slice(given.token)?) };
    let parsed;
    let mut uri = None;
    if !words.is_empty() {
        if !URIS {
            return Err(Error::Unsupported);
        }
        parsed = Uri::parse(words)?;
        uri = Some(&parsed);
        if parsed.scheme != Scheme::Coap {
            return Err(Error::Unsupported);
        }
    }
    // None is above 1 unless a higher bit of theirs is set.
    let flags = u16::from(given.non_confirmable | given.observe | given.one_block);
    if flags | given.payload_stays | given.more > 1
        || given.payload_stays & given.more != 0
        || given.reserved != 0
    {
        return Err(Error::Invalid);
    }
    let destination = destination(&given.remote, uri)?;
    let size = if given.block_size == 0 { 1024 } else { given.block_size };
    let szx = size.trailing_zeros().wrapping_sub(4);
    if szx > 6 || size != 16 << szx {
        return Err(Error::Invalid);
    }
    let base = core.endpoint.config().params;
    // SAFETY: passed on to the caller.
    let params = unsafe { config::params(given.params, &base) }?;
    let from_uri = UriOptions { uri, destination };
    // SAFETY: passed on to the caller.
    let options = unsafe { Given::new(&from_uri, given.options, given.option_count) }?;
    let request = Request {
        path: Path { remote: destination, local: Ip(given.local.ip) },
        method: if given.method == 0 { Code::GET } else { Code(given.method) },
        options: &options,
        payload,
        more: given.more != 0,
        total: given.total,
        confirmable: given.non_confirmable == 0,
        observe: given.observe != 0,
        offset: given.offset,
        one_block: given.one_block != 0,
        szx: szx as u8,
        token: if token.is_empty() { None } else { Some(token) },
        timeout: given.timeout,
        params: if given.params.is_null() { None } else { Some(&params) },
    };
    let handle = core.endpoint.request(cx, &request)?.raw();
    let body = if given.payload_stays == 0 { lend(&[]) } else { given.payload };
    Ok(Caller { handle, callback: given.callback, user: given.user, body })
}

/// Begins a request of ours as `work` does, notes who is to be told of it, and says its name.
///
/// # Safety
/// `coap` is NULL or came from `mote_coap_init`; `request` is NULL or is written.
unsafe fn begin(
    coap: *mut mote_coap,
    request: *mut mote_coap_request,
    work: &mut dyn FnMut(&mut Core, &mut DatagramContext<'_>) -> Result<Caller>,
) -> mote_status {
    let mut begin = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let coap = unsafe { CoapRef::new(coap) }?;
        coap.command(|core, cx| {
            let caller = work(core, cx)?;
            // SAFETY: passed on to the caller of this function.
            if let Some(out) = unsafe { request.as_mut() } {
                *out = caller.handle;
            }
            // There is one for every request that the engine has room for.
            let index = Handle::from_raw(caller.handle).map_or(usize::MAX, Handle::index);
            if let Some(place) = core.callers.get_mut(index) {
                *place = caller;
            }
            Ok(())
        })
    };
    outcome(begin())
}

/// Starts a request (RFC 7252 §5). Its callback gets exactly one event with `last` set, from
/// `mote_node_run`, `mote_node_poll` or `mote_coap_close`, never from inside this call; and none when this call fails.
///
/// ```c
/// mote_coap_request_config config = { MOTE_COAP_REQUEST_CONFIG_INIT, .method = MOTE_COAP_FETCH };
/// config.uri = (mote_bytes)MOTE_STR("coap://[fd00::1]/data"), config.callback = on_data;
/// mote_status status = mote_coap_start(coap, &config, &request);
/// ```
///
/// `config` and what it points to is copied, but for a payload with `payload_stays`. `request` may be NULL. When NSTART requests are
/// outstanding at the peer it waits for its turn.
///
/// `MOTE_ERR_INVALID` for NULL, a config that contradicts itself or a code that is no method;
/// `MOTE_ERR_MALFORMED` for a text that is no URI; `MOTE_ERR_UNSUPPORTED` for a scheme other
/// than `coap`, and for what the build lacks; `MOTE_ERR_NOT_FOUND` when the URI names a host and `remote` does not say where
/// that is (`mote_coap_start_by_name` finds out); `MOTE_ERR_FULL` when `requests`, `peers` or `pool` of the endpoint are used up;
/// `MOTE_ERR_TOO_LARGE` when the options leave no room in a message; `MOTE_ERR_STALE`,
/// `MOTE_ERR_VERSION`, and what the transport says.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_start(
    coap: *mut mote_coap,
    config: *const mote_coap_request_config,
    request: *mut mote_coap_request,
) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe {
        begin(coap, request, &mut |core, cx| {
            let mut room = arguments::room();
            start(core, cx, arguments::config(config, &mut room)?)
        })
    }
}

/// Asks whether the peer is there (RFC 7252 §4.3). Ends with `MOTE_COAP_ENDED`, with success if
/// it is.
///
/// `request` may be NULL. `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_FULL`, `MOTE_ERR_STALE`, and
/// what the transport says.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_ping(
    coap: *mut mote_coap,
    remote: *const mote_address,
    callback: mote_coap_callback,
    user: *mut c_void,
    request: *mut mote_coap_request,
) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe {
        begin(coap, request, &mut |core, cx| {
            let path = Path::to(SocketAddress::from(*remote.as_ref().ok_or(Error::Invalid)?));
            let handle = core.endpoint.ping(cx, &path)?.raw();
            Ok(Caller { handle, callback, user, body: lend(&[]) })
        })
    }
}

/// Gives the block that `MOTE_COAP_NEED_BLOCK` asked for, inside the callback or later.
///
/// `bytes` starts at the `offset` of that event and holds its `length` bytes, fewer only at the
/// end of the body; it is copied. `more` is 1 when the body goes on after it.
///
/// `MOTE_ERR_STATE` when no block is wanted, `MOTE_ERR_INVALID` when more is to follow but too
/// little was given, `MOTE_ERR_FULL` (try again), `MOTE_ERR_STALE`. In builds with the feature `coap-block`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[cfg(feature = "coap-block")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_supply(
    coap: *mut mote_coap,
    request: mote_coap_request,
    bytes: mote_bytes,
    more: u32,
) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe {
        act(coap, request, &(bytes, more != 0), |core, cx, handle, (bytes, more)| {
            core.endpoint.supply(cx, handle, slice(*bytes)?, *more)
        })
    }
}

/// Ends a request. An observation is deregistered at the peer (RFC 7641 §3.6). The last event,
/// with `MOTE_ERR_CANCELLED`, comes from the node's next turn, never from inside this call.
///
/// `MOTE_ERR_STALE` when it has ended already, `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// `coap` is NULL or came from `mote_coap_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_cancel(coap: *mut mote_coap, request: mote_coap_request) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe { act(coap, request, &(), |core, cx, handle, ()| core.endpoint.cancel(cx, handle)) }
}
