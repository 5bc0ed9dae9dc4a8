// SPDX-License-Identifier: MIT OR Apache-2.0
//! Query filtering (RFC 6690 §4.1).
#![forbid(unsafe_code)]

use super::{Attribute, Link, Value, attribute};
use crate::bytes::Reader;
use crate::coap::wire::uint;
use crate::status::{Error, Result};

/// What a Uri-Query of a discovery request asks for: `rt=light`, `href=/a*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter<'a> {
    /// The name of an attribute, or `href` for the target.
    pub name: &'a [u8],
    /// The value, without the star of a prefix.
    pub value: &'a [u8],
    /// Whether the value may be followed by anything.
    pub prefix: bool,
}

impl<'a> Filter<'a> {
    /// Reads the value of a Uri-Query option, percent-encodings resolved.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is no name and value: no filter at all.
    pub fn parse(query: &'a [u8]) -> Result<Filter<'a>> {
        let equals = query.iter().position(|byte| *byte == b'=').ok_or(Error::Malformed)?;
        let name = query.get(..equals).unwrap_or_default();
        let value = query.get(equals + 1..).unwrap_or_default();
        if name.is_empty() {
            return Err(Error::Malformed);
        }
        Ok(match value {
            [value @ .., b'*'] => Filter { name, value, prefix: true },
            _ => Filter { name, value, prefix: false },
        })
    }

    /// Whether the link is asked for. Each of the values that `rt`, `if`, `rel`, `rev` and `ct`
    /// list, separated by spaces, counts for itself.
    pub fn matches(&self, link: &Link<'_>) -> bool {
        let list = matches!(uint(self.name), Some(RT | IF | REL | REV | CT));
        // The target is filtered like an attribute.
        let target = Value { raw: link.target, quoted: false };
        let mut next = Attribute { name: b"href", value: Some(target) };
        let mut reader = Reader::new(link.attributes);
        loop {
            // One without a value exists, and that is all that can be said of it.
            let value = next.value.get_or_insert(Value { raw: &[], quoted: false });
            if next.name == self.name && self.compare(value, list) {
                return true;
            }
            if attribute(&mut reader, &mut next) != Some(true) {
                return false;
            }
        }
    }

    /// Compares with the whole value, or with each word of it.
    fn compare(&self, value: &Value<'_>, list: bool) -> bool {
        let mut bytes = value.bytes();
        loop {
            let (mut wanted, mut alike, mut any) = (self.value.iter(), true, false);
            let end = loop {
                match bytes.next() {
                    None => break true,
                    Some(b' ') if list => break false,
                    Some(byte) => {
                        any = true;
                        alike &= wanted.next().map_or(self.prefix, |expected| *expected == byte);
                    }
                }
            };
            // Between two spaces there is no word, but a value may be empty.
            if alike && wanted.len() == 0 && (any || !list || value.raw.is_empty()) {
                return true;
            }
            if end {
                return false;
            }
        }
    }
}

// Names as numbers, since to compare those takes less code.
const RT: u32 = u32::from_be_bytes(*b"\0\0rt");
const IF: u32 = u32::from_be_bytes(*b"\0\0if");
const REL: u32 = u32::from_be_bytes(*b"\0rel");
const REV: u32 = u32::from_be_bytes(*b"\0rev");
const CT: u32 = u32::from_be_bytes(*b"\0\0ct");
