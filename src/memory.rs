// SPDX-License-Identifier: MIT OR Apache-2.0
//! Carving typed tables out of the caller's block of memory.
//!
//! An object of the library says how large a block it wants with a [`Plan`], and then takes
//! its tables from that block through a [`Carver`] in the same order. There is no allocator.
#![allow(unsafe_code)]

use crate::status::{Error, Result};
use core::marker::PhantomData;
use core::mem::{align_of, size_of};

/// The shape of a table's elements: for objects that list their tables once, for [`Plan::tables`]
/// and for [`Carver::tables`].
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    align: u16,
    size: u16,
}

impl Shape {
    /// The shape of `T`, which is smaller than 64 KB and is valid as zeros or written before it is read.
    pub const fn of<T>() -> Shape {
        const { assert!(size_of::<T>() <= u16::MAX as usize && align_of::<T>() <= u16::MAX as usize) };
        Shape { align: align_of::<T>() as u16, size: size_of::<T>() as u16 }
    }
}

/// Adds up how many bytes a sequence of tables takes, alignment included.
///
/// The result holds for a block of any alignment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    bytes: usize,
    alignment: usize,
    overflow: bool,
}

impl Plan {
    /// What `make` takes of memory when it makes an object, which is thrown away at once. All its tables are empty.
    pub fn of<T>(make: impl FnOnce(&mut Carver<'static>) -> T) -> Plan {
        Plan::new().and(make)
    }

    /// This, and behind it what `make` takes.
    #[must_use]
    pub fn and<T>(self, make: impl FnOnce(&mut Carver<'static>) -> T) -> Plan {
        let mut carver = Carver::measuring(self);
        // An object that cannot be made says so when it is made in earnest.
        let _ = make(&mut carver);
        carver.plan()
    }

    /// Nothing yet.
    pub const fn new() -> Plan {
        Plan { bytes: 0, alignment: 1, overflow: false }
    }

    /// One more table of `count` elements of `T`.
    #[must_use]
    pub const fn table<T>(self, count: usize) -> Plan {
        self.add(align_of::<T>(), size_of::<T>(), count)
    }

    /// As many tables as there are shapes, of so many elements each. For constants: what is known later is
    /// counted by [`Carver::tables`].
    #[must_use]
    pub const fn tables<const N: usize>(self, shapes: &[Shape; N], counts: &[usize; N]) -> Plan {
        let (mut plan, mut index) = (self, 0);
        while index < N {
            plan = plan.add(shapes[index].align as usize, shapes[index].size as usize, counts[index]);
            index += 1;
        }
        plan
    }

    /// The one copy of what [`table`](Plan::table) does for every type.
    const fn add(self, align: usize, size: usize, count: usize) -> Plan {
        let padded = match self.bytes.checked_add(align - 1) {
            Some(sum) => sum & !(align - 1),
            None => return self.broken(),
        };
        let Some(size) = size.checked_mul(count) else { return self.broken() };
        let Some(bytes) = padded.checked_add(size) else { return self.broken() };
        let alignment = if align > self.alignment { align } else { self.alignment };
        Plan { bytes, alignment, overflow: self.overflow }
    }

    const fn broken(self) -> Plan {
        Plan { bytes: self.bytes, alignment: self.alignment, overflow: true }
    }

    /// The bytes needed, whatever the block's own alignment; `usize::MAX` when no block could
    /// be large enough.
    pub const fn bytes(self) -> usize {
        match self.bytes.checked_add(self.alignment - 1) {
            Some(bytes) if !self.overflow => bytes,
            _ => usize::MAX,
        }
    }
}

/// Hands out tables from the front of a block.
#[derive(Debug)]
pub struct Carver<'m> {
    next: *mut u8,
    left: usize,
    failed: bool,
    /// The largest alignment so far when nothing is handed out, but counted only; else 0.
    measured: usize,
    block: PhantomData<&'m mut [u8]>,
}

impl<'m> Carver<'m> {
    /// Starts at the front of `block`.
    pub fn new(block: &'m mut [u8]) -> Carver<'m> {
        Carver { next: block.as_mut_ptr(), left: block.len(), failed: false, measured: 0, block: PhantomData }
    }

    /// Counts what is taken, on top of `plan`, and hands out nothing but empty tables.
    pub(crate) const fn measuring(plan: Plan) -> Carver<'m> {
        let next = core::ptr::without_provenance_mut(plan.bytes);
        let left = usize::MAX - plan.bytes;
        Carver { next, left, failed: plan.overflow, measured: plan.alignment, block: PhantomData }
    }

    /// What was counted.
    pub(crate) fn plan(&self) -> Plan {
        Plan { bytes: self.next.addr(), alignment: self.measured, overflow: self.failed }
    }

    /// A table of `count` elements, all of them copies of one `T::default()`.
    ///
    /// `T` must not need dropping: the block goes back to the caller as it is. One copy of its
    /// default must be as good as another, which holds for all that has neither.
    ///
    /// # Errors
    /// [`Error::NoMemory`] when the block is used up; nothing is taken then.
    pub fn table<T: Default>(&mut self, count: usize) -> Result<&'m mut [T]> {
        let table = self.part::<T>(count);
        if table.len() == count { Ok(table) } else { Err(Error::NoMemory) }
    }

    /// The same, but empty when the block is used up. Whether it is, [`enough`](Carver::enough)
    /// tells in the end.
    pub fn part<T: Default>(&mut self, count: usize) -> &'m mut [T] {
        const { assert!(!core::mem::needs_drop::<T>() && align_of::<T>() < 256, "tables are never dropped") };
        let template = T::default();
        let (start, count) =
            self.filled(const { size_of::<T>() << 8 | align_of::<T>() }, count, (&raw const template).cast());
        // SAFETY: `filled` gave room for `count` elements, aligned for `T`, in a block that is
        // borrowed mutably for 'm; it gives no byte twice. Every element was written.
        unsafe { core::slice::from_raw_parts_mut(start.cast::<T>(), count) }
    }

    /// Whether there was room for every [`part`](Carver::part).
    ///
    /// # Errors
    /// [`Error::NoMemory`].
    pub const fn enough(&self) -> Result<()> {
        if self.failed { Err(Error::NoMemory) } else { Ok(()) }
    }

    /// The one copy of what [`part`](Carver::part) does for every type.
    #[inline(never)]
    fn filled(&mut self, shape: usize, count: usize, template: *const u8) -> (*mut u8, usize) {
        let (size, align) = (shape >> 8, shape & 0xff);
        let (start, count) = self.take(align, size, count);
        // SAFETY: `template` is an element of that size, and there is room for `count` of them.
        unsafe {
            if size == 1 {
                start.write_bytes(template.read(), count);
            } else {
                for index in 0..count {
                    start.add(index * size).copy_from_nonoverlapping(template, size);
                }
            }
        }
        (start, count)
    }

    /// The tables of [`Plan::tables`], zeroed: where each begins. Whether there was room for all,
    /// [`enough`](Carver::enough) tells.
    pub fn tables(&mut self, shapes: &[Shape], counts: &[usize], places: &mut [*mut u8]) {
        for ((shape, count), place) in shapes.iter().zip(counts).zip(places) {
            let size = usize::from(shape.size);
            let (start, count) = self.take(shape.align.into(), size, *count);
            // SAFETY: `take` gave room for as many bytes; the product was checked there.
            unsafe { start.write_bytes(0, size * count) };
            *place = start;
        }
    }

    /// Finds the place of a table: where it begins, and how many elements it has. That is none when there is no
    /// room, or when it is counted only.
    #[inline(never)]
    fn take(&mut self, align: usize, size: usize, count: usize) -> (*mut u8, usize) {
        // `align_offset` would do, but is known to the compiler only for a constant alignment.
        let padding = self.next.addr().wrapping_neg() & (align - 1);
        let taken = size.checked_mul(count).and_then(|size| size.checked_add(padding));
        let left = taken.and_then(|taken| self.left.checked_sub(taken));
        self.failed |= left.is_none();
        let start = self.next.wrapping_add(padding);
        if let (Some(left), Some(taken)) = (left, taken) {
            (self.left, self.next) = (left, self.next.wrapping_add(taken));
            if self.measured == 0 {
                return (start, count);
            }
            self.measured = self.measured.max(align);
        }
        (core::ptr::without_provenance_mut(align), 0)
    }

    /// One value at a place of its own.
    ///
    /// # Errors
    /// [`Error::NoMemory`] when the block is used up.
    pub fn one<T: Default>(&mut self) -> Result<&'m mut T> {
        self.table::<T>(1)?.first_mut().ok_or(Error::NoMemory)
    }

    /// The place of one value, which is to be written there; none when the block is used up, and when it is counted only.
    pub(crate) fn room<T>(&mut self) -> Option<&'m mut core::mem::MaybeUninit<T>> {
        let (place, count) = self.take(align_of::<T>(), size_of::<T>(), 1);
        // SAFETY: `take` gave room for one, aligned for `T`, in a block that is borrowed mutably
        // for 'm; it gives no byte twice. Nothing is said of what it holds.
        if count == 1 { Some(unsafe { &mut *place.cast() }) } else { None }
    }

    /// Moves `value` into the block. It is never dropped.
    ///
    /// # Errors
    /// [`Error::NoMemory`] when the block is used up.
    pub fn place<T>(&mut self, value: T) -> Result<&'m mut T> {
        Ok(self.room().ok_or(Error::NoMemory)?.write(value))
    }

    /// How many bytes are left.
    pub const fn left(&self) -> usize {
        self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_planned_bytes_suffice_at_every_alignment() {
        let plan = Plan::new().table::<u8>(3).table::<u64>(2).table::<u16>(5);
        let mut memory = [0u8; 64];
        for offset in 0..8 {
            let block = &mut memory[offset..offset + plan.bytes()];
            let mut carver = Carver::new(block);
            assert_eq!(carver.table::<u8>(3).unwrap().len(), 3);
            let words = carver.table::<u64>(2).unwrap();
            words.fill(u64::MAX);
            assert_eq!(carver.table::<u16>(5).unwrap(), &[0; 5]);
            assert_eq!(words, &[u64::MAX; 2]);
        }
    }

    #[test]
    fn a_block_too_small_is_refused() {
        let mut memory = [0u8; 7];
        let mut carver = Carver::new(&mut memory);
        assert_eq!(carver.table::<u8>(8).unwrap_err(), Error::NoMemory);
        assert_eq!(carver.table::<u64>(usize::MAX).unwrap_err(), Error::NoMemory);
        assert_eq!(carver.left(), 7);
        assert_eq!(carver.table::<u8>(7).unwrap().len(), 7);
        assert_eq!(carver.one::<u8>().unwrap_err(), Error::NoMemory);
    }

    #[test]
    fn a_plan_beyond_the_address_space_says_so() {
        assert_eq!(Plan::new().table::<u64>(usize::MAX).bytes(), usize::MAX);
        assert_eq!(Plan::new().table::<u8>(usize::MAX).table::<u8>(2).bytes(), usize::MAX);
    }
}
