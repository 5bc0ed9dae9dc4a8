// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the layers bring: packets, routing messages, and what becomes due.
#![forbid(unsafe_code)]

use super::event::{Event, PingFailure};
use super::{Mesh, Role};
use crate::address::{Ip, SocketAddress};
use crate::ipv6::link::{LinkAddress, with_prefix};
use crate::ipv6::wire::icmpv6::{Echo, kind, unreachable};
use crate::ipv6::wire::protocol;
use crate::ipv6::wire::udp::Udp;
use crate::ipv6::{self, Arrival};
use crate::rpl::objective::MAX_LINK_METRIC;
#[cfg(feature = "sixlorh")]
use crate::rpl::wire::Configuration;
use crate::rpl::wire::PrefixInformation;
use crate::rpl::{self, RplContext, tell};
use crate::status::{Error, Result};
use crate::time::Instant;
use crate::transport::{Path, RadioContext, RadioEvent};

/// The compression context of a prefix of 64 bits: the exclusive or of its half bytes but the
/// first two, which is 0 for `fd00::/64`. Neighbouring DODAGs with prefixes of their own
/// so have contexts of their own, without a word between them.
fn context_of(prefix: &[u8; 8]) -> u8 {
    let [_, rest @ ..] = prefix;
    let folded = rest.iter().fold(0, |sum, byte| sum ^ byte);
    (folded ^ folded >> 4) & 15
}

impl Mesh<'_> {
    /// The radio brings something. Packets are put together in `scratch`, of which
    /// [`SCRATCH`](super::SCRATCH) bytes always suffice. Call [`Mesh::poll`] afterwards.
    pub fn receive<'d>(
        &mut self,
        cx: &mut RadioContext<'_>,
        event: RadioEvent<'_>,
        scratch: &'d mut [u8],
    ) -> Option<Event<'d>> {
        let received = self.plane.air.interface.receive(cx, event, scratch)?;
        if !self.started {
            return None;
        }
        let arrival = Arrival {
            from: received.source,
            multicast: received.destination.is_broadcast(),
            ..Arrival::default()
        };
        self.accept(cx, arrival, received.packet)
    }

    /// The host side of a border router sends a packet, which is used as scratch memory. It is
    /// lost when the radio's queue is full, as on any link. Call [`Mesh::poll`] afterwards.
    pub fn receive_from_host<'d>(
        &mut self,
        cx: &mut RadioContext<'_>,
        packet: &'d mut [u8],
    ) -> Option<Event<'d>> {
        if !self.started {
            return None;
        }
        let arrival = Arrival { outside: true, ..Arrival::default() };
        self.accept(cx, arrival, packet)
    }

    pub(super) fn accept<'d>(
        &mut self,
        cx: &mut RadioContext<'_>,
        arrival: Arrival,
        packet: &'d mut [u8],
    ) -> Option<Event<'d>> {
        // Events are large, and not moved from layer to layer.
        let event = &self.with_ipv6(cx, |ipv6, cx| ipv6.receive(cx, arrival, packet));
        match event.as_ref()? {
            ipv6::Event::Control { source, destination, from, code, body } => {
                if self.config.role == Role::Host || arrival.outside {
                    return None;
                }
                let told = &self.with_rpl(cx, |rpl, cx| rpl.take_in(cx, source, destination, *code, body));
                #[cfg(feature = "sixlorh")]
                self.follow_dodag();
                self.guess_link(cx.now, *from);
                self.on_rpl(cx, told.as_ref()?)
            }
            ipv6::Event::Udp { socket, path, data } => {
                Some(Event::Udp { socket: *socket, path: *path, data })
            }
            ipv6::Event::EchoReply { source, hop_limit, echo } => {
                self.on_echo_reply(cx.now, source, *hop_limit, echo)
            }
            ipv6::Event::Error { reporter, kind, code, destination, protocol, upper, .. } => {
                self.on_error(reporter, *kind, *code, destination, *protocol, upper)
            }
            other => self.on_ipv6(cx, other),
        }
    }

    /// Lends RPL the plane that it sends through.
    pub(super) fn with_rpl<T>(
        &mut self,
        cx: &mut RadioContext<'_>,
        act: impl FnOnce(&mut rpl::Rpl<'_>, &mut RplContext<'_>) -> T,
    ) -> T {
        let transport = &mut self.plane;
        act(&mut self.rpl, &mut RplContext { now: cx.now, transport, random: cx.random })
    }

    /// A neighbour that nothing was sent to has a link as good as its signal says. One that RPL gives another chance
    /// is measured anew: what it was like before would outweigh what it is now.
    fn guess_link(&mut self, now: Instant, from: LinkAddress) {
        let links = self.plane.air.interface.mac_mut().neighbours_mut();
        let Some(&link) = links.get(from) else { return };
        if link.frames == 0 {
            self.rpl.link_guess(now, from, link.etx);
        } else if link.etx > MAX_LINK_METRIC
            && let Some((_, etx, _)) = self.rpl.neighbour(from)
        {
            links.forgive(from, etx);
        }
    }

    /// How transmissions ended, for RPL's view of the links.
    pub(super) fn poll_link(&mut self, cx: &mut RadioContext<'_>) {
        // Ends: each round takes one packet out of the interface, and nothing adds any.
        while let Some(sent) = self.plane.air.interface.poll(cx) {
            if !sent.destination.is_unicast() {
                continue;
            }
            let neighbour = sent.destination;
            // A channel that never was clear says nothing about the neighbour.
            if matches!(sent.result, Ok(()) | Err(Error::Timeout)) {
                let link = self.plane.air.interface.mac().neighbours().get(neighbour);
                let etx = link.map_or(0, |link| link.etx);
                self.rpl.note_link(cx.now, neighbour, etx, false, sent.result.is_err());
            }
        }
    }

    pub(super) fn poll_rpl(&mut self, cx: &mut RadioContext<'_>) -> Option<Event<'static>> {
        // An event that is dealt with here is followed by the next one; each poll of RPL moves
        // its own deadlines on, so a bound is only a matter of fairness.
        for _ in 0..8 {
            let told = &self.with_rpl(cx, |rpl, cx| rpl.advance(cx));
            let event = self.on_rpl(cx, told.as_ref()?);
            if event.is_some() {
                return event;
            }
        }
        None
    }

    pub(super) fn poll_ipv6(&mut self, cx: &mut RadioContext<'_>) -> Option<Event<'static>> {
        for _ in 0..32 {
            let event = &self.with_ipv6(cx, |ipv6, cx| ipv6.poll(cx));
            let event = self.on_ipv6(cx, event.as_ref()?);
            if event.is_some() {
                return event;
            }
        }
        None
    }

    /// What the compressed headers of RPL refer to, and whether they are sent, is a matter of the DODAG.
    #[cfg(feature = "sixlorh")]
    pub(super) fn follow_dodag(&mut self) {
        use crate::lowpan::sixlorh::Dodag;
        if let Some(dodag) = self.rpl.dodags().find(|dodag| dodag.joined) {
            let Configuration { rpi_0x23, compressed, .. } = dodag.configuration;
            let link = Dodag { root: Some(dodag.dodag_id), option_0x23: rpi_0x23 };
            self.plane.air.interface.set_dodag(link, compressed);
        }
    }

    fn on_rpl(&mut self, cx: &mut RadioContext<'_>, told: &rpl::Told) -> Option<Event<'static>> {
        #[cfg(feature = "sixlorh")]
        self.follow_dodag();
        let (instance, prefix_len) = (told.number, told.number);
        Some(match told.what {
            tell::JOINED => Event::Joined { instance, dodag_id: told.ip },
            tell::PARENT => {
                // The links to the parents are kept, and to no others: places would run out.
                let links = self.plane.air.interface.mac_mut().neighbours_mut();
                links.pin_only(|link| self.rpl.neighbour(link).is_some_and(|(_, _, parent)| parent));
                #[cfg(feature = "ghc")]
                self.with_ipv6(cx, |ipv6, cx| ipv6.announce_capabilities(cx, &told.ip));
                Event::ParentChanged { instance, parent: told.ip }
            }
            tell::LOST => Event::Lost { instance },
            tell::REFUSED => Event::Refused { instance },
            tell::ROUTE_ADDED => Event::RouteAdded { target: told.ip, prefix_len },
            tell::ROUTE_REMOVED => Event::RouteRemoved { target: told.ip, prefix_len },
            _ => {
                let prefix = *self.rpl.prefix(told)?;
                // A table too small leaves the node with the addresses that it has.
                let _ = self.use_prefix(cx, &prefix);
                return None;
            }
        })
    }

    /// Forms an address from the DODAG's prefix and makes it known (RFC 6550 §6.7.10).
    pub(super) fn use_prefix(&mut self, cx: &mut RadioContext<'_>, prefix: &PrefixInformation) -> Result<()> {
        let now = cx.now;
        let Some(bits) = prefix.prefix.0.first_chunk::<8>() else { return Err(Error::Invalid) };
        let address = with_prefix(bits, LinkAddress::Extended(self.config.eui64).interface_identifier());
        // RFC 4862 §5.5.3: nothing is formed of a prefix that has ended, and one that is preferred beyond its end is ignored.
        let ended = prefix.valid_lifetime == 0 && self.plane.ipv6.addresses.find(&address).is_none();
        if prefix.prefix_len != 64
            || !prefix.autonomous
            || !prefix.prefix.is_routable()
            || prefix.preferred_lifetime > prefix.valid_lifetime
            || ended
        {
            return Err(Error::Unsupported);
        }
        let ends = |seconds: u32| match seconds {
            u32::MAX => Instant::NEVER,
            seconds => now.after(u64::from(seconds) * 1000),
        };
        let (valid, preferred) = (ends(prefix.valid_lifetime), ends(prefix.preferred_lifetime));
        let network = with_prefix(bits, [0; 8]);
        if self.config.context_from_prefix {
            let context = context_of(bits);
            // Those of DODAGs that were left are understood still, as neighbours in them may send yet.
            self.plane.air.interface.contexts_mut().adopt(context, network, 64);
            if self.config.role != Role::Leaf {
                // Without room hosts do without.
                let _ = self.plane.ipv6.advertise_context(now, context, network, 64, true, valid);
            }
        }
        if self.config.role != Role::Leaf {
            // Full of the prefix of a DODAG left before: hosts are not told of the new one, but the
            // node has its address.
            let _ = self.plane.ipv6.advertise_prefix(now, network, 64, valid, preferred);
        }
        self.plane.ipv6.add_address(now, address, 64, valid, preferred)?;
        self.with_rpl(cx, |rpl, cx| rpl.add_target(cx, &address, 128, false))
    }

    fn on_ipv6(&mut self, cx: &mut RadioContext<'_>, event: &ipv6::Event<'_>) -> Option<Event<'static>> {
        match *event {
            ipv6::Event::AddressReady(ip) => Some(Event::AddressReady(ip)),
            ipv6::Event::AddressDuplicate(ip) => Some(Event::AddressDuplicate(ip)),
            ipv6::Event::AddressLost(ref ip) => {
                self.change_target(cx, ip, false);
                Some(Event::AddressLost(*ip))
            }
            ipv6::Event::RouterFound(ip) => Some(Event::RouterFound(ip)),
            ipv6::Event::RouterLost => Some(Event::Lost { instance: 0 }),
            ipv6::Event::Context(ref context) => {
                let contexts = self.plane.air.interface.contexts_mut();
                if context.is_gone() {
                    contexts.remove(context.id());
                } else {
                    // Without room the packets that use it are dropped, and counted.
                    let _ = contexts.set(context.id(), context.ip, context.prefix_len, context.compresses());
                }
                None
            }
            ipv6::Event::Registered(ref ip) => {
                self.change_target(cx, ip, true);
                Some(Event::HostRegistered(*ip))
            }
            ipv6::Event::Deregistered(ref ip) => {
                self.change_target(cx, ip, false);
                Some(Event::HostLost(*ip))
            }
            _ => None,
        }
    }

    /// Makes the address of a host known, or no longer an address. Without room for a further target
    /// the host is reached by its neighbours alone; one that was not known need not be forgotten.
    #[inline(never)]
    fn change_target(&mut self, cx: &mut RadioContext<'_>, ip: &Ip, there: bool) {
        let _ = self.with_rpl(cx, |rpl, cx| rpl.change_target(cx, ip, 128, there.then_some(true)));
    }

    fn on_echo_reply<'d>(
        &mut self,
        now: Instant,
        source: &Ip,
        hop_limit: u8,
        echo: &Echo<'d>,
    ) -> Option<Event<'d>> {
        let (handle, ping) = self.end_ping(Some(echo.identifier), now)?;
        let round_trip = u32::try_from(now.since(ping.sent)).unwrap_or(u32::MAX);
        Some(Event::PingReply { ping: handle, source: *source, round_trip, hop_limit, data: echo.data })
    }

    /// An ICMPv6 error about a packet of ours, which carried `upper`.
    fn on_error<'d>(
        &mut self,
        reporter: &Ip,
        error: u8,
        code: u8,
        destination: &Ip,
        carried: u8,
        upper: &'d [u8],
    ) -> Option<Event<'d>> {
        match (carried, upper) {
            (protocol::ICMPV6, &[kind::ECHO_REQUEST, _, _, _, high, low, ..]) => {
                let identifier = u16::from_be_bytes([high, low]);
                let (handle, _) = self.end_ping(Some(identifier), Instant::ZERO)?;
                let failure = PingFailure::Reported { reporter: *reporter, kind: error, code };
                Some(Event::PingFailed { ping: handle, failure })
            }
            (protocol::UDP, &[from_high, from_low, to_high, to_low, ..]) => {
                let port = u16::from_be_bytes([from_high, from_low]);
                let socket = self.plane.ipv6.udp_find(port)?;
                let remote = SocketAddress::new(*destination, u16::from_be_bytes([to_high, to_low]));
                let error = match (error, code) {
                    (kind::DESTINATION_UNREACHABLE, unreachable::PORT) => Error::Refused,
                    (kind::PACKET_TOO_BIG, _) => Error::TooLarge,
                    (kind::TIME_EXCEEDED, _) => Error::Timeout,
                    _ => Error::Unreachable,
                };
                let data = upper.get(Udp::LEN..).unwrap_or_default();
                Some(Event::UdpFailed { socket, path: Path::to(remote), data, error })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::Config;
    use crate::random::Sequence;
    use crate::transport::{Radio, RadioAddresses, RadioCapabilities};

    struct NoRadio;

    impl Radio for NoRadio {
        fn capabilities(&self) -> RadioCapabilities {
            RadioCapabilities::default()
        }
        fn transmit(&mut self, _: &[u8]) -> Result<()> {
            Err(Error::Io)
        }
        fn channel_is_clear(&mut self) -> bool {
            false
        }
        fn set_addresses(&mut self, _: &RadioAddresses) -> Result<()> {
            Err(Error::Io)
        }
        fn set_channel(&mut self, _: u8) -> Result<()> {
            Err(Error::Io)
        }
        fn enable(&mut self, _: bool) -> Result<()> {
            Err(Error::Io)
        }
    }

    #[test]
    fn prefixes_that_differ_in_one_half_byte_have_contexts_of_their_own() {
        let base = [0xfd, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(context_of(&base), 0);
        for byte in 1..8 {
            for bits in 1..16 {
                for shift in [0, 4] {
                    let mut other = base;
                    other[byte] = bits << shift;
                    assert_eq!(context_of(&other), bits);
                }
            }
        }
    }

    /// RFC 4862 §5.5.3, by the prefix of a DODAG.
    #[test]
    fn an_address_lives_as_long_as_its_prefix_says_the_last_time() {
        let config = Config { eui64: [2, 0, 0, 0, 0, 0, 0, 1], ..Config::default() };
        let mut memory = vec![0; Mesh::plan(&config).bytes()];
        let mut random = Sequence(1);
        let mut mesh = Mesh::new(&mut memory, &config, Instant(0), &mut random).unwrap();
        let mut hear = |now: u64, valid_lifetime: u32, preferred_lifetime: u32| {
            let information = PrefixInformation {
                prefix_len: 64,
                autonomous: true,
                valid_lifetime,
                preferred_lifetime,
                prefix: Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 0]),
                ..PrefixInformation::default()
            };
            let mut cx = RadioContext { now: Instant(now), transport: &mut NoRadio, random: &mut random };
            let outcome = mesh.use_prefix(&mut cx, &information);
            (outcome, mesh.addresses().find(|it| it.ip.is_routable()).map(|it| it.valid_until))
        };
        assert_eq!(hear(1_000, 0, 0), (Err(Error::Unsupported), None));
        assert_eq!(hear(1_000, 600, 601), (Err(Error::Unsupported), None));
        assert_eq!(hear(1_000, 600, 600), (Ok(()), Some(Instant(601_000))));
        assert_eq!(hear(9_000, 600, 300), (Ok(()), Some(Instant(609_000))));
        assert_eq!(hear(9_000, u32::MAX, 300), (Ok(()), Some(Instant::NEVER)));
        assert_eq!(hear(10_000, 0, 0), (Ok(()), Some(Instant(10_000))));
    }

    /// DODAGs with different prefixes side by side: whoever moves from one to the other still
    /// understands those whom it left, and never compresses with what they alone know.
    #[test]
    fn a_node_that_changes_dodags_understands_both_and_compresses_with_its_own() {
        let config = Config { eui64: [2, 0, 0, 0, 0, 0, 0, 1], ..Config::default() };
        let mut memory = vec![0; Mesh::plan(&config).bytes()];
        let mut random = Sequence(1);
        let mut mesh = Mesh::new(&mut memory, &config, Instant(0), &mut random).unwrap();
        let prefix = |last: u16| Ip::v6([0xfd00, 0, 0, last, 0, 0, 0, 0]);
        let mut adopt = |last: u16| {
            let information = PrefixInformation {
                prefix_len: 64,
                autonomous: true,
                valid_lifetime: u32::MAX,
                preferred_lifetime: u32::MAX,
                prefix: prefix(last),
                ..PrefixInformation::default()
            };
            let mut cx = RadioContext { now: Instant(1), transport: &mut NoRadio, random: &mut random };
            mesh.use_prefix(&mut cx, &information)?;
            Ok::<_, Error>([0, 2, 3].map(|id| mesh.plane.air.interface.contexts_mut().get(id)))
        };
        assert_eq!(adopt(0), Ok([Some((prefix(0), 64, true)), None, None]));
        assert_eq!(adopt(2), Ok([Some((prefix(0), 64, false)), Some((prefix(2), 64, true)), None]));
        // Two places: the oldest goes. (The node has no room for a third address either.)
        let _ = adopt(3);
        let contexts = [0, 2, 3].map(|id| mesh.plane.air.interface.contexts_mut().get(id));
        assert_eq!(contexts, [None, Some((prefix(2), 64, false)), Some((prefix(3), 64, true))]);
    }
}
