// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one list of errors. Numbers never change; new ones are appended.
#![forbid(unsafe_code)]

/// Why something could not be done. The discriminant is the C `mote_status` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Error {
    /// An argument is NULL, out of range or contradicts another.
    Invalid = -1,
    /// The block of memory handed over is too small for the configuration.
    NoMemory = -2,
    /// A table or queue of fixed capacity is full; try again once something has ended.
    Full = -3,
    /// The handle names nothing that is alive.
    Stale = -4,
    /// Not allowed in the present state.
    State = -5,
    /// Nothing could be taken or given now without blocking; try again later.
    WouldBlock = -6,
    /// Larger than the buffer, the message or the peer's limit allows.
    TooLarge = -7,
    /// The input breaks the rules of its format.
    Malformed = -8,
    /// Not in this build, or the port lacks the service.
    Unsupported = -9,
    /// The peer did not answer in time.
    Timeout = -10,
    /// The peer said that it has no such exchange, or broke the connection.
    Reset = -11,
    /// Ended by the application.
    Cancelled = -12,
    /// The transport below was lost.
    Transport = -13,
    /// The peer refused.
    Refused = -14,
    /// There is no such thing.
    NotFound = -15,
    /// No way leads to the destination.
    Unreachable = -16,
    /// Identity or protection of the peer could not be established.
    Security = -17,
    /// The port failed for a reason of its own.
    Io = -18,
    /// Closed in an orderly way, by us or by the peer.
    Closed = -19,
    /// The configuration comes from a newer header and asks for what this build lacks.
    Version = -20,
    /// The address or port is in use, or not ours.
    AddressInUse = -21,
    /// The peer broke the protocol.
    Protocol = -22,
    /// The session that this belonged to is gone.
    SessionLost = -23,
    /// An iteration has no more elements.
    End = -24,
}

impl Error {
    /// The C status value, always negative.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// A few words for a log.
    pub const fn text(self) -> &'static str {
        match self {
            Error::Invalid => "invalid argument",
            Error::NoMemory => "memory block too small",
            Error::Full => "table full",
            Error::Stale => "stale handle",
            Error::State => "not allowed in this state",
            Error::WouldBlock => "would block",
            Error::TooLarge => "too large",
            Error::Malformed => "malformed input",
            Error::Unsupported => "unsupported",
            Error::Timeout => "timed out",
            Error::Reset => "reset by peer",
            Error::Cancelled => "cancelled",
            Error::Transport => "transport lost",
            Error::Refused => "refused by peer",
            Error::NotFound => "not found",
            Error::Unreachable => "unreachable",
            Error::Security => "security failure",
            Error::Io => "input/output error",
            Error::Closed => "closed",
            Error::Version => "configuration from a newer version",
            Error::AddressInUse => "address in use",
            Error::Protocol => "protocol error",
            Error::SessionLost => "session lost",
            Error::End => "no more",
        }
    }

    /// The error with that C status value, if there is one.
    pub fn from_code(code: i32) -> Option<Error> {
        ALL.iter().copied().find(|error| error.code() == code)
    }
}

/// Every error, in the order of its number.
pub const ALL: [Error; 24] = [
    Error::Invalid,
    Error::NoMemory,
    Error::Full,
    Error::Stale,
    Error::State,
    Error::WouldBlock,
    Error::TooLarge,
    Error::Malformed,
    Error::Unsupported,
    Error::Timeout,
    Error::Reset,
    Error::Cancelled,
    Error::Transport,
    Error::Refused,
    Error::NotFound,
    Error::Unreachable,
    Error::Security,
    Error::Io,
    Error::Closed,
    Error::Version,
    Error::AddressInUse,
    Error::Protocol,
    Error::SessionLost,
    Error::End,
];

/// Result of anything that can fail.
pub type Result<T> = core::result::Result<T, Error>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_map_back() {
        for (index, error) in ALL.into_iter().enumerate() {
            assert_eq!(error.code(), -(index as i32) - 1);
            assert_eq!(Error::from_code(error.code()), Some(error));
            assert!(!error.text().is_empty());
        }
        assert_eq!(Error::from_code(0), None);
        assert_eq!(Error::from_code(-25), None);
    }
}
