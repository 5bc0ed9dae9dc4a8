// SPDX-License-Identifier: MIT OR Apache-2.0
//! Concise problem details (RFC 9290): why a request failed, as the body of an error response in
//! content format 257.
#![forbid(unsafe_code)]

use super::cbor::{self, ENDLESS, Head, INDEFINITE};
use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// The content format `application/concise-problem-details+cbor` (RFC 9290 §6.3).
pub const CONTENT_FORMAT: u16 = 257;

/// Which way a text runs (RFC 9290 appendix A.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From left to right.
    LeftToRight,
    /// From right to left.
    RightToLeft,
    /// To be found out from the text.
    Auto,
}

/// A text for people, with its language if one is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// The text.
    pub text: &'a str,
    /// Its language tag (BCP 47); without one, that of the context.
    pub language: Option<&'a str>,
    /// Its direction; only where a language is given.
    pub direction: Option<Direction>,
}

impl<'a> Text<'a> {
    /// A text in the language of the context, which is English by default.
    pub const fn plain(text: &'a str) -> Text<'a> {
        Text { text, language: None, direction: None }
    }
}

/// How a direction is written: as one of three simple values.
impl From<Direction> for u8 {
    fn from(direction: Direction) -> u8 {
        0xf4 + direction as u8
    }
}

/// What a custom entry, or a standard one not known here, is filed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// A registered extension (RFC 9290 §3.2).
    Unsigned(u64),
    /// A standard entry: -1 minus this number.
    Negative(u64),
    /// An extension named by a URI.
    Uri(&'a str),
}

/// One entry of the map: its key, and its value as CBOR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key.
    pub key: Key<'a>,
    /// The bytes of the value, one complete item.
    pub value: &'a [u8],
}

/// All entries of a problem details item, those that [`Problem`] holds included.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    reader: Reader<'a>,
    left: u32,
}

impl<'a> Entries<'a> {
    /// The entries of a whole body.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is no CBOR map, or one without entries.
    pub fn new(body: &'a [u8]) -> Result<Entries<'a>> {
        let mut reader = Reader::new(body);
        let head = Head::parse(&mut reader);
        if head.kind & !INDEFINITE != cbor::MAP || head.count == 0 {
            return Err(Error::Malformed);
        }
        Ok(Entries { reader, left: head.count })
    }

    /// The next entry: the head of its key, the bytes of its key, and its value.
    #[allow(clippy::type_complexity)] // Three things, used once or twice.
    fn step(&mut self) -> Result<Option<(Head, &'a [u8], &'a [u8])>> {
        let reader = &mut self.reader;
        if self.left == ENDLESS && reader.peek() == Some(0xff) {
            reader.u8()?;
            self.left = 0;
        }
        match self.left {
            // Nothing may follow the map.
            0 => return if reader.is_empty() { Ok(None) } else { Err(Error::Malformed) },
            ENDLESS => {}
            left => self.left = left - 1,
        }
        let key = *reader;
        let head = Head::parse(reader);
        if !matches!(head.kind, cbor::UNSIGNED | cbor::NEGATIVE) {
            *reader = key;
            cbor::text(reader).ok_or(Error::Malformed)?;
        }
        Ok(Some((head, key.rest(), cbor::item(reader)?)))
    }

    fn entry(&mut self) -> Result<Option<Entry<'a>>> {
        let Some((head, key, value)) = self.step()? else { return Ok(None) };
        let key = match head.kind {
            cbor::UNSIGNED => Key::Unsigned(cbor::integer(key)),
            cbor::NEGATIVE => Key::Negative(cbor::integer(key)),
            _ => Key::Uri(cbor::text(&mut Reader::new(key)).ok_or(Error::Malformed)?),
        };
        Ok(Some(Entry { key, value }))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>>;

    /// # Errors
    /// [`Error::Malformed`] where the body is not well-formed or a key is of a wrong type, after
    /// which nothing more comes.
    fn next(&mut self) -> Option<Result<Entry<'a>>> {
        let entry = self.entry();
        if entry.is_err() {
            self.reader.take_rest();
            self.left = 0;
        }
        entry.transpose()
    }
}

/// The option numbers of the entry unprocessed-coap-option (RFC 9290 §3.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unprocessed<'a> {
    /// Numbers to be sent; when read, those are in `read` and this is empty.
    pub numbers: &'a [u16],
    /// As read: the bytes of the items, and how many there are.
    read: (&'a [u8], u32),
}

impl<'a> Unprocessed<'a> {
    /// Says that the options with these numbers could not be processed.
    pub const fn new(numbers: &'a [u16]) -> Unprocessed<'a> {
        Unprocessed { numbers, read: (&[], 0) }
    }

    /// The numbers. Those beyond 65,535, which no option has, are left out.
    pub fn iter(&self) -> impl Iterator<Item = u16> + use<'a> {
        let mut given = self.numbers.iter();
        let (items, mut left) = self.read;
        let mut reader = Reader::new(items);
        core::iter::from_fn(move || {
            if let Some(number) = given.next() {
                return Some(*number);
            }
            while left > 0 {
                left -= 1;
                let number = unsigned(&mut reader).ok()?;
                if number <= u16::MAX.into() {
                    return Some(number as u16);
                }
            }
            None
        })
    }

    fn parse(value: &'a [u8]) -> Result<Unprocessed<'a>> {
        let mut reader = Reader::new(value);
        let head = Head::parse(&mut reader);
        let (items, count) = match head.kind {
            cbor::UNSIGNED => (value, 1),
            cbor::ARRAY => (reader.rest(), head.count),
            _ => return Err(Error::Malformed),
        };
        let mut reader = Reader::new(items);
        for _ in 0..count {
            unsigned(&mut reader)?;
        }
        Ok(Unprocessed { numbers: &[], read: (items, count) })
    }

    #[inline(never)]
    fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let count = self.iter().count();
        if count != 1 {
            Head::emit(cbor::ARRAY, count as u32, out)?;
        }
        self.iter().try_for_each(|number| Head::emit(cbor::UNSIGNED, number.into(), out))
    }
}

fn unsigned(reader: &mut Reader<'_>) -> Result<u32> {
    let head = Head::parse(reader);
    if head.kind == cbor::UNSIGNED { Ok(head.count) } else { Err(Error::Malformed) }
}

/// The standard entries (RFC 9290 §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Problem<'a> {
    /// What kind of problem it is, in a few words.
    pub title: Option<Text<'a>>,
    /// What went wrong this time.
    pub detail: Option<Text<'a>>,
    /// A URI reference that names this occurrence.
    pub instance: Option<&'a str>,
    /// The response code that it came with, such as 132 for 4.04.
    pub response_code: Option<u8>,
    /// What relative references are relative to.
    pub base_uri: Option<&'a str>,
    /// The language of texts that name none.
    pub base_lang: Option<&'a str>,
    /// The direction of texts that name no language.
    pub base_direction: Option<Direction>,
    /// The options that could not be processed.
    pub unprocessed: Option<Unprocessed<'a>>,
}

impl<'a> Problem<'a> {
    /// Reads the body of an error response. Entries that are not known, and known ones of an
    /// unexpected shape, are ignored (§3); [`Entries`] iterates them all.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the body is not one well-formed map with at least one entry.
    pub fn parse(body: &'a [u8]) -> Result<Problem<'a>> {
        let rows = Rows::parse(body)?;
        let [title, title_language, detail, detail_language, instance, base_uri, base_lang] = rows.texts;
        let [title_direction, detail_direction, base_direction] = rows.directions.map(|value| match value {
            0xf4 => Some(Direction::LeftToRight),
            0xf5 => Some(Direction::RightToLeft),
            0xf6 => Some(Direction::Auto),
            _ => None,
        });
        Ok(Problem {
            title: title.map(|text| Text { text, language: title_language, direction: title_direction }),
            detail: detail.map(|text| Text { text, language: detail_language, direction: detail_direction }),
            instance,
            response_code: rows.response_code,
            base_uri,
            base_lang,
            base_direction,
            unprocessed: rows.unprocessed,
        })
    }

    /// Writes the body in deterministic form, the entries of `more` after the standard ones.
    /// Each value there must be one complete item of CBOR.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no entry at all, or a value of `more` is no CBOR item;
    /// [`Error::TooLarge`] when `out` has no room.
    pub fn emit(&self, more: &[Entry<'_>], out: &mut Writer<'_>) -> Result<()> {
        let language = |text: Option<Text<'a>>| text.and_then(|text| text.language);
        let direction = |direction: Option<Direction>| direction.map_or(0, u8::from);
        let tagged = |text: Option<Text<'a>>| direction(text.and_then(|text| text.direction));
        let rows = Rows {
            texts: [
                self.title.map(|title| title.text),
                language(self.title),
                self.detail.map(|detail| detail.text),
                language(self.detail),
                self.instance,
                self.base_uri,
                self.base_lang,
            ],
            directions: [tagged(self.title), tagged(self.detail), direction(self.base_direction)],
            response_code: self.response_code,
            unprocessed: self.unprocessed,
        };
        rows.emit(more, out)
    }
}

/// How many texts [`Rows`] have.
pub(crate) const TEXTS: usize = 7;
/// The base direction in [`Rows::directions`].
const BASE: usize = 2;

/// A [`Problem`] in rows, for loops instead of one piece of code for each member.
#[derive(Clone, Copy, Default)]
pub(crate) struct Rows<'a> {
    /// Title and its language, detail and its language, instance, base URI, base language.
    pub(crate) texts: [Option<&'a str>; TEXTS],
    /// As CBOR has them, 0xf4 to 0xf6, or 0: of title and detail, which count with a language only, and of the base.
    pub(crate) directions: [u8; 3],
    pub(crate) response_code: Option<u8>,
    pub(crate) unprocessed: Option<Unprocessed<'a>>,
}

/// Where the text of the entry -1 minus the index stands in [`Rows::texts`]; of others, nowhere.
const PLACES: [u8; 8] = [0, 2, 4, TEXTS as u8, 5, 6, TEXTS as u8, TEXTS as u8];

impl<'a> Rows<'a> {
    /// As [`Problem::parse`].
    pub(crate) fn parse(body: &'a [u8]) -> Result<Rows<'a>> {
        let mut rows = Rows::default();
        let mut entries = Entries::new(body)?;
        while let Some((key, _, value)) = entries.step()? {
            if key.kind != cbor::NEGATIVE {
                continue;
            }
            let mut reader = Reader::new(value);
            match key.count {
                0 | 1 => rows.tagged(key.count as usize, &mut reader),
                3 => rows.response_code = unsigned(&mut reader).ok().and_then(|code| u8::try_from(code).ok()),
                6 => rows.directions[BASE] = direction(&mut reader).unwrap_or(0),
                7 => rows.unprocessed = Unprocessed::parse(value).ok(),
                number => {
                    if let Some(text) = rows.place(number as usize) {
                        *text = cbor::text(&mut reader);
                    }
                }
            }
        }
        Ok(rows)
    }

    /// Reads the title (0) or the detail (1), which may be tagged with language and direction.
    fn tagged(&mut self, which: usize, reader: &mut Reader<'a>) {
        let (mut language, mut way) = (None, 0);
        let mut read = || -> Option<&'a str> {
            if reader.peek() != Some(0xd8) {
                return cbor::text(reader);
            }
            // Tag 38: [language, text, ?direction].
            let (tag, array) = (Head::parse(reader), Head::parse(reader));
            let with_direction = array.count == 3;
            if tag.count != 38 || array.kind != cbor::ARRAY || !(with_direction || array.count == 2) {
                return None;
            }
            language = Some(cbor::text(reader)?);
            let text = cbor::text(reader)?;
            if with_direction {
                way = direction(reader).ok()?;
            }
            Some(text)
        };
        let text = read();
        if let Some([place, of_it, ..]) = self.texts.get_mut(which * 2..) {
            (*place, *of_it) = (text, language.filter(|_| text.is_some()));
        }
        if let Some(place) = self.directions.get_mut(which) {
            *place = if text.is_some() { way } else { 0 };
        }
    }

    /// Whether there is the entry -1 minus this number.
    fn has(&self, number: usize) -> bool {
        match number {
            3 => self.response_code.is_some(),
            6 => self.directions[BASE] != 0,
            7 => self.unprocessed.is_some(),
            _ => self.text(number).is_some(),
        }
    }

    /// The text of the entry -1 minus this number.
    fn text(&self, number: usize) -> Option<&'a str> {
        *self.texts.get(usize::from(*PLACES.get(number)?))?
    }

    /// The place of that text.
    fn place(&mut self, number: usize) -> Option<&mut Option<&'a str>> {
        self.texts.get_mut(usize::from(*PLACES.get(number)?))
    }

    /// As [`Problem::emit`].
    pub(crate) fn emit(&self, more: &[Entry<'_>], out: &mut Writer<'_>) -> Result<()> {
        let count = more.len() + (0..8).filter(|number| self.has(*number)).count();
        if count == 0 {
            return Err(Error::Invalid);
        }
        Head::emit(cbor::MAP, count as u32, out)?;
        for number in (0..8).filter(|number| self.has(*number)) {
            Head::emit(cbor::NEGATIVE, number as u32, out)?;
            match number {
                3 => Head::emit(cbor::UNSIGNED, self.response_code.unwrap_or(0).into(), out)?,
                6 => out.u8(self.directions[BASE])?,
                7 => self.unprocessed.as_ref().map_or(Ok(()), |numbers| numbers.emit(out))?,
                _ => {
                    let language =
                        if number < 2 { self.texts.get(number * 2 + 1).copied().flatten() } else { None };
                    let way = self.directions.get(number).copied().filter(|way| *way != 0);
                    if let Some(language) = language {
                        Head::emit(cbor::TAG, 38, out)?;
                        Head::emit(cbor::ARRAY, 2 + u32::from(way.is_some()), out)?;
                        cbor::put_text(language, out)?;
                    }
                    cbor::put_text(self.text(number).unwrap_or_default(), out)?;
                    if let Some(way) = way.filter(|_| language.is_some()) {
                        out.u8(way)?;
                    }
                }
            }
        }
        for entry in more {
            let mut reader = Reader::new(entry.value);
            if cbor::item(&mut reader).is_err() || !reader.is_empty() {
                return Err(Error::Invalid);
            }
            match entry.key {
                Key::Unsigned(number) => Head::emit_wide(cbor::UNSIGNED, number, out)?,
                Key::Negative(number) => Head::emit_wide(cbor::NEGATIVE, number, out)?,
                Key::Uri(uri) => cbor::put_text(uri, out)?,
            }
            out.put(entry.value)?;
        }
        Ok(())
    }
}

/// A direction as CBOR has it.
fn direction(reader: &mut Reader<'_>) -> Result<u8> {
    let way = reader.u8()?;
    if matches!(way, 0xf4..=0xf6) { Ok(way) } else { Err(Error::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn emitted(problem: &Problem<'_>, more: &[Entry<'_>]) -> Result<Vec<u8>> {
        let mut buffer = [0; 600];
        let mut out = Writer::new(&mut buffer);
        problem.emit(more, &mut out)?;
        Ok(out.written().to_vec())
    }

    /// Figure 3 of RFC 9290.
    fn example() -> (Problem<'static>, Vec<u8>) {
        let problem = Problem {
            title: Some(Text::plain("title of the error")),
            detail: Some(Text::plain("detailed information about the error")),
            instance: Some("coaps://pd.example/FA317434"),
            response_code: Some(128),
            ..Problem::default()
        };
        let mut value = vec![0xa3, 0x00, 0x78, 28];
        value.extend_from_slice(b"machine-readable error cause");
        value.extend_from_slice(&[0x01, 0x82, 0x82, 0x74]);
        value.extend_from_slice(b"first parameter name");
        value.extend_from_slice(&[0x78, 26]);
        value.extend_from_slice(b"must be a positive integer");
        value.extend_from_slice(&[0x81, 0x75]);
        value.extend_from_slice(b"second parameter name");
        value.extend_from_slice(&[0x02, 0x68]);
        value.extend_from_slice(b"d34db33f");
        (problem, value)
    }

    #[test]
    fn the_examples_of_rfc_9290_section_3_2() {
        let (problem, value) = example();
        for key in [Key::Uri("tag:3gpp.org,2022-03:TS29112"), Key::Unsigned(4711)] {
            let more = [Entry { key, value: &value }];
            let body = emitted(&problem, &more).unwrap();
            assert_eq!(&body[..3], &[0xa5, 0x20, 0x72]);
            assert_eq!(Problem::parse(&body), Ok(problem));
            let last = Entries::new(&body).unwrap().last().unwrap();
            assert_eq!(last, Ok(more[0]));
            for cut in 0..body.len() {
                assert_eq!(Problem::parse(&body[..cut]), Err(Error::Malformed));
            }
            assert_eq!(Problem::parse(&[&body[..], &[0]].concat()), Err(Error::Malformed));
        }
    }

    #[test]
    fn language_tagged_texts_of_appendix_a() {
        let shalom = "\u{05e9}\u{05dc}\u{05d5}\u{05dd}";
        for (text, bytes) in [
            (
                Text { text: "Hello", language: Some("en"), direction: None },
                &b"\xd8\x26\x82\x62en\x65Hello"[..],
            ),
            (
                Text { text: shalom, language: Some("he"), direction: Some(Direction::RightToLeft) },
                b"\xd8\x26\x83\x62he\x68\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d\xf5",
            ),
        ] {
            let problem = Problem { title: Some(text), ..Problem::default() };
            let body = emitted(&problem, &[]).unwrap();
            assert_eq!(body, [b"\xa1\x20", bytes].concat());
            assert_eq!(Problem::parse(&body), Ok(problem));
        }
    }

    #[test]
    fn unprocessed_options_are_one_number_or_a_list() {
        for (numbers, bytes) in [
            (&[39][..], &[0xa1, 0x27, 0x18, 39][..]),
            (&[9, 65535], &[0xa1, 0x27, 0x82, 9, 0x19, 0xff, 0xff]),
        ] {
            let problem = Problem { unprocessed: Some(Unprocessed::new(numbers)), ..Problem::default() };
            assert_eq!(emitted(&problem, &[]).as_deref(), Ok(bytes));
            let read = Problem::parse(bytes).unwrap();
            assert!(read.unprocessed.unwrap().iter().eq(numbers.iter().copied()));
            assert_eq!(emitted(&read, &[]).as_deref(), Ok(bytes));
        }
    }

    #[test]
    fn unknown_and_odd_entries_are_ignored() {
        // {-99: {1: [_ ]}, -1: h'00', -4: 300, 5: 0, -2: "x", "u": 0} of indefinite length.
        let body = b"\xbf\x38\x62\xa1\x01\x9f\xff\x20\x41\x00\x23\x19\x01\x2c\x05\x00\x21\x61x\x61u\x00\xff";
        let problem = Problem::parse(body).unwrap();
        assert_eq!(problem, Problem { detail: Some(Text::plain("x")), ..Problem::default() });
        assert_eq!(Entries::new(body).unwrap().count(), 6);
        // A list that promises more than it holds.
        let body = b"\xa1\x27\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(Problem::parse(body), Err(Error::Malformed));
    }

    #[test]
    fn what_is_no_problem_is_refused() {
        for body in
            [&b""[..], b"\xa0", b"\x80", b"\xf6", b"\xa1", b"\xa1\x20", b"\xa1\x80\x00", b"\xbf\x20\xff"]
        {
            assert_eq!(Problem::parse(body), Err(Error::Malformed), "{body:02x?}");
        }
        assert_eq!(emitted(&Problem::default(), &[]), Err(Error::Invalid));
        let half = [Entry { key: Key::Unsigned(1), value: b"\xa1\x00" }];
        assert_eq!(emitted(&Problem::default(), &half), Err(Error::Invalid));
        let (problem, _) = example();
        assert_eq!(problem.emit(&[], &mut Writer::new(&mut [0; 40])), Err(Error::TooLarge));
    }

    proptest! {
        #[test]
        fn problems_survive(
            title in proptest::option::of(".{0,30}"),
            language in proptest::option::of("[a-z]{2}"),
            code: Option<u8>,
            numbers in proptest::option::of(proptest::collection::vec(any::<u16>(), 1..5)),
        ) {
            let text = |text| Text { text, language: language.as_deref(), direction: None };
            let problem = Problem {
                title: title.as_deref().map(text),
                base_lang: language.as_deref(),
                base_direction: Some(Direction::Auto),
                response_code: code,
                unprocessed: numbers.as_deref().map(Unprocessed::new),
                ..Problem::default()
            };
            let body = emitted(&problem, &[]).unwrap();
            let read = Problem::parse(&body).unwrap();
            let again = emitted(&read, &[]).unwrap();
            prop_assert_eq!(&again, &body);
            prop_assert_eq!(read.title, problem.title);
            prop_assert_eq!(read.response_code, problem.response_code);
            let numbers = numbers.unwrap_or_default();
            prop_assert!(read.unprocessed.unwrap_or_default().iter().eq(numbers));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let body = [&[0xbf], &bytes[..]].concat();
            for body in [&bytes, &body] {
                if let Ok(problem) = Problem::parse(body) {
                    let _ = problem.unprocessed.map(|numbers| numbers.iter().count());
                }
            }
        }
    }
}
