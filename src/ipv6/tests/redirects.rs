// SPDX-License-Identifier: MIT OR Apache-2.0
//! Redirects (RFC 4861 §8) and the MTU of advertisements on Ethernet-like links.

use super::*;

const FAR: &str = "2001:db8:9::1";

fn ethernet(number: u8) -> LinkAddress {
    LinkAddress::Ethernet([2, 0, 0, 0, 0, number])
}

fn global(number: u16) -> Ip {
    Ip::v6([0x2001, 0xdb8, 0, 0, 0, 0xff, 0xfe00, number])
}

fn ready(mut config: Config) -> Node {
    config.held = 1500;
    config.packet = 1500;
    let mut node = [Node::with(config)];
    node[0].out.mtu = 1500;
    run(&mut node, 0, 3000);
    let [mut node] = node;
    node.out.packets.clear();
    node
}

/// What router 1 advertises: itself, and what else `options` say.
fn advertise(node: &mut Node, now: u64, router: u8, options: &[NdOption<'_>]) {
    let source = ethernet(router).link_local();
    let mut body = [0; 200];
    let mut out = Writer::new(&mut body);
    let advertisement = RouterAdvertisement { router_lifetime: 1800, ..RouterAdvertisement::default() };
    advertisement.emit(&mut out).unwrap();
    NdOption::SourceLinkLayer(&[2, 0, 0, 0, 0, router]).emit(&mut out).unwrap();
    for option in options {
        option.emit(&mut out).unwrap();
    }
    let message = icmp(source, ip("ff02::1"), kind::ROUTER_ADVERTISEMENT, 0, out.written());
    node.receive(now, ethernet(router), true, &packet(source, ip("ff02::1"), 58, 255, &message));
}

/// A host with an address of 2001:db8::/64, which is on the link, and router 1.
fn host() -> Node {
    let config = config(ethernet(2), Medium::Ethernet, Role::Host);
    let mut host = ready(config);
    let prefix = nd::PrefixInformation {
        prefix_len: 64,
        flags: nd::PrefixInformation::AUTONOMOUS | nd::PrefixInformation::ON_LINK,
        valid_lifetime: 86_400,
        preferred_lifetime: 86_400,
        prefix: ip("2001:db8::"),
    };
    advertise(&mut host, 3000, 1, &[NdOption::Prefix(prefix)]);
    let mut host = [host];
    run(&mut host, 3000, 6000);
    let [mut host] = host;
    host.took();
    host.out.packets.clear();
    host
}

/// A redirect from a router, as its fields say.
struct Given {
    router: Ip,
    hop_limit: u8,
    code: u8,
    target: Ip,
    destination: Ip,
    rest: Vec<u8>,
}

impl Given {
    /// A valid one to router 3, with its link address.
    fn one() -> Given {
        Given {
            router: ethernet(1).link_local(),
            hop_limit: 255,
            code: 0,
            target: ethernet(3).link_local(),
            destination: ip(FAR),
            rest: vec![2, 1, 2, 0, 0, 0, 0, 3],
        }
    }

    fn give(self, host: &mut Node, now: u64) {
        let mut body = vec![0; 4];
        body.extend(self.target.0);
        body.extend(self.destination.0);
        body.extend(self.rest);
        let own = global(2);
        let message = icmp(self.router, own, kind::REDIRECT, self.code, &body);
        host.receive(now, ethernet(1), false, &packet(self.router, own, 58, self.hop_limit, &message));
    }
}

/// To whom a ping goes, once it leaves.
fn first_hop(host: &mut Node, now: u64, to: Ip) -> Option<LinkDestination> {
    host.out.packets.clear();
    host.ping(now, to, 1).unwrap();
    let is_ping = |(_, bytes): &&(LinkDestination, Vec<u8>)| bytes[40] == kind::ECHO_REQUEST;
    host.out.packets.iter().find(is_ping).map(|(to, _)| *to)
}

/// RFC 4861 §8.3: the destination is reached by the target from then on, and no other is.
#[test]
fn a_host_follows_a_redirect() {
    let mut host = host();
    let (one, three) = (LinkDestination::Unicast(ethernet(1)), LinkDestination::Unicast(ethernet(3)));
    assert_eq!(first_hop(&mut host, 6000, ip(FAR)), Some(one));
    Given::one().give(&mut host, 6000);
    assert_eq!(first_hop(&mut host, 6000, ip(FAR)), Some(three));
    assert_eq!(first_hop(&mut host, 6000, ip("2001:db8:9::2")), Some(one));
    let entry = host.engine.neighbours.find(&ethernet(3).link_local()).unwrap();
    assert!(entry.router);
    // Router 1 is no longer the first hop: it has no say. Router 3 has, and says that the destination is here.
    Given { target: ethernet(4).link_local(), ..Given::one() }.give(&mut host, 6000);
    assert_eq!(first_hop(&mut host, 6000, ip(FAR)), Some(three));
    let rest = vec![2, 1, 2, 0, 0, 0, 0, 9];
    Given { router: ethernet(3).link_local(), target: ip(FAR), rest, ..Given::one() }.give(&mut host, 6000);
    assert_eq!(first_hop(&mut host, 6000, ip(FAR)), Some(LinkDestination::Unicast(ethernet(9))));
    assert!(!host.engine.neighbours.find(&ip(FAR)).unwrap().router);
}

/// RFC 4861 §8.1.
#[test]
fn a_redirect_that_breaks_a_rule_is_discarded() {
    let mut host = host();
    let one = Given::one;
    let bad = [
        Given { router: global(1), ..one() },
        Given { router: ethernet(5).link_local(), ..one() },
        Given { hop_limit: 254, ..one() },
        Given { code: 1, ..one() },
        Given { destination: ip("ff0e::1"), ..one() },
        Given { destination: ethernet(7).link_local(), ..one() },
        // On the link already, its first hop is no router.
        Given { destination: global(7), ..one() },
        Given { target: ip("2001:db8:9::7"), ..one() },
        Given { target: ip("ff02::3"), ..one() },
        Given { target: host.engine.link_local(), ..one() },
        Given { rest: vec![2, 0, 2, 0, 0, 0, 0, 3], ..one() },
        Given { rest: vec![2, 1, 2, 0, 0], ..one() },
    ];
    for (number, redirect) in bad.into_iter().enumerate() {
        let destination = redirect.destination;
        redirect.give(&mut host, 6000);
        let usual = LinkDestination::Unicast(ethernet(1));
        assert_eq!(first_hop(&mut host, 6000, ip(FAR)), Some(usual), "{number}");
        assert_eq!(host.engine.redirected(&destination), None, "{number}");
        assert!(host.engine.neighbours.find(&ethernet(3).link_local()).is_none(), "{number}");
    }
    // Cut short.
    let own = global(2);
    let message = icmp(ethernet(1).link_local(), own, kind::REDIRECT, 0, &[0; 35]);
    host.receive(6000, ethernet(1), false, &packet(ethernet(1).link_local(), own, 58, 255, &message));
    // Options that mean nothing here are no reason to discard it.
    Given { rest: vec![1, 1, 2, 0, 0, 0, 0, 9, 77, 1, 0, 0, 0, 0, 0, 0], ..one() }.give(&mut host, 6000);
    assert_eq!(host.engine.redirected(&ip(FAR)), Some(&ethernet(3).link_local()));
    assert_eq!(first_hop(&mut host, 6000, ip(FAR)), None, "its link address is asked for");
}

/// However many there are, the newest are followed.
#[test]
fn redirects_beyond_their_number_take_the_place_of_the_oldest() {
    let mut host = host();
    let far = |number: u16| Ip::v6([0x2001, 0xdb8, 9, 0, 0, 0, 0, number]);
    for number in [1, 2, 3, 1, 4, 5] {
        // From who is the first hop now, be it by a redirect.
        let router = if host.engine.redirected(&far(number)).is_some() { 3 } else { 1 };
        Given { router: ethernet(router).link_local(), destination: far(number), ..Given::one() }
            .give(&mut host, 6000);
    }
    let followed: Vec<u16> =
        (1..=5).filter(|number| host.engine.redirected(&far(*number)).is_some()).collect();
    assert_eq!(followed, [1, 3, 4, 5]);
}

/// RFC 4861 §7.3.3, §6.3.5: with a target that does not answer, or is a router no more, the next hop is found anew.
#[test]
fn a_redirect_goes_with_its_target() {
    let one = Some(LinkDestination::Unicast(ethernet(1)));
    let mut lost = host();
    Given { rest: Vec::new(), ..Given::one() }.give(&mut lost, 6000);
    assert_eq!(first_hop(&mut lost, 6000, ip(FAR)), None);
    let mut nodes = [lost];
    run(&mut nodes, 6000, 20_000);
    assert_eq!(first_hop(&mut nodes[0], 20_000, ip(FAR)), one);
    // It says that it is a host.
    let mut resigned = host();
    Given::one().give(&mut resigned, 6000);
    let source = ethernet(3).link_local();
    let mut body = vec![Neighbor::OVERRIDE, 0, 0, 0];
    body.extend(source.0);
    body.extend([2, 1, 2, 0, 0, 0, 0, 3]);
    let message = icmp(source, ip("ff02::1"), kind::NEIGHBOR_ADVERTISEMENT, 0, &body);
    resigned.receive(6000, ethernet(3), true, &packet(source, ip("ff02::1"), 58, 255, &message));
    assert_eq!(first_hop(&mut resigned, 6000, ip(FAR)), one);
    // It is on the list of routers, and its time ends.
    let mut expired = host();
    advertise(&mut expired, 6000, 3, &[]);
    Given::one().give(&mut expired, 6000);
    advertise(&mut expired, 1_000_000, 1, &[]);
    for now in [1_000_000, 1_806_000] {
        expired.poll(now);
    }
    assert_eq!(first_hop(&mut expired, 1_806_000, ip(FAR)), one);
}

/// RFC 4861 §8.2: a router's routes are not changed by a redirect.
#[test]
fn a_router_follows_no_redirect() {
    let mut router = host();
    Given::one().give(&mut router, 6000);
    router.engine.set_role(Role::Router);
    assert_eq!(router.engine.redirected(&ip(FAR)), None);
    Given { destination: ip("2001:db8:9::2"), ..Given::one() }.give(&mut router, 6000);
    router.engine.set_role(Role::Host);
    assert_eq!(router.engine.redirected(&ip("2001:db8:9::2")), None);
}

/// A router with the on-link prefix 2001:db8::/64 that knows a way to 2001:db8:9::1 by router 3.
fn router() -> Node {
    let mut router = ready(config(ethernet(1), Medium::Ethernet, Role::Router));
    let now = Instant(3000);
    router.engine.add_address(now, global(1), 64, Instant::NEVER, Instant::NEVER).unwrap();
    router.engine.advertise_prefix(now, ip("2001:db8::"), 64, Instant::NEVER, Instant::NEVER).unwrap();
    let way = Route::on_link(ethernet(3).link_local(), LinkAddress::None);
    router.routing = Box::new(Fixed { routes: vec![(ip(FAR), Ok(way))], ..Fixed::default() });
    let mut router = [router];
    run(&mut router, 3000, 6000);
    let [mut router] = router;
    for number in [2, 3] {
        let neighbour = ethernet(number);
        router.engine.note_neighbour(Instant(6000), &neighbour.link_local(), neighbour, number == 3).unwrap();
    }
    router.out.packets.clear();
    router
}

/// The redirects in the outbox: to whom, target, destination, and the options.
fn redirects(node: &mut Node) -> Vec<(LinkDestination, nd::Redirect, Vec<u8>)> {
    let mut found = Vec::new();
    for (to, bytes) in core::mem::take(&mut node.out.packets) {
        let (header, payload) = Header::parse(&bytes).unwrap();
        if payload[0] == kind::REDIRECT {
            let message = Icmpv6::parse(&header.source, &header.destination, payload).unwrap();
            assert_eq!((header.hop_limit, message.code), (255, 0));
            assert_eq!((header.source, header.destination), (ethernet(1).link_local(), global(2)));
            assert!(bytes.len() <= 1280);
            let (redirect, options) = nd::Redirect::parse(message.body).unwrap();
            assert!(options.are_valid());
            found.push((to, redirect, message.body[36..].to_vec()));
        }
    }
    found
}

/// RFC 4861 §8.2.
#[test]
fn a_router_tells_of_a_better_first_hop() {
    let mut router = router();
    let sent = echo_request(global(2), ip(FAR), 64);
    router.receive(6000, ethernet(2), false, &sent);
    let [(to, redirect, options)] = &redirects(&mut router)[..] else { panic!() };
    assert_eq!(*to, LinkDestination::Unicast(ethernet(2)));
    let expected = nd::Redirect { target: ethernet(3).link_local(), destination: ip(FAR) };
    assert_eq!(*redirect, expected);
    let mut options = nd::Options::new(options);
    assert_eq!(options.next(), Some(Ok(NdOption::TargetLinkLayer(&[2, 0, 0, 0, 0, 3]))));
    let Some(Ok(NdOption::Redirected(inner))) = options.next() else { panic!() };
    assert_eq!((inner.len(), &inner[8..]), (sent.len() & !7, &sent[8..sent.len() & !7]));
    // As much of a large one as a packet of 1280 bytes holds.
    router.receive(6000, ethernet(2), false, &packet(global(2), ip(FAR), 17, 64, &[0; 1400]));
    let [(_, _, options)] = &redirects(&mut router)[..] else { panic!() };
    assert_eq!(options.len(), 1280 - 40 - 4 - 36);
    // A neighbour of the sender is reached by itself; where it is is told when it is known.
    router.receive(6000, ethernet(2), false, &echo_request(global(2), global(7), 64));
    let [(_, redirect, options)] = &redirects(&mut router)[..] else { panic!() };
    assert_eq!(*redirect, nd::Redirect { target: global(7), destination: global(7) });
    assert_eq!(options[0], 4);
}

#[test]
fn a_router_redirects_nobody_without_reason() {
    let mut router = router();
    let far = ip(FAR);
    // From afar; from a neighbour whose packet came by another; from the better hop itself.
    for (source, link) in [(ip("2001:db8:7::1"), 2), (global(2), 3)] {
        router.receive(6000, ethernet(link), false, &echo_request(source, far, 64));
        assert_eq!(redirects(&mut router).len(), 0, "{source:?}");
    }
    router.engine.note_neighbour(Instant(6000), &global(2), ethernet(2), false).unwrap();
    router.receive(6000, ethernet(4), false, &echo_request(global(2), far, 64));
    assert_eq!(redirects(&mut router).len(), 0);
    // To a next hop that is not known by its link-local address.
    let way = Route::on_link(global(3), LinkAddress::None);
    router.routing = Box::new(Fixed { routes: vec![(far, Ok(way))], ..Fixed::default() });
    router.receive(6000, ethernet(2), false, &echo_request(global(2), far, 64));
    assert_eq!(redirects(&mut router).len(), 0);
    // Nor does a host.
    router.engine.set_role(Role::Host);
    router.receive(6000, ethernet(2), false, &echo_request(global(2), far, 64));
    assert_eq!(router.out.packets.len(), 0);
}

/// RFC 4861 §8.2: the rate is limited, as that of errors is.
#[test]
fn redirects_are_limited_in_rate() {
    let mut router = router();
    for _ in 0..100 {
        router.receive(6000, ethernet(2), false, &echo_request(global(2), ip(FAR), 64));
    }
    assert_eq!(redirects(&mut router).len(), 10);
    assert_eq!(router.engine.statistics().forwarded, 100);
}

/// RFC 4861 §6.3.4: an MTU between 1280 and that of the link is taken over, and packets are no larger.
#[test]
fn the_mtu_that_a_router_advertises_is_taken_over() {
    let mut host = host();
    let largest = |host: &mut Node, size: usize| {
        let neighbour = global(3);
        host.engine.note_neighbour(Instant(6000), &neighbour, ethernet(3), false).unwrap();
        host.out.packets.clear();
        let data = vec![7; size - 48];
        let echo = Echo { identifier: 9, sequence: 1, data: &data };
        let sent = host.does(6000, |engine, cx| engine.ping(cx, &neighbour, None, &echo));
        let longest = host.out.packets.iter().map(|(_, bytes)| bytes.len()).max().unwrap_or(0);
        assert_eq!(sent.is_ok(), longest != 0);
        longest
    };
    assert_eq!(largest(&mut host, 1500), 1500);
    for (told, expected) in
        [(1400, 1400), (1279, 1400), (1501, 1400), (u32::MAX, 1400), (0, 1400), (1500, 1500), (1280, 1280)]
    {
        advertise(&mut host, 6000, 1, &[NdOption::Mtu(told)]);
        assert_eq!(largest(&mut host, expected), expected, "{told}");
        assert!(largest(&mut host, 1500).min(expected + 1) <= expected, "{told}");
    }
    // To others, and of errors, 1280 bytes are the most.
    advertise(&mut host, 6000, 1, &[NdOption::Mtu(1500)]);
    let data = [7; 1300];
    let echo = Echo { identifier: 9, sequence: 1, data: &data };
    let _ = host.does(6000, |engine, cx| engine.ping(cx, &ip(FAR), None, &echo));
    let unknown = packet(global(3), global(2), 200, 64, &[0; 1400]);
    host.receive(6000, ethernet(3), false, &unknown);
    let far = |bytes: &[u8]| bytes[24..40] == ip(FAR).0 || bytes[6] == 58 && bytes[40] < 128;
    let sizes: Vec<usize> =
        host.out.packets.iter().filter(|(_, bytes)| far(bytes)).map(|(_, bytes)| bytes.len()).collect();
    assert!(!sizes.is_empty() && sizes.iter().all(|size| *size <= 1280), "{sizes:?}");
}

/// RFC 4861 §6.2.1 AdvLinkMTU.
#[test]
fn a_router_advertises_the_mtu_that_it_is_told() {
    let mut router = router();
    let advertised = |router: &mut Node, now: u64| {
        router.out.packets.clear();
        for now in (now..now + 3500).step_by(100) {
            router.poll(now);
        }
        let mut packets = router.out.packets.iter();
        let (_, bytes) = packets.find(|(_, bytes)| bytes[40] == kind::ROUTER_ADVERTISEMENT).unwrap();
        let mut options = nd::Options::new(&bytes[40 + 16..]);
        options.find_map(|option| if let Ok(NdOption::Mtu(mtu)) = option { Some(mtu) } else { None })
    };
    assert_eq!(router.engine.advertise_mtu(Instant(6000), 1279), Err(Error::Invalid));
    let mut lowpan = Node::lowpan(1, Role::Router);
    assert_eq!(lowpan.engine.advertise_mtu(Instant(6000), 1280), Err(Error::Unsupported));
    for (now, mtu, expected) in [(10_000, 1400, Some(1400)), (20_000, 0, None)] {
        router.engine.advertise_mtu(Instant(now), mtu).unwrap();
        assert_eq!(advertised(&mut router, now), expected);
    }
    router.engine.advertise_mtu(Instant(30_000), 1400).unwrap();
    router.out.packets.clear();
    let sent = packet(global(2), ip(FAR), 17, 64, &[0; 1361]);
    router.engine.note_neighbour(Instant(30_000), &global(2), ethernet(2), false).unwrap();
    router.receive(30_000, ethernet(2), false, &sent);
    let too_big = |(_, bytes): &&(LinkDestination, Vec<u8>)| bytes[40] == kind::PACKET_TOO_BIG;
    let (_, bytes) = router.out.packets.iter().find(too_big).unwrap();
    assert_eq!(bytes[44..48], 1400u32.to_be_bytes());
}
