// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small persistent records as the engines see them: sessions, keys, counters.
#![forbid(unsafe_code)]

use crate::status::Result;

/// A keyed set of records that outlives a restart.
///
/// A record is named by the `owner` (chosen by the application, one per session) and a number
/// of the owner's choosing. `write` and `remove` are atomic and durable: once they return, a
/// loss of power changes nothing; before, the record is as it was.
pub trait Store {
    /// Copies the record into `out` and returns its length.
    ///
    /// # Errors
    /// [`NotFound`](crate::status::Error::NotFound),
    /// [`TooLarge`](crate::status::Error::TooLarge) when `out` has no room for all of it,
    /// [`Io`](crate::status::Error::Io).
    fn read(&mut self, owner: u32, record: u32, out: &mut [u8]) -> Result<usize>;

    /// Creates or replaces the record with the concatenation of `parts`.
    ///
    /// # Errors
    /// [`Full`](crate::status::Error::Full), [`Io`](crate::status::Error::Io).
    fn write(&mut self, owner: u32, record: u32, parts: &[&[u8]]) -> Result<()>;

    /// Removes the record; one that is not there is no error.
    ///
    /// # Errors
    /// [`Io`](crate::status::Error::Io).
    fn remove(&mut self, owner: u32, record: u32) -> Result<()>;

    /// The owner's smallest record number that is at least `from`, if there is one.
    ///
    /// # Errors
    /// [`Io`](crate::status::Error::Io).
    fn next(&mut self, owner: u32, from: u32) -> Result<Option<u32>>;
}
