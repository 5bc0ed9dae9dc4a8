// SPDX-License-Identifier: MIT OR Apache-2.0
//! MQTT: packets and topics.

use crate::{block, bytes};
use mote::bytes::Writer;
use mote::mqtt::topic;
use mote::mqtt::wire::{Packet, Side, Version};
use mote::status::{Error, Result};

/// # Safety
/// Both ranges are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_mqtt_packet(
    from: *const u8,
    length: usize,
    to: *mut u8,
    room: usize,
    newer: bool,
    client: bool,
) -> i32 {
    // SAFETY: as the caller promises.
    let (from, to) = unsafe { (bytes(from, length), block(to, room)) };
    fn run(from: &[u8], to: &mut [u8], version: Version, side: Side) -> Result<usize> {
        let parsed = Packet::parse(from, version, side).map_err(|_| Error::Protocol)?;
        let (packet, total) = parsed.ok_or(Error::WouldBlock)?;
        packet.emit(version, side, &mut Writer::new(to))?;
        Ok(packet.encoded_len(version, side)? + total)
    }
    let version = if newer { Version::V5 } else { Version::V311 };
    let side = if client { Side::Client } else { Side::Server };
    run(from, to, version, side).map_or_else(Error::code, |count| count as i32)
}

/// # Safety
/// Both ranges are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_mqtt_topic(
    from: *const u8,
    length: usize,
    other: *const u8,
    size: usize,
) -> i32 {
    // SAFETY: as the caller promises.
    let (filter, name) = unsafe { (bytes(from, length), bytes(other, size)) };
    let (Ok(filter), Ok(name)) = (core::str::from_utf8(filter), core::str::from_utf8(name)) else {
        return -1;
    };
    if !topic::is_name(name) || !topic::is_filter(filter) {
        return -2;
    }
    i32::from(topic::matches(topic::without_share(filter), name) && topic::is_shared(filter))
}
