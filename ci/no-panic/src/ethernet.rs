// SPDX-License-Identifier: MIT OR Apache-2.0
//! The IPv6 engine by itself on an Ethernet-like link: every command, input and poll.

use crate::{Dice, World, block};
use mote::address::{Ip, SocketAddress};
use mote::bytes::Parts;
use mote::ipv6::link::{Link, LinkAddress, LinkDestination};
use mote::ipv6::routing::NoRouting;
use mote::ipv6::wire::icmpv6::Echo;
use mote::ipv6::{Arrival, Config, Context, Event, Ipv6, Role};
use mote::status::{Error, Result};
use mote::time::Instant;
use mote::transport::Path;

impl Link for World {
    fn send(&mut self, packet: Parts<'_>, to: LinkDestination) -> Result<()> {
        if let LinkDestination::Multicast(group) = to {
            self.outcome(&group.0)?;
        }
        self.outcome(packet.head)?;
        self.outcome(packet.tail).map(|_| ())
    }
    fn mtu(&self) -> usize {
        (self.number)() as usize
    }
}

fn see(event: &Event<'_>) -> usize {
    match event {
        Event::Udp { data, .. } => data.len(),
        Event::EchoReply { echo, .. } => echo.data.len(),
        Event::Control { body, .. } => body.len(),
        Event::Error { upper, .. } => upper.len(),
        _ => 1,
    }
}

/// # Safety
/// All ranges are valid, none of them overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_ethernet(
    memory: *mut u8,
    size: usize,
    config: &Config,
    world: &mut World,
    input: *mut u8,
    length: usize,
    room: *mut u8,
    capacity: usize,
    address: &Ip,
    now: u64,
) -> i32 {
    // SAFETY: as the caller promises.
    let (memory, input, scratch) = unsafe { (block(memory, size), block(input, length), block(room, capacity)) };
    let eye = World { send: world.send, number: world.number };
    let mut dice = Dice(eye.number);
    let mut run = || -> Result<usize> {
        let mut engine = Ipv6::new(memory, config, Instant(now))?;
        let mut cx = Context { now: Instant(now), random: &mut dice, link: world, routing: &mut NoRouting };
        let mut total = Ipv6::plan(config).bytes();
        let socket = engine.udp_open(*address, (eye.number)() as u16)?;
        for _ in 0..(eye.number)() {
            cx.now = Instant(u64::from((eye.number)()));
            let (at, byte) = (cx.now, (eye.number)() as u8);
            let until = Instant(u64::from((eye.number)()));
            match (eye.number)() {
                0 => engine.solicit_routers(&mut cx),
                1 => engine.add_address(at, *address, byte, until, until)?,
                2 => engine.remove_address(&mut cx, address)?,
                3 => engine.advertise_prefix(at, *address, byte, until, until)?,
                4 => engine.advertise_context(at, byte, *address, byte, true, until)?,
                5 => engine.advertise_mtu(at, u16::from(byte))?,
                6 => engine.set_role(if byte == 0 { Role::Host } else { Role::Router }),
                7 => engine.join_group(*address)?,
                8 => engine.leave_group(address),
                9 => engine.note_neighbour(at, address, LinkAddress::Ethernet([byte; 6]), true)?,
                10 => {
                    let path = Path::to(SocketAddress { ip: *address, scope: 0, port: 9 });
                    engine.udp_send(&mut cx, socket, &path, scratch)?;
                }
                11 => engine.ping(&mut cx, address, None, &Echo { identifier: 1, sequence: 2, data: scratch })?,
                12 => engine.set_authority(*address, u32::from(byte)),
                13 => {
                    if let Some((arrival, length)) = engine.reassembled(scratch) {
                        let packet = scratch.get_mut(..length).unwrap_or_default();
                        total += engine.receive(&mut cx, arrival, packet).as_ref().map_or(0, see);
                    }
                }
                14 => {
                    let arrival = Arrival { from: LinkAddress::Ethernet([byte; 6]), ..Arrival::default() };
                    total += engine.receive(&mut cx, arrival, input).as_ref().map_or(0, see);
                }
                _ => total += engine.poll(&mut cx).as_ref().map_or(0, see),
            }
            total += engine.next_deadline().0 as usize + engine.routers().count() + engine.prefixes().count();
            total += engine.neighbours.iter().count() + engine.statistics().sent as usize;
        }
        engine.udp_close(socket)?;
        Ok(total)
    };
    run().map_or_else(Error::code, |count| count as i32)
}
