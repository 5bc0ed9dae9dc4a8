// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stream seam.
#![forbid(unsafe_code)]

use crate::status::{Error, Result};

/// A connection that an engine writes to: TCP, TLS or WebSocket.
///
/// One connection at a time: after [`StreamEvent::Closed`] or [`StreamEvent::Failed`] the
/// engine may connect anew.
pub trait Stream {
    /// Begins to connect. The outcome is an event: [`StreamEvent::Connected`] or
    /// [`StreamEvent::Failed`]. A host name is resolved without blocking.
    ///
    /// # Errors
    /// [`Error::State`] when a connection is open or being opened, [`Error::Invalid`] for a
    /// host that can be none, [`Error::Full`] when the port has no socket left.
    fn connect(&mut self, host: &str, port: u16) -> Result<()>;

    /// Takes as much of `bytes` as there is room for and says how much that was, at least 1.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when there is no room now (an event [`StreamEvent::Writable`]
    /// follows), [`Error::Closed`] or [`Error::Transport`] when there is no connection.
    fn write(&mut self, bytes: &[u8]) -> Result<usize>;

    /// Ends our direction once everything written has been sent (half-close).
    fn shutdown(&mut self);

    /// Drops the connection at once. No event follows.
    fn close(&mut self);
}

/// What a stream brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEvent<'d> {
    /// The connection, with its handshakes, is established.
    Connected,
    /// All bytes that came and were not consumed yet. The engine says how many of them it
    /// consumes; the rest is offered again, with what followed.
    Received(&'d [u8]),
    /// After [`Error::WouldBlock`]: there is room again.
    Writable,
    /// The peer ended its direction in an orderly way; no more will be received.
    Closed,
    /// The connection was refused, reset or lost, or a handshake failed.
    Failed(Error),
}
