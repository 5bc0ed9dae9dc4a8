// SPDX-License-Identifier: MIT OR Apache-2.0
//! What builds answer that leave parts of CoAP out. Run with several sets of features: see `ci/steps/15-features.sh`.

mod coap_support;

#[cfg(feature = "coap-server")]
mod server {
    use crate::coap_support::*;
    use mote::address::{Ip, SocketAddress};
    use mote::coap::wire::{Code, Type, number};
    use mote::coap::{Config, Resource, methods};

    /// A server without filters gives the whole list, but not to a group (RFC 6690 §4.1); one without blocks refuses them.
    #[test]
    fn a_server_does_without_what_is_left_out() {
        let hello = Resource { attributes: ";rt=\"greeting\"", ..Resource::new("/hello", methods::GET) };
        let group = Ip::v4([224, 0, 1, 187]);
        let mut bench = Bench::new(Node::serving(&Config::DEFAULT, hello, |endpoint, cx, asked| {
            endpoint.respond(cx, asked.exchange, &content(b"hello")).unwrap();
        }));
        bench.net.join(SERVER, group);
        let list = b"</hello>;rt=\"greeting\"";
        let mut ask = |id, group: Option<Ip>, query: &[u8]| {
            let core = [(PATH, &b".well-known"[..]), (PATH, b"core"), (number::URI_QUERY, query)];
            match group {
                None => bench.send(&raw(Type::Con, Code::GET, id, b"t", &core, &[])),
                Some(ip) => {
                    bench.send_to(
                        SocketAddress::new(ip, 5683),
                        &raw(Type::Non, Code::GET, id, b"t", &core, &[]),
                    );
                }
            }
            bench.run(20_000);
            bench.take().iter().map(|datagram| parse(datagram).payload.to_vec()).collect::<Vec<_>>()
        };
        let filters = cfg!(feature = "coap-link");
        assert_eq!(ask(1, None, b"rt=greeting"), [list]);
        assert_eq!(ask(2, None, b"rt=nothing"), [if filters { &b""[..] } else { list }]);
        assert_eq!(ask(3, Some(group), b"rt=greeting"), vec![list; filters.into()]);
        assert!(ask(4, Some(group), b"rt=nothing").is_empty());
        let block = [(PATH, &b"hello"[..]), (number::BLOCK2, &[2])];
        let answers = bench.ask(&raw(Type::Con, Code::GET, 5, b"t", &block, &[]));
        let refused = if cfg!(feature = "coap-block") { Code::CONTENT } else { Code::BAD_OPTION };
        assert_eq!(parse(&answers[0]).code, refused);
    }
}

#[cfg(feature = "coap-client")]
mod client {
    use core::ffi::c_void;
    use core::ptr::{null, null_mut};
    use mote::ffi::*;
    use mote::port::{mote_address, mote_bytes, mote_status};

    fn zeroed<T: Copy>() -> T {
        // SAFETY: only used for the plain C structs of the header, for which all zeros is valid.
        unsafe { core::mem::zeroed() }
    }

    fn bytes(text: &[u8]) -> mote_bytes {
        mote_bytes { ptr: text.as_ptr(), len: text.len() }
    }

    fn address(last: u8) -> mote_address {
        let mut address: mote_address = zeroed();
        (address.ip[0], address.ip[15]) = (0xfd, last);
        address
    }

    unsafe extern "C" fn count(user: *mut c_void, event: *const mote_coap_event) {
        // SAFETY: what the request below was started with, and what is lent to every callback.
        let (ends, event) = unsafe { (&mut *user.cast::<Vec<mote_status>>(), &*event) };
        assert_eq!((event.kind, event.last), (MOTE_COAP_ENDED, 1));
        ends.push(event.status);
    }

    #[test]
    fn what_is_left_out_is_refused_and_the_rest_works() {
        let mut ends = Vec::<mote_status>::new();
        let (mut sim, mut port, mut node, mut coap) = (null_mut(), null(), null_mut(), null_mut());
        let memory = || vec![0u8; 65_536].leak();
        let (node_memory, coap_memory) = (memory(), memory());
        // SAFETY: each call passes what the function asks for.
        unsafe {
            assert_eq!(mote_sim_new(7, &raw mut sim), MOTE_OK);
            for last in [1, 2] {
                assert_eq!(
                    mote_sim_host(sim, &raw const *Box::leak(Box::new(address(last))), &raw mut port),
                    MOTE_OK
                );
            }
            let size = size_of::<mote_node_config>() as u32;
            let config = mote_node_config { size, port, ..zeroed() };
            let room = node_memory.len();
            assert_eq!(
                mote_node_init(node_memory.as_mut_ptr(), room, &raw const config, &raw mut node),
                MOTE_OK
            );
            let size = size_of::<mote_coap_config>() as u32;
            let config = mote_coap_config { size, node, ..zeroed() };
            let room = coap_memory.len();
            assert_eq!(
                mote_coap_init(coap_memory.as_mut_ptr(), room, &raw const config, &raw mut coap),
                MOTE_OK
            );

            let path = mote_coap_option { number: MOTE_COAP_URI_PATH, value: bytes(b"readings"), ..zeroed() };
            let posted = mote_coap_request_config {
                size: size_of::<mote_coap_request_config>() as u32,
                method: MOTE_COAP_POST,
                remote: address(1),
                options: &raw const path,
                option_count: 1,
                payload: bytes(b"21.5"),
                callback: Some(count),
                user: (&raw mut ends).cast(),
                ..zeroed()
            };
            let by_uri = mote_coap_request_config {
                remote: zeroed(),
                uri: bytes(b"coap://[fd00::1]/readings"),
                ..posted
            };
            let one_block = mote_coap_request_config { one_block: 1, ..posted };
            let observed = mote_coap_request_config { observe: 1, ..posted };
            let start = |config: &mote_coap_request_config| mote_coap_start(coap, config, null_mut());
            let unless = |has: bool| if has { MOTE_OK } else { MOTE_ERR_UNSUPPORTED };
            assert_eq!(start(&posted), MOTE_OK);
            assert_eq!(start(&by_uri), unless(cfg!(feature = "coap-uri")));
            assert_eq!(start(&observed), unless(cfg!(feature = "coap-observe")));
            assert_eq!(start(&one_block), unless(cfg!(feature = "coap-block")));
            let nonsense = mote_coap_request_config { uri: bytes(b"x"), remote: zeroed(), ..posted };
            assert_eq!(start(&nonsense), {
                if cfg!(feature = "coap-uri") { MOTE_ERR_MALFORMED } else { MOTE_ERR_UNSUPPORTED }
            });
            let started = 1 + [
                cfg!(feature = "coap-uri"),
                cfg!(feature = "coap-observe"),
                cfg!(feature = "coap-block"),
            ]
            .into_iter()
            .filter(|there| *there)
            .count();
            // Nobody listens there.
            assert_eq!(mote_sim_run(sim, &raw const node, 1, 600_000), MOTE_OK);
            assert_eq!(ends, vec![MOTE_ERR_TIMEOUT; started]);
            assert_eq!(mote_coap_close(coap), MOTE_OK);
            assert_eq!(mote_node_close(node), MOTE_OK);
            mote_sim_free(sim);
        }
    }
}
