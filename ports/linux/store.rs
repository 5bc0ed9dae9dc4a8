// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records as files: `DIRECTORY/OWNER/RECORD`, both numbers in eight hexadecimal digits.
//!
//! A record is written under another name, synchronised, renamed, and the directory synchronised: whatever
//! step power fails at, the record is the old one or the new one, whole. A directory that is made is synchronised with the one
//! above it before anything is put into it.

use super::sys::{self, Fd, errno};
use super::{State, status};
use crate::port::{mote_bytes, mote_port_store, mote_status};
use crate::status::Error;
use core::ffi::{CStr, c_int, c_void};
use std::ffi::CString;

pub(super) static STORE: mote_port_store = mote_port_store {
    size: size_of::<mote_port_store>() as u32,
    reserved: 0,
    read: Some(read),
    write: Some(write),
    remove: Some(remove),
    next: Some(next),
};

/// The numbers of an owner's records, in order, while `next` goes through them: looking at the directory anew for each
/// would take the square of their count.
pub(super) struct Listing {
    owner: u32,
    records: Vec<u32>,
}

impl Listing {
    /// Keeps the listing, if there is one, as it would be read now. What failed may have been done or not.
    fn follow(state: &State, owner: u32, record: u32, there: bool, outcome: &Result<(), Error>) {
        let mut kept = state.listing.borrow_mut();
        match kept.as_mut().filter(|listing| listing.owner == owner) {
            Some(listing) if outcome.is_ok() => match (listing.records.binary_search(&record), there) {
                (Err(place), true) => listing.records.insert(place, record),
                (Ok(place), false) => {
                    listing.records.remove(place);
                }
                _ => {}
            },
            Some(_) => *kept = None,
            None => {}
        }
    }
}

/// The name that a record has until it is complete.
const UNFINISHED: &CStr = c"new";

/// A number as a file name that the system can read.
struct Name([u8; 9]);

impl Name {
    fn of(number: u32) -> Name {
        let mut text = [0; 9];
        for (digit, place) in text.iter_mut().take(8).enumerate() {
            let digit = (number >> (28 - 4 * digit) & 0xf) as u8;
            *place = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        }
        Name(text)
    }

    fn as_c(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }

    /// The number that a file name stands for; `None` for a file of another kind.
    fn parse(name: &[u8]) -> Option<u32> {
        let lower = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        if name.len() != 8 || !name.iter().all(lower) {
            return None;
        }
        u32::from_str_radix(core::str::from_utf8(name).ok()?, 16).ok()
    }
}

fn failure(errno: c_int) -> Error {
    match errno {
        libc::ENOENT => Error::NotFound,
        libc::ENOSPC | libc::EDQUOT | libc::EMFILE | libc::ENFILE => Error::Full,
        _ => Error::Io,
    }
}

const DIRECTORY: c_int = libc::O_RDONLY | libc::O_DIRECTORY;

fn open_at(directory: c_int, name: &CStr, flags: c_int) -> Result<Fd, c_int> {
    loop {
        // SAFETY: the name ends with a NUL.
        let fd = unsafe { libc::openat(directory, name.as_ptr(), flags | libc::O_CLOEXEC, 0o600) };
        match Fd::new(fd) {
            Err(libc::EINTR) => {}
            outcome => return outcome,
        }
    }
}

/// Makes the directory unless it is there; whether it was made.
fn make_directory(parent: c_int, name: &CStr) -> Result<bool, c_int> {
    // SAFETY: the name ends with a NUL.
    if unsafe { libc::mkdirat(parent, name.as_ptr(), 0o700) } == 0 {
        return Ok(true);
    }
    match errno() {
        libc::EEXIST => Ok(false),
        errno => Err(errno),
    }
}

fn synchronise(fd: &Fd) -> Result<(), c_int> {
    // SAFETY: a plain system call. It is not repeated when it fails: what it said is then lost, and a
    // second call would lie.
    if unsafe { libc::fsync(fd.raw()) } < 0 { Err(errno()) } else { Ok(()) }
}

/// Opens the store's directory, and makes it if need be; `None` for an empty path.
pub(super) fn open(path: mote_bytes) -> Result<Option<Fd>, mote_status> {
    let Some(path) = super::options::path(path)? else { return Ok(None) };
    let open = |path: &CString| -> Result<Fd, c_int> {
        let made = make_directory(libc::AT_FDCWD, path)?;
        let store = open_at(libc::AT_FDCWD, path, DIRECTORY)?;
        // Whoever made it, or an owner's directory in it, may have died before that was on the medium. Where it has long been
        // there, the one above may be none of ours to look at.
        synchronise(&store)?;
        let above = open_at(store.raw(), c"..", DIRECTORY).and_then(|above| synchronise(&above));
        if made { above.map(|()| store) } else { Ok(store) }
    };
    open(&path).map(Some).map_err(|errno| failure(errno).code())
}

/// The directory of the store.
fn directory(state: &State) -> Result<&Fd, Error> {
    state.store.as_ref().ok_or(Error::Unsupported)
}

/// The directory of an owner's records.
fn owner_directory(state: &State, owner: u32) -> Result<Fd, Error> {
    open_at(directory(state)?.raw(), Name::of(owner).as_c(), DIRECTORY).map_err(failure)
}

unsafe extern "C" fn read(
    state: *mut c_void,
    owner: u32,
    record: u32,
    out: *mut u8,
    capacity: usize,
    len: *mut usize,
) -> mote_status {
    // SAFETY: the state is the node's and the output valid or NULL, by the service's contract.
    let (state, len) = match unsafe { (State::of(state), len.as_mut()) } {
        (Ok(state), Some(len)) if !out.is_null() || capacity == 0 => (state, len),
        _ => return Error::Invalid.code(),
    };
    let buffer: &mut [u8] = if capacity == 0 {
        &mut []
    } else {
        // SAFETY: `out` is writable for `capacity` bytes, by the service's contract.
        unsafe {
            out.write_bytes(0, capacity);
            core::slice::from_raw_parts_mut(out, capacity)
        }
    };
    status(read_record(state, owner, record, buffer).map(|count| *len = count).map_err(Error::code))
}

fn read_record(state: &State, owner: u32, record: u32, out: &mut [u8]) -> Result<usize, Error> {
    let owner = owner_directory(state, owner)?;
    let file = open_at(owner.raw(), Name::of(record).as_c(), libc::O_RDONLY).map_err(failure)?;
    let mut filled = 0;
    // One byte beyond the room says whether there is more.
    let mut beyond = [0u8; 1];
    loop {
        let place = match out.get_mut(filled..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => &mut beyond,
        };
        // SAFETY: the place is writable for its length.
        match sys::moved(|| unsafe { libc::read(file.raw(), place.as_mut_ptr().cast(), place.len()) }) {
            Ok(0) => return Ok(filled),
            Ok(_) if filled == out.len() => return Err(Error::TooLarge),
            Ok(count) => filled += count,
            Err(_) => return Err(Error::Io),
        }
    }
}

unsafe extern "C" fn write(
    state: *mut c_void,
    owner: u32,
    record: u32,
    parts: *const mote_bytes,
    count: usize,
) -> mote_status {
    // SAFETY: the state is the node's, by the service's contract.
    let state = match unsafe { State::of(state) } {
        Ok(state) if !parts.is_null() || count == 0 => state,
        _ => return Error::Invalid.code(),
    };
    // SAFETY: `parts` is readable for `count` entries, by the service's contract.
    let parts = if count == 0 { &[][..] } else { unsafe { core::slice::from_raw_parts(parts, count) } };
    if parts.iter().any(|part| part.ptr.is_null() && part.len > 0) {
        return Error::Invalid.code();
    }
    let outcome = write_record(state, owner, record, parts);
    Listing::follow(state, owner, record, true, &outcome);
    status(outcome.map_err(|error| match error {
        Error::NotFound => Error::Io.code(),
        error => error.code(),
    }))
}

fn write_record(state: &State, owner: u32, record: u32, parts: &[mote_bytes]) -> Result<(), Error> {
    make_owner_directory(state, owner)?;
    let owner = owner_directory(state, owner)?;
    let put = || -> Result<(), c_int> {
        let file = open_at(owner.raw(), UNFINISHED, libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC)?;
        for part in parts {
            write_all(&file, *part)?;
        }
        synchronise(&file)?;
        let name = Name::of(record);
        // SAFETY: both names end with a NUL.
        let renamed =
            unsafe { libc::renameat(owner.raw(), UNFINISHED.as_ptr(), owner.raw(), name.as_c().as_ptr()) };
        if renamed < 0 { Err(errno()) } else { Ok(()) }
    };
    if let Err(errno) = put() {
        // SAFETY: the name ends with a NUL. What cannot be removed is overwritten next time.
        unsafe { libc::unlinkat(owner.raw(), UNFINISHED.as_ptr(), 0) };
        return Err(failure(errno));
    }
    synchronise(&owner).map_err(failure)
}

/// Makes an owner's directory unless it is there, and sees to it that it stays.
fn make_owner_directory(state: &State, owner: u32) -> Result<(), Error> {
    let (store, name) = (directory(state)?, Name::of(owner));
    if !make_directory(store.raw(), name.as_c()).map_err(failure)? {
        return Ok(());
    }
    synchronise(store).map_err(|errno| {
        // SAFETY: the name ends with a NUL. It is empty; the next write makes it, and synchronises, anew.
        unsafe { libc::unlinkat(store.raw(), name.as_c().as_ptr(), libc::AT_REMOVEDIR) };
        failure(errno)
    })
}

fn write_all(file: &Fd, part: mote_bytes) -> Result<(), c_int> {
    let mut written = 0;
    while written < part.len {
        // SAFETY: the part is readable for its length, by the service's contract.
        let write = || unsafe { libc::write(file.raw(), part.ptr.add(written).cast(), part.len - written) };
        match sys::moved(write)? {
            0 => return Err(libc::ENOSPC),
            count => written += count,
        }
    }
    Ok(())
}

unsafe extern "C" fn remove(state: *mut c_void, owner: u32, record: u32) -> mote_status {
    // SAFETY: the state is the node's, by the service's contract.
    let state = match unsafe { State::of(state) } {
        Ok(state) => state,
        Err(status) => return status,
    };
    let outcome = remove_record(state, owner, record);
    Listing::follow(state, owner, record, false, &outcome);
    match outcome {
        Ok(()) | Err(Error::NotFound) => 0,
        Err(error) => error.code(),
    }
}

fn remove_record(state: &State, owner: u32, record: u32) -> Result<(), Error> {
    let owner = owner_directory(state, owner)?;
    // SAFETY: the name ends with a NUL.
    if unsafe { libc::unlinkat(owner.raw(), Name::of(record).as_c().as_ptr(), 0) } < 0 {
        return Err(failure(errno()));
    }
    synchronise(&owner).map_err(failure)
}

unsafe extern "C" fn next(state: *mut c_void, owner: u32, from: u32, record: *mut u32) -> mote_status {
    // SAFETY: the state is the node's and the output valid or NULL, by the service's contract.
    match unsafe { (State::of(state), record.as_mut()) } {
        (Ok(state), Some(record)) => {
            status(next_record(state, owner, from).map(|number| *record = number).map_err(Error::code))
        }
        _ => Error::Invalid.code(),
    }
}

fn next_record(state: &State, owner: u32, from: u32) -> Result<u32, Error> {
    let mut kept = state.listing.borrow_mut();
    let listing = match kept.take().filter(|listing| listing.owner == owner) {
        Some(listing) => kept.insert(listing),
        None => kept.insert(Listing { owner, records: list(state, owner)? }),
    };
    let place = listing.records.partition_point(|number| *number < from);
    let found = listing.records.get(place).copied();
    if found.is_none() {
        // The next search may find what others have done since.
        *kept = None;
    }
    found.ok_or(Error::NotFound)
}

/// The numbers of an owner's records, in order.
fn list(state: &State, owner: u32) -> Result<Vec<u32>, Error> {
    let directory = owner_directory(state, owner)?;
    // SAFETY: the stream takes the descriptor over, unless it cannot be made.
    let stream = unsafe { libc::fdopendir(directory.raw()) };
    if stream.is_null() {
        return Err(failure(errno()));
    }
    core::mem::forget(directory);
    let mut records = Vec::new();
    // SAFETY: the stream is open, and nobody else uses it. An entry holds until the next call.
    while let Some(entry) = unsafe {
        // What is left in it tells a failure from the end.
        *libc::__errno_location() = 0;
        libc::readdir(stream).as_ref()
    } {
        // SAFETY: the name ends with a NUL.
        let name = unsafe { CStr::from_ptr(entry.d_name.as_ptr()) };
        records.extend(Name::parse(name.to_bytes()));
    }
    let failed = errno();
    // SAFETY: open, and not used any more.
    unsafe { libc::closedir(stream) };
    records.sort_unstable();
    if failed != 0 { Err(failure(failed)) } else { Ok(records) }
}
