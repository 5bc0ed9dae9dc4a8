// SPDX-License-Identifier: MIT OR Apache-2.0
//! Multicast groups: joining and leaving, on one interface or on all.

use super::socket::{Kind, Socket};
use super::sys::{errno, set_option};
use crate::address::Ip;
use crate::port::{mote_address, mote_status};
use crate::status::Error;
use core::ffi::c_int;
use core::ptr;

/// Joins or leaves `group` on the interface of its scope, or on all suitable ones when that is 0:
/// those that are up and carry multicast, and the loopback.
///
/// Interfaces that come up later are not joined by themselves. Joining again what has been joined is no error.
pub(super) fn change(socket: &Socket, group: &mote_address, join: bool) -> Result<(), mote_status> {
    let ip = Ip(group.ip);
    if !ip.is_multicast() {
        return Err(Error::Invalid.code());
    }
    let change = |interface| match ip.to_v4() {
        Some(v4) => change_v4(socket, v4, interface, join),
        None => change_v6(socket, ip, interface, join),
    };
    if group.scope != 0 {
        return change(group.scope).map_err(failure);
    }
    let mut outcome = Err(libc::ENODEV);
    for_each_interface(|interface| match change(interface) {
        Ok(()) => outcome = Ok(()),
        // The error that says most is kept: a full table rather than an interface without IPv6.
        Err(error) if outcome.is_err() => {
            if error != libc::ENODEV && error != libc::EADDRNOTAVAIL {
                outcome = Err(error);
            }
        }
        Err(_) => {}
    })?;
    outcome.map_err(failure)
}

fn failure(errno: c_int) -> mote_status {
    match errno {
        libc::ENOBUFS | libc::ENOMEM => Error::Full,
        // Leaving what was never joined, or no such interface.
        libc::EADDRNOTAVAIL | libc::ENODEV | libc::ENXIO => Error::NotFound,
        libc::EAFNOSUPPORT | libc::ENOPROTOOPT => Error::Unsupported,
        _ => Error::Io,
    }
    .code()
}

fn change_v4(socket: &Socket, group: [u8; 4], interface: u32, join: bool) -> Result<(), c_int> {
    let request = libc::ip_mreqn {
        imr_multiaddr: libc::in_addr { s_addr: u32::from_ne_bytes(group) },
        imr_address: libc::in_addr { s_addr: 0 },
        imr_ifindex: interface as c_int,
    };
    let name = if join { libc::IP_ADD_MEMBERSHIP } else { libc::IP_DROP_MEMBERSHIP };
    already(set_option(socket.fd.raw(), libc::IPPROTO_IP, name, &request))
}

fn change_v6(socket: &Socket, group: Ip, interface: u32, join: bool) -> Result<(), c_int> {
    if socket.kind == Kind::Udp(libc::AF_INET) {
        return Err(libc::EAFNOSUPPORT);
    }
    let request = libc::ipv6_mreq {
        ipv6mr_multiaddr: libc::in6_addr { s6_addr: group.0 },
        ipv6mr_interface: interface as _,
    };
    let name = if join { libc::IPV6_ADD_MEMBERSHIP } else { libc::IPV6_DROP_MEMBERSHIP };
    already(set_option(socket.fd.raw(), libc::IPPROTO_IPV6, name, &request))
}

fn already(outcome: Result<(), c_int>) -> Result<(), c_int> {
    if outcome == Err(libc::EADDRINUSE) { Ok(()) } else { outcome }
}

/// Calls `visit` with the index of each interface that is up and carries multicast or is the loopback. An
/// interface with several addresses may be visited several times.
fn for_each_interface(mut visit: impl FnMut(u32)) -> Result<(), mote_status> {
    let mut list = ptr::null_mut();
    // SAFETY: `list` is writable.
    if unsafe { libc::getifaddrs(&mut list) } < 0 {
        return Err(failure(errno()));
    }
    let mut next = list;
    let mut last = 0;
    // SAFETY: the list is well formed until it is freed: each entry, and its name, is readable.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        let flags = entry.ifa_flags as c_int;
        if flags & libc::IFF_UP == 0 || flags & (libc::IFF_MULTICAST | libc::IFF_LOOPBACK) == 0 {
            continue;
        }
        // SAFETY: as above.
        let index = unsafe { libc::if_nametoindex(entry.ifa_name) };
        if index != 0 && index != last {
            last = index;
            visit(index);
        }
    }
    // SAFETY: from `getifaddrs`, and not used any more.
    unsafe { libc::freeifaddrs(list) };
    Ok(())
}
