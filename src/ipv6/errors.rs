// SPDX-License-Identifier: MIT OR Apache-2.0
//! ICMPv6 errors: when one may be sent, and how often (RFC 4443 §2.4).
#![forbid(unsafe_code)]

use super::event::Arrival;
use super::link::MIN_MTU;
use super::output::Outgoing;
use super::wire::header::ends;
use super::wire::icmpv6::{kind, parameter};
use super::wire::{Header, exthdr, protocol};
use super::{Context, Ipv6};
use crate::address::Ip;
use crate::status::Error;
use crate::time::Instant;

/// How many errors may be sent in a row.
const BURST: u8 = 10;
/// How long it takes until one more may be sent, in milliseconds.
const INTERVAL: u64 = 100;

/// A token bucket (RFC 4443 §2.4 (f)), by when it will be full.
#[derive(Debug)]
pub(super) struct ErrorRate(Instant);

impl ErrorRate {
    pub(super) const fn new(now: Instant) -> ErrorRate {
        ErrorRate(now)
    }

    /// Takes a token if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let full = self.0.max(now);
        let left = full.since(now) <= u64::from(BURST - 1) * INTERVAL;
        if left {
            self.0 = full.after(INTERVAL);
        }
        left
    }
}

/// An error about to be sent, as wide as a register.
#[derive(Clone, Copy, Debug)]
pub(super) struct Problem {
    kind: u8,
    code: u8,
    parameter: u16,
}

impl Problem {
    /// An error with that MTU or pointer, which no packet here is too large for.
    pub(super) const fn new(kind: u8, code: u8, parameter: usize) -> Problem {
        Problem { kind, code, parameter: parameter as u16 }
    }

    pub(super) const fn unreachable(code: u8) -> Problem {
        Problem::new(kind::DESTINATION_UNREACHABLE, code, 0)
    }

    /// A Parameter Problem pointing at the byte `pointer` of the packet.
    pub(super) const fn parameter(code: u8, pointer: usize) -> Problem {
        Problem::new(kind::PARAMETER_PROBLEM, code, pointer)
    }

    /// Whether the first fragment of a packet does not say what this is. No error is fragmented.
    const fn is_of_first_fragment(&self) -> bool {
        cfg!(feature = "reassembly")
            && self.kind == kind::PARAMETER_PROBLEM
            && self.code == parameter::FIRST_FRAGMENT
    }

    /// The two exceptions from the rule of silence about multicast (RFC 4443 §2.4 (e.3)).
    const fn may_answer_multicast(&self) -> bool {
        self.kind == kind::PACKET_TOO_BIG
            || (self.kind == kind::PARAMETER_PROBLEM && self.code == parameter::OPTION)
    }
}

/// Whether the packet carries an ICMPv6 error or redirect, or too little to tell: no error is
/// sent about it (RFC 4443 §2.4 (e.1), (e.2)).
fn is_error_itself(packet: &[u8]) -> bool {
    let [_, _, _, _, _, _, next_header, ..] = *packet else { return true };
    let (kind_of_upper, upper) = exthdr::pass(next_header, packet.get(Header::LEN..).unwrap_or_default());
    match (kind_of_upper, upper.first()) {
        (protocol::ICMPV6, Some(first)) => *first < 128 || *first == kind::REDIRECT,
        (protocol::ICMPV6, None) => true,
        // What it is a fragment of cannot be seen.
        (kind, _) => exthdr::is_extension(kind),
    }
}

impl Ipv6<'_> {
    /// Sends an error about `packet` to its source, if the rules and the rate allow. Whether that is all: not when the
    /// source cannot be reached now.
    pub(super) fn report(
        &mut self,
        cx: &mut Context<'_>,
        arrival: &Arrival,
        packet: &[u8],
        problem: Problem,
    ) -> bool {
        let Some(header) = packet.first_chunk() else { return true };
        let (source, destination) = ends(header);
        let to_many = arrival.multicast || destination.is_multicast();
        let no_single_source = source.is_unspecified() || source.is_multicast() || *source == Ip::LOOPBACK;
        let silent = (to_many && !problem.may_answer_multicast())
            || no_single_source
            || self.addresses.is_own(source)
            || (is_error_itself(packet) && !problem.is_of_first_fragment());
        if silent || !self.errors.take(cx.now) {
            self.statistics.errors_suppressed = self.statistics.errors_suppressed.wrapping_add(1);
            return true;
        }
        let Problem { kind, code, parameter } = problem;
        let [high, low] = parameter.to_be_bytes();
        // The source is the address that the packet was sent to if that is ours (RFC 4443 §2.2).
        let own = self.addresses.is_own(destination).then_some(destination);
        let outgoing = Outgoing {
            destination: source,
            hop_limit: self.config.hop_limit,
            protocol: protocol::ICMPV6,
            upper: &[kind, code, 0, 0, 0, 0, high, low],
            // As much of the packet as the minimum MTU leaves room for (RFC 4443 §2.4 (c)); less if
            // the headers of the way do not.
            body: packet.get(..MIN_MTU - (Header::LEN + 8)).unwrap_or(packet),
        };
        let sent = self.send_upper(cx, own, &outgoing);
        if sent.is_ok() {
            self.statistics.errors_sent = self.statistics.errors_sent.wrapping_add(1);
        }
        sent != Err(Error::Unreachable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_a_burst_of_ten_and_then_ten_a_second() {
        let mut rate = ErrorRate::new(Instant(1000));
        let taken = (0..50).filter(|_| rate.take(Instant(1000))).count();
        assert_eq!(taken, 10);
        assert!(!rate.take(Instant(1099)));
        assert!(rate.take(Instant(1100)) && !rate.take(Instant(1100)));
        let taken = (0..50).filter(|_| rate.take(Instant(1_000_000))).count();
        assert_eq!(taken, 10);
        let taken = (0..1000).filter(|step| rate.take(Instant(1_000_000 + step * 10))).count();
        assert!((99..=100).contains(&taken), "{taken}");
    }
}
