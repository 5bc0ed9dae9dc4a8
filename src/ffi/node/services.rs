// SPDX-License-Identifier: MIT OR Apache-2.0
//! The port's tables, checked once when the node is made.

use crate::ffi::arguments::{self, Config, check, copy_config};
use crate::port::{
    mote_address, mote_bytes, mote_port, mote_port_alarm, mote_port_clock, mote_port_entropy, mote_port_log,
    mote_port_radio, mote_port_resolver, mote_port_store, mote_port_tap, mote_port_tcp, mote_port_tun,
    mote_port_udp,
};
use crate::status::{Error, Result};
use crate::time::Instant;
use core::ffi::c_void;
use core::mem::{MaybeUninit, offset_of};

// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port {}

/// A table that a port may have.
///
/// # Safety
/// `AT` is where in `mote_port` the pointer to a table of this type stands.
pub(crate) unsafe trait Service: Config {
    const AT: usize;
}

// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_clock {}
// SAFETY: the member's own type.
unsafe impl Service for mote_port_clock {
    const AT: usize = offset_of!(mote_port, clock);
}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_entropy {}
// SAFETY: the member's own type.
unsafe impl Service for mote_port_entropy {
    const AT: usize = offset_of!(mote_port, entropy);
}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_alarm {}
// SAFETY: the member's own type.
unsafe impl Service for mote_port_alarm {
    const AT: usize = offset_of!(mote_port, alarm);
}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_udp {}
// SAFETY: the member's own type.
unsafe impl Service for mote_port_udp {
    const AT: usize = offset_of!(mote_port, udp);
}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_tcp {}
// SAFETY: the member's own type.
unsafe impl Service for mote_port_tcp {
    const AT: usize = offset_of!(mote_port, tcp);
}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_resolver {}
// SAFETY: the member's own type.
unsafe impl Service for mote_port_resolver {
    const AT: usize = offset_of!(mote_port, resolver);
}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_radio {}
// SAFETY: the member's own type.
unsafe impl Service for mote_port_radio {
    const AT: usize = offset_of!(mote_port, radio);
}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_store {}
// SAFETY: the member's own type.
unsafe impl Service for mote_port_store {
    const AT: usize = offset_of!(mote_port, store);
}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_log {}
// SAFETY: the member's own type.
unsafe impl Service for mote_port_log {
    const AT: usize = offset_of!(mote_port, log);
}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_tap {}
// SAFETY: the member's own type.
unsafe impl Service for mote_port_tap {
    const AT: usize = offset_of!(mote_port, tap);
}
// SAFETY: plain, `size` first, valid when all zero.
unsafe impl Config for mote_port_tun {}
// SAFETY: the member's own type.
unsafe impl Service for mote_port_tun {
    const AT: usize = offset_of!(mote_port, tun);
}

/// The port of one node: the tables, and the state that its functions get.
///
/// What is called for every datagram is kept ready, as zeros where the port lacks it; the other
/// tables are read when used.
pub(crate) struct Services {
    pub(crate) port: *const mote_port,
    pub(crate) state: *mut c_void,
    clock: mote_port_clock,
    entropy: mote_port_entropy,
    tap: mote_port_tap,
    pub(crate) alarm: mote_port_alarm,
    pub(crate) udp: mote_port_udp,
}

/// A table that is kept ready: where in `mote_port` it is found, where in `Services` it is kept, its size.
const fn kept<T: Service>(at: usize) -> [u8; 3] {
    [T::AT as u8, at as u8, size_of::<T>() as u8]
}

/// The tables that are kept ready.
const KEPT: [[u8; 3]; 5] = [
    kept::<mote_port_clock>(offset_of!(Services, clock)),
    kept::<mote_port_entropy>(offset_of!(Services, entropy)),
    kept::<mote_port_tap>(offset_of!(Services, tap)),
    kept::<mote_port_alarm>(offset_of!(Services, alarm)),
    kept::<mote_port_udp>(offset_of!(Services, udp)),
];

const _: () = assert!(size_of::<Services>() < 256 && size_of::<mote_port>() < 256, "KEPT counts in bytes");

impl Services {
    /// Checks the tables, and keeps those that are often needed. `self` is all zeros until then.
    ///
    /// # Safety
    /// `port` is valid with all that it points to, and stays so while the node lives; `table` is what it says.
    pub(crate) unsafe fn read(&mut self, port: *const mote_port, table: &mote_port) -> Result<()> {
        (self.port, self.state) = (port, table.user);
        for [from, to, size] in KEPT {
            // SAFETY: passed on to the caller; each table is written to the member of its type.
            match unsafe {
                let kept = core::ptr::from_mut(self).cast::<u8>().add(to.into());
                self.copy_table(from.into(), kept, size.into())
            } {
                Ok(()) | Err(Error::Unsupported) => {}
                Err(error) => return Err(error),
            }
        }
        if self.clock.now.is_none() || self.entropy.fill.is_none() {
            return Err(Error::Invalid);
        }
        Ok(())
    }

    /// Asks what can only be asked of an open port.
    pub(crate) fn opened(&mut self) {
        // SAFETY: the port's contract; `open` succeeded with this state.
        if self.tap.active.is_some_and(|active| unsafe { active(self.state) } == 0) {
            self.tap.pass = None;
        }
    }

    /// The port's table; a shorter one of an older header is extended by zeros.
    pub(crate) fn table<'a>(&self, room: &'a mut MaybeUninit<mote_port>) -> Result<&'a mote_port> {
        // SAFETY: `read` was promised that the tables stay valid.
        unsafe { arguments::config(self.port, room) }
    }

    /// The one copy of what [`service`](Services::service) does for every table.
    ///
    /// # Safety
    /// `at` is where a pointer to a table stands in `mote_port`; `copy` has room for `known` bytes.
    unsafe fn copy_table(&self, at: usize, copy: *mut u8, known: usize) -> Result<()> {
        let mut room = arguments::room();
        let port = core::ptr::from_ref(self.table(&mut room)?).cast::<u8>();
        // SAFETY: passed on to the caller; `read` was promised that the tables stay valid.
        unsafe {
            let table = port.add(at).cast::<*const u8>().read();
            if table.is_null() { Err(Error::Unsupported) } else { copy_config(table, copy, known) }
        }
    }

    pub(crate) fn now(&self) -> Instant {
        // SAFETY: the port's contract; the state is the one that `open` saw. `read` saw the function.
        Instant(self.clock.now.map_or(0, |now| unsafe { now(self.state) }))
    }

    pub(crate) fn entropy(&self, out: &mut [u8]) -> Result<()> {
        let fill = self.entropy.fill.ok_or(Error::Unsupported)?;
        // SAFETY: the port's contract; `out` is `out.len()` writable bytes.
        check(unsafe { fill(self.state, out.as_mut_ptr(), out.len()) })
    }

    /// Reads one of the optional tables into `room`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the port lacks it.
    pub(crate) fn service<'a, T: Service>(&self, room: &'a mut MaybeUninit<T>) -> Result<&'a T> {
        // SAFETY: a `Service` says where it stands; on success all of the room is written.
        unsafe {
            self.copy_table(T::AT, room.as_mut_ptr().cast(), size_of::<T>())?;
            Ok(room.assume_init_ref())
        }
    }

    pub(crate) fn log(&self, level: u32, text: &str) {
        let mut room = arguments::room();
        let Ok(mote_port_log { level: up_to, write: Some(write), .. }) = self.service(&mut room) else {
            return;
        };
        if level <= *up_to {
            // SAFETY: the port's contract; the text is lent for the call.
            unsafe { write(self.state, level, mote_bytes { ptr: text.as_ptr(), len: text.len() }) }
        }
    }

    /// Whether anybody watches what passes.
    pub(crate) const fn has_tap(&self) -> bool {
        self.tap.pass.is_some()
    }

    pub(crate) fn tap(&self, kind: u32, ends: Option<(&mote_address, &mote_address)>, data: &[u8]) {
        let Some(pass) = self.tap.pass else { return };
        let (source, destination) = match ends {
            Some((source, destination)) => (core::ptr::from_ref(source), core::ptr::from_ref(destination)),
            None => (core::ptr::null(), core::ptr::null()),
        };
        // SAFETY: the port's contract; everything is lent for the call.
        unsafe {
            pass(self.state, kind, source, destination, mote_bytes { ptr: data.as_ptr(), len: data.len() });
        }
    }
}
