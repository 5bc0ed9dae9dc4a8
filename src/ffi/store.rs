// SPDX-License-Identifier: MIT OR Apache-2.0
//! The port's store, as the engines see it.

use super::arguments::{check, room};
use super::node::NodeRef;
use crate::port::{mote_bytes, mote_port_store};
use crate::status::{Error, Result};
use crate::store::Store;
use core::ffi::c_void;

/// The store of a node's port.
pub(crate) struct PortStore {
    table: mote_port_store,
    state: *mut c_void,
}

/// How many parts a record is written from at most.
const PARTS: usize = 8;

impl PortStore {
    /// The store of `node`'s port.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the port has none.
    pub(crate) fn of(node: NodeRef) -> Result<PortStore> {
        let table = *node.services().service(&mut room())?;
        Ok(PortStore { table, state: node.services().state })
    }
}

impl Store for PortStore {
    fn read(&mut self, owner: u32, record: u32, out: &mut [u8]) -> Result<usize> {
        let function = self.table.read.ok_or(Error::Unsupported)?;
        let mut len = 0;
        // SAFETY: the port's contract; `out` has the stated capacity.
        check(unsafe { function(self.state, owner, record, out.as_mut_ptr(), out.len(), &raw mut len) })?;
        Ok(len.min(out.len()))
    }

    fn write(&mut self, owner: u32, record: u32, parts: &[&[u8]]) -> Result<()> {
        let function = self.table.write.ok_or(Error::Unsupported)?;
        let mut lent = [mote_bytes { ptr: core::ptr::null(), len: 0 }; PARTS];
        if parts.len() > PARTS {
            return Err(Error::TooLarge);
        }
        for (to, part) in lent.iter_mut().zip(parts) {
            *to = mote_bytes { ptr: part.as_ptr(), len: part.len() };
        }
        // SAFETY: the port's contract; the parts are lent for the call.
        check(unsafe { function(self.state, owner, record, lent.as_ptr(), parts.len()) })
    }

    fn remove(&mut self, owner: u32, record: u32) -> Result<()> {
        let function = self.table.remove.ok_or(Error::Unsupported)?;
        // SAFETY: the port's contract.
        check(unsafe { function(self.state, owner, record) })
    }

    fn next(&mut self, owner: u32, from: u32) -> Result<Option<u32>> {
        let function = self.table.next.ok_or(Error::Unsupported)?;
        let mut record = 0;
        // SAFETY: the port's contract.
        match check(unsafe { function(self.state, owner, from, &raw mut record) }) {
            Ok(()) => Ok(Some(record)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
