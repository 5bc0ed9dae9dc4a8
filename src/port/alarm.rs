// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for time, for sockets and for being woken.
#![forbid(unsafe_code)]

use super::mote_status;
use core::ffi::c_void;

/// There may be something to receive, or a connection attempt has ended.
pub const MOTE_READY_READABLE: u32 = 1;
/// There may be room to send again.
pub const MOTE_READY_WRITABLE: u32 = 2;
/// The peer closed, or the socket failed; receiving says which.
pub const MOTE_READY_CLOSED: u32 = 4;

/// One socket that has something to tell.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct mote_port_ready {
    /// The token that the socket was opened with.
    pub token: u32,
    /// Which of `MOTE_READY_…`, at least one.
    pub flags: u32,
}

/// Wakes the node in time.
///
/// A socket is reported when it becomes ready, and again when it is still ready, or becomes so, after
/// an operation on it; not while nobody touches it: the node may leave a socket unread for a
/// while without being woken by it over and over. Reporting one that then has nothing is harmless,
/// failing to report one that has something is not. A port whose `wait` reports no sockets
/// (because it cannot know) gets every socket tried on each turn.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_port_alarm {
    /// `sizeof(mote_port_alarm)`.
    pub size: u32,
    /// 1 when `wait` reports every socket that becomes ready; 0 when sockets must be tried.
    pub reports_readiness: u32,
    /// Sleeps until the clock reaches `deadline` (at once when it has passed, without end for
    /// `UINT64_MAX`), a socket is ready, or `wake` is called — also when that was before the
    /// sleep began. Writes at most `capacity` entries to `ready` and their number to
    /// `count`; what did not fit is reported next time. `MOTE_ERR_IO` when waiting is
    /// impossible. The one function that may block.
    pub wait: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            deadline: u64,
            ready: *mut mote_port_ready,
            capacity: usize,
            count: *mut usize,
        ) -> mote_status,
    >,
    /// Ends the present or the next `wait` soon. Any thread, any interrupt.
    pub wake: Option<unsafe extern "C" fn(state: *mut c_void)>,
    /// Gives a descriptor that polls readable whenever `wait` would return at once; NULL
    /// where there is none. It belongs to the port.
    pub descriptor: Option<unsafe extern "C" fn(state: *mut c_void, descriptor: *mut i32) -> mote_status>,
    /// Makes the descriptor readable when the clock reaches `deadline`; needed where
    /// `descriptor` is.
    pub arm: Option<unsafe extern "C" fn(state: *mut c_void, deadline: u64) -> mote_status>,
}
