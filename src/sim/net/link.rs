// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be set about a simulated link, and what can happen on it.
#![forbid(unsafe_code)]

use crate::time::Instant;

/// Names a host of one [`Net`](super::Net): its place in the slice given to [`Net::run`](super::Net::run).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub usize);

/// How one direction between two hosts behaves. Probabilities are in parts per thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// How often a datagram is lost.
    pub loss: u16,
    /// How often it comes twice.
    pub duplicate: u16,
    /// How often it is held back by up to `reorder_by` milliseconds, so that later ones overtake it.
    pub reorder: u16,
    /// The longest time that a reordered datagram is held back, in milliseconds.
    pub reorder_by: u32,
    /// How often one bit of it is flipped.
    pub corrupt: u16,
    /// How long it takes at least, in milliseconds.
    pub delay: u32,
    /// How much longer it takes at most, drawn anew for each datagram, in milliseconds.
    pub jitter: u32,
    /// The largest datagram that is taken, in bytes.
    pub max_size: usize,
}

impl Default for Link {
    /// A perfect link with a delay of one millisecond.
    fn default() -> Link {
        Link {
            loss: 0,
            duplicate: 0,
            reorder: 0,
            reorder_by: 0,
            corrupt: 0,
            delay: 1,
            jitter: 0,
            max_size: 1280 - 48,
        }
    }
}

/// What happens to one datagram by script, before the chances of its [`Link`] apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Leave it to the link.
    Pass,
    /// Deliver it for certain, whatever the link's chances are.
    Deliver,
    /// Lose it.
    Drop,
    /// Deliver it so many times in all.
    Copies(usize),
    /// Deliver it so many milliseconds later than the link would.
    Delay(u32),
    /// Exclusive-or the byte at this offset with a mask.
    Flip(usize, u8),
    /// Deliver these bytes in its place.
    Replace(Vec<u8>),
}

/// A datagram on its way, as a rule sees it.
#[derive(Clone, Copy, Debug)]
pub struct Passing<'a> {
    /// When it was sent.
    pub at: Instant,
    /// By whom.
    pub from: HostId,
    /// To whom; each member of a group counts apart.
    pub to: HostId,
    /// Which datagram from the one to the other it is, counting from 1.
    pub number: u64,
    /// What it holds.
    pub data: &'a [u8],
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams handed over by hosts.
    pub sent: u64,
    /// Datagrams delivered, copies included.
    pub delivered: u64,
    /// Datagrams lost on a link, by chance or by script.
    pub lost: u64,
    /// Datagrams for which there was nobody.
    pub unrouted: u64,
}
