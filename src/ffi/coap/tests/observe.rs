// SPDX-License-Identifier: MIT OR Apache-2.0
//! Observations.

use super::*;

/// A resource at `/obs` that answers what `state` holds.
fn observable(world: &World, state: &mut Vec<u8>) -> mote_coap_resource {
    let config = mote_coap_resource_config {
        path: bytes(b"/obs"),
        flags: MOTE_COAP_OBSERVABLE,
        get: Some(store),
        ..zeroed()
    };
    world.add(config, core::ptr::from_mut(state).cast())
}

#[test]
fn an_observation_brings_states_until_it_is_cancelled() {
    let world = World::new();
    let state = leak(b"one".to_vec());
    let resource = observable(&world, state);
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
    let resource = observable(&world, state);
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

unsafe extern "C" fn on_states(user: *mut c_void, event: *const mote_coap_event) {
    unsafe {
        let (seen, event) = (&mut *user.cast::<Seen>(), &*event);
        seen.events.push((event.kind, event.status, event.code, text(event.payload)));
        seen.lasts += usize::from(event.last);
        seen.body.extend_from_slice(&text(event.payload));
    }
}
