// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an application may choose.

use crate::ffi::arguments::{self, Config};
use crate::port::{MOTE_LOG_WARNING, mote_address, mote_bytes, mote_status};
use crate::status::Error;
use core::mem::zeroed;
use std::ffi::CString;

/// `mote_linux_options.rest_us`: waits listen at once, always.
pub const MOTE_LINUX_NO_REST: u32 = u32::MAX;

/// Options of the Linux port, behind `mote_port.user`. All zero means the defaults; NULL in place of
/// the options means them too. Read while the node is initialised, and not needed afterwards.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_linux_options {
    /// `sizeof(mote_linux_options)`.
    pub size: u32,
    /// Messages above this `MOTE_LOG_…` level are not written to standard error; 0 for
    /// `MOTE_LOG_WARNING`.
    pub log_level: u32,
    /// The directory of the store, which is made if its parent exists; empty for no store. It is
    /// for this node alone. `write` and `remove` return when the file system says that all is on the medium.
    pub store_directory: mote_bytes,
    /// The file that all datagrams and frames are captured to, in the pcapng format; empty for no
    /// capture. What the file held is lost. A capture that cannot be written any further ends, with a warning.
    pub capture_path: mote_bytes,
    /// The peers of a radio over UDP in ZEP version 2 framing: `zep_peer_count` addresses, each of which gets
    /// every frame sent. A single one may be a dispatcher, such as `mote-zep-switch`. Port 0 stands for
    /// 17754. No peers: no radio.
    pub zep_peers: *const mote_address,
    /// How many peers there are.
    pub zep_peer_count: usize,
    /// Where the radio's socket is bound; all zero for any address and a free port.
    pub zep_local: mote_address,
    /// For how many microseconds a wait looks for input over and over before it sleeps, at most 1000; 0 for not at
    /// all. Waking a processor that sleeps takes longer than many an answer does: where requests follow each other
    /// closely this shortens their way, at the price of up to that much processor time for a wait. Looking in
    /// vain becomes rarer each time, down to one wait in 1024.
    pub spin_us: u32,
    /// Must be 0.
    pub reserved: u32,
    /// For how many microseconds a wait sleeps before it listens, at most 1000. Where messages follow each other closely, being
    /// woken for each takes more processor time than the message itself, and about as much again from whoever sends it
    /// on the same machine. What comes during such a rest comes together, up to that much later, and the system may take
    /// some 50 microseconds more. Nothing that is due already waits for it.
    ///
    /// 0 for what is right mostly: waits rest only while TCP connections, and nothing else, end more than 20,000 of them a second. Where
    /// nothing is answered on these, for no more than 500 microseconds; where something is, for 50, and only as long as more
    /// bytes come in the same time than without. Not at all where `spin_us` says to look at once. `MOTE_LINUX_NO_REST` for never.
    pub rest_us: u32,
    /// Must be 0.
    pub reserved2: u32,
}

// SAFETY: integers and pointers, `size` first.
unsafe impl Config for mote_linux_options {}

impl mote_linux_options {
    /// Copies the options, by the growth rule of all configs; NULL gives the defaults.
    ///
    /// # Safety
    /// `options` is NULL or points to as many readable bytes as its `size` says.
    pub(super) unsafe fn read(options: *const mote_linux_options) -> Result<mote_linux_options, mote_status> {
        if options.is_null() {
            // SAFETY: all zero is a value, as for every config.
            return Ok(unsafe { zeroed() });
        }
        let mut room = arguments::room();
        // SAFETY: passed on.
        let given = *unsafe { arguments::config(options, &mut room) }.map_err(Error::code)?;
        if given.reserved != 0 || given.reserved2 != 0 { Err(Error::Invalid.code()) } else { Ok(given) }
    }

    /// For how long a wait spins, in microseconds.
    pub(super) fn spin(&self) -> u32 {
        self.spin_us.min(1000)
    }

    /// For how long each wait rests, in microseconds; `None` for as long as is found right.
    pub(super) fn rest(&self) -> Option<u32> {
        match self.rest_us {
            0 if self.spin_us == 0 => None,
            0 | MOTE_LINUX_NO_REST => Some(0),
            fixed => Some(fixed.min(1000)),
        }
    }

    /// The log level with its default.
    pub(super) fn log_level(&self) -> u32 {
        if self.log_level == 0 { MOTE_LOG_WARNING } else { self.log_level }
    }
}

/// A path that the application gave; `None` for an empty one.
pub(super) fn path(bytes: mote_bytes) -> Result<Option<CString>, mote_status> {
    // SAFETY: readable for its length while the port is opened, by the contract of the options.
    let bytes = unsafe { arguments::slice(bytes) }.map_err(Error::code)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    CString::new(bytes).map(Some).map_err(|_| Error::Invalid.code())
}
