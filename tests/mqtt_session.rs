// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nothing acknowledged is lost: connections cut at every byte, power lost between any two
//! writes of the store, store calls that fail, restarts.

mod mqtt_support;

use mote::mqtt::wire::{Packet, PacketType, Side, Version};
use mote::mqtt::{Config, Properties, Property, Publication};
use mote::status::Error;
use mote::time::Instant;
use mote::transport::StreamEvent;
use mqtt_support::*;

fn persistent(version: Version) -> Config<'static> {
    Config { queue_bytes: 4096, republish: false, ..config(version) }
}

/// Moves bytes both ways until nothing moves; `false` when the limit of bytes in either
/// direction was reached, after which the connection is to break.
fn exchange(rig: &mut Rig, broker: &mut Broker, up: &mut usize, down: &mut usize) -> bool {
    loop {
        rig.poll();
        let mut bytes = std::mem::take(&mut rig.wire.out);
        let idle = bytes.is_empty();
        bytes.truncate(*up);
        *up -= bytes.len();
        broker.input(&bytes);
        broker.pump();
        let mut bytes = std::mem::take(&mut broker.out);
        let idle = idle && bytes.is_empty();
        bytes.truncate(*down);
        *down -= bytes.len();
        if rig.wire.open {
            rig.feed(&bytes);
        }
        if *up == 0 || *down == 0 || !rig.wire.open {
            return false;
        }
        if idle {
            return true;
        }
    }
}

/// Connects, exchanging at most so many bytes either way; the connection is cut then.
fn session(rig: &mut Rig, broker: &mut Broker, mut up: usize, mut down: usize) -> bool {
    if rig.client.is_idle() && rig.with(|client, cx| client.connect(cx)).is_err() {
        return false;
    }
    rig.poll();
    for _ in 0..10 {
        if rig.wire.open {
            break;
        }
        rig.until_due();
    }
    rig.tell(StreamEvent::Connected);
    let done = exchange(rig, broker, &mut up, &mut down);
    if !done {
        broker.lose_connection();
        rig.inlet.clear();
        rig.tell(StreamEvent::Failed(Error::Reset));
        rig.wire.out.clear();
    }
    done
}

const UP: [(u8, &[u8]); 5] = [(1, b"u1"), (2, b"u2"), (2, b"u3"), (1, b"u4"), (2, b"u5")];
const DOWN: [(u8, &[u8]); 4] = [(2, b"d1"), (1, b"d2"), (2, b"d3"), (2, b"d4")];

fn check(rig: &Rig, taken: &[Vec<u8>], got: &[Vec<u8>], context: &str) {
    for (list, expected) in [(taken, &UP[..]), (got, &DOWN[..])] {
        let mut first = Vec::new();
        for (qos, payload) in expected {
            let count = list.iter().filter(|item| item == payload).count();
            assert!(count >= 1 && (*qos == 1 || count == 1), "{context}: {payload:?} came {count} times");
            first.push(list.iter().position(|item| item == payload).unwrap());
        }
        assert!(first.is_sorted(), "{context}: order {list:?}");
    }
    assert_eq!(rig.client.pending(), 0, "{context}");
}

#[test]
fn a_connection_cut_at_every_byte_loses_nothing_and_doubles_no_qos_2() {
    for version in BOTH {
        let run = |up: usize, down: usize| {
            let mut rig = Rig::new(persistent(version));
            let mut broker = Broker::new(version);
            for (qos, payload) in UP {
                rig.publish("up", qos, payload);
            }
            for (qos, payload) in DOWN {
                broker.queue(qos, payload);
            }
            let whole = session(&mut rig, &mut broker, up, down);
            for _ in 0..5 {
                if whole || session(&mut rig, &mut broker, usize::MAX, usize::MAX) {
                    break;
                }
            }
            assert!(broker.is_done(), "{up} {down}");
            // Whatever was published has ended exactly once.
            let ends = rig.seen.iter().filter(|seen| matches!(seen, Seen::Ended { error: None, .. }));
            assert_eq!(ends.count(), UP.len());
            check(&rig, &broker.taken, &rig.messages(), &format!("cut at {up}/{down}"));
            whole
        };
        // The first connection has to make a session, or there is none to be resumed.
        let mut both = 0;
        for cut in 40..2000 {
            let up = run(cut, usize::MAX);
            let down = run(usize::MAX, cut - 36);
            both += 1;
            if up && down {
                break;
            }
        }
        assert!(both > 50);
    }
}

/// Runs until power fails at a change of the store, restarts from what the store holds, and
/// goes on.
fn power_failure(version: Version, at: usize) -> bool {
    let store = Memory { power_fails_at: Some(at), ..Memory::default() };
    let mut rig = Rig::with_store(persistent(version), store);
    let mut broker = Broker::new(version);
    broker.session = true;
    for (qos, payload) in DOWN {
        broker.queue(qos, payload);
    }
    let mut published = Vec::new();
    let mut failed = session(&mut rig, &mut broker, usize::MAX, usize::MAX);
    for (qos, payload) in UP {
        match rig.try_publish("up", qos, payload) {
            Ok(_) => published.push(payload.to_vec()),
            Err(_) => break,
        }
        let (mut up, mut down) = (usize::MAX, usize::MAX);
        failed = exchange(&mut rig, &mut broker, &mut up, &mut down);
    }
    let dead = rig.store.as_ref().unwrap().is_dead();
    // What the application had, and what was told to it before the failure, is final.
    let mut got = rig.messages();
    let told = rig.seen.iter().filter(|seen| matches!(seen, Seen::Ended { error: None, .. })).count();
    if dead {
        let memory = Memory { records: rig.store.unwrap().records, ..Memory::default() };
        broker.lose_connection();
        rig = Rig::with_store(persistent(version), memory);
        assert!(session(&mut rig, &mut broker, usize::MAX, usize::MAX), "{at}");
        // The application goes on with what it was not told to be taken.
        for (qos, payload) in UP {
            if !published.contains(&payload.to_vec()) {
                rig.try_publish("up", qos, payload).unwrap();
            }
        }
        let (mut up, mut down) = (usize::MAX, usize::MAX);
        assert!(exchange(&mut rig, &mut broker, &mut up, &mut down));
        let again = rig.messages();
        // A message whose record was the one that could not be written comes again: the
        // application had it, but nothing says so. All others come once.
        let doubled: Vec<_> = again.iter().filter(|message| got.contains(message)).collect();
        assert!(doubled.len() <= 4, "{at}: {doubled:?}");
        let fresh: Vec<_> = again.iter().filter(|message| !got.contains(message)).cloned().collect();
        got.extend(fresh);
    } else {
        assert!(failed);
        assert_eq!(told, UP.len());
    }
    assert!(broker.is_done(), "power failed at {at}");
    check(&rig, &broker.taken, &got, &format!("power failed at {at}"));
    let records = &rig.store.unwrap().records;
    assert_eq!(records.len(), 1, "only the session is left: {records:?}");
    dead
}

#[test]
fn power_lost_between_any_two_writes_of_the_store_loses_nothing() {
    for version in BOTH {
        let mut at = 0;
        while power_failure(version, at) {
            at += 1;
        }
        assert!(at > 15, "only {at} changes of the store");
    }
}

#[test]
fn the_nth_store_call_fails_and_nothing_is_lost() {
    for version in BOTH {
        for at in 0.. {
            let store = Memory { fails_at: Some(at), ..Memory::default() };
            let mut rig = Rig::with_store(persistent(version), store);
            let mut broker = Broker::new(version);
            broker.session = true;
            for (qos, payload) in DOWN {
                broker.queue(qos, payload);
            }
            let mut waiting: Vec<_> = UP.to_vec();
            waiting.reverse();
            for _ in 0..20 {
                while let Some((qos, payload)) = waiting.pop() {
                    if rig.try_publish("up", qos, payload).is_err() {
                        // The application was told; it tries again.
                        waiting.push((qos, payload));
                        break;
                    }
                }
                let done = if rig.wire.open {
                    exchange(&mut rig, &mut broker, &mut usize::MAX.clone(), &mut usize::MAX.clone())
                } else {
                    session(&mut rig, &mut broker, usize::MAX, usize::MAX)
                };
                if !rig.wire.open {
                    broker.lose_connection();
                }
                if done && waiting.is_empty() && broker.is_done() {
                    break;
                }
            }
            let context = format!("store call {at} failed");
            let mut got = rig.messages();
            got.dedup();
            check(&rig, &broker.taken, &got, &context);
            let store = rig.store.unwrap();
            assert!(store.records.len() <= 2, "{context}: {:?}", store.records);
            if store.changes <= at {
                assert!(at > 15);
                break;
            }
        }
    }
}

#[test]
fn a_message_is_in_the_store_before_it_is_sent() {
    let mut rig = Rig::with_store(persistent(Version::V5), Memory::default()).connected();
    let before = rig.store.as_ref().unwrap().changes;
    rig.store.as_mut().unwrap().fails_at = Some(before);
    assert_eq!(rig.try_publish("a", 1, b"x"), Err(Error::Io));
    assert!(rig.sent().is_empty());
    rig.publish("a", 0, b"qos 0 is not kept");
    assert_eq!(rig.store.as_ref().unwrap().records.len(), 1);
    rig.publish("a", 1, b"x");
    assert_eq!(rig.store.as_ref().unwrap().records.len(), 2);
}

#[test]
fn a_restart_repeats_as_the_standard_says() {
    for version in BOTH {
        let mut rig = Rig::with_store(persistent(version), Memory::default()).connected();
        let operations: Vec<_> =
            [(1, b"1"), (2, b"2"), (2, b"3")].map(|(qos, payload)| rig.publish("a", qos, payload)).into();
        let before = rig.sent();
        rig.ack(PacketType::Pubrec, 2, 0);
        rig.deliver("t", 2, 77, false, b"down");
        let mut rig = Rig::with_store(persistent(version), rig.store.unwrap());
        let connect = rig.handshake();
        assert_eq!(connect[9] & 2, 0, "no clean start");
        rig.connack(true, &[]);
        let again = rig.sent();
        assert_eq!(types(&again), [3, 6, 3]);
        assert_eq!(again[0][0], before[0][0] | 8);
        assert_eq!((&again[0][1..], &again[2][1..]), (&before[0][1..], &before[2][1..]));
        // The message that the application had is known.
        rig.deliver("t", 2, 77, true, b"down");
        assert!(rig.messages().is_empty());
        assert_eq!(rig.sent(), [[0x50, 2, 0, 77]]);
        rig.take();
        // Operations keep their numbers; new ones follow.
        rig.ack(PacketType::Puback, 1, 0);
        assert_eq!(rig.take(), [ended(operations[0])]);
        let next = rig.publish("a", 1, b"new").unwrap();
        assert!(next > operations[2].unwrap());
        let sent = rig.sent();
        assert!(!before.iter().any(|packet| packet[5..7] == sent[0][5..7]), "a new identifier");
    }
}

/// The clock starts anew with the device: what is left of a message's interval is what counts.
#[test]
fn a_message_expires_after_a_restart_too() {
    let publish = |republish| {
        let config = Config { republish, ..persistent(Version::V5) };
        let mut rig = Rig::with_store(config, Memory::default());
        rig.now = Instant(10_000_000);
        let list = [Property::number(2, 60)];
        let properties = Properties::List(&list);
        let publication = Publication { topic: "a", qos: 1, properties, ..Publication::default() };
        rig.with(|client, cx| client.publish(cx, &publication)).unwrap();
        let mut rig = Rig::with_store(config, rig.store.unwrap());
        rig.now = Instant(100_000);
        rig.handshake();
        rig.later(20_000);
        rig
    };
    let left = |rig: &mut Rig| {
        let sent = rig.sent();
        match Packet::parse(&sent[0], Version::V5, Side::Client) {
            Ok(Some((Packet::Publish(publish), _))) => {
                (publish.head.dup, publish.head.properties.number(2).unwrap())
            }
            other => panic!("{other:?}"),
        }
    };
    // The server has lost the session: what is published anew has so much left.
    let mut rig = publish(true);
    rig.connack(false, &[]);
    let (dup, seconds) = left(&mut rig);
    assert!(!dup && (37..=42).contains(&seconds), "{dup} {seconds}");
    let mut rig = publish(true);
    rig.later(45_000);
    rig.until_due();
    rig.handshake();
    rig.connack(false, &[]);
    assert!(rig.sent().is_empty());
    assert!(matches!(rig.take().pop(), Some(Seen::Ended { error: Some(Error::Timeout), .. })));
    // It still has it: what may have been sent is repeated as it was [MQTT-4.3.3-7].
    let mut rig = publish(true);
    rig.connack(true, &[]);
    assert_eq!(left(&mut rig), (true, 60));
}

/// Of a message in parts the store keeps all but the payload: after a restart it is wanted from its start, or given up.
#[test]
fn a_message_in_parts_is_wanted_again_after_a_restart() {
    for (version, give_up) in BOTH.into_iter().flat_map(|version| [(version, false), (version, true)]) {
        let mut rig = Rig::with_store(persistent(version), Memory::default()).connected();
        let publication = Publication { topic: "big", qos: 1, ..Publication::default() };
        let operation = rig.with(|client, cx| client.publish_begin(cx, &publication, 1000)).unwrap();
        rig.poll();
        let part = [7; 600];
        assert_eq!(rig.with(|client, cx| client.publish_chunk(cx, operation, &part)), Ok(600));
        let mut rig = Rig::with_store(persistent(version), rig.store.unwrap());
        rig.handshake();
        rig.connack(true, &[]);
        let wanted = Seen::Wanted { operation, offset: 0 };
        assert_eq!(rig.take(), [Seen::Connected(true), wanted]);
        let behind = rig.publish("small", 1, b"waits").unwrap();
        if give_up {
            rig.with(|client, cx| client.cancel(cx, operation)).unwrap();
            rig.poll();
            let error = Some(Error::Cancelled);
            let cancelled = Seen::Ended { operation: operation.raw(), error, reason: 0, reasons: vec![] };
            assert!(rig.take().contains(&cancelled));
            rig.wire.out.clear();
            rig.until_due();
            rig.handshake();
            rig.connack(true, &[]);
        } else {
            for part in [&part[..], &part[..400]] {
                let taken = rig.with(|client, cx| client.publish_chunk(cx, operation, part));
                assert_eq!(taken, Ok(part.len()));
                rig.poll();
            }
        }
        let sent = rig.sent();
        assert_eq!(sent.len(), if give_up { 1 } else { 2 });
        if !give_up {
            assert_eq!((sent[0][0], sent[0].len() > 1000), (0x3a, true));
            rig.ack(PacketType::Puback, 1, 0);
        }
        rig.take();
        rig.ack(PacketType::Puback, 2, 0);
        assert_eq!(rig.take(), [ended(Some(behind))]);
        assert_eq!(rig.store.unwrap().records.len(), 1, "only the session is left");
    }
}

/// A store that cannot remove a message would bring it back: it is not given up then, and the application hears so.
#[test]
fn what_the_store_cannot_remove_is_not_cancelled() {
    let mut rig = Rig::with_store(persistent(Version::V5), Memory::default());
    let operation = rig.publish("a", 1, b"x").unwrap();
    let store = rig.store.as_mut().unwrap();
    store.fails_at = Some(store.changes);
    assert_eq!(rig.with(|client, cx| client.cancel(cx, operation)), Err(Error::Io));
    rig.poll();
    assert_eq!((rig.take(), rig.client.pending()), (vec![], 1));
    rig.with(|client, cx| client.cancel(cx, operation)).unwrap();
    let store = rig.store.unwrap();
    assert_eq!(store.records.len(), 1, "only the session is left");
}

/// An answer that comes over the connection that the cancellation breaks is none to the message.
#[test]
fn what_is_cancelled_ends_as_cancelled_whatever_comes() {
    for version in BOTH {
        let mut rig = Rig::with_store(persistent(version), Memory::default()).connected();
        let publication = Publication { topic: "big", qos: 2, ..Publication::default() };
        let operation = rig.with(|client, cx| client.publish_begin(cx, &publication, 100)).unwrap();
        rig.poll();
        assert_eq!(rig.with(|client, cx| client.publish_chunk(cx, operation, &[7; 100])), Ok(100));
        rig.reconnect();
        rig.connack(true, &[]);
        rig.take();
        rig.with(|client, cx| client.cancel(cx, operation)).unwrap();
        rig.ack(PacketType::Pubcomp, 1, 0);
        let error = Some(Error::Cancelled);
        let cancelled = Seen::Ended { operation: operation.raw(), error, reason: 0, reasons: vec![] };
        assert_eq!(rig.take()[1..], [cancelled]);
        assert_eq!(rig.client.pending(), 1);
    }
}

/// Whether it was sent whole before a restart is not known.
#[test]
fn what_is_cancelled_after_a_restart_may_be_with_the_server() {
    for version in BOTH {
        let mut rig = Rig::with_store(persistent(version), Memory::default());
        let publication = Publication { topic: "big", qos: 2, ..Publication::default() };
        let operation = rig.with(|client, cx| client.publish_begin(cx, &publication, 100)).unwrap();
        let mut rig = Rig::with_store(persistent(version), rig.store.unwrap());
        rig.handshake();
        rig.connack(true, &[]);
        rig.with(|client, cx| client.cancel(cx, operation)).unwrap();
        rig.poll();
        rig.wire.out.clear();
        rig.until_due();
        rig.handshake();
        rig.connack(true, &[]);
        assert_eq!(rig.sent(), [[0x62, 2, 0, 1]]);
        rig.ack(PacketType::Pubcomp, 1, 0);
        assert_eq!(rig.store.unwrap().records.len(), 1, "only the session is left");
    }
}

/// The server has nothing of a message of which it got a part: once that is cancelled there is nothing to bring to its end.
#[test]
fn of_a_message_that_was_never_sent_whole_nothing_is_left_with_the_server() {
    for version in BOTH {
        let mut rig = Rig::with_store(persistent(version), Memory::default()).connected();
        let publication = Publication { topic: "big", qos: 2, ..Publication::default() };
        let operation = rig.with(|client, cx| client.publish_begin(cx, &publication, 100)).unwrap();
        rig.poll();
        assert_eq!(rig.with(|client, cx| client.publish_chunk(cx, operation, &[7; 99])), Ok(99));
        rig.reconnect();
        rig.connack(true, &[]);
        rig.with(|client, cx| client.cancel(cx, operation)).unwrap();
        rig.poll();
        assert_eq!(rig.client.pending(), 0);
        assert_eq!(rig.store.unwrap().records.len(), 1, "only the session is left");
    }
}

/// A message of QoS 2 in parts that the server may have had whole over an earlier connection: its identifier is not free before
/// PUBCOMP has come, which is no affair of the application that has given the message up.
#[test]
fn what_the_server_may_have_is_brought_to_its_end_after_it_was_cancelled() {
    for (version, restart) in BOTH.into_iter().flat_map(|version| [(version, false), (version, true)]) {
        for kept in [true, false] {
            let mut rig = Rig::with_store(persistent(version), Memory::default()).connected();
            let publication = Publication { topic: "big", qos: 2, ..Publication::default() };
            let operation = rig.with(|client, cx| client.publish_begin(cx, &publication, 100)).unwrap();
            rig.poll();
            assert_eq!(rig.with(|client, cx| client.publish_chunk(cx, operation, &[7; 100])), Ok(100));
            rig.reconnect();
            rig.connack(true, &[]);
            rig.take();
            let store = rig.store.as_mut().unwrap();
            store.fails_at = Some(store.changes);
            assert_eq!(rig.with(|client, cx| client.cancel(cx, operation)), Err(Error::Io));
            rig.with(|client, cx| client.cancel(cx, operation)).unwrap();
            rig.poll();
            let broken = Seen::Disconnected { error: Error::Cancelled, reason: 0, retry: true };
            let error = Some(Error::Cancelled);
            let cancelled = Seen::Ended { operation: operation.raw(), error, reason: 0, reasons: vec![] };
            assert_eq!(rig.take(), [broken, cancelled]);
            assert_eq!(rig.client.pending(), 1);
            assert_eq!(rig.with(|client, cx| client.cancel(cx, operation)), Err(Error::Stale));
            if restart {
                rig = Rig::with_store(persistent(version), rig.store.unwrap());
            } else {
                rig.wire.out.clear();
                rig.until_due();
            }
            let behind = rig.publish("small", 2, b"waits");
            rig.handshake();
            rig.connack(kept, &[]);
            let sent = rig.sent();
            // 3.1.1 sends again what the server has lost.
            if kept || version == Version::V311 {
                assert_eq!(types(&sent), [6, 3]);
                assert_eq!(sent[0], [0x62, 2, 0, 1]);
                rig.ack(PacketType::Pubrec, 1, 0);
                assert_eq!(rig.sent(), [[0x62, 2, 0, 1]]);
                rig.ack(PacketType::Pubcomp, 1, 0);
            } else {
                assert_eq!(types(&sent), [3]);
            }
            assert_eq!(rig.take(), [Seen::Connected(kept)], "of that nothing is said any more");
            rig.ack(PacketType::Pubrec, 2, 0);
            rig.ack(PacketType::Pubcomp, 2, 0);
            assert_eq!(rig.take(), [ended(behind)]);
            assert_eq!(rig.client.pending(), 0);
            assert_eq!(rig.store.unwrap().records.len(), 1, "only the session is left");
        }
    }
}

#[test]
fn publishing_before_connecting_spares_what_the_store_holds() {
    let mut rig = Rig::with_store(persistent(Version::V5), Memory::default());
    rig.publish("a", 1, b"old");
    let mut rig = Rig::with_store(persistent(Version::V5), rig.store.unwrap());
    rig.publish("a", 1, b"new");
    rig.handshake();
    rig.connack(true, &[]);
    assert_eq!(types(&rig.sent()), [3, 3]);
}

#[test]
fn a_clean_start_gives_up_what_the_store_holds() {
    let mut rig = Rig::with_store(persistent(Version::V5), Memory::default()).connected();
    rig.publish("a", 1, b"old");
    rig.deliver("t", 2, 77, false, b"down");
    let clean = Config { clean_start: true, ..persistent(Version::V5) };
    let mut rig = Rig::with_store(clean, rig.store.unwrap());
    rig.publish("a", 1, b"new");
    rig.handshake();
    rig.connack(false, &[]);
    assert_eq!(rig.sent().len(), 1);
    assert_eq!(rig.store.as_ref().unwrap().records.len(), 2);
}

#[test]
fn a_session_of_the_other_version_is_not_misread() {
    let rig = Rig::with_store(persistent(Version::V5), Memory::default()).connected();
    let mut rig = Rig::with_store(persistent(Version::V311), rig.store.unwrap());
    assert_eq!(rig.with(|client, cx| client.connect(cx)), Err(Error::Version));
}

#[test]
fn a_session_that_the_server_lost_leaves_nothing_in_the_store() {
    let mut rig = Rig::with_store(persistent(Version::V5), Memory::default()).connected();
    rig.publish("a", 1, b"1");
    rig.publish("a", 2, b"2");
    rig.deliver("t", 2, 77, false, b"down");
    assert_eq!(rig.store.as_ref().unwrap().records.len(), 4);
    rig.reconnect();
    rig.connack(false, &[]);
    assert_eq!(rig.store.as_ref().unwrap().records.len(), 1);
}

/// What was read of it before the store failed is not there twice when it is read again.
#[test]
fn a_session_that_could_not_be_read_at_once_is_read_once() {
    for version in BOTH {
        for at in 0.. {
            let mut rig = Rig::with_store(persistent(version), Memory::default()).connected();
            for payload in [b"1", b"2", b"3"] {
                rig.publish("a", 2, payload);
            }
            rig.deliver("t", 2, 77, false, b"down");
            let mut store = rig.store.take().unwrap();
            store.reads = 0;
            store.read_fails_at = Some(at);
            let mut rig = Rig::with_store(persistent(version), store);
            let failed = rig.with(|client, cx| client.connect(cx)).is_err();
            if !failed {
                assert!(at > 5);
                break;
            }
            rig.handshake();
            rig.connack(true, &[]);
            assert_eq!(rig.client.pending(), 3, "{at}");
            assert_eq!(types(&rig.sent()), [3, 3, 3], "{at}");
            rig.ack(PacketType::Pubrel, 77, 0);
            rig.deliver("t", 2, 77, false, b"another");
            assert_eq!(rig.messages(), [b"another"], "{at}");
        }
    }
}

/// The server has lost the session, and the store fails as ours is given up: over the next connection the server has one
/// again, but it is another.
#[test]
fn a_lost_session_stays_lost_though_the_store_fails() {
    for version in BOTH {
        let mut rig = Rig::with_store(persistent(version), Memory::default()).connected();
        rig.subscribe("a", 0, 1);
        let sent = rig.sent();
        rig.feed(&suback(version, PacketType::Suback, u16::from_be_bytes([sent[0][2], sent[0][3]]), &[0]));
        rig.deliver("t", 2, 77, false, b"down");
        rig.reconnect();
        let store = rig.store.as_mut().unwrap();
        store.fails_at = Some(store.changes);
        rig.take();
        rig.connack(false, &[]);
        assert!(!rig.client.is_connected());
        rig.wire.out.clear();
        rig.until_due();
        rig.handshake();
        rig.take();
        // The server made a session over the connection before.
        rig.connack(true, &[]);
        assert_eq!(rig.take(), [Seen::Connected(false)]);
        assert_eq!(types(&rig.sent()), [8], "subscribed again");
        rig.deliver("t", 2, 77, false, b"another");
        assert_eq!(rig.messages(), [b"another"]);
    }
}

#[test]
fn pubrel_does_not_leave_before_the_store_knows() {
    for version in BOTH {
        let mut rig = Rig::with_store(persistent(version), Memory::default()).connected();
        rig.publish("a", 2, b"up");
        let first = rig.sent();
        let store = rig.store.as_mut().unwrap();
        store.fails_at = Some(store.changes);
        rig.ack(PacketType::Pubrec, 1, 0);
        assert!(!rig.client.is_connected());
        rig.wire.out.clear();
        rig.until_due();
        rig.handshake();
        rig.connack(true, &[]);
        let again = rig.sent();
        assert_eq!(types(&again), [3], "{version:?}");
        assert_eq!(again[0][1..], first[0][1..]);
        rig.ack(PacketType::Pubrec, 1, 0);
        assert_eq!(types(&rig.sent()), [6]);
        let store = rig.store.take().unwrap();
        assert_eq!(store.records.values().map(Vec::len).max(), Some(16), "a header alone");
        let mut rig = Rig::with_store(persistent(version), store);
        rig.handshake();
        rig.connack(true, &[]);
        assert_eq!(types(&rig.sent()), [6]);
    }
}

/// Messages of ours fill the store, so that one of QoS 2 for us waits with its PUBREC; what else is under way goes on, and
/// makes room.
#[test]
fn a_full_store_lets_pass_what_would_empty_it() {
    for version in BOTH {
        let store = Memory { capacity: Some(3), ..Memory::default() };
        let mut rig = Rig::with_store(persistent(version), store);
        assert_eq!(rig.try_publish("a", 1, b"1").map(drop), Ok(()));
        assert_eq!(rig.try_publish("a", 1, b"2").map(drop), Ok(()));
        assert_eq!(rig.try_publish("a", 1, b"3").map(drop), Err(Error::Full));
        rig.handshake();
        rig.connack(false, &[]);
        let sent = rig.sent();
        assert_eq!(types(&sent), [3, 3]);
        rig.deliver("t", 2, 77, false, b"down");
        rig.deliver("t", 2, 78, false, b"down too");
        rig.deliver("t", 1, 79, false, b"aside");
        assert!(rig.client.is_connected());
        assert_eq!(rig.sent(), [[0x40, 2, 0, 79]]);
        rig.ack(PacketType::Puback, 1, 0);
        assert_eq!(rig.sent(), [[0x50, 2, 0, 77]]);
        rig.ack(PacketType::Puback, 2, 0);
        assert_eq!(rig.sent(), [[0x50, 2, 0, 78]]);
    }
}

#[test]
fn a_clean_start_gives_up_a_session_of_the_other_version() {
    let mut rig = Rig::with_store(persistent(Version::V5), Memory::default()).connected();
    rig.publish("a", 1, b"1");
    let clean = Config { clean_start: true, ..persistent(Version::V311) };
    let mut rig = Rig::with_store(clean, rig.store.unwrap());
    assert_eq!(rig.with(|client, cx| client.connect(cx)), Ok(()));
    assert_eq!(rig.store.unwrap().records.len(), 1);
}

/// A restart alone wears no flash.
#[test]
fn a_restart_alone_writes_nothing() {
    let rig = Rig::with_store(persistent(Version::V5), Memory::default()).connected();
    let mut store = rig.store.unwrap();
    store.changes = 0;
    let rig = Rig::with_store(persistent(Version::V5), store).connected();
    assert_eq!(rig.store.unwrap().changes, 0);
}

/// A server that has lost the session says so in a CONNACK; if that is lost too, the next one speaks of the session that the
/// server has made since. What is left of the old one takes no place from what the server counts.
#[test]
fn receipts_of_a_session_lost_unnoticed_do_not_count() {
    let config = Config { receive_maximum: 2, ..persistent(Version::V5) };
    for repeated in [false, true] {
        let mut rig = Rig::with_store(config, Memory::default()).connected();
        for id in [11, 12] {
            rig.deliver("t", 2, id, false, b"old");
        }
        rig.sent();
        rig.reconnect();
        rig.connack(true, &[]);
        if repeated {
            for id in [11, 12] {
                rig.deliver("t", 2, id, true, b"old");
            }
        }
        rig.take();
        rig.sent();
        for id in [1, 2] {
            rig.deliver("t", 2, id, false, b"new");
        }
        let sent = rig.sent();
        if repeated {
            // The server still has them, and breaks its word [MQTT-3.3.4-9].
            assert_eq!(sent, [[0xe0, 1, 0x93]]);
        } else {
            assert_eq!(sent, [[0x50, 2, 0, 1], [0x50, 2, 0, 2]]);
            assert_eq!(rig.messages(), [b"new", b"new"]);
            let records: Vec<_> = rig.store.unwrap().records.into_keys().map(|key| key.1).collect();
            assert_eq!(records, [0, 0x8000_0001, 0x8000_0002], "the old ones are gone from the store");
        }
    }
}

/// What was released over this connection is not left over while its PUBCOMP waits, and takes no place from what the server counts:
/// its quota has begun anew (5.0 section 4.9).
#[test]
fn a_pubcomp_that_waits_does_not_give_way() {
    let config = Config { receive_maximum: 2, ..persistent(Version::V5) };
    for released in [&[11][..], &[11, 12]] {
        let mut rig = Rig::with_store(config, Memory::default()).connected();
        for id in [11, 12] {
            rig.deliver("t", 2, id, false, b"old");
        }
        rig.sent();
        rig.reconnect();
        rig.connack(true, &[]);
        rig.take();
        // Nothing is answered in the midst of a message.
        rig.wire.window = 100;
        rig.publish("up", 0, &[0; 1000]);
        for id in released {
            rig.ack(PacketType::Pubrel, *id, 0);
        }
        for id in [1, 2] {
            rig.deliver("t", 2, id, false, b"new");
        }
        assert_eq!(rig.messages(), [b"new", b"new"]);
        rig.wire.window = usize::MAX;
        rig.tell(StreamEvent::Writable);
        let answers = rig.sent()[1..].to_vec();
        let mut wanted: Vec<_> = released.iter().map(|id| vec![0x70, 2, 0, *id as u8]).collect();
        wanted.extend([vec![0x50, 2, 0, 1], vec![0x50, 2, 0, 2]]);
        assert_eq!(answers, wanted);
    }
}

/// The store has no room to note that PUBREC is sent, and the answer that would make some comes behind a message that waits.
#[test]
fn a_full_store_does_not_keep_what_would_empty_it_from_being_read() {
    let config = Config { receive_maximum: 1, ..persistent(Version::V311) };
    let store = Memory { capacity: Some(2), ..Memory::default() };
    let mut rig = Rig::with_store(config, store).connected();
    rig.publish("up", 1, b"x");
    rig.deliver("t", 2, 1, false, b"first");
    rig.sent();
    rig.deliver("t", 2, 2, false, b"second");
    rig.ack(PacketType::Puback, 1, 0);
    assert_eq!(rig.sent(), [[0x50, 2, 0, 1]], "the first is noted now");
    rig.ack(PacketType::Pubrel, 1, 0);
    rig.take();
    // What was passed over comes again over the next connection.
    rig.wire.out.clear();
    rig.until_due();
    rig.handshake();
    rig.connack(true, &[]);
    rig.deliver("t", 2, 2, true, b"second");
    assert_eq!(rig.messages(), [b"second"]);
}
