// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/.well-known/core`: the list of resources, filtered as the request asks (RFC 6690 §4).
#![forbid(unsafe_code)]

use super::link::{Emitter, Filter, Link, Window};
use super::resources::{Resource, flags, methods};
use super::wire::{Options, number};
use crate::table::Table;

/// The Content-Format `application/link-format`.
pub(super) const LINK_FORMAT: u16 = 40;

/// The list is a resource itself.
pub(super) const LIST: Resource<'static> =
    Resource { produces: &[LINK_FORMAT], ..Resource::new("/.well-known/core", methods::GET) };

/// Writes what of the list falls to the places from `skip` on, as far as there is room.
pub(super) fn write<'r>(
    resources: &Table<'_, Resource<'_>>,
    queries: &Options<'_>,
    skip: usize,
    room: &'r mut [u8],
) -> Window<'r> {
    let mut window = Window::new(skip, room);
    let mut out = Emitter::new(&mut window);
    for (_, resource) in resources.iter() {
        if resource.flags & flags::HIDDEN != 0 || !asked_for(resource, queries) {
            continue;
        }
        // A window never runs out of room, so nothing fails.
        let _ = out.absolute(resource.path.as_bytes());
        let _ = out.raw(resource.attributes.as_bytes());
        if resource.flags & flags::OBSERVABLE != 0 {
            let _ = out.flag(b"obs");
        }
    }
    window
}

/// Whether a group's member has nothing to show: an empty list, or one that it cannot filter (RFC 6690 §4.1).
pub(super) fn is_silent(resources: &Table<'_, Resource<'_>>, queries: &Options<'_>) -> bool {
    (!FILTERS && queries.first(number::URI_QUERY).is_some())
        || write(resources, queries, 0, &mut []).total() == 0
}

/// Whether this build heeds filters. If not, everybody gets the whole list.
const FILTERS: bool = cfg!(feature = "coap-link");

/// Whether every query of the request suits the resource.
fn asked_for(resource: &Resource<'_>, queries: &Options<'_>) -> bool {
    if !FILTERS {
        return true;
    }
    let link = Link::unchecked(resource.path.as_bytes(), resource.attributes.as_bytes());
    let mut queries = *queries;
    while let Some(query) = queries.advance(number::URI_QUERY) {
        // No name and value: nothing that could be matched.
        let Ok(filter) = Filter::parse(query) else { continue };
        // `obs` is none of the attributes that were given, and has no value.
        let obs = query == b"obs=*" && resource.flags & flags::OBSERVABLE != 0;
        if !(obs || filter.matches(&link)) {
            return false;
        }
    }
    true
}
