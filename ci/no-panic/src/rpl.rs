// SPDX-License-Identifier: MIT OR Apache-2.0
//! RPL and IPv6: wire formats, and the RPL engine.

use crate::{Dice, World, block, bytes};
use mote::address::Ip;
use mote::bytes::Writer;
use mote::ipv6::link::LinkAddress;
use mote::ipv6::routing::{ControlMessage, ControlPlane, Flow, Route, Routing, RoutingError};
use mote::ipv6::wire::exthdr::{Extension, finish_options};
use mote::ipv6::wire::icmpv6::{Echo, ErrorMessage, Icmpv6};
use mote::ipv6::wire::nd::{DuplicateAddress, Neighbor, Options, RouterAdvertisement};
use mote::ipv6::wire::{Header, udp::Udp};
use mote::rpl::{Config, RootConfig, Rpl, RplContext};
use mote::rpl::wire::{Message, PacketInformation, SourceRoute, advance};
use mote::status::{Error, Result};
use mote::time::Instant;

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

impl ControlPlane for World {
    fn send(&mut self, message: &ControlMessage<'_>) -> Result<()> {
        self.outcome(message.body).map(|_| ())
    }
}

/// The whole engine: what an application, IPv6 and the clock ask of it.
///
/// # Safety
/// All ranges are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_rpl_engine(
    start: *mut u8,
    length: usize,
    config: &Config,
    root: &RootConfig,
    from: *mut u8,
    count: usize,
    world: &mut World,
    dice: &mut Dice,
    now: u64,
) -> i32 {
    // SAFETY: as the caller promises.
    let (start, from) = unsafe { (block(start, length), block(from, count)) };
    let mut address = root.dodag_id;
    let now = Instant(now);
    let Ok(mut rpl) = Rpl::new(start, config, &address) else { return -1 };
    let mut cx = RplContext { now, transport: world, random: dice };
    rpl.start(&mut cx);
    let mut sum = rpl.start_root(&mut cx, root).map_or_else(Error::code, |()| 0);
    for error in [
        rpl.add_target(&mut cx, &address, config.targets, config.leaf),
        rpl.remove_target(&mut cx, &address, config.targets),
        rpl.global_repair(config.dodags),
        rpl.refresh_routes(config.dodags),
    ] {
        sum += error.map_or_else(Error::code, |()| 0);
    }
    let event = rpl.receive(&mut cx, &address, &root.dodag_id, config.dodags, from);
    sum += i32::from(event.is_some());
    while rpl.poll(&mut cx).is_some() {
        sum += 1;
    }
    let mut room = [0; 64];
    let mut headers = Writer::new(&mut room);
    let neighbour = LinkAddress::Short(config.routes);
    sum += i32::from(rpl.hop_by_hop(now, config.dodags, from, neighbour));
    sum += i32::from(rpl.source_route(from, &mut address, &|ip| ip.0[15] == 1).is_ok());
    let mut route = Route::default();
    let mut flow = Flow {
        now,
        destination: &address,
        from: neighbour,
        own: config.leaf,
        hop_limit: config.targets,
        source_routed: config.dodags == 0,
        rpl_option: Some(from),
    };
    sum += i32::from(rpl.route(&mut flow, &mut route, &mut headers).is_ok());
    rpl.on_error(now, RoutingError::SourceRoute { reporter: address, unreachable: address });
    rpl.link_metric(now, neighbour, config.routes);
    rpl.link_failed(now, neighbour);
    sum += rpl.routes().count() as i32 + rpl.neighbours().count() as i32 + rpl.dodags().count() as i32;
    sum + rpl.next_deadline().0 as i32
}
