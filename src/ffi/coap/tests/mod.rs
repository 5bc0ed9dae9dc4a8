// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C functions as C calls them, over a simulated network.
#![allow(clippy::undocumented_unsafe_blocks)] // each call passes what the function asks for

mod callbacks;
mod forms;
mod observe;
mod requests;

use super::*;
use crate::ffi::{
    MOTE_ERR_CANCELLED, MOTE_ERR_CLOSED, MOTE_ERR_END, MOTE_ERR_INVALID, MOTE_ERR_MALFORMED,
    MOTE_ERR_NO_MEMORY, MOTE_ERR_NOT_FOUND, MOTE_ERR_REFUSED, MOTE_ERR_STALE, MOTE_ERR_TIMEOUT,
    MOTE_ERR_TOO_LARGE, MOTE_ERR_UNSUPPORTED, MOTE_OK, mote_node, mote_node_close, mote_node_config,
    mote_node_init, mote_node_post, mote_sim, mote_sim_free, mote_sim_host, mote_sim_link, mote_sim_new,
    mote_sim_now, mote_sim_run, mote_sim_set_link,
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
    // The client gathers what it sends, the server does not.
    let send_batch = if last == 2 { 4 } else { 0 };
    node_of(mote_node_config { port: port_on(sim, last), send_batch, ..zeroed() })
}

fn port_on(sim: *mut mote_sim, last: u8) -> *const mote_port {
    let mut port = null();
    let status = unsafe { mote_sim_host(sim, &raw const *leak(address(last, 0)), &raw mut port) };
    assert_eq!(status, MOTE_OK);
    port
}

fn node_of(config: mote_node_config) -> *mut mote_node {
    let config = mote_node_config { size: size_of::<mote_node_config>() as u32, ..config };
    let (memory, mut node) = (vec![0u8; 16384].leak(), null_mut());
    let status =
        unsafe { mote_node_init(memory.as_mut_ptr(), memory.len(), &raw const config, &raw mut node) };
    assert_eq!(status, MOTE_OK);
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
        add_to(self.server, config, user)
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

fn add_to(
    server: *mut mote_coap,
    config: mote_coap_resource_config,
    user: *mut c_void,
) -> mote_coap_resource {
    let size = size_of::<mote_coap_resource_config>() as u32;
    let config = leak(mote_coap_resource_config { size, ..config });
    let mut resource = 0;
    let status = unsafe { mote_coap_resource_add(server, config, user, &raw mut resource) };
    assert_eq!(status, MOTE_OK);
    resource
}

/// Adds `/hello`; the port that it is served at.
fn greet(server: *mut mote_coap) -> u16 {
    add_to(
        server,
        mote_coap_resource_config { path: bytes(b"/hello"), get: Some(hello), ..zeroed() },
        null_mut(),
    );
    let mut at: mote_address = zeroed();
    assert_eq!(unsafe { mote_coap_local_address(server, &raw mut at) }, MOTE_OK);
    at.port
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

/// A request whose events are seen.
fn asking(uri: &[u8], seen: &mut Seen) -> mote_coap_request_config {
    mote_coap_request_config {
        size: size_of::<mote_coap_request_config>() as u32,
        uri: bytes(uri),
        callback: Some(on_event),
        user: user(seen),
        ..zeroed()
    }
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
