// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages that break one rule each: they change nothing.

use super::discovery::register;
use super::registration::{answer, registrations};
use super::rules::advertisement;
use super::*;

/// A solicitation or advertisement of a neighbour, with the link address of `link` if there is one.
fn neighbor(kind: u8, flags: u8, source: Ip, destination: Ip, target: Ip, link: LinkAddress) -> Vec<u8> {
    let mut body = [0; 40];
    let mut out = Writer::new(&mut body);
    Neighbor { flags, target }.emit(&mut out).unwrap();
    nd::put_link_layer_address(kind == kind::NEIGHBOR_ADVERTISEMENT, &link, &mut out).unwrap();
    packet(source, destination, 58, 255, &icmp(source, destination, kind, 0, out.written()))
}

/// RFC 4861 §6.1.1, §7.1.1, §7.1.2.
#[test]
fn neighbour_discovery_that_breaks_a_rule_is_discarded() {
    use kind::{NEIGHBOR_ADVERTISEMENT as NA, NEIGHBOR_SOLICITATION as NS};
    let (own, peer) = (eui64(1).link_local(), eui64(2).link_local());
    let (group, nobody, link) = (addresses::solicited_node(&own), Ip::UNSPECIFIED, eui64(2));
    let no_link = LinkAddress::None;
    // How many packets answer, and how many messages are malformed.
    for (source, destination, target, message, link, outcome) in [
        (peer, own, own, (NS, 0), link, (1, 0)),
        (peer, own, ip("ff02::1"), (NS, 0), link, (0, 1)),
        (nobody, group, own, (NS, 0), no_link, (1, 0)),
        (nobody, group, own, (NS, 0), link, (0, 1)),
        (nobody, own, own, (NS, 0), no_link, (0, 1)),
        (peer, ip("ff02::1"), peer, (NA, 0), link, (0, 0)),
        (peer, ip("ff02::1"), peer, (NA, Neighbor::SOLICITED), link, (0, 1)),
        (peer, own, peer, (NA, Neighbor::SOLICITED), link, (0, 0)),
        (peer, own, ip("ff02::1"), (NA, 0), link, (0, 1)),
    ] {
        let mut node = Node::lowpan(1, Role::BorderRouter);
        node.receive(0, eui64(2), false, &neighbor(message.0, message.1, source, destination, target, link));
        let seen = (node.out.packets.len(), node.engine.statistics().malformed);
        assert_eq!(seen, outcome, "{message:?} {source:?} {destination:?} {target:?} {link:?}");
    }
    for (source, code, hop_limit, outcome) in
        [(peer, 0, 255, (1, 0)), (nobody, 0, 255, (0, 1)), (peer, 1, 255, (0, 1)), (peer, 0, 254, (0, 1))]
    {
        let mut node = Node::lowpan(1, Role::BorderRouter);
        let mut body = vec![0; 4 + 16];
        nd::put_link_layer_address(false, &link, &mut Writer::new(&mut body[4..])).unwrap();
        let message = icmp(source, own, kind::ROUTER_SOLICITATION, code, &body);
        node.receive(0, eui64(2), false, &packet(source, own, 58, hop_limit, &message));
        let seen = (node.out.packets.len(), node.engine.statistics().malformed);
        assert_eq!(seen, outcome, "{source:?} {code} {hop_limit}");
    }
}

/// RFC 4291 §2.5.2, §2.5.3, §2.7; RFC 4443 §2.4 (e).
#[test]
fn impossible_sources_are_neither_answered_nor_sent_on() {
    let mut node = Node::lowpan(1, Role::Router);
    add(&mut node, "fd00::1");
    let own = node.engine.link_local();
    let on = Route::on_link(ip("fe80::ff:fe00:9"), LinkAddress::None);
    node.routing = Box::new(Fixed { routes: vec![(ip("fd01::9"), Ok(on))], ..Fixed::default() });
    for (source, malformed) in [(Ip::LOOPBACK, 2), (ip("ff02::1"), 4), (Ip::UNSPECIFIED, 4)] {
        for destination in [own, ip("fd01::9")] {
            node.receive(0, eui64(2), false, &echo_request(source, destination, 9));
            assert!(node.out.packets.is_empty(), "{source:?} {destination:?}");
        }
        assert_eq!(node.engine.statistics().malformed, malformed);
    }
    // Nobody complains to itself, nor about a redirect.
    node.receive(0, eui64(2), false, &packet(own, own, 200, 9, &[0; 8]));
    let peer = eui64(2).link_local();
    let mut redirect = vec![58, 0, 0x9e, 0, 1, 2, 0, 0];
    redirect.extend(icmp(peer, own, kind::REDIRECT, 0, &[0; 36]));
    node.receive(0, eui64(2), false, &packet(peer, own, 60, 255, &redirect));
    assert!(node.out.packets.is_empty());
    // An error about somebody else's packet says nothing to us.
    let mut body = vec![0; 4];
    body.extend(packet(peer, ip("fd01::9"), 17, 64, &[0; 8]));
    node.receive(0, eui64(2), false, &packet(peer, own, 58, 64, &icmp(peer, own, 1, 0, &body)));
    assert!(node.took().is_empty());
}

/// RFC 6775 §6: what was registered is changed by registration alone.
#[test]
fn a_registered_address_is_not_moved_by_other_messages() {
    let mut node = Node::lowpan(1, Role::Router);
    let (own, host) = (node.engine.link_local(), eui64(2).link_local());
    assert_eq!(register(&mut node, 2, host, Some(240), 10), 0);
    let flags = Neighbor::SOLICITED | Neighbor::OVERRIDE;
    for (kind, flags, target) in
        [(kind::NEIGHBOR_SOLICITATION, 0, own), (kind::NEIGHBOR_ADVERTISEMENT, flags, host)]
    {
        node.receive(0, eui64(9), false, &neighbor(kind, flags, host, own, target, eui64(9)));
        assert!(node.engine.neighbours.is_registered(&host), "{kind}");
        assert_eq!(node.engine.neighbours.link_address(&host), Some(eui64(2)), "{kind}");
    }
}

/// RFC 6775 §6.5, §8.2: a request with a status is ignored, and of several that try at once the first is answered first.
#[test]
fn a_request_with_a_status_or_for_what_another_is_trying_is_ignored() {
    let multihop = Config { multihop_dad: true, ..config(eui64(1), Medium::Ieee802154, Role::Router) };
    let mut node = Node::with(multihop);
    let own = node.engine.link_local();
    let mut body = [0; 64];
    let mut out = Writer::new(&mut body);
    let host = eui64(2).link_local();
    Neighbor { flags: 0, target: host }.emit(&mut out).unwrap();
    nd::put_link_layer_address(false, &eui64(2), &mut out).unwrap();
    let rovr = eui64(2).bytes().0;
    let registration =
        Registration { status: 1, opaque: 0, reachability: true, tid: Some(1), lifetime: 9, rovr: &rovr };
    NdOption::Registration(registration).emit(&mut out).unwrap();
    let message = icmp(host, own, kind::NEIGHBOR_SOLICITATION, 0, out.written());
    node.receive(0, eui64(2), false, &packet(host, own, 58, 255, &message));
    assert!(node.out.packets.is_empty() && node.engine.neighbours.find(&host).is_none());
    add(&mut node, "fd00::2");
    node.engine.set_authority(ip("fd00::1"), 1);
    for rovr in [4, 5] {
        assert_eq!(register(&mut node, rovr, ip("fd00::aa"), Some(240), 10), 0xff);
    }
    assert_eq!(node.engine.neighbours.find(&ip("fd00::aa")).unwrap().claim.rovr, eui64(4).bytes().0);
}

/// RFC 6775 §5.5.2: an answer to somebody else, or to the end of a registration, is none to a registration.
#[test]
fn a_host_heeds_no_answer_but_to_its_own_registration() {
    let mut host = Node::lowpan(2, Role::Host);
    host.receive(0, eui64(1), true, &advertisement(&|out| NdOption::Capability(2).emit(out).unwrap()));
    host.poll(0);
    let asked = registrations(&mut host)[0];
    answer(&mut host, 0, (asked.0, asked.1, 0), 0);
    let link = core::mem::replace(&mut host.link, eui64(3));
    answer(&mut host, 0, asked, 1);
    host.link = link;
    assert!(host.took().iter().all(|seen| !matches!(seen, Seen::Duplicate(_))));
    // It asks again, as nothing was answered.
    host.poll(1000);
    assert_eq!(registrations(&mut host), [asked]);
}

/// RFC 6775 §8.2.4, RFC 8505 §4.2, §6.3: what a border router answers, and what it keeps.
#[test]
fn the_registry_heeds_transaction_ids_lifetimes_and_lengths() {
    let mut node = Node::lowpan(1, Role::BorderRouter);
    let ask = |node: &mut Node, code: u8, tid: u8, lifetime: u8| {
        let (router, own) = (eui64(3).link_local(), node.engine.link_local());
        let mut body = vec![0, tid, 0, lifetime];
        for _ in 0..code.max(1) {
            body.extend(eui64(2).bytes().0);
        }
        body.extend(ip("fd00::aa").0);
        let message = icmp(router, own, kind::DUPLICATE_ADDRESS_REQUEST, code, &body);
        node.receive(0, eui64(3), false, &packet(router, own, 58, 60, &message));
        let status = node.out.packets.pop().map(|(_, bytes)| bytes[44]);
        (status, node.engine.registered())
    };
    assert_eq!(ask(&mut node, 1, 240, 0), (Some(0), 0), "nothing to end");
    assert_eq!(ask(&mut node, 2, 240, 9), (None, 0), "an owner of 128 bits");
    assert_eq!(node.engine.statistics().malformed, 0);
    assert_eq!(ask(&mut node, 1, 240, 9), (Some(0), 1));
    assert_eq!(ask(&mut node, 1, 239, 9), (Some(3), 1), "older");
    assert_eq!(ask(&mut node, 0, 0, 9), (Some(3), 1), "without a transaction ID");
}

/// RFC 6775 §4.3: a valid lifetime of zero stands for 10,000 minutes.
#[test]
fn a_border_router_without_lifetime_is_known_for_10000_minutes() {
    for (minutes, until) in [(0, 600_000_000), (7, 420_000)] {
        let mut router = Node::lowpan(2, Role::Router);
        let authority =
            nd::Authoritative { version: 1, valid_lifetime: minutes, border_router: ip("fd00::1") };
        let message = advertisement(&|out| NdOption::Authoritative(authority).emit(out).unwrap());
        router.receive(0, eui64(1), true, &message);
        assert_eq!(router.engine.border_routers().next().map(|border| border.until), Some(Instant(until)));
    }
}
