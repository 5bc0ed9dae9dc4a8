// SPDX-License-Identifier: MIT OR Apache-2.0
//! Serving: what resources there are, whose handler a request is for, and its answer.

use super::object::{CoapRef, Served, act};
use super::options::{self, Given, ShowsMessage, mote_coap_option};
use super::resource::{
    MOTE_COAP_CAUSE_CONTINUE, MOTE_COAP_CAUSE_NOTIFY, MOTE_COAP_CAUSE_REGISTER, MOTE_COAP_CAUSE_REQUEST,
    handler, handlers, mote_coap_exchange, mote_coap_incoming, mote_coap_resource, mote_coap_resource_config,
};
use crate::coap::link::Link;
use crate::coap::wire::{Code, Options};
use crate::coap::{Cause, Incoming, Resource, Response, method_bit};
use crate::ffi::arguments::{self, Config, lend, outcome, output, slice, text};
use crate::ffi::opaque::mote_coap;
use crate::port::{mote_bytes, mote_status};
use crate::status::{Error, Result};
use core::ffi::c_void;

/// An answer. Zero means the default; everything is copied before the call returns.
///
/// The simplest answer gives the whole body each time it is asked, whatever its size: the library
/// cuts out the block that was asked for. A body larger than memory is read from
/// `answer_offset` on instead, and given with `offset` and `more`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_coap_response {
    /// `sizeof(mote_coap_response)`, by `MOTE_COAP_RESPONSE_INIT`.
    pub size: u32,
    /// The response code, such as `MOTE_COAP_CONTENT`.
    pub code: u8,
    /// 1: send a notification, or the answer to a non-confirmable request, confirmably.
    pub confirmable: u8,
    /// 1: the body goes on after `payload`. Give an ETag then, so that the peer does not mix
    /// blocks of different states.
    pub more: u8,
    /// Must be 0.
    pub reserved: u8,
    /// The options, in any order. Block1, Block2, Size2 and Observe are the library's business.
    pub options: *const mote_coap_option,
    /// How many, up to 1024.
    pub option_count: usize,
    /// The body, or a part of it that holds all of the block that was asked for.
    pub payload: mote_bytes,
    /// Where in the body `payload` starts.
    pub offset: u32,
    /// The length of the whole body, if it is known and larger than `payload`.
    pub total: u32,
}

// SAFETY: `repr(C)`, `size` first, integers and pointers.
unsafe impl Config for mote_coap_response {}

/// Calls the handler that a request is for.
pub(super) fn ask(coap: CoapRef, incoming: &Incoming<'_>) {
    let Incoming { exchange, resource, path, message, part, .. } = incoming;
    let served = coap.with(|core| {
        core.returning = Some(*exchange);
        core.served.get(resource.index()).filter(|served| served.handle == resource.raw()).copied()
    });
    let Some(served) = served else { return };
    // SAFETY: the application keeps it as long as the resource is there.
    let Some(handler) = (unsafe { handler(served.config, message.code.0) }) else { return };
    // SAFETY: integers, pointers and lengths, for which zeros are valid.
    let mut shown: mote_coap_incoming = unsafe { core::mem::zeroed() };
    shown.message().fill(path, message);
    if incoming.assembled {
        shown.payload = coap.with(|core| lend(core.endpoint.body(*exchange).unwrap_or_default()));
    }
    shown.coap = coap.pointer();
    shown.exchange = exchange.raw();
    shown.resource = resource.raw();
    shown.method = message.code.0;
    shown.cause = match incoming.cause {
        Cause::Request => MOTE_COAP_CAUSE_REQUEST,
        Cause::Register => MOTE_COAP_CAUSE_REGISTER,
        Cause::Notify => MOTE_COAP_CAUSE_NOTIFY,
        Cause::Continue => MOTE_COAP_CAUSE_CONTINUE,
    };
    shown.more = u8::from(part.more);
    shown.message_type = message.kind as u8;
    (shown.offset, shown.total) = (part.offset, part.total);
    (shown.answer_offset, shown.answer_size) = (incoming.offset, u32::from(incoming.size));
    shown.message_id = message.message_id;
    // SAFETY: the application's function, as `mote_coap_resource_config` describes it; nothing of
    // the object is borrowed.
    unsafe { handler(served.user, &raw const shown) }
}

/// The content formats that C gave.
///
/// # Safety
/// `list` is NULL or points to `count` numbers that live as long as the result.
#[inline(never)]
unsafe fn formats(list: *const u16, count: usize) -> Result<&'static [u16]> {
    match count {
        0 => Ok(&[]),
        _ if list.is_null() || count > 256 => Err(Error::Invalid),
        // SAFETY: not NULL, and the caller vouches for the rest.
        _ => Ok(unsafe { core::slice::from_raw_parts(list, count) }),
    }
}

/// # Safety
/// What `config` points to stays valid for as long as the resource is there.
unsafe fn resource_of(config: &mote_coap_resource_config) -> Result<Resource<'static>> {
    if config.flags > 63 || config.reserved != 0 {
        return Err(Error::Invalid);
    }
    // SAFETY: passed on to the caller.
    let (path, attributes, produces, consumes) = unsafe {
        (
            text(config.path)?,
            text(config.attributes)?,
            formats(config.produces, config.produces_count)?,
            formats(config.consumes, config.consumes_count)?,
        )
    };
    Link::new(path.as_bytes(), attributes.as_bytes())?;
    let methods = (1..).zip(handlers(config)).filter(|(_, handler)| handler.is_some());
    Ok(Resource {
        path,
        methods: methods.fold(0, |bits, (method, _)| bits | method_bit(Code(method))),
        flags: config.flags as u8,
        attributes,
        produces,
        consumes,
        max_body: config.max_body,
    })
}

/// Adds a resource.
///
/// ```c
/// static const mote_coap_resource_config clock = { MOTE_COAP_RESOURCE_CONFIG_INIT, .get = get_clock,
///     .path = MOTE_STR("/clock"), .flags = MOTE_COAP_OBSERVABLE };
/// mote_status status = mote_coap_resource_add(coap, &clock, NULL, &resource);
/// ```
///
/// `config` and all that it points to must stay as it is until the resource is removed or the
/// endpoint closed. `user` is handed to the handlers. `resource` may be NULL.
///
/// `MOTE_ERR_INVALID` for NULL, unknown flags or a path without `/` in front; `MOTE_ERR_MALFORMED` for a path or attributes
/// that are no UTF-8 or no link format; `MOTE_ERR_FULL` when `resources` of the endpoint are used up;
/// `MOTE_ERR_VERSION`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_resource_add(
    coap: *mut mote_coap,
    config: *const mote_coap_resource_config,
    user: *mut c_void,
    resource: *mut mote_coap_resource,
) -> mote_status {
    let add = || -> Result<()> {
        let mut room = arguments::room();
        // SAFETY: passed on to the caller of this function.
        let (coap, entry) =
            unsafe { (CoapRef::new(coap)?, resource_of(arguments::config(config, &mut room)?)?) };
        let handle = coap.command(|core, _| {
            let handle = core.endpoint.add_resource(entry)?;
            // There is one for every resource that the engine has room for.
            if let Some(place) = core.served.get_mut(handle.index()) {
                *place = Served { config, user, handle: handle.raw() };
            }
            Ok(handle)
        })?;
        // SAFETY: passed on to the caller of this function.
        if let Some(out) = unsafe { resource.as_mut() } {
            *out = handle.raw();
        }
        Ok(())
    };
    outcome(add())
}

/// Removes a resource. Its observers are told 4.04 (RFC 7641 §4.2); requests under way may still
/// be answered.
///
/// `MOTE_ERR_STALE` when it is gone already, `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// `coap` is NULL or came from `mote_coap_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_resource_remove(
    coap: *mut mote_coap,
    resource: mote_coap_resource,
) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe {
        act(coap, resource, &(), |core, cx, handle, ()| {
            core.endpoint.remove_resource(cx, handle)?;
            if let Some(place) = core.served.get_mut(handle.index()) {
                *place = Served::default();
            }
            Ok(())
        })
    }
}

/// Tells that the state of a resource has changed. Its handler is asked for the state once for
/// each observer, or with `MOTE_COAP_SHARED` for several at once, with `MOTE_COAP_CAUSE_NOTIFY`,
/// from the node's next turns; changes in between coalesce (RFC 7641 §4.5).
///
/// From another thread: post a function to the node that calls this (`mote_node_post`).
/// `MOTE_ERR_STALE` for a resource that is gone, `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// `coap` is NULL or came from `mote_coap_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_notify(coap: *mut mote_coap, resource: mote_coap_resource) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe { act(coap, resource, &(), |core, _, handle, ()| core.endpoint.notify(handle)) }
}

/// Answers a request, in its handler or later. A confirmable request that waits longer than
/// `ack_delay` is acknowledged by itself, and gets this as a separate response (RFC 7252 §5.2.2).
///
/// From another thread: post a function to the node that calls this (`mote_node_post`).
///
/// `MOTE_ERR_STALE` when it was answered already or nobody waits any more; `MOTE_ERR_INVALID`
/// for NULL, a code that is no response or a payload that does not hold what was asked for;
/// `MOTE_ERR_TOO_LARGE` when the options leave no room; `MOTE_ERR_FULL` when the pool is used
/// up; `MOTE_ERR_VERSION`. After any of these but `MOTE_ERR_STALE` it may be answered again; a
/// notification for which there is no room is asked for anew a little later instead.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_respond(
    coap: *mut mote_coap,
    exchange: mote_coap_exchange,
    response: *const mote_coap_response,
) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe {
        act(coap, exchange, &response, |core, cx, handle, response| {
            let mut room = arguments::room();
            let given = arguments::config(*response, &mut room)?;
            if given.confirmable > 1 || given.more > 1 || given.reserved != 0 {
                return Err(Error::Invalid);
            }
            let response = Response {
                code: Code(given.code),
                options: &Given::new(&Options::NONE, given.options, given.option_count)?,
                payload: slice(given.payload)?,
                offset: given.offset,
                more: given.more != 0,
                total: given.total,
                confirmable: given.confirmable != 0,
            };
            core.endpoint.respond(cx, handle, &response)
        })
    }
}

/// Answers a request with a code, a content format and a whole body: `mote_coap_respond` with
/// nothing but these. Without payload there is no content format.
///
/// Every status of `mote_coap_respond`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_reply(
    coap: *mut mote_coap,
    exchange: mote_coap_exchange,
    code: u8,
    content_format: u16,
    payload: mote_bytes,
) -> mote_status {
    let format = options::content_format(content_format);
    let response = mote_coap_response {
        size: size_of::<mote_coap_response>() as u32,
        code,
        confirmable: 0,
        more: 0,
        reserved: 0,
        options: &raw const format,
        option_count: usize::from(payload.len > 0),
        payload,
        offset: 0,
        total: 0,
    };
    // SAFETY: passed on to the caller of this function.
    unsafe { mote_coap_respond(coap, exchange, &raw const response) }
}

/// How many peers observe resources of this endpoint at present.
///
/// `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`. In builds with the feature `coap-observe`.
///
/// # Safety
/// The pointers are NULL or valid.
#[cfg(feature = "coap-observe")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_observers(coap: *const mote_coap, count: *mut usize) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (coap, out) = unsafe { (CoapRef::new(coap)?, output(count)?) };
        out.write(coap.with(|core| core.endpoint.observers()));
        Ok(())
    };
    outcome(read())
}
