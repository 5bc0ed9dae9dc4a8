// SPDX-License-Identifier: MIT OR Apache-2.0
//! The segments of a path, dot segments resolved, and the arguments of a query.
#![forbid(unsafe_code)]

use super::characters::{Encoded, split_at};

/// The segments of a path that is empty or starts with a slash.
///
/// `.` and `..` are resolved as in RFC 3986 §5.2.4, also when they are written `%2e`, which means
/// the same. Whether a segment is taken back by a later `..` is found by looking ahead, which
/// costs time in the square of the length, but only before the last `..` of the path.
#[derive(Clone, Debug)]
pub(super) struct Segments<'a> {
    /// What follows the slash before the next segment; `None` after the last.
    rest: Option<&'a [u8]>,
    /// How much of `rest` is left where the last `..` begins.
    last_up: usize,
    /// Whether something has come out.
    any: bool,
}

impl<'a> Segments<'a> {
    pub(super) fn new(path: &'a [u8]) -> Segments<'a> {
        let rest = path.strip_prefix(b"/");
        let mut last_up = 0;
        let mut look = rest;
        while let Some(here) = look {
            let (segment, next) = split_at(here, b'/');
            if dots(segment) == 2 {
                last_up = here.len();
            }
            look = next;
        }
        Segments { rest, last_up, any: false }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Encoded<'a>;

    fn next(&mut self) -> Option<Encoded<'a>> {
        while let Some(here) = self.rest {
            let (segment, next) = split_at(here, b'/');
            self.rest = next;
            let kept = match (dots(segment), next) {
                // A dot segment at the end leaves the slash before it.
                (1 | 2, None) => &[],
                (1 | 2, Some(_)) => continue,
                (_, Some(rest)) if here.len() > self.last_up && is_taken_back(rest) => continue,
                _ => segment,
            };
            // A path of a single slash holds no segment (RFC 7252 §6.4 step 8).
            if kept.is_empty() && next.is_none() && !self.any {
                return None;
            }
            self.any = true;
            return Some(Encoded::new(kept));
        }
        None
    }
}

/// Whether a `..` in `rest` takes back the segment before it.
fn is_taken_back(rest: &[u8]) -> bool {
    let mut depth = 1u32;
    let mut look = Some(rest);
    while let Some(here) = look {
        let (segment, next) = split_at(here, b'/');
        match dots(segment) {
            2 => depth -= 1,
            1 => {}
            _ => depth = depth.saturating_add(1),
        }
        if depth == 0 {
            return true;
        }
        look = next;
    }
    false
}

/// 1 for `.`, 2 for `..`, 0 for anything else.
#[inline(never)]
fn dots(segment: &[u8]) -> usize {
    let mut count = 0;
    for byte in Encoded::new(segment).bytes() {
        count += 1;
        if byte != b'.' || count > 2 {
            return 0;
        }
    }
    count
}

/// The arguments of a query; an empty query has one empty argument, a missing one none.
#[derive(Clone, Debug)]
pub(super) struct Arguments<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Arguments<'a> {
    pub(super) const fn new(query: Option<&'a [u8]>) -> Arguments<'a> {
        Arguments { rest: query }
    }
}

impl<'a> Iterator for Arguments<'a> {
    type Item = Encoded<'a>;

    fn next(&mut self) -> Option<Encoded<'a>> {
        let (argument, rest) = split_at(self.rest?, b'&');
        self.rest = rest;
        Some(Encoded::new(argument))
    }
}
