// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting, over epoll, a timer descriptor and an event descriptor.

use super::socket::{self, Socket};
use super::sys::{self, Fd, errno};
use super::{State, status};
use crate::port::{MOTE_READY_READABLE, mote_port_alarm, mote_port_ready, mote_status};
use crate::status::Error;
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr;

pub(super) static ALARM: mote_port_alarm = mote_port_alarm {
    size: size_of::<mote_port_alarm>() as u32,
    reports_readiness: 1,
    wait: Some(wait),
    wake: Some(wake),
    descriptor: Some(descriptor),
    arm: Some(arm),
};

/// How many of the system's events are taken at once.
const BATCH: usize = 64;

/// What events carry besides the addresses of sockets, which are never that small.
const TIMER: u64 = 1;
const EVENT: u64 = 2;

/// Opens the descriptors of the wait: epoll, timer, event.
pub(super) fn open() -> Result<(Fd, Fd, Fd), mote_status> {
    open_all().map_err(sys::open_failure)
}

fn open_all() -> Result<(Fd, Fd, Fd), c_int> {
    // SAFETY: plain system calls without pointers.
    let (epoll, timer, event) = unsafe {
        (
            Fd::new(libc::epoll_create1(libc::EPOLL_CLOEXEC))?,
            Fd::new(libc::timerfd_create(libc::CLOCK_BOOTTIME, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK))?,
            Fd::new(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?,
        )
    };
    epoll.watch(&timer, libc::EPOLLIN as u32, TIMER)?;
    epoll.watch(&event, libc::EPOLLIN as u32, EVENT)?;
    Ok((epoll, timer, event))
}

/// Sets the timer to `deadline`, `u64::MAX` for never.
fn set_timer(state: &State, deadline: u64) -> Result<(), mote_status> {
    if state.armed.get() == deadline {
        return Ok(());
    }
    let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let value = match deadline {
        u64::MAX => zero,
        // A zero would disarm.
        0 => libc::timespec { tv_sec: 0, tv_nsec: 1 },
        _ => libc::timespec {
            // 68 years are enough, and no more fits everywhere.
            tv_sec: (deadline / 1000).min(i32::MAX as u64) as _,
            tv_nsec: (deadline % 1000 * 1_000_000) as libc::c_long,
        },
    };
    let setting = libc::itimerspec { it_interval: zero, it_value: value };
    // SAFETY: `setting` is readable, and the old one is not asked for.
    let result = unsafe {
        libc::timerfd_settime(state.timer.raw(), libc::TFD_TIMER_ABSTIME, &setting, ptr::null_mut())
    };
    if result < 0 {
        return Err(Error::Io.code());
    }
    state.armed.set(deadline);
    Ok(())
}

/// The caller's entries, and how many of them have been filled.
struct Ready<'a> {
    entries: &'a mut [MaybeUninit<mote_port_ready>],
    count: usize,
}

impl Ready<'_> {
    fn is_full(&self) -> bool {
        self.count >= self.entries.len()
    }

    /// Reports a source; false when there is no entry left for it.
    fn add(&mut self, token: u32, flags: u32) -> bool {
        let Some(entry) = self.entries.get_mut(self.count) else { return false };
        entry.write(mote_port_ready { token, flags });
        self.count += 1;
        true
    }
}

unsafe extern "C" fn wait(
    state: *mut c_void,
    deadline: u64,
    ready: *mut mote_port_ready,
    capacity: usize,
    count: *mut usize,
) -> mote_status {
    // SAFETY: the state is the node's, by the service's contract.
    let state = match unsafe { State::of(state) } {
        Ok(state) => state,
        Err(status) => return status,
    };
    if count.is_null() || (ready.is_null() && capacity > 0) {
        return Error::Invalid.code();
    }
    let entries = if capacity == 0 {
        &mut [][..]
    } else {
        // SAFETY: `ready` is writable for `capacity` entries, by the service's contract.
        unsafe { core::slice::from_raw_parts_mut(ready.cast(), capacity) }
    };
    let mut ready = Ready { entries, count: 0 };
    match wait_for_events(state, deadline, &mut ready) {
        Ok(()) => {
            // SAFETY: not NULL, and writable by the service's contract.
            unsafe { count.write(ready.count) };
            0
        }
        Err(status) => status,
    }
}

fn wait_for_events(state: &State, deadline: u64, ready: &mut Ready<'_>) -> Result<(), mote_status> {
    let mut events = [const { MaybeUninit::<libc::epoll_event>::uninit() }; BATCH];
    let events = &mut events[..ready.entries.len().clamp(1, BATCH)];
    loop {
        let held = socket::watch_left(state);
        // A timer that fires too early only takes us once more round this loop. So it is left as it
        // is when the deadline moves away, as it does with each exchange: that saves a system call, and
        // the look at the clock.
        let later = deadline >= state.armed.get();
        let due = deadline == 0 || held || (!later && deadline <= sys::now());
        let rest = if due { 0 } else { state.rest.turn(sys::microseconds) };
        if rest != 0 && sys::sleep(rest) == libc::EINTR {
            return Ok(());
        }
        let spin = if due { 0 } else { state.spin.turn() };
        let mut taken = if spin == 0 { 0 } else { look(state, spin, deadline, events) };
        if taken == 0 {
            if !due && !later {
                set_timer(state, deadline)?;
            }
            taken = take_events(state, events, if due { 0 } else { -1 });
        }
        let Ok(taken) = usize::try_from(taken) else {
            // A signal ends the wait: its handler may have something to tell the application.
            return if errno() == libc::EINTR { Ok(()) } else { Err(Error::Io.code()) };
        };
        let (mut woken, mut fired) = (false, false);
        for event in events.iter().take(taken) {
            // SAFETY: the system has written as many as it says.
            let event = unsafe { event.assume_init_ref() };
            match event.u64 {
                TIMER => {
                    state.timer.drain();
                    state.armed.set(u64::MAX);
                    fired = true;
                }
                EVENT => {
                    state.event.drain();
                    state.rest.disturb();
                    woken = true;
                }
                address => {
                    // SAFETY: registered with the address of the socket, which is open: closing it
                    // takes it out, and nothing was closed since the events were taken.
                    let socket = unsafe { &*(address as *const Socket) };
                    if ready.is_full() {
                        // No more are taken than fit, but where nothing fits at all.
                        socket.watch_again(state);
                        return Ok(());
                    }
                    let (token, flags) = socket.translate(event.events, state);
                    if flags != 0 {
                        ready.add(token, flags);
                    }
                }
            }
        }
        if let Some(resolver) = state.resolver.get().filter(|_| woken) {
            resolver.report(|token| ready.add(token, MOTE_READY_READABLE));
        }
        socket::report_held(state, |token| ready.add(token, MOTE_READY_READABLE));
        if ready.count > 0 || woken || due || (fired && deadline <= sys::now()) {
            return Ok(());
        }
    }
}

/// Takes what the system has to tell, after at most so many milliseconds; negative when that failed.
fn take_events(state: &State, events: &mut [MaybeUninit<libc::epoll_event>], timeout: c_int) -> c_int {
    // SAFETY: `events` is writable for its length, which is `BATCH` at most.
    unsafe { libc::epoll_wait(state.epoll.raw(), events.as_mut_ptr().cast(), events.len() as c_int, timeout) }
}

/// Looks for events over and over, for so many microseconds, but not beyond `deadline`.
fn look(state: &State, limit: u32, deadline: u64, events: &mut [MaybeUninit<libc::epoll_event>]) -> c_int {
    let mut taken = take_events(state, events, 0);
    if taken != 0 {
        return taken;
    }
    let start = std::time::Instant::now();
    while taken == 0 && start.elapsed().as_micros() < limit.into() {
        if deadline != u64::MAX && deadline <= sys::now() {
            return 0;
        }
        taken = take_events(state, events, 0);
    }
    state.spin.ended(taken != 0);
    taken
}

/// Called from any thread, so it looks at the one field that never changes and at nothing else.
unsafe extern "C" fn wake(state: *mut c_void) {
    let state = state.cast::<State>();
    if state.is_null() {
        return;
    }
    // SAFETY: open while anyone may wake the node, by the service's contract; a place is formed, no
    // reference to the whole.
    let event = unsafe { &*ptr::addr_of!((*state).event) };
    event.signal();
}

unsafe extern "C" fn descriptor(state: *mut c_void, descriptor: *mut i32) -> mote_status {
    // SAFETY: the state is the node's, and the output is writable or NULL, by the service's contract.
    match unsafe { (State::of(state), descriptor.as_mut()) } {
        (Ok(state), Some(descriptor)) => {
            *descriptor = state.epoll.raw();
            0
        }
        _ => Error::Invalid.code(),
    }
}

unsafe extern "C" fn arm(state: *mut c_void, deadline: u64) -> mote_status {
    // SAFETY: the state is the node's, by the service's contract.
    let state = match unsafe { State::of(state) } {
        Ok(state) => state,
        Err(status) => return status,
    };
    let held = socket::watch_left(state);
    status(set_timer(state, if held { 0 } else { deadline }))
}
