// SPDX-License-Identifier: MIT OR Apache-2.0
//! Membership in groups.

use super::object::CoapRef;
use crate::ffi::arguments::outcome;
use crate::ffi::opaque::mote_coap;
use crate::port::{mote_address, mote_status};
use crate::status::{Error, Result};

/// # Safety
/// The pointers are NULL or valid.
unsafe fn change(coap: *mut mote_coap, group: *const mote_address, join: bool) -> mote_status {
    let work = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (coap, group) = unsafe { (CoapRef::new(coap)?, group.as_ref().ok_or(Error::Invalid)?) };
        coap.node().datagram_group(coap.source()?, group, join)
    };
    outcome(work())
}

/// Receives what is sent to a group (RFC 7252 §8), such as All CoAP Nodes, `ff02::fd` and
/// 224.0.1.187. Resources with `MOTE_COAP_MULTICAST` and `/.well-known/core` answer.
///
/// `group->scope` is the interface, 0 for all that suit; its port is not used.
/// `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_UNSUPPORTED`, `MOTE_ERR_STALE`, and what the port says.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_join(coap: *mut mote_coap, group: *const mote_address) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe { change(coap, group, true) }
}

/// Ends what `mote_coap_join` began. The same statuses.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_leave(coap: *mut mote_coap, group: *const mote_address) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    unsafe { change(coap, group, false) }
}
