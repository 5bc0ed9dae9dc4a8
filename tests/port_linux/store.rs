// SPDX-License-Identifier: MIT OR Apache-2.0
//! The store.

use crate::fixture::Port;
use mote::port::*;
use mote::status::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A directory that is removed in the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("mote-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> Port {
    let text = path.to_str().unwrap();
    // SAFETY: integers and pointers; all zero is a value of each.
    let mut options: mote::linux::mote_linux_options = unsafe { std::mem::zeroed() };
    options.size = size_of_val(&options) as u32;
    options.store_directory = mote_bytes { ptr: text.as_ptr(), len: text.len() };
    Port::with(&mut options).unwrap()
}

fn table(port: &Port) -> mote_port_store {
    // SAFETY: the table is complete, here and below.
    unsafe { *port.table.store }
}

fn write(port: &Port, owner: u32, record: u32, parts: &[&[u8]]) -> i32 {
    let parts: Vec<_> = parts.iter().map(|part| mote_bytes { ptr: part.as_ptr(), len: part.len() }).collect();
    // SAFETY: as above.
    unsafe { table(port).write.unwrap()(port.state(), owner, record, parts.as_ptr(), parts.len()) }
}

fn read(port: &Port, owner: u32, record: u32, capacity: usize) -> Result<Vec<u8>, i32> {
    let mut bytes = vec![0xaa; capacity];
    let mut len = usize::MAX;
    // SAFETY: as above.
    let status = unsafe {
        table(port).read.unwrap()(port.state(), owner, record, bytes.as_mut_ptr(), capacity, &mut len)
    };
    assert_eq!(status == 0, len != usize::MAX, "outputs are written on success only");
    if status != 0 {
        return Err(status);
    }
    bytes.truncate(len);
    Ok(bytes)
}

fn remove(port: &Port, owner: u32, record: u32) -> i32 {
    // SAFETY: as above.
    unsafe { table(port).remove.unwrap()(port.state(), owner, record) }
}

fn next(port: &Port, owner: u32, from: u32) -> Result<u32, i32> {
    let mut record = 0;
    // SAFETY: as above.
    match unsafe { table(port).next.unwrap()(port.state(), owner, from, &mut record) } {
        0 => Ok(record),
        status => Err(status),
    }
}

const NOT_FOUND: i32 = Error::NotFound.code();

#[test]
fn records_outlive_the_node() {
    let directory = Directory::new("records");
    let port = open(&directory.0);
    assert_eq!(read(&port, 1, 2, 9), Err(NOT_FOUND));
    assert_eq!(next(&port, 1, 0), Err(NOT_FOUND));
    assert_eq!(remove(&port, 1, 2), 0);
    assert_eq!(write(&port, 1, 2, &[b"in ", b"", b"parts"]), 0);
    assert_eq!(write(&port, 1, u32::MAX, &[]), 0);
    assert_eq!(write(&port, u32::MAX, 2, &[b"other"]), 0);
    drop(port);

    let port = open(&directory.0);
    assert_eq!(read(&port, 1, 2, 8), Ok(b"in parts".to_vec()));
    assert_eq!(read(&port, 1, 2, 7), Err(Error::TooLarge.code()));
    assert_eq!(read(&port, 1, 2, 0), Err(Error::TooLarge.code()));
    assert_eq!(read(&port, 1, u32::MAX, 0), Ok(vec![]));
    assert_eq!(read(&port, u32::MAX, 2, 9), Ok(b"other".to_vec()));
    assert_eq!(write(&port, 1, 2, &[b"new"]), 0);
    assert_eq!(read(&port, 1, 2, 9), Ok(b"new".to_vec()));
    assert_eq!(remove(&port, 1, 2), 0);
    assert_eq!(read(&port, 1, 2, 9), Err(NOT_FOUND));
}

#[test]
fn records_are_found_in_numeric_order() {
    let directory = Directory::new("order");
    let port = open(&directory.0);
    for record in [300, 7, 0, u32::MAX, 16] {
        assert_eq!(write(&port, 5, record, &[b"x"]), 0);
    }
    assert_eq!(write(&port, 6, 8, &[b"x"]), 0);
    let (mut seen, mut from) = (Vec::new(), Some(0));
    while let Some(start) = from {
        let Ok(record) = next(&port, 5, start) else { break };
        seen.push(record);
        from = record.checked_add(1);
    }
    assert_eq!(seen, [0, 7, 16, 300, u32::MAX]);
}

#[test]
fn what_is_written_and_removed_on_the_way_is_seen() {
    let directory = Directory::new("way");
    let port = open(&directory.0);
    for (owner, record) in [(1, 10), (1, 20), (1, 30), (1, 40), (2, 15)] {
        assert_eq!(write(&port, owner, record, &[b"x"]), 0);
    }
    assert_eq!(next(&port, 1, 0), Ok(10));
    assert_eq!(write(&port, 1, 25, &[b"x"]), 0);
    assert_eq!(write(&port, 1, 25, &[b"y"]), 0);
    assert_eq!(remove(&port, 1, 20), 0);
    assert_eq!(remove(&port, 1, 20), 0);
    assert_eq!(next(&port, 1, 11), Ok(25));
    assert_eq!(next(&port, 1, 26), Ok(30));
    assert_eq!(next(&port, 2, 0), Ok(15));
    assert_eq!(remove(&port, 1, 40), 0);
    assert_eq!(next(&port, 1, 31), Err(Error::NotFound.code()));
    assert_eq!(next(&port, 3, 0), Err(Error::NotFound.code()));
    // Once a search has come to the end, the next one sees what another node has done.
    assert_eq!(write(&open(&directory.0), 1, 50, &[b"x"]), 0);
    assert_eq!(next(&port, 1, 31), Ok(50));
}

#[test]
fn without_a_directory_there_is_no_store() {
    let port = Port::new();
    let unsupported = Error::Unsupported.code();
    assert_eq!(write(&port, 1, 1, &[b"x"]), unsupported);
    assert_eq!(read(&port, 1, 1, 1), Err(unsupported));
    assert_eq!(next(&port, 1, 1), Err(unsupported));
    assert_eq!(remove(&port, 1, 1), unsupported);
}

#[test]
fn what_an_unfinished_write_left_is_no_record() {
    let directory = Directory::new("unfinished");
    let port = open(&directory.0);
    assert_eq!(write(&port, 1, 2, &[b"old"]), 0);
    // As power lost before the rename leaves it.
    std::fs::write(directory.0.join("00000001/new"), "half").unwrap();
    assert_eq!(read(&port, 1, 2, 9), Ok(b"old".to_vec()));
    assert_eq!(read(&port, 1, 3, 9), Err(NOT_FOUND));
    assert_eq!(next(&port, 1, 3), Err(NOT_FOUND));
    assert_eq!(write(&port, 1, 3, &[b"x"]), 0);
    assert_eq!(read(&port, 1, 3, 9), Ok(b"x".to_vec()));
    assert!(!directory.0.join("00000001/new").exists(), "what is left does not pile up");
}

/// A record of some length, all of one byte.
fn uniform(number: u8) -> Vec<u8> {
    vec![number; 5000 + 13 * usize::from(number)]
}

/// Not a test: the process that the test below kills. It writes for ever.
#[test]
#[ignore = "the part of another process"]
fn writer_to_be_killed() {
    let Ok(path) = std::env::var("MOTE_TEST_STORE") else { return };
    let port = open(Path::new(&path));
    for number in (0..=255).cycle() {
        let record = uniform(number);
        let (front, back) = record.split_at(100);
        assert_eq!(write(&port, 1, 1, &[front, back]), 0);
    }
}

#[test]
fn a_record_is_whole_whenever_the_writer_dies() {
    let directory = Directory::new("killed");
    let port = open(&directory.0);
    assert_eq!(write(&port, 1, 1, &[&uniform(0)]), 0);
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::writer_to_be_killed", "--ignored"])
            .env("MOTE_TEST_STORE", &directory.0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20 + 7 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let record = read(&port, 1, 1, 10_000).unwrap();
        assert_eq!(record, uniform(record[0]));
    }
    assert_eq!(next(&port, 1, 0), Ok(1));
    assert_eq!(next(&port, 1, 2), Err(NOT_FOUND));
}
