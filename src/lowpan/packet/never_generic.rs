// SPDX-License-Identifier: MIT OR Apache-2.0
//! In place of `generic` in a build without the feature `ghc`: nothing is in bytecode, and what comes in it is not
//! known.
#![forbid(unsafe_code)]

use crate::bytes::{Parts, Reader, Writer};
use crate::lowpan::iphc::IPV6_HEADER;
use crate::lowpan::nhc;
use crate::status::{Error, Result};

/// Whether this build can do it.
pub(super) const IS_KNOWN: bool = false;

/// Whether bytecode is written: it never is.
#[derive(Clone, Copy)]
pub(super) struct Generic;

impl Generic {
    /// It is not.
    pub(super) const NOWHERE: Generic = Generic;

    /// It takes nothing.
    pub(super) const fn takes(self, _: &Parts<'_>) -> bool {
        false
    }

    /// It never has.
    pub(super) const fn udp_payload(
        self,
        _: &[u8; IPV6_HEADER],
        _: &[u8],
        _: usize,
        _: &mut Writer<'_>,
    ) -> bool {
        false
    }

    /// It cannot.
    pub(super) const fn icmpv6(self, _: &[u8; IPV6_HEADER], _: &[u8], _: &mut Writer<'_>) -> Result<()> {
        Err(Error::Unsupported)
    }

    /// What stands there remains.
    pub(super) const fn extension(
        self,
        _: &[u8; IPV6_HEADER],
        _: u8,
        _: &[u8],
        _: usize,
        _: &mut Writer<'_>,
    ) -> Result<()> {
        Ok(())
    }
}

/// Whether an NHC byte stands for ICMPv6 in bytecode: none does.
pub(super) const fn is_icmpv6(_: u8) -> bool {
    false
}

/// Whether a header that came is in bytecode: none is.
pub(super) struct Bytecode;

impl Bytecode {
    /// It is not.
    pub(super) const NONE: Bytecode = Bytecode;

    /// None is.
    pub(super) const fn of(_: &mut u8, _: &Writer<'_>, _: usize) -> Result<Bytecode> {
        Ok(Bytecode)
    }

    /// It is not.
    pub(super) const fn is_used(&self) -> bool {
        false
    }

    /// Nothing is.
    pub(super) const fn payload(&self, _: &mut Reader<'_>, _: &mut Writer<'_>) -> Result<()> {
        Ok(())
    }

    /// Writes the extension header of that kind as RFC 6282 has it.
    pub(super) fn extension(
        &self,
        kind: u8,
        next_is_compressed: bool,
        input: &mut Reader<'_>,
        out: &mut Writer<'_>,
    ) -> Result<()> {
        nhc::decompress_extension(kind, next_is_compressed, input, out)
    }
}
