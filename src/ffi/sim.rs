// SPDX-License-Identifier: MIT OR Apache-2.0
//! A simulated network under virtual time, for tests and demonstrations on a computer.

use super::arguments::{self, Config, outcome, output, slice};
use super::node::{mote_node_next_deadline, mote_node_poll};
use super::opaque::mote_node;
use super::status::MOTE_OK;
use crate::address::{Ip, SocketAddress};
use crate::port::{
    self, mote_address, mote_bytes, mote_port, mote_port_clock, mote_port_datagram, mote_port_entropy,
    mote_port_udp, mote_status,
};
use crate::random::{Random, Sequence};
use crate::sim::net::{HostId, Link, Net};
use crate::status::{Error, Result};
use crate::time::Instant;
use crate::transport::Path;
use core::cell::RefCell;
use core::ffi::c_void;
use std::rc::Rc;

/// How often a node may ask to be polled again at one instant before it counts as spinning.
const SPIN_LIMIT: u32 = 100_000;

/// A simulated network. Unlike all else in this header it allocates, and exists in hosted builds
/// alone. The same seed and the same calls give the same run to the byte.
pub struct mote_sim {
    net: Rc<RefCell<Net>>,
    seed: u64,
    // Boxed one by one, since C holds pointers to them.
    #[allow(clippy::vec_box)]
    hosts: Vec<Box<Host>>,
}

/// How every link behaves. Probabilities are in parts per thousand, times in milliseconds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_sim_link {
    /// `sizeof(mote_sim_link)`, by `MOTE_SIM_LINK_INIT`.
    pub size: u32,
    /// How long a datagram takes at least. Default 1.
    pub delay: u32,
    /// How much longer it takes at most, drawn anew each time.
    pub jitter: u32,
    /// How often it is lost.
    pub loss: u16,
    /// How often it comes twice.
    pub duplicate: u16,
    /// How often it is held back so that others overtake it.
    pub reorder: u16,
    /// How often one bit of it is flipped.
    pub corrupt: u16,
    /// How long it is held back at most.
    pub reorder_by: u32,
    /// The largest datagram that is taken, in bytes. Default 1232.
    pub max_size: u32,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl Config for mote_sim_link {}

/// What has happened on a simulated network. All counters only grow.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_sim_statistics {
    /// `sizeof(mote_sim_statistics)`, set by the caller.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams delivered, copies included.
    pub delivered: u64,
    /// Datagrams lost.
    pub lost: u64,
    /// Datagrams for which there was nobody.
    pub unrouted: u64,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl Config for mote_sim_statistics {}

/// One device on the network, and the port that its node gets.
struct Host {
    net: Rc<RefCell<Net>>,
    ip: Ip,
    random: RefCell<Sequence>,
    next_port: RefCell<u16>,
    port: mote_port,
}

/// # Safety
/// `state` is the `user` of a port made by `mote_sim_host`, whose simulation still lives.
unsafe fn host<'a>(state: *mut c_void) -> &'a Host {
    // SAFETY: passed on to the caller.
    unsafe { &*state.cast::<Host>() }
}

unsafe extern "C" fn now(state: *mut c_void) -> u64 {
    // SAFETY: the port's contract.
    unsafe { host(state) }.net.borrow().now().0
}

unsafe extern "C" fn fill(state: *mut c_void, out: *mut u8, len: usize) -> mote_status {
    // SAFETY: the port's contract.
    let filled = unsafe {
        let host = host(state);
        arguments::block(out, len).map(|out| host.random.borrow_mut().fill(out))
    };
    outcome(filled)
}

unsafe extern "C" fn open(
    state: *mut c_void,
    local: *const mote_address,
    _options: u32,
    _token: u32,
    socket: *mut usize,
) -> mote_status {
    // SAFETY: the port's contract.
    let (host, mut wanted) = unsafe { (host(state), SocketAddress::from(*local)) };
    if wanted.port == 0 {
        let mut next = host.next_port.borrow_mut();
        wanted.port = *next;
        *next = next.checked_add(1).unwrap_or(49_152);
    }
    if wanted.ip.is_unspecified() {
        wanted.ip = host.ip;
    }
    if wanted.ip != host.ip {
        return Error::AddressInUse.code();
    }
    let mut net = host.net.borrow_mut();
    if net.find(wanted).is_some() {
        return Error::AddressInUse.code();
    }
    let id = net.host(wanted);
    // SAFETY: the port's contract.
    unsafe { socket.write(id.0) };
    MOTE_OK
}

unsafe extern "C" fn close(state: *mut c_void, socket: usize) {
    // SAFETY: the port's contract.
    let host = unsafe { host(state) };
    host.net.borrow_mut().remove(HostId(socket));
}

unsafe extern "C" fn local_address(
    state: *mut c_void,
    socket: usize,
    local: *mut mote_address,
) -> mote_status {
    // SAFETY: the port's contract.
    unsafe { local.write(host(state).net.borrow().address(HostId(socket)).into()) };
    MOTE_OK
}

unsafe extern "C" fn receive(
    state: *mut c_void,
    socket: usize,
    datagrams: *mut mote_port_datagram,
    capacity: usize,
    count: *mut usize,
) -> mote_status {
    // SAFETY: the port's contract.
    let host = unsafe { host(state) };
    let mut taken = 0;
    while taken < capacity {
        let Some(arrival) = host.net.borrow_mut().take(HostId(socket)) else { break };
        // SAFETY: the port's contract: `capacity` datagrams, each with a buffer of its `len`.
        unsafe {
            let datagram = &mut *datagrams.add(taken);
            datagram.flags =
                if arrival.data.len() > datagram.len { crate::port::MOTE_UDP_TRUNCATED } else { 0 };
            datagram.len = datagram.len.min(arrival.data.len());
            datagram.data.copy_from_nonoverlapping(arrival.data.as_ptr(), datagram.len);
            datagram.remote = arrival.path.remote.into();
            datagram.local = SocketAddress::new(arrival.path.local, 0).into();
        }
        taken += 1;
    }
    // SAFETY: the port's contract.
    unsafe { count.write(taken) };
    if taken == 0 { Error::WouldBlock.code() } else { MOTE_OK }
}

unsafe extern "C" fn send(
    state: *mut c_void,
    socket: usize,
    datagrams: *const mote_port_datagram,
    count: usize,
    sent: *mut usize,
) -> mote_status {
    // SAFETY: the port's contract.
    let host = unsafe { host(state) };
    let mut taken = 0;
    let mut outcome = MOTE_OK;
    while taken < count {
        // SAFETY: the port's contract: `count` datagrams.
        let (path, data) = unsafe {
            let datagram = &*datagrams.add(taken);
            let path = Path { remote: datagram.remote.into(), local: Ip(datagram.local.ip) };
            (path, slice(mote_bytes { ptr: datagram.data, len: datagram.len }).unwrap_or_default())
        };
        let result = host.net.borrow_mut().with(HostId(socket), |cx| cx.transport.send(&path, data));
        if let Err(error) = result {
            outcome = error.code();
            break;
        }
        taken += 1;
    }
    // SAFETY: the port's contract.
    unsafe { sent.write(taken) };
    if taken > 0 { MOTE_OK } else { outcome }
}

unsafe extern "C" fn join(state: *mut c_void, socket: usize, group: *const mote_address) -> mote_status {
    // SAFETY: the port's contract.
    unsafe { host(state).net.borrow_mut().join(HostId(socket), Ip((*group).ip)) };
    MOTE_OK
}

unsafe extern "C" fn leave(state: *mut c_void, socket: usize, group: *const mote_address) -> mote_status {
    // SAFETY: the port's contract.
    unsafe { host(state).net.borrow_mut().leave(HostId(socket), Ip((*group).ip)) };
    MOTE_OK
}

static CLOCK: mote_port_clock =
    mote_port_clock { size: size_of::<mote_port_clock>() as u32, reserved: 0, now: Some(now) };
static ENTROPY: mote_port_entropy =
    mote_port_entropy { size: size_of::<mote_port_entropy>() as u32, reserved: 0, fill: Some(fill) };
static UDP: mote_port_udp = mote_port_udp {
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

/// # Safety
/// `sim` is NULL or came from `mote_sim_new` and was not freed.
unsafe fn sim<'a>(sim: *const mote_sim) -> Result<&'a mote_sim> {
    // SAFETY: passed on to the caller.
    unsafe { sim.as_ref() }.ok_or(Error::Invalid)
}

/// Makes an empty simulated network at time 0, whose chances follow from `seed`.
///
/// ```c
/// mote_sim *sim;
/// mote_status status = mote_sim_new(1, &sim);
/// status = mote_sim_host(sim, &address, &node_config.port);
/// ```
///
/// It is freed by `mote_sim_free`. `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// The pointer is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_sim_new(seed: u64, sim: *mut *mut mote_sim) -> mote_status {
    let make = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let out = unsafe { output(sim) }?;
        let net = Rc::new(RefCell::new(Net::new(seed)));
        out.write(Box::into_raw(Box::new(mote_sim { net, seed, hosts: Vec::new() })));
        Ok(())
    };
    outcome(make())
}

/// Frees a simulated network. Every node on it must have been closed. NULL is a no-op.
///
/// # Safety
/// `sim` is NULL or came from `mote_sim_new` and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_sim_free(sim: *mut mote_sim) {
    if !sim.is_null() {
        // SAFETY: made by `Box::into_raw` in `mote_sim_new`.
        drop(unsafe { Box::from_raw(sim) });
    }
}

/// Adds a device with an address, and gives the port for its node.
///
/// `port` belongs to the simulation. It has a clock, entropy and UDP, and cannot wait: drive the node
/// by `mote_sim_run`. `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_sim_host(
    sim: *mut mote_sim,
    address: *const mote_address,
    port: *mut *const mote_port,
) -> mote_status {
    let add = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (sim, address, out) = unsafe {
            (sim.as_mut().ok_or(Error::Invalid)?, address.as_ref().ok_or(Error::Invalid)?, output(port)?)
        };
        let number = sim.hosts.len() as u64 + 1;
        let mut host = Box::new(Host {
            net: Rc::clone(&sim.net),
            ip: Ip(address.ip),
            random: RefCell::new(Sequence(sim.seed ^ number << 32)),
            next_port: RefCell::new(49_152),
            port: port::bare(&raw const CLOCK, &raw const ENTROPY),
        });
        host.port.udp = &raw const UDP;
        host.port.user = (&raw mut *host).cast();
        sim.hosts.push(host);
        if let Some(host) = sim.hosts.last() {
            out.write(&raw const host.port);
        }
        Ok(())
    };
    outcome(add())
}

/// Sets how every link behaves from now on.
///
/// `link` is copied. `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_VERSION`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_sim_set_link(sim: *mut mote_sim, link: *const mote_sim_link) -> mote_status {
    let set = || -> Result<()> {
        let mut room = arguments::room();
        // SAFETY: passed on to the caller of this function.
        let (sim, given) = unsafe { (self::sim(sim)?, arguments::config(link, &mut room)?) };
        let base = Link::default();
        sim.net.borrow_mut().every(Link {
            loss: given.loss,
            duplicate: given.duplicate,
            reorder: given.reorder,
            reorder_by: given.reorder_by,
            corrupt: given.corrupt,
            delay: if given.delay == 0 { base.delay } else { given.delay },
            jitter: given.jitter,
            max_size: if given.max_size == 0 { base.max_size } else { given.max_size as usize },
        });
        Ok(())
    };
    outcome(set())
}

/// Lets time pass up to `until` milliseconds: datagrams arrive and the nodes do what is due, in
/// the order of virtual time. All callbacks run inside this function.
///
/// `nodes` are `count` nodes on ports of this simulation. `MOTE_ERR_INVALID` for NULL,
/// `MOTE_ERR_STATE` when a node spins, and what `mote_node_poll` says.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_sim_run(
    sim: *mut mote_sim,
    nodes: *const *mut mote_node,
    count: usize,
    until: u64,
) -> mote_status {
    let run = || -> Result<()> {
        if nodes.is_null() {
            return Err(Error::Invalid);
        }
        // SAFETY: passed on to the caller of this function. A callback may add hosts, so only the
        // network is held on to.
        let (nodes, net) =
            unsafe { (core::slice::from_raw_parts(nodes, count), Rc::clone(&self::sim(sim)?.net)) };
        let mut spins = 0;
        loop {
            let mut next = u64::MAX;
            for node in nodes {
                let mut deadline = u64::MAX;
                // SAFETY: as above; nothing is borrowed.
                unsafe {
                    arguments::check(mote_node_poll(*node))?;
                    arguments::check(mote_node_next_deadline(*node, &raw mut deadline))?;
                }
                next = next.min(deadline);
            }
            let Instant(arrival) = net.borrow().next_arrival();
            let now = net.borrow().now().0;
            next = next.min(arrival);
            if next > until {
                net.borrow_mut().advance(Instant(until));
                return Ok(());
            }
            spins = if next > now { 0 } else { spins + 1 };
            if spins > SPIN_LIMIT {
                return Err(Error::State);
            }
            net.borrow_mut().advance(Instant(next));
        }
    };
    outcome(run())
}

/// The virtual time in milliseconds. `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_sim_now(sim: *const mote_sim, now: *mut u64) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (sim, out) = unsafe { (self::sim(sim)?, output(now)?) };
        out.write(sim.net.borrow().now().0);
        Ok(())
    };
    outcome(read())
}

/// Starts to capture every datagram as it is sent, those that get lost included.
/// `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// `sim` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_sim_capture(sim: *mut mote_sim) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    outcome(unsafe { self::sim(sim) }.map(|sim| sim.net.borrow_mut().capture()))
}

/// The capture so far, as a pcap file of IP packets that Wireshark reads; lent until something
/// is sent or the simulation is freed. `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_sim_captured(sim: *const mote_sim, capture: *mut mote_bytes) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (sim, out) = unsafe { (self::sim(sim)?, output(capture)?) };
        let net = sim.net.borrow();
        let bytes = net.captured();
        out.write(mote_bytes { ptr: bytes.as_ptr(), len: bytes.len() });
        Ok(())
    };
    outcome(read())
}

/// Copies the counters. `statistics->size` must be `sizeof(mote_sim_statistics)` of the caller's
/// header; no more is written. `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_sim_get_statistics(
    sim: *const mote_sim,
    statistics: *mut mote_sim_statistics,
) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let sim = unsafe { self::sim(sim) }?;
        let stats = sim.net.borrow().stats();
        let counted = mote_sim_statistics {
            size: 0,
            reserved: 0,
            sent: stats.sent,
            delivered: stats.delivered,
            lost: stats.lost,
            unrouted: stats.unrouted,
        };
        // SAFETY: passed on to the caller of this function.
        unsafe { arguments::fill(statistics, &counted) }
    };
    outcome(read())
}
