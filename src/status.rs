// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one list of errors. Numbers never change; new ones are appended.
#![forbid(unsafe_code)]

/// Why something could not be done. The discriminant is the C `mote_status` value without its sign: so microcontrollers
/// make it with their shortest instruction. It is as wide as a register, so that a [`Result`] of a number fits in two:
/// a byte would take more flash wherever one is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Error {
    /// An argument is NULL, out of range or contradicts another.
    Invalid = 1,
    /// The block of memory handed over is too small for the configuration.
    NoMemory = 2,
    /// A table or queue of fixed capacity is full; try again once something has ended.
    Full = 3,
    /// The handle names nothing that is alive.
    Stale = 4,
    /// Not allowed in the present state.
    State = 5,
    /// Nothing could be taken or given now without blocking; try again later.
    WouldBlock = 6,
    /// Larger than the buffer, the message or the peer's limit allows.
    TooLarge = 7,
    /// The input breaks the rules of its format.
    Malformed = 8,
    /// Not in this build, or the port lacks the service.
    Unsupported = 9,
    /// The peer did not answer in time.
    Timeout = 10,
    /// The peer said that it has no such exchange, or broke the connection.
    Reset = 11,
    /// Ended by the application.
    Cancelled = 12,
    /// The transport below was lost.
    Transport = 13,
    /// The peer refused.
    Refused = 14,
    /// There is no such thing.
    NotFound = 15,
    /// No way leads to the destination.
    Unreachable = 16,
    /// Identity or protection of the peer could not be established.
    Security = 17,
    /// The port failed for a reason of its own.
    Io = 18,
    /// Closed in an orderly way, by us or by the peer.
    Closed = 19,
    /// The configuration comes from a newer header and asks for what this build lacks.
    Version = 20,
    /// The address or port is in use, or not ours.
    AddressInUse = 21,
    /// The peer broke the protocol.
    Protocol = 22,
    /// The session that this belonged to is gone.
    SessionLost = 23,
    /// An iteration has no more elements.
    End = 24,
}

impl Error {
    /// The C status value, always negative.
    pub const fn code(self) -> i32 {
        -(self as i32)
    }

    /// A few words for a log.
    pub fn text(self) -> &'static [u8] {
        text(self.code())
    }

    /// The error with that C status value, if there is one.
    pub const fn from_code(code: i32) -> Option<Error> {
        Some(match code.wrapping_neg() {
            1 => Error::Invalid,
            2 => Error::NoMemory,
            3 => Error::Full,
            4 => Error::Stale,
            5 => Error::State,
            6 => Error::WouldBlock,
            7 => Error::TooLarge,
            8 => Error::Malformed,
            9 => Error::Unsupported,
            10 => Error::Timeout,
            11 => Error::Reset,
            12 => Error::Cancelled,
            13 => Error::Transport,
            14 => Error::Refused,
            15 => Error::NotFound,
            16 => Error::Unreachable,
            17 => Error::Security,
            18 => Error::Io,
            19 => Error::Closed,
            20 => Error::Version,
            21 => Error::AddressInUse,
            22 => Error::Protocol,
            23 => Error::SessionLost,
            24 => Error::End,
            _ => return None,
        })
    }
}

/// The words for success, for every error in the order of its number, and for numbers beyond.
const TEXTS: &[u8] = b"success\n\
    invalid argument\n\
    block too small\n\
    table full\n\
    stale handle\n\
    wrong state\n\
    would block\n\
    too large\n\
    malformed input\n\
    unsupported\n\
    timed out\n\
    reset by peer\n\
    cancelled\n\
    transport lost\n\
    refused by peer\n\
    not found\n\
    unreachable\n\
    security failure\n\
    I/O error\n\
    closed\n\
    from a newer version\n\
    address in use\n\
    protocol error\n\
    session lost\n\
    no more\n\
    unknown status";

/// A few words for a C status value, in ASCII.
pub fn text(code: i32) -> &'static [u8] {
    const BEYOND: u32 = 25;
    let mut before = code.wrapping_neg().cast_unsigned().min(BEYOND);
    let mut rest = TEXTS;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let (line, more) = rest.split_at_checked(end).unwrap_or_default();
        if before == 0 {
            return line;
        }
        before -= 1;
        rest = more.get(1..).unwrap_or_default();
    }
}

/// Result of anything that can fail.
pub type Result<T> = core::result::Result<T, Error>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_map_back() {
        for code in -24..0 {
            let error = Error::from_code(code).unwrap();
            assert_eq!(error.code(), code);
            assert!(!error.text().is_empty() && error.text() != text(1));
        }
        assert_eq!((Error::from_code(0), text(0)), (None, &b"success"[..]));
        assert_eq!((Error::End.text(), Error::Malformed.text()), (&b"no more"[..], &b"malformed input"[..]));
        for unknown in [-25, 1, i32::MIN, i32::MAX] {
            assert_eq!((Error::from_code(unknown), text(unknown)), (None, &b"unknown status"[..]));
        }
    }
}
