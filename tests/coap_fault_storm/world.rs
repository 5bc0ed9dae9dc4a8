// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of the storm from outside: who lives where, and which bodies there were.
#![allow(unreachable_pub)]

use mote::address::{Ip, SocketAddress};
use mote::coap::OptionList;
use mote::coap::wire::Encoder;
use mote::random::{Random, Sequence};
use mote::status::Result;
use std::collections::{BTreeMap, BTreeSet};

/// What all devices refer to.
#[derive(Default)]
pub struct Shared {
    pub devices: usize,
    /// Bits are flipped, so that nothing can be said of what is in a message.
    pub corrupt: bool,
    /// Every table has room for all.
    pub strict: bool,
    count: u32,
    versions: BTreeSet<(u32, usize, usize)>,
    latest: BTreeMap<(usize, usize), u32>,
    applied: BTreeSet<(usize, usize, u32)>,
}

impl Shared {
    pub fn address(&self, index: usize) -> SocketAddress {
        SocketAddress::new(Ip::v4([10, 0, 0, 1 + index as u8]), 5683)
    }

    /// All CoAP nodes.
    pub fn group(&self) -> SocketAddress {
        SocketAddress::new(Ip::v4([224, 0, 1, 187]), 5683)
    }

    /// A number that nothing had before.
    pub fn fresh(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    /// A resource has another state.
    pub fn version(&mut self, device: usize, which: usize) -> u32 {
        let number = self.fresh();
        self.adopt(number, device, which);
        number
    }

    /// A resource has this for its state.
    pub fn adopt(&mut self, number: u32, device: usize, which: usize) {
        self.versions.insert((number, device, which));
        self.latest.insert((device, which), number);
    }

    pub fn is_version(&self, number: u32, device: usize, which: usize) -> bool {
        self.versions.contains(&(number, device, which))
    }

    /// A state of a resource that somebody may know.
    pub fn known(&self, device: usize, which: usize) -> u32 {
        self.latest.get(&(device, which)).copied().unwrap_or(0)
    }

    /// What a body asked for is done.
    pub fn apply(&mut self, device: usize, life: usize, number: u32, again: bool) {
        let first = self.applied.insert((device, life, number));
        assert!(first || again, "{number} applied twice");
    }
}

/// A body that tells what it is: its number in front, and from that follows all the rest.
pub fn body(number: u32) -> Vec<u8> {
    let mut dice = Sequence(u64::from(number));
    let most = [0, 40, 200, 2500][dice.below(4) as usize];
    let length = 4 + dice.below(most + 1) as usize;
    let mut body = number.to_be_bytes().to_vec();
    while body.len() < length {
        body.extend_from_slice(&dice.next().to_be_bytes());
    }
    body.truncate(length);
    body
}

/// The number of a body, if it is whole and of one piece.
pub fn number_of(whole: &[u8]) -> Option<u32> {
    let number = u32::from_be_bytes(*whole.first_chunk()?);
    if whole == body(number) { Some(number) } else { None }
}

/// Options in any number.
pub struct List<'a>(pub &'a [(u16, &'a [u8])]);

impl OptionList for List<'_> {
    fn put(&self, out: &mut Encoder<'_>) -> Result<()> {
        self.0.put(out)
    }
}
