// SPDX-License-Identifier: MIT OR Apache-2.0
//! Elements of any type in a row, found by number: one copy of the code serves all that begin alike.
#![allow(unsafe_code)]

use core::ptr::NonNull;

/// A run of elements, each of which begins with an `H`.
///
/// It borrows nothing: whoever holds it keeps the elements.
#[derive(Debug)]
pub(crate) struct Row<H> {
    first: NonNull<H>,
    /// From one element to the next, in bytes.
    stride: u16,
    count: u16,
}

impl<H> Row<H> {
    /// The row of `elements`, of which at most 65,535 are used.
    ///
    /// # Safety
    /// Each element begins with an `H`: `T` is `repr(C)`, and its first member is one.
    pub(crate) const unsafe fn of<T>(elements: NonNull<[T]>) -> Row<H> {
        const { assert!(size_of::<T>() <= u16::MAX as usize && align_of::<T>() >= align_of::<H>()) };
        let count = if elements.len() > u16::MAX as usize { u16::MAX } else { elements.len() as u16 };
        Row { first: elements.cast(), stride: size_of::<T>() as u16, count }
    }

    /// How many elements there are.
    pub(crate) const fn count(&self) -> u16 {
        self.count
    }

    /// How the element `index` begins.
    ///
    /// # Safety
    /// The elements are still there, and `index` is less than their `count`.
    pub(crate) const unsafe fn at(&self, index: u16) -> NonNull<H> {
        // SAFETY: the elements lie `stride` bytes apart.
        unsafe { self.first.byte_add(index as usize * self.stride as usize) }
    }
}
