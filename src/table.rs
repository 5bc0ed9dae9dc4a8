// SPDX-License-Identifier: MIT OR Apache-2.0
//! A table of fixed capacity whose handles are checked against re-use of their slot.
#![forbid(unsafe_code)]

use crate::status::{Error, Result};

/// Names one entry of one [`Table`]: the slot in the low half, its generation in the high
/// half. Never 0, so 0 can mean "none". Once the entry is gone the handle is stale for the
/// next 65,534 uses of its slot.
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

/// One place of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub struct Slot<T> {
    generation: u16,
    value: Option<T>,
}

impl<T> Default for Slot<T> {
    fn default() -> Slot<T> {
        Slot { generation: 1, value: None }
    }
}

/// Entries in slots that the caller's memory provides.
#[derive(Debug)]
pub struct Table<'m, T> {
    slots: &'m mut [Slot<T>],
    used: usize,
    /// The slot that was freed last.
    freed: usize,
}

impl<'m, T> Table<'m, T> {
    /// A table over `slots`, none of which holds an entry yet, and of which at most 65,536 are used.
    pub const fn new(slots: &'m mut [Slot<T>]) -> Table<'m, T> {
        Table { slots, used: 0, freed: 0 }
    }

    /// How many entries fit.
    pub const fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many entries there are.
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Whether no further entry fits.
    pub const fn is_full(&self) -> bool {
        self.used >= self.slots.len()
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`Error::Full`] when every slot is taken.
    pub fn insert(&mut self, value: T) -> Result<Handle> {
        if self.is_full() {
            return Err(Error::Full);
        }
        let free = |slot: &Slot<T>| slot.value.is_none();
        let index = match self.slots.get(self.freed).filter(|slot| free(slot)) {
            Some(_) => self.freed,
            None => self.slots.iter().position(free).ok_or(Error::Full)?,
        };
        let slot = self.slots.get_mut(index).ok_or(Error::Full)?;
        let index = u16::try_from(index).map_err(|_| Error::Full)?;
        let handle = Handle::new(index, slot.generation).ok_or(Error::Full)?;
        slot.value = Some(value);
        self.used += 1;
        Ok(handle)
    }

    /// The entry that `handle` names, if it is still there.
    pub fn get(&self, handle: Handle) -> Option<&T> {
        let slot = self.slots.get(handle.index())?;
        if slot.generation == handle.generation() { slot.value.as_ref() } else { None }
    }

    /// The entry that `handle` names, if it is still there.
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        let slot = self.slots.get_mut(handle.index())?;
        if slot.generation == handle.generation() { slot.value.as_mut() } else { None }
    }

    /// The entry in the slot `index`, if there is one, and its handle.
    pub fn at(&self, index: usize) -> Option<(Handle, &T)> {
        let slot = self.slots.get(index)?;
        let value = slot.value.as_ref()?;
        Some((Handle::new(u16::try_from(index).ok()?, slot.generation)?, value))
    }

    /// Takes the entry out. Its handle is stale from now on.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        let slot = self.slots.get_mut(handle.index())?;
        if slot.generation != handle.generation() {
            return None;
        }
        let value = slot.value.take()?;
        // Generation 0 is left out, so that no handle is ever 0.
        slot.generation = slot.generation.checked_add(1).unwrap_or(1);
        self.used = self.used.saturating_sub(1);
        self.freed = handle.index();
        Some(value)
    }

    /// All entries, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let value = slot.value.as_ref()?;
            Some((Handle::new(index as u16, slot.generation)?, value))
        })
    }

    /// All entries, in the order of their slots.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Handle, &mut T)> {
        self.slots.iter_mut().enumerate().filter_map(|(index, slot)| {
            let value = slot.value.as_mut()?;
            Some((Handle::new(index as u16, slot.generation)?, value))
        })
    }

    /// The first entry that `wanted` accepts.
    pub fn find(&self, mut wanted: impl FnMut(&T) -> bool) -> Option<Handle> {
        let wanted = |slot: &Slot<T>| slot.value.as_ref().is_some_and(&mut wanted);
        let index = self.slots.iter().position(wanted)?;
        self.at(index).map(|(handle, _)| handle)
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
