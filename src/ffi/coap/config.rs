// SPDX-License-Identifier: MIT OR Apache-2.0
//! How an endpoint is configured, and what it counts.

use crate::coap::{Config, Params};
use crate::ffi::arguments::{self, Config as CConfig, set};
use crate::ffi::members::{Member, take_over};
use crate::ffi::node::mote_transport;
use crate::ffi::opaque::mote_node;
use crate::port::mote_address;
use crate::status::{Error, Result};
use core::mem::offset_of;

/// In place of a capacity of `mote_coap_config`: none at all, since 0 means the default.
pub const MOTE_COAP_NONE: u16 = 0xffff;

/// Transmission parameters (RFC 7252 §4.8). 0 means the default everywhere. What derives from
/// them (EXCHANGE_LIFETIME and the others of §4.8.2) follows every change.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_coap_params {
    /// `sizeof(mote_coap_params)`, by `MOTE_COAP_PARAMS_INIT`.
    pub size: u32,
    /// ACK_TIMEOUT in milliseconds. Default 2000.
    pub ack_timeout: u32,
    /// ACK_RANDOM_FACTOR in units of 1/256, from 256 to 65535. Default 384, which is 1.5.
    pub ack_random_factor: u16,
    /// MAX_RETRANSMIT, 1 to 16; `MOTE_COAP_NONE` for never sending again. Default 4.
    pub max_retransmit: u16,
    /// NSTART: requests outstanding at one peer at a time, up to 255. Default 1.
    pub nstart: u16,
    /// Must be 0.
    pub reserved: u16,
    /// DEFAULT_LEISURE in milliseconds: over which answers to a group are spread. Default 5000.
    pub leisure: u32,
    /// PROBING_RATE in bytes per second: towards a peer that does not answer. Default 1.
    pub probing_rate: u32,
    /// MAX_LATENCY in milliseconds. Default 100,000.
    pub max_latency: u32,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl CConfig for mote_coap_params {}

/// How an endpoint is to be. Zero means the default, in every member but `size` and `node`;
/// a capacity of `MOTE_COAP_NONE` means none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_coap_config {
    /// `sizeof(mote_coap_config)`, by `MOTE_COAP_CONFIG_INIT`.
    pub size: u32,
    /// Which of `MOTE_UDP_…` open options the socket gets, unless there is a `transport`.
    pub udp_options: u32,
    /// The node that drives the endpoint; required.
    pub node: *mut mote_node,
    /// The transmission parameters; copied. Default NULL: those of RFC 7252.
    pub params: *const mote_coap_params,
    /// A datagram transport that something else provides, such as UDP over the mesh; the
    /// endpoint takes it over. Default 0: a UDP socket of the port at `local`.
    pub transport: mote_transport,
    /// Must be 0.
    pub reserved: u32,
    /// Where to receive. Default: all addresses, and any free port, which suits a client. A
    /// server sets the port, 5683 as a rule.
    pub local: mote_address,
    /// Requests under way at a time, observations included. Default 4.
    pub requests: u16,
    /// Observers of our resources, all together. Default 8.
    pub observers: u16,
    /// The largest message sent, in bytes, at least 64. Default 1152 (RFC 7252 §4.6).
    pub message_size: u16,
    /// Peers known at a time. Default 8.
    pub peers: u16,
    /// Requests of peers remembered: those under way, and those answered, so that duplicates
    /// are recognised (RFC 7252 §4.5). Default 8.
    pub exchanges: u16,
    /// Resources, `/.well-known/core` not counted. Default 8.
    pub resources: u16,
    /// Block-wise uploads of peers under way, and large answers to methods other than GET.
    /// Default 2.
    pub transfers: u16,
    /// 1: a peer must prove by an Echo option that it is where it says, before it is sent an
    /// answer that is much larger than its request (RFC 9175 §2.6). Default 0.
    pub amplification_limit: u16,
    /// Bytes that hold messages: those that may be sent again, those waiting, and replies kept
    /// for duplicates. Default 4096.
    pub pool: u32,
    /// Bytes of the buffer in which each of `transfers` may be assembled for resources with
    /// `MOTE_COAP_ASSEMBLE`. Default 0: none.
    pub body: u32,
    /// How long a confirmable request may wait for its answer before it is acknowledged with an
    /// empty message, in milliseconds. Default 200.
    pub ack_delay: u32,
    /// How long a half-done transfer of a peer is kept, in milliseconds. Default 60,000.
    pub transfer_timeout: u32,
    /// Numbers of critical options that the application understands, besides those that the
    /// library does: without this a message with one is refused (RFC 7252 §5.4.1). They must stay
    /// as they are until the endpoint is closed. Default NULL: none.
    pub recognised: *const u16,
    /// How many, up to 64.
    pub recognised_count: usize,
}

// SAFETY: `repr(C)`, `size` first, integers and pointers.
unsafe impl CConfig for mote_coap_config {}

/// Counters of an endpoint. All only grow, and wrap around.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct mote_coap_statistics {
    /// `sizeof(mote_coap_statistics)`, set by the caller.
    pub size: u32,
    /// Datagrams received.
    pub received: u32,
    /// Datagrams handed to the transport.
    pub sent: u32,
    /// Messages sent again because no acknowledgement came.
    pub retransmitted: u32,
    /// Messages recognised as duplicates.
    pub duplicates: u32,
    /// Messages that broke the format or could not be acted upon.
    pub rejected: u32,
    /// Messages that the transport did not take.
    pub send_failed: u32,
    /// Requests and observers refused, or replies not kept, because a table or the pool was full.
    pub full: u32,
    /// Records of answered exchanges forgotten early to make room.
    pub forgotten: u32,
    /// Requests of ours that ended for want of an answer.
    pub timeouts: u32,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl CConfig for mote_coap_statistics {}

/// What is taken over as it stands.
const MEMBERS: &[Member] = &[
    Member::half(offset_of!(mote_coap_config, peers), offset_of!(Config, peers)),
    Member::half(offset_of!(mote_coap_config, requests), offset_of!(Config, requests)),
    Member::half(offset_of!(mote_coap_config, exchanges), offset_of!(Config, exchanges)),
    Member::half(offset_of!(mote_coap_config, observers), offset_of!(Config, observers)),
    Member::half(offset_of!(mote_coap_config, resources), offset_of!(Config, resources)),
    Member::half(offset_of!(mote_coap_config, transfers), offset_of!(Config, transfers)),
    Member::half(offset_of!(mote_coap_config, message_size), offset_of!(Config, message_size)),
    Member::word(offset_of!(mote_coap_config, pool), offset_of!(Config, pool)),
    Member::word(offset_of!(mote_coap_config, body), offset_of!(Config, body)),
    Member::word(offset_of!(mote_coap_config, ack_delay), offset_of!(Config, ack_delay)),
    Member::word(offset_of!(mote_coap_config, transfer_timeout), offset_of!(Config, transfer_timeout)),
];

/// The same of parameters.
const PARAMS: &[Member] = &[
    Member::byte(offset_of!(mote_coap_params, max_retransmit), offset_of!(Params, max_retransmit), 16),
    Member::byte(offset_of!(mote_coap_params, nstart), offset_of!(Params, nstart), 255),
    Member::word(offset_of!(mote_coap_params, ack_timeout), offset_of!(Params, ack_timeout)),
    Member::word(offset_of!(mote_coap_params, leisure), offset_of!(Params, leisure)),
    Member::word(offset_of!(mote_coap_params, probing_rate), offset_of!(Params, probing_rate)),
    Member::word(offset_of!(mote_coap_params, max_latency), offset_of!(Params, max_latency)),
];

/// The parameters that C gave, on top of `base`.
///
/// # Safety
/// `params` is NULL or valid.
pub(super) unsafe fn params(params: *const mote_coap_params, base: &Params) -> Result<Params> {
    if params.is_null() {
        return Ok(*base);
    }
    let mut room = arguments::room();
    // SAFETY: passed on to the caller.
    let given = unsafe { arguments::config(params, &mut room) }?;
    let mut wanted = *base;
    set(&mut wanted.ack_random_factor, given.ack_random_factor);
    if given.reserved != 0 || wanted.ack_random_factor < 256 || given.nstart == MOTE_COAP_NONE {
        return Err(Error::Invalid);
    }
    // SAFETY: the members are of the types that the table says.
    unsafe { take_over(given, &mut wanted, PARAMS) }?;
    Ok(wanted)
}

/// The engine's configuration from C's.
///
/// # Safety
/// `given.params` is NULL or valid.
pub(super) unsafe fn engine(given: &mote_coap_config, wanted: &mut Config) -> Result<()> {
    if given.amplification_limit > 1 || given.reserved != 0 {
        return Err(Error::Invalid);
    }
    // SAFETY: passed on to the caller.
    wanted.params = unsafe { params(given.params, &wanted.params) }?;
    // SAFETY: the members are of the types that the table says.
    unsafe { take_over(given, wanted, MEMBERS) }?;
    wanted.amplification_limit = given.amplification_limit != 0;
    Ok(())
}
