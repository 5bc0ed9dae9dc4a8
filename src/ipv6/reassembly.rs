// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fragments of IPv6 packets put together at their destination (RFC 8200 §4.5).
//!
//! So many packets at once as there are places, each of at most [`LARGEST`] bytes. One more takes the
//! place of the one that has waited longest. A packet whose fragments overlap is given up whole,
//! with what still comes of it (RFC 5722).
#![forbid(unsafe_code)]

pub use super::config::LARGEST;

use super::errors::Problem;
use super::event::Arrival;
use super::extensions::Walk;
use super::wire::exthdr::Fragment;
use super::wire::header::HeaderMut;
use super::wire::icmpv6::{kind, parameter, time_exceeded};
use super::wire::{Header, exthdr, protocol};
use super::{Context, Ipv6};
use crate::address::Ip;
use crate::bytes::copy;
use crate::memory::Carver;
use crate::time::Instant;

/// For how long fragments wait for the others, in milliseconds.
const TIMEOUT: u64 = 60_000;
/// In front of the fragmentable part stand the headers of the first fragment.
const FRONT: usize = Header::LEN + Fragment::LEN;
/// Memory of one packet.
const ROOM: usize = FRONT + LARGEST - Header::LEN;
/// Units of eight bytes of the fragmentable part.
const UNITS: usize = (LARGEST - Header::LEN) / 8;

/// What a place is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Free,
    /// Fragments are missing.
    Waiting,
    /// All are there.
    Whole,
    /// Fragments overlapped: what still comes is dropped.
    GivenUp,
}

/// A packet of which some fragments have come.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    state: State,
    source: Ip,
    destination: Ip,
    identification: u32,
    arrival: Arrival,
    expires: Instant,
    /// How long the first fragment is, headers included; 0 until it has come.
    first: u16,
    /// How long the fragmentable part is; 0 until the last fragment has come.
    total: u16,
    /// Which units have come.
    units: [u32; UNITS.div_ceil(32)],
}

impl Place {
    fn has(&self, unit: usize) -> bool {
        self.units.get(unit / 32).is_some_and(|word| word >> (unit % 32) & 1 == 1)
    }

    /// Takes a fragment. Whether it fits to the others: not when it overlaps with them, other than as an
    /// exact copy.
    fn add(&mut self, fragment: &Fragment, data: &[u8], room: &mut [u8]) -> bool {
        let offset = usize::from(fragment.offset);
        let end = offset + data.len();
        let (first, last) = (offset / 8, end.div_ceil(8));
        let Some(place) = room.get_mut(FRONT + offset..).and_then(|rest| rest.get_mut(..data.len())) else {
            return false;
        };
        let total = usize::from(self.total);
        // Nothing lies behind the last fragment, and there is but one.
        let beyond = (total != 0 && if fragment.more { end > total } else { end != total })
            || (!fragment.more && (last..UNITS).any(|unit| self.has(unit)));
        let there = (first..last).filter(|unit| self.has(*unit)).count();
        if there != 0 {
            return !beyond && there == last - first && *place == *data;
        }
        if beyond {
            return false;
        }
        copy(place, data);
        for unit in first..last {
            if let Some(word) = self.units.get_mut(unit / 32) {
                *word |= 1 << (unit % 32);
            }
        }
        if !fragment.more {
            self.total = end as u16;
        }
        let units = usize::from(self.total).div_ceil(8);
        if units != 0 && (0..units).all(|unit| self.has(unit)) {
            self.state = State::Whole;
        }
        true
    }
}

/// The packets that are being put together.
#[derive(Debug)]
pub(super) struct Reassembly<'m> {
    places: &'m mut [Place],
    /// One room for each.
    rooms: &'m mut [u8],
}

impl<'m> Reassembly<'m> {
    pub(super) fn carve(carver: &mut Carver<'m>, packets: u8) -> Reassembly<'m> {
        let packets = usize::from(packets);
        Reassembly { places: carver.part(packets), rooms: carver.part(packets * ROOM) }
    }

    /// When the next packet is given up, or at once when one is whole.
    pub(super) fn deadline(&self) -> Instant {
        let mut deadline = Instant::NEVER;
        for place in self.places.iter() {
            deadline.hasten(match place.state {
                State::Free => Instant::NEVER,
                State::Whole => Instant::ZERO,
                _ => place.expires,
            });
        }
        deadline
    }

    /// The place of the packet that a fragment belongs to, a new one if need be; with its room.
    fn obtain(&mut self, now: Instant, walk: &Walk, identification: u32) -> Option<(&mut Place, &mut [u8])> {
        let Walk { header: Header { source, destination, .. }, arrival, .. } = walk;
        let same = |place: &Place| {
            matches!(place.state, State::Waiting | State::GivenUp)
                && place.identification == identification
                && place.source == *source
                && place.destination == *destination
                && place.arrival.outside == arrival.outside
        };
        let mut index = self.places.iter().position(same);
        if index.is_none() {
            // A free place, or that of the one that has waited longest.
            let age = |place: &Place| match place.state {
                State::Free => (0, Instant::ZERO),
                State::Whole => (2, place.expires),
                _ => (1, place.expires),
            };
            let (oldest, place) = self.places.iter_mut().enumerate().min_by_key(|(_, place)| age(place))?;
            *place = Place {
                state: State::Waiting,
                source: *source,
                destination: *destination,
                identification,
                arrival: Arrival { fragmented: true, ..*arrival },
                expires: now.after(TIMEOUT),
                ..Place::default()
            };
            index = Some(oldest);
        }
        let index = index?;
        let room = self.rooms.get_mut(index * ROOM..)?.get_mut(..ROOM)?;
        Some((self.places.get_mut(index)?, room))
    }
}

/// Whether the part of a first fragment behind its fragment header, which begins with a header of type
/// `next_header`, goes as far as the upper-layer header.
fn has_upper_layer(next_header: u8, data: &[u8]) -> bool {
    let (kind, upper) = exthdr::pass(next_header, data);
    let least = match kind {
        protocol::UDP => 8,
        protocol::ICMPV6 => 4,
        protocol::NO_NEXT_HEADER => 0,
        _ => 1,
    };
    !exthdr::is_extension(kind) && upper.len() >= least
}

impl Ipv6<'_> {
    /// Keeps a fragment for us: the walk stands at its fragment header, and `packet` ends with it.
    pub(super) fn keep_fragment(
        &mut self,
        cx: &mut Context<'_>,
        packet: &[u8],
        walk: &Walk,
        fragment: &Fragment,
    ) {
        let data = packet.get(walk.offset + Fragment::LEN..).unwrap_or_default();
        let end = usize::from(fragment.offset) + data.len();
        let headers = walk.offset.saturating_sub(Header::LEN);
        let problem = if fragment.more && !data.len().is_multiple_of(8) {
            Some(Problem::parameter(parameter::FIELD, 4))
        } else if headers + end > usize::from(u16::MAX) {
            // As a later fragment, it is never answered: it may be one of an error.
            Some(Problem::parameter(parameter::FIELD, walk.offset + 2))
        } else if fragment.offset == 0 && !has_upper_layer(fragment.next_header, data) {
            Some(Problem::parameter(parameter::FIRST_FRAGMENT, 0))
        } else {
            None
        };
        if let Some(problem) = problem {
            self.malformed();
            self.report(cx, &walk.arrival, packet, problem);
            return;
        }
        let fits = end <= LARGEST - Header::LEN && !data.is_empty();
        let place = if fits { self.reassembly.obtain(cx.now, walk, fragment.identification) } else { None };
        let Some((place, room)) = place else {
            self.statistics.reassembly_failed = self.statistics.reassembly_failed.wrapping_add(1);
            return;
        };
        if place.state == State::GivenUp {
            return;
        }
        if !place.add(fragment, data, room) {
            place.state = State::GivenUp;
            self.statistics.reassembly_failed = self.statistics.reassembly_failed.wrapping_add(1);
            return;
        }
        if fragment.offset == 0 {
            // Its headers as they would be without others before the fragment header.
            copy(room, packet.get(..Header::LEN).unwrap_or_default());
            let rest = packet.get(walk.offset..).unwrap_or_default();
            copy(room.get_mut(Header::LEN..FRONT).unwrap_or_default(), rest);
            if let Some(mut header) = HeaderMut::new(room) {
                header.set_next_header(protocol::FRAGMENT);
                header.set_payload_length((Fragment::LEN + data.len()) as u16);
            }
            place.first = (FRONT + data.len()) as u16;
        }
    }

    /// Gives up packets whose fragments have not all come in time.
    pub(super) fn expire_fragments(&mut self, cx: &mut Context<'_>) {
        for index in 0..self.reassembly.places.len() {
            let due = |place: &&mut Place| place.state != State::Whole && place.expires.is_due(cx.now);
            let Some(place) = self.reassembly.places.get_mut(index).filter(due) else { continue };
            let Place { state, first, arrival, .. } = *place;
            if state == State::Free {
                continue;
            }
            *place = Place::default();
            if state == State::GivenUp {
                continue;
            }
            self.statistics.reassembly_failed = self.statistics.reassembly_failed.wrapping_add(1);
            let start = index * ROOM;
            let rooms = core::mem::take(&mut self.reassembly.rooms);
            if let Some(packet) = rooms.get(start..start + usize::from(first)).filter(|_| first > 0) {
                let code = time_exceeded::REASSEMBLY;
                self.report(cx, &arrival, packet, Problem::new(kind::TIME_EXCEEDED, code, 0));
            }
            self.reassembly.rooms = rooms;
        }
    }

    /// Moves a packet whose fragments have all come to `scratch`, of which [`LARGEST`] bytes suffice: how it
    /// came, and how long it is. It is then to be given to [`Ipv6::receive`]. To be asked after
    /// each [`Ipv6::poll`] that has brought nothing.
    pub fn reassembled(&mut self, scratch: &mut [u8]) -> Option<(Arrival, usize)> {
        let whole = |place: &Place| place.state == State::Whole;
        let index = self.reassembly.places.iter().position(whole)?;
        let place = core::mem::take(self.reassembly.places.get_mut(index)?);
        let room = self.reassembly.rooms.get(index * ROOM..)?;
        let (header, rest) = room.split_at_checked(Header::LEN)?;
        let total = usize::from(place.total);
        let packet = scratch.get_mut(..Header::LEN + total)?;
        copy(packet, header);
        copy(packet.get_mut(Header::LEN..)?, rest.get(Fragment::LEN..)?);
        let mut header = HeaderMut::new(packet)?;
        header.set_next_header(*rest.first()?);
        header.set_payload_length(place.total);
        self.statistics.reassembled = self.statistics.reassembled.wrapping_add(1);
        Some((place.arrival, packet.len()))
    }
}
