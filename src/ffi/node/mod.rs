// SPDX-License-Identifier: MIT OR Apache-2.0
//! The node.
//!
//! | file | what it holds |
//! |---|---|
//! | `services`, `parcels`, `letters`, `driver` | the port's tables; datagrams in batches; what other threads tell; what objects offer the node |
//! | `core` | what a node is made of, and how it is reached |
//! | `init` | its configuration, and how it is laid out in its block |
//! | `drive`, `udp`, `sources` | calls into its objects; handing datagrams over; opening and closing what can become ready |
//! | `datagram` | transports as the engines see them |
//! | `turn` | the loop |

mod core;
mod datagram;
mod drive;
mod driver;
mod init;
mod letters;
mod parcels;
mod services;
mod sources;
#[cfg(test)]
mod tests;
mod turn;
mod udp;

pub use self::core::mote_node_statistics;
pub(crate) use self::core::{Channel, NodeRef};
pub(crate) use self::datagram::Lent;
pub(crate) use self::drive::deliver;
pub(crate) use self::driver::{Driver, Provider};
pub use self::init::{MOTE_NODE_MEM, mote_node_config};
pub(crate) use self::letters::FRAME_SIZE;

use super::arguments::{block, fill, outcome, output};
use super::opaque::mote_node;
use super::status::mote_status;
use crate::port::mote_port;
use crate::status::{Error, Result};
use crate::time::Instant;
use ::core::ffi::c_void;

/// Names a datagram transport on a node: the UDP of a mesh, say. 0 names none.
pub type mote_transport = u32;

/// How many bytes `mote_node_init` needs for `config`, whatever the alignment of the block.
///
/// `MOTE_ERR_INVALID` for NULL or a port without clock or entropy, `MOTE_ERR_NO_MEMORY` when no block could
/// be that large, `MOTE_ERR_VERSION` for a config from a newer header that asks for what this build lacks. Any thread.
///
/// # Safety
/// The pointers are NULL or valid; `config->port` and what it points to is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_node_size(config: *const mote_node_config, size: *mut usize) -> mote_status {
    let plan = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        unsafe {
            let out = output(size)?;
            out.write(init::size(config)?);
        }
        Ok(())
    };
    outcome(plan())
}

/// Makes a node in `memory`, which is the node's until `mote_node_close`.
///
/// ```c
/// static uint8_t memory[MOTE_NODE_MEM];
/// mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = mote_port_linux() };
/// mote_node *node;
/// mote_status status = mote_node_init(memory, sizeof memory, &config, &node);
/// ```
///
/// `memory` has `memory_size` bytes at any alignment; `MOTE_NODE_MEM` suffices for the default
/// config, `mote_node_size` tells for any other. The config is copied, the port's tables are
/// not. The node is driven by one thread at a time.
///
/// `MOTE_ERR_INVALID` for NULL, an unusable size or a port without clock or entropy;
/// `MOTE_ERR_VERSION`; `MOTE_ERR_NO_MEMORY` when the block is too small; what the port's `open`
/// and `fill` say.
///
/// # Safety
/// The pointers are NULL or valid as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_node_init(
    memory: *mut u8,
    memory_size: usize,
    config: *const mote_node_config,
    node: *mut *mut mote_node,
) -> mote_status {
    let init = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        unsafe {
            let out = output(node)?;
            out.write(init::init(block(memory, memory_size)?, config)?);
        }
        Ok(())
    };
    outcome(init())
}

/// Closes the node and gives its memory back. NULL is a no-op. Functions that were posted and not called yet are not called.
///
/// `MOTE_ERR_STATE` inside a callback of `mote_node_run` or `mote_node_poll`, and while something is attached: close
/// those objects first; `MOTE_ERR_STALE` when it is closed already.
///
/// # Safety
/// `node` is NULL or came from `mote_node_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_node_close(node: *mut mote_node) -> mote_status {
    if node.is_null() {
        return super::MOTE_OK;
    }
    // SAFETY: passed on to the caller of this function.
    outcome(unsafe { NodeRef::new(node) }.and_then(NodeRef::close))
}

/// Waits at most `timeout` milliseconds for something to do, does it, and returns.
///
/// Call it in a loop. 0 does not wait; `UINT64_MAX` waits without end. It also returns early, having done nothing, and does
/// no more than so much at once: what is left is done by the next call. Callbacks run inside this function or
/// `mote_node_poll`, and inside a `mote_…_close` that says so.
///
/// `MOTE_ERR_STATE` inside a callback of this function or `mote_node_poll`, `MOTE_ERR_UNSUPPORTED` when the port cannot
/// wait (use `mote_node_poll` then), `MOTE_ERR_IO` when waiting fails, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// `node` is NULL or came from `mote_node_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_node_run(node: *mut mote_node, timeout: u64) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    outcome(unsafe { NodeRef::new(node) }.and_then(|node| turn::run(node, timeout)))
}

/// Does everything that is due now, without waiting.
///
/// For applications with a loop of their own: call it when the descriptor of
/// `mote_node_descriptor` is readable, or, where there is none, when `mote_node_next_deadline` has come and after
/// a wake-up. Calling it more often is harmless.
///
/// `MOTE_ERR_STATE` inside a callback of this function or `mote_node_run`, `MOTE_ERR_IO`, `MOTE_ERR_INVALID`,
/// `MOTE_ERR_STALE`.
///
/// # Safety
/// `node` is NULL or came from `mote_node_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_node_poll(node: *mut mote_node) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    outcome(unsafe { NodeRef::new(node) }.and_then(turn::poll))
}

/// When `mote_node_poll` must be called next if nothing comes in: a time of the port's clock
/// in milliseconds, 0 for now, `UINT64_MAX` for no deadline.
///
/// `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_node_next_deadline(node: *const mote_node, deadline: *mut u64) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (node, out) = unsafe { (NodeRef::new(node)?, output(deadline)?) };
        let Instant(next) = turn::deadline(node);
        out.write(next);
        Ok(())
    };
    outcome(read())
}

/// A descriptor to poll for readability in the application's own loop. From now on it is readable
/// whenever `mote_node_poll` has something to do, deadlines included. It belongs to the node.
///
/// `MOTE_ERR_UNSUPPORTED` where the port has none, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_node_descriptor(node: *mut mote_node, descriptor: *mut i32) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (node, out) = unsafe { (NodeRef::new(node)?, output(descriptor)?) };
        out.write(turn::descriptor(node)?);
        Ok(())
    };
    outcome(read())
}

/// The time of the port's clock in milliseconds, as the node sees it: inside a callback, the
/// time at which the node woke.
///
/// `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_node_now(node: *const mote_node, now: *mut u64) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (node, out) = unsafe { (NodeRef::new(node)?, output(now)?) };
        out.write(node.now().0);
        Ok(())
    };
    outcome(read())
}

/// Ends the present or the next wait of the node soon. Any thread, any interrupt, as long as the node is not closed.
///
/// `MOTE_ERR_UNSUPPORTED` where the port cannot be woken, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// `node` is NULL or came from `mote_node_init` and is not closed meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_node_wake(node: *mut mote_node) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    outcome(unsafe { NodeRef::new(node) }.and_then(NodeRef::wake))
}

/// Has `function(node, user)` called by the thread that drives the node, at its next turn, and
/// wakes it. Any thread, any interrupt, as long as the node is not closed; lock-free. Up to 16 posts wait.
///
/// This is how another thread completes a deferred response, notifies observers or publishes:
/// by doing it in the function it posts. The function may call what a callback may.
///
/// `MOTE_ERR_FULL` when as many wait, `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// `node` is NULL or came from `mote_node_init` and is not closed meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_node_post(
    node: *mut mote_node,
    function: Option<unsafe extern "C" fn(node: *mut mote_node, user: *mut c_void)>,
    user: *mut c_void,
) -> mote_status {
    let post = || -> Result<()> {
        let function = function.ok_or(Error::Invalid)?;
        // SAFETY: passed on to the caller of this function.
        unsafe { NodeRef::new(node) }?.post(function, user)
    };
    outcome(post())
}

/// Copies the node's counters.
///
/// `statistics->size` must be `sizeof(mote_node_statistics)` of the caller's header; no more is
/// written. `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_node_get_statistics(
    node: *const mote_node,
    statistics: *mut mote_node_statistics,
) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        unsafe { NodeRef::new(node)?.with(|core| fill(statistics, &core.statistics)) }
    };
    outcome(read())
}

/// The port that a node was made with; lent as long as the node.
///
/// `MOTE_ERR_INVALID`, `MOTE_ERR_STALE`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_node_port(node: *const mote_node, port: *mut *const mote_port) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (node, out) = unsafe { (NodeRef::new(node)?, output(port)?) };
        out.write(node.services().port);
        Ok(())
    };
    outcome(read())
}
