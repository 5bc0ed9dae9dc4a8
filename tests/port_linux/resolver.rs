// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names to addresses.

use crate::fixture::{Port, WOULD_BLOCK, address};
use mote::port::*;
use mote::status::Error;
use std::ffi::c_void;

fn table(port: &Port) -> (mote_port_resolver, *mut c_void) {
    // SAFETY: the table is complete, here and below.
    (unsafe { *port.table.resolver }, port.state())
}

fn start(port: &Port, host: &str, token: u32) -> Result<usize, i32> {
    let (table, state) = table(port);
    let mut query = 0;
    // SAFETY: as above.
    match unsafe { table.start.unwrap()(state, host.as_ptr(), host.len(), token, &mut query) } {
        0 => Ok(query),
        status => Err(status),
    }
}

fn take(port: &Port, query: usize) -> Result<Vec<mote_address>, i32> {
    let (table, state) = table(port);
    let mut addresses = [mote_address::default(); 4];
    let mut count = usize::MAX;
    // SAFETY: as above.
    let status = unsafe { table.take.unwrap()(state, query, addresses.as_mut_ptr(), 4, &mut count) };
    assert_eq!(status == 0, count != usize::MAX, "outputs are written on success only");
    if status == 0 { Ok(addresses[..count].to_vec()) } else { Err(status) }
}

fn cancel(port: &Port, query: usize) {
    let (table, state) = table(port);
    // SAFETY: as above.
    unsafe { table.cancel.unwrap()(state, query) }
}

#[test]
fn literals_are_answered_at_once() {
    let port = Port::new();
    for text in ["192.0.2.7", "2001:db8::7"] {
        let query = start(&port, text, 3).unwrap();
        assert_eq!(port.wait(0), [mote_port_ready { token: 3, flags: MOTE_READY_READABLE }]);
        assert_eq!(port.wait(0), []);
        assert_eq!(take(&port, query), Ok(vec![address(text, 0)]));
        assert_eq!(take(&port, query), Err(Error::Stale.code()));
    }
    // A scope by the name of its interface.
    let query = start(&port, "fe80::7%lo", 3).unwrap();
    assert_eq!(take(&port, query), Ok(vec![mote_address { scope: 1, ..address("fe80::7", 0) }]));
}

#[test]
fn localhost_is_found_by_a_thread() {
    let port = Port::new();
    let query = start(&port, "localhost", 3).unwrap();
    assert_eq!(port.wait(60_000), [mote_port_ready { token: 3, flags: MOTE_READY_READABLE }]);
    let addresses = take(&port, query).unwrap();
    assert!(addresses.iter().all(|found| *found == address("::1", 0) || *found == address("127.0.0.1", 0)));
    assert_eq!(port.wait(0), []);
}

#[test]
fn a_name_that_does_not_exist_is_not_found() {
    let port = Port::new();
    // RFC 6761 §6.4: it never exists, though a machine without name service may only say that it cannot ask.
    let query = start(&port, "nobody.invalid", 3).unwrap();
    let early = take(&port, query);
    let outcome = match early {
        Err(WOULD_BLOCK) => {
            assert_eq!(port.wait(30_000).len(), 1);
            take(&port, query)
        }
        outcome => outcome,
    };
    assert!(matches!(outcome, Err(status) if status == Error::NotFound.code() || status == Error::Io.code()));
    assert_eq!(take(&port, query), Err(Error::Stale.code()));
}

#[test]
fn a_cancelled_query_is_silent_even_when_the_node_is_gone() {
    let port = Port::new();
    let query = start(&port, "localhost", 3).unwrap();
    cancel(&port, query);
    cancel(&port, query);
    assert_eq!(take(&port, query), Err(Error::Stale.code()));
    assert_eq!(port.wait(30), []);
    let literal = start(&port, "::1", 4).unwrap();
    cancel(&port, literal);
    assert_eq!(port.wait(0), []);
    for _ in 0..3 {
        start(&port, "localhost", 5).unwrap();
    }
    drop(port);
}

#[test]
fn the_number_of_queries_is_bounded() {
    let port = Port::new();
    let queries: Vec<usize> = (0..8).map(|token| start(&port, "::1", token).unwrap()).collect();
    assert_eq!(start(&port, "::1", 9), Err(Error::Full.code()));
    assert_eq!(start(&port, "localhost", 9), Err(Error::Full.code()));
    assert!(take(&port, queries[0]).is_ok());
    start(&port, "::1", 10).unwrap();
    // The one that was taken is not reported; all others are, though not more than fit.
    let mut tokens = Vec::new();
    while tokens.len() < 8 {
        let ready = port.wait(60_000);
        assert!(!ready.is_empty());
        tokens.extend(ready.iter().map(|ready| ready.token));
    }
    tokens.sort_unstable();
    assert_eq!(tokens, [1, 2, 3, 4, 5, 6, 7, 10]);
}

#[test]
fn names_that_can_be_none_are_refused() {
    let port = Port::new();
    for host in ["", "a\0b", &"x".repeat(300)] {
        assert_eq!(start(&port, host, 1), Err(Error::Invalid.code()));
    }
}
