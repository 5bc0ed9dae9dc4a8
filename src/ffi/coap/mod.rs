// SPDX-License-Identifier: MIT OR Apache-2.0
//! CoAP endpoints.

mod codes;
mod config;
mod driver;
#[cfg(feature = "coap-client")]
mod event;
#[cfg(feature = "coap-server")]
mod group;
#[cfg(feature = "coap-link")]
mod link;
#[cfg(all(feature = "coap-client", feature = "coap-uri"))]
mod named;
mod object;
mod options;
#[cfg(feature = "coap-problem")]
mod problem;
#[cfg(feature = "coap-client")]
mod request;
#[cfg(feature = "coap-server")]
mod resource;
#[cfg(feature = "coap-server")]
mod server;
#[cfg(all(feature = "coap-client", feature = "coap-uri"))]
mod shortcut;
#[cfg(all(test, feature = "std", feature = "coap"))]
mod tests;
#[cfg(feature = "coap-uri")]
mod uri;

pub use self::codes::*;
pub use self::config::{MOTE_COAP_NONE, mote_coap_config, mote_coap_params, mote_coap_statistics};
#[cfg(feature = "coap-client")]
pub use self::event::*;
#[cfg(feature = "coap-server")]
pub use self::group::*;
#[cfg(feature = "coap-link")]
pub use self::link::*;
#[cfg(all(feature = "coap-client", feature = "coap-uri"))]
pub use self::named::*;
pub use self::object::{MOTE_COAP_MEM_BASE, MOTE_COAP_MEM_OBSERVER, MOTE_COAP_MEM_REQUEST};
pub use self::options::*;
#[cfg(feature = "coap-problem")]
pub use self::problem::*;
#[cfg(feature = "coap-client")]
pub use self::request::*;
#[cfg(feature = "coap-server")]
pub use self::resource::*;
#[cfg(feature = "coap-server")]
pub use self::server::*;
#[cfg(all(feature = "coap-client", feature = "coap-uri"))]
pub use self::shortcut::*;
#[cfg(feature = "coap-uri")]
pub use self::uri::*;

use self::object::CoapRef;
use super::arguments::{self, block, outcome, output};
use super::node::NodeRef;
use super::opaque::mote_coap;
use crate::coap::Config;
use crate::port::{mote_address, mote_status};
use crate::status::Result;

/// How many bytes `mote_coap_init` needs for `config`, whatever the alignment of the block.
///
/// `config->node` may be NULL here. `MOTE_ERR_INVALID` for NULL or a member out of its range (some of
/// these only `mote_coap_init` finds), `MOTE_ERR_VERSION` for a config from a newer header that asks for
/// what this build lacks. Any thread.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_size(config: *const mote_coap_config, size: *mut usize) -> mote_status {
    let plan = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        unsafe {
            let out = output(size)?;
            let mut room = arguments::room();
            let mut wanted = Config::DEFAULT;
            config::engine(arguments::config(config, &mut room)?, &mut wanted)?;
            out.write(object::plan(&wanted).bytes());
        }
        Ok(())
    };
    outcome(plan())
}

/// Makes an endpoint, client and server in one, in `memory`, which is its until
/// `mote_coap_close`. A node takes any number of endpoints.
///
/// ```c
/// static uint8_t memory[MOTE_COAP_MEM(4, 8, 1152)];
/// mote_coap_config config = { MOTE_COAP_CONFIG_INIT, .node = node };
/// mote_status status = mote_coap_init(memory, sizeof memory, &config, &coap);
/// ```
///
/// `memory` has `memory_size` bytes at any alignment; `MOTE_COAP_MEM` suffices for the default
/// config, `mote_coap_size` tells for any other. The config is copied. The endpoint listens at
/// once.
///
/// `MOTE_ERR_INVALID` for NULL or a member out of its range; `MOTE_ERR_NO_MEMORY` when the block
/// is too small; `MOTE_ERR_FULL` when the node has no room for another object or socket;
/// `MOTE_ERR_UNSUPPORTED` when the port has no UDP; `MOTE_ERR_ADDRESS_IN_USE`, `MOTE_ERR_NOT_FOUND` when `local` is no address of this system, `MOTE_ERR_IO`;
/// `MOTE_ERR_STALE` when the node or the transport is closed; `MOTE_ERR_STATE` when the transport
/// has another owner; `MOTE_ERR_VERSION`.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_init(
    memory: *mut u8,
    memory_size: usize,
    config: *const mote_coap_config,
    coap: *mut *mut mote_coap,
) -> mote_status {
    let init = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        unsafe {
            let out = output(coap)?;
            let mut room = arguments::room();
            let given = arguments::config(config, &mut room)?;
            let mut wanted = Config::DEFAULT;
            config::engine(given, &mut wanted)?;
            let node = NodeRef::new(given.node)?;
            let block = block(memory, memory_size)?;
            out.write(driver::init(block, &wanted, node, given)?);
        }
        Ok(())
    };
    outcome(init())
}

/// Closes the endpoint and gives its memory back. NULL is a no-op.
///
/// The callback of every request under way is called once more, with `MOTE_ERR_CLOSED`, before
/// this returns; exchanges and resources are forgotten. What is observed is deregistered at its
/// server, once and without waiting for an answer (RFC 7641 §3.6). May be called inside any
/// callback, of this endpoint too. `MOTE_ERR_STALE` when it is closed already.
///
/// # Safety
/// `coap` is NULL or came from `mote_coap_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_close(coap: *mut mote_coap) -> mote_status {
    if coap.is_null() {
        return super::MOTE_OK;
    }
    let close = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let coap = unsafe { CoapRef::new(coap) }?;
        #[cfg(feature = "coap-client")]
        request::cancel_all(coap);
        coap.detach();
        #[cfg(feature = "coap-client")]
        request::end_all(coap);
        Ok(())
    };
    outcome(close())
}

/// The address and port that the endpoint receives at.
///
/// `MOTE_ERR_INVALID` for NULL, `MOTE_ERR_STALE`, also when the socket was lost.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_local_address(
    coap: *const mote_coap,
    address: *mut mote_address,
) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (coap, out) = unsafe { (CoapRef::new(coap)?, output(address)?) };
        out.write(coap.node().datagram_address(coap.source()?)?);
        Ok(())
    };
    outcome(read())
}

/// Copies the endpoint's counters.
///
/// `statistics->size` must be `sizeof(mote_coap_statistics)` of the caller's header; no more is
/// written. `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_coap_get_statistics(
    coap: *const mote_coap,
    statistics: *mut mote_coap_statistics,
) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        unsafe { arguments::fill(statistics, &CoapRef::new(coap)?.statistics()) }
    };
    outcome(read())
}
