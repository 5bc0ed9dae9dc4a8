// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP: sockets, and batches that come in by `recvmmsg`, straight over the caller's arrays.

use super::socket::{self, Kind, Socket};
use super::sys::{self, Fd, SocketName, errno, open_failure, set_option};
use super::udp_batch::{BATCH, Batch, arrival_address, as_arrival};
use super::{State, multicast, status, udp_errors, udp_gro, udp_send};
use crate::address::Ip;
use crate::port::{
    MOTE_UDP_REUSE, MOTE_UDP_TRUNCATED, mote_address, mote_port_datagram, mote_port_udp, mote_status,
};
use crate::status::Error;
use core::ffi::{c_int, c_void};

pub(super) static UDP: mote_port_udp = mote_port_udp {
    size: size_of::<mote_port_udp>() as u32,
    reserved: 0,
    open: Some(open),
    close: Some(close),
    local_address: Some(local_address),
    receive: Some(receive),
    send: Some(udp_send::send),
    join: Some(join),
    leave: Some(leave),
};

/// Linux since 4.20; not in every C library's headers.
const IPV6_MULTICAST_ALL: c_int = 29;

/// How far IPv6 multicast goes: its scope bounds it, so the hop limit need not.
const MULTICAST_HOPS: c_int = 64;

unsafe extern "C" fn open(
    state: *mut c_void,
    local: *const mote_address,
    options: u32,
    token: u32,
    handle: *mut usize,
) -> mote_status {
    // SAFETY: the state is the node's, the pointers are valid or NULL, by the service's contract.
    let (state, local, handle) = match unsafe { (State::of(state), local.as_ref(), handle.as_mut()) } {
        (Ok(state), Some(local), Some(handle)) => (state, local, handle),
        _ => return Error::Invalid.code(),
    };
    status(open_socket(local, options).and_then(|(fd, family)| {
        udp_errors::ask(&fd, family);
        let segments = udp_send::can_segment(&fd);
        let here = only_address(&fd);
        let socket = socket::open(state, fd, Kind::Udp(family), token)?;
        // SAFETY: just opened.
        let opened = unsafe { &*socket };
        opened.segments.set(segments);
        opened.here.set(here);
        *handle = socket as usize;
        Ok(())
    }))
}

/// Opens a socket at `local`, and says of which family it is.
pub(super) fn open_socket(local: &mote_address, options: u32) -> Result<(Fd, c_int), mote_status> {
    if options & !MOTE_UDP_REUSE != 0 {
        return Err(Error::Unsupported.code());
    }
    let family = if Ip(local.ip).to_v4().is_some() { libc::AF_INET } else { libc::AF_INET6 };
    match bind(local, options, family) {
        // A kernel without IPv6: all there is, is IPv4.
        Err(libc::EAFNOSUPPORT) if Ip(local.ip).is_unspecified() => {
            bind(local, options, libc::AF_INET).map(|fd| (fd, libc::AF_INET))
        }
        outcome => outcome.map(|fd| (fd, family)),
    }
    .map_err(|errno| match errno {
        // No address of this machine.
        libc::EADDRNOTAVAIL => Error::NotFound.code(),
        _ => open_failure(errno),
    })
}

fn bind(local: &mote_address, options: u32, family: c_int) -> Result<Fd, c_int> {
    // SAFETY: a plain system call.
    let fd = Fd::new(unsafe {
        libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0)
    })?;
    let (on, off): (c_int, c_int) = (1, 0);
    let set = |level, name, value: c_int| set_option(fd.raw(), level, name, &value);
    // What comes to one address alone need not tell where it came to.
    let tell = if is_one(local) { off } else { on };
    if options & MOTE_UDP_REUSE != 0 {
        set(libc::SOL_SOCKET, libc::SO_REUSEADDR, on)?;
    }
    set(libc::SOL_SOCKET, libc::SO_BROADCAST, on)?;
    if family == libc::AF_INET6 {
        set(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, if Ip(local.ip).is_unspecified() { off } else { on })?;
        // Covers IPv4 too: the address comes in its mapped form.
        set(libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, tell)?;
        set(libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP, on)?;
        set(libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS, MULTICAST_HOPS)?;
        // Only groups that this socket has joined. Older kernels lack the option: the engines
        // see the group a datagram was sent to, so it is no more than a filter that saves work.
        let _ = set(libc::IPPROTO_IPV6, IPV6_MULTICAST_ALL, off);
    } else {
        set(libc::IPPROTO_IP, libc::IP_PKTINFO, tell)?;
    }
    // The IPv4 side, of a dual-stack socket too. The path MTU is used where it is known, and larger datagrams
    // are fragmented here, whatever the system's default says.
    set(libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP, on)?;
    set(libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, off)?;
    set(libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_WANT)?;
    let name = SocketName::new(local, family).ok_or(libc::EAFNOSUPPORT)?;
    // SAFETY: `name` is readable for its length.
    if unsafe { libc::bind(fd.raw(), name.as_ptr(), name.len()) } < 0 {
        return Err(errno());
    }
    Ok(fd)
}

/// Whether a socket bound to this address gets what is sent to it alone: no group's datagrams, no broadcasts.
fn is_one(address: &mote_address) -> bool {
    !Ip(address.ip).is_unspecified() && !Ip(address.ip).is_multicast() && !is_limited_broadcast(address)
}

fn is_limited_broadcast(address: &mote_address) -> bool {
    Ip(address.ip).to_v4() == Some([255; 4])
}

/// The one address that a socket is bound to; all zero when there may be others.
fn only_address(fd: &Fd) -> mote_address {
    let bound = sys::bound_name(fd.raw()).map(|name| name.address()).unwrap_or_default();
    if is_one(&bound) { as_arrival(bound) } else { mote_address::default() }
}

unsafe extern "C" fn close(state: *mut c_void, handle: usize) {
    // SAFETY: the state is the node's and the handle open or 0, by the service's contract.
    unsafe { socket::close_handle(state, handle, Kind::is_udp) }
}

unsafe extern "C" fn local_address(
    _state: *mut c_void,
    handle: usize,
    local: *mut mote_address,
) -> mote_status {
    // SAFETY: the handle is open or 0 and the output valid or NULL, by the service's contract.
    let (socket, local) = match unsafe { (Socket::of(handle, Kind::is_udp), local.as_mut()) } {
        (Ok(socket), Some(local)) => (socket, local),
        _ => return Error::Invalid.code(),
    };
    match sys::bound_name(socket.fd.raw()) {
        Ok(name) => {
            *local = name.address();
            0
        }
        Err(_) => Error::Io.code(),
    }
}

unsafe extern "C" fn receive(
    state: *mut c_void,
    handle: usize,
    datagrams: *mut mote_port_datagram,
    capacity: usize,
    count: *mut usize,
) -> mote_status {
    // SAFETY: state, handle and output are the node's, open and valid, by the service's contract.
    let Some((state, socket, count)) =
        (unsafe { socket::moving(state, handle, Kind::is_udp, datagrams, capacity, count) })
    else {
        return Error::Invalid.code();
    };
    let limit = capacity.min(BATCH);
    // SAFETY: initialised by the caller, by the service's contract, for at least `limit` entries.
    let datagrams = unsafe { core::slice::from_raw_parts_mut(datagrams, limit) };
    if socket.reports.get() {
        let reported = udp_errors::take(socket, datagrams);
        if reported > 0 {
            // Datagrams may wait behind them.
            socket.leave_behind(state);
            *count = reported;
            return 0;
        }
    }
    let joined = udp_gro::receive(state, socket, datagrams);
    match joined.unwrap_or_else(|| receive_batch(state, socket, datagrams)) {
        Ok(received) => {
            if received == limit {
                socket.leave_behind(state);
            }
            *count = received;
            0
        }
        Err(error) => error.code(),
    }
}

fn receive_batch(
    state: &State,
    socket: &Socket,
    datagrams: &mut [mote_port_datagram],
) -> Result<usize, Error> {
    let here = socket.here.get();
    let alone = !Ip(here.ip).is_unspecified();
    let mut batch = Batch::empty();
    for (index, datagram) in datagrams.iter().enumerate() {
        batch.buffer(index, datagram.data, datagram.len);
        let (header, control) = batch.put(index, SocketName::empty(), index, 1);
        if !alone {
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = size_of_val(control) as _;
        }
    }
    let received = batch.receive(state, socket, datagrams.len())?;
    for (datagram, index) in datagrams.iter_mut().zip(0..received) {
        // SAFETY: put above; the system has filled in as many as it received.
        let (message, name) = unsafe { batch.get(index) };
        datagram.remote = name.address();
        // SAFETY: just received.
        datagram.local = if alone { here } else { unsafe { arrival_address(&message.msg_hdr) } };
        datagram.len = message.msg_len as usize;
        datagram.flags =
            if message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 { MOTE_UDP_TRUNCATED } else { 0 };
        datagram.reserved = 0;
    }
    if received < datagrams.len() {
        socket.drained();
    }
    Ok(received)
}

unsafe extern "C" fn join(_state: *mut c_void, handle: usize, group: *const mote_address) -> mote_status {
    // SAFETY: handle and group are open and valid or NULL, by the service's contract.
    unsafe { change_membership(handle, group, true) }
}

unsafe extern "C" fn leave(_state: *mut c_void, handle: usize, group: *const mote_address) -> mote_status {
    // SAFETY: handle and group are open and valid or NULL, by the service's contract.
    unsafe { change_membership(handle, group, false) }
}

/// # Safety
/// `handle` is 0 or open; `group` is NULL or readable.
unsafe fn change_membership(handle: usize, group: *const mote_address, join: bool) -> mote_status {
    // SAFETY: by the contract above.
    match unsafe { (Socket::of(handle, Kind::is_udp), group.as_ref()) } {
        (Ok(socket), Some(group)) => status(multicast::change(socket, group, join)),
        _ => Error::Invalid.code(),
    }
}
