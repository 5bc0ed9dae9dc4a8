// SPDX-License-Identifier: MIT OR Apache-2.0
//! Query filtering (RFC 6690 §4.1).
#![forbid(unsafe_code)]

use super::{Link, Value};
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
        Ok(match value.strip_suffix(b"*") {
            Some(value) => Filter { name, value, prefix: true },
            None => Filter { name, value, prefix: false },
        })
    }

    /// Whether the link is asked for. Each of the values that `rt`, `if`, `rel`, `rev` and `ct`
    /// list, separated by spaces, counts for itself.
    pub fn matches(&self, link: &Link<'_>) -> bool {
        if self.name == b"href" {
            return self.compare(&Value { raw: link.target, quoted: false }, false);
        }
        let list = matches!(self.name, b"rt" | b"if" | b"rel" | b"rev" | b"ct");
        link.attributes().filter(|attribute| attribute.name == self.name).any(|attribute| {
            // One without a value exists, and that is all that can be said of it.
            let value = attribute.value.unwrap_or(Value { raw: &[], quoted: false });
            self.compare(&value, list)
        })
    }

    /// Compares with the whole value, or with each word of it.
    fn compare(&self, value: &Value<'_>, list: bool) -> bool {
        let mut wanted = self.value.iter();
        let mut alike = true;
        let mut length = 0usize;
        for byte in value.bytes() {
            if list && byte == b' ' {
                if length > 0 && alike && wanted.len() == 0 {
                    return true;
                }
                (wanted, alike, length) = (self.value.iter(), true, 0);
                continue;
            }
            length += 1;
            match wanted.next() {
                Some(expected) => alike &= *expected == byte,
                None => alike &= self.prefix,
            }
        }
        alike && wanted.len() == 0 && (length > 0 || value.raw.is_empty() || !list)
    }
}
