//! What messages mean, on made ones.

mod agents;
mod budget;
mod counts;
mod initiator;
mod reboots;
mod reconfigure;
mod semantics;
mod succession;
mod values;

use std::net::{IpAddr, SocketAddr};

use sensor_core::flow::{
    batch::{Addresses, FlowBatch},
    columns::Column,
    device::Action,
    fields::{Row, Value, find},
    interfaces::Interfaces,
};

use super::{Decoder, Options};
use crate::{
    batches::Batches, device::profile::DeviceProfile, ledger::Skipped, template::elements,
};

const NOW: u64 = 1_700_000_000_000;
const SECONDS: u32 = 1_700_000_000;

/// A decoder, and the flows so far.
#[derive(Default)]
struct Bench {
    decoder: Decoder,
    batches: Batches,
}

impl Bench {
    fn feed(&mut self, port: u16, octets: &[u8]) {
        let from = SocketAddr::from(([192, 0, 2, 1], port));
        self.decoder.datagram(from, NOW, octets, &mut self.batches);
        let ledger = self.decoder.ledger();
        assert_eq!(ledger.octets, ledger.accounted(), "{ledger:#?}");
    }

    fn v4(&mut self) -> &FlowBatch {
        self.batches.last()[0]
    }

    fn ports(&mut self) -> Vec<(u16, u16)> {
        let batch = self.v4();
        batch.source_port.iter().copied().zip(batch.destination_port.iter().copied()).collect()
    }
}

/// Fields as (enterprise, element, length).
type Fields<'a> = &'a [(u32, u16, u16)];

fn specifiers(fields: Fields<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    for (enterprise, element, length) in fields {
        let bit = if *enterprise == 0 { 0 } else { 0x8000 };
        octets.extend((element | bit).to_be_bytes());
        octets.extend(length.to_be_bytes());
        if *enterprise != 0 {
            octets.extend(enterprise.to_be_bytes());
        }
    }
    octets
}

fn template(id: u16, fields: Fields<'_>) -> Vec<u8> {
    let mut octets = [id.to_be_bytes(), (fields.len() as u16).to_be_bytes()].concat();
    octets.extend(specifiers(fields));
    octets
}

fn options_template(id: u16, scopes: u16, fields: Fields<'_>) -> Vec<u8> {
    let counts = [id, fields.len() as u16, scopes].map(u16::to_be_bytes);
    let mut octets = counts.concat();
    octets.extend(specifiers(fields));
    octets
}

fn sets(octets: &mut Vec<u8>, sets: &[(u16, &[u8])]) {
    for (id, body) in sets {
        octets.extend(id.to_be_bytes());
        octets.extend((body.len() as u16 + 4).to_be_bytes());
        octets.extend(*body);
    }
}

fn ipfix(domain: u32, contents: &[(u16, &[u8])]) -> Vec<u8> {
    let mut octets = vec![0, 10, 0, 0];
    for word in [SECONDS, 0, domain] {
        octets.extend(word.to_be_bytes());
    }
    sets(&mut octets, contents);
    let length = octets.len() as u16;
    octets[2..4].copy_from_slice(&length.to_be_bytes());
    octets
}

fn netflow9(uptime: u32, contents: &[(u16, &[u8])]) -> Vec<u8> {
    let mut octets = vec![0, 9, 0, 1];
    for word in [uptime, SECONDS, 0, 7] {
        octets.extend(word.to_be_bytes());
    }
    sets(&mut octets, contents);
    octets
}

const FLOW: Fields<'_> = &[(0, 8, 4), (0, 12, 4), (0, 7, 2), (0, 11, 2)];
const RECORD: &[u8] = &[10, 0, 0, 1, 10, 0, 0, 2, 0, 80, 4, 0];

#[test]
fn data_wait_for_their_template() {
    let mut bench = Bench::default();
    bench.feed(1, &ipfix(1, &[(256, RECORD)]));
    assert_eq!((bench.batches.rows(), bench.decoder.ledger().waiting), (0, 12));
    bench.feed(1, &ipfix(2, &[(2, &template(256, FLOW))]));
    assert_eq!(bench.batches.rows(), 0, "another domain");
    bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW))]));
    assert_eq!(bench.ports(), [(80, 1024)]);
    assert_eq!(bench.decoder.ledger().waiting, 0);
}

#[test]
fn a_template_may_change_and_be_withdrawn() {
    let mut bench = Bench::default();
    let turned: Fields<'_> = &[(0, 12, 4), (0, 8, 4), (0, 11, 2), (0, 7, 2)];
    bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW)), (256, RECORD)]));
    bench.feed(1, &ipfix(1, &[(2, &template(256, turned)), (256, RECORD)]));
    assert_eq!(bench.ports(), [(80, 1024), (1024, 80)]);
    bench.feed(1, &ipfix(1, &[(2, &[1, 0, 0, 0]), (256, RECORD)]));
    assert_eq!((bench.batches.rows(), bench.decoder.ledger().waiting), (2, 12));
}

#[test]
fn an_ipv4_mapped_device_is_the_ipv4_device() {
    let mut bench = Bench::default();
    bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW))]));
    let mapped: SocketAddr = "[::ffff:192.0.2.1]:1".parse().unwrap();
    bench.decoder.datagram(mapped, NOW, &ipfix(1, &[(256, RECORD)]), &mut bench.batches);
    assert_eq!(bench.batches.rows(), 1);
    assert_eq!(bench.decoder.directory().devices().count(), 1);
}

#[test]
fn fields_of_variable_length_may_be_empty() {
    let mut bench = Bench::default();
    let fields: Fields<'_> = &[(0, 8, 4), (9, 1, 0xffff), (0, 12, 4), (0, 82, 0xffff), (0, 7, 2)];
    let mut data = vec![10, 0, 0, 1, 0, 10, 0, 0, 2, 0, 0, 80];
    data.extend([10, 0, 0, 3, 2, b'a', b'b', 10, 0, 0, 4, 255, 0, 1, b'c', 0, 81]);
    // Padding that is shorter than any record.
    data.extend([0, 0, 0]);
    bench.feed(1, &ipfix(1, &[(2, &template(256, fields)), (256, &data)]));
    assert_eq!(bench.v4().source_port, [80, 81]);
    assert_eq!(bench.decoder.ledger().padding, 3);
}

#[test]
fn a_biflow_is_two_flows() {
    let mut bench = Bench::default();
    let reverse = elements::REVERSE;
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 10, 4), (0, 14, 4), (0, 1, 4), (reverse, 1, 4), (reverse, 6, 1), (0, 6, 1)]);
    let mut data = RECORD.to_vec();
    data.extend([0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 100, 0, 0, 0, 50, 0x12, 0x02]);
    let mut one_way = data.clone();
    one_way[27] = 0;
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &data), (256, &one_way)]));
    let batch = bench.v4();
    assert_eq!(batch.octets, [100, 50, 100]);
    assert_eq!(batch.source_port, [80, 1024, 80]);
    assert_eq!(batch.interface, [3, 4, 3]);
    assert_eq!(batch.output_interface, [4, 3, 4]);
    assert_eq!(batch.tcp_flags, [0x02, 0x12, 0x02]);
    let Addresses::V4 { source, .. } = &batch.addresses else { panic!("IPv4") };
    assert_eq!(source, &[0x0a00_0001, 0x0a00_0002, 0x0a00_0001]);
    assert_eq!(bench.decoder.ledger().data_records, 2);
}

#[test]
fn a_firewall_counts_each_packet_once() {
    let mut bench = Bench::default();
    let mut counted = FLOW.to_vec();
    counted.extend([(0, 233, 1), (0, 231, 4), (0, 232, 4)]);
    let mut bare = FLOW.to_vec();
    bare.push((0, 233, 1));
    let with = |event: u8, counts: &[u8]| [RECORD, &[event], counts].concat();
    let data = [
        with(5, &[0, 0, 0, 10, 0, 0, 0, 20]),
        // The end repeats the sum.
        with(2, &[0, 0, 0, 10, 0, 0, 0, 20]),
    ]
    .concat();
    let templates = [template(256, &counted), template(257, &bare)].concat();
    let events = [with(1, &[]), with(3, &[])].concat();
    bench.feed(1, &netflow9(0, &[(0, &templates), (256, &data)]));
    let (accepted, rejected) = (Action::Accepted as u8, Action::Rejected as u8);
    // Who is counted as initiator is known; that a flow was denied says nothing, nor how much it was.
    let batch = bench.v4();
    assert_eq!((&batch.octets[..], &batch.initiator[..]), (&[10, 20][..], &[1, 2][..]));
    assert_eq!(batch.action, [accepted, accepted]);
    bench.feed(1, &netflow9(0, &[(257, &events)]));
    let batch = bench.v4();
    assert_eq!((batch.tells(Column::Octets, 0), batch.initiator.len()), (false, 0));
    assert_eq!(batch.action, [rejected]);
    assert_eq!(bench.decoder.ledger().skipped[Skipped::Event], 21 + 13);
}

#[test]
fn uptimes_wrap() {
    let mut bench = Bench::default();
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 22, 4), (0, 21, 4)]);
    let mut data = RECORD.to_vec();
    data.extend((u32::MAX - 999).to_be_bytes());
    data.extend(500_u32.to_be_bytes());
    bench.feed(1, &netflow9(1000, &[(0, &template(256, &fields)), (256, &data)]));
    assert_eq!(bench.v4().start, [NOW - 2000]);
    assert_eq!(bench.v4().end, [NOW - 500]);
}

#[test]
fn rates_come_from_options_of_any_domain() {
    let mut bench = Bench::default();
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 48, 1), (0, 10, 2)]);
    let flow = |sampler: u8, input: u8| [RECORD, &[sampler, 0, input]].concat();
    let flows = [flow(1, 1), flow(2, 1), flow(0, 9), flow(0, 1)].concat();
    let samplers = options_template(300, 1, &[(0, 144, 4), (0, 48, 1), (0, 50, 4)]);
    let told = [[0, 0, 0, 1, 1, 0, 0, 0, 100], [0, 0, 0, 1, 2, 0, 0, 0, 200]].concat();
    let interfaces = options_template(301, 1, &[(0, 10, 4), (0, 305, 4), (0, 306, 4)]);
    let ninth = [0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 49];
    bench.feed(1, &ipfix(8, &[(3, &samplers), (300, &told), (3, &interfaces), (301, &ninth)]));
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &flows)]));
    assert_eq!(bench.v4().sample_rate, [100, 200, 50, 0]);
    assert_eq!(bench.decoder.ledger().rows_without_rate, 1);
    assert_eq!(bench.decoder.ledger().options_records, 3);
    // Domains that disagree.
    let other = [[0, 0, 0, 1, 1, 0, 0, 0, 7]].concat();
    bench.feed(1, &ipfix(9, &[(3, &samplers), (300, &other)]));
    bench.feed(1, &ipfix(1, &[(256, &flow(1, 1))]));
    assert_eq!(bench.v4().sample_rate[4], 0);
}

#[test]
fn a_configured_rate_goes_first_and_scales() {
    let profile = |_: IpAddr| DeviceProfile {
        name: "edge".into(),
        site: "here".into(),
        sample_rate: Some(10),
        ..DeviceProfile::default()
    };
    let options = Options { profile: Box::new(profile), ..Options::default() };
    let mut bench = Bench { decoder: Decoder::new(options), ..Bench::default() };
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 34, 4), (0, 2, 4), (0, 1, 4)]);
    let data = [RECORD, &[0, 0, 0, 99, 0, 0, 0, 3, 0, 0, 0, 200]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &data)]));
    let batch = bench.batches.last()[0];
    let interfaces = Interfaces::default();
    let row = Row { batch, row: 0, interfaces: &interfaces };
    let read = |name| find(name).unwrap().value(row);
    assert_eq!(read("samplerate"), Value::Integer(10));
    assert_eq!(read("packets"), Value::Integer(3));
    assert_eq!(read("packetsxrate"), Value::Integer(30));
    assert_eq!(read("bitsxrate"), Value::Integer(16_000));
    assert_eq!(read("flowsrcname"), Value::Text("edge"));
    assert_eq!(read("flowsrcip"), Value::Ip("192.0.2.1".parse().unwrap()));
    assert_eq!(read("flowversion"), Value::Integer(10));
    assert_eq!(read("nexthop"), Value::Absent);
}

#[test]
fn names_come_from_options() {
    let mut bench = Bench::default();
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 10, 4), (0, 14, 4), (0, 95, 4), (0, 234, 4)]);
    let flow = [RECORD, &[0, 0, 0, 3, 0, 0, 0, 4, 13, 0, 0, 1, 0, 0, 0, 7]].concat();
    let options: &[(u16, Fields<'_>, &[u8])] = &[
        (300, &[(0, 10, 4), (0, 82, 4), (0, 83, 4)], b"\0\0\0\x03ge-0up\0\0"),
        (301, &[(0, 95, 4), (0, 96, 0xffff)], b"\x0d\0\0\x01\x04http"),
        (302, &[(0, 234, 4), (0, 236, 0xffff)], b"\0\0\0\x07\x03red"),
    ];
    for (id, fields, record) in options {
        bench.feed(1, &ipfix(1, &[(3, &options_template(*id, 1, fields)), (*id, record)]));
    }
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &flow)]));
    let batch = bench.batches.last()[0];
    let interfaces = Interfaces::default();
    let row = Row { batch, row: 0, interfaces: &interfaces };
    let read = |name| find(name).unwrap().value(row);
    assert_eq!(read("inputname"), Value::Text("ge-0"));
    assert_eq!(read("inputalias"), Value::Text("up"));
    assert_eq!(read("outputname"), Value::Absent);
    assert_eq!((read("input"), read("output")), (Value::Integer(3), Value::Integer(4)));
    assert_eq!(read("application"), Value::Text("http"));
    assert_eq!(read("inputvrf"), Value::Text("red"));
}

#[test]
fn a_restart_loses_nothing() {
    let mut bench = Bench::default();
    let rates = options_template(300, 1, &[(0, 10, 4), (0, 34, 4), (0, 82, 4)]);
    let rate = b"\0\0\0\x03\0\0\0\x64eth0";
    bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW)), (3, &rates), (300, rate)]));
    bench.feed(1, &ipfix(1, &[(256, RECORD)]));
    let saved = bench.decoder.snapshot();
    let text = serde_json::to_string(&saved).unwrap();
    let mut again = Bench::default();
    assert_eq!(again.decoder.restore(serde_json::from_str(&text).unwrap(), NOW), 1);
    assert_eq!(again.decoder.snapshot(), saved);
    again.feed(1, &ipfix(1, &[(256, RECORD)]));
    assert_eq!(again.ports(), [(80, 1024)]);
}

#[test]
fn losses_are_counted_in_flows_and_packets() {
    let mut bench = Bench::default();
    let number = |mut octets: Vec<u8>, place: usize, number: u32| {
        octets[place..place + 4].copy_from_slice(&number.to_be_bytes());
        octets
    };
    let data = ipfix(1, &[(2, &template(256, FLOW)), (256, &[RECORD, RECORD].concat())]);
    bench.feed(1, &number(data.clone(), 8, 100));
    bench.feed(1, &number(data, 8, 105));
    let packet = netflow9(0, &[(0, &template(256, FLOW)), (256, RECORD)]);
    bench.feed(1, &number(packet.clone(), 12, 1));
    bench.feed(1, &number(packet, 12, 5));
    let lost = |version: u8| -> u64 {
        let devices = bench.decoder.directory().devices();
        let sessions = devices.flat_map(|device| device.streams.iter());
        let of_version = sessions.filter(|(key, _)| key.version == version);
        of_version.map(|(_, session)| session.sequence.lost).sum()
    };
    assert_eq!((lost(10), lost(9)), (3, 3));
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Both call their version 5, and may share a port and the domain 0.
#[test]
fn sflow_and_netflow_5_number_their_datagrams_apart() {
    let mut bench = Bench::default();
    let fixed = |sequence: u32| {
        let mut octets = vec![0, 5, 0, 1];
        octets.resize(24 + 48, 0);
        octets[16..20].copy_from_slice(&sequence.to_be_bytes());
        octets
    };
    for number in 1..4_u32 {
        bench.feed(1, &fixed(1000 + number));
        let mut sampled = sflow(&[]);
        sampled[16..20].copy_from_slice(&number.to_be_bytes());
        bench.feed(1, &sampled);
    }
    let devices = bench.decoder.directory().devices();
    let sessions: Vec<_> = devices.flat_map(|device| device.streams.iter()).collect();
    assert_eq!(sessions.len(), 2);
    for (key, session) in sessions {
        let sequence = &session.sequence;
        assert_eq!((sequence.lost, sequence.restarts), (0, 0), "version {}", key.version);
    }
}

/// An sFlow datagram of these samples: format and body.
fn sflow(samples: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut octets = words(&[5, 1, 0xc000_0201, 0, 1, 0, samples.len() as u32]);
    for (format, body) in samples {
        octets.extend(words(&[*format, body.len() as u32]));
        octets.extend(body);
    }
    octets
}

/// A raw header record: an Ethernet frame with an IPv4 packet of `protocol`, then `payload`.
fn raw_header(addresses: [u32; 2], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let frame = frame(addresses, protocol, payload);
    let padded = frame.len().next_multiple_of(4);
    let length = frame.len() as u32;
    let mut record = words(&[1, 16 + padded as u32, 1, length + 4, 4, length]);
    record.extend(&frame);
    record.resize(24 + padded, 0);
    record
}

fn frame(addresses: [u32; 2], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend((20 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    frame.extend(words(&addresses));
    frame.extend(payload);
    frame
}

const UDP: &[u8] = &[0x30, 0x39, 0, 53, 0, 8, 0, 0];

#[test]
fn an_sflow_sample_is_a_flow_of_one_packet() {
    let mut bench = Bench::default();
    let mut sample = words(&[1, 3, 400, 0, 0, 3, 4, 4]);
    sample.extend(raw_header([1, 2], 17, UDP));
    sample.extend(words(&[1001, 16, 10, 0, 20, 0]));
    sample.extend(words(&[1002, 16, 1, 0x0a00_0009, 24, 24]));
    // Gateway: next hop, own, source and peer AS, one segment of two, two communities, local preference.
    let gateway = [1, 0x0a00_0008, 100, 200, 300, 1, 2, 2, 400, 500, 2, 7, 8, 50];
    sample.extend(words(&[1003, gateway.len() as u32 * 4]));
    sample.extend(words(&gateway));
    let mut dropped = words(&[1, 0, 3, 0, 3, 0, 1, 1]);
    dropped.extend(raw_header([3, 4], 17, UDP));
    bench.feed(6343, &sflow(&[(1, sample), (5, dropped)]));
    let batch = bench.batches.last()[2];
    assert_eq!(batch.packets, [1, 1]);
    // The frame's length on the wire.
    assert_eq!(batch.octets, [46, 46]);
    assert_eq!(batch.destination_port, [53, 53]);
    assert_eq!(batch.vlan, [10, 0]);
    assert_eq!(batch.interface, [3, 3]);
    assert_eq!(batch.sample_rate, [400, 1]);
    assert_eq!(batch.output_interface, [4, 0]);
    assert_eq!(batch.destination_vlan, [20, 0]);
    assert_eq!(batch.next_hop_v4, [0x0a00_0009, 0]);
    assert_eq!((batch.source_as[0], batch.destination_as[0]), (200, 500));
    assert_eq!((batch.as_path.get(0), batch.communities.get(0)), (&[400, 500][..], &[7, 8][..]));
    assert_eq!((batch.as_path.get(1), batch.communities.get(1)), (&[][..], &[][..]));
    assert_eq!(batch.action, [0, Action::Rejected as u8]);
}

#[test]
fn the_packet_in_a_tunnel_counts_where_that_is_configured() {
    let inner = frame([5, 6], 17, UDP);
    let vxlan = [&[0, 1, 0x12, 0xb5, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 1, 0], &*inner].concat();
    let gre = [&[0, 0, 8, 0], &inner[14..]].concat();
    let tunnels = [(17, vxlan), (47, gre), (4, inner[14..].to_vec())];
    for inner_headers in [false, true] {
        let decoder = Decoder::new(Options { inner_headers, ..Options::default() });
        let mut bench = Bench { decoder, ..Bench::default() };
        for (protocol, payload) in &tunnels {
            let mut sample = words(&[1, 3, 400, 0, 0, 3, 4, 1]);
            sample.extend(raw_header([1, 2], *protocol, payload));
            bench.feed(6343, &sflow(&[(1, sample)]));
        }
        let batch = bench.batches.last()[2];
        let Addresses::V4 { source, .. } = &batch.addresses else { panic!("IPv4") };
        assert_eq!(source, &[if inner_headers { 5 } else { 1 }; 3]);
    }
}

#[test]
fn counters_become_rates() {
    let mut bench = Bench::default();
    let counters = |octets: u32| {
        let mut sample = words(&[1, 7, 1, 1, 88, 7, 6, 0, 1_000_000_000, 1, 3, 0, octets]);
        sample.extend(words(&[0; 15]));
        sflow(&[(2, sample)])
    };
    let from: SocketAddr = "192.0.2.1:6343".parse().unwrap();
    bench.decoder.datagram(from, NOW, &counters(0), &mut bench.batches);
    bench.decoder.datagram(from, NOW + 10_000, &counters(1_000_000), &mut bench.batches);
    let device = bench.decoder.directory().device(from.ip()).unwrap();
    let interface = device.interfaces[&7];
    assert_eq!(interface.latest.speed, 1_000_000_000);
    assert_eq!(interface.input_bits_per_second, 800_000.0);
    assert_eq!(bench.decoder.ledger().counters, 2 * 88);
}
