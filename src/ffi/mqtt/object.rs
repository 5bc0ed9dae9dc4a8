// SPDX-License-Identifier: MIT OR Apache-2.0
//! The object behind a `mote_mqtt`.

use super::event::{mote_mqtt_callback, mote_mqtt_event};
use super::waiting::Requests;
use crate::ffi::node::NodeRef;
use crate::ffi::object::{Kind, ObjectRef};
use crate::ffi::store::PortStore;
use crate::ffi::tcp::{Inlet, TcpStream};
use crate::mqtt::{Client, Context};
use crate::status::{Error, Result};
use crate::store::Store;
use crate::transport::StreamContext;
use core::cell::Cell;
use core::ffi::c_void;
use core::mem::MaybeUninit;

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
    pub(super) stream: TcpStream,
    pub(super) inlet: Inlet,
    pub(super) store: Option<PortStore>,
    /// Where the topic of an alias is kept while the application looks at it.
    pub(super) topic: *mut [u8],
    pub(super) callers: &'static mut [Caller],
    /// How many of the callers are to be told at the next poll.
    pub(super) done: u32,
    /// Handlers of subscriptions; a cookie is the number of the place, counted from 1.
    pub(super) handlers: &'static mut [Caller],
    pub(super) requests: Requests,
    /// Ends one request that is due. Set by the first request, so that a program without requests
    /// does not link what serves them.
    pub(super) drive: Option<fn(MqttRef) -> bool>,
    pub(super) callback: mote_mqtt_callback,
    pub(super) user: *mut c_void,
    /// Where to say that the client was closed while its handlers are told, or NULL.
    pub(super) gone: *const Cell<bool>,
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
}

/// Calls the application.
pub(super) fn call(callback: mote_mqtt_callback, user: *mut c_void, event: &mote_mqtt_event) {
    if let Some(callback) = callback {
        // SAFETY: the application's function, as the header describes it; nothing of the object
        // is borrowed.
        unsafe { callback(user, core::ptr::from_ref(event)) }
    }
}
