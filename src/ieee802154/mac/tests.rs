// SPDX-License-Identifier: MIT OR Apache-2.0
//! The MAC over a radio that does what the test says.

use super::*;
use crate::ieee802154::control::Version;
use crate::ieee802154::pool::Block;
use crate::ieee802154::wire::{Frame, Header, immediate_ack};
use crate::memory::Plan;
use crate::random::Random;
use crate::transport::Radio;

const OWN: [u8; 8] = [2, 0, 0, 0, 0, 0, 0, 1];
const PEER: LinkAddress = LinkAddress::Extended([2, 0, 0, 0, 0, 0, 0, 2]);
const PAN: u16 = 0xabcd;

/// Always the greatest number.
struct Most;

impl Random for Most {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0xff);
    }
}

#[derive(Default)]
struct Script {
    capabilities: RadioCapabilities,
    busy: bool,
    now: u64,
    /// When somebody looked whether the channel is clear.
    looks: Vec<u64>,
    sent: Vec<Vec<u8>>,
}

impl Radio for Script {
    fn capabilities(&self) -> RadioCapabilities {
        self.capabilities
    }

    fn transmit(&mut self, frame: &[u8]) -> Result<()> {
        self.sent.push(frame.to_vec());
        Ok(())
    }

    fn channel_is_clear(&mut self) -> bool {
        self.looks.push(self.now);
        !self.busy
    }

    fn set_addresses(&mut self, _: &RadioAddresses) -> Result<()> {
        Ok(())
    }

    fn set_channel(&mut self, _: u8) -> Result<()> {
        Ok(())
    }

    fn enable(&mut self, _: bool) -> Result<()> {
        Ok(())
    }
}

struct Bench {
    mac: Mac<'static>,
    pool: Pool<'static>,
    radio: Script,
}

impl Bench {
    fn new(capabilities: RadioCapabilities, config: MacConfig) -> Bench {
        let config = MacConfig { extended: OWN, pan: PAN, ..config };
        let carve = |carver: &mut Carver<'_>| {
            Mac::new(carver, &config, 0);
        };
        let memory = vec![0; Plan::new().and(carve).bytes()].leak();
        Bench {
            mac: Mac::new(&mut Carver::new(memory), &config, 0),
            pool: Pool::new(vec![Block::default(); 8].leak()),
            radio: Script { capabilities, ..Script::default() },
        }
    }

    fn queue(&mut self, destination: LinkAddress, priority: Priority, tag: u8) {
        let draft = self.mac.begin(&mut self.pool, destination, priority).unwrap();
        let len = draft.header_len;
        self.mac.enqueue(&mut self.pool, draft, len, priority, tag).unwrap();
    }

    fn with<R>(
        &mut self,
        act: impl FnOnce(&mut Mac<'static>, &mut RadioContext<'_>, &mut Pool<'static>) -> R,
    ) -> R {
        let mut cx =
            RadioContext { now: Instant(self.radio.now), transport: &mut self.radio, random: &mut Most };
        act(&mut self.mac, &mut cx, &mut self.pool)
    }

    fn poll(&mut self) -> Option<Outcome> {
        self.with(|mac, cx, pool| mac.poll(cx, pool))
    }

    /// Goes on by itself for so many milliseconds, or until a frame has ended.
    fn run(&mut self, ms: u64) -> Option<Outcome> {
        let end = self.radio.now + ms;
        loop {
            let outcome = self.poll();
            let next = self.mac.next_deadline();
            if outcome.is_some() {
                return outcome;
            }
            if next > Instant(end) {
                self.radio.now = end;
                return None;
            }
            self.radio.now = self.radio.now.max(next.0);
        }
    }

    fn transmitted(&mut self, status: TransmitStatus) {
        self.with(|mac, cx, pool| mac.transmitted(cx, pool, status, 1));
    }

    fn hear(&mut self, frame: &[u8]) -> bool {
        let mut fields = Fields::default();
        self.with(|mac, cx, pool| mac.receive(cx, pool, frame, 255, -60, &mut fields).is_some())
    }

    fn hear_header(&mut self, header: Header) -> bool {
        let mut buffer = [0; 64];
        let mut out = Writer::new(&mut buffer);
        Frame { header, payload: &[1], ..Frame::default() }.emit(&mut out).unwrap();
        self.hear(out.written())
    }
}

/// 2015 §6.2.5.1: each look at the channel after one period more, up to macMaxBE; macMaxCSMABackoffs looks more.
#[test]
fn a_busy_channel_is_looked_at_ever_later_and_then_given_up() {
    let config = MacConfig { max_frame_retries: 0, ..MacConfig::default() };
    let mut bench = Bench::new(RadioCapabilities(0), config);
    bench.radio.busy = true;
    bench.queue(PEER, Priority::Normal, 1);
    let outcome = bench.run(1000).unwrap();
    assert_eq!((outcome.tag, outcome.result), (1, Err(Error::WouldBlock)));
    // At most 7, 15, then 31 periods of 320 µs, rounded up.
    assert_eq!(bench.radio.looks, [3, 8, 18, 28, 38]);
    assert!(bench.radio.sent.is_empty());
}

/// 2015 §6.7.4.2: by its sequence number, while one is waited for.
#[test]
fn an_acknowledgement_of_another_frame_ends_nothing() {
    let mut bench = Bench::new(RadioCapabilities(0), MacConfig::default());
    bench.queue(PEER, Priority::Normal, 1);
    assert_eq!(bench.run(10), None);
    let number = bench.radio.sent[0][2];
    bench.transmitted(TransmitStatus::Sent);
    bench.hear(&immediate_ack(number.wrapping_add(1), false));
    assert_eq!(bench.poll(), None);
    bench.hear(&immediate_ack(number, false));
    assert_eq!(bench.poll(), Some(Outcome { tag: 1, destination: PEER, result: Ok(()) }));
    bench.hear(&immediate_ack(number, false));
    assert_eq!((bench.poll(), bench.pool.free()), (None, 8));
}

/// Its end is told like that of any transmission.
#[test]
fn an_acknowledgement_under_way_neither_ends_a_frame_nor_is_disturbed() {
    for capabilities in [RadioCapabilities(0), RadioCapabilities::CSMA] {
        let mut bench = Bench::new(capabilities, MacConfig::default());
        let header = Header::data(PAN, LinkAddress::Extended(OWN), PEER, 9);
        assert!(bench.hear_header(header));
        assert_eq!(bench.radio.sent, [immediate_ack(9, false)]);
        // Nothing goes out before its end.
        bench.queue(PEER, Priority::Normal, 1);
        bench.mac.config.min_be = 0;
        assert_eq!(bench.run(0), None);
        assert_eq!(bench.radio.sent.len(), 1);
        bench.transmitted(TransmitStatus::Sent);
        assert_eq!(bench.run(20), None);
        assert_eq!(bench.radio.sent.len(), 2);
        // A radio that looks at the channel itself may still hear while a frame of ours waits.
        assert!(bench.hear_header(Header { sequence: Some(10), ..header }));
        bench.transmitted(TransmitStatus::Sent);
        assert_eq!(bench.mac.stats().transmissions, 0);
        bench.transmitted(TransmitStatus::Sent);
        assert_eq!(bench.mac.stats().transmissions, 1);
    }
}

/// 2015 §6.6.2: the third level of filtering.
#[test]
fn only_frames_for_us_in_our_pan_are_taken() {
    let mut bench = Bench::new(RadioCapabilities::ACK, MacConfig::default());
    let own = LinkAddress::Extended(OWN);
    let mut number = 0;
    let mut take = |header: Header| {
        number += 1;
        bench.hear_header(Header { sequence: Some(number), ..header })
    };
    for (pan, destination, taken) in [
        (PAN, own, true),
        (BROADCAST_PAN, own, true),
        (PAN, LinkAddress::BROADCAST, true),
        (PAN ^ 1, own, false),
        (PAN ^ 1, LinkAddress::BROADCAST, false),
        (PAN, PEER, false),
        // Nobody's, though it is what stands where our own short address would.
        (PAN, LinkAddress::Short(0xfffe), false),
    ] {
        assert_eq!(take(Header::data(pan, destination, PEER, 0)), taken, "{pan:#x} {destination:?}");
    }
    // Without a destination, beacons alone, and those of our PAN.
    let alone = Header {
        version: Version::V2006,
        pan_id_compression: false,
        source_pan: Some(PAN),
        source: PEER,
        ..Header::default()
    };
    let beacon = Header { frame_type: FrameType::Beacon, ..alone };
    assert!(take(beacon) && !take(alone));
    assert!(!take(Header { source_pan: Some(PAN ^ 1), ..beacon }));
    assert_eq!(bench.mac.stats().filtered, 6);
}

#[test]
fn control_goes_before_what_waits_already_and_each_in_its_order() {
    let mut bench = Bench::new(RadioCapabilities::ACK.with(RadioCapabilities::CSMA), MacConfig::default());
    for (tag, priority) in
        [(1, Priority::Normal), (2, Priority::Normal), (3, Priority::Control), (4, Priority::Control)]
    {
        bench.queue(PEER, priority, tag);
    }
    let order = [(); 4].map(|()| {
        assert_eq!(bench.run(0), None);
        bench.transmitted(TransmitStatus::Sent);
        bench.poll().unwrap().tag
    });
    assert_eq!(order, [3, 4, 1, 2]);
}

#[test]
fn a_radio_that_never_says_that_it_has_sent_has_failed() {
    let mut bench = Bench::new(RadioCapabilities::ACK.with(RadioCapabilities::CSMA), MacConfig::default());
    bench.queue(PEER, Priority::Normal, 1);
    assert_eq!(bench.run(STUCK - 1), None);
    assert_eq!(bench.run(1).unwrap().result, Err(Error::Io));
    assert_eq!((bench.mac.stats().radio_failed, bench.pool.free()), (1, 8));
}
