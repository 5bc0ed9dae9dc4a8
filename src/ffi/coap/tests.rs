// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C functions as C calls them, over a simulated network.
#![allow(clippy::undocumented_unsafe_blocks)] // each call passes what the function asks for

use super::*;
use crate::ffi::{
    MOTE_ERR_CANCELLED, MOTE_ERR_CLOSED, MOTE_ERR_END, MOTE_ERR_INVALID, MOTE_ERR_MALFORMED,
    MOTE_ERR_NO_MEMORY, MOTE_ERR_NOT_FOUND, MOTE_ERR_STALE, MOTE_ERR_TIMEOUT, MOTE_ERR_TOO_LARGE,
    MOTE_ERR_UNSUPPORTED, MOTE_OK, mote_node, mote_node_close, mote_node_config, mote_node_init,
    mote_node_post, mote_sim, mote_sim_free, mote_sim_host, mote_sim_link, mote_sim_new, mote_sim_now,
    mote_sim_run, mote_sim_set_link,
};
use crate::port::{mote_bytes, mote_port};
use core::ffi::{c_char, c_void};
use core::ptr::{null, null_mut};

fn zeroed<T: Copy>() -> T {
    // Only used for the plain C structs of the header, for which all zeros is valid.
    unsafe { core::mem::zeroed() }
}

fn bytes(text: &[u8]) -> mote_bytes {
    mote_bytes { ptr: text.as_ptr(), len: text.len() }
}

fn text(bytes: mote_bytes) -> Vec<u8> {
    unsafe { arguments::slice(bytes) }.unwrap().to_vec()
}

fn address(last: u8, port: u16) -> mote_address {
    let mut address: mote_address = zeroed();
    (address.ip[0], address.ip[15], address.port) = (0xfd, last, port);
    address
}

/// Two devices: a server at fd00::1 (as `fd00::1`), a client at fd00::2.
struct World {
    sim: *mut mote_sim,
    nodes: [*mut mote_node; 2],
    server: *mut mote_coap,
    client: *mut mote_coap,
}

fn node_on(sim: *mut mote_sim, last: u8) -> *mut mote_node {
    let mut port: *const mote_port = null();
    let mut node = null_mut();
    unsafe {
        assert_eq!(mote_sim_host(sim, &raw const *leak(address(last, 0)), &raw mut port), MOTE_OK);
        // The client gathers what it sends, the server does not.
        let send_batch = if last == 2 { 4 } else { 0 };
        let size = size_of::<mote_node_config>() as u32;
        let config = mote_node_config { size, port, send_batch, ..zeroed() };
        let memory = vec![0u8; 16384].leak();
        let status = mote_node_init(memory.as_mut_ptr(), memory.len(), &raw const config, &raw mut node);
        assert_eq!(status, MOTE_OK);
    }
    node
}

fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

fn config_for(node: *mut mote_node) -> mote_coap_config {
    mote_coap_config { size: size_of::<mote_coap_config>() as u32, node, ..zeroed() }
}

fn endpoint(config: &mote_coap_config) -> *mut mote_coap {
    let (mut size, mut coap) = (0, null_mut());
    unsafe {
        assert_eq!(mote_coap_size(config, &raw mut size), MOTE_OK);
        let memory = vec![0u8; size].leak();
        assert_eq!(mote_coap_init(memory.as_mut_ptr(), size - 32, config, &raw mut coap), MOTE_ERR_NO_MEMORY);
        assert!(coap.is_null());
        assert_eq!(mote_coap_init(memory.as_mut_ptr(), size, config, &raw mut coap), MOTE_OK);
    }
    coap
}

impl World {
    fn new() -> World {
        let mut sim = null_mut();
        assert_eq!(unsafe { mote_sim_new(7, &raw mut sim) }, MOTE_OK);
        let nodes = [node_on(sim, 1), node_on(sim, 2)];
        let listening = mote_coap_config {
            local: mote_address { port: 5683, ..zeroed() },
            body: 8192,
            ..config_for(nodes[0])
        };
        World { sim, nodes, server: endpoint(&listening), client: endpoint(&config_for(nodes[1])) }
    }

    fn run(&self, milliseconds: u64) {
        let mut now = 0;
        unsafe {
            assert_eq!(mote_sim_now(self.sim, &raw mut now), MOTE_OK);
            let status = mote_sim_run(self.sim, self.nodes.as_ptr(), 2, now + milliseconds);
            assert_eq!(status, MOTE_OK);
        }
    }

    fn add(&self, config: mote_coap_resource_config, user: *mut c_void) -> mote_coap_resource {
        let config =
            leak(mote_coap_resource_config { size: size_of::<mote_coap_resource_config>() as u32, ..config });
        let mut resource = 0;
        let status = unsafe { mote_coap_resource_add(self.server, config, user, &raw mut resource) };
        assert_eq!(status, MOTE_OK);
        resource
    }

    fn end(self) {
        unsafe {
            let _ = mote_coap_close(self.client);
            let _ = mote_coap_close(self.server);
            for node in self.nodes {
                assert_eq!(mote_node_close(node), MOTE_OK);
            }
            mote_sim_free(self.sim);
        }
    }
}

/// What a callback saw.
#[derive(Default)]
struct Seen {
    events: Vec<(u32, mote_status, u8, Vec<u8>)>,
    lasts: usize,
    body: Vec<u8>,
    upload: Vec<u8>,
    close: bool,
    cancel: bool,
}

unsafe extern "C" fn on_event(user: *mut c_void, event: *const mote_coap_event) {
    unsafe {
        let (seen, event) = (&mut *user.cast::<Seen>(), &*event);
        seen.events.push((event.kind, event.status, event.code, text(event.payload)));
        seen.lasts += usize::from(event.last);
        if event.kind == MOTE_COAP_RESPONSE {
            assert_eq!(seen.body.len(), event.offset as usize);
            seen.body.extend_from_slice(&text(event.payload));
        }
        if event.kind == MOTE_COAP_NEED_BLOCK {
            let end = seen.upload.len().min((event.offset + event.length) as usize);
            let block = &seen.upload[event.offset as usize..end];
            let more = u32::from(end < seen.upload.len());
            assert_eq!(mote_coap_supply(event.coap, event.request, bytes(block), more), MOTE_OK);
        }
        if seen.cancel {
            assert_eq!(mote_coap_cancel(event.coap, event.request), MOTE_OK);
            seen.cancel = false;
        }
        if seen.close {
            assert_eq!(mote_coap_close(event.coap), MOTE_OK);
            assert_eq!(mote_coap_close(event.coap), MOTE_ERR_STALE);
        }
    }
}

fn user(seen: &mut Seen) -> *mut c_void {
    core::ptr::from_mut(seen).cast()
}

fn get(world: &World, uri: &[u8], seen: &mut Seen) -> mote_coap_request {
    let mut request = 0;
    let uri = uri.as_ptr().cast::<c_char>();
    let status = unsafe { mote_coap_get(world.client, uri, Some(on_event), user(seen), &raw mut request) };
    assert_eq!(status, MOTE_OK);
    assert_ne!(request, 0);
    request
}

unsafe extern "C" fn hello(_: *mut c_void, incoming: *const mote_coap_incoming) {
    unsafe {
        let incoming = &*incoming;
        assert_eq!((incoming.method, incoming.cause), (MOTE_COAP_GET, MOTE_COAP_CAUSE_REQUEST));
        let mut option = zeroed();
        let payload = match mote_coap_option_find(&incoming.options, MOTE_COAP_URI_QUERY, &raw mut option) {
            MOTE_OK => text(option.value),
            status => {
                assert_eq!(status, MOTE_ERR_NOT_FOUND);
                b"hello".to_vec()
            }
        };
        let reply = || {
            mote_coap_reply(
                incoming.coap,
                incoming.exchange,
                MOTE_COAP_CONTENT,
                MOTE_COAP_TEXT,
                bytes(&payload),
            )
        };
        assert_eq!((reply(), reply()), (MOTE_OK, MOTE_ERR_STALE));
    }
}

/// Keeps what it is sent, and gives it back.
unsafe extern "C" fn store(user: *mut c_void, incoming: *const mote_coap_incoming) {
    unsafe {
        let (stored, incoming) = (&mut *user.cast::<Vec<u8>>(), &*incoming);
        if incoming.method == MOTE_COAP_PUT {
            *stored = text(incoming.payload);
        }
        let code = if incoming.method == MOTE_COAP_PUT { MOTE_COAP_CHANGED } else { MOTE_COAP_CONTENT };
        let body = if incoming.method == MOTE_COAP_PUT { &[][..] } else { stored };
        let status = mote_coap_reply(incoming.coap, incoming.exchange, code, MOTE_COAP_TEXT, bytes(body));
        assert_eq!(status, MOTE_OK);
    }
}

#[test]
fn a_request_is_answered_and_ends_once() {
    let world = World::new();
    world.add(mote_coap_resource_config { path: bytes(b"/hello"), get: Some(hello), ..zeroed() }, null_mut());
    let mut seen = [Seen::default(), Seen::default(), Seen::default()];
    let request = get(&world, b"coap://[fd00::1]/hello\0", &mut seen[0]);
    assert!(seen[0].events.is_empty(), "no callback from inside the call");
    world.run(100);
    assert_eq!(seen[0].events, [(MOTE_COAP_RESPONSE, MOTE_OK, MOTE_COAP_CONTENT, b"hello".to_vec())]);
    assert_eq!(unsafe { mote_coap_cancel(world.client, request) }, MOTE_ERR_STALE);
    get(&world, b"coap://[fd00::1]/hello?a%20b\0", &mut seen[1]);
    get(&world, b"coap://[fd00::1]/none\0", &mut seen[2]);
    world.run(100);
    assert_eq!(seen[1].body, b"a b");
    assert_eq!(seen[2].events[0].2, MOTE_COAP_NOT_FOUND);
    assert_eq!(seen.each_ref().map(|seen| seen.lasts), [1, 1, 1]);
    let mut statistics: mote_coap_statistics = zeroed();
    statistics.size = size_of::<mote_coap_statistics>() as u32;
    assert_eq!(unsafe { mote_coap_get_statistics(world.server, &raw mut statistics) }, MOTE_OK);
    assert_eq!((statistics.received, statistics.sent), (3, 3));
    world.end();
}

#[test]
fn large_bodies_go_both_ways_kept_or_asked_for() {
    let world = World::new();
    let stored = leak(Vec::<u8>::new());
    let large = mote_coap_resource_config {
        path: bytes(b"/large"),
        flags: MOTE_COAP_ASSEMBLE,
        get: Some(store),
        put: Some(store),
        ..zeroed()
    };
    world.add(large, core::ptr::from_mut(stored).cast());
    let body: Vec<u8> = (0..5000u32).map(|number| number as u8).collect();
    for stays in [1, 0] {
        stored.clear();
        let mut seen = Seen { upload: body.clone(), ..Seen::default() };
        let config = mote_coap_request_config {
            size: size_of::<mote_coap_request_config>() as u32,
            method: MOTE_COAP_PUT,
            uri: bytes(b"coap://[fd00::1]/large"),
            payload: bytes(&body[..if stays == 1 { 5000 } else { 1024 }]),
            payload_stays: stays,
            more: 1 - stays,
            total: 5000,
            callback: Some(on_event),
            user: user(&mut seen),
            ..zeroed()
        };
        assert_eq!(unsafe { mote_coap_start(world.client, &raw const config, null_mut()) }, MOTE_OK);
        world.run(1000);
        assert_eq!((seen.lasts, seen.events.last().unwrap().2), (1, MOTE_COAP_CHANGED));
        let asked = seen.events.iter().filter(|event| event.0 == MOTE_COAP_NEED_BLOCK).count();
        assert_eq!(asked, if stays == 1 { 0 } else { 4 });
        assert_eq!(stored, &body);
    }
    let mut seen = Seen::default();
    get(&world, b"coap://[fd00::1]/large\0", &mut seen);
    world.run(1000);
    assert_eq!((seen.lasts, &seen.body), (1, &body));
    assert_eq!(seen.events.len(), 5);
    world.end();
}

#[test]
fn closing_inside_a_callback_ends_the_other_requests() {
    let world = World::new();
    world.add(mote_coap_resource_config { path: bytes(b"/hello"), get: Some(hello), ..zeroed() }, null_mut());
    let mut closer = Seen { close: true, ..Seen::default() };
    let mut other = Seen::default();
    get(&world, b"coap://[fd00::1]/hello\0", &mut closer);
    get(&world, b"coap://[fd00::9]/nobody\0", &mut other);
    world.run(100);
    assert_eq!(closer.lasts, 1);
    assert_eq!(other.events, [(MOTE_COAP_ENDED, MOTE_ERR_CLOSED, 0, vec![])]);
    let uri = c"coap://[fd00::1]/hello".as_ptr();
    assert_eq!(unsafe { mote_coap_get(world.client, uri, None, null_mut(), null_mut()) }, MOTE_ERR_STALE);
    world.run(100_000);
    world.end();
}

unsafe extern "C" fn close_server(_: *mut c_void, incoming: *const mote_coap_incoming) {
    unsafe { assert_eq!(mote_coap_close((*incoming).coap), MOTE_OK) };
}

#[test]
fn a_server_may_close_itself_in_its_handler() {
    let world = World::new();
    world.add(
        mote_coap_resource_config { path: bytes(b"/close"), get: Some(close_server), ..zeroed() },
        null_mut(),
    );
    let mut seen = Seen::default();
    get(&world, b"coap://[fd00::1]/close\0", &mut seen);
    world.run(100_000);
    assert_eq!(seen.events, [(MOTE_COAP_ENDED, MOTE_ERR_TIMEOUT, 0, vec![])]);
    assert_eq!(unsafe { mote_coap_close(world.server) }, MOTE_ERR_STALE);
    world.end();
}

struct Deferred {
    coap: *mut mote_coap,
    exchange: mote_coap_exchange,
}

unsafe extern "C" fn defer(user: *mut c_void, incoming: *const mote_coap_incoming) {
    unsafe {
        (*user.cast::<Deferred>()).exchange = (*incoming).exchange;
    }
}

unsafe extern "C" fn complete(_: *mut mote_node, user: *mut c_void) {
    unsafe {
        let deferred = &*user.cast::<Deferred>();
        let status = mote_coap_reply(
            deferred.coap,
            deferred.exchange,
            MOTE_COAP_CONTENT,
            MOTE_COAP_TEXT,
            bytes(b"late"),
        );
        assert_eq!(status, MOTE_OK);
    }
}

#[test]
fn a_response_may_come_later_and_from_another_thread() {
    let world = World::new();
    let deferred = leak(Deferred { coap: world.server, exchange: 0 });
    let deferred_user: *mut c_void = core::ptr::from_mut(deferred).cast();
    world.add(
        mote_coap_resource_config { path: bytes(b"/slow"), get: Some(defer), ..zeroed() },
        deferred_user,
    );
    let mut seen = Seen::default();
    get(&world, b"coap://[fd00::1]/slow\0", &mut seen);
    world.run(5000);
    assert!(seen.events.is_empty());
    assert_ne!(deferred.exchange, 0);
    let (node, argument) = (world.nodes[0] as usize, deferred_user as usize);
    std::thread::spawn(move || unsafe {
        assert_eq!(mote_node_post(node as *mut mote_node, Some(complete), argument as *mut c_void), MOTE_OK);
    })
    .join()
    .unwrap();
    world.run(100);
    assert_eq!((seen.lasts, &seen.body[..]), (1, &b"late"[..]));
    world.end();
}

#[test]
fn an_observation_brings_states_until_it_is_cancelled() {
    let world = World::new();
    let state = leak(b"one".to_vec());
    let resource = world.add(
        mote_coap_resource_config {
            path: bytes(b"/obs"),
            flags: MOTE_COAP_OBSERVABLE,
            get: Some(store),
            ..zeroed()
        },
        core::ptr::from_mut(state).cast(),
    );
    let mut seen = Seen::default();
    let mut request = 0;
    let uri = c"coap://[fd00::1]/obs".as_ptr();
    let status =
        unsafe { mote_coap_observe(world.client, uri, Some(on_states), user(&mut seen), &raw mut request) };
    assert_eq!(status, MOTE_OK);
    world.run(100);
    let mut count = 0;
    assert_eq!(unsafe { mote_coap_observers(world.server, &raw mut count) }, MOTE_OK);
    assert_eq!(count, 1);
    *state = b"two".to_vec();
    assert_eq!(unsafe { mote_coap_notify(world.server, resource) }, MOTE_OK);
    world.run(100);
    assert_eq!(seen.body, b"onetwo");
    assert_eq!(seen.lasts, 0);
    assert_eq!(unsafe { mote_coap_cancel(world.client, request) }, MOTE_OK);
    assert_eq!(seen.lasts, 0, "never from inside the call");
    world.run(1000);
    assert_eq!((seen.lasts, seen.events.last().unwrap().1), (1, MOTE_ERR_CANCELLED));
    assert_eq!(unsafe { mote_coap_observers(world.server, &raw mut count) }, MOTE_OK);
    assert_eq!(count, 0);
    assert_eq!(unsafe { mote_coap_resource_remove(world.server, resource) }, MOTE_OK);
    assert_eq!(unsafe { mote_coap_notify(world.server, resource) }, MOTE_ERR_STALE);
    world.end();
}

#[test]
fn closing_deregisters_what_is_observed() {
    let world = World::new();
    let state = leak(b"one".to_vec());
    let resource = world.add(
        mote_coap_resource_config {
            path: bytes(b"/obs"),
            flags: MOTE_COAP_OBSERVABLE,
            get: Some(store),
            ..zeroed()
        },
        core::ptr::from_mut(state).cast(),
    );
    let uri = c"coap://[fd00::1]/obs".as_ptr();
    let mut seen = [Seen::default(), Seen::default()];
    for seen in &mut seen {
        let status = unsafe { mote_coap_observe(world.client, uri, Some(on_states), user(seen), null_mut()) };
        assert_eq!(status, MOTE_OK);
    }
    world.run(100);
    let observers = || {
        let mut count = 0;
        assert_eq!(unsafe { mote_coap_observers(world.server, &raw mut count) }, MOTE_OK);
        count
    };
    assert_eq!(observers(), 2);
    assert_eq!(unsafe { mote_coap_close(world.client) }, MOTE_OK);
    for seen in &seen {
        assert_eq!((seen.lasts, seen.events.last().unwrap().1), (1, MOTE_ERR_CLOSED));
    }
    world.run(100);
    assert_eq!(observers(), 0);
    assert_eq!(unsafe { mote_coap_notify(world.server, resource) }, MOTE_OK);
    world.end();
}

/// Over the platform, which resolves `localhost`.
#[cfg(target_os = "linux")]
#[test]
fn a_host_by_name_is_looked_up_first() {
    use crate::ffi::{mote_lookup, mote_lookup_cancel, mote_node_run};
    let memory = || vec![0u8; 16384].leak().as_mut_ptr();
    let mut node = null_mut();
    let size = size_of::<mote_node_config>() as u32;
    let config = mote_node_config { size, port: crate::linux::mote_port_linux(), ..zeroed() };
    assert_eq!(unsafe { mote_node_init(memory(), 16384, &raw const config, &raw mut node) }, MOTE_OK);
    let (server, client) = (endpoint(&config_for(node)), endpoint(&config_for(node)));
    let hello = leak(mote_coap_resource_config {
        size: size_of::<mote_coap_resource_config>() as u32,
        path: bytes(b"/hello"),
        get: Some(hello),
        ..zeroed()
    });
    assert_eq!(unsafe { mote_coap_resource_add(server, hello, null_mut(), null_mut()) }, MOTE_OK);
    let mut at: mote_address = zeroed();
    assert_eq!(unsafe { mote_coap_local_address(server, &raw mut at) }, MOTE_OK);
    let run = |seen: &Seen, lasts: usize| {
        for _ in 0..2000 {
            if seen.lasts >= lasts {
                break;
            }
            assert_eq!(unsafe { mote_node_run(node, 20) }, MOTE_OK);
        }
        assert_eq!(seen.lasts, lasts);
    };
    let (mut request, mut lookup): (_, *mut mote_lookup) = (7, null_mut());
    let mut seen = Seen::default();
    let mut start = |coap, uri: &str, seen: &mut Seen| unsafe {
        let config = mote_coap_request_config {
            size: size_of::<mote_coap_request_config>() as u32,
            uri: bytes(uri.as_bytes()),
            callback: Some(on_event),
            user: user(seen),
            ..zeroed()
        };
        let status = mote_coap_start_by_name(
            memory(),
            MOTE_COAP_NAME_MEM,
            coap,
            &raw const config,
            &raw mut request,
            &raw mut lookup,
        );
        (status, request, lookup)
    };
    let named = format!("coap://local%68ost:{}/hello", at.port);
    let (status, request, lookup) = start(client, &named, &mut seen);
    assert_eq!((status, request, lookup.is_null(), seen.lasts), (MOTE_OK, 0, false, 0));
    run(&seen, 1);
    assert_eq!(seen.events.last().unwrap().3, b"hello");
    // A literal needs no look-up.
    seen.body.clear();
    let literal = format!("coap://127.0.0.1:{}/hello", at.port);
    let (status, request, lookup) = start(client, &literal, &mut seen);
    assert_eq!((status, request == 0, lookup.is_null()), (MOTE_OK, false, true));
    run(&seen, 2);
    assert_eq!(seen.events.last().unwrap().3, b"hello");
    // Cancelled: nobody is told.
    let (status, _, lookup) = start(client, &named, &mut seen);
    assert_eq!((status, unsafe { mote_lookup_cancel(lookup) }), (MOTE_OK, MOTE_OK));
    // A host that is not there, and an endpoint that is not there any more.
    assert_eq!(start(client, "coap://there.is.none.invalid/", &mut seen).0, MOTE_OK);
    run(&seen, 3);
    let why = seen.events.last().unwrap().1;
    assert!(why == MOTE_ERR_NOT_FOUND || why == MOTE_ERR_TIMEOUT, "{why}");
    assert_eq!(start(client, &named, &mut seen).0, MOTE_OK);
    assert_eq!(unsafe { mote_coap_close(client) }, MOTE_OK);
    run(&seen, 4);
    assert_eq!(seen.events.last().unwrap().1, MOTE_ERR_CLOSED);
    assert_eq!(start(server, "http://localhost/", &mut seen).0, MOTE_ERR_UNSUPPORTED);
    assert_eq!(start(server, "coap+tcp://localhost/", &mut seen).0, MOTE_OK);
    run(&seen, 5);
    assert_eq!(seen.events.last().unwrap().1, MOTE_ERR_UNSUPPORTED);
    assert_eq!(unsafe { mote_coap_close(server) }, MOTE_OK);
    assert_eq!(unsafe { mote_node_close(node) }, MOTE_OK);
}

unsafe extern "C" fn on_states(user: *mut c_void, event: *const mote_coap_event) {
    unsafe {
        let (seen, event) = (&mut *user.cast::<Seen>(), &*event);
        seen.events.push((event.kind, event.status, event.code, text(event.payload)));
        seen.lasts += usize::from(event.last);
        seen.body.extend_from_slice(&text(event.payload));
    }
}

#[test]
fn requests_over_a_lossy_link_end_and_pings_too() {
    let world = World::new();
    world.add(mote_coap_resource_config { path: bytes(b"/hello"), get: Some(hello), ..zeroed() }, null_mut());
    let lossy = mote_sim_link {
        size: size_of::<mote_sim_link>() as u32,
        loss: 200,
        duplicate: 100,
        delay: 10,
        ..zeroed()
    };
    assert_eq!(unsafe { mote_sim_set_link(world.sim, &raw const lossy) }, MOTE_OK);
    for _ in 0..50 {
        let mut seen = Seen::default();
        get(&world, b"coap://[fd00::1]/hello\0", &mut seen);
        world.run(200_000);
        assert_eq!(seen.lasts, 1);
    }
    let mut seen = Seen::default();
    let server = address(1, 5683);
    let status = unsafe {
        mote_coap_ping(world.client, &raw const server, Some(on_event), user(&mut seen), null_mut())
    };
    assert_eq!(status, MOTE_OK);
    world.run(200_000);
    assert_eq!(seen.events, [(MOTE_COAP_ENDED, MOTE_OK, 0, vec![])]);
    world.end();
}

#[test]
fn a_wildcard_for_everything_leaves_the_list_of_resources_alone() {
    let world = World::new();
    for path in [&b"/*"[..], b"/a"] {
        let config = mote_coap_resource_config { path: bytes(path), get: Some(hello), ..zeroed() };
        world.add(config, null_mut());
    }
    let mut seen = [Seen::default(), Seen::default()];
    get(&world, b"coap://[fd00::1]/.well-known/core?href=/a\0", &mut seen[0]);
    get(&world, b"coap://[fd00::1]/what/ever\0", &mut seen[1]);
    world.run(100);
    assert_eq!((&seen[0].body[..], &seen[1].body[..]), (&b"</a>"[..], &b"hello"[..]));
    world.end();
}

#[test]
fn null_and_nonsense_are_errors() {
    let world = World::new();
    let (coap, mut number, mut size) = (world.client, 0u32, 0usize);
    let mut config = config_for(world.nodes[0]);
    let mut other = null_mut();
    unsafe {
        assert_eq!(mote_coap_close(null_mut()), MOTE_OK);
        assert_eq!(mote_coap_size(null(), &raw mut size), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_size(&raw const config, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_init(null_mut(), 0, &raw const config, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_local_address(null(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_local_address(coap, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_join(null_mut(), null()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_join(coap, null()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_leave(coap, null()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_get_statistics(coap, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_get_statistics(null(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_start(coap, null(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_get(coap, null(), None, null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_get(null_mut(), null(), None, null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_ping(coap, null(), None, null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_supply(coap, 0, bytes(b""), 0), MOTE_ERR_STALE);
        assert_eq!(mote_coap_cancel(coap, 77), MOTE_ERR_STALE);
        assert_eq!(mote_coap_cancel(null_mut(), 77), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_resource_add(coap, null(), null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_resource_remove(coap, 1), MOTE_ERR_STALE);
        assert_eq!(mote_coap_notify(coap, 0), MOTE_ERR_STALE);
        assert_eq!(mote_coap_respond(coap, 1, null()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_reply(coap, 1, MOTE_COAP_CONTENT, 0, bytes(b"")), MOTE_ERR_STALE);
        assert_eq!(mote_coap_observers(coap, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_option_next(null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_option_find(null(), 1, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_link_next(null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_attribute_next(null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_attribute_value(null(), null_mut(), 0, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_link_matches(null(), bytes(b""), &raw mut number), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_uri_parse(bytes(b"coap://h"), null_mut()), MOTE_ERR_INVALID);
        let get = |uri: &[u8]| mote_coap_get(coap, uri.as_ptr().cast(), None, null_mut(), null_mut());
        assert_eq!(get(b"nonsense\0"), MOTE_ERR_MALFORMED);
        assert_eq!(get(b"coaps://[::1]/\0"), MOTE_ERR_UNSUPPORTED);
        assert_eq!(get(b"coap://example.com/\0"), MOTE_ERR_NOT_FOUND);
        config.message_size = 63;
        assert_eq!(
            mote_coap_init([0; 9].as_mut_ptr(), 9, &raw const config, &raw mut other),
            MOTE_ERR_NO_MEMORY
        );
        config.reserved = 1;
        assert_eq!(mote_coap_size(&raw const config, &raw mut size), MOTE_ERR_INVALID);
    }
    world.end();
}

#[test]
fn uris_and_options_go_back_and_forth() {
    let uri = b"coap://example.com:99/a%2Fb/c?d=e&f";
    let mut parsed: mote_coap_uri = zeroed();
    let mut options = [zeroed::<mote_coap_option>(); 8];
    let (mut buffer, mut composed) = ([0u8; 64], [0u8; 64]);
    let (mut count, mut len) = (0, 0);
    let to = address(1, 5683);
    unsafe {
        assert_eq!(mote_coap_uri_parse(bytes(uri), &raw mut parsed), MOTE_OK);
        assert_eq!((parsed.scheme, parsed.is_address, parsed.port), (MOTE_COAP_SCHEME_COAP, 0, 99));
        assert_eq!(text(parsed.host), b"example.com");
        let status = mote_coap_uri_options(
            bytes(uri),
            &raw const to,
            buffer.as_mut_ptr(),
            buffer.len(),
            options.as_mut_ptr(),
            options.len(),
            &raw mut count,
        );
        assert_eq!(status, MOTE_OK);
        let numbers: Vec<u16> = options[..count].iter().map(|option| option.number).collect();
        assert_eq!(numbers, [3, 7, 11, 11, 15, 15]);
        assert_eq!((options[1].integer, text(options[2].value)), (99, b"a/b".to_vec()));
        let status = mote_coap_uri_compose(
            MOTE_COAP_SCHEME_COAP,
            &raw const to,
            options.as_ptr(),
            count,
            null(),
            composed.as_mut_ptr(),
            composed.len(),
            &raw mut len,
        );
        assert_eq!((status, &composed[..len]), (MOTE_OK, &uri[..]));
        assert_eq!(mote_coap_uri_parse(bytes(b"coap://[fe80::1%253]/"), &raw mut parsed), MOTE_OK);
        assert_eq!((parsed.is_address, parsed.address.scope, parsed.address.port), (1, 3, 5683));
        assert_eq!((text(parsed.host), text(parsed.zone)), (b"fe80::1".to_vec(), b"3".to_vec()));
    }
}

#[test]
fn links_and_their_attributes_are_iterated() {
    let document = br#"</a>;rt="x y";ct=40;obs,</b>"#;
    let mut rest = bytes(document);
    let mut link: mote_coap_link = zeroed();
    let mut attribute: mote_coap_attribute = zeroed();
    let (mut matches, mut len, mut value) = (7, 0, [0u8; 8]);
    unsafe {
        assert_eq!(mote_coap_link_next(&raw mut rest, &raw mut link), MOTE_OK);
        assert_eq!(text(link.target), b"/a");
        assert_eq!(mote_coap_link_matches(&raw const link, bytes(b"rt=y"), &raw mut matches), MOTE_OK);
        assert_eq!(matches, 1);
        assert_eq!(
            mote_coap_link_matches(&raw const link, bytes(b"rt"), &raw mut matches),
            MOTE_ERR_MALFORMED
        );
        let mut attributes = link.attributes;
        assert_eq!(mote_coap_attribute_next(&raw mut attributes, &raw mut attribute), MOTE_OK);
        assert_eq!((text(attribute.name), attribute.quoted), (b"rt".to_vec(), 1));
        let status = mote_coap_attribute_value(&raw const attribute, value.as_mut_ptr(), 8, &raw mut len);
        assert_eq!((status, &value[..len]), (MOTE_OK, &b"x y"[..]));
        assert_eq!(mote_coap_attribute_next(&raw mut attributes, &raw mut attribute), MOTE_OK);
        assert_eq!(attribute.number, 40);
        assert_eq!(mote_coap_attribute_next(&raw mut attributes, &raw mut attribute), MOTE_OK);
        assert!(attribute.value.ptr.is_null());
        assert_eq!(mote_coap_attribute_next(&raw mut attributes, &raw mut attribute), MOTE_ERR_END);
        assert_eq!(mote_coap_link_next(&raw mut rest, &raw mut link), MOTE_OK);
        assert_eq!(mote_coap_link_next(&raw mut rest, &raw mut link), MOTE_ERR_END);
    }
}

#[test]
fn problem_details_go_back_and_forth() {
    let numbers = [9u16, 65001];
    let mut given: mote_coap_problem = zeroed();
    given.size = size_of::<mote_coap_problem>() as u32;
    let (mut body, mut len) = ([0u8; 128], 0);
    unsafe {
        let mut write = |given: &mote_coap_problem, capacity| {
            mote_coap_problem_write(given, body.as_mut_ptr(), capacity, &raw mut len)
        };
        assert_eq!(write(&given, 128), MOTE_ERR_INVALID);
        (given.title, given.title_language) = (bytes(b"no"), bytes(b"en"));
        (given.response_code, given.title_direction) = (MOTE_COAP_BAD_OPTION, MOTE_COAP_DIRECTION_LTR);
        (given.unprocessed, given.unprocessed_count) = (numbers.as_ptr(), 2);
        assert_eq!(write(&given, 8), MOTE_ERR_TOO_LARGE);
        assert_eq!(write(&given, 128), MOTE_OK);
        let body = bytes(&body[..len]);
        let mut read = mote_coap_problem { size: given.size, ..zeroed() };
        assert_eq!(mote_coap_problem_read(body, &raw mut read), MOTE_OK);
        assert_eq!((text(read.title), text(read.title_language)), (b"no".to_vec(), b"en".to_vec()));
        assert_eq!((read.response_code, read.title_direction, read.unprocessed_count), (130, 1, 2));
        let mut option = 0;
        assert_eq!(mote_coap_problem_unprocessed(body, 1, &raw mut option), MOTE_OK);
        assert_eq!(option, 65001);
        assert_eq!(mote_coap_problem_unprocessed(body, 2, &raw mut option), MOTE_ERR_END);
        assert_eq!(mote_coap_problem_read(bytes(b"x"), &raw mut read), MOTE_ERR_MALFORMED);
        assert_eq!(mote_coap_problem_read(body, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_problem_write(null(), null_mut(), 0, null_mut()), MOTE_ERR_INVALID);
        given.title_language = bytes(b"");
        assert_eq!(
            mote_coap_problem_write(&raw const given, [0; 9].as_mut_ptr(), 9, &raw mut len),
            MOTE_ERR_INVALID
        );
    }
}

/// Calls every function of an endpoint once; what each says matters less than that all hold.
unsafe fn call_everything(coap: *mut mote_coap, exchange: mote_coap_exchange, request: mote_coap_request) {
    let extra = leak(mote_coap_resource_config {
        size: size_of::<mote_coap_resource_config>() as u32,
        path: bytes(b"/extra"),
        get: Some(hello),
        ..zeroed()
    });
    let (mut at, group, mut handle, mut count) = (zeroed(), address(9, 0), 0, 0);
    let mut statistics =
        mote_coap_statistics { size: size_of::<mote_coap_statistics>() as u32, ..Default::default() };
    let uri = c"coap://[fd00::1]/hello".as_ptr();
    unsafe {
        assert_eq!(mote_coap_local_address(coap, &raw mut at), MOTE_OK);
        assert_eq!(mote_coap_join(coap, &raw const group), MOTE_OK);
        assert_eq!(mote_coap_leave(coap, &raw const group), MOTE_OK);
        assert_eq!(mote_coap_get_statistics(coap, &raw mut statistics), MOTE_OK);
        assert_eq!(mote_coap_observers(coap, &raw mut count), MOTE_OK);
        let mut started = [0; 4];
        let [get, observe, send, ping] = started.each_mut();
        let _ = mote_coap_get(coap, uri, None, null_mut(), get);
        let _ = mote_coap_observe(coap, uri, None, null_mut(), observe);
        let body = bytes(b"x");
        let _ = mote_coap_send(coap, MOTE_COAP_POST, uri, MOTE_COAP_TEXT, body, None, null_mut(), send);
        let _ = mote_coap_ping(coap, &raw const at, None, null_mut(), ping);
        let _ = mote_coap_supply(coap, request, body, 0);
        for request in started.into_iter().chain([request]) {
            let _ = mote_coap_cancel(coap, request);
        }
        assert_eq!(mote_coap_resource_add(coap, extra, null_mut(), &raw mut handle), MOTE_OK);
        assert_eq!(mote_coap_notify(coap, handle), MOTE_OK);
        assert_eq!(mote_coap_resource_remove(coap, handle), MOTE_OK);
        let response: mote_coap_response = mote_coap_response {
            size: size_of::<mote_coap_response>() as u32,
            code: MOTE_COAP_CONTENT,
            ..zeroed()
        };
        let first = mote_coap_respond(coap, exchange, &raw const response);
        assert_eq!(first, if exchange == 0 { MOTE_ERR_STALE } else { MOTE_OK });
        assert_eq!(mote_coap_reply(coap, exchange, MOTE_COAP_CONTENT, 0, body), MOTE_ERR_STALE);
    }
}

unsafe extern "C" fn everything_at_server(user: *mut c_void, incoming: *const mote_coap_incoming) {
    unsafe {
        let (times, incoming) = (&mut *user.cast::<u32>(), &*incoming);
        *times += 1;
        call_everything(incoming.coap, incoming.exchange, 0);
        if *times == 3 {
            assert_eq!(mote_coap_close(incoming.coap), MOTE_OK);
        }
    }
}

unsafe extern "C" fn everything_at_client(user: *mut c_void, event: *const mote_coap_event) {
    unsafe {
        let (seen, event) = (&mut *user.cast::<Seen>(), &*event);
        seen.lasts += usize::from(event.last);
        if event.status != MOTE_ERR_CLOSED {
            call_everything(event.coap, 0, event.request);
            if seen.close {
                assert_eq!(mote_coap_close(event.coap), MOTE_OK);
            }
        }
    }
}

#[test]
fn every_function_may_be_called_inside_every_callback() {
    let world = World::new();
    let times = leak(0u32);
    let path = bytes(b"/everything");
    let config = mote_coap_resource_config { path, get: Some(everything_at_server), ..zeroed() };
    world.add(config, core::ptr::from_mut(times).cast());
    let mut seen = [Seen::default(), Seen::default(), Seen { close: true, ..Seen::default() }];
    for seen in &mut seen {
        let uri = c"coap://[fd00::1]/everything".as_ptr();
        let status =
            unsafe { mote_coap_get(world.client, uri, Some(everything_at_client), user(seen), null_mut()) };
        assert_eq!(status, MOTE_OK);
        world.run(100_000);
    }
    assert_eq!(*times, 3);
    assert_eq!(seen.each_ref().map(|seen| seen.lasts), [1, 1, 1]);
    assert_eq!(unsafe { mote_coap_close(world.server) }, MOTE_ERR_STALE);
    assert_eq!(unsafe { mote_coap_close(world.client) }, MOTE_ERR_STALE);
    world.end();
}
