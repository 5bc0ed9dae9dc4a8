// SPDX-License-Identifier: MIT OR Apache-2.0
//! Concise problem details (RFC 9290).

use crate::bytes::Writer;
use crate::coap::problem::{Rows, TEXTS, Unprocessed};
use crate::ffi::arguments::{self, Config, block, lend, outcome, output, slice, text};
use crate::port::{mote_bytes, mote_status};
use crate::status::{Error, Result};
use core::mem::offset_of;

/// Direction of a text: not given.
pub const MOTE_COAP_DIRECTION_NONE: u8 = 0;
/// Direction of a text: from left to right.
pub const MOTE_COAP_DIRECTION_LTR: u8 = 1;
/// Direction of a text: from right to left.
pub const MOTE_COAP_DIRECTION_RTL: u8 = 2;
/// Direction of a text: to be found out from it.
pub const MOTE_COAP_DIRECTION_AUTO: u8 = 3;

/// Why a request failed: the body of an error response in the content format
/// `MOTE_COAP_PROBLEM_DETAILS`. An empty text stands for none. All texts are UTF-8.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_coap_problem {
    /// `sizeof(mote_coap_problem)`, by `MOTE_COAP_PROBLEM_INIT`.
    pub size: u32,
    /// The response code that it comes with, such as `MOTE_COAP_NOT_FOUND`; 0 for none.
    pub response_code: u8,
    /// The direction of texts that name no language: one of `MOTE_COAP_DIRECTION_…`.
    pub base_direction: u8,
    /// The direction of `title`; only with a language.
    pub title_direction: u8,
    /// The direction of `detail`; only with a language.
    pub detail_direction: u8,
    /// What kind of problem it is, in a few words.
    pub title: mote_bytes,
    /// The language tag of `title`.
    pub title_language: mote_bytes,
    /// What went wrong this time.
    pub detail: mote_bytes,
    /// The language tag of `detail`.
    pub detail_language: mote_bytes,
    /// A URI reference that names this occurrence.
    pub instance: mote_bytes,
    /// What relative references are relative to.
    pub base_uri: mote_bytes,
    /// The language tag of texts that name none.
    pub base_language: mote_bytes,
    /// Numbers of options that could not be processed, up to 256; only for writing.
    pub unprocessed: *const u16,
    /// How many there are, when read too; see `mote_coap_problem_unprocessed`.
    pub unprocessed_count: usize,
}

// SAFETY: `repr(C)`, `size` first, integers and pointers.
unsafe impl Config for mote_coap_problem {}

/// What stands for a direction in a body; none for 0.
fn direction(number: u8) -> Result<u8> {
    match number {
        MOTE_COAP_DIRECTION_NONE => Ok(0),
        MOTE_COAP_DIRECTION_LTR..=MOTE_COAP_DIRECTION_AUTO => Ok(BEFORE_LTR + number),
        _ => Err(Error::Invalid),
    }
}

/// What would stand for 0; the others follow each other.
const BEFORE_LTR: u8 = 0xf4 - MOTE_COAP_DIRECTION_LTR;

const _: () = assert!(
    offset_of!(mote_coap_problem, base_language) - offset_of!(mote_coap_problem, title)
        == (TEXTS - 1) * size_of::<mote_bytes>()
        && offset_of!(mote_coap_problem, detail_direction) - offset_of!(mote_coap_problem, base_direction)
            == 2,
    "texts and directions stand in a row",
);

impl mote_coap_problem {
    /// All texts, `title` first.
    const fn texts(&mut self) -> &mut [mote_bytes; TEXTS] {
        // SAFETY: as many stand in a row.
        unsafe { &mut *(&raw mut *self).byte_add(offset_of!(mote_coap_problem, title)).cast() }
    }
}

/// Writes problem details (RFC 9290 §2), to be sent as the payload of an error response.
///
/// `body` has room for `capacity` bytes; `len` gets the number written. `MOTE_ERR_INVALID` for
/// NULL, when nothing is said at all, or a direction without language; `MOTE_ERR_MALFORMED` for a
/// text that is no UTF-8; `MOTE_ERR_TOO_LARGE` when there is too little room;
/// `MOTE_ERR_VERSION`. Any thread.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_problem_write(
    problem: *const mote_coap_problem,
    body: *mut u8,
    capacity: usize,
    len: *mut usize,
) -> mote_status {
    let write = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        unsafe {
            let mut room = arguments::room();
            let (given, len) = (arguments::config(problem, &mut room)?, output(len)?);
            let numbers = match given.unprocessed_count {
                0 => None,
                count if given.unprocessed.is_null() || count > 256 => return Err(Error::Invalid),
                count => Some(Unprocessed::new(core::slice::from_raw_parts(given.unprocessed, count))),
            };
            let mut rows = Rows { unprocessed: numbers, ..Rows::default() };
            rows.response_code = Some(given.response_code).filter(|code| *code != 0);
            let mut copy = *given;
            for (words, given) in rows.texts.iter_mut().zip(copy.texts()) {
                *words = Some(text(*given)?).filter(|text| !text.is_empty());
            }
            let [_, title_language, _, detail_language, ..] = rows.texts;
            let alone = [title_language.is_none(), detail_language.is_none(), false];
            let ways = [given.title_direction, given.detail_direction, given.base_direction];
            for ((way, given), alone) in rows.directions.iter_mut().zip(&ways).zip(&alone) {
                *way = direction(*given)?;
                // A direction is told with a language only.
                if *alone && *way != 0 {
                    return Err(Error::Invalid);
                }
            }
            let mut out = Writer::new(block(body, capacity)?);
            rows.emit(&[], &mut out)?;
            len.write(out.position());
        }
        Ok(())
    };
    outcome(write())
}

/// Reads problem details. Entries that are not known are passed over (RFC 9290 §3).
///
/// `problem->size` must be `sizeof(mote_coap_problem)` of the caller's header; the texts point into
/// `body`. `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_MALFORMED`. Any thread.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_problem_read(
    body: mote_bytes,
    problem: *mut mote_coap_problem,
) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let found = Rows::parse(unsafe { slice(body) }?)?;
        // SAFETY: integers, pointers and lengths, for which zeros are valid.
        let mut shown: mote_coap_problem = unsafe { core::mem::zeroed() };
        shown.response_code = found.response_code.unwrap_or(0);
        [shown.title_direction, shown.detail_direction, shown.base_direction] =
            found.directions.map(|way| way.saturating_sub(BEFORE_LTR));
        for (shown, words) in shown.texts().iter_mut().zip(found.texts) {
            *shown = lend(words.unwrap_or_default().as_bytes());
        }
        shown.unprocessed_count = found.unprocessed.map_or(0, |numbers| numbers.iter().count());
        // SAFETY: passed on to the caller of this function.
        unsafe { arguments::fill(problem, &shown) }
    };
    outcome(read())
}

/// One of the numbers of options that could not be processed (RFC 9290 §3.1.1), counted from 0.
///
/// `MOTE_ERR_END` beyond the last, `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_MALFORMED`. Any thread.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_problem_unprocessed(
    body: mote_bytes,
    index: usize,
    option: *mut u16,
) -> mote_status {
    let find = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (body, out) = unsafe { (slice(body)?, output(option)?) };
        let numbers = Rows::parse(body)?.unprocessed.unwrap_or_default();
        out.write(numbers.iter().nth(index).ok_or(Error::End)?);
        Ok(())
    };
    outcome(find())
}
