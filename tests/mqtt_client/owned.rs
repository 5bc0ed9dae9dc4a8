// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nothing is acknowledged that the application has not, and has not whole.

use super::*;
use mote::mqtt::Token;

const LENGTHS: [usize; 6] = [4, 0, 300, 5, 129, 1];
/// Smaller than two of the messages, which so come in parts.
const ROOM: usize = 128;

/// What the server has: message number `n` has the identifier `n + 1` and a payload made of it.
fn payload(number: usize) -> Vec<u8> {
    vec![number as u8; LENGTHS[number]]
}

/// What the application was handed whole, in order, each with its token.
fn whole(seen: &[Seen]) -> Vec<(Vec<u8>, Option<Token>)> {
    let mut got = Vec::new();
    let mut under_way: Option<(Vec<u8>, u32, Option<Token>)> = None;
    for seen in seen {
        match seen {
            Seen::Message(message) => {
                assert!(under_way.is_none(), "a message within another");
                under_way = Some((message.payload.clone(), message.total, message.token));
            }
            Seen::Payload { data, offset, total, token } => {
                let (so_far, length, first) = under_way.as_mut().expect("a part of nothing");
                assert_eq!((so_far.len(), *length, *first), (*offset as usize, *total, *token));
                so_far.extend(data);
            }
            Seen::Aborted => {
                let (so_far, length, _) = under_way.take().expect("nothing was under way");
                assert!(so_far.len() < length as usize, "aborted when it was there whole");
            }
            _ => {}
        }
        if under_way.as_ref().is_some_and(|(so_far, total, _)| so_far.len() == *total as usize) {
            got.extend(under_way.take().map(|(payload, _, token)| (payload, token)));
        }
    }
    got
}

/// The identifiers in PUBACK or PUBREC.
fn acknowledged(rig: &mut Rig) -> Vec<u16> {
    let answers = rig.sent().into_iter().filter(|packet| matches!(packet[0] >> 4, 4 | 5));
    answers.map(|packet| u16::from_be_bytes([packet[2], packet[3]])).collect()
}

fn acknowledge_all(rig: &mut Rig) {
    for (_, token) in whole(&rig.seen) {
        // Those of before are done, or went with their connection.
        let _ = rig.with(|client, cx| client.acknowledge(cx, token.unwrap(), Reason::SUCCESS));
    }
    rig.poll();
}

/// A server sends six messages, some in parts, and the connection ends after any byte of them.
#[test]
fn whatever_the_connection_ends_in_what_was_acknowledged_is_with_the_application() {
    let deliver: [fn(&mut Rig, &[u8]); 3] = [Rig::feed, Rig::burst, Rig::drip];
    for (version, qos) in BOTH.into_iter().flat_map(|version| [(version, 1), (version, 2)]) {
        let mut stream = Vec::new();
        for number in 0..LENGTHS.len() {
            stream.extend(publish(version, "t", qos, number as u16 + 1, false, &payload(number)));
        }
        for cut in 0..=stream.len() {
            let (deferred, how) = (cut % 2 == 1, deliver[cut % 3]);
            let mut rig = Rig::new(Config { receive_bytes: ROOM, deferred, ..config(version) }).connected();
            how(&mut rig, &stream[..cut]);
            if deferred {
                assert_eq!(acknowledged(&mut rig), [], "the application has not said so");
                acknowledge_all(&mut rig);
            }
            let first = acknowledged(&mut rig);
            let had = whole(&rig.seen);
            let expected: Vec<u16> = (1..=had.len() as u16).collect();
            assert_eq!(first, expected, "{version:?} QoS {qos}, cut after {cut}");
            rig.reconnect();
            rig.connack(true, &[]);
            // The server sends the rest again, and at QoS 2 PUBREL for what it has PUBREC for.
            for number in 0..LENGTHS.len() {
                let id = number as u16 + 1;
                if !first.contains(&id) {
                    how(&mut rig, &publish(version, "t", qos, id, true, &payload(number)));
                } else if qos == 2 {
                    rig.ack(PacketType::Pubrel, id, 0);
                }
            }
            if deferred {
                acknowledge_all(&mut rig);
            }
            let mut all = first;
            all.extend(acknowledged(&mut rig));
            assert_eq!(all, [1, 2, 3, 4, 5, 6]);
            let got: Vec<Vec<u8>> = whole(&rig.seen).into_iter().map(|(payload, _)| payload).collect();
            let sent: Vec<Vec<u8>> = (0..LENGTHS.len()).map(payload).collect();
            assert_eq!(got, sent, "{version:?} QoS {qos}, cut after {cut}");
        }
    }
}

/// A server that gives an identifier again before it was acknowledged breaks [MQTT-2.3.1-4], and yet nothing may be lost of
/// what it sends: seen with a broker that counts from a random number in each connection and sends with it what it had sent over
/// the one before, with the identifiers of that.
#[test]
fn two_messages_of_one_identifier_in_one_burst_are_two_messages() {
    for (version, deferred) in BOTH.into_iter().flat_map(|version| [(version, false), (version, true)]) {
        let mut rig = Rig::new(Config { receive_bytes: ROOM, deferred, ..config(version) }).connected();
        let mut burst = publish(version, "t", 1, 7, false, b"one");
        burst.extend(publish(version, "t", 1, 7, false, &[2; 300]));
        burst.extend(publish(version, "t", 1, 7, true, b"three"));
        rig.burst(&burst);
        let had = whole(&rig.seen);
        let payloads: Vec<&[u8]> = had.iter().map(|(payload, _)| &payload[..]).collect();
        assert_eq!(payloads, [b"one", &[2; 300][..], b"three"]);
        assert!(had[0].1 != had[1].1 && had[1].1 != had[2].1 && had[0].1 != had[2].1, "one token for two");
        if deferred {
            for (_, token) in had.iter().rev() {
                assert_eq!(acknowledged(&mut rig), [], "not before the first");
                rig.with(|client, cx| client.acknowledge(cx, token.unwrap(), Reason::SUCCESS)).unwrap();
                rig.poll();
            }
        }
        assert_eq!(acknowledged(&mut rig), [7, 7, 7]);
    }
}

/// After PUBREL an identifier stands for a new message, also when PUBCOMP has not left yet.
#[test]
fn a_message_right_behind_the_release_of_its_identifier_is_a_new_one() {
    for version in BOTH {
        let mut rig = Rig::new(config(version)).connected();
        rig.deliver("t", 2, 7, false, b"one");
        assert_eq!(types(&rig.sent()), [5]);
        let mut burst = ack(version, Side::Server, PacketType::Pubrel, 7, 0);
        burst.extend(publish(version, "t", 2, 7, false, b"two"));
        rig.burst(&burst);
        assert_eq!(types(&rig.sent()), [7, 5]);
        rig.deliver("t", 2, 7, true, b"two");
        assert_eq!(types(&rig.sent()), [5]);
        rig.ack(PacketType::Pubrel, 7, 0);
        assert_eq!(types(&rig.sent()), [7]);
        assert_eq!(rig.messages(), [b"one", b"two"]);
    }
}
