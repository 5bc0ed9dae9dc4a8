// SPDX-License-Identifier: MIT OR Apache-2.0
//! Single rules of neighbour discovery on IEEE 802.15.4.

use super::discovery::register;
use super::nd::{PrefixInformation, capability};
use super::registration::{answer, registrations};
use super::*;

/// An advertisement of router 1 with its link address and more options.
pub(super) fn advertisement(more: &dyn Fn(&mut Writer<'_>)) -> Vec<u8> {
    let (from, to) = (eui64(1).link_local(), ip("ff02::1"));
    let mut body = [0; 200];
    let mut out = Writer::new(&mut body);
    let advertisement = RouterAdvertisement {
        hop_limit: 64,
        flags: 0,
        router_lifetime: 1800,
        reachable_time: 0,
        retrans_timer: 0,
    };
    advertisement.emit(&mut out).unwrap();
    nd::put_link_layer_address(false, &eui64(1), &mut out).unwrap();
    more(&mut out);
    packet(from, to, 58, 255, &icmp(from, to, kind::ROUTER_ADVERTISEMENT, 0, out.written()))
}

fn solicitation(from: Ip, to: Ip, link: LinkAddress) -> Vec<u8> {
    let mut body = vec![0; 4 + 16];
    nd::put_link_layer_address(false, &link, &mut Writer::new(&mut body[4..])).unwrap();
    packet(from, to, 58, 255, &icmp(from, to, kind::ROUTER_SOLICITATION, 0, &body))
}

/// RFC 6775 §4.2 and §5.4.2.
#[test]
fn a_context_of_lifetime_zero_goes_at_once_and_another_stays_a_while_for_decompression() {
    let mut host = Node::lowpan(2, Role::Host);
    let tell = |host: &mut Node, now: u64, minutes: u16| {
        let context = nd::Context {
            prefix_len: 64,
            compress: true,
            id: 5,
            valid_lifetime: minutes,
            prefix: ip("fd00::"),
        };
        let message = advertisement(&|out| NdOption::Context(context).emit(out).unwrap());
        host.receive(now, eui64(1), true, &message);
        host.poll(now);
        host.took().into_iter().filter(|seen| matches!(seen, Seen::Context(..))).collect::<Vec<_>>()
    };
    assert_eq!(tell(&mut host, 0, 10), [Seen::Context(5, true, true)]);
    assert_eq!(tell(&mut host, 1000, 0), [Seen::Context(5, false, false)]);
    assert_eq!(tell(&mut host, 2000, 10), [Seen::Context(5, true, true)]);
    let seen = |host: &mut Node, now: u64| {
        host.poll(now);
        host.took().into_iter().find(|seen| matches!(seen, Seen::Context(..)))
    };
    assert_eq!(seen(&mut host, 601_000), None);
    assert_eq!(seen(&mut host, 603_000), Some(Seen::Context(5, false, true)));
    assert_eq!(seen(&mut host, 100_000_000), Some(Seen::Context(5, false, false)));
}

/// RFC 6775 §5.4.3: kept twice the router lifetime of 1800 s, and not passed on meanwhile.
#[test]
fn a_context_that_came_for_decompression_alone_stays_as_long_as_another_when_its_time_is_over() {
    for compress in [true, false] {
        let mut router = Node::lowpan(1, Role::BorderRouter);
        router.engine.set_authority(ip("fd00::1"), 1);
        router.engine.advertise_context(Instant(0), 5, ip("fd00::"), 64, compress, Instant(600_000)).unwrap();
        let seen = |router: &mut Node, now: u64| {
            router.poll(now);
            router.took().into_iter().find(|seen| matches!(seen, Seen::Context(..)))
        };
        let advertises = |router: &mut Node, now: u64| {
            let (from, to) = (eui64(9).link_local(), router.engine.link_local());
            router.out.packets.clear();
            router.receive(now, eui64(9), false, &solicitation(from, to, eui64(9)));
            let (_, bytes) = router.out.packets.pop().unwrap();
            // The option 6CO of type 34.
            assert_eq!(bytes[40], kind::ROUTER_ADVERTISEMENT);
            bytes[56..].windows(4).any(|option| option[..3] == [34, 2, 64])
        };
        assert_eq!(seen(&mut router, 0), Some(Seen::Context(5, compress, true)));
        assert!(advertises(&mut router, 1000));
        assert_eq!(seen(&mut router, 599_999), None);
        assert_eq!(seen(&mut router, 600_000), Some(Seen::Context(5, false, true)));
        assert!(!advertises(&mut router, 601_000));
        assert_eq!(seen(&mut router, 4_199_999), None);
        assert_eq!(router.engine.contexts().count(), 1);
        assert_eq!(seen(&mut router, 4_200_000), Some(Seen::Context(5, false, false)));
        assert_eq!(router.engine.contexts().count(), 0);
    }
}

/// RFC 6775 §5.1 and §5.3.
#[test]
fn router_solicitations_slow_down_to_one_a_minute_and_nothing_else_is_multicast() {
    let mut host = Node::lowpan(2, Role::Host);
    let own = host.engine.link_local();
    host.does(0, |engine, cx| engine.solicit_routers(cx));
    let mut times = Vec::new();
    for now in (0..300_000u64).step_by(100) {
        host.poll(now);
        for (to, bytes) in core::mem::take(&mut host.out.packets) {
            assert_eq!(
                (to, bytes[40]),
                (LinkDestination::Multicast(ip("ff02::2")), kind::ROUTER_SOLICITATION)
            );
            // From an address, with an SLLAO.
            assert_eq!((&bytes[8..24], bytes[48]), (&own.0[..], 1));
            times.push(now);
        }
        // A neighbour that was never heard is not asked for.
        if now == 5000 {
            host.ping(now, eui64(9).link_local(), 1).unwrap();
            let (to, bytes) = host.out.packets.pop().unwrap();
            assert_eq!((to, bytes[40]), (LinkDestination::Unicast(eui64(9)), kind::ECHO_REQUEST));
        }
    }
    let gaps: Vec<u64> = times.windows(2).map(|pair| (pair[1] - pair[0]) / 1000).collect();
    assert_eq!(gaps[..7], [10, 10, 10, 20, 40, 60, 60]);
}

/// RFC 6775 §5.4, §6.1 and §8.1.3; RFC 8505 §4.3.
#[test]
fn what_advertisements_say_and_what_is_taken_of_them() {
    let with_prefix = |on_link: bool| {
        let flags = PrefixInformation::AUTONOMOUS | if on_link { PrefixInformation::ON_LINK } else { 0 };
        let prefix = PrefixInformation {
            prefix_len: 64,
            flags,
            valid_lifetime: 3600,
            preferred_lifetime: 3600,
            prefix: ip("fd00::"),
        };
        advertisement(&|out| NdOption::Prefix(prefix).emit(out).unwrap())
    };
    for on_link in [false, true] {
        let mut host = Node::lowpan(2, Role::Host);
        host.receive(0, eui64(1), true, &with_prefix(on_link));
        assert_eq!(host.engine.prefixes().count(), usize::from(!on_link));
        assert_eq!(host.engine.addresses.find(&ip("fd00::2")).is_some(), !on_link);
    }
    // A router takes nothing over that no border router vouches for.
    let mut router = Node::lowpan(2, Role::Router);
    router.receive(0, eui64(1), true, &with_prefix(false));
    assert_eq!((router.engine.prefixes().count(), router.engine.routers().count()), (0, 0));
    let mut border = Node::lowpan(1, Role::BorderRouter);
    border.engine.set_authority(ip("fd00::1"), 1);
    border.engine.advertise_prefix(Instant(0), ip("fd00::"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    let own = border.engine.link_local();
    border.receive(0, eui64(2), false, &solicitation(eui64(2).link_local(), own, eui64(2)));
    let (_, bytes) = border.out.packets.pop().unwrap();
    let (header, payload) = Header::parse(&bytes).unwrap();
    let message = Icmpv6::parse(&header.source, &header.destination, payload).unwrap();
    let (_, options) = RouterAdvertisement::parse(message.body).unwrap();
    let (mut link, mut prefixes, mut flags, mut authority) = (false, 0, 0, false);
    for option in options {
        match option.unwrap() {
            NdOption::SourceLinkLayer(_) => link = true,
            NdOption::Prefix(prefix) => {
                assert_eq!(prefix.flags & PrefixInformation::ON_LINK, 0);
                prefixes += 1;
            }
            NdOption::Capability(bits) => flags = bits,
            NdOption::Authoritative(_) => authority = true,
            _ => {}
        }
    }
    assert!(link && authority && prefixes == 1 && flags & capability::EARO != 0);
}

/// RFC 6775 §6.3.
#[test]
fn a_solicitation_of_a_router_changes_no_registration() {
    let mut node = Node::lowpan(1, Role::Router);
    let (own, host) = (node.engine.link_local(), eui64(2).link_local());
    assert_eq!(register(&mut node, 2, host, Some(240), 10), 0);
    node.receive(0, eui64(9), false, &solicitation(host, own, eui64(9)));
    assert_eq!(node.engine.neighbours.find(&host).unwrap().link, eui64(2));
    assert!(node.engine.neighbours.is_registered(&host));
}

/// RFC 6775 §4.1, RFC 8505 §5.1 and §5.6: what stands in a host's registration.
#[test]
fn a_host_asks_for_reachability_and_registers_from_its_link_local_address() {
    let mut host = Node::lowpan(2, Role::Host);
    let own = host.engine.link_local();
    let message = advertisement(&|out| {
        NdOption::Capability(capability::EARO | capability::ROUTER).emit(out).unwrap();
        let prefix = PrefixInformation {
            prefix_len: 64,
            flags: PrefixInformation::AUTONOMOUS,
            valid_lifetime: 3600,
            preferred_lifetime: 3600,
            prefix: ip("fd00::"),
        };
        NdOption::Prefix(prefix).emit(out).unwrap();
    });
    host.receive(0, eui64(1), true, &message);
    let mut targets = Vec::new();
    for now in (0..1000).step_by(100) {
        host.poll(now);
        for asked in registrations(&mut host) {
            targets.push(asked.0);
            answer(&mut host, now, asked, 0);
        }
    }
    assert_eq!(targets, [own, ip("fd00::2")]);
}
