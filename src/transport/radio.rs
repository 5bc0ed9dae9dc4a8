// SPDX-License-Identifier: MIT OR Apache-2.0
//! The radio seam: frames of IEEE 802.15.4.
#![forbid(unsafe_code)]

use super::Context;
use crate::status::Result;

/// What a radio does by itself; what it does not is left to the MAC in software.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RadioCapabilities(pub u32);

impl RadioCapabilities {
    /// It waits for a clear channel by CSMA-CA before it sends.
    pub const CSMA: RadioCapabilities = RadioCapabilities(1);
    /// It acknowledges frames received, and waits for the acknowledgements of those sent.
    pub const ACK: RadioCapabilities = RadioCapabilities(2);
    /// It repeats frames that were not acknowledged.
    pub const RETRY: RadioCapabilities = RadioCapabilities(4);
    /// It drops frames for other addresses.
    pub const FILTER: RadioCapabilities = RadioCapabilities(8);

    /// Whether all of `other` is among these.
    pub const fn has(self, other: RadioCapabilities) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and those of `other`.
    #[must_use]
    pub const fn with(self, other: RadioCapabilities) -> RadioCapabilities {
        RadioCapabilities(self.0 | other.0)
    }
}

/// By what a radio filters and acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RadioAddresses {
    /// The EUI-64, most significant byte first.
    pub extended: [u8; 8],
    /// The short address, `0xffff` for none.
    pub short: u16,
    /// The PAN ID.
    pub pan: u16,
}

/// A radio as the MAC sees it.
pub trait Radio {
    /// What the radio does by itself.
    fn capabilities(&self) -> RadioCapabilities;

    /// Begins to send `frame`, to which the radio appends the FCS, and keeps nothing of it. After
    /// success exactly one [`RadioEvent::Transmitted`] follows. An acknowledgement (frame type 2),
    /// which only radios without [`RadioCapabilities::ACK`] are given, goes out at once, whether the
    /// channel is clear or not.
    ///
    /// # Errors
    /// [`Error::WouldBlock`](crate::status::Error::WouldBlock) while another frame is being
    /// sent; [`Error::Io`](crate::status::Error::Io).
    fn transmit(&mut self, frame: &[u8]) -> Result<()>;

    /// Whether nobody else is sending now. Asked only of radios without
    /// [`RadioCapabilities::CSMA`].
    fn channel_is_clear(&mut self) -> bool;

    /// Sets by what to filter and acknowledge.
    ///
    /// # Errors
    /// [`Error::Io`](crate::status::Error::Io).
    fn set_addresses(&mut self, addresses: &RadioAddresses) -> Result<()>;

    /// Tunes to a channel of the 2.4 GHz band, 11 to 26.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::status::Error::Invalid), [`Error::Io`](crate::status::Error::Io).
    fn set_channel(&mut self, channel: u8) -> Result<()>;

    /// Turns the receiver on, or the whole radio off.
    ///
    /// # Errors
    /// [`Error::Io`](crate::status::Error::Io).
    fn enable(&mut self, on: bool) -> Result<()>;
}

/// How a transmission ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransmitStatus {
    /// The frame was sent; and acknowledged, if that was asked for and the radio waits for it.
    Sent,
    /// The frame was sent, but the radio saw no acknowledgement.
    NoAck,
    /// The radio gave up as the channel never was clear.
    ChannelBusy,
    /// The radio failed.
    Failed,
}

/// What a radio brings.
#[derive(Clone, Copy, Debug)]
pub enum RadioEvent<'d> {
    /// A frame came whose FCS was right.
    Received {
        /// The frame without FCS.
        frame: &'d [u8],
        /// The link quality indication, 0 to 255.
        lqi: u8,
        /// The signal strength in dBm.
        rssi: i8,
    },
    /// The transmission begun last is over.
    Transmitted {
        /// How it ended.
        status: TransmitStatus,
        /// How often the radio put the frame on the air, 1 for radios that do not repeat; 0 when
        /// not known.
        attempts: u8,
    },
}

/// The context of an engine over a radio.
pub type RadioContext<'a> = Context<'a, dyn Radio + 'a>;
