// SPDX-License-Identifier: MIT OR Apache-2.0
//! An IEEE 802.15.4 radio.
#![forbid(unsafe_code)]

use super::mote_status;
use core::ffi::c_void;

/// Capability: the radio waits for a clear channel by CSMA-CA before it sends.
pub const MOTE_RADIO_CSMA: u32 = 1;
/// Capability: the radio acknowledges received frames, and waits for acknowledgements.
pub const MOTE_RADIO_ACK: u32 = 2;
/// Capability: the radio repeats a frame that was not acknowledged.
pub const MOTE_RADIO_RETRY: u32 = 4;
/// Capability: the radio drops frames for other addresses.
pub const MOTE_RADIO_FILTER: u32 = 8;

/// The addresses by which the radio filters and acknowledges.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct mote_radio_addresses {
    /// The extended address, most significant byte first.
    pub extended: [u8; 8],
    /// The short address; 0xffff for none.
    pub short_address: u16,
    /// The PAN identifier.
    pub pan_id: u16,
    /// Must be 0.
    pub reserved: u32,
}

/// Sends and receives frames.
///
/// Received frames come to the node by `mote_radio_received`, the end of a transmission by
/// `mote_radio_sent`; both may be called from an interrupt. Only `transmit` has to be there: without
/// `channel_clear` the channel is always taken for clear, and without another there is nothing to do for it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_port_radio {
    /// `sizeof(mote_port_radio)`.
    pub size: u32,
    /// Which of `MOTE_RADIO_…` the radio does by itself.
    pub capabilities: u32,
    /// Tells which node (a `mote_node *`) is to be told of frames. Called once, before anything
    /// else of the radio; may be NULL where the port knows.
    pub start: Option<unsafe extern "C" fn(state: *mut c_void, node: *mut c_void) -> mote_status>,
    /// Turns the receiver on (1), or everything off (0).
    pub enable: Option<unsafe extern "C" fn(state: *mut c_void, on: u8) -> mote_status>,
    /// Tunes to a channel of the 2.4 GHz band, 11 to 26 (page 0).
    pub set_channel: Option<unsafe extern "C" fn(state: *mut c_void, channel: u8) -> mote_status>,
    /// Sets the addresses for filtering and acknowledging.
    pub set_addresses: Option<
        unsafe extern "C" fn(state: *mut c_void, addresses: *const mote_radio_addresses) -> mote_status,
    >,
    /// Begins to send a frame of `len` bytes, FCS not included (the radio appends it). The
    /// frame is copied before the call returns. Exactly one `mote_radio_sent` follows a success, and
    /// none a failure. `MOTE_ERR_WOULD_BLOCK` while another frame is being sent.
    pub transmit:
        Option<unsafe extern "C" fn(state: *mut c_void, frame: *const u8, len: usize) -> mote_status>,
    /// Whether the channel is clear now (1) or not (0); needed without `MOTE_RADIO_CSMA`.
    pub channel_clear: Option<unsafe extern "C" fn(state: *mut c_void) -> u8>,
}
