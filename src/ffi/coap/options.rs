// SPDX-License-Identifier: MIT OR Apache-2.0
//! Options: those that the application gives, and those of a message.

use super::codes::MOTE_COAP_CONTENT_FORMAT;
use crate::coap::OptionList;
use crate::coap::wire::{Encoder, Message, Options, uint, uint_bytes};
use crate::ffi::arguments::{lend, outcome, output, slice};
use crate::port::{mote_address, mote_bytes, mote_status};
use crate::status::{Error, Result};
use crate::transport::Path;
use core::mem::offset_of;

/// One option of a message.
///
/// When given to the library: if `value.ptr` is NULL the value is the shortest form of
/// `integer`, so that `{ MOTE_COAP_ACCEPT, .integer = MOTE_COAP_JSON }` and
/// `{ MOTE_COAP_IF_NONE_MATCH }` say all that is needed. What `value` points to is copied
/// before the call returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_coap_option {
    /// The option number, such as `MOTE_COAP_URI_QUERY`.
    pub number: u16,
    /// Must be 0.
    pub reserved: u16,
    /// The value as an unsigned integer; from the library, 0 when it is longer than four bytes.
    pub integer: u32,
    /// The value as bytes.
    pub value: mote_bytes,
}

impl mote_coap_option {
    /// Whether `integer` says the value.
    pub(super) const fn is_number(&self) -> bool {
        self.value.ptr.is_null() && self.value.len == 0
    }
}

/// The options of a message, or those of them that were not iterated yet.
///
/// The copy in an event belongs to the event; copy it to iterate twice. It is valid as long as
/// the event.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_coap_options {
    /// The options as they lie in the message.
    pub bytes: mote_bytes,
    /// The number of the option before them.
    pub number: u16,
    /// 0.
    pub reserved: u16,
}

impl mote_coap_options {
    pub(super) const fn new(options: Options<'_>) -> mote_coap_options {
        mote_coap_options { bytes: lend(options.bytes()), number: options.last_number(), reserved: 0 }
    }

    /// # Safety
    /// The bytes are valid for `'a`.
    pub(super) unsafe fn view<'a>(&self) -> Result<Options<'a>> {
        // SAFETY: passed on to the caller.
        Ok(Options::resume(unsafe { slice(self.bytes) }?, self.number))
    }
}

/// How both a request and an answer end when they are shown to C.
#[repr(C)]
pub(super) struct Shown {
    pub(super) remote: mote_address,
    pub(super) local: mote_address,
    pub(super) token: mote_bytes,
    pub(super) payload: mote_bytes,
    pub(super) options: mote_coap_options,
}

impl Shown {
    /// Whether a `T` ends like this, where its members stand so.
    pub(super) const fn ends<T>(remote: usize, payload: usize, options: usize) -> bool {
        payload - remote == offset_of!(Shown, payload)
            && options - remote == offset_of!(Shown, options)
            && remote.is_multiple_of(align_of::<Shown>())
            && remote + size_of::<Shown>() == size_of::<T>()
    }

    /// Shows a message.
    #[inline(never)]
    pub(super) fn fill(&mut self, path: &Path, message: &Message<'_>) {
        self.remote = path.remote.into();
        self.local.ip = path.local.0;
        self.token = lend(message.token);
        self.payload = lend(message.payload);
        self.options = mote_coap_options::new(message.options);
    }
}

/// What is shown to C and ends with a message.
///
/// # Safety
/// [`Shown::ends`] says so.
pub(super) unsafe trait ShowsMessage: Sized {
    /// What it says of the message.
    fn message(&mut self) -> &mut Shown {
        // SAFETY: it ends so, aligned.
        unsafe { &mut *(&raw mut *self).byte_add(size_of::<Self>() - size_of::<Shown>()).cast() }
    }
}

/// The Content-Format option of a payload.
pub(super) fn content_format(format: u16) -> mote_coap_option {
    let value = mote_bytes { ptr: core::ptr::null(), len: 0 };
    mote_coap_option { number: MOTE_COAP_CONTENT_FORMAT, reserved: 0, integer: format.into(), value }
}

pub(super) fn option(number: u16, value: &[u8]) -> mote_coap_option {
    mote_coap_option { number, reserved: 0, integer: uint(value).unwrap_or(0), value: lend(value) }
}

/// The options that C gave, and what comes before them.
pub(super) struct Given<'a> {
    pub(super) first: &'a dyn OptionList,
    pub(super) options: &'a [mote_coap_option],
}

impl<'a> Given<'a> {
    /// # Safety
    /// `options` is NULL or points to `count` options, all valid for `'a`.
    pub(super) unsafe fn new(
        first: &'a dyn OptionList,
        options: *const mote_coap_option,
        count: usize,
    ) -> Result<Given<'a>> {
        if count == 0 {
            return Ok(Given { first, options: &[] });
        }
        if options.is_null() || count > 1024 {
            return Err(Error::Invalid);
        }
        // SAFETY: not NULL, and the caller vouches for the rest.
        Ok(Given { first, options: unsafe { core::slice::from_raw_parts(options, count) } })
    }
}

impl OptionList for Given<'_> {
    fn put(&self, out: &mut Encoder<'_>) -> Result<()> {
        self.first.put(out)?;
        self.options.iter().try_for_each(|given| {
            if given.reserved != 0 {
                return Err(Error::Invalid);
            }
            let mut bytes = [0; 4];
            let value = if given.is_number() {
                uint_bytes(given.integer, &mut bytes)
            } else {
                // SAFETY: `new` was promised that the options are valid.
                unsafe { slice(given.value) }?
            };
            out.option(given.number, value)
        })
    }
}

/// Takes the next option, in the order of their numbers (RFC 7252 §3.1).
///
/// `options` is moved on. `option->value` is lent as long as the message. `MOTE_ERR_END` after
/// the last, `MOTE_ERR_INVALID` for NULL. Any thread.
///
/// # Safety
/// The pointers are NULL or valid; `options` came from the library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_option_next(
    options: *mut mote_coap_options,
    option: *mut mote_coap_option,
) -> mote_status {
    let next = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (options, out) = unsafe { (options.as_mut().ok_or(Error::Invalid)?, output(option)?) };
        // SAFETY: as above.
        let mut view = unsafe { options.view() }?;
        let (number, value) = view.next().ok_or(Error::End)?;
        out.write(self::option(number, value));
        *options = mote_coap_options::new(view);
        Ok(())
    };
    outcome(next())
}

/// Finds the first option with this number.
///
/// `options` stays as it is. `option->value` is lent as long as the message.
/// `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_INVALID` for NULL. Any thread.
///
/// # Safety
/// The pointers are NULL or valid; `options` came from the library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_option_find(
    options: *const mote_coap_options,
    number: u16,
    option: *mut mote_coap_option,
) -> mote_status {
    let find = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (mut view, out) = unsafe { (options.as_ref().ok_or(Error::Invalid)?.view()?, output(option)?) };
        let (number, value) = view.find(|(found, _)| *found == number).ok_or(Error::NotFound)?;
        out.write(self::option(number, value));
        Ok(())
    };
    outcome(find())
}
