// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames of IEEE 802.15.4, compressed headers in them, and the interface over a radio.

use crate::{Dice, World, block, bytes};
use mote::address::Ip;
use mote::bytes::{Parts, Writer};
use mote::ieee802154::LinkAddress;
use mote::ieee802154::mac::Priority;
use mote::ieee802154::wire::{Frame, fcs};
use mote::lowpan::context::{Context, Contexts};
use mote::lowpan::interface::{Config, Interface};
use mote::lowpan::iphc::Ends;
use mote::lowpan::packet;
use mote::memory::{Carver, Plan};
use mote::status::{Error, Result};
use mote::time::Instant;
use mote::transport::{RadioContext, RadioEvent, TransmitStatus};

/// # Safety
/// Both ranges are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_lowpan_frame(from: *const u8, length: usize, to: *mut u8, room: usize) -> i32 {
    // SAFETY: as the caller promises.
    let (from, to) = unsafe { (bytes(from, length), block(to, room)) };
    fn run(from: &[u8], to: &mut [u8]) -> Result<usize> {
        let frame = Frame::parse(from)?;
        let mut out = Writer::new(to);
        frame.emit(&mut out)?;
        out.u16(fcs(frame.payload))?;
        Ok(out.finish().len() + frame.encoded_len())
    }
    run(from, to).map_or_else(Error::code, |count| count as i32)
}

/// # Safety
/// All ranges are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_lowpan_packet(
    from: *const u8,
    length: usize,
    to: *mut u8,
    room: usize,
    entries: *mut Context,
    count: usize,
    ends: &Ends,
    total: usize,
) -> i32 {
    // SAFETY: as the caller promises.
    let (from, to, entries) =
        unsafe { (bytes(from, length), block(to, room), core::slice::from_raw_parts_mut(entries, count)) };
    fn run(from: &[u8], to: &mut [u8], contexts: &Contexts<'_>, ends: Ends, total: usize) -> Result<usize> {
        let compressed = packet::compress(Parts::whole(from), ends, contexts, total == 7, to)?;
        let rest = from.get(compressed.consumed..).unwrap_or_default();
        packet::decompress(rest, ends, contexts, (total != 9).then_some(total), to)?;
        Ok(compressed.len)
    }
    run(from, to, &Contexts::new(entries), *ends, total).map_or_else(Error::code, |count| count as i32)
}

/// # Safety
/// All ranges are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_lowpan_interface(
    memory: *mut u8,
    size: usize,
    from: *const u8,
    length: usize,
    scratch: *mut u8,
    room: usize,
    config: &Config,
    now: u64,
    world: &mut World,
) -> i32 {
    // SAFETY: as the caller promises.
    let (memory, from, scratch) = unsafe { (block(memory, size), bytes(from, length), block(scratch, room)) };
    fn run(
        memory: &mut [u8],
        from: &[u8],
        scratch: &mut [u8],
        config: &Config,
        now: u64,
        world: &mut World,
    ) -> Result<usize> {
        if Interface::plan(Plan::new(), config).bytes() > memory.len() {
            return Err(Error::NoMemory);
        }
        let mut dice = Dice(world.number);
        let number = world.number;
        let mut cx = RadioContext { now: Instant(now), transport: world, random: &mut dice };
        let mut interface = Interface::new(&mut Carver::new(memory), config, now as u16)?;
        let next_hop = LinkAddress::Short(number() as u16);
        interface.set_addresses(&mut cx, number() as u16, number() as u16)?;
        #[cfg(feature = "lowpan")]
        interface.set_mesh_route(LinkAddress::Short(number() as u16), next_hop)?;
        interface.contexts_mut().set(number() as u8, Ip::UNSPECIFIED, number() as u8, true)?;
        while number() != 0 {
            cx.now = Instant(u64::from(number()));
            let event = match number() {
                0 => RadioEvent::Received { frame: from, lqi: 1, rssi: 2 },
                1 => RadioEvent::Transmitted { status: TransmitStatus::Sent, attempts: number() as u8 },
                2 => RadioEvent::Transmitted { status: TransmitStatus::NoAck, attempts: 1 },
                3 => RadioEvent::Transmitted { status: TransmitStatus::Failed, attempts: 1 },
                _ => RadioEvent::Transmitted { status: TransmitStatus::ChannelBusy, attempts: 1 },
            };
            if let Some(received) = interface.receive(&mut cx, event, scratch) {
                interface.send(Parts::whole(received.packet), received.source, Priority::Control)?;
            }
            interface.send(Parts::whole(from), LinkAddress::BROADCAST, Priority::Normal)?;
            while let Some(sent) = interface.poll(&mut cx) {
                interface.mac_mut().neighbours_mut().pin(sent.destination, sent.result.is_ok());
                interface.mac_mut().neighbours_mut().remove(next_hop);
            }
            if interface.next_deadline() == Instant::NEVER {
                break;
            }
        }
        interface.contexts_mut().remove(number() as u8);
        let etx = interface.mac().neighbours().get(next_hop).map_or(0, |it| it.etx);
        Ok(usize::from(etx) + interface.stats().sent as usize + interface.free_blocks())
    }
    run(memory, from, scratch, config, now, world).map_or_else(Error::code, |count| count as i32)
}
