// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C functions as C calls them, over simulated radios.
#![allow(clippy::undocumented_unsafe_blocks)] // each call passes what the function asks for

use super::*;
use crate::ffi::{
    MOTE_AIR_LINE, MOTE_ERR_CANCELLED, MOTE_ERR_CLOSED, MOTE_ERR_END, MOTE_ERR_INVALID, MOTE_ERR_NO_MEMORY,
    MOTE_ERR_STALE, MOTE_ERR_STATE, MOTE_ERR_TIMEOUT, MOTE_ERR_UNREACHABLE, MOTE_ERR_WOULD_BLOCK, MOTE_OK,
    mote_air, mote_air_attach, mote_air_config, mote_air_detach, mote_air_free, mote_air_new, mote_air_now,
    mote_air_port, mote_air_run, mote_node, mote_node_close, mote_node_config, mote_node_init,
};
use crate::port::mote_port;
use core::ffi::c_void;
use core::ptr::{null, null_mut};

fn zeroed<T: Copy>() -> T {
    // Only used for the plain C structs of the header, for which all zeros is valid.
    unsafe { core::mem::zeroed() }
}

fn bytes(text: &[u8]) -> mote_bytes {
    mote_bytes { ptr: text.as_ptr(), len: text.len() }
}

fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

/// What the callback saw, and what it is to do.
#[derive(Default)]
struct App {
    events: Vec<(mote_mesh_event, Vec<u8>)>,
    close_on: u32,
    echo: bool,
}

unsafe extern "C" fn on_event(user: *mut c_void, event: *const mote_mesh_event) {
    unsafe {
        let app = &mut *user.cast::<App>();
        let event = *event;
        let mesh = event.mesh;
        app.events.push((event, arguments::slice(event.data).unwrap().to_vec()));
        if app.echo && event.kind == MOTE_MESH_UDP {
            assert_eq!(mote_mesh_udp_send(mesh, event.handle, &raw const event.address, event.data), MOTE_OK);
        }
        if app.close_on == event.kind {
            assert_eq!(mote_mesh_close(mesh), MOTE_OK);
        }
    }
}

/// Devices in a line, the first of which is the root.
struct World {
    air: *mut mote_air,
    nodes: Vec<*mut mote_node>,
    meshes: Vec<*mut mote_mesh>,
    apps: Vec<*mut App>,
}

impl World {
    fn new(count: u32, tune: impl Fn(u32, &mut mote_mesh_config)) -> World {
        let mut air = null_mut();
        let config = mote_air_config {
            size: size_of::<mote_air_config>() as u32,
            nodes: count,
            seed: 3,
            placement: MOTE_AIR_LINE,
            range: 12,
            interference: 12,
            ..zeroed()
        };
        assert_eq!(unsafe { mote_air_new(&raw const config, &raw mut air) }, MOTE_OK);
        let mut world = World { air, nodes: Vec::new(), meshes: Vec::new(), apps: Vec::new() };
        for id in 0..count {
            world.add(id, &tune);
        }
        world
    }

    fn add(&mut self, id: u32, tune: &impl Fn(u32, &mut mote_mesh_config)) {
        let mut port: *const mote_port = null();
        let (mut node, mut mesh, mut size) = (null_mut(), null_mut(), 0);
        let app: *mut App = leak(App::default());
        unsafe {
            assert_eq!(mote_air_port(self.air, id, &raw mut port), MOTE_OK);
            let config = mote_node_config {
                size: size_of::<mote_node_config>() as u32,
                port,
                radio_frames: 8,
                ..zeroed()
            };
            let memory = vec![0u8; 8192].leak();
            let status = mote_node_init(memory.as_mut_ptr(), memory.len(), &raw const config, &raw mut node);
            assert_eq!(status, MOTE_OK);
            let mut config = mote_mesh_config {
                size: size_of::<mote_mesh_config>() as u32,
                role: if id == 0 { MOTE_MESH_ROOT } else { MOTE_MESH_ROUTER },
                node,
                on_event: Some(on_event),
                user: app.cast(),
                eui64: [2, 0, 0, 0, 0, 1, 0, id as u8 + 1],
                ..zeroed()
            };
            tune(id, &mut config);
            assert_eq!(mote_mesh_size(&raw const config, &raw mut size), MOTE_OK);
            let memory = vec![0u8; size].leak();
            let short = mote_mesh_init(memory.as_mut_ptr(), size - 32, &raw const config, &raw mut mesh);
            assert_eq!(short, MOTE_ERR_NO_MEMORY);
            assert!(mesh.is_null());
            let status = mote_mesh_init(memory.as_mut_ptr(), size, &raw const config, &raw mut mesh);
            assert_eq!(status, MOTE_OK);
            if id == 0 {
                assert_eq!(mote_mesh_join(mesh), MOTE_ERR_STATE);
                let root = mote_mesh_root_config {
                    size: size_of::<mote_mesh_root_config>() as u32,
                    interval_min: 10,
                    ..zeroed()
                };
                assert_eq!(mote_mesh_start_root(mesh, &raw const root), MOTE_OK);
            } else {
                assert_eq!(mote_mesh_join(mesh), MOTE_OK);
                assert_eq!(mote_mesh_join(mesh), MOTE_ERR_STATE);
            }
            assert_eq!(mote_air_attach(self.air, id, node), MOTE_OK);
        }
        self.nodes.push(node);
        self.meshes.push(mesh);
        self.apps.push(app);
    }

    fn run(&self, milliseconds: u64) {
        let mut now = 0;
        unsafe {
            assert_eq!(mote_air_now(self.air, &raw mut now), MOTE_OK);
            assert_eq!(mote_air_run(self.air, now + milliseconds), MOTE_OK);
        }
    }

    #[allow(clippy::mut_from_ref)] // each is looked at by one statement at a time
    fn app(&self, id: usize) -> &mut App {
        let app: *mut App = self.apps[id];
        unsafe { &mut *app }
    }

    fn seen(&self, id: usize, kind: u32) -> Option<(mote_mesh_event, Vec<u8>)> {
        let events = &mut self.app(id).events;
        let at = events.iter().position(|(event, _)| event.kind == kind)?;
        Some(events.remove(at))
    }

    fn address(&self, id: usize) -> mote_address {
        let mut address = zeroed();
        assert_eq!(unsafe { mote_mesh_get_address(self.meshes[id], 1, &raw mut address) }, MOTE_OK);
        address
    }

    fn ping(&self, from: usize, to: &mote_address, timeout: u32) -> Result<u32> {
        let mut ping = 0;
        let status =
            unsafe { mote_mesh_ping(self.meshes[from], to, 0, timeout, bytes(b"hello"), &raw mut ping) };
        arguments::check(status).map(|()| ping)
    }

    fn end(self) {
        unsafe {
            for (id, node) in self.nodes.iter().enumerate() {
                let _ = mote_mesh_close(self.meshes[id]);
                let _ = mote_air_detach(self.air, id as u32);
                assert_eq!(mote_node_close(*node), MOTE_OK);
            }
            mote_air_free(self.air);
        }
    }
}

#[test]
fn three_devices_join_ping_and_talk() {
    let world = World::new(3, |_, _| {});
    world.run(60_000);
    for id in 0..3 {
        let (joined, _) = world.seen(id, MOTE_MESH_JOINED).unwrap();
        assert_eq!(joined.address.ip, world.address(0).ip);
        assert!(world.seen(id, MOTE_MESH_ADDRESS).is_some());
    }
    let (route, _) = world.seen(0, MOTE_MESH_ROUTE).unwrap();
    assert_eq!(route.prefix_len, 128);

    let ping = world.ping(0, &world.address(2), 5000).unwrap();
    world.run(5000);
    let (reply, data) = world.seen(0, MOTE_MESH_PING_REPLY).unwrap();
    assert_eq!((reply.handle, reply.address.ip, reply.hop_limit), (ping, world.address(2).ip, 63));
    assert_eq!(data, b"hello");
    assert!(reply.round_trip > 0 && reply.round_trip < 1000);

    world.app(2).echo = true;
    let (mut server, mut client) = (0, 0);
    let local = mote_address { port: 7, ..zeroed() };
    unsafe {
        assert_eq!(mote_mesh_udp_open(world.meshes[2], &raw const local, &raw mut server), MOTE_OK);
        assert_eq!(mote_mesh_udp_open(world.meshes[1], &zeroed(), &raw mut client), MOTE_OK);
        let remote = mote_address { port: 7, ..world.address(2) };
        let text = vec![b'x'; 500];
        assert_eq!(mote_mesh_udp_send(world.meshes[1], client, &raw const remote, bytes(&text)), MOTE_OK);
        world.run(5000);
        let (echo, data) = world.seen(1, MOTE_MESH_UDP).unwrap();
        assert_eq!((echo.handle, echo.address.port, data), (client, 7, text));
        assert_eq!(mote_mesh_udp_close(world.meshes[2], server), MOTE_OK);
        assert_eq!(mote_mesh_udp_close(world.meshes[2], server), MOTE_ERR_STALE);
        assert_eq!(mote_mesh_udp_send(world.meshes[1], client, &raw const remote, bytes(b"x")), MOTE_OK);
        world.run(5000);
        let (failed, _) = world.seen(1, MOTE_MESH_UDP_FAILED).unwrap();
        assert_eq!((failed.handle, failed.status), (client, crate::ffi::MOTE_ERR_REFUSED));
    }
    world.end();
}

#[test]
fn a_node_joins_no_instance_but_the_one_that_it_is_to() {
    for (instance, joins) in [(0, true), (MOTE_MESH_NONE, true), (5, false)] {
        let world = World::new(2, |_, config| config.instance = instance);
        world.run(30_000);
        assert_eq!(world.seen(1, MOTE_MESH_JOINED).is_some(), joins, "{instance}");
        world.end();
    }
    let mut size = 0;
    let config = mote_mesh_config {
        size: size_of::<mote_mesh_config>() as u32,
        eui64: [2; 8],
        instance: 256,
        ..zeroed()
    };
    assert_eq!(unsafe { mote_mesh_size(&raw const config, &raw mut size) }, MOTE_ERR_INVALID);
}

#[test]
fn tables_are_read_place_by_place() {
    let world = World::new(3, |_, _| {});
    world.run(60_000);
    unsafe {
        let mut route = mote_mesh_route { size: size_of::<mote_mesh_route>() as u32, ..zeroed() };
        let mut targets = Vec::new();
        for index in 0..2 {
            assert_eq!(mote_mesh_get_route(world.meshes[0], index, &raw mut route), MOTE_OK);
            targets.push(route.target.ip);
        }
        assert_eq!(mote_mesh_get_route(world.meshes[0], 2, &raw mut route), MOTE_ERR_END);
        assert!(targets.contains(&world.address(1).ip) && targets.contains(&world.address(2).ip));

        let mut neighbour = mote_mesh_neighbour { size: size_of::<mote_mesh_neighbour>() as u32, ..zeroed() };
        let mut parents = 0;
        for index in 0..2 {
            assert_eq!(mote_mesh_get_neighbour(world.meshes[1], index, &raw mut neighbour), MOTE_OK);
            assert!(neighbour.etx >= 128 && neighbour.rssi < 0);
            parents += neighbour.parent;
        }
        assert_eq!(parents, 1);
        assert_eq!(mote_mesh_get_neighbour(world.meshes[1], 2, &raw mut neighbour), MOTE_ERR_END);

        let mut dodag = mote_mesh_dodag { size: size_of::<mote_mesh_dodag>() as u32, ..zeroed() };
        assert_eq!(mote_mesh_get_dodag(world.meshes[2], 0, &raw mut dodag), MOTE_OK);
        assert_eq!((dodag.joined, dodag.root, dodag.mode, dodag.has_parent), (1, 0, 1, 1));
        assert_eq!(mote_mesh_get_dodag(world.meshes[2], 9, &raw mut dodag), MOTE_ERR_END);
        let mut statistics =
            mote_mesh_statistics { size: size_of::<mote_mesh_statistics>() as u32, ..zeroed() };
        assert_eq!(mote_mesh_get_statistics(world.meshes[1], &raw mut statistics), MOTE_OK);
        assert!(statistics.rpl_dio_sent > 0 && statistics.ip_forwarded > 0);
        assert_eq!(mote_mesh_get_statistics(null(), &raw mut statistics), MOTE_ERR_INVALID);
    }
    world.end();
}

#[test]
fn pings_end_once_each_and_closing_in_the_callback_is_allowed() {
    let world = World::new(2, |_, _| {});
    world.run(60_000);
    let mut nobody = world.address(1);
    nobody.ip[15] = 99;
    let ping = world.ping(1, &nobody, 3000).unwrap();
    world.run(3000);
    let (failed, _) = world.seen(1, MOTE_MESH_PING_FAILED).unwrap();
    assert_eq!((failed.handle, failed.status), (ping, MOTE_ERR_UNREACHABLE));
    assert_eq!((failed.icmp_type, failed.icmp_code, failed.address.ip), (1, 0, world.address(0).ip));
    assert!(world.seen(1, MOTE_MESH_PING_FAILED).is_none());

    assert_eq!(unsafe { mote_air_detach(world.air, 1) }, MOTE_OK);
    let ping = world.ping(0, &world.address(1), 1000).unwrap();
    world.run(2000);
    let (failed, _) = world.seen(0, MOTE_MESH_PING_FAILED).unwrap();
    assert_eq!((failed.handle, failed.status), (ping, MOTE_ERR_TIMEOUT));

    let ping = world.ping(0, &world.address(1), 1000).unwrap();
    assert_eq!(unsafe { mote_mesh_ping_cancel(world.meshes[0], ping) }, MOTE_OK);
    world.app(0).close_on = MOTE_MESH_PING_FAILED;
    world.run(10);
    let (failed, _) = world.seen(0, MOTE_MESH_PING_FAILED).unwrap();
    assert_eq!((failed.handle, failed.status), (ping, MOTE_ERR_CANCELLED));
    assert_eq!(unsafe { mote_mesh_close(world.meshes[0]) }, MOTE_ERR_STALE);
    assert_eq!(world.ping(0, &nobody, 1).err(), Some(Error::Stale));
    world.end();
}

#[test]
fn closing_a_mesh_ends_its_pings() {
    let world = World::new(2, |_, config| config.pings = 2);
    world.run(60_000);
    let pings = [1000, u32::MAX].map(|timeout| world.ping(0, &world.address(1), timeout).unwrap());
    assert_eq!(unsafe { mote_mesh_close(world.meshes[0]) }, MOTE_OK);
    for ping in pings {
        let (failed, _) = world.seen(0, MOTE_MESH_PING_FAILED).unwrap();
        assert_eq!((failed.handle, failed.status), (ping, MOTE_ERR_CLOSED));
    }
    assert!(world.seen(0, MOTE_MESH_PING_FAILED).is_none());
    world.end();
}

#[test]
fn a_radio_serves_one_mesh_at_a_time() {
    let mut world = World::new(1, |_, _| {});
    let config = mote_mesh_config {
        size: size_of::<mote_mesh_config>() as u32,
        node: world.nodes[0],
        eui64: [2, 0, 0, 0, 0, 1, 0, 9],
        ..zeroed()
    };
    let memory = vec![0u8; 65_536].leak();
    let mut second = null_mut();
    let mut init =
        || unsafe { mote_mesh_init(memory.as_mut_ptr(), memory.len(), &raw const config, &raw mut second) };
    assert_eq!(init(), MOTE_ERR_STATE);
    assert_eq!(unsafe { mote_mesh_close(world.meshes[0]) }, MOTE_OK);
    assert_eq!(init(), MOTE_OK);
    world.meshes[0] = second;
    world.end();
}

#[test]
fn the_host_side_of_a_border_router_is_a_queue_each_way() {
    let world = World::new(2, |id, config| {
        if id == 0 {
            config.host_queue = 2048;
        }
    });
    world.run(60_000);
    // An echo request from outside, as a kernel would route it here.
    let target = world.address(1);
    let outside = Ip::parse("2001:db8::1").unwrap();
    let mut packet = vec![0x60, 0, 0, 0, 0, 16, 58, 64];
    packet.extend_from_slice(&outside.0);
    packet.extend_from_slice(&target.ip);
    let mut icmp = vec![128, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let sum = crate::checksum::transport(&outside, &Ip(target.ip), 58, &icmp);
    icmp[2..4].copy_from_slice(&sum.to_be_bytes());
    packet.extend_from_slice(&icmp);
    unsafe {
        assert_eq!(mote_mesh_host_packet(world.meshes[0], bytes(&packet)), MOTE_OK);
        world.run(3000);
        let (_, reply) = world.seen(0, MOTE_MESH_HOST_PACKET).unwrap();
        assert_eq!((reply[6], &reply[8..24], &reply[24..40]), (58, &target.ip[..], &outside.0[..]));
        assert_eq!((reply[40], &reply[44..]), (129, &icmp[4..]));
        // The border router itself is asked, and asks.
        packet[24..40].copy_from_slice(&world.address(0).ip);
        assert_eq!(mote_mesh_host_packet(world.meshes[0], bytes(&packet)), MOTE_OK);
        let full = vec![0; 1500];
        assert_eq!(mote_mesh_host_packet(world.meshes[0], bytes(&full)), MOTE_OK);
        assert_eq!(mote_mesh_host_packet(world.meshes[0], bytes(&full)), MOTE_ERR_WOULD_BLOCK);
        assert_eq!(mote_mesh_host_packet(world.meshes[1], bytes(&full)), MOTE_ERR_UNREACHABLE);
        world.run(10);
        assert!(world.seen(0, MOTE_MESH_HOST_PACKET).is_none(), "its checksum was for another");
        assert!(world.ping(0, &mote_address { ip: outside.0, ..zeroed() }, 1000).is_ok());
        world.run(10);
        assert!(world.seen(0, MOTE_MESH_HOST_PACKET).is_some());
    }
    world.end();
}

#[cfg(feature = "coap")]
mod coap {
    use super::*;
    use crate::ffi::{
        MOTE_COAP_CONTENT, MOTE_COAP_RESPONSE, MOTE_COAP_TEXT, mote_coap, mote_coap_close, mote_coap_config,
        mote_coap_event, mote_coap_incoming, mote_coap_init, mote_coap_reply, mote_coap_request_config,
        mote_coap_resource_add, mote_coap_resource_config, mote_coap_size, mote_coap_start,
    };

    fn endpoint(world: &World, id: usize, port: u16) -> *mut mote_coap {
        let (mut transport, mut size, mut coap) = (0, 0, null_mut());
        unsafe {
            let local = mote_address { port, ..zeroed() };
            let status = mote_mesh_udp_transport(world.meshes[id], &raw const local, &raw mut transport);
            assert_eq!(status, MOTE_OK);
            let config = mote_coap_config {
                size: size_of::<mote_coap_config>() as u32,
                node: world.nodes[id],
                transport,
                ..zeroed()
            };
            assert_eq!(mote_coap_size(&raw const config, &raw mut size), MOTE_OK);
            let memory = vec![0u8; size].leak();
            let status = mote_coap_init(memory.as_mut_ptr(), size, &raw const config, &raw mut coap);
            assert_eq!(status, MOTE_OK);
        }
        coap
    }

    unsafe extern "C" fn on_response(user: *mut c_void, event: *const mote_coap_event) {
        unsafe {
            let event = &*event;
            let text = arguments::slice(event.payload).unwrap().to_vec();
            (*user.cast::<Vec<(u32, Vec<u8>)>>()).push((event.kind, text));
        }
    }

    unsafe extern "C" fn reading(_: *mut c_void, incoming: *const mote_coap_incoming) {
        unsafe {
            let incoming = &*incoming;
            let payload = bytes(b"21.5");
            let (coap, exchange) = (incoming.coap, incoming.exchange);
            let status = mote_coap_reply(coap, exchange, MOTE_COAP_CONTENT, MOTE_COAP_TEXT, payload);
            assert_eq!(status, MOTE_OK);
        }
    }

    /// The ICMPv6 error of the node there ends it, long before its time is out.
    #[test]
    fn a_request_that_the_mesh_reports_as_refused_ends_at_once() {
        let world = World::new(3, |_, _| {});
        world.run(60_000);
        let client = endpoint(&world, 0, 0);
        let seen: *mut Vec<(u32, Vec<u8>)> = leak(Vec::new());
        unsafe {
            let mut remote = world.address(2);
            remote.port = 5683;
            let request = mote_coap_request_config {
                size: size_of::<mote_coap_request_config>() as u32,
                remote,
                callback: Some(on_response),
                user: seen.cast(),
                ..zeroed()
            };
            assert_eq!(mote_coap_start(client, &raw const request, null_mut()), MOTE_OK);
            world.run(2000);
            assert_eq!(*seen, [(crate::ffi::MOTE_COAP_ENDED, Vec::new())]);
            assert_eq!(mote_coap_close(client), MOTE_OK);
        }
        world.end();
    }

    #[test]
    fn coap_runs_over_the_mesh_unchanged() {
        let world = World::new(3, |_, _| {});
        world.run(60_000);
        let server = endpoint(&world, 2, 5683);
        let client = endpoint(&world, 0, 0);
        let seen: *mut Vec<(u32, Vec<u8>)> = leak(Vec::new());
        unsafe {
            let resource = mote_coap_resource_config {
                size: size_of::<mote_coap_resource_config>() as u32,
                path: bytes(b"/reading"),
                get: Some(reading),
                ..zeroed()
            };
            let added = mote_coap_resource_add(server, &raw const resource, null_mut(), null_mut());
            assert_eq!(added, MOTE_OK);
            let mut text = [0u8; 64];
            let mut writer = crate::bytes::Writer::new(&mut text);
            writer.put(b"coap://[").unwrap();
            Ip(world.address(2).ip).emit(&mut writer).unwrap();
            writer.put(b"]/reading").unwrap();
            let request = mote_coap_request_config {
                size: size_of::<mote_coap_request_config>() as u32,
                uri: bytes(writer.written()),
                callback: Some(on_response),
                user: seen.cast(),
                ..zeroed()
            };
            assert_eq!(mote_coap_start(client, &raw const request, null_mut()), MOTE_OK);
            world.run(5000);
            assert_eq!(*seen, [(MOTE_COAP_RESPONSE, b"21.5".to_vec())]);
            // The mesh goes first: what is under way ends at once, and the next request has no way out.
            assert_eq!(mote_coap_start(client, &raw const request, null_mut()), MOTE_OK);
            assert_eq!(mote_mesh_close(world.meshes[0]), MOTE_OK);
            world.run(1);
            assert_eq!((&*seen)[1..], [(crate::ffi::MOTE_COAP_ENDED, Vec::new())]);
            if mote_coap_start(client, &raw const request, null_mut()) == MOTE_OK {
                world.run(200_000);
                assert_eq!((&*seen)[2..], [(crate::ffi::MOTE_COAP_ENDED, Vec::new())]);
            }
            assert_eq!(mote_coap_close(client), MOTE_OK);
            assert_eq!(mote_coap_close(server), MOTE_OK);
        }
        world.end();
    }
}
