// SPDX-License-Identifier: MIT OR Apache-2.0
//! A node in the storm: the stack, an application that does anything at any time, and a radio that fails; and what must
//! hold whatever happens.

use mote::address::{Ip, SocketAddress};
use mote::ipv6::link::LinkAddress;
use mote::mesh::{Event, Mesh, Role, Root, SCRATCH};
use mote::random::{Random, Sequence};
use mote::sim::radio::{Node, NodeId};
use mote::status::{Error, Result};
use mote::table::Handle;
use mote::time::Instant;
use mote::transport::{
    Path, Radio, RadioAddresses, RadioCapabilities, RadioContext, RadioEvent, TransmitStatus,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// The port of all sockets that are told apart by nothing else.
pub(crate) const PORT: u16 = 61617;
/// How often a node may be polled in a second: a frame on the air takes a handful of polls.
const POLLS: u32 = 3000;
/// Payloads from this size on are told apart by what they hold.
pub(crate) const DISTINCT: usize = 8;

pub(crate) fn eui64(id: NodeId) -> [u8; 8] {
    let [a, b, c, d] = (id as u32).to_be_bytes();
    [0x02, 0, 0, 0, a, b, c, d]
}

/// The node with that address, whatever its prefix.
pub(crate) fn node_of(ip: &Ip) -> NodeId {
    u32::from_be_bytes(*ip.0.last_chunk().unwrap()) as usize
}

pub(crate) fn link_local(id: NodeId) -> Ip {
    LinkAddress::Extended(eui64(id)).link_local()
}

pub(crate) fn address(prefix: &Ip, id: NodeId) -> Ip {
    let mut ip = *prefix;
    ip.0[8..].copy_from_slice(&LinkAddress::Extended(eui64(id)).interface_identifier());
    ip
}

/// A datagram that has been sent.
pub(crate) struct Datagram {
    pub(crate) from: NodeId,
    pub(crate) to: Ip,
    /// Who got it, as often as that was.
    pub(crate) got_by: Vec<NodeId>,
}

/// All datagrams by what they hold.
pub(crate) type Ledger = Rc<RefCell<BTreeMap<Vec<u8>, Vec<Datagram>>>>;

/// What goes wrong with a radio, each as often as so many parts per thousand.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    /// It is busy.
    pub(crate) busy: u32,
    /// It fails.
    pub(crate) fails: u32,
    /// It takes a frame and says no more of it.
    pub(crate) swallows: u32,
    /// It says that it has sent what it has not.
    pub(crate) lies: u32,
}

/// A radio that fails now and then.
struct Fickle<'a> {
    radio: &'a mut dyn Radio,
    faults: Faults,
    dice: &'a mut Sequence,
}

impl Radio for Fickle<'_> {
    fn capabilities(&self) -> RadioCapabilities {
        self.radio.capabilities()
    }
    fn transmit(&mut self, frame: &[u8]) -> Result<()> {
        assert!(frame.len() <= 125);
        if self.dice.below(1000) < self.faults.busy {
            return Err(Error::WouldBlock);
        }
        if self.dice.below(1000) < self.faults.fails {
            return Err(Error::Io);
        }
        if self.dice.below(1000) < self.faults.swallows {
            return Ok(());
        }
        self.radio.transmit(frame)
    }
    fn channel_is_clear(&mut self) -> bool {
        self.dice.below(1000) >= self.faults.busy && self.radio.channel_is_clear()
    }
    fn set_addresses(&mut self, addresses: &RadioAddresses) -> Result<()> {
        self.radio.set_addresses(addresses)
    }
    fn set_channel(&mut self, channel: u8) -> Result<()> {
        self.radio.set_channel(channel)
    }
    fn enable(&mut self, on: bool) -> Result<()> {
        self.radio.enable(on)
    }
}

/// A ping that has not ended.
pub(crate) struct Ping {
    until: Instant,
    to: Ip,
    data: Vec<u8>,
}

pub(crate) struct Host<'m> {
    pub(crate) mesh: Mesh<'m>,
    pub(crate) id: NodeId,
    pub(crate) root: Option<Root>,
    pub(crate) ledger: Ledger,
    pub(crate) dice: Sequence,
    pub(crate) faults: Faults,
    /// Until then it does nothing.
    pub(crate) sleeps_until: Instant,
    pub(crate) pings: BTreeMap<u32, Ping>,
    /// How many pings ended well.
    pub(crate) replies: u32,
    pub(crate) socket: Option<Handle>,
    /// The frames that came last.
    pub(crate) heard: VecDeque<Vec<u8>>,
    /// Whether its application does things by itself.
    pub(crate) lively: bool,
    second: u64,
    polls: u32,
}

impl<'m> Host<'m> {
    pub(crate) fn new(
        mesh: Mesh<'m>,
        id: NodeId,
        root: Option<Root>,
        ledger: &Ledger,
        dice: Sequence,
    ) -> Host<'m> {
        Host {
            mesh,
            id,
            root,
            ledger: ledger.clone(),
            dice,
            faults: Faults::default(),
            sleeps_until: Instant::ZERO,
            pings: BTreeMap::new(),
            replies: 0,
            socket: None,
            heard: VecDeque::new(),
            lively: true,
            second: 0,
            polls: 0,
        }
    }

    /// Calls the stack with its radio.
    fn call<R>(
        &mut self,
        cx: &mut RadioContext<'_>,
        act: impl FnOnce(&mut Mesh<'m>, &mut RadioContext<'_>) -> R,
    ) -> R {
        let mut radio = Fickle { radio: &mut *cx.transport, faults: self.faults, dice: &mut self.dice };
        let mut cx = RadioContext { now: cx.now, transport: &mut radio, random: &mut *cx.random };
        act(&mut self.mesh, &mut cx)
    }

    pub(crate) fn sleeps(&self, now: Instant) -> bool {
        self.sleeps_until > now
    }

    pub(crate) fn ping(
        &mut self,
        cx: &mut RadioContext<'_>,
        to: &Ip,
        size: usize,
        timeout: u32,
    ) -> Result<()> {
        let data: Vec<u8> = (0..size).map(|_| self.dice.next() as u8).collect();
        let hop_limit = if self.lively && self.dice.below(6) == 0 { 1 + self.dice.below(5) as u8 } else { 0 };
        let ping = self.call(cx, |mesh, cx| mesh.ping(cx, to, hop_limit, timeout, &data))?;
        let until = cx.now.after(u64::from(timeout));
        let open = self.pings.insert(ping.raw(), Ping { until, to: *to, data });
        assert!(open.is_none(), "a handle twice");
        Ok(())
    }

    pub(crate) fn send(&mut self, cx: &mut RadioContext<'_>, to: &Ip, size: usize) -> Result<Vec<u8>> {
        let socket = self.socket.ok_or(Error::State)?;
        let data: Vec<u8> = (0..size).map(|_| self.dice.next() as u8).collect();
        let path = Path::to(SocketAddress::new(*to, PORT));
        // In the ledger before it is sent: there may be a way to itself.
        let from = self.id;
        let datagram = Datagram { from, to: *to, got_by: Vec::new() };
        self.ledger.borrow_mut().entry(data.clone()).or_default().push(datagram);
        self.call(cx, |mesh, cx| mesh.udp_send(cx, socket, &path, &data))?;
        Ok(data)
    }

    /// Something that an application may do at any time.
    fn whim(&mut self, cx: &mut RadioContext<'_>) {
        if !self.lively {
            return;
        }
        match self.dice.below(60) {
            0 => {
                if let Some(ping) = self.pings.keys().next().and_then(|raw| Handle::from_raw(*raw)) {
                    assert_eq!(self.mesh.ping_cancel(ping), Ok(()));
                }
            }
            1 => {
                if let Some(parent) = self.mesh.parent() {
                    let _ = self.ping(cx, &parent, 8, 500);
                }
            }
            2 => self.reopen(),
            3 => self.mesh.leave_group(&group(self.dice.below(3) as u16)),
            4 => {
                let _ = self.mesh.join_group(group(self.dice.below(3) as u16));
            }
            5 => {
                let root = self.mesh.dodags().find(|dodag| dodag.joined).map(|dodag| dodag.dodag_id);
                if let Some(root) = root {
                    let _ = self.send(cx, &root, 30);
                }
            }
            _ => {}
        }
    }

    /// Closes the socket, and opens it again.
    pub(crate) fn reopen(&mut self) {
        if let Some(socket) = self.socket.take() {
            assert_eq!(self.mesh.udp_close(socket), Ok(()));
            assert_eq!(self.mesh.udp_close(socket), Err(Error::Stale));
        }
        self.socket = self.mesh.udp_open(Ip::UNSPECIFIED, PORT).ok();
    }

    /// Takes note of what the application is told.
    fn note(&mut self, now: Instant, event: &Event<'_>) {
        match *event {
            Event::PingReply { ping, source, data, .. } => {
                let ping = self.pings.remove(&ping.raw()).expect("only what is open ends");
                assert_eq!(ping.data, data);
                assert!(ping.to.is_multicast() || ping.to == source, "{source:?} answers for {:?}", ping.to);
                self.replies += 1;
            }
            Event::PingFailed { ping, .. } => {
                let ping = self.pings.remove(&ping.raw()).expect("only what is open ends");
                assert!(now <= ping.until.after(1000).max(self.sleeps_until.after(1000)), "a ping ends late");
            }
            Event::Udp { socket, path, data } => {
                assert_eq!(Some(socket), self.socket);
                let mut ledger = self.ledger.borrow_mut();
                let id = self.id;
                let sent =
                    ledger.get_mut(data).unwrap_or_else(|| panic!("{id} got what nobody sent: {data:?}"));
                let meant =
                    sent.iter_mut().find(|it| it.to == path.local && it.from == node_of(&path.remote.ip));
                let datagram =
                    meant.unwrap_or_else(|| panic!("{id} got what was for another, to {:?}", path.local));
                assert!(path.is_multicast() || node_of(&path.local) == id);
                datagram.got_by.push(id);
            }
            _ => {}
        }
    }

    fn hear(&mut self, cx: &mut RadioContext<'_>, event: &Event<'_>) {
        self.note(cx.now, event);
        if let (Event::Udp { path, data, .. }, true) = (event, self.lively)
            && self.dice.below(5) == 0
        {
            let _ = self.send(cx, &path.remote.ip, data.len().max(DISTINCT));
        }
        self.whim(cx);
    }

    /// What holds after every call.
    fn check(&self, now: Instant) {
        let deadline = self.mesh.next_deadline();
        let waits =
            self.mesh.waiting() > 0 || self.mesh.free_blocks() < usize::from(self.mesh.config().blocks);
        assert!(!waits || deadline != Instant::NEVER, "{}: what waits is forgotten", self.id);
        for ping in self.pings.values() {
            assert!(deadline <= ping.until.max(now), "{}: a ping is forgotten", self.id);
        }
        assert!(self.mesh.config().role == Role::Root || deadline != Instant::NEVER, "{} rests", self.id);
    }
}

/// A group that not everybody is in.
pub(crate) fn group(number: u16) -> Ip {
    Ip::v6([0xff02, 0, 0, 0, 0, 0, 0x1234, number])
}

impl Node for Host<'_> {
    fn start(&mut self, cx: &mut RadioContext<'_>) {
        let root = self.root;
        let started = self.call(cx, |mesh, cx| match &root {
            Some(root) => mesh.start_root(cx, root),
            None => mesh.join(cx),
        });
        // There may be no room for an address.
        assert!(matches!(started, Ok(()) | Err(Error::Full)), "{started:?}");
        self.reopen();
    }

    fn receive(&mut self, cx: &mut RadioContext<'_>, event: RadioEvent<'_>) {
        if self.sleeps(cx.now) {
            return;
        }
        if let RadioEvent::Received { frame, .. } = event {
            self.heard.truncate(7);
            self.heard.push_front(frame.to_vec());
        }
        let event = match event {
            RadioEvent::Transmitted { attempts, .. } if self.dice.below(1000) < self.faults.lies => {
                RadioEvent::Transmitted { status: TransmitStatus::Sent, attempts }
            }
            event => event,
        };
        let mut scratch = [0; SCRATCH];
        if let Some(event) = self.call(cx, |mesh, cx| mesh.receive(cx, event, &mut scratch)) {
            self.hear(cx, &event);
        }
        self.check(cx.now);
    }

    fn poll(&mut self, cx: &mut RadioContext<'_>) {
        if self.sleeps(cx.now) {
            return;
        }
        let second = cx.now.0 / 1000;
        if second != self.second {
            (self.second, self.polls) = (second, 0);
        }
        let mut scratch = [0; SCRATCH];
        while let Some(event) = self.call(cx, |mesh, cx| mesh.poll(cx, &mut scratch)) {
            self.polls += 1;
            self.hear(cx, &event);
        }
        self.polls += 1;
        assert!(self.polls < POLLS, "{} spins", self.id);
        let deadline = self.mesh.next_deadline();
        assert!(deadline > cx.now, "{}: a deadline in the past", self.id);
        self.check(cx.now);
    }

    fn next_deadline(&self) -> Instant {
        self.mesh.next_deadline().max(self.sleeps_until)
    }
}
