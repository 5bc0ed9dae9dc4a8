// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each open socket keeps, and how it is watched.
//!
//! A handle is the address of the socket's block. Sockets are registered edge-triggered: the
//! system reports a change once. Whoever leaves something behind (a receive that filled all it was
//! given, an end that was announced but not fetched) calls [`Socket::leave_behind`]; unless somebody
//! found the socket empty meanwhile, the next wait begins with asking for what is still there.

use super::State;
use super::sys::{self, Fd};
use super::udp_stage::Stage;
use crate::port::{MOTE_READY_CLOSED, MOTE_READY_READABLE, MOTE_READY_WRITABLE, mote_address, mote_status};
use crate::status::Error;
use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::ptr;

const IN: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP) as u32;
const OUT: u32 = libc::EPOLLOUT as u32;
const EDGE: u32 = libc::EPOLLET as u32;
const ENDED: u32 = (libc::EPOLLERR | libc::EPOLLHUP | libc::EPOLLRDHUP) as u32;

/// Which service a socket belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// UDP, of this address family.
    Udp(c_int),
    /// A TCP connection.
    Tcp,
    /// A TUN interface.
    Tun,
}

impl Kind {
    pub(super) const fn is_udp(self) -> bool {
        matches!(self, Kind::Udp(_))
    }

    pub(super) const fn is_tcp(self) -> bool {
        matches!(self, Kind::Tcp)
    }

    pub(super) const fn is_tun(self) -> bool {
        matches!(self, Kind::Tun)
    }
}

/// One open socket, or something like it.
pub(super) struct Socket {
    pub(super) fd: Fd,
    pub(super) kind: Kind,
    token: u32,
    previous: Cell<*mut Socket>,
    next: Cell<*mut Socket>,
    /// Something may have been left behind that the system will not report by itself. Looked at while the socket is listed.
    left: Cell<bool>,
    /// The socket is in the list of those with `left`, though perhaps not so any more.
    listed: Cell<bool>,
    next_left: Cell<*mut Socket>,
    /// Sending would have blocked, and that there is room again has not been reported.
    pub(super) blocked: Cell<bool>,
    /// The end of the connection has been announced, though not fetched.
    pub(super) announced: Cell<bool>,
    /// The connection attempt is under way.
    pub(super) connecting: Cell<bool>,
    /// TCP: the last receive took all there was, and nothing has been reported since.
    pub(super) emptied: Cell<bool>,
    /// TCP: how often something came since something was sent, as far as [`Rest`](super::rest::Rest) counts.
    pub(super) unanswered: Cell<u32>,
    /// What receiving says from now on; 0 while the connection lives.
    pub(super) ended: Cell<mote_status>,
    /// UDP: the only address that datagrams come to and leave from, all zero where there may be several.
    pub(super) here: Cell<mote_address>,
    /// UDP: the system cuts apart what is handed over joined.
    pub(super) segments: Cell<bool>,
    /// UDP: the network may have reported something about earlier datagrams.
    pub(super) reports: Cell<bool>,
    /// UDP: where datagrams are received that come joined, once they may.
    pub(super) stage: Cell<Option<Box<Stage>>>,
    /// UDP: that was tried.
    pub(super) joins: Cell<bool>,
}

impl Socket {
    /// The socket behind a handle.
    ///
    /// # Safety
    /// `handle` is 0, or came from [`open`] and has not been closed.
    pub(super) unsafe fn of<'a>(handle: usize, fits: fn(Kind) -> bool) -> Result<&'a Socket, mote_status> {
        // SAFETY: by the contract above.
        let socket = unsafe { (handle as *const Socket).as_ref() };
        socket.filter(|socket| fits(socket.kind)).ok_or(Error::Invalid.code())
    }

    fn interest(&self) -> u32 {
        match self.kind {
            // These would report room after each datagram or packet that has left.
            Kind::Udp(_) | Kind::Tun if !self.blocked.get() => IN | EDGE,
            _ => IN | OUT | EDGE,
        }
    }

    /// Remembers that something may still be there. Asking for it costs a system call, which is spared
    /// when the socket is found empty before the next wait.
    pub(super) fn leave_behind(&self, state: &State) {
        self.left.set(true);
        if !self.listed.replace(true) {
            self.next_left.set(state.left.replace(ptr::from_ref(self).cast_mut()));
        }
    }

    /// The socket was found empty: what comes from now on is reported.
    pub(super) fn drained(&self) {
        self.left.set(false);
    }

    /// Whether the port itself still has something that came to the socket.
    fn holds(&self) -> bool {
        let stage = self.stage.take();
        let holds = stage.as_ref().is_some_and(|stage| stage.holds());
        self.stage.set(stage);
        holds
    }

    /// Has what is there now reported by the next wait.
    pub(super) fn watch_again(&self, state: &State) {
        let mut event = libc::epoll_event { events: self.interest(), u64: ptr::from_ref(self) as u64 };
        // SAFETY: both descriptors are open. It cannot fail: the socket is registered.
        unsafe { libc::epoll_ctl(state.epoll.raw(), libc::EPOLL_CTL_MOD, self.fd.raw(), &mut event) };
    }

    /// Remembers that sending would have blocked.
    pub(super) fn block(&self, state: &State) {
        let was = self.blocked.replace(true);
        if !was && self.kind != Kind::Tcp {
            self.watch_again(state);
        }
    }

    /// The token, and what of the system's `events` the node is told; 0 for nothing.
    pub(super) fn translate(&self, events: u32, state: &State) -> (u32, u32) {
        let mut flags = 0;
        if events & libc::EPOLLIN as u32 != 0 {
            if self.kind != Kind::Tcp {
                state.rest.disturb();
            }
            flags |= MOTE_READY_READABLE;
            self.emptied.set(false);
        }
        if events & OUT != 0 && self.blocked.replace(false) {
            flags |= MOTE_READY_WRITABLE;
            if self.kind != Kind::Tcp {
                self.watch_again(state);
            }
        }
        match self.kind {
            Kind::Udp(_) => {
                if events & ENDED != 0 {
                    // What the network reported about an earlier datagram: receiving tells of it.
                    self.reports.set(true);
                    flags |= MOTE_READY_READABLE;
                }
            }
            Kind::Tun => {
                if events & ENDED != 0 {
                    // The interface is gone: receiving says so.
                    flags |= MOTE_READY_READABLE | MOTE_READY_CLOSED;
                }
            }
            Kind::Tcp => {
                if events & ENDED != 0 {
                    self.announced.set(true);
                    self.emptied.set(false);
                    flags |= MOTE_READY_READABLE | MOTE_READY_CLOSED;
                }
                if self.connecting.get() && events & (OUT | ENDED) != 0 {
                    flags |= MOTE_READY_READABLE;
                }
            }
        }
        (self.token, flags)
    }
}

/// What a function of the services that moves data is given: the state, the open socket, and the place for how much was
/// moved. `None` when that is not what it was given, or there are no `length` of anything at `data`.
///
/// # Safety
/// `state` is a node's, `handle` 0 or open, and `moved` NULL or writable; nobody else uses what they lead to for `'a`.
pub(super) unsafe fn moving<'a, T>(
    state: *mut c_void,
    handle: usize,
    fits: fn(Kind) -> bool,
    data: *const T,
    length: usize,
    moved: *mut usize,
) -> Option<(&'a State, &'a Socket, &'a mut usize)> {
    if data.is_null() || length == 0 {
        return None;
    }
    // SAFETY: by the contract above.
    unsafe { Some((State::of(state).ok()?, Socket::of(handle, fits).ok()?, moved.as_mut()?)) }
}

/// Registers a descriptor and gives its handle.
///
/// # Errors
/// `MOTE_ERR_FULL` when the system has no room for it.
pub(super) fn open(state: &State, fd: Fd, kind: Kind, token: u32) -> Result<*mut Socket, mote_status> {
    // SAFETY: asks for plain memory.
    let socket = unsafe { libc::malloc(size_of::<Socket>()) }.cast::<Socket>();
    if socket.is_null() {
        return Err(Error::Full.code());
    }
    let first = state.sockets.get();
    // SAFETY: fresh memory, large enough and aligned for any type.
    unsafe {
        socket.write(Socket {
            fd,
            kind,
            token,
            previous: Cell::new(ptr::null_mut()),
            next: Cell::new(first),
            left: Cell::new(false),
            listed: Cell::new(false),
            next_left: Cell::new(ptr::null_mut()),
            blocked: Cell::new(false),
            announced: Cell::new(false),
            connecting: Cell::new(kind == Kind::Tcp),
            emptied: Cell::new(false),
            unanswered: Cell::new(0),
            ended: Cell::new(0),
            here: Cell::default(),
            segments: Cell::new(false),
            reports: Cell::new(false),
            stage: Cell::new(None),
            joins: Cell::new(false),
        });
    }
    // SAFETY: just written; the list holds open sockets only.
    let (this, first) = unsafe { (&*socket, first.as_ref()) };
    if let Some(first) = first {
        first.previous.set(socket);
    }
    state.sockets.set(socket);
    if let Err(errno) = state.epoll.watch(&this.fd, this.interest(), socket as u64) {
        // SAFETY: open, and its handle has not been given away.
        unsafe { close(state, socket) };
        return Err(sys::open_failure(errno));
    }
    Ok(socket)
}

/// What the services close a handle by.
///
/// # Safety
/// `state` is a node's or NULL, `handle` 0 or open; nobody uses what it leads to afterwards.
pub(super) unsafe fn close_handle(state: *mut c_void, handle: usize, fits: fn(Kind) -> bool) {
    // SAFETY: by the contract above.
    unsafe {
        if let (Ok(state), Ok(_)) = (State::of(state), Socket::of(handle, fits)) {
            close(state, handle as *mut Socket);
        }
    }
}

/// Closes a socket.
///
/// # Safety
/// `socket` came from [`open`] with this state and has not been closed; no reference to it is used afterwards.
unsafe fn close(state: &State, socket: *mut Socket) {
    // SAFETY: open, by the contract; so are its neighbours in the lists.
    unsafe {
        if (*socket).listed.get() {
            let mut place = &state.left;
            while place.get() != socket {
                place = &(*place.get()).next_left;
            }
            unlist(place, &*socket);
        }
        let (previous, next) = ((*socket).previous.get(), (*socket).next.get());
        match previous.as_ref() {
            Some(previous) => previous.next.set(next),
            None => state.sockets.set(next),
        }
        if let Some(next) = next.as_ref() {
            next.previous.set(previous);
        }
        // Said explicitly: a copy of the descriptor in a forked process would keep it registered.
        libc::epoll_ctl(
            state.epoll.raw(),
            libc::EPOLL_CTL_DEL,
            (*socket).fd.raw(),
            &mut libc::epoll_event { events: 0, u64: 0 },
        );
        ptr::drop_in_place(socket);
        libc::free(socket.cast());
    }
}

/// Has the system asked for what was left behind. Whether the port has some of it itself: those sockets stay in the list.
pub(super) fn watch_left(state: &State) -> bool {
    let mut place = &state.left;
    // SAFETY: the list holds open sockets only.
    while let Some(socket) = unsafe { place.get().as_ref() } {
        if socket.left.get() && socket.holds() {
            place = &socket.next_left;
            continue;
        }
        unlist(place, socket);
        if socket.left.get() {
            socket.watch_again(state);
        }
    }
    !state.left.get().is_null()
}

/// Reports by token what [`watch_left`] left in the list, as long as `report` has room.
pub(super) fn report_held(state: &State, mut report: impl FnMut(u32) -> bool) {
    // SAFETY: the list holds open sockets only.
    while let Some(socket) = unsafe { state.left.get().as_ref() }.filter(|socket| report(socket.token)) {
        unlist(&state.left, socket);
    }
}

/// Takes `socket` out of the list of those with something left, in which `place` leads to it.
fn unlist(place: &Cell<*mut Socket>, socket: &Socket) {
    place.set(socket.next_left.get());
    socket.listed.set(false);
}

/// Closes all sockets of a node.
pub(super) fn close_all(state: &State) {
    while !state.sockets.get().is_null() {
        // SAFETY: the list holds open sockets only, and closing takes this one out.
        unsafe { close(state, state.sockets.get()) };
    }
}
