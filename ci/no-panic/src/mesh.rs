// SPDX-License-Identifier: MIT OR Apache-2.0
//! A node of the mesh: every command, input and poll of the engine that holds all layers.

use crate::{Dice, World, block, bytes};
use mote::address::{Ip, SocketAddress};
use mote::mesh::{Config, Event, Mesh, Role, Root};
use mote::status::{Error, Result};
use mote::table::Handle;
use mote::time::Instant;
use mote::transport::{Path, RadioContext, RadioEvent, TransmitStatus};

fn see(event: &Event<'_>, world: &World) -> usize {
    let bytes = match event {
        Event::Udp { data, .. } | Event::PingReply { data, .. } => data,
        Event::HostPacket { packet } => packet,
        _ => return 1,
    };
    (world.send)(bytes.as_ptr(), bytes.len()) as usize
}

/// # Safety
/// All ranges are valid, none of them overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn check_mesh(
    memory: *mut u8,
    size: usize,
    config: &Config,
    root: &Root,
    world: &mut World,
    input: *const u8,
    length: usize,
    room: *mut u8,
    capacity: usize,
    address: &Ip,
    number: u32,
    now: u64,
) -> i32 {
    // SAFETY: as the caller promises.
    let (memory, input, scratch) = unsafe { (block(memory, size), bytes(input, length), block(room, capacity)) };
    let random = world.number;
    let mut run = |world: &mut World, scratch: &mut [u8]| -> Result<usize> {
        let mut dice = Dice(random);
        let mut mesh = Mesh::new(memory, config, Instant(now), &mut dice)?;
        let eye = World { send: world.send, number: world.number };
        let mut cx = RadioContext { now: Instant(now), transport: world, random: &mut dice };
        let mut total = Mesh::plan(config).bytes();
        match config.role {
            Role::Root => mesh.start_root(&mut cx, root)?,
            _ => mesh.join(&mut cx)?,
        }
        let socket = mesh.udp_open(*address, number as u16)?;
        mesh.join_group(*address)?;
        for _ in 0..(eye.number)() {
            cx.now = Instant(u64::from((eye.number)()));
            let event = match (eye.number)() {
                0 => mesh.receive(&mut cx, RadioEvent::Received { frame: input, lqi: 1, rssi: 2 }, scratch),
                1 => mesh.receive(
                    &mut cx,
                    RadioEvent::Transmitted { status: TransmitStatus::Sent, attempts: 1 },
                    scratch,
                ),
                2 => mesh.receive_from_host(&mut cx, scratch),
                _ => mesh.poll(&mut cx, scratch),
            };
            total += event.map_or(0, |event| see(&event, &eye));
            let path = Path::to(SocketAddress::new(*address, number as u16));
            mesh.udp_send(&mut cx, socket, &path, input)?;
            let ping = mesh.ping(&mut cx, address, number as u8, number, input)?;
            if let Some(handle) = Handle::from_raw(number) {
                mesh.ping_cancel(handle)?;
            }
            mesh.ping_cancel(ping)?;
            total += mesh.next_deadline().0 as usize;
            total += mesh.neighbours().map(|neighbour| usize::from(neighbour.rank)).sum::<usize>();
            total += mesh.routes().map(|route| usize::from(route.prefix_len)).sum::<usize>();
            total += mesh.dodags().map(|dodag| usize::from(dodag.rank)).sum::<usize>();
            total += mesh.addresses().map(|entry| usize::from(entry.prefix_len)).sum::<usize>();
            total += mesh.statistics().mac.sent as usize;
        }
        mesh.leave_group(address);
        mesh.global_repair(number as u8)?;
        mesh.udp_close(socket)?;
        Ok(total)
    };
    run(world, scratch).map_or_else(Error::code, |count| count as i32)
}
