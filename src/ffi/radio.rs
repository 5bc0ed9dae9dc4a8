// SPDX-License-Identifier: MIT OR Apache-2.0
//! The radio: how frames come in.

use super::arguments::{outcome, slice};
use super::node::{FRAME_SIZE, NodeRef};
use super::opaque::mote_node;
use super::status::mote_status;
use crate::bytes;
use crate::port::mote_bytes;
use crate::status::{Error, Result};

/// `mote_radio_sent`: the frame was sent, and acknowledged if that was asked for and the radio
/// waits for it.
pub const MOTE_RADIO_SENT: u32 = 0;
/// `mote_radio_sent`: the frame was sent, but the radio saw no acknowledgement.
pub const MOTE_RADIO_NO_ACK: u32 = 1;
/// `mote_radio_sent`: the channel never was clear.
pub const MOTE_RADIO_BUSY: u32 = 2;
/// `mote_radio_sent`: the radio failed.
pub const MOTE_RADIO_FAILED: u32 = 3;

/// Hands a received frame to the node and wakes it. Any thread, any interrupt, as long as the node is not closed; lock-free.
///
/// `frame` is the frame without its FCS, which was right; it is copied before the call
/// returns. `lqi` is the link quality, 0 to 255, `rssi` the signal strength in dBm.
///
/// `MOTE_ERR_FULL` when the node has not yet taken as many frames as its config's
/// `radio_frames`; the frame is lost then, and its sender repeats it unless the radio
/// acknowledged it. `MOTE_ERR_UNSUPPORTED` when that number is 0, `MOTE_ERR_TOO_LARGE` over 125
/// bytes, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid, and `node` is not closed meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_radio_received(
    node: *mut mote_node,
    frame: mote_bytes,
    lqi: u8,
    rssi: i8,
) -> mote_status {
    let receive = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (node, frame) = unsafe { (NodeRef::new(node)?, slice(frame)?) };
        if frame.len() > FRAME_SIZE {
            return Err(Error::TooLarge);
        }
        node.post_radio(|letter| {
            (letter.sent, letter.len, letter.lqi, letter.rssi) = (None, frame.len() as u8, lqi, rssi);
            bytes::copy(&mut letter.frame, frame);
        })
    };
    outcome(receive())
}

/// Tells the node how the transmission begun last has ended, and wakes it. Exactly once for each
/// transmission. Any thread, any interrupt, as long as the node is not closed; lock-free.
///
/// `result` is one of `MOTE_RADIO_SENT`, `MOTE_RADIO_NO_ACK`, `MOTE_RADIO_BUSY`,
/// `MOTE_RADIO_FAILED`; `attempts` says how often the frame was on the air, 0 when not known.
///
/// `MOTE_ERR_FULL` as in `mote_radio_received`: the node then finds out by time.
/// `MOTE_ERR_UNSUPPORTED`, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// `node` is NULL or valid and is not closed meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_radio_sent(node: *mut mote_node, result: u32, attempts: u8) -> mote_status {
    let sent = || -> Result<()> {
        if result > MOTE_RADIO_FAILED {
            return Err(Error::Invalid);
        }
        // SAFETY: passed on to the caller of this function.
        unsafe { NodeRef::new(node) }?.post_radio(|letter| letter.sent = Some((result, attempts)))
    };
    outcome(sent())
}
