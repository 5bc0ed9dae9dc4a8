// SPDX-License-Identifier: MIT OR Apache-2.0
//! The node with objects that note what happens to them, over a port made here.

use super::*;
use crate::ffi::{
    MOTE_ERR_INVALID, MOTE_ERR_NO_MEMORY, MOTE_ERR_STALE, MOTE_ERR_STATE, MOTE_ERR_VERSION, MOTE_OK,
};
use crate::port::*;
use crate::table::Handle;
use crate::transport::{DatagramEvent, Path};
use ::core::cell::RefCell;
use std::collections::VecDeque;

/// A world with one socket: what the port was told, and what it will bring.
#[derive(Default)]
struct World {
    now: u64,
    incoming: VecDeque<(u16, Vec<u8>)>,
    outgoing: Vec<(u16, Vec<u8>)>,
    room: usize,
    /// The socket that takes nothing.
    blocked: usize,
    /// The token of the last socket, and what the next wait says of it.
    token: u32,
    ready: u32,
    /// Whether anybody looks at the tap, and how much passed it.
    watched: u8,
    tapped: usize,
    receive_error: i32,
    receive_calls: usize,
    open: usize,
    entropy: i32,
    port_open: i32,
}

unsafe fn world<'a>(state: *mut c_void) -> &'a mut World {
    // SAFETY: every port below is made with a `RefCell<World>` leaked for the test.
    unsafe { &mut *(*state.cast::<RefCell<World>>()).as_ptr() }
}

unsafe extern "C" fn now(state: *mut c_void) -> u64 {
    // SAFETY: as in `world`.
    unsafe { world(state) }.now
}

unsafe extern "C" fn entropy_fill(state: *mut c_void, out: *mut u8, len: usize) -> i32 {
    // SAFETY: `out` has `len` bytes by contract.
    unsafe {
        out.write_bytes(7, len);
        world(state).entropy
    }
}

unsafe extern "C" fn wait(
    state: *mut c_void,
    deadline: u64,
    ready: *mut mote_port_ready,
    _: usize,
    count: *mut usize,
) -> i32 {
    // SAFETY: as in `world`; `ready` has room for at least one, and `count` is an output.
    unsafe {
        let world = world(state);
        if world.incoming.is_empty() && deadline != u64::MAX {
            world.now = world.now.max(deadline);
        }
        ready.write(mote_port_ready { token: world.token, flags: world.ready });
        count.write(usize::from(world.ready != 0));
        world.ready = 0;
    }
    MOTE_OK
}

unsafe extern "C" fn tap_pass(
    state: *mut c_void,
    _: u32,
    _: *const mote_address,
    _: *const mote_address,
    _: mote_bytes,
) {
    // SAFETY: as in `world`.
    unsafe { world(state) }.tapped += 1;
}

unsafe extern "C" fn tap_active(state: *mut c_void) -> u8 {
    // SAFETY: as in `world`.
    unsafe { world(state) }.watched
}

unsafe extern "C" fn udp_open(
    state: *mut c_void,
    _: *const mote_address,
    _: u32,
    token: u32,
    socket: *mut usize,
) -> i32 {
    // SAFETY: as in `world`; `socket` is an output.
    unsafe {
        world(state).token = token;
        world(state).open += 1;
        socket.write(world(state).open);
    }
    MOTE_OK
}

unsafe extern "C" fn udp_close(state: *mut c_void, _: usize) {
    // SAFETY: as in `world`.
    unsafe { world(state) }.open -= 1;
}

unsafe extern "C" fn udp_receive(
    state: *mut c_void,
    _: usize,
    datagrams: *mut mote_port_datagram,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    // SAFETY: the node's buffers, as in the contract.
    unsafe {
        let world = world(state);
        world.receive_calls += 1;
        if world.receive_error != 0 {
            return world.receive_error;
        }
        let mut taken = 0;
        while taken < capacity {
            let Some((port, data)) = world.incoming.pop_front() else { break };
            let datagram = &mut *datagrams.add(taken);
            datagram.remote.port = port;
            if data.len() > datagram.len {
                datagram.flags = MOTE_UDP_TRUNCATED;
            }
            datagram.len = datagram.len.min(data.len());
            datagram.data.copy_from_nonoverlapping(data.as_ptr(), datagram.len);
            taken += 1;
        }
        count.write(taken);
        if taken == 0 { crate::ffi::MOTE_ERR_WOULD_BLOCK } else { MOTE_OK }
    }
}

unsafe extern "C" fn udp_send(
    state: *mut c_void,
    socket: usize,
    datagrams: *const mote_port_datagram,
    count: usize,
    sent: *mut usize,
) -> i32 {
    // SAFETY: the node's buffers, as in the contract.
    unsafe {
        let world = world(state);
        let mut taken = 0;
        if socket == world.blocked {
            return crate::ffi::MOTE_ERR_WOULD_BLOCK;
        }
        while taken < count && world.room > 0 {
            let datagram = &*datagrams.add(taken);
            if datagram.remote.port == 13 {
                break;
            }
            let data = ::core::slice::from_raw_parts(datagram.data, datagram.len).to_vec();
            world.outgoing.push((datagram.remote.port, data));
            world.room -= 1;
            taken += 1;
        }
        sent.write(taken);
        match taken {
            0 if world.room > 0 => crate::ffi::MOTE_ERR_UNREACHABLE,
            0 => crate::ffi::MOTE_ERR_WOULD_BLOCK,
            _ => MOTE_OK,
        }
    }
}

unsafe extern "C" fn port_open(_: *mut c_void, user: *mut c_void) -> i32 {
    // SAFETY: as in `world`.
    unsafe { world(user) }.port_open
}

fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

fn make_world() -> (&'static RefCell<World>, *const mote_port) {
    let world: &'static RefCell<World> =
        leak(RefCell::new(World { room: 100, now: 1000, ..World::default() }));
    let size = |bytes: usize| bytes as u32;
    let clock =
        leak(mote_port_clock { size: size(size_of::<mote_port_clock>()), reserved: 0, now: Some(now) });
    let entropy = leak(mote_port_entropy {
        size: size(size_of::<mote_port_entropy>()),
        reserved: 0,
        fill: Some(entropy_fill),
    });
    let alarm = leak(mote_port_alarm {
        size: size(size_of::<mote_port_alarm>()),
        reports_readiness: 0,
        wait: Some(wait),
        wake: None,
        descriptor: None,
        arm: None,
    });
    let udp = leak(mote_port_udp {
        size: size(size_of::<mote_port_udp>()),
        reserved: 0,
        open: Some(udp_open),
        close: Some(udp_close),
        local_address: None,
        receive: Some(udp_receive),
        send: Some(udp_send),
        join: None,
        leave: None,
    });
    let port = leak(mote_port {
        size: size(size_of::<mote_port>()),
        state_size: 0,
        user: ::core::ptr::from_ref(world).cast_mut().cast(),
        open: Some(port_open),
        close: None,
        clock,
        entropy,
        alarm,
        udp,
        tcp: ::core::ptr::null(),
        resolver: ::core::ptr::null(),
        radio: ::core::ptr::null(),
        store: ::core::ptr::null(),
        log: ::core::ptr::null(),
        tap: ::core::ptr::null(),
        tun: ::core::ptr::null(),
    });
    (world, port)
}

fn config_for(port: *const mote_port) -> mote_node_config {
    mote_node_config {
        size: size_of::<mote_node_config>() as u32,
        objects: 0,
        sources: 0,
        port,
        receive_size: 0,
        receive_batch: 0,
        send_batch: 0,
        send_size: 0,
        radio_frames: 0,
        reserved: 0,
    }
}

fn make_node(config: &mote_node_config) -> *mut mote_node {
    let mut size = 0;
    let mut node = ::core::ptr::null_mut();
    // SAFETY: everything is valid and leaked.
    unsafe {
        assert_eq!(mote_node_size(config, &raw mut size), MOTE_OK);
        let memory = vec![0u8; size].leak();
        // At most 15 of the bytes are there for a block that is not aligned.
        assert_eq!(mote_node_init(memory.as_mut_ptr(), size - 16, config, &raw mut node), MOTE_ERR_NO_MEMORY);
        assert!(node.is_null());
        assert_eq!(mote_node_init(memory.as_mut_ptr(), size, config, &raw mut node), MOTE_OK);
    }
    node
}

/// An object that echoes datagrams, notes events and does what it is told in its callback.
struct Probe {
    node: NodeRef,
    handle: Option<Handle>,
    source: Option<Handle>,
    seen: Vec<String>,
    deadline: Instant,
    polls: usize,
    close_on_event: bool,
}

static PROBE: Driver = Driver { poll, deadline, datagram, ready: Driver::NOT_READY };

unsafe fn poll(object: *mut c_void) -> bool {
    // SAFETY: attached by `Probe::attach`.
    let probe = unsafe { &mut *object.cast::<Probe>() };
    probe.polls += 1;
    probe.deadline = Instant::NEVER;
    false
}

unsafe fn deadline(object: *const c_void) -> Instant {
    // SAFETY: attached by `Probe::attach`.
    unsafe { &*object.cast::<Probe>() }.deadline
}

unsafe fn datagram(object: *mut c_void, source: Handle, event: DatagramEvent<'_>) {
    // SAFETY: attached by `Probe::attach`.
    let probe = unsafe { &mut *object.cast::<Probe>() };
    let node = probe.node;
    match event {
        DatagramEvent::Received { path, data } => {
            let sent = Lent::of(node, source).context().transport.send(&path.reply(), data);
            probe.seen.push(format!("{} {:?}", String::from_utf8_lossy(data), sent));
            // SAFETY: a node; inside a turn these are refused and change nothing.
            unsafe {
                if !node.with(|core| core.running) {
                    return;
                }
                assert_eq!(mote_node_run(node.pointer(), 0), MOTE_ERR_STATE);
                assert_eq!(mote_node_poll(node.pointer()), MOTE_ERR_STATE);
                assert_eq!(mote_node_close(node.pointer()), MOTE_ERR_STATE);
            }
            if probe.close_on_event {
                node.detach(probe.handle.unwrap());
            }
        }
        other => probe.seen.push(format!("{other:?}").chars().take(6).collect()),
    }
}

impl Probe {
    fn attach(node: *mut mote_node) -> &'static mut Probe {
        // SAFETY: a node made by `make_node`.
        let node = unsafe { NodeRef::new(node) }.unwrap();
        let probe = leak(Probe {
            node,
            handle: None,
            source: None,
            seen: Vec::new(),
            deadline: Instant::NEVER,
            polls: 0,
            close_on_event: false,
        });
        let handle = node.attach((&raw mut *probe).cast(), &PROBE).unwrap();
        probe.handle = Some(handle);
        probe.source = Some(node.open_udp(handle, &mote_address::default(), 0).unwrap());
        probe
    }

    fn send(&self, port: u16, data: &[u8]) -> Result<()> {
        let mut path = Path::default();
        path.remote.port = port;
        Lent::of(self.node, self.source.unwrap()).context().transport.send(&path, data)
    }
}

fn run(node: *mut mote_node, timeout: u64) {
    // SAFETY: a node made by `make_node`.
    assert_eq!(unsafe { mote_node_run(node, timeout) }, MOTE_OK);
}

#[test]
fn datagrams_come_in_and_go_out_at_once_without_batches() {
    let (world, port) = make_world();
    let node = make_node(&config_for(port));
    let probe = Probe::attach(node);
    world.borrow_mut().incoming.extend([(1, b"one".to_vec()), (2, b"two".to_vec())]);
    run(node, 5);
    assert_eq!(probe.seen, ["one Ok(())", "two Ok(())"]);
    assert_eq!(world.borrow().outgoing, [(1, b"one".to_vec()), (2, b"two".to_vec())]);
    assert_eq!(probe.send(13, b"x"), Err(Error::Unreachable));
    world.borrow_mut().room = 0;
    assert_eq!(probe.send(1, b"x"), Err(Error::WouldBlock));
}

#[test]
fn batches_gather_and_failures_come_back_as_events() {
    let (world, port) = make_world();
    let config = mote_node_config { receive_batch: 4, send_batch: 3, receive_size: 8, ..config_for(port) };
    let node = make_node(&config);
    let probe = Probe::attach(node);
    world.borrow_mut().incoming.extend([
        (13, b"no".to_vec()),
        (2, b"two".to_vec()),
        (3, b"far too long".to_vec()),
    ]);
    run(node, 5);
    assert_eq!(probe.seen, ["no Ok(())", "two Ok(())", "Failed"]);
    assert_eq!(world.borrow().outgoing, [(2, b"two".to_vec())]);
    // What finds no room waits in the outbox, and a full outbox is back-pressure.
    world.borrow_mut().room = 0;
    for _ in 0..3 {
        assert_eq!(probe.send(1, b"x"), Ok(()));
    }
    assert_eq!(probe.send(1, b"x"), Err(Error::WouldBlock));
    world.borrow_mut().room = 2;
    run(node, 0);
    assert_eq!(world.borrow().outgoing.len(), 3);
    world.borrow_mut().room = 2;
    run(node, 0);
    assert_eq!(world.borrow().outgoing.len(), 4);
    let mut statistics =
        mote_node_statistics { size: size_of::<mote_node_statistics>() as u32, ..Default::default() };
    // SAFETY: valid pointers.
    assert_eq!(unsafe { mote_node_get_statistics(node, &raw mut statistics) }, MOTE_OK);
    assert_eq!((statistics.received, statistics.sent, statistics.truncated, statistics.unsent), (2, 4, 1, 1));
}

#[test]
fn sockets_of_a_port_that_tells_are_looked_at_when_it_does() {
    let (world, port) = make_world();
    // SAFETY: the port and its tables are leaked.
    let (mut port, alarm) = unsafe { (*port, *(*port).alarm) };
    port.alarm = leak(mote_port_alarm { reports_readiness: 1, ..alarm });
    let node = make_node(&config_for(leak(port)));
    let _probe = Probe::attach(node);
    // A socket that the peer closed has an error to fetch.
    for (flags, calls) in
        [(0, 0), (MOTE_READY_READABLE, 1), (0, 1), (MOTE_READY_CLOSED, 2), (MOTE_READY_WRITABLE, 2)]
    {
        world.borrow_mut().ready = flags;
        run(node, 0);
        assert_eq!(world.borrow().receive_calls, calls);
    }
}

#[test]
fn a_tap_sees_what_passes_unless_nobody_looks() {
    for (watched, tapped) in [(0, 0), (1, 2)] {
        let (world, port) = make_world();
        // SAFETY: leaked.
        let mut port = unsafe { *port };
        let size = size_of::<mote_port_tap>() as u32;
        let (pass, active): (_, Option<unsafe extern "C" fn(_) -> _>) =
            (Some(tap_pass as _), Some(tap_active));
        port.tap = leak(mote_port_tap { size, reserved: 0, pass, active });
        world.borrow_mut().watched = watched;
        let node = make_node(&config_for(leak(port)));
        let _probe = Probe::attach(node);
        world.borrow_mut().incoming.push_back((1, b"echo".to_vec()));
        run(node, 0);
        assert_eq!((world.borrow().outgoing.len(), world.borrow().tapped), (1, tapped));
    }
}

#[test]
fn a_full_socket_does_not_hold_another_one_back() {
    let (world, port) = make_world();
    let node = make_node(&mote_node_config { send_batch: 2, ..config_for(port) });
    let (first, second) = (Probe::attach(node), Probe::attach(node));
    world.borrow_mut().blocked = 1;
    assert_eq!(first.send(1, b"waits"), Ok(()));
    assert_eq!(second.send(2, b"goes"), Ok(()));
    assert_eq!(world.borrow().outgoing, [(2, b"goes".to_vec())]);
    // What waits goes in its order.
    world.borrow_mut().blocked = 2;
    assert_eq!(first.send(1, b"too"), Ok(()));
    assert_eq!(second.send(2, b"back"), Ok(()));
    world.borrow_mut().blocked = 0;
    run(node, 0);
    let ports: Vec<u16> = world.borrow().outgoing.iter().map(|(port, _)| *port).collect();
    assert_eq!(ports, [2, 1, 1, 2]);
}

#[test]
fn exactly_the_bytes_that_it_asks_for_suffice() {
    let (_world, port) = make_world();
    let config = config_for(port);
    let (mut size, mut node) = (0, ::core::ptr::null_mut());
    let mut memory = vec![0u8; 2 * MOTE_NODE_MEM];
    let mut short = 0;
    for offset in 0..align_of::<u64>() * 2 {
        // SAFETY: the block is inside `memory`, and outlives the node.
        unsafe {
            assert_eq!(mote_node_size(&config, &raw mut size), MOTE_OK);
            let block = memory.as_mut_ptr().add(offset);
            match mote_node_init(block, size - 1, &config, &raw mut node) {
                MOTE_OK => assert_eq!(mote_node_close(node), MOTE_OK),
                status => {
                    assert_eq!(status, MOTE_ERR_NO_MEMORY);
                    short += 1;
                }
            }
            assert_eq!(mote_node_init(block, size, &config, &raw mut node), MOTE_OK);
            assert_eq!(mote_node_close(node), MOTE_OK);
        }
    }
    assert_eq!(short, 1, "at one alignment the last byte is needed");
}

#[test]
fn an_object_closed_in_its_callback_is_left_alone() {
    let (world, port) = make_world();
    let node = make_node(&mote_node_config { receive_batch: 4, ..config_for(port) });
    let probe = Probe::attach(node);
    probe.close_on_event = true;
    world.borrow_mut().incoming.extend([(1, b"one".to_vec()), (2, b"two".to_vec())]);
    let polls = probe.polls;
    run(node, 0);
    assert_eq!(probe.seen.len(), 1);
    assert_eq!(probe.polls, polls + 1, "polled once when attached, never after closing");
    assert_eq!(world.borrow().open, 0);
    // SAFETY: a node; the second call sees it closed.
    unsafe {
        assert_eq!(mote_node_close(node), MOTE_OK);
        assert_eq!(mote_node_close(node), MOTE_ERR_STALE);
        assert_eq!(mote_node_run(node, 0), MOTE_ERR_STALE);
    }
}

#[test]
fn a_broken_socket_is_reported_once_and_never_spun_on() {
    let (world, port) = make_world();
    let node = make_node(&config_for(port));
    let probe = Probe::attach(node);
    world.borrow_mut().receive_error = crate::ffi::MOTE_ERR_IO;
    for _ in 0..5 {
        run(node, 0);
    }
    assert_eq!(probe.seen, ["Closed"]);
    assert_eq!((world.borrow().receive_calls, world.borrow().open), (1, 0));
}

/// A provider whose datagrams go nowhere but into a list, and which counts what is closed.
#[derive(Default)]
struct Shelf {
    sent: Vec<Vec<u8>>,
    closed: Vec<u32>,
}

unsafe fn shelf<'a>(object: *mut c_void) -> &'a mut Shelf {
    // SAFETY: attached below with a leaked shelf.
    unsafe { &mut *object.cast::<Shelf>() }
}

unsafe fn shelf_send(object: *mut c_void, _: u32, _: &Path, datagram: &[u8]) -> Result<()> {
    // SAFETY: as in `shelf`.
    unsafe { shelf(object) }.sent.push(datagram.to_vec());
    Ok(())
}

unsafe fn shelf_close(object: *mut c_void, id: u32) {
    // SAFETY: as in `shelf`.
    unsafe { shelf(object) }.closed.push(id);
}

unsafe fn idle(_: *mut c_void) -> bool {
    false
}

unsafe fn never(_: *const c_void) -> Instant {
    Instant::NEVER
}

static SHELF: Provider = Provider {
    send: shelf_send,
    max_size: |_, _, _| 99,
    is_secure: |_, _, _| true,
    group: |_, _, _, _| Err(Error::Unsupported),
    address: |_, _| mote_address::default(),
    close: shelf_close,
};
static SHELF_DRIVER: Driver =
    Driver { poll: idle, deadline: never, datagram: Driver::NO_DATAGRAM, ready: Driver::NOT_READY };

#[test]
fn a_transport_that_another_object_provides_is_claimed_used_and_given_back() {
    let (_world, port) = make_world();
    let node = make_node(&config_for(port));
    let probe = Probe::attach(node);
    let shelf = leak(Shelf::default());
    let object: *mut c_void = (&raw mut *shelf).cast();
    let provider = probe.node.attach(object, &SHELF_DRIVER).unwrap();
    let channel = Channel::Provided { object, id: 5, provider: &SHELF };
    let source = probe.node.open_source(provider, |_| Ok(channel)).unwrap();
    let consumer = probe.handle.unwrap();
    assert_eq!(probe.node.claim(probe.source.unwrap(), consumer), Err(Error::State));
    assert_eq!(probe.node.claim(source, consumer), Ok(()));
    assert_eq!(probe.node.claim(source, consumer), Err(Error::State));
    let mut lent = Lent::of(probe.node, source);
    let cx = lent.context();
    assert_eq!(
        (cx.transport.max_size(&Path::default()), cx.transport.is_secure(&Path::default())),
        (99, true)
    );
    assert!(deliver(probe.node, source, DatagramEvent::Received { path: Path::default(), data: b"up" }));
    assert_eq!(probe.seen, ["up Ok(())"]);
    assert_eq!(shelf.sent, [b"up"]);
    probe.node.detach(consumer);
    assert_eq!(shelf.closed, [5]);
    assert!(!deliver(probe.node, source, DatagramEvent::Writable));
    assert_eq!(probe.node.claim(source, provider), Err(Error::Stale));
}

#[test]
fn deadlines_posts_and_the_clock() {
    let (world, port) = make_world();
    let node = make_node(&config_for(port));
    let probe = Probe::attach(node);
    run(node, 0);
    probe.deadline = Instant(1300);
    probe.node.touch(probe.handle.unwrap());
    run(node, 0);
    let polls = probe.polls;
    assert_eq!(probe.deadline, Instant::NEVER);
    probe.node.with(|core| core.schedule.polled(probe.handle.unwrap(), false, Instant(1300)));
    let mut next = 0;
    // SAFETY: valid pointers.
    assert_eq!(unsafe { mote_node_next_deadline(node, &raw mut next) }, MOTE_OK);
    assert_eq!(next, 1300);
    run(node, 10_000);
    assert_eq!((world.borrow().now, probe.polls), (1300, polls + 1));

    unsafe extern "C" fn posted(node: *mut mote_node, user: *mut c_void) {
        // SAFETY: `user` is the counter below; `node` is the node.
        unsafe {
            *user.cast::<u32>() += 1;
            assert_eq!(mote_node_run(node, 0), MOTE_ERR_STATE);
        }
    }
    let count = leak(0u32);
    for _ in 0..letters::POSTS {
        // SAFETY: valid pointers.
        assert_eq!(unsafe { mote_node_post(node, Some(posted), (&raw mut *count).cast()) }, MOTE_OK);
    }
    // SAFETY: valid pointers.
    unsafe {
        let full = mote_node_post(node, Some(posted), (&raw mut *count).cast());
        assert_eq!(full, crate::ffi::MOTE_ERR_FULL);
        assert_eq!(mote_node_next_deadline(node, &raw mut next), MOTE_OK);
    }
    assert_eq!(next, 0);
    run(node, 10_000);
    assert_eq!(*count, 16);

    world.borrow_mut().now = 5;
    let mut shown = 0;
    // SAFETY: valid pointers.
    assert_eq!(unsafe { mote_node_now(node, &raw mut shown) }, MOTE_OK);
    assert_eq!(shown, 1300, "a clock that goes back stands still");
}

#[test]
fn bad_arguments_are_refused_and_write_nothing() {
    let (world, port) = make_world();
    let config = config_for(port);
    let mut node = ::core::ptr::null_mut();
    let mut memory = vec![0u8; MOTE_NODE_MEM];
    let null: *mut mote_node = ::core::ptr::null_mut();
    // SAFETY: NULL or valid everywhere.
    unsafe {
        let init = |memory: *mut u8, config: *const mote_node_config, out: *mut *mut mote_node| {
            mote_node_init(memory, MOTE_NODE_MEM, config, out)
        };
        let block = memory.as_mut_ptr();
        assert_eq!(init(null.cast(), &config, &raw mut node), MOTE_ERR_INVALID);
        assert_eq!(init(block, ::core::ptr::null(), &raw mut node), MOTE_ERR_INVALID);
        assert_eq!(init(block, &config, ::core::ptr::null_mut()), MOTE_ERR_INVALID);
        assert_eq!(init(block, &config_for(::core::ptr::null()), &raw mut node), MOTE_ERR_INVALID);
        assert_eq!(mote_node_size(&config, ::core::ptr::null_mut()), MOTE_ERR_INVALID);
        let reserved = mote_node_config { reserved: 1, ..config };
        assert_eq!(init(block, &reserved, &raw mut node), MOTE_ERR_INVALID);
        world.borrow_mut().entropy = crate::ffi::MOTE_ERR_IO;
        assert_eq!(init(block, &config, &raw mut node), crate::ffi::MOTE_ERR_IO);
        world.borrow_mut().entropy = 0;
        world.borrow_mut().port_open = crate::ffi::MOTE_ERR_FULL;
        assert_eq!(init(block, &config, &raw mut node), crate::ffi::MOTE_ERR_FULL);
        world.borrow_mut().port_open = 0;
        assert!(node.is_null());

        #[repr(C)]
        struct Newer(mote_node_config, u32, u32);
        let mut newer = Newer(config, 0, 0);
        newer.0.size = size_of::<Newer>() as u32;
        newer.2 = 1;
        assert_eq!(init(block, (&raw const newer).cast(), &raw mut node), MOTE_ERR_VERSION);
        // The same for the tables of a port.
        #[repr(C)]
        struct NewerClock(mote_port_clock, u64);
        let mut clock = NewerClock(*(*port).clock, 1);
        clock.0.size = size_of::<NewerClock>() as u32;
        let newer_port = mote_port { clock: (&raw const clock).cast(), ..*port };
        assert_eq!(init(block, &config_for(&raw const newer_port), &raw mut node), MOTE_ERR_VERSION);
        newer.2 = 0;
        assert_eq!(init(block, (&raw const newer).cast(), &raw mut node), MOTE_OK);
        assert_eq!(mote_node_close(node), MOTE_OK);

        for status in [
            mote_node_run(null, 0),
            mote_node_poll(null),
            mote_node_wake(null),
            mote_node_post(null, None, null.cast()),
            mote_node_now(null, null.cast()),
            mote_node_next_deadline(null, null.cast()),
            mote_node_descriptor(null, null.cast()),
            mote_node_get_statistics(null, null.cast()),
            mote_node_port(null, null.cast()),
        ] {
            assert_eq!(status, MOTE_ERR_INVALID);
        }
        assert_eq!(mote_node_close(null), MOTE_OK);
    }
}
