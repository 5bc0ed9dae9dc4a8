// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extension headers (RFC 8200 §4): options, routing headers, fragment headers.
#![forbid(unsafe_code)]

use super::protocol;
use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// How many extension headers of one packet are looked at. RFC 8200 §4.1 has no packet with
/// more than seven.
pub const MAX_EXTENSION_HEADERS: usize = 8;

/// Whether `next_header` names an extension header that is known here.
pub const fn is_extension(next_header: u8) -> bool {
    matches!(
        next_header,
        protocol::HOP_BY_HOP | protocol::ROUTING | protocol::FRAGMENT | protocol::DESTINATION_OPTIONS
    )
}

/// One extension header: what follows it, and all of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'p> {
    /// The header behind this one.
    pub next_header: u8,
    /// The whole header, a multiple of 8 bytes long.
    pub bytes: &'p [u8],
}

impl<'p> Extension<'p> {
    /// Reads the extension header of type `kind` at the front of `payload`.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is longer than `payload`.
    pub fn parse(kind: u8, payload: &'p [u8]) -> Result<Extension<'p>> {
        let &[next_header, length] = payload.first_chunk().ok_or(Error::Malformed)?;
        // The second byte of a fragment header is reserved: it always has 8 bytes.
        let units = if kind == protocol::FRAGMENT { 0 } else { usize::from(length) };
        let bytes = payload.get(..8 + 8 * units).ok_or(Error::Malformed)?;
        Ok(Extension { next_header, bytes })
    }

    /// The options of a hop-by-hop or destination options header.
    pub fn options(&self) -> Options<'p> {
        Options { reader: Reader::new(self.bytes.get(2..).unwrap_or_default()) }
    }
}

/// Goes past the extension headers in front of `bytes`, the first of which is of type `kind`, as far as they are known,
/// there, and not those of a later fragment: the type of what comes then, and that.
pub(in crate::ipv6) fn pass(mut kind: u8, mut bytes: &[u8]) -> (u8, &[u8]) {
    for _ in 0..MAX_EXTENSION_HEADERS {
        let later = kind == protocol::FRAGMENT && !matches!(bytes, [_, _, 0, low, ..] if low & 0xf8 == 0);
        let Ok(extension) = Extension::parse(kind, bytes) else { break };
        if !is_extension(kind) || later {
            break;
        }
        kind = extension.next_header;
        bytes = bytes.get(extension.bytes.len()..).unwrap_or_default();
    }
    (kind, bytes)
}

/// What a node that does not know an option does with the packet: the two high bits of the
/// option's type (RFC 8200 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownOption {
    /// 00: go on to the next option.
    Skip,
    /// 01: discard the packet.
    Discard,
    /// 10: discard it and send Parameter Problem code 2.
    Report,
    /// 11: the same, unless the destination was multicast.
    ReportUnlessMulticast,
}

/// One option of a hop-by-hop or destination options header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderOption<'p> {
    /// The option's type, all eight bits of it.
    pub kind: u8,
    /// The option's data.
    pub data: &'p [u8],
    /// Where the option's type stands, counted from the start of the extension header.
    pub offset: usize,
}

impl HeaderOption<'_> {
    /// The type of a single byte of padding.
    pub const PAD1: u8 = 0;
    /// The type of two or more bytes of padding.
    pub const PADN: u8 = 1;
    /// The type of the RPL option as RFC 6553 has it.
    pub const RPL: u8 = 0x63;
    /// The type of the RPL option as RFC 9008 has it.
    pub const RPL_9008: u8 = 0x23;

    /// What to do if the option is not known.
    pub const fn unknown(&self) -> UnknownOption {
        match self.kind >> 6 {
            0 => UnknownOption::Skip,
            1 => UnknownOption::Discard,
            2 => UnknownOption::Report,
            _ => UnknownOption::ReportUnlessMulticast,
        }
    }

    /// Writes type, length and data.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room or the data has more than 255 bytes.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        out.u8(self.kind)?;
        if self.kind == HeaderOption::PAD1 {
            return Ok(());
        }
        out.u8(u8::try_from(self.data.len()).map_err(|_| Error::TooLarge)?)?;
        out.put(self.data)
    }

    /// How many bytes [`HeaderOption::emit`] writes.
    pub const fn encoded_len(&self) -> usize {
        if self.kind == HeaderOption::PAD1 { 1 } else { 2 + self.data.len() }
    }
}

/// Walks through the options of a header, padding included. Ends after an error.
#[derive(Clone, Debug)]
pub struct Options<'p> {
    reader: Reader<'p>,
}

impl<'p> Iterator for Options<'p> {
    type Item = Result<HeaderOption<'p>>;

    fn next(&mut self) -> Option<Result<HeaderOption<'p>>> {
        let offset = 2 + self.reader.position();
        let kind = self.reader.u8().ok()?;
        if kind == HeaderOption::PAD1 {
            return Some(Ok(HeaderOption { kind, data: &[], offset }));
        }
        let data = self.reader.u8().and_then(|length| self.reader.take(usize::from(length)));
        if data.is_err() {
            self.reader.take_rest();
        }
        Some(data.map(|data| HeaderOption { kind, data, offset }))
    }
}

/// Pads an options header that began at `start` of what `out` has written to a multiple of
/// 8 bytes, and fills in its length.
///
/// # Errors
/// [`Error::TooLarge`] when `out` has no room or the header would exceed 2048 bytes.
pub fn finish_options(out: &mut Writer<'_>, start: usize) -> Result<()> {
    let length = out.position().saturating_sub(start);
    match length.wrapping_neg() & 7 {
        0 => {}
        1 => out.u8(HeaderOption::PAD1)?,
        gap => {
            out.u8(HeaderOption::PADN)?;
            out.u8(gap as u8 - 2)?;
            out.reserve(gap - 2)?;
        }
    }
    let units = (out.position().saturating_sub(start) >> 3).saturating_sub(1);
    let units = u8::try_from(units).map_err(|_| Error::TooLarge)?;
    if let Some(field) = out.written_mut().get_mut(start + 1) {
        *field = units;
    }
    Ok(())
}

/// The fixed part of a routing header (RFC 8200 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routing {
    /// The routing type; 3 is RPL's source route (RFC 6554).
    pub routing_type: u8,
    /// How many listed nodes are still to be visited.
    pub segments_left: u8,
}

impl Routing {
    /// Where Segments Left stands in the header.
    pub const SEGMENTS_LEFT: u8 = 3;

    /// Reads the fixed part of a routing header, as [`Extension::bytes`] holds it.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is cut short.
    pub fn parse(header: &[u8]) -> Result<Routing> {
        let &[_, _, routing_type, segments_left] = header.first_chunk().ok_or(Error::Malformed)?;
        Ok(Routing { routing_type, segments_left })
    }
}

/// A fragment header (RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// What the fragmentable part begins with.
    pub next_header: u8,
    /// Where this fragment belongs, in bytes; a multiple of 8.
    pub offset: u16,
    /// Whether more fragments follow.
    pub more: bool,
    /// Which packet this is a fragment of.
    pub identification: u32,
}

impl Fragment {
    /// The length of the header in bytes.
    pub const LEN: usize = 8;

    /// Reads a fragment header, as [`Extension::bytes`] holds it. Reserved bits are ignored.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is cut short.
    pub fn parse(header: &[u8]) -> Result<Fragment> {
        let &[next_header, _, high, low, identification @ ..] =
            header.first_chunk::<{ Fragment::LEN }>().ok_or(Error::Malformed)?;
        let place = u16::from_be_bytes([high, low]);
        Ok(Fragment {
            next_header,
            offset: place & 0xfff8,
            more: place & 1 != 0,
            identification: u32::from_be_bytes(identification),
        })
    }

    /// Writes the header.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        out.u8(self.next_header)?;
        out.u8(0)?;
        out.u16(self.offset & 0xfff8 | u16::from(self.more))?;
        out.u32(self.identification)
    }

    /// The length of the header in bytes.
    pub const fn encoded_len(&self) -> usize {
        Fragment::LEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn options_emit_what_they_were_parsed_from(units in 0usize..4, mut bytes: [u8; 32]) {
            bytes[1] = units as u8;
            let header = Extension::parse(protocol::HOP_BY_HOP, &bytes).unwrap();
            prop_assert_eq!(header.bytes.len(), 8 + 8 * units);
            let mut buffer = [0; 32];
            let mut out = Writer::new(&mut buffer);
            out.put(&bytes[..2]).unwrap();
            let mut whole = true;
            for option in header.options() {
                match option {
                    Ok(option) => {
                        prop_assert_eq!(option.offset, out.position());
                        prop_assert_eq!(header.bytes[option.offset], option.kind);
                        option.emit(&mut out).unwrap();
                        prop_assert_eq!(option.offset + option.encoded_len(), out.position());
                    }
                    Err(_) => whole = false,
                }
            }
            if whole {
                prop_assert_eq!(out.written(), header.bytes);
            }
        }

        #[test]
        fn fragment_headers_round_trip(next_header: u8, offset in 0u16..8192, more: bool, identification: u32) {
            let fragment = Fragment { next_header, offset: offset << 3, more, identification };
            let mut buffer = [0; 8];
            fragment.emit(&mut Writer::new(&mut buffer)).unwrap();
            prop_assert_eq!(Fragment::parse(&buffer), Ok(fragment));
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(kind: u8, bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(header) = Extension::parse(kind, &bytes) {
                prop_assert!(header.options().count() <= bytes.len());
                let _ = (Routing::parse(header.bytes), Fragment::parse(header.bytes));
            }
        }
    }

    #[test]
    fn padding_brings_a_header_to_eight_bytes() {
        for length in 0..=14usize {
            let mut buffer = [0xffu8; 40];
            let mut out = Writer::new(&mut buffer);
            out.put(&[59, 0xff]).unwrap();
            HeaderOption { kind: 0x1e, data: &[7; 14][..length], offset: 0 }.emit(&mut out).unwrap();
            finish_options(&mut out, 0).unwrap();
            let header = Extension::parse(protocol::HOP_BY_HOP, out.written()).unwrap();
            assert_eq!(header.bytes.len(), out.position());
            assert_eq!(out.position() % 8, 0);
            let kinds: Vec<u8> = header.options().map(|option| option.unwrap().kind).collect();
            assert_eq!(kinds[0], 0x1e);
            assert!(kinds[1..].iter().all(|kind| *kind <= 1) && kinds.len() <= 2);
        }
    }

    #[test]
    fn an_option_longer_than_its_header_is_an_error_and_the_end() {
        let bytes = [59, 0, 5, 200, 0, 0, 0, 0];
        let header = Extension::parse(protocol::DESTINATION_OPTIONS, &bytes).unwrap();
        let mut options = header.options();
        assert_eq!(options.next(), Some(Err(Error::Malformed)));
        assert_eq!(options.next(), None);
    }

    #[test]
    fn what_to_do_with_unknown_options_is_in_their_type() {
        let unknown = |kind| HeaderOption { kind, data: &[], offset: 0 }.unknown();
        assert_eq!(unknown(HeaderOption::RPL_9008), UnknownOption::Skip);
        assert_eq!(unknown(HeaderOption::RPL), UnknownOption::Discard);
        assert_eq!(unknown(0x80), UnknownOption::Report);
        assert_eq!(unknown(0xc2), UnknownOption::ReportUnlessMulticast);
    }
}
