// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a client is laid out in its block and made.

use super::config::{Given, mote_mqtt_config};
use super::driver::DRIVER;
use super::object::{Caller, Core, MqttRef};
use super::property::{self, mote_mqtt_property, properties};
use super::waiting::{Requests, Waiting};
use crate::bytes::Writer;
use crate::ffi::arguments::in_place;
use crate::ffi::node::NodeRef;
use crate::ffi::object::Object;
use crate::ffi::opaque::mote_mqtt;
use crate::ffi::store::PortStore;
use crate::ffi::tcp::{Inlet, TcpStream};
use crate::memory::{Carver, Plan};
use crate::mqtt::{Client, Config, Properties};
use crate::status::{Error, Result};
use crate::table::Slot;
use core::mem::MaybeUninit;

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
    let mut list = property::room();
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
        (&raw mut (*core).drive).write(None);
        (&raw mut (*core).callback).write(config.callback);
        (&raw mut (*core).user).write(config.user);
        (&raw mut (*core).gone).write(core::ptr::null());
        object.attach(node, &DRIVER)?;
        (&raw mut (*core).stream).write(TcpStream::new(node, object.handle()));
        Ok(object.pointer())
    }
}
