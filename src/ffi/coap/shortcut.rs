// SPDX-License-Identifier: MIT OR Apache-2.0
//! The short forms of requests, each to a URI.

use super::codes::MOTE_COAP_GET;
use super::event::{mote_coap_callback, mote_coap_request};
use super::options;
use super::request::{mote_coap_request_config, mote_coap_start};
use crate::ffi::arguments::lend;
use crate::ffi::opaque::mote_coap;
use crate::port::{mote_bytes, mote_status};
use crate::status::Error;
use core::ffi::{CStr, c_char, c_void};

/// # Safety
/// As `mote_coap_get` and its siblings describe.
unsafe fn shortcut(
    coap: *mut mote_coap,
    uri: *const c_char,
    config: &mut mote_coap_request_config,
    request: *mut mote_coap_request,
) -> mote_status {
    if uri.is_null() {
        return Error::Invalid.code();
    }
    // SAFETY: the caller vouches for a NUL at the end.
    config.uri = lend(unsafe { CStr::from_ptr(uri) }.to_bytes());
    // SAFETY: passed on to the caller.
    unsafe { mote_coap_start(coap, config, request) }
}

#[inline(never)]
fn simple(method: u8, callback: mote_coap_callback, user: *mut c_void) -> mote_coap_request_config {
    // SAFETY: integers, pointers, lengths and an optional function, for which zeros are valid.
    let config: mote_coap_request_config = unsafe { core::mem::zeroed() };
    let size = size_of::<mote_coap_request_config>() as u32;
    mote_coap_request_config { size, method, callback, user, ..config }
}

/// Gets the resource at `uri`, which ends with a NUL: `mote_coap_start` with nothing but these.
///
/// `request` may be NULL. Every status of `mote_coap_start`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_get(
    coap: *mut mote_coap,
    uri: *const c_char,
    callback: mote_coap_callback,
    user: *mut c_void,
    request: *mut mote_coap_request,
) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe { shortcut(coap, uri, &mut simple(MOTE_COAP_GET, callback, user), request) }
}

/// Observes the resource at `uri`, which ends with a NUL (RFC 7641): the callback gets its state
/// now and whenever it changes, until `mote_coap_cancel`.
///
/// `request` may be NULL. Every status of `mote_coap_start`. In builds with the feature `coap-observe`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[cfg(feature = "coap-observe")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_observe(
    coap: *mut mote_coap,
    uri: *const c_char,
    callback: mote_coap_callback,
    user: *mut c_void,
    request: *mut mote_coap_request,
) -> mote_status {
    let mut config = simple(MOTE_COAP_GET, callback, user);
    config.observe = 1;
    // SAFETY: passed on to the caller of this function.
    unsafe { shortcut(coap, uri, &mut config, request) }
}

/// Sends `payload`, in the given content format, to the resource at `uri`, which ends with a
/// NUL. `method` is `MOTE_COAP_PUT`, `MOTE_COAP_POST` and so on.
///
/// The payload must stay as it is until the last event: the library takes it from there block by
/// block when it is large. `request` may be NULL. Every status of `mote_coap_start`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_send(
    coap: *mut mote_coap,
    method: u8,
    uri: *const c_char,
    content_format: u16,
    payload: mote_bytes,
    callback: mote_coap_callback,
    user: *mut c_void,
    request: *mut mote_coap_request,
) -> mote_status {
    let format = options::content_format(content_format);
    let mut config = simple(method, callback, user);
    (config.options, config.option_count) = (&raw const format, 1);
    (config.payload, config.payload_stays) = (payload, 1);
    // SAFETY: passed on to the caller of this function.
    unsafe { shortcut(coap, uri, &mut config, request) }
}
