// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses as text.

use super::arguments::{outcome, output, slice};
use super::status::mote_status;
use crate::address::{Ip, SocketAddress};
use crate::bytes::Writer;
pub use crate::port::{mote_address, mote_bytes};
use crate::status::{Error, Result};

/// Room that suffices for any address as text.
pub const MOTE_ADDRESS_TEXT: usize = 64;

/// Reads an IPv4 or IPv6 literal, without brackets, port or scope, into `address->ip`; the
/// other members become 0.
///
/// `text` is lent for the call. `address` is written only on success.
/// `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_MALFORMED` when the text is no literal. Any thread.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_address_parse(text: mote_bytes, address: *mut mote_address) -> mote_status {
    let parse = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (text, out) = unsafe { (slice(text)?, output(address)?) };
        out.write(SocketAddress::new(Ip::parse_bytes(text)?, 0).into());
        Ok(())
    };
    outcome(parse())
}

/// Writes an address as `a.b.c.d:port`, `[v6]:port` or `[v6%scope]:port`, without a NUL.
///
/// `text` has room for `capacity` bytes, of which `MOTE_ADDRESS_TEXT` always suffice; `len`
/// gets the number of bytes written. `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_TOO_LARGE` when
/// there is too little room. Any thread.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_address_format(
    address: *const mote_address,
    text: *mut u8,
    capacity: usize,
    len: *mut usize,
) -> mote_status {
    let format = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (address, room, len) = unsafe {
            (address.as_ref().ok_or(Error::Invalid)?, super::arguments::block(text, capacity)?, output(len)?)
        };
        let mut writer = Writer::new(room);
        SocketAddress::from(*address).emit(&mut writer)?;
        len.write(writer.position());
        Ok(())
    };
    outcome(format())
}
