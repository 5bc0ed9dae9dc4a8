// SPDX-License-Identifier: MIT OR Apache-2.0
//! One radio on the channel: what it is set to, what it is doing, and what it hears.
#![forbid(unsafe_code)]

use super::energy::Energy;
use super::topology::RadioLink;
use crate::ieee802154::LinkAddress;
use crate::ieee802154::wire::{FCS_LEN, Frame, MAX_FRAME};
use crate::status::{Error, Result};
use crate::transport::{Radio, RadioAddresses, RadioCapabilities};

/// What a radio is doing besides listening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    /// Waits out a back-off before it senses the carrier.
    Backoff {
        attempt: u8,
        exponent: u8,
    },
    /// Turns round, then sends its frame.
    Sending,
    /// Waits for the acknowledgement of the frame with that sequence number.
    AwaitingAck(u8),
}

/// What is received at the moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reception {
    pub(super) flight: usize,
    pub(super) link: RadioLink,
    pub(super) is_spoilt: bool,
}

/// One simulated radio, as its node sees it.
#[derive(Debug)]
pub struct Tuner {
    pub(super) capabilities: RadioCapabilities,
    pub(super) addresses: RadioAddresses,
    pub(super) channel: u8,
    pub(super) is_on: bool,
    pub(super) phase: Phase,
    pub(super) frame: [u8; MAX_FRAME],
    pub(super) len: usize,
    /// The node has handed over a frame that is not yet under way.
    pub(super) is_loaded: bool,
    /// An acknowledgement is being sent.
    pub(super) is_acknowledging: bool,
    /// The signals that it hears: which, and how strong.
    pub(super) carriers: Vec<(usize, i8)>,
    pub(super) reception: Option<Reception>,
    /// Tells events of this transmission from those of earlier ones.
    pub(super) generation: u32,
    pub(super) energy: Energy,
    pub(super) changed: u64,
    pub(super) now: u64,
}

impl Tuner {
    pub(super) fn new(capabilities: RadioCapabilities) -> Tuner {
        Tuner {
            capabilities,
            addresses: RadioAddresses { extended: [0; 8], short: 0xffff, pan: 0xffff },
            channel: 26,
            is_on: false,
            phase: Phase::Idle,
            frame: [0; MAX_FRAME],
            len: 0,
            is_loaded: false,
            is_acknowledging: false,
            carriers: Vec::new(),
            reception: None,
            generation: 0,
            energy: Energy::default(),
            changed: 0,
            now: 0,
        }
    }

    /// Whether it puts anything on the air now.
    pub(super) const fn is_sending(&self) -> bool {
        matches!(self.phase, Phase::Sending) || self.is_acknowledging
    }

    pub(super) fn wants(&self, frame: &Frame<'_>) -> bool {
        let pan = frame.header.destination_pan;
        let pan_matches = pan.is_none_or(|pan| pan == self.addresses.pan || pan == 0xffff);
        pan_matches && (self.is_named(frame) || !frame.header.destination.is_unicast())
    }

    pub(super) fn is_named(&self, frame: &Frame<'_>) -> bool {
        match frame.header.destination {
            LinkAddress::Short(short) => short == self.addresses.short && short != 0xffff,
            LinkAddress::Extended(extended) => extended == self.addresses.extended,
            _ => false,
        }
    }

    pub(super) fn account(&mut self, now: u64) {
        let spent = now - self.changed;
        if self.is_on {
            self.energy.receive += spent
        } else {
            self.energy.sleep += spent
        }
        self.changed = now;
    }
}

impl Radio for Tuner {
    fn capabilities(&self) -> RadioCapabilities {
        self.capabilities
    }

    fn transmit(&mut self, frame: &[u8]) -> Result<()> {
        if !self.is_on || frame.len() + FCS_LEN > MAX_FRAME {
            return Err(Error::Io);
        }
        if self.is_loaded || self.phase != Phase::Idle || self.is_acknowledging {
            return Err(Error::WouldBlock);
        }
        self.frame[..frame.len()].copy_from_slice(frame);
        self.len = frame.len();
        self.is_loaded = true;
        Ok(())
    }

    fn channel_is_clear(&mut self) -> bool {
        self.carriers.is_empty()
    }

    fn set_addresses(&mut self, addresses: &RadioAddresses) -> Result<()> {
        self.addresses = *addresses;
        Ok(())
    }

    fn set_channel(&mut self, channel: u8) -> Result<()> {
        if !(11..=26).contains(&channel) {
            return Err(Error::Invalid);
        }
        self.channel = channel;
        Ok(())
    }

    fn enable(&mut self, on: bool) -> Result<()> {
        self.account(self.now);
        self.is_on = on;
        if !on {
            // Neither what is received nor what waits to be sent has an end.
            self.reception = None;
            (self.phase, self.is_loaded, self.is_acknowledging) = (Phase::Idle, false, false);
            self.generation = self.generation.wrapping_add(1);
        }
        Ok(())
    }
}
