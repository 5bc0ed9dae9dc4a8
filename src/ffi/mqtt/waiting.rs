// SPDX-License-Identifier: MIT OR Apache-2.0
//! The requests of a client that wait for their responses.

use super::config::{MOTE_MQTT_V311, mote_mqtt_config, text};
use super::event::{mote_mqtt_callback, mote_mqtt_operation};
use crate::mqtt::topic;
use crate::port::mote_status;
use crate::status::{Error, Result};
use crate::table::{Handle, Slot, Table};
use crate::time::Instant;
use core::ffi::c_void;

/// Whether this build knows them.
pub(super) const REQUESTS: bool = cfg!(all(feature = "mqtt-v5", feature = "mqtt-requests"));

/// A request that has not ended.
#[derive(Clone, Copy)]
pub(super) struct Waiting {
    pub(super) correlation: [u8; 8],
    /// Its PUBLISH while that is under way, else 0.
    pub(super) operation: mote_mqtt_operation,
    pub(super) deadline: Instant,
    /// How it ends at the next poll.
    pub(super) ended: Option<(mote_status, u8)>,
    pub(super) callback: mote_mqtt_callback,
    pub(super) user: *mut c_void,
}

/// What a client knows of its requests.
pub(super) struct Requests {
    pub(super) topic: &'static str,
    pub(super) qos: u8,
    pub(super) waiting: Table<'static, Waiting>,
    /// The request whose response is coming in.
    pub(super) current: Option<Handle>,
    /// When one of them is due.
    pub(super) deadline: Instant,
}

impl Requests {
    /// # Safety
    /// The config's response topic is valid for as long as the client.
    pub(super) unsafe fn new(
        slots: &'static mut [Slot<Waiting>],
        config: &mote_mqtt_config,
    ) -> Result<Requests> {
        // SAFETY: passed on to the caller.
        let topic = unsafe { text(config.response_topic) }?;
        let wanted = config.requests > 0;
        let known = wanted == topic::is_name(topic) && config.response_qos <= 2;
        let nothing_else = config.reserved3 == 0 && config.reserved4 == 0;
        if !known || !nothing_else || (wanted && config.version == MOTE_MQTT_V311) {
            return Err(Error::Invalid);
        }
        if wanted && !REQUESTS {
            return Err(Error::Unsupported);
        }
        let waiting = Table::new(slots);
        let deadline = Instant::NEVER;
        Ok(Requests { topic, qos: config.response_qos, waiting, current: None, deadline })
    }

    /// How a request ends is known: the next poll says it.
    pub(super) fn end(&mut self, request: Handle, status: mote_status, reason: u8) {
        if let Some(waiting) = self.waiting.get_mut(request) {
            waiting.ended.get_or_insert((status, reason));
            self.deadline = Instant::ZERO;
        }
    }

    pub(super) fn end_all(&mut self, status: mote_status, reason: u8) {
        for index in 0..self.waiting.capacity() {
            if let Some((request, _)) = self.waiting.at(index) {
                self.end(request, status, reason);
            }
        }
    }

    /// Takes one request that is due.
    pub(super) fn take(&mut self, now: Instant) -> Option<(Handle, Waiting)> {
        let due = |waiting: &Waiting| waiting.ended.is_some() || waiting.deadline.is_due(now);
        let request = self.waiting.find(due)?;
        Some((request, self.waiting.remove(request)?))
    }
}
