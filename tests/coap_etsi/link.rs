// SPDX-License-Identifier: MIT OR Apache-2.0
//! TD_COAP_LINK_01 to 09: resource discovery.

use super::world::*;
use mote::coap::link;
use mote::coap::wire::{Code, number};

/// The paths that `/.well-known/core` lists for a query.
fn discover(query: &[u8]) -> Vec<String> {
    let mut world = World::new();
    let mut request = ask(Code::GET, "/.well-known/core");
    if !query.is_empty() {
        request = request.with(number::URI_QUERY, query);
    }
    let reply = world.exchange(&request);
    assert_eq!(reply.code, Code::CONTENT);
    assert_eq!(reply.all(number::CONTENT_FORMAT), [[40]]);
    let text = String::from_utf8(reply.payload).unwrap();
    links(&text)
}

fn links(text: &str) -> Vec<String> {
    link::Links::new(text.as_bytes())
        .map(|link| String::from_utf8(link.unwrap().target.to_vec()).unwrap())
        .collect()
}

#[test]
fn td_coap_link_01_all_of_well_known_core() {
    let listed = discover(b"");
    let visible = RESOURCES.iter().filter(|resource| resource.path != "/large-create/1");
    for resource in visible.clone() {
        assert!(listed.iter().any(|path| path == resource.path), "{} is missing", resource.path);
    }
    assert_eq!(listed.len(), visible.count());
}

#[test]
fn td_coap_link_02_filter_by_resource_type() {
    assert_eq!(discover(b"rt=Type1"), ["/test", "/large", "/link1", "/link3"]);
}

#[test]
fn td_coap_link_03_filter_by_any_resource_type() {
    assert_eq!(discover(b"rt=*"), ["/test", "/large", "/obs", "/link1", "/link3"]);
}

#[test]
fn td_coap_link_04_filter_by_second_resource_type() {
    assert_eq!(discover(b"rt=Type2"), ["/test", "/obs", "/link1"]);
}

#[test]
fn td_coap_link_05_filter_by_interface() {
    assert_eq!(discover(b"if=If*"), ["/test", "/large", "/link1", "/link3"]);
}

#[test]
fn td_coap_link_06_filter_by_size() {
    assert_eq!(discover(b"sz=*"), ["/large"]);
    assert_eq!(discover(b"sz=1280"), ["/large"]);
}

#[test]
fn td_coap_link_07_filter_by_target() {
    assert_eq!(discover(b"href=/link1"), ["/link1"]);
}

#[test]
fn td_coap_link_08_filter_by_target_with_wildcard() {
    assert_eq!(discover(b"href=/link*"), ["/link1", "/link3"]);
}

#[test]
fn td_coap_link_09_follow_a_link_that_was_discovered() {
    let mut world = World::new();
    let reply = world.exchange(&ask(Code::GET, "/.well-known/core").with(number::URI_QUERY, b"rt=Type3"));
    let text = String::from_utf8(reply.payload).unwrap();
    assert_eq!(links(&text), ["/large", "/link3"]);
    let followed = world.exchange(&ask(Code::GET, "/link3"));
    assert_eq!((followed.code, &followed.payload[..]), (Code::CONTENT, &b"/link3"[..]));
}
