// SPDX-License-Identifier: MIT OR Apache-2.0
//! Transmission parameters (RFC 7252 §4.8) and the capacities of an endpoint.
#![forbid(unsafe_code)]

use crate::backoff::{Backoff, Jitter, Policy};
use crate::random::Random;

/// The parameters of RFC 7252 §4.8. What derives from them follows every change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// ACK_TIMEOUT in milliseconds.
    pub ack_timeout: u32,
    /// ACK_RANDOM_FACTOR in units of 1/256: 384 is 1.5. Not below 256.
    pub ack_random_factor: u16,
    /// MAX_RETRANSMIT, at most 16.
    pub max_retransmit: u8,
    /// NSTART: how many requests, and how many notifications, may be outstanding at one peer;
    /// 0 is taken for 1.
    pub nstart: u8,
    /// DEFAULT_LEISURE in milliseconds: how long answers to a group are spread over.
    pub leisure: u32,
    /// PROBING_RATE in bytes per second: how fast to send to a peer that does not answer.
    pub probing_rate: u32,
    /// MAX_LATENCY in milliseconds: the longest that a datagram takes to arrive.
    pub max_latency: u32,
}

impl Default for Params {
    fn default() -> Params {
        Params::DEFAULT
    }
}

impl Params {
    /// The values of RFC 7252 §4.8.
    pub const DEFAULT: Params = Params {
        ack_timeout: 2000,
        ack_random_factor: 384,
        max_retransmit: 4,
        nstart: 1,
        leisure: 5000,
        probing_rate: 1,
        max_latency: 100_000,
    };

    const fn spread(&self, factor: u32) -> u32 {
        let ms = (self.ack_timeout as u64).saturating_mul(factor as u64) * self.ack_random_factor as u64;
        if ms >> 8 > u32::MAX as u64 { u32::MAX } else { (ms >> 8) as u32 }
    }

    const fn rounds(&self, more: u8) -> u32 {
        let retries = if self.max_retransmit > 16 { 16 } else { self.max_retransmit };
        (1 << (retries + more)) - 1
    }

    /// MAX_TRANSMIT_SPAN in milliseconds: from the first transmission to the last.
    pub const fn max_transmit_span(&self) -> u32 {
        self.spread(self.rounds(0))
    }

    /// MAX_TRANSMIT_WAIT in milliseconds: from the first transmission to giving up.
    pub const fn max_transmit_wait(&self) -> u32 {
        self.spread(self.rounds(1))
    }

    /// MAX_RTT in milliseconds, with a PROCESSING_DELAY of ACK_TIMEOUT.
    pub const fn max_rtt(&self) -> u32 {
        self.max_latency.saturating_mul(2).saturating_add(self.ack_timeout)
    }

    /// EXCHANGE_LIFETIME in milliseconds: how long a message ID of a CON stays taken.
    pub const fn exchange_lifetime(&self) -> u32 {
        self.max_transmit_span().saturating_add(self.max_rtt())
    }

    /// NON_LIFETIME in milliseconds: how long a message ID of a NON stays taken.
    pub const fn non_lifetime(&self) -> u32 {
        self.max_transmit_span().saturating_add(self.max_latency)
    }

    /// Draws how long to wait before the first retransmission, in milliseconds.
    #[inline(never)] // One copy.
    pub(super) fn first_delay(&self, random: &mut dyn Random) -> u32 {
        let policy = Policy {
            initial: self.ack_timeout,
            ceiling: u32::MAX,
            retries: self.max_retransmit,
            jitter: Jitter::First(self.ack_random_factor),
        };
        Backoff::start(&policy, random).bound()
    }
}

/// The capacities and habits of an endpoint. Memory is taken for exactly these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Peers known at a time. When room is needed, one that has nothing under way is forgotten,
    /// and with it what was kept to tell its duplicates: one whose duplicates do no harm if
    /// there is any, and of those the one that was idle for longest.
    pub peers: u16,
    /// Requests of ours under way at a time, observations included.
    pub requests: u16,
    /// Exchanges remembered: requests of peers under way, and those answered, for
    /// de-duplication.
    pub exchanges: u16,
    /// Observers of our resources.
    pub observers: u16,
    /// Resources, `/.well-known/core` not counted.
    pub resources: u16,
    /// Block-wise transfers of peers under way that need a state of their own: uploads, and
    /// large answers to methods other than GET.
    pub transfers: u16,
    /// The largest message sent, in bytes; at least 64. 1152 is what RFC 7252 §4.6 suggests.
    pub message_size: u16,
    /// Bytes that hold messages: those that may be retransmitted, those waiting, the replies kept for de-duplication,
    /// and what observers registered with. All those together leave room for what they are told, or they are not told.
    pub pool: u32,
    /// Bytes of the buffer in which each of [`transfers`](Config::transfers) may be assembled; 0 for none.
    pub body: u32,
    /// The transmission parameters.
    pub params: Params,
    /// How long to wait for the application's answer before a CON is acknowledged with an
    /// empty message, in milliseconds.
    pub ack_delay: u32,
    /// How long a half-done transfer of a peer is kept, in milliseconds.
    pub transfer_timeout: u32,
    /// Whether peers must prove by an Echo option that they are where they say, before they
    /// are sent an answer that is much larger than their request (RFC 9175 §2.6).
    pub amplification_limit: bool,
}

impl Config {
    /// A small client and server.
    pub const DEFAULT: Config = Config {
        peers: 8,
        requests: 4,
        exchanges: 8,
        observers: 8,
        resources: 8,
        transfers: 2,
        message_size: 1152,
        pool: 4096,
        body: 0,
        params: Params::DEFAULT,
        ack_delay: 200,
        transfer_timeout: 60_000,
        amplification_limit: false,
    };
}

impl Config {
    /// The capacities of what this build has.
    pub(super) const fn within_build(&self) -> Config {
        let mut built = *self;
        if !cfg!(feature = "coap-client") {
            built.requests = 0;
        }
        if !cfg!(all(feature = "coap-observe", feature = "coap-server")) {
            built.observers = 0;
        }
        if !cfg!(feature = "coap-server") {
            built.resources = 0;
        }
        if !cfg!(all(feature = "coap-block", feature = "coap-server")) {
            built.transfers = 0;
        }
        built
    }

    /// Bytes of all the buffers for assembling.
    pub(super) const fn bodies(&self) -> usize {
        (self.transfers as usize).saturating_mul(self.body as usize)
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_values_are_those_of_rfc_7252_and_follow_changes() {
        let params = Params::DEFAULT;
        assert_eq!(params.max_transmit_span(), 45_000);
        assert_eq!(params.max_transmit_wait(), 93_000);
        assert_eq!(params.max_rtt(), 202_000);
        assert_eq!(params.exchange_lifetime(), 247_000);
        assert_eq!(params.non_lifetime(), 145_000);
        let quick = Params { ack_timeout: 100, max_retransmit: 1, max_latency: 1000, ..params };
        assert_eq!((quick.max_transmit_span(), quick.max_transmit_wait()), (150, 450));
        assert_eq!((quick.exchange_lifetime(), quick.non_lifetime()), (2250, 1150));
        let absurd = Params { ack_timeout: u32::MAX, max_retransmit: 255, max_latency: u32::MAX, ..params };
        assert_eq!(absurd.exchange_lifetime(), u32::MAX);
    }
}
