// SPDX-License-Identifier: MIT OR Apache-2.0
//! TD_COAP_OBS_01 to 10: observing.

use super::coap_support::*;
use super::world::*;
use mote::coap::wire::{Code, Type, number};
use mote::sim::net::Action;
use mote::status::Error;
use mote::table::Handle;

fn observe(world: &mut World, path: &'static str, confirmable: bool) -> Handle {
    let request = world.start(&Ask { observe: true, confirmable, ..ask(Code::GET, path) });
    world.pair.run(500);
    request
}

fn payloads(world: &World) -> Vec<Vec<u8>> {
    world.pair.client.responses().into_iter().map(|(_, payload)| payload).collect()
}

/// The Observe values of all that the server sent, which must grow.
fn growing(world: &World) -> Vec<u32> {
    let values: Vec<u32> =
        world.sent_by(SERVER).iter().filter_map(|passed| passed.message().uint(number::OBSERVE)).collect();
    assert!(values.is_sorted_by(|a, b| a < b), "{values:?}");
    values
}

#[test]
fn td_coap_obs_01_confirmable_notifications() {
    let mut world = World::new();
    observe(&mut world, "/obs", true);
    let registration = world.sent_by(CLIENT)[0].clone();
    assert_eq!(registration.message().option(number::OBSERVE), Some(&b""[..]));
    for text in [b"obs 1", b"obs 2"] {
        world.change("/obs", text);
    }
    assert_eq!(payloads(&world), [b"obs 0", b"obs 1", b"obs 2"]);
    assert_eq!(growing(&world).len(), 3);
    let sent = world.sent_by(SERVER);
    assert_eq!(sent[0].message().kind, Type::Ack);
    for notification in &sent[1..] {
        assert_eq!(notification.message().kind, Type::Con);
        assert_eq!(notification.message().token, registration.message().token);
        assert_eq!(notification.message().uint(number::CONTENT_FORMAT), Some(0));
    }
    let acknowledgements = &world.sent_by(CLIENT)[1..];
    assert_eq!(acknowledgements.len(), 2);
    assert!(acknowledgements.iter().all(|passed| passed.message().kind == Type::Ack));
}

#[test]
fn td_coap_obs_02_non_confirmable_notifications() {
    let mut world = World::new();
    observe(&mut world, "/obs-non", false);
    world.change("/obs-non", b"1");
    // What nobody acknowledges is spaced (RFC 7641 §4.5.1).
    world.pair.run(3000);
    world.change("/obs-non", b"2");
    assert_eq!(payloads(&world), [b"0", b"1", b"2"]);
    assert!(world.sent_by(SERVER).iter().all(|passed| passed.message().kind == Type::Non));
    assert_eq!(world.sent_by(CLIENT).len(), 1, "nothing is acknowledged");
    assert_eq!(growing(&world).len(), 3);
}

#[test]
fn td_coap_obs_03_the_client_stops() {
    let mut world = World::new();
    let request = observe(&mut world, "/obs", true);
    world.change("/obs", b"obs 1");
    world.pair.at_client(|endpoint, cx| endpoint.cancel(cx, request)).unwrap();
    world.pair.run(1000);
    assert_eq!(world.pair.client.end(request), Err(Err(Error::Cancelled)));
    world.forget();
    world.change("/obs", b"obs 2");
    world.pair.run(1000);
    assert!(world.sent_by(SERVER).is_empty());
    assert_eq!(payloads(&world), [b"obs 0", b"obs 1"]);
}

#[test]
fn td_coap_obs_04_the_client_detects_a_lost_registration() {
    let mut world = World::new();
    observe(&mut world, "/obs", true);
    let token = world.sent_by(CLIENT)[0].message().token.to_vec();
    world.change("/obs", b"obs 1");
    // The server restarts and knows nothing of observers any more.
    let fresh = World::new();
    world.pair.server = fresh.pair.server;
    world.store = fresh.store;
    world.forget();
    world.pair.run(200_000);
    let again = world.sent_by(CLIENT)[0].clone();
    assert_eq!(again.message().option(number::OBSERVE), Some(&b""[..]));
    assert_eq!(again.message().token, token);
    world.change("/obs", b"obs 2");
    assert_eq!(payloads(&world).last().unwrap(), b"obs 2");
}

#[test]
fn td_coap_obs_05_the_server_detects_that_the_client_is_gone() {
    let mut world = World::new();
    observe(&mut world, "/obs", true);
    world.change("/obs", b"obs 1");
    world.forget();
    world.pair.net.rule(|passing| if passing.from == CLIENT { Action::Drop } else { Action::Pass });
    world.change("/obs", b"obs 2");
    world.pair.run(200_000);
    world.pair.net.no_rule();
    let sent = world.pair.net.count(SERVER, CLIENT);
    world.change("/obs", b"obs 3");
    world.pair.run(10_000);
    assert_eq!(world.pair.net.count(SERVER, CLIENT), sent, "the observer was removed");
}

#[test]
fn td_coap_obs_06_a_reset_ends_the_observation() {
    let mut world = World::new();
    observe(&mut world, "/obs", true);
    world.change("/obs", b"obs 1");
    world.pair.client = Node::new(&config());
    world.forget();
    world.change("/obs", b"obs 2");
    let answers = world.sent_by(CLIENT);
    assert_eq!((answers.len(), answers[0].message().kind), (1, Type::Rst));
    assert_eq!(answers[0].message().message_id, world.sent_by(SERVER)[0].message().message_id);
    world.forget();
    world.change("/obs", b"obs 3");
    world.pair.run(10_000);
    assert!(world.sent_by(SERVER).is_empty());
    assert!(world.pair.client.seen.is_empty());
}

#[test]
fn td_coap_obs_07_deleting_the_resource_ends_its_observations() {
    let mut world = World::new();
    let observation = observe(&mut world, "/obs", true);
    world.change("/obs", b"obs 1");
    world.forget();
    assert_eq!(world.exchange(&ask(Code::DELETE, "/obs")).code, Code::DELETED);
    assert_eq!(world.pair.client.end(observation), Ok(Code::NOT_FOUND));
    let sent = world.sent_by(SERVER);
    let last = sent.iter().find(|passed| passed.message().code == Code::NOT_FOUND).unwrap();
    assert_eq!((last.message().kind, last.message().option(number::OBSERVE)), (Type::Con, None));
}

#[test]
fn td_coap_obs_08_another_content_format_ends_the_observation() {
    let mut world = World::new();
    let observation = observe(&mut world, "/obs", true);
    world.change("/obs", b"obs 1");
    let put = ask(Code::PUT, "/obs").with(number::CONTENT_FORMAT, &[41]).body(b"<obs/>");
    assert_eq!(world.exchange(&put).code, Code::CHANGED);
    assert_eq!(world.pair.client.end(observation), Ok(Code::NOT_ACCEPTABLE));
    world.forget();
    world.change("/obs", b"obs 2");
    world.pair.run(1000);
    assert!(world.sent_by(SERVER).is_empty());
}

#[test]
fn td_coap_obs_09_an_update_is_notified() {
    let mut world = World::new();
    observe(&mut world, "/obs", true);
    world.change("/obs", b"obs 1");
    let put = ask(Code::PUT, "/obs").with(number::CONTENT_FORMAT, b"").body(b"from a client");
    assert_eq!(world.exchange(&put).code, Code::CHANGED);
    assert!(payloads(&world).contains(&b"from a client".to_vec()));
    assert_eq!(growing(&world).len(), 3);
}

#[test]
fn td_coap_obs_10_a_get_does_not_end_the_observation() {
    let mut world = World::new();
    observe(&mut world, "/obs", true);
    world.change("/obs", b"obs 1");
    let plain = world.exchange(&ask(Code::GET, "/obs"));
    assert_eq!((&plain.payload[..], plain.all(number::OBSERVE).len()), (&b"obs 1"[..], 0));
    world.change("/obs", b"obs 2");
    assert_eq!(payloads(&world).last().unwrap(), b"obs 2");
}
