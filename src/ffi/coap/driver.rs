// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the node makes and drives the object behind a `mote_coap`.

use super::config::mote_coap_config;
use super::object::{CoapRef, furnish};
#[cfg(feature = "coap-client")]
use super::request::tell;
#[cfg(feature = "coap-server")]
use super::server::ask;
use crate::coap::{Config, Event};
use crate::ffi::node::{Driver, NodeRef};
use crate::ffi::object::ready;
use crate::ffi::opaque::mote_coap;
use crate::memory::Carver;
use crate::status::{Error, Result};
use crate::table::Handle;
use crate::time::Instant;
use crate::transport::DatagramEvent;
use core::ffi::c_void;

/// Makes an endpoint in `block`.
pub(super) fn init(
    block: &'static mut [u8],
    config: &Config,
    node: NodeRef,
    given: &mote_coap_config,
) -> Result<*mut mote_coap> {
    let mut carver = Carver::new(block);
    let coap = CoapRef::reserve(&mut carver)?;
    furnish(coap.core(), &mut carver, config)?;
    if given.recognised_count > 0 {
        if given.recognised.is_null() || given.recognised_count > 64 {
            return Err(Error::Invalid);
        }
        // SAFETY: not NULL; the application keeps them until the endpoint is closed.
        let numbers = unsafe { core::slice::from_raw_parts(given.recognised, given.recognised_count) };
        coap.with(|core| core.endpoint.recognise(numbers));
    }
    coap.attach(node, &DRIVER)?;
    ready(coap, coap.open(given))
}

impl CoapRef {
    fn open(self, given: &mote_coap_config) -> Result<()> {
        let (node, handle) = (self.node(), self.handle());
        let source = match Handle::from_raw(given.transport) {
            None => node.open_udp(handle, &given.local, given.udp_options)?,
            Some(provided) => {
                node.claim(provided, handle)?;
                provided
            }
        };
        self.with(|core| core.source = Some(source));
        Ok(())
    }

    /// Does what had to wait until the last handler had returned.
    fn settle(self) {
        #[cfg(feature = "coap-server")]
        if let Some(exchange) = self.with(|core| core.returning.take()) {
            // Without a socket there is nobody to acknowledge to.
            let _gone = self.engine(|core, cx| core.endpoint.handler_returned(cx, exchange));
        }
    }

    /// Brings an event to the application. Nothing of the object may be touched afterwards.
    fn dispatch(self, event: &Event<'_>) {
        match event {
            #[cfg(feature = "coap-server")]
            Event::Request(incoming) => ask(self, incoming),
            #[cfg(feature = "coap-client")]
            Event::Response { .. } | Event::Ended { .. } | Event::NeedBlock { .. } => tell(self, event),
            #[allow(unreachable_patterns)] // with both roles built in there is nothing else
            _ => {}
        }
    }
}

static DRIVER: Driver = Driver { poll, deadline, datagram, ready: Driver::NOT_READY };

unsafe fn poll(object: *mut c_void) -> bool {
    let coap = CoapRef::of(object);
    coap.settle();
    let scratch = coap.with(|core| core.scratch);
    // SAFETY: the scratch lies in the object's block. It is lent to one event at a time: this
    // function is not entered again before the callback below has returned.
    let scratch = unsafe { &mut *scratch };
    match coap.engine(|core, cx| core.endpoint.poll(cx, scratch)) {
        Ok(Some(event)) => {
            coap.dispatch(&event);
            true
        }
        Ok(None) | Err(_) => false,
    }
}

unsafe fn deadline(object: *const c_void) -> Instant {
    let coap = CoapRef::of(object);
    #[cfg(feature = "coap-server")]
    if coap.with(|core| core.returning.is_some()) {
        return Instant::ZERO;
    }
    coap.with(|core| core.endpoint.next_deadline())
}

unsafe fn datagram(object: *mut c_void, _source: Handle, event: DatagramEvent<'_>) {
    let coap = CoapRef::of(object);
    coap.settle();
    if let Ok(Some(event)) = coap.engine(|core, cx| core.endpoint.receive(cx, event)) {
        coap.dispatch(&event);
    }
}
