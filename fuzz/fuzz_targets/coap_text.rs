// SPDX-License-Identifier: MIT OR Apache-2.0
//! What CoAP carries as text and CBOR: URIs, links with their filters, problem details.
#![no_main]
use libfuzzer_sys::fuzz_target;
use mote::address::SocketAddress;
use mote::bytes::Writer;
use mote::coap::link::{Filter, Link, Links};
use mote::coap::problem::Problem;
use mote::coap::uri::Uri;

fuzz_target!(|data: &[u8]| {
    let mut buffer = [0; 8192];
    if let Ok(text) = core::str::from_utf8(data)
        && let Ok(uri) = Uri::parse(text)
    {
        for destination in [None, Some(SocketAddress::default())] {
            for part in uri.options(destination.as_ref()) {
                assert!(part.len() <= 255);
                part.decode(&mut Writer::new(&mut buffer)).expect("no longer than the URI");
            }
        }
    }
    let filters = [&b"href=/a*"[..], b"rt=x", data].map(Filter::parse);
    for link in Links::new(data) {
        let Ok(link) = link else { break };
        assert_eq!(
            Link::new(link.target, link.raw_attributes()).map(|again| again.attributes().count()),
            Ok(link.attributes().count())
        );
        for filter in filters.iter().flatten() {
            filter.matches(&link);
        }
        for value in link.attributes().filter_map(|attribute| attribute.value) {
            let _ = (value.number(), value.extended());
        }
    }
    if let Ok(problem) = Problem::parse(data) {
        let mut out = Writer::new(&mut buffer);
        // One of our own making is canonical; a peer's may hold what cannot be written again.
        if problem.emit(&[], &mut out).is_ok() {
            assert!(Problem::parse(out.finish()).is_ok());
        }
    }
});
