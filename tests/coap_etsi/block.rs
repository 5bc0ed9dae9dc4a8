// SPDX-License-Identifier: MIT OR Apache-2.0
//! TD_COAP_BLOCK_01 to 06: block-wise transfer.

use super::coap_support::*;
use super::world::*;
use mote::coap::wire::{Block, Code, number};
use mote::sim::net::HostId;

/// The block option of each message of one side that has it, with its payload's length.
fn blocks(world: &World, from: HostId, option: u16) -> Vec<(Block, usize)> {
    let sent = world.sent_by(from);
    let block = |passed: &Passed| {
        let message = passed.message();
        message.block(option).map(|block| (block, message.payload.len()))
    };
    sent.iter().filter_map(block).collect()
}

/// Blocks follow each other in one size, full but for the last, which alone says that it is.
fn in_order(blocks: &[(Block, usize)], szx: u8) {
    let size = 16 << szx;
    for (index, (block, length)) in blocks.iter().enumerate() {
        let last = index + 1 == blocks.len();
        assert_eq!((block.num as usize, block.more, block.szx), (index, !last, szx));
        assert!(if last { *length <= size } else { *length == size });
    }
}

fn download(szx: u8) {
    let mut world = World::new();
    let request = world.start(&Ask { szx, ..ask(Code::GET, "/large") });
    world.pair.run(20_000);
    assert_eq!(world.reply(request).payload, bytes(1280));
    in_order(&blocks(&world, SERVER, number::BLOCK2), szx);
    assert_eq!(blocks(&world, SERVER, number::BLOCK2).len(), 1280 / (16 << szx));
}

#[test]
fn td_coap_block_01_get_with_early_negotiation() {
    download(2);
}

#[test]
fn td_coap_block_02_get_with_late_negotiation() {
    let mut world = World::new();
    let request = world.start(&ask(Code::GET, "/large"));
    world.pair.run(20_000);
    assert_eq!(world.reply(request).payload, bytes(1280));
    assert_eq!(world.sent_by(CLIENT)[0].message().option(number::BLOCK2), None);
    in_order(&blocks(&world, SERVER, number::BLOCK2), 6);
}

fn upload(method: Code, path: &'static str, code: Code) -> World {
    let mut world = World::new();
    let body = bytes(1300);
    let request = world.start(&Ask { szx: 3, ..ask(method, path).body(&body) });
    world.pair.run(20_000);
    assert_eq!(world.reply(request).code, code);
    assert_eq!(world.store.borrow().bodies[path], body);
    in_order(&blocks(&world, CLIENT, number::BLOCK1), 3);
    let answers = blocks(&world, SERVER, number::BLOCK1);
    assert_eq!(answers.len(), 11);
    for (index, (block, _)) in answers.iter().enumerate() {
        assert_eq!((block.num as usize, block.szx), (index, 3));
    }
    let codes: Vec<Code> = world.sent_by(SERVER).iter().map(|passed| passed.message().code).collect();
    assert!(codes[..10].iter().all(|code| *code == Code::CONTINUE));
    world
}

#[test]
fn td_coap_block_03_put() {
    upload(Code::PUT, "/large-update", Code::CHANGED);
}

#[test]
fn td_coap_block_04_post() {
    let mut world = upload(Code::POST, "/large-create", Code::CREATED);
    let created = world.sent_by(SERVER).pop().unwrap();
    let place: Vec<_> = created.message().options.all(number::LOCATION_PATH).collect();
    assert_eq!(place, [&b"large-create"[..], b"1"]);
    assert_eq!(world.exchange(&ask(Code::GET, "/large-create/1")).payload, bytes(1300));
}

#[test]
fn td_coap_block_05_post_with_blocks_both_ways() {
    let mut world = World::new();
    let body = bytes(700);
    let request = world.start(&Ask { szx: 2, ..ask(Code::POST, "/large-post").body(&body) });
    world.pair.run(30_000);
    let expected: Vec<u8> = body.iter().rev().copied().collect();
    let reply = world.reply(request);
    assert_eq!((reply.code, reply.payload), (Code::CHANGED, expected));
    in_order(&blocks(&world, CLIENT, number::BLOCK1), 2);
    in_order(&blocks(&world, SERVER, number::BLOCK2), 2);
}

#[test]
fn td_coap_block_06_get_in_blocks_of_sixteen_bytes() {
    download(0);
}
