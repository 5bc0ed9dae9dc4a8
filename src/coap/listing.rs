// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/.well-known/core`: the list of resources, filtered as the request asks (RFC 6690 §4).
#![forbid(unsafe_code)]

use super::link::{Emitter, Filter, Link, Window};
use super::resources::{Resource, flags};
use super::wire::{Options, number};
use crate::table::Table;

/// Writes what of the list falls to the places from `offset` on, as far as there is room, and
/// says how long the whole list is.
pub(super) fn write(
    resources: &Table<'_, Resource<'_>>,
    queries: Options<'_>,
    offset: usize,
    room: &mut [u8],
) -> usize {
    let mut window = Window::new(offset, room);
    let mut out = Emitter::new(&mut window);
    for (_, resource) in resources.iter() {
        if resource.flags & flags::HIDDEN != 0 || !asked_for(resource, queries) {
            continue;
        }
        // A window takes all there is, so nothing of this fails.
        let path = resource.path.strip_prefix('/').unwrap_or_default();
        let mut segments = path.split('/').map(str::as_bytes).filter(|_| !path.is_empty());
        let _ = out.path(&mut segments);
        let _ = out.raw(resource.attributes.as_bytes());
        if resource.flags & flags::OBSERVABLE != 0 {
            let _ = out.flag(b"obs");
        }
    }
    window.total()
}

/// Whether every query of the request suits the resource.
fn asked_for(resource: &Resource<'_>, queries: Options<'_>) -> bool {
    let Ok(link) = Link::new(resource.path.as_bytes(), resource.attributes.as_bytes()) else { return true };
    queries.all(number::URI_QUERY).all(|query| match Filter::parse(query) {
        Ok(filter) => filter.matches(&link) || (query == b"obs" && resource.flags & flags::OBSERVABLE != 0),
        // No name and value: nothing that could be matched.
        Err(_) => true,
    })
}
