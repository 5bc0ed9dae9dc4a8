// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clock, entropy and log.

use super::{State, status, sys};
use crate::ffi::arguments;
use crate::port::{
    MOTE_LOG_DEBUG, MOTE_LOG_ERROR, MOTE_LOG_INFO, MOTE_LOG_WARNING, mote_bytes, mote_port_clock,
    mote_port_entropy, mote_port_log, mote_status,
};
use crate::status::Error;
use core::ffi::c_void;

pub(super) static CLOCK: mote_port_clock =
    mote_port_clock { size: size_of::<mote_port_clock>() as u32, reserved: 0, now: Some(now) };

pub(super) static ENTROPY: mote_port_entropy =
    mote_port_entropy { size: size_of::<mote_port_entropy>() as u32, reserved: 0, fill: Some(fill) };

/// The level in the table lets everything through: which level is written is a node's option.
pub(super) static LOG: mote_port_log =
    mote_port_log { size: size_of::<mote_port_log>() as u32, level: MOTE_LOG_DEBUG, write: Some(write) };

unsafe extern "C" fn now(_state: *mut c_void) -> u64 {
    sys::now()
}

/// Blocks, once in the life of a machine, while the kernel has not gathered its first entropy: bytes
/// that are not random would be worse.
unsafe extern "C" fn fill(_state: *mut c_void, out: *mut u8, len: usize) -> mote_status {
    status(fill_all(out, len))
}

fn fill_all(out: *mut u8, len: usize) -> Result<(), mote_status> {
    if out.is_null() && len > 0 {
        return Err(Error::Invalid.code());
    }
    let mut filled = 0;
    while filled < len {
        // SAFETY: `out` is writable for `len` bytes, by the service's contract.
        match sys::moved(|| unsafe { libc::getrandom(out.add(filled).cast(), len - filled, 0) }) {
            Ok(0) | Err(_) => return Err(Error::Io.code()),
            Ok(count) => filled += count,
        }
    }
    Ok(())
}

unsafe extern "C" fn write(state: *mut c_void, level: u32, text: mote_bytes) {
    // SAFETY: the state is the node's and the text lent, by the service's contract.
    if let (Ok(state), Ok(text)) = unsafe { (State::of(state), arguments::slice(text)) } {
        say(state, level, text);
    }
}

/// Writes a line, if the node wants it.
pub(super) fn say(state: &State, level: u32, text: &[u8]) {
    if level > state.log_level {
        return;
    }
    let prefix: &[u8] = match level {
        0 | MOTE_LOG_ERROR => b"mote: error: ",
        MOTE_LOG_WARNING => b"mote: warning: ",
        MOTE_LOG_INFO => b"mote: ",
        _ => b"mote: debug: ",
    };
    // One call, so that lines of several threads do not mix.
    let parts = [prefix, text, b"\n"]
        .map(|part| libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() });
    // SAFETY: all three parts are readable for their lengths. A log that cannot be written is lost.
    unsafe { libc::writev(libc::STDERR_FILENO, parts.as_ptr(), 3) };
}
