// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests and their answers.

use super::*;
use crate::ffi::mote_lookup;

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
            method: MOTE_COAP_PUT,
            payload: bytes(&body[..if stays == 1 { 5000 } else { 1024 }]),
            payload_stays: stays,
            more: 1 - stays,
            total: 5000,
            ..asking(b"coap://[fd00::1]/large", &mut seen)
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

fn start_by_name(
    coap: *mut mote_coap,
    config: &mote_coap_request_config,
    request: &mut mote_coap_request,
    lookup: &mut *mut mote_lookup,
) -> mote_status {
    let memory = vec![0u8; MOTE_COAP_NAME_MEM].leak();
    unsafe { mote_coap_start_by_name(memory.as_mut_ptr(), memory.len(), coap, config, request, lookup) }
}

/// Over the platform, which resolves `localhost`.
#[cfg(target_os = "linux")]
#[test]
fn a_host_by_name_is_looked_up_first() {
    use crate::ffi::{mote_lookup_cancel, mote_node_run};
    let node = node_of(mote_node_config { port: crate::linux::mote_port_linux(), ..zeroed() });
    let (server, client) = (endpoint(&config_for(node)), endpoint(&config_for(node)));
    let port = greet(server);
    let run = |seen: &Seen, lasts: usize| {
        for _ in 0..2000 {
            if seen.lasts >= lasts {
                break;
            }
            assert_eq!(unsafe { mote_node_run(node, 20) }, MOTE_OK);
        }
        assert_eq!(seen.lasts, lasts);
    };
    let mut seen = Seen::default();
    let start = |coap, uri: &str, seen: &mut Seen| {
        let (request, lookup) = leak((7, null_mut()));
        (start_by_name(coap, &asking(uri.as_bytes(), seen), request, lookup), *request, *lookup)
    };
    let named = format!("coap://local%68ost:{}/hello", port);
    let (status, request, lookup) = start(client, &named, &mut seen);
    assert_eq!((status, request, lookup.is_null(), seen.lasts), (MOTE_OK, 0, false, 0));
    run(&seen, 1);
    assert_eq!(seen.events.last().unwrap().3, b"hello");
    // A literal needs no look-up.
    seen.body.clear();
    let literal = format!("coap://127.0.0.1:{}/hello", port);
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

std::thread_local! {
    /// What the resolver of the tests below says.
    static ADDRESSES: std::cell::RefCell<Vec<mote_address>> = const { std::cell::RefCell::new(Vec::new()) };
}

mod resolver {
    use super::*;
    use crate::port::mote_port_resolver;

    unsafe extern "C" fn start(
        _: *mut c_void,
        _: *const u8,
        _: usize,
        _: u32,
        query: *mut usize,
    ) -> mote_status {
        unsafe { query.write(1) };
        MOTE_OK
    }

    unsafe extern "C" fn take(
        _: *mut c_void,
        _: usize,
        addresses: *mut mote_address,
        capacity: usize,
        count: *mut usize,
    ) -> mote_status {
        let known = ADDRESSES.take();
        assert!(known.len() <= capacity);
        unsafe {
            known.iter().enumerate().for_each(|(index, address)| addresses.add(index).write(*address));
            count.write(known.len());
        }
        MOTE_OK
    }

    unsafe extern "C" fn cancel(_: *mut c_void, _: usize) {}

    pub(super) static TABLE: mote_port_resolver = mote_port_resolver {
        size: size_of::<mote_port_resolver>() as u32,
        reserved: 0,
        start: Some(start),
        take: Some(take),
        cancel: Some(cancel),
    };
}

/// The addresses of a host are asked one after the other, where that can do no harm.
#[test]
fn the_further_addresses_of_a_host_are_tried() {
    let mut sim = null_mut();
    assert_eq!(unsafe { mote_sim_new(7, &raw mut sim) }, MOTE_OK);
    let server_node = node_on(sim, 1);
    let port = leak(mote_port { resolver: &resolver::TABLE, ..unsafe { *port_on(sim, 2) } });
    let node = node_of(mote_node_config { port, ..zeroed() });
    let listening =
        mote_coap_config { local: mote_address { port: 5683, ..zeroed() }, ..config_for(server_node) };
    let world = World {
        sim,
        nodes: [server_node, node],
        server: endpoint(&listening),
        client: endpoint(&config_for(node)),
    };
    greet(world.server);
    let (here, nobody) = (address(1, 0), [address(7, 0), address(8, 0), address(9, 0)]);
    let ask = |method: u8, timeout: u32, addresses: &[mote_address]| {
        ADDRESSES.set(addresses.to_vec());
        let seen: &mut Seen = leak(Seen::default());
        let config = mote_coap_request_config { method, timeout, ..asking(b"coap://host/hello", seen) };
        // They are written once more when the first address is known.
        let (request, lookup) = leak((7, null_mut()));
        let status = start_by_name(world.client, &config, request, lookup);
        assert_eq!((status, *request), (MOTE_OK, 0));
        let (mut begin, mut now) = (0, 0);
        unsafe {
            assert_eq!(mote_sim_now(world.sim, &raw mut begin), MOTE_OK);
            loop {
                world.run(1000);
                assert_eq!(mote_sim_now(world.sim, &raw mut now), MOTE_OK);
                assert!(now - begin < 1_000_000);
                if seen.lasts > 0 {
                    break;
                }
            }
        }
        assert_eq!((seen.lasts, seen.events.len()), (1, 1));
        assert_eq!(*request == 0, addresses.is_empty());
        (seen.events[0].1, seen.body.clone(), now - begin)
    };
    // One attempt without an answer takes 62 to 93 seconds.
    let (status, body, took) = ask(0, 0, &[here, nobody[0]]);
    assert_eq!((status, &body[..]), (MOTE_OK, &b"hello"[..]));
    assert!(took <= 1000);
    let (status, body, took) = ask(0, 0, &[nobody[0], here]);
    assert_eq!((status, &body[..]), (MOTE_OK, &b"hello"[..]));
    assert!((62_000..=94_000).contains(&took), "{took}");
    // All fail; and there is an end to it.
    let (status, _, took) = ask(0, 0, &nobody[..2]);
    assert_eq!(status, MOTE_ERR_TIMEOUT);
    assert!((124_000..=188_000).contains(&took), "{took}");
    let (status, _, took) = ask(0, 30_000, &nobody);
    assert_eq!(status, MOTE_ERR_TIMEOUT);
    assert!((62_000..=94_000).contains(&took), "{took}");
    // What must not be done twice may have arrived: only that it has not lets it go elsewhere.
    let (status, _, took) = ask(MOTE_COAP_POST, 0, &[nobody[0], here]);
    assert_eq!(status, MOTE_ERR_TIMEOUT);
    assert!((62_000..=94_000).contains(&took), "{took}");
    assert_eq!(ask(0, 0, &[]).0, MOTE_ERR_NOT_FOUND);
    world.end();
}

/// On Linux the network says at once that nobody listens at the first address.
#[cfg(target_os = "linux")]
#[test]
fn the_next_address_is_asked_when_the_first_refuses() {
    use crate::address::{Ip, SocketAddress};
    use crate::ffi::mote_node_run;
    use crate::port::mote_port_alarm;
    let linux = unsafe { *crate::linux::mote_port_linux() };
    // The resolver here tells nobody that it has an answer.
    let alarm = leak(mote_port_alarm { reports_readiness: 0, ..unsafe { *linux.alarm } });
    let port = leak(mote_port { resolver: &resolver::TABLE, alarm, ..linux });
    let node = node_of(mote_node_config { port, ..zeroed() });
    let there = |ip| mote_address::from(SocketAddress::new(ip, 0));
    let (first, second) = (there(Ip::LOOPBACK), there(Ip::v4([127, 0, 0, 1])));
    let (server, client) =
        (endpoint(&mote_coap_config { local: second, ..config_for(node) }), endpoint(&config_for(node)));
    let port = greet(server);
    for (addresses, outcome) in [([first, second], MOTE_OK), ([first, first], MOTE_ERR_REFUSED)] {
        ADDRESSES.set(addresses.to_vec());
        let uri = format!("coap://host:{}/hello", port);
        let mut seen = Seen::default();
        let (request, lookup) = leak((7, null_mut()));
        let config = asking(uri.as_bytes(), &mut seen);
        assert_eq!(start_by_name(client, &config, request, lookup), MOTE_OK);
        let mut turns = 0;
        // Far sooner than anything is sent again.
        while seen.lasts == 0 && turns < 50 {
            assert_eq!(unsafe { mote_node_run(node, 20) }, MOTE_OK);
            turns += 1;
        }
        assert_eq!((seen.lasts, seen.events[0].1), (1, outcome));
    }
    unsafe {
        assert_eq!(mote_coap_close(client), MOTE_OK);
        assert_eq!(mote_coap_close(server), MOTE_OK);
        assert_eq!(mote_node_close(node), MOTE_OK);
    }
}
