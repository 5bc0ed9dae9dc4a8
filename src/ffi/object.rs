// SPDX-License-Identifier: MIT OR Apache-2.0
//! What all objects of the C API have in common: how they begin, how a pointer from C is checked,
//! how they join and leave their node.

use super::arguments::alive;
use super::node::{Driver, NodeRef};
use crate::memory::Carver;
use crate::status::Result;
use crate::table::Handle;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

/// What every object begins with.
#[repr(C)]
struct Header {
    magic: u32,
    node: NodeRef,
    /// How the node knows it.
    handle: Handle,
}

/// What is particular to one kind of object; only the node's thread touches it.
pub(crate) trait Kind {
    /// Begins every object of this kind that is alive.
    const MAGIC: u32;
}

/// An object in the application's block.
#[repr(C)]
pub(crate) struct Object<C> {
    header: Header,
    core: UnsafeCell<C>,
}

/// An object that was found alive. Copied freely; every use borrows it for a moment only.
pub(crate) struct ObjectRef<C>(*mut Header, PhantomData<*mut C>);

impl<C> Clone for ObjectRef<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for ObjectRef<C> {}

impl<C: Kind + 'static> ObjectRef<C> {
    /// Checks a pointer from C.
    ///
    /// # Safety
    /// `object` is NULL or came from the `init` of its kind, and its block has not been reused.
    pub(crate) unsafe fn new<T>(object: *const T) -> Result<ObjectRef<C>> {
        // SAFETY: passed on to the caller.
        unsafe { alive(object.cast(), align_of::<Object<C>>(), C::MAGIC) }?;
        Ok(ObjectRef::of(object.cast()))
    }

    /// The object of a driver's or provider's call, which is alive.
    pub(crate) const fn of(object: *const c_void) -> ObjectRef<C> {
        ObjectRef(object.cast_mut().cast(), PhantomData)
    }

    /// Takes the place of an object from the block. What is particular to it is to be written to
    /// [`core`](ObjectRef::core), member by member, and then it is to be attached, before anything else is done with it.
    ///
    /// # Errors
    /// [`Error::NoMemory`].
    pub(crate) fn reserve(carver: &mut Carver<'static>) -> Result<ObjectRef<C>> {
        let place = carver.place(MaybeUninit::<Object<C>>::uninit())?;
        Ok(ObjectRef(place.as_mut_ptr().cast(), PhantomData))
    }

    /// Attaches the object to its node.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub(crate) fn attach(self, node: NodeRef, driver: &'static Driver) -> Result<()> {
        attach(self.0, C::MAGIC, node, driver)
    }

    /// Where what is particular to the object stands.
    pub(crate) fn core(self) -> *mut C {
        // SAFETY: the object's place is there.
        unsafe { UnsafeCell::raw_get(&raw const (*self.0.cast::<Object<C>>()).core) }
    }

    /// As C knows it.
    pub(crate) const fn pointer<T>(self) -> *mut T {
        self.0.cast()
    }

    pub(crate) fn node(self) -> NodeRef {
        // SAFETY: alive by construction, and `node` never changes.
        unsafe { (&raw const (*self.0).node).read() }
    }

    /// How the node knows it.
    pub(crate) fn handle(self) -> Handle {
        // SAFETY: alive by construction, and `handle` never changes.
        unsafe { (&raw const (*self.0).handle).read() }
    }

    /// Something changed in it: the node polls it at its next turn.
    pub(crate) fn touch(self) {
        touch(self.0);
    }

    /// Borrows the inside for the length of `use_it`, which must not call the application.
    pub(crate) fn with<R>(self, use_it: impl FnOnce(&mut C) -> R) -> R {
        // SAFETY: one thread at a time drives the node and all on it (the contract of the C
        // API), and `use_it` does not come back here, so that this is the only reference.
        use_it(unsafe { &mut *self.core() })
    }

    /// From here on every use of the pointer is stale.
    pub(crate) fn retire(self) {
        // SAFETY: alive, and no reference to the header is held here.
        unsafe { (&raw mut (*self.0).magic).write(0) };
    }

    /// Leaves the node, which closes its sources. From here on every use of the pointer is stale.
    pub(crate) fn detach(self) {
        detach(self.0);
    }
}

fn attach(object: *mut Header, magic: u32, node: NodeRef, driver: &'static Driver) -> Result<()> {
    let handle = node.attach(object.cast(), driver)?;
    // SAFETY: the place is large enough, and the object's alone.
    unsafe { object.write(Header { magic, node, handle }) };
    Ok(())
}

fn touch(object: *mut Header) {
    // SAFETY: called for objects that are alive.
    let Header { node, handle, .. } = unsafe { &*object };
    node.touch(*handle);
}

fn detach(object: *mut Header) {
    // SAFETY: called for objects that are alive, and no reference is held here.
    unsafe {
        let Header { node, handle, .. } = object.read();
        (&raw mut (*object).magic).write(0);
        node.detach(handle);
    }
}

/// What each `init` ends with: the object as C knows it, or none of it.
pub(crate) fn ready<C: Kind + 'static, T>(object: ObjectRef<C>, opened: Result<()>) -> Result<*mut T> {
    match opened {
        Ok(()) => Ok(object.pointer()),
        Err(error) => {
            object.detach();
            Err(error)
        }
    }
}
