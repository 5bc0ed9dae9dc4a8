// SPDX-License-Identifier: MIT OR Apache-2.0
//! Multicast listener discovery on Ethernet-like links (RFC 3810, RFC 2710).

use super::*;
use addresses::solicited_node;

const IS_EX: u8 = 2;
const TO_IN: u8 = 3;
const TO_EX: u8 = 4;

fn ethernet(number: u8) -> LinkAddress {
    LinkAddress::Ethernet([2, 0, 0, 0, 0, number])
}

/// A message of a listener: type, source, destination, and the groups with the types of their records, 0 in MLDv1.
#[derive(Clone, Debug, PartialEq)]
struct Report {
    kind: u8,
    source: Ip,
    destination: Ip,
    records: Vec<(u8, Ip)>,
}

/// The messages of listeners in the outbox, which is empty then.
fn reports(node: &mut Node) -> Vec<Report> {
    let mut found = Vec::new();
    for (to, bytes) in core::mem::take(&mut node.out.packets) {
        if bytes[6] != protocol::HOP_BY_HOP {
            continue;
        }
        let (header, payload) = Header::parse(&bytes).unwrap();
        assert_eq!((header.hop_limit, to), (1, LinkDestination::Multicast(header.destination)));
        assert_eq!(payload[..8], [58, 0, 5, 2, 0, 0, 1, 0]);
        let message = Icmpv6::parse(&header.source, &header.destination, &payload[8..]).unwrap();
        assert_eq!((message.code, &message.body[..2]), (0, &[0, 0][..]));
        let record = |bytes: &[u8]| Ip(bytes.try_into().unwrap());
        let records = if message.kind == 143 {
            let count = u16::from_be_bytes([message.body[2], message.body[3]]);
            assert_eq!(message.body.len(), 4 + 20 * usize::from(count));
            let all = message.body[4..].chunks(20);
            all.map(|bytes| {
                assert_eq!(bytes[1..4], [0; 3]);
                (bytes[0], record(&bytes[4..]))
            })
            .collect()
        } else {
            assert_eq!(message.body[2..4], [0; 2]);
            vec![(0, record(&message.body[4..]))]
        };
        let Header { source, destination, .. } = header;
        found.push(Report { kind: message.kind, source, destination, records });
    }
    found
}

/// What a node says as a listener until then, and when.
fn said(node: &mut Node, from: u64, until: u64) -> Vec<(u64, Report)> {
    let mut all = reports(node).into_iter().map(|report| (from, report)).collect::<Vec<_>>();
    let mut now = from;
    while now <= until {
        node.poll(now);
        all.extend(reports(node).into_iter().map(|report| (now, report)));
        now = node.engine.next_deadline().0.max(now + 1);
    }
    all
}

/// A node that listens to the group of its address alone, and has said so.
fn settled(groups: u8) -> Node {
    let base = config(ethernet(2), Medium::Ethernet, Role::Host);
    let mut node = Node::with(Config { groups, headers: 128, ..base });
    said(&mut node, 0, 10_000);
    node
}

/// A query from router 1: of MLDv2 if it has anything behind the group.
struct Query<'a> {
    source: Ip,
    to: Ip,
    hop_limit: u8,
    alert: &'a [u8; 6],
    code: u16,
    group: Ip,
    rest: &'a [u8],
}

impl Query<'_> {
    fn general() -> Query<'static> {
        Query {
            source: ethernet(1).link_local(),
            to: ip("ff02::1"),
            hop_limit: 1,
            alert: &[5, 2, 0, 0, 1, 0],
            code: 10_000,
            group: Ip::UNSPECIFIED,
            rest: &[2, 125, 0, 0],
        }
    }

    fn about(group: Ip) -> Query<'static> {
        Query { to: group, group, code: 1000, ..Query::general() }
    }

    fn give(&self, node: &mut Node, now: u64) {
        let mut body = self.code.to_be_bytes().to_vec();
        body.extend([0, 0]);
        body.extend(self.group.0);
        body.extend(self.rest);
        let mut payload = vec![58, 0];
        payload.extend(self.alert);
        payload.extend(icmp(self.source, self.to, 130, 0, &body));
        let bytes = packet(self.source, self.to, protocol::HOP_BY_HOP, self.hop_limit, &payload);
        node.receive(now, ethernet(1), true, &bytes);
    }
}

/// RFC 4862 §5.4.2, RFC 3590 §4, RFC 3810 §6.1: the group of an address is reported before the address is asked for, from
/// nobody; and all once more when there is an address that routers heed.
#[test]
fn groups_are_reported_as_soon_as_there_is_anything_to_say() {
    let mut node = Node::ethernet(2, Role::Host);
    let (own, joined) = (node.engine.link_local(), ip("ff02::1a"));
    node.engine.join_group(joined).unwrap();
    let mut order = Vec::new();
    let mut now = 0;
    while order.len() < 2 {
        node.poll(now);
        order.extend(node.out.packets.iter().map(|(_, bytes)| (now, bytes[6])));
        now = node.engine.next_deadline().0.max(now + 1);
    }
    // Both at once, the report first.
    assert_eq!(order, [(order[0].0, 0), (order[0].0, 58)]);
    assert!(order[0].0 <= 1000);
    let mut all = reports(&mut node);
    let early = all.len();
    all.extend(said(&mut node, now, 20_000).into_iter().map(|(_, report)| report));
    let records = vec![(TO_EX, solicited_node(&own)), (TO_EX, joined)];
    let report = |source| Report { kind: 143, source, destination: ip("ff02::16"), records: records.clone() };
    assert_eq!(early, 1);
    let (anonymous, known): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|report| report.source == Ip::UNSPECIFIED);
    assert!(
        (1..=2).contains(&anonymous.len()) && anonymous.iter().all(|told| *told == report(Ip::UNSPECIFIED))
    );
    assert_eq!(known, [report(own), report(own)]);
}

/// RFC 3810 §6.1, §6: what changes is reported at once and once more within a second, but for groups that all nodes listen
/// to and those within the node.
#[test]
fn joining_and_leaving_are_reported_twice() {
    let mut node = settled(4);
    let group = ip("ff02::1a");
    for silent in ["ff01::7", "ff02::1"] {
        node.engine.join_group(ip(silent)).unwrap();
        assert_eq!(said(&mut node, 20_000, 30_000), []);
    }
    let twice = |said: &[(u64, Report)], from: u64, expected: &[(u8, Ip)]| {
        let [(first, one), (second, two)] = said else { panic!("{said:?}") };
        assert!(*first == from && (from + 1..=from + 1000).contains(second), "{said:?}");
        assert_eq!((&one.records[..], one), (expected, two));
    };
    node.engine.join_group(group).unwrap();
    assert_eq!(node.engine.next_deadline(), Instant::ZERO);
    twice(&said(&mut node, 40_000, 50_000), 40_000, &[(TO_EX, group)]);
    node.engine.leave_group(&group);
    assert_eq!(node.engine.next_deadline(), Instant::ZERO);
    twice(&said(&mut node, 50_000, 60_000), 50_000, &[(TO_IN, group)]);
    // Changed anew before all is said: the newest is what counts.
    node.engine.join_group(group).unwrap();
    node.poll(60_000);
    node.engine.leave_group(&group);
    node.out.packets.clear();
    twice(&said(&mut node, 60_000, 70_000), 60_000, &[(TO_IN, group)]);
    node.engine.join_group(group).unwrap();
    twice(&said(&mut node, 70_000, 80_000), 70_000, &[(TO_EX, group)]);
    // The address goes, and its group with it.
    let other = ip("2001:db8::77:7777");
    node.engine.add_address(Instant(80_000), other, 64, Instant::NEVER, Instant::NEVER).unwrap();
    let told = said(&mut node, 80_000, 90_000);
    twice(&told, told[0].0, &[(TO_EX, solicited_node(&other))]);
    node.does(90_000, |engine, cx| engine.remove_address(cx, &other)).unwrap();
    twice(&said(&mut node, 90_000, 99_000), 90_000, &[(TO_IN, solicited_node(&other))]);
}

/// RFC 3810 §6.2, §6.3, §5.1.15.
#[test]
fn queries_are_answered_after_a_random_while() {
    let mut node = settled(4);
    let (own, group) = (solicited_node(&node.engine.link_local()), ip("ff02::1a"));
    node.engine.join_group(group).unwrap();
    said(&mut node, 10_000, 20_000);
    let mut waits = Vec::new();
    for round in 0..10 {
        let now = 20_000 * (round + 1);
        Query::general().give(&mut node, now);
        let told = said(&mut node, now, now + 19_000);
        let [(at, report)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(report.records, [(IS_EX, own), (IS_EX, group)]);
        assert!((1..=10_000).contains(&(at - now)), "{told:?}");
        waits.push(at - now);
    }
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 5);
    let now = 1_000_000;
    // Two that are answered in one go.
    Query::general().give(&mut node, now);
    Query { code: 0, ..Query::general() }.give(&mut node, now);
    let told = said(&mut node, now, now + 19_000);
    assert!(told.len() == 1 && told[0].0 <= now + 1, "{told:?}");
    Query::about(group).give(&mut node, now + 20_000);
    let told = said(&mut node, now + 20_000, now + 39_000);
    assert!(told.len() == 1 && told[0].1.records == [(IS_EX, group)], "{told:?}");
    Query::about(ip("ff02::99")).give(&mut node, now + 40_000);
    let unicast = Query { to: node.engine.link_local(), code: 1, ..Query::about(group) };
    assert_eq!(said(&mut node, now + 40_000, now + 49_000), []);
    unicast.give(&mut node, now + 50_000);
    assert_eq!(said(&mut node, now + 50_000, now + 59_000).len(), 1);
    // What was left meanwhile is not told of as if it were there.
    Query::about(group).give(&mut node, now + 60_000);
    node.engine.leave_group(&group);
    let told = said(&mut node, now + 60_000, now + 69_000);
    assert!(told.iter().all(|(_, report)| report.records == [(TO_IN, group)]), "{told:?}");
}

/// RFC 3810 §6.2, §8.1.
#[test]
fn queries_that_break_a_rule_are_dropped() {
    let mut node = settled(4);
    let general = Query::general;
    let bad = [
        Query { source: ip("2001:db8::1"), ..general() },
        Query { source: Ip::UNSPECIFIED, ..general() },
        Query { hop_limit: 2, ..general() },
        Query { hop_limit: 255, ..general() },
        Query { alert: &[1, 4, 0, 0, 0, 0], ..general() },
        Query { rest: &[2, 125], ..general() },
        Query { rest: &[2], ..general() },
    ];
    for (number, query) in bad.iter().enumerate() {
        query.give(&mut node, 20_000);
        assert_eq!(said(&mut node, 20_000, 40_000), [], "{number}");
    }
    // Longer ones are taken (§5.1.11).
    Query { rest: &[2, 125, 0, 0, 1, 2, 3, 4], ..general() }.give(&mut node, 50_000);
    assert_eq!(said(&mut node, 50_000, 61_000).len(), 1);
}

/// RFC 3810 §5.1.3: the longest delays are written with an exponent.
#[test]
fn delays_over_half_a_minute_have_an_exponent() {
    let mut node = settled(4);
    let mut longest = 0;
    for round in 0..20 {
        let now = 10_000_000 * (round + 1);
        Query { code: 0xffff, ..Query::general() }.give(&mut node, now);
        let told = said(&mut node, now, now + 9_000_000);
        assert_eq!(told.len(), 1);
        longest = longest.max(told[0].0 - now);
    }
    assert!((4_000_000..=0x1fff << 10).contains(&longest), "{longest}");
    Query { code: 0x8000, ..Query::general() }.give(&mut node, 1_000_000_000);
    let told = said(&mut node, 1_000_000_000, 1_001_000_000);
    assert!(told[0].0 - 1_000_000_000 <= 0x1000 << 3);
}

/// RFC 3810 §8.2, RFC 2710 §4: routers that know MLDv1 alone are spoken to in that, until they have been silent for a while.
#[test]
fn older_routers_are_answered_in_their_version() {
    let mut node = settled(4);
    let (own, group) = (solicited_node(&node.engine.link_local()), ip("ff02::1a"));
    node.engine.join_group(group).unwrap();
    said(&mut node, 10_000, 20_000);
    let older = Query { rest: &[], ..Query::general() };
    older.give(&mut node, 20_000);
    let told = said(&mut node, 20_000, 40_000);
    let mut seen: Vec<_> =
        told.iter().map(|(_, report)| (report.kind, report.destination, report.records[0].1)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(131, group, group), (131, own, own)]);
    assert!(told.iter().all(|(at, _)| (20_001..=30_000).contains(at)));
    // Another has answered for the group.
    older.give(&mut node, 50_000);
    let other = ethernet(3).link_local();
    let mut body = vec![0; 4];
    body.extend(group.0);
    let mut payload = vec![58, 0, 5, 2, 0, 0, 1, 0];
    payload.extend(icmp(other, group, 131, 0, &body));
    let report = packet(other, group, protocol::HOP_BY_HOP, 1, &payload);
    node.receive(50_000, ethernet(3), true, &report);
    let told = said(&mut node, 50_000, 70_000);
    assert!(told.len() == 1 && told[0].1.destination == own, "{told:?}");
    // Leaving is told to the routers.
    node.engine.leave_group(&group);
    let told = said(&mut node, 70_000, 80_000);
    let done = Report {
        kind: 132,
        source: node.engine.link_local(),
        destination: ip("ff02::2"),
        records: vec![(0, group)],
    };
    assert!(told.len() == 2 && told.iter().all(|(_, report)| *report == done), "{told:?}");
    // A query of the newer version does not change it; silence does.
    Query::general().give(&mut node, 100_000);
    assert_eq!(said(&mut node, 100_000, 120_000)[0].1.kind, 131);
    let until = 50_000 + 260_000;
    Query::general().give(&mut node, until);
    assert_eq!(said(&mut node, until, until + 20_000)[0].1.kind, 143);
    // What another reports then is of no interest.
    node.engine.join_group(group).unwrap();
    said(&mut node, until + 20_000, until + 30_000);
    Query::about(group).give(&mut node, until + 30_000);
    node.receive(until + 30_000, ethernet(3), true, &report);
    assert_eq!(said(&mut node, until + 30_000, until + 40_000).len(), 1);
}

/// RFC 3810 §5.2.15: in as many messages as it takes, each group once.
#[test]
fn more_groups_than_a_message_holds_are_reported_in_several() {
    let mut node = settled(10);
    for number in 0..10 {
        node.engine.join_group(Ip::v6([0xff02, 0, 0, 0, 0, 0, 7, number])).unwrap();
    }
    let told = said(&mut node, 20_000, 30_000);
    assert_eq!(told.len(), 8);
    let mut groups: Vec<_> = told[..4].iter().flat_map(|(_, report)| report.records.clone()).collect();
    groups.sort_unstable();
    groups.dedup();
    assert_eq!(groups.len(), 10);
    // All of them change at once: those that are there now are reported, whatever else.
    for number in 0..10 {
        node.engine.leave_group(&Ip::v6([0xff02, 0, 0, 0, 0, 0, 7, number]));
        node.engine.join_group(Ip::v6([0xff02, 0, 0, 0, 0, 0, 8, number])).unwrap();
    }
    let told = said(&mut node, 30_000, 40_000);
    let new = told.iter().flat_map(|(_, report)| &report.records).filter(|(kind, _)| *kind == TO_EX).count();
    assert_eq!(new, 20);
}

/// A router listens to the groups of routers, a host no more.
#[test]
fn routers_report_their_groups() {
    let mut node = settled(4);
    node.engine.set_role(Role::Router);
    let groups = [ip("ff02::2"), ip("ff05::2")];
    let told = said(&mut node, 20_000, 30_000);
    assert_eq!(told[0].1.records, groups.map(|group| (TO_EX, group)));
    node.engine.set_role(Role::Host);
    let told = said(&mut node, 30_000, 40_000);
    assert_eq!(told[0].1.records, groups.map(|group| (TO_IN, group)));
}

/// RFC 4862 §5.4.5: without its link-local address an interface is silent; and on IEEE 802.15.4 nobody is told.
#[test]
fn nobody_is_told_without_an_address_nor_on_ieee_802_15_4() {
    let mut node = Node::ethernet(2, Role::Host);
    node.poll(0);
    let own = node.engine.link_local();
    let mut body = vec![0; 4];
    body.extend(own.0);
    let message = icmp(Ip::UNSPECIFIED, solicited_node(&own), kind::NEIGHBOR_SOLICITATION, 0, &body);
    let probe = packet(Ip::UNSPECIFIED, solicited_node(&own), 58, 255, &message);
    node.receive(0, ethernet(9), true, &probe);
    assert_eq!(node.took(), [Seen::Duplicate(own)]);
    node.engine.join_group(ip("ff02::1a")).unwrap();
    Query::general().give(&mut node, 10);
    assert_eq!(said(&mut node, 10, 20_000), []);
    let mut node = Node::lowpan(2, Role::Router);
    node.engine.join_group(ip("ff02::1a")).unwrap();
    Query::general().give(&mut node, 10);
    assert_eq!(said(&mut node, 10, 20_000), []);
}
