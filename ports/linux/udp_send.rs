// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP: batches that go out by `sendmmsg`.
//!
//! Neighbours in a batch that go the same way and are of one length go down the system's stack as one (UDP
//! segmentation offload, Linux since 4.18), which cuts them apart at the latest possible place: for many short
//! answers to one peer that is most of the work saved. A capture on the sending machine shows them still joined.

use super::control::{self, Control};
use super::socket::{self, Kind, Socket};
use super::sys::{Fd, SocketName, errno, set_option};
use super::udp_batch::{BATCH, Batch, PASSED_OVER};
use crate::address::Ip;
use crate::port::{mote_address, mote_port_datagram, mote_status};
use crate::status::Error;
use core::ffi::{c_int, c_void};
use core::mem::{MaybeUninit, zeroed};

/// Not in every C library's headers.
const UDP_SEGMENT: c_int = 103;

/// The largest datagram that is joined with others: one that fits every link of IPv6, since the system would not
/// fragment it.
const LARGEST_SEGMENT: usize = 1280 - 40 - 8;

/// Whether the system knows how to cut datagrams apart. One that does not would send them as one.
pub(super) fn can_segment(fd: &Fd) -> bool {
    set_option(fd.raw(), libc::IPPROTO_UDP, UDP_SEGMENT, &0 as &c_int).is_ok()
}

/// The service: hands over as many datagrams as the system takes.
pub(super) unsafe extern "C" fn send(
    state: *mut c_void,
    handle: usize,
    datagrams: *const mote_port_datagram,
    count: usize,
    sent: *mut usize,
) -> mote_status {
    // SAFETY: state, handle and output are the node's, open and valid, by the service's contract.
    let Some((state, socket, sent)) =
        (unsafe { socket::moving(state, handle, Kind::is_udp, datagrams, count, sent) })
    else {
        return Error::Invalid.code();
    };
    // SAFETY: initialised by the caller, by the service's contract, for `count` entries.
    let datagrams = unsafe { core::slice::from_raw_parts(datagrams, count) };
    let mut taken = 0;
    for datagrams in datagrams.chunks(BATCH) {
        match send_batch(socket, datagrams) {
            Ok(accepted) => {
                taken += accepted;
                if accepted < datagrams.len() {
                    break;
                }
            }
            Err(error) if taken == 0 => {
                if error == Error::WouldBlock {
                    socket.block(state);
                }
                return error.code();
            }
            Err(_) => break,
        }
    }
    *sent = taken;
    0
}

/// How many of the datagrams at the front can go as one: the same way, of one length but for the last, which may be
/// shorter.
fn run_of(datagrams: &[mote_port_datagram]) -> usize {
    let Some(first) = datagrams.first().filter(|first| (1..=LARGEST_SEGMENT).contains(&first.len)) else {
        return 1;
    };
    // All together are one datagram to the system, whose length it keeps in 16 bits.
    let most = datagrams.len().min((usize::from(u16::MAX) - 48) / first.len).max(1);
    let fits = |other: &&mote_port_datagram| {
        other.len == first.len && other.remote == first.remote && other.local == first.local
    };
    let equal = 1 + datagrams[1..most].iter().take_while(fits).count();
    let shorter = |last: &mote_port_datagram| {
        (1..first.len).contains(&last.len) && last.remote == first.remote && last.local == first.local
    };
    equal + usize::from(datagrams[..most].get(equal).is_some_and(shorter))
}

fn send_batch(socket: &Socket, datagrams: &[mote_port_datagram]) -> Result<usize, Error> {
    if let [datagram] = datagrams {
        return send_one(socket, datagram);
    }
    let joined = socket.segments.get();
    match send_messages(socket, datagrams, joined) {
        // Something on the way may not be able to cut them apart, or it was about the first of them.
        Err(error) if joined && error != Error::WouldBlock && run_of(datagrams) > 1 => {
            let outcome = send_messages(socket, datagrams, false);
            socket.segments.set(outcome.is_err());
            outcome
        }
        outcome => outcome,
    }
}

fn send_messages(socket: &Socket, datagrams: &[mote_port_datagram], joined: bool) -> Result<usize, Error> {
    let mut batch = Batch::empty();
    let (mut messages, mut taken) = (0, 0);
    let Kind::Udp(family) = socket.kind else { return Err(Error::Invalid) };
    while let Some(datagram) = datagrams.get(taken) {
        let Some(name) = SocketName::new(&datagram.remote, family) else { break };
        let count = if joined { run_of(&datagrams[taken..]) } else { 1 };
        for (index, datagram) in datagrams.iter().enumerate().skip(taken).take(count) {
            batch.buffer(index, datagram.data, datagram.len);
        }
        let (header, control) = batch.put(messages, name, taken, count);
        if !put_departure(header, control, datagram, &socket.here.get(), family) {
            break;
        }
        if count > 1 {
            control::put(header, control, libc::IPPROTO_UDP, UDP_SEGMENT, datagram.len as u16);
        }
        messages += 1;
        taken += count;
    }
    if messages == 0 {
        return Err(Error::Unreachable);
    }
    let sent = attempt(|| {
        // SAFETY: the first `messages` messages point at the caller's buffers, which are only read, and at parts of
        // the batch, which does not move meanwhile.
        let sent = unsafe {
            libc::sendmmsg(socket.fd.raw(), batch.messages.as_mut_ptr().cast(), messages as _, FLAGS as _)
        };
        sent as isize
    })?;
    // SAFETY: put above.
    Ok((0..sent.unwrap_or(1).min(messages)).map(|index| unsafe { batch.buffers_of(index) }).sum())
}

/// Sends one datagram, which takes the system less time than as a batch.
fn send_one(socket: &Socket, datagram: &mote_port_datagram) -> Result<usize, Error> {
    let Kind::Udp(family) = socket.kind else { return Err(Error::Invalid) };
    let mut name = SocketName::new(&datagram.remote, family).ok_or(Error::Unreachable)?;
    let mut buffer = libc::iovec { iov_base: datagram.data.cast(), iov_len: datagram.len };
    let mut control = MaybeUninit::uninit();
    // SAFETY: integers and pointers; all zero is a value of each.
    let mut header: libc::msghdr = unsafe { zeroed() };
    if !put_departure(&mut header, &mut control, datagram, &socket.here.get(), family) {
        return Err(Error::Unreachable);
    }
    if header.msg_control.is_null() {
        // SAFETY: the datagram and the name are readable for their lengths.
        attempt(|| unsafe {
            let (data, len) = (datagram.data.cast(), datagram.len);
            libc::sendto(socket.fd.raw(), data, len, FLAGS, name.as_ptr(), name.len())
        })
    } else {
        header.msg_namelen = name.len();
        header.msg_name = name.as_mut_ptr().cast();
        header.msg_iov = &mut buffer;
        header.msg_iovlen = 1;
        // SAFETY: the header points at the caller's buffer, which is only read, and at what lies here.
        attempt(|| unsafe { libc::sendmsg(socket.fd.raw(), &header, FLAGS) })
    }
    .map(|_| 1)
}

const FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// Sends by `call`, and gives what that gives; `None` when the system lost the first of the datagrams.
fn attempt(mut call: impl FnMut() -> isize) -> Result<Option<usize>, Error> {
    let mut said = None;
    for _ in 0..PASSED_OVER {
        if let Ok(sent) = usize::try_from(call()) {
            return Ok(Some(sent));
        }
        let error = match errno() {
            libc::EAGAIN => return Err(Error::WouldBlock),
            // The system is short of memory for it: lost, as the network may lose any datagram.
            libc::ENOBUFS | libc::ENOMEM => return Ok(None),
            libc::EBADF | libc::ENOTSOCK | libc::EFAULT => return Err(Error::Io),
            libc::EINTR | libc::ECONNREFUSED => continue,
            libc::EMSGSIZE => Error::TooLarge,
            // No route, no such source address, refused by a filter.
            _ => Error::Unreachable,
        };
        // It may have been what the network said about an earlier datagram, which it says once.
        if said.replace(error) == Some(error) {
            return Err(error);
        }
    }
    Err(said.unwrap_or(Error::Unreachable))
}

/// Says in the ancillary data from which address and interface a datagram leaves, where that
/// matters. False when no datagram can go between the two addresses.
fn put_departure(
    header: &mut libc::msghdr,
    control: &mut MaybeUninit<Control>,
    datagram: &mote_port_datagram,
    here: &mote_address,
    family: c_int,
) -> bool {
    let (remote, local) = (Ip(datagram.remote.ip), Ip(datagram.local.ip));
    // A socket bound to one address sends from there anyway.
    let known = !local.is_unspecified() && (local.0 != here.ip || remote.is_multicast());
    if known && local.to_v4().is_some() != remote.to_v4().is_some() {
        return false;
    }
    let scope = if remote.is_multicast() || (known && local.is_link_local()) {
        if datagram.remote.scope != 0 { datagram.remote.scope } else { datagram.local.scope }
    } else {
        0
    };
    if !known && scope == 0 {
        return true;
    }
    if family == libc::AF_INET {
        let address = local.to_v4().unwrap_or([0; 4]);
        let info = libc::in_pktinfo {
            ipi_ifindex: scope as c_int,
            ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(address) },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        control::put(header, control, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
    } else {
        // An IPv4 datagram of a dual-stack socket wants its source mapped, "any" too.
        let address = if !known && remote.to_v4().is_some() { Ip::v4([0; 4]) } else { local };
        let info =
            libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: address.0 }, ipi6_ifindex: scope as _ };
        control::put(header, control, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::SocketAddress;
    use crate::port::{mote_port, mote_port_udp};
    use std::net::UdpSocket;
    use std::time::Duration;

    /// The system refuses to cut apart what is sent without a checksum: each goes by itself then.
    #[test]
    fn what_cannot_be_cut_apart_is_sent_one_by_one() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let there = SocketAddress::new(Ip::v4([127, 0, 0, 1]), receiver.local_addr().unwrap().port());
        let here = SocketAddress::new(Ip::v4([127, 0, 0, 1]), 0).into();
        let mut expected = 40;
        // SAFETY: the tables are complete, the state is zeroed, aligned and open while it is used.
        unsafe {
            let table: mote_port = *super::super::mote_port_linux();
            let udp: mote_port_udp = *table.udp;
            let mut block = vec![0u128; (table.state_size as usize).div_ceil(16)];
            let state: *mut c_void = block.as_mut_ptr().cast();
            assert_eq!(table.open.unwrap()(state, core::ptr::null_mut()), 0);
            let mut handle = 0;
            assert_eq!(udp.open.unwrap()(state, &here, 0, 1, &mut handle), 0);
            let socket = Socket::of(handle, Kind::is_udp).unwrap();
            let mut payloads: Vec<[u8; 4]> = (0..20).map(|number| [number; 4]).collect();
            let datagrams: Vec<_> = payloads
                .iter_mut()
                .map(|payload| mote_port_datagram {
                    remote: there.into(),
                    local: mote_address::default(),
                    data: payload.as_mut_ptr(),
                    len: payload.len(),
                    flags: 0,
                    reserved: 0,
                })
                .collect();
            assert_eq!(run_of(&datagrams), 20);
            if socket.segments.get() {
                expected += 20;
                let sent = send_messages(socket, &datagrams, true);
                assert_eq!((sent, socket.segments.get()), (Ok(20), true));
            }
            for _ in 0..2 {
                set_option(socket.fd.raw(), libc::SOL_SOCKET, libc::SO_NO_CHECK, &1 as &c_int).unwrap();
                assert_eq!(send_batch(socket, &datagrams), Ok(20));
                assert!(!socket.segments.get());
            }
            table.close.unwrap()(state);
        }
        let mut buffer = [0; 16];
        for number in (0..expected).map(|index| index % 20) {
            assert_eq!(receiver.recv(&mut buffer).unwrap(), 4);
            assert_eq!(buffer[..4], [number; 4]);
        }
    }
}
