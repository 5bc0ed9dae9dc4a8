// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client, the server of the plugtests, and a record of what passed between them.

use super::coap_support::*;
use mote::coap::wire::{Code, Message, Type, number};
use mote::coap::{Cause, Config, Endpoint, Incoming, Request, Resource, Response, flags, methods};
use mote::random::Sequence;
use mote::sim::net::{Action, HostId};
use mote::table::Handle;
use mote::transport::DatagramContext;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

const fn resource(path: &'static str, methods: u8, flags: u8, attributes: &'static str) -> Resource<'static> {
    Resource { flags, attributes, ..Resource::new(path, methods) }
}

const ANY: u8 = methods::GET | methods::POST | methods::PUT | methods::DELETE;

pub(crate) const RESOURCES: [Resource<'static>; 17] = [
    resource("/test", ANY, 0, ";rt=\"Type1 Type2\";if=\"If1\""),
    resource("/separate", methods::GET, 0, ""),
    resource("/seg1/seg2/seg3", methods::GET, 0, ""),
    resource("/query", methods::GET, 0, ""),
    resource("/location-query", methods::POST, 0, ""),
    Resource { produces: &[0, 41], ..resource("/multi-format", methods::GET, 0, ";ct=\"0 41\"") },
    resource("/validate", methods::GET | methods::PUT, flags::CONDITIONAL, ""),
    resource("/create1", methods::PUT, flags::CONDITIONAL, ""),
    resource("/large", methods::GET, 0, ";rt=\"Type1 Type3\";if=\"If2\";sz=\"1280\""),
    resource("/large-update", methods::GET | methods::PUT, 0, ""),
    resource("/large-create", methods::POST, 0, ""),
    resource("/large-create/1", methods::GET, flags::HIDDEN, ""),
    resource("/large-post", methods::POST, flags::ASSEMBLE, ""),
    resource("/obs", ANY, flags::OBSERVABLE, ";rt=\"Type2\""),
    resource("/obs-non", methods::GET, flags::OBSERVABLE, ""),
    resource("/link1", methods::GET, 0, ";rt=\"Type1 Type2\";if=\"If1 foo\""),
    resource("/link3", methods::GET, 0, ";rt=\"Type1 Type3\";if=\"If1 foo\""),
];

/// What the server knows.
pub(crate) struct Store {
    pub(crate) bodies: BTreeMap<&'static str, Vec<u8>>,
    pub(crate) version: u8,
    pub(crate) separate: Vec<Handle>,
    pub(crate) obs_format: u8,
    pub(crate) handles: Vec<Handle>,
}

#[derive(Clone, Debug)]
pub(crate) struct Passed {
    pub(crate) from: HostId,
    pub(crate) data: Vec<u8>,
    pub(crate) lost: bool,
}

impl Passed {
    pub(crate) fn message(&self) -> Message<'_> {
        parse(&self.data)
    }
}

pub(crate) struct Reply {
    pub(crate) code: Code,
    pub(crate) payload: Vec<u8>,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

impl Reply {
    pub(crate) fn all(&self, number: u16) -> Vec<&[u8]> {
        self.options.iter().filter(|(n, _)| *n == number).map(|(_, value)| &value[..]).collect()
    }
}

/// A request as a test writes it.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: Code,
    pub(crate) path: &'static str,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
    pub(crate) payload: Vec<u8>,
    pub(crate) confirmable: bool,
    pub(crate) observe: bool,
    pub(crate) szx: u8,
    pub(crate) token: Option<&'static [u8]>,
}

pub(crate) fn ask(method: Code, path: &'static str) -> Ask {
    Ask {
        method,
        path,
        options: Vec::new(),
        payload: Vec::new(),
        confirmable: true,
        observe: false,
        szx: 6,
        token: None,
    }
}

impl Ask {
    pub(crate) fn non(self) -> Ask {
        Ask { confirmable: false, ..self }
    }

    pub(crate) fn with(mut self, number: u16, value: &[u8]) -> Ask {
        self.options.push((number, value.to_vec()));
        self
    }

    pub(crate) fn body(self, payload: &[u8]) -> Ask {
        Ask { payload: payload.to_vec(), ..self }
    }
}

pub(crate) struct World {
    pub(crate) pair: Pair,
    pub(crate) wire: Rc<RefCell<Vec<Passed>>>,
    pub(crate) store: Rc<RefCell<Store>>,
    /// How many messages of a hundred are lost.
    pub(crate) loss: Rc<Cell<u64>>,
}

pub(crate) fn config() -> Config {
    Config { resources: 24, exchanges: 32, pool: 32768, message_size: 1152, body: 4096, ..Config::DEFAULT }
}

impl World {
    pub(crate) fn new() -> World {
        let store = Rc::new(RefCell::new(Store {
            bodies: BTreeMap::from([
                ("/test", b"test".to_vec()),
                ("/large", bytes(1280)),
                ("/obs", b"obs 0".to_vec()),
            ]),
            version: 1,
            separate: Vec::new(),
            obs_format: 0,
            handles: Vec::new(),
        }));
        let mut server = Node::new(&config());
        for resource in RESOURCES {
            let handle = server.endpoint.add_resource(resource).unwrap();
            store.borrow_mut().handles.push(handle);
        }
        let known = store.clone();
        server.handler =
            Box::new(move |endpoint, cx, incoming| serve(&mut known.borrow_mut(), endpoint, cx, incoming));
        let mut pair = Pair::new(Node::new(&config()), server);
        let wire = Rc::new(RefCell::new(Vec::new()));
        let loss = Rc::new(Cell::new(0));
        let (seen, share, mut chance) = (wire.clone(), loss.clone(), Sequence(15));
        pair.net.rule(move |passing| {
            let lost = chance.next() % 100 < share.get();
            seen.borrow_mut().push(Passed { from: passing.from, data: passing.data.to_vec(), lost });
            if lost { Action::Drop } else { Action::Pass }
        });
        World { pair, wire, store, loss }
    }

    pub(crate) fn start(&mut self, ask: &Ask) -> Handle {
        self.start_to(ask, to_server())
    }

    pub(crate) fn start_to(&mut self, ask: &Ask, path: mote::transport::Path) -> Handle {
        self.pair.client.body = ask.payload.clone();
        let mut options: Vec<(u16, &[u8])> =
            ask.options.iter().map(|(number, value)| (*number, &value[..])).collect();
        options.extend(
            ask.path.split('/').skip(1).filter(|s| !s.is_empty()).map(|s| (number::URI_PATH, s.as_bytes())),
        );
        self.pair.request(&Request {
            options: &Borrowed(&options),
            payload: &ask.payload,
            total: ask.payload.len() as u32,
            confirmable: ask.confirmable,
            observe: ask.observe,
            szx: ask.szx,
            token: ask.token,
            ..Request::new(path, ask.method)
        })
    }

    /// Sends and waits until the request has ended.
    pub(crate) fn exchange(&mut self, ask: &Ask) -> Reply {
        let request = self.start(ask);
        self.pair.run(5000);
        self.reply(request)
    }

    /// The reply to a request that has ended: its last response, with the whole body.
    pub(crate) fn reply(&self, request: Handle) -> Reply {
        let code = self.pair.client.end(request).expect("a response");
        let mut reply = Reply { code, payload: Vec::new(), options: Vec::new() };
        for (_, seen) in &self.pair.client.seen {
            if let Seen::Response { request: of, payload, options, .. } = seen
                && *of == request
            {
                reply.payload.extend(payload);
                reply.options = options.clone();
            }
        }
        reply
    }

    /// The messages of one side since the last call of `forget`.
    pub(crate) fn sent_by(&self, from: HostId) -> Vec<Passed> {
        self.wire.borrow().iter().filter(|passed| passed.from == from).cloned().collect()
    }

    pub(crate) fn forget(&self) {
        self.wire.borrow_mut().clear();
    }

    /// Answers what waits at `/separate`.
    pub(crate) fn answer_separate(&mut self) {
        let waiting = core::mem::take(&mut self.store.borrow_mut().separate);
        for exchange in waiting {
            let response = Response { options: &TEXT, confirmable: true, ..content(b"separate") };
            self.pair.at_server(|endpoint, cx| endpoint.respond(cx, exchange, &response)).unwrap();
        }
    }

    /// Changes `/obs` or `/obs-non`.
    pub(crate) fn change(&mut self, path: &'static str, body: &[u8]) {
        self.store.borrow_mut().bodies.insert(path, body.to_vec());
        let handle = self.handle(path);
        self.pair.at_server(|endpoint, _| endpoint.notify(handle)).unwrap();
        self.pair.run(50);
    }

    pub(crate) fn handle(&self, path: &str) -> Handle {
        let index = RESOURCES.iter().position(|resource| resource.path == path).unwrap();
        self.store.borrow().handles[index]
    }
}

struct Borrowed<'a>(&'a [(u16, &'a [u8])]);

impl mote::coap::OptionList for Borrowed<'_> {
    fn put(&self, out: &mut mote::coap::wire::Encoder<'_>) -> mote::status::Result<()> {
        self.0.put(out)
    }
}

const TEXT: [(u16, &[u8]); 1] = [(number::CONTENT_FORMAT, &[])];

fn serve(
    store: &mut Store,
    endpoint: &mut Endpoint<'static>,
    cx: &mut DatagramContext<'_>,
    incoming: &Incoming<'_>,
) {
    let index = store.handles.iter().position(|handle| *handle == incoming.resource).unwrap();
    let path = RESOURCES[index].path;
    let message = &incoming.message;
    let mut respond = |response: Response<'_>| endpoint.respond(cx, incoming.exchange, &response).unwrap();
    match (path, message.code) {
        ("/test" | "/obs", Code::PUT | Code::POST) => {
            let created = path == "/test" && message.code == Code::POST;
            let place: [(u16, &[u8]); 3] = [
                (number::LOCATION_PATH, b"location1"),
                (number::LOCATION_PATH, b"location2"),
                (number::LOCATION_PATH, b"location3"),
            ];
            if created {
                respond(Response { options: &place, ..Response::new(Code::CREATED) });
            } else {
                store.bodies.insert(path, message.payload.to_vec());
                if let Some(format) = message.uint(number::CONTENT_FORMAT) {
                    store.obs_format = format as u8;
                }
                respond(Response::new(Code::CHANGED));
            }
            if path == "/obs" {
                endpoint.notify(incoming.resource).unwrap();
            }
        }
        ("/test" | "/obs", Code::DELETE) => {
            respond(Response::new(Code::DELETED));
            if path == "/obs" {
                endpoint.remove_resource(cx, incoming.resource).unwrap();
            }
        }
        ("/separate", _) => store.separate.push(incoming.exchange),
        ("/query", _) => {
            let query = message.options.all(number::URI_QUERY).collect::<Vec<_>>().join(&b'&');
            respond(Response { options: &TEXT, ..content(&query) });
        }
        ("/location-query", _) => {
            let place: [(u16, &[u8]); 2] =
                [(number::LOCATION_QUERY, b"first=1"), (number::LOCATION_QUERY, b"second=2")];
            respond(Response { options: &place, ..Response::new(Code::CREATED) });
        }
        ("/multi-format", _) => {
            let xml = message.uint(number::ACCEPT) == Some(41);
            let format: &[u8] = if xml { &[41] } else { &[] };
            respond(Response {
                options: &[(number::CONTENT_FORMAT, format)],
                ..content(if xml { b"<v>1</v>" } else { b"one" })
            });
        }
        ("/validate", Code::GET) => {
            let tag = [store.version];
            let options: [(u16, &[u8]); 2] = [(number::ETAG, &tag), (number::MAX_AGE, &[30])];
            if message.options.all(number::ETAG).any(|known| known == tag) {
                respond(Response { options: &options, ..Response::new(Code::VALID) });
            } else {
                respond(Response {
                    options: &options,
                    ..content(format!("version {}", store.version).as_bytes())
                });
            }
        }
        ("/validate", _) => {
            let matches =
                message.options.all(number::IF_MATCH).any(|tag| tag.is_empty() || tag == [store.version]);
            if matches {
                store.version += 1;
                respond(Response {
                    options: &[(number::ETAG, &[store.version][..])],
                    ..Response::new(Code::CHANGED)
                });
            } else {
                respond(Response::new(Code::PRECONDITION_FAILED));
            }
        }
        ("/create1", _) => {
            let exists = store.bodies.contains_key(path);
            if exists && message.option(number::IF_NONE_MATCH).is_some() {
                return respond(Response::new(Code::PRECONDITION_FAILED));
            }
            store.bodies.insert(path, message.payload.to_vec());
            respond(Response::new(if exists { Code::CHANGED } else { Code::CREATED }));
        }
        ("/large-update" | "/large-create", Code::PUT | Code::POST) => {
            let kept = store.bodies.entry(path).or_default();
            kept.truncate(incoming.part.offset as usize);
            kept.extend(message.payload);
            if !incoming.part.more {
                let place: [(u16, &[u8]); 2] =
                    [(number::LOCATION_PATH, b"large-create"), (number::LOCATION_PATH, b"1")];
                let created = path == "/large-create";
                let none: [(u16, &[u8]); 0] = [];
                if created {
                    respond(Response { options: &place, ..Response::new(Code::CREATED) });
                } else {
                    respond(Response { options: &none, ..Response::new(Code::CHANGED) });
                }
            }
        }
        ("/large-create/1", _) => respond(content(&store.bodies["/large-create"])),
        ("/large-post", _) => {
            if incoming.cause == Cause::Request {
                let body = endpoint.body(incoming.exchange).unwrap_or(message.payload).to_vec();
                store.bodies.insert(path, body.into_iter().rev().collect());
            }
            let response = Response { payload: &store.bodies[path], ..Response::new(Code::CHANGED) };
            endpoint.respond(cx, incoming.exchange, &response).unwrap();
        }
        ("/obs" | "/obs-non", _) => {
            let observer_of_another_format = incoming.cause == Cause::Notify && store.obs_format != 0;
            if observer_of_another_format {
                return respond(Response::new(Code::NOT_ACCEPTABLE));
            }
            let body = store.bodies.get(path).cloned().unwrap_or_else(|| b"0".to_vec());
            respond(Response { options: &TEXT, confirmable: path == "/obs", ..content(&body) });
        }
        _ => {
            let body = store.bodies.get(path).cloned().unwrap_or_else(|| path.as_bytes().to_vec());
            respond(Response { options: &TEXT, ..content(&body) });
        }
    }
}

/// Holds a piggybacked exchange against the wire: one request, one acknowledgement with the same
/// message ID and token.
pub(crate) fn piggybacked(world: &World, method: Code, code: Code) {
    let (sent, answered) = (world.sent_by(CLIENT), world.sent_by(SERVER));
    assert_eq!((sent.len(), answered.len()), (1, 1));
    let (request, response) = (sent[0].message(), answered[0].message());
    assert_eq!((request.kind, request.code), (Type::Con, method));
    assert_eq!((response.kind, response.code), (Type::Ack, code));
    assert_eq!((response.message_id, response.token), (request.message_id, request.token));
}
