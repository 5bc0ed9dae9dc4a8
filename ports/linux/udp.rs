// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP: batches by `recvmmsg` and `sendmmsg`, straight over the caller's arrays.

use super::socket::{self, Kind, Socket};
use super::sys::{self, Fd, SocketName, errno, open_failure, set_option};
use super::{State, multicast, status};
use crate::address::Ip;
use crate::port::{
    MOTE_UDP_REUSE, MOTE_UDP_TRUNCATED, mote_address, mote_port_datagram, mote_port_udp, mote_status,
};
use crate::status::Error;
use core::ffi::{c_int, c_void};
use core::mem::{MaybeUninit, zeroed};
use core::ptr;

pub(super) static UDP: mote_port_udp = mote_port_udp {
    size: size_of::<mote_port_udp>() as u32,
    reserved: 0,
    open: Some(open),
    close: Some(close),
    local_address: Some(local_address),
    receive: Some(receive),
    send: Some(send),
    join: Some(join),
    leave: Some(leave),
};

/// How many datagrams go through one system call.
const BATCH: usize = 64;

/// How many errors about earlier datagrams are passed over at once.
const PASSED_OVER: usize = 16;

/// Room for the ancillary data of one datagram, a packet info of either family, aligned for its header.
const CONTROL: usize = 8;

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
        *handle = socket::open(state, fd, Kind::Udp(family), token)? as usize;
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
    .map_err(open_failure)
}

fn bind(local: &mote_address, options: u32, family: c_int) -> Result<Fd, c_int> {
    // SAFETY: a plain system call.
    let fd = Fd::new(unsafe {
        libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0)
    })?;
    let (on, off): (c_int, c_int) = (1, 0);
    let set = |level, name, value: c_int| set_option(fd.raw(), level, name, &value);
    if options & MOTE_UDP_REUSE != 0 {
        set(libc::SOL_SOCKET, libc::SO_REUSEADDR, on)?;
    }
    set(libc::SOL_SOCKET, libc::SO_BROADCAST, on)?;
    if family == libc::AF_INET6 {
        set(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, if Ip(local.ip).is_unspecified() { off } else { on })?;
        // Covers IPv4 too: the address comes in its mapped form.
        set(libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, on)?;
        set(libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP, on)?;
        set(libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS, MULTICAST_HOPS)?;
        // Only groups that this socket has joined. Older kernels lack the option: the engines
        // see the group a datagram was sent to, so it is no more than a filter that saves work.
        let _ = set(libc::IPPROTO_IPV6, IPV6_MULTICAST_ALL, off);
    } else {
        set(libc::IPPROTO_IP, libc::IP_PKTINFO, on)?;
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

unsafe extern "C" fn close(state: *mut c_void, handle: usize) {
    // SAFETY: the state is the node's and the handle open or 0, by the service's contract.
    unsafe {
        if let (Ok(state), Ok(_)) = (State::of(state), Socket::of(handle, Kind::is_udp)) {
            socket::close(state, handle as *mut Socket);
        }
    }
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

/// What belongs to one datagram of a system call.
struct Entry {
    name: SocketName,
    buffer: libc::iovec,
    control: MaybeUninit<[u64; CONTROL]>,
}

/// What one system call works on. Only the front in use is ever initialised or looked at.
struct Batch {
    messages: [MaybeUninit<libc::mmsghdr>; BATCH],
    entries: [MaybeUninit<Entry>; BATCH],
}

impl Batch {
    const fn empty() -> Batch {
        Batch {
            messages: [const { MaybeUninit::uninit() }; BATCH],
            entries: [const { MaybeUninit::uninit() }; BATCH],
        }
    }

    /// Initialises message `index` and gives its header and the control buffer, which is not initialised. The
    /// pointers in it hold until the batch moves.
    fn put(
        &mut self,
        index: usize,
        name: SocketName,
        data: *mut u8,
        len: usize,
    ) -> (&mut libc::msghdr, &mut MaybeUninit<[u64; CONTROL]>) {
        let buffer = libc::iovec { iov_base: data.cast(), iov_len: len };
        let entry = self.entries[index].write(Entry { name, buffer, control: MaybeUninit::uninit() });
        // SAFETY: integers and pointers; all zero is a value of each.
        let message = self.messages[index].write(unsafe { zeroed() });
        let header = &mut message.msg_hdr;
        header.msg_name = ptr::from_mut(&mut entry.name).cast();
        header.msg_namelen = name.len();
        header.msg_iov = &mut entry.buffer;
        header.msg_iovlen = 1;
        (header, &mut entry.control)
    }

    /// The message and the name at `index`.
    ///
    /// # Safety
    /// They have been put.
    unsafe fn get(&self, index: usize) -> (&libc::mmsghdr, &SocketName) {
        // SAFETY: by the contract above.
        unsafe { (self.messages[index].assume_init_ref(), &self.entries[index].assume_init_ref().name) }
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
    let (state, socket, count) =
        match unsafe { (State::of(state), Socket::of(handle, Kind::is_udp), count.as_mut()) } {
            (Ok(state), Ok(socket), Some(count)) if !datagrams.is_null() && capacity > 0 => {
                (state, socket, count)
            }
            _ => return Error::Invalid.code(),
        };
    let limit = capacity.min(BATCH);
    // SAFETY: initialised by the caller, by the service's contract, for at least `limit` entries.
    let datagrams = unsafe { core::slice::from_raw_parts_mut(datagrams, limit) };
    match receive_batch(state, socket, datagrams) {
        Ok(received) => {
            if received == limit {
                socket.leave_behind(state);
            } else {
                socket.drained();
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
    let mut batch = Batch::empty();
    for (index, datagram) in datagrams.iter().enumerate() {
        let (header, control) = batch.put(index, SocketName::empty(), datagram.data, datagram.len);
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = size_of::<[u64; CONTROL]>() as _;
    }
    let received = receive_messages(state, socket, &mut batch, datagrams.len())?;
    for (datagram, index) in datagrams.iter_mut().zip(0..received) {
        // SAFETY: put above; the system has filled in as many as it received.
        let (message, name) = unsafe { batch.get(index) };
        datagram.remote = name.address();
        datagram.local = arrival_address(&message.msg_hdr);
        datagram.len = message.msg_len as usize;
        datagram.flags =
            if message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 { MOTE_UDP_TRUNCATED } else { 0 };
        datagram.reserved = 0;
    }
    Ok(received)
}

fn receive_messages(state: &State, socket: &Socket, batch: &mut Batch, limit: usize) -> Result<usize, Error> {
    for _ in 0..PASSED_OVER {
        // SAFETY: the first `limit` messages point at the caller's buffers and at parts of the batch, which does
        // not move meanwhile.
        let received = unsafe {
            libc::recvmmsg(
                socket.fd.raw(),
                batch.messages.as_mut_ptr().cast(),
                limit as _,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        match usize::try_from(received) {
            Ok(0) => {}
            Ok(received) => return Ok(received.min(limit)),
            Err(_) => match errno() {
                libc::EAGAIN => {
                    socket.drained();
                    return Err(Error::WouldBlock);
                }
                libc::EBADF | libc::ENOTSOCK | libc::EFAULT | libc::EINVAL => return Err(Error::Io),
                // What the network said about an earlier datagram, or an interruption.
                _ => {}
            },
        }
    }
    // Let the node do something else first.
    socket.leave_behind(state);
    Err(Error::WouldBlock)
}

/// The own address that a datagram was sent to, from its ancillary data.
fn arrival_address(header: &libc::msghdr) -> mote_address {
    let mut address = mote_address::default();
    // SAFETY: the system filled the control buffer that the header describes, and the header macros stay inside it;
    // the payloads are read unaligned, and are there by their length.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(head) = control.as_ref() {
            // Not of the same type in every C library.
            #[allow(clippy::unnecessary_cast)]
            let len = head.cmsg_len as usize;
            match (head.cmsg_level, head.cmsg_type) {
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO)
                    if len >= libc::CMSG_LEN(size_of::<libc::in6_pktinfo>() as u32) as usize =>
                {
                    let info = libc::CMSG_DATA(head).cast::<libc::in6_pktinfo>().read_unaligned();
                    address.ip = info.ipi6_addr.s6_addr;
                    address.scope = info.ipi6_ifindex as u32;
                }
                (libc::IPPROTO_IP, libc::IP_PKTINFO)
                    if len >= libc::CMSG_LEN(size_of::<libc::in_pktinfo>() as u32) as usize =>
                {
                    let info = libc::CMSG_DATA(head).cast::<libc::in_pktinfo>().read_unaligned();
                    address.ip = Ip::v4(info.ipi_addr.s_addr.to_ne_bytes()).0;
                    address.scope = info.ipi_ifindex as u32;
                }
                _ => {}
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    if !Ip(address.ip).is_link_local() && !Ip(address.ip).is_multicast() {
        address.scope = 0;
    }
    address
}

unsafe extern "C" fn send(
    state: *mut c_void,
    handle: usize,
    datagrams: *const mote_port_datagram,
    count: usize,
    sent: *mut usize,
) -> mote_status {
    // SAFETY: state, handle and output are the node's, open and valid, by the service's contract.
    let (state, socket, sent) =
        match unsafe { (State::of(state), Socket::of(handle, Kind::is_udp), sent.as_mut()) } {
            (Ok(state), Ok(socket), Some(sent)) if !datagrams.is_null() && count > 0 => (state, socket, sent),
            _ => return Error::Invalid.code(),
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

fn send_batch(socket: &Socket, datagrams: &[mote_port_datagram]) -> Result<usize, Error> {
    let mut batch = Batch::empty();
    let mut ready = 0;
    let Kind::Udp(family) = socket.kind else { return Err(Error::Invalid) };
    for datagram in datagrams {
        let Some(name) = SocketName::new(&datagram.remote, family) else { break };
        let (header, control) = batch.put(ready, name, datagram.data, datagram.len);
        if !put_departure(header, control, datagram, family) {
            break;
        }
        ready += 1;
    }
    if ready == 0 {
        return Err(Error::Unreachable);
    }
    for _ in 0..PASSED_OVER {
        // SAFETY: the first `ready` messages point at the caller's buffers, which are only read, and at parts of
        // the batch, which does not move meanwhile.
        let sent = unsafe {
            libc::sendmmsg(
                socket.fd.raw(),
                batch.messages.as_mut_ptr().cast(),
                ready as _,
                (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
            )
        };
        if let Ok(sent) = usize::try_from(sent) {
            return Ok(sent);
        }
        return Err(match errno() {
            libc::EAGAIN => Error::WouldBlock,
            libc::EMSGSIZE => Error::TooLarge,
            // The system is short of memory for it: lost, as the network may lose any datagram.
            libc::ENOBUFS | libc::ENOMEM => return Ok(1),
            // What the network said about an earlier datagram, or an interruption.
            libc::ECONNREFUSED | libc::EINTR => continue,
            libc::EBADF | libc::ENOTSOCK | libc::EFAULT => Error::Io,
            // No route, no such source address, refused by a filter.
            _ => Error::Unreachable,
        });
    }
    Err(Error::Unreachable)
}

/// Says in the ancillary data from which address and interface a datagram leaves, where that
/// matters. False when no datagram can go between the two addresses.
fn put_departure(
    header: &mut libc::msghdr,
    control: &mut MaybeUninit<[u64; CONTROL]>,
    datagram: &mote_port_datagram,
    family: c_int,
) -> bool {
    let (remote, local) = (Ip(datagram.remote.ip), Ip(datagram.local.ip));
    let known = !local.is_unspecified();
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
    // The system takes its padding, too.
    header.msg_control = control.write([0; CONTROL]).as_mut_ptr().cast();
    header.msg_controllen = size_of::<[u64; CONTROL]>() as _;
    if family == libc::AF_INET {
        let address = local.to_v4().unwrap_or([0; 4]);
        let info = libc::in_pktinfo {
            ipi_ifindex: scope as c_int,
            ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(address) },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        put_control(header, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
    } else {
        // An IPv4 datagram of a dual-stack socket wants its source mapped, "any" too.
        let address = if !known && remote.to_v4().is_some() { Ip::v4([0; 4]) } else { local };
        let info =
            libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: address.0 }, ipi6_ifindex: scope as _ };
        put_control(header, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
    }
    true
}

fn put_control<T>(header: &mut libc::msghdr, level: c_int, kind: c_int, info: T) {
    const { assert!(size_of::<T>() + size_of::<libc::cmsghdr>() + 8 <= size_of::<[u64; CONTROL]>()) };
    // SAFETY: the header names a control buffer that has room for a header and `T`, as asserted; both are
    // written within it, the payload unaligned.
    unsafe {
        header.msg_controllen = libc::CMSG_SPACE(size_of::<T>() as u32) as _;
        let head = libc::CMSG_FIRSTHDR(header);
        (*head).cmsg_level = level;
        (*head).cmsg_type = kind;
        (*head).cmsg_len = libc::CMSG_LEN(size_of::<T>() as u32) as _;
        libc::CMSG_DATA(head).cast::<T>().write_unaligned(info);
    }
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
