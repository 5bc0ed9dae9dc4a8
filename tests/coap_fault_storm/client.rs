// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a device asks of others, and what it makes of their answers.
#![allow(unreachable_pub)]

use crate::device::{COUNT, Device, EXTRA, NAMES, SHARED, STATE, UPLOAD};
use crate::world::{List, Shared, body, number_of};
use mote::address::SocketAddress;
use mote::coap::wire::{Code, number};
use mote::coap::{Part, Request};
use mote::random::Random;
use mote::status::{Error, Result};
use mote::table::Handle;
use mote::transport::{DatagramContext, Path};
use std::fmt;

/// A request under way.
pub struct Open {
    pub to: usize,
    /// The path, and the method; [`Code::EMPTY`] for a ping.
    pub which: usize,
    method: Code,
    group: bool,
    pub observe: bool,
    one_block: bool,
    start: u32,
    silent: bool,
    validates: bool,
    strange: bool,
    long_token: bool,
    cancelled: bool,
    pub sent: Vec<u8>,
    number: u32,
    parts: Vec<u8>,
    etag: Vec<u8>,
    /// What an observation has last told in whole.
    pub newest: Option<u32>,
    heard_from: Vec<SocketAddress>,
}

/// Without its bodies, which are long.
impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marks = [
            (self.group, "group"),
            (self.observe, "observe"),
            (self.one_block, "one block"),
            (self.silent, "No-Response"),
            (self.validates, "ETag"),
            (self.strange, "critical"),
            (self.long_token, "long token"),
            (self.cancelled, "cancelled"),
        ];
        let marks: Vec<&str> = marks.iter().filter(|mark| mark.0).map(|mark| mark.1).collect();
        write!(
            f,
            "{:?} {} of {} from {}, body {} of {} bytes",
            self.method,
            NAMES[self.which],
            self.to,
            self.start,
            self.number,
            self.sent.len()
        )?;
        write!(
            f,
            ", {} bytes with tag {:?}, newest {:?}, {marks:?}",
            self.parts.len(),
            self.etag,
            self.newest
        )
    }
}

impl Open {
    pub fn new(to: usize, which: usize, method: Code) -> Open {
        Open {
            to,
            which,
            method,
            group: false,
            observe: false,
            one_block: false,
            start: 0,
            silent: false,
            validates: false,
            strange: false,
            long_token: false,
            cancelled: false,
            sent: Vec::new(),
            number: 0,
            parts: Vec::new(),
            etag: Vec::new(),
            newest: None,
            heard_from: Vec::new(),
        }
    }
}

impl Device<'_> {
    pub fn someone(&mut self) -> usize {
        let count = self.shared.borrow().devices as u32;
        // Sometimes somebody that does not exist.
        (self.index + 1 + self.dice.below(count - 1) as usize) % count as usize
            + if self.chance(30) { 100 } else { 0 }
    }

    pub fn opened(&mut self, handle: Handle, open: Open) {
        assert!(self.open.insert(handle.raw(), open).is_none(), "a handle twice");
    }

    /// Starts a request of some kind.
    pub fn ask(&mut self, cx: &mut DatagramContext<'_>) {
        let to = self.someone();
        let which = self.dice.below(5) as usize;
        let kinds: &[Code] = match which {
            STATE => &[Code::GET, Code::GET, Code::FETCH, Code::PUT],
            SHARED => &[Code::GET, Code::FETCH],
            COUNT => &[Code::POST, Code::POST, Code::PUT, Code::PATCH, Code::IPATCH, Code::DELETE],
            UPLOAD => &[Code::POST, Code::PUT, Code::PATCH, Code::IPATCH],
            _ => &[Code::GET],
        };
        let method = kinds[self.dice.below(kinds.len() as u32) as usize];
        let mut open = Open::new(to, which, method);
        if !matches!(method, Code::GET | Code::DELETE) {
            open.number = self.shared.borrow_mut().fresh();
            open.sent = body(open.number);
        }
        let safe = matches!(method, Code::GET | Code::FETCH);
        open.observe = safe && self.may_observe && self.dice.below(3) == 0;
        open.group = which == STATE && method == Code::GET && !open.observe && self.dice.below(6) == 0;
        open.silent = !open.observe && !open.group && self.dice.below(12) == 0;
        open.strange = self.dice.below(40) == 0;
        let plain = safe && !open.observe && !open.group;
        let szx = if self.dice.below(2) == 0 { 6 } else { self.dice.below(7) as u8 };
        if plain && open.sent.is_empty() && self.dice.below(8) == 0 {
            open.start = self.dice.below(6) << (szx + 4);
            open.one_block = self.dice.below(2) == 0;
        }
        let etag = self.shared.borrow().known(to, which).to_be_bytes();
        let mut options: Vec<(u16, &[u8])> = vec![(number::URI_PATH, NAMES[which].as_bytes())];
        if plain && open.start == 0 && self.dice.below(6) == 0 {
            open.validates = true;
            options.push((number::ETAG, &etag));
        }
        if open.silent {
            let classes: &[[u8; 1]; 5] = &[[26], [2], [8], [16], [24]];
            options.push((number::NO_RESPONSE, &classes[self.dice.below(5) as usize]));
        }
        if method == Code::PUT && which == STATE {
            match self.dice.below(4) {
                0 => options.push((number::IF_MATCH, &etag)),
                1 => options.push((number::IF_NONE_MATCH, &[])),
                _ => {}
            }
        }
        if open.strange {
            options.push((9, b"critical"));
        }
        let confirmable = !open.group && self.dice.below(4) != 0;
        let mut token = [7; 20];
        token[..4].copy_from_slice(&self.shared.borrow_mut().fresh().to_be_bytes());
        open.long_token = confirmable && self.dice.below(30) == 0;
        let beginning = if self.dice.below(3) == 0 { open.sent.len().min(1024) } else { open.sent.len() };
        let group = open.group.then(|| self.shared.borrow().group());
        let request = Request {
            method,
            options: &List(&options),
            payload: &open.sent[..beginning],
            more: beginning < open.sent.len(),
            total: if self.dice.below(2) == 0 { open.sent.len() as u32 } else { 0 },
            confirmable,
            observe: open.observe,
            offset: open.start,
            one_block: open.one_block,
            szx,
            token: if open.long_token { Some(&token) } else { None },
            timeout: if self.dice.below(3) == 0 { 1000 + self.dice.below(60_000) } else { 0 },
            ..Request::new(Path::to(group.unwrap_or_else(|| self.shared.borrow().address(to))), method)
        };
        match self.endpoint.request(cx, &request) {
            Ok(handle) => self.opened(handle, open),
            Err(Error::Full | Error::TooLarge) => {}
            // A beginning that is shorter than the first block.
            Err(Error::Invalid) if beginning < open.sent.len() => {}
            Err(error) => panic!("{error:?} of {open:?}"),
        }
    }

    /// Asks for the state of another, and for something to be done there.
    pub fn ask_plainly(&mut self, cx: &mut DatagramContext<'_>, to: usize, method: Code) -> Handle {
        self.with(cx, |this, cx| {
            let which = if method == Code::GET { STATE } else { COUNT };
            let mut open = Open::new(to, which, method);
            if method != Code::GET {
                open.number = this.shared.borrow_mut().fresh();
                open.sent = open.number.to_be_bytes().to_vec();
            }
            let options = [(number::URI_PATH, NAMES[which].as_bytes())];
            let path = Path::to(this.shared.borrow().address(to));
            let request = Request { options: &options, payload: &open.sent, ..Request::new(path, method) };
            let handle = this.endpoint.request(cx, &request);
            let handle = handle.unwrap_or_else(|error| panic!("{error:?} after the storm"));
            this.opened(handle, open);
            handle
        })
    }

    pub fn cancel(&mut self, cx: &mut DatagramContext<'_>) {
        let index = self.dice.below(self.open.len().max(1) as u32) as usize;
        let Some(raw) = self.open.keys().nth(index).copied() else { return };
        self.cancel_one(cx, raw);
    }

    pub fn cancel_one(&mut self, cx: &mut DatagramContext<'_>, raw: u32) {
        let cancelled = self.endpoint.cancel(cx, Handle::from_raw(raw).unwrap());
        // Its end may wait to be taken.
        assert!(matches!(cancelled, Ok(()) | Err(Error::Stale)), "{cancelled:?}");
        let open = self.open.get_mut(&raw).unwrap();
        open.cancelled |= cancelled.is_ok();
    }

    /// Ends all its observations.
    pub fn stop_observing(&mut self, cx: &mut DatagramContext<'_>) {
        let all: Vec<u32> = self.open.iter().filter(|(_, open)| open.observe).map(|(raw, _)| *raw).collect();
        self.with(cx, |this, cx| {
            for raw in all {
                this.cancel_one(cx, raw);
            }
        });
    }

    pub fn supply(&mut self, cx: &mut DatagramContext<'_>, (request, offset, length): (Handle, u32, u16)) {
        let Some(open) = self.open.get(&request.raw()) else { return };
        let rest = &open.sent[offset as usize..];
        let block = &rest[..rest.len().min(length.into())];
        match self.endpoint.supply(cx, request, block, block.len() < rest.len()) {
            // It may have ended, which is about to be told, or another block is wanted by now.
            Ok(()) | Err(Error::State) => {}
            Err(Error::Full) if !self.calm => self.wanted.push((request, offset, length)),
            Err(error) => assert!(matches!(error, Error::Full | Error::TooLarge), "{error:?}"),
        }
    }

    pub fn check_end(&self, open: &Open, result: Result<()>) {
        let corrupt = self.shared.borrow().corrupt;
        let right = match result {
            Ok(()) => open.method == Code::EMPTY || open.group || open.silent,
            Err(Error::Cancelled) => open.cancelled,
            Err(Error::Protocol) => corrupt,
            Err(Error::Reset | Error::TooLarge) => true,
            Err(Error::SessionLost | Error::Full) => open.method != Code::EMPTY,
            Err(Error::Timeout) => !open.group || corrupt,
            Err(Error::Refused | Error::Unreachable | Error::Transport) => true,
            Err(Error::Security | Error::Closed) => self.lost_peers,
            Err(_) => false,
        };
        assert!(right, "{result:?} of {open:?}");
    }

    #[allow(clippy::too_many_arguments)] // What an event holds.
    pub fn hear(
        &mut self,
        request: Handle,
        path: &Path,
        code: Code,
        payload: &[u8],
        etag: Option<&[u8]>,
        part: Part,
        last: bool,
    ) {
        let mut open = self.open.remove(&request.raw()).expect("only what is open is answered");
        let shared = self.shared.clone();
        let shared = shared.borrow();
        if !shared.corrupt {
            self.check_response(&mut open, path, code, payload, etag, part, last, &shared);
        }
        if last {
            self.wire.borrow_mut().ended(self.index, open.to);
        } else {
            self.open.insert(request.raw(), open);
        }
    }

    #[allow(clippy::too_many_arguments)] // As above.
    pub fn check_response(
        &mut self,
        open: &mut Open,
        path: &Path,
        code: Code,
        payload: &[u8],
        etag: Option<&[u8]>,
        part: Part,
        last: bool,
        shared: &Shared,
    ) {
        assert_ne!(open.method, Code::EMPTY, "a ping has no response");
        assert!(!(open.group && last), "a group is gathered to the end");
        let fine = match (open.method, code) {
            (Code::GET | Code::FETCH, Code::CONTENT) | (Code::DELETE, Code::DELETED) => true,
            (Code::GET | Code::FETCH, Code::VALID) => open.validates,
            (Code::PUT | Code::POST | Code::PATCH | Code::IPATCH, Code::CHANGED) => true,
            // Beyond the end, from the start or because the state has changed to a shorter one.
            (_, Code::BAD_REQUEST) => open.method != Code::DELETE,
            (_, Code::BAD_OPTION) => open.strange,
            (_, Code::PRECONDITION_FAILED) => open.method == Code::PUT,
            (_, Code::NOT_FOUND) => open.which == EXTRA,
            (
                _,
                Code::UNAUTHORIZED
                | Code::REQUEST_ENTITY_INCOMPLETE
                | Code::REQUEST_ENTITY_TOO_LARGE
                | Code::INTERNAL_SERVER_ERROR
                | Code::SERVICE_UNAVAILABLE,
            ) => true,
            _ => false,
        };
        assert!(fine, "{code:?} for {open:?}");
        if open.group {
            let whole = number_of(payload).is_some() || part.more || !code.is_success();
            assert!(whole, "{payload:?} from a group");
            let again = open.heard_from.contains(&path.remote);
            assert!(!again || !shared.strict, "two answers of {:?} for a group", path.remote);
            open.heard_from.push(path.remote);
            return;
        }
        if !code.is_success() || code == Code::VALID {
            return;
        }
        if part.offset == open.start {
            open.parts.clear();
            open.etag = etag.unwrap_or_default().to_vec();
        }
        assert_eq!(part.offset as usize, open.start as usize + open.parts.len(), "{open:?}");
        assert!(!part.more || !last || open.one_block, "an end in the midst of {open:?}");
        assert_eq!(open.etag, etag.unwrap_or_default(), "two states in one body");
        open.parts.extend_from_slice(payload);
        if matches!(open.method, Code::GET | Code::FETCH) && open.etag.len() == 4 {
            let number = u32::from_be_bytes(open.etag[..].try_into().unwrap());
            // The endpoint's own tags are no numbers of ours.
            if number % 2 == 0 && shared.is_version(number, open.to, open.which) {
                let whole = body(number);
                let here = &whole[open.start as usize..];
                assert!(here.starts_with(&open.parts), "another state than the tag says: {open:?}");
            }
        }
        if part.more || open.start != 0 || open.one_block {
            return;
        }
        match open.method {
            Code::GET | Code::FETCH => {
                let number = number_of(&open.parts);
                let number = number.unwrap_or_else(|| panic!("a mixed body: {open:?}"));
                assert!(
                    shared.is_version(number, open.to, open.which),
                    "a state of something else: {open:?}"
                );
                open.newest = Some(number);
            }
            Code::DELETE => {}
            _ => assert!(
                open.parts == open.number.to_be_bytes() || number_of(&open.parts) == Some(open.number),
                "the answer to something else: {open:?}"
            ),
        }
    }
}
