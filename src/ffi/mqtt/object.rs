// SPDX-License-Identifier: MIT OR Apache-2.0
//! The object behind a `mote_mqtt`, and how the node drives it.

use super::config::{self, Given, mote_mqtt_config, mote_mqtt_property, properties};
use super::event::{
    MOTE_MQTT_ABORTED, MOTE_MQTT_ENDED, MOTE_MQTT_MESSAGE, MOTE_MQTT_PAYLOAD, MOTE_MQTT_WANTED, blank, lend,
    mote_mqtt_callback, mote_mqtt_event, show,
};
use super::requests::{Requests, Waiting};
use crate::bytes::{Writer, copy};
use crate::ffi::arguments::in_place;
use crate::ffi::node::{Driver, NodeRef};
use crate::ffi::object::{Kind, Object, ObjectRef};
use crate::ffi::store::PortStore;
use crate::ffi::tcp::{Inlet, TcpStream};
use crate::memory::{Carver, Plan};
use crate::mqtt::{Client, Config, Context, Event, Properties};
use crate::status::{Error, Result};
use crate::store::Store;
use crate::table::{Handle, Slot};
use crate::time::Instant;
use crate::transport::{StreamContext, StreamEvent};
use core::cell::Cell;
use core::ffi::c_void;
use core::mem::MaybeUninit;

/// An MQTT client.
pub struct mote_mqtt {
    _object: [u8; 0],
}

impl Kind for Core {
    const MAGIC: u32 = 0x6d71_7474;
}

/// A client that was found alive.
pub(super) type MqttRef = ObjectRef<Core>;

/// Who is told of an operation, or of what a subscription brings.
#[derive(Clone, Copy)]
pub(super) struct Caller {
    /// The operation; 0 for a QoS 0 message that has left already, to be told at the next poll.
    pub(super) operation: u32,
    /// A free place has none.
    pub(super) callback: mote_mqtt_callback,
    pub(super) user: *mut c_void,
}

impl Default for Caller {
    fn default() -> Caller {
        Caller { operation: 0, callback: None, user: core::ptr::null_mut() }
    }
}

/// What only the node's thread touches.
pub(super) struct Core {
    pub(super) client: Client<'static>,
    stream: TcpStream,
    inlet: Inlet,
    store: Option<PortStore>,
    /// Where the topic of an alias is kept while the application looks at it.
    topic: *mut [u8],
    pub(super) callers: &'static mut [Caller],
    /// How many of the callers are to be told at the next poll.
    done: u32,
    /// Handlers of subscriptions; a cookie is the number of the place, counted from 1.
    pub(super) handlers: &'static mut [Caller],
    pub(super) requests: Requests,
    callback: mote_mqtt_callback,
    user: *mut c_void,
    /// Where to say that the client was closed while its handlers are told, or NULL.
    gone: *const Cell<bool>,
}

/// A block of this many bytes holds a client of the default config without properties.
pub const MOTE_MQTT_MEM: usize = 6144;

const fn or(value: u16, default: usize) -> usize {
    if value == 0 { default } else { value as usize }
}

const _: () = {
    let config = Config::DEFAULT;
    let plan = Plan::new().table::<Object<Core>>(1).table::<u8>(2 * PREFIX).table::<Config<'static>>(1);
    let plan =
        plan.table::<u8>(Client::plan(&config).bytes()).table::<Caller>(CALLERS).table::<Caller>(HANDLERS);
    assert!(plan.table::<u8>(config.receive_bytes).bytes() <= MOTE_MQTT_MEM);
};

/// How many callers and handlers there are by default.
const CALLERS: usize = 16;
const HANDLERS: usize = 8;

/// The tables of a client, in the order in which they are taken.
struct Tables {
    config: Option<&'static mut MaybeUninit<Config<'static>>>,
    client: &'static mut [u8],
    topic: &'static mut [u8],
    callers: &'static mut [Caller],
    handlers: &'static mut [Caller],
    input: &'static mut [u8],
    requests: &'static mut [Slot<Waiting>],
}

/// Takes the tables, and completes the engine's config with properties.
///
/// # Safety
/// As [`Given::read`].
#[inline(never)]
unsafe fn carve(carver: &mut Carver<'static>, given: &mut Given) -> Result<Tables> {
    let (config, will) = (given.config(), given.will());
    let (operations, handlers, requests) = (config.operations, config.handlers, config.requests);
    // SAFETY: passed on to the caller.
    let (connect, will) = unsafe {
        (
            encode(carver, config.properties, config.property_count)?,
            encode(carver, will.properties, will.property_count)?,
        )
    };
    let engine = &mut given.engine;
    engine.properties = connect;
    if let Some(place) = &mut engine.will {
        place.properties = will;
    }
    Ok(Tables {
        config: carver.room(),
        client: carver.part(Client::plan(engine).bytes()),
        topic: carver.part(if engine.topic_alias_maximum == 0 { 0 } else { engine.names_bytes }),
        callers: carver.part(or(operations, CALLERS)),
        handlers: carver.part(or(handlers, HANDLERS)),
        input: carver.part(engine.receive_bytes),
        requests: carver.part(requests.into()),
    })
}

/// How many bytes `init` takes.
///
/// # Safety
/// As [`Given::read`].
pub(super) unsafe fn plan(config: *const mote_mqtt_config) -> Result<usize> {
    let mut given = Given::new();
    let mut carver = Carver::measuring(Plan::new().table::<Object<Core>>(1));
    // SAFETY: passed on to the caller.
    unsafe {
        given.read(config)?;
        carve(&mut carver, &mut given)?;
    }
    Ok(carver.plan().bytes())
}

/// The most bytes that say how long properties are.
const PREFIX: usize = 4;

/// Copies properties into the block, encoded.
///
/// # Safety
/// As [`properties`].
#[inline(never)]
unsafe fn encode(
    carver: &mut Carver<'static>,
    first: *const mote_mqtt_property,
    count: usize,
) -> Result<Properties<'static>> {
    let mut list = config::room();
    // SAFETY: passed on to the caller.
    let given = unsafe { properties(first, count, &mut list) }?;
    let length = given.content_len()? as usize;
    let mut writer = Writer::new(carver.part(length + PREFIX));
    if writer.remaining() > 0 {
        given.write(&mut writer)?;
    }
    // Without the length in front.
    let written: &'static [u8] = writer.finish();
    Ok(Properties::Encoded(written.get(written.len().saturating_sub(length)..).unwrap_or_default()))
}

/// Makes a client in `block`.
///
/// # Safety
/// As [`Given::read`].
pub(super) unsafe fn init(
    block: &'static mut [u8],
    config: *const mote_mqtt_config,
) -> Result<*mut mote_mqtt> {
    let mut given = Given::new();
    // SAFETY: the place is the object's, and nobody has borrowed it yet. What is asked of the config is passed on to
    // the caller.
    unsafe {
        given.read(config)?;
        let node = NodeRef::new(given.config().node)?;
        let mut carver = Carver::new(block);
        let object = MqttRef::reserve(&mut carver)?;
        let core = object.core();
        let tables = carve(&mut carver, &mut given)?;
        carver.enough()?;
        let config = given.config();
        let engine = tables.config.ok_or(Error::NoMemory)?.write(given.engine);
        let client = Client::new(tables.client, engine);
        (&raw mut (*core).client).copy_from_nonoverlapping(in_place(&client)?, 1);
        (&raw mut (*core).topic).write(tables.topic);
        (&raw mut (*core).callers).write(tables.callers);
        (&raw mut (*core).handlers).write(tables.handlers);
        (&raw mut (*core).inlet).write(Inlet::new(tables.input));
        (&raw mut (*core).requests).write(Requests::new(tables.requests, config)?);
        let store = if engine.store_owner == 0 { None } else { Some(PortStore::of(node)?) };
        (&raw mut (*core).store).write(store);
        (&raw mut (*core).done).write(0);
        (&raw mut (*core).callback).write(config.callback);
        (&raw mut (*core).user).write(config.user);
        (&raw mut (*core).gone).write(core::ptr::null());
        object.attach(node, &DRIVER)?;
        (&raw mut (*core).stream).write(TcpStream::new(node, object.handle()));
        Ok(object.pointer())
    }
}

impl MqttRef {
    /// Lends the engine together with its context.
    pub(super) fn engine<R>(self, use_it: impl FnOnce(&mut Client<'static>, &mut Context<'_>) -> R) -> R {
        let (mut random, mut room) = (self.node(), MaybeUninit::uninit());
        let (client, cx) = self.lend(&mut random, &mut room);
        use_it(client, cx)
    }

    /// A command of the application: there may be something to do now, so the node polls.
    pub(super) fn command<R>(
        self,
        use_it: impl FnOnce(&mut Client<'static>, &mut Context<'_>) -> Result<R>,
    ) -> Result<R> {
        let (mut random, mut room) = (self.node(), MaybeUninit::uninit());
        let (client, cx) = self.lend_touched(&mut random, &mut room);
        use_it(client, cx)
    }

    #[inline(never)] // For its size, as below.
    fn lend_touched<'a>(
        self,
        random: &'a mut NodeRef,
        room: &'a mut MaybeUninit<Context<'a>>,
    ) -> (&'a mut Client<'static>, &'a mut Context<'a>) {
        self.touch();
        self.lend(random, room)
    }

    /// Makes the engine's context, once for all who use it.
    #[inline(never)]
    fn lend<'a>(
        self,
        random: &'a mut NodeRef,
        room: &'a mut MaybeUninit<Context<'a>>,
    ) -> (&'a mut Client<'static>, &'a mut Context<'a>) {
        let now = random.now();
        // SAFETY: `engine` and `command` let go of it before they return, and what they are given to do does not
        // come back to the object, as `with` demands.
        let core = unsafe { &mut *self.with(core::ptr::from_mut::<Core>) };
        let store = core.store.as_mut().map(|store| store as &mut dyn Store);
        let stream = StreamContext { now, transport: &mut core.stream, random };
        (&mut core.client, room.write(Context { stream, store }))
    }

    /// Leaves the node. From here on every use of the pointer is stale.
    pub(super) fn close(self) {
        use crate::transport::Stream;
        self.with(|core| {
            core.stream.close();
            // SAFETY: NULL, or a cell of the call that is telling handlers now and waits below us.
            if let Some(gone) = unsafe { core.gone.as_ref() } {
                gone.set(true);
            }
        });
        self.detach();
    }

    /// Ends every operation that has a callback with `MOTE_ERR_CLOSED`. The client is stale.
    pub(super) fn end_all(self) {
        for index in 0..self.with(|core| core.callers.len()) {
            let caller = self.with(|core| core.callers.get_mut(index).map(core::mem::take));
            if let Some(Caller { callback: Some(callback), user, operation }) = caller {
                let mut shown = blank(self.pointer(), MOTE_MQTT_ENDED);
                if operation != 0 {
                    (shown.operation, shown.status) = (operation, Error::Closed.code());
                }
                // SAFETY: the application's function; nothing of the object is borrowed. The block
                // is the client's until `mote_mqtt_close` returns.
                unsafe { callback(user, &raw const shown) }
            }
        }
    }

    /// The place for the callback of an operation about to be started; any number without a callback.
    pub(super) fn room(self, callback: mote_mqtt_callback) -> Result<usize> {
        if callback.is_none() {
            return Ok(0);
        }
        let free = |core: &mut Core| core.callers.iter().position(|caller| caller.callback.is_none());
        self.with(free).ok_or(Error::Full)
    }

    /// Remembers in the place that [`room`](MqttRef::room) gave who is told of an operation; 0 has ended
    /// already.
    pub(super) fn register(
        self,
        place: usize,
        operation: u32,
        callback: mote_mqtt_callback,
        user: *mut c_void,
    ) {
        if callback.is_none() {
            return;
        }
        self.with(|core| {
            core.done += u32::from(operation == 0);
            if let Some(place) = core.callers.get_mut(place) {
                *place = Caller { operation, callback, user };
            }
        });
    }

    /// A place for the handler of a subscription: its cookie. 0 without a handler, which a build that remembers no
    /// filters cannot have.
    pub(super) fn handler(self, callback: mote_mqtt_callback, user: *mut c_void) -> Result<u32> {
        if callback.is_none() {
            return Ok(0);
        }
        if !cfg!(feature = "mqtt-filters") {
            return Err(Error::Unsupported);
        }
        self.with(|core| {
            for (index, place) in core.handlers.iter_mut().enumerate() {
                let cookie = index as u32 + 1;
                if place.callback.is_none() || !core.client.is_subscribed(cookie) {
                    *place = Caller { operation: cookie, callback, user };
                    return Ok(cookie);
                }
            }
            Err(Error::Full)
        })
    }

    /// Brings an event to the application. Nothing of the object may be touched afterwards.
    fn dispatch(self, event: &Event<'_>) {
        let mut shown = blank(self.pointer(), 0);
        let mut cookie = show(&mut shown, event);
        if let Event::Message(message) = event
            && shown.topic.len == 0
        {
            shown.topic = self.with(|core| {
                // SAFETY: the room lies in the object's block and is used here alone.
                let room = unsafe { &mut *core.topic };
                let count = copy(room, core.client.topic(message).as_bytes());
                lend(room.get(..count).unwrap_or_default())
            });
        }
        let shared = matches!(shown.kind, MOTE_MQTT_MESSAGE | MOTE_MQTT_PAYLOAD | MOTE_MQTT_ABORTED);
        // A handler may close the client: the others are not told then, and nothing is touched.
        let gone = Cell::new(false);
        let mut number = 0;
        loop {
            let told = self.with(|core| match shown.kind {
                MOTE_MQTT_ENDED | MOTE_MQTT_WANTED => {
                    let ours = |caller: &&mut Caller| caller.operation == shown.operation;
                    let caller = core.callers.iter_mut().find(ours)?;
                    Some(if shown.kind == MOTE_MQTT_ENDED { core::mem::take(caller) } else { *caller })
                }
                _ => core.handlers.get((cookie as usize).checked_sub(1)?).copied(),
            });
            let (callback, user) = match told {
                Some(Caller { callback: Some(callback), user, .. }) => (Some(callback), user),
                _ => self.with(|core| (core.callback, core.user)),
            };
            let others = shared.then(|| self.with(|core| core.client.handler(number + 1))).flatten();
            if others.is_none() {
                return call(callback, user, &shown);
            }
            self.with(|core| core.gone = &raw const gone);
            call(callback, user, &shown);
            if gone.get() {
                return;
            }
            number += 1;
            let next = self.with(|core| {
                core.gone = core::ptr::null();
                core.client.handler(number)
            });
            match next {
                Some(next) => cookie = next,
                None => return,
            }
        }
    }

    /// Tells of one QoS 0 message that left within `publish`, if there is one.
    fn tell_done(self) -> bool {
        let done = self.with(|core| {
            core.done = core.done.checked_sub(1)?;
            let done = |caller: &&mut Caller| caller.operation == 0 && caller.callback.is_some();
            let caller = core.callers.iter_mut().find(done)?;
            Some(core::mem::take(caller))
        });
        let Some(Caller { callback, user, .. }) = done else { return false };
        call(callback, user, &blank(self.pointer(), MOTE_MQTT_ENDED));
        true
    }

    /// Takes what the stream has brought, up to the next event.
    fn receive(self, event: &mut Option<Event<'_>>) {
        loop {
            // They lie in the inlet until it is filled again, which happens in `poll` alone.
            let bytes = self.with(|core| core.inlet.bytes());
            if bytes.is_empty() {
                return;
            }
            let count = self.engine(|client, cx| client.receive(cx, StreamEvent::Received(bytes), event));
            self.with(|core| core.inlet.consume(count));
            if event.is_some() || count == 0 {
                return;
            }
        }
    }
}

fn call(callback: mote_mqtt_callback, user: *mut c_void, event: &mote_mqtt_event) {
    if let Some(callback) = callback {
        // SAFETY: the application's function, as the header describes it; nothing of the object
        // is borrowed.
        unsafe { callback(user, core::ptr::from_ref(event)) }
    }
}

static DRIVER: Driver = Driver { poll, deadline, datagram: Driver::NO_DATAGRAM, ready };

unsafe fn poll(object: *mut c_void) -> bool {
    let mqtt = MqttRef::of(object);
    if mqtt.tell_done() || mqtt.with(|core| core.requests.drive).is_some_and(|drive| drive(mqtt)) {
        return true;
    }
    loop {
        let mut event = None;
        // All that came is looked at before anything is sent, so that answers leave together.
        mqtt.receive(&mut event);
        if event.is_none() {
            event = mqtt.engine(|client, cx| client.poll(cx));
        }
        if event.is_none() {
            let now = mqtt.node().now();
            let brought = match mqtt.with(|core| core.stream.advance(now, &mut core.inlet)) {
                None => return false,
                Some(StreamEvent::Received(_)) => continue,
                Some(brought) => brought,
            };
            mqtt.engine(|client, cx| client.receive(cx, brought, &mut event));
        }
        if let Some(event) = &event {
            mqtt.dispatch(event);
            return true;
        }
    }
}

unsafe fn deadline(object: *const c_void) -> Instant {
    let mqtt = MqttRef::of(object);
    mqtt.with(|core| core.client.next_deadline().min(core.stream.next_deadline()).min(core.requests.deadline))
}

unsafe fn ready(object: *mut c_void, source: Handle, readable: bool, writable: bool) -> bool {
    let mqtt = MqttRef::of(object);
    mqtt.with(|core| core.stream.ready(source, readable, writable));
    false
}
