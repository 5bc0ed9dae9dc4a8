// SPDX-License-Identifier: MIT OR Apache-2.0
//! Handing datagrams over to the platform, in batches.

use super::core::{Channel, NodeRef};
use super::drive::deliver;
use super::parcels::Parcel;
use super::services::Services;
use crate::address::SocketAddress;
use crate::ffi::arguments::check;
use crate::port::{MOTE_TAP_UDP, mote_address};
use crate::status::{Error, Result};
use crate::transport::DatagramEvent;

/// Hands over what waits, as far as there is room now. What the port refuses for good is taken out;
/// with `tells`, its owner is told, and nothing may be borrowed then.
#[inline(never)] // For its size.
pub(super) fn flush(node: NodeRef, tells: bool) {
    loop {
        let front =
            node.with(|core| core.outbox.front().map(|(source, run)| (source, core::ptr::from_ref(run))));
        let Some((source, parcels)) = front else { return };
        // SAFETY: the parcels lie in the node's block; the port's functions do not come back here.
        let parcels = unsafe { &*parcels };
        let result = match node.channel(source) {
            Some(Channel::Udp { socket }) => send(node.services(), socket, parcels),
            // The source was closed meanwhile.
            _ => return node.with(|core| core.outbox.pop(usize::MAX)),
        };
        match result {
            Ok(count) => node.with(|core| {
                core.outbox.pop(count);
                core.statistics.sent = core.statistics.sent.wrapping_add(count as u32);
            }),
            Err(Error::WouldBlock) => return,
            Err(error) => {
                node.with(|core| {
                    core.outbox.pop(1);
                    core.statistics.unsent = core.statistics.unsent.wrapping_add(1);
                });
                if let (true, Some(parcel)) = (tells, parcels.first()) {
                    deliver(node, source, DatagramEvent::Failed { path: parcel.path(), error });
                }
            }
        }
    }
}

/// Hands datagrams to the port: how many it took, at least one.
pub(super) fn send(services: &Services, socket: usize, parcels: &[Parcel]) -> Result<usize> {
    let function = services.udp.send.ok_or(Error::Unsupported)?;
    let mut sent = 0;
    // SAFETY: the port's contract; a `Parcel` is a `mote_port_datagram`.
    check(unsafe {
        function(services.state, socket, parcels.as_ptr().cast(), parcels.len(), &raw mut sent)
    })?;
    let sent = sent.min(parcels.len());
    if services.has_tap() {
        parcels.iter().take(sent).for_each(|parcel| tap(services, socket, parcel, true));
    }
    if sent == 0 { Err(Error::WouldBlock) } else { Ok(sent) }
}

/// Shows a datagram that was sent or received to the tap.
#[cold]
#[inline(never)]
pub(super) fn tap(services: &Services, socket: usize, parcel: &Parcel, sent: bool) {
    let mut here = local_address(services, socket);
    if parcel.0.local.ip != [0; 16] {
        here.ip = parcel.0.local.ip;
    }
    let remote = &parcel.0.remote;
    let ends = if sent { (&here, remote) } else { (remote, &here) };
    services.tap(MOTE_TAP_UDP, Some(ends), parcel.data());
}

/// Where a socket is bound, as far as the port knows.
pub(super) fn local_address(services: &Services, socket: usize) -> mote_address {
    let mut local = SocketAddress::default().into();
    if let Some(function) = services.udp.local_address {
        // SAFETY: the port's contract.
        let _unknown_stays_zero = unsafe { function(services.state, socket, &raw mut local) };
    }
    local
}
