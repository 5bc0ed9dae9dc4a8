// SPDX-License-Identifier: MIT OR Apache-2.0
//! The panic handler of a C static library for a microcontroller, which is never reached.
//!
//! It calls a function that exists nowhere. An image links therefore only when the linker, which
//! throws unreferenced sections away (`--gc-sections`), found no way from the functions that
//! the image uses to a panic: that no panic is reachable is proven by every build.
#![allow(unsafe_code)]

unsafe extern "C" {
    /// Defined nowhere. An "undefined reference" to it means that a panic is reachable.
    fn mote_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: an image that holds this call does not link.
    unsafe { mote_panic_is_reachable() }
}
