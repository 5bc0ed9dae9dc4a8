// SPDX-License-Identifier: MIT OR Apache-2.0
//! TCP connections.

use super::socket::{self, Kind, Socket};
use super::sys::{self, Fd, SocketName, errno, open_failure, set_option};
use super::{State, status};
use crate::address::Ip;
use crate::port::{mote_address, mote_port_tcp, mote_status};
use crate::status::Error;
use core::ffi::{c_int, c_void};

pub(super) static TCP: mote_port_tcp = mote_port_tcp {
    size: size_of::<mote_port_tcp>() as u32,
    reserved: 0,
    open: Some(open),
    connected: Some(connected),
    receive: Some(receive),
    send: Some(send),
    shutdown: Some(shutdown),
    close: Some(close),
};

unsafe extern "C" fn open(
    state: *mut c_void,
    remote: *const mote_address,
    token: u32,
    handle: *mut usize,
) -> mote_status {
    // SAFETY: the state is the node's, the pointers are valid or NULL, by the service's contract.
    let (state, remote, handle) = match unsafe { (State::of(state), remote.as_ref(), handle.as_mut()) } {
        (Ok(state), Some(remote), Some(handle)) => (state, remote, handle),
        _ => return Error::Invalid.code(),
    };
    status(connect(remote).map_err(open_failure).and_then(|(fd, failed)| {
        let socket = socket::open(state, fd, Kind::Tcp, token)?;
        // SAFETY: just opened.
        unsafe { (*socket).ended.set(failed) };
        *handle = socket as usize;
        Ok(())
    }))
}

/// How many bytes the system takes beyond those under way to the peer.
const UNSENT: c_int = 128 << 10;

/// Begins to connect: the socket, and why the attempt has failed already, or 0.
fn connect(remote: &mote_address) -> Result<(Fd, mote_status), c_int> {
    let family = if Ip(remote.ip).to_v4().is_some() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: a plain system call.
    let fd = Fd::new(unsafe {
        libc::socket(family, libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0)
    })?;
    // Engines write whole messages, and wait for the answer: holding back small segments costs a round trip.
    let on: c_int = 1;
    set_option(fd.raw(), libc::IPPROTO_TCP, libc::TCP_NODELAY, &on)?;
    // What the peer has no room for yet waits with the engine, where other messages may still pass it and the application
    // hears that things go slowly, not in megabytes of the system's. Systems without this do without.
    let _ = set_option(fd.raw(), libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, &UNSENT);
    let name = SocketName::new(remote, family).ok_or(libc::EAFNOSUPPORT)?;
    // SAFETY: `name` is readable for its length.
    let failed = if unsafe { libc::connect(fd.raw(), name.as_ptr(), name.len()) } == 0 {
        0
    } else {
        match errno() {
            libc::EINPROGRESS | libc::EINTR => 0,
            // A peer on this machine may refuse at once; it is told like one far away.
            errno @ (libc::ECONNREFUSED | libc::ECONNRESET | libc::ETIMEDOUT) => connect_failure(errno),
            // There is no address, or no port, of ours to go from; or a filter forbids it.
            libc::EADDRNOTAVAIL | libc::EACCES | libc::EPERM => return Err(libc::ENETUNREACH),
            errno => return Err(errno),
        }
    };
    Ok((fd, failed))
}

fn connect_failure(errno: c_int) -> mote_status {
    match errno {
        libc::ECONNREFUSED | libc::ECONNRESET => Error::Refused,
        libc::ETIMEDOUT => Error::Timeout,
        libc::EHOSTUNREACH | libc::ENETUNREACH | libc::ENETDOWN | libc::EHOSTDOWN | libc::EACCES => {
            Error::Unreachable
        }
        _ => Error::Io,
    }
    .code()
}

unsafe extern "C" fn connected(_state: *mut c_void, handle: usize) -> mote_status {
    // SAFETY: the handle is open or 0, by the service's contract.
    match unsafe { Socket::of(handle, Kind::is_tcp) } {
        Ok(socket) => status(check_connected(socket)),
        Err(status) => status,
    }
}

fn check_connected(socket: &Socket) -> Result<(), mote_status> {
    if !socket.connecting.get() {
        return Ok(());
    }
    if socket.ended.get() != 0 {
        return Err(socket.ended.get());
    }
    let mut poll = libc::pollfd { fd: socket.fd.raw(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one entry, writable; does not wait.
    if unsafe { libc::poll(&mut poll, 1, 0) } <= 0 {
        return Err(Error::WouldBlock.code());
    }
    match sys::take_error(socket.fd.raw()) {
        0 => {
            socket.connecting.set(false);
            Ok(())
        }
        errno => {
            socket.ended.set(connect_failure(errno));
            Err(socket.ended.get())
        }
    }
}

unsafe extern "C" fn receive(
    state: *mut c_void,
    handle: usize,
    out: *mut u8,
    capacity: usize,
    received: *mut usize,
) -> mote_status {
    // SAFETY: state, handle and output are the node's, open and valid, by the service's contract.
    let Some((state, socket, received)) =
        (unsafe { socket::moving(state, handle, Kind::is_tcp, out, capacity, received) })
    else {
        return Error::Invalid.code();
    };
    if socket.ended.get() != 0 {
        return socket.ended.get();
    }
    // Less than was asked for means that the system had no more, and that it reports what comes from
    // then on: asking once more would only be told so.
    if socket.emptied.get() {
        return Error::WouldBlock.code();
    }
    // SAFETY: `out` is writable for `capacity` bytes, by the service's contract.
    let receive = || unsafe { libc::recv(socket.fd.raw(), out.cast(), capacity, libc::MSG_DONTWAIT) };
    match sys::moved(receive) {
        Ok(0) => {
            socket.ended.set(Error::Closed.code());
            Error::Closed.code()
        }
        Ok(count) => {
            socket.unanswered.set(state.rest.came(socket.unanswered.get(), count));
            // There may be more, or the end that was announced together with these bytes.
            if count == capacity || socket.announced.get() {
                socket.leave_behind(state);
            } else {
                socket.drained();
                socket.emptied.set(true);
            }
            *received = count;
            0
        }
        Err(libc::EAGAIN) => {
            socket.drained();
            Error::WouldBlock.code()
        }
        Err(libc::ENOMEM | libc::ENOBUFS) => {
            socket.leave_behind(state);
            Error::WouldBlock.code()
        }
        Err(_) => {
            socket.ended.set(Error::Reset.code());
            Error::Reset.code()
        }
    }
}

unsafe extern "C" fn send(
    state: *mut c_void,
    handle: usize,
    data: *const u8,
    len: usize,
    sent: *mut usize,
) -> mote_status {
    // SAFETY: state, handle and output are the node's, open and valid, by the service's contract.
    let Some((state, socket, sent)) =
        (unsafe { socket::moving(state, handle, Kind::is_tcp, data, len, sent) })
    else {
        return Error::Invalid.code();
    };
    // The peer's orderly end leaves our direction open.
    if socket.ended.get() != 0 && socket.ended.get() != Error::Closed.code() {
        return socket.ended.get();
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: `data` is readable for `len` bytes, by the service's contract.
    match sys::moved(|| unsafe { libc::send(socket.fd.raw(), data.cast(), len, flags) }) {
        Ok(0) => Error::WouldBlock.code(),
        Ok(count) => {
            socket.unanswered.set(0);
            if count < len {
                socket.block(state);
            }
            *sent = count;
            0
        }
        // Not connected yet says the same as no room.
        Err(libc::EAGAIN) => {
            socket.block(state);
            Error::WouldBlock.code()
        }
        Err(libc::ENOMEM | libc::ENOBUFS) => {
            socket.block(state);
            socket.leave_behind(state);
            Error::WouldBlock.code()
        }
        Err(_) => {
            if socket.ended.get() == 0 {
                // What the peer sent before it broke the connection is gone: so is the rest.
                socket.ended.set(Error::Reset.code());
            }
            Error::Reset.code()
        }
    }
}

unsafe extern "C" fn shutdown(_state: *mut c_void, handle: usize) {
    // SAFETY: the handle is open or 0, by the service's contract.
    if let Ok(socket) = unsafe { Socket::of(handle, Kind::is_tcp) } {
        // SAFETY: a plain system call. It fails where there is no connection to end.
        unsafe { libc::shutdown(socket.fd.raw(), libc::SHUT_WR) };
    }
}

unsafe extern "C" fn close(state: *mut c_void, handle: usize) {
    // SAFETY: the state is the node's and the handle open or 0, by the service's contract.
    unsafe { socket::close_handle(state, handle, Kind::is_tcp) }
}
