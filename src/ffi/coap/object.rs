// SPDX-License-Identifier: MIT OR Apache-2.0
//! The object behind a `mote_coap`.

use super::config::mote_coap_statistics;
#[cfg(feature = "coap-client")]
use super::event::mote_coap_callback;
#[cfg(feature = "coap-server")]
use super::resource::mote_coap_resource_config;
use crate::coap::{Config, Endpoint};
use crate::ffi::arguments::{in_place, lend, outcome};
use crate::ffi::node::Lent;
use crate::ffi::object::{Kind, Object, ObjectRef};
use crate::ffi::opaque::mote_coap;
use crate::memory::{Carver, Plan};
use crate::port::{mote_bytes, mote_status};
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::transport::DatagramContext;
use core::ffi::c_void;
use core::mem::MaybeUninit;

impl Kind for Core {
    const MAGIC: u32 = 0x636f_6170;
}

/// An endpoint that was found alive.
pub(super) type CoapRef = ObjectRef<Core>;

/// Who is told of a request.
#[cfg(feature = "coap-client")]
#[derive(Clone, Copy)]
pub(super) struct Caller {
    pub(super) handle: u32,
    pub(super) callback: mote_coap_callback,
    pub(super) user: *mut c_void,
    /// The whole body, if the application keeps it for us.
    pub(super) body: mote_bytes,
}

#[cfg(feature = "coap-client")]
impl Default for Caller {
    fn default() -> Caller {
        Caller { handle: 0, callback: None, user: core::ptr::null_mut(), body: lend(&[]) }
    }
}

/// Who handles the requests for a resource.
#[cfg(feature = "coap-server")]
#[derive(Clone, Copy)]
pub(super) struct Served {
    pub(super) config: *const mote_coap_resource_config,
    pub(super) user: *mut c_void,
    pub(super) handle: u32,
}

#[cfg(feature = "coap-server")]
impl Default for Served {
    fn default() -> Served {
        Served { config: core::ptr::null(), user: core::ptr::null_mut(), handle: 0 }
    }
}

/// What only the node's thread touches.
pub(super) struct Core {
    pub(super) endpoint: Endpoint<'static>,
    pub(super) scratch: *mut [u8],
    #[cfg(feature = "coap-client")]
    pub(super) callers: &'static mut [Caller],
    #[cfg(feature = "coap-server")]
    pub(super) served: &'static mut [Served],
    /// The exchange whose handler was called and has returned by now.
    #[cfg(feature = "coap-server")]
    pub(super) returning: Option<Handle>,
    pub(super) source: Option<Handle>,
}

/// In a config of defaults: bytes that do not depend on requests, observers and message size.
/// For `MOTE_COAP_MEM`.
pub const MOTE_COAP_MEM_BASE: usize = 6912;
/// Bytes for each request of ours under way. For `MOTE_COAP_MEM`.
pub const MOTE_COAP_MEM_REQUEST: usize = 120;
/// Bytes for each observer. For `MOTE_COAP_MEM`.
pub const MOTE_COAP_MEM_OBSERVER: usize = 40;

/// What an endpoint takes of a block.
pub(super) fn plan(config: &Config) -> Plan {
    let mut core = MaybeUninit::uninit();
    Plan::new().table::<Object<Core>>(1).and(|carver| furnish(core.as_mut_ptr(), carver, config))
}

/// Makes what is particular to an object, which lies at `core`.
#[inline(never)]
pub(super) fn furnish(core: *mut Core, carver: &mut Carver<'static>, config: &Config) -> Result<()> {
    let endpoint = Endpoint::carve(carver, config);
    let scratch = carver.part(config.message_size.into());
    #[cfg(feature = "coap-client")]
    let callers = carver.part(config.requests.into());
    #[cfg(feature = "coap-server")]
    let served = carver.part(config.resources.into());
    carver.enough()?;
    // SAFETY: the place is the object's, and nobody has borrowed it yet.
    unsafe {
        (&raw mut (*core).endpoint).copy_from_nonoverlapping(in_place(&endpoint)?, 1);
        (&raw mut (*core).scratch).write(core::ptr::from_mut(scratch));
        #[cfg(feature = "coap-client")]
        (&raw mut (*core).callers).write(callers);
        #[cfg(feature = "coap-server")]
        (&raw mut (*core).served).write(served);
        #[cfg(feature = "coap-server")]
        (&raw mut (*core).returning).write(None);
        (&raw mut (*core).source).write(None);
    }
    Ok(())
}

impl CoapRef {
    /// The socket.
    pub(super) fn source(self) -> Result<Handle> {
        self.with(|core| core.source).ok_or(Error::State)
    }

    /// Lends the engine together with its context.
    pub(super) fn engine<R>(
        self,
        use_it: impl FnOnce(&mut Core, &mut DatagramContext<'_>) -> R,
    ) -> Result<R> {
        let mut parts = MaybeUninit::uninit();
        let mut room = MaybeUninit::uninit();
        let cx = self.context(&mut parts, &mut room)?;
        Ok(self.with(|core| use_it(core, cx)))
    }

    /// The engine's context in `room`, with its parts in theirs.
    #[inline(never)] // For its size.
    fn context<'a>(
        self,
        parts: &'a mut MaybeUninit<Lent>,
        room: &'a mut MaybeUninit<DatagramContext<'a>>,
    ) -> Result<&'a mut DatagramContext<'a>> {
        let source = self.source()?;
        Ok(room.write(parts.write(Lent::of(self.node(), source)).context()))
    }

    /// A command of the application: it may have moved the deadline, so the node polls.
    pub(super) fn command<R>(
        self,
        use_it: impl FnOnce(&mut Core, &mut DatagramContext<'_>) -> Result<R>,
    ) -> Result<R> {
        self.touch();
        self.engine(use_it)?
    }

    pub(super) fn statistics(self) -> mote_coap_statistics {
        let counted = self.with(|core| *core.endpoint.stats());
        mote_coap_statistics {
            size: 0,
            received: counted.received,
            sent: counted.sent,
            retransmitted: counted.retransmitted,
            duplicates: counted.duplicates,
            rejected: counted.rejected,
            send_failed: counted.send_failed,
            full: counted.full,
            forgotten: counted.forgotten,
            timeouts: counted.timeouts,
        }
    }
}

/// What [`act`] does: with the engine, on what the handle names, as `given` says.
pub(super) type Work<A> = fn(&mut Core, &mut DatagramContext<'_>, Handle, given: &A) -> Result<()>;

/// A command on something that a handle names.
///
/// # Safety
/// `coap` is NULL or came from `mote_coap_init`.
pub(super) unsafe fn act<A>(coap: *mut mote_coap, handle: u32, given: &A, work: Work<A>) -> mote_status {
    // SAFETY: a function of a reference may be called with a pointer to the same, as `act_on` does with
    // `given`; the rest is passed on to the caller.
    unsafe {
        let work = core::mem::transmute::<Work<A>, WorkOn>(work);
        outcome(act_on(coap, handle, core::ptr::from_ref(given).cast(), work))
    }
}

type WorkOn = unsafe fn(&mut Core, &mut DatagramContext<'_>, Handle, *const c_void) -> Result<()>;

/// The one copy of [`act`].
///
/// # Safety
/// As there; `given` is what `work` takes.
#[inline(never)]
unsafe fn act_on(coap: *mut mote_coap, handle: u32, given: *const c_void, work: WorkOn) -> Result<()> {
    // SAFETY: passed on to the caller.
    let coap = unsafe { CoapRef::new(coap) }?;
    let handle = Handle::from_raw(handle).ok_or(Error::Stale)?;
    // SAFETY: as the caller promised.
    coap.command(|core, cx| unsafe { work(core, cx, handle, given) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macro_is_an_upper_bound() {
        // The sizes are linear, so that the ends of the range speak for all between them.
        for (requests, observers, message_size) in
            [(1, 1, 64), (4, 8, 1152), (16_384, 1, 64), (1, 16_384, 64), (1, 1, 65_534)]
        {
            let config = Config { requests, observers, message_size, ..Config::DEFAULT };
            let told = MOTE_COAP_MEM_BASE
                + usize::from(requests) * MOTE_COAP_MEM_REQUEST
                + usize::from(observers) * MOTE_COAP_MEM_OBSERVER
                + usize::from(message_size) * 2;
            let taken = plan(&config).bytes();
            assert!(taken <= told, "{taken} of {told} bytes");
        }
    }
}
