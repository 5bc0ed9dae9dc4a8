// SPDX-License-Identifier: MIT OR Apache-2.0
//! One engine by itself, and its messages: what the tests of single engines share.

use crate::harness::{address, root_config};
use mote::address::Ip;
use mote::bytes::Writer;
use mote::ipv6::link::LinkAddress;
use mote::ipv6::routing::{
    ControlMessage, ControlPlane, Encapsulation, Flow, MAX_ROUTE_HEADERS, NoRoute, Route, Routing,
};
use mote::random::Sequence;
use mote::rpl::wire::{Dao, DaoAck, Dio, Target, Transit, code};
use mote::rpl::{Config, Event, Mode, Rpl, RplContext};
use mote::status::Result;
use mote::time::Instant;

#[derive(Default)]
pub(crate) struct Sent(pub(crate) Vec<(Ip, u8, Vec<u8>)>);

impl ControlPlane for Sent {
    fn send(&mut self, message: &ControlMessage<'_>) -> Result<()> {
        self.0.push((*message.destination, message.code, message.body.to_vec()));
        Ok(())
    }
}

/// An engine at address 1 and what it has sent.
pub(crate) struct Bench {
    pub(crate) rpl: Rpl<'static>,
    pub(crate) now: u64,
    pub(crate) random: Sequence,
    pub(crate) sent: Sent,
}

pub(crate) fn link(index: usize) -> LinkAddress {
    LinkAddress::Short(index as u16 + 1)
}

impl Bench {
    pub(crate) fn new(config: &Config) -> Bench {
        let memory = Box::leak(vec![0u8; Rpl::plan(config).bytes()].into_boxed_slice());
        let rpl = Rpl::new(memory, config, &link(1).link_local()).unwrap();
        Bench { rpl, now: 1_000, random: Sequence(3), sent: Sent::default() }
    }

    pub(crate) fn with<T>(&mut self, call: impl FnOnce(&mut Rpl<'static>, &mut RplContext<'_>) -> T) -> T {
        let now = Instant(self.now);
        call(&mut self.rpl, &mut RplContext { now, transport: &mut self.sent, random: &mut self.random })
    }

    pub(crate) fn receive(&mut self, from: usize, code: u8, body: &[u8]) -> Option<Event> {
        let to = if code == code::DIO { mote::rpl::ALL_RPL_NODES } else { link(1).link_local() };
        self.with(|rpl, cx| rpl.receive(cx, &link(from).link_local(), &to, code, body))
    }

    /// Lets time pass, and gives back what was sent.
    pub(crate) fn run(&mut self, milliseconds: u64) -> Vec<(Ip, u8, Vec<u8>)> {
        let end = self.now + milliseconds;
        for rounds in 0.. {
            assert!(rounds < 100_000, "a deadline that does not move");
            while self.with(|rpl, cx| rpl.poll(cx)).is_some() {}
            let next = self.rpl.next_deadline().0;
            if next > end {
                break;
            }
            self.now = self.now.max(next);
        }
        self.now = end;
        std::mem::take(&mut self.sent.0)
    }

    /// Hears a DIO of the root's DODAG.
    pub(crate) fn hear(&mut self, from: usize, mode: Mode, rank: u16, version: u8) {
        let body = dio(mode, rank, version);
        self.receive(from, code::DIO, &body);
    }

    pub(crate) fn joined(mode: Mode) -> Bench {
        let mut bench = Bench::new(&Config::default());
        bench.hear(0, mode, 128, 240);
        bench.with(|rpl, cx| rpl.add_target(cx, &address(1), 128, false)).unwrap();
        bench.run(2_000);
        bench
    }

    pub(crate) fn route(
        &mut self,
        mut flow: Flow<'_>,
    ) -> (std::result::Result<(Ip, Encapsulation), NoRoute>, Vec<u8>) {
        let mut room = [0; MAX_ROUTE_HEADERS];
        let mut headers = Writer::new(&mut room);
        let mut route = Route::default();
        let outcome = self.rpl.route(&mut flow, &mut route, &mut headers);
        (outcome.map(|()| (route.next_hop, route.encapsulation)), headers.written().to_vec())
    }

    pub(crate) fn flow<'p>(&self, to: &'p Ip, from: Option<usize>, option: Option<&'p mut [u8]>) -> Flow<'p> {
        Flow {
            now: Instant(self.now),
            destination: to,
            from: from.map_or(LinkAddress::None, link),
            own: from.is_none(),
            hop_limit: 60,
            source_routed: false,
            rpl_option: option,
        }
    }
}

pub(crate) fn emitted(emit: impl FnOnce(&mut Writer<'_>) -> Result<()>) -> Vec<u8> {
    let mut buffer = [0; 300];
    let mut out = Writer::new(&mut buffer);
    emit(&mut out).unwrap();
    out.finish().to_vec()
}

pub(crate) fn dio(mode: Mode, rank: u16, version: u8) -> Vec<u8> {
    let root = root_config(0, mode);
    emitted(|out| {
        Dio {
            version,
            rank,
            grounded: true,
            mode: mode as u8,
            dtsn: 240,
            dodag_id: root.dodag_id,
            ..Dio::default()
        }
        .emit(out)?;
        root.configuration.emit(out)?;
        root.prefix.unwrap().emit(out)
    })
}

pub(crate) fn dao(
    sequence: u8,
    target: usize,
    path_sequence: u8,
    lifetime: u8,
    parent: Option<Ip>,
) -> Vec<u8> {
    emitted(|out| {
        Dao { acknowledge: true, sequence, ..Dao::default() }.emit(out)?;
        Target { prefix_len: 128, prefix: address(target) }.emit(out)?;
        Transit {
            path_control: 0x80,
            path_sequence,
            path_lifetime: lifetime,
            parent: parent.as_ref(),
            ..Transit::default()
        }
        .emit(out)
    })
}

/// The DTSN of the last DIO among what was sent.
pub(crate) fn last_dtsn(sent: &[(Ip, u8, Vec<u8>)]) -> Option<u8> {
    sent.iter().rev().find(|(_, code, _)| *code == code::DIO).map(|(_, _, body)| body[5])
}

/// Acknowledges the DAOs among what was sent, in the name of their receivers; the statuses are
/// `status`.
pub(crate) fn acknowledge(bench: &mut Bench, sent: &[(Ip, u8, Vec<u8>)], status: u8) {
    for (to, _, body) in sent.iter().filter(|(_, code, body)| *code == code::DAO && body[1] & 0x80 != 0) {
        let ack = DaoAck { sequence: body[3], status, ..DaoAck::default() };
        let body = emitted(|out| ack.emit(out));
        let own = link(1).link_local();
        bench.with(|rpl, cx| rpl.receive(cx, to, &own, code::DAO_ACK, &body));
    }
}
