// SPDX-License-Identifier: MIT OR Apache-2.0
//! Host names to addresses, by the system's resolver on a thread of its own for each query.
//!
//! What node and threads share is counted by reference, so that a node may close, and a query be
//! cancelled, while a thread still waits for a name server.

use super::sys::{self, Fd, SocketName, errno};
use super::{State, status};
use crate::port::{mote_address, mote_port_resolver, mote_status};
use crate::status::Error;
use core::ffi::{CStr, c_int, c_void};
use core::mem::zeroed;
use core::ptr;
use std::ffi::CString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) static RESOLVER: mote_port_resolver = mote_port_resolver {
    size: size_of::<mote_port_resolver>() as u32,
    reserved: 0,
    start: Some(start),
    take: Some(take),
    cancel: Some(cancel),
};

/// How many queries may be under way, with those that were cancelled and whose thread still waits.
const QUERIES: usize = 8;

/// How many addresses of a host are kept.
const ADDRESSES: usize = 8;

/// The longest name that the domain name system knows (RFC 1035 §2.3.4), as text with its last dot.
const LONGEST_NAME: usize = 254;

#[derive(Clone, Copy)]
struct Answer {
    addresses: [mote_address; ADDRESSES],
    count: usize,
}

#[derive(Clone, Copy, Default)]
struct Query {
    /// The query's name; 0 when nobody waits for it.
    id: usize,
    token: u32,
    /// A thread works for it.
    busy: bool,
    /// There is an answer that has not been reported.
    news: bool,
    outcome: Option<Result<Answer, Error>>,
}

/// What node and threads share.
pub(super) struct Shared {
    queries: Mutex<[Query; QUERIES]>,
    /// Wakes the node; a duplicate of its event descriptor, which outlives the node while threads need it.
    event: Fd,
}

impl Shared {
    fn new(event: &Fd) -> Result<Shared, c_int> {
        // SAFETY: a plain system call.
        let event = Fd::new(unsafe { libc::fcntl(event.raw(), libc::F_DUPFD_CLOEXEC, 0) })?;
        Ok(Shared { queries: Mutex::default(), event })
    }

    fn lock(&self) -> MutexGuard<'_, [Query; QUERIES]> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the tokens of the answered queries to `report` until it has no room.
    pub(super) fn report(&self, mut report: impl FnMut(u32) -> bool) {
        for query in self.lock().iter_mut().filter(|query| query.news) {
            if !report(query.token) {
                // The event was drained: next time it has to tell us again.
                self.event.signal();
                return;
            }
            query.news = false;
        }
    }

    fn answer(&self, index: usize, outcome: Result<Answer, Error>) {
        if let Some(query) = self.lock().get_mut(index) {
            query.busy = false;
            if query.id != 0 {
                query.outcome = Some(outcome);
                query.news = true;
            }
        }
        self.event.signal();
    }
}

unsafe extern "C" fn start(
    state: *mut c_void,
    host: *const u8,
    len: usize,
    token: u32,
    query: *mut usize,
) -> mote_status {
    // SAFETY: the state is the node's and the output valid or NULL, by the service's contract.
    let (state, out) = match unsafe { (State::of(state), query.as_mut()) } {
        (Ok(state), Some(out)) if !host.is_null() && len > 0 => (state, out),
        _ => return Error::Invalid.code(),
    };
    // SAFETY: `host` is readable for `len` bytes, by the service's contract.
    let host = unsafe { core::slice::from_raw_parts(host, len) };
    status(begin(state, host, token).map(|id| *out = id).map_err(Error::code))
}

fn begin(state: &State, host: &[u8], token: u32) -> Result<usize, Error> {
    if host.len() > LONGEST_NAME {
        return Err(Error::Invalid);
    }
    let host = CString::new(host).map_err(|_| Error::Invalid)?;
    let shared = shared(state)?;
    let id = state.last_query.get().wrapping_add(1).max(1);
    state.last_query.set(id);
    // Literals need no server and no thread.
    let literal = look_up(&host, libc::AI_NUMERICHOST).ok();
    let known = literal.is_some();
    let index = {
        let mut queries = shared.lock();
        let free = queries.iter_mut().enumerate().find(|(_, query)| query.id == 0 && !query.busy);
        let (index, query) = free.ok_or(Error::Full)?;
        *query = Query { id, token, busy: !known, news: known, outcome: literal.map(Ok) };
        index
    };
    if known {
        shared.event.signal();
    } else if let Err(error) = spawn(shared.clone(), host, index) {
        if let Some(query) = shared.lock().get_mut(index) {
            *query = Query::default();
        }
        return Err(error);
    }
    Ok(id)
}

/// What is shared with the threads; made at the first query.
fn shared(state: &State) -> Result<&Arc<Shared>, Error> {
    if state.resolver.get().is_none() {
        let shared = Shared::new(&state.event).map_err(|_| Error::Full)?;
        let _ = state.resolver.set(Arc::new(shared));
    }
    state.resolver.get().ok_or(Error::Io)
}

fn spawn(shared: Arc<Shared>, host: CString, index: usize) -> Result<(), Error> {
    sys::spawn("mote-resolver", move || {
        let outcome = look_up(&host, 0);
        shared.answer(index, outcome);
    })
    .map(|_| ())
}

/// Asks the system, which sorts by RFC 6724.
fn look_up(host: &CStr, flags: c_int) -> Result<Answer, Error> {
    // SAFETY: integers and pointers; all zero is a value of each.
    let mut hints: libc::addrinfo = unsafe { zeroed() };
    hints.ai_flags = flags;
    // One entry for each address, not one for each kind of socket too.
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list = ptr::null_mut();
    // SAFETY: `host` ends with a NUL, `hints` is readable and `list` writable.
    let result = unsafe { libc::getaddrinfo(host.as_ptr(), ptr::null(), &hints, &mut list) };
    if result != 0 {
        return Err(match result {
            libc::EAI_NONAME | libc::EAI_NODATA => Error::NotFound,
            libc::EAI_SYSTEM if errno() == libc::ENOENT => Error::NotFound,
            _ => Error::Io,
        });
    }
    let mut answer = Answer { addresses: [mote_address::default(); ADDRESSES], count: 0 };
    let mut next = list;
    // SAFETY: the list is well formed until it is freed.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ai_next;
        let known = entry.ai_family == libc::AF_INET || entry.ai_family == libc::AF_INET6;
        let Some(place) = answer.addresses.get_mut(answer.count) else { break };
        if !known || entry.ai_addr.is_null() || entry.ai_addrlen as usize > size_of::<SocketName>() {
            continue;
        }
        let mut name = SocketName::empty();
        // SAFETY: the entry's address is readable for its length, which the name has room for.
        unsafe {
            ptr::copy_nonoverlapping(
                entry.ai_addr.cast::<u8>(),
                name.as_mut_ptr().cast(),
                entry.ai_addrlen as usize,
            );
        }
        *place = mote_address { port: 0, ..name.address() };
        answer.count += 1;
    }
    // SAFETY: from `getaddrinfo`, and not used any more.
    unsafe { libc::freeaddrinfo(list) };
    if answer.count == 0 { Err(Error::NotFound) } else { Ok(answer) }
}

unsafe extern "C" fn take(
    state: *mut c_void,
    query: usize,
    addresses: *mut mote_address,
    capacity: usize,
    count: *mut usize,
) -> mote_status {
    // SAFETY: the state is the node's and the output valid or NULL, by the service's contract.
    let (state, count) = match unsafe { (State::of(state), count.as_mut()) } {
        (Ok(state), Some(count)) if !addresses.is_null() && capacity > 0 => (state, count),
        _ => return Error::Invalid.code(),
    };
    let answer = match fetch(state, query) {
        Ok(answer) => answer,
        Err(error) => return error.code(),
    };
    let given = answer.count.min(capacity);
    // SAFETY: `addresses` is writable for `capacity` entries, by the service's contract.
    unsafe { ptr::copy_nonoverlapping(answer.addresses.as_ptr(), addresses, given) };
    *count = given;
    0
}

/// The outcome of the query, which is over then.
fn fetch(state: &State, id: usize) -> Result<Answer, Error> {
    let shared = state.resolver.get().ok_or(Error::Stale)?;
    let mut queries = shared.lock();
    let query = queries.iter_mut().find(|query| query.id == id && id != 0).ok_or(Error::Stale)?;
    let outcome = query.outcome.take().ok_or(Error::WouldBlock)?;
    *query = Query::default();
    outcome
}

unsafe extern "C" fn cancel(state: *mut c_void, query: usize) {
    // SAFETY: the state is the node's, by the service's contract.
    let Ok(state) = (unsafe { State::of(state) }) else { return };
    let Some(shared) = state.resolver.get() else { return };
    if let Some(entry) = shared.lock().iter_mut().find(|entry| entry.id == query && query != 0) {
        // Its thread, if there is one, still holds the place.
        *entry = Query { busy: entry.busy, ..Query::default() };
    }
}
