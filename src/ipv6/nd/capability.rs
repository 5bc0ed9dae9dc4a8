// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generic header compression as a capability of neighbours: announced in the 6LoWPAN Capability
//! Indication Option (RFC 7400 §3.3, §3.4). Hosts and their routers do so in router solicitations and
//! advertisements; routers that have found each other by a routing protocol in a solicitation
//! of the neighbour and its answer, since the option can be used in any message.
#![forbid(unsafe_code)]

use crate::address::Ip;
use crate::ipv6::event::Arrival;
use crate::ipv6::output::message;
use crate::ipv6::wire::icmpv6::kind;
use crate::ipv6::wire::nd::{self, Medium, Neighbor, Options, capability, option};
use crate::ipv6::{Context, Ipv6};
use crate::status::Error;

/// The capability flags that `options` tell.
fn told(options: Options<'_>) -> Option<u16> {
    options.find(option::CAPABILITY_INDICATION).and_then(capability::parse)
}

impl Ipv6<'_> {
    /// Tells the link what a neighbour has announced.
    pub(super) fn notice_capability(&self, cx: &mut Context<'_>, arrival: &Arrival, options: Options<'_>) {
        if let (true, Some(flags)) = (self.config.ghc, told(options)) {
            cx.link.understands_ghc(arrival.from, flags & capability::GHC != 0);
        }
    }

    /// Answers a solicitation with our capabilities, if it told the other's; whether it did.
    pub(super) fn answer_with_capabilities(
        &mut self,
        cx: &mut Context<'_>,
        options: Options<'_>,
        source: &Ip,
        destination: &Ip,
        answer: (u8, &Ip),
    ) -> bool {
        let asked = self.config.ghc && told(options).is_some();
        if asked {
            self.send_capabilities(cx, kind::NEIGHBOR_ADVERTISEMENT, source, destination, answer);
        }
        asked
    }

    /// Tells a neighbour, by its link-local address, what this node is capable of, and learns as
    /// much from its answer: with [`Config::ghc`](crate::ipv6::Config::ghc), where there is no
    /// exchange of a host with its router that would do so.
    pub fn announce_capabilities(&mut self, cx: &mut Context<'_>, neighbour: &Ip) {
        if self.config.ghc && self.config.medium() == Medium::Ieee802154 {
            let source = self.link_local();
            // Lost, there is a little more to send.
            self.send_capabilities(cx, kind::NEIGHBOR_SOLICITATION, &source, neighbour, (0, neighbour));
        }
    }

    fn send_capabilities(
        &mut self,
        cx: &mut Context<'_>,
        kind: u8,
        source: &Ip,
        destination: &Ip,
        (fields, target): (u8, &Ip),
    ) {
        let (link_address, flags) = (self.config.link_address, self.capabilities());
        let mut out = message(self.buffer);
        let write = || {
            Neighbor { flags: fields, target: *target }.emit(&mut out)?;
            nd::put_link_layer_address(kind == kind::NEIGHBOR_ADVERTISEMENT, &link_address, &mut out)?;
            capability::put(flags, &mut out)?;
            Ok::<_, Error>(out.position())
        };
        if let Ok(length) = { write }() {
            self.send_nd(cx, kind, Some(source), destination, length);
        }
    }
}
