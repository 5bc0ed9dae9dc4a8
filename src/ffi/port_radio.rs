// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the mesh reaches the port's radio, and hears from it.

use super::arguments::{check, room};
use super::node::{FRAME_SIZE, NodeRef};
use super::radio::{MOTE_RADIO_BUSY, MOTE_RADIO_NO_ACK, MOTE_RADIO_SENT};
use crate::port::{MOTE_TAP_FRAME, mote_port_radio, mote_radio_addresses};
use crate::status::{Error, Result};
use crate::transport::{Radio, RadioAddresses, RadioCapabilities, RadioEvent, TransmitStatus};
use core::ffi::c_void;

impl NodeRef {
    /// Takes what the radio told first, its frame copied to `buffer`.
    pub(crate) fn take_radio_event(self, buffer: &mut [u8; FRAME_SIZE]) -> Option<RadioEvent<'_>> {
        let (sent, len, lqi, rssi) = self.take_radio_letter(|letter| {
            *buffer = letter.frame;
            (letter.sent, letter.len, letter.lqi, letter.rssi)
        })?;
        let Some((result, attempts)) = sent else {
            let frame = buffer.get(..usize::from(len))?;
            self.services().tap(MOTE_TAP_FRAME, None, frame);
            return Some(RadioEvent::Received { frame, lqi, rssi });
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
    node: NodeRef,
    table: mote_port_radio,
    state: *mut c_void,
}

impl PortRadio {
    /// The radio of `node`'s port, which from now on tells this node what it receives.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the port has none, [`Error::State`] when the node has no room
    /// for frames or another object has the radio, what the port says.
    pub(crate) fn open(node: NodeRef) -> Result<PortRadio> {
        let mut room = room::<mote_port_radio>();
        let table = *node.services().service(&mut room)?;
        if !node.has_radio_room() || node.radio().is_some() {
            return Err(Error::State);
        }
        let state = node.services().state;
        if let Some(start) = table.start {
            // SAFETY: the port's contract; the node outlives its port's state.
            check(unsafe { start(state, node.pointer().cast()) })?;
        }
        Ok(PortRadio { node, table, state })
    }
}

impl Radio for PortRadio {
    fn capabilities(&self) -> RadioCapabilities {
        RadioCapabilities(self.table.capabilities)
    }

    fn transmit(&mut self, frame: &[u8]) -> Result<()> {
        let function = self.table.transmit.ok_or(Error::Unsupported)?;
        // SAFETY: the port's contract; the frame is lent for the call.
        check(unsafe { function(self.state, frame.as_ptr(), frame.len()) })?;
        self.node.services().tap(MOTE_TAP_FRAME, None, frame);
        Ok(())
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
