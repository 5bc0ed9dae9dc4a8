// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
use crate::bytes::Writer;
use proptest::prelude::*;

fn emitted(document: &[u8]) -> Result<Vec<u8>> {
    let mut buffer = vec![0; document.len() + 1];
    let mut out = Writer::new(&mut buffer);
    let mut emitter = Emitter::new(&mut out);
    for link in Links::new(document) {
        let link = link?;
        emitter.link(link.target)?;
        for attribute in link.attributes() {
            emitter.attribute(&attribute)?;
        }
    }
    Ok(out.finish().to_vec())
}

fn filtered(document: &[u8], query: &str) -> Vec<String> {
    let filter = Filter::parse(query.as_bytes()).unwrap();
    let links = Links::new(document).map(|link| link.unwrap()).filter(|link| filter.matches(link));
    links.map(|link| String::from_utf8(link.target.to_vec()).unwrap()).collect()
}

const SENSORS: &[u8] = br#"</sensors>;ct=40;title="Sensor Index",</sensors/temp>;rt="temperature-c";if="sensor",</sensors/light>;rt="light-lux core.sen-light";if="sensor",<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby",</t>;anchor="/sensors/temp";rel="alternate",</firmware/v2.1>;rt="firmware";sz=262144;obs"#;

#[test]
fn the_examples_of_rfc_6690_section_5() {
    let targets = |query| filtered(SENSORS, query);
    assert_eq!(Links::new(SENSORS).count(), 6);
    assert_eq!(targets("rt=light-lux"), ["/sensors/light"]);
    assert_eq!(targets("rt=core.sen-light"), ["/sensors/light"]);
    assert_eq!(targets("rt=core"), [""; 0]);
    assert_eq!(targets("anchor=/sensors/temp"), ["http://www.example.com/sensors/t123", "/t"]);
    assert_eq!(targets("rt=firmware"), ["/firmware/v2.1"]);
    assert_eq!(targets("if=sensor"), ["/sensors/temp", "/sensors/light"]);
    let firmware = Links::new(SENSORS).last().unwrap().unwrap();
    assert_eq!(firmware.attribute(b"sz").unwrap().value.unwrap().number(), Ok(262_144));
    assert_eq!(firmware.attribute(b"obs").unwrap().value, None);
    assert_eq!(firmware.attribute(b"rt").unwrap().value.unwrap().number(), Err(Error::Malformed));
    assert_eq!(emitted(SENSORS).as_deref(), Ok(SENSORS));
}

#[test]
fn filters_of_rfc_6690_section_4_1() {
    let document = br#"</foo>;foo=bar,</foo/2>;foo="barley",</x>;foo,</y>;rt="a  b";title="a b""#;
    let targets = |query| filtered(document, query);
    assert_eq!(targets("href=/foo"), ["/foo"]);
    assert_eq!(targets("href=/foo*"), ["/foo", "/foo/2"]);
    assert_eq!(targets("foo=bar"), ["/foo"]);
    assert_eq!(targets("foo=bar*"), ["/foo", "/foo/2"]);
    assert_eq!(targets("foo=*"), ["/foo", "/foo/2", "/x"]);
    assert_eq!(targets("rt=b"), ["/y"]);
    assert_eq!(targets("rt=a*"), ["/y"]);
    // Two values are two attributes; the space between them belongs to neither.
    assert_eq!(targets("rt=a  b"), [""; 0]);
    assert_eq!(targets("rt="), [""; 0]);
    assert_eq!(targets("title=a b"), ["/y"]);
    assert_eq!(targets("title=b"), [""; 0]);
    assert_eq!(Filter::parse(b"rt"), Err(Error::Malformed));
    assert_eq!(Filter::parse(b"=a"), Err(Error::Malformed));
}

#[test]
fn quotes_hide_separators_and_escapes_are_resolved() {
    let document = br#"</a,b;c>;title="x,\"y\";\\<z>";n=1;ext*=UTF-8'en'caf%C3%A9,</d>"#;
    let links: Vec<_> = Links::new(document).map(Result::unwrap).collect();
    assert_eq!(links[0].target, b"/a,b;c");
    assert!(links[0].attribute(b"title").unwrap().value.unwrap().is(br#"x,"y";\<z>"#));
    let extended = links[0].attribute(b"ext*").unwrap().value.unwrap().extended();
    assert_eq!(extended, Some((&b"UTF-8"[..], &b"en"[..], &b"caf%C3%A9"[..])));
    assert_eq!(links[1].attributes().count(), 0);
    assert_eq!(emitted(document).as_deref(), Ok(&document[..]));
    assert_eq!(filtered(document, r#"title=x,"y*"#), ["/a,b;c"]);

    let mut buffer = [0; 64];
    let mut out = Writer::new(&mut buffer);
    let mut emitter = Emitter::new(&mut out);
    emitter.path(&mut [&b"a/b"[..], b"c d"].into_iter()).unwrap();
    emitter.text(b"title", br#"say "\""#).unwrap();
    emitter.path(&mut core::iter::empty()).unwrap();
    emitter.flag(b"obs").unwrap();
    emitter.number(b"sz", u32::MAX).unwrap();
    emitter.raw(b";if=\"x\"").unwrap();
    assert_eq!(emitter.link(b"a>b"), Err(Error::Invalid));
    let expected = br#"</a%2Fb/c%20d>;title="say \"\\\"",</>;obs;sz=4294967295;if="x""#;
    assert_eq!(out.written(), expected);
    assert_eq!(Links::new(expected).filter(|link| link.is_ok()).count(), 2);
}

#[test]
fn white_space_around_separators_is_passed_over() {
    let document = b" </a> ; rt=\"x\" ;obs,\r\n </b>\n";
    let links: Vec<_> = Links::new(document).map(Result::unwrap).collect();
    assert_eq!((links[0].attributes().count(), links[1].target), (2, &b"/b"[..]));
    assert_eq!(Links::new(b"").count() + Links::new(b" \n").count(), 0);
}

#[test]
fn what_breaks_the_grammar_ends_the_list() {
    for document in [
        &b"a"[..],
        b"<",
        b"</a",
        b"</a>x",
        b"</a>;",
        b"</a>;;b",
        b"</a>;=b",
        b"</a>;b=",
        b"</a>;b=\"",
        b"</a>;b=\"c\\",
        b"</a>;b=\"c\\\"",
        b"</a>;b=\"c\"d",
        b"</a>,",
        b"</a>,,</b>",
        b",</a>",
        b"</a></b>",
    ] {
        let links: Vec<_> = Links::new(document).collect();
        assert_eq!(links.last(), Some(&Err(Error::Malformed)), "{}", document.escape_ascii());
        assert!(links.len() <= 2);
    }
    assert_eq!(Link::new(b"/a", b";rt=x ,"), Err(Error::Malformed));
    assert_eq!(Link::new(b"/a>", b""), Err(Error::Malformed));
    assert_eq!(Link::new(b"/a", b";rt=x;obs").unwrap().attributes().count(), 2);
}

#[test]
fn a_large_size_is_accepted_as_big() {
    let value = |raw| Value { raw, quoted: false }.number();
    assert_eq!(value(b"4294967295"), Ok(u32::MAX));
    assert_eq!(value(b"99999999999999999999999"), Ok(u32::MAX));
    assert_eq!(value(b""), Err(Error::Malformed));
}

proptest! {
    #[test]
    fn a_window_is_a_part_of_the_whole(offset in 0usize..400, room in 0usize..100) {
        let mut buffer = vec![0; room];
        let mut window = Window::new(offset, &mut buffer);
        let mut emitter = Emitter::new(&mut window);
        for link in Links::new(SENSORS).map(Result::unwrap) {
            emitter.link(link.target).unwrap();
            emitter.raw(link.raw_attributes()).unwrap();
        }
        prop_assert_eq!(window.total(), SENSORS.len());
        let kept = window.kept();
        let start = offset.min(SENSORS.len());
        prop_assert_eq!(&buffer[..kept], &SENSORS[start..(start + room).min(SENSORS.len())]);
    }

    #[test]
    fn canonical_documents_survive(
        links in proptest::collection::vec((
            "[!-=?-~]{0,12}",
            proptest::collection::vec(("[a-z*.-]{1,4}", proptest::option::of("[a-z0-9:/<=>?]{1,6}|\"([ !#-\\[\\]-~,;]|\\\\.)*\"")), 0..4),
        ), 0..5)
    ) {
        let mut document = Vec::new();
        for (index, (target, attributes)) in links.iter().enumerate() {
            if index > 0 {
                document.push(b',');
            }
            document.extend_from_slice(format!("<{target}>").as_bytes());
            for (name, value) in attributes {
                document.extend_from_slice(format!(";{name}").as_bytes());
                if let Some(value) = value {
                    document.extend_from_slice(format!("={value}").as_bytes());
                }
            }
        }
        prop_assert_eq!(Links::new(&document).count(), links.len());
        prop_assert_eq!(emitted(&document), Ok(document));
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_end(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let mut document = b"</a>;b=\"".to_vec();
        document.extend_from_slice(&bytes);
        for document in [&bytes[..], &document] {
            prop_assert!(Links::new(document).count() <= document.len() + 1);
        }
    }
}
