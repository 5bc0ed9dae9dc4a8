// SPDX-License-Identifier: MIT OR Apache-2.0
//! A simulated radio channel under virtual time, with nodes of C applications on it.

use super::arguments::{self, Config, outcome, output, slice};
use super::node::{mote_node_next_deadline, mote_node_poll};
use super::opaque::mote_node;
use super::radio::{
    MOTE_RADIO_BUSY, MOTE_RADIO_FAILED, MOTE_RADIO_NO_ACK, MOTE_RADIO_SENT, mote_radio_received,
    mote_radio_sent,
};
use super::status::MOTE_OK;
use crate::port::{
    self, MOTE_RADIO_ACK, MOTE_RADIO_CSMA, MOTE_RADIO_FILTER, mote_bytes, mote_port, mote_port_clock,
    mote_port_entropy, mote_port_radio, mote_radio_addresses, mote_status,
};
use crate::random::{Random, Sequence};
use crate::sim::radio::{Air, Node, Placement, Propagation, RadioLink, Setup, Topology};
use crate::status::{Error, Result};
use crate::time::Instant;
use crate::transport::{Radio, RadioAddresses, RadioContext, RadioEvent, TransmitStatus};
use core::cell::{Cell, RefCell};
use core::ffi::c_void;

/// Nodes in a square grid, 10 m apart; the first is in a corner.
pub const MOTE_AIR_GRID: u32 = 0;
/// Nodes in a line, 10 m apart; the first is at an end.
pub const MOTE_AIR_LINE: u32 = 1;
/// Nodes at random; the first is in the middle.
pub const MOTE_AIR_RANDOM: u32 = 2;
/// No node hears any other until `mote_air_set_link` says so.
pub const MOTE_AIR_UNLINKED: u32 = 3;

/// A simulated radio channel of IEEE 802.15.4, with collisions, carrier sense, loss and air time.
/// Like `mote_sim` it allocates, and exists in hosted builds alone. The same seed and the same
/// calls give the same run to the byte.
pub struct mote_air {
    air: Air<Host, Vec<u8>>,
    // Boxed one by one, since C holds pointers to them.
    #[allow(clippy::vec_box)]
    places: Vec<Box<Place>>,
    /// What was captured, once the capture has been ended.
    captured: Vec<u8>,
}

/// How a simulated channel is to be. Zero means the default, in every member but `size` and
/// `nodes`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mote_air_config {
    /// `sizeof(mote_air_config)`, by `MOTE_AIR_CONFIG_INIT`.
    pub size: u32,
    /// How many places for nodes there are, 1 to 65,535.
    pub nodes: u32,
    /// What all chance follows from.
    pub seed: u64,
    /// `MOTE_AIR_GRID`, `MOTE_AIR_LINE`, `MOTE_AIR_RANDOM` or `MOTE_AIR_UNLINKED`.
    pub placement: u32,
    /// How many frames are lost, in parts per thousand.
    pub loss: u32,
    /// By how much the two directions of a link may lie above or below that.
    pub asymmetry: u32,
    /// With `MOTE_AIR_RANDOM`: how many others are within range on average. Default 8.
    pub degree: u32,
    /// Within how many metres frames arrive. Default 15.
    pub range: u32,
    /// Within how many metres the carrier is sensed. Default 25.
    pub interference: u32,
    /// What the radios do by themselves, of `MOTE_RADIO_…`. Default: acknowledge, filter and
    /// wait for a clear channel.
    pub capabilities: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl Config for mote_air_config {}

/// What has happened on a channel, and what a radio has done.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct mote_air_statistics {
    /// `sizeof(mote_air_statistics)`, set by the caller.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Frames sent, acknowledgements not counted.
    pub frames: u64,
    /// Acknowledgements sent.
    pub acknowledgements: u64,
    /// Microseconds for which there was something on the air.
    pub airtime: u64,
    /// Receptions spoilt by another frame.
    pub collisions: u64,
    /// Receptions lost to a bad link.
    pub losses: u64,
    /// Receptions handed to a radio.
    pub receptions: u64,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl Config for mote_air_statistics {}

/// Where a node is and what its radio has done.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct mote_air_place {
    /// `sizeof(mote_air_place)`, set by the caller.
    pub size: u32,
    /// How many hops it is from the first node over links that exist; `UINT32_MAX` for none.
    pub hops: u32,
    /// Centimetres.
    pub x: i32,
    /// Centimetres.
    pub y: i32,
    /// Microseconds spent sending.
    pub transmit: u64,
    /// Microseconds spent listening.
    pub receive: u64,
    /// Microseconds spent switched off.
    pub sleep: u64,
}

// SAFETY: `repr(C)`, `size` first, integers.
unsafe impl Config for mote_air_place {}

/// What a port asked of a radio while nobody had lent it one.
#[derive(Clone, Copy, Default)]
struct Settings {
    enable: Option<bool>,
    channel: Option<u8>,
    addresses: Option<mote_radio_addresses>,
}

/// One place for a node, and the port that it gets.
struct Place {
    now: Cell<u64>,
    random: RefCell<Sequence>,
    /// The radio, for as long as the channel lends it.
    radio: Cell<Option<*mut dyn Radio>>,
    settings: Cell<Settings>,
    port: mote_port,
    table: mote_port_radio,
}

/// What runs at a place.
struct Host {
    node: *mut mote_node,
    place: *const Place,
}

impl Host {
    fn place(&self) -> &Place {
        // SAFETY: the places live as long as the channel that holds this.
        unsafe { &*self.place }
    }

    /// Lends the radio to the node's port for the length of `act`.
    fn lend<R>(&self, cx: &mut RadioContext<'_>, act: impl FnOnce(*mut mote_node) -> R) -> R {
        let place = self.place();
        place.now.set(cx.now.0);
        let settings = place.settings.take();
        // A simulated radio takes all of these.
        if let Some(on) = settings.enable {
            let _ = cx.transport.enable(on);
        }
        if let Some(channel) = settings.channel {
            let _ = cx.transport.set_channel(channel);
        }
        if let Some(given) = settings.addresses {
            let mote_radio_addresses { extended, short_address: short, pan_id: pan, .. } = given;
            let _ = cx.transport.set_addresses(&RadioAddresses { extended, short, pan });
        }
        // SAFETY: only the lifetime is forgotten; the pointer is taken back below, before the
        // borrow ends.
        let radio = unsafe { core::mem::transmute::<*mut (dyn Radio + '_), *mut dyn Radio>(cx.transport) };
        place.radio.set(Some(radio));
        let result = act(self.node);
        place.radio.set(None);
        result
    }
}

impl Node for Host {
    fn start(&mut self, cx: &mut RadioContext<'_>) {
        self.lend(cx, |_| ());
    }

    fn receive(&mut self, cx: &mut RadioContext<'_>, event: RadioEvent<'_>) {
        self.lend(cx, |node| {
            // SAFETY: the node is alive as long as it is attached. A node without room loses the
            // frame, as in life.
            let _ = unsafe {
                match event {
                    RadioEvent::Received { frame, lqi, rssi } => {
                        let frame = mote_bytes { ptr: frame.as_ptr(), len: frame.len() };
                        mote_radio_received(node, frame, lqi, rssi)
                    }
                    RadioEvent::Transmitted { status, attempts } => {
                        let result = match status {
                            TransmitStatus::Sent => MOTE_RADIO_SENT,
                            TransmitStatus::NoAck => MOTE_RADIO_NO_ACK,
                            TransmitStatus::ChannelBusy => MOTE_RADIO_BUSY,
                            TransmitStatus::Failed => MOTE_RADIO_FAILED,
                        };
                        mote_radio_sent(node, result, attempts)
                    }
                }
            };
        });
    }

    fn poll(&mut self, cx: &mut RadioContext<'_>) {
        // SAFETY: alive as long as it is attached.
        self.lend(cx, |node| unsafe { mote_node_poll(node) });
    }

    fn next_deadline(&self) -> Instant {
        let mut deadline = u64::MAX;
        // SAFETY: alive as long as it is attached.
        unsafe { mote_node_next_deadline(self.node, &raw mut deadline) };
        Instant(deadline)
    }
}

/// # Safety
/// `state` is the `user` of a port made by `mote_air_port`, whose channel still lives.
unsafe fn place<'a>(state: *mut c_void) -> &'a Place {
    // SAFETY: passed on to the caller.
    unsafe { &*state.cast::<Place>() }
}

unsafe extern "C" fn now(state: *mut c_void) -> u64 {
    // SAFETY: the port's contract.
    unsafe { place(state) }.now.get()
}

unsafe extern "C" fn fill(state: *mut c_void, out: *mut u8, len: usize) -> mote_status {
    // SAFETY: the port's contract.
    let filled = unsafe {
        let place = place(state);
        arguments::block(out, len).map(|out| place.random.borrow_mut().fill(out))
    };
    outcome(filled)
}

/// Does something with the radio if it is lent, or notes it.
fn set(
    place: &Place,
    use_it: impl FnOnce(&mut dyn Radio) -> Result<()>,
    note: impl FnOnce(&mut Settings),
) -> mote_status {
    match place.radio.get() {
        // SAFETY: lent for the moment, and used by one call at a time.
        Some(radio) => outcome(use_it(unsafe { &mut *radio })),
        None => {
            let mut settings = place.settings.get();
            note(&mut settings);
            place.settings.set(settings);
            MOTE_OK
        }
    }
}

unsafe extern "C" fn enable(state: *mut c_void, on: u8) -> mote_status {
    // SAFETY: the port's contract.
    let place = unsafe { place(state) };
    set(place, |radio| radio.enable(on != 0), |settings| settings.enable = Some(on != 0))
}

unsafe extern "C" fn set_channel(state: *mut c_void, channel: u8) -> mote_status {
    // SAFETY: the port's contract.
    let place = unsafe { place(state) };
    set(place, |radio| radio.set_channel(channel), |settings| settings.channel = Some(channel))
}

unsafe extern "C" fn set_addresses(
    state: *mut c_void,
    addresses: *const mote_radio_addresses,
) -> mote_status {
    // SAFETY: the port's contract.
    let (place, given) = unsafe { (place(state), *addresses) };
    let mote_radio_addresses { extended, short_address: short, pan_id: pan, .. } = given;
    set(
        place,
        |radio| radio.set_addresses(&RadioAddresses { extended, short, pan }),
        |settings| settings.addresses = Some(given),
    )
}

unsafe extern "C" fn transmit(state: *mut c_void, frame: *const u8, len: usize) -> mote_status {
    // SAFETY: the port's contract.
    let (place, frame) = unsafe { (place(state), slice(mote_bytes { ptr: frame, len })) };
    match (place.radio.get(), frame) {
        // SAFETY: as in `set`.
        (Some(radio), Ok(frame)) => outcome(unsafe { &mut *radio }.transmit(frame)),
        _ => outcome(Err(Error::WouldBlock)),
    }
}

unsafe extern "C" fn channel_clear(state: *mut c_void) -> u8 {
    // SAFETY: the port's contract; the radio as in `set`.
    unsafe { place(state).radio.get().is_some_and(|radio| (*radio).channel_is_clear()).into() }
}

static CLOCK: mote_port_clock =
    mote_port_clock { size: size_of::<mote_port_clock>() as u32, reserved: 0, now: Some(now) };
static ENTROPY: mote_port_entropy =
    mote_port_entropy { size: size_of::<mote_port_entropy>() as u32, reserved: 0, fill: Some(fill) };

impl Place {
    fn new(seed: u64, capabilities: u32) -> Box<Place> {
        let mut place = Box::new(Place {
            now: Cell::new(0),
            random: RefCell::new(Sequence(seed)),
            radio: Cell::new(None),
            settings: Cell::default(),
            port: port::bare(&raw const CLOCK, &raw const ENTROPY),
            table: mote_port_radio {
                size: size_of::<mote_port_radio>() as u32,
                capabilities,
                start: None,
                enable: Some(enable),
                set_channel: Some(set_channel),
                set_addresses: Some(set_addresses),
                transmit: Some(transmit),
                channel_clear: Some(channel_clear),
            },
        });
        place.port.radio = &raw const place.table;
        place.port.user = (&raw mut *place).cast();
        place
    }
}

/// # Safety
/// `air` is NULL or came from `mote_air_new` and was not freed.
unsafe fn channel<'a>(air: *mut mote_air) -> Result<&'a mut mote_air> {
    // SAFETY: passed on to the caller.
    unsafe { air.as_mut() }.ok_or(Error::Invalid)
}

impl mote_air {
    fn check(&self, id: u32) -> Result<usize> {
        if (id as usize) < self.places.len() { Ok(id as usize) } else { Err(Error::NotFound) }
    }
}

/// Makes a simulated channel at time 0 with places for nodes, none of which is there yet.
///
/// ```c
/// mote_air_config config = { MOTE_AIR_CONFIG_INIT, .nodes = 25, .seed = 1 };
/// mote_status status = mote_air_new(&config, &air);
/// status = mote_air_port(air, 0, &node_config.port);
/// ```
///
/// It is freed by `mote_air_free`. `MOTE_ERR_INVALID` for NULL or a member out of its range,
/// `MOTE_ERR_VERSION`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_air_new(
    config: *const mote_air_config,
    air: *mut *mut mote_air,
) -> mote_status {
    let make = || -> Result<()> {
        let mut room = arguments::room();
        // SAFETY: passed on to the caller of this function.
        let (out, given) = unsafe { (output(air)?, arguments::config(config, &mut room)?) };
        let count = given.nodes as usize;
        if !(1..=65_535).contains(&count)
            || given.loss > 1000
            || given.asymmetry > 1000
            || given.reserved != 0
        {
            return Err(Error::Invalid);
        }
        let or = |value: u32, default: f64| if value == 0 { default } else { f64::from(value) };
        let base = Propagation::default();
        let propagation = Propagation {
            range: or(given.range, base.range),
            interference: or(given.interference, base.interference),
            loss: given.loss as u16,
            asymmetry: given.asymmetry as u16,
        };
        let degree = if given.degree == 0 { 8 } else { given.degree };
        let topology = match given.placement {
            MOTE_AIR_GRID => Topology::new(count, Placement::Grid, &propagation, given.seed),
            MOTE_AIR_LINE => Topology::new(count, Placement::Line, &propagation, given.seed),
            MOTE_AIR_RANDOM => Topology::new(count, Placement::Random { degree }, &propagation, given.seed),
            MOTE_AIR_UNLINKED => Topology::unlinked(count),
            _ => return Err(Error::Invalid),
        };
        let capabilities = match given.capabilities {
            0 => MOTE_RADIO_ACK | MOTE_RADIO_FILTER | MOTE_RADIO_CSMA,
            given => given,
        };
        let setup =
            Setup { seed: given.seed, capabilities: crate::transport::RadioCapabilities(capabilities) };
        let places = (0..given.nodes).map(|id| {
            Place::new(given.seed ^ (u64::from(id) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15), capabilities)
        });
        let made =
            mote_air { places: places.collect(), air: Air::new(topology, &setup), captured: Vec::new() };
        out.write(Box::into_raw(Box::new(made)));
        Ok(())
    };
    outcome(make())
}

/// Frees a simulated channel. Every node on it must have been closed. NULL is a no-op.
///
/// # Safety
/// `air` is NULL or came from `mote_air_new` and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_air_free(air: *mut mote_air) {
    if !air.is_null() {
        // SAFETY: made by `Box::into_raw` in `mote_air_new`.
        drop(unsafe { Box::from_raw(air) });
    }
}

/// The port for the node at place `id`; it belongs to the channel. It has a clock, entropy and a
/// radio, and cannot wait: the node is driven by `mote_air_run`. Its node needs `radio_frames`, at
/// least 4.
///
/// `MOTE_ERR_NOT_FOUND` for a place that there is not, `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_air_port(
    air: *mut mote_air,
    id: u32,
    port: *mut *const mote_port,
) -> mote_status {
    let find = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (air, out) = unsafe { (channel(air)?, output(port)?) };
        let id = air.check(id)?;
        if let Some(place) = air.places.get(id) {
            out.write(&raw const place.port);
        }
        Ok(())
    };
    outcome(find())
}

/// Switches on the node at place `id`: from now on `mote_air_run` drives it.
///
/// `node` was made with the port of that place and stays open until `mote_air_detach`.
/// `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_INVALID`.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_air_attach(air: *mut mote_air, id: u32, node: *mut mote_node) -> mote_status {
    let attach = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let air = unsafe { channel(air) }?;
        let id = air.check(id)?;
        if node.is_null() {
            return Err(Error::Invalid);
        }
        if let Some(place) = air.places.get(id) {
            air.air.start(id, Host { node, place: &raw const **place });
        }
        Ok(())
    };
    outcome(attach())
}

/// Switches off the node at place `id`, as when its battery is empty; it can be closed then.
///
/// `MOTE_ERR_NOT_FOUND`, also when none was there; `MOTE_ERR_INVALID`.
///
/// # Safety
/// `air` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_air_detach(air: *mut mote_air, id: u32) -> mote_status {
    let detach = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let air = unsafe { channel(air) }?;
        let id = air.check(id)?;
        air.air.stop(id).map(|_| ()).ok_or(Error::NotFound)
    };
    outcome(detach())
}

/// Sets the link from one place to another, in that direction: `delivery` frames in a thousand
/// arrive, at `rssi` dBm; 0 cuts the link.
///
/// `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_INVALID` for a delivery over 1000 or NULL.
///
/// # Safety
/// `air` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_air_set_link(
    air: *mut mote_air,
    from: u32,
    to: u32,
    delivery: u32,
    rssi: i8,
) -> mote_status {
    let set = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let air = unsafe { channel(air) }?;
        let (from, to) = (air.check(from)?, air.check(to)?);
        if delivery > 1000 || from == to {
            return Err(Error::Invalid);
        }
        let link = (delivery > 0).then_some(RadioLink { delivery: delivery as u16, rssi });
        air.air.topology_mut().set(from, to, link);
        Ok(())
    };
    outcome(set())
}

/// Lets time pass up to `until` milliseconds: frames arrive and the nodes do what is due, in the
/// order of virtual time. All callbacks run inside this function; they may call anything but
/// functions of the channel.
///
/// `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// `air` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_air_run(air: *mut mote_air, until: u64) -> mote_status {
    let run = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let air = unsafe { channel(air) }?;
        // Applications may have given commands since the last run.
        for id in 0..air.places.len() {
            air.air.with(id, |_, _| ());
        }
        air.air.run_until(until.saturating_mul(1000));
        for id in 0..air.places.len() {
            air.air.with(id, |host, cx| host.place().now.set(cx.now.0));
        }
        Ok(())
    };
    outcome(run())
}

/// The virtual time in milliseconds. `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_air_now(air: *mut mote_air, now: *mut u64) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (air, out) = unsafe { (channel(air)?, output(now)?) };
        out.write(air.air.now() / 1000);
        Ok(())
    };
    outcome(read())
}

/// Starts to capture every frame that is sent. `MOTE_ERR_IO`, `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// `air` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_air_capture(air: *mut mote_air) -> mote_status {
    // SAFETY: passed on to the caller of this function.
    let start = unsafe { channel(air) }.and_then(|air| air.air.capture(Vec::new()).map_err(|_| Error::Io));
    outcome(start)
}

/// Ends the capture and lends it, as a pcap file of frames with their check sequences (link type
/// 195), until the next capture is ended or the channel is freed.
///
/// `MOTE_ERR_STATE` when none was started, `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_air_captured(air: *mut mote_air, capture: *mut mote_bytes) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let (air, out) = unsafe { (channel(air)?, output(capture)?) };
        air.captured = air.air.end_capture().ok_or(Error::State)?;
        out.write(mote_bytes { ptr: air.captured.as_ptr(), len: air.captured.len() });
        Ok(())
    };
    outcome(read())
}

/// Copies the channel's counters.
///
/// `statistics->size` must be `sizeof(mote_air_statistics)` of the caller's header; no more is
/// written. `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_air_get_statistics(
    air: *mut mote_air,
    statistics: *mut mote_air_statistics,
) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let stats = *unsafe { channel(air) }?.air.stats();
        let counted = mote_air_statistics {
            size: 0,
            reserved: 0,
            frames: stats.frames,
            acknowledgements: stats.acks,
            airtime: stats.airtime,
            collisions: stats.collisions,
            losses: stats.losses,
            receptions: stats.receptions,
        };
        // SAFETY: passed on to the caller of this function.
        unsafe { arguments::fill(statistics, &counted) }
    };
    outcome(read())
}

/// Copies what is known of the place `id`.
///
/// `place->size` must be `sizeof(mote_air_place)` of the caller's header; no more is written.
/// `MOTE_ERR_NOT_FOUND`, `MOTE_ERR_INVALID` for NULL.
///
/// # Safety
/// The pointers are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mote_air_get_place(
    air: *mut mote_air,
    id: u32,
    place: *mut mote_air_place,
) -> mote_status {
    let read = || -> Result<()> {
        // SAFETY: passed on to the caller of this function.
        let air = unsafe { channel(air) }?;
        let id = air.check(id)?;
        let topology = air.air.topology();
        let (x, y) = topology.positions.get(id).copied().unwrap_or_default();
        let energy = air.air.energy(id);
        let found = mote_air_place {
            size: 0,
            hops: topology.hops(0).get(id).copied().flatten().unwrap_or(u32::MAX),
            x: (x * 100.0) as i32,
            y: (y * 100.0) as i32,
            transmit: energy.transmit,
            receive: energy.receive,
            sleep: energy.sleep,
        };
        // SAFETY: passed on to the caller of this function.
        unsafe { arguments::fill(place, &found) }
    };
    outcome(read())
}
