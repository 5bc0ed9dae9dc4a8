// SPDX-License-Identifier: MIT OR Apache-2.0
//! URIs, options, links and problem details, and what is refused.

use super::*;

#[test]
fn null_and_nonsense_are_errors() {
    let world = World::new();
    let (coap, mut number, mut size) = (world.client, 0u32, 0usize);
    let mut config = config_for(world.nodes[0]);
    let mut other = null_mut();
    unsafe {
        assert_eq!(mote_coap_close(null_mut()), MOTE_OK);
        assert_eq!(mote_coap_size(null(), &raw mut size), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_size(&raw const config, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_init(null_mut(), 0, &raw const config, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_local_address(null(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_local_address(coap, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_join(null_mut(), null()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_join(coap, null()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_leave(coap, null()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_get_statistics(coap, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_get_statistics(null(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_start(coap, null(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_get(coap, null(), None, null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_get(null_mut(), null(), None, null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_ping(coap, null(), None, null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_supply(coap, 0, bytes(b""), 0), MOTE_ERR_STALE);
        assert_eq!(mote_coap_cancel(coap, 77), MOTE_ERR_STALE);
        assert_eq!(mote_coap_cancel(null_mut(), 77), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_resource_add(coap, null(), null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_resource_remove(coap, 1), MOTE_ERR_STALE);
        assert_eq!(mote_coap_notify(coap, 0), MOTE_ERR_STALE);
        assert_eq!(mote_coap_respond(coap, 1, null()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_reply(coap, 1, MOTE_COAP_CONTENT, 0, bytes(b"")), MOTE_ERR_STALE);
        assert_eq!(mote_coap_observers(coap, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_option_next(null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_option_find(null(), 1, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_link_next(null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_attribute_next(null_mut(), null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_attribute_value(null(), null_mut(), 0, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_link_matches(null(), bytes(b""), &raw mut number), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_uri_parse(bytes(b"coap://h"), null_mut()), MOTE_ERR_INVALID);
        let get = |uri: &[u8]| mote_coap_get(coap, uri.as_ptr().cast(), None, null_mut(), null_mut());
        assert_eq!(get(b"nonsense\0"), MOTE_ERR_MALFORMED);
        assert_eq!(get(b"coaps://[::1]/\0"), MOTE_ERR_UNSUPPORTED);
        assert_eq!(get(b"coap://example.com/\0"), MOTE_ERR_NOT_FOUND);
        let option = mote_coap_option { number: MOTE_COAP_ACCEPT, reserved: 1, ..zeroed() };
        let (options, remote) = (&raw const option, address(1, 5683));
        let size_of_request = size_of::<mote_coap_request_config>() as u32;
        let request =
            mote_coap_request_config { size: size_of_request, options, option_count: 1, remote, ..zeroed() };
        assert_eq!(mote_coap_start(coap, &raw const request, null_mut()), MOTE_ERR_INVALID);
        let mut memory = vec![0; 16_384];
        let mut init = |config: &mote_coap_config, size| {
            mote_coap_init(memory.as_mut_ptr(), size, config, &raw mut other)
        };
        assert_eq!(init(&config, 9), MOTE_ERR_NO_MEMORY);
        config.message_size = 63;
        assert_eq!(init(&config, 16_384), MOTE_ERR_INVALID);
        config.message_size = 64;
        config.reserved = 1;
        assert_eq!(init(&config, 16_384), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_size(&raw const config, &raw mut size), MOTE_ERR_INVALID);
    }
    world.end();
}

#[test]
fn exactly_the_bytes_that_it_asks_for_suffice() {
    let world = World::new();
    let config = config_for(world.nodes[1]);
    let (mut size, mut coap, mut short) = (0, null_mut(), 0);
    let mut memory = vec![0u8; 32_768];
    for offset in 0..align_of::<u64>() {
        unsafe {
            assert_eq!(mote_coap_size(&raw const config, &raw mut size), MOTE_OK);
            let block = memory.as_mut_ptr().add(offset);
            match mote_coap_init(block, size - 1, &raw const config, &raw mut coap) {
                MOTE_OK => assert_eq!(mote_coap_close(coap), MOTE_OK),
                status => {
                    assert_eq!(status, MOTE_ERR_NO_MEMORY);
                    short += 1;
                }
            }
            assert_eq!(mote_coap_init(block, size, &raw const config, &raw mut coap), MOTE_OK);
            assert_eq!(mote_coap_close(coap), MOTE_OK);
        }
    }
    assert_eq!(short, 1, "at one alignment the last byte is needed");
    world.end();
}

#[test]
fn uris_and_options_go_back_and_forth() {
    let uri = b"coap://example.com:99/a%2Fb/c?d=e&f";
    let mut parsed: mote_coap_uri = zeroed();
    let mut options = [zeroed::<mote_coap_option>(); 8];
    let (mut buffer, mut composed) = ([0u8; 64], [0u8; 64]);
    let (mut count, mut len) = (0, 0);
    let to = address(1, 5683);
    unsafe {
        assert_eq!(mote_coap_uri_parse(bytes(uri), &raw mut parsed), MOTE_OK);
        assert_eq!((parsed.scheme, parsed.is_address, parsed.port), (MOTE_COAP_SCHEME_COAP, 0, 99));
        assert_eq!(text(parsed.host), b"example.com");
        let status = mote_coap_uri_options(
            bytes(uri),
            &raw const to,
            buffer.as_mut_ptr(),
            buffer.len(),
            options.as_mut_ptr(),
            options.len(),
            &raw mut count,
        );
        assert_eq!(status, MOTE_OK);
        let numbers: Vec<u16> = options[..count].iter().map(|option| option.number).collect();
        assert_eq!(numbers, [3, 7, 11, 11, 15, 15]);
        assert_eq!((options[1].integer, text(options[2].value)), (99, b"a/b".to_vec()));
        let status = mote_coap_uri_compose(
            MOTE_COAP_SCHEME_COAP,
            &raw const to,
            options.as_ptr(),
            count,
            null(),
            composed.as_mut_ptr(),
            composed.len(),
            &raw mut len,
        );
        assert_eq!((status, &composed[..len]), (MOTE_OK, &uri[..]));
        // A number may stand for the value of an option, here as everywhere.
        options[1].value = zeroed();
        options[1].integer = 4242;
        let status = mote_coap_uri_compose(
            MOTE_COAP_SCHEME_COAP,
            &raw const to,
            options.as_ptr(),
            2,
            null(),
            composed.as_mut_ptr(),
            composed.len(),
            &raw mut len,
        );
        assert_eq!((status, &composed[..len]), (MOTE_OK, &b"coap://example.com:4242/"[..]));
        assert_eq!(mote_coap_uri_parse(bytes(b"coap://[fe80::1%253]/"), &raw mut parsed), MOTE_OK);
        assert_eq!((parsed.is_address, parsed.address.scope, parsed.address.port), (1, 3, 5683));
        assert_eq!((text(parsed.host), text(parsed.zone)), (b"fe80::1".to_vec(), b"3".to_vec()));
    }
}

#[test]
fn links_and_their_attributes_are_iterated() {
    let document = br#"</a>;rt="x y";ct=40;obs,</b>"#;
    let mut rest = bytes(document);
    let mut link: mote_coap_link = zeroed();
    let mut attribute: mote_coap_attribute = zeroed();
    let (mut matches, mut len, mut value) = (7, 0, [0u8; 8]);
    unsafe {
        assert_eq!(mote_coap_link_next(&raw mut rest, &raw mut link), MOTE_OK);
        assert_eq!(text(link.target), b"/a");
        assert_eq!(mote_coap_link_matches(&raw const link, bytes(b"rt=y"), &raw mut matches), MOTE_OK);
        assert_eq!(matches, 1);
        assert_eq!(
            mote_coap_link_matches(&raw const link, bytes(b"rt"), &raw mut matches),
            MOTE_ERR_MALFORMED
        );
        let mut attributes = link.attributes;
        assert_eq!(mote_coap_attribute_next(&raw mut attributes, &raw mut attribute), MOTE_OK);
        assert_eq!((text(attribute.name), attribute.quoted), (b"rt".to_vec(), 1));
        let status = mote_coap_attribute_value(&raw const attribute, value.as_mut_ptr(), 8, &raw mut len);
        assert_eq!((status, &value[..len]), (MOTE_OK, &b"x y"[..]));
        assert_eq!(mote_coap_attribute_next(&raw mut attributes, &raw mut attribute), MOTE_OK);
        assert_eq!(attribute.number, 40);
        assert_eq!(mote_coap_attribute_next(&raw mut attributes, &raw mut attribute), MOTE_OK);
        assert!(attribute.value.ptr.is_null());
        assert_eq!(mote_coap_attribute_next(&raw mut attributes, &raw mut attribute), MOTE_ERR_END);
        assert_eq!(mote_coap_link_next(&raw mut rest, &raw mut link), MOTE_OK);
        assert_eq!(mote_coap_link_next(&raw mut rest, &raw mut link), MOTE_ERR_END);
    }
}

#[test]
fn problem_details_go_back_and_forth() {
    let numbers = [9u16, 65001];
    let mut given: mote_coap_problem = zeroed();
    given.size = size_of::<mote_coap_problem>() as u32;
    let (mut body, mut len) = ([0u8; 128], 0);
    unsafe {
        let mut write = |given: &mote_coap_problem, capacity| {
            mote_coap_problem_write(given, body.as_mut_ptr(), capacity, &raw mut len)
        };
        assert_eq!(write(&given, 128), MOTE_ERR_INVALID);
        (given.title, given.title_language) = (bytes(b"no"), bytes(b"en"));
        (given.response_code, given.title_direction) = (MOTE_COAP_BAD_OPTION, MOTE_COAP_DIRECTION_LTR);
        (given.unprocessed, given.unprocessed_count) = (numbers.as_ptr(), 2);
        assert_eq!(write(&given, 8), MOTE_ERR_TOO_LARGE);
        assert_eq!(write(&given, 128), MOTE_OK);
        let body = bytes(&body[..len]);
        let mut read = mote_coap_problem { size: given.size, ..zeroed() };
        assert_eq!(mote_coap_problem_read(body, &raw mut read), MOTE_OK);
        assert_eq!((text(read.title), text(read.title_language)), (b"no".to_vec(), b"en".to_vec()));
        assert_eq!((read.response_code, read.title_direction, read.unprocessed_count), (130, 1, 2));
        let mut option = 0;
        assert_eq!(mote_coap_problem_unprocessed(body, 1, &raw mut option), MOTE_OK);
        assert_eq!(option, 65001);
        assert_eq!(mote_coap_problem_unprocessed(body, 2, &raw mut option), MOTE_ERR_END);
        assert_eq!(mote_coap_problem_read(bytes(b"x"), &raw mut read), MOTE_ERR_MALFORMED);
        assert_eq!(mote_coap_problem_read(body, null_mut()), MOTE_ERR_INVALID);
        assert_eq!(mote_coap_problem_write(null(), null_mut(), 0, null_mut()), MOTE_ERR_INVALID);
        given.title_language = bytes(b"");
        assert_eq!(
            mote_coap_problem_write(&raw const given, [0; 9].as_mut_ptr(), 9, &raw mut len),
            MOTE_ERR_INVALID
        );
    }
}
