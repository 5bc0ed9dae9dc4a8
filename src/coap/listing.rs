// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/.well-known/core`: the list of resources, filtered as the request asks (RFC 6690 §4).
#![forbid(unsafe_code)]

use super::key;
use super::link::{Emitter, Filter, Link, Sink};
use super::resources::{Resource, flags};
use super::wire::{Options, number};
use crate::status::Result;
use crate::table::Table;

/// Adds up the length and the fingerprint of what is written.
pub(super) struct Measure {
    /// How long it is so far.
    pub(super) length: usize,
    /// Its fingerprint so far.
    pub(super) hash: u32,
}

impl Sink for Measure {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.length = self.length.saturating_add(bytes.len());
        self.hash = key::hash(self.hash, bytes);
        Ok(())
    }
}

/// Measures the list.
pub(super) fn measure(resources: &Table<'_, Resource<'_>>, queries: &Options<'_>) -> Measure {
    let mut measure = Measure { length: 0, hash: key::EMPTY };
    write(resources, queries, &mut measure);
    measure
}

/// Writes the list. Neither a window nor a measure ever runs out of room, so nothing fails.
pub(super) fn write(resources: &Table<'_, Resource<'_>>, queries: &Options<'_>, sink: &mut dyn Sink) {
    let mut out = Emitter::new(sink);
    for (_, resource) in resources.iter() {
        if resource.flags & flags::HIDDEN != 0 || !asked_for(resource, queries) {
            continue;
        }
        let _ = out.absolute(resource.path.as_bytes());
        let _ = out.raw(resource.attributes.as_bytes());
        if resource.flags & flags::OBSERVABLE != 0 {
            let _ = out.flag(b"obs");
        }
    }
}

/// Whether every query of the request suits the resource.
fn asked_for(resource: &Resource<'_>, queries: &Options<'_>) -> bool {
    let link = Link::unchecked(resource.path.as_bytes(), resource.attributes.as_bytes());
    let mut queries = *queries;
    while let Some(query) = queries.advance(number::URI_QUERY) {
        // No name and value: nothing that could be matched.
        let Ok(filter) = Filter::parse(query) else { continue };
        if !filter.matches(&link) && (query != b"obs" || resource.flags & flags::OBSERVABLE == 0) {
            return false;
        }
    }
    true
}
