// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing link-format documents, whole or only a window of them.
#![forbid(unsafe_code)]

use super::{Attribute, holds};
use crate::address::put_decimal;
use crate::bytes::Writer;
use crate::coap::key;
use crate::coap::uri::{PATH, SEGMENT, encode};
use crate::status::{Error, Result};

/// Where a document is written to.
pub trait Sink {
    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::status::Error::TooLarge) when there is no room.
    fn put(&mut self, bytes: &[u8]) -> Result<()>;
}

impl Sink for Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        Writer::put(self, bytes)
    }
}

/// Keeps one window of a document that is written from its start each time, so that a document
/// larger than memory can be served block by block. Writing to it never fails.
#[derive(Debug)]
pub struct Window<'a> {
    out: Writer<'a>,
    skip: usize,
    total: usize,
    hash: u32,
}

impl<'a> Window<'a> {
    /// Keeps what falls to the places from `offset` on, as far as `buffer` has room.
    pub const fn new(offset: usize, buffer: &'a mut [u8]) -> Window<'a> {
        Window { out: Writer::new(buffer), skip: offset, total: 0, hash: key::EMPTY }
    }

    /// How long the document is so far.
    pub const fn total(&self) -> usize {
        self.total
    }

    /// The fingerprint of the whole document so far.
    pub(in crate::coap) const fn fingerprint(&self) -> u32 {
        self.hash
    }

    /// How many bytes of it were kept, at the front of the buffer.
    pub const fn kept(&self) -> usize {
        self.out.position()
    }
}

impl Sink for Window<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.total = self.total.saturating_add(bytes.len());
        self.hash = key::hash(self.hash, bytes);
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        let rest = bytes.get(skipped..).unwrap_or_default();
        let room = self.out.remaining().min(rest.len());
        self.out.put(rest.get(..room).unwrap_or_default())
    }
}

/// Writes links one after the other, each with its attributes.
pub struct Emitter<'s> {
    sink: &'s mut dyn Sink,
    first: bool,
}

impl<'s> Emitter<'s> {
    /// Starts a document.
    pub fn new(sink: &'s mut dyn Sink) -> Emitter<'s> {
        Emitter { sink, first: true }
    }

    fn open(&mut self) -> Result<()> {
        if !core::mem::replace(&mut self.first, false) {
            self.sink.put(b",")?;
        }
        self.sink.put(b"<")
    }

    /// Starts a link to a URI reference, which is written as it is.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::status::Error::Invalid) when it holds a `>`,
    /// [`Error::TooLarge`](crate::status::Error::TooLarge).
    pub fn link(&mut self, target: &[u8]) -> Result<()> {
        if holds(target, b'>') {
            return Err(Error::Invalid);
        }
        self.open()?;
        self.sink.put(target)?;
        self.sink.put(b">")
    }

    /// Starts a link to an absolute path of these segments, percent-encoded where needed.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::status::Error::TooLarge).
    pub fn path(&mut self, segments: &mut dyn Iterator<Item = &[u8]>) -> Result<()> {
        self.open()?;
        let mut any = false;
        for segment in segments {
            any = true;
            self.sink.put(b"/")?;
            encode(segment, SEGMENT, self.sink)?;
        }
        if !any {
            self.sink.put(b"/")?;
        }
        self.sink.put(b">")
    }

    /// The same where slashes stand between the segments, as [`Resource::path`](crate::coap::Resource::path) is written.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::status::Error::TooLarge).
    pub fn absolute(&mut self, path: &[u8]) -> Result<()> {
        self.open()?;
        encode(path, PATH, self.sink)?;
        self.sink.put(b">")
    }

    fn name(&mut self, name: &[u8]) -> Result<()> {
        self.sink.put(b";")?;
        self.sink.put(name)
    }

    /// Adds an attribute without a value, such as `obs`.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::status::Error::TooLarge).
    pub fn flag(&mut self, name: &[u8]) -> Result<()> {
        self.name(name)
    }

    /// Adds an attribute with a number, such as `ct` or `sz`.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::status::Error::TooLarge).
    pub fn number(&mut self, name: &[u8], number: u32) -> Result<()> {
        self.name(name)?;
        self.sink.put(b"=")?;
        let mut buffer = [0; 10];
        let mut out = Writer::new(&mut buffer);
        put_decimal(number, &mut out)?;
        self.sink.put(out.written())
    }

    /// Adds an attribute with a text, in quotes and escaped where needed, such as `rt`.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::status::Error::TooLarge).
    pub fn text(&mut self, name: &[u8], text: &[u8]) -> Result<()> {
        self.name(name)?;
        self.sink.put(b"=\"")?;
        for byte in text {
            if matches!(byte, b'"' | b'\\') {
                self.sink.put(b"\\")?;
            }
            self.sink.put(core::slice::from_ref(byte))?;
        }
        self.sink.put(b"\"")
    }

    /// Adds an attribute as it was read.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::status::Error::TooLarge).
    pub fn attribute(&mut self, attribute: &Attribute<'_>) -> Result<()> {
        self.name(attribute.name)?;
        let Some(value) = attribute.value else { return Ok(()) };
        let quote: &[u8] = if value.quoted { b"\"" } else { b"" };
        for piece in [b"=", quote, value.raw, quote] {
            self.sink.put(piece)?;
        }
        Ok(())
    }

    /// Adds attributes that are already in link format, each with its semicolon.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::status::Error::TooLarge).
    pub fn raw(&mut self, attributes: &[u8]) -> Result<()> {
        self.sink.put(attributes)
    }
}
