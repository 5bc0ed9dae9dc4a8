// SPDX-License-Identifier: MIT OR Apache-2.0
//! Status numbers, their words, and the version.

#[cfg(test)]
use super::arguments;
use crate::port::mote_bytes;
pub use crate::port::mote_status;

/// Success.
pub const MOTE_OK: mote_status = 0;
/// An argument is NULL, out of range or contradicts another.
pub const MOTE_ERR_INVALID: mote_status = -1;
/// The block of memory handed over is too small for the configuration.
pub const MOTE_ERR_NO_MEMORY: mote_status = -2;
/// A table or queue of fixed capacity is full; try again once something has ended.
pub const MOTE_ERR_FULL: mote_status = -3;
/// The handle names nothing that is alive.
pub const MOTE_ERR_STALE: mote_status = -4;
/// Not allowed in the present state.
pub const MOTE_ERR_STATE: mote_status = -5;
/// Nothing could be taken or given now without blocking; try again later.
pub const MOTE_ERR_WOULD_BLOCK: mote_status = -6;
/// Larger than the buffer, the message or the peer's limit allows.
pub const MOTE_ERR_TOO_LARGE: mote_status = -7;
/// The input breaks the rules of its format.
pub const MOTE_ERR_MALFORMED: mote_status = -8;
/// Not in this build, or the port lacks the service.
pub const MOTE_ERR_UNSUPPORTED: mote_status = -9;
/// The peer did not answer in time.
pub const MOTE_ERR_TIMEOUT: mote_status = -10;
/// The peer said that it has no such exchange, or broke the connection.
pub const MOTE_ERR_RESET: mote_status = -11;
/// Ended by the application.
pub const MOTE_ERR_CANCELLED: mote_status = -12;
/// The transport below was lost.
pub const MOTE_ERR_TRANSPORT: mote_status = -13;
/// The peer refused.
pub const MOTE_ERR_REFUSED: mote_status = -14;
/// There is no such thing.
pub const MOTE_ERR_NOT_FOUND: mote_status = -15;
/// No way leads to the destination.
pub const MOTE_ERR_UNREACHABLE: mote_status = -16;
/// Identity or protection of the peer could not be established.
pub const MOTE_ERR_SECURITY: mote_status = -17;
/// The port failed for a reason of its own.
pub const MOTE_ERR_IO: mote_status = -18;
/// Closed in an orderly way, by us or by the peer.
pub const MOTE_ERR_CLOSED: mote_status = -19;
/// The configuration comes from a newer header and asks for what this build lacks.
pub const MOTE_ERR_VERSION: mote_status = -20;
/// The address or port is in use, or not ours.
pub const MOTE_ERR_ADDRESS_IN_USE: mote_status = -21;
/// The peer broke the protocol.
pub const MOTE_ERR_PROTOCOL: mote_status = -22;
/// The session that this belonged to is gone.
pub const MOTE_ERR_SESSION_LOST: mote_status = -23;
/// An iteration has no more elements.
pub const MOTE_ERR_END: mote_status = -24;

/// Major version: changes when something is taken away from the ABI.
pub const MOTE_VERSION_MAJOR: u32 = 0;
/// Minor version: changes when something is added.
pub const MOTE_VERSION_MINOR: u32 = 1;
/// Patch version.
pub const MOTE_VERSION_PATCH: u32 = 0;

/// A few English words for a status, for logs. The text lives for ever and has no NUL at its
/// end. An unknown number gives `unknown status`. Any thread, any interrupt.
#[unsafe(no_mangle)]
pub extern "C" fn mote_status_str(status: mote_status) -> mote_bytes {
    let text = crate::status::text(status);
    mote_bytes { ptr: text.as_ptr(), len: text.len() }
}

/// The version of the library as `major << 16 | minor << 8 | patch`; compare it with
/// `MOTE_VERSION_…` of the header. Any thread, any interrupt.
#[unsafe(no_mangle)]
pub const extern "C" fn mote_version() -> u32 {
    MOTE_VERSION_MAJOR << 16 | MOTE_VERSION_MINOR << 8 | MOTE_VERSION_PATCH
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Error;

    #[test]
    fn every_error_has_its_constant() {
        let constants = [
            MOTE_ERR_INVALID,
            MOTE_ERR_NO_MEMORY,
            MOTE_ERR_FULL,
            MOTE_ERR_STALE,
            MOTE_ERR_STATE,
            MOTE_ERR_WOULD_BLOCK,
            MOTE_ERR_TOO_LARGE,
            MOTE_ERR_MALFORMED,
            MOTE_ERR_UNSUPPORTED,
            MOTE_ERR_TIMEOUT,
            MOTE_ERR_RESET,
            MOTE_ERR_CANCELLED,
            MOTE_ERR_TRANSPORT,
            MOTE_ERR_REFUSED,
            MOTE_ERR_NOT_FOUND,
            MOTE_ERR_UNREACHABLE,
            MOTE_ERR_SECURITY,
            MOTE_ERR_IO,
            MOTE_ERR_CLOSED,
            MOTE_ERR_VERSION,
            MOTE_ERR_ADDRESS_IN_USE,
            MOTE_ERR_PROTOCOL,
            MOTE_ERR_SESSION_LOST,
            MOTE_ERR_END,
        ];
        assert!(constants.into_iter().eq((-24..0).rev()));
        assert!(constants.into_iter().all(|code| Error::from_code(code).is_some()));
    }

    #[test]
    fn the_version_is_the_package_version() {
        let version = format!("{MOTE_VERSION_MAJOR}.{MOTE_VERSION_MINOR}.{MOTE_VERSION_PATCH}");
        assert_eq!(version, env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn words_for_every_status() {
        for (status, words) in
            [(0, "success"), (-8, "malformed input"), (-99, "unknown status"), (1, "unknown status")]
        {
            // SAFETY: the text is static.
            assert_eq!(unsafe { arguments::slice(mote_status_str(status)) }, Ok(words.as_bytes()));
        }
    }
}
