// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP: what the network says of datagrams that it could not deliver (ICMP), from the error queue of a socket.
//!
//! While something is in that queue the system reports the socket over and over to whoever polls it, and each
//! report fails one call that may be about another peer; so it is emptied as soon as it is told of.

use super::control;
use super::socket::Socket;
use super::sys::{self, Fd, SocketName, set_option};
use super::udp_batch::BATCH;
use crate::port::{MOTE_UDP_REFUSED, MOTE_UDP_UNREACHABLE, mote_address, mote_port_datagram};
use core::ffi::c_int;
use core::mem::{MaybeUninit, zeroed};

/// Room for the ancillary data of one report: what was said and by whom, and packet infos of both families.
const CONTROL: usize = 32;

/// Destination Unreachable of ICMP (RFC 792), and its codes for a protocol or port that nobody listens at.
const UNREACHABLE_V4: u8 = 3;
const FRAGMENTATION_NEEDED_V4: u8 = 4;
const REFUSED_V4: [u8; 2] = [2, 3];
/// Destination Unreachable of ICMPv6, and its code for a port that nobody listens at (RFC 4443 section 3.1).
const UNREACHABLE_V6: u8 = 1;
const REFUSED_V6: u8 = 4;

/// Has reports kept. A socket of IPv6 may carry IPv4 too. Where the system keeps none, calls fail now and then for what was
/// said, and are repeated.
pub(super) fn ask(fd: &Fd, family: c_int) {
    let on: c_int = 1;
    if family == libc::AF_INET6 {
        let _ = set_option(fd.raw(), libc::IPPROTO_IPV6, libc::IPV6_RECVERR, &on);
    }
    let _ = set_option(fd.raw(), libc::IPPROTO_IP, libc::IP_RECVERR, &on);
}

/// Takes reports, as many as there is room for; what says nothing of its datagram's fate is dropped.
pub(super) fn take(socket: &Socket, datagrams: &mut [mote_port_datagram]) -> usize {
    let mut taken = 0;
    for _ in 0..BATCH {
        let Some(datagram) = datagrams.get_mut(taken) else { return taken };
        match take_one(socket, datagram) {
            Some(true) => taken += 1,
            Some(false) => {}
            None => {
                socket.reports.set(false);
                return taken;
            }
        }
    }
    taken
}

/// Takes one report: whether it says that its datagram was lost. `None` when there is none.
fn take_one(socket: &Socket, datagram: &mut mote_port_datagram) -> Option<bool> {
    let mut name = SocketName::empty();
    let mut buffer = libc::iovec { iov_base: datagram.data.cast(), iov_len: datagram.len };
    let mut control = MaybeUninit::<[u64; CONTROL]>::uninit();
    // SAFETY: integers and pointers; all zero is a value of each.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_name = name.as_mut_ptr().cast();
    header.msg_namelen = size_of::<SocketName>() as _;
    header.msg_iov = &mut buffer;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control) as _;
    let queue = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: the header points at the caller's buffer and at what lies here.
    let received = sys::moved(|| unsafe { libc::recvmsg(socket.fd.raw(), &mut header, queue) }).ok()?;
    // SAFETY: just received.
    let flags = unsafe { fate(&header) };
    if flags != 0 {
        datagram.remote = name.address();
        datagram.local = mote_address::default();
        datagram.len = received;
        datagram.flags = flags;
        datagram.reserved = 0;
    }
    Some(flags != 0)
}

/// What a report says of its datagram: a `MOTE_UDP_…` flag, or 0 when it may have arrived.
///
/// # Safety
/// The system filled the header in, receiving the report.
unsafe fn fate(header: &libc::msghdr) -> u32 {
    for (level, kind) in [(libc::IPPROTO_IPV6, libc::IPV6_RECVERR), (libc::IPPROTO_IP, libc::IP_RECVERR)] {
        // SAFETY: filled, by the contract above; integers.
        if let Some(said) = unsafe { control::find::<libc::sock_extended_err>(header, level, kind) } {
            return meaning(said.ee_origin, said.ee_type, said.ee_code);
        }
    }
    0
}

/// Time exceeded, a packet too big and the like are none of the engines' business (RFC 7252 section 4.2).
fn meaning(origin: u8, kind: u8, code: u8) -> u32 {
    match (origin, kind) {
        (libc::SO_EE_ORIGIN_ICMP, UNREACHABLE_V4) if code != FRAGMENTATION_NEEDED_V4 => {
            if REFUSED_V4.contains(&code) { MOTE_UDP_REFUSED } else { MOTE_UDP_UNREACHABLE }
        }
        (libc::SO_EE_ORIGIN_ICMP6, UNREACHABLE_V6) => {
            if code == REFUSED_V6 {
                MOTE_UDP_REFUSED
            } else {
                MOTE_UDP_UNREACHABLE
            }
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ends_a_datagram_counts() {
        let (v4, v6) = (libc::SO_EE_ORIGIN_ICMP, libc::SO_EE_ORIGIN_ICMP6);
        for (origin, kind, code, flags) in [
            (v4, 3, 0, MOTE_UDP_UNREACHABLE),
            (v4, 3, 1, MOTE_UDP_UNREACHABLE),
            (v4, 3, 2, MOTE_UDP_REFUSED),
            (v4, 3, 3, MOTE_UDP_REFUSED),
            (v4, 3, 13, MOTE_UDP_UNREACHABLE),
            (v6, 1, 0, MOTE_UDP_UNREACHABLE),
            (v6, 1, 4, MOTE_UDP_REFUSED),
            // Fragmentation needed, source quench, time exceeded, packet too big; what the system itself says.
            (v4, 3, 4, 0),
            (v4, 4, 0, 0),
            (v4, 11, 0, 0),
            (v6, 2, 0, 0),
            (v6, 3, 0, 0),
            (libc::SO_EE_ORIGIN_LOCAL, 3, 3, 0),
        ] {
            assert_eq!(meaning(origin, kind, code), flags, "{origin} {kind} {code}");
        }
    }
}
