// SPDX-License-Identifier: MIT OR Apache-2.0
//! The resources of a server and how a request finds its own.
#![forbid(unsafe_code)]

use super::wire::{Code, Options, number};

/// One resource, or a sub-tree of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resource<'m> {
    /// The path, not percent-encoded, with a `/` in front: `/sensors/temperature`. `*` as the last
    /// segment stands for one or more segments of any kind. `/` alone is the root.
    pub path: &'m str,
    /// The methods it has: bit `c - 1` for the code 0.0c. See [`methods`].
    pub methods: u8,
    /// What it can do: see [`flags`].
    pub flags: u8,
    /// Attributes in link format, each with its semicolon, for `/.well-known/core` (RFC 6690):
    /// `;rt="temperature";ct=0`. `obs` is added by the endpoint.
    pub attributes: &'m str,
    /// The Content-Formats that it can give; empty for any. A request that accepts none of
    /// them gets 4.06.
    pub produces: &'m [u16],
    /// The Content-Formats that it takes; empty for any. Others get 4.15.
    pub consumes: &'m [u16],
    /// The largest body of a request, in bytes; 0 for no limit. Larger ones get 4.13.
    pub max_body: u32,
}

impl<'m> Resource<'m> {
    /// A resource with these methods and nothing else.
    pub const fn new(path: &'m str, methods: u8) -> Resource<'m> {
        Resource { path, methods, flags: 0, attributes: "", produces: &[], consumes: &[], max_body: 0 }
    }
}

/// What a resource can do.
pub mod flags {
    /// It may be observed (RFC 7641).
    pub const OBSERVABLE: u8 = 1;
    /// A body in several blocks is assembled before the handler sees it.
    pub const ASSEMBLE: u8 = 2;
    /// It is left out of `/.well-known/core`.
    pub const HIDDEN: u8 = 4;
    /// It answers requests to groups.
    pub const MULTICAST: u8 = 8;
    /// Its handler heeds If-Match and If-None-Match; without this they get 4.02.
    pub const CONDITIONAL: u8 = 16;
    /// What it gives depends on its state and the request's options alone: an answer to one observer
    /// is given to all that asked alike.
    pub const SHARED: u8 = 32;
}

/// The bit of a method in [`Resource::methods`]; 0 for a code that is no known method.
pub const fn method_bit(method: Code) -> u8 {
    match method.0 {
        1..=7 => 1 << (method.0 - 1),
        _ => 0,
    }
}

/// Bits of [`Resource::methods`].
#[allow(missing_docs)] // The names of the methods.
pub mod methods {
    pub const GET: u8 = 1;
    pub const POST: u8 = 2;
    pub const PUT: u8 = 4;
    pub const DELETE: u8 = 8;
    pub const FETCH: u8 = 16;
    pub const PATCH: u8 = 32;
    pub const IPATCH: u8 = 64;
}

/// How well a path suits a request: 0 not at all, `usize::MAX` exactly, else by one more than the
/// number of segments before the `*`.
pub(super) fn suits(path: &str, options: &Options<'_>) -> usize {
    let mut asked = *options;
    let mut asked = || asked.advance(number::URI_PATH);
    let path = path.as_bytes();
    // The root has no segments.
    let path = if let [b'/', path @ ..] = path { path } else { path };
    let mut rest = Some(path).filter(|path| !path.is_empty());
    let mut depth = 1;
    while let Some(path) = rest {
        let end = path.iter().position(|byte| *byte == b'/');
        let segment = path.get(..end.unwrap_or(path.len())).unwrap_or_default();
        let Some(found) = asked() else { return 0 };
        if segment == b"*" {
            return depth;
        }
        if segment != found {
            return 0;
        }
        rest = end.and_then(|end| path.get(end + 1..));
        depth += 1;
    }
    if asked().is_none() { usize::MAX } else { 0 }
}

/// What the first byte of a path is, after the slash, to suit a request whose first segment is `asked`; more than a
/// byte for none.
pub(super) fn first(asked: Option<&[u8]>) -> u32 {
    asked.map_or(NO_BYTE, |segment| segment.first().map_or(b'/'.into(), |byte| u32::from(*byte)))
}

const NO_BYTE: u32 = 256;

/// Whether the first byte alone says that a path cannot suit a request that asks for it to be `asked`.
/// There may be many resources, and this spares the look at nearly all of them.
pub(super) fn differs(path: &str, asked: u32) -> bool {
    let first = path.as_bytes().get(1).map_or(NO_BYTE, |byte| u32::from(*byte));
    first != asked && first != b'*'.into()
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Encoder, Message, Type};
    use super::*;

    fn suited(path: &str, segments: &[&str]) -> usize {
        let mut buffer = [0; 128];
        let mut out = Encoder::new(&mut buffer, Type::Con, Code::GET, 1, &[]).unwrap();
        for segment in segments {
            out.option(number::URI_PATH, segment.as_bytes()).unwrap();
        }
        let found = suits(path, &Message::parse(out.finish()).unwrap().options);
        if path.starts_with('/') && found != 0 {
            assert!(!differs(path, first(segments.first().map(|segment| segment.as_bytes()))));
        }
        found
    }

    #[test]
    fn paths_suit_whole_or_as_sub_trees() {
        assert_eq!(suited("", &[]), usize::MAX);
        assert_eq!(suited("", &["a"]), 0);
        assert_eq!(suited("a", &[]), 0);
        assert_eq!(suited("a/b", &["a", "b"]), usize::MAX);
        assert_eq!(suited("a/b", &["a/b"]), 0);
        assert_eq!(suited("a/b", &["a"]), 0);
        assert_eq!(suited("a", &["a", "b"]), 0);
        assert_eq!(suited("a/*", &["a", "b", "c"]), 2);
        assert_eq!(suited("a/*", &["a"]), 0);
        assert_eq!(suited("*", &["a"]), 1);
        assert_eq!(suited("a/", &["a", ""]), usize::MAX);
        assert_eq!(suited("/", &[]), usize::MAX);
        assert_eq!(suited("/a/b", &["a", "b"]), usize::MAX);
        assert_eq!(suited("//", &["", ""]), usize::MAX);
        assert_eq!(suited("//a", &["", "a"]), usize::MAX);
        assert_eq!(suited("/*", &[""]), 1);
        assert_eq!(suited("/", &[""]), 0);
    }

    #[test]
    fn the_first_byte_tells_most_paths_apart() {
        assert!(differs("/a", first(Some(b"b"))));
        assert!(differs("/a", first(Some(b""))));
        assert!(differs("/a", first(None)));
        assert!(differs("/", first(Some(b"a"))));
        assert!(!differs("/", first(None)));
        assert!(!differs("/a/b", first(Some(b"ab"))));
        assert!(!differs("/*", first(Some(b"b"))));
    }

    #[test]
    fn each_method_has_its_bit() {
        assert_eq!(method_bit(Code::GET), methods::GET);
        assert_eq!(method_bit(Code::IPATCH), methods::IPATCH);
        assert_eq!(method_bit(Code(8)), 0);
        assert_eq!(method_bit(Code::EMPTY), 0);
    }
}
