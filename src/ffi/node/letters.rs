// SPDX-License-Identifier: MIT OR Apache-2.0
//! What other threads and interrupts tell a node, until its own thread takes it.

use crate::ffi::opaque::mote_node;
use core::ffi::c_void;

/// How many posts can wait.
pub(super) const POSTS: usize = 16;

/// A function and its argument, from another thread.
#[derive(Clone, Copy)]
pub(crate) struct Post {
    pub(crate) function: Option<unsafe extern "C" fn(node: *mut mote_node, user: *mut c_void)>,
    pub(crate) user: *mut c_void,
}

impl Default for Post {
    fn default() -> Post {
        Post { function: None, user: core::ptr::null_mut() }
    }
}

// SAFETY: by posting it, the application says that the node's thread may use the argument.
unsafe impl Send for Post {}

/// The largest frame of IEEE 802.15.4 without its FCS.
pub(crate) const FRAME_SIZE: usize = 125;

/// What a radio told, until the node's thread takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RadioLetter {
    pub(crate) sent: Option<(u32, u8)>,
    pub(crate) len: u8,
    pub(crate) lqi: u8,
    pub(crate) rssi: i8,
    pub(crate) frame: [u8; FRAME_SIZE],
}

impl Default for RadioLetter {
    fn default() -> RadioLetter {
        RadioLetter { sent: None, len: 0, lqi: 0, rssi: 0, frame: [0; FRAME_SIZE] }
    }
}
