// SPDX-License-Identifier: MIT OR Apache-2.0
//! Entry points into the engines for the link-time check, one module per room.
//!
//! A room's module holds `#[unsafe(no_mangle)] extern "C" fn check_…` functions. They take
//! everything by argument, so that the optimiser knows nothing about the values, and call each
//! public function of the engine that the network or the application can reach.
#![no_std]
#![allow(clippy::missing_safety_doc)]

#[cfg(feature = "coap")]
mod coap;
#[cfg(feature = "coap_client")]
mod coap_engine;
#[cfg(feature = "ethernet")]
mod ethernet;
#[cfg(feature = "lowpan")]
mod lowpan;
#[cfg(feature = "mesh")]
mod mesh;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(any(feature = "mqtt_client_small_v3", feature = "mqtt_client_small_v5"))]
mod mqtt_client;
#[cfg(feature = "rpl")]
mod rpl;
#[cfg(feature = "shared")]
mod shared;

use mote::random::Random;
use mote::status::{Error, Result};
use mote::transport::{
    Context, Datagram, DatagramContext, Path, Radio, RadioAddresses, RadioCapabilities, Stream, StreamContext,
};

/// The outside world as function pointers, which the optimiser cannot see through.
#[repr(C)]
pub struct World {
    /// Takes bytes, returns how many it took or a status.
    pub send: extern "C" fn(*const u8, usize) -> i32,
    /// Anything that has to be opaque.
    pub number: extern "C" fn() -> u32,
}

impl World {
    fn outcome(&self, bytes: &[u8]) -> Result<usize> {
        let count = (self.send)(bytes.as_ptr(), bytes.len());
        usize::try_from(count).map_err(|_| Error::from_code(count).unwrap_or(Error::Io))
    }
}

impl Datagram for World {
    fn send(&mut self, _path: &Path, datagram: &[u8]) -> Result<()> {
        self.outcome(datagram).map(|_| ())
    }
    fn max_size(&self, _path: &Path) -> usize {
        (self.number)() as usize
    }
}

impl Stream for World {
    fn connect(&mut self, host: &str, _port: u16) -> Result<()> {
        self.outcome(host.as_bytes()).map(|_| ())
    }
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.outcome(bytes)
    }
    fn shutdown(&mut self) {}
    fn close(&mut self) {}
}

impl Radio for World {
    fn capabilities(&self) -> RadioCapabilities {
        RadioCapabilities((self.number)())
    }
    fn transmit(&mut self, frame: &[u8]) -> Result<()> {
        self.outcome(frame).map(|_| ())
    }
    fn channel_is_clear(&mut self) -> bool {
        (self.number)() != 0
    }
    fn set_addresses(&mut self, addresses: &RadioAddresses) -> Result<()> {
        self.outcome(&addresses.extended).map(|_| ())
    }
    fn set_channel(&mut self, channel: u8) -> Result<()> {
        self.outcome(&[channel]).map(|_| ())
    }
    fn enable(&mut self, on: bool) -> Result<()> {
        self.outcome(&[u8::from(on)]).map(|_| ())
    }
}

/// Randomness from outside.
pub struct Dice(extern "C" fn() -> u32);

impl Random for Dice {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            *byte = (self.0)() as u8;
        }
    }
    fn u32(&mut self) -> u32 {
        (self.0)()
    }
}

/// The context of an engine over datagrams.
pub fn datagram_context<'a>(now: u64, world: &'a mut World, dice: &'a mut Dice) -> DatagramContext<'a> {
    Context { now: mote::time::Instant(now), transport: world, random: dice }
}

/// The context of an engine over a stream.
pub fn stream_context<'a>(now: u64, world: &'a mut World, dice: &'a mut Dice) -> StreamContext<'a> {
    Context { now: mote::time::Instant(now), transport: world, random: dice }
}

/// Bytes that came by argument.
///
/// # Safety
/// `start` is readable for `length` bytes.
pub unsafe fn bytes<'a>(start: *const u8, length: usize) -> &'a [u8] {
    // SAFETY: as the caller promises.
    unsafe { core::slice::from_raw_parts(start, length) }
}

/// A block that came by argument.
///
/// # Safety
/// `start` is writable for `length` bytes and nobody else uses them.
pub unsafe fn block<'a>(start: *mut u8, length: usize) -> &'a mut [u8] {
    // SAFETY: as the caller promises.
    unsafe { core::slice::from_raw_parts_mut(start, length) }
}
