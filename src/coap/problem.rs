// SPDX-License-Identifier: MIT OR Apache-2.0
//! Concise problem details (RFC 9290): why a request failed, as the body of an error response in
//! content format 257.
#![forbid(unsafe_code)]

use super::cbor::{self, Head};
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

    fn parse(reader: &mut Reader<'a>) -> Result<Text<'a>> {
        if reader.peek() != Some(0xd8) {
            return cbor::text(reader).map(Text::plain);
        }
        // Tag 38: [language, text, ?direction].
        let tag = Head::parse(reader)?;
        let array = Head::parse(reader)?;
        let with_direction = match (tag.argument, array) {
            (Some(38), Head { major: cbor::ARRAY, argument: Some(2) }) => false,
            (Some(38), Head { major: cbor::ARRAY, argument: Some(3) }) => true,
            _ => return Err(Error::Malformed),
        };
        let language = Some(cbor::text(reader)?);
        let text = cbor::text(reader)?;
        let direction = if with_direction { Some(Direction::parse(reader)?) } else { None };
        Ok(Text { text, language, direction })
    }

    fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let Some(language) = self.language else {
            return cbor::put_text(self.text, out);
        };
        Head::emit(cbor::TAG, 38, out)?;
        Head::emit(cbor::ARRAY, 2 + u64::from(self.direction.is_some()), out)?;
        cbor::put_text(language, out)?;
        cbor::put_text(self.text, out)?;
        self.direction.map_or(Ok(()), |direction| direction.emit(out))
    }
}

impl Direction {
    fn parse(reader: &mut Reader<'_>) -> Result<Direction> {
        match reader.u8()? {
            0xf4 => Ok(Direction::LeftToRight),
            0xf5 => Ok(Direction::RightToLeft),
            0xf6 => Ok(Direction::Auto),
            _ => Err(Error::Malformed),
        }
    }

    fn emit(self, out: &mut Writer<'_>) -> Result<()> {
        out.u8(match self {
            Direction::LeftToRight => 0xf4,
            Direction::RightToLeft => 0xf5,
            Direction::Auto => 0xf6,
        })
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
    /// `None`: up to a break.
    left: Option<u64>,
}

impl<'a> Entries<'a> {
    /// The entries of a whole body.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is no CBOR map, or one without entries.
    pub fn new(body: &'a [u8]) -> Result<Entries<'a>> {
        let mut reader = Reader::new(body);
        match Head::parse(&mut reader)? {
            Head { major: cbor::MAP, argument: Some(0) } => Err(Error::Malformed),
            Head { major: cbor::MAP, argument } => Ok(Entries { reader, left: argument }),
            _ => Err(Error::Malformed),
        }
    }

    fn entry(&mut self) -> Result<Option<Entry<'a>>> {
        let reader = &mut self.reader;
        if self.left.is_none() && reader.peek() == Some(0xff) {
            reader.u8()?;
            self.left = Some(0);
        }
        match &mut self.left {
            // Nothing may follow the map.
            Some(0) => return if reader.is_empty() { Ok(None) } else { Err(Error::Malformed) },
            Some(left) => *left -= 1,
            None => {}
        }
        let before = *reader;
        let key = match Head::parse(reader)? {
            Head { major: cbor::UNSIGNED, argument: Some(number) } => Key::Unsigned(number),
            Head { major: cbor::NEGATIVE, argument: Some(number) } => Key::Negative(number),
            Head { major: cbor::TEXT, .. } => {
                *reader = before;
                Key::Uri(cbor::text(reader)?)
            }
            _ => return Err(Error::Malformed),
        };
        Ok(Some(Entry { key, value: cbor::item(reader)? }))
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
            self.left = Some(0);
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
    read: (&'a [u8], u64),
}

impl<'a> Unprocessed<'a> {
    /// Says that the options with these numbers could not be processed.
    pub const fn new(numbers: &'a [u16]) -> Unprocessed<'a> {
        Unprocessed { numbers, read: (&[], 0) }
    }

    /// The numbers. Those beyond 65,535, which no option has, are left out.
    pub fn iter(&self) -> impl Iterator<Item = u16> + use<'a> {
        let (items, count) = self.read;
        let mut reader = Reader::new(items);
        let numbers = (0..count).map_while(move |_| unsigned(&mut reader).ok());
        let read = numbers.filter_map(|number| u16::try_from(number).ok());
        self.numbers.iter().copied().chain(read)
    }

    fn parse(value: &'a [u8]) -> Result<Unprocessed<'a>> {
        let mut reader = Reader::new(value);
        let count = match Head::parse(&mut reader)? {
            Head { major: cbor::UNSIGNED, .. } => {
                return Ok(Unprocessed { numbers: &[], read: (value, 1) });
            }
            Head { major: cbor::ARRAY, argument: Some(count) } => count,
            _ => return Err(Error::Malformed),
        };
        let items = reader.rest();
        for _ in 0..count {
            unsigned(&mut reader)?;
        }
        Ok(Unprocessed { numbers: &[], read: (items, count) })
    }

    fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let count = self.iter().count();
        if count != 1 {
            Head::emit(cbor::ARRAY, count as u64, out)?;
        }
        self.iter().try_for_each(|number| Head::emit(cbor::UNSIGNED, u64::from(number), out))
    }
}

fn unsigned(reader: &mut Reader<'_>) -> Result<u64> {
    match Head::parse(reader)? {
        Head { major: cbor::UNSIGNED, argument: Some(number) } => Ok(number),
        _ => Err(Error::Malformed),
    }
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
        let mut problem = Problem::default();
        for entry in Entries::new(body)? {
            let Entry { key: Key::Negative(number), value } = entry? else { continue };
            let mut reader = Reader::new(value);
            match number {
                0 => problem.title = Text::parse(&mut reader).ok(),
                1 => problem.detail = Text::parse(&mut reader).ok(),
                2 => problem.instance = cbor::text(&mut reader).ok(),
                3 => {
                    let code = unsigned(&mut reader).ok();
                    problem.response_code = code.and_then(|code| u8::try_from(code).ok());
                }
                4 => problem.base_uri = cbor::text(&mut reader).ok(),
                5 => problem.base_lang = cbor::text(&mut reader).ok(),
                6 => problem.base_direction = Direction::parse(&mut reader).ok(),
                7 => problem.unprocessed = Unprocessed::parse(value).ok(),
                _ => {}
            }
        }
        Ok(problem)
    }

    /// Writes the body in deterministic form, the entries of `more` after the standard ones.
    /// Each value there must be one complete item of CBOR.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no entry at all, or a value of `more` is no CBOR item;
    /// [`Error::TooLarge`] when `out` has no room.
    pub fn emit(&self, more: &[Entry<'_>], out: &mut Writer<'_>) -> Result<()> {
        let present = [
            self.title.is_some(),
            self.detail.is_some(),
            self.instance.is_some(),
            self.response_code.is_some(),
            self.base_uri.is_some(),
            self.base_lang.is_some(),
            self.base_direction.is_some(),
            self.unprocessed.is_some(),
        ];
        let count = more.len() + present.iter().filter(|present| **present).count();
        if count == 0 {
            return Err(Error::Invalid);
        }
        Head::emit(cbor::MAP, count as u64, out)?;
        for (number, present) in (0..).zip(present) {
            if !present {
                continue;
            }
            Head::emit(cbor::NEGATIVE, number, out)?;
            match number {
                0 => self.title.map_or(Ok(()), |text| text.emit(out)),
                1 => self.detail.map_or(Ok(()), |text| text.emit(out)),
                2 => self.instance.map_or(Ok(()), |text| cbor::put_text(text, out)),
                3 => Head::emit(cbor::UNSIGNED, u64::from(self.response_code.unwrap_or(0)), out),
                4 => self.base_uri.map_or(Ok(()), |text| cbor::put_text(text, out)),
                5 => self.base_lang.map_or(Ok(()), |text| cbor::put_text(text, out)),
                6 => self.base_direction.map_or(Ok(()), |direction| direction.emit(out)),
                _ => self.unprocessed.map_or(Ok(()), |numbers| numbers.emit(out)),
            }?;
        }
        for entry in more {
            let mut reader = Reader::new(entry.value);
            if cbor::item(&mut reader).is_err() || !reader.is_empty() {
                return Err(Error::Invalid);
            }
            match entry.key {
                Key::Unsigned(number) => Head::emit(cbor::UNSIGNED, number, out)?,
                Key::Negative(number) => Head::emit(cbor::NEGATIVE, number, out)?,
                Key::Uri(uri) => cbor::put_text(uri, out)?,
            }
            out.put(entry.value)?;
        }
        Ok(())
    }
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
