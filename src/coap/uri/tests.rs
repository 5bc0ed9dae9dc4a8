// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
use proptest::prelude::*;

type Options = Vec<(u16, Vec<u8>)>;

fn taken_apart(text: &str, destination: Option<&SocketAddress>) -> Result<Options> {
    let uri = Uri::parse(text)?;
    Ok(uri
        .options(destination)
        .map(|part| {
            let mut buffer = [0; 255];
            let mut out = Writer::new(&mut buffer);
            part.decode(&mut out).unwrap();
            assert_eq!(out.position(), part.len());
            (part.number, out.written().to_vec())
        })
        .collect())
}

fn put_together(destination: &SocketAddress, options: &Options) -> Result<String> {
    let mut buffer = [0; 4096];
    let mut out = Writer::new(&mut buffer);
    let mut options = options.iter().map(|(number, value)| (*number, &value[..]));
    compose(Scheme::Coap, destination, &mut options, &mut out)?;
    Ok(String::from_utf8(out.written().to_vec()).unwrap())
}

fn paths(text: &str) -> Vec<String> {
    let options = taken_apart(&format!("coap://h{text}"), None).unwrap();
    let paths = options.into_iter().filter(|(number, _)| *number == 11);
    paths.map(|(_, value)| String::from_utf8(value).unwrap()).collect()
}

fn v6(port: u16) -> SocketAddress {
    SocketAddress::new(Ip::parse("2001:db8::2:1").unwrap(), port)
}

#[test]
fn the_examples_of_rfc_7252_appendix_b() {
    let text = |number: u16, value: &str| (number, value.as_bytes().to_vec());
    let examples = [
        (v6(5683), vec![], "coap://[2001:db8::2:1]/"),
        (v6(5683), vec![text(3, "example.net")], "coap://example.net/"),
        (
            v6(5683),
            vec![text(3, "example.net"), text(11, ".well-known"), text(11, "core")],
            "coap://example.net/.well-known/core",
        ),
        (
            v6(5683),
            vec![text(3, "xn--18j4d.example"), text(11, "\u{3053}\u{3093}\u{306b}\u{3061}\u{306f}")],
            "coap://xn--18j4d.example/%E3%81%93%E3%82%93%E3%81%AB%E3%81%A1%E3%81%AF",
        ),
        (
            SocketAddress::new(Ip::v4([198, 51, 100, 1]), 61616),
            vec![text(11, ""), text(11, "/"), text(11, ""), text(11, ""), text(15, "//"), text(15, "?&")],
            "coap://198.51.100.1:61616//%2F//?%2F%2F&?%26",
        ),
    ];
    for (destination, options, uri) in examples {
        // The last example of the RFC encodes "//" in a query, which its own step 8 leaves plain.
        let expected = uri.replace("?%2F%2F&", "?//&");
        assert_eq!(put_together(&destination, &options).as_deref(), Ok(&expected[..]));
        assert_eq!(taken_apart(uri, Some(&destination)), Ok(options.clone()));
        assert_eq!(taken_apart(&expected, Some(&destination)), Ok(options));
    }
}

#[test]
fn equivalent_uris_give_the_same_options() {
    let expected = vec![(3, b"example.com".to_vec()), (11, b"~sensors".to_vec()), (11, b"temp.xml".to_vec())];
    for uri in [
        "coap://example.com:5683/~sensors/temp.xml",
        "coap://EXAMPLE.com/%7Esensors/temp.xml",
        "coap://EXAMPLE.com:/%7esensors/temp.xml",
        "COAP://example.com/./a/../~sensors/temp.xml",
    ] {
        assert_eq!(taken_apart(uri, Some(&v6(5683))), Ok(expected.clone()), "{uri}");
    }
}

#[test]
fn every_scheme_has_its_port() {
    for (text, scheme, port) in [
        ("coap://h", Scheme::Coap, 5683),
        ("coaps://h", Scheme::Coaps, 5684),
        ("coap+tcp://h", Scheme::CoapTcp, 5683),
        ("coaps+tcp://h", Scheme::CoapsTcp, 5684),
        ("coap+ws://h", Scheme::CoapWs, 80),
        ("CoAPs+Ws://h:8443", Scheme::CoapsWs, 8443),
    ] {
        let uri = Uri::parse(text).unwrap();
        assert_eq!((uri.scheme, uri.port), (scheme, port));
        assert_eq!(Scheme::from_name(scheme.name().as_bytes()), Some(scheme));
        assert_eq!(scheme.is_secure(), scheme.name().starts_with("coaps"));
    }
}

#[test]
fn host_and_port_options_appear_only_when_they_say_something_else() {
    let to = v6(5683);
    assert_eq!(taken_apart("coap://[2001:DB8::2:1]/", Some(&to)), Ok(vec![]));
    assert_eq!(taken_apart("coap://[2001:db8::2:1]:99/", None), Ok(vec![]));
    assert_eq!(taken_apart("coap://[2001:db8::2:1]:99/", Some(&to)), Ok(vec![(7, vec![99])]));
    assert_eq!(
        taken_apart("coap://[2001:DB8::9]:0/", Some(&to)),
        Ok(vec![(3, b"[2001:db8::9]".to_vec()), (7, vec![])])
    );
    assert_eq!(taken_apart("coap://A%41.b", None), Ok(vec![(3, b"aA.b".to_vec())]));
    // Not four octets, so it is a name.
    assert_eq!(taken_apart("coap://1.2.3.256", None), Ok(vec![(3, b"1.2.3.256".to_vec())]));
}

#[test]
fn zones_name_the_interface() {
    let host = |text: &'static str| Uri::parse(text).unwrap().host;
    let ip = Ip::parse("fe80::1").unwrap();
    assert_eq!(host("coap://[fe80::1%25eth0]/"), Host::Address { ip, zone: "eth0" });
    assert_eq!(host("coap://[fe80::1%3]/"), Host::Address { ip, zone: "3" });
    assert_eq!(Uri::parse("coap://[fe80::1%25]/"), Err(Error::Malformed));
    assert_eq!(Uri::parse("coap://[fe80::1%25a/b]/"), Err(Error::Malformed));
}

#[test]
fn a_segment_is_split_off_before_it_is_decoded() {
    assert_eq!(paths("/a%2Fb/c"), ["a/b", "c"]);
    assert_eq!(paths(""), [""; 0]);
    assert_eq!(paths("/"), [""; 0]);
    assert_eq!(paths("//"), ["", ""]);
    assert_eq!(paths("/a/"), ["a", ""]);
    assert_eq!(paths("/a//b"), ["a", "", "b"]);
    assert_eq!(paths("/%25%32%35"), ["%25"]);
}

#[test]
fn dot_segments_are_resolved_as_in_rfc_3986() {
    // §5.2.4 and the examples of §5.4, seen as absolute paths.
    for (path, expected) in [
        ("/a/b/c/./../../g", &["a", "g"][..]),
        ("/b/c/.", &["b", "c", ""]),
        ("/b/c/..", &["b", ""]),
        ("/b/c/../g", &["b", "g"]),
        ("/b/c/../../../g", &["g"]),
        ("/b/c/../../../../g", &["g"]),
        ("/./g", &["g"]),
        ("/b/c/g.", &["b", "c", "g."]),
        ("/b/c/..g", &["b", "c", "..g"]),
        ("/b/c/./g/.", &["b", "c", "g", ""]),
        ("/b/c/g/../h", &["b", "c", "h"]),
        ("/a//../b", &["a", "b"]),
        ("/.", &[]),
        ("/..", &[]),
        ("/a/..", &[]),
        ("/%2e/%2E%2e/a/.%2e/b", &["b"]),
        ("/...", &["..."]),
    ] {
        assert_eq!(paths(path), expected, "{path}");
    }
}

#[test]
fn query_arguments_count_even_when_empty() {
    let query = |text| -> Vec<Vec<u8>> {
        let options = taken_apart(text, None).unwrap();
        options.into_iter().filter(|(number, _)| *number == 15).map(|(_, value)| value).collect()
    };
    assert_eq!(query("coap://h"), [] as [Vec<u8>; 0]);
    assert_eq!(query("coap://h?"), [b""]);
    assert_eq!(query("coap://h/?a=1&&b=%26?/"), [&b"a=1"[..], b"", b"b=&?/"]);
}

#[test]
fn what_is_no_uri_is_refused() {
    for (text, error) in [
        ("", Error::Malformed),
        ("/a", Error::Malformed),
        ("coap", Error::Malformed),
        ("coap:", Error::Malformed),
        ("coap:/h", Error::Malformed),
        ("coap://", Error::Malformed),
        ("coap:///a", Error::Malformed),
        ("coap://:5683/", Error::Malformed),
        ("coap://h:65536/", Error::Malformed),
        ("coap://h:-1/", Error::Malformed),
        ("coap://h:1:2/", Error::Malformed),
        ("coap://user@h/", Error::Malformed),
        ("coap://h/a#b", Error::Malformed),
        ("coap://h#b", Error::Malformed),
        ("coap://h/%", Error::Malformed),
        ("coap://h/%4", Error::Malformed),
        ("coap://h/%4g", Error::Malformed),
        ("coap://h?%", Error::Malformed),
        ("coap://h%/", Error::Malformed),
        ("coap://h/a b", Error::Malformed),
        ("coap://h/\u{fc}", Error::Malformed),
        ("coap://h/a\0", Error::Malformed),
        ("coap://[::1", Error::Malformed),
        ("coap://[::1]5683", Error::Malformed),
        ("coap://[1.2.3.4]/", Error::Malformed),
        ("coap://[::g]/", Error::Malformed),
        ("coap://[]/", Error::Malformed),
        ("coap://[v1.a]/", Error::Unsupported),
        ("http://h/", Error::Unsupported),
        ("1coap://h/", Error::Malformed),
    ] {
        assert_eq!(Uri::parse(text).map(|_| ()), Err(error), "{text}");
    }
}

/// CVE-2025-34468 and its siblings: parts too long for their options.
#[test]
fn parts_beyond_255_bytes_are_refused() {
    let (fits, long) = ("a".repeat(255), "a".repeat(256));
    let encoded = "%41".repeat(255);
    for (before, after) in [("coap://", "/"), ("coap://h/", "/b"), ("coap://h/?", "&b"), ("coap://h/x/", "")]
    {
        assert!(Uri::parse(&format!("{before}{fits}{after}")).is_ok());
        assert!(Uri::parse(&format!("{before}{encoded}{after}")).is_ok());
        assert_eq!(Uri::parse(&format!("{before}{long}{after}")), Err(Error::TooLarge));
        assert_eq!(Uri::parse(&format!("{before}{encoded}%41{after}")), Err(Error::TooLarge));
    }
}

#[test]
fn options_that_make_no_uri_are_refused() {
    let to = v6(5683);
    let compose = |options: &[(u16, &[u8])]| {
        put_together(&to, &options.iter().map(|(number, value)| (*number, value.to_vec())).collect())
    };
    assert_eq!(compose(&[(3, b"a b")]), Err(Error::Malformed));
    assert_eq!(compose(&[(3, b"")]), Err(Error::Malformed));
    assert_eq!(compose(&[(3, b"[::1")]), Err(Error::Malformed));
    assert_eq!(compose(&[(3, b"a/b")]), Err(Error::Malformed));
    assert_eq!(compose(&[(7, &[1, 0, 0])]), Err(Error::Malformed));
    assert_eq!(compose(&[(11, b"a"), (3, b"h")]), Err(Error::Invalid));
    assert_eq!(compose(&[(3, b"h"), (3, b"h")]), Err(Error::Invalid));
    assert_eq!(compose(&[(3, "b\u{fc}h".as_bytes())]).as_deref(), Ok("coap://b%C3%BCh/"));
    assert_eq!(compose(&[(3, b"[::1]"), (6, b""), (7, &[1]), (12, b"")]).as_deref(), Ok("coap://[::1]:1/"));
    let mut buffer = [0; 20];
    let mut out = Writer::new(&mut buffer);
    let result = super::compose(Scheme::Coap, &to, &mut core::iter::empty(), &mut out);
    assert_eq!(result, Err(Error::TooLarge));
}

proptest! {
    #[test]
    fn options_survive_a_uri(
        host in proptest::option::of("[a-z][a-z0-9.-]{0,20}"),
        port in proptest::option::of(1u16..),
        path in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..6),
        query in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..6),
    ) {
        let to = v6(5683);
        let mut options = Options::new();
        options.extend(host.map(|host| (3, host.into_bytes())));
        options.extend(port.filter(|port| *port != 5683).map(|port| (7, uint_bytes(port.into(), &mut [0; 4]).to_vec())));
        // Dot segments may be no Uri-Path (§5.10.1), and a lone empty one is none.
        let path: Vec<Vec<u8>> = path.into_iter().filter(|s| s != b"." && s != b"..").collect();
        if path != [b""] {
            options.extend(path.into_iter().map(|segment| (11, segment)));
        }
        options.extend(query.into_iter().map(|argument| (15, argument)));
        let uri = put_together(&to, &options).unwrap();
        prop_assert_eq!(taken_apart(&uri, Some(&to)), Ok(options.clone()));
        // What composes is in normal form.
        let again = put_together(&to, &taken_apart(&uri, Some(&to)).unwrap()).unwrap();
        prop_assert_eq!(again, uri);
    }

    #[test]
    fn dot_segments_agree_with_a_plain_stack(path in "(/(a|bc|\\.|\\.\\.|)){0,8}") {
        let mut stack: Vec<&str> = Vec::new();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        for (index, segment) in segments.iter().enumerate() {
            let last = index + 1 == segments.len();
            match *segment {
                "." => {}
                ".." => { stack.pop(); }
                other => { stack.push(other); continue; }
            }
            if last {
                stack.push("");
            }
        }
        if stack == [""] {
            stack.clear();
        }
        prop_assert_eq!(paths(&path), stack);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "(coap://)?.{0,60}") {
        if let Ok(uri) = Uri::parse(&text) {
            let _ = uri.options(Some(&v6(1))).map(|part| part.len()).sum::<usize>();
        }
    }
}
