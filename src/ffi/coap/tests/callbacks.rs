// SPDX-License-Identifier: MIT OR Apache-2.0
//! What callbacks may do.

use super::*;

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
