// SPDX-License-Identifier: MIT OR Apache-2.0
//! The radio: how frames come in, and how the mesh reaches the port's radio.

use super::arguments::{check, outcome, slice};
use super::node::{NodeRef, mote_node};
use super::status::mote_status;
use crate::bytes;
use crate::port::{mote_bytes, mote_port_radio, mote_radio_addresses};
use crate::status::{Error, Result};
use crate::transport::{Radio, RadioAddresses, RadioCapabilities, RadioEvent, TransmitStatus};
use core::ffi::c_void;

/// The largest frame of IEEE 802.15.4 without its FCS.
pub(crate) const FRAME_SIZE: usize = 125;

/// `mote_radio_sent`: the frame was sent, and acknowledged if that was asked for and the radio
/// waits for it.
pub const MOTE_RADIO_SENT: u32 = 0;
/// `mote_radio_sent`: the frame was sent, but the radio saw no acknowledgement.
pub const MOTE_RADIO_NO_ACK: u32 = 1;
/// `mote_radio_sent`: the channel never was clear.
pub const MOTE_RADIO_BUSY: u32 = 2;
/// `mote_radio_sent`: the radio failed.
pub const MOTE_RADIO_FAILED: u32 = 3;

/// What a radio told, until the node's thread takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RadioLetter {
    sent: Option<(u32, u8)>,
    len: u8,
    lqi: u8,
    rssi: i8,
    frame: [u8; FRAME_SIZE],
}

impl Default for RadioLetter {
    fn default() -> RadioLetter {
        RadioLetter { sent: None, len: 0, lqi: 0, rssi: 0, frame: [0; FRAME_SIZE] }
    }
}

/// Hands a received frame to the node and wakes it. Any thread, any interrupt; lock-free.
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
        let len = u8::try_from(frame.len()).map_err(|_| Error::TooLarge)?;
        if frame.len() > FRAME_SIZE {
            return Err(Error::TooLarge);
        }
        node.post_radio(|letter| {
            (letter.sent, letter.len, letter.lqi, letter.rssi) = (None, len, lqi, rssi);
            bytes::copy(&mut letter.frame, frame);
        })
    };
    outcome(receive())
}

/// Tells the node how the transmission begun last has ended, and wakes it. Exactly once for each
/// transmission. Any thread, any interrupt; lock-free.
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

impl NodeRef {
    /// Takes what the radio told first, its frame copied to `buffer`.
    pub(crate) fn take_radio_event(self, buffer: &mut [u8; FRAME_SIZE]) -> Option<RadioEvent<'_>> {
        let letter = self.take_radio_letter()?;
        let Some((result, attempts)) = letter.sent else {
            *buffer = letter.frame;
            let frame = buffer.get(..usize::from(letter.len))?;
            return Some(RadioEvent::Received { frame, lqi: letter.lqi, rssi: letter.rssi });
        };
        let status = match result {
            MOTE_RADIO_SENT => TransmitStatus::Sent,
            MOTE_RADIO_NO_ACK => TransmitStatus::NoAck,
            MOTE_RADIO_BUSY => TransmitStatus::ChannelBusy,
            _ => TransmitStatus::Failed,
        };
        Some(RadioEvent::Transmitted { status, attempts })
    }
}

/// The radio of a node's port, as the MAC sees it.
pub(crate) struct PortRadio {
    table: mote_port_radio,
    state: *mut c_void,
}

impl PortRadio {
    /// The radio of `node`'s port, which from now on tells this node what it receives.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the port has none, [`Error::State`] when the node has no room
    /// for frames, what the port says.
    pub(crate) fn open(node: NodeRef) -> Result<PortRadio> {
        let table: mote_port_radio = node.services().service(|port| port.radio)?;
        if !node.has_radio_room() {
            return Err(Error::State);
        }
        let state = node.services().state;
        if let Some(start) = table.start {
            // SAFETY: the port's contract; the node outlives its port's state.
            check(unsafe { start(state, node.pointer().cast()) })?;
        }
        Ok(PortRadio { table, state })
    }
}

impl Radio for PortRadio {
    fn capabilities(&self) -> RadioCapabilities {
        RadioCapabilities(self.table.capabilities)
    }

    fn transmit(&mut self, frame: &[u8]) -> Result<()> {
        let function = self.table.transmit.ok_or(Error::Unsupported)?;
        // SAFETY: the port's contract; the frame is lent for the call.
        check(unsafe { function(self.state, frame.as_ptr(), frame.len()) })
    }

    fn channel_is_clear(&mut self) -> bool {
        // SAFETY: the port's contract.
        self.table.channel_clear.is_none_or(|function| unsafe { function(self.state) } != 0)
    }

    fn set_addresses(&mut self, addresses: &RadioAddresses) -> Result<()> {
        let Some(function) = self.table.set_addresses else { return Ok(()) };
        let RadioAddresses { extended, short, pan } = *addresses;
        let addresses = mote_radio_addresses { extended, short_address: short, pan_id: pan, reserved: 0 };
        // SAFETY: the port's contract; the addresses are lent for the call.
        check(unsafe { function(self.state, &raw const addresses) })
    }

    fn set_channel(&mut self, channel: u8) -> Result<()> {
        let Some(function) = self.table.set_channel else { return Ok(()) };
        // SAFETY: the port's contract.
        check(unsafe { function(self.state, channel) })
    }

    fn enable(&mut self, on: bool) -> Result<()> {
        let Some(function) = self.table.enable else { return Ok(()) };
        // SAFETY: the port's contract.
        check(unsafe { function(self.state, u8::from(on)) })
    }
}
