// SPDX-License-Identifier: MIT OR Apache-2.0
//! Information elements of 2015 frames (2015 §7.4): walked, and skipped when unknown.
#![forbid(unsafe_code)]

use crate::bytes::Reader;
use crate::status::{Error, Result};

/// The header IE after which payload IEs follow.
pub const TERMINATION_1: u8 = 0x7e;
/// The header IE after which the payload follows.
pub const TERMINATION_2: u8 = 0x7f;
/// The payload IE after which the payload follows.
pub const PAYLOAD_TERMINATION: u8 = 0xf;
/// The header IE with a time correction, also found in enhanced acknowledgements.
pub const TIME_CORRECTION: u8 = 0x1e;
/// The payload IE that groups the MLME's nested IEs.
pub const MLME: u8 = 1;

/// One information element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Whether it is a payload IE.
    pub is_payload: bool,
    /// The element ID of a header IE, the group ID of a payload IE.
    pub id: u8,
    /// What it carries.
    pub content: &'a [u8],
}

impl<'a> Element<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Element<'a>> {
        let descriptor = u16::from_le_bytes(reader.array()?);
        let is_payload = descriptor & 0x8000 != 0;
        let (len, id) = if is_payload {
            (descriptor & 0x7ff, descriptor >> 11 & 0xf)
        } else {
            (descriptor & 0x7f, descriptor >> 7 & 0xff)
        };
        Ok(Element { is_payload, id: id as u8, content: reader.take(usize::from(len))? })
    }
}

/// Walks a run of header IEs or of payload IEs, terminators left out.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a>(Reader<'a>);

impl<'a> Elements<'a> {
    /// Starts at the front of `bytes`, as [`Frame`](super::wire::Frame) has them.
    pub const fn new(bytes: &'a [u8]) -> Elements<'a> {
        Elements(Reader::new(bytes))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let element = Element::parse(&mut self.0).ok()?;
        let terminator =
            if element.is_payload { [PAYLOAD_TERMINATION; 2] } else { [TERMINATION_1, TERMINATION_2] };
        if terminator.contains(&element.id) { None } else { Some(element) }
    }
}

pub(super) struct HeaderElements<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) payload_elements_follow: bool,
}

/// Splits `bytes`, of which the last `mic` are the integrity code, after the header IEs.
pub(super) fn split_header(bytes: &[u8], mic: usize) -> Result<(HeaderElements<'_>, &[u8])> {
    let (elements, rest, last) = split(bytes, mic, false)?;
    Ok((HeaderElements { bytes: elements, payload_elements_follow: last == TERMINATION_1 }, rest))
}

/// Splits `bytes`, of which the last `mic` are the integrity code, after the payload IEs. Also
/// for what an encrypted frame's payload turns out to be.
///
/// # Errors
/// [`Error::Malformed`] when an element is longer than the frame, or of the wrong kind.
pub fn split_payload(bytes: &[u8], mic: usize) -> Result<(&[u8], &[u8])> {
    let (elements, rest, _) = split(bytes, mic, true)?;
    Ok((elements, rest))
}

fn split(bytes: &[u8], mic: usize, payload: bool) -> Result<(&[u8], &[u8], u8)> {
    let end = bytes.len().checked_sub(mic).ok_or(Error::Malformed)?;
    let mut reader = Reader::new(bytes.get(..end).unwrap_or_default());
    let mut last = 0;
    // The list ends with its terminator or with the frame. Every round consumes two bytes.
    while !reader.is_empty() {
        let element = Element::parse(&mut reader)?;
        if element.is_payload != payload {
            return Err(Error::Malformed);
        }
        last = element.id;
        if payload && last == PAYLOAD_TERMINATION
            || !payload && (TERMINATION_1..=TERMINATION_2).contains(&last)
        {
            break;
        }
    }
    let (elements, rest) = bytes.split_at_checked(reader.position()).ok_or(Error::Malformed)?;
    Ok((elements, rest, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_elements_are_skipped_and_terminators_end_the_walk() {
        let bytes = [2, 0x0d, 7, 8, 1, 0x12, 9, 0x80, 0x3f, 0xaa];
        let (header, rest) = split_header(&bytes, 0).unwrap();
        assert_eq!(rest, &[0xaa]);
        assert!(!header.payload_elements_follow);
        let seen: Vec<_> = Elements::new(header.bytes).map(|element| (element.id, element.content)).collect();
        assert_eq!(seen, [(0x1a, &[7u8, 8][..]), (0x24, &[9][..])]);
    }

    #[test]
    fn an_element_longer_than_the_frame_or_of_the_wrong_kind_is_refused() {
        assert!(split_header(&[5, 0x0d, 7], 0).is_err());
        assert!(split_header(&[0, 0x88], 0).is_err());
        assert!(split_payload(&[0, 0x0d], 0).is_err());
        assert!(split_payload(&[2, 0x88, 1], 0).is_err());
        // The integrity code is never taken for an element.
        assert!(split_header(&[2, 0x0d, 7, 8], 2).is_err());
        assert!(split_header(&[1], 4).is_err());
    }
}
