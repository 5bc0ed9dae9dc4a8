// SPDX-License-Identifier: MIT OR Apache-2.0
//! Host names to addresses, without blocking.

use super::arguments::{block, outcome, output, slice};
use super::node::{Driver, NodeRef};
use super::object::{self, Kind, Object, ObjectRef};
use super::opaque::{mote_lookup, mote_node};
use super::status::MOTE_OK;
use crate::address::{Ip, SocketAddress};
use crate::memory::Carver;
use crate::port::{mote_address, mote_bytes, mote_status};
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use core::ffi::c_void;

/// How many addresses one look-up gives at most.
pub(super) const ADDRESSES: usize = 4;

/// A block of this many bytes holds a look-up.
pub const MOTE_LOOKUP_MEM: usize = 192;

const _: () = assert!(
    size_of::<Object<Core>>() + align_of::<Object<Core>>() <= MOTE_LOOKUP_MEM,
    "MOTE_LOOKUP_MEM must hold a look-up",
);

impl Kind for Core {
    const MAGIC: u32 = 0x6c6f_6f6b;
}

/// A look-up that was found alive.
type LookupRef = ObjectRef<Core>;

struct Core {
    query: Option<(Handle, usize)>,
    /// What a literal stands for.
    literal: Option<Ip>,
    give_up_at: Instant,
    callback: mote_lookup_callback,
    user: *mut c_void,
}

/// Is told what became of a look-up, once, by the thread that drives the node; the look-up's
/// memory is the application's again. `addresses` are `count` addresses with port 0, best first,
/// lent until it returns; none unless `status` is success. Otherwise `status` is
/// `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_TIMEOUT` or what the port said.
pub type mote_lookup_callback = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        status: mote_status,
        addresses: *const mote_address,
        count: usize,
    ),
>;

impl LookupRef {
    /// Ends the look-up and tells the application. Nothing of it is touched afterwards.
    fn end(self, result: Result<&[mote_address]>) {
        let (callback, user) = self.with(|core| (core.callback, core.user));
        self.detach();
        let (status, addresses) = match result {
            Ok(addresses) => (MOTE_OK, addresses),
            Err(error) => (error.code(), &[][..]),
        };
        if let Some(callback) = callback {
            // SAFETY: the application's function, as `mote_lookup_callback` describes it.
            unsafe { callback(user, status, addresses.as_ptr(), addresses.len()) }
        }
    }

    /// Takes the answer if it is there; whether the look-up has ended with that.
    fn take(self) -> bool {
        let Some((source, query)) = self.with(|core| core.query) else { return false };
        let mut addresses = [mote_address::default(); ADDRESSES];
        let answered = self.node().resolved(query, &mut addresses);
        if answered == Err(Error::WouldBlock) {
            return false;
        }
        // The port has ended the query by itself.
        self.node().forget_source(source);
        self.with(|core| core.query = None);
        self.end(answered.map(|count| addresses.get(..count).unwrap_or_default()));
        true
    }
}

static DRIVER: Driver = Driver { poll, deadline, datagram: Driver::NO_DATAGRAM, ready };

unsafe fn poll(object: *mut c_void) -> bool {
    let lookup = LookupRef::of(object);
    if let Some(ip) = lookup.with(|core| core.literal) {
        lookup.end(Ok(&[SocketAddress::new(ip, 0).into()]));
        return true;
    }
    let now = lookup.node().now();
    if lookup.with(|core| core.give_up_at.is_due(now)) {
        lookup.end(Err(Error::Timeout));
        return true;
    }
    false
}

unsafe fn deadline(object: *const c_void) -> Instant {
    LookupRef::of(object).with(|core| core.give_up_at)
}

unsafe fn ready(object: *mut c_void, _source: Handle, _readable: bool, _writable: bool) -> bool {
    LookupRef::of(object).take()
}

/// Looks a host name up; an address literal stands for itself. The callback is called once, from
/// `mote_node_run` or `mote_node_poll`, never from inside this call; and not at all when this call fails or
/// `mote_lookup_cancel` comes first.
///
/// ```c
/// static uint8_t memory[MOTE_LOOKUP_MEM];
/// mote_bytes host = MOTE_STR("example.com");
/// mote_status status = mote_lookup_start(memory, sizeof memory, node, host, 10000, on_address, NULL, NULL);
/// ```
///
/// `memory` is the look-up's until the callback is called or it is cancelled. `host` is copied.
/// `timeout` is in milliseconds; 0 stands for 30,000. `lookup` may be NULL.
///
/// `MOTE_ERR_INVALID` for NULL or an empty name; `MOTE_ERR_NO_MEMORY` when the block is too
/// small; `MOTE_ERR_FULL` when the node or the port has no room for it; `MOTE_ERR_UNSUPPORTED`
/// when the port resolves no names; `MOTE_ERR_STALE` when the node is closed.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_lookup_start(
    memory: *mut u8,
    memory_size: usize,
    node: *mut mote_node,
    host: mote_bytes,
    timeout: u32,
    callback: mote_lookup_callback,
    user: *mut c_void,
    lookup: *mut *mut mote_lookup,
) -> mote_status {
    let begin = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (block, node, host) = unsafe { (block(memory, memory_size)?, NodeRef::new(node)?, slice(host)?) };
        if host.is_empty() {
            return Err(Error::Invalid);
        }
        let literal = Ip::parse_bytes(host).ok();
        let after = if timeout == 0 { 30_000 } else { timeout };
        let started = LookupRef::reserve(&mut Carver::new(block))?;
        let give_up_at = node.now().after(after.into());
        // SAFETY: the place was just reserved.
        unsafe { started.core().write(Core { query: None, literal, give_up_at, callback, user }) };
        started.attach(node, &DRIVER)?;
        let object = object::ready(started, begin_query(started, host))?;
        // SAFETY: passed on to the caller of this function.
        if let Ok(out) = unsafe { output(lookup) } {
            out.write(object);
        }
        Ok(())
    };
    outcome(begin())
}

fn begin_query(lookup: LookupRef, host: &[u8]) -> Result<()> {
    if lookup.with(|core| core.literal.is_some()) {
        return Ok(());
    }
    let query = lookup.node().resolve(lookup.handle(), host)?;
    lookup.with(|core| core.query = Some(query));
    Ok(())
}

/// Ends a look-up without calling its callback; its memory is the application's again. NULL is
/// a no-op. `MOTE_ERR_STALE` when it has ended already.
///
/// # Safety
/// `lookup` is NULL or came from `mote_lookup_start`, and its block has not been reused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_lookup_cancel(lookup: *mut mote_lookup) -> mote_status {
    if lookup.is_null() {
        return MOTE_OK;
    }
    // SAFETY: passed on to the caller of this function.
    outcome(unsafe { LookupRef::new(lookup) }.map(LookupRef::detach))
}

#[cfg(all(test, feature = "std"))]
#[allow(clippy::undocumented_unsafe_blocks)] // each call passes what the function asks for
mod tests {
    use super::*;
    use crate::ffi::node::{mote_node_close, mote_node_config, mote_node_init, mote_node_poll};
    use crate::port::{mote_port, mote_port_clock, mote_port_entropy, mote_port_resolver};
    use core::ptr::{null, null_mut};

    /// A port whose time and answers the test sets.
    #[derive(Default)]
    struct World {
        now: u64,
        answer: Option<mote_status>,
        /// How many addresses it says that it wrote.
        count: usize,
        asked: Vec<u8>,
        open: i32,
    }

    unsafe extern "C" fn now(state: *mut c_void) -> u64 {
        unsafe { (*state.cast::<World>()).now }
    }

    unsafe extern "C" fn fill(_: *mut c_void, out: *mut u8, len: usize) -> mote_status {
        unsafe { out.write_bytes(1, len) };
        MOTE_OK
    }

    unsafe extern "C" fn start(
        state: *mut c_void,
        host: *const u8,
        len: usize,
        _: u32,
        query: *mut usize,
    ) -> mote_status {
        unsafe {
            let world = &mut *state.cast::<World>();
            world.asked = core::slice::from_raw_parts(host, len).to_vec();
            world.open += 1;
            query.write(7);
        }
        MOTE_OK
    }

    unsafe extern "C" fn take(
        state: *mut c_void,
        query: usize,
        addresses: *mut mote_address,
        capacity: usize,
        count: *mut usize,
    ) -> mote_status {
        assert!(query == 7 && capacity == ADDRESSES);
        unsafe {
            let world = &mut *state.cast::<World>();
            let Some(answer) = world.answer else { return Error::WouldBlock.code() };
            world.open -= 1;
            addresses.write(SocketAddress::new(Ip::LOOPBACK, 0).into());
            count.write(world.count);
            answer
        }
    }

    unsafe extern "C" fn cancel(state: *mut c_void, _: usize) {
        unsafe { (*state.cast::<World>()).open -= 1 };
    }

    struct Scene {
        world: *mut World,
        node: *mut mote_node,
        memory: Vec<u8>,
        lookup: *mut mote_lookup,
    }

    type Seen = Vec<(mote_status, Vec<[u8; 16]>)>;

    unsafe extern "C" fn on_address(
        user: *mut c_void,
        status: mote_status,
        addresses: *const mote_address,
        count: usize,
    ) {
        unsafe {
            let ips = (0..count).map(|index| (*addresses.add(index)).ip).collect();
            (*user.cast::<Seen>()).push((status, ips));
        }
    }

    impl Scene {
        fn new(resolves: bool) -> Scene {
            let world = Box::leak(Box::new(World { now: 1000, count: 1, ..World::default() }));
            let size = |bytes: usize| bytes as u32;
            let clock = Box::leak(Box::new(mote_port_clock {
                size: size(size_of::<mote_port_clock>()),
                reserved: 0,
                now: Some(now),
            }));
            let entropy = Box::leak(Box::new(mote_port_entropy {
                size: size(size_of::<mote_port_entropy>()),
                reserved: 0,
                fill: Some(fill),
            }));
            let resolver = Box::leak(Box::new(mote_port_resolver {
                size: size(size_of::<mote_port_resolver>()),
                reserved: 0,
                start: Some(start),
                take: Some(take),
                cancel: Some(cancel),
            }));
            // Plain structs of the header, for which all zeros is valid.
            let port = Box::leak(Box::new(mote_port {
                size: size(size_of::<mote_port>()),
                user: core::ptr::from_mut(world).cast(),
                clock,
                entropy,
                resolver: if resolves { resolver } else { null() },
                ..unsafe { core::mem::zeroed() }
            }));
            let config = mote_node_config {
                size: size(size_of::<mote_node_config>()),
                port,
                ..unsafe { core::mem::zeroed() }
            };
            let mut node = null_mut();
            let memory = vec![0u8; 8192].leak();
            let status =
                unsafe { mote_node_init(memory.as_mut_ptr(), 8192, &raw const config, &raw mut node) };
            assert_eq!(status, MOTE_OK);
            Scene { world, node, memory: vec![0; MOTE_LOOKUP_MEM], lookup: null_mut() }
        }

        #[allow(clippy::mut_from_ref)] // the world is leaked, and each borrow ends with its line
        fn world(&self) -> &mut World {
            unsafe { &mut *self.world }
        }

        fn start(&mut self, host: &[u8], seen: &mut Seen) -> mote_status {
            unsafe {
                mote_lookup_start(
                    self.memory.as_mut_ptr(),
                    self.memory.len(),
                    self.node,
                    mote_bytes { ptr: host.as_ptr(), len: host.len() },
                    5000,
                    Some(on_address),
                    core::ptr::from_mut(seen).cast(),
                    &raw mut self.lookup,
                )
            }
        }

        fn poll(&self) {
            assert_eq!(unsafe { mote_node_poll(self.node) }, MOTE_OK);
        }
    }

    #[test]
    fn a_name_is_looked_up_and_told_once() {
        let mut scene = Scene::new(true);
        let mut seen = Seen::new();
        assert_eq!(scene.start(b"host.example", &mut seen), MOTE_OK);
        assert_eq!(scene.world().asked, b"host.example");
        scene.poll();
        assert!(seen.is_empty());
        scene.world().answer = Some(MOTE_OK);
        scene.poll();
        scene.poll();
        assert_eq!(seen, [(MOTE_OK, vec![Ip::LOOPBACK.0])]);
        assert_eq!(unsafe { mote_lookup_cancel(scene.lookup) }, Error::Stale.code());
        // No more are believed than there is room for.
        scene.world().count = ADDRESSES + 1;
        assert_eq!(scene.start(b"host.example", &mut seen), MOTE_OK);
        scene.poll();
        assert_eq!(seen.last().map(|(status, ips)| (*status, ips.len())), Some((MOTE_OK, ADDRESSES)));
        // The same memory serves again, and errors are told too.
        scene.world().answer = Some(Error::NotFound.code());
        assert_eq!(scene.start(b"none.example", &mut seen), MOTE_OK);
        scene.poll();
        assert_eq!(seen.last(), Some(&(Error::NotFound.code(), vec![])));
        assert_eq!(scene.world().open, 0);
        assert_eq!(unsafe { mote_node_close(scene.node) }, MOTE_OK);
    }

    #[test]
    fn it_gives_up_in_time_and_can_be_cancelled() {
        let mut scene = Scene::new(true);
        let mut seen = Seen::new();
        assert_eq!(scene.start(b"slow.example", &mut seen), MOTE_OK);
        scene.world().now += 4999;
        scene.poll();
        assert!(seen.is_empty());
        scene.world().now += 1;
        scene.poll();
        assert_eq!(seen, [(Error::Timeout.code(), vec![])]);
        assert_eq!(scene.world().open, 0);
        assert_eq!(scene.start(b"slow.example", &mut seen), MOTE_OK);
        assert_eq!(unsafe { mote_lookup_cancel(scene.lookup) }, MOTE_OK);
        scene.poll();
        assert_eq!((seen.len(), scene.world().open), (1, 0));
    }

    #[test]
    fn a_literal_needs_no_resolver_and_nonsense_is_refused() {
        let mut scene = Scene::new(false);
        let mut seen = Seen::new();
        assert_eq!(scene.start(b"192.0.2.1", &mut seen), MOTE_OK);
        assert!(seen.is_empty());
        scene.poll();
        assert_eq!(seen, [(MOTE_OK, vec![Ip::v4([192, 0, 2, 1]).0])]);
        assert_eq!(scene.start(b"host.example", &mut seen), Error::Unsupported.code());
        assert_eq!(scene.start(b"", &mut seen), Error::Invalid.code());
        scene.memory.truncate(16);
        assert_eq!(scene.start(b"192.0.2.1", &mut seen), Error::NoMemory.code());
        assert_eq!(unsafe { mote_lookup_cancel(null_mut()) }, MOTE_OK);
        assert_eq!(unsafe { mote_node_close(scene.node) }, MOTE_OK, "nothing is left attached");
    }
}
