// SPDX-License-Identifier: MIT OR Apache-2.0
//! RPL and IPv6: wire formats.

use crate::{block, bytes};
use mote::address::Ip;
use mote::bytes::Writer;
use mote::ipv6::wire::exthdr::{Extension, finish_options};
use mote::ipv6::wire::icmpv6::{Echo, ErrorMessage, Icmpv6};
use mote::ipv6::wire::nd::{DuplicateAddress, Neighbor, Options, RouterAdvertisement};
use mote::ipv6::wire::{Header, udp::Udp};
use mote::rpl::wire::{Message, PacketInformation, SourceRoute, advance};
use mote::status::{Error, Result};

/// # Safety
/// Both ranges are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_rpl_message(
    from: *const u8,
    length: usize,
    to: *mut u8,
    room: usize,
    code: u8,
) -> i32 {
    // SAFETY: as the caller promises.
    let (from, to) = unsafe { (bytes(from, length), block(to, room)) };
    fn run(from: &[u8], to: &mut [u8], code: u8) -> Result<usize> {
        let mut out = Writer::new(to);
        let options = match Message::parse(code, from)? {
            Message::Dis(base, options) => base.emit(&mut out).map(|()| options)?,
            Message::Dio(base, options) => base.emit(&mut out).map(|()| options)?,
            Message::Dao(base, options) => base.emit(&mut out).map(|()| options)?,
            Message::DaoAck(base, options) => base.emit(&mut out).map(|()| options)?,
        };
        for option in options {
            option?.emit(&mut out)?;
        }
        PacketInformation::parse(from)?.emit(code, &mut out)?;
        Ok(out.finish().len())
    }
    run(from, to, code).map_or_else(Error::code, |count| count as i32)
}

/// # Safety
/// The range and the address are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_rpl_source_route(
    start: *mut u8,
    length: usize,
    destination: &mut Ip,
    own: u8,
) -> i32 {
    // SAFETY: as the caller promises.
    let header = unsafe { block(start, length) };
    let Ok(route) = SourceRoute::parse(header) else { return -1 };
    let found = route.addresses(destination).position(|ip| ip.is_multicast()).unwrap_or(0);
    match advance(header, destination, &|ip| ip.0[15] == own) {
        Ok(true) => 1,
        Ok(false) => found as i32,
        Err(_) => -2,
    }
}

/// # Safety
/// Both ranges are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_ipv6_packet(from: *const u8, length: usize, to: *mut u8, room: usize) -> i32 {
    // SAFETY: as the caller promises.
    let (from, to) = unsafe { (bytes(from, length), block(to, room)) };
    fn run(from: &[u8], to: &mut [u8]) -> Result<usize> {
        let mut out = Writer::new(to);
        let (header, mut payload) = Header::parse(from)?;
        header.emit(&mut out)?;
        let extension = Extension::parse(header.next_header, payload)?;
        let start = out.position();
        for option in extension.options() {
            option?.emit(&mut out)?;
        }
        finish_options(&mut out, start)?;
        payload = payload.get(extension.bytes.len()..).unwrap_or_default();
        if let Ok((udp, data)) = Udp::parse(&header.source, &header.destination, payload) {
            udp.emit(&header.source, &header.destination, data, &mut out)?;
        }
        let message = Icmpv6::parse(&header.source, &header.destination, payload)?;
        message.emit(&header.source, &header.destination, &mut out)?;
        let walk = |options: Options<'_>, out: &mut Writer<'_>| -> Result<()> {
            for option in options {
                option?.emit(out)?;
            }
            Ok(())
        };
        let (advertisement, options) = RouterAdvertisement::parse(message.body)?;
        advertisement.emit(&mut out)?;
        walk(options, &mut out)?;
        let (neighbor, options) = Neighbor::parse(message.body)?;
        neighbor.emit(&mut out)?;
        walk(options, &mut out)?;
        DuplicateAddress::parse(message.code, message.body)?.emit(&mut out)?;
        Echo::parse(message.body)?.emit(&mut out)?;
        ErrorMessage::parse(&message)?.emit(
            &header.source,
            &header.destination,
            out.remaining(),
            &mut out,
        )?;
        Ok(out.finish().len())
    }
    run(from, to).map_or_else(Error::code, |count| count as i32)
}
