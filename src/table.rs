// SPDX-License-Identifier: MIT OR Apache-2.0
//! A table of fixed capacity whose handles are checked against re-use of their slot.
//!
//! What a table does is done by one `Slots` for entries of every type.
#![allow(unsafe_code)]

use crate::row::Row;
use crate::status::{Error, Result};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

/// Names one entry of one [`Table`]: the slot in the low half, its generation in the high
/// half. Never 0, so 0 can mean "none". Once the entry is gone the handle is stale for the
/// next 32,767 uses of its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(core::num::NonZeroU32);

impl Handle {
    pub(crate) const fn new(index: u16, generation: u16) -> Option<Handle> {
        match core::num::NonZeroU32::new((generation as u32) << 16 | index as u32) {
            Some(raw) => Some(Handle(raw)),
            None => None,
        }
    }

    /// The number that stands for this handle in C.
    pub const fn raw(self) -> u32 {
        self.0.get()
    }

    /// The handle that a number from C stands for; 0 stands for none.
    pub const fn from_raw(raw: u32) -> Option<Handle> {
        match core::num::NonZeroU32::new(raw) {
            Some(raw) => Some(Handle(raw)),
            None => None,
        }
    }

    /// The slot, below the table's capacity.
    pub const fn index(self) -> usize {
        (self.0.get() & 0xffff) as usize
    }

    pub(crate) const fn generation(self) -> u16 {
        (self.0.get() >> 16) as u16
    }
}

/// One place of a [`Table`]. All zeros make a free one.
#[repr(C)]
#[derive(Debug)]
pub struct Slot<T> {
    /// Odd while the slot is taken, and the generation of its handle then; grows with every change.
    stamp: u16,
    value: MaybeUninit<T>,
}

impl<T: Copy> Clone for Slot<T> {
    fn clone(&self) -> Slot<T> {
        *self
    }
}

impl<T: Copy> Copy for Slot<T> {}

impl<T> Default for Slot<T> {
    fn default() -> Slot<T> {
        Slot { stamp: 0, value: MaybeUninit::uninit() }
    }
}

/// Slots whose entries are of any type: what they have in common are their stamps.
#[derive(Debug)]
struct Slots {
    stamps: Row<u16>,
    /// The slot that was freed last.
    freed: u16,
}

impl Slots {
    /// The first taken slot from `index` on.
    #[inline(never)]
    fn next(&self, mut index: usize) -> Option<(NonNull<u16>, Handle)> {
        while index < self.stamps.count().into() {
            // SAFETY: there are `count` slots, which the table borrows.
            let place = unsafe { self.stamps.at(index as u16) };
            // SAFETY: the stamp of a slot, which nobody else borrows.
            let stamp = unsafe { place.read() };
            if stamp & 1 != 0 {
                return Some((place, Handle::new(index as u16, stamp)?));
            }
            index += 1;
        }
        None
    }

    /// The slot that `handle` names, if it is taken and was not freed since.
    #[inline(never)]
    fn find(&self, handle: Handle) -> Option<NonNull<u16>> {
        if handle.index() >= self.stamps.count().into() {
            return None;
        }
        // SAFETY: as in `next`.
        let place = unsafe { self.stamps.at(handle.index() as u16) };
        // SAFETY: as in `next`.
        let is_named = unsafe { place.read() } == handle.generation();
        // What names a free slot was made up.
        if is_named && handle.generation() & 1 != 0 { Some(place) } else { None }
    }

    /// Takes a free slot, the one that was freed last if it still is.
    #[inline(never)]
    fn take(&mut self) -> Option<(NonNull<u16>, Handle)> {
        let (mut index, mut next) = (self.freed, 0);
        while index < self.stamps.count() {
            // SAFETY: as in `next`.
            let place = unsafe { self.stamps.at(index) };
            // SAFETY: as in `next`, and `self` is borrowed mutably.
            let stamp = unsafe { place.read() };
            if stamp & 1 == 0 {
                // SAFETY: as above.
                unsafe { place.write(stamp + 1) };
                return Some((place, Handle::new(index, stamp + 1)?));
            }
            (index, next) = (next, next + 1);
        }
        None
    }

    /// Frees the slot that `handle` names.
    #[inline(never)]
    fn free(&mut self, handle: Handle) -> Option<NonNull<u16>> {
        let place = self.find(handle)?;
        // SAFETY: as in `take`.
        unsafe { place.write(handle.generation().wrapping_add(1)) };
        self.freed = handle.index() as u16;
        Some(place)
    }
}

/// Entries in slots that the caller's memory provides.
#[derive(Debug)]
pub struct Table<'m, T> {
    slots: Slots,
    entries: PhantomData<&'m mut [Slot<T>]>,
}

// SAFETY: a table is nothing but its slots, which it borrows mutably.
unsafe impl<T: Send> Send for Table<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Table<'_, T> {}

impl<'m, T> Table<'m, T> {
    /// A table over `slots`, none of which holds an entry yet, and of which at most 65,535 are used.
    ///
    /// Entries are not dropped with the table.
    pub fn new(slots: &'m mut [Slot<T>]) -> Table<'m, T> {
        const { assert!(!core::mem::needs_drop::<T>()) };
        // SAFETY: a slot begins with its stamp.
        let stamps = unsafe { Row::of(NonNull::from(slots)) };
        Table { slots: Slots { stamps, freed: 0 }, entries: PhantomData }
    }

    /// The entry in a slot.
    ///
    /// # Safety
    /// `slot` is a slot of this table that is taken, or was until now, and nobody else borrows it for `'a`.
    unsafe fn entry<'a>(slot: NonNull<u16>) -> &'a mut T {
        // SAFETY: passed on to the caller. What is taken holds an entry.
        unsafe { slot.cast::<Slot<T>>().as_mut().value.assume_init_mut() }
    }

    /// How many entries fit.
    pub const fn capacity(&self) -> usize {
        self.slots.stamps.count() as usize
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.next(0).is_none()
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`Error::Full`] when every slot is taken.
    pub fn insert(&mut self, value: T) -> Result<Handle> {
        let (slot, handle) = self.slots.take().ok_or(Error::Full)?;
        // SAFETY: a slot of this table, which is borrowed mutably.
        unsafe { (&raw mut (*slot.cast::<Slot<T>>().as_ptr()).value).cast::<T>().write(value) };
        Ok(handle)
    }

    /// The entry that `handle` names, if it is still there.
    pub fn get(&self, handle: Handle) -> Option<&T> {
        // SAFETY: found as taken, and the table is borrowed.
        self.slots.find(handle).map(|slot| unsafe { &*Self::entry(slot) })
    }

    /// The entry that `handle` names, if it is still there.
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        // SAFETY: found as taken, and the table is borrowed mutably.
        self.slots.find(handle).map(|slot| unsafe { Self::entry(slot) })
    }

    /// The entry in the slot `index`, if there is one, and its handle.
    pub fn at(&self, index: usize) -> Option<(Handle, &T)> {
        self.from(index).filter(|(handle, _)| handle.index() == index)
    }

    /// The first entry from the slot `index` on, and its handle.
    fn from(&self, index: usize) -> Option<(Handle, &T)> {
        // SAFETY: found as taken, and the table is borrowed.
        self.slots.next(index).map(|(slot, handle)| (handle, unsafe { &*Self::entry(slot) }))
    }

    /// Takes the entry out. Its handle is stale from now on.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        // SAFETY: taken until now; the entry is read once, since the slot is free from now on.
        self.slots.free(handle).map(|slot| unsafe { core::ptr::from_mut(Self::entry(slot)).read() })
    }

    /// Forgets the entry; whether it was still there. Its handle is stale from now on.
    pub fn discard(&mut self, handle: Handle) -> bool {
        self.slots.free(handle).is_some()
    }

    /// All entries, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &T)> {
        let mut index = 0;
        core::iter::from_fn(move || {
            let found = self.from(index)?;
            index = found.0.index() + 1;
            Some(found)
        })
    }

    /// All entries, in the order of their slots.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Handle, &mut T)> {
        let (slots, mut index) = (&self.slots, 0);
        core::iter::from_fn(move || {
            let (slot, handle) = slots.next(index)?;
            index = handle.index() + 1;
            // SAFETY: found as taken; the table is borrowed mutably, and each slot is found once.
            Some((handle, unsafe { Self::entry(slot) }))
        })
    }

    /// The first entry that `wanted` accepts.
    pub fn find(&self, mut wanted: impl FnMut(&T) -> bool) -> Option<Handle> {
        self.iter().find(|(_, value)| wanted(value)).map(|(handle, _)| handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_entry_leaves_a_stale_handle() {
        let mut slots = [Slot::default(); 2];
        let mut table = Table::new(&mut slots);
        let first = table.insert('a').unwrap();
        let second = table.insert('b').unwrap();
        assert_eq!(table.insert('c'), Err(Error::Full));
        assert_eq!(table.remove(first), Some('a'));
        assert_eq!(table.remove(first), None);
        let third = table.insert('c').unwrap();
        assert_eq!(third.index(), first.index());
        assert_eq!(table.get(first), None);
        assert_eq!(table.get(third), Some(&'c'));
        assert_eq!(table.find(|value| *value == 'b'), Some(second));
        assert_eq!(table.iter().count(), 2);
        assert_eq!(table.at(third.index()), Some((third, &'c')));
        assert_eq!(table.at(2), None);
        assert_eq!(Handle::from_raw(third.raw()), Some(third));
        assert_eq!(Handle::from_raw(0), None);
    }

    #[test]
    fn generations_wrap_without_ever_making_handle_zero() {
        let mut slots = [Slot::default(); 1];
        let mut table = Table::new(&mut slots);
        for _ in 0..70_000 {
            let handle = table.insert(()).unwrap();
            assert_ne!(handle.raw(), 0);
            table.remove(handle).unwrap();
        }
    }
}
