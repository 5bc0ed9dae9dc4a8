// SPDX-License-Identifier: MIT OR Apache-2.0
//! TD_COAP_CORE_01 to 23, and 31. The others are in `proxy.rs`.

use super::coap_support::*;
use super::world::*;
use mote::coap::wire::{Code, Type, number};

fn confirmable(method: Code, payload: &[u8], code: Code) -> Reply {
    let mut world = World::new();
    let reply = world.exchange(&ask(method, "/test").body(payload));
    assert_eq!(reply.code, code);
    piggybacked(&world, method, code);
    assert_eq!(world.sent_by(CLIENT)[0].message().payload, payload);
    reply
}

fn non_confirmable(method: Code, payload: &[u8], code: Code) {
    let mut world = World::new();
    let reply = world.exchange(&ask(method, "/test").body(payload).non());
    assert_eq!(reply.code, code);
    let (sent, answered) = (world.sent_by(CLIENT), world.sent_by(SERVER));
    assert_eq!((sent.len(), answered.len()), (1, 1));
    let (request, response) = (sent[0].message(), answered[0].message());
    assert_eq!((request.kind, response.kind), (Type::Non, Type::Non));
    assert_eq!(response.token, request.token);
}

#[test]
fn td_coap_core_01_get_con() {
    let reply = confirmable(Code::GET, b"", Code::CONTENT);
    assert_eq!(reply.payload, b"test");
    assert_eq!(reply.all(number::CONTENT_FORMAT), [b""]);
}

#[test]
fn td_coap_core_02_delete_con() {
    confirmable(Code::DELETE, b"", Code::DELETED);
}

#[test]
fn td_coap_core_03_put_con() {
    confirmable(Code::PUT, b"new", Code::CHANGED);
}

#[test]
fn td_coap_core_04_post_con() {
    confirmable(Code::POST, b"new", Code::CREATED);
}

#[test]
fn td_coap_core_05_get_non() {
    non_confirmable(Code::GET, b"", Code::CONTENT);
}

#[test]
fn td_coap_core_06_delete_non() {
    non_confirmable(Code::DELETE, b"", Code::DELETED);
}

#[test]
fn td_coap_core_07_put_non() {
    non_confirmable(Code::PUT, b"new", Code::CHANGED);
}

#[test]
fn td_coap_core_08_post_non() {
    non_confirmable(Code::POST, b"new", Code::CREATED);
}

/// A separate response: an empty acknowledgement, then a confirmable response of its own message
/// ID, which is acknowledged.
fn separate(token: &'static [u8]) {
    let mut world = World::new();
    let request = world.start(&Ask { token: Some(token), ..ask(Code::GET, "/separate") });
    world.pair.run(1500);
    let asked = world.sent_by(CLIENT)[0].clone();
    let acknowledged = world.sent_by(SERVER);
    assert_eq!(acknowledged.len(), 1);
    let acknowledgement = acknowledged[0].message();
    assert_eq!((acknowledgement.kind, acknowledgement.code), (Type::Ack, Code::EMPTY));
    assert_eq!(acknowledgement.message_id, asked.message().message_id);
    assert_eq!(acknowledged[0].data.len(), 4);

    world.answer_separate();
    world.pair.run(1000);
    assert_eq!(world.reply(request).payload, b"separate");
    let response = world.sent_by(SERVER)[1].clone();
    assert_eq!((response.message().kind, response.message().code), (Type::Con, Code::CONTENT));
    assert_eq!(response.message().token, token);
    let last = world.sent_by(CLIENT).pop().unwrap();
    assert_eq!((last.message().kind, last.message().message_id), (Type::Ack, response.message().message_id));
}

#[test]
fn td_coap_core_09_get_separate_con() {
    separate(b"\x01\x02\x03\x04");
}

#[test]
fn td_coap_core_10_get_with_token() {
    let mut world = World::new();
    let reply =
        world.exchange(&Ask { token: Some(b"\x80\x00\x00\x00\x00\x00\x00\x01"), ..ask(Code::GET, "/test") });
    assert_eq!(reply.code, Code::CONTENT);
    piggybacked(&world, Code::GET, Code::CONTENT);
    assert_eq!(world.sent_by(SERVER)[0].message().token, b"\x80\x00\x00\x00\x00\x00\x00\x01");
}

#[test]
fn td_coap_core_11_separate_with_token() {
    separate(b"\xca\xfe");
}

#[test]
fn td_coap_core_12_get_with_empty_token() {
    let mut world = World::new();
    let reply = world.exchange(&Ask { token: Some(b""), ..ask(Code::GET, "/test") });
    assert_eq!(reply.payload, b"test");
    piggybacked(&world, Code::GET, Code::CONTENT);
    assert_eq!(world.sent_by(CLIENT)[0].message().token, b"");
}

#[test]
fn td_coap_core_13_several_uri_paths() {
    let mut world = World::new();
    let reply = world.exchange(&ask(Code::GET, "/seg1/seg2/seg3"));
    assert_eq!(reply.payload, b"/seg1/seg2/seg3");
    let sent = world.sent_by(CLIENT);
    let segments: Vec<_> = sent[0].message().options.all(number::URI_PATH).collect();
    assert_eq!(segments, [b"seg1", b"seg2", b"seg3"]);
}

#[test]
fn td_coap_core_14_several_uri_queries() {
    let mut world = World::new();
    let query =
        ask(Code::GET, "/query").with(number::URI_QUERY, b"first=1").with(number::URI_QUERY, b"second=2");
    assert_eq!(
        world.exchange(&query.with(number::URI_QUERY, b"third=3")).payload,
        b"first=1&second=2&third=3"
    );
}

/// Runs a request over and over while a quarter of all messages is lost, requests and responses
/// among them.
fn lossy(path: &'static str) {
    let mut world = World::new();
    world.loss.set(25);
    for _ in 0..10 {
        let request = world.start(&ask(Code::GET, path));
        for _ in 0..100 {
            world.pair.run(1500);
            world.answer_separate();
        }
        assert_eq!(world.reply(request).code, Code::CONTENT);
    }
    let lost = |from| world.sent_by(from).iter().filter(|passed| passed.lost).count();
    assert!(lost(CLIENT) > 0 && lost(SERVER) > 0);
}

#[test]
fn td_coap_core_15_piggybacked_in_a_lossy_context() {
    lossy("/test");
}

#[test]
fn td_coap_core_16_separate_in_a_lossy_context() {
    lossy("/separate");
}

#[test]
fn td_coap_core_17_separate_non() {
    let mut world = World::new();
    let request = world.start(&ask(Code::GET, "/separate").non());
    world.pair.run(3000);
    assert!(world.sent_by(SERVER).is_empty(), "no acknowledgement of a NON");
    let waiting = core::mem::take(&mut world.store.borrow_mut().separate);
    world.pair.at_server(|endpoint, cx| endpoint.respond(cx, waiting[0], &content(b"late"))).unwrap();
    world.pair.run(1000);
    assert_eq!(world.reply(request).payload, b"late");
    assert_eq!(world.sent_by(SERVER)[0].message().kind, Type::Non);
}

#[test]
fn td_coap_core_18_location_paths() {
    let mut world = World::new();
    let reply = world.exchange(&ask(Code::POST, "/test").body(b"x").with(number::CONTENT_FORMAT, b""));
    assert_eq!(reply.code, Code::CREATED);
    assert_eq!(reply.all(number::LOCATION_PATH), [b"location1", b"location2", b"location3"]);
}

#[test]
fn td_coap_core_19_location_queries() {
    let mut world = World::new();
    let reply = world.exchange(&ask(Code::POST, "/location-query").body(b"x"));
    assert_eq!(reply.all(number::LOCATION_QUERY), [&b"first=1"[..], b"second=2"]);
}

#[test]
fn td_coap_core_20_accept() {
    let mut world = World::new();
    let text = world.exchange(&ask(Code::GET, "/multi-format").with(number::ACCEPT, b""));
    assert_eq!((&text.payload[..], text.all(number::CONTENT_FORMAT)), (&b"one"[..], vec![&b""[..]]));
    let xml = world.exchange(&ask(Code::GET, "/multi-format").with(number::ACCEPT, &[41]));
    assert_eq!((&xml.payload[..], xml.all(number::CONTENT_FORMAT)), (&b"<v>1</v>"[..], vec![&[41][..]]));
    let cbor = world.exchange(&ask(Code::GET, "/multi-format").with(number::ACCEPT, &[60]));
    assert_eq!(cbor.code, Code::NOT_ACCEPTABLE);
}

#[test]
fn td_coap_core_21_etag() {
    let mut world = World::new();
    let first = world.exchange(&ask(Code::GET, "/validate"));
    let tag = first.all(number::ETAG)[0].to_vec();
    assert_eq!((first.code, &first.payload[..]), (Code::CONTENT, &b"version 1"[..]));
    let still = world.exchange(&ask(Code::GET, "/validate").with(number::ETAG, &tag));
    assert_eq!(
        (still.code, &still.payload[..], still.all(number::ETAG)),
        (Code::VALID, &b""[..], vec![&tag[..]])
    );
    world.store.borrow_mut().version += 1;
    let changed = world.exchange(&ask(Code::GET, "/validate").with(number::ETAG, &tag));
    assert_eq!((changed.code, &changed.payload[..]), (Code::CONTENT, &b"version 2"[..]));
    assert_ne!(changed.all(number::ETAG), [&tag[..]]);
}

#[test]
fn td_coap_core_22_if_match() {
    let mut world = World::new();
    let tag = world.exchange(&ask(Code::GET, "/validate")).all(number::ETAG)[0].to_vec();
    let update = ask(Code::PUT, "/validate").with(number::IF_MATCH, &tag).body(b"other");
    assert_eq!(world.exchange(&update).code, Code::CHANGED);
    let newer = world.exchange(&ask(Code::GET, "/validate")).all(number::ETAG)[0].to_vec();
    assert_ne!(newer, tag);
    world.store.borrow_mut().version += 1;
    let stale = ask(Code::PUT, "/validate").with(number::IF_MATCH, &newer).body(b"third");
    assert_eq!(world.exchange(&stale).code, Code::PRECONDITION_FAILED);
}

#[test]
fn td_coap_core_23_if_none_match() {
    let mut world = World::new();
    let create = ask(Code::PUT, "/create1").with(number::IF_NONE_MATCH, b"").body(b"mine");
    assert_eq!(world.exchange(&create).code, Code::CREATED);
    assert_eq!(world.exchange(&create.body(b"yours")).code, Code::PRECONDITION_FAILED);
    assert_eq!(world.store.borrow().bodies["/create1"], b"mine");
}

#[test]
fn td_coap_core_31_ping() {
    let mut world = World::new();
    let ping = world.pair.at_client(|endpoint, cx| endpoint.ping(cx, &to_server())).unwrap();
    world.pair.run(1000);
    assert_eq!(world.pair.client.end(ping), Err(Ok(())));
    let (sent, answered) = (world.sent_by(CLIENT), world.sent_by(SERVER));
    assert_eq!((sent[0].data.len(), answered[0].data.len()), (4, 4));
    let (ping, pong) = (sent[0].message(), answered[0].message());
    assert_eq!((ping.kind, ping.code), (Type::Con, Code::EMPTY));
    assert_eq!((pong.kind, pong.message_id), (Type::Rst, ping.message_id));
}
