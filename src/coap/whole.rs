// SPDX-License-Identifier: MIT OR Apache-2.0
//! Functions whose arguments stay whole.
//!
//! What a function takes by reference and only reads, the compiler takes apart, and passes piece by piece. These
//! have many callers, and each would have to load, keep and pass the pieces of what it has been handed itself: several
//! hundred bytes in all. A function that something points to is left as it is. Nothing uses the pointers, so the
//! linker drops them.
#![forbid(unsafe_code)]

use super::endpoint::Endpoint;
use super::entry::Head;
use super::exchange::Exchange;
use super::message::send;
use super::stats::Stats;
use crate::status::Result;
use crate::table::Handle;
use crate::transport::{DatagramContext, Path};

type Engine = Endpoint<'static>;

#[used]
static SEND: fn(&mut DatagramContext<'_>, &mut Stats, &Path, &[u8]) -> Result<()> = send;
#[used]
static SEND_EMPTY: fn(&mut Engine, &mut DatagramContext<'_>, &Path, u32) = Endpoint::send_empty;
#[used]
static SEND_STORED: fn(&mut Engine, &mut DatagramContext<'_>, &Head) -> Result<()> = Endpoint::send_stored;
#[used]
static ACKNOWLEDGE: fn(&mut Engine, &mut DatagramContext<'_>, &Exchange) = Endpoint::acknowledge;
#[used]
static SEND_BUILT: fn(&mut Engine, &mut DatagramContext<'_>, u16, usize) = Endpoint::send_built;
#[used]
static LIMIT: fn(&mut Engine, &DatagramContext<'_>, u16) -> usize = Endpoint::limit;
#[used]
static IS_SECURE: fn(&mut Engine, &DatagramContext<'_>, u16) -> bool = Endpoint::is_secure;
#[used]
static HANDLE: fn(&Head) -> Option<Handle> = Head::handle;
