// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CoRE link format (RFC 6690).

use crate::bytes::Writer;
use crate::coap::link::{Filter, Link, Links, Value};
use crate::ffi::arguments::{block, lend, outcome, output, slice};
use crate::port::{mote_bytes, mote_status};
use crate::status::{Error, Result};

/// One link of a document.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_coap_link {
    /// The URI reference between the angle brackets.
    pub target: mote_bytes,
    /// The attributes as they are written; iterate them with `mote_coap_attribute_next`.
    pub attributes: mote_bytes,
}

/// One attribute of a link.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_coap_attribute {
    /// The name, such as `rt`.
    pub name: mote_bytes,
    /// The value as it is written, without quotes; `ptr` is NULL when there is none.
    pub value: mote_bytes,
    /// The value as a number, `UINT32_MAX` when it is larger; 0 when it is none.
    pub number: u32,
    /// 1 when the value stood in quotes, so that backslashes in it escape.
    pub quoted: u32,
}

/// What is left of `all` after the front part `part` of it.
fn after(all: &[u8], rest: usize) -> mote_bytes {
    lend(all.get(all.len().saturating_sub(rest)..).unwrap_or_default())
}

/// Takes the next link of a document (RFC 6690 §2).
///
/// `rest` is what is left of the document, at first all of it; it is moved on. The link points
/// into the document. `MOTE_ERR_END` after the last; `MOTE_ERR_MALFORMED` where the grammar is
/// broken; `MOTE_ERR_INVALID` for NULL. Any thread.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_link_next(
    rest: *mut mote_bytes,
    link: *mut mote_coap_link,
) -> mote_status {
    let next = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (rest, out) = unsafe { (rest.as_mut().ok_or(Error::Invalid)?, output(link)?) };
        // SAFETY: as above.
        let document = unsafe { slice(*rest) }?;
        let (link, left) = Links::first(document).ok_or(Error::End)??;
        out.write(mote_coap_link { target: lend(link.target), attributes: lend(link.raw_attributes()) });
        *rest = after(document, left);
        Ok(())
    };
    outcome(next())
}

/// Takes the next attribute of a link.
///
/// `rest` is what is left of `link.attributes`, at first all of it; it is moved on. The attribute
/// points into it. `MOTE_ERR_END` after the last; `MOTE_ERR_MALFORMED`, `MOTE_ERR_INVALID` for
/// NULL. Any thread.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_attribute_next(
    rest: *mut mote_bytes,
    attribute: *mut mote_coap_attribute,
) -> mote_status {
    let next = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (rest, out) = unsafe { (rest.as_mut().ok_or(Error::Invalid)?, output(attribute)?) };
        // SAFETY: as above.
        let all = unsafe { slice(*rest) }?;
        let mut attributes = Link::new(&[], all)?.attributes();
        let attribute = attributes.next().ok_or(Error::End)?;
        let none = mote_bytes { ptr: core::ptr::null(), len: 0 };
        out.write(mote_coap_attribute {
            name: lend(attribute.name),
            value: attribute.value.map_or(none, |value| lend(value.raw)),
            number: attribute.value.and_then(|value| value.number().ok()).unwrap_or(0),
            quoted: u32::from(attribute.value.is_some_and(|value| value.quoted)),
        });
        *rest = after(all, attributes.remaining());
        Ok(())
    };
    outcome(next())
}

/// Writes the value of an attribute with its escapes resolved, without a NUL.
///
/// `text` has room for `capacity` bytes, of which `attribute->value.len` always suffice; `len`
/// gets the number written. `MOTE_ERR_TOO_LARGE`, `MOTE_ERR_INVALID` for NULL. Any thread.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_attribute_value(
    attribute: *const mote_coap_attribute,
    text: *mut u8,
    capacity: usize,
    len: *mut usize,
) -> mote_status {
    let resolve = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (attribute, room, len) =
            unsafe { (attribute.as_ref().ok_or(Error::Invalid)?, block(text, capacity)?, output(len)?) };
        // SAFETY: as above.
        let value = Value { raw: unsafe { slice(attribute.value) }?, quoted: attribute.quoted != 0 };
        let mut out = Writer::new(room);
        value.bytes().try_for_each(|byte| out.u8(byte))?;
        len.write(out.position());
        Ok(())
    };
    outcome(resolve())
}

/// Whether a link is asked for by a filter such as `rt=light*` (RFC 6690 §4.1).
///
/// `matches` gets 1 or 0. `MOTE_ERR_MALFORMED` when `filter` is no name and value or the link's
/// attributes break the grammar, `MOTE_ERR_INVALID` for NULL. Any thread.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_link_matches(
    link: *const mote_coap_link,
    filter: mote_bytes,
    matches: *mut u32,
) -> mote_status {
    let compare = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (link, filter, out) =
            unsafe { (link.as_ref().ok_or(Error::Invalid)?, slice(filter)?, output(matches)?) };
        // SAFETY: as above.
        let link = unsafe { Link::new(slice(link.target)?, slice(link.attributes)?) }?;
        out.write(u32::from(Filter::parse(filter)?.matches(&link)));
        Ok(())
    };
    outcome(compare())
}
