// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CoRE link format (RFC 6690): reading, filtering and writing lists of links.
//!
//! ```
//! use mote::coap::link::{Filter, Links};
//!
//! let body = br#"</sensors/temp>;rt="temperature-c";if="sensor",</t>;ct=40;obs"#;
//! let filter = Filter::parse(b"rt=temp*").unwrap();
//! let links: Vec<_> = Links::new(body).map(Result::unwrap).filter(|link| filter.matches(link)).collect();
//! assert_eq!(links.len(), 1);
//! assert_eq!(links[0].target, b"/sensors/temp");
//! ```
#![forbid(unsafe_code)]

mod emit;
mod filter;

pub use emit::{Emitter, Sink, Window};
pub use filter::Filter;

use crate::bytes::Reader;
use crate::status::{Error, Result};

/// The links of a document, each checked as a whole before it comes out.
///
/// After an error nothing more comes. Bytes are not checked to be UTF-8 (§2), and white space
/// around the separators, which the format does not allow, is passed over.
#[derive(Clone, Debug)]
pub struct Links<'a> {
    reader: Reader<'a>,
    first: bool,
}

impl<'a> Links<'a> {
    /// Starts at the front of a whole document.
    pub const fn new(document: &'a [u8]) -> Links<'a> {
        Links { reader: Reader::new(document), first: true }
    }

    /// The first link of what is left of a document, with how many bytes are left after it and
    /// the comma that ends it; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the grammar is broken, also by a comma that nothing follows.
    #[allow(clippy::type_complexity)] // an item of an iterator, and where it stands
    pub fn first(rest: &'a [u8]) -> Option<Result<(Link<'a>, usize)>> {
        let mut links = Links::new(rest);
        let link = links.next()?;
        let left = match links.reader.rest() {
            [] => Ok(0),
            [b',', more @ ..] if !more.is_empty() => Ok(more.len()),
            _ => Err(Error::Malformed),
        };
        Some(link.and_then(|link| Ok((link, left?))))
    }

    /// The next link; `None` where the grammar is broken.
    fn link(&mut self) -> Option<Link<'a>> {
        let reader = &mut self.reader;
        if !self.first && !skip(reader, b',') {
            return None;
        }
        skip_space(reader);
        if !skip(reader, b'<') {
            return None;
        }
        let target = take_while(reader, |byte| byte != b'>');
        if !skip(reader, b'>') {
            return None;
        }
        let attributes = attributes(reader)?;
        skip_space(reader);
        Some(Link { target, attributes })
    }
}

impl<'a> Iterator for Links<'a> {
    type Item = Result<Link<'a>>;

    /// # Errors
    /// [`Error::Malformed`] where the document breaks the grammar of RFC 6690 §2.
    fn next(&mut self) -> Option<Result<Link<'a>>> {
        if self.first {
            skip_space(&mut self.reader);
        }
        if self.reader.is_empty() {
            return None;
        }
        let link = self.link();
        self.first = false;
        if link.is_none() {
            self.reader.take_rest();
        }
        Some(link.ok_or(Error::Malformed))
    }
}

/// One link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The URI reference between the angle brackets, as it is written.
    pub target: &'a [u8],
    /// Checked: holds attributes and nothing else.
    attributes: &'a [u8],
}

impl<'a> Link<'a> {
    /// A link from its parts, as a server holds them: `attributes` is what would stand after the
    /// `>`, such as `;rt="light";obs`.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the attributes break the grammar or the target holds a `>`.
    pub fn new(target: &'a [u8], attributes: &'a [u8]) -> Result<Link<'a>> {
        let mut reader = Reader::new(attributes);
        if self::attributes(&mut reader).is_none() || !reader.is_empty() || holds(target, b'>') {
            return Err(Error::Malformed);
        }
        Ok(Link { target, attributes })
    }

    /// The same, where nothing breaks if the grammar is broken: what follows is not seen then.
    pub(in crate::coap) const fn unchecked(target: &'a [u8], attributes: &'a [u8]) -> Link<'a> {
        Link { target, attributes }
    }

    /// The attributes as they are written, each with its semicolon.
    pub const fn raw_attributes(&self) -> &'a [u8] {
        self.attributes
    }

    /// The attributes, in the order of the document.
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes { reader: Reader::new(self.attributes) }
    }

    /// The first attribute with this name.
    pub fn attribute(&self, name: &[u8]) -> Option<Attribute<'a>> {
        self.attributes().find(|attribute| attribute.name == name)
    }
}

/// The attributes of a [`Link`].
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    reader: Reader<'a>,
}

impl Attributes<'_> {
    /// How many bytes of the link's attributes have not been iterated yet.
    pub const fn remaining(&self) -> usize {
        self.reader.remaining()
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        // Checked when the link was read, so the only end is the end.
        let mut next = Attribute::NONE;
        attribute(&mut self.reader, &mut next)?.then_some(next)
    }
}

/// One attribute of a link. Names that end in `*` have extended values (RFC 5987).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The name, such as `rt`.
    pub name: &'a [u8],
    /// The value, if there is one: `obs` has none.
    pub value: Option<Value<'a>>,
}

impl Attribute<'_> {
    /// To be read into.
    const NONE: Attribute<'static> = Attribute { name: &[], value: None };
}

/// The value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// As it is written, without the quotes.
    pub raw: &'a [u8],
    /// Whether it stood in quotes, so that backslashes escape (RFC 2616 §2.2).
    pub quoted: bool,
}

impl<'a> Value<'a> {
    /// The bytes that it stands for.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + use<'a> {
        let mut rest = self.raw.iter();
        let quoted = self.quoted;
        core::iter::from_fn(move || match rest.next() {
            Some(b'\\') if quoted => rest.next().copied(),
            byte => byte.copied(),
        })
    }

    /// Whether it stands for exactly these bytes.
    pub fn is(&self, bytes: &[u8]) -> bool {
        self.bytes().eq(bytes.iter().copied())
    }

    /// The value as a number, such as that of `sz` and `ct`. What does not fit is
    /// `u32::MAX`: such values must be accepted (§3.3).
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is no number.
    pub fn number(&self) -> Result<u32> {
        if self.raw.is_empty() {
            return Err(Error::Malformed);
        }
        self.bytes().try_fold(0u32, |number, byte| {
            let digit = if byte.is_ascii_digit() { byte - b'0' } else { return Err(Error::Malformed) };
            let tenfold = number.checked_mul(10);
            Ok(tenfold.and_then(|number| number.checked_add(u32::from(digit))).unwrap_or(u32::MAX))
        })
    }

    /// Charset, language and percent-encoded text of an extended value
    /// (`UTF-8'en'caf%C3%A9`, RFC 5987 §3.2).
    pub fn extended(&self) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
        let mut parts = self.raw.splitn(3, |byte| *byte == b'\'');
        Some((parts.next()?, parts.next()?, parts.next()?))
    }
}

/// Reads one attribute with its semicolon: whether there is one, and `None` where the grammar is broken.
#[inline(never)] // One copy.
fn attribute<'a>(reader: &mut Reader<'a>, out: &mut Attribute<'a>) -> Option<bool> {
    let before = *reader;
    skip_space(reader);
    if !skip(reader, b';') {
        *reader = before;
        return Some(false);
    }
    skip_space(reader);
    *out = Attribute { name: take_while(reader, is_name), value: None };
    if out.name.is_empty() {
        return None;
    }
    if skip(reader, b'=') {
        let quoted = skip(reader, b'"');
        let mut raw = reader.rest();
        if quoted {
            let mut length = 0;
            while !skip(reader, b'"') {
                skip(reader, b'\\');
                reader.u8().ok()?;
                length = raw.len() - reader.remaining();
            }
            raw = raw.get(..length)?;
        } else {
            raw = take_while(reader, is_token);
            if raw.is_empty() {
                return None;
            }
        }
        out.value = Some(Value { raw, quoted });
    }
    Some(true)
}

/// Takes all attributes that follow: as they are written, or `None` where the grammar is broken.
#[inline(never)] // One copy.
fn attributes<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let all = reader.rest();
    let mut one = Attribute::NONE;
    while attribute(reader, &mut one)? {}
    all.get(..all.len() - reader.remaining())
}

/// Passes over the next byte if it is `wanted`.
#[inline(never)] // One copy.
fn skip(reader: &mut Reader<'_>, wanted: u8) -> bool {
    let is_wanted = reader.peek() == Some(wanted);
    if is_wanted {
        let _ = reader.u8();
    }
    is_wanted
}

/// What `contains` does, which is faster in the core library and takes far more code.
#[allow(clippy::manual_contains)]
#[inline(never)] // One copy.
fn holds(bytes: &[u8], wanted: u8) -> bool {
    bytes.iter().any(|byte| *byte == wanted)
}

fn take_while<'a>(reader: &mut Reader<'a>, wanted: fn(u8) -> bool) -> &'a [u8] {
    let rest = reader.rest();
    let length = rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
    reader.take(length).unwrap_or_default()
}

fn skip_space(reader: &mut Reader<'_>) {
    take_while(reader, |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
}

/// `parmname` of RFC 5987 §3.2.1, with the star of extended names.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_graphic() && !holds(b"\"%'(),/:;<=>?@[\\]{}", byte)
}

/// `ptokenchar` of RFC 6690 §2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !holds(b"\",;\\", byte)
}

#[cfg(test)]
mod tests;
