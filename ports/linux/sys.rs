// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system's own types: descriptors, error numbers, socket addresses.

use crate::address::Ip;
use crate::port::{mote_address, mote_status};
use crate::status::Error;
use core::ffi::c_int;
use core::mem::zeroed;
use core::ptr;
use std::thread::JoinHandle;

/// A descriptor, closed when dropped.
pub(super) struct Fd(c_int);

impl Fd {
    /// Takes over the descriptor that a system call gave, or says why it failed.
    ///
    /// One of the first three, which a program gets that was started with these closed, is moved: what others,
    /// or our own log, write to standard error must not go to a peer.
    pub(super) fn new(descriptor: c_int) -> Result<Fd, c_int> {
        if descriptor < 0 {
            return Err(errno());
        }
        let fd = Fd(descriptor);
        if descriptor > libc::STDERR_FILENO {
            return Ok(fd);
        }
        // SAFETY: a plain system call on an open descriptor.
        Fd::new(unsafe { libc::fcntl(fd.0, libc::F_DUPFD_CLOEXEC, libc::STDERR_FILENO + 1) })
    }

    /// The number.
    pub(super) fn raw(&self) -> c_int {
        self.0
    }

    /// Has `fd` watched by this epoll descriptor; `data` comes back with its events.
    pub(super) fn watch(&self, fd: &Fd, events: u32, data: u64) -> Result<(), c_int> {
        let mut event = libc::epoll_event { events, u64: data };
        // SAFETY: both descriptors are open, and `event` is readable.
        let result = unsafe { libc::epoll_ctl(self.0, libc::EPOLL_CTL_ADD, fd.0, &mut event) };
        if result < 0 { Err(errno()) } else { Ok(()) }
    }

    /// Makes this event descriptor readable. That it cannot count any further is as good. Any thread, any signal handler.
    pub(super) fn signal(&self) {
        let one = 1u64;
        // SAFETY: `one` is readable for eight bytes.
        unsafe { libc::write(self.0, ptr::from_ref(&one).cast(), 8) };
    }

    /// Empties this timer or event descriptor, so that it is not readable any more.
    pub(super) fn drain(&self) {
        let mut count = 0u64;
        // SAFETY: `count` is writable for eight bytes. That there is nothing to read is as good.
        unsafe { libc::read(self.0, ptr::from_mut(&mut count).cast(), 8) };
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours alone.
        unsafe { libc::close(self.0) };
    }
}

/// Why the last system call of this thread failed.
pub(super) fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Makes a system call that moves bytes, again as long as signals interrupt it: how many it moved, or why none.
pub(super) fn moved(mut call: impl FnMut() -> isize) -> Result<usize, c_int> {
    loop {
        match usize::try_from(call()) {
            Ok(count) => return Ok(count),
            Err(_) => match errno() {
                libc::EINTR => {}
                errno => return Err(errno),
            },
        }
    }
}

/// The status for a failure to open something.
pub(super) fn open_failure(errno: c_int) -> mote_status {
    match errno {
        libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS | libc::ENOSPC => Error::Full,
        libc::EADDRINUSE | libc::EADDRNOTAVAIL => Error::AddressInUse,
        libc::EHOSTUNREACH | libc::ENETUNREACH | libc::ENETDOWN | libc::EAFNOSUPPORT => Error::Unreachable,
        _ => Error::Io,
    }
    .code()
}

/// Milliseconds of the clock that goes on while the machine is suspended.
pub(super) fn now() -> u64 {
    // SAFETY: plain integers; all zero is a value.
    let mut time: libc::timespec = unsafe { zeroed() };
    // SAFETY: `time` is writable. The call cannot fail: the clock exists since Linux 2.6.39.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time) };
    (time.tv_sec as u64).saturating_mul(1000).saturating_add(time.tv_nsec as u64 / 1_000_000)
}

/// Microseconds of the clock that stands while the machine is suspended.
pub(super) fn microseconds() -> u64 {
    // SAFETY: plain integers; all zero is a value.
    let mut time: libc::timespec = unsafe { zeroed() };
    // SAFETY: `time` is writable. The call cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    (time.tv_sec as u64).saturating_mul(1_000_000).saturating_add(time.tv_nsec as u64 / 1000)
}

/// Sleeps for so many microseconds, less than a second; 0, or `EINTR` when a signal came.
pub(super) fn sleep(us: u32) -> c_int {
    let time = libc::timespec { tv_sec: 0, tv_nsec: (us * 1000) as libc::c_long };
    // SAFETY: the time is readable; how much was left is not asked for.
    unsafe { libc::clock_nanosleep(libc::CLOCK_MONOTONIC, 0, &time, ptr::null_mut()) }
}

/// Enough for a thread that asks the system's resolver, which reads files and speaks to servers.
const STACK: usize = 256 * 1024;

/// Runs `work` on a new thread, which takes no signals: they are for the application's threads.
///
/// # Errors
/// `Full` when the system has no room for it.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    // SAFETY: signal sets are plain memory, all of which the calls write; a new thread inherits the mask.
    unsafe {
        let (mut all, mut before) = (zeroed(), zeroed());
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let spawned = std::thread::Builder::new().name(name.into()).stack_size(STACK).spawn(work);
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut());
        spawned.map_err(|_| Error::Full)
    }
}

/// Sets an option of a socket.
pub(super) fn set_option<T>(fd: c_int, level: c_int, name: c_int, value: &T) -> Result<(), c_int> {
    // SAFETY: the value is readable for its size; the kernel checks all else.
    let result = unsafe {
        libc::setsockopt(fd, level, name, ptr::from_ref(value).cast(), size_of::<T>() as libc::socklen_t)
    };
    if result < 0 { Err(errno()) } else { Ok(()) }
}

/// Takes the pending error of a socket, 0 for none.
pub(super) fn take_error(fd: c_int) -> c_int {
    let mut error: c_int = 0;
    let mut len = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: `error` is writable for `len` bytes.
    let result = unsafe {
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, ptr::from_mut(&mut error).cast(), &mut len)
    };
    if result < 0 { errno() } else { error }
}

/// A socket address of either family.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) union SocketName {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl SocketName {
    /// A name without family, to be overwritten.
    pub(super) fn empty() -> SocketName {
        // SAFETY: plain integers in every variant.
        unsafe { zeroed() }
    }

    /// The address in the given family; `None` for an IPv6 address where there is only IPv4.
    pub(super) fn new(address: &mote_address, family: c_int) -> Option<SocketName> {
        let mut name = SocketName::empty();
        if family == libc::AF_INET {
            let v4 = match Ip(address.ip).to_v4() {
                Some(v4) => v4,
                None if Ip(address.ip).is_unspecified() => [0; 4],
                None => return None,
            };
            name.v4 = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port.to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4) },
                sin_zero: [0; 8],
            };
        } else {
            name.v6 = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: address.port.to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: address.ip },
                sin6_scope_id: address.scope,
            };
        }
        Some(name)
    }

    /// What the system wrote, as an address; all zero for a family that we do not know.
    pub(super) fn address(&self) -> mote_address {
        // SAFETY: the family comes first in every variant, and says which one is there.
        unsafe {
            match c_int::from(self.family) {
                libc::AF_INET => mote_address {
                    ip: Ip::v4(self.v4.sin_addr.s_addr.to_ne_bytes()).0,
                    scope: 0,
                    port: u16::from_be(self.v4.sin_port),
                    reserved: 0,
                },
                libc::AF_INET6 => mote_address {
                    ip: self.v6.sin6_addr.s6_addr,
                    scope: self.v6.sin6_scope_id,
                    port: u16::from_be(self.v6.sin6_port),
                    reserved: 0,
                },
                _ => mote_address::default(),
            }
        }
    }

    /// The length to give to the system.
    pub(super) fn len(&self) -> libc::socklen_t {
        // SAFETY: the family comes first in every variant.
        let v4 = unsafe { c_int::from(self.family) } == libc::AF_INET;
        (if v4 { size_of::<libc::sockaddr_in>() } else { size_of::<libc::sockaddr_in6>() }) as libc::socklen_t
    }

    /// The pointer to give to the system.
    pub(super) fn as_ptr(&self) -> *const libc::sockaddr {
        ptr::from_ref(self).cast()
    }

    /// The pointer for the system to write through.
    pub(super) fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        ptr::from_mut(self).cast()
    }
}

/// The name that a socket is bound to.
pub(super) fn bound_name(fd: c_int) -> Result<SocketName, c_int> {
    let mut name = SocketName::empty();
    let mut len = size_of::<SocketName>() as libc::socklen_t;
    // SAFETY: `name` is writable for `len` bytes.
    let result = unsafe { libc::getsockname(fd, name.as_mut_ptr(), &mut len) };
    if result < 0 { Err(errno()) } else { Ok(name) }
}
