// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host side of a border router: a TUN interface, its addresses and routes.

use super::socket::{self, Kind, Socket};
use super::sys::{self, Fd, errno, open_failure};
use super::{State, status};
use crate::ffi::arguments;
use crate::port::{mote_address, mote_bytes, mote_port_tun, mote_status};
use crate::status::Error;
use core::ffi::{c_int, c_void};
use core::mem::zeroed;
use core::ptr;

pub(super) static TUN: mote_port_tun = mote_port_tun {
    size: size_of::<mote_port_tun>() as u32,
    reserved: 0,
    open: Some(open),
    add_address: Some(add_address),
    add_route: Some(add_route),
    receive: Some(receive),
    send: Some(send),
    close: Some(close),
};

/// The least MTU of IPv6 (RFC 8200 §5), and the largest that a packet's length field allows for.
const MTU: core::ops::RangeInclusive<u32> = 1280..=65_535;

/// How many packets of other protocols are passed over at once.
const PASSED_OVER: usize = 16;

/// `struct in6_ifreq` of the kernel.
#[repr(C)]
struct AddressRequest {
    address: libc::in6_addr,
    prefix_len: u32,
    interface: c_int,
}

/// `struct in6_rtmsg` of the kernel.
#[repr(C)]
struct RouteRequest {
    destination: libc::in6_addr,
    source: libc::in6_addr,
    gateway: libc::in6_addr,
    kind: u32,
    destination_len: u16,
    source_len: u16,
    metric: u32,
    information: libc::c_ulong,
    flags: u32,
    interface: c_int,
}

unsafe extern "C" fn open(
    state: *mut c_void,
    name: mote_bytes,
    mtu: u32,
    token: u32,
    handle: *mut usize,
) -> mote_status {
    // SAFETY: the state is the node's, the pointers are valid or NULL, by the service's contract.
    match unsafe { (State::of(state), arguments::slice(name), handle.as_mut()) } {
        (Ok(state), Ok(name), Some(handle)) => status(open_interface(name, mtu).and_then(|fd| {
            *handle = socket::open(state, fd, Kind::Tun, token)? as usize;
            Ok(())
        })),
        _ => Error::Invalid.code(),
    }
}

fn failure(errno: c_int) -> mote_status {
    match errno {
        libc::EPERM | libc::EACCES | libc::ENOENT | libc::ENODEV | libc::ENXIO | libc::EAFNOSUPPORT => {
            Error::Unsupported.code()
        }
        libc::EBUSY => Error::AddressInUse.code(),
        libc::EINVAL => Error::Invalid.code(),
        errno => open_failure(errno),
    }
}

fn open_interface(name: &[u8], mtu: u32) -> Result<Fd, mote_status> {
    if name.len() >= libc::IFNAMSIZ || name.iter().any(|byte| !byte.is_ascii_graphic() || *byte == b'/') {
        return Err(Error::Invalid.code());
    }
    if !MTU.contains(&mtu) {
        return Err(Error::Invalid.code());
    }
    let open = || -> Result<Fd, c_int> {
        // SAFETY: the path ends with a NUL.
        let fd = Fd::new(unsafe {
            libc::open(c"/dev/net/tun".as_ptr(), libc::O_RDWR | libc::O_NONBLOCK | libc::O_CLOEXEC)
        })?;
        let mut request = request(name);
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
        control(&fd, libc::TUNSETIFF as _, &mut request)?;
        // The name that the kernel gave stays in the request.
        let any = control_socket()?;
        request.ifr_ifru.ifru_mtu = mtu as c_int;
        control(&any, libc::SIOCSIFMTU as _, &mut request)?;
        control(&any, libc::SIOCGIFFLAGS as _, &mut request)?;
        // SAFETY: the kernel has just written the flags.
        let flags = c_int::from(unsafe { request.ifr_ifru.ifru_flags });
        request.ifr_ifru.ifru_flags = (flags | libc::IFF_UP) as libc::c_short;
        control(&any, libc::SIOCSIFFLAGS as _, &mut request)?;
        Ok(fd)
    };
    open().map_err(failure)
}

fn request(name: &[u8]) -> libc::ifreq {
    // SAFETY: integers, and pointers in a union; all zero is a value of each.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(name) {
        *place = *byte as libc::c_char;
    }
    request
}

/// A socket to ask the kernel about interfaces.
fn control_socket() -> Result<Fd, c_int> {
    // SAFETY: a plain system call.
    Fd::new(unsafe { libc::socket(libc::AF_INET6, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })
}

fn control<T>(fd: &Fd, command: libc::c_ulong, argument: &mut T) -> Result<(), c_int> {
    // SAFETY: each command used here reads and writes a structure of the type that it is called with.
    let result = unsafe { libc::ioctl(fd.raw(), command as _, ptr::from_mut(argument)) };
    if result < 0 { Err(errno()) } else { Ok(()) }
}

/// The interface's index. The kernel knows its name even when somebody changed it.
fn index(tun: &Socket) -> Result<c_int, c_int> {
    let mut request = request(b"");
    control(&tun.fd, libc::TUNGETIFF as _, &mut request)?;
    control(&control_socket()?, libc::SIOCGIFINDEX as _, &mut request)?;
    // SAFETY: the kernel has just written the index.
    Ok(unsafe { request.ifr_ifru.ifru_ifindex })
}

unsafe extern "C" fn add_address(
    _state: *mut c_void,
    handle: usize,
    address: *const mote_address,
    prefix_len: u8,
) -> mote_status {
    // SAFETY: handle and address are open and valid or NULL, by the service's contract.
    status(unsafe { arguments_of(handle, address, prefix_len) }.and_then(|(tun, address)| {
        let add = || -> Result<(), c_int> {
            let mut request = AddressRequest {
                address: libc::in6_addr { s6_addr: address.ip },
                prefix_len: prefix_len.into(),
                interface: index(tun)?,
            };
            control(&control_socket()?, libc::SIOCSIFADDR as _, &mut request)
        };
        already(add())
    }))
}

unsafe extern "C" fn add_route(
    _state: *mut c_void,
    handle: usize,
    prefix: *const mote_address,
    prefix_len: u8,
) -> mote_status {
    // SAFETY: handle and address are open and valid or NULL, by the service's contract.
    status(unsafe { arguments_of(handle, prefix, prefix_len) }.and_then(|(tun, prefix)| {
        let add = || -> Result<(), c_int> {
            let none = libc::in6_addr { s6_addr: [0; 16] };
            let mut route = RouteRequest {
                destination: libc::in6_addr { s6_addr: masked(prefix.ip, prefix_len) },
                source: none,
                gateway: none,
                kind: 0,
                destination_len: prefix_len.into(),
                source_len: 0,
                metric: 1,
                information: 0,
                flags: u32::from(libc::RTF_UP),
                interface: index(tun)?,
            };
            control(&control_socket()?, libc::SIOCADDRT as _, &mut route)
        };
        already(add())
    }))
}

/// The kernel refuses a route whose prefix has bits behind its end.
fn masked(mut prefix: [u8; 16], len: u8) -> [u8; 16] {
    for (place, byte) in prefix.iter_mut().enumerate() {
        let bits = usize::from(len).saturating_sub(8 * place).min(8);
        *byte &= !(0xff_u16 >> bits) as u8;
    }
    prefix
}

fn already(outcome: Result<(), c_int>) -> Result<(), mote_status> {
    match outcome {
        Err(libc::EEXIST) => Ok(()),
        outcome => outcome.map_err(failure),
    }
}

/// # Safety
/// `handle` is 0 or open; `address` is NULL or readable.
unsafe fn arguments_of<'a>(
    handle: usize,
    address: *const mote_address,
    prefix_len: u8,
) -> Result<(&'a Socket, &'a mote_address), mote_status> {
    // SAFETY: by the contract above.
    match unsafe { (Socket::of(handle, Kind::is_tun), address.as_ref()) } {
        (Ok(tun), Some(address)) if prefix_len <= 128 => Ok((tun, address)),
        _ => Err(Error::Invalid.code()),
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
    let Some((state, tun, received)) =
        (unsafe { socket::moving(state, handle, Kind::is_tun, out, capacity, received) })
    else {
        return Error::Invalid.code();
    };
    // There may be more, until we find that there is not.
    tun.leave_behind(state);
    for _ in 0..PASSED_OVER {
        let mut beyond = 0u8;
        let parts = [
            libc::iovec { iov_base: out.cast(), iov_len: capacity },
            libc::iovec { iov_base: ptr::from_mut(&mut beyond).cast(), iov_len: 1 },
        ];
        // SAFETY: `out` is writable for `capacity` bytes, by the service's contract; so is the other part.
        match sys::moved(|| unsafe { libc::readv(tun.fd.raw(), parts.as_ptr(), 2) }) {
            Ok(count) if count > capacity => return Error::TooLarge.code(),
            // SAFETY: at least one byte was written.
            Ok(count) if count > 0 && unsafe { out.read() } >> 4 == 6 => {
                *received = count;
                return 0;
            }
            // IPv4, which does not concern us.
            Ok(_) => {}
            Err(errno) => {
                tun.drained();
                let error = if errno == libc::EAGAIN { Error::WouldBlock } else { Error::Io };
                return error.code();
            }
        }
    }
    Error::WouldBlock.code()
}

unsafe extern "C" fn send(state: *mut c_void, handle: usize, packet: *const u8, len: usize) -> mote_status {
    let bytes = mote_bytes { ptr: packet, len };
    // SAFETY: state and handle are the node's and open, the packet is lent, by the service's contract.
    let (state, tun, packet) =
        match unsafe { (State::of(state), Socket::of(handle, Kind::is_tun), arguments::slice(bytes)) } {
            (Ok(state), Ok(tun), Ok(packet)) if !packet.is_empty() => (state, tun, packet),
            _ => return Error::Invalid.code(),
        };
    // SAFETY: the packet is readable for its length.
    let sent = sys::moved(|| unsafe { libc::write(tun.fd.raw(), packet.as_ptr().cast(), packet.len()) });
    let error = match sent {
        Ok(_) => return 0,
        Err(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => {
            tun.block(state);
            Error::WouldBlock
        }
        Err(libc::EMSGSIZE) => Error::TooLarge,
        // No IP packet.
        Err(libc::EINVAL) => Error::Invalid,
        Err(_) => Error::Io,
    };
    error.code()
}

unsafe extern "C" fn close(state: *mut c_void, handle: usize) {
    // SAFETY: the state is the node's and the handle open or 0, by the service's contract.
    unsafe { socket::close_handle(state, handle, Kind::is_tun) }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn bits_behind_the_prefix_are_cleared() {
        let all = [0xff; 16];
        assert_eq!(masked(all, 0), [0; 16]);
        assert_eq!(masked(all, 128), all);
        let mut expected = [0; 16];
        expected[..8].fill(0xff);
        assert_eq!(masked(all, 64), expected);
        expected[8] = 0xe0;
        assert_eq!(masked(all, 67), expected);
    }
}
