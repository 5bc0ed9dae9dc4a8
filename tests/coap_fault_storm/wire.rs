// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be seen of the devices on the wire: their message IDs, and how much they have outstanding.
#![allow(unreachable_pub)]

use mote::coap::wire::{Message, Type, number};
use mote::sim::net::{Action, Passing};
use mote::transport::Path;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// EXCHANGE_LIFETIME and NON_LIFETIME with the default parameters, in milliseconds.
pub const LIFETIME: u64 = 247_000;
const NON_LIFETIME: u64 = 145_000;

/// The message ID and the token of a request that waits for an answer.
type Waiting = (u16, Vec<u8>);

#[derive(Default)]
pub struct Wire {
    /// Which message had an ID last, and since when; by sender and receiver.
    ids: BTreeMap<(usize, usize), BTreeMap<u16, (u64, u64)>>,
    /// Confirmable requests.
    outstanding: BTreeMap<(usize, usize), Vec<Waiting>>,
    /// Of each device: NSTART, if what it has outstanding can be told from outside.
    pub nstart: Vec<Option<usize>>,
    /// Of each device: whether it has room for all its peers, so that it forgets no message ID.
    pub remembers: Vec<bool>,
    /// Between whom nothing gets through.
    pub broken: BTreeSet<(usize, usize)>,
    pub gone: BTreeSet<usize>,
}

impl Wire {
    /// A datagram sets out.
    pub fn pass(&mut self, passing: &Passing<'_>) -> Action {
        let (from, to) = (passing.from.0, passing.to.0);
        if let Ok(message) = Message::parse(passing.data) {
            self.look(from, to, passing.at.0, &message, passing.data);
        }
        let parted =
            self.broken.contains(&(from, to)) || self.gone.contains(&from) || self.gone.contains(&to);
        if parted { Action::Drop } else { Action::Pass }
    }

    fn look(&mut self, from: usize, to: usize, now: u64, message: &Message<'_>, data: &[u8]) {
        if !matches!(message.kind, Type::Con | Type::Non) {
            return;
        }
        let mut hasher = DefaultHasher::new();
        data.hash(&mut hasher);
        let hash = hasher.finish();
        let lifetime = if message.kind == Type::Con { LIFETIME } else { NON_LIFETIME };
        let ids = self.ids.entry((from, to)).or_default();
        let (since, before) = *ids.entry(message.message_id).or_insert((now, hash));
        let again = before == hash && now < since + lifetime;
        if !again {
            let free = before == hash || now >= since + lifetime || !self.remembers[from];
            assert!(free, "message ID {} of {from} twice within {} ms", message.message_id, now - since);
            ids.insert(message.message_id, (now, hash));
        }
        let deregisters = message.uint(number::OBSERVE) == Some(1);
        let asks = message.kind == Type::Con && (message.code.is_request() || message.code.0 == 0);
        if let Some(nstart) = self.nstart[from].filter(|_| asks && !deregisters) {
            let all = self.outstanding.entry((from, to)).or_default();
            if !all.iter().any(|(id, _)| *id == message.message_id) {
                all.push((message.message_id, message.token.to_vec()));
                assert!(all.len() <= nstart, "{} outstanding at one peer", all.len());
            }
        }
    }

    /// A device takes in a datagram.
    pub fn heard(&mut self, device: usize, path: &Path, data: &[u8]) {
        if self.nstart[device].is_none() {
            return;
        }
        let Ok(message) = Message::parse(data) else { return };
        let answers = matches!(message.kind, Type::Ack | Type::Rst);
        if let Some(all) = self.outstanding.get_mut(&(device, place(path))) {
            all.retain(|(id, _)| !(answers && *id == message.message_id));
        }
        if !message.code.is_request() && !message.token.is_empty() {
            self.answered(device, path, message.token);
        }
    }

    /// A device is told of an answer.
    pub fn answered(&mut self, device: usize, path: &Path, token: &[u8]) {
        if let Some(all) = self.outstanding.get_mut(&(device, place(path))) {
            all.retain(|(_, waiting)| waiting != token);
        }
    }

    /// A request of a device has ended. Which of those that it had outstanding it was is not known.
    pub fn ended(&mut self, device: usize, to: usize) {
        self.outstanding.remove(&(device, to));
    }

    /// A device is rebooted.
    pub fn forget(&mut self, device: usize) {
        self.ids.retain(|(from, _), _| *from != device);
        self.outstanding.retain(|(from, _), _| *from != device);
    }
}

/// Which device is at the other end.
fn place(path: &Path) -> usize {
    path.remote.ip.to_v4().map_or(usize::MAX, |ip| usize::from(ip[3]) - 1)
}
