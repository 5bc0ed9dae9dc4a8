// SPDX-License-Identifier: MIT OR Apache-2.0
use super::srh::ROUTING_TYPE;
use super::*;
use crate::address::Ip;
use crate::bytes::{Reader, Writer};
use crate::status::Error;
use proptest::prelude::*;

fn bytes(emit: impl Fn(&mut Writer<'_>) -> Result<()>) -> Vec<u8> {
    let mut buffer = [0; 2100];
    let mut out = Writer::new(&mut buffer);
    emit(&mut out).unwrap();
    out.finish().to_vec()
}

fn ip() -> impl Strategy<Value = Ip> {
    any::<[u8; 16]>().prop_map(Ip)
}

fn prefix() -> impl Strategy<Value = (u8, Ip)> {
    (0u8..=128, ip()).prop_map(|(length, address)| (length, option::Target::new(&address, length).prefix))
}

fn control_option() -> impl Strategy<Value = ControlOption<'static>> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    prop_oneof![
        Just(ControlOption::Pad1),
        (0u8..=5).prop_map(ControlOption::PadN),
        Just(ControlOption::MetricContainer(&[7, 0, 0, 2, 1, 0])),
        (prefix(), 0u8..4, any::<u32>()).prop_map(|((prefix_len, prefix), preference, lifetime)| {
            ControlOption::RouteInformation(RouteInformation { prefix_len, preference, lifetime, prefix })
        }),
        (any::<[u8; 9]>(), flags).prop_map(|(b, (rpi_0x23, authenticated, compressed))| {
            ControlOption::Configuration(Configuration {
                rpi_0x23,
                compressed,
                unassigned: b[8] & 0xc0,
                authenticated,
                path_control_size: b[0] & 7,
                interval_doublings: b[1],
                interval_min: b[2],
                redundancy: b[3],
                max_rank_increase: u16::from_be_bytes([b[4], b[5]]),
                min_hop_rank_increase: u16::from_be_bytes([b[5], b[6]]),
                ocp: u16::from_be_bytes([b[6], b[7]]),
                default_lifetime: b[7],
                lifetime_unit: u16::from_be_bytes([b[7], b[8]]),
            })
        }),
        prefix().prop_map(|(prefix_len, prefix)| { ControlOption::Target(Target { prefix_len, prefix }) }),
        (any::<bool>(), any::<[u8; 3]>(), proptest::option::of(ip())).prop_map(|(external, b, parent)| {
            ControlOption::Transit(Transit {
                external,
                path_control: b[0],
                path_sequence: b[1],
                path_lifetime: b[2],
                parent: parent.map(|ip| &*Box::leak(Box::new(ip))),
            })
        }),
        (proptest::option::of(any::<u8>()), proptest::option::of(ip()), proptest::option::of(any::<u8>()))
            .prop_map(|(instance, dodag_id, version)| {
                ControlOption::SolicitedInformation(SolicitedInformation { instance, dodag_id, version })
            }),
        (0u8..=128, flags, any::<(u32, u32)>(), ip()).prop_map(|(prefix_len, (l, a, r), times, prefix)| {
            ControlOption::PrefixInformation(PrefixInformation {
                prefix_len,
                on_link: l,
                autonomous: a,
                router_address: r,
                valid_lifetime: times.0,
                preferred_lifetime: times.1,
                prefix,
            })
        }),
        any::<u32>().prop_map(ControlOption::TargetDescriptor),
        Just(ControlOption::Unknown(77, &[1, 2, 3])),
    ]
}

proptest! {
    #[test]
    fn options_survive_the_wire(options in proptest::collection::vec(control_option(), 0..8)) {
        let wire = bytes(|out| options.iter().try_for_each(|option| option.emit(out)));
        let length: usize = options.iter().map(ControlOption::encoded_len).sum();
        prop_assert_eq!(wire.len(), length);
        let parsed: Result<Vec<_>> = Options::new(&wire).collect();
        prop_assert_eq!(parsed.unwrap(), options);
    }

    #[test]
    fn base_objects_survive_the_wire(b: [u8; 7], id in ip(), flags: (bool, bool)) {
        let dio = Dio {
            instance: b[0],
            version: b[1],
            rank: u16::from_be_bytes([b[2], b[3]]),
            grounded: flags.0,
            mode: b[4] & 7,
            preference: b[5] & 7,
            dtsn: b[6],
            dodag_id: id,
        };
        prop_assert_eq!(Dio::parse(&bytes(|out| dio.emit(out))).unwrap().0, dio);
        let dodag_id = flags.1.then_some(&id);
        let dao = Dao { instance: b[0], acknowledge: flags.0, sequence: b[1], dodag_id };
        let wire = bytes(|out| dao.emit(out));
        prop_assert_eq!(wire.len(), dao.encoded_len());
        prop_assert_eq!(Dao::parse(&wire).unwrap().0, dao);
        let ack = DaoAck { instance: b[0], sequence: b[1], status: b[2], dodag_id };
        let wire = bytes(|out| ack.emit(out));
        prop_assert_eq!(wire.len(), ack.encoded_len());
        prop_assert_eq!(DaoAck::parse(&wire).unwrap().0, ack);
        let check = ConsistencyCheck {
            instance: b[0],
            response: flags.0,
            nonce: u16::from_be_bytes([b[1], b[2]]),
            dodag_id: id,
            destination_counter: u32::from_be_bytes([b[3], b[4], b[5], b[6]]),
        };
        let wire = bytes(|out| check.emit(out));
        prop_assert_eq!(wire.len(), ConsistencyCheck::LEN);
        prop_assert_eq!(ConsistencyCheck::parse(&mut Reader::new(&wire)).unwrap(), check);
    }

    #[test]
    fn security_sections_survive_the_wire(time: bool, key_mode in 0u8..4, level in 0u8..8, rest: [u8; 14]) {
        let mut reader = Reader::new(&rest);
        let (algorithm, counter) = (reader.u8().unwrap(), reader.u32().unwrap());
        let (source, index) = match (key_mode, level & 1) {
            (0, _) => (false, true),
            (1, _) | (3, 0) => (false, false),
            _ => (true, true),
        };
        let key_source = source.then(|| reader.array().unwrap());
        let key_index = index.then(|| reader.u8().unwrap());
        let security = Security { time, algorithm, key_mode, level, counter, key_source, key_index };
        let wire = bytes(|out| security.emit(out));
        prop_assert_eq!(wire.len(), security.encoded_len());
        prop_assert_eq!(Security::parse(&mut Reader::new(&wire)).unwrap(), security);
    }

    #[test]
    fn metric_objects_survive_the_wire(flags: [bool; 4], aggregation in 0u8..8, precedence in 0u8..16, value: u32, pick in 0u8..6) {
        let metric = match pick {
            0 => Metric::NodeEnergy { included: flags[0], supply: 2, estimate: flags[1].then_some(80) },
            1 => Metric::HopCount(value as u8),
            2 => Metric::Latency(value),
            3 => Metric::LinkQuality(&[0x21, 0x43]),
            4 => Metric::Etx(value as u16),
            _ => Metric::Other(8, &[1, 2, 3, 4]),
        };
        let [partial, constraint, optional, recorded] = flags;
        let object = MetricObject { partial, constraint, optional, recorded, aggregation, precedence, metric };
        let wire = bytes(|out| object.emit(out)).repeat(2);
        prop_assert_eq!(wire.len(), 2 * object.encoded_len());
        let parsed: Result<Vec<_>> = Metrics::new(&wire).collect();
        prop_assert_eq!(parsed.unwrap(), vec![object; 2]);
    }

    #[test]
    fn the_path_that_a_container_tells_of_is_read_as_it_was_written(value: u32, latency: bool) {
        let metric = if latency { PathMetric::Latency } else { PathMetric::HopCount };
        let value = if latency { value.min(NO_VALUE - 1) } else { value & 0xff };
        let written = bytes(|out| PathCost { metric: metric as u8, value }.emit(out));
        let mut options = Options::new(&written);
        let Some(Ok(ControlOption::MetricContainer(data))) = options.next() else { panic!() };
        prop_assert!(options.next().is_none());
        let object = Metrics::new(data).next().unwrap().unwrap();
        let says = if latency { Metric::Latency(value) } else { Metric::HopCount(value as u8) };
        prop_assert_eq!(object, MetricObject::aggregated(says));
        let mut path = PathCost::NONE;
        path.read(data);
        prop_assert_eq!((path.metric, path.value), (metric as u8, value));
        prop_assert!(bytes(|out| PathCost::NONE.emit(out)).is_empty());
    }

    #[test]
    fn the_check_of_options_agrees_with_their_parser(mut bytes: Vec<u8>, kind in 0u8..11, bits: u8) {
        let check = |bytes: &[u8]| {
            let parsed: Result<Vec<_>> = Options::new(bytes).collect();
            (Options::new(bytes).checked().is_ok(), parsed.is_ok())
        };
        let (checked, parsed) = check(&bytes);
        prop_assert_eq!(checked, parsed);
        // One option of every kind, of this length.
        bytes.truncate(40);
        for at in [0, 1] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = bits;
            }
        }
        for length in 0..=bytes.len() {
            let mut option = vec![kind, length as u8];
            option.extend_from_slice(&bytes[..length]);
            let (checked, parsed) = check(&option);
            prop_assert_eq!(checked, parsed, "{:?}", option);
        }
    }

    #[test]
    fn arbitrary_bytes_are_parsed_or_refused(code: u8, body: Vec<u8>, own in ip()) {
        if let Ok(Message::Dio(_, options) | Message::Dao(_, options) | Message::DaoAck(_, options)) =
            Message::parse(code & 3, &body)
        {
            for option in options {
                if let Ok(ControlOption::MetricContainer(data)) = option {
                    let _ = Metrics::new(data).count();
                }
            }
        }
        let _ = Message::parse(code, &body);
        let _ = PacketInformation::parse(&body);
        let _ = Security::parse(&mut Reader::new(&body));
        let mut header = body.clone();
        if let Some(kind) = header.get_mut(2) {
            *kind = ROUTING_TYPE;
        }
        let mut destination = own;
        let _ = advance(&mut header, &mut destination, &|address| *address == own);
    }

    #[test]
    fn a_source_route_visits_every_address_in_turn(
        tails in proptest::collection::vec(any::<u16>(), 1..40),
        compressed in 0u8..15,
        compressed_last in 0u8..15,
        first: [u8; 14],
    ) {
        let hop = |tail: usize| {
            let mut address = [0; 16];
            address[..14].copy_from_slice(&first);
            address[0] = 0xfd;
            address[14..].copy_from_slice(&(tail as u16).to_be_bytes());
            Ip(address)
        };
        let count = tails.len() as u8;
        let shape = Shape { compressed: compressed.min(14), compressed_last, count };
        let mut header = bytes(|out| {
            let pad = shape.emit(58, count, out)?;
            for index in 1..=tails.len() {
                let elided = if index == tails.len() { compressed_last } else { compressed };
                out.put(&hop(index).0[usize::from(elided)..])?;
            }
            out.reserve(usize::from(pad)).map(|_| ())
        });
        prop_assert_eq!(header.len() % 8, 0);
        prop_assert_eq!(header.len(), shape.encoded_len().unwrap());
        let view = SourceRoute::parse(&header).unwrap();
        prop_assert_eq!(view.shape, shape);
        let listed: Vec<_> = view.addresses(&hop(0)).collect();
        let wanted: Vec<_> = (1..=tails.len()).map(hop).collect();
        prop_assert_eq!(listed, wanted);
        let mut destination = hop(0);
        for index in 1..=tails.len() {
            let own = destination;
            prop_assert_eq!(advance(&mut header, &mut destination, &|address| *address == own), Ok(true));
            prop_assert_eq!(destination, hop(index));
        }
        let own = destination;
        prop_assert_eq!(advance(&mut header, &mut destination, &|address| *address == own), Ok(false));
        // What remains is the trail: every hop that was visited.
        let trail: Vec<_> = SourceRoute::parse(&header).unwrap().addresses(&destination).collect();
        let visited: Vec<_> = (0..tails.len()).map(hop).collect();
        prop_assert_eq!(trail, visited);
    }
}

#[test]
fn a_dio_has_the_bits_of_figure_14() {
    let dio = Dio {
        instance: 30,
        version: 240,
        rank: 256,
        grounded: true,
        mode: 2,
        preference: 5,
        dtsn: 241,
        dodag_id: Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 1]),
    };
    let wire = bytes(|out| dio.emit(out));
    assert_eq!(wire[..8], [30, 240, 1, 0, 0x95, 241, 0, 0]);
    assert_eq!(wire.len(), Dio::LEN);
    // Reserved bits are ignored.
    let mut noisy = wire.clone();
    noisy[4] |= 0x40;
    noisy[6] = 0xff;
    assert_eq!(Dio::parse(&noisy).unwrap().0, dio);
}

#[test]
fn a_configuration_has_the_bits_of_figure_24() {
    let configuration = Configuration { rpi_0x23: true, path_control_size: 3, ..Configuration::default() };
    let wire = bytes(|out| configuration.emit(out));
    assert_eq!(wire, [4, 14, 0x13, 8, 12, 10, 4, 0, 0, 128, 0, 1, 0, 30, 0, 60]);
    assert_eq!(wire.len(), Configuration::LEN);
}

#[test]
fn a_dao_of_storing_mode_has_no_parent_and_one_of_non_storing_mode_has() {
    let transit = Transit { path_control: 0x80, path_sequence: 240, path_lifetime: 30, ..Transit::default() };
    assert_eq!(bytes(|out| transit.emit(out)), [6, 4, 0, 0x80, 240, 30]);
    let target = Target { prefix_len: 60, prefix: Ip::v6([0xfd00, 0, 0, 0x10, 0, 0, 0, 0]) };
    assert_eq!(bytes(|out| target.emit(out)), [5, 10, 0, 60, 0xfd, 0, 0, 0, 0, 0, 0, 0x10]);
    let parent = Some(&Ip::LOOPBACK);
    assert_eq!(bytes(|out| Transit { parent, ..transit }.emit(out)).len(), 22);
}

#[test]
fn prefix_bits_behind_the_length_are_ignored() {
    let wire = [5, 3, 0, 4, 0xff];
    let mut options = Options::new(&wire);
    let prefix = Ip::v6([0xf000, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(options.next(), Some(Ok(ControlOption::Target(Target { prefix_len: 4, prefix }))));
}

#[test]
fn secured_messages_are_recognised_and_refused() {
    for secured in [0x80, 0x81, 0x82, 0x83, code::CONSISTENCY_CHECK] {
        assert_eq!(Message::parse(secured, &[0; 40]), Err(Error::Security));
    }
    assert_eq!(Message::parse(0x55, &[0; 40]), Err(Error::Unsupported));
}

/// CVE-2022-35927 (Contiki-NG): a prefix length over 128 in a DIO.
#[test]
fn attack_cve_2022_35927_prefix_length_over_128() {
    for length in [129, 200, 255] {
        let mut body = vec![0; Dio::LEN];
        body.extend_from_slice(&[8, 30, length]);
        body.resize(Dio::LEN + 32, 0);
        assert_eq!(Message::parse(code::DIO, &body), Err(Error::Malformed));
        let mut body = vec![0; Dio::LEN];
        body.extend_from_slice(&[3, 22, length]);
        body.resize(Dio::LEN + 24, 0);
        assert_eq!(Message::parse(code::DIO, &body), Err(Error::Malformed));
        let mut body = vec![0; 4];
        body.extend_from_slice(&[5, 34, 0, length]);
        body.resize(40, 0);
        assert_eq!(Message::parse(code::DAO, &body), Err(Error::Malformed));
    }
}

/// Siblings: an option that promises more than there is, a fixed length that is not met.
#[test]
fn attack_options_cut_short_or_of_wrong_length() {
    for options in
        [&[1u8][..], &[4, 14, 0], &[5, 2, 0, 64], &[6, 3, 0, 0, 0], &[7, 18], &[6, 5, 0, 0, 0, 0, 0]]
    {
        let mut body = vec![0; Dio::LEN];
        body.extend_from_slice(options);
        assert_eq!(Message::parse(code::DIO, &body), Err(Error::Malformed), "{options:?}");
    }
    assert_eq!(Message::parse(code::DIO, &[0; Dio::LEN - 1]), Err(Error::Malformed));
    assert_eq!(Message::parse(code::DAO, &[0, 0x40, 0, 0]), Err(Error::Malformed));
}

fn route(addresses: &[u16], left: u8) -> Vec<u8> {
    let count = addresses.len() as u8;
    bytes(|out| {
        let pad = Shape { compressed: 14, compressed_last: 14, count }.emit(58, left, out)?;
        addresses.iter().try_for_each(|address| out.u16(*address))?;
        out.reserve(usize::from(pad)).map(|_| ())
    })
}

#[test]
fn a_source_route_that_breaks_the_rules_is_refused_and_left_as_it_was() {
    let me = Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 1]);
    let own = |address: &Ip| *address == me || *address == Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 0xa1]);
    let try_it = |mut header: Vec<u8>| {
        let (before, mut destination) = (header.clone(), me);
        let outcome = advance(&mut header, &mut destination, &own);
        if outcome != Ok(true) {
            assert_eq!((header, destination), (before, me));
        }
        outcome
    };
    assert_eq!(try_it(route(&[2, 3], 2)), Ok(true));
    // Segments Left beyond the number of addresses: the pointer is to that field.
    assert_eq!(try_it(route(&[2, 3], 3)), Err(Refusal::ParameterProblem(3)));
    // Our addresses twice with another between.
    assert_eq!(try_it(route(&[1, 3, 0xa1], 3)), Err(Refusal::ParameterProblem(8)));
    // Side by side they are no loop.
    assert_eq!(try_it(route(&[0xa1, 1, 3], 3)), Ok(true));
    // Full addresses, the next of which is a group.
    let mut group =
        bytes(|out| Shape { compressed: 0, compressed_last: 0, count: 1 }.emit(58, 1, out).map(|_| ()));
    group.extend_from_slice(&Ip::v6([0xff02, 0, 0, 0, 0, 0, 0, 1]).0);
    assert_eq!(try_it(group), Err(Refusal::Drop));
    // Padding that does not fit the length, and padding without compression.
    let mut header = route(&[2, 3], 2);
    header[5] = 0x30;
    assert_eq!(try_it(header), Err(Refusal::Drop));
    assert_eq!(try_it(vec![58, 0, 3, 1, 0, 0, 0, 0]), Err(Refusal::Drop));
    assert_eq!(try_it(vec![58, 2, 3, 1, 0, 0x80, 0, 0]), Err(Refusal::Drop));
    assert_eq!(try_it(vec![58, 200, 3, 1, 0xee, 0, 0, 0]), Err(Refusal::Drop));
}

#[test]
fn an_rpl_option_has_the_bits_of_rfc_6553() {
    let info = PacketInformation {
        down: true,
        rank_error: true,
        forwarding_error: true,
        instance: 7,
        sender_rank: 0x0102,
    };
    assert_eq!(bytes(|out| info.emit(PacketInformation::TYPE, out)), [0x63, 4, 0xe0, 7, 1, 2]);
    assert_eq!(PacketInformation::parse(&info.data()), Ok(info));
    let mut with_tlv = [0, 0, 0, 0, 9, 9];
    info.update(&mut with_tlv).unwrap();
    assert_eq!(with_tlv, [0xe0, 7, 1, 2, 9, 9]);
    assert_eq!(PacketInformation::parse(&[0, 0, 0]), Err(Error::Malformed));
}
